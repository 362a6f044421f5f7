//! A token in a file that is always whole and never out of date, as the kubelet keeps it.
//!
//! Refreshed at 80 % of its life or after 24 hours, whichever is first; while that fails the old one stays
//! (`pkg/kubelet/token/token_manager.go`).

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::Access;
use crate::error::CliError;
use crate::output::note;
use crate::serve::now;

/// How long to wait after a refresh that failed.
const RETRY: Duration = Duration::from_secs(10);
/// The kubelet's `maxTTL`, in seconds.
const LONGEST_AGE: i64 = 24 * 3600;

/// What to ask for.
#[derive(Debug, Clone)]
pub(super) struct TokenRequest {
    pub(super) namespace: String,
    pub(super) service_account: String,
    pub(super) audience: String,
    pub(super) expiration_seconds: i64,
    pub(super) pod_name: String,
    pub(super) pod_uid: String,
}

/// The file, and who keeps it fresh.
pub(super) struct TokenFile {
    refresher: JoinHandle<()>,
}

impl Drop for TokenFile {
    fn drop(&mut self) {
        self.refresher.abort();
    }
}

/// A token, and when it ends, in seconds since the epoch.
struct Granted {
    token: String,
    expires_at: i64,
}

impl TokenFile {
    /// Writes the first token and keeps the file fresh from then on.
    pub(super) async fn keep(access: Access, request: TokenRequest, path: PathBuf) -> Result<Self, CliError> {
        let issued_at = now();
        let first = request.send(&access).await?;
        write(&path, &first.token).map_err(|error| unwritable(&path, &error))?;
        let refresher = tokio::spawn(refresh(access, request, path, issued_at, first.expires_at));
        Ok(Self { refresher })
    }
}

async fn refresh(
    access: Access,
    request: TokenRequest,
    path: PathBuf,
    mut issued_at: i64,
    mut expires_at: i64,
) {
    let mut complained = false;
    loop {
        let wait = refresh_at(issued_at, expires_at).saturating_sub(now());
        tokio::time::sleep(Duration::from_secs(u64::try_from(wait).unwrap_or_default())).await;
        let asked_at = now();
        let written = match request.send(&access).await {
            Ok(granted) => write(&path, &granted.token)
                .map_err(|error| unwritable(&path, &error))
                .map(|()| granted.expires_at),
            Err(error) => Err(error),
        };
        match written {
            Ok(expires) => (issued_at, expires_at, complained) = (asked_at, expires, false),
            Err(error) => {
                if !complained {
                    note(&format!("the token could not be refreshed and is kept: {error}"));
                }
                complained = true;
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// When a token is to be replaced, in seconds since the epoch.
fn refresh_at(issued_at: i64, expires_at: i64) -> i64 {
    let life = expires_at.saturating_sub(issued_at).max(0);
    issued_at.saturating_add((life - life / 5).min(LONGEST_AGE))
}

impl TokenRequest {
    async fn send(&self, access: &Access) -> Result<Granted, CliError> {
        let path =
            format!("/api/v1/namespaces/{}/serviceaccounts/{}/token", self.namespace, self.service_account);
        let body = json!({
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "spec": {
                "audiences": [self.audience],
                "expirationSeconds": self.expiration_seconds,
                "boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": self.pod_name, "uid": self.pod_uid},
            },
        });
        let answer = access.kubernetes(Method::POST, &path, &body).await?;
        let granted = answer.json();
        let text = |pointer: &str| granted.pointer(pointer).and_then(Value::as_str);
        let expires =
            text("/status/expirationTimestamp").and_then(|time| time.parse::<jiff::Timestamp>().ok());
        match (text("/status/token"), expires) {
            (Some(token), Some(expires)) if answer.ok() => {
                Ok(Granted { token: token.to_owned(), expires_at: expires.as_second() })
            }
            _ => Err(access.refused(&answer)),
        }
    }
}

/// Writes the file as a whole, readable by this user alone: a reader sees the old token or the new one.
fn write(path: &Path, token: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let aside = folder.join(".token.new");
    let _ = fs::remove_file(&aside);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    file.write_all(token.as_bytes())?;
    fs::rename(&aside, path)
}

pub(super) fn unwritable(path: &Path, error: &io::Error) -> CliError {
    CliError::undecided("IRSA-X023", format!("{} cannot be written: {error}", path.display()))
        .with_fix("check TMPDIR and its free space")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn tokens_are_refreshed_when_the_kubelet_would() {
        assert_eq!(refresh_at(1_000, 1_600), 1_480);
        assert_eq!(refresh_at(0, 86_400), 69_120);
        assert_eq!(refresh_at(0, 172_800), 86_400);
        assert_eq!(refresh_at(1_000, 900), 1_000);
    }

    #[test]
    fn the_file_is_private_and_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("var/run/token");
        write(&path, "one").unwrap();
        let mut open = fs::File::open(&path).unwrap();
        write(&path, "two").unwrap();
        let mut old = String::new();
        io::Read::read_to_string(&mut open, &mut old).unwrap();
        assert_eq!((old.as_str(), fs::read_to_string(&path).unwrap().as_str()), ("one", "two"));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    }
}
