//! The blocking store: a few connections to each server, each used by one thread at a time.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use redis::{Cmd, Connection, ConnectionLike, RedisError, RedisResult, Value};

use super::command::{self, Commands, Request, Stored};
use super::connect::{half_way, limit, time_left};
use super::failure::{
    Failed, Next, Patience, failure, is_broken, is_forgotten, is_replaced, no_server_for_slot, too_late,
};
use super::network::{Layout, Network};
use super::servers::{Address, Servers, Target};
use super::{RedisOptions, ServerClock};
use crate::store::{
    Entry, Exchange, Found, Key, Lifetime, Renamed, Replaced, Store, check_note, check_rename,
};
use crate::{Result, StoreError, Timestamp, process};

/// A connection that lay so long may have died meanwhile; it is asked before something is entrusted to it.
const FRESH: Duration = Duration::from_secs(1);

/// A store on Redis servers, 6.2 or later, or Valkey servers.
///
/// It connects at the first use, and again by itself after a failure; a call that fails returns within the
/// time-outs of [`RedisOptions`]. What is read may be asked for twice; a write is never sent again when it is
/// unknown whether it has happened. The servers' clocks decide what is expired. A touch within a hundredth of
/// the idle time (at most a minute) after the last use is not written. A child process opens connections of its own.
///
/// In a cluster, [`put_many`](Store::put_many) is atomic for the values of one group, and one round trip to each
/// server; everything else is one round trip, and atomic.
///
/// ```no_run
/// use jam::Timestamp;
/// use jam::store::{Key, Lifetime, RedisOptions, RedisStore, Store};
///
/// let store = RedisStore::open(RedisOptions::default())?;
/// let key = Key { group: Some("owner".to_owned()), id: "one".to_owned() };
/// store.put(&key, b"value", Lifetime::default(), Timestamp::now())?;
/// # Ok::<(), jam::Error>(())
/// ```
pub struct RedisStore {
    commands: Commands,
    servers: Servers,
    options: RedisOptions,
    pool: Mutex<Pool>,
    clock: ServerClock,
    closed: AtomicBool,
}

struct Pool {
    generation: u64,
    network: Network<Vec<Kept>>,
}

impl Pool {
    fn new(servers: &Servers) -> Self {
        Self { generation: process::generation(), network: Network::new(servers, |_| Vec::new()) }
    }
}

/// A connection that nobody uses at the moment, and when it was used last.
type Kept = (Connection, Instant);

/// A connection in use.
struct Lent {
    connection: Connection,
    target: Target,
    /// Its answers must come sooner than those of others, so it is not kept.
    hurried: bool,
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RedisStore").field("options", &self.options).finish_non_exhaustive()
    }
}

impl RedisStore {
    /// Checks the options; nothing is sent before the first use.
    ///
    /// # Errors
    /// `validation.invalid` when an option cannot be used.
    pub fn open(options: RedisOptions) -> Result<Self> {
        let servers = Servers::new(&options)?;
        Ok(Self {
            commands: Commands::new(options.namespace.clone()),
            pool: Mutex::new(Pool::new(&servers)),
            servers,
            options,
            clock: ServerClock::new(),
            closed: AtomicBool::new(false),
        })
    }

    // Attempts.

    fn send(&self, request: &Request<'_>) -> Result<Value> {
        self.send_since(Instant::now(), request, None)
    }

    /// What can be read from a replica, where that is asked for; with what it does not have, the primary is asked.
    fn read(&self, started: Instant, request: &Request<'_>) -> Result<Value> {
        if !self.servers.read_from_replicas() || self.closed.load(Ordering::Acquire) {
            return self.send_since(started, request, None);
        }
        match self.ask_replica(request) {
            Some(answer) => Ok(answer),
            None => self.send_since(started, request, Some(self.servers.deadline(started))),
        }
    }

