//! From options to servers: where they are, and how one logs in there. Everything that can be wrong is found here.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use redis::{
    Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion,
    RedisConnectionInfo, TlsCertificates,
};
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::{RedisClientCertificate, RedisOptions, RedisSentinel, RedisServers, RedisTls};
use crate::secret::Secret;
use crate::store::check_namespace;
use crate::{ConfigurationError, Error, Reason, Result};

/// Where servers and sentinels listen when the URL does not say.
const SERVER_PORT: u16 = 6_379;
const SENTINEL_PORT: u16 = 26_379;

const LONGEST_TIMEOUT: Duration = Duration::from_secs(86_400);

/// The host and port of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
}

impl Address {
    /// Another server of the same host.
    pub(super) fn with_port(&self, port: u16) -> Self {
        Self { host: self.host.clone(), port }
    }
}

/// What a server is to the others that have the same data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Primary,
    Replica,
}

/// What one connects to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The one server, or one that the sentinels name.
    Role(Role),
    /// A server of a cluster.
    Node(Address),
}

/// The checked options.
pub(super) struct Servers {
    pub(super) connect_timeout: Duration,
    pub(super) response_timeout: Duration,
    pub(super) retries: u32,
    pub(super) pool_size: usize,
    read_from_replicas: bool,
    found_by: FoundBy,
    /// How one logs in; the address is that of the first server.
    login: ConnectionInfo,
}

enum FoundBy {
    Url,
    Sentinels(Sentinels),
    Slots { seeds: Vec<Address> },
}

/// Who knows which server is the primary.
pub(super) struct Sentinels {
    sentinels: Vec<ConnectionInfo>,
    /// How they call the primary.
    pub(super) name: String,
    /// The place of the one to be asked first: another, once that has failed.
    first: AtomicUsize,
    /// Whose turn it is among the replicas.
    turn: AtomicUsize,
}

impl Sentinels {
    /// All of them, the best to ask first.
    pub(super) fn in_order(&self) -> impl Iterator<Item = &ConnectionInfo> {
        let first = self.first.load(Ordering::Relaxed) % self.sentinels.len().max(1);
        self.sentinels[first..].iter().chain(&self.sentinels[..first])
    }

    /// The next time another one is asked first.
    pub(super) fn pass_over(&self) {
        self.first.fetch_add(1, Ordering::Relaxed);
    }

    /// One of the replicas, each in its turn.
    pub(super) fn choose<'a>(&self, replicas: &'a [Address]) -> Option<&'a Address> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        replicas.get(turn.checked_rem(replicas.len())?)
    }
}

impl Servers {
    pub(super) fn new(options: &RedisOptions) -> Result<Self> {
        check_namespace(&options.namespace).map_err(|error| error.at("redis_sessions_key"))?;
        let timeouts = [
            ("redis_connect_timeout", options.connect_timeout),
            ("redis_response_timeout", options.response_timeout),
        ];
        for (key, timeout) in timeouts {
            if timeout.is_zero() || timeout > LONGEST_TIMEOUT {
                return Err(
                    ConfigurationError::key(key, "must be more than 0 seconds and at most a day").into()
                );
            }
        }
        let (login, found_by) = match &options.servers {
            RedisServers::Single(url) => {
                if options.read_from_replicas {
                    let reason = "replicas of a single Redis server are not known; name sentinels or a cluster to read from replicas";
                    return Err(ConfigurationError::key("redis_read_from_replicas", reason).into());
                }
                (with_tls(read_url(url, SERVER_PORT)?, &options.tls)?, FoundBy::Url)
            }
            RedisServers::Sentinel(sentinel) => with_sentinels(sentinel, &options.tls)?,
            RedisServers::Cluster(urls) => {
                let (login, seeds) = read_urls(urls, SERVER_PORT, &options.tls)?;
                (login, FoundBy::Slots { seeds })
            }
        };
        Ok(Self {
            connect_timeout: options.connect_timeout,
            response_timeout: options.response_timeout,
            retries: options.retries,
            pool_size: options.pool_size,
            read_from_replicas: options.read_from_replicas,
            found_by,
            login,
        })
    }

    /// How to connect to the one server that the options name.
    pub(super) fn first(&self) -> &ConnectionInfo {
        &self.login
    }

    /// How to connect to another server of the same kind.
    pub(super) fn at(&self, address: &Address) -> ConnectionInfo {
        at(&self.login, address)
    }

    pub(super) fn sentinels(&self) -> Option<&Sentinels> {
        match &self.found_by {
            FoundBy::Sentinels(sentinels) => Some(sentinels),
            FoundBy::Url | FoundBy::Slots { .. } => None,
        }
    }

