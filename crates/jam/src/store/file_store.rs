//! What the stores in files have in common: both their faces. Reading needs no lock and waits for nobody; writes go
//! in batches.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use super::group_commit::{GroupCommit, Target, unanswered};
use super::{
    AsyncStore, Entry, Exchange, Found, Key, Lifetime, Renamed, Replaced, Store, StoreFuture, check_note,
    check_rename,
};
use crate::process::{self, Busy, Park};
use crate::{Result, StoreError, Timestamp};

/// A kind of file: how it is read, and who writes it.
pub trait Medium: fmt::Debug + Send + Sync + 'static {
    /// What writes.
    type Writer: Writer;

    /// See [`Store::get`].
    fn get(&self, key: &Key, now: Timestamp) -> Result<Option<Vec<u8>>>;
    /// What a touch has to know.
    fn peek(&self, key: &Key, now: Timestamp) -> Result<Option<Peek>>;
    /// See [`Store::list`].
    fn list(&self, group: &str, now: Timestamp) -> Result<Vec<Entry>>;
    /// Lets go of what is open, to be opened again at the next use.
    fn park(&self, writer: &mut Self::Writer);
}

/// A value, and whether its last use is to be written down anew.
#[derive(Debug)]
pub struct Peek {
    pub(super) found: Found,
    pub(super) touch_is_due: bool,
}

/// The writing methods of [`Store`], within a batch.
pub trait Writer: Target + fmt::Debug {
    /// See [`Store::touch`].
    fn touch(&mut self, key: &Key, now: Timestamp) -> Result<Option<Found>>;
    /// See [`Store::put`].
    fn put(&mut self, key: &Key, value: &[u8], lifetime: Lifetime, now: Timestamp) -> Result<()>;
    /// See [`Store::insert`]. The note is not too long.
    fn insert(
        &mut self,
        key: &Key,
        value: &[u8],
        note: &[u8],
        lifetime: Lifetime,
        now: Timestamp,
    ) -> Result<bool>;
    /// See [`Store::replace`].
    fn replace(
        &mut self,
        key: &Key,
        value: &[u8],
        expected: Option<&[u8]>,
        now: Timestamp,
    ) -> Result<Replaced>;
    /// See [`Store::rename`]. The keys are of one group, and the note is not too long.
    fn rename(
        &mut self,
        from: &Key,
        to: &Key,
        exchange: Option<&Exchange>,
        now: Timestamp,
    ) -> Result<Renamed>;
    /// See [`Store::delete`].
    fn delete(&mut self, key: &Key, now: Timestamp) -> Result<bool>;
    /// See [`Store::clear`].
    fn clear(&mut self, group: &str, keep: Option<&str>, now: Timestamp) -> Result<u64>;
}

/// A store in one file, blocking and asynchronous alike: [`JsonStore`](super::JsonStore) or
/// [`SqliteStore`](super::SqliteStore).
///
/// The asynchronous face reads on tokio's threads for blocking work, and writes on one of them, however many tasks want
/// something written. It must be used within a tokio runtime.
#[derive(Debug)]
pub struct FileStore<M: Medium> {
    inner: Arc<Inner<M>>,
}

#[derive(Debug)]
struct Inner<M: Medium> {
    medium: M,
    writer: GroupCommit<M::Writer>,
    closed: AtomicBool,
}

impl<M: Medium> FileStore<M> {
    pub(super) fn new(medium: M, writer: M::Writer) -> Self {
        let writer = GroupCommit::new(writer);
        Self { inner: Arc::new(Inner { medium, writer, closed: AtomicBool::new(false) }) }
    }

    /// Has it let go of its files before a fork.
    pub(super) fn park_before_fork(&self) {
        let inner: Arc<dyn Park> = self.inner.clone();
        process::park_before_fork(Arc::downgrade(&inner));
    }

    /// Answers from a thread for blocking work. Started at once, not at the first poll: a dropped future does not take
    /// back what was asked for.
    fn on_thread<'a, R: Send + 'static>(
        &self,
        work: impl FnOnce(&M) -> Result<R> + Send + 'static,
    ) -> StoreFuture<'a, R> {
        let inner = Arc::clone(&self.inner);
        let task = spawn_blocking(move || inner.read(work));
        Box::pin(async move { task.await.unwrap_or_else(|_| Err(unanswered())) })
    }

    /// Answers from the next batch. Submitted at once, too.
    fn in_batch<'a, R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut M::Writer) -> Result<R> + Send + 'static,
    ) -> StoreFuture<'a, R> {
        let (sender, receiver) = oneshot::channel();
        if let Some(attendance) = Attendance::submit(&self.inner, true, work, sender) {
            drop(spawn_blocking(move || attendance.work()));
        }
        Box::pin(answer(receiver))
    }
}

