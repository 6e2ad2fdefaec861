//! What is said to the server, and what its answers mean: the part of the Redis stores that knows no socket.
//!
//! | key | holds |
//! |---|---|
//! | `NAMESPACE:{GROUP}:ID` | a value of a group: header and bytes, with its own expiry |
//! | `NAMESPACE:{GROUP}:` | the index of a group: the ids in a sorted set by expiry |
//! | `NAMESPACE:{ID}` | a value without a group |
//!
//! The braces make a cluster keep a group in one slot, and spread what has no group. What stands in them must be
//! there and not begin with the closing one; [`mark`] sees to that.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use redis::{Arg, Cmd, Pipeline, RedisWrite, Value};

use super::network::{Layout, Range, slot_of};
use super::servers::{Address, Role};
use crate::store::{Entry, Exchange, Found, Key, Lifetime, Renamed, Replaced};
use crate::{Result, StoreError, Timestamp};

/// Version, creation, idle time, deadline, last use: see `scripts/prelude.lua`.
const HEADER: usize = 1 + 4 * 8;

/// The length of the note that follows in version 2.
const NOTE_LENGTH: usize = 2;

/// The longest limit: far beyond every session, and far from where a double loses milliseconds.
const LONGEST: u64 = 1 << 50;

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

/// A value to be written.
struct Saved<'a> {
    key: &'a Key,
    value: &'a [u8],
    note: &'a [u8],
    lifetime: Lifetime,
}

impl<'a> From<&'a (Key, Vec<u8>, Lifetime)> for Saved<'a> {
    fn from((key, value, lifetime): &'a (Key, Vec<u8>, Lifetime)) -> Self {
        Self { key, value, note: b"", lifetime: *lifetime }
    }
}

