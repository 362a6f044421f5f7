//! AWS's policy simulator: what policies would decide, and which condition keys they ask for.
//!
//! A simulation is put to the same engine as every real call. Its keys are those that the input gives and no others, as in
//! AWS's (IAM API reference, "SimulatePrincipalPolicy"). Every pair of action and resource has a result of its own.

mod place;
mod result;
mod scene;
mod source;

use crate::authorize::{Authorized, Call, Check};
use crate::context::Context;
use crate::generated::iam::{
    GetContextKeysForCustomPolicyInput, GetContextKeysForCustomPolicyOutput,
    GetContextKeysForPrincipalPolicyInput, GetContextKeysForPrincipalPolicyOutput, SimulateCustomPolicyInput,
    SimulateCustomPolicyOutput, SimulatePrincipalPolicyInput, SimulatePrincipalPolicyOutput,
};

use super::IamError;
use super::permissions::{on_role, on_user, requires};
use scene::{Asked, Scene};
use source::{Entity, Source};

requires! {
    SimulateCustomPolicyInput => |_input, _call| vec![Check::new("iam:SimulateCustomPolicy", "*")];
    SimulatePrincipalPolicyInput => |input, call| {
        vec![on_entity(call, "iam:SimulatePrincipalPolicy", &input.policy_source_arn)]
    };
    GetContextKeysForCustomPolicyInput => |_input, _call| {
        vec![Check::new("iam:GetContextKeysForCustomPolicy", "*")]
    };
    GetContextKeysForPrincipalPolicyInput => |input, call| {
        vec![on_entity(call, "iam:GetContextKeysForPrincipalPolicy", &input.policy_source_arn)]
    };
}

/// Of the role or user with this ARN, or of what has no such entity.
fn on_entity(call: &Call, action: &'static str, arn: &str) -> Check {
    match Entity::find(call, arn) {
        Ok(Entity::Role(role)) => on_role(call, action, &role.name),
        Ok(Entity::User(user)) => on_user(call, action, &user.name),
        Err(_) => Check::new(action, arn),
    }
}

pub(super) fn simulate_custom_policy(
    _ctx: &Context,
    permit: Authorized<SimulateCustomPolicyInput>,
) -> Result<SimulateCustomPolicyOutput, IamError> {
    let input = permit.input();
    let asked = Asked {
        actions: &input.action_names,
        resources: input.resource_arns.as_deref(),
        resource_policy: input.resource_policy.as_deref(),
        resource_owner: input.resource_owner.as_deref(),
        caller: input.caller_arn.as_deref(),
        context: input.context_entries.as_deref(),
        boundary: input.permissions_boundary_policy_input_list.as_deref(),
    };
    let identity = source::from_input("PolicyInputList", &input.policy_input_list)?;
    let scene = Scene::new(permit.account(), None, identity, None, &asked)?;
    let page = scene.page(input.marker.as_deref(), input.max_items)?;
    Ok(SimulateCustomPolicyOutput {
        evaluation_results: Some(page.items),
        is_truncated: page.is_truncated,
        marker: page.marker,
    })
}

pub(super) fn simulate_principal_policy(
    _ctx: &Context,
    permit: Authorized<SimulatePrincipalPolicyInput>,
) -> Result<SimulatePrincipalPolicyOutput, IamError> {
    let input = permit.input();
    let asked = Asked {
        actions: &input.action_names,
        resources: input.resource_arns.as_deref(),
        resource_policy: input.resource_policy.as_deref(),
        resource_owner: input.resource_owner.as_deref(),
        caller: input.caller_arn.as_deref(),
        context: input.context_entries.as_deref(),
        boundary: input.permissions_boundary_policy_input_list.as_deref(),
    };
    let entity = Entity::find(permit.call(), &input.policy_source_arn)?;
    let identity = all_policies(permit.call(), &entity, input.policy_input_list.as_deref())?;
    let boundary = entity.boundary(permit.call());
    let scene = Scene::new(permit.account(), Some(entity.principal()), identity, boundary, &asked)?;
    let page = scene.page(input.marker.as_deref(), input.max_items)?;
    Ok(SimulatePrincipalPolicyOutput {
        evaluation_results: Some(page.items),
        is_truncated: page.is_truncated,
        marker: page.marker,
    })
}

pub(super) fn context_keys_for_custom_policy(
    _ctx: &Context,
    permit: Authorized<GetContextKeysForCustomPolicyInput>,
) -> Result<GetContextKeysForCustomPolicyOutput, IamError> {
    let policies = source::from_input("PolicyInputList", &permit.input().policy_input_list)?;
    Ok(GetContextKeysForCustomPolicyOutput { context_key_names: Some(context_keys(&policies)) })
}

pub(super) fn context_keys_for_principal_policy(
    _ctx: &Context,
    permit: Authorized<GetContextKeysForPrincipalPolicyInput>,
) -> Result<GetContextKeysForPrincipalPolicyOutput, IamError> {
    let input = permit.input();
    let entity = Entity::find(permit.call(), &input.policy_source_arn)?;
    let policies = all_policies(permit.call(), &entity, input.policy_input_list.as_deref())?;
    Ok(GetContextKeysForPrincipalPolicyOutput { context_key_names: Some(context_keys(&policies)) })
}

/// The entity's own policies and those of the input.
fn all_policies(call: &Call, entity: &Entity<'_>, input: Option<&[String]>) -> Result<Vec<Source>, IamError> {
    let mut policies = entity.policies(call);
    policies.extend(source::from_input("PolicyInputList", input.unwrap_or_default())?);
    Ok(policies)
}

/// Each key once, as first written.
fn context_keys(policies: &[Source]) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    for name in policies.iter().flat_map(|source| source.policy.context_keys()) {
        if !keys.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            keys.push(name.to_owned());
        }
    }
    keys
}
