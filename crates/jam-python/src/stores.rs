//! The store that keywords of Python ask for.

use std::time::Duration;

use jam::config::{self, Backend};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use serde_json::{Map, Value};

use crate::arguments::{FilePath, texts};
use crate::config::plain_table;
use crate::error::{configuration, to_py};

/// The keywords that say where; those of other backends are passed over.
pub(crate) struct Keywords<'a, 'py> {
    /// Under which name a configuration has the backend.
    pub(crate) type_key: &'static str,
    pub(crate) backend: &'a str,
    pub(crate) json_path: Option<FilePath>,
    pub(crate) sqlite_path: Option<FilePath>,
    pub(crate) redis_uri: Option<&'a Bound<'py, PyAny>>,
    /// How the servers are reached: what begins with `redis_` in the configuration.
    pub(crate) redis_keys: Option<&'a Bound<'py, PyDict>>,
    /// What the names of all keys in Redis begin with.
    pub(crate) redis_namespace: &'a str,
    /// Where the database is and how it is reached: what begins with `postgresql_` in the configuration.
    pub(crate) postgresql_keys: Option<&'a Bound<'py, PyDict>>,
}

impl Keywords<'_, '_> {
    /// The core reads the keywords as it reads the section of a configuration.
    pub(crate) fn backend(self) -> PyResult<Backend> {
        let mut keys = Map::new();
        for table in [self.redis_keys, self.postgresql_keys].into_iter().flatten() {
            keys.extend(plain_table(table, "")?);
        }
        keys.insert(self.type_key.to_owned(), self.backend.into());
        for (name, path) in [("json_path", self.json_path), ("sqlite_path", self.sqlite_path)] {
            let Some(path) = path else { continue };
            let path = path.0.into_os_string().into_string();
            let path = path.map_err(|_| configuration(name, "must be a path of Unicode text"))?;
            keys.insert(name.to_owned(), path.into());
        }
        if let Some(value) = self.redis_uri {
            keys.insert("redis_uri".to_owned(), uris(value)?);
        }
        config::backend_of(self.type_key, keys, self.redis_namespace).map_err(to_py)
    }
}

/// The backend that keywords ask for where a configuration names it `backend`.
pub(crate) fn backend(
    redis_namespace: &str,
    backend: &str,
    json_path: Option<FilePath>,
    sqlite_path: Option<FilePath>,
    redis_uri: Option<&Bound<'_, PyAny>>,
    redis_keys: Option<&Bound<'_, PyDict>>,
    postgresql_keys: Option<&Bound<'_, PyDict>>,
) -> PyResult<Backend> {
    let type_key = "backend";
    Keywords {
        type_key,
        backend,
        json_path,
        sqlite_path,
        redis_uri,
        redis_keys,
        redis_namespace,
        postgresql_keys,
    }
    .backend()
}

/// One URL or a list of them. A client object never gets here.
fn uris(value: &Bound<'_, PyAny>) -> PyResult<Value> {
    let texts = texts(value, "redis_uri")?;
    let is_list = value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>();
    let mut texts = texts.into_iter().map(Value::String);
    Ok(if is_list { Value::Array(texts.collect()) } else { texts.next().unwrap_or_default() })
}

/// Whether an operation is shorter than it takes to let go of the GIL, and never waits.
pub(crate) fn is_immediate(backend: &Backend) -> bool {
    matches!(backend, Backend::Memory)
}

/// For a store that is driven from Python.
pub(crate) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
