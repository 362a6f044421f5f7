//! The actions of a trust policy: T028, T029, T043.

use super::{Federated, Provider, Trust, pattern};
use crate::document::{PrincipalKind, Text};
use crate::lint::Edit;
use crate::lint::finding::{Fix, Report};
use crate::lint::group::quoted;
use crate::lint::reading::{Element, Statement};
use crate::lint::rules::{T028, T029, T043};
use crate::lint::show::shown;
use crate::request::Context;

const ASSUME: &str = "sts:AssumeRole";
const WITH_WEB_IDENTITY: &str = "sts:AssumeRoleWithWebIdentity";
const WITH_SAML: &str = "sts:AssumeRoleWithSAML";

pub(super) fn rules(trust: &Trust<'_>, report: &mut Report) {
    for statement in &trust.document.statements {
        let wanted = wanted(statement);
        if let Some(action) = &statement.action {
            mismatched(statement, action, wanted.as_deref(), report);
            if statement.allows() {
                wildcards(statement, action, wanted.as_deref(), report);
            }
        }
        if let Some(action) = statement.not_action.as_ref().filter(|_| statement.allows()) {
            let reason =
                "NotAction allows every other action there is or will be: name the action with Action";
            report.add(&T029, action.key.span, statement.path("NotAction"), reason, None);
        }
    }
    tags(trust, report);
}

/// The actions by which the statement's principals get a session; `None` when that is not known.
fn wanted(statement: &Statement) -> Option<Vec<&'static str>> {
    let entries = &statement.principal.as_ref()?.entries;
    let mut wanted = Vec::new();
    for entry in entries {
        let action = match entry.kind {
            PrincipalKind::Aws if entry.text.value == "*" => return None,
            PrincipalKind::Aws | PrincipalKind::Service | PrincipalKind::CanonicalUser => ASSUME,
            PrincipalKind::Federated => match Provider::of(&entry.text).kind {
                Federated::Oidc | Federated::BuiltIn => WITH_WEB_IDENTITY,
                Federated::Saml => WITH_SAML,
                Federated::Unfilled | Federated::Malformed => return None,
            },
        };
        if !wanted.contains(&action) {
            wanted.push(action);
        }
    }
    (!wanted.is_empty()).then_some(wanted)
}

/// T028
fn mismatched(statement: &Statement, action: &Element, wanted: Option<&[&'static str]>, report: &mut Report) {
    let Some(wanted) = wanted else { return };
    let is = |text: &Text, name: &str| text.value.eq_ignore_ascii_case(name);
    for text in action.values.iter() {
        let is_assuming = [ASSUME, WITH_WEB_IDENTITY, WITH_SAML].iter().any(|name| is(text, name));
        if !is_assuming || wanted.iter().any(|name| is(text, name)) {
            continue;
        }
        let kinds =
            if wanted == [ASSUME] { "an AWS principal or a service" } else { "a federated principal" };
        let reason = format!(
            "{} is not how {kinds} gets a session: that is {}",
            shown(&text.value),
            wanted.join(" or ")
        );
        let fix = match wanted {
            [right] => Some(replace(action, text, right)),
            _ => None,
        };
        report.add(&T028, text.span, statement.path("Action"), reason, fix);
    }
}

/// Writes `right` instead of a value, or removes it when `right` is there already.
fn replace(action: &Element, text: &Text, right: &str) -> Fix {
    let has_right = action.values.iter().any(|other| other.value.eq_ignore_ascii_case(right));
    let place = action.values.list.as_ref().and_then(|list| Some((list, list.place(text.span)?)));
    match place.filter(|_| has_right) {
        Some((list, place)) => Fix::one(format!("remove {}", shown(&text.value)), list.remove(place)),
        None => Fix::one(format!("write {right}"), Edit::new(text.span, quoted(right))),
    }
}

/// T029
fn wildcards(statement: &Statement, action: &Element, wanted: Option<&[&'static str]>, report: &mut Report) {
    for text in action.values.iter() {
        let is_all = matches!(text.value.to_ascii_lowercase().as_str(), "*" | "*:*" | "sts:*");
        if !is_all {
            continue;
        }
        let named = wanted.unwrap_or(&[ASSUME]).join(" or ");
        let reason = format!(
            "{} also allows tagging the session and naming its source identity: name the action, {named}",
            shown(&text.value)
        );
        let fix = match wanted {
            Some([right]) => Some(replace(action, text, right)),
            _ => None,
        };
        report.add(&T029, text.span, statement.path("Action"), reason, fix);
    }
}

/// T043
fn tags(trust: &Trust<'_>, report: &mut Report) {
    for statement in trust.document.statements.iter().filter(|statement| statement.allows()) {
        let Some(action) = &statement.action else { continue };
        let needs = statement.entries().find_map(|(block, entry)| {
            let key = entry.key.value.to_ascii_lowercase();
            let needed = if key.starts_with("aws:requesttag/")
                || matches!(key.as_str(), "aws:tagkeys" | "sts:transitivetagkeys")
            {
                "sts:TagSession"
            } else if key == "sts:sourceidentity" {
                "sts:SetSourceIdentity"
            } else {
                return None;
            };
            let path = statement.path(&format!("Condition.{}.{}", block.operator.value, entry.key.value));
            Some((needed, &entry.key, path, "is compared"))
        });
        let pod_identity = || {
            let entries = statement.principal.iter().flat_map(|principal| &principal.entries);
            let mut agents = entries.filter(|entry| entry.text.value == super::principal::POD_IDENTITY);
            let agent = agents.next()?;
            Some(("sts:TagSession", &agent.text, statement.path("Principal.Service"), "tags its sessions"))
        };
        let Some((needed, text, path, why)) = needs.or_else(pod_identity) else { continue };
        if !shares_a_principal(statement, statement) || is_allowed(trust, statement, needed) {
            continue;
        }
        let reason = format!(
            "{} {why}, and the statement does not allow {needed}: the call fails",
            shown(&text.value)
        );
        report.add(&T043, text.span, path, reason, Some(add(trust, action, needed)));
    }
}

/// Whether a statement for the same principals allows the action.
fn is_allowed(trust: &Trust<'_>, statement: &Statement, needed: &str) -> bool {
    let lower = needed.to_ascii_lowercase();
    let allows = |other: &&Statement| {
        other.not_action.is_some()
            || other
                .action
                .iter()
                .flat_map(|action| action.values.iter())
                .any(|text| pattern(&text.value.to_ascii_lowercase()).matches(&lower, Context::EMPTY))
    };
    trust
        .document
        .statements
        .iter()
        .filter(|other| other.allows() && shares_a_principal(statement, other))
        .any(|other| allows(&other))
}

fn shares_a_principal(statement: &Statement, other: &Statement) -> bool {
    let values = |statement: &'_ Statement| -> Vec<String> {
        let entries = statement.principal.iter().flat_map(|principal| &principal.entries);
        entries.map(|entry| entry.text.value.clone()).collect()
    };
    let others = values(other);
    values(statement).iter().any(|value| others.contains(value))
}

fn add(trust: &Trust<'_>, action: &Element, needed: &str) -> Fix {
    let title = format!("allow {needed}");
    match &action.values.list {
        Some(list) => Fix::one(title, list.append(trust.text, &quoted(needed))),
        None => {
            let now = action.values.iter().next().map(|text| format!("{}, ", quoted(&text.value)));
            let both = format!("[{}{}]", now.unwrap_or_default(), quoted(needed));
            Fix::one(title, Edit::new(action.values.span, both))
        }
    }
}
