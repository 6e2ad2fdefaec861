//! Every promise of [`jam::store::Store`] and [`jam::store::AsyncStore`], against every backend.

#![allow(clippy::unwrap_used)] // a check that cannot go on fails

mod support;

use std::sync::Arc;
use std::time::Duration;

use jam::store::contract::{Subject, keeps_every_promise};
use jam::store::{
    AsyncStore, JsonStore, MemoryStore, OnThreads, PostgresOptions, RedisOptions, RedisServers, SqliteStore,
};
use support::blocking::Blocking;
use support::certificates::{PostgresTlsServer, TlsServer};
use support::postgres_server::{PASSWORD, PostgresServer, USER};
use support::postgres_stores;
use support::redis_cluster::RedisCluster;
use support::redis_sentinel::SentinelServers;
use support::redis_server::RedisServer;
use support::redis_stores::{awaited, blocking};

/// A store in a file of its own, with a neighbour in the same one.
fn in_file(open: impl Fn(&std::path::Path, &str) -> Arc<dyn AsyncStore>) -> Subject {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    Subject::new(open(&path, "sessions")).with_neighbour(open(&path, "lists")).keeping(folder)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_memory_store_keeps_every_promise() {
    // Two stores in memory share nothing, so that there are no neighbours.
    keeps_every_promise(|_| Subject::blocking(Arc::new(MemoryStore::new()))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_awaited_memory_store_keeps_every_promise() {
    keeps_every_promise(|_| Subject::new(Arc::new(MemoryStore::new()))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_json_store_keeps_every_promise() {
    let open = |path: &std::path::Path, namespace: &str| -> Arc<dyn AsyncStore> {
        Arc::new(Blocking(Arc::new(JsonStore::open(path, namespace).unwrap())))
    };
    keeps_every_promise(|_| in_file(open)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_awaited_json_store_keeps_every_promise() {
    let open = |path: &std::path::Path, namespace: &str| -> Arc<dyn AsyncStore> {
        Arc::new(JsonStore::open(path, namespace).unwrap())
    };
    keeps_every_promise(|_| in_file(open)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sqlite_store_keeps_every_promise() {
    let open = |path: &std::path::Path, namespace: &str| -> Arc<dyn AsyncStore> {
        Arc::new(Blocking(Arc::new(SqliteStore::open(path, namespace).unwrap())))
    };
    keeps_every_promise(|_| in_file(open)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_awaited_sqlite_store_keeps_every_promise() {
    let open = |path: &std::path::Path, namespace: &str| -> Arc<dyn AsyncStore> {
        Arc::new(SqliteStore::open(path, namespace).unwrap())
    };
    keeps_every_promise(|_| in_file(open)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocking_store_on_threads_keeps_every_promise() {
    let open = |path: &std::path::Path, namespace: &str| -> Arc<dyn AsyncStore> {
        Arc::new(OnThreads::new(Arc::new(SqliteStore::open(path, namespace).unwrap())))
    };
    keeps_every_promise(|_| in_file(open)).await;
}

fn on_redis(options: &RedisOptions, name: &str, open: fn(&RedisOptions) -> Arc<dyn AsyncStore>) -> Subject {
    let options = |part: &str| RedisOptions {
        namespace: format!("{name}-{part}"),
        connect_timeout: Duration::from_secs(10),
        response_timeout: Duration::from_secs(10),
        ..options.clone()
    };
    Subject::new(open(&options("sessions"))).with_neighbour(open(&options("lists"))).with_its_own_clock()
}

/// The blocking store and the awaited one, on the same servers and at the same time.
async fn both_keep_every_promise(options: &RedisOptions) {
    tokio::join!(
        keeps_every_promise(|name| on_redis(options, &format!("blocking-{name}"), blocking)),
        keeps_every_promise(|name| on_redis(options, &format!("awaited-{name}"), awaited)),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_redis_stores_keep_every_promise() {
    let server = RedisServer::start();
    let servers = RedisServers::Single(server.url().into());
    both_keep_every_promise(&RedisOptions { servers, ..RedisOptions::default() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_redis_stores_keep_every_promise_over_tls() {
    let server = TlsServer::start();
    both_keep_every_promise(&server.options()).await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_redis_stores_keep_every_promise_over_a_unix_socket() {
    let server = RedisServer::start_with(&["--unixsocket", "redis.socket"]);
    let url = format!("redis+unix://{}?db=1", server.folder().join("redis.socket").display());
    let servers = RedisServers::Single(url.into());
    both_keep_every_promise(&RedisOptions { servers, ..RedisOptions::default() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_redis_stores_keep_every_promise_with_sentinels() {
    let servers = SentinelServers::start();
    both_keep_every_promise(&servers.options()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_redis_stores_keep_every_promise_in_a_cluster() {
    let cluster = RedisCluster::start();
    both_keep_every_promise(&cluster.options()).await;
}

fn on_postgres(
    options: &PostgresOptions,
    name: &str,
    open: fn(&PostgresOptions) -> Arc<dyn AsyncStore>,
) -> Subject {
    let options = |part: &str| PostgresOptions {
        namespace: format!("{name}-{part}"),
        connect_timeout: Duration::from_secs(10),
        response_timeout: Duration::from_secs(10),
        ..options.clone()
    };
    Subject::new(open(&options("sessions"))).with_neighbour(open(&options("lists"))).with_its_own_clock()
}

/// Each check has stores of its own, and each store some connections.
async fn both_keep_every_promise_on_postgres(options: &PostgresOptions) {
    use postgres_stores::{awaited, blocking};

    let options = &PostgresOptions { pool_size: 2, ..options.clone() };
    tokio::join!(
        keeps_every_promise(|name| on_postgres(options, &format!("blocking-{name}"), blocking)),
        keeps_every_promise(|name| on_postgres(options, &format!("awaited-{name}"), awaited)),
    );
}

const MANY_CONNECTIONS: [&str; 2] = ["fsync=off", "max_connections=500"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_postgres_stores_keep_every_promise() {
    let server = PostgresServer::start_with(&MANY_CONNECTIONS);
    both_keep_every_promise_on_postgres(&server.options()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_postgres_stores_keep_every_promise_over_tls() {
    let server = PostgresTlsServer::start(&MANY_CONNECTIONS);
    both_keep_every_promise_on_postgres(&server.options()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_postgres_stores_keep_every_promise_over_a_unix_socket_without_prepared_statements() {
    let server = PostgresServer::start_with(&MANY_CONNECTIONS);
    let folder = server.folder().display().to_string().replace('/', "%2F");
    let url = format!("postgresql://{USER}:{PASSWORD}@{folder}:{}/postgres", server.port());
    let options = PostgresOptions { prepared_statements: false, ..PostgresOptions::new(url) };
    both_keep_every_promise_on_postgres(&options).await;
}
