//! The data folder: what a server keeps there, and what the other commands read.
//!
//! | file | what |
//! |---|---|
//! | `state.redb` | accounts, roles, policies, clusters, buckets (the store) |
//! | `objects/` | S3's objects; 0700 |
//! | `credentials` | the administrators' keys, in the AWS credentials format; 0600 |
//! | `operator.token` | what `irsa why` and `irsa account` prove themselves with; 0600 |
//! | `ca.pem`, `ca.key` | the certificate authority of issuers and hosted clusters; the key 0600 |
//! | `server.json` | where the running server listens |

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use irsa_cloud::accounts::AdministratorKey;
use irsa_store::model::{AccountId, SecretString};
use serde::{Deserialize, Serialize};

use crate::error::CliError;

/// A data folder that exists.
#[derive(Debug, Clone)]
pub(crate) struct DataFolder {
    path: PathBuf,
}

/// Where a running server listens.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServerInfo {
    /// `http://127.0.0.1:4566`
    pub(crate) endpoint: String,
    /// `https://localhost:4567`
    pub(crate) tls_endpoint: String,
    /// The region of unsigned calls.
    pub(crate) region: String,
    /// The server's process.
    pub(crate) pid: u32,
}

/// An access key and its secret.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: SecretString,
}

impl DataFolder {
    /// The folder that was asked for, or the XDG one; made, with rights for the owner alone, if it is not there.
    pub(crate) fn create(asked: Option<&Path>) -> Result<Self, CliError> {
        let folder = Self::at(asked)?;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder.path)
            .map_err(|error| folder.unusable("made", &error))?;
        Ok(folder)
    }

    /// The folder that was asked for, or the XDG one, whether or not it is there.
    pub(crate) fn at(asked: Option<&Path>) -> Result<Self, CliError> {
        let path = match asked {
            Some(path) => path.to_owned(),
            None => default_folder().ok_or_else(|| {
                CliError::usage(
                    "IRSA-X002",
                    "neither XDG_DATA_HOME nor HOME is set, so there is no default data folder",
                )
                .with_fix("name a folder with --data DIR")
            })?,
        };
        Ok(Self { path })
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of S3's objects, for the owner alone also where the data folder was there before and is open to others (a
    /// mounted volume).
    pub(crate) fn objects(&self) -> Result<PathBuf, CliError> {
        let path = self.path.join("objects");
        fs::DirBuilder::new()
            .recursive(true)
            .create(&path)
            .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o700)))
            .map_err(|error| self.unusable("written to", &error))?;
        Ok(path)
    }

    /// Where the running server listens, as it wrote it.
    pub(crate) fn server(&self) -> Result<ServerInfo, CliError> {
        let path = self.path.join("server.json");
        let none = || {
            CliError::undecided(
                "IRSA-X003",
                format!("no server runs with the data folder {}", self.path.display()),
            )
            .with_fix("start one with `irsa up`, or name its folder with --data DIR or IRSA_DATA")
        };
        let text = fs::read_to_string(&path).map_err(|_absent| none())?;
        let server: Result<ServerInfo, _> = serde_json::from_str(&text);
        // A server that was killed leaves its file behind.
        if server.as_ref().is_ok_and(|server| is_gone(server.pid)) {
            return Err(none());
        }
        server.map_err(|error| {
            CliError::undecided("IRSA-X003", format!("{} cannot be read: {error}", path.display()))
                .with_fix("remove the file and start the server again")
        })
    }

    /// Writes where the server listens.
    pub(crate) fn write_server(&self, server: &ServerInfo) -> Result<(), CliError> {
        let text = serde_json::to_string_pretty(server).unwrap_or_default();
        self.write("server.json", 0o644, text.as_bytes())
    }

    /// Forgets where the server listened.
    pub(crate) fn remove_server(&self) {
        let _ = fs::remove_file(self.path.join("server.json"));
    }

    /// The operator token; made if there is none.
    pub(crate) fn operator_token(&self) -> Result<SecretString, CliError> {
        let path = self.path.join("operator.token");
        if let Ok(text) = fs::read_to_string(&path) {
            return Ok(SecretString::new(text.trim()));
        }
        let token = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
        self.write("operator.token", 0o600, token.as_bytes())?;
        Ok(SecretString::new(token))
    }

    /// Adds a new administrator's key to the credentials file: a profile named by the account, and `default` for the first.
    pub(crate) fn add_credentials(&self, key: &AdministratorKey) -> Result<(), CliError> {
        let path = self.path.join("credentials");
        let mut text = fs::read_to_string(&path).unwrap_or_default();
        let mut profiles = vec![key.account.to_string()];
        if !text.contains("[default]") {
            profiles.insert(0, "default".to_owned());
        }
        for profile in profiles {
            text.push_str(&format!(
                "[{profile}]\naws_access_key_id = {}\naws_secret_access_key = {}\n\n",
                key.access_key_id,
                key.secret_access_key.expose()
            ));
        }
        self.write("credentials", 0o600, text.as_bytes())
    }

    /// The administrator's key of an account, or of the first one.
    pub(crate) fn key(&self, account: Option<AccountId>) -> Result<Key, CliError> {
        let path = self.path.join("credentials");
        let text = fs::read_to_string(&path).map_err(|error| {
            CliError::undecided("IRSA-X004", format!("{} cannot be read: {error}", path.display()))
                .with_fix("the file is written once, when an account is made; restore it, or make another account with `irsa account create`")
        })?;
        let profile = account.map_or_else(|| "default".to_owned(), |account| account.to_string());
        profile_key(&text, &profile).ok_or_else(|| {
            CliError::usage("IRSA-X004", format!("{} has no profile `{profile}`", path.display()))
                .with_fix("`irsa account list` shows the accounts")
        })
    }

    /// Writes a file as a whole or not at all.
    pub(crate) fn write(&self, name: &str, mode: u32, bytes: &[u8]) -> Result<(), CliError> {
        let path = self.path.join(name);
        let aside = self.path.join(format!(".{name}.{}", std::process::id()));
        let write = || -> io::Result<()> {
            let mut file =
                OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&aside)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&aside, &path)
        };
        write().map_err(|error| {
            let _ = fs::remove_file(&aside);
            CliError::undecided("IRSA-X005", format!("{} cannot be written: {error}", path.display()))
                .with_fix("check the folder's owner and the free space")
        })
    }

    fn unusable(&self, done: &str, error: &io::Error) -> CliError {
        CliError::undecided(
            "IRSA-X005",
            format!("the data folder {} cannot be {done}: {error}", self.path.display()),
        )
        .with_fix("name another with --data DIR, or run with --ephemeral")
    }
}

