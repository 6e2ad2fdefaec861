//! The Redis stores against a server that is killed, paused, full or locked, and against each other's answers.

#![allow(clippy::unwrap_used)] // a check that cannot go on fails

mod support;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jam::StoreError;
use jam::session::SessionOptions;
use jam::session::aio::Sessions;
use jam::store::{
    AsyncRedisStore, AsyncStore, Lifetime, RedisOptions, RedisSentinel, RedisServers, RedisStore,
};
use support::redis_server::RedisServer;
use support::redis_stores::{FOREVER, PATIENCE, faces, hurried, key, now, recovers, refusal, store_error};

fn options(url: impl Into<jam::secret::Secret<String>>) -> RedisOptions {
    hurried(RedisOptions { servers: RedisServers::Single(url.into()), ..RedisOptions::default() })
}

fn both(server: &RedisServer) -> [Arc<dyn AsyncStore>; 2] {
    both_at(&server.url())
}

fn both_at(url: &str) -> [Arc<dyn AsyncStore>; 2] {
    faces(&options(url))
}

// attack 61
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_reads_never_shift_the_answers_of_others() {
    let server = RedisServer::start();
    let store = Arc::new(AsyncRedisStore::open(options(server.url())).unwrap());
    for number in 0..200 {
        let id = number.to_string();
        store.put(&key(&id), id.repeat(50).as_bytes(), FOREVER, now()).await.unwrap();
    }
    // Ten thousand are dropped.
    for round in (0..150).map(|round| round % 10) {
        let readers: Vec<_> = (0..200)
            .map(|number| {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    let key = key(&number.to_string());
                    if number % 3 == 0 {
                        // Dropped after the question was sent, at another moment for each.
                        let patience = Duration::from_micros(number * round);
                        let _ = tokio::time::timeout(patience, store.get(&key, now())).await;
                        return;
                    }
                    let read = if number % 2 == 0 {
                        store.get(&key, now()).await.unwrap()
                    } else {
                        store.touch(&key, now()).await.unwrap().map(|found| found.value)
                    };
                    assert_eq!(read, Some(key.id.repeat(50).into_bytes()));
                })
            })
            .collect();
        for reader in readers {
            reader.await.unwrap();
        }
    }
}

// attack 64
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_is_an_error_in_time_and_a_restarted_one_is_found_again() {
    let mut server = RedisServer::start();
    for store in both(&server) {
        store.put(&key("a"), b"v", FOREVER, now()).await.unwrap();
        server.kill();
        for _ in 0..3 {
            let failed = tokio::time::timeout(PATIENCE, store.get(&key("a"), now())).await.unwrap();
            assert!(matches!(store_error(failed), StoreError::Unavailable(_)));
            let failed = tokio::time::timeout(PATIENCE, store.insert(&key("b"), b"v", b"", FOREVER, now()))
                .await
                .unwrap();
            assert!(matches!(store_error(failed), StoreError::Unavailable(_)));
        }
        server.restart();
        recovers(&*store).await;
        // The new server knows no script.
        assert!(store.insert(&key("b"), b"v", b"", FOREVER, now()).await.unwrap());
        assert_eq!(
            store.touch(&key("b"), now()).await.unwrap().map(|found| found.value),
            Some(b"v".to_vec())
        );
    }
}

// attack 64
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_restarted_between_two_calls_goes_unnoticed() {
    let mut server = RedisServer::start();
    for store in both(&server) {
        store.put(&key("a"), b"v", FOREVER, now()).await.unwrap();
        server.kill();
        server.restart();
        // Long enough for the blocking store to doubt its connections.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        assert!(store.insert(&key("a"), b"v", b"", FOREVER, now()).await.unwrap());
    }
}

// attack 64
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_server_is_a_time_out_and_then_goes_on() {
    let server = RedisServer::start();
    for store in both(&server) {
        store.put(&key("a"), b"v", FOREVER, now()).await.unwrap();
        server.pause();
        for _ in 0..2 {
            let failed = tokio::time::timeout(PATIENCE, store.get(&key("a"), now())).await.unwrap();
            assert!(matches!(store_error(failed), StoreError::TimedOut(_)));
        }
        server.resume();
        recovers(&*store).await;
        assert_eq!(store.get(&key("a"), now()).await.unwrap().as_deref(), Some(&b"v"[..]));
    }
}

