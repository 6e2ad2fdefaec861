//! What can go wrong: one enum, nested by the part that refuses, with a stable code for each cause.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// `Result` with Jam's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A sentence about what was wrong and what would be right. It never holds a secret, a token, a key or an id.
pub type Reason = Cow<'static, str>;

/// Everything Jam can refuse. [`Error::code`] names the cause in a form that does not change between versions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration cannot be used.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// An argument of a call cannot be used, whatever the configuration.
    #[error("{0}")]
    Validation(Reason),
    /// A key cannot be read, or does not fit its use.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A JSON Web Token was refused.
    #[error(transparent)]
    Jwt(#[from] JwtError),
    /// A JSON Web Encryption was refused.
    #[error(transparent)]
    Jwe(#[from] JweError),
    /// A PASETO was refused.
    #[error(transparent)]
    Paseto(#[from] PasetoError),
    /// A session operation was refused.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// A refresh token was refused.
    #[error(transparent)]
    Tokens(#[from] TokensError),
    /// The store behind sessions or lists failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An OAuth 2.0 provider refused or answered what cannot be used.
    #[error(transparent)]
    OAuth2(#[from] OAuth2Error),
    /// What a key of the configuration says cannot be used: a part was refused what it was made of. [`Error::code`] is that
    /// of the cause.
    #[error("{path}: {cause}")]
    InConfiguration {
        /// The full dotted path of the key or the section.
        path: String,
        /// Why.
        cause: Box<Error>,
    },
    /// What a file says cannot be used. [`Error::code`] is that of the cause.
    #[error("{}: {cause}", file.display())]
    InFile {
        /// The file.
        file: PathBuf,
        /// Which of its keys, and why.
        cause: Box<Error>,
    },
}

/// Why the configuration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigurationError {
    /// A key is unknown, missing, of the wrong type or out of range. `path` is dotted, as `jwt.list.type`.
    #[error("{path}: {reason}")]
    Key {
        /// The full dotted path of the key.
        path: String,
        /// What is wrong with it and what would be right.
        reason: Reason,
    },
    /// The file cannot be read or parsed.
    #[error("{0}")]
    File(Reason),
    /// A method of a part was called that the configuration has no section for.
    #[error("the configuration has no section {section:?}; add it to use this method")]
    MissingSection {
        /// The name of the missing section.
        section: &'static str,
    },
}

/// Why a key was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The text or bytes are no key of a known form, or the password does not open it.
    #[error("{0}")]
    Malformed(Reason),
    /// The key is of another kind than its use asks for.
    #[error("{0}")]
    WrongKind(Reason),
    /// The key is too small or otherwise unsafe.
    #[error("{0}")]
    Weak(Reason),
    /// Among several keys none is the one that is asked for, or more than one could be.
    #[error("{0}")]
    NotFound(Reason),
}

/// Why a JSON Web Token was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwtError {
    /// `exp` lies in the past (RFC 7519 section 4.1.4).
    #[error("the token has expired")]
    Expired,
    /// `nbf` lies in the future (RFC 7519 section 4.1.5).
    #[error("the token is not valid yet")]
    NotYetValid,
    /// The black list names the token.
    #[error("the token is on the black list")]
    InBlackList,
    /// The white list does not name the token.
    #[error("the token is not on the white list")]
    NotInWhiteList,
    /// The text is no token of the expected form, or is larger than allowed.
    #[error("{0}")]
    Malformed(Reason),
    /// The signature does not hold.
    #[error("the signature does not match the token and the key")]
    InvalidSignature,
    /// A claim has the wrong type or value.
    #[error("claim {claim:?}: {reason}")]
    InvalidClaim {
        /// The claim's name.
        claim: Cow<'static, str>,
        /// What is wrong with it.
        reason: Reason,
    },
    /// The algorithm's name is unknown, or the token's header names another than the key's.
    #[error("{0}")]
    UnsupportedAlgorithm(Reason),
    /// An HMAC algorithm has no secret, or an empty one.
    #[error("{0}")]
    EmptySecretKey(Reason),
    /// An asymmetric algorithm has no private key to sign with.
    #[error("{0}")]
    EmptyPrivateKey(Reason),
}

/// Why a JSON Web Encryption was refused. Which step of a decryption failed is not told: the sender of a forged
/// token would learn from it (RFC 7516 section 11.5).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JweError {
    /// The text is no JWE of the expected form, or is larger than allowed.
    #[error("{0}")]
    Malformed(Reason),
    /// The token was not encrypted to this key, or was changed.
    #[error("the token cannot be decrypted with this key")]
    DecryptionFailed,
    /// The algorithm's name is unknown, or the token's header names another than the key's.
    #[error("{0}")]
    UnsupportedAlgorithm(Reason),
}

