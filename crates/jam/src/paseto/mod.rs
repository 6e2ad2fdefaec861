//! PASETO, platform-agnostic security tokens: version 4, local (encrypted) and public (signed).
//!
//! The token's form, the footer and the limits are the same for every version and live here, once. A version
//! adds one file with its keys and its cryptography: `v4.rs` has XChaCha20 with BLAKE2b, and Ed25519.
//!
//! ```
//! use jam::paseto::{Key, Paseto, PasetoOptions, Purpose, Version};
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
mod v4;

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};

pub use footer::Footer;
pub use key::{Key, KeySource};

use crate::encoding::{base64url_decode, base64url_encode, json_object};
use crate::secret::constant_time_eq;
use crate::{Error, PasetoError, Result, Timestamp};

/// The longest token in bytes that is made or read.
pub const MAX_TOKEN: usize = 256 * 1024;

/// The longest footer in bytes that is made or read, before base64.
pub const MAX_FOOTER: usize = 8 * 1024;

/// The version of the protocol: which cryptography protects the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Version {
    /// XChaCha20 with BLAKE2b, and Ed25519.
    V4,
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::V4 => "v4",
        })
    }
}

/// Reads `v4`.
impl FromStr for Version {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "v4" => Ok(Self::V4),
            _ => Err(Error::validation("the version of PASETO is v4")),
        }
    }
}

/// What the token is for: to be read by the holder of the key only, or to be verified by everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Encrypted and authenticated with one shared key.
    Local,
    /// Signed with a private key; readable by everybody, verified with the public key.
    Public,
}

impl fmt::Display for Purpose {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Local => "local",
            Self::Public => "public",
        })
    }
}

/// Reads `local` or `public`.
impl FromStr for Purpose {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "local" => Ok(Self::Local),
            "public" => Ok(Self::Public),
            _ => Err(PasetoError::InvalidPurpose("the purpose of a PASETO is local or public".into()).into()),
        }
    }
}

/// What a token is bound to besides its message: the pieces that are authenticated with it.
struct Context<'a> {
    /// `v4.local.` and so on, with both dots.
    header: &'a [u8],
    footer: &'a [u8],
    implicit: &'a [u8],
}

