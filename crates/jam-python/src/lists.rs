//! White and black lists, as Python sees them.

use std::future::Future;
use std::time::Duration;

use jam::config::LIST_NAMESPACE;
use jam::token_list::{self, Kind};
use jam::{ConfigurationError, Timestamp};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict};

use crate::arguments::{FilePath, Seconds, opaque_text};
use crate::error::{not_picklable, to_py};
use crate::{bridge, stores};

fn kind_of(name: &str) -> PyResult<Kind> {
    match name {
        "white" => Ok(Kind::White),
        "black" => Ok(Kind::Black),
        _ => {
            let reason = "must be \"white\" or \"black\"";
            Err(to_py(ConfigurationError::key("jwt.list.type", reason).into()))
        }
    }
}

fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::White => "white",
        Kind::Black => "black",
    }
}

/// The life time and the leeway.
fn times(life_time: Seconds, leeway: Seconds) -> PyResult<(Option<Duration>, Duration)> {
    let life_time = life_time.duration("jwt.list.in_list_life_time")?;
    Ok((life_time, leeway.duration("jwt.leeway")?.unwrap_or_default()))
}

/// The texts of `tokens`, any iterable.
fn token_texts(tokens: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    tokens.try_iter()?.map(|token| Ok(opaque_text(&token?, "token")?.to_owned())).collect()
}

fn borrowed(tokens: &[String]) -> Vec<&str> {
    tokens.iter().map(String::as_str).collect()
}

/// A white or black list of tokens in one of Jam's stores; blocking.
///
/// A token is listed under its `jti`, else under what its signature covers, and no longer than it lives. It is
/// not verified here.
///
/// Args:
///     backend: "memory", "json", "sqlite" or "redis".
///     kind: "white" or "black".
///     json_path: The file of the backend "json".
///     sqlite_path: The file of the backend "sqlite".
///     redis_uri: The server of the backend "redis": `redis://[user:password@]host[:port][/database]`; or a list of them.
///     redis_keys: How the servers are reached: the keys of the configuration that begin with `redis_`.
///     redis_list_key: What the names of all keys in Redis begin with.
///     in_list_life_time: Seconds that a token without `exp` stays listed; on a white list, any token at most.
///     leeway: Seconds after `exp` for which tokens are still accepted.
#[pyclass(module = "jam._jam", subclass, frozen)]
struct TokenList {
    list: token_list::TokenList,
    backend: &'static str,
    is_immediate: bool,
}

impl TokenList {
    /// Runs an operation, without the GIL where it may wait.
    fn run<T: Send>(
        &self,
        py: Python<'_>,
        operation: impl FnOnce(&token_list::TokenList) -> jam::Result<T> + Send,
    ) -> PyResult<T> {
        let result = if self.is_immediate {
            operation(&self.list)
        } else {
            bridge::block(py, || operation(&self.list))
        };
        result.map_err(to_py)
    }
}