/// Why a PASETO was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasetoError {
    /// The key of a local token is missing or has the wrong form.
    #[error("{0}")]
    InvalidSymmetricKey(Reason),
    /// An RSA key (v1.public) cannot be used.
    #[error("{0}")]
    InvalidRsaKey(Reason),
    /// An Ed25519 key (v2.public, v4.public) cannot be used.
    #[error("{0}")]
    InvalidEd25519Key(Reason),
    /// A P-384 key (v3.public) cannot be used.
    #[error("{0}")]
    InvalidP384Key(Reason),
    /// The purpose is neither local nor public, or is not the key's.
    #[error("{0}")]
    InvalidPurpose(Reason),
    /// The text is no PASETO of the key's version and purpose.
    #[error("{0}")]
    InvalidTokenFormat(Reason),
    /// The text is no PASERK of the expected type, or the key or password does not open it.
    #[error("{0}")]
    InvalidPaserk(Reason),
    /// The token was not made with this key, footer and implicit assertion.
    #[error("the token does not match the key, the footer or the implicit assertion")]
    KeyVerification,
    /// `exp` lies in the past.
    #[error("the token has expired")]
    Expired,
    /// `nbf` lies in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// A claim has the wrong type or value.
    #[error("claim {claim:?}: {reason}")]
    InvalidClaim {
        /// The claim's name.
        claim: &'static str,
        /// What is wrong with it.
        reason: Reason,
    },
}

/// Why a session operation was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The id names no live session.
    #[error("no live session has this id")]
    NotFound,
    /// The session has been written to since the version that a write was meant for.
    #[error("the session was changed meanwhile; read it again and repeat what was to be changed")]
    Conflict,
    /// Encryption at rest is asked for without a key.
    #[error("{0}")]
    EmptyAesKey(Reason),
    /// The id factory of the program failed.
    #[error("the id factory failed")]
    IdFactory(#[source] Failure),
}

/// Why a refresh token was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokensError {
    /// The text is no refresh token of a live family: it is forged, expired or revoked.
    #[error("no live refresh token has this text; the user has to log in again")]
    Invalid,
    /// The token had been used before, so that somebody else may have it. Its family is revoked (RFC 9700 section 4.14.2).
    #[error(
        "the refresh token was used before, so all tokens of its login are revoked; the user has to log in again"
    )]
    Reused,
}

/// An error of the program's own, on its way through Jam. Two are equal if they are the same one.
#[derive(Clone, Debug, thiserror::Error)]
#[error(transparent)]
pub struct Failure(pub Arc<dyn std::error::Error + Send + Sync>);

impl PartialEq for Failure {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Failure {}

/// Why the store failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The server or the file cannot be reached, or broke off. Nothing is known about the operation's outcome.
    #[error("{0}")]
    Unavailable(Reason),
    /// The server did not answer in the configured time.
    #[error("{0}")]
    TimedOut(Reason),
    /// The server answered with an error, or the file holds what Jam did not write.
    #[error("{0}")]
    Refused(Reason),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

/// Why an OAuth 2.0 call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OAuth2Error {
    /// The provider has no configuration.
    #[error("{0}")]
    ProviderNotConfigured(Reason),
    /// The provider answered with an error (RFC 6749 section 5.2).
    #[error("the provider refused: {error}")]
    Refused {
        /// The `error` code of the answer, cut to printable ASCII.
        error: String,
    },
    /// The provider cannot be reached, or did not answer in time.
    #[error("{0}")]
    Unreachable(Reason),
    /// The answer has no body.
    #[error("the provider's answer is empty")]
    EmptyResponse,
    /// The answer is not what the protocol asks for.
    #[error("{0}")]
    InvalidResponse(Reason),
    /// What the browser brought back does not complete a login.
    #[error("{0}")]
    InvalidCallback(Reason),
    /// The ID token is not one of the provider's for this login.
    #[error("{0}")]
    InvalidIdToken(Reason),
}

