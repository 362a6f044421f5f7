//! Issuers served by ourselves: the documents of several clusters, each at its own URL, from one process.
//!
//! What is served is checked before ([`sources`]), and stays as it last was right: a verifier that finds no keys refuses every
//! token of the cluster. There are only public keys here, and nothing that a request can change.

mod metrics;
mod site;
mod sources;

pub use site::SiteError;
pub use sources::Source;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Version, header};
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::documents::CACHE_CONTROL;
use crate::certificates::Current;
use crate::connections::answer::{Answer, answer, method_not_allowed, not_found, text};
use crate::connections::{self, Limits};
use crate::webhook::tls::{TlsOptions, TlsOptionsError, server_config};
use metrics::Metrics;
use site::{Kind, Page, Site};

/// So long after the start every issuer has to be there before the server is ready. Later one is enough: a cluster that is
/// away must not take the others' issuers with it when a replica begins anew.
const PATIENCE: Duration = Duration::from_secs(60);
/// So long running requests may take at the end.
const MOST_DRAIN: Duration = Duration::from_secs(10);

/// The server of several issuers.
pub struct IssuerServer {
    sites: Vec<(Arc<Site>, Source)>,
    /// By path: usually one site, several where issuers differ in their host alone.
    paths: HashMap<String, Vec<(Arc<Site>, Kind)>>,
    certificate: Option<Arc<Current>>,
    metrics: Metrics,
    started: Instant,
    is_draining: AtomicBool,
    clock: fn() -> i64,
}

/// Where it listens, and how it ends.
pub struct Ports {
    /// For verifiers: over TLS when the server has a certificate.
    pub public: TcpListener,
    /// Plain HTTP for operators: `/healthz`, `/readyz` with all that is known, `/metrics`.
    pub operators: Option<TcpListener>,
    /// So long the server goes on answering, no longer ready, before it stops.
    pub drain: Duration,
}

impl IssuerServer {
    /// A server of these issuers, by their URLs; over TLS with `certificate`, else for a proxy that has one.
    ///
    /// # Errors
    /// [`SiteError`] when a URL is no issuer, or is there twice.
    pub fn new(
        sites: Vec<(String, Source)>,
        certificate: Option<Arc<Current>>,
        clock: fn() -> i64,
    ) -> Result<Self, SiteError> {
        let mut known: Vec<(Arc<Site>, Source)> = Vec::new();
        let mut paths: HashMap<String, Vec<(Arc<Site>, Kind)>> = HashMap::new();
        for (url, source) in sites {
            let site = Arc::new(Site::new(&url)?);
            if known.iter().any(|(other, _)| other.is_at(&site)) {
                return Err(SiteError::Twice(url));
            }
            for kind in Kind::ALL {
                paths.entry(site.path(kind)).or_default().push((Arc::clone(&site), kind));
            }
            known.push((site, source));
        }
        Ok(Self {
            metrics: Metrics::new(),
            sites: known,
            paths,
            certificate,
            started: Instant::now(),
            is_draining: AtomicBool::new(false),
            clock,
        })
    }

    /// Serves until `stop`, then drains.
    ///
    /// # Errors
    /// When the TLS library refuses its own defaults.
    pub async fn serve(
        self: Arc<Self>,
        ports: Ports,
        stop: CancellationToken,
    ) -> Result<(), TlsOptionsError> {
        let tls = match &self.certificate {
            Some(current) => Some(server_config(&TlsOptions::default(), Arc::clone(current))?),
            None => None,
        };
        let (tasks, ended) = (TaskTracker::new(), CancellationToken::new());
        for (site, source) in &self.sites {
            tasks.spawn(source.clone().follow(Arc::clone(site), ended.clone()));
        }
        let server = Arc::clone(&self);
        let public = move |_peer, request| std::future::ready(server.answer(&request));
        tasks.spawn(connections::serve(
            ports.public,
            tls,
            Limits::public(),
            public,
            ended.clone(),
            tasks.clone(),
        ));
        if let Some(listener) = ports.operators {
            let server = Arc::clone(&self);
            let operators = move |_peer, request| std::future::ready(server.answer_operator(&request));
            let limits = Limits::default();
            tasks.spawn(connections::serve(listener, None, limits, operators, ended.clone(), tasks.clone()));
        }

        stop.cancelled().await;
        self.is_draining.store(true, Ordering::Relaxed);
        tokio::time::sleep(ports.drain).await;
        ended.cancel();
        tasks.close();
        let _ = tokio::time::timeout(MOST_DRAIN, tasks.wait()).await;
        Ok(())
    }

