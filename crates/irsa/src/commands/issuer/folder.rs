//! The folder that is served at an issuer's URL.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::place::{MOST_STATE_BYTES, NotWritten, STATE, Version};
use crate::error::CliError;

/// A folder, which may not be there yet.
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(super) fn new(path: &str) -> Self {
        Self { path: PathBuf::from(path) }
    }

    pub(super) fn path(&self, below: &str) -> PathBuf {
        self.path.join(below)
    }

    pub(super) fn read_state(&self) -> Result<Option<(Vec<u8>, Version)>, CliError> {
        let content = content(&self.path(STATE)).map_err(|error| unusable(&self.path(STATE), &error))?;
        Ok(content.map(|content| (content.clone(), Version::Content(content))))
    }

    /// Writes a document: readers find the old one or the new one, and nothing else.
    pub(super) fn write(&self, below: &str, content: &[u8]) -> Result<(), CliError> {
        let path = self.path(below);
        write(&path, content).map_err(|error| unusable(&path, &error))
    }

    /// Writes the state, unless it is not what it was. The folder is locked for the moment between comparing and writing.
    pub(super) fn write_state(
        &self,
        state: Vec<u8>,
        before: Option<&Version>,
    ) -> Result<Version, NotWritten> {
        let path = self.path(STATE);
        let failed = |error: std::io::Error| NotWritten::Failed(unusable(&path, &error));
        fs::create_dir_all(&self.path).map_err(failed)?;
        let folder = File::open(&self.path).map_err(failed)?;
        // Some network file systems lock no folders; comparing is all that can be done there.
        let _ = folder.lock();
        let before = match before {
            Some(Version::Content(content)) => Some(content),
            _ => None,
        };
        if content(&path).map_err(failed)?.as_ref() != before {
            return Err(NotWritten::Changed);
        }
        write(&path, &state).map_err(failed)?;
        Ok(Version::Content(state))
    }
}

fn content(path: &Path) -> std::io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut content = Vec::new();
    file.take(MOST_STATE_BYTES).read_to_end(&mut content)?;
    Ok(Some(content))
}

fn write(path: &Path, content: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    // A web server has to be able to read it.
    file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn unusable(path: &Path, error: &dyn std::fmt::Display) -> CliError {
    CliError::undecided("IRSA-X062", format!("{}: {error}", path.display()))
        .with_fix("check the folder's owner and the free space, and do the same again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_written_over_the_one_that_was_read() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::new(temporary.path().join("site").to_str().unwrap());
        assert!(folder.read_state().unwrap().is_none());
        let Ok(first) = folder.write_state(b"1".to_vec(), None) else { panic!("nothing was there") };
        let is_changed = |outcome| matches!(outcome, Err(NotWritten::Changed));
        assert!(is_changed(folder.write_state(b"2".to_vec(), None)));
        assert!(folder.write_state(b"2".to_vec(), Some(&first)).is_ok());
        assert!(is_changed(folder.write_state(b"3".to_vec(), Some(&first))));
        assert_eq!(folder.read_state().unwrap().unwrap().0, b"2");
    }
}
