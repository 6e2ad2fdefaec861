//! White and black lists, as Python sees them.

use std::future::Future;
use std::time::Duration;

use jam::Timestamp;
use jam::config::LIST_NAMESPACE;
use jam::store::{Key, Lifetime};
use jam::token_list::{self, Kind, ListOptions, Revision};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict};

use crate::arguments::{FilePath, Seconds, moment, opaque_text, required_text};
use crate::error::{configuration, not_picklable, to_py, validation};
use crate::{bridge, stores};

fn kind_of(name: &str) -> PyResult<Kind> {
    match name {
        "white" => Ok(Kind::White),
        "black" => Ok(Kind::Black),
        _ => Err(configuration("type", "must be \"white\" or \"black\"")),
    }
}

fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::White => "white",
        Kind::Black => "black",
    }
}

fn options(
    in_list_life_time: &Seconds,
    token_life_time: &Seconds,
    leeway: &Seconds,
) -> PyResult<ListOptions> {
    Ok(ListOptions {
        life_time: in_list_life_time.duration("in_list_life_time")?,
        token_life_time: token_life_time.duration("token_life_time")?,
        leeway: leeway.duration("leeway")?.unwrap_or_default(),
    })
}

/// The texts of `tokens`, any iterable.
fn token_texts(tokens: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    tokens.try_iter()?.map(|token| Ok(opaque_text(&token?, "token")?.to_owned())).collect()
}

/// The names of sessions, any iterable of them.
fn session_names(sids: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    sids.try_iter()?.map(|sid| Ok(required_text(&sid?, "sid")?.to_owned())).collect()
}