    /// The first attempt, and further ones. With `until` the first is held to that, too; else to the time-outs.
    fn send_since(&self, started: Instant, request: &Request<'_>, until: Option<Instant>) -> Result<Value> {
        let slot = self.servers.is_cluster().then(|| request.slot());
        let mut failed = match self.attempt(request, slot, None, until) {
            Ok(answer) => return Ok(answer),
            Err(failed) => failed,
        };
        let mut patience = Patience::new(&self.servers, started);
        while let Some(pause) = patience.pause(&failed.next) {
            sleep(pause);
            let mut asked = None;
            match failed.next {
                Next::Moved { slot, to } => self.pool().network.moved(slot, to),
                Next::Ask(address) => asked = Some(Target::Node(address)),
                Next::Again | Next::Fail => {}
            }
            failed = match self.attempt(request, slot, asked.as_ref(), Some(patience.deadline())) {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
        }
        Err(failed.error)
    }

    /// Asks the primary of the slot; or, this once, another server.
    fn attempt(
        &self,
        request: &Request<'_>,
        slot: Option<u16>,
        asked: Option<&Target>,
        until: Option<Instant>,
    ) -> Result<Value, Failed> {
        let lent = match asked {
            None => self.connection(slot, until),
            Some(target) => self.lend(target, until),
        };
        let mut lent = lent.map_err(|error| Failed::unsent(error, &self.servers))?;
        let answer = ask(&mut lent.connection, request, asked.is_some());
        let target = lent.target.clone();
        self.take_back(lent, answer.as_ref().err());
        answer.map_err(|error| Failed::asked(&error, request, &self.servers, &target))
    }

    /// The answer of one of the slot's replicas, if it has one.
    fn ask_replica(&self, request: &Request<'_>) -> Option<Value> {
        let slot = self.servers.is_cluster().then(|| request.slot());
        let target = self.pool().network.replica(slot)?.0.clone();
        let answer = self.lend(&target, None).and_then(|mut lent| {
            let answer = ask(&mut lent.connection, request, false);
            self.take_back(lent, answer.as_ref().err());
            answer.map_err(|error| failure(&error).into())
        });
        match answer {
            Ok(Value::Nil) => None,
            Ok(answer) => Some(answer),
            Err(_) => {
                self.pool().network.rest(slot);
                None
            }
        }
    }

    /// Puts values into a cluster, each server's in one go.
    fn put_by_server(&self, requests: &[Request<'_>]) -> Result<()> {
        let mut servers: Vec<(Target, Vec<&Request<'_>>)> = Vec::new();
        for request in requests {
            let Ok(target) = self.target(Some(request.slot()), None) else {
                self.send(request)?;
                continue;
            };
            match servers.iter_mut().find(|(known, _)| *known == target) {
                Some((_, requests)) => requests.push(request),
                None => servers.push((target, vec![request])),
            }
        }
        for (target, requests) in servers {
            let answers = match self.lend(&target, None) {
                Ok(lent) => self.put_at(lent, &requests)?,
                Err(_) => vec![Value::Nil; requests.len()],
            };
            for (request, answer) in requests.into_iter().zip(answers) {
                // What was not done, finds its way alone.
                if !matches!(answer, Value::Int(_)) {
                    self.send(request)?;
                }
            }
        }
        Ok(())
    }

    fn put_at(&self, mut lent: Lent, requests: &[&Request<'_>]) -> Result<Vec<Value>> {
        let pipeline = Request::in_one_go(requests);
        let answers = lent.connection.req_packed_commands(&pipeline.get_packed_pipeline(), 0, pipeline.len());
        self.take_back(lent, answers.as_ref().err());
        answers.map_err(|error| failure(&error).into())
    }

    // Connections.

    /// A connection to the primary of the slot.
    fn connection(&self, slot: Option<u16>, until: Option<Instant>) -> Result<Lent> {
        let known = self.pool().network.primary(slot).map(|(target, kept)| (target.clone(), kept.pop()));
        match known {
            Some((target, Some(kept))) => self.lend_kept(target, Some(kept), until),
            _ => self.lend(&self.target(slot, until)?, until),
        }
    }

    /// The primary of the slot.
    fn target(&self, slot: Option<u16>, until: Option<Instant>) -> Result<Target> {
        if self.closed.load(Ordering::Acquire) {
            return Err(StoreError::Closed.into());
        }
        if let Some((target, _)) = self.pool().network.primary(slot) {
            return Ok(target.clone());
        }
        let layout = self.ask_for_layout(self.connected_until(until))?;
        let mut pool = self.pool();
        pool.network.arrange(&layout);
        match pool.network.primary(slot) {
            Some((target, _)) => Ok(target.clone()),
            None => Err(no_server_for_slot().into()),
        }
    }

    /// A connection that was kept, or a new one. With `until`, its answer has to come by then.
    fn lend(&self, target: &Target, until: Option<Instant>) -> Result<Lent> {
        let kept = self.pool().network.known(target).and_then(Vec::pop);
        self.lend_kept(target.clone(), kept, until)
    }

    fn lend_kept(&self, target: Target, kept: Option<Kept>, until: Option<Instant>) -> Result<Lent> {
        let hurry = until.map(time_left).filter(|left| *left < self.servers.response_timeout);
        let kept = match kept {
            Some(kept) => self.still_good(&target, kept, hurry)?,
            None => None,
        };
        let connection = match kept {
            Some(connection) => connection,
            None => self.connect(&target, until)?,
        };
        if let Some(left) = hurry {
            limit(&connection, left)?;
        }
        Ok(Lent { connection, target, hurried: hurry.is_some() })
    }

    /// The connection, unless it has died while nobody used it.
    fn still_good(
        &self,
        target: &Target,
        (mut connection, used): Kept,
        hurry: Option<Duration>,
    ) -> Result<Option<Connection>> {
        if used.elapsed() < FRESH {
            return Ok(Some(connection));
        }
        if let Some(left) = hurry {
            limit(&connection, left)?;
        }
        match connection.req_command(&redis::cmd("PING")) {
            Err(error) if is_broken(&error) => {
                self.doubt(target);
                if error.is_timeout() { Err(failure(&error).into()) } else { Ok(None) }
            }
            _ => Ok(Some(connection)),
        }
    }

    fn connect(&self, target: &Target, until: Option<Instant>) -> Result<Connection> {
        let connected = self.servers.connect(target, self.connected_until(until));
        connected.inspect_err(|_| self.doubt(target)).map_err(Into::into)
    }

    /// Keeps the connection for the next call, unless it is broken.
    fn take_back(&self, lent: Lent, error: Option<&RedisError>) {
        // A connection with an answer still to come is never used again: the next caller would get it.
        if error.is_some_and(|error| is_broken(error) || self.servers.can_change() && is_replaced(error)) {
            // What broke this one has most likely broken the others.
            self.doubt(&lent.target);
            return;
        }
        if lent.hurried || self.closed.load(Ordering::Acquire) {
            return;
        }
        let mut pool = self.pool();
        if let Some(kept) = pool.network.known(&lent.target)
            && kept.len() < self.servers.pool_size
        {
            kept.push((lent.connection, Instant::now()));
        }
    }

    fn doubt(&self, target: &Target) {
        self.pool().network.doubt(target);
        if self.servers.can_change() {
            self.clock.forget();
        }
    }

    fn connected_until(&self, until: Option<Instant>) -> Instant {
        let connected = Instant::now() + self.servers.connect_timeout;
        until.map_or(connected, |until| until.min(connected))
    }

    /// Asks which server has which slots.
    fn ask_for_layout(&self, until: Instant) -> Result<Layout> {
        let witnesses = self.pool().network.witnesses(&self.servers);
        let mut failed = None;
        for witness in &witnesses {
            // Half of the time that is left, so that one that hangs leaves some to the others.
            let Ok(half) = half_way(until) else { break };
            match self.ask_witness(witness, half) {
                Ok(layout) => return Ok(layout),
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.unwrap_or_else(|| too_late().into()))
    }

    fn ask_witness(&self, witness: &Address, until: Instant) -> Result<Layout> {
        let mut lent = self.lend(&Target::Node(witness.clone()), Some(until))?;
        let answer = lent.connection.req_command(&command::slots()).and_then(Value::extract_error);
        self.take_back(lent, answer.as_ref().err());
        command::layout(&answer.map_err(|error| failure(&error))?, witness)
    }

    fn pool(&self) -> PoolGuard<'_> {
        let busy = process::busy();
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        if pool.generation != process::generation() {
            // They are the parent's. Closing a socket here leaves it open there.
            *pool = Pool::new(&self.servers);
        }
        PoolGuard { pool, _busy: busy }
    }

    // Answers.

    fn stored(&self, request: &Request<'_>) -> Result<Option<Stored>> {
        command::stored(self.send(request)?)
    }

    fn count(&self, request: &Request<'_>) -> Result<u64> {
        command::count(&self.send(request)?)
    }
}

fn ask(connection: &mut Connection, request: &Request<'_>, asking: bool) -> RedisResult<Value> {
    match say(connection, &request.command, asking) {
        Err(error) if is_forgotten(&error) => match request.with_code() {
            Some(command) => say(connection, &command, asking),
            None => Err(error),
        },
        answer => answer,
    }
}

fn say(connection: &mut Connection, command: &Cmd, asking: bool) -> RedisResult<Value> {
    if !asking {
        return connection.req_command(command).and_then(Value::extract_error);
    }
    let both = command::after_asking(command);
    let mut answers = connection.req_packed_commands(&both.get_packed_pipeline(), 0, both.len())?;
    answers.pop().unwrap_or(Value::Nil).extract_error()
}

/// The pool, locked, with forks held off.
struct PoolGuard<'a> {
    pool: MutexGuard<'a, Pool>,
    _busy: process::Busy,
}

impl std::ops::Deref for PoolGuard<'_> {
    type Target = Pool;

    fn deref(&self) -> &Pool {
        &self.pool
    }
}

impl std::ops::DerefMut for PoolGuard<'_> {
    fn deref_mut(&mut self) -> &mut Pool {
        &mut self.pool
    }
}

impl Store for RedisStore {
    fn get(&self, key: &Key, _now: Timestamp) -> Result<Option<Vec<u8>>> {
        let stored = command::stored(self.read(Instant::now(), &self.commands.get(key))?)?;
        Ok(stored.map(Stored::into_bytes))
    }

