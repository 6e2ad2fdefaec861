//! Values in one JSON file that people can read. For development and small sites: every write replaces the file.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::{self, File, Metadata, TryLockError};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::group_commit::{GroupCommit, Target};
use super::table::{Record, Table};
use super::{Entry, Exchange, Key, Lifetime, Renamed, Store, check_namespace, check_same_group, file};
use crate::process::{self, Busy};
use crate::{Result, StoreError, Timestamp};

/// The form of the file that this version reads and writes.
const VERSION: u32 = 1;

/// A touch so soon after the last one is not written, nor one within a hundredth of the idle time: a page with
/// twenty requests for one session would replace the file twenty times.
const TOUCHES_MERGE_WITHIN: Duration = Duration::from_secs(1);

/// How long a write waits for other processes.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// Between two attempts at the lock. The system cannot be asked to wait for it for a limited time only.
const LOCK_PAUSE: Duration = Duration::from_millis(1);

/// A store in one JSON file, shared by threads and processes.
///
/// Beside `PATH` lie `PATH.lock`, which writers lock, and for moments `PATH.tmp`, which becomes the new
/// file by renaming once it is on the disk; readers always see a whole file. All three can be read and written by
/// their owner only. Several stores can share the file under different namespaces. Values that are UTF-8 are
/// kept as text, others in base64; times are milliseconds since 1970. Expired values go with the next write.
///
/// A touch less than a second (and less than a hundredth of the idle time) after the last use is not written.
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("sessions.json");
/// use jam::Timestamp;
/// use jam::store::{JsonStore, Key, Lifetime, Store};
///
/// let store = JsonStore::open(&path, "sessions")?;
/// let key = Key { group: Some("owner".to_owned()), id: "one".to_owned() };
/// let now = Timestamp::now();
/// store.put(&key, b"value", Lifetime::default(), now)?;
/// assert_eq!(JsonStore::open(&path, "sessions")?.get(&key, now)?, Some(b"value".to_vec()));
/// # Ok::<(), jam::Error>(())
/// ```
#[derive(Debug)]
pub struct JsonStore {
    namespace: String,
    disk: Arc<Disk>,
    writer: GroupCommit<Writer>,
    closed: AtomicBool,
}

impl JsonStore {
    /// Opens the file, or prepares to make it with the first write. `namespace` is 1 to 128 printable ASCII
    /// characters without braces.
    ///
    /// # Errors
    /// `configuration.file` when the folder is missing or the path is no regular file, `store.refused` when the
    /// file is not one of Jam, `store.unavailable` when the file system refuses.
    pub fn open(path: impl AsRef<Path>, namespace: &str) -> Result<Self> {
        check_namespace(namespace)?;
        let path = file::check_path(path.as_ref())?;
        let disk = Arc::new(Disk { lock: file::beside(&path, ".lock"), path, latest: Mutex::default() });
        let _busy = process::busy();
        file::open_or_create(&disk.lock).map_err(|error| file::unavailable("lock", &disk.lock, &error))?;
        disk.latest()?;
        let writer = GroupCommit::new(Writer { disk: Arc::clone(&disk), open: None });
        Ok(Self { namespace: namespace.to_owned(), disk, writer, closed: AtomicBool::new(false) })
    }

    fn enter(&self) -> Result<Busy> {
        if self.closed.load(Ordering::Acquire) {
            return Err(StoreError::Closed.into());
        }
        Ok(process::busy())
    }

    fn read<R>(&self, work: impl FnOnce(Option<&Table>) -> R) -> Result<R> {
        let _busy = self.enter()?;
        Ok(work(self.disk.latest()?.tables.get(&self.namespace)))
    }

    /// Does the work on this namespace's table; its second answer says whether there is something to write.
    fn write<R>(&self, now: Timestamp, work: impl FnOnce(&mut Table) -> (R, bool)) -> Result<R> {
        let _busy = self.enter()?;
        self.writer.run(true, |writer| {
            let open = writer.open.as_mut().ok_or(StoreError::Closed)?;
            let (answer, changed) = work(open.tables.entry(self.namespace.clone()).or_default());
            if changed {
                open.changed = Some(now);
            }
            Ok(answer)
        })
    }
}

