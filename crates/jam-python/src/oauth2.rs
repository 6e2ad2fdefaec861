//! The OAuth 2.0 clients, as Python sees them.

use std::sync::Arc;
use std::time::Duration;

use jam::encoding::json_object;
use jam::oauth2::{self, CallOptions, ProviderOptions, aio};
use jam::{OAuth2Error, Timestamp};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyInt, PyList, PyString};
use serde_json::{Map, Value};

use crate::arguments::{Seconds, Text, integer, required_text, text, type_name, unix_seconds};
use crate::{bridge, error, json};

/// What the browser brought back from the provider.
///
/// Args:
///     callback: The address that it came back to, or the parameters of its query or of the form that it posted.
#[pyclass(frozen, module = "jam._jam")]
struct Callback(oauth2::Callback);

#[pymethods]
impl Callback {
    #[new]
    fn new(callback: &Bound<'_, PyAny>) -> PyResult<Self> {
        let read = match callback.cast::<PyString>() {
            Ok(_) => oauth2::Callback::from_url(required_text(callback, "callback")?),
            Err(_) => oauth2::Callback::from_parameters(parameters(callback)?),
        };
        read.map(Self).map_err(error::to_py)
    }

    /// What names the login that is to be completed.
    #[getter]
    fn state(&self) -> PyResult<&str> {
        self.0.state().map_err(error::to_py)
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(error::not_picklable("Callback"))
    }
}

/// The parameters of a mapping. Where a framework gives lists of values, each has one.
fn parameters(callback: &Bound<'_, PyAny>) -> PyResult<Vec<(String, String)>> {
    let refused = || {
        let kind = type_name(callback);
        error::validation(&format!("callback: must be an address or a dict of its parameters, not {kind}"))
    };
    let items = callback.call_method0("items").and_then(|items| items.try_iter()).map_err(|_| refused())?;
    let mut parameters = Vec::new();
    for item in items {
        let (name, value) = item?.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>().map_err(|_| refused())?;
        let name = required_text(&name, "the name of a callback's parameter")?.to_owned();
        match value.cast::<PyList>() {
            Ok(values) => {
                for value in values {
                    parameters
                        .push((name.clone(), required_text(&value, "a callback's parameter")?.to_owned()));
                }
            }
            Err(_) => parameters.push((name, required_text(&value, "a callback's parameter")?.to_owned())),
        }
    }
    Ok(parameters)
}

/// A login that was begun.
///
/// Attributes:
///     url: Where to send the browser.
///     binding: What only this browser has: keep it in its cookie.
///     state: What the callback will name the login by.
///     record: What completing the login needs, sealed with the binding.
#[pyclass(frozen, module = "jam._jam")]
struct Login(oauth2::Login);

#[pymethods]
impl Login {
    #[getter]
    fn url(&self) -> &str {
        &self.0.url
    }

    #[getter]
    fn binding(&self) -> &str {
        self.0.binding.expose()
    }

    #[getter]
    fn state(&self) -> &str {
        self.0.state.expose()
    }

    #[getter]
    fn record<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.record)
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(error::not_picklable("Login"))
    }

    fn __repr__(&self) -> &'static str {
        "<jam.oauth2.Login>"
    }
}

/// A login that was completed.
///
/// Attributes:
///     tokens: The provider's token answer.
///     claims: The claims of the validated ID token; None where none was asked for.
#[pyclass(frozen, get_all, module = "jam._jam")]
struct CompletedLogin {
    tokens: Py<PyAny>,
    claims: Py<PyAny>,
}

#[pymethods]
impl CompletedLogin {
    fn __reduce__(&self) -> PyResult<()> {
        Err(error::not_picklable("CompletedLogin"))
    }

    fn __repr__(&self) -> &'static str {
        "<jam.oauth2.CompletedLogin>"
    }
}

/// What the user of a device without a browser is to be shown.
///
/// Attributes:
///     user_code: What the user types there.
///     verification_uri: Where the user goes with any browser.
///     verification_uri_complete: The same with the code in it, for a QR code; None where the provider has none.
///     expires: Until when the user has time, in seconds since 1970.
///     interval: Seconds between two requests.
#[pyclass(frozen, module = "jam._jam")]
struct DeviceAuthorization(oauth2::DeviceAuthorization);

