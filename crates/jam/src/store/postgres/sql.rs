//! The table, and what is said to the server about its rows. Each call is one statement, so that the server does all of it or
//! nothing, and its clock, as it is when the statement arrives, is the only one.
//!
//! Times are milliseconds since 1970. The first parameters of every statement are the namespace and, where there is one
//! group, the owner; the third is the id, where there is one key.
//!
//! Who waits for a row that another transaction is changing gets its newest version, with the conditions checked
//! anew, as the isolation level "read committed" has it. A row that is moved to another id stays the same row
//! therefore: what clears a group while one of its rows moves, removes it all the same.

use crate::store::{LONGEST_UNTOUCHED, TOUCHED_PARTS};
use crate::{Error, Result};

/// Which table this is; a table of another version is left alone.
pub(super) const VERSION: i32 = 1;

/// So many expired rows a write removes beside its own work: more than it adds, so that they do not pile up, and so few that
/// no call takes noticeably longer.
const SWEPT: u32 = 8;

/// Names end up beside `_expires` and `_schema`, and PostgreSQL cuts names at 63 bytes.
const LONGEST_NAME: usize = 40;

/// The table's name, checked, and in the form that statements need.
#[derive(Debug)]
pub(super) struct Table {
    schema: Option<String>,
    name: String,
}

