//! Public access, and its block: who counts as everybody, what is refused, and who is kept out.
//!
//! There are no ACLs here, so that of the four settings the two of policies do something. Source: S3 user guide, "Blocking
//! public access to your Amazon S3 storage".

use std::sync::{Arc, OnceLock};

use http::StatusCode;
use irsa_policy::{Policy as Compiled, PolicyType};
use irsa_store::Stored;
use irsa_store::model::{AccountId, Bucket, PublicAccessBlock};
use irsa_wire::error::ErrorBody;
use s3s::dto::*;
use serde_json::Value as Json;

use super::admission::Permit;
use super::bucket_policy::{edit, statements, strings};
use super::storage::Storage;
use crate::authorize::{Refusal, ResourcePolicy};
use crate::decisions::Denial;
use crate::failure::Failure;

/// Conditions on these with fixed values keep a policy with principal `*` from being public.
const NARROWING_KEYS: [&str; 14] = [
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceip",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
];

/// In place of a public policy, for everybody outside of the bucket's account.
const RESTRICTION: &str = r#"{"Version": "2012-10-17", "Statement": [{"Sid": "RestrictPublicBuckets",
    "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}]}"#;

pub(super) async fn get_public_access_block(
    _storage: &Storage,
    permit: Permit<GetPublicAccessBlockInput>,
) -> Result<GetPublicAccessBlockOutput, Failure> {
    let bucket = permit.input().bucket()?;
    let block = bucket.public_access_block.ok_or_else(|| {
        ErrorBody::new(
            "NoSuchPublicAccessBlockConfiguration",
            StatusCode::NOT_FOUND,
            "The public access block configuration was not found",
        )
        .with_detail("BucketName", bucket.name.as_str())
    })?;
    let configuration = PublicAccessBlockConfiguration {
        block_public_acls: Some(block.block_public_acls),
        ignore_public_acls: Some(block.ignore_public_acls),
        block_public_policy: Some(block.block_public_policy),
        restrict_public_buckets: Some(block.restrict_public_buckets),
    };
    Ok(GetPublicAccessBlockOutput { public_access_block_configuration: Some(configuration) })
}

/// A setting that is not given is off.
pub(super) async fn put_public_access_block(
    _storage: &Storage,
    permit: Permit<PutPublicAccessBlockInput>,
) -> Result<PutPublicAccessBlockOutput, Failure> {
    let asked = &permit.input().input.public_access_block_configuration;
    let block = PublicAccessBlock {
        block_public_acls: asked.block_public_acls.unwrap_or_default(),
        ignore_public_acls: asked.ignore_public_acls.unwrap_or_default(),
        block_public_policy: asked.block_public_policy.unwrap_or_default(),
        restrict_public_buckets: asked.restrict_public_buckets.unwrap_or_default(),
    };
    edit(&permit, move |bucket| {
        bucket.public_access_block = Some(block);
        bucket.policy_is_public = bucket.policy.as_deref().is_some_and(is_public);
        Ok(())
    })
    .await?;
    Ok(PutPublicAccessBlockOutput {})
}

pub(super) async fn delete_public_access_block(
    _storage: &Storage,
    permit: Permit<DeletePublicAccessBlockInput>,
) -> Result<DeletePublicAccessBlockOutput, Failure> {
    edit(&permit, |bucket| {
        bucket.public_access_block = None;
        Ok(())
    })
    .await?;
    Ok(DeletePublicAccessBlockOutput {})
}

/// Refuses a public policy where such are blocked.
pub(super) fn check_policy(permit: &Permit<PutBucketPolicyInput>) -> Result<(), Failure> {
    let (bucket, call) = (permit.input().bucket()?, permit.call());
    if !bucket.public_access_block.is_some_and(|block| block.block_public_policy) {
        return Ok(());
    }
    let (principal, action, resource) = (call.caller.arn(), "s3:PutBucketPolicy", bucket.arn());
    let reason = "because public policies are blocked by the BlockPublicPolicy block public access setting";
    let message = format!(
        "User: {principal} is not authorized to perform: {action} on resource: \"{resource}\" {reason}."
    );
    let denial = Denial {
        authorization_id: String::new(),
        time: call.facts.now,
        principal,
        subject: call.caller.subject.clone(),
        action: action.to_owned(),
        resource,
        code: "IRSA-A008",
        reason: reason.to_owned(),
        explanation: None,
        fix: Some(
            "name principals in place of \"*\", or narrow the statement by a condition such as aws:PrincipalAccount"
                .to_owned(),
        ),
        accounts: vec![bucket.account],
    };
    Err(Refusal::recorded(&permit.input().exchange.ctx, &message, denial).into())
}

