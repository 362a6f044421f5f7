//! Bucket policies: checked, saved with the ids of those whom they name, shown, removed.
//!
//! Source: S3 user guide, "Bucket policies for Amazon S3".

use std::sync::Arc;

use http::StatusCode;
use irsa_policy::{Policy as Compiled, PolicyType, size_without_whitespace};
use irsa_store::model::{Bucket, TrustPolicy};
use irsa_store::{Change, Transaction, transact};
use irsa_wire::error::ErrorBody;
use s3s::dto::*;
use serde_json::Value as Json;

use super::admission::{Asked, Permit};
use super::bucket::blocking;
use super::error;
use super::public_access;
use super::questions::Input;
use super::storage::Storage;
use crate::authorize::Authorized;
use crate::failure::Failure;
use crate::iam::trust;

/// The largest policy, in bytes.
const MOST_BYTES: usize = 20 * 1024;
pub(super) async fn get_bucket_policy(
    _storage: &Storage,
    permit: Permit<GetBucketPolicyInput>,
) -> Result<GetBucketPolicyOutput, Failure> {
    check_caller(&permit)?;
    let bucket = permit.input().bucket()?;
    let text = bucket.policy.clone().ok_or_else(|| no_policy(&bucket.name))?;
    let saved = TrustPolicy { text, ids: bucket.principal_ids.clone() };
    Ok(GetBucketPolicyOutput { policy: Some(trust::shown(&permit.call().snapshot, &saved)) })
}

pub(super) async fn put_bucket_policy(
    _storage: &Storage,
    permit: Permit<PutBucketPolicyInput>,
) -> Result<PutBucketPolicyOutput, Failure> {
    check_caller(&permit)?;
    let text = permit.input().input.policy.clone();
    let compiled = check(&text, &permit.input().input.bucket)?;
    let ids = trust::principal_ids(&permit.call().snapshot, &compiled)
        .map_err(|arn| malformed("Invalid principal in policy").with_detail("Detail", arn))?;
    let is_public = public_access::is_public(&text);
    if is_public {
        public_access::check_policy(&permit)?;
    }
    edit(&permit, move |bucket| {
        bucket.policy = Some(text.clone());
        bucket.policy_is_public = is_public;
        bucket.principal_ids = ids.clone();
        Ok(())
    })
    .await?;
    Ok(PutBucketPolicyOutput {})
}

pub(super) async fn delete_bucket_policy(
    _storage: &Storage,
    permit: Permit<DeleteBucketPolicyInput>,
) -> Result<DeleteBucketPolicyOutput, Failure> {
    check_caller(&permit)?;
    edit(&permit, |bucket| {
        bucket.policy = None;
        bucket.policy_is_public = false;
        bucket.principal_ids.clear();
        Ok(())
    })
    .await?;
    Ok(DeleteBucketPolicyOutput {})
}

pub(super) async fn get_bucket_policy_status(
    _storage: &Storage,
    permit: Permit<GetBucketPolicyStatusInput>,
) -> Result<GetBucketPolicyStatusOutput, Failure> {
    let bucket = permit.input().bucket()?;
    let text = bucket.policy.as_deref().ok_or_else(|| no_policy(&bucket.name))?;
    let policy_status = Some(PolicyStatus { is_public: Some(public_access::is_public(text)) });
    Ok(GetBucketPolicyStatusOutput { policy_status })
}

/// Changes what the store keeps of the permit's bucket.
pub(super) async fn edit<I: Input>(
    permit: &Authorized<Asked<I>>,
    change: impl Fn(&mut Bucket) -> Result<(), Failure> + Send + 'static,
) -> Result<(), Failure> {
    let ctx = Arc::clone(&permit.input().exchange.ctx);
    let (name, owner, created) = {
        let bucket = permit.input().bucket()?;
        (bucket.name.clone(), bucket.account, bucket.created)
    };
    blocking(move || {
        transact(ctx.store.as_ref(), |snapshot| {
            let bucket =
                snapshot.bucket(&name).filter(|bucket| bucket.account == owner && bucket.created == created);
            let bucket = bucket.ok_or_else(|| error::no_such_bucket(&name))?;
            let mut changed: Bucket = (***bucket).clone();
            change(&mut changed)?;
            let changes = vec![Change::Put(changed.into())];
            Ok((Transaction { changes, ..Transaction::default() }, ()))
        })
    })
    .await
}

/// Who is not of the owner's account may have the right and still cannot use it (S3 API reference, `PutBucketPolicy`).
fn check_caller<I: Input>(permit: &Authorized<Asked<I>>) -> Result<(), Failure> {
    if permit.call().caller.account == Some(permit.input().bucket()?.account) {
        return Ok(());
    }
    Err(Failure::new(
        "MethodNotAllowed",
        StatusCode::METHOD_NOT_ALLOWED,
        "The specified method is not allowed against this resource.",
    ))
}

fn check(text: &str, bucket: &str) -> Result<Compiled, Failure> {
    if size_without_whitespace(text) > MOST_BYTES {
        return Err(Failure::new(
            "PolicyTooLarge",
            StatusCode::BAD_REQUEST,
            "The policy exceeds the maximum allowed document size.",
        ));
    }
    let compiled = Compiled::parse(text, PolicyType::Resource)
        .map_err(|malformed_policy| malformed(malformed_policy.to_string()))?;
    let document: Json = serde_json::from_str(text).map_err(|error| malformed(error.to_string()))?;
    for statement in statements(&document) {
        for action in strings(statement.get("Action")).chain(strings(statement.get("NotAction"))) {
            let is_s3 = action.get(..3).is_some_and(|service| service.eq_ignore_ascii_case("s3:"));
            if action != "*" && !is_s3 {
                return Err(malformed("Policy has invalid action").into());
            }
        }
        for resource in strings(statement.get("Resource")).chain(strings(statement.get("NotResource"))) {
            if !is_of_bucket(resource, bucket) {
                return Err(malformed("Policy has invalid resource").into());
            }
        }
    }
    Ok(compiled)
}

/// A bucket's policy is about that bucket and its objects.
fn is_of_bucket(resource: &str, bucket: &str) -> bool {
    let Some(name) = resource.strip_prefix("arn:aws:s3:::") else { return false };
    match name.strip_prefix(bucket) {
        Some(rest) => rest.is_empty() || rest.starts_with(['/', '*', '?']),
        None => false,
    }
}

pub(super) fn statements(document: &Json) -> impl Iterator<Item = &Json> {
    let statement = document.get("Statement");
    let many = statement.and_then(Json::as_array).into_iter().flatten();
    many.chain(statement.filter(|statement| statement.is_object()))
}

pub(super) fn strings(value: Option<&Json>) -> impl Iterator<Item = &str> {
    let many = value.and_then(Json::as_array).into_iter().flatten();
    many.chain(value.filter(|value| value.is_string())).filter_map(Json::as_str)
}

fn no_policy(bucket: &str) -> Failure {
    ErrorBody::new("NoSuchBucketPolicy", StatusCode::NOT_FOUND, "The bucket policy does not exist")
        .with_detail("BucketName", bucket)
        .into()
}

fn malformed(message: impl Into<std::borrow::Cow<'static, str>>) -> ErrorBody {
    ErrorBody::new("MalformedPolicy", StatusCode::BAD_REQUEST, message)
}

#[cfg(test)]
mod tests;
