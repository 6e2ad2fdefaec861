//! Values in the memory of this process: gone with it, and seen by no other process.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::table::{Record, Table};
use super::{
    AsyncStore, Entry, Exchange, Found, Key, Lifetime, Renamed, Replaced, Store, StoreFuture, check_note,
    check_rename,
};
use crate::process::{self, Busy};
use crate::{Result, StoreError, Timestamp};

/// Enough that threads seldom meet in one. A single lock would serve two cores as well, and not sixteen.
const SHARDS: usize = 16;

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
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self { shards: Default::default(), hasher: RandomState::new(), closed: AtomicBool::new(false) }
    }

    fn enter(&self) -> Result<Busy> {
        if self.closed.load(Ordering::Acquire) {
            return Err(StoreError::Closed.into());
        }
        Ok(process::busy())
    }

    fn on_key<R>(&self, key: &Key, work: impl FnOnce(&mut Table) -> R) -> Result<R> {
        self.on_shard(key.group.as_deref().unwrap_or(&key.id), work)
    }

    fn on_shard<R>(&self, name: &str, work: impl FnOnce(&mut Table) -> R) -> Result<R> {
        let _busy = self.enter()?;
        Ok(work(&mut self.lock(self.shard_of(name))))
    }

    fn shard_of(&self, name: &str) -> usize {
        // The remainder of a division by SHARDS fits every width.
        (self.hasher.hash_one(name) % SHARDS as u64) as usize
    }

    fn lock(&self, shard: usize) -> MutexGuard<'_, Table> {
        // An operation does not panic half-way, so a poisoned lock guards a whole table.
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn get(&self, key: &Key, now: Timestamp) -> Result<Option<Vec<u8>>> {
        self.on_key(key, |table| table.get(key, now).map(|record| record.value.clone()))
    }

    fn touch(&self, key: &Key, now: Timestamp) -> Result<Option<Found>> {
        self.on_key(key, |table| table.touch(key, now).map(Record::found))
    }

    fn put(&self, key: &Key, value: &[u8], lifetime: Lifetime, now: Timestamp) -> Result<()> {
        self.on_key(key, |table| table.put(key, value, lifetime, now))
    }

    fn put_many(&self, entries: &[(Key, Vec<u8>, Lifetime)], now: Timestamp) -> Result<()> {
        let _busy = self.enter()?;
        let shard_of = |key: &Key| self.shard_of(key.group.as_deref().unwrap_or(&key.id));
        let mut touched: Vec<usize> = entries.iter().map(|(key, ..)| shard_of(key)).collect();
        // All of them at once, in one order everywhere: two threads never wait for each other.
        touched.sort_unstable();
        touched.dedup();
        let mut tables: [Option<MutexGuard<'_, Table>>; SHARDS] = Default::default();
        for shard in touched {
            tables[shard] = Some(self.lock(shard));
        }
        for (key, value, lifetime) in entries {
            if let Some(table) = &mut tables[shard_of(key)] {
                table.put(key, value, *lifetime, now);
            }
        }
        Ok(())
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
        self.on_key(key, |table| table.insert(key, value, note, lifetime, now))
    }

    fn replace(&self, key: &Key, value: &[u8], expected: Option<&[u8]>, now: Timestamp) -> Result<Replaced> {
        self.on_key(key, |table| table.replace(key, value, expected, now))
    }

    fn rename(&self, from: &Key, to: &Key, exchange: Option<&Exchange>, now: Timestamp) -> Result<Renamed> {
        check_rename(from, to, exchange)?;
        self.on_key(from, |table| table.rename(from, to, exchange, now))
    }

    fn delete(&self, key: &Key, now: Timestamp) -> Result<bool> {
        self.on_key(key, |table| table.delete(key, now))
    }

    fn clear(&self, group: &str, keep: Option<&str>, now: Timestamp) -> Result<u64> {
        self.on_shard(group, |table| table.clear(group, keep, now))
    }

    fn list(&self, group: &str, now: Timestamp) -> Result<Vec<Entry>> {
        self.on_shard(group, |table| table.list(group, now))
    }

    fn close(&self) {
        let Ok(_busy) = self.enter() else { return };
        self.closed.store(true, Ordering::Release);
        for shard in 0..SHARDS {
            *self.lock(shard) = Table::default();
        }
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

    fn touch<'a>(&'a self, key: &'a Key, now: Timestamp) -> StoreFuture<'a, Option<Found>> {
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
        note: &'a [u8],
        lifetime: Lifetime,
        now: Timestamp,
    ) -> StoreFuture<'a, bool> {
        ready(Store::insert(self, key, value, note, lifetime, now))
    }

    fn replace<'a>(
        &'a self,
        key: &'a Key,
        value: &'a [u8],
        expected: Option<&'a [u8]>,
        now: Timestamp,
    ) -> StoreFuture<'a, Replaced> {
        ready(Store::replace(self, key, value, expected, now))
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

    fn clear<'a>(&'a self, group: &'a str, keep: Option<&'a str>, now: Timestamp) -> StoreFuture<'a, u64> {
        ready(Store::clear(self, group, keep, now))
    }

    fn list<'a>(&'a self, group: &'a str, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        ready(Store::list(self, group, now))
    }

    fn close(&self) {
        Store::close(self);
    }
}