    fn get_many(&self, keys: &[Key], _now: Timestamp) -> Result<Vec<Option<Vec<u8>>>> {
        let (started, all) = (Instant::now(), self.commands.get_many(keys));
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        if !self.servers.is_cluster() {
            return command::all_stored(self.send(&all)?);
        }
        if command::are_together(keys) {
            match self.attempt(&all, Some(all.slot()), None, None) {
                Ok(answer) => return command::all_stored(answer),
                Err(Failed { next: Next::Fail, error }) => return Err(error),
                Err(_) => {}
            }
        }
        // Each one finds its way alone, also while its slot is moving.
        let get = |key| {
            let answer =
                self.send_since(started, &self.commands.get(key), Some(self.servers.deadline(started)));
            Ok(command::stored(answer?)?.map(Stored::into_bytes))
        };
        keys.iter().map(get).collect()
    }

    fn touch(&self, key: &Key, _now: Timestamp) -> Result<Option<Found>> {
        let now = Instant::now();
        if let Some(server_now) = self.clock.at(now) {
            let stored = command::stored(self.read(now, &self.commands.get(key))?)?;
            if stored.as_ref().is_none_or(|stored| stored.is_fresh(server_now)) {
                return Ok(stored.map(Stored::found));
            }
        }
        let stored = self.stored(&self.commands.touch(key))?;
        if let Some(stored) = &stored {
            self.clock.set(stored.last_used());
        }
        Ok(stored.map(Stored::found))
    }