#[pymethods]
impl DeviceAuthorization {
    #[getter]
    fn user_code(&self) -> &str {
        &self.0.user_code
    }

    #[getter]
    fn verification_uri(&self) -> &str {
        &self.0.verification_uri
    }

    #[getter]
    fn verification_uri_complete(&self) -> Option<&str> {
        self.0.verification_uri_complete.as_deref()
    }

    #[getter]
    fn expires(&self) -> f64 {
        unix_seconds(self.0.expires)
    }

    #[getter]
    fn interval(&self) -> f64 {
        self.0.interval.as_secs_f64()
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(error::not_picklable("DeviceAuthorization"))
    }

    fn __repr__(&self) -> &'static str {
        "<jam.oauth2.DeviceAuthorization>"
    }
}

fn authorized(py: Python<'_>, device: oauth2::DeviceAuthorization) -> PyResult<Py<PyAny>> {
    Ok(Py::new(py, DeviceAuthorization(device))?.into_any())
}

fn completed(py: Python<'_>, login: oauth2::CompletedLogin) -> PyResult<Py<PyAny>> {
    let claims = login.claims.map_or_else(|| Ok(py.None()), |claims| answer(py, claims))?;
    Ok(Py::new(py, CompletedLogin { tokens: answer(py, login.tokens)?, claims })?.into_any())
}

fn begun(py: Python<'_>, login: oauth2::Login) -> PyResult<Py<PyAny>> {
    Ok(Py::new(py, Login(login))?.into_any())
}

/// A user's tokens, which are renewed when they are used and about to expire: once, for any number of threads that wait.
///
/// Attributes:
///     tokens: The provider's newest answer, with `expires_at` in seconds since 1970; saved, it makes a set again.
#[pyclass(frozen, module = "jam._jam")]
struct TokenSet(Arc<oauth2::TokenSet>);

#[pymethods]
impl TokenSet {
    #[getter]
    fn tokens(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        answer(py, self.0.tokens())
    }

    /// Gives an access token that is good for half a minute at least, renewed if need be.
    fn access_token(&self, py: Python<'_>) -> PyResult<String> {
        let tokens = Arc::clone(&self.0);
        let token = bridge::block_for_long(py, move || tokens.access_token(Timestamp::now()))?;
        token.map(|token| token.expose().clone()).map_err(error::to_py)
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(error::not_picklable("TokenSet"))
    }

    fn __repr__(&self) -> &'static str {
        "<jam.oauth2.TokenSet>"
    }
}

/// The twin of `TokenSet` for asyncio.
///
/// Attributes:
///     tokens: The provider's newest answer, with `expires_at` in seconds since 1970; saved, it makes a set again.
#[pyclass(frozen, module = "jam._jam")]
struct AsyncTokenSet(Arc<aio::TokenSet>);

#[pymethods]
impl AsyncTokenSet {
    #[getter]
    fn tokens(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        answer(py, self.0.tokens())
    }

    /// Gives an access token that is good for half a minute at least, renewed if need be.
    fn access_token(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let tokens = Arc::clone(&self.0);
        bridge::spawn(
            py,
            bridge::Place::Worker,
            async move { tokens.access_token(Timestamp::now()).await },
            |py, token| Ok(PyString::new(py, token.expose()).into_any().unbind()),
        )
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(error::not_picklable("TokenSet"))
    }

    fn __repr__(&self) -> &'static str {
        "<jam.aio.oauth2.TokenSet>"
    }
}

/// The members of a provider's answer that Python kept.
fn kept_members(tokens: &Bound<'_, PyDict>) -> PyResult<Map<String, Value>> {
    let mut text = Vec::new();
    json::write(tokens, &mut text)?;
    json_object(&text).map_err(|reason| error::validation(&format!("tokens: {reason}")))
}

