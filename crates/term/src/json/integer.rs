//! Finds a number's text in the JSON it came from.
//!
//! The tokenizer reports integers beyond 64 bits, and `-0`, as floats. Whether the text was an integer decides
//! between a float, an error and zero, so for such values the text is looked up. Numbers are visited in the
//! order of the text; the n-th number visited is the n-th number token.

/// Walks the number tokens of JSON that the tokenizer has already accepted up to where it is asked.
#[derive(Debug)]
pub(crate) struct Numbers<'i> {
    rest: &'i [u8],
    passed: usize,
}

impl<'i> Numbers<'i> {
    pub(crate) fn new(input: &'i [u8]) -> Self {
        Self { rest: input, passed: 0 }
    }

    /// The text of the number token at `index` (from 0), which must grow from call to call, so that all calls
    /// together pass over the input once.
    pub(crate) fn text(&mut self, index: usize) -> Option<&'i [u8]> {
        loop {
            let token = self.next()?;
            if self.passed > index {
                return Some(token);
            }
        }
    }

    fn next(&mut self) -> Option<&'i [u8]> {
        loop {
            let (&first, after) = self.rest.split_first()?;
            match first {
                b'"' => self.rest = after_string(after),
                b'-' | b'0'..=b'9' => {
                    let len = self.rest.iter().position(|&byte| !is_part(byte)).unwrap_or(self.rest.len());
                    let (token, rest) = self.rest.split_at(len);
                    self.rest = rest;
                    self.passed += 1;
                    return Some(token);
                }
                _ => self.rest = after,
            }
        }
    }
}

fn is_part(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')
}

/// What follows the string whose opening quote was just passed.
fn after_string(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    loop {
        match rest {
            [b'\\', _, after @ ..] => rest = after,
            [b'"', after @ ..] => return after,
            [_, after @ ..] => rest = after,
            [] => return rest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_inside_strings_do_not_count() {
        let mut numbers = Numbers::new(br#"{"1": [2, "3\"4\\", -5.0e1], "a" : 6 }"#);
        assert_eq!(numbers.text(0), Some(&b"2"[..]));
        assert_eq!(numbers.text(2), Some(&b"6"[..]));
        assert_eq!(numbers.text(3), None);
        assert_eq!(Numbers::new(b"[1,-5.0e1]").text(1), Some(&b"-5.0e1"[..]));
    }
}
