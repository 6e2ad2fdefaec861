//! Families of refresh tokens, as Python sees them. Access tokens are made in `python/jam/tokens.py`, as whatever makes them
//! may be a class of the user's own.

use std::future::Future;
use std::sync::Arc;

use jam::config::TOKENS_NAMESPACE;
use jam::store::Key;
use jam::tokens::{self, Family, FamilyInfo, Grant, Presented, Refreshed, Rotation, TokenOptions};
use jam::{StoreError, Timestamp, TokensError};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyList};

use crate::arguments::{FilePath, Seconds, Text, opaque_text, required_text, unix_seconds};
use crate::error::{not_picklable, to_py};
use crate::serializer::Serializer;
use crate::{bridge, log, stores};

/// What is told of a live family of tokens: all that came of one login. It holds no token.
///
/// Attributes:
///     handle: Its public name, the claim `sid` of its access tokens.
///     created: When it was issued, in seconds since 1970.
///     last_used: When it was last refreshed, in seconds since 1970; None where the store does not know.
///     expires: When it ends if nobody refreshes it, in seconds since 1970; None for never.
#[pyclass(module = "jam._jam", frozen, get_all, eq)]
#[derive(PartialEq)]
struct TokenFamily {
    handle: String,
    created: f64,
    last_used: Option<f64>,
    expires: Option<f64>,
}

impl From<FamilyInfo> for TokenFamily {
    fn from(info: FamilyInfo) -> Self {
        Self {
            handle: info.handle,
            created: unix_seconds(info.created),
            last_used: info.last_used.map(unix_seconds),
            expires: info.expires.map(unix_seconds),
        }
    }
}

#[pymethods]
impl TokenFamily {
    #[new]
    fn new(handle: String, created: f64, last_used: Option<f64>, expires: Option<f64>) -> Self {
        Self { handle, created, last_used, expires }
    }

    fn __repr__(&self) -> String {
        let show = |time: Option<f64>| time.map_or_else(|| "None".to_owned(), |time| format!("{time:.3}"));
        let (last_used, expires) = (show(self.last_used), show(self.expires));
        let Self { handle, created, .. } = self;
        format!(
            "TokenFamily(handle='{handle}', created={created:.3}, last_used={last_used}, expires={expires})"
        )
    }
}

fn options(
    access_ttl: &Seconds,
    refresh_ttl: &Seconds,
    refresh_absolute_ttl: &Seconds,
    grace: &Seconds,
) -> PyResult<TokenOptions> {
    let default = TokenOptions::default();
    Ok(TokenOptions {
        access_ttl: access_ttl.duration("access_ttl")?.unwrap_or(default.access_ttl),
        refresh_ttl: refresh_ttl.duration("refresh_ttl")?,
        refresh_absolute_ttl: refresh_absolute_ttl.duration("refresh_absolute_ttl")?,
        grace: grace.duration("grace")?.unwrap_or(default.grace),
    })
}

/// A new refresh token, and its family's public name.
type Issued = (String, String);

/// The next refresh token, the subject, the family's public name, and the claims. Without a token and claims: the one
/// that was shown had been used, and the family is revoked.
type Exchanged = (Option<String>, String, String, Py<PyAny>);

fn issued(grant: Grant) -> Issued {
    (grant.refresh_token.expose().clone(), grant.family.id)
}

fn exchanged(py: Python<'_>, serializer: &Serializer, refreshed: Refreshed) -> PyResult<Exchanged> {
    log::flush(py);
    match refreshed {
        Refreshed::Granted(Grant { refresh_token, family, claims }) => {
            let claims = serializer.load(py, &claims, |_| Err(to_py(not_claims().into())))?;
            Ok((Some(refresh_token.expose().clone()), family.subject, family.id, claims.unbind()))
        }
        Refreshed::Reused(family) => Ok((None, family.subject, family.id, py.None())),
    }
}

fn not_claims() -> StoreError {
    StoreError::Refused("the stored claims are not JSON; another program wrote them".into())
}

fn pair(family: Family) -> (String, String) {
    (family.subject, family.id)
}

