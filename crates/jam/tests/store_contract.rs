//! Every promise of [`jam::store::Store`] and [`jam::store::AsyncStore`], against every backend.

#![allow(clippy::unwrap_used)] // a check that cannot go on fails

mod support;

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jam::store::{
    AsyncStore, Entry, Exchange, JsonStore, Key, Lifetime, MAX_NOTE, MemoryStore, OnThreads, RedisOptions,
    RedisServers, Renamed, Replaced, SqliteStore,
};
use jam::{Error, StoreError, Timestamp};
use support::blocking::Blocking;
use support::certificates::TlsServer;
use support::redis_cluster::RedisCluster;
use support::redis_sentinel::SentinelServers;
use support::redis_server::RedisServer;
use support::redis_stores::{awaited, blocking};

/// One check's store, and the time as that store sees it.
struct Bench {
    store: Arc<dyn AsyncStore>,
    /// The same values under another namespace.
    neighbour: Arc<dyn AsyncStore>,
    clock: Clock,
    _folder: tempfile::TempDir,
}

enum Clock {
    /// The store believes the caller: waiting costs nothing.
    Told(AtomicI64),
    /// The store has a clock of its own.
    Server,
}

/// Lives are counted in these. Long enough on a server that a slow machine does not lose two of them.
const SERVER_UNIT: Duration = Duration::from_millis(250);
const TOLD_UNIT: Duration = Duration::from_secs(100);

impl Bench {
    fn told(open: impl Fn(&std::path::Path, &str) -> Arc<dyn AsyncStore>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        Self {
            store: open(&path, "sessions"),
            neighbour: open(&path, "lists"),
            clock: Clock::Told(AtomicI64::new(1_700_000_000_000)),
            _folder: folder,
        }
    }

    fn now(&self) -> Timestamp {
        match &self.clock {
            Clock::Told(now) => Timestamp::from_millis(now.load(Ordering::Relaxed)),
            Clock::Server => Timestamp::now(),
        }
    }

    fn units(&self, count: u32) -> Duration {
        count * if matches!(self.clock, Clock::Server) { SERVER_UNIT } else { TOLD_UNIT }
    }

    async fn wait(&self, count: u32) {
        let duration = self.units(count);
        match &self.clock {
            Clock::Told(now) => {
                now.fetch_add(i64::try_from(duration.as_millis()).unwrap(), Ordering::Relaxed);
            }
            // A server counts whole milliseconds, and its clock ticks at other moments than ours.
            Clock::Server => tokio::time::sleep(duration + Duration::from_millis(10)).await,
        }
    }

    /// Expires so many units after the last use.
    fn idle(&self, count: u32) -> Lifetime {
        Lifetime { idle: Some(self.units(count)), deadline: None }
    }

    /// Expires so many units from now.
    fn deadline(&self, count: u32) -> Lifetime {
        Lifetime { idle: None, deadline: Some(self.now() + self.units(count)) }
    }

    async fn get(&self, key: &Key) -> Option<Vec<u8>> {
        self.store.get(key, self.now()).await.unwrap()
    }

    async fn touch(&self, key: &Key) -> Option<Vec<u8>> {
        self.store.touch(key, self.now()).await.unwrap().map(|found| found.value)
    }

    async fn put(&self, key: &Key, value: &[u8], lifetime: Lifetime) {
        self.store.put(key, value, lifetime, self.now()).await.unwrap();
    }

    async fn insert(&self, key: &Key, value: &[u8], lifetime: Lifetime) -> bool {
        self.store.insert(key, value, b"", lifetime, self.now()).await.unwrap()
    }

    async fn replace(&self, key: &Key, value: &[u8]) -> bool {
        match self.store.replace(key, value, None, self.now()).await.unwrap() {
            Replaced::Done => true,
            Replaced::Missing => false,
            Replaced::Conflict => panic!("nothing was expected, so nothing can conflict"),
        }
    }

    async fn rename(&self, from: &Key, to: &Key, exchange: Option<&Exchange>) -> Renamed {
        self.store.rename(from, to, exchange, self.now()).await.unwrap()
    }

    async fn delete(&self, key: &Key) -> bool {
        self.store.delete(key, self.now()).await.unwrap()
    }

    async fn clear(&self, group: &str) -> u64 {
        self.store.clear(group, None, self.now()).await.unwrap()
    }

    async fn list(&self, group: &str) -> Vec<Entry> {
        self.store.list(group, self.now()).await.unwrap()
    }

    async fn ids(&self, group: &str) -> Vec<String> {
        self.list(group).await.into_iter().map(|entry| entry.id).collect()
    }

    /// Whether two times are the same: a server's clock and ours are read at different moments.
    fn assert_near(&self, left: Timestamp, right: Timestamp) {
        let distance = (left.as_millis() - right.as_millis()).unsigned_abs();
        let allowed = if matches!(self.clock, Clock::Server) { SERVER_UNIT.as_millis() } else { 0 };
        assert!(u128::from(distance) <= allowed, "{left:?} and {right:?} differ");
    }
}

fn in_group(group: &str, id: &str) -> Key {
    Key { group: Some(group.to_owned()), id: id.to_owned() }
}

fn alone(id: &str) -> Key {
    Key { group: None, id: id.to_owned() }
}

const FOREVER: Lifetime = Lifetime { idle: None, deadline: None };

async fn what_is_put_is_got(bench: Arc<Bench>) {
    for key in [in_group("g", "a"), alone("a")] {
        assert_eq!(bench.get(&key).await, None);
        assert_eq!(bench.touch(&key).await, None);
        bench.put(&key, b"one", FOREVER).await;
        assert_eq!(bench.get(&key).await.as_deref(), Some(&b"one"[..]));
        assert_eq!(bench.touch(&key).await.as_deref(), Some(&b"one"[..]));
        bench.put(&key, b"two", FOREVER).await;
        assert_eq!(bench.get(&key).await.as_deref(), Some(&b"two"[..]));
    }
}

