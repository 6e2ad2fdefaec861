//! Server-side sessions: data that stays with the server, and an opaque id that the client carries.
//!
//! [`Sessions`] blocks and [`aio::Sessions`] is awaited; both are a [`Codec`], which knows no store and no
//! runtime, around one call to a store.
//!
//! An id is `<tag>.<secret>`. The tag is a hash of the session key, so that all sessions of one owner lie together; the
//! secret has 256 bits from the operating system. The store is only ever given the SHA-256 of the id: whoever reads
//! the store's file or server finds no id that could be used. Ids come back from clients, so anything may be
//! passed for one: what is malformed, forged, expired or unknown is simply no session.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::crypto::{random_bytes, seal, sha256};
use crate::encoding::{base64url_decode, base64url_encode};
use crate::secret::Secret;
use crate::store::{Entry, Exchange, Key, Lifetime, Renamed, Store};
use crate::{ConfigurationError, Error, Result, SessionError, StoreError, Timestamp};

/// The longest session key, in bytes of UTF-8.
pub const MAX_SESSION_KEY: usize = 64 * 1024;

/// The longest time to live that can be configured: a hundred years of 365 days.
pub const MAX_TTL: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Twelve bytes of a hash in base64url.
const TAG_LENGTH: usize = 16;
const SECRET_BYTES: usize = 32;
const FACTORY_TEXT: std::ops::RangeInclusive<usize> = 16..=200;

/// The first bytes of a record: the version of the format, and whether the data is plain or sealed. They are
/// printable so that a store which keeps text can show a plain record as it is.
const PLAIN: &[u8] = b"1p";
const SEALED: &[u8] = b"1s";

/// How often [`Sessions::rework`] reads again when somebody else writes to the session at the same time.
const REWORK_ATTEMPTS: usize = 64;

/// Makes the secret part of an id, in place of 256 random bits. The text has 16 to 200 characters of
/// `A-Z a-z 0-9 - . _ ~` and must be unguessable and never the same twice.
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

/// What is told of a live session. It holds no id that could be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// A public name of the session: the hash of its id. It opens nothing.
    pub handle: String,
    /// When the session was created; a rework keeps it.
    pub created: Timestamp,
    /// When the session was last read or written, where the store knows.
    pub last_used: Option<Timestamp>,
    /// When the session ends, if nobody uses it before.
    pub expires: Option<Timestamp>,
}

impl From<Entry> for SessionInfo {
    fn from(entry: Entry) -> Self {
        Self { handle: entry.id, created: entry.created, last_used: entry.last_used, expires: entry.expires }
    }
}

/// A new id, and where its session will be stored.
#[derive(Clone, PartialEq, Eq)]
pub struct NewId {
    /// The id, for the client only.
    pub id: String,
    /// The key of its session in the store.
    pub key: Key,
}

impl fmt::Debug for NewId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("NewId").field("id", &"[redacted]").field("key", &self.key).finish()
    }
}

/// The pure steps of sessions: ids, store keys and records. It knows no store and reads no clock.
pub struct Codec {
    default_ttl: Option<Duration>,
    absolute_ttl: Option<Duration>,
    sealer: Option<seal::Sealer>,
    id_factory: Option<IdFactory>,
}

impl fmt::Debug for Codec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Codec")
            .field("default_ttl", &self.default_ttl)
            .field("absolute_ttl", &self.absolute_ttl)
            .field("sealed", &self.sealer.is_some())
            .finish_non_exhaustive()
    }
}

impl Codec {
    /// Checks the options and prepares the keys.
    ///
    /// # Errors
    /// [`ConfigurationError::Key`] for a time to live below one millisecond or above [`MAX_TTL`] and for a key that is
    /// not 32 bytes of url-safe base64; [`SessionError::EmptyAesKey`] for an empty list of keys or an empty key.
    pub fn new(options: SessionOptions) -> Result<Self> {
        check_ttl("session.default_ttl", options.default_ttl)?;
        check_ttl("session.absolute_ttl", options.absolute_ttl)?;
        Ok(Self {
            default_ttl: options.default_ttl,
            absolute_ttl: options.absolute_ttl,
            sealer: options.encryption_keys.as_deref().map(sealer).transpose()?,
            id_factory: options.id_factory,
        })
    }

