//! Keys wrapped with another key, by the operation `pie`.

use super::{Parsed, header, invalid, open, secret_type, unknown_type};
use crate::Result;
use crate::crypto::random_bytes;
use crate::encoding::base64url_encode;
use crate::paseto::suite::MessageKeys;
use crate::paseto::{Key, KeyType, Version};

const NONCE: usize = 32;

/// Wraps a local or private key with a local key of the same version: type `local-wrap.pie` or `secret-wrap.pie`.
///
/// # Errors
/// [`PasetoError::InvalidPaserk`](crate::PasetoError::InvalidPaserk) for a public key, which is no secret; when the
/// wrapping key is not local, or of another version.
pub fn wrap(key: &Key, wrapping_key: &Key) -> Result<String> {
    wrap_with_nonce(key, wrapping_key, &random_bytes::<NONCE>())
}

pub(in crate::paseto) fn wrap_with_nonce(
    key: &Key,
    wrapping_key: &Key,
    nonce: &[u8; NONCE],
) -> Result<String> {
    let header = header(key.version(), &format!("{}-wrap.pie", secret_type(key)?.name()));
    let keys = wrapping_keys(key.version(), wrapping_key, nonce)?;
    let ciphertext = keys.applied(key.data());
    let tag = keys.tag(&[header.as_bytes(), nonce, &ciphertext]);
    Ok(header + &base64url_encode([tag.as_ref(), nonce, &ciphertext].concat()))
}

/// Opens what [`wrap`] makes, with the same wrapping key.
///
/// # Errors
/// [`PasetoError::InvalidPaserk`](crate::PasetoError::InvalidPaserk) when the text is no key that is wrapped like
/// that, is of another version than the wrapping key, or was not made with it.
pub fn unwrap(paserk: &str, wrapping_key: &Key) -> Result<Key> {
    let parsed = Parsed::read(paserk)?;
    let key_type = match parsed.kind {
        "local-wrap.pie" => KeyType::Local,
        "secret-wrap.pie" => KeyType::Secret,
        _ => return Err(unknown_type("local-wrap.pie or secret-wrap.pie")),
    };
    let suite = parsed.version.suite();
    let (tag, rest) = parsed.split_at(&parsed.data, suite.tag_length())?;
    let (nonce, ciphertext) = parsed.split_at(rest, NONCE)?;
    let keys = wrapping_keys(parsed.version, wrapping_key, nonce)?;
    let key = open(&keys, &[parsed.header.as_bytes(), nonce], ciphertext, tag)?;
    Ok(Key::from_data(parsed.version, key_type, &key)?)
}

fn wrapping_keys(version: Version, wrapping_key: &Key, nonce: &[u8]) -> Result<MessageKeys> {
    if wrapping_key.version() != version {
        return Err(invalid("the wrapping key is of another version"));
    }
    let bytes = wrapping_key.local_bytes().ok_or_else(|| invalid("a key is wrapped with a local key"))?;
    Ok(version.suite().wrapping_keys(bytes, nonce))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{changes, refused, secrets, wrapping};
    use super::*;
    use crate::paseto::{Purpose, testing};

    #[test]
    fn a_wrapped_key_opens_with_its_wrapping_key_only() {
        // attack 47
        for key in secrets() {
            let (version, wrapping_key) = (key.version(), wrapping(key.version()));
            let wrapped = wrap(&key, &wrapping_key).unwrap();
            assert_ne!(wrapped, wrap(&key, &wrapping_key).unwrap()); // attack 44
            let opened = unwrap(&wrapped, &wrapping_key).unwrap();
            assert_eq!((opened.id(), opened.key_type()), (key.id(), key.key_type()));
            assert!(refused(unwrap(&wrapped, &Key::generate(version, Purpose::Local))));
            for other in Version::ALL.into_iter().filter(|other| *other != version) {
                assert!(refused(wrap(&key, &wrapping(other))));
                assert!(refused(unwrap(&wrapped, &wrapping(other))));
                let renamed = wrapped.replacen(version.paserk(), other.paserk(), 1);
                assert!(refused(unwrap(&renamed, &wrapping(other))), "{renamed}");
            }
            let renamed = match key.key_type() {
                KeyType::Local => wrapped.replacen("local-", "secret-", 1),
                _ => wrapped.replacen("secret-", "local-", 1),
            };
            assert!(refused(unwrap(&renamed, &wrapping_key)), "{renamed}");
            for changed in changes(&wrapped) {
                assert!(refused(unwrap(&changed, &wrapping_key)), "{changed}");
            }
            assert!(refused(wrap(&key, &testing::key(version, Purpose::Public))));
        }
    }

    #[test]
    fn a_public_key_is_not_wrapped_as_if_it_were_secret() {
        for version in Version::ALL {
            let public = testing::key(version, Purpose::Public).public().unwrap();
            assert!(refused(wrap(&public, &wrapping(version))));
            assert!(refused(wrap(&wrapping(version), &public)));
        }
    }
}
