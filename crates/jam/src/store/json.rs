//! Values in one JSON file that people can read. For development and small sites: every write replaces the file.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::file_store::{FileStore, Medium, Peek, Writer};
use super::group_commit::Target;
use super::lock::Lock;
use super::table::{Record, Table};
use super::{Entry, Exchange, Found, Key, Lifetime, Renamed, Replaced, check_namespace, file};
use crate::process;
use crate::{Result, StoreError, Timestamp};

/// The form of the file that this version writes; it reads all up to it. The second has notes beside its values.
const VERSION: u32 = 2;

/// A store in one JSON file, shared by threads and processes.
///
/// Beside `PATH` lie `PATH.lock` and `PATH.turn`, which writers lock, and for moments `PATH.tmp`, which becomes the new
/// file by renaming once it is on the disk; readers always see a whole file. All of them can be read and written by
/// their owner only. Several stores can share the file under different namespaces. Values that are UTF-8 are
/// kept as text, others in base64; times are milliseconds since 1970. Expired values go with the next write. A file
/// that is deleted is an empty store, and the next write makes it anew.
///
/// Its asynchronous face must be used within a tokio runtime.
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
pub type JsonStore = FileStore<JsonFile>;

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
        let mut lock = Lock::of(&path);
        let disk = Arc::new(Disk { path, latest: Mutex::default() });
        let _busy = process::busy();
        lock.prepare()?;
        disk.latest()?;
        let namespace = namespace.to_owned();
        let writer = JsonWriter { namespace: namespace.clone(), disk: Arc::clone(&disk), lock, open: None };
        Ok(Self::new(JsonFile { namespace, disk }, writer))
    }
}

/// The file of a [`JsonStore`].
#[derive(Debug)]
pub struct JsonFile {
    namespace: String,
    disk: Arc<Disk>,
}

impl JsonFile {
    fn read<R>(&self, work: impl FnOnce(Option<&Table>) -> R) -> Result<R> {
        Ok(work(self.disk.latest()?.tables.get(&self.namespace)))
    }
}

impl Medium for JsonFile {
    type Writer = JsonWriter;

    fn get(&self, key: &Key, now: Timestamp) -> Result<Option<Vec<u8>>> {
        self.read(|table| table?.get(key, now).map(|record| record.value.clone()))
    }

    fn peek(&self, key: &Key, now: Timestamp) -> Result<Option<Peek>> {
        self.read(|table| {
            let record = table?.get(key, now)?;
            Some(Peek { found: record.found(), touch_is_due: record.touch_is_due(now) })
        })
    }

    fn list(&self, group: &str, now: Timestamp) -> Result<Vec<Entry>> {
        self.read(|table| table.map(|table| table.list(group, now)).unwrap_or_default())
    }

    fn park(&self, _writer: &mut JsonWriter) {
        *self.disk.latest.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// The file, and what it held when it was last looked at.
#[derive(Debug)]
struct Disk {
    path: PathBuf,
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
        let found =
            file::none_if_missing(file::regular(&self.path)).map_err(|error| self.unreadable(&error))?;
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
            file::none_if_missing(file::open_regular(&self.path)).map_err(|error| self.unreadable(&error))?;
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
            let place = format!("line {}, column {}", error.line(), error.column());
            version(bytes).map_or_else(|| self.not_ours(&place), |version| self.of_version(version))
        })?;
        if !is_known(document.jam_store) {
            return Err(self.of_version(document.jam_store).into());
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
        file::unreadable(&self.path, error)
    }

    fn of_version(&self, version: u32) -> StoreError {
        if version > VERSION {
            return file::too_new(&self.path, version, VERSION);
        }
        self.not_ours(&format!("version {version}"))
    }

    fn not_ours(&self, place: &str) -> StoreError {
        let reason = format!(
            "the file {:?} holds what Jam did not write ({place}); move it away or repair it, it is left as it is",
            self.path
        );
        StoreError::Refused(reason.into())
    }
}

fn is_known(version: u32) -> bool {
    (1..=VERSION).contains(&version)
}

/// The version of a file that is otherwise not understood, if that is a version of its own.
fn version(bytes: &[u8]) -> Option<u32> {
    #[derive(Deserialize)]
    struct Versioned {
        jam_store: u32,
    }
    let versioned: Versioned = serde_json::from_slice(bytes).ok()?;
    (!is_known(versioned.jam_store)).then_some(versioned.jam_store)
}

/// What writes into the file of a [`JsonStore`].
#[derive(Debug)]
pub struct JsonWriter {
    namespace: String,
    disk: Arc<Disk>,
    lock: Lock,
    open: Option<OpenBatch>,
}

#[derive(Debug)]
struct OpenBatch {
    tables: BTreeMap<String, Table>,
    /// The time of the last change, if there was one.
    changed: Option<Timestamp>,
}

