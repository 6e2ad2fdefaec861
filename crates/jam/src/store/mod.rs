//! Where sessions, token lists and one-time states are kept. A backend is written once and serves them all.
//!
//! A store keeps opaque bytes under a [`Key`] for a [`Lifetime`]. What is expired is gone: no method ever
//! answers with it. The two traits say the same; [`Store`] blocks, [`AsyncStore`] is awaited.

#[cfg(feature = "testing")]
pub mod contract;
mod file;
mod file_store;
mod group_commit;
mod json;
mod lock;
mod memory;
mod postgres;
mod redis;
mod sqlite;
mod table;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

pub use file_store::FileStore;
pub use json::JsonStore;
pub use memory::MemoryStore;
pub use postgres::{
    AsyncPostgresStore, PostgresClientCertificate, PostgresOptions, PostgresStore, PostgresTls,
};
pub use redis::{
    AsyncRedisStore, RedisClientCertificate, RedisOptions, RedisSentinel, RedisServers, RedisStore, RedisTls,
};
pub use sqlite::SqliteStore;

use crate::{Error, Result, Timestamp};

/// Where a value lives. Both parts are made by Jam from hashes, in the alphabet of base64url; users' text
/// never gets here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// All keys of one owner share a group, can be listed and cleared together, and live in one slot of a
    /// cluster. `None`: the key stands alone, and is in no index.
    pub group: Option<String>,
    /// The key within its group.
    pub id: String,
}

/// A touch is written down once this part of the idle time has gone by since the last use. That spares a busy
/// session's writes: a page with twenty requests for one session is one write, not twenty.
const TOUCHED_PARTS: u32 = 100;

/// However long the idle time, and without one, the last use is exact to so much.
const LONGEST_UNTOUCHED: Duration = Duration::from_secs(60);

/// The longest note that can stand beside a value, in bytes.
pub const MAX_NOTE: usize = 4096;

/// How long a value lives. Both limits hold; with neither, until it is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lifetime {
    /// Expires so long after it was last written or touched.
    pub idle: Option<Duration>,
    /// Expires then, however often it was touched.
    pub deadline: Option<Timestamp>,
}

impl Lifetime {
    /// When a value that was last used then is gone; `None`: never.
    pub(crate) fn expires(&self, last_used: Timestamp) -> Option<Timestamp> {
        let idle_ends = self.idle.map(|idle| last_used + idle);
        match (idle_ends, self.deadline) {
            (Some(idle_ends), Some(deadline)) => Some(idle_ends.min(deadline)),
            (idle_ends, deadline) => idle_ends.or(deadline),
        }
    }

    /// Whether a use at `now` is to be written down, as the one written down last is too long ago: a hundredth of the idle
    /// time, and never more than a minute. Until then a [`Store::touch`] may leave everything as it is.
    ///
    /// ```
    /// use std::time::Duration;
    /// use jam::{Timestamp, store::Lifetime};
    ///
    /// let half_an_hour = Lifetime { idle: Some(Duration::from_secs(1800)), deadline: None };
    /// let last_used = Timestamp::from_seconds(1_700_000_000);
    /// assert!(!half_an_hour.touch_is_due(last_used, last_used + Duration::from_secs(17)));
    /// assert!(half_an_hour.touch_is_due(last_used, last_used + Duration::from_secs(18)));
    /// ```
    pub fn touch_is_due(&self, last_used: Timestamp, now: Timestamp) -> bool {
        let untouched =
            self.idle.map_or(LONGEST_UNTOUCHED, |idle| (idle / TOUCHED_PARTS).min(LONGEST_UNTOUCHED));
        // Also when a clock was set back, but not for the little by which those of two threads differ.
        let distance = now.as_millis().abs_diff(last_used.as_millis());
        u128::from(distance) >= untouched.as_millis().max(1)
    }
}

/// What [`Store::touch`] finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The bytes.
    pub value: Vec<u8>,
    /// What was noted when it was inserted; empty for nothing.
    pub note: Vec<u8>,
    /// When it was first put or inserted; a rename keeps it.
    pub created: Timestamp,
    /// When it will be gone, if nothing touches it.
    pub expires: Option<Timestamp>,
}

