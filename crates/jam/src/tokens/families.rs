//! Families of refresh tokens in a store: pure steps, and one or two calls to the store.

use std::fmt;
use std::sync::Arc;

use super::codec::{Codec, Rotation};
use super::{Family, FamilyInfo, Grant, TokenOptions};
use crate::TokensError;
use crate::store::{Key, Replaced, Store};
use crate::{Error, Result, StoreError, Timestamp};

/// How often [`Families::refresh`] reads again when somebody else refreshes the same family at the same time. After the
/// first of them the token is used, unless its answer counts as lost.
const REFRESH_ATTEMPTS: usize = 64;

/// What became of a refresh token that was shown.
#[derive(Debug)]
pub enum Refreshed {
    /// It was good, and is used up.
    Granted(Grant),
    /// It had been used before, and its family is revoked.
    Reused(Family),
}

fn id_taken() -> Error {
    StoreError::Refused("a family has the id that was made for a new one; try again".into()).into()
}

fn still_changing() -> Error {
    StoreError::Refused("others refreshed the same family all the time; try again".into()).into()
}

/// The one record that was asked for.
fn only(found: Vec<Option<Vec<u8>>>) -> Option<Vec<u8>> {
    found.into_iter().next().flatten()
}

fn one(key: &Key) -> &[Key] {
    std::slice::from_ref(key)
}

/// Families of refresh tokens over a blocking store, without access tokens: [`Tokens`](super::Tokens) has both.
///
/// `claims` are opaque bytes, given out again with each refresh. `now` is the caller's clock; a store on a server uses the
/// server's.
#[derive(Clone)]
pub struct Families {
    store: Arc<dyn Store>,
    codec: Arc<Codec>,
}

impl fmt::Debug for Families {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Families").field(&self.codec).finish()
    }
}

impl Families {
    /// Families in `store`.
    ///
    /// # Errors
    /// Those of [`Codec::new`].
    pub fn new(store: Arc<dyn Store>, options: TokenOptions) -> Result<Self> {
        Ok(Self { store, codec: Arc::new(Codec::new(options)?) })
    }

    /// How tokens live.
    pub fn options(&self) -> &TokenOptions {
        self.codec.options()
    }

    /// A new family.
    ///
    /// # Errors
    /// Those of [`Codec::issue`]; [`Error::Store`].
    pub fn issue(&self, subject: &str, claims: &[u8], now: Timestamp) -> Result<Grant> {
        let new = self.codec.issue(subject, claims)?;
        let lifetime = self.codec.lifetime(now);
        let inserted = self.store.insert(&new.key, &new.record, &[], lifetime, now)?;
        if inserted { Ok(new.grant) } else { Err(id_taken()) }
    }

    /// Exchanges a refresh token for the next one. One that was used before takes its family along.
    ///
    /// # Errors
    /// [`TokensError::Invalid`] for whatever is no token of a live family; [`Error::Store`].
    pub fn refresh(&self, refresh_token: &str, now: Timestamp) -> Result<Refreshed> {
        let presented = self.codec.locate(refresh_token).ok_or(TokensError::Invalid)?;
        let key = presented.key();
        for _ in 0..REFRESH_ATTEMPTS {
            let found = only(self.store.get_many(one(key), now)?).ok_or(TokensError::Invalid)?;
            match self.codec.rotate(&presented, &found, now)? {
                Rotation::Next { expected, record, grant } => {
                    match self.store.replace(key, &record, Some(&expected), now)? {
                        Replaced::Done => return Ok(Refreshed::Granted(grant)),
                        Replaced::Missing => return Err(TokensError::Invalid.into()),
                        Replaced::Conflict => {}
                    }
                }
                Rotation::Reused(family) => {
                    self.store.delete(key, now)?;
                    return Ok(Refreshed::Reused(family));
                }
            }
        }
        Err(still_changing())
    }

    /// Ends the family of a refresh token, new or used, and says which one it was.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn revoke(&self, refresh_token: &str, now: Timestamp) -> Result<Option<Family>> {
        let Some(presented) = self.codec.locate(refresh_token) else { return Ok(None) };
        let key = presented.key();
        let found = only(self.store.get_many(one(key), now)?);
        self.store.delete(key, now)?;
        found.map(|record| self.codec.family(key, &record)).transpose()
    }

    /// Ends the family of a subject with this public id; `false`: there is none.
    ///
    /// # Errors
    /// Those of [`Codec::group`]; [`Error::Store`].
    pub fn revoke_family(&self, subject: &str, family: &str, now: Timestamp) -> Result<bool> {
        let Some(key) = self.codec.family_key(subject, family)? else { return Ok(false) };
        self.store.delete(&key, now)
    }

    /// Ends all families of a subject.
    ///
    /// # Errors
    /// Those of [`Codec::group`]; [`Error::Store`].
    pub fn revoke_all(&self, subject: &str, now: Timestamp) -> Result<()> {
        self.store.clear(&self.codec.group(subject)?, None, now).map(drop)
    }

    /// The live families of a subject, oldest first.
    ///
    /// # Errors
    /// Those of [`Codec::group`]; [`Error::Store`].
    pub fn list(&self, subject: &str, now: Timestamp) -> Result<Vec<FamilyInfo>> {
        let entries = self.store.list(&self.codec.group(subject)?, now)?;
        Ok(entries.into_iter().map(FamilyInfo::from).collect())
    }

    /// Closes the store; later calls fail with [`StoreError::Closed`].
    pub fn close(&self) {
        self.store.close();
    }
}

