//! What operations do, said a second time and plainly: maps that are copied, loops that look at everything.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use mnemon_store::{Cause, Collection, ExpireWhen, Expiry, Kind, Op, OpError, Outcome, Row, When};
use mnemon_term::{RecordRef, Term, TermRef};

use crate::number::{add, integer};
use crate::parts;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Bytes(Vec<u8>),
    Hash(BTreeMap<Vec<u8>, Vec<u8>>),
    /// In the order they were added.
    Bag(Vec<Vec<u8>>),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ModelRow {
    pub(crate) version: u64,
    pub(crate) expires_at: Option<u64>,
    pub(crate) value: Value,
}

impl ModelRow {
    pub(crate) fn of(row: &Row) -> Self {
        let value = match row.as_collection().map(|collection| &**collection) {
            None => Value::Bytes(row.body().to_vec()),
            Some(Collection::Bag(bag)) => Value::Bag(bag.iter().map(<[u8]>::to_vec).collect()),
            Some(Collection::Hash(hash)) => {
                let pair = |element: mnemon_store::collection::hash::Element<'_>| {
                    (element.field().to_vec(), element.value().to_vec())
                };
                Value::Hash(hash.iter().map(pair).collect())
            }
            Some(other) => panic!("no model of {other:?}"),
        };
        Self { version: row.version(), expires_at: row.expires_at(), value }
    }

    pub(crate) fn is_live(&self, now_ms: u64) -> bool {
        self.expires_at.is_none_or(|at_ms| at_ms > now_ms)
    }

    /// The values of an attribute, each once; 1 and 1.0 are one.
    fn values(&self, attribute: u16) -> Vec<Term> {
        let bodies: Vec<&[u8]> = match &self.value {
            Value::Bytes(body) => vec![body],
            Value::Bag(objects) => objects.iter().map(Vec::as_slice).collect(),
            Value::Hash(_) => Vec::new(),
        };
        let mut values: Vec<Term> = Vec::new();
        for body in bodies {
            let record = RecordRef::parse(body).expect("tables with an index hold records");
            if let Some(value) = record.get(usize::from(attribute)) {
                let value = value.to_term().expect("records are not deep");
                if !values.iter().any(|other| Term::compare(other, &value).is_eq()) {
                    values.push(value);
                }
            }
        }
        values
    }
}

/// Rows by key, those included that have expired and were not met since.
pub(crate) type Rows = BTreeMap<Vec<u8>, ModelRow>;

pub(crate) fn live(rows: &Rows, now_ms: u64) -> Rows {
    let alive = rows.iter().filter(|(_, row)| row.is_live(now_ms));
    alive.map(|(key, row)| (key.clone(), row.clone())).collect()
}

/// What an index holds: values in order, under each the keys in order.
pub(crate) fn index(rows: &Rows, attribute: u16) -> Vec<(Term, Vec<u8>)> {
    let mut entries: Vec<(Term, Vec<u8>)> = rows
        .iter()
        .flat_map(|(key, row)| row.values(attribute).into_iter().map(|value| (value, key.clone())))
        .collect();
    entries.sort_by(|one, other| Term::compare(&one.0, &other.0).then_with(|| one.1.cmp(&other.1)));
    entries
}

#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    Row(Option<ModelRow>),
    Put(bool, Option<ModelRow>),
    Removed(Option<ModelRow>),
    Changed(bool),
    Int(i64),
    Text(String),
    Integers(Vec<Option<i64>>),
}

impl Answer {
    pub(crate) fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Row(row) => Self::Row(row.as_ref().map(ModelRow::of)),
            Outcome::Put { stored, old } => Self::Put(*stored, old.as_ref().map(ModelRow::of)),
            Outcome::Removed(row) => Self::Removed(row.as_ref().map(ModelRow::of)),
            Outcome::Changed(changed) => Self::Changed(*changed),
            Outcome::Int(number) => Self::Int(*number),
            Outcome::Text(text) => Self::Text(text.clone()),
            Outcome::Integers(numbers) => Self::Integers(numbers.clone()),
            other => panic!("no model of {other:?}"),
        }
    }
}