/// The keywords of a client.
fn provider_options(keywords: Option<&Bound<'_, PyDict>>) -> PyResult<ProviderOptions> {
    let mut options = ProviderOptions::default();
    for (name, value) in keywords.into_iter().flatten() {
        let name = text(&name, "the name of an option")?;
        if name == "timeout" {
            options.timeout = seconds(&value.extract()?)?;
            continue;
        }
        if name == "pushed_authorization" {
            options.pushed_authorization = value.extract()?;
            continue;
        }
        if value.is_none() {
            continue;
        }
        let value = text(&value, name)?.to_owned();
        match name {
            "provider" => options.name = value,
            "client_id" => options.client_id = value,
            "client_secret" => options.client_secret = Some(value.into()),
            "private_key" => options.private_key = Some(value.into()),
            "redirect_url" => options.redirect_url = Some(value),
            "auth_url" => options.auth_url = Some(value),
            "token_url" => options.token_url = Some(value),
            "issuer" => options.issuer = Some(value),
            "userinfo_url" => options.userinfo_url = Some(value),
            "introspection_url" => options.introspection_url = Some(value),
            "revocation_url" => options.revocation_url = Some(value),
            "device_authorization_url" => options.device_authorization_url = Some(value),
            "pushed_authorization_url" => options.pushed_authorization_url = Some(value),
            "end_session_url" => options.end_session_url = Some(value),
            "client_authentication" => {
                options.client_authentication = Some(value.parse().map_err(error::to_py)?);
            }
            _ => return Err(PyTypeError::new_err(format!("{name}: there is no such option of a client"))),
        }
    }
    Ok(options)
}

/// The client behind `jam.oauth2`: every call blocks, without the GIL.
#[pyclass(subclass, frozen, module = "jam._jam")]
struct OAuth2Client(jam::oauth2::Client);

#[pymethods]
impl OAuth2Client {
    #[new]
    #[pyo3(signature = (**options))]
    fn new(options: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        jam::oauth2::Client::new(provider_options(options)?).map(Self).map_err(error::to_py)
    }

