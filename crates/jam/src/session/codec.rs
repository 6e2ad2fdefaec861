//! The pure steps of sessions: ids, store keys and records.

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{IdFactory, MAX_METADATA, MAX_SESSION_KEY, MAX_TTL, Session, SessionInfo, SessionOptions};
use crate::crypto::{random_bytes, seal, sha256};
use crate::encoding::{base64url_decode, base64url_encode, json_object};
use crate::secret::Secret;
use crate::store::{Entry, Exchange, Found, Key, Lifetime};
use crate::{ConfigurationError, Error, Result, SessionError, Timestamp};

/// Twelve bytes of a hash in base64url.
const TAG_LENGTH: usize = 16;
const SECRET_BYTES: usize = 32;
const HASH_BYTES: usize = 32;
const FACTORY_TEXT: std::ops::RangeInclusive<usize> = 16..=200;

/// A record is the version of its format, `p` for plain or `s` for sealed, a revision, and the data. All before the data
/// is printable, so that a store which keeps text can show a plain record as it is.
const PLAIN: &[u8] = b"2p";
const SEALED: &[u8] = b"2s";

/// Twelve random bytes in base64url, new with each writing of data, so that they tell whether others have written
/// meanwhile. A counter would have to be read before each write.
const REVISION_LENGTH: usize = 16;
const REVISION_BYTES: usize = 12;

/// What the first version of the format began with; it had no revisions. Such records are still read, and no longer written.
const PLAIN_1: &[u8] = b"1p";
const SEALED_1: &[u8] = b"1s";

/// What is told for the revision of a record that has none.
const NO_REVISION: &str = "1";

/// What no record begins with.
const NO_RECORD: &[u8] = b"0";

