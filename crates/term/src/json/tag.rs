//! Tagged objects: what a one-key object whose key begins with `$` stands for.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::atom::Atom;
use crate::error::{Error, Result};
use crate::json::read::Tall;
use crate::json::{TAG_ATOM, TAG_BINARY, TAG_MAP, TAG_TUPLE};
use crate::term::Term;

/// The term of a tag and its value.
pub(crate) fn untag(tag: &str, value: Tall) -> Result<Tall> {
    let refuse = |reason| Error::JsonTag { tag: tag.to_owned(), reason };
    let height = value.height;
    Ok(match (tag, value.term) {
        (TAG_ATOM, Term::Binary(name)) => {
            let name = String::from_utf8(name).map_err(|_| refuse("an atom's name is UTF-8"))?;
            Tall::flat(Term::Atom(Atom::new(name)?))
        }
        (TAG_ATOM, _) => return Err(refuse("its value must be a string")),
        (TAG_TUPLE, Term::List(elements)) => Tall { term: Term::Tuple(elements), height },
        (TAG_TUPLE, _) => return Err(refuse("its value must be an array")),
        (TAG_BINARY, Term::Binary(text)) => {
            let bytes = STANDARD.decode(text).map_err(|_| refuse("its value must be padded base64"))?;
            Tall::flat(Term::Binary(bytes))
        }
        (TAG_BINARY, _) => return Err(refuse("its value must be a string")),
        (TAG_MAP, Term::List(pairs)) => {
            let pairs = pairs.into_iter().map(pair).collect::<Option<BTreeMap<_, _>>>();
            let term = Term::Map(pairs.ok_or_else(|| refuse("each element must be an array [key, value]"))?);
            // The list of pairs and each pair are two levels of JSON, the map is one.
            Tall { term, height: height.saturating_sub(1).max(1) }
        }
        (TAG_MAP, _) => return Err(refuse("its value must be an array")),
        _ => return Err(refuse("the tag is unknown")),
    })
}

fn pair(term: Term) -> Option<(Term, Term)> {
    match term {
        Term::List(pair) => <[Term; 2]>::try_from(pair).ok().map(|[key, value]| (key, value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::error::Error;
    use crate::json::parse;

    #[test]
    fn wrong_tags_are_refused_by_name() {
        for text in [
            r#"{"$atom":1}"#,
            r#"{"$tuple":{}}"#,
            r#"{"$binary":"?"}"#,
            r#"{"$map":[[1]]}"#,
            r#"{"$map":[1]}"#,
            r#"{"$pid":1}"#,
            r#"{"$":1}"#,
        ] {
            assert!(matches!(parse(text.as_bytes()), Err(Error::JsonTag { .. })), "{text}");
        }
    }
}
