//! The blocking face.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::config::{
    Backend, Config, DEFAULT_POINTER, LIST_NAMESPACE, ListConfig, OtpConfig, REPLAY_GUARD_NAMESPACE,
    SESSIONS_NAMESPACE, SessionConfig, TOKENS_NAMESPACE, TokensConfig,
};
use crate::facade::{
    CodeOptions, Parts, PasetoCreateOptions, PasetoDecodeOptions, PayloadOptions, VerifyOptions, from_bytes,
    to_bytes, to_value,
};
use crate::jose::Jwt;
use crate::jose::jwe::{Decrypted, Jwe};
use crate::jose::jws::{KeyRing, Verified};
use crate::oauth2::{
    CallOptions, Callback, Client, CompletedLogin, DeviceAuthorization, LOGIN_LIFE_TIME, Login,
};
use crate::otp::SharedSecret;
use crate::paseto::{Claims, Paseto};
use crate::replay_guard::ReplayGuard;
use crate::session::{Codec, Session, SessionInfo, Sessions};
use crate::token_list::TokenList;
use crate::tokens::{AccessTokens, FamilyInfo, TokenPair, Tokens};
use crate::{Error, Result, Timestamp};

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
    parts: Arc<Parts<Sessions, TokenList, Tokens, ReplayGuard, Client>>,
}

impl Jam {
    /// Makes all parts of a configuration.
    ///
    /// ```
    /// use jam::Jam;
    /// use jam::config::{Config, OtpConfig};
    ///
    /// let jam = Jam::new(Config { otp: Some(OtpConfig::default()), ..Config::default() })?;
    /// assert!(jam.otp().is_some() && jam.jwt().is_none());
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// Whatever is wrong with any section: nothing is left out silently.
    pub fn new(config: Config) -> Result<Self> {
        let parts = Parts::build(config, sessions, token_list, tokens, replay_guard, Client::new)?;
        Ok(Self { parts: Arc::new(parts) })
    }

    /// Reads a `.toml`, `.yaml`, `.yml` or `.json` file at the pointer `jam`. For another one take
    /// [`Config::from_path`].
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// use jam::Jam;
    ///
    /// let path = folder.path().join("jam.toml");
    /// std::fs::write(&path, "[jam.otp]\ndigits = 8\n").unwrap();
    /// assert!(Jam::from_path(&path)?.otp().is_some());
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Config::from_path`] and [`Jam::new`].
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self> {
        Self::new(Config::from_path(path, DEFAULT_POINTER)?)
    }

    /// Reads a tree of values, as [`json!`](serde_json::json) makes it.
    ///
    /// ```
    /// use jam::Jam;
    /// use serde_json::json;
    ///
    /// assert!(Jam::from_value(json!({"otp": {"digits": 8}}))?.otp().is_some());
    /// assert!(Jam::from_value(json!({"otp": {"digitz": 8}})).is_err());
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Config::from_value`] and [`Jam::new`].
    pub fn from_value(tree: Value) -> Result<Self> {
        Self::new(Config::from_value(tree)?)
    }

    /// The maker of JSON Web Tokens, where configured.
    pub fn jwt(&self) -> Option<&Jwt> {
        self.parts.jwt.as_deref()
    }

    /// The keys of JSON Web Signatures, where configured.
    pub fn jws(&self) -> Option<&KeyRing> {
        self.parts.jws.as_ref()
    }

    /// The codec of JSON Web Encryption, where configured; also for the JSON forms.
    pub fn jwe(&self) -> Option<&Jwe> {
        self.parts.jwe.as_ref()
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
    pub fn otp(&self) -> Option<&OtpConfig> {
        self.parts.otp.as_ref()
    }

    /// The memory of used one-time passwords, where configured.
    pub fn replay_guard(&self) -> Option<&ReplayGuard> {
        self.parts.replay_guard.as_ref()
    }

    /// The maker of PASETO tokens, where configured.
    pub fn paseto(&self) -> Option<&Paseto> {
        self.parts.paseto.as_deref()
    }

    /// The pairs of access and refresh tokens, where configured.
    pub fn tokens(&self) -> Option<&Tokens> {
        self.parts.tokens.as_ref()
    }

    /// A payload with `iat`, `exp` and `jti` (RFC 7519 section 4.1), and the claims of the options laid over them. There is
    /// no `exp` if neither the options nor the configuration say when.
    ///
    /// ```
    /// # let jam = jam::Jam::from_value(serde_json::json!({"jwt": {"alg": "HS256", "secret": "a secret of at least thirty-two bytes"}}))?;
    /// let payload = jam.jwt_make_payload(jam::PayloadOptions::new().exp(900).claim("role", "admin"))?;
    /// assert_eq!(payload["exp"].as_i64(), payload["iat"].as_i64().map(|issued| issued + 900));
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Validation`](crate::Error::Validation) for a time that cannot be represented.
    pub fn jwt_make_payload(&self, options: PayloadOptions) -> Result<Map<String, Value>> {
        self.parts.jwt_make_payload(options)
    }

    /// The signed token of a payload, put on the white list where one is configured.
    ///
    /// ```
    /// # let jam = jam::Jam::from_value(serde_json::json!({"jwt": {"alg": "HS256", "secret": "a secret of at least thirty-two bytes"}}))?;
    /// let token = jam.jwt_create_token(&jam.jwt_make_payload(jam::PayloadOptions::new())?)?;
    /// assert_eq!(token.split('.').count(), 3);
    /// # Ok::<(), jam::Error>(())
    /// ```
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
    /// ```
    /// # let jam = jam::Jam::from_value(serde_json::json!({"jwt": {"alg": "HS256", "secret": "a secret of at least thirty-two bytes"}}))?;
    /// use jam::{PayloadOptions, VerifyOptions};
    ///
    /// let payload = jam.jwt_make_payload(PayloadOptions::new().exp(-1))?;
    /// let token = jam.jwt_create_token(&payload)?;
    /// let error = jam.jwt_verify_token(&token, &VerifyOptions::new()).unwrap_err();
    /// assert_eq!(error.code(), "jwt.token_expired");
    /// assert_eq!(jam.jwt_verify_token(&token, &VerifyOptions::new().check_exp(false))?, payload);
    /// # Ok::<(), jam::Error>(())
    /// ```
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

