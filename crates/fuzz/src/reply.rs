//! What must hold for whatever a server answers.

use mnemon_resp::protocol::{DecodeLimits, Decoder, ProtocolError, Reply, Version, decode, writer};

use crate::arrival::{Arrival, Cuts};

/// Limits that short inputs reach.
const NARROW: DecodeLimits =
    DecodeLimits { max_depth: 2, max_bulk_len: 16, max_line_len: 12, max_elements: 4 };

/// The least a value takes: its type and a line break.
const LEAST_LEN: usize = 3;

/// The reply decoder, under wide and narrow limits.
///
/// Holds that the replies, the error and what is left over are the same however the bytes arrive; that a reply has no
/// more values and levels than were sent and are allowed; that a reply that is written reads back, and is written the
/// same again.
///
/// # Panics
/// When any of this does not hold.
pub fn resp_reply(bytes: &[u8]) {
    for limits in [DecodeLimits::default(), NARROW] {
        let at_once = listen(bytes, limits, Arrival::AtOnce.cuts(bytes));
        for arrival in Arrival::ALL {
            assert_eq!(at_once, listen(bytes, limits, arrival.cuts(bytes)), "at once, and {arrival:?}");
        }
        let first = decode(bytes, &limits);
        let expected = at_once.replies.first().map(|(text, len)| (text.clone(), *len));
        match first {
            Ok(first) => assert_eq!(first.map(|(reply, len)| (written(&reply), len)), expected),
            Err(error) => assert_eq!((expected, Some(error)), (None, at_once.error)),
        }
    }
}

/// All that a decoder makes of a stream.
#[derive(Debug, PartialEq)]
struct Heard {
    /// Each reply as it is written (so that NaN is equal to itself), and its length in the stream.
    replies: Vec<(Vec<u8>, usize)>,
    error: Option<ProtocolError>,
    /// Bytes that no reply has taken; unknown after an error.
    left: Option<usize>,
}

fn listen(stream: &[u8], limits: DecodeLimits, mut cuts: Cuts) -> Heard {
    let mut decoder = Decoder::new(limits);
    let mut heard = Heard { replies: Vec::new(), error: None, left: None };
    let (mut begin, mut end) = (0, 0);
    loop {
        let unread = &stream[begin..end];
        match decoder.advance(unread) {
            Ok(Some((reply, len))) => {
                assert!((LEAST_LEN..=unread.len()).contains(&len), "{len} of {} taken", unread.len());
                check(&reply, len, &limits);
                heard.replies.push((written(&reply), len));
                begin += len;
            }
            Ok(None) if end == stream.len() => {
                heard.left = Some(end - begin);
                return heard;
            }
            Ok(None) => end = end.saturating_add(cuts.next(LEAST_LEN)).min(stream.len()),
            Err(error) => {
                assert!(!error.to_string().contains(['\r', '\n']), "{error:?} is more than a line");
                heard.error = Some(error);
                return heard;
            }
        }
    }
}

/// A reply is no larger than what was sent and what is allowed, and reads back.
fn check(reply: &Reply, len: usize, limits: &DecodeLimits) {
    let (values, levels) = size(reply);
    assert!(values * LEAST_LEN <= len, "{values} values in {len} bytes");
    assert!(levels <= limits.max_depth, "{levels} levels");
    for version in [Version::Resp2, Version::Resp3] {
        let mut text = Vec::new();
        writer::write(reply, version, &mut text);
        let again = decode(&text, &DecodeLimits::default());
        let Ok(Some((again, all))) = again else { panic!("{} is read as {again:?}", text.escape_ascii()) };
        assert_eq!(all, text.len(), "{} is one reply", text.escape_ascii());
        let mut twice = Vec::new();
        writer::write(&again, version, &mut twice);
        assert_eq!(text.escape_ascii().to_string(), twice.escape_ascii().to_string());
    }
}

/// How many values there are, and how many levels of aggregates.
fn size(reply: &Reply) -> (usize, usize) {
    let around = |inner: &mut dyn Iterator<Item = &Reply>| {
        let (values, levels) =
            inner.map(size).fold((0, 0), |(values, levels), (more, deep)| (values + more, levels.max(deep)));
        (values + 1, levels + 1)
    };
    match reply {
        Reply::Array(items) | Reply::Set(items) | Reply::Push(items) => around(&mut items.iter()),
        Reply::Map(pairs) | Reply::Pairs(pairs) => {
            around(&mut pairs.iter().flat_map(|(key, value)| [key, value]))
        }
        _ => (1, 0),
    }
}

fn written(reply: &Reply) -> Vec<u8> {
    let mut text = Vec::new();
    writer::write(reply, Version::Resp3, &mut text);
    text
}
