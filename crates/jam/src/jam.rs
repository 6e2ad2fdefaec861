//! The blocking face.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::config::{
    Backend, Config, DEFAULT_POINTER, LIST_NAMESPACE, ListConfig, OtpConfig, SESSIONS_NAMESPACE,
    SessionConfig,
};
use crate::facade::{
    CodeOptions, Parts, PasetoCreateOptions, PasetoDecodeOptions, PayloadOptions, VerifyOptions, from_bytes,
    to_bytes,
};
use crate::jose::Jwt;
use crate::oauth2::{CallOptions, Client};
use crate::otp::SharedSecret;
use crate::paseto::{Claims, Paseto};
use crate::session::{SessionInfo, Sessions};
use crate::store::{JsonStore, MemoryStore, RedisStore, SqliteStore, Store};
use crate::token_list::TokenList;
use crate::{Result, Timestamp};

/// JSON Web Tokens, sessions, OAuth 2.0, one-time passwords and PASETO behind one configured object.
///
/// A clone is cheap and shares everything. One instance serves any number of threads, and goes on working after a
/// `fork`. [`aio::Jam`](crate::aio::Jam) is the awaited twin. A method of a part that has no section
/// fails with [`ConfigurationError::MissingSection`](crate::ConfigurationError::MissingSection).
///
/// ```
/// use jam::{Jam, PayloadOptions, VerifyOptions};
/// use serde_json::json;
///
/// let jam = Jam::from_value(json!({
///     "jwt": {"alg": "HS256", "secret": "a secret of at least thirty-two bytes"},
///     "session": {"session_type": "memory"},
/// }))?;
///
/// let payload = jam.jwt_make_payload(PayloadOptions::new().exp(3600).claim("user_id", 1))?;
/// let token = jam.jwt_create_token(&payload)?;
/// assert_eq!(jam.jwt_verify_token(&token, &VerifyOptions::new())?["user_id"], 1);
///
/// let session_id = jam.session_create("user", &json!({"user_id": 1}))?;
/// assert_eq!(jam.session_get(&session_id)?, Some(json!({"user_id": 1})));
/// # Ok::<(), jam::Error>(())
/// ```
#[derive(Clone)]
pub struct Jam {
    parts: Arc<Parts<Sessions, TokenList, Client>>,
}

impl Jam {
    /// Makes all parts of a configuration.
    ///
    /// # Errors
    /// Whatever is wrong with any section: nothing is left out silently.
    pub fn new(config: Config) -> Result<Self> {
        Ok(Self { parts: Arc::new(Parts::build(config, sessions, token_list, Client::new)?) })
    }

    /// Reads a `.toml`, `.yaml`, `.yml` or `.json` file at the pointer `jam`. For another one take
    /// [`Config::from_path`].
    ///
    /// # Errors
    /// Those of [`Config::from_path`] and [`Jam::new`].
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self> {
        Self::new(Config::from_path(path, DEFAULT_POINTER)?)
    }

    /// Reads a tree of values, as [`json!`](serde_json::json) makes it.
    ///
    /// # Errors
    /// Those of [`Config::from_value`] and [`Jam::new`].
    pub fn from_value(tree: Value) -> Result<Self> {
        Self::new(Config::from_value(tree)?)
    }

    /// The maker of JSON Web Tokens, where configured.
    pub fn jwt(&self) -> Option<&Jwt> {
        self.parts.jwt.as_ref()
    }

    /// The list of tokens, where configured.
    pub fn jwt_list(&self) -> Option<&TokenList> {
        self.parts.list.as_ref().map(|(_, list)| list)
    }

    /// The sessions, where configured.
    pub fn session(&self) -> Option<&Sessions> {
        self.parts.session.as_ref()
    }

    /// The OAuth 2.0 client of a provider, where configured.
    pub fn oauth2(&self, provider: &str) -> Option<&Client> {
        self.parts.oauth2.as_ref()?.get(provider)
    }

    /// The parameters of one-time passwords, where configured.
    pub fn otp(&self) -> Option<OtpConfig> {
        self.parts.otp
    }

    /// The maker of PASETO tokens, where configured.
    pub fn paseto(&self) -> Option<&Paseto> {
        self.parts.paseto.as_ref()
    }

    /// A payload with `iat`, `exp` and `jti` (RFC 7519 section 4.1), and the claims of the options laid over them. There is
    /// no `exp` if neither the options nor the configuration say when.
    ///
    /// # Errors
    /// [`Error::Validation`](crate::Error::Validation) for a time that cannot be represented.
    pub fn jwt_make_payload(&self, options: PayloadOptions) -> Result<Map<String, Value>> {
        self.parts.jwt_make_payload(options)
    }