    /// Gives the address to send the browser to.
    #[pyo3(signature = (scope, **extra))]
    fn get_authorization_url(
        &self,
        py: Python<'_>,
        scope: &Bound<'_, PyAny>,
        extra: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<String> {
        let (scope, options) = (scopes(scope)?, call_options(None, extra)?);
        self.run(py, move |client| client.authorization_url(&borrowed(&scope), &options))
    }

    /// Exchanges the code that the browser brought back.
    #[pyo3(signature = (code, grant_type=None, **extra), text_signature = "($self, code, grant_type='authorization_code', **extra)")]
    fn fetch_token(
        &self,
        py: Python<'_>,
        code: &Bound<'_, PyAny>,
        grant_type: Option<Text>,
        extra: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        let code = required_text(code, "code")?.to_owned();
        let options = call_options(grant_type, extra)?;
        answer(py, self.run(py, move |client| client.fetch_token(&code, &options, Timestamp::now()))?)
    }

    /// Gets a new access token.
    #[pyo3(signature = (refresh_token, grant_type=None, **extra), text_signature = "($self, refresh_token, grant_type='refresh_token', **extra)")]
    fn refresh_token(
        &self,
        py: Python<'_>,
        refresh_token: &Bound<'_, PyAny>,
        grant_type: Option<Text>,
        extra: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        let refresh_token = required_text(refresh_token, "refresh_token")?.to_owned();
        let options = call_options(grant_type, extra)?;
        answer(
            py,
            self.run(py, move |client| client.refresh_token(&refresh_token, &options, Timestamp::now()))?,
        )
    }

    /// Gets an access token for the program itself.
    #[pyo3(signature = (scope=None, **extra))]
    fn client_credentials_flow(
        &self,
        py: Python<'_>,
        scope: Option<&Bound<'_, PyAny>>,
        extra: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        let (scope, options) = (scope.map_or(Ok(Vec::new()), scopes)?, call_options(None, extra)?);
        answer(
            py,
            self.run(py, move |client| {
                client.client_credentials(&borrowed(&scope), &options, Timestamp::now())
            })?,
        )
    }

    /// Begins a login.
    #[pyo3(signature = (scope=None, **extra))]
    fn begin_login(
        &self,
        py: Python<'_>,
        scope: Option<&Bound<'_, PyAny>>,
        extra: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        let (scope, options) = (scope.map(scopes).transpose()?, call_options(None, extra)?);
        let login = self.run(py, move |client| {
            client.begin_login(scope.as_deref().map(borrowed).as_deref(), &options, Timestamp::now())
        })?;
        begun(py, login)
    }

    /// Completes a login by what the store kept under the callback's state.
    fn complete_login(
        &self,
        py: Python<'_>,
        callback: &Callback,
        binding: Option<Text>,
        record: Option<Vec<u8>>,
    ) -> PyResult<Py<PyAny>> {
        let (callback, binding) = (callback.0.clone(), binding.unwrap_or_default().0);
        let login = self.run(py, move |client| {
            client.complete_login(&callback, &binding, record.as_deref(), Timestamp::now())
        })?;
        completed(py, login)
    }

    /// Verifies an ID token and gives its claims.
    #[pyo3(signature = (token, nonce=None))]
    fn verify_id_token(
        &self,
        py: Python<'_>,
        token: &Bound<'_, PyAny>,
        nonce: Option<Text>,
    ) -> PyResult<Py<PyAny>> {
        let token = required_text(token, "token")?.to_owned();
        let nonce = nonce.map(|nonce| nonce.0);
        let claims =
            self.run(py, move |client| client.verify_id_token(&token, nonce.as_deref(), Timestamp::now()))?;
        answer(py, claims)
    }

    /// Tells who the user of an access token is.
    fn userinfo(&self, py: Python<'_>, access_token: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let token = required_text(access_token, "access_token")?.to_owned();
        answer(py, self.run(py, move |client| client.userinfo(&token))?)
    }

    /// Tells whether a token is good.
    fn introspect(&self, py: Python<'_>, token: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let token = required_text(token, "token")?.to_owned();
        answer(py, self.run(py, move |client| client.introspect(&token, Timestamp::now()))?)
    }

    /// Makes a token useless.
    fn revoke(&self, py: Python<'_>, token: &Bound<'_, PyAny>) -> PyResult<()> {
        let token = required_text(token, "token")?.to_owned();
        self.run(py, move |client| client.revoke(&token, Timestamp::now()))
    }

    /// Begins a login on a device without a browser.
    #[pyo3(signature = (scope=None, **extra))]
    fn begin_device(
        &self,
        py: Python<'_>,
        scope: Option<&Bound<'_, PyAny>>,
        extra: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        let (scope, options) = (scope.map_or(Ok(Vec::new()), scopes)?, call_options(None, extra)?);
        let device =
            self.run(py, move |client| client.begin_device(&borrowed(&scope), &options, Timestamp::now()))?;
        authorized(py, device)
    }

    /// Waits for the user of the device.
    fn complete_device(&self, py: Python<'_>, device: &DeviceAuthorization) -> PyResult<Py<PyAny>> {
        let device = device.0.clone();
        answer(py, self.run(py, move |client| client.complete_device(&device, Timestamp::now()))?)
    }

    /// Verifies an access token that a request brought, and gives its claims.
    fn verify_access_token(
        &self,
        py: Python<'_>,
        token: &Bound<'_, PyAny>,
        audience: Text,
    ) -> PyResult<Py<PyAny>> {
        let token = required_text(token, "token")?.to_owned();
        let claims =
            self.run(py, move |client| client.verify_access_token(&token, &audience.0, Timestamp::now()))?;
        answer(py, claims)
    }

    /// Gives the address to send the browser to, to end the login with the provider.
    #[pyo3(signature = (**extra))]
    fn logout_url(&self, py: Python<'_>, extra: Option<&Bound<'_, PyDict>>) -> PyResult<String> {
        let options = call_options(None, extra)?;
        self.run(py, move |client| client.logout_url(&options))
    }

    /// Verifies a logout token, and gives its claims.
    fn verify_logout_token(&self, py: Python<'_>, token: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let token = required_text(token, "token")?.to_owned();
        answer(py, self.run(py, move |client| client.verify_logout_token(&token, Timestamp::now()))?)
    }

    /// Makes a set of a provider's answer of just now, or of what was saved of one.
    fn token_set(&self, tokens: &Bound<'_, PyDict>) -> PyResult<TokenSet> {
        let set = oauth2::TokenSet::new(self.0.clone(), kept_members(tokens)?, Timestamp::now());
        set.map(|set| TokenSet(Arc::new(set))).map_err(error::to_py)
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(error::not_picklable("OAuth2Client"))
    }

    fn __repr__(&self) -> String {
        format!("<jam OAuth2 client of {:?}>", self.0.provider_name())
    }
}

impl OAuth2Client {
    fn run<T: Send + 'static>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(&jam::oauth2::Client) -> jam::Result<T> + Send + 'static,
    ) -> PyResult<T> {
        let client = self.0.clone();
        bridge::block_for_long(py, move || call(&client))?.map_err(error::to_py)
    }
}

