//! What is said to the server, and what its answers mean: the part of the Redis stores that knows no socket.
//!
//! | key | holds |
//! |---|---|
//! | `NAMESPACE:{GROUP}:ID` | a value of a group: header and bytes, with its own expiry |
//! | `NAMESPACE:{GROUP}:` | the index of a group: the ids in a sorted set by expiry |
//! | `NAMESPACE:{ID}` | a value without a group |
//!
//! The braces make a cluster keep a group in one slot, and spread what has no group.

use std::io::Write;
use std::time::Duration;

use redis::{Cmd, Pipeline, RedisWrite, Value};

use crate::store::{Entry, Exchange, Key, Lifetime, Renamed};
use crate::{Result, StoreError, Timestamp};

/// Version, creation, idle time, deadline, last use: see `scripts/prelude.lua`.
const HEADER: usize = 1 + 4 * 8;

/// The longest limit: far beyond every session, and far from where a double loses milliseconds.
const LONGEST: u64 = 1 << 50;

/// A value is touched on the server once this part of its idle time has gone by; until then a touch is a plain
/// `GET`. At 256 tasks a script costs a third of the throughput of `GET`, and every touch a write in the
/// server's log and replicas; `GETEX` is as fast as `GET`, but cannot respect a deadline or move the index's expiry.
const TOUCHED_PARTS: f64 = 100.0;

/// However long the idle time, and without one, the last use is exact to this many milliseconds.
const LONGEST_UNTOUCHED: f64 = 60_000.0;

/// The scripts and the namespace.
#[derive(Debug)]
pub(super) struct Commands {
    namespace: String,
    save: Script,
    replace: Script,
    touch: Script,
    rename: Script,
    delete: Script,
    clear: Script,
    list: Script,
}

/// A script and its name on the server.
#[derive(Debug)]
pub(super) struct Script {
    code: String,
    hash: String,
}

impl Script {
    fn new(code: String) -> Self {
        let hash = redis::Script::new(&code).get_hash().to_owned();
        Self { code, hash }
    }
}

/// One command, and what its sender must know of it.
pub(super) struct Request<'a> {
    pub(super) command: Cmd,
    /// Asked for by its hash: to be loaded if the server has forgotten it.
    pub(super) script: Option<&'a Script>,
    /// May be sent again when it is unknown whether the server has done it.
    pub(super) repeatable: bool,
}

impl Commands {
    pub(super) fn new(namespace: String) -> Self {
        let script = |body: &str| Script::new([include_str!("scripts/prelude.lua"), body].concat());
        Self {
            namespace,
            save: script(include_str!("scripts/save.lua")),
            replace: script(include_str!("scripts/replace.lua")),
            touch: script(include_str!("scripts/touch.lua")),
            rename: script(include_str!("scripts/rename.lua")),
            delete: script(include_str!("scripts/delete.lua")),
            clear: script(include_str!("scripts/clear.lua")),
            list: script(include_str!("scripts/list.lua")),
        }
    }