impl Store for JsonStore {
    fn get(&self, key: &Key, now: Timestamp) -> Result<Option<Vec<u8>>> {
        self.read(|table| table?.get(key, now).map(|record| record.value.clone()))
    }

    fn touch(&self, key: &Key, now: Timestamp) -> Result<Option<Vec<u8>>> {
        let unchanged = self.read(|table| match table.and_then(|table| table.get(key, now)) {
            None => Some(None),
            Some(record) if is_fresh(record, now) => Some(Some(record.value.clone())),
            Some(_) => None,
        })?;
        if let Some(answer) = unchanged {
            return Ok(answer);
        }
        self.write(now, |table| {
            let value = table.touch(key, now).map(|record| record.value.clone());
            let changed = value.is_some();
            (value, changed)
        })
    }

    fn put(&self, key: &Key, value: &[u8], lifetime: Lifetime, now: Timestamp) -> Result<()> {
        self.write(now, |table| (table.put(key, value, lifetime, now), true))
    }

    fn put_many(&self, entries: &[(Key, Vec<u8>, Lifetime)], now: Timestamp) -> Result<()> {
        self.write(now, |table| {
            for (key, value, lifetime) in entries {
                table.put(key, value, *lifetime, now);
            }
            ((), !entries.is_empty())
        })
    }

    fn insert(&self, key: &Key, value: &[u8], lifetime: Lifetime, now: Timestamp) -> Result<bool> {
        self.write(now, |table| both(table.insert(key, value, lifetime, now)))
    }

    fn replace(&self, key: &Key, value: &[u8], now: Timestamp) -> Result<bool> {
        self.write(now, |table| both(table.replace(key, value, now)))
    }

    fn rename(&self, from: &Key, to: &Key, exchange: Option<&Exchange>, now: Timestamp) -> Result<Renamed> {
        check_same_group(from, to)?;
        self.write(now, |table| {
            let renamed = table.rename(from, to, exchange, now);
            (renamed, renamed == Renamed::Moved)
        })
    }

    fn delete(&self, key: &Key, now: Timestamp) -> Result<bool> {
        self.write(now, |table| both(table.delete(key, now)))
    }

    fn clear(&self, group: &str, now: Timestamp) -> Result<u64> {
        self.write(now, |table| {
            let cleared = table.clear(group, now);
            (cleared, cleared > 0)
        })
    }

    fn list(&self, group: &str, now: Timestamp) -> Result<Vec<Entry>> {
        self.read(|table| table.map(|table| table.list(group, now)).unwrap_or_default())
    }