/// What a version's key does. The rest of the protocol is the same for all of them.
trait Primitive: fmt::Debug + Send + Sync {
    /// The token's body before base64: the message, encrypted or signed within `context`.
    fn protect(&self, message: &[u8], context: &Context<'_>) -> Result<Vec<u8>>;

    /// The message of a body that was protected with this key within the same `context`.
    fn open(&self, body: &[u8], context: &Context<'_>) -> Result<Vec<u8>>;
}

/// Pre-authentication encoding: every piece with its length before it, so that no two lists of pieces have the same form.
/// Lengths are little-endian, and their top bit is zero for the sake of languages without unsigned numbers.
fn pre_authentication_encoding(pieces: &[&[u8]]) -> Vec<u8> {
    let length = |length: usize| (length as u64 & (u64::MAX >> 1)).to_le_bytes();
    let size = pieces.iter().map(|piece| piece.len() + 8).sum::<usize>() + 8;
    let mut encoded = Vec::with_capacity(size);
    encoded.extend_from_slice(&length(pieces.len()));
    for piece in pieces {
        encoded.extend_from_slice(&length(piece.len()));
        encoded.extend_from_slice(piece);
    }
    encoded
}

/// The key or keys of [`Paseto::new`].
#[derive(Clone, Debug)]
pub struct PasetoOptions {
    /// The version of the tokens.
    pub version: Version,
    /// The purpose of the tokens.
    pub purpose: Purpose,
    /// The shared key (local), or the private key (public). A public key in PEM or PASERK form may stand here
    /// too; it only verifies.
    pub key: Option<KeySource>,
    /// Public purpose only: the public key. Alone it only verifies; beside a private key it must belong to it.
    pub public_key: Option<KeySource>,
}

/// Makes and reads tokens of one version, one purpose and one key.
#[derive(Clone, Debug)]
pub struct Paseto {
    key: Key,
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

impl Paseto {
    /// Reads and checks the keys.
    ///
    /// # Errors
    /// [`PasetoError`] when a key is missing, has an unknown form, belongs to another version or purpose, or the
    /// two keys do not belong together.
    ///
    /// ```
    /// use jam::paseto::{Paseto, PasetoOptions, Purpose, Version};
    ///
    /// let key = "k4.local.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8";
    /// let options = PasetoOptions {
    ///     version: Version::V4,
    ///     purpose: Purpose::Local,
    ///     key: Some(key.into()),
    ///     public_key: None,
    /// };
    /// assert!(Paseto::new(options).is_ok());
    /// ```
    pub fn new(options: PasetoOptions) -> Result<Self> {
        let PasetoOptions { version, purpose, key, public_key } = options;
        Key::read(version, purpose, key.as_ref(), public_key.as_ref()).map(Self::from_key)
    }

    /// Works with a key that was read before.
    pub const fn from_key(key: Key) -> Self {
        Self { key }
    }

    /// The key, which names its version and purpose.
    pub const fn key(&self) -> &Key {
        &self.key
    }

    /// Makes a token. The footer is readable by everybody and comes with the token; the implicit assertion
    /// does not: whoever decodes must know it. Both may be empty.
    ///
    /// # Errors
    /// [`Error::Validation`] when the footer exceeds [`MAX_FOOTER`] or the token would exceed [`MAX_TOKEN`];
    /// [`PasetoError`] when only a public key is known.
    pub fn encode(&self, payload: &[u8], footer: &[u8], implicit: &[u8]) -> Result<String> {
        if footer.len() > MAX_FOOTER {
            return Err(Error::validation(format!("a PASETO's footer has at most {MAX_FOOTER} bytes")));
        }
        if payload.len() > MAX_TOKEN {
            return Err(too_long_to_make());
        }
        let header = self.key.header();
        let context = Context { header: header.as_bytes(), footer, implicit };
        let body = self.key.primitive().protect(payload, &context)?;
        let mut token = String::with_capacity(header.len() + (body.len() + footer.len()) * 4 / 3 + 5);
        token.push_str(&header);
        token.push_str(&base64url_encode(&body));
        if !footer.is_empty() {
            token.push('.');
            token.push_str(&base64url_encode(footer));
        }
        if token.len() > MAX_TOKEN {
            return Err(too_long_to_make());
        }
        Ok(token)
    }

    /// Opens a token: decrypts it or verifies its signature, over the footer and the implicit assertion too.
    /// The claims are not looked at; [`claims::validate`] does that.
    ///
    /// # Errors
    /// [`PasetoError::InvalidTokenFormat`] when the text is no token of the key's version, is longer than
    /// [`MAX_TOKEN`] or has a footer longer than [`MAX_FOOTER`]; [`PasetoError::InvalidPurpose`] when it is of
    /// the other purpose; [`PasetoError::KeyVerification`] when it was not made with this key, footer and
    /// implicit assertion.
    pub fn decode(&self, token: &str, implicit: &[u8]) -> Result<Decoded> {
        let (body, footer) = self.parse(token)?;
        let header = self.key.header();
        let context = Context { header: header.as_bytes(), footer: &footer, implicit };
        let payload = self.key.primitive().open(&body, &context)?;
        Ok(Decoded { payload, footer })
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

    /// The body and the footer of a token that has the key's header.
    fn parse(&self, token: &str) -> Result<(Vec<u8>, Vec<u8>)> {
        if token.len() > MAX_TOKEN {
            return Err(malformed(format!("a PASETO has at most {MAX_TOKEN} bytes")));
        }
        let mut pieces = token.splitn(5, '.');
        let (version, purpose, body) = (pieces.next(), pieces.next(), pieces.next());
        let (footer, rest) = (pieces.next(), pieces.next());
        let (Some(version), Some(purpose), Some(body), None) = (version, purpose, body, rest) else {
            return Err(malformed("a PASETO has three or four parts, with dots between them"));
        };
        self.check_header(version, purpose)?;
        let decode =
            |part| base64url_decode(part).ok_or_else(|| malformed("a part of the PASETO is not base64url"));
        let footer = match footer {
            None => Vec::new(),
            Some("") => {
                return Err(malformed("the footer is empty; without a footer there is no dot before it"));
            }
            Some(footer) => decode(footer)?,
        };
        if footer.len() > MAX_FOOTER {
            return Err(malformed(format!("a PASETO's footer has at most {MAX_FOOTER} bytes")));
        }
        Ok((decode(body)?, footer))
    }

    fn check_header(&self, version: &str, purpose: &str) -> Result<()> {
        let expected = self.key.version();
        if version != expected.to_string() {
            return Err(malformed(format!("the token is not of version {expected}, which the key is for")));
        }
        if Purpose::from_str(purpose)? != self.key.purpose() {
            let reason = format!("the token is not {}, which the key is for", self.key.purpose());
            return Err(PasetoError::InvalidPurpose(reason.into()).into());
        }
        Ok(())
    }
}

fn malformed(reason: impl Into<crate::Reason>) -> Error {
    PasetoError::InvalidTokenFormat(reason.into()).into()
}

fn too_long_to_make() -> Error {
    Error::validation(format!("the PASETO would have more than {MAX_TOKEN} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local() -> Paseto {
        Paseto::from_key(Key::generate(Version::V4, Purpose::Local))
    }

    fn public() -> Paseto {
        Paseto::from_key(Key::generate(Version::V4, Purpose::Public))
    }

    #[test]
    fn pieces_cannot_be_moved_between_each_other() {
        // attack 49; the three examples of the specification
        assert_eq!(pre_authentication_encoding(&[]), b"\0\0\0\0\0\0\0\0");
        assert_eq!(pre_authentication_encoding(&[b""]), b"\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        assert_eq!(pre_authentication_encoding(&[b"test"]), b"\x01\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0test");
        assert_ne!(pre_authentication_encoding(&[b"ab", b"c"]), pre_authentication_encoding(&[b"a", b"bc"]));
    }

    #[test]
    fn tokens_round_trip_and_are_bound_to_footer_and_assertion() {
        for paseto in [local(), public()] {
            let token = paseto.encode(b"{}", b"footer", b"assertion").unwrap();
            let decoded = paseto.decode(&token, b"assertion").unwrap();
            assert_eq!(decoded.payload, b"{}");
            assert!(decoded.has_footer(b"footer") && !decoded.has_footer(b"Footer"));
            let failed = Err(PasetoError::KeyVerification.into());
            assert_eq!(paseto.decode(&token, b""), failed);
            let (without_footer, _) = token.rsplit_once('.').unwrap();
            assert_eq!(paseto.decode(without_footer, b"assertion"), failed);
            assert_eq!(paseto.decode(&format!("{without_footer}.Rm9vdGVy"), b"assertion"), failed);
        }
    }

    #[test]
    fn two_tokens_of_one_message_differ() {
        // attack 44
        let paseto = local();
        assert_ne!(paseto.encode(b"{}", b"", b"").unwrap(), paseto.encode(b"{}", b"", b"").unwrap());
    }

    #[test]
    fn version_and_purpose_are_those_of_the_key() {
        // attack 47
        let (local, public) = (local(), public());
        let token = local.encode(b"{}", b"", b"").unwrap();
        let refusal = |token: &str| local.decode(token, b"").unwrap_err().code();
        assert_eq!(public.decode(&token, b"").unwrap_err().code(), "paseto.invalid_purpose");
        assert_eq!(refusal(&public.encode(b"{}", b"", b"").unwrap()), "paseto.invalid_purpose");
        assert_eq!(refusal(&token.replace("local", "LOCAL")), "paseto.invalid_purpose");
        for version in ["v1", "v2", "v3", "V4", "", "v44"] {
            assert_eq!(refusal(&token.replace("v4", version)), "paseto.invalid_token_format");
        }
    }

    #[test]
    fn a_token_has_one_spelling() {
        // attacks 27 and 28, fault 1
        let paseto = local();
        let token = paseto.encode(b"{\"a\":1}", b"x", b"").unwrap();
        let (start, footer) = token.rsplit_once('.').unwrap();
        let bad = [
            String::new(),
            ".".repeat(1_000_000),
            "...".to_owned(),
            "v4.local".to_owned(),
            "v4.local.".to_owned(),
            "v4.local.AAAA".to_owned(),
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
    }

    #[test]
    fn claims_come_out_of_opened_tokens_only() {
        let now = Timestamp::from_seconds(1_000);
        let paseto = public();
        let token = paseto.encode(br#"{"exp":"1970-01-01T00:00:10Z"}"#, b"{\"kid\":\"1\"}", b"").unwrap();
        let expired = Err(PasetoError::Expired.into());
        assert_eq!(paseto.decode_claims(&token, b"", true, now), expired);
        let claims = paseto.decode_claims(&token, b"", false, now).unwrap();
        assert_eq!(claims.payload["exp"], "1970-01-01T00:00:10Z");
        assert!(matches!(claims.footer, Footer::Object(members) if members["kid"] == "1"));
        // attack 37: an expired token of another key is a forged one
        assert_eq!(public().decode_claims(&token, b"", true, now), Err(PasetoError::KeyVerification.into()));
        for payload in ["[]", "1", "null", "", "{\"a\":1,\"a\":2}", "{\"a\":\"\u{0}\""] {
            let token = paseto.encode(payload.as_bytes(), b"", b"").unwrap();
            let error = paseto.decode_claims(&token, b"", true, now).unwrap_err();
            assert_eq!(error.code(), "paseto.invalid_token_format", "{payload}");
        }
    }
}