/// The rows of one table.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) kind: Kind,
    pub(crate) rows: Rows,
}

impl Model {
    /// The row that is there for an operation at this time.
    pub(crate) fn get(&self, key: &[u8], now_ms: u64) -> Option<&ModelRow> {
        self.rows.get(key).filter(|row| row.is_live(now_ms))
    }

    /// Applies an operation of the commit with this version.
    pub(crate) fn apply(&mut self, op: &Op<'_>, version: u64, now_ms: u64) -> Result<Answer, OpError> {
        let Some(key) = op.key() else {
            let count = self.rows.len();
            if !op.is_read() {
                self.rows.clear();
            }
            return Ok(Answer::Int(count as i64));
        };
        let present = self.get(key, now_ms).cloned();
        if present.is_none() && !op.is_read() {
            self.rows.remove(key);
        }
        let kept = match (&present, op) {
            (None, Op::Counter { expires_at, .. }) => *expires_at,
            (present, _) => present.as_ref().and_then(|row| row.expires_at),
        };
        match op {
            Op::Get { .. } => Ok(Answer::Row(present)),
            Op::Put { .. } => self.put(op, key, present, version),
            Op::Delete { version, .. } => {
                let wanted = present.filter(|row| *version == 0 || row.version == *version);
                if wanted.is_some() {
                    self.rows.remove(key);
                }
                Ok(Answer::Removed(wanted))
            }
            Op::DeleteObject { body, .. } => Ok(self.delete_object(body, key, present, version)),
            Op::SetRange { .. } | Op::Bits { .. } => self.write_part(op, key, present, version),
            Op::PutCollection { collection, expiry, .. } => {
                Ok(self.put_collection(key, present, collection, *expiry, version))
            }
            Op::ExpireAt { at_ms, when, .. } => {
                Ok(Answer::Changed(self.expire_at(present, key, *at_ms, *when, version, now_ms)))
            }
            _ => match changed(op, present.map(|row| row.value))? {
                Some((value, answer)) => {
                    self.write(key, version, kept, value);
                    Ok(answer)
                }
                None => {
                    // The last field took the row along, or nothing was to be done.
                    let count = match op {
                        Op::FieldDelete { fields, .. } => self.delete_fields(key, fields, version),
                        _ => 0,
                    };
                    Ok(Answer::Int(count))
                }
            },
        }
    }

    fn write(&mut self, key: &[u8], version: u64, expires_at: Option<u64>, value: Value) {
        self.rows.insert(key.to_vec(), ModelRow { version, expires_at, value });
    }

    fn put(
        &mut self,
        op: &Op<'_>,
        key: &[u8],
        present: Option<ModelRow>,
        version: u64,
    ) -> Result<Answer, OpError> {
        let Op::Put { body, expiry, when, over_bytes_only, .. } = op else { panic!("no put: {op:?}") };
        let is_collection = present.as_ref().is_some_and(|row| !matches!(row.value, Value::Bytes(_)));
        if *over_bytes_only && is_collection {
            return Err(OpError::WrongType);
        }
        if !holds(*when, present.is_some()) {
            return Ok(Answer::Put(false, present));
        }
        let expires_at = match expiry {
            Expiry::Never => None,
            Expiry::Keep => present.as_ref().and_then(|row| row.expires_at),
            Expiry::At(at_ms) => Some(*at_ms),
        };
        if self.kind != Kind::Bag {
            self.write(key, version, expires_at, Value::Bytes(body.to_vec()));
            // What stood there is told to those who ask.
            return Ok(Answer::Put(true, present.filter(|_| *over_bytes_only)));
        }
        let mut objects = objects(present);
        let new = !objects.contains(&body.to_vec());
        if new {
            objects.push(body.to_vec());
        }
        self.write(key, version, expires_at, Value::Bag(objects));
        Ok(Answer::Put(new, None))
    }