/// Families of refresh tokens over one of Jam's stores; blocking.
///
/// Args:
///     backend: "memory", "json", "sqlite" or "redis".
///     json_path: The file of the backend "json".
///     sqlite_path: The file of the backend "sqlite".
///     redis_uri: The server of the backend "redis": `redis://[user:password@]host[:port][/database]`; or a list of them.
///     redis_keys: How the servers are reached: the keys of the configuration that begin with `redis_`.
///     postgresql_keys: The database of the backend "postgresql": the keys of the configuration that begin with `postgresql_`.
///     access_ttl: Seconds that an access token lives.
///     refresh_ttl: Seconds after its last refresh that a family lives; None for no such limit.
///     refresh_absolute_ttl: Seconds that a family lives at most; None for no such limit.
///     grace: Seconds after its use in which a refresh token may be shown again.
///     serializer: Has `dumps` and `loads`; JSON if left out.
#[pyclass(module = "jam._jam", frozen)]
struct TokenFamilies {
    families: tokens::Families,
    serializer: Serializer,
    backend: &'static str,
    is_immediate: bool,
}

impl TokenFamilies {
    /// Runs an operation, without the GIL where it may wait.
    fn run<T: Send>(
        &self,
        py: Python<'_>,
        operation: impl FnOnce(&tokens::Families) -> jam::Result<T> + Send,
    ) -> PyResult<T> {
        let result = if self.is_immediate {
            operation(&self.families)
        } else {
            bridge::block(py, || operation(&self.families))
        };
        result.map_err(to_py)
    }
}

#[pymethods]
impl TokenFamilies {
    #[new]
    #[pyo3(signature = (
        backend, *, json_path=None, sqlite_path=None, redis_uri=None, redis_keys=None,
        postgresql_keys=None,
        access_ttl=Seconds::Absent, refresh_ttl=Seconds::Absent, refresh_absolute_ttl=Seconds::Absent,
        grace=Seconds::Absent, serializer=None,
    ))]
    #[allow(clippy::too_many_arguments, reason = "they are keywords of Python")]
    fn new(
        py: Python<'_>,
        backend: Text,
        json_path: Option<FilePath>,
        sqlite_path: Option<FilePath>,
        redis_uri: Option<&Bound<'_, PyAny>>,
        redis_keys: Option<&Bound<'_, PyDict>>,
        postgresql_keys: Option<&Bound<'_, PyDict>>,
        access_ttl: Seconds,
        refresh_ttl: Seconds,
        refresh_absolute_ttl: Seconds,
        grace: Seconds,
        serializer: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let options = options(&access_ttl, &refresh_ttl, &refresh_absolute_ttl, &grace)?;
        tokens::Codec::new(options).map_err(to_py)?;
        let backend = stores::backend(
            TOKENS_NAMESPACE,
            &backend.0,
            json_path,
            sqlite_path,
            redis_uri,
            redis_keys,
            postgresql_keys,
        )?;
        let store = bridge::block(py, || backend.open(TOKENS_NAMESPACE)).map_err(to_py)?;
        Ok(Self {
            families: tokens::Families::new(store, options).map_err(to_py)?,
            serializer: Serializer::new(py, serializer)?,
            backend: backend.name(),
            is_immediate: stores::is_immediate(&backend),
        })
    }

    /// Whole seconds that an access token lives.
    #[getter]
    fn expires_in(&self) -> u64 {
        self.families.options().expires_in()
    }

    /// A new family: its first refresh token, and its public name.
    fn issue(
        &self,
        py: Python<'_>,
        subject: &Bound<'_, PyAny>,
        claims: &Bound<'_, PyAny>,
    ) -> PyResult<Issued> {
        let subject = required_text(subject, "subject")?;
        let claims = self.serializer.dump(claims, "claims")?;
        self.run(py, |families| families.issue(subject, &claims, Timestamp::now())).map(issued)
    }

    /// The next refresh token, the subject, the public name and the claims. The token is None where the one that was shown
    /// had been used: its family is revoked then.
    fn refresh(&self, py: Python<'_>, refresh_token: &Bound<'_, PyAny>) -> PyResult<Exchanged> {
        let token = opaque_text(refresh_token, "refresh_token")?;
        let refreshed = self.run(py, |families| families.refresh(token, Timestamp::now()))?;
        exchanged(py, &self.serializer, refreshed)
    }

    /// Ends the family of a refresh token, and gives its subject and its public name if there was one.
    fn revoke(&self, py: Python<'_>, refresh_token: &Bound<'_, PyAny>) -> PyResult<Option<(String, String)>> {
        let token = opaque_text(refresh_token, "refresh_token")?;
        let revoked = self.run(py, |families| families.revoke(token, Timestamp::now()))?;
        Ok(revoked.map(pair))
    }

    /// Ends the family of `subject` with this public name; False where there is none.
    fn revoke_family(
        &self,
        py: Python<'_>,
        subject: &Bound<'_, PyAny>,
        handle: &Bound<'_, PyAny>,
    ) -> PyResult<bool> {
        let (subject, handle) = (required_text(subject, "subject")?, opaque_text(handle, "handle")?);
        self.run(py, |families| families.revoke_family(subject, handle, Timestamp::now()))
    }

    /// Ends all families of `subject`.
    fn revoke_all(&self, py: Python<'_>, subject: &Bound<'_, PyAny>) -> PyResult<()> {
        let subject = required_text(subject, "subject")?;
        self.run(py, |families| families.revoke_all(subject, Timestamp::now()))
    }

    /// What is live of `subject`, oldest first.
    fn list(&self, py: Python<'_>, subject: &Bound<'_, PyAny>) -> PyResult<Vec<TokenFamily>> {
        let subject = required_text(subject, "subject")?;
        let infos = self.run(py, |families| families.list(subject, Timestamp::now()))?;
        Ok(infos.into_iter().map(TokenFamily::from).collect())
    }

    /// Closes the store. Later calls raise JamStoreError; closing twice is fine.
    fn close(&self, py: Python<'_>) {
        bridge::block(py, || self.families.close());
    }

    fn __reduce__(&self) -> PyResult<Py<PyAny>> {
        Err(not_picklable("TokenFamilies"))
    }

    fn __repr__(&self) -> String {
        format!("<jam families of refresh tokens in {}>", self.backend)
    }
}

