//! Sessions, as Python sees them.

use std::cell::RefCell;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jam::config::SESSIONS_NAMESPACE;
use jam::session::{self, IdFactory};
use jam::store::{Found, Key, Lifetime};
use jam::{ConfigurationError, Error, Timestamp};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};

use crate::arguments::{Seconds, Text, opaque_text, required_text, texts, type_name, unix_seconds};
use crate::error::{not_picklable, to_py};
use crate::serializer::Serializer;
use crate::stores;
use crate::{bridge, log};

/// What a live session tells of itself. It holds no usable id.
///
/// Attributes:
///     handle: A public name of the session, for lists that people see. No method takes it for an id.
///     created: When the session was created, in seconds since 1970.
///     last_used: When it was last read or written, in seconds since 1970; None where the store does not know.
///     expires: When it ends if nobody uses it, in seconds since 1970; None for never.
#[pyclass(module = "jam._jam", frozen, get_all, eq)]
#[derive(PartialEq)]
struct SessionInfo {
    handle: String,
    created: f64,
    last_used: Option<f64>,
    expires: Option<f64>,
}

impl From<session::SessionInfo> for SessionInfo {
    fn from(info: session::SessionInfo) -> Self {
        Self {
            handle: info.handle,
            created: unix_seconds(info.created),
            last_used: info.last_used.map(unix_seconds),
            expires: info.expires.map(unix_seconds),
        }
    }
}

#[pymethods]
impl SessionInfo {
    #[new]
    fn new(handle: String, created: f64, last_used: Option<f64>, expires: Option<f64>) -> Self {
        Self { handle, created, last_used, expires }
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
            default_ttl: self.default_ttl.duration("session.default_ttl")?,
            absolute_ttl: self.absolute_ttl.duration("session.absolute_ttl")?,
            encryption_keys: self.is_session_crypt.then(|| self.encryption_keys()).transpose()?,
            id_factory: self.id_factory.map(id_factory).transpose()?,
        })
    }

    fn encryption_keys(&self) -> PyResult<Vec<jam::secret::Secret<String>>> {
        let keys = self.session_aes_secret.map(|value| texts(value, "session.session_aes_secret"));
        Ok(keys.transpose()?.unwrap_or_default().into_iter().map(Into::into).collect())
    }
}

/// The data of a session, or `None` for no session.
fn loaded(py: Python<'_>, serializer: &Serializer, data: Option<&[u8]>) -> PyResult<Py<PyAny>> {
    let Some(data) = data else { return Ok(py.None()) };
    // What is no JSON was put there by somebody else: no session, as with any other forged data.
    serializer.load(py, data, |_| Ok(py.None().into_bound(py))).map(Bound::unbind)
}

thread_local! {
    /// What the user's id factory raised, on its way around the core, which knows no exceptions.
    static RAISED: RefCell<Option<PyErr>> = const { RefCell::new(None) };
}

fn id_factory(factory: Bound<'_, PyAny>) -> PyResult<IdFactory> {
    if !factory.is_callable() {
        let reason = format!("must be a function without arguments, not {}", type_name(&factory));
        return Err(to_py(ConfigurationError::key("session.id_factory", reason).into()));
    }
    let factory = factory.unbind();
    Ok(Arc::new(move || {
        Python::attach(|py| {
            let made = factory.bind(py).call0()?;
            required_text(&made, "what the id factory returns").map(str::to_owned)
        })
        .map_err(|raised| {
            RAISED.set(Some(raised));
            Error::Validation("the id factory failed".into())
        })
    }))
}

/// The exception for an error of a method that makes an id: the factory's own, if it raised one.
fn raised_or(error: Error) -> PyErr {
    RAISED.take().unwrap_or_else(|| to_py(error))
}

/// Sessions over one of Jam's stores; blocking.
///
/// Args:
///     backend: "memory", "json", "sqlite" or "redis".
///     json_path: The file of the backend "json".
///     sqlite_path: The file of the backend "sqlite".
///     redis_uri: The server of the backend "redis": `redis://[user:password@]host[:port][/database]`; or a list of them.
///     redis_keys: How the servers are reached: the keys of the configuration that begin with `redis_`.
///     redis_sessions_key: What the names of all keys in Redis begin with.
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
        result.map_err(raised_or)
    }
}

