//! The awaited store: one connection for all tasks, which the server is asked over without waiting for answers.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ProtocolVersion, PushInfo, PushKind, RedisResult, Value};
use tokio::sync::OnceCell;

use super::command::{self, Commands, Request, Stored};
use super::{RedisOptions, ServerClock, failure, is_broken, is_forgotten};
use crate::store::{AsyncStore, Entry, Exchange, Key, Lifetime, Renamed, StoreFuture, check_same_group};
use crate::{Result, StoreError, Timestamp, process};

/// A store on a Redis server, 6.2 or later, or a Valkey server; the awaited twin of [`super::RedisStore`].
///
/// All tasks share one connection, which lives on the tokio runtime (with timers and I/O enabled) of the task that
/// needed it first, and is made anew when that runtime, the connection or the process is another. Awaiting
/// it outside of tokio is an error. A future can be dropped at any time; every answer still goes to its own
/// question.
///
/// ```no_run
/// use jam::Timestamp;
/// use jam::store::{AsyncRedisStore, AsyncStore, Key, RedisOptions};
///
/// # async fn example() -> jam::Result<()> {
/// let store = AsyncRedisStore::open(RedisOptions::default())?;
/// let key = Key { group: Some("owner".to_owned()), id: "one".to_owned() };
/// let value = store.get(&key, Timestamp::now()).await?;
/// # Ok(())
/// # }
/// ```
pub struct AsyncRedisStore {
    commands: Commands,
    client: Client,
    options: RedisOptions,
    current: Mutex<Current>,
    clock: ServerClock,
    closed: AtomicBool,
}

struct Current {
    generation: u64,
    link: Arc<Link>,
}

/// A connection, or the attempt at one that all tasks wait for together.
#[derive(Default)]
struct Link {
    connection: OnceCell<Result<MultiplexedConnection>>,
    /// Set when the connection is known to have ended.
    ended: Arc<AtomicBool>,
}

impl fmt::Debug for AsyncRedisStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AsyncRedisStore").field("options", &self.options).finish_non_exhaustive()
    }
}

impl AsyncRedisStore {
    /// Checks the options; nothing is sent before the first use.
    ///
    /// # Errors
    /// `validation.invalid` when an option cannot be used.
    pub fn open(options: RedisOptions) -> Result<Self> {
        // The third version of the protocol, for the client tells of a connection's end with that only.
        let info = options.connection_info(ProtocolVersion::RESP3)?;
        Ok(Self {
            commands: Commands::new(options.namespace.clone()),
            client: Client::open(info).map_err(|error| failure(&error))?,
            options,
            current: Mutex::new(Current { generation: process::generation(), link: Arc::default() }),
            clock: ServerClock::new(),
            closed: AtomicBool::new(false),
        })
    }

    async fn send(&self, request: &Request<'_>) -> Result<Value> {
        let (mut connection, link) = self.connection().await?;
        match ask(&mut connection, request).await {
            Err(error) if request.repeatable && error.is_connection_dropped() => {
                self.give_up(&link);
                let (mut connection, link) = self.connection().await?;
                let answer = ask(&mut connection, request).await;
                self.finish(&link, answer)
            }
            answer => self.finish(&link, answer),
        }
    }

    fn finish<R>(&self, link: &Arc<Link>, answer: RedisResult<R>) -> Result<R> {
        answer.map_err(|error| {
            // Too late counts as broken: a host that vanished answers nothing, and never closes either.
            if is_broken(&error) {
                self.give_up(link);
            }
            failure(&error).into()
        })
    }

    async fn connection(&self) -> Result<(MultiplexedConnection, Arc<Link>)> {
        if self.closed.load(Ordering::Acquire) {
            return Err(StoreError::Closed.into());
        }
        let link = self.current_link();
        let connection = match link.connection.get() {
            Some(connection) => connection,
            None => link.connection.get_or_init(|| self.connect(&link)).await,
        };
        match connection {
            Ok(connection) => Ok((connection.clone(), link)),
            Err(error) => {
                // Who waited for this attempt has its error; who comes next makes another.
                self.give_up(&link);
                Err(error.clone())
            }
        }
    }