fn is_gone(pid: u32) -> bool {
    Path::new("/proc/self").exists() && !Path::new(&format!("/proc/{pid}")).exists()
}

fn default_folder() -> Option<PathBuf> {
    let of = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    of("XDG_DATA_HOME").or_else(|| Some(of("HOME")?.join(".local/share"))).map(|base| base.join("irsa"))
}

fn profile_key(text: &str, profile: &str) -> Option<Key> {
    let section = text.split('[').find_map(|part| part.strip_prefix(&format!("{profile}]")))?;
    let value = |name: &str| {
        section.lines().find_map(|line| {
            let (key, value) = line.split_once('=')?;
            (key.trim() == name).then(|| value.trim().to_owned())
        })
    };
    Some(Key {
        access_key_id: value("aws_access_key_id")?,
        secret_access_key: SecretString::new(value("aws_secret_access_key")?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_told_apart() {
        let text = "[default]\naws_access_key_id = AKIA1\naws_secret_access_key = one\n\n[111122223333]\naws_access_key_id=AKIA2\naws_secret_access_key=two\n";
        assert_eq!(profile_key(text, "default").unwrap().access_key_id, "AKIA1");
        let second = profile_key(text, "111122223333").unwrap();
        assert_eq!((second.access_key_id.as_str(), second.secret_access_key.expose()), ("AKIA2", "two"));
        assert!(profile_key(text, "222222222222").is_none());
    }
}
