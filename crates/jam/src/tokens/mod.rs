//! Access and refresh tokens that belong together.
//!
//! [`Tokens`] hands out a [`TokenPair`]: an access token that lives for minutes and is verified without a store, and an
//! opaque refresh token that lives for weeks in a store and is exchanged for the next pair. A refresh token is good once.
//! One that is shown again was stolen, from the client or by it: then all that came of the same login, its
//! family, is revoked (RFC 9700 section 4.14.2).
//!
//! A refresh token is `<tag>.<family's secret>.<own secret>`. The tag is a hash of the subject, so that all families of one
//! subject lie together; both secrets have 256 bits from the operating system. The store has one record for each
//! family, under a hash of the family's secret, with a hash of the one token that is good. Whoever reads the store finds
//! no token, and whoever has no token of a family cannot revoke it.
//!
//! | type | knows |
//! |---|---|
//! | [`Codec`] | the form of tokens and records, and when one is good |
//! | [`Families`] | a store with it |
//! | [`Tokens`] | how access tokens are made, and the list that refuses those of a revoked family |

mod codec;
mod families;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

pub use self::codec::{Codec, NewFamily, Presented, Rotation};
pub use self::families::{Families, Refreshed};
use crate::TokensError;
use crate::encoding::json_object;
use crate::jose::Jwt;
use crate::paseto::{self, Paseto};
use crate::secret::Secret;
use crate::store::{Entry, Key, Store};
use crate::token_list::{Kind, TokenList};
use crate::{Error, Result, Timestamp};

/// The longest claims that a family keeps, in bytes of JSON.
pub const MAX_CLAIMS: usize = 16 * 1024;

/// The longest time for lost answers.
pub const MAX_GRACE: Duration = Duration::from_secs(60);

/// What is Jam's to say in an access token.
const OWN_CLAIMS: [&str; 5] = ["iat", "exp", "jti", "sub", "sid"];

/// How tokens live.
///
/// ```
/// use std::time::Duration;
/// use jam::tokens::TokenOptions;
///
/// let options = TokenOptions { access_ttl: Duration::from_secs(300), ..TokenOptions::default() };
/// assert_eq!(options.refresh_ttl, Some(Duration::from_secs(14 * 24 * 60 * 60)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenOptions {
    /// How long an access token lives; a fraction of a second counts as a whole one. 15 minutes by default.
    pub access_ttl: Duration,
    /// A family ends so long after it was last refreshed. 14 days by default; `None`: never by idling.
    pub refresh_ttl: Option<Duration>,
    /// A family ends so long after it was issued, however often it is refreshed. 90 days by default; `None`: never.
    pub refresh_absolute_ttl: Option<Duration>,
    /// So long after its use a refresh token may be shown again, because the answer may have got lost. The refresh token
    /// of that answer is dead then. 0 by default: never. At most [`MAX_GRACE`].
    pub grace: Duration,
}

impl Default for TokenOptions {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        Self {
            access_ttl: Duration::from_secs(15 * 60),
            refresh_ttl: Some(DAY * 14),
            refresh_absolute_ttl: Some(DAY * 90),
            grace: Duration::ZERO,
        }
    }
}

impl TokenOptions {
    /// Whole seconds that an access token lives.
    pub fn expires_in(&self) -> u64 {
        self.access_ttl.as_secs() + u64::from(self.access_ttl.subsec_nanos() > 0)
    }
}

/// All tokens that came of one login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// Whose they are: the claim `sub` of the access tokens.
    pub subject: String,
    /// Its public name, the claim `sid` of the access tokens. It is no token, and opens nothing.
    pub id: String,
}

impl Family {
    fn of(subject: &str, key: &Key) -> Self {
        Self { subject: subject.to_owned(), id: key.id.clone() }
    }
}

