//! The store that keywords of Python ask for.

use std::time::Duration;

use jam::config::{self, Backend, DEFAULT_JSON_PATH, DEFAULT_SQLITE_PATH};
use jam::store::{PostgresOptions, RedisOptions};
use jam::{ConfigurationError, Error};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use serde_json::{Map, Value};

use crate::arguments::{FilePath, texts};
use crate::config::plain_table;
use crate::error::to_py;

/// The keywords that say where; those of other backends are passed over.
pub(crate) struct Keywords<'a, 'py> {
    /// The section of the configuration, for messages.
    pub(crate) section: &'static str,
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
    pub(crate) fn backend(self) -> PyResult<Backend> {
        let path =
            |given: Option<FilePath>, default: &str| given.map_or_else(|| default.into(), |path| path.0);
        Ok(match self.backend {
            "memory" => Backend::Memory,
            "json" => Backend::Json { path: path(self.json_path, DEFAULT_JSON_PATH) },
            "sqlite" => Backend::Sqlite { path: path(self.sqlite_path, DEFAULT_SQLITE_PATH) },
            "redis" => Backend::Redis(Box::new(self.redis()?)),
            "postgresql" => Backend::Postgres(Box::new(self.postgres()?)),
            _ => {
                let reason =
                    "the backend must be \"memory\", \"json\", \"sqlite\", \"redis\" or \"postgresql\"";
                return Err(refusal(self.section, reason));
            }
        })
    }

    fn redis(&self) -> PyResult<RedisOptions> {
        let mut keys = self.table(self.redis_keys)?;
        if let Some(value) = self.redis_uri {
            let texts = texts(value, &format!("{}.redis_uri", self.section))?;
            let is_list = value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>();
            let mut texts = texts.into_iter().map(Value::String);
            let uri = if is_list { Some(Value::Array(texts.collect())) } else { texts.next() };
            keys.insert("redis_uri".to_owned(), uri.unwrap_or_default());
        }
        config::redis_options(self.section, Value::Object(keys), self.redis_namespace).map_err(to_py)
    }

    /// The namespace is the one that the store is opened with.
    fn postgres(&self) -> PyResult<PostgresOptions> {
        let keys = Value::Object(self.table(self.postgresql_keys)?);
        config::postgres_options(self.section, keys, config::SESSIONS_NAMESPACE).map_err(to_py)
    }

    fn table(&self, keys: Option<&Bound<'_, PyDict>>) -> PyResult<Map<String, Value>> {
        keys.map_or(Ok(Map::new()), |keys| plain_table(keys, self.section))
    }
}

/// Whether an operation is shorter than it takes to let go of the GIL, and never waits.
pub(crate) fn is_immediate(backend: &Backend) -> bool {
    matches!(backend, Backend::Memory)
}

/// For a store that is driven from Python.
pub(crate) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn refusal(path: &str, reason: &str) -> PyErr {
    to_py(Error::from(ConfigurationError::key(path, reason.to_owned())))
}
