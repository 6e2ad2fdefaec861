//! A one-time password is accepted once: whatever the store, the face, and the number of threads and processes.

#![allow(clippy::unwrap_used)] // a check that cannot go on fails

mod support;

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Barrier};
use std::thread;

use jam::otp::{OtpOptions, ReplayEntry, SharedSecret, Totp};
use jam::replay_guard::{self, ReplayGuard};
use jam::store::{RedisOptions, RedisServers};
use jam::{CodeOptions, Timestamp};
use serde_json::{Value, json};
use support::backends::backends;
use support::redis_server::RedisServer;
use tokio::runtime::Runtime;

const SECRET: &[u8] = b"12345678901234567890";
const START: u64 = 1_700_000_010;

/// Tells a child process of the tests what to do: the face, and the section `otp` as JSON.
const ORDERS: &str = "JAM_TEST_REPLAY";

fn secret() -> SharedSecret {
    SharedSecret::from_bytes(SECRET).unwrap()
}

fn code(time: u64) -> String {
    let totp = Totp::new(secret(), OtpOptions::default()).unwrap();
    totp.at(Timestamp::from_seconds(time as i64)).unwrap()
}

/// One of the two faces.
#[derive(Clone)]
enum Face {
    Blocking(jam::Jam),
    Awaited(jam::aio::Jam, Arc<Runtime>),
}

impl Face {
    fn blocking(section: &Value) -> Self {
        Self::Blocking(jam::Jam::from_value(json!({"otp": section})).unwrap())
    }

    fn awaited(section: &Value) -> Self {
        let jam = jam::aio::Jam::from_value(json!({"otp": section})).unwrap();
        Self::Awaited(jam, Arc::new(Runtime::new().unwrap()))
    }

    fn accepts(&self, secret: &SharedSecret, code: &str, options: CodeOptions) -> jam::Result<Option<u64>> {
        match self {
            Self::Blocking(jam) => jam.otp_verify_once(secret, code, options),
            Self::Awaited(jam, runtime) => runtime.block_on(jam.otp_verify_once(secret, code, options)),
        }
    }

    fn accepts_at(&self, code: &str, time: u64) -> Option<u64> {
        self.accepts(&secret(), code, CodeOptions::new().factor(time)).unwrap()
    }
}

/// A section `otp` for each of these stores; those in files and on the server are empty.
fn sections(names: &[&str], mut test: impl FnMut(&Value)) {
    for name in names {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store").display().to_string();
        let server = (*name == "redis").then(RedisServer::start);
        let guard = match *name {
            "memory" => json!({"backend": "memory"}),
            "json" => json!({"backend": "json", "json_path": path}),
            "sqlite" => json!({"backend": "sqlite", "sqlite_path": path}),
            _ => json!({"backend": "redis", "redis_uri": server.as_ref().unwrap().url()}),
        };
        test(&json!({"replay_guard": guard}));
    }
}

#[test]
fn a_code_is_accepted_once_also_when_the_clock_has_moved_on() {
    // attack 51, fault 14
    sections(&["memory", "json", "sqlite", "redis"], |section| {
        for face in [Face::blocking(section), Face::awaited(section)] {
            // A secret for each face: both may share the store.
            let options = |time| CodeOptions::new().factor(time).look_ahead(10);
            let secret = SharedSecret::generate();
            let totp = Totp::new(secret.clone(), OtpOptions::default()).unwrap();
            let code = totp.at(Timestamp::from_seconds(START as i64)).unwrap();
            let step = START / 30;
            assert_eq!(face.accepts(&secret, "000000", options(0)).unwrap(), None, "a wrong code, {section}");
            assert_eq!(face.accepts(&secret, &code, options(START)).unwrap(), Some(step), "{section}");
            for time in [START, START + 30, START + 329, START - 300] {
                assert_eq!(face.accepts(&secret, &code, options(time)).unwrap(), None, "{time} {section}");
            }
            // Another step, and another user, have codes of their own.
            let next = totp.at(Timestamp::from_seconds(START as i64 + 30)).unwrap();
            assert_eq!(face.accepts(&secret, &next, options(START)).unwrap(), Some(step + 1), "{section}");
            let other = SharedSecret::generate();
            let others = Totp::new(other.clone(), OtpOptions::default()).unwrap();
            let code = others.at(Timestamp::from_seconds(START as i64)).unwrap();
            assert_eq!(face.accepts(&other, &code, options(START)).unwrap(), Some(step), "{section}");
        }
    });
}

