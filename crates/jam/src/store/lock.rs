//! A lock between processes that goes round: who has just had it stands behind those who wait.
//!
//! It is two files beside the store's own. Whoever wants the lock (`PATH.lock`) first takes the turn (`PATH.turn`), and gives
//! it back as soon as it has the lock. So one process at most waits for the lock itself, and the one that has let go
//! of it finds the turn taken. With a single file a process that writes in a loop has the lock again in the same
//! microsecond, and another, which has to sleep between two looks, never finds it free.
//!
//! Both are locks of the open file (`flock`), not of the process: no other part of the program can lose them by closing
//! a file, and the system takes them from a process that dies.

use std::fs::{File, Metadata, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::file;
use crate::process;
use crate::{Result, StoreError};

/// How long an operation waits for other processes, counted from its call.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Between two attempts, at first and after a while. The system cannot be asked to wait for a limited time only.
const PAUSES: (Duration, Duration) = (Duration::from_micros(50), Duration::from_millis(1));

/// The lock of one store on its file.
#[derive(Debug)]
pub(super) struct Lock {
    turn: LockFile,
    lock: LockFile,
}

impl Lock {
    /// The lock of the file at the path.
    pub(super) fn of(path: &Path) -> Self {
        Self {
            turn: LockFile::at(file::beside(path, ".turn")),
            lock: LockFile::at(file::beside(path, ".lock")),
        }
    }

    /// Makes the files of the lock, or finds out why that cannot be.
    pub(super) fn prepare(&mut self) -> Result<()> {
        self.turn.open()?;
        self.lock.open()
    }

    /// Waits for the lock until the deadline. Past it, there is still one attempt.
    pub(super) fn acquire(&mut self, deadline: Instant) -> Result<()> {
        self.turn.acquire(deadline)?;
        let acquired = self.lock.acquire(deadline);
        self.turn.release();
        acquired
    }

    /// Lets go of the lock, if it is held.
    pub(super) fn release(&mut self) {
        self.lock.release();
    }
}

#[derive(Debug)]
struct LockFile {
    path: PathBuf,
    open: Option<(File, Metadata)>,
    is_held: bool,
    generation: u64,
}

impl LockFile {
    fn at(path: PathBuf) -> Self {
        Self { path, open: None, is_held: false, generation: process::generation() }
    }

    fn acquire(&mut self, deadline: Instant) -> Result<()> {
        let start = Instant::now();
        while !self.try_lock()? {
            let now = Instant::now();
            if now >= deadline {
                let reason =
                    format!("the file {:?} was locked by another process for {PATIENCE:?}", self.path);
                return Err(StoreError::TimedOut(reason.into()).into());
            }
            let pause = ((now - start) / 8).clamp(PAUSES.0, PAUSES.1);
            thread::sleep(pause.min(deadline - now));
        }
        Ok(())
    }

    fn try_lock(&mut self) -> Result<bool> {
        loop {
            self.open()?;
            let Some((file, opened)) = &self.open else { continue };
            let is_locked = match file.try_lock() {
                Ok(()) => true,
                Err(TryLockError::WouldBlock) => false,
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(TryLockError::Error(error)) => return Err(self.failed(&error)),
            };
            // Somebody may have deleted the file: then others lock one that we do not see.
            if file::regular(&self.path).is_ok_and(|found| file::is_same_file(&found, opened)) {
                self.is_held = is_locked;
                return Ok(is_locked);
            }
            self.open = None;
        }
    }

    fn open(&mut self) -> Result<()> {
        if self.generation != process::generation() {
            // The parent's. Closed here, it stays open and locked there.
            self.open = None;
            self.is_held = false;
            self.generation = process::generation();
        }
        if self.open.is_none() {
            let opened = file::open_or_create(&self.path).and_then(|file| {
                let metadata = file.metadata()?;
                Ok((file, metadata))
            });
            self.open = Some(opened.map_err(|error| self.failed(&error))?);
        }
        Ok(())
    }

    fn release(&mut self) {
        if let Some((file, _)) = self.open.as_ref().filter(|_| self.is_held) {
            // Closing would not do: a child forked meanwhile shares the open file, and the lock with it.
            let _ = file.unlock();
        }
        self.is_held = false;
    }

    fn failed(&self, error: &io::Error) -> crate::Error {
        file::unavailable("lock", &self.path, error).into()
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        if self.generation == process::generation() {
            self.release();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    fn soon() -> Instant {
        Instant::now() + PATIENCE
    }

    #[test]
    fn a_lock_that_is_held_is_waited_for_until_the_deadline_and_no_longer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let (mut holder, mut other) = (Lock::of(&path), Lock::of(&path));
        holder.acquire(soon()).unwrap();
        let start = Instant::now();
        let refused = other.acquire(start + Duration::from_millis(30));
        assert_eq!(refused.unwrap_err().code(), "store.timed_out");
        assert!(start.elapsed() >= Duration::from_millis(30));
        assert!(other.acquire(start).is_err(), "past the deadline there is one attempt");
        holder.release();
        other.acquire(start).unwrap();
    }

    #[test]
    fn who_waits_gets_the_lock_before_the_one_who_takes_it_over_and_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let greedy = scope.spawn(|| {
                let mut lock = Lock::of(&path);
                let mut taken = 0;
                while !done.load(Ordering::Relaxed) {
                    lock.acquire(soon()).unwrap();
                    taken += 1;
                    // Never free but for a moment.
                    thread::sleep(Duration::from_micros(200));
                    lock.release();
                }
                taken
            });
            let mut lock = Lock::of(&path);
            for _ in 0..50 {
                lock.acquire(soon()).unwrap();
                lock.release();
                thread::sleep(Duration::from_micros(500));
            }
            done.store(true, Ordering::Relaxed);
            assert!(greedy.join().unwrap() > 10, "and the other goes on");
        });
    }

    #[test]
    fn deleted_lock_files_keep_nobody_out_and_let_nobody_in() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let (mut first, mut second) = (Lock::of(&path), Lock::of(&path));
        first.acquire(soon()).unwrap();
        first.release();
        for ending in [".lock", ".turn"] {
            std::fs::remove_file(file::beside(&path, ending)).unwrap();
        }
        second.acquire(soon()).unwrap();
        assert!(first.acquire(Instant::now()).is_err());
        second.release();
        first.acquire(soon()).unwrap();
    }
}
