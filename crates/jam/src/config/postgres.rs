//! The keys of a section that say which PostgreSQL database there is, and how it is reached.

use std::path::Path;
use std::time::Duration;

use super::file::read_text;
use super::section::Section;
use crate::Result;
use crate::secret::Secret;
use crate::store::{PostgresClientCertificate, PostgresOptions, PostgresTls};

/// A bundle of all public authorities has a quarter of it.
const MAX_PEM_BYTES: u64 = 1024 * 1024;

/// All of them.
pub(super) const POSTGRES_KEYS: [&str; 9] = [
    "postgresql_uri",
    "postgresql_table",
    "postgresql_ca_file",
    "postgresql_client_certificate",
    "postgresql_client_key",
    "postgresql_connect_timeout",
    "postgresql_response_timeout",
    "postgresql_pool_size",
    "postgresql_prepared_statements",
];

/// What a section says of PostgreSQL, whether or not it will be used.
pub(super) struct PostgresKeys {
    uri: Option<Secret<String>>,
    table: Option<String>,
    ca_file: Option<String>,
    client_certificate: Option<String>,
    client_key: Option<String>,
    connect_timeout: Option<Duration>,
    response_timeout: Option<Duration>,
    pool_size: Option<u64>,
    prepared_statements: Option<bool>,
}

impl PostgresKeys {
    pub(super) fn read(section: &mut Section<'_>) -> Result<Self> {
        Ok(Self {
            uri: section.text(&["postgresql_uri"])?.map(Secret::new),
            table: section.text(&["postgresql_table"])?,
            ca_file: section.text(&["postgresql_ca_file"])?,
            client_certificate: section.text(&["postgresql_client_certificate"])?,
            client_key: section.text(&["postgresql_client_key"])?,
            connect_timeout: section.seconds(&["postgresql_connect_timeout"])?,
            response_timeout: section.seconds(&["postgresql_response_timeout"])?,
            pool_size: section.integer(&["postgresql_pool_size"], 1..=1_000)?,
            prepared_statements: section.boolean(&["postgresql_prepared_statements"])?,
        })
    }

    /// Reads the files that the keys name.
    pub(super) fn options(self, section: &Section<'_>, namespace: &str) -> Result<PostgresOptions> {
        let tls = self.tls(section)?;
        let uri = self.uri.ok_or_else(|| {
            section.missing("postgresql_uri", "is required, for example \"postgresql://app@localhost/app\"")
        })?;
        let default = PostgresOptions::new(uri);
        let pool_size = self.pool_size.and_then(|size| usize::try_from(size).ok());
        Ok(PostgresOptions {
            table: self.table.unwrap_or(default.table),
            namespace: namespace.to_owned(),
            tls,
            connect_timeout: self.connect_timeout.unwrap_or(default.connect_timeout),
            response_timeout: self.response_timeout.unwrap_or(default.response_timeout),
            pool_size: pool_size.unwrap_or(default.pool_size),
            prepared_statements: self.prepared_statements.unwrap_or(default.prepared_statements),
            url: default.url,
        })
    }

    fn tls(&self, section: &Section<'_>) -> Result<PostgresTls> {
        let read = |name: &str, path: &Option<String>| {
            let text = path.as_ref().map(|path| read_text(Path::new(path), MAX_PEM_BYTES)).transpose();
            text.map_err(|error| section.wrong(name, error.to_string()))
        };
        let certificate = read("postgresql_client_certificate", &self.client_certificate)?;
        let key = read("postgresql_client_key", &self.client_key)?.map(Secret::new);
        Ok(PostgresTls {
            authorities: read("postgresql_ca_file", &self.ca_file)?,
            client: match (certificate, key) {
                (Some(certificate), Some(key)) => Some(PostgresClientCertificate { certificate, key }),
                (None, None) => None,
                (Some(_), None) => {
                    let reason = "is required beside postgresql_client_certificate";
                    return Err(section.missing("postgresql_client_key", reason));
                }
                (None, Some(_)) => {
                    let reason = "is required beside postgresql_client_key";
                    return Err(section.missing("postgresql_client_certificate", reason));
                }
            },
        })
    }
}