    /// The signed token of a payload, put on the white list where one is configured.
    ///
    /// # Errors
    /// [`JwtError::EmptyPrivateKey`](crate::JwtError::EmptyPrivateKey) if there is only a public key; the store's, for
    /// the list.
    pub fn jwt_create_token(&self, payload: &Map<String, Value>) -> Result<String> {
        let token = self.parts.jwt()?.encode(payload)?;
        self.parts.white_list().map_or(Ok(()), |list| list.add(&token, Timestamp::now()))?;
        Ok(token)
    }

    /// The payload of a token whose signature, times, issuer, audience and list entry are in order.
    ///
    /// # Errors
    /// [`JwtError`](crate::JwtError) says what is not; an invalid signature is told before anything else.
    pub fn jwt_verify_token(&self, token: &str, options: &VerifyOptions) -> Result<Map<String, Value>> {
        let payload = self.parts.jwt_decode(token, options)?;
        self.parts.list_for(options).map_or(Ok(()), |list| list.admit(token, Timestamp::now()))?;
        Ok(payload)
    }

    /// [`Jam::jwt_create_token`] by its name of the 3.x line.
    pub fn jwt_create(&self, payload: &Map<String, Value>) -> Result<String> {
        self.jwt_create_token(payload)
    }

    /// [`Jam::jwt_create_token`] by its other name of the 3.x line.
    pub fn jwt_encode(&self, payload: &Map<String, Value>) -> Result<String> {
        self.jwt_create_token(payload)
    }

    /// [`Jam::jwt_verify_token`] by its name of the 3.x line.
    pub fn jwt_decode(&self, token: &str, options: &VerifyOptions) -> Result<Map<String, Value>> {
        self.jwt_verify_token(token, options)
    }

    /// A new session of the owner `session_key`, which is any text. Gives the id: it is a secret of the client's.
    ///
    /// # Errors
    /// The store's; [`Error::Validation`](crate::Error::Validation) for data nested too deep.
    pub fn session_create(&self, session_key: &str, data: &Value) -> Result<String> {
        self.parts.session()?.create(session_key, &to_bytes(data)?, Timestamp::now())
    }

    /// The data of a session; `None` for an id that is unknown, expired, malformed or forged.
    ///
    /// # Errors
    /// The store's.
    pub fn session_get(&self, session_id: &str) -> Result<Option<Value>> {
        from_bytes(self.parts.session()?.get(session_id, Timestamp::now())?)
    }

    /// Replaces the data of a live session.
    ///
    /// # Errors
    /// [`SessionError::NotFound`](crate::SessionError::NotFound): no session is made; the store's.
    pub fn session_update(&self, session_id: &str, data: &Value) -> Result<()> {
        self.parts.session()?.update(session_id, &to_bytes(data)?, Timestamp::now())
    }

    /// Ends a session. An unknown id is no error.
    ///
    /// # Errors
    /// The store's.
    pub fn session_delete(&self, session_id: &str) -> Result<()> {
        self.parts.session()?.delete(session_id, Timestamp::now())
    }

    /// Ends all sessions of an owner.
    ///
    /// # Errors
    /// The store's.
    pub fn session_clear(&self, session_key: &str) -> Result<()> {
        self.parts.session()?.clear(session_key, Timestamp::now())
    }

    /// Gives a session a new id, atomically: same data, same deadline, and the old id is dead. Do this at each login.
    ///
    /// # Errors
    /// [`SessionError::NotFound`](crate::SessionError::NotFound); the store's.
    pub fn session_rework(&self, old_session_id: &str) -> Result<String> {
        self.parts.session()?.rework(old_session_id, Timestamp::now())
    }

    /// The live sessions of an owner: a public handle and the times of each, never an id that could be used.
    ///
    /// # Errors
    /// The store's.
    pub fn session_list(&self, session_key: &str) -> Result<Vec<SessionInfo>> {
        self.parts.session()?.list(session_key, Timestamp::now())
    }

    /// A one-time password. `factor` is the Unix time in seconds, or now (RFC 6238), or the counter (RFC 4226).
    ///
    /// # Errors
    /// [`Error::Validation`](crate::Error::Validation) for a counter that is missing.
    pub fn otp_code(&self, secret: &SharedSecret, factor: Option<u64>) -> Result<String> {
        self.parts.otp_code(secret, factor)
    }

    /// The `otpauth://` text that authenticator apps read. `counter` is where a HOTP begins (0).
    ///
    /// # Errors
    /// [`Error::Validation`](crate::Error::Validation) for a name that is empty.
    pub fn otp_uri(
        &self,
        secret: &SharedSecret,
        name: &str,
        issuer: &str,
        counter: Option<u64>,
    ) -> Result<String> {
        self.parts.otp_uri(secret, name, issuer, counter)
    }

