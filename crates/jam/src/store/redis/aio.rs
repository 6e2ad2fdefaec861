//! The awaited store: one connection to a server for all tasks, which it is asked over without waiting for answers.

use std::fmt;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisError, RedisResult, Value};
use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use tokio::time::{sleep, timeout_at};

use super::command::{self, Commands, Request, Stored};
use super::connect::half_way;
use super::failure::{
    Failed, Next, Patience, failure, is_broken, is_forgotten, is_replaced, no_server_for_slot, too_late,
};
use super::network::{Layout, Network};
use super::servers::{Address, Servers, Target};
use super::{RedisOptions, ServerClock};
use crate::store::{
    AsyncStore, Entry, Exchange, Found, Key, Lifetime, Renamed, Replaced, StoreFuture, check_note,
    check_rename,
};
use crate::{Result, StoreError, Timestamp, process};

/// A store on Redis servers, 6.2 or later, or Valkey servers; the awaited twin of [`super::RedisStore`].
///
/// All tasks share one connection to each server, which lives on the tokio runtime (with timers and I/O enabled) of the
/// task that needed it first, and is made anew when that runtime, the connection or the process is another. Awaiting
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
    servers: Arc<Servers>,
    options: RedisOptions,
    current: Mutex<Current>,
    clock: ServerClock,
    closed: AtomicBool,
}

struct Current {
    generation: u64,
    network: Network<Arc<Link>>,
    survey: Arc<Survey>,
}

impl Current {
    fn new(servers: &Servers) -> Self {
        let network = Network::new(servers, Link::new);
        Self { generation: process::generation(), network, survey: Arc::default() }
    }

    /// The link, or a new one to the same server if it has ended.
    fn living(&mut self, link: Arc<Link>) -> Arc<Link> {
        if link.ended.load(Ordering::Acquire) {
            return Arc::clone(self.network.renew(&link.target));
        }
        link
    }
}

/// A connection to a server, or the attempt at one that all tasks wait for together.
struct Link {
    target: Target,
    connection: OnceCell<Result<MultiplexedConnection>>,
    /// Set when the connection is known to have ended.
    ended: Arc<AtomicBool>,
}

impl Link {
    fn new(target: &Target) -> Arc<Self> {
        Arc::new(Self { target: target.clone(), connection: OnceCell::new(), ended: Arc::default() })
    }
}

