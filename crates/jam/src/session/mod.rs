//! Server-side sessions: data that stays with the server, and an opaque id that the client carries.
//!
//! [`Sessions`] blocks and [`aio::Sessions`] is awaited; both are a [`Codec`], which knows no store and no
//! runtime, around one call to a store.
//!
//! An id is `<tag>.<secret>`. The tag is a hash of the session key, so that all sessions of one owner lie together; the
//! secret has 256 bits from the operating system. The store is only ever given the SHA-256 of the id: whoever reads
//! the store's file or server finds no id that could be used. Ids come back from clients, so anything may be
//! passed for one: what is malformed, forged, expired or unknown is simply no session.

mod codec;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use self::codec::Creation;
pub use self::codec::{Codec, NewId};
use crate::crypto::{random_bytes, sha256};
use crate::encoding::base64url_encode;
use crate::secret::Secret;
use crate::store::{Key, Lifetime, Renamed, Replaced, Store};
use crate::{Error, Result, SessionError, StoreError, Timestamp};

/// The longest session key, in bytes of UTF-8.
pub const MAX_SESSION_KEY: usize = 64 * 1024;

/// The longest time to live that can be configured: a hundred years of 365 days.
pub const MAX_TTL: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// The longest metadata of a session: the bytes of their JSON.
pub const MAX_METADATA: usize = 3072;

/// How often [`Sessions::modify`] begins anew when somebody else writes to the session at the same time.
const MODIFY_ATTEMPTS: u32 = 64;

/// How often [`Sessions::rework`] reads again when somebody else writes to the session at the same time.
const REWORK_ATTEMPTS: usize = 64;

/// Makes the secret part of an id, in place of 256 random bits. The text has 16 to 200 characters of
/// `A-Z a-z 0-9 - . _ ~` and must be unguessable and never the same twice. Its own errors pass through Jam as
/// [`SessionError::IdFactory`].
pub type IdFactory = Arc<dyn Fn() -> Result<String> + Send + Sync>;

/// How sessions live and are kept.
///
/// ```
/// use std::time::Duration;
/// use jam::session::SessionOptions;
///
/// let options = SessionOptions { default_ttl: Some(Duration::from_secs(900)), ..SessionOptions::default() };
/// assert_eq!(options.absolute_ttl, None);
/// ```
#[derive(Clone)]
pub struct SessionOptions {
    /// A session ends so long after it was last read or written. One hour by default; `None`: never by idling.
    pub default_ttl: Option<Duration>,
    /// A session ends so long after it was created, however busy it is. `None`: never.
    pub absolute_ttl: Option<Duration>,
    /// Seals the data with AES-256-GCM before the store sees it. Each key is 32 bytes as url-safe base64, newest
    /// first: the first one seals, every one opens. `None`: the data is stored as it is. An empty list is an error.
    pub encryption_keys: Option<Vec<Secret<String>>>,
    /// Makes the secret part of ids; `None`: 256 random bits.
    pub id_factory: Option<IdFactory>,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            default_ttl: Some(Duration::from_secs(3600)),
            absolute_ttl: None,
            encryption_keys: None,
            id_factory: None,
        }
    }
}

impl fmt::Debug for SessionOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SessionOptions")
            .field("default_ttl", &self.default_ttl)
            .field("absolute_ttl", &self.absolute_ttl)
            .field("encryption_keys", &self.encryption_keys)
            .field("id_factory", &self.id_factory.as_ref().map(|_| "custom"))
            .finish()
    }
}

/// A session as it was read.
///
/// `D` is the form of its data: bytes here, and a [`Value`] where [`Jam`](crate::Jam) reads it.
#[derive(Clone, PartialEq, Eq)]
pub struct Session<D = Vec<u8>> {
    /// What it keeps.
    pub data: D,
    /// Changes whenever data is written: with [`Sessions::update_if`] a write happens only to the version that was read.
    pub version: String,
    /// A public name of the session: the hash of its id. It opens nothing.
    pub handle: String,
    /// What was said of it when it was created.
    pub metadata: Map<String, Value>,
    /// When the session was created; a rework keeps it.
    pub created: Timestamp,
    /// When the session ends, if nobody uses it before.
    pub expires: Option<Timestamp>,
}

