//! The awaited face: every method has the name and the arguments of its blocking twin in [`crate::Jam`].
//!
//! Sessions, lists and the replay guard on Redis are awaited on the runtime; those in files run on its threads for blocking
//! work. What needs neither a store nor a server is done when its future is first polled.

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
use crate::oauth2::aio::Client;
use crate::oauth2::{CallOptions, Callback, CompletedLogin, DeviceAuthorization, LOGIN_LIFE_TIME, Login};
use crate::otp::SharedSecret;
use crate::paseto::{Claims, Paseto};
use crate::replay_guard::aio::ReplayGuard;
use crate::session::aio::Sessions;
use crate::session::{Codec, Session, SessionInfo};
use crate::token_list::aio::TokenList;
use crate::tokens::aio::Tokens;
use crate::tokens::{AccessTokens, FamilyInfo, TokenPair};
use crate::{Error, Result, Timestamp};

/// The awaited twin of [`crate::Jam`]: JSON Web Tokens, sessions, OAuth 2.0, one-time passwords and PASETO behind one
/// configured object.
///
/// A clone is cheap and shares everything; one instance serves any number of tasks. The futures of sessions, lists and
/// OAuth 2.0 need a tokio runtime with time and I/O enabled; the others run anywhere.
///
/// ```
/// use jam::{PayloadOptions, VerifyOptions, aio::Jam};
/// use serde_json::json;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> jam::Result<()> {
/// let jam = Jam::from_value(json!({
///     "jwt": {"alg": "HS256", "secret": "a secret of at least thirty-two bytes"},
///     "session": {"session_type": "memory"},
/// }))?;
///
/// let payload = jam.jwt_make_payload(PayloadOptions::new().exp(3600).claim("user_id", 1)).await?;
/// let token = jam.jwt_create_token(&payload).await?;
/// assert_eq!(jam.jwt_verify_token(&token, &VerifyOptions::new()).await?["user_id"], 1);
///
/// let session_id = jam.session_create("user", &json!({"user_id": 1})).await?;
/// assert_eq!(jam.session_get(&session_id).await?, Some(json!({"user_id": 1})));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Jam {
    parts: Arc<Parts<Sessions, TokenList, Tokens, ReplayGuard, Client>>,
}

impl Jam {
    /// See [`Jam::new`](crate::Jam::new).
    pub fn new(config: Config) -> Result<Self> {
        let parts = Parts::build(config, sessions, token_list, tokens, replay_guard, Client::new)?;
        Ok(Self { parts: Arc::new(parts) })
    }

    /// See [`Jam::from_path`](crate::Jam::from_path).
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self> {
        Self::new(Config::from_path(path, DEFAULT_POINTER)?)
    }

    /// See [`Jam::from_value`](crate::Jam::from_value).
    pub fn from_value(tree: Value) -> Result<Self> {
        Self::new(Config::from_value(tree)?)
    }

    /// See [`Jam::jwt`](crate::Jam::jwt).
    pub fn jwt(&self) -> Option<&Jwt> {
        self.parts.jwt.as_deref()
    }

    /// See [`Jam::jws`](crate::Jam::jws).
    pub fn jws(&self) -> Option<&KeyRing> {
        self.parts.jws.as_ref()
    }

    /// See [`Jam::jwe`](crate::Jam::jwe).
    pub fn jwe(&self) -> Option<&Jwe> {
        self.parts.jwe.as_ref()
    }

    /// See [`Jam::jwt_list`](crate::Jam::jwt_list).
    pub fn jwt_list(&self) -> Option<&TokenList> {
        self.parts.list.as_ref().map(|(_, list)| list)
    }

    /// See [`Jam::session`](crate::Jam::session).
    pub fn session(&self) -> Option<&Sessions> {
        self.parts.session.as_ref()
    }

    /// See [`Jam::oauth2`](crate::Jam::oauth2).
    pub fn oauth2(&self, provider: &str) -> Option<&Client> {
        self.parts.oauth2.as_ref()?.get(provider)
    }

    /// See [`Jam::otp`](crate::Jam::otp).
    pub fn otp(&self) -> Option<&OtpConfig> {
        self.parts.otp.as_ref()
    }

