//! What `/_irsa/metrics` tells: Prometheus' conventions, base units, bounded label sets.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// The counters and histograms of the AWS half.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<ServiceLabel, Histogram>,
    denials: Family<ServiceLabel, Counter>,
    sessions: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    service: &'static str,
    operation: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ServiceLabel {
    service: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("irsa");
        let requests = Family::default();
        registry.register(
            "requests",
            "Answered requests by service, operation and HTTP status",
            requests.clone(),
        );
        let durations = Family::<ServiceLabel, Histogram>::new_with_constructor(|| {
            Histogram::new([
                0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 5.0,
            ])
        });
        registry.register_with_unit(
            "request_duration",
            "Time from a request's head to its answer's head",
            Unit::Seconds,
            durations.clone(),
        );
        let denials = Family::default();
        registry.register("denials", "Calls that policies denied, by service", denials.clone());
        let sessions = Counter::default();
        registry.register("sessions", "Temporary credentials given out", sessions.clone());
        Self { registry, requests, durations, denials, sessions }
    }
}

impl Metrics {
    /// Counts an answered request. `operation` must come from a table, never from the request.
    pub fn answered(&self, service: &'static str, operation: &'static str, status: u16, took: Duration) {
        self.requests.get_or_create(&RequestLabels { service, operation, status }).inc();
        self.durations.get_or_create(&ServiceLabel { service }).observe(took.as_secs_f64());
    }

    /// Counts a denial.
    pub fn denied(&self, service: &'static str) {
        self.denials.get_or_create(&ServiceLabel { service }).inc();
    }

    /// Counts temporary credentials given out.
    pub fn minted(&self) {
        self.sessions.inc();
    }

    /// Everything, in the OpenMetrics text format.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            Err(_formatting) => String::new(),
        }
    }
}
