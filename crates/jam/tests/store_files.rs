//! The stores in files: who may read them, who waits for them, and what becomes of deleted, broken and strange ones.

#![allow(clippy::unwrap_used)] // a check that cannot go on fails

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use jam::store::{Found, JsonStore, Lifetime, SqliteStore, Store};
use jam::{ConfigurationError, Error, Result, StoreError, Timestamp, process};
use support::file_stores::{BACKENDS, FOREVER, NOW, ids, key, open, open_awaited};
use tokio::runtime;
use tokio::sync::Notify;

/// What is at the path, or beside it.
fn files_of(path: &Path) -> Vec<PathBuf> {
    let name = path.file_name().unwrap().to_str().unwrap();
    let found = fs::read_dir(path.parent().unwrap()).unwrap().map(|file| file.unwrap().path());
    found.filter(|file| file.file_name().unwrap().to_str().unwrap().starts_with(name)).collect()
}

/// The file of a store, locked as another process locks it.
enum Locked {
    ByJam(fs::File),
    ByAnotherProgram(rusqlite::Connection),
}

impl Locked {
    fn by_jam(path: &Path) -> Self {
        let lock = fs::File::open(format!("{}.lock", path.display())).unwrap();
        lock.lock().unwrap();
        Self::ByJam(lock)
    }

    fn by_another_program(path: &Path) -> Self {
        let database = rusqlite::Connection::open(path).unwrap();
        database.execute_batch("BEGIN IMMEDIATE").unwrap();
        Self::ByAnotherProgram(database)
    }

    fn unlock(self) {
        match self {
            Self::ByJam(lock) => lock.unlock().unwrap(),
            Self::ByAnotherProgram(database) => database.execute_batch("ROLLBACK").unwrap(),
        }
    }
}

fn times_out<T: std::fmt::Debug>(result: &Result<T>) -> bool {
    matches!(result, Err(Error::Store(StoreError::TimedOut(_))))
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
        ("json", b"{\"jam_store\": 3, \"namespaces\": {}}"),
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

/// A minute's idle time, of which a hundredth is not worth a write.
const MINUTE: Lifetime = Lifetime { idle: Some(Duration::from_secs(60)), deadline: None };

#[test]
fn a_file_that_another_program_keeps_locked_is_a_time_out_and_no_hang() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let stores = ["json", "sqlite", "sqlite-2"].map(|name| open(name, &path(name)).unwrap());
    for store in &stores {
        store.put(&key("a"), b"v", MINUTE, NOW).unwrap();
    }
    let locks = [
        Locked::by_jam(&path("json")),
        Locked::by_jam(&path("sqlite")),
        Locked::by_another_program(&path("sqlite-2")),
    ];

    thread::scope(|scope| {
        for (store, _) in stores.iter().flat_map(|store| [(store, 0), (store, 1), (store, 2)]) {
            scope.spawn(|| {
                let written = store.put(&key("b"), b"v", FOREVER, NOW);
                assert!(times_out(&written), "{written:?}");
                assert_eq!(store.get(&key("a"), NOW).unwrap().as_deref(), Some(&b"v"[..]));
            });
        }
    });

    locks.into_iter().for_each(Locked::unlock);
    for store in &stores {
        store.put(&key("b"), b"v", FOREVER, NOW).unwrap();
        assert_eq!(ids(&**store).len(), 2);
    }
}

#[test]
fn a_touch_waits_for_a_locked_file_only_when_the_use_is_worth_a_write() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let stores = BACKENDS.map(|backend| open(backend, &path(backend)).unwrap());
    for store in &stores {
        store.put(&key("a"), b"v", MINUTE, NOW).unwrap();
    }
    let locks = BACKENDS.map(|backend| Locked::by_jam(&path(backend)));
    for (store, backend) in stores.iter().zip(BACKENDS) {
        let soon = NOW + Duration::from_millis(599);
        assert_eq!(value_of(store.touch(&key("a"), soon).unwrap()).as_deref(), Some(&b"v"[..]), "{backend}");
        assert_eq!(store.touch(&key("never issued"), soon), Ok(None), "{backend}");
        assert_eq!(store.touch(&key("a"), NOW + Duration::from_secs(60)), Ok(None), "{backend}: expired");
    }
    thread::scope(|scope| {
        for store in &stores {
            scope.spawn(|| assert!(times_out(&store.touch(&key("a"), NOW + Duration::from_millis(600)))));
        }
    });
    locks.into_iter().for_each(Locked::unlock);
}