// attack 64
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_of_unknown_outcome_is_sent_once() {
    let server = RedisServer::start();
    for store in both(&server) {
        store.put(&key("a"), b"v", FOREVER, now()).await.unwrap();
        server.command(&["CONFIG", "RESETSTAT"]);
        server.pause();
        let failed =
            tokio::time::timeout(PATIENCE, store.put(&key("a"), b"w", FOREVER, now())).await.unwrap();
        assert!(matches!(store_error(failed), StoreError::TimedOut(_)));
        server.resume();
        recovers(&*store).await;
        let statistics = server.command(&["INFO", "commandstats"]);
        let calls = statistics.split("cmdstat_evalsha:calls=").nth(1).unwrap_or("0,");
        let calls: u32 = calls.split(',').next().unwrap().parse().unwrap();
        assert!(calls <= 1, "{statistics}");
    }
}

// attack 64
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_waiting_tasks_fail_together_and_not_one_after_another() {
    let server = RedisServer::start();
    server.pause();
    let store = Arc::new(AsyncRedisStore::open(options(server.url())).unwrap());
    let all = async {
        let readers: Vec<_> = (0..256)
            .map(|_| {
                let store = Arc::clone(&store);
                tokio::spawn(async move { store.get(&key("a"), now()).await })
            })
            .collect();
        for reader in readers {
            assert!(matches!(store_error(reader.await.unwrap()), StoreError::TimedOut(_)));
        }
    };
    tokio::time::timeout(PATIENCE, all).await.expect("256 tasks share the time-outs");
    server.resume();
    recovers(&*store).await;
}

// attack 64
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_server_refuses_in_clear_words() {
    let server = RedisServer::start();
    for store in both(&server) {
        store.put(&key("a"), b"v", FOREVER, now()).await.unwrap();
        server.command(&["CONFIG", "SET", "maxmemory", "1"]);
        let reason = refusal(store.put(&key("b"), b"v", FOREVER, now()).await);
        assert!(reason.contains("OOM") && reason.contains("maxmemory"), "{reason}");
        let reason = refusal(store.put_many(&[(key("b"), vec![], FOREVER)], now()).await);
        assert!(reason.contains("OOM"), "{reason}");
        assert_eq!(store.get(&key("a"), now()).await.unwrap().as_deref(), Some(&b"v"[..]));
        server.command(&["CONFIG", "SET", "maxmemory", "0"]);
        store.put(&key("b"), b"v", FOREVER, now()).await.unwrap();
    }
}

// attack 64
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_refuses_in_clear_words() {
    let server = RedisServer::start();
    for store in both(&server) {
        store.put(&key("a"), b"v", FOREVER, now()).await.unwrap();
        server.command(&["REPLICAOF", "127.0.0.1", "1"]);
        let reason = refusal(store.put(&key("a"), b"w", FOREVER, now()).await);
        assert!(reason.contains("READONLY") && reason.contains("primary"), "{reason}");
        server.command(&["REPLICAOF", "NO", "ONE"]);
        store.put(&key("a"), b"w", FOREVER, now()).await.unwrap();
    }
}

// fault 9
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_is_asked_for_and_never_shown() {
    let server = RedisServer::start_with(&["--requirepass", "opensesame"]);
    let port = server.port();
    for store in both_at(&format!("redis://:opensesame@127.0.0.1:{port}/1")) {
        store.put(&key("a"), b"v", FOREVER, now()).await.unwrap();
        assert!(store.touch(&key("a"), now()).await.unwrap().is_some());
    }
    for store in both_at(&format!("redis://:wrongsesame@127.0.0.1:{port}")) {
        let reason = refusal(store.get(&key("a"), now()).await);
        assert!(reason.contains("password") && !reason.contains("sesame"), "{reason}");
    }
    for store in both(&server) {
        let reason = refusal(store.get(&key("a"), now()).await);
        assert!(reason.contains("password"), "{reason}");
    }
    let options = options("redis://:opensesame@127.0.0.1");
    for shown in [
        format!("{options:?}"),
        format!("{:?}", RedisStore::open(options.clone()).unwrap()),
        format!("{:?}", AsyncRedisStore::open(options).unwrap()),
    ] {
        assert!(!shown.contains("sesame"), "{shown}");
    }
}

