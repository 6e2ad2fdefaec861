//! The blocking store: a few connections, each used by one thread at a time.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{TcpStream, ToSocketAddrs};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::task::unconstrained;
use tokio_postgres::Row;
use tokio_postgres::config::Host;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::PostgresOptions;
use super::failure::{Failed, Next, broken_off, connect_failure, not_connected};
use super::link::Link;
use super::request::{self, Request};
use super::seats::{Seats, Taken};
use super::server::Server;
use super::socket::Socket;
use crate::store::{Entry, Exchange, Found, Key, Lifetime, Renamed, Replaced, Store};
use crate::{Result, StoreError, Timestamp};

/// So often a call is attempted again that has certainly done nothing, or is harmless.
const RETRIES: u32 = 3;

/// How long a connection that is closed may take to say so.
const FAREWELL: Duration = Duration::from_millis(100);

/// A store in a table of a PostgreSQL database, version 12 or later.
///
/// It connects at the first use, makes its table if that is missing, and connects again by itself after a failure; a call that
/// fails returns within the time-outs of [`PostgresOptions`]. What is read may be asked for twice; a write is never
/// sent again when it is unknown whether it has happened. Every call is one statement, so that the server does all of it
/// or nothing. The server's clock decides what is expired; what is, is removed by later writes, a few rows at a time. A
/// touch within a hundredth of the idle time (at most a minute) after the last use is not written. A child process
/// opens connections of its own.
///
/// ```no_run
/// use jam::Timestamp;
/// use jam::store::{Key, Lifetime, PostgresOptions, PostgresStore, Store};
///
/// let store = PostgresStore::open(PostgresOptions::new("postgresql://app@localhost/app"))?;
/// let key = Key { group: Some("owner".to_owned()), id: "one".to_owned() };
/// store.put(&key, b"value", Lifetime::default(), Timestamp::now())?;
/// # Ok::<(), jam::Error>(())
/// ```
pub struct PostgresStore {
    server: Server,
    options: PostgresOptions,
    seats: Seats<Connection>,
    closed: AtomicBool,
}

/// What reads and writes.
type Protocol = tokio_postgres::Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

struct Connection {
    link: Link,
    wire: Wire,
}

/// The client's other end, over its socket.
struct Wire {
    socket: Socket,
    protocol: Protocol,
    /// Why it has ended.
    ended: Option<Result<(), tokio_postgres::Error>>,
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PostgresStore").field("options", &self.options).finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Checks the options; nothing is sent before the first use.
    ///
    /// # Errors
    /// `validation.invalid` when an option cannot be used.
    pub fn open(options: PostgresOptions) -> Result<Self> {
        let server = Server::new(&options)?;
        let seats = Seats::new(server.pool_size);
        Ok(Self { server, options, seats, closed: AtomicBool::new(false) })
    }

    fn send(&self, request: &Request) -> Result<Vec<Row>> {
        self.attempts(request).map_err(|failed| failed.error.into())
    }

    /// The first attempt, and further ones.
    fn attempts(&self, request: &Request) -> Result<Vec<Row>, Failed> {
        let deadline = self.server.deadline(Instant::now());
        let mut failed = match self.attempt(request, deadline) {
            Ok(rows) => return Ok(rows),
            Err(failed) => failed,
        };
        for _ in 0..RETRIES {
            if failed.next == Next::Fail || Instant::now() >= deadline {
                break;
            }
            failed = match self.attempt(request, deadline) {
                Ok(rows) => return Ok(rows),
                Err(failed) => failed,
            };
        }
        Err(failed)
    }

    fn attempt(&self, request: &Request, deadline: Instant) -> Result<Vec<Row>, Failed> {
        let (mut taken, mut connection) = self.connection(deadline).map_err(Failed::unsent)?;
        let until = deadline.min(Instant::now() + self.server.response_timeout);
        let answer = connection.ask(request, &self.server, until);
        let is_broken = answer.as_ref().is_err_and(|failed| failed.is_broken);
        // A connection with an answer still to come is never used again.
        if !is_broken && !self.closed.load(Ordering::Acquire) {
            taken.connection = Some(connection);
        }
        answer
    }