impl<D> Session<D> {
    /// The same session with its data in another form.
    pub(crate) fn try_map<E>(self, convert: impl FnOnce(&D) -> Result<E>) -> Result<Session<E>> {
        let Self { data, version, handle, metadata, created, expires } = self;
        Ok(Session { data: convert(&data)?, version, handle, metadata, created, expires })
    }
}

/// Without the data and the metadata, which are nobody's business.
impl<D> fmt::Debug for Session<D> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Session")
            .field("version", &self.version)
            .field("handle", &self.handle)
            .field("created", &self.created)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// What is told of a live session. It holds no id that could be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// A public name of the session: the hash of its id. It opens nothing.
    pub handle: String,
    /// What was said of it when it was created.
    pub metadata: Map<String, Value>,
    /// When the session was created; a rework keeps it.
    pub created: Timestamp,
    /// When the session was last read or written, where the store knows.
    pub last_used: Option<Timestamp>,
    /// When the session ends, if nobody uses it before.
    pub expires: Option<Timestamp>,
}

/// What became of an update, as its caller is told.
fn updated(replaced: Replaced) -> Result<()> {
    match replaced {
        Replaced::Done => Ok(()),
        Replaced::Missing => Err(SessionError::NotFound.into()),
        Replaced::Conflict => Err(SessionError::Conflict.into()),
    }
}

/// How long to wait before another attempt. By chance, since those who met once would meet again.
fn pause(attempt: u32) -> Duration {
    const SHORTEST: Duration = Duration::from_micros(500);
    const LONGEST: Duration = Duration::from_millis(50);
    let longest = SHORTEST.saturating_mul(1 << attempt.min(10)).min(LONGEST);
    longest.mul_f64(f64::from(u16::from_le_bytes(*random_bytes::<2>())) / f64::from(u16::MAX))
}

fn id_taken() -> Error {
    Error::validation("the id factory made an id that is in use; it must never make one twice")
}

/// The key in the store of what [`Sessions::keep`] keeps under this name.
pub fn kept_key(name: &str) -> Key {
    Key { group: None, id: base64url_encode(sha256(&[b"jam.session.kept\0", name.as_bytes()].concat())) }
}

fn kept_until(life_time: Duration, now: Timestamp) -> Lifetime {
    Lifetime { idle: None, deadline: Some(now + life_time.min(MAX_TTL)) }
}

fn name_taken() -> Error {
    Error::validation("something is kept under this name; a name must never be used twice")
}

fn still_changing() -> Error {
    let reason = "the session was written to faster than it could be moved to a new id; try again";
    StoreError::Refused(reason.into()).into()
}

/// Sessions over a blocking store. One instance can be shared between threads; clones share the store.
///
/// `data` is opaque bytes. `now` is the caller's clock; a store on a server uses the server's.
///
/// ```
/// use std::sync::Arc;
/// use jam::{session::{SessionOptions, Sessions}, store::MemoryStore, Timestamp};
///
/// let sessions = Sessions::new(Arc::new(MemoryStore::new()), SessionOptions::default())?;
/// let now = Timestamp::from_seconds(1_700_000_000);
///
/// let id = sessions.create("user 1", b"{}", now)?;
/// assert_eq!(sessions.get(&id, now)?, Some(b"{}".to_vec()));
///
/// let new_id = sessions.rework(&id, now)?; // after a login: the old id is dead
/// assert_eq!(sessions.get(&id, now)?, None);
/// sessions.delete(&new_id, now)?;
/// # Ok::<(), jam::Error>(())
/// ```
#[derive(Clone)]
pub struct Sessions {
    store: Arc<dyn Store>,
    codec: Arc<Codec>,
}

impl fmt::Debug for Sessions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Sessions").field(&self.codec).finish()
    }
}

