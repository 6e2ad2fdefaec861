//! The awaited store: a few connections for all tasks, each asked without waiting for the answers to others.

use std::fmt;
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout_at};
use tokio_postgres::Row;

use super::PostgresOptions;
use super::failure::{Failed, Next, connect_failure, not_connected};
use super::link::Link;
use super::request::{self, Request};
use super::server::Server;
use crate::store::{AsyncStore, Entry, Exchange, Found, Key, Lifetime, Renamed, Replaced, StoreFuture};
use crate::{Result, StoreError, Timestamp, process};

/// So often a call is attempted again that has certainly done nothing, or is harmless.
const RETRIES: u32 = 3;

/// So many calls wait for answers of each connection before there is another one: the server works on one at a time for each.
const CROWD: usize = 4;

/// A store in a table of a PostgreSQL database, version 12 or later; the awaited twin of [`super::PostgresStore`].
///
/// All tasks share a few connections, which live on the tokio runtime (with timers and I/O enabled) of the task that
/// needed them first, and are made anew when that runtime, the connection or the process is another. Awaiting it outside of
/// tokio is an error. Each call runs as a task of its own: dropping its future loses the answer, and nothing else.
///
/// ```no_run
/// use jam::Timestamp;
/// use jam::store::{AsyncPostgresStore, AsyncStore, Key, PostgresOptions};
///
/// # async fn example() -> jam::Result<()> {
/// let store = AsyncPostgresStore::open(PostgresOptions::new("postgresql://app@localhost/app"))?;
/// let key = Key { group: Some("owner".to_owned()), id: "one".to_owned() };
/// let value = store.get(&key, Timestamp::now()).await?;
/// # Ok(())
/// # }
/// ```
pub struct AsyncPostgresStore {
    shared: Arc<Shared>,
    options: PostgresOptions,
}

/// What calls under way have in hand.
struct Shared {
    server: Server,
    current: Mutex<Current>,
    closed: AtomicBool,
}

struct Current {
    generation: u64,
    lines: Vec<Arc<Line>>,
}

impl Current {
    fn new() -> Self {
        Self { generation: process::generation(), lines: Vec::new() }
    }
}

/// A connection, or the attempt at one that all tasks wait for together.
#[derive(Default)]
struct Line {
    opened: OnceCell<Result<Opened, StoreError>>,
    /// How many calls wait for answers.
    crowd: AtomicUsize,
}

struct Opened {
    link: Link,
    /// Ends what reads and writes.
    wire: AbortHandle,
}

impl Line {
    fn is_open(&self) -> bool {
        matches!(self.opened.get(), Some(Ok(_)))
    }

    fn has_ended(&self) -> bool {
        matches!(self.opened.get(), Some(Ok(opened)) if opened.link.has_ended())
    }

    fn crowd(&self) -> usize {
        self.crowd.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for AsyncPostgresStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AsyncPostgresStore").field("options", &self.options).finish_non_exhaustive()
    }
}

impl AsyncPostgresStore {
    /// Checks the options; nothing is sent before the first use.
    ///
    /// # Errors
    /// `validation.invalid` when an option cannot be used.
    pub fn open(options: PostgresOptions) -> Result<Self> {
        let server = Server::new(&options)?;
        let current = Mutex::new(Current::new());
        Ok(Self { shared: Arc::new(Shared { server, current, closed: AtomicBool::new(false) }), options })
    }

    async fn send(&self, request: Request) -> Result<Vec<Row>> {
        self.attempts(request).await.map_err(|failed| failed.error.into())
    }

    /// The first attempt, and further ones, as a task of its own: who asks may be dropped, or may not look for its answer for
    /// long, which would hold up those of others on the same connection.
    async fn attempts(&self, request: Request) -> Result<Vec<Row>, Failed> {
        let unavailable = |reason: &'static str| Failed::unsent(StoreError::Unavailable(reason.into()));
        let Ok(runtime) = Handle::try_current() else {
            let reason = "the awaited PostgreSQL store works on a tokio runtime only; await it there";
            return Err(unavailable(reason));
        };
        let shared = Arc::clone(&self.shared);
        let task = runtime.spawn(async move { shared.attempts(&request).await });
        task.await.unwrap_or_else(|_| Err(unavailable("the tokio runtime ended before PostgreSQL answered")))
    }