fn of_cluster(urls: &[&str]) -> RedisOptions {
    let urls = urls.iter().map(|url| (*url).into()).collect();
    RedisOptions { servers: RedisServers::Cluster(urls), ..RedisOptions::default() }
}

fn of_sentinel(urls: &[&str], master: &str) -> RedisOptions {
    let sentinel = RedisSentinel {
        urls: urls.iter().map(|url| (*url).into()).collect(),
        master: master.to_owned(),
        username: None,
        password: Some("opensesame".into()),
    };
    RedisOptions { servers: RedisServers::Sentinel(sentinel), ..RedisOptions::default() }
}

// fault 9
#[test]
fn options_that_cannot_be_used_are_refused_without_showing_the_url() {
    let with_url = |url: &str| options(url);
    let bad = [
        with_url(""),
        with_url("http://:opensesame@localhost"),
        with_url("redis://:opensesame@localhost:port"),
        with_url("redis://:opensesame@localhost/database"),
        with_url("redis://:opensesame@localhost/-1"),
        with_url("rediss://:opensesame@localhost#insecure"),
        with_url("redis://:opensesame@localhost?protocol=resp2"),
        with_url("redis+unix:///socket?pass=opensesame&timeout=1"),
        RedisOptions { namespace: String::new(), ..RedisOptions::default() },
        RedisOptions { namespace: "a{b}".to_owned(), ..RedisOptions::default() },
        RedisOptions { connect_timeout: Duration::ZERO, ..RedisOptions::default() },
        RedisOptions { response_timeout: Duration::ZERO, ..RedisOptions::default() },
        RedisOptions { response_timeout: Duration::MAX, ..RedisOptions::default() },
        RedisOptions { read_from_replicas: true, ..RedisOptions::default() },
        of_cluster(&[]),
        of_cluster(&["redis://:opensesame@a", "redis://:sesameopen@b"]),
        of_cluster(&["redis://:opensesame@a", "redis://user:opensesame@b"]),
        of_cluster(&["redis://:opensesame@a", "redis://:opensesame@b/1"]),
        of_cluster(&["redis://:opensesame@a", "rediss://:opensesame@b"]),
        of_cluster(&["redis+unix:///socket?pass=opensesame"]),
        of_sentinel(&[], "mymaster"),
        of_sentinel(&["redis://:opensesame@a"], ""),
        of_sentinel(&["redis+unix:///socket?pass=opensesame"], "mymaster"),
    ];
    for options in bad {
        for error in [
            RedisStore::open(options.clone()).map(drop).unwrap_err(),
            AsyncRedisStore::open(options).map(drop).unwrap_err(),
        ] {
            assert_eq!(error.code(), "configuration.invalid");
            assert!(error.to_string().starts_with("redis_"), "{error}");
            assert!(!error.to_string().contains("sesame"), "{error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forgotten_scripts_are_brought_again() {
    let server = RedisServer::start();
    for (store, id) in both(&server).iter().zip(["a", "b"]) {
        store.put(&key(id), b"v", FOREVER, now()).await.unwrap();
        server.command(&["SCRIPT", "FLUSH"]);
        assert!(!store.insert(&key(id), b"w", b"", FOREVER, now()).await.unwrap());
        server.command(&["SCRIPT", "FLUSH"]);
        store.put_many(&[(key(id), b"x".to_vec(), FOREVER)], now()).await.unwrap();
        assert_eq!(store.get(&key(id), now()).await.unwrap().as_deref(), Some(&b"x"[..]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scripts_may_be_forgotten_at_any_moment() {
    let server = RedisServer::start();
    let flushing = Arc::new(AtomicBool::new(true));
    let flusher = tokio::task::spawn_blocking({
        let (server, flushing) = (server.url(), Arc::clone(&flushing));
        move || {
            let mut connection = redis::Client::open(server).unwrap().get_connection().unwrap();
            while flushing.load(Ordering::Acquire) {
                redis::cmd("SCRIPT").arg("FLUSH").exec(&mut connection).unwrap();
            }
        }
    });
    for (store, name) in both(&server).iter().zip(["a", "b"]) {
        for number in 0..200 {
            let id = format!("{name}{number}");
            assert!(store.insert(&key(&id), b"v", b"", FOREVER, now()).await.unwrap());
            assert!(store.delete(&key(&id), now()).await.unwrap());
        }
    }
    flushing.store(false, Ordering::Release);
    flusher.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_can_be_ended_whatever_lies_where_its_index_should() {
    let server = RedisServer::start();
    for store in both(&server) {
        store.put(&key("a"), b"v", FOREVER, now()).await.unwrap();
        server.command(&["SET", "sessions:{g}:", "theirs"]);
        let reason = refusal(store.delete(&key("a"), now()).await);
        assert!(reason.contains("did not write"), "{reason}");
        assert_eq!(store.get(&key("a"), now()).await.unwrap(), None);
        server.command(&["FLUSHALL"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_url_is_told() {
    let server = RedisServer::start();
    for store in both_at(&format!("{}9999", server.url())) {
        let reason = refusal(store.get(&key("a"), now()).await);
        assert!(reason.contains("database"), "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_never_expires_before_its_members() {
    let server = RedisServer::start();
    let time_left = |key: &str| -> i64 {
        server.command(&["PTTL", key]).trim_start_matches(':').trim_end().parse().unwrap()
    };
    for store in both(&server) {
        let hour = Lifetime { idle: Some(Duration::from_secs(3_600)), deadline: None };
        let short = Lifetime { idle: Some(Duration::from_millis(300)), deadline: None };
        store.put(&key("long"), b"v", hour, now()).await.unwrap();
        store.put(&key("short"), b"v", short, now()).await.unwrap();
        assert!(time_left("sessions:{g}:") >= time_left("sessions:{g}:long") - 1);
        store.delete(&key("long"), now()).await.unwrap();
        for _ in 0..4 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert!(store.touch(&key("short"), now()).await.unwrap().is_some());
            assert!(time_left("sessions:{g}:") >= time_left("sessions:{g}:short") - 1);
        }
        assert_eq!(store.clear("g", None, now()).await.unwrap(), 1);
        assert_eq!(server.command(&["DBSIZE"]), ":0\r\n");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_has_expired_leaves_nothing() {
    let server = RedisServer::start();
    let short = Lifetime { idle: Some(Duration::from_millis(50)), deadline: None };
    for store in both(&server) {
        for id in ["a", "b", "c"] {
            store.put(&key(id), b"v", short, now()).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(
            server.command(&["EXISTS", "sessions:{g}:", "sessions:{g}:a", "sessions:{g}:c"]),
            ":0\r\n"
        );
    }
}

/// What clients send to a server, one command after the other.
struct Monitor<'a> {
    server: &'a RedisServer,
    lines: BufReader<TcpStream>,
}

impl<'a> Monitor<'a> {
    fn of(server: &'a RedisServer) -> Self {
        let address = server.url().trim_start_matches("redis://").split('/').next().unwrap().to_owned();
        let mut connection = TcpStream::connect(address).unwrap();
        connection.write_all(b"MONITOR\r\n").unwrap();
        let mut monitor = Self { server, lines: BufReader::new(connection) };
        assert_eq!(monitor.line(), "+OK");
        monitor
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// What was sent since this was asked last; without what scripts do, and the greeting of a further connection.
    fn sent(&mut self) -> Vec<String> {
        self.server.command(&["ECHO", "that was all"]);
        let lines = std::iter::from_fn(|| Some(self.line()).filter(|line| !line.contains("that was all")));
        lines.filter(|line| !line.contains(" lua]") && !line.contains("\"HELLO\"")).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_of_sessions_is_one_round_trip() {
    let server = RedisServer::start();
    let mut monitor = Monitor::of(&server);
    let encryption_keys = Some(vec!["AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE".into()]);
    for options in
        [SessionOptions::default(), SessionOptions { encryption_keys, ..SessionOptions::default() }]
    {
        // What is sealed for one id has to be read and sealed anew for another.
        let commands_of_rework = if options.encryption_keys.is_some() { 2 } else { 1 };
        for store in both(&server) {
            let sessions = Sessions::new(store, options.clone()).unwrap();
            let metadata = serde_json::json!({"address": "192.0.2.1"});
            let metadata = metadata.as_object().unwrap();
            // Once to connect and to teach the server its scripts, and once to count.
            for is_counted in [false, true] {
                let mut count = |call: &str, commands: usize| {
                    let sent = monitor.sent();
                    assert!(!is_counted || sent.len() == commands, "{call}: {sent:?}");
                };
                let here = sessions.create_with("user", b"{}", metadata, now()).await.unwrap();
                count("create_with", 1);
                let there = sessions.create("user", b"{}", now()).await.unwrap();
                count("create", 1);
                let read = sessions.read(&here, now()).await.unwrap().unwrap();
                count("read", 1);
                sessions.update(&here, b"{}", now()).await.unwrap();
                count("update", 1);
                assert!(sessions.update_if(&here, b"{}", &read.version, now()).await.is_err());
                count("update_if", 1);
                sessions.modify(&here, now(), Ok::<_, jam::Error>).await.unwrap();
                count("modify", 2);
                let here = sessions.rework(&here, now()).await.unwrap();
                count("rework", commands_of_rework);
                assert!(
                    sessions.list("user", now()).await.unwrap().iter().any(|info| info.metadata == *metadata)
                );
                count("list", 1);
                sessions.clear_except("user", &here, now()).await.unwrap();
                count("clear_except", 1);
                assert_eq!(sessions.get(&there, now()).await.unwrap(), None);
                count("get", 1);
                assert!(sessions.revoke("user", &read.handle, now()).await.is_ok());
                count("revoke", 1);
                sessions.clear("user", now()).await.unwrap();
                count("clear", 1);
            }
        }
    }
}

// attack 60
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_command_goes_through_all_keys() {
    let server = RedisServer::start();
    for store in both(&server) {
        store.put_many(&[(key("a"), vec![], FOREVER), (key("b"), vec![], FOREVER)], now()).await.unwrap();
        store.touch(&key("a"), now()).await.unwrap();
        store.rename(&key("a"), &key("c"), None, now()).await.unwrap();
        store.list("g", now()).await.unwrap();
        store.clear("g", None, now()).await.unwrap();
    }
    for command in ["keys", "scan", "zscan"] {
        let calls = server.command(&["INFO", "commandstats"]);
        assert!(!calls.contains(&format!("cmdstat_{command}:")), "{calls}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_of_another_program_is_refused() {
    let server = RedisServer::start();
    for store in both(&server) {
        server.command(&["SET", "sessions:{g}:a", "theirs"]);
        let reason = refusal(store.get(&key("a"), now()).await);
        assert!(reason.contains("did not write") && !reason.contains("theirs"), "{reason}");
        server.command(&["DEL", "sessions:{g}:a"]);
        server.command(&["LPUSH", "sessions:{g}:a", "theirs"]);
        let reason = refusal(store.replace(&key("a"), b"v", None, now()).await);
        assert!(reason.contains("did not write") && !reason.contains("theirs"), "{reason}");
    }
}

#[test]
fn a_store_goes_on_in_another_runtime() {
    let server = RedisServer::start();
    let store = AsyncRedisStore::open(options(server.url())).unwrap();
    for number in 0..3 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let key = key("a");
            let found = store.get(&key, now()).await.unwrap();
            assert_eq!(found.is_some(), number > 0);
            store.put(&key, b"v", FOREVER, now()).await.unwrap();
        });
    }
}

#[test]
fn awaited_outside_of_tokio_it_is_an_error_and_no_panic() {
    let store = AsyncRedisStore::open(options("redis://127.0.0.1:1")).unwrap();
    let key = key("a");
    let mut read = store.get(&key, now());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match read.as_mut().poll(&mut context) {
        std::task::Poll::Ready(answer) => assert!(matches!(store_error(answer), StoreError::Unavailable(_))),
        std::task::Poll::Pending => panic!("nobody would wake it"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_process_opens_connections_of_its_own() {
    let server = RedisServer::start();
    for store in both(&server) {
        store.put(&key("a"), b"v", FOREVER, now()).await.unwrap();
        let opened = |statistics: String| -> u32 {
            let count = statistics.split("total_connections_received:").nth(1).unwrap();
            count.split("\r\n").next().unwrap().parse().unwrap()
        };
        let before = opened(server.command(&["INFO", "stats"]));
        jam::process::forked();
        assert_eq!(store.get(&key("a"), now()).await.unwrap().as_deref(), Some(&b"v"[..]));
        // The store's and that of this question.
        assert!(opened(server.command(&["INFO", "stats"])) >= before + 2);
    }
}