    /// Refuses all tokens of a subject that were issued up to `issued_before`, which is now if left out: logged out everywhere,
    /// without knowing the tokens. What counts is `iat`, in whole seconds, so that a token of the same second is refused.
    ///
    /// ```
    /// # let jam = jam::Jam::from_value(serde_json::json!({
    /// #     "jwt": {"alg": "HS256", "secret": "a secret of at least thirty-two bytes", "list": {"type": "black", "backend": "memory"}},
    /// # }))?;
    /// use jam::{PayloadOptions, VerifyOptions};
    ///
    /// let token = jam.jwt_create_token(&jam.jwt_make_payload(PayloadOptions::new().claim("sub", "user 1"))?)?;
    /// jam.jwt_revoke_subject("user 1", None)?;
    /// assert_eq!(jam.jwt_verify_token(&token, &VerifyOptions::new()).unwrap_err().code(), "jwt.blacklist");
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`TokenList::revoke_subject`].
    pub fn jwt_revoke_subject(&self, subject: &str, issued_before: Option<Timestamp>) -> Result<()> {
        self.parts.list()?.revoke_subject(subject, issued_before, Timestamp::now())
    }

    /// An access token and a refresh token for a subject that has just logged in. The claims stand in every access token of the
    /// login.
    ///
    /// ```
    /// # let jam = jam::Jam::from_value(serde_json::json!({
    /// #     "jwt": {"alg": "HS256", "secret": "a secret of at least thirty-two bytes"},
    /// #     "tokens": {"backend": "memory"},
    /// # }))?;
    /// let pair = jam.tokens_issue("user 1", &serde_json::Map::new())?;
    /// let payload = jam.jwt_verify_token(pair.access_token.expose(), &jam::VerifyOptions::new())?;
    /// assert_eq!(payload["sub"], "user 1");
    /// assert_eq!(pair.to_map()["token_type"], "Bearer");
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Tokens::issue`].
    pub fn tokens_issue(&self, subject: &str, claims: &Map<String, Value>) -> Result<TokenPair> {
        self.parts.tokens()?.issue(subject, claims, Timestamp::now())
    }

    /// The next pair for a refresh token, which is used up. One that was used before revokes all tokens of its login.
    ///
    /// ```
    /// # let jam = jam::Jam::from_value(serde_json::json!({
    /// #     "jwt": {"alg": "HS256", "secret": "a secret of at least thirty-two bytes"},
    /// #     "tokens": {"backend": "memory"},
    /// # }))?;
    /// let first = jam.tokens_issue("user 1", &serde_json::Map::new())?;
    /// let second = jam.tokens_refresh(first.refresh_token.expose())?;
    /// assert_eq!(jam.tokens_refresh(first.refresh_token.expose()).unwrap_err().code(), "tokens.reused");
    /// assert_eq!(jam.tokens_refresh(second.refresh_token.expose()).unwrap_err().code(), "tokens.invalid");
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Tokens::refresh`].
    pub fn tokens_refresh(&self, refresh_token: &str) -> Result<TokenPair> {
        self.parts.tokens()?.refresh(refresh_token, Timestamp::now())
    }

    /// Revokes all tokens of the login that a refresh token is of. What is no such token is no error.
    ///
    /// ```
    /// # let jam = jam::Jam::from_value(serde_json::json!({
    /// #     "jwt": {"alg": "HS256", "secret": "a secret of at least thirty-two bytes"},
    /// #     "tokens": {"backend": "memory"},
    /// # }))?;
    /// let pair = jam.tokens_issue("user 1", &serde_json::Map::new())?;
    /// jam.tokens_revoke(pair.refresh_token.expose())?;
    /// assert!(jam.tokens_refresh(pair.refresh_token.expose()).is_err());
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Tokens::revoke`].
    pub fn tokens_revoke(&self, refresh_token: &str) -> Result<()> {
        self.parts.tokens()?.revoke(refresh_token, Timestamp::now())
    }

    /// Revokes all tokens of the subject's login that [`Jam::tokens_list`] tells under this handle; `false`: there is none.
    ///
    /// ```
    /// # let jam = jam::Jam::from_value(serde_json::json!({
    /// #     "jwt": {"alg": "HS256", "secret": "a secret of at least thirty-two bytes"},
    /// #     "tokens": {"backend": "memory"},
    /// # }))?;
    /// jam.tokens_issue("user 1", &serde_json::Map::new())?;
    /// let handle = &jam.tokens_list("user 1")?[0].handle;
    /// assert!(jam.tokens_revoke_family("user 1", handle)?);
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Tokens::revoke_family`].
    pub fn tokens_revoke_family(&self, subject: &str, handle: &str) -> Result<bool> {
        self.parts.tokens()?.revoke_family(subject, handle, Timestamp::now())
    }

    /// Revokes all tokens of a subject: logged out everywhere.
    ///
    /// ```
    /// # let jam = jam::Jam::from_value(serde_json::json!({
    /// #     "jwt": {"alg": "HS256", "secret": "a secret of at least thirty-two bytes"},
    /// #     "tokens": {"backend": "memory"},
    /// # }))?;
    /// jam.tokens_issue("user 1", &serde_json::Map::new())?;
    /// jam.tokens_revoke_all("user 1")?;
    /// assert!(jam.tokens_list("user 1")?.is_empty());
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Tokens::revoke_all`].
    pub fn tokens_revoke_all(&self, subject: &str) -> Result<()> {
        self.parts.tokens()?.revoke_all(subject, Timestamp::now())
    }

    /// The live logins of a subject, oldest first: handle, created, last used, expires; never a token.
    ///
    /// ```
    /// # let jam = jam::Jam::from_value(serde_json::json!({
    /// #     "jwt": {"alg": "HS256", "secret": "a secret of at least thirty-two bytes"},
    /// #     "tokens": {"backend": "memory"},
    /// # }))?;
    /// jam.tokens_issue("user 1", &serde_json::Map::new())?;
    /// assert_eq!(jam.tokens_list("user 1")?.len(), 1);
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Tokens::list`].
    pub fn tokens_list(&self, subject: &str) -> Result<Vec<FamilyInfo>> {
        self.parts.tokens()?.list(subject, Timestamp::now())
    }

    /// A JSON Web Signature of any bytes, in the compact form (RFC 7515), by the newest key. `header` has further parameters
    /// for the protected header, beside `alg` and `kid`.
    ///
    /// ```
    /// # let jam = jam::Jam::from_value(serde_json::json!({"jose": {"jws": {"alg": "HS256", "secret": "a secret of at least thirty-two bytes"}}}))?;
    /// let header = serde_json::json!({"cty": "text/plain"});
    /// let token = jam.jws_sign(b"hello", header.as_object())?;
    /// let verified = jam.jws_verify(&token)?;
    /// assert_eq!((verified.payload(), verified.header().content_type()), (&b"hello"[..], Some("text/plain")));
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Validation`](crate::Error::Validation) for a header that contradicts the key;
    /// [`JwtError::EmptyPrivateKey`](crate::JwtError::EmptyPrivateKey) if there are only public keys.
    pub fn jws_sign(&self, payload: &[u8], header: Option<&Map<String, Value>>) -> Result<String> {
        self.parts.jws_sign(payload, header)
    }

    /// The header and the payload of a JSON Web Signature in the compact form, if it is of one of the keys.
    ///
    /// ```
    /// # let jam = jam::Jam::from_value(serde_json::json!({"jose": {"jws": {"alg": "HS256", "secret": "a secret of at least thirty-two bytes"}}}))?;
    /// let token = jam.jws_sign(b"hello", None)?;
    /// assert_eq!(jam.jws_verify(&token)?.payload(), b"hello");
    /// assert_eq!(jam.jws_verify(&token.replace('.', ".a")).unwrap_err().code(), "jwt.invalid_signature");
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`JwtError`](crate::JwtError) says why it is refused.
    pub fn jws_verify(&self, token: &str) -> Result<Verified> {
        self.parts.jws_verify(token)
    }

    /// A JSON Web Encryption of any bytes, in the compact form (RFC 7516), to the newest key. `header` has further parameters
    /// for the protected header, beside `alg`, `enc` and `kid`.
    ///
    /// ```
    /// # let section = serde_json::json!({"alg": "A128KW", "enc": "A128GCM", "secret": "AAECAwQFBgcICQoLDA0ODw"});
    /// # let jam = jam::Jam::from_value(serde_json::json!({"jose": {"jwe": section}}))?;
    /// let header = serde_json::json!({"cty": "text/plain"});
    /// let token = jam.jwe_encrypt(b"hello", header.as_object())?;
    /// let decrypted = jam.jwe_decrypt(&token)?;
    /// assert_eq!((decrypted.plaintext(), decrypted.header().content_type()), (&b"hello"[..], Some("text/plain")));
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Validation`](crate::Error::Validation) for a header that contradicts the key;
    /// [`KeyError::WrongKind`](crate::KeyError::WrongKind) if the newest key may not encrypt.
    pub fn jwe_encrypt(&self, plaintext: &[u8], header: Option<&Map<String, Value>>) -> Result<String> {
        self.parts.jwe_encrypt(plaintext, header)
    }

    /// The header and the plaintext of a JSON Web Encryption in the compact form, if it was encrypted to one of the keys.
    ///
    /// ```
    /// # let section = serde_json::json!({"alg": "A128KW", "enc": "A128GCM", "secret": "AAECAwQFBgcICQoLDA0ODw"});
    /// # let jam = jam::Jam::from_value(serde_json::json!({"jose": {"jwe": section}}))?;
    /// let token = jam.jwe_encrypt(b"hello", None)?;
    /// assert_eq!(jam.jwe_decrypt(&token)?.plaintext(), b"hello");
    /// assert_eq!(jam.jwe_decrypt("no token").unwrap_err().code(), "jwe.malformed");
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`JweError`](crate::JweError) says why it is refused; [`KeyError::WrongKind`](crate::KeyError::WrongKind) if there are
    /// only public keys.
    pub fn jwe_decrypt(&self, token: &str) -> Result<Decrypted> {
        self.parts.jwe_decrypt(token)
    }

    /// A new session of the owner `session_key`, which is any text. Gives the id: it is a secret of the client's.
    ///
    /// ```
    /// # let jam = jam::Jam::from_value(serde_json::json!({"session": {"session_type": "memory"}}))?;
    /// let session_id = jam.session_create("user", &serde_json::json!({"user_id": 1}))?;
    /// assert!(jam.session_get(&session_id)?.is_some());
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// The store's; [`Error::Validation`](crate::Error::Validation) for data nested too deep.
    pub fn session_create(&self, session_key: &str, data: &Value) -> Result<String> {
        self.parts.session()?.create(session_key, &to_bytes(data)?, Timestamp::now())
    }

    /// As [`Jam::session_create`], with metadata: what [`Jam::session_list`] tells of the session later, such as the address
    /// and the browser that it was opened from. At most [`MAX_METADATA`](crate::session::MAX_METADATA) bytes as JSON.
    ///
    /// ```
    /// # let jam = jam::Jam::from_value(serde_json::json!({"session": {"session_type": "memory"}}))?;
    /// let metadata = serde_json::json!({"address": "192.0.2.1", "user_agent": "Firefox"});
    /// jam.session_create_with("user", &serde_json::json!({"user_id": 1}), metadata.as_object().unwrap())?;
    /// assert_eq!(jam.session_list("user")?[0].metadata["user_agent"], "Firefox");
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Jam::session_create`]; [`Error::Validation`](crate::Error::Validation) for longer metadata.
    pub fn session_create_with(
        &self,
        session_key: &str,
        data: &Value,
        metadata: &Map<String, Value>,
    ) -> Result<String> {
        self.parts.session()?.create_with(session_key, &to_bytes(data)?, metadata, Timestamp::now())
    }

    /// The data of a session; `None` for an id that is unknown, expired, malformed or forged.
    ///
    /// ```
    /// # let jam = jam::Jam::from_value(serde_json::json!({"session": {"session_type": "memory"}}))?;
    /// let session_id = jam.session_create("user", &serde_json::json!({"user_id": 1}))?;
    /// assert_eq!(jam.session_get(&session_id)?, Some(serde_json::json!({"user_id": 1})));
    /// assert_eq!(jam.session_get("made up")?, None);
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// The store's.
    pub fn session_get(&self, session_id: &str) -> Result<Option<Value>> {
        from_bytes(self.parts.session()?.get(session_id, Timestamp::now())?)
    }

    /// A session with its data, their version, its metadata and its times; `None` as for [`Jam::session_get`].
    ///
    /// ```
    /// # let jam = jam::Jam::from_value(serde_json::json!({"session": {"session_type": "memory"}}))?;
    /// let session_id = jam.session_create("user", &serde_json::json!({"user_id": 1}))?;
    /// let session = jam.session_read(&session_id)?.unwrap();
    /// assert_eq!(session.data["user_id"], 1);
    /// assert_eq!(session.handle, jam.session_list("user")?[0].handle);
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// The store's.
    pub fn session_read(&self, session_id: &str) -> Result<Option<Session<Value>>> {
        let session = self.parts.session()?.read(session_id, Timestamp::now())?;
        session.map(|session| session.try_map(|data| to_value(data))).transpose()
    }

    /// Replaces the data of a live session.
    ///
    /// ```
    /// # let jam = jam::Jam::from_value(serde_json::json!({"session": {"session_type": "memory"}}))?;
    /// let session_id = jam.session_create("user", &serde_json::json!({"user_id": 1}))?;
    /// jam.session_update(&session_id, &serde_json::json!({"role": "admin"}))?;
    /// assert_eq!(jam.session_get(&session_id)?, Some(serde_json::json!({"role": "admin"})));
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`SessionError::NotFound`](crate::SessionError::NotFound): no session is made; the store's.
    pub fn session_update(&self, session_id: &str, data: &Value) -> Result<()> {
        self.parts.session()?.update(session_id, &to_bytes(data)?, Timestamp::now())
    }

    /// As [`Jam::session_update`], if the session still has the version that [`Jam::session_read`] told.
    ///
    /// ```
    /// # let jam = jam::Jam::from_value(serde_json::json!({"session": {"session_type": "memory"}}))?;
    /// let session_id = jam.session_create("user", &serde_json::json!({"theme": "light"}))?;
    /// let read = jam.session_read(&session_id)?.unwrap();
    /// jam.session_update(&session_id, &serde_json::json!({"theme": "dark"}))?;
    /// let stale = jam.session_update_if(&session_id, &serde_json::json!({"theme": "blue"}), &read.version);
    /// assert_eq!(stale.unwrap_err().code(), "sessions.conflict");
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Jam::session_update`]; [`SessionError::Conflict`](crate::SessionError::Conflict) when data was written
    /// since, and for text that is no version.
    pub fn session_update_if(&self, session_id: &str, data: &Value, version: &str) -> Result<()> {
        self.parts.session()?.update_if(session_id, &to_bytes(data)?, version, Timestamp::now())
    }

    /// Replaces the data of a session by what `change` makes of them, and gives that. When somebody else writes meanwhile, it
    /// is done again with the new data, up to 64 times; so `change` should do nothing but compute.
    ///
    /// ```
    /// # let jam = jam::Jam::from_value(serde_json::json!({"session": {"session_type": "memory"}}))?;
    /// let session_id = jam.session_create("user", &serde_json::json!({"seen": 1}))?;
    /// let data = jam.session_modify(&session_id, |mut data| {
    ///     data["seen"] = (data["seen"].as_u64().unwrap_or(0) + 1).into();
    ///     Ok::<_, jam::Error>(data)
    /// })?;
    /// assert_eq!(data["seen"], 2);
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// What `change` fails with, and then nothing is written; [`SessionError::NotFound`](crate::SessionError::NotFound);
    /// [`SessionError::Conflict`](crate::SessionError::Conflict) when others wrote all the time; the store's.
    pub fn session_modify<E: From<Error>>(
        &self,
        session_id: &str,
        mut change: impl FnMut(Value) -> Result<Value, E>,
    ) -> Result<Value, E> {
        let mut written = Value::Null;
        self.parts.session()?.modify(session_id, Timestamp::now(), |data| {
            written = change(to_value(&data)?)?;
            Ok::<_, E>(to_bytes(&written)?)
        })?;
        Ok(written)
    }

    /// Ends a session. An unknown id is no error.
    ///
    /// ```
    /// # let jam = jam::Jam::from_value(serde_json::json!({"session": {"session_type": "memory"}}))?;
    /// let session_id = jam.session_create("user", &serde_json::json!({}))?;
    /// jam.session_delete(&session_id)?;
    /// assert_eq!(jam.session_get(&session_id)?, None);
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// The store's.
    pub fn session_delete(&self, session_id: &str) -> Result<()> {
        self.parts.session()?.delete(session_id, Timestamp::now())
    }

    /// Ends all sessions of an owner.
    ///
    /// ```
    /// # let jam = jam::Jam::from_value(serde_json::json!({"session": {"session_type": "memory"}}))?;
    /// let session_id = jam.session_create("user", &serde_json::json!({}))?;
    /// jam.session_clear("user")?;
    /// assert_eq!(jam.session_get(&session_id)?, None);
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// The store's.
    pub fn session_clear(&self, session_key: &str) -> Result<()> {
        self.parts.session()?.clear(session_key, Timestamp::now())
    }

    /// Ends all sessions of an owner but the one with the id to `keep`: "sign out everywhere else". If that is no session of
    /// the owner, all are ended.
    ///
    /// ```
    /// # let jam = jam::Jam::from_value(serde_json::json!({"session": {"session_type": "memory"}}))?;
    /// let (here, there) = (jam.session_create("user", &1.into())?, jam.session_create("user", &2.into())?);
    /// jam.session_clear_except("user", &here)?;
    /// assert_eq!((jam.session_get(&here)?, jam.session_get(&there)?), (Some(1.into()), None));
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// The store's.
    pub fn session_clear_except(&self, session_key: &str, keep: &str) -> Result<()> {
        self.parts.session()?.clear_except(session_key, keep, Timestamp::now())
    }

    /// Ends the session of an owner that [`Jam::session_list`] tells under this handle; `false`: there is none.
    ///
    /// ```
    /// # let jam = jam::Jam::from_value(serde_json::json!({"session": {"session_type": "memory"}}))?;
    /// let session_id = jam.session_create("user", &serde_json::json!({}))?;
    /// let handle = &jam.session_list("user")?[0].handle;
    /// assert!(!jam.session_revoke("somebody else", handle)?);
    /// assert!(jam.session_revoke("user", handle)?);
    /// assert_eq!(jam.session_get(&session_id)?, None);
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// The store's.
    pub fn session_revoke(&self, session_key: &str, handle: &str) -> Result<bool> {
        self.parts.session()?.revoke(session_key, handle, Timestamp::now())
    }

    /// Gives a session a new id, atomically: same data, same deadline, and the old id is dead. Do this at each login.
    ///
    /// ```
    /// # let jam = jam::Jam::from_value(serde_json::json!({"session": {"session_type": "memory"}}))?;
    /// let old = jam.session_create("user", &serde_json::json!({"user_id": 1}))?;
    /// let new = jam.session_rework(&old)?;
    /// assert_eq!(jam.session_get(&old)?, None);
    /// assert_eq!(jam.session_get(&new)?, Some(serde_json::json!({"user_id": 1})));
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`SessionError::NotFound`](crate::SessionError::NotFound); the store's.
    pub fn session_rework(&self, old_session_id: &str) -> Result<String> {
        self.parts.session()?.rework(old_session_id, Timestamp::now())
    }

    /// The live sessions of an owner: a public handle, the metadata and the times of each, never an id that could be used.
    ///
    /// ```
    /// # let jam = jam::Jam::from_value(serde_json::json!({"session": {"session_type": "memory"}}))?;
    /// let session_id = jam.session_create("user", &serde_json::json!({}))?;
    /// let live = jam.session_list("user")?;
    /// assert_eq!(live.len(), 1);
    /// assert_ne!(live[0].handle, session_id);
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// The store's.
    pub fn session_list(&self, session_key: &str) -> Result<Vec<SessionInfo>> {
        self.parts.session()?.list(session_key, Timestamp::now())
    }

    /// A one-time password. `factor` is the Unix time in seconds, or now (RFC 6238), or the counter (RFC 4226).
    ///
    /// ```
    /// # let jam = jam::Jam::from_value(serde_json::json!({"otp": {"type": "totp"}}))?;
    /// use jam::otp::SharedSecret;
    ///
    /// let secret = SharedSecret::from_bytes(b"12345678901234567890")?;
    /// assert_eq!(jam.otp_code(&secret, Some(59))?, "287082");
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Validation`](crate::Error::Validation) for a counter that is missing.
    pub fn otp_code(&self, secret: &SharedSecret, factor: Option<u64>) -> Result<String> {
        self.parts.otp_code(secret, factor)
    }

    /// The `otpauth://` text that authenticator apps read. `counter` is where a HOTP begins (0).
    ///
    /// ```
    /// # let jam = jam::Jam::from_value(serde_json::json!({"otp": {"type": "totp"}}))?;
    /// let secret = jam::otp::SharedSecret::from_bytes(b"12345678901234567890")?;
    /// assert!(jam.otp_uri(&secret, "ann", "Shop", None)?.starts_with("otpauth://totp/Shop:ann?secret="));
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Validation`](crate::Error::Validation) for a name that is empty, and for what no app could show.
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
    /// ```
    /// # let jam = jam::Jam::from_value(serde_json::json!({"otp": {"type": "totp"}}))?;
    /// use jam::CodeOptions;
    ///
    /// let secret = jam::otp::SharedSecret::from_bytes(b"12345678901234567890")?;
    /// assert!(jam.otp_verify_code(&secret, "287082", CodeOptions::new().factor(59))?);
    /// assert!(!jam.otp_verify_code(&secret, "287082", CodeOptions::new().factor(120))?);
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Validation`](crate::Error::Validation) for a counter that is missing and a window that is too wide.
    pub fn otp_verify_code(&self, secret: &SharedSecret, code: &str, options: CodeOptions) -> Result<bool> {
        self.parts.otp_verify_code(secret, code, options)
    }

    /// As [`Jam::otp_verify_code`], but names the step (TOTP) or the counter (HOTP) that the code belongs to. A server
    /// that stores it and accepts later ones only takes each code once.
    ///
    /// ```
    /// # let jam = jam::Jam::from_value(serde_json::json!({"otp": {"type": "totp"}}))?;
    /// use jam::CodeOptions;
    ///
    /// let secret = jam::otp::SharedSecret::from_bytes(b"12345678901234567890")?;
    /// assert_eq!(jam.otp_verify_step(&secret, "287082", CodeOptions::new().factor(89))?, Some(1));
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Jam::otp_verify_code`].
    pub fn otp_verify_step(
        &self,
        secret: &SharedSecret,
        code: &str,
        options: CodeOptions,
    ) -> Result<Option<u64>> {
        self.parts.otp_verify_step(secret, code, options)
    }

    /// As [`Jam::otp_verify_step`], but accepts the code of a step once: in the section `otp.replay_guard` it is said where
    /// that is kept. Of several requests at the same time with the same code one gets the step, the others `None`.
    ///
    /// ```
    /// # let jam = jam::Jam::from_value(serde_json::json!({"otp": {"replay_guard": {"backend": "memory"}}}))?;
    /// use jam::CodeOptions;
    ///
    /// let secret = jam::otp::SharedSecret::generate();
    /// let code = jam.otp_code(&secret, None)?;
    /// assert!(jam.otp_verify_once(&secret, &code, CodeOptions::new())?.is_some());
    /// assert!(jam.otp_verify_once(&secret, &code, CodeOptions::new())?.is_none());
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Jam::otp_verify_code`]; the store's: then the code may be used up.
    pub fn otp_verify_once(
        &self,
        secret: &SharedSecret,
        code: &str,
        options: CodeOptions,
    ) -> Result<Option<u64>> {
        let guard = self.parts.replay_guard()?;
        let Some((step, entry)) = self.parts.otp_verify_for_guard(secret, code, options)? else {
            return Ok(None);
        };
        Ok(guard.accept(&entry, Timestamp::now())?.then_some(step))
    }

    /// [`Jam::otp_uri`] as a QR code: a document of SVG, which can stand in a page of HTML as it is.
    ///
    /// ```
    /// # let jam = jam::Jam::from_value(serde_json::json!({"otp": {"type": "totp"}}))?;
    /// let secret = jam::otp::SharedSecret::generate();
    /// assert!(jam.otp_qr_svg(&secret, "ann", "Shop", None)?.starts_with("<svg "));
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Jam::otp_uri`]; for a URI that no QR code holds.
    pub fn otp_qr_svg(
        &self,
        secret: &SharedSecret,
        name: &str,
        issuer: &str,
        counter: Option<u64>,
    ) -> Result<String> {
        self.parts.otp_qr_svg(secret, name, issuer, counter)
    }

    /// Where to send the browser (RFC 6749 section 4.1.1).
    ///
    /// ```
    /// # let jam = jam::Jam::from_value(serde_json::json!({"oauth2": {"providers": {"github": {"client_id": "demo", "client_secret": "s"}}}}))?;
    /// use jam::oauth2::CallOptions;
    ///
    /// let options = CallOptions::new().parameter("state", "kept in the browser's session");
    /// let url = jam.oauth2_get_authorized_url("github", &["user:email"], &options)?;
    /// assert!(url.starts_with("https://github.com/login/oauth/authorize?response_type=code"));
    /// # Ok::<(), jam::Error>(())
    /// ```
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
    /// ```no_run
    /// # let jam = jam::Jam::from_value(serde_json::json!({"oauth2": {"providers": {"github": {"client_id": "demo", "client_secret": "s"}}}}))?;
    /// let tokens = jam.oauth2_fetch_token("github", "the code", &jam::oauth2::CallOptions::new())?;
    /// println!("valid for {:?} seconds", tokens.get("expires_in"));
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`OAuth2Error`](crate::OAuth2Error).
    pub fn oauth2_fetch_token(
        &self,
        provider: &str,
        code: &str,
        options: &CallOptions,
    ) -> Result<Map<String, Value>> {
        self.parts.client(provider)?.fetch_token(code, options, Timestamp::now())
    }

    /// A new access token (RFC 6749 section 6).
    ///
    /// ```no_run
    /// # let jam = jam::Jam::from_value(serde_json::json!({"oauth2": {"providers": {"github": {"client_id": "demo", "client_secret": "s"}}}}))?;
    /// let tokens = jam.oauth2_refresh_token("github", "the refresh token", &jam::oauth2::CallOptions::new())?;
    /// println!("valid for {:?} seconds", tokens.get("expires_in"));
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`OAuth2Error`](crate::OAuth2Error).
    pub fn oauth2_refresh_token(
        &self,
        provider: &str,
        refresh_token: &str,
        options: &CallOptions,
    ) -> Result<Map<String, Value>> {
        self.parts.client(provider)?.refresh_token(refresh_token, options, Timestamp::now())
    }

    /// An access token for the program itself (RFC 6749 section 4.4).
    ///
    /// ```no_run
    /// # let jam = jam::Jam::from_value(serde_json::json!({"oauth2": {"providers": {"github": {"client_id": "demo", "client_secret": "s"}}}}))?;
    /// let tokens = jam.oauth2_client_credentials_flow("github", &["read"], &jam::oauth2::CallOptions::new())?;
    /// println!("valid for {:?} seconds", tokens.get("expires_in"));
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`OAuth2Error`](crate::OAuth2Error).
    pub fn oauth2_client_credentials_flow(
        &self,
        provider: &str,
        scope: &[&str],
        options: &CallOptions,
    ) -> Result<Map<String, Value>> {
        self.parts.client(provider)?.client_credentials(scope, options, Timestamp::now())
    }

    /// Begins a login: sends the browser to `url`, and keeps what completes it in the session store, for ten minutes. The
    /// `binding` goes into a cookie of this browser. Without a scope it asks for `openid` where the provider has an issuer.
    ///
    /// ```
    /// # let jam = jam::Jam::from_value(serde_json::json!({
    /// #     "oauth2": {"providers": {"github": {"client_id": "id", "client_secret": "secret"}}},
    /// #     "session": {"session_type": "memory"},
    /// # }))?;
    /// let login = jam.oauth2_begin("github", Some(&["user:email"]), &jam::oauth2::CallOptions::new())?;
    /// assert!(login.url.starts_with("https://github.com/login/oauth/authorize?response_type=code&client_id=id"));
    /// assert!(login.binding.expose().len() == 43);
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Client::begin_login`]; [`ConfigurationError::MissingSection`](crate::ConfigurationError::MissingSection) without
    /// sessions; the store's.
    pub fn oauth2_begin(
        &self,
        provider: &str,
        scope: Option<&[&str]>,
        options: &CallOptions,
    ) -> Result<Login> {
        let (client, sessions) = (self.parts.client(provider)?, self.parts.session()?);
        let login = client.begin_login(scope, options, Timestamp::now())?;
        sessions.keep(login.state.expose(), &login.record, LOGIN_LIFE_TIME, Timestamp::now())?;
        Ok(login)
    }

    /// Completes a login by what the browser brought back, once: checks state, browser and issuer (RFC 9207), exchanges the code,
    /// and validates the ID token. `binding` is the value of the browser's cookie.
    ///
    /// ```
    /// # let jam = jam::Jam::from_value(serde_json::json!({
    /// #     "oauth2": {"providers": {"github": {"client_id": "id", "client_secret": "secret"}}},
    /// #     "session": {"session_type": "memory"},
    /// # }))?;
    /// use jam::oauth2::Callback;
    ///
    /// let callback = Callback::from_url("https://app.example/callback?code=made+up&state=made+up")?;
    /// let refusal = jam.oauth2_complete("github", &callback, "the cookie").unwrap_err();
    /// assert_eq!(refusal.code(), "oauth2.invalid_callback");
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Client::complete_login`]; the store's. Whatever happens, the login is used up.
    pub fn oauth2_complete(
        &self,
        provider: &str,
        callback: &Callback,
        binding: &str,
    ) -> Result<CompletedLogin> {
        let (client, sessions) = (self.parts.client(provider)?, self.parts.session()?);
        let record = sessions.take(callback.state()?, Timestamp::now())?;
        client.complete_login(callback, binding, record.as_deref(), Timestamp::now())
    }

    /// What the provider tells of the user of an access token.
    ///
    /// ```no_run
    /// # let jam = jam::Jam::from_value(serde_json::json!({
    /// #     "oauth2": {"providers": {"github": {"client_id": "id", "client_secret": "secret"}}},
    /// # }))?;
    /// let user = jam.oauth2_userinfo("github", "the access token")?;
    /// println!("{}", user["login"]);
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Client::userinfo`].
    pub fn oauth2_userinfo(&self, provider: &str, access_token: &str) -> Result<Map<String, Value>> {
        self.parts.client(provider)?.userinfo(access_token)
    }

    /// What the provider says of a token (RFC 7662): whether it is `active`, and of what kind.
    ///
    /// ```no_run
    /// # let jam = jam::Jam::from_value(serde_json::json!({
    /// #     "oauth2": {"providers": {"github": {"client_id": "id", "client_secret": "secret"}}},
    /// # }))?;
    /// if jam.oauth2_introspect("github", "the token")?["active"] != true {
    ///     println!("the token is of no use");
    /// }
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Client::introspect`].
    pub fn oauth2_introspect(&self, provider: &str, token: &str) -> Result<Map<String, Value>> {
        self.parts.client(provider)?.introspect(token, Timestamp::now())
    }

    /// Makes a token useless (RFC 7009).
    ///
    /// ```no_run
    /// # let jam = jam::Jam::from_value(serde_json::json!({
    /// #     "oauth2": {"providers": {"github": {"client_id": "id", "client_secret": "secret"}}},
    /// # }))?;
    /// jam.oauth2_revoke("github", "the refresh token")?;
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Client::revoke`].
    pub fn oauth2_revoke(&self, provider: &str, token: &str) -> Result<()> {
        self.parts.client(provider)?.revoke(token, Timestamp::now())
    }

    /// Begins a login on a device without a browser (RFC 8628): what to show the user.
    ///
    /// ```no_run
    /// # let jam = jam::Jam::from_value(serde_json::json!({
    /// #     "oauth2": {"providers": {"github": {"client_id": "id", "client_secret": "secret"}}},
    /// # }))?;
    /// let device = jam.oauth2_device_begin("github", &["read:user"])?;
    /// println!("go to {} and type {}", device.verification_uri, device.user_code);
    /// let tokens = jam.oauth2_device_complete("github", &device)?; // waits for the user
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Client::begin_device`].
    pub fn oauth2_device_begin(&self, provider: &str, scope: &[&str]) -> Result<DeviceAuthorization> {
        self.parts.client(provider)?.begin_device(scope, &CallOptions::new(), Timestamp::now())
    }

    /// Waits for the user, and asks at the provider's pace until there are tokens. The example is
    /// [`oauth2_device_begin`](Self::oauth2_device_begin)'s.
    ///
    /// # Errors
    /// As [`Client::complete_device`].
    pub fn oauth2_device_complete(
        &self,
        provider: &str,
        device: &DeviceAuthorization,
    ) -> Result<Map<String, Value>> {
        self.parts.client(provider)?.complete_device(device, Timestamp::now())
    }

    /// A payload with `iat`, `exp` and `jti` in the forms of PASETO, and the claims of the options laid over them.
    ///
    /// ```
    /// # let jam = jam::Jam::from_value(serde_json::json!({"paseto": {"version": "v4", "purpose": "local", "key": "707172737475767778797a7b7c7d7e7f707172737475767778797a7b7c7d7e7f"}}))?;
    /// let payload = jam.paseto_make_payload(jam::PayloadOptions::new().exp(900).claim("role", "admin"))?;
    /// assert!(payload["exp"].is_string());
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Validation`](crate::Error::Validation) for a time that cannot be represented.
    pub fn paseto_make_payload(&self, options: PayloadOptions) -> Result<Map<String, Value>> {
        self.parts.paseto_make_payload(options)
    }

    /// The token of a payload: encrypted (local) or signed (public).
    ///
    /// ```
    /// # let jam = jam::Jam::from_value(serde_json::json!({"paseto": {"version": "v4", "purpose": "local", "key": "707172737475767778797a7b7c7d7e7f707172737475767778797a7b7c7d7e7f"}}))?;
    /// use jam::{PasetoCreateOptions, PayloadOptions};
    ///
    /// let payload = jam.paseto_make_payload(PayloadOptions::new())?;
    /// let token = jam.paseto_create(&payload, &PasetoCreateOptions::new().footer("kid-1"))?;
    /// assert!(token.starts_with("v4.local."));
    /// # Ok::<(), jam::Error>(())
    /// ```
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
    /// ```
    /// # let jam = jam::Jam::from_value(serde_json::json!({"paseto": {"version": "v4", "purpose": "local", "key": "707172737475767778797a7b7c7d7e7f707172737475767778797a7b7c7d7e7f"}}))?;
    /// use jam::{PasetoCreateOptions, PasetoDecodeOptions, PayloadOptions};
    ///
    /// let payload = jam.paseto_make_payload(PayloadOptions::new().exp(900))?;
    /// let token = jam.paseto_create(&payload, &PasetoCreateOptions::new())?;
    /// assert_eq!(jam.paseto_decode(&token, &PasetoDecodeOptions::new())?.payload, payload);
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`PasetoError`](crate::PasetoError).
    pub fn paseto_decode(&self, token: &str, options: &PasetoDecodeOptions) -> Result<Claims> {
        self.parts.paseto_decode(token, options)
    }

    /// Lets go of files and connections, for all clones. Sessions, lists and the replay guard fail with
    /// [`StoreError::Closed`](crate::StoreError::Closed) from here on; what needs no store works on.
    ///
    /// ```
    /// # let jam = jam::Jam::from_value(serde_json::json!({"session": {"session_type": "memory"}}))?;
    /// let session_id = jam.session_create("user", &serde_json::json!({}))?;
    /// jam.close();
    /// assert_eq!(jam.session_get(&session_id).unwrap_err().code(), "store.closed");
    /// # Ok::<(), jam::Error>(())
    /// ```
    pub fn close(&self) {
        if let Some(sessions) = self.session() {
            sessions.close();
        }
        if let Some(list) = self.jwt_list() {
            list.close();
        }
        if let Some(guard) = self.replay_guard() {
            guard.close();
        }
        if let Some(tokens) = self.tokens() {
            tokens.close();
        }
    }
}

impl fmt::Debug for Jam {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.describe("Jam", formatter)
    }
}

fn sessions(config: SessionConfig) -> Result<Sessions> {
    // A mistake in the options leaves no file behind.
    Codec::new(config.options.clone())?;
    Sessions::new(config.backend.open(SESSIONS_NAMESPACE)?, config.options)
}

fn token_list(config: ListConfig, leeway: std::time::Duration) -> Result<TokenList> {
    TokenList::new(config.backend.open(LIST_NAMESPACE)?, config.kind, config.options(leeway))
}

fn replay_guard(backend: &Backend) -> Result<ReplayGuard> {
    Ok(ReplayGuard::new(backend.open(REPLAY_GUARD_NAMESPACE)?))
}

fn tokens(config: TokensConfig, access: AccessTokens, list: Option<TokenList>) -> Result<Tokens> {
    Tokens::new(config.backend.open(TOKENS_NAMESPACE)?, access, list, config.options)
}
