//! What a well-formed document must still satisfy to be saved as a policy of its type, in the order in which AWS complains.
//!
//! The order and the texts are AWS's as seen in its answers: forbidden and missing elements, version, "legacy parsing" (the
//! effect's case, dates, ARNs), statement ids, missing actions, resources' ARNs, actions' prefixes, missing resources.

mod principal;
mod resource;

use super::path::Path;
use super::{Clause, ConditionText, Document, Effect, PolicyType, Problem, Span, Statement, Text};
use crate::condition::{self, Family};
use crate::pattern::{Pattern, Syntax};
use crate::request::Context;

const LEGACY: &str = "The policy failed legacy parsing";
const VENDOR: &str = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";
/// AWS Organizations' answer to anything that a control policy may not hold.
const NOT_OF_TYPE: &str =
    "The provided policy document does not meet the requirements of the specified policy type.";

/// Checks `document` as a policy of type `kind`.
pub(crate) fn validate(document: &Document, kind: PolicyType) -> Result<(), Problem> {
    each(document, operators)?;
    elements(document, kind)?;
    version(document, kind)?;
    each(document, legacy)?;
    if kind != PolicyType::Trust {
        each(document, |statement, path| resource::legacy(statement.resource.as_ref(), path))?;
    }
    sids(document, kind)?;
    each(document, actions_present)?;
    if kind != PolicyType::Trust {
        each(document, |statement, path| resource::formats(statement.resource.as_ref(), path, kind))?;
    }
    each(document, |statement, path| action_prefixes(statement.action.as_ref(), path, kind))?;
    if kind != PolicyType::Trust {
        each(document, resources_present)?;
    }
    each(document, |statement, path| control_policy(statement, path, kind))?;
    each(document, |statement, path| principal::values(statement.principal.as_ref(), path, kind))
}

fn each<'d>(
    document: &'d Document,
    mut check: impl FnMut(&'d Statement, Path<'_>) -> Result<(), Problem>,
) -> Result<(), Problem> {
    document
        .statements
        .iter()
        .enumerate()
        .try_for_each(|(index, statement)| check(statement, Path::statement(index)))
}

fn problem(
    message: impl Into<String>,
    reason: impl Into<String>,
    path: impl Into<String>,
    span: Span,
) -> Problem {
    Problem { message: message.into(), reason: reason.into(), path: path.into(), span }
}

/// AWS reads an operator with its structure, before anything that depends on the type.
fn operators(statement: &Statement, path: Path<'_>) -> Result<(), Problem> {
    let unknown = |text: &&ConditionText| text.parsed.is_none();
    let Some(text) = statement.conditions.iter().find(unknown) else { return Ok(()) };
    let operator = &text.operator;
    let path = format!("{path}.Condition.{}", operator.value);
    let reason = format!("unknown condition operator `{}`", operator.value);
    Err(Problem::syntax(reason, path, operator.span))
}

/// Which of `Principal` and `Resource` the type forbids or demands: to whom and about what a policy speaks.
pub(crate) fn elements(document: &Document, kind: PolicyType) -> Result<(), Problem> {
    each(document, |statement, path| statement_elements(statement, path, kind))
}

fn statement_elements(statement: &Statement, path: Path<'_>, kind: PolicyType) -> Result<(), Problem> {
    let principal = statement.principal.as_ref();
    match kind {
        PolicyType::Identity | PolicyType::Boundary | PolicyType::Session | PolicyType::ServiceControl => {
            if let Some(clause) = principal {
                let message = "Policy document should not specify a principal.";
                let reason = "this policy speaks to whoever it is attached to; remove Principal";
                return Err(problem(message, reason, path, clause.span));
            }
        }
        PolicyType::Trust => {
            if let Some(clause) = &statement.resource {
                let name = if clause.negated { "NotResource" } else { "Resource" };
                let reason = "a trust policy speaks about its own role only; remove it";
                return Err(problem(format!("Has prohibited field {name}"), reason, path, clause.span));
            }
            if let Some(clause) = principal.filter(|clause| clause.negated) {
                let reason = "name whom the role trusts with Principal";
                return Err(problem("Has prohibited field NotPrincipal", reason, path, clause.span));
            }
        }
        PolicyType::Resource | PolicyType::ResourceControl => {}
    }
    let demands_principal =
        matches!(kind, PolicyType::Trust | PolicyType::Resource | PolicyType::ResourceControl);
    if demands_principal && principal.is_none_or(|clause| clause.entries.is_empty()) {
        let reason = "the statement does not say to whom it speaks";
        return Err(problem("Missing required field Principal", reason, path, statement.span));
    }
    Ok(())
}

fn version(document: &Document, kind: PolicyType) -> Result<(), Problem> {
    let demanded = matches!(kind, PolicyType::Identity | PolicyType::Boundary);
    if !demanded || document.has_variables() {
        return Ok(());
    }
    let span = document.version.as_ref().map(|version| version.span).unwrap_or_default();
    let reason = "write \"Version\": \"2012-10-17\"";
    Err(problem("Policy document must be version 2012-10-17 or greater.", reason, "Version", span))
}

fn legacy(statement: &Statement, path: Path<'_>) -> Result<(), Problem> {
    let effect = &statement.effect_text;
    if !matches!(effect.value.as_str(), "Allow" | "Deny") {
        let reason = "Effect is case-sensitive: Allow or Deny";
        return Err(problem(LEGACY, reason, format!("{path}.Effect"), effect.span));
    }
    for condition in &statement.conditions {
        let family = condition.parsed.map(|operator| operator.family);
        if !matches!(family, Some(Family::Date(_))) {
            continue;
        }
        if let Some(value) =
            condition.values.iter().find(|value| condition::parse_moment(&value.value).is_none())
        {
            let reason = format!("`{}` is no date, such as 2026-01-31T12:00:00Z", value.value);
            let path = format!("{path}.Condition.{}.{}", condition.operator.value, condition.key.value);
            return Err(problem(LEGACY, reason, path, value.span));
        }
    }
    Ok(())
}