async fn values_are_any_bytes(bench: Arc<Bench>) {
    let every_byte: Vec<u8> = (0..=255).collect();
    for (number, value) in
        [vec![], every_byte, b"\r\n$3\r\nDEL\0".to_vec(), vec![0xa5; 1 << 20]].iter().enumerate()
    {
        for key in [in_group("g", &number.to_string()), alone(&number.to_string())] {
            bench.put(&key, value, bench.idle(100)).await;
            assert!(bench.get(&key).await.as_ref() == Some(value), "value {number}");
            assert!(bench.touch(&key).await.as_ref() == Some(value), "value {number}");
        }
    }
}

// attack 60
async fn keys_are_any_text(bench: Arc<Bench>) {
    let long = "x".repeat(1 << 16);
    let texts =
        ["*", "a:b", "\r\nDEL", "{x}", "}{", "a", "%", "_", "'; DROP TABLE jam_store; --", "ключ", &long];
    for group in texts {
        for id in texts {
            assert!(bench.insert(&in_group(group, id), format!("{group} {id}").as_bytes(), FOREVER).await);
        }
    }
    for id in texts {
        assert!(bench.insert(&alone(id), id.as_bytes(), FOREVER).await);
    }
    for group in texts {
        assert_eq!(bench.get(&in_group(group, "a")).await, Some(format!("{group} a").into_bytes()));
        assert_eq!(
            bench.ids(group).await.into_iter().collect::<BTreeSet<_>>(),
            texts.map(str::to_owned).into()
        );
    }
    assert_eq!(bench.clear("*").await, texts.len() as u64);
    assert_eq!(bench.get(&in_group("a:b", "a")).await.as_deref(), Some(&b"a:b a"[..]));
    assert_eq!(bench.get(&alone("*")).await.as_deref(), Some(&b"*"[..]));
}

async fn an_idle_value_is_gone(bench: Arc<Bench>) {
    for key in [in_group("g", "a"), alone("a")] {
        bench.put(&key, b"v", bench.idle(4)).await;
        bench.wait(2).await;
        assert!(bench.get(&key).await.is_some());
        bench.wait(2).await;
        // Reading has not prolonged it.
        assert_eq!(bench.get(&key).await, None);
        assert_eq!(bench.touch(&key).await, None);
        assert!(!bench.replace(&key, b"w").await);
        assert!(!bench.delete(&key).await);
    }
    assert!(bench.list("g").await.is_empty());
}

async fn a_touch_starts_the_idle_time_anew(bench: Arc<Bench>) {
    for key in [in_group("g", "a"), alone("a")] {
        bench.put(&key, b"v", bench.idle(6)).await;
        for _ in 0..2 {
            bench.wait(4).await;
            assert_eq!(bench.touch(&key).await.as_deref(), Some(&b"v"[..]));
        }
        bench.wait(6).await;
        assert_eq!(bench.get(&key).await, None);
    }
}

async fn a_touch_is_written_down_once_a_hundredth_of_the_idle_time_has_gone_by(bench: Arc<Bench>) {
    let key = in_group("g", "a");
    let last_used = async || bench.list("g").await[0].last_used.unwrap();
    bench.put(&key, b"v", bench.idle(100)).await;
    let written = last_used().await;

    // Within it, and within a minute, a store may save itself the write; one that tells no time of its own does.
    let soon = bench.now() + Duration::from_secs(59);
    assert_eq!(bench.store.touch(&key, soon).await.unwrap().map(|found| found.value), Some(b"v".to_vec()));
    match bench.clock {
        Clock::Told(_) => assert_eq!(last_used().await, written),
        Clock::Server => bench.assert_near(last_used().await, written),
    }

    bench.wait(2).await;
    assert!(bench.touch(&key).await.is_some());
    bench.assert_near(last_used().await, bench.now());
    bench.assert_near(bench.list("g").await[0].expires.unwrap(), bench.now() + bench.units(100));
}

async fn a_touch_of_a_value_without_an_idle_time_is_written_down_after_a_minute(bench: Arc<Bench>) {
    let key = in_group("g", "a");
    bench.put(&key, b"v", FOREVER).await;
    bench.wait(1).await;
    assert!(bench.touch(&key).await.is_some());
    let entry = bench.list("g").await.remove(0);
    // On a server's clock no minute has gone by, so that it may or may not be written.
    bench.assert_near(entry.last_used.unwrap(), bench.now());
    assert_eq!(entry.expires, None);
}

async fn a_touch_makes_nothing(bench: Arc<Bench>) {
    for key in [in_group("g", "a"), alone("a")] {
        assert_eq!(bench.touch(&key).await, None);
        bench.put(&key, b"v", bench.idle(2)).await;
        bench.wait(2).await;
        assert_eq!(bench.touch(&key).await, None, "what is expired stays so");
        assert!(bench.insert(&key, b"w", FOREVER).await);
        bench.delete(&key).await;
        assert_eq!(bench.touch(&key).await, None);
        assert_eq!(bench.get(&key).await, None);
    }
    assert!(bench.list("g").await.is_empty());
}

async fn no_touch_passes_the_deadline(bench: Arc<Bench>) {
    for key in [in_group("g", "a"), alone("a")] {
        bench.put(&key, b"v", Lifetime { idle: Some(bench.units(4)), ..bench.deadline(6) }).await;
        bench.wait(2).await;
        assert!(bench.touch(&key).await.is_some());
        bench.wait(2).await;
        assert!(bench.touch(&key).await.is_some());
        bench.wait(2).await;
        assert_eq!(bench.touch(&key).await, None);
        assert_eq!(bench.get(&key).await, None);
    }
}

