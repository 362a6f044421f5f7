//! A token in a file that is always whole and never out of date, as the kubelet keeps it.
//!
//! Refreshed at 80 % of its life or after 24 hours, whichever is first, up to ten seconds earlier so that not all pods of a
//! node ask at once; while that fails the old one stays (`pkg/kubelet/token/token_manager.go`). The life is what the API server
//! granted, counted from when it was asked, so that clocks that differ do no harm.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::Cluster;
use crate::error::CliError;
use crate::output::{note, visible};
use crate::serve::now;

/// The kubelet's `maxTTL`, in seconds.
const LONGEST_AGE: i64 = 24 * 3600;
/// The kubelet's `maxJitter`, in seconds.
const MOST_JITTER: i64 = 10;
/// How long to wait after a refresh that failed, at first and at most, in seconds.
const RETRIES: (u64, u64) = (1, 60);
/// How long to sleep at a time, in seconds: a machine that was suspended finds out by the clock alone.
const LONGEST_SLEEP: i64 = 30;

/// What to ask for.
#[derive(Debug, Clone)]
pub(super) struct TokenRequest {
    pub(super) namespace: String,
    pub(super) service_account: String,
    pub(super) audience: String,
    pub(super) expiration_seconds: i64,
    /// The pod that the token ends with; without one it ends with the ServiceAccount.
    pub(super) pod: Option<BoundPod>,
}

/// A pod of the cluster.
#[derive(Debug, Clone)]
pub(super) struct BoundPod {
    pub(super) name: String,
    pub(super) uid: String,
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

/// A token as it was given out.
struct Granted {
    token: String,
    /// Its life, in seconds.
    seconds: i64,
}

/// When a token was asked for, and how long it lives, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lease {
    asked_at: i64,
    seconds: i64,
}

impl TokenFile {
    /// Writes the first token and keeps the file fresh from then on.
    pub(super) async fn keep(
        cluster: Cluster,
        request: TokenRequest,
        path: PathBuf,
    ) -> Result<Self, CliError> {
        let lease = renew(&cluster, &request, &path).await?;
        let refresher = tokio::spawn(refresh(cluster, request, path, lease));
        Ok(Self { refresher })
    }
}

async fn refresh(cluster: Cluster, request: TokenRequest, path: PathBuf, mut lease: Lease) {
    loop {
        let due = lease.refresh_at(random_jitter());
        while let Some(wait) = lease.wait_until(due, now()) {
            tokio::time::sleep(wait).await;
        }
        lease = retry(&cluster, &request, &path, lease).await;
    }
}

/// Renews the token, however often it fails, and says so once for each way in which it matters.
async fn retry(cluster: &Cluster, request: &TokenRequest, path: &Path, old: Lease) -> Lease {
    let (mut pause, most) = RETRIES;
    let (mut failed, mut expired) = (false, false);
    loop {
        let error = match renew(cluster, request, path).await {
            Ok(lease) => {
                if failed {
                    note("the token is refreshed again");
                }
                return lease;
            }
            Err(error) => visible(&error.to_string()),
        };
        if old.has_ended(now()) && !expired {
            note(&format!("the token has expired and could not be refreshed: {error}"));
            expired = true;
        } else if !failed {
            note(&format!("the token could not be refreshed and is kept: {error}"));
        }
        failed = true;
        tokio::time::sleep(Duration::from_secs(pause)).await;
        pause = pause.saturating_mul(2).min(most);
    }
}

/// Asks for a token and writes it.
async fn renew(cluster: &Cluster, request: &TokenRequest, path: &Path) -> Result<Lease, CliError> {
    let asked_at = now();
    let granted = request.send(cluster).await?;
    write(path, &granted.token).map_err(|error| unwritable(path, &error))?;
    Ok(Lease { asked_at, seconds: granted.seconds })
}

impl Lease {
    /// When the token is to be replaced, in seconds since the epoch.
    fn refresh_at(self, jitter: i64) -> i64 {
        let life = self.seconds.max(0);
        let wait = (life - life / 5).min(LONGEST_AGE);
        // A tenth of it at most: tokens that live for seconds are not asked for without a pause.
        self.asked_at.saturating_add(wait.saturating_sub(jitter.min(wait / 10)).max(1))
    }

    /// How long to sleep before looking again; none when it is time. A clock that was set back makes it time, as the token's
    /// age is not known any more.
    fn wait_until(self, due: i64, now: i64) -> Option<Duration> {
        if now < self.asked_at || now >= due {
            return None;
        }
        let wait = due.saturating_sub(now).min(LONGEST_SLEEP);
        u64::try_from(wait).ok().map(Duration::from_secs)
    }

    fn has_ended(self, now: i64) -> bool {
        now >= self.asked_at.saturating_add(self.seconds)
    }
}