fn sids(document: &Document, kind: PolicyType) -> Result<(), Problem> {
    if kind == PolicyType::Resource {
        return Ok(());
    }
    let mut seen = std::collections::HashSet::new();
    each(document, |statement, path| {
        let Some(sid) = statement.sid.as_ref().filter(|sid| !sid.value.is_empty()) else { return Ok(()) };
        if !seen.insert(sid.value.as_str()) {
            let message = "Statement IDs (SID) in a single policy must be unique.";
            let reason = format!("the Sid `{}` is taken", sid.value);
            return Err(problem(message, reason, format!("{path}.Sid"), sid.span));
        }
        if !sid.value.bytes().all(|b| b.is_ascii_alphanumeric()) {
            let message = "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular \
                           expression [0-9A-Za-z]*";
            return Err(problem(message, "letters and digits only", format!("{path}.Sid"), sid.span));
        }
        Ok(())
    })
}

fn actions_present(statement: &Statement, path: Path<'_>) -> Result<(), Problem> {
    if is_filled(statement.action.as_ref()) {
        return Ok(());
    }
    let reason = "the statement has neither Action nor NotAction, or an empty one";
    Err(problem("Policy statement must contain actions.", reason, path, statement.span))
}

fn resources_present(statement: &Statement, path: Path<'_>) -> Result<(), Problem> {
    if is_filled(statement.resource.as_ref()) {
        return Ok(());
    }
    let reason = "the statement has neither Resource nor NotResource, or an empty one";
    Err(problem("Policy statement must contain resources.", reason, path, statement.span))
}

fn is_filled(clause: Option<&Clause>) -> bool {
    clause.is_some_and(|clause| !clause.values.is_empty())
}

fn action_prefixes(clause: Option<&Clause>, path: Path<'_>, kind: PolicyType) -> Result<(), Problem> {
    let Some(clause) = clause else { return Ok(()) };
    let path = path.member(if clause.negated { "NotAction" } else { "Action" });
    clause.values.iter().try_for_each(|action| {
        if kind == PolicyType::Trust {
            return trust_action(action, path);
        }
        action_prefix(action, path).map_err(|problem| match kind {
            // S3 has one answer to them all.
            PolicyType::Resource => Problem { message: "Policy has invalid action".to_owned(), ..problem },
            _ => problem,
        })
    })
}

fn action_prefix(action: &Text, path: Path<'_>) -> Result<(), Problem> {
    let value = action.value.as_str();
    if value == "*" {
        return Ok(());
    }
    let Some((vendor, name)) = value.split_once(':') else {
        let reason = format!("`{value}` has no service; write it as service:Action");
        return Err(problem(VENDOR, reason, path, action.span));
    };
    if name.contains(':') {
        let message = "Actions/Condition can contain only one colon.";
        return Err(problem(message, format!("`{value}` has several"), path, action.span));
    }
    let is_valid =
        vendor == "*" || vendor.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'));
    if !is_valid || vendor.is_empty() {
        let reason = "a service's name has letters, digits, `-` and `.`, and no wildcard";
        return Err(problem(format!("Vendor {vendor} is not valid"), reason, path, action.span));
    }
    Ok(())
}

/// The actions that a trust policy may speak about.
const TRUST_ACTIONS: &[&str] = &[
    "sts:assumerole",
    "sts:assumerolewithsaml",
    "sts:assumerolewithwebidentity",
    "sts:tagsession",
    "sts:setsourceidentity",
    "sts:setcontext",
];

fn trust_action(action: &Text, path: Path<'_>) -> Result<(), Problem> {
    let pattern = Pattern::compile(&action.value, Syntax { wildcards: true, variables: false });
    if TRUST_ACTIONS.iter().any(|known| pattern.matches_ignoring_case(known, Context::EMPTY)) {
        return Ok(());
    }
    let message = "AssumeRole policy may only specify STS AssumeRole actions";
    let reason =
        format!("`{}` is none of {}", action.value, "sts:AssumeRole*, sts:TagSession, sts:SetSourceIdentity");
    Err(problem(message, reason, path, action.span))
}

/// Resource control policies speak to everyone, deny, and not everything; only AWS's own one allows, and that allows all.
fn control_policy(statement: &Statement, path: Path<'_>, kind: PolicyType) -> Result<(), Problem> {
    if kind != PolicyType::ResourceControl {
        return Ok(());
    }
    let fail = |reason: &str, span| Err(problem(NOT_OF_TYPE, reason, path, span));
    let everyone = |(_, text): &(_, Text)| text.value == "*";
    match &statement.principal {
        Some(clause) if !clause.negated && clause.entries.iter().all(everyone) => {}
        _ => return fail("a resource control policy has the Principal \"*\"", statement.span),
    }
    let is_all = |clause: Option<&Clause>| {
        clause.is_some_and(|clause| !clause.negated && clause.values.iter().any(|value| value.value == "*"))
    };
    let all_actions = is_all(statement.action.as_ref());
    let is_full_access =
        all_actions && is_all(statement.resource.as_ref()) && statement.conditions.is_empty();
    match statement.effect {
        Effect::Allow if !is_full_access => {
            fail("a resource control policy only denies", statement.effect_text.span)
        }
        Effect::Deny if all_actions => fail("name the services whose actions are denied", statement.span),
        _ => Ok(()),
    }
}
