//! Managed policies: create, read, list, delete.

use std::collections::HashMap;

use irsa_store::model::{ManagedPolicy, PolicyVersion};
use irsa_store::{Key, Transaction, transact};

use super::entities::{now, unique_id};
use super::managed::{self, Managed, Usage};
use super::paging::Paging;
use super::permissions::{creating, on_policy, requires};
use super::{IamError, documents, quotas, tags};
use crate::authorize::{Authorized, Check};
use crate::context::Context;
use crate::generated::iam::{
    CreatePolicyInput, CreatePolicyOutput, DeletePolicyInput, DeletePolicyOutput, GetPolicyInput,
    GetPolicyOutput, ListPoliciesInput, ListPoliciesOutput,
};
use crate::managed_policies;

requires! {
    CreatePolicyInput => |input, call| {
        let path = input.path.as_deref().unwrap_or("/");
        let arn = format!("arn:aws:iam::{}:policy{path}{}", call.account, input.policy_name);
        creating(Check::new("iam:CreatePolicy", arn), "iam:TagPolicy", input.tags.as_deref())
    };
    GetPolicyInput => |input, call| vec![on_policy(call, "iam:GetPolicy", &input.policy_arn)];
    ListPoliciesInput => |input, _call| {
        // AWS's denials name this resource, which no pattern but `*` matches.
        let resource = format!("policy path {}", input.path_prefix.as_deref().unwrap_or("/"));
        vec![Check::new("iam:ListPolicies", resource)]
    };
    DeletePolicyInput => |input, call| vec![on_policy(call, "iam:DeletePolicy", &input.policy_arn)];
}

pub(super) fn create_policy(
    ctx: &Context,
    permit: Authorized<CreatePolicyInput>,
) -> Result<CreatePolicyOutput, IamError> {
    let (account, input) = (permit.account(), permit.input());
    documents::check_managed(&input.policy_document)?;
    let first = "v1".to_owned();
    let created = now(&permit);
    let policy = ManagedPolicy {
        account,
        name: input.policy_name.clone(),
        path: input.path.clone().unwrap_or_else(|| "/".to_owned()),
        id: unique_id("ANPA")?,
        description: input.description.clone().filter(|text| !text.is_empty()),
        versions: vec![PolicyVersion { id: first.clone(), text: input.policy_document.clone(), created }],
        default_version: first,
        next_version: 2,
        attachment_count: 0,
        boundary_count: 0,
        created,
        updated: created,
        tags: tags::read(input.tags.as_deref())?,
    };
    transact(ctx.store.as_ref(), |snapshot| {
        if snapshot.policy_by_name(account, &policy.name).is_some() {
            return Err(IamError::AlreadyExists(format!(
                "A policy called {} already exists. Duplicate names are not allowed.",
                policy.name
            )));
        }
        quotas::POLICIES.admit(snapshot.policies(account, None).count() + 1)?;
        Ok((Transaction::new().put(policy.clone()), ()))
    })?;
    let mut shown = Managed::Own(&policy).listed(Usage::default());
    shown.tags = tags::shown_if_any(&policy.tags);
    Ok(CreatePolicyOutput { policy: Some(shown) })
}

pub(super) fn get_policy(
    _ctx: &Context,
    permit: Authorized<GetPolicyInput>,
) -> Result<GetPolicyOutput, IamError> {
    let (snapshot, account) = (&permit.call().snapshot, permit.account());
    let policy = managed::existing(snapshot, account, &permit.input().policy_arn)?;
    let used = match policy {
        Managed::Aws(_) => policy.used(&managed::usage(snapshot, account)),
        Managed::Own(_) => policy.used(&HashMap::new()),
    };
    Ok(GetPolicyOutput { policy: Some(policy.shown(used)) })
}

pub(super) fn list_policies(
    _ctx: &Context,
    permit: Authorized<ListPoliciesInput>,
) -> Result<ListPoliciesOutput, IamError> {
    let (snapshot, account, input) = (&permit.call().snapshot, permit.account(), permit.input());
    let paging = Paging::new(input.marker.as_deref(), input.max_items)?;
    let prefix = input.path_prefix.as_deref().unwrap_or("/");
    let scope = input.scope.as_deref().unwrap_or("All");
    let usage = managed::usage(snapshot, account);

    let own = snapshot.policies(account, None).filter(|_| scope != "AWS").map(|stored| Managed::Own(stored));
    let aws = managed_policies::all().iter().filter(|_| scope != "Local").map(Managed::Aws);
    let mut every: Vec<_> = own.chain(aws).map(|policy| (policy.key(), policy)).collect();
    every.sort_by(|(one, _), (other, _)| one.cmp(other));
    let wanted = every
        .into_iter()
        .map(|(key, policy)| (key, (policy, policy.used(&usage))))
        .filter(|(_, (policy, _))| policy.path().starts_with(prefix))
        .filter(|(_, (_, used))| input.only_attached != Some(true) || used.attached > 0)
        .filter(|(_, (_, used))| match input.policy_usage_filter.as_deref() {
            Some("PermissionsPolicy") => used.attached > 0,
            Some("PermissionsBoundary") => used.boundary > 0,
            _ => true,
        });
    let page = paging.page(wanted);
    let policies = page.items.into_iter().map(|(policy, used)| policy.listed(used)).collect();
    Ok(ListPoliciesOutput { policies: Some(policies), is_truncated: page.is_truncated, marker: page.marker })
}

pub(super) fn delete_policy(
    ctx: &Context,
    permit: Authorized<DeletePolicyInput>,
) -> Result<DeletePolicyOutput, IamError> {
    let (account, arn) = (permit.account(), &permit.input().policy_arn);
    managed::own_for_change(ctx, &permit, "iam:DeletePolicy", arn)?;
    transact(ctx.store.as_ref(), |snapshot| {
        let policy =
            managed::own(snapshot, account, arn).ok_or_else(|| IamError::NoSuchPolicy(arn.clone()))?;
        if policy.attachment_count > 0 || policy.boundary_count > 0 {
            return Err(IamError::DeleteConflict("Cannot delete a policy attached to entities."));
        }
        if policy.versions.len() > 1 {
            return Err(IamError::DeleteConflict(
                "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.",
            ));
        }
        Ok((Transaction::new().delete(Key::policy(account, &policy.name)), DeletePolicyOutput))
    })
}