impl Sessions {
    /// Sessions in `store`.
    ///
    /// # Errors
    /// Those of [`Codec::new`].
    pub fn new(store: Arc<dyn Store>, options: SessionOptions) -> Result<Self> {
        Ok(Self { store, codec: Arc::new(Codec::new(options)?) })
    }

    /// Creates a session and gives its id. `session_key` says whose it is; any text of up to
    /// [`MAX_SESSION_KEY`] bytes.
    ///
    /// # Errors
    /// [`Error::Validation`] for a longer session key or an unfit id factory; [`Error::Store`].
    pub fn create(&self, session_key: &str, data: &[u8], now: Timestamp) -> Result<String> {
        self.create_with(session_key, data, &Map::new(), now)
    }

    /// Creates a session with metadata: what [`Sessions::list`] tells of it later, such as the address and the browser
    /// that it was opened from. They stay as they are, and have at most [`MAX_METADATA`] bytes as JSON.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use jam::{session::{SessionOptions, Sessions}, store::MemoryStore, Timestamp};
    /// # let sessions = Sessions::new(Arc::new(MemoryStore::new()), SessionOptions::default())?;
    /// # let now = Timestamp::from_seconds(1_700_000_000);
    /// let metadata = serde_json::json!({"address": "192.0.2.1"});
    /// sessions.create_with("user 1", b"{}", metadata.as_object().unwrap(), now)?;
    /// assert_eq!(sessions.list("user 1", now)?[0].metadata["address"], "192.0.2.1");
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Sessions::create`]; [`Error::Validation`] for longer metadata.
    pub fn create_with(
        &self,
        session_key: &str,
        data: &[u8],
        metadata: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<String> {
        let Creation { new, record, note } = self.codec.create(session_key, data, metadata)?;
        let inserted = self.store.insert(&new.key, &record, &note, self.codec.lifetime(now), now)?;
        if inserted { Ok(new.id) } else { Err(id_taken()) }
    }

    /// The data, and the idle time starts anew. `None` for whatever is no live session's id.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn get(&self, id: &str, now: Timestamp) -> Result<Option<Vec<u8>>> {
        let Some(key) = self.codec.locate(id) else { return Ok(None) };
        let record = if self.codec.touches() {
            self.store.touch(&key, now)?.map(|found| found.value)
        } else {
            self.store.get(&key, now)?
        };
        Ok(record.and_then(|record| self.codec.open(&key, &record)))
    }

    /// The data together with their version and what else is known of the session; the idle time starts anew. `None` for
    /// whatever is no live session's id.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn read(&self, id: &str, now: Timestamp) -> Result<Option<Session>> {
        let Some(key) = self.codec.locate(id) else { return Ok(None) };
        let found = self.store.touch(&key, now)?;
        Ok(found.and_then(|found| self.codec.read(&key, &found)))
    }

    /// Replaces the data; the idle time starts anew. A session that ended is never brought back.
    ///
    /// # Errors
    /// [`SessionError::NotFound`] for whatever is no live session's id; [`Error::Store`].
    pub fn update(&self, id: &str, data: &[u8], now: Timestamp) -> Result<()> {
        let (key, record) = self.codec.update(id, data)?;
        updated(self.store.replace(&key, &record, None, now)?)
    }

    /// As [`Sessions::update`], if the session still has the version that [`Sessions::read`] told.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use jam::{session::{SessionOptions, Sessions}, store::MemoryStore, Timestamp};
    /// # let sessions = Sessions::new(Arc::new(MemoryStore::new()), SessionOptions::default())?;
    /// # let now = Timestamp::from_seconds(1_700_000_000);
    /// let id = sessions.create("user 1", b"{}", now)?;
    /// let read = sessions.read(&id, now)?.unwrap();
    /// sessions.update_if(&id, b"first", &read.version, now)?;
    /// let stale = sessions.update_if(&id, b"second", &read.version, now).unwrap_err();
    /// assert_eq!(stale.code(), "sessions.conflict");
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Sessions::update`]; [`SessionError::Conflict`] when data was written since, and for text that is no
    /// version.
    pub fn update_if(&self, id: &str, data: &[u8], version: &str, now: Timestamp) -> Result<()> {
        let (key, record) = self.codec.update(id, data)?;
        updated(self.store.replace(&key, &record, Some(&self.codec.expected(version)), now)?)
    }

    /// Replaces the data by what `change` makes of them, and gives that. When somebody else writes meanwhile, it is done
    /// again with the new data, up to 64 times; so `change` should do nothing but compute.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use jam::{session::{SessionOptions, Sessions}, store::MemoryStore, Error, Timestamp};
    /// # let sessions = Sessions::new(Arc::new(MemoryStore::new()), SessionOptions::default())?;
    /// # let now = Timestamp::from_seconds(1_700_000_000);
    /// let id = sessions.create("user 1", b"one", now)?;
    /// sessions.modify(&id, now, |data| Ok::<_, Error>([&data[..], b", two"].concat()))?;
    /// assert_eq!(sessions.get(&id, now)?, Some(b"one, two".to_vec()));
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// What `change` fails with, and then nothing is written; [`SessionError::NotFound`] for whatever is no live session's
    /// id; [`SessionError::Conflict`] when others wrote all the time; [`Error::Store`].
    pub fn modify<E: From<Error>>(
        &self,
        id: &str,
        now: Timestamp,
        mut change: impl FnMut(Vec<u8>) -> Result<Vec<u8>, E>,
    ) -> Result<Vec<u8>, E> {
        for attempt in 0..MODIFY_ATTEMPTS {
            let session = self.read(id, now)?.ok_or(Error::from(SessionError::NotFound))?;
            let data = change(session.data)?;
            match self.update_if(id, &data, &session.version, now) {
                Ok(()) => return Ok(data),
                Err(Error::Session(SessionError::Conflict)) => std::thread::sleep(pause(attempt)),
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::from(SessionError::Conflict).into())
    }

    /// Ends the session, if there is one.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn delete(&self, id: &str, now: Timestamp) -> Result<()> {
        let Some(key) = self.codec.locate(id) else { return Ok(()) };
        self.store.delete(&key, now).map(drop)
    }

    /// Ends all sessions of the session key.
    ///
    /// # Errors
    /// [`Error::Validation`] for a session key above [`MAX_SESSION_KEY`]; [`Error::Store`].
    pub fn clear(&self, session_key: &str, now: Timestamp) -> Result<()> {
        self.store.clear(&self.codec.group(session_key)?, None, now).map(drop)
    }

    /// Ends all sessions of the session key but the one with the id to `keep`: "sign out everywhere else". If that is no
    /// session of the key, all are ended.
    ///
    /// # Errors
    /// [`Error::Validation`] for a session key above [`MAX_SESSION_KEY`]; [`Error::Store`].
    pub fn clear_except(&self, session_key: &str, keep: &str, now: Timestamp) -> Result<()> {
        let (group, kept) = self.codec.kept(session_key, keep)?;
        self.store.clear(&group, kept.as_deref(), now).map(drop)
    }

    /// Ends the session of the session key that [`Sessions::list`] tells under this handle; `false`: there is none.
    ///
    /// # Errors
    /// [`Error::Validation`] for a session key above [`MAX_SESSION_KEY`]; [`Error::Store`].
    pub fn revoke(&self, session_key: &str, handle: &str, now: Timestamp) -> Result<bool> {
        let Some(key) = self.codec.locate_handle(session_key, handle)? else { return Ok(false) };
        self.store.delete(&key, now)
    }

    /// Gives the session a new id, atomically: its data, creation and deadline stay, the old id is dead. Of two
    /// reworks of one id at the same time, one succeeds.
    ///
    /// # Errors
    /// [`SessionError::NotFound`] for whatever is no live session's id; [`Error::Validation`] for an unfit id
    /// factory; [`Error::Store`].
    pub fn rework(&self, id: &str, now: Timestamp) -> Result<String> {
        let (old, new) = self.codec.rework(id)?;
        for _ in 0..REWORK_ATTEMPTS {
            let found = if self.codec.seals() { self.store.touch(&old, now)? } else { None };
            let exchange = self.codec.exchange(&old, &new.key, found.as_ref())?;
            match self.store.rename(&old, &new.key, exchange.as_ref(), now)? {
                Renamed::Moved => return Ok(new.id),
                Renamed::Missing => return Err(SessionError::NotFound.into()),
                Renamed::Conflict if exchange.is_none() => return Err(id_taken()),
                Renamed::Conflict => {}
            }
        }
        Err(still_changing())
    }

    /// The live sessions of the session key, oldest first.
    ///
    /// # Errors
    /// [`Error::Validation`] for a session key above [`MAX_SESSION_KEY`]; [`Error::Store`].
    pub fn list(&self, session_key: &str, now: Timestamp) -> Result<Vec<SessionInfo>> {
        let group = self.codec.group(session_key)?;
        Ok(self.codec.list(&group, self.store.list(&group, now)?))
    }

    /// Keeps data beside the sessions, under a name of any text, for one later [`take`](Self::take) within `life_time`: a login
    /// that waits for its callback. It is kept as it is, sealed or not.
    ///
    /// # Errors
    /// [`Error::Validation`] for a name in use; [`Error::Store`].
    pub fn keep(&self, name: &str, data: &[u8], life_time: Duration, now: Timestamp) -> Result<()> {
        let kept = self.store.insert(&kept_key(name), data, b"", kept_until(life_time, now), now)?;
        if kept { Ok(()) } else { Err(name_taken()) }
    }

    /// What was kept under this name, once: of any number of callers at the same time, one gets it.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn take(&self, name: &str, now: Timestamp) -> Result<Option<Vec<u8>>> {
        let key = kept_key(name);
        let Some(data) = self.store.get(&key, now)? else { return Ok(None) };
        Ok(self.store.delete(&key, now)?.then_some(data))
    }

    /// Closes the store; later calls fail with [`StoreError::Closed`].
    pub fn close(&self) {
        self.store.close();
    }
}