#[pymethods]
impl TokenList {
    #[new]
    #[pyo3(signature = (
        backend, kind, *, json_path=None, sqlite_path=None, redis_uri=None, redis_keys=None,
        redis_list_key=LIST_NAMESPACE, in_list_life_time=Seconds::Absent, leeway=Seconds::Absent,
    ))]
    #[allow(clippy::too_many_arguments, reason = "they are keywords of Python")]
    fn new(
        py: Python<'_>,
        backend: &str,
        kind: &str,
        json_path: Option<FilePath>,
        sqlite_path: Option<FilePath>,
        redis_uri: Option<&Bound<'_, PyAny>>,
        redis_keys: Option<&Bound<'_, PyDict>>,
        redis_list_key: &str,
        in_list_life_time: Seconds,
        leeway: Seconds,
    ) -> PyResult<Self> {
        let place = stores::Keywords {
            section: "jwt.list",
            backend,
            json_path,
            sqlite_path,
            redis_uri,
            redis_keys,
            redis_namespace: redis_list_key,
        };
        let backend = place.backend()?;
        let (kind, (life_time, leeway)) = (kind_of(kind)?, times(in_list_life_time, leeway)?);
        let store = bridge::block(py, || backend.open(LIST_NAMESPACE)).map_err(to_py)?;
        let list = token_list::TokenList::new(store, kind, life_time, leeway).map_err(to_py)?;
        Ok(Self { list, backend: backend.name(), is_immediate: stores::is_immediate(&backend) })
    }

    /// "white" or "black".
    #[getter]
    fn kind(&self) -> &'static str {
        name_of(self.list.kind())
    }

    /// Puts a token on the list.
    fn add(&self, py: Python<'_>, token: &Bound<'_, PyAny>) -> PyResult<()> {
        let token = opaque_text(token, "token")?;
        self.run(py, |list| list.add(token, Timestamp::now()))
    }

    /// Puts all of the tokens on the list in one go; none when one of them is malformed.
    fn add_many(&self, py: Python<'_>, tokens: &Bound<'_, PyAny>) -> PyResult<()> {
        let tokens = token_texts(tokens)?;
        self.run(py, |list| list.add_many(&borrowed(&tokens), Timestamp::now()))
    }

    /// Whether the token is on the list.
    fn check(&self, py: Python<'_>, token: &Bound<'_, PyAny>) -> PyResult<bool> {
        let token = opaque_text(token, "token")?;
        self.run(py, |list| list.check(token, Timestamp::now()))
    }

    /// Takes the token from the list, if it is there.
    fn delete(&self, py: Python<'_>, token: &Bound<'_, PyAny>) -> PyResult<()> {
        let token = opaque_text(token, "token")?;
        self.run(py, |list| list.delete(token, Timestamp::now()))
    }

    /// Closes the store. Later calls raise JamStoreError; closing twice is fine.
    fn close(&self, py: Python<'_>) {
        bridge::block(py, || self.list.close());
    }

    fn __reduce__(&self) -> PyResult<Py<PyAny>> {
        Err(not_picklable("TokenList"))
    }

    fn __repr__(&self) -> String {
        format!("<jam {} list in {}>", self.kind(), self.backend)
    }
}

/// A white or black list of tokens, for asyncio: the methods of `TokenList`, each of which gives an awaitable.
/// Takes the same arguments as `TokenList`.
#[pyclass(module = "jam._jam", subclass, frozen)]
struct AsyncTokenList {
    list: token_list::aio::TokenList,
    backend: &'static str,
}

impl AsyncTokenList {
    /// The awaitable of an operation; what fails before it starts is raised by the awaitable, too.
    fn run<T: Send + 'static, F: Future<Output = jam::Result<T>> + Send + 'static>(
        &self,
        py: Python<'_>,
        start: impl FnOnce(&token_list::aio::TokenList) -> PyResult<F>,
        convert: fn(Python<'_>, T) -> PyResult<Py<PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        match start(&self.list) {
            Ok(future) => bridge::spawn(py, bridge::Place::Loop, future, convert),
            Err(error) => bridge::ready(py, Err(error)),
        }
    }
}

fn to_none(py: Python<'_>, (): ()) -> PyResult<Py<PyAny>> {
    Ok(py.None())
}

fn to_bool(py: Python<'_>, value: bool) -> PyResult<Py<PyAny>> {
    Ok(PyBool::new(py, value).to_owned().into_any().unbind())
}