/// For how long the sessions' tokens live at most.
fn life_time(seconds: &Seconds) -> PyResult<Option<Duration>> {
    match seconds {
        Seconds::Absent => Ok(None),
        Seconds::Number(number) => match Duration::try_from_secs_f64(*number) {
            Ok(time) => Ok(Some(time)),
            Err(_) => Err(validation("life_time must be a number of seconds, not negative and not infinite")),
        },
        Seconds::Other(kind) => {
            Err(validation(&format!("life_time must be a number of seconds, not {kind}")))
        }
    }
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
///     backend: "memory", "json", "sqlite", "redis" or "postgresql".
///     kind: "white" or "black".
///     json_path: The file of the backend "json".
///     sqlite_path: The file of the backend "sqlite".
///     redis_uri: The server of the backend "redis": `redis://[user:password@]host[:port][/database]`; or a list of them.
///     redis_keys: How the servers are reached: the keys of the configuration that begin with `redis_`.
///     redis_list_key: What the names of all keys in Redis begin with.
///     postgresql_keys: The database of the backend "postgresql": the keys of the configuration that begin with `postgresql_`.
///     in_list_life_time: Seconds that a token without `exp` stays listed; on a white list, any token at most.
///     token_life_time: Seconds that any token lives at most: for so long the revocation of a subject is remembered.
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
        redis_list_key=LIST_NAMESPACE, postgresql_keys=None, in_list_life_time=Seconds::Absent, token_life_time=Seconds::Absent,
        leeway=Seconds::Absent,
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
        postgresql_keys: Option<&Bound<'_, PyDict>>,
        in_list_life_time: Seconds,
        token_life_time: Seconds,
        leeway: Seconds,
    ) -> PyResult<Self> {
        let place = stores::Keywords {
            type_key: "backend",
            backend,
            json_path,
            sqlite_path,
            redis_uri,
            redis_keys,
            redis_namespace: redis_list_key,
            postgresql_keys,
        };
        let backend = place.backend()?;
        let (kind, options) = (kind_of(kind)?, options(&in_list_life_time, &token_life_time, &leeway)?);
        let store = bridge::block(py, || backend.open(LIST_NAMESPACE)).map_err(to_py)?;
        let list = token_list::TokenList::new(store, kind, options).map_err(to_py)?;
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

    /// Refuses every token of `sub` that was issued up to `issued_before`: seconds since 1970, now if left out.
    #[pyo3(signature = (sub, issued_before=None))]
    fn revoke_subject(
        &self,
        py: Python<'_>,
        sub: &Bound<'_, PyAny>,
        issued_before: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let subject = required_text(sub, "sub")?;
        let moment = issued_before.map(|value| moment(value, "issued_before")).transpose()?;
        self.run(py, |list| list.revoke_subject(subject, moment, Timestamp::now()))
    }

    /// Refuses every token of `sub` that names one of `sids` as its `sid`, for `life_time` seconds.
    #[pyo3(signature = (sub, sids, life_time=Seconds::Absent))]
    fn revoke_sessions(
        &self,
        py: Python<'_>,
        sub: &Bound<'_, PyAny>,
        sids: &Bound<'_, PyAny>,
        life_time: Seconds,
    ) -> PyResult<()> {
        let (subject, sids) = (required_text(sub, "sub")?, session_names(sids)?);
        let kept = self::life_time(&life_time)?;
        self.run(py, |list| list.revoke_sessions(subject, &borrowed(&sids), kept, Timestamp::now()))
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

fn to_bool(py: Python<'_>, value: bool) -> PyResult<Py<PyAny>> {
    Ok(PyBool::new(py, value).to_owned().into_any().unbind())
}

#[pymethods]
impl AsyncTokenList {
    #[new]
    #[pyo3(signature = (
        backend, kind, *, json_path=None, sqlite_path=None, redis_uri=None, redis_keys=None,
        redis_list_key=LIST_NAMESPACE, postgresql_keys=None, in_list_life_time=Seconds::Absent, token_life_time=Seconds::Absent,
        leeway=Seconds::Absent,
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
        postgresql_keys: Option<&Bound<'_, PyDict>>,
        in_list_life_time: Seconds,
        token_life_time: Seconds,
        leeway: Seconds,
    ) -> PyResult<Self> {
        let place = stores::Keywords {
            type_key: "backend",
            backend,
            json_path,
            sqlite_path,
            redis_uri,
            redis_keys,
            redis_namespace: redis_list_key,
            postgresql_keys,
        };
        let backend = place.backend()?;
        let (kind, options) = (kind_of(kind)?, options(&in_list_life_time, &token_life_time, &leeway)?);
        let store = bridge::block(py, || backend.open_async(LIST_NAMESPACE)).map_err(to_py)?;
        let list = token_list::aio::TokenList::new(store, kind, options).map_err(to_py)?;
        Ok(Self { list, backend: backend.name() })
    }

    /// "white" or "black".
    #[getter]
    fn kind(&self) -> &'static str {
        name_of(self.list.kind())
    }

    /// Puts a token on the list.
    fn add(&self, py: Python<'_>, token: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.run(py, |list| Ok(list.add(opaque_text(token, "token")?, Timestamp::now())), bridge::to_none)
    }

    /// Puts all of the tokens on the list in one go; none when one of them is malformed.
    fn add_many(&self, py: Python<'_>, tokens: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.run(
            py,
            |list| Ok(list.add_many(&borrowed(&token_texts(tokens)?), Timestamp::now())),
            bridge::to_none,
        )
    }

    /// Whether the token is on the list.
    fn check(&self, py: Python<'_>, token: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.run(py, |list| Ok(list.check(opaque_text(token, "token")?, Timestamp::now())), to_bool)
    }

    /// Takes the token from the list, if it is there.
    fn delete(&self, py: Python<'_>, token: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.run(py, |list| Ok(list.delete(opaque_text(token, "token")?, Timestamp::now())), bridge::to_none)
    }

    /// Refuses every token of `sub` that was issued up to `issued_before`: seconds since 1970, now if left out.
    #[pyo3(signature = (sub, issued_before=None))]
    fn revoke_subject(
        &self,
        py: Python<'_>,
        sub: &Bound<'_, PyAny>,
        issued_before: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let start = |list: &token_list::aio::TokenList| {
            let subject = required_text(sub, "sub")?;
            let moment = issued_before.map(|value| moment(value, "issued_before")).transpose()?;
            Ok(list.revoke_subject(subject, moment, Timestamp::now()))
        };
        self.run(py, start, bridge::to_none)
    }

    /// Refuses every token of `sub` that names one of `sids` as its `sid`, for `life_time` seconds.
    #[pyo3(signature = (sub, sids, life_time=Seconds::Absent))]
    fn revoke_sessions(
        &self,
        py: Python<'_>,
        sub: &Bound<'_, PyAny>,
        sids: &Bound<'_, PyAny>,
        life_time: Seconds,
    ) -> PyResult<Py<PyAny>> {
        let start = |list: &token_list::aio::TokenList| {
            let (subject, sids) = (required_text(sub, "sub")?, session_names(sids)?);
            let kept = self::life_time(&life_time)?;
            Ok(list.revoke_sessions(subject, &borrowed(&sids), kept, Timestamp::now()))
        };
        self.run(py, start, bridge::to_none)
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
///
/// Keys in the store are pairs of texts: the group of a subject, None for a token without one, and the id.
#[pyclass(module = "jam._jam", frozen)]
struct TokenListCodec {
    codec: token_list::Codec,
}

/// A key as Python holds it.
type PyKey = (Option<String>, String);

/// A key, the value, and how many milliseconds it lives after it was written; None for no limit.
type Entry<'py> = (PyKey, Bound<'py, PyBytes>, Option<u64>);

