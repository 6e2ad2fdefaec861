//! Sessions, as Python sees them.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use jam::config::SESSIONS_NAMESPACE;
use jam::encoding::json_object;
use jam::session::{self, IdFactory};
use jam::store::{Found, Key, Lifetime};
use jam::{Error, Failure, SessionError, Timestamp};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};
use serde_json::{Map, Value};

use crate::arguments::{
    FilePath, Seconds, Text, opaque_text, required_dict, required_text, texts, type_name, unix_seconds,
};
use crate::error::{configuration, not_picklable, to_py, validation};
use crate::serializer::Serializer;
use crate::stores;
use crate::{bridge, json, log};

/// What a live session tells of itself. It holds no usable id.
///
/// Attributes:
///     handle: A public name of the session, for lists that people see. No method takes it for an id.
///     metadata: What was said of the session when it was created; an empty dict for nothing.
///     created: When the session was created, in seconds since 1970.
///     last_used: When it was last read or written, in seconds since 1970; None where the store does not know.
///     expires: When it ends if nobody uses it, in seconds since 1970; None for never.
#[pyclass(module = "jam._jam", frozen, eq)]
#[derive(PartialEq)]
struct SessionInfo {
    #[pyo3(get)]
    handle: String,
    #[pyo3(get)]
    created: f64,
    #[pyo3(get)]
    last_used: Option<f64>,
    #[pyo3(get)]
    expires: Option<f64>,
    metadata: Metadata,
}

impl From<session::SessionInfo> for SessionInfo {
    fn from(info: session::SessionInfo) -> Self {
        Self {
            handle: info.handle,
            created: unix_seconds(info.created),
            last_used: info.last_used.map(unix_seconds),
            expires: info.expires.map(unix_seconds),
            metadata: info.metadata,
        }
    }
}

type Metadata = Map<String, Value>;

/// What Python says of a session: a dict, or nothing.
fn metadata_of(value: Option<&Bound<'_, PyAny>>) -> PyResult<Metadata> {
    let Some(value) = value else { return Ok(Metadata::new()) };
    required_dict(value, "metadata")?;
    let mut text = Vec::new();
    json::write(value, &mut text)?;
    json_object(&text).map_err(|reason| validation(&format!("metadata: {reason}")))
}

/// A dict of its own for whoever asks.
fn to_dict<'py>(py: Python<'py>, metadata: &Metadata) -> PyResult<Bound<'py, PyAny>> {
    let text = serde_json::to_vec(metadata).unwrap_or_default();
    json::parse(py, &text).map_err(|reason| to_py(Error::Validation(reason)))
}

#[pymethods]
impl SessionInfo {
    #[new]
    #[pyo3(signature = (handle, created, last_used, expires, metadata=None))]
    fn new(
        handle: String,
        created: f64,
        last_used: Option<f64>,
        expires: Option<f64>,
        metadata: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        Ok(Self { handle, created, last_used, expires, metadata: metadata_of(metadata)? })
    }

    #[getter]
    fn metadata<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_dict(py, &self.metadata)
    }

    fn __repr__(&self) -> String {
        let show = |time: Option<f64>| time.map_or_else(|| "None".to_owned(), |time| format!("{time:.3}"));
        let (last_used, expires) = (show(self.last_used), show(self.expires));
        let Self { handle, created, .. } = self;
        format!(
            "SessionInfo(handle='{handle}', created={created:.3}, last_used={last_used}, expires={expires})"
        )
    }
}

/// A session as it was read.
///
/// Attributes:
///     data: What it keeps.
///     version: A text that changes whenever data are written: `update` with it writes only to what was read.
///     handle: A public name of the session; no method takes it for an id.
///     created: When the session was created, in seconds since 1970.
///     expires: When it ends if nobody uses it, in seconds since 1970; None for never.
///     metadata: What was said of the session when it was created; an empty dict for nothing.
#[pyclass(module = "jam._jam", frozen)]
struct Session {
    #[pyo3(get)]
    data: Py<PyAny>,
    #[pyo3(get)]
    version: String,
    #[pyo3(get)]
    handle: String,
    #[pyo3(get)]
    created: f64,
    #[pyo3(get)]
    expires: Option<f64>,
    metadata: Metadata,
}

