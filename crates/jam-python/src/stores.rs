//! The store that keywords of Python ask for.

use std::path::PathBuf;

use jam::config::{Backend, DEFAULT_JSON_PATH, DEFAULT_REDIS_URI, DEFAULT_SQLITE_PATH};
use jam::store::RedisOptions;
use jam::{ConfigurationError, Error};
use pyo3::prelude::*;

use crate::arguments::{texts, type_name};
use crate::error::to_py;

/// The keywords that say where; those of other backends are passed over.
pub(crate) struct Keywords<'a, 'py> {
    /// The section of the configuration, for messages.
    pub(crate) section: &'static str,
    pub(crate) backend: &'a str,
    pub(crate) json_path: Option<PathBuf>,
    pub(crate) sqlite_path: Option<PathBuf>,
    pub(crate) redis_uri: Option<&'a Bound<'py, PyAny>>,
    /// What the names of all keys in Redis begin with.
    pub(crate) redis_namespace: &'a str,
}

impl Keywords<'_, '_> {
    pub(crate) fn backend(self) -> PyResult<Backend> {
        Ok(match self.backend {
            "memory" => Backend::Memory,
            "json" => Backend::Json { path: self.json_path.unwrap_or_else(|| DEFAULT_JSON_PATH.into()) },
            "sqlite" => {
                Backend::Sqlite { path: self.sqlite_path.unwrap_or_else(|| DEFAULT_SQLITE_PATH.into()) }
            }
            "redis" => Backend::Redis(RedisOptions {
                url: self.redis_url()?.into(),
                namespace: self.redis_namespace.to_owned(),
                ..RedisOptions::default()
            }),
            _ => {
                let reason = "the backend must be \"memory\", \"json\", \"sqlite\" or \"redis\"";
                return Err(refusal(self.section, reason));
            }
        })
    }

    fn redis_url(&self) -> PyResult<String> {
        let Some(value) = self.redis_uri else {
            return Ok(DEFAULT_REDIS_URI.to_owned());
        };
        let path = format!("{}.redis_uri", self.section);
        match <[String; 1]>::try_from(texts(value, &path)?) {
            Ok([url]) => Ok(url),
            Err(_) => {
                let reason = format!("must name one server, not be a {} of several", type_name(value));
                Err(refusal(&path, &reason))
            }
        }
    }
}

/// Whether an operation is shorter than it takes to let go of the GIL, and never waits.
pub(crate) fn is_immediate(backend: &Backend) -> bool {
    matches!(backend, Backend::Memory)
}

fn refusal(path: &str, reason: &str) -> PyErr {
    to_py(Error::from(ConfigurationError::key(path, reason.to_owned())))
}