#[test]
fn a_wrong_code_uses_nothing_up() {
    let face = Face::blocking(&json!({"replay_guard": {"backend": "memory"}}));
    let good = code(START);
    for wrong in ["", "12345", &good[..5], &format!("{good}0"), "٢٨٧٠٨٢"] {
        assert_eq!(face.accepts_at(wrong, START), None);
    }
    assert_eq!(face.accepts_at(&good, START + 60), None);
    assert_eq!(face.accepts_at(&good, START), Some(START / 30));
}

#[test]
fn a_counter_is_accepted_once() {
    // attack 51
    sections(&["memory", "json", "sqlite", "redis"], |section| {
        let mut section = section.clone();
        section["type"] = "hotp".into();
        let face = Face::blocking(&section);
        let options = CodeOptions::new().factor(0).look_ahead(3);
        // RFC 4226 appendix D.
        assert_eq!(face.accepts(&secret(), "755224", options).unwrap(), Some(0), "{section}");
        assert_eq!(face.accepts(&secret(), "969429", options).unwrap(), Some(3), "{section}");
        for used in ["755224", "969429"] {
            assert_eq!(face.accepts(&secret(), used, options).unwrap(), None, "{section}");
        }
        let error = face.accepts(&secret(), "755224", CodeOptions::new()).unwrap_err();
        assert_eq!(error.code(), "validation.invalid");
    });
}

#[test]
fn of_many_threads_with_the_same_code_one_is_accepted() {
    // attack 51
    const THREADS: usize = 8;
    sections(&["memory", "json", "sqlite", "redis"], |section| {
        for face in [Face::blocking(section), Face::awaited(section)] {
            let secret = SharedSecret::generate();
            let totp = Totp::new(secret.clone(), OtpOptions::default()).unwrap();
            let start = Arc::new(Barrier::new(THREADS));
            let threads = (0..THREADS).map(|_| {
                let (face, secret, totp, start) = (face.clone(), secret.clone(), totp.clone(), start.clone());
                thread::spawn(move || {
                    let accepted = (0..20).filter(|round| {
                        let time = START + 30 * round;
                        let code = totp.at(Timestamp::from_seconds(time as i64)).unwrap();
                        start.wait();
                        face.accepts(&secret, &code, CodeOptions::new().factor(time)).unwrap().is_some()
                    });
                    accepted.count()
                })
            });
            let threads: Vec<_> = threads.collect();
            let accepted: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
            assert_eq!(accepted, 20, "{section}");
        }
    });
}

#[test]
fn of_many_processes_with_the_same_code_one_is_accepted() {
    // attack 51
    sections(&["json", "sqlite", "redis"], |section| {
        let faces = ["blocking", "awaited", "blocking", "awaited"];
        let mut accepted = BTreeMap::<String, usize>::new();
        for process in faces.map(|face| accepting_process(face, section)) {
            let output = process.wait_with_output().unwrap();
            assert!(output.status.success(), "{section}");
            let text = String::from_utf8(output.stdout).unwrap();
            for step in text.lines().filter_map(|line| line.split_once("accepted ").map(|(_, step)| step)) {
                *accepted.entry(step.to_owned()).or_default() += 1;
            }
        }
        assert_eq!(accepted.len(), 40, "{section}");
        assert!(accepted.values().all(|times| *times == 1), "{section}: {accepted:?}");
    });
}

