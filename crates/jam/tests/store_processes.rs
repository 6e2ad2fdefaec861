//! The stores in files between processes: what crowding, greedy and killed ones leave behind.

#![allow(clippy::unwrap_used)] // a check that cannot go on fails

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use jam::store::{Exchange, Key, Renamed, Replaced, Store};
use support::file_stores::{BACKENDS, FOREVER, NOW, ids, key, open};

/// Tells a child process of the tests what to do: the backend, the writers, the inserts of each, a name
/// that makes its ids differ from others', and the path, separated by spaces.
const ORDERS: &str = "JAM_TEST_WRITE";

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
                    assert!(store.insert(&key(&id), id.as_bytes(), b"", FOREVER, NOW).unwrap());
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

#[test]
fn a_process_that_writes_all_the_time_lets_others_write_too() {
    for backend in BACKENDS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let mut greedy = writing_process(backend, &path, 1, 1_000_000, "greedy");
        let mut lines = BufReader::new(greedy.stdout.take().unwrap()).lines();
        let mut is_confirmed = || lines.next().is_some_and(|line| line.unwrap().starts_with("confirmed "));
        while !is_confirmed() {}
        let store = open(backend, &path).unwrap();
        for number in 0..20 {
            let written = store.insert(&key(&format!("modest-{number}")), b"v", b"", FOREVER, NOW);
            assert_eq!(written, Ok(true), "{backend}: no time-out");
            thread::sleep(Duration::from_millis(3));
        }
        let before = ids(&*store).len();
        for number in 20..40 {
            store.insert(&key(&format!("modest-{number}")), b"v", b"", FOREVER, NOW).unwrap();
        }
        assert!(ids(&*store).len() > before + 20, "{backend}: the other goes on");
        greedy.kill().unwrap();
        greedy.wait().unwrap();
    }
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

// attack 59
#[test]
fn a_process_killed_at_any_moment_loses_nothing_it_has_confirmed() {
    for backend in BACKENDS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let mut confirmed = BTreeSet::new();
        let mut dice = Dice(7);
        for round in 0..50 {
            let mut process = writing_process(backend, &path, 4, 100_000, &round.to_string());
            let mut reader = BufReader::new(process.stdout.take().unwrap());
            let (enough, more) = (1 + dice.roll(12), Duration::from_micros(dice.roll(2_000)));
            let mut line = String::new();
            let mut seen = 0;
            while reader.read_line(&mut line).unwrap() > 0 {
                if let Some((_, id)) = line.strip_suffix('\n').and_then(|line| line.split_once("confirmed "))
                {
                    confirmed.insert(id.to_owned());
                    seen += 1;
                }
                if seen == enough {
                    thread::sleep(more);
                    process.kill().unwrap();
                }
                line.clear();
            }
            assert!(!process.wait().unwrap().success());
            assert!(seen >= enough, "{backend}: the process ended by itself");
            let store = open(backend, &path).unwrap();
            let kept = ids(&*store);
            assert!(confirmed.is_subset(&kept), "{backend}: {:?}", confirmed.difference(&kept));
            assert!(store.insert(&key(&format!("after {round}")), b"v", b"", FOREVER, NOW).unwrap());
        }
    }
}

/// What one thread believes to be in its group, and what it does with it.
struct Model {
    group: String,
    dice: Dice,
    values: BTreeMap<u64, Vec<u8>>,
}

impl Model {
    const KEYS: u64 = 12;

    fn new(process: u64, thread: u64) -> Self {
        let dice = Dice(process << 32 | thread);
        Self { group: format!("{process}-{thread}"), dice, values: BTreeMap::new() }
    }

    fn key(&self, number: u64) -> Key {
        Key { group: Some(self.group.clone()), id: number.to_string() }
    }

