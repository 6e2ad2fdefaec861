//! The keys of a section that say which Redis servers there are, and how they are reached.

use std::path::Path;
use std::time::Duration;

use super::DEFAULT_REDIS_URI;
use super::file::read_text;
use super::section::Section;
use crate::Result;
use crate::secret::Secret;
use crate::store::{RedisClientCertificate, RedisOptions, RedisSentinel, RedisServers, RedisTls};

/// A bundle of all public authorities has a quarter of it.
const MAX_PEM_BYTES: u64 = 1024 * 1024;

/// What belongs to Redis servers that Jam connects to by itself; `redis_uri` stands apart, as it may be a client object.
pub(super) const CONNECTION_KEYS: [&str; 11] = [
    "redis_sentinel_master",
    "redis_sentinel_username",
    "redis_sentinel_password",
    "redis_ca_file",
    "redis_client_certificate",
    "redis_client_key",
    "redis_connect_timeout",
    "redis_response_timeout",
    "redis_retries",
    "redis_pool_size",
    "redis_read_from_replicas",
];

/// What a section says of Redis, whether or not it will be used.
pub(super) struct RedisKeys {
    uris: Option<Uris>,
    sentinel_master: Option<String>,
    sentinel_username: Option<String>,
    sentinel_password: Option<Secret<String>>,
    ca_file: Option<String>,
    client_certificate: Option<String>,
    client_key: Option<String>,
    connect_timeout: Option<Duration>,
    response_timeout: Option<Duration>,
    retries: Option<u64>,
    pool_size: Option<u64>,
    read_from_replicas: Option<bool>,
}

enum Uris {
    One(Secret<String>),
    List(Vec<Secret<String>>),
}

impl RedisKeys {
    pub(super) fn read(section: &mut Section<'_>) -> Result<Self> {
        let is_list = section.is_list("redis_uri");
        let uris = section.texts_or_object(&["redis_uri"])?.map(|uris| {
            let mut uris = uris.into_iter().map(Secret::new);
            match uris.next() {
                Some(uri) if !is_list => Uris::One(uri),
                first => Uris::List(first.into_iter().chain(uris).collect()),
            }
        });
        Ok(Self {
            uris,
            sentinel_master: section.text(&["redis_sentinel_master"])?,
            sentinel_username: section.text(&["redis_sentinel_username"])?,
            sentinel_password: section.text(&["redis_sentinel_password"])?.map(Secret::new),
            ca_file: section.text(&["redis_ca_file"])?,
            client_certificate: section.text(&["redis_client_certificate"])?,
            client_key: section.text(&["redis_client_key"])?,
            connect_timeout: section.seconds(&["redis_connect_timeout"])?,
            response_timeout: section.seconds(&["redis_response_timeout"])?,
            retries: section.integer(&["redis_retries"], 0..=100)?,
            pool_size: section.integer(&["redis_pool_size"], 1..=10_000)?,
            read_from_replicas: section.boolean(&["redis_read_from_replicas"])?,
        })
    }

    /// Reads the files that the keys name, and refuses keys that do not go together.
    pub(super) fn options(self, section: &mut Section<'_>, namespace: &str) -> Result<RedisOptions> {
        if !section.is_given("redis_uri") {
            section.set("redis_uri", DEFAULT_REDIS_URI.into());
        } else if self.uris.is_none()
            && let Some(key) = CONNECTION_KEYS.into_iter().find(|key| section.is_given(key))
        {
            return Err(section.wrong(key, "is for a redis_uri; a client object has settings of its own"));
        }
        let default = RedisOptions::default();
        Ok(RedisOptions {
            tls: self.tls(section)?,
            connect_timeout: self.connect_timeout.unwrap_or(default.connect_timeout),
            response_timeout: self.response_timeout.unwrap_or(default.response_timeout),
            retries: number(self.retries).unwrap_or(default.retries),
            pool_size: number(self.pool_size).unwrap_or(default.pool_size),
            read_from_replicas: self.read_from_replicas.unwrap_or(default.read_from_replicas),
            namespace: namespace.to_owned(),
            servers: self.servers(section)?,
        })
    }

    fn tls(&self, section: &Section<'_>) -> Result<RedisTls> {
        let read = |name: &str, path: &Option<String>| {
            let text = path.as_ref().map(|path| read_text(Path::new(path), MAX_PEM_BYTES)).transpose();
            text.map_err(|error| section.wrong(name, error.to_string()))
        };
        let key = read("redis_client_key", &self.client_key)?.map(Secret::new);
        Ok(RedisTls {
            authorities: read("redis_ca_file", &self.ca_file)?,
            client: match (read("redis_client_certificate", &self.client_certificate)?, key) {
                (Some(certificate), Some(key)) => Some(RedisClientCertificate { certificate, key }),
                (None, None) => None,
                (Some(_), None) => {
                    return Err(
                        section.missing("redis_client_key", "is required beside redis_client_certificate")
                    );
                }
                (None, Some(_)) => {
                    return Err(
                        section.missing("redis_client_certificate", "is required beside redis_client_key")
                    );
                }
            },
        })
    }

    fn servers(self, section: &Section<'_>) -> Result<RedisServers> {
        if let Some(master) = self.sentinel_master {
            let urls = match self.uris {
                Some(Uris::One(url)) => vec![url],
                Some(Uris::List(urls)) => urls,
                None => {
                    return Err(section.wrong(
                        "redis_uri",
                        "is required beside redis_sentinel_master: where the sentinels are",
                    ));
                }
            };
            let (username, password) = (self.sentinel_username, self.sentinel_password);
            return Ok(RedisServers::Sentinel(RedisSentinel { urls, master, username, password }));
        }
        for key in ["redis_sentinel_username", "redis_sentinel_password"] {
            if section.is_given(key) {
                return Err(section.wrong(key, "needs redis_sentinel_master beside it"));
            }
        }
        Ok(match self.uris {
            None => RedisServers::default(),
            Some(Uris::One(url)) => RedisServers::Single(url),
            Some(Uris::List(urls)) => RedisServers::Cluster(urls),
        })
    }
}

fn number<N: TryFrom<u64>>(number: Option<u64>) -> Option<N> {
    number.and_then(|number| N::try_from(number).ok())
}
