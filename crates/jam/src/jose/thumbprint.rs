//! Thumbprints of keys (RFC 7638) and their URIs (RFC 9278).

use std::str::FromStr;

use super::jwk::Jwk;
use crate::crypto::Hash;
use crate::encoding::base64url_encode;
use crate::secret::Secret;
use crate::{Error, Result};

/// The hash function of a thumbprint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ThumbprintHash {
    /// SHA-256, the usual one.
    #[default]
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl ThumbprintHash {
    /// The name in a URI: `sha-256`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
        }
    }
}

impl FromStr for ThumbprintHash {
    type Err = Error;

    /// Reads the name, with or without its hyphen.
    fn from_str(name: &str) -> Result<Self> {
        match name {
            "sha256" | "sha-256" => Ok(Self::Sha256),
            "sha384" | "sha-384" => Ok(Self::Sha384),
            "sha512" | "sha-512" => Ok(Self::Sha512),
            _ => Err(Error::validation("the hash of a thumbprint is sha256, sha384 or sha512")),
        }
    }
}

impl Jwk {
    /// The thumbprint as base64url text: the same for a private key and its public half, whatever else the key says.
    /// That of a symmetric key is a hash of the secret; whoever sees it can try out secrets (RFC 7638 section 7).
    ///
    /// ```
    /// use jam::jose::{Jwk, ThumbprintHash};
    ///
    /// // RFC 8037 appendix A.3
    /// let key = Jwk::from_json(
    ///     r#"{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
    /// )?;
    /// assert_eq!(key.thumbprint(ThumbprintHash::Sha256), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    /// # Ok::<(), jam::Error>(())
    /// ```
    pub fn thumbprint(&self, hash: ThumbprintHash) -> String {
        let hash = match hash {
            ThumbprintHash::Sha256 => Hash::Sha256,
            ThumbprintHash::Sha384 => Hash::Sha384,
            ThumbprintHash::Sha512 => Hash::Sha512,
        };
        base64url_encode(hash.digest(self.thumbprint_input().expose().as_bytes()))
    }

    /// The thumbprint as a URI, `urn:ietf:params:oauth:jwk-thumbprint:sha-256:...`.
    pub fn thumbprint_uri(&self, hash: ThumbprintHash) -> String {
        format!("urn:ietf:params:oauth:jwk-thumbprint:{}:{}", hash.name(), self.thumbprint(hash))
    }

    /// The key with a name: its own, or else its thumbprint. That of a secret tells no more of it than any token that is
    /// made with it: both can be held against a guess.
    pub(crate) fn named(&self) -> Self {
        match self.key_id() {
            Some(_) => self.clone(),
            None => self.clone().with_key_id(self.thumbprint(ThumbprintHash::Sha256)),
        }
    }

    /// RFC 7638 section 3: the members that make up the key, ordered by name, without white space. None of them has a
    /// character that JSON would escape.
    fn thumbprint_input(&self) -> Secret<String> {
        let member = |(name, text): (&str, &str)| format!("\"{name}\":\"{text}\"");
        let members: Vec<String> = match self.public_members() {
            Some(members) => members.iter().map(|(name, text)| member((name, text))).collect(),
            None => self
                .private_members()
                .iter()
                .map(|(name, text)| member((name, text.expose())))
                .chain([member(("kty", self.key_type()))])
                .collect(),
        };
        Secret::new(format!("{{{}}}", members.join(",")))
    }
}