/// The awaited twin of [`Sessions`].
pub mod aio {
    use std::fmt;
    use std::future::Future;
    use std::sync::Arc;
    use std::time::Duration;

    use serde_json::{Map, Value};

    use super::{
        Codec, Creation, MODIFY_ATTEMPTS, REWORK_ATTEMPTS, Session, SessionInfo, SessionOptions, id_taken,
        kept_key, kept_until, name_taken, pause, still_changing, updated,
    };
    use crate::store::{AsyncStore, Renamed};
    use crate::{Error, Result, SessionError, Timestamp};

    /// Sessions over an asynchronous store. One instance can be shared between tasks; clones share the store.
    ///
    /// The methods say and refuse the same as those of the blocking [`Sessions`](super::Sessions). Ids and records
    /// are made when a method is called, and the store is asked when its future is first polled; the
    /// futures borrow nothing.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use jam::{session::{aio::Sessions, SessionOptions}, store::MemoryStore, Timestamp};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> jam::Result<()> {
    /// let sessions = Sessions::new(Arc::new(MemoryStore::new()), SessionOptions::default())?;
    /// let now = Timestamp::from_seconds(1_700_000_000);
    ///
    /// let id = sessions.create("user 1", b"{}", now).await?;
    /// assert_eq!(sessions.get(&id, now).await?, Some(b"{}".to_vec()));
    /// # Ok(())
    /// # }
    /// ```
    #[derive(Clone)]
    pub struct Sessions {
        store: Arc<dyn AsyncStore>,
        codec: Arc<Codec>,
    }

