//! The asyncio bridge: Rust futures as Python awaitables.
//!
//! ```text
//! the loop's thread (GIL)                          the worker's thread (never the GIL)
//! await operation ── first poll ── ready? ─► value
//!        └─ pending: the task sleeps ───────────► sockets, timers, files
//!                                                   └─ there is news ─► the loop's queue ─► eventfd, once per batch
//! drain ◄──────────── the loop wakes ◄──────────────────────────────────┘
//!   └─ for each: poll again; ready? resume the task, which makes the Python value
//! ```
//!
//! - There is one tokio runtime per process with one worker thread, made at the first use. After a fork the child
//!   makes its own; the parent's is left alone, since the two share its epoll instance.
//! - There is one queue per event loop, found by a weak reference to the loop ([`queue`]).
//! - What is awaited is an [`Operation`], which a task takes for a coroutine. As a coroutine it starts when it is
//!   first awaited, and warns when it never was. A cancelled task stops waiting; the Rust future runs to its end,
//!   and its answer is dropped.

mod operation;
mod queue;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use pyo3::prelude::*;
use tokio::runtime::{Builder, Runtime};

use crate::error::{self, internal};
use crate::log;
use operation::Operation;

/// Files and name look-ups run on further threads, at most so many.
const BLOCKING_THREADS: usize = 16;

/// Makes the Python value, or raises. Called under the GIL, once.
type Answer = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;

/// A future on its way to an [`Answer`].
type Job = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// Where a future is polled after its first poll, which is on the thread of the event loop.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// On the thread of the event loop, with the GIL, whenever there is news for it: for futures whose every step
    /// takes microseconds. The worker then has the sockets and nothing else to do, which a third more operations
    /// per second go through.
    Loop,
    /// On the worker, without the GIL: for futures that may compute, as for a TLS handshake.
    Worker,
}

/// An awaitable of what `future` gives, made a Python value by `convert`.
///
/// Nothing happens before it is awaited. The future must not block, and must do its work when polled (as an
/// `async` block does), not when made.
pub(crate) fn spawn<T: Send + 'static>(
    py: Python<'_>,
    place: Place,
    future: impl Future<Output = jam::Result<T>> + Send + 'static,
    convert: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
) -> PyResult<Py<PyAny>> {
    let job = async move {
        let result = future.await;
        let answer: Answer =
            Box::new(move |py| result.map_err(error::to_py).and_then(|value| convert(py, value)));
        answer
    };
    Ok(Py::new(py, Operation::starting_with(Guarded(Box::pin(job)), place))?.into_any())
}

/// An awaitable of what is known already, with no trip through the event loop.
pub(crate) fn ready(py: Python<'_>, result: PyResult<Py<PyAny>>) -> PyResult<Py<PyAny>> {
    Ok(Py::new(py, Operation::answered(Box::new(|_| result)))?.into_any())
}

/// An awaitable of the end of blocking work, which runs on a further thread once it is awaited.
pub(crate) fn spawn_blocking(py: Python<'_>, work: impl FnOnce() + Send + 'static) -> PyResult<Py<PyAny>> {
    let end = async move {
        // It fails only where the work has panicked; then there is nothing left to wait for, either.
        let _ended = tokio::task::spawn_blocking(work).await;
        Ok(())
    };
    spawn(py, Place::Loop, end, |py, ()| Ok(py.None()))
}

/// What an operation without an answer gives in Python.
pub(crate) fn to_none(py: Python<'_>, (): ()) -> PyResult<Py<PyAny>> {
    Ok(py.None())
}

/// Runs blocking work without the GIL. Worth it above some 5 microseconds.
pub(crate) fn block<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> T {
    let result = py.detach(work);
    log::flush(py);
    result
}

/// How long a signal waits for blocking work at most.
const SIGNAL_WAIT: Duration = Duration::from_millis(100);

