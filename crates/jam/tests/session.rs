//! Sessions and token lists over every store, through the blocking and the asynchronous face.
#![allow(clippy::unwrap_used)] // the lint's exception for tests does not reach their helpers

mod support;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use jam::secret::Secret;
use jam::session::{self, MAX_METADATA, MAX_SESSION_KEY, Session, SessionInfo, SessionOptions};
use jam::store::{Entry, Key, Lifetime};
use jam::token_list::{self, Kind, ListOptions};
use jam::{Error, Failure, Result, SessionError, Timestamp};
use serde_json::{Map, Value, json};
use support::backends::{Backend, backends};

const ENCRYPTION_KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
const NEWER_KEY: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

/// Either face, so that each test is written once.
#[derive(Clone)]
enum Sessions {
    Blocking(session::Sessions),
    Async(session::aio::Sessions),
}

/// Calls the method of the face; the asynchronous one is awaited.
macro_rules! on_face {
    ($face:expr, $sessions:ident => $call:expr) => {
        match $face {
            Self::Blocking($sessions) => $call,
            Self::Async($sessions) => $call.await,
        }
    };
}

impl Sessions {
    async fn create(&self, session_key: &str, data: &[u8], now: Timestamp) -> Result<String> {
        on_face!(self, sessions => sessions.create(session_key, data, now))
    }

    async fn get(&self, id: &str, now: Timestamp) -> Result<Option<Vec<u8>>> {
        on_face!(self, sessions => sessions.get(id, now))
    }

    async fn update(&self, id: &str, data: &[u8], now: Timestamp) -> Result<()> {
        on_face!(self, sessions => sessions.update(id, data, now))
    }

    async fn create_with(
        &self,
        session_key: &str,
        data: &[u8],
        metadata: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<String> {
        on_face!(self, sessions => sessions.create_with(session_key, data, metadata, now))
    }

    async fn read(&self, id: &str, now: Timestamp) -> Result<Option<Session>> {
        on_face!(self, sessions => sessions.read(id, now))
    }

    async fn update_if(&self, id: &str, data: &[u8], version: &str, now: Timestamp) -> Result<()> {
        on_face!(self, sessions => sessions.update_if(id, data, version, now))
    }

    async fn modify<E: From<Error>>(
        &self,
        id: &str,
        now: Timestamp,
        change: impl FnMut(Vec<u8>) -> Result<Vec<u8>, E>,
    ) -> Result<Vec<u8>, E> {
        on_face!(self, sessions => sessions.modify(id, now, change))
    }

    async fn clear_except(&self, session_key: &str, keep: &str, now: Timestamp) -> Result<()> {
        on_face!(self, sessions => sessions.clear_except(session_key, keep, now))
    }

    async fn revoke(&self, session_key: &str, handle: &str, now: Timestamp) -> Result<bool> {
        on_face!(self, sessions => sessions.revoke(session_key, handle, now))
    }

    async fn delete(&self, id: &str, now: Timestamp) -> Result<()> {
        on_face!(self, sessions => sessions.delete(id, now))
    }

    async fn clear(&self, session_key: &str, now: Timestamp) -> Result<()> {
        on_face!(self, sessions => sessions.clear(session_key, now))
    }

    async fn keep(&self, name: &str, data: &[u8], life_time: Duration, now: Timestamp) -> Result<()> {
        on_face!(self, sessions => sessions.keep(name, data, life_time, now))
    }

    async fn take(&self, name: &str, now: Timestamp) -> Result<Option<Vec<u8>>> {
        on_face!(self, sessions => sessions.take(name, now))
    }

    async fn rework(&self, id: &str, now: Timestamp) -> Result<String> {
        on_face!(self, sessions => sessions.rework(id, now))
    }

    async fn list(&self, session_key: &str, now: Timestamp) -> Result<Vec<SessionInfo>> {
        on_face!(self, sessions => sessions.list(session_key, now))
    }
}

enum TokenList {
    Blocking(token_list::TokenList),
    Async(token_list::aio::TokenList),
}

impl TokenList {
    async fn add(&self, token: &str, now: Timestamp) -> Result<()> {
        on_face!(self, list => list.add(token, now))
    }

    async fn add_many(&self, tokens: &[&str], now: Timestamp) -> Result<()> {
        on_face!(self, list => list.add_many(tokens, now))
    }

    async fn check(&self, token: &str, now: Timestamp) -> Result<bool> {
        on_face!(self, list => list.check(token, now))
    }

    async fn admit(&self, token: &str, now: Timestamp) -> Result<()> {
        on_face!(self, list => list.admit(token, now))
    }