    fn connection(&self, deadline: Instant) -> Result<(Taken<'_, Connection>, Box<Connection>), StoreError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(StoreError::Closed);
        }
        let until = deadline.min(Instant::now() + self.server.connect_timeout);
        let mut taken = self.seats.take(until).ok_or_else(|| {
            StoreError::TimedOut(
                "all connections to the PostgreSQL server are in use; allow more of them".into(),
            )
        })?;
        match taken.connection.take().and_then(Connection::if_living) {
            Some(connection) => Ok((taken, connection)),
            None => Ok((taken, Box::new(Connection::open(&self.server, until)?))),
        }
    }
}

impl Connection {
    /// A connection to the first host that is the right one, before `until`.
    fn open(server: &Server, until: Instant) -> Result<Self, StoreError> {
        let mut failed = not_connected();
        for (host, port) in server.hosts() {
            // Each host has its share, so that one that hangs leaves some to the others.
            let share = server.login.get_connect_timeout().copied().unwrap_or(server.connect_timeout);
            let until = until.min(Instant::now() + share);
            match Self::open_at(host, port, server, until) {
                Ok(connection) => return Ok(connection),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    fn open_at(host: &Host, port: u16, server: &Server, until: Instant) -> Result<Self, StoreError> {
        let (socket, name) = connect(host, port, until).map_err(|error| unreachable(&error))?;
        let mut tls = server.tls.clone();
        let tls = MakeTlsConnect::<Socket>::make_tls_connect(&mut tls, name)
            .map_err(|error| StoreError::Unavailable(format!("TLS cannot be used: {error}").into()))?;
        let mut logging_in = pin!(server.login.connect_raw(socket.clone(), tls));
        let logged_in = socket.drive(until, |context| logging_in.as_mut().poll(context));
        let (client, protocol) =
            logged_in.ok_or_else(not_connected)?.map_err(|error| connect_failure(&error, &server.table))?;
        let mut wire = Wire { socket, protocol, ended: None };
        let link = match wire.see_through(Link::new(client, server), until) {
            Some(link) => link?,
            None => return Err(wire.why_it_ended(server)),
        };
        Ok(Self { link, wire })
    }

    /// The connection, unless it has died while nobody used it.
    fn if_living(mut self: Box<Self>) -> Option<Box<Self>> {
        let Wire { socket, protocol, ended } = &mut self.wire;
        if let Poll::Ready(end) = socket.take_in(|context| Pin::new(&mut *protocol).poll(context)) {
            *ended = Some(end);
        }
        ended.is_none().then_some(self)
    }

    fn ask(&mut self, request: &Request, server: &Server, until: Instant) -> Result<Vec<Row>, Failed> {
        let answer = self.wire.see_through(self.link.ask(request, server), until);
        let (told, is_closed) = match answer {
            Some(Ok(rows)) => return Ok(rows),
            // The client knows only that there is no more; what reads and writes knows why.
            Some(Err(error)) if error.is_closed() => (None, true),
            Some(Err(error)) => (Some(error), false),
            None => (None, self.wire.ended.is_some()),
        };
        match told.or_else(|| self.wire.ended.take()?.err()) {
            Some(error) => Err(Failed::asked(&error, request.verb, &server.table)),
            None if is_closed => Err(Failed::broken_off(request.verb)),
            None => Err(Failed::too_late()),
        }
    }

    /// Takes leave, so that the server need not find out by itself.
    fn close(self) {
        let Self { link, wire: Wire { socket, mut protocol, .. } } = self;
        drop(link);
        socket.drive(Instant::now() + FAREWELL, |context| Pin::new(&mut protocol).poll(context));
    }
}

impl Wire {
    fn why_it_ended(self, server: &Server) -> StoreError {
        match self.ended {
            Some(Err(error)) => connect_failure(&error, &server.table),
            Some(Ok(())) => broken_off(),
            None => not_connected(),
        }
    }

    /// Reads and writes until the client has what it waits for. `None`: it will never have it.
    fn see_through<F: Future>(&mut self, future: F, until: Instant) -> Option<F::Output> {
        // This may run in a task of tokio, which would have it stop after so many steps, and wait for nothing.
        let mut future = pin!(unconstrained(future));
        let Self { socket, protocol, ended } = self;
        let done = socket.drive(until, |context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Some(output));
            }
            if ended.is_none() {
                let Poll::Ready(end) = Pin::new(&mut *protocol).poll(context) else { return Poll::Pending };
                *ended = Some(end);
            }
            // It may have been given its answer, and there will be no other.
            match future.as_mut().poll(context) {
                Poll::Ready(output) => Poll::Ready(Some(output)),
                Poll::Pending => Poll::Ready(None),
            }
        });
        done.flatten()
    }
}