async fn the_idle_time_ends_before_the_deadline(bench: Arc<Bench>) {
    for key in [in_group("g", "a"), alone("a")] {
        bench.put(&key, b"v", Lifetime { idle: Some(bench.units(2)), ..bench.deadline(20) }).await;
        bench.wait(2).await;
        assert_eq!(bench.get(&key).await, None);
    }
}

async fn a_deadline_alone_holds(bench: Arc<Bench>) {
    for key in [in_group("g", "a"), alone("a")] {
        bench.put(&key, b"v", bench.deadline(4)).await;
        bench.wait(2).await;
        assert!(bench.touch(&key).await.is_some());
        bench.wait(2).await;
        assert_eq!(bench.get(&key).await, None);
    }
}

async fn a_deadline_in_the_past_keeps_nothing(bench: Arc<Bench>) {
    for key in [in_group("g", "a"), alone("a")] {
        let past = Lifetime { idle: None, deadline: Some(Timestamp::from_seconds(1)) };
        assert!(bench.insert(&key, b"v", past).await);
        assert_eq!(bench.get(&key).await, None);
        bench.put(&key, b"live", FOREVER).await;
        bench.put(&key, b"v", past).await;
        assert_eq!(bench.get(&key).await, None, "the live value is overwritten");
        bench.store.put_many(&[(key.clone(), b"v".to_vec(), past)], bench.now()).await.unwrap();
        assert_eq!(bench.get(&key).await, None);
    }
    assert!(bench.list("g").await.is_empty());
}

async fn the_longest_life_is_no_error(bench: Arc<Bench>) {
    for key in [in_group("g", "a"), alone("a")] {
        let longest =
            Lifetime { idle: Some(Duration::MAX), deadline: Some(Timestamp::from_millis(i64::MAX)) };
        bench.put(&key, b"v", longest).await;
        assert!(bench.touch(&key).await.is_some());
        assert!(bench.replace(&key, b"w").await);
        assert_eq!(bench.get(&key).await.as_deref(), Some(&b"w"[..]));
    }
}

async fn a_put_starts_a_new_life_and_keeps_the_creation(bench: Arc<Bench>) {
    let key = in_group("g", "a");
    let start = bench.now();
    bench.put(&key, b"v", bench.idle(4)).await;
    bench.wait(3).await;
    bench.put(&key, b"w", bench.idle(20)).await;
    bench.wait(2).await;
    assert_eq!(bench.get(&key).await.as_deref(), Some(&b"w"[..]));
    bench.assert_near(bench.list("g").await[0].created, start);
    bench.put(&key, b"x", FOREVER).await;
    assert_eq!(bench.list("g").await[0].expires, None);
}

async fn an_insert_needs_the_key_absent(bench: Arc<Bench>) {
    for key in [in_group("g", "a"), alone("a")] {
        assert!(bench.insert(&key, b"one", bench.idle(4)).await);
        assert!(!bench.insert(&key, b"two", FOREVER).await);
        assert_eq!(bench.get(&key).await.as_deref(), Some(&b"one"[..]));
        bench.wait(4).await;
        assert_eq!(bench.get(&key).await, None, "the refused insert has not prolonged it");
        assert!(bench.insert(&key, b"three", FOREVER).await);
        assert_eq!(bench.get(&key).await.as_deref(), Some(&b"three"[..]));
    }
}

async fn an_insert_after_expiry_is_a_new_creation(bench: Arc<Bench>) {
    let key = in_group("g", "a");
    bench.put(&key, b"v", bench.idle(2)).await;
    bench.wait(3).await;
    let second = bench.now();
    assert!(bench.insert(&key, b"w", FOREVER).await);
    bench.assert_near(bench.list("g").await[0].created, second);
}

async fn a_replace_needs_the_key_live(bench: Arc<Bench>) {
    for key in [in_group("g", "a"), alone("a")] {
        assert!(!bench.replace(&key, b"v").await);
        assert_eq!(bench.get(&key).await, None);
        bench.put(&key, b"v", FOREVER).await;
        assert!(bench.replace(&key, b"w").await);
        assert_eq!(bench.get(&key).await.as_deref(), Some(&b"w"[..]));
        assert!(bench.delete(&key).await);
        assert!(!bench.replace(&key, b"x").await, "a deleted value is not recreated");
        assert_eq!(bench.get(&key).await, None);
    }
}

async fn a_replace_keeps_creation_and_deadline_and_restarts_the_idle_time(bench: Arc<Bench>) {
    let key = in_group("g", "a");
    let start = bench.now();
    bench.put(&key, b"v", Lifetime { idle: Some(bench.units(6)), ..bench.deadline(11) }).await;
    bench.wait(4).await;
    assert!(bench.replace(&key, b"longer than before").await);
    bench.wait(4).await;
    assert_eq!(bench.touch(&key).await.as_deref(), Some(&b"longer than before"[..]));
    bench.assert_near(bench.list("g").await[0].created, start);
    bench.wait(3).await;
    assert_eq!(bench.get(&key).await, None);
}

async fn a_replace_may_ask_how_the_old_bytes_begin(bench: Arc<Bench>) {
    let replace = async |key: &Key, value: &[u8], expected: &[u8]| {
        bench.store.replace(key, value, Some(expected), bench.now()).await.unwrap()
    };
    for key in [in_group("g", "a"), alone("a")] {
        assert_eq!(replace(&key, b"w", b"").await, Replaced::Missing);
        bench.put(&key, b"v1\0\xff rest", bench.idle(4)).await;
        for unlike in [&b"v2"[..], b"1", b"v1\0\xff rest and more", b"v1\0\xfe", b"V"] {
            assert_eq!(replace(&key, b"w", unlike).await, Replaced::Conflict, "{unlike:?}");
        }
        assert_eq!(bench.get(&key).await.as_deref(), Some(&b"v1\0\xff rest"[..]), "nothing was changed");
        for (like, new) in [(&b"v1\0\xff"[..], &b"v2"[..]), (b"v2", b""), (b"", b"v3")] {
            assert_eq!(replace(&key, new, like).await, Replaced::Done, "{like:?}");
            assert_eq!(bench.get(&key).await.as_deref(), Some(new));
        }
        bench.wait(4).await;
        assert_eq!(replace(&key, b"w", b"v3").await, Replaced::Missing, "what is expired stays so");
        assert_eq!(bench.get(&key).await, None);
    }
}

