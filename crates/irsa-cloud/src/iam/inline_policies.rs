//! Inline policies of roles and users.

use irsa_store::Transaction;
use irsa_store::model::{AccountId, Role, User};

use super::entities::{Holder, change};
use super::paging::{Page, Paging};
use super::permissions::{on_role, on_user, requires};
use super::{IamError, documents};
use crate::authorize::{Authorized, Call};
use crate::context::Context;
use crate::generated::iam::{
    DeleteRolePolicyInput, DeleteRolePolicyOutput, DeleteUserPolicyInput, DeleteUserPolicyOutput,
    GetRolePolicyInput, GetRolePolicyOutput, GetUserPolicyInput, GetUserPolicyOutput, ListRolePoliciesInput,
    ListRolePoliciesOutput, ListUserPoliciesInput, ListUserPoliciesOutput, PutRolePolicyInput,
    PutRolePolicyOutput, PutUserPolicyInput, PutUserPolicyOutput,
};

requires! {
    PutRolePolicyInput => |input, call| vec![on_role(call, "iam:PutRolePolicy", &input.role_name)];
    GetRolePolicyInput => |input, call| vec![on_role(call, "iam:GetRolePolicy", &input.role_name)];
    ListRolePoliciesInput => |input, call| vec![on_role(call, "iam:ListRolePolicies", &input.role_name)];
    DeleteRolePolicyInput => |input, call| vec![on_role(call, "iam:DeleteRolePolicy", &input.role_name)];
    PutUserPolicyInput => |input, call| vec![on_user(call, "iam:PutUserPolicy", &input.user_name)];
    GetUserPolicyInput => |input, call| vec![on_user(call, "iam:GetUserPolicy", &input.user_name)];
    ListUserPoliciesInput => |input, call| vec![on_user(call, "iam:ListUserPolicies", &input.user_name)];
    DeleteUserPolicyInput => |input, call| vec![on_user(call, "iam:DeleteUserPolicy", &input.user_name)];
}

pub(super) fn put_role_policy(
    ctx: &Context,
    permit: Authorized<PutRolePolicyInput>,
) -> Result<PutRolePolicyOutput, IamError> {
    let input = permit.input();
    put::<Role>(ctx, permit.account(), &input.role_name, &input.policy_name, &input.policy_document)?;
    Ok(PutRolePolicyOutput)
}

pub(super) fn get_role_policy(
    _ctx: &Context,
    permit: Authorized<GetRolePolicyInput>,
) -> Result<GetRolePolicyOutput, IamError> {
    let input = permit.input();
    let role = Role::find(&permit.call().snapshot, permit.account(), &input.role_name)?;
    Ok(GetRolePolicyOutput {
        role_name: role.name.clone(),
        policy_name: input.policy_name.clone(),
        policy_document: document::<Role>(role, &input.policy_name)?,
    })
}

pub(super) fn list_role_policies(
    _ctx: &Context,
    permit: Authorized<ListRolePoliciesInput>,
) -> Result<ListRolePoliciesOutput, IamError> {
    let input = permit.input();
    let paging = Paging::new(input.marker.as_deref(), input.max_items)?;
    let page = list::<Role>(permit.call(), &input.role_name, &paging)?;
    Ok(ListRolePoliciesOutput {
        policy_names: page.items,
        is_truncated: page.is_truncated,
        marker: page.marker,
    })
}

pub(super) fn delete_role_policy(
    ctx: &Context,
    permit: Authorized<DeleteRolePolicyInput>,
) -> Result<DeleteRolePolicyOutput, IamError> {
    let input = permit.input();
    delete::<Role>(ctx, permit.account(), &input.role_name, &input.policy_name)?;
    Ok(DeleteRolePolicyOutput)
}

pub(super) fn put_user_policy(
    ctx: &Context,
    permit: Authorized<PutUserPolicyInput>,
) -> Result<PutUserPolicyOutput, IamError> {
    let input = permit.input();
    put::<User>(ctx, permit.account(), &input.user_name, &input.policy_name, &input.policy_document)?;
    Ok(PutUserPolicyOutput)
}

pub(super) fn get_user_policy(
    _ctx: &Context,
    permit: Authorized<GetUserPolicyInput>,
) -> Result<GetUserPolicyOutput, IamError> {
    let input = permit.input();
    let user = User::find(&permit.call().snapshot, permit.account(), &input.user_name)?;
    Ok(GetUserPolicyOutput {
        user_name: user.name.clone(),
        policy_name: input.policy_name.clone(),
        policy_document: document::<User>(user, &input.policy_name)?,
    })
}

pub(super) fn list_user_policies(
    _ctx: &Context,
    permit: Authorized<ListUserPoliciesInput>,
) -> Result<ListUserPoliciesOutput, IamError> {
    let input = permit.input();
    let paging = Paging::new(input.marker.as_deref(), input.max_items)?;
    let page = list::<User>(permit.call(), &input.user_name, &paging)?;
    Ok(ListUserPoliciesOutput {
        policy_names: page.items,
        is_truncated: page.is_truncated,
        marker: page.marker,
    })
}

pub(super) fn delete_user_policy(
    ctx: &Context,
    permit: Authorized<DeleteUserPolicyInput>,
) -> Result<DeleteUserPolicyOutput, IamError> {
    let input = permit.input();
    delete::<User>(ctx, permit.account(), &input.user_name, &input.policy_name)?;
    Ok(DeleteUserPolicyOutput)
}

fn put<H: Holder>(
    ctx: &Context,
    account: AccountId,
    name: &str,
    policy: &str,
    text: &str,
) -> Result<(), IamError> {
    documents::check_inline(text)?;
    change::<H>(ctx, account, name, |_, holder| {
        holder.inline_mut().insert(policy.to_owned(), text.to_owned());
        if documents::inline_size(holder.inline()) > H::INLINE_SIZE {
            let name = holder.name().to_owned();
            return Err(IamError::InlineTooLarge { limit: H::INLINE_SIZE, holder: H::KIND, name });
        }
        Ok(Transaction::new())
    })?;
    Ok(())
}

fn document<H: Holder>(holder: &H, policy: &str) -> Result<String, IamError> {
    holder.inline().get(policy).map(|text| documents::encoded(text)).ok_or_else(|| missing::<H>(policy))
}

fn list<H: Holder>(call: &Call, name: &str, paging: &Paging) -> Result<Page<String>, IamError> {
    let holder = H::find(&call.snapshot, call.account, name)?;
    Ok(paging.page(holder.inline().keys().map(|policy| (policy.clone(), policy.clone()))))
}

fn delete<H: Holder>(ctx: &Context, account: AccountId, name: &str, policy: &str) -> Result<(), IamError> {
    change::<H>(ctx, account, name, |_, holder| {
        holder.inline_mut().remove(policy).ok_or_else(|| missing::<H>(policy))?;
        Ok(Transaction::new())
    })?;
    Ok(())
}

fn missing<H: Holder>(policy: &str) -> IamError {
    IamError::NoSuchInlinePolicy { holder: H::KIND, policy: policy.to_owned() }
}
