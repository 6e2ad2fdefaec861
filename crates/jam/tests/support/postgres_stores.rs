//! Both faces of the PostgreSQL store, to be held to the same.

use std::sync::Arc;
use std::time::Duration;

use jam::store::{AsyncPostgresStore, AsyncStore, PostgresOptions, PostgresStore};

use super::blocking::Blocking;

/// The options with short time-outs, for tests that wait for them.
pub fn hurried(options: PostgresOptions) -> PostgresOptions {
    let timeout = Duration::from_millis(500);
    PostgresOptions { connect_timeout: timeout, response_timeout: timeout, ..options }
}

pub fn faces(options: &PostgresOptions) -> [Arc<dyn AsyncStore>; 2] {
    [blocking(options), awaited(options)]
}

pub fn blocking(options: &PostgresOptions) -> Arc<dyn AsyncStore> {
    Arc::new(Blocking(Arc::new(PostgresStore::open(options.clone()).unwrap())))
}

pub fn awaited(options: &PostgresOptions) -> Arc<dyn AsyncStore> {
    Arc::new(AsyncPostgresStore::open(options.clone()).unwrap())
}
