//! The stores in files: who may read them, and what killed and crowding processes leave behind.

#![allow(clippy::unwrap_used)] // a check that cannot go on fails

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use jam::store::{JsonStore, Key, Lifetime, SqliteStore, Store};
use jam::{ConfigurationError, Error, Result, StoreError, Timestamp, process};

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);
const FOREVER: Lifetime = Lifetime { idle: None, deadline: None };
const BACKENDS: [&str; 2] = ["json", "sqlite"];

/// Tells a child process of the tests what to do: the backend, the path, the writers, the inserts of each, and a name
/// that makes its ids differ from others', separated by spaces.
const ORDERS: &str = "JAM_TEST_WRITE";

fn open(backend: &str, path: &Path) -> Result<Arc<dyn Store>> {
    Ok(match backend {
        "json" => Arc::new(JsonStore::open(path, "sessions")?),
        _ => Arc::new(SqliteStore::open(path, "sessions")?),
    })
}

fn key(id: &str) -> Key {
    Key { group: Some("g".to_owned()), id: id.to_owned() }
}

fn ids(store: &dyn Store) -> BTreeSet<String> {
    store.list("g", NOW).unwrap().into_iter().map(|entry| entry.id).collect()
}

/// Starts this program again, as a process that writes and reports each insert that was confirmed.
fn writing_process(backend: &str, path: &Path, writers: usize, inserts: usize, name: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "writes_as_a_process_of_its_own", "--ignored", "--nocapture"])
        .env(ORDERS, format!("{backend} {writers} {inserts} {name} {}", path.display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
#[ignore = "the other tests start it as a process"]
#[allow(clippy::disallowed_methods)] // the environment carries the orders
fn writes_as_a_process_of_its_own() {
    let orders = std::env::var(ORDERS).expect("orders from the test that starts this");
    let parts: Vec<&str> = orders.splitn(5, ' ').collect();
    let (backend, name, path) = (parts[0], parts[3], PathBuf::from(parts[4]));
    let (writers, inserts): (usize, usize) = (parts[1].parse().unwrap(), parts[2].parse().unwrap());
    let store = open(backend, &path).unwrap();
    thread::scope(|scope| {
        for writer in 0..writers {
            let store = &store;
            scope.spawn(move || {
                for number in 0..inserts {
                    let id = format!("{name}-{writer}-{number}");
                    assert!(store.insert(&key(&id), id.as_bytes(), FOREVER, NOW).unwrap());
                    println!("confirmed {id}");
                }
            });
        }
    });
}

// attack 59, fault 27
#[test]
fn two_crowded_processes_lose_nothing() {
    for backend in BACKENDS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let processes = ["a", "b"].map(|name| writing_process(backend, &path, 8, 25, name));
        for mut process in processes {
            let lines = BufReader::new(process.stdout.take().unwrap()).lines();
            let confirmed = lines.filter(|line| line.as_ref().unwrap().starts_with("confirmed ")).count();
            assert_eq!(confirmed, 200, "{backend}");
            assert!(process.wait().unwrap().success(), "{backend}");
        }
        assert_eq!(ids(&*open(backend, &path).unwrap()).len(), 400, "{backend}");
    }
}

// attack 59
#[test]
fn a_killed_process_loses_nothing_it_has_confirmed() {
    for backend in BACKENDS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let mut confirmed = BTreeSet::new();
        for round in 0..6 {
            let mut process = writing_process(backend, &path, 4, 100_000, &round.to_string());
            let mut reader = BufReader::new(process.stdout.take().unwrap());
            // Killed at another point of the work in each round.
            let mut line = String::new();
            let mut seen = 0;
            while reader.read_line(&mut line).unwrap() > 0 {
                if let Some((_, id)) = line.strip_suffix('\n').and_then(|line| line.split_once("confirmed "))
                {
                    confirmed.insert(id.to_owned());
                    seen += 1;
                }
                if seen == 7 + 5 * round {
                    process.kill().unwrap();
                }
                line.clear();
            }
            assert!(!process.wait().unwrap().success());
            assert!(seen >= 7 + 5 * round, "{backend}: the process ended by itself");
            let store = open(backend, &path).unwrap();
            let kept = ids(&*store);
            assert!(confirmed.is_subset(&kept), "{backend}: {:?}", confirmed.difference(&kept));
            assert!(store.insert(&key(&format!("after {round}")), b"v", FOREVER, NOW).unwrap());
        }
    }
}

// attack 58, fault 16
#[test]
fn files_can_be_read_by_their_owner_only() {
    for backend in BACKENDS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        // Also a file that was made by somebody less careful.
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let store = open(backend, &path).unwrap();
        store.put(&key("a"), b"v", FOREVER, NOW).unwrap();
        store.get(&key("a"), NOW).unwrap();
        let mut seen = 0;
        for file in fs::read_dir(folder.path()).unwrap() {
            let file = file.unwrap();
            let mode = file.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{backend}: {:?}", file.file_name());
            seen += 1;
        }
        assert!(seen >= 2, "{backend}: the data and what lies beside it");
    }
}