    /// The servers of a cluster that the options name; none where there is no cluster.
    pub(super) fn seeds(&self) -> &[Address] {
        match &self.found_by {
            FoundBy::Slots { seeds } => seeds,
            FoundBy::Url | FoundBy::Sentinels(_) => &[],
        }
    }

    /// When a call that has started then has to have ended.
    pub(super) fn deadline(&self, started: Instant) -> Instant {
        started + self.connect_timeout + self.response_timeout
    }

    pub(super) fn is_cluster(&self) -> bool {
        matches!(self.found_by, FoundBy::Slots { .. })
    }

    /// Whether another server may take over.
    pub(super) fn can_change(&self) -> bool {
        !matches!(self.found_by, FoundBy::Url)
    }

    pub(super) fn read_from_replicas(&self) -> bool {
        self.read_from_replicas
    }
}

fn with_sentinels(options: &RedisSentinel, tls: &RedisTls) -> Result<(ConnectionInfo, FoundBy)> {
    if options.master.is_empty() {
        let reason = "the name under which the sentinels know the primary is empty";
        return Err(ConfigurationError::key("redis_sentinel_master", reason).into());
    }
    if options.username.is_some() && options.password.is_none() {
        let reason = "is required beside redis_sentinel_username";
        return Err(ConfigurationError::key("redis_sentinel_password", reason).into());
    }
    let (login, addresses) = read_urls(&options.urls, SENTINEL_PORT, tls)?;
    let mut settings = RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP3);
    if let Some(username) = &options.username {
        settings = settings.set_username(username);
    }
    if let Some(password) = &options.password {
        settings = settings.set_password(password.expose());
    }
    let sentinel = |address| at(&login, address).set_redis_settings(settings.clone());
    let sentinels = Sentinels {
        sentinels: addresses.iter().map(sentinel).collect(),
        name: options.master.clone(),
        first: AtomicUsize::new(0),
        turn: AtomicUsize::new(0),
    };
    Ok((login, FoundBy::Sentinels(sentinels)))
}

/// How one logs in at all of them, and where they are.
fn read_urls(
    urls: &[Secret<String>],
    default_port: u16,
    tls: &RedisTls,
) -> Result<(ConnectionInfo, Vec<Address>)> {
    let infos = urls.iter().map(|url| read_url(url, default_port)).collect::<Result<Vec<_>>>()?;
    let mut infos = infos.into_iter();
    let Some(first) = infos.next() else {
        return Err(bad_url("the list of Redis URLs is empty; name at least one server"));
    };
    let mut addresses = vec![address(&first)?];
    for info in infos {
        addresses.push(address(&info)?);
        let (one, other) = (first.redis_settings(), info.redis_settings());
        if (one.username(), one.password(), one.db()) != (other.username(), other.password(), other.db()) {
            let reason = "the Redis URLs differ in user, password or database; these hold for all servers, so write the same in each";
            return Err(bad_url(reason));
        }
        if is_tls(&first) != is_tls(&info) {
            return Err(bad_url("some of the Redis URLs are rediss:// and some are not; write all alike"));
        }
    }
    Ok((with_tls(first, tls)?, addresses))
}

fn read_url(url: &Secret<String>, default_port: u16) -> Result<ConnectionInfo> {
    // The client's error may quote the URL, which may hold a password.
    let unreadable = || {
        bad_url(
            "the Redis URL cannot be read; it has the form redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]",
        )
    };
    let mut parsed = redis::parse_redis_url(url.expose()).ok_or_else(unreadable)?;
    if parsed.fragment().is_some() {
        return Err(bad_url(
            "the Redis URL has something after #, which has no meaning; certificates are always checked",
        ));
    }
    let known: &[&str] = if parsed.scheme().ends_with("unix") { &["db", "user", "pass"] } else { &[] };
    if parsed.query_pairs().any(|(name, _)| !known.contains(&name.as_ref())) {
        return Err(bad_url(
            "the Redis URL has settings after ?, which are not read; give them as options of their own",
        ));
    }
    if parsed.has_host() && parsed.port().is_none() {
        parsed.set_port(Some(default_port)).map_err(|()| unreadable())?;
    }
    let info = parsed.into_connection_info().map_err(|_| unreadable())?;
    let settings = info.redis_settings().clone();
    if settings.db() < 0 {
        return Err(bad_url("the number of the Redis database is negative"));
    }
    // The third version of the protocol, with which the client tells of a connection's end.
    let settings = settings.set_protocol(ProtocolVersion::RESP3);
    // A small command must not wait for the answer to the one before.
    let sockets = info.tcp_settings().clone().set_nodelay(true);
    Ok(info.set_redis_settings(settings).set_tcp_settings(sockets))
}

