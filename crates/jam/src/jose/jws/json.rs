//! The two JSON forms (RFC 7515 section 7.2): flattened with one signature, general with several.

use serde_json::{Map, Value};

use super::header::{Header, check_text, decode_members, encode, encodes_payload};
use super::{
    DEFAULT_LENGTH_LIMIT, SignOptions, SigningKey, VerifyingKey, signing_input, too_long, verify_with_one,
};
use crate::encoding::{base64url_decode, base64url_encode, json_kind, json_length, json_object};
use crate::{Error, JwtError, Result};

/// More signatures than this are neither made nor read: each costs a verification, and anybody can send them.
const MOST_SIGNATURES: usize = 32;

/// Signs `payload` into the flattened JSON form (RFC 7515 section 7.2.2).
///
/// ```
/// use jam::jose::Jwk;
/// use jam::jose::jws::{Algorithm, SignOptions, SigningKey, UnverifiedJson, VerifyingKey, sign_flattened};
///
/// let secret = Jwk::from_secret(vec![7; 32]);
/// let key = SigningKey::new(Algorithm::Hs256, &secret)?;
/// let jws = sign_flattened(b"hello", &SignOptions::default(), &key)?;
/// assert!(jws.contains_key("payload") && jws.contains_key("protected") && jws.contains_key("signature"));
///
/// let text = serde_json::Value::Object(jws).to_string();
/// let verified = UnverifiedJson::parse(&text)?.verify(&VerifyingKey::new(Algorithm::Hs256, &secret)?)?;
/// assert_eq!(verified.payload(), b"hello");
/// # Ok::<(), jam::Error>(())
/// ```
///
/// # Errors
/// [`Error::Validation`] when the headers hold another `alg` or `kid` than the key's, `crit` or `b64`, or one parameter both
/// protected and unprotected, for a payload that is to stand in the object unencoded and is not UTF-8, and for an object
/// whose text would be longer than allowed.
pub fn sign_flattened(payload: &[u8], options: &SignOptions, key: &SigningKey) -> Result<Map<String, Value>> {
    let mut jws = signature(payload, options, key)?;
    if !options.detached {
        jws.insert("payload".into(), payload_text(payload, options.encode_payload)?.into());
    }
    check_length(jws, options.length_limit)
}

/// Signs `payload` into the general JSON form (RFC 7515 section 7.2.1): one signature for each of the `signers`.
///
/// # Errors
/// As [`sign_flattened`]; [`Error::Validation`] for no signer, for more than 32, and for signers of which not all detach the
/// payload, or not all encode it (RFC 7797 section 3).
pub fn sign_general(payload: &[u8], signers: &[(&SignOptions, &SigningKey)]) -> Result<Map<String, Value>> {
    let [(first, _), others @ ..] = signers else {
        return Err(Error::validation("at least one key must sign"));
    };
    if signers.len() > MOST_SIGNATURES {
        return Err(Error::validation(format!("at most {MOST_SIGNATURES} keys sign one payload")));
    }
    let shares_payload = |options: &SignOptions| {
        (options.detached, options.encode_payload) == (first.detached, first.encode_payload)
    };
    if !others.iter().all(|(options, _)| shares_payload(options)) {
        return Err(Error::validation(
            "all signatures must treat the payload alike: detached or not, encoded or not",
        ));
    }
    let signatures = signers
        .iter()
        .map(|(options, key)| signature(payload, options, key).map(Value::Object))
        .collect::<Result<Vec<_>>>()?;
    let mut jws = Map::from_iter([("signatures".to_owned(), signatures.into())]);
    if !first.detached {
        jws.insert("payload".into(), payload_text(payload, first.encode_payload)?.into());
    }
    check_length(jws, first.length_limit)
}

/// Refuses an object whose text could not be read again.
fn check_length(jws: Map<String, Value>, limit: usize) -> Result<Map<String, Value>> {
    if json_length(&jws) > limit { Err(too_long(limit)) } else { Ok(jws) }
}

/// The members of one signature: `protected`, `header` where there is one, and `signature`.
fn signature(payload: &[u8], options: &SignOptions, key: &SigningKey) -> Result<Map<String, Value>> {
    let protected = encode(options.protected_header(key)?);
    let signature = key.sign(&signing_input(&protected, payload, options.encode_payload))?;
    let mut members = Map::new();
    members.insert("protected".into(), protected.into());
    if !options.unprotected.is_empty() {
        members.insert("header".into(), Value::Object(options.unprotected.clone()));
    }
    members.insert("signature".into(), signature.into());
    Ok(members)
}

fn payload_text(payload: &[u8], encode_payload: bool) -> Result<String> {
    if encode_payload {
        return Ok(base64url_encode(payload));
    }
    String::from_utf8(payload.to_vec()).map_err(|_| {
        Error::validation("an unencoded payload in JSON must be UTF-8 (RFC 7797 section 5.3); detach it")
    })
}