async fn a_conflict_does_not_prolong_the_life(bench: Arc<Bench>) {
    let key = in_group("g", "a");
    bench.put(&key, b"v", bench.idle(4)).await;
    bench.wait(2).await;
    let refused = bench.store.replace(&key, b"w", Some(b"x"), bench.now()).await.unwrap();
    assert_eq!(refused, Replaced::Conflict);
    bench.wait(2).await;
    assert_eq!(bench.get(&key).await, None);
}

async fn a_note_stands_beside_its_value_as_long_as_that_lives(bench: Arc<Bench>) {
    let (key, moved) = (in_group("g", "a"), in_group("g", "b"));
    let notes = async || bench.list("g").await.into_iter().map(|entry| entry.note).collect::<Vec<_>>();
    let touched = async |key: &Key| bench.store.touch(key, bench.now()).await.unwrap().unwrap();
    assert!(bench.store.insert(&key, b"v", b"one", bench.idle(8), bench.now()).await.unwrap());
    assert!(!bench.store.insert(&key, b"w", b"two", bench.idle(8), bench.now()).await.unwrap());
    assert_eq!(notes().await, [b"one"]);
    assert!(bench.replace(&key, b"longer than it was").await);
    let found = touched(&key).await;
    assert_eq!((&found.value[..], &found.note[..]), (&b"longer than it was"[..], &b"one"[..]));
    assert_eq!(bench.rename(&key, &moved, None).await, Renamed::Moved);
    assert_eq!(notes().await, [b"one"]);
    let exchange = Exchange { expected: vec![], replacement: b"w".to_vec(), note: b"two".to_vec() };
    assert_eq!(bench.rename(&moved, &key, Some(&exchange)).await, Renamed::Moved);
    let found = touched(&key).await;
    assert_eq!((&found.value[..], &found.note[..]), (&b"w"[..], &b"two"[..]));
    assert_eq!(bench.get(&key).await.as_deref(), Some(&b"w"[..]), "no part of the note");
    bench.put(&key, b"x", bench.idle(2)).await;
    assert_eq!(notes().await, [b""], "a put is without one");
    bench.wait(2).await;
    assert!(bench.insert(&key, b"y", FOREVER).await);
    assert_eq!(touched(&key).await.note, b"");
}

async fn a_note_goes_with_the_value_that_expires(bench: Arc<Bench>) {
    for key in [in_group("g", "a"), alone("a")] {
        assert!(bench.store.insert(&key, b"v", b"one", bench.idle(2), bench.now()).await.unwrap());
        bench.wait(2).await;
        assert!(bench.insert(&key, b"w", FOREVER).await);
        assert_eq!(bench.store.touch(&key, bench.now()).await.unwrap().unwrap().note, b"");
    }
}

async fn a_note_is_any_bytes_up_to_its_limit(bench: Arc<Bench>) {
    let every_byte: Vec<u8> = (0..=255).collect();
    for note in [every_byte, b"\0".to_vec(), b"1p".to_vec(), vec![0xa5; MAX_NOTE]] {
        for key in [in_group("g", "a"), alone("a")] {
            assert!(bench.store.insert(&key, b"value", &note, FOREVER, bench.now()).await.unwrap());
            let found = bench.store.touch(&key, bench.now()).await.unwrap().unwrap();
            assert_eq!((&found.value[..], &found.note), (&b"value"[..], &note));
            assert_eq!(bench.get(&key).await.as_deref(), Some(&b"value"[..]));
            assert!(bench.delete(&key).await);
        }
    }
    let (key, long) = (in_group("g", "a"), vec![0; MAX_NOTE + 1]);
    let refused = bench.store.insert(&key, b"v", &long, FOREVER, bench.now()).await;
    assert!(matches!(refused, Err(Error::Validation(_))), "{refused:?}");
    bench.put(&key, b"v", FOREVER).await;
    let exchange = Exchange { expected: vec![], replacement: vec![], note: long };
    let refused = bench.store.rename(&key, &in_group("g", "b"), Some(&exchange), bench.now()).await;
    assert!(matches!(refused, Err(Error::Validation(_))), "{refused:?}");
    assert_eq!(bench.ids("g").await, ["a"]);
}

async fn a_touch_tells_the_creation_and_the_end(bench: Arc<Bench>) {
    for key in [in_group("g", "a"), alone("a")] {
        let start = bench.now();
        bench.put(&key, b"v", Lifetime { idle: Some(bench.units(8)), ..bench.deadline(10) }).await;
        bench.wait(1).await;
        let found = bench.store.touch(&key, bench.now()).await.unwrap().unwrap();
        bench.assert_near(found.created, start);
        bench.assert_near(found.expires.unwrap(), bench.now() + bench.units(8));
        bench.wait(3).await;
        let found = bench.store.touch(&key, bench.now()).await.unwrap().unwrap();
        bench.assert_near(found.expires.unwrap(), start + bench.units(10));
        bench.put(&key, b"v", FOREVER).await;
        assert_eq!(bench.store.touch(&key, bench.now()).await.unwrap().unwrap().expires, None);
    }
}

