//! Bounds of range scans over composite keys.

/// The least key that is greater than every key beginning with `prefix`: the upper, excluded bound of a scan over
/// that prefix. `None` when there is no such key (the prefix is empty or all `FF`; no encoded term is): scan to
/// the end.
///
/// ```
/// use mnemon_term::{Keying, key};
///
/// let mut prefix = Vec::new();
/// key::encode("blue", Keying::Numeric, &mut prefix);
/// let end = key::successor_of_prefix(&prefix).expect("a term's key is never all FF");
///
/// let mut entry = prefix.clone();
/// key::encode(42, Keying::Exact, &mut entry);
/// assert!(prefix < entry && entry < end);
/// ```
pub fn successor_of_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut bound = prefix.to_vec();
    increment(&mut bound).then_some(bound)
}

/// [`successor_of_prefix`] in place; `false`, and an empty `prefix`, when there is no such key.
pub fn increment(prefix: &mut Vec<u8>) -> bool {
    while let Some(last) = prefix.last_mut() {
        if let Some(next) = last.checked_add(1) {
            *last = next;
            return true;
        }
        prefix.pop();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_successor_is_the_least_key_past_the_prefix() {
        assert_eq!(successor_of_prefix(&[1, 2]), Some(vec![1, 3]));
        assert_eq!(successor_of_prefix(&[1, 0xFF, 0xFF]), Some(vec![2]));
        assert_eq!(successor_of_prefix(&[0xFF]), None);
        assert_eq!(successor_of_prefix(&[]), None);
    }
}
