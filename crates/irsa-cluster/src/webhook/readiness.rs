//! `/readyz`: what is missing, in a line each, as Kubernetes' own `/readyz?verbose` has it.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use http::StatusCode;

use super::{Answer, Webhook, text};
use crate::watch::WatchState;

impl Webhook {
    /// Ready means: the ServiceAccounts are known, the ConfigMap has been read, the certificate is valid, and this is not the
    /// end. A watch that is stale is told, and does not make it unready: what it knows is better than no answer at all.
    pub(super) fn readiness(&self) -> Answer {
        let (is_ready, lines) = self.ready();
        let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        text(status, lines)
    }

    /// Whether it is ready, and why.
    #[must_use]
    pub fn ready(&self) -> (bool, String) {
        let (mut is_ready, mut lines) = (true, String::new());
        let mut line = |is_good: bool, what: &str, state: &str| {
            is_ready &= is_good;
            let sign = if is_good { "[+]" } else { "[-]" };
            let _ = writeln!(lines, "{sign}{what} {state}");
        };
        let accounts = self.accounts_watch.state();
        line(self.cache.is_synced(), "serviceaccounts", &watch_line(&accounts));
        if let Some(watch) = &self.config_map_watch {
            let state = watch.state();
            line(state.is_synced, "configmap", &watch_line(&state));
        }
        let now = (self.clock)();
        match self.certificate.validity() {
            None => line(false, "certificate", "none yet"),
            Some(validity) if now < validity.not_before => line(false, "certificate", "not yet valid"),
            Some(validity) if now > validity.not_after => line(false, "certificate", "expired"),
            Some(validity) => {
                line(true, "certificate", &format!("ok, valid for {} s", validity.not_after - now));
            }
        }
        if self.is_draining.load(Ordering::Relaxed) {
            line(false, "shutdown", "in progress");
        }
        (is_ready, lines)
    }
}

fn watch_line(state: &WatchState) -> String {
    let age = state.age.map_or_else(|| "never".to_owned(), |age| format!("{} s ago", age.as_secs()));
    let mut text = match (state.is_synced, state.is_stale(), state.is_open) {
        (false, _, _) => "not synced".to_owned(),
        (true, true, _) => format!("stale: last heard {age}"),
        (true, false, false) => format!("ok, the watch is being resumed, last heard {age}"),
        (true, false, true) => "ok".to_owned(),
    };
    if let Some(error) = &state.error {
        text.push_str(": ");
        text.push_str(&error.replace(['\r', '\n'], " "));
    }
    text
}
