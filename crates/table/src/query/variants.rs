//! The terms that are equal to a term in Erlang's `==`, where 1 and 1.0 are equal but two keys of a `set`.

use std::collections::BTreeMap;

use mnemon_term::{MAX_DEPTH, Term, TermRef};

/// Most variants that are listed of one term.
const MAX_VARIANTS: usize = 16;

/// All terms that are equal (`==`) to this one, itself among them. `None` when they are more than are worth listing, or
/// the term is deeper than any that is stored.
pub(crate) fn variants(term: &Term) -> Option<Vec<Term>> {
    within(term, 0)
}

fn within(term: &Term, depth: usize) -> Option<Vec<Term>> {
    if depth > MAX_DEPTH {
        return None;
    }
    Some(match term {
        Term::Int(_) | Term::Float(_) => [Some(term.clone()), twin(term)].into_iter().flatten().collect(),
        Term::Atom(_) | Term::Binary(_) => vec![term.clone()],
        Term::Tuple(elements) => products(elements, depth)?.into_iter().map(Term::Tuple).collect(),
        Term::List(elements) => products(elements, depth)?.into_iter().map(Term::List).collect(),
        Term::Map(pairs) => {
            // Keys of maps always compare exactly.
            let with_keys =
                |values: Vec<Term>| -> BTreeMap<Term, Term> { pairs.keys().cloned().zip(values).collect() };
            products(pairs.values(), depth)?.into_iter().map(with_keys).map(Term::Map).collect()
        }
    })
}

/// The same number as the other kind of term, where there is one.
fn twin(term: &Term) -> Option<Term> {
    let twin = match term.view() {
        #[allow(clippy::cast_precision_loss, reason = "a rounded value is sorted out below")]
        TermRef::Int(value) => Term::float(value as f64).ok()?,
        #[allow(clippy::cast_possible_truncation, reason = "a truncated value is sorted out below")]
        TermRef::Float(value) => Term::Int(value as i64),
        _ => return None,
    };
    Term::compare(term, &twin).is_eq().then_some(twin)
}

/// All sequences of variants of the elements.
fn products<'t>(elements: impl IntoIterator<Item = &'t Term>, depth: usize) -> Option<Vec<Vec<Term>>> {
    let mut sequences = vec![Vec::new()];
    for element in elements {
        let choices = within(element, depth + 1)?;
        let (first, others) = choices.split_first()?;
        if sequences.len() * choices.len() > MAX_VARIANTS {
            return None;
        }
        let extended = |sequence: &[Term], choice: &Term| {
            let mut sequence = sequence.to_vec();
            sequence.push(choice.clone());
            sequence
        };
        let more: Vec<Vec<Term>> = others
            .iter()
            .flat_map(|choice| sequences.iter().map(move |sequence| extended(sequence, choice)))
            .collect();
        for sequence in &mut sequences {
            sequence.push(first.clone());
        }
        sequences.extend(more);
    }
    Some(sequences)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn float(value: f64) -> Term {
        Term::float(value).unwrap()
    }

    #[test]
    fn a_number_that_fits_both_kinds_has_two_variants() {
        assert_eq!(variants(&Term::from(1)), Some(vec![Term::from(1), float(1.0)]));
        assert_eq!(variants(&float(-2.0)), Some(vec![float(-2.0), Term::from(-2)]));
        let exact = (1_i64 << 53) + 1;
        for alone in [Term::from(exact), Term::from(i64::MAX), float(0.5), float(1e300), float(2f64.powi(63))]
        {
            assert_eq!(variants(&alone), Some(vec![alone]));
        }
        assert_eq!(variants(&Term::from(i64::MIN)).map(|all| all.len()), Some(2));
    }

    #[test]
    fn numbers_inside_vary_independently_but_map_keys_do_not() {
        let pair = Term::tuple([Term::from(1), Term::list([float(2.0)])]);
        let all = variants(&pair).unwrap();
        assert_eq!(all.len(), 4);
        assert!(all.iter().all(|variant| Term::compare(variant, &pair).is_eq()));
        let map = Term::map([(Term::from(1), Term::from(1))]);
        assert_eq!(variants(&map).map(|all| all.len()), Some(2));
    }

    #[test]
    fn too_many_variants_are_not_listed() {
        let ones = |count| Term::list(vec![Term::from(1); count]);
        assert_eq!(variants(&ones(4)).map(|all| all.len()), Some(16));
        assert_eq!(variants(&ones(5)), None);
        assert_eq!(variants(&Term::list(vec![Term::from("a"); 10_000])).map(|all| all.len()), Some(1));
        let mut deep = Term::nil();
        for _ in 0..=MAX_DEPTH {
            deep = Term::list([deep]);
        }
        assert_eq!(variants(&deep), None);
    }
}