    async fn connect(&self, link: &Link) -> Result<MultiplexedConnection> {
        if tokio::runtime::Handle::try_current().is_err() {
            let reason = "the awaited Redis store works on a tokio runtime only; await it there";
            return Err(StoreError::Unavailable(reason.into()).into());
        }
        let ended = Arc::clone(&link.ended);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.options.connect_timeout))
            .set_response_timeout(Some(self.options.response_timeout))
            .set_push_sender(move |push: PushInfo| {
                if push.kind == PushKind::Disconnection {
                    ended.store(true, Ordering::Release);
                }
                Ok::<(), std::convert::Infallible>(())
            });
        let connection = self.client.get_multiplexed_async_connection_with_config(&config).await;
        connection.map_err(|error| failure(&error).into())
    }

    fn current_link(&self) -> Arc<Link> {
        self.with_current(|current| {
            if current.generation != process::generation() {
                // The parent's connection runs on the parent's runtime; even dropping it would reach for that.
                std::mem::forget(std::mem::take(&mut current.link));
                current.generation = process::generation();
            }
            if current.link.ended.load(Ordering::Acquire) {
                current.link = Arc::default();
            }
            Arc::clone(&current.link)
        })
    }

    /// The next task connects anew, unless another has seen to that already. Answers that are on their way still
    /// arrive over the old connection.
    fn give_up(&self, link: &Arc<Link>) {
        self.with_current(|current| {
            if Arc::ptr_eq(&current.link, link) {
                current.link = Arc::default();
            }
        });
    }

    fn with_current<R>(&self, work: impl FnOnce(&mut Current) -> R) -> R {
        let _busy = process::busy();
        work(&mut self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn stored(&self, request: &Request<'_>) -> Result<Option<Stored>> {
        command::stored(self.send(request).await?)
    }

    async fn count(&self, request: &Request<'_>) -> Result<u64> {
        command::count(&self.send(request).await?)
    }
}

async fn ask(connection: &mut MultiplexedConnection, request: &Request<'_>) -> RedisResult<Value> {
    match connection.send_packed_command(&request.command).await.and_then(Value::extract_error) {
        Err(error) if is_forgotten(&error) => match request.with_code() {
            Some(command) => connection.send_packed_command(&command).await.and_then(Value::extract_error),
            None => Err(error),
        },
        answer => answer,
    }
}

impl AsyncStore for AsyncRedisStore {
    fn get<'a>(&'a self, key: &'a Key, _now: Timestamp) -> StoreFuture<'a, Option<Vec<u8>>> {
        Box::pin(async move { Ok(self.stored(&self.commands.get(key)).await?.map(Stored::into_bytes)) })
    }

    fn touch<'a>(&'a self, key: &'a Key, _now: Timestamp) -> StoreFuture<'a, Option<Vec<u8>>> {
        Box::pin(async move {
            if let Some(server_now) = self.clock.now() {
                let stored = self.stored(&self.commands.get(key)).await?;
                if stored.as_ref().is_none_or(|stored| stored.is_fresh(server_now)) {
                    return Ok(stored.map(Stored::into_bytes));
                }
            }
            let stored = self.stored(&self.commands.touch(key)).await?;
            if let Some(stored) = &stored {
                self.clock.set(stored.last_used());
            }
            Ok(stored.map(Stored::into_bytes))
        })
    }

    fn put<'a>(
        &'a self,
        key: &'a Key,
        value: &'a [u8],
        lifetime: Lifetime,
        now: Timestamp,
    ) -> StoreFuture<'a, ()> {
        Box::pin(async move { self.send(&self.commands.put(key, value, lifetime, now)).await.map(drop) })
    }

    fn put_many<'a>(
        &'a self,
        entries: &'a [(Key, Vec<u8>, Lifetime)],
        now: Timestamp,
    ) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let (mut connection, link) = self.connection().await?;
            let answer = self.commands.put_many(entries, now).query_async(&mut connection).await;
            self.finish(&link, answer)
        })
    }

    fn insert<'a>(
        &'a self,
        key: &'a Key,
        value: &'a [u8],
        lifetime: Lifetime,
        now: Timestamp,
    ) -> StoreFuture<'a, bool> {
        Box::pin(async move { Ok(self.count(&self.commands.insert(key, value, lifetime, now)).await? > 0) })
    }

    fn replace<'a>(&'a self, key: &'a Key, value: &'a [u8], _now: Timestamp) -> StoreFuture<'a, bool> {
        Box::pin(async move { Ok(self.count(&self.commands.replace(key, value)).await? > 0) })
    }

    fn rename<'a>(
        &'a self,
        from: &'a Key,
        to: &'a Key,
        exchange: Option<&'a Exchange>,
        _now: Timestamp,
    ) -> StoreFuture<'a, Renamed> {
        Box::pin(async move {
            check_same_group(from, to)?;
            command::renamed(&self.send(&self.commands.rename(from, to, exchange)).await?)
        })
    }

    fn delete<'a>(&'a self, key: &'a Key, _now: Timestamp) -> StoreFuture<'a, bool> {
        Box::pin(async move { Ok(self.count(&self.commands.delete(key)).await? > 0) })
    }

    fn clear<'a>(&'a self, group: &'a str, _now: Timestamp) -> StoreFuture<'a, u64> {
        Box::pin(async move { self.count(&self.commands.clear(group)).await })
    }

    fn list<'a>(&'a self, group: &'a str, _now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        Box::pin(async move { command::entries(self.send(&self.commands.list(group)).await?) })
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.with_current(|current| {
            if current.generation == process::generation() {
                current.link = Arc::default();
            }
        });
    }
}
