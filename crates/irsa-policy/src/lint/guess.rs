//! Which type a document has, when nothing says so.

use super::reading::{Blanked, Statement};
use crate::document::{PolicyType, PrincipalKind};

/// The type that a document most likely has; `None` when it is no policy document at all (no object with `Statement`).
///
/// Only trust policies name federated principals, or speak of `sts:` actions without a resource.
pub fn guess(text: &str) -> Option<PolicyType> {
    if text.len() > super::reading::MAX_BYTES {
        return None;
    }
    let document = Blanked::of(text).read().document;
    document.statement_key?;
    let mut speaking = document.statements.iter().filter(|statement| speaks_to_someone(statement)).peekable();
    if speaking.peek().is_none() {
        return Some(PolicyType::Identity);
    }
    let is_trust = speaking.any(is_trust);
    Some(if is_trust { PolicyType::Trust } else { PolicyType::Resource })
}

fn speaks_to_someone(statement: &Statement) -> bool {
    statement.principal.is_some() || statement.not_principal.is_some()
}

fn is_trust(statement: &Statement) -> bool {
    let principals = statement.principal.iter().chain(&statement.not_principal);
    let is_federated = principals
        .flat_map(|principal| &principal.entries)
        .any(|entry| entry.kind == PrincipalKind::Federated);
    let has_resource = statement.resource.is_some() || statement.not_resource.is_some();
    let is_sts = |action: &str| action.get(..4).is_some_and(|service| service.eq_ignore_ascii_case("sts:"));
    let all_sts = statement.action.as_ref().is_some_and(|action| {
        !action.values.items.is_empty() && action.values.iter().all(|text| is_sts(&text.value))
    });
    is_federated || (!has_resource && all_sts)
}
