//! The OAuth 2.0 clients, as Python sees them.

use std::time::Duration;

use jam::OAuth2Error;
use jam::oauth2::{CallOptions, ClientAuthentication, ProviderOptions, aio};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyInt, PyString};
use serde_json::{Map, Value};

use crate::arguments::{Seconds, Text, integer, required_text, text};
use crate::{bridge, error, json};

/// The client behind `jam.oauth2`: every call blocks, without the GIL.
#[pyclass(subclass, frozen, module = "jam._jam")]
struct OAuth2Client(jam::oauth2::Client);

#[pymethods]
impl OAuth2Client {
    #[new]
    #[pyo3(signature = (provider, client_id, client_secret=None, auth_url=None, token_url=None, redirect_url=None, *, issuer=None, client_authentication=None, timeout=Seconds::Number(10.0)),
        text_signature = "(provider, client_id, client_secret=None, auth_url=None, token_url=None, redirect_url=None, *, issuer=None, client_authentication=None, timeout=10.0)")]
    #[expect(clippy::too_many_arguments)] // keywords in Python
    fn new(
        provider: Text,
        client_id: Text,
        client_secret: Option<Text>,
        auth_url: Option<Text>,
        token_url: Option<Text>,
        redirect_url: Option<Text>,
        issuer: Option<Text>,
        client_authentication: Option<Text>,
        timeout: Seconds,
    ) -> PyResult<Self> {
        let options = ProviderOptions {
            name: provider.0,
            client_id: client_id.0,
            client_secret: client_secret.map(|secret| secret.0.into()),
            redirect_url: redirect_url.map(|url| url.0),
            auth_url: auth_url.map(|url| url.0),
            token_url: token_url.map(|url| url.0),
            issuer: issuer.map(|issuer| issuer.0),
            client_authentication: authentication(client_authentication)?,
            timeout: seconds(&timeout)?,
            ..ProviderOptions::default()
        };
        jam::oauth2::Client::new(options).map(Self).map_err(error::to_py)
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
        answer(py, self.run(py, move |client| client.fetch_token(&code, &options))?)
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
        answer(py, self.run(py, move |client| client.refresh_token(&refresh_token, &options))?)
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
        answer(py, self.run(py, move |client| client.client_credentials(&borrowed(&scope), &options))?)
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(error::not_picklable("OAuth2Client"))
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
    #[pyo3(signature = (provider, client_id, client_secret=None, auth_url=None, token_url=None, redirect_url=None, *, issuer=None, client_authentication=None, timeout=Seconds::Number(10.0)),
        text_signature = "(provider, client_id, client_secret=None, auth_url=None, token_url=None, redirect_url=None, *, issuer=None, client_authentication=None, timeout=10.0)")]
    #[expect(clippy::too_many_arguments)] // keywords in Python
    fn new(
        provider: Text,
        client_id: Text,
        client_secret: Option<Text>,
        auth_url: Option<Text>,
        token_url: Option<Text>,
        redirect_url: Option<Text>,
        issuer: Option<Text>,
        client_authentication: Option<Text>,
        timeout: Seconds,
    ) -> PyResult<Self> {
        let options = ProviderOptions {
            name: provider.0,
            client_id: client_id.0,
            client_secret: client_secret.map(|secret| secret.0.into()),
            redirect_url: redirect_url.map(|url| url.0),
            auth_url: auth_url.map(|url| url.0),
            token_url: token_url.map(|url| url.0),
            issuer: issuer.map(|issuer| issuer.0),
            client_authentication: authentication(client_authentication)?,
            timeout: seconds(&timeout)?,
            ..ProviderOptions::default()
        };
        aio::Client::new(options).map(Self).map_err(error::to_py)
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
            async move { client.fetch_token(&code, &options).await },
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
            async move { client.refresh_token(&refresh_token, &options).await },
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
            async move { client.client_credentials(&borrowed(&scope), &options).await },
            answer,
        )
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(error::not_picklable("AsyncOAuth2Client"))
    }
}

fn authentication(name: Option<Text>) -> PyResult<Option<ClientAuthentication>> {
    name.map(|name| name.0.parse()).transpose().map_err(error::to_py)
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
            return Err(error::validation_at(&name, &format!("{name}: must be a text, an int or a bool")));
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
    module.add_class::<OAuth2Client>()?;
    module.add_class::<AsyncOAuth2Client>()
}