    /// The group of all sessions of a session key: a hash of it, in base64url.
    ///
    /// # Errors
    /// [`Error::Validation`] when the session key is longer than [`MAX_SESSION_KEY`].
    pub fn group(&self, session_key: &str) -> Result<String> {
        if session_key.len() > MAX_SESSION_KEY {
            let reason = format!("a session key has at most {MAX_SESSION_KEY} bytes");
            return Err(Error::validation(reason));
        }
        let hash = sha256(&[b"jam.session.owner\0", session_key.as_bytes()].concat());
        Ok(base64url_encode(&hash[..TAG_LENGTH / 4 * 3]))
    }

    /// A new id in the group.
    ///
    /// # Errors
    /// Those of the id factory; [`Error::Validation`] when its text cannot be part of an id.
    pub fn new_id(&self, group: &str) -> Result<NewId> {
        let secret = match &self.id_factory {
            None => base64url_encode(random_bytes::<SECRET_BYTES>().as_slice()),
            Some(factory) => factory()?,
        };
        let id = format!("{group}.{secret}");
        let Some(key) = self.locate(&id) else {
            let reason = "the id factory must make 16 to 200 characters of A-Z a-z 0-9 - . _ ~";
            return Err(Error::validation(reason));
        };
        Ok(NewId { id, key })
    }

    /// Where the session of an id is stored; `None` for text that cannot be an id.
    pub fn locate(&self, id: &str) -> Option<Key> {
        let (tag, secret) = id.split_at_checked(TAG_LENGTH)?;
        let secret = secret.strip_prefix('.')?;
        base64url_decode(tag)?;
        let permitted = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let well_formed = FACTORY_TEXT.contains(&secret.len()) && secret.bytes().all(permitted);
        well_formed.then(|| Key { group: Some(tag.to_owned()), id: base64url_encode(sha256(id.as_bytes())) })
    }

    /// How long a session lives that is created now.
    pub fn lifetime(&self, now: Timestamp) -> Lifetime {
        Lifetime { idle: self.default_ttl, deadline: self.absolute_ttl.map(|ttl| now + ttl) }
    }

    /// Whether reading a session prolongs its life.
    pub fn touches(&self) -> bool {
        self.default_ttl.is_some()
    }

    /// Whether data is encrypted, so that a rework has to read it and seal it anew.
    pub fn seals(&self) -> bool {
        self.sealer.is_some()
    }

    /// The record that keeps `data` under `key`.
    pub fn seal(&self, key: &Key, data: &[u8]) -> Vec<u8> {
        let Some(sealer) = &self.sealer else {
            return [PLAIN, data].concat();
        };
        let mut record = SEALED.to_vec();
        sealer.seal(data, &context(key), &mut record);
        record
    }

    /// The data of a record that was found under `key`.
    ///
    /// `None`: it was not sealed for this key, or was cut, changed or sealed with an unknown key; also when
    /// it is plain although keys are configured, since anyone who can write to the store could have put it there.
    pub fn open(&self, key: &Key, record: &[u8]) -> Option<Vec<u8>> {
        let data = match &self.sealer {
            None => record.strip_prefix(PLAIN).map(<[u8]>::to_vec),
            Some(sealer) => record.strip_prefix(SEALED).and_then(|body| sealer.open(body, &context(key))),
        };
        if data.is_none() {
            tracing::warn!("a stored session was passed over: it does not open with the configured keys");
        }
        data
    }

    /// What a rename from `from` to `to` has to exchange, given the record that was read under `from`. `None`
    /// without encryption, where the record moves as it is.
    ///
    /// # Errors
    /// [`SessionError::NotFound`] when there is no record, or it does not open.
    pub fn exchange(&self, from: &Key, to: &Key, record: Option<Vec<u8>>) -> Result<Option<Exchange>> {
        if !self.seals() {
            return Ok(None);
        }
        let expected = record.ok_or(SessionError::NotFound)?;
        let data = Zeroizing::new(self.open(from, &expected).ok_or(SessionError::NotFound)?);
        let replacement = self.seal(to, &data);
        Ok(Some(Exchange { expected, replacement }))
    }

    fn create(&self, session_key: &str, data: &[u8]) -> Result<(NewId, Vec<u8>)> {
        let new = self.new_id(&self.group(session_key)?)?;
        let record = self.seal(&new.key, data);
        Ok((new, record))
    }

    fn update(&self, id: &str, data: &[u8]) -> Result<(Key, Vec<u8>)> {
        let key = self.locate(id).ok_or(SessionError::NotFound)?;
        let record = self.seal(&key, data);
        Ok((key, record))
    }

    fn rework(&self, id: &str) -> Result<(Key, NewId)> {
        let old = self.locate(id).ok_or(SessionError::NotFound)?;
        let new = self.new_id(&id[..TAG_LENGTH])?;
        Ok((old, new))
    }
}

