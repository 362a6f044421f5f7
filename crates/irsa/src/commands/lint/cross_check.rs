//! What the files together say around each policy: its role's ARN, the providers, and the ServiceAccounts that name it.
//!
//! Files show a part of the world. What they do not show is unknown, not absent: the rules that need it are silent then.

use irsa_policy::PolicyType;
use irsa_policy::lint::{Provider, Role, ServiceAccount, Surroundings};

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
        service_accounts: service_accounts(policy, arn.as_deref(), inventory),
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

/// The files show the ServiceAccounts that matter when one of them names the role, or one is in a namespace that the
/// policy speaks of.
fn service_accounts(
    policy: &Policy,
    role: Option<&str>,
    inventory: &Inventory,
) -> Option<Vec<ServiceAccount>> {
    let matters = inventory.service_accounts.iter().any(|known| {
        let names_role = role.is_some() && known.role_arn.as_deref() == role;
        names_role || policy.text.contains(&format!("system:serviceaccount:{}:", known.namespace))
    });
    let each = inventory.service_accounts.iter().map(|known| ServiceAccount {
        namespace: known.namespace.clone(),
        name: known.name.clone(),
        role_arn: known.role_arn.clone(),
        audience: known.audience.clone(),
        token_seconds: known.token_seconds,
    });
    matters.then(|| each.collect())
}

fn account(arn: &str) -> Option<&str> {
    arn.split(':')
        .nth(4)
        .filter(|account| account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()))
}