    /// Whether verifiers can be sent here, and why.
    #[must_use]
    pub fn ready(&self) -> (bool, String) {
        let (mut all, mut any, mut lines) = (true, false, String::new());
        for (site, _) in &self.sites {
            let (is_there, state) = site.state();
            (all, any) = (all && is_there, any || is_there);
            let _ = writeln!(lines, "{}{} {state}", sign(is_there), site.issuer());
        }
        let mut is_ready = all || (any && self.started.elapsed() >= PATIENCE);
        let mut line = |is_good: bool, text: &str| {
            is_ready &= is_good;
            let _ = writeln!(lines, "{}{text}", sign(is_good));
        };
        if let Some(certificate) = &self.certificate {
            let now = (self.clock)();
            match certificate.validity() {
                None => line(false, "certificate none yet"),
                Some(validity) if now < validity.not_before => line(false, "certificate not yet valid"),
                Some(validity) if now > validity.not_after => line(false, "certificate expired"),
                Some(validity) => {
                    line(true, &format!("certificate ok, valid for {} s", validity.not_after - now));
                }
            }
        }
        if self.is_draining.load(Ordering::Relaxed) {
            line(false, "shutdown in progress");
        }
        (is_ready, lines)
    }

    fn answer(&self, request: &Request<Incoming>) -> Answer {
        let path = request.uri().path();
        let is_get = request.method() == Method::GET || request.method() == Method::HEAD;
        let found = self.find(request);
        let mut answer = match (path, found) {
            (_, Some(_)) | ("/healthz" | "/readyz", _) if !is_get => method_not_allowed("GET, HEAD"),
            (_, Some((site, kind))) => match site.page(*kind) {
                Some(page) => document(&page, request.headers()),
                None => not_yet(),
            },
            ("/healthz", None) => text(StatusCode::OK, "ok"),
            // Strangers reach this port: what is wrong is told to operators.
            ("/readyz", None) => readiness(self.ready().0, "ok"),
            (_, None) => not_found(),
        };
        self.metrics.count(found.map(|(_, kind)| *kind), answer.status());
        if request.method() == Method::HEAD {
            answer = without_body(answer);
        }
        if request.version() <= Version::HTTP_11 && self.is_draining.load(Ordering::Relaxed) {
            answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }

    fn answer_operator(&self, request: &Request<Incoming>) -> Answer {
        match request.uri().path() {
            _ if request.method() != Method::GET => method_not_allowed("GET"),
            "/metrics" => self.metrics_text(),
            "/healthz" => text(StatusCode::OK, "ok"),
            "/readyz" => {
                let (is_ready, lines) = self.ready();
                readiness(is_ready, &lines)
            }
            _ => not_found(),
        }
    }

    /// The document that is asked for: by its path; by the host as well where several issuers have the path.
    fn find(&self, request: &Request<Incoming>) -> Option<&(Arc<Site>, Kind)> {
        let candidates = self.paths.get(request.uri().path())?;
        if let [only] = candidates.as_slice() {
            return Some(only);
        }
        let host = request.uri().authority().map(http::uri::Authority::as_str);
        let host = host.or_else(|| request.headers().get(header::HOST)?.to_str().ok())?;
        candidates.iter().find(|(site, _)| site.is_called(host))
    }
}

fn sign(is_good: bool) -> &'static str {
    if is_good { "[+]" } else { "[-]" }
}

fn readiness(is_ready: bool, lines: &str) -> Answer {
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    text(status, if is_ready { lines.to_owned() } else { format!("{lines}\nnot ready\n") })
}