    async fn delete(&self, token: &str, now: Timestamp) -> Result<()> {
        on_face!(self, list => list.delete(token, now))
    }
}

/// A face over a backend of its own, and what to call it in a failure.
struct Case {
    name: String,
    backend: Backend,
    sessions: Sessions,
    now: Timestamp,
}

/// Both faces over every store, with the given options.
fn cases(options: &SessionOptions) -> Vec<Case> {
    let case = |backend: Backend, face: &str, sessions: Sessions| Case {
        name: format!("{} {face}", backend.name),
        backend,
        sessions,
        now: Timestamp::now(),
    };
    let blocking = backends().into_iter().map(|backend| {
        let sessions = session::Sessions::new(backend.blocking.clone(), options.clone()).unwrap();
        case(backend, "blocking", Sessions::Blocking(sessions))
    });
    let asynchronous = backends().into_iter().map(|backend| {
        let sessions = session::aio::Sessions::new(backend.asynchronous.clone(), options.clone()).unwrap();
        case(backend, "async", Sessions::Async(sessions))
    });
    blocking.chain(asynchronous).collect()
}

fn plain() -> SessionOptions {
    SessionOptions::default()
}

fn sealed() -> SessionOptions {
    SessionOptions { encryption_keys: Some(vec![Secret::from(ENCRYPTION_KEY)]), ..plain() }
}

/// Plain and encrypted sessions through both faces over every store.
fn all_cases() -> Vec<Case> {
    let mut all = cases(&plain());
    all.extend(cases(&sealed()).into_iter().map(|case| Case { name: case.name + " encrypted", ..case }));
    all
}

fn code<T: std::fmt::Debug>(result: Result<T>) -> &'static str {
    result.unwrap_err().code()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_lives_through_all_verbs() {
    for Case { name, sessions, now, .. } in all_cases() {
        let id = sessions.create("user", b"{\"n\":1}", now).await.unwrap();
        assert_eq!(sessions.get(&id, now).await.unwrap().as_deref(), Some(&b"{\"n\":1}"[..]), "{name}");
        sessions.update(&id, b"{\"n\":2}", now).await.unwrap();
        let new = sessions.rework(&id, now).await.unwrap();
        assert_eq!(sessions.get(&id, now).await.unwrap(), None, "{name}");
        assert_eq!(sessions.get(&new, now).await.unwrap().as_deref(), Some(&b"{\"n\":2}"[..]), "{name}");
        sessions.delete(&new, now).await.unwrap();
        sessions.delete(&new, now).await.unwrap();
        assert_eq!(sessions.get(&new, now).await.unwrap(), None, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_for_later_is_taken_once_and_within_its_time() {
    // attack 65
    const MINUTE: Duration = Duration::from_secs(60);
    for Case { name, sessions, now, .. } in all_cases() {
        for text in ["", "state", "{x}", "\0"] {
            sessions.keep(text, text.as_bytes(), MINUTE, now).await.unwrap();
            let again = sessions.keep(text, b"other", MINUTE, now).await.unwrap_err();
            assert_eq!(again.code(), "validation.invalid", "{name}");
            assert_eq!(sessions.take(text, now).await, Ok(Some(text.into())), "{name} {text:?}");
            assert_eq!(sessions.take(text, now).await, Ok(None), "{name} {text:?}");
        }
        sessions.keep("expired", b"data", Duration::ZERO, now).await.unwrap();
        assert_eq!(sessions.take("expired", now).await, Ok(None), "{name}");
        sessions.keep("race", b"data", MINUTE, now).await.unwrap();
        let takers: Vec<_> = (0..8)
            .map(|_| {
                let sessions = sessions.clone();
                tokio::spawn(async move { sessions.take("race", now).await.unwrap() })
            })
            .collect();
        let mut taken = 0;
        for taker in takers {
            taken += usize::from(taker.await.unwrap().is_some());
        }
        assert_eq!(taken, 1, "{name}");
        assert_eq!(sessions.get("race", now).await, Ok(None), "{name}: what is kept is no session");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_session_can_be_updated() {
    // fault 25
    for Case { name, sessions, now, .. } in all_cases() {
        let id = sessions.create("user", b"{}", now).await.unwrap();
        sessions.update(&id, b"{\"n\":1}", now).await.unwrap();
        sessions.update(&id, b"", now).await.unwrap();
        assert_eq!(sessions.get(&id, now).await.unwrap(), Some(Vec::new()), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_session_is_ever_made_under_a_supplied_id() {
    // attack 55, attack 58
    for Case { name, sessions, now, .. } in all_cases() {
        let live = sessions.create("user", b"{}", now).await.unwrap();
        let ended = sessions.create("user", b"{}", now).await.unwrap();
        sessions.delete(&ended, now).await.unwrap();
        let (tag, secret) = live.split_once('.').unwrap();
        let supplied = [
            ended,
            format!("{tag}.{}", "A".repeat(43)),
            format!("{}.{secret}", "A".repeat(16)),
            live.to_uppercase(),
            format!("{live}A"),
            format!("{live}\0"),
            "../../etc/passwd".to_owned(),
            "/etc/passwd".to_owned(),
            String::new(),
            "*".to_owned(),
            "x".repeat(1 << 20),
        ];
        for id in &supplied {
            let shown: String = id.chars().take(80).collect();
            assert_eq!(sessions.get(id, now).await, Ok(None), "{name} {shown:?}");
            assert_eq!(code(sessions.update(id, b"{}", now).await), "sessions.not_found", "{name} {shown:?}");
            assert_eq!(code(sessions.rework(id, now).await), "sessions.not_found", "{name} {shown:?}");
            assert_eq!(sessions.delete(id, now).await, Ok(()), "{name} {shown:?}");
            assert_eq!(sessions.get(id, now).await, Ok(None), "{name} {shown:?}");
        }
        assert_eq!(sessions.list("user", now).await.unwrap().len(), 1, "{name}");
        assert!(sessions.get(&live, now).await.unwrap().is_some(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_and_the_list_hold_no_usable_id() {
    // attack 57
    for Case { name, backend, sessions, now } in all_cases() {
        let id = sessions.create("user", b"{}", now).await.unwrap();
        let secret = id.split_once('.').unwrap().1;
        for bytes in backend.everything_it_stores() {
            let stored = String::from_utf8_lossy(&bytes);
            assert!(!stored.contains(secret), "{name}");
        }
        let handles = sessions.list("user", now).await.unwrap();
        let group = id.split_once('.').unwrap().0;
        for info in handles {
            assert_ne!(info.handle, id, "{name}");
            assert_eq!(sessions.get(&info.handle, now).await, Ok(None), "{name}");
            assert_eq!(sessions.get(&format!("{group}.{}", info.handle), now).await, Ok(None), "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn encrypted_data_is_not_readable_in_the_store() {
    for Case { name, backend, sessions, now } in cases(&sealed()) {
        sessions.create("user", b"a line that is easy to find", now).await.unwrap();
        for bytes in backend.everything_it_stores() {
            assert!(!String::from_utf8_lossy(&bytes).contains("easy to find"), "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_text_is_a_session_key_and_keys_do_not_touch() {
    // attack 60, fault 25
    let keys = ["*", "a:b", "a", "b", "\r\nDEL", "{x}", "", "?", "[a-z]", "\0", "é", "%s", "' OR 1=1 --"];
    for Case { name, sessions, now, .. } in cases(&plain()) {
        let mut ids = Vec::new();
        for key in keys {
            ids.push(sessions.create(key, key.as_bytes(), now).await.unwrap());
        }
        for (key, id) in keys.iter().zip(&ids) {
            assert_eq!(
                sessions.get(id, now).await.unwrap().as_deref(),
                Some(key.as_bytes()),
                "{name} {key:?}"
            );
            assert_eq!(sessions.list(key, now).await.unwrap().len(), 1, "{name} {key:?}");
        }
        sessions.clear("*", now).await.unwrap();
        assert_eq!(sessions.get(&ids[0], now).await, Ok(None), "{name}");
        for id in &ids[1..] {
            assert!(
                sessions.get(id, now).await.unwrap().is_some(),
                "{name}: clear of \"*\" took others along"
            );
        }
        let longest = "x".repeat(MAX_SESSION_KEY);
        let id = sessions.create(&longest, b"{}", now).await.unwrap();
        assert!(sessions.get(&id, now).await.unwrap().is_some(), "{name}");
        let too_long = "x".repeat(1 << 20);
        assert_eq!(code(sessions.create(&too_long, b"{}", now).await), "validation.invalid", "{name}");
        assert_eq!(code(sessions.clear(&too_long, now).await), "validation.invalid", "{name}");
        assert_eq!(code(sessions.list(&too_long, now).await), "validation.invalid", "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_by_idling() {
    // attack 62, fault 24
    for Case { name, backend, sessions, now } in cases(&plain()) {
        if backend.has_its_own_clock {
            continue;
        }
        let id = sessions.create("user", b"{}", now).await.unwrap();
        let (almost, later) = (now + seconds(3599), now + seconds(3599 + 3600));
        assert!(sessions.get(&id, almost).await.unwrap().is_some(), "{name}");
        assert_eq!(sessions.list("user", almost).await.unwrap()[0].expires, Some(later), "{name}");
        assert_eq!(sessions.get(&id, later).await, Ok(None), "{name}");
        assert_eq!(code(sessions.update(&id, b"{}", later).await), "sessions.not_found", "{name}");
        assert_eq!(code(sessions.rework(&id, later).await), "sessions.not_found", "{name}");
        assert_eq!(sessions.list("user", later).await, Ok(Vec::new()), "{name}");
        assert_eq!(sessions.get(&id, later).await, Ok(None), "{name}: the old id came back");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn updates_and_reworks_start_the_idle_time_anew() {
    for Case { name, backend, sessions, now } in all_cases() {
        if backend.has_its_own_clock {
            continue;
        }
        let id = sessions.create("user", b"{}", now).await.unwrap();
        sessions.update(&id, b"{}", now + seconds(3000)).await.unwrap();
        let id = sessions.rework(&id, now + seconds(6000)).await.unwrap();
        assert!(sessions.get(&id, now + seconds(9000)).await.unwrap().is_some(), "{name}");
        assert_eq!(sessions.get(&id, now + seconds(9000 + 3600)).await, Ok(None), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_absolute_end_holds_however_busy_a_session_is() {
    let options = SessionOptions { absolute_ttl: Some(seconds(5000)), ..plain() };
    for Case { name, backend, sessions, now } in cases(&options) {
        if backend.has_its_own_clock {
            continue;
        }
        let id = sessions.create("user", b"{}", now).await.unwrap();
        assert!(sessions.get(&id, now + seconds(3000)).await.unwrap().is_some(), "{name}");
        sessions.update(&id, b"{}", now + seconds(4000)).await.unwrap();
        let id = sessions.rework(&id, now + seconds(4500)).await.unwrap();
        let info = sessions.list("user", now + seconds(4500)).await.unwrap().remove(0);
        assert_eq!((info.created, info.expires), (now, Some(now + seconds(5000))), "{name}");
        assert!(sessions.get(&id, now + seconds(4999)).await.unwrap().is_some(), "{name}");
        assert_eq!(sessions.get(&id, now + seconds(5000)).await, Ok(None), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_times_to_live_a_session_stays() {
    let options = SessionOptions { default_ttl: None, ..plain() };
    for Case { name, sessions, now, .. } in cases(&options) {
        let id = sessions.create("user", b"{}", now).await.unwrap();
        let century = now + seconds(100 * 365 * 86_400);
        assert!(sessions.get(&id, century).await.unwrap().is_some(), "{name}");
        assert_eq!(sessions.list("user", century).await.unwrap()[0].expires, None, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_with_its_own_clock_ends_sessions_too() {
    let options = SessionOptions { default_ttl: Some(Duration::from_millis(300)), ..plain() };
    for Case { name, backend, sessions, now } in cases(&options) {
        if !backend.has_its_own_clock {
            continue;
        }
        let id = sessions.create("user", b"{}", now).await.unwrap();
        assert!(sessions.get(&id, now).await.unwrap().is_some(), "{name}");
        tokio::time::sleep(Duration::from_millis(400)).await;
        assert_eq!(sessions.get(&id, now).await, Ok(None), "{name}");
        assert_eq!(sessions.list("user", now).await, Ok(Vec::new()), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn list_tells_what_is_live_oldest_first() {
    for Case { name, sessions, now, .. } in all_cases() {
        let mut handles = HashSet::new();
        for _ in 0..3 {
            sessions.create("user", b"{}", now).await.unwrap();
        }
        let ended = sessions.create("user", b"{}", now).await.unwrap();
        sessions.delete(&ended, now).await.unwrap();
        sessions.create("other", b"{}", now).await.unwrap();
        let listed = sessions.list("user", now).await.unwrap();
        assert!(listed.is_sorted_by_key(|info| info.created), "{name}");
        handles.extend(listed.into_iter().map(|info| info.handle));
        assert_eq!(handles.len(), 3, "{name}");
        sessions.clear("user", now).await.unwrap();
        assert_eq!(sessions.list("user", now).await, Ok(Vec::new()), "{name}");
        assert_eq!(sessions.list("other", now).await.unwrap().len(), 1, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_never_brings_back_what_a_delete_has_ended() {
    // attack 62
    for Case { name, sessions, now, .. } in all_cases() {
        for _ in 0..20 {
            let id = sessions.create("user", b"{}", now).await.unwrap();
            let (updating, updated) = (sessions.clone(), id.clone());
            let updates = tokio::spawn(async move {
                while updating.update(&updated, b"{\"n\":1}", now).await.is_ok() {
                    tokio::task::yield_now().await;
                }
            });
            tokio::task::yield_now().await;
            sessions.delete(&id, now).await.unwrap();
            assert_eq!(sessions.get(&id, now).await, Ok(None), "{name}");
            updates.await.unwrap();
            assert_eq!(sessions.get(&id, now).await, Ok(None), "{name}");
        }
        assert_eq!(sessions.list("user", now).await, Ok(Vec::new()), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_reworks_of_one_id_exactly_one_wins() {
    for Case { name, sessions, now, .. } in all_cases() {
        for round in 0..5 {
            let id = sessions.create("user", b"{}", now).await.unwrap();
            let reworks: Vec<_> = (0..8)
                .map(|_| {
                    let (sessions, id) = (sessions.clone(), id.clone());
                    tokio::spawn(async move { sessions.rework(&id, now).await })
                })
                .collect();
            let mut won = Vec::new();
            for rework in reworks {
                match rework.await.unwrap() {
                    Ok(id) => won.push(id),
                    Err(error) => assert_eq!(error.code(), "sessions.not_found", "{name}"),
                }
            }
            assert_eq!(won.len(), 1, "{name}");
            assert!(sessions.get(&won[0], now).await.unwrap().is_some(), "{name}");
            assert_eq!(sessions.list("user", now).await.unwrap().len(), round + 1, "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rework_loses_no_update_that_was_acknowledged() {
    for Case { name, sessions, now, .. } in all_cases() {
        for _ in 0..5 {
            let id = sessions.create("user", b"0", now).await.unwrap();
            let (updating, updated) = (sessions.clone(), id.clone());
            let updates = tokio::spawn(async move {
                let mut acknowledged = 0;
                while updating.update(&updated, (acknowledged + 1).to_string().as_bytes(), now).await.is_ok()
                {
                    acknowledged += 1;
                    tokio::time::sleep(Duration::from_micros(300)).await;
                }
                acknowledged
            });
            tokio::time::sleep(Duration::from_millis(3)).await;
            let new = sessions.rework(&id, now).await.unwrap();
            let acknowledged = updates.await.unwrap().to_string();
            let kept = sessions.get(&new, now).await.unwrap().unwrap();
            assert_eq!(String::from_utf8(kept).unwrap(), acknowledged, "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_data_is_no_session() {
    // attack 63, fault 26
    for Case { name, backend, sessions, now } in cases(&sealed()) {
        let mine = sessions.create("user", b"mine", now).await.unwrap();
        let other = sessions.create("user", b"other", now).await.unwrap();
        let group = mine.split_once('.').unwrap().0;
        let stored = backend.blocking.list(group, now).unwrap();
        let key = |entry: &Entry| Key { group: Some(group.to_owned()), id: entry.id.clone() };
        let (first, second) = (key(&stored[0]), key(&stored[1]));
        let (first_record, second_record) = (
            backend.blocking.get(&first, now).unwrap().unwrap(),
            backend.blocking.get(&second, now).unwrap().unwrap(),
        );
        let lifetime = Lifetime { idle: Some(seconds(60)), deadline: None };
        let plant = |key: &Key, record: &[u8]| backend.blocking.put(key, record, lifetime, now).unwrap();

        plant(&first, &second_record);
        plant(&second, &first_record);
        for id in [&mine, &other] {
            assert_eq!(sessions.get(id, now).await, Ok(None), "{name}: swapped");
            assert_eq!(code(sessions.rework(id, now).await), "sessions.not_found", "{name}: swapped");
        }
        let garbage =
            [&first_record[..first_record.len() - 1], &first_record[..10], b"", b"1p{}", b"1s", b"\xff"];
        for record in garbage {
            plant(&first, record);
            plant(&second, record);
            assert_eq!(sessions.get(&mine, now).await, Ok(None), "{name} {record:?}");
            assert_eq!(code(sessions.rework(&other, now).await), "sessions.not_found", "{name} {record:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_read_never_shifts_data_to_another_user() {
    // attack 61
    for backend in backends() {
        let sessions = session::aio::Sessions::new(backend.asynchronous.clone(), plain()).unwrap();
        let now = Timestamp::now();
        let mut users = Vec::new();
        for user in 0..50 {
            let data = user.to_string().into_bytes();
            users.push((sessions.create(&format!("user {user}"), &data, now).await.unwrap(), data));
        }
        let users = Arc::new(users);
        let reads: Vec<_> = (0..400)
            .map(|number| {
                let (sessions, users) = (sessions.clone(), Arc::clone(&users));
                let read = tokio::spawn(async move {
                    let (id, data) = &users[number % users.len()];
                    assert_eq!(sessions.get(id, now).await.unwrap().as_ref(), Some(data));
                });
                (number, read)
            })
            .collect();
        for (number, read) in reads {
            if number % 3 == 0 {
                read.abort();
                assert!(read.await.map_or_else(|error| error.is_cancelled(), |()| true), "{}", backend.name);
            } else {
                read.await.unwrap();
            }
        }
        for (id, data) in users.iter() {
            assert_eq!(sessions.get(id, now).await.unwrap().as_ref(), Some(data), "{}", backend.name);
        }
    }
}

fn metadata() -> Map<String, Value> {
    let metadata = json!({"address": "192.0.2.1", "user_agent": "readable browser"});
    metadata.as_object().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_tells_the_data_with_all_that_is_known_of_them() {
    for Case { name, sessions, now, backend } in all_cases() {
        let id = sessions.create_with("user", b"one", &metadata(), now).await.unwrap();
        let read = sessions.read(&id, now).await.unwrap().unwrap();
        let info = sessions.list("user", now).await.unwrap().remove(0);
        assert_eq!((&read.data[..], &read.metadata), (&b"one"[..], &metadata()), "{name}");
        assert_eq!((&read.handle, &read.metadata), (&info.handle, &info.metadata), "{name}");
        assert_eq!(read.created, info.created, "{name}");
        if !backend.has_its_own_clock {
            assert_eq!((read.created, read.expires), (now, Some(now + seconds(3600))), "{name}");
        }
        assert_eq!(sessions.read(&id, now).await.unwrap().unwrap().version, read.version, "{name}");
        sessions.update(&id, b"one", now).await.unwrap();
        let written = sessions.read(&id, now).await.unwrap().unwrap();
        assert_ne!(written.version, read.version, "{name}: a write is a new version, whatever it writes");
        let moved = sessions.rework(&id, now).await.unwrap();
        let reworked = sessions.read(&moved, now).await.unwrap().unwrap();
        assert_eq!((reworked.version, reworked.metadata), (written.version, metadata()), "{name}");
        assert_eq!(sessions.read(&id, now).await.unwrap(), None, "{name}");
        for unknown in ["", "x", &read.handle, "../../etc/passwd"] {
            assert_eq!(sessions.read(unknown, now).await.unwrap(), None, "{name}");
        }
        assert!(!format!("{read:?}").contains("192.0.2.1"), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_to_a_stale_version_is_refused_and_changes_nothing() {
    for Case { name, sessions, now, .. } in all_cases() {
        let id = sessions.create("user", b"one", now).await.unwrap();
        let version = sessions.read(&id, now).await.unwrap().unwrap().version;
        sessions.update_if(&id, b"two", &version, now).await.unwrap();
        let longer = format!("{version}A");
        for stale in
            [&version[..], &version[1..], &longer, "", "1", "1p", "2p", "2", "\0", "AAAAAAAAAAAAAAA=", "é"]
        {
            let refused = sessions.update_if(&id, b"three", stale, now).await;
            assert_eq!(code(refused), "sessions.conflict", "{name} {stale:?}");
        }
        assert_eq!(sessions.get(&id, now).await.unwrap().as_deref(), Some(&b"two"[..]), "{name}");
        let version = sessions.read(&id, now).await.unwrap().unwrap().version;
        sessions.delete(&id, now).await.unwrap();
        for version in [&version[..], "", "1"] {
            let refused = sessions.update_if(&id, b"three", version, now).await;
            assert_eq!(code(refused), "sessions.not_found", "{name}: attack 62");
        }
        assert_eq!(sessions.get(&id, now).await.unwrap(), None, "{name}");
    }
}

fn one_more(data: &[u8]) -> Vec<u8> {
    let number: u32 = std::str::from_utf8(data).unwrap().parse().unwrap();
    (number + 1).to_string().into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_at_the_same_time_are_all_made() {
    for Case { name, sessions, now, .. } in all_cases() {
        let id = sessions.create("user", b"0", now).await.unwrap();
        let changing: Vec<_> = (0..8)
            .map(|_| {
                let (sessions, id) = (sessions.clone(), id.clone());
                tokio::spawn(async move {
                    for _ in 0..5 {
                        sessions.modify(&id, now, |data| Ok::<_, Error>(one_more(&data))).await.unwrap();
                    }
                })
            })
            .collect();
        for change in changing {
            change.await.unwrap();
        }
        assert_eq!(sessions.get(&id, now).await.unwrap().as_deref(), Some(&b"40"[..]), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_fails_writes_nothing() {
    #[derive(Debug, PartialEq)]
    enum Mine {
        Refused,
        Jam(Error),
    }
    impl From<Error> for Mine {
        fn from(error: Error) -> Self {
            Self::Jam(error)
        }
    }
    for Case { name, sessions, now, .. } in all_cases() {
        let id = sessions.create("user", b"1", now).await.unwrap();
        let version = sessions.read(&id, now).await.unwrap().unwrap().version;
        let refused = sessions.modify(&id, now, |_| Err(Mine::Refused)).await;
        assert_eq!(refused, Err(Mine::Refused), "{name}");
        assert_eq!(sessions.read(&id, now).await.unwrap().unwrap().version, version, "{name}");
        let unknown =
            sessions.modify("unknown", now, |_| -> Result<_, Mine> { panic!("there is nothing to change") });
        let missing = Error::from(jam::SessionError::NotFound);
        assert_eq!(unknown.await, Err(Mine::Jam(missing)), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_others_always_overtake_is_given_up() {
    let case = cases(&plain()).remove(0);
    let Sessions::Blocking(sessions) = &case.sessions else { panic!("the first cases block") };
    let (id, mut calls) = (sessions.create("user", b"0", case.now).unwrap(), 0);
    let given_up = sessions.modify(&id, case.now, |_| {
        calls += 1;
        sessions.update(&id, b"another's", case.now)?;
        Ok::<_, Error>(b"mine".to_vec())
    });
    assert_eq!(code(given_up), "sessions.conflict");
    assert_eq!((calls, sessions.get(&id, case.now)), (64, Ok(Some(b"another's".to_vec()))));
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_are_small_and_as_secret_as_the_data() {
    for Case { name, sessions, now, .. } in all_cases() {
        let text = |length: usize| json!({"text": "x".repeat(length)}).as_object().unwrap().clone();
        let most = MAX_METADATA - r#"{"text":""}"#.len();
        sessions.create_with("user", b"", &text(most), now).await.unwrap();
        let refused = sessions.create_with("user", b"", &text(most + 1), now).await;
        assert_eq!(code(refused), "validation.invalid", "{name}");
        let mut deep = Value::Null;
        for _ in 0..200 {
            deep = json!([deep]);
        }
        let deep = json!({ "deep": deep });
        let refused = sessions.create_with("user", b"", deep.as_object().unwrap(), now).await;
        assert_eq!(code(refused), "validation.invalid", "{name}");
        assert_eq!(sessions.list("user", now).await.unwrap().len(), 1, "{name}: nothing was made");
    }
    for Case { name, sessions, now, backend } in cases(&sealed()) {
        let secret = json!({"user_agent": "a browser that nobody must know"});
        sessions.create_with("user", b"", secret.as_object().unwrap(), now).await.unwrap();
        for bytes in backend.everything_it_stores() {
            assert!(!bytes.windows(11).any(|window| window == b"nobody must"), "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_sessions_but_one_can_be_ended_and_one_by_its_handle() {
    for Case { name, sessions, now, .. } in all_cases() {
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.push(sessions.create("user", b"", now).await.unwrap());
        }
        let other = sessions.create("other", b"", now).await.unwrap();
        sessions.clear_except("user", &ids[1], now).await.unwrap();
        for (number, id) in ids.iter().enumerate() {
            assert_eq!(sessions.get(id, now).await.unwrap().is_some(), number == 1, "{name}");
        }
        let handle = sessions.list("user", now).await.unwrap().remove(0).handle;
        for (owner, wrong) in
            [("other", &handle[..]), ("user", &ids[1]), ("user", ""), ("user", "*"), ("user", &handle[1..])]
        {
            assert_eq!(sessions.revoke(owner, wrong, now).await, Ok(false), "{name} {wrong:?}");
        }
        assert_eq!(sessions.revoke("user", &handle, now).await, Ok(true), "{name}");
        assert_eq!(sessions.revoke("user", &handle, now).await, Ok(false), "{name}");
        assert_eq!(code(sessions.update(&ids[1], b"", now).await), "sessions.not_found", "{name}: attack 62");
        for nobody in [&other[..], &handle, "", "unknown"] {
            let id = sessions.create("user", b"", now).await.unwrap();
            sessions.clear_except("user", nobody, now).await.unwrap();
            assert_eq!(sessions.get(&id, now).await.unwrap(), None, "{name} {nobody:?}");
        }
        assert!(sessions.get(&other, now).await.unwrap().is_some(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_write_seals_with_the_newest_key() {
    let with = |backend: &Backend, keys: &[&str]| {
        let encryption_keys = Some(keys.iter().map(|key| Secret::from(*key)).collect());
        let options = SessionOptions { encryption_keys, ..plain() };
        session::aio::Sessions::new(backend.asynchronous.clone(), options).unwrap()
    };
    for backend in backends() {
        let (name, now) = (backend.name, Timestamp::now());
        let old = with(&backend, &[ENCRYPTION_KEY]);
        let (both, new) = (with(&backend, &[NEWER_KEY, ENCRYPTION_KEY]), with(&backend, &[NEWER_KEY]));
        let mut ids = Vec::new();
        for _ in 0..4 {
            ids.push(old.create_with("user", b"data", &metadata(), now).await.unwrap());
            assert_eq!(new.get(ids.last().unwrap(), now).await, Ok(None), "{name}");
        }
        both.update(&ids[0], b"data", now).await.unwrap();
        let version = both.read(&ids[1], now).await.unwrap().unwrap().version;
        both.update_if(&ids[1], b"data", &version, now).await.unwrap();
        both.modify(&ids[2], now, Ok::<_, Error>).await.unwrap();
        ids[3] = both.rework(&ids[3], now).await.unwrap();
        for (id, write) in ids.iter().zip(["update", "update_if", "modify", "rework"]) {
            let read = new.read(id, now).await.unwrap();
            assert_eq!(read.as_ref().map(|read| &read.data[..]), Some(&b"data"[..]), "{name} {write}");
            // A note is written with the session and with its id, not with its data.
            let told = if write == "rework" { metadata() } else { Map::new() };
            assert_eq!(read.unwrap().metadata, told, "{name} {write}");
            assert_eq!(old.get(id, now).await, Ok(None), "{name} {write}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_factory_that_repeats_itself_overwrites_nothing() {
    let factory: session::IdFactory = Arc::new(|| Ok("always-the-same-text".to_owned()));
    let options = SessionOptions { id_factory: Some(factory), ..plain() };
    for Case { name, sessions, now, .. } in cases(&options) {
        let id = sessions.create("user", b"first", now).await.unwrap();
        assert_eq!(code(sessions.create("user", b"second", now).await), "validation.invalid", "{name}");
        assert_eq!(sessions.get(&id, now).await.unwrap().as_deref(), Some(&b"first"[..]), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_the_id_factory_comes_back_as_it_was() {
    let cause: Arc<dyn std::error::Error + Send + Sync> = Arc::new(std::fmt::Error);
    let failure = jam::Error::from(SessionError::IdFactory(Failure(cause)));
    let returned = failure.clone();
    let factory: session::IdFactory = Arc::new(move || Err(returned.clone()));
    for Case { name, sessions, now, .. } in cases(&SessionOptions { id_factory: Some(factory), ..plain() }) {
        assert_eq!(sessions.create("user", b"data", now).await.unwrap_err(), failure, "{name}");
    }
    assert_eq!(failure.code(), "validation.invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_store_says_so() {
    for Case { name, backend, sessions, now } in cases(&plain()) {
        let id = sessions.create("user", b"{}", now).await.unwrap();
        match &sessions {
            Sessions::Blocking(sessions) => sessions.close(),
            Sessions::Async(sessions) => sessions.close(),
        }
        assert_eq!(code(sessions.get(&id, now).await), "store.closed", "{name}");
        drop(backend);
    }
}

/// `{"alg":"HS256"}` and a payload, with a signature that nobody checks here.
fn token(payload: &str) -> String {
    use jam::encoding::base64url_encode as encode;
    format!("{}.{}.c2lnbmF0dXJl", encode(br#"{"alg":"HS256"}"#), encode(payload))
}

fn lists(kind: Kind, life_time: Option<Duration>) -> Vec<(String, Backend, TokenList)> {
    let options = ListOptions { life_time, ..ListOptions::default() };
    let mut lists = Vec::new();
    for backend in backends() {
        let list = token_list::TokenList::new(backend.blocking.clone(), kind, options).unwrap();
        lists.push((format!("{} blocking", backend.name), backend, TokenList::Blocking(list)));
    }
    for backend in backends() {
        let store = backend.asynchronous.clone();
        let list = token_list::aio::TokenList::new(store, kind, options).unwrap();
        lists.push((format!("{} async", backend.name), backend, TokenList::Async(list)));
    }
    lists
}

#[tokio::test(flavor = "multi_thread")]
async fn a_black_list_refuses_what_it_names() {
    let now = Timestamp::now();
    for (name, _backend, list) in lists(Kind::Black, None) {
        let revoked = token(r#"{"jti":"1"}"#);
        list.admit(&revoked, now).await.unwrap();
        list.add(&revoked, now).await.unwrap();
        assert_eq!(code(list.admit(&revoked, now).await), "jwt.blacklist", "{name}");
        assert_eq!(list.check(&revoked, now).await, Ok(true), "{name}");
        list.admit(&token(r#"{"jti":"2"}"#), now).await.unwrap();
        list.delete(&revoked, now).await.unwrap();
        list.admit(&revoked, now).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_white_list_refuses_what_it_does_not_name() {
    let now = Timestamp::now();
    for (name, _backend, list) in lists(Kind::White, None) {
        let (first, second, third) = (token(r#"{"jti":"1"}"#), token("{}"), token(r#"{"jti":"3"}"#));
        assert_eq!(code(list.admit(&first, now).await), "jwt.whitelist", "{name}");
        list.add_many(&[&first, &second], now).await.unwrap();
        list.admit(&first, now).await.unwrap();
        list.admit(&second, now).await.unwrap();
        assert_eq!(code(list.admit(&third, now).await), "jwt.whitelist", "{name}");
        assert_eq!(code(list.add_many(&[&third, "bad"], now).await), "jwt.malformed", "{name}");
        assert_eq!(list.check(&third, now).await, Ok(false), "{name}: added although another was malformed");
        list.delete(&first, now).await.unwrap();
        assert_eq!(code(list.admit(&first, now).await), "jwt.whitelist", "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_kept_no_longer_than_their_tokens_live() {
    let now = Timestamp::now();
    for (name, backend, list) in lists(Kind::Black, Some(seconds(60))) {
        if backend.has_its_own_clock {
            continue;
        }
        let expiring = token(&format!(r#"{{"jti":"1","exp":{}}}"#, now.as_seconds() + 100));
        let endless = token(r#"{"jti":"2"}"#);
        list.add_many(&[&expiring, &endless], now).await.unwrap();
        assert_eq!(list.check(&expiring, now + seconds(90)).await, Ok(true), "{name}");
        assert_eq!(list.check(&expiring, now + seconds(101)).await, Ok(false), "{name}");
        assert_eq!(list.check(&endless, now + seconds(59)).await, Ok(true), "{name}");
        assert_eq!(list.check(&endless, now + seconds(60)).await, Ok(false), "{name}");
        let expired = token(&format!(r#"{{"jti":"3","exp":{}}}"#, now.as_seconds() - 1));
        list.add(&expired, now).await.unwrap();
        assert_eq!(list.check(&expired, now).await, Ok(false), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_two_lists_and_the_sessions_of_one_store_do_not_mix() {
    let now = Timestamp::now();
    for backend in backends() {
        let list = |kind| {
            token_list::TokenList::new(backend.blocking.clone(), kind, ListOptions::default()).unwrap()
        };
        let (white, black) = (list(Kind::White), list(Kind::Black));
        let listed = token(r#"{"jti":"1"}"#);
        white.add(&listed, now).unwrap();
        assert_eq!(white.check(&listed, now), Ok(true), "{}", backend.name);
        assert_eq!(black.check(&listed, now), Ok(false), "{}", backend.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rewritten_token_does_not_escape_the_black_list() {
    // fault 1, attack 27
    let now = Timestamp::now();
    for (name, _backend, list) in lists(Kind::Black, None) {
        for payload in [r#"{"jti":"1"}"#, "{}"] {
            let revoked = token(payload);
            list.add(&revoked, now).await.unwrap();
            for suffix in ["!!!!", "=", "\n", "."] {
                let rewritten = format!("{revoked}{suffix}");
                assert_eq!(code(list.admit(&rewritten, now).await), "jwt.malformed", "{name} {suffix:?}");
            }
            let resigned = format!("{}.AAAA", revoked.rsplit_once('.').unwrap().0);
            assert_eq!(code(list.admit(&resigned, now).await), "jwt.blacklist", "{name}");
        }
    }
}
