//! Local keys sealed to a public key.

use std::fmt;

use super::{Parsed, does_not_open, header, invalid, open, unknown_type};
use crate::Result;
use crate::encoding::base64url_encode;
use crate::paseto::key::{Half, read_material};
use crate::paseto::primitive::{Seal, Unseal};
use crate::paseto::{Key, KeySource, KeyType, Version};

const LOCAL_KEY: usize = 32;

/// A public key to which local keys are sealed: RSA of 4096 bits for version 1, P-384 for version 3, Ed25519 or X25519 for
/// versions 2 and 4.
///
/// A key pair that seals should not sign tokens, too. For version 1 it cannot: keys that sign have 2048 bits.
pub struct SealingKey {
    version: Version,
    key: Box<dyn Seal>,
}

/// The private key of a [`SealingKey`].
pub struct UnsealingKey {
    version: Version,
    key: Box<dyn Unseal>,
}

impl SealingKey {
    /// Reads a public key in one of the forms of [`KeySource`].
    ///
    /// # Errors
    /// [`PasetoError`](crate::PasetoError), the one of the version's keys, when it is no public key of its kind and size.
    pub fn read(version: Version, key: &KeySource) -> Result<Self> {
        let asymmetric = version.asymmetric();
        let material = read_material(version, key, Half::Public)?;
        let key = asymmetric.sealing(&material);
        let key = key.map_err(|error| asymmetric.refuse(error.to_string().into()))?;
        Ok(Self { version, key })
    }
}

impl UnsealingKey {
    /// Reads a private key in one of the forms of [`KeySource`].
    ///
    /// # Errors
    /// [`PasetoError`](crate::PasetoError), the one of the version's keys, when it is no private key of its kind and size.
    pub fn read(version: Version, key: &KeySource) -> Result<Self> {
        let asymmetric = version.asymmetric();
        let material = read_material(version, key, Half::Private)?;
        let key = asymmetric.unsealing(&material);
        let key = key.map_err(|error| asymmetric.refuse(error.to_string().into()))?;
        Ok(Self { version, key })
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SealingKey({}.seal)", self.version.paserk())
    }
}

impl fmt::Debug for UnsealingKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "UnsealingKey({}.seal.[redacted])", self.version.paserk())
    }
}

/// Seals a local key to a public key of the same version: type `seal`. Only the holder of the private key can open it.
///
/// ```
/// use jam::paseto::paserk::{self, SealingKey, UnsealingKey};
/// use jam::paseto::{Key, Purpose, Version};
///
/// let pair = jam::keygen::generate_ed25519_keypair()?;
/// let key = Key::generate(Version::V4, Purpose::Local);
/// let sealed = paserk::seal(&key, &SealingKey::read(Version::V4, &pair.public.as_str().into())?)?;
/// assert!(sealed.starts_with("k4.seal."));
///
/// let opened = paserk::unseal(&sealed, &UnsealingKey::read(Version::V4, &pair.private.into())?)?;
/// assert_eq!(opened.id(), key.id());
/// # Ok::<(), jam::Error>(())
/// ```
///
/// # Errors
/// [`PasetoError::InvalidPaserk`](crate::PasetoError::InvalidPaserk) when the key is not local, or the two are of
/// different versions.
pub fn seal(key: &Key, sealing_key: &SealingKey) -> Result<String> {
    if sealing_key.version != key.version() {
        return Err(invalid("the sealing key is of another version"));
    }
    let bytes =
        key.local_bytes().ok_or_else(|| invalid("only a local key is sealed; a private one is wrapped"))?;
    let header = header(key.version(), "seal");
    let (encapsulated, keys) = sealing_key
        .key
        .encapsulate(header.as_bytes())
        .ok_or_else(|| invalid("the operating system gives no randomness to seal with"))?;
    let ciphertext = keys.applied(bytes);
    let tag = keys.tag(&[header.as_bytes(), &encapsulated, &ciphertext]);
    let data = match key.version() {
        Version::V1 => [tag.as_ref(), &ciphertext, &encapsulated].concat(),
        _ => [tag.as_ref(), &encapsulated, &ciphertext].concat(),
    };
    Ok(header + &base64url_encode(data))
}

