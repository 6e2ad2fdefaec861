//! The configuration: from a file or a tree of values to a checked, typed [`Config`].
//!
//! A file is TOML, YAML or JSON, by the end of its name. Inside its texts `${VAR}` and `$VAR` stand for variables of the
//! environment that must be set, `${VAR:-default}` has a default, and `$$` is one dollar. They are filled in
//! once, after parsing, below the pointer only. A tree handed over in code is taken as it is.
//!
//! A key that nobody knows, a value of the wrong type and a variable that is not set are errors that name the full
//! path of the key. A key that is null counts as absent.
//!
//! | section | keys (default) |
//! |---|---|
//! | top | `log_level`, in Python `logger` and `serializer` |
//! | `jwt`, also `jose.jwt` | `alg`; `secret` (also `secret_key`), `private_key`, `public_key`, each one key or a list of them, newest first; `password`; `expire`; `issuer`, `audience`, `subject`, `required`, `typ`, `leeway` (0); `list` |
//! | `jose.jws` | `alg` and keys as in `jwt`; `allow_short_secret` (false) |
//! | `jose.jwe` | `alg`, `enc`; `secret` or `private_key`, each one key or a list of them, newest first; `public_key`; `password`; `accept_enc`; `allow_pbes2` (false), `p2c`, `max_p2c` (1000000); `compress` (false), `max_plaintext`; `apu`, `apv`; `max_length` (262144) |
//! | `jwt.list` | `type`; `backend` (`sqlite`) and its keys as for `session`; `in_list_life_time`, `token_life_time` |
//! | `session`, also `sessions` | `session_type` (`sqlite`; also `sessions_type`); `default_ttl` (3600), `absolute_ttl`; `is_session_crypt` (false), `session_aes_secret`; `id_factory`; `json_path` (`jam.json`); `sqlite_path` (`jam.sqlite3`); `redis_uri` (`redis://localhost:6379/0`; a list: a cluster), `redis_sessions_key` (`sessions`; also `session_path`); `redis_sentinel_master`, `redis_sentinel_username`, `redis_sentinel_password`; `redis_ca_file`, `redis_client_certificate`, `redis_client_key`; `redis_connect_timeout` (1), `redis_response_timeout` (2), `redis_retries` (8), `redis_pool_size` (16); `redis_read_from_replicas` (false); `postgresql_uri`, `postgresql_table` (`jam_store`), `postgresql_ca_file`, `postgresql_client_certificate`, `postgresql_client_key`, `postgresql_connect_timeout` (5), `postgresql_response_timeout` (2), `postgresql_pool_size` (8), `postgresql_prepared_statements` (true) |
//! | `oauth2.providers.NAME` | `client_id`, `client_secret`, `redirect_url` (also `redirect_uri`), `auth_url`, `token_url`, `issuer`; `userinfo_url`, `introspection_url`, `revocation_url`, `device_authorization_url`, `end_session_url`, `pushed_authorization_url`; `pushed_authorization` (false); `client_authentication` (`client_secret_basic`, `client_secret_post`, `client_secret_jwt`, `private_key_jwt` or `none`), `private_key` |
//! | `paseto` | `version` (`v4`), `purpose`, `key` (also `secret_key`), `public_key`; one or a list, newest first; a key may be `file:PATH` |
//! | `otp` | `type` (`totp`), `digits` (6), `digest` (`sha1`), `interval` (30); `replay_guard` |
//! | `otp.replay_guard` | `backend` (`sqlite`) and its keys as for `session` |
//! | `tokens` | `access_token` (`jwt`, else `paseto`); `access_ttl` (900), `refresh_ttl` (1209600), `refresh_absolute_ttl` (7776000), `grace` (0); `backend` (`sqlite`) and its keys as for `session` |
//!
//! In Python every section but the top one may name a class of the user's own in `custom_module`; its other keys belong to
//! that class then.
//!
//! Where a key is absent, the environment is asked for `JAM_JWT_SECRET_KEY`, `JAM_JWT_PRIVATE_KEY`,
//! `JAM_JWT_PUBLIC_KEY`, `JAM_SESSION_AES_SECRET`, `JAM_PASETO_KEY` and `JAM_LOG_LEVEL`, each only if its section
//! is there and has a use for it.

mod file;
mod postgres;
mod redis;
mod section;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tracing::level_filters::LevelFilter;

