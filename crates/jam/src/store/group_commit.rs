//! Many writers, one commit: what waits in line while a commit runs goes into the next one together. A commit
//! to a disk takes milliseconds however much it carries, so eight threads get nearly eight times as far.
//!
//! A thread waits in the line itself. What a task wants written waits in a queue, and costs no thread: one thread
//! stands in the line for all of them, as long as there is something in the queue.

use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use tokio::sync::oneshot;

use super::lock::PATIENCE;
use crate::process::{self, Busy};
use crate::{Error, Result, StoreError};

/// A commit must end some day, however many keep on coming.
const LARGEST_BATCH: usize = 128;

/// What can be written to in batches.
pub trait Target: Send + 'static {
    /// Opens a batch; waits for other processes until the deadline. `durable`: what it commits must survive the loss of
    /// power.
    fn begin(&mut self, durable: bool, deadline: Instant) -> Result<()>;
    /// Ends the batch; everything done since `begin` holds from now on.
    fn commit(&mut self) -> Result<()>;
    /// Ends the batch; nothing done since `begin` holds.
    fn abort(&mut self);
}

/// A [`Target`], the line of threads in front of it, and the queue of what tasks want done.
pub(super) struct GroupCommit<T> {
    /// Threads that wait for the lock, and will go on with the open batch.
    waiting: AtomicUsize,
    line: Mutex<Line<T>>,
    ended: Condvar,
    queue: Mutex<Queue<T>>,
}

impl<T: fmt::Debug> fmt::Debug for GroupCommit<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("GroupCommit").field("line", &self.line).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Line<T> {
    target: T,
    batch: Option<Batch>,
}

#[derive(Debug)]
struct Batch {
    outcome: Arc<OnceLock<Result<()>>>,
    size: usize,
    durable: bool,
}

struct Queue<T> {
    jobs: VecDeque<Queued<T>>,
    /// A thread works the queue off, or is about to.
    is_attended: bool,
    generation: u64,
}

struct Queued<T> {
    job: Box<dyn Job<T>>,
    durable: bool,
    deadline: Instant,
}

/// Work for a task, and the way of its answer.
trait Job<T>: Send {
    fn work(&mut self, target: &mut T) -> Result<()>;
    /// Tells the task how the batch ended.
    fn end(self: Box<Self>, outcome: Result<()>);
}

struct Pending<W, R> {
    work: Option<W>,
    answer: Option<R>,
    sender: oneshot::Sender<Result<R>>,
}

impl<T, R: Send, W: FnOnce(&mut T) -> Result<R> + Send> Job<T> for Pending<W, R> {
    fn work(&mut self, target: &mut T) -> Result<()> {
        self.answer = self.work.take().map(|work| work(target)).transpose()?;
        Ok(())
    }

    fn end(self: Box<Self>, outcome: Result<()>) {
        let Self { answer, sender, .. } = *self;
        // The task may have stopped waiting; what was asked for has been done all the same.
        let _ = sender.send(outcome.and_then(|()| answer.ok_or_else(unanswered)));
    }
}

/// For a task whose work is gone with the thread that should have done it.
pub(super) fn unanswered() -> Error {
    let reason = "the store's thread ended before it answered; the operation may not have happened";
    StoreError::Unavailable(reason.into()).into()
}

impl<T: Target> GroupCommit<T> {
    pub(super) fn new(target: T) -> Self {
        let queue = Queue { jobs: VecDeque::new(), is_attended: false, generation: process::generation() };
        Self {
            waiting: AtomicUsize::new(0),
            line: Mutex::new(Line { target, batch: None }),
            ended: Condvar::new(),
            queue: Mutex::new(queue),
        }
    }

    /// Does the work in the open batch, or a new one, and returns when that is committed. The last in the line
    /// commits for all; an error, of the work or of the commit, is the error of everybody in the batch.
    pub(super) fn run<R>(&self, durable: bool, work: impl FnOnce(&mut T) -> Result<R>) -> Result<R> {
        self.run_until(Instant::now() + PATIENCE, durable, work)
    }