/// What was granted: a refresh token, and what the access token beside it has to say.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The refresh token, for the client only.
    pub refresh_token: Secret<String>,
    /// The family of the tokens.
    pub family: Family,
    /// The claims, as they were given when the family was issued.
    pub claims: Vec<u8>,
}

/// What is told of a live family. It holds no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FamilyInfo {
    /// Its public name, the claim `sid` of its access tokens.
    pub handle: String,
    /// When it was issued.
    pub created: Timestamp,
    /// When it was last refreshed, where the store knows.
    pub last_used: Option<Timestamp>,
    /// When it ends, if nobody refreshes it before.
    pub expires: Option<Timestamp>,
}

impl From<Entry> for FamilyInfo {
    fn from(entry: Entry) -> Self {
        Self { handle: entry.id, created: entry.created, last_used: entry.last_used, expires: entry.expires }
    }
}

/// An access token and a refresh token. [`TokenPair::to_map`] is what a token endpoint answers with.
#[derive(Clone, Debug)]
pub struct TokenPair {
    /// What the client shows with each request.
    pub access_token: Secret<String>,
    /// What the client exchanges for the next pair, once.
    pub refresh_token: Secret<String>,
    /// Seconds that the access token lives.
    pub expires_in: u64,
}

impl TokenPair {
    /// How the client shows the access token (RFC 6750).
    pub const TOKEN_TYPE: &str = "Bearer";

    /// The members of a successful response (RFC 6749 section 5.1). Send it with `Cache-Control: no-store`.
    pub fn to_map(&self) -> Map<String, Value> {
        Map::from_iter([
            ("access_token".to_owned(), self.access_token.expose().as_str().into()),
            ("token_type".to_owned(), Self::TOKEN_TYPE.into()),
            ("expires_in".to_owned(), self.expires_in.into()),
            ("refresh_token".to_owned(), self.refresh_token.expose().as_str().into()),
        ])
    }
}

/// What makes access tokens.
#[derive(Clone, Debug)]
pub enum AccessTokens {
    /// JSON Web Tokens; with the type `at+jwt`, those of RFC 9068.
    Jwt(Arc<Jwt>),
    /// PASETOs.
    Paseto(Arc<Paseto>),
}

impl AccessTokens {
    /// An access token: `iat`, `exp`, `jti`, `sub`, `sid`, and the claims of the grant.
    fn make(&self, grant: &Grant, options: &TokenOptions, now: Timestamp) -> Result<Secret<String>> {
        let mut data = json_object(&grant.claims).map_err(|_| not_claims())?;
        data.insert("sub".to_owned(), grant.family.subject.as_str().into());
        data.insert("sid".to_owned(), grant.family.id.as_str().into());
        let lifetime = i64::try_from(options.expires_in()).unwrap_or(i64::MAX);
        let token = match self {
            Self::Jwt(jwt) => jwt.encode(&jwt.make_payload(Some(lifetime), data, now)?)?,
            Self::Paseto(paseto) => {
                let payload = paseto::claims::make_payload(Some(lifetime), data, now)?;
                paseto.encode(Value::Object(payload).to_string().as_bytes(), "", b"")?
            }
        };
        Ok(Secret::new(token))
    }
}

/// The claims as a family keeps them.
fn claims_to_bytes(claims: &Map<String, Value>) -> Result<Vec<u8>> {
    if let Some(name) = OWN_CLAIMS.iter().find(|name| claims.contains_key(**name)) {
        return Err(Error::validation(format!("claims: {name:?} is set for each token; leave it out")));
    }
    let bytes = serde_json::to_vec(claims).map_err(|_| not_claims())?;
    // What nests too deep could be written, but not read again.
    json_object(&bytes).map(|_| bytes).map_err(|_| not_claims())
}

fn not_claims() -> Error {
    Error::validation("claims: must be an object that JSON can hold, not nested deeper than 100 levels")
}

/// A moment before which all of a subject's tokens can be refused without those of a login in the same second.
fn before_this_second(now: Timestamp) -> Timestamp {
    Timestamp::from_millis(Timestamp::from_seconds(now.as_seconds()).as_millis().saturating_sub(1))
}

