//! Roles: create, read, update, delete.

use irsa_store::model::{Role, TrustPolicy};
use irsa_store::{Snapshot, Transaction, transact};

use super::entities::{Holder, change, folded, now, unique_id};
use super::managed::{self, Use};
use super::paging::Paging;
use super::permissions::{creating, on_all, on_role, requires, with_boundary};
use super::{IamError, boundaries, documents, quotas, tags, trust};
use crate::authorize::{Authorized, Check};
use crate::context::Context;
use crate::generated::iam as shapes;
use crate::generated::iam::{
    CreateRoleInput, CreateRoleOutput, DeleteRoleInput, DeleteRoleOutput, GetRoleInput, GetRoleOutput,
    ListInstanceProfilesForRoleInput, ListInstanceProfilesForRoleOutput, ListRolesInput, ListRolesOutput,
    UpdateAssumeRolePolicyInput, UpdateAssumeRolePolicyOutput, UpdateRoleDescriptionInput,
    UpdateRoleDescriptionOutput, UpdateRoleInput, UpdateRoleOutput,
};

/// AWS's default: one hour.
const DEFAULT_SESSION_SECONDS: u32 = 3_600;

requires! {
    CreateRoleInput => |input, call| {
        let path = input.path.as_deref().unwrap_or("/");
        let arn = format!("arn:aws:iam::{}:role{path}{}", call.account, input.role_name);
        let check = with_boundary(Check::new("iam:CreateRole", arn), input.permissions_boundary.as_deref());
        creating(check, "iam:TagRole", input.tags.as_deref())
    };
    GetRoleInput => |input, call| vec![on_role(call, "iam:GetRole", &input.role_name)];
    ListRolesInput => |input, call| {
        vec![on_all(call, "iam:ListRoles", &format!("role{}", input.path_prefix.as_deref().unwrap_or("/")))]
    };
    UpdateRoleInput => |input, call| vec![on_role(call, "iam:UpdateRole", &input.role_name)];
    UpdateRoleDescriptionInput => |input, call| {
        vec![on_role(call, "iam:UpdateRoleDescription", &input.role_name)]
    };
    UpdateAssumeRolePolicyInput => |input, call| {
        vec![on_role(call, "iam:UpdateAssumeRolePolicy", &input.role_name)]
    };
    DeleteRoleInput => |input, call| vec![on_role(call, "iam:DeleteRole", &input.role_name)];
    ListInstanceProfilesForRoleInput => |input, call| {
        vec![on_role(call, "iam:ListInstanceProfilesForRole", &input.role_name)]
    };
}

pub(super) fn create_role(
    ctx: &Context,
    permit: Authorized<CreateRoleInput>,
) -> Result<CreateRoleOutput, IamError> {
    let (account, input) = (permit.account(), permit.input());
    let new = Role {
        account,
        name: input.role_name.clone(),
        path: input.path.clone().unwrap_or_else(|| "/".to_owned()),
        id: unique_id("AROA")?,
        created: now(&permit),
        description: input.description.clone().filter(|text| !text.is_empty()),
        max_session_duration: session_seconds(input.max_session_duration).unwrap_or(DEFAULT_SESSION_SECONDS),
        trust: TrustPolicy::default(),
        inline: Default::default(),
        attached: Vec::new(),
        boundary: input.permissions_boundary.clone(),
        tags: tags::read(input.tags.as_deref())?,
        last_used: None,
    };
    let role = transact(ctx.store.as_ref(), |snapshot| {
        let trust = trust::resolve(snapshot, &input.assume_role_policy_document)?;
        if snapshot.role(account, &new.name).is_some() {
            return Err(IamError::AlreadyExists(format!("Role with name {} already exists.", new.name)));
        }
        quotas::ROLES.admit(snapshot.roles(account, None).count() + 1)?;
        let role = Role { trust, ..new.clone() };
        let counted = boundaries::begin(Transaction::new(), snapshot, account, role.boundary.as_deref())?;
        Ok((counted.put(role.clone()), role))
    })?;
    // AWS's answer has no MaxSessionDuration and no RoleLastUsed yet.
    let mut shown = listed(&ctx.store.snapshot(), &role);
    shown.max_session_duration = None;
    shown.permissions_boundary = boundaries::shown(role.boundary.as_deref());
    shown.tags = tags::shown_if_any(&role.tags);
    Ok(CreateRoleOutput { role: shown })
}

pub(super) fn get_role(ctx: &Context, permit: Authorized<GetRoleInput>) -> Result<GetRoleOutput, IamError> {
    let snapshot = &permit.call().snapshot;
    let role = Role::find(snapshot, permit.account(), &permit.input().role_name)?;
    Ok(GetRoleOutput { role: shown(ctx, snapshot, role) })
}