impl Table {
    pub(super) fn new(name: &str) -> Result<Self> {
        let (schema, name) = match name.split_once('.') {
            Some((schema, name)) => (Some(schema.to_owned()), name),
            None => (None, name),
        };
        let is_plain = |name: &str| {
            (1..=LONGEST_NAME).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        if schema.as_deref().is_none_or(is_plain) && is_plain(name) {
            return Ok(Self { schema, name: name.to_owned() });
        }
        Err(Error::validation(
            "a PostgreSQL table is named NAME or SCHEMA.NAME, each of letters, digits and underscores, 40 at most",
        ))
    }

    fn quoted(&self, ending: &str) -> String {
        match &self.schema {
            Some(schema) => format!("\"{schema}\".\"{}{ending}\"", self.name),
            None => format!("\"{}{ending}\"", self.name),
        }
    }

    /// What makes the table. Its texts compare by bytes: the order of a language may change with the system, and indexes
    /// would be wrong then.
    pub(super) fn schema(&self) -> String {
        let (table, version, name) = (self.quoted(""), self.quoted("_schema"), &self.name);
        format!(
            "CREATE TABLE IF NOT EXISTS {table} (\n    \
                 namespace text COLLATE \"C\" NOT NULL,\n    \
                 owner text COLLATE \"C\" NOT NULL,\n    \
                 id text COLLATE \"C\" NOT NULL,\n    \
                 value bytea NOT NULL,\n    \
                 note bytea NOT NULL,\n    \
                 created bigint NOT NULL,\n    \
                 last_used bigint NOT NULL,\n    \
                 idle bigint,\n    \
                 deadline bigint,\n    \
                 expires bigint,\n    \
                 PRIMARY KEY (namespace, owner, id)\n\
             );\n\
             CREATE INDEX IF NOT EXISTS \"{name}_expires\" ON {table} (expires) WHERE expires IS NOT NULL;\n\
             CREATE TABLE IF NOT EXISTS {version} (version integer NOT NULL PRIMARY KEY);\n\
             INSERT INTO {version} (version) VALUES ({VERSION}) ON CONFLICT DO NOTHING;"
        )
    }

    /// The same, one process at a time: two that make a table at once get in each other's way, also with `IF NOT EXISTS`.
    pub(super) fn make(&self) -> String {
        // "JamS", as in the files of SQLite. The lock ends with the transaction, which is all that is sent at once.
        format!("SELECT pg_advisory_xact_lock(1247899987);\n{}", self.schema())
    }

    /// Which version the table is of.
    pub(super) fn version(&self) -> String {
        format!("SELECT max(version) FROM {}", self.quoted("_schema"))
    }

    /// What the user needs who works with the table.
    pub(super) fn grant(&self) -> String {
        format!(
            "GRANT SELECT, INSERT, UPDATE, DELETE ON {} TO that user; GRANT SELECT ON {} TO that user",
            self.quoted(""),
            self.quoted("_schema")
        )
    }
}

/// The server's clock, at the moment when the statement arrived.
const NOW: &str = "floor(extract(epoch FROM statement_timestamp()) * 1000)::bigint";

const KEY: &str = "kept.namespace = $1 AND kept.owner = $2 AND kept.id = $3";

/// `least` and `greatest` pass over what is NULL.
const PROLONGED: &str = "least({now} + kept.idle, kept.deadline)";

const LIVE: &str = "(kept.expires IS NULL OR kept.expires > {now})";

/// The columns of a new row.
const COLUMNS: &str = "(namespace, owner, id, value, note, created, last_used, idle, deadline, expires)";

/// What a row becomes that is written anew, but for `created`.
const OVERWRITTEN: &str = "value = excluded.value, note = excluded.note, last_used = excluded.last_used,
    idle = excluded.idle, deadline = excluded.deadline, expires = excluded.expires";

/// Removes rows that have expired, the longest expired first, and none that somebody else has in hand. The rows that the
/// statement itself writes are left to it: no statement can change a row twice.
const SWEEP: &str = "
    DELETE FROM {table} WHERE ctid = ANY (ARRAY(
        SELECT kept.ctid FROM {table} AS kept WHERE kept.expires <= {now} AND NOT {written}
        ORDER BY kept.expires LIMIT {swept} FOR UPDATE SKIP LOCKED))";

const GET: &str = "SELECT kept.value FROM {table} AS kept WHERE {key} AND {live}";

const TOUCH: &str = "
    WITH found AS MATERIALIZED (
        SELECT kept.value, kept.note, kept.created, kept.expires FROM {table} AS kept WHERE {key} AND {live}
    ), touched AS (
        UPDATE {table} AS kept SET last_used = {now}, expires = {prolonged} WHERE {key} AND {live}
            AND abs({now} - kept.last_used) >= greatest(least(kept.idle / {touched_parts}, {longest_untouched}), 1)
        RETURNING kept.expires
    )
    SELECT value, note, created, coalesce((SELECT expires FROM touched), expires) FROM found";

/// $4 is the value, $5 the idle time, $6 the time to the deadline.
const PUT: &str = "
    WITH swept AS ({sweep})
    INSERT INTO {table} AS kept {columns}
    VALUES ($1, $2, $3, $4, '', {now}, {now}, $5, {now} + $6, least({now} + $5, {now} + $6))
    ON CONFLICT (namespace, owner, id) DO UPDATE SET {overwritten},
        created = CASE WHEN {live} THEN kept.created ELSE excluded.created END";

/// As [`PUT`], with arrays: $2 to $6 are the owners, the ids and so on.
const PUT_MANY: &str = "
    WITH given AS MATERIALIZED (
        SELECT * FROM unnest($2::text[], $3::text[], $4::bytea[], $5::bigint[], $6::bigint[])
            AS given (owner, id, value, idle, rest)
    ), swept AS ({sweep})
    INSERT INTO {table} AS kept {columns}
    SELECT $1, owner, id, value, ''::bytea, {now}, {now}, idle, {now} + rest, least({now} + idle, {now} + rest)
    FROM given ORDER BY owner, id
    ON CONFLICT (namespace, owner, id) DO UPDATE SET {overwritten},
        created = CASE WHEN {live} THEN kept.created ELSE excluded.created END";

/// As [`PUT`]; $7 is the note.
const INSERT: &str = "
    WITH swept AS ({sweep})
    INSERT INTO {table} AS kept {columns}
    VALUES ($1, $2, $3, $4, $7, {now}, {now}, $5, {now} + $6, least({now} + $5, {now} + $6))
    ON CONFLICT (namespace, owner, id) DO UPDATE SET {overwritten}, created = excluded.created
        WHERE kept.expires <= {now}
    RETURNING true";

/// $4 is the value, $5 what the old one has to begin with. Answers whether it does, or nothing if there is none.
const REPLACE: &str = "
    WITH found AS MATERIALIZED (
        SELECT $5::bytea IS NULL OR substring(kept.value FROM 1 FOR length($5)) = $5 AS fits
        FROM {table} AS kept WHERE {key} AND {live} FOR UPDATE
    ), replaced AS (
        UPDATE {table} AS kept SET value = $4, last_used = {now}, expires = {prolonged}
        FROM found WHERE {key} AND found.fits
    )
    SELECT fits FROM found";

/// $4 is the new id; $5 what the value has to begin with, $6 what it becomes, $7 the note; without an exchange NULL. Answers
/// as [`REPLACE`]. If the new id is taken, its uniqueness has the statement fail.
const RENAME: &str = "
    WITH found AS MATERIALIZED (
        SELECT $3 <> $4 AND ($5::bytea IS NULL OR substring(kept.value FROM 1 FOR length($5)) = $5) AS fits
        FROM {table} AS kept WHERE {key} AND {live} FOR UPDATE
    ), vacated AS (
        DELETE FROM {table} AS kept
        WHERE kept.namespace = $1 AND kept.owner = $2 AND kept.id = $4 AND kept.expires <= {now}
            AND EXISTS (SELECT FROM found WHERE fits)
        RETURNING 1
    ), moved AS (
        UPDATE {table} AS kept SET id = $4, value = coalesce($6, kept.value), note = coalesce($7, kept.note),
            last_used = {now}, expires = {prolonged}
        -- Counting the places that were vacated has the server vacate them first.
        FROM found, (SELECT count(*) AS places FROM vacated) AS vacated
        WHERE {key} AND found.fits AND vacated.places >= 0
    )
    SELECT fits FROM found";

const DELETE: &str = "DELETE FROM {table} AS kept WHERE {key} RETURNING {live}";

/// $3 is the id to keep, or NULL.
const CLEAR: &str = "
    WITH gone AS (
        DELETE FROM {table} AS kept
        WHERE kept.namespace = $1 AND kept.owner = $2 AND ($3::text IS NULL OR kept.id <> $3)
        RETURNING {live} AS live
    )
    SELECT count(*) FILTER (WHERE live) FROM gone";

const LIST: &str = "
    SELECT kept.id, kept.note, kept.created, kept.last_used, kept.expires FROM {table} AS kept
    WHERE kept.namespace = $1 AND kept.owner = $2 AND {live} ORDER BY kept.created, kept.id";

/// What the server is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Get,
    Touch,
    Put,
    PutMany,
    Insert,
    Replace,
    Rename,
    Delete,
    Clear,
    List,
}

