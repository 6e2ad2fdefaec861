//! JSON Web Signatures (RFC 7515): the compact form `header.payload.signature` and the two JSON forms, also with a payload
//! that is kept elsewhere (RFC 7515 appendix F) or is not encoded (RFC 7797).
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

mod compact;
mod header;
mod json;

use serde_json::{Map, Value};

pub(crate) use self::compact::{Parts, sign_into, sign_prepared, token_length};
pub use self::compact::{Unverified, Verified, sign, sign_with};
pub use self::header::Header;
pub(crate) use self::header::{is_same_media_type, prepare as prepare_header};
pub use self::json::{HeldSignature, UnverifiedJson, VerifiedJson, sign_flattened, sign_general};
pub use super::algorithm::Algorithm;
pub use super::key::{SigningKey, VerifyingKey};
pub use super::key_ring::{KeyRing, KeyRingOptions};
use crate::encoding::{base64url_encode_into, base64url_length, has_rounded_number};
use crate::{Error, JwtError, Result};

/// The longest token that is made or read unless another limit is given, in bytes.
pub const DEFAULT_LENGTH_LIMIT: usize = 256 * 1024;

/// So many keys are tried for one signature whose header does not tell them apart. Each costs a verification, and anybody
/// can send such a token.
pub(crate) const MOST_KEYS_TRIED: usize = 8;

/// How a payload is signed.
///
/// ```
/// use jam::jose::jws::SignOptions;
///
/// let options = SignOptions { detached: true, ..SignOptions::default() };
/// assert!(options.encode_payload && options.header.is_empty());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SignOptions {
    /// Parameters of the header that is signed, beside `alg` and `kid`, which are the key's.
    pub header: Map<String, Value>,
    /// Parameters that are not signed, in the JSON forms only. Nobody can trust them; a `kid` here keeps that of the key
    /// out of the signed header.
    pub unprotected: Map<String, Value>,
    /// Whether the payload is left out of the token (RFC 7515 appendix F).
    pub detached: bool,
    /// Whether the payload is signed in base64url, as is usual, or as it is (RFC 7797).
    pub encode_payload: bool,
    /// The longest token that is made, in bytes. Whoever reads longer ones, with `parse_with_limit`, says so here.
    pub length_limit: usize,
}

impl Default for SignOptions {
    /// No further parameters; the payload is in the token, encoded.
    fn default() -> Self {
        Self {
            header: Map::new(),
            unprotected: Map::new(),
            detached: false,
            encode_payload: true,
            length_limit: DEFAULT_LENGTH_LIMIT,
        }
    }
}

impl SignOptions {
    /// The members of the header that a key signs.
    fn protected_header(&self, key: &SigningKey) -> Result<Map<String, Value>> {
        if has_rounded_number(&self.unprotected) {
            return Err(Error::validation("the header has a number beyond 64 bits; readers would round it"));
        }
        for name in ["alg", "crit", "b64"] {
            if self.unprotected.contains_key(name) {
                return Err(Error::validation(format!("the header parameter {name:?} must be signed")));
            }
        }
        let key_id = match self.unprotected.get("kid") {
            Some(given) if key.key_id().is_some_and(|own| given != own) || !given.is_string() => {
                return Err(Error::validation("the header parameter \"kid\" is not the key's"));
            }
            Some(_) => None,
            None => key.key_id(),
        };
        let mut members = header::protected(&self.header, key.algorithm(), key_id)?;
        if !self.encode_payload {
            header::set_unencoded(&mut members);
        }
        // RFC 7515 section 4: a parameter stands in one of the two headers.
        if self.unprotected.keys().any(|name| members.contains_key(name)) {
            return Err(Error::validation("a header parameter is either protected or not, and here is both"));
        }
        Ok(members)
    }
}

/// The refusal to make what could not be read again.
pub(crate) fn too_long(limit: usize) -> Error {
    Error::validation(format!("the token would have more than {limit} bytes, which is the most that is read"))
}

/// What is signed: the encoded header, a dot, and the payload, encoded or as it is (RFC 7797 section 3).
fn signing_input(encoded_header: &str, payload: &[u8], encode_payload: bool) -> Vec<u8> {
    let mut signed = Vec::with_capacity(encoded_header.len() + 1 + base64url_length(payload.len()));
    signed.extend_from_slice(encoded_header.as_bytes());
    signed.push(b'.');
    if encode_payload {
        let start = signed.len();
        signed.resize(start + base64url_length(payload.len()), 0);
        base64url_encode_into(payload, &mut signed[start..]).expect("the buffer has the length for it");
    } else {
        signed.extend_from_slice(payload);
    }
    signed
}

/// Checks a signature with those of the keys that fit: of the algorithm that the header names, and of the name where both
/// have one. The key decides, the header only chooses among keys.
fn verify_with_one<'k>(
    keys: impl IntoIterator<Item = &'k VerifyingKey>,
    header: &Header,
    key_id: Option<&str>,
    signed: &[u8],
    signature: &[u8],
) -> Result<(), JwtError> {
    let (mut other_algorithm, mut fits, mut tried) = (None, false, 0);
    for key in keys {
        if header.algorithm() != key.algorithm().name() {
            other_algorithm = Some(key.algorithm());
            continue;
        }
        fits = true;
        if matches!((key_id, key.key_id()), (Some(named), Some(own)) if named != own) {
            continue;
        }
        if key.verify(signed, signature) {
            return Ok(());
        }
        tried += 1;
        if tried == MOST_KEYS_TRIED {
            break;
        }
    }
    match other_algorithm {
        Some(algorithm) if !fits => Err(header::other_algorithm(algorithm)),
        _ => Err(JwtError::InvalidSignature),
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
