//! What is said to SQLite about rows.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, named_params};

use crate::Timestamp;
use crate::store::file_store::Peek;
use crate::store::{Entry, Exchange, Found, Key, Lifetime, Renamed, Replaced};

/// The longest idle time, so that adding it to a time of day stays far from the ends of SQLite's integers.
const LONGEST_IDLE: i64 = 1 << 52;

const GET: &str = "
    SELECT value FROM jam_store
    WHERE namespace = :namespace AND owner = :owner AND id = :id AND (expires IS NULL OR expires > :now)";

const PEEK: &str = "
    SELECT value, note, created, expires, idle, last_used FROM jam_store
    WHERE namespace = :namespace AND owner = :owner AND id = :id AND (expires IS NULL OR expires > :now)";

const TOUCH: &str = "
    UPDATE jam_store SET last_used = :now, expires = coalesce(min(:now + idle, deadline), :now + idle, deadline)
    WHERE namespace = :namespace AND owner = :owner AND id = :id AND (expires IS NULL OR expires > :now)
    RETURNING value, note, created, expires";

const PUT: &str = "
    INSERT INTO jam_store (namespace, owner, id, value, note, created, last_used, idle, deadline, expires)
    VALUES (:namespace, :owner, :id, :value, :note, :now, :now, :idle, :deadline, :expires)
    ON CONFLICT DO UPDATE SET
        value = excluded.value, note = excluded.note,
        created = iif(expires IS NULL OR expires > :now, created, :now),
        last_used = :now, idle = excluded.idle, deadline = excluded.deadline, expires = excluded.expires";

const INSERT: &str = "
    INSERT INTO jam_store (namespace, owner, id, value, note, created, last_used, idle, deadline, expires)
    VALUES (:namespace, :owner, :id, :value, :note, :now, :now, :idle, :deadline, :expires)
    ON CONFLICT DO UPDATE SET
        value = excluded.value, note = excluded.note, created = :now,
        last_used = :now, idle = excluded.idle, deadline = excluded.deadline, expires = excluded.expires
    WHERE expires <= :now";

/// The part of nothing is NULL.
const REPLACE: &str = "
    UPDATE jam_store SET
        value = :value, last_used = :now,
        expires = coalesce(min(:now + idle, deadline), :now + idle, deadline)
    WHERE namespace = :namespace AND owner = :owner AND id = :id AND (expires IS NULL OR expires > :now)
        AND (:expected IS NULL OR coalesce(substr(value, 1, length(:expected)), x'') = :expected)";

const MOVE: &str = "
    UPDATE OR REPLACE jam_store SET
        id = :to, value = coalesce(:value, value), note = coalesce(:note, note), last_used = :now,
        expires = coalesce(min(:now + idle, deadline), :now + idle, deadline)
    WHERE namespace = :namespace AND owner = :owner AND id = :id";

const DELETE: &str = "
    DELETE FROM jam_store WHERE namespace = :namespace AND owner = :owner AND id = :id
    RETURNING expires IS NULL OR expires > :now";

const CLEAR: &str = "
    DELETE FROM jam_store WHERE namespace = :namespace AND owner = :owner AND (:keep IS NULL OR id != :keep)
    RETURNING expires IS NULL OR expires > :now";

const LIST: &str = "
    SELECT id, note, created, last_used, expires FROM jam_store
    WHERE namespace = :namespace AND owner = :owner AND (expires IS NULL OR expires > :now)
    ORDER BY created, id";

/// Whether there is something to sweep away: seldom, and this is the cheapest way to ask.
const IS_DIRTY: &str = "SELECT 1 FROM jam_store WHERE expires <= :now LIMIT 1";

/// Removes what has expired, the longest expired first.
const SWEEP: &str = "
    DELETE FROM jam_store WHERE (namespace, owner, id) IN
        (SELECT namespace, owner, id FROM jam_store WHERE expires <= :now ORDER BY expires LIMIT :limit)";

/// A place for a value: its key in a namespace, at a point in time.
pub(super) struct Row<'a> {
    namespace: &'a str,
    owner: String,
    id: &'a str,
    now: i64,
}

impl<'a> Row<'a> {
    pub(super) fn of(namespace: &'a str, key: &'a Key, now: Timestamp) -> Self {
        Self { namespace, owner: owner(key.group.as_deref()), id: &key.id, now: now.as_millis() }
    }

    pub(super) fn get(&self, connection: &Connection) -> rusqlite::Result<Option<Vec<u8>>> {
        self.one(connection, GET, |row| row.get(0))
    }

    pub(super) fn peek(&self, connection: &Connection) -> rusqlite::Result<Option<Peek>> {
        let now = Timestamp::from_millis(self.now);
        self.one(connection, PEEK, |row| {
            let idle = row.get::<_, Option<i64>>(4)?.map(|idle| Duration::from_millis(idle.unsigned_abs()));
            let last_used = Timestamp::from_millis(row.get(5)?);
            let touch_is_due = Lifetime { idle, deadline: None }.touch_is_due(last_used, now);
            Ok(Peek { found: found(row)?, touch_is_due })
        })
    }

    pub(super) fn touch(&self, connection: &Connection) -> rusqlite::Result<Option<Found>> {
        self.one(connection, TOUCH, found)
    }

    pub(super) fn put(
        &self,
        connection: &Connection,
        value: &[u8],
        lifetime: Lifetime,
    ) -> rusqlite::Result<()> {
        self.write(connection, PUT, value, b"", lifetime).map(drop)
    }

