//! Writing parts and bits of strings, said plainly: bits are a list of booleans, numbers have more digits than needed.

use mnemon_store::Op;
use mnemon_store::bits::{BitAction, BitField, BitStep, Overflow};

use crate::model::Answer;

/// What an operation leaves of a string, if it writes, and what it answers.
pub(crate) fn written(op: &Op<'_>, mut body: Vec<u8>) -> (Option<Vec<u8>>, Answer) {
    match op {
        Op::SetRange { part, .. } if part.is_empty() => (None, Answer::Int(body.len() as i64)),
        Op::SetRange { offset, part, .. } => {
            let first = usize::try_from(*offset).expect("steps choose small ones");
            let end = first + part.len();
            body.resize(body.len().max(end), 0);
            body.splice(first..end, part.iter().copied());
            let len = body.len() as i64;
            (Some(body), Answer::Int(len))
        }
        Op::Bits { steps, .. } => bits(&body, steps),
        other => panic!("no model of {other:?}"),
    }
}

fn bits(body: &[u8], steps: &[BitStep]) -> (Option<Vec<u8>>, Answer) {
    let mut all: Vec<bool> =
        body.iter().flat_map(|byte| (0..8).map(move |at| byte >> (7 - at) & 1 == 1)).collect();
    let writes = |step: &&BitStep| step.action != BitAction::Get;
    let ends = steps.iter().filter(writes).map(|step| range(&step.field).end.div_ceil(8) * 8);
    let mut wrote = false;
    if let Some(end) = ends.max()
        && end > all.len()
    {
        all.resize(end, false);
        wrote = true;
    }
    let mut answers = Vec::new();
    for step in steps {
        let old = number(&all, &step.field);
        let wanted = match step.action {
            BitAction::Get => {
                answers.push(Some(old as i64));
                continue;
            }
            BitAction::Set(value) if !step.field.signed && value < 0 => i128::from(value) + (1 << 64),
            BitAction::Set(value) => i128::from(value),
            BitAction::Add(by) => old + i128::from(by),
        };
        let new = fitted(step, wanted);
        if let Some(new) = new {
            range(&step.field).rev().enumerate().for_each(|(power, at)| all[at] = new >> power & 1 == 1);
            wrote = true;
        }
        let is_set = matches!(step.action, BitAction::Set(_));
        answers.push(new.map(|new| if is_set { old as i64 } else { new as i64 }));
    }
    let bytes = all.chunks(8).map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit)));
    (wrote.then(|| bytes.collect()), Answer::Integers(answers))
}

fn range(field: &BitField) -> std::ops::Range<usize> {
    let first = usize::try_from(field.offset).expect("steps choose small ones");
    first..first + usize::from(field.bits)
}

fn number(all: &[bool], field: &BitField) -> i128 {
    let bits = range(field).map(|at| all.get(at).copied().unwrap_or(false));
    let number = bits.fold(0, |number, bit| number * 2 + i128::from(bit));
    let half = 1 << (field.bits - 1);
    if field.signed && number >= half { number - 2 * half } else { number }
}

fn fitted(step: &BitStep, wanted: i128) -> Option<i128> {
    let size: i128 = 1 << step.field.bits;
    let least = if step.field.signed { -(size / 2) } else { 0 };
    let greatest = least + size - 1;
    let fits = (least..=greatest).contains(&wanted);
    let is_set = matches!(step.action, BitAction::Set(_));
    match step.overflow {
        _ if fits => Some(wanted),
        Overflow::Wrap => Some((wanted - least).rem_euclid(size) + least),
        // As Redis does, which subtracts in 64 bits: what lies further below than that is taken for too great.
        Overflow::Saturate if is_set && greatest - wanted > i128::from(i64::MAX) => Some(greatest),
        Overflow::Saturate => Some(if wanted < least { least } else { greatest }),
        Overflow::Fail => None,
    }
}