/// Binds a sealed record to the one key that it was written under.
fn context(key: &Key) -> Vec<u8> {
    [b"jam.session.record\0", key.id.as_bytes()].concat()
}

fn check_ttl(path: &str, ttl: Option<Duration>) -> Result<()> {
    match ttl {
        Some(ttl) if ttl < Duration::from_millis(1) || ttl > MAX_TTL => {
            let reason = "a time to live is more than 0 seconds and at most 100 years; leave it out for none";
            Err(ConfigurationError::key(path, reason).into())
        }
        _ => Ok(()),
    }
}

fn sealer(keys: &[Secret<String>]) -> Result<seal::Sealer> {
    let keys = keys.iter().map(encryption_key).collect::<Result<Vec<_>>>()?;
    seal::Sealer::new(&keys).ok_or_else(empty_key)
}

/// Padding is optional: the text of `generate_aes_key` has it, a JWK's has not.
fn encryption_key(text: &Secret<String>) -> Result<Zeroizing<[u8; seal::KEY_LENGTH]>> {
    let text = text.expose().trim();
    if text.is_empty() {
        return Err(empty_key());
    }
    let bytes = base64url_decode(text.strip_suffix('=').unwrap_or(text)).map(Zeroizing::new);
    let key = bytes.as_deref().and_then(|bytes| <[u8; seal::KEY_LENGTH]>::try_from(bytes.as_slice()).ok());
    key.map(Zeroizing::new).ok_or_else(|| {
        let reason = "an encryption key is 32 bytes as url-safe base64 text, as generate_aes_key makes them";
        ConfigurationError::key("session.session_aes_secret", reason).into()
    })
}

fn empty_key() -> Error {
    let reason = "encrypted sessions need a key: set session_aes_secret, as generate_aes_key makes it";
    SessionError::EmptyAesKey(reason.into()).into()
}