/// As [`block`], for work that may wait for seconds: on the main thread a signal such as Ctrl-C ends the waiting, and
/// the work is left to end by itself.
pub(crate) fn block_for_long<T: Send + 'static>(
    py: Python<'_>,
    work: impl FnOnce() -> T + Send + 'static,
) -> PyResult<T> {
    let (sender, mut receiver) = mpsc::channel();
    let started = std::thread::Builder::new().name("jam-blocking".to_owned()).spawn(move || {
        // Whoever was waiting may have been interrupted.
        let _ = sender.send(work());
    });
    started.map_err(|_| internal("the operating system gives no thread for the call"))?;
    loop {
        let receiver = &mut receiver; // only this thread's: a receiver may change threads, but not be shared
        match py.detach(move || receiver.recv_timeout(SIGNAL_WAIT)) {
            Ok(result) => {
                log::flush(py);
                return Ok(result);
            }
            Err(RecvTimeoutError::Timeout) => py.check_signals()?,
            Err(RecvTimeoutError::Disconnected) => return Err(internal("the call ended without a result")),
        }
    }
}

/// A job that answers with an exception instead of unwinding.
struct Guarded(Job);

impl Guarded {
    /// Polls where the caller is; `None` when it has to be polled again after the waker was woken.
    fn poll_here(&mut self, waker: &Waker) -> PyResult<Option<Answer>> {
        let _context = runtime()?.enter();
        match Pin::new(self).poll(&mut Context::from_waker(waker)) {
            Poll::Ready(answer) => Ok(Some(answer)),
            Poll::Pending => Ok(None),
        }
    }

    /// Lets the worker bring it to its end, which nobody waits for.
    fn finish_unheard(self) {
        if let Ok(runtime) = runtime() {
            runtime.spawn(async move { drop(self.await) });
        }
    }
}

impl Future for Guarded {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        // A future that has panicked is not polled again, so nothing sees its broken state.
        catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(context)))
            .unwrap_or_else(|_| Poll::Ready(Box::new(|_| Err(panicked()))))
    }
}

/// The value of an answer; a panic on the way becomes an exception that programs can catch.
fn deliver(py: Python<'_>, answer: Answer) -> PyResult<Py<PyAny>> {
    log::flush(py);
    catch_unwind(AssertUnwindSafe(|| answer(py))).unwrap_or_else(|_| Err(panicked()))
}

fn panicked() -> PyErr {
    error::internal("an operation failed inside of Jam; this is a bug, please report it")
}

/// The runtime of this process, null before its first use.
static RUNTIME: AtomicPtr<Runtime> = AtomicPtr::new(ptr::null_mut());

fn runtime() -> PyResult<&'static Runtime> {
    let current = RUNTIME.load(Ordering::Acquire);
    // SAFETY: it is null or comes from `Box::into_raw` below, and is never freed.
    if let Some(runtime) = unsafe { current.as_ref() } {
        return Ok(runtime);
    }
    let made = Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_name("jam")
        .enable_all()
        .build()?;
    let made = Box::into_raw(Box::new(made));
    let current = match RUNTIME.compare_exchange(current, made, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => made,
        Err(first) => {
            // SAFETY: `made` was not shared. Another thread was first, so its threads are told to end.
            unsafe { Box::from_raw(made) }.shutdown_background();
            first
        }
    };
    // SAFETY: as above.
    Ok(unsafe { &*current })
}

/// The stores' operations end and their files are closed before a fork, so that the child inherits no lock.
#[cfg(unix)]
extern "C" fn before_fork() {
    jam::process::before_fork();
}

#[cfg(unix)]
extern "C" fn in_parent_of_fork() {
    jam::process::after_fork();
}

/// In the child of a fork there are no threads, and the parent's epoll instance must not be touched: the runtime is
/// forgotten without being dropped.
#[cfg(unix)]
extern "C" fn in_child_of_fork() {
    jam::process::forked();
    RUNTIME.store(ptr::null_mut(), Ordering::Release);
}

/// Has this module told of forks.
#[cfg(unix)]
pub(crate) fn watch_forks() -> PyResult<()> {
    static WATCHING: std::sync::Once = std::sync::Once::new();
    let mut status = 0;
    WATCHING.call_once(|| {
        // SAFETY: the child's handler stores to atomics, which is allowed between fork and exec; the extension module
        // is never unloaded, so the handlers stay where they are.
        status = unsafe {
            libc::pthread_atfork(Some(before_fork), Some(in_parent_of_fork), Some(in_child_of_fork))
        };
    });
    if status == 0 { Ok(()) } else { Err(std::io::Error::from_raw_os_error(status).into()) }
}

/// Systems without `fork` have nothing to watch.
#[cfg(not(unix))]
pub(crate) fn watch_forks() -> PyResult<()> {
    Ok(())
}
