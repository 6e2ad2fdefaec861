//! From a server to a connection, blocking and awaited; where there are sentinels, by way of them.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, Connection, ConnectionInfo, ConnectionLike, PushInfo, PushKind,
    RedisResult, Value,
};

use super::command;
use super::failure::{failure, sentinel_failure, too_late};
use super::servers::{Address, Role, Sentinels, Servers, Target};
use crate::StoreError;

type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Blocking.
impl Servers {
    /// A connection that is logged in, before `until`.
    pub(super) fn connect(&self, target: &Target, until: Instant) -> Result<Connection> {
        let connection = match (target, self.sentinels()) {
            (Target::Node(address), _) => self.connect_node(address, until)?,
            (Target::Role(_), None) => open(self.first(), until)?,
            (Target::Role(role), Some(sentinels)) => self.connect_named(sentinels, *role, until)?,
        };
        limit(&connection, self.response_timeout)?;
        Ok(connection)
    }

    fn connect_node(&self, address: &Address, until: Instant) -> Result<Connection> {
        let mut connection = open(&self.at(address), until)?;
        if self.read_from_replicas() {
            ask(&mut connection, &command::readonly()).map_err(|error| failure(&error))?;
        }
        Ok(connection)
    }

    /// A connection to the primary or a replica that one of the sentinels names. Each has half of the time that is left,
    /// so that one that hangs leaves some to the others.
    fn connect_named(&self, sentinels: &Sentinels, role: Role, until: Instant) -> Result<Connection> {
        let mut failed = None;
        for sentinel in sentinels.in_order() {
            let Ok(until) = half_way(until) else { break };
            let connected = named(sentinels, sentinel, role, until)
                .and_then(|address| self.connect_as(role, &address, until));
            match connected {
                Ok(connection) => return Ok(connection),
                Err(error) => failed = Some(more_telling(failed, error)),
            }
            sentinels.pass_over();
        }
        Err(failed.unwrap_or_else(too_late))
    }

    /// A connection to a server that says of itself what the sentinel has said of it.
    fn connect_as(&self, role: Role, address: &Address, until: Instant) -> Result<Connection> {
        let mut connection = open(&self.at(address), until)?;
        let answer = ask(&mut connection, &command::role()).map_err(|error| failure(&error))?;
        check_role(&answer, role)?;
        Ok(connection)
    }
}

/// The address that a sentinel names.
fn named(sentinels: &Sentinels, sentinel: &ConnectionInfo, role: Role, until: Instant) -> Result<Address> {
    let mut connection = connection_to(sentinel, until).map_err(|error| sentinel_failure(&error))?;
    let answer =
        ask(&mut connection, &question(sentinels, role)).map_err(|error| sentinel_failure(&error))?;
    address_in(sentinels, role, &answer)
}

fn open(info: &ConnectionInfo, until: Instant) -> Result<Connection> {
    connection_to(info, until).map_err(|error| failure(&error))
}

/// A connection whose answers, too, must come before `until`.
fn connection_to(info: &ConnectionInfo, until: Instant) -> RedisResult<Connection> {
    let connection = Client::open(info.clone())?.get_connection_with_timeout(time_left(until))?;
    let time_left = Some(time_left(until));
    connection.set_read_timeout(time_left)?;
    connection.set_write_timeout(time_left)?;
    Ok(connection)
}

/// How long a connection's answers may take from now on.
pub(super) fn limit(connection: &Connection, timeout: Duration) -> Result<()> {
    let limited = connection.set_read_timeout(Some(timeout));
    limited.and_then(|()| connection.set_write_timeout(Some(timeout))).map_err(|error| failure(&error))
}

fn ask(connection: &mut Connection, command: &Cmd) -> RedisResult<Value> {
    connection.req_command(command).and_then(Value::extract_error)
}

/// Awaited; the same, line by line.
impl Servers {
    /// [`Self::connect`], awaited. `ended` is set when the connection has ended.
    pub(super) async fn connect_async(
        &self,
        target: &Target,
        until: Instant,
        ended: Arc<AtomicBool>,
    ) -> Result<MultiplexedConnection> {
        match (target, self.sentinels()) {
            (Target::Node(address), _) => self.connect_node_async(address, until, ended).await,
            (Target::Role(_), None) => open_async(self.first(), self.config(until, ended)).await,
            (Target::Role(role), Some(sentinels)) => {
                self.connect_named_async(sentinels, *role, until, ended).await
            }
        }
    }

    async fn connect_node_async(
        &self,
        address: &Address,
        until: Instant,
        ended: Arc<AtomicBool>,
    ) -> Result<MultiplexedConnection> {
        let mut connection = open_async(&self.at(address), self.config(until, ended)).await?;
        if self.read_from_replicas() {
            let readonly = command::readonly();
            ask_async(&mut connection, &readonly).await.map_err(|error| failure(&error))?;
        }
        Ok(connection)
    }