async fn answer<R>(receiver: oneshot::Receiver<Result<R>>) -> Result<R> {
    receiver.await.unwrap_or_else(|_| Err(unanswered()))
}

impl<M: Medium> Inner<M> {
    fn enter(&self) -> Result<Busy> {
        if self.closed.load(Ordering::Acquire) {
            return Err(StoreError::Closed.into());
        }
        Ok(process::busy())
    }

    fn read<R>(&self, work: impl FnOnce(&M) -> Result<R>) -> Result<R> {
        let _busy = self.enter()?;
        work(&self.medium)
    }

    fn write<R>(&self, durable: bool, work: impl FnOnce(&mut M::Writer) -> Result<R>) -> Result<R> {
        let _busy = self.enter()?;
        self.writer.run(durable, work)
    }
}

impl<M: Medium> Park for Inner<M> {
    fn park(&self) {
        self.writer.idle(|writer| self.medium.park(writer));
    }
}

impl<M: Medium> Drop for Inner<M> {
    fn drop(&mut self) {
        self.park();
    }
}

/// The duty to work off what tasks have left to be written. Where it is dropped undone, as by a runtime that shuts down,
/// the tasks hear of it.
struct Attendance<M: Medium>(Option<Arc<Inner<M>>>);

impl<M: Medium> Attendance<M> {
    /// Leaves work for the next batch; `None`: somebody attends to it already, or the store is closed.
    fn submit<R: Send + 'static>(
        inner: &Arc<Inner<M>>,
        durable: bool,
        work: impl FnOnce(&mut M::Writer) -> Result<R> + Send + 'static,
        sender: oneshot::Sender<Result<R>>,
    ) -> Option<Self> {
        match inner.enter() {
            Ok(_busy) => {
                let is_wanted = inner.writer.submit(durable, work, sender);
                is_wanted.then(|| Self(Some(Arc::clone(inner))))
            }
            Err(closed) => {
                let _ = sender.send(Err(closed));
                None
            }
        }
    }

    fn work(mut self) {
        if let Some(inner) = &self.0 {
            inner.writer.attend(|| inner.enter());
        }
        self.0 = None;
    }
}

impl<M: Medium> Drop for Attendance<M> {
    fn drop(&mut self) {
        if let Some(inner) = &self.0 {
            let _busy = process::busy();
            inner.writer.desert();
        }
    }
}

impl<M: Medium> Store for FileStore<M> {
    fn get(&self, key: &Key, now: Timestamp) -> Result<Option<Vec<u8>>> {
        self.inner.read(|medium| medium.get(key, now))
    }

    fn touch(&self, key: &Key, now: Timestamp) -> Result<Option<Found>> {
        match self.inner.read(|medium| medium.peek(key, now))? {
            Some(Peek { touch_is_due: true, .. }) => self.inner.write(false, |writer| writer.touch(key, now)),
            peeked => Ok(peeked.map(|peeked| peeked.found)),
        }
    }

    fn put(&self, key: &Key, value: &[u8], lifetime: Lifetime, now: Timestamp) -> Result<()> {
        self.inner.write(true, |writer| writer.put(key, value, lifetime, now))
    }

    fn put_many(&self, entries: &[(Key, Vec<u8>, Lifetime)], now: Timestamp) -> Result<()> {
        self.inner.write(true, |writer| put_all(writer, entries, now))
    }

    fn insert(
        &self,
        key: &Key,
        value: &[u8],
        note: &[u8],
        lifetime: Lifetime,
        now: Timestamp,
    ) -> Result<bool> {
        check_note(note)?;
        self.inner.write(true, |writer| writer.insert(key, value, note, lifetime, now))
    }

    fn replace(&self, key: &Key, value: &[u8], expected: Option<&[u8]>, now: Timestamp) -> Result<Replaced> {
        self.inner.write(true, |writer| writer.replace(key, value, expected, now))
    }

    fn rename(&self, from: &Key, to: &Key, exchange: Option<&Exchange>, now: Timestamp) -> Result<Renamed> {
        check_rename(from, to, exchange)?;
        self.inner.write(true, |writer| writer.rename(from, to, exchange, now))
    }

    fn delete(&self, key: &Key, now: Timestamp) -> Result<bool> {
        self.inner.write(true, |writer| writer.delete(key, now))
    }

    fn clear(&self, group: &str, keep: Option<&str>, now: Timestamp) -> Result<u64> {
        self.inner.write(true, |writer| writer.clear(group, keep, now))
    }

    fn list(&self, group: &str, now: Timestamp) -> Result<Vec<Entry>> {
        self.inner.read(|medium| medium.list(group, now))
    }

    fn close(&self) {
        let _busy = process::busy();
        self.inner.closed.store(true, Ordering::Release);
        // Who is in line finishes first.
        self.inner.park();
    }
}

