//! Admission reviews (`admission.k8s.io/v1` and `v1beta1`): from the bytes that an API server sends to the bytes of the answer.
//!
//! In two steps, so that a server can look up the ServiceAccount between them: [`Request::parse`], then [`Request::answer`].
//! What is no review gets an HTTP error ([`Malformed`]), which API servers treat by `failurePolicy`; a review of something
//! else than a pod's creation is allowed and never patched; a pod that cannot be read is refused, since no kubelet could.
//! Field meanings are those of Kubernetes' "Dynamic Admission Control".

mod request;
mod response;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::mutate::{Account, Method, Mutation, Refusal, Rules, ServiceAccountFacts, Warning, mutate};

pub use request::{Malformed, Request};

use response::{Response, Status};

/// The longest body of a review, as controller-runtime has it: an object of 3 MiB, the old one, and what is around them.
pub const MOST_BYTES: usize = 7 * 1024 * 1024;

/// What is known about a pod's ServiceAccount.
#[derive(Debug, Clone)]
pub enum Lookup {
    /// It is there.
    Found(Arc<ServiceAccountFacts>),
    /// It is certainly not there.
    Missing,
    /// It could not be found out in time.
    Unknown,
}

/// What becomes of pods that cannot have the identity that is theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decisions {
    /// Of those whose ServiceAccount could not be found out about.
    pub unknown: Decision,
    /// Of those whose role is refused.
    pub refused: Decision,
}

/// Whether a pod is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It is, without an identity.
    Allow,
    /// It is not.
    Deny,
}

/// An answered review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reviewed {
    /// The AdmissionReview to send, as JSON, with status 200.
    pub body: Vec<u8>,
    /// What it says, for metrics and Events.
    pub outcome: Outcome,
    /// What is odd about the pod and its ServiceAccount; it is also in the answer.
    pub warnings: Vec<Warning>,
}

/// What an answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The pod is given what it misses of its identity, if anything.
    Mutated {
        /// Where its credentials come from.
        method: Method,
        /// The role, if it is not the agent that knows it.
        role_arn: Option<String>,
        /// Whether it had everything already, as after an earlier call.
        was_complete: bool,
    },
    /// The ServiceAccount has no identity: nothing is done.
    NoIdentity,
    /// There is no such ServiceAccount: nothing is done, and Kubernetes itself refuses such pods.
    Missing,
    /// Nothing could be found out about the ServiceAccount.
    Unknown(Decision),
    /// The pod may not have its role.
    Refused(Refusal, Decision),
    /// The review is not about the creation of a pod: nothing is done.
    Foreign(String),
    /// The pod cannot be read, and is denied.
    Unreadable(String),
}

impl Default for Decisions {
    /// As amazon-eks-pod-identity-webhook without knowledge; who lists allowed roles means it.
    fn default() -> Self {
        Self { unknown: Decision::Allow, refused: Decision::Deny }
    }
}

/// Answers a review whose ServiceAccount can be looked up at once.
///
/// # Errors
/// [`Malformed`] when the body is no review.
pub fn review(
    body: &[u8],
    accounts: &dyn Fn(&str, &str) -> Lookup,
    rules: &Rules<'_>,
    decisions: &Decisions,
) -> Result<Reviewed, Malformed> {
    let request = Request::parse(body)?;
    let lookup =
        request.service_account().map_or(Lookup::Missing, |(namespace, name)| accounts(namespace, name));
    Ok(request.answer(&lookup, rules, decisions))
}

impl Request<'_> {
    /// The answer, once the ServiceAccount has been looked up. The lookup does not matter where [`Request::service_account`]
    /// has none.
    #[must_use]
    pub fn answer(&self, lookup: &Lookup, rules: &Rules<'_>, decisions: &Decisions) -> Reviewed {
        let pod = match self.pod() {
            Ok(pod) => pod,
            Err(Outcome::Unreadable(reason)) => {
                let message = format!("the pod cannot be read: {reason}");
                return self.denied(Status::bad_request(message), Outcome::Unreadable(reason), Vec::new());
            }
            Err(outcome) => return self.unchanged(outcome, Vec::new()),
        };
        let (namespace, name) = (self.namespace(), pod.service_account());
        let facts = match lookup {
            Lookup::Found(facts) => Some(facts.as_ref()),
            Lookup::Missing | Lookup::Unknown => None,
        };
        // Its own annotation, which nobody has seen, would win over the ConfigMap.
        let needs_facts = !rules.identities.is_some_and(|identities| identities.contains(namespace, name));
        if matches!(lookup, Lookup::Unknown) && needs_facts && decisions.unknown == Decision::Deny {
            let message = format!(
                "the role of the ServiceAccount {namespace}/{name} could not be found out in time; try again"
            );
            return self.denied(Status::unavailable(message), Outcome::Unknown(Decision::Deny), Vec::new());
        }
        match mutate(pod, &Account { namespace, name, facts }, rules) {
            Ok(Mutation { method: Some(method), role_arn, patch, token, warnings }) => {
                let was_complete = patch.is_empty();
                let mut response = Response::new(self, true);
                response.patch = (!was_complete).then_some(&patch);
                response.warnings = &warnings;
                response.audit.push(("method", method.as_str()));
                response.audit.extend(role_arn.as_deref().map(|role| ("role-arn", role)));
                response
                    .audit
                    .extend(token.as_ref().map(|token| ("token-audience", token.audience.as_str())));
                let body = response.to_json();
                Reviewed { body, outcome: Outcome::Mutated { method, role_arn, was_complete }, warnings }
            }
            Ok(Mutation { warnings, .. }) => {
                let outcome = match lookup {
                    Lookup::Found(_) => Outcome::NoIdentity,
                    Lookup::Missing => Outcome::Missing,
                    Lookup::Unknown => Outcome::Unknown(Decision::Allow),
                };
                self.unchanged(outcome, warnings)
            }
            Err(refusal) => {
                let (message, outcome) = (refusal.to_string(), Outcome::Refused(refusal, decisions.refused));
                match decisions.refused {
                    Decision::Deny => self.denied(Status::forbidden(message), outcome, Vec::new()),
                    Decision::Allow => self.unchanged(outcome, Vec::new()),
                }
            }
        }
    }

    fn unchanged(&self, outcome: Outcome, warnings: Vec<Warning>) -> Reviewed {
        let reason = outcome.reason();
        let mut response = Response::new(self, true);
        response.warnings = &warnings;
        response.sentence = reason.as_deref().filter(|_| matches!(outcome, Outcome::Refused(..)));
        response.audit.extend(reason.as_deref().map(|reason| ("unmutated", reason)));
        let body = response.to_json();
        Reviewed { body, outcome, warnings }
    }

    fn denied(&self, status: Status, outcome: Outcome, warnings: Vec<Warning>) -> Reviewed {
        let mut response = Response::new(self, false);
        response.warnings = &warnings;
        response.status = Some(status);
        let body = response.to_json();
        Reviewed { body, outcome, warnings }
    }
}

impl Outcome {
    /// Why a pod is not mutated, for the audit log.
    fn reason(&self) -> Option<String> {
        match self {
            Self::Mutated { .. } | Self::NoIdentity => None,
            Self::Missing => Some("there is no such ServiceAccount".to_owned()),
            Self::Unknown(_) => Some("the ServiceAccount could not be found out about in time".to_owned()),
            Self::Refused(refusal, _) => Some(refusal.to_string()),
            Self::Foreign(reason) | Self::Unreadable(reason) => Some(reason.clone()),
        }
    }
}