#[test]
fn a_store_can_be_opened_while_another_process_writes() {
    let folder = tempfile::tempdir().unwrap();
    for (backend, number) in [("json", 0), ("sqlite", 1), ("sqlite", 2)] {
        let path = folder.path().join(number.to_string());
        open(backend, &path).unwrap().put(&key("a"), b"v", FOREVER, NOW).unwrap();
        let lock = if number == 2 { Locked::by_another_program(&path) } else { Locked::by_jam(&path) };
        let store = open(backend, &path).unwrap();
        assert_eq!(store.get(&key("a"), NOW).unwrap().as_deref(), Some(&b"v"[..]), "{backend}");
        lock.unlock();
    }
}

#[test]
fn tasks_that_wait_for_a_locked_file_hold_up_no_reader_and_no_other_work() {
    // One thread waits for each file, however many tasks do; the third is for all others.
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(1 + BACKENDS.len())
        .enable_all()
        .build()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let stores = BACKENDS.map(|backend| open_awaited(backend, &path(backend)));
    runtime.block_on(async {
        for store in &stores {
            store.put(&key("a"), b"v", MINUTE, NOW).await.unwrap();
        }
        let locks = BACKENDS.map(|backend| Locked::by_jam(&path(backend)));
        let first_to_end = Arc::new(Notify::new());
        let mut waiting = Vec::new();
        for (store, number) in stores.iter().flat_map(|store| (0..100).map(move |number| (store, number))) {
            let (store, end) = (Arc::clone(store), Arc::clone(&first_to_end));
            waiting.push(tokio::spawn(async move {
                let key = key(&number.to_string());
                let written = match number % 4 {
                    0 => store.put(&key, b"v", FOREVER, NOW).await,
                    1 => store.delete(&key, NOW).await.map(drop),
                    2 => store.clear("g", None, NOW).await.map(drop),
                    _ => store.touch(&self::key("a"), NOW + Duration::from_secs(6)).await.map(drop),
                };
                end.notify_one();
                written
            }));
        }
        let others = async {
            for store in &stores {
                assert_eq!(store.get(&key("a"), NOW).await.unwrap().as_deref(), Some(&b"v"[..]));
                assert_eq!(value_of(store.touch(&key("a"), NOW).await.unwrap()).as_deref(), Some(&b"v"[..]));
                assert_eq!(store.list("g", NOW).await.unwrap().len(), 1);
            }
            assert!(tokio::net::lookup_host("localhost:80").await.unwrap().count() > 0);
        };
        tokio::select! {
            biased;
            () = first_to_end.notified() => panic!("the others had to wait until a writer gave up"),
            () = others => {}
        }
        for task in waiting {
            let written = task.await.unwrap();
            assert!(times_out(&written), "{written:?}");
        }
        locks.into_iter().for_each(Locked::unlock);
        for store in &stores {
            store.put(&key("b"), b"v", MINUTE, NOW).await.unwrap();
            assert_eq!(store.list("g", NOW).await.unwrap().len(), 2, "what has timed out did not happen");
        }
    });
}

#[test]
fn a_runtime_that_ends_leaves_the_store_to_the_next_one() {
    for backend in BACKENDS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let store = open_awaited(backend, &path);
        for number in 0..3 {
            let runtime = runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
            let (key, end) = (key(&number.to_string()), Arc::new(AtomicBool::new(false)));
            let hold = Arc::clone(&end);
            runtime.block_on(async {
                // Its only thread is taken, so that nobody attends to what is left to be written.
                drop(tokio::task::spawn_blocking(move || {
                    while !hold.load(Ordering::Acquire) {
                        thread::sleep(Duration::from_millis(1));
                    }
                }));
                drop(store.put(&key, b"v", FOREVER, NOW));
            });
            runtime.shutdown_background();
            end.store(true, Ordering::Release);
            let runtime = runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                store.put(&key, b"w", FOREVER, NOW).await.unwrap();
                assert_eq!(store.get(&key, NOW).await.unwrap().as_deref(), Some(&b"w"[..]));
            });
        }
    }
}

