//! What Python awaits.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Wake, Waker};

use pyo3::exceptions::{PyRuntimeError, PyRuntimeWarning, PyStopIteration};
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyType};

use super::queue::{LoopQueue, News};
use super::{Answer, Guarded, Place};

/// An operation of the core, in progress or to be started.
///
/// To its user it is a coroutine: it can be awaited once, given to `create_task`, `gather`, `wait_for`, `shield`.
/// To the task that awaits it, and only at the moment at which the task goes to sleep, it is also the future to
/// wait for. That spares a second object, and lets the queue resume the task directly.
#[pyclass(frozen, module = "jam._jam", name = "Operation")]
pub(super) struct Operation {
    state: Mutex<State>,
}

enum State {
    /// Not awaited yet.
    New(Guarded, Place),
    /// Under way.
    Running(Waiter),
    /// The answer is here, and the task not resumed yet.
    Answered(Answer),
    /// The answer was given, or nobody waits for it any more.
    Spent,
}

struct Waiter {
    queue: Arc<LoopQueue>,
    /// Set while the operation is handed from the coroutine to its task as a future.
    handing_over: bool,
    /// What resumes the task, and the context to do it in.
    callback: Option<Callback>,
    /// The task was cancelled, with this message.
    cancelled: Option<Py<PyAny>>,
    /// What is polled when there is news; `None` while it is being polled, and when the worker has it.
    job: Option<Guarded>,
}

/// Wakes an operation that is polled on the thread of its loop.
pub(super) struct Alarm {
    /// Weak, since whoever can wake it may keep it for a while after the loop was closed.
    queue: Weak<LoopQueue>,
    operation: Py<Operation>,
    /// It is in the queue already.
    raised: AtomicBool,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        if self.raised.swap(true, Ordering::AcqRel) {
            return;
        }
        match self.queue.upgrade() {
            Some(queue) => queue.push(News::Progress(self)),
            None => self.operation.get().abandon(),
        }
    }
}

impl Alarm {
    pub(super) fn operation(&self) -> &Py<Operation> {
        &self.operation
    }
}

struct Callback {
    function: Py<PyAny>,
    context: Option<Py<PyAny>>,
}

impl Operation {
    pub(super) fn starting_with(job: Guarded, place: Place) -> Self {
        Self { state: Mutex::new(State::New(job, place)) }
    }

    pub(super) fn answered(answer: Answer) -> Self {
        Self { state: Mutex::new(State::Answered(answer)) }
    }

    /// Held for moments only, and never while Python code runs.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One step of the coroutine: the value, or `None` when the task has to wait for this operation.
    fn step(slf: &Bound<'_, Self>) -> PyResult<Option<Py<PyAny>>> {
        let py = slf.py();
        let state = mem::replace(&mut *slf.get().state(), State::Spent);
        match state {
            State::New(job, place) => Self::start(slf, job, place),
            State::Answered(answer) => super::deliver(py, answer).map(Some),
            running @ State::Running(_) => {
                *slf.get().state() = running;
                Err(PyRuntimeError::new_err("this operation is being awaited already"))
            }
            State::Spent => Err(PyRuntimeError::new_err("cannot reuse an already awaited operation")),
        }
    }

    fn start(slf: &Bound<'_, Self>, job: Guarded, place: Place) -> PyResult<Option<Py<PyAny>>> {
        let py = slf.py();
        let event_loop = match running_loop(py) {
            Ok(event_loop) => event_loop,
            Err(failure) => {
                *slf.get().state() = State::New(job, place);
                return Err(failure);
            }
        };
        let started = match place {
            Place::Loop => Self::start_here(slf, job, &event_loop),
            Place::Worker => Self::start_and_hand_over(slf, job, &event_loop),
        };
        started?.map(|answer| super::deliver(py, answer)).transpose()
    }

    /// Polls for the first time. From then on news of it is polled for in [`Self::proceed`].
    fn start_here(
        slf: &Bound<'_, Self>,
        mut job: Guarded,
        event_loop: &Bound<'_, PyAny>,
    ) -> PyResult<Option<Answer>> {
        let queue = LoopQueue::of(event_loop)?;
        let alarm = Alarm {
            queue: Arc::downgrade(&queue),
            operation: slf.clone().unbind(),
            raised: AtomicBool::new(false),
        };
        if let Some(answer) = job.poll_here(&Arc::new(alarm).into())? {
            return Ok(Some(answer));
        }
        *slf.get().state() = State::Running(Waiter::new(queue, Some(job)));
        Ok(None)
    }

    /// Polls for the first time, which is often enough, then gives the job to the worker.
    fn start_and_hand_over(
        slf: &Bound<'_, Self>,
        mut job: Guarded,
        event_loop: &Bound<'_, PyAny>,
    ) -> PyResult<Option<Answer>> {
        if let Some(answer) = job.poll_here(Waker::noop())? {
            return Ok(Some(answer));
        }
        let queue = LoopQueue::of(event_loop)?;
        *slf.get().state() = State::Running(Waiter::new(Arc::clone(&queue), None));
        let operation = slf.clone().unbind();
        super::runtime()?.spawn(async move {
            let answer = job.await;
            queue.push(News::Answer(operation, answer));
        });
        Ok(None)
    }

