//! What `/metrics` tells, in Prometheus' conventions.

use http::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::IssuerServer;
use super::site::Kind;
use crate::connections::answer::{Answer, answer};

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The counters of the server.
pub(super) struct Metrics {
    requests: Family<RequestLabels, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    document: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct IssuerLabel {
    issuer: String,
}

impl Metrics {
    pub(super) fn new() -> Self {
        Self { requests: Family::default() }
    }

    pub(super) fn count(&self, document: Option<Kind>, status: StatusCode) {
        let document = match document {
            Some(Kind::Discovery) => "discovery",
            Some(Kind::Jwks) => "jwks",
            None => "other",
        };
        self.requests.get_or_create(&RequestLabels { document, status: status.as_u16() }).inc();
    }
}

impl IssuerServer {
    pub(super) fn metrics_text(&self) -> Answer {
        let mut registry = Registry::with_prefix("irsa_issuer");
        registry.register(
            "requests",
            "Answered requests, by document and status",
            self.metrics.requests.clone(),
        );
        let (served, keys) =
            (Family::<IssuerLabel, Gauge>::default(), Family::<IssuerLabel, Gauge>::default());
        let age = Family::<IssuerLabel, Gauge<f64, std::sync::atomic::AtomicU64>>::default();
        let failures = Family::<IssuerLabel, Counter>::default();
        for (site, _) in &self.sites {
            let (label, standing) = (IssuerLabel { issuer: site.issuer().to_owned() }, site.standing());
            served.get_or_create(&label).set(i64::from(standing.is_there));
            keys.get_or_create(&label).set(i64::try_from(standing.keys).unwrap_or(i64::MAX));
            failures.get_or_create(&label).inc_by(standing.failures);
            if let Some(since) = standing.age {
                age.get_or_create(&label).set(since.as_secs_f64());
            }
        }
        registry.register("served", "Whether an issuer's documents are served", served);
        registry.register("keys", "Keys that are published", keys);
        let help = "Time since an issuer's source was last read well";
        registry.register_with_unit("source_age", help, Unit::Seconds, age);
        registry.register("source_failures", "How often an issuer's source could not be read", failures);
        let ready = Gauge::<i64>::default();
        ready.set(i64::from(self.ready().0));
        registry.register("ready", "Whether verifiers can be sent here", ready);
        if let Some(validity) = self.certificate.as_ref().and_then(|certificate| certificate.validity()) {
            let expiry = Gauge::<i64>::default();
            expiry.set(validity.not_after);
            registry.register(
                "certificate_expiry_timestamp_seconds",
                "When the serving certificate expires",
                expiry,
            );
        }
        let mut text = String::new();
        let status = match encode(&mut text, &registry) {
            Ok(()) => StatusCode::OK,
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        answer(status, CONTENT_TYPE, text)
    }
}