#[test]
fn a_deleted_file_is_an_empty_store_and_swallows_nothing() {
    for (backend, with_all_beside_it) in
        BACKENDS.iter().flat_map(|backend| [(backend, true), (backend, false)])
    {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let (store, other) = (open(backend, &path).unwrap(), open(backend, &path).unwrap());
        for number in 0..3 {
            store.put(&key("old"), b"v", FOREVER, NOW).unwrap();
            assert!(other.get(&key("old"), NOW).unwrap().is_some());
            for file in files_of(&path).into_iter().filter(|file| *file == path || with_all_beside_it) {
                fs::remove_file(file).unwrap();
            }
            thread::sleep(Duration::from_millis(2));
            assert_eq!(store.get(&key("old"), NOW), Ok(None), "{backend}");
            assert_eq!(store.list("g", NOW), Ok(vec![]), "{backend}");
            let new = format!("new-{number}");
            assert_eq!(store.insert(&key(&new), b"w", b"", FOREVER, NOW), Ok(true), "{backend}");
            for reader in [&store, &other, &open(backend, &path).unwrap()] {
                assert_eq!(ids(&**reader), BTreeSet::from([new.clone()]), "{backend}");
            }
            assert_eq!(other.delete(&key(&new), NOW), Ok(true), "{backend}");
            assert_eq!(ids(&*store), BTreeSet::new(), "{backend}");
        }
    }
}

#[test]
fn a_replaced_file_is_the_one_that_is_read_and_written() {
    for backend in BACKENDS {
        let folder = tempfile::tempdir().unwrap();
        let (path, kept) = (folder.path().join("store"), folder.path().join("kept"));
        let store = open(backend, &path).unwrap();
        store.put(&key("old"), b"v", FOREVER, NOW).unwrap();
        let prepared = open(backend, &kept).unwrap();
        prepared.put(&key("new"), b"w", FOREVER, NOW).unwrap();
        prepared.close();
        fs::rename(&kept, &path).unwrap();
        thread::sleep(Duration::from_millis(2));
        assert_eq!(store.put(&key("newer"), b"x", FOREVER, NOW), Ok(()), "{backend}");
        let both = BTreeSet::from(["new".to_owned(), "newer".to_owned()]);
        assert_eq!(ids(&*store), both, "{backend}");
        store.close();
        assert_eq!(ids(&*open(backend, &path).unwrap()), both, "{backend}");
    }
}

#[test]
fn a_file_that_is_moved_away_takes_along_what_was_confirmed() {
    for backend in BACKENDS {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("store"), folder.path().join("moved"));
        let store = open(backend, &path).unwrap();
        store.put(&key("old"), b"v", FOREVER, NOW).unwrap();
        fs::rename(&path, &moved).unwrap();
        store.put(&key("new"), b"w", FOREVER, NOW).unwrap();
        assert_eq!(ids(&*store), BTreeSet::from(["new".to_owned()]), "{backend}");
        assert_eq!(ids(&*open(backend, &moved).unwrap()), BTreeSet::from(["old".to_owned()]), "{backend}");
    }
}