#[pymethods]
impl Session {
    #[new]
    #[pyo3(signature = (data, version, handle, created, expires=None, metadata=None))]
    fn new(
        data: Py<PyAny>,
        version: String,
        handle: String,
        created: f64,
        expires: Option<f64>,
        metadata: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        Ok(Self { data, version, handle, created, expires, metadata: metadata_of(metadata)? })
    }

    #[getter]
    fn metadata<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_dict(py, &self.metadata)
    }

    fn __repr__(&self) -> String {
        let Self { version, handle, created, .. } = self;
        format!("Session(handle='{handle}', version='{version}', created={created:.3}, ...)")
    }
}

/// A session for Python, or `None` for no session.
fn read(
    py: Python<'_>,
    serializer: &Serializer,
    session: Option<session::Session>,
) -> PyResult<Option<Session>> {
    let Some(session) = session else { return Ok(None) };
    let data = loaded(py, serializer, Some(&session.data))?;
    let session = Session {
        version: session.version,
        handle: session.handle,
        created: unix_seconds(session.created),
        expires: session.expires.map(unix_seconds),
        metadata: session.metadata,
        data,
    };
    Ok((!session.data.is_none(py)).then_some(session))
}

/// The options that Python gives as keywords.
struct Keywords<'a, 'py> {
    default_ttl: Seconds,
    absolute_ttl: Seconds,
    is_session_crypt: bool,
    session_aes_secret: Option<&'a Bound<'py, PyAny>>,
    id_factory: Option<Bound<'py, PyAny>>,
}

impl Keywords<'_, '_> {
    fn options(self) -> PyResult<session::SessionOptions> {
        Ok(session::SessionOptions {
            default_ttl: self.default_ttl.duration("default_ttl")?,
            absolute_ttl: self.absolute_ttl.duration("absolute_ttl")?,
            encryption_keys: self.is_session_crypt.then(|| self.encryption_keys()).transpose()?,
            id_factory: self.id_factory.map(id_factory).transpose()?,
        })
    }

    fn encryption_keys(&self) -> PyResult<Vec<jam::secret::Secret<String>>> {
        let keys = self.session_aes_secret.map(|value| texts(value, "session_aes_secret"));
        Ok(keys.transpose()?.unwrap_or_default().into_iter().map(Into::into).collect())
    }
}

/// The data of a session, or `None` for no session.
fn loaded(py: Python<'_>, serializer: &Serializer, data: Option<&[u8]>) -> PyResult<Py<PyAny>> {
    let Some(data) = data else { return Ok(py.None()) };
    // What is no JSON was put there by somebody else: no session, as with any other forged data.
    serializer.load(py, data, |_| Ok(py.None().into_bound(py))).map(Bound::unbind)
}

/// What the user's function raises travels through the core as the cause of an error, and comes out as it was.
fn id_factory(factory: Bound<'_, PyAny>) -> PyResult<IdFactory> {
    if !factory.is_callable() {
        let reason = format!("must be a function without arguments, not {}", type_name(&factory));
        return Err(configuration("id_factory", &reason));
    }
    let factory = factory.unbind();
    Ok(Arc::new(move || {
        Python::attach(|py| {
            let made = factory.bind(py).call0()?;
            required_text(&made, "what the id factory returns").map(str::to_owned)
        })
        .map_err(|raised| SessionError::IdFactory(Failure(Arc::new(raised))).into())
    }))
}

