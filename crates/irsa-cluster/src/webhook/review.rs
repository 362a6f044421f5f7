//! `POST /mutate`: from the request to the answered review.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;

use super::{Answer, Webhook, answer, method_not_allowed, text, timeout};
use crate::admission::{self, Decision, Decisions, Lookup, MOST_BYTES, Malformed, Outcome, Reviewed};
use crate::mutate::Rules;

impl Webhook {
    /// Answers a review; `on_missing` is what becomes of pods whose ServiceAccount is not found.
    pub(super) async fn reviewed(&self, request: Request<Incoming>, on_missing: Decision) -> Answer {
        let begun = Instant::now();
        if request.method() != Method::POST {
            return self.refused(method_not_allowed("POST"));
        }
        if !is_json(request.headers()) {
            // In amazon-eks-pod-identity-webhook's words.
            let message = "Invalid Content-Type, expected `application/json`\n";
            return self.refused(text(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
        }
        let budget = timeout::budget(request.uri().query());
        let body = match collect(request.into_body(), budget).await {
            Ok(body) => body,
            Err(status) => return self.refused(text(status, format!("{status}\n"))),
        };
        match self.review(&body, begun, budget, on_missing).await {
            Ok(reviewed) => {
                self.metrics.reviewed(&reviewed, begun.elapsed());
                answer(StatusCode::OK, "application/json", reviewed.body)
            }
            Err(malformed) => {
                let status = StatusCode::from_u16(malformed.status()).unwrap_or(StatusCode::BAD_REQUEST);
                self.refused(text(status, format!("{malformed}\n")))
            }
        }
    }

    async fn review(
        &self,
        body: &[u8],
        begun: Instant,
        budget: Duration,
        on_missing: Decision,
    ) -> Result<Reviewed, Malformed> {
        let request = admission::Request::parse(body)?;
        let lookup = match request.service_account() {
            None => Lookup::Missing,
            Some((namespace, name)) => match self.cache.lookup(namespace, name) {
                found @ Lookup::Found(_) => found,
                Lookup::Missing | Lookup::Unknown => {
                    self.look_up(namespace, name, begun, budget, on_missing).await
                }
            },
        };
        let (mapping, identities) = (self.mapping.load(), self.identities.load());
        let rules = Rules {
            settings: &self.options.settings,
            mapping: Some(&**mapping),
            identities: identities.as_deref(),
            random: self.next_random(),
        };
        let decisions = Decisions { unknown: on_missing, refused: self.options.on_refused };
        let reviewed = request.answer(&lookup, &rules, &decisions);
        if self.options.events {
            self.events.reviewed(&request, &reviewed);
        }
        if let Outcome::Unknown(decision) = &reviewed.outcome {
            let account = request.service_account();
            tracing::warn!(?account, ?decision, "decided without knowledge of the ServiceAccount");
        }
        Ok(reviewed)
    }

    async fn look_up(
        &self,
        namespace: &str,
        name: &str,
        begun: Instant,
        budget: Duration,
        on_missing: Decision,
    ) -> Lookup {
        let begun = tokio::time::Instant::from_std(begun);
        let deadline = begun + budget;
        let lookup =
            self.live.lookup(&self.cache, namespace, name, deadline, begun + self.options.grace).await;
        self.metrics.looked_up(&lookup);
        match (lookup, on_missing) {
            // It may be made a moment later, and its pod would then be without identity: whoever wants the one has to wait
            // for the other.
            (Lookup::Missing, Decision::Deny) => Lookup::Unknown,
            (lookup, _) => lookup,
        }
    }

    fn refused(&self, answer: Answer) -> Answer {
        self.metrics.refused(answer.status());
        answer
    }
}

/// RFC 9110 §8.3: parameters do not change what it is.
fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = content_type.and_then(|value| value.split(';').next()).unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case("application/json")
}

async fn collect(body: Incoming, time: Duration) -> Result<Bytes, StatusCode> {
    match tokio::time::timeout(time, Limited::new(body, MOST_BYTES).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            Err(StatusCode::PAYLOAD_TOO_LARGE)
        }
        Ok(Err(_broken)) => Err(StatusCode::BAD_REQUEST),
        Err(_elapsed) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}