/// Families of refresh tokens, for asyncio: the methods of `TokenFamilies`, each of which gives an awaitable.
/// Takes the same arguments as `TokenFamilies`.
#[pyclass(module = "jam._jam", frozen)]
struct AsyncTokenFamilies {
    families: tokens::aio::Families,
    serializer: Arc<Serializer>,
    backend: &'static str,
}

impl AsyncTokenFamilies {
    /// The awaitable of an operation; what fails before it starts is raised by the awaitable, too.
    fn run<T: Send + 'static, F: Future<Output = jam::Result<T>> + Send + 'static>(
        &self,
        py: Python<'_>,
        start: impl FnOnce(&tokens::aio::Families) -> PyResult<F>,
        convert: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
    ) -> PyResult<Py<PyAny>> {
        match start(&self.families) {
            Ok(future) => bridge::spawn(py, bridge::Place::Loop, future, convert),
            Err(error) => bridge::ready(py, Err(error)),
        }
    }
}

#[pymethods]
impl AsyncTokenFamilies {
    #[new]
    #[pyo3(signature = (
        backend, *, json_path=None, sqlite_path=None, redis_uri=None, redis_keys=None,
        postgresql_keys=None,
        access_ttl=Seconds::Absent, refresh_ttl=Seconds::Absent, refresh_absolute_ttl=Seconds::Absent,
        grace=Seconds::Absent, serializer=None,
    ))]
    #[allow(clippy::too_many_arguments, reason = "they are keywords of Python")]
    fn new(
        py: Python<'_>,
        backend: Text,
        json_path: Option<FilePath>,
        sqlite_path: Option<FilePath>,
        redis_uri: Option<&Bound<'_, PyAny>>,
        redis_keys: Option<&Bound<'_, PyDict>>,
        postgresql_keys: Option<&Bound<'_, PyDict>>,
        access_ttl: Seconds,
        refresh_ttl: Seconds,
        refresh_absolute_ttl: Seconds,
        grace: Seconds,
        serializer: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let options = options(&access_ttl, &refresh_ttl, &refresh_absolute_ttl, &grace)?;
        tokens::Codec::new(options).map_err(to_py)?;
        let backend = stores::backend(
            TOKENS_NAMESPACE,
            &backend.0,
            json_path,
            sqlite_path,
            redis_uri,
            redis_keys,
            postgresql_keys,
        )?;
        let store = bridge::block(py, || backend.open_async(TOKENS_NAMESPACE)).map_err(to_py)?;
        Ok(Self {
            families: tokens::aio::Families::new(store, options).map_err(to_py)?,
            serializer: Arc::new(Serializer::new(py, serializer)?),
            backend: backend.name(),
        })
    }

    /// Whole seconds that an access token lives.
    #[getter]
    fn expires_in(&self) -> u64 {
        self.families.options().expires_in()
    }

    /// A new family: its first refresh token, and its public name.
    fn issue(
        &self,
        py: Python<'_>,
        subject: &Bound<'_, PyAny>,
        claims: &Bound<'_, PyAny>,
    ) -> PyResult<Py<PyAny>> {
        let start = |families: &tokens::aio::Families| {
            let subject = required_text(subject, "subject")?;
            Ok(families.issue(subject, &self.serializer.dump(claims, "claims")?, Timestamp::now()))
        };
        self.run(py, start, |py, grant| issued(grant).into_py_any(py))
    }

    /// The next refresh token, the subject, the public name and the claims. The token is None where the one that was shown
    /// had been used: its family is revoked then.
    fn refresh(&self, py: Python<'_>, refresh_token: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let start = |families: &tokens::aio::Families| {
            Ok(families.refresh(opaque_text(refresh_token, "refresh_token")?, Timestamp::now()))
        };
        let serializer = Arc::clone(&self.serializer);
        self.run(py, start, move |py, refreshed| exchanged(py, &serializer, refreshed)?.into_py_any(py))
    }

    /// Ends the family of a refresh token, and gives its subject and its public name if there was one.
    fn revoke(&self, py: Python<'_>, refresh_token: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let start = |families: &tokens::aio::Families| {
            Ok(families.revoke(opaque_text(refresh_token, "refresh_token")?, Timestamp::now()))
        };
        self.run(py, start, |py, revoked| revoked.map(pair).into_py_any(py))
    }

    /// Ends the family of `subject` with this public name; False where there is none.
    fn revoke_family(
        &self,
        py: Python<'_>,
        subject: &Bound<'_, PyAny>,
        handle: &Bound<'_, PyAny>,
    ) -> PyResult<Py<PyAny>> {
        let start = |families: &tokens::aio::Families| {
            let (subject, handle) = (required_text(subject, "subject")?, opaque_text(handle, "handle")?);
            Ok(families.revoke_family(subject, handle, Timestamp::now()))
        };
        self.run(py, start, |py, revoked| Ok(PyBool::new(py, revoked).to_owned().into_any().unbind()))
    }

    /// Ends all families of `subject`.
    fn revoke_all(&self, py: Python<'_>, subject: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let start = |families: &tokens::aio::Families| {
            Ok(families.revoke_all(required_text(subject, "subject")?, Timestamp::now()))
        };
        self.run(py, start, bridge::to_none)
    }

    /// What is live of `subject`, oldest first.
    fn list(&self, py: Python<'_>, subject: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let start = |families: &tokens::aio::Families| {
            Ok(families.list(required_text(subject, "subject")?, Timestamp::now()))
        };
        self.run(py, start, |py, infos: Vec<FamilyInfo>| {
            let infos = infos.into_iter().map(|info| Py::new(py, TokenFamily::from(info)));
            Ok(PyList::new(py, infos.collect::<PyResult<Vec<_>>>()?)?.into_any().unbind())
        })
    }

    /// Closes the store. Later calls raise JamStoreError; closing twice is fine.
    fn close(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        // It waits for what is being written.
        let families = self.families.clone();
        bridge::spawn_blocking(py, move || families.close())
    }

    fn __reduce__(&self) -> PyResult<Py<PyAny>> {
        Err(not_picklable("AsyncTokenFamilies"))
    }

    fn __repr__(&self) -> String {
        format!("<jam families of refresh tokens in {}, for asyncio>", self.backend)
    }
}

