//! The pod identity webhook as a server: HTTPS for reviews and probes, plain HTTP for metrics.
//!
//! A pod whose ServiceAccount is in the cache is answered without asking anybody. For one that is not, the API server is asked
//! within the review's time, and only then is it decided ([`review`]). It is ready when its cache is synced and its
//! certificate is valid ([`readiness`]).

mod debug;
mod events;
mod metrics;
pub mod readiness;
mod review;
mod sources;
mod timeout;
pub mod tls;

pub use timeout::duration;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use http::{HeaderValue, Method, Request, StatusCode, Version, header};
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::accounts::Cache;
use crate::accounts::live::LiveLookup;
use crate::admission::Decision;
use crate::api_server::ApiServer;
use crate::certificates::Current;
use crate::connections::answer::{Answer, answer, method_not_allowed, not_found, text};
use crate::connections::{self, Limits};
use crate::mutate::{Identities, Mapping, Settings};
use crate::watch::WatchHealth;
use events::Events;
use metrics::Metrics;
use tls::TlsOptions;

/// Reviews whose identity may be left out when nothing can be found out in time: for `failurePolicy: Ignore`.
pub const MUTATE: &str = "/mutate";
/// Reviews that are denied then: for `failurePolicy: Fail`, of those who asked for it.
pub const MUTATE_STRICT: &str = "/mutate/strict";
/// So long running requests may take at the end, as with amazon-eks-pod-identity-webhook.
const MOST_DRAIN: Duration = Duration::from_secs(10);

/// How the server is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// What pods get.
    pub settings: Settings,
    /// What becomes of a pod at [`MUTATE`] whose ServiceAccount is not found; at [`MUTATE_STRICT`] it is denied.
    pub on_missing: Decision,
    /// What becomes of a pod whose role is refused.
    pub on_refused: Decision,
    /// So long a ServiceAccount that does not exist is waited for.
    pub grace: Duration,
    /// Namespace and name of the ConfigMap with roles.
    pub config_map: Option<(String, String)>,
    /// The file with the ServiceAccounts of EKS Pod Identity.
    pub identities: Option<PathBuf>,
    /// Whether Events are written.
    pub events: bool,
    /// Whether metrics have amazon-eks-pod-identity-webhook's names too.
    pub upstream_metric_names: bool,
    /// Whether it tells what is in the cache, on the port of the metrics.
    pub debugging_handlers: bool,
    /// So long the server goes on answering, no longer ready, before it stops: until Services have taken it out.
    pub drain: Duration,
    /// The server's side of handshakes.
    pub tls: TlsOptions,
}

/// The server's state, shared by all that it does.
pub struct Webhook {
    options: Options,
    cache: Arc<Cache>,
    accounts_watch: Arc<WatchHealth>,
    config_map_watch: Option<Arc<WatchHealth>>,
    live: LiveLookup,
    mapping: ArcSwap<Mapping>,
    identities: ArcSwapOption<Identities>,
    certificate: Arc<Current>,
    metrics: Metrics,
    events: Events,
    is_draining: AtomicBool,
    random: AtomicU64,
    clock: fn() -> i64,
}

impl Webhook {
    /// A webhook that asks `api`, and tells the time by `clock`, in seconds since the epoch.
    #[must_use]
    pub fn new(options: Options, api: ApiServer, certificate: Arc<Current>, clock: fn() -> i64) -> Self {
        let prefix = &options.settings.annotation_prefix;
        Self {
            cache: Arc::new(Cache::new(prefix)),
            accounts_watch: Arc::default(),
            config_map_watch: options.config_map.as_ref().map(|_| Arc::default()),
            live: LiveLookup::new(api, prefix),
            mapping: ArcSwap::default(),
            identities: ArcSwapOption::empty(),
            certificate,
            metrics: Metrics::new(),
            events: Events::new(),
            is_draining: AtomicBool::new(false),
            random: AtomicU64::new(uuid::Uuid::new_v4().as_u64_pair().0),
            options,
            clock,
        }
    }

    /// Serves until `stop`, then drains: reviews on `https`, metrics on `plain`.
    ///
    /// # Errors
    /// When the TLS options fit nothing that the TLS library has.
    pub async fn serve(
        self: Arc<Self>,
        api: ApiServer,
        https: TcpListener,
        plain: TcpListener,
        stop: CancellationToken,
    ) -> Result<(), tls::TlsOptionsError> {
        let config = tls::server_config(&self.options.tls, Arc::clone(&self.certificate))?;
        let (sources, connections) = (TaskTracker::new(), TaskTracker::new());
        // Sources and connections outlive `stop`: what is answered while draining must be right, too.
        let ended = CancellationToken::new();
        self.follow_sources(&api, &sources, &ended);
        if self.options.events {
            sources.spawn(Arc::clone(&self).send_events(api, ended.clone()));
        }
        let webhook = Arc::clone(&self);
        let reviews = move |_peer, request| {
            let webhook = Arc::clone(&webhook);
            async move { webhook.answer(request).await }
        };
        let (limits, tracker) = (Limits::default(), connections.clone());
        connections.spawn(connections::serve(https, Some(config), limits, reviews, ended.clone(), tracker));
        let webhook = Arc::clone(&self);
        let metrics = move |_peer, request| std::future::ready(webhook.answer_plain(&request));
        let (limits, tracker) = (Limits::default(), connections.clone());
        connections.spawn(connections::serve(plain, None, limits, metrics, ended.clone(), tracker));

        stop.cancelled().await;
        self.is_draining.store(true, Ordering::Relaxed);
        tokio::time::sleep(self.options.drain).await;
        ended.cancel();
        connections.close();
        sources.close();
        let _ = tokio::time::timeout(MOST_DRAIN, connections.wait()).await;
        Ok(())
    }

    /// Answers on the HTTPS port.
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let is_http_1 = request.version() <= Version::HTTP_11;
        let is_get = request.method() == Method::GET || request.method() == Method::HEAD;
        let mut answer = match request.uri().path() {
            MUTATE => self.reviewed(request, self.options.on_missing).await,
            MUTATE_STRICT => self.reviewed(request, Decision::Deny).await,
            "/healthz" | "/readyz" if !is_get => method_not_allowed("GET, HEAD"),
            "/healthz" => text(StatusCode::OK, "ok"),
            "/readyz" => self.readiness(),
            _ => not_found(),
        };
        if is_http_1 && self.is_draining.load(Ordering::Relaxed) {
            answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }

    /// Answers on the metrics port.
    fn answer_plain(&self, request: &Request<Incoming>) -> Answer {
        match request.uri().path() {
            _ if request.method() != Method::GET && request.method() != Method::HEAD => {
                method_not_allowed("GET, HEAD")
            }
            "/metrics" => self.metrics_text(),
            "/healthz" => text(StatusCode::OK, "ok"),
            "/readyz" => self.readiness(),
            debug::CACHE if self.options.debugging_handlers => self.cache_as_json(),
            _ => not_found(),
        }
    }

    /// Another number for every pod (Weyl's sequence): it spreads tokens' lives and keeps no secret.
    fn next_random(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        self.random.fetch_add(STEP, Ordering::Relaxed) >> 16
    }
}
