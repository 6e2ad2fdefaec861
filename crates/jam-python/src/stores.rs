//! The store that keywords of Python ask for.

use std::path::PathBuf;
use std::sync::Arc;

use jam::store::{
    AsyncRedisStore, AsyncStore, JsonStore, MemoryStore, OnThreads, RedisOptions, RedisStore, SqliteStore,
    Store,
};
use jam::{ConfigurationError, Error};
use pyo3::prelude::*;

use crate::arguments::{texts, type_name};
use crate::error::to_py;

/// Where something is kept.
pub(crate) enum Place {
    Memory,
    Json(PathBuf),
    Sqlite(PathBuf),
    Redis(String),
}

/// The keywords that say where; those of other backends are passed over.
pub(crate) struct Keywords<'a, 'py> {
    /// The section of the configuration, for messages.
    pub(crate) section: &'static str,
    pub(crate) backend: &'a str,
    pub(crate) json_path: Option<PathBuf>,
    pub(crate) sqlite_path: Option<PathBuf>,
    pub(crate) redis_uri: Option<&'a Bound<'py, PyAny>>,
}

impl Keywords<'_, '_> {
    pub(crate) fn place(self) -> PyResult<Place> {
        Ok(match self.backend {
            "memory" => Place::Memory,
            "json" => Place::Json(self.json_path.unwrap_or_else(|| jam::config::DEFAULT_JSON_PATH.into())),
            "sqlite" => {
                Place::Sqlite(self.sqlite_path.unwrap_or_else(|| jam::config::DEFAULT_SQLITE_PATH.into()))
            }
            "redis" => Place::Redis(self.redis_url()?),
            _ => {
                let reason = "the backend must be \"memory\", \"json\", \"sqlite\" or \"redis\"";
                return Err(refusal(self.section, reason));
            }
        })
    }

    fn redis_url(&self) -> PyResult<String> {
        let Some(value) = self.redis_uri else {
            return Ok(jam::config::DEFAULT_REDIS_URI.to_owned());
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

impl Place {
    /// The name of the backend.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Json(_) => "json",
            Self::Sqlite(_) => "sqlite",
            Self::Redis(_) => "redis",
        }
    }

    /// The store; `namespace` keeps apart what shares one place.
    pub(crate) fn blocking(&self, namespace: &str) -> jam::Result<Arc<dyn Store>> {
        Ok(match self {
            Self::Memory => Arc::new(MemoryStore::new()),
            Self::Json(path) => Arc::new(JsonStore::open(path, namespace)?),
            Self::Sqlite(path) => Arc::new(SqliteStore::open(path, namespace)?),
            Self::Redis(url) => Arc::new(RedisStore::open(redis_options(url, namespace))?),
        })
    }

    /// The store for asyncio: files are used on threads of the runtime.
    pub(crate) fn asynchronous(&self, namespace: &str) -> jam::Result<Arc<dyn AsyncStore>> {
        Ok(match self {
            Self::Memory => Arc::new(MemoryStore::new()),
            Self::Json(path) => Arc::new(OnThreads::new(Arc::new(JsonStore::open(path, namespace)?))),
            Self::Sqlite(path) => Arc::new(OnThreads::new(Arc::new(SqliteStore::open(path, namespace)?))),
            Self::Redis(url) => Arc::new(AsyncRedisStore::open(redis_options(url, namespace))?),
        })
    }

    /// Whether an operation is shorter than it takes to let go of the GIL, and never waits.
    pub(crate) fn is_immediate(&self) -> bool {
        matches!(self, Self::Memory)
    }
}

fn refusal(path: &str, reason: &str) -> PyErr {
    to_py(Error::from(ConfigurationError::key(path, reason.to_owned())))
}

fn redis_options(url: &str, namespace: &str) -> RedisOptions {
    RedisOptions { url: url.into(), namespace: namespace.to_owned(), ..RedisOptions::default() }
}