/// The pure steps of refresh tokens, for a store that is driven from Python.
///
/// Keys in the store are pairs of texts: the group of a subject, and the id within it. Records are opaque bytes.
/// Takes the arguments of `TokenFamilies` that do not say where.
#[pyclass(module = "jam._jam", frozen)]
struct TokenFamilyCodec {
    codec: tokens::Codec,
    serializer: Serializer,
}

/// A key as Python holds it.
type PyKey = (String, String);

/// The record that takes the place of the old one, None for a token that was used, and what `TokenFamilies.refresh` gives.
type Step<'py> = (Option<Bound<'py, PyBytes>>, Exchanged);

fn to_py_key(key: &Key) -> PyKey {
    (key.group.clone().unwrap_or_default(), key.id.clone())
}

impl TokenFamilyCodec {
    fn presented(&self, refresh_token: &Bound<'_, PyAny>) -> PyResult<Option<Presented>> {
        Ok(self.codec.locate(opaque_text(refresh_token, "refresh_token")?))
    }
}

#[pymethods]
impl TokenFamilyCodec {
    #[new]
    #[pyo3(signature = (
        *, access_ttl=Seconds::Absent, refresh_ttl=Seconds::Absent, refresh_absolute_ttl=Seconds::Absent,
        grace=Seconds::Absent, serializer=None,
    ))]
    fn new(
        py: Python<'_>,
        access_ttl: Seconds,
        refresh_ttl: Seconds,
        refresh_absolute_ttl: Seconds,
        grace: Seconds,
        serializer: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let options = options(&access_ttl, &refresh_ttl, &refresh_absolute_ttl, &grace)?;
        let codec = tokens::Codec::new(options).map_err(to_py)?;
        Ok(Self { codec, serializer: Serializer::new(py, serializer)? })
    }

    /// Whole seconds that an access token lives.
    #[getter]
    fn expires_in(&self) -> u64 {
        self.codec.options().expires_in()
    }

    /// Milliseconds that a family lives after its last refresh; None for no such limit.
    #[getter]
    fn idle(&self) -> Option<u64> {
        self.codec.options().refresh_ttl.map(stores::milliseconds)
    }

    /// Milliseconds that a family lives at most; None for no such limit.
    #[getter]
    fn absolute(&self) -> Option<u64> {
        self.codec.options().refresh_absolute_ttl.map(stores::milliseconds)
    }

    /// The group of a subject.
    fn group(&self, subject: &Bound<'_, PyAny>) -> PyResult<String> {
        self.codec.group(required_text(subject, "subject")?).map_err(to_py)
    }

    /// The key of a subject's family by its public name; None for text that cannot be one.
    fn family_key(&self, subject: &Bound<'_, PyAny>, handle: &Bound<'_, PyAny>) -> PyResult<Option<PyKey>> {
        let (subject, handle) = (required_text(subject, "subject")?, opaque_text(handle, "handle")?);
        Ok(self.codec.family_key(subject, handle).map_err(to_py)?.as_ref().map(to_py_key))
    }

    /// The key and the record of a new family, and what `TokenFamilies.issue` gives.
    fn issue<'py>(
        &self,
        py: Python<'py>,
        subject: &Bound<'py, PyAny>,
        claims: &Bound<'py, PyAny>,
    ) -> PyResult<(PyKey, Bound<'py, PyBytes>, Issued)> {
        let subject = required_text(subject, "subject")?;
        let new = self.codec.issue(subject, &self.serializer.dump(claims, "claims")?).map_err(to_py)?;
        Ok((to_py_key(&new.key), PyBytes::new(py, &new.record), issued(new.grant)))
    }

    /// The key of a refresh token's family; None for text that cannot be one.
    fn locate(&self, refresh_token: &Bound<'_, PyAny>) -> PyResult<Option<PyKey>> {
        Ok(self.presented(refresh_token)?.map(|presented| to_py_key(presented.key())))
    }

    /// What becomes of a refresh token, given the record of its family.
    fn rotate<'py>(
        &self,
        py: Python<'py>,
        refresh_token: &Bound<'py, PyAny>,
        record: &[u8],
    ) -> PyResult<Step<'py>> {
        let presented = self.presented(refresh_token)?.ok_or_else(|| to_py(TokensError::Invalid.into()))?;
        match self.codec.rotate(&presented, record, Timestamp::now()).map_err(to_py)? {
            Rotation::Next { record, grant, .. } => {
                let granted = exchanged(py, &self.serializer, Refreshed::Granted(grant))?;
                Ok((Some(PyBytes::new(py, &record)), granted))
            }
            Rotation::Reused(family) => {
                Ok((None, exchanged(py, &self.serializer, Refreshed::Reused(family))?))
            }
        }
    }

    /// The subject and the public name of the family that a record is of.
    fn family(&self, key: PyKey, record: &[u8]) -> PyResult<(String, String)> {
        let key = Key { group: Some(key.0), id: key.1 };
        self.codec.family(&key, record).map(pair).map_err(to_py)
    }

    fn __reduce__(&self) -> PyResult<Py<PyAny>> {
        Err(not_picklable("TokenFamilyCodec"))
    }
}

/// Adds this part's classes and functions.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<TokenFamily>()?;
    module.add_class::<TokenFamilies>()?;
    module.add_class::<AsyncTokenFamilies>()?;
    module.add_class::<TokenFamilyCodec>()
}
