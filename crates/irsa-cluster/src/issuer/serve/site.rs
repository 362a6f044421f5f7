//! One issuer that is served: where it is asked for, what is answered, and how fresh that is.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::HeaderValue;
use irsa_token::discovery::{JWKS_PATH, PATH};
use irsa_token::{IssuerError, provider_name};

use crate::issuer::documents::{DISCOVERY_TYPE, JWKS_TYPE};

/// Why a URL cannot be served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SiteError {
    /// It is no issuer.
    #[error("{url}: {cause}")]
    Issuer {
        /// The URL.
        url: String,
        /// Why not.
        cause: IssuerError,
    },
    /// It is there already.
    #[error("{0} is served already")]
    Twice(String),
}

/// One of an issuer's two documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Discovery,
    Jwks,
}

impl Kind {
    pub(super) const ALL: [Kind; 2] = [Kind::Discovery, Kind::Jwks];
}

/// A document as it is answered.
#[derive(Debug, Clone)]
pub(super) struct Page {
    pub(super) media_type: &'static str,
    pub(super) body: Bytes,
    pub(super) etag: HeaderValue,
}

/// An issuer.
pub(super) struct Site {
    issuer: String,
    /// `host[:port]` in lower case, without `:443`.
    authority: String,
    /// The path of its URL, without a slash at the end.
    base: String,
    pages: ArcSwapOption<[Page; 2]>,
    freshness: Mutex<Freshness>,
}

#[derive(Debug, Default)]
struct Freshness {
    read: Option<Instant>,
    keys: usize,
    failures: u64,
    error: Option<String>,
    /// The issuer whose tokens the cluster signs, when it is another one.
    signs_for: Option<String>,
}

/// How fresh a site is, for metrics.
pub(super) struct Standing {
    pub(super) is_there: bool,
    pub(super) age: Option<Duration>,
    pub(super) keys: usize,
    pub(super) failures: u64,
}

impl Site {
    pub(super) fn new(url: &str) -> Result<Self, SiteError> {
        let name = provider_name(url).map_err(|cause| SiteError::Issuer { url: url.to_owned(), cause })?;
        let (authority, path) =
            name.find('/').and_then(|slash| name.split_at_checked(slash)).unwrap_or((&name, ""));
        Ok(Self {
            issuer: url.to_owned(),
            authority: authority.to_ascii_lowercase(),
            base: path.strip_suffix('/').unwrap_or(path).to_owned(),
            pages: ArcSwapOption::empty(),
            freshness: Mutex::default(),
        })
    }

    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Where its keys are, as its discovery document has it.
    pub(super) fn jwks_uri(&self) -> String {
        format!("{}{JWKS_PATH}", self.issuer.strip_suffix('/').unwrap_or(&self.issuer))
    }

    /// The path of a request for a document.
    pub(super) fn path(&self, kind: Kind) -> String {
        let below = match kind {
            Kind::Discovery => PATH,
            Kind::Jwks => JWKS_PATH,
        };
        format!("{}{below}", self.base)
    }

    /// Whether both have the same URLs.
    pub(super) fn is_at(&self, other: &Site) -> bool {
        self.authority == other.authority && self.base == other.base
    }

    /// Whether a request's host is this issuer's. A proxy may listen on another port than it is reached at.
    pub(super) fn is_called(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        without_port(&host) == without_port(&self.authority)
    }

    pub(super) fn page(&self, kind: Kind) -> Option<Page> {
        let pages = self.pages.load();
        let [discovery, jwks] = &**pages.as_ref()?;
        Some(match kind {
            Kind::Discovery => discovery.clone(),
            Kind::Jwks => jwks.clone(),
        })
    }

    /// Serves these from now on. They were checked.
    pub(super) fn replace(&self, discovery: Vec<u8>, jwks: Vec<u8>, keys: usize) {
        let pages = [page(DISCOVERY_TYPE, discovery), page(JWKS_TYPE, jwks)];
        let is_new = self
            .pages
            .load()
            .as_ref()
            .is_none_or(|old| old.iter().map(|page| &page.body).ne(pages.iter().map(|page| &page.body)));
        if is_new {
            self.pages.store(Some(Arc::new(pages)));
            tracing::info!(issuer = self.issuer, keys, "the issuer's documents are served");
        }
        let mut freshness = self.freshness();
        if freshness.error.take().is_some() && !is_new {
            tracing::info!(issuer = self.issuer, "the issuer's source answers again");
        }
        (freshness.read, freshness.keys) = (Some(Instant::now()), keys);
    }

