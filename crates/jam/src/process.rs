//! Which process this is, counted in forks. Connections and open files of a parent must not be used by its
//! child; whoever keeps some compares generations and opens its own.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

static GENERATION: AtomicU64 = AtomicU64::new(0);

/// How many forks lie between the first process and this one. Costs one load, no system call.
pub fn generation() -> u64 {
    GENERATION.load(Ordering::Acquire)
}

/// Tells Jam that this process is the child of a fork. Call it first thing in the child, before any other
/// call to Jam (a `pthread_atfork` handler is the place); the Python package does this by itself.
pub fn forked() {
    GENERATION.fetch_add(1, Ordering::AcqRel);
}

/// A static of which each process has its own. The parent's value stays in the child's memory, untouched: its
/// lock may have been held at the moment of the fork, and dropping it could disturb the parent's sockets.
pub(crate) struct PerProcess<T: 'static> {
    generation: u64,
    value: T,
    child: OnceLock<Box<PerProcess<T>>>,
}

impl<T> PerProcess<T> {
    /// The value of the first process; `get` makes those of its children.
    pub(crate) const fn new(value: T) -> Self {
        Self { generation: 0, value, child: OnceLock::new() }
    }

    /// This process's value.
    pub(crate) fn get(&'static self, make: fn() -> T) -> &'static T {
        let mine = generation();
        let mut process = self;
        // A process never touches the cell behind its own value, so no fork can find that cell half written.
        while process.generation != mine {
            process = process
                .child
                .get_or_init(|| Box::new(Self { generation: mine, value: make(), child: OnceLock::new() }));
        }
        &process.value
    }
}
