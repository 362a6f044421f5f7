//! Advice for the mistakes that people make again and again.
//!
//! Where something had to allow and did not, the Allow statement that came nearest in that layer is looked at: the first of
//! its elements that did not match is the thing to mend. Where a Deny applies, it is named.

mod condition;

use serde::Serialize;

use super::{ElementTrace, LayerTrace, PolicyTrace, StatementTrace};
use crate::arn::Arn;
use crate::evaluate::{Decision, Layer};
use crate::request::{Principal, Request};

/// What to change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hint {
    /// The policy at fault; `None` when no policy speaks about the action at all.
    pub policy: Option<String>,
    /// Its statement, from 0.
    pub statement: Option<usize>,
    /// The stable code of the mistake (`IRSA-T004`), when it is one of those that have one.
    pub code: Option<&'static str>,
    /// One or two sentences that say what is wrong and what to write.
    pub advice: String,
}

/// Advice on one element of a statement.
struct Advice {
    code: Option<&'static str>,
    text: String,
}

impl From<String> for Advice {
    fn from(text: String) -> Self {
        Self { code: None, text }
    }
}

impl Advice {
    fn coded(code: &'static str, text: String) -> Self {
        Self { code: Some(code), text }
    }
}

pub(super) fn find(request: &Request<'_>, decision: Decision, traces: &[LayerTrace]) -> Option<Hint> {
    let layer = match decision {
        Decision::Allow => return None,
        Decision::ExplicitDeny(layer) => return denying(layer, traces),
        Decision::ImplicitDeny(layer) => layer,
    };
    let nearest = traces
        .iter()
        .filter(|trace| trace.layer == layer)
        .flat_map(|trace| &trace.policies)
        .flat_map(|policy| policy.statements.iter().map(move |statement| (policy, statement)))
        .filter(|(_, statement)| statement.effect == "Allow" && !statement.matched)
        .max_by_key(|(_, statement)| nearness(statement));
    let name = layer.aws_name();
    match nearest {
        Some((policy, statement)) if statement.action.matched => at(policy, statement, request),
        Some((policy, statement)) if is_wrong_sts_action(statement, request) => {
            let advice = format!(
                "the statement trusts this identity provider but allows {}; a web identity needs {}",
                statement.action.wanted.join(", "),
                request.action
            );
            Some(Hint {
                policy: Some(policy.name.clone()),
                statement: Some(statement.index),
                code: None,
                advice,
            })
        }
        _ => {
            let advice = format!("no statement of any {name} allows {}; add one", request.action);
            Some(Hint { policy: None, statement: None, code: None, advice })
        }
    }
}

fn denying(layer: Layer, traces: &[LayerTrace]) -> Option<Hint> {
    let policies = traces.iter().filter(|trace| trace.layer == layer).flat_map(|trace| &trace.policies);
    let mut statements =
        policies.flat_map(|policy| policy.statements.iter().map(move |statement| (policy, statement)));
    let (policy, statement) =
        statements.find(|(_, statement)| statement.effect == "Deny" && statement.matched)?;
    let name = statement.sid.as_ref().map(|sid| format!(" ({sid})")).unwrap_or_default();
    let advice = format!(
        "statement {}{name} of the {} denies this, and a Deny wins over every Allow",
        statement.index,
        layer.aws_name()
    );
    Some(Hint { policy: Some(policy.name.clone()), statement: Some(statement.index), code: None, advice })
}

/// How close a statement came to applying: elements count by their order, then the conditions that hold.
fn nearness(statement: &StatementTrace) -> (bool, bool, bool, usize) {
    let holding = statement.conditions.iter().filter(|condition| condition.matched).count();
    let is_matched = |element: &Option<ElementTrace>| element.as_ref().is_none_or(|element| element.matched);
    (statement.action.matched, is_matched(&statement.principal), is_matched(&statement.resource), holding)
}

fn at(policy: &PolicyTrace, statement: &StatementTrace, request: &Request<'_>) -> Option<Hint> {
    let unmatched = |element: &&ElementTrace| !element.matched;
    let advice = if let Some(element) = statement.principal.as_ref().filter(unmatched) {
        principal(element, request).map(Advice::from)
    } else if let Some(element) = statement.resource.as_ref().filter(unmatched) {
        resource(element, request).map(Advice::from)
    } else {
        statement
            .conditions
            .iter()
            .filter(|condition| !condition.matched)
            .find_map(|failed| condition::advice(failed, request.context))
    };
    let Advice { code, text: advice } = advice?;
    Some(Hint { policy: Some(policy.name.clone()), statement: Some(statement.index), code, advice })
}

fn is_wrong_sts_action(statement: &StatementTrace, request: &Request<'_>) -> bool {
    matches!(request.principal, Principal::WebIdentity { .. })
        && statement.principal.as_ref().is_some_and(|element| element.matched)
}

fn principal(element: &ElementTrace, request: &Request<'_>) -> Option<String> {
    let wanted = element.wanted.join(", ");
    Some(match request.principal {
        Principal::WebIdentity { provider_arn } => {
            let schemed = element.wanted.iter().any(|value| value.contains("oidc-provider/https:"));
            let why = if schemed { "; the provider's ARN has no https://" } else { "" };
            format!(
                "the token comes from the provider {provider_arn}, but the statement trusts {wanted}{why}"
            )
        }
        caller => format!("the caller is {}, but the statement names {wanted}", caller.display_name()),
    })
}

fn resource(element: &ElementTrace, request: &Request<'_>) -> Option<String> {
    if let Some(variable) = &element.unresolved {
        return Some(format!(
            "the variable ${{{variable}}} has no value in this request, so the resource matches nothing"
        ));
    }
    let found = Arn::parse(request.resource).filter(|arn| arn.service == "s3");
    if let Some(found) = found.filter(|_| element.element == "Resource") {
        let (bucket, is_object) = match found.resource.split_once('/') {
            Some((bucket, _)) => (bucket, true),
            None => (found.resource, false),
        };
        let names = |resource: &str| {
            element.wanted.iter().any(|wanted| Arn::parse(wanted).is_some_and(|arn| arn.resource == resource))
        };
        if is_object && names(bucket) {
            return Some(format!(
                "{} works on objects, but the statement names the bucket only; add arn:{}:s3:::{bucket}/*",
                request.action, found.partition
            ));
        }
        if !is_object && names(&format!("{bucket}/*")) {
            return Some(format!(
                "{} works on the bucket itself, but the statement names its objects only; add arn:{}:s3:::{bucket}",
                request.action, found.partition
            ));
        }
    }
    Some(format!(
        "the resource is {}, but the statement names {}",
        request.resource,
        element.wanted.join(", ")
    ))
}