    fn run_until<R>(
        &self,
        deadline: Instant,
        durable: bool,
        work: impl FnOnce(&mut T) -> Result<R>,
    ) -> Result<R> {
        let mut line = self.enter();
        if durable && line.batch.as_ref().is_some_and(|batch| !batch.durable) {
            self.end(&mut line, Ok(()));
        }
        let outcome = line.join(durable, deadline)?;
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

    /// Leaves work to be done in a batch. `true`: nobody attends to the queue, and the caller has to see to it that some
    /// thread does.
    pub(super) fn submit<R: Send + 'static>(
        &self,
        durable: bool,
        work: impl FnOnce(&mut T) -> Result<R> + Send + 'static,
        sender: oneshot::Sender<Result<R>>,
    ) -> bool {
        let job = Box::new(Pending { work: Some(work), answer: None, sender });
        let mut queue = self.queue();
        queue.jobs.push_back(Queued { job, durable, deadline: Instant::now() + PATIENCE });
        !mem::replace(&mut queue.is_attended, true)
    }

    /// Works the queue off until it is empty. `enter` is asked before each batch: between two of them the process may
    /// fork, and the store be closed.
    pub(super) fn attend(&self, enter: impl Fn() -> Result<Busy>) {
        loop {
            let busy = enter();
            let Some((deadline, durable)) = self.next_job() else { return };
            match busy {
                Ok(_busy) => self.run_jobs(deadline, durable),
                Err(closed) => self.refuse(&closed, |_| true),
            }
        }
    }

    /// Does one batch of the queue's jobs.
    fn run_jobs(&self, deadline: Instant, durable: bool) {
        let mut taken = Vec::new();
        let outcome = self.run_until(deadline, durable, |target| {
            // Only now, so that all that have come while others had the file go into one batch.
            taken = self.queue().take(durable);
            taken.iter_mut().try_for_each(|queued| queued.job.work(target))
        });
        if let (true, Err(error)) = (taken.is_empty(), &outcome) {
            // There was no batch. Who came later may wait on for another process, but not for a broken file.
            let (may_wait, now) = (matches!(error, Error::Store(StoreError::TimedOut(_))), Instant::now());
            self.refuse(error, |queued| !may_wait || queued.deadline <= now);
        }
        for queued in taken {
            queued.job.end(outcome.clone());
        }
    }

    /// Gives the attendance up without having worked the queue off: the tasks hear that their work is gone.
    pub(super) fn desert(&self) {
        let jobs = {
            let mut queue = self.queue();
            queue.is_attended = false;
            mem::take(&mut queue.jobs)
        };
        jobs.into_iter().for_each(|queued| queued.job.end(Err(unanswered())));
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

    fn queue(&self) -> MutexGuard<'_, Queue<T>> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.generation != process::generation() {
            // The parent's tasks wait for these, and the parent works them off: here they must not even be dropped.
            mem::forget(mem::take(&mut queue.jobs));
            queue.is_attended = false;
            queue.generation = process::generation();
        }
        queue
    }

    /// Until when the oldest job waits, and whether one of them is durable. `None`: the queue is empty, and the
    /// attendance over.
    fn next_job(&self) -> Option<(Instant, bool)> {
        let mut queue = self.queue();
        let oldest = queue.jobs.front().map(|queued| queued.deadline);
        queue.is_attended = oldest.is_some();
        oldest.map(|deadline| (deadline, queue.jobs.iter().any(|queued| queued.durable)))
    }

    /// Gives up the jobs that this concerns.
    fn refuse(&self, error: &Error, concerns: impl Fn(&Queued<T>) -> bool) {
        let refused: VecDeque<_> = {
            let mut queue = self.queue();
            let (refused, kept) = mem::take(&mut queue.jobs).into_iter().partition(concerns);
            queue.jobs = kept;
            refused
        };
        refused.into_iter().for_each(|queued| queued.job.end(Err(error.clone())));
    }
}

impl<T> Queue<T> {
    /// The jobs of the next batch, the oldest first.
    fn take(&mut self, durable: bool) -> Vec<Queued<T>> {
        let fits =
            self.jobs.iter().take(LARGEST_BATCH).take_while(|queued| durable || !queued.durable).count();
        self.jobs.drain(..fits).collect()
    }
}

