//! The AWS-managed policies that accounts find ready to attach.
//!
//! They are not stored: they belong to AWS, are the same in every account and cannot be changed. The documents in
//! `catalogue.json` are AWS's own as published (AWS Managed Policy Reference), each in its newest version only. They are
//! compiled when first used.

use std::sync::{Arc, LazyLock, OnceLock};

use irsa_policy::{Policy, PolicyType};
use serde::Deserialize;
use serde_json::value::RawValue;

static CATALOGUE: LazyLock<Vec<AwsManagedPolicy>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("managed_policies/catalogue.json")).unwrap_or_default()
});

/// An AWS-managed policy.
#[derive(Debug, Deserialize)]
pub struct AwsManagedPolicy {
    /// `AmazonS3ReadOnlyAccess`.
    pub name: String,
    /// `/`, `/service-role/`, `/job-function/`.
    pub path: String,
    /// The version that is served (`v3`).
    pub version: String,
    /// When AWS made it, in seconds since the epoch.
    pub created: i64,
    /// When AWS last changed it, in seconds since the epoch.
    pub updated: i64,
    document: Box<RawValue>,
    #[serde(skip)]
    compiled: OnceLock<Option<Arc<Policy>>>,
}

impl AwsManagedPolicy {
    /// `arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy`.
    #[must_use]
    pub fn arn(&self) -> String {
        format!("arn:aws:iam::aws:policy{}{}", self.path, self.name)
    }

    /// The document, as JSON text.
    #[must_use]
    pub fn document(&self) -> &str {
        self.document.get()
    }

    /// The document, compiled.
    #[must_use]
    pub fn policy(&self) -> Option<Arc<Policy>> {
        self.compiled
            .get_or_init(|| Policy::parse(self.document(), PolicyType::Identity).ok().map(Arc::new))
            .clone()
    }
}

/// Every AWS-managed policy that there is, by name.
#[must_use]
pub fn all() -> &'static [AwsManagedPolicy] {
    &CATALOGUE
}

/// The AWS-managed policy with this ARN.
#[must_use]
pub fn find(arn: &str) -> Option<&'static AwsManagedPolicy> {
    let path_and_name = arn.strip_prefix("arn:aws:iam::aws:policy")?;
    let (_, name) = path_and_name.rsplit_once('/')?;
    CATALOGUE.iter().find(|policy| policy.name == name && policy.arn() == arn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_reads_and_every_document_compiles() {
        assert!(all().len() >= 28);
        for policy in all() {
            assert!(policy.policy().is_some(), "{}", policy.name);
            assert!(std::ptr::eq(find(&policy.arn()).unwrap(), policy));
        }
        assert!(find("arn:aws:iam::aws:policy/NoSuchPolicy").is_none());
        assert!(
            find("arn:aws:iam::aws:policy/AmazonEBSCSIDriverPolicy").is_none(),
            "its path is /service-role/"
        );
    }
}