pub(super) mod aio {
    use std::fmt;
    use std::future::Future;
    use std::sync::Arc;

    use super::super::codec::{Codec, Rotation};
    use super::super::{Family, FamilyInfo, Grant, TokenOptions};
    use super::{REFRESH_ATTEMPTS, Refreshed, id_taken, one, only, still_changing};
    use crate::TokensError;
    use crate::store::{AsyncStore, Replaced};
    use crate::{Result, Timestamp};

    /// Families of refresh tokens over an asynchronous store.
    ///
    /// The methods say and refuse the same as those of the blocking [`Families`](super::super::Families). The store is
    /// asked when a future is first polled; the futures borrow nothing.
    #[derive(Clone)]
    pub struct Families {
        store: Arc<dyn AsyncStore>,
        codec: Arc<Codec>,
    }

    impl fmt::Debug for Families {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.debug_tuple("Families").field(&self.codec).finish()
        }
    }

    impl Families {
        /// See [`Families::new`](super::super::Families::new).
        ///
        /// # Errors
        /// Those of [`Codec::new`].
        pub fn new(store: Arc<dyn AsyncStore>, options: TokenOptions) -> Result<Self> {
            Ok(Self { store, codec: Arc::new(Codec::new(options)?) })
        }

        /// How tokens live.
        pub fn options(&self) -> &TokenOptions {
            self.codec.options()
        }

        /// See [`Families::issue`](super::super::Families::issue).
        pub fn issue(
            &self,
            subject: &str,
            claims: &[u8],
            now: Timestamp,
        ) -> impl Future<Output = Result<Grant>> + Send + use<> {
            let (store, lifetime) = (Arc::clone(&self.store), self.codec.lifetime(now));
            let issued = self.codec.issue(subject, claims);
            async move {
                let new = issued?;
                let inserted = store.insert(&new.key, &new.record, &[], lifetime, now).await?;
                if inserted { Ok(new.grant) } else { Err(id_taken()) }
            }
        }

        /// See [`Families::refresh`](super::super::Families::refresh).
        pub fn refresh(
            &self,
            refresh_token: &str,
            now: Timestamp,
        ) -> impl Future<Output = Result<Refreshed>> + Send + use<> {
            let (store, codec) = (Arc::clone(&self.store), Arc::clone(&self.codec));
            let presented = codec.locate(refresh_token);
            async move {
                let presented = presented.ok_or(TokensError::Invalid)?;
                let key = presented.key();
                for _ in 0..REFRESH_ATTEMPTS {
                    let found = only(store.get_many(one(key), now).await?).ok_or(TokensError::Invalid)?;
                    match codec.rotate(&presented, &found, now)? {
                        Rotation::Next { expected, record, grant } => {
                            match store.replace(key, &record, Some(&expected), now).await? {
                                Replaced::Done => return Ok(Refreshed::Granted(grant)),
                                Replaced::Missing => return Err(TokensError::Invalid.into()),
                                Replaced::Conflict => {}
                            }
                        }
                        Rotation::Reused(family) => {
                            store.delete(key, now).await?;
                            return Ok(Refreshed::Reused(family));
                        }
                    }
                }
                Err(still_changing())
            }
        }

        /// See [`Families::revoke`](super::super::Families::revoke).
        pub fn revoke(
            &self,
            refresh_token: &str,
            now: Timestamp,
        ) -> impl Future<Output = Result<Option<Family>>> + Send + use<> {
            let (store, codec) = (Arc::clone(&self.store), Arc::clone(&self.codec));
            let presented = codec.locate(refresh_token);
            async move {
                let Some(presented) = presented else { return Ok(None) };
                let key = presented.key();
                let found = only(store.get_many(one(key), now).await?);
                store.delete(key, now).await?;
                found.map(|record| codec.family(key, &record)).transpose()
            }
        }

        /// See [`Families::revoke_family`](super::super::Families::revoke_family).
        pub fn revoke_family(
            &self,
            subject: &str,
            family: &str,
            now: Timestamp,
        ) -> impl Future<Output = Result<bool>> + Send + use<> {
            let (store, key) = (Arc::clone(&self.store), self.codec.family_key(subject, family));
            async move {
                let Some(key) = key? else { return Ok(false) };
                store.delete(&key, now).await
            }
        }

        /// See [`Families::revoke_all`](super::super::Families::revoke_all).
        pub fn revoke_all(
            &self,
            subject: &str,
            now: Timestamp,
        ) -> impl Future<Output = Result<()>> + Send + use<> {
            let (store, group) = (Arc::clone(&self.store), self.codec.group(subject));
            async move { store.clear(&group?, None, now).await.map(drop) }
        }

        /// See [`Families::list`](super::super::Families::list).
        pub fn list(
            &self,
            subject: &str,
            now: Timestamp,
        ) -> impl Future<Output = Result<Vec<FamilyInfo>>> + Send + use<> {
            let (store, group) = (Arc::clone(&self.store), self.codec.group(subject));
            async move {
                let entries = store.list(&group?, now).await?;
                Ok(entries.into_iter().map(FamilyInfo::from).collect())
            }
        }

        /// See [`Families::close`](super::super::Families::close).
        pub fn close(&self) {
            self.store.close();
        }
    }
}
