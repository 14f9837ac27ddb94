//! The peers: other people's stores that Mnemon is measured beside. What is special about each is known here and nowhere
//! else. Nothing is installed; an absent peer is a result.

pub(crate) mod erlang;
pub(crate) mod redis;

/// A peer that can be measured, or why it cannot.
#[derive(Clone, Debug)]
pub(crate) enum Presence<T> {
    /// It is here.
    Present(T),
    /// It is not; what is missing.
    Absent(String),
}

impl<T> Presence<T> {
    /// The peer, if it is here.
    pub(crate) fn present(&self) -> Option<&T> {
        match self {
            Self::Present(peer) => Some(peer),
            Self::Absent(_) => None,
        }
    }
}