use self::postgres::{POSTGRES_KEYS, PostgresKeys};
use self::redis::{CONNECTION_KEYS, RedisKeys};
use self::section::{Context, Section};
pub use self::section::{placeholder, placeholder_index};
use crate::jose::JwtOptions;
use crate::jose::jwe::{
    ContentEncryption, DEFAULT_LENGTH_LIMIT, FEWEST_ITERATIONS, JweKeyTexts, JweOptions, KeyManagement,
};
use crate::jose::jws::{Algorithm, KeyRingOptions};
use crate::oauth2::{ClientAuthentication, ProviderOptions};
pub use crate::otp::OtpKind;
use crate::otp::{LONGEST_INTERVAL, OtpOptions};
use crate::paseto::{KeySource, PasetoOptions, Purpose};
use crate::secret::Secret;
use crate::session::SessionOptions;
use crate::store::{
    AsyncPostgresStore, AsyncRedisStore, AsyncStore, JsonStore, MemoryStore, PostgresOptions, PostgresStore,
    RedisOptions, RedisStore, SqliteStore, Store,
};
use crate::token_list::{Kind, ListOptions};
use crate::tokens::TokenOptions;
use crate::{ConfigurationError, Error, Result, SessionError};

/// Where variables are looked up: `None` for one that is not set.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The path within a file at which the configuration is looked for, unless another is given.
pub const DEFAULT_POINTER: &str = "jam";

/// The SQLite file of whatever is kept, in the working directory, unless another is configured.
pub const DEFAULT_SQLITE_PATH: &str = "jam.sqlite3";

/// The JSON file of whatever is kept, in the working directory, unless another is configured.
pub const DEFAULT_JSON_PATH: &str = "jam.json";

/// The Redis server of whatever is kept, unless another is configured.
pub const DEFAULT_REDIS_URI: &str = RedisOptions::DEFAULT_URL;

/// What keeps sessions apart from all else in a store; on Redis another name can be configured.
pub const SESSIONS_NAMESPACE: &str = "sessions";

/// What keeps lists apart from all else in a store.
pub const LIST_NAMESPACE: &str = "jwt_list";

/// What keeps used one-time passwords apart from all else in a store.
pub const REPLAY_GUARD_NAMESPACE: &str = "otp_replay";

/// What keeps refresh tokens apart from all else in a store.
pub const TOKENS_NAMESPACE: &str = "tokens";

/// A key file is small; this admits a 16384-bit RSA key with room to spare.
const MAX_KEY_FILE_BYTES: u64 = 64 * 1024;

/// The file that a configuration was read from, and the dotted path of its part of the file; errors tell of both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file.
    pub file: PathBuf,
    /// The path within the file; empty for the whole of it.
    pub pointer: String,
}

impl Origin {
    /// The error of a key, as that of this file.
    pub(crate) fn name_in(&self, error: Error) -> Error {
        match error {
            Error::Configuration(ConfigurationError::File(_)) => error,
            error => error.at(&self.pointer).in_file(&self.file),
        }
    }
}

/// Everything that [`Jam`](crate::Jam) is built from. A part that is `None` is not available.
///
/// ```
/// use jam::config::Config;
/// use serde_json::json;
///
/// let config = Config::from_value(json!({"jwt": {"alg": "HS256", "secret": "long and hard to guess"}}))?;
/// assert!(config.jwt.is_some() && config.session.is_none());
///
/// let error = Config::from_value(json!({"jwt": {"alg": "HS256", "secert": "oops"}})).unwrap_err();
/// assert_eq!(error.to_string(), "jwt.secert: unknown key; did you mean \"secret\"?");
/// # Ok::<(), jam::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// JSON Web Tokens.
    pub jwt: Option<JwtConfig>,
    /// JSON Web Signatures.
    pub jws: Option<KeyRingOptions>,
    /// JSON Web Encryption.
    pub jwe: Option<JweConfig>,
    /// Sessions on the server.
    pub session: Option<SessionConfig>,
    /// OAuth 2.0 providers by the name that calls give.
    pub oauth2: Option<BTreeMap<String, ProviderOptions>>,
    /// PASETO.
    pub paseto: Option<PasetoOptions>,
    /// One-time passwords.
    pub otp: Option<OtpConfig>,
    /// Pairs of access and refresh tokens.
    pub tokens: Option<TokensConfig>,
    /// What the program wants to see of Jam's `tracing` events. Jam installs no subscriber; whoever does can
    /// pass this on.
    pub log_level: Option<LevelFilter>,
    /// Where it was read, for errors; `None` for what was made in code.
    pub origin: Option<Origin>,
}

/// How JSON Web Tokens are made and checked, and the list they are on.
#[derive(Clone, Debug, Default)]
pub struct JwtConfig {
    /// Algorithm, keys and rules.
    pub options: JwtOptions,
    /// The list that tokens are checked against.
    pub list: Option<ListConfig>,
}

/// How content is encrypted and decrypted.
#[derive(Clone, Debug, Default)]
pub struct JweConfig {
    /// The keys.
    pub keys: JweKeyTexts,
    /// Algorithms and limits.
    pub options: JweOptions,
}

