//! The header of a signature (RFC 7515 section 4): what a stranger wrote, until the signature holds.

use serde_json::{Map, Value};

use super::Algorithm;
use crate::encoding::{base64url_decode, base64url_encode, has_rounded_number, json_kind, json_object};
use crate::{Error, JwtError, Result};

/// The one extension that Jam understands (RFC 7797).
const BASE64: &str = "b64";

/// The parameters that RFC 7515 and RFC 7518 define for the headers of signatures and of encryption: `crit` must not
/// name them.
const REGISTERED: [&str; 20] = [
    "alg", "jku", "jwk", "kid", "x5u", "x5c", "x5t", "x5t#S256", "typ", "cty", "crit", "enc", "zip", "epk",
    "apu", "apv", "iv", "tag", "p2s", "p2c",
];

/// The header of a token (RFC 7515 section 4).
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    algorithm: String,
    encodes_payload: bool,
    members: Map<String, Value>,
}

impl Header {
    /// Reads the protected header of a token.
    pub(crate) fn decode(encoded: &str) -> Result<Self, JwtError> {
        Self::from_members(decode_members(encoded)?)
    }

    /// Takes the members of a protected header.
    pub(super) fn from_members(members: Map<String, Value>) -> Result<Self, JwtError> {
        check_critical(&members)?;
        if has_rounded_number(&members) {
            return Err(malformed("the token's header has a number beyond 64 bits".to_owned()));
        }
        for name in ["alg", "kid", "typ", "cty"] {
            check_text(&members, name)?;
        }
        let algorithm = members
            .get("alg")
            .and_then(Value::as_str)
            .ok_or(JwtError::Malformed("the token's header has no \"alg\"".into()))?
            .to_owned();
        let encodes_payload = encodes_payload(&members);
        Ok(Self { algorithm, encodes_payload, members })
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

    /// Whether the payload is signed in its base64url form, as it is unless `b64` is false (RFC 7797 section 3).
    pub fn encodes_payload(&self) -> bool {
        self.encodes_payload
    }

    /// All parameters.
    pub fn members(&self) -> &Map<String, Value> {
        &self.members
    }

    /// All parameters, without the rest.
    pub fn into_members(self) -> Map<String, Value> {
        self.members
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.members.get(name).and_then(Value::as_str)
    }
}

/// The members of an encoded header.
pub(super) fn decode_members(encoded: &str) -> Result<Map<String, Value>, JwtError> {
    let bytes = base64url_decode(encoded)
        .ok_or(JwtError::Malformed("the token's header is not base64url without padding".into()))?;
    json_object(&bytes).map_err(|reason| JwtError::Malformed(format!("the token's header: {reason}").into()))
}

/// Whether the payload below a header with these members is base64url (RFC 7797 section 3).
pub(super) fn encodes_payload(members: &Map<String, Value>) -> bool {
    members.get(BASE64) != Some(&Value::Bool(false))
}

/// A parameter that is there must be text.
pub(super) fn check_text(members: &Map<String, Value>, name: &str) -> Result<(), JwtError> {
    match members.get(name).filter(|value| !value.is_string()) {
        Some(value) => {
            Err(malformed(format!("the token's header: {name:?} must be text, not {}", json_kind(value))))
        }
        None => Ok(()),
    }
}

/// Every extension that `crit` names must be understood, and what it may name is narrow (RFC 7515 section 4.1.11).
/// `b64` changes what is signed, so it stands nowhere without `crit` (RFC 7797 section 6).
fn check_critical(members: &Map<String, Value>) -> Result<(), JwtError> {
    let refuse = |reason: &str| Err(malformed(format!("the token's header: {reason}")));
    let Some(critical) = members.get("crit") else {
        return match members.contains_key(BASE64) {
            true => refuse("\"b64\" must be named by \"crit\""),
            false => Ok(()),
        };
    };
    let names: Option<Vec<&str>> =
        critical.as_array().and_then(|names| names.iter().map(Value::as_str).collect());
    let Some(names) = names.filter(|names| !names.is_empty()) else {
        return refuse("\"crit\" must be a list of one text at least");
    };
    if names.iter().any(|name| REGISTERED.contains(name)) {
        return refuse("\"crit\" names a parameter that is no extension");
    }
    if names.iter().any(|name| *name != BASE64) {
        return refuse("\"crit\" asks for an extension that is not understood");
    }
    if names.len() > 1 {
        return refuse("\"crit\" names an extension twice");
    }
    match members.get(BASE64) {
        Some(Value::Bool(_)) => Ok(()),
        Some(other) => refuse(&format!("\"b64\" must be true or false, not {}", json_kind(other))),
        None => refuse("\"crit\" names \"b64\", which is not in the header"),
    }
}

/// The encoded header of every token with these members that a key of this algorithm and name signs.
pub(crate) fn prepare(
    header: &Map<String, Value>,
    algorithm: Algorithm,
    key_id: Option<&str>,
) -> Result<String> {
    Ok(encode(protected(header, algorithm, key_id)?))
}

/// The members of a protected header: those of the caller, and what the key says of itself.
pub(super) fn protected(
    header: &Map<String, Value>,
    algorithm: Algorithm,
    key_id: Option<&str>,
) -> Result<Map<String, Value>> {
    if has_rounded_number(header) {
        return Err(Error::validation("the header has a number beyond 64 bits; readers would round it"));
    }
    let mut members = header.clone();
    for name in ["crit", BASE64] {
        if members.contains_key(name) {
            return Err(Error::validation(format!(
                "the header parameter {name:?} is written by Jam; \"b64\" is an option of signing, and other extensions are \
                 not supported"
            )));
        }
    }
    for name in ["typ", "cty"] {
        if members.get(name).is_some_and(|value| !value.is_string()) {
            return Err(Error::validation(format!("the header parameter {name:?} must be text")));
        }
    }
    for (name, value) in [("alg", Some(algorithm.name())), ("kid", key_id)] {
        let Some(value) = value.map(Value::from) else { continue };
        if members.get(name).is_some_and(|given| *given != value) {
            return Err(Error::validation(format!("the header parameter {name:?} is not the key's")));
        }
        members.insert(name.to_owned(), value);
    }
    if members.get("kid").is_some_and(|value| !value.is_string()) {
        return Err(Error::validation("the header parameter \"kid\" must be text"));
    }
    Ok(members)
}

/// Says in a protected header that the payload below it is not encoded (RFC 7797 section 3).
pub(super) fn set_unencoded(members: &mut Map<String, Value>) {
    members.insert(BASE64.to_owned(), false.into());
    members.insert("crit".to_owned(), vec![BASE64].into());
}

/// The text of a header in a token.
pub(super) fn encode(members: Map<String, Value>) -> String {
    base64url_encode(Value::Object(members).to_string())
}

/// Whether two values of `typ` or `cty` mean the same media type: compared without regard to case, and
/// `application/` may be left out where no other slash follows it (RFC 7515 section 4.1.9).
pub(crate) fn is_same_media_type(one: &str, other: &str) -> bool {
    fn short(name: &str) -> &str {
        const PREFIX: &str = "application/";
        match name.split_at_checked(PREFIX.len()) {
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) && !rest.contains('/') => rest,
            _ => name,
        }
    }
    short(one).eq_ignore_ascii_case(short(other))
}

/// The error for a token of another algorithm than that of the key, or of all keys.
pub(super) fn other_algorithm(algorithm: Algorithm) -> JwtError {
    JwtError::UnsupportedAlgorithm(
        format!("the token's algorithm is not {algorithm}, the only one that the key verifies").into(),
    )
}

fn malformed(reason: String) -> JwtError {
    JwtError::Malformed(reason.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_compared_as_rfc_7515_says() {
        for (one, other) in [
            ("JWT", "jwt"),
            ("at+jwt", "application/at+jwt"),
            ("Application/AT+JWT", "at+jwt"),
            ("application/a/b", "APPLICATION/a/b"),
        ] {
            assert!(is_same_media_type(one, other) && is_same_media_type(other, one), "{one} {other}");
        }
        for (one, other) in [
            ("JWT", "at+jwt"),
            ("application/application/jwt", "application/jwt"),
            ("text/jwt", "jwt"),
            ("", "jwt"),
            ("application/a/b", "a/b"),
            ("jwt ", "jwt"),
        ] {
            assert!(!is_same_media_type(one, other) && !is_same_media_type(other, one), "{one} {other}");
        }
    }
}
