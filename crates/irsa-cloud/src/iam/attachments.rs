//! Managed policies attached to roles and users, and who has a policy attached.

use irsa_store::Transaction;
use irsa_store::model::{AccountId, Role, User};

use super::IamError;
use super::entities::{Holder, change, folded};
use super::managed::{self, Use};
use super::paging::{Page, Paging};
use super::permissions::{on_policy, on_role, on_user, requires, with_policy_arn};
use crate::authorize::{Authorized, Call};
use crate::context::Context;
use crate::generated::iam::{
    AttachRolePolicyInput, AttachRolePolicyOutput, AttachUserPolicyInput, AttachUserPolicyOutput,
    AttachedPolicy, DetachRolePolicyInput, DetachRolePolicyOutput, DetachUserPolicyInput,
    DetachUserPolicyOutput, ListAttachedRolePoliciesInput, ListAttachedRolePoliciesOutput,
    ListAttachedUserPoliciesInput, ListAttachedUserPoliciesOutput, ListEntitiesForPolicyInput,
    ListEntitiesForPolicyOutput, PolicyRole, PolicyUser,
};

requires! {
    AttachRolePolicyInput => |input, call| {
        vec![with_policy_arn(on_role(call, "iam:AttachRolePolicy", &input.role_name), &input.policy_arn)]
    };
    DetachRolePolicyInput => |input, call| {
        vec![with_policy_arn(on_role(call, "iam:DetachRolePolicy", &input.role_name), &input.policy_arn)]
    };
    ListAttachedRolePoliciesInput => |input, call| {
        vec![on_role(call, "iam:ListAttachedRolePolicies", &input.role_name)]
    };
    AttachUserPolicyInput => |input, call| {
        vec![with_policy_arn(on_user(call, "iam:AttachUserPolicy", &input.user_name), &input.policy_arn)]
    };
    DetachUserPolicyInput => |input, call| {
        vec![with_policy_arn(on_user(call, "iam:DetachUserPolicy", &input.user_name), &input.policy_arn)]
    };
    ListAttachedUserPoliciesInput => |input, call| {
        vec![on_user(call, "iam:ListAttachedUserPolicies", &input.user_name)]
    };
    ListEntitiesForPolicyInput => |input, call| {
        vec![on_policy(call, "iam:ListEntitiesForPolicy", &input.policy_arn)]
    };
}

pub(super) fn attach_role_policy(
    ctx: &Context,
    permit: Authorized<AttachRolePolicyInput>,
) -> Result<AttachRolePolicyOutput, IamError> {
    let input = permit.input();
    attach::<Role>(ctx, permit.account(), &input.role_name, &input.policy_arn)?;
    Ok(AttachRolePolicyOutput)
}

pub(super) fn detach_role_policy(
    ctx: &Context,
    permit: Authorized<DetachRolePolicyInput>,
) -> Result<DetachRolePolicyOutput, IamError> {
    let input = permit.input();
    detach::<Role>(ctx, permit.account(), &input.role_name, &input.policy_arn)?;
    Ok(DetachRolePolicyOutput)
}

pub(super) fn list_attached_role_policies(
    _ctx: &Context,
    permit: Authorized<ListAttachedRolePoliciesInput>,
) -> Result<ListAttachedRolePoliciesOutput, IamError> {
    let input = permit.input();
    let paging = Paging::new(input.marker.as_deref(), input.max_items)?;
    let page = list::<Role>(permit.call(), &input.role_name, input.path_prefix.as_deref(), &paging)?;
    Ok(ListAttachedRolePoliciesOutput {
        attached_policies: Some(page.items),
        is_truncated: page.is_truncated,
        marker: page.marker,
    })
}

pub(super) fn attach_user_policy(
    ctx: &Context,
    permit: Authorized<AttachUserPolicyInput>,
) -> Result<AttachUserPolicyOutput, IamError> {
    let input = permit.input();
    attach::<User>(ctx, permit.account(), &input.user_name, &input.policy_arn)?;
    Ok(AttachUserPolicyOutput)
}

pub(super) fn detach_user_policy(
    ctx: &Context,
    permit: Authorized<DetachUserPolicyInput>,
) -> Result<DetachUserPolicyOutput, IamError> {
    let input = permit.input();
    detach::<User>(ctx, permit.account(), &input.user_name, &input.policy_arn)?;
    Ok(DetachUserPolicyOutput)
}

pub(super) fn list_attached_user_policies(
    _ctx: &Context,
    permit: Authorized<ListAttachedUserPoliciesInput>,
) -> Result<ListAttachedUserPoliciesOutput, IamError> {
    let input = permit.input();
    let paging = Paging::new(input.marker.as_deref(), input.max_items)?;
    let page = list::<User>(permit.call(), &input.user_name, input.path_prefix.as_deref(), &paging)?;
    Ok(ListAttachedUserPoliciesOutput {
        attached_policies: Some(page.items),
        is_truncated: page.is_truncated,
        marker: page.marker,
    })
}