/// The first bytes of a note, which holds a session's metadata.
const PLAIN_NOTE: &[u8] = b"1p";
const SEALED_NOTE: &[u8] = b"1s";

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
        check_ttl("default_ttl", options.default_ttl)?;
        check_ttl("absolute_ttl", options.absolute_ttl)?;
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

    /// The record that keeps `data` under `key`, with a new revision.
    pub fn seal(&self, key: &Key, data: &[u8]) -> Vec<u8> {
        let revision = base64url_encode(random_bytes::<REVISION_BYTES>().as_slice());
        self.seal_as(key, &revision, data)
    }

    fn seal_as(&self, key: &Key, revision: &str, data: &[u8]) -> Vec<u8> {
        let Some(sealer) = &self.sealer else {
            return [PLAIN, revision.as_bytes(), data].concat();
        };
        let mut record = [SEALED, revision.as_bytes()].concat();
        sealer.seal(data, &context(key, revision), &mut record);
        record
    }

    /// The data of a record that was found under `key`.
    ///
    /// `None`: it was not sealed for this key, or was cut, changed or sealed with an unknown key; also when
    /// it is plain although keys are configured, since anyone who can write to the store could have put it there.
    pub fn open(&self, key: &Key, record: &[u8]) -> Option<Vec<u8>> {
        let data = self.split(record).and_then(|(revision, body)| match &self.sealer {
            None => Some(body.to_vec()),
            Some(sealer) => sealer.open(body, &context(key, revision.unwrap_or_default())),
        });
        if data.is_none() {
            tracing::warn!("a stored session was passed over: it does not open with the configured keys");
        }
        data
    }

    /// The revision of a record, if it has one, and what follows. `None` for what is no record, and for a plain one where
    /// sealed ones are expected, or the other way round.
    fn split<'a>(&self, record: &'a [u8]) -> Option<(Option<&'a str>, &'a [u8])> {
        let (current, first) = if self.seals() { (SEALED, SEALED_1) } else { (PLAIN, PLAIN_1) };
        if let Some(body) = record.strip_prefix(first) {
            return Some((None, body));
        }
        let (revision, body) = record.strip_prefix(current)?.split_at_checked(REVISION_LENGTH)?;
        Some((Some(std::str::from_utf8(revision).ok()?), body))
    }

    /// The version of a session that has this record: a text that changes whenever data is written.
    pub fn version(&self, record: &[u8]) -> Option<String> {
        let (revision, _) = self.split(record)?;
        Some(revision.unwrap_or(NO_REVISION).to_owned())
    }

    /// What the record of a session begins with as long as it has this version. For text that is no version, what no
    /// record begins with.
    pub fn expected(&self, version: &str) -> Vec<u8> {
        let (current, first) = if self.seals() { (SEALED, SEALED_1) } else { (PLAIN, PLAIN_1) };
        if version == NO_REVISION {
            return first.to_vec();
        }
        if version.len() == REVISION_LENGTH && base64url_decode(version).is_some() {
            return [current, version.as_bytes()].concat();
        }
        NO_RECORD.to_vec()
    }

    /// The note that keeps a session's metadata under `key`; empty for none.
    ///
    /// # Errors
    /// [`Error::Validation`] when it is longer than [`MAX_METADATA`] as JSON.
    pub fn seal_metadata(&self, key: &Key, metadata: &Map<String, Value>) -> Result<Vec<u8>> {
        if metadata.is_empty() {
            return Ok(Vec::new());
        }
        let json = serde_json::to_vec(metadata).unwrap_or_default();
        if json.len() > MAX_METADATA {
            let reason = format!("the metadata of a session have at most {MAX_METADATA} bytes as JSON");
            return Err(Error::validation(reason));
        }
        // What is kept must be readable again.
        json_object(&json).map_err(|_| Error::validation("the metadata of a session nest too deep"))?;
        Ok(self.seal_note(key, &json))
    }

    fn seal_note(&self, key: &Key, json: &[u8]) -> Vec<u8> {
        let Some(sealer) = &self.sealer else {
            return [PLAIN_NOTE, json].concat();
        };
        let mut note = SEALED_NOTE.to_vec();
        sealer.seal(json, &note_context(key), &mut note);
        note
    }

    /// The metadata of a session in the note that was found under `key`; none where it does not open, as for a record.
    pub fn open_metadata(&self, key: &Key, note: &[u8]) -> Map<String, Value> {
        let json = self.open_note(key, note);
        json.and_then(|json| json_object(&json).ok()).unwrap_or_default()
    }

    fn open_note(&self, key: &Key, note: &[u8]) -> Option<Vec<u8>> {
        match &self.sealer {
            None => note.strip_prefix(PLAIN_NOTE).map(<[u8]>::to_vec),
            Some(sealer) => sealer.open(note.strip_prefix(SEALED_NOTE)?, &note_context(key)),
        }
    }

    /// What a rename from `from` to `to` has to exchange, given what was found under `from`. The version stays. `None`
    /// without encryption, where all moves as it is.
    ///
    /// # Errors
    /// [`SessionError::NotFound`] when there is no record, or it does not open.
    pub fn exchange(&self, from: &Key, to: &Key, found: Option<&Found>) -> Result<Option<Exchange>> {
        if !self.seals() {
            return Ok(None);
        }
        let Found { value: record, note, .. } = found.ok_or(SessionError::NotFound)?;
        let data = Zeroizing::new(self.open(from, record).ok_or(SessionError::NotFound)?);
        let version = self.version(record).ok_or(SessionError::NotFound)?;
        let replacement = match self.split(record) {
            Some((Some(revision), _)) => self.seal_as(to, revision, &data),
            _ => self.seal(to, &data),
        };
        let metadata = self.open_note(from, note).map(Zeroizing::new);
        let note = metadata.map(|json| self.seal_note(to, &json)).unwrap_or_default();
        Ok(Some(Exchange { expected: self.expected(&version), replacement, note }))
    }

    pub(super) fn create(
        &self,
        session_key: &str,
        data: &[u8],
        metadata: &Map<String, Value>,
    ) -> Result<Creation> {
        let new = self.new_id(&self.group(session_key)?)?;
        let note = self.seal_metadata(&new.key, metadata)?;
        let record = self.seal(&new.key, data);
        Ok(Creation { new, record, note })
    }

    /// What is told of a session that was found under `key`; `None` where it does not open.
    pub(super) fn read(&self, key: &Key, found: &Found) -> Option<Session> {
        Some(Session {
            data: self.open(key, &found.value)?,
            version: self.version(&found.value)?,
            handle: key.id.clone(),
            metadata: self.open_metadata(key, &found.note),
            created: found.created,
            expires: found.expires,
        })
    }

    /// What is told of the sessions of a group.
    pub(super) fn list(&self, group: &str, entries: Vec<Entry>) -> Vec<SessionInfo> {
        let info = |entry: Entry| {
            let Entry { id, note, created, last_used, expires } = entry;
            let key = Key { group: Some(group.to_owned()), id };
            let metadata = self.open_metadata(&key, &note);
            SessionInfo { handle: key.id, metadata, created, last_used, expires }
        };
        entries.into_iter().map(info).collect()
    }

    /// Where the session with a public handle is stored; `None` for text that cannot be one.
    ///
    /// # Errors
    /// Those of [`Codec::group`].
    pub fn locate_handle(&self, session_key: &str, handle: &str) -> Result<Option<Key>> {
        let group = self.group(session_key)?;
        let is_hash = base64url_decode(handle).is_some_and(|hash| hash.len() == HASH_BYTES);
        Ok(is_hash.then(|| Key { group: Some(group), id: handle.to_owned() }))
    }

    /// The id of the session to keep in the group of a session key; `None` where it is no session's of that.
    pub(super) fn kept(&self, session_key: &str, id: &str) -> Result<(String, Option<String>)> {
        let group = self.group(session_key)?;
        let kept = self.locate(id).filter(|key| key.group.as_deref() == Some(&group));
        Ok((group, kept.map(|key| key.id)))
    }

    pub(super) fn update(&self, id: &str, data: &[u8]) -> Result<(Key, Vec<u8>)> {
        let key = self.locate(id).ok_or(SessionError::NotFound)?;
        let record = self.seal(&key, data);
        Ok((key, record))
    }

    pub(super) fn rework(&self, id: &str) -> Result<(Key, NewId)> {
        let old = self.locate(id).ok_or(SessionError::NotFound)?;
        let new = self.new_id(&id[..TAG_LENGTH])?;
        Ok((old, new))
    }
}