/// The client behind `jam.aio.oauth2`: every call gives an awaitable.
#[pyclass(subclass, frozen, module = "jam._jam")]
struct AsyncOAuth2Client(aio::Client);

#[pymethods]
impl AsyncOAuth2Client {
    #[new]
    #[pyo3(signature = (**options))]
    fn new(options: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        aio::Client::new(provider_options(options)?).map(Self).map_err(error::to_py)
    }

    /// Gives the address to send the browser to.
    #[pyo3(signature = (scope, **extra))]
    fn get_authorization_url(
        &self,
        py: Python<'_>,
        scope: &Bound<'_, PyAny>,
        extra: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        let (client, scope, options) = (self.0.clone(), scopes(scope)?, call_options(None, extra)?);
        bridge::spawn(
            py,
            bridge::Place::Worker,
            async move { client.authorization_url(&borrowed(&scope), &options).await },
            |py, url| Ok(PyString::new(py, &url).into_any().unbind()),
        )
    }

    /// Exchanges the code that the browser brought back.
    #[pyo3(signature = (code, grant_type=None, **extra), text_signature = "($self, code, grant_type='authorization_code', **extra)")]
    fn fetch_token(
        &self,
        py: Python<'_>,
        code: &Bound<'_, PyAny>,
        grant_type: Option<Text>,
        extra: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        let code = required_text(code, "code")?.to_owned();
        let (client, options) = (self.0.clone(), call_options(grant_type, extra)?);
        bridge::spawn(
            py,
            bridge::Place::Worker,
            async move { client.fetch_token(&code, &options, Timestamp::now()).await },
            answer,
        )
    }

    /// Gets a new access token.
    #[pyo3(signature = (refresh_token, grant_type=None, **extra), text_signature = "($self, refresh_token, grant_type='refresh_token', **extra)")]
    fn refresh_token(
        &self,
        py: Python<'_>,
        refresh_token: &Bound<'_, PyAny>,
        grant_type: Option<Text>,
        extra: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        let refresh_token = required_text(refresh_token, "refresh_token")?.to_owned();
        let (client, options) = (self.0.clone(), call_options(grant_type, extra)?);
        bridge::spawn(
            py,
            bridge::Place::Worker,
            async move { client.refresh_token(&refresh_token, &options, Timestamp::now()).await },
            answer,
        )
    }

    /// Gets an access token for the program itself.
    #[pyo3(signature = (scope=None, **extra))]
    fn client_credentials_flow(
        &self,
        py: Python<'_>,
        scope: Option<&Bound<'_, PyAny>>,
        extra: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        let (client, options) = (self.0.clone(), call_options(None, extra)?);
        let scope = scope.map_or(Ok(Vec::new()), scopes)?;
        bridge::spawn(
            py,
            bridge::Place::Worker,
            async move { client.client_credentials(&borrowed(&scope), &options, Timestamp::now()).await },
            answer,
        )
    }