/// A white or black list of tokens.
#[derive(Clone, Debug)]
pub struct ListConfig {
    /// Whether tokens on the list are the good or the bad ones.
    pub kind: Kind,
    /// Where it is kept.
    pub backend: Backend,
    /// How long an entry stays whose token has no `exp`; on a white list, how long any entry stays.
    pub life_time: Option<Duration>,
    /// How long any token lives at most, and so for how long the revocation of a subject is remembered.
    pub token_life_time: Option<Duration>,
}

impl ListConfig {
    /// How entries live, where tokens are verified with such a leeway.
    pub fn options(&self, leeway: Duration) -> ListOptions {
        ListOptions { life_time: self.life_time, token_life_time: self.token_life_time, leeway }
    }
}

/// Where sessions, a list or used one-time passwords are kept.
#[derive(Clone, Debug)]
pub enum Backend {
    /// In this process, and gone with it.
    Memory,
    /// In one readable JSON file.
    Json {
        /// The file; it is made if it is not there.
        path: PathBuf,
    },
    /// In an SQLite database.
    Sqlite {
        /// The file; it is made if it is not there.
        path: PathBuf,
    },
    /// On a Redis server.
    Redis(Box<RedisOptions>),
    /// In a table of a PostgreSQL database.
    Postgres(Box<PostgresOptions>),
}

impl Default for Backend {
    /// SQLite at [`DEFAULT_SQLITE_PATH`]: it survives a restart and serves many processes without a server.
    fn default() -> Self {
        Self::Sqlite { path: DEFAULT_SQLITE_PATH.into() }
    }
}

impl Backend {
    /// How configurations name it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Json { .. } => "json",
            Self::Sqlite { .. } => "sqlite",
            Self::Redis(_) => "redis",
            Self::Postgres(_) => "postgresql",
        }
    }

    /// Opens the store. The namespace keeps apart what shares a file or a table; on Redis, [`RedisOptions::namespace`]
    /// does.
    ///
    /// # Errors
    /// [`StoreError`](crate::StoreError) for a file that cannot be used, [`ConfigurationError`] for a path that names none
    /// and for options of a server that cannot be used, all with the name of the key; the server is asked at the first use.
    pub fn open(&self, namespace: &str) -> Result<Arc<dyn Store>> {
        Ok(match self {
            Self::Memory => Arc::new(MemoryStore::new()),
            Self::Json { path } => Arc::new(JsonStore::open(path, namespace).map_err(at("json_path"))?),
            Self::Sqlite { path } => Arc::new(SqliteStore::open(path, namespace).map_err(at("sqlite_path"))?),
            Self::Redis(options) => Arc::new(RedisStore::open((**options).clone())?),
            Self::Postgres(options) => Arc::new(PostgresStore::open(within(options, namespace))?),
        })
    }

    /// As [`Backend::open`], to be awaited: files are used on tokio's threads for blocking work.
    ///
    /// # Errors
    /// As [`Backend::open`].
    pub fn open_async(&self, namespace: &str) -> Result<Arc<dyn AsyncStore>> {
        Ok(match self {
            Self::Memory => Arc::new(MemoryStore::new()),
            Self::Json { path } => Arc::new(JsonStore::open(path, namespace).map_err(at("json_path"))?),
            Self::Sqlite { path } => Arc::new(SqliteStore::open(path, namespace).map_err(at("sqlite_path"))?),
            Self::Redis(options) => Arc::new(AsyncRedisStore::open((**options).clone())?),
            Self::Postgres(options) => Arc::new(AsyncPostgresStore::open(within(options, namespace))?),
        })
    }
}

fn within(options: &PostgresOptions, namespace: &str) -> PostgresOptions {
    PostgresOptions { namespace: namespace.to_owned(), ..options.clone() }
}

/// Where and how sessions are kept.
///
/// ```
/// use jam::config::{Backend, SessionConfig};
///
/// let config = SessionConfig { backend: Backend::Memory, ..SessionConfig::default() };
/// assert_eq!(config.options.default_ttl, Some(std::time::Duration::from_secs(3600)));
/// ```
#[derive(Clone, Debug, Default)]
pub struct SessionConfig {
    /// Where they are kept.
    pub backend: Backend,
    /// How they live.
    pub options: SessionOptions,
}

/// How one-time passwords are made and checked.
#[derive(Clone, Debug, Default)]
pub struct OtpConfig {
    /// What the passwords are made from: time or a counter.
    pub kind: OtpKind,
    /// Digits, hash and interval.
    pub options: OtpOptions,
    /// Where it is kept which passwords were used; `None`: nowhere.
    pub replay_guard: Option<Backend>,
}

/// How access and refresh tokens are made, and where refresh tokens are kept.
#[derive(Clone, Debug, Default)]
pub struct TokensConfig {
    /// Where refresh tokens are kept.
    pub backend: Backend,
    /// How tokens live.
    pub options: TokenOptions,
    /// What access tokens are; `None`: JSON Web Tokens where those are configured, else PASETOs.
    pub access_token: Option<AccessTokenKind>,
}

