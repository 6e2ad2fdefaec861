//! The Redis stores on a primary with sentinels, through fail-overs.

#![allow(clippy::unwrap_used)] // a check that cannot go on fails

mod support;

use jam::StoreError;
use jam::store::{RedisOptions, RedisSentinel, RedisServers};
use support::load::Load;
use support::redis_sentinel::{MASTER, PASSWORD, SENTINEL_PASSWORD, SentinelServers};
use support::redis_server::RedisServer;
use support::redis_stores::{FOREVER, PATIENCE, faces, hurried, key, now, recovers, refusal, store_error};

/// The options with other sentinels, or another way to log in there.
fn with(options: &RedisOptions, change: impl Fn(&mut RedisSentinel)) -> RedisOptions {
    let mut options = options.clone();
    let RedisServers::Sentinel(sentinel) = &mut options.servers else { panic!("these are sentinels") };
    change(sentinel);
    options
}

// attack 64
#[tokio::test(flavor = "multi_thread", worker_threads = 10)]
async fn a_fail_over_under_load_loses_nothing_that_the_servers_promise() {
    let mut servers = SentinelServers::start();
    let load = Load::start(&faces(&hurried(servers.options())));
    load.goes_on(500).await;
    let before = servers.primary();
    // Sentinels promise nothing for what has not reached the replica yet; so it has, when the primary dies.
    servers.settle(before);
    servers.servers[before].kill();
    load.goes_on(500).await;
    servers.wait("other primary", || servers.primary() != before);
    let toll = load.stop().await;
    assert_eq!(toll.lost, 0, "{toll:?}");

    // The old primary comes back as a replica, and another fail-over goes back to it.
    servers.servers[before].restart();
    servers.wait_for_replica();
    let load =
        Load::start(&faces(&RedisOptions { namespace: "back".to_owned(), ..hurried(servers.options()) }));
    load.goes_on(200).await;
    let second = servers.primary();
    servers.settle(second);
    servers.servers[second].kill();
    load.goes_on(200).await;
    servers.wait("way back to the old primary", || servers.primary() == before);
    let toll = load.stop().await;
    assert_eq!(toll.lost, 0, "{toll:?}");
}

// attack 64
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_hangs_is_left_for_the_next_one() {
    let servers = SentinelServers::start();
    let stores = faces(&hurried(servers.options()));
    for store in &stores {
        store.put(&key("a"), b"v", FOREVER, now()).await.unwrap();
    }
    let before = servers.primary();
    servers.wait_for_replica();
    servers.servers[before].pause();
    for store in &stores {
        let failed =
            tokio::time::timeout(PATIENCE, store.put(&key("a"), b"w", FOREVER, now())).await.unwrap();
        assert!(matches!(store_error(failed), StoreError::TimedOut(_) | StoreError::Unavailable(_)));
        recovers(&**store).await;
        store.put(&key("b"), b"v", FOREVER, now()).await.unwrap();
    }
    servers.wait("other primary", || servers.primary() != before);
    servers.servers[before].resume();
    for store in &stores {
        store.put(&key("b"), b"w", FOREVER, now()).await.unwrap();
        assert_eq!(
            store.touch(&key("b"), now()).await.unwrap().map(|found| found.value),
            Some(b"w".to_vec())
        );
    }
}

