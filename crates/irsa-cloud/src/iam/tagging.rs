//! The operations that tag, untag and list tags.

use irsa_store::Transaction;
use irsa_store::model::{AccountId, Role, User};

use super::entities::{Holder, change};
use super::permissions::{on_policy, on_provider, on_role, on_user, requires};
use super::{IamError, managed, policy_versions, providers, tags};
use crate::authorize::Authorized;
use crate::context::Context;
use crate::generated::iam::{
    ListOpenIDConnectProviderTagsInput, ListOpenIDConnectProviderTagsOutput, ListPolicyTagsInput,
    ListPolicyTagsOutput, ListRoleTagsInput, ListRoleTagsOutput, ListUserTagsInput, ListUserTagsOutput, Tag,
    TagOpenIDConnectProviderInput, TagOpenIDConnectProviderOutput, TagPolicyInput, TagPolicyOutput,
    TagRoleInput, TagRoleOutput, TagUserInput, TagUserOutput, UntagOpenIDConnectProviderInput,
    UntagOpenIDConnectProviderOutput, UntagPolicyInput, UntagPolicyOutput, UntagRoleInput, UntagRoleOutput,
    UntagUserInput, UntagUserOutput,
};

requires! {
    TagRoleInput => |input, call| {
        vec![tags::with_requested(on_role(call, "iam:TagRole", &input.role_name), &input.tags)]
    };
    UntagRoleInput => |input, call| {
        vec![tags::with_keys(on_role(call, "iam:UntagRole", &input.role_name), input.tag_keys.clone())]
    };
    ListRoleTagsInput => |input, call| vec![on_role(call, "iam:ListRoleTags", &input.role_name)];
    TagUserInput => |input, call| {
        vec![tags::with_requested(on_user(call, "iam:TagUser", &input.user_name), &input.tags)]
    };
    UntagUserInput => |input, call| {
        vec![tags::with_keys(on_user(call, "iam:UntagUser", &input.user_name), input.tag_keys.clone())]
    };
    ListUserTagsInput => |input, call| vec![on_user(call, "iam:ListUserTags", &input.user_name)];
    TagPolicyInput => |input, call| {
        vec![tags::with_requested(on_policy(call, "iam:TagPolicy", &input.policy_arn), &input.tags)]
    };
    UntagPolicyInput => |input, call| {
        vec![tags::with_keys(on_policy(call, "iam:UntagPolicy", &input.policy_arn), input.tag_keys.clone())]
    };
    ListPolicyTagsInput => |input, call| vec![on_policy(call, "iam:ListPolicyTags", &input.policy_arn)];
    TagOpenIDConnectProviderInput => |input, call| {
        let check = on_provider(call, "iam:TagOpenIDConnectProvider", &input.open_id_connect_provider_arn);
        vec![tags::with_requested(check, &input.tags)]
    };
    UntagOpenIDConnectProviderInput => |input, call| {
        let check = on_provider(call, "iam:UntagOpenIDConnectProvider", &input.open_id_connect_provider_arn);
        vec![tags::with_keys(check, input.tag_keys.clone())]
    };
    ListOpenIDConnectProviderTagsInput => |input, call| {
        vec![on_provider(call, "iam:ListOpenIDConnectProviderTags", &input.open_id_connect_provider_arn)]
    };
}

pub(super) fn tag_role(ctx: &Context, permit: Authorized<TagRoleInput>) -> Result<TagRoleOutput, IamError> {
    let input = permit.input();
    tag::<Role>(ctx, permit.account(), &input.role_name, &input.tags)?;
    Ok(TagRoleOutput)
}

pub(super) fn untag_role(
    ctx: &Context,
    permit: Authorized<UntagRoleInput>,
) -> Result<UntagRoleOutput, IamError> {
    let input = permit.input();
    untag::<Role>(ctx, permit.account(), &input.role_name, &input.tag_keys)?;
    Ok(UntagRoleOutput)
}

pub(super) fn list_role_tags(
    _ctx: &Context,
    permit: Authorized<ListRoleTagsInput>,
) -> Result<ListRoleTagsOutput, IamError> {
    let input = permit.input();
    let role = Role::find(&permit.call().snapshot, permit.account(), &input.role_name)?;
    let page = tags::page(&role.tags, input.marker.as_deref(), input.max_items)?;
    Ok(ListRoleTagsOutput { tags: page.items, is_truncated: page.is_truncated, marker: page.marker })
}

pub(super) fn tag_user(ctx: &Context, permit: Authorized<TagUserInput>) -> Result<TagUserOutput, IamError> {
    let input = permit.input();
    tag::<User>(ctx, permit.account(), &input.user_name, &input.tags)?;
    Ok(TagUserOutput)
}

