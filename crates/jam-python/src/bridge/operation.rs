//! What Python awaits.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::{PyRuntimeError, PyRuntimeWarning, PyStopIteration};
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyType};

use super::queue::LoopQueue;
use super::{Answer, Job};

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
    New(Job),
    /// The worker has it.
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
}

struct Callback {
    function: Py<PyAny>,
    context: Option<Py<PyAny>>,
}

impl Operation {
    pub(super) fn starting_with(job: Job) -> Self {
        Self { state: Mutex::new(State::New(job)) }
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
            State::New(job) => Self::start(slf, job),
            State::Answered(answer) => super::deliver(py, answer).map(Some),
            running @ State::Running(_) => {
                *slf.get().state() = running;
                Err(PyRuntimeError::new_err("this operation is being awaited already"))
            }
            State::Spent => Err(PyRuntimeError::new_err("cannot reuse an already awaited operation")),
        }
    }

    fn start(slf: &Bound<'_, Self>, job: Job) -> PyResult<Option<Py<PyAny>>> {
        let py = slf.py();
        let event_loop = match running_loop(py) {
            Ok(event_loop) => event_loop,
            Err(failure) => {
                *slf.get().state() = State::New(job);
                return Err(failure);
            }
        };
        let unfinished = match super::poll_once(job)? {
            Ok(answer) => return super::deliver(py, answer).map(Some),
            Err(unfinished) => unfinished,
        };
        let queue = LoopQueue::of(&event_loop)?;
        let waiter =
            Waiter { queue: Arc::clone(&queue), handing_over: true, callback: None, cancelled: None };
        *slf.get().state() = State::Running(waiter);
        let operation = slf.clone().unbind();
        super::runtime()?.spawn(async move {
            let answer = unfinished.await;
            queue.push(operation, answer);
        });
        Ok(None)
    }

    /// Takes the worker's answer and resumes the task.
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

    /// Stops waiting. The worker goes on.
    fn abandon(&self) {
        let state = mem::replace(&mut *self.state(), State::Spent);
        // Dropped only now, without the lock: it may hold the last reference to objects with finalizers.
        drop(state);
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
        match Self::step(slf)? {
            None => Ok(slf.clone().into_any().unbind()),
            Some(value) => Err(PyStopIteration::new_err((value,))),
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
        Err(PyErr::from_value(exception))
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
        if matches!(&*self.state(), State::New(_)) {
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