// attack 58
#[test]
fn links_and_folders_are_refused() {
    for backend in BACKENDS {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        let link = folder.path().join("link");
        fs::write(&target, "").unwrap();
        symlink(&target, &link).unwrap();
        for path in [&link, folder.path()] {
            let refused = open(backend, path).map(drop);
            assert!(matches!(refused, Err(Error::Configuration(ConfigurationError::File(_)))), "{refused:?}");
        }
        let dangling = folder.path().join("dangling");
        symlink(folder.path().join("nowhere"), &dangling).unwrap();
        assert!(open(backend, &dangling).is_err(), "{backend}");
        assert!(!folder.path().join("nowhere").exists());
    }
}

// attack 58
#[test]
fn a_link_laid_where_the_json_store_works_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = JsonStore::open(&path, "sessions").unwrap();
    let target = folder.path().join("target");
    fs::write(&target, "precious").unwrap();
    symlink(&target, folder.path().join("store.tmp")).unwrap();
    store.put(&key("a"), b"v", FOREVER, NOW).unwrap();
    assert_eq!(fs::read(&target).unwrap(), b"precious");
    fs::remove_file(&path).unwrap();
    symlink(&target, &path).unwrap();
    assert!(matches!(store.put(&key("b"), b"v", FOREVER, NOW), Err(Error::Store(StoreError::Refused(_)))));
    assert_eq!(fs::read(&target).unwrap(), b"precious");
}

#[test]
fn a_wrong_path_is_told_when_the_store_is_opened() {
    for backend in BACKENDS {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing").join("store");
        let error = open(backend, &missing).map(drop).unwrap_err();
        assert_eq!(error.code(), "configuration.file");
        assert!(error.to_string().contains("missing"), "{error}");
        assert!(open(backend, Path::new("")).is_err());
        assert!(open(backend, Path::new("a\0b")).is_err());
    }
    for namespace in ["", "a{b}", "\n", &"x".repeat(129)] {
        let path = tempfile::tempdir().unwrap().path().join("store");
        let error = JsonStore::open(path, namespace).unwrap_err();
        assert_eq!(error.code(), "validation.invalid");
    }
}

#[test]
fn what_jam_did_not_write_is_refused_and_left_alone() {
    let contents: [(&str, &[u8]); 6] = [
        ("json", b"{\"jam_store\": 1, \"namespaces\": {"),
        ("json", b"{\"_default\": {\"1\": {}}}"),
        ("json", b"{\"jam_store\": 2, \"namespaces\": {}}"),
        ("json", b"{\"jam_store\": 1, \"namespaces\": {\"sessions\": [{\"id\": \"a\", \"base64\": \"?\", \"created\": 1, \"last_used\": 1}]}}"),
        ("json", b"\xff\xfe"),
        ("sqlite", b"this is no database, but it is long enough to be taken for the beginning of one: it is not empty"),
    ];
    for (backend, content) in contents {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        fs::write(&path, content).unwrap();
        let refused = open(backend, &path).map(drop);
        assert!(matches!(refused, Err(Error::Store(StoreError::Refused(_)))), "{backend}: {refused:?}");
        assert_eq!(fs::read(&path).unwrap(), content);
    }
}

#[test]
fn a_json_file_broken_while_it_is_open_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = JsonStore::open(&path, "sessions").unwrap();
    store.put(&key("a"), b"v", FOREVER, NOW).unwrap();
    fs::write(&path, "{").unwrap();
    assert!(matches!(store.get(&key("a"), NOW), Err(Error::Store(StoreError::Refused(_)))));
    assert!(matches!(store.put(&key("b"), b"v", FOREVER, NOW), Err(Error::Store(StoreError::Refused(_)))));
    assert_eq!(fs::read(&path).unwrap(), b"{");
}

#[test]
fn a_file_that_another_program_keeps_locked_is_a_time_out_and_no_hang() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let stores = BACKENDS.map(|backend| open(backend, &path(backend)).unwrap());
    for store in &stores {
        store.put(&key("a"), b"v", FOREVER, NOW).unwrap();
    }
    let lock = fs::File::open(path("json.lock")).unwrap();
    lock.lock().unwrap();
    let database = rusqlite::Connection::open(path("sqlite")).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();

    thread::scope(|scope| {
        for (store, _) in stores.iter().flat_map(|store| [(store, 0), (store, 1), (store, 2)]) {
            scope.spawn(|| {
                let written = store.put(&key("b"), b"v", FOREVER, NOW);
                assert!(matches!(written, Err(Error::Store(StoreError::TimedOut(_)))), "{written:?}");
                assert_eq!(store.get(&key("a"), NOW).unwrap().as_deref(), Some(&b"v"[..]));
            });
        }
    });

    lock.unlock().unwrap();
    database.execute_batch("ROLLBACK").unwrap();
    for store in &stores {
        store.put(&key("b"), b"v", FOREVER, NOW).unwrap();
        assert_eq!(ids(&**store).len(), 2);
    }
}