pub(super) fn untag_user(
    ctx: &Context,
    permit: Authorized<UntagUserInput>,
) -> Result<UntagUserOutput, IamError> {
    let input = permit.input();
    untag::<User>(ctx, permit.account(), &input.user_name, &input.tag_keys)?;
    Ok(UntagUserOutput)
}

pub(super) fn list_user_tags(
    _ctx: &Context,
    permit: Authorized<ListUserTagsInput>,
) -> Result<ListUserTagsOutput, IamError> {
    let input = permit.input();
    let user = User::find(&permit.call().snapshot, permit.account(), &input.user_name)?;
    let page = tags::page(&user.tags, input.marker.as_deref(), input.max_items)?;
    Ok(ListUserTagsOutput { tags: page.items, is_truncated: page.is_truncated, marker: page.marker })
}

pub(super) fn tag_policy(
    ctx: &Context,
    permit: Authorized<TagPolicyInput>,
) -> Result<TagPolicyOutput, IamError> {
    let input = permit.input();
    managed::own_for_change(ctx, &permit, "iam:TagPolicy", &input.policy_arn)?;
    policy_versions::change(ctx, &permit, &input.policy_arn, |policy| {
        tags::set(&mut policy.tags, &input.tags)
    })?;
    Ok(TagPolicyOutput)
}

pub(super) fn untag_policy(
    ctx: &Context,
    permit: Authorized<UntagPolicyInput>,
) -> Result<UntagPolicyOutput, IamError> {
    let input = permit.input();
    managed::own_for_change(ctx, &permit, "iam:UntagPolicy", &input.policy_arn)?;
    policy_versions::change(ctx, &permit, &input.policy_arn, |policy| {
        tags::unset(&mut policy.tags, &input.tag_keys);
        Ok(())
    })?;
    Ok(UntagPolicyOutput)
}

pub(super) fn list_policy_tags(
    _ctx: &Context,
    permit: Authorized<ListPolicyTagsInput>,
) -> Result<ListPolicyTagsOutput, IamError> {
    let input = permit.input();
    let policy = managed::existing(&permit.call().snapshot, permit.account(), &input.policy_arn)?;
    let page = tags::page(&policy.tags(), input.marker.as_deref(), input.max_items)?;
    Ok(ListPolicyTagsOutput { tags: page.items, is_truncated: page.is_truncated, marker: page.marker })
}

pub(super) fn tag_open_id_connect_provider(
    ctx: &Context,
    permit: Authorized<TagOpenIDConnectProviderInput>,
) -> Result<TagOpenIDConnectProviderOutput, IamError> {
    let input = permit.input();
    providers::change(ctx, permit.account(), &input.open_id_connect_provider_arn, |provider| {
        tags::set(&mut provider.tags, &input.tags)
    })?;
    Ok(TagOpenIDConnectProviderOutput)
}

pub(super) fn untag_open_id_connect_provider(
    ctx: &Context,
    permit: Authorized<UntagOpenIDConnectProviderInput>,
) -> Result<UntagOpenIDConnectProviderOutput, IamError> {
    let input = permit.input();
    providers::change(ctx, permit.account(), &input.open_id_connect_provider_arn, |provider| {
        tags::unset(&mut provider.tags, &input.tag_keys);
        Ok(())
    })?;
    Ok(UntagOpenIDConnectProviderOutput)
}

pub(super) fn list_open_id_connect_provider_tags(
    _ctx: &Context,
    permit: Authorized<ListOpenIDConnectProviderTagsInput>,
) -> Result<ListOpenIDConnectProviderTagsOutput, IamError> {
    let input = permit.input();
    let arn = &input.open_id_connect_provider_arn;
    let provider = providers::find(&permit.call().snapshot, permit.account(), arn)?;
    let page = tags::page(&provider.tags, input.marker.as_deref(), input.max_items)?;
    Ok(ListOpenIDConnectProviderTagsOutput {
        tags: page.items,
        is_truncated: page.is_truncated,
        marker: page.marker,
    })
}

fn tag<H: Holder>(ctx: &Context, account: AccountId, name: &str, tags: &[Tag]) -> Result<(), IamError> {
    change::<H>(ctx, account, name, |_, holder| {
        tags::set(holder.tags_mut(), tags)?;
        Ok(Transaction::new())
    })?;
    Ok(())
}

fn untag<H: Holder>(ctx: &Context, account: AccountId, name: &str, keys: &[String]) -> Result<(), IamError> {
    change::<H>(ctx, account, name, |_, holder| {
        tags::unset(holder.tags_mut(), keys);
        Ok(Transaction::new())
    })?;
    Ok(())
}