async fn a_rename_moves_the_value_with_its_life(bench: Arc<Bench>) {
    let (from, to) = (in_group("g", "old"), in_group("g", "new"));
    let start = bench.now();
    bench.put(&from, b"v", Lifetime { idle: Some(bench.units(6)), ..bench.deadline(11) }).await;
    bench.wait(4).await;
    assert_eq!(bench.rename(&from, &to, None).await, Renamed::Moved);
    assert_eq!(bench.get(&from).await, None);
    assert_eq!(bench.ids("g").await, ["new"]);
    bench.wait(4).await;
    assert_eq!(bench.touch(&to).await.as_deref(), Some(&b"v"[..]));
    bench.assert_near(bench.list("g").await[0].created, start);
    bench.wait(3).await;
    assert_eq!(bench.get(&to).await, None);
}

async fn a_rename_of_nothing_is_missing(bench: Arc<Bench>) {
    let (from, to) = (in_group("g", "old"), in_group("g", "new"));
    let exchange = Exchange { expected: vec![], replacement: b"w".to_vec(), note: vec![] };
    assert_eq!(bench.rename(&from, &to, None).await, Renamed::Missing);
    assert_eq!(bench.rename(&from, &to, Some(&exchange)).await, Renamed::Missing);
    bench.put(&from, b"", bench.idle(2)).await;
    bench.wait(2).await;
    assert_eq!(bench.rename(&from, &to, Some(&exchange)).await, Renamed::Missing);
    assert_eq!(bench.get(&to).await, None);
    assert!(bench.ids("g").await.is_empty());
}

async fn a_rename_exchanges_the_bytes_it_was_told_of(bench: Arc<Bench>) {
    let (from, to) = (in_group("g", "old"), in_group("g", "new"));
    bench.put(&from, b"v\0\r\n", bench.idle(50)).await;
    for unlike in [&b"v\0\r\n and more"[..], b"\0", b"V"] {
        let stale = Exchange { expected: unlike.to_vec(), replacement: b"w".to_vec(), note: vec![] };
        assert_eq!(bench.rename(&from, &to, Some(&stale)).await, Renamed::Conflict);
    }
    let stale = Exchange { expected: b"other".to_vec(), replacement: b"w".to_vec(), note: vec![] };
    assert_eq!(bench.rename(&from, &to, Some(&stale)).await, Renamed::Conflict);
    assert_eq!(bench.get(&from).await.as_deref(), Some(&b"v\0\r\n"[..]));
    assert_eq!(bench.get(&to).await, None);
    let known = Exchange { expected: b"v\0\r".to_vec(), replacement: b"longer \xff".to_vec(), note: vec![] };
    assert_eq!(bench.rename(&from, &to, Some(&known)).await, Renamed::Moved);
    assert_eq!(bench.get(&to).await.as_deref(), Some(&b"longer \xff"[..]));
    assert_eq!(bench.get(&from).await, None);
}

async fn a_rename_overwrites_nothing_live(bench: Arc<Bench>) {
    let (from, to) = (in_group("g", "old"), in_group("g", "new"));
    bench.put(&from, b"v", FOREVER).await;
    bench.put(&to, b"taken", bench.idle(4)).await;
    assert_eq!(bench.rename(&from, &to, None).await, Renamed::Conflict);
    assert_eq!(bench.rename(&from, &from, None).await, Renamed::Conflict);
    assert_eq!(bench.get(&from).await.as_deref(), Some(&b"v"[..]));
    assert_eq!(bench.get(&to).await.as_deref(), Some(&b"taken"[..]));
    bench.wait(4).await;
    assert_eq!(bench.rename(&from, &to, None).await, Renamed::Moved);
    assert_eq!(bench.get(&to).await.as_deref(), Some(&b"v"[..]));
    assert_eq!(bench.ids("g").await, ["new"]);
}

async fn a_rename_stays_in_its_group(bench: Arc<Bench>) {
    bench.put(&in_group("g", "a"), b"v", FOREVER).await;
    bench.put(&alone("a"), b"v", FOREVER).await;
    for (from, to) in [
        (in_group("g", "a"), in_group("h", "a")),
        (in_group("g", "a"), alone("b")),
        (alone("a"), in_group("g", "b")),
        (alone("a"), alone("b")),
    ] {
        let refused = bench.store.rename(&from, &to, None, bench.now()).await;
        assert!(matches!(refused, Err(Error::Validation(_))), "{refused:?}");
        assert!(bench.get(&from).await.is_some());
    }
}

async fn a_delete_says_whether_something_live_was_there(bench: Arc<Bench>) {
    for key in [in_group("g", "a"), alone("a")] {
        assert!(!bench.delete(&key).await);
        bench.put(&key, b"v", FOREVER).await;
        assert!(bench.delete(&key).await);
        assert!(!bench.delete(&key).await);
        assert_eq!(bench.get(&key).await, None);
    }
    assert!(bench.list("g").await.is_empty());
}

async fn a_clear_removes_the_group_and_nothing_else(bench: Arc<Bench>) {
    assert_eq!(bench.clear("g").await, 0);
    for id in ["a", "b", "c"] {
        bench.put(&in_group("g", id), b"v", FOREVER).await;
    }
    bench.put(&in_group("g", "dead"), b"v", bench.idle(2)).await;
    bench.put(&in_group("gg", "a"), b"v", FOREVER).await;
    bench.put(&alone("a"), b"v", FOREVER).await;
    bench.put(&alone("g"), b"v", FOREVER).await;
    bench.wait(2).await;
    assert_eq!(bench.clear("g").await, 3);
    assert!(bench.list("g").await.is_empty());
    assert_eq!(bench.get(&in_group("g", "a")).await, None);
    assert_eq!(bench.clear("g").await, 0);
    assert!(bench.get(&in_group("gg", "a")).await.is_some());
    assert!(bench.get(&alone("a")).await.is_some());
    assert!(bench.get(&alone("g")).await.is_some());
}