#[test]
fn another_programs_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let theirs = rusqlite::Connection::open(&path).unwrap();
    theirs.execute_batch("CREATE TABLE theirs (x)").unwrap();
    let refused = SqliteStore::open(&path, "sessions").map(drop);
    assert!(matches!(refused, Err(Error::Store(StoreError::Refused(_)))), "{refused:?}");
    theirs.execute_batch("SELECT x FROM theirs").unwrap();
}

#[test]
fn values_outlive_the_store() {
    for backend in BACKENDS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let lifetime =
            Lifetime { idle: Some(Duration::from_secs(60)), deadline: Some(NOW + Duration::from_secs(100)) };
        let binary: Vec<u8> = (0..=255).collect();
        let store = open(backend, &path).unwrap();
        store.put(&key("text"), "läuft".as_bytes(), lifetime, NOW).unwrap();
        store.put(&key("binary"), &binary, lifetime, NOW).unwrap();
        let entries = store.list("g", NOW).unwrap();
        store.close();
        let store = open(backend, &path).unwrap();
        assert_eq!(store.list("g", NOW).unwrap(), entries);
        assert_eq!(store.get(&key("text"), NOW).unwrap().unwrap(), "läuft".as_bytes());
        assert_eq!(store.get(&key("binary"), NOW).unwrap().unwrap(), binary);
        assert_eq!(store.get(&key("text"), NOW + Duration::from_secs(60)).unwrap(), None);
    }
}

#[test]
fn expired_values_do_not_stay_in_the_file() {
    for backend in BACKENDS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let store = open(backend, &path).unwrap();
        let minute = Lifetime { idle: Some(Duration::from_secs(60)), deadline: None };
        for number in 0..50 {
            store.put(&key(&format!("short-lived-{number}")), b"v", minute, NOW).unwrap();
        }
        for number in 0..10 {
            let later = NOW + Duration::from_secs(60);
            store.put(&key(&format!("kept-{number}")), b"v", FOREVER, later).unwrap();
        }
        store.close();
        let left = match backend {
            "json" => fs::read_to_string(&path).unwrap().matches("short-lived").count() as i64,
            _ => rusqlite::Connection::open(&path)
                .unwrap()
                .query_row("SELECT count(*) FROM jam_store WHERE id LIKE 'short-lived-%'", [], |row| {
                    row.get(0)
                })
                .unwrap(),
        };
        assert_eq!(left, 0, "{backend}");
    }
}

#[test]
fn the_json_file_can_be_read_by_people() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = JsonStore::open(&path, "sessions").unwrap();
    store.put(&key("a"), b"{\"user\": 1}", FOREVER, NOW).unwrap();
    let document: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let expected = serde_json::json!({
        "jam_store": 1,
        "namespaces": {"sessions": [{
            "group": "g", "id": "a", "text": "{\"user\": 1}",
            "created": 1_700_000_000_000_i64, "last_used": 1_700_000_000_000_i64,
        }]},
    });
    assert_eq!(document, expected);
}

#[test]
fn a_fork_finds_no_operation_half_way_and_no_open_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = open("sqlite", &path).unwrap();
    thread::scope(|scope| {
        for writer in 0..4 {
            let store = &store;
            scope.spawn(move || {
                for number in 0..50 {
                    let id = format!("{writer}-{number}");
                    assert!(store.insert(&key(&id), b"v", FOREVER, NOW).unwrap());
                    assert!(store.get(&key(&id), NOW).unwrap().is_some());
                }
            });
        }
        for _ in 0..10 {
            process::before_fork();
            // SQLite takes its log away with the last open connection.
            assert!(!folder.path().join("store-wal").exists());
            process::after_fork();
            thread::sleep(Duration::from_millis(3));
        }
    });
    assert_eq!(ids(&*store).len(), 200);
}

/// Reading a session touches it, and many readers of one file must not wait for each other, nor for a writer.
#[test]
fn a_touch_that_would_change_little_takes_no_lock() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite3");
    let store = open("sqlite", &path).unwrap();
    let now = Timestamp::now();
    let lifetime = Lifetime { idle: Some(Duration::from_secs(3600)), deadline: None };
    store.insert(&key("a"), b"value", lifetime, now).unwrap();

    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let soon = now + Duration::from_secs(35);
    assert_eq!(store.touch(&key("a"), soon).unwrap().as_deref(), Some(&b"value"[..]));
    assert_eq!(store.touch(&key("unknown"), soon).unwrap(), None);
    other.execute_batch("COMMIT").unwrap();

    let later = now + Duration::from_secs(37);
    assert!(store.touch(&key("a"), later).unwrap().is_some());
    assert_eq!(store.list("g", later).unwrap()[0].last_used, Some(later));
}