fn entry<'py>(py: Python<'py>, key: Key, value: &[u8], lifetime: Lifetime, now: Timestamp) -> Entry<'py> {
    let rest = lifetime.deadline.map(|deadline| deadline.saturating_since(now));
    let rest = lifetime.idle.or(rest).map(stores::milliseconds);
    ((key.group, key.id), PyBytes::new(py, value), rest)
}

#[pymethods]
impl TokenListCodec {
    #[new]
    #[pyo3(signature = (
        kind, *, in_list_life_time=Seconds::Absent, token_life_time=Seconds::Absent, leeway=Seconds::Absent,
    ))]
    fn new(
        kind: &str,
        in_list_life_time: Seconds,
        token_life_time: Seconds,
        leeway: Seconds,
    ) -> PyResult<Self> {
        let options = options(&in_list_life_time, &token_life_time, &leeway)?;
        let codec = token_list::Codec::new(kind_of(kind)?, options).map_err(to_py)?;
        Ok(Self { codec })
    }

    /// "white" or "black".
    #[getter]
    fn kind(&self) -> &'static str {
        name_of(self.codec.kind())
    }

    /// The key of a token's entry.
    fn key(&self, token: &Bound<'_, PyAny>) -> PyResult<PyKey> {
        let key = self.codec.key(opaque_text(token, "token")?).map_err(to_py)?;
        Ok((key.group, key.id))
    }

    /// A token's entry; None for a token that has expired and needs none.
    fn entry<'py>(&self, py: Python<'py>, token: &Bound<'py, PyAny>) -> PyResult<Option<Entry<'py>>> {
        let (token, now) = (opaque_text(token, "token")?, Timestamp::now());
        let (key, lifetime) = self.codec.entry(token, now).map_err(to_py)?;
        Ok(lifetime.map(|lifetime| entry(py, key, b"1", lifetime, now)))
    }

    /// The keys that decide on a token.
    fn lookup(&self, token: &Bound<'_, PyAny>) -> PyResult<Vec<PyKey>> {
        let lookup = self.codec.lookup(opaque_text(token, "token")?).map_err(to_py)?;
        Ok(lookup.keys().iter().map(|key| (key.group.clone(), key.id.clone())).collect())
    }

    /// Whether the list names a token, given the values under the keys of `lookup`.
    fn names(&self, token: &Bound<'_, PyAny>, found: Vec<Option<Vec<u8>>>) -> PyResult<bool> {
        let lookup = self.codec.lookup(opaque_text(token, "token")?).map_err(to_py)?;
        self.codec.names(&lookup, &found).map_err(to_py)
    }

    /// What refuses the tokens of a subject; `there` is the value that is under its key already. None where that does so
    /// already.
    #[pyo3(signature = (sub, issued_before, there))]
    fn cut_off<'py>(
        &self,
        py: Python<'py>,
        sub: &Bound<'py, PyAny>,
        issued_before: Option<&Bound<'py, PyAny>>,
        there: Option<Vec<u8>>,
    ) -> PyResult<(PyKey, Option<Entry<'py>>)> {
        let (subject, now) = (required_text(sub, "sub")?, Timestamp::now());
        let moment = issued_before.map(|value| moment(value, "issued_before")).transpose()?;
        let (key, cut_off) = self.codec.cut_off(subject, moment, now).map_err(to_py)?;
        let name = (key.group.clone(), key.id.clone());
        let (bytes, lifetime) = match there.map(|there| cut_off.revise(&there)).transpose().map_err(to_py)? {
            None => (cut_off.to_bytes(), cut_off.lifetime()),
            Some(Revision::Covered) => return Ok((name, None)),
            Some(Revision::Replace(cut_off) | Revision::Put(cut_off)) => {
                (cut_off.to_bytes(), cut_off.lifetime())
            }
        };
        Ok((name, Some(entry(py, key, &bytes, lifetime, now))))
    }

    /// What refuses the tokens of sessions of a subject.
    fn session_entries<'py>(
        &self,
        py: Python<'py>,
        sub: &Bound<'py, PyAny>,
        sids: &Bound<'py, PyAny>,
        life_time: Seconds,
    ) -> PyResult<Vec<Entry<'py>>> {
        let (subject, sids, now) = (required_text(sub, "sub")?, session_names(sids)?, Timestamp::now());
        let kept = self::life_time(&life_time)?;
        let entries = self.codec.session_entries(subject, &borrowed(&sids), kept, now).map_err(to_py)?;
        Ok(entries.into_iter().map(|(key, value, lifetime)| entry(py, key, &value, lifetime, now)).collect())
    }
}

/// Adds this part's classes and functions.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<TokenList>()?;
    module.add_class::<AsyncTokenList>()?;
    module.add_class::<TokenListCodec>()
}