#[pymethods]
impl Sessions {
    #[new]
    #[pyo3(signature = (
        backend, *, json_path=None, sqlite_path=None, redis_uri=None, redis_keys=None,
        redis_sessions_key=SESSIONS_NAMESPACE, default_ttl=Seconds::Number(3600.0), absolute_ttl=Seconds::Absent, is_session_crypt=false,
        session_aes_secret=None, id_factory=None, serializer=None,
    ))]
    #[allow(clippy::too_many_arguments, reason = "they are keywords of Python")]
    fn new(
        py: Python<'_>,
        backend: &str,
        json_path: Option<PathBuf>,
        sqlite_path: Option<PathBuf>,
        redis_uri: Option<&Bound<'_, PyAny>>,
        redis_keys: Option<&Bound<'_, PyDict>>,
        redis_sessions_key: &str,
        default_ttl: Seconds,
        absolute_ttl: Seconds,
        is_session_crypt: bool,
        session_aes_secret: Option<&Bound<'_, PyAny>>,
        id_factory: Option<Bound<'_, PyAny>>,
        serializer: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let place = stores::Keywords {
            section: "session",
            backend,
            json_path,
            sqlite_path,
            redis_uri,
            redis_keys,
            redis_namespace: redis_sessions_key,
        };
        let backend = place.backend()?;
        let options =
            Keywords { default_ttl, absolute_ttl, is_session_crypt, session_aes_secret, id_factory }
                .options()?;
        let store = bridge::block(py, || backend.open(SESSIONS_NAMESPACE)).map_err(to_py)?;
        Ok(Self {
            sessions: session::Sessions::new(store, options).map_err(to_py)?,
            serializer: Serializer::new(serializer),
            backend: backend.name(),
            is_immediate: stores::is_immediate(&backend),
        })
    }

    /// Creates a session of `session_key` and gives its id.
    fn create(
        &self,
        py: Python<'_>,
        session_key: &Bound<'_, PyAny>,
        data: &Bound<'_, PyAny>,
    ) -> PyResult<String> {
        let session_key = required_text(session_key, "session_key")?;
        let data = self.serializer.dump(data, "data")?;
        self.run(py, |sessions| sessions.create(session_key, &data, Timestamp::now()))
    }

    /// The data of a session; None for whatever is no live session's id.
    fn get(&self, py: Python<'_>, session_id: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let id = opaque_text(session_id, "session_id")?;
        let data = self.run(py, |sessions| sessions.get(id, Timestamp::now()))?;
        loaded(py, &self.serializer, data.as_deref())
    }

    /// Replaces the data of a session; raises JamSessionNotFound where there is none.
    fn update(&self, py: Python<'_>, session_id: &Bound<'_, PyAny>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        let id = opaque_text(session_id, "session_id")?;
        let data = self.serializer.dump(data, "data")?;
        self.run(py, |sessions| sessions.update(id, &data, Timestamp::now()))
    }

    /// Ends a session, if it is there.
    fn delete(&self, py: Python<'_>, session_id: &Bound<'_, PyAny>) -> PyResult<()> {
        let id = opaque_text(session_id, "session_id")?;
        self.run(py, |sessions| sessions.delete(id, Timestamp::now()))
    }

    /// Ends all sessions of `session_key`.
    fn clear(&self, py: Python<'_>, session_key: &Bound<'_, PyAny>) -> PyResult<()> {
        let session_key = required_text(session_key, "session_key")?;
        self.run(py, |sessions| sessions.clear(session_key, Timestamp::now()))
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
        let operation = start(&self.sessions);
        if let Some(raised) = RAISED.take() {
            return bridge::ready(py, Err(raised));
        }
        match operation {
            Ok(future) => bridge::spawn(py, bridge::Place::Loop, future, convert),
            Err(error) => bridge::ready(py, Err(error)),
        }
    }
}

fn kept_for(life_time: &Seconds) -> PyResult<Duration> {
    let life_time = life_time.duration("life_time")?;
    life_time.ok_or_else(|| crate::error::validation("life_time: must be a number of seconds"))
}

