//! The four calls, blocking and asynchronous: a request of [`Provider`], one exchange, the parsed answer.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::discovery::{self, Metadata};
use super::http;
use super::provider::{Endpoints, Provider, ProviderOptions};
use crate::Result;

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
/// let answer = client.client_credentials(&["read"], &CallOptions::new())?;
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

    /// Where to send the browser (RFC 6749 section 4.1.1). Give a `state` that only this browser's session knows, and
    /// compare it in the callback. With an `issuer` the first call fetches its metadata.
    ///
    /// # Errors
    /// [`Error::Validation`](crate::Error::Validation) for a scope or a parameter that cannot be sent.
    pub fn authorization_url(&self, scope: &[&str], options: &CallOptions) -> Result<String> {
        self.provider.authorization_url(self.endpoints()?, scope, options)
    }

    /// Exchanges the code of the callback for tokens (RFC 6749 section 4.1.3). Gives the provider's own JSON object,
    /// with `expires_in` as an integer.
    ///
    /// # Errors
    /// [`OAuth2Error`](crate::OAuth2Error): `Refused` for an answer with an `error`, whatever its status; `Unreachable`,
    /// `EmptyResponse`, `InvalidResponse`. None of them repeats the code, a token or the client secret.
    pub fn fetch_token(&self, code: &str, options: &CallOptions) -> Result<Map<String, Value>> {
        http::send(self.provider.code_grant(self.endpoints()?, code, options)?)
    }

    /// Gets a new access token for a refresh token (RFC 6749 section 6). An answer without a `refresh_token` means that
    /// the old one stays valid. Errors as [`fetch_token`](Self::fetch_token).
    pub fn refresh_token(&self, refresh_token: &str, options: &CallOptions) -> Result<Map<String, Value>> {
        http::send(self.provider.refresh_grant(self.endpoints()?, refresh_token, options)?)
    }

    /// Gets an access token for the application itself (RFC 6749 section 4.4); it needs a client secret.
    /// Errors as [`fetch_token`](Self::fetch_token).
    pub fn client_credentials(&self, scope: &[&str], options: &CallOptions) -> Result<Map<String, Value>> {
        http::send(self.provider.client_credentials_grant(self.endpoints()?, scope, options)?)
    }

    fn endpoints(&self) -> Result<&Endpoints> {
        match self.provider.endpoints() {
            Some(known) => Ok(known),
            None => Ok(remember(&self.provider, http::send(discovery::request(&self.provider)?)?)),
        }
    }
}

/// The asynchronous face.
pub mod aio {
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

        /// As [`super::Client::authorization_url`]; awaits the issuer's metadata alone.
        pub async fn authorization_url(&self, scope: &[&str], options: &CallOptions) -> Result<String> {
            self.provider.authorization_url(self.endpoints().await?, scope, options)
        }

        /// As [`super::Client::fetch_token`].
        pub async fn fetch_token(&self, code: &str, options: &CallOptions) -> Result<Map<String, Value>> {
            http::send_async(self.provider.code_grant(self.endpoints().await?, code, options)?).await
        }

        /// As [`super::Client::refresh_token`].
        pub async fn refresh_token(
            &self,
            refresh_token: &str,
            options: &CallOptions,
        ) -> Result<Map<String, Value>> {
            http::send_async(self.provider.refresh_grant(self.endpoints().await?, refresh_token, options)?)
                .await
        }

        /// As [`super::Client::client_credentials`].
        pub async fn client_credentials(
            &self,
            scope: &[&str],
            options: &CallOptions,
        ) -> Result<Map<String, Value>> {
            http::send_async(self.provider.client_credentials_grant(
                self.endpoints().await?,
                scope,
                options,
            )?)
            .await
        }

        async fn endpoints(&self) -> Result<&Endpoints> {
            match self.provider.endpoints() {
                Some(known) => Ok(known),
                None => {
                    let metadata = http::send_async(discovery::request(&self.provider)?).await?;
                    Ok(remember(&self.provider, metadata))
                }
            }
        }
    }

    impl fmt::Debug for Client {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.provider.fmt(formatter)
        }
    }
}

fn remember(provider: &Provider, metadata: Metadata) -> &Endpoints {
    provider.remember(metadata.auth_url, metadata.token_url, Some(metadata.authentication))
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.provider.fmt(formatter)
    }
}
