//! Version 1, for tokens that exist already: version 3 is made for the same rules. Local: AES-256-CTR, authenticated
//! with HMAC-SHA-384. Public: RSASSA-PSS with SHA-384, by keys of 2048 bits. Sealed keys: RSA of 4096 bits.

use zeroize::Zeroizing;

use super::primitive::{Asymmetric, KeyPair, Seal, Sign, Unseal, Verify};
use super::suite::{EncryptThenMac, MessageKeys, Suite, start_of};
use crate::crypto::hkdf::Hkdf;
use crate::crypto::hmac::HmacKey;
use crate::crypto::key_encoding::KeyMaterial;
use crate::crypto::{Hash, key_generation, rsa, rsa_kem, sha384};
use crate::secret::constant_time_eq;
use crate::{KeyError, PasetoError, Reason};

/// The length of a modulus that signs, and so of a signature, in bytes.
const MODULUS_LENGTH: usize = 256;
const EXPONENT: [u8; 3] = [1, 0, 1];

/// The key of v1.local.
pub(super) struct LocalKey(pub(super) Zeroizing<[u8; 32]>);

impl EncryptThenMac for LocalKey {
    const SUITE: Suite = Suite::Nist;

    /// Where random numbers repeat, tokens are alike only if their messages are.
    fn nonce(&self, seed: &[u8; 32], message: &[u8]) -> [u8; 32] {
        start_of(HmacKey::new(Hash::Sha384, seed).sign(message).as_ref())
    }

    fn split(&self, nonce: &[u8; 32]) -> MessageKeys {
        let (salt, counter) = nonce.split_at(16);
        let key = Hkdf::extract(Hash::Sha384, salt, self.0.as_slice());
        let encryption = key.expand([b"paseto-encryption-key", b""]);
        let authentication = key.expand([b"paseto-auth-key-for-aead", b""]);
        MessageKeys::nist(&encryption.as_ref()[..32], counter, &authentication.as_ref()[..32])
    }
}

/// The key pairs of v1.public.
pub(super) struct Rsa;

impl Asymmetric for Rsa {
    fn refuse(&self, reason: Reason) -> PasetoError {
        PasetoError::InvalidRsaKey(reason)
    }

    fn generate(&self) -> Option<KeyMaterial> {
        key_generation::rsa(2048).ok()
    }

    fn read_secret(&self, data: &[u8]) -> Result<KeyMaterial, KeyError> {
        let key = self.read_unnamed(data)?;
        // One key has one PASERK, by which it may be looked up. DER can be read in several forms.
        match key.to_pkcs1_der()? {
            Some(der) if constant_time_eq(&der, data) => Ok(key),
            _ => Err(KeyError::WrongKind("a v1 private key is an RSA private key in DER (PKCS#1)".into())),
        }
    }

    fn read_public(&self, data: &[u8]) -> Result<KeyMaterial, KeyError> {
        let key = self.read_unnamed(data)?;
        if key.is_private() || key.to_public_der()? != data {
            return Err(KeyError::WrongKind(
                "a v1 public key is an RSA public key in DER (SubjectPublicKeyInfo)".into(),
            ));
        }
        Ok(key)
    }

    fn read_unnamed(&self, data: &[u8]) -> Result<KeyMaterial, KeyError> {
        KeyMaterial::from_der(data, None)
    }

    fn prepare(&self, material: &KeyMaterial) -> Result<KeyPair, KeyError> {
        let (padding, hash) = (rsa::Padding::Pss, Hash::Sha384);
        let KeyMaterial::Rsa { public, private } = material else {
            return Err(KeyError::WrongKind("v1.public needs an RSA key".into()));
        };
        if public.modulus.len() != MODULUS_LENGTH || public.modulus[0] < 0x80 || public.exponent != EXPONENT {
            return Err(KeyError::WrongKind(
                "v1.public needs an RSA key of 2048 bits with the public exponent 65537".into(),
            ));
        }
        let signing = match private {
            None => None,
            Some(private) => Some(rsa::PrivateKey::new(padding, hash, public, private)?),
        };
        Ok(KeyPair {
            signing: signing.map(|key| Box::new(key) as Box<dyn Sign>),
            verifying: Box::new(rsa::PublicKey::new(padding, hash, public)?),
            secret: material.to_pkcs1_der()?,
            public: material.to_public_der()?,
        })
    }

    fn sealing(&self, material: &KeyMaterial) -> Result<Box<dyn Seal>, KeyError> {
        match material {
            KeyMaterial::Rsa { public, .. } => Ok(Box::new(rsa_kem::PublicKey::new(public)?)),
            _ => Err(KeyError::WrongKind("k1.seal needs an RSA key of 4096 bits".into())),
        }
    }

    fn unsealing(&self, material: &KeyMaterial) -> Result<Box<dyn Unseal>, KeyError> {
        match material {
            KeyMaterial::Rsa { public, private: Some(private) } => {
                Ok(Box::new(rsa_kem::PrivateKey::new(public, private)?))
            }
            _ => Err(KeyError::WrongKind("k1.seal is opened with an RSA private key of 4096 bits".into())),
        }
    }
}

impl Sign for rsa::PrivateKey {
    fn sign(&self, signed: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.sign(signed)
    }
}

impl Verify for rsa::PublicKey {
    fn signature_length(&self) -> usize {
        MODULUS_LENGTH
    }

    fn verify(&self, signed: &[u8], signature: &[u8]) -> bool {
        self.verify(signed, signature)
    }
}

impl Seal for rsa_kem::PublicKey {
    fn encapsulate(&self, header: &[u8]) -> Option<(Vec<u8>, MessageKeys)> {
        let (number, ciphertext) = self.encapsulate();
        let keys = message_keys(header, number.as_slice(), &ciphertext);
        Some((ciphertext.to_vec(), keys))
    }
}

