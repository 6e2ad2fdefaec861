//! The promises of a [`Store`] and an [`AsyncStore`] as tests, for a store of your own. Behind the feature `testing`.
//!
//! ```
//! use std::sync::Arc;
//!
//! use jam::store::MemoryStore; // in place of your own
//! use jam::store::contract::{Subject, keeps_every_promise};
//!
//! # let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
//! # runtime.block_on(async {
//! keeps_every_promise(|_| Subject::new(Arc::new(MemoryStore::new()))).await;
//! keeps_every_promise(|_| Subject::blocking(Arc::new(MemoryStore::new()))).await;
//! # });
//! ```

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::any::Any;
use std::collections::BTreeSet;
use std::fmt;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::{
    AsyncStore, Entry, Exchange, Found, Key, Lifetime, MAX_NOTE, Renamed, Replaced, Store, StoreFuture,
};
use crate::{Error, StoreError, Timestamp};

/// A store to be tested, and how it tells the time.
pub struct Subject {
    store: Arc<dyn AsyncStore>,
    neighbour: Option<Arc<dyn AsyncStore>>,
    clock: Clock,
    _kept: Box<dyn Any + Send + Sync>,
}

enum Clock {
    /// The store believes the caller: waiting costs nothing.
    Told(AtomicI64),
    /// The store has a clock of its own.
    Server,
}

impl Subject {
    /// An empty store that believes what `now` it is told.
    pub fn new(store: Arc<dyn AsyncStore>) -> Self {
        let clock = Clock::Told(AtomicI64::new(1_700_000_000_000));
        Self { store, neighbour: None, clock, _kept: Box::new(()) }
    }

    /// The same for a blocking store.
    pub fn blocking(store: Arc<dyn Store>) -> Self {
        Self::new(Arc::new(Blocking(store)))
    }

    /// With a second store on the same file or server, under another namespace: neither must see what the other holds.
    #[must_use]
    pub fn with_neighbour(self, neighbour: Arc<dyn AsyncStore>) -> Self {
        Self { neighbour: Some(neighbour), ..self }
    }

    /// The store tells the time itself, as one on a server does: some seconds have to pass.
    #[must_use]
    pub fn with_its_own_clock(self) -> Self {
        Self { clock: Clock::Server, ..self }
    }

    /// With what must live as long as the store, such as its folder.
    #[must_use]
    pub fn keeping(self, kept: impl Any + Send + Sync) -> Self {
        Self { _kept: Box::new(kept), ..self }
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Subject").finish_non_exhaustive()
    }
}

/// Lives are counted in these. Long enough on a server that a slow machine does not lose two of them.
const SERVER_UNIT: Duration = Duration::from_millis(250);
const TOLD_UNIT: Duration = Duration::from_secs(100);