async fn a_clear_keeps_the_one_that_it_is_told_to_keep(bench: Arc<Bench>) {
    let clear = async |keep: &str| bench.store.clear("g", Some(keep), bench.now()).await.unwrap();
    assert_eq!(clear("kept").await, 0);
    for (id, units) in [("a", 40), ("kept", 8), ("b", 40), ("dead", 2)] {
        assert!(
            bench
                .store
                .insert(&in_group("g", id), b"v", b"note", bench.idle(units), bench.now())
                .await
                .unwrap()
        );
    }
    bench.put(&in_group("gg", "a"), b"v", FOREVER).await;
    bench.wait(2).await;
    assert_eq!(clear("kept").await, 2);
    assert_eq!(bench.ids("g").await, ["kept"]);
    assert_eq!(bench.list("g").await[0].note, b"note");
    bench.wait(4).await;
    assert_eq!(bench.touch(&in_group("g", "kept")).await.as_deref(), Some(&b"v"[..]));
    bench.wait(4).await;
    assert_eq!(bench.ids("g").await, ["kept"], "it is still found after its first end");
    assert_eq!(clear("unknown").await, 1, "what is not there keeps nothing");
    assert!(bench.list("g").await.is_empty());

    bench.put(&in_group("g", "for ever"), b"v", FOREVER).await;
    bench.put(&in_group("g", "dead"), b"v", bench.idle(2)).await;
    bench.wait(2).await;
    assert_eq!(clear("for ever").await, 0);
    assert_eq!(clear("dead").await, 1);
    assert_eq!(bench.get(&in_group("g", "dead")).await, None);
    assert!(bench.get(&in_group("gg", "a")).await.is_some());
}

async fn a_clear_finds_what_was_touched_long_after_the_others_died(bench: Arc<Bench>) {
    let (short, long) = (in_group("g", "short"), in_group("g", "long"));
    bench.put(&long, b"v", bench.idle(6)).await;
    for _ in 0..2 {
        bench.wait(4).await;
        assert!(bench.touch(&long).await.is_some());
    }
    bench.put(&short, b"v", bench.idle(1)).await;
    bench.wait(3).await;
    assert_eq!(bench.ids("g").await, ["long"]);
    assert_eq!(bench.clear("g").await, 1);
    assert_eq!(bench.get(&long).await, None);
}

async fn an_unlimited_value_outlives_its_group(bench: Arc<Bench>) {
    bench.put(&in_group("g", "for ever"), b"v", FOREVER).await;
    bench.put(&in_group("g", "short"), b"v", bench.idle(1)).await;
    bench.wait(3).await;
    assert_eq!(bench.ids("g").await, ["for ever"]);
    assert_eq!(bench.clear("g").await, 1);
}

async fn a_list_is_the_live_keys_oldest_first(bench: Arc<Bench>) {
    let mut starts = Vec::new();
    for id in ["c", "a", "dead", "b"] {
        starts.push(bench.now());
        let units = if id == "dead" { 2 } else { 40 };
        bench.put(&in_group("g", id), b"v", bench.idle(units)).await;
        bench.wait(1).await;
    }
    bench.put(&in_group("other", "x"), b"v", FOREVER).await;
    bench.put(&alone("y"), b"v", FOREVER).await;
    bench.wait(1).await;
    let touched = bench.now();
    bench.touch(&in_group("g", "c")).await;
    let entries = bench.list("g").await;
    assert_eq!(entries.iter().map(|entry| entry.id.as_str()).collect::<Vec<_>>(), ["c", "a", "b"]);
    for (entry, start) in entries.iter().zip([starts[0], starts[1], starts[3]]) {
        bench.assert_near(entry.created, start);
    }
    bench.assert_near(entries[0].expires.unwrap(), touched + bench.units(40));
    bench.assert_near(entries[1].expires.unwrap(), starts[1] + bench.units(40));
    if let Some(last_used) = entries[0].last_used {
        bench.assert_near(last_used, touched);
    }
}

async fn a_list_tells_the_nearer_of_both_limits(bench: Arc<Bench>) {
    let start = bench.now();
    bench
        .put(&in_group("g", "a"), b"v", Lifetime { idle: Some(bench.units(30)), ..bench.deadline(20) })
        .await;
    bench
        .put(&in_group("h", "a"), b"v", Lifetime { idle: Some(bench.units(30)), ..bench.deadline(40) })
        .await;
    bench.put(&in_group("i", "a"), b"v", FOREVER).await;
    bench.assert_near(bench.list("g").await[0].expires.unwrap(), start + bench.units(20));
    bench.assert_near(bench.list("h").await[0].expires.unwrap(), start + bench.units(30));
    assert_eq!(bench.list("i").await[0].expires, None);
}

async fn many_are_put_at_once(bench: Arc<Bench>) {
    bench.store.put_many(&[], bench.now()).await.unwrap();
    let mut entries: Vec<(Key, Vec<u8>, Lifetime)> = (0..200)
        .map(|number| {
            let id = number.to_string();
            let key = if number % 2 == 0 { alone(&id) } else { in_group(&format!("g{}", number % 3), &id) };
            (key, id.into_bytes(), if number % 5 == 0 { FOREVER } else { bench.idle(20) })
        })
        .collect();
    entries.push((alone("0"), b"the last wins".to_vec(), bench.idle(2)));
    bench.put(&alone("2"), b"overwritten", FOREVER).await;
    bench.store.put_many(&entries, bench.now()).await.unwrap();
    // The last one first, which does not live long.
    for (key, value, _) in entries[1..].iter().rev() {
        assert_eq!(bench.get(key).await.as_ref(), Some(value));
    }
    assert_eq!(
        bench.list("g0").await.len() + bench.list("g1").await.len() + bench.list("g2").await.len(),
        100
    );
    bench.wait(2).await;
    assert_eq!(bench.get(&alone("0")).await, None);
    assert!(bench.get(&alone("10")).await.is_some());
}

