//! Tokens that know when they expire, and get themselves renewed.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use super::client::{CallOptions, Client};
use crate::process::PerProcess;
use crate::secret::Secret;
use crate::{Error, Result, Timestamp};

/// A token is renewed so long before it expires, so that it reaches its server in time.
const EARLY: Duration = Duration::from_secs(30);
/// When the access token expires, in seconds since 1970: a member of what is saved.
const EXPIRES_AT: &str = "expires_at";

/// When the last renewal failed, and why: those who waited meanwhile share it.
#[derive(Default)]
struct LastFailure(Option<(Instant, Error)>);

impl LastFailure {
    fn keep(&mut self, error: &Error) {
        self.0 = Some((Instant::now(), error.clone()));
    }
}

/// What both faces keep: the newest answer of the provider, and when its access token expires.
struct Tokens(Mutex<(Map<String, Value>, Option<Timestamp>)>);

impl Tokens {
    /// Takes a provider's answer of just now, or what was saved of one.
    fn new(mut tokens: Map<String, Value>, now: Timestamp) -> Result<Self> {
        if text(&tokens, "access_token").is_none() {
            return Err(Error::validation("the tokens must be a provider's answer with an access_token"));
        }
        let expires = match (tokens.get(EXPIRES_AT), tokens.get("expires_in")) {
            (Some(saved), _) => Some(saved.as_i64().map(Timestamp::from_seconds).ok_or_else(|| {
                Error::validation("expires_at must be a whole number of seconds since 1970")
            })?),
            (None, Some(life_time)) => life_time.as_u64().map(|seconds| now + Duration::from_secs(seconds)),
            (None, None) => None,
        };
        if let Some(expires) = expires {
            tokens.insert(EXPIRES_AT.into(), expires.as_seconds().into());
        }
        Ok(Self(Mutex::new((tokens, expires))))
    }

    fn lock(&self) -> MutexGuard<'_, (Map<String, Value>, Option<Timestamp>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The access token, if it is good for a while.
    fn fresh(&self, now: Timestamp) -> Option<Secret<String>> {
        let (tokens, expires) = &*self.lock();
        let is_fresh = expires.is_none_or(|expires| now + EARLY < expires);
        text(tokens, "access_token").filter(|_| is_fresh).map(Secret::from)
    }

    /// What another one brought while this one waited for its turn.
    fn outcome_of_another(
        &self,
        last: &LastFailure,
        asked: Instant,
        now: Timestamp,
    ) -> Option<Result<Secret<String>>> {
        let failure = last.0.as_ref().filter(|(ended, _)| *ended >= asked);
        self.fresh(now).map(Ok).or_else(|| failure.map(|(_, error)| Err(error.clone())))
    }

    fn refresh_token(&self) -> Result<Secret<String>> {
        let refresh_token = text(&self.lock().0, "refresh_token").map(Secret::from);
        refresh_token.ok_or_else(|| {
            Error::validation("the access token has expired, and there is no refresh token to renew it with")
        })
    }

    /// Takes the answer to a refresh. What it does not say stays as it was: the refresh token above all (RFC 6749 section 6).
    fn renew(&self, answer: Map<String, Value>, now: Timestamp) -> Result<Secret<String>> {
        let mut merged = self.lock().0.clone();
        for passed in [EXPIRES_AT, "expires_in"] {
            merged.remove(passed);
        }
        merged.extend(answer);
        merged.remove(EXPIRES_AT); // only a saved answer may name the time
        let renewed = Self::new(merged, now)?.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let access_token = text(&renewed.0, "access_token").unwrap_or_default().into();
        *self.lock() = renewed;
        Ok(access_token)
    }

    fn members(&self) -> Map<String, Value> {
        self.lock().0.clone()
    }
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// A user's tokens, which are renewed when they are used and about to expire: once, for any number of threads that wait.
///
/// What [`tokens`](Self::tokens) gives can be saved anywhere, and makes a set again. Of several processes that hold the same
/// refresh token each renews it for itself, which a provider that changes refresh tokens takes for theft: share them by a
/// session, or let one process renew.
///
/// ```
/// use jam::Timestamp;
/// use jam::oauth2::{Client, ProviderOptions, TokenSet};
///
/// let client = Client::new(ProviderOptions {
///     name: "github".into(),
///     client_id: "demo".into(),
///     ..ProviderOptions::default()
/// })?;
/// let now = Timestamp::from_seconds(1_700_000_000);
/// let answer = serde_json::json!({"access_token": "2YotnFZF", "token_type": "Bearer", "expires_in": 3600});
/// let tokens = TokenSet::new(client, answer.as_object().unwrap().clone(), now)?;
/// assert_eq!(tokens.access_token(now)?.expose(), "2YotnFZF");
/// assert_eq!(tokens.tokens()["expires_at"], 1_700_003_600);
/// # Ok::<(), jam::Error>(())
/// ```
pub struct TokenSet {
    client: Client,
    tokens: Tokens,
    turn: PerProcess<Mutex<LastFailure>>,
}

impl TokenSet {
    /// Takes a provider's answer of just now, or what [`tokens`](Self::tokens) gave.
    ///
    /// # Errors
    /// [`Error::Validation`] for an answer without an access token, and for an `expires_at` that is no number.
    pub fn new(client: Client, tokens: Map<String, Value>, now: Timestamp) -> Result<Self> {
        Ok(Self { client, tokens: Tokens::new(tokens, now)?, turn: PerProcess::made_here(Mutex::default()) })
    }

