//! Values of parameters as text, in the forms and with the refusals of Redis.

use std::ops::RangeInclusive;

use crate::bounds::{Bounds, ClientMemoryLimit, OutputLimit};

/// An integer within bounds.
///
/// # Errors
/// What is wrong, in Redis's words.
pub(super) fn number(text: &str, range: RangeInclusive<i64>) -> Result<i64, String> {
    let number: i64 = text.parse().map_err(|_| "argument couldn't be parsed into an integer".to_owned())?;
    if range.contains(&number) {
        return Ok(number);
    }
    Err(format!("argument must be between {} and {} inclusive", range.start(), range.end()))
}

/// The same, as a number from 0.
pub(super) fn natural(text: &str, range: RangeInclusive<i64>) -> Result<u64, String> {
    number(text, range).map(|number| u64::try_from(number).unwrap_or(0))
}

/// Bytes, with one of Redis's units: `k` is 1000, `kb` is 1024, and so on.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1_000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// Bytes of memory within bounds.
///
/// # Errors
/// What is wrong, in Redis's words.
pub(super) fn memory(text: &str, range: RangeInclusive<i64>) -> Result<u64, String> {
    let bytes = bytes(text).and_then(|bytes| i64::try_from(bytes).ok());
    let bytes = bytes.ok_or("argument must be a memory value")?;
    number(&bytes.to_string(), range).map(|bytes| u64::try_from(bytes).unwrap_or(0))
}

/// A size in memory as this machine counts it.
pub(super) fn size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// `client-output-buffer-limit`: groups of class, hard limit, soft limit and seconds.
///
/// # Errors
/// What is wrong, in Redis's words.
pub(super) fn set_output_limits(bounds: &mut Bounds, text: &str) -> Result<(), String> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    if words.is_empty() || !words.len().is_multiple_of(4) {
        return Err("Wrong number of arguments in buffer limit configuration.".to_owned());
    }
    for group in words.chunks_exact(4) {
        let [class, hard, soft, seconds] = group else { continue };
        let limit = bytes(hard).zip(bytes(soft)).zip(seconds.parse::<u64>().ok());
        let Some(((hard, soft), soft_seconds)) = limit else {
            return Err(
                "Error in hard, soft or soft_seconds setting in buffer limit configuration.".to_owned()
            );
        };
        let limit = OutputLimit { hard: size(hard), soft: size(soft), soft_seconds };
        match class.to_ascii_lowercase().as_str() {
            "normal" => bounds.output_normal = limit,
            "pubsub" => bounds.output_pubsub = limit,
            // There are no replicas whose output could be limited.
            "slave" | "replica" => {}
            _ => return Err("Invalid client class specified in buffer limit configuration.".to_owned()),
        }
    }
    Ok(())
}

/// The same as `CONFIG GET` shows it.
pub(super) fn output_limits(bounds: &Bounds) -> String {
    let show = |limit: OutputLimit| format!("{} {} {}", limit.hard, limit.soft, limit.soft_seconds);
    format!("normal {} slave 0 0 0 pubsub {}", show(bounds.output_normal), show(bounds.output_pubsub))
}

/// `maxmemory-clients`: bytes, or a share of `maxmemory`.
///
/// # Errors
/// What is wrong, in Redis's words.
pub(super) fn set_client_memory(bounds: &mut Bounds, text: &str) -> Result<(), String> {
    bounds.max_client_memory = match text.strip_suffix('%').map(str::parse::<u8>) {
        Some(Ok(percent @ 0..=100)) => ClientMemoryLimit::PercentOfMaxMemory(percent),
        Some(_) => return Err("argument must be a memory or percent value".to_owned()),
        None => {
            let bytes = memory(text, 0..=i64::MAX);
            ClientMemoryLimit::Bytes(
                bytes.map_err(|_| "argument must be a memory or percent value".to_owned())?,
            )
        }
    };
    Ok(())
}

/// The same as `CONFIG GET` shows it.
pub(super) fn client_memory(bounds: &Bounds) -> String {
    match bounds.max_client_memory {
        ClientMemoryLimit::Bytes(bytes) => bytes.to_string(),
        ClientMemoryLimit::PercentOfMaxMemory(percent) => format!("{percent}%"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_those_of_redis() {
        for (text, expected) in [
            ("0", Some(0)),
            ("12", Some(12)),
            ("1k", Some(1_000)),
            ("1Kb", Some(1_024)),
            ("2mb", Some(2 << 20)),
            ("3GB", Some(3 << 30)),
            ("1x", None),
            ("", None),
            ("-1", None),
            ("mb", None),
            ("99999999999999999999", None),
            ("9999999999999999gb", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }

    #[test]
    fn client_memory_is_bytes_or_a_share_of_maxmemory() {
        let mut bounds = Bounds { max_memory: 1_000, ..Bounds::default() };
        for (text, shown, bytes) in
            [("0", "0", None), ("1kb", "1024", Some(1_024)), ("5%", "5%", Some(50)), ("0%", "0%", None)]
        {
            set_client_memory(&mut bounds, text).unwrap();
            assert_eq!((client_memory(&bounds).as_str(), bounds.client_bytes()), (shown, bytes), "{text}");
        }
        for wrong in ["", "%", "101%", "-1", "-1%", "much"] {
            assert!(set_client_memory(&mut bounds, wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn limits_are_written_as_they_are_read() {
        let mut bounds = Bounds::default();
        let text = "normal 1 2 3 slave 0 0 0 pubsub 1048576 5 6";
        set_output_limits(&mut bounds, text).unwrap();
        assert_eq!(output_limits(&bounds), text);
        for wrong in ["", "normal", "normal 1 2", "normal 1 2 x", "nobody 1 2 3"] {
            assert!(set_output_limits(&mut bounds, wrong).is_err(), "{wrong}");
        }
    }
}
