//! Users, access keys, roles and managed policies.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{AccountId, SecretString, Tags};

/// An IAM user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// Whose it is.
    pub account: AccountId,
    /// Its name, unique in the account ignoring case.
    pub name: String,
    /// Its path, `/` or `/…/`.
    pub path: String,
    /// Its unique id, `AIDA…`.
    pub id: String,
    /// When it was made.
    #[serde(with = "super::seconds")]
    pub created: Timestamp,
    /// Inline policies, name to text.
    #[serde(default)]
    pub inline: BTreeMap<String, String>,
    /// ARNs of the attached managed policies, in the order of attaching.
    #[serde(default)]
    pub attached: Vec<String>,
    /// ARN of the permissions boundary.
    #[serde(default)]
    pub boundary: Option<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
}

impl User {
    /// `arn:aws:iam::<account>:user<path><name>`.
    pub fn arn(&self) -> String {
        format!("arn:aws:iam::{}:user{}{}", self.account, self.path, self.name)
    }
}

/// A long-lived access key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccessKey {
    /// The access key id, `AKIA…`, global across accounts.
    pub id: String,
    /// The secret access key, 40 characters.
    pub secret: SecretString,
    /// Whose it is.
    pub account: AccountId,
    /// The user's name; `None` for a key of the account's root user.
    #[serde(default)]
    pub user: Option<String>,
    /// Whether it may be used (`Active`, else `Inactive`).
    pub active: bool,
    /// When it was made.
    #[serde(with = "super::seconds")]
    pub created: Timestamp,
    /// Its last use, when one was noted.
    #[serde(default)]
    pub last_used: Option<LastUsed>,
}

/// An IAM role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Role {
    /// Whose it is.
    pub account: AccountId,
    /// Its name, unique in the account ignoring case.
    pub name: String,
    /// Its path, `/` or `/…/`.
    pub path: String,
    /// Its unique id, `AROA…`.
    pub id: String,
    /// When it was made.
    #[serde(with = "super::seconds")]
    pub created: Timestamp,
    /// Its description, at most 1,000 characters.
    #[serde(default)]
    pub description: Option<String>,
    /// The longest session in seconds, 3,600 to 43,200.
    pub max_session_duration: u32,
    /// Who may assume it.
    pub trust: TrustPolicy,
    /// Inline policies, name to text.
    #[serde(default)]
    pub inline: BTreeMap<String, String>,
    /// ARNs of the attached managed policies, in the order of attaching.
    #[serde(default)]
    pub attached: Vec<String>,
    /// ARN of the permissions boundary.
    #[serde(default)]
    pub boundary: Option<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
    /// Its last use, when one was noted.
    #[serde(default)]
    pub last_used: Option<LastUsed>,
}

impl Role {
    /// `arn:aws:iam::<account>:role<path><name>`.
    pub fn arn(&self) -> String {
        format!("arn:aws:iam::{}:role{}{}", self.account, self.path, self.name)
    }
}

/// A role's trust policy.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TrustPolicy {
    /// The document as it was given.
    pub text: String,
    /// The unique ids of the principals that it names by ARN, known when it was saved: a role that is deleted and made
    /// anew under the same name is not the trusted one (IAM guide, "AWS JSON policy elements: Principal").
    #[serde(default)]
    pub ids: BTreeMap<String, String>,
}

/// When and where a role or an access key was last used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastUsed {
    /// When.
    #[serde(with = "super::seconds")]
    pub at: Timestamp,
    /// In which region.
    pub region: String,
    /// Of which service, by its name in signatures (`s3`).
    #[serde(default)]
    pub service: String,
}

/// A customer managed policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ManagedPolicy {
    /// Whose it is.
    pub account: AccountId,
    /// Its name, unique in the account ignoring case.
    pub name: String,
    /// Its path, `/` or `/…/`.
    pub path: String,
    /// Its unique id, `ANPA…`.
    pub id: String,
    /// Its description.
    #[serde(default)]
    pub description: Option<String>,
    /// Its versions, oldest first, at most five.
    pub versions: Vec<PolicyVersion>,
    /// Which version is in force, such as `v2`.
    pub default_version: String,
    /// The number of the version that is made next; numbers are never used twice.
    pub next_version: u32,
    /// How many users and roles it is attached to.
    #[serde(default)]
    pub attachment_count: u32,
    /// How many users and roles have it as their permissions boundary.
    #[serde(default)]
    pub boundary_count: u32,
    /// When it was made.
    #[serde(with = "super::seconds")]
    pub created: Timestamp,
    /// When a version was last made or made the default.
    #[serde(with = "super::seconds")]
    pub updated: Timestamp,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
}

impl ManagedPolicy {
    /// `arn:aws:iam::<account>:policy<path><name>`.
    pub fn arn(&self) -> String {
        format!("arn:aws:iam::{}:policy{}{}", self.account, self.path, self.name)
    }

    /// The version of that id, such as `v1`.
    pub fn version(&self, id: &str) -> Option<&PolicyVersion> {
        self.versions.iter().find(|version| version.id == id)
    }
}

/// One version of a managed policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyVersion {
    /// `v1`, `v2`, …
    pub id: String,
    /// The document as it was given.
    pub text: String,
    /// When it was made.
    #[serde(with = "super::seconds")]
    pub created: Timestamp,
}
