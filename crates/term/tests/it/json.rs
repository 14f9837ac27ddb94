//! JSON: every term reads back exactly, and no input breaks the reader.

use mnemon_term::{Record, Term, json};
use proptest::prelude::*;

use crate::generate::{attributes, term};

proptest! {
    #[test]
    fn a_term_reads_back_exactly(term in term()) {
        let mut text = Vec::new();
        json::write(&term, &mut text);
        prop_assert_eq!(json::parse(&text).unwrap(), term.clone());
        prop_assert_eq!(json::parse_key(&text).unwrap(), term.clone());
        let record = Record::new([&term]).unwrap();
        let mut encoded = Vec::new();
        json::write(record.as_ref().get(0).unwrap(), &mut encoded);
        prop_assert_eq!(encoded, text);
    }

    #[test]
    fn what_is_written_is_json(term in term()) {
        prop_assert!(serde_json::from_str::<serde_json::Value>(&term.to_string()).is_ok());
    }

    #[test]
    fn a_record_reads_back_by_name_and_by_position(terms in attributes()) {
        let names: Vec<String> = (0..terms.len()).map(|at| format!("\"{at}")).collect();
        let record = Record::new(&terms).unwrap();
        let mut text = Vec::new();
        json::write_record(record.as_ref(), &names, &mut text).unwrap();
        prop_assert_eq!(json::record_from_json(&text, &names).unwrap(), record.clone());
        let mut array = Vec::new();
        json::write(&Term::List(terms), &mut array);
        prop_assert_eq!(json::record_from_json(&array, &names).unwrap(), record);
    }

    #[test]
    fn numbers_are_told_apart_in_any_company(
        before in prop::collection::vec(prop_oneof!["[0-9\"\\\\]{0,3}".prop_map(Term::from), any::<i64>().prop_map(Term::from)], 0..6),
        exponent in 19..300_u32,
        digits in "[1-9][0-9]{19,40}",
    ) {
        let text = |number: &str| format!("[{},{number}]", Term::list(before.clone()));
        prop_assert!(json::parse(text(&digits).as_bytes()).is_err());
        let negative = text(&format!("-{digits}"));
        prop_assert!(json::parse(negative.as_bytes()).is_err());
        let float = json::parse(text(&format!("1e{exponent}")).as_bytes()).unwrap();
        let expected = Term::float(format!("1e{exponent}").parse().unwrap()).unwrap();
        prop_assert_eq!(float, Term::list([Term::list(before.clone()), expected]));
        let zero = json::parse(text("-0").as_bytes()).unwrap();
        prop_assert_eq!(zero, Term::list([Term::list(before), Term::from(0)]));
    }

    #[test]
    fn what_reads_can_be_stored_and_reads_again(text in "[\\[\\]{}:,\"$a-e0-9.e\\- ]{0,24}") {
        if let Ok(term) = json::parse(text.as_bytes()) {
            let record = Record::new([&term]).unwrap();
            prop_assert_eq!(json::parse(term.to_string().as_bytes()).unwrap(), term.clone());
            prop_assert_eq!(&record.as_ref().to_terms().unwrap()[0], &term);
        }
    }

    #[test]
    fn bytes_that_are_no_json_are_a_key(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
        if let Ok(key) = json::parse_key(&bytes) {
            prop_assert_eq!(json::parse(&bytes).unwrap_or(Term::from(bytes)), key);
        } else {
            let form = serde_json::from_slice::<serde::de::IgnoredAny>(&bytes);
            prop_assert!(form.is_ok() && json::parse(&bytes).is_err());
        }
    }
}