async fn one_of_many_inserts_wins(bench: Arc<Bench>) {
    for key in [in_group("g", "a"), alone("a")] {
        let racers: Vec<_> = (0..16)
            .map(|number: u8| {
                let (bench, key) = (Arc::clone(&bench), key.clone());
                tokio::spawn(async move { bench.insert(&key, &[number], FOREVER).await.then_some(number) })
            })
            .collect();
        let mut winners = Vec::new();
        for racer in racers {
            winners.extend(racer.await.unwrap());
        }
        assert_eq!(winners.len(), 1);
        assert_eq!(bench.get(&key).await, Some(winners));
    }
}

async fn one_of_many_replaces_that_expect_the_same_wins(bench: Arc<Bench>) {
    for key in [in_group("g", "a"), alone("a")] {
        bench.put(&key, b"first", FOREVER).await;
        let racers: Vec<_> = (0..16)
            .map(|number: u8| {
                let (bench, key) = (Arc::clone(&bench), key.clone());
                tokio::spawn(async move {
                    let replaced = bench.store.replace(&key, &[number], Some(b"first"), bench.now()).await;
                    match replaced.unwrap() {
                        Replaced::Done => Some(number),
                        other => {
                            assert_eq!(other, Replaced::Conflict);
                            None
                        }
                    }
                })
            })
            .collect();
        let mut winners = Vec::new();
        for racer in racers {
            winners.extend(racer.await.unwrap());
        }
        assert_eq!(winners.len(), 1);
        assert_eq!(bench.get(&key).await, Some(winners));
    }
}

async fn one_of_many_renames_wins(bench: Arc<Bench>) {
    let from = in_group("g", "old");
    bench.put(&from, b"v", FOREVER).await;
    let racers: Vec<_> = (0..16)
        .map(|number| {
            let (bench, from, to) = (Arc::clone(&bench), from.clone(), in_group("g", &number.to_string()));
            tokio::spawn(async move { bench.rename(&from, &to, None).await })
        })
        .collect();
    let mut moved = 0;
    for racer in racers {
        match racer.await.unwrap() {
            Renamed::Moved => moved += 1,
            other => assert_eq!(other, Renamed::Missing),
        }
    }
    assert_eq!(moved, 1);
    assert_eq!(bench.list("g").await.len(), 1);
}

async fn one_of_many_deletes_wins(bench: Arc<Bench>) {
    for key in [in_group("g", "a"), alone("a")] {
        bench.put(&key, b"v", FOREVER).await;
        let racers: Vec<_> = (0..16)
            .map(|_| {
                let (bench, key) = (Arc::clone(&bench), key.clone());
                tokio::spawn(async move { bench.delete(&key).await })
            })
            .collect();
        let mut deleted = 0;
        for racer in racers {
            deleted += u32::from(racer.await.unwrap());
        }
        assert_eq!(deleted, 1);
    }
}

