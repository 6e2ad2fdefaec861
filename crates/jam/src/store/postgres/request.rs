//! One call as a statement and its parameters, and what the answer means.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use bytes::BytesMut;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use super::failure::Failed;
use super::sql::Verb;
use crate::store::{Entry, Exchange, Found, Key, Lifetime, Renamed, Replaced, check_note, check_rename};
use crate::{Result, StoreError, Timestamp};

/// The longest time that is added to the server's clock, so that the sum stays far from the ends of its integers.
const LONGEST_TIME: i64 = 1 << 52;

/// What the server is asked to do, and with what. It owns its parts, as a task of its own may see it through.
pub(super) struct Request {
    pub(super) verb: Verb,
    pub(super) parameters: Vec<Parameter>,
}

impl Request {
    /// About one key.
    fn at(verb: Verb, namespace: &str, key: &Key) -> Self {
        let parameters = vec![text(namespace), Parameter::Text(owner(key.group.as_deref())), text(&key.id)];
        Self { verb, parameters }
    }

    /// About a group.
    fn of(verb: Verb, namespace: &str, group: &str) -> Self {
        Self { verb, parameters: vec![text(namespace), Parameter::Text(owner(Some(group)))] }
    }

    fn with(mut self, parameters: impl IntoIterator<Item = Parameter>) -> Self {
        self.parameters.extend(parameters);
        self
    }

    pub(super) fn get(namespace: &str, key: &Key) -> Self {
        Self::at(Verb::Get, namespace, key)
    }

    pub(super) fn touch(namespace: &str, key: &Key) -> Self {
        Self::at(Verb::Touch, namespace, key)
    }

    pub(super) fn put(namespace: &str, key: &Key, value: &[u8], lifetime: Lifetime, now: Timestamp) -> Self {
        Self::at(Verb::Put, namespace, key).with([bytes(value), idle(lifetime), rest(lifetime, now)])
    }

    pub(super) fn put_many(namespace: &str, entries: &[(Key, Vec<u8>, Lifetime)], now: Timestamp) -> Self {
        // Of several for one key, the last counts. In order, so that two calls that wait for each other's rows do so in turn.
        let entries: BTreeMap<_, _> = entries
            .iter()
            .map(|(key, value, lifetime)| ((owner(key.group.as_deref()), key.id.clone()), (value, *lifetime)))
            .collect();
        let (mut values, mut idles, mut rests) = (Vec::new(), Vec::new(), Vec::new());
        for (value, lifetime) in entries.values() {
            values.push((*value).clone());
            idles.push(idle_millis(*lifetime));
            rests.push(rest_millis(*lifetime, now));
        }
        let (owners, ids) = entries.into_keys().unzip();
        let parameters = vec![
            text(namespace),
            Parameter::Texts(owners),
            Parameter::Texts(ids),
            Parameter::ManyBytes(values),
            Parameter::Numbers(idles),
            Parameter::Numbers(rests),
        ];
        Self { verb: Verb::PutMany, parameters }
    }

    pub(super) fn insert(
        namespace: &str,
        key: &Key,
        value: &[u8],
        note: &[u8],
        lifetime: Lifetime,
        now: Timestamp,
    ) -> Result<Self> {
        check_note(note)?;
        let values = [bytes(value), idle(lifetime), rest(lifetime, now), bytes(note)];
        Ok(Self::at(Verb::Insert, namespace, key).with(values))
    }

    pub(super) fn replace(namespace: &str, key: &Key, value: &[u8], expected: Option<&[u8]>) -> Self {
        let expected = Parameter::Bytes(expected.map(<[u8]>::to_vec));
        Self::at(Verb::Replace, namespace, key).with([bytes(value), expected])
    }

    pub(super) fn rename(namespace: &str, from: &Key, to: &Key, exchange: Option<&Exchange>) -> Result<Self> {
        check_rename(from, to, exchange)?;
        let of_exchange = |part: fn(&Exchange) -> &Vec<u8>| {
            Parameter::Bytes(exchange.map(|exchange| part(exchange).clone()))
        };
        Ok(Self::at(Verb::Rename, namespace, from).with([
            text(&to.id),
            of_exchange(|exchange| &exchange.expected),
            of_exchange(|exchange| &exchange.replacement),
            of_exchange(|exchange| &exchange.note),
        ]))
    }

    pub(super) fn delete(namespace: &str, key: &Key) -> Self {
        Self::at(Verb::Delete, namespace, key)
    }

    pub(super) fn clear(namespace: &str, group: &str, keep: Option<&str>) -> Self {
        let keep = keep.map_or(Parameter::NoText, text);
        Self::of(Verb::Clear, namespace, group).with([keep])
    }

    pub(super) fn list(namespace: &str, group: &str) -> Self {
        Self::of(Verb::List, namespace, group)
    }
}

/// The column of the group; a primary key has no NULL, so a key without a group has the empty text, and no group
/// can look like it.
fn owner(group: Option<&str>) -> String {
    group.map_or_else(String::new, |group| format!("={group}"))
}

fn text(text: &str) -> Parameter {
    Parameter::Text(text.to_owned())
}

