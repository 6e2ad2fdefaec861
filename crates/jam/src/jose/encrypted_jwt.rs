//! The configured codec for encrypted JSON Web Tokens (RFC 7519 section 3), with or without a signature inside.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::jwe::{Header, Jwe};
use super::jws::is_same_media_type;
use super::jwt::{Jwt, JwtOptions};
use super::rules::{DecodeOptions, TokenRules, payload_text};
use crate::{JwtError, Result, Timestamp};

/// The claims that a header may repeat in the open (RFC 7519 section 5.3).
const REPLICATED: [&str; 3] = ["iss", "sub", "aud"];

/// A codec for encrypted tokens, whose claims only those can read who hold the key.
///
/// Encryption alone shows who made a token only where the key is shared: to a public key anybody can encrypt. Where that
/// matters, take [`EncryptedJwt::nested`], which signs the claims and encrypts the signed token.
///
/// ```
/// use jam::Timestamp;
/// use jam::jose::jwe::{Jwe, JweOptions};
/// use jam::jose::{DecodeOptions, EncryptedJwt, Jwk, JwtOptions};
/// use serde_json::json;
///
/// let jwe = Jwe::new(&[Jwk::from_secret(vec![7; 32])], JweOptions::default())?; // dir, A256GCM
/// let jwt = EncryptedJwt::new(jwe, JwtOptions::default())?;
/// let token = jwt.encode(&json!({"user_id": 1}).as_object().cloned().unwrap_or_default())?;
/// assert_eq!(token.split('.').count(), 5);
///
/// let now = Timestamp::from_seconds(1_700_000_000);
/// assert_eq!(jwt.decode(&token, &DecodeOptions::default(), now)?["user_id"], 1);
/// # Ok::<(), jam::Error>(())
/// ```
#[derive(Debug)]
pub struct EncryptedJwt {
    jwe: Arc<Jwe>,
    /// Further parameters of the header of new tokens.
    header: Map<String, Value>,
    content: Content,
}

/// What is encrypted.
#[derive(Debug)]
enum Content {
    Claims(TokenRules),
    Signed(Box<Jwt>),
}

impl EncryptedJwt {
    /// A codec that encrypts claims as they are. Of the options those for keys and for signing are not its own.
    ///
    /// # Errors
    /// [`Error::Validation`](crate::Error::Validation) for options that hold keys, for a leeway over a day, and for a type or
    /// a required claim without a name.
    pub fn new(jwe: impl Into<Arc<Jwe>>, options: JwtOptions) -> Result<Self> {
        let rules = TokenRules::new(options)?;
        let header = Map::from_iter([("typ".to_owned(), rules.token_type().into())]);
        Ok(Self { jwe: jwe.into(), header, content: Content::Claims(rules) })
    }

    /// A codec for nested tokens: `signed` signs the claims and has the rules, `jwe` encrypts what it made
    /// (RFC 7519 section 11.2). They nest once and no deeper.
    pub fn nested(signed: Jwt, jwe: impl Into<Arc<Jwe>>) -> Self {
        let header = Map::from_iter([("cty".to_owned(), "JWT".into())]);
        Self { jwe: jwe.into(), header, content: Content::Signed(Box::new(signed)) }
    }

    /// What new tokens say, and what those that are read must say.
    pub fn rules(&self) -> &TokenRules {
        match &self.content {
            Content::Claims(rules) => rules,
            Content::Signed(jwt) => jwt.rules(),
        }
    }

    /// How tokens are encrypted.
    pub fn jwe(&self) -> &Jwe {
        &self.jwe
    }

    /// Encrypts a payload.
    ///
    /// # Errors
    /// As [`Jwe::encrypt`], and as [`Jwt::encode`] for a nested token.
    pub fn encode(&self, payload: &Map<String, Value>) -> Result<String> {
        self.encode_json(&payload_text(payload)?)
    }

    /// Encrypts a payload that is the text of a JSON object already. The text is not looked at.
    ///
    /// # Errors
    /// As [`EncryptedJwt::encode`].
    pub fn encode_json(&self, payload: &[u8]) -> Result<String> {
        match &self.content {
            Content::Claims(_) => self.jwe.encrypt(payload, &self.header),
            Content::Signed(jwt) => self.jwe.encrypt(jwt.encode_json(payload)?.as_bytes(), &self.header),
        }
    }

    /// The payload of a token, and those of its claims that the header repeats: they must be the same. Claims are not
    /// looked at.
    ///
    /// # Errors
    /// [`JweError`](crate::JweError) for a token that cannot be decrypted; [`JwtError::Malformed`] for one of another type,
    /// and for one that does or does not hold a signed token against what is expected; as [`Jwt::verify`] for what a nested
    /// token holds.
    pub fn decrypt(&self, token: &str) -> Result<(Vec<u8>, Map<String, Value>)> {
        let (header, plaintext) = self.jwe.decrypt(token)?.into_parts();
        let is_nested = header.content_type().is_some_and(|name| is_same_media_type(name, "JWT"));
        let payload = match &self.content {
            Content::Claims(_) if is_nested => {
                return Err(malformed("the token holds another token in place of claims"));
            }
            Content::Claims(rules) => {
                rules.check_type(header.token_type())?;
                plaintext
            }
            Content::Signed(_) if !is_nested => {
                return Err(malformed(
                    "the token holds no signed token, which its header's \"cty\" would say",
                ));
            }
            Content::Signed(jwt) => {
                let token = std::str::from_utf8(&plaintext)
                    .map_err(|_| malformed("what was encrypted is no signed token"))?;
                jwt.verify(token)?
            }
        };
        Ok((payload, replicated(header)))
    }

    /// The claims of a token that can be decrypted, whose signature holds where it is nested, and whose claims fit the
    /// rules.
    ///
    /// # Errors
    /// As [`EncryptedJwt::decrypt`] and [`Jwt::decode`]; [`JwtError::InvalidClaim`] for a claim that the header repeats with
    /// another value.
    pub fn decode(&self, token: &str, options: &DecodeOptions, now: Timestamp) -> Result<Map<String, Value>> {
        let (payload, replicated) = self.decrypt(token)?;
        let claims = self.rules().claims(&payload, options, now)?;
        Self::check_replicated(replicated, |name, value| claims.get(name) == Some(value))?;
        Ok(claims)
    }

    /// Refuses claims that a header repeats with another value. `is_same` says whether the payload has this one.
    ///
    /// # Errors
    /// [`JwtError::InvalidClaim`] with the name of the claim.
    pub fn check_replicated(
        replicated: Map<String, Value>,
        is_same: impl Fn(&str, &Value) -> bool,
    ) -> Result<(), JwtError> {
        match replicated.into_iter().find(|(name, value)| !is_same(name, value)) {
            Some((name, _)) => Err(JwtError::InvalidClaim {
                claim: name.into(),
                reason: "the token's header has another value of it than its payload".into(),
            }),
            None => Ok(()),
        }
    }
}

fn replicated(header: Header) -> Map<String, Value> {
    header.into_members().into_iter().filter(|(name, _)| REPLICATED.contains(&name.as_str())).collect()
}

fn malformed(reason: &'static str) -> crate::Error {
    JwtError::Malformed(reason.into()).into()
}
