//! White and black lists of JSON Web Tokens.
//!
//! A white list names the tokens that are accepted, a black list those that are refused. A token is listed under
//! the hash of its `jti` (RFC 7519 section 4.1.7), or of its header and payload when it has none. The signature has
//! no part in it: an ECDSA signature can be rewritten into a second valid one by anybody, and a revoked token must
//! not come back that way.
//!
//! An entry lives as long as its token can be accepted, and is then forgotten by the store.
//!
//! Both kinds of list can refuse many tokens by one entry: all that a subject (`sub`) was issued until a moment, and all of
//! one session (`sid`) of a subject. What belongs to one subject lies together in the store, so that a check
//! remains one round trip, on a cluster, too.
//!
//! A list reads a token without verifying it: verify first, then ask the list.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::crypto::sha256;
use crate::encoding::{base64url_decode, base64url_encode, json_object};
use crate::session::MAX_TTL;
use crate::store::{Key, Lifetime, Replaced, Store};
use crate::{ConfigurationError, Error, JwtError, Result, StoreError, Timestamp};

/// The longest token that is read, in bytes.
const MAX_TOKEN: usize = 256 * 1024;

/// The bytes of an entry: its being there says everything.
const LISTED: &[u8] = b"1";

/// Twelve bytes of a hash are enough to spread subjects over groups: each entry has a whole hash of its own.
const GROUP_BYTES: usize = 12;

/// So far may the moment lie ahead until which the tokens of a subject are refused: clocks differ a little.
const AHEAD: Duration = Duration::from_secs(60);

/// How often [`TokenList::revoke_subject`] tries again when others write to the same entry at the same time.
const REVOKE_ATTEMPTS: usize = 64;

/// Which tokens a list names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Only what is on the list is accepted.
    White,
    /// What is on the list is refused.
    Black,
}

/// How long entries live.
///
/// ```
/// use std::time::Duration;
/// use jam::token_list::ListOptions;
///
/// let options = ListOptions { token_life_time: Some(Duration::from_secs(900)), ..ListOptions::default() };
/// assert_eq!(options.leeway, Duration::ZERO);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListOptions {
    /// How long a token without `exp` stays listed; `None`: until it is deleted. On a white list it also holds for tokens
    /// with a later `exp`.
    pub life_time: Option<Duration>,
    /// The longest time that any token lives. For so long it is remembered that the tokens of a subject were revoked;
    /// afterwards they have all expired. `None`: without end, or on a white list for `life_time`.
    pub token_life_time: Option<Duration>,
    /// So long after its `exp` a token is still accepted: the largest leeway that tokens are verified with.
    pub leeway: Duration,
}

/// The pure steps of a list: which key a token has, and how long its entry lives.
#[derive(Clone, Debug)]
pub struct Codec {
    kind: Kind,
    options: ListOptions,
}

impl Codec {
    /// Checks the options.
    ///
    /// # Errors
    /// [`ConfigurationError::Key`] for a life time below one millisecond or above [`MAX_TTL`], and for a leeway
    /// above [`MAX_TTL`].
    pub fn new(kind: Kind, options: ListOptions) -> Result<Self> {
        check_life_time("in_list_life_time", options.life_time)?;
        check_life_time("token_life_time", options.token_life_time)?;
        if options.leeway > MAX_TTL {
            return Err(ConfigurationError::key("leeway", "must be at most a hundred years").into());
        }
        Ok(Self { kind, options })
    }

    /// The kind of the list.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The key of a token in the store.
    ///
    /// # Errors
    /// [`JwtError::Malformed`] for text that is not three segments of base64url with dots between.
    pub fn key(&self, token: &str) -> Result<Key> {
        Ok(self.key_of(&Token::parse(token)?))
    }

    /// All that decides whether the list names a token: its own entry, and those that refuse many tokens.
    ///
    /// # Errors
    /// Those of [`Codec::key`].
    pub fn lookup(&self, token: &str) -> Result<Lookup> {
        let token = Token::parse(token)?;
        let mut keys = vec![self.key_of(&token)];
        if let Some(subject) = token.subject() {
            keys.push(self.subject_key(&subject));
            keys.extend(token.session().map(|session| self.session_key(&subject, session)));
        }
        Ok(Lookup { keys, issued: token.issued() })
    }

    /// Whether the list names a token, given what the store has under the keys of its [`Lookup`].
    ///
    /// # Errors
    /// [`StoreError::Refused`] for an entry that Jam did not write.
    pub fn names(&self, lookup: &Lookup, found: &[Option<Vec<u8>>]) -> Result<bool> {
        let mut found = found.iter().map(Option::as_deref);
        let listed = found.next().flatten().is_some();
        let cut_off = match found.next().flatten() {
            Some(bytes) => CutOff::parse(bytes)?.covers(lookup.issued),
            None => false,
        };
        let revoked = cut_off || found.next().flatten().is_some();
        Ok(match self.kind {
            Kind::White => listed && !revoked,
            Kind::Black => listed || revoked,
        })
    }

    /// The key of a token, and how long its entry lives; `None` for the time when the token has expired
    /// already and needs no entry.
    ///
    /// # Errors
    /// Those of [`Codec::key`]; [`JwtError::InvalidClaim`] for an `exp` that is not a number.
    pub fn entry(&self, token: &str, now: Timestamp) -> Result<(Key, Option<Lifetime>)> {
        let token = Token::parse(token)?;
        Ok((self.key_of(&token), self.lifetime(token.expiry()?, now)))
    }

