//! Version 4, the one for new tokens. Local: XChaCha20, authenticated with keyed BLAKE2b. Public: Ed25519. Sealed keys:
//! X25519.

use zeroize::Zeroizing;

use super::primitive::{Asymmetric, KeyPair, Seal, Sign, Unseal, Verify};
use super::suite::{EncryptThenMac, MessageKeys, Suite, with_nonce};
use crate::crypto::blake2b::{self, Keyed};
use crate::crypto::ecdh::{self, Group};
use crate::crypto::key_encoding::KeyMaterial;
use crate::crypto::{ed25519, key_generation, x25519};
use crate::secret::Secret;
use crate::{KeyError, PasetoError, Reason};

const PUBLIC_KEY: usize = ed25519::KEY_LENGTH;
/// A private key is written as its seed and its public key.
const PRIVATE_KEY: usize = 2 * ed25519::KEY_LENGTH;

/// The key of v4.local: the two hashes that give the keys of a token, as far as all tokens have them in common.
pub(super) struct LocalKey {
    encryption: Keyed<[u8; 56]>,
    authentication: Keyed<[u8; 32]>,
}

impl LocalKey {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        let mut encryption = Keyed::new(key);
        encryption.update(b"paseto-encryption-key");
        let mut authentication = Keyed::new(key);
        authentication.update(b"paseto-auth-key-for-aead");
        Self { encryption, authentication }
    }
}

impl Drop for LocalKey {
    fn drop(&mut self) {
        self.encryption.wipe();
        self.authentication.wipe();
    }
}

impl EncryptThenMac for LocalKey {
    const SUITE: Suite = Suite::Sodium;

    fn split(&self, nonce: &[u8; 32]) -> MessageKeys {
        let (mut encryption, mut authentication) = (self.encryption.clone(), self.authentication.clone());
        encryption.update(nonce);
        authentication.update(nonce);
        MessageKeys::sodium(encryption.finish(), authentication.finish())
    }
}

/// The key pairs of v2.public and v4.public.
pub(super) struct Ed25519;

impl Asymmetric for Ed25519 {
    fn refuse(&self, reason: Reason) -> PasetoError {
        PasetoError::InvalidEd25519Key(reason)
    }

    fn lengths(&self) -> &'static [usize] {
        &[PRIVATE_KEY, PUBLIC_KEY]
    }

    fn generate(&self) -> Option<KeyMaterial> {
        key_generation::ed25519().ok()
    }

    fn read_secret(&self, data: &[u8]) -> Result<KeyMaterial, KeyError> {
        if data.len() != PRIVATE_KEY {
            return Err(KeyError::Malformed(
                "an Ed25519 private key has 64 bytes: the seed and the public key".into(),
            ));
        }
        let (seed, public) = data.split_at(ed25519::KEY_LENGTH);
        Ok(KeyMaterial::Ed25519 { public: public.to_vec(), private: Some(Secret::from(seed)) })
    }

    fn read_public(&self, data: &[u8]) -> Result<KeyMaterial, KeyError> {
        Ok(KeyMaterial::Ed25519 { public: data.to_vec(), private: None })
    }

    fn read_unnamed(&self, data: &[u8]) -> Result<KeyMaterial, KeyError> {
        if data.len() == PUBLIC_KEY {
            return Err(KeyError::WrongKind(
                "32 bytes may be the seed of a private key or a public key; give the private key as 64 bytes, PEM or PASERK, and the public key as public_key".into(),
            ));
        }
        self.read_secret(data)
    }

    fn prepare(&self, material: &KeyMaterial) -> Result<KeyPair, KeyError> {
        let KeyMaterial::Ed25519 { public, private } = material else {
            return Err(KeyError::WrongKind("the key must be an Ed25519 key".into()));
        };
        let verifying = ed25519::PublicKey::from_bytes(public)?;
        let (mut signing, mut secret) = (None, None);
        if let Some(seed) = private {
            let key = ed25519::PrivateKey::from_seed_and_public_key(seed.expose(), public)?;
            signing = Some(Box::new(key) as Box<dyn Sign>);
            secret = Some(Zeroizing::new([seed.expose().as_slice(), public].concat()));
        }
        Ok(KeyPair { signing, verifying: Box::new(verifying), secret, public: public.clone() })
    }

    fn sealing(&self, material: &KeyMaterial) -> Result<Box<dyn Seal>, KeyError> {
        let bytes = match material {
            KeyMaterial::Ed25519 { public, .. } => {
                let point = ed25519::PublicKey::from_bytes(public)?;
                ed25519::to_x25519_public_key(point.as_bytes()).map(|key| key.to_vec())
            }
            KeyMaterial::X25519 { public, .. } => Some(public.clone()),
            _ => None,
        };
        let bytes =
            bytes.ok_or_else(|| KeyError::WrongKind("a key is sealed to an Ed25519 or X25519 key".into()))?;
        x25519::check_public_key(&bytes)?;
        let key = ecdh::PublicKey::from_bytes(Group::X25519, &bytes);
        let key = key.ok_or_else(|| KeyError::Malformed("an X25519 public key has 32 bytes".into()))?;
        Ok(Box::new(SealingKey { key, bytes }))
    }

    fn unsealing(&self, material: &KeyMaterial) -> Result<Box<dyn Unseal>, KeyError> {
        let private = match material {
            KeyMaterial::Ed25519 { public, private: Some(seed) } => {
                ed25519::PrivateKey::from_seed_and_public_key(seed.expose(), public)?;
                ed25519::to_x25519_private_key(seed.expose()).to_vec()
            }
            KeyMaterial::X25519 { private: Some(private), .. } => private.expose().clone(),
            _ => {
                return Err(KeyError::WrongKind(
                    "a sealed key is opened with an Ed25519 or X25519 private key".into(),
                ));
            }
        };
        let private = Zeroizing::new(private);
        let public = x25519::public_key(&private)?.to_vec();
        let key = ecdh::PrivateKey::from_bytes(Group::X25519, &private)?;
        Ok(Box::new(UnsealingKey { key, public }))
    }
}

