//! The stores that the tests run against.

use std::sync::Arc;

use jam::store::{AsyncStore, MemoryStore, Store};

/// One store, empty and of its own, in its blocking and its asynchronous form.
pub(crate) struct Backend {
    pub(crate) name: &'static str,
    pub(crate) blocking: Arc<dyn Store>,
    pub(crate) asynchronous: Arc<dyn AsyncStore>,
    /// Whether the store tells the time itself, and a chosen `now` means nothing to it.
    pub(crate) has_its_own_clock: bool,
}

impl Backend {
    /// All bytes that somebody finds who looks at the store from outside.
    pub(crate) fn everything_it_stores(&self) -> Vec<Vec<u8>> {
        Vec::new()
    }
}

/// One of each store.
pub(crate) fn backends() -> Vec<Backend> {
    let memory = Arc::new(MemoryStore::new());
    vec![Backend { name: "memory", blocking: memory.clone(), asynchronous: memory, has_its_own_clock: false }]
}