/// Opens what [`seal`] makes, with the private key it was sealed to.
///
/// # Errors
/// [`PasetoError::InvalidPaserk`](crate::PasetoError::InvalidPaserk) when the text is no sealed key, is of another
/// version, or was sealed to another key.
pub fn unseal(paserk: &str, unsealing_key: &UnsealingKey) -> Result<Key> {
    let parsed = Parsed::read(paserk)?;
    if parsed.kind != "seal" {
        return Err(unknown_type("seal"));
    }
    if unsealing_key.version != parsed.version {
        return Err(invalid("the private key is of another version than the sealed key"));
    }
    let (tag, rest) = parsed.split_at(&parsed.data, parsed.version.suite().tag_length())?;
    let (encapsulated, ciphertext) = match parsed.version {
        Version::V1 => {
            let (ciphertext, encapsulated) = parsed.split_at(rest, LOCAL_KEY)?;
            (encapsulated, ciphertext)
        }
        _ => parsed.split_at(rest, rest.len().saturating_sub(LOCAL_KEY))?,
    };
    let keys =
        unsealing_key.key.decapsulate(parsed.header.as_bytes(), encapsulated).ok_or_else(does_not_open)?;
    let key = open(&keys, &[parsed.header.as_bytes(), encapsulated], ciphertext, tag)?;
    Ok(Key::from_data(parsed.version, KeyType::Local, &key)?)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{changes, refused, wrapping};
    use super::*;
    use crate::paseto::Purpose;
    use crate::paseto::suite::Suite;
    use crate::paseto::testing::*;

    /// One key pair to seal with for each version, as PEM.
    fn sealing_pair(version: Version) -> crate::keygen::KeyPair {
        match version {
            Version::V1 => crate::keygen::generate_rsa_key_pair(4096),
            Version::V2 | Version::V4 => crate::keygen::generate_ed25519_keypair(),
            Version::V3 => crate::keygen::generate_ecdsa_p384_keypair(),
        }
        .unwrap()
    }

    fn sealing_keys(version: Version) -> (SealingKey, UnsealingKey) {
        let pair = sealing_pair(version);
        let public = SealingKey::read(version, &pair.public.into()).unwrap();
        (public, UnsealingKey::read(version, &pair.private.into()).unwrap())
    }

    #[test]
    fn a_sealed_key_opens_with_its_private_key_only() {
        // attack 47
        let keys: Vec<_> = Version::ALL.map(|version| (version, sealing_keys(version))).into();
        for (version, (sealing, unsealing)) in &keys {
            let (key, pair) = (wrapping(*version), key(*version, Purpose::Public));
            let sealed = seal(&key, sealing).unwrap();
            assert!(sealed.starts_with(&format!("{}.seal.", version.paserk())));
            assert_ne!(sealed, seal(&key, sealing).unwrap()); // attack 44
            assert_eq!(unseal(&sealed, unsealing).unwrap().id(), key.id());
            for changed in changes(&sealed).iter().step_by(if *version == Version::V1 { 40 } else { 1 }) {
                assert!(refused(unseal(changed, unsealing)), "{changed}");
            }
            for (other, (other_sealing, other_unsealing)) in &keys {
                if other != version {
                    assert!(refused(seal(&key, other_sealing)));
                    assert!(refused(unseal(&sealed, other_unsealing)));
                    let renamed = sealed.replacen(version.paserk(), other.paserk(), 1);
                    assert!(refused(unseal(&renamed, other_unsealing)), "{renamed}");
                }
            }
            assert!(refused(seal(&pair, sealing)));
        }
        for version in [Version::V2, Version::V3, Version::V4] {
            let sealed = seal(&wrapping(version), &sealing_keys(version).0).unwrap();
            assert!(refused(unseal(&sealed, &sealing_keys(version).1)));
        }
    }

    #[test]
    fn a_sealed_key_whose_shared_secret_everybody_knows_does_not_open() {
        // attack 40: a point of small order makes zeros of every private key
        let unsealing = UnsealingKey::read(Version::V4, &SECRET.into()).unwrap();
        for ephemeral in [[0; 32], {
            let mut one = [0; 32];
            one[0] = 1;
            one
        }] {
            assert!(unsealing.key.decapsulate(b"k4.seal.", &ephemeral).is_none());
        }
        let text = format!("k4.seal.{}", base64url_encode([0; 96]));
        assert!(refused(unseal(&text, &unsealing)));
        let unsealing = UnsealingKey::read(Version::V3, &P384_SECRET.into()).unwrap();
        for ephemeral in [[0; 49], [2; 49], [4; 49], [0xff; 49]] {
            assert!(unsealing.key.decapsulate(b"k3.seal.", &ephemeral).is_none());
        }
    }

    #[test]
    fn keys_that_seal_are_of_the_kind_and_half_that_is_asked_for() {
        // attack 47
        let pairs: Vec<_> = Version::ALL.map(|version| (version, sealing_pair(version))).into();
        let small = (RSA_PUBLIC, RSA);
        for version in Version::ALL {
            let expected = match version {
                Version::V1 => "paseto.invalid_rsa_key",
                Version::V2 | Version::V4 => "paseto.invalid_ed25519_key",
                Version::V3 => "paseto.invalid_secp384r1_key",
            };
            let sealing = |key: &str| SealingKey::read(version, &key.into()).map_err(|error| error.code());
            let unsealing =
                |key: &str| UnsealingKey::read(version, &key.into()).map_err(|error| error.code());
            for (other, pair) in &pairs {
                let fits =
                    *other == version || (other.suite() == Suite::Sodium && version.suite() == Suite::Sodium);
                assert_eq!(sealing(&pair.public).is_ok(), fits, "{version} {other}");
                assert_eq!(unsealing(pair.private.expose()).is_ok(), fits, "{version} {other}");
                assert_eq!(sealing(pair.private.expose()).unwrap_err(), expected);
                assert_eq!(unsealing(&pair.public).unwrap_err(), expected);
            }
            for key in [small.0, SHARED, "", "secret", &wrapping(version).to_paserk().expose().clone()] {
                if key != SHARED || version.suite() == Suite::Nist {
                    assert_eq!(sealing(key).unwrap_err(), expected, "{version} {key}");
                }
            }
            assert_eq!(unsealing(small.1).unwrap_err(), expected);
        }
    }

    #[test]
    fn an_ed25519_key_and_its_x25519_key_are_one_to_seal_with() {
        use crate::crypto::ed25519;
        use crate::crypto::key_encoding::KeyMaterial;
        let seed = hex(&SECRET[..64]);
        let private = ed25519::to_x25519_private_key(&seed).to_vec();
        let public = crate::crypto::x25519::public_key(&private).unwrap().to_vec();
        let x25519 = KeyMaterial::X25519 { public, private: Some(private.into()) };
        for version in [Version::V2, Version::V4] {
            let key = wrapping(version);
            let private = x25519.to_private_pem(None).unwrap().unwrap();
            let of_x25519 = UnsealingKey::read(version, &private.into()).unwrap();
            let of_ed25519 = UnsealingKey::read(version, &SECRET.into()).unwrap();
            let to_x25519 = SealingKey::read(version, &x25519.to_public_pem().unwrap().into()).unwrap();
            let to_ed25519 = SealingKey::read(version, &PUBLIC.into()).unwrap();
            assert_eq!(unseal(&seal(&key, &to_ed25519).unwrap(), &of_x25519).unwrap().id(), key.id());
            assert_eq!(unseal(&seal(&key, &to_x25519).unwrap(), &of_ed25519).unwrap().id(), key.id());
        }
    }

    #[test]
    fn debug_shows_no_key() {
        // attack 74
        let (sealing, unsealing) = sealing_keys(Version::V4);
        assert_eq!(
            format!("{sealing:?} {unsealing:?}"),
            "SealingKey(k4.seal) UnsealingKey(k4.seal.[redacted])"
        );
    }
}
