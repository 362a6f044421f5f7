//! The data folder: made for its owner alone, locked while it is open.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use redb::Database;
use redb::backends::FileBackend;

use super::OpenError;
use super::journal;

const LOCK: &str = "lock";
const STATE: &str = "state.redb";

/// A locked data folder. The lock goes with the process, however it ends.
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    pub(super) fn lock(path: &Path) -> Result<Self, OpenError> {
        private_folder().create(path).map_err(|error| failed(path, error))?;
        let lock = private_file(&path.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(OpenError::Locked { folder: path.to_owned() }),
            Err(TryLockError::Error(error)) => Err(failed(&path.join(LOCK), error)),
        }
    }

    pub(super) fn database(&self) -> Result<Database, OpenError> {
        let path = self.path.join(STATE);
        let file = private_file(&path)?;
        // A new file is durable only when its folder is.
        File::open(&self.path)
            .and_then(|folder| folder.sync_all())
            .map_err(|error| failed(&self.path, error))?;
        FileBackend::new(file).and_then(|file| journal::builder().create_with_backend(file)).map_err(
            |error| match journal::opening(error) {
                OpenError::Io { source, .. } => failed(&path, source),
                OpenError::Locked { .. } => OpenError::Locked { folder: self.path.clone() },
                other => other,
            },
        )
    }
}

fn private_folder() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

fn private_file(path: &Path) -> Result<File, OpenError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|error| failed(path, error))
}

fn failed(path: &Path, error: Error) -> OpenError {
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            OpenError::Permission { path: path.to_owned() }
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => OpenError::DiskFull,
        _ => OpenError::Io { path: path.to_owned(), source: error },
    }
}
