//! The way of answers from the worker to an event loop.

use std::cell::RefCell;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use pyo3::exceptions::PyNotImplementedError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};

use super::Answer;
use super::operation::{Alarm, Operation};

/// The news for the tasks of one event loop.
pub(super) struct LoopQueue {
    event_loop: Py<PyWeakrefReference>,
    /// The process it belongs to: in the child of a fork the parent's queues are dead.
    generation: u64,
    news: Mutex<Vec<News>>,
    /// The loop was woken and has not drained the queue since.
    woken: AtomicBool,
    /// The loop was closed, or is gone.
    closed: AtomicBool,
    wake: Wake,
}

/// What the loop has to know of an operation.
pub(super) enum News {
    /// It is to be polled again.
    Progress(Arc<Alarm>),
    /// It is finished.
    Answer(Py<Operation>, Answer),
}

impl News {
    fn operation(&self) -> &Py<Operation> {
        match self {
            Self::Progress(alarm) => alarm.operation(),
            Self::Answer(operation, _) => operation,
        }
    }

    fn deliver(self, py: Python<'_>) -> PyResult<()> {
        match self {
            Self::Progress(alarm) => Operation::proceed(alarm.operation().bind(py), &alarm),
            Self::Answer(operation, answer) => Operation::finish(operation.bind(py), answer),
        }
    }
}

/// How the loop is woken.
enum Wake {
    /// Through a file that the loop watches. The worker needs no GIL for it.
    #[cfg(unix)]
    File(WakeFile),
    /// Through `call_soon_threadsafe`, from a thread that may wait for the GIL: for loops that watch no files.
    Call,
}

thread_local! {
    /// The queue of the loop that this thread used last.
    static LATEST: RefCell<Weak<LoopQueue>> = const { RefCell::new(Weak::new()) };
}

/// The queues of all loops that are alive.
static QUEUES: Mutex<Vec<Weak<LoopQueue>>> = Mutex::new(Vec::new());

impl LoopQueue {
    /// The queue of this event loop, made at its first use.
    pub(super) fn of(event_loop: &Bound<'_, PyAny>) -> PyResult<Arc<Self>> {
        let latest = LATEST.with_borrow(Weak::upgrade);
        if let Some(queue) = latest.filter(|queue| queue.serves(event_loop)) {
            return Ok(queue);
        }
        // The lock is left before any queue can be dropped, which runs finalizers of Python's objects.
        let known: Vec<Arc<Self>> = lock(&QUEUES).iter().filter_map(Weak::upgrade).collect();
        let queue = match known.into_iter().find(|queue| queue.serves(event_loop)) {
            Some(queue) => queue,
            None => Self::connect(event_loop)?,
        };
        LATEST.set(Arc::downgrade(&queue));
        Ok(queue)
    }

    fn connect(event_loop: &Bound<'_, PyAny>) -> PyResult<Arc<Self>> {
        let queue = match Self::connect_file(event_loop) {
            Err(failure) if failure.is_instance_of::<PyNotImplementedError>(event_loop.py()) => {
                Arc::new(Self::new(event_loop, Wake::Call)?)
            }
            connected => connected?,
        };
        let mut queues = lock(&QUEUES);
        queues.retain(|queue| queue.strong_count() > 0);
        queues.push(Arc::downgrade(&queue));
        Ok(queue)
    }

    /// Makes a queue with a file and has the loop watch it. The loop's reader owns the queue: when the loop is closed
    /// or collected, the reader goes, the queue after it, and the file is closed.
    #[cfg(unix)]
    fn connect_file(event_loop: &Bound<'_, PyAny>) -> PyResult<Arc<Self>> {
        let file = WakeFile::new()?;
        let descriptor = file.descriptor();
        let queue = Arc::new(Self::new(event_loop, Wake::File(file))?);
        let reader = Reader::new(event_loop.py(), &queue)?;
        event_loop.call_method1("add_reader", (descriptor, reader))?;
        Ok(queue)
    }

