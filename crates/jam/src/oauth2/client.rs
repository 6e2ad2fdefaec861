//! The calls, blocking and asynchronous: a pure step of [`Provider`], one exchange, a pure step.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};
use url::Url;

use super::device::{self, DeviceAuthorization, Waiting};
use super::discovery::{self, Metadata};
use super::id_token::{self, Expectation};
use super::key_set::{self, KeySet};
use super::login::{self, Callback, CompletedLogin, Login};
use super::provider::{Endpoints, Provider, ProviderOptions};
use super::service::Service;
use super::signed_answer::{self, Said};
use super::{access_token, http, introspection, logout, token, userinfo};
use crate::jose::jws::{Unverified, Verified};
use crate::{Result, Timestamp};

/// What a caller adds to one call.
///
/// `client_id`, `client_secret`, `response_type`, `grant_type` and whatever else the call sets itself cannot be given as parameters;
/// a `redirect_uri` replaces the configured one. Their values may be secret, so `Debug` shows the names alone.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CallOptions {
    pub(super) grant_type: Option<String>,
    pub(super) parameters: Vec<(String, String)>,
}

impl CallOptions {
    /// No additions.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a parameter to the request, such as `state` or `audience`.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// Replaces the call's own grant type, for the extension grants of RFC 6749 section 4.5.
    #[must_use]
    pub fn grant_type(mut self, grant_type: impl Into<String>) -> Self {
        self.grant_type = Some(grant_type.into());
        self
    }
}

impl fmt::Debug for CallOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.parameters.iter().map(|(name, _)| name).collect();
        formatter
            .debug_struct("CallOptions")
            .field("grant_type", &self.grant_type)
            .field("parameters", &names)
            .finish()
    }
}

/// A client of one provider that blocks the calling thread. Cheap to clone; safe to share between threads
/// and across `fork`.
///
/// ```no_run
/// use jam::oauth2::{CallOptions, Client, ProviderOptions};
///
/// let client = Client::new(ProviderOptions {
///     client_id: "service".into(),
///     client_secret: Some("secret".into()),
///     auth_url: Some("https://provider.example/authorize".into()),
///     token_url: Some("https://provider.example/token".into()),
///     ..ProviderOptions::default()
/// })?;
/// let answer = client.client_credentials(&["read"], &CallOptions::new(), jam::Timestamp::now())?;
/// println!("valid for {:?} seconds", answer.get("expires_in"));
/// # Ok::<(), jam::Error>(())
/// ```
#[derive(Clone)]
pub struct Client {
    provider: Arc<Provider>,
}

impl Client {
    /// Checks the configuration; asks nobody.
    ///
    /// # Errors
    /// [`ConfigurationError`](crate::ConfigurationError) with the path of the key that cannot be used.
    pub fn new(options: ProviderOptions) -> Result<Self> {
        Ok(Self { provider: Arc::new(Provider::new(options)?) })
    }

    /// The name under which the provider is configured.
    pub fn provider_name(&self) -> &str {
        self.provider.name()
    }

    /// Where to send the browser (RFC 6749 section 4.1.1). Give a `state` that only this browser's session knows, and
    /// compare it in the callback; [`begin_login`](Self::begin_login) does so by itself. With an `issuer` the first call
    /// fetches its metadata.
    ///
    /// # Errors
    /// [`Error::Validation`](crate::Error::Validation) for a scope or a parameter that cannot be sent.
    pub fn authorization_url(&self, scope: &[&str], options: &CallOptions) -> Result<String> {
        self.provider.authorization_url(&self.endpoints()?, scope, options)
    }

    /// Exchanges the code of the callback for tokens (RFC 6749 section 4.1.3). Gives the provider's own JSON object,
    /// with `expires_in` as an integer.
    ///
    /// # Errors
    /// [`OAuth2Error`](crate::OAuth2Error): `Refused` for an answer with an `error`, whatever its status; `Unreachable`,
    /// `EmptyResponse`, `InvalidResponse`. None of them repeats the code, a token or the client secret.
    pub fn fetch_token(
        &self,
        code: &str,
        options: &CallOptions,
        now: Timestamp,
    ) -> Result<Map<String, Value>> {
        http::send(self.provider.code_grant(&self.endpoints()?, code, options, now)?)
    }