    /// The newest answer of the provider, with the refresh token that is good now and `expires_at` in seconds since 1970.
    pub fn tokens(&self) -> Map<String, Value> {
        self.tokens.members()
    }

    /// An access token that is good for half a minute at least, if the provider says how long it lives.
    ///
    /// # Errors
    /// [`Error::Validation`] if it has expired and there is no refresh token; else as
    /// [`Client::refresh_token`]. The tokens stay as they were, so a later call tries again.
    pub fn access_token(&self, now: Timestamp) -> Result<Secret<String>> {
        if let Some(fresh) = self.tokens.fresh(now) {
            return Ok(fresh);
        }
        let asked = Instant::now();
        let mut turn = self.turn.get(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(outcome) = self.tokens.outcome_of_another(&turn, asked, now) {
            return outcome;
        }
        let refresh_token = self.tokens.refresh_token()?;
        let answer = self.client.refresh_token(refresh_token.expose(), &CallOptions::new(), now);
        self.tokens.renew(answer.inspect_err(|error| turn.keep(error))?, now)
    }
}

impl fmt::Debug for TokenSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TokenSet").field("client", &self.client).finish_non_exhaustive()
    }
}

/// The asynchronous face.
pub(super) mod aio {
    use super::super::client::aio::Client;
    use super::*;

    /// The asynchronous twin of the blocking [`TokenSet`](super::TokenSet).
    pub struct TokenSet {
        client: Client,
        tokens: Tokens,
        turn: PerProcess<tokio::sync::Mutex<LastFailure>>,
    }

    impl TokenSet {
        /// As [`super::TokenSet::new`].
        pub fn new(client: Client, tokens: Map<String, Value>, now: Timestamp) -> Result<Self> {
            let turn = PerProcess::made_here(tokio::sync::Mutex::default());
            Ok(Self { client, tokens: Tokens::new(tokens, now)?, turn })
        }

        /// As [`super::TokenSet::tokens`].
        pub fn tokens(&self) -> Map<String, Value> {
            self.tokens.members()
        }

        /// As [`super::TokenSet::access_token`]. A task that is dropped while it renews may leave a refresh token behind that
        /// the provider has changed already.
        pub async fn access_token(&self, now: Timestamp) -> Result<Secret<String>> {
            if let Some(fresh) = self.tokens.fresh(now) {
                return Ok(fresh);
            }
            let asked = Instant::now();
            let mut turn = self.turn.get(tokio::sync::Mutex::default).lock().await;
            if let Some(outcome) = self.tokens.outcome_of_another(&turn, asked, now) {
                return outcome;
            }
            let refresh_token = self.tokens.refresh_token()?;
            let answer = self.client.refresh_token(refresh_token.expose(), &CallOptions::new(), now).await;
            self.tokens.renew(answer.inspect_err(|error| turn.keep(error))?, now)
        }
    }

    impl fmt::Debug for TokenSet {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.debug_struct("TokenSet").field("client", &self.client).finish_non_exhaustive()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn tokens(members: Value) -> Result<Tokens> {
        Tokens::new(members.as_object().unwrap().clone(), NOW)
    }

    #[test]
    fn a_token_is_fresh_until_shortly_before_it_expires() {
        let set = tokens(json!({"access_token": "a", "expires_in": 100})).unwrap();
        let fresh = |seconds| set.fresh(NOW + Duration::from_secs(seconds)).is_some();
        assert!(fresh(0) && fresh(69) && !fresh(70) && !fresh(100));
        assert!(
            tokens(json!({"access_token": "a"})).unwrap().fresh(NOW + Duration::from_secs(1 << 40)).is_some()
        );
        let saved = tokens(Value::Object(set.members())).unwrap();
        assert_eq!(saved.members()["expires_at"], 1_700_000_100);
        assert!(saved.fresh(NOW + Duration::from_secs(70)).is_none());
    }

    #[test]
    fn the_old_refresh_token_stays_where_no_new_one_came() {
        // attack 72
        let set = tokens(json!({"access_token": "a", "expires_in": 1, "refresh_token": "r"})).unwrap();
        let renew = |answer: Value| set.renew(answer.as_object().unwrap().clone(), NOW).unwrap();
        assert_eq!(renew(json!({"access_token": "b", "expires_in": 60, "expires_at": 0})).expose(), "b");
        assert_eq!((set.members()["refresh_token"].as_str(), set.fresh(NOW).is_some()), (Some("r"), true));
        renew(json!({"access_token": "c", "refresh_token": "s"}));
        assert_eq!(set.members()["refresh_token"], "s");
        assert_eq!(set.members().get("expires_at"), None);
    }

    #[test]
    fn what_is_no_answer_makes_no_set() {
        for bad in [json!({}), json!({"access_token": 7}), json!({"access_token": "a", "expires_at": "soon"})]
        {
            assert_eq!(tokens(bad).map(|_| ()).unwrap_err().code(), "validation.invalid");
        }
    }
}