    pub(super) fn get(&self, key: &Key) -> Request<'_> {
        // One allocation for the arguments' places and one for their bytes.
        let mut command = Cmd::with_capacity(
            2,
            8 + self.namespace.len() + key.id.len() + key.group.as_ref().map_or(0, String::len),
        );
        command.arg("GET");
        self.value_key(&mut command, key);
        Request { command, script: None, repeatable: true }
    }

    pub(super) fn touch(&self, key: &Key) -> Request<'_> {
        let mut command = self.evaluate(&self.touch, key);
        command.arg(&key.id);
        Request { command, script: Some(&self.touch), repeatable: true }
    }

    pub(super) fn put(&self, key: &Key, value: &[u8], lifetime: Lifetime, now: Timestamp) -> Request<'_> {
        let mut command = self.evaluate(&self.save, key);
        saved(&mut command, "put", key, value, lifetime, now);
        Request { command, script: Some(&self.save), repeatable: false }
    }

    pub(super) fn insert(&self, key: &Key, value: &[u8], lifetime: Lifetime, now: Timestamp) -> Request<'_> {
        let mut command = self.evaluate(&self.save, key);
        saved(&mut command, "insert", key, value, lifetime, now);
        Request { command, script: Some(&self.save), repeatable: false }
    }

    /// All in one transaction. It brings its script along, so that no part of it can miss the script.
    pub(super) fn put_many(&self, entries: &[(Key, Vec<u8>, Lifetime)], now: Timestamp) -> Pipeline {
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        pipeline.cmd("SCRIPT").arg("LOAD").arg(&self.save.code).ignore();
        for (key, value, lifetime) in entries {
            let mut command = self.evaluate(&self.save, key);
            saved(&mut command, "put", key, value, *lifetime, now);
            pipeline.add_command(command).ignore();
        }
        pipeline
    }

    pub(super) fn replace(&self, key: &Key, value: &[u8]) -> Request<'_> {
        let mut command = self.evaluate(&self.replace, key);
        command.arg(value).arg(&key.id);
        Request { command, script: Some(&self.replace), repeatable: false }
    }

    pub(super) fn rename(&self, from: &Key, to: &Key, exchange: Option<&Exchange>) -> Request<'_> {
        let mut command = redis::cmd("EVALSHA");
        command.arg(self.rename.hash.as_str()).arg(3);
        self.value_key(&mut command, from);
        self.value_key(&mut command, to);
        self.index_key(&mut command, from.group.as_deref().unwrap_or_default());
        command.arg(&from.id).arg(&to.id);
        if let Some(exchange) = exchange {
            command.arg(&exchange.expected).arg(&exchange.replacement);
        }
        Request { command, script: Some(&self.rename), repeatable: false }
    }

    pub(super) fn delete(&self, key: &Key) -> Request<'_> {
        let mut command = self.evaluate(&self.delete, key);
        command.arg(&key.id);
        Request { command, script: Some(&self.delete), repeatable: false }
    }

    pub(super) fn clear(&self, group: &str) -> Request<'_> {
        Request {
            command: self.evaluate_index(&self.clear, group),
            script: Some(&self.clear),
            repeatable: false,
        }
    }

    pub(super) fn list(&self, group: &str) -> Request<'_> {
        Request {
            command: self.evaluate_index(&self.list, group),
            script: Some(&self.list),
            repeatable: true,
        }
    }

    fn evaluate(&self, script: &Script, key: &Key) -> Cmd {
        let mut command = redis::cmd("EVALSHA");
        command.arg(script.hash.as_str()).arg(if key.group.is_some() { 2 } else { 1 });
        self.value_key(&mut command, key);
        if let Some(group) = &key.group {
            self.index_key(&mut command, group);
        }
        command
    }

    fn evaluate_index(&self, script: &Script, group: &str) -> Cmd {
        let mut command = redis::cmd("EVALSHA");
        command.arg(script.hash.as_str()).arg(1);
        self.index_key(&mut command, group);
        command
    }

    fn value_key(&self, command: &mut Cmd, key: &Key) {
        match &key.group {
            Some(group) => write_argument(command, &[&self.namespace, ":{", group, "}:", &key.id]),
            None => write_argument(command, &[&self.namespace, ":{", &key.id, "}"]),
        }
    }

    fn index_key(&self, command: &mut Cmd, group: &str) {
        write_argument(command, &[&self.namespace, ":{", group, "}:"]);
    }
}

/// One argument from its parts, written into the command where it lies.
fn write_argument(command: &mut Cmd, parts: &[&str]) {
    let mut writer = command.writer_for_next_arg();
    for part in parts {
        // The writer is a vector's; there is nothing that could fail.
        let _ = writer.write_all(part.as_bytes());
    }
}

fn saved(command: &mut Cmd, mode: &str, key: &Key, value: &[u8], lifetime: Lifetime, now: Timestamp) {
    let milliseconds =
        |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(LONGEST).min(LONGEST);
    command.arg(value);
    match lifetime.idle {
        Some(idle) => command.arg(milliseconds(idle)),
        None => command.arg(""),
    };
    match lifetime.deadline {
        // How far away it is by the caller's clock: the server's may differ.
        Some(deadline) => command.arg(milliseconds(deadline.saturating_since(now))),
        None => command.arg(""),
    };
    command.arg(mode).arg(&key.id);
}

