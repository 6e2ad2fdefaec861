//! Values in the memory of this process: gone with it, and seen by no other process.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use super::table::Table;
use super::{AsyncStore, Entry, Exchange, Key, Lifetime, Renamed, Store, StoreFuture, check_same_group};
use crate::{Result, StoreError, Timestamp, process};

/// Enough that threads seldom meet in one. A single lock would serve two cores as well, and not sixteen.
const SHARDS: usize = 16;

/// How often a child of a fork tries, 0.1 ms apart, to get a lock that its parent may have held in the fork.
const TRIES_AFTER_FORK: u32 = 10_000;

/// A store in memory, blocking and asynchronous alike: it never waits for anything but another thread's
/// operation. Expired values are removed by the writes that follow, a few at a time; no thread runs for it.
///
/// A child process made by `fork` starts with what its parent had, and shares nothing with it from then on.
///
/// ```
/// use std::time::Duration;
/// use jam::Timestamp;
/// use jam::store::{Key, Lifetime, MemoryStore, Store};
///
/// let store = MemoryStore::new();
/// let key = Key { group: None, id: "state".to_owned() };
/// let ten_minutes = Lifetime { idle: Some(Duration::from_secs(600)), deadline: None };
/// let start = Timestamp::from_seconds(0);
/// store.put(&key, b"value", ten_minutes, start)?;
/// assert_eq!(store.get(&key, Timestamp::from_seconds(599))?, Some(b"value".to_vec()));
/// assert_eq!(store.get(&key, Timestamp::from_seconds(600))?, None);
/// # Ok::<(), jam::Error>(())
/// ```
#[derive(Debug)]
pub struct MemoryStore {
    /// A group lies in one shard as a whole.
    shards: [Mutex<Table>; SHARDS],
    hasher: RandomState,
    closed: AtomicBool,
    /// The process that made the store; in a child of it a lock may be held by a thread that does not exist.
    generation: u64,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self {
            shards: Default::default(),
            hasher: RandomState::new(),
            closed: AtomicBool::new(false),
            generation: process::generation(),
        }
    }

    fn of_key(&self, key: &Key) -> Result<MutexGuard<'_, Table>> {
        self.lock(self.shard_of(key.group.as_deref().unwrap_or(&key.id)))
    }

    fn of_group(&self, group: &str) -> Result<MutexGuard<'_, Table>> {
        self.lock(self.shard_of(group))
    }

    fn shard_of(&self, name: &str) -> usize {
        // The remainder of a division by SHARDS fits every width.
        (self.hasher.hash_one(name) % SHARDS as u64) as usize
    }

    fn lock(&self, shard: usize) -> Result<MutexGuard<'_, Table>> {
        if self.closed.load(Ordering::Acquire) {
            return Err(StoreError::Closed.into());
        }
        // An operation does not panic half-way, so a poisoned lock guards a whole table.
        if self.generation == process::generation() {
            return Ok(self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner));
        }
        self.lock_after_fork(shard)
    }

    /// If a thread of the parent held the lock in the fork, it is never released here: better an error than a hang.
    fn lock_after_fork(&self, shard: usize) -> Result<MutexGuard<'_, Table>> {
        for _ in 0..TRIES_AFTER_FORK {
            match self.shards[shard].try_lock() {
                Ok(table) => return Ok(table),
                Err(TryLockError::Poisoned(poisoned)) => return Ok(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_micros(100)),
            }
        }
        let reason = "another thread was writing to the memory store while this process was forked; \
                      make the store after the fork";
        Err(StoreError::Unavailable(reason.into()).into())
    }
}

impl Store for MemoryStore {
    fn get(&self, key: &Key, now: Timestamp) -> Result<Option<Vec<u8>>> {
        Ok(self.of_key(key)?.get(key, now).map(|record| record.value.clone()))
    }

    fn touch(&self, key: &Key, now: Timestamp) -> Result<Option<Vec<u8>>> {
        Ok(self.of_key(key)?.touch(key, now).map(|record| record.value.clone()))
    }

    fn put(&self, key: &Key, value: &[u8], lifetime: Lifetime, now: Timestamp) -> Result<()> {
        self.of_key(key)?.put(key, value, lifetime, now);
        Ok(())
    }

