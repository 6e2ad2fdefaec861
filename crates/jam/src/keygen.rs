//! New random keys, in the forms that Jam's configuration reads.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use zeroize::Zeroizing;

use crate::crypto::ecdsa::Curve;
use crate::crypto::key_encoding::KeyMaterial;
use crate::crypto::key_generation;
use crate::crypto::{random, random_bytes};
use crate::encoding::base64url_encode;
use crate::otp::SharedSecret;
use crate::secret::Secret;
use crate::{Error, Result};

/// A key pair as PEM text.
#[derive(Clone, Debug)]
pub struct KeyPair {
    /// The private key: PKCS#8, `PRIVATE KEY`, not encrypted.
    pub private: Secret<String>,
    /// The public key: SubjectPublicKeyInfo, `PUBLIC KEY`.
    pub public: String,
}

/// A key for encrypted sessions: 32 bytes as url-safe base64 with padding, 44 characters.
///
/// ```
/// assert_eq!(jam::keygen::generate_aes_key().expose().len(), 44);
/// ```
pub fn generate_aes_key() -> Secret<String> {
    URL_SAFE.encode(random_bytes::<32>().as_slice()).into()
}

/// A shared key of `length` bytes (16 to 1024) as base64url without padding: 32 for v4.local, 32, 48 or 64 for
/// HS256, HS384 and HS512.
///
/// ```
/// let key = jam::keygen::generate_symmetric_key(32)?;
/// assert_eq!(key.expose().len(), 43);
/// # Ok::<(), jam::Error>(())
/// ```
///
/// # Errors
/// [`Error::Validation`] for another length.
pub fn generate_symmetric_key(length: usize) -> Result<Secret<String>> {
    if !(16..=1024).contains(&length) {
        return Err(Error::validation("a shared key has from 16 to 1024 bytes"));
    }
    let mut key = Zeroizing::new(vec![0; length]);
    random(&mut key);
    Ok(base64url_encode(&*key).into())
}

/// A secret of `bits` random bits for one-time passwords, rounded up to bytes: base32 without padding. RFC 4226
/// section 4 asks for 128 bits at least and recommends 160.
///
/// ```
/// assert_eq!(jam::keygen::generate_otp_key(160)?.expose().len(), 32);
/// # Ok::<(), jam::Error>(())
/// ```
///
/// # Errors
/// [`Error::Validation`] for less than 80 or more than 4096 bits.
pub fn generate_otp_key(bits: usize) -> Result<Secret<String>> {
    if !(80..=4096).contains(&bits) {
        return Err(Error::validation("a secret for one-time passwords has from 80 to 4096 bits"));
    }
    let mut bytes = Zeroizing::new(vec![0; bits.div_ceil(8)]);
    random(&mut bytes);
    Ok(SharedSecret::from_bytes(&bytes)?.to_base32().into())
}

/// An RSA key pair of 2048, 3072, 4096 or 8192 bits. It takes from a tenth of a second to many seconds.
///
/// # Errors
/// [`Error::Validation`] for another size.
pub fn generate_rsa_key_pair(bits: u32) -> Result<KeyPair> {
    pem_pair(&key_generation::rsa(bits)?)
}

/// An Ed25519 key pair, for EdDSA and v4.public.
///
/// ```
/// let pair = jam::keygen::generate_ed25519_keypair()?;
/// assert!(pair.private.expose().starts_with("-----BEGIN PRIVATE KEY-----\n"));
/// assert!(pair.public.starts_with("-----BEGIN PUBLIC KEY-----\n"));
/// # Ok::<(), jam::Error>(())
/// ```
///
/// # Errors
/// [`Error::Validation`] when the operating system gives no randomness.
pub fn generate_ed25519_keypair() -> Result<KeyPair> {
    pem_pair(&key_generation::ed25519()?)
}

/// An ECDSA key pair on P-384, for ES384.
///
/// # Errors
/// [`Error::Validation`] when the operating system gives no randomness.
pub fn generate_ecdsa_p384_keypair() -> Result<KeyPair> {
    pem_pair(&key_generation::elliptic_curve(Curve::P384)?)
}

fn pem_pair(key: &KeyMaterial) -> Result<KeyPair> {
    let private = key.to_private_pem(None)?.ok_or_else(|| Error::validation("a new key is private"))?;
    Ok(KeyPair { private, public: key.to_public_pem()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_belong_together() {
        let ed25519 = generate_ed25519_keypair().unwrap();
        let private = KeyMaterial::from_pem(ed25519.private.expose(), None).unwrap();
        let public = KeyMaterial::from_pem(&ed25519.public, None).unwrap();
        match (private, public) {
            (
                KeyMaterial::Ed25519 { public: derived, private: Some(_) },
                KeyMaterial::Ed25519 { public, private: None },
            ) => assert_eq!(derived, public),
            other => panic!("{other:?}"),
        }
        let p384 = generate_ecdsa_p384_keypair().unwrap();
        assert!(matches!(KeyMaterial::from_pem(p384.private.expose(), None), Ok(KeyMaterial::Ec { .. })));
        let rsa = generate_rsa_key_pair(2048).unwrap();
        assert!(matches!(KeyMaterial::from_pem(&rsa.public, None), Ok(KeyMaterial::Rsa { .. })));
        assert!(matches!(
            KeyMaterial::from_pem(rsa.private.expose(), None),
            Ok(KeyMaterial::Rsa { private: Some(_), .. })
        ));
    }

    #[test]
    fn weak_sizes_are_refused() {
        // attack 10
        for bits in [0, 512, 1024, 2047, 16384, u32::MAX] {
            assert!(generate_rsa_key_pair(bits).is_err(), "{bits}");
        }
        assert!(generate_symmetric_key(8).is_err() && generate_symmetric_key(usize::MAX).is_err());
        assert!(generate_otp_key(79).is_err() && generate_otp_key(usize::MAX).is_err());
    }

    #[test]
    fn two_keys_differ_and_debug_hides_them() {
        assert_ne!(generate_aes_key().expose(), generate_aes_key().expose());
        let pair = generate_ed25519_keypair().unwrap();
        assert!(!format!("{pair:?}").contains("PRIVATE"));
    }
}
