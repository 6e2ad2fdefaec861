//! PASETO, platform-agnostic security tokens, in versions 1 to 4, local (encrypted) and public (signed); and PASERK, the
//! written forms of their keys.
//!
//! New tokens are made with version 4, or with version 3 where only algorithms that NIST has approved may be used. Versions 1
//! and 2 are there to read, and as long as needed to make, the tokens of programs that have used them.
//!
//! The token's form, the footer, the keys' forms and the limits are the same for every version and live here, once. A version
//! adds one small file with its cryptography.
//!
//! ```
//! use jam::paseto::{Key, Paseto, Purpose, Version};
//!
//! let paseto = Paseto::from_key(Key::generate(Version::V4, Purpose::Local));
//! let token = paseto.encode(br#"{"user_id":1}"#, b"", b"")?;
//! assert!(token.starts_with("v4.local."));
//! assert_eq!(paseto.decode(&token, b"")?.payload, br#"{"user_id":1}"#);
//! # Ok::<(), jam::Error>(())
//! ```

pub mod claims;
mod footer;
mod key;
mod key_source;
pub mod paserk;
mod primitive;
mod suite;
#[cfg(test)]
mod testing;
mod v1;
mod v2;
mod v3;
mod v4;
#[cfg(test)]
mod vectors;
mod version;

use std::str::FromStr;

use serde_json::{Map, Value};

pub use footer::Footer;
pub use key::{Key, KeyType};
pub use key_source::KeySource;
pub use version::{Purpose, Version};

use crate::crypto::random_bytes;
use crate::encoding::{base64url_decode, base64url_encode_into, base64url_length, json_object};
use crate::secret::constant_time_eq;
use crate::{Error, PasetoError, Reason, Result, Timestamp};

/// The longest token in bytes that is made or read.
pub const MAX_TOKEN: usize = 256 * 1024;

/// The longest footer in bytes that is made or read, before base64.
pub const MAX_FOOTER: usize = 8 * 1024;

/// So many keys may stand beside each other while they are changed. A token that does not name its key is tried with each.
pub const MAX_KEYS: usize = 16;

/// The keys of [`Paseto::new`].
#[derive(Clone, Debug)]
pub struct PasetoOptions {
    /// The version of the tokens.
    pub version: Version,
    /// The purpose of the tokens.
    pub purpose: Purpose,
    /// The shared keys (local), or the private keys (public), the newest first. A public key in PEM or PASERK form may stand
    /// here too; it only verifies.
    pub keys: Vec<KeySource>,
    /// Public purpose only: public keys. Without private ones they only verify. Beside private ones the first must belong to
    /// the first of them, and the others verify older tokens.
    pub public_keys: Vec<KeySource>,
}

impl PasetoOptions {
    /// No key yet.
    pub const fn new(version: Version, purpose: Purpose) -> Self {
        Self { version, purpose, keys: Vec::new(), public_keys: Vec::new() }
    }

    /// Adds a shared or private key, which is older than those before it.
    #[must_use]
    pub fn key(mut self, key: impl Into<KeySource>) -> Self {
        self.keys.push(key.into());
        self
    }

    /// Adds a public key.
    #[must_use]
    pub fn public_key(mut self, key: impl Into<KeySource>) -> Self {
        self.public_keys.push(key.into());
        self
    }
}

/// Makes and reads tokens of one version and one purpose, with one key or with several.
///
/// With several keys, the first one makes tokens and every one opens them, so that a key can be changed while tokens of
/// the old one are still out. Which key a token is of, its footer says: it is given a JSON footer with `kid`, the
/// [id of the key](Key::kid), if it has none, and a footer that is a JSON object is given the `kid` if it has none. Other
/// footers stay as they are; then the keys are tried in their order.
///
/// A `kid` that is a PASERK id is opened by the key of this id and by no other, also where there is one key only.
#[derive(Clone, Debug)]
pub struct Paseto {
    /// At least one, the newest first.
    keys: Vec<Key>,
}

/// A token that was opened with the right key: nothing of it is unauthenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The message, commonly a JSON object.
    pub payload: Vec<u8>,
    /// The footer; empty when there is none. [`Footer::read`] tells JSON, text and bytes apart.
    pub footer: Vec<u8>,
}

