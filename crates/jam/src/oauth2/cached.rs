//! A provider's document that many ask for and one fetches: its metadata, its keys.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::process::PerProcess;
use crate::{Error, Result};

/// After so long a document is asked for again.
const FRESH: Duration = Duration::from_secs(60 * 60);
/// While the provider is down, what it said before counts for so long.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// Between two requests for a document that is there but does not suit: strangers choose the `kid` of a token.
const COOLDOWN: Duration = Duration::from_secs(30);
/// Between two requests for a document that is not there.
const RETRY: Duration = Duration::from_secs(1);

/// The document, and the turns of those who want to fetch it: one at a time, and the others take what it brought.
pub(super) struct Cached<T: 'static>(PerProcess<Shared<T>>);

struct Shared<T> {
    state: Mutex<State<T>>,
    thread_turn: Mutex<()>,
    task_turn: tokio::sync::Mutex<()>,
}

struct State<T> {
    document: Option<(Arc<T>, Instant)>,
    /// When the last request ended, and how if it failed.
    last_request: Option<(Instant, Option<Error>)>,
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        let state = State { document: None, last_request: None };
        Self {
            state: Mutex::new(state),
            thread_turn: Mutex::default(),
            task_turn: tokio::sync::Mutex::default(),
        }
    }
}

impl<T> Cached<T> {
    pub(super) fn new() -> Self {
        Self(PerProcess::made_here(Shared::default()))
    }

    /// The document, fetched if need be. One that does not suit is given all the same when it was fetched a moment ago.
    pub(super) fn get(
        &self,
        suits: impl Fn(&T) -> bool,
        fetch: impl FnOnce() -> Result<T>,
    ) -> Result<Arc<T>> {
        let (shared, asked) = (self.0.get(Shared::default), Instant::now());
        if let Some(known) = shared.known(&suits, asked, asked) {
            return known;
        }
        let _turn = lock(&shared.thread_turn);
        match shared.known(&suits, asked, Instant::now()) {
            Some(known) => known,
            None => shared.keep(fetch(), Instant::now()),
        }
    }

    /// The asynchronous twin of [`get`](Self::get). When the task whose turn it is is dropped, the next one fetches.
    pub(super) async fn get_async(
        &self,
        suits: impl Fn(&T) -> bool,
        fetch: impl Future<Output = Result<T>>,
    ) -> Result<Arc<T>> {
        let (shared, asked) = (self.0.get(Shared::default), Instant::now());
        if let Some(known) = shared.known(&suits, asked, asked) {
            return known;
        }
        let _turn = shared.task_turn.lock().await;
        match shared.known(&suits, asked, Instant::now()) {
            Some(known) => known,
            None => shared.keep(fetch.await, Instant::now()),
        }
    }
}

impl<T> Shared<T> {
    /// The answer to who asked then, as long as no request is needed for it.
    fn known(&self, suits: impl Fn(&T) -> bool, asked: Instant, now: Instant) -> Option<Result<Arc<T>>> {
        let state = lock(&self.state);
        let age = |time: Instant| now.saturating_duration_since(time);
        let document = state.document.as_ref().filter(|(_, fetched)| age(*fetched) < LONGEST);
        if let Some((document, fetched)) = document {
            let is_recent = age(*fetched) < FRESH && suits(document);
            let was_asked = state.last_request.as_ref().is_some_and(|(ended, _)| age(*ended) < COOLDOWN);
            return (is_recent || was_asked).then(|| Ok(Arc::clone(document)));
        }
        // Whoever waited for the turn of another one shares its failure.
        let (ended, failure) = state.last_request.as_ref()?;
        let is_shared = *ended >= asked || age(*ended) < RETRY;
        failure.as_ref().filter(|_| is_shared).map(|failure| Err(failure.clone()))
    }