/// Pairs of tokens over a blocking store. One instance can be shared between threads; clones share the store.
///
/// ```
/// use std::sync::Arc;
/// use jam::{jose::{Jwt, JwtOptions}, store::MemoryStore, Timestamp, TokensError};
/// use jam::tokens::{AccessTokens, TokenOptions, Tokens};
/// use serde_json::Map;
///
/// let jwt = Jwt::new(JwtOptions {
///     secret: vec![b"thirty-two bytes from a generator"[..].into()],
///     ..JwtOptions::default()
/// })?;
/// let access = AccessTokens::Jwt(Arc::new(jwt));
/// let tokens = Tokens::new(Arc::new(MemoryStore::new()), access, None, TokenOptions::default())?;
/// let now = Timestamp::from_seconds(1_700_000_000);
///
/// let first = tokens.issue("user 1", &Map::new(), now)?;
/// let second = tokens.refresh(first.refresh_token.expose(), now)?;
/// // Shown again: it was stolen, and the family is revoked.
/// assert_eq!(tokens.refresh(first.refresh_token.expose(), now).unwrap_err(), TokensError::Reused.into());
/// assert_eq!(tokens.refresh(second.refresh_token.expose(), now).unwrap_err(), TokensError::Invalid.into());
/// # Ok::<(), jam::Error>(())
/// ```
#[derive(Clone)]
pub struct Tokens {
    families: Families,
    access: AccessTokens,
    list: Option<TokenList>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Tokens").field(self.options()).finish()
    }
}

impl Tokens {
    /// Pairs whose refresh tokens are kept in `store`.
    ///
    /// With a `list`, the access tokens of what is revoked are refused at once by whoever asks the list; without one they
    /// live until they expire. New access tokens are put on a white list.
    ///
    /// # Errors
    /// Those of [`Codec::new`].
    pub fn new(
        store: Arc<dyn Store>,
        access: AccessTokens,
        list: Option<TokenList>,
        options: TokenOptions,
    ) -> Result<Self> {
        Ok(Self { families: Families::new(store, options)?, access, list })
    }

    /// How tokens live.
    pub fn options(&self) -> &TokenOptions {
        self.families.options()
    }

    /// The first pair of a new family, for somebody who has just logged in. The claims are kept, and stand in every access
    /// token of the family.
    ///
    /// # Errors
    /// [`Error::Validation`] for a subject above [`MAX_SESSION_KEY`](crate::session::MAX_SESSION_KEY), claims above
    /// [`MAX_CLAIMS`], and claims that are set for each token: `iat`, `exp`, `jti`, `sub`, `sid`; those of making the access
    /// token; [`Error::Store`].
    pub fn issue(&self, subject: &str, claims: &Map<String, Value>, now: Timestamp) -> Result<TokenPair> {
        let grant = self.families.issue(subject, &claims_to_bytes(claims)?, now)?;
        self.pair(grant, now)
    }

    /// The next pair of a family; the refresh token is used up. Of any number who refresh with one token at the same time,
    /// one succeeds.
    ///
    /// # Errors
    /// [`TokensError::Reused`] for a token that was used before: its family is revoked; [`TokensError::Invalid`] for
    /// whatever is no token of a live family; those of making the access token; [`Error::Store`], after which the
    /// token may be used up.
    pub fn refresh(&self, refresh_token: &str, now: Timestamp) -> Result<TokenPair> {
        match self.families.refresh(refresh_token, now)? {
            Refreshed::Granted(grant) => self.pair(grant, now),
            Refreshed::Reused(family) => {
                self.refuse(&family, now)?;
                Err(TokensError::Reused.into())
            }
        }
    }

