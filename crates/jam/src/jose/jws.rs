//! JSON Web Signatures (RFC 7515) in the compact form, `header.payload.signature`.
//!
//! ```
//! use jam::jose::Jwk;
//! use jam::jose::jws::{Algorithm, SigningKey, Unverified, VerifyingKey, sign};
//!
//! let secret = Jwk::from_secret(vec![7; 32]);
//! let token = sign(b"hello", &Default::default(), &SigningKey::new(Algorithm::Hs256, &secret)?)?;
//!
//! let verified = Unverified::parse(&token)?.verify(&VerifyingKey::new(Algorithm::Hs256, &secret)?)?;
//! assert_eq!(verified.payload(), b"hello");
//! # Ok::<(), jam::Error>(())
//! ```

use serde_json::{Map, Value};

pub use super::algorithm::Algorithm;
pub use super::key::{SigningKey, VerifyingKey};
use crate::encoding::{
    base64url_decode, base64url_encode, base64url_encode_into, base64url_length, json_kind, json_object,
};
use crate::{Error, JwtError, Result};

/// The longest token that is read unless another limit is given, in bytes.
pub const DEFAULT_LENGTH_LIMIT: usize = 256 * 1024;

/// Signs `payload` into a compact token. The header is `header` with `alg` and, when the key has a name, `kid`.
///
/// # Errors
/// [`Error::Validation`] when `header` holds another `alg` or `kid` than the key's, `crit` or `b64`.
pub fn sign(payload: &[u8], header: &Map<String, Value>, key: &SigningKey) -> Result<String> {
    sign_prepared(&prepare_header(header, key.algorithm(), key.key_id())?, payload, key)
}

/// The encoded header of every token with these members that a key of this algorithm and name signs.
pub(crate) fn prepare_header(
    header: &Map<String, Value>,
    algorithm: Algorithm,
    key_id: Option<&str>,
) -> Result<String> {
    let mut members = header.clone();
    for name in ["crit", "b64"] {
        if members.contains_key(name) {
            return Err(Error::validation(format!("the header parameter {name:?} is not supported")));
        }
    }
    for (name, value) in [("alg", Some(algorithm.name())), ("kid", key_id)] {
        let Some(value) = value.map(Value::from) else { continue };
        if members.get(name).is_some_and(|given| *given != value) {
            return Err(Error::validation(format!("the header parameter {name:?} is not the key's")));
        }
        members.insert(name.to_owned(), value);
    }
    Ok(base64url_encode(Value::Object(members).to_string()))
}

/// Signs below a header that is encoded already, in one allocation.
pub(crate) fn sign_prepared(encoded_header: &str, payload: &[u8], key: &SigningKey) -> Result<String> {
    let mut token = vec![0; token_length(encoded_header, payload.len(), key)];
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
    /// asks for an extension by `crit` or `b64`, none of which Jam knows.
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

    /// Checks the signature. The header must name exactly the key's algorithm and, when both have one, the
    /// key's name; keys and addresses of keys in the header (`jwk`, `jku`, `x5c`, `x5u`) are never used.
    ///
    /// # Errors
    /// [`JwtError::UnsupportedAlgorithm`] for another algorithm, [`JwtError::InvalidSignature`] for another key
    /// or a changed token, [`JwtError::Malformed`] when the signature or the payload is not base64url.
    pub fn verify(self, key: &VerifyingKey) -> Result<Verified> {
        self.header.check(key)?;
        let payload = self.parts.verify(key)?;
        Ok(Verified { header: self.header, payload })
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
}

/// The header of a token (RFC 7515 section 4).
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    algorithm: String,
    members: Map<String, Value>,
}

impl Header {
    pub(crate) fn decode(encoded: &str) -> Result<Self, JwtError> {
        let bytes = base64url_decode(encoded)
            .ok_or(JwtError::Malformed("the token's header is not base64url without padding".into()))?;
        let members = json_object(&bytes)
            .map_err(|reason| JwtError::Malformed(format!("the token's header: {reason}").into()))?;
        // RFC 7515 section 4.1.11: what `crit` names must be understood, and Jam understands none of it. RFC 7797
        // section 6 lets `b64` stand only together with `crit`.
        for name in ["crit", "b64"] {
            if members.contains_key(name) {
                return Err(JwtError::Malformed(
                    format!("the token's header asks for an extension by {name:?}").into(),
                ));
            }
        }
        for name in ["alg", "kid", "typ", "cty"] {
            if let Some(value) = members.get(name).filter(|value| !value.is_string()) {
                return Err(JwtError::Malformed(
                    format!("the token's header: {name:?} must be text, not {}", json_kind(value)).into(),
                ));
            }
        }
        let algorithm = members
            .get("alg")
            .and_then(Value::as_str)
            .ok_or(JwtError::Malformed("the token's header has no \"alg\"".into()))?
            .to_owned();
        Ok(Self { algorithm, members })
    }