impl Verb {
    pub(super) const COUNT: usize = Self::List as usize + 1;

    /// In their order.
    const TEXTS: [&str; Self::COUNT] =
        [GET, TOUCH, PUT, PUT_MANY, INSERT, REPLACE, RENAME, DELETE, CLEAR, LIST];

    /// Whether it may be done twice, when it is unknown whether it was done once.
    pub(super) fn is_repeatable(self) -> bool {
        matches!(self, Self::Get | Self::Touch | Self::List)
    }
}

/// The statements about one table.
#[derive(Debug)]
pub(super) struct Statements([String; Verb::COUNT]);

impl Statements {
    pub(super) fn new(table: &Table) -> Self {
        Self(Verb::TEXTS.map(|text| {
            let written = if text == PUT_MANY {
                "(kept.namespace = $1 AND (kept.owner, kept.id) IN (SELECT owner, id FROM given))"
            } else {
                "({key})"
            };
            text.replace("{sweep}", SWEEP)
                .replace("{written}", written)
                .replace("{columns}", COLUMNS)
                .replace("{overwritten}", OVERWRITTEN)
                .replace("{prolonged}", PROLONGED)
                .replace("{live}", LIVE)
                .replace("{key}", KEY)
                .replace("{now}", NOW)
                .replace("{swept}", &SWEPT.to_string())
                .replace("{touched_parts}", &TOUCHED_PARTS.to_string())
                .replace("{longest_untouched}", &LONGEST_UNTOUCHED.as_millis().to_string())
                .replace("{table}", &table.quoted(""))
        }))
    }

    pub(super) fn of(&self, verb: Verb) -> &str {
        &self.0[verb as usize]
    }
}
