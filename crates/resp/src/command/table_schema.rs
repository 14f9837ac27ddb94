//! `T.` commands about tables as such: making, listing, changing and dropping them.

use std::future::Future;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;

use mnemon_store::Durability;
use mnemon_table::schema::{
    AccessMode, Kind, Schema, SchemaBuilder, Storage, durability_text, parse_attributes, parse_durability,
};
use mnemon_table::{Catalog, Table, TableError};

use crate::answer::Answer;
use crate::command::argument::{Once, arg, is, natural};
use crate::command::plan::Context;
use crate::protocol::{Args, Reply};
use crate::refusal;
use crate::session::Session;

/// A change under way; needs nothing of the session.
pub(crate) type SchemaFuture = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// Runs a change of the catalog and answers `OK` or why not.
fn change<F>(context: &Context<'_>, change: impl FnOnce(Arc<Catalog>) -> F) -> SchemaFuture
where
    F: Future<Output = Result<(), TableError>> + Send + 'static,
{
    let changed = change(context.catalog.clone());
    Box::pin(async move { changed.await.map_or_else(|error| refusal::of_table(&error), |()| Answer::OK) })
}

fn text(args: Args<'_>, place: usize) -> String {
    String::from_utf8_lossy(arg(args, place)).into_owned()
}

fn kind(word: &[u8]) -> Result<Kind, Answer> {
    let kinds = [("set", Kind::Set), ("ordered_set", Kind::OrderedSet), ("bag", Kind::Bag)];
    let found = kinds.into_iter().find(|(name, _)| is(name, word)).map(|(_, kind)| kind);
    found.ok_or_else(|| {
        refusal::quoting("BADSCHEMA unknown kind '", word, "'; the kinds are set, ordered_set and bag")
    })
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Set => "set",
        Kind::OrderedSet => "ordered_set",
        Kind::Bag => "bag",
    }
}

fn access(word: &[u8]) -> Result<AccessMode, Answer> {
    if is("rw", word) {
        return Ok(AccessMode::ReadWrite);
    }
    if is("ro", word) {
        return Ok(AccessMode::ReadOnly);
    }
    let mode = std::str::from_utf8(word).ok().and_then(|word| AccessMode::from_str(word).ok());
    mode.ok_or_else(|| {
        refusal::quoting("BADSCHEMA unknown access mode '", word, "'; the modes are rw and ro")
    })
}

const CREATE_USAGE: &str = "'; T.CREATE takes name [KIND set|ordered_set|bag] [ATTRS name[:type],...] [INDEX name,...] \
                            [TTL ms] [MAXENTRIES n] [MAXBYTES n] [ACCESS rw|ro] \
                            [STORAGE ram|disc|disc_only] [DURABILITY commit|interval:MS|none] [LOADORDER n]";

/// `T.CREATE name [KIND k] [ATTRS name[:type],...] [INDEX name,...] [TTL ms] [MAXENTRIES n] [MAXBYTES n] [ACCESS rw|ro]
/// [STORAGE s] [DURABILITY d] [LOADORDER n]`
pub(super) fn create(context: &Context<'_>, args: Args<'_>) -> Result<SchemaFuture, Answer> {
    let mut builder = Schema::builder(text(args, 1));
    let mut once = Once::default();
    let mut place = 2;
    while let Some(option) = args.get(place) {
        let incomplete = || refusal::quoting("ERR unknown or incomplete option '", option, CREATE_USAGE);
        let value = args.get(place + 1).ok_or_else(incomplete)?;
        builder = option_of_create(builder, option, value).unwrap_or_else(|| Err(incomplete()))?;
        once.meet(option)?;
        place += 2;
    }
    let schema = builder.build().map_err(|error| refusal::of_table(&error))?;
    if once.has_met("DURABILITY") {
        can_be_durable(schema.storage())?;
    }
    Ok(change(context, |catalog| async move { catalog.create(schema).await.map(drop) }))
}

/// Refuses a promise that a table which ends with the process cannot keep.
fn can_be_durable(storage: Storage) -> Result<(), Answer> {
    if storage.is_on_disc() {
        return Ok(());
    }
    let what_to_do = "keep it on disc with STORAGE disc or disc_only, or leave DURABILITY out";
    Err(Answer::failure(format!("BADSCHEMA a table in RAM has no durability; {what_to_do}")))
}

/// The builder with an option; `None` for an unknown one.
fn option_of_create(
    builder: SchemaBuilder,
    option: &[u8],
    value: &[u8],
) -> Option<Result<SchemaBuilder, Answer>> {
    let bound = || {
        let refused = || refusal::quoting("BADSCHEMA ", option, " takes a number above 0");
        natural(value).filter(|bound| *bound > 0).ok_or_else(refused)
    };
    let words = String::from_utf8_lossy(value);
    Some(if is("KIND", option) {
        kind(value).map(|kind| builder.kind(kind))
    } else if is("ATTRS", option) {
        let attributes = parse_attributes(&words).map_err(|error| refusal::of_table(&error));
        attributes.map(|attributes| builder.attributes(attributes))
    } else if is("INDEX", option) {
        Ok(words.split(',').fold(builder, |builder, name| builder.index(name.trim())))
    } else if is("TTL", option) {
        bound().map(|ttl_ms| builder.ttl_ms(ttl_ms))
    } else if is("MAXENTRIES", option) {
        bound().map(|entries| builder.max_entries(entries))
    } else if is("MAXBYTES", option) {
        bound().map(|bytes| builder.max_bytes(bytes))
    } else if is("ACCESS", option) {
        access(value).map(|access| builder.access(access))
    } else if is("STORAGE", option) {
        let storage: Result<Storage, TableError> = words.to_ascii_lowercase().parse();
        storage.map(|storage| builder.storage(storage)).map_err(|error| refusal::of_table(&error))
    } else if is("LOADORDER", option) {
        let order = words.parse().map_err(|_| {
            refusal::quoting(
                "BADSCHEMA '",
                value,
                "' is no load order; write a whole number, higher loads first",
            )
        });
        order.map(|order| builder.load_order(order))
    } else if is("DURABILITY", option) {
        let durability = parse_durability(&words.to_ascii_lowercase());
        durability.map(|durability| builder.durability(durability)).map_err(|error| refusal::of_table(&error))
    } else {
        return None;
    })
}

