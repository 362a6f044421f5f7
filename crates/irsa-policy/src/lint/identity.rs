//! The rules of policies that say what may be done: identity policies first, and where it makes sense all others.

mod s3;
mod size;

use super::finding::Report;
use super::operator;
use super::reading::{Element, Entry, Reading, Statement};
use super::rules::{I104, I106, I107, I108, I109, I110};
use super::show::shown;
use crate::arn::Arn;
use crate::claim::has_wildcard;
use crate::condition::Family;
use crate::document::PolicyType;
use crate::pattern::{Pattern, Syntax};
use crate::request::Context;

/// Adds the findings of a policy that is no trust policy.
pub(super) fn rules(reading: &Reading<'_>, kind: PolicyType, report: &mut Report) {
    for statement in &reading.document.statements {
        if kind == PolicyType::Identity && statement.allows() {
            grants(statement, report);
        }
        services(statement, report);
        skipped_deny(reading, statement, report);
        s3::rules(reading, statement, report);
    }
    if kind == PolicyType::Identity {
        s3::encryption(reading, report);
    }
    size::rule(reading, kind, report);
}

/// Whether an action, which may be a pattern, is or includes this one.
fn names_action(action: &str, wanted: &str) -> bool {
    action_pattern(action).matches(&wanted.to_ascii_lowercase(), Context::EMPTY)
}

fn action_pattern(action: &str) -> Pattern {
    Pattern::compile(&action.to_ascii_lowercase(), Syntax { wildcards: true, variables: false })
}

fn is_everything(element: Option<&Element>) -> bool {
    element.is_some_and(|element| element.values.iter().any(|text| text.value == "*"))
}

/// I104, I106, I107, I110
fn grants(statement: &Statement, report: &mut Report) {
    if let Some(element) = &statement.not_action {
        let reason = "an Allow with NotAction allows every other action there is or will be: name what is allowed with Action";
        report.add(&I106, element.key.span, statement.path("NotAction"), reason, None);
    }
    if let Some(element) = &statement.not_resource {
        let reason = "an Allow with NotResource allows it on every other resource there is or will be: name them with Resource";
        report.add(&I107, element.key.span, statement.path("NotResource"), reason, None);
    }
    let Some(action) = &statement.action else { return };
    let is_all = |value: &str| matches!(value, "*" | "*:*");
    let everywhere = is_everything(statement.resource.as_ref());
    for text in action.values.iter() {
        let value = text.value.as_str();
        if is_all(value) && everywhere {
            let reason = "every action on every resource: name what the workload does";
            report.add(&I110, text.span, statement.path("Action"), reason, None);
        } else if !is_all(value) && names_action(value, "iam:PassRole") && passes_any(statement) {
            let reason = format!(
                "{} lets a service act with any role of the account: name the roles, or pin `iam:PassedToService`",
                shown(value)
            );
            report.add(&I104, text.span, statement.path("Action"), reason, None);
        }
    }
}

/// Whether the statement is about all roles, whatever they are passed to.
fn passes_any(statement: &Statement) -> bool {
    let is_any = |value: &str| {
        value == "*"
            || Arn::parse(value)
                .is_some_and(|arn| arn.service == "iam" && matches!(arn.resource, "*" | "role/*" | "role*"))
    };
    let mut resources = statement.resource.iter().flat_map(|resource| resource.values.iter());
    let is_pinned = statement.entries().any(|(_, entry)| {
        ["iam:PassedToService", "iam:AssociatedResourceArn"]
            .iter()
            .any(|key| entry.key.value.eq_ignore_ascii_case(key))
    });
    !is_pinned && resources.any(|text| is_any(&text.value))
}

/// I108
fn services(statement: &Statement, report: &mut Report) {
    for element in statement.action.iter().chain(&statement.not_action) {
        for text in element.values.iter() {
            let Some((service, name)) = text.value.split_once(':') else { continue };
            if !has_wildcard(service) || text.value == "*:*" {
                continue;
            }
            let reason = format!(
                "{} has a wildcard in the service, which stands for no service: write one action for each, such as {}",
                shown(&text.value),
                shown(&format!("s3:{name}"))
            );
            report.add(&I108, text.span, statement.path(&element.key.value), reason, None);
        }
    }
    for element in statement.resource.iter().chain(&statement.not_resource) {
        for text in element.values.iter() {
            let Some(service) = text.value.strip_prefix("arn:").and_then(|rest| rest.split(':').nth(1))
            else {
                continue;
            };
            if has_wildcard(service) {
                let reason = format!(
                    "{} has a wildcard in the service, where AWS takes none: write one ARN for each service",
                    shown(&text.value)
                );
                report.add(&I108, text.span, statement.path(&element.key.value), reason, None);
            }
        }
    }
}

/// I109: requests with long-term keys have none of these keys (AWS global condition context keys).
fn skipped_deny(reading: &Reading<'_>, statement: &Statement, report: &mut Report) {
    let is_optional = |entry: &Entry| {
        let key = entry.key.value.to_ascii_lowercase();
        matches!(key.as_str(), "aws:multifactorauthpresent" | "aws:multifactorauthage")
    };
    for (block, entry) in statement.entries().filter(|(_, entry)| statement.denies() && is_optional(entry)) {
        let Some(operator) = block.parsed else { continue };
        let is_plain = operator.set.is_none() && !operator.if_exists && !operator.negated;
        let denies_without = match operator.family {
            Family::Bool => entry.values.iter().any(|text| text.value.eq_ignore_ascii_case("false")),
            Family::Numeric(_) => true,
            _ => false,
        };
        if !is_plain || !denies_without {
            continue;
        }
        let wanted = format!("{}IfExists", block.operator.value);
        let reason = format!(
            "{} is missing from requests with access keys, which this Deny lets through: use {}",
            shown(&entry.key.value),
            shown(&wanted)
        );
        let fix = operator::change(reading.text, statement, (block, entry), &wanted, is_optional);
        let path = statement.path(&format!("Condition.{}.{}", block.operator.value, entry.key.value));
        report.add(&I109, block.operator.span, path, reason, fix);
    }
}
