//! Version 3, of algorithms that NIST has approved. Local: AES-256-CTR, authenticated with HMAC-SHA-384. Public: ECDSA
//! on P-384. Sealed keys: ECDH on P-384.

use zeroize::Zeroizing;

use super::primitive::{Asymmetric, KeyPair, Seal, Sign, Unseal, Verify};
use super::suite::{EncryptThenMac, MessageKeys, Suite};
use crate::crypto::ecdh::{self, Group};
use crate::crypto::ecdsa::{self, Curve, Point};
use crate::crypto::hkdf::Hkdf;
use crate::crypto::key_encoding::KeyMaterial;
use crate::crypto::{Hash, ecdsa_p384, key_generation, sha384};
use crate::secret::Secret;
use crate::{KeyError, PasetoError, Reason};

/// The key of v3.local.
pub(super) struct LocalKey(Hkdf);

impl LocalKey {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(Hkdf::extract(Hash::Sha384, b"", key))
    }
}

impl EncryptThenMac for LocalKey {
    const SUITE: Suite = Suite::Nist;

    fn split(&self, nonce: &[u8; 32]) -> MessageKeys {
        let derived = self.0.expand([b"paseto-encryption-key", nonce]);
        let authentication = self.0.expand([b"paseto-auth-key-for-aead", nonce]);
        let (encryption, counter) = derived.as_ref().split_at(32);
        MessageKeys::nist(encryption, counter, authentication.as_ref())
    }
}

/// The key pairs of v3.public.
pub(super) struct P384;

impl Asymmetric for P384 {
    fn refuse(&self, reason: Reason) -> PasetoError {
        PasetoError::InvalidP384Key(reason)
    }

    fn lengths(&self) -> &'static [usize] {
        &[ecdsa_p384::PRIVATE_KEY_LENGTH, ecdsa_p384::PUBLIC_KEY_LENGTH]
    }

    fn generate(&self) -> Option<KeyMaterial> {
        key_generation::elliptic_curve(Curve::P384).ok()
    }

    fn read_secret(&self, data: &[u8]) -> Result<KeyMaterial, KeyError> {
        let public = ecdsa_p384::PrivateKey::new(data)?.public_key();
        Ok(KeyMaterial::Ec { curve: Curve::P384, public, private: Some(Secret::from(data)) })
    }

    fn read_public(&self, data: &[u8]) -> Result<KeyMaterial, KeyError> {
        let public = ecdsa_p384::decompress(data)?;
        Ok(KeyMaterial::Ec { curve: Curve::P384, public, private: None })
    }

    fn read_unnamed(&self, data: &[u8]) -> Result<KeyMaterial, KeyError> {
        if data.len() == ecdsa_p384::PUBLIC_KEY_LENGTH {
            self.read_public(data)
        } else {
            self.read_secret(data)
        }
    }

    fn prepare(&self, material: &KeyMaterial) -> Result<KeyPair, KeyError> {
        let (public, private) = halves(material)?;
        let signing = match private {
            None => None,
            Some(private) => {
                let key = ecdsa_p384::PrivateKey::new(private)?;
                if key.public_key() != *public {
                    return Err(KeyError::Malformed(
                        "the two halves of the key do not belong together".into(),
                    ));
                }
                Some(Box::new(key) as Box<dyn Sign>)
            }
        };
        let compressed = ecdsa_p384::compress(public);
        let verifying =
            VerifyingKey { key: ecdsa::PublicKey::new(Curve::P384, public)?, compressed: compressed.clone() };
        Ok(KeyPair {
            signing,
            verifying: Box::new(verifying),
            secret: private.map(|private| Zeroizing::new(private.to_vec())),
            public: compressed,
        })
    }

    fn sealing(&self, material: &KeyMaterial) -> Result<Box<dyn Seal>, KeyError> {
        Ok(Box::new(SealingKey::new(halves(material)?.0)?))
    }

    fn unsealing(&self, material: &KeyMaterial) -> Result<Box<dyn Unseal>, KeyError> {
        let (point, private) = halves(material)?;
        let private = private
            .ok_or_else(|| KeyError::WrongKind("k3.seal is opened with a private key on P-384".into()))?;
        Ok(Box::new(UnsealingKey {
            private: ecdh::PrivateKey::new(Group::P384, private, &point.to_sec1())?,
            compressed: ecdsa_p384::compress(point),
        }))
    }
}

fn halves(material: &KeyMaterial) -> Result<(&Point, Option<&[u8]>), KeyError> {
    match material {
        KeyMaterial::Ec { curve: Curve::P384, public, private } => {
            Ok((public, private.as_ref().map(|private| private.expose().as_slice())))
        }
        _ => Err(KeyError::WrongKind("version 3 needs a key on P-384".into())),
    }
}

impl Sign for ecdsa_p384::PrivateKey {
    fn sign(&self, signed: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.sign(signed).map(|signature| signature.to_vec())
    }
}

struct VerifyingKey {
    key: ecdsa::PublicKey,
    compressed: Vec<u8>,
}

impl Verify for VerifyingKey {
    fn signature_length(&self) -> usize {
        ecdsa_p384::SIGNATURE_LENGTH
    }

    fn verify(&self, signed: &[u8], signature: &[u8]) -> bool {
        self.key.verify(signed, signature)
    }

    /// A signature is made for one key: for ECDSA others could be found that verify it, too.
    fn bound_key(&self) -> Option<&[u8]> {
        Some(&self.compressed)
    }
}

struct SealingKey {
    public: ecdh::PublicKey,
    compressed: Vec<u8>,
}