    /// Ends the family of a refresh token (RFC 7009). What is no token of a live family is no error.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn revoke(&self, refresh_token: &str, now: Timestamp) -> Result<()> {
        match self.families.revoke(refresh_token, now)? {
            Some(family) => self.refuse(&family, now),
            None => Ok(()),
        }
    }

    /// Ends the family of the subject that [`Tokens::list`] tells under this handle; `false`: there is none.
    ///
    /// # Errors
    /// [`Error::Validation`] for a subject that is too long; [`Error::Store`].
    pub fn revoke_family(&self, subject: &str, handle: &str, now: Timestamp) -> Result<bool> {
        let revoked = self.families.revoke_family(subject, handle, now)?;
        if revoked {
            self.refuse(&Family { subject: subject.to_owned(), id: handle.to_owned() }, now)?;
        }
        Ok(revoked)
    }

    /// Ends all families of a subject: logged out everywhere. With a list, the subject's access tokens are refused, too:
    /// those of live families, and all others that were issued before this second. Who logs in again at once is let in.
    ///
    /// # Errors
    /// [`Error::Validation`] for a subject that is too long; [`Error::Store`].
    pub fn revoke_all(&self, subject: &str, now: Timestamp) -> Result<()> {
        if let Some(list) = &self.list {
            let live = self.families.list(subject, now)?;
            let handles: Vec<&str> = live.iter().map(|family| family.handle.as_str()).collect();
            list.revoke_sessions(subject, &handles, Some(access_life(self.options())), now)?;
            list.revoke_subject(subject, Some(before_this_second(now)), now)?;
        }
        self.families.revoke_all(subject, now)
    }

    /// The live families of a subject, oldest first.
    ///
    /// # Errors
    /// [`Error::Validation`] for a subject that is too long; [`Error::Store`].
    pub fn list(&self, subject: &str, now: Timestamp) -> Result<Vec<FamilyInfo>> {
        self.families.list(subject, now)
    }

    /// Closes the store of the refresh tokens; the list stays open. Later calls fail with
    /// [`StoreError::Closed`](crate::StoreError::Closed).
    pub fn close(&self) {
        self.families.close();
    }

    fn pair(&self, grant: Grant, now: Timestamp) -> Result<TokenPair> {
        let access_token = self.access.make(&grant, self.options(), now)?;
        if let Some(list) = self.list.as_ref().filter(|list| list.kind() == Kind::White) {
            list.add(access_token.expose(), now)?;
        }
        let expires_in = self.options().expires_in();
        Ok(TokenPair { access_token, refresh_token: grant.refresh_token, expires_in })
    }

    /// Has the list refuse the access tokens of a family.
    fn refuse(&self, family: &Family, now: Timestamp) -> Result<()> {
        let Some(list) = &self.list else { return Ok(()) };
        list.revoke_sessions(&family.subject, &[&family.id], Some(access_life(self.options())), now)
    }
}

/// For how long the access tokens of a revoked family have to be refused. Clocks of several machines differ a little.
fn access_life(options: &TokenOptions) -> Duration {
    const MARGIN: Duration = Duration::from_secs(60);
    Duration::from_secs(options.expires_in()) + MARGIN
}

/// The awaited twins of [`Tokens`] and [`Families`].
pub mod aio {
    use std::fmt;
    use std::sync::Arc;

    use serde_json::{Map, Value};

    pub use super::families::aio::Families;
    use super::{
        AccessTokens, Family, FamilyInfo, Grant, Refreshed, TokenOptions, TokenPair, access_life,
        before_this_second, claims_to_bytes,
    };
    use crate::TokensError;
    use crate::store::AsyncStore;
    use crate::token_list::Kind;
    use crate::token_list::aio::TokenList;
    use crate::{Result, Timestamp};

    /// Pairs of tokens over an asynchronous store. One instance can be shared between tasks; clones share the store. The
    /// methods say and refuse the same as those of the blocking [`Tokens`](super::Tokens).
    #[derive(Clone)]
    pub struct Tokens {
        families: Families,
        access: AccessTokens,
        list: Option<TokenList>,
    }