/// Starts this program again, as a process that tries forty codes in turn and reports which were accepted.
fn accepting_process(face: &str, section: &Value) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "accepts_as_a_process_of_its_own", "--ignored", "--nocapture"])
        .env(ORDERS, format!("{face} {section}"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
#[ignore = "another test starts it as a process"]
#[allow(clippy::disallowed_methods)] // the environment carries the orders
fn accepts_as_a_process_of_its_own() {
    let orders = std::env::var(ORDERS).expect("orders from the test that starts this");
    let (face, section) = orders.split_once(' ').unwrap();
    let section: Value = serde_json::from_str(section).unwrap();
    let face = if face == "blocking" { Face::blocking(&section) } else { Face::awaited(&section) };
    for round in 0..40 {
        let time = START + 30 * round;
        if let Some(step) = face.accepts_at(&code(time), time) {
            println!("accepted {step}");
        }
    }
}

#[test]
fn the_store_keeps_neither_the_secret_nor_the_step_nor_the_code() {
    // attack 57
    for backend in backends() {
        let guard = ReplayGuard::new(Arc::clone(&backend.blocking));
        let totp = Totp::new(secret(), OtpOptions::default()).unwrap();
        let entry = totp.replay_entry(START / 30);
        assert!(guard.accept(&entry, Timestamp::now()).unwrap());
        let base32 = secret().to_base32();
        for stored in backend.everything_it_stores() {
            let stored = String::from_utf8_lossy(&stored);
            for hidden in [&code(START), &base32, &(START / 30).to_string(), &entry.id] {
                assert!(!stored.contains(hidden.as_str()), "{}: {hidden}", backend.name);
            }
            assert!(!stored.contains("12345678901234567890"), "{}", backend.name);
        }
    }
}

#[test]
fn entries_do_not_stay_for_ever() {
    for backend in backends().into_iter().filter(|backend| !backend.has_its_own_clock) {
        let guard = ReplayGuard::new(Arc::clone(&backend.blocking));
        let totp = Totp::new(secret(), OtpOptions::default()).unwrap();
        let (entry, now) = (totp.replay_entry(1), Timestamp::from_seconds(START as i64));
        assert!(guard.accept(&entry, now).unwrap(), "{}", backend.name);
        assert!(backend.blocking.get(&replay_guard::key(&entry.id), now).unwrap().is_some());
        assert!(backend.blocking.get(&replay_guard::key(&entry.id), now + entry.keep).unwrap().is_none());
    }
    // On a server with its own clock.
    let server = RedisServer::start();
    let options =
        RedisOptions { servers: RedisServers::Single(server.url().into()), ..RedisOptions::default() };
    let guard = ReplayGuard::new(Arc::new(jam::store::RedisStore::open(options).unwrap()));
    let entry = ReplayEntry { id: "a".to_owned(), keep: std::time::Duration::from_secs(100) };
    assert!(guard.accept(&entry, Timestamp::from_seconds(59)).unwrap());
    let name = format!("sessions:{{{}}}", replay_guard::key("a").id);
    let rest = server.command(&["PTTL", &name]);
    let rest: u64 = rest.trim().trim_start_matches(':').parse().unwrap();
    assert!((90_000..=100_000).contains(&rest), "{rest}");
}

#[test]
fn a_store_that_cannot_be_reached_accepts_nothing() {
    // attack 64
    let section = json!({"replay_guard": {"backend": "redis", "redis_uri": "redis://127.0.0.1:1/"}});
    for face in [Face::blocking(&section), Face::awaited(&section)] {
        let error = face.accepts(&secret(), &code(START), CodeOptions::new().factor(START)).unwrap_err();
        assert_eq!(error.code(), "store.unavailable");
        // A wrong code is told without it.
        assert_eq!(face.accepts_at("000000", START), None);
    }
}

#[test]
fn a_closed_guard_says_so() {
    let section = json!({"replay_guard": {"backend": "memory"}});
    let jam = jam::Jam::from_value(json!({"otp": section})).unwrap();
    jam.close();
    let options = CodeOptions::new().factor(START);
    assert_eq!(jam.otp_verify_once(&secret(), &code(START), options).unwrap_err().code(), "store.closed");
    assert!(jam.otp_verify_code(&secret(), &code(START), options).unwrap());
}

#[test]
fn without_a_guard_the_missing_section_is_named() {
    for (config, section) in [(json!({}), "otp"), (json!({"otp": {}}), "otp.replay_guard")] {
        let jam = jam::Jam::from_value(config).unwrap();
        let error = jam.otp_verify_once(&secret(), "000000", CodeOptions::new()).unwrap_err();
        assert_eq!(error.code(), "configuration.missing_section");
        assert!(error.to_string().contains(&format!("{section:?}")), "{error}");
        assert!(jam.replay_guard().is_none());
    }
}
