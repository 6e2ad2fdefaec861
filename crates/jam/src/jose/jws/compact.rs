//! The compact form: `header.payload.signature` (RFC 7515 section 7.1).

use serde_json::{Map, Value};

use super::header::{self, Header};
use super::{
    DEFAULT_LENGTH_LIMIT, SignOptions, SigningKey, VerifyingKey, signing_input, too_long, verify_with_one,
};
use crate::encoding::{base64url_decode, base64url_encode_into, base64url_length};
use crate::{Error, JwtError, Result};

/// Signs `payload` into a compact token. The header is `header` with `alg` and, when the key has a name, `kid`.
///
/// # Errors
/// [`Error::Validation`] when `header` holds another `alg` or `kid` than the key's, `crit` or `b64`, and for a payload
/// whose token would be longer than [`DEFAULT_LENGTH_LIMIT`].
pub fn sign(payload: &[u8], header: &Map<String, Value>, key: &SigningKey) -> Result<String> {
    if header.is_empty() {
        return sign_prepared(key.header(), payload, key, DEFAULT_LENGTH_LIMIT);
    }
    let header = header::prepare(header, key.algorithm(), key.key_id())?;
    sign_prepared(&header, payload, key, DEFAULT_LENGTH_LIMIT)
}

/// As [`sign`], also without the payload in the token (RFC 7515 appendix F) or with a payload that is not encoded
/// (RFC 7797).
///
/// ```
/// use jam::jose::Jwk;
/// use jam::jose::jws::{Algorithm, SignOptions, SigningKey, Unverified, VerifyingKey, sign_with};
///
/// let secret = Jwk::from_secret(vec![7; 32]);
/// let options = SignOptions { detached: true, encode_payload: false, ..SignOptions::default() };
/// let token = sign_with(b"a long file", &options, &SigningKey::new(Algorithm::Hs256, &secret)?)?;
///
/// let key = VerifyingKey::new(Algorithm::Hs256, &secret)?;
/// let header = Unverified::parse(&token)?.verify_detached(b"a long file", &key)?;
/// assert!(!header.encodes_payload());
/// assert!(Unverified::parse(&token)?.verify_detached(b"another file", &key).is_err());
/// # Ok::<(), jam::Error>(())
/// ```
///
/// # Errors
/// As [`sign`], and [`Error::Validation`] for an unprotected header, which only the JSON forms have, and for a payload that
/// is to stand in the token unencoded and holds a dot or anything else than printable ASCII (RFC 7797 section 5.2).
pub fn sign_with(payload: &[u8], options: &SignOptions, key: &SigningKey) -> Result<String> {
    if !options.unprotected.is_empty() {
        return Err(Error::validation("a compact token has no unprotected header; take a JSON form"));
    }
    let encoded_header = header::encode(options.protected_header(key)?);
    if options.encode_payload && !options.detached {
        return sign_prepared(&encoded_header, payload, key, options.length_limit);
    }
    let shown = if options.detached { "" } else { unencoded_part(payload)? };
    if encoded_header.len() + shown.len() + key.signature_length() + 2 > options.length_limit {
        return Err(too_long(options.length_limit));
    }
    let signature = key.sign(&signing_input(&encoded_header, payload, options.encode_payload))?;
    Ok(format!("{encoded_header}.{shown}.{signature}"))
}

/// A payload that may stand in a compact token as it is.
fn unencoded_part(payload: &[u8]) -> Result<&str> {
    std::str::from_utf8(payload).ok().filter(|text| is_unencoded_part(text)).ok_or_else(|| {
        Error::validation(
            "an unencoded payload in a compact token is printable ASCII without a dot (RFC 7797 section 5.2); detach it",
        )
    })
}

fn is_unencoded_part(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'.')
}