    /// Begins a login.
    #[pyo3(signature = (scope=None, **extra))]
    fn begin_login(
        &self,
        py: Python<'_>,
        scope: Option<&Bound<'_, PyAny>>,
        extra: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        let (client, options) = (self.0.clone(), call_options(None, extra)?);
        let scope = scope.map(scopes).transpose()?;
        let login = async move {
            client.begin_login(scope.as_deref().map(borrowed).as_deref(), &options, Timestamp::now()).await
        };
        bridge::spawn(py, bridge::Place::Worker, login, begun)
    }

    /// Completes a login by what the store kept under the callback's state.
    fn complete_login(
        &self,
        py: Python<'_>,
        callback: &Callback,
        binding: Option<Text>,
        record: Option<Vec<u8>>,
    ) -> PyResult<Py<PyAny>> {
        let (client, callback) = (self.0.clone(), callback.0.clone());
        let binding = binding.unwrap_or_default().0;
        let login = async move {
            client.complete_login(&callback, &binding, record.as_deref(), Timestamp::now()).await
        };
        bridge::spawn(py, bridge::Place::Worker, login, completed)
    }

    /// Verifies an ID token and gives its claims.
    #[pyo3(signature = (token, nonce=None))]
    fn verify_id_token(
        &self,
        py: Python<'_>,
        token: &Bound<'_, PyAny>,
        nonce: Option<Text>,
    ) -> PyResult<Py<PyAny>> {
        let token = required_text(token, "token")?.to_owned();
        let (client, nonce) = (self.0.clone(), nonce.map(|nonce| nonce.0));
        let claims = async move { client.verify_id_token(&token, nonce.as_deref(), Timestamp::now()).await };
        bridge::spawn(py, bridge::Place::Worker, claims, answer)
    }

    /// Tells who the user of an access token is.
    fn userinfo(&self, py: Python<'_>, access_token: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let (client, token) = (self.0.clone(), required_text(access_token, "access_token")?.to_owned());
        bridge::spawn(py, bridge::Place::Worker, async move { client.userinfo(&token).await }, answer)
    }

    /// Tells whether a token is good.
    fn introspect(&self, py: Python<'_>, token: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let (client, token) = (self.0.clone(), required_text(token, "token")?.to_owned());
        let said = async move { client.introspect(&token, Timestamp::now()).await };
        bridge::spawn(py, bridge::Place::Worker, said, answer)
    }

    /// Makes a token useless.
    fn revoke(&self, py: Python<'_>, token: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let (client, token) = (self.0.clone(), required_text(token, "token")?.to_owned());
        let revoked = async move { client.revoke(&token, Timestamp::now()).await };
        bridge::spawn(py, bridge::Place::Worker, revoked, |py, ()| Ok(py.None()))
    }

    /// Begins a login on a device without a browser.
    #[pyo3(signature = (scope=None, **extra))]
    fn begin_device(
        &self,
        py: Python<'_>,
        scope: Option<&Bound<'_, PyAny>>,
        extra: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        let (client, options) = (self.0.clone(), call_options(None, extra)?);
        let scope = scope.map_or(Ok(Vec::new()), scopes)?;
        let device = async move { client.begin_device(&borrowed(&scope), &options, Timestamp::now()).await };
        bridge::spawn(py, bridge::Place::Worker, device, authorized)
    }

    /// Waits for the user of the device.
    fn complete_device(&self, py: Python<'_>, device: &DeviceAuthorization) -> PyResult<Py<PyAny>> {
        let (client, device) = (self.0.clone(), device.0.clone());
        let tokens = async move { client.complete_device(&device, Timestamp::now()).await };
        bridge::spawn(py, bridge::Place::Worker, tokens, answer)
    }

    /// Verifies an access token that a request brought, and gives its claims.
    fn verify_access_token(
        &self,
        py: Python<'_>,
        token: &Bound<'_, PyAny>,
        audience: Text,
    ) -> PyResult<Py<PyAny>> {
        let (client, token) = (self.0.clone(), required_text(token, "token")?.to_owned());
        let claims = async move { client.verify_access_token(&token, &audience.0, Timestamp::now()).await };
        bridge::spawn(py, bridge::Place::Worker, claims, answer)
    }