    /// The issuer whose tokens the cluster signs. Another one than this is told: before a cluster is moved to a new issuer that is
    /// as it should be, afterwards it is a mistake, such as a slash at the end.
    pub(super) fn note_issuer(&self, live: &str) {
        let other = (live != self.issuer).then(|| live.to_owned());
        let mut freshness = self.freshness();
        if freshness.signs_for != other {
            if let Some(other) = &other {
                tracing::warn!(issuer = self.issuer, other, "the cluster signs tokens of another issuer");
            }
            freshness.signs_for = other;
        }
    }

    /// Keeps what is served, and tells that it is not fresh.
    pub(super) fn keep(&self, error: String) {
        let mut freshness = self.freshness();
        freshness.failures += 1;
        if freshness.error.as_ref() != Some(&error) {
            tracing::warn!(issuer = self.issuer, %error, "the issuer's source cannot be read");
            freshness.error = Some(error);
        }
    }

    /// Whether there is something to serve, and how fresh it is, in a line.
    pub(super) fn state(&self) -> (bool, String) {
        let freshness = self.freshness();
        let error = freshness.error.as_deref().map(|error| error.replace(['\r', '\n'], " "));
        let read = freshness.read.map(|read| read.elapsed().as_secs());
        match (read, error) {
            (Some(age), None) => {
                let mut text = format!("ok, keys: {}, read {age} s ago", freshness.keys);
                if let Some(other) = &freshness.signs_for {
                    text.push_str(&format!(
                        "; the cluster signs tokens of {}",
                        other.replace(['\r', '\n'], " ")
                    ));
                }
                (true, text)
            }
            (Some(age), Some(error)) => (true, format!("stale: last read {age} s ago: {error}")),
            (None, Some(error)) => (false, format!("never read: {error}")),
            (None, None) => (false, "not read yet".to_owned()),
        }
    }

    pub(super) fn standing(&self) -> Standing {
        let freshness = self.freshness();
        Standing {
            is_there: freshness.read.is_some(),
            age: freshness.read.map(|read| read.elapsed()),
            keys: freshness.keys,
            failures: freshness.failures,
        }
    }

    fn freshness(&self) -> std::sync::MutexGuard<'_, Freshness> {
        self.freshness.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn page(media_type: &'static str, body: Vec<u8>) -> Page {
    let digest = URL_SAFE_NO_PAD.encode(digest(&SHA256, &body));
    let etag = HeaderValue::from_str(&format!("\"{digest}\""))
        .unwrap_or_else(|_never| HeaderValue::from_static("\"\""));
    Page { media_type, body: body.into(), etag }
}

/// `[::1]:443` has colons before its port.
fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuers_documents_stand_below_its_url() {
        for (url, discovery) in [
            ("https://a.example", "/.well-known/openid-configuration"),
            ("https://a.example/", "/.well-known/openid-configuration"),
            ("https://a.example:8443/c1", "/c1/.well-known/openid-configuration"),
            ("https://a.example/b/c1/", "/b/c1/.well-known/openid-configuration"),
        ] {
            assert_eq!(Site::new(url).unwrap().path(Kind::Discovery), discovery, "{url}");
        }
        assert_eq!(Site::new("https://a.example/c1/").unwrap().path(Kind::Jwks), "/c1/openid/v1/jwks");
    }

    #[test]
    fn hosts_are_compared_without_case_and_port() {
        let site = Site::new("https://A.example:8443/c1").unwrap();
        for (host, expected) in
            [("a.example", true), ("A.Example:443", true), ("b.example", false), ("", false)]
        {
            assert_eq!(site.is_called(host), expected, "{host}");
        }
        assert!(Site::new("https://[::1]/").unwrap().is_called("[::1]:8443"));
    }

    #[test]
    fn what_is_served_stays_while_the_source_is_away() {
        let site = Site::new("https://a.example").unwrap();
        assert_eq!(site.state(), (false, "not read yet".to_owned()));
        site.keep("away".to_owned());
        assert_eq!(site.state(), (false, "never read: away".to_owned()));
        assert!(site.page(Kind::Jwks).is_none());
        site.replace(b"d".to_vec(), b"k".to_vec(), 1);
        let etag = site.page(Kind::Jwks).unwrap().etag;
        site.keep("away\nagain".to_owned());
        assert_eq!(site.state(), (true, "stale: last read 0 s ago: away again".to_owned()));
        assert_eq!(site.page(Kind::Jwks).unwrap().etag, etag);
        site.replace(b"d".to_vec(), b"other".to_vec(), 2);
        assert_ne!(site.page(Kind::Jwks).unwrap().etag, etag);
        assert_eq!(site.state(), (true, "ok, keys: 2, read 0 s ago".to_owned()));
        site.note_issuer("https://a.example/");
        assert!(site.state().1.ends_with("; the cluster signs tokens of https://a.example/"));
        site.note_issuer("https://a.example");
        assert!(site.state().1.ends_with("s ago"));
    }
}