#[test]
fn a_file_out_of_reach_is_told_and_found_again() {
    for backend in BACKENDS {
        let folder = tempfile::tempdir().unwrap();
        let (here, there) = (folder.path().join("here"), folder.path().join("there"));
        fs::create_dir(&here).unwrap();
        let path = here.join("store");
        let store = open(backend, &path).unwrap();
        store.put(&key("a"), b"v", FOREVER, NOW).unwrap();
        fs::rename(&here, &there).unwrap();
        let written = store.put(&key("b"), b"v", FOREVER, NOW);
        assert!(matches!(written, Err(Error::Store(StoreError::Unavailable(_)))), "{backend}: {written:?}");
        fs::rename(&there, &here).unwrap();
        store.put(&key("c"), b"v", FOREVER, NOW).unwrap();
        assert_eq!(ids(&*store), BTreeSet::from(["a".to_owned(), "c".to_owned()]), "{backend}");

        fs::rename(&path, there.with_extension("moved")).unwrap();
        fs::write(&path, "this is no store, but it is long enough to be taken for the beginning of one")
            .unwrap();
        thread::sleep(Duration::from_millis(2));
        let written = store.put(&key("d"), b"v", FOREVER, NOW);
        assert!(matches!(written, Err(Error::Store(StoreError::Refused(_)))), "{backend}: {written:?}");
        let read = store.get(&key("a"), NOW);
        assert!(matches!(read, Err(Error::Store(StoreError::Refused(_)))), "{backend}: {read:?}");
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
fn the_file_of_a_newer_version_is_left_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = |backend: &str| folder.path().join(backend);
    let json = r#"{"jam_store": 3, "namespaces": [], "news": true}"#;
    fs::write(path("json"), json).unwrap();
    open("sqlite", &path("sqlite")).unwrap().put(&key("a"), b"v", FOREVER, NOW).unwrap();
    let newer = rusqlite::Connection::open(path("sqlite")).unwrap();
    newer.execute_batch("ALTER TABLE jam_store ADD COLUMN news TEXT; PRAGMA user_version = 3").unwrap();
    for backend in BACKENDS {
        let error = open(backend, &path(backend)).map(drop).unwrap_err();
        assert_eq!(error.code(), "store.refused");
        assert!(error.to_string().contains("newer version"), "{error}");
    }
    assert_eq!(fs::read_to_string(path("json")).unwrap(), json);
    newer.execute_batch("SELECT news FROM jam_store").unwrap();
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
fn files_shrink_when_what_was_in_them_is_gone() {
    for (backend, expires) in [("json", true), ("sqlite", true), ("json", false), ("sqlite", false)] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let store = open(backend, &path).unwrap();
        let many: Vec<_> =
            (0..2_000).map(|number| (key(&number.to_string()), vec![b'x'; 1_000], MINUTE)).collect();
        store.put_many(&many, NOW).unwrap();
        store.close();
        let large = fs::metadata(&path).unwrap().len();

        let store = open(backend, &path).unwrap();
        if !expires {
            assert_eq!(store.clear("g", None, NOW).unwrap(), 2_000);
        }
        let later = NOW + Duration::from_secs(60);
        for _ in 0..300 {
            store.put(&key("kept"), b"v", FOREVER, later).unwrap();
        }
        store.close();
        let small = fs::metadata(&path).unwrap().len();
        // A little is left for what comes.
        assert!(small < large / 4, "{backend}: {large} bytes, then {small}");
    }
}

/// What the first version of each file held: a value without any limit, and one that has expired.
const FIRST_JSON: &str = r#"{
  "jam_store": 1,
  "namespaces": {
    "sessions": [
      {"group": "g", "id": "a", "text": "v", "created": 1600000000000, "last_used": 1600000000000},
      {"group": "g", "id": "b", "base64": "/w==", "created": 1600000000001, "last_used": 1600000000001, "idle": 5}
    ]
  }
}"#;
const FIRST_SQLITE: &str = "
    PRAGMA auto_vacuum = INCREMENTAL;
    CREATE TABLE jam_store (
        namespace TEXT NOT NULL, owner TEXT NOT NULL, id TEXT NOT NULL, value BLOB NOT NULL, created INTEGER NOT NULL,
        last_used INTEGER NOT NULL, idle INTEGER, deadline INTEGER, expires INTEGER,
        PRIMARY KEY (namespace, owner, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX jam_store_expires ON jam_store (expires) WHERE expires IS NOT NULL;
    INSERT INTO jam_store VALUES
        ('sessions', '=g', 'a', x'76', 1600000000000, 1600000000000, NULL, NULL, NULL),
        ('sessions', '=g', 'b', x'ff', 1600000000001, 1600000000001, 5, NULL, 1600000000006);
    PRAGMA application_id = 0x4a616d53;
    PRAGMA user_version = 1;";

#[test]
fn the_file_of_the_first_version_is_opened_with_all_that_lives_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = |backend: &str| folder.path().join(backend);
    fs::write(path("json"), FIRST_JSON).unwrap();
    rusqlite::Connection::open(path("sqlite")).unwrap().execute_batch(FIRST_SQLITE).unwrap();
    for backend in BACKENDS {
        let store = open(backend, &path(backend)).unwrap();
        let found = store.touch(&key("a"), NOW).unwrap().unwrap();
        assert_eq!((&found.value[..], &found.note[..]), (&b"v"[..], &b""[..]), "{backend}");
        assert_eq!(found.created, Timestamp::from_millis(1_600_000_000_000), "{backend}");
        assert_eq!(store.get(&key("b"), NOW).unwrap(), None, "{backend}");
        assert!(store.insert(&key("c"), b"v", b"note", FOREVER, NOW).unwrap(), "{backend}");
        let again = open(backend, &path(backend)).unwrap();
        let notes: Vec<_> = again.list("g", NOW).unwrap().into_iter().map(|entry| entry.note).collect();
        assert_eq!(notes, [&b""[..], b"note"], "{backend}");
    }
}

fn value_of(found: Option<Found>) -> Option<Vec<u8>> {
    found.map(|found| found.value)
}

#[test]
fn the_json_file_can_be_read_by_people() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = JsonStore::open(&path, "sessions").unwrap();
    store.insert(&key("a"), b"{\"user\": 1}", b"home", FOREVER, NOW).unwrap();
    let document: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let expected = serde_json::json!({
        "jam_store": 2,
        "namespaces": {"sessions": [{
            "group": "g", "id": "a", "text": "{\"user\": 1}", "note": "home",
            "created": 1_700_000_000_000_i64, "last_used": 1_700_000_000_000_i64,
        }]},
    });
    assert_eq!(document, expected);
}

