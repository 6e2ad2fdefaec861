//! The JOSE header of a JWE (RFC 7516 section 4): what a stranger wrote, until it is authenticated.

use serde_json::{Map, Value};

use crate::encoding::{base64url_decode, has_rounded_number, json_kind, json_object};
use crate::{Error, JweError, Result};

/// The parameters that encryption itself writes: nobody else may give them.
const WRITTEN: [&str; 9] = ["zip", "crit", "epk", "apu", "apv", "iv", "tag", "p2s", "p2c"];

/// The header of a token (RFC 7516 section 4).
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    algorithm: String,
    content_encryption: String,
    members: Map<String, Value>,
}

impl Header {
    /// Checks the parameters that there are rules for. In the JSON forms `members` come from up to three places.
    pub(super) fn new(members: Map<String, Value>) -> Result<Self, JweError> {
        // RFC 7516 section 4.1.13: what `crit` names must be understood, and Jam understands none of it.
        if members.contains_key("crit") {
            return Err(malformed("the token's header asks for an extension by \"crit\""));
        }
        if has_rounded_number(&members) {
            return Err(malformed("the token's header has a number beyond 64 bits"));
        }
        for name in ["alg", "enc", "kid", "typ", "cty", "zip"] {
            if let Some(value) = members.get(name).filter(|value| !value.is_string()) {
                let kind = json_kind(value);
                return Err(malformed(format!("the token's header: {name:?} must be text, not {kind}")));
            }
        }
        let required = |name: &str| {
            let text = members.get(name).and_then(Value::as_str).map(str::to_owned);
            text.ok_or_else(|| malformed(format!("the token's header has no {name:?}")))
        };
        Ok(Self { algorithm: required("alg")?, content_encryption: required("enc")?, members })
    }

    pub(super) fn decode(encoded: &str) -> Result<Self, JweError> {
        Self::new(decode_members(encoded)?)
    }

    /// The parameter `alg` as it was written: how the content's key reaches the reader.
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }

    /// The parameter `enc` as it was written: how the content is encrypted.
    pub fn content_encryption(&self) -> &str {
        &self.content_encryption
    }

    /// The parameter `kid`: whom the token is for. It is opaque text; compare it exactly.
    pub fn key_id(&self) -> Option<&str> {
        self.text("kid")
    }

    /// The parameter `typ`: what kind of token this is.
    pub fn token_type(&self) -> Option<&str> {
        self.text("typ")
    }

    /// The parameter `cty`: what kind of thing the plaintext is; `JWT` for a nested token (RFC 7519 section 5.2).
    pub fn content_type(&self) -> Option<&str> {
        self.text("cty")
    }

    /// All parameters.
    pub fn members(&self) -> &Map<String, Value> {
        &self.members
    }

    /// All parameters, taken out.
    pub fn into_members(self) -> Map<String, Value> {
        self.members
    }

    /// Whether the plaintext is compressed.
    pub(super) fn is_compressed(&self) -> Result<bool, JweError> {
        match self.text("zip") {
            None => Ok(false),
            Some("DEF") => Ok(true),
            Some(_) => {
                Err(JweError::UnsupportedAlgorithm("the token's header: \"zip\" must be \"DEF\"".into()))
            }
        }
    }

    /// The bytes of a parameter in base64url; `None` when it is absent.
    pub(super) fn bytes(&self, name: &str) -> Result<Option<Vec<u8>>, JweError> {
        let Some(value) = self.members.get(name) else { return Ok(None) };
        let bytes = value.as_str().and_then(base64url_decode);
        bytes.map(Some).ok_or_else(|| {
            malformed(format!("the token's header: {name:?} must be base64url without padding"))
        })
    }

    /// As [`Header::bytes`], for a parameter that the algorithm needs.
    pub(super) fn required_bytes(&self, name: &str) -> Result<Vec<u8>, JweError> {
        self.bytes(name)?.ok_or_else(|| self.missing(name))
    }

    /// The error for a parameter that the algorithm needs.
    pub(super) fn missing(&self, name: &str) -> JweError {
        malformed(format!("the token's header has no {name:?}, which its algorithm needs"))
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.members.get(name).and_then(Value::as_str)
    }
}

/// The members of an encoded header.
pub(super) fn decode_members(encoded: &str) -> Result<Map<String, Value>, JweError> {
    let bytes = base64url_decode(encoded)
        .ok_or_else(|| malformed("the token's header is not base64url without padding"))?;
    json_object(&bytes).map_err(|reason| malformed(format!("the token's header: {reason}")))
}

/// Refuses what a caller may not give as a header: other values than the key's, and what encryption itself writes.
pub(super) fn check_given(given: &Map<String, Value>, own: &[(&str, Option<&str>)]) -> Result<()> {
    if let Some(name) = WRITTEN.iter().find(|name| given.contains_key(**name)) {
        let reason = match *name {
            "crit" => "the header parameter \"crit\" is not supported".to_owned(),
            name => format!("the header parameter {name:?} is written by the encryption; it cannot be given"),
        };
        return Err(Error::validation(reason));
    }
    if has_rounded_number(given) {
        return Err(Error::validation("the header has a number beyond 64 bits; readers would round it"));
    }
    for name in ["kid", "typ", "cty"] {
        if given.get(name).is_some_and(|value| !value.is_string()) {
            return Err(Error::validation(format!("the header parameter {name:?} must be text")));
        }
    }
    for (name, value) in own {
        if let (Some(given), Some(value)) = (given.get(*name), value)
            && given != value
        {
            return Err(Error::validation(format!("the header parameter {name:?} is not the key's")));
        }
    }
    Ok(())
}

pub(super) fn malformed(reason: impl Into<crate::Reason>) -> JweError {
    JweError::Malformed(reason.into())
}
