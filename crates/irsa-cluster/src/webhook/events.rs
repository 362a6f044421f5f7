//! Kubernetes Events, on the ServiceAccount, which unlike the pod exists already: what is odd about its annotations, a refused
//! role, and pods that were let through before it was known that they have a role.
//!
//! A review never waits for them: the queue is bounded, and what does not fit is counted and left out. The same is told of the
//! same ServiceAccount once in ten minutes, and five a second of all together.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Webhook, metrics};
use crate::admission::{Decision, Lookup, Outcome, Request, Reviewed};
use crate::api_server::{ApiServer, JSON};

/// So many Events wait at once.
const MOST_WAITING: usize = 256;
/// The same is told once in so long.
const AGAIN_AFTER: Duration = Duration::from_secs(600);
/// What has been told of so many things is remembered.
const MOST_TOLD: usize = 4_096;
/// The shortest time between two Events.
const PAUSE: Duration = Duration::from_millis(200);
/// So many pods that were let through are remembered, for so long.
const MOST_PASSED: usize = 1_024;
const PASSED_FOR: Duration = Duration::from_secs(300);
/// Events' messages have at most so many bytes (`events.k8s.io/v1`, `note`).
const MOST_MESSAGE: usize = 1_024;

/// Something to tell about a ServiceAccount.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Event {
    namespace: String,
    account: String,
    reason: &'static str,
    message: String,
}

/// A pod that was let through without its ServiceAccount being known.
#[derive(Debug)]
struct Passed {
    namespace: String,
    account: String,
    pod: String,
    at: Instant,
}

/// The queue, and what is remembered.
pub(super) struct Events {
    sender: mpsc::Sender<Event>,
    receiver: Mutex<Option<mpsc::Receiver<Event>>>,
    passed: Mutex<VecDeque<Passed>>,
    left_out: AtomicU64,
}

impl Events {
    pub(super) fn new() -> Self {
        let (sender, receiver) = mpsc::channel(MOST_WAITING);
        Self {
            sender,
            receiver: Mutex::new(Some(receiver)),
            passed: Mutex::default(),
            left_out: AtomicU64::new(0),
        }
    }

    /// How many did not fit into the queue.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out.load(Ordering::Relaxed)
    }

    /// Tells what an answered review has shown.
    pub(super) fn reviewed(&self, request: &Request<'_>, reviewed: &Reviewed) {
        let Some((namespace, account)) = request.service_account().filter(|_| !request.is_dry_run()) else {
            return;
        };
        let pod = || match request.name() {
            "" => format!("{}…", request.generate_name()),
            name => name.to_owned(),
        };
        for warning in &reviewed.warnings {
            let message = format!("pod {}: {}", pod(), warning.sentence());
            self.tell(namespace, account, metrics::reason(warning), message);
        }
        match &reviewed.outcome {
            Outcome::Refused(refusal, decision) => {
                let fate = match decision {
                    Decision::Allow => "runs without an identity",
                    Decision::Deny => "is denied",
                };
                self.tell(namespace, account, "RoleRefused", format!("pod {} {fate}: {refusal}", pod()));
            }
            Outcome::Unknown(Decision::Deny) => {
                let message =
                    format!("pod {} is denied: the ServiceAccount could not be looked up in time", pod());
                self.tell(namespace, account, "ServiceAccountUnknown", message);
            }
            Outcome::Unknown(Decision::Allow) | Outcome::Missing => {
                self.passed(namespace, account, pod(), Instant::now())
            }
            _ => {}
        }
    }

    fn tell(&self, namespace: &str, account: &str, reason: &'static str, message: String) {
        let (namespace, account) = (namespace.to_owned(), account.to_owned());
        if self.sender.try_send(Event { namespace, account, reason, message }).is_err() {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn passed(&self, namespace: &str, account: &str, pod: String, at: Instant) {
        let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        if passed.len() == MOST_PASSED {
            passed.pop_front();
        }
        let (namespace, account) = (namespace.to_owned(), account.to_owned());
        passed.push_back(Passed { namespace, account, pod, at });
    }

    /// The pods that turn out to have a role now; those that waited for too long are forgotten.
    fn found(&self, now: Instant, has_role: impl Fn(&str, &str) -> bool) -> VecDeque<Passed> {
        let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        let (found, waiting) = std::mem::take(&mut *passed)
            .into_iter()
            .filter(|passed| now.saturating_duration_since(passed.at) < PASSED_FOR)
            .partition(|passed| has_role(&passed.namespace, &passed.account));
        *passed = waiting;
        found
    }
}

impl Webhook {
    /// Sends what is told, until `stop`.
    pub(super) async fn send_events(self: Arc<Self>, api: ApiServer, stop: CancellationToken) {
        let receiver = self.events.receiver.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut receiver) = receiver else { return };
        let (mut told, mut has_failed) = (Told::default(), false);
        let sending = async {
            loop {
                let next = tokio::time::timeout(Duration::from_secs(1), receiver.recv()).await;
                let now = Instant::now();
                for passed in self.events.found(now, |namespace, account| self.has_role(namespace, account)) {
                    let Passed { namespace, account, pod, .. } = passed;
                    let message = format!(
                        "pod {pod} runs without the identity of this ServiceAccount, which was not known in time: delete the pod, so that it is made anew"
                    );
                    self.events.tell(&namespace, &account, "PodWithoutIdentity", message);
                }
                let event = match next {
                    Ok(Some(event)) if told.is_new(&event, now) => event,
                    Ok(None) => return,
                    Ok(Some(_)) | Err(_) => continue,
                };
                let path = format!("/api/v1/namespaces/{}/events", event.namespace);
                let sent = api.send::<Value>(Method::POST, &path, JSON, event.to_json()).await;
                if let Err(error) = &sent
                    && !has_failed
                {
                    tracing::warn!(%error, "Events cannot be written");
                }
                has_failed = sent.is_err();
                tokio::time::sleep(PAUSE).await;
            }
        };
        let _ = stop.run_until_cancelled(sending).await;
    }

    fn has_role(&self, namespace: &str, account: &str) -> bool {
        match self.cache.lookup(namespace, account) {
            Lookup::Found(facts) => {
                facts.role_arn.is_some() || self.mapping.load().find(namespace, account).is_some()
            }
            Lookup::Missing | Lookup::Unknown => false,
        }
    }
}