impl SealingKey {
    fn new(point: &Point) -> Result<Self, KeyError> {
        let public = ecdh::PublicKey::from_bytes(Group::P384, &point.to_sec1())
            .ok_or_else(|| KeyError::Malformed("the public key is no point on P-384".into()))?;
        Ok(Self { public, compressed: ecdsa_p384::compress(point) })
    }
}

impl Seal for SealingKey {
    fn encapsulate(&self, header: &[u8]) -> Option<(Vec<u8>, MessageKeys)> {
        let ephemeral = ecdh::PrivateKey::generate(Group::P384)?;
        let public = Point::from_sec1(Curve::P384, &ephemeral.public_bytes()?).ok()?;
        let compressed = ecdsa_p384::compress(&public);
        let shared = ephemeral.agree(&self.public)?;
        let keys = message_keys(header, &shared, &compressed, &self.compressed);
        Some((compressed, keys))
    }
}

struct UnsealingKey {
    private: ecdh::PrivateKey,
    compressed: Vec<u8>,
}

impl Unseal for UnsealingKey {
    fn decapsulate(&self, header: &[u8], encapsulated: &[u8]) -> Option<MessageKeys> {
        let ephemeral = ecdsa_p384::decompress(encapsulated).ok()?;
        let ephemeral = ecdh::PublicKey::from_bytes(Group::P384, &ephemeral.to_sec1())?;
        let shared = self.private.agree(&ephemeral)?;
        Some(message_keys(header, &shared, encapsulated, &self.compressed))
    }
}

fn message_keys(header: &[u8], shared: &[u8], ephemeral: &[u8], public: &[u8]) -> MessageKeys {
    let derived = Zeroizing::new(sha384(&[b"\x01", header, shared, ephemeral, public]));
    let authentication = Zeroizing::new(sha384(&[b"\x02", header, shared, ephemeral, public]));
    let (encryption, counter) = derived.split_at(32);
    MessageKeys::nist(encryption, counter, authentication.as_slice())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{key, seal_with};
    use super::super::{Paseto, Purpose, Version};

    #[test]
    fn local_tokens_are_those_of_the_specification() {
        // attack 49; vectors 3-E-1 and 3-E-5
        let key = key(Version::V3, Purpose::Local);
        for (seed, message, footer, token) in [
            (
                "0000000000000000000000000000000000000000000000000000000000000000",
                r#"{"data":"this is a secret message","exp":"2022-01-01T00:00:00+00:00"}"#,
                "",
                "v3.local.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAADbfcIURX_0pVZVU1mAESUzrKZAsRm2EsD6yBoZYn6cpVZNzSJOhSDN-sRaWjfLU-yn9OJH1J_B8GKtOQ9gSQlb8yk9Iza7teRdkiR89ZFyvPPsVjjFiepFUVcMa-LP18zV77f_crJrVXWa5PDNRkCSeHfBBeg",
            ),
            (
                "26f7553354482a1d91d4784627854b8da6b8042a7966523c2b404e8dbbe7f7f2",
                r#"{"data":"this is a secret message","exp":"2022-01-01T00:00:00+00:00"}"#,
                r#"{"kid":"UbkK8Y6iv4GZhFp6Tx3IWLWLfNXSEvJcdT3zdR65YZxo"}"#,
                "v3.local.JvdVM1RIKh2R1HhGJ4VLjaa4BCp5ZlI8K0BOjbvn9_LwY78vQnDait-Q-sjhF88dG2B0ROIIykcrGHn8wzPbTrqObHhyoKpjy3cwZQzLdiwRsdEK5SDvl02_HjWKJW2oqGMOQJlkYSIbXOgVuIQL65UMdW9WcjOpmqvjqD40NNzed-XPqn1T3w-bJvitYpUJL_rmihc.eyJraWQiOiJVYmtLOFk2aXY0R1poRnA2VHgzSVdMV0xmTlhTRXZKY2RUM3pkUjY1WVp4byJ9",
            ),
        ] {
            assert_eq!(seal_with(&key, seed, message, footer, ""), token);
            let decoded = Paseto::from_key(key.clone()).decode(token, b"").unwrap();
            assert_eq!(decoded.payload, message.as_bytes());
            assert!(decoded.has_footer(footer.as_bytes()));
        }
    }

    #[test]
    fn public_tokens_are_those_of_the_specification() {
        // vector 3-S-1, whose signature has a random number in it, which RFC 6979 derives from the message
        let message = r#"{"data":"this is a signed message","exp":"2022-01-01T00:00:00+00:00"}"#;
        let token = "v3.public.eyJkYXRhIjoidGhpcyBpcyBhIHNpZ25lZCBtZXNzYWdlIiwiZXhwIjoiMjAyMi0wMS0wMVQwMDowMDowMCswMDowMCJ9vrarT0tBPumLsUh5iJGDDH7sIkPk1fW8Ej6R2j-8jB7rkkCJyEKxcMNPJ5jLurPvZSzRdLb-Ia_Y2YXavY77xbLzJQJkA_zjJeYrd8mWQ24oOpkts1Css3Xa74cz_j3A";
        let paseto = Paseto::from_key(key(Version::V3, Purpose::Public));
        let made = paseto.encode(message.as_bytes(), b"", b"").unwrap();
        assert_eq!(paseto.encode(message.as_bytes(), b"", b"").unwrap(), made);
        for token in [token, &made] {
            assert_eq!(paseto.decode(token, b"").unwrap().payload, message.as_bytes());
        }
    }
}
