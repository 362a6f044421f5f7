//! A certificate and its key in two files, such as cert-manager's Secret mounted into the pod.
//!
//! Their content is compared every few seconds: Kubernetes replaces mounted Secrets by exchanging a symbolic link, which file
//! notifications miss.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

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
    pub async fn follow(self, current: Arc<Current>, stop: CancellationToken) {
        let (mut used, mut complained) = (None, String::new());
        loop {
            match self.load(used.as_ref()) {
                Ok(None) => {}
                Ok(Some((content, serving))) => {
                    let until = serving.validity.not_after;
                    current.replace(serving);
                    if used.replace(content).is_some() {
                        tracing::info!(file = %self.certificate.display(), until, "the certificate was replaced");
                    }
                    complained.clear();
                }
                Err(error) => {
                    let error = error.to_string();
                    if error != complained {
                        tracing::warn!(%error, "the certificate's files cannot be used");
                        complained = error;
                    }
                }
            }
            if stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none() {
                return;
            }
        }
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

fn read(file: &Path) -> Result<Vec<u8>, CertificateError> {
    std::fs::read(file).map_err(|cause| CertificateError::File { file: file.display().to_string(), cause })
}
