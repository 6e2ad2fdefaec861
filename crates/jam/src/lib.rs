//! Authentication parts for web applications behind one configured object.
//!
//! [`Jam`] is the blocking face and [`aio::Jam`] the asynchronous one; both carry the same method names.
//! Every operation is a pure step, at most one call to a store or a server, and a pure step: the pure steps
//! are written once in the rooms below, and know no socket, file, clock or runtime.
//!
//! | room | what lives there |
//! |---|---|
//! | [`jose`] | JSON Web Keys, signatures, encryption and tokens (RFC 7515 - 7519) |
//! | [`paseto`] | PASETO versions 1 to 4, and PASERK |
//! | [`otp`] | one-time passwords (RFC 4226, RFC 6238), recovery codes |
//! | [`session`], [`token_list`], [`replay_guard`] | server-side sessions, white and black lists of tokens, used one-time passwords |
//! | [`tokens`] | pairs of access and refresh tokens, with rotation |
//! | [`store`] | where sessions and lists are kept: memory, JSON file, SQLite, Redis, PostgreSQL |
//! | [`oauth2`] | the OAuth 2.0 client (RFC 6749) |
//! | [`cookie`] | the cookie that carries a session's id (RFC 6265) |
//! | [`password`], [`keygen`] | password hashes, new keys |

pub mod aio;
pub mod clock;
pub mod config;
pub mod cookie;
mod crypto;
pub mod encoding;
mod error;
mod facade;
mod jam;
pub mod jose;
pub mod keygen;
pub mod oauth2;
pub mod otp;
pub mod paseto;
pub mod password;
pub mod process;
pub mod replay_guard;
pub mod secret;
pub mod session;
pub mod store;
#[cfg(test)]
mod test_vectors;
pub mod token_list;
pub mod tokens;

pub use self::jam::Jam;
pub use clock::Timestamp;
pub use error::{
    ConfigurationError, Error, Failure, JweError, JwtError, KeyError, OAuth2Error, PasetoError, Reason,
    Result, SessionError, StoreError, TokensError,
};
pub use facade::{CodeOptions, PasetoCreateOptions, PasetoDecodeOptions, PayloadOptions, VerifyOptions};
