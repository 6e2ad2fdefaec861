//! Both faces of the Redis store, to be held to the same, and what tests ask of them.

use std::sync::Arc;
use std::time::Duration;

use jam::store::{AsyncRedisStore, AsyncStore, Key, Lifetime, RedisOptions, RedisStore};
use jam::{Error, StoreError, Timestamp};

use super::blocking::Blocking;

pub const FOREVER: Lifetime = Lifetime { idle: None, deadline: None };

/// Far longer than the time-outs: what takes this long hangs.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The options with short time-outs, for tests that wait for them.
pub fn hurried(options: RedisOptions) -> RedisOptions {
    let timeout = Duration::from_millis(500);
    RedisOptions { connect_timeout: timeout, response_timeout: timeout, ..options }
}

pub fn faces(options: &RedisOptions) -> [Arc<dyn AsyncStore>; 2] {
    [blocking(options), awaited(options)]
}

pub fn blocking(options: &RedisOptions) -> Arc<dyn AsyncStore> {
    Arc::new(Blocking(Arc::new(RedisStore::open(options.clone()).unwrap())))
}

pub fn awaited(options: &RedisOptions) -> Arc<dyn AsyncStore> {
    Arc::new(AsyncRedisStore::open(options.clone()).unwrap())
}

pub fn key(id: &str) -> Key {
    Key { group: Some("g".to_owned()), id: id.to_owned() }
}

pub fn now() -> Timestamp {
    Timestamp::now()
}

pub fn store_error<T: std::fmt::Debug>(result: jam::Result<T>) -> StoreError {
    match result {
        Err(Error::Store(error)) => error,
        other => panic!("a failure of the store was expected, not {other:?}"),
    }
}

pub fn refusal<T: std::fmt::Debug>(result: jam::Result<T>) -> String {
    match store_error(result) {
        StoreError::Refused(reason) => reason.into_owned(),
        other => panic!("a refusal was expected, not {other:?}"),
    }
}

/// Asks until the server is reached again; no other call is needed for that.
pub async fn recovers(store: &dyn AsyncStore) {
    let attempts = async {
        while store.get(&key("any"), now()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, attempts).await.expect("the store recovers by itself");
}
