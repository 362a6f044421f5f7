//! What `/metrics` tells: Prometheus' conventions, base units, bounded label sets; and, asked for, the names of
//! amazon-eks-pod-identity-webhook (`pkg/handler/middleware.go`, `pkg/cache/cache.go`).

mod upstream;

use std::time::Duration;

use http::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::{Answer, Webhook, answer};
use crate::admission::{Decision, Lookup, Outcome, Reviewed};
use crate::mutate::{Method, Warning};
use crate::watch::WatchHealth;
use upstream::UpstreamNames;

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The counters, gauges and histograms of the webhook.
pub(super) struct Metrics {
    registry: Registry,
    reviews: Family<OutcomeLabels, Counter>,
    durations: Histogram,
    refused: Family<StatusLabel, Counter>,
    warnings: Family<ReasonLabel, Counter>,
    lookups: Family<ResultLabel, Counter>,
    config_map_problems: Gauge,
    accounts: Gauge,
    synced: Gauge,
    watches: Family<ResourceLabel, Gauge<f64, std::sync::atomic::AtomicU64>>,
    breaks: Family<ResourceLabel, Gauge>,
    expiry: Gauge,
    ready: Gauge,
    events_left_out: Gauge,
    upstream: UpstreamNames,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
    allowed: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabel {
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResourceLabel {
    resource: &'static str,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let mut registry = Registry::with_prefix("irsa_webhook");
        let durations = Histogram::new([
            0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 10.0,
        ]);
        let metrics = Self {
            reviews: Family::default(),
            durations,
            refused: Family::default(),
            warnings: Family::default(),
            lookups: Family::default(),
            config_map_problems: Gauge::default(),
            accounts: Gauge::default(),
            synced: Gauge::default(),
            watches: Family::default(),
            breaks: Family::default(),
            expiry: Gauge::default(),
            ready: Gauge::default(),
            events_left_out: Gauge::default(),
            upstream: UpstreamNames::default(),
            registry: Registry::default(),
        };
        registry.register("reviews", "Answered reviews by outcome", metrics.reviews.clone());
        registry.register_with_unit(
            "review_duration",
            "Time from a review's head to its answer",
            Unit::Seconds,
            metrics.durations.clone(),
        );
        registry.register(
            "refused_requests",
            "Requests that were no reviews, by HTTP status",
            metrics.refused.clone(),
        );
        registry.register(
            "warnings",
            "What was odd about pods and ServiceAccounts",
            metrics.warnings.clone(),
        );
        registry.register(
            "live_lookups",
            "ServiceAccounts that were not in the cache and were asked for, by result",
            metrics.lookups.clone(),
        );
        registry.register(
            "config_map_problems",
            "Entries of the ConfigMap that are not as they should be",
            metrics.config_map_problems.clone(),
        );
        registry.register("service_accounts", "ServiceAccounts in the cache", metrics.accounts.clone());
        registry.register(
            "synced",
            "1 once the first list of ServiceAccounts was complete",
            metrics.synced.clone(),
        );
        registry.register_with_unit(
            "watch_age",
            "Time since a watch was heard of; it grows while the watch is broken",
            Unit::Seconds,
            metrics.watches.clone(),
        );
        registry.register("watch_breaks", "How often a watch broke", metrics.breaks.clone());
        registry.register(
            "certificate_expiry_timestamp_seconds",
            "When the serving certificate expires; 0 while there is none",
            metrics.expiry.clone(),
        );
        registry.register("ready", "Whether /readyz says yes", metrics.ready.clone());
        registry.register(
            "events_left_out",
            "Events that did not fit into the queue",
            metrics.events_left_out.clone(),
        );
        Self { registry, ..metrics }
    }

    pub(super) fn reviewed(&self, reviewed: &Reviewed, took: Duration) {
        let (outcome, is_allowed) = labels(&reviewed.outcome);
        let allowed = if is_allowed { "true" } else { "false" };
        self.reviews.get_or_create(&OutcomeLabels { outcome, allowed }).inc();
        self.durations.observe(took.as_secs_f64());
        for warning in &reviewed.warnings {
            self.warnings.get_or_create(&ReasonLabel { reason: reason(warning) }).inc();
        }
        let method = match &reviewed.outcome {
            Outcome::Mutated { method, .. } => Some(*method),
            _ => None,
        };
        self.upstream.reviewed(
            method,
            matches!(reviewed.outcome, Outcome::Missing | Outcome::Unknown(_)),
            took,
        );
    }

    pub(super) fn refused(&self, status: StatusCode) {
        self.refused.get_or_create(&StatusLabel { status: status.as_u16() }).inc();
        self.upstream.refused(status);
    }

    pub(super) fn looked_up(&self, lookup: &Lookup) {
        let result = match lookup {
            Lookup::Found(_) => "found",
            Lookup::Missing => "missing",
            Lookup::Unknown => "failed",
        };
        self.lookups.get_or_create(&ResultLabel { result }).inc();
    }

    pub(super) fn config_map(&self, problems: usize) {
        self.config_map_problems.set(i64::try_from(problems).unwrap_or(i64::MAX));
    }

    fn watch(&self, resource: &'static str, health: &WatchHealth) {
        let state = health.state();
        let label = ResourceLabel { resource };
        let age = state.age.map_or(f64::INFINITY, |age| age.as_secs_f64());
        self.watches.get_or_create(&label).set(age);
        self.breaks.get_or_create(&label).set(i64::try_from(state.breaks).unwrap_or(i64::MAX));
    }
}

impl Webhook {
    pub(super) fn metrics_text(&self) -> Answer {
        let metrics = &self.metrics;
        metrics.accounts.set(i64::try_from(self.cache.len()).unwrap_or(i64::MAX));
        metrics.synced.set(i64::from(self.cache.is_synced()));
        metrics.expiry.set(self.certificate.validity().map_or(0, |validity| validity.not_after));
        metrics.ready.set(i64::from(self.ready().0));
        metrics.events_left_out.set(i64::try_from(self.events.left_out()).unwrap_or(i64::MAX));
        metrics.watch("serviceaccounts", &self.accounts_watch);
        if let Some(health) = &self.config_map_watch {
            metrics.watch("configmap", health);
        }
        let mut text = String::new();
        if encode(&mut text, &metrics.registry).is_err() {
            text.clear();
        }
        if self.options.upstream_metric_names {
            let used = !self.cache.is_empty();
            text = format!("{}{}# EOF\n", text.trim_end_matches("# EOF\n"), metrics.upstream.text(used));
        }
        answer(StatusCode::OK, CONTENT_TYPE, text)
    }
}

/// An outcome's name, and whether the pod was allowed.
fn labels(outcome: &Outcome) -> (&'static str, bool) {
    match outcome {
        Outcome::Mutated { was_complete: true, .. } => ("complete", true),
        Outcome::Mutated { method: Method::StsWebIdentity, .. } => ("mutated", true),
        Outcome::Mutated { method: Method::ContainerCredentials, .. } => {
            ("mutated_container_credentials", true)
        }
        Outcome::NoIdentity => ("no_identity", true),
        Outcome::Missing => ("missing", true),
        Outcome::Unknown(decision) => ("unknown", *decision == Decision::Allow),
        Outcome::Refused(_, decision) => ("refused", *decision == Decision::Allow),
        Outcome::Foreign(_) => ("foreign", true),
        Outcome::Unreadable(_) => ("unreadable", false),
    }
}

/// A warning's reason, in the form of Kubernetes' Events.
pub(super) fn reason(warning: &Warning) -> &'static str {
    match warning {
        Warning::MalformedRoleArn(_) => "MalformedRoleArn",
        Warning::MisspelledAnnotation { .. } => "MisspelledAnnotation",
        Warning::IgnoredValue { .. } => "IgnoredAnnotationValue",
        Warning::HalfPreset { .. } => "HalfPresetCredentials",
        Warning::MountPathTaken { .. } => "MountPathTaken",
        Warning::VolumeTaken { .. } => "VolumeTaken",
        Warning::UnknownContainer(_) => "UnknownContainer",
        Warning::NoContainer => "NoContainer",
    }
}