/// `T.DROP table`
pub(super) fn drop_table(context: &Context<'_>, args: Args<'_>) -> Result<SchemaFuture, Answer> {
    let name = text(args, 1);
    Ok(change(context, |catalog| async move { catalog.drop_table(&name).await }))
}

/// `T.ADDINDEX table attribute`
pub(super) fn add_index(context: &Context<'_>, args: Args<'_>) -> Result<SchemaFuture, Answer> {
    let (name, attribute) = (text(args, 1), text(args, 2));
    Ok(change(context, |catalog| async move { catalog.add_table_index(&name, &attribute).await }))
}

/// `T.DELINDEX table attribute`
pub(super) fn del_index(context: &Context<'_>, args: Args<'_>) -> Result<SchemaFuture, Answer> {
    let (name, attribute) = (text(args, 1), text(args, 2));
    Ok(change(context, |catalog| async move { catalog.del_table_index(&name, &attribute).await }))
}

/// `T.ACCESS table rw|ro`
pub(super) fn set_access(context: &Context<'_>, args: Args<'_>) -> Result<SchemaFuture, Answer> {
    let (name, mode) = (text(args, 1), access(arg(args, 2))?);
    Ok(change(context, |catalog| async move { catalog.change_table_access_mode(&name, mode).await }))
}

/// `T.STORAGE table ram|disc|disc_only [DURABILITY d]`
pub(super) fn set_storage(context: &Context<'_>, args: Args<'_>) -> Result<SchemaFuture, Answer> {
    let refused = |error: TableError| refusal::of_table(&error);
    let name = text(args, 1);
    let storage: Storage = text(args, 2).to_ascii_lowercase().parse().map_err(refused)?;
    let durability = match (args.get(3), args.get(4)) {
        (None, _) => Durability::default(),
        (Some(option), Some(value)) if is("DURABILITY", option) && args.len() == 5 => {
            can_be_durable(storage)?;
            parse_durability(&String::from_utf8_lossy(value).to_ascii_lowercase()).map_err(refused)?
        }
        (Some(option), _) => {
            let usage = "'; T.STORAGE takes table ram|disc|disc_only [DURABILITY commit|interval:MS|none]";
            return Err(refusal::quoting("ERR unknown or incomplete option '", option, usage));
        }
    };
    Ok(change(
        context,
        |catalog| async move { catalog.change_table_storage(&name, storage, durability).await },
    ))
}

/// `T.LIST`: the names of the databases in use and of all tables.
pub(super) fn list(session: &mut Session, _: Args<'_>) -> Answer {
    let tables = session.host().catalog.tables();
    Reply::Array(tables.iter().map(|table| Reply::bulk(table.name())).collect()).into()
}

/// `T.INFO table`: its schema and sizes.
pub(super) fn info(session: &mut Session, args: Args<'_>) -> Answer {
    match session.table(arg(args, 1)) {
        Ok(table) => Reply::Map(describe(&table)).into(),
        Err(refusal) => refusal,
    }
}

/// Null for a table that is in RAM alone.
fn durability(schema: &Schema) -> Reply {
    if schema.storage().is_on_disc() {
        Reply::bulk(durability_text(schema.durability()))
    } else {
        Reply::Null
    }
}

fn describe(table: &Table) -> Vec<(Reply, Reply)> {
    let schema = table.schema();
    let info = table.info();
    let number = |number: u64| Reply::Int(i64::try_from(number).unwrap_or(i64::MAX));
    let optional = |bound: Option<u64>| bound.map_or(Reply::Null, number);
    let indexes = schema.indexes().iter().filter_map(|place| schema.attributes().get(usize::from(*place)));
    let access = if schema.access() == AccessMode::ReadOnly { "ro" } else { "rw" };
    let facts = [
        ("name", Reply::bulk(schema.name())),
        ("kind", Reply::StaticBulk(kind_name(schema.kind()))),
        (
            "attributes",
            Reply::Array(schema.attributes().iter().map(|a| Reply::bulk(a.to_string())).collect()),
        ),
        ("indexes", Reply::Array(indexes.map(|attribute| Reply::bulk(attribute.name())).collect())),
        ("access", Reply::StaticBulk(access)),
        ("storage", Reply::bulk(schema.storage().to_string())),
        ("durability", durability(&schema)),
        ("load_order", Reply::Int(schema.load_order().into())),
        ("loaded", Reply::Int(i64::from(table.copy().is_open()))),
        ("damage", table.copy().damage().map_or(Reply::Null, Reply::bulk)),
        ("placement", Reply::bulk(format!("{:?}", schema.placement()).to_ascii_lowercase())),
        ("ttl_ms", optional(schema.ttl_ms())),
        ("max_entries", optional(schema.max_entries())),
        ("max_bytes", optional(schema.max_bytes())),
        ("version", number(schema.version())),
        ("size", number(info.size as u64)),
        ("memory_bytes", number(info.memory_bytes as u64)),
        ("disc_bytes", optional(info.disc_bytes)),
        ("expiring", number(info.expiring as u64)),
        ("subscribers", number(info.subscribers as u64)),
    ];
    facts.into_iter().map(|(name, fact)| (Reply::StaticBulk(name), fact)).collect()
}