/// What [`Store::list`] tells of a live key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key within its group.
    pub id: String,
    /// What was noted when it was inserted; empty for nothing.
    pub note: Vec<u8>,
    /// When it was first put or inserted; a rename keeps it.
    pub created: Timestamp,
    /// When it was last written or touched, where the store knows.
    pub last_used: Option<Timestamp>,
    /// When it will be gone, if nothing touches it.
    pub expires: Option<Timestamp>,
}

/// What [`Store::replace`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// The key holds the new bytes.
    Done,
    /// The key holds nothing live. Nothing was changed.
    Missing,
    /// The key holds bytes that do not begin as expected. Nothing was changed.
    Conflict,
}

/// New bytes and a new note for a value that is moved, if the old bytes are still those that the caller has read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// What the bytes begin with that the caller has read: as many of them as tell them apart from all others.
    pub expected: Vec<u8>,
    /// The bytes to be found under the new key.
    pub replacement: Vec<u8>,
    /// The note to be found beside them: at most [`MAX_NOTE`] bytes.
    pub note: Vec<u8>,
}

/// What [`Store::rename`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renamed {
    /// The value is under the new key, and the old key is gone.
    Moved,
    /// The old key holds nothing live. Nothing was changed.
    Missing,
    /// The old key holds bytes that do not begin as expected, or the new key is taken. Nothing was changed.
    Conflict,
}

/// A namespace is part of keys and files that people look at, and of Redis's hash tags.
fn check_namespace(namespace: &str) -> Result<()> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'{' | b'}') || byte == b' ';
    if (1..=128).contains(&namespace.len()) && namespace.bytes().all(is_plain) {
        return Ok(());
    }
    Err(Error::validation("a store's namespace is 1 to 128 printable ASCII characters without braces"))
}

fn check_note(note: &[u8]) -> Result<()> {
    if note.len() <= MAX_NOTE {
        return Ok(());
    }
    Err(Error::validation(format!("a note beside a value has at most {MAX_NOTE} bytes")))
}

/// What [`Store::rename`] asks of its arguments.
fn check_rename(from: &Key, to: &Key, exchange: Option<&Exchange>) -> Result<()> {
    check_same_group(from, to)?;
    exchange.map_or(Ok(()), |exchange| check_note(&exchange.note))
}

/// [`Store::rename`] stays within a group, because in a cluster only a group lives in one place.
fn check_same_group(from: &Key, to: &Key) -> Result<()> {
    if from.group.is_some() && from.group == to.group {
        return Ok(());
    }
    Err(Error::validation("a key can be renamed within its group only; give both keys the same group"))
}

/// A blocking key-value store with expiry. Every method is atomic between threads and processes that share it.
///
/// `now` is the caller's clock in milliseconds. A store on a server uses the server's clock instead.
pub trait Store: Send + Sync {
    /// The bytes, untouched: reading does not prolong the life.
    fn get(&self, key: &Key, now: Timestamp) -> Result<Option<Vec<u8>>>;
    /// The bytes under each of the keys, in their order, as [`Store::get`] reads them but never from a replica: what has been
    /// written is seen. Keys of one group are one round trip.
    fn get_many(&self, keys: &[Key], now: Timestamp) -> Result<Vec<Option<Vec<u8>>>> {
        keys.iter().map(|key| self.get(key, now)).collect()
    }
    /// The bytes and what is known of them, and the idle time starts anew. Reads first: a key that holds nothing live is
    /// never written to, and one that does only when [`Lifetime::touch_is_due`], so that the last use may be told a little
    /// too early.
    fn touch(&self, key: &Key, now: Timestamp) -> Result<Option<Found>>;
    /// Writes, whether or not the key is there; a note that stood beside it is gone.
    fn put(&self, key: &Key, value: &[u8], lifetime: Lifetime, now: Timestamp) -> Result<()>;
    /// Writes all of them in one go; what is there is overwritten.
    fn put_many(&self, entries: &[(Key, Vec<u8>, Lifetime)], now: Timestamp) -> Result<()>;
    /// Writes only if the key is absent or expired; `false`: it was there, and nothing was changed. `note` stands beside
    /// the value as long as that lives, and [`Store::list`] tells it: at most [`MAX_NOTE`] bytes, empty for nothing.
    fn insert(
        &self,
        key: &Key,
        value: &[u8],
        note: &[u8],
        lifetime: Lifetime,
        now: Timestamp,
    ) -> Result<bool>;
    /// New bytes, only if the key is live; keeps creation, note and deadline, and the idle time starts anew. With
    /// `expected` only if the old bytes begin with these: a revision in front of them tells whether they have changed.
    fn replace(&self, key: &Key, value: &[u8], expected: Option<&[u8]>, now: Timestamp) -> Result<Replaced>;
    /// Moves a live value to a new key of the same group, with its creation, note, idle time and deadline; the idle time
    /// starts anew. With an [`Exchange`] bytes and note change on the way. Keys of two groups, or of none, are refused.
    fn rename(&self, from: &Key, to: &Key, exchange: Option<&Exchange>, now: Timestamp) -> Result<Renamed>;
    /// Removes; `false`: nothing live was there.
    fn delete(&self, key: &Key, now: Timestamp) -> Result<bool>;
    /// Removes all keys of the group but the id to `keep`, and says how many live ones there were.
    fn clear(&self, group: &str, keep: Option<&str>, now: Timestamp) -> Result<u64>;
    /// The live keys of the group, oldest first.
    fn list(&self, group: &str, now: Timestamp) -> Result<Vec<Entry>>;
    /// Lets go of files and connections; later calls fail with [`StoreError::Closed`](crate::StoreError::Closed). Closing twice is fine.
    fn close(&self);
}