impl Sign for ed25519::PrivateKey {
    fn sign(&self, signed: &[u8]) -> Result<Vec<u8>, KeyError> {
        Ok(self.sign(signed).to_vec())
    }
}

impl Verify for ed25519::PublicKey {
    fn signature_length(&self) -> usize {
        ed25519::SIGNATURE_LENGTH
    }

    fn verify(&self, signed: &[u8], signature: &[u8]) -> bool {
        self.verify(signed, signature)
    }
}

struct SealingKey {
    key: ecdh::PublicKey,
    bytes: Vec<u8>,
}

impl Seal for SealingKey {
    fn encapsulate(&self, header: &[u8]) -> Option<(Vec<u8>, MessageKeys)> {
        let private = ecdh::PrivateKey::generate(Group::X25519)?;
        let ephemeral = private.public_bytes()?;
        let shared = private.agree(&self.key)?;
        let keys = message_keys(header, &shared, &ephemeral, &self.bytes);
        Some((ephemeral, keys))
    }
}

struct UnsealingKey {
    key: ecdh::PrivateKey,
    public: Vec<u8>,
}

impl Unseal for UnsealingKey {
    fn decapsulate(&self, header: &[u8], encapsulated: &[u8]) -> Option<MessageKeys> {
        let shared = self.key.agree(&ecdh::PublicKey::from_bytes(Group::X25519, encapsulated)?)?;
        Some(message_keys(header, &shared, encapsulated, &self.public))
    }
}

fn message_keys(header: &[u8], shared: &[u8], ephemeral: &[u8], public: &[u8]) -> MessageKeys {
    let encryption = blake2b::hash(&[b"\x01", header, shared, ephemeral, public]);
    let authentication = blake2b::hash(&[b"\x02", header, shared, ephemeral, public]);
    let nonce = blake2b::hash::<[u8; 24]>(&[ephemeral, public]);
    MessageKeys::sodium(with_nonce(encryption, &nonce), authentication)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{key, seal_with};
    use super::super::{Paseto, Purpose, Version};

    #[test]
    fn local_tokens_are_those_of_the_specification() {
        // attack 49; vectors 4-E-1 and 4-E-10, whose 40 fraction digits pass through unread
        let key = key(Version::V4, Purpose::Local);
        for (seed, message, footer, token) in [
            (
                "0000000000000000000000000000000000000000000000000000000000000000",
                r#"{"data":"this is a secret message","exp":"2022-01-01T00:00:00+00:00"}"#,
                "",
                "v4.local.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQAr68PS4AXe7If_ZgesdkUMvSwscFlAl1pk5HC0e8kApeaqMfGo_7OpBnwJOAbY9V7WU6abu74MmcUE8YWAiaArVI8XJ5hOb_4v9RmDkneN0S92dx0OW4pgy7omxgf3S8c3LlQg",
            ),
            (
                "0000000000000000000000000000000000000000000000000000000000000000",
                r#"{"data":"this is a secret message","exp":"2022-01-01T00:00:00.1234567890123456789012345678901234567890+00:00"}"#,
                "",
                "v4.local.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQAr68PS4AXe7If_ZgesdkUMvSwscFlAl1pk5HC0e8kApeaqMfGo_7OpBnwJOAbY9V7WU6abu74MmcUE8YXQmYC7FN5TiAT7Bou4G1DMqRIzEs0H8QfAlKN-X-j7a7tAcRex7a7GVwDvJ9inDh61wlrJbn_sQUwDVv4Kpk0lvlcj9SJPN48SAsU4WGjDq4",
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
        // vector 4-S-1
        let message = r#"{"data":"this is a signed message","exp":"2022-01-01T00:00:00+00:00"}"#;
        let token = "v4.public.eyJkYXRhIjoidGhpcyBpcyBhIHNpZ25lZCBtZXNzYWdlIiwiZXhwIjoiMjAyMi0wMS0wMVQwMDowMDowMCswMDowMCJ9bg_XBBzds8lTZShVlwwKSgeKpLT3yukTw6JUz3W4h_ExsQV-P0V54zemZDcAxFaSeef1QlXEFtkqxT1ciiQEDA";
        let paseto = Paseto::from_key(key(Version::V4, Purpose::Public));
        assert_eq!(paseto.encode(message.as_bytes(), b"", b"").unwrap(), token);
        assert_eq!(paseto.decode(token, b"").unwrap().payload, message.as_bytes());
    }
}
