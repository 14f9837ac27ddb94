//! What lies in a mailbox.

use std::any::Any;
use std::fmt;

use crate::pid::{Pid, Ref};
use crate::reason::ExitReason;

/// A message of any type. The receiver asks for the type it expects.
///
/// ```
/// use mnemon_otp::Payload;
///
/// let payload = Payload::new(7_u32);
/// let payload = payload.downcast::<String>().expect_err("it is no text");
/// assert_eq!(payload.downcast::<u32>().expect("it is a number"), 7);
/// ```
pub struct Payload(Box<dyn Content>);

/// Any value that can be sent, with the name of its type for those who look inside.
trait Content: Any + Send {
    fn type_name(&self) -> &'static str;
}

impl<T: Any + Send> Content for T {
    fn type_name(&self) -> &'static str {
        std::any::type_name::<T>()
    }
}

impl Payload {
    /// Wraps `value`; one allocation.
    #[must_use]
    pub fn new<T: Any + Send>(value: T) -> Self {
        Self(Box::new(value))
    }

    /// Whether it is a `T`.
    #[must_use]
    pub fn is<T: Any>(&self) -> bool {
        let content: &dyn Any = &*self.0;
        content.is::<T>()
    }

    /// A look at it as a `T`.
    #[must_use]
    pub fn get<T: Any>(&self) -> Option<&T> {
        let content: &dyn Any = &*self.0;
        content.downcast_ref()
    }

    /// Takes the `T` out.
    ///
    /// # Errors
    /// The payload itself, where it is something else.
    pub fn downcast<T: Any>(self) -> Result<T, Self> {
        if !self.is::<T>() {
            return Err(self);
        }
        let content: Box<dyn Any> = self.0;
        Ok(*content.downcast().expect("its type was compared above"))
    }

    /// The name of its type.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        (*self.0).type_name()
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({})", self.type_name())
    }
}

/// What a process receives. Only [`User`](Self::User) counts against the bound of a mailbox.
#[derive(Debug)]
#[non_exhaustive]
pub enum Message {
    /// What someone sent.
    User(Payload),
    /// A timer of [`send_after`](crate::System::send_after) that ran out.
    Timer {
        /// The timer.
        reference: Ref,
        /// What it was to deliver.
        payload: Payload,
    },
    /// An exit signal, for those who trap them.
    Exit {
        /// Who ended, or who asked.
        from: Pid,
        /// Why.
        reason: ExitReason,
    },
    /// A monitored process ended, or was not there.
    Down {
        /// The monitor; it is gone now.
        reference: Ref,
        /// The process.
        pid: Pid,
        /// Why; [`ExitReason::NoProcess`] where it had ended before.
        reason: ExitReason,
    },
}

/// A message, or a request that behaviours answer by themselves.
pub(crate) enum Envelope {
    Message(Message),
    System(Box<dyn Any + Send>),
}

impl Envelope {
    /// Whether it counts against the bound.
    pub(crate) fn is_counted(&self) -> bool {
        matches!(self, Self::Message(Message::User(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_a_mailbox_takes_four_words() {
        assert!(size_of::<Envelope>() <= 32, "{}", size_of::<Envelope>());
    }

    #[test]
    fn a_payload_shows_the_type_it_carries() {
        assert_eq!(format!("{:?}", Payload::new(1_u8)), "Payload(u8)");
        assert_eq!(Payload::new(5_i32).get::<i32>(), Some(&5));
    }
}
