//! A certificate and its key in two files, such as cert-manager's Secret mounted into the pod.
//!
//! Their content is compared every few seconds: Kubernetes replaces mounted Secrets by exchanging a symbolic link, which file
//! notifications miss.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{CertificateError, Current, Serving};

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(2);

/// The two files.
#[derive(Debug, Clone)]
pub struct Files {
    /// The chain, the server's own certificate first.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// What they hold.
#[derive(PartialEq, Eq)]
struct Content {
    certificate: Vec<u8>,
    key: zeroize::Zeroizing<Vec<u8>>,
}

impl Files {
    /// Keeps `current` as the files have it, until `stop`. While they cannot be used the last good certificate stays.
    ///
    /// They are read before it returns, so that the first handshake has a certificate.
    pub fn follow(self, current: Arc<Current>, stop: CancellationToken) -> JoinHandle<()> {
        let mut follower = Follower { files: self, current, used: None, complaint: String::new() };
        follower.look();
        tokio::spawn(async move {
            while stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
                follower.look();
            }
        })
    }

    /// The certificate, unless it is the one that is used.
    fn load(&self, used: Option<&Content>) -> Result<Option<(Content, Serving)>, CertificateError> {
        let content =
            Content { certificate: read(&self.certificate)?, key: zeroize::Zeroizing::new(read(&self.key)?) };
        if used == Some(&content) {
            return Ok(None);
        }
        let serving = Serving::from_pem(&content.certificate, &content.key)?;
        Ok(Some((content, serving)))
    }
}

/// What keeps a certificate as the files have it.
struct Follower {
    files: Files,
    current: Arc<Current>,
    used: Option<Content>,
    /// What was said last of files that cannot be used, to say it once.
    complaint: String,
}

impl Follower {
    fn look(&mut self) {
        match self.files.load(self.used.as_ref()) {
            Ok(None) => {}
            Ok(Some((content, serving))) => {
                let until = serving.validity.not_after;
                self.current.replace(serving);
                if self.used.replace(content).is_some() {
                    tracing::info!(file = %self.files.certificate.display(), until, "the certificate was replaced");
                }
                self.complaint.clear();
            }
            Err(error) => {
                let error = error.to_string();
                if error != self.complaint {
                    tracing::warn!(%error, "the certificate's files cannot be used");
                    self.complaint = error;
                }
            }
        }
    }
}

fn read(file: &Path) -> Result<Vec<u8>, CertificateError> {
    std::fs::read(file).map_err(|cause| CertificateError::File { file: file.display().to_string(), cause })
}

#[cfg(test)]
mod tests {
    use super::super::authority::Material;
    use super::*;

    #[tokio::test]
    async fn the_first_handshake_has_a_certificate() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files { certificate: folder.path().join("tls.crt"), key: folder.path().join("tls.key") };
        let made = Material::begin(&["hook.eks.svc".to_owned()], 1_800_000_000).unwrap();
        std::fs::write(&files.certificate, &made.certificate).unwrap();
        std::fs::write(&files.key, made.key.as_bytes()).unwrap();
        let (current, stop) = (Arc::new(Current::default()), CancellationToken::new());
        // Nothing is awaited between: this thread's other tasks have not run yet.
        let following = files.follow(Arc::clone(&current), stop.clone());
        assert!(current.validity().is_some());
        stop.cancel();
        following.await.unwrap();
    }
}