/// Sessions over one of Jam's stores; blocking.
///
/// Args:
///     backend: "memory", "json", "sqlite", "redis" or "postgresql".
///     json_path: The file of the backend "json".
///     sqlite_path: The file of the backend "sqlite".
///     redis_uri: The server of the backend "redis": `redis://[user:password@]host[:port][/database]`; or a list of them.
///     redis_keys: How the servers are reached: the keys of the configuration that begin with `redis_`.
///     redis_sessions_key: What the names of all keys in Redis begin with.
///     postgresql_keys: The database of the backend "postgresql": the keys of the configuration that begin with `postgresql_`.
///     default_ttl: Seconds that a session lives after its last use; None for no such limit.
///     absolute_ttl: Seconds that a session lives at most; None for no such limit.
///     is_session_crypt: Whether data are encrypted before they are stored.
///     session_aes_secret: The key for that, as `generate_aes_key` makes it, or a list of keys, newest first.
///     id_factory: Makes the secret part of ids: 16 to 200 characters of A-Z a-z 0-9 - . _ ~.
///     serializer: Has `dumps` and `loads`; JSON if left out.
#[pyclass(module = "jam._jam", subclass, frozen)]
struct Sessions {
    sessions: session::Sessions,
    serializer: Serializer,
    backend: &'static str,
    is_immediate: bool,
}

impl Sessions {
    /// Runs an operation, without the GIL where it may wait.
    fn run<T: Send>(
        &self,
        py: Python<'_>,
        operation: impl FnOnce(&session::Sessions) -> jam::Result<T> + Send,
    ) -> PyResult<T> {
        let result = if self.is_immediate {
            operation(&self.sessions)
        } else {
            bridge::block(py, || operation(&self.sessions))
        };
        result.map_err(to_py)
    }
}