// faults 27
async fn writers_at_the_same_time_lose_nothing(bench: Arc<Bench>) {
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let bench = Arc::clone(&bench);
            tokio::spawn(async move {
                for number in 0..25 {
                    let key = in_group(&format!("g{}", number % 2), &format!("{writer}-{number}"));
                    assert!(bench.insert(&key, key.id.as_bytes(), bench.idle(400)).await);
                    assert_eq!(bench.touch(&key).await.as_deref(), Some(key.id.as_bytes()));
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(bench.list("g0").await.len() + bench.list("g1").await.len(), 200);
    assert_eq!(bench.clear("g0").await + bench.clear("g1").await, 200);
}

async fn a_dropped_future_leaves_other_answers_alone(bench: Arc<Bench>) {
    for number in 0..30 {
        bench.put(&in_group("g", &number.to_string()), number.to_string().as_bytes(), FOREVER).await;
    }
    let readers: Vec<_> = (0..30)
        .map(|number| {
            let bench = Arc::clone(&bench);
            tokio::spawn(async move {
                let key = in_group("g", &number.to_string());
                assert_eq!(bench.get(&key).await.as_deref(), Some(key.id.as_bytes()));
            })
        })
        .collect();
    for (number, reader) in readers.into_iter().enumerate() {
        if number % 3 == 0 {
            reader.abort();
        } else {
            reader.await.unwrap();
        }
    }
    assert_eq!(bench.list("g").await.len(), 30);
}

async fn namespaces_do_not_see_each_other(bench: Arc<Bench>) {
    let key = in_group("g", "a");
    bench.put(&key, b"v", FOREVER).await;
    assert_eq!(bench.neighbour.get(&key, bench.now()).await.unwrap(), None);
    assert!(bench.neighbour.insert(&key, b"w", b"", FOREVER, bench.now()).await.unwrap());
    assert_eq!(bench.clear("g").await, 1);
    assert_eq!(bench.neighbour.get(&key, bench.now()).await.unwrap().as_deref(), Some(&b"w"[..]));
}

async fn a_closed_store_says_so(bench: Arc<Bench>) {
    let key = in_group("g", "a");
    bench.put(&key, b"v", FOREVER).await;
    bench.store.close();
    bench.store.close();
    let (store, now) = (&bench.store, bench.now());
    let closed = Error::Store(StoreError::Closed);
    assert_eq!(store.get(&key, now).await, Err(closed.clone()));
    assert_eq!(store.touch(&key, now).await, Err(closed.clone()));
    assert_eq!(store.put(&key, b"w", FOREVER, now).await, Err(closed.clone()));
    assert_eq!(store.put_many(&[(key.clone(), vec![], FOREVER)], now).await, Err(closed.clone()));
    assert_eq!(store.insert(&key, b"w", b"", FOREVER, now).await, Err(closed.clone()));
    assert_eq!(store.replace(&key, b"w", None, now).await, Err(closed.clone()));
    assert_eq!(store.rename(&key, &in_group("g", "b"), None, now).await, Err(closed.clone()));
    assert_eq!(store.delete(&key, now).await, Err(closed.clone()));
    assert_eq!(store.clear("g", None, now).await, Err(closed.clone()));
    assert_eq!(store.list("g", now).await, Err(closed));
}

type Check = fn(Arc<Bench>) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// The checks with their names.
macro_rules! checks {
    ($($name:ident),* $(,)?) => { &[$((stringify!($name), |bench| Box::pin($name(bench)))),*] };
}

const CHECKS: &[(&str, Check)] = checks![
    what_is_put_is_got,
    values_are_any_bytes,
    keys_are_any_text,
    an_idle_value_is_gone,
    a_touch_starts_the_idle_time_anew,
    a_touch_is_written_down_once_a_hundredth_of_the_idle_time_has_gone_by,
    a_touch_of_a_value_without_an_idle_time_is_written_down_after_a_minute,
    a_touch_makes_nothing,
    no_touch_passes_the_deadline,
    the_idle_time_ends_before_the_deadline,
    a_deadline_alone_holds,
    a_deadline_in_the_past_keeps_nothing,
    the_longest_life_is_no_error,
    a_put_starts_a_new_life_and_keeps_the_creation,
    an_insert_needs_the_key_absent,
    an_insert_after_expiry_is_a_new_creation,
    a_replace_needs_the_key_live,
    a_replace_keeps_creation_and_deadline_and_restarts_the_idle_time,
    a_replace_may_ask_how_the_old_bytes_begin,
    a_conflict_does_not_prolong_the_life,
    a_note_stands_beside_its_value_as_long_as_that_lives,
    a_note_goes_with_the_value_that_expires,
    a_note_is_any_bytes_up_to_its_limit,
    a_touch_tells_the_creation_and_the_end,
    a_rename_moves_the_value_with_its_life,
    a_rename_of_nothing_is_missing,
    a_rename_exchanges_the_bytes_it_was_told_of,
    a_rename_overwrites_nothing_live,
    a_rename_stays_in_its_group,
    a_delete_says_whether_something_live_was_there,
    a_clear_removes_the_group_and_nothing_else,
    a_clear_keeps_the_one_that_it_is_told_to_keep,
    a_clear_finds_what_was_touched_long_after_the_others_died,
    an_unlimited_value_outlives_its_group,
    a_list_is_the_live_keys_oldest_first,
    a_list_tells_the_nearer_of_both_limits,
    many_are_put_at_once,
    one_of_many_inserts_wins,
    one_of_many_replaces_that_expect_the_same_wins,
    one_of_many_renames_wins,
    one_of_many_deletes_wins,
    writers_at_the_same_time_lose_nothing,
    a_dropped_future_leaves_other_answers_alone,
    namespaces_do_not_see_each_other,
    a_closed_store_says_so,
];

/// Runs every check on a bench of its own, and names all that fail.
async fn keeps_every_promise(make: impl Fn(&str) -> Bench) {
    let mut benches = Vec::new();
    for (name, check) in CHECKS {
        let bench = Arc::new(make(name));
        // Connected, before a check looks at the time.
        bench.get(&alone("nothing")).await;
        bench.neighbour.get(&alone("nothing"), bench.now()).await.unwrap();
        benches.push((name, check, bench));
    }
    let running: Vec<_> =
        benches.into_iter().map(|(name, check, bench)| (name, tokio::spawn(check(bench)))).collect();
    let mut broken = Vec::new();
    for (name, check) in running {
        if check.await.is_err() {
            broken.push(name);
        }
    }
    assert!(broken.is_empty(), "broken promises: {broken:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_memory_store_keeps_every_promise() {
    // Two stores in memory share nothing, so neighbours cannot meet.
    keeps_every_promise(|_| Bench::told(|_, _| Arc::new(Blocking(Arc::new(MemoryStore::new()))))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_awaited_memory_store_keeps_every_promise() {
    keeps_every_promise(|_| Bench::told(|_, _| Arc::new(MemoryStore::new()))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_json_store_keeps_every_promise() {
    let open = |path: &std::path::Path, namespace: &str| -> Arc<dyn AsyncStore> {
        Arc::new(Blocking(Arc::new(JsonStore::open(path, namespace).unwrap())))
    };
    keeps_every_promise(|_| Bench::told(open)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_awaited_json_store_keeps_every_promise() {
    let open = |path: &std::path::Path, namespace: &str| -> Arc<dyn AsyncStore> {
        Arc::new(JsonStore::open(path, namespace).unwrap())
    };
    keeps_every_promise(|_| Bench::told(open)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sqlite_store_keeps_every_promise() {
    let open = |path: &std::path::Path, namespace: &str| -> Arc<dyn AsyncStore> {
        Arc::new(Blocking(Arc::new(SqliteStore::open(path, namespace).unwrap())))
    };
    keeps_every_promise(|_| Bench::told(open)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_awaited_sqlite_store_keeps_every_promise() {
    let open = |path: &std::path::Path, namespace: &str| -> Arc<dyn AsyncStore> {
        Arc::new(SqliteStore::open(path, namespace).unwrap())
    };
    keeps_every_promise(|_| Bench::told(open)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocking_store_on_threads_keeps_every_promise() {
    let open = |path: &std::path::Path, namespace: &str| -> Arc<dyn AsyncStore> {
        Arc::new(OnThreads::new(Arc::new(SqliteStore::open(path, namespace).unwrap())))
    };
    keeps_every_promise(|_| Bench::told(open)).await;
}

fn on_redis(options: &RedisOptions, name: &str, open: fn(&RedisOptions) -> Arc<dyn AsyncStore>) -> Bench {
    let options = |part: &str| RedisOptions {
        namespace: format!("{name}-{part}"),
        connect_timeout: Duration::from_secs(10),
        response_timeout: Duration::from_secs(10),
        ..options.clone()
    };
    Bench {
        store: open(&options("sessions")),
        neighbour: open(&options("lists")),
        clock: Clock::Server,
        _folder: tempfile::tempdir().unwrap(),
    }
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
