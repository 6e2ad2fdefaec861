//! Locks for SQLite that no other SQLite of the program takes away.
//!
//! Python has an SQLite of its own, so that one program may have a store's file open in two of them. A lock of POSIX
//! belongs to the process: asked for a second time it is given, and with any descriptor of the file that is closed it is
//! gone. So a `sqlite3.connect(path)` and its `close()` elsewhere in the program take the locks of Jam's connections
//! away, clear the log that these are using, and let other processes write over what they write. Linux has locks of the
//! open file besides (`F_OFD_SETLK`). The other SQLite meets these like locks of another process, and cannot lose them.
//! SQLite lets its system calls be exchanged; here that is the one that locks.

use std::fs::File;
use std::io;
use std::mem::{self, ManuallyDrop};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::MetadataExt;
use std::ptr;
use std::sync::{Mutex, Once, PoisonError};

use libc::{c_int, c_void, flock};
use libsqlite3_sys::sqlite3_vfs_find;

/// Has Jam's SQLite lock with locks of the open file. To be called before a file is opened.
pub(crate) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // SAFETY: the call initializes SQLite if need be; its answer is null, or lives as long as the program.
        let Some(system) = (unsafe { sqlite3_vfs_find(ptr::null()).as_mut() }) else { return };
        let Some(exchange) = system.xSetSystemCall else { return };
        // SAFETY: SQLite gives the function its type back before it calls it. It calls it as a variadic one, with two or
        // three arguments that are integers or pointers; on Linux these are passed as to one with three.
        unsafe {
            type Untyped = unsafe extern "C" fn();
            let untyped = mem::transmute::<unsafe extern "C" fn(_, _, _) -> _, Untyped>(exchanged_fcntl);
            exchange(system, c"fcntl".as_ptr(), Some(untyped));
        }
    });
}

/// What SQLite calls in place of `fcntl`.
unsafe extern "C" fn exchanged_fcntl(descriptor: c_int, command: c_int, argument: *mut c_void) -> c_int {
    if !matches!(command, libc::F_SETLK | libc::F_GETLK) {
        // SAFETY: just what SQLite has asked for.
        return unsafe { libc::fcntl(descriptor, command, argument) };
    }
    // SAFETY: with these two commands the argument is a lock, which is SQLite's alone during the call.
    let lock = unsafe { &mut *argument.cast::<flock>() };
    match Place::of(lock) {
        // All connections of the process have the index open through one descriptor.
        Place::LogIndex => lock_open_file(descriptor, command, lock),
        Place::Database => lock_database(descriptor, command, lock),
        Place::WholeDatabase => unlock_database(descriptor, command, lock),
    }
}

/// What a lock is on, which its range tells.
enum Place {
    /// Some bytes of the file `-shm`.
    LogIndex,
    /// Some bytes far behind the beginning of a database.
    Database,
    /// Everything: the last lock on a database is given up.
    WholeDatabase,
}

impl Place {
    /// Where SQLite's locks on a database begin.
    const DATABASE: libc::off_t = 0x4000_0000;

    fn of(lock: &flock) -> Self {
        match (lock.l_start, lock.l_len) {
            (0, 0) => Self::WholeDatabase,
            (start, _) if start >= Self::DATABASE => Self::Database,
            _ => Self::LogIndex,
        }
    }
}

/// The databases with locks, each opened once more to own them: SQLite takes the locks of all its connections together
/// through the descriptor of one, and gives them up through that of another.
static DATABASES: Mutex<Vec<Database>> = Mutex::new(Vec::new());

struct Database {
    device: u64,
    inode: u64,
    owner: File,
}

fn lock_database(descriptor: c_int, command: c_int, lock: &mut flock) -> c_int {
    let mut databases = DATABASES.lock().unwrap_or_else(PoisonError::into_inner);
    let index = find(&databases, descriptor).or_else(|| {
        databases.push(open_again(descriptor)?);
        Some(databases.len() - 1)
    });
    let owner = index.map_or(descriptor, |index| databases[index].owner.as_raw_fd());
    // SQLite asks `errno` why it failed; to give the list free changes nothing of that.
    lock_open_file(owner, command, lock)
}

fn unlock_database(descriptor: c_int, command: c_int, lock: &mut flock) -> c_int {
    let mut databases = DATABASES.lock().unwrap_or_else(PoisonError::into_inner);
    match find(&databases, descriptor) {
        // Closed with it, the file has no locks any more.
        Some(index) => drop(databases.swap_remove(index)),
        None => return lock_open_file(descriptor, command, lock),
    }
    0
}

fn find(databases: &[Database], descriptor: c_int) -> Option<usize> {
    let (device, inode) = identity(descriptor)?;
    databases.iter().position(|database| (database.device, database.inode) == (device, inode))
}

fn identity(descriptor: c_int) -> Option<(u64, u64)> {
    // SAFETY: SQLite has it open during the call, and it is not closed here.
    let file = ManuallyDrop::new(unsafe { File::from_raw_fd(descriptor) });
    let metadata = file.metadata().ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// Opens the file of a descriptor anew; a duplicate would share the locks of the descriptor.
fn open_again(descriptor: c_int) -> Option<Database> {
    let (device, inode) = identity(descriptor)?;
    let path = format!("/proc/self/fd/{descriptor}");
    let owner = File::options().read(true).write(true).open(path).ok()?;
    Some(Database { device, inode, owner })
}

/// The call as it was meant, with a lock of the open file; where the system knows none, with one of the process.
fn lock_open_file(descriptor: c_int, command: c_int, lock: &mut flock) -> c_int {
    let of_open_file = if command == libc::F_SETLK { libc::F_OFD_SETLK } else { libc::F_OFD_GETLK };
    lock.l_pid = 0;
    // SAFETY: the descriptor is open, and the lock is one.
    let answer = unsafe { libc::fcntl(descriptor, of_open_file, ptr::from_mut(lock)) };
    if answer == -1 && io::Error::last_os_error().raw_os_error() == Some(libc::EINVAL) {
        // SAFETY: as before.
        return unsafe { libc::fcntl(descriptor, command, ptr::from_mut(lock)) };
    }
    answer
}
