//! New key pairs as DER: the private key in PKCS#8 (RFC 5958, version 1), the public one as
//! SubjectPublicKeyInfo (RFC 5280 section 4.1).

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use zeroize::Zeroizing;

/// A private key and the public key that belongs to it, both in DER.
pub(crate) struct DerPair {
    pub(crate) private: Zeroizing<Vec<u8>>,
    pub(crate) public: Vec<u8>,
}

/// An RSA pair of 2048, 3072, 4096 or 8192 bits with the exponent 65537. `None` for other sizes, and when the
/// operating system gives no randomness.
pub(crate) fn rsa(bits: u32) -> Option<DerPair> {
    let size = match bits {
        2048 => KeySize::Rsa2048,
        3072 => KeySize::Rsa3072,
        4096 => KeySize::Rsa4096,
        8192 => KeySize::Rsa8192,
        _ => return None,
    };
    pair(RsaKeyPair::generate(size))
}

/// An Ed25519 pair. `None` when the operating system gives no randomness.
pub(crate) fn ed25519() -> Option<DerPair> {
    pair(Ed25519KeyPair::generate())
}

/// An ECDSA pair on P-384. `None` when the operating system gives no randomness.
pub(crate) fn p384() -> Option<DerPair> {
    let generated = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).ok()?;
    Some(DerPair {
        private: Zeroizing::new(generated.to_pkcs8v1().ok()?.as_ref().to_vec()),
        public: generated.public_key().as_der().ok()?.as_ref().to_vec(),
    })
}

fn pair<P>(generated: Result<P, Unspecified>) -> Option<DerPair>
where
    P: KeyPair + AsDer<Pkcs8V1Der<'static>>,
    P::PublicKey: AsDer<PublicKeyX509Der<'static>>,
{
    let generated = generated.ok()?;
    let private = generated.as_der().ok()?;
    Some(DerPair {
        private: Zeroizing::new(private.as_ref().to_vec()),
        public: generated.public_key().as_der().ok()?.as_ref().to_vec(),
    })
}
