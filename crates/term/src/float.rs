//! A float that is always finite and has one zero, so that equality, order and hash agree.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use crate::error::{Error, Result};

/// A finite `f64`. Negative zero is stored as zero: the two are equal terms, so they have equal bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Float(f64);

impl Float {
    /// A float term's value.
    ///
    /// # Errors
    /// [`Error::NotFinite`] for NaN and the infinities.
    pub fn new(value: f64) -> Result<Self> {
        if !value.is_finite() {
            return Err(Error::NotFinite);
        }
        // -0.0 + 0.0 is 0.0; every other value stays.
        Ok(Self(value + 0.0))
    }

    /// The value.
    pub const fn get(self) -> f64 {
        self.0
    }
}

// Sound because NaN is refused.
impl Eq for Float {}

impl Hash for Float {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

impl Ord for Float {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Float {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl TryFrom<f64> for Float {
    type Error = Error;

    fn try_from(value: f64) -> Result<Self> {
        Self::new(value)
    }
}

impl From<Float> for f64 {
    fn from(value: Float) -> Self {
        value.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_and_infinities_are_refused() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(Float::new(value), Err(Error::NotFinite));
        }
    }

    #[test]
    fn there_is_one_zero() {
        let zero = Float::new(-0.0).unwrap();
        assert_eq!(zero, Float::new(0.0).unwrap());
        assert_eq!(zero.get().to_bits(), 0);
    }
}
