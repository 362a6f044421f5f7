//! `AssumeRole`: from one principal to another, in one account or across two.

use std::sync::Arc;

use irsa_policy::Principal;
use irsa_store::Stored;
use irsa_store::model::Role;

use super::StsError;
use super::assume_role_with_web_identity::assumed_role_user;
use super::session_policy;
use super::tags::{self, SessionTags};
use crate::arn::RoleArn;
use crate::authorize::{Authorized, Call, Check, Refusal, RefusalStyle, Requires, ResourcePolicy};
use crate::context::Context;
use crate::credentials::{Actor, Session, mint};
use crate::decisions::Denial;
use crate::generated::sts::{AssumeRoleInput, AssumeRoleOutput, Credentials};

/// AWS's default and, for roles that assume roles, its maximum: one hour.
const HOUR: i32 = 3_600;

impl Requires for AssumeRoleInput {
    fn checks(&self, call: &Call) -> Vec<Check> {
        let role = call.snapshot.role_by_arn(&self.role_arn);
        let mut actions = vec!["sts:AssumeRole"];
        if self.tags.as_ref().is_some_and(|tags| !tags.is_empty()) {
            actions.push("sts:TagSession");
        }
        if self.source_identity.is_some() {
            actions.push("sts:SetSourceIdentity");
        }
        actions.into_iter().map(|action| check(self, role, action)).collect()
    }

    fn refusal_style(&self) -> RefusalStyle {
        RefusalStyle::WithoutReason
    }
}

fn check(input: &AssumeRoleInput, role: Option<&Arc<Stored<Role>>>, action: &'static str) -> Check {
    let mut check = Check::new(action, input.role_arn.as_str())
        .with_key("sts:RoleSessionName", input.role_session_name.as_str());
    check.resource_account = RoleArn::parse(&input.role_arn).map(|arn| arn.account);
    check.resource_policy = role.map(|role| ResourcePolicy {
        name: role.arn(),
        policy: Arc::clone(&role.compiled.trust),
        is_trust: true,
    });
    if let Some(external_id) = &input.external_id {
        check = check.with_key("sts:ExternalId", external_id.as_str());
    }
    if let Some(source_identity) = &input.source_identity {
        check = check.with_key("sts:SourceIdentity", source_identity.as_str());
    }
    tags::with_request_keys(check, &requested_tags(input))
}

pub(super) fn assume_role(
    ctx: &Context,
    permit: Authorized<AssumeRoleInput>,
) -> Result<AssumeRoleOutput, StsError> {
    let input = permit.input();
    let call = permit.call();
    let role = existing_role(ctx, &permit)?;
    let calling = call.caller.temporary.as_deref();
    let chained = matches!(call.caller.principal, Principal::RoleSession { .. });

    let requested = requested_tags(input);
    let tags = tags::join(&requested.all, &requested.transitive, calling)?;
    let policy_arns: Vec<String> =
        input.policy_arns.iter().flatten().filter_map(|policy| policy.arn.clone()).collect();
    let packed = session_policy::check(&call.snapshot, input.policy.as_deref(), &policy_arns, &tags.all)?;
    let seconds = duration(input.duration_seconds, role, chained)?;
    let source_identity = source_identity(input, calling)?;

    let session = Session {
        access_key_id: String::new(),
        account: role.account,
        actor: Actor::Role {
            name: role.name.clone(),
            path: role.path.clone(),
            id: role.id.clone(),
            session: input.role_session_name.clone(),
        },
        issued_at: permit.now(),
        expires_at: permit.now() + i64::from(seconds),
        policy: input.policy.clone(),
        policy_arns,
        tags: tags.all,
        transitive_tag_keys: tags.transitive,
        source_identity: source_identity.clone(),
        web_identity: None,
    };
    let minted = mint(&ctx.keys, session)?;
    ctx.metrics.minted();
    Ok(AssumeRoleOutput {
        credentials: Some(Credentials::from(minted)),
        assumed_role_user: Some(assumed_role_user(role, &input.role_session_name)),
        packed_policy_size: packed.and_then(|percent| i32::try_from(percent).ok()),
        source_identity,
    })
}

/// A caller whose own policies allow any role gets this far for one that does not exist: AWS answers as for one that does
/// not trust.
fn existing_role<'a>(
    ctx: &Context,
    permit: &'a Authorized<AssumeRoleInput>,
) -> Result<&'a Arc<Stored<Role>>, StsError> {
    let call = permit.call();
    let asked = &permit.input().role_arn;
    let arn = RoleArn::parse(asked).ok_or(StsError::InvalidArn)?;
    if let Some(role) = call.snapshot.role_by_arn(asked) {
        return Ok(role);
    }
    let principal = call.caller.arn();
    let message =
        format!("User: {principal} is not authorized to perform: sts:AssumeRole on resource: {asked}");
    let denial = Denial {
        authorization_id: String::new(),
        time: permit.now(),
        principal,
        subject: call.caller.subject.clone(),
        action: "sts:AssumeRole".to_owned(),
        resource: asked.clone(),
        code: "IRSA-T063",
        reason: format!("there is no role {asked}"),
        explanation: None,
        fix: None,
        accounts: vec![permit.account(), arn.account],
    };
    Err(Refusal::recorded(ctx, &message, denial).into())
}

fn duration(asked: Option<i32>, role: &Role, chained: bool) -> Result<i32, StsError> {
    let maximum = i32::try_from(role.max_session_duration).unwrap_or(i32::MAX);
    match asked {
        Some(seconds) if chained && seconds > HOUR => Err(StsError::DurationOverChaining),
        Some(seconds) if seconds > maximum => Err(StsError::DurationOverRole),
        Some(seconds) => Ok(seconds),
        None => Ok(HOUR.min(maximum)),
    }
}

/// Once set, a source identity stays through every further role (IAM guide, "Monitor and control actions taken with
/// assumed roles").
fn source_identity(input: &AssumeRoleInput, calling: Option<&Session>) -> Result<Option<String>, StsError> {
    let inherited = calling.and_then(|session| session.source_identity.clone());
    match (&input.source_identity, inherited) {
        (Some(asked), Some(inherited)) if *asked != inherited => Err(StsError::SourceIdentityFixed),
        (Some(asked), _) => Ok(Some(asked.clone())),
        (None, inherited) => Ok(inherited),
    }
}

fn requested_tags(input: &AssumeRoleInput) -> SessionTags {
    SessionTags {
        all: input.tags.iter().flatten().map(|tag| (tag.key.clone(), tag.value.clone())).collect(),
        transitive: input.transitive_tag_keys.clone().unwrap_or_default(),
    }
}