    fn put(&self, key: &Key, value: &[u8], lifetime: Lifetime, now: Timestamp) -> Result<()> {
        self.send(&self.commands.put(key, value, lifetime, now)).map(drop)
    }

    fn put_many(&self, entries: &[(Key, Vec<u8>, Lifetime)], now: Timestamp) -> Result<()> {
        if self.servers.is_cluster() {
            return self.put_by_server(&self.commands.put_by_slot(entries, now));
        }
        self.send(&self.commands.put_many(entries, now)).map(drop)
    }

    fn insert(
        &self,
        key: &Key,
        value: &[u8],
        note: &[u8],
        lifetime: Lifetime,
        now: Timestamp,
    ) -> Result<bool> {
        check_note(note)?;
        Ok(self.count(&self.commands.insert(key, value, note, lifetime, now))? > 0)
    }

    fn replace(&self, key: &Key, value: &[u8], expected: Option<&[u8]>, _now: Timestamp) -> Result<Replaced> {
        command::replaced(&self.send(&self.commands.replace(key, value, expected))?)
    }

    fn rename(&self, from: &Key, to: &Key, exchange: Option<&Exchange>, _now: Timestamp) -> Result<Renamed> {
        check_rename(from, to, exchange)?;
        command::renamed(&self.send(&self.commands.rename(from, to, exchange))?)
    }

    fn delete(&self, key: &Key, _now: Timestamp) -> Result<bool> {
        Ok(self.count(&self.commands.delete(key))? > 0)
    }

    fn clear(&self, group: &str, keep: Option<&str>, _now: Timestamp) -> Result<u64> {
        self.count(&self.commands.clear(group, keep))
    }

    fn list(&self, group: &str, _now: Timestamp) -> Result<Vec<Entry>> {
        command::entries(self.send(&self.commands.list(group))?)
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Release);
        *self.pool() = Pool::new(&self.servers);
    }
}