#[pymethods]
impl Sessions {
    #[new]
    #[pyo3(signature = (
        backend, *, json_path=None, sqlite_path=None, redis_uri=None, redis_keys=None,
        redis_sessions_key=SESSIONS_NAMESPACE, postgresql_keys=None, default_ttl=Seconds::Number(3600.0), absolute_ttl=Seconds::Absent, is_session_crypt=false,
        session_aes_secret=None, id_factory=None, serializer=None,
    ))]
    #[allow(clippy::too_many_arguments, reason = "they are keywords of Python")]
    fn new(
        py: Python<'_>,
        backend: &str,
        json_path: Option<FilePath>,
        sqlite_path: Option<FilePath>,
        redis_uri: Option<&Bound<'_, PyAny>>,
        redis_keys: Option<&Bound<'_, PyDict>>,
        redis_sessions_key: &str,
        postgresql_keys: Option<&Bound<'_, PyDict>>,
        default_ttl: Seconds,
        absolute_ttl: Seconds,
        is_session_crypt: bool,
        session_aes_secret: Option<&Bound<'_, PyAny>>,
        id_factory: Option<Bound<'_, PyAny>>,
        serializer: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let place = stores::Keywords {
            type_key: "session_type",
            backend,
            json_path,
            sqlite_path,
            redis_uri,
            redis_keys,
            redis_namespace: redis_sessions_key,
            postgresql_keys,
        };
        let backend = place.backend()?;
        let options =
            Keywords { default_ttl, absolute_ttl, is_session_crypt, session_aes_secret, id_factory }
                .options()?;
        // A mistake in them leaves no file behind.
        session::Codec::new(options.clone()).map_err(to_py)?;
        let store = bridge::block(py, || backend.open(SESSIONS_NAMESPACE)).map_err(to_py)?;
        Ok(Self {
            sessions: session::Sessions::new(store, options).map_err(to_py)?,
            serializer: Serializer::new(py, serializer)?,
            backend: backend.name(),
            is_immediate: stores::is_immediate(&backend),
        })
    }

    /// Creates a session of `session_key` and gives its id. `metadata` is a small dict that `list` tells.
    #[pyo3(signature = (session_key, data, *, metadata=None))]
    fn create(
        &self,
        py: Python<'_>,
        session_key: &Bound<'_, PyAny>,
        data: &Bound<'_, PyAny>,
        metadata: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<String> {
        let session_key = required_text(session_key, "session_key")?;
        let (data, metadata) = (self.serializer.dump(data, "data")?, metadata_of(metadata)?);
        self.run(py, |sessions| sessions.create_with(session_key, &data, &metadata, Timestamp::now()))
    }

    /// The data of a session; None for whatever is no live session's id.
    fn get(&self, py: Python<'_>, session_id: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let id = opaque_text(session_id, "session_id")?;
        let data = self.run(py, |sessions| sessions.get(id, Timestamp::now()))?;
        loaded(py, &self.serializer, data.as_deref())
    }

    /// A session with its data and their version; None for whatever is no live session's id.
    fn read(&self, py: Python<'_>, session_id: &Bound<'_, PyAny>) -> PyResult<Option<Session>> {
        let id = opaque_text(session_id, "session_id")?;
        let session = self.run(py, |sessions| sessions.read(id, Timestamp::now()))?;
        read(py, &self.serializer, session)
    }

    /// Replaces the data of a session; raises JamSessionNotFound where there is none, and JamSessionConflict where it has
    /// not the version that is given.
    #[pyo3(signature = (session_id, data, *, version=None))]
    fn update(
        &self,
        py: Python<'_>,
        session_id: &Bound<'_, PyAny>,
        data: &Bound<'_, PyAny>,
        version: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let id = opaque_text(session_id, "session_id")?;
        let version = version.map(|version| opaque_text(version, "version")).transpose()?;
        let data = self.serializer.dump(data, "data")?;
        self.run(py, |sessions| match version {
            None => sessions.update(id, &data, Timestamp::now()),
            Some(version) => sessions.update_if(id, &data, version, Timestamp::now()),
        })
    }

    /// Ends a session, if it is there.
    fn delete(&self, py: Python<'_>, session_id: &Bound<'_, PyAny>) -> PyResult<()> {
        let id = opaque_text(session_id, "session_id")?;
        self.run(py, |sessions| sessions.delete(id, Timestamp::now()))
    }

    /// Ends all sessions of `session_key`, but the one with the id `keep`.
    #[pyo3(signature = (session_key, *, keep=None))]
    fn clear(
        &self,
        py: Python<'_>,
        session_key: &Bound<'_, PyAny>,
        keep: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let session_key = required_text(session_key, "session_key")?;
        let keep = keep.map(|keep| opaque_text(keep, "keep")).transpose()?;
        self.run(py, |sessions| match keep {
            None => sessions.clear(session_key, Timestamp::now()),
            Some(keep) => sessions.clear_except(session_key, keep, Timestamp::now()),
        })
    }

    /// Ends the session of `session_key` with this public handle; False: there is none.
    fn revoke(
        &self,
        py: Python<'_>,
        session_key: &Bound<'_, PyAny>,
        handle: &Bound<'_, PyAny>,
    ) -> PyResult<bool> {
        let session_key = required_text(session_key, "session_key")?;
        let handle = opaque_text(handle, "handle")?;
        self.run(py, |sessions| sessions.revoke(session_key, handle, Timestamp::now()))
    }

    /// Gives a session a new id; the old one is dead.
    fn rework(&self, py: Python<'_>, session_id: &Bound<'_, PyAny>) -> PyResult<String> {
        let id = opaque_text(session_id, "session_id")?;
        self.run(py, |sessions| sessions.rework(id, Timestamp::now()))
    }

    /// What is live of `session_key`, oldest first.
    fn list(&self, py: Python<'_>, session_key: &Bound<'_, PyAny>) -> PyResult<Vec<SessionInfo>> {
        let session_key = required_text(session_key, "session_key")?;
        let infos = self.run(py, |sessions| sessions.list(session_key, Timestamp::now()))?;
        Ok(infos.into_iter().map(SessionInfo::from).collect())
    }

    /// Keeps data for one later `take` within so many seconds.
    fn keep(&self, py: Python<'_>, name: Text, data: &[u8], life_time: Seconds) -> PyResult<()> {
        let life_time = kept_for(&life_time)?;
        self.run(py, |sessions| sessions.keep(&name.0, data, life_time, Timestamp::now()))
    }

    /// What was kept under this name, once; None where there is nothing.
    fn take<'py>(&self, py: Python<'py>, name: Text) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let data = self.run(py, |sessions| sessions.take(&name.0, Timestamp::now()))?;
        Ok(data.map(|data| PyBytes::new(py, &data)))
    }

    /// Closes the store. Later calls raise JamStoreError; closing twice is fine.
    fn close(&self, py: Python<'_>) {
        bridge::block(py, || self.sessions.close());
    }

    fn __reduce__(&self) -> PyResult<Py<PyAny>> {
        Err(not_picklable("Sessions"))
    }

    fn __repr__(&self) -> String {
        format!("<jam sessions in {}>", self.backend)
    }
}