    fn put_many(&self, entries: &[(Key, Vec<u8>, Lifetime)], now: Timestamp) -> Result<()> {
        let mut tables: [Option<MutexGuard<'_, Table>>; SHARDS] = Default::default();
        let shard_of = |key: &Key| self.shard_of(key.group.as_deref().unwrap_or(&key.id));
        let mut touched: Vec<usize> = entries.iter().map(|(key, ..)| shard_of(key)).collect();
        // All of them at once, in one order everywhere: two threads never wait for each other.
        touched.sort_unstable();
        touched.dedup();
        for shard in touched {
            tables[shard] = Some(self.lock(shard)?);
        }
        for (key, value, lifetime) in entries {
            if let Some(table) = &mut tables[shard_of(key)] {
                table.put(key, value, *lifetime, now);
            }
        }
        Ok(())
    }

    fn insert(&self, key: &Key, value: &[u8], lifetime: Lifetime, now: Timestamp) -> Result<bool> {
        Ok(self.of_key(key)?.insert(key, value, lifetime, now))
    }

    fn replace(&self, key: &Key, value: &[u8], now: Timestamp) -> Result<bool> {
        Ok(self.of_key(key)?.replace(key, value, now))
    }

    fn rename(&self, from: &Key, to: &Key, exchange: Option<&Exchange>, now: Timestamp) -> Result<Renamed> {
        check_same_group(from, to)?;
        Ok(self.of_key(from)?.rename(from, to, exchange, now))
    }

    fn delete(&self, key: &Key, now: Timestamp) -> Result<bool> {
        Ok(self.of_key(key)?.delete(key, now))
    }

    fn clear(&self, group: &str, now: Timestamp) -> Result<u64> {
        Ok(self.of_group(group)?.clear(group, now))
    }

    fn list(&self, group: &str, now: Timestamp) -> Result<Vec<Entry>> {
        Ok(self.of_group(group)?.list(group, now))
    }

    fn close(&self) {
        for shard in 0..SHARDS {
            if let Ok(mut table) = self.lock(shard) {
                *table = Table::default();
            }
        }
        self.closed.store(true, Ordering::Release);
    }
}

/// Already answered: nothing here waits for more than another thread's operation.
fn ready<'a, T: Send + 'a>(answer: Result<T>) -> StoreFuture<'a, T> {
    Box::pin(std::future::ready(answer))
}

impl AsyncStore for MemoryStore {
    fn get<'a>(&'a self, key: &'a Key, now: Timestamp) -> StoreFuture<'a, Option<Vec<u8>>> {
        ready(Store::get(self, key, now))
    }

    fn touch<'a>(&'a self, key: &'a Key, now: Timestamp) -> StoreFuture<'a, Option<Vec<u8>>> {
        ready(Store::touch(self, key, now))
    }

    fn put<'a>(
        &'a self,
        key: &'a Key,
        value: &'a [u8],
        lifetime: Lifetime,
        now: Timestamp,
    ) -> StoreFuture<'a, ()> {
        ready(Store::put(self, key, value, lifetime, now))
    }

    fn put_many<'a>(
        &'a self,
        entries: &'a [(Key, Vec<u8>, Lifetime)],
        now: Timestamp,
    ) -> StoreFuture<'a, ()> {
        ready(Store::put_many(self, entries, now))
    }

    fn insert<'a>(
        &'a self,
        key: &'a Key,
        value: &'a [u8],
        lifetime: Lifetime,
        now: Timestamp,
    ) -> StoreFuture<'a, bool> {
        ready(Store::insert(self, key, value, lifetime, now))
    }

    fn replace<'a>(&'a self, key: &'a Key, value: &'a [u8], now: Timestamp) -> StoreFuture<'a, bool> {
        ready(Store::replace(self, key, value, now))
    }

    fn rename<'a>(
        &'a self,
        from: &'a Key,
        to: &'a Key,
        exchange: Option<&'a Exchange>,
        now: Timestamp,
    ) -> StoreFuture<'a, Renamed> {
        ready(Store::rename(self, from, to, exchange, now))
    }

    fn delete<'a>(&'a self, key: &'a Key, now: Timestamp) -> StoreFuture<'a, bool> {
        ready(Store::delete(self, key, now))
    }

    fn clear<'a>(&'a self, group: &'a str, now: Timestamp) -> StoreFuture<'a, u64> {
        ready(Store::clear(self, group, now))
    }

    fn list<'a>(&'a self, group: &'a str, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        ready(Store::list(self, group, now))
    }

    fn close(&self) {
        Store::close(self);
    }
}