#[pymethods]
impl AsyncTokenList {
    #[new]
    #[pyo3(signature = (
        backend, kind, *, json_path=None, sqlite_path=None, redis_uri=None, redis_keys=None,
        redis_list_key=LIST_NAMESPACE, in_list_life_time=Seconds::Absent, leeway=Seconds::Absent,
    ))]
    #[allow(clippy::too_many_arguments, reason = "they are keywords of Python")]
    fn new(
        py: Python<'_>,
        backend: &str,
        kind: &str,
        json_path: Option<FilePath>,
        sqlite_path: Option<FilePath>,
        redis_uri: Option<&Bound<'_, PyAny>>,
        redis_keys: Option<&Bound<'_, PyDict>>,
        redis_list_key: &str,
        in_list_life_time: Seconds,
        leeway: Seconds,
    ) -> PyResult<Self> {
        let place = stores::Keywords {
            section: "jwt.list",
            backend,
            json_path,
            sqlite_path,
            redis_uri,
            redis_keys,
            redis_namespace: redis_list_key,
        };
        let backend = place.backend()?;
        let (kind, (life_time, leeway)) = (kind_of(kind)?, times(in_list_life_time, leeway)?);
        let store = bridge::block(py, || backend.open_async(LIST_NAMESPACE)).map_err(to_py)?;
        let list = token_list::aio::TokenList::new(store, kind, life_time, leeway).map_err(to_py)?;
        Ok(Self { list, backend: backend.name() })
    }

    /// "white" or "black".
    #[getter]
    fn kind(&self) -> &'static str {
        name_of(self.list.kind())
    }

    /// Puts a token on the list.
    fn add(&self, py: Python<'_>, token: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.run(py, |list| Ok(list.add(opaque_text(token, "token")?, Timestamp::now())), to_none)
    }

    /// Puts all of the tokens on the list in one go; none when one of them is malformed.
    fn add_many(&self, py: Python<'_>, tokens: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.run(py, |list| Ok(list.add_many(&borrowed(&token_texts(tokens)?), Timestamp::now())), to_none)
    }

    /// Whether the token is on the list.
    fn check(&self, py: Python<'_>, token: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.run(py, |list| Ok(list.check(opaque_text(token, "token")?, Timestamp::now())), to_bool)
    }

    /// Takes the token from the list, if it is there.
    fn delete(&self, py: Python<'_>, token: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.run(py, |list| Ok(list.delete(opaque_text(token, "token")?, Timestamp::now())), to_none)
    }

    /// Closes the store. Later calls raise JamStoreError; closing twice is fine.
    fn close(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        // It waits for what is being written.
        let list = self.list.clone();
        bridge::spawn_blocking(py, move || list.close())
    }

    fn __reduce__(&self) -> PyResult<Py<PyAny>> {
        Err(not_picklable("AsyncTokenList"))
    }

    fn __repr__(&self) -> String {
        format!("<jam {} list in {}, for asyncio>", self.kind(), self.backend)
    }
}

/// The pure steps of a list, for a store that is driven from Python.
#[pyclass(module = "jam._jam", frozen)]
struct TokenListCodec {
    codec: token_list::Codec,
}

#[pymethods]
impl TokenListCodec {
    #[new]
    #[pyo3(signature = (kind, *, in_list_life_time=Seconds::Absent, leeway=Seconds::Absent))]
    fn new(kind: &str, in_list_life_time: Seconds, leeway: Seconds) -> PyResult<Self> {
        let (life_time, leeway) = times(in_list_life_time, leeway)?;
        let codec = token_list::Codec::new(kind_of(kind)?, life_time, leeway).map_err(to_py)?;
        Ok(Self { codec })
    }

    /// "white" or "black".
    #[getter]
    fn kind(&self) -> &'static str {
        name_of(self.codec.kind())
    }

    /// The id of a token's entry.
    fn key(&self, token: &Bound<'_, PyAny>) -> PyResult<String> {
        Ok(self.codec.key(opaque_text(token, "token")?).map_err(to_py)?.id)
    }

    /// The id of a token's entry and how many milliseconds it lives, None for no limit. None for a token that has
    /// expired and needs no entry.
    fn entry(&self, token: &Bound<'_, PyAny>) -> PyResult<Option<(String, Option<u64>)>> {
        let (token, now) = (opaque_text(token, "token")?, Timestamp::now());
        let (key, lifetime) = self.codec.entry(token, now).map_err(to_py)?;
        let rest = |deadline: Timestamp| deadline.saturating_since(now).as_millis() as u64;
        Ok(lifetime.map(|lifetime| (key.id, lifetime.deadline.map(rest))))
    }
}

/// Adds this part's classes and functions.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<TokenList>()?;
    module.add_class::<AsyncTokenList>()?;
    module.add_class::<TokenListCodec>()
}