    /// Refuses a header that does not name the key's algorithm, or names another key.
    pub(crate) fn check(&self, key: &VerifyingKey) -> Result<(), JwtError> {
        if self.algorithm != key.algorithm().name() {
            return Err(JwtError::UnsupportedAlgorithm(
                format!(
                    "the token's algorithm is not {}, the only one that the key verifies",
                    key.algorithm()
                )
                .into(),
            ));
        }
        match (self.key_id(), key.key_id()) {
            (Some(named), Some(own)) if named != own => Err(JwtError::InvalidSignature),
            _ => Ok(()),
        }
    }

    /// The parameter `alg` as it was written.
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }

    /// The parameter `kid`: which key signed. It is opaque text; compare it exactly.
    pub fn key_id(&self) -> Option<&str> {
        self.text("kid")
    }

    /// The parameter `typ`: what kind of token this is.
    pub fn token_type(&self) -> Option<&str> {
        self.text("typ")
    }

    /// The parameter `cty`: what kind of thing the payload is.
    pub fn content_type(&self) -> Option<&str> {
        self.text("cty")
    }

    /// All parameters.
    pub fn members(&self) -> &Map<String, Value> {
        &self.members
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.members.get(name).and_then(Value::as_str)
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

    /// The payload, if the signature holds. The header must have been checked.
    pub(crate) fn verify(&self, key: &VerifyingKey) -> Result<Vec<u8>, JwtError> {
        let signature = base64url_decode(self.signature)
            .ok_or(JwtError::Malformed("the token's signature is not base64url without padding".into()))?;
        if !key.verify(self.signed.as_bytes(), &signature) {
            return Err(JwtError::InvalidSignature);
        }
        base64url_decode(self.payload)
            .ok_or(JwtError::Malformed("the token's payload is not base64url without padding".into()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value};

    use super::*;
    use crate::jose::Jwk;

    /// Cases that are labelled valid and yet must be refused here, with the reason.
    const REFUSED: [(u64, &str); 6] = [
        (346, "the key is for PS256, the token says PS384"),
        (347, "the key's alg is no registered algorithm"),
        (350, "the key is for PS256, the token says PS384"),
        (351, "the key's alg is no registered algorithm"),
        (372, "a character outside of base64url in the header"),
        (373, "a character outside of base64url in the payload"),
    ];
    /// Cases whose text is that of case 357 with the other label.
    const CONTRADICTORY: [u64; 2] = [367, 370];

    #[test]
    fn wycheproof_agrees() {
        let Some(vectors) = crate::test_vectors::read("jose/json_web_signature_test.json") else { return };
        let mut seen = 0;
        for group in vectors["testGroups"].as_array().unwrap() {
            let key = group.get("public").unwrap_or(&group["private"]).as_object().unwrap();
            for case in group["tests"].as_array().unwrap() {
                let id = case["tcId"].as_u64().unwrap();
                if CONTRADICTORY.contains(&id) {
                    continue;
                }
                let refused = REFUSED.iter().any(|(refused, _)| *refused == id);
                let expected = case["result"] == "valid" && !refused;
                // One group is of JSON text, which no compact token is.
                let token = case["jws"].as_str().map_or_else(|| case["jws"].to_string(), str::to_owned);
                assert_eq!(verifies(key, &token), expected, "case {id}: {}", case["comment"]);
                seen += 1;
            }
        }
        assert_eq!(seen, 399);
    }

    fn verifies(key: &Map<String, Value>, token: &str) -> bool {
        let Ok(jwk) = Jwk::from_dict(key) else { return false };
        let Ok(unverified) = Unverified::parse(token) else { return false };
        let name = jwk.algorithm().unwrap_or(unverified.header().algorithm()).to_owned();
        name.parse()
            .and_then(|algorithm| VerifyingKey::new(algorithm, &jwk))
            .and_then(|key| unverified.verify(&key))
            .is_ok()
    }
}