/// SQLite takes its log away with the last connection that is closed.
fn is_open_while_forking(path: &Path) -> bool {
    process::before_fork();
    let is_open = path.with_file_name("store-wal").exists();
    process::after_fork();
    is_open
}

// The only test of this program that forks, as all its threads would stop for another.
#[test]
fn a_fork_finds_no_operation_half_way_and_no_open_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = open("sqlite", &path).unwrap();
    thread::scope(|scope| {
        for writer in 0..4 {
            let store = &*store;
            scope.spawn(move || {
                for number in 0..50 {
                    let id = format!("{writer}-{number}");
                    assert!(store.insert(&key(&id), b"v", b"", FOREVER, NOW).unwrap());
                    assert!(store.get(&key(&id), NOW).unwrap().is_some());
                }
            });
        }
        for _ in 0..10 {
            assert!(!is_open_while_forking(&path));
            thread::sleep(Duration::from_millis(3));
        }
    });
    for _ in 0..2 {
        // Also what was only read since the last fork.
        assert_eq!(ids(&*store).len(), 200);
        assert!(!is_open_while_forking(&path));
    }
}

/// Reading a session touches it, and many readers of one file must not wait for each other, nor for a writer.
#[test]
fn a_touch_that_would_change_little_takes_no_lock() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite3");
    let store = open("sqlite", &path).unwrap();
    let now = Timestamp::now();
    let lifetime = Lifetime { idle: Some(Duration::from_secs(3600)), deadline: None };
    store.insert(&key("a"), b"value", b"", lifetime, now).unwrap();

    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let soon = now + Duration::from_secs(35);
    assert_eq!(value_of(store.touch(&key("a"), soon).unwrap()).as_deref(), Some(&b"value"[..]));
    assert_eq!(store.touch(&key("unknown"), soon).unwrap(), None);
    other.execute_batch("COMMIT").unwrap();

    let later = now + Duration::from_secs(37);
    assert!(store.touch(&key("a"), later).unwrap().is_some());
    assert_eq!(store.list("g", later).unwrap()[0].last_used, Some(later));
}