    impl fmt::Debug for Tokens {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.debug_tuple("Tokens").field(self.options()).finish()
        }
    }

    impl Tokens {
        /// See [`Tokens::new`](super::Tokens::new).
        ///
        /// # Errors
        /// Those of [`Codec::new`](super::Codec::new).
        pub fn new(
            store: Arc<dyn AsyncStore>,
            access: AccessTokens,
            list: Option<TokenList>,
            options: TokenOptions,
        ) -> Result<Self> {
            Ok(Self { families: Families::new(store, options)?, access, list })
        }

        /// How tokens live.
        pub fn options(&self) -> &TokenOptions {
            self.families.options()
        }

        /// See [`Tokens::issue`](super::Tokens::issue).
        pub async fn issue(
            &self,
            subject: &str,
            claims: &Map<String, Value>,
            now: Timestamp,
        ) -> Result<TokenPair> {
            let grant = self.families.issue(subject, &claims_to_bytes(claims)?, now).await?;
            self.pair(grant, now).await
        }

        /// See [`Tokens::refresh`](super::Tokens::refresh).
        pub async fn refresh(&self, refresh_token: &str, now: Timestamp) -> Result<TokenPair> {
            match self.families.refresh(refresh_token, now).await? {
                Refreshed::Granted(grant) => self.pair(grant, now).await,
                Refreshed::Reused(family) => {
                    self.refuse(&family, now).await?;
                    Err(TokensError::Reused.into())
                }
            }
        }

        /// See [`Tokens::revoke`](super::Tokens::revoke).
        pub async fn revoke(&self, refresh_token: &str, now: Timestamp) -> Result<()> {
            match self.families.revoke(refresh_token, now).await? {
                Some(family) => self.refuse(&family, now).await,
                None => Ok(()),
            }
        }

        /// See [`Tokens::revoke_family`](super::Tokens::revoke_family).
        pub async fn revoke_family(&self, subject: &str, handle: &str, now: Timestamp) -> Result<bool> {
            let revoked = self.families.revoke_family(subject, handle, now).await?;
            if revoked {
                self.refuse(&Family { subject: subject.to_owned(), id: handle.to_owned() }, now).await?;
            }
            Ok(revoked)
        }

        /// See [`Tokens::revoke_all`](super::Tokens::revoke_all).
        pub async fn revoke_all(&self, subject: &str, now: Timestamp) -> Result<()> {
            if let Some(list) = &self.list {
                let live = self.families.list(subject, now).await?;
                let handles: Vec<&str> = live.iter().map(|family| family.handle.as_str()).collect();
                list.revoke_sessions(subject, &handles, Some(access_life(self.options())), now).await?;
                list.revoke_subject(subject, Some(before_this_second(now)), now).await?;
            }
            self.families.revoke_all(subject, now).await
        }

        /// See [`Tokens::list`](super::Tokens::list).
        pub async fn list(&self, subject: &str, now: Timestamp) -> Result<Vec<FamilyInfo>> {
            self.families.list(subject, now).await
        }

        /// See [`Tokens::close`](super::Tokens::close).
        pub fn close(&self) {
            self.families.close();
        }

        async fn pair(&self, grant: Grant, now: Timestamp) -> Result<TokenPair> {
            let access_token = self.access.make(&grant, self.options(), now)?;
            if let Some(list) = self.list.as_ref().filter(|list| list.kind() == Kind::White) {
                list.add(access_token.expose(), now).await?;
            }
            let expires_in = self.options().expires_in();
            Ok(TokenPair { access_token, refresh_token: grant.refresh_token, expires_in })
        }

        async fn refuse(&self, family: &Family, now: Timestamp) -> Result<()> {
            let Some(list) = &self.list else { return Ok(()) };
            let life = Some(access_life(self.options()));
            list.revoke_sessions(&family.subject, &[&family.id], life, now).await
        }
    }
}