    /// Writes into a string, unless nothing was to be written.
    fn write_part(
        &mut self,
        op: &Op<'_>,
        key: &[u8],
        present: Option<ModelRow>,
        version: u64,
    ) -> Result<Answer, OpError> {
        let expires_at = present.as_ref().and_then(|row| row.expires_at);
        let body = match present.map(|row| row.value) {
            None => Vec::new(),
            Some(Value::Bytes(body)) => body,
            Some(_) => return Err(OpError::WrongType),
        };
        let (changed, answer) = parts::written(op, body);
        if let Some(body) = changed {
            self.write(key, version, expires_at, Value::Bytes(body));
        }
        Ok(answer)
    }

    fn put_collection(
        &mut self,
        key: &[u8],
        present: Option<ModelRow>,
        collection: &Collection,
        expiry: Expiry,
        version: u64,
    ) -> Answer {
        let Collection::Hash(hash) = collection else { panic!("no model of {collection:?}") };
        let pairs = hash.iter().map(|element| (element.field().to_vec(), element.value().to_vec()));
        let fields: BTreeMap<Vec<u8>, Vec<u8>> = pairs.collect();
        let stored = !fields.is_empty();
        if stored {
            let expires_at = match expiry {
                Expiry::Never => None,
                Expiry::Keep => present.and_then(|row| row.expires_at),
                Expiry::At(at_ms) => Some(at_ms),
            };
            self.write(key, version, expires_at, Value::Hash(fields));
        } else {
            self.rows.remove(key);
        }
        Answer::Put(stored, None)
    }

    fn delete_object(&mut self, body: &[u8], key: &[u8], present: Option<ModelRow>, version: u64) -> Answer {
        let is_there = match present.as_ref().map(|row| &row.value) {
            Some(Value::Bytes(present)) => present == body,
            Some(Value::Bag(objects)) => objects.iter().any(|object| object == body),
            Some(Value::Hash(_)) | None => false,
        };
        if is_there {
            let expires_at = present.as_ref().and_then(|row| row.expires_at);
            let mut left = objects(present);
            left.retain(|object| object != body);
            if left.is_empty() {
                self.rows.remove(key);
            } else {
                self.write(key, version, expires_at, Value::Bag(left));
            }
        }
        Answer::Changed(is_there)
    }

