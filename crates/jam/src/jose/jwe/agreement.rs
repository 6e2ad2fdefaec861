//! ECDH-ES: the key that a new pair of the sender's and the reader's pair agree on (RFC 7518 section 4.6, RFC 8037
//! section 3.2).

use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::algorithm::Management;
use super::header::{Header, malformed};
use super::key::EncryptionKey;
use crate::crypto::concat_kdf::{self, OtherInfo};
use crate::crypto::ecdh::{self, Group};
use crate::crypto::ecdsa::Curve;
use crate::crypto::key_encoding::KeyMaterial;
use crate::encoding::{base64url_decode, base64url_encode};
use crate::secret::Secret;
use crate::{Error, JweError, KeyError, Result};

/// The longest name of a party of an agreement, in bytes.
const LONGEST_PARTY: usize = 1024;

/// Who agrees on a key: `apu` and `apv`, decoded (RFC 7518 section 4.6.1).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Parties<'a> {
    pub(super) u: &'a [u8],
    pub(super) v: &'a [u8],
}

impl<'a> Parties<'a> {
    /// Refuses parties where no key is agreed on, which nothing would bind to them.
    pub(super) fn new(key: &EncryptionKey, u: &'a [u8], v: &'a [u8]) -> Result<Self> {
        let algorithm = key.key_management();
        let agrees = matches!(algorithm.management(), Management::Agreement(_));
        let names_parties = !u.is_empty() || !v.is_empty();
        if names_parties && !agrees {
            return Err(Error::validation(format!(
                "the parties (apu, apv) belong to an agreed key (ECDH-ES); {algorithm} has none"
            )));
        }
        if u.len().max(v.len()) > LONGEST_PARTY {
            return Err(Error::validation(format!("a party (apu, apv) has at most {LONGEST_PARTY} bytes")));
        }
        Ok(Self { u, v })
    }
}

/// A key that can be agreed with.
pub(super) struct AgreementKey<'a> {
    group: Group,
    public: Vec<u8>,
    private: Option<&'a Secret<Vec<u8>>>,
}

impl<'a> AgreementKey<'a> {
    /// `None` for another kind of key and for secp256k1, which RFC 7518 has no agreement on.
    pub(super) fn new(material: &'a KeyMaterial) -> Option<Self> {
        match material {
            KeyMaterial::Ec { curve, public, private } => {
                let group = match curve {
                    Curve::P256 => Group::P256,
                    Curve::P384 => Group::P384,
                    Curve::P521 => Group::P521,
                    Curve::Secp256k1 => return None,
                };
                Some(Self { group, public: public.to_sec1(), private: private.as_ref() })
            }
            KeyMaterial::X25519 { public, private } => {
                Some(Self { group: Group::X25519, public: public.clone(), private: private.as_ref() })
            }
            _ => None,
        }
    }

    /// The public key.
    pub(super) fn public(&self) -> Result<ecdh::PublicKey, KeyError> {
        ecdh::PublicKey::from_bytes(self.group, &self.public).ok_or_else(|| {
            KeyError::Malformed(format!("the public key is no point on {}", self.group.name()).into())
        })
    }

    /// The private key, if there is one.
    pub(super) fn private(&self) -> Result<Option<ecdh::PrivateKey>, KeyError> {
        self.private
            .map(|private| ecdh::PrivateKey::new(self.group, private.expose(), &self.public))
            .transpose()
    }
}

/// What an agreed key is for.
#[derive(Clone, Copy)]
pub(super) struct Purpose<'a> {
    /// The name of the algorithm that the key is for.
    pub(super) algorithm: &'a str,
    /// The length of the key in bytes.
    pub(super) length: usize,
    /// Whom the key is bound to.
    pub(super) parties: Parties<'a>,
}

/// An agreed key.
pub(super) struct Agreed {
    pub(super) key: Zeroizing<Vec<u8>>,
    /// The header parameters from which the reader learns it.
    pub(super) parameters: Map<String, Value>,
}

