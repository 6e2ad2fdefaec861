//! The Redis stores over TLS, as a user with few rights, and over a unix socket.

#![allow(clippy::unwrap_used)] // a check that cannot go on fails

mod support;

use std::time::Duration;

use jam::StoreError;
use jam::store::{
    AsyncStore, Key, Lifetime, RedisClientCertificate, RedisOptions, RedisServers, RedisStore, RedisTls,
    Renamed, Replaced,
};
use support::certificates::{Authority, TlsServer};
use support::redis_server::RedisServer;
use support::redis_stores::{FOREVER, PATIENCE, faces, hurried, key, now, recovers, refusal, store_error};

fn at(url: String, tls: RedisTls) -> RedisOptions {
    hurried(RedisOptions { servers: RedisServers::Single(url.into()), tls, ..RedisOptions::default() })
}

async fn use_every_command(store: &dyn AsyncStore) -> jam::Result<()> {
    let hour = Lifetime { idle: Some(Duration::from_secs(3_600)), deadline: None };
    let other = Key { group: Some("h".to_owned()), id: "a".to_owned() };
    let entries = [(key("a"), vec![], FOREVER), (key("b"), vec![], hour), (other, vec![], hour)];
    store.put_many(&entries, now()).await?;
    assert!(!store.insert(&key("a"), b"v", b"", FOREVER, now()).await?);
    assert_eq!(store.replace(&key("a"), b"v", Some(b""), now()).await?, Replaced::Done);
    assert_eq!(store.get(&key("a"), now()).await?.as_deref(), Some(&b"v"[..]));
    assert_eq!(store.get_many(&[key("a"), key("b")], now()).await?.iter().flatten().count(), 2);
    assert!(store.touch(&key("a"), now()).await?.is_some());
    assert_eq!(store.rename(&key("a"), &key("c"), None, now()).await?, Renamed::Moved);
    assert_eq!(store.list("g", now()).await?.len(), 2);
    assert!(store.delete(&key("b"), now()).await?);
    store.put_many(&entries, now()).await?;
    assert_eq!(store.clear("g", Some("a"), now()).await?, 2);
    assert_eq!(store.clear("g", None, now()).await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_known_by_its_certificate() {
    let server = TlsServer::start();
    let client = || Some(server.client.for_redis());
    let by_name = RedisServers::Single(format!("rediss://localhost:{}", server.port()).into());
    for options in [
        // Signed by nobody whom the system knows.
        RedisOptions { tls: RedisTls { authorities: None, client: client() }, ..server.options() },
        // Signed by another.
        RedisOptions {
            tls: RedisTls { authorities: Some(Authority::new().certificate), client: client() },
            ..server.options()
        },
        // For another host.
        RedisOptions { servers: by_name, ..server.options() },
    ] {
        for store in faces(&options) {
            let reason = refusal(store.get(&key("a"), now()).await);
            assert!(reason.contains("certificate is not accepted"), "{reason}");
        }
    }
    let named = TlsServer::start_for("localhost", &[]);
    for store in faces(&at(format!("rediss://localhost:{}", named.port()), named.tls())) {
        use_every_command(&*store).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_asks_for_a_certificate_gets_the_right_one_only() {
    let server = TlsServer::start();
    let stranger = Authority::new().sign(&["client"]);
    for client in [None, Some(stranger.for_redis())] {
        let tls = RedisTls { client, ..server.tls() };
        for store in faces(&RedisOptions { tls, ..hurried(server.options()) }) {
            let failed = tokio::time::timeout(PATIENCE, store.get(&key("a"), now())).await.unwrap();
            assert!(matches!(store_error(failed), StoreError::Unavailable(_)));
        }
    }
    for store in faces(&server.options()) {
        use_every_command(&*store).await.unwrap();
    }
}

// attack 64
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_where_there_is_none_and_none_where_there_is_are_errors_in_time() {
    let server = TlsServer::start();
    let urls = [
        format!("rediss://127.0.0.1:{}", server.server.port()),
        format!("redis://127.0.0.1:{}", server.port()),
    ];
    for url in urls {
        let tls = if url.starts_with("rediss") { server.tls() } else { RedisTls::default() };
        for store in faces(&at(url, tls)) {
            let failed = tokio::time::timeout(PATIENCE, store.get(&key("a"), now())).await.unwrap();
            assert!(matches!(store_error(failed), StoreError::Unavailable(_) | StoreError::TimedOut(_)));
        }
    }
}

// attack 64
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_with_tls_may_hang_and_be_restarted() {
    let mut server = TlsServer::start();
    for store in faces(&hurried(server.options())) {
        store.put(&key("a"), b"v", FOREVER, now()).await.unwrap();
        server.server.pause();
        for _ in 0..2 {
            let failed = tokio::time::timeout(PATIENCE, store.get(&key("a"), now())).await.unwrap();
            assert!(matches!(store_error(failed), StoreError::TimedOut(_)));
        }
        server.server.resume();
        recovers(&*store).await;
        server.server.kill();
        let failed = tokio::time::timeout(PATIENCE, store.get(&key("a"), now())).await.unwrap();
        assert!(matches!(store_error(failed), StoreError::Unavailable(_)));
        server.server.restart();
        recovers(&*store).await;
        store.put(&key("a"), b"v", FOREVER, now()).await.unwrap();
    }
}

// fault 9
#[test]
fn certificates_that_cannot_be_used_are_refused_and_keys_never_shown() {
    let (authority, url) = (Authority::new(), "rediss://:opensesame@localhost");
    let (one, other) = (authority.sign(&["client"]), authority.sign(&["client"]));
    let client = |certificate: &str, key: &str| {
        let client = RedisClientCertificate { certificate: certificate.to_owned(), key: key.into() };
        RedisTls { authorities: None, client: Some(client) }
    };
    let authorities = |text: &str| RedisTls { authorities: Some(text.to_owned()), client: None };
    let bad = [
        at(url.to_owned(), authorities("")),
        at(url.to_owned(), authorities("opensesame")),
        at(url.to_owned(), authorities(&one.key)),
        at(url.to_owned(), client(&one.certificate, &other.key)),
        at(url.to_owned(), client(&one.certificate, &one.certificate)),
        at(url.to_owned(), client(&one.certificate, "opensesame")),
        at(url.to_owned(), client("", &one.key)),
        // Without TLS, they would be of no use.
        at("redis://localhost".to_owned(), authorities(&authority.certificate)),
        at("redis://localhost".to_owned(), client(&one.certificate, &one.key)),
    ];
    let secret = one.key.lines().nth(1).unwrap();
    for options in bad {
        let error = RedisStore::open(options.clone()).map(drop).unwrap_err();
        assert_eq!(error.code(), "configuration.invalid");
        assert!(error.to_string().starts_with("redis_"), "{error}");
        for shown in [error.to_string(), format!("{options:?}")] {
            assert!(!shown.contains("sesame") && !shown.contains(secret), "{shown}");
        }
    }
    let good = at(url.to_owned(), client(&one.certificate, &one.key));
    let shown = format!("{:?}", RedisStore::open(good).unwrap());
    assert!(!shown.contains(secret), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_needs_the_rights_in_the_guide_and_no_others() {
    let server = TlsServer::start();
    let user = |changes: &[&str]| {
        server
            .server
            .query::<()>(&[&["ACL", "SETUSER", "jam", "on", ">opensesame"], changes].concat())
            .unwrap();
    };
    let guide = include_str!("../../../docs/redis.md");
    let rights = guide.split("ACL SETUSER jam on >PASSWORD ").nth(1).unwrap().lines().next().unwrap();
    let rights: Vec<&str> = rights.split_whitespace().collect();
    user(&rights);
    let url = |user: &str| format!("rediss://{user}:opensesame@127.0.0.1:{}/1", server.port());
    for store in faces(&at(url("jam"), server.tls())) {
        use_every_command(&*store).await.unwrap();
    }
    for right in rights.iter().filter_map(|right| right.strip_prefix('+')) {
        user(&[&format!("-{right}")]);
        for store in faces(&at(url("jam"), server.tls())) {
            server.server.query::<()>(&["SCRIPT", "FLUSH"]).unwrap();
            server.server.query::<()>(&["FLUSHALL"]).unwrap();
            assert!(use_every_command(&*store).await.is_err(), "{right} is not needed");
        }
        user(&[&format!("+{right}")]);
    }
    for store in faces(&at(url("nobody"), server.tls())) {
        let reason = refusal(store.get(&key("a"), now()).await);
        assert!(reason.contains("user name or the password"), "{reason}");
    }
    let elsewhere = RedisOptions { namespace: "elsewhere".to_owned(), ..at(url("jam"), server.tls()) };
    for store in faces(&elsewhere) {
        let reason = refusal(store.put(&key("a"), b"v", FOREVER, now()).await);
        assert!(reason.contains("NOPERM") && !reason.contains("elsewhere"), "{reason}");
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unix_socket_takes_user_password_and_database() {
    let mut server = RedisServer::start_with(&["--unixsocket", "redis.socket"]);
    server.query::<()>(&["ACL", "SETUSER", "jam", "on", ">opensesame", "~*", "+@all"]).unwrap();
    let socket = server.folder().join("redis.socket").display().to_string();
    let login = |password: &str| {
        at(format!("redis+unix://{socket}?db=3&user=jam&pass={password}"), RedisTls::default())
    };
    for store in faces(&login("opensesame")) {
        use_every_command(&*store).await.unwrap();
        store.put(&key("a"), b"v", FOREVER, now()).await.unwrap();
    }
    let keyspace: String = server.query(&["INFO", "keyspace"]).unwrap();
    assert!(keyspace.contains("db3:") && !keyspace.contains("db0:"), "{keyspace}");
    for store in faces(&login("wrongsesame")) {
        let reason = refusal(store.get(&key("a"), now()).await);
        assert!(reason.contains("password") && !reason.contains("sesame"), "{reason}");
    }
    for store in faces(&login("opensesame")) {
        server.kill();
        let failed = tokio::time::timeout(PATIENCE, store.get(&key("a"), now())).await.unwrap();
        assert!(matches!(store_error(failed), StoreError::Unavailable(_)));
        server.restart();
        server.query::<()>(&["ACL", "SETUSER", "jam", "on", ">opensesame", "~*", "+@all"]).unwrap();
        recovers(&*store).await;
    }
}