/// What has been told, and when.
#[derive(Default)]
struct Told {
    when: HashMap<(String, String, &'static str), Instant>,
}

impl Told {
    fn is_new(&mut self, event: &Event, now: Instant) -> bool {
        let is_old = |told: &Instant| now.saturating_duration_since(*told) >= AGAIN_AFTER;
        if self.when.len() >= MOST_TOLD {
            self.when.retain(|_, told| !is_old(told));
        }
        let key = (event.namespace.clone(), event.account.clone(), event.reason);
        let is_new = self.when.get(&key).is_none_or(is_old);
        if is_new && self.when.len() < MOST_TOLD {
            self.when.insert(key, now);
            return true;
        }
        false
    }
}

impl Event {
    fn to_json(&self) -> Vec<u8> {
        let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let mut message = self.message.clone();
        while message.len() > MOST_MESSAGE {
            message.pop();
        }
        let event = json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": "pod-identity-webhook.", "namespace": self.namespace},
            "involvedObject": {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "namespace": self.namespace,
                "name": self.account,
            },
            "type": "Warning",
            "reason": self.reason,
            "message": message,
            "source": {"component": "pod-identity-webhook"},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        });
        event.to_string().into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(account: &str, reason: &'static str) -> Event {
        Event { namespace: "demo".to_owned(), account: account.to_owned(), reason, message: String::new() }
    }

    #[test]
    fn the_same_is_told_once_in_ten_minutes() {
        let (mut told, now) = (Told::default(), Instant::now());
        assert!(told.is_new(&event("a", "MalformedRoleArn"), now));
        assert!(!told.is_new(&event("a", "MalformedRoleArn"), now));
        assert!(told.is_new(&event("a", "RoleRefused"), now));
        assert!(told.is_new(&event("b", "MalformedRoleArn"), now));
        assert!(told.is_new(&event("a", "MalformedRoleArn"), now + AGAIN_AFTER));
    }

    #[test]
    fn pods_that_were_let_through_are_remembered_for_a_while() {
        let (events, now) = (Events::new(), Instant::now());
        for number in 0..MOST_PASSED + 10 {
            events.passed("demo", &format!("account-{number}"), "pod".to_owned(), now);
        }
        assert!(events.found(now, |_, account| account == "account-5").is_empty(), "the oldest made room");
        assert_eq!(events.found(now, |_, account| account == "account-500").len(), 1);
        assert!(events.found(now, |_, account| account == "account-500").is_empty(), "once");
        assert!(events.found(now + PASSED_FOR, |_, _| true).is_empty());
    }

    #[test]
    fn a_full_queue_makes_nobody_wait() {
        let events = Events::new();
        for _ in 0..MOST_WAITING + 3 {
            events.tell("demo", "app", "RoleRefused", String::new());
        }
        assert_eq!(events.left_out(), 3);
    }

    #[test]
    fn messages_are_bounded() {
        let long = Event { message: "é".repeat(2_000), ..event("a", "RoleRefused") };
        let json: Value = serde_json::from_slice(&long.to_json()).unwrap();
        assert_eq!(json["message"].as_str().unwrap().len(), MOST_MESSAGE);
    }
}
