//! Sets of keys (RFC 7517 section 5).

use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::jwe::KeyManagement;
use super::jwk::Jwk;
use super::key_use::{Operation, check_use, serves_for};
use crate::encoding::{json_kind, json_object};
use crate::{Error, KeyError, Result};

/// The longest set that is read as text, in bytes.
const LONGEST_SET: usize = 1024 * 1024;
/// The most keys of a set.
const MOST_KEYS: usize = 1000;

/// Several keys, as an issuer publishes them. `Debug` shows no key material.
///
/// A key that cannot be used is skipped, so that one of them does not make the others useless (RFC 7517 section 5);
/// [`JwkSet::skipped`] says which and why.
///
/// ```
/// use jam::jose::{JwkSet, KeyQuery};
///
/// let set = JwkSet::from_json(r#"{"keys": [
///     {"kty": "OKP", "crv": "Ed25519", "kid": "2026", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
///     {"kty": "EC", "crv": "P-224", "kid": "2016"}
/// ]}"#)?;
/// assert_eq!((set.len(), set.skipped().len()), (1, 1));
///
/// let key = set.find(&KeyQuery { key_id: Some("2026"), ..KeyQuery::default() })?;
/// assert_eq!(key.key_type(), "OKP");
/// assert!(set.find(&KeyQuery { key_id: Some("2016"), ..KeyQuery::default() }).is_err());
/// # Ok::<(), jam::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct JwkSet {
    keys: Vec<Jwk>,
    skipped: Vec<SkippedKey>,
}

/// A key of a set that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SkippedKey {
    /// The place in the set, from 0.
    pub index: usize,
    /// The member `kid`, if it is text.
    pub key_id: Option<String>,
    /// The member `kty`, if it is text.
    pub key_type: Option<String>,
    /// Why the key cannot be used.
    pub reason: Error,
}

/// Which key of a set is asked for; `None` leaves a question open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyQuery<'a> {
    /// The `kid` of the key: exactly this text.
    pub key_id: Option<&'a str>,
    /// The algorithm that the key must work with.
    pub algorithm: Option<&'a str>,
    /// The `use` of the key, `sig` or `enc`. Of a key that names none, `alg`, `key_ops` and its kind say for what it serves.
    pub public_key_use: Option<&'a str>,
}

impl JwkSet {
    /// Reads a set as JSON text of at most 1 MiB.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] when the text is no JSON object with a list `keys`, or a longer one, or the list has more
    /// than 1000 keys.
    pub fn from_json(text: &str) -> Result<Self> {
        if text.len() > LONGEST_SET {
            return Err(malformed("the text of a set has at most 1 MiB").into());
        }
        let members = json_object(text.as_bytes()).map_err(malformed)?;
        Self::from_dict(&members)
    }

    /// Reads a set from the members of its JSON object. Other members than `keys` are ignored.
    ///
    /// # Errors
    /// As [`JwkSet::from_json`].
    pub fn from_dict(members: &Map<String, Value>) -> Result<Self> {
        let keys = match members.get("keys") {
            Some(Value::Array(keys)) => keys,
            Some(other) => {
                return Err(malformed(format!("\"keys\" must be a list, not {}", json_kind(other))).into());
            }
            None => return Err(malformed("the member \"keys\" is missing").into()),
        };
        check_number(keys.len())?;
        let mut set = Self { keys: Vec::with_capacity(keys.len()), skipped: Vec::new() };
        for (index, key) in keys.iter().enumerate() {
            match read(key) {
                Ok(key) => set.keys.push(key),
                Err(reason) => {
                    let text = |name| key.get(name).and_then(Value::as_str).map(str::to_owned);
                    let (key_id, key_type) = (text("kid"), text("kty"));
                    set.skipped.push(SkippedKey { index, key_id, key_type, reason });
                }
            }
        }
        Ok(set)
    }

    /// A set of these keys.
    ///
    /// # Errors
    /// [`Error::Validation`] for more than 1000 keys.
    pub fn new(keys: Vec<Jwk>) -> Result<Self> {
        check_number(keys.len()).map_err(|error| Error::validation(error.to_string()))?;
        Ok(Self { keys, skipped: Vec::new() })
    }

    /// The one key that fits the question. The name of a key is opaque text and compared exactly; a key without a name
    /// is found only where no name is asked for. A key that names no algorithm fits every one that works with its
    /// type and curve, unless its `use` or `key_ops` forbid it.
    ///
    /// There is no second choice: when several keys fit, as two of the same name that work with the same algorithm
    /// do, none is found. A skipped key of the same name and type counts as one of them.
    ///
    /// # Errors
    /// [`KeyError::NotFound`] when no key fits, and when several do.
    pub fn find(&self, query: &KeyQuery<'_>) -> Result<&Jwk> {
        let mut fitting = self.keys.iter().filter(|key| query.fits(key));
        let key = fitting
            .next()
            .ok_or_else(|| KeyError::NotFound("no key of the set is the one that is asked for".into()))?;
        if fitting.next().is_some() || self.skipped.iter().any(|skipped| skipped.is_named_as(key, query)) {
            return Err(KeyError::NotFound(
                "several keys of the set could be the one that is asked for; name its id, its algorithm or its use"
                    .into(),
            )
            .into());
        }
        Ok(key)
    }