impl<T: Target> Line<T> {
    fn join(&mut self, durable: bool, deadline: Instant) -> Result<Arc<OnceLock<Result<()>>>> {
        if let Some(batch) = &mut self.batch {
            batch.size += 1;
            return Ok(Arc::clone(&batch.outcome));
        }
        self.target.begin(durable, deadline)?;
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
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::thread;
    use std::time::Duration;

    use super::*;

    /// Lets the test decide about each attempt to open a batch, and counts.
    struct Gate {
        may_go_on: Receiver<Result<()>>,
        deadlines: Vec<Instant>,
        written: Vec<u32>,
        commits: usize,
    }

    impl Target for Gate {
        fn begin(&mut self, _durable: bool, deadline: Instant) -> Result<()> {
            self.deadlines.push(deadline);
            self.may_go_on.recv().unwrap()
        }

        fn commit(&mut self) -> Result<()> {
            self.commits += 1;
            Ok(())
        }

        fn abort(&mut self) {}
    }

    fn gated() -> (Sender<Result<()>>, Arc<GroupCommit<Gate>>) {
        let (go_on, may_go_on) = channel();
        let gate = Gate { may_go_on, deadlines: Vec::new(), written: Vec::new(), commits: 0 };
        (go_on, Arc::new(GroupCommit::new(gate)))
    }

    fn locked() -> Error {
        StoreError::TimedOut("locked".into()).into()
    }

    fn submit(group: &GroupCommit<Gate>, number: u32) -> (bool, oneshot::Receiver<Result<u32>>) {
        let (sender, receiver) = oneshot::channel();
        let work = move |gate: &mut Gate| {
            gate.written.push(number);
            Ok(number)
        };
        (group.submit(true, work, sender), receiver)
    }

    #[test]
    fn each_thread_waits_for_its_own_time_counted_from_its_call() {
        let (go_on, group) = gated();
        let called = Instant::now();
        thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| group.run(true, |_| Ok(())))).collect();
            while group.waiting.load(Ordering::Acquire) < 7 {
                thread::sleep(Duration::from_millis(1));
            }
            let all_called = Instant::now();
            thread::sleep(Duration::from_millis(20));
            for _ in 0..8 {
                go_on.send(Err(locked())).unwrap();
            }
            for thread in threads {
                assert_eq!(thread.join().unwrap().unwrap_err().code(), "store.timed_out");
            }
            let deadlines = group.idle(|gate| gate.deadlines.clone());
            assert_eq!(deadlines.len(), 8);
            let allowed = called + PATIENCE..=all_called + PATIENCE;
            assert!(
                deadlines.iter().all(|deadline| allowed.contains(deadline)),
                "however long others waited"
            );
        });
    }

    #[test]
    fn what_tasks_want_written_goes_into_one_batch_of_one_thread() {
        let (go_on, group) = gated();
        let (must_attend, first) = submit(&group, 0);
        assert!(must_attend);
        let attendant = {
            let group = Arc::clone(&group);
            thread::spawn(move || group.attend(|| Ok(process::busy())))
        };
        let rest: Vec<_> = (1..50).map(|number| submit(&group, number)).collect();
        assert!(rest.iter().all(|(must_attend, _)| !must_attend), "one thread is enough");
        go_on.send(Ok(())).unwrap();
        assert_eq!(first.blocking_recv().unwrap(), Ok(0));
        for (number, (_, receiver)) in (1..).zip(rest) {
            assert_eq!(receiver.blocking_recv().unwrap(), Ok(number));
        }
        attendant.join().unwrap();
        let (written, commits) = group.idle(|gate| (gate.written.clone(), gate.commits));
        assert_eq!(written, (0..50).collect::<Vec<_>>(), "in the order of their calls");
        assert_eq!(commits, 1);
        assert!(submit(&group, 50).0, "the attendance is over");
    }

    #[test]
    fn a_broken_file_is_told_to_all_who_wait_and_a_locked_one_to_those_whose_time_is_up() {
        for (error, told) in [(StoreError::Unavailable("gone".into()).into(), 2), (locked(), 0)] {
            let (go_on, group) = gated();
            let (_, mut first) = submit(&group, 0);
            let (_, mut second) = submit(&group, 1);
            go_on.send(Err(error)).unwrap();
            go_on.send(Ok(())).unwrap();
            group.attend(|| Ok(process::busy()));
            let answers = [first.try_recv().unwrap(), second.try_recv().unwrap()];
            assert_eq!(answers.iter().filter(|answer| answer.is_err()).count(), told, "{answers:?}");
        }
    }

    #[test]
    fn a_closed_store_and_a_lost_thread_leave_no_task_waiting() {
        let (_go_on, group) = gated();
        let (_, mut receiver) = submit(&group, 0);
        group.attend(|| Err(StoreError::Closed.into()));
        assert_eq!(receiver.try_recv().unwrap().unwrap_err().code(), "store.closed");
        let (must_attend, mut receiver) = submit(&group, 0);
        group.desert();
        assert_eq!(receiver.try_recv().unwrap().unwrap_err().code(), "store.unavailable");
        assert!(must_attend && submit(&group, 1).0);
    }
}
