//! Which process this is, counted in forks. Connections and open files of a parent must not be used by its
//! child; whoever keeps some compares generations and opens its own.
//!
//! Whoever may fork calls [`before_fork`] before, then [`after_fork`] in the parent and [`forked`] in the child
//! (`pthread_atfork` takes just these three; the Python package does this by itself).

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

/// How long a fork waits for operations that are under way: longer than any of them should take.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Between two looks at whether the operations have ended, or the fork has.
const PAUSE: Duration = Duration::from_micros(200);

static GENERATION: AtomicU64 = AtomicU64::new(0);

/// How many forks lie between the first process and this one. Costs one load, no system call.
pub fn generation() -> u64 {
    GENERATION.load(Ordering::Acquire)
}

/// Tells Jam that this process is the child of a fork. Call it first thing in the child, before any other
/// call to Jam.
pub fn forked() {
    GENERATION.fetch_add(1, Ordering::AcqRel);
    BUSY.store(0, Ordering::SeqCst);
    FORKING.store(false, Ordering::SeqCst);
}

/// How many operations are under way that a fork must not cut in two.
static BUSY: AtomicUsize = AtomicUsize::new(0);
/// Set while a fork happens: no new operation starts.
static FORKING: AtomicBool = AtomicBool::new(false);
static PARKED_BEFORE_FORK: Mutex<Vec<Weak<dyn Park>>> = Mutex::new(Vec::new());

/// What holds files open that a child must not inherit.
pub(crate) trait Park: Send + Sync {
    /// Closes them, to be opened again at the next use.
    fn park(&self);
}

/// Has [`before_fork`] park it, as long as it lives.
pub(crate) fn park_before_fork(what: Weak<dyn Park>) {
    let mut parked = PARKED_BEFORE_FORK.lock().unwrap_or_else(PoisonError::into_inner);
    parked.retain(|other| other.strong_count() > 0);
    parked.push(what);
}

/// An operation that holds locks: while one lives, an announced fork waits. Must not be nested.
#[derive(Debug)]
pub(crate) struct Busy(());

/// Begins an operation that holds locks; waits while a fork happens.
pub(crate) fn busy() -> Busy {
    loop {
        BUSY.fetch_add(1, Ordering::SeqCst);
        if !FORKING.load(Ordering::SeqCst) {
            return Busy(());
        }
        BUSY.fetch_sub(1, Ordering::SeqCst);
        std::thread::sleep(PAUSE);
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        BUSY.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Call it right before a fork. Lets the stores' operations end and starts no new one, so that the child inherits
/// no lock that nobody will release; closes SQLite's files, whose locks a child takes for its own.
pub fn before_fork() {
    FORKING.store(true, Ordering::SeqCst);
    let mut waited = Duration::ZERO;
    while BUSY.load(Ordering::SeqCst) > 0 && waited < LONGEST_WAIT {
        std::thread::sleep(PAUSE);
        waited += PAUSE;
    }
    let parked: Vec<_> = {
        let parked = PARKED_BEFORE_FORK.lock().unwrap_or_else(PoisonError::into_inner);
        parked.iter().filter_map(Weak::upgrade).collect()
    };
    for store in parked {
        store.park();
    }
}

/// Call it in the parent right after a fork that [`before_fork`] announced: operations go on.
pub fn after_fork() {
    FORKING.store(false, Ordering::SeqCst);
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

    /// A value that belongs to an object, and was made in this process.
    pub(crate) fn made_here(value: T) -> Self {
        Self { generation: generation(), value, child: OnceLock::new() }
    }

    /// This process's value.
    pub(crate) fn get(&self, make: fn() -> T) -> &T {
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