impl Decoded {
    /// Whether the footer is the expected one; compared in constant time.
    pub fn has_footer(&self, expected: &[u8]) -> bool {
        constant_time_eq(&self.footer, expected)
    }
}

/// A token's claims and footer, from [`Paseto::decode_claims`].
#[derive(Clone, Debug, PartialEq)]
pub struct Claims {
    /// The members of the payload.
    pub payload: Map<String, Value>,
    /// The footer.
    pub footer: Footer,
}

/// A token before it is written: its parts are protected, and not yet in base64url.
pub struct Protected<'a> {
    header: &'a str,
    body: Vec<u8>,
    footer: Vec<u8>,
}

impl Protected<'_> {
    /// The length of the token in bytes.
    pub fn length(&self) -> usize {
        let footer = if self.footer.is_empty() { 0 } else { 1 + base64url_length(self.footer.len()) };
        self.header.len() + base64url_length(self.body.len()) + footer
    }

    /// Writes the token, which is ASCII, into `text` of exactly its length; `None` if it is of another.
    pub fn write(&self, text: &mut [u8]) -> Option<()> {
        if text.len() != self.length() {
            return None;
        }
        let (header, rest) = text.split_at_mut(self.header.len());
        header.copy_from_slice(self.header.as_bytes());
        let (body, footer) = rest.split_at_mut(base64url_length(self.body.len()));
        base64url_encode_into(&self.body, body)?;
        if let Some((dot, footer)) = footer.split_first_mut() {
            *dot = b'.';
            base64url_encode_into(&self.footer, footer)?;
        }
        Some(())
    }
}

impl Paseto {
    /// Reads and checks the keys.
    ///
    /// # Errors
    /// [`PasetoError`] when a key is missing, has an unknown form, belongs to another version or purpose, or two keys
    /// do not belong together that should; [`Error::Validation`] when there are more than [`MAX_KEYS`].
    ///
    /// ```
    /// use jam::paseto::{Paseto, PasetoOptions, Purpose, Version};
    ///
    /// let key = "k4.local.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8";
    /// assert!(Paseto::new(PasetoOptions::new(Version::V4, Purpose::Local).key(key)).is_ok());
    /// ```
    pub fn new(options: PasetoOptions) -> Result<Self> {
        let PasetoOptions { version, purpose, keys, public_keys } = options;
        if keys.len() + public_keys.len() > 2 * MAX_KEYS {
            return Err(too_many_keys());
        }
        let first = if keys.is_empty() && !public_keys.is_empty() { "public_key" } else { "key" };
        let newest = Key::read(version, purpose, keys.first(), public_keys.first());
        let mut all = vec![newest.map_err(|error| error.at(first))?];
        for (index, key) in keys.iter().enumerate().skip(1) {
            let key = Key::read(version, purpose, Some(key), None);
            all.push(key.map_err(|error| error.at(&format!("key[{index}]")))?);
        }
        let private = all.len();
        for (index, public_key) in public_keys.iter().enumerate().skip(1) {
            let key = Key::read(version, purpose, None, Some(public_key));
            let key = key.map_err(|error| error.at(&format!("public_key[{index}]")))?;
            // Beside its private half it is the same key, and no second one.
            if !keys.is_empty() && all[..private].iter().any(|other| other.kid() == key.kid()) {
                continue;
            }
            all.push(key);
        }
        Self::from_keys(all)
    }

    /// Works with a key that was read before.
    pub fn from_key(key: Key) -> Self {
        Self { keys: vec![key] }
    }

    /// Works with several keys, the newest first.
    ///
    /// # Errors
    /// [`Error::Validation`] when there is none, when there are more than [`MAX_KEYS`], when they are of several versions
    /// or purposes, or when one stands there twice.
    ///
    /// ```
    /// use jam::paseto::{Key, Paseto, Purpose, Version};
    ///
    /// let old = Key::generate(Version::V4, Purpose::Local);
    /// let token = Paseto::from_key(old.clone()).encode(b"{}", b"", b"")?;
    ///
    /// let paseto = Paseto::from_keys(vec![Key::generate(Version::V4, Purpose::Local), old])?;
    /// assert_eq!(paseto.decode(&token, b"")?.payload, b"{}");
    /// # Ok::<(), jam::Error>(())
    /// ```
    pub fn from_keys(keys: Vec<Key>) -> Result<Self> {
        let first = keys.first().ok_or_else(|| Error::validation("a PASETO needs a key"))?;
        if keys.iter().any(|key| key.header() != first.header()) {
            return Err(Error::validation("the keys must be of one version and one purpose"));
        }
        if keys.len() > MAX_KEYS {
            return Err(too_many_keys());
        }
        for (index, key) in keys.iter().enumerate() {
            if keys[..index].iter().any(|newer| newer.kid() == key.kid()) {
                return Err(Error::validation("two of the keys are the same key; each stands there once"));
            }
        }
        Ok(Self { keys })
    }

