//! Certificates for servers of this machine, and servers of Redis and PostgreSQL that have them.

use std::path::Path;

use jam::store::{
    PostgresClientCertificate, PostgresOptions, PostgresTls, RedisClientCertificate, RedisOptions,
    RedisServers, RedisTls,
};
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair};

use super::postgres_server::{PASSWORD, PostgresServer, USER};
use super::redis_server::{NOTHING_ON_DISK, RedisServer, free_port};

/// An authority that signs certificates.
pub struct Authority {
    /// Its own certificate, in PEM.
    pub certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key, in PEM.
pub struct Pair {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    pub fn new() -> Self {
        let mut parameters = CertificateParams::new(Vec::<String>::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name = named("authority");
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap().pem();
        Self { certificate, issuer: Issuer::new(parameters, key) }
    }

    /// A certificate for hosts, or for a client.
    pub fn sign(&self, names: &[&str]) -> Pair {
        self.sign_as("signed", names)
    }

    /// A certificate for a user of this name.
    pub fn sign_for(&self, user: &str) -> Pair {
        self.sign_as(user, &[])
    }

    fn sign_as(&self, name: &str, names: &[&str]) -> Pair {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut parameters = CertificateParams::new(names).unwrap();
        parameters.distinguished_name = named(name);
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
        Pair { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

/// A name other than the authority's own, which would make it seem signed by itself.
fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

impl Pair {
    pub fn for_redis(&self) -> RedisClientCertificate {
        RedisClientCertificate { certificate: self.certificate.clone(), key: self.key.as_str().into() }
    }

    pub fn for_postgres(&self) -> PostgresClientCertificate {
        PostgresClientCertificate { certificate: self.certificate.clone(), key: self.key.as_str().into() }
    }
}

/// A server with TLS that lets in whom its authority has signed; beside that it listens without TLS, for the test.
pub struct TlsServer {
    pub server: RedisServer,
    pub authority: Authority,
    pub client: Pair,
    tls_port: u16,
}

impl TlsServer {
    pub fn start() -> Self {
        Self::start_for("127.0.0.1", &[])
    }

    /// The certificate is for the host of this name.
    pub fn start_for(host: &str, arguments: &[&str]) -> Self {
        let (authority, tls_port) = (Authority::new(), free_port());
        let folder = tempfile::tempdir().unwrap();
        write_certificates(folder.path(), &authority, host);
        let port = tls_port.to_string();
        let with_tls = ["--tls-port", &port, "--tls-auth-clients", "yes"];
        let all = [&NOTHING_ON_DISK[..], &with_tls, &TLS_FILES, arguments].concat();
        let server = RedisServer::start_in(folder, free_port, &all);
        let client = authority.sign(&["client"]);
        Self { server, authority, client, tls_port }
    }

    /// Where it listens with TLS.
    pub fn port(&self) -> u16 {
        self.tls_port
    }

    pub fn tls(&self) -> RedisTls {
        RedisTls {
            authorities: Some(self.authority.certificate.clone()),
            client: Some(self.client.for_redis()),
        }
    }

    pub fn options(&self) -> RedisOptions {
        RedisOptions {
            servers: RedisServers::Single(format!("rediss://127.0.0.1:{}", self.tls_port).into()),
            tls: self.tls(),
            ..RedisOptions::default()
        }
    }
}

/// The arguments of a server for the files that [`write_certificates`] makes.
pub const TLS_FILES: [&str; 6] =
    ["--tls-cert-file", "server.pem", "--tls-key-file", "server.key", "--tls-ca-cert-file", "authority.pem"];

pub fn write_certificates(folder: &Path, authority: &Authority, host: &str) {
    let server = authority.sign(&[host]);
    std::fs::write(folder.join("authority.pem"), &authority.certificate).unwrap();
    std::fs::write(folder.join("server.pem"), server.certificate).unwrap();
    std::fs::write(folder.join("server.key"), server.key).unwrap();
}

/// A PostgreSQL server with TLS, which lets in by a password, or by a certificate that its authority has signed for the
/// user "certified".
pub struct PostgresTlsServer {
    pub server: PostgresServer,
    pub authority: Authority,
}

impl PostgresTlsServer {
    pub fn start(settings: &[&str]) -> Self {
        Self::start_for("127.0.0.1", settings)
    }

    /// The certificate is for the host of this name.
    pub fn start_for(host: &str, settings: &[&str]) -> Self {
        let authority = Authority::new();
        let folder = tempfile::tempdir().unwrap();
        write_certificates(folder.path(), &authority, host);
        #[cfg(unix)]
        std::fs::set_permissions(
            folder.path().join("server.key"),
            std::os::unix::fs::PermissionsExt::from_mode(0o600),
        )
        .unwrap();
        std::fs::write(folder.path().join("logins"), LOGINS).unwrap();
        let file = |setting: &str, name: &str| format!("{setting}={}", folder.path().join(name).display());
        let files = [
            "ssl=on".to_owned(),
            file("ssl_cert_file", "server.pem"),
            file("ssl_key_file", "server.key"),
            file("ssl_ca_file", "authority.pem"),
            file("hba_file", "logins"),
        ];
        let all: Vec<&str> = settings.iter().copied().chain(files.iter().map(String::as_str)).collect();
        Self { server: PostgresServer::start_in(folder, &all), authority }
    }

    pub fn url(&self, host: &str, settings: &str) -> String {
        format!("postgresql://{USER}:{PASSWORD}@{host}:{}/postgres{settings}", self.server.port())
    }

    pub fn options(&self) -> PostgresOptions {
        let tls = PostgresTls { authorities: Some(self.authority.certificate.clone()), client: None };
        PostgresOptions { tls, ..PostgresOptions::new(self.url("127.0.0.1", "?sslmode=verify-full")) }
    }
}

/// Who may come from where, and how.
const LOGINS: &str = "
hostssl all certified all cert
hostssl all all all scram-sha-256
hostnossl all jam 127.0.0.1/32 scram-sha-256
";
