//! The few figures drawn from repeated runs.

/// The median; the mean of the two in the middle for an even count, `None` without values or with one that is no number.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    if values.iter().any(|value| value.is_nan()) {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *sorted.get(sorted.len() / 2 - 1)?;
    Some(f64::midpoint(lower, upper))
}

/// `ours / theirs` pair by pair: what was measured one after the other met the same mood of the machine. A pair without a
/// meaningful quotient is left out.
pub(crate) fn ratios(ours: &[f64], theirs: &[f64]) -> Vec<f64> {
    ours.iter().zip(theirs).map(|(a, b)| a / b).filter(|ratio| ratio.is_finite()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_needs_no_order_and_survives_every_count() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 5.0]), Some(5.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 9.0]), Some(3.0));
        assert_eq!(median(&[1.0, f64::NAN]), None);
    }

    #[test]
    fn a_pair_without_a_quotient_is_left_out() {
        assert_eq!(ratios(&[2.0, 1.0, 6.0], &[1.0, 0.0, 3.0]), [2.0, 2.0]);
    }
}