/// What access tokens are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessTokenKind {
    /// JSON Web Tokens, made as the section `jwt` says.
    Jwt,
    /// PASETOs, made as the section `paseto` says.
    Paseto,
}

impl Config {
    /// Reads the table at `pointer`, a dotted path, of a TOML, YAML or JSON file. A YAML or JSON file that has no such
    /// key is read whole, and so is any file with the empty pointer.
    ///
    /// # Errors
    /// [`ConfigurationError`] for a file that cannot be read or parsed or that is larger than
    /// 1 MiB, and for each of the faults named in the [module](self).
    pub fn from_path(path: impl AsRef<Path>, pointer: &str) -> Result<Self> {
        let (tree, origin) = read(path, pointer)?;
        let config = Self::from_value(tree).map_err(|error| origin.name_in(error))?;
        Ok(Self { origin: Some(origin), ..config })
    }

    /// Reads a tree of values, as it is: no variables are filled in.
    ///
    /// # Errors
    /// [`ConfigurationError`] for each of the faults named in the [module](self).
    pub fn from_value(tree: Value) -> Result<Self> {
        Self::from_value_with(tree, &process_environment)
    }

    /// [`Config::from_value`] with another source for absent keys than the environment of the process.
    ///
    /// # Errors
    /// As [`Config::from_value`].
    pub fn from_value_with(tree: Value, environment: Environment<'_>) -> Result<Self> {
        Ok(parse(tree, Context { environment, python: false })?.0)
    }
}

/// Reads a file as [`Config::from_path`] does, and hands out the tree with its variables filled in, and where it was found.
///
/// # Errors
/// As [`Config::from_path`], but the keys are not checked yet.
pub fn read(path: impl AsRef<Path>, pointer: &str) -> Result<(Value, Origin)> {
    read_with(path, pointer, &process_environment)
}

/// [`read`] with another source of variables than the environment of the process.
///
/// # Errors
/// As [`read`].
pub fn read_with(
    path: impl AsRef<Path>,
    pointer: &str,
    environment: Environment<'_>,
) -> Result<(Value, Origin)> {
    file::read(path.as_ref(), pointer, environment)
}

/// Checks a tree as [`Config::from_value`] does and gives it back with every key under its first name, with what
/// the environment adds, and with the kind and the place of stores filled in. The Python package builds its objects from
/// this.
///
/// Objects of Python stand in the tree as a [`placeholder`], and stay where a key takes objects. Sections may name a
/// class in `custom_module`.
///
/// # Errors
/// As [`Config::from_value`].
pub fn canonical(tree: Value) -> Result<Value> {
    canonical_with(tree, &process_environment)
}

/// [`canonical`] with another source for absent keys than the environment of the process.
///
/// # Errors
/// As [`canonical`].
pub fn canonical_with(tree: Value, environment: Environment<'_>) -> Result<Value> {
    Ok(Value::Object(parse(tree, Context { environment, python: true })?.1))
}

/// The error of a part that is made of the key with this name.
fn at(key: &'static str) -> impl Fn(Error) -> Error {
    move |error| error.at(key)
}

/// A variable whose value is no text counts as not set.
#[allow(clippy::disallowed_methods)] // the one place that the rule in clippy.toml leaves
fn process_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn parse(tree: Value, context: Context<'_>) -> Result<(Config, Map<String, Value>)> {
    let mut top = Section::open(String::new(), tree, context)?;
    let config = config(&mut top, context)?;
    Ok((config, top.finish()?))
}

fn config(top: &mut Section<'_>, context: Context<'_>) -> Result<Config> {
    if context.python {
        top.object(&["logger"])?;
        top.text_or_object(&["serializer"])?;
    }
    let log_level = log_level(top)?;
    let Jose { jwt, jws, jwe } = jose(top)?;
    top.stands_elsewhere("jws", "jose.jws");
    top.stands_elsewhere("jwe", "jose.jwe");
    Ok(Config {
        log_level,
        origin: None,
        jwt,
        jws,
        jwe,
        session: top.section(&["session", "sessions"], session)?,
        oauth2: top.section(&["oauth2"], oauth2)?,
        paseto: top.section(&["paseto"], paseto)?.flatten(),
        otp: top.section(&["otp"], otp)?,
        tokens: top.section(&["tokens"], tokens)?.flatten(),
    })
}

fn log_level(top: &mut Section<'_>) -> Result<Option<LevelFilter>> {
    let level = top.choice_or_variable(
        &["log_level"],
        "JAM_LOG_LEVEL",
        &["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"],
    )?;
    Ok(level.map(|name| match name {
        "DEBUG" => LevelFilter::DEBUG,
        "INFO" => LevelFilter::INFO,
        "WARNING" => LevelFilter::WARN,
        _ => LevelFilter::ERROR,
    }))
}