/// Sessions over one of Jam's stores, for asyncio: the methods of `Sessions`, each of which gives an awaitable.
/// Takes the same arguments as `Sessions`.
#[pyclass(module = "jam._jam", subclass, frozen)]
struct AsyncSessions {
    sessions: session::aio::Sessions,
    serializer: Arc<Serializer>,
    backend: &'static str,
}

impl AsyncSessions {
    /// The awaitable of an operation; what fails before it starts is raised by the awaitable, too.
    fn run<T: Send + 'static, F: Future<Output = jam::Result<T>> + Send + 'static>(
        &self,
        py: Python<'_>,
        start: impl FnOnce(&session::aio::Sessions) -> PyResult<F>,
        convert: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
    ) -> PyResult<Py<PyAny>> {
        match start(&self.sessions) {
            Ok(future) => bridge::spawn(py, bridge::Place::Loop, future, convert),
            Err(error) => bridge::ready(py, Err(error)),
        }
    }
}

fn kept_for(life_time: &Seconds) -> PyResult<Duration> {
    let life_time = life_time.duration("life_time")?;
    life_time.ok_or_else(|| crate::error::validation("life_time: must be a number of seconds"))
}

fn to_text(py: Python<'_>, text: String) -> PyResult<Py<PyAny>> {
    Ok(PyString::new(py, &text).into_any().unbind())
}