impl Subject {
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

async fn what_is_put_is_got(subject: Arc<Subject>) {
    for key in [in_group("g", "a"), alone("a")] {
        assert_eq!(subject.get(&key).await, None);
        assert_eq!(subject.touch(&key).await, None);
        subject.put(&key, b"one", FOREVER).await;
        assert_eq!(subject.get(&key).await.as_deref(), Some(&b"one"[..]));
        assert_eq!(subject.touch(&key).await.as_deref(), Some(&b"one"[..]));
        subject.put(&key, b"two", FOREVER).await;
        assert_eq!(subject.get(&key).await.as_deref(), Some(&b"two"[..]));
    }
}

async fn values_are_any_bytes(subject: Arc<Subject>) {
    let every_byte: Vec<u8> = (0..=255).collect();
    for (number, value) in
        [vec![], every_byte, b"\r\n$3\r\nDEL\0".to_vec(), vec![0xa5; 1 << 20]].iter().enumerate()
    {
        for key in [in_group("g", &number.to_string()), alone(&number.to_string())] {
            subject.put(&key, value, subject.idle(100)).await;
            assert!(subject.get(&key).await.as_ref() == Some(value), "value {number}");
            assert!(subject.touch(&key).await.as_ref() == Some(value), "value {number}");
        }
    }
}

// attack 60
async fn keys_are_any_text(subject: Arc<Subject>) {
    let long = "x".repeat(1 << 16);
    let texts =
        ["*", "a:b", "\r\nDEL", "{x}", "}{", "a", "%", "_", "'; DROP TABLE jam_store; --", "ключ", &long];
    for group in texts {
        for id in texts {
            assert!(subject.insert(&in_group(group, id), format!("{group} {id}").as_bytes(), FOREVER).await);
        }
    }
    for id in texts {
        assert!(subject.insert(&alone(id), id.as_bytes(), FOREVER).await);
    }
    for group in texts {
        assert_eq!(subject.get(&in_group(group, "a")).await, Some(format!("{group} a").into_bytes()));
        assert_eq!(
            subject.ids(group).await.into_iter().collect::<BTreeSet<_>>(),
            texts.map(str::to_owned).into()
        );
    }
    assert_eq!(subject.clear("*").await, texts.len() as u64);
    assert_eq!(subject.get(&in_group("a:b", "a")).await.as_deref(), Some(&b"a:b a"[..]));
    assert_eq!(subject.get(&alone("*")).await.as_deref(), Some(&b"*"[..]));
}

async fn an_idle_value_is_gone(subject: Arc<Subject>) {
    for key in [in_group("g", "a"), alone("a")] {
        subject.put(&key, b"v", subject.idle(4)).await;
        subject.wait(2).await;
        assert!(subject.get(&key).await.is_some());
        subject.wait(2).await;
        // Reading has not prolonged it.
        assert_eq!(subject.get(&key).await, None);
        assert_eq!(subject.touch(&key).await, None);
        assert!(!subject.replace(&key, b"w").await);
        assert!(!subject.delete(&key).await);
    }
    assert!(subject.list("g").await.is_empty());
}

async fn a_touch_starts_the_idle_time_anew(subject: Arc<Subject>) {
    for key in [in_group("g", "a"), alone("a")] {
        subject.put(&key, b"v", subject.idle(6)).await;
        for _ in 0..2 {
            subject.wait(4).await;
            assert_eq!(subject.touch(&key).await.as_deref(), Some(&b"v"[..]));
        }
        subject.wait(6).await;
        assert_eq!(subject.get(&key).await, None);
    }
}

async fn a_touch_is_written_down_once_a_hundredth_of_the_idle_time_has_gone_by(subject: Arc<Subject>) {
    let key = in_group("g", "a");
    let last_used = async || subject.list("g").await[0].last_used.unwrap();
    subject.put(&key, b"v", subject.idle(100)).await;
    let written = last_used().await;

    // Within it, and within a minute, a store may save itself the write; one that tells no time of its own does.
    let soon = subject.now() + Duration::from_secs(59);
    assert_eq!(subject.store.touch(&key, soon).await.unwrap().map(|found| found.value), Some(b"v".to_vec()));
    match subject.clock {
        Clock::Told(_) => assert_eq!(last_used().await, written),
        Clock::Server => subject.assert_near(last_used().await, written),
    }

    subject.wait(2).await;
    assert!(subject.touch(&key).await.is_some());
    subject.assert_near(last_used().await, subject.now());
    subject.assert_near(subject.list("g").await[0].expires.unwrap(), subject.now() + subject.units(100));
}

async fn a_touch_of_a_value_without_an_idle_time_is_written_down_after_a_minute(subject: Arc<Subject>) {
    let key = in_group("g", "a");
    subject.put(&key, b"v", FOREVER).await;
    subject.wait(1).await;
    assert!(subject.touch(&key).await.is_some());
    let entry = subject.list("g").await.remove(0);
    // On a server's clock no minute has gone by, so that it may or may not be written.
    if matches!(subject.clock, Clock::Told(_)) {
        assert_eq!(entry.last_used, Some(subject.now()));
    }
    assert_eq!(entry.expires, None);
}

async fn a_touch_makes_nothing(subject: Arc<Subject>) {
    for key in [in_group("g", "a"), alone("a")] {
        assert_eq!(subject.touch(&key).await, None);
        subject.put(&key, b"v", subject.idle(2)).await;
        subject.wait(2).await;
        assert_eq!(subject.touch(&key).await, None, "what is expired stays so");
        assert!(subject.insert(&key, b"w", FOREVER).await);
        subject.delete(&key).await;
        assert_eq!(subject.touch(&key).await, None);
        assert_eq!(subject.get(&key).await, None);
    }
    assert!(subject.list("g").await.is_empty());
}

async fn no_touch_passes_the_deadline(subject: Arc<Subject>) {
    for key in [in_group("g", "a"), alone("a")] {
        subject.put(&key, b"v", Lifetime { idle: Some(subject.units(4)), ..subject.deadline(6) }).await;
        subject.wait(2).await;
        assert!(subject.touch(&key).await.is_some());
        subject.wait(2).await;
        assert!(subject.touch(&key).await.is_some());
        subject.wait(2).await;
        assert_eq!(subject.touch(&key).await, None);
        assert_eq!(subject.get(&key).await, None);
    }
}

async fn the_idle_time_ends_before_the_deadline(subject: Arc<Subject>) {
    for key in [in_group("g", "a"), alone("a")] {
        subject.put(&key, b"v", Lifetime { idle: Some(subject.units(2)), ..subject.deadline(20) }).await;
        subject.wait(2).await;
        assert_eq!(subject.get(&key).await, None);
    }
}

async fn a_deadline_alone_holds(subject: Arc<Subject>) {
    for key in [in_group("g", "a"), alone("a")] {
        subject.put(&key, b"v", subject.deadline(4)).await;
        subject.wait(2).await;
        assert!(subject.touch(&key).await.is_some());
        subject.wait(2).await;
        assert_eq!(subject.get(&key).await, None);
    }
}

async fn a_deadline_in_the_past_keeps_nothing(subject: Arc<Subject>) {
    for key in [in_group("g", "a"), alone("a")] {
        let past = Lifetime { idle: None, deadline: Some(Timestamp::from_seconds(1)) };
        assert!(subject.insert(&key, b"v", past).await);
        assert_eq!(subject.get(&key).await, None);
        subject.put(&key, b"live", FOREVER).await;
        subject.put(&key, b"v", past).await;
        assert_eq!(subject.get(&key).await, None, "the live value is overwritten");
        subject.store.put_many(&[(key.clone(), b"v".to_vec(), past)], subject.now()).await.unwrap();
        assert_eq!(subject.get(&key).await, None);
    }
    assert!(subject.list("g").await.is_empty());
}

async fn the_longest_life_is_no_error(subject: Arc<Subject>) {
    for key in [in_group("g", "a"), alone("a")] {
        let longest =
            Lifetime { idle: Some(Duration::MAX), deadline: Some(Timestamp::from_millis(i64::MAX)) };
        subject.put(&key, b"v", longest).await;
        assert!(subject.touch(&key).await.is_some());
        assert!(subject.replace(&key, b"w").await);
        assert_eq!(subject.get(&key).await.as_deref(), Some(&b"w"[..]));
    }
}

async fn a_put_starts_a_new_life_and_keeps_the_creation(subject: Arc<Subject>) {
    let key = in_group("g", "a");
    let start = subject.now();
    subject.put(&key, b"v", subject.idle(4)).await;
    subject.wait(3).await;
    subject.put(&key, b"w", subject.idle(20)).await;
    subject.wait(2).await;
    assert_eq!(subject.get(&key).await.as_deref(), Some(&b"w"[..]));
    subject.assert_near(subject.list("g").await[0].created, start);
    subject.put(&key, b"x", FOREVER).await;
    assert_eq!(subject.list("g").await[0].expires, None);
}

async fn an_insert_needs_the_key_absent(subject: Arc<Subject>) {
    for key in [in_group("g", "a"), alone("a")] {
        assert!(subject.insert(&key, b"one", subject.idle(4)).await);
        assert!(!subject.insert(&key, b"two", FOREVER).await);
        assert_eq!(subject.get(&key).await.as_deref(), Some(&b"one"[..]));
        subject.wait(4).await;
        assert_eq!(subject.get(&key).await, None, "the refused insert has not prolonged it");
        assert!(subject.insert(&key, b"three", FOREVER).await);
        assert_eq!(subject.get(&key).await.as_deref(), Some(&b"three"[..]));
    }
}

async fn an_insert_after_expiry_is_a_new_creation(subject: Arc<Subject>) {
    let key = in_group("g", "a");
    subject.put(&key, b"v", subject.idle(2)).await;
    subject.wait(3).await;
    let second = subject.now();
    assert!(subject.insert(&key, b"w", FOREVER).await);
    subject.assert_near(subject.list("g").await[0].created, second);
}

async fn a_replace_needs_the_key_live(subject: Arc<Subject>) {
    for key in [in_group("g", "a"), alone("a")] {
        assert!(!subject.replace(&key, b"v").await);
        assert_eq!(subject.get(&key).await, None);
        subject.put(&key, b"v", FOREVER).await;
        assert!(subject.replace(&key, b"w").await);
        assert_eq!(subject.get(&key).await.as_deref(), Some(&b"w"[..]));
        assert!(subject.delete(&key).await);
        assert!(!subject.replace(&key, b"x").await, "a deleted value is not recreated");
        assert_eq!(subject.get(&key).await, None);
    }
}

async fn a_replace_keeps_creation_and_deadline_and_restarts_the_idle_time(subject: Arc<Subject>) {
    let key = in_group("g", "a");
    let start = subject.now();
    subject.put(&key, b"v", Lifetime { idle: Some(subject.units(6)), ..subject.deadline(11) }).await;
    subject.wait(4).await;
    assert!(subject.replace(&key, b"longer than before").await);
    subject.wait(4).await;
    assert_eq!(subject.touch(&key).await.as_deref(), Some(&b"longer than before"[..]));
    subject.assert_near(subject.list("g").await[0].created, start);
    subject.wait(3).await;
    assert_eq!(subject.get(&key).await, None);
}

async fn a_replace_may_ask_how_the_old_bytes_begin(subject: Arc<Subject>) {
    let replace = async |key: &Key, value: &[u8], expected: &[u8]| {
        subject.store.replace(key, value, Some(expected), subject.now()).await.unwrap()
    };
    for key in [in_group("g", "a"), alone("a")] {
        assert_eq!(replace(&key, b"w", b"").await, Replaced::Missing);
        subject.put(&key, b"v1\0\xff rest", subject.idle(4)).await;
        for unlike in [&b"v2"[..], b"1", b"v1\0\xff rest and more", b"v1\0\xfe", b"V"] {
            assert_eq!(replace(&key, b"w", unlike).await, Replaced::Conflict, "{unlike:?}");
        }
        assert_eq!(subject.get(&key).await.as_deref(), Some(&b"v1\0\xff rest"[..]), "nothing was changed");
        for (like, new) in [(&b"v1\0\xff"[..], &b"v2"[..]), (b"v2", b""), (b"", b"v3")] {
            assert_eq!(replace(&key, new, like).await, Replaced::Done, "{like:?}");
            assert_eq!(subject.get(&key).await.as_deref(), Some(new));
        }
        subject.wait(4).await;
        assert_eq!(replace(&key, b"w", b"v3").await, Replaced::Missing, "what is expired stays so");
        assert_eq!(subject.get(&key).await, None);
    }
}

async fn a_conflict_does_not_prolong_the_life(subject: Arc<Subject>) {
    let key = in_group("g", "a");
    subject.put(&key, b"v", subject.idle(4)).await;
    subject.wait(2).await;
    let refused = subject.store.replace(&key, b"w", Some(b"x"), subject.now()).await.unwrap();
    assert_eq!(refused, Replaced::Conflict);
    subject.wait(2).await;
    assert_eq!(subject.get(&key).await, None);
}

async fn a_note_stands_beside_its_value_as_long_as_that_lives(subject: Arc<Subject>) {
    let (key, moved) = (in_group("g", "a"), in_group("g", "b"));
    let notes = async || subject.list("g").await.into_iter().map(|entry| entry.note).collect::<Vec<_>>();
    let touched = async |key: &Key| subject.store.touch(key, subject.now()).await.unwrap().unwrap();
    assert!(subject.store.insert(&key, b"v", b"one", subject.idle(8), subject.now()).await.unwrap());
    assert!(!subject.store.insert(&key, b"w", b"two", subject.idle(8), subject.now()).await.unwrap());
    assert_eq!(notes().await, [b"one"]);
    assert!(subject.replace(&key, b"longer than it was").await);
    let found = touched(&key).await;
    assert_eq!((&found.value[..], &found.note[..]), (&b"longer than it was"[..], &b"one"[..]));
    assert_eq!(subject.rename(&key, &moved, None).await, Renamed::Moved);
    assert_eq!(notes().await, [b"one"]);
    let exchange = Exchange { expected: vec![], replacement: b"w".to_vec(), note: b"two".to_vec() };
    assert_eq!(subject.rename(&moved, &key, Some(&exchange)).await, Renamed::Moved);
    let found = touched(&key).await;
    assert_eq!((&found.value[..], &found.note[..]), (&b"w"[..], &b"two"[..]));
    assert_eq!(subject.get(&key).await.as_deref(), Some(&b"w"[..]), "no part of the note");
    subject.put(&key, b"x", subject.idle(2)).await;
    assert_eq!(notes().await, [b""], "a put is without one");
    subject.wait(2).await;
    assert!(subject.insert(&key, b"y", FOREVER).await);
    assert_eq!(touched(&key).await.note, b"");
}

async fn a_note_goes_with_the_value_that_expires(subject: Arc<Subject>) {
    for key in [in_group("g", "a"), alone("a")] {
        assert!(subject.store.insert(&key, b"v", b"one", subject.idle(2), subject.now()).await.unwrap());
        subject.wait(2).await;
        assert!(subject.insert(&key, b"w", FOREVER).await);
        assert_eq!(subject.store.touch(&key, subject.now()).await.unwrap().unwrap().note, b"");
    }
}

async fn a_note_is_any_bytes_up_to_its_limit(subject: Arc<Subject>) {
    let every_byte: Vec<u8> = (0..=255).collect();
    for note in [every_byte, b"\0".to_vec(), b"1p".to_vec(), vec![0xa5; MAX_NOTE]] {
        for key in [in_group("g", "a"), alone("a")] {
            assert!(subject.store.insert(&key, b"value", &note, FOREVER, subject.now()).await.unwrap());
            let found = subject.store.touch(&key, subject.now()).await.unwrap().unwrap();
            assert_eq!((&found.value[..], &found.note), (&b"value"[..], &note));
            assert_eq!(subject.get(&key).await.as_deref(), Some(&b"value"[..]));
            assert!(subject.delete(&key).await);
        }
    }
    let (key, long) = (in_group("g", "a"), vec![0; MAX_NOTE + 1]);
    let refused = subject.store.insert(&key, b"v", &long, FOREVER, subject.now()).await;
    assert!(matches!(refused, Err(Error::Validation(_))), "{refused:?}");
    subject.put(&key, b"v", FOREVER).await;
    let exchange = Exchange { expected: vec![], replacement: vec![], note: long };
    let refused = subject.store.rename(&key, &in_group("g", "b"), Some(&exchange), subject.now()).await;
    assert!(matches!(refused, Err(Error::Validation(_))), "{refused:?}");
    assert_eq!(subject.ids("g").await, ["a"]);
}

async fn a_touch_tells_the_creation_and_the_end(subject: Arc<Subject>) {
    for key in [in_group("g", "a"), alone("a")] {
        let start = subject.now();
        subject.put(&key, b"v", Lifetime { idle: Some(subject.units(8)), ..subject.deadline(10) }).await;
        subject.wait(1).await;
        let found = subject.store.touch(&key, subject.now()).await.unwrap().unwrap();
        subject.assert_near(found.created, start);
        subject.assert_near(found.expires.unwrap(), subject.now() + subject.units(8));
        subject.wait(3).await;
        let found = subject.store.touch(&key, subject.now()).await.unwrap().unwrap();
        subject.assert_near(found.expires.unwrap(), start + subject.units(10));
        subject.put(&key, b"v", FOREVER).await;
        assert_eq!(subject.store.touch(&key, subject.now()).await.unwrap().unwrap().expires, None);
    }
}

async fn a_rename_moves_the_value_with_its_life(subject: Arc<Subject>) {
    let (from, to) = (in_group("g", "old"), in_group("g", "new"));
    let start = subject.now();
    subject.put(&from, b"v", Lifetime { idle: Some(subject.units(6)), ..subject.deadline(11) }).await;
    subject.wait(4).await;
    assert_eq!(subject.rename(&from, &to, None).await, Renamed::Moved);
    assert_eq!(subject.get(&from).await, None);
    assert_eq!(subject.ids("g").await, ["new"]);
    subject.wait(4).await;
    assert_eq!(subject.touch(&to).await.as_deref(), Some(&b"v"[..]));
    subject.assert_near(subject.list("g").await[0].created, start);
    subject.wait(3).await;
    assert_eq!(subject.get(&to).await, None);
}

async fn a_rename_of_nothing_is_missing(subject: Arc<Subject>) {
    let (from, to) = (in_group("g", "old"), in_group("g", "new"));
    let exchange = Exchange { expected: vec![], replacement: b"w".to_vec(), note: vec![] };
    assert_eq!(subject.rename(&from, &to, None).await, Renamed::Missing);
    assert_eq!(subject.rename(&from, &to, Some(&exchange)).await, Renamed::Missing);
    subject.put(&from, b"", subject.idle(2)).await;
    subject.wait(2).await;
    assert_eq!(subject.rename(&from, &to, Some(&exchange)).await, Renamed::Missing);
    assert_eq!(subject.get(&to).await, None);
    assert!(subject.ids("g").await.is_empty());
}

async fn a_rename_exchanges_the_bytes_it_was_told_of(subject: Arc<Subject>) {
    let (from, to) = (in_group("g", "old"), in_group("g", "new"));
    subject.put(&from, b"v\0\r\n", subject.idle(50)).await;
    for unlike in [&b"v\0\r\n and more"[..], b"\0", b"V"] {
        let stale = Exchange { expected: unlike.to_vec(), replacement: b"w".to_vec(), note: vec![] };
        assert_eq!(subject.rename(&from, &to, Some(&stale)).await, Renamed::Conflict);
    }
    let stale = Exchange { expected: b"other".to_vec(), replacement: b"w".to_vec(), note: vec![] };
    assert_eq!(subject.rename(&from, &to, Some(&stale)).await, Renamed::Conflict);
    assert_eq!(subject.get(&from).await.as_deref(), Some(&b"v\0\r\n"[..]));
    assert_eq!(subject.get(&to).await, None);
    let known = Exchange { expected: b"v\0\r".to_vec(), replacement: b"longer \xff".to_vec(), note: vec![] };
    assert_eq!(subject.rename(&from, &to, Some(&known)).await, Renamed::Moved);
    assert_eq!(subject.get(&to).await.as_deref(), Some(&b"longer \xff"[..]));
    assert_eq!(subject.get(&from).await, None);
}

async fn a_rename_overwrites_nothing_live(subject: Arc<Subject>) {
    let (from, to) = (in_group("g", "old"), in_group("g", "new"));
    subject.put(&from, b"v", FOREVER).await;
    subject.put(&to, b"taken", subject.idle(4)).await;
    assert_eq!(subject.rename(&from, &to, None).await, Renamed::Conflict);
    assert_eq!(subject.rename(&from, &from, None).await, Renamed::Conflict);
    assert_eq!(subject.get(&from).await.as_deref(), Some(&b"v"[..]));
    assert_eq!(subject.get(&to).await.as_deref(), Some(&b"taken"[..]));
    subject.wait(4).await;
    assert_eq!(subject.rename(&from, &to, None).await, Renamed::Moved);
    assert_eq!(subject.get(&to).await.as_deref(), Some(&b"v"[..]));
    assert_eq!(subject.ids("g").await, ["new"]);
}

async fn a_rename_stays_in_its_group(subject: Arc<Subject>) {
    subject.put(&in_group("g", "a"), b"v", FOREVER).await;
    subject.put(&alone("a"), b"v", FOREVER).await;
    for (from, to) in [
        (in_group("g", "a"), in_group("h", "a")),
        (in_group("g", "a"), alone("b")),
        (alone("a"), in_group("g", "b")),
        (alone("a"), alone("b")),
    ] {
        let refused = subject.store.rename(&from, &to, None, subject.now()).await;
        assert!(matches!(refused, Err(Error::Validation(_))), "{refused:?}");
        assert!(subject.get(&from).await.is_some());
    }
}

async fn a_delete_says_whether_something_live_was_there(subject: Arc<Subject>) {
    for key in [in_group("g", "a"), alone("a")] {
        assert!(!subject.delete(&key).await);
        subject.put(&key, b"v", FOREVER).await;
        assert!(subject.delete(&key).await);
        assert!(!subject.delete(&key).await);
        assert_eq!(subject.get(&key).await, None);
    }
    assert!(subject.list("g").await.is_empty());
}

async fn a_clear_removes_the_group_and_nothing_else(subject: Arc<Subject>) {
    assert_eq!(subject.clear("g").await, 0);
    for id in ["a", "b", "c"] {
        subject.put(&in_group("g", id), b"v", FOREVER).await;
    }
    subject.put(&in_group("g", "dead"), b"v", subject.idle(2)).await;
    subject.put(&in_group("gg", "a"), b"v", FOREVER).await;
    subject.put(&alone("a"), b"v", FOREVER).await;
    subject.put(&alone("g"), b"v", FOREVER).await;
    subject.wait(2).await;
    assert_eq!(subject.clear("g").await, 3);
    assert!(subject.list("g").await.is_empty());
    assert_eq!(subject.get(&in_group("g", "a")).await, None);
    assert_eq!(subject.clear("g").await, 0);
    assert!(subject.get(&in_group("gg", "a")).await.is_some());
    assert!(subject.get(&alone("a")).await.is_some());
    assert!(subject.get(&alone("g")).await.is_some());
}

async fn a_clear_keeps_the_one_that_it_is_told_to_keep(subject: Arc<Subject>) {
    let clear = async |keep: &str| subject.store.clear("g", Some(keep), subject.now()).await.unwrap();
    assert_eq!(clear("kept").await, 0);
    for (id, units) in [("a", 40), ("kept", 8), ("b", 40), ("dead", 2)] {
        assert!(
            subject
                .store
                .insert(&in_group("g", id), b"v", b"note", subject.idle(units), subject.now())
                .await
                .unwrap()
        );
    }
    subject.put(&in_group("gg", "a"), b"v", FOREVER).await;
    subject.wait(2).await;
    assert_eq!(clear("kept").await, 2);
    assert_eq!(subject.ids("g").await, ["kept"]);
    assert_eq!(subject.list("g").await[0].note, b"note");
    subject.wait(4).await;
    assert_eq!(subject.touch(&in_group("g", "kept")).await.as_deref(), Some(&b"v"[..]));
    subject.wait(4).await;
    assert_eq!(subject.ids("g").await, ["kept"], "it is still found after its first end");
    assert_eq!(clear("unknown").await, 1, "what is not there keeps nothing");
    assert!(subject.list("g").await.is_empty());

    subject.put(&in_group("g", "for ever"), b"v", FOREVER).await;
    subject.put(&in_group("g", "dead"), b"v", subject.idle(2)).await;
    subject.wait(2).await;
    assert_eq!(clear("for ever").await, 0);
    assert_eq!(clear("dead").await, 1);
    assert_eq!(subject.get(&in_group("g", "dead")).await, None);
    assert!(subject.get(&in_group("gg", "a")).await.is_some());
}

async fn a_clear_finds_what_was_touched_long_after_the_others_died(subject: Arc<Subject>) {
    let (short, long) = (in_group("g", "short"), in_group("g", "long"));
    subject.put(&long, b"v", subject.idle(6)).await;
    for _ in 0..2 {
        subject.wait(4).await;
        assert!(subject.touch(&long).await.is_some());
    }
    subject.put(&short, b"v", subject.idle(1)).await;
    subject.wait(3).await;
    assert_eq!(subject.ids("g").await, ["long"]);
    assert_eq!(subject.clear("g").await, 1);
    assert_eq!(subject.get(&long).await, None);
}

async fn an_unlimited_value_outlives_its_group(subject: Arc<Subject>) {
    subject.put(&in_group("g", "for ever"), b"v", FOREVER).await;
    subject.put(&in_group("g", "short"), b"v", subject.idle(1)).await;
    subject.wait(3).await;
    assert_eq!(subject.ids("g").await, ["for ever"]);
    assert_eq!(subject.clear("g").await, 1);
}

async fn a_list_is_the_live_keys_oldest_first(subject: Arc<Subject>) {
    let mut starts = Vec::new();
    for id in ["c", "a", "dead", "b"] {
        starts.push(subject.now());
        let units = if id == "dead" { 2 } else { 40 };
        subject.put(&in_group("g", id), b"v", subject.idle(units)).await;
        subject.wait(1).await;
    }
    subject.put(&in_group("other", "x"), b"v", FOREVER).await;
    subject.put(&alone("y"), b"v", FOREVER).await;
    subject.wait(1).await;
    let touched = subject.now();
    subject.touch(&in_group("g", "c")).await;
    let entries = subject.list("g").await;
    assert_eq!(entries.iter().map(|entry| entry.id.as_str()).collect::<Vec<_>>(), ["c", "a", "b"]);
    for (entry, start) in entries.iter().zip([starts[0], starts[1], starts[3]]) {
        subject.assert_near(entry.created, start);
    }
    subject.assert_near(entries[0].expires.unwrap(), touched + subject.units(40));
    subject.assert_near(entries[1].expires.unwrap(), starts[1] + subject.units(40));
    if let Some(last_used) = entries[0].last_used {
        subject.assert_near(last_used, touched);
    }
}

async fn a_list_tells_the_nearer_of_both_limits(subject: Arc<Subject>) {
    let start = subject.now();
    subject
        .put(&in_group("g", "a"), b"v", Lifetime { idle: Some(subject.units(30)), ..subject.deadline(20) })
        .await;
    subject
        .put(&in_group("h", "a"), b"v", Lifetime { idle: Some(subject.units(30)), ..subject.deadline(40) })
        .await;
    subject.put(&in_group("i", "a"), b"v", FOREVER).await;
    subject.assert_near(subject.list("g").await[0].expires.unwrap(), start + subject.units(20));
    subject.assert_near(subject.list("h").await[0].expires.unwrap(), start + subject.units(30));
    assert_eq!(subject.list("i").await[0].expires, None);
}

async fn many_are_put_at_once(subject: Arc<Subject>) {
    subject.store.put_many(&[], subject.now()).await.unwrap();
    let mut entries: Vec<(Key, Vec<u8>, Lifetime)> = (0..200)
        .map(|number| {
            let id = number.to_string();
            let key = if number % 2 == 0 { alone(&id) } else { in_group(&format!("g{}", number % 3), &id) };
            (key, id.into_bytes(), if number % 5 == 0 { FOREVER } else { subject.idle(20) })
        })
        .collect();
    entries.push((alone("0"), b"the last wins".to_vec(), subject.idle(2)));
    subject.put(&alone("2"), b"overwritten", FOREVER).await;
    subject.store.put_many(&entries, subject.now()).await.unwrap();
    // The last one first, which does not live long.
    for (key, value, _) in entries[1..].iter().rev() {
        assert_eq!(subject.get(key).await.as_ref(), Some(value));
    }
    assert_eq!(
        subject.list("g0").await.len() + subject.list("g1").await.len() + subject.list("g2").await.len(),
        100
    );
    subject.wait(2).await;
    assert_eq!(subject.get(&alone("0")).await, None);
    assert!(subject.get(&alone("10")).await.is_some());
}

async fn many_are_got_at_once_in_the_order_of_their_keys(subject: Arc<Subject>) {
    let (here, elsewhere, single) = (in_group("g", "a"), in_group("other", "a"), alone("alone"));
    subject.put(&here, b"1", FOREVER).await;
    subject.put(&single, b"3", FOREVER).await;
    let get = async |keys: &[Key]| subject.store.get_many(keys, subject.now()).await.unwrap();
    let (one, three) = (Some(b"1".to_vec()), Some(b"3".to_vec()));
    assert_eq!(get(&[here.clone(), in_group("g", "b"), in_group("g", "c")]).await, [one.clone(), None, None]);
    assert_eq!(
        get(&[in_group("g", "b"), here.clone(), here.clone()]).await,
        [None, one.clone(), one.clone()]
    );
    assert_eq!(get(&[single.clone(), elsewhere.clone(), here.clone()]).await, [three.clone(), None, one]);
    assert_eq!(get(&[single]).await, [three]);
    assert_eq!(get(&[elsewhere]).await, [None]);
    assert!(get(&[]).await.is_empty());
    subject.put(&here, b"2", subject.idle(2)).await;
    subject.wait(1).await;
    assert_eq!(get(&[here.clone(), in_group("g", "b")]).await, [Some(b"2".to_vec()), None]);
    subject.wait(1).await;
    assert_eq!(get(&[here, in_group("g", "b")]).await, [None, None], "reading does not prolong the life");
}

async fn one_of_many_inserts_wins(subject: Arc<Subject>) {
    for key in [in_group("g", "a"), alone("a")] {
        let racers: Vec<_> = (0..16)
            .map(|number: u8| {
                let (subject, key) = (Arc::clone(&subject), key.clone());
                tokio::spawn(async move { subject.insert(&key, &[number], FOREVER).await.then_some(number) })
            })
            .collect();
        let mut winners = Vec::new();
        for racer in racers {
            winners.extend(racer.await.unwrap());
        }
        assert_eq!(winners.len(), 1);
        assert_eq!(subject.get(&key).await, Some(winners));
    }
}

async fn one_of_many_replaces_that_expect_the_same_wins(subject: Arc<Subject>) {
    for key in [in_group("g", "a"), alone("a")] {
        subject.put(&key, b"first", FOREVER).await;
        let racers: Vec<_> = (0..16)
            .map(|number: u8| {
                let (subject, key) = (Arc::clone(&subject), key.clone());
                tokio::spawn(async move {
                    let replaced =
                        subject.store.replace(&key, &[number], Some(b"first"), subject.now()).await;
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
        assert_eq!(subject.get(&key).await, Some(winners));
    }
}

async fn one_of_many_renames_wins(subject: Arc<Subject>) {
    let from = in_group("g", "old");
    subject.put(&from, b"v", FOREVER).await;
    let racers: Vec<_> = (0..16)
        .map(|number| {
            let (subject, from, to) =
                (Arc::clone(&subject), from.clone(), in_group("g", &number.to_string()));
            tokio::spawn(async move { subject.rename(&from, &to, None).await })
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
    assert_eq!(subject.list("g").await.len(), 1);
}

async fn one_of_many_deletes_wins(subject: Arc<Subject>) {
    for key in [in_group("g", "a"), alone("a")] {
        subject.put(&key, b"v", FOREVER).await;
        let racers: Vec<_> = (0..16)
            .map(|_| {
                let (subject, key) = (Arc::clone(&subject), key.clone());
                tokio::spawn(async move { subject.delete(&key).await })
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
async fn writers_at_the_same_time_lose_nothing(subject: Arc<Subject>) {
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let subject = Arc::clone(&subject);
            tokio::spawn(async move {
                for number in 0..25 {
                    let key = in_group(&format!("g{}", number % 2), &format!("{writer}-{number}"));
                    assert!(subject.insert(&key, key.id.as_bytes(), subject.idle(400)).await);
                    assert_eq!(subject.touch(&key).await.as_deref(), Some(key.id.as_bytes()));
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(subject.list("g0").await.len() + subject.list("g1").await.len(), 200);
    assert_eq!(subject.clear("g0").await + subject.clear("g1").await, 200);
}

async fn a_dropped_future_leaves_other_answers_alone(subject: Arc<Subject>) {
    for number in 0..30 {
        subject.put(&in_group("g", &number.to_string()), number.to_string().as_bytes(), FOREVER).await;
    }
    let readers: Vec<_> = (0..30)
        .map(|number| {
            let subject = Arc::clone(&subject);
            tokio::spawn(async move {
                let key = in_group("g", &number.to_string());
                assert_eq!(subject.get(&key).await.as_deref(), Some(key.id.as_bytes()));
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
    assert_eq!(subject.list("g").await.len(), 30);
}

async fn namespaces_do_not_see_each_other(subject: Arc<Subject>) {
    let Some(neighbour) = &subject.neighbour else { return };
    let key = in_group("g", "a");
    subject.put(&key, b"v", FOREVER).await;
    assert_eq!(neighbour.get(&key, subject.now()).await.unwrap(), None);
    assert!(neighbour.insert(&key, b"w", b"", FOREVER, subject.now()).await.unwrap());
    assert_eq!(subject.clear("g").await, 1);
    assert_eq!(neighbour.get(&key, subject.now()).await.unwrap().as_deref(), Some(&b"w"[..]));
}

async fn a_closed_store_says_so(subject: Arc<Subject>) {
    let key = in_group("g", "a");
    subject.put(&key, b"v", FOREVER).await;
    subject.store.close();
    subject.store.close();
    let (store, now) = (&subject.store, subject.now());
    let closed = Error::Store(StoreError::Closed);
    assert_eq!(store.get(&key, now).await, Err(closed.clone()));
    assert_eq!(store.get_many(std::slice::from_ref(&key), now).await, Err(closed.clone()));
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

type Check = fn(Arc<Subject>) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// The checks with their names.
macro_rules! checks {
    ($($name:ident),* $(,)?) => { &[$((stringify!($name), |subject| Box::pin($name(subject)))),*] };
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
    many_are_got_at_once_in_the_order_of_their_keys,
    one_of_many_inserts_wins,
    one_of_many_replaces_that_expect_the_same_wins,
    one_of_many_renames_wins,
    one_of_many_deletes_wins,
    writers_at_the_same_time_lose_nothing,
    a_dropped_future_leaves_other_answers_alone,
    namespaces_do_not_see_each_other,
    a_closed_store_says_so,
];

/// Puts a store to every test, each on a store of its own, all at the same time. `make` is given the name of the test, for
/// a file or a namespace.
///
/// # Panics
/// When a promise is not kept. Each is named, as what it says; what was seen in its place stands before that.
pub async fn keeps_every_promise(make: impl Fn(&str) -> Subject) {
    let mut subjects = Vec::new();
    for (name, check) in CHECKS {
        let subject = Arc::new(make(name));
        // Connected, before a check looks at the time.
        subject.get(&alone("nothing")).await;
        if let Some(neighbour) = &subject.neighbour {
            neighbour.get(&alone("nothing"), subject.now()).await.unwrap();
        }
        subjects.push((name, check, subject));
    }
    let running: Vec<_> =
        subjects.into_iter().map(|(name, check, subject)| (name, tokio::spawn(check(subject)))).collect();
    let mut broken = Vec::new();
    for (name, check) in running {
        if check.await.is_err() {
            broken.push(name.replace('_', " "));
        }
    }
    assert!(broken.is_empty(), "the store breaks its promises: {}", broken.join("; "));
}

/// A blocking store behind the awaited trait, called in place, so that each test is written once. It holds the thread that
/// awaits it: a program takes [`OnThreads`](super::OnThreads).
pub struct Blocking(pub Arc<dyn Store>);

impl fmt::Debug for Blocking {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Blocking").finish()
    }
}

impl AsyncStore for Blocking {
    fn get<'a>(&'a self, key: &'a Key, now: Timestamp) -> StoreFuture<'a, Option<Vec<u8>>> {
        Box::pin(ready(self.0.get(key, now)))
    }

    fn get_many<'a>(&'a self, keys: &'a [Key], now: Timestamp) -> StoreFuture<'a, Vec<Option<Vec<u8>>>> {
        Box::pin(ready(self.0.get_many(keys, now)))
    }

    fn touch<'a>(&'a self, key: &'a Key, now: Timestamp) -> StoreFuture<'a, Option<Found>> {
        Box::pin(ready(self.0.touch(key, now)))
    }

    fn put<'a>(
        &'a self,
        key: &'a Key,
        value: &'a [u8],
        life: Lifetime,
        now: Timestamp,
    ) -> StoreFuture<'a, ()> {
        Box::pin(ready(self.0.put(key, value, life, now)))
    }

    fn put_many<'a>(
        &'a self,
        entries: &'a [(Key, Vec<u8>, Lifetime)],
        now: Timestamp,
    ) -> StoreFuture<'a, ()> {
        Box::pin(ready(self.0.put_many(entries, now)))
    }

    fn insert<'a>(
        &'a self,
        key: &'a Key,
        value: &'a [u8],
        note: &'a [u8],
        life: Lifetime,
        now: Timestamp,
    ) -> StoreFuture<'a, bool> {
        Box::pin(ready(self.0.insert(key, value, note, life, now)))
    }

    fn replace<'a>(
        &'a self,
        key: &'a Key,
        value: &'a [u8],
        expected: Option<&'a [u8]>,
        now: Timestamp,
    ) -> StoreFuture<'a, Replaced> {
        Box::pin(ready(self.0.replace(key, value, expected, now)))
    }

    fn rename<'a>(
        &'a self,
        from: &'a Key,
        to: &'a Key,
        exchange: Option<&'a Exchange>,
        now: Timestamp,
    ) -> StoreFuture<'a, Renamed> {
        Box::pin(ready(self.0.rename(from, to, exchange, now)))
    }

    fn delete<'a>(&'a self, key: &'a Key, now: Timestamp) -> StoreFuture<'a, bool> {
        Box::pin(ready(self.0.delete(key, now)))
    }

    fn clear<'a>(&'a self, group: &'a str, keep: Option<&'a str>, now: Timestamp) -> StoreFuture<'a, u64> {
        Box::pin(ready(self.0.clear(group, keep, now)))
    }

    fn list<'a>(&'a self, group: &'a str, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        Box::pin(ready(self.0.list(group, now)))
    }

    fn close(&self) {
        self.0.close();
    }
}
