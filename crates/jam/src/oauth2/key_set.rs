//! The keys that an issuer signs with (RFC 7517), ready for use.

use super::http::{Answer, Call, Limits, Request};
use super::token::{invalid, is_success, object};
use crate::jose::jws::{Algorithm, Header, Unverified, Verified, VerifyingKey};
use crate::jose::{Jwk, JwkSet};
use crate::{JwtError, Result};

/// The published keys, each prepared for every algorithm that it works with.
pub(super) struct KeySet {
    keys: Vec<VerifyingKey>,
}

/// The request for the set at an address of the issuer's metadata.
pub(super) fn request(url: url::Url, limits: Limits) -> Request<KeySet> {
    let call = Call { accept: "application/jwk-set+json, application/json", ..Call::get(url, limits) };
    Request { call, parse: Box::new(|answer| parse(&answer)) }
}

fn parse(answer: &Answer) -> Result<KeySet> {
    if !is_success(answer.status) {
        return Err(invalid(format!("the issuer's keys came with status {}", answer.status)));
    }
    let set = JwkSet::from_dict(&object(answer, &[])?);
    let set = set.map_err(|error| invalid(format!("the issuer's keys cannot be read: {error}")))?;
    let keys: Vec<_> = set.iter().flat_map(verifying_keys).collect();
    if keys.is_empty() {
        return Err(invalid("the issuer publishes no key that signatures can be checked with"));
    }
    Ok(KeySet { keys })
}

/// A secret is never among published keys: whoever finds one there may sign with it, too.
fn verifying_keys(key: &Jwk) -> impl Iterator<Item = VerifyingKey> {
    let algorithms = Algorithm::all().filter(|algorithm| !algorithm.is_symmetric());
    algorithms.filter_map(|algorithm| VerifyingKey::new(algorithm, key).ok())
}

impl KeySet {
    /// Whether a key could be the one that signed below this header.
    pub(super) fn has_key_for(&self, header: &Header) -> bool {
        self.keys.iter().any(|key| is_named(key, header))
    }

    /// The token, if one of the keys signed it.
    pub(super) fn verify(&self, token: Unverified<'_>) -> Result<Verified, JwtError> {
        if !self.has_key_for(token.header()) {
            return Err(JwtError::UnsupportedAlgorithm(
                "the issuer publishes no key of the name and the algorithm that the token names".into(),
            ));
        }
        token.verify(&self.keys).map_err(|error| match error {
            crate::Error::Jwt(error) => error,
            _ => JwtError::InvalidSignature,
        })
    }
}

/// A token that names no key may be of any that fits its algorithm.
fn is_named(key: &VerifyingKey, header: &Header) -> bool {
    key.algorithm().name() == header.algorithm()
        && header.key_id().is_none_or(|name| key.key_id().is_none_or(|own| own == name))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::jose::NewKey;
    use crate::jose::jws::{SigningKey, sign};

    fn read(keys: Value) -> Result<KeySet> {
        let body = json!({"keys": keys}).to_string().into_bytes();
        parse(&Answer { status: 200, media_type: "application/json".into(), body })
    }

    fn key(name: &str) -> Jwk {
        Jwk::generate(NewKey::EcP256).unwrap().with_key_id(name)
    }

    fn token(key: &Jwk) -> String {
        sign(b"{}", &serde_json::Map::new(), &SigningKey::new(Algorithm::Es256, key).unwrap()).unwrap()
    }

    #[test]
    fn a_bad_key_does_not_make_the_others_useless() {
        // attack 46
        let good = key("good");
        let keys = json!([{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}, 7, good.to_dict().unwrap()]);
        let set = read(keys).unwrap();
        let text = token(&good);
        let unverified = Unverified::parse(&text).unwrap();
        assert!(set.has_key_for(unverified.header()));
        assert!(set.verify(unverified).is_ok());
    }

    #[test]
    fn a_key_of_another_name_or_another_key_of_the_name_verifies_nothing() {
        let (ours, other) = (key("1"), key("2"));
        let set = read(json!([ours.to_dict().unwrap()])).unwrap();
        let text = token(&other);
        assert!(!set.has_key_for(Unverified::parse(&text).unwrap().header()));
        assert!(matches!(
            set.verify(Unverified::parse(&text).unwrap()),
            Err(JwtError::UnsupportedAlgorithm(_))
        ));
        let text = token(&other.with_key_id("1"));
        assert_eq!(set.verify(Unverified::parse(&text).unwrap()).unwrap_err(), JwtError::InvalidSignature);
    }

    #[test]
    fn a_published_secret_is_no_key() {
        let secret = json!([{"kty": "oct", "k": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}]);
        assert_eq!(read(secret).map(|_| ()).unwrap_err().code(), "oauth2.invalid_response");
    }
}