    /// What the list says about a token, given whether it is listed.
    ///
    /// # Errors
    /// [`JwtError::NotInWhiteList`], [`JwtError::InBlackList`].
    pub fn admit(&self, listed: bool) -> Result<()> {
        match (self.kind, listed) {
            (Kind::White, true) | (Kind::Black, false) => Ok(()),
            (Kind::White, false) => Err(JwtError::NotInWhiteList.into()),
            (Kind::Black, true) => Err(JwtError::InBlackList.into()),
        }
    }

    fn entries(&self, tokens: &[&str], now: Timestamp) -> Result<Vec<(Key, Vec<u8>, Lifetime)>> {
        let mut entries = Vec::with_capacity(tokens.len());
        for token in tokens {
            if let (key, Some(lifetime)) = self.entry(token, now)? {
                entries.push((key, LISTED.to_vec(), lifetime));
            }
        }
        Ok(entries)
    }

    /// What refuses the tokens of a subject: its key, and how it begins.
    ///
    /// # Errors
    /// [`Error::Validation`] for a subject that no token has room for, and for a moment more than a minute ahead.
    pub fn cut_off(
        &self,
        subject: &str,
        issued_before: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(Key, CutOff)> {
        check_name("the subject", subject)?;
        let issued_before = issued_before.unwrap_or(now);
        if issued_before > now + AHEAD {
            let reason =
                "issued_before must not lie in the future: tokens are revoked that were issued already";
            return Err(Error::validation(reason));
        }
        let kept = self.longest_life().map(|time| time + self.options.leeway + AHEAD);
        Ok((self.subject_key(subject), CutOff { issued_before, kept }))
    }

    /// What refuses the tokens of sessions of a subject: keys, values, and how long they live.
    ///
    /// # Errors
    /// [`Error::Validation`] for a name that no token has room for, and for a life time above [`MAX_TTL`].
    pub fn session_entries(
        &self,
        subject: &str,
        sessions: &[&str],
        life_time: Option<Duration>,
        now: Timestamp,
    ) -> Result<Vec<(Key, Vec<u8>, Lifetime)>> {
        check_name("the subject", subject)?;
        if life_time.is_some_and(|time| time > MAX_TTL) {
            return Err(Error::validation("a life time is at most 100 years"));
        }
        let kept = life_time.or(self.longest_life()).map(|time| now + time + self.options.leeway);
        let lifetime = Lifetime { idle: None, deadline: kept };
        let entry = |session: &&str| {
            check_name("a session", session)?;
            Ok((self.session_key(subject, session), LISTED.to_vec(), lifetime))
        };
        sessions.iter().map(entry).collect()
    }

    /// A white list accepts no token for longer than it keeps its entry.
    fn longest_life(&self) -> Option<Duration> {
        let by_list = self.options.life_time.filter(|_| self.kind == Kind::White);
        self.options.token_life_time.or(by_list)
    }

    fn key_of(&self, token: &Token<'_>) -> Key {
        let (form, name): (&[u8], &str) = match token.id() {
            Some(id) => (b"jti\0", id),
            None => (b"token\0", token.signing_input),
        };
        self.key_in(token.subject().map(|subject| group_of(&subject)), form, name)
    }

    fn subject_key(&self, subject: &str) -> Key {
        self.key_in(Some(group_of(subject)), b"sub\0", subject)
    }

    fn session_key(&self, subject: &str, session: &str) -> Key {
        self.key_in(Some(group_of(subject)), b"sid\0", session)
    }

    fn key_in(&self, group: Option<String>, form: &[u8], name: &str) -> Key {
        let list: &[u8] = match self.kind {
            Kind::White => b"jam.token_list.white\0",
            Kind::Black => b"jam.token_list.black\0",
        };
        Key { group, id: base64url_encode(sha256(&[list, form, name.as_bytes()].concat())) }
    }

    /// A black list's entry must not end before its token, or the token would be valid again; a white list's may.
    fn lifetime(&self, expiry: Option<Timestamp>, now: Timestamp) -> Option<Lifetime> {
        let configured = self.options.life_time.map(|time| now + time);
        let expiry = expiry.map(|expiry| (expiry + self.options.leeway).min(now + MAX_TTL));
        let deadline = match (self.kind, expiry) {
            (_, None) => configured,
            (Kind::Black, Some(expiry)) => Some(expiry),
            (Kind::White, Some(expiry)) => Some(configured.map_or(expiry, |time| time.min(expiry))),
        };
        let lives = deadline.is_none_or(|deadline| deadline > now);
        lives.then_some(Lifetime { idle: None, deadline })
    }
}

/// The group of all entries that concern a subject.
fn group_of(subject: &str) -> String {
    let hash = sha256(&[b"jam.token_list.subject\0", subject.as_bytes()].concat());
    base64url_encode(&hash[..GROUP_BYTES])
}

fn check_life_time(path: &str, life_time: Option<Duration>) -> Result<()> {
    if life_time.is_some_and(|time| time < Duration::from_millis(1) || time > MAX_TTL) {
        let reason = "a life time is more than 0 seconds and at most 100 years; leave it out for none";
        return Err(ConfigurationError::key(path, reason).into());
    }
    Ok(())
}

fn check_name(what: &str, name: &str) -> Result<()> {
    if name.len() > MAX_TOKEN {
        return Err(Error::validation(format!("{what} has at most {MAX_TOKEN} bytes")));
    }
    Ok(())
}

fn still_changing() -> Error {
    let reason = "others revoked tokens of the same subject all the time; try again";
    StoreError::Refused(reason.into()).into()
}

/// What [`Codec::names`] needs to know of a token.
#[derive(Clone, Debug)]
pub struct Lookup {
    keys: Vec<Key>,
    issued: Option<Timestamp>,
}

impl Lookup {
    /// The keys to read, all in one group unless there is one only.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }
}

/// The entry that refuses what a subject was issued until a moment.
///
/// It lives for so long after it was last written, as [`Lifetime::idle`] says; reading it does not prolong it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CutOff {
    issued_before: Timestamp,
    kept: Option<Duration>,
}