/// The sections under `jose`.
#[derive(Default)]
struct Jose {
    jwt: Option<JwtConfig>,
    jws: Option<KeyRingOptions>,
    jwe: Option<JweConfig>,
}

/// `jose.jws` and `jose.jwe`, and `jwt`, which may also stand at `jose.jwt`.
fn jose(top: &mut Section<'_>) -> Result<Jose> {
    let plain = top.section(&["jwt"], jwt)?;
    let nested = top.section(&["jose"], |jose| {
        let jwt = jose.section(&["jwt"], jwt)?;
        let jws = jose.section(&["jws"], jws)?.flatten();
        let jwe = jose.section(&["jwe"], jwe)?.flatten();
        Ok((Jose { jwt, jws, jwe }, jose.unset("jwt")))
    })?;
    let (nested, canonical) = nested.unwrap_or_default();
    if let Some(rest) = top.unset("jose").filter(|rest| rest.as_object().is_some_and(|rest| !rest.is_empty()))
    {
        top.set("jose", rest);
    }
    if plain.is_some() && nested.jwt.is_some() {
        return Err(top.wrong("jose.jwt", "is another place for \"jwt\"; give one of them"));
    }
    if let Some(canonical) = canonical {
        top.set("jwt", canonical);
    }
    Ok(Jose { jwt: plain.or(nested.jwt), ..nested })
}

fn jwt(section: &mut Section<'_>) -> Result<JwtConfig> {
    if section.has_custom_module(&["custom_module"])? {
        return Ok(JwtConfig::default());
    }
    let algorithm = algorithm(section)?;
    let variables = match algorithm.is_symmetric() {
        true => [Some("JAM_JWT_SECRET_KEY"), None, None],
        false => [None, Some("JAM_JWT_PRIVATE_KEY"), Some("JAM_JWT_PUBLIC_KEY")],
    };
    let keys = keys(section, algorithm, variables)?;
    let options = JwtOptions {
        algorithm,
        secret: keys.secret,
        private_key: keys.private_key,
        public_key: keys.public_key,
        password: keys.password,
        expire: section.seconds(&["expire"])?,
        issuer: section.text(&["issuer"])?,
        audience: audience(section)?,
        subject: section.text(&["subject"])?,
        required: section.texts(&["required"])?.unwrap_or_default(),
        token_type: section.text(&["typ"])?,
        leeway: section.leeway(&["leeway"])?.unwrap_or_default(),
        ..JwtOptions::default()
    };
    section.stands_elsewhere("enc", "jose.jwe");
    Ok(JwtConfig { options, list: section.section(&["list"], list)?.flatten() })
}

fn jws(section: &mut Section<'_>) -> Result<Option<KeyRingOptions>> {
    if section.has_custom_module(&["custom_module"])? {
        return Ok(None);
    }
    let algorithm = algorithm(section)?;
    let allow_short_secret = section.boolean(&["allow_short_secret"])?.unwrap_or(false);
    Ok(Some(KeyRingOptions { allow_short_secret, ..keys(section, algorithm, [None; 3])? }))
}

fn jwe(section: &mut Section<'_>) -> Result<Option<JweConfig>> {
    if section.has_custom_module(&["custom_module"])? {
        return Ok(None);
    }
    let algorithms: Vec<_> = KeyManagement::all().map(KeyManagement::name).collect();
    let algorithm = section.exact_choice(&["alg"], &algorithms)?;
    let algorithm = algorithm.ok_or_else(|| section.missing("alg", "is required, for example \"dir\""))?;
    let encryptions: Vec<_> = ContentEncryption::all().map(ContentEncryption::name).collect();
    let encryption = section.exact_choice(&["enc"], &encryptions)?;
    let encryption =
        encryption.ok_or_else(|| section.missing("enc", "is required, for example \"A256GCM\""))?;
    let keys = JweKeyTexts {
        secret: section.keys(&["secret"], None)?.into_iter().map(into_bytes).collect(),
        private_key: section.keys(&["private_key"], None)?,
        public_key: section.key(&["public_key"])?,
        password: section.secret(&["password"], None)?,
    };
    let iterations = |section: &mut Section<'_>, name| {
        let range = u64::from(FEWEST_ITERATIONS)..=u64::from(u32::MAX);
        Ok::<_, Error>(section.integer(&[name], range)?.and_then(|count| u32::try_from(count).ok()))
    };
    let size = |section: &mut Section<'_>, name| {
        let size = section.integer(&[name], 0..=u64::from(u32::MAX))?;
        Ok::<_, Error>(size.and_then(|size| usize::try_from(size).ok()))
    };
    let party = |section: &mut Section<'_>, name| {
        Ok::<_, Error>(section.text(&[name])?.map(String::into_bytes).unwrap_or_default())
    };
    let accepted = section.texts(&["accept_enc"])?.unwrap_or_default();
    let options = JweOptions {
        key_management: algorithm.parse()?,
        content_encryption: encryption.parse()?,
        also_accepted: accepted
            .iter()
            .map(|name| name.parse().map_err(|error: Error| section.wrong("accept_enc", error.to_string())))
            .collect::<Result<_>>()?,
        allow_passwords: section.boolean(&["allow_pbes2"])?.unwrap_or(false),
        iterations: iterations(section, "p2c")?,
        iterations_limit: iterations(section, "max_p2c")?,
        compress: section.boolean(&["compress"])?.unwrap_or(false),
        expanded_limit: size(section, "max_plaintext")?,
        party_u: party(section, "apu")?,
        party_v: party(section, "apv")?,
        length_limit: size(section, "max_length")?.unwrap_or(DEFAULT_LENGTH_LIMIT),
    };
    Ok(Some(JweConfig { keys, options }))
}