pub(super) fn list_entities_for_policy(
    _ctx: &Context,
    permit: Authorized<ListEntitiesForPolicyInput>,
) -> Result<ListEntitiesForPolicyOutput, IamError> {
    let (snapshot, account, input) = (&permit.call().snapshot, permit.account(), permit.input());
    let arn = managed::existing(snapshot, account, &input.policy_arn)?.arn();
    let paging = Paging::new(input.marker.as_deref(), input.max_items)?;
    let prefix = input.path_prefix.as_deref().unwrap_or("/");
    let usage = input.policy_usage_filter.as_deref();
    let is_using = |attached: &[String], boundary: Option<&str>| {
        (usage != Some("PermissionsBoundary") && attached.contains(&arn))
            || (usage != Some("PermissionsPolicy") && boundary == Some(arn.as_str()))
    };
    let is_wanted = |kind: &str| input.entity_filter.as_deref().is_none_or(|wanted| wanted == kind);

    let roles = snapshot
        .roles(account, None)
        .filter(|role| is_wanted("Role") && role.path.starts_with(prefix))
        .filter(|role| is_using(&role.attached, role.boundary.as_deref()))
        .map(|role| (format!("role/{}", folded(&role.name)), Entity::Role(role)));
    let users = snapshot
        .users(account, None)
        .filter(|user| is_wanted("User") && user.path.starts_with(prefix))
        .filter(|user| is_using(&user.attached, user.boundary.as_deref()))
        .map(|user| (format!("user/{}", folded(&user.name)), Entity::User(user)));
    let page = paging.page(roles.chain(users));

    let (mut policy_roles, mut policy_users) = (Vec::new(), Vec::new());
    for entity in page.items {
        match entity {
            Entity::Role(role) => policy_roles
                .push(PolicyRole { role_name: Some(role.name.clone()), role_id: Some(role.id.clone()) }),
            Entity::User(user) => policy_users
                .push(PolicyUser { user_name: Some(user.name.clone()), user_id: Some(user.id.clone()) }),
        }
    }
    Ok(ListEntitiesForPolicyOutput {
        policy_groups: Some(Vec::new()),
        policy_users: Some(policy_users),
        policy_roles: Some(policy_roles),
        is_truncated: page.is_truncated,
        marker: page.marker,
    })
}

enum Entity<'s> {
    Role(&'s Role),
    User(&'s User),
}

/// Attaching what is attached already succeeds.
fn attach<H: Holder>(ctx: &Context, account: AccountId, name: &str, arn: &str) -> Result<(), IamError> {
    managed::check_arn(arn)?;
    change::<H>(ctx, account, name, |snapshot, holder| {
        managed::find(snapshot, account, arn).ok_or_else(|| IamError::NotAttachable(arn.to_owned()))?;
        if holder.attached().iter().any(|known| known == arn) {
            return Ok(Transaction::new());
        }
        H::ATTACHED.admit(holder.attached().len() + 1)?;
        holder.attached_mut().push(arn.to_owned());
        Ok(managed::count(Transaction::new(), snapshot, account, arn, Use::Attached, 1))
    })?;
    Ok(())
}

fn detach<H: Holder>(ctx: &Context, account: AccountId, name: &str, arn: &str) -> Result<(), IamError> {
    managed::check_arn(arn)?;
    change::<H>(ctx, account, name, |snapshot, holder| {
        let before = holder.attached().len();
        holder.attached_mut().retain(|known| known != arn);
        if holder.attached().len() == before {
            return Err(IamError::NoSuchPolicy(arn.to_owned()));
        }
        Ok(managed::count(Transaction::new(), snapshot, account, arn, Use::Attached, -1))
    })?;
    Ok(())
}

fn list<H: Holder>(
    call: &Call,
    name: &str,
    path_prefix: Option<&str>,
    paging: &Paging,
) -> Result<Page<AttachedPolicy>, IamError> {
    let holder = H::find(&call.snapshot, call.account, name)?;
    let prefix = path_prefix.unwrap_or("/");
    let mut attached: Vec<_> = holder
        .attached()
        .iter()
        .filter_map(|arn| managed::find(&call.snapshot, call.account, arn))
        .filter(|policy| policy.path().starts_with(prefix))
        .map(|policy| {
            let shown = AttachedPolicy {
                policy_name: Some(policy.name().to_owned()),
                policy_arn: Some(policy.arn()),
            };
            (policy.key(), shown)
        })
        .collect();
    attached.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(paging.page(attached.into_iter()))
}