#[pymethods]
impl AsyncSessions {
    #[new]
    #[pyo3(signature = (
        backend, *, json_path=None, sqlite_path=None, redis_uri=None, redis_keys=None,
        redis_sessions_key=SESSIONS_NAMESPACE, postgresql_keys=None, default_ttl=Seconds::Number(3600.0), absolute_ttl=Seconds::Absent, is_session_crypt=false,
        session_aes_secret=None, id_factory=None, serializer=None,
    ))]
    #[allow(clippy::too_many_arguments, reason = "they are keywords of Python")]
    fn new(
        py: Python<'_>,
        backend: &str,
        json_path: Option<FilePath>,
        sqlite_path: Option<FilePath>,
        redis_uri: Option<&Bound<'_, PyAny>>,
        redis_keys: Option<&Bound<'_, PyDict>>,
        redis_sessions_key: &str,
        postgresql_keys: Option<&Bound<'_, PyDict>>,
        default_ttl: Seconds,
        absolute_ttl: Seconds,
        is_session_crypt: bool,
        session_aes_secret: Option<&Bound<'_, PyAny>>,
        id_factory: Option<Bound<'_, PyAny>>,
        serializer: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let place = stores::Keywords {
            type_key: "session_type",
            backend,
            json_path,
            sqlite_path,
            redis_uri,
            redis_keys,
            redis_namespace: redis_sessions_key,
            postgresql_keys,
        };
        let backend = place.backend()?;
        let options =
            Keywords { default_ttl, absolute_ttl, is_session_crypt, session_aes_secret, id_factory }
                .options()?;
        // A mistake in them leaves no file behind.
        session::Codec::new(options.clone()).map_err(to_py)?;
        let store = bridge::block(py, || backend.open_async(SESSIONS_NAMESPACE)).map_err(to_py)?;
        Ok(Self {
            sessions: session::aio::Sessions::new(store, options).map_err(to_py)?,
            serializer: Arc::new(Serializer::new(py, serializer)?),
            backend: backend.name(),
        })
    }

    /// Creates a session of `session_key` and gives its id. `metadata` is a small dict that `list` tells.
    #[pyo3(signature = (session_key, data, *, metadata=None))]
    fn create(
        &self,
        py: Python<'_>,
        session_key: &Bound<'_, PyAny>,
        data: &Bound<'_, PyAny>,
        metadata: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let start = |sessions: &session::aio::Sessions| {
            let session_key = required_text(session_key, "session_key")?;
            let (data, metadata) = (self.serializer.dump(data, "data")?, metadata_of(metadata)?);
            Ok(sessions.create_with(session_key, &data, &metadata, Timestamp::now()))
        };
        self.run(py, start, to_text)
    }

    /// The data of a session; None for whatever is no live session's id.
    fn get(&self, py: Python<'_>, session_id: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let start = |sessions: &session::aio::Sessions| {
            Ok(sessions.get(opaque_text(session_id, "session_id")?, Timestamp::now()))
        };
        let serializer = Arc::clone(&self.serializer);
        self.run(py, start, move |py, data: Option<Vec<u8>>| loaded(py, &serializer, data.as_deref()))
    }

    /// A session with its data and their version; None for whatever is no live session's id.
    fn read(&self, py: Python<'_>, session_id: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let start = |sessions: &session::aio::Sessions| {
            Ok(sessions.read(opaque_text(session_id, "session_id")?, Timestamp::now()))
        };
        let serializer = Arc::clone(&self.serializer);
        self.run(py, start, move |py, session: Option<session::Session>| {
            read(py, &serializer, session)?.into_py_any(py)
        })
    }

    /// Replaces the data of a session; raises JamSessionNotFound where there is none, and JamSessionConflict where it has
    /// not the version that is given.
    #[pyo3(signature = (session_id, data, *, version=None))]
    fn update(
        &self,
        py: Python<'_>,
        session_id: &Bound<'_, PyAny>,
        data: &Bound<'_, PyAny>,
        version: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        if let Some(version) = version {
            let start = |sessions: &session::aio::Sessions| {
                let (id, version) =
                    (opaque_text(session_id, "session_id")?, opaque_text(version, "version")?);
                Ok(sessions.update_if(id, &self.serializer.dump(data, "data")?, version, Timestamp::now()))
            };
            return self.run(py, start, bridge::to_none);
        }
        let start = |sessions: &session::aio::Sessions| {
            let id = opaque_text(session_id, "session_id")?;
            Ok(sessions.update(id, &self.serializer.dump(data, "data")?, Timestamp::now()))
        };
        self.run(py, start, bridge::to_none)
    }

    /// Ends a session, if it is there.
    fn delete(&self, py: Python<'_>, session_id: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let start = |sessions: &session::aio::Sessions| {
            Ok(sessions.delete(opaque_text(session_id, "session_id")?, Timestamp::now()))
        };
        self.run(py, start, bridge::to_none)
    }

    /// Ends all sessions of `session_key`, but the one with the id `keep`.
    #[pyo3(signature = (session_key, *, keep=None))]
    fn clear(
        &self,
        py: Python<'_>,
        session_key: &Bound<'_, PyAny>,
        keep: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        if let Some(keep) = keep {
            let start = |sessions: &session::aio::Sessions| {
                let session_key = required_text(session_key, "session_key")?;
                Ok(sessions.clear_except(session_key, opaque_text(keep, "keep")?, Timestamp::now()))
            };
            return self.run(py, start, bridge::to_none);
        }
        let start = |sessions: &session::aio::Sessions| {
            Ok(sessions.clear(required_text(session_key, "session_key")?, Timestamp::now()))
        };
        self.run(py, start, bridge::to_none)
    }

    /// Ends the session of `session_key` with this public handle; False: there is none.
    fn revoke(
        &self,
        py: Python<'_>,
        session_key: &Bound<'_, PyAny>,
        handle: &Bound<'_, PyAny>,
    ) -> PyResult<Py<PyAny>> {
        let start = |sessions: &session::aio::Sessions| {
            let session_key = required_text(session_key, "session_key")?;
            Ok(sessions.revoke(session_key, opaque_text(handle, "handle")?, Timestamp::now()))
        };
        self.run(py, start, |py, revoked: bool| revoked.into_py_any(py))
    }

    /// Gives a session a new id; the old one is dead.
    fn rework(&self, py: Python<'_>, session_id: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let start = |sessions: &session::aio::Sessions| {
            Ok(sessions.rework(opaque_text(session_id, "session_id")?, Timestamp::now()))
        };
        self.run(py, start, to_text)
    }

    /// What is live of `session_key`, oldest first.
    fn list(&self, py: Python<'_>, session_key: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let start = |sessions: &session::aio::Sessions| {
            Ok(sessions.list(required_text(session_key, "session_key")?, Timestamp::now()))
        };
        self.run(py, start, |py, infos: Vec<session::SessionInfo>| {
            let infos = infos.into_iter().map(|info| Py::new(py, SessionInfo::from(info)));
            Ok(PyList::new(py, infos.collect::<PyResult<Vec<_>>>()?)?.into_any().unbind())
        })
    }

    /// Keeps data for one later `take` within so many seconds.
    fn keep(&self, py: Python<'_>, name: Text, data: &[u8], life_time: Seconds) -> PyResult<Py<PyAny>> {
        let start = |sessions: &session::aio::Sessions| {
            Ok(sessions.keep(&name.0, data, kept_for(&life_time)?, Timestamp::now()))
        };
        self.run(py, start, bridge::to_none)
    }

    /// What was kept under this name, once; None where there is nothing.
    fn take(&self, py: Python<'_>, name: Text) -> PyResult<Py<PyAny>> {
        let start = |sessions: &session::aio::Sessions| Ok(sessions.take(&name.0, Timestamp::now()));
        self.run(py, start, |py, data: Option<Vec<u8>>| {
            Ok(data.map_or_else(|| py.None(), |data| PyBytes::new(py, &data).into_any().unbind()))
        })
    }

    /// Closes the store. Later calls raise JamStoreError; closing twice is fine.
    fn close(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        // It waits for what is being written.
        let sessions = self.sessions.clone();
        bridge::spawn_blocking(py, move || sessions.close())
    }

    fn __reduce__(&self) -> PyResult<Py<PyAny>> {
        Err(not_picklable("AsyncSessions"))
    }

    fn __repr__(&self) -> String {
        format!("<jam sessions in {}, for asyncio>", self.backend)
    }
}