fn algorithm(section: &mut Section<'_>) -> Result<Algorithm> {
    let algorithms: Vec<_> = Algorithm::all().map(Algorithm::name).collect();
    let algorithm = section.exact_choice(&["alg"], &algorithms)?;
    algorithm.ok_or_else(|| section.missing("alg", "is required, for example \"HS256\""))?.parse()
}

/// The keys of signatures. Where one is absent, its variable is asked.
fn keys(
    section: &mut Section<'_>,
    algorithm: Algorithm,
    [secret, private_key, public_key]: [Option<&str>; 3],
) -> Result<KeyRingOptions> {
    Ok(KeyRingOptions {
        algorithm,
        secret: section.keys(&["secret", "secret_key"], secret)?.into_iter().map(into_bytes).collect(),
        private_key: section.keys(&["private_key"], private_key)?,
        public_key: section.keys(&["public_key"], public_key)?,
        password: section.secret(&["password"], None)?,
        ..KeyRingOptions::default()
    })
}

/// An empty list would let tokens for anybody pass, which nobody means by it.
fn audience(section: &mut Section<'_>) -> Result<Vec<String>> {
    let audience = section.texts(&["audience"])?;
    if audience.as_ref().is_some_and(Vec::is_empty) {
        return Err(section.wrong("audience", "must name one at least; leave it out to accept any"));
    }
    Ok(audience.unwrap_or_default())
}

fn into_bytes(text: Secret<String>) -> Secret<Vec<u8>> {
    Secret::from(text.expose().as_bytes())
}

fn list(section: &mut Section<'_>) -> Result<Option<ListConfig>> {
    let kind = match section.choice(&["type"], &["white", "black"])? {
        Some("white") => Some(Kind::White),
        Some(_) => Some(Kind::Black),
        None => None,
    };
    let Some(backend) = backend(section, &["backend"], LIST_NAMESPACE)? else { return Ok(None) };
    Ok(Some(ListConfig {
        kind: kind.ok_or_else(|| section.missing("type", "is required: \"white\" or \"black\""))?,
        backend,
        life_time: section.seconds(&["in_list_life_time"])?,
        token_life_time: section.seconds(&["token_life_time"])?,
    }))
}

fn session(section: &mut Section<'_>) -> Result<SessionConfig> {
    let redis_sessions_key = section.text(&["redis_sessions_key", "session_path"])?;
    let namespace = redis_sessions_key.unwrap_or_else(|| SESSIONS_NAMESPACE.to_owned());
    if namespace.is_empty() {
        return Err(section.wrong("redis_sessions_key", "must not be empty"));
    }
    let Some(backend) = backend(section, &["session_type", "sessions_type"], &namespace)? else {
        return Ok(SessionConfig::default());
    };
    section.object(&["id_factory"])?;
    let default = SessionOptions::default();
    let options = SessionOptions {
        default_ttl: section.seconds_or_null(&["default_ttl"])?.unwrap_or(default.default_ttl),
        absolute_ttl: section.seconds(&["absolute_ttl"])?,
        encryption_keys: encryption_keys(section)?,
        id_factory: None,
    };
    Ok(SessionConfig { backend, options })
}

fn encryption_keys(section: &mut Section<'_>) -> Result<Option<Vec<Secret<String>>>> {
    let wanted = section.boolean(&["is_session_crypt"])?.unwrap_or(false);
    let keys = section.secrets(&["session_aes_secret"], wanted.then_some("JAM_SESSION_AES_SECRET"))?;
    if !wanted {
        if section.is_given("session_aes_secret") {
            tracing::warn!(
                "session.session_aes_secret is given, but session.is_session_crypt is not true: data are kept as they are"
            );
        }
        return Ok(None);
    }
    if !section.is_given("session_aes_secret") {
        let reason = "session.is_session_crypt is true, but there is no key: give session.session_aes_secret or set JAM_SESSION_AES_SECRET";
        return Err(SessionError::EmptyAesKey(reason.into()).into());
    }
    Ok(Some(keys))
}