    /// See [`Jam::replay_guard`](crate::Jam::replay_guard).
    pub fn replay_guard(&self) -> Option<&ReplayGuard> {
        self.parts.replay_guard.as_ref()
    }

    /// See [`Jam::paseto`](crate::Jam::paseto).
    pub fn paseto(&self) -> Option<&Paseto> {
        self.parts.paseto.as_deref()
    }

    /// See [`Jam::tokens`](crate::Jam::tokens).
    pub fn tokens(&self) -> Option<&Tokens> {
        self.parts.tokens.as_ref()
    }

    /// See [`Jam::jwt_make_payload`](crate::Jam::jwt_make_payload).
    pub async fn jwt_make_payload(&self, options: PayloadOptions) -> Result<Map<String, Value>> {
        self.parts.jwt_make_payload(options)
    }

    /// See [`Jam::jwt_create_token`](crate::Jam::jwt_create_token).
    pub async fn jwt_create_token(&self, payload: &Map<String, Value>) -> Result<String> {
        let token = self.parts.jwt()?.encode(payload)?;
        if let Some(list) = self.parts.white_list() {
            list.add(&token, Timestamp::now()).await?;
        }
        Ok(token)
    }

    /// See [`Jam::jwt_verify_token`](crate::Jam::jwt_verify_token).
    pub async fn jwt_verify_token(&self, token: &str, options: &VerifyOptions) -> Result<Map<String, Value>> {
        let payload = self.parts.jwt_decode(token, options)?;
        if let Some(list) = self.parts.list_for(options) {
            list.admit(token, Timestamp::now()).await?;
        }
        Ok(payload)
    }

    /// See [`Jam::jwt_create`](crate::Jam::jwt_create).
    pub async fn jwt_create(&self, payload: &Map<String, Value>) -> Result<String> {
        self.jwt_create_token(payload).await
    }

    /// See [`Jam::jwt_encode`](crate::Jam::jwt_encode).
    pub async fn jwt_encode(&self, payload: &Map<String, Value>) -> Result<String> {
        self.jwt_create_token(payload).await
    }

    /// See [`Jam::jwt_decode`](crate::Jam::jwt_decode).
    pub async fn jwt_decode(&self, token: &str, options: &VerifyOptions) -> Result<Map<String, Value>> {
        self.jwt_verify_token(token, options).await
    }

    /// See [`Jam::jwt_revoke_subject`](crate::Jam::jwt_revoke_subject).
    pub async fn jwt_revoke_subject(&self, subject: &str, issued_before: Option<Timestamp>) -> Result<()> {
        self.parts.list()?.revoke_subject(subject, issued_before, Timestamp::now()).await
    }

    /// See [`Jam::tokens_issue`](crate::Jam::tokens_issue).
    pub async fn tokens_issue(&self, subject: &str, claims: &Map<String, Value>) -> Result<TokenPair> {
        self.parts.tokens()?.issue(subject, claims, Timestamp::now()).await
    }

    /// See [`Jam::tokens_refresh`](crate::Jam::tokens_refresh).
    pub async fn tokens_refresh(&self, refresh_token: &str) -> Result<TokenPair> {
        self.parts.tokens()?.refresh(refresh_token, Timestamp::now()).await
    }

    /// See [`Jam::tokens_revoke`](crate::Jam::tokens_revoke).
    pub async fn tokens_revoke(&self, refresh_token: &str) -> Result<()> {
        self.parts.tokens()?.revoke(refresh_token, Timestamp::now()).await
    }

    /// See [`Jam::tokens_revoke_family`](crate::Jam::tokens_revoke_family).
    pub async fn tokens_revoke_family(&self, subject: &str, handle: &str) -> Result<bool> {
        self.parts.tokens()?.revoke_family(subject, handle, Timestamp::now()).await
    }

    /// See [`Jam::tokens_revoke_all`](crate::Jam::tokens_revoke_all).
    pub async fn tokens_revoke_all(&self, subject: &str) -> Result<()> {
        self.parts.tokens()?.revoke_all(subject, Timestamp::now()).await
    }

    /// See [`Jam::tokens_list`](crate::Jam::tokens_list).
    pub async fn tokens_list(&self, subject: &str) -> Result<Vec<FamilyInfo>> {
        self.parts.tokens()?.list(subject, Timestamp::now()).await
    }

