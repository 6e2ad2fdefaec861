//! Values in a table of a PostgreSQL database: shared by many machines, for those who have one already.
//!
//! | file | knows |
//! |---|---|
//! | `server` | from options to a server: where it is, how one logs in, who is trusted |
//! | `sql` | the table, and what is said to the server about its rows |
//! | `request` | one call as a statement and its parameters, and what the answer means |
//! | `link` | a connection that is logged in, with a table that can be used and statements that are prepared |
//! | `socket` | a blocking socket under the client, which is written for awaited ones |
//! | `failure` | what a failure means: to the caller, and for another attempt |
//! | `seats` | how many threads share a few connections |
//! | `blocking`, `aio` | the two faces: connections that are kept, and attempts |

mod aio;
mod blocking;
mod failure;
mod link;
mod request;
mod seats;
mod server;
mod socket;
mod sql;

use std::fmt;
use std::time::Duration;

pub use aio::AsyncPostgresStore;
pub use blocking::PostgresStore;

use crate::Result;
use crate::secret::Secret;

/// Where the database is, and how long it may take.
///
/// ```
/// use std::time::Duration;
/// use jam::store::{AsyncPostgresStore, PostgresOptions};
///
/// let options = PostgresOptions {
///     response_timeout: Duration::from_millis(500),
///     ..PostgresOptions::new("postgresql://app:password@127.0.0.1/app")
/// };
/// let store = AsyncPostgresStore::open(options)?; // connects at the first use
/// # Ok::<(), jam::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// `postgresql://[USER[:PASSWORD]@]HOST[:PORT][,HOST[:PORT]...][/DATABASE][?NAME=VALUE[&...]]`. A host that begins with
    /// `%2F` is the folder of a unix socket. Of several hosts, the one that can be written to is used.
    ///
    /// Without `sslmode`, connections to other machines use TLS and check the certificate, and those to this machine use none.
    /// `sslmode=disable` uses none anywhere; `require`, `verify-ca` and `verify-full` use TLS and check the certificate
    /// and its host. Read beside it are `application_name`, `channel_binding`, `dbname`, `host`, `options`, `password`,
    /// `port`, `target_session_attrs` and `user`.
    pub url: Secret<String>,
    /// The table, as `NAME` or `SCHEMA.NAME`, each of letters, digits and underscores, 40 at most. It is made at the first use,
    /// if the user may make tables. Default: `jam_store`.
    pub table: String,
    /// Keeps apart what shares a table: 1 to 128 printable ASCII characters without braces. Default: `sessions`.
    pub namespace: String,
    /// Who is trusted over TLS, and who one is.
    pub tls: PostgresTls,
    /// How long it may take to connect and to log in, all hosts included. Default: 5 seconds.
    pub connect_timeout: Duration,
    /// How long the server may take to answer. Default: 2 seconds. A call that fails does so within this and
    /// `connect_timeout`, further attempts included.
    pub response_timeout: Duration,
    /// How many connections there are at most, 1 to 1000. Threads of the blocking store wait for a free one; tasks of the awaited store
    /// share them, and there are more than one only under load. Default: 8.
    pub pool_size: usize,
    /// Has the server keep its plans from one call to the next. Turn it off behind a pooler that gives each transaction another
    /// connection and does not know prepared statements. Default: `true`.
    pub prepared_statements: bool,
}

impl PostgresOptions {
    /// The table that is taken when none is named.
    pub const DEFAULT_TABLE: &str = "jam_store";

    /// The database at a URL, with everything else as it is by default.
    pub fn new(url: impl Into<Secret<String>>) -> Self {
        Self {
            url: url.into(),
            table: Self::DEFAULT_TABLE.to_owned(),
            namespace: "sessions".to_owned(),
            tls: PostgresTls::default(),
            connect_timeout: Duration::from_secs(5),
            response_timeout: Duration::from_secs(2),
            pool_size: 8,
            prepared_statements: true,
        }
    }

    /// What makes the table, in SQL: to be run by somebody who may, where the user of the URL may not.
    ///
    /// # Errors
    /// `validation.invalid` for a name of the table that cannot be used.
    ///
    /// ```
    /// let options = jam::store::PostgresOptions::new("postgresql://127.0.0.1/app");
    /// assert!(options.schema()?.starts_with("CREATE TABLE IF NOT EXISTS \"jam_store\""));
    /// # Ok::<(), jam::Error>(())
    /// ```
    pub fn schema(&self) -> Result<String> {
        Ok(sql::Table::new(&self.table)?.schema())
    }
}

/// Who is trusted over TLS, and who one is. Certificates are always checked.
#[derive(Clone, Default)]
pub struct PostgresTls {
    /// Certificates in PEM of the authorities that sign that of the server; the system's if left out.
    pub authorities: Option<String>,
    /// What a server is shown that asks for it.
    pub client: Option<PostgresClientCertificate>,
}

impl fmt::Debug for PostgresTls {
    /// Without the texts: they are long, and could be those of a key by mistake.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tls = formatter.debug_struct("PostgresTls");
        tls.field("has_authorities", &self.authorities.is_some()).field("has_client", &self.client.is_some());
        tls.finish()
    }
}

/// A certificate with its key.
#[derive(Clone)]
pub struct PostgresClientCertificate {
    /// The certificate in PEM, followed by those that lead to its authority.
    pub certificate: String,
    /// The private key in PEM: PKCS#8, PKCS#1 or SEC1, not encrypted.
    pub key: Secret<String>,
}

impl fmt::Debug for PostgresClientCertificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PostgresClientCertificate").finish_non_exhaustive()
    }
}