/// The pure steps of sessions, for a store that is driven from Python.
///
/// Keys in the store are pairs of texts: the group of an owner, and the id within it. Records are opaque bytes.
/// Takes the arguments of `Sessions` that do not say where.
#[pyclass(module = "jam._jam", frozen)]
struct SessionCodec {
    codec: session::Codec,
    serializer: Serializer,
}

/// A key as Python holds it.
type PyKey = (String, String);

fn to_py_key(key: Key) -> PyKey {
    (key.group.unwrap_or_default(), key.id)
}

fn from_py_key((group, id): PyKey) -> Key {
    Key { group: Some(group), id }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[pymethods]
impl SessionCodec {
    #[new]
    #[pyo3(signature = (
        *, default_ttl=Seconds::Number(3600.0), absolute_ttl=Seconds::Absent, is_session_crypt=false,
        session_aes_secret=None, id_factory=None, serializer=None,
    ))]
    fn new(
        py: Python<'_>,
        default_ttl: Seconds,
        absolute_ttl: Seconds,
        is_session_crypt: bool,
        session_aes_secret: Option<&Bound<'_, PyAny>>,
        id_factory: Option<Bound<'_, PyAny>>,
        serializer: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let options =
            Keywords { default_ttl, absolute_ttl, is_session_crypt, session_aes_secret, id_factory }
                .options()?;
        let codec = session::Codec::new(options).map_err(to_py)?;
        Ok(Self { codec, serializer: Serializer::new(py, serializer)? })
    }

    /// Milliseconds that a session lives after its last use; None for no such limit.
    #[getter]
    fn idle(&self) -> Option<u64> {
        self.codec.lifetime(Timestamp::now()).idle.map(milliseconds)
    }

    /// Milliseconds that a session lives at most; None for no such limit.
    #[getter]
    fn absolute(&self) -> Option<u64> {
        let now = Timestamp::now();
        let deadline = self.codec.lifetime(now).deadline;
        deadline.map(|deadline| milliseconds(deadline.saturating_since(now)))
    }

    /// The id in the store of what is kept under a name.
    #[staticmethod]
    fn kept_id(name: Text) -> String {
        session::kept_key(&name.0).id
    }

    /// The group of a session key.
    fn group(&self, session_key: &Bound<'_, PyAny>) -> PyResult<String> {
        self.codec.group(required_text(session_key, "session_key")?).map_err(to_py)
    }

    /// The key of an id; None for text that cannot be one.
    fn locate(&self, session_id: &Bound<'_, PyAny>) -> PyResult<Option<PyKey>> {
        Ok(self.codec.locate(opaque_text(session_id, "session_id")?).map(to_py_key))
    }

    /// A new id in the group, and its key.
    fn new_id(&self, group: &str) -> PyResult<(String, PyKey)> {
        let new = self.codec.new_id(group).map_err(to_py)?;
        Ok((new.id, to_py_key(new.key)))
    }

    /// The record that keeps `data` under `key`.
    fn seal<'py>(&self, key: PyKey, data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        let record = self.codec.seal(&from_py_key(key), &self.serializer.dump(data, "data")?);
        Ok(PyBytes::new(data.py(), &record))
    }

    /// The data of a record found under `key`; None where it does not open.
    fn open(&self, py: Python<'_>, key: PyKey, record: &[u8]) -> PyResult<Py<PyAny>> {
        let data = self.codec.open(&from_py_key(key), record);
        log::flush(py);
        loaded(py, &self.serializer, data.as_deref())
    }

    /// The version of a session that has this record.
    fn version(&self, record: &[u8]) -> Option<String> {
        self.codec.version(record)
    }

    /// What the record of a session begins with as long as it has this version.
    fn expected<'py>(&self, version: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(version.py(), &self.codec.expected(opaque_text(version, "version")?)))
    }

    /// The note that keeps `metadata` under `key`.
    fn seal_metadata<'py>(
        &self,
        py: Python<'py>,
        key: PyKey,
        metadata: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let note = self.codec.seal_metadata(&from_py_key(key), &metadata_of(metadata)?).map_err(to_py)?;
        Ok(PyBytes::new(py, &note))
    }

    /// The metadata of a note found under `key`; an empty dict where it does not open.
    fn open_metadata<'py>(&self, py: Python<'py>, key: PyKey, note: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        to_dict(py, &self.codec.open_metadata(&from_py_key(key), note))
    }

    /// The key of a public handle of `session_key`; None for text that cannot be one.
    fn locate_handle(
        &self,
        session_key: &Bound<'_, PyAny>,
        handle: &Bound<'_, PyAny>,
    ) -> PyResult<Option<PyKey>> {
        let session_key = required_text(session_key, "session_key")?;
        let located = self.codec.locate_handle(session_key, opaque_text(handle, "handle")?);
        Ok(located.map_err(to_py)?.map(to_py_key))
    }

    /// The record and the note of the key `old` as they have to be under the key `new`; raises JamSessionNotFound where
    /// the record does not open.
    fn reseal<'py>(
        &self,
        py: Python<'py>,
        old: PyKey,
        new: PyKey,
        record: Vec<u8>,
        note: Vec<u8>,
    ) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
        let found = Found { value: record, note, created: Timestamp::from_millis(0), expires: None };
        let exchange = self.codec.exchange(&from_py_key(old), &from_py_key(new), Some(&found));
        log::flush(py);
        let (record, note) = match exchange.map_err(to_py)? {
            Some(exchange) => (exchange.replacement, exchange.note),
            None => (found.value, found.note),
        };
        Ok((PyBytes::new(py, &record), PyBytes::new(py, &note)))
    }

    /// Whether a use at `now` is worth a write, as the last one written down is too long ago. In milliseconds; a negative
    /// idle time is none.
    #[staticmethod]
    fn touch_is_due(idle: f64, last_used: f64, now: f64) -> bool {
        // Conversions that saturate, as what lies in a store could be any number.
        let time = |milliseconds: f64| Timestamp::from_millis(milliseconds as i64);
        let idle = (idle >= 0.0).then(|| Duration::from_millis(idle as u64));
        Lifetime { idle, deadline: None }.touch_is_due(time(last_used), time(now))
    }

    fn __reduce__(&self) -> PyResult<Py<PyAny>> {
        Err(not_picklable("SessionCodec"))
    }
}

/// Adds this part's classes and functions.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Session>()?;
    module.add_class::<SessionInfo>()?;
    module.add_class::<Sessions>()?;
    module.add_class::<AsyncSessions>()?;
    module.add_class::<SessionCodec>()
}
