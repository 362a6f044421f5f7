//! Which questions an operation puts to the policies.
//!
//! Source: Service authorization reference, "Actions, resources, and condition keys for Amazon S3", and S3 user guide,
//! "Required permissions for Amazon S3 API operations".

mod objects;

use std::collections::BTreeMap;
use std::sync::Arc;

use irsa_store::Stored;
use irsa_store::model::Bucket;
use s3s::dto::*;

use super::admission::Signed;
use super::public_access;
use crate::authorize::{Call, Check};

pub(super) use objects::{delete_check, parse_tags, place, version};

/// An operation's input: where it is and what it needs.
pub(super) trait Input: Send + 'static {
    /// Whether it makes its bucket.
    const MAKES_BUCKET: bool = false;
    /// Whether it may be signed for any region.
    const ANY_REGION: bool = false;

    fn bucket(&self) -> Option<&str>;

    /// The one object that it is about.
    fn key(&self) -> Option<&str> {
        None
    }

    /// The object, as it is, that is read or changed, whose tags the policies may ask for: bucket and key.
    fn existing(&self) -> Option<(&str, &str)> {
        None
    }

    fn questions(&self, site: &Site<'_>) -> Vec<Check>;
}

/// Where and by whom a question is asked.
pub(super) struct Site<'a> {
    pub(super) call: &'a Call,
    pub(super) signed: Option<&'a Signed>,
    pub(super) bucket: Option<&'a Arc<Stored<Bucket>>>,
    pub(super) object_tags: &'a BTreeMap<String, String>,
}

impl Site<'_> {
    /// A question about no bucket.
    pub(super) fn on_account(&self, action: &'static str) -> Check {
        self.about(action, "*".to_owned())
    }

    /// A question about the operation's bucket.
    pub(super) fn on_bucket(&self, action: &'static str) -> Check {
        match self.bucket {
            Some(bucket) => self.within(action, bucket.arn(), bucket),
            None => self.about(action, "arn:aws:s3:::".to_owned()),
        }
    }

    /// A question about an object in the operation's bucket.
    pub(super) fn on_object(&self, action: &'static str, key: &str) -> Check {
        match self.bucket {
            Some(bucket) => self.within(action, format!("{}/{key}", bucket.arn()), bucket),
            None => self.about(action, format!("arn:aws:s3:::/{key}")),
        }
    }

    /// As [`Self::on_object`], of the object as it is: with the tags that it has.
    pub(super) fn on_existing(&self, action: &'static str, key: &str) -> Check {
        self.with_object_tags(self.on_object(action, key))
    }

    /// A question about the object, perhaps in another bucket, that a copy is made of.
    pub(super) fn on_source(&self, action: &'static str, bucket: &str, key: &str) -> Check {
        let resource = format!("arn:aws:s3:::{bucket}/{key}");
        self.with_object_tags(match self.call.snapshot.bucket(bucket) {
            Some(bucket) => self.within(action, resource, bucket),
            None => self.about(action, resource),
        })
    }

    fn with_object_tags(&self, check: Check) -> Check {
        self.object_tags.iter().fold(check, |check, (name, value)| {
            check.with_key(format!("s3:ExistingObjectTag/{name}"), value.as_str())
        })
    }

    fn within(&self, action: &'static str, resource: String, bucket: &Arc<Stored<Bucket>>) -> Check {
        let mut check = self.about(action, resource);
        check.resource_account = Some(bucket.account);
        check.resource_policy = public_access::policy_for(bucket, self.call.caller.account);
        check.with_key("s3:ResourceAccount", bucket.account.as_str())
    }

    fn about(&self, action: &'static str, resource: String) -> Check {
        let check = Check::new(action, resource);
        let Some(signed) = self.signed else { return check };
        let check = check
            .with_key("s3:authType", signed.auth_type)
            .with_key("s3:signatureversion", "AWS4-HMAC-SHA256")
            .with_key("s3:signatureAge", signed.age.to_string());
        match &signed.content_sha256 {
            Some(hash) => check.with_key("s3:x-amz-content-sha256", hash.as_str()),
            None => check,
        }
    }
}

/// Adds a condition key if it has a value.
pub(super) fn with(check: Check, name: &'static str, value: Option<&str>) -> Check {
    match value {
        Some(value) => check.with_key(name, value),
        None => check,
    }
}

impl Input for ListBucketsInput {
    fn bucket(&self) -> Option<&str> {
        None
    }

    fn questions(&self, site: &Site<'_>) -> Vec<Check> {
        vec![site.on_account("s3:ListAllMyBuckets")]
    }
}

impl Input for CreateBucketInput {
    const MAKES_BUCKET: bool = true;
    const ANY_REGION: bool = true;

    fn bucket(&self) -> Option<&str> {
        Some(&self.bucket)
    }