    fn delete_fields(&mut self, key: &[u8], fields: &[mnemon_store::op::Bytes<'_>], version: u64) -> i64 {
        let Some(row) = self.rows.get_mut(key) else {
            return 0;
        };
        let Value::Hash(hash) = &mut row.value else {
            return 0;
        };
        let count = fields.iter().filter(|field| hash.remove(&***field).is_some()).count();
        if count > 0 {
            row.version = version;
        }
        if hash.is_empty() {
            self.rows.remove(key);
        }
        count as i64
    }

    fn expire_at(
        &mut self,
        present: Option<ModelRow>,
        key: &[u8],
        at_ms: Option<u64>,
        when: ExpireWhen,
        version: u64,
        now_ms: u64,
    ) -> bool {
        let Some(mut row) = present else { return false };
        // No expiry counts as one that never comes.
        let old = row.expires_at.unwrap_or(u64::MAX);
        let Some(new) = at_ms else {
            if row.expires_at.is_none() {
                return false;
            }
            row.expires_at = None;
            row.version = version;
            self.rows.insert(key.to_vec(), row);
            return true;
        };
        let allowed = match when {
            ExpireWhen::Always => true,
            ExpireWhen::None => row.expires_at.is_none(),
            ExpireWhen::Some => row.expires_at.is_some(),
            ExpireWhen::Later => new > old,
            ExpireWhen::Earlier => new < old,
        };
        if allowed && new <= now_ms {
            self.rows.remove(key);
        } else if allowed {
            row.expires_at = Some(new);
            row.version = version;
            self.rows.insert(key.to_vec(), row);
        }
        allowed
    }
}

fn holds(when: When, present: bool) -> bool {
    when == When::Always || (when == When::Present) == present
}

fn objects(row: Option<ModelRow>) -> Vec<Vec<u8>> {
    match row.map(|row| row.value) {
        Some(Value::Bag(objects)) => objects,
        _ => Vec::new(),
    }
}

/// The value that an operation on a string, hash or counter leaves; `None`: none of its own.
fn changed(op: &Op<'_>, present: Option<Value>) -> Result<Option<(Value, Answer)>, OpError> {
    let text = |value: Option<Value>| match value {
        None => Ok(None),
        Some(Value::Bytes(body)) => Ok(Some(body)),
        Some(_) => Err(OpError::WrongType),
    };
    let fields = |value: Option<Value>| match value {
        None => Ok(None),
        Some(Value::Hash(hash)) => Ok(Some(hash)),
        Some(_) => Err(OpError::WrongType),
    };
    Ok(match op {
        Op::Counter { attribute, by, initial, .. } => {
            let body = match text(present)? {
                Some(body) => body,
                None => initial.as_ref().ok_or(OpError::Missing)?.to_vec(),
            };
            let mut terms =
                RecordRef::parse(&body).and_then(RecordRef::to_terms).expect("a counter is in a record");
            let Some(Term::Int(number)) = terms.get(usize::from(*attribute)) else {
                return Err(OpError::NotACounter);
            };
            let sum = number.checked_add(*by).ok_or(OpError::Overflow)?;
            terms[usize::from(*attribute)] = Term::Int(sum);
            let record = mnemon_term::Record::new(&terms).expect("as it was");
            Some((Value::Bytes(record.into_bytes()), Answer::Int(sum)))
        }
        Op::Increment { by, .. } => {
            let sum = integer(text(present)?.as_deref())?.checked_add(*by).ok_or(OpError::Overflow)?;
            Some((Value::Bytes(sum.to_string().into_bytes()), Answer::Int(sum)))
        }
        Op::IncrementFloat { by, .. } => {
            let sum = add(text(present)?.as_deref(), by)?;
            Some((Value::Bytes(sum.clone().into_bytes()), Answer::Text(sum)))
        }
        Op::Append { tail, .. } => {
            let mut body = text(present)?.unwrap_or_default();
            body.extend_from_slice(tail);
            let len = body.len() as i64;
            Some((Value::Bytes(body), Answer::Int(len)))
        }
        Op::FieldPut { fields: pairs, when, .. } => {
            let before = fields(present)?.unwrap_or_default();
            let mut after = before.clone();
            let wanted = pairs.iter().filter(|(field, _)| holds(*when, before.contains_key(&**field)));
            let mut any = false;
            for (field, value) in wanted {
                after.insert(field.to_vec(), value.to_vec());
                any = true;
            }
            let new = (after.len() - before.len()) as i64;
            any.then_some((Value::Hash(after), Answer::Int(new)))
        }
        Op::FieldIncrement { field, by, .. } => {
            let mut hash = fields(present)?.unwrap_or_default();
            let sum =
                integer(hash.get(&**field).map(Vec::as_slice))?.checked_add(*by).ok_or(OpError::Overflow)?;
            hash.insert(field.to_vec(), sum.to_string().into_bytes());
            Some((Value::Hash(hash), Answer::Int(sum)))
        }
        Op::FieldIncrementFloat { field, by, .. } => {
            let mut hash = fields(present)?.unwrap_or_default();
            let sum = add(hash.get(&**field).map(Vec::as_slice), by)?;
            hash.insert(field.to_vec(), sum.clone().into_bytes());
            Some((Value::Hash(hash), Answer::Text(sum)))
        }
        Op::FieldDelete { .. } => {
            fields(present)?;
            None
        }
        other => panic!("no model of {other:?}"),
    })
}

/// The order of the rows in a walk backwards or forwards.
pub(crate) fn directed<T>(mut rows: Vec<T>, reverse: bool) -> Vec<T> {
    if reverse {
        rows.reverse();
    }
    rows
}

/// What subscribers are told of a deletion with this cause.
pub(crate) fn is_deletion(cause: Cause) -> bool {
    matches!(cause, Cause::Delete | Cause::Expired | Cause::Evicted)
}

/// Whether a value lies where an index check looks.
pub(crate) fn equal(one: &Term, other: TermRef<'_>) -> bool {
    one.view().compare(other) == Ordering::Equal
}
