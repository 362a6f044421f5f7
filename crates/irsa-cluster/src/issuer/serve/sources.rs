//! Where an issuer's documents come from, and what they have to be before they are served.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use irsa_token::discovery::{JWKS_PATH, PATH};
use irsa_token::{Document, Jwks};
use tokio_util::sync::CancellationToken;

use super::site::Site;
use crate::api_server::ApiServer;
use crate::issuer::documents::documents;
use crate::issuer::live;

/// How often a folder's files are looked at.
const FOLDER_EVERY: Duration = Duration::from_secs(2);
/// How often a cluster is asked.
const CLUSTER_EVERY: Duration = Duration::from_secs(60);
/// How soon a cluster is asked again that did not answer.
const CLUSTER_AGAIN: Duration = Duration::from_secs(10);
/// The largest document that is served: verifiers read no more.
const MOST_BYTES: u64 = 64 * 1024;

/// Where the documents of an issuer come from.
#[derive(Clone)]
pub enum Source {
    /// A folder, as `irsa issuer publish` writes it; what changes in it is served at once.
    Folder(PathBuf),
    /// A cluster's API server, asked every minute.
    Cluster(Box<ApiServer>),
}

impl Source {
    /// Keeps `site` as the source has it, until `stop`. While the source cannot be used, what was served stays.
    pub(super) async fn follow(self, site: Arc<Site>, stop: CancellationToken) {
        loop {
            let is_read = match self.read(&site).await {
                Ok(()) => true,
                Err(error) => {
                    site.keep(error);
                    false
                }
            };
            let pause = match (&self, is_read) {
                (Self::Folder(_), _) => FOLDER_EVERY,
                (Self::Cluster(_), true) => CLUSTER_EVERY,
                (Self::Cluster(_), false) => CLUSTER_AGAIN,
            };
            if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return;
            }
        }
    }

    async fn read(&self, site: &Site) -> Result<(), String> {
        match self {
            Self::Folder(folder) => {
                let discovery = file(&folder.join(PATH.trim_start_matches('/'))).await?;
                let jwks = file(&folder.join(JWKS_PATH.trim_start_matches('/'))).await?;
                let keys = checked(&discovery, &jwks, site)?;
                site.replace(discovery, jwks, keys);
            }
            Self::Cluster(api) => {
                let live = live::read(api).await.map_err(|error| error.to_string())?;
                let written = documents(site.issuer(), &live.keys).map_err(|error| error.to_string())?;
                let [discovery, jwks] = written.map(|document| document.body);
                checked(&discovery, &jwks, site)?;
                site.note_issuer(&live.issuer);
                site.replace(discovery, jwks, live.keys.len());
            }
        }
        Ok(())
    }
}

async fn file(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| format!("{}: {error}", path.display());
    let length = tokio::fs::metadata(path).await.map_err(unreadable)?.len();
    if length > MOST_BYTES {
        return Err(format!("{}: it is larger than {MOST_BYTES} bytes", path.display()));
    }
    tokio::fs::read(path).await.map_err(unreadable)
}

/// The number of keys, when both documents are those of `site` and verifiers can use all of them.
fn checked(discovery: &[u8], jwks: &[u8], site: &Site) -> Result<usize, String> {
    let document = Document::parse(discovery, site.issuer()).map_err(|error| error.to_string())?;
    if document.jwks_uri != site.jwks_uri() {
        return Err(format!("its `jwks_uri` is {}, not {}", document.jwks_uri, site.jwks_uri()));
    }
    let keys = Jwks::parse(jwks).map_err(|error| error.to_string())?;
    match (keys.unusable().first(), keys.keys().len()) {
        (Some(unusable), _) => Err(unusable.to_string()),
        (None, 0) => Err("there is no key in the key set".to_owned()),
        (None, number) => Ok(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issuer::keys;

    const JWKS: &str = include_str!("../../../../irsa-token/src/fixtures/jwks.json");

    #[test]
    fn documents_that_nobody_could_use_are_not_served() {
        let site = Site::new("https://a.example/c1").unwrap();
        let of = |issuer: &str| documents(issuer, &keys::read(JWKS).unwrap()).unwrap().map(|d| d.body);
        let [discovery, jwks] = of("https://a.example/c1");
        assert_eq!(checked(&discovery, &jwks, &site), Ok(1));
        let refused = |discovery: &[u8], jwks: &[u8]| checked(discovery, jwks, &site).unwrap_err();
        assert!(
            refused(&of("https://a.example/c2")[0], &jwks).contains("of the issuer `https://a.example/c2`")
        );
        assert!(refused(&of("https://a.example/c1/")[0], &jwks).contains("of the issuer"));
        assert!(refused(b"{}", &jwks).contains("malformed"));
        assert!(refused(&discovery, b"{}").contains("keys"));
        assert_eq!(refused(&discovery, br#"{"keys":[]}"#), "there is no key in the key set");
        let elsewhere =
            String::from_utf8(discovery.clone()).unwrap().replace("/openid/v1/jwks", "/keys.json");
        assert!(refused(elsewhere.as_bytes(), &jwks).contains("/keys.json, not "));
        let other = JWKS.replace("\"kty\":\"RSA\"", "\"kty\":\"OKP\"");
        assert!(refused(&discovery, other.as_bytes()).contains("kty"));
    }
}
