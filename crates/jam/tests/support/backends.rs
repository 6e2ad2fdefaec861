//! One of each store, for tests that run against all of them.

use std::path::Path;
use std::sync::Arc;

use jam::store::{AsyncStore, JsonStore, MemoryStore, OnThreads, SqliteStore, Store};
use tempfile::TempDir;

/// One store, empty and of its own, in its blocking and its asynchronous form.
pub struct Backend {
    pub name: &'static str,
    pub blocking: Arc<dyn Store>,
    pub asynchronous: Arc<dyn AsyncStore>,
    /// Whether the store tells the time itself, and a chosen `now` means nothing to it.
    pub has_its_own_clock: bool,
    place: Place,
}

/// What lives as long as the backend.
enum Place {
    Memory,
    Folder(TempDir),
}

impl Backend {
    /// All bytes that somebody finds who looks at the store from outside.
    pub fn everything_it_stores(&self) -> Vec<Vec<u8>> {
        match &self.place {
            Place::Memory => Vec::new(),
            Place::Folder(folder) => {
                let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
                assert!(!files.is_empty(), "{} keeps nothing", self.name);
                files.into_iter().map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
            }
        }
    }
}

pub fn backends() -> Vec<Backend> {
    vec![
        memory(),
        in_file("json", |path| JsonStore::open(path, "sessions").unwrap()),
        in_file("sqlite", |path| SqliteStore::open(path, "sessions").unwrap()),
    ]
}

fn memory() -> Backend {
    let store = Arc::new(MemoryStore::new());
    Backend {
        name: "memory",
        blocking: store.clone(),
        asynchronous: store,
        has_its_own_clock: false,
        place: Place::Memory,
    }
}

fn in_file<S: Store + 'static>(name: &'static str, open: impl Fn(&Path) -> S) -> Backend {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(open(&folder.path().join("store")));
    Backend {
        name,
        blocking: store.clone(),
        asynchronous: Arc::new(OnThreads::new(store)),
        has_its_own_clock: false,
        place: Place::Folder(folder),
    }
}
