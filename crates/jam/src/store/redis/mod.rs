//! Values on a Redis or Valkey server: shared by many machines.
//!
//! | file | knows |
//! |---|---|
//! | `servers` | from options to servers: where they are, how one logs in |
//! | `connect` | from a server to a connection, blocking and awaited; asks sentinels |
//! | `network` | which servers there are, and which has a key |
//! | `command` | what is said to a server, and what its answers mean |
//! | `failure` | what a failure means: to the caller, and for another attempt |
//! | `blocking`, `aio` | the two faces: connections that are kept, and attempts |

mod aio;
mod blocking;
mod command;
mod connect;
mod failure;
mod network;
mod servers;

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

pub use aio::AsyncRedisStore;
pub use blocking::RedisStore;

use crate::secret::Secret;

/// Where the servers are, and how long they may take.
///
/// ```
/// use std::time::Duration;
/// use jam::store::{AsyncRedisStore, RedisOptions, RedisServers};
///
/// let options = RedisOptions {
///     servers: RedisServers::Single("redis://:password@127.0.0.1:6379/0".into()),
///     response_timeout: Duration::from_millis(500),
///     ..RedisOptions::default()
/// };
/// let store = AsyncRedisStore::open(options)?; // connects at the first use
/// # Ok::<(), jam::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RedisOptions {
    /// One server, a primary that sentinels watch over, or a cluster. Default: one at [`RedisOptions::DEFAULT_URL`].
    pub servers: RedisServers,
    /// Begins every key: 1 to 128 printable ASCII characters without braces. Default: `sessions`.
    pub namespace: String,
    /// For URLs that begin with `rediss://`. Default: the system's authorities, and no certificate of the client.
    pub tls: RedisTls,
    /// How long it may take to find the server, to connect and to log in. Default: 1 second.
    pub connect_timeout: Duration,
    /// How long the server may take to answer. Default: 2 seconds. A call that fails does so within this and
    /// `connect_timeout`, further attempts included.
    pub response_timeout: Duration,
    /// How often a call is attempted again that only reads, or that has certainly done nothing: because the servers of
    /// a cluster or those that sentinels watch over cannot be reached or change places. A write of unknown outcome
    /// is never attempted again. Default: 8.
    pub retries: u32,
    /// How many connections to a server the blocking store keeps for the next calls; if more threads call at the
    /// same time, it opens more for them. Default: 16.
    pub pool_size: usize,
    /// Asks replicas, of a primary with sentinels or of a cluster, for what is read and need not be written to.
    /// What has been changed or deleted may be answered as it was, for as long as the replica lags behind; for
    /// what a replica does not have, the primary is asked. Default: `false`.
    pub read_from_replicas: bool,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self {
            servers: RedisServers::default(),
            namespace: "sessions".to_owned(),
            tls: RedisTls::default(),
            connect_timeout: Duration::from_secs(1),
            response_timeout: Duration::from_secs(2),
            retries: 8,
            pool_size: 16,
            read_from_replicas: false,
        }
    }
}

impl RedisOptions {
    /// The server that is taken when none is named.
    pub const DEFAULT_URL: &str = "redis://localhost:6379/0";
}

/// Which servers there are. A URL is `redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]`, or `rediss://...` for TLS. The
/// URLs of a list differ in host and port only, for user, password and database are those of every server.
#[derive(Clone, Debug)]
pub enum RedisServers {
    /// One server, which may also be at `redis+unix:///SOCKET[?db=DATABASE&user=USER&pass=PASSWORD]`.
    Single(Secret<String>),
    /// A primary and its replicas, watched over by sentinels that tell which one is the primary.
    Sentinel(RedisSentinel),
    /// A cluster. The URLs are those of some of its servers, which tell of the others.
    Cluster(Vec<Secret<String>>),
}

impl Default for RedisServers {
    fn default() -> Self {
        Self::Single(RedisOptions::DEFAULT_URL.into())
    }
}

/// Sentinels, and the primary that they know.
#[derive(Clone, Debug)]
pub struct RedisSentinel {
    /// Host and port of each sentinel (default port: 26379); user, password and database are those of the servers.
    pub urls: Vec<Secret<String>>,
    /// The name under which the sentinels know the primary.
    pub master: String,
    /// The user to log in as at the sentinels.
    pub username: Option<String>,
    /// The password to log in with at the sentinels.
    pub password: Option<Secret<String>>,
}

/// Who is trusted over TLS, and who one is. Certificates are always checked.
#[derive(Clone, Default)]
pub struct RedisTls {
    /// Certificates in PEM of the authorities that sign those of the servers; the system's if left out.
    pub authorities: Option<String>,
    /// What servers are shown that ask for it.
    pub client: Option<RedisClientCertificate>,
}

impl fmt::Debug for RedisTls {
    /// Without the texts: they are long, and could be those of a key by mistake.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tls = formatter.debug_struct("RedisTls");
        tls.field("has_authorities", &self.authorities.is_some()).field("has_client", &self.client.is_some());
        tls.finish()
    }
}

/// A certificate with its key.
#[derive(Clone)]
pub struct RedisClientCertificate {
    /// The certificate in PEM, followed by those that lead to its authority.
    pub certificate: String,
    /// The private key in PEM: PKCS#8, PKCS#1 or SEC1, not encrypted.
    pub key: Secret<String>,
}

impl fmt::Debug for RedisClientCertificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RedisClientCertificate").finish_non_exhaustive()
    }
}

/// The servers' clock, as it goes on here without being asked. Of several, the one that is furthest ahead counts, so
/// that no value seems more recently used than it is. No lock, so that a fork cannot find it locked.
#[derive(Debug)]
struct ServerClock {
    origin: Instant,
    /// The server's time in milliseconds at the origin.
    at_origin: AtomicI64,
    /// Milliseconds from the origin until which that is believed; 0: it is not known.
    trusted_until: AtomicI64,
}

impl ServerClock {
    /// Then it is looked at again, as somebody may have set it.
    const TRUSTED: i64 = 60_000;

    fn new() -> Self {
        Self { origin: Instant::now(), at_origin: AtomicI64::new(0), trusted_until: AtomicI64::new(0) }
    }

    fn set(&self, server_now: i64) {
        let now = Instant::now();
        if self.at(now).is_some_and(|known| known >= server_now) {
            return;
        }
        let elapsed = self.elapsed(now);
        self.at_origin.store(server_now.saturating_sub(elapsed), Ordering::Release);
        self.trusted_until.store(elapsed.saturating_add(Self::TRUSTED), Ordering::Release);
    }

    /// Another server has taken over.
    fn forget(&self) {
        self.trusted_until.store(0, Ordering::Release);
    }

    /// Milliseconds since 1970 at a moment of our own clock, if they are known.
    fn at(&self, now: Instant) -> Option<i64> {
        let elapsed = self.elapsed(now);
        let is_trusted = elapsed < self.trusted_until.load(Ordering::Acquire);
        is_trusted.then(|| self.at_origin.load(Ordering::Acquire).saturating_add(elapsed))
    }

    fn elapsed(&self, now: Instant) -> i64 {
        i64::try_from(now.saturating_duration_since(self.origin).as_millis()).unwrap_or(i64::MAX)
    }
}