    fn namespace(&self) -> &str {
        &self.shared.server.namespace
    }
}

impl Shared {
    async fn attempts(self: &Arc<Self>, request: &Request) -> Result<Vec<Row>, Failed> {
        let deadline = self.server.deadline(Instant::now());
        let mut failed = match self.attempt(request, deadline).await {
            Ok(rows) => return Ok(rows),
            Err(failed) => failed,
        };
        for _ in 0..RETRIES {
            if failed.next == Next::Fail || Instant::now() >= deadline {
                break;
            }
            failed = match self.attempt(request, deadline).await {
                Ok(rows) => return Ok(rows),
                Err(failed) => failed,
            };
        }
        Err(failed)
    }

    async fn attempt(self: &Arc<Self>, request: &Request, deadline: Instant) -> Result<Vec<Row>, Failed> {
        let line = self.line().map_err(Failed::unsent)?;
        let opened = self.opened(&line, deadline).await.map_err(Failed::unsent)?;
        let until = deadline.min(Instant::now() + self.server.response_timeout);
        line.crowd.fetch_add(1, Ordering::Relaxed);
        let answer = timeout_at(until.into(), opened.link.ask(request, &self.server)).await;
        line.crowd.fetch_sub(1, Ordering::Relaxed);
        let answer = match answer {
            Ok(answer) => answer.map_err(|error| Failed::asked(&error, request.verb, &self.server.table)),
            // A host that vanished answers nothing, and never closes either.
            Err(_) => Err(Failed::too_late()),
        };
        if answer.as_ref().is_err_and(|failed| failed.is_broken) {
            self.give_up(&line);
        }
        answer
    }

    /// The connection with the fewest calls; with many on each, another one is made for those to come.
    fn line(self: &Arc<Self>) -> Result<Arc<Line>, StoreError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(StoreError::Closed);
        }
        self.with_current(|current| {
            current.lines.retain(|line| !line.has_ended());
            let best = current.lines.iter().filter(|line| line.is_open()).min_by_key(|line| line.crowd());
            let best = best.or(current.lines.first()).cloned();
            let are_all_open = current.lines.iter().all(|line| line.is_open());
            match best {
                None => {
                    let line = Arc::<Line>::default();
                    current.lines.push(Arc::clone(&line));
                    Ok(line)
                }
                Some(best) => {
                    let is_crowded = best.crowd() >= CROWD;
                    if is_crowded && are_all_open && current.lines.len() < self.server.pool_size {
                        let (shared, line) = (Arc::clone(self), Arc::<Line>::default());
                        current.lines.push(Arc::clone(&line));
                        tokio::spawn(async move {
                            let deadline = shared.server.deadline(Instant::now());
                            drop(shared.opened(&line, deadline).await);
                        });
                    }
                    Ok(best)
                }
            }
        })
    }

    async fn opened<'a>(&self, line: &'a Arc<Line>, deadline: Instant) -> Result<&'a Opened, StoreError> {
        let opened = match line.opened.get() {
            Some(opened) => opened,
            None => line.opened.get_or_init(|| self.open(deadline)).await,
        };
        match opened {
            Ok(opened) => Ok(opened),
            Err(error) => {
                let error = error.clone();
                // Who waited for this attempt has its error; who comes next makes another.
                self.give_up(line);
                Err(error)
            }
        }
    }

    async fn open(&self, deadline: Instant) -> Result<Opened, StoreError> {
        let until = deadline.min(Instant::now() + self.server.connect_timeout);
        let opening = async {
            let connected = self.server.login.connect(self.server.tls.clone()).await;
            let (client, wire) = connected.map_err(|error| connect_failure(&error, &self.server.table))?;
            // It tells the client of its end, and the client those who wait.
            let wire = tokio::spawn(async move { drop(wire.await) }).abort_handle();
            let link = Link::new(client, &self.server).await.inspect_err(|_| wire.abort())?;
            Ok(Opened { link, wire })
        };
        timeout_at(until.into(), opening).await.unwrap_or_else(|_| Err(not_connected()))
    }

    /// Others are asked from now on. Answers that are on their way still arrive.
    fn give_up(&self, line: &Arc<Line>) {
        self.with_current(|current| current.lines.retain(|known| !Arc::ptr_eq(known, line)));
        if let Some(Ok(opened)) = line.opened.get() {
            let (wire, longest) = (opened.wire.clone(), self.server.response_timeout);
            tokio::spawn(async move {
                sleep(longest).await;
                wire.abort();
            });
        }
    }

    fn with_current<R>(&self, work: impl FnOnce(&mut Current) -> R) -> R {
        let _busy = process::busy();
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.generation != process::generation() {
            // The parent's connections run on the parent's runtime; even dropping them would reach for that.
            mem::forget(mem::replace(&mut *current, Current::new()));
        }
        work(&mut current)
    }
}

