//! JSON Object Signing and Encryption: keys, signatures and tokens (RFC 7515, 7517, 7518, 7519, 8037, 8725).
//!
//! [`Jwt`] is the configured codec that most programs need. Below it lie [`Jwk`], the signatures of [`jws`], the encryption
//! of [`jwe`] and the rules of [`claims`], each usable alone.

mod algorithm;
pub mod claims;
mod encrypted_jwt;
pub mod jwe;
mod jwk;
mod jwk_set;
pub mod jws;
mod jwt;
mod key;
mod key_ring;
mod key_text;
mod key_use;
mod new_key;
mod rules;
mod thumbprint;

pub use encrypted_jwt::EncryptedJwt;
pub use jwk::{Jwk, KeyStatements};
pub use jwk_set::{JwkSet, KeyQuery, SkippedKey};
pub use jwt::{Jwt, JwtOptions};
pub use new_key::NewKey;
pub use rules::{DecodeOptions, TokenRules};
pub use thumbprint::ThumbprintHash;