    /// Polls again, for its alarm was raised.
    ///
    /// # Errors
    ///
    /// Those of [`Self::finish`].
    pub(super) fn proceed(slf: &Bound<'_, Self>, alarm: &Arc<Alarm>) -> PyResult<()> {
        // Before the poll: news that comes meanwhile raises it again.
        alarm.raised.store(false, Ordering::Release);
        let Some(mut job) = slf.get().with_waiter(|waiter| waiter.job.take()) else { return Ok(()) };
        if let Some(answer) = job.poll_here(&Arc::clone(alarm).into())? {
            return Self::finish(slf, answer);
        }
        let mut unfinished = Some(job);
        slf.get().with_waiter(|waiter| {
            waiter.job = unfinished.take();
            None::<()>
        });
        // The task was cancelled by what ran during the poll.
        if let Some(job) = unfinished {
            job.finish_unheard();
        }
        Ok(())
    }

    fn with_waiter<T>(&self, work: impl FnOnce(&mut Waiter) -> Option<T>) -> Option<T> {
        match &mut *self.state() {
            State::Running(waiter) => work(waiter),
            _ => None,
        }
    }

    /// Takes the answer and resumes the task.
    ///
    /// # Errors
    ///
    /// What the task does not keep for itself: `KeyboardInterrupt` and `SystemExit`.
    pub(super) fn finish(slf: &Bound<'_, Self>, answer: Answer) -> PyResult<()> {
        let callback = {
            let mut state = slf.get().state();
            match &mut *state {
                State::Running(waiter) if waiter.cancelled.is_none() => {
                    let callback = waiter.callback.take();
                    *state = State::Answered(answer);
                    callback
                }
                // Nobody waits: the answer is dropped.
                _ => return Ok(()),
            }
        };
        callback.map_or(Ok(()), |callback| callback.run(slf))
    }

    /// Stops waiting. What was begun goes on to its end. Needs no GIL.
    pub(super) fn abandon(&self) {
        let state = mem::replace(&mut *self.state(), State::Spent);
        // From here on without the lock: the state may hold the last reference to objects with finalizers.
        let State::Running(mut waiter) = state else { return };
        if let Some(job) = waiter.job.take() {
            if waiter.queue.is_of_parent() {
                // It uses the parent's sockets, and even dropping it would reach for the parent's runtime.
                mem::forget(job);
            } else {
                job.finish_unheard();
            }
        }
    }
}

impl Waiter {
    fn new(queue: Arc<LoopQueue>, job: Option<Guarded>) -> Self {
        Self { queue, handing_over: true, callback: None, cancelled: None, job }
    }
}

#[pymethods]
impl Operation {
    // The coroutine.

