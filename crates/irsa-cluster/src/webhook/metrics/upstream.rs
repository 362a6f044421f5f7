//! amazon-eks-pod-identity-webhook's metrics, for dashboards that know these names. Those of them that OpenMetrics does not
//! allow for counters are of the type `unknown`, which queries do not notice.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::StatusCode;

use crate::mutate::Method;

/// Upstream's buckets, in microseconds.
const BUCKETS: [u64; 7] = [125_000, 250_000, 500_000, 1_000_000, 2_000_000, 4_000_000, 8_000_000];
/// The statuses that a request can have.
const STATUSES: [u16; 6] = [200, 400, 405, 408, 413, 415];

#[derive(Debug, Default)]
pub(super) struct UpstreamNames {
    by_status: [AtomicU64; STATUSES.len()],
    buckets: [AtomicU64; BUCKETS.len()],
    count: AtomicU64,
    micros: AtomicU64,
    web_identity: AtomicU64,
    container_credentials: AtomicU64,
    missing: AtomicU64,
}

impl UpstreamNames {
    pub(super) fn reviewed(&self, method: Option<Method>, is_missing: bool, took: Duration) {
        self.answered(200);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        for (bucket, _) in self.buckets.iter().zip(BUCKETS).filter(|(_, most)| micros <= *most) {
            add(bucket, 1);
        }
        add(&self.count, 1);
        add(&self.micros, micros);
        match method {
            Some(Method::StsWebIdentity) => add(&self.web_identity, 1),
            Some(Method::ContainerCredentials) => add(&self.container_credentials, 1),
            None => {}
        }
        add(&self.missing, u64::from(is_missing));
    }

    pub(super) fn refused(&self, status: StatusCode) {
        self.answered(status.as_u16());
    }

    fn answered(&self, status: u16) {
        for (counter, _) in self.by_status.iter().zip(STATUSES).filter(|(_, known)| *known == status) {
            add(counter, 1);
        }
    }

    pub(super) fn text(&self, is_used: bool) -> String {
        let mut text = String::new();
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        // Writing into a String does not fail.
        let mut line = |line: std::fmt::Arguments<'_>| {
            let _ = writeln!(text, "{line}");
        };
        line(format_args!("# TYPE http_request_count unknown"));
        for (counter, status) in self.by_status.iter().zip(STATUSES) {
            let count = load(counter);
            if count > 0 {
                line(format_args!(
                    "http_request_count{{verb=\"POST\",path=\"/mutate\",code=\"{status}\"}} {count}"
                ));
            }
        }
        let (count, micros) = (load(&self.count), load(&self.micros));
        let labels = "verb=\"POST\",path=\"/mutate\"";
        line(format_args!("# TYPE http_request_latencies histogram"));
        for (bucket, most) in self.buckets.iter().zip(BUCKETS) {
            line(format_args!("http_request_latencies_bucket{{{labels},le=\"{most}.0\"}} {}", load(bucket)));
        }
        line(format_args!("http_request_latencies_bucket{{{labels},le=\"+Inf\"}} {count}"));
        line(format_args!("http_request_latencies_sum{{{labels}}} {micros}"));
        line(format_args!("http_request_latencies_count{{{labels}}} {count}"));
        line(format_args!("# TYPE http_request_duration_microseconds summary"));
        line(format_args!("http_request_duration_microseconds_sum{{{labels}}} {micros}"));
        line(format_args!("http_request_duration_microseconds_count{{{labels}}} {count}"));
        line(format_args!("# TYPE pod_identity_webhook_pod_count unknown"));
        for (method, counter) in
            [("sts_web_identity", &self.web_identity), ("container_credentials", &self.container_credentials)]
        {
            line(format_args!("pod_identity_webhook_pod_count{{method=\"{method}\"}} {}", load(counter)));
        }
        line(format_args!("# TYPE pod_identity_webhook_missing_sa_count unknown"));
        line(format_args!("pod_identity_webhook_missing_sa_count {}", load(&self.missing)));
        line(format_args!("# TYPE pod_identity_webhook_used gauge"));
        line(format_args!("pod_identity_webhook_used {}", u8::from(is_used)));
        text
    }
}

fn add(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}