impl AsyncStore for AsyncPostgresStore {
    fn get<'a>(&'a self, key: &'a Key, _now: Timestamp) -> StoreFuture<'a, Option<Vec<u8>>> {
        Box::pin(async move { request::value(&self.send(Request::get(self.namespace(), key)).await?) })
    }

    fn touch<'a>(&'a self, key: &'a Key, _now: Timestamp) -> StoreFuture<'a, Option<Found>> {
        Box::pin(async move { request::found(&self.send(Request::touch(self.namespace(), key)).await?) })
    }

    fn put<'a>(
        &'a self,
        key: &'a Key,
        value: &'a [u8],
        lifetime: Lifetime,
        now: Timestamp,
    ) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            self.send(Request::put(self.namespace(), key, value, lifetime, now)).await.map(drop)
        })
    }

    fn put_many<'a>(
        &'a self,
        entries: &'a [(Key, Vec<u8>, Lifetime)],
        now: Timestamp,
    ) -> StoreFuture<'a, ()> {
        Box::pin(async move { self.send(Request::put_many(self.namespace(), entries, now)).await.map(drop) })
    }

    fn insert<'a>(
        &'a self,
        key: &'a Key,
        value: &'a [u8],
        note: &'a [u8],
        lifetime: Lifetime,
        now: Timestamp,
    ) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let request = Request::insert(self.namespace(), key, value, note, lifetime, now)?;
            Ok(request::inserted(&self.send(request).await?))
        })
    }

    fn replace<'a>(
        &'a self,
        key: &'a Key,
        value: &'a [u8],
        expected: Option<&'a [u8]>,
        _now: Timestamp,
    ) -> StoreFuture<'a, Replaced> {
        Box::pin(async move {
            request::replaced(&self.send(Request::replace(self.namespace(), key, value, expected)).await?)
        })
    }

    fn rename<'a>(
        &'a self,
        from: &'a Key,
        to: &'a Key,
        exchange: Option<&'a Exchange>,
        _now: Timestamp,
    ) -> StoreFuture<'a, Renamed> {
        Box::pin(async move {
            request::renamed(self.attempts(Request::rename(self.namespace(), from, to, exchange)?).await)
        })
    }

    fn delete<'a>(&'a self, key: &'a Key, _now: Timestamp) -> StoreFuture<'a, bool> {
        Box::pin(async move { request::deleted(&self.send(Request::delete(self.namespace(), key)).await?) })
    }

    fn clear<'a>(&'a self, group: &'a str, keep: Option<&'a str>, _now: Timestamp) -> StoreFuture<'a, u64> {
        Box::pin(
            async move { request::count(&self.send(Request::clear(self.namespace(), group, keep)).await?) },
        )
    }

    fn list<'a>(&'a self, group: &'a str, _now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        Box::pin(async move { request::entries(&self.send(Request::list(self.namespace(), group)).await?) })
    }

    fn close(&self) {
        self.shared.closed.store(true, Ordering::Release);
        self.shared.with_current(|current| *current = Current::new());
    }
}