/// One command, and what its sender must know of it.
pub(super) struct Request<'a> {
    pub(super) command: Cmd,
    /// Asked for by its hash: to be loaded if the server has forgotten it.
    pub(super) script: Option<&'a Script>,
    /// May be sent again when it is unknown whether the server has done it.
    pub(super) repeatable: bool,
    /// Names all keys that it uses, so that a cluster that is moving them can tell where it belongs.
    pub(super) names_all_keys: bool,
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
        Request { command, script: None, repeatable: true, names_all_keys: true }
    }

    /// The values of keys, which in a cluster must be of one group.
    pub(super) fn get_many(&self, keys: &[Key]) -> Request<'_> {
        let mut command = redis::cmd("MGET");
        for key in keys {
            self.value_key(&mut command, key);
        }
        Request { command, script: None, repeatable: true, names_all_keys: true }
    }

    pub(super) fn touch(&self, key: &Key) -> Request<'_> {
        let mut command = self.evaluate(&self.touch, key);
        command.arg(&key.id);
        Request { command, script: Some(&self.touch), repeatable: true, names_all_keys: true }
    }

    pub(super) fn put(&self, key: &Key, value: &[u8], lifetime: Lifetime, now: Timestamp) -> Request<'_> {
        self.save("put", &[Saved { key, value, note: b"", lifetime }], now)
    }

    pub(super) fn insert(
        &self,
        key: &Key,
        value: &[u8],
        note: &[u8],
        lifetime: Lifetime,
        now: Timestamp,
    ) -> Request<'_> {
        self.save("insert", &[Saved { key, value, note, lifetime }], now)
    }

    pub(super) fn put_many(&self, entries: &[(Key, Vec<u8>, Lifetime)], now: Timestamp) -> Request<'_> {
        self.save("put", &entries.iter().map(Saved::from).collect::<Vec<_>>(), now)
    }

    /// As [`Self::put_many`], in pieces that a cluster can take: one for each group and for each value without one.
    pub(super) fn put_by_slot(
        &self,
        entries: &[(Key, Vec<u8>, Lifetime)],
        now: Timestamp,
    ) -> Vec<Request<'_>> {
        let mut pieces: BTreeMap<(Option<&str>, &str), Vec<Saved<'_>>> = BTreeMap::new();
        for entry in entries {
            let alone = if entry.0.group.is_none() { entry.0.id.as_str() } else { "" };
            pieces.entry((entry.0.group.as_deref(), alone)).or_default().push(Saved::from(entry));
        }
        pieces.into_values().map(|piece| self.save("put", &piece, now)).collect()
    }

    fn save(&self, mode: &str, entries: &[Saved<'_>], now: Timestamp) -> Request<'_> {
        let mut command = redis::cmd("EVALSHA");
        let indexed = entries.iter().filter(|saved| saved.key.group.is_some()).count();
        command.arg(self.save.hash.as_str()).arg(entries.len() + indexed);
        for saved in entries {
            self.keys(&mut command, saved.key);
        }
        command.arg(mode);
        for Saved { key, value, note, lifetime } in entries {
            command.arg(value).arg(note);
            limits(&mut command, *lifetime, now);
            command.arg(&key.id).arg(if key.group.is_some() { "indexed" } else { "" });
        }
        Request { command, script: Some(&self.save), repeatable: false, names_all_keys: true }
    }

    pub(super) fn replace(&self, key: &Key, value: &[u8], expected: Option<&[u8]>) -> Request<'_> {
        let mut command = self.evaluate(&self.replace, key);
        command.arg(value).arg(&key.id);
        if let Some(expected) = expected {
            command.arg(expected);
        }
        Request { command, script: Some(&self.replace), repeatable: false, names_all_keys: true }
    }

    pub(super) fn rename(&self, from: &Key, to: &Key, exchange: Option<&Exchange>) -> Request<'_> {
        let mut command = redis::cmd("EVALSHA");
        command.arg(self.rename.hash.as_str()).arg(3);
        self.value_key(&mut command, from);
        self.value_key(&mut command, to);
        self.index_key(&mut command, from.group.as_deref().unwrap_or_default());
        command.arg(&from.id).arg(&to.id);
        if let Some(exchange) = exchange {
            command.arg(&exchange.expected).arg(&exchange.replacement).arg(&exchange.note);
        }
        Request { command, script: Some(&self.rename), repeatable: false, names_all_keys: true }
    }

    pub(super) fn delete(&self, key: &Key) -> Request<'_> {
        let mut command = self.evaluate(&self.delete, key);
        command.arg(&key.id);
        Request { command, script: Some(&self.delete), repeatable: false, names_all_keys: true }
    }

    pub(super) fn clear(&self, group: &str, keep: Option<&str>) -> Request<'_> {
        let mut command = self.evaluate_index(&self.clear, group);
        if let Some(keep) = keep {
            command.arg(keep);
        }
        Request { command, script: Some(&self.clear), repeatable: false, names_all_keys: false }
    }

    pub(super) fn list(&self, group: &str) -> Request<'_> {
        Request {
            command: self.evaluate_index(&self.list, group),
            script: Some(&self.list),
            repeatable: true,
            names_all_keys: false,
        }
    }

    fn evaluate(&self, script: &Script, key: &Key) -> Cmd {
        let mut command = redis::cmd("EVALSHA");
        command.arg(script.hash.as_str()).arg(if key.group.is_some() { 2 } else { 1 });
        self.keys(&mut command, key);
        command
    }

    fn evaluate_index(&self, script: &Script, group: &str) -> Cmd {
        let mut command = redis::cmd("EVALSHA");
        command.arg(script.hash.as_str()).arg(1);
        self.index_key(&mut command, group);
        command
    }

    /// The value's key, and that of its index if it has one.
    fn keys(&self, command: &mut Cmd, key: &Key) {
        self.value_key(command, key);
        if let Some(group) = &key.group {
            self.index_key(command, group);
        }
    }

    fn value_key(&self, command: &mut Cmd, key: &Key) {
        match &key.group {
            Some(group) => {
                write_argument(command, &[&self.namespace, ":{", mark(group), group, "}:", &key.id]);
            }
            None => write_argument(command, &[&self.namespace, ":{", &key.id, "}"]),
        }
    }

    fn index_key(&self, command: &mut Cmd, group: &str) {
        write_argument(command, &[&self.namespace, ":{", mark(group), group, "}:"]);
    }
}

/// What stands before a group that would leave nothing between the braces, so that the keys of the group would lie in
/// many slots; and before one that could be taken for such.
fn mark(group: &str) -> &'static str {
    if group.is_empty() || group.starts_with(['}', '%']) { "%" } else { "" }
}

/// One argument from its parts, written into the command where it lies.
fn write_argument(command: &mut Cmd, parts: &[&str]) {
    let mut writer = command.writer_for_next_arg();
    for part in parts {
        // The writer is a vector's; there is nothing that could fail.
        let _ = writer.write_all(part.as_bytes());
    }
}

/// The idle time and the time to the deadline.
fn limits(command: &mut Cmd, lifetime: Lifetime, now: Timestamp) {
    let milliseconds =
        |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(LONGEST).min(LONGEST);
    // How far away the deadline is by the caller's clock: the server's may differ.
    let rest = lifetime.deadline.map(|deadline| deadline.saturating_since(now));
    for limit in [lifetime.idle, rest] {
        match limit {
            Some(limit) => command.arg(milliseconds(limit)),
            None => command.arg(""),
        };
    }
}