/// The key that a new pair agrees on with the reader's public key.
pub(super) fn agree_with(public: &ecdh::PublicKey, purpose: Purpose<'_>) -> Result<Agreed> {
    let refused = || Error::from(KeyError::Malformed("no key can be agreed on with this public key".into()));
    let ephemeral = ecdh::PrivateKey::generate(public.group()).ok_or_else(refused)?;
    let shared = ephemeral.agree(public).ok_or_else(refused)?;
    let Purpose { algorithm, length, parties } = purpose;
    let info = OtherInfo { algorithm, party_u: parties.u, party_v: parties.v };
    let key = concat_kdf::derive(&shared, info, length);
    let mut parameters = Map::new();
    parameters.insert("epk".to_owned(), ephemeral_jwk(&ephemeral).ok_or_else(refused)?);
    for (name, party) in [("apu", parties.u), ("apv", parties.v)] {
        if !party.is_empty() {
            parameters.insert(name.to_owned(), base64url_encode(party).into());
        }
    }
    Ok(Agreed { key, parameters })
}

/// The public half of an ephemeral key as a JWK (RFC 7518 section 4.6.1.1, RFC 8037 section 2).
fn ephemeral_jwk(key: &ecdh::PrivateKey) -> Option<Value> {
    let (group, bytes) = (key.group(), key.public_bytes()?);
    Some(match group {
        Group::X25519 => json!({"kty": "OKP", "crv": group.name(), "x": base64url_encode(&bytes)}),
        _ => {
            let (x, y) = bytes.get(1..)?.split_at_checked(group.length())?;
            json!({"kty": "EC", "crv": group.name(), "x": base64url_encode(x), "y": base64url_encode(y)})
        }
    })
}

/// The key that the reader agrees on with the sender, whose public key and parties the header names.
pub(super) fn agreed_key(
    private: &ecdh::PrivateKey,
    header: &Header,
    algorithm: &str,
    length: usize,
) -> Result<Zeroizing<Vec<u8>>, JweError> {
    let public = ephemeral_key(private.group(), header)?;
    let shared = private.agree(&public).ok_or_else(|| not_a_key(private.group()))?;
    let party = |name| {
        let bytes = header.bytes(name)?.unwrap_or_default();
        if bytes.len() > LONGEST_PARTY {
            return Err(malformed(format!("the token's header: {name:?} has at most {LONGEST_PARTY} bytes")));
        }
        Ok(bytes)
    };
    let (party_u, party_v) = (party("apu")?, party("apv")?);
    Ok(concat_kdf::derive(&shared, OtherInfo { algorithm, party_u: &party_u, party_v: &party_v }, length))
}

/// The public key in `epk`. It must lie on the curve of the reader's key, which is checked before anything is computed
/// with the private one.
fn ephemeral_key(group: Group, header: &Header) -> Result<ecdh::PublicKey, JweError> {
    let epk = header.members().get("epk").ok_or_else(|| header.missing("epk"))?;
    let text = |name: &str| epk.get(name).and_then(Value::as_str);
    let number = |name: &str| {
        let bytes = text(name).and_then(base64url_decode);
        bytes.filter(|bytes| bytes.len() == group.length()).ok_or_else(|| not_a_key(group))
    };
    let key_type = if group == Group::X25519 { "OKP" } else { "EC" };
    if text("kty") != Some(key_type) || text("crv") != Some(group.name()) {
        return Err(not_a_key(group));
    }
    let bytes = match group {
        Group::X25519 => number("x")?,
        _ => [&[4][..], &number("x")?, &number("y")?].concat(),
    };
    ecdh::PublicKey::from_bytes(group, &bytes).ok_or_else(|| not_a_key(group))
}

fn not_a_key(group: Group) -> JweError {
    malformed(format!("the token's header: \"epk\" must be a public key on {}", group.name()))
}
