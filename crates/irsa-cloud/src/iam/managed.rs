//! Managed policies, the account's own and AWS's, and how often they are used.

use std::collections::HashMap;

use aws_lc_rs::digest::{SHA256, digest};
use irsa_policy::Arn;
use irsa_store::model::{AccountId, ManagedPolicy, PolicyVersion, Tags, ids};
use irsa_store::{Snapshot, Transaction};

use super::entities::folded;
use super::{IamError, documents, tags};
use crate::authorize::{Authorized, Refusal};
use crate::context::Context;
use crate::decisions::Denial;
use crate::generated::iam as shapes;
use crate::managed_policies::{self, AwsManagedPolicy};

/// A managed policy.
#[derive(Clone, Copy)]
pub(super) enum Managed<'s> {
    /// AWS's, the same in every account.
    Aws(&'static AwsManagedPolicy),
    /// The account's own.
    Own(&'s ManagedPolicy),
}

/// How often an account's users and roles use a policy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) attached: u32,
    pub(super) boundary: u32,
}

/// What a policy is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Attached,
    Boundary,
}

/// The policy with this ARN that `account` can use, if there is one.
pub(super) fn find<'s>(snapshot: &'s Snapshot, account: AccountId, arn: &str) -> Option<Managed<'s>> {
    let aws = managed_policies::find(arn).map(Managed::Aws);
    aws.or_else(|| own(snapshot, account, arn).map(Managed::Own))
}

/// The account's own policy with this ARN: another account's is not found, whoever asks.
pub(super) fn own<'s>(snapshot: &'s Snapshot, account: AccountId, arn: &str) -> Option<&'s ManagedPolicy> {
    snapshot.policy(arn).map(|stored| &***stored).filter(|policy| policy.account == account)
}

/// Refuses text that is no ARN.
pub(super) fn check_arn(arn: &str) -> Result<(), IamError> {
    match Arn::parse(arn) {
        Some(_) => Ok(()),
        // The two blanks are AWS's.
        None => Err(IamError::Validation("Invalid ARN:  Could not be parsed!".to_owned())),
    }
}

/// The policy with this ARN.
pub(super) fn existing<'s>(
    snapshot: &'s Snapshot,
    account: AccountId,
    arn: &str,
) -> Result<Managed<'s>, IamError> {
    check_arn(arn)?;
    find(snapshot, account, arn).ok_or_else(|| IamError::NoSuchPolicy(arn.to_owned()))
}

/// The account's own policy with this ARN, to be changed. AWS's policies are changed by AWS alone: the answer is a denial,
/// whatever the caller's policies say.
pub(super) fn own_for_change<T>(
    ctx: &Context,
    permit: &Authorized<T>,
    action: &str,
    arn: &str,
) -> Result<(), IamError> {
    check_arn(arn)?;
    if managed_policies::find(arn).is_none() {
        return Ok(());
    }
    let principal = permit.call().caller.arn();
    let message = format!("User: {principal} is not authorized to perform: {action} on resource: {arn}");
    let denial = Denial {
        authorization_id: String::new(),
        time: permit.now(),
        principal,
        subject: permit.call().caller.subject.clone(),
        action: action.to_owned(),
        resource: arn.to_owned(),
        code: "IRSA-A006",
        reason: "the policy is AWS's own, which accounts cannot change".to_owned(),
        explanation: None,
        fix: Some("make a policy of your own with the document that you want".to_owned()),
        accounts: vec![permit.account()],
    };
    Err(Refusal::recorded(ctx, &message, denial).into())
}

/// Counts a use of a policy up or down, in the transaction that makes or ends the use. AWS's policies are counted when
/// they are shown.
pub(super) fn count(
    transaction: Transaction,
    snapshot: &Snapshot,
    account: AccountId,
    arn: &str,
    r#use: Use,
    difference: i32,
) -> Transaction {
    let Some(stored) = own(snapshot, account, arn) else { return transaction };
    let mut policy = stored.clone();
    let counter = match r#use {
        Use::Attached => &mut policy.attachment_count,
        Use::Boundary => &mut policy.boundary_count,
    };
    *counter = counter.saturating_add_signed(difference);
    transaction.put(policy)
}

/// How often each policy is used in an account, by ARN.
pub(super) fn usage(snapshot: &Snapshot, account: AccountId) -> HashMap<&str, Usage> {
    let mut usage: HashMap<&str, Usage> = HashMap::new();
    let users = snapshot.users(account, None).map(|user| (&user.attached, &user.boundary));
    let roles = snapshot.roles(account, None).map(|role| (&role.attached, &role.boundary));
    for (attached, boundary) in users.chain(roles) {
        for arn in attached {
            usage.entry(arn).or_default().attached += 1;
        }
        if let Some(arn) = boundary {
            usage.entry(arn).or_default().boundary += 1;
        }
    }
    usage
}