/// How a [`CutOff`] is written where there is one already. It only ever moves to the later moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revision {
    /// What is there covers it.
    Covered,
    /// This takes the place of what was read, if that is still there.
    Replace(CutOff),
    /// This has to live longer than what is there: it is written anew.
    Put(CutOff),
}

impl CutOff {
    /// Whether it refuses a token that was issued then. `iat` tells whole seconds mostly: who was issued a token in the
    /// second of the moment may have got it before. A token that does not tell is refused.
    fn covers(&self, issued: Option<Timestamp>) -> bool {
        issued.is_none_or(|issued| issued <= self.issued_before)
    }

    /// How long it lives.
    pub fn lifetime(&self) -> Lifetime {
        Lifetime { idle: self.kept, deadline: None }
    }

    /// The bytes that a store keeps: milliseconds since 1970, and how many of them it lives. No such text begins another.
    pub fn to_bytes(&self) -> Vec<u8> {
        let kept = self.kept.map_or_else(|| "-".to_owned(), |time| time.as_millis().to_string());
        format!("{} {kept};", self.issued_before.as_millis()).into_bytes()
    }

    fn parse(bytes: &[u8]) -> Result<Self> {
        let parse = || {
            let (moment, kept) = std::str::from_utf8(bytes).ok()?.strip_suffix(';')?.split_once(' ')?;
            let kept = if kept == "-" { None } else { Some(Duration::from_millis(kept.parse().ok()?)) };
            Some(Self { issued_before: Timestamp::from_millis(moment.parse().ok()?), kept })
        };
        parse()
            .ok_or_else(|| StoreError::Refused("an entry of a token list is not one of Jam's".into()).into())
    }

    /// What is to be done where these bytes are there already.
    ///
    /// # Errors
    /// [`StoreError::Refused`] for bytes that Jam did not write.
    pub fn revise(&self, found: &[u8]) -> Result<Revision> {
        let there = Self::parse(found)?;
        let lives_longer = there.kept.is_some_and(|there| self.kept.is_none_or(|kept| kept > there));
        let issued_before = self.issued_before.max(there.issued_before);
        Ok(if lives_longer {
            Revision::Put(Self { issued_before, kept: self.kept })
        } else if issued_before > there.issued_before {
            Revision::Replace(Self { issued_before, kept: there.kept })
        } else {
            Revision::Covered
        })
    }
}

/// The parts of a token that a list needs.
struct Token<'a> {
    /// Header and payload with the dot between (RFC 7515 section 2).
    signing_input: &'a str,
    /// `None` for a payload that is not a JSON object: a custom serializer made it.
    claims: Option<Map<String, Value>>,
}

impl<'a> Token<'a> {
    fn parse(token: &'a str) -> Result<Self, JwtError> {
        if token.len() > MAX_TOKEN {
            return Err(JwtError::Malformed(format!("a token has at most {MAX_TOKEN} bytes").into()));
        }
        let malformed = || {
            let reason = "a token is three segments of base64url without padding, with dots between them";
            JwtError::Malformed(reason.into())
        };
        let (signing_input, signature) = token.rsplit_once('.').ok_or_else(malformed)?;
        let (header, payload) = signing_input.split_once('.').ok_or_else(malformed)?;
        base64url_decode(header).filter(|header| !header.is_empty()).ok_or_else(malformed)?;
        base64url_decode(signature).filter(|signature| !signature.is_empty()).ok_or_else(malformed)?;
        let payload = base64url_decode(payload).ok_or_else(malformed)?;
        Ok(Self { signing_input, claims: json_object(&payload).ok() })
    }

    fn claim(&self, name: &str) -> Option<&Value> {
        self.claims.as_ref()?.get(name)
    }

    /// `jti`, where it is text that can tell tokens apart.
    fn id(&self) -> Option<&str> {
        self.claim("jti")?.as_str().filter(|id| !id.is_empty())
    }