    fn __await__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        match Self::step(slf) {
            Ok(None) => Ok(slf.clone().into_any().unbind()),
            Ok(Some(value)) => Err(PyStopIteration::new_err((value,))),
            Err(raised) => Err(not_a_result(slf.py(), raised)),
        }
    }

    fn send(slf: &Bound<'_, Self>, _value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        Self::__next__(slf)
    }

    #[pyo3(signature = (kind, value=None, traceback=None, /))]
    fn throw(
        &self,
        py: Python<'_>,
        kind: &Bound<'_, PyAny>,
        value: Option<Bound<'_, PyAny>>,
        traceback: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        self.abandon();
        let exception = match value {
            Some(value) if value.is_instance_of::<pyo3::exceptions::PyBaseException>() => value,
            Some(value) => kind.call1((value,))?,
            None if kind.is_instance_of::<PyType>() => kind.call0()?,
            None => kind.clone(),
        };
        if let Some(traceback) = traceback {
            exception.setattr(intern!(py, "__traceback__"), traceback)?;
        }
        Err(not_a_result(py, PyErr::from_value(exception)))
    }

    fn close(&self) {
        self.abandon();
    }

    // The future that the awaiting task takes it for, while it goes to sleep.

    #[getter(_asyncio_future_blocking)]
    fn is_handed_over(&self) -> Option<bool> {
        // `None` says "no future": everybody but the task has to see a coroutine.
        matches!(&*self.state(), State::Running(Waiter { handing_over: true, .. })).then_some(true)
    }

    #[setter(_asyncio_future_blocking)]
    fn set_handed_over(&self, _value: bool) {
        if let State::Running(waiter) = &mut *self.state() {
            waiter.handing_over = false;
        }
    }

    fn get_loop<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let queue = match &*self.state() {
            State::Running(waiter) => Some(Arc::clone(&waiter.queue)),
            _ => None,
        };
        queue
            .and_then(|queue| queue.event_loop(py))
            .ok_or_else(|| PyRuntimeError::new_err("this operation belongs to no event loop"))
    }

    #[pyo3(signature = (function, *, context=None))]
    fn add_done_callback(
        slf: &Bound<'_, Self>,
        function: Py<PyAny>,
        context: Option<Py<PyAny>>,
    ) -> PyResult<()> {
        match &mut *slf.get().state() {
            State::Running(waiter) if waiter.callback.is_none() => {
                waiter.callback = Some(Callback { function, context });
                Ok(())
            }
            _ => Err(PyRuntimeError::new_err("only the task that awaits an operation can be called back")),
        }
    }

    /// The task was cancelled: it is resumed soon, and finds out in `result`.
    #[pyo3(signature = (msg=None))]
    fn cancel(slf: &Bound<'_, Self>, msg: Option<Py<PyAny>>) -> PyResult<bool> {
        let py = slf.py();
        let (queue, callback) = match &mut *slf.get().state() {
            State::Running(waiter) if waiter.cancelled.is_none() => {
                waiter.cancelled = Some(msg.unwrap_or_else(|| py.None()));
                (Arc::clone(&waiter.queue), waiter.callback.take())
            }
            _ => return Ok(false),
        };
        if let (Some(event_loop), Some(callback)) = (queue.event_loop(py), callback) {
            callback.run_soon(&event_loop, slf)?;
        }
        Ok(true)
    }

    /// Raises if the task was cancelled. The value itself is what the coroutine returns.
    fn result(&self, py: Python<'_>) -> PyResult<()> {
        match &*self.state() {
            State::Running(Waiter { cancelled: Some(message), .. }) => Err(cancelled_error(py, message)),
            _ => Ok(()),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // Whoever holds the lock has the GIL, as has the collector; only a child of a fork may find it taken.
        let Ok(state) = self.state.try_lock() else { return Ok(()) };
        if let State::Running(waiter) = &*state {
            if let Some(callback) = &waiter.callback {
                visit.call(&callback.function)?;
                visit.call(&callback.context)?;
            }
            visit.call(&waiter.cancelled)?;
        }
        Ok(())
    }

    fn __clear__(&self) {
        self.abandon();
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        if matches!(&*self.state(), State::Running(_)) {
            self.abandon();
        }
        if matches!(&*self.state(), State::New(..)) {
            Python::attach(|py| {
                // A finalizer may run while another exception is on its way.
                let pending = PyErr::take(py);
                let message = c"an operation of Jam was never awaited, so it did not happen";
                if let Err(failure) = PyErr::warn(py, &py.get_type::<PyRuntimeWarning>(), message, 1) {
                    failure.write_unraisable(py, None);
                }
                if let Some(pending) = pending {
                    pending.restore(py);
                }
            });
        }
    }
}

impl Callback {
    /// Calls it now, in its context, as the event loop does with a handle.
    fn run(&self, operation: &Bound<'_, Operation>) -> PyResult<()> {
        let py = operation.py();
        let Some(context) = &self.context else {
            return self.function.call1(py, (operation,)).map(drop);
        };
        // SAFETY: the GIL is held and `context` is live; it fails with an exception if it is no context, or entered.
        if unsafe { ffi::PyContext_Enter(context.as_ptr()) } != 0 {
            return Err(PyErr::fetch(py));
        }
        let result = self.function.call1(py, (operation,)).map(drop);
        // SAFETY: as above; it was entered here, and is left on every path.
        if unsafe { ffi::PyContext_Exit(context.as_ptr()) } != 0 {
            return result.and(Err(PyErr::fetch(py)));
        }
        result
    }

    /// Asks the loop to call it.
    fn run_soon(self, event_loop: &Bound<'_, PyAny>, operation: &Bound<'_, Operation>) -> PyResult<()> {
        let keywords = PyDict::new(operation.py());
        if let Some(context) = self.context {
            keywords.set_item("context", context)?;
        }
        event_loop.call_method("call_soon", (self.function, operation), Some(&keywords)).map(drop)
    }
}

/// What the awaiting task has to see of an exception. It would take a `StopIteration`, which user code called from
/// here may raise, for the end of the coroutine and its value for the result; as in every coroutine (PEP 479) it
/// becomes a `RuntimeError`.
fn not_a_result(py: Python<'_>, raised: PyErr) -> PyErr {
    if !raised.is_instance_of::<PyStopIteration>(py) {
        return raised;
    }
    let error = PyRuntimeError::new_err("an operation raised StopIteration");
    error.set_cause(py, Some(raised));
    error
}

fn running_loop(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static FUNCTION: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    FUNCTION.import(py, "asyncio", "get_running_loop")?.call0()
}

fn cancelled_error(py: Python<'_>, message: &Py<PyAny>) -> PyErr {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let class = match CLASS.import(py, "asyncio", "CancelledError") {
        Ok(class) => class,
        Err(failure) => return failure,
    };
    let exception = if message.is_none(py) { class.call0() } else { class.call1((message,)) };
    exception.map_or_else(|failure| failure, PyErr::from_value)
}
