//! The values under `Principal` and `NotPrincipal`.
//!
//! Whether an ARN's entity exists is not known here: [`Policy::aws_principals`](crate::Policy::aws_principals) names them.

use super::problem;
use crate::arn::Arn;
use crate::document::path::Path;
use crate::document::{PolicyType, PrincipalClause, PrincipalKind, Problem};

pub(super) fn values(
    clause: Option<&PrincipalClause>,
    path: Path<'_>,
    kind: PolicyType,
) -> Result<(), Problem> {
    let Some(clause) = clause else { return Ok(()) };
    let element = if clause.negated { "NotPrincipal" } else { "Principal" };
    for (principal, text) in &clause.entries {
        let value = text.value.as_str();
        let message = match principal {
            PrincipalKind::Aws if is_aws(value) => continue,
            PrincipalKind::Service if is_domain(value) => continue,
            PrincipalKind::CanonicalUser if kind == PolicyType::Resource => continue,
            PrincipalKind::Federated if kind == PolicyType::Trust && is_federated(value) => continue,
            _ if kind == PolicyType::Resource => "Invalid principal in policy".to_owned(),
            _ => format!(
                "Invalid principal in policy: \"{}\":\"{value}\"",
                principal.name().to_ascii_uppercase()
            ),
        };
        let reason = format!("`{value}` cannot stand under {}", principal.name());
        return Err(problem(message, reason, format!("{path}.{element}.{}", principal.name()), text.span));
    }
    Ok(())
}

/// `*`, an account, the ARN of an account, user, role or session, or a unique id. No wildcard within.
fn is_aws(value: &str) -> bool {
    let is_account = value.len() == 12 && value.bytes().all(|b| b.is_ascii_digit());
    let is_id = (16..=128).contains(&value.len())
        && (value.starts_with("AIDA") || value.starts_with("AROA"))
        && value.bytes().all(|b| b.is_ascii_alphanumeric());
    let is_entity =
        !value.contains(['*', '?']) && Arn::parse(value).is_some_and(|arn| arn.principal().is_some());
    value == "*" || is_account || is_id || is_entity
}

fn is_federated(value: &str) -> bool {
    match Arn::parse(value) {
        Some(arn) => {
            let (kind, name) = arn.resource.split_once('/').unwrap_or_default();
            arn.service == "iam"
                && arn.account.len() == 12
                && matches!(kind, "oidc-provider" | "saml-provider")
                && !name.is_empty()
        }
        None => is_domain(value),
    }
}

fn is_domain(value: &str) -> bool {
    value.contains('.')
        && value.split('.').all(|label| !label.is_empty())
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}