    /// Whether a one-time password is good. The comparison takes the same time whatever was typed.
    ///
    /// # Errors
    /// [`Error::Validation`](crate::Error::Validation) for a counter that is missing and a window that is too wide.
    pub fn otp_verify_code(&self, secret: &SharedSecret, code: &str, options: CodeOptions) -> Result<bool> {
        self.parts.otp_verify_code(secret, code, options)
    }

    /// Where to send the browser (RFC 6749 section 4.1.1).
    ///
    /// # Errors
    /// [`OAuth2Error`](crate::OAuth2Error); with an issuer, the first call asks it for its addresses.
    pub fn oauth2_get_authorized_url(
        &self,
        provider: &str,
        scope: &[&str],
        options: &CallOptions,
    ) -> Result<String> {
        self.parts.client(provider)?.authorization_url(scope, options)
    }

    /// The tokens for the code that the browser brought back (RFC 6749 section 4.1.3).
    ///
    /// # Errors
    /// [`OAuth2Error`](crate::OAuth2Error).
    pub fn oauth2_fetch_token(
        &self,
        provider: &str,
        code: &str,
        options: &CallOptions,
    ) -> Result<Map<String, Value>> {
        self.parts.client(provider)?.fetch_token(code, options)
    }

    /// A new access token (RFC 6749 section 6).
    ///
    /// # Errors
    /// [`OAuth2Error`](crate::OAuth2Error).
    pub fn oauth2_refresh_token(
        &self,
        provider: &str,
        refresh_token: &str,
        options: &CallOptions,
    ) -> Result<Map<String, Value>> {
        self.parts.client(provider)?.refresh_token(refresh_token, options)
    }

    /// An access token for the program itself (RFC 6749 section 4.4).
    ///
    /// # Errors
    /// [`OAuth2Error`](crate::OAuth2Error).
    pub fn oauth2_client_credentials_flow(
        &self,
        provider: &str,
        scope: &[&str],
        options: &CallOptions,
    ) -> Result<Map<String, Value>> {
        self.parts.client(provider)?.client_credentials(scope, options)
    }

    /// A payload with `iat`, `exp` and `jti` in the forms of PASETO, and the claims of the options laid over them.
    ///
    /// # Errors
    /// [`Error::Validation`](crate::Error::Validation) for a time that cannot be represented.
    pub fn paseto_make_payload(&self, options: PayloadOptions) -> Result<Map<String, Value>> {
        self.parts.paseto_make_payload(options)
    }

    /// The token of a payload: encrypted (local) or signed (public).
    ///
    /// # Errors
    /// [`PasetoError`](crate::PasetoError) if there is only a public key;
    /// [`Error::Validation`](crate::Error::Validation) for what is too long.
    pub fn paseto_create(
        &self,
        payload: &Map<String, Value>,
        options: &PasetoCreateOptions,
    ) -> Result<String> {
        self.parts.paseto_create(payload, options)
    }

    /// The payload and the footer of a token that this key opens.
    ///
    /// # Errors
    /// [`PasetoError`](crate::PasetoError).
    pub fn paseto_decode(&self, token: &str, options: &PasetoDecodeOptions) -> Result<Claims> {
        self.parts.paseto_decode(token, options)
    }

    /// Lets go of files and connections, for all clones. Sessions and lists fail with
    /// [`StoreError::Closed`](crate::StoreError::Closed) from here on; what needs no store works on.
    pub fn close(&self) {
        if let Some(sessions) = self.session() {
            sessions.close();
        }
        if let Some(list) = self.jwt_list() {
            list.close();
        }
    }
}

impl fmt::Debug for Jam {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.describe("Jam", formatter)
    }
}

fn sessions(config: SessionConfig) -> Result<Sessions> {
    Sessions::new(store(&config.backend, SESSIONS_NAMESPACE)?, config.options)
}

fn token_list(config: ListConfig, leeway: std::time::Duration) -> Result<TokenList> {
    TokenList::new(store(&config.backend, LIST_NAMESPACE)?, config.kind, config.life_time, leeway)
}

fn store(backend: &Backend, namespace: &str) -> Result<Arc<dyn Store>> {
    Ok(match backend {
        Backend::Memory => Arc::new(MemoryStore::new()),
        Backend::Json { path } => Arc::new(JsonStore::open(path, namespace)?),
        Backend::Sqlite { path } => Arc::new(SqliteStore::open(path, namespace)?),
        Backend::Redis(options) => Arc::new(RedisStore::open(options.clone())?),
    })
}
