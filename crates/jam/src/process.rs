//! Which process this is, counted in forks. Connections and open files of a parent must not be used by its
//! child; whoever keeps some compares generations and opens its own.

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
