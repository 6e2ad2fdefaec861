//! How a client proves who it is (RFC 6749 section 2.3, RFC 7523 section 2.2, OpenID Connect Core 1.0 section 9).

use std::borrow::Cow;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::login::random_text;
use crate::jose::Jwk;
use crate::jose::jws::{Algorithm, SigningKey, sign};
use crate::secret::Secret;
use crate::{Error, Result, Timestamp};

/// How a client proves who it is. The names are those of OpenID Connect Core section 9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientAuthentication {
    /// `client_secret_basic`: the `Authorization` header, id and secret form-encoded before base64. Every server
    /// must support it.
    Basic,
    /// `client_secret_post`: `client_id` and `client_secret` in the form.
    Post,
    /// `client_secret_jwt`: a JWT below an HMAC with the client secret, which itself is never sent.
    SecretJwt,
    /// `private_key_jwt`: a JWT below a signature with the [`private_key`](super::ProviderOptions::private_key), whose
    /// public half the provider knows.
    PrivateKeyJwt,
    /// `none`: a public client, which sends its id alone.
    None,
}

impl ClientAuthentication {
    /// The names in a configuration and in an issuer's metadata.
    pub const NAMES: [&'static str; 5] =
        ["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none"];
}

impl FromStr for ClientAuthentication {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "client_secret_basic" => Ok(Self::Basic),
            "client_secret_post" => Ok(Self::Post),
            "client_secret_jwt" => Ok(Self::SecretJwt),
            "private_key_jwt" => Ok(Self::PrivateKeyJwt),
            "none" => Ok(Self::None),
            _ => Err(Error::validation(format!(
                "client_authentication: must be one of {}",
                Self::NAMES.join(", ")
            ))),
        }
    }
}

/// The type of an assertion that is a JWT (RFC 7523 section 2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// An assertion is sent at once, so it need not live long.
const ASSERTION_LIFE_TIME: Duration = Duration::from_secs(60);

/// What a client has to prove itself with.
pub(super) struct Credentials {
    pub(super) secret: Option<Secret<String>>,
    pub(super) private_key: Option<SigningKey>,
}

/// What goes into a request: parameters of the form, and the `Authorization` header.
#[derive(Default)]
pub(super) struct Proof {
    pub(super) parameters: Vec<(&'static str, Cow<'static, str>)>,
    pub(super) authorization: Option<Secret<String>>,
}

impl Credentials {
    /// The private key, as text of PEM or of a JWK. It signs with the algorithm that the JWK names, else with the one that
    /// every server knows for its type: RS256, ES256 and its kin, EdDSA.
    pub(super) fn signing_key(text: &Secret<String>) -> Result<SigningKey> {
        let key = Jwk::from_text(text.expose(), None)?;
        let algorithm = match (key.algorithm(), key.key_type(), key.curve()) {
            (Some(name), _, _) => name.parse()?,
            (None, "RSA", _) => Algorithm::Rs256,
            (None, "EC", Some("P-384")) => Algorithm::Es384,
            (None, "EC", Some("P-521")) => Algorithm::Es512,
            (None, "EC", _) => Algorithm::Es256,
            _ => Algorithm::EdDsa,
        };
        SigningKey::new(algorithm, &key)
    }

    /// Whether there is what this way asks for.
    pub(super) fn suffice_for(&self, way: ClientAuthentication) -> bool {
        match way {
            ClientAuthentication::Basic | ClientAuthentication::Post | ClientAuthentication::SecretJwt => {
                self.secret.is_some()
            }
            ClientAuthentication::PrivateKeyJwt => self.private_key.is_some(),
            ClientAuthentication::None => true,
        }
    }

    /// The way to take where none is configured: the safest that the provider offers and the credentials suffice for.
    pub(super) fn choose(&self, offered: &[ClientAuthentication]) -> Option<ClientAuthentication> {
        use ClientAuthentication::{Basic, None, Post, PrivateKeyJwt};
        if self.secret.is_none() && self.private_key.is_none() {
            return Some(None);
        }
        // A secret that a person typed is seldom long enough for an HMAC, so that way is taken only where it is asked for.
        let ways = [PrivateKeyJwt, Basic, Post].into_iter();
        let mut possible = ways.filter(|way| self.suffice_for(*way));
        possible.find(|way| offered.contains(way)).or(offered.contains(&None).then_some(None))
    }

    /// The proof for one request. `audience` is the provider's name for itself.
    pub(super) fn prove(
        &self,
        way: ClientAuthentication,
        client_id: &str,
        audience: &str,
        now: Timestamp,
    ) -> Result<Proof> {
        let id = ("client_id", Cow::from(client_id.to_owned()));
        match (way, &self.secret, &self.private_key) {
            (ClientAuthentication::Basic, Some(secret), _) => {
                let credentials = format!("{}:{}", form_encode(client_id), form_encode(secret.expose()));
                let authorization = Some(Secret::new(format!("Basic {}", STANDARD.encode(credentials))));
                Ok(Proof { authorization, ..Proof::default() })
            }
            (ClientAuthentication::Post, Some(secret), _) => {
                let secret = ("client_secret", secret.expose().clone().into());
                Ok(Proof { parameters: vec![id, secret], ..Proof::default() })
            }
            (ClientAuthentication::SecretJwt, Some(secret), _) => {
                let key = Jwk::from_secret(secret.expose().as_bytes().to_vec());
                assertion(&SigningKey::new(Algorithm::Hs256, &key)?, id, audience, now)
            }
            (ClientAuthentication::PrivateKeyJwt, _, Some(key)) => assertion(key, id, audience, now),
            _ => Ok(Proof { parameters: vec![id], ..Proof::default() }),
        }
    }

    /// What no error may repeat.
    pub(super) fn confidential(&self, client_id: &str) -> Vec<Secret<String>> {
        let Some(secret) = &self.secret else { return Vec::new() };
        let encoded = form_encode(secret.expose());
        let credentials = format!("{}:{encoded}", form_encode(client_id));
        vec![Secret::new(STANDARD.encode(credentials)), Secret::new(encoded), secret.clone()]
    }
}

/// RFC 7523 section 3. Each has an id of its own, since servers accept none twice.
fn assertion(
    key: &SigningKey,
    client_id: (&'static str, Cow<'static, str>),
    audience: &str,
    now: Timestamp,
) -> Result<Proof> {
    let claims = json!({
        "iss": client_id.1,
        "sub": client_id.1,
        "aud": audience,
        "jti": random_text(),
        "iat": now.as_seconds(),
        "exp": (now + ASSERTION_LIFE_TIME).as_seconds(),
    });
    let token = sign(Value::to_string(&claims).as_bytes(), &Map::new(), key)?;
    let assertion = [("client_assertion_type", JWT_BEARER.into()), ("client_assertion", token.into())];
    let parameters = std::iter::once(client_id).chain(assertion).collect();
    Ok(Proof { parameters, ..Proof::default() })
}

/// `application/x-www-form-urlencoded`, as RFC 6749 appendix B asks for.
pub(super) fn form_encode(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