impl Managed<'_> {
    /// The policy's ARN.
    pub(super) fn arn(&self) -> String {
        match self {
            Self::Aws(policy) => policy.arn(),
            Self::Own(policy) => policy.arn(),
        }
    }

    /// The policy's name.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Aws(policy) => &policy.name,
            Self::Own(policy) => &policy.name,
        }
    }

    /// The policy's path.
    pub(super) fn path(&self) -> &str {
        match self {
            Self::Aws(policy) => &policy.path,
            Self::Own(policy) => &policy.path,
        }
    }

    /// What lists are ordered by: the account's own first, then AWS's, each by name.
    pub(super) fn key(&self) -> String {
        match self {
            Self::Own(policy) => format!("1{}", folded(&policy.name)),
            Self::Aws(policy) => format!("2{}", folded(&policy.name)),
        }
    }

    /// How often the account uses it.
    pub(super) fn used(&self, usage: &HashMap<&str, Usage>) -> Usage {
        match self {
            Self::Aws(policy) => usage.get(policy.arn().as_str()).copied().unwrap_or_default(),
            Self::Own(policy) => Usage { attached: policy.attachment_count, boundary: policy.boundary_count },
        }
    }

    /// The policy's tags: AWS's have none.
    pub(super) fn tags(&self) -> Tags {
        match self {
            Self::Aws(_) => Tags::new(),
            Self::Own(policy) => policy.tags.clone(),
        }
    }

    /// The policy in a list: without description and tags.
    pub(super) fn listed(&self, used: Usage) -> shapes::Policy {
        let (id, version, created, updated) = match self {
            Self::Aws(policy) => {
                (aws_policy_id(&policy.arn()), policy.version.clone(), policy.created, policy.updated)
            }
            Self::Own(policy) => (
                policy.id.clone(),
                policy.default_version.clone(),
                policy.created.as_second(),
                policy.updated.as_second(),
            ),
        };
        shapes::Policy {
            policy_name: Some(self.name().to_owned()),
            policy_id: Some(id),
            arn: Some(self.arn()),
            path: Some(self.path().to_owned()),
            default_version_id: Some(version),
            attachment_count: i32::try_from(used.attached).ok(),
            permissions_boundary_usage_count: i32::try_from(used.boundary).ok(),
            is_attachable: Some(true),
            description: None,
            create_date: Some(created),
            update_date: Some(updated),
            tags: None,
        }
    }

    /// The policy by itself.
    pub(super) fn shown(&self, used: Usage) -> shapes::Policy {
        let mut shown = self.listed(used);
        shown.tags = Some(tags::shown(&self.tags()));
        if let Self::Own(policy) = self {
            shown.description.clone_from(&policy.description);
        }
        shown
    }

    /// Its versions, newest first, without their documents.
    pub(super) fn versions(&self) -> Vec<shapes::PolicyVersion> {
        match self {
            Self::Aws(policy) => vec![shapes::PolicyVersion {
                document: None,
                version_id: Some(policy.version.clone()),
                is_default_version: Some(true),
                create_date: Some(policy.updated),
            }],
            Self::Own(policy) => {
                policy.versions.iter().rev().map(|version| version_shown(policy, version)).collect()
            }
        }
    }

    /// One version with its document.
    pub(super) fn version(&self, id: &str) -> Option<shapes::PolicyVersion> {
        let mut found =
            self.versions().into_iter().find(|version| version.version_id.as_deref() == Some(id))?;
        let document = match self {
            Self::Aws(policy) => policy.document(),
            Self::Own(policy) => &policy.version(id)?.text,
        };
        found.document = Some(documents::encoded(document));
        Some(found)
    }
}

/// A version of an own policy, without its document.
pub(super) fn version_shown(policy: &ManagedPolicy, version: &PolicyVersion) -> shapes::PolicyVersion {
    shapes::PolicyVersion {
        document: None,
        version_id: Some(version.id.clone()),
        is_default_version: Some(version.id == policy.default_version),
        create_date: Some(version.created.as_second()),
    }
}

/// AWS's own ids are not published together with the documents: ours have the shape, and stay the same.
fn aws_policy_id(arn: &str) -> String {
    let digest = digest(&SHA256, arn.as_bytes());
    let mut seed = [0; 16];
    for (byte, from) in seed.iter_mut().zip(digest.as_ref()) {
        *byte = *from;
    }
    ids::unique_id("ANPA", &seed)
}