/// Whole seconds, from none to [`MOST_JITTER`].
fn random_jitter() -> i64 {
    let (random, _) = uuid::Uuid::new_v4().as_u64_pair();
    i64::try_from(random % MOST_JITTER.unsigned_abs().saturating_add(1)).unwrap_or_default()
}

impl TokenRequest {
    async fn send(&self, cluster: &Cluster) -> Result<Granted, CliError> {
        let path =
            format!("/api/v1/namespaces/{}/serviceaccounts/{}/token", self.namespace, self.service_account);
        let answer = cluster.kubernetes(Method::POST, &path, &self.body()).await?;
        if !answer.ok() {
            return Err(cluster.refused(&answer));
        }
        granted(&answer.json(), now()).ok_or_else(|| {
            CliError::undecided("IRSA-X033", "the cluster's answer to the TokenRequest has no token in it")
                .with_fix("does `kubectl create token` with the same cluster and ServiceAccount give one?")
        })
    }

    fn body(&self) -> Value {
        let mut spec = json!({"audiences": [self.audience], "expirationSeconds": self.expiration_seconds});
        if let (Some(pod), Some(spec)) = (&self.pod, spec.as_object_mut()) {
            let bound = json!({"kind": "Pod", "apiVersion": "v1", "name": pod.name, "uid": pod.uid});
            spec.insert("boundObjectRef".to_owned(), bound);
        }
        json!({"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "spec": spec})
    }
}

/// Token and life of an answer. The API server writes the life that it granted over the one that was asked for.
fn granted(answer: &Value, now: i64) -> Option<Granted> {
    let token = answer.pointer("/status/token")?.as_str().filter(|token| !token.is_empty())?;
    let ends = answer.pointer("/status/expirationTimestamp").and_then(Value::as_str);
    let ends = ends.and_then(|time| time.parse::<jiff::Timestamp>().ok());
    let seconds = answer
        .pointer("/spec/expirationSeconds")
        .and_then(Value::as_i64)
        .or_else(|| ends.map(|ends| ends.as_second().saturating_sub(now)))?;
    Some(Granted { token: token.to_owned(), seconds })
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
        let check = |asked_at, seconds, jitter, expected| {
            assert_eq!(
                Lease { asked_at, seconds }.refresh_at(jitter),
                expected,
                "{asked_at} {seconds} {jitter}"
            );
        };
        check(1_000, 600, 0, 1_480);
        check(1_000, 600, 10, 1_470);
        check(0, 86_400, 0, 69_120);
        check(0, 86_400, 10, 69_110);
        check(0, 172_800, 0, 86_400);
        // Never at once, and never because the jitter is longer than the token lives.
        check(1_000, 10, 10, 1_008);
        check(1_000, 0, 10, 1_001);
        check(1_000, -5, 0, 1_001);
    }

    #[test]
    fn the_clock_decides_also_when_it_jumps() {
        let lease = Lease { asked_at: 1_000, seconds: 600 };
        assert_eq!(lease.wait_until(1_480, 1_000), Some(Duration::from_secs(30)));
        assert_eq!(lease.wait_until(1_480, 1_475), Some(Duration::from_secs(5)));
        assert_eq!(lease.wait_until(1_480, 1_480), None);
        assert_eq!(lease.wait_until(1_480, 900), None);
        assert!(!lease.has_ended(1_599) && lease.has_ended(1_600));
    }

    #[test]
    fn tokens_are_bound_to_pods_that_are_there() {
        let mut request = TokenRequest {
            namespace: "dev".to_owned(),
            service_account: "s3-app".to_owned(),
            audience: "sts.amazonaws.com".to_owned(),
            expiration_seconds: 3600,
            pod: None,
        };
        let spec = json!({"audiences": ["sts.amazonaws.com"], "expirationSeconds": 3600});
        assert_eq!(request.body().get("spec"), Some(&spec));
        request.pod = Some(BoundPod { name: "web-1".to_owned(), uid: "u-1".to_owned() });
        let bound = json!({"kind": "Pod", "apiVersion": "v1", "name": "web-1", "uid": "u-1"});
        assert_eq!(request.body().pointer("/spec/boundObjectRef"), Some(&bound));
    }

    #[test]
    fn the_granted_life_counts() {
        let life = |answer: Value| granted(&answer, 1_000).map(|granted| granted.seconds);
        let status = json!({"token": "t", "expirationTimestamp": "1970-01-01T01:00:00Z"});
        assert_eq!(life(json!({"spec": {"expirationSeconds": 900}, "status": status})), Some(900));
        assert_eq!(life(json!({"status": status})), Some(2_600));
        assert_eq!(life(json!({"status": {"token": "t"}})), None);
        assert_eq!(life(json!({"spec": {"expirationSeconds": 900}, "status": {"token": ""}})), None);
        assert_eq!(life(Value::Null), None);
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