    /// `sub` as text; some issuers write a number.
    fn subject(&self) -> Option<Cow<'_, str>> {
        match self.claim("sub")? {
            Value::String(text) => Some(text.as_str().into()),
            Value::Number(number) => Some(number.to_string().into()),
            _ => None,
        }
    }

    /// `sid`, the session that the token belongs to (OpenID Connect Front-Channel Logout 1.0 section 3).
    fn session(&self) -> Option<&str> {
        self.claim("sid")?.as_str()
    }

    /// `iat`, rounded down to a millisecond; `None` where it is no number.
    fn issued(&self) -> Option<Timestamp> {
        let claim = self.claim("iat")?;
        if let Some(seconds) = claim.as_i64() {
            return Some(Timestamp::from_seconds(seconds));
        }
        // A cast of a float saturates.
        Some(Timestamp::from_millis((claim.as_f64()? * 1_000.0).floor() as i64))
    }

    /// `exp`, a NumericDate (RFC 7519 section 2), rounded up to a millisecond.
    fn expiry(&self) -> Result<Option<Timestamp>, JwtError> {
        let Some(claim) = self.claim("exp") else { return Ok(None) };
        if let Some(seconds) = claim.as_i64() {
            return Ok(Some(Timestamp::from_seconds(seconds)));
        }
        let seconds = claim.as_f64().ok_or_else(|| JwtError::InvalidClaim {
            claim: "exp".into(),
            reason: "it must be a number of seconds".into(),
        })?;
        // A cast of a float saturates.
        Ok(Some(Timestamp::from_millis((seconds * 1_000.0).ceil() as i64)))
    }
}

/// A list over a blocking store. One instance can be shared between threads; clones share the store. The white
/// and the black list of one store do not touch.
///
/// ```
/// use std::sync::Arc;
/// use jam::{store::MemoryStore, token_list::{Kind, ListOptions, TokenList}, JwtError, Timestamp};
///
/// let list = TokenList::new(Arc::new(MemoryStore::new()), Kind::Black, ListOptions::default())?;
/// let token = "eyJhbGciOiJIUzI1NiJ9.eyJqdGkiOiI3In0.c2lnbmF0dXJl"; // {"alg":"HS256"}, {"jti":"7"}
/// let now = Timestamp::from_seconds(1_700_000_000);
///
/// list.admit(token, now)?;
/// list.add(token, now)?;
/// assert_eq!(list.admit(token, now), Err(JwtError::InBlackList.into()));
/// # Ok::<(), jam::Error>(())
/// ```
#[derive(Clone)]
pub struct TokenList {
    store: Arc<dyn Store>,
    codec: Arc<Codec>,
}

impl fmt::Debug for TokenList {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("TokenList").field(&self.codec).finish()
    }
}

impl TokenList {
    /// A list in `store`. An entry lives until its token's `exp` and the leeway later.
    ///
    /// # Errors
    /// Those of [`Codec::new`].
    pub fn new(store: Arc<dyn Store>, kind: Kind, options: ListOptions) -> Result<Self> {
        Ok(Self { store, codec: Arc::new(Codec::new(kind, options)?) })
    }

    /// The kind of the list.
    pub fn kind(&self) -> Kind {
        self.codec.kind
    }

    /// Puts a token on the list. One that has expired is not kept.
    ///
    /// # Errors
    /// Those of [`Codec::entry`]; [`Error::Store`].
    pub fn add(&self, token: &str, now: Timestamp) -> Result<()> {
        let (key, lifetime) = self.codec.entry(token, now)?;
        lifetime.map_or(Ok(()), |lifetime| self.store.put(&key, LISTED, lifetime, now))
    }

    /// Puts all of the tokens on the list in one go; none when one of them is malformed.
    ///
    /// # Errors
    /// Those of [`TokenList::add`].
    pub fn add_many(&self, tokens: &[&str], now: Timestamp) -> Result<()> {
        self.store.put_many(&self.codec.entries(tokens, now)?, now)
    }

    /// Whether the token is on the list. A token whose subject or session was revoked is on the black list, and not on
    /// the white one.
    ///
    /// # Errors
    /// Those of [`Codec::key`]; [`Error::Store`].
    pub fn check(&self, token: &str, now: Timestamp) -> Result<bool> {
        let lookup = self.codec.lookup(token)?;
        let found = match lookup.keys() {
            [key] => vec![self.store.get(key, now)?],
            keys => self.store.get_many(keys, now)?,
        };
        self.codec.names(&lookup, &found)
    }

    /// Accepts or refuses the token, as the kind of the list says.
    ///
    /// # Errors
    /// [`JwtError::NotInWhiteList`], [`JwtError::InBlackList`]; those of [`TokenList::check`].
    pub fn admit(&self, token: &str, now: Timestamp) -> Result<()> {
        self.codec.admit(self.check(token, now)?)
    }

    /// Takes the token from the list, if it is there.
    ///
    /// # Errors
    /// Those of [`Codec::key`]; [`Error::Store`].
    pub fn delete(&self, token: &str, now: Timestamp) -> Result<()> {
        self.store.delete(&self.codec.key(token)?, now).map(drop)
    }