/// Kubernetes' headers, and an `ETag` (RFC 9110 §8.8.3, §13.1.2).
fn document(page: &Page, asked: &HeaderMap) -> Answer {
    let is_known = asked.get_all(header::IF_NONE_MATCH).iter().any(|tags| names(tags, &page.etag));
    let mut answer = if is_known {
        let mut answer = Answer::default();
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        answer
    } else {
        answer(StatusCode::OK, page.media_type, page.body.clone())
    };
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(CACHE_CONTROL));
    answer.headers_mut().insert(header::ETAG, page.etag.clone());
    answer
}

/// Whether a list of entity tags names this one; proxies that compress make tags weak.
fn names(tags: &HeaderValue, etag: &HeaderValue) -> bool {
    let (Ok(tags), Ok(etag)) = (tags.to_str(), etag.to_str()) else { return false };
    let weak = |tag: &str| tag.trim().strip_prefix("W/").unwrap_or(tag.trim()) == etag;
    tags.trim() == "*" || tags.split(',').any(weak)
}

/// The issuer's documents were not read yet. Never 404, which verifiers might remember.
fn not_yet() -> Answer {
    let mut answer = text(StatusCode::SERVICE_UNAVAILABLE, "the issuer's keys are not known yet\n");
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// The answer to HEAD: the same headers (RFC 9110 §9.3.2).
fn without_body(answer: Answer) -> Answer {
    use hyper::body::Body as _;
    let (mut parts, body) = answer.into_parts();
    if parts.status != StatusCode::NOT_MODIFIED
        && let Some(length) = body.size_hint().exact()
    {
        parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    Answer::from_parts(parts, Default::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entity_tags_are_compared_weakly() {
        let etag = HeaderValue::from_static("\"abc\"");
        for (tags, expected) in [
            ("\"abc\"", true),
            ("W/\"abc\"", true),
            ("\"x\", \"abc\"", true),
            ("\"x\" ,W/\"abc\"", true),
            ("*", true),
            ("abc", false),
            ("\"ab\"", false),
            ("", false),
        ] {
            assert_eq!(names(&HeaderValue::from_static(tags), &etag), expected, "{tags}");
        }
    }

    #[test]
    fn an_issuer_is_served_once() {
        let folder = || Source::Folder("/nowhere".into());
        let server = |urls: &[&str]| {
            let sites = urls.iter().map(|url| ((*url).to_owned(), folder())).collect();
            IssuerServer::new(sites, None, || 0).map(|server| server.paths.len())
        };
        assert_eq!(server(&["https://a.example/c1", "https://a.example/c2"]).unwrap(), 4);
        assert_eq!(server(&["https://a.example/c1", "https://b.example/c1"]).unwrap(), 2);
        for twice in ["https://a.example/c1", "https://a.example/c1/", "https://A.example:443/c1"] {
            assert!(matches!(server(&["https://a.example/c1", twice]), Err(SiteError::Twice(_))), "{twice}");
        }
        assert!(matches!(server(&["http://a.example"]), Err(SiteError::Issuer { .. })));
    }

    #[test]
    fn one_issuer_that_is_away_does_not_take_the_others_with_it_for_ever() {
        let sites = ["https://a.example", "https://b.example"];
        let sites = sites.map(|url| (url.to_owned(), Source::Folder("/nowhere".into()))).into();
        let mut server = IssuerServer::new(sites, None, || 0).unwrap();
        assert!(!server.ready().0);
        server.sites[0].0.replace(b"d".to_vec(), b"k".to_vec(), 1);
        server.sites[1].0.keep("away".to_owned());
        let (is_ready, lines) = server.ready();
        assert!(!is_ready);
        assert!(lines.starts_with("[+]https://a.example ok, keys: 1"), "{lines}");
        assert!(lines.ends_with("[-]https://b.example never read: away\n"), "{lines}");
        server.started = Instant::now().checked_sub(PATIENCE).unwrap();
        assert!(server.ready().0);
        server.is_draining.store(true, Ordering::Relaxed);
        assert!(!server.ready().0);
    }
}
