//! The memory of one-time passwords that were accepted, so that none is accepted twice.
//!
//! A code can be seen on its way, and is good for a minute or more. RFC 6238 section 5.2 therefore forbids to accept it a
//! second time. [`ReplayGuard`] keeps what was accepted in a store, by one atomic step: of any number of requests with
//! the same code at the same time, on any number of servers, one is accepted.
//!
//! An entry lives as long as its code can be accepted, and is then forgotten by the store. A store that loses entries,
//! such as a Redis server that evicts keys under memory pressure, lets their codes in again.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::crypto::sha256;
use crate::encoding::base64url_encode;
use crate::otp::ReplayEntry;
use crate::session::MAX_TTL;
use crate::store::{Key, Lifetime, Store};
use crate::{Error, Result, Timestamp};

/// The bytes of an entry: its being there says everything.
const ACCEPTED: &[u8] = b"1";

/// The key of an entry in the store. An id may be any text.
pub fn key(id: &str) -> Key {
    Key { group: None, id: base64url_encode(sha256(&[b"jam.replay_guard\0", id.as_bytes()].concat())) }
}

/// How long an entry lives in the store: a millisecond at least, and a hundred years at most.
///
/// # Errors
/// [`Error::Validation`] for less: an entry that is not kept lets its code in again.
pub fn life_time(entry: &ReplayEntry) -> Result<Duration> {
    if entry.keep < Duration::from_millis(1) {
        return Err(Error::validation("keep: an entry that is kept for no time lets its code in again"));
    }
    Ok(entry.keep.min(MAX_TTL))
}

fn lifetime(entry: &ReplayEntry, now: Timestamp) -> Result<Lifetime> {
    Ok(Lifetime { idle: None, deadline: Some(now + life_time(entry)?) })
}

/// A guard over a blocking store. One instance can be shared between threads; clones share the store.
///
/// ```
/// use std::sync::Arc;
/// use jam::otp::{OtpOptions, SharedSecret, Totp};
/// use jam::{Timestamp, replay_guard::ReplayGuard, store::MemoryStore};
///
/// let guard = ReplayGuard::new(Arc::new(MemoryStore::new()));
/// let totp = Totp::new(SharedSecret::generate(), OtpOptions::default())?;
/// let now = Timestamp::from_seconds(1_700_000_000);
///
/// let step = totp.verify_step(&totp.at(now)?, 1, now)?.expect("the code is good");
/// assert!(guard.accept(&totp.replay_entry(step), now)?);
/// assert!(!guard.accept(&totp.replay_entry(step), now)?);
/// # Ok::<(), jam::Error>(())
/// ```
#[derive(Clone)]
pub struct ReplayGuard {
    store: Arc<dyn Store>,
}

impl fmt::Debug for ReplayGuard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ReplayGuard")
    }
}

impl ReplayGuard {
    /// A guard that keeps its entries in `store`.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// `true` the first time, and `false` for as long as the entry is kept. If it fails, it may have been the first
    /// time all the same: the code is then used up.
    ///
    /// # Errors
    /// [`Error::Store`]; [`Error::Validation`] for an entry that is to be kept for no time.
    pub fn accept(&self, entry: &ReplayEntry, now: Timestamp) -> Result<bool> {
        self.store.insert(&key(&entry.id), ACCEPTED, b"", lifetime(entry, now)?, now)
    }

    /// Closes the store; later calls fail with [`StoreError::Closed`](crate::StoreError::Closed).
    pub fn close(&self) {
        self.store.close();
    }
}

/// The awaited twin of [`ReplayGuard`].
pub mod aio {
    use std::fmt;
    use std::future::Future;
    use std::sync::Arc;

    use super::{ACCEPTED, key, lifetime};
    use crate::otp::ReplayEntry;
    use crate::store::AsyncStore;
    use crate::{Result, Timestamp};

    /// A guard over an asynchronous store. One instance can be shared between tasks; clones share the store.
    #[derive(Clone)]
    pub struct ReplayGuard {
        store: Arc<dyn AsyncStore>,
    }

    impl fmt::Debug for ReplayGuard {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("ReplayGuard")
        }
    }

    impl ReplayGuard {
        /// See [`ReplayGuard::new`](super::ReplayGuard::new).
        pub fn new(store: Arc<dyn AsyncStore>) -> Self {
            Self { store }
        }

        /// See [`ReplayGuard::accept`](super::ReplayGuard::accept). The store is asked when the future is first
        /// polled; the future borrows nothing.
        pub fn accept(
            &self,
            entry: &ReplayEntry,
            now: Timestamp,
        ) -> impl Future<Output = Result<bool>> + Send + use<> {
            let (store, key, lifetime) = (Arc::clone(&self.store), key(&entry.id), lifetime(entry, now));
            async move { store.insert(&key, ACCEPTED, b"", lifetime?, now).await }
        }

        /// See [`ReplayGuard::close`](super::ReplayGuard::close).
        pub fn close(&self) {
            self.store.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryStore;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn entry(id: &str, seconds: u64) -> ReplayEntry {
        ReplayEntry { id: id.to_owned(), keep: Duration::from_secs(seconds) }
    }

    #[test]
    fn an_entry_is_kept_for_exactly_its_time() {
        let guard = ReplayGuard::new(Arc::new(MemoryStore::new()));
        let at = |seconds| NOW + Duration::from_secs(seconds);
        assert!(guard.accept(&entry("a", 60), NOW).unwrap());
        assert!(!guard.accept(&entry("a", 60), at(59)).unwrap());
        // A refusal does not prolong it.
        assert!(guard.accept(&entry("a", 60), at(60)).unwrap());
        assert!(!guard.accept(&entry("a", 60), at(60)).unwrap());
    }

    #[test]
    fn entries_do_not_touch_each_other_and_any_text_is_an_id() {
        let guard = ReplayGuard::new(Arc::new(MemoryStore::new()));
        for id in ["", "a", "A", "a\0", "{a}", "\r\nDEL", &"x".repeat(100_000)] {
            assert!(guard.accept(&entry(id, 60), NOW).unwrap(), "{:?}", id.get(..9));
            assert!(!guard.accept(&entry(id, 60), NOW).unwrap());
            assert_eq!(key(id).id.len(), 43);
        }
    }

    #[test]
    fn an_entry_that_would_not_be_kept_is_refused() {
        // attack 51
        let guard = ReplayGuard::new(Arc::new(MemoryStore::new()));
        let asynchronous = aio::ReplayGuard::new(Arc::new(MemoryStore::new()));
        for keep in [Duration::ZERO, Duration::from_nanos(1)] {
            let entry = ReplayEntry { id: "a".to_owned(), keep };
            assert_eq!(guard.accept(&entry, NOW).unwrap_err().code(), "validation.invalid");
            let mut accepted = std::pin::pin!(asynchronous.accept(&entry, NOW));
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            let std::task::Poll::Ready(refused) = accepted.as_mut().poll(&mut context) else {
                panic!("it waits")
            };
            assert_eq!(refused.unwrap_err().code(), "validation.invalid");
        }
    }

    #[test]
    fn the_longest_time_does_no_harm() {
        let guard = ReplayGuard::new(Arc::new(MemoryStore::new()));
        assert!(guard.accept(&entry("a", u64::MAX), NOW).unwrap());
        assert!(!guard.accept(&entry("a", u64::MAX), NOW).unwrap());
    }
}
