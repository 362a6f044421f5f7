//! The folder that is served at an issuer's URL: the two documents, and the state of a rotation beside them. Nothing in it is
//! secret.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use irsa_cluster::issuer::rotation::State;

use super::documents_of;
use crate::error::CliError;

/// The state's file. Web servers may serve it: public keys and times stand in it.
const STATE: &str = "irsa-issuer.json";

/// The state that the folder has; none when nothing was published there.
pub(super) fn state(folder: &Path) -> Result<Option<State>, CliError> {
    let path = folder.join(STATE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(&path, &error)),
    };
    serde_json::from_str(&text).map(Some).map_err(|error| unusable(&path, &error))
}

/// The files that the folder has to have, and what is in them.
pub(super) fn files(folder: &Path, state: &State) -> Result<Vec<(PathBuf, Vec<u8>)>, CliError> {
    let documents = documents_of(&state.issuer, &state.issuer_keys())?;
    let mut files: Vec<_> =
        documents.into_iter().map(|document| (folder.join(document.path), document.body)).collect();
    let mut text = serde_json::to_vec_pretty(state).map_err(|error| unusable(folder, &error))?;
    text.push(b'\n');
    // Last: whoever is interrupted finds the old state, and does the same step again.
    files.push((folder.join(STATE), text));
    Ok(files)
}

/// Writes files so that readers find the old ones or the new ones, and nothing else.
pub(super) fn write(files: &[(PathBuf, Vec<u8>)]) -> Result<(), CliError> {
    for (path, content) in files {
        write_one(path, content).map_err(|error| unusable(path, &error))?;
    }
    Ok(())
}

fn write_one(path: &Path, content: &[u8]) -> std::io::Result<()> {
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
        .with_fix("check the folder's owner and the free space; `irsa issuer publish` writes it anew")
}