/// The future that an [`AsyncStore`] answers with. Boxed, so that stores can be chosen by configuration.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// The awaited twin of [`Store`]: the same methods, the same promises. Dropping a future loses its answer,
/// never the store's order.
pub trait AsyncStore: Send + Sync {
    /// See [`Store::get`].
    fn get<'a>(&'a self, key: &'a Key, now: Timestamp) -> StoreFuture<'a, Option<Vec<u8>>>;
    /// See [`Store::get_many`].
    fn get_many<'a>(&'a self, keys: &'a [Key], now: Timestamp) -> StoreFuture<'a, Vec<Option<Vec<u8>>>> {
        Box::pin(async move {
            let mut found = Vec::with_capacity(keys.len());
            for key in keys {
                found.push(self.get(key, now).await?);
            }
            Ok(found)
        })
    }
    /// See [`Store::touch`].
    fn touch<'a>(&'a self, key: &'a Key, now: Timestamp) -> StoreFuture<'a, Option<Found>>;
    /// See [`Store::put`].
    fn put<'a>(
        &'a self,
        key: &'a Key,
        value: &'a [u8],
        lifetime: Lifetime,
        now: Timestamp,
    ) -> StoreFuture<'a, ()>;
    /// See [`Store::put_many`].
    fn put_many<'a>(&'a self, entries: &'a [(Key, Vec<u8>, Lifetime)], now: Timestamp)
    -> StoreFuture<'a, ()>;
    /// See [`Store::insert`].
    fn insert<'a>(
        &'a self,
        key: &'a Key,
        value: &'a [u8],
        note: &'a [u8],
        lifetime: Lifetime,
        now: Timestamp,
    ) -> StoreFuture<'a, bool>;
    /// See [`Store::replace`].
    fn replace<'a>(
        &'a self,
        key: &'a Key,
        value: &'a [u8],
        expected: Option<&'a [u8]>,
        now: Timestamp,
    ) -> StoreFuture<'a, Replaced>;
    /// See [`Store::rename`].
    fn rename<'a>(
        &'a self,
        from: &'a Key,
        to: &'a Key,
        exchange: Option<&'a Exchange>,
        now: Timestamp,
    ) -> StoreFuture<'a, Renamed>;
    /// See [`Store::delete`].
    fn delete<'a>(&'a self, key: &'a Key, now: Timestamp) -> StoreFuture<'a, bool>;
    /// See [`Store::clear`].
    fn clear<'a>(&'a self, group: &'a str, keep: Option<&'a str>, now: Timestamp) -> StoreFuture<'a, u64>;
    /// See [`Store::list`].
    fn list<'a>(&'a self, group: &'a str, now: Timestamp) -> StoreFuture<'a, Vec<Entry>>;
    /// See [`Store::close`].
    fn close(&self);
}