    /// The newest key, which names its version and purpose.
    pub fn key(&self) -> &Key {
        &self.keys[0]
    }

    /// All keys, the newest first.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// What the footers of new tokens hold as `kid` so that the key is found: the [id](Key::kid) of the newest key, if
    /// there are several.
    pub fn kid(&self) -> Option<&str> {
        (self.keys.len() > 1).then(|| self.key().kid())
    }

    /// Makes a token. The footer is readable by everybody and comes with the token; the implicit assertion
    /// does not: whoever decodes must know it. Both may be empty.
    ///
    /// # Errors
    /// [`Error::Validation`] when the footer exceeds [`MAX_FOOTER`] or nests too deep, the token would exceed
    /// [`MAX_TOKEN`], or an implicit assertion is given to a version that does not know it;
    /// [`PasetoError`] when only a public key is known.
    pub fn encode(&self, payload: &[u8], footer: impl Into<Footer>, implicit: &[u8]) -> Result<String> {
        let protected = self.protect(payload, footer, implicit)?;
        let mut token = vec![0; protected.length()];
        let written = protected.write(&mut token).and_then(|()| String::from_utf8(token).ok());
        Ok(written.expect("a token is as long as it says, and ASCII"))
    }

    /// Makes a token, to be written later into a buffer of the caller's.
    ///
    /// # Errors
    /// As [`Paseto::encode`].
    pub fn protect(
        &self,
        payload: &[u8],
        footer: impl Into<Footer>,
        implicit: &[u8],
    ) -> Result<Protected<'_>> {
        let footer = footer.into().write(self.kid())?;
        if footer.len() > MAX_FOOTER {
            return Err(Error::validation(format!("a PASETO's footer has at most {MAX_FOOTER} bytes")));
        }
        if payload.len() > MAX_TOKEN {
            return Err(too_long_to_make());
        }
        let key = self.key();
        let context = key.context(&footer, implicit)?;
        let body = key.protect(payload, &random_bytes(), &context)?;
        let protected = Protected { header: key.header(), body, footer };
        if protected.length() > MAX_TOKEN { Err(too_long_to_make()) } else { Ok(protected) }
    }

    /// Opens a token: decrypts it or verifies its signature, over the footer and the implicit assertion too.
    /// The claims are not looked at; [`claims::validate`] does that.
    ///
    /// # Errors
    /// [`PasetoError::InvalidTokenFormat`] when the text is no token of the keys' version, is longer than
    /// [`MAX_TOKEN`] or has a footer longer than [`MAX_FOOTER`]; [`PasetoError::InvalidPurpose`] when it is of
    /// the other purpose; [`PasetoError::KeyVerification`] when it was not made with one of these keys, with this footer
    /// and implicit assertion; [`Error::Validation`] when an implicit assertion is given to a version that does not
    /// know it.
    pub fn decode(&self, token: &str, implicit: &[u8]) -> Result<Decoded> {
        let (body, footer) = self.parse(token)?;
        let context = self.key().context(&footer, implicit)?;
        let mut opened = Err(PasetoError::KeyVerification.into());
        for key in self.candidates(&footer) {
            opened = key.open(&body, &context);
            if opened != Err(PasetoError::KeyVerification.into()) {
                break;
            }
        }
        opened.map(|payload| Decoded { payload, footer })
    }

    /// Opens a token and reads its claims. With `check_exp`, `exp` and `nbf` are held against `now`.
    ///
    /// # Errors
    /// As [`Paseto::decode`] and [`claims::validate`]; [`PasetoError::InvalidTokenFormat`] when the payload is
    /// no JSON object, or has duplicate members.
    pub fn decode_claims(
        &self,
        token: &str,
        implicit: &[u8],
        check_exp: bool,
        now: Timestamp,
    ) -> Result<Claims> {
        let decoded = self.decode(token, implicit)?;
        let payload = json_object(&decoded.payload)
            .map_err(|reason| malformed(format!("the payload is refused: {reason}")))?;
        if check_exp {
            claims::validate(&payload, now)?;
        }
        Ok(Claims { payload, footer: Footer::read(decoded.footer)? })
    }

    /// The keys that a token with this footer may be of: the one that the footer names, or all of them if it names none. A
    /// `kid` that is no id of PASERK's is the caller's own affair and names none.
    fn candidates(&self, footer: &[u8]) -> &[Key] {
        match footer::kid(footer).filter(|kid| self.key().is_like_kid(kid)) {
            None => &self.keys,
            Some(kid) => match self.keys.iter().position(|key| key.kid() == kid) {
                Some(place) => &self.keys[place..=place],
                None => &[],
            },
        }
    }

    /// The body and the footer of a token that has the keys' header.
    fn parse(&self, token: &str) -> Result<(Vec<u8>, Vec<u8>)> {
        if token.len() > MAX_TOKEN {
            return Err(malformed(format!("a PASETO has at most {MAX_TOKEN} bytes")));
        }
        let three_or_four = || malformed("a PASETO has three or four parts, with dots between them");
        let mut dots = memchr::memchr_iter(b'.', token.as_bytes());
        let (first, second) = dots.next().zip(dots.next()).ok_or_else(three_or_four)?;
        let (version, purpose) = (&token[..first], &token[first + 1..second]);
        let (body, footer) = match dots.next() {
            None => (&token[second + 1..], None),
            Some(third) => (&token[second + 1..third], Some(&token[third + 1..])),
        };
        if dots.next().is_some() {
            return Err(three_or_four());
        }
        self.check_header(version, purpose)?;
        let decode =
            |part| base64url_decode(part).ok_or_else(|| malformed("a part of the PASETO is not base64url"));
        let footer = match footer {
            None => Vec::new(),
            Some("") => {
                return Err(malformed("the footer is empty; without a footer there is no dot before it"));
            }
            Some(footer) if footer.len() > base64url_length(MAX_FOOTER) => {
                return Err(malformed(format!("a PASETO's footer has at most {MAX_FOOTER} bytes")));
            }
            Some(footer) => decode(footer)?,
        };
        Ok((decode(body)?, footer))
    }

    fn check_header(&self, version: &str, purpose: &str) -> Result<()> {
        let key = self.key();
        if version != key.version().name() {
            let reason = format!("the token is not of version {}, which the key is for", key.version());
            return Err(malformed(reason));
        }
        if Purpose::from_str(purpose)? != key.purpose() {
            let reason = format!("the token is not {}, which the key is for", key.purpose());
            return Err(PasetoError::InvalidPurpose(reason.into()).into());
        }
        Ok(())
    }
}

