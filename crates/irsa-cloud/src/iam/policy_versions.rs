//! Versions of managed policies: up to five, one of them in force.

use irsa_store::model::{ManagedPolicy, PolicyVersion};
use irsa_store::{Transaction, transact};
use jiff::Timestamp;

use super::entities::now;
use super::managed;
use super::paging::Paging;
use super::permissions::{on_policy, requires};
use super::{IamError, documents, quotas};
use crate::authorize::Authorized;
use crate::context::Context;
use crate::generated::iam::{
    CreatePolicyVersionInput, CreatePolicyVersionOutput, DeletePolicyVersionInput, DeletePolicyVersionOutput,
    GetPolicyVersionInput, GetPolicyVersionOutput, ListPolicyVersionsInput, ListPolicyVersionsOutput,
    SetDefaultPolicyVersionInput, SetDefaultPolicyVersionOutput,
};

requires! {
    CreatePolicyVersionInput => |input, call| {
        vec![on_policy(call, "iam:CreatePolicyVersion", &input.policy_arn)]
    };
    GetPolicyVersionInput => |input, call| vec![on_policy(call, "iam:GetPolicyVersion", &input.policy_arn)];
    ListPolicyVersionsInput => |input, call| {
        vec![on_policy(call, "iam:ListPolicyVersions", &input.policy_arn)]
    };
    SetDefaultPolicyVersionInput => |input, call| {
        vec![on_policy(call, "iam:SetDefaultPolicyVersion", &input.policy_arn)]
    };
    DeletePolicyVersionInput => |input, call| {
        vec![on_policy(call, "iam:DeletePolicyVersion", &input.policy_arn)]
    };
}

pub(super) fn create_policy_version(
    ctx: &Context,
    permit: Authorized<CreatePolicyVersionInput>,
) -> Result<CreatePolicyVersionOutput, IamError> {
    let input = permit.input();
    managed::own_for_change(ctx, &permit, "iam:CreatePolicyVersion", &input.policy_arn)?;
    documents::check_managed(&input.policy_document)?;
    let created = now(&permit);
    let version = change(ctx, &permit, &input.policy_arn, |policy| {
        if policy.versions.len() >= quotas::VERSIONS_PER_POLICY {
            return Err(IamError::TooManyVersions);
        }
        let version = PolicyVersion {
            id: format!("v{}", policy.next_version),
            text: input.policy_document.clone(),
            created,
        };
        policy.next_version += 1;
        policy.updated = created;
        policy.versions.push(version.clone());
        if input.set_as_default == Some(true) {
            policy.default_version.clone_from(&version.id);
        }
        Ok(managed::version_shown(policy, &version))
    })?;
    Ok(CreatePolicyVersionOutput { policy_version: Some(version) })
}

pub(super) fn get_policy_version(
    _ctx: &Context,
    permit: Authorized<GetPolicyVersionInput>,
) -> Result<GetPolicyVersionOutput, IamError> {
    let input = permit.input();
    let policy = managed::existing(&permit.call().snapshot, permit.account(), &input.policy_arn)?;
    let version =
        policy.version(&input.version_id).ok_or_else(|| missing(&input.policy_arn, &input.version_id))?;
    Ok(GetPolicyVersionOutput { policy_version: Some(version) })
}

pub(super) fn list_policy_versions(
    _ctx: &Context,
    permit: Authorized<ListPolicyVersionsInput>,
) -> Result<ListPolicyVersionsOutput, IamError> {
    let input = permit.input();
    let policy = managed::existing(&permit.call().snapshot, permit.account(), &input.policy_arn)?;
    let paging = Paging::new(input.marker.as_deref(), input.max_items)?;
    // Newest first; the key counts down so that it ascends.
    let keyed = policy.versions().into_iter().map(|version| {
        let number = version.version_id.as_deref().and_then(|id| id.strip_prefix('v')?.parse::<u32>().ok());
        (format!("{:010}", u32::MAX - number.unwrap_or_default()), version)
    });
    let page = paging.page(keyed);
    Ok(ListPolicyVersionsOutput {
        versions: Some(page.items),
        is_truncated: page.is_truncated,
        marker: page.marker,
    })
}

pub(super) fn set_default_policy_version(
    ctx: &Context,
    permit: Authorized<SetDefaultPolicyVersionInput>,
) -> Result<SetDefaultPolicyVersionOutput, IamError> {
    let input = permit.input();
    managed::own_for_change(ctx, &permit, "iam:SetDefaultPolicyVersion", &input.policy_arn)?;
    let updated: Timestamp = now(&permit);
    change(ctx, &permit, &input.policy_arn, |policy| {
        policy.version(&input.version_id).ok_or_else(|| missing(&input.policy_arn, &input.version_id))?;
        if policy.default_version != input.version_id {
            policy.default_version.clone_from(&input.version_id);
            policy.updated = updated;
        }
        Ok(())
    })?;
    Ok(SetDefaultPolicyVersionOutput)
}

pub(super) fn delete_policy_version(
    ctx: &Context,
    permit: Authorized<DeletePolicyVersionInput>,
) -> Result<DeletePolicyVersionOutput, IamError> {
    let input = permit.input();
    managed::own_for_change(ctx, &permit, "iam:DeletePolicyVersion", &input.policy_arn)?;
    change(ctx, &permit, &input.policy_arn, |policy| {
        policy.version(&input.version_id).ok_or_else(|| missing(&input.policy_arn, &input.version_id))?;
        if policy.default_version == input.version_id {
            return Err(IamError::DeleteConflict("Cannot delete the default version of a policy."));
        }
        policy.versions.retain(|version| version.id != input.version_id);
        Ok(())
    })?;
    Ok(DeletePolicyVersionOutput)
}

/// Changes a policy of the account.
pub(super) fn change<I, T>(
    ctx: &Context,
    permit: &Authorized<I>,
    arn: &str,
    edit: impl Fn(&mut ManagedPolicy) -> Result<T, IamError>,
) -> Result<T, IamError> {
    transact(ctx.store.as_ref(), |snapshot| {
        let stored = managed::own(snapshot, permit.account(), arn)
            .ok_or_else(|| IamError::NoSuchPolicy(arn.to_owned()))?;
        let mut policy = stored.clone();
        let value = edit(&mut policy)?;
        let transaction = Transaction::new();
        Ok((if policy == *stored { transaction } else { transaction.put(policy) }, value))
    })
}

fn missing(arn: &str, version: &str) -> IamError {
    IamError::NoSuchVersion { arn: arn.to_owned(), version: version.to_owned() }
}