/// Makes a blocking [`Store`] of your own an [`AsyncStore`]: each call runs on one of tokio's threads for blocking work,
/// and holds it for as long as it waits.
#[derive(Clone, Debug)]
pub struct OnThreads<S>(Arc<S>);

impl<S: Store + 'static> OnThreads<S> {
    /// Wraps the store; clones share it.
    pub fn new(store: Arc<S>) -> Self {
        Self(store)
    }

    fn run<'a, T: Send + 'static>(
        &self,
        work: impl FnOnce(&S) -> Result<T> + Send + 'static,
    ) -> StoreFuture<'a, T> {
        let store = Arc::clone(&self.0);
        // Started at once, not at the first poll: a dropped future does not take back what was asked for.
        let task = tokio::task::spawn_blocking(move || work(&store));
        Box::pin(async move { task.await.unwrap_or_else(|_| Err(group_commit::unanswered())) })
    }
}

impl<S: Store + 'static> AsyncStore for OnThreads<S> {
    fn get<'a>(&'a self, key: &'a Key, now: Timestamp) -> StoreFuture<'a, Option<Vec<u8>>> {
        let key = key.clone();
        self.run(move |store| store.get(&key, now))
    }

    fn get_many<'a>(&'a self, keys: &'a [Key], now: Timestamp) -> StoreFuture<'a, Vec<Option<Vec<u8>>>> {
        let keys = keys.to_vec();
        self.run(move |store| store.get_many(&keys, now))
    }

    fn touch<'a>(&'a self, key: &'a Key, now: Timestamp) -> StoreFuture<'a, Option<Found>> {
        let key = key.clone();
        self.run(move |store| store.touch(&key, now))
    }

    fn put<'a>(
        &'a self,
        key: &'a Key,
        value: &'a [u8],
        lifetime: Lifetime,
        now: Timestamp,
    ) -> StoreFuture<'a, ()> {
        let (key, value) = (key.clone(), value.to_vec());
        self.run(move |store| store.put(&key, &value, lifetime, now))
    }

    fn put_many<'a>(
        &'a self,
        entries: &'a [(Key, Vec<u8>, Lifetime)],
        now: Timestamp,
    ) -> StoreFuture<'a, ()> {
        let entries = entries.to_vec();
        self.run(move |store| store.put_many(&entries, now))
    }

    fn insert<'a>(
        &'a self,
        key: &'a Key,
        value: &'a [u8],
        note: &'a [u8],
        lifetime: Lifetime,
        now: Timestamp,
    ) -> StoreFuture<'a, bool> {
        let (key, value, note) = (key.clone(), value.to_vec(), note.to_vec());
        self.run(move |store| store.insert(&key, &value, &note, lifetime, now))
    }

    fn replace<'a>(
        &'a self,
        key: &'a Key,
        value: &'a [u8],
        expected: Option<&'a [u8]>,
        now: Timestamp,
    ) -> StoreFuture<'a, Replaced> {
        let (key, value, expected) = (key.clone(), value.to_vec(), expected.map(<[u8]>::to_vec));
        self.run(move |store| store.replace(&key, &value, expected.as_deref(), now))
    }

    fn rename<'a>(
        &'a self,
        from: &'a Key,
        to: &'a Key,
        exchange: Option<&'a Exchange>,
        now: Timestamp,
    ) -> StoreFuture<'a, Renamed> {
        let (from, to, exchange) = (from.clone(), to.clone(), exchange.cloned());
        self.run(move |store| store.rename(&from, &to, exchange.as_ref(), now))
    }

    fn delete<'a>(&'a self, key: &'a Key, now: Timestamp) -> StoreFuture<'a, bool> {
        let key = key.clone();
        self.run(move |store| store.delete(&key, now))
    }

    fn clear<'a>(&'a self, group: &'a str, keep: Option<&'a str>, now: Timestamp) -> StoreFuture<'a, u64> {
        let (group, keep) = (group.to_owned(), keep.map(str::to_owned));
        self.run(move |store| store.clear(&group, keep.as_deref(), now))
    }

    fn list<'a>(&'a self, group: &'a str, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        let group = group.to_owned();
        self.run(move |store| store.list(&group, now))
    }

    fn close(&self) {
        self.0.close();
    }
}