fn malformed(reason: impl Into<Reason>) -> Error {
    PasetoError::InvalidTokenFormat(reason.into()).into()
}

fn too_long_to_make() -> Error {
    Error::validation(format!("the PASETO would have more than {MAX_TOKEN} bytes"))
}

fn too_many_keys() -> Error {
    Error::validation(format!("a list has at most {MAX_KEYS} keys; tokens of older ones have long expired"))
}

#[cfg(test)]
mod tests {
    use super::testing::{key, kinds, makers};
    use super::*;

    fn local() -> Paseto {
        Paseto::from_key(Key::generate(Version::V4, Purpose::Local))
    }

    fn public() -> Paseto {
        Paseto::from_key(Key::generate(Version::V4, Purpose::Public))
    }

    #[test]
    fn tokens_round_trip_and_are_bound_to_footer_and_assertion() {
        // attack 48
        for paseto in makers() {
            let assertion: &[u8] =
                if paseto.key().version().takes_implicit_assertion() { b"assertion" } else { b"" };
            let token = paseto.encode(b"{}", b"footer", assertion).unwrap();
            let decoded = paseto.decode(&token, assertion).unwrap();
            assert_eq!(decoded.payload, b"{}");
            assert!(decoded.has_footer(b"footer") && !decoded.has_footer(b"Footer"));
            let failed = Err(PasetoError::KeyVerification.into());
            if !assertion.is_empty() {
                assert_eq!(paseto.decode(&token, b""), failed);
            }
            let (without_footer, _) = token.rsplit_once('.').unwrap();
            assert_eq!(paseto.decode(without_footer, assertion), failed);
            assert_eq!(paseto.decode(&format!("{without_footer}.Rm9vdGVy"), assertion), failed);
        }
    }

