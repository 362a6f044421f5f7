//! OIDC providers and buckets.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{AccountId, Tags};

/// An OIDC identity provider of an account (IAM `CreateOpenIDConnectProvider`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OidcProvider {
    /// Whose it is.
    pub account: AccountId,
    /// The issuer without its scheme: `host[:port][/path]`, as IAM stores and returns it.
    pub url: String,
    /// The audiences that it accepts (`ClientIDList`).
    #[serde(default)]
    pub client_ids: Vec<String>,
    /// SHA-1 thumbprints of its certificate chain, 40 hex digits each; optional since AWS fetches them itself.
    #[serde(default)]
    pub thumbprints: Vec<String>,
    /// PEM of the certificate authority that signed its HTTPS certificate, when it is a private one (not in AWS).
    #[serde(default)]
    pub certificate_authority: Option<String>,
    /// Where its documents are fetched when the issuer's URL cannot be reached from here (not in AWS).
    #[serde(default)]
    pub endpoint: Option<String>,
    /// When it was made.
    #[serde(with = "super::seconds")]
    pub created: Timestamp,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
}

impl OidcProvider {
    /// `arn:aws:iam::<account>:oidc-provider/<host[:port]/path>`.
    pub fn arn(&self) -> String {
        format!("arn:aws:iam::{}:oidc-provider/{}", self.account, self.url)
    }
}

/// An S3 bucket. Its objects are not in the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    /// Its owner.
    pub account: AccountId,
    /// Its name, global across accounts.
    pub name: String,
    /// The region it was made in.
    pub region: String,
    /// The bucket policy, a resource policy.
    #[serde(default)]
    pub policy: Option<String>,
    /// The unique ids of the principals that the policy names by ARN, known when it was saved.
    #[serde(default)]
    pub principal_ids: std::collections::BTreeMap<String, String>,
    /// Whether the policy lets everybody in, as known when the policy or the block below was saved.
    #[serde(default)]
    pub policy_is_public: bool,
    /// What is blocked of public access, if that was ever said.
    #[serde(default)]
    pub public_access_block: Option<PublicAccessBlock>,
    /// When it was made.
    #[serde(with = "super::seconds")]
    pub created: Timestamp,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
}

/// What a bucket blocks of public access (S3 user guide, "Blocking public access to your Amazon S3 storage").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "they are AWS's four independent settings")]
pub struct PublicAccessBlock {
    /// Public ACLs are refused.
    pub block_public_acls: bool,
    /// Public ACLs have no effect.
    pub ignore_public_acls: bool,
    /// Public bucket policies are refused.
    pub block_public_policy: bool,
    /// A public bucket policy lets nobody of another account in.
    pub restrict_public_buckets: bool,
}

impl Bucket {
    /// `arn:aws:s3:::<name>`.
    pub fn arn(&self) -> String {
        format!("arn:aws:s3:::{}", self.name)
    }
}
