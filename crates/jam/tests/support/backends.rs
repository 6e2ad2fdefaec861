//! One of each store, for tests that run against all of them.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use jam::store::{
    AsyncPostgresStore, AsyncRedisStore, AsyncStore, JsonStore, MemoryStore, PostgresOptions, PostgresStore,
    RedisOptions, RedisServers, RedisStore, SqliteStore, Store,
};
use tempfile::TempDir;

use super::postgres_server::PostgresServer;
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
    Redis(Arc<RedisServer>),
    Postgres(Arc<PostgresServer>),
}

impl Backend {
    /// All bytes that somebody finds who looks at the store from outside.
    pub fn everything_it_stores(&self) -> Vec<Vec<u8>> {
        match &self.place {
            Place::Memory => Vec::new(),
            Place::Redis(server) => everything_in_redis(server),
            Place::Postgres(server) => everything_in_postgres(server),
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
        on_postgres(),
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
    static SERVER: Shared<RedisServer> = Mutex::new(Weak::new());
    let server = shared(&SERVER, RedisServer::start);
    let options = RedisOptions {
        servers: RedisServers::Single(server.url().into()),
        namespace: new_namespace(),
        ..RedisOptions::default()
    };
    Backend {
        name: "redis",
        blocking: Arc::new(RedisStore::open(options.clone()).unwrap()),
        asynchronous: Arc::new(AsyncRedisStore::open(options).unwrap()),
        has_its_own_clock: true,
        place: Place::Redis(server),
    }
}

fn on_postgres() -> Backend {
    static SERVER: Shared<PostgresServer> = Mutex::new(Weak::new());
    let server = shared(&SERVER, PostgresServer::start);
    let options = PostgresOptions { namespace: new_namespace(), pool_size: 4, ..server.options() };
    Backend {
        name: "postgresql",
        blocking: Arc::new(PostgresStore::open(options.clone()).unwrap()),
        asynchronous: Arc::new(AsyncPostgresStore::open(options).unwrap()),
        has_its_own_clock: true,
        place: Place::Postgres(server),
    }
}

fn new_namespace() -> String {
    static NAMESPACES: AtomicU64 = AtomicU64::new(0);
    format!("test-{}", NAMESPACES.fetch_add(1, Ordering::Relaxed))
}

type Shared<S> = Mutex<Weak<S>>;

/// One server for all tests that run at the same time; it ends with the last of them.
fn shared<S>(server: &Shared<S>, start: fn() -> S) -> Arc<S> {
    let mut shared = server.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let server = Arc::new(start());
        *shared = Arc::downgrade(&server);
        server
    })
}

/// The names of all keys, and what the server would write to a disk for each.
fn everything_in_redis(server: &RedisServer) -> Vec<Vec<u8>> {
    let mut connection = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
    let mut everything: Vec<Vec<u8>> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
    assert!(!everything.is_empty(), "redis keeps nothing");
    for name in everything.clone() {
        let dump: Option<Vec<u8>> = redis::cmd("DUMP").arg(name).query(&mut connection).unwrap();
        everything.extend(dump);
    }
    everything
}

/// Every row as text, in which bytes that are ASCII stand as they are.
fn everything_in_postgres(server: &PostgresServer) -> Vec<Vec<u8>> {
    let rows = server.query("SET bytea_output = 'escape'; SELECT jam_store::text FROM jam_store");
    assert!(!rows.is_empty(), "postgresql keeps nothing");
    vec![rows.into_bytes()]
}