    /// One operation, whose answer must be the one that the model expects.
    fn step(&mut self, store: &dyn Store, number: u64) {
        let (which, other) = (self.dice.roll(Self::KEYS), self.dice.roll(Self::KEYS));
        let (key, value) = (self.key(which), number.to_string().into_bytes());
        match self.dice.roll(24) {
            0..5 => {
                let is_absent = !self.values.contains_key(&which);
                assert_eq!(store.insert(&key, &value, b"", FOREVER, NOW), Ok(is_absent));
                self.values.entry(which).or_insert(value);
            }
            5..8 => {
                store.put(&key, &value, FOREVER, NOW).unwrap();
                self.values.insert(which, value);
            }
            8..11 => {
                let expected = [None, Some(&b""[..]), Some(b"no number")][self.dice.roll(3) as usize];
                let outcome = match (self.values.contains_key(&which), expected) {
                    (false, _) => Replaced::Missing,
                    (true, Some(b"no number")) => Replaced::Conflict,
                    (true, _) => Replaced::Done,
                };
                assert_eq!(store.replace(&key, &value, expected, NOW), Ok(outcome));
                if outcome == Replaced::Done {
                    self.values.insert(which, value);
                }
            }
            11..14 => {
                assert_eq!(store.delete(&key, NOW), Ok(self.values.remove(&which).is_some()));
            }
            14..17 => {
                let expected = match (self.values.get(&which), self.values.contains_key(&other)) {
                    (None, _) => Renamed::Missing,
                    (Some(_), true) => Renamed::Conflict,
                    (Some(_), false) => Renamed::Moved,
                };
                assert_eq!(store.rename(&key, &self.key(other), None, NOW), Ok(expected));
                if expected == Renamed::Moved {
                    let moved = self.values.remove(&which).unwrap();
                    self.values.insert(other, moved);
                }
            }
            17..20 => assert_eq!(store.get(&key, NOW), Ok(self.values.get(&which).cloned())),
            20..22 => {
                let found = store.touch(&key, NOW).unwrap();
                assert_eq!(found.map(|found| found.value), self.values.get(&which).cloned());
            }
            22 => self.compare(store),
            _ => {
                let kept = self.values.remove(&which);
                let cleared = store.clear(&self.group, Some(&key.id), NOW);
                assert_eq!(cleared, Ok(std::mem::take(&mut self.values).len() as u64));
                self.values.extend(kept.map(|value| (which, value)));
            }
        }
    }

    fn compare(&self, store: &dyn Store) {
        let listed = store.list(&self.group, NOW).unwrap().into_iter().map(|entry| entry.id);
        assert_eq!(
            listed.collect::<BTreeSet<_>>(),
            self.values.keys().map(u64::to_string).collect(),
            "group {}",
            self.group
        );
    }
}

/// Adds one to a number that everybody counts up, by moving it to and fro.
fn count_up(store: &dyn Store) {
    let place = |number: u64| Key { group: Some("count".to_owned()), id: format!("place {}", number % 2) };
    loop {
        let here = [0, 1].into_iter().find_map(|number| store.get(&place(number), NOW).unwrap());
        // Between the two looks it was moved.
        let Some(here) = here else { continue };
        let number: u64 = String::from_utf8(here.clone()).unwrap().parse().unwrap();
        let exchange =
            Exchange { expected: here, replacement: (number + 1).to_string().into_bytes(), note: Vec::new() };
        let renamed = store.rename(&place(number), &place(number + 1), Some(&exchange), NOW).unwrap();
        if renamed == Renamed::Moved {
            return;
        }
    }
}

const THREADS: u64 = 8;
const STEPS: u64 = 1_000;
const STEPS_PER_COUNT: u64 = 50;

#[test]
#[ignore = "the next test starts it as a process"]
#[allow(clippy::disallowed_methods)] // the environment carries the orders
fn follows_a_model_as_a_process_of_its_own() {
    let orders = std::env::var(ORDERS).expect("orders from the test that starts this");
    let parts: Vec<&str> = orders.splitn(3, ' ').collect();
    let (store, process) = (open(parts[0], Path::new(parts[2])).unwrap(), parts[1].parse().unwrap());
    thread::scope(|scope| {
        for number in 0..THREADS {
            let store = &*store;
            scope.spawn(move || {
                let mut model = Model::new(process, number);
                for step in 0..STEPS {
                    model.step(store, step);
                    if step % STEPS_PER_COUNT == 0 {
                        count_up(store);
                    }
                }
                model.compare(store);
            });
        }
    });
}

// attack 59, fault 27
#[test]
fn two_processes_of_eight_threads_and_a_thousand_operations_agree_with_a_model() {
    for backend in BACKENDS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let store = open(backend, &path).unwrap();
        let count = Key { group: Some("count".to_owned()), id: "place 0".to_owned() };
        store.put(&count, b"0", FOREVER, NOW).unwrap();
        let processes = [1, 2].map(|process| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "follows_a_model_as_a_process_of_its_own", "--ignored", "--nocapture"])
                .env(ORDERS, format!("{backend} {process} {}", path.display()))
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        });
        for mut process in processes {
            assert!(process.wait().unwrap().success(), "{backend}: an answer was not the model's");
        }
        let expected = 2 * THREADS * STEPS / STEPS_PER_COUNT;
        let last = Key { id: format!("place {}", expected % 2), ..count };
        assert_eq!(store.get(&last, NOW).unwrap(), Some(expected.to_string().into_bytes()), "{backend}");
    }
}