    #[cfg(not(unix))]
    fn connect_file(_event_loop: &Bound<'_, PyAny>) -> PyResult<Arc<Self>> {
        Err(PyNotImplementedError::new_err("loops of this system watch no files"))
    }

    fn new(event_loop: &Bound<'_, PyAny>, wake: Wake) -> PyResult<Self> {
        Ok(Self {
            event_loop: PyWeakrefReference::new(event_loop)?.unbind(),
            generation: jam::process::generation(),
            news: Mutex::new(Vec::new()),
            woken: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            wake,
        })
    }

    /// Whether it was made before a fork, by the parent.
    pub(super) fn is_of_parent(&self) -> bool {
        self.generation != jam::process::generation()
    }

    fn serves(&self, event_loop: &Bound<'_, PyAny>) -> bool {
        !self.is_of_parent()
            && !self.closed.load(Ordering::Acquire)
            && self.event_loop(event_loop.py()).is_some_and(|served| served.is(event_loop))
    }

    /// The loop, if it is still there.
    pub(super) fn event_loop<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.event_loop.bind(py).upgrade()
    }

    /// Leaves news for a task of the loop. Called by any thread; needs no GIL.
    pub(super) fn push(self: Arc<Self>, item: News) {
        let mut news = lock(&self.news);
        // A running operation holds its queue: one left in a closed queue would keep both for ever.
        if self.closed.load(Ordering::Acquire) {
            drop(news);
            item.operation().get().abandon();
            return;
        }
        news.push(item);
        drop(news);
        self.wake();
    }

    /// Wakes the loop, unless it was woken and has yet to look.
    fn wake(self: Arc<Self>) {
        if self.woken.swap(true, Ordering::AcqRel) {
            return;
        }
        match &self.wake {
            #[cfg(unix)]
            Wake::File(file) => file.signal(),
            Wake::Call => {
                if let Ok(runtime) = super::runtime() {
                    runtime.spawn_blocking(move || self.call_soon());
                }
            }
        }
    }

    fn call_soon(self: Arc<Self>) {
        // `None` when the interpreter is ending; then nobody waits.
        Python::try_attach(|py| {
            let Some(event_loop) = self.event_loop(py) else { return };
            let scheduled = Reader::new(py, &self)
                .and_then(|reader| event_loop.call_method1("call_soon_threadsafe", (reader,)));
            if scheduled.is_err() {
                // The loop was closed meanwhile.
                self.close();
            }
        });
    }

    /// The loop is closed: nobody waits for what is here and what comes.
    fn close(&self) {
        self.closed.store(true, Ordering::Release);
        if self.is_of_parent() {
            // The parent's worker may have held the lock at the moment of the fork; here nobody would release it.
            return;
        }
        let news = mem::take(&mut *lock(&self.news));
        // Without the lock, since it may run finalizers.
        for item in news {
            item.operation().get().abandon();
        }
    }

    /// Resumes the tasks whose operations are finished.
    fn drain(self: &Arc<Self>, py: Python<'_>) -> PyResult<()> {
        if self.is_of_parent() {
            // The parent's file: reading it would take the parent's wake-up away.
            return Ok(());
        }
        #[cfg(unix)]
        if let Wake::File(file) = &self.wake {
            file.clear();
        }
        // Before the queue is emptied: what comes later wakes the loop again.
        self.woken.store(false, Ordering::SeqCst);
        let mut news = mem::take(&mut *lock(&self.news)).into_iter();
        while let Some(item) = news.next() {
            if let Err(failure) = item.deliver(py) {
                lock(&self.news).splice(..0, news);
                Arc::clone(self).wake();
                return Err(failure);
            }
        }
        Ok(())
    }
}

