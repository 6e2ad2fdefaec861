//! The memory of used one-time passwords, as Python sees it.

use std::time::Duration;

use jam::config::REPLAY_GUARD_NAMESPACE;
use jam::otp::ReplayEntry;
use jam::{Timestamp, replay_guard};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict};

use crate::arguments::{FilePath, Text, integer, text};
use crate::error::{not_picklable, to_py};
use crate::{bridge, stores};

/// `keep` is in whole seconds.
fn entry(key: &Bound<'_, PyAny>, keep: &Bound<'_, PyAny>) -> PyResult<ReplayEntry> {
    let keep = Duration::from_secs(integer(keep, "keep")?);
    Ok(ReplayEntry { id: text(key, "key")?.to_owned(), keep })
}

/// The memory of used one-time passwords in one of Jam's stores; blocking.
///
/// Args:
///     backend: "memory", "json", "sqlite", "redis" or "postgresql".
///     json_path: The file of the backend "json".
///     sqlite_path: The file of the backend "sqlite".
///     redis_uri: The server of the backend "redis": `redis://[user:password@]host[:port][/database]`; or a list of them.
///     redis_keys: How the servers are reached: the keys of the configuration that begin with `redis_`.
///     postgresql_keys: The database of the backend "postgresql": the keys of the configuration that begin with `postgresql_`.
#[pyclass(module = "jam._jam", frozen)]
struct ReplayGuard {
    guard: replay_guard::ReplayGuard,
    backend: &'static str,
    is_immediate: bool,
}

#[pymethods]
impl ReplayGuard {
    #[new]
    #[pyo3(signature = (backend, *, json_path=None, sqlite_path=None, redis_uri=None, redis_keys=None, postgresql_keys=None))]
    fn new(
        py: Python<'_>,
        backend: Text,
        json_path: Option<FilePath>,
        sqlite_path: Option<FilePath>,
        redis_uri: Option<&Bound<'_, PyAny>>,
        redis_keys: Option<&Bound<'_, PyDict>>,
        postgresql_keys: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let backend = stores::backend(
            REPLAY_GUARD_NAMESPACE,
            &backend.0,
            json_path,
            sqlite_path,
            redis_uri,
            redis_keys,
            postgresql_keys,
        )?;
        let store = bridge::block(py, || backend.open(REPLAY_GUARD_NAMESPACE)).map_err(to_py)?;
        let guard = replay_guard::ReplayGuard::new(store);
        Ok(Self { guard, backend: backend.name(), is_immediate: stores::is_immediate(&backend) })
    }

    /// Keeps a key for so many seconds. True the first time, False for as long as it is kept.
    fn accept(&self, py: Python<'_>, key: &Bound<'_, PyAny>, keep: &Bound<'_, PyAny>) -> PyResult<bool> {
        let (entry, now) = (entry(key, keep)?, Timestamp::now());
        let accepted = if self.is_immediate {
            self.guard.accept(&entry, now)
        } else {
            bridge::block(py, || self.guard.accept(&entry, now))
        };
        accepted.map_err(to_py)
    }

    /// Closes the store. Later calls raise JamStoreError; closing twice is fine.
    fn close(&self, py: Python<'_>) {
        bridge::block(py, || self.guard.close());
    }

    fn __reduce__(&self) -> PyResult<Py<PyAny>> {
        Err(not_picklable("ReplayGuard"))
    }

    fn __repr__(&self) -> String {
        format!("<jam replay guard in {}>", self.backend)
    }
}

/// The memory of used one-time passwords, for asyncio: the methods of `ReplayGuard`, each of which gives an awaitable.
/// Takes the same arguments as `ReplayGuard`.
#[pyclass(module = "jam._jam", frozen)]
struct AsyncReplayGuard {
    guard: replay_guard::aio::ReplayGuard,
    backend: &'static str,
}

#[pymethods]
impl AsyncReplayGuard {
    #[new]
    #[pyo3(signature = (backend, *, json_path=None, sqlite_path=None, redis_uri=None, redis_keys=None, postgresql_keys=None))]
    fn new(
        py: Python<'_>,
        backend: Text,
        json_path: Option<FilePath>,
        sqlite_path: Option<FilePath>,
        redis_uri: Option<&Bound<'_, PyAny>>,
        redis_keys: Option<&Bound<'_, PyDict>>,
        postgresql_keys: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let backend = stores::backend(
            REPLAY_GUARD_NAMESPACE,
            &backend.0,
            json_path,
            sqlite_path,
            redis_uri,
            redis_keys,
            postgresql_keys,
        )?;
        let store = bridge::block(py, || backend.open_async(REPLAY_GUARD_NAMESPACE)).map_err(to_py)?;
        Ok(Self { guard: replay_guard::aio::ReplayGuard::new(store), backend: backend.name() })
    }

    /// Keeps a key for so many seconds. True the first time, False for as long as it is kept.
    fn accept(&self, py: Python<'_>, key: &Bound<'_, PyAny>, keep: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        // What fails before it starts is raised by the awaitable, too.
        match entry(key, keep) {
            Ok(entry) => {
                let accepted = self.guard.accept(&entry, Timestamp::now());
                bridge::spawn(py, bridge::Place::Loop, accepted, |py, accepted| {
                    Ok(PyBool::new(py, accepted).to_owned().into_any().unbind())
                })
            }
            Err(error) => bridge::ready(py, Err(error)),
        }
    }

    /// Closes the store. Later calls raise JamStoreError; closing twice is fine.
    fn close(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        // It waits for what is being written.
        let guard = self.guard.clone();
        bridge::spawn_blocking(py, move || guard.close())
    }

    fn __reduce__(&self) -> PyResult<Py<PyAny>> {
        Err(not_picklable("AsyncReplayGuard"))
    }

    fn __repr__(&self) -> String {
        format!("<jam replay guard in {}, for asyncio>", self.backend)
    }
}

/// The id of a key's entry and how many milliseconds it lives, for a store that is driven from Python.
#[pyfunction]
fn replay_guard_entry(key: &Bound<'_, PyAny>, keep: &Bound<'_, PyAny>) -> PyResult<(String, u64)> {
    let entry = entry(key, keep)?;
    let life_time = replay_guard::life_time(&entry).map_err(to_py)?;
    Ok((replay_guard::key(&entry.id).id, life_time.as_millis() as u64))
}

/// Adds this part's classes and functions.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<ReplayGuard>()?;
    module.add_class::<AsyncReplayGuard>()?;
    module.add_function(wrap_pyfunction!(replay_guard_entry, module)?)
}