    #[test]
    fn old_versions_refuse_an_implicit_assertion_that_they_could_not_bind() {
        for paseto in makers().filter(|paseto| !paseto.key().version().takes_implicit_assertion()) {
            assert_eq!(paseto.encode(b"{}", b"", b"x").unwrap_err().code(), "validation.invalid");
            let token = paseto.encode(b"{}", b"", b"").unwrap();
            assert_eq!(paseto.decode(&token, b"x").unwrap_err().code(), "validation.invalid");
        }
    }

    #[test]
    fn two_local_tokens_of_one_message_differ() {
        // attack 44
        for paseto in makers().filter(|paseto| paseto.key().purpose() == Purpose::Local) {
            assert_ne!(paseto.encode(b"{}", b"", b"").unwrap(), paseto.encode(b"{}", b"", b"").unwrap());
        }
    }

    #[test]
    fn version_and_purpose_are_those_of_the_key() {
        // attack 47: every token against every other key, and with its header changed to fit that key
        for (version, purpose) in kinds() {
            let token = Paseto::from_key(key(version, purpose)).encode(b"{}", b"", b"").unwrap();
            let body = token.rsplit_once('.').unwrap().1;
            for other in makers().filter(|other| other.key().header() != format!("{version}.{purpose}.")) {
                let expected = if other.key().version() == version {
                    "paseto.invalid_purpose"
                } else {
                    "paseto.invalid_token_format"
                };
                assert_eq!(other.decode(&token, b"").unwrap_err().code(), expected, "{token}");
                let renamed = format!("{}{body}", other.key().header());
                assert!(matches!(other.decode(&renamed, b""), Err(Error::Paseto(_))), "{renamed}");
            }
        }
        let local = local();
        let token = local.encode(b"{}", b"", b"").unwrap();
        let refusal = |token: &str| local.decode(token, b"").unwrap_err().code();
        assert_eq!(refusal(&token.replace("local", "LOCAL")), "paseto.invalid_purpose");
        for version in ["v0", "v5", "V4", "", "v44", "k4"] {
            assert_eq!(refusal(&token.replace("v4", version)), "paseto.invalid_token_format");
        }
    }

    #[test]
    fn a_token_has_one_spelling() {
        // attacks 27 and 28, fault 1
        for paseto in makers() {
            let token = paseto.encode(b"{\"a\":1}", b"x", b"").unwrap();
            let (start, footer) = token.rsplit_once('.').unwrap();
            let header = paseto.key().header();
            let bad = [
                String::new(),
                ".".repeat(1_000_000),
                "...".to_owned(),
                header.trim_end_matches('.').to_owned(),
                header.to_owned(),
                format!("{header}AAAA"),
                format!("{token}="),
                format!("{token} "),
                format!(" {token}"),
                format!("{token}."),
                format!("{token}.{footer}"),
                format!("{start}."),
                format!("{start}=.{footer}"),
                format!("{start}\n.{footer}"),
                format!("{start}é.{footer}"),
                format!("{start}.eB"),
            ];
            for token in bad {
                let error = paseto.decode(&token, b"").unwrap_err();
                assert_eq!(error.code(), "paseto.invalid_token_format", "{}", &token[..token.len().min(40)]);
            }
        }
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        for paseto in makers() {
            let token = paseto.encode(b"{\"admin\":false}", b"", b"").unwrap();
            let (header, body) = token.rsplit_once('.').unwrap();
            let body = base64url_decode(body).unwrap();
            let write = |body: &[u8]| format!("{header}.{}", crate::encoding::base64url_encode(body));
            for index in 0..body.len() {
                let mut changed = body.clone();
                changed[index] ^= 1 << (index % 8);
                let refused = Err(PasetoError::KeyVerification.into());
                assert_eq!(paseto.decode(&write(&changed), b""), refused, "byte {index} of {token}");
            }
            for length in 0..body.len() {
                assert!(paseto.decode(&write(&body[..length]), b"").is_err(), "{length} bytes of {token}");
            }
        }
    }