    /// See [`Jam::jws_sign`](crate::Jam::jws_sign).
    pub async fn jws_sign(&self, payload: &[u8], header: Option<&Map<String, Value>>) -> Result<String> {
        self.parts.jws_sign(payload, header)
    }

    /// See [`Jam::jws_verify`](crate::Jam::jws_verify).
    pub async fn jws_verify(&self, token: &str) -> Result<Verified> {
        self.parts.jws_verify(token)
    }

    /// See [`Jam::jwe_encrypt`](crate::Jam::jwe_encrypt).
    pub async fn jwe_encrypt(&self, plaintext: &[u8], header: Option<&Map<String, Value>>) -> Result<String> {
        self.parts.jwe_encrypt(plaintext, header)
    }

    /// See [`Jam::jwe_decrypt`](crate::Jam::jwe_decrypt).
    pub async fn jwe_decrypt(&self, token: &str) -> Result<Decrypted> {
        self.parts.jwe_decrypt(token)
    }

    /// See [`Jam::session_create`](crate::Jam::session_create).
    pub async fn session_create(&self, session_key: &str, data: &Value) -> Result<String> {
        self.parts.session()?.create(session_key, &to_bytes(data)?, Timestamp::now()).await
    }

    /// See [`Jam::session_create_with`](crate::Jam::session_create_with).
    pub async fn session_create_with(
        &self,
        session_key: &str,
        data: &Value,
        metadata: &Map<String, Value>,
    ) -> Result<String> {
        self.parts.session()?.create_with(session_key, &to_bytes(data)?, metadata, Timestamp::now()).await
    }

    /// See [`Jam::session_get`](crate::Jam::session_get).
    pub async fn session_get(&self, session_id: &str) -> Result<Option<Value>> {
        from_bytes(self.parts.session()?.get(session_id, Timestamp::now()).await?)
    }

    /// See [`Jam::session_read`](crate::Jam::session_read).
    pub async fn session_read(&self, session_id: &str) -> Result<Option<Session<Value>>> {
        let session = self.parts.session()?.read(session_id, Timestamp::now()).await?;
        session.map(|session| session.try_map(|data| to_value(data))).transpose()
    }

    /// See [`Jam::session_update`](crate::Jam::session_update).
    pub async fn session_update(&self, session_id: &str, data: &Value) -> Result<()> {
        self.parts.session()?.update(session_id, &to_bytes(data)?, Timestamp::now()).await
    }

    /// See [`Jam::session_update_if`](crate::Jam::session_update_if).
    pub async fn session_update_if(&self, session_id: &str, data: &Value, version: &str) -> Result<()> {
        self.parts.session()?.update_if(session_id, &to_bytes(data)?, version, Timestamp::now()).await
    }

    /// See [`Jam::session_modify`](crate::Jam::session_modify).
    pub async fn session_modify<E: From<Error>>(
        &self,
        session_id: &str,
        mut change: impl FnMut(Value) -> Result<Value, E>,
    ) -> Result<Value, E> {
        let mut written = Value::Null;
        let modified = self.parts.session()?.modify(session_id, Timestamp::now(), |data| {
            written = change(to_value(&data)?)?;
            Ok::<_, E>(to_bytes(&written)?)
        });
        modified.await?;
        Ok(written)
    }

    /// See [`Jam::session_delete`](crate::Jam::session_delete).
    pub async fn session_delete(&self, session_id: &str) -> Result<()> {
        self.parts.session()?.delete(session_id, Timestamp::now()).await
    }

    /// See [`Jam::session_clear`](crate::Jam::session_clear).
    pub async fn session_clear(&self, session_key: &str) -> Result<()> {
        self.parts.session()?.clear(session_key, Timestamp::now()).await
    }

    /// See [`Jam::session_clear_except`](crate::Jam::session_clear_except).
    pub async fn session_clear_except(&self, session_key: &str, keep: &str) -> Result<()> {
        self.parts.session()?.clear_except(session_key, keep, Timestamp::now()).await
    }

    /// See [`Jam::session_revoke`](crate::Jam::session_revoke).
    pub async fn session_revoke(&self, session_key: &str, handle: &str) -> Result<bool> {
        self.parts.session()?.revoke(session_key, handle, Timestamp::now()).await
    }