    /// Gets a new access token for a refresh token (RFC 6749 section 6). An answer without a `refresh_token` means that
    /// the old one stays valid. Errors as [`fetch_token`](Self::fetch_token).
    pub fn refresh_token(
        &self,
        refresh_token: &str,
        options: &CallOptions,
        now: Timestamp,
    ) -> Result<Map<String, Value>> {
        http::send(self.provider.refresh_grant(&self.endpoints()?, refresh_token, options, now)?)
    }

    /// Gets an access token for the application itself (RFC 6749 section 4.4); it needs a client secret.
    /// Errors as [`fetch_token`](Self::fetch_token).
    pub fn client_credentials(
        &self,
        scope: &[&str],
        options: &CallOptions,
        now: Timestamp,
    ) -> Result<Map<String, Value>> {
        http::send(self.provider.client_credentials_grant(&self.endpoints()?, scope, options, now)?)
    }

    /// Begins a login: an authorization request with a state, a PKCE challenge (S256) and, for the scope `openid`, a nonce.
    /// What it needs of the store and of the browser says [`Login`]. Without a scope it asks for `openid` where the provider
    /// has an issuer. `max_age` and `acr_values` among the options are checked in the ID token.
    ///
    /// ```
    /// use jam::oauth2::{CallOptions, Client, ProviderOptions};
    ///
    /// let client = Client::new(ProviderOptions {
    ///     name: "google".into(),
    ///     client_id: "demo".into(),
    ///     ..ProviderOptions::default()
    /// })?;
    /// let login = client.begin_login(Some(&["openid", "email"]), &CallOptions::new(), jam::Timestamp::now())?;
    /// assert!(login.url.starts_with("https://accounts.google.com/o/oauth2/v2/auth?response_type=code&"));
    /// assert!(login.url.contains("&code_challenge_method=S256"));
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ConfigurationError`](crate::ConfigurationError) for the scope `openid` without an issuer; else as
    /// [`authorization_url`](Self::authorization_url).
    pub fn begin_login(
        &self,
        scope: Option<&[&str]>,
        options: &CallOptions,
        now: Timestamp,
    ) -> Result<Login> {
        let begun = login::begin(&self.provider, scope, options)?;
        let (endpoints, metadata) = (self.endpoints()?, self.metadata_of_login()?);
        if !self.provider.pushes_authorization(metadata.as_deref()) {
            return begun.in_address(&self.provider, &endpoints);
        }
        let url = self.service(Service::PushedAuthorization)?;
        let request_uri = http::send(begun.pushed_request(&self.provider, &endpoints, &url, now)?)?;
        Ok(begun.login(self.provider.pushed_url(&endpoints, &request_uri)))
    }

    /// Completes a login: checks that the callback belongs to it and to this browser, exchanges the code, and validates the
    /// ID token (OpenID Connect Core 1.0 section 3.1.3.7). `record` is what the store had under the callback's state; it must
    /// be gone there.
    ///
    /// # Errors
    /// [`OAuth2Error`](crate::OAuth2Error): `InvalidCallback` and, when the provider or the user refused, `Refused`: both
    /// before anything is sent; `InvalidIdToken`; else as [`fetch_token`](Self::fetch_token).
    pub fn complete_login(
        &self,
        callback: &Callback,
        binding: &str,
        record: Option<&[u8]>,
        now: Timestamp,
    ) -> Result<CompletedLogin> {
        let metadata = self.metadata_of_login()?;
        let (code, pending) = login::accept(&self.provider, metadata.as_deref(), callback, binding, record)?;
        let tokens = self.fetch_token(code.expose(), &pending.call_options(), now)?;
        let claims = match pending.id_token(&tokens)? {
            Some(token) => Some(self.verified_claims(token, &pending.expectation(&tokens, &code), now)?),
            None => None,
        };
        Ok(CompletedLogin { tokens, claims })
    }

    /// The claims of an ID token of the provider's for this client: its signature, `iss`, `aud`, `azp`, `exp` and `iat` are
    /// checked, and `nonce` if one is given. The issuer's keys are fetched when they are needed and kept.
    ///
    /// # Errors
    /// [`OAuth2Error`](crate::OAuth2Error): `InvalidIdToken`, or what kept the keys from being fetched.
    pub fn verify_id_token(
        &self,
        token: &str,
        nonce: Option<&str>,
        now: Timestamp,
    ) -> Result<Map<String, Value>> {
        self.verified_claims(token, &Expectation { nonce, ..Expectation::default() }, now)
    }

    /// What the provider tells of the user of an access token (OpenID Connect Core 1.0 section 5.3), in its own words. Of OpenID
    /// providers `sub` must be compared with the ID token's. Where a provider tells the e-mail address by a second call, as
    /// GitHub does, that is made, and a verified address becomes `email`. A signed answer is verified.
    ///
    /// # Errors
    /// As [`fetch_token`](Self::fetch_token); [`ConfigurationError`](crate::ConfigurationError) for a provider without such
    /// an endpoint.
    pub fn userinfo(&self, access_token: &str) -> Result<Map<String, Value>> {
        let url = self.service(Service::Userinfo)?;
        let mut members = match http::send(userinfo::request(&self.provider, url, access_token)?)? {
            Said::Plain(members) => members,
            Said::Signed(token) => userinfo::claims(&self.verified_answer(&token)?, &self.provider)?,
        };
        if let Some(url) = self.provider.email_url(&members)
            && let Some(email) = http::send(userinfo::email_request(&self.provider, url, access_token)?)?
        {
            members.insert("email".into(), email.into());
        }
        Ok(members)
    }

    /// What the provider says of a token (RFC 7662): `active` is true or false, the rest is there only for a token that is. A
    /// signed answer (RFC 9701) is verified. Errors as [`userinfo`](Self::userinfo).
    pub fn introspect(&self, token: &str, now: Timestamp) -> Result<Map<String, Value>> {
        let (endpoints, url) = (self.endpoints()?, self.service(Service::Introspection)?);
        match http::send(introspection::request(&self.provider, &endpoints, &url, token, now)?)? {
            Said::Plain(members) => Ok(members),
            Said::Signed(token) => introspection::claims(&self.verified_answer(&token)?, &self.provider),
        }
    }

    /// Makes a token useless (RFC 7009); one that the provider does not know is useless already. Errors as
    /// [`userinfo`](Self::userinfo).
    pub fn revoke(&self, token: &str, now: Timestamp) -> Result<()> {
        let (endpoints, url) = (self.endpoints()?, self.service(Service::Revocation)?);
        http::send(introspection::revocation_request(&self.provider, &endpoints, &url, token, now)?)
    }

    /// Begins the grant for devices without a browser (RFC 8628): what to show the user. Errors as [`userinfo`](Self::userinfo).
    pub fn begin_device(
        &self,
        scope: &[&str],
        options: &CallOptions,
        now: Timestamp,
    ) -> Result<DeviceAuthorization> {
        let (endpoints, url) = (self.endpoints()?, self.service(Service::DeviceAuthorization)?);
        http::send(device::request(&self.provider, &endpoints, &url, scope, options, now)?)
    }

    /// Waits for the user: asks at the provider's pace until there are tokens.
    ///
    /// # Errors
    /// As [`fetch_token`](Self::fetch_token): `Refused` with `access_denied` when the user refused, and with `expired_token`
    /// when the time is over.
    pub fn complete_device(
        &self,
        device: &DeviceAuthorization,
        now: Timestamp,
    ) -> Result<Map<String, Value>> {
        let (endpoints, mut waiting) = (self.endpoints()?, Waiting::new(device, now));
        loop {
            std::thread::sleep(waiting.pause()?);
            let request = device::token_request(&self.provider, &endpoints, device, waiting.now())?;
            if let Some(tokens) = waiting.judge(http::send(request))? {
                return Ok(tokens);
            }
        }
    }

    /// The claims of an access token that a request brought, for a resource server (RFC 9068): a JWT of the issuer's for
    /// this `audience`, which is what the resource server is called. Its scopes are in `scope`. The issuer's keys are
    /// fetched when they are needed and kept, so most tokens cost no request. A token that is bound to a key (`cnf`) is refused;
    /// one that is no JWT is for [`introspect`](Self::introspect).
    ///
    /// # Errors
    /// [`JwtError`](crate::JwtError) says why it is refused; [`OAuth2Error`](crate::OAuth2Error) what kept the keys from being
    /// fetched.
    pub fn verify_access_token(
        &self,
        token: &str,
        audience: &str,
        now: Timestamp,
    ) -> Result<Map<String, Value>> {
        access_token::validate(&self.verified(token, &*self.metadata()?)?, &self.provider, audience, now)
    }

    /// Where to send the browser to end the login with the provider (OpenID Connect RP-Initiated Logout 1.0). Options worth
    /// giving are `id_token_hint`, `post_logout_redirect_uri` and `state`.
    ///
    /// # Errors
    /// [`Error::Validation`](crate::Error::Validation) for a parameter that cannot be sent;
    /// [`ConfigurationError`](crate::ConfigurationError) for a provider without such a page.
    pub fn logout_url(&self, options: &CallOptions) -> Result<String> {
        self.provider.logout_url(self.service(Service::EndSession)?, options)
    }

    /// The claims of a logout token, by which the provider tells that a user's login ended (OpenID Connect Back-Channel Logout
    /// 1.0): end the sessions of its `sub`, or of its `sid`. Errors as [`verify_access_token`](Self::verify_access_token).
    pub fn verify_logout_token(&self, token: &str, now: Timestamp) -> Result<Map<String, Value>> {
        logout::validate(&self.verified(token, &*self.metadata()?)?, &self.provider, now)
    }

    fn verified_claims(
        &self,
        token: &str,
        expected: &Expectation<'_>,
        now: Timestamp,
    ) -> Result<Map<String, Value>> {
        let metadata = self.metadata()?;
        let verified = self.verified(token, &metadata).map_err(id_token::refused_by)?;
        id_token::validate(&verified, &self.provider, &metadata, expected, now)
    }

    fn verified_answer(&self, token: &str) -> Result<Verified> {
        self.verified(token, &*self.metadata()?).map_err(|error| signed_answer::refused(error.to_string()))
    }

    /// A token that one of the issuer's keys signed.
    fn verified(&self, token: &str, metadata: &Metadata) -> Result<Verified> {
        let token = Unverified::parse(token)?;
        let keys = self.provider.key_set.get(
            |keys| keys.has_key_for(token.header()),
            || http::send(key_set_request(&self.provider, metadata)?),
        )?;
        Ok(keys.verify(token)?)
    }

    fn service(&self, service: Service) -> Result<Url> {
        match (self.provider.service(service), self.provider.issuer()) {
            (Some(known), _) => Ok(known.clone()),
            (None, Some(_)) => self.provider.service_of(service, &*self.metadata()?),
            (None, None) => Err(self.provider.lacks(service)),
        }
    }

    fn endpoints(&self) -> Result<Endpoints> {
        match self.provider.configured_endpoints() {
            Some(known) => Ok(known),
            None => self.provider.endpoints(&*self.metadata()?),
        }
    }

    /// The metadata, where the login of this provider can use them.
    fn metadata_of_login(&self) -> Result<Option<Arc<Metadata>>> {
        self.provider.needs_metadata().then(|| self.metadata()).transpose()
    }

    fn metadata(&self) -> Result<Arc<Metadata>> {
        self.provider.metadata.get(
            |_| true,
            || match http::send(discovery::openid_request(&self.provider)?)? {
                Some(metadata) => Ok(metadata),
                None => http::send(discovery::oauth_request(&self.provider)?),
            },
        )
    }
}

/// The asynchronous face.
pub(super) mod aio {
    use super::*;

    /// The asynchronous twin of the blocking [`Client`](super::Client). Its calls run inside of a tokio runtime with time and I/O
    /// enabled; several runtimes may share one client.
    #[derive(Clone)]
    pub struct Client {
        provider: Arc<Provider>,
    }

    impl Client {
        /// As [`super::Client::new`].
        pub fn new(options: ProviderOptions) -> Result<Self> {
            Ok(Self { provider: Arc::new(Provider::new(options)?) })
        }

        /// As [`super::Client::provider_name`].
        pub fn provider_name(&self) -> &str {
            self.provider.name()
        }

        /// As [`super::Client::authorization_url`]; awaits the issuer's metadata alone.
        pub async fn authorization_url(&self, scope: &[&str], options: &CallOptions) -> Result<String> {
            self.provider.authorization_url(&self.endpoints().await?, scope, options)
        }

        /// As [`super::Client::fetch_token`].
        pub async fn fetch_token(
            &self,
            code: &str,
            options: &CallOptions,
            now: Timestamp,
        ) -> Result<Map<String, Value>> {
            let endpoints = self.endpoints().await?;
            http::send_async(self.provider.code_grant(&endpoints, code, options, now)?).await
        }

        /// As [`super::Client::refresh_token`].
        pub async fn refresh_token(
            &self,
            refresh_token: &str,
            options: &CallOptions,
            now: Timestamp,
        ) -> Result<Map<String, Value>> {
            let endpoints = self.endpoints().await?;
            http::send_async(self.provider.refresh_grant(&endpoints, refresh_token, options, now)?).await
        }

        /// As [`super::Client::client_credentials`].
        pub async fn client_credentials(
            &self,
            scope: &[&str],
            options: &CallOptions,
            now: Timestamp,
        ) -> Result<Map<String, Value>> {
            let endpoints = self.endpoints().await?;
            http::send_async(self.provider.client_credentials_grant(&endpoints, scope, options, now)?).await
        }

        /// As [`super::Client::begin_login`].
        pub async fn begin_login(
            &self,
            scope: Option<&[&str]>,
            options: &CallOptions,
            now: Timestamp,
        ) -> Result<Login> {
            let begun = login::begin(&self.provider, scope, options)?;
            let (endpoints, metadata) = (self.endpoints().await?, self.metadata_of_login().await?);
            if !self.provider.pushes_authorization(metadata.as_deref()) {
                return begun.in_address(&self.provider, &endpoints);
            }
            let url = self.service(Service::PushedAuthorization).await?;
            let request = begun.pushed_request(&self.provider, &endpoints, &url, now)?;
            let request_uri = http::send_async(request).await?;
            Ok(begun.login(self.provider.pushed_url(&endpoints, &request_uri)))
        }

        /// As [`super::Client::complete_login`].
        pub async fn complete_login(
            &self,
            callback: &Callback,
            binding: &str,
            record: Option<&[u8]>,
            now: Timestamp,
        ) -> Result<CompletedLogin> {
            let metadata = self.metadata_of_login().await?;
            let (code, pending) =
                login::accept(&self.provider, metadata.as_deref(), callback, binding, record)?;
            let tokens = self.fetch_token(code.expose(), &pending.call_options(), now).await?;
            let claims = match pending.id_token(&tokens)? {
                Some(token) => {
                    Some(self.verified_claims(token, &pending.expectation(&tokens, &code), now).await?)
                }
                None => None,
            };
            Ok(CompletedLogin { tokens, claims })
        }

        /// As [`super::Client::verify_id_token`].
        pub async fn verify_id_token(
            &self,
            token: &str,
            nonce: Option<&str>,
            now: Timestamp,
        ) -> Result<Map<String, Value>> {
            self.verified_claims(token, &Expectation { nonce, ..Expectation::default() }, now).await
        }

        /// As [`super::Client::userinfo`].
        pub async fn userinfo(&self, access_token: &str) -> Result<Map<String, Value>> {
            let url = self.service(Service::Userinfo).await?;
            let said = http::send_async(userinfo::request(&self.provider, url, access_token)?).await?;
            let mut members = match said {
                Said::Plain(members) => members,
                Said::Signed(token) => {
                    userinfo::claims(&self.verified_answer(&token).await?, &self.provider)?
                }
            };
            if let Some(url) = self.provider.email_url(&members) {
                let request = userinfo::email_request(&self.provider, url, access_token)?;
                if let Some(email) = http::send_async(request).await? {
                    members.insert("email".into(), email.into());
                }
            }
            Ok(members)
        }

        /// As [`super::Client::introspect`].
        pub async fn introspect(&self, token: &str, now: Timestamp) -> Result<Map<String, Value>> {
            let (endpoints, url) = (self.endpoints().await?, self.service(Service::Introspection).await?);
            let request = introspection::request(&self.provider, &endpoints, &url, token, now)?;
            match http::send_async(request).await? {
                Said::Plain(members) => Ok(members),
                Said::Signed(token) => {
                    introspection::claims(&self.verified_answer(&token).await?, &self.provider)
                }
            }
        }

        /// As [`super::Client::revoke`].
        pub async fn revoke(&self, token: &str, now: Timestamp) -> Result<()> {
            let (endpoints, url) = (self.endpoints().await?, self.service(Service::Revocation).await?);
            let request = introspection::revocation_request(&self.provider, &endpoints, &url, token, now)?;
            http::send_async(request).await
        }

        /// As [`super::Client::begin_device`].
        pub async fn begin_device(
            &self,
            scope: &[&str],
            options: &CallOptions,
            now: Timestamp,
        ) -> Result<DeviceAuthorization> {
            let (endpoints, url) =
                (self.endpoints().await?, self.service(Service::DeviceAuthorization).await?);
            let request = device::request(&self.provider, &endpoints, &url, scope, options, now)?;
            http::send_async(request).await
        }

        /// As [`super::Client::complete_device`].
        pub async fn complete_device(
            &self,
            device: &DeviceAuthorization,
            now: Timestamp,
        ) -> Result<Map<String, Value>> {
            let (endpoints, mut waiting) = (self.endpoints().await?, Waiting::new(device, now));
            loop {
                tokio::time::sleep(waiting.pause()?).await;
                let request = device::token_request(&self.provider, &endpoints, device, waiting.now())?;
                if let Some(tokens) = waiting.judge(http::send_async(request).await)? {
                    return Ok(tokens);
                }
            }
        }

        /// As [`super::Client::verify_access_token`].
        pub async fn verify_access_token(
            &self,
            token: &str,
            audience: &str,
            now: Timestamp,
        ) -> Result<Map<String, Value>> {
            let metadata = self.metadata().await?;
            access_token::validate(&self.verified(token, &metadata).await?, &self.provider, audience, now)
        }

        /// As [`super::Client::logout_url`]; awaits the issuer's metadata alone.
        pub async fn logout_url(&self, options: &CallOptions) -> Result<String> {
            self.provider.logout_url(self.service(Service::EndSession).await?, options)
        }

        /// As [`super::Client::verify_logout_token`].
        pub async fn verify_logout_token(&self, token: &str, now: Timestamp) -> Result<Map<String, Value>> {
            let metadata = self.metadata().await?;
            logout::validate(&self.verified(token, &metadata).await?, &self.provider, now)
        }

        async fn verified_claims(
            &self,
            token: &str,
            expected: &Expectation<'_>,
            now: Timestamp,
        ) -> Result<Map<String, Value>> {
            let metadata = self.metadata().await?;
            let verified = self.verified(token, &metadata).await.map_err(id_token::refused_by)?;
            id_token::validate(&verified, &self.provider, &metadata, expected, now)
        }

        async fn verified_answer(&self, token: &str) -> Result<Verified> {
            let metadata = self.metadata().await?;
            let verified = self.verified(token, &metadata).await;
            verified.map_err(|error| signed_answer::refused(error.to_string()))
        }

        async fn verified(&self, token: &str, metadata: &Metadata) -> Result<Verified> {
            let token = Unverified::parse(token)?;
            let keys = self.provider.key_set.get_async(|keys| keys.has_key_for(token.header()), async {
                http::send_async(key_set_request(&self.provider, metadata)?).await
            });
            Ok(keys.await?.verify(token)?)
        }

        async fn service(&self, service: Service) -> Result<Url> {
            match (self.provider.service(service), self.provider.issuer()) {
                (Some(known), _) => Ok(known.clone()),
                (None, Some(_)) => self.provider.service_of(service, &*self.metadata().await?),
                (None, None) => Err(self.provider.lacks(service)),
            }
        }

        async fn endpoints(&self) -> Result<Endpoints> {
            match self.provider.configured_endpoints() {
                Some(known) => Ok(known),
                None => self.provider.endpoints(&*self.metadata().await?),
            }
        }

        async fn metadata_of_login(&self) -> Result<Option<Arc<Metadata>>> {
            match self.provider.needs_metadata() {
                true => self.metadata().await.map(Some),
                false => Ok(None),
            }
        }

        async fn metadata(&self) -> Result<Arc<Metadata>> {
            let fetch = async {
                match http::send_async(discovery::openid_request(&self.provider)?).await? {
                    Some(metadata) => Ok(metadata),
                    None => http::send_async(discovery::oauth_request(&self.provider)?).await,
                }
            };
            self.provider.metadata.get_async(|_| true, fetch).await
        }
    }

    impl fmt::Debug for Client {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.provider.fmt(formatter)
        }
    }
}

fn key_set_request(provider: &Provider, metadata: &Metadata) -> Result<http::Request<KeySet>> {
    let url = metadata.key_set_url.clone();
    let url = url.ok_or_else(|| token::invalid("the issuer's metadata names no address of its keys"))?;
    Ok(key_set::request(url, provider.limits()))
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.provider.fmt(formatter)
    }
}