impl Error {
    /// Every code that [`Error::code`] answers with.
    pub const CODES: &'static [&'static str] = &[
        "configuration.invalid",
        "configuration.file",
        "configuration.missing_section",
        "validation.invalid",
        "key.malformed",
        "key.wrong_kind",
        "key.weak",
        "key.not_found",
        "jwt.token_expired",
        "jwt.token_not_yet_valid",
        "jwt.blacklist",
        "jwt.whitelist",
        "jwt.malformed",
        "jwt.invalid_signature",
        "jwt.invalid_claim",
        "jwt.unsupported_algorithm",
        "jwt.empty_secret_key",
        "jwt.empty_private_key",
        "jwe.malformed",
        "jwe.decryption_failed",
        "jwe.unsupported_algorithm",
        "paseto.invalid_symmetric_key",
        "paseto.invalid_rsa_key",
        "paseto.invalid_ed25519_key",
        "paseto.invalid_secp384r1_key",
        "paseto.invalid_purpose",
        "paseto.invalid_token_format",
        "paseto.invalid_paserk",
        "paseto.key_verification",
        "paseto.token_expired",
        "paseto.token_not_yet_valid",
        "paseto.invalid_claim",
        "sessions.not_found",
        "sessions.conflict",
        "sessions.empty_aes_key",
        "tokens.invalid",
        "tokens.reused",
        "store.unavailable",
        "store.timed_out",
        "store.refused",
        "store.closed",
        "oauth2.configuration.provider_not_configured",
        "oauth2.empty_response",
        "oauth2.refused",
        "oauth2.unreachable",
        "oauth2.invalid_response",
        "oauth2.invalid_callback",
        "oauth2.invalid_id_token",
    ];

    /// The stable code of the cause, the same as Python's `error_code`.
    ///
    /// ```
    /// assert_eq!(jam::Error::from(jam::JwtError::Expired).code(), "jwt.token_expired");
    /// ```
    pub fn code(&self) -> &'static str {
        match self {
            Self::InConfiguration { cause, .. } | Self::InFile { cause, .. } => cause.code(),
            Self::Configuration(ConfigurationError::Key { .. }) => "configuration.invalid",
            Self::Configuration(ConfigurationError::File(_)) => "configuration.file",
            Self::Configuration(ConfigurationError::MissingSection { .. }) => "configuration.missing_section",
            Self::Validation(_) | Self::Session(SessionError::IdFactory(_)) => "validation.invalid",
            Self::Key(KeyError::Malformed(_)) => "key.malformed",
            Self::Key(KeyError::WrongKind(_)) => "key.wrong_kind",
            Self::Key(KeyError::Weak(_)) => "key.weak",
            Self::Key(KeyError::NotFound(_)) => "key.not_found",
            Self::Jwt(JwtError::Expired) => "jwt.token_expired",
            Self::Jwt(JwtError::NotYetValid) => "jwt.token_not_yet_valid",
            Self::Jwt(JwtError::InBlackList) => "jwt.blacklist",
            Self::Jwt(JwtError::NotInWhiteList) => "jwt.whitelist",
            Self::Jwt(JwtError::Malformed(_)) => "jwt.malformed",
            Self::Jwt(JwtError::InvalidSignature) => "jwt.invalid_signature",
            Self::Jwt(JwtError::InvalidClaim { .. }) => "jwt.invalid_claim",
            Self::Jwt(JwtError::UnsupportedAlgorithm(_)) => "jwt.unsupported_algorithm",
            Self::Jwt(JwtError::EmptySecretKey(_)) => "jwt.empty_secret_key",
            Self::Jwt(JwtError::EmptyPrivateKey(_)) => "jwt.empty_private_key",
            Self::Jwe(JweError::Malformed(_)) => "jwe.malformed",
            Self::Jwe(JweError::DecryptionFailed) => "jwe.decryption_failed",
            Self::Jwe(JweError::UnsupportedAlgorithm(_)) => "jwe.unsupported_algorithm",
            Self::Paseto(PasetoError::InvalidSymmetricKey(_)) => "paseto.invalid_symmetric_key",
            Self::Paseto(PasetoError::InvalidRsaKey(_)) => "paseto.invalid_rsa_key",
            Self::Paseto(PasetoError::InvalidEd25519Key(_)) => "paseto.invalid_ed25519_key",
            Self::Paseto(PasetoError::InvalidP384Key(_)) => "paseto.invalid_secp384r1_key",
            Self::Paseto(PasetoError::InvalidPurpose(_)) => "paseto.invalid_purpose",
            Self::Paseto(PasetoError::InvalidTokenFormat(_)) => "paseto.invalid_token_format",
            Self::Paseto(PasetoError::InvalidPaserk(_)) => "paseto.invalid_paserk",
            Self::Paseto(PasetoError::KeyVerification) => "paseto.key_verification",
            Self::Paseto(PasetoError::Expired) => "paseto.token_expired",
            Self::Paseto(PasetoError::NotYetValid) => "paseto.token_not_yet_valid",
            Self::Paseto(PasetoError::InvalidClaim { .. }) => "paseto.invalid_claim",
            Self::Session(SessionError::NotFound) => "sessions.not_found",
            Self::Session(SessionError::Conflict) => "sessions.conflict",
            Self::Session(SessionError::EmptyAesKey(_)) => "sessions.empty_aes_key",
            Self::Tokens(TokensError::Invalid) => "tokens.invalid",
            Self::Tokens(TokensError::Reused) => "tokens.reused",
            Self::Store(StoreError::Unavailable(_)) => "store.unavailable",
            Self::Store(StoreError::TimedOut(_)) => "store.timed_out",
            Self::Store(StoreError::Refused(_)) => "store.refused",
            Self::Store(StoreError::Closed) => "store.closed",
            Self::OAuth2(OAuth2Error::ProviderNotConfigured(_)) => {
                "oauth2.configuration.provider_not_configured"
            }
            Self::OAuth2(OAuth2Error::EmptyResponse) => "oauth2.empty_response",
            Self::OAuth2(OAuth2Error::Refused { .. }) => "oauth2.refused",
            Self::OAuth2(OAuth2Error::Unreachable(_)) => "oauth2.unreachable",
            Self::OAuth2(OAuth2Error::InvalidResponse(_)) => "oauth2.invalid_response",
            Self::OAuth2(OAuth2Error::InvalidCallback(_)) => "oauth2.invalid_callback",
            Self::OAuth2(OAuth2Error::InvalidIdToken(_)) => "oauth2.invalid_id_token",
        }
    }

    /// An argument of a call that cannot be used.
    pub(crate) fn validation(reason: impl Into<Reason>) -> Self {
        Self::Validation(reason.into())
    }

    /// The same error, as that of a key of the configuration or of a key below it: whoever knows where a part stands puts
    /// this before what the part knows. An argument that cannot be used is a mistake of the configuration then.
    ///
    /// ```
    /// use jam::{ConfigurationError, Error};
    ///
    /// let error = Error::from(ConfigurationError::key("list[1]", "must be text")).at("jwt").at("services.login");
    /// assert_eq!(error.to_string(), "services.login.jwt.list[1]: must be text");
    /// ```
    pub fn at(self, path: &str) -> Self {
        match self {
            Self::Validation(reason) | Self::Configuration(ConfigurationError::File(reason)) => {
                ConfigurationError::key(path, reason).into()
            }
            Self::Configuration(ConfigurationError::Key { path: below, reason }) => {
                ConfigurationError::key(join(path, &below), reason).into()
            }
            Self::InConfiguration { path: below, cause } => {
                Self::InConfiguration { path: join(path, &below), cause }
            }
            other => Self::InConfiguration { path: path.to_owned(), cause: Box::new(other) },
        }
    }

    /// The same error, as that of a file; one that tells of a file already stays as it is.
    pub(crate) fn in_file(self, file: &Path) -> Self {
        match self {
            Self::Configuration(ConfigurationError::File(_)) | Self::InFile { .. } => self,
            other => Self::InFile { file: file.to_owned(), cause: Box::new(other) },
        }
    }
}