    #[test]
    fn sizes_are_limited_before_anything_is_decoded() {
        // attacks 29 and 48
        let paseto = local();
        assert!(paseto.encode(b"{}", &[b'x'; MAX_FOOTER], b"").is_ok());
        assert_eq!(
            paseto.encode(b"{}", &[b'x'; MAX_FOOTER + 1], b"").unwrap_err().code(),
            "validation.invalid"
        );
        assert_eq!(paseto.encode(&vec![b' '; MAX_TOKEN], b"", b"").unwrap_err().code(), "validation.invalid");
        let token = paseto.encode(b"{}", b"", b"").unwrap();
        for size in [MAX_FOOTER * 2, 1 << 20] {
            let error = paseto.decode(&format!("{token}.{}", "A".repeat(size)), b"").unwrap_err();
            assert_eq!(error.code(), "paseto.invalid_token_format");
        }
        // attack 48
        let deep = format!("{}1{}", "{\"a\":".repeat(17), "}".repeat(17));
        assert_eq!(paseto.encode(b"{}", deep.as_str(), b"").unwrap_err().code(), "validation.invalid");
    }

    #[test]
    fn claims_come_out_of_opened_tokens_only() {
        let now = Timestamp::from_seconds(1_000);
        for paseto in makers() {
            let token = paseto.encode(br#"{"exp":"1970-01-01T00:00:10Z"}"#, b"{\"kid\":\"1\"}", b"").unwrap();
            let expired = Err(PasetoError::Expired.into());
            assert_eq!(paseto.decode_claims(&token, b"", true, now), expired);
            let claims = paseto.decode_claims(&token, b"", false, now).unwrap();
            assert_eq!(claims.payload["exp"], "1970-01-01T00:00:10Z");
            assert!(matches!(claims.footer, Footer::Object(members) if members["kid"] == "1"));
            for payload in ["[]", "1", "null", "", "{\"a\":1,\"a\":2}", "{\"a\":\"\u{0}\""] {
                let token = paseto.encode(payload.as_bytes(), b"", b"").unwrap();
                let error = paseto.decode_claims(&token, b"", true, now).unwrap_err();
                assert_eq!(error.code(), "paseto.invalid_token_format", "{payload}");
            }
        }
        // attack 37: an expired token of another key is a forged one
        let token = public().encode(br#"{"exp":"1970-01-01T00:00:10Z"}"#, b"", b"").unwrap();
        assert_eq!(public().decode_claims(&token, b"", true, now), Err(PasetoError::KeyVerification.into()));
    }

    /// The kid of a token's footer.
    fn named_key(token: &str) -> Option<String> {
        let (_, footer) = token.rsplit_once('.').unwrap();
        footer::kid(&base64url_decode(footer)?)
    }

    #[test]
    fn the_newest_key_makes_tokens_and_names_itself_and_every_key_opens() {
        for (version, purpose) in kinds().filter(|kind| *kind != (Version::V1, Purpose::Public)) {
            let keys: Vec<Key> = (0..3).map(|_| Key::generate(version, purpose)).collect();
            let all = Paseto::from_keys(keys.clone()).unwrap();
            let token = all.encode(b"{}", b"", b"").unwrap();
            assert_eq!(named_key(&token).as_deref(), Some(keys[0].kid()));
            assert!(Paseto::from_key(keys[0].clone()).decode(&token, b"").is_ok());
            for key in &keys {
                let old = Paseto::from_key(key.clone());
                for footer in
                    ["", "text", r#"{"kid":"2026"}"#, r#"{"a":1}"#, &format!(r#"{{"kid":"{}"}}"#, key.kid())]
                {
                    let token = old.encode(b"{}", footer, b"").unwrap();
                    let decoded = all.decode(&token, b"").unwrap();
                    assert!(decoded.has_footer(footer.as_bytes()), "{footer}");
                }
            }
            let foreign = Paseto::from_key(Key::generate(version, purpose)).encode(b"{}", b"", b"").unwrap();
            assert_eq!(all.decode(&foreign, b""), Err(PasetoError::KeyVerification.into()));
        }
    }

    #[test]
    fn a_footer_is_given_a_kid_only_if_it_is_absent_or_an_object_without_one() {
        let keys: Vec<Key> = (0..2).map(|_| Key::generate(Version::V4, Purpose::Local)).collect();
        let (one, two) = (Paseto::from_key(keys[0].clone()), Paseto::from_keys(keys.clone()).unwrap());
        let kid = keys[0].kid();
        let object = |text: &str| Footer::from(json_object(text.as_bytes()).unwrap());
        for (footer, of_one, of_two) in [
            (Footer::None, String::new(), format!(r#"{{"kid":"{kid}"}}"#)),
            (b"".into(), String::new(), format!(r#"{{"kid":"{kid}"}}"#)),
            (object("{}"), "{}".to_owned(), format!(r#"{{"kid":"{kid}"}}"#)),
            (object(r#"{"a":1}"#), r#"{"a":1}"#.to_owned(), format!(r#"{{"a":1,"kid":"{kid}"}}"#)),
            (object(r#"{"kid":"x"}"#), r#"{"kid":"x"}"#.to_owned(), r#"{"kid":"x"}"#.to_owned()),
            (r#"{"a":1}"#.into(), r#"{"a":1}"#.to_owned(), r#"{"a":1}"#.to_owned()),
            ("text".into(), "text".to_owned(), "text".to_owned()),
        ] {
            for (paseto, expected) in [(&one, of_one), (&two, of_two)] {
                let token = paseto.encode(b"{}", footer.clone(), b"").unwrap();
                assert_eq!(String::from_utf8(paseto.decode(&token, b"").unwrap().footer).unwrap(), expected);
            }
        }
        assert_eq!((one.kid(), two.kid()), (None, Some(kid)));
    }

    #[test]
    fn a_kid_that_names_no_key_of_the_list_opens_with_none() {
        // attack 17: the footer says kid of a key that is gone, though the token is of one that is there
        let keys: Vec<Key> = (0..3).map(|_| Key::generate(Version::V4, Purpose::Local)).collect();
        let paseto = Paseto::from_keys(keys[..2].to_vec()).unwrap();
        let refused = Err(PasetoError::KeyVerification.into());
        for kid in [keys[2].kid(), keys[0].kid(), "k4.lid.", "k4.lid.x", &format!("{} ", keys[1].kid())] {
            let footer = format!(r#"{{"kid":"{kid}"}}"#);
            let token = Paseto::from_key(keys[1].clone()).encode(b"{}", footer.as_str(), b"").unwrap();
            assert_eq!(paseto.decode(&token, b""), refused, "{kid}");
        }
        // What is no id of PASERK's names no key, whatever it is.
        for footer in [
            r#"{"kid":1}"#.to_owned(),
            r#"{"kid":null}"#.to_owned(),
            r#"{"kid":["k4.lid.x"]}"#.to_owned(),
            r#"{"kid":"../../dev/null"}"#.to_owned(),
            format!(r#"{{"kid":"{}","kid":"{}"}}"#, keys[2].kid(), keys[1].kid()),
            format!(r#"{{"kid":"k4.pid.{}"}}"#, "A".repeat(44)),
            format!(r#"{{"kid":"k3.lid.{}"}}"#, "A".repeat(44)),
            format!(r#"{{"kid":"{}"}}"#, "x".repeat(8_000)),
        ] {
            let token = Paseto::from_key(keys[1].clone()).encode(b"{}", footer.as_str(), b"").unwrap();
            assert!(paseto.decode(&token, b"").is_ok(), "{footer}");
        }
    }

    #[test]
    fn keys_of_a_list_are_few_and_of_one_kind_and_stand_there_once() {
        // attack 47
        let key = |version, purpose| Key::generate(version, purpose);
        let local = key(Version::V4, Purpose::Local);
        for other in [key(Version::V4, Purpose::Public), key(Version::V2, Purpose::Local)] {
            let error = Paseto::from_keys(vec![local.clone(), other]).unwrap_err();
            assert_eq!(error.code(), "validation.invalid");
        }
        assert_eq!(Paseto::from_keys(Vec::new()).unwrap_err().code(), "validation.invalid");
        let many = |count| (0..count).map(|_| key(Version::V4, Purpose::Local)).collect();
        assert!(Paseto::from_keys(many(MAX_KEYS)).is_ok());
        assert_eq!(Paseto::from_keys(many(MAX_KEYS + 1)).unwrap_err().code(), "validation.invalid");
        // attack 18
        let pair = key(Version::V4, Purpose::Public);
        for twice in [vec![local.clone(), local], vec![pair.clone(), pair.public().unwrap()]] {
            assert_eq!(Paseto::from_keys(twice).unwrap_err().code(), "validation.invalid");
        }
    }

    #[test]
    fn a_public_key_beside_its_private_half_is_no_second_key() {
        let (new, old) =
            (Key::generate(Version::V4, Purpose::Public), Key::generate(Version::V4, Purpose::Public));
        let options =
            PasetoOptions::new(Version::V4, Purpose::Public).key(new.to_paserk()).key(old.to_paserk());
        let public = |key: &Key| key.public().unwrap().to_paserk();
        let both = options.clone().public_key(public(&new)).public_key(public(&old));
        assert_eq!(Paseto::new(both).unwrap().keys().len(), 2);
        let twice = options.public_key(public(&new)).public_key(public(&new));
        assert_eq!(Paseto::new(twice).unwrap().keys().len(), 2);
        let twice = PasetoOptions::new(Version::V4, Purpose::Public).public_key(public(&new));
        let twice = twice.public_key(public(&new));
        assert_eq!(Paseto::new(twice).unwrap_err().code(), "validation.invalid");
    }

    #[test]
    fn a_single_key_opens_no_token_that_names_another_key() {
        // attack 17
        for (version, purpose) in kinds() {
            let (own, other) = (key(version, purpose), Key::generate(version, purpose));
            let paseto = Paseto::from_key(own.clone());
            let named = |kid: &str| {
                let footer = format!(r#"{{"kid":"{kid}"}}"#);
                paseto.decode(&paseto.encode(b"{}", footer.as_str(), b"").unwrap(), b"")
            };
            assert!(named(own.kid()).is_ok() && named("2026").is_ok());
            if version != Version::V1 || purpose == Purpose::Local {
                assert_eq!(named(other.kid()), Err(PasetoError::KeyVerification.into()));
            }
        }
    }

    #[test]
    fn the_error_about_a_key_of_a_list_names_its_place() {
        let good = |version, purpose| key(version, purpose).to_paserk().expose().clone();
        for (version, purpose) in kinds() {
            let options = PasetoOptions::new(version, purpose).key(good(version, purpose)).key("short");
            let error = Paseto::new(options).unwrap_err().to_string();
            assert!(error.starts_with("key[1]: "), "{error}");
        }
        for version in Version::ALL {
            let public = key(version, Purpose::Public).public().unwrap().to_paserk().expose().clone();
            let options = PasetoOptions::new(version, Purpose::Public);
            let options = options.public_key(public.clone()).public_key(public).public_key("short");
            let error = Paseto::new(options).unwrap_err().to_string();
            assert!(error.starts_with("public_key[2]: "), "{error}");
        }
    }

    #[test]
    fn public_keys_beside_private_ones_verify_older_tokens() {
        let (new, old) =
            (Key::generate(Version::V4, Purpose::Public), Key::generate(Version::V4, Purpose::Public));
        let text = |key: &Key| key.to_paserk().expose().clone();
        let public = |key: &Key| text(&key.public().unwrap());
        let options = PasetoOptions::new(Version::V4, Purpose::Public);
        let old_token = Paseto::from_key(old.clone()).encode(b"{}", b"", b"").unwrap();

        let signer = options.clone().key(text(&new)).public_key(public(&new)).public_key(public(&old));
        let signer = Paseto::new(signer).unwrap();
        let new_token = signer.encode(b"{}", b"", b"").unwrap();
        let verifier =
            Paseto::new(options.clone().public_key(public(&new)).public_key(public(&old))).unwrap();
        for token in [&old_token, &new_token] {
            assert!(signer.decode(token, b"").is_ok() && verifier.decode(token, b"").is_ok());
        }
        assert_eq!(verifier.encode(b"{}", b"", b"").unwrap_err().code(), "paseto.invalid_ed25519_key");

        let mismatched = options.clone().key(text(&new)).public_key(public(&old));
        assert_eq!(Paseto::new(mismatched).unwrap_err().code(), "paseto.invalid_ed25519_key");
        assert_eq!(Paseto::new(options).unwrap_err().code(), "paseto.invalid_ed25519_key");
    }
}
