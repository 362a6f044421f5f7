//! Elastic Kubernetes Service, API version 2017-11-01: the clusters that we host, and those of others that are registered.
//!
//! A hosted cluster is an issuer of ServiceAccount tokens with a small Kubernetes API; it has no nodes. That API is the other
//! half's; here are the cluster's life ([`clusters`]), its configuration ([`settings`], [`updates`]), and who its bearer
//! tokens belong to ([`bearer`]). What others run is in [`register`].

pub mod bearer;
mod clusters;
mod create;
mod error;
mod register;
mod settings;
mod tags;
#[cfg(test)]
mod tests;
mod updates;
mod versions;

use irsa_store::model::AccountId;
use irsa_wire::rest_json::DecodeRest as _;

use crate::authorize::{Call, Check};
use crate::generated::eks::{
    CreateClusterInput, DeleteClusterInput, DescribeClusterInput, DescribeClusterVersionsInput,
    DescribeUpdateInput, ListClustersInput, ListTagsForResourceInput, ListUpdatesInput, TagResourceInput,
    UntagResourceInput, UpdateClusterConfigInput, UpdateClusterVersionInput,
};
use crate::server::table::RestTable;

pub use error::EksError;
use register::{DeregisterClusterInput, RegisterClusterInput};

/// Every operation that is served.
#[must_use]
pub fn table() -> RestTable {
    RestTable::new("eks")
        .write(CreateClusterInput::BINDING, create::create_cluster)
        .read(DescribeClusterInput::BINDING, clusters::describe_cluster)
        .read(ListClustersInput::BINDING, clusters::list_clusters)
        .write(DeleteClusterInput::BINDING, clusters::delete_cluster)
        .write(RegisterClusterInput::BINDING, register::register_cluster)
        .write(DeregisterClusterInput::BINDING, register::deregister_cluster)
        .write(UpdateClusterConfigInput::BINDING, updates::update_cluster_config)
        .write(UpdateClusterVersionInput::BINDING, updates::update_cluster_version)
        .read(DescribeUpdateInput::BINDING, updates::describe_update)
        .read(ListUpdatesInput::BINDING, updates::list_updates)
        .read(DescribeClusterVersionsInput::BINDING, versions::describe_cluster_versions)
        .write(TagResourceInput::BINDING, tags::tag_resource)
        .write(UntagResourceInput::BINDING, tags::untag_resource)
        .read(ListTagsForResourceInput::BINDING, tags::list_tags_for_resource)
}

/// The question whether `action` may be done to a cluster of the caller's account and the call's region, with the tags
/// that the cluster has (Service Authorization Reference, "Actions, resources, and condition keys for Amazon EKS").
fn cluster_check(call: &Call, action: &'static str, name: &str) -> Check {
    let (account, region) = (call.account, call.facts.region.as_str());
    let check = Check::new(action, cluster_arn(account, region, name));
    let Some(cluster) = call.snapshot.cluster(account, region, name) else { return check };
    cluster
        .tags
        .iter()
        .fold(check, |check, (key, value)| check.with_key(format!("aws:ResourceTag/{key}"), value.as_str()))
}

fn cluster_arn(account: AccountId, region: &str, name: &str) -> String {
    format!("arn:aws:eks:{region}:{account}:cluster/{name}")
}

/// A page of a list: the items after `token`, and the token of the next page.
fn page<T>(
    items: impl Iterator<Item = T>,
    most: Option<i32>,
    name: impl Fn(&T) -> &str,
) -> (Vec<T>, Option<String>) {
    let most = most.and_then(|most| usize::try_from(most).ok()).unwrap_or(100);
    let mut items: Vec<T> = items.take(most + 1).collect();
    let more = items.len() > most;
    items.truncate(most);
    let next = items.last().filter(|_| more).map(|last| to_token(name(last)));
    (items, next)
}

/// AWS's tokens are opaque; ours name the last item of the page.
fn to_token(name: &str) -> String {
    hex::encode(name)
}

fn from_token(token: Option<&str>) -> Result<Option<String>, EksError> {
    let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(None) };
    let name = hex::decode(token).ok().and_then(|name| String::from_utf8(name).ok());
    name.map(Some).ok_or_else(|| EksError::InvalidParameter("Invalid Next Token".to_owned()))
}
