//! Trust policies: saved with the unique ids of those whom they name, shown with their ARNs.
//!
//! AWS transforms the ARN of a user or role in `Principal` to its unique id when the policy is saved, and back when it is
//! shown; once the entity is gone, the id is shown (IAM User Guide, "AWS JSON policy elements: Principal").

use std::collections::BTreeMap;

use irsa_policy::{Arn, Policy, PolicyType, size_without_whitespace};
use irsa_store::Snapshot;
use irsa_store::model::{AccountId, TrustPolicy};
use serde_json::Value;

use super::{IamError, quotas};

/// Checks a trust policy and finds the ids of the users and roles that it names.
pub(super) fn resolve(snapshot: &Snapshot, text: &str) -> Result<TrustPolicy, IamError> {
    let policy = Policy::parse(text, PolicyType::Trust)?;
    quotas::TRUST_POLICY_SIZE.admit(size_without_whitespace(text))?;
    let ids = principal_ids(snapshot, &policy).map_err(IamError::InvalidPrincipal)?;
    Ok(TrustPolicy { text: text.to_owned(), ids })
}

/// The ids of the users and roles that a policy names; an error is the ARN, or id, of one that is not there.
///
/// An account that we do not have cannot be asked: ARNs of its users and roles are kept as written. A unique id names no
/// account, and one that nobody has here matches nobody.
pub(crate) fn principal_ids(
    snapshot: &Snapshot,
    policy: &Policy,
) -> Result<BTreeMap<String, String>, String> {
    let mut ids = BTreeMap::new();
    for arn in policy.aws_principals() {
        if !is_entity_of_known_account(snapshot, arn) {
            continue;
        }
        let id = id_of(snapshot, arn).ok_or_else(|| arn.to_owned())?;
        ids.insert(arn.to_owned(), id);
    }
    for id in policy.aws_principal_ids() {
        arn_of(snapshot, id).ok_or_else(|| id.to_owned())?;
        ids.insert(id.to_owned(), id.to_owned());
    }
    Ok(ids)
}

/// The document as it is shown now: where an entity was deleted, renamed or moved since, its id or new ARN stands.
pub(crate) fn shown(snapshot: &Snapshot, trust: &TrustPolicy) -> String {
    let changed: BTreeMap<&str, String> = trust
        .ids
        .iter()
        .map(|(arn, id)| (arn.as_str(), arn_of(snapshot, id).unwrap_or_else(|| id.clone())))
        .filter(|(arn, now)| arn != now)
        .collect();
    if changed.is_empty() {
        return trust.text.clone();
    }
    let Ok(mut document) = serde_json::from_str::<Value>(&trust.text) else { return trust.text.clone() };
    match document.get_mut("Statement") {
        Some(Value::Array(statements)) => statements.iter_mut().for_each(|one| replace(one, &changed)),
        Some(statement) => replace(statement, &changed),
        None => {}
    }
    document.to_string()
}

fn is_entity_of_known_account(snapshot: &Snapshot, arn: &str) -> bool {
    let Some(arn) = Arn::parse(arn).filter(|arn| arn.partition == "aws" && arn.service == "iam") else {
        return false;
    };
    let is_known = arn.account.parse::<AccountId>().is_ok_and(|account| snapshot.account(account).is_some());
    is_known && (arn.resource.starts_with("role/") || arn.resource.starts_with("user/"))
}

fn id_of(snapshot: &Snapshot, arn: &str) -> Option<String> {
    let role = snapshot.role_by_arn(arn).map(|role| role.id.clone());
    role.or_else(|| snapshot.user_by_arn(arn).map(|user| user.id.clone()))
}

fn arn_of(snapshot: &Snapshot, id: &str) -> Option<String> {
    let role = snapshot.role_by_id(id).map(|role| role.arn());
    role.or_else(|| snapshot.user_by_id(id).map(|user| user.arn()))
}

/// Only `Principal` is transformed: ARNs in conditions stay as they were written.
fn replace(statement: &mut Value, changed: &BTreeMap<&str, String>) {
    let principals = statement.get_mut("Principal").and_then(|principal| principal.get_mut("AWS"));
    let each = |value: &mut Value| {
        if let Some(now) = value.as_str().and_then(|arn| changed.get(arn)) {
            *value = Value::String(now.clone());
        }
    };
    match principals {
        Some(Value::Array(values)) => values.iter_mut().for_each(each),
        Some(value) => each(value),
        None => {}
    }
}