/// A socket, and the name that the server's certificate has to be for.
fn connect(host: &Host, port: u16, until: Instant) -> io::Result<(Socket, &str)> {
    match host {
        Host::Tcp(name) => Ok((connect_tcp(name, port, until)?, name)),
        #[cfg(unix)]
        Host::Unix(folder) => {
            Ok((Socket::unix(UnixStream::connect(folder.join(format!(".s.PGSQL.{port}")))?), ""))
        }
    }
}

fn connect_tcp(name: &str, port: u16, until: Instant) -> io::Result<Socket> {
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in (name, port).to_socket_addrs()? {
        let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        match TcpStream::connect_timeout(&address, left) {
            Ok(stream) => return Socket::tcp(stream),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn unreachable(error: &io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::TimedOut => not_connected(),
        _ => StoreError::Unavailable(
            format!("the PostgreSQL server cannot be reached, or broke off: {error}").into(),
        ),
    }
}

impl Store for PostgresStore {
    fn get(&self, key: &Key, _now: Timestamp) -> Result<Option<Vec<u8>>> {
        request::value(&self.send(&Request::get(&self.server.namespace, key))?)
    }

    fn touch(&self, key: &Key, _now: Timestamp) -> Result<Option<Found>> {
        request::found(&self.send(&Request::touch(&self.server.namespace, key))?)
    }

    fn put(&self, key: &Key, value: &[u8], lifetime: Lifetime, now: Timestamp) -> Result<()> {
        self.send(&Request::put(&self.server.namespace, key, value, lifetime, now)).map(drop)
    }

    fn put_many(&self, entries: &[(Key, Vec<u8>, Lifetime)], now: Timestamp) -> Result<()> {
        self.send(&Request::put_many(&self.server.namespace, entries, now)).map(drop)
    }

    fn insert(
        &self,
        key: &Key,
        value: &[u8],
        note: &[u8],
        lifetime: Lifetime,
        now: Timestamp,
    ) -> Result<bool> {
        let request = Request::insert(&self.server.namespace, key, value, note, lifetime, now)?;
        Ok(request::inserted(&self.send(&request)?))
    }

    fn replace(&self, key: &Key, value: &[u8], expected: Option<&[u8]>, _now: Timestamp) -> Result<Replaced> {
        request::replaced(&self.send(&Request::replace(&self.server.namespace, key, value, expected))?)
    }

    fn rename(&self, from: &Key, to: &Key, exchange: Option<&Exchange>, _now: Timestamp) -> Result<Renamed> {
        request::renamed(self.attempts(&Request::rename(&self.server.namespace, from, to, exchange)?))
    }

    fn delete(&self, key: &Key, _now: Timestamp) -> Result<bool> {
        request::deleted(&self.send(&Request::delete(&self.server.namespace, key))?)
    }

    fn clear(&self, group: &str, keep: Option<&str>, _now: Timestamp) -> Result<u64> {
        request::count(&self.send(&Request::clear(&self.server.namespace, group, keep))?)
    }

    fn list(&self, group: &str, _now: Timestamp) -> Result<Vec<Entry>> {
        request::entries(&self.send(&Request::list(&self.server.namespace, group))?)
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.seats.clear().into_iter().for_each(|connection| connection.close());
    }
}
