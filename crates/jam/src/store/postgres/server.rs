//! From options to a server: where it is, how one logs in, who is trusted. Everything that can be wrong is found here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres_rustls::MakeRustlsConnect;
use zeroize::Zeroizing;

use super::sql::{Statements, Table};
use super::{PostgresClientCertificate, PostgresOptions, PostgresTls};
use crate::secret::Secret;
use crate::store::check_namespace;
use crate::{Error, Result};

const LONGEST_TIMEOUT: Duration = Duration::from_secs(86_400);
const MOST_CONNECTIONS: usize = 1_000;

/// What a URL may say after the question mark, beside `sslmode`.
const SETTINGS: [&str; 9] = [
    "application_name",
    "channel_binding",
    "dbname",
    "host",
    "options",
    "password",
    "port",
    "target_session_attrs",
    "user",
];

/// What a server is called in its list of connections, unless the URL says otherwise.
const APPLICATION_NAME: &str = "jam";

/// After so long without a word from the other side, a connection asks whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// The checked options.
pub(super) struct Server {
    pub(super) login: Config,
    pub(super) tls: MakeRustlsConnect,
    pub(super) table: Table,
    pub(super) statements: Statements,
    pub(super) namespace: String,
    pub(super) connect_timeout: Duration,
    pub(super) response_timeout: Duration,
    pub(super) pool_size: usize,
    pub(super) prepared_statements: bool,
}

impl Server {
    pub(super) fn new(options: &PostgresOptions) -> Result<Self> {
        check_namespace(&options.namespace)?;
        for timeout in [options.connect_timeout, options.response_timeout] {
            if timeout.is_zero() || timeout > LONGEST_TIMEOUT {
                return Err(Error::validation(
                    "a time-out of PostgreSQL is more than none, and a day at most",
                ));
            }
        }
        if !(1..=MOST_CONNECTIONS).contains(&options.pool_size) {
            return Err(Error::validation("the connections to PostgreSQL are 1 to 1000"));
        }
        let table = Table::new(&options.table)?;
        let mut login = read_url(&options.url)?;
        let hosts = u32::try_from(login.get_hosts().len()).unwrap_or(u32::MAX).max(1);
        login.connect_timeout(options.connect_timeout / hosts);
        let with_tls = login.get_ssl_mode() == SslMode::Require;
        Ok(Self {
            tls: MakeRustlsConnect::new(client_config(&options.tls, with_tls)?),
            login,
            statements: Statements::new(&table),
            table,
            namespace: options.namespace.clone(),
            connect_timeout: options.connect_timeout,
            response_timeout: options.response_timeout,
            pool_size: options.pool_size,
            prepared_statements: options.prepared_statements,
        })
    }

    /// When a call that has started then has to have ended.
    pub(super) fn deadline(&self, started: Instant) -> Instant {
        started + self.connect_timeout + self.response_timeout
    }

    /// The hosts with their ports, in the order of the URL.
    pub(super) fn hosts(&self) -> impl Iterator<Item = (&Host, u16)> {
        let ports = self.login.get_ports();
        let port = |place| ports.get(place).or(ports.first()).copied().unwrap_or(5432);
        self.login.get_hosts().iter().enumerate().map(move |(place, host)| (host, port(place)))
    }

    /// Whether only a server that can be written to is the right one.
    pub(super) fn has_to_be_writable(&self) -> bool {
        self.login.get_target_session_attrs() == TargetSessionAttrs::ReadWrite
    }
}