/// A signed object in a JSON form whose signatures nobody has looked at.
#[derive(Clone, Debug)]
pub struct UnverifiedJson {
    /// As it is written; `None` where it is detached.
    payload: Option<String>,
    encodes_payload: bool,
    signatures: Vec<Signature>,
}

#[derive(Clone, Debug)]
struct Signature {
    protected: String,
    /// What the signature covers, unless it cannot be trusted even if the signature holds.
    header: Result<Header, JwtError>,
    /// Which key is said to have signed. Being only a choice among keys, it needs no protection.
    key_id: Option<String>,
    signature: Vec<u8>,
}

impl UnverifiedJson {
    /// Reads the JSON text of either form.
    ///
    /// # Errors
    /// [`JwtError::Malformed`] when the text is longer than [`DEFAULT_LENGTH_LIMIT`], is not one JSON object without
    /// duplicate members, or is neither form: no signature at all, more than 32, members of both forms, a member of
    /// another type, or signatures of which only some encode the payload (RFC 7797 section 3).
    pub fn parse(text: &str) -> Result<Self> {
        Self::parse_with_limit(text, DEFAULT_LENGTH_LIMIT)
    }

    /// As [`UnverifiedJson::parse`], with another limit for the length of the text in bytes.
    ///
    /// # Errors
    /// As [`UnverifiedJson::parse`].
    pub fn parse_with_limit(text: &str, limit: usize) -> Result<Self> {
        if text.len() > limit {
            return Err(malformed(format!("the signed object is longer than {limit} bytes")).into());
        }
        let members = json_object(text.as_bytes())
            .map_err(|reason| malformed(format!("the signed object: {reason}")))?;
        Ok(Self::from_members(members)?)
    }

    fn from_members(mut members: Map<String, Value>) -> Result<Self, JwtError> {
        let payload = take_text(&mut members, "payload")?;
        let entries = match members.remove("signatures") {
            None => vec![members],
            Some(Value::Array(entries)) => {
                if ["protected", "header", "signature"].iter().any(|name| members.contains_key(*name)) {
                    return Err(malformed("the object has members of both JSON forms"));
                }
                entries.into_iter().map(object).collect::<Result<_, _>>()?
            }
            Some(other) => return Err(wrong_type("signatures", "a list", &other)),
        };
        if entries.is_empty() || entries.len() > MOST_SIGNATURES {
            return Err(malformed(format!("there must be from 1 to {MOST_SIGNATURES} signatures")));
        }
        let mut encodings = Vec::with_capacity(entries.len());
        let mut signatures = Vec::with_capacity(entries.len());
        for entry in entries {
            let (signature, encodes_payload) = Signature::from_members(entry)?;
            signatures.push(signature);
            encodings.push(encodes_payload);
        }
        // RFC 7797 section 3. Otherwise one payload would be two different ones.
        if encodings.iter().any(|encodes| *encodes != encodings[0]) {
            return Err(malformed("all signatures must encode the payload alike"));
        }
        Ok(Self { payload, encodes_payload: encodings[0], signatures })
    }

    /// Checks every signature with a key, or with several: a [`KeyRing`](super::KeyRing) or any other list. Those that hold
    /// are named in the answer, and there is one at least. Whether more must hold is for the caller to decide.
    ///
    /// Only protected headers count: a signature whose `alg` is not protected, or whose `crit` asks for what is not
    /// understood, does not hold. `kid` chooses among the keys, wherever it stands; eight are tried at the most.
    ///
    /// # Errors
    /// [`JwtError::InvalidSignature`] when no signature holds, or the reason why none was even tried;
    /// [`JwtError::Malformed`] for a detached payload and for one that is not base64url.
    pub fn verify<'k, K>(self, keys: K) -> Result<VerifiedJson>
    where
        K: IntoIterator<Item = &'k VerifyingKey> + Clone,
    {
        let payload = self.payload.as_deref().ok_or_else(|| {
            malformed("the signed object carries no payload; give the one that was detached from it")
        })?;
        let signatures =
            self.held(|signature| [&signature.protected, ".", payload].concat().into_bytes(), keys)?;
        let payload = if self.encodes_payload {
            base64url_decode(payload)
                .ok_or_else(|| malformed("the payload is not base64url without padding"))?
        } else {
            payload.as_bytes().to_vec()
        };
        Ok(VerifiedJson { payload, signatures })
    }

    /// As [`UnverifiedJson::verify`], with a payload that is kept elsewhere (RFC 7515 appendix F).
    ///
    /// # Errors
    /// As [`UnverifiedJson::verify`], and [`JwtError::Malformed`] for an object that carries a payload: which of the two is
    /// meant would not be clear.
    pub fn verify_detached<'k, K>(self, payload: &[u8], keys: K) -> Result<Vec<HeldSignature>>
    where
        K: IntoIterator<Item = &'k VerifyingKey> + Clone,
    {
        if self.payload.is_some() {
            return Err(
                malformed("the signed object carries a payload, and another one is given beside it").into()
            );
        }
        let encodes = self.encodes_payload;
        Ok(self.held(|signature| signing_input(&signature.protected, payload, encodes), keys)?)
    }

