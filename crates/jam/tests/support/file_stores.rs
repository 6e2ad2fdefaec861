//! The stores in files, by name.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use jam::store::{AsyncStore, JsonStore, Key, Lifetime, SqliteStore, Store};
use jam::{Result, Timestamp};

pub const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);
pub const FOREVER: Lifetime = Lifetime { idle: None, deadline: None };
pub const BACKENDS: [&str; 2] = ["json", "sqlite"];

pub fn open(backend: &str, path: &Path) -> Result<Arc<dyn Store>> {
    Ok(match backend {
        "json" => Arc::new(JsonStore::open(path, "sessions")?),
        _ => Arc::new(SqliteStore::open(path, "sessions")?),
    })
}

pub fn open_awaited(backend: &str, path: &Path) -> Arc<dyn AsyncStore> {
    match backend {
        "json" => Arc::new(JsonStore::open(path, "sessions").unwrap()),
        _ => Arc::new(SqliteStore::open(path, "sessions").unwrap()),
    }
}

pub fn key(id: &str) -> Key {
    Key { group: Some("g".to_owned()), id: id.to_owned() }
}

pub fn ids(store: &dyn Store) -> BTreeSet<String> {
    store.list("g", NOW).unwrap().into_iter().map(|entry| entry.id).collect()
}