/// The dotted path of what lies `below` a path; the empty path is the top.
fn join(path: &str, below: &str) -> String {
    let dot = if path.is_empty() || below.is_empty() || below.starts_with('[') { "" } else { "." };
    format!("{path}{dot}{below}")
}

impl ConfigurationError {
    /// A key that cannot be used, by its full dotted path.
    pub fn key(path: impl Into<String>, reason: impl Into<Reason>) -> Self {
        Self::Key { path: path.into(), reason: reason.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::{ConfigurationError, Error, KeyError};

    #[test]
    fn the_list_of_codes_names_each_code_of_the_match() {
        let source = include_str!("error.rs");
        let method = source.split("pub fn code(&self)").nth(1).unwrap().split("\n    }\n").next().unwrap();
        let answered: Vec<&str> = method.split('"').skip(1).step_by(2).collect();
        assert_eq!(answered, Error::CODES);
    }

    #[test]
    fn a_part_s_error_gets_the_path_of_its_key() {
        let key = |path: &str, reason: &'static str| Error::from(ConfigurationError::key(path, reason));
        assert_eq!(
            Error::validation("is bad").at("redis_uri").at("session"),
            key("session.redis_uri", "is bad")
        );
        assert_eq!(
            Error::from(ConfigurationError::File("no file".into())).at("json_path"),
            key("json_path", "no file")
        );
        assert_eq!(key("leeway", "is bad").at(""), key("leeway", "is bad"));
        let weak = Error::from(KeyError::Weak("is short".into())).at("[1]").at("secret").at("jwt");
        assert_eq!((weak.code(), weak.to_string().as_str()), ("key.weak", "jwt.secret[1]: is short"));
    }
}