    async fn connect_named_async(
        &self,
        sentinels: &Sentinels,
        role: Role,
        until: Instant,
        ended: Arc<AtomicBool>,
    ) -> Result<MultiplexedConnection> {
        let mut failed = None;
        for sentinel in sentinels.in_order() {
            let Ok(until) = half_way(until) else { break };
            let connecting = async {
                let address = named_async(sentinels, sentinel, role, until).await?;
                self.connect_as_async(role, &address, until, Arc::clone(&ended)).await
            };
            let connected = tokio::time::timeout(time_left(until), connecting).await;
            match connected.unwrap_or_else(|_| Err(too_late())) {
                Ok(connection) => return Ok(connection),
                Err(error) => failed = Some(more_telling(failed, error)),
            }
            sentinels.pass_over();
        }
        Err(failed.unwrap_or_else(too_late))
    }

    async fn connect_as_async(
        &self,
        role: Role,
        address: &Address,
        until: Instant,
        ended: Arc<AtomicBool>,
    ) -> Result<MultiplexedConnection> {
        let mut connection = open_async(&self.at(address), self.config(until, ended)).await?;
        let answer = ask_async(&mut connection, &command::role()).await.map_err(|error| failure(&error))?;
        check_role(&answer, role)?;
        Ok(connection)
    }

    fn config(&self, until: Instant, ended: Arc<AtomicBool>) -> AsyncConnectionConfig {
        AsyncConnectionConfig::new()
            .set_connection_timeout(Some(time_left(until)))
            .set_response_timeout(Some(self.response_timeout))
            .set_push_sender(move |push: PushInfo| {
                if push.kind == PushKind::Disconnection {
                    ended.store(true, Ordering::Release);
                }
                Ok::<(), Infallible>(())
            })
    }
}

async fn named_async(
    sentinels: &Sentinels,
    sentinel: &ConnectionInfo,
    role: Role,
    until: Instant,
) -> Result<Address> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(time_left(until)))
        .set_response_timeout(Some(time_left(until)));
    let connected = connection_to_async(sentinel, config).await;
    let mut connection = connected.map_err(|error| sentinel_failure(&error))?;
    let answer = ask_async(&mut connection, &question(sentinels, role)).await;
    address_in(sentinels, role, &answer.map_err(|error| sentinel_failure(&error))?)
}

async fn open_async(info: &ConnectionInfo, config: AsyncConnectionConfig) -> Result<MultiplexedConnection> {
    connection_to_async(info, config).await.map_err(|error| failure(&error))
}

async fn connection_to_async(
    info: &ConnectionInfo,
    config: AsyncConnectionConfig,
) -> RedisResult<MultiplexedConnection> {
    Client::open(info.clone())?.get_multiplexed_async_connection_with_config(&config).await
}

async fn ask_async(connection: &mut MultiplexedConnection, command: &Cmd) -> RedisResult<Value> {
    connection.send_packed_command(command).await.and_then(Value::extract_error)
}

// What both have in common.

fn question(sentinels: &Sentinels, role: Role) -> Cmd {
    match role {
        Role::Primary => command::primary_of(&sentinels.name),
        Role::Replica => command::replicas_of(&sentinels.name),
    }
}

fn address_in(sentinels: &Sentinels, role: Role, answer: &Value) -> Result<Address> {
    match role {
        Role::Primary => command::primary_address(answer).ok_or_else(|| {
            StoreError::Refused("the sentinels know no primary of this name; see how they call it".into())
        }),
        Role::Replica => sentinels
            .choose(&command::replica_addresses(answer))
            .cloned()
            .ok_or_else(|| StoreError::Unavailable("no Redis replica is up".into())),
    }
}

fn check_role(answer: &Value, expected: Role) -> Result<()> {
    match command::role_of(answer) {
        Some(role) if role == expected => Ok(()),
        _ => Err(StoreError::Unavailable(
            "the Redis server that the sentinels name has another part by now; a fail-over may be under way"
                .into(),
        )),
    }
}

/// Of two failures, that of a server which was reached.
fn more_telling(one: Option<StoreError>, other: StoreError) -> StoreError {
    match one {
        Some(refusal @ StoreError::Refused(_)) => refusal,
        _ => other,
    }
}

/// More than none, which the sockets would refuse.
pub(super) fn time_left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
}

/// The middle of the time that is left, if there is any.
pub(super) fn half_way(until: Instant) -> Result<Instant> {
    let now = Instant::now();
    match until.checked_duration_since(now) {
        Some(left) if !left.is_zero() => Ok(now + left / 2),
        _ => Err(too_late()),
    }
}
