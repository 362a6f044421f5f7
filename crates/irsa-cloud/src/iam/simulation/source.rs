//! The policies of a simulation, and the names by which its results refer to them.

use std::sync::Arc;

use irsa_policy::{Arn, Attached, MalformedPolicy, Policy, PolicyType, Principal};
use irsa_store::Stored;
use irsa_store::model::{Role, User};

use crate::authorize::Call;
use crate::credentials::caller::managed_policy;
use crate::iam::{IamError, managed};

/// A policy and its `SourcePolicyId`.
pub(super) struct Source {
    pub(super) id: String,
    pub(super) policy: Arc<Policy>,
}

impl Source {
    pub(super) fn attached(&self) -> Attached<'_> {
        Attached { name: &self.id, policy: &self.policy }
    }
}

/// The policies of a list of the input, as `PolicyInputList.1`.
pub(super) fn from_input(list: &str, documents: &[String]) -> Result<Vec<Source>, IamError> {
    let parsed = documents.iter().enumerate().map(|(index, text)| {
        // The simulator takes policies of any version.
        let policy = Policy::parse(text, PolicyType::Session).map_err(|problem| refused(text, &problem))?;
        Ok(Source { id: format!("{list}.{}", index + 1), policy: Arc::new(policy) })
    });
    parsed.collect()
}

/// The resource's policy; a role's trust policy is one without `Resource`.
pub(super) fn resource(text: &str) -> Result<Source, IamError> {
    let policy = Policy::parse(text, PolicyType::Resource).or_else(|problem| {
        Policy::parse(text, PolicyType::Trust).map_err(|_neither| refused(text, &problem))
    })?;
    Ok(Source { id: "ResourcePolicy".to_owned(), policy: Arc::new(policy) })
}

fn refused(text: &str, problem: &MalformedPolicy) -> IamError {
    let is_json = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    let reason =
        if is_json { problem.to_string() } else { "The policy is not in the valid JSON format.".to_owned() };
    IamError::Unsimulatable(format!("Invalid Input Policy: {reason}"))
}

/// The role or user whose policies are simulated.
pub(super) enum Entity<'a> {
    Role(&'a Stored<Role>),
    User(&'a Stored<User>),
}

impl<'a> Entity<'a> {
    /// The one with this ARN, in the account of the call.
    pub(super) fn find(call: &'a Call, arn: &str) -> Result<Self, IamError> {
        let unclear = || {
            let message = format!("Invalid Entity Arn: {arn} does not clearly define entity type and name.");
            IamError::Unsimulatable(message)
        };
        let parsed = Arn::parse(arn).filter(|parsed| parsed.service == "iam").ok_or_else(unclear)?;
        let (kind, path) = parsed.resource.split_once('/').ok_or_else(unclear)?;
        let name = path.rsplit('/').next().filter(|name| !name.is_empty()).ok_or_else(unclear)?;
        if !matches!(kind, "role" | "user" | "group") {
            return Err(unclear());
        }
        let account = call.account;
        if parsed.account != account.as_str() {
            return Err(IamError::Unsimulatable(format!(
                "Invalid Policy Source Arn: caller's account {account} does not have access to policies in account {}",
                parsed.account
            )));
        }
        match kind {
            "role" => match call.snapshot.role(account, name).filter(|role| role.arn() == arn) {
                Some(role) => Ok(Self::Role(role)),
                None => Err(IamError::NoSuchRole(name.to_owned())),
            },
            "user" => match call.snapshot.user(account, name).filter(|user| user.arn() == arn) {
                Some(user) => Ok(Self::User(user)),
                None => Err(IamError::NoSuchUser(name.to_owned())),
            },
            _ => Err(IamError::NoSuchGroup(name.to_owned())),
        }
    }

    /// Who calls when nobody else is named: the user, or a session of the role.
    pub(super) fn principal(&self) -> Principal {
        match self {
            Self::User(user) => {
                Principal::User { account: user.account.to_string(), arn: user.arn(), id: user.id.clone() }
            }
            Self::Role(role) => Principal::RoleSession {
                account: role.account.to_string(),
                role_arn: role.arn(),
                role_id: role.id.clone(),
                session_arn: format!("arn:aws:sts::{}:assumed-role/{}/", role.account, role.name),
            },
        }
    }

    /// Its inline and managed policies, under AWS's names: `user_NAME_POLICY` and the managed policy's own.
    pub(super) fn policies(&self, call: &Call) -> Vec<Source> {
        let (kind, name, inline, attached) = match self {
            Self::Role(role) => ("role", &role.name, &role.compiled.inline, &role.attached),
            Self::User(user) => ("user", &user.name, &user.compiled.inline, &user.attached),
        };
        let inline = inline.iter().map(|(policy, compiled)| Source {
            id: format!("{kind}_{name}_{}", policy.trim_start_matches("inline:")),
            policy: Arc::clone(compiled),
        });
        let managed = attached.iter().filter_map(|arn| managed_source(call, arn));
        inline.chain(managed).collect()
    }

    /// Its permissions boundary.
    pub(super) fn boundary(&self, call: &Call) -> Option<Source> {
        let arn = match self {
            Self::Role(role) => role.boundary.as_deref(),
            Self::User(user) => user.boundary.as_deref(),
        };
        managed_source(call, arn?)
    }
}

fn managed_source(call: &Call, arn: &str) -> Option<Source> {
    let name = managed::find(&call.snapshot, call.account, arn)?.name().to_owned();
    Some(Source { id: name, policy: managed_policy(&call.snapshot, arn)? })
}