    /// See [`Jam::session_rework`](crate::Jam::session_rework).
    pub async fn session_rework(&self, old_session_id: &str) -> Result<String> {
        self.parts.session()?.rework(old_session_id, Timestamp::now()).await
    }

    /// See [`Jam::session_list`](crate::Jam::session_list).
    pub async fn session_list(&self, session_key: &str) -> Result<Vec<SessionInfo>> {
        self.parts.session()?.list(session_key, Timestamp::now()).await
    }

    /// See [`Jam::otp_code`](crate::Jam::otp_code).
    pub async fn otp_code(&self, secret: &SharedSecret, factor: Option<u64>) -> Result<String> {
        self.parts.otp_code(secret, factor)
    }

    /// See [`Jam::otp_uri`](crate::Jam::otp_uri).
    pub async fn otp_uri(
        &self,
        secret: &SharedSecret,
        name: &str,
        issuer: &str,
        counter: Option<u64>,
    ) -> Result<String> {
        self.parts.otp_uri(secret, name, issuer, counter)
    }

    /// See [`Jam::otp_verify_code`](crate::Jam::otp_verify_code).
    pub async fn otp_verify_code(
        &self,
        secret: &SharedSecret,
        code: &str,
        options: CodeOptions,
    ) -> Result<bool> {
        self.parts.otp_verify_code(secret, code, options)
    }

    /// See [`Jam::otp_verify_step`](crate::Jam::otp_verify_step).
    pub async fn otp_verify_step(
        &self,
        secret: &SharedSecret,
        code: &str,
        options: CodeOptions,
    ) -> Result<Option<u64>> {
        self.parts.otp_verify_step(secret, code, options)
    }

    /// See [`Jam::otp_verify_once`](crate::Jam::otp_verify_once).
    pub async fn otp_verify_once(
        &self,
        secret: &SharedSecret,
        code: &str,
        options: CodeOptions,
    ) -> Result<Option<u64>> {
        let guard = self.parts.replay_guard()?;
        let Some((step, entry)) = self.parts.otp_verify_for_guard(secret, code, options)? else {
            return Ok(None);
        };
        Ok(guard.accept(&entry, Timestamp::now()).await?.then_some(step))
    }

    /// See [`Jam::otp_qr_svg`](crate::Jam::otp_qr_svg).
    pub async fn otp_qr_svg(
        &self,
        secret: &SharedSecret,
        name: &str,
        issuer: &str,
        counter: Option<u64>,
    ) -> Result<String> {
        self.parts.otp_qr_svg(secret, name, issuer, counter)
    }

    /// See [`Jam::oauth2_get_authorized_url`](crate::Jam::oauth2_get_authorized_url).
    pub async fn oauth2_get_authorized_url(
        &self,
        provider: &str,
        scope: &[&str],
        options: &CallOptions,
    ) -> Result<String> {
        self.parts.client(provider)?.authorization_url(scope, options).await
    }

    /// See [`Jam::oauth2_fetch_token`](crate::Jam::oauth2_fetch_token).
    pub async fn oauth2_fetch_token(
        &self,
        provider: &str,
        code: &str,
        options: &CallOptions,
    ) -> Result<Map<String, Value>> {
        self.parts.client(provider)?.fetch_token(code, options, Timestamp::now()).await
    }

    /// See [`Jam::oauth2_refresh_token`](crate::Jam::oauth2_refresh_token).
    pub async fn oauth2_refresh_token(
        &self,
        provider: &str,
        refresh_token: &str,
        options: &CallOptions,
    ) -> Result<Map<String, Value>> {
        self.parts.client(provider)?.refresh_token(refresh_token, options, Timestamp::now()).await
    }

    /// See [`Jam::oauth2_client_credentials_flow`](crate::Jam::oauth2_client_credentials_flow).
    pub async fn oauth2_client_credentials_flow(
        &self,
        provider: &str,
        scope: &[&str],
        options: &CallOptions,
    ) -> Result<Map<String, Value>> {
        self.parts.client(provider)?.client_credentials(scope, options, Timestamp::now()).await
    }

