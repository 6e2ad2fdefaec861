//! One of each store, for tests that run against all of them.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use jam::store::{
    AsyncRedisStore, AsyncStore, JsonStore, MemoryStore, RedisOptions, RedisServers, RedisStore, SqliteStore,
    Store,
};
use tempfile::TempDir;

use super::redis_server::RedisServer;

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
    Server(Arc<RedisServer>),
}

impl Backend {
    /// All bytes that somebody finds who looks at the store from outside.
    pub fn everything_it_stores(&self) -> Vec<Vec<u8>> {
        match &self.place {
            Place::Memory => Vec::new(),
            Place::Server(server) => everything_in(server),
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
        on_redis(),
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

fn in_file<S: Store + AsyncStore + 'static>(name: &'static str, open: impl Fn(&Path) -> S) -> Backend {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(open(&folder.path().join("store")));
    Backend {
        name,
        blocking: store.clone(),
        asynchronous: store,
        has_its_own_clock: false,
        place: Place::Folder(folder),
    }
}

fn on_redis() -> Backend {
    static NAMESPACES: AtomicU64 = AtomicU64::new(0);
    let server = shared_server();
    let namespace = format!("test-{}", NAMESPACES.fetch_add(1, Ordering::Relaxed));
    let options = RedisOptions {
        servers: RedisServers::Single(server.url().into()),
        namespace,
        ..RedisOptions::default()
    };
    Backend {
        name: "redis",
        blocking: Arc::new(RedisStore::open(options.clone()).unwrap()),
        asynchronous: Arc::new(AsyncRedisStore::open(options).unwrap()),
        has_its_own_clock: true,
        place: Place::Server(server),
    }
}

/// One server for all tests that run at the same time; it ends with the last of them.
fn shared_server() -> Arc<RedisServer> {
    static SERVER: Mutex<Weak<RedisServer>> = Mutex::new(Weak::new());
    let mut shared = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let server = Arc::new(RedisServer::start());
        *shared = Arc::downgrade(&server);
        server
    })
}

/// The names of all keys, and what the server would write to a disk for each.
fn everything_in(server: &RedisServer) -> Vec<Vec<u8>> {
    let mut connection = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
    let mut everything: Vec<Vec<u8>> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
    assert!(!everything.is_empty(), "redis keeps nothing");
    for name in everything.clone() {
        let dump: Option<Vec<u8>> = redis::cmd("DUMP").arg(name).query(&mut connection).unwrap();
        everything.extend(dump);
    }
    everything
}