impl Drop for LoopQueue {
    fn drop(&mut self) {
        if self.is_of_parent() {
            // The parent's worker may have been writing to it at the moment of the fork.
            mem::forget(mem::take(self.news.get_mut().unwrap_or_else(PoisonError::into_inner)));
        }
    }
}

/// What the event loop calls when it was woken.
#[pyclass(frozen, module = "jam._jam", name = "Reader")]
struct Reader {
    queue: Arc<LoopQueue>,
    called: AtomicBool,
}

impl Reader {
    fn new(py: Python<'_>, queue: &Arc<LoopQueue>) -> PyResult<Py<Self>> {
        Py::new(py, Self { queue: Arc::clone(queue), called: AtomicBool::new(false) })
    }
}

#[pymethods]
impl Reader {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        self.called.store(true, Ordering::Release);
        let result = self.queue.drain(py);
        crate::log::flush(py);
        result
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // The worker may be adding to it: then the loop is in use, and another round of the collector will do.
        let Ok(news) = self.queue.news.try_lock() else { return Ok(()) };
        news.iter().try_for_each(|item| visit.call(item.operation()))
    }

    fn __clear__(&self) {
        self.queue.close();
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // The reader of a file goes with its loop; one for a single call has been called, or its loop was closed.
        let for_one_call = matches!(self.queue.wake, Wake::Call);
        if !(for_one_call && self.called.load(Ordering::Acquire)) {
            self.queue.close();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(unix)]
use file::WakeFile;

#[cfg(unix)]
mod file {
    use std::io::{self, Read, Write};
    use std::os::fd::{AsRawFd, RawFd};

    /// A file that is readable while the loop is to wake: an eventfd on Linux, a pair of sockets elsewhere.
    pub(super) struct WakeFile {
        #[cfg(target_os = "linux")]
        event: std::fs::File,
        #[cfg(not(target_os = "linux"))]
        sockets: (std::os::unix::net::UnixStream, std::os::unix::net::UnixStream),
    }

    #[cfg(target_os = "linux")]
    impl WakeFile {
        pub(super) fn new() -> io::Result<Self> {
            use std::os::fd::{FromRawFd, OwnedFd};
            // SAFETY: a system call without pointers.
            let descriptor = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
            if descriptor < 0 {
                return Err(io::Error::last_os_error());
            }
            // SAFETY: it was just opened, and nobody else has it.
            Ok(Self { event: unsafe { OwnedFd::from_raw_fd(descriptor) }.into() })
        }

        fn reading_end(&self) -> &(impl AsRawFd + use<>) {
            &self.event
        }

        /// Makes it readable.
        pub(super) fn signal(&self) {
            // It fails only when the counter is full, and then the file is readable.
            let _full = (&self.event).write(&1_u64.to_ne_bytes());
        }

        /// Makes it unreadable until the next signal.
        pub(super) fn clear(&self) {
            // It fails only when there was no signal.
            let _empty = (&self.event).read(&mut [0; 8]);
        }
    }

    #[cfg(not(target_os = "linux"))]
    impl WakeFile {
        pub(super) fn new() -> io::Result<Self> {
            let sockets = std::os::unix::net::UnixStream::pair()?;
            sockets.0.set_nonblocking(true)?;
            sockets.1.set_nonblocking(true)?;
            Ok(Self { sockets })
        }

        fn reading_end(&self) -> &impl AsRawFd {
            &self.sockets.0
        }

        /// Makes it readable.
        pub(super) fn signal(&self) {
            // It fails only when the buffer is full, and then the file is readable.
            let _full = (&self.sockets.1).write(&[1]);
        }

        /// Makes it unreadable until the next signal.
        pub(super) fn clear(&self) {
            // One byte for each signal, and one signal at a time; it fails only when there was none.
            let _empty = (&self.sockets.0).read(&mut [0; 64]);
        }
    }

    impl WakeFile {
        pub(super) fn descriptor(&self) -> RawFd {
            self.reading_end().as_raw_fd()
        }
    }
}