/// Signs below a header that is encoded already, in one allocation.
pub(crate) fn sign_prepared(
    encoded_header: &str,
    payload: &[u8],
    key: &SigningKey,
    limit: usize,
) -> Result<String> {
    let length = token_length(encoded_header, payload.len(), key);
    if length > limit {
        return Err(too_long(limit));
    }
    let mut token = vec![0; length];
    sign_into(encoded_header, payload, key, &mut token)?;
    Ok(String::from_utf8(token).expect("base64url and dots are ASCII"))
}

/// The length of a token below a header that is encoded already.
pub(crate) fn token_length(encoded_header: &str, payload_length: usize, key: &SigningKey) -> usize {
    encoded_header.len() + base64url_length(payload_length) + key.signature_length() + 2
}

/// Writes a token, which is ASCII, into a buffer of exactly its length.
pub(crate) fn sign_into(
    encoded_header: &str,
    payload: &[u8],
    key: &SigningKey,
    token: &mut [u8],
) -> Result<()> {
    if token.len() != token_length(encoded_header, payload.len(), key) {
        return Err(Error::validation("the buffer has another length than the token"));
    }
    let header_length = encoded_header.len();
    let (signed, signature) = token.split_at_mut(header_length + 1 + base64url_length(payload.len()));
    signed[..header_length].copy_from_slice(encoded_header.as_bytes());
    signed[header_length] = b'.';
    signature[0] = b'.';
    base64url_encode_into(payload, &mut signed[header_length + 1..])
        .ok_or_else(|| Error::validation("the payload is too long for a token"))?;
    key.sign_into(signed, &mut signature[1..])
}

/// A compact token whose signature nobody has looked at. Its header is what a stranger wrote.
#[derive(Clone, Debug)]
pub struct Unverified<'a> {
    parts: Parts<'a>,
    header: Header,
}

impl<'a> Unverified<'a> {
    /// Takes a compact token apart and reads its header.
    ///
    /// # Errors
    /// [`JwtError::Malformed`] when the text is longer than [`DEFAULT_LENGTH_LIMIT`] or does not have exactly
    /// three parts, or the header is not base64url of one JSON object with `alg`, has a duplicate member, or
    /// asks for an extension other than `b64` by `crit`.
    pub fn parse(token: &'a str) -> Result<Self> {
        Self::parse_with_limit(token, DEFAULT_LENGTH_LIMIT)
    }

    /// As [`Unverified::parse`], with another limit for the length of the token in bytes.
    ///
    /// # Errors
    /// As [`Unverified::parse`].
    pub fn parse_with_limit(token: &'a str, limit: usize) -> Result<Self> {
        let parts = Parts::split(token, limit)?;
        let header = Header::decode(parts.header)?;
        Ok(Self { parts, header })
    }