/// The bucket's policy as it counts for a caller of `account`; none has an anonymous one.
pub(super) fn policy_for(bucket: &Stored<Bucket>, account: Option<AccountId>) -> Option<ResourcePolicy> {
    let is_restricted = bucket.policy_is_public
        && account != Some(bucket.account)
        && bucket.public_access_block.is_some_and(|block| block.restrict_public_buckets);
    let (name, policy) = match is_restricted {
        true => (format!("{}: the block of public access", bucket.arn()), restriction()),
        false => (bucket.arn(), bucket.compiled.policy.clone()),
    };
    Some(ResourcePolicy { name, policy: policy?, is_trust: false })
}

/// Without it nothing is left that would let a stranger in.
fn restriction() -> Option<Arc<Compiled>> {
    static POLICY: OnceLock<Option<Arc<Compiled>>> = OnceLock::new();
    POLICY.get_or_init(|| Compiled::parse(RESTRICTION, PolicyType::Resource).ok().map(Arc::new)).clone()
}

/// Whether a policy lets everybody in (S3 user guide, "The meaning of \"public\"").
pub(super) fn is_public(text: &str) -> bool {
    let Ok(document) = serde_json::from_str::<Json>(text) else { return false };
    statements(&document).any(|statement| {
        statement.get("Effect").and_then(Json::as_str) == Some("Allow")
            && (names_everyone(statement) || statement.get("NotPrincipal").is_some())
            && !is_narrowed(statement)
    })
}

fn names_everyone(statement: &Json) -> bool {
    match statement.get("Principal") {
        Some(Json::String(everyone)) => everyone == "*",
        Some(principals) => strings(principals.get("AWS")).any(|principal| principal == "*"),
        None => false,
    }
}

fn is_narrowed(statement: &Json) -> bool {
    let operators = statement.get("Condition").and_then(Json::as_object);
    operators.into_iter().flatten().any(|(operator, keys)| {
        let grants = !operator.contains("Not") && !operator.ends_with("IfExists") && operator != "Null";
        grants
            && keys.as_object().into_iter().flatten().any(|(key, values)| {
                NARROWING_KEYS.contains(&key.to_ascii_lowercase().as_str())
                    && strings(Some(values)).all(|value| {
                        !value.contains(['*', '?', '$']) && !matches!(value, "0.0.0.0/0" | "::/0")
                    })
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_restriction_is_a_policy() {
        assert!(restriction().is_some());
    }

    /// S3 user guide, "The meaning of \"public\"".
    #[test]
    fn public_is_what_everyone_may_without_a_fixed_condition() {
        let check = |statement: &str, expected: bool| {
            let text = format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#);
            assert_eq!(is_public(&text), expected, "{statement}");
        };
        let one = |principal: &str, condition: &str| {
            format!(
                r#"[{{"Effect":"Allow","Principal":{principal},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"{condition}}}]"#
            )
        };
        check(&one(r#""*""#, ""), true);
        check(&one(r#"{"AWS":"*"}"#, ""), true);
        check(&one(r#"{"AWS":["arn:aws:iam::111122223333:root","*"]}"#, ""), true);
        check(&one(r#"{"AWS":"arn:aws:iam::111122223333:root"}"#, ""), false);
        check(&one(r#""*""#, r#","Condition":{"StringEquals":{"aws:SourceVpc":"vpc-91237329"}}"#), false);
        check(&one(r#""*""#, r#","Condition":{"StringLike":{"aws:SourceVpc":"vpc-*"}}"#), true);
        check(&one(r#""*""#, r#","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#), false);
        check(&one(r#""*""#, r#","Condition":{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}"#), true);
        check(&one(r#""*""#, r#","Condition":{"StringNotEquals":{"aws:SourceVpc":"vpc-1"}}"#), true);
        check(&one(r#""*""#, r#","Condition":{"Bool":{"aws:SecureTransport":"true"}}"#), true);
        check(r#"{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::b/*"}"#, false);
    }
}