/// The layout of a cluster, or the attempt at it that all tasks wait for together.
type Survey = OnceCell<Result<Layout>>;

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
        let servers = Servers::new(&options)?;
        Ok(Self {
            commands: Commands::new(options.namespace.clone()),
            current: Mutex::new(Current::new(&servers)),
            servers: Arc::new(servers),
            options,
            clock: ServerClock::new(),
            closed: AtomicBool::new(false),
        })
    }

    // Attempts.

    // What is rarely needed is boxed, so that the future of the usual way stays small.

    async fn send(&self, request: &Request<'_>) -> Result<Value> {
        self.send_since(Instant::now(), request).await
    }

    async fn send_since(&self, started: Instant, request: &Request<'_>) -> Result<Value> {
        let slot = self.servers.is_cluster().then(|| request.slot());
        match self.attempt(request, slot).await {
            Ok(answer) => Ok(answer),
            Err(failed) => Box::pin(self.persist(started, request, slot, failed)).await,
        }
    }

    /// What can be read from a replica, where that is asked for; with what it does not have, the primary is asked.
    async fn read(&self, started: Instant, request: &Request<'_>) -> Result<Value> {
        if self.servers.read_from_replicas() && !self.closed.load(Ordering::Acquire) {
            return Box::pin(self.read_from_replica(started, request)).await;
        }
        self.send_since(started, request).await
    }

    async fn read_from_replica(&self, started: Instant, request: &Request<'_>) -> Result<Value> {
        if let Some(answer) = self.ask_replica(request).await {
            return Ok(answer);
        }
        let deadline = self.servers.deadline(started);
        let primary = timeout_at(deadline.into(), self.send_since(started, request)).await;
        primary.unwrap_or_else(|_| Err(too_late().into()))
    }

    /// Further attempts, until there is an answer or the patience ends.
    async fn persist(
        &self,
        started: Instant,
        request: &Request<'_>,
        slot: Option<u16>,
        mut failed: Failed,
    ) -> Result<Value> {
        let mut patience = Patience::new(&self.servers, started);
        while let Some(pause) = patience.pause(&failed.next)
            && Handle::try_current().is_ok()
        {
            if !pause.is_zero() {
                sleep(pause).await;
            }
            let mut asked = None;
            match failed.next {
                Next::Moved { slot, to } => self.with_current(|current| current.network.moved(slot, to)),
                Next::Ask(address) => asked = Some(address),
                Next::Again | Next::Fail => {}
            }
            let attempt = async {
                match &asked {
                    None => self.attempt(request, slot).await,
                    Some(address) => self.attempt_at(request, address).await,
                }
            };
            failed = match timeout_at(patience.deadline().into(), attempt).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(failed)) => failed,
                Err(_) => return Err(too_late().into()),
            };
        }
        Err(failed.error)
    }

    /// Asks the primary of the slot.
    async fn attempt(&self, request: &Request<'_>, slot: Option<u16>) -> Result<Value, Failed> {
        let connected = self.connection(slot).await;
        let (mut connection, link) = connected.map_err(|error| Failed::unsent(error, &self.servers))?;
        ask(&mut connection, request).await.map_err(|error| self.failed(&error, request, &link))
    }

    /// Asks another server, to which the slot is being moved.
    async fn attempt_at(&self, request: &Request<'_>, address: &Address) -> Result<Value, Failed> {
        let connected = self.connection_to(&Target::Node(address.clone())).await;
        let (mut connection, link) = connected.map_err(|error| Failed::unsent(error, &self.servers))?;
        let answer = ask_while_moving(&mut connection, request).await;
        answer.map_err(|error| self.failed(&error, request, &link))
    }

    fn failed(&self, error: &RedisError, request: &Request<'_>, link: &Arc<Link>) -> Failed {
        self.learn_from(error, link);
        Failed::asked(error, request, &self.servers, &link.target)
    }

    /// The answer of one of the slot's replicas, if it has one.
    async fn ask_replica(&self, request: &Request<'_>) -> Option<Value> {
        let slot = self.servers.is_cluster().then(|| request.slot());
        let link = self.with_current(|current| {
            let (_, link) = current.network.replica(slot)?;
            let link = Arc::clone(link);
            Some(current.living(link))
        })?;
        let asking = async {
            let (mut connection, link) = self.connect(link).await.ok()?;
            let answer = ask(&mut connection, request).await;
            answer.inspect_err(|error| self.learn_from(error, &link)).ok()
        };
        match asking.await {
            Some(Value::Nil) => None,
            Some(answer) => Some(answer),
            None => {
                self.with_current(|current| current.network.rest(slot));
                None
            }
        }
    }

    /// Puts values into a cluster, each server's in one go.
    async fn put_by_server(&self, requests: &[Request<'_>]) -> Result<()> {
        let mut servers: Vec<(MultiplexedConnection, Arc<Link>, Vec<&Request<'_>>)> = Vec::new();
        for request in requests {
            let Ok((connection, link)) = self.connection(Some(request.slot())).await else {
                Box::pin(self.send(request)).await?;
                continue;
            };
            match servers.iter_mut().find(|(_, known, _)| Arc::ptr_eq(known, &link)) {
                Some((.., requests)) => requests.push(request),
                None => servers.push((connection, link, vec![request])),
            }
        }
        for (mut connection, link, requests) in servers {
            let pipeline = Request::in_one_go(&requests);
            let answers = connection.send_packed_commands(&pipeline, 0, pipeline.len()).await;
            let answers = answers.map_err(|error| {
                self.learn_from(&error, &link);
                failure(&error)
            })?;
            for (request, answer) in requests.into_iter().zip(answers) {
                // What was refused has not happened; alone, it finds its way.
                if answer.extract_error().is_err() {
                    self.send(request).await?;
                }
            }
        }
        Ok(())
    }

    fn learn_from(&self, error: &RedisError, link: &Arc<Link>) {
        // Too late counts as broken: a host that vanished answers nothing, and never closes either.
        if is_broken(error) || self.servers.can_change() && is_replaced(error) {
            self.give_up(link);
        }
    }

    // Connections.

    /// A connection to the primary of the slot.
    async fn connection(&self, slot: Option<u16>) -> Result<(MultiplexedConnection, Arc<Link>)> {
        if self.closed.load(Ordering::Acquire) {
            return Err(StoreError::Closed.into());
        }
        match self.link(slot) {
            Some(link) => match link.connection.get() {
                Some(Ok(connection)) => Ok((connection.clone(), link)),
                _ => Box::pin(self.connect(link)).await,
            },
            None => Box::pin(self.survey_and_connect(slot)).await,
        }
    }

    async fn survey_and_connect(&self, slot: Option<u16>) -> Result<(MultiplexedConnection, Arc<Link>)> {
        let until = Instant::now() + self.servers.connect_timeout;
        let surveying = async {
            self.survey().await?;
            self.connect(self.link(slot).ok_or_else(no_server_for_slot)?).await
        };
        timeout_at(until.into(), surveying).await.unwrap_or_else(|_| Err(too_late().into()))
    }

    async fn connection_to(&self, target: &Target) -> Result<(MultiplexedConnection, Arc<Link>)> {
        let link = self.with_current(|current| {
            let link = Arc::clone(current.network.at(target));
            current.living(link)
        });
        self.connect(link).await
    }

    async fn connect(&self, link: Arc<Link>) -> Result<(MultiplexedConnection, Arc<Link>)> {
        let connection = match link.connection.get() {
            Some(connection) => connection,
            None => link.connection.get_or_init(|| self.open_link(&link)).await,
        };
        match connection {
            Ok(connection) => Ok((connection.clone(), link)),
            Err(error) => {
                let error = error.clone();
                // Who waited for this attempt has its error; who comes next makes another.
                self.give_up(&link);
                Err(error)
            }
        }
    }

    async fn open_link(&self, link: &Link) -> Result<MultiplexedConnection> {
        if Handle::try_current().is_err() {
            let reason = "the awaited Redis store works on a tokio runtime only; await it there";
            return Err(StoreError::Unavailable(reason.into()).into());
        }
        let (servers, target, ended) =
            (Arc::clone(&self.servers), link.target.clone(), Arc::clone(&link.ended));
        let until = Instant::now() + servers.connect_timeout;
        // A task of its own: a TLS handshake computes, and who awaits this may have no time for that.
        let opening = tokio::spawn(async move { servers.connect_async(&target, until, ended).await });
        match opening.await {
            Ok(connection) => Ok(connection?),
            Err(_) => {
                Err(StoreError::Unavailable("the tokio runtime ended before Redis was reached".into()).into())
            }
        }
    }

    /// The link to the primary of the slot; `None`: the cluster must be surveyed first.
    fn link(&self, slot: Option<u16>) -> Option<Arc<Link>> {
        self.with_current(|current| {
            let (_, link) = current.network.primary(slot)?;
            let link = Arc::clone(link);
            Some(current.living(link))
        })
    }

    /// The next task connects anew, unless another has seen to that already. Answers that are on their way still
    /// arrive over the old connection.
    fn give_up(&self, link: &Arc<Link>) {
        self.with_current(|current| {
            if current.network.known(&link.target).is_some_and(|known| Arc::ptr_eq(known, link)) {
                current.network.doubt(&link.target);
            }
        });
        if self.servers.can_change() {
            self.clock.forget();
        }
    }

    /// Asks which server has which slots.
    async fn survey(&self) -> Result<()> {
        let survey = self.with_current(|current| Arc::clone(&current.survey));
        let layout = survey.get_or_init(|| self.ask_for_layout()).await;
        self.with_current(|current| {
            if Arc::ptr_eq(&current.survey, &survey) {
                current.survey = Arc::default();
                if let Ok(layout) = layout {
                    current.network.arrange(layout);
                }
            }
        });
        layout.as_ref().map(drop).map_err(Clone::clone)
    }

    async fn ask_for_layout(&self) -> Result<Layout> {
        let witnesses = self.with_current(|current| current.network.witnesses(&self.servers));
        let until = Instant::now() + self.servers.connect_timeout;
        let mut failed = None;
        for witness in &witnesses {
            // Half of the time that is left, so that one that hangs leaves some to the others.
            let Ok(half) = half_way(until) else { break };
            match timeout_at(half.into(), self.ask_witness(witness)).await {
                Ok(Ok(layout)) => return Ok(layout),
                Ok(Err(error)) => failed = Some(error),
                Err(_) => {
                    self.with_current(|current| current.network.doubt(&Target::Node(witness.clone())));
                    failed = Some(too_late().into());
                }
            }
        }
        Err(failed.unwrap_or_else(|| too_late().into()))
    }

    async fn ask_witness(&self, witness: &Address) -> Result<Layout> {
        let (mut connection, link) = self.connection_to(&Target::Node(witness.clone())).await?;
        let answer = connection.send_packed_command(&command::slots()).await.and_then(Value::extract_error);
        let answer = answer.map_err(|error| {
            self.learn_from(&error, &link);
            failure(&error)
        })?;
        command::layout(&answer, witness)
    }

    fn with_current<R>(&self, work: impl FnOnce(&mut Current) -> R) -> R {
        let _busy = process::busy();
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.generation != process::generation() {
            // The parent's connections run on the parent's runtime; even dropping them would reach for that.
            mem::forget(mem::replace(&mut *current, Current::new(&self.servers)));
        }
        work(&mut current)
    }

    // Answers.

    async fn stored(&self, request: &Request<'_>) -> Result<Option<Stored>> {
        command::stored(self.send(request).await?)
    }

    async fn count(&self, request: &Request<'_>) -> Result<u64> {
        command::count(&self.send(request).await?)
    }
}

async fn ask(connection: &mut MultiplexedConnection, request: &Request<'_>) -> RedisResult<Value> {
    match say(connection, &request.command).await {
        Err(error) if is_forgotten(&error) => match request.with_code() {
            Some(command) => Box::pin(say(connection, &command)).await,
            None => Err(error),
        },
        answer => answer,
    }
}

async fn say(connection: &mut MultiplexedConnection, command: &Cmd) -> RedisResult<Value> {
    connection.send_packed_command(command).await.and_then(Value::extract_error)
}

/// [`ask`], of a server to which the slot is being moved.
async fn ask_while_moving(
    connection: &mut MultiplexedConnection,
    request: &Request<'_>,
) -> RedisResult<Value> {
    match say_after_asking(connection, &request.command).await {
        Err(error) if is_forgotten(&error) => match request.with_code() {
            Some(command) => say_after_asking(connection, &command).await,
            None => Err(error),
        },
        answer => answer,
    }
}

async fn say_after_asking(connection: &mut MultiplexedConnection, command: &Cmd) -> RedisResult<Value> {
    let both = command::after_asking(command);
    let mut answers = connection.send_packed_commands(&both, 0, both.len()).await?;
    answers.pop().unwrap_or(Value::Nil).extract_error()
}

impl AsyncStore for AsyncRedisStore {
    fn get<'a>(&'a self, key: &'a Key, _now: Timestamp) -> StoreFuture<'a, Option<Vec<u8>>> {
        Box::pin(async move {
            let stored = command::stored(self.read(Instant::now(), &self.commands.get(key)).await?)?;
            Ok(stored.map(Stored::into_bytes))
        })
    }

    fn get_many<'a>(&'a self, keys: &'a [Key], _now: Timestamp) -> StoreFuture<'a, Vec<Option<Vec<u8>>>> {
        Box::pin(async move {
            let (started, all) = (Instant::now(), self.commands.get_many(keys));
            if keys.is_empty() {
                return Ok(Vec::new());
            }
            if !self.servers.is_cluster() {
                return command::all_stored(self.send(&all).await?);
            }
            if command::are_together(keys) {
                match self.attempt(&all, Some(all.slot())).await {
                    Ok(answer) => return command::all_stored(answer),
                    Err(Failed { next: Next::Fail, error }) => return Err(error),
                    Err(_) => {}
                }
            }
            // Each one finds its way alone, also while its slot is moving.
            let one_by_one = async {
                let mut found = Vec::with_capacity(keys.len());
                for key in keys {
                    let answer = self.send_since(started, &self.commands.get(key)).await?;
                    found.push(command::stored(answer)?.map(Stored::into_bytes));
                }
                Ok(found)
            };
            let found = timeout_at(self.servers.deadline(started).into(), one_by_one).await;
            found.unwrap_or_else(|_| Err(too_late().into()))
        })
    }

    fn touch<'a>(&'a self, key: &'a Key, _now: Timestamp) -> StoreFuture<'a, Option<Found>> {
        Box::pin(async move {
            let now = Instant::now();
            if let Some(server_now) = self.clock.at(now) {
                let stored = command::stored(self.read(now, &self.commands.get(key)).await?)?;
                if stored.as_ref().is_none_or(|stored| stored.is_fresh(server_now)) {
                    return Ok(stored.map(Stored::found));
                }
            }
            let stored = self.stored(&self.commands.touch(key)).await?;
            if let Some(stored) = &stored {
                self.clock.set(stored.last_used());
            }
            Ok(stored.map(Stored::found))
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
            if self.servers.is_cluster() {
                return Box::pin(self.put_by_server(&self.commands.put_by_slot(entries, now))).await;
            }
            self.send(&self.commands.put_many(entries, now)).await.map(drop)
        })
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
            check_note(note)?;
            Ok(self.count(&self.commands.insert(key, value, note, lifetime, now)).await? > 0)
        })
    }

    fn replace<'a>(
        &'a self,
        key: &'a Key,
        value: &'a [u8],
        expected: Option<&'a [u8]>,
        _now: Timestamp,
    ) -> StoreFuture<'a, Replaced> {
        Box::pin(
            async move { command::replaced(&self.send(&self.commands.replace(key, value, expected)).await?) },
        )
    }

    fn rename<'a>(
        &'a self,
        from: &'a Key,
        to: &'a Key,
        exchange: Option<&'a Exchange>,
        _now: Timestamp,
    ) -> StoreFuture<'a, Renamed> {
        Box::pin(async move {
            check_rename(from, to, exchange)?;
            command::renamed(&self.send(&self.commands.rename(from, to, exchange)).await?)
        })
    }

    fn delete<'a>(&'a self, key: &'a Key, _now: Timestamp) -> StoreFuture<'a, bool> {
        Box::pin(async move { Ok(self.count(&self.commands.delete(key)).await? > 0) })
    }

    fn clear<'a>(&'a self, group: &'a str, keep: Option<&'a str>, _now: Timestamp) -> StoreFuture<'a, u64> {
        Box::pin(async move { self.count(&self.commands.clear(group, keep)).await })
    }

    fn list<'a>(&'a self, group: &'a str, _now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        Box::pin(async move { command::entries(self.send(&self.commands.list(group)).await?) })
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.with_current(|current| *current = Current::new(&self.servers));
    }
}