/// What has to be stored for a new session, and where.
pub(super) struct Creation {
    pub(super) new: NewId,
    pub(super) record: Vec<u8>,
    pub(super) note: Vec<u8>,
}

/// Binds a sealed record to the one key that it was written under, and to its revision. An id is a hash and has always the
/// same length, so that no two pairs look alike; records of the first version have an empty revision.
fn context(key: &Key, revision: &str) -> Vec<u8> {
    [b"jam.session.record\0", key.id.as_bytes(), revision.as_bytes()].concat()
}

/// The same for a sealed note.
fn note_context(key: &Key) -> Vec<u8> {
    [b"jam.session.note\0", key.id.as_bytes()].concat()
}

fn check_ttl(path: &str, ttl: Option<Duration>) -> Result<()> {
    match ttl {
        Some(ttl) if ttl < Duration::from_millis(1) || ttl > MAX_TTL => {
            Err(ConfigurationError::key(path, "must be more than 0 seconds and at most a hundred years")
                .into())
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
        ConfigurationError::key("session_aes_secret", reason).into()
    })
}

fn empty_key() -> Error {
    let reason = "encrypted sessions need a key: set session_aes_secret, as generate_aes_key makes it";
    Error::from(SessionError::EmptyAesKey(reason.into())).at("session_aes_secret")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Arc;

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
    fn records_of_the_first_version_open_and_their_next_writing_has_a_revision() {
        let found = |value: Vec<u8>| Found {
            value,
            note: vec![],
            created: Timestamp::from_seconds(1),
            expires: None,
        };
        for codec in [plain(), sealed(&[KEY])] {
            let group = codec.group("user").unwrap();
            let (key, other) = (codec.new_id(&group).unwrap().key, codec.new_id(&group).unwrap().key);
            let mut record = if codec.seals() { SEALED_1.to_vec() } else { PLAIN_1.to_vec() };
            match &codec.sealer {
                None => record.extend_from_slice(b"data"),
                Some(sealer) => sealer.seal(b"data", &context(&key, ""), &mut record),
            }
            assert_eq!(codec.open(&key, &record).as_deref(), Some(&b"data"[..]));
            assert_eq!(codec.version(&record).as_deref(), Some("1"));
            assert!(record.starts_with(&codec.expected("1")));
            let next = codec.seal(&key, b"data");
            assert!(!next.starts_with(&codec.expected("1")), "an old version is stale after a write");
            assert!(next.starts_with(&codec.expected(&codec.version(&next).unwrap())));
            if let Some(exchange) = codec.exchange(&key, &other, Some(&found(record))).unwrap() {
                assert_eq!(codec.open(&other, &exchange.replacement).as_deref(), Some(&b"data"[..]));
                assert_ne!(codec.version(&exchange.replacement).as_deref(), Some("1"));
            }
        }
    }

    #[test]
    fn a_sealed_revision_and_sealed_metadata_cannot_be_swapped() {
        // attack 63
        let codec = sealed(&[KEY]);
        let group = codec.group("user").unwrap();
        let (mine, other) = (codec.new_id(&group).unwrap().key, codec.new_id(&group).unwrap().key);
        let (first, second) = (codec.seal(&mine, b"data"), codec.seal(&mine, b"data"));
        let front = SEALED.len() + REVISION_LENGTH;
        assert_ne!(first[..front], second[..front]);
        assert_eq!(codec.open(&mine, &[&second[..front], &first[front..]].concat()), None);
        let without = [SEALED_1, &first[front..]].concat();
        assert_eq!(codec.open(&mine, &without), None, "taken for one of the first version");

        let metadata = serde_json::json!({"address": "192.0.2.1"}).as_object().unwrap().clone();
        let note = codec.seal_metadata(&mine, &metadata).unwrap();
        assert_eq!(codec.open_metadata(&mine, &note), metadata);
        assert!(codec.open_metadata(&other, &note).is_empty(), "swapped in from another session");
        assert!(sealed(&[OTHER_KEY]).open_metadata(&mine, &note).is_empty());
        let planted = plain().seal_metadata(&mine, &metadata).unwrap();
        assert!(codec.open_metadata(&mine, &planted).is_empty(), "plain where sealed ones are expected");
        for forged in [&b""[..], b"1p", b"1p[]", b"1p{\"a\":1,\"a\":2}", b"{}", b"\xff"] {
            assert!(plain().open_metadata(&mine, forged).is_empty(), "{forged:?}");
        }
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