// attack 64
#[tokio::test(flavor = "multi_thread", worker_threads = 10)]
async fn a_planned_fail_over_is_waited_for() {
    let servers = SentinelServers::start();
    // As they come: the servers change places within the time-outs of a call.
    let options = RedisOptions { retries: 100, ..servers.options() };
    let load = Load::start(&faces(&options));
    load.goes_on(200).await;
    let before = servers.primary();
    servers.sentinels[1].query_as::<()>(SENTINEL_PASSWORD, &["SENTINEL", "FAILOVER", MASTER]).unwrap();
    servers.wait("other primary", || servers.primary() != before);
    load.goes_on(200).await;
    let toll = load.stop().await;
    // Only writes that were under way when the old primary broke off: their outcome is unknown.
    assert!(toll.failed <= 16, "{toll:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_that_hang_or_are_gone_are_passed_over() {
    let mut servers = SentinelServers::start();
    servers.sentinels[0].pause();
    servers.sentinels[1].kill();
    for store in faces(&servers.options()) {
        store.put(&key("a"), b"v", FOREVER, now()).await.unwrap();
        assert_eq!(store.get(&key("a"), now()).await.unwrap().as_deref(), Some(&b"v"[..]));
    }
    servers.sentinels[2].kill();
    for store in faces(&hurried(servers.options())) {
        let failed = tokio::time::timeout(PATIENCE, store.get(&key("a"), now())).await.unwrap();
        assert!(matches!(store_error(failed), StoreError::TimedOut(_) | StoreError::Unavailable(_)));
    }
    servers.sentinels[0].resume();
}

// fault 9
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_and_servers_are_logged_in_to_apart_and_passwords_never_shown() {
    let servers = SentinelServers::start();
    let options = servers.options();
    let wrong_sentinel = with(&options, |sentinel| sentinel.password = Some("wrongsesame".into()));
    let no_sentinel = with(&options, |sentinel| sentinel.password = None);
    let wrong_server = with(&options, |sentinel| {
        let url = format!("redis://:wrongsesame@127.0.0.1:{}", servers.sentinels[0].port());
        sentinel.urls = vec![url.into()];
    });
    let wrong_name = with(&options, |sentinel| sentinel.master = "theirmaster".to_owned());
    for (options, told) in [
        (wrong_sentinel, "of the sentinels"),
        (no_sentinel, "of the sentinels"),
        (wrong_server, "password is wrong"),
        (wrong_name, "no primary of this name"),
    ] {
        for store in faces(&options) {
            let reason = refusal(store.get(&key("a"), now()).await);
            assert!(reason.contains(told), "{reason}");
            assert!(!reason.contains("sesame") && !reason.contains("theirmaster"), "{reason}");
        }
    }
    let shown = format!("{options:?}");
    assert!(!shown.contains(PASSWORD) && !shown.contains(SENTINEL_PASSWORD), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_needs_the_rights_in_the_guide() {
    let servers = SentinelServers::start();
    let guide = include_str!("../../../docs/redis.md");
    let rights = guide.split("ACL SETUSER jam on >PASSWORD ").nth(1).unwrap().lines().next().unwrap();
    assert!(guide.contains("With sentinels it needs `+hello` as well"));
    let user = ["ACL", "SETUSER", "jam", "on", ">opensesame", "+hello"].into_iter();
    let command: Vec<&str> = user.chain(rights.split_whitespace()).collect();
    servers.servers[servers.primary()].query_as::<()>(PASSWORD, &command).unwrap();
    let options = with(&servers.options(), |sentinel| {
        let url = |server: &RedisServer| format!("redis://jam:opensesame@127.0.0.1:{}", server.port()).into();
        sentinel.urls = servers.sentinels.iter().map(url).collect();
    });
    for store in faces(&options) {
        store.put(&key("a"), b"v", FOREVER, now()).await.unwrap();
        assert!(store.touch(&key("a"), now()).await.unwrap().is_some());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_no_sentinel_is_a_refusal() {
    let servers = SentinelServers::start();
    let options = with(&servers.options(), |sentinel| {
        sentinel.urls = vec![format!("redis://:{PASSWORD}@127.0.0.1:{}", servers.servers[0].port()).into()];
        sentinel.password = Some(PASSWORD.into());
    });
    for store in faces(&options) {
        refusal(store.get(&key("a"), now()).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_answer_what_is_read_and_the_primary_what_they_do_not_have() {
    let mut servers = SentinelServers::start();
    let primary = servers.primary();
    let calls_of_get = |server: usize| -> u64 {
        let statistics: String =
            servers.servers[server].query_as(PASSWORD, &["INFO", "commandstats"]).unwrap();
        let calls = statistics.split("cmdstat_get:calls=").nth(1).unwrap_or("0,");
        calls.split(',').next().unwrap().parse().unwrap()
    };
    let options = RedisOptions { read_from_replicas: true, ..hurried(servers.options()) };
    for (number, store) in faces(&options).into_iter().enumerate() {
        let (at_primary, at_replica) = (calls_of_get(primary), calls_of_get(1 - primary));
        for id in 0..50 {
            let key = key(&format!("{number}-{id}"));
            store.put(&key, b"v", FOREVER, now()).await.unwrap();
            // Whether or not the replica has it yet.
            assert_eq!(store.get(&key, now()).await.unwrap().as_deref(), Some(&b"v"[..]));
        }
        let keys = |server: usize| servers.servers[server].query_as::<u64>(PASSWORD, &["DBSIZE"]).unwrap();
        servers.wait("replica that has everything", || keys(primary) == keys(1 - primary));
        for id in 0..50 {
            let key = key(&format!("{number}-{id}"));
            assert!(store.get(&key, now()).await.unwrap().is_some());
            assert!(store.touch(&key, now()).await.unwrap().is_some());
        }
        assert!(calls_of_get(1 - primary) >= at_replica + 100);
        assert!(calls_of_get(primary) <= at_primary + 60);
        assert_eq!(store.get(&key("nowhere"), now()).await.unwrap(), None);
    }
    let stores = faces(&options);
    for store in &stores {
        assert!(store.get(&key("0-0"), now()).await.unwrap().is_some());
    }
    servers.servers[1 - primary].kill();
    for store in &stores {
        for _ in 0..3 {
            assert!(store.get(&key("0-0"), now()).await.unwrap().is_some(), "the primary is there");
        }
    }
}