fn bytes(bytes: &[u8]) -> Parameter {
    Parameter::Bytes(Some(bytes.to_vec()))
}

fn idle(lifetime: Lifetime) -> Parameter {
    Parameter::Number(idle_millis(lifetime))
}

fn rest(lifetime: Lifetime, now: Timestamp) -> Parameter {
    Parameter::Number(rest_millis(lifetime, now))
}

fn idle_millis(lifetime: Lifetime) -> Option<i64> {
    lifetime.idle.map(|idle| i64::try_from(idle.as_millis()).unwrap_or(LONGEST_TIME).min(LONGEST_TIME))
}

/// How far away the deadline is by the caller's clock: the server's may differ.
fn rest_millis(lifetime: Lifetime, now: Timestamp) -> Option<i64> {
    let rest = |deadline: Timestamp| deadline.as_millis().saturating_sub(now.as_millis());
    lifetime.deadline.map(|deadline| rest(deadline).clamp(-LONGEST_TIME, LONGEST_TIME))
}

/// What is sent beside a statement. The client writes parameters into the log of a program that asks for it, so they
/// do not show what they hold.
pub(super) enum Parameter {
    Text(String),
    NoText,
    Bytes(Option<Vec<u8>>),
    Number(Option<i64>),
    Texts(Vec<String>),
    ManyBytes(Vec<Vec<u8>>),
    Numbers(Vec<Option<i64>>),
}

impl Parameter {
    pub(super) fn type_(&self) -> Type {
        match self {
            Self::Text(_) | Self::NoText => Type::TEXT,
            Self::Bytes(_) => Type::BYTEA,
            Self::Number(_) => Type::INT8,
            Self::Texts(_) => Type::TEXT_ARRAY,
            Self::ManyBytes(_) => Type::BYTEA_ARRAY,
            Self::Numbers(_) => Type::INT8_ARRAY,
        }
    }
}

impl fmt::Debug for Parameter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(not shown)")
    }
}

impl ToSql for Parameter {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Text(text) => text.to_sql(kind, out),
            Self::NoText => Ok(IsNull::Yes),
            Self::Bytes(bytes) => bytes.to_sql(kind, out),
            Self::Number(number) => number.to_sql(kind, out),
            Self::Texts(texts) => texts.to_sql(kind, out),
            Self::ManyBytes(values) => values.to_sql(kind, out),
            Self::Numbers(numbers) => numbers.to_sql(kind, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

// Answers.

pub(super) fn value(rows: &[Row]) -> Result<Option<Vec<u8>>> {
    rows.first().map(|row| column(row, 0)).transpose()
}

pub(super) fn found(rows: &[Row]) -> Result<Option<Found>> {
    let found = |row: &Row| {
        Ok(Found {
            value: column(row, 0)?,
            note: column(row, 1)?,
            created: Timestamp::from_millis(column(row, 2)?),
            expires: column::<Option<i64>>(row, 3)?.map(Timestamp::from_millis),
        })
    };
    rows.first().map(found).transpose()
}

/// Of an insertion: it answers with a row if it has happened.
pub(super) fn inserted(rows: &[Row]) -> bool {
    !rows.is_empty()
}

pub(super) fn replaced(rows: &[Row]) -> Result<Replaced> {
    Ok(match fits(rows)? {
        None => Replaced::Missing,
        Some(true) => Replaced::Done,
        Some(false) => Replaced::Conflict,
    })
}

pub(super) fn renamed(answer: Result<Vec<Row>, Failed>) -> Result<Renamed> {
    match answer {
        Ok(rows) => Ok(match fits(&rows)? {
            None => Renamed::Missing,
            Some(true) => Renamed::Moved,
            Some(false) => Renamed::Conflict,
        }),
        Err(failed) if failed.is_taken => Ok(Renamed::Conflict),
        Err(failed) => Err(failed.error.into()),
    }
}

fn fits(rows: &[Row]) -> Result<Option<bool>> {
    rows.first().map(|row| column(row, 0)).transpose()
}

pub(super) fn deleted(rows: &[Row]) -> Result<bool> {
    Ok(fits(rows)?.unwrap_or(false))
}

pub(super) fn count(rows: &[Row]) -> Result<u64> {
    let count: Option<i64> = rows.first().map(|row| column(row, 0)).transpose()?;
    Ok(count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0))
}

pub(super) fn entries(rows: &[Row]) -> Result<Vec<Entry>> {
    let entry = |row: &Row| {
        Ok(Entry {
            id: column(row, 0)?,
            note: column(row, 1)?,
            created: Timestamp::from_millis(column(row, 2)?),
            last_used: Some(Timestamp::from_millis(column(row, 3)?)),
            expires: column::<Option<i64>>(row, 4)?.map(Timestamp::from_millis),
        })
    };
    rows.iter().map(entry).collect()
}

fn column<'a, T: FromSql<'a>>(row: &'a Row, place: usize) -> Result<T> {
    row.try_get(place).map_err(|_| {
        StoreError::Refused(
            "the PostgreSQL table has columns of other types than Jam's; use another table".into(),
        )
        .into()
    })
}