    fn close(&self) {
        let _busy = process::busy();
        self.closed.store(true, Ordering::Release);
        // Who is in line finishes first.
        self.writer.idle(|_| ());
        *self.disk.latest.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

fn both(changed: bool) -> (bool, bool) {
    (changed, changed)
}

fn is_fresh(record: &Record, now: Timestamp) -> bool {
    let merge_within =
        record.lifetime.idle.map_or(TOUCHES_MERGE_WITHIN, |idle| (idle / 100).min(TOUCHES_MERGE_WITHIN));
    now.saturating_since(record.last_used) < merge_within
}

/// The file, and what it held when it was last looked at.
#[derive(Debug)]
struct Disk {
    path: PathBuf,
    lock: PathBuf,
    latest: Mutex<Option<Arc<Snapshot>>>,
}

#[derive(Debug, Default)]
struct Snapshot {
    tables: BTreeMap<String, Table>,
    seen: Option<Seen>,
}

/// A version of the file. It stays open, so that no later version can get its number in the file system.
#[derive(Debug)]
struct Seen {
    _file: File,
    metadata: Metadata,
}

impl Snapshot {
    fn is_current(&self, found: Option<&Metadata>) -> bool {
        match (&self.seen, found) {
            (None, None) => true,
            (Some(Seen { metadata, .. }), Some(found)) => {
                // Jam never writes into the file; people with an editor may, and then length or time differ.
                file::is_same_file(metadata, found)
                    && metadata.len() == found.len()
                    && metadata.modified().ok() == found.modified().ok()
            }
            _ => false,
        }
    }
}

impl Disk {
    /// What the file holds now. Needs no lock: the file is only ever replaced as a whole.
    fn latest(&self) -> Result<Arc<Snapshot>> {
        let found = none_if_missing(file::regular(&self.path)).map_err(|error| self.unreadable(&error))?;
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(snapshot) = latest.as_ref().filter(|snapshot| snapshot.is_current(found.as_ref())) {
            return Ok(Arc::clone(snapshot));
        }
        let snapshot = Arc::new(self.load()?);
        *latest = Some(Arc::clone(&snapshot));
        Ok(snapshot)
    }

    fn load(&self) -> Result<Snapshot> {
        let opened =
            none_if_missing(file::open_regular(&self.path)).map_err(|error| self.unreadable(&error))?;
        let Some((mut file, metadata)) = opened else { return Ok(Snapshot::default()) };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|error| self.unreadable(&error))?;
        let tables = self.parse(&bytes)?;
        Ok(Snapshot { tables, seen: Some(Seen { _file: file, metadata }) })
    }

    fn parse(&self, bytes: &[u8]) -> Result<BTreeMap<String, Table>> {
        // An empty file is what `touch` or a maker of temporary files leaves, not a broken store.
        if bytes.is_empty() {
            return Ok(BTreeMap::new());
        }
        let document: Document<'static> = serde_json::from_slice(bytes).map_err(|error| {
            // Without serde's words, which may quote what is in the file.
            self.not_ours(&format!("line {}, column {}", error.line(), error.column()))
        })?;
        if document.jam_store != VERSION {
            return Err(self.not_ours(&format!("version {}, not {VERSION}", document.jam_store)).into());
        }
        let tables = document.namespaces.into_iter().map(|(namespace, rows)| {
            let mut table = Table::default();
            for row in rows {
                let (key, record) = row
                    .into_record()
                    .ok_or_else(|| self.not_ours("a value that is neither text nor base64"))?;
                table.restore(&key, record);
            }
            Ok((namespace.into_owned(), table))
        });
        tables.collect()
    }

    /// Puts the tables in the place of the file. The caller holds the lock.
    fn store(&self, tables: BTreeMap<String, Table>) -> Result<()> {
        let temporary = file::beside(&self.path, ".tmp");
        let failed = |error: io::Error| file::unavailable("write", &self.path, &error);
        let (file, metadata) = self.replace(&temporary, &tables).map_err(|error| {
            // A disk that is full has no room for half a file; if this fails, the next write removes it.
            let _ = fs::remove_file(&temporary);
            failed(error)
        })?;
        self.sync_folder().map_err(failed)?;
        let snapshot = Snapshot { tables, seen: Some(Seen { _file: file, metadata }) };
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(snapshot));
        Ok(())
    }

    fn replace(&self, temporary: &Path, tables: &BTreeMap<String, Table>) -> io::Result<(File, Metadata)> {
        let mut file = file::create_anew(temporary)?;
        Document::new(tables).write(&mut file)?;
        file.sync_all()?;
        let metadata = file.metadata()?;
        fs::rename(temporary, &self.path)?;
        Ok((file, metadata))
    }

    /// A rename lasts once the folder is on the disk; only Unix lets a program see to that.
    fn sync_folder(&self) -> io::Result<()> {
        match self.path.parent() {
            Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
            _ => Ok(()),
        }
    }

    fn unreadable(&self, error: &io::Error) -> StoreError {
        if error.kind() == io::ErrorKind::InvalidInput {
            return StoreError::Refused(format!("the store's file {:?}: {error}", self.path).into());
        }
        file::unavailable("read", &self.path, error)
    }

    fn not_ours(&self, place: &str) -> StoreError {
        let reason = format!(
            "the file {:?} holds what Jam did not write ({place}); move it away or repair it, it is left as it is",
            self.path
        );
        StoreError::Refused(reason.into())
    }
}

fn none_if_missing<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

#[derive(Debug)]
struct Writer {
    disk: Arc<Disk>,
    open: Option<OpenBatch>,
}

#[derive(Debug)]
struct OpenBatch {
    _lock: FileLock,
    tables: BTreeMap<String, Table>,
    /// The time of the last change, if there was one.
    changed: Option<Timestamp>,
}

