//! White and black lists of JSON Web Tokens.
//!
//! A white list names the tokens that are accepted, a black list those that are refused. A token is listed under
//! the hash of its `jti` (RFC 7519 section 4.1.7), or of its header and payload when it has none. The signature has
//! no part in it: an ECDSA signature can be rewritten into a second valid one by anybody, and a revoked token must
//! not come back that way.
//!
//! An entry lives as long as its token can be accepted, and is then forgotten by the store.
//!
//! A list reads a token without verifying it: verify first, then ask the list.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::crypto::sha256;
use crate::encoding::{base64url_decode, base64url_encode, json_object};
use crate::session::MAX_TTL;
use crate::store::{Key, Lifetime, Store};
use crate::{ConfigurationError, JwtError, Result, Timestamp};

/// The longest token that is read, in bytes.
const MAX_TOKEN: usize = 256 * 1024;

/// The bytes of an entry: its being there says everything.
const LISTED: &[u8] = b"1";

/// Which tokens a list names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Only what is on the list is accepted.
    White,
    /// What is on the list is refused.
    Black,
}

/// The pure steps of a list: which key a token has, and how long its entry lives.
#[derive(Clone, Debug)]
pub struct Codec {
    kind: Kind,
    life_time: Option<Duration>,
    leeway: Duration,
}

impl Codec {
    /// Checks the options; see [`TokenList::new`].
    ///
    /// # Errors
    /// [`ConfigurationError::Key`] for a life time below one millisecond or above [`MAX_TTL`], and for a leeway
    /// above [`MAX_TTL`].
    pub fn new(kind: Kind, life_time: Option<Duration>, leeway: Duration) -> Result<Self> {
        if life_time.is_some_and(|time| time < Duration::from_millis(1) || time > MAX_TTL) {
            let reason = "a life time is more than 0 seconds and at most 100 years; leave it out for none";
            return Err(ConfigurationError::key("jwt.list.in_list_life_time", reason).into());
        }
        if leeway > MAX_TTL {
            let reason = "a leeway is at most 100 years";
            return Err(ConfigurationError::key("jwt.leeway", reason).into());
        }
        Ok(Self { kind, life_time, leeway })
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

    fn key_of(&self, token: &Token<'_>) -> Key {
        let list: &[u8] = match self.kind {
            Kind::White => b"jam.token_list.white\0",
            Kind::Black => b"jam.token_list.black\0",
        };
        let (form, name): (&[u8], &str) = match token.id() {
            Some(id) => (b"jti\0", id),
            None => (b"token\0", token.signing_input),
        };
        Key { group: None, id: base64url_encode(sha256(&[list, form, name.as_bytes()].concat())) }
    }

    /// A black list's entry must not end before its token, or the token would be valid again; a white list's may.
    fn lifetime(&self, expiry: Option<Timestamp>, now: Timestamp) -> Option<Lifetime> {
        let configured = self.life_time.map(|time| now + time);
        let expiry = expiry.map(|expiry| (expiry + self.leeway).min(now + MAX_TTL));
        let deadline = match (self.kind, expiry) {
            (_, None) => configured,
            (Kind::Black, Some(expiry)) => Some(expiry),
            (Kind::White, Some(expiry)) => Some(configured.map_or(expiry, |time| time.min(expiry))),
        };
        let lives = deadline.is_none_or(|deadline| deadline > now);
        lives.then_some(Lifetime { idle: None, deadline })
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
/// use std::{sync::Arc, time::Duration};
/// use jam::{store::MemoryStore, token_list::{Kind, TokenList}, JwtError, Timestamp};
///
/// let list = TokenList::new(Arc::new(MemoryStore::new()), Kind::Black, None, Duration::ZERO)?;
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
    /// A list in `store`.
    ///
    /// An entry lives until its token's `exp` and `leeway` later: give the largest leeway that tokens are verified
    /// with. `life_time` is for tokens without `exp`, which otherwise stay listed until they are deleted; on a white
    /// list it also holds for tokens with a later `exp`.
    ///
    /// # Errors
    /// Those of [`Codec::new`].
    pub fn new(
        store: Arc<dyn Store>,
        kind: Kind,
        life_time: Option<Duration>,
        leeway: Duration,
    ) -> Result<Self> {
        Ok(Self { store, codec: Arc::new(Codec::new(kind, life_time, leeway)?) })
    }

    /// The kind of the list.
    pub fn kind(&self) -> Kind {
        self.codec.kind
    }

    /// Puts a token on the list. One that has expired is not kept.
    ///
    /// # Errors
    /// Those of [`Codec::entry`]; [`Error::Store`](crate::Error::Store).
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

    /// Whether the token is on the list.
    ///
    /// # Errors
    /// Those of [`Codec::key`]; [`Error::Store`](crate::Error::Store).
    pub fn check(&self, token: &str, now: Timestamp) -> Result<bool> {
        let listed = self.store.get(&self.codec.key(token)?, now)?;
        Ok(listed.is_some())
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
    /// Those of [`Codec::key`]; [`Error::Store`](crate::Error::Store).
    pub fn delete(&self, token: &str, now: Timestamp) -> Result<()> {
        self.store.delete(&self.codec.key(token)?, now).map(drop)
    }

    /// Closes the store; later calls fail with [`StoreError::Closed`](crate::StoreError::Closed).
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

    use super::{Codec, Kind, LISTED};
    use crate::store::AsyncStore;
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
        pub fn new(
            store: Arc<dyn AsyncStore>,
            kind: Kind,
            life_time: Option<Duration>,
            leeway: Duration,
        ) -> Result<Self> {
            Ok(Self { store, codec: Arc::new(Codec::new(kind, life_time, leeway)?) })
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
            let (store, key) = (Arc::clone(&self.store), self.codec.key(token));
            async move {
                let listed = store.get(&key?, now).await?;
                Ok(listed.is_some())
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
        Codec::new(kind, life_time.map(Duration::from_secs), Duration::from_secs(leeway)).unwrap()
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
        for life_time in [Duration::ZERO, Duration::MAX] {
            assert!(Codec::new(Kind::White, Some(life_time), Duration::ZERO).is_err());
        }
        assert!(Codec::new(Kind::White, None, Duration::MAX).is_err());
    }
}