impl Request<'_> {
    /// The slot of a cluster that its keys are in.
    pub(super) fn slot(&self) -> u16 {
        let first_key = if self.script.is_some() { 3 } else { 1 };
        match self.command.args_iter().nth(first_key) {
            Some(Arg::Simple(key)) => slot_of(key),
            _ => 0,
        }
    }

    /// Several in one go. The first brings its script along, which is that of the others, too.
    pub(super) fn in_one_go(requests: &[&Self]) -> Pipeline {
        let mut pipeline = redis::pipe();
        for (place, request) in requests.iter().enumerate() {
            let with_code = if place == 0 { request.with_code() } else { None };
            pipeline.add_command(with_code.unwrap_or_else(|| request.command.clone()));
        }
        pipeline
    }

    /// The command with the script's code in place of its hash, for a server that has forgotten the script. One
    /// command, as the script could be forgotten again between two.
    pub(super) fn with_code(&self) -> Option<Cmd> {
        let mut command = redis::cmd("EVAL");
        command.arg(&self.script?.code);
        for argument in self.command.args_iter().skip(2) {
            if let Arg::Simple(bytes) = argument {
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
    /// How long the note is that follows, with its length in front.
    noted: usize,
}

impl Header {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (header, rest) = bytes.split_first_chunk::<HEADER>()?;
        let noted = match header[0] {
            1 => 0,
            2 => NOTE_LENGTH + usize::from(u16::from_le_bytes(*rest.first_chunk()?)),
            _ => return None,
        };
        let number = |index: usize| {
            let bytes = header.get(1 + index * 8..)?.first_chunk()?;
            Some(f64::from_le_bytes(*bytes))
        };
        let (created, idle, deadline, last_used) = (number(0)?, number(1)?, number(2)?, number(3)?);
        (noted <= rest.len()).then_some(Self { created, idle, deadline, last_used, noted })
    }

    /// What is noted in what this is the header of.
    fn note(&self, bytes: &[u8]) -> Vec<u8> {
        let noted = HEADER + NOTE_LENGTH..HEADER + self.noted;
        bytes.get(noted).unwrap_or_default().to_vec()
    }

    fn expires(&self) -> Option<Timestamp> {
        self.lifetime().expires(timestamp(self.last_used))
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
        self.bytes.drain(..HEADER + self.header.noted);
        self.bytes
    }

    pub(super) fn found(self) -> Found {
        let Header { created, .. } = self.header;
        let (note, expires) = (self.header.note(&self.bytes), self.header.expires());
        Found { value: self.into_bytes(), note, created: timestamp(created), expires }
    }

    /// The server's time in milliseconds when it was last touched; right after a touch that is the present.
    pub(super) fn last_used(&self) -> i64 {
        self.header.last_used as i64
    }

    /// Whether the last use is so near that a touch would change nothing worth a write.
    pub(super) fn is_fresh(&self, server_now: i64) -> bool {
        // Until then a touch is a plain `GET`. At 256 tasks a script costs a third of its throughput, and every touch a
        // write in the server's log and replicas; `GETEX` is as fast, but cannot respect a deadline or move the
        // index's expiry.
        let last_used = timestamp(self.header.last_used);
        !self.header.lifetime().touch_is_due(last_used, Timestamp::from_millis(server_now))
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

/// The values of an `MGET`.
pub(super) fn all_stored(answer: Value) -> Result<Vec<Option<Vec<u8>>>> {
    match answer {
        Value::Array(values) => {
            values.into_iter().map(|value| Ok(stored(value)?.map(Stored::into_bytes))).collect()
        }
        _ => Err(strange("values are no list")),
    }
}

/// Whether all keys are in one slot.
pub(super) fn are_together(keys: &[Key]) -> bool {
    match keys {
        [] | [_] => true,
        [first, rest @ ..] => first.group.is_some() && rest.iter().all(|key| key.group == first.group),
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

pub(super) fn replaced(answer: &Value) -> Result<Replaced> {
    match count(answer)? {
        0 => Ok(Replaced::Missing),
        1 => Ok(Replaced::Done),
        _ => Ok(Replaced::Conflict),
    }
}

pub(super) fn entries(answer: Value) -> Result<Vec<Entry>> {
    let Value::Array(parts) = answer else { return Err(strange("a list is no array")) };
    let mut entries = Vec::with_capacity(parts.len() / 2);
    let mut parts = parts.into_iter();
    while let (Some(Value::BulkString(id)), Some(Value::BulkString(front))) = (parts.next(), parts.next()) {
        let header = Header::parse(&front).ok_or_else(|| strange("a key holds what Jam did not write"))?;
        let id = String::from_utf8(id).map_err(|_| strange("an id is no text"))?;
        entries.push(Entry {
            id,
            note: header.note(&front),
            created: timestamp(header.created),
            last_used: Some(timestamp(header.last_used)),
            expires: header.expires(),
        });
    }
    entries.sort_unstable_by(|left, right| (left.created, &left.id).cmp(&(right.created, &right.id)));
    Ok(entries)
}

/// Asks a server what it is. In place of `ROLE`, for which a user would need a right that nothing else needs.
pub(super) fn role() -> Cmd {
    redis::cmd("HELLO")
}

pub(super) fn role_of(answer: &Value) -> Option<Role> {
    let role = field(answer, "role")?;
    Some(if role == "master" { Role::Primary } else { Role::Replica })
}

/// Asks a sentinel which server is the primary.
pub(super) fn primary_of(name: &str) -> Cmd {
    let mut command = redis::cmd("SENTINEL");
    command.arg("GET-MASTER-ADDR-BY-NAME").arg(name);
    command
}

/// `None`: the sentinel knows no primary of this name.
pub(super) fn primary_address(answer: &Value) -> Option<Address> {
    let Value::Array(parts) = answer else { return None };
    let [host, port] = parts.as_slice() else { return None };
    Some(Address { host: text(host)?.to_owned(), port: text(port)?.parse().ok()? })
}

/// Asks a sentinel for the replicas.
pub(super) fn replicas_of(name: &str) -> Cmd {
    let mut command = redis::cmd("SENTINEL");
    command.arg("REPLICAS").arg(name);
    command
}

/// Those that are up and follow their primary.
pub(super) fn replica_addresses(answer: &Value) -> Vec<Address> {
    let Value::Array(replicas) = answer else { return Vec::new() };
    let address = |replica: &Value| {
        let flags = field(replica, "flags")?;
        let is_up = !["s_down", "o_down", "disconnected"].iter().any(|flag| flags.contains(flag));
        let follows = field(replica, "master-link-status")? == "ok";
        let host = field(replica, "ip")?.to_owned();
        (is_up && follows).then_some(Address { host, port: field(replica, "port")?.parse().ok()? })
    };
    replicas.iter().filter_map(address).collect()
}

/// Asks a server of a cluster which slots are where.
pub(super) fn slots() -> Cmd {
    let mut command = redis::cmd("CLUSTER");
    command.arg("SLOTS");
    command
}

/// A server that does not know its own name is known by that under which it was `asked`.
pub(super) fn layout(answer: &Value, asked: &Address) -> Result<Layout> {
    let Value::Array(ranges) = answer else { return Err(strange("slots are no array")) };
    let ranges: Vec<Range> = ranges.iter().filter_map(|range| slot_range(range, asked)).collect();
    if ranges.is_empty() {
        let reason = "the Redis cluster has no slots yet; its servers have not been joined";
        return Err(StoreError::Unavailable(reason.into()).into());
    }
    Ok(Layout { ranges, told_by: asked.clone() })
}

/// First and last slot, the primary, the replicas.
fn slot_range(range: &Value, asked: &Address) -> Option<Range> {
    let Value::Array(parts) = range else { return None };
    let [Value::Int(first), Value::Int(last), primary, replicas @ ..] = parts.as_slice() else { return None };
    Some(Range {
        first: u16::try_from(*first).ok()?,
        last: u16::try_from(*last).ok()?,
        primary: server_address(primary, asked)?,
        replicas: replicas.iter().filter_map(|replica| server_address(replica, asked)).collect(),
    })
}

fn server_address(server: &Value, asked: &Address) -> Option<Address> {
    let Value::Array(parts) = server else { return None };
    let [host, Value::Int(port), ..] = parts.as_slice() else { return None };
    let port = u16::try_from(*port).ok()?;
    match host {
        Value::Nil => Some(asked.with_port(port)),
        host => match text(host)? {
            "" => Some(asked.with_port(port)),
            // It does not know where that server is.
            "?" => None,
            host => Some(Address { host: host.to_owned(), port }),
        },
    }
}

/// A command for a slot that is being moved to the server which is asked: two in one go, as what lets it in is good for
/// the next command only, whoever sends that.
pub(super) fn after_asking(command: &Cmd) -> Pipeline {
    let mut pipeline = redis::pipe();
    pipeline.cmd("ASKING").add_command(command.clone());
    pipeline
}

/// Lets a replica of a cluster answer what it knows.
pub(super) fn readonly() -> Cmd {
    redis::cmd("READONLY")
}

fn field<'a>(map: &'a Value, name: &str) -> Option<&'a str> {
    let Value::Map(pairs) = map else { return None };
    let (_, value) = pairs.iter().find(|(key, _)| text(key) == Some(name))?;
    text(value)
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

/// A conversion that saturates, as the header could hold anything.
fn timestamp(milliseconds: f64) -> Timestamp {
    Timestamp::from_millis(milliseconds as i64)
}

fn strange(what: &str) -> crate::Error {
    StoreError::Refused(format!("the Redis server's answer is not understood: {what}").into()).into()
}