    fn held<'k, K>(
        &self,
        signed: impl Fn(&Signature) -> Vec<u8>,
        keys: K,
    ) -> Result<Vec<HeldSignature>, JwtError>
    where
        K: IntoIterator<Item = &'k VerifyingKey> + Clone,
    {
        let mut held = Vec::new();
        let mut refusal = None;
        for (index, signature) in self.signatures.iter().enumerate() {
            let holds = signature.header.as_ref().map_err(Clone::clone).and_then(|header| {
                let key_id = signature.key_id.as_deref();
                verify_with_one(keys.clone(), header, key_id, &signed(signature), &signature.signature)?;
                Ok(header.clone())
            });
            match holds {
                Ok(header) => held.push(HeldSignature { index, header }),
                Err(JwtError::InvalidSignature) => refusal = Some(JwtError::InvalidSignature),
                Err(error) => refusal = refusal.or(Some(error)),
            }
        }
        match refusal {
            Some(error) if held.is_empty() => Err(error),
            _ => Ok(held),
        }
    }
}

impl Signature {
    /// Reads one signature, and whether it is said to be of an encoded payload.
    fn from_members(mut members: Map<String, Value>) -> Result<(Self, bool), JwtError> {
        let encoded = take_text(&mut members, "protected")?;
        let protected = encoded.as_deref().map(decode_members).transpose()?;
        let unprotected = match members.remove("header") {
            None => Map::new(),
            Some(Value::Object(header)) => header,
            Some(other) => return Err(wrong_type("header", "an object", &other)),
        };
        check_text(&unprotected, "kid")?;
        let signature = take_text(&mut members, "signature")?
            .ok_or_else(|| malformed("the signed object lacks a \"signature\""))?;
        let signature = base64url_decode(signature)
            .ok_or_else(|| malformed("the signature is not base64url without padding"))?;
        let encodes_payload = protected.as_ref().is_none_or(encodes_payload);
        let header = trusted_header(protected, &unprotected);
        let key_id = header
            .as_ref()
            .ok()
            .and_then(Header::key_id)
            .or_else(|| unprotected.get("kid").and_then(Value::as_str))
            .map(str::to_owned);
        let protected = encoded.unwrap_or_default();
        Ok((Self { protected, header, key_id, signature }, encodes_payload))
    }
}

/// The header that a signature covers, if it says everything that must be covered.
fn trusted_header(
    protected: Option<Map<String, Value>>,
    unprotected: &Map<String, Value>,
) -> Result<Header, JwtError> {
    let protected = protected.ok_or_else(|| {
        malformed("the signature has no \"protected\" header; its algorithm would be what anybody wrote")
    })?;
    // RFC 7515 section 4.1.11 and RFC 7797 section 3: both must be protected.
    for name in ["crit", "b64"] {
        if unprotected.contains_key(name) {
            return Err(malformed(format!("the header parameter {name:?} is not protected")));
        }
    }
    // RFC 7515 section 4.
    if unprotected.keys().any(|name| protected.contains_key(name)) {
        return Err(malformed("a header parameter is both protected and unprotected"));
    }
    Header::from_members(protected)
}

/// A signed object of which one signature at least holds.
#[derive(Clone, Debug)]
pub struct VerifiedJson {
    payload: Vec<u8>,
    signatures: Vec<HeldSignature>,
}

impl VerifiedJson {
    /// The payload, which every one of the [signatures](Self::signatures) covers.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The signatures that hold; one at least.
    pub fn signatures(&self) -> &[HeldSignature] {
        &self.signatures
    }

    /// The payload and the signatures that hold.
    pub fn into_parts(self) -> (Vec<u8>, Vec<HeldSignature>) {
        (self.payload, self.signatures)
    }
}

/// One signature of several that holds.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldSignature {
    index: usize,
    header: Header,
}

impl HeldSignature {
    /// Its place among the signatures of the object, from 0.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Its protected header. What stood in the unprotected one is not told: nobody vouches for it.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Its protected header, without the rest.
    pub fn into_header(self) -> Header {
        self.header
    }
}

fn take_text(members: &mut Map<String, Value>, name: &str) -> Result<Option<String>, JwtError> {
    match members.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(wrong_type(name, "text", &other)),
    }
}

fn object(value: Value) -> Result<Map<String, Value>, JwtError> {
    match value {
        Value::Object(members) => Ok(members),
        other => Err(wrong_type("signatures", "a list of objects", &other)),
    }
}

fn wrong_type(name: &str, expected: &str, found: &Value) -> JwtError {
    malformed(format!("the member {name:?} must be {expected}, not {}", json_kind(found)))
}

fn malformed(reason: impl Into<crate::Reason>) -> JwtError {
    JwtError::Malformed(reason.into())
}