    fn questions(&self, site: &Site<'_>) -> Vec<Check> {
        let about = |action| {
            let check = site.about(action, format!("arn:aws:s3:::{}", self.bucket));
            let constraint = self
                .create_bucket_configuration
                .as_ref()
                .and_then(|configuration| configuration.location_constraint.as_ref());
            let check =
                with(check, "s3:locationconstraint", constraint.map(|constraint| constraint.as_str()));
            let check = with(check, "s3:x-amz-acl", self.acl.as_ref().map(|acl| acl.as_str()));
            let ownership = self.object_ownership.as_ref().map(|ownership| ownership.as_str());
            with(check, "s3:x-amz-object-ownership", ownership)
        };
        let grants = [
            &self.grant_full_control,
            &self.grant_read,
            &self.grant_read_acp,
            &self.grant_write,
            &self.grant_write_acp,
        ];
        let mut checks = vec![about("s3:CreateBucket")];
        if self.acl.is_some() || grants.iter().any(|grant| grant.is_some()) {
            checks.push(about("s3:PutBucketAcl"));
        }
        if self.object_ownership.is_some() {
            checks.push(about("s3:PutBucketOwnershipControls"));
        }
        if self.object_lock_enabled_for_bucket == Some(true) {
            checks.push(about("s3:PutBucketObjectLockConfiguration"));
            checks.push(about("s3:PutBucketVersioning"));
        }
        checks
    }
}

impl Input for GetBucketLocationInput {
    const ANY_REGION: bool = true;

    fn bucket(&self) -> Option<&str> {
        Some(&self.bucket)
    }

    fn questions(&self, site: &Site<'_>) -> Vec<Check> {
        vec![site.on_bucket("s3:GetBucketLocation")]
    }
}

/// The inputs that ask one question about their bucket.
macro_rules! on_bucket {
    ($($input:ident => $action:literal),* $(,)?) => {$(
        impl Input for $input {
            fn bucket(&self) -> Option<&str> {
                Some(&self.bucket)
            }

            fn questions(&self, site: &Site<'_>) -> Vec<Check> {
                vec![site.on_bucket($action)]
            }
        }
    )*};
}
on_bucket! {
    HeadBucketInput => "s3:ListBucket",
    DeleteBucketInput => "s3:DeleteBucket",
    GetBucketPolicyInput => "s3:GetBucketPolicy",
    PutBucketPolicyInput => "s3:PutBucketPolicy",
    DeleteBucketPolicyInput => "s3:DeleteBucketPolicy",
    GetBucketPolicyStatusInput => "s3:GetBucketPolicyStatus",
    GetBucketTaggingInput => "s3:GetBucketTagging",
    PutBucketTaggingInput => "s3:PutBucketTagging",
    DeleteBucketTaggingInput => "s3:PutBucketTagging",
    GetBucketAclInput => "s3:GetBucketAcl",
    GetBucketCorsInput => "s3:GetBucketCORS",
    GetBucketWebsiteInput => "s3:GetBucketWebsite",
    GetBucketVersioningInput => "s3:GetBucketVersioning",
    GetBucketAccelerateConfigurationInput => "s3:GetAccelerateConfiguration",
    GetBucketRequestPaymentInput => "s3:GetBucketRequestPayment",
    GetBucketLoggingInput => "s3:GetBucketLogging",
    GetBucketLifecycleConfigurationInput => "s3:GetLifecycleConfiguration",
    GetBucketReplicationInput => "s3:GetReplicationConfiguration",
    GetBucketEncryptionInput => "s3:GetEncryptionConfiguration",
    GetBucketNotificationConfigurationInput => "s3:GetBucketNotification",
    GetObjectLockConfigurationInput => "s3:GetBucketObjectLockConfiguration",
    GetPublicAccessBlockInput => "s3:GetBucketPublicAccessBlock",
    PutPublicAccessBlockInput => "s3:PutBucketPublicAccessBlock",
    DeletePublicAccessBlockInput => "s3:PutBucketPublicAccessBlock",
    PutBucketEncryptionInput => "s3:PutEncryptionConfiguration",
    DeleteBucketEncryptionInput => "s3:PutEncryptionConfiguration",
    GetBucketOwnershipControlsInput => "s3:GetBucketOwnershipControls",
}

/// The inputs of listings; what is not asked for is no condition key.
macro_rules! listing {
    ($($input:ident, $action:literal, $most:ident;)*) => {$(
        impl Input for $input {
            fn bucket(&self) -> Option<&str> {
                Some(&self.bucket)
            }

            fn questions(&self, site: &Site<'_>) -> Vec<Check> {
                let check = with(site.on_bucket($action), "s3:prefix", self.prefix.as_deref());
                let check = with(check, "s3:delimiter", self.delimiter.as_deref());
                let most = self.$most.map(|most| most.to_string());
                vec![with(check, "s3:max-keys", most.as_deref())]
            }
        }
    )*};
}
listing! {
    ListObjectsInput, "s3:ListBucket", max_keys;
    ListObjectsV2Input, "s3:ListBucket", max_keys;
    ListObjectVersionsInput, "s3:ListBucketVersions", max_keys;
    ListMultipartUploadsInput, "s3:ListBucketMultipartUploads", max_uploads;
}