/// The store that a section asks for; `None`: a class of the user's own.
fn backend(section: &mut Section<'_>, names: &[&'static str], namespace: &str) -> Result<Option<Backend>> {
    let custom = section.has_custom_module(&["custom_module"])?;
    let choice = section.choice(names, &["memory", "json", "sqlite", "redis", "postgresql", "custom"])?;
    if custom || choice == Some("custom") {
        section.require("custom_module", "is required for the type \"custom\"")?;
        section.set(names[0], "custom".into());
        return Ok(None);
    }
    let json_path = section.text(&["json_path"])?;
    let sqlite_path = section.text(&["sqlite_path"])?;
    let redis = RedisKeys::read(section)?;
    let postgres = PostgresKeys::read(section)?;
    if choice.is_none() {
        // Sessions on a file where the user thinks of a server would be lost at the next deployment.
        let on_redis = CONNECTION_KEYS.map(|key| (key, "redis"));
        let on_postgres = POSTGRES_KEYS.map(|key| (key, "postgresql"));
        let elsewhere = [("json_path", "json"), ("redis_uri", "redis")];
        for (key, needs) in elsewhere.into_iter().chain(on_redis).chain(on_postgres) {
            if section.is_given(key) {
                return Err(section.wrong(key, format!("needs {} = {needs:?} beside it", names[0])));
            }
        }
    }
    let choice = choice.unwrap_or("sqlite");
    section.set(names[0], choice.into());
    Ok(Some(match choice {
        "memory" => Backend::Memory,
        "json" => Backend::Json { path: place(section, "json_path", json_path, DEFAULT_JSON_PATH)? },
        "sqlite" => {
            Backend::Sqlite { path: place(section, "sqlite_path", sqlite_path, DEFAULT_SQLITE_PATH)? }
        }
        "redis" => Backend::Redis(Box::new(redis.options(section, namespace)?)),
        _ => Backend::Postgres(Box::new(postgres.options(section, namespace)?)),
    }))
}

/// The store that a table of keys asks for, as `type_key` names it. The binding takes keywords for it.
///
/// # Errors
/// [`ConfigurationError`] for keys that are unknown, or whose values cannot be used.
pub fn backend_of(type_key: &'static str, keys: Map<String, Value>, namespace: &str) -> Result<Backend> {
    let context = Context { environment: &|_| None, python: true };
    let mut section = Section::open(String::new(), Value::Object(keys), context)?;
    let made = backend(&mut section, &[type_key], namespace)?;
    section.finish()?;
    made.ok_or_else(|| ConfigurationError::key(type_key, "\"custom\" is no store of Jam's").into())
}

fn place(section: &mut Section<'_>, name: &str, path: Option<String>, default: &str) -> Result<PathBuf> {
    let path = path.unwrap_or_else(|| default.to_owned());
    if path.is_empty() {
        return Err(section.wrong(name, "must not be empty"));
    }
    section.set(name, path.as_str().into());
    Ok(path.into())
}

fn oauth2(section: &mut Section<'_>) -> Result<BTreeMap<String, ProviderOptions>> {
    let providers = section.section(&["providers"], |providers| providers.sections(provider))?;
    let providers = providers.ok_or_else(|| section.missing("providers", "is required: a table by name"))?;
    Ok(providers.into_iter().collect())
}

fn provider(name: &str, section: &mut Section<'_>) -> Result<ProviderOptions> {
    let custom = section.has_custom_module(&["custom_module", "module"])?;
    let client_id = section.text(&["client_id"])?;
    if !custom {
        section.require("client_id", "is required: the id that the provider gave out")?;
    }
    let authentication = section.choice(&["client_authentication"], &ClientAuthentication::NAMES)?;
    Ok(ProviderOptions {
        name: name.to_owned(),
        client_id: client_id.unwrap_or_default(),
        client_secret: section.secret(&["client_secret"], None)?,
        redirect_url: section.text(&["redirect_url", "redirect_uri"])?,
        auth_url: section.text(&["auth_url"])?,
        token_url: section.text(&["token_url"])?,
        issuer: section.text(&["issuer"])?,
        userinfo_url: section.text(&["userinfo_url"])?,
        introspection_url: section.text(&["introspection_url"])?,
        revocation_url: section.text(&["revocation_url"])?,
        device_authorization_url: section.text(&["device_authorization_url"])?,
        end_session_url: section.text(&["end_session_url"])?,
        pushed_authorization_url: section.text(&["pushed_authorization_url"])?,
        pushed_authorization: section.boolean(&["pushed_authorization"])?.unwrap_or(false),
        private_key: section.secret(&["private_key"], None)?,
        client_authentication: authentication.map(str::parse::<ClientAuthentication>).transpose()?,
        ..ProviderOptions::default()
    })
}