    /// The header, for choosing among keys by [`Header::key_id`]. Trust nothing else in it.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Checks the signature with a key, or with several: a [`KeyRing`](super::KeyRing) or any other list.
    ///
    /// The header must name exactly a key's algorithm and, when both have one, its name. Of several keys those are tried
    /// that fit so, eight at the most. Keys and addresses of keys in the header (`jwk`, `jku`, `x5c`, `x5u`) are never
    /// used.
    ///
    /// # Errors
    /// [`JwtError::UnsupportedAlgorithm`] for another algorithm, [`JwtError::InvalidSignature`] for another key
    /// or a changed token, [`JwtError::Malformed`] when the signature or the payload is not base64url, and when there is no
    /// payload and the signature is not of an empty one: it was detached, then, or the token forged.
    pub fn verify<'k>(self, keys: impl IntoIterator<Item = &'k VerifyingKey>) -> Result<Verified> {
        let signature = self.parts.signature()?;
        let signed = self.parts.signed.as_bytes();
        verify_with_one(keys, &self.header, self.header.key_id(), signed, &signature).map_err(|refusal| {
            match refusal {
                JwtError::InvalidSignature if self.parts.payload.is_empty() => JwtError::Malformed(
                    "the token carries no payload; give the one that was detached from it".into(),
                ),
                other => other,
            }
        })?;
        let payload = if self.header.encodes_payload() {
            self.parts.payload()?
        } else if is_unencoded_part(self.parts.payload) {
            self.parts.payload.as_bytes().to_vec()
        } else {
            return Err(JwtError::Malformed(
                "an unencoded payload in a compact token is printable ASCII (RFC 7797 section 5.2)".into(),
            )
            .into());
        };
        Ok(Verified { header: self.header, payload })
    }

    /// Checks the signature of a token whose payload is kept elsewhere (RFC 7515 appendix F), and gives its header.
    ///
    /// # Errors
    /// As [`Unverified::verify`], and [`JwtError::Malformed`] for a token that carries a payload: which of the two is meant
    /// would not be clear.
    pub fn verify_detached<'k>(
        self,
        payload: &[u8],
        keys: impl IntoIterator<Item = &'k VerifyingKey>,
    ) -> Result<Header> {
        if !self.parts.payload.is_empty() {
            return Err(JwtError::Malformed(
                "the token carries a payload, and another one is given beside it".into(),
            )
            .into());
        }
        let signature = self.parts.signature()?;
        let signed = signing_input(self.parts.header, payload, self.header.encodes_payload());
        verify_with_one(keys, &self.header, self.header.key_id(), &signed, &signature)?;
        Ok(self.header)
    }
}

/// A token whose signature holds.
#[derive(Clone, Debug)]
pub struct Verified {
    header: Header,
    payload: Vec<u8>,
}

impl Verified {
    /// The header, which the signature covers.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The payload, which the signature covers.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The payload alone.
    pub fn into_payload(self) -> Vec<u8> {
        self.payload
    }

    /// The header and the payload.
    pub fn into_parts(self) -> (Header, Vec<u8>) {
        (self.header, self.payload)
    }
}

/// The three parts of a compact token, as they are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts<'a> {
    pub(crate) header: &'a str,
    payload: &'a str,
    signature: &'a str,
    /// The header, the dot and the payload.
    signed: &'a str,
}

impl<'a> Parts<'a> {
    pub(crate) fn split(token: &'a str, limit: usize) -> Result<Self, JwtError> {
        if token.len() > limit {
            return Err(JwtError::Malformed(format!("the token is longer than {limit} bytes").into()));
        }
        let mut dots = memchr::memchr_iter(b'.', token.as_bytes());
        let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next()) else {
            return Err(JwtError::Malformed("a token has three parts with a dot between them".into()));
        };
        let (signed, signature) = (&token[..second], &token[second + 1..]);
        Ok(Self { header: &token[..first], payload: &token[first + 1..second], signature, signed })
    }

    /// The payload, if the signature of this key holds. The header must have been checked.
    pub(crate) fn verify(&self, key: &VerifyingKey) -> Result<Vec<u8>, JwtError> {
        if !key.verify(self.signed.as_bytes(), &self.signature()?) {
            return Err(JwtError::InvalidSignature);
        }
        self.payload()
    }

    /// As [`Parts::verify`], with those of several keys that fit the header.
    pub(crate) fn verify_with_one<'k>(
        &self,
        keys: impl IntoIterator<Item = &'k VerifyingKey>,
        header: &Header,
    ) -> Result<Vec<u8>, JwtError> {
        verify_with_one(keys, header, header.key_id(), self.signed.as_bytes(), &self.signature()?)?;
        self.payload()
    }

    fn signature(&self) -> Result<Vec<u8>, JwtError> {
        base64url_decode(self.signature)
            .ok_or(JwtError::Malformed("the token's signature is not base64url without padding".into()))
    }

    fn payload(&self) -> Result<Vec<u8>, JwtError> {
        base64url_decode(self.payload)
            .ok_or(JwtError::Malformed("the token's payload is not base64url without padding".into()))
    }
}