pub(super) fn list_roles(
    _ctx: &Context,
    permit: Authorized<ListRolesInput>,
) -> Result<ListRolesOutput, IamError> {
    let (snapshot, input) = (&permit.call().snapshot, permit.input());
    let paging = Paging::new(input.marker.as_deref(), input.max_items)?;
    let prefix = input.path_prefix.as_deref().unwrap_or("/");
    let roles = snapshot.roles(permit.account(), paging.after()).filter(|role| role.path.starts_with(prefix));
    let page = paging.page(roles.map(|role| (folded(&role.name), role)));
    let roles = page.items.into_iter().map(|role| listed(snapshot, role)).collect();
    Ok(ListRolesOutput { roles, is_truncated: page.is_truncated, marker: page.marker })
}

/// What is not given stays as it is.
pub(super) fn update_role(
    ctx: &Context,
    permit: Authorized<UpdateRoleInput>,
) -> Result<UpdateRoleOutput, IamError> {
    let input = permit.input();
    change::<Role>(ctx, permit.account(), &input.role_name, |_, role| {
        if let Some(description) = &input.description {
            role.description = Some(description.clone()).filter(|text| !text.is_empty());
        }
        if let Some(seconds) = session_seconds(input.max_session_duration) {
            role.max_session_duration = seconds;
        }
        Ok(Transaction::new())
    })?;
    Ok(UpdateRoleOutput {})
}

pub(super) fn update_role_description(
    ctx: &Context,
    permit: Authorized<UpdateRoleDescriptionInput>,
) -> Result<UpdateRoleDescriptionOutput, IamError> {
    let input = permit.input();
    let role = change::<Role>(ctx, permit.account(), &input.role_name, |_, role| {
        role.description = Some(input.description.clone()).filter(|text| !text.is_empty());
        Ok(Transaction::new())
    })?;
    Ok(UpdateRoleDescriptionOutput { role: Some(shown(ctx, &ctx.store.snapshot(), &role)) })
}

pub(super) fn update_assume_role_policy(
    ctx: &Context,
    permit: Authorized<UpdateAssumeRolePolicyInput>,
) -> Result<UpdateAssumeRolePolicyOutput, IamError> {
    let input = permit.input();
    change::<Role>(ctx, permit.account(), &input.role_name, |snapshot, role| {
        role.trust = trust::resolve(snapshot, &input.policy_document)?;
        Ok(Transaction::new())
    })?;
    Ok(UpdateAssumeRolePolicyOutput)
}

pub(super) fn delete_role(
    ctx: &Context,
    permit: Authorized<DeleteRoleInput>,
) -> Result<DeleteRoleOutput, IamError> {
    let account = permit.account();
    transact(ctx.store.as_ref(), |snapshot| {
        let role = Role::find(snapshot, account, &permit.input().role_name)?;
        if !role.attached.is_empty() {
            return Err(IamError::DeleteConflict("Cannot delete entity, must detach all policies first."));
        }
        if !role.inline.is_empty() {
            return Err(IamError::DeleteConflict("Cannot delete entity, must delete policies first."));
        }
        let deletion = Transaction::new().delete(irsa_store::Key::role(account, &role.name));
        let deletion = match &role.boundary {
            Some(arn) => managed::count(deletion, snapshot, account, arn, Use::Boundary, -1),
            None => deletion,
        };
        Ok((deletion, DeleteRoleOutput))
    })
}

/// Instance profiles belong to EC2, which is not here: no role has one.
pub(super) fn list_instance_profiles_for_role(
    _ctx: &Context,
    permit: Authorized<ListInstanceProfilesForRoleInput>,
) -> Result<ListInstanceProfilesForRoleOutput, IamError> {
    Role::find(&permit.call().snapshot, permit.account(), &permit.input().role_name)?;
    Ok(ListInstanceProfilesForRoleOutput {
        instance_profiles: Vec::new(),
        is_truncated: Some(false),
        marker: None,
    })
}

/// A role by itself.
fn shown(ctx: &Context, snapshot: &Snapshot, role: &Role) -> shapes::Role {
    let last_used = ctx.uses.of_role(role).map(|last| shapes::RoleLastUsed {
        last_used_date: Some(last.at.as_second()),
        region: Some(last.region),
    });
    shapes::Role {
        permissions_boundary: boundaries::shown(role.boundary.as_deref()),
        tags: tags::shown_if_any(&role.tags),
        role_last_used: Some(last_used.unwrap_or_default()),
        ..listed(snapshot, role)
    }
}

/// A role in a list: without boundary, tags and last use (IAM API reference, "ListRoles").
fn listed(snapshot: &Snapshot, role: &Role) -> shapes::Role {
    shapes::Role {
        path: role.path.clone(),
        role_name: role.name.clone(),
        role_id: role.id.clone(),
        arn: role.arn(),
        create_date: role.created.as_second(),
        assume_role_policy_document: Some(documents::encoded(&trust::shown(snapshot, &role.trust))),
        description: role.description.clone(),
        max_session_duration: i32::try_from(role.max_session_duration).ok(),
        permissions_boundary: None,
        tags: None,
        role_last_used: None,
    }
}

fn session_seconds(asked: Option<i32>) -> Option<u32> {
    asked.and_then(|seconds| u32::try_from(seconds).ok())
}
