//! New keys.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rsa::{KeyPair, KeySize};

use super::ecdsa::{self, Curve};
use super::key_encoding::KeyMaterial;
#[cfg(feature = "ml-dsa")]
use super::ml_dsa;
use super::{ed25519, random_bytes, warm_up, x25519};
use crate::secret::Secret;
use crate::{Error, Result};

/// An RSA key of 2048, 3072, 4096 or 8192 bits with the exponent 65537.
pub(crate) fn rsa(bits: u32) -> Result<KeyMaterial> {
    let size = match bits {
        2048 => KeySize::Rsa2048,
        3072 => KeySize::Rsa3072,
        4096 => KeySize::Rsa4096,
        8192 => KeySize::Rsa8192,
        _ => return Err(Error::validation("an RSA key has 2048, 3072, 4096 or 8192 bits")),
    };
    warm_up();
    let pair = KeyPair::generate(size).map_err(no_randomness)?;
    let der = pair.as_der().map_err(no_randomness)?;
    Ok(KeyMaterial::from_pkcs8(der.as_ref())?)
}

/// A key on an elliptic curve.
pub(crate) fn elliptic_curve(curve: Curve) -> Result<KeyMaterial> {
    warm_up();
    let (private, public) = ecdsa::generate(curve).ok_or_else(|| no_randomness(Unspecified))?;
    Ok(KeyMaterial::Ec { curve, public, private: Some(private) })
}

/// An Ed25519 key.
pub(crate) fn ed25519() -> Result<KeyMaterial> {
    let seed = random_bytes::<{ ed25519::KEY_LENGTH }>();
    let public = ed25519::PrivateKey::from_seed(seed.as_slice())?.public_key_bytes().to_vec();
    Ok(KeyMaterial::Ed25519 { public, private: Some(Secret::from(seed.as_slice())) })
}

/// An X25519 key.
pub(crate) fn x25519() -> Result<KeyMaterial> {
    let private = random_bytes::<{ x25519::KEY_LENGTH }>();
    let public = x25519::public_key(private.as_slice())?.to_vec();
    Ok(KeyMaterial::X25519 { public, private: Some(Secret::from(private.as_slice())) })
}

/// An ML-DSA key.
#[cfg(feature = "ml-dsa")]
pub(crate) fn ml_dsa(parameters: ml_dsa::ParameterSet) -> Result<KeyMaterial> {
    let seed = random_bytes::<{ ml_dsa::SEED_LENGTH }>();
    let public = ml_dsa::PrivateKey::from_seed(parameters, seed.as_slice())?.public_key_bytes().to_vec();
    Ok(KeyMaterial::MlDsa { parameters, public, private: Some(Secret::from(seed.as_slice())) })
}

fn no_randomness(_: Unspecified) -> Error {
    Error::validation("the operating system gives no randomness for a key")
}