fn put_all(writer: &mut impl Writer, entries: &[(Key, Vec<u8>, Lifetime)], now: Timestamp) -> Result<()> {
    entries.iter().try_for_each(|(key, value, lifetime)| writer.put(key, value, *lifetime, now))
}

impl<M: Medium> AsyncStore for FileStore<M> {
    fn get<'a>(&'a self, key: &'a Key, now: Timestamp) -> StoreFuture<'a, Option<Vec<u8>>> {
        let key = key.clone();
        self.on_thread(move |medium| medium.get(&key, now))
    }

    fn get_many<'a>(&'a self, keys: &'a [Key], now: Timestamp) -> StoreFuture<'a, Vec<Option<Vec<u8>>>> {
        let keys = keys.to_vec();
        self.on_thread(move |medium| keys.iter().map(|key| medium.get(key, now)).collect())
    }

    fn touch<'a>(&'a self, key: &'a Key, now: Timestamp) -> StoreFuture<'a, Option<Found>> {
        let (key, inner) = (key.clone(), Arc::clone(&self.inner));
        let (sender, receiver) = oneshot::channel();
        // The thread that has read sees to the writing, too: a dropped future leaves no touch half done.
        drop(spawn_blocking(move || match inner.read(|medium| medium.peek(&key, now)) {
            Ok(Some(Peek { touch_is_due: true, .. })) => {
                let work = move |writer: &mut M::Writer| writer.touch(&key, now);
                if let Some(attendance) = Attendance::submit(&inner, false, work, sender) {
                    attendance.work();
                }
            }
            peeked => drop(sender.send(peeked.map(|peeked| peeked.map(|peeked| peeked.found)))),
        }));
        Box::pin(answer(receiver))
    }

    fn put<'a>(
        &'a self,
        key: &'a Key,
        value: &'a [u8],
        lifetime: Lifetime,
        now: Timestamp,
    ) -> StoreFuture<'a, ()> {
        let (key, value) = (key.clone(), value.to_vec());
        self.in_batch(move |writer| writer.put(&key, &value, lifetime, now))
    }

    fn put_many<'a>(
        &'a self,
        entries: &'a [(Key, Vec<u8>, Lifetime)],
        now: Timestamp,
    ) -> StoreFuture<'a, ()> {
        let entries = entries.to_vec();
        self.in_batch(move |writer| put_all(writer, &entries, now))
    }

    fn insert<'a>(
        &'a self,
        key: &'a Key,
        value: &'a [u8],
        note: &'a [u8],
        lifetime: Lifetime,
        now: Timestamp,
    ) -> StoreFuture<'a, bool> {
        if let Err(error) = check_note(note) {
            return Box::pin(std::future::ready(Err(error)));
        }
        let (key, value, note) = (key.clone(), value.to_vec(), note.to_vec());
        self.in_batch(move |writer| writer.insert(&key, &value, &note, lifetime, now))
    }

    fn replace<'a>(
        &'a self,
        key: &'a Key,
        value: &'a [u8],
        expected: Option<&'a [u8]>,
        now: Timestamp,
    ) -> StoreFuture<'a, Replaced> {
        let (key, value, expected) = (key.clone(), value.to_vec(), expected.map(<[u8]>::to_vec));
        self.in_batch(move |writer| writer.replace(&key, &value, expected.as_deref(), now))
    }

    fn rename<'a>(
        &'a self,
        from: &'a Key,
        to: &'a Key,
        exchange: Option<&'a Exchange>,
        now: Timestamp,
    ) -> StoreFuture<'a, Renamed> {
        if let Err(error) = check_rename(from, to, exchange) {
            return Box::pin(std::future::ready(Err(error)));
        }
        let (from, to, exchange) = (from.clone(), to.clone(), exchange.cloned());
        self.in_batch(move |writer| writer.rename(&from, &to, exchange.as_ref(), now))
    }

    fn delete<'a>(&'a self, key: &'a Key, now: Timestamp) -> StoreFuture<'a, bool> {
        let key = key.clone();
        self.in_batch(move |writer| writer.delete(&key, now))
    }

    fn clear<'a>(&'a self, group: &'a str, keep: Option<&'a str>, now: Timestamp) -> StoreFuture<'a, u64> {
        let (group, keep) = (group.to_owned(), keep.map(str::to_owned));
        self.in_batch(move |writer| writer.clear(&group, keep.as_deref(), now))
    }

    fn list<'a>(&'a self, group: &'a str, now: Timestamp) -> StoreFuture<'a, Vec<Entry>> {
        let group = group.to_owned();
        self.on_thread(move |medium| medium.list(&group, now))
    }

    fn close(&self) {
        Store::close(self);
    }
}