    /// The keys that can be used, in the order of the set.
    pub fn iter(&self) -> std::slice::Iter<'_, Jwk> {
        self.keys.iter()
    }

    /// How many keys can be used.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key can be used.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys that cannot be used.
    pub fn skipped(&self) -> &[SkippedKey] {
        &self.skipped
    }

    /// The members of the set of all public halves, to be published.
    ///
    /// # Errors
    /// [`KeyError::WrongKind`] when the set has a symmetric key, which has no public half.
    pub fn to_dict(&self) -> Result<Map<String, Value>> {
        Ok(as_set(self.keys.iter().map(Jwk::to_dict).collect::<Result<_>>()?))
    }

    /// The members of the set with all that is known of each key, secrets included.
    pub fn to_private_dict(&self) -> Map<String, Value> {
        as_set(self.keys.iter().map(Jwk::all_members).collect())
    }
}

impl<'a> IntoIterator for &'a JwkSet {
    type Item = &'a Jwk;
    type IntoIter = std::slice::Iter<'a, Jwk>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl SkippedKey {
    fn is_named_as(&self, key: &Jwk, query: &KeyQuery<'_>) -> bool {
        query.key_id.is_some()
            && self.key_id.as_deref() == query.key_id
            && self.key_type.as_deref() == Some(key.key_type())
    }
}

impl KeyQuery<'_> {
    fn fits(&self, key: &Jwk) -> bool {
        let has_name = self.key_id.is_none_or(|name| key.key_id() == Some(name));
        let has_use = self.public_key_use.is_none_or(|name| serves_for(key, name));
        has_name && has_use && self.algorithm.is_none_or(|name| works_with(key, name))
    }
}

/// Whether the key could be used with the algorithm, in one direction at least.
fn works_with(key: &Jwk, name: &str) -> bool {
    let allows = |operations: [Operation; 2]| {
        operations.into_iter().any(|operation| check_use(key, &[name], operation).is_ok())
    };
    if let Ok(algorithm) = name.parse::<Algorithm>() {
        algorithm.takes(key.material()) && allows([Operation::Verify, Operation::Sign])
    } else if let Ok(algorithm) = name.parse::<KeyManagement>() {
        algorithm.takes(key.material()) && allows(algorithm.operations())
    } else {
        key.algorithm() == Some(name)
    }
}

fn read(key: &Value) -> Result<Jwk> {
    let members = key.as_object().ok_or_else(|| {
        KeyError::Malformed(format!("JWK: an object is required, not {}", json_kind(key)).into())
    })?;
    Jwk::from_dict(members)
}

fn as_set(keys: Vec<Map<String, Value>>) -> Map<String, Value> {
    Map::from_iter([("keys".to_owned(), keys.into())])
}

fn check_number(keys: usize) -> Result<(), KeyError> {
    if keys > MOST_KEYS { Err(malformed("a set has at most 1000 keys")) } else { Ok(()) }
}

fn malformed(reason: impl std::fmt::Display) -> KeyError {
    KeyError::Malformed(format!("JWK Set: {reason}").into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::jws::{Unverified, VerifyingKey};

    /// Cases that are refused by the policy of the suite and hold here, with the reason.
    const ACCEPTED: [(u64, &str); 1] =
        [(1, "a set may hold keys of several types (RFC 7517 section 5); the algorithm belongs to the key")];

    #[test]
    fn wycheproof_agrees() {
        let Some(vectors) = crate::test_vectors::read("jose/json_web_key_test.json") else { return };
        let mut seen = 0;
        for group in vectors["testGroups"].as_array().unwrap() {
            let set = group.get("public").unwrap_or(&group["private"]).as_object().unwrap();
            for case in group["tests"].as_array().unwrap() {
                let id = case["tcId"].as_u64().unwrap();
                let accepted = ACCEPTED.iter().any(|(accepted, _)| *accepted == id);
                let expected = case["result"] == "valid" || accepted;
                assert_eq!(
                    verifies(set, case["jws"].as_str().unwrap()),
                    expected,
                    "case {id}: {}",
                    case["comment"]
                );
                seen += 1;
            }
        }
        assert_eq!(seen, 26);
    }

    fn verifies(set: &Map<String, Value>, token: &str) -> bool {
        let Ok(set) = JwkSet::from_dict(set) else { return false };
        let Ok(unverified) = Unverified::parse(token) else { return false };
        let query = KeyQuery { key_id: unverified.header().key_id(), ..KeyQuery::default() };
        let Ok(key) = set.find(&query) else { return false };
        let name = key.algorithm().unwrap_or(unverified.header().algorithm()).to_owned();
        name.parse()
            .and_then(|algorithm| VerifyingKey::new(algorithm, key))
            .and_then(|key| unverified.verify(&key))
            .is_ok()
    }
}