fn to_none(py: Python<'_>, (): ()) -> PyResult<Py<PyAny>> {
    Ok(py.None())
}

fn to_text(py: Python<'_>, text: String) -> PyResult<Py<PyAny>> {
    Ok(PyString::new(py, &text).into_any().unbind())
}

#[pymethods]
impl AsyncSessions {
    #[new]
    #[pyo3(signature = (
        backend, *, json_path=None, sqlite_path=None, redis_uri=None, redis_keys=None,
        redis_sessions_key=SESSIONS_NAMESPACE, default_ttl=Seconds::Number(3600.0), absolute_ttl=Seconds::Absent, is_session_crypt=false,
        session_aes_secret=None, id_factory=None, serializer=None,
    ))]
    #[allow(clippy::too_many_arguments, reason = "they are keywords of Python")]
    fn new(
        py: Python<'_>,
        backend: &str,
        json_path: Option<PathBuf>,
        sqlite_path: Option<PathBuf>,
        redis_uri: Option<&Bound<'_, PyAny>>,
        redis_keys: Option<&Bound<'_, PyDict>>,
        redis_sessions_key: &str,
        default_ttl: Seconds,
        absolute_ttl: Seconds,
        is_session_crypt: bool,
        session_aes_secret: Option<&Bound<'_, PyAny>>,
        id_factory: Option<Bound<'_, PyAny>>,
        serializer: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let place = stores::Keywords {
            section: "session",
            backend,
            json_path,
            sqlite_path,
            redis_uri,
            redis_keys,
            redis_namespace: redis_sessions_key,
        };
        let backend = place.backend()?;
        let options =
            Keywords { default_ttl, absolute_ttl, is_session_crypt, session_aes_secret, id_factory }
                .options()?;
        let store = bridge::block(py, || backend.open_async(SESSIONS_NAMESPACE)).map_err(to_py)?;
        Ok(Self {
            sessions: session::aio::Sessions::new(store, options).map_err(to_py)?,
            serializer: Arc::new(Serializer::new(serializer)),
            backend: backend.name(),
        })
    }

    /// Creates a session of `session_key` and gives its id.
    fn create(
        &self,
        py: Python<'_>,
        session_key: &Bound<'_, PyAny>,
        data: &Bound<'_, PyAny>,
    ) -> PyResult<Py<PyAny>> {
        let start = |sessions: &session::aio::Sessions| {
            let session_key = required_text(session_key, "session_key")?;
            Ok(sessions.create(session_key, &self.serializer.dump(data, "data")?, Timestamp::now()))
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

    /// Replaces the data of a session; raises JamSessionNotFound where there is none.
    fn update(
        &self,
        py: Python<'_>,
        session_id: &Bound<'_, PyAny>,
        data: &Bound<'_, PyAny>,
    ) -> PyResult<Py<PyAny>> {
        let start = |sessions: &session::aio::Sessions| {
            let id = opaque_text(session_id, "session_id")?;
            Ok(sessions.update(id, &self.serializer.dump(data, "data")?, Timestamp::now()))
        };
        self.run(py, start, to_none)
    }

    /// Ends a session, if it is there.
    fn delete(&self, py: Python<'_>, session_id: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let start = |sessions: &session::aio::Sessions| {
            Ok(sessions.delete(opaque_text(session_id, "session_id")?, Timestamp::now()))
        };
        self.run(py, start, to_none)
    }

    /// Ends all sessions of `session_key`.
    fn clear(&self, py: Python<'_>, session_key: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let start = |sessions: &session::aio::Sessions| {
            Ok(sessions.clear(required_text(session_key, "session_key")?, Timestamp::now()))
        };
        self.run(py, start, to_none)
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
        self.run(py, start, to_none)
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
        Ok(Self { codec, serializer: Serializer::new(serializer) })
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
        let new = self.codec.new_id(group).map_err(raised_or)?;
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
    module.add_class::<SessionInfo>()?;
    module.add_class::<Sessions>()?;
    module.add_class::<AsyncSessions>()?;
    module.add_class::<SessionCodec>()
}
