//! Many threads, one commit: what waits in line while a commit runs goes into the next one together. A commit
//! to a disk takes milliseconds however much it carries, so eight threads get nearly eight times as far.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::{Error, Result};

/// A commit must end some day, however many keep on coming.
const LARGEST_BATCH: usize = 128;

/// What can be written to in batches.
pub(super) trait Target {
    /// Opens a batch; `durable`: what it commits must survive the loss of power.
    fn begin(&mut self, durable: bool) -> Result<()>;
    /// Ends the batch; everything done since `begin` holds from now on.
    fn commit(&mut self) -> Result<()>;
    /// Ends the batch; nothing done since `begin` holds.
    fn abort(&mut self);
}

/// A [`Target`] and the line of threads in front of it.
#[derive(Debug)]
pub(super) struct GroupCommit<T> {
    /// Threads that wait for the lock, and will go on with the open batch.
    waiting: AtomicUsize,
    /// Threads that have ever come.
    arrivals: AtomicU64,
    line: Mutex<Line<T>>,
    ended: Condvar,
}

#[derive(Debug)]
struct Line<T> {
    target: T,
    batch: Option<Batch>,
    refusal: Option<Refusal>,
}

/// Why the last batch that failed to open did so. Who came before that has waited with it and is told the same:
/// otherwise each would wait in turn for a lock that somebody else does not let go.
#[derive(Debug)]
struct Refusal {
    arrivals: u64,
    error: Error,
}

#[derive(Debug)]
struct Batch {
    outcome: Arc<OnceLock<Result<()>>>,
    size: usize,
    durable: bool,
}

impl<T: Target> GroupCommit<T> {
    pub(super) fn new(target: T) -> Self {
        let line = Mutex::new(Line { target, batch: None, refusal: None });
        Self { waiting: AtomicUsize::new(0), arrivals: AtomicU64::new(0), line, ended: Condvar::new() }
    }

    /// Does the work in the open batch, or a new one, and returns when that is committed. The last in the line
    /// commits for all; an error, of the work or of the commit, is the error of everybody in the batch.
    pub(super) fn run<R>(&self, durable: bool, work: impl FnOnce(&mut T) -> Result<R>) -> Result<R> {
        let arrival = self.arrivals.fetch_add(1, Ordering::AcqRel);
        let mut line = self.enter();
        if let Some(refusal) = line.refusal.as_ref().filter(|refusal| arrival < refusal.arrivals) {
            return Err(refusal.error.clone());
        }
        if durable && line.batch.as_ref().is_some_and(|batch| !batch.durable) {
            self.end(&mut line, Ok(()));
        }
        let outcome = line.join(durable).inspect_err(|error| {
            let arrivals = self.arrivals.load(Ordering::Acquire);
            line.refusal = Some(Refusal { arrivals, error: error.clone() });
        })?;
        let answer = work(&mut line.target);
        if let Err(error) = &answer {
            self.end(&mut line, Err(error.clone()));
        } else if line.is_full() || self.waiting.load(Ordering::Acquire) == 0 {
            self.end(&mut line, Ok(()));
        }
        while outcome.get().is_none() {
            line = self.ended.wait(line).unwrap_or_else(PoisonError::into_inner);
        }
        outcome.get().cloned().unwrap_or(Ok(()))?;
        answer
    }

    /// The target between two batches.
    pub(super) fn idle<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        let mut line = self.enter();
        self.end(&mut line, Ok(()));
        work(&mut line.target)
    }

    fn enter(&self) -> MutexGuard<'_, Line<T>> {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        let line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        self.waiting.fetch_sub(1, Ordering::AcqRel);
        line
    }

    fn end(&self, line: &mut Line<T>, result: Result<()>) {
        let Some(batch) = line.batch.take() else { return };
        let outcome = result.and_then(|()| line.target.commit());
        if outcome.is_err() {
            line.target.abort();
        }
        // Nobody else sets it: the batch was taken out of the line.
        let _ = batch.outcome.set(outcome);
        self.ended.notify_all();
    }
}

impl<T: Target> Line<T> {
    fn join(&mut self, durable: bool) -> Result<Arc<OnceLock<Result<()>>>> {
        if let Some(batch) = &mut self.batch {
            batch.size += 1;
            return Ok(Arc::clone(&batch.outcome));
        }
        self.target.begin(durable)?;
        let outcome = Arc::new(OnceLock::new());
        self.batch = Some(Batch { outcome: Arc::clone(&outcome), size: 1, durable });
        Ok(outcome)
    }

    fn is_full(&self) -> bool {
        self.batch.as_ref().is_some_and(|batch| batch.size >= LARGEST_BATCH)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::StoreError;

    /// Opens no batch, and takes until it is told to say so.
    struct Locked {
        attempts: usize,
        may_fail: Receiver<()>,
    }

    impl Target for Locked {
        fn begin(&mut self, _durable: bool) -> Result<()> {
            self.attempts += 1;
            self.may_fail.recv().unwrap();
            Err(StoreError::TimedOut("locked".into()).into())
        }

        fn commit(&mut self) -> Result<()> {
            Ok(())
        }

        fn abort(&mut self) {}
    }

    #[test]
    fn who_waits_behind_a_failing_batch_fails_with_it_and_not_one_after_another() {
        let (fail, may_fail) = channel();
        let group = GroupCommit::new(Locked { attempts: 0, may_fail });
        thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| group.run(true, |_| Ok(())))).collect();
            while group.waiting.load(Ordering::Acquire) < 7 {
                thread::sleep(Duration::from_millis(1));
            }
            fail.send(()).unwrap();
            for thread in threads {
                assert_eq!(thread.join().unwrap().unwrap_err().code(), "store.timed_out");
            }
        });
        assert_eq!(group.idle(|target| target.attempts), 1);
        fail.send(()).unwrap();
        assert!(group.run(true, |_| Ok(())).is_err());
        assert_eq!(group.idle(|target| target.attempts), 2, "who comes later tries again");
    }
}