fn address(info: &ConnectionInfo) -> Result<Address> {
    match info.addr() {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
            Ok(Address { host: host.clone(), port: *port })
        }
        _ => Err(bad_url("sentinels and clusters are reached by host and port; a unix socket is one server")),
    }
}

fn bad_url(reason: impl Into<Reason>) -> Error {
    ConfigurationError::key("redis_uri", reason).into()
}

/// The same way of connecting, to another address.
fn at(info: &ConnectionInfo, address: &Address) -> ConnectionInfo {
    let Address { host, port } = address.clone();
    info.clone().set_addr(match info.addr().clone() {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host, port, insecure, tls_params }
        }
        _ => ConnectionAddr::Tcp(host, port),
    })
}

fn is_tls(info: &ConnectionInfo) -> bool {
    matches!(info.addr(), ConnectionAddr::TcpTls { .. })
}

/// Adds what is needed for TLS, once it is known to be usable.
fn with_tls(info: ConnectionInfo, tls: &RedisTls) -> Result<ConnectionInfo> {
    if !is_tls(&info) {
        if tls.authorities.is_none() && tls.client.is_none() {
            return Ok(info);
        }
        return Err(bad_url("does not ask for TLS, for which certificates are given; write rediss://"));
    }
    let provider = provider();
    let certificates = TlsCertificates {
        root_cert: Some(match &tls.authorities {
            Some(pem) => checked_certificates(pem, "redis_ca_file")?,
            None => authorities_of_the_system()?,
        }),
        client_tls: tls.client.as_ref().map(|client| checked_pair(client, &provider)).transpose()?,
    };
    let client = Client::build_with_tls(info, certificates)
        .map_err(|_| ConfigurationError::key("redis_ca_file", "these certificates cannot be used"))?;
    Ok(client.get_connection_info().clone())
}

/// The cryptography that TLS is done with: the process's own choice if it has made one, else aws-lc, which all of Jam
/// uses. The client takes it from the process only, and panics where there could be two.
fn provider() -> CryptoProvider {
    use rustls::crypto::aws_lc_rs::default_provider;

    if CryptoProvider::get_default().is_none() {
        // It fails if another thread was first, which is as good.
        let _ = default_provider().install_default();
    }
    CryptoProvider::get_default().map_or_else(default_provider, |provider| (**provider).clone())
}

/// Read here, once. The client would read them for each connection, which takes longer than all else it does for that; it
/// is built with some of its own, so that it does not, and never uses those.
fn authorities_of_the_system() -> Result<Vec<u8>> {
    let known = rustls_native_certs::load_native_certs().certs.into_iter();
    let usable = known.filter(|certificate| RootCertStore::empty().add(certificate.clone()).is_ok());
    let texts = usable.map(|certificate| pem::encode(&pem::Pem::new("CERTIFICATE", certificate.to_vec())));
    let bundle = texts.collect::<String>();
    if bundle.is_empty() {
        let reason = "is required: this system knows no authorities that sign certificates";
        return Err(ConfigurationError::key("redis_ca_file", reason).into());
    }
    Ok(bundle.into_bytes())
}

fn checked_certificates(pem: &str, key: &str) -> Result<Vec<u8>> {
    let mut certificates = CertificateDer::pem_slice_iter(pem.as_bytes());
    if certificates.next().is_some_and(|first| first.is_ok()) && certificates.all(|other| other.is_ok()) {
        return Ok(pem.into());
    }
    Err(ConfigurationError::key(key, "there are no certificates in PEM in this file").into())
}

fn checked_pair(client: &RedisClientCertificate, provider: &CryptoProvider) -> Result<ClientTlsConfig> {
    let client_cert = checked_certificates(&client.certificate, "redis_client_certificate")?;
    let client_key = client.key.expose().as_bytes();
    let key = PrivateKeyDer::from_pem_slice(client_key).map_err(|_| {
        bad_key("there is no private key in PEM in this file; an encrypted one cannot be used")
    })?;
    let chain = CertificateDer::pem_slice_iter(&client_cert).filter_map(|certificate| certificate.ok());
    CertifiedKey::from_der(chain.collect(), key, provider).map_err(|_| {
        bad_key("does not belong to redis_client_certificate, or is of a kind that TLS does not know")
    })?;
    Ok(ClientTlsConfig { client_cert, client_key: client_key.to_vec() })
}

fn bad_key(reason: &'static str) -> Error {
    ConfigurationError::key("redis_client_key", reason).into()
}