impl Request<'_> {
    /// The command with the script's code in place of its hash, for a server that has forgotten the script. One
    /// command, as the script could be forgotten again between two.
    pub(super) fn with_code(&self) -> Option<Cmd> {
        let mut command = redis::cmd("EVAL");
        command.arg(&self.script?.code);
        for argument in self.command.args_iter().skip(2) {
            if let redis::Arg::Simple(bytes) = argument {
                command.arg(bytes);
            }
        }
        Some(command)
    }
}

/// A value as it came from the server.
pub(super) struct Stored {
    bytes: Vec<u8>,
    header: Header,
}

#[derive(Clone, Copy)]
struct Header {
    created: f64,
    idle: f64,
    deadline: f64,
    last_used: f64,
}

impl Header {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (header, _) = bytes.split_first_chunk::<HEADER>()?;
        let number = |index: usize| {
            let bytes = header.get(1 + index * 8..)?.first_chunk()?;
            Some(f64::from_le_bytes(*bytes))
        };
        let parsed =
            Self { created: number(0)?, idle: number(1)?, deadline: number(2)?, last_used: number(3)? };
        (header[0] == 1).then_some(parsed)
    }

    fn lifetime(&self) -> Lifetime {
        let limit = |number: f64| (number >= 0.0).then_some(number);
        Lifetime {
            idle: limit(self.idle).map(|idle| Duration::from_millis(idle as u64)),
            deadline: limit(self.deadline).map(timestamp),
        }
    }
}

impl Stored {
    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        self.bytes.drain(..HEADER);
        self.bytes
    }

    /// The server's time in milliseconds when it was last touched; right after a touch that is the present.
    pub(super) fn last_used(&self) -> i64 {
        self.header.last_used as i64
    }

    /// Whether the last use is so near that a touch would change nothing worth a write.
    pub(super) fn is_fresh(&self, server_now: i64) -> bool {
        let Header { idle, last_used, .. } = self.header;
        let untouched =
            if idle < 0.0 { LONGEST_UNTOUCHED } else { (idle / TOUCHED_PARTS).min(LONGEST_UNTOUCHED) };
        // A clock that was set back makes the distance negative; then the server decides.
        (0.0..untouched).contains(&(server_now as f64 - last_used))
    }
}

/// The value of a `GET` or a touch.
pub(super) fn stored(answer: Value) -> Result<Option<Stored>> {
    match answer {
        Value::Nil => Ok(None),
        Value::BulkString(bytes) => match Header::parse(&bytes) {
            Some(header) => Ok(Some(Stored { bytes, header })),
            None => Err(strange("a key holds what Jam did not write")),
        },
        _ => Err(strange("a value is no text")),
    }
}

/// A script's number.
pub(super) fn count(answer: &Value) -> Result<u64> {
    match answer {
        Value::Int(number) => u64::try_from(*number).map_err(|_| strange("a count is negative")),
        _ => Err(strange("a count is no number")),
    }
}

pub(super) fn renamed(answer: &Value) -> Result<Renamed> {
    match count(answer)? {
        0 => Ok(Renamed::Missing),
        1 => Ok(Renamed::Moved),
        _ => Ok(Renamed::Conflict),
    }
}

pub(super) fn entries(answer: Value) -> Result<Vec<Entry>> {
    let Value::Array(parts) = answer else { return Err(strange("a list is no array")) };
    let mut entries = Vec::with_capacity(parts.len() / 2);
    let mut parts = parts.into_iter();
    while let (Some(Value::BulkString(id)), Some(Value::BulkString(header))) = (parts.next(), parts.next()) {
        let header = Header::parse(&header).ok_or_else(|| strange("a key holds what Jam did not write"))?;
        let id = String::from_utf8(id).map_err(|_| strange("an id is no text"))?;
        let last_used = timestamp(header.last_used);
        let expires = header.lifetime().expires(last_used);
        entries.push(Entry { id, created: timestamp(header.created), last_used: Some(last_used), expires });
    }
    entries.sort_unstable_by(|left, right| (left.created, &left.id).cmp(&(right.created, &right.id)));
    Ok(entries)
}

/// A conversion that saturates, as the header could hold anything.
fn timestamp(milliseconds: f64) -> Timestamp {
    Timestamp::from_millis(milliseconds as i64)
}

fn strange(what: &str) -> crate::Error {
    StoreError::Refused(format!("the Redis server's answer is not understood: {what}").into()).into()
}