impl Target for Writer {
    fn begin(&mut self, _durable: bool) -> Result<()> {
        let lock = FileLock::take(&self.disk.lock)?;
        let tables = self.disk.latest()?.tables.clone();
        self.open = Some(OpenBatch { _lock: lock, tables, changed: None });
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        let Some(OpenBatch { _lock, mut tables, changed }) = self.open.take() else { return Ok(()) };
        let Some(now) = changed else { return Ok(()) };
        for table in tables.values_mut() {
            table.purge(now);
        }
        self.disk.store(tables)
    }

    fn abort(&mut self) {
        self.open = None;
    }
}

/// The lock between processes, held while this lives.
#[derive(Debug)]
struct FileLock(File);

impl FileLock {
    fn take(path: &Path) -> Result<Self> {
        let failed = |error: io::Error| file::unavailable("lock", path, &error);
        let file = file::open_or_create(path).map_err(failed)?;
        let mut waited = Duration::ZERO;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self(file)),
                Err(TryLockError::WouldBlock) if waited < LOCK_TIMEOUT => {
                    std::thread::sleep(LOCK_PAUSE);
                    waited += LOCK_PAUSE;
                }
                Err(TryLockError::WouldBlock) => {
                    let reason =
                        format!("the file {path:?} was locked by another process for {LOCK_TIMEOUT:?}");
                    return Err(StoreError::TimedOut(reason.into()).into());
                }
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(TryLockError::Error(error)) => return Err(failed(error).into()),
            }
        }
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Closing would not do: a child forked meanwhile shares the open file, and the lock with it.
        let _ = self.0.unlock();
    }
}

/// The file's content.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'a> {
    jam_store: u32,
    namespaces: BTreeMap<Cow<'a, str>, Vec<Row<'a>>>,
}

/// One value; `text` or `base64` holds its bytes.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<Cow<'a, str>>,
    id: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    created: i64,
    last_used: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    idle: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deadline: Option<i64>,
}

impl<'a> Document<'a> {
    fn new(tables: &'a BTreeMap<String, Table>) -> Self {
        let namespaces = tables.iter().map(|(namespace, table)| {
            let mut rows: Vec<Row<'a>> =
                table.records().map(|(group, id, record)| Row::new(group, id, record)).collect();
            // In an order, so that two versions of the file can be compared.
            rows.sort_unstable_by(|left, right| left.place().cmp(&right.place()));
            (Cow::Borrowed(namespace.as_str()), rows)
        });
        Self { jam_store: VERSION, namespaces: namespaces.collect() }
    }

    fn write(&self, file: &mut File) -> io::Result<()> {
        let mut buffered = BufWriter::new(file);
        serde_json::to_writer_pretty(&mut buffered, self)?;
        buffered.write_all(b"\n")?;
        buffered.flush()
    }
}

impl<'a> Row<'a> {
    fn new(group: Option<&'a str>, id: &'a str, record: &'a Record) -> Self {
        let (text, base64) = match std::str::from_utf8(&record.value) {
            Ok(text) => (Some(Cow::Borrowed(text)), None),
            Err(_) => (None, Some(STANDARD.encode(&record.value))),
        };
        Self {
            group: group.map(Cow::Borrowed),
            id: Cow::Borrowed(id),
            text,
            base64,
            created: record.created.as_millis(),
            last_used: record.last_used.as_millis(),
            idle: record.lifetime.idle.map(|idle| u64::try_from(idle.as_millis()).unwrap_or(u64::MAX)),
            deadline: record.lifetime.deadline.map(Timestamp::as_millis),
        }
    }

    fn place(&self) -> (i64, Option<&str>, &str) {
        (self.created, self.group.as_deref(), &self.id)
    }

    fn into_record(self) -> Option<(Key, Record)> {
        let value = match (self.text, self.base64) {
            (Some(text), None) => text.into_owned().into_bytes(),
            (None, Some(base64)) => STANDARD.decode(base64).ok()?,
            _ => return None,
        };
        let lifetime = Lifetime {
            idle: self.idle.map(Duration::from_millis),
            deadline: self.deadline.map(Timestamp::from_millis),
        };
        let created = Timestamp::from_millis(self.created);
        let last_used = Timestamp::from_millis(self.last_used);
        let key = Key { group: self.group.map(Cow::into_owned), id: self.id.into_owned() };
        Some((key, Record { value, created, last_used, lifetime }))
    }
}