    pub(super) fn insert(
        &self,
        connection: &Connection,
        value: &[u8],
        note: &[u8],
        lifetime: Lifetime,
    ) -> rusqlite::Result<bool> {
        Ok(self.write(connection, INSERT, value, note, lifetime)? > 0)
    }

    pub(super) fn replace(
        &self,
        connection: &Connection,
        value: &[u8],
        expected: Option<&[u8]>,
    ) -> rusqlite::Result<Replaced> {
        let replaced = connection.prepare_cached(REPLACE)?.execute(named_params! {
            ":namespace": self.namespace, ":owner": self.owner, ":id": self.id, ":now": self.now,
            ":value": value, ":expected": expected,
        })?;
        Ok(match replaced {
            0 if expected.is_some() && self.get(connection)?.is_some() => Replaced::Conflict,
            0 => Replaced::Missing,
            _ => Replaced::Done,
        })
    }

    pub(super) fn rename(
        &self,
        connection: &Connection,
        to: &Self,
        exchange: Option<&Exchange>,
    ) -> rusqlite::Result<Renamed> {
        let Some(value) = self.get(connection)? else { return Ok(Renamed::Missing) };
        let was_changed = exchange.is_some_and(|exchange| !value.starts_with(&exchange.expected));
        if was_changed || to.get(connection)?.is_some() {
            return Ok(Renamed::Conflict);
        }
        connection.prepare_cached(MOVE)?.execute(named_params! {
            ":namespace": self.namespace, ":owner": self.owner, ":id": self.id, ":now": self.now,
            ":to": to.id, ":value": exchange.map(|exchange| &exchange.replacement),
            ":note": exchange.map(|exchange| &exchange.note),
        })?;
        Ok(Renamed::Moved)
    }

    pub(super) fn delete(&self, connection: &Connection) -> rusqlite::Result<bool> {
        Ok(self.one(connection, DELETE, |row| row.get(0))?.unwrap_or(false))
    }

    fn one<R>(
        &self,
        connection: &Connection,
        statement: &str,
        read: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<R>,
    ) -> rusqlite::Result<Option<R>> {
        let parameters = named_params! {
            ":namespace": self.namespace, ":owner": self.owner, ":id": self.id, ":now": self.now,
        };
        connection.prepare_cached(statement)?.query_row(parameters, read).optional()
    }

    fn write(
        &self,
        connection: &Connection,
        statement: &str,
        value: &[u8],
        note: &[u8],
        lifetime: Lifetime,
    ) -> rusqlite::Result<usize> {
        let now = Timestamp::from_millis(self.now);
        let idle = lifetime
            .idle
            .map(|idle| i64::try_from(idle.as_millis()).unwrap_or(LONGEST_IDLE).min(LONGEST_IDLE));
        connection.prepare_cached(statement)?.execute(named_params! {
            ":namespace": self.namespace, ":owner": self.owner, ":id": self.id, ":now": self.now,
            ":value": value, ":note": note, ":idle": idle, ":deadline": lifetime.deadline.map(Timestamp::as_millis),
            ":expires": lifetime.expires(now).map(Timestamp::as_millis),
        })
    }
}

/// Removes the values of a group but the one to keep; how many live ones there were.
pub(super) fn clear(
    connection: &Connection,
    namespace: &str,
    group: &str,
    keep: Option<&str>,
    now: Timestamp,
) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare_cached(CLEAR)?;
    let parameters = named_params! {
        ":namespace": namespace, ":owner": owner(Some(group)), ":keep": keep, ":now": now.as_millis(),
    };
    let live = statement.query_map(parameters, |row| row.get::<_, bool>(0))?;
    live.into_iter().try_fold(0, |count, live| Ok(count + u64::from(live?)))
}

/// The live values of a group, the oldest first.
pub(super) fn list(
    connection: &Connection,
    namespace: &str,
    group: &str,
    now: Timestamp,
) -> rusqlite::Result<Vec<Entry>> {
    let mut statement = connection.prepare_cached(LIST)?;
    let parameters = named_params! {
        ":namespace": namespace, ":owner": owner(Some(group)), ":now": now.as_millis(),
    };
    let entry = |row: &rusqlite::Row<'_>| {
        Ok(Entry {
            id: row.get(0)?,
            note: row.get(1)?,
            created: Timestamp::from_millis(row.get(2)?),
            last_used: Some(Timestamp::from_millis(row.get(3)?)),
            expires: row.get::<_, Option<i64>>(4)?.map(Timestamp::from_millis),
        })
    };
    statement.query_map(parameters, entry)?.collect()
}

/// Removes values that have expired, so many at most.
pub(super) fn sweep(connection: &Connection, now: Timestamp, limit: i64) -> rusqlite::Result<()> {
    let now = now.as_millis();
    if connection.prepare_cached(IS_DIRTY)?.exists(named_params! {":now": now})? {
        connection.prepare_cached(SWEEP)?.execute(named_params! {":now": now, ":limit": limit})?;
    }
    Ok(())
}

/// A value with its note, creation and expiry, in the first columns of a row.
fn found(row: &rusqlite::Row<'_>) -> rusqlite::Result<Found> {
    Ok(Found {
        value: row.get(0)?,
        note: row.get(1)?,
        created: Timestamp::from_millis(row.get(2)?),
        expires: row.get::<_, Option<i64>>(3)?.map(Timestamp::from_millis),
    })
}

/// The column of the group; a primary key has no NULL, so a key without a group has the empty text, and no group
/// can look like it.
fn owner(group: Option<&str>) -> String {
    group.map_or_else(String::new, |group| format!("={group}"))
}