    /// Keeps what a request brought. After a failure the document that is there counts on, until it is too old.
    fn keep(&self, brought: Result<T>, now: Instant) -> Result<Arc<T>> {
        let mut state = lock(&self.state);
        match brought {
            Ok(document) => {
                let document = Arc::new(document);
                state.document = Some((Arc::clone(&document), now));
                state.last_request = Some((now, None));
                Ok(document)
            }
            Err(failure) => {
                state.last_request = Some((now, Some(failure.clone())));
                let old = state.document.as_ref();
                let old = old.filter(|(_, fetched)| now.saturating_duration_since(*fetched) < LONGEST);
                old.map(|(document, _)| Arc::clone(document)).ok_or(failure)
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::OAuth2Error;

    fn down() -> Error {
        OAuth2Error::Unreachable("the provider is down".into()).into()
    }

    /// What is known at a time after the start, of a document `2` that was fetched at the start.
    fn known_after(shared: &Shared<u32>, start: Instant, time: Duration, wanted: u32) -> Option<Result<u32>> {
        let now = start + time;
        let known = shared.known(|document| *document == wanted, now, now);
        known.map(|known| known.map(|document| *document))
    }

    #[test]
    fn a_document_is_asked_for_again_when_it_is_old_or_does_not_suit_but_not_at_every_strangers_wish() {
        // attack 46
        let (shared, start) = (Shared::default(), Instant::now());
        assert_eq!(known_after(&shared, start, Duration::ZERO, 2), None);
        shared.keep(Ok(2), start).unwrap();
        assert_eq!(known_after(&shared, start, Duration::ZERO, 2), Some(Ok(2)));
        assert_eq!(known_after(&shared, start, Duration::from_secs(29), 7), Some(Ok(2)));
        assert_eq!(known_after(&shared, start, Duration::from_secs(30), 7), None);
        assert_eq!(known_after(&shared, start, Duration::from_secs(3599), 2), Some(Ok(2)));
        assert_eq!(known_after(&shared, start, Duration::from_secs(3600), 2), None);
    }

    #[test]
    fn while_the_provider_is_down_the_old_document_counts_for_a_day() {
        // attack 46
        let (shared, start) = (Shared::default(), Instant::now());
        shared.keep(Ok(2), start).unwrap();
        let later = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(shared.keep(Err(down()), later(4000)).map(|document| *document), Ok(2));
        assert_eq!(known_after(&shared, start, Duration::from_secs(4029), 2), Some(Ok(2)));
        assert_eq!(known_after(&shared, start, Duration::from_secs(4030), 2), None);
        assert_eq!(shared.keep(Err(down()), later(86_400)), Err(down()));
        assert_eq!(known_after(&shared, start, Duration::from_millis(86_400_900), 2), Some(Err(down())));
        assert_eq!(known_after(&shared, start, Duration::from_secs(86_401), 2), None);
    }

    #[test]
    fn any_number_of_threads_and_tasks_share_one_request() {
        let requests = AtomicUsize::new(0);
        let cached = Cached::<u32>::new();
        std::thread::scope(|scope| {
            for _ in 0..50 {
                scope.spawn(|| {
                    let document = cached.get(
                        |_| true,
                        || {
                            requests.fetch_add(1, Ordering::SeqCst);
                            std::thread::sleep(Duration::from_millis(50));
                            Ok(2)
                        },
                    );
                    assert_eq!(*document.unwrap(), 2);
                });
            }
        });
        assert_eq!(requests.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn those_who_wait_share_a_failure() {
        // attack 46
        let (requests, cached) = (Arc::new(AtomicUsize::new(0)), Arc::new(Cached::<u32>::new()));
        let tasks: Vec<_> = (0..1000)
            .map(|_| {
                let (requests, cached) = (Arc::clone(&requests), Arc::clone(&cached));
                tokio::spawn(async move {
                    let fetch = async {
                        requests.fetch_add(1, Ordering::SeqCst);
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        Err(down())
                    };
                    cached.get_async(|_| true, fetch).await
                })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), Err(down()));
        }
        assert_eq!(requests.load(Ordering::SeqCst), 1);
    }
}
