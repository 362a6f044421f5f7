//! Permissions boundaries of roles and users.

use irsa_store::model::{AccountId, Role, User};
use irsa_store::{Snapshot, Transaction};

use super::IamError;
use super::entities::{Holder, change};
use super::managed::{self, Use};
use super::permissions::{on_role, on_user, requires, with_boundary};
use crate::authorize::Authorized;
use crate::context::Context;
use crate::generated::iam::{
    AttachedPermissionsBoundary, DeleteRolePermissionsBoundaryInput, DeleteRolePermissionsBoundaryOutput,
    DeleteUserPermissionsBoundaryInput, DeleteUserPermissionsBoundaryOutput, PutRolePermissionsBoundaryInput,
    PutRolePermissionsBoundaryOutput, PutUserPermissionsBoundaryInput, PutUserPermissionsBoundaryOutput,
};

requires! {
    PutRolePermissionsBoundaryInput => |input, call| {
        let check = on_role(call, "iam:PutRolePermissionsBoundary", &input.role_name);
        vec![with_boundary(check, Some(&input.permissions_boundary))]
    };
    DeleteRolePermissionsBoundaryInput => |input, call| {
        vec![on_role(call, "iam:DeleteRolePermissionsBoundary", &input.role_name)]
    };
    PutUserPermissionsBoundaryInput => |input, call| {
        let check = on_user(call, "iam:PutUserPermissionsBoundary", &input.user_name);
        vec![with_boundary(check, Some(&input.permissions_boundary))]
    };
    DeleteUserPermissionsBoundaryInput => |input, call| {
        vec![on_user(call, "iam:DeleteUserPermissionsBoundary", &input.user_name)]
    };
}

pub(super) fn put_role_permissions_boundary(
    ctx: &Context,
    permit: Authorized<PutRolePermissionsBoundaryInput>,
) -> Result<PutRolePermissionsBoundaryOutput, IamError> {
    let input = permit.input();
    put::<Role>(ctx, permit.account(), &input.role_name, Some(&input.permissions_boundary))?;
    Ok(PutRolePermissionsBoundaryOutput)
}

pub(super) fn delete_role_permissions_boundary(
    ctx: &Context,
    permit: Authorized<DeleteRolePermissionsBoundaryInput>,
) -> Result<DeleteRolePermissionsBoundaryOutput, IamError> {
    put::<Role>(ctx, permit.account(), &permit.input().role_name, None)?;
    Ok(DeleteRolePermissionsBoundaryOutput)
}

pub(super) fn put_user_permissions_boundary(
    ctx: &Context,
    permit: Authorized<PutUserPermissionsBoundaryInput>,
) -> Result<PutUserPermissionsBoundaryOutput, IamError> {
    let input = permit.input();
    put::<User>(ctx, permit.account(), &input.user_name, Some(&input.permissions_boundary))?;
    Ok(PutUserPermissionsBoundaryOutput)
}

pub(super) fn delete_user_permissions_boundary(
    ctx: &Context,
    permit: Authorized<DeleteUserPermissionsBoundaryInput>,
) -> Result<DeleteUserPermissionsBoundaryOutput, IamError> {
    put::<User>(ctx, permit.account(), &permit.input().user_name, None)?;
    Ok(DeleteUserPermissionsBoundaryOutput)
}

/// Counts the use of a policy as the boundary of something new.
pub(super) fn begin(
    transaction: Transaction,
    snapshot: &Snapshot,
    account: AccountId,
    boundary: Option<&str>,
) -> Result<Transaction, IamError> {
    let Some(arn) = boundary else { return Ok(transaction) };
    managed::check_arn(arn)?;
    managed::find(snapshot, account, arn).ok_or_else(|| IamError::NoSuchBoundary(arn.to_owned()))?;
    Ok(managed::count(transaction, snapshot, account, arn, Use::Boundary, 1))
}

/// A boundary, as an answer shows it.
pub(super) fn shown(boundary: Option<&str>) -> Option<AttachedPermissionsBoundary> {
    boundary.map(|arn| AttachedPermissionsBoundary {
        permissions_boundary_type: Some("Policy".to_owned()),
        permissions_boundary_arn: Some(arn.to_owned()),
    })
}

fn put<H: Holder>(
    ctx: &Context,
    account: AccountId,
    name: &str,
    boundary: Option<&str>,
) -> Result<(), IamError> {
    change::<H>(ctx, account, name, |snapshot, holder| {
        let before = holder.boundary_mut().clone();
        if before.as_deref() == boundary {
            return Ok(Transaction::new());
        }
        let begun = begin(Transaction::new(), snapshot, account, boundary)?;
        *holder.boundary_mut() = boundary.map(str::to_owned);
        Ok(match before {
            Some(arn) => managed::count(begun, snapshot, account, &arn, Use::Boundary, -1),
            None => begun,
        })
    })?;
    Ok(())
}
