//! The PostgreSQL stores against a server that is killed, paused, locked or changed under their feet.

#![allow(clippy::unwrap_used)] // a check that cannot go on fails

mod support;

use std::sync::Arc;
use std::time::Duration;

use jam::StoreError;
use jam::store::{
    AsyncPostgresStore, AsyncStore, Lifetime, PostgresOptions, PostgresStore, PostgresTls, Renamed, Replaced,
    Store,
};
use support::certificates::{Authority, PostgresTlsServer};
use support::load::Load;
use support::postgres_server::{PASSWORD, PostgresServer, USER};
use support::postgres_stores::{faces, hurried};
use support::redis_server::free_port;
use support::redis_stores::{FOREVER, PATIENCE, key, now, recovers, refusal, store_error};

fn both(server: &PostgresServer) -> [Arc<dyn AsyncStore>; 2] {
    faces(&hurried(server.options()))
}

/// With time enough to connect, for tests that wait for no time-out.
fn patient(server: &PostgresServer) -> [Arc<dyn AsyncStore>; 2] {
    faces(&server.options())
}

/// Ends the connections of the stores, as an administrator does.
fn terminate_all(server: &PostgresServer) {
    server.query(
        "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE application_name = 'jam'",
    );
}

// attack 61
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_reads_never_shift_the_answers_of_others() {
    let server = PostgresServer::start();
    let store = Arc::new(AsyncPostgresStore::open(server.options()).unwrap());
    for number in 0..200 {
        let id = number.to_string();
        store.put(&key(&id), id.repeat(50).as_bytes(), FOREVER, now()).await.unwrap();
    }
    for round in 0..10 {
        let readers: Vec<_> = (0..200)
            .map(|number| {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    let key = key(&number.to_string());
                    let expected = key.id.repeat(50).into_bytes();
                    match number % 3 {
                        0 => {
                            // Dropped after the question was sent, at another moment for each.
                            let patience = Duration::from_micros(number * round);
                            let _ = tokio::time::timeout(patience, store.get(&key, now())).await;
                        }
                        1 => assert_eq!(store.get(&key, now()).await.unwrap(), Some(expected)),
                        _ => assert_eq!(store.touch(&key, now()).await.unwrap().unwrap().value, expected),
                    }
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
    let mut server = PostgresServer::start();
    for store in both(&server) {
        recovers(&*store).await;
        store.put(&key("a"), b"v", FOREVER, now()).await.unwrap();
        server.kill();
        for _ in 0..3 {
            let failed = tokio::time::timeout(PATIENCE, store.get(&key("a"), now())).await.unwrap();
            let failed = store_error(failed);
            assert!(matches!(failed, StoreError::Unavailable(_)), "{failed:?}");
            let failed =
                tokio::time::timeout(PATIENCE, store.insert(&key("b"), b"v", b"", FOREVER, now())).await;
            let failed = store_error(failed.unwrap());
            assert!(matches!(failed, StoreError::Unavailable(_)), "{failed:?}");
        }
        server.restart();
        recovers(&*store).await;
        store.put(&key("b"), b"v", FOREVER, now()).await.unwrap();
        store.delete(&key("b"), now()).await.unwrap();
    }
}

// attack 64
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_restarted_between_two_calls_goes_unnoticed() {
    let mut server = PostgresServer::start_with(&[]);
    for store in patient(&server) {
        store.put(&key("a"), b"v", FOREVER, now()).await.unwrap();
        server.kill();
        server.restart();
        assert_eq!(store.replace(&key("a"), b"w", None, now()).await.unwrap(), Replaced::Done);
        terminate_all(&server);
        // The awaited store is told of it by its task.
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(store.replace(&key("a"), b"x", None, now()).await.unwrap(), Replaced::Done);
    }
}

// attack 64
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_server_is_a_time_out_and_then_goes_on() {
    let server = PostgresServer::start();
    for store in both(&server) {
        recovers(&*store).await;
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
    let server = PostgresServer::start();
    for store in both(&server) {
        recovers(&*store).await;
        store.put(&key("a"), b"v", FOREVER, now()).await.unwrap();
        server.query(
            "CREATE OR REPLACE FUNCTION count_writes() RETURNS trigger LANGUAGE plpgsql
                 AS 'BEGIN INSERT INTO writes VALUES (1); RETURN NULL; END';
             DROP TABLE IF EXISTS writes; CREATE TABLE writes (one int);
             CREATE OR REPLACE TRIGGER counting AFTER INSERT OR UPDATE ON jam_store
                 FOR EACH ROW EXECUTE FUNCTION count_writes()",
        );
        server.pause();
        let failed = tokio::time::timeout(PATIENCE, store.put(&key("a"), b"w", FOREVER, now())).await;
        assert!(matches!(store_error(failed.unwrap()), StoreError::TimedOut(_)));
        server.resume();
        recovers(&*store).await;
        let writes: u32 = server.query("SELECT count(*) FROM writes").parse().unwrap();
        assert!(writes <= 1, "{writes}");
    }
}

// attack 64
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_waiting_tasks_fail_together_and_not_one_after_another() {
    let server = PostgresServer::start();
    let store = Arc::new(AsyncPostgresStore::open(hurried(server.options())).unwrap());
    for is_connected in [false, true] {
        if is_connected {
            recovers(&*store).await;
        }
        server.pause();
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
}

// attack 64
#[tokio::test(flavor = "multi_thread", worker_threads = 16)]
async fn a_server_killed_under_load_loses_nothing_it_has_acknowledged() {
    // With all that PostgreSQL does by itself to survive this.
    let mut server = PostgresServer::start_with(&[]);
    let load = Load::start(&patient(&server));
    for _ in 0..3 {
        load.goes_on(200).await;
        server.kill();
        server.restart();
    }
    load.goes_on(200).await;
    let toll = load.stop().await;
    assert!(toll.acknowledged >= 800 && toll.lost == 0, "{toll:?}");
}

// fault 9
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_that_fails_is_told_and_shows_no_password() {
    let server = PostgresServer::start();
    let at = |login: &str, database: &str| {
        PostgresOptions::new(format!("postgresql://{login}@127.0.0.1:{}/{database}", server.port()))
    };
    for (options, expected) in [
        (at(&format!("{USER}:wrongsesame"), "postgres"), "password is wrong"),
        (at("nobody:wrongsesame", "postgres"), "password is wrong"),
        (at(USER, "postgres"), "asks for a password"),
        (at(&format!("{USER}:{PASSWORD}"), "sesame"), "no database of this name"),
    ] {
        for store in faces(&options) {
            let reason = refusal(store.get(&key("a"), now()).await);
            assert!(reason.contains(expected), "{reason}");
            assert!(!reason.contains("sesame") && !reason.contains(PASSWORD), "{reason}");
        }
    }
    let options = at("app:opensesame", "app");
    for shown in [
        format!("{options:?}"),
        format!("{:?}", PostgresStore::open(options.clone()).unwrap()),
        format!("{:?}", AsyncPostgresStore::open(options).unwrap()),
    ] {
        assert!(!shown.contains("sesame"), "{shown}");
    }
}

// fault 9
#[test]
fn options_that_cannot_be_used_are_refused_without_showing_the_url() {
    let good = || PostgresOptions::new("postgresql://app:opensesame@localhost/app");
    let at = |url: &str| PostgresOptions::new(url);
    let bad = [
        at(""),
        at("http://app:opensesame@localhost/app"),
        at("host=localhost password=opensesame"),
        at("postgresql://app:opensesame@/app"),
        at("postgresql://app:opensesame@localhost:port/app"),
        at("postgresql://app:opensesame@a:1,b:2/app?port=3"),
        at("postgresql://app@localhost/app?password=opensesame&pasword=opensesame"),
        at("postgresql://app:opensesame@localhost/app?sslmode"),
        at("postgresql://app:opensesame@localhost/app?sslmode=prefer"),
        at("postgresql://app:opensesame@localhost/app?sslmode=allow"),
        at("postgresql://app:opensesame@localhost/app?sslmode=opensesame"),
        at("postgresql://app:opensesame@localhost/app?target_session_attrs=read-only"),
        at("postgresql://app:opensesame@%2Frun%2Fpostgresql/app?sslmode=require"),
        PostgresOptions { namespace: String::new(), ..good() },
        PostgresOptions { namespace: "a{b}".to_owned(), ..good() },
        PostgresOptions { table: String::new(), ..good() },
        PostgresOptions { table: "a.b.c".to_owned(), ..good() },
        PostgresOptions { table: "a\"; DROP TABLE users; --".to_owned(), ..good() },
        PostgresOptions { table: "t".repeat(41), ..good() },
        PostgresOptions { connect_timeout: Duration::ZERO, ..good() },
        PostgresOptions { response_timeout: Duration::ZERO, ..good() },
        PostgresOptions { response_timeout: Duration::MAX, ..good() },
        PostgresOptions { pool_size: 0, ..good() },
        PostgresOptions { pool_size: 1_001, ..good() },
    ];
    for options in bad {
        for error in [
            PostgresStore::open(options.clone()).map(drop).unwrap_err(),
            AsyncPostgresStore::open(options).map(drop).unwrap_err(),
        ] {
            assert_eq!(error.code(), "validation.invalid");
            assert!(!error.to_string().contains("sesame"), "{error}");
        }
    }
    for url in [
        "postgres://localhost",
        "postgresql://app:p%40ss@[::1]:5433/app?application_name=shop&options=-c%20statement_timeout%3D1000",
        "postgresql://app@db.example/app?sslmode=verify-ca&channel_binding=require",
        "postgresql://app@one.example,two.example:5433/app?target_session_attrs=read-write",
        "postgresql:///app?host=/run/postgresql&user=app",
    ] {
        PostgresStore::open(at(url)).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_who_may_not_make_the_table_is_told_what_to_run_and_that_is_enough() {
    let server = PostgresServer::start();
    server.query("CREATE USER app PASSWORD 'opensesame'");
    let options = PostgresOptions::new(server.url_for("app", "opensesame"));
    for store in faces(&options) {
        let reason = refusal(store.get(&key("a"), now()).await);
        let (_, statements) = reason.split_once("have somebody run who may: ").unwrap();
        let (made, granted) = statements.split_once("GRANT").unwrap();
        server.query(made);
        let reason = refusal(store.get(&key("a"), now()).await);
        assert!(reason.contains("GRANT SELECT, INSERT, UPDATE, DELETE ON \"jam_store\""), "{reason}");
        server.query(&format!("GRANT{granted}").replace("that user", "app"));

        assert!(store.insert(&key("a"), b"v", b"n", FOREVER, now()).await.unwrap());
        assert!(store.touch(&key("a"), now()).await.unwrap().is_some());
        store.put_many(&[(key("b"), vec![], FOREVER)], now()).await.unwrap();
        assert_eq!(store.replace(&key("a"), b"w", Some(b"v"), now()).await.unwrap(), Replaced::Done);
        assert_eq!(store.rename(&key("a"), &key("c"), None, now()).await.unwrap(), Renamed::Moved);
        assert_eq!(store.list("g", now()).await.unwrap().len(), 2);
        assert!(store.delete(&key("b"), now()).await.unwrap());
        assert_eq!(store.clear("g", None, now()).await.unwrap(), 1);
        server.query("DROP TABLE jam_store, jam_store_schema");
    }
    assert_eq!(
        PostgresOptions { table: "a.b".to_owned(), ..options }.schema().unwrap().matches("\"a\".").count(),
        4
    );
}

#[test]
fn the_guide_shows_the_statements_that_make_the_table() {
    let guide = include_str!("../../../docs/postgresql.md");
    assert!(guide.contains(&PostgresOptions::new("postgresql://localhost").schema().unwrap()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_programs_that_make_the_table_at_once_do_not_get_in_each_others_way() {
    let server = PostgresServer::start();
    for _ in 0..5 {
        let mut programs = Vec::new();
        for place in 0..8 {
            let (blocking, awaited) = (
                PostgresStore::open(server.options()).unwrap(),
                AsyncPostgresStore::open(server.options()).unwrap(),
            );
            programs.push(tokio::task::spawn_blocking(move || {
                blocking.insert(&key(&format!("blocking-{place}")), b"v", b"", FOREVER, now())
            }));
            programs.push(tokio::spawn(async move {
                awaited.insert(&key(&format!("awaited-{place}")), b"v", b"", FOREVER, now()).await
            }));
        }
        for program in programs {
            assert!(program.await.unwrap().unwrap());
        }
        assert_eq!(server.query("SELECT count(*) FROM jam_store"), "16");
        server.query("DROP TABLE jam_store, jam_store_schema");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_is_dropped_under_a_store_is_made_again() {
    let server = PostgresServer::start();
    for store in patient(&server) {
        store.put(&key("a"), b"v", FOREVER, now()).await.unwrap();
        server.query("DROP TABLE jam_store, jam_store_schema");
        assert_eq!(store.get(&key("a"), now()).await.unwrap(), None);
        assert!(store.insert(&key("a"), b"v", b"", FOREVER, now()).await.unwrap());
        server.query("DROP TABLE jam_store, jam_store_schema");
        assert!(store.insert(&key("a"), b"v", b"", FOREVER, now()).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_of_a_newer_version_or_of_somebody_else_is_left_alone() {
    let server = PostgresServer::start();
    server.query("CREATE SCHEMA auth");
    let options = |table: &str| PostgresOptions { table: table.to_owned(), ..server.options() };
    for store in faces(&options("auth.sessions")) {
        store.put(&key("a"), b"v", FOREVER, now()).await.unwrap();
    }
    assert_eq!(server.query("SELECT count(*) FROM auth.sessions"), "1");
    server.query("UPDATE auth.sessions_schema SET version = 2");
    for store in faces(&options("auth.sessions")) {
        let reason = refusal(store.get(&key("a"), now()).await);
        assert!(reason.contains("newer version"), "{reason}");
    }
    server.query("DELETE FROM auth.sessions_schema");
    for store in faces(&options("auth.sessions")) {
        let reason = refusal(store.get(&key("a"), now()).await);
        assert!(reason.contains("another table"), "{reason}");
    }
    server.query("CREATE TABLE theirs (id int)");
    for store in faces(&options("theirs")) {
        let reason = refusal(store.get(&key("a"), now()).await);
        assert!(reason.contains("other columns"), "{reason}");
    }
    for store in faces(&options("missing.sessions")) {
        let reason = refusal(store.get(&key("a"), now()).await);
        assert!(reason.contains("CREATE SCHEMA"), "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_expired_is_removed_by_later_writes_a_few_rows_at_a_time() {
    let server = PostgresServer::start();
    let short = Lifetime { idle: Some(Duration::from_millis(1)), deadline: None };
    let rows = || server.query("SELECT count(*) FROM jam_store").parse::<usize>().unwrap();
    for store in patient(&server) {
        let many: Vec<_> = (0..100).map(|number| (key(&number.to_string()), vec![], short)).collect();
        store.put_many(&many, now()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        let before = rows();
        store.put(&key("x"), b"v", FOREVER, now()).await.unwrap();
        assert!(before - rows() < 20, "one call does not do all the work");
        // What is written over is among what has expired.
        for number in 0..15 {
            assert!(store.insert(&key(&number.to_string()), b"v", b"", FOREVER, now()).await.unwrap());
        }
        store.put_many(&[(key("20"), vec![], FOREVER), (key("99"), vec![], FOREVER)], now()).await.unwrap();
        assert_eq!(rows(), 18);
        assert_eq!(store.clear("g", None, now()).await.unwrap(), 18);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn no_session_moves_away_from_under_a_clearing() {
    let server = PostgresServer::start();
    let stores = patient(&server);
    for round in 0..300 {
        let (clearing, moving) = (Arc::clone(&stores[round % 2]), Arc::clone(&stores[(round + 1) % 2]));
        moving.put(&key("a"), b"v", FOREVER, now()).await.unwrap();
        let (cleared, moved) = tokio::join!(
            tokio::spawn(async move { clearing.clear("g", None, now()).await.unwrap() }),
            tokio::spawn(async move { moving.rename(&key("a"), &key("b"), None, now()).await.unwrap() }),
        );
        assert_eq!(cleared.unwrap(), 1, "the value was there all the time; the move says {moved:?}");
        assert!(stores[0].list("g", now()).await.unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn two_that_move_the_same_value_or_to_the_same_place_do_not_both_succeed() {
    let server = PostgresServer::start();
    let stores = patient(&server);
    for round in 0..200 {
        let [one, other] = if round % 2 == 0 { ["a", "a"] } else { ["a", "b"] };
        let expired = Lifetime { idle: Some(Duration::from_millis(1)), deadline: None };
        stores[0].put(&key("c"), b"old", expired, now()).await.unwrap();
        stores[0]
            .put_many(&[(key(one), b"v".to_vec(), FOREVER), (key(other), b"v".to_vec(), FOREVER)], now())
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(2)).await;
        let [first, second] = [(&stores[0], one), (&stores[1], other)].map(|(store, id)| {
            let (store, from) = (Arc::clone(store), key(id));
            tokio::spawn(async move { store.rename(&from, &key("c"), None, now()).await.unwrap() })
        });
        let results = [first.await.unwrap(), second.await.unwrap()];
        assert_eq!(results.iter().filter(|result| **result == Renamed::Moved).count(), 1, "{results:?}");
        assert_eq!(stores[0].get(&key("c"), now()).await.unwrap().as_deref(), Some(&b"v"[..]));
        stores[0].clear("g", None, now()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_stricter_isolation_level_only_costs_attempts() {
    let server = PostgresServer::start();
    server.query("ALTER DATABASE postgres SET default_transaction_isolation = 'serializable'");
    let stores = patient(&server);
    stores[0].put(&key("n"), b"000", FOREVER, now()).await.unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|place| {
            let store = Arc::clone(&stores[place % 2]);
            tokio::spawn(async move {
                let mut done = 0;
                while done < 20 {
                    let old = store.get(&key("n"), now()).await.unwrap().unwrap();
                    let next = std::str::from_utf8(&old).unwrap().parse::<u32>().unwrap() + 1;
                    let next = format!("{next:03}");
                    match store.replace(&key("n"), next.as_bytes(), Some(&old), now()).await {
                        Ok(Replaced::Done) => done += 1,
                        Ok(_) => {}
                        // With eight at one row, all of the attempts may be in vain; nothing is changed then.
                        failed => assert!(matches!(store_error(failed), StoreError::Unavailable(_))),
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(stores[0].get(&key("n"), now()).await.unwrap().as_deref(), Some(&b"160"[..]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_are_never_more_connections_than_allowed() {
    let server = PostgresServer::start();
    let connections = || -> usize {
        let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'jam'";
        server.query(count).parse().unwrap()
    };
    let options = PostgresOptions { pool_size: 3, ..server.options() };
    let blocking = Arc::new(PostgresStore::open(options.clone()).unwrap());
    std::thread::scope(|scope| {
        for thread in 0..16 {
            let store = Arc::clone(&blocking);
            scope.spawn(move || {
                for number in 0..20 {
                    store.put(&key(&format!("{thread}-{number}")), b"v", FOREVER, now()).unwrap();
                }
            });
        }
    });
    assert!((1..=3).contains(&connections()), "{}", connections());
    blocking.close();
    let awaited = Arc::new(AsyncPostgresStore::open(options).unwrap());
    let tasks: Vec<_> = (0..256)
        .map(|number| {
            let store = Arc::clone(&awaited);
            tokio::spawn(
                async move { store.put(&key(&number.to_string()), b"v", FOREVER, now()).await.unwrap() },
            )
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert!((1..=3).contains(&connections()), "{}", connections());
    awaited.close();
    assert!(matches!(store_error(awaited.get(&key("a"), now()).await), StoreError::Closed));
    // Both have taken leave of the server.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(connections(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_finds_all_connections_in_use_waits_and_is_told() {
    let server = PostgresServer::start();
    let options = PostgresOptions { pool_size: 1, ..hurried(server.options()) };
    let store = Arc::new(PostgresStore::open(options).unwrap());
    while store.put(&key("a"), b"v", FOREVER, now()).is_err() {}
    server.pause();
    let failed: Vec<StoreError> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..4).map(|_| scope.spawn(|| store_error(store.get(&key("a"), now())))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    server.resume();
    assert!(failed.iter().all(|error| matches!(error, StoreError::TimedOut(_))), "{failed:?}");
}

// attack 64
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_hosts_the_one_that_takes_writes_is_used() {
    let servers = [PostgresServer::start(), PostgresServer::start()];
    servers[0].query("ALTER DATABASE postgres SET default_transaction_read_only = on");
    for store in patient(&servers[0]) {
        assert!(matches!(store_error(store.get(&key("a"), now()).await), StoreError::Unavailable(_)));
    }
    let hosts = [free_port(), servers[0].port(), servers[1].port()].map(|port| format!("127.0.0.1:{port}"));
    let url = format!("postgresql://{USER}:{PASSWORD}@{}/postgres", hosts.join(","));
    for store in faces(&PostgresOptions::new(url)) {
        store.put(&key("a"), b"v", FOREVER, now()).await.unwrap();
        // They change places.
        servers[0].query("BEGIN READ WRITE; ALTER DATABASE postgres RESET ALL; COMMIT");
        servers[1].query("ALTER DATABASE postgres SET default_transaction_read_only = on");
        terminate_all(&servers[1]);
        tokio::time::sleep(Duration::from_millis(50)).await;
        store.put(&key("b"), b"v", FOREVER, now()).await.unwrap();
        assert_eq!(servers[0].query("SELECT count(*) FROM jam_store WHERE id = 'b'"), "1");
        servers[0].query("DROP TABLE jam_store, jam_store_schema");
        servers[0].query("ALTER DATABASE postgres SET default_transaction_read_only = on");
        servers[1].query("BEGIN READ WRITE; ALTER DATABASE postgres RESET ALL; COMMIT");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_known_by_its_certificate() {
    let server = PostgresTlsServer::start(&["fsync=off"]);
    let tls = |certificate: &str| PostgresTls { authorities: Some(certificate.to_owned()), client: None };
    let at = |host: &str, settings: &str| PostgresOptions::new(server.url(host, settings));
    for options in [
        // Signed by nobody whom the system knows.
        at("127.0.0.1", "?sslmode=require"),
        // Signed by another.
        PostgresOptions { tls: tls(&Authority::new().certificate), ..server.options() },
        // For another host.
        PostgresOptions { tls: server.options().tls, ..at("localhost", "?sslmode=verify-full") },
    ] {
        for store in faces(&options) {
            let reason = refusal(store.get(&key("a"), now()).await);
            assert!(reason.contains("certificate is not accepted"), "{reason}");
        }
    }
    let named = PostgresTlsServer::start_for("localhost", &["fsync=off"]);
    let url = named.url("localhost", "?sslmode=verify-full&channel_binding=require");
    let options = PostgresOptions { tls: named.options().tls, ..PostgresOptions::new(url) };
    let stores = faces(&options);
    for store in &stores {
        store.put(&key("a"), b"v", FOREVER, now()).await.unwrap();
    }
    assert_eq!(named.server.query("SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'jam'"), "t");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_may_log_in_with_a_certificate() {
    let server = PostgresTlsServer::start(&["fsync=off"]);
    server.server.query("CREATE USER certified; GRANT CREATE ON SCHEMA public TO certified");
    let url =
        format!("postgresql://certified@127.0.0.1:{}/postgres?sslmode=verify-full", server.server.port());
    let with = |client| PostgresOptions {
        tls: PostgresTls { client, ..server.options().tls },
        ..PostgresOptions::new(url.as_str())
    };
    for store in faces(&with(None)) {
        let reason = refusal(store.get(&key("a"), now()).await);
        assert!(reason.contains("certificate"), "{reason}");
    }
    for store in faces(&with(Some(server.authority.sign_for("certified").for_postgres()))) {
        store.put(&key("a"), b"v", FOREVER, now()).await.unwrap();
    }
}

// attack 64
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_where_there_is_none_is_told_and_none_is_used_elsewhere_only_when_asked_for() {
    let server = PostgresServer::start();
    let url = format!("{}?sslmode=verify-full", server.url());
    for store in faces(&PostgresOptions::new(url)) {
        let reason = refusal(store.get(&key("a"), now()).await);
        assert!(reason.contains("does not offer TLS") && reason.contains("sslmode=disable"), "{reason}");
    }
    // A server that lets in nobody without TLS.
    let server = PostgresTlsServer::start(&["fsync=off"]);
    let plain = format!("postgresql://app:opensesame@127.0.0.1:{}/postgres", server.server.port());
    for store in faces(&PostgresOptions::new(plain)) {
        let reason = refusal(store.get(&key("a"), now()).await);
        assert!(reason.contains("not without TLS"), "{reason}");
    }
}

// attack 64
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_with_tls_may_hang_and_be_restarted() {
    let mut server = PostgresTlsServer::start(&["fsync=off"]);
    for store in faces(&hurried(server.options())) {
        recovers(&*store).await;
        server.server.pause();
        for _ in 0..2 {
            let failed = tokio::time::timeout(PATIENCE, store.get(&key("a"), now())).await.unwrap();
            assert!(matches!(store_error(failed), StoreError::TimedOut(_)));
        }
        server.server.resume();
        recovers(&*store).await;
        server.server.kill();
        let failed = tokio::time::timeout(PATIENCE, store.get(&key("a"), now())).await.unwrap();
        let failed = store_error(failed);
        assert!(matches!(failed, StoreError::Unavailable(_)), "{failed:?}");
        server.server.restart();
        recovers(&*store).await;
    }
}

// fault 9
#[test]
fn certificates_that_cannot_be_used_are_refused_and_keys_never_shown() {
    let (authority, url) = (Authority::new(), "postgresql://app:opensesame@db.example/app");
    let (one, other) = (authority.sign(&["client"]), authority.sign(&["client"]));
    let client = |certificate: &str, key: &str| {
        let mut pair = one.for_postgres();
        (pair.certificate, pair.key) = (certificate.to_owned(), key.into());
        PostgresTls { authorities: Some(authority.certificate.clone()), client: Some(pair) }
    };
    let authorities = |text: &str| PostgresTls { authorities: Some(text.to_owned()), client: None };
    let with = |url: &str, tls| PostgresOptions { tls, ..PostgresOptions::new(url) };
    let bad = [
        with(url, authorities("")),
        with(url, authorities("opensesame")),
        with(url, authorities(&one.key)),
        with(url, client(&one.certificate, &other.key)),
        with(url, client(&one.certificate, &one.certificate)),
        with(url, client(&one.certificate, "opensesame")),
        with(url, client("", &one.key)),
        // Without TLS, they would be of no use.
        with("postgresql://localhost", authorities(&authority.certificate)),
        with("postgresql://db.example?sslmode=disable", client(&one.certificate, &one.key)),
    ];
    let secret = one.key.lines().nth(1).unwrap();
    for options in bad {
        let error = PostgresStore::open(options.clone()).map(drop).unwrap_err();
        assert_eq!(error.code(), "validation.invalid");
        for shown in [error.to_string(), format!("{options:?}")] {
            assert!(!shown.contains("sesame") && !shown.contains(secret), "{shown}");
        }
    }
    let good = with(url, client(&one.certificate, &one.key));
    let shown = format!("{:?}", PostgresStore::open(good).unwrap());
    assert!(!shown.contains(secret), "{shown}");
}

#[test]
fn a_store_goes_on_in_another_runtime_and_says_that_it_needs_one() {
    let server = PostgresServer::start();
    let store = AsyncPostgresStore::open(server.options()).unwrap();
    for number in 0..3 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let key = key("a");
            let found = store.get(&key, now()).await.unwrap();
            assert_eq!(found.is_some(), number > 0);
            store.put(&key, b"v", FOREVER, now()).await.unwrap();
        });
    }
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let key = key("a");
    match store.get(&key, now()).as_mut().poll(&mut context) {
        std::task::Poll::Ready(failed) => {
            assert!(store_error(failed).to_string().contains("tokio runtime"));
        }
        std::task::Poll::Pending => panic!("there is nothing to wait for"),
    }
}
