//! `TagResource`, `UntagResource` and `ListTagsForResource`, of clusters.

use irsa_store::model::{Cluster, Tags};
use irsa_store::{Snapshot, Stored, Transaction, transact};

use std::sync::Arc;

use super::EksError;
use crate::authorize::{Authorized, Call, Check, Requires};
use crate::context::Context;
use crate::generated::eks::{
    ListTagsForResourceInput, ListTagsForResourceOutput, TagResourceInput, TagResourceOutput,
    UntagResourceInput, UntagResourceOutput,
};

/// AWS: "Maximum number of tags per resource".
const MOST_TAGS: usize = 50;

/// Checks tags as every AWS service does (Tagging AWS resources, "Tag naming limits and requirements").
pub(super) fn check(tags: &Tags) -> Result<(), EksError> {
    for (key, value) in tags {
        if key.is_empty() || key.chars().count() > 128 {
            return Err(EksError::InvalidParameter(format!(
                "Tag key must have between 1 and 128 characters: {key}"
            )));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(EksError::InvalidParameter(format!(
                "Tag keys starting with 'aws:' are reserved for system use: {key}"
            )));
        }
        if value.chars().count() > 256 {
            return Err(EksError::InvalidParameter(format!(
                "Tag value must have at most 256 characters: {key}"
            )));
        }
    }
    Ok(())
}

impl Requires for TagResourceInput {
    fn checks(&self, call: &Call) -> Vec<Check> {
        let check = arn_check(call, "eks:TagResource", &self.resource_arn);
        let check = self.tags.iter().fold(check, |check, (key, value)| {
            check.with_key(format!("aws:RequestTag/{key}"), value.as_str())
        });
        vec![check.with_keys("aws:TagKeys", self.tags.keys().cloned().collect())]
    }
}

pub(super) fn tag_resource(
    ctx: &Context,
    permit: Authorized<TagResourceInput>,
) -> Result<TagResourceOutput, EksError> {
    let (call, input) = (permit.call().clone(), permit.input());
    check(&input.tags)?;
    transact(ctx.store.as_ref(), |snapshot| {
        let mut cluster = Cluster::clone(tagged(snapshot, &call, &input.resource_arn)?);
        cluster.tags.extend(input.tags.clone());
        if cluster.tags.len() > MOST_TAGS {
            return Err(EksError::BadRequest(format!("A resource can have at most {MOST_TAGS} tags")));
        }
        Ok((Transaction::new().put(cluster), TagResourceOutput {}))
    })
}

impl Requires for UntagResourceInput {
    fn checks(&self, call: &Call) -> Vec<Check> {
        let check = arn_check(call, "eks:UntagResource", &self.resource_arn);
        vec![check.with_keys("aws:TagKeys", self.tag_keys.clone())]
    }
}

pub(super) fn untag_resource(
    ctx: &Context,
    permit: Authorized<UntagResourceInput>,
) -> Result<UntagResourceOutput, EksError> {
    let (call, input) = (permit.call().clone(), permit.input());
    transact(ctx.store.as_ref(), |snapshot| {
        let mut cluster = Cluster::clone(tagged(snapshot, &call, &input.resource_arn)?);
        cluster.tags.retain(|key, _| !input.tag_keys.contains(key));
        Ok((Transaction::new().put(cluster), UntagResourceOutput {}))
    })
}

impl Requires for ListTagsForResourceInput {
    fn checks(&self, call: &Call) -> Vec<Check> {
        vec![arn_check(call, "eks:ListTagsForResource", &self.resource_arn)]
    }
}

pub(super) fn list_tags_for_resource(
    _ctx: &Context,
    permit: Authorized<ListTagsForResourceInput>,
) -> Result<ListTagsForResourceOutput, EksError> {
    let cluster = tagged(&permit.call().snapshot, permit.call(), &permit.input().resource_arn)?;
    Ok(ListTagsForResourceOutput { tags: Some(cluster.tags.clone()) })
}

/// The question about an ARN that the client gave. Whose it is, is what the ARN says.
fn arn_check(call: &Call, action: &'static str, arn: &str) -> Check {
    let mut check = Check::new(action, arn);
    check.resource_account = arn.split(':').nth(4).and_then(|account| account.parse().ok());
    match tagged(&call.snapshot, call, arn) {
        Ok(cluster) => cluster.tags.iter().fold(check, |check, (key, value)| {
            check.with_key(format!("aws:ResourceTag/{key}"), value.as_str())
        }),
        Err(_) => check,
    }
}

/// The cluster of an ARN, which must be of the caller's account and the call's region.
fn tagged<'a>(snapshot: &'a Snapshot, call: &Call, arn: &str) -> Result<&'a Arc<Stored<Cluster>>, EksError> {
    let mut parts = arn.splitn(6, ':');
    let is_eks = parts.next() == Some("arn") && parts.next() == Some("aws") && parts.next() == Some("eks");
    let (region, account, resource) = (parts.next(), parts.next(), parts.next());
    let (true, Some(region), Some(account), Some(resource)) = (is_eks, region, account, resource) else {
        return Err(EksError::BadRequest(format!("Invalid ARN: {arn}")));
    };
    let name = resource.strip_prefix("cluster/");
    let ours = region == call.facts.region && account == call.account.as_str();
    name.filter(|_| ours)
        .and_then(|name| snapshot.cluster(call.account, region, name))
        .ok_or_else(|| EksError::NoTaggable(arn.to_owned()))
}