fn read_url(url: &Secret<String>) -> Result<Config> {
    // The client's error may quote the URL, which may hold a password.
    let unreadable = || {
        Error::validation(
            "the PostgreSQL URL cannot be read; it has the form postgresql://[USER[:PASSWORD]@]HOST[:PORT][/DATABASE]",
        )
    };
    let url = url.expose();
    if !url.starts_with("postgresql://") && !url.starts_with("postgres://") {
        return Err(unreadable());
    }
    let (place, settings) = url.split_once('?').unwrap_or((url, ""));
    let mut ssl_mode = None;
    let mut kept = Zeroizing::new(format!("{place}?"));
    for setting in settings.split('&').filter(|setting| !setting.is_empty()) {
        let (name, value) = setting.split_once('=').ok_or_else(unreadable)?;
        match name {
            "sslmode" => ssl_mode = Some(value),
            _ if SETTINGS.contains(&name) => {
                kept.push_str(setting);
                kept.push('&');
            }
            _ => {
                let reason = format!(
                    "the PostgreSQL URL has a setting after ? that is not read; there can be sslmode, {}",
                    SETTINGS.join(", ")
                );
                return Err(Error::validation(reason));
            }
        }
    }
    let mut login: Config = kept.parse().map_err(|_| unreadable())?;
    check_hosts(&login)?;
    login.ssl_mode(checked_ssl_mode(ssl_mode, &login)?);
    login.keepalives_idle(KEEPALIVE);
    if login.get_application_name().is_none() {
        login.application_name(APPLICATION_NAME);
    }
    if login.get_target_session_attrs() == TargetSessionAttrs::ReadOnly {
        return Err(Error::validation("sessions are written, so target_session_attrs cannot be read-only"));
    }
    if login.get_hosts().len() > 1 {
        login.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    Ok(login)
}

fn check_hosts(login: &Config) -> Result<()> {
    let (hosts, ports) = (login.get_hosts().len(), login.get_ports().len());
    let is_empty = |host: &Host| matches!(host, Host::Tcp(name) if name.is_empty());
    if hosts == 0 || login.get_hosts().iter().any(is_empty) {
        return Err(Error::validation("the PostgreSQL URL names no host; write one, as localhost"));
    }
    if ports > 1 && ports != hosts {
        return Err(Error::validation("the PostgreSQL URL has another number of ports than of hosts"));
    }
    Ok(())
}

/// Whoever could read what is sent over a network could act for its users.
fn checked_ssl_mode(mode: Option<&str>, login: &Config) -> Result<SslMode> {
    let is_socket = |host: &Host| !matches!(host, Host::Tcp(_));
    let is_here = |host: &Host| match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        _ => true,
    };
    match mode {
        None if login.get_hosts().iter().all(is_here) => Ok(SslMode::Disable),
        None | Some("require" | "verify-ca" | "verify-full") => {
            if login.get_hosts().iter().any(is_socket) {
                let reason =
                    "there is no TLS over the unix socket in the PostgreSQL URL; write sslmode=disable";
                return Err(Error::validation(reason));
            }
            Ok(SslMode::Require)
        }
        Some("disable") => Ok(SslMode::Disable),
        Some(_) => Err(Error::validation(
            "sslmode in the PostgreSQL URL is verify-full, or disable for a network that you trust; one that only prefers TLS can be talked out of it",
        )),
    }
}

fn client_config(tls: &PostgresTls, with_tls: bool) -> Result<ClientConfig> {
    if !with_tls && (tls.authorities.is_some() || tls.client.is_some()) {
        return Err(Error::validation(
            "certificates for PostgreSQL are given, but the URL does not ask for TLS; write sslmode=verify-full into it",
        ));
    }
    let unusable = |_| Error::validation("TLS cannot be used on this system");
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_root_certificates(match &tls.authorities {
            Some(pem) => authorities(pem)?,
            None if with_tls => authorities_of_the_system()?,
            None => RootCertStore::empty(),
        });
    match &tls.client {
        None => Ok(config.with_no_client_auth()),
        Some(client) => {
            let (chain, key) = client_pair(client)?;
            config.with_client_auth_cert(chain, key).map_err(|_| {
                Error::validation("the client's key for PostgreSQL does not belong to its certificate, or is of a kind that TLS does not know")
            })
        }
    }
}

fn authorities(pem: &str) -> Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(pem, "authorities")? {
        store.add(certificate).map_err(|_| not_in_pem("authorities"))?;
    }
    Ok(store)
}

fn authorities_of_the_system() -> Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if store.is_empty() {
        return Err(Error::validation(
            "this system knows no authorities that sign certificates; name that of the PostgreSQL server",
        ));
    }
    Ok(store)
}

fn client_pair(
    client: &PostgresClientCertificate,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let key = PrivateKeyDer::from_pem_slice(client.key.expose().as_bytes()).map_err(|_| {
        Error::validation(
            "the client's key for PostgreSQL is no private key in PEM; an encrypted one cannot be used",
        )
    })?;
    Ok((certificates(&client.certificate, "client")?, key))
}

fn certificates(pem: &str, whose: &str) -> Result<Vec<CertificateDer<'static>>> {
    let certificates: Option<Vec<_>> =
        CertificateDer::pem_slice_iter(pem.as_bytes()).map(|one| one.ok()).collect();
    certificates.filter(|certificates| !certificates.is_empty()).ok_or_else(|| not_in_pem(whose))
}

fn not_in_pem(whose: &str) -> Error {
    Error::validation(format!("the certificates of the {whose} for PostgreSQL are no certificates in PEM"))
}