    impl fmt::Debug for Sessions {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.debug_tuple("Sessions").field(&self.codec).finish()
        }
    }

    impl Sessions {
        /// See [`Sessions::new`](super::Sessions::new).
        ///
        /// # Errors
        /// Those of [`Codec::new`].
        pub fn new(store: Arc<dyn AsyncStore>, options: SessionOptions) -> Result<Self> {
            Ok(Self { store, codec: Arc::new(Codec::new(options)?) })
        }

        /// See [`Sessions::create`](super::Sessions::create).
        pub fn create(
            &self,
            session_key: &str,
            data: &[u8],
            now: Timestamp,
        ) -> impl Future<Output = Result<String>> + Send + use<> {
            self.create_with(session_key, data, &Map::new(), now)
        }

        /// See [`Sessions::create_with`](super::Sessions::create_with).
        pub fn create_with(
            &self,
            session_key: &str,
            data: &[u8],
            metadata: &Map<String, Value>,
            now: Timestamp,
        ) -> impl Future<Output = Result<String>> + Send + use<> {
            let (store, lifetime) = (Arc::clone(&self.store), self.codec.lifetime(now));
            let created = self.codec.create(session_key, data, metadata);
            async move {
                let Creation { new, record, note } = created?;
                let inserted = store.insert(&new.key, &record, &note, lifetime, now).await?;
                if inserted { Ok(new.id) } else { Err(id_taken()) }
            }
        }

        /// See [`Sessions::get`](super::Sessions::get).
        pub fn get(
            &self,
            id: &str,
            now: Timestamp,
        ) -> impl Future<Output = Result<Option<Vec<u8>>>> + Send + use<> {
            let (store, codec) = (Arc::clone(&self.store), Arc::clone(&self.codec));
            let located = codec.locate(id);
            async move {
                let Some(key) = located else { return Ok(None) };
                let record = if codec.touches() {
                    store.touch(&key, now).await?.map(|found| found.value)
                } else {
                    store.get(&key, now).await?
                };
                Ok(record.and_then(|record| codec.open(&key, &record)))
            }
        }

        /// See [`Sessions::read`](super::Sessions::read).
        pub fn read(
            &self,
            id: &str,
            now: Timestamp,
        ) -> impl Future<Output = Result<Option<Session>>> + Send + use<> {
            let (store, codec) = (Arc::clone(&self.store), Arc::clone(&self.codec));
            let located = codec.locate(id);
            async move {
                let Some(key) = located else { return Ok(None) };
                let found = store.touch(&key, now).await?;
                Ok(found.and_then(|found| codec.read(&key, &found)))
            }
        }

        /// See [`Sessions::update`](super::Sessions::update).
        pub fn update(
            &self,
            id: &str,
            data: &[u8],
            now: Timestamp,
        ) -> impl Future<Output = Result<()>> + Send + use<> {
            let (store, prepared) = (Arc::clone(&self.store), self.codec.update(id, data));
            async move {
                let (key, record) = prepared?;
                updated(store.replace(&key, &record, None, now).await?)
            }
        }

        /// See [`Sessions::update_if`](super::Sessions::update_if).
        pub fn update_if(
            &self,
            id: &str,
            data: &[u8],
            version: &str,
            now: Timestamp,
        ) -> impl Future<Output = Result<()>> + Send + use<> {
            let (store, prepared) = (Arc::clone(&self.store), self.codec.update(id, data));
            let expected = self.codec.expected(version);
            async move {
                let (key, record) = prepared?;
                updated(store.replace(&key, &record, Some(&expected), now).await?)
            }
        }

        /// See [`Sessions::modify`](super::Sessions::modify).
        pub async fn modify<E: From<Error>>(
            &self,
            id: &str,
            now: Timestamp,
            mut change: impl FnMut(Vec<u8>) -> Result<Vec<u8>, E>,
        ) -> Result<Vec<u8>, E> {
            for attempt in 0..MODIFY_ATTEMPTS {
                let session = self.read(id, now).await?.ok_or(Error::from(SessionError::NotFound))?;
                let data = change(session.data)?;
                match self.update_if(id, &data, &session.version, now).await {
                    Ok(()) => return Ok(data),
                    Err(Error::Session(SessionError::Conflict)) => tokio::time::sleep(pause(attempt)).await,
                    Err(error) => return Err(error.into()),
                }
            }
            Err(Error::from(SessionError::Conflict).into())
        }

        /// See [`Sessions::delete`](super::Sessions::delete).
        pub fn delete(&self, id: &str, now: Timestamp) -> impl Future<Output = Result<()>> + Send + use<> {
            let (store, located) = (Arc::clone(&self.store), self.codec.locate(id));
            async move {
                let Some(key) = located else { return Ok(()) };
                store.delete(&key, now).await.map(drop)
            }
        }

        /// See [`Sessions::clear`](super::Sessions::clear).
        pub fn clear(
            &self,
            session_key: &str,
            now: Timestamp,
        ) -> impl Future<Output = Result<()>> + Send + use<> {
            let (store, group) = (Arc::clone(&self.store), self.codec.group(session_key));
            async move { store.clear(&group?, None, now).await.map(drop) }
        }

        /// See [`Sessions::clear_except`](super::Sessions::clear_except).
        pub fn clear_except(
            &self,
            session_key: &str,
            keep: &str,
            now: Timestamp,
        ) -> impl Future<Output = Result<()>> + Send + use<> {
            let (store, kept) = (Arc::clone(&self.store), self.codec.kept(session_key, keep));
            async move {
                let (group, kept) = kept?;
                store.clear(&group, kept.as_deref(), now).await.map(drop)
            }
        }

        /// See [`Sessions::revoke`](super::Sessions::revoke).
        pub fn revoke(
            &self,
            session_key: &str,
            handle: &str,
            now: Timestamp,
        ) -> impl Future<Output = Result<bool>> + Send + use<> {
            let (store, located) = (Arc::clone(&self.store), self.codec.locate_handle(session_key, handle));
            async move {
                let Some(key) = located? else { return Ok(false) };
                store.delete(&key, now).await
            }
        }

        /// See [`Sessions::rework`](super::Sessions::rework).
        pub fn rework(
            &self,
            id: &str,
            now: Timestamp,
        ) -> impl Future<Output = Result<String>> + Send + use<> {
            let (store, codec) = (Arc::clone(&self.store), Arc::clone(&self.codec));
            let reworked = codec.rework(id);
            async move {
                let (old, new) = reworked?;
                for _ in 0..REWORK_ATTEMPTS {
                    let found = if codec.seals() { store.touch(&old, now).await? } else { None };
                    let exchange = codec.exchange(&old, &new.key, found.as_ref())?;
                    match store.rename(&old, &new.key, exchange.as_ref(), now).await? {
                        Renamed::Moved => return Ok(new.id),
                        Renamed::Missing => return Err(SessionError::NotFound.into()),
                        Renamed::Conflict if exchange.is_none() => return Err(id_taken()),
                        Renamed::Conflict => {}
                    }
                }
                Err(still_changing())
            }
        }

        /// See [`Sessions::list`](super::Sessions::list).
        pub fn list(
            &self,
            session_key: &str,
            now: Timestamp,
        ) -> impl Future<Output = Result<Vec<SessionInfo>>> + Send + use<> {
            let (store, codec) = (Arc::clone(&self.store), Arc::clone(&self.codec));
            let group = codec.group(session_key);
            async move {
                let group = group?;
                let entries = store.list(&group, now).await?;
                Ok(codec.list(&group, entries))
            }
        }

        /// See [`Sessions::keep`](super::Sessions::keep).
        pub fn keep(
            &self,
            name: &str,
            data: &[u8],
            life_time: Duration,
            now: Timestamp,
        ) -> impl Future<Output = Result<()>> + Send + use<> {
            let (store, key, data) = (Arc::clone(&self.store), kept_key(name), data.to_vec());
            async move {
                let kept = store.insert(&key, &data, b"", kept_until(life_time, now), now).await?;
                if kept { Ok(()) } else { Err(name_taken()) }
            }
        }

        /// See [`Sessions::take`](super::Sessions::take).
        pub fn take(
            &self,
            name: &str,
            now: Timestamp,
        ) -> impl Future<Output = Result<Option<Vec<u8>>>> + Send + use<> {
            let (store, key) = (Arc::clone(&self.store), kept_key(name));
            async move {
                let Some(data) = store.get(&key, now).await? else { return Ok(None) };
                Ok(store.delete(&key, now).await?.then_some(data))
            }
        }

        /// See [`Sessions::close`](super::Sessions::close).
        pub fn close(&self) {
            self.store.close();
        }
    }
}