fn id_taken() -> Error {
    Error::validation("the id factory made an id that is in use; it must never make one twice")
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
        let (new, record) = self.codec.create(session_key, data)?;
        let inserted = self.store.insert(&new.key, &record, self.codec.lifetime(now), now)?;
        if inserted { Ok(new.id) } else { Err(id_taken()) }
    }

    /// The data, and the idle time starts anew. `None` for whatever is no live session's id.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn get(&self, id: &str, now: Timestamp) -> Result<Option<Vec<u8>>> {
        let Some(key) = self.codec.locate(id) else { return Ok(None) };
        let record =
            if self.codec.touches() { self.store.touch(&key, now) } else { self.store.get(&key, now) }?;
        Ok(record.and_then(|record| self.codec.open(&key, &record)))
    }

    /// Replaces the data; the idle time starts anew. A session that ended is never brought back.
    ///
    /// # Errors
    /// [`SessionError::NotFound`] for whatever is no live session's id; [`Error::Store`].
    pub fn update(&self, id: &str, data: &[u8], now: Timestamp) -> Result<()> {
        let (key, record) = self.codec.update(id, data)?;
        let replaced = self.store.replace(&key, &record, now)?;
        if replaced { Ok(()) } else { Err(SessionError::NotFound.into()) }
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
        self.store.clear(&self.codec.group(session_key)?, now).map(drop)
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
            let record = if self.codec.seals() { self.store.get(&old, now)? } else { None };
            let exchange = self.codec.exchange(&old, &new.key, record)?;
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
        let entries = self.store.list(&self.codec.group(session_key)?, now)?;
        Ok(entries.into_iter().map(SessionInfo::from).collect())
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

    use super::{Codec, REWORK_ATTEMPTS, SessionInfo, SessionOptions, id_taken, still_changing};
    use crate::store::{AsyncStore, Renamed};
    use crate::{Result, SessionError, Timestamp};

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
            let (store, lifetime) = (Arc::clone(&self.store), self.codec.lifetime(now));
            let created = self.codec.create(session_key, data);
            async move {
                let (new, record) = created?;
                let inserted = store.insert(&new.key, &record, lifetime, now).await?;
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
                let record =
                    if codec.touches() { store.touch(&key, now) } else { store.get(&key, now) }.await?;
                Ok(record.and_then(|record| codec.open(&key, &record)))
            }
        }

        /// See [`Sessions::update`](super::Sessions::update).
        pub fn update(
            &self,
            id: &str,
            data: &[u8],
            now: Timestamp,
        ) -> impl Future<Output = Result<()>> + Send + use<> {
            let (store, updated) = (Arc::clone(&self.store), self.codec.update(id, data));
            async move {
                let (key, record) = updated?;
                let replaced = store.replace(&key, &record, now).await?;
                if replaced { Ok(()) } else { Err(SessionError::NotFound.into()) }
            }
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
            async move { store.clear(&group?, now).await.map(drop) }
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
                    let record = if codec.seals() { store.get(&old, now).await? } else { None };
                    let exchange = codec.exchange(&old, &new.key, record)?;
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
            let (store, group) = (Arc::clone(&self.store), self.codec.group(session_key));
            async move {
                let entries = store.list(&group?, now).await?;
                Ok(entries.into_iter().map(SessionInfo::from).collect())
            }
        }

        /// See [`Sessions::close`](super::Sessions::close).
        pub fn close(&self) {
            self.store.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
    const OTHER_KEY: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

    fn plain() -> Codec {
        Codec::new(SessionOptions::default()).unwrap()
    }

    fn sealed(keys: &[&str]) -> Codec {
        let encryption_keys = Some(keys.iter().map(|key| Secret::from(*key)).collect());
        Codec::new(SessionOptions { encryption_keys, ..SessionOptions::default() }).unwrap()
    }

    fn made_by(text: &'static str) -> Codec {
        let id_factory: Option<IdFactory> = Some(Arc::new(move || Ok(text.to_owned())));
        Codec::new(SessionOptions { id_factory, ..SessionOptions::default() }).unwrap()
    }

    fn code(result: Result<impl fmt::Debug>) -> &'static str {
        result.unwrap_err().code()
    }

    #[test]
    fn a_million_ids_all_differ_and_carry_256_bits() {
        // attack 56
        let codec = plain();
        let group = codec.group("user").unwrap();
        let ids: HashSet<String> = (0..1_000_000).map(|_| codec.new_id(&group).unwrap().id).collect();
        assert_eq!(ids.len(), 1_000_000);
        let id = ids.iter().next().unwrap();
        let secret = id.strip_prefix(&format!("{group}.")).unwrap();
        assert_eq!(base64url_decode(secret).unwrap().len(), 32);
    }

    #[test]
    fn the_store_key_is_a_hash_of_the_id() {
        let codec = plain();
        let new = codec.new_id(&codec.group("user").unwrap()).unwrap();
        assert_eq!(codec.locate(&new.id), Some(new.key.clone()));
        assert_eq!(new.key.id, base64url_encode(sha256(new.id.as_bytes())));
        assert_eq!(codec.locate(&new.key.id), None, "a handle is no id");
    }

    #[test]
    fn text_that_cannot_be_an_id_is_located_nowhere() {
        // attack 58
        let codec = plain();
        let id = codec.new_id(&codec.group("user").unwrap()).unwrap().id;
        let (tag, secret) = id.split_once('.').unwrap();
        let bad = [
            String::new(),
            ".".to_owned(),
            "../../etc/passwd".to_owned(),
            "/etc/passwd".to_owned(),
            tag.to_owned(),
            secret.to_owned(),
            format!("{tag}."),
            format!("{tag}/{secret}"),
            format!("{tag}.{}", "x".repeat(15)),
            format!("{tag}.{}", "x".repeat(201)),
            format!("{tag}.../{secret}"),
            format!("{tag}.{secret}\0"),
            format!("{tag}.{secret}\n"),
            format!(" {id}"),
            format!("{tag}.{}é", &secret[2..]),
            format!("{}é.{secret}", &tag[2..]),
            format!("{}*.{secret}", &tag[1..]),
            "é".repeat(40),
            "x".repeat(10 << 20),
        ];
        for text in bad {
            let shown: String = text.chars().take(80).collect();
            assert_eq!(codec.locate(&text), None, "{shown:?}");
        }
    }

    #[test]
    fn a_session_key_may_be_any_text_up_to_the_cap() {
        // attack 60
        let codec = plain();
        let texts = ["", "*", "a:b", "a", "\r\nDEL", "{x}", "\0", "é", " "];
        let groups: HashSet<String> = texts.iter().map(|text| codec.group(text).unwrap()).collect();
        assert_eq!(groups.len(), texts.len());
        assert!(groups.iter().all(|group| base64url_decode(group).is_some_and(|bytes| bytes.len() == 12)));
        assert!(codec.group(&"x".repeat(MAX_SESSION_KEY)).is_ok());
        assert_eq!(code(codec.group(&"x".repeat(1 << 20))), "validation.invalid");
    }

    #[test]
    fn the_id_factory_makes_the_secret_part_and_is_checked() {
        let group = plain().group("user").unwrap();
        let new = made_by("Abc-123._~Abc-123").new_id(&group).unwrap();
        assert_eq!(new.id, format!("{group}.Abc-123._~Abc-123"));
        for bad in [
            "",
            "short",
            "a space is no good",
            "../../../../../../x",
            "sixteen or more é",
            "a\0aaaaaaaaaaaaaaa",
        ] {
            assert_eq!(code(made_by(bad).new_id(&group)), "validation.invalid", "{bad:?}");
        }
    }

    #[test]
    fn data_is_opaque_and_survives_as_it_is() {
        for codec in [plain(), sealed(&[KEY])] {
            let key = codec.new_id(&codec.group("user").unwrap()).unwrap().key;
            for data in [&b""[..], b"{}", b"\0\xff", &[7; 100_000]] {
                let record = codec.seal(&key, data);
                assert_eq!(codec.open(&key, &record).as_deref(), Some(data));
            }
        }
    }

    #[test]
    fn a_record_opens_only_where_it_was_sealed_and_only_whole() {
        // attack 63
        let codec = sealed(&[KEY]);
        let group = codec.group("user").unwrap();
        let (mine, other) = (codec.new_id(&group).unwrap().key, codec.new_id(&group).unwrap().key);
        let record = codec.seal(&mine, b"{\"admin\":false}");

        assert_eq!(codec.open(&other, &record), None, "swapped in from another session");
        assert_eq!(sealed(&[OTHER_KEY]).open(&mine, &record), None, "another key");
        for length in 0..record.len() {
            assert_eq!(codec.open(&mine, &record[..length]), None, "cut to {length} bytes");
        }
        let forged = plain().seal(&mine, b"{\"admin\":true}");
        assert_eq!(codec.open(&mine, &forged), None, "plain where sealed data is expected");
        assert_eq!(plain().open(&mine, &record), None, "sealed where no key is known");
        assert_eq!(plain().open(&mine, b""), None);
        assert_eq!(plain().open(&mine, b"2p{}"), None, "a later format");
    }

    #[test]
    fn keys_can_be_changed_while_sessions_live() {
        let (old, both) = (sealed(&[KEY]), sealed(&[OTHER_KEY, KEY]));
        let key = old.new_id(&old.group("user").unwrap()).unwrap().key;
        let record = old.seal(&key, b"data");
        assert_eq!(both.open(&key, &record).as_deref(), Some(&b"data"[..]));
        let renewed = both.seal(&key, b"data");
        assert_eq!(old.open(&key, &renewed), None);
    }

    #[test]
    fn keys_that_cannot_be_used_are_errors_at_construction() {
        let with_keys = |keys: &[&str]| {
            let encryption_keys = Some(keys.iter().map(|key| Secret::from(*key)).collect());
            code(Codec::new(SessionOptions { encryption_keys, ..SessionOptions::default() }))
        };
        assert_eq!(with_keys(&[]), "sessions.empty_aes_key");
        assert_eq!(with_keys(&[""]), "sessions.empty_aes_key");
        for bad in ["secret", &KEY[1..], "AQEB+/EBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE", "é", &KEY.repeat(2)]
        {
            assert_eq!(with_keys(&[KEY, bad]), "configuration.invalid", "{bad:?}");
        }
    }

    #[test]
    fn times_to_live_are_bounded() {
        for ttl in [Duration::ZERO, Duration::from_nanos(1), MAX_TTL + Duration::from_secs(1), Duration::MAX]
        {
            let idle = SessionOptions { default_ttl: Some(ttl), ..SessionOptions::default() };
            let absolute = SessionOptions { absolute_ttl: Some(ttl), ..SessionOptions::default() };
            assert_eq!(code(Codec::new(idle)), "configuration.invalid", "{ttl:?}");
            assert_eq!(code(Codec::new(absolute)), "configuration.invalid", "{ttl:?}");
        }
    }

    #[test]
    fn nothing_that_is_shown_holds_a_secret() {
        // attack 74
        let codec = plain();
        let new = codec.new_id(&codec.group("user").unwrap()).unwrap();
        assert!(!format!("{new:?}").contains(&new.id));
        let options = SessionOptions { encryption_keys: Some(vec![KEY.into()]), ..SessionOptions::default() };
        assert!(!format!("{options:?}").contains(KEY));
        let error = Codec::new(SessionOptions {
            encryption_keys: Some(vec![Secret::from("hunter2")]),
            ..SessionOptions::default()
        })
        .unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
    }
}