impl Unseal for rsa_kem::PrivateKey {
    fn decapsulate(&self, header: &[u8], encapsulated: &[u8]) -> Option<MessageKeys> {
        let ciphertext: &[u8; rsa_kem::LENGTH] = encapsulated.try_into().ok()?;
        let number = self.decapsulate(ciphertext)?;
        Some(message_keys(header, number.as_slice(), ciphertext))
    }
}

fn message_keys(header: &[u8], number: &[u8], ciphertext: &[u8]) -> MessageKeys {
    let key = HmacKey::new(Hash::Sha384, &sha384(&[ciphertext]));
    let derived = key.sign_pieces(&[b"\x01", header, number]);
    let authentication = key.sign_pieces(&[b"\x02", header, number]);
    let (encryption, counter) = derived.as_ref().split_at(32);
    MessageKeys::nist(encryption, counter, authentication.as_ref())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{key, seal_with};
    use super::super::{Paseto, PasetoOptions, Purpose, Version};

    #[test]
    fn local_tokens_are_those_of_the_specification() {
        // attack 49; vectors 1-E-1 and 1-E-5
        let key = key(Version::V1, Purpose::Local);
        for (seed, message, footer, token) in [
            (
                "0000000000000000000000000000000000000000000000000000000000000000",
                r#"{"data":"this is a signed message","exp":"2019-01-01T00:00:00+00:00"}"#,
                "",
                "v1.local.WzhIh1MpbqVNXNt7-HbWvL-JwAym3Tomad9Pc2nl7wK87vGraUVvn2bs8BBNo7jbukCNrkVID0jCK2vr5bP18G78j1bOTbBcP9HZzqnraEdspcjd_PvrxDEhj9cS2MG5fmxtvuoHRp3M24HvxTtql9z26KTfPWxJN5bAJaAM6gos8fnfjJO8oKiqQMaiBP_Cqncmqw8",
            ),
            (
                "26f7553354482a1d91d4784627854b8da6b8042a7966523c2b404e8dbbe7f7f2",
                r#"{"data":"this is a signed message","exp":"2019-01-01T00:00:00+00:00"}"#,
                r#"{"kid":"UbkK8Y6iv4GZhFp6Tx3IWLWLfNXSEvJcdT3zdR65YZxo"}"#,
                "v1.local.4VyfcVcFAOAbB8yEM1j1Ob7Iez5VZJy5kHNsQxmlrAwKUbOtq9cv39T2fC0MDWafX0nQJ4grFZzTdroMvU772RW-X1oTtoFBjsl_3YYHWnwgqzs0aFc3ejjORmKP4KUM339W3szA28OabR192eRqiyspQ6xPM35NMR-04-FhRJZEWiF0W5oWjPVtGPjeVjm2DI4YtJg.eyJraWQiOiJVYmtLOFk2aXY0R1poRnA2VHgzSVdMV0xmTlhTRXZKY2RUM3pkUjY1WVp4byJ9",
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
        // vector 1-S-1; the salt of a signature is random, so that another one is as good
        let public_key = "-----BEGIN PUBLIC KEY-----\n\
                          MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAyaTgTt53ph3p5GHgwoGW\n\
                          wz5hRfWXSQA08NCOwe0FEgALWos9GCjNFCd723nCHxBtN1qd74MSh/uN88JPIbwx\n\
                          KheDp4kxo4YMN5trPaF0e9G6Bj1N02HnanxFLW+gmLbgYO/SZYfWF/M8yLBcu5Y1\n\
                          Ot0ZxDDDXS9wIQTtBE0ne3YbxgZJAZTU5XqyQ1DxdzYyC5lF6yBaR5UQtCYTnXAA\n\
                          pVRuUI2Sd6L1E2vl9bSBumZ5IpNxkRnAwIMjeTJB/0AIELh0mE5vwdihOCbdV6al\n\
                          UyhKC1+1w/FW6HWcp/JG1kKC8DPIidZ78Bbqv9YFzkAbNni5eSBOsXVBKG78Zsc8\n\
                          owIDAQAB\n\
                          -----END PUBLIC KEY-----";
        let message = r#"{"data":"this is a signed message","exp":"2019-01-01T00:00:00+00:00"}"#;
        let token = "v1.public.eyJkYXRhIjoidGhpcyBpcyBhIHNpZ25lZCBtZXNzYWdlIiwiZXhwIjoiMjAxOS0wMS0wMVQwMDowMDowMCswMDowMCJ9cIZKahKeGM5kiAS_4D70Qbz9FIThZpxetJ6n6E6kXP_119SvQcnfCSfY_gG3D0Q2v7FEtm2Cmj04lE6YdgiZ0RwA41WuOjXq7zSnmmHK9xOSH6_2yVgt207h1_LphJzVztmZzq05xxhZsV3nFPm2cCu8oPceWy-DBKjALuMZt_Xj6hWFFie96SfQ6i85lOsTX8Kc6SQaG-3CgThrJJ6W9DC-YfQ3lZ4TJUoY3QNYdtEgAvp1QuWWK6xmIb8BwvkBPej5t88QUb7NcvZ15VyNw3qemQGn2ITSdpdDgwMtpflZOeYdtuxQr1DSGO2aQyZl7s0WYn1IjdQFx6VjSQ4yfw";
        let options = PasetoOptions::new(Version::V1, Purpose::Public).public_key(public_key);
        let decoded = Paseto::new(options).unwrap().decode(token, b"").unwrap();
        assert_eq!(decoded.payload, message.as_bytes());
    }
}