    /// Refuses from now on every token of the subject that was issued up to `issued_before`, which is now if left out:
    /// logged out everywhere. Tokens that are issued later are good.
    ///
    /// What counts is the token's `iat`. It tells whole seconds: a token of the same second counts as issued before. So
    /// does one without `iat`, while one without `sub` is of no subject. An earlier moment than that of an earlier call
    /// changes nothing.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use jam::{store::MemoryStore, token_list::{Kind, ListOptions, TokenList}, Timestamp};
    ///
    /// let list = TokenList::new(Arc::new(MemoryStore::new()), Kind::Black, ListOptions::default())?;
    /// let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1MSIsImlhdCI6MTcwMDAwMDAwMH0.c2ln"; // {"sub":"u1","iat":1700000000}
    /// let now = Timestamp::from_seconds(1_700_000_060);
    ///
    /// list.revoke_subject("u1", None, now)?;
    /// assert!(list.check(token, now)?);
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Validation`] for a moment more than a minute ahead; [`Error::Store`].
    pub fn revoke_subject(
        &self,
        subject: &str,
        issued_before: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<()> {
        let (key, cut_off) = self.codec.cut_off(subject, issued_before, now)?;
        for _ in 0..REVOKE_ATTEMPTS {
            if self.store.insert(&key, &cut_off.to_bytes(), &[], cut_off.lifetime(), now)? {
                return Ok(());
            }
            let there = self.store.get_many(std::slice::from_ref(&key), now)?;
            let Some(there) = there.into_iter().next().flatten() else { continue };
            match cut_off.revise(&there)? {
                Revision::Covered => return Ok(()),
                Revision::Put(longer) => {
                    return self.store.put(&key, &longer.to_bytes(), longer.lifetime(), now);
                }
                Revision::Replace(later) => {
                    let bytes = later.to_bytes();
                    if self.store.replace(&key, &bytes, Some(&there), now)? == Replaced::Done {
                        return Ok(());
                    }
                }
            }
        }
        Err(still_changing())
    }

    /// Refuses from now on every token of the subject that names one of these sessions as its `sid`. That is remembered for
    /// `life_time`, the longest one that such tokens have; if left out, for [`ListOptions::token_life_time`].
    ///
    /// # Errors
    /// [`Error::Validation`] for a life time above [`MAX_TTL`]; [`Error::Store`].
    pub fn revoke_sessions(
        &self,
        subject: &str,
        sessions: &[&str],
        life_time: Option<Duration>,
        now: Timestamp,
    ) -> Result<()> {
        let entries = self.codec.session_entries(subject, sessions, life_time, now)?;
        if entries.is_empty() { Ok(()) } else { self.store.put_many(&entries, now) }
    }

    /// Closes the store; later calls fail with [`StoreError::Closed`].
    pub fn close(&self) {
        self.store.close();
    }
}

/// The awaited twin of [`TokenList`].
pub mod aio {
    use std::fmt;
    use std::future::Future;
    use std::sync::Arc;
    use std::time::Duration;

    use super::{Codec, Kind, LISTED, ListOptions, REVOKE_ATTEMPTS, Revision, still_changing};
    use crate::store::{AsyncStore, Replaced};
    use crate::{Result, Timestamp};

    /// A list over an asynchronous store. One instance can be shared between tasks; clones share the store.
    ///
    /// The methods say and refuse the same as those of the blocking [`TokenList`](super::TokenList). A token is
    /// read when a method is called, and the store is asked when its future is first polled; the futures borrow
    /// nothing.
    #[derive(Clone)]
    pub struct TokenList {
        store: Arc<dyn AsyncStore>,
        codec: Arc<Codec>,
    }

    impl fmt::Debug for TokenList {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.debug_tuple("TokenList").field(&self.codec).finish()
        }
    }

    impl TokenList {
        /// See [`TokenList::new`](super::TokenList::new).
        ///
        /// # Errors
        /// Those of [`Codec::new`].
        pub fn new(store: Arc<dyn AsyncStore>, kind: Kind, options: ListOptions) -> Result<Self> {
            Ok(Self { store, codec: Arc::new(Codec::new(kind, options)?) })
        }

        /// The kind of the list.
        pub fn kind(&self) -> Kind {
            self.codec.kind
        }

        /// See [`TokenList::add`](super::TokenList::add).
        pub fn add(&self, token: &str, now: Timestamp) -> impl Future<Output = Result<()>> + Send + use<> {
            let (store, entry) = (Arc::clone(&self.store), self.codec.entry(token, now));
            async move {
                let (key, lifetime) = entry?;
                let Some(lifetime) = lifetime else { return Ok(()) };
                store.put(&key, LISTED, lifetime, now).await
            }
        }

        /// See [`TokenList::add_many`](super::TokenList::add_many).
        pub fn add_many(
            &self,
            tokens: &[&str],
            now: Timestamp,
        ) -> impl Future<Output = Result<()>> + Send + use<> {
            let (store, entries) = (Arc::clone(&self.store), self.codec.entries(tokens, now));
            async move { store.put_many(&entries?, now).await }
        }

        /// See [`TokenList::check`](super::TokenList::check).
        pub fn check(
            &self,
            token: &str,
            now: Timestamp,
        ) -> impl Future<Output = Result<bool>> + Send + use<> {
            let (store, codec) = (Arc::clone(&self.store), Arc::clone(&self.codec));
            let lookup = codec.lookup(token);
            async move {
                let lookup = lookup?;
                let found = match lookup.keys() {
                    [key] => vec![store.get(key, now).await?],
                    keys => store.get_many(keys, now).await?,
                };
                codec.names(&lookup, &found)
            }
        }

        /// See [`TokenList::admit`](super::TokenList::admit).
        pub fn admit(&self, token: &str, now: Timestamp) -> impl Future<Output = Result<()>> + Send + use<> {
            let (codec, listed) = (Arc::clone(&self.codec), self.check(token, now));
            async move { codec.admit(listed.await?) }
        }

        /// See [`TokenList::delete`](super::TokenList::delete).
        pub fn delete(&self, token: &str, now: Timestamp) -> impl Future<Output = Result<()>> + Send + use<> {
            let (store, key) = (Arc::clone(&self.store), self.codec.key(token));
            async move { store.delete(&key?, now).await.map(drop) }
        }

        /// See [`TokenList::revoke_subject`](super::TokenList::revoke_subject).
        pub fn revoke_subject(
            &self,
            subject: &str,
            issued_before: Option<Timestamp>,
            now: Timestamp,
        ) -> impl Future<Output = Result<()>> + Send + use<> {
            let (store, prepared) =
                (Arc::clone(&self.store), self.codec.cut_off(subject, issued_before, now));
            async move {
                let (key, cut_off) = prepared?;
                let bytes = cut_off.to_bytes();
                for _ in 0..REVOKE_ATTEMPTS {
                    if store.insert(&key, &bytes, &[], cut_off.lifetime(), now).await? {
                        return Ok(());
                    }
                    let there = store.get_many(std::slice::from_ref(&key), now).await?;
                    let Some(there) = there.into_iter().next().flatten() else { continue };
                    match cut_off.revise(&there)? {
                        Revision::Covered => return Ok(()),
                        Revision::Put(longer) => {
                            return store.put(&key, &longer.to_bytes(), longer.lifetime(), now).await;
                        }
                        Revision::Replace(later) => {
                            let bytes = later.to_bytes();
                            if store.replace(&key, &bytes, Some(&there), now).await? == Replaced::Done {
                                return Ok(());
                            }
                        }
                    }
                }
                Err(still_changing())
            }
        }

        /// See [`TokenList::revoke_sessions`](super::TokenList::revoke_sessions).
        pub fn revoke_sessions(
            &self,
            subject: &str,
            sessions: &[&str],
            life_time: Option<Duration>,
            now: Timestamp,
        ) -> impl Future<Output = Result<()>> + Send + use<> {
            let store = Arc::clone(&self.store);
            let entries = self.codec.session_entries(subject, sessions, life_time, now);
            async move {
                let entries = entries?;
                if entries.is_empty() { Ok(()) } else { store.put_many(&entries, now).await }
            }
        }

        /// See [`TokenList::close`](super::TokenList::close).
        pub fn close(&self) {
            self.store.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn token(payload: &str) -> String {
        let header = base64url_encode(br#"{"alg":"HS256"}"#);
        format!("{header}.{}.{}", base64url_encode(payload), base64url_encode(b"a signature"))
    }

    fn codec(kind: Kind, life_time: Option<u64>, leeway: u64) -> Codec {
        let life_time = life_time.map(Duration::from_secs);
        let leeway = Duration::from_secs(leeway);
        Codec::new(kind, ListOptions { life_time, leeway, ..ListOptions::default() }).unwrap()
    }

    /// Seconds that the entry of the token lives; `None`: without end.
    fn life(codec: &Codec, payload: &str) -> Option<u64> {
        let (_, lifetime) = codec.entry(&token(payload), NOW).unwrap();
        lifetime.unwrap().deadline.map(|deadline| deadline.saturating_since(NOW).as_secs())
    }

    #[test]
    fn a_token_has_one_spelling() {
        // attack 27, fault 1
        let list = codec(Kind::Black, None, 0);
        let good = token(r#"{"jti":"7"}"#);
        assert!(list.key(&good).is_ok());
        let cut = &good[..good.len() - 1];
        for bad in [
            format!("{good}!!!!"),
            format!("{good}="),
            format!("{good}."),
            format!("{good}\n"),
            format!(" {good}"),
            format!("{cut}_"),
            good.replace('.', ".."),
            good.replace('.', ""),
            good.rsplit_once('.').unwrap().0.to_owned(),
            format!("{}.", good.rsplit_once('.').unwrap().0),
            String::new(),
            "..".to_owned(),
            ".".repeat(1_000_000),
            "a".repeat(100 << 20),
        ] {
            let shown: String = bad.chars().take(80).collect();
            assert_eq!(list.key(&bad).unwrap_err().code(), "jwt.malformed", "{shown:?}");
        }
    }

    #[test]
    fn tokens_are_told_apart_by_jti() {
        let list = codec(Kind::Black, None, 0);
        let key = |payload: &str| list.key(&token(payload)).unwrap();
        assert_eq!(key(r#"{"jti":"7","exp":1}"#), key(r#"{"exp":2,"jti":"7"}"#));
        assert_ne!(key(r#"{"jti":"7"}"#), key(r#"{"jti":"8"}"#));
    }

    #[test]
    fn tokens_without_a_usable_jti_are_told_apart_by_what_is_signed() {
        let list = codec(Kind::Black, None, 0);
        for payload in [r#"{"sub":"a"}"#, r#"{"jti":7}"#, r#"{"jti":""}"#, r#"{"jti":null}"#, "not JSON"] {
            let listed = token(payload);
            // A second signature over the same bytes, as ECDSA lets anybody make one.
            let resigned = format!("{}.AAAA", listed.rsplit_once('.').unwrap().0);
            assert_eq!(list.key(&listed).unwrap(), list.key(&resigned).unwrap(), "{payload}");
            assert_ne!(list.key(&listed).unwrap(), list.key(&token(r#"{"sub":"b"}"#)).unwrap(), "{payload}");
        }
    }

    #[test]
    fn the_lists_of_one_store_do_not_mix() {
        for payload in [r#"{"jti":"7"}"#, "{}"] {
            let (white, black) = (codec(Kind::White, None, 0), codec(Kind::Black, None, 0));
            assert_ne!(white.key(&token(payload)).unwrap(), black.key(&token(payload)).unwrap());
        }
    }

    #[test]
    fn a_jti_cannot_stand_for_another_tokens_text() {
        let list = codec(Kind::Black, None, 0);
        let victim = token("{}");
        let signing_input = victim.rsplit_once('.').unwrap().0;
        let forged = token(&format!(r#"{{"jti":"{signing_input}"}}"#));
        assert_ne!(list.key(&victim).unwrap(), list.key(&forged).unwrap());
    }

    #[test]
    fn a_black_entry_lives_exactly_as_long_as_its_token() {
        let exp = |seconds: i64| format!(r#"{{"exp":{}}}"#, NOW.as_seconds() + seconds);
        assert_eq!(life(&codec(Kind::Black, None, 0), &exp(60)), Some(60));
        assert_eq!(life(&codec(Kind::Black, None, 30), &exp(60)), Some(90));
        assert_eq!(life(&codec(Kind::Black, Some(5), 0), &exp(60)), Some(60), "never forgotten too early");
        assert_eq!(life(&codec(Kind::Black, Some(5), 0), "{}"), Some(5));
        assert_eq!(life(&codec(Kind::Black, None, 0), "{}"), None);
    }

    #[test]
    fn a_white_entry_lives_no_longer_than_its_token() {
        let exp = |seconds: i64| format!(r#"{{"exp":{}}}"#, NOW.as_seconds() + seconds);
        assert_eq!(life(&codec(Kind::White, None, 0), &exp(60)), Some(60));
        assert_eq!(life(&codec(Kind::White, Some(5), 0), &exp(60)), Some(5));
        assert_eq!(life(&codec(Kind::White, Some(500), 0), &exp(60)), Some(60));
        assert_eq!(life(&codec(Kind::White, Some(5), 0), "{}"), Some(5));
    }

    #[test]
    fn exp_of_any_number_is_read_without_wrapping() {
        // attack 33
        let list = codec(Kind::Black, None, 0);
        let century = Some(MAX_TTL.as_secs());
        for far in ["9223372036854775807", "9223372036854775808", "18446744073709551616", "1e300"] {
            assert_eq!(life(&list, &format!(r#"{{"exp":{far}}}"#)), century, "{far}");
        }
        for past in ["0", "-0", "-1", "-9223372036854775808", "-1e300", "1700000000", "1699999999.9"] {
            let (_, lifetime) = list.entry(&token(&format!(r#"{{"exp":{past}}}"#)), NOW).unwrap();
            assert_eq!(lifetime, None, "{past}");
        }
        let (_, lifetime) = list.entry(&token(r#"{"exp":1700000000.5}"#), NOW).unwrap();
        assert_eq!(lifetime.unwrap().deadline, Some(NOW + Duration::from_millis(500)));
    }

    #[test]
    fn exp_of_another_type_is_refused_and_not_taken_for_absent() {
        // attack 32
        let list = codec(Kind::Black, None, 0);
        for bad in [r#""never""#, "true", "[]", "{}", "null"] {
            let error = list.entry(&token(&format!(r#"{{"exp":{bad}}}"#)), NOW).unwrap_err();
            assert_eq!(error.code(), "jwt.invalid_claim", "{bad}");
        }
    }

    #[test]
    fn options_out_of_range_are_errors_at_construction() {
        let is_refused = |options| Codec::new(Kind::White, options).is_err();
        for time in [Duration::ZERO, Duration::MAX] {
            assert!(is_refused(ListOptions { life_time: Some(time), ..ListOptions::default() }));
            assert!(is_refused(ListOptions { token_life_time: Some(time), ..ListOptions::default() }));
        }
        assert!(is_refused(ListOptions { leeway: Duration::MAX, ..ListOptions::default() }));
    }

    /// Whether a black list names the token where the tokens of `sub` were revoked `millis` after [`NOW`].
    fn is_cut_off(payload: &str, millis: u64) -> bool {
        let list = codec(Kind::Black, None, 0);
        let moment = NOW + Duration::from_millis(millis);
        let (key, cut_off) = list.cut_off("a", Some(moment), moment).unwrap();
        let lookup = list.lookup(&token(payload)).unwrap();
        let found: Vec<_> =
            lookup.keys().iter().map(|place| (*place == key).then(|| cut_off.to_bytes())).collect();
        list.names(&lookup, &found).unwrap()
    }

    #[test]
    fn a_token_issued_in_the_second_of_the_moment_or_before_is_refused() {
        for (iat, millis, refused) in [
            ("1699999999", 0, true),
            ("1700000000", 0, true),
            ("1700000000", 999, true),
            ("1700000001", 999, false),
            ("1700000001", 1000, true),
            ("1700000000.5", 499, false),
            ("1700000000.5", 500, true),
            ("1e300", 0, false),
            ("-1e300", 0, true),
        ] {
            let payload = format!(r#"{{"sub":"a","iat":{iat}}}"#);
            assert_eq!(is_cut_off(&payload, millis), refused, "{iat}, {millis}");
        }
    }

    #[test]
    fn a_token_that_does_not_tell_when_it_was_issued_is_refused() {
        for claim in ["", r#","iat":"never""#, r#","iat":null"#, r#","iat":[]"#] {
            assert!(is_cut_off(&format!(r#"{{"sub":"a"{claim}}}"#), 0), "{claim}");
        }
    }

    #[test]
    fn only_the_tokens_of_the_subject_are_refused() {
        for payload in [r#"{"sub":"b","iat":1}"#, r#"{"iat":1}"#, r#"{"sub":null,"iat":1}"#, "no JSON"] {
            assert!(!is_cut_off(payload, 0), "{payload}");
        }
        let list = codec(Kind::Black, None, 0);
        let (key, _) = list.cut_off("7", None, NOW).unwrap();
        let number = list.lookup(&token(r#"{"sub":7}"#)).unwrap();
        assert_eq!(number.keys()[1], key, "a subject that is a number is known by its digits");
    }

    #[test]
    fn all_that_decides_on_a_token_lies_in_one_group() {
        let list = codec(Kind::Black, None, 0);
        let lookup = list.lookup(&token(r#"{"sub":"a","sid":"s","jti":"7"}"#)).unwrap();
        assert_eq!(lookup.keys().len(), 3);
        assert!(lookup.keys().iter().all(|key| key.group == lookup.keys()[0].group && key.group.is_some()));
        // Somebody else's session of the same name is another one.
        let other = list.lookup(&token(r#"{"sub":"b","sid":"s","jti":"7"}"#)).unwrap();
        assert!(lookup.keys().iter().zip(other.keys()).all(|(ours, theirs)| ours != theirs));
        // No claim can stand for another one.
        let same = list.lookup(&token(r#"{"sub":"x","sid":"x","jti":"x"}"#)).unwrap();
        assert!(same.keys()[0] != same.keys()[1] && same.keys()[1] != same.keys()[2]);
    }

    #[test]
    fn a_revocation_never_moves_back_and_never_ends_sooner() {
        let at = |seconds| NOW + Duration::from_secs(seconds);
        let cut_off = |moment, kept: Option<u64>| CutOff {
            issued_before: at(moment),
            kept: kept.map(Duration::from_secs),
        };
        let revise = |there: CutOff, new: CutOff| new.revise(&there.to_bytes()).unwrap();
        assert_eq!(revise(cut_off(5, Some(9)), cut_off(5, Some(9))), Revision::Covered);
        assert_eq!(revise(cut_off(5, Some(9)), cut_off(4, Some(8))), Revision::Covered);
        assert_eq!(revise(cut_off(5, None), cut_off(5, Some(9))), Revision::Covered);
        let later = Revision::Replace(cut_off(6, Some(9)));
        assert_eq!(revise(cut_off(5, Some(9)), cut_off(6, Some(8))), later);
        assert_eq!(revise(cut_off(5, Some(9)), cut_off(4, None)), Revision::Put(cut_off(5, None)));
        assert_eq!(revise(cut_off(5, Some(9)), cut_off(6, Some(10))), Revision::Put(cut_off(6, Some(10))));
    }

    #[test]
    fn a_revocation_outlives_every_token_that_it_refuses() {
        let options = ListOptions {
            token_life_time: Some(Duration::from_secs(900)),
            leeway: Duration::from_secs(30),
            ..ListOptions::default()
        };
        let list = Codec::new(Kind::Black, options).unwrap();
        let (_, cut_off) = list.cut_off("a", Some(NOW + AHEAD), NOW).unwrap();
        assert_eq!(cut_off.lifetime().idle, Some(Duration::from_secs(900 + 30) + AHEAD));
        assert_eq!(list.cut_off("a", Some(NOW + AHEAD * 2), NOW).unwrap_err().code(), "validation.invalid");
        for (life_time, seconds) in [(None, 930), (Some(Duration::from_secs(60)), 90)] {
            let (_, _, lifetime) = &list.session_entries("a", &["s"], life_time, NOW).unwrap()[0];
            assert_eq!(lifetime.deadline, Some(NOW + Duration::from_secs(seconds)));
        }
        assert_eq!(codec(Kind::Black, Some(5), 0).cut_off("a", None, NOW).unwrap().1.lifetime().idle, None);
    }

    #[test]
    fn what_others_wrote_into_an_entry_lets_no_token_in() {
        let list = codec(Kind::Black, None, 0);
        let lookup = list.lookup(&token(r#"{"sub":"a","iat":1}"#)).unwrap();
        for bytes in ["", "1", "1 2", "x 1;", "1 x;", "1 -1;", "1;"] {
            let found = [None, Some(bytes.as_bytes().to_vec())];
            assert_eq!(list.names(&lookup, &found).unwrap_err().code(), "store.refused", "{bytes}");
        }
    }
}
