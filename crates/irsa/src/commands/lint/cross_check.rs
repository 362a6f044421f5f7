//! What the files together say around each policy: its role's ARN, the providers, and the ServiceAccounts that name it.
//!
//! Files show a part of the world. What they do not show is unknown, not absent: the rules that need it are silent then.

use irsa_policy::PolicyType;
use irsa_policy::lint::{Finding, Provider, Role, ServiceAccount, Surroundings};

use super::inventory::{Inventory, Policy};

/// What is known around a policy.
pub(super) fn surroundings(policy: &Policy, inventory: &Inventory) -> Surroundings {
    if policy.kind != PolicyType::Trust {
        return Surroundings::default();
    }
    let role = policy.role.as_ref();
    let arn =
        role.and_then(|role| role.arn.clone().or_else(|| annotated_arn(role.name.as_deref()?, inventory)));
    Surroundings {
        providers: providers(arn.as_deref(), inventory),
        service_accounts: service_accounts(arn.as_deref(), inventory),
        role: arn
            .map(|arn| Role { arn, max_session_seconds: role.and_then(|role| role.max_session_seconds) }),
    }
}

/// A role that is still to be made has no ARN; the ServiceAccounts that are to use it name it all the same.
fn annotated_arn(name: &str, inventory: &Inventory) -> Option<String> {
    let of_this_name = |arn: &&String| arn.rsplit('/').next() == Some(name) && account(arn).is_some();
    let mut arns = inventory.service_accounts.iter().filter_map(|known| known.role_arn.as_ref());
    let first = arns.clone().find(of_this_name)?;
    arns.all(|arn| !of_this_name(&arn) || arn == first).then(|| first.clone())
}

/// All of them need an ARN: one that is unknown may be the one that is looked for.
fn providers(role: Option<&str>, inventory: &Inventory) -> Option<Vec<Provider>> {
    if inventory.providers.is_empty() {
        return None;
    }
    let each = inventory.providers.iter().map(|provider| {
        // A provider is looked up in the role's account, so that is where a new one is made.
        let arn = provider.arn.clone().or_else(|| {
            let (account, _) = role?.split_once(":role/")?;
            Some(format!("{account}:oidc-provider/{}", provider.host_path.as_ref()?))
        })?;
        Some(Provider { arn, client_ids: provider.client_ids.clone() })
    });
    each.collect()
}

/// Only a role that is known is checked against them: a policy without one may be of another cluster.
fn service_accounts(role: Option<&str>, inventory: &Inventory) -> Option<Vec<ServiceAccount>> {
    role.filter(|_| !inventory.service_accounts.is_empty())?;
    let each = inventory.service_accounts.iter().map(|known| ServiceAccount {
        namespace: known.namespace.clone(),
        name: known.name.clone(),
        role_arn: known.role_arn.clone(),
        audience: known.audience.clone(),
        token_seconds: known.token_seconds,
    });
    Some(each.collect())
}

/// Whether the files can tell: that a subject is nobody's is known of namespaces that they show, and of the role of a
/// ServiceAccount that the policy does not name.
pub(super) fn is_known(finding: &Finding, text: &str, around: &Surroundings) -> bool {
    if finding.code != "IRSA-T023" {
        return true;
    }
    let subject = text.get(finding.span.start..finding.span.end).unwrap_or_default();
    let namespace = subject.split("system:serviceaccount:").nth(1).and_then(|rest| rest.split(':').next());
    let role = around.role.as_ref().map(|role| &role.arn);
    around.service_accounts.iter().flatten().any(|known| {
        let left_out =
            || !text.contains(&format!("system:serviceaccount:{}:{}\"", known.namespace, known.name));
        namespace == Some(&known.namespace) || (role == known.role_arn.as_ref() && left_out())
    })
}

fn account(arn: &str) -> Option<&str> {
    arn.split(':')
        .nth(4)
        .filter(|account| account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()))
}