    /// Gives the address to send the browser to, to end the login with the provider.
    #[pyo3(signature = (**extra))]
    fn logout_url(&self, py: Python<'_>, extra: Option<&Bound<'_, PyDict>>) -> PyResult<Py<PyAny>> {
        let (client, options) = (self.0.clone(), call_options(None, extra)?);
        bridge::spawn(
            py,
            bridge::Place::Worker,
            async move { client.logout_url(&options).await },
            |py, url| Ok(PyString::new(py, &url).into_any().unbind()),
        )
    }

    /// Verifies a logout token, and gives its claims.
    fn verify_logout_token(&self, py: Python<'_>, token: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let (client, token) = (self.0.clone(), required_text(token, "token")?.to_owned());
        let claims = async move { client.verify_logout_token(&token, Timestamp::now()).await };
        bridge::spawn(py, bridge::Place::Worker, claims, answer)
    }

    /// Makes a set of a provider's answer of just now, or of what was saved of one.
    fn token_set(&self, tokens: &Bound<'_, PyDict>) -> PyResult<AsyncTokenSet> {
        let set = aio::TokenSet::new(self.0.clone(), kept_members(tokens)?, Timestamp::now());
        set.map(|set| AsyncTokenSet(Arc::new(set))).map_err(error::to_py)
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(error::not_picklable("AsyncOAuth2Client"))
    }

    fn __repr__(&self) -> String {
        format!("<jam OAuth2 client of {:?}, for asyncio>", self.0.provider_name())
    }
}

fn seconds(timeout: &Seconds) -> PyResult<Duration> {
    let duration = match timeout {
        Seconds::Number(seconds) => Duration::try_from_secs_f64(*seconds).ok(),
        _ => None,
    };
    duration.ok_or_else(|| error::validation("timeout: must be a number of seconds above zero"))
}

/// The scopes of a call. One text would be taken for a sequence of letters, so it is refused.
fn scopes(scope: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    let refused = || error::validation("scope: must be a list of texts, such as [\"read\", \"write\"]");
    if scope.is_instance_of::<PyString>() {
        return Err(refused());
    }
    let items = scope.try_iter().map_err(|_| refused())?;
    items.map(|item| item?.extract::<String>().map_err(|_| refused())).collect()
}

fn borrowed(scopes: &[String]) -> Vec<&str> {
    scopes.iter().map(String::as_str).collect()
}

/// What a caller adds: texts, and whole numbers and truth values in their usual spelling.
fn call_options(grant_type: Option<Text>, extra: Option<&Bound<'_, PyDict>>) -> PyResult<CallOptions> {
    let mut options = CallOptions::new();
    if let Some(grant_type) = grant_type {
        options = options.grant_type(grant_type.0);
    }
    for (name, value) in extra.into_iter().flatten() {
        let name = text(&name, "the name of an extra parameter")?.to_owned();
        let value = if let Ok(truth) = value.cast::<PyBool>() {
            truth.is_true().to_string()
        } else if value.is_instance_of::<PyString>() {
            text(&value, &name)?.to_owned()
        } else if value.is_instance_of::<PyInt>() {
            integer::<i128>(&value, &name)?.to_string()
        } else {
            return Err(error::validation_at(&name, "must be a text, an int or a bool"));
        };
        options = options.parameter(name, value);
    }
    Ok(options)
}

fn answer(py: Python<'_>, members: Map<String, Value>) -> PyResult<Py<PyAny>> {
    let text = Value::Object(members).to_string();
    let answer = json::parse(py, text.as_bytes()).map_err(|reason| {
        error::to_py(OAuth2Error::InvalidResponse(format!("the provider's answer is {reason}").into()).into())
    })?;
    Ok(answer.unbind())
}

/// Adds this part's classes.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("LOGIN_LIFE_TIME", oauth2::LOGIN_LIFE_TIME.as_secs())?;
    module.add_class::<Callback>()?;
    module.add_class::<Login>()?;
    module.add_class::<CompletedLogin>()?;
    module.add_class::<DeviceAuthorization>()?;
    module.add_class::<TokenSet>()?;
    module.add_class::<AsyncTokenSet>()?;
    module.add_class::<OAuth2Client>()?;
    module.add_class::<AsyncOAuth2Client>()
}
