//! The blocking store: a few connections, each used by one thread at a time.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redis::{Client, Connection, ConnectionLike, ProtocolVersion, RedisResult, Value};

use super::command::{self, Commands, Request};
use super::{RedisOptions, ServerClock, failure, is_broken, is_forgotten};
use crate::store::{Entry, Exchange, Key, Lifetime, Renamed, Store, check_same_group};
use crate::{Result, StoreError, Timestamp, process};

/// Connections that are kept for the next caller; more are opened when more threads call at once.
const KEPT: usize = 16;

/// A connection that lay so long may have died meanwhile; it is asked before something is entrusted to it.
const FRESH: Duration = Duration::from_secs(1);

/// A store on a Redis server, 6.2 or later, or a Valkey server.
///
/// It connects at the first use, and again by itself after a failure; a call that fails returns within the
/// time-outs of [`RedisOptions`]. What is read may be asked for twice; a write is never sent again when it is
/// unknown whether it has happened. The server's clock decides what is expired. A touch within a hundredth of
/// the idle time (at most a minute) after the last use is not written. A child process opens connections of its own.
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
    client: Client,
    options: RedisOptions,
    pool: Mutex<Pool>,
    clock: ServerClock,
    closed: AtomicBool,
}

#[derive(Default)]
struct Pool {
    generation: u64,
    idle: Vec<(Connection, Instant)>,
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
        let info = options.connection_info(ProtocolVersion::RESP2)?;
        Ok(Self {
            commands: Commands::new(options.namespace.clone()),
            client: Client::open(info).map_err(|error| failure(&error))?,
            options,
            pool: Mutex::new(Pool { generation: process::generation(), idle: Vec::new() }),
            clock: ServerClock::new(),
            closed: AtomicBool::new(false),
        })
    }

    fn send(&self, request: &Request<'_>) -> Result<Value> {
        self.with_connection(request.repeatable, |connection| {
            match connection.req_command(&request.command).and_then(Value::extract_error) {
                Err(error) if is_forgotten(&error) => match request.with_code() {
                    Some(command) => connection.req_command(&command).and_then(Value::extract_error),
                    None => Err(error),
                },
                answer => answer,
            }
        })
    }

    fn with_connection<R>(
        &self,
        repeatable: bool,
        work: impl Fn(&mut Connection) -> RedisResult<R>,
    ) -> Result<R> {
        let (mut connection, was_kept) = self.connection()?;
        match work(&mut connection) {
            Err(error) if is_broken(&error) => {
                // What broke this one has most likely broken the others.
                self.pool().idle.clear();
                if !(repeatable && was_kept && error.is_connection_dropped()) {
                    return Err(failure(&error).into());
                }
                connection = self.connect()?;
                let answer = work(&mut connection);
                self.finish(connection, answer)
            }
            answer => self.finish(connection, answer),
        }
    }

    fn finish<R>(&self, connection: Connection, answer: RedisResult<R>) -> Result<R> {
        // A connection with an answer still to come is never used again: the next caller would get it.
        if !answer.as_ref().err().is_some_and(is_broken) && !self.closed.load(Ordering::Acquire) {
            let mut pool = self.pool();
            if pool.idle.len() < KEPT {
                pool.idle.push((connection, Instant::now()));
            }
        }
        answer.map_err(|error| failure(&error).into())
    }

    /// A connection, and whether it was used before.
    fn connection(&self) -> Result<(Connection, bool)> {
        if self.closed.load(Ordering::Acquire) {
            return Err(StoreError::Closed.into());
        }
        let kept = self.pool().idle.pop();
        let Some((mut connection, used)) = kept else { return Ok((self.connect()?, false)) };
        if used.elapsed() < FRESH {
            return Ok((connection, true));
        }
        match connection.req_command(&redis::cmd("PING")) {
            Err(error) if is_broken(&error) => {
                self.pool().idle.clear();
                if error.is_timeout() {
                    return Err(failure(&error).into());
                }
                Ok((self.connect()?, false))
            }
            _ => Ok((connection, true)),
        }
    }

    fn connect(&self) -> Result<Connection> {
        let timeout = Some(self.options.response_timeout);
        let connect = || {
            let connection = self.client.get_connection_with_timeout(self.options.connect_timeout)?;
            connection.set_read_timeout(timeout)?;
            connection.set_write_timeout(timeout)?;
            Ok(connection)
        };
        connect().map_err(|error| failure(&error).into())
    }

    fn pool(&self) -> PoolGuard<'_> {
        let busy = process::busy();
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        if pool.generation != process::generation() {
            // They are the parent's. Closing a socket here leaves it open there.
            *pool = Pool { generation: process::generation(), idle: Vec::new() };
        }
        PoolGuard { pool, _busy: busy }
    }
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
        let stored = command::stored(self.send(&self.commands.get(key))?)?;
        Ok(stored.map(command::Stored::into_bytes))
    }

    fn touch(&self, key: &Key, _now: Timestamp) -> Result<Option<Vec<u8>>> {
        if let Some(server_now) = self.clock.now() {
            let stored = command::stored(self.send(&self.commands.get(key))?)?;
            if stored.as_ref().is_none_or(|stored| stored.is_fresh(server_now)) {
                return Ok(stored.map(command::Stored::into_bytes));
            }
        }
        let stored = command::stored(self.send(&self.commands.touch(key))?)?;
        if let Some(stored) = &stored {
            self.clock.set(stored.last_used());
        }
        Ok(stored.map(command::Stored::into_bytes))
    }

    fn put(&self, key: &Key, value: &[u8], lifetime: Lifetime, now: Timestamp) -> Result<()> {
        self.send(&self.commands.put(key, value, lifetime, now)).map(drop)
    }

    fn put_many(&self, entries: &[(Key, Vec<u8>, Lifetime)], now: Timestamp) -> Result<()> {
        let transaction = self.commands.put_many(entries, now);
        self.with_connection(false, |connection| transaction.query(connection))
    }

    fn insert(&self, key: &Key, value: &[u8], lifetime: Lifetime, now: Timestamp) -> Result<bool> {
        Ok(command::count(&self.send(&self.commands.insert(key, value, lifetime, now))?)? > 0)
    }

    fn replace(&self, key: &Key, value: &[u8], _now: Timestamp) -> Result<bool> {
        Ok(command::count(&self.send(&self.commands.replace(key, value))?)? > 0)
    }

    fn rename(&self, from: &Key, to: &Key, exchange: Option<&Exchange>, _now: Timestamp) -> Result<Renamed> {
        check_same_group(from, to)?;
        command::renamed(&self.send(&self.commands.rename(from, to, exchange))?)
    }

    fn delete(&self, key: &Key, _now: Timestamp) -> Result<bool> {
        Ok(command::count(&self.send(&self.commands.delete(key))?)? > 0)
    }

    fn clear(&self, group: &str, _now: Timestamp) -> Result<u64> {
        command::count(&self.send(&self.commands.clear(group))?)
    }

    fn list(&self, group: &str, _now: Timestamp) -> Result<Vec<Entry>> {
        command::entries(self.send(&self.commands.list(group))?)
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.pool().idle.clear();
    }
}
