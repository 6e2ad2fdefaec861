//! Files that nobody else may read: what the JSON and the SQLite store have in common.

use std::fmt::Display;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::{ConfigurationError, Result, StoreError};

/// The absolute path of a store's file, if its folder is there and the path is free or a regular file. Links are
/// refused: who can place one could have Jam write elsewhere.
pub(super) fn check_path(path: &Path) -> Result<PathBuf> {
    let wrong = |reason: String| ConfigurationError::File(reason.into());
    let shown = path.display();
    let path = std::path::absolute(path).map_err(|error| wrong(format!("the path {shown:?}: {error}")))?;
    let Some(folder) = path.parent().filter(|_| path.file_name().is_some()) else {
        return Err(wrong(format!("{path:?} names no file; give the path of the store's file")).into());
    };
    match fs::metadata(folder) {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => return Err(wrong(format!("{folder:?} is no folder; give a path in a folder")).into()),
        Err(error) => {
            return Err(
                wrong(format!("the folder {folder:?} of the store's file: {error}; create it")).into()
            );
        }
    }
    match regular(&path) {
        Ok(_) => Ok(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(path),
        Err(error) => Err(wrong(format!("the store's file {path:?}: {error}")).into()),
    }
}

/// What is at the path itself, if that is a regular file.
pub(super) fn regular(path: &Path) -> io::Result<Metadata> {
    let metadata = fs::symlink_metadata(path)?;
    if metadata.is_file() {
        return Ok(metadata);
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "it is a link, a folder or a device; give a regular file",
    ))
}

/// Opens what is at the path for reading, if that is a regular file.
pub(super) fn open_regular(path: &Path) -> io::Result<(File, Metadata)> {
    // Between the look and the opening another process may put its new version there, so look again.
    for _ in 0..1_000 {
        let seen = regular(path)?;
        let file = File::open(path)?;
        let opened = file.metadata()?;
        if is_same_file(&seen, &opened) {
            return Ok((file, opened));
        }
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "it is replaced all the time; something else writes there",
    ))
}

/// Opens a file of ours for reading and writing, or makes an empty one that only its owner may read and write.
pub(super) fn open_or_create(path: &Path) -> io::Result<File> {
    match private().read(true).create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            regular(path)?;
            restrict(path)?;
            OpenOptions::new().read(true).write(true).open(path)
        }
        opened => opened,
    }
}

/// Makes an empty file that only its owner may read and write, or sees to the rights of the one that is there. Whether it was made.
///
/// A file that is there is not opened: closing it again would take away all locks of this process on it.
pub(super) fn create_if_missing(path: &Path) -> io::Result<bool> {
    match private().create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            regular(path)?;
            restrict(path)?;
            Ok(false)
        }
        made => made.map(|_| true),
    }
}

/// Removes a file, if it is there.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    none_if_missing(fs::remove_file(path)).map(drop)
}

/// Makes a new file that only its owner may read and write; what is there goes, and no link is followed.
pub(super) fn create_anew(path: &Path) -> io::Result<File> {
    remove(path)?;
    private().create_new(true).open(path)
}

/// The path with an ending after the file's whole name, in the same folder.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// The file system's refusal, as the store's error.
pub(super) fn unavailable(what: &str, path: &Path, error: &io::Error) -> StoreError {
    StoreError::Unavailable(format!("cannot {what} the store's file {path:?}: {error}").into())
}

/// The same for a file to be read, where something else than a file may be in its place.
pub(super) fn unreadable(path: &Path, error: &io::Error) -> StoreError {
    if error.kind() == io::ErrorKind::InvalidInput {
        return StoreError::Refused(format!("the store's file {path:?}: {error}").into());
    }
    unavailable("read", path, error)
}

/// A file that a later version of Jam has written is left to it.
pub(super) fn too_new(path: &Path, version: impl Display, known: impl Display) -> StoreError {
    let reason = format!(
        "a newer version of Jam has written the file {path:?} (form {version}; this one knows form {known}); \
         use that version, or give the store another file"
    );
    StoreError::Refused(reason.into())
}

/// What is at a path, where that may be nothing.
pub(super) fn none_if_missing<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Takes the rights of all but the owner away.
#[cfg(unix)]
pub(super) fn restrict(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    let permissions = fs::metadata(path)?.permissions();
    if permissions.mode() & 0o077 == 0 {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
}

/// Elsewhere than on Unix a new file has the folder's rules of access.
#[cfg(not(unix))]
pub(super) fn restrict(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
pub(super) fn is_same_file(left: &Metadata, right: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;

    (left.dev(), left.ino()) == (right.dev(), right.ino())
}

#[cfg(not(unix))]
pub(super) fn is_same_file(left: &Metadata, right: &Metadata) -> bool {
    left.created().ok() == right.created().ok()
}