    /// See [`Jam::oauth2_begin`](crate::Jam::oauth2_begin).
    pub async fn oauth2_begin(
        &self,
        provider: &str,
        scope: Option<&[&str]>,
        options: &CallOptions,
    ) -> Result<Login> {
        let (client, sessions) = (self.parts.client(provider)?, self.parts.session()?);
        let login = client.begin_login(scope, options, Timestamp::now()).await?;
        sessions.keep(login.state.expose(), &login.record, LOGIN_LIFE_TIME, Timestamp::now()).await?;
        Ok(login)
    }

    /// See [`Jam::oauth2_complete`](crate::Jam::oauth2_complete).
    pub async fn oauth2_complete(
        &self,
        provider: &str,
        callback: &Callback,
        binding: &str,
    ) -> Result<CompletedLogin> {
        let (client, sessions) = (self.parts.client(provider)?, self.parts.session()?);
        let record = sessions.take(callback.state()?, Timestamp::now()).await?;
        client.complete_login(callback, binding, record.as_deref(), Timestamp::now()).await
    }

    /// See [`Jam::oauth2_userinfo`](crate::Jam::oauth2_userinfo).
    pub async fn oauth2_userinfo(&self, provider: &str, access_token: &str) -> Result<Map<String, Value>> {
        self.parts.client(provider)?.userinfo(access_token).await
    }

    /// See [`Jam::oauth2_introspect`](crate::Jam::oauth2_introspect).
    pub async fn oauth2_introspect(&self, provider: &str, token: &str) -> Result<Map<String, Value>> {
        self.parts.client(provider)?.introspect(token, Timestamp::now()).await
    }

    /// See [`Jam::oauth2_revoke`](crate::Jam::oauth2_revoke).
    pub async fn oauth2_revoke(&self, provider: &str, token: &str) -> Result<()> {
        self.parts.client(provider)?.revoke(token, Timestamp::now()).await
    }

    /// See [`Jam::oauth2_device_begin`](crate::Jam::oauth2_device_begin).
    pub async fn oauth2_device_begin(&self, provider: &str, scope: &[&str]) -> Result<DeviceAuthorization> {
        self.parts.client(provider)?.begin_device(scope, &CallOptions::new(), Timestamp::now()).await
    }

    /// See [`Jam::oauth2_device_complete`](crate::Jam::oauth2_device_complete).
    pub async fn oauth2_device_complete(
        &self,
        provider: &str,
        device: &DeviceAuthorization,
    ) -> Result<Map<String, Value>> {
        self.parts.client(provider)?.complete_device(device, Timestamp::now()).await
    }

    /// See [`Jam::paseto_make_payload`](crate::Jam::paseto_make_payload).
    pub async fn paseto_make_payload(&self, options: PayloadOptions) -> Result<Map<String, Value>> {
        self.parts.paseto_make_payload(options)
    }

    /// See [`Jam::paseto_create`](crate::Jam::paseto_create).
    pub async fn paseto_create(
        &self,
        payload: &Map<String, Value>,
        options: &PasetoCreateOptions,
    ) -> Result<String> {
        self.parts.paseto_create(payload, options)
    }

    /// See [`Jam::paseto_decode`](crate::Jam::paseto_decode).
    pub async fn paseto_decode(&self, token: &str, options: &PasetoDecodeOptions) -> Result<Claims> {
        self.parts.paseto_decode(token, options)
    }

    /// See [`Jam::close`](crate::Jam::close).
    pub async fn aclose(&self) {
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
        self.parts.describe("aio::Jam", formatter)
    }
}

fn sessions(config: SessionConfig) -> Result<Sessions> {
    // A mistake in the options leaves no file behind.
    Codec::new(config.options.clone())?;
    Sessions::new(config.backend.open_async(SESSIONS_NAMESPACE)?, config.options)
}

fn token_list(config: ListConfig, leeway: std::time::Duration) -> Result<TokenList> {
    TokenList::new(config.backend.open_async(LIST_NAMESPACE)?, config.kind, config.options(leeway))
}

fn replay_guard(backend: &Backend) -> Result<ReplayGuard> {
    Ok(ReplayGuard::new(backend.open_async(REPLAY_GUARD_NAMESPACE)?))
}

fn tokens(config: TokensConfig, access: AccessTokens, list: Option<TokenList>) -> Result<Tokens> {
    Tokens::new(config.backend.open_async(TOKENS_NAMESPACE)?, access, list, config.options)
}
