//! The versions and purposes, and what each version is made of.

use std::fmt;
use std::str::FromStr;

use zeroize::Zeroizing;

use super::primitive::{Asymmetric, Local};
use super::suite::Suite;
use super::{v1, v2, v3, v4};
use crate::{Error, PasetoError, Result};

/// The version of the protocol: which cryptography protects the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Version {
    /// AES-256-CTR with HMAC-SHA-384, and RSASSA-PSS with 2048 bits. For tokens that exist already.
    V1,
    /// XChaCha20-Poly1305, and Ed25519. For tokens that exist already.
    V2,
    /// AES-256-CTR with HMAC-SHA-384, and ECDSA on P-384: for new tokens under the rules of NIST.
    V3,
    /// XChaCha20 with BLAKE2b, and Ed25519: for new tokens.
    V4,
}

/// What a version is made of.
impl Version {
    /// Every version, the oldest first.
    pub const ALL: [Self; 4] = [Self::V1, Self::V2, Self::V3, Self::V4];

    /// Whether tokens can be bound to an implicit assertion: something that is not in them, and must be given again to
    /// open them. Versions 1 and 2 do not know it.
    pub const fn takes_implicit_assertion(self) -> bool {
        matches!(self, Self::V3 | Self::V4)
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
            Self::V3 => "v3",
            Self::V4 => "v4",
        }
    }

    /// What the version's PASERK texts begin with.
    pub(super) const fn paserk(self) -> &'static str {
        match self {
            Self::V1 => "k1",
            Self::V2 => "k2",
            Self::V3 => "k3",
            Self::V4 => "k4",
        }
    }

    pub(super) const fn suite(self) -> Suite {
        match self {
            Self::V1 | Self::V3 => Suite::Nist,
            Self::V2 | Self::V4 => Suite::Sodium,
        }
    }

    pub(super) fn local(self, key: &Zeroizing<[u8; 32]>) -> Box<dyn Local> {
        match self {
            Self::V1 => Box::new(v1::LocalKey(key.clone())),
            Self::V2 => Box::new(v2::LocalKey(key.clone())),
            Self::V3 => Box::new(v3::LocalKey::new(key)),
            Self::V4 => Box::new(v4::LocalKey::new(key)),
        }
    }

    pub(super) fn asymmetric(self) -> &'static dyn Asymmetric {
        match self {
            Self::V1 => &v1::Rsa,
            Self::V2 | Self::V4 => &v4::Ed25519,
            Self::V3 => &v3::P384,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Reads `v1` to `v4`.
impl FromStr for Version {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let version = Self::ALL.into_iter().find(|version| version.name() == name);
        version.ok_or_else(|| Error::validation("the version of PASETO is v1, v2, v3 or v4"))
    }
}

/// What the token is for: to be read by the holder of the key only, or to be verified by everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Encrypted and authenticated with one shared key.
    Local,
    /// Signed with a private key; readable by everybody, verified with the public key.
    Public,
}

impl fmt::Display for Purpose {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Local => "local",
            Self::Public => "public",
        })
    }
}

/// Reads `local` or `public`.
impl FromStr for Purpose {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "local" => Ok(Self::Local),
            "public" => Ok(Self::Public),
            _ => Err(PasetoError::InvalidPurpose("the purpose of a PASETO is local or public".into()).into()),
        }
    }
}