fn paseto(section: &mut Section<'_>) -> Result<Option<PasetoOptions>> {
    if section.has_custom_module(&["custom_module"])? {
        return Ok(None);
    }
    let version = section.choice(&["version"], &["v1", "v2", "v3", "v4"])?.unwrap_or("v4");
    section.set("version", version.into());
    let version = version.parse().map_err(|error: Error| section.wrong("version", error.to_string()))?;
    let purpose = section.choice(&["purpose"], &["local", "public"])?;
    let purpose =
        purpose.ok_or_else(|| section.missing("purpose", "is required: \"local\" or \"public\""))?;
    let purpose = purpose.parse::<Purpose>()?;
    section.secrets(&["key", "secret_key"], Some("JAM_PASETO_KEY"))?;
    section.secrets(&["public_key"], None)?;
    let (keys, public_keys) = (paseto_keys(section, "key")?, paseto_keys(section, "public_key")?);
    if purpose == Purpose::Local || !section.is_given("public_key") {
        section.require("key", "is required; give it here or set JAM_PASETO_KEY")?;
    }
    Ok(Some(PasetoOptions { version, purpose, keys, public_keys }))
}

/// The key or keys under a name. In the canonical form, what a `file:PATH` names stands in its place.
fn paseto_keys(section: &mut Section<'_>, name: &str) -> Result<Vec<KeySource>> {
    let mut keys = Vec::new();
    let mut read = |section: &Section<'_>, path: &str, value: Value| match value {
        Value::String(text) => {
            let text = from_key_file(section, path, text.into())?;
            keys.push(KeySource::Text(text.clone()));
            Ok(text.expose().as_str().into())
        }
        object => Ok::<_, Error>(object),
    };
    let value = match section.unset(name) {
        None => return Ok(keys),
        Some(Value::Array(items)) if items.is_empty() => return Ok(keys),
        Some(Value::Array(items)) => {
            let items = items.into_iter().enumerate();
            let read = items.map(|(index, item)| read(section, &format!("{name}[{index}]"), item));
            Value::Array(read.collect::<Result<_>>()?)
        }
        Some(value) => read(section, name, value)?,
    };
    section.set(name, value);
    Ok(keys)
}

/// What the file holds where a key is `file:PATH`, else the key.
fn from_key_file(section: &Section<'_>, name: &str, key: Secret<String>) -> Result<Secret<String>> {
    let Some(path) = key.expose().strip_prefix("file:") else { return Ok(key) };
    let text = file::read_text(Path::new(path), MAX_KEY_FILE_BYTES)
        .map(Secret::new)
        .map_err(|error| section.wrong(name, error.to_string()))?;
    Ok(Secret::from(text.expose().trim()))
}

fn otp(section: &mut Section<'_>) -> Result<OtpConfig> {
    let replay_guard = section
        .section(&["replay_guard"], |guard| backend(guard, &["backend"], REPLAY_GUARD_NAMESPACE))?
        .flatten();
    if section.has_custom_module(&["custom_module"])? {
        return Ok(OtpConfig { replay_guard, ..OtpConfig::default() });
    }
    let default = OtpOptions::default();
    let digits = section.integer(&["digits"], 6..=10)?.and_then(|digits| u32::try_from(digits).ok());
    let options = OtpOptions {
        digits: digits.unwrap_or(default.digits),
        digest: match section.choice(&["digest"], &["sha1", "sha256", "sha512"])? {
            Some(name) => name.parse()?,
            None => default.digest,
        },
        interval: section.integer(&["interval"], 1..=LONGEST_INTERVAL)?.unwrap_or(default.interval),
    };
    let kind = match section.choice(&["type"], &["totp", "hotp"])? {
        Some("hotp") => OtpKind::Hotp,
        _ => OtpKind::Totp,
    };
    Ok(OtpConfig { kind, options, replay_guard })
}

fn tokens(section: &mut Section<'_>) -> Result<Option<TokensConfig>> {
    let Some(backend) = backend(section, &["backend"], TOKENS_NAMESPACE)? else { return Ok(None) };
    let default = TokenOptions::default();
    let options = TokenOptions {
        access_ttl: section.seconds(&["access_ttl"])?.unwrap_or(default.access_ttl),
        refresh_ttl: section.seconds_or_null(&["refresh_ttl"])?.unwrap_or(default.refresh_ttl),
        refresh_absolute_ttl: section
            .seconds_or_null(&["refresh_absolute_ttl"])?
            .unwrap_or(default.refresh_absolute_ttl),
        grace: section.leeway(&["grace"])?.unwrap_or(default.grace),
    };
    let access_token = match section.choice(&["access_token"], &["jwt", "paseto"])? {
        Some("jwt") => Some(AccessTokenKind::Jwt),
        Some(_) => Some(AccessTokenKind::Paseto),
        None => None,
    };
    Ok(Some(TokensConfig { backend, options, access_token }))
}
