//! `T.TRANSFORM`: gives all records of a table another shape.

use mnemon_table::schema::{Schema, SchemaBuilder, parse_attributes};
use mnemon_table::{Column, Reshape, Table, TableError};
use mnemon_term::{Term, json};

use crate::answer::Answer;
use crate::command::argument::{arg, is};
use crate::command::plan::Context;
use crate::command::record;
use crate::command::table_schema::SchemaFuture;
use crate::protocol::{Args, Reply};
use crate::refusal;

const USAGE: &str = "'; T.TRANSFORM takes table ATTRS name[:type],... [INDEX name,...] [RENAME old:new,...] \
                     [DEFAULTS json-object]";

/// What the command asks for.
#[derive(Default)]
struct Wanted<'a> {
    attributes: Option<&'a [u8]>,
    indexes: Option<&'a [u8]>,
    renames: Option<&'a [u8]>,
    defaults: Option<&'a [u8]>,
}

/// `T.TRANSFORM table ATTRS name[:type],... [INDEX name,...] [RENAME old:new,...] [DEFAULTS json-object]`: an attribute
/// keeps the values of the one of its name, or of the one it is renamed from; a new one gets its default, else nil.
/// Indexes on attributes that stay are kept unless `INDEX` says which there shall be. Answers the number of records.
pub(super) fn transform(context: &Context<'_>, args: Args<'_>) -> Result<SchemaFuture, Answer> {
    let table = record::table(context, arg(args, 1))?;
    if table.is_database() {
        let cause = "the databases db0…db15 keep their shape; make a table of your own";
        return Err(refusal::of_table(&TableError::Unsupported { table: table.name(), cause }));
    }
    let wanted = options(args)?;
    let schema = schema(&table, &wanted).map_err(|error| refusal::of_table(&error))?;
    let reshape = reshape(&table, &schema, &wanted)?;
    let (catalog, name) = (context.catalog.clone(), table.name());
    Ok(Box::pin(async move {
        match catalog.transform_table(&name, schema, move |record| reshape.apply(record)).await {
            Ok(count) => Reply::Int(i64::try_from(count).unwrap_or(i64::MAX)).into(),
            Err(error) => refusal::of_table(&error),
        }
    }))
}

fn options(args: Args<'_>) -> Result<Wanted<'_>, Answer> {
    let mut wanted = Wanted::default();
    let mut place = 2;
    if args.len() <= place {
        return Err(refusal::quoting("ERR missing options behind '", arg(args, 1), USAGE));
    }
    while let Some(option) = args.get(place) {
        let value = args.get(place + 1);
        let slot = match () {
            () if is("ATTRS", option) => &mut wanted.attributes,
            () if is("INDEX", option) => &mut wanted.indexes,
            () if is("RENAME", option) => &mut wanted.renames,
            () if is("DEFAULTS", option) => &mut wanted.defaults,
            () => return Err(refusal::quoting("ERR unknown option '", option, USAGE)),
        };
        if value.is_none() {
            return Err(refusal::quoting("ERR incomplete option '", option, USAGE));
        }
        if slot.is_some() {
            return Err(refusal::twice(option));
        }
        *slot = value;
        place += 2;
    }
    Ok(wanted)
}

fn names(list: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(list).split(',').map(|name| name.trim().to_owned()).collect()
}

/// The table's schema with the new attributes and indexes.
fn schema(table: &Table, wanted: &Wanted<'_>) -> Result<Schema, TableError> {
    let old = table.schema();
    let attributes = match wanted.attributes {
        Some(attributes) => parse_attributes(&String::from_utf8_lossy(attributes))?,
        None => old.attributes().to_vec(),
    };
    let stays = |name: &str| attributes.iter().any(|attribute| attribute.name() == name);
    let indexed = old.indexes().iter().map(|place| old.attribute_names()[usize::from(*place)]);
    let (kept, gone): (Vec<&str>, Vec<&str>) =
        indexed.partition(|name| wanted.indexes.is_none() && stays(name));
    drop(kept);
    let builder = gone.into_iter().fold(old.alter(), |builder, name| builder.unindex(name));
    let builder = builder.attributes(attributes);
    let added = wanted.indexes.map(names).unwrap_or_default();
    added.into_iter().filter(|name| !name.is_empty()).fold(builder, SchemaBuilder::index).build()
}

/// Where each new attribute comes from.
fn reshape(table: &Table, new: &Schema, wanted: &Wanted<'_>) -> Result<Reshape, Answer> {
    let old = table.schema();
    let mut reshape = Reshape::by_name(&old, new);
    let unknown = |name: &str, what: &str| {
        refusal::quoting("BADSCHEMA ", name.as_bytes(), &format!(" is no attribute of the {what} schema"))
    };
    for rename in wanted.renames.map(names).unwrap_or_default() {
        let Some((from, to)) = rename.split_once(':') else {
            return Err(refusal::quoting("ERR RENAME takes old:new, not '", rename.as_bytes(), "'"));
        };
        let from = old.place_of(from).ok_or_else(|| unknown(from, "old"))?;
        let to = new.place_of(to).ok_or_else(|| unknown(to, "new"))?;
        reshape.0[usize::from(to)] = Column::Old(from);
    }
    let Some(defaults) = wanted.defaults else { return Ok(reshape) };
    let Ok(Term::Map(defaults)) = json::parse(defaults) else {
        return Err(Answer::error("ERR DEFAULTS takes a JSON object of attribute names and values"));
    };
    for (name, value) in defaults {
        let name = name.as_str().unwrap_or_default();
        let place = new.place_of(name).ok_or_else(|| unknown(name, "new"))?;
        let column = &mut reshape.0[usize::from(place)];
        if matches!(column, Column::Constant(_)) {
            *column = Column::Constant(value);
        }
    }
    Ok(reshape)
}