impl JsonWriter {
    /// Does the work on this namespace's table; its second answer says whether there is something to write.
    fn on_table<R>(&mut self, now: Timestamp, work: impl FnOnce(&mut Table) -> (R, bool)) -> Result<R> {
        let open = self.open.as_mut().ok_or(StoreError::Closed)?;
        let (answer, changed) = work(open.tables.entry(self.namespace.clone()).or_default());
        if changed {
            open.changed = Some(now);
        }
        Ok(answer)
    }
}

impl Target for JsonWriter {
    fn begin(&mut self, _durable: bool, deadline: Instant) -> Result<()> {
        self.lock.acquire(deadline)?;
        match self.disk.latest() {
            Ok(snapshot) => {
                self.open = Some(OpenBatch { tables: snapshot.tables.clone(), changed: None });
                Ok(())
            }
            Err(error) => {
                self.lock.release();
                Err(error)
            }
        }
    }

    fn commit(&mut self) -> Result<()> {
        if let Some(OpenBatch { mut tables, changed: Some(now) }) = self.open.take() {
            for table in tables.values_mut() {
                table.purge(now);
            }
            self.disk.store(tables)?;
        }
        self.lock.release();
        Ok(())
    }

    fn abort(&mut self) {
        self.open = None;
        self.lock.release();
    }
}

impl Writer for JsonWriter {
    fn touch(&mut self, key: &Key, now: Timestamp) -> Result<Option<Found>> {
        self.on_table(now, |table| {
            // Another process may have been first.
            let is_due = table.get(key, now).is_some_and(|record| record.touch_is_due(now));
            (table.touch(key, now).map(Record::found), is_due)
        })
    }

    fn put(&mut self, key: &Key, value: &[u8], lifetime: Lifetime, now: Timestamp) -> Result<()> {
        self.on_table(now, |table| (table.put(key, value, lifetime, now), true))
    }

    fn insert(
        &mut self,
        key: &Key,
        value: &[u8],
        note: &[u8],
        lifetime: Lifetime,
        now: Timestamp,
    ) -> Result<bool> {
        self.on_table(now, |table| both(table.insert(key, value, note, lifetime, now)))
    }

    fn replace(
        &mut self,
        key: &Key,
        value: &[u8],
        expected: Option<&[u8]>,
        now: Timestamp,
    ) -> Result<Replaced> {
        self.on_table(now, |table| {
            let replaced = table.replace(key, value, expected, now);
            (replaced, replaced == Replaced::Done)
        })
    }

    fn rename(
        &mut self,
        from: &Key,
        to: &Key,
        exchange: Option<&Exchange>,
        now: Timestamp,
    ) -> Result<Renamed> {
        self.on_table(now, |table| {
            let renamed = table.rename(from, to, exchange, now);
            (renamed, renamed == Renamed::Moved)
        })
    }

    fn delete(&mut self, key: &Key, now: Timestamp) -> Result<bool> {
        self.on_table(now, |table| both(table.delete(key, now)))
    }

    fn clear(&mut self, group: &str, keep: Option<&str>, now: Timestamp) -> Result<u64> {
        self.on_table(now, |table| {
            let cleared = table.clear(group, keep, now);
            (cleared, cleared > 0)
        })
    }
}

fn both(changed: bool) -> (bool, bool) {
    (changed, changed)
}

/// The file's content.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'a> {
    jam_store: u32,
    namespaces: BTreeMap<Cow<'a, str>, Vec<Row<'a>>>,
}

/// One value; `text` or `base64` holds its bytes, `note` or `note_base64` those of its note.
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note_base64: Option<String>,
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
        let (text, base64) = shown(&record.value);
        let (note, note_base64) = if record.note.is_empty() { (None, None) } else { shown(&record.note) };
        Self {
            group: group.map(Cow::Borrowed),
            id: Cow::Borrowed(id),
            text,
            base64,
            note,
            note_base64,
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
        let value = bytes(self.text, self.base64)??;
        let note = bytes(self.note, self.note_base64)?.unwrap_or_default();
        let lifetime = Lifetime {
            idle: self.idle.map(Duration::from_millis),
            deadline: self.deadline.map(Timestamp::from_millis),
        };
        let created = Timestamp::from_millis(self.created);
        let last_used = Timestamp::from_millis(self.last_used);
        let key = Key { group: self.group.map(Cow::into_owned), id: self.id.into_owned() };
        Some((key, Record { value, note, created, last_used, lifetime }))
    }
}

/// The two forms of bytes: text where they are some, else base64.
fn shown(bytes: &[u8]) -> (Option<Cow<'_, str>>, Option<String>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (Some(Cow::Borrowed(text)), None),
        Err(_) => (None, Some(STANDARD.encode(bytes))),
    }
}

/// The bytes of either form, or of none; `None` where there are both, or one that is no base64.
fn bytes(text: Option<Cow<'_, str>>, base64: Option<String>) -> Option<Option<Vec<u8>>> {
    match (text, base64) {
        (None, None) => Some(None),
        (Some(text), None) => Some(Some(text.into_owned().into_bytes())),
        (None, Some(base64)) => STANDARD.decode(base64).ok().map(Some),
        (Some(_), Some(_)) => None,
    }
}
