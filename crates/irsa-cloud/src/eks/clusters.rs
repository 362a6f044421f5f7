//! `DescribeCluster`, `ListClusters` and `DeleteCluster`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use irsa_store::model::Cluster;
use irsa_store::{Key, Transaction, transact};

use super::settings::Settings;
use super::{EksError, cluster_check, from_token, page, register, versions};
use crate::authorize::{Authorized, Call, Check, Requires};
use crate::context::Context;
use crate::generated::eks::{
    Certificate, Cluster as ClusterOutput, ClusterHealth, DeleteClusterInput, DeleteClusterOutput,
    DescribeClusterInput, DescribeClusterOutput, Identity, ListClustersInput, ListClustersOutput, OIDC,
};

impl Requires for DescribeClusterInput {
    fn checks(&self, call: &Call) -> Vec<Check> {
        vec![cluster_check(call, "eks:DescribeCluster", &self.name)]
    }
}

pub(super) fn describe_cluster(
    ctx: &Context,
    permit: Authorized<DescribeClusterInput>,
) -> Result<DescribeClusterOutput, EksError> {
    let name = &permit.input().name;
    let cluster = permit.call().snapshot.cluster(permit.account(), permit.region(), name);
    let cluster = cluster.ok_or_else(|| EksError::NoCluster(name.clone()))?;
    Ok(DescribeClusterOutput { cluster: Some(described(ctx, cluster)) })
}

impl Requires for ListClustersInput {
    fn checks(&self, _call: &Call) -> Vec<Check> {
        vec![Check::new("eks:ListClusters", "*")]
    }
}

pub(super) fn list_clusters(
    _ctx: &Context,
    permit: Authorized<ListClustersInput>,
) -> Result<ListClustersOutput, EksError> {
    let input = permit.input();
    let after = from_token(input.next_token.as_deref())?;
    let clusters = permit.call().snapshot.clusters(permit.account(), permit.region(), after.as_deref());
    // EKS API reference, `ListClusters`: "Use 'all' to return connected clusters, or blank to return only Amazon EKS clusters."
    let with_registered = input.include.iter().flatten().any(|what| what == "all");
    let clusters = clusters.filter(|cluster| with_registered || !cluster.is_registered());
    let (clusters, next_token) = page(clusters, input.max_results, |cluster| &cluster.name);
    let names = clusters.into_iter().map(|cluster| cluster.name.clone()).collect();
    Ok(ListClustersOutput { clusters: Some(names), next_token })
}

impl Requires for DeleteClusterInput {
    fn checks(&self, call: &Call) -> Vec<Check> {
        vec![cluster_check(call, "eks:DeleteCluster", &self.name)]
    }
}

/// The issuer is gone with the cluster: its id is never used again, and its tokens open nothing from now on.
pub(super) fn delete_cluster(
    ctx: &Context,
    permit: Authorized<DeleteClusterInput>,
) -> Result<DeleteClusterOutput, EksError> {
    let (account, region, name) = (permit.account(), permit.region(), &permit.input().name);
    transact(ctx.store.as_ref(), |snapshot| {
        let cluster = snapshot.cluster(account, region, name);
        let cluster = cluster.ok_or_else(|| EksError::NoCluster(name.clone()))?;
        register::refuse_registered(cluster, "DeregisterCluster")?;
        if Settings::of(cluster).deletion_protection {
            return Err(EksError::InvalidRequest(format!(
                "Cluster {name} cannot be deleted because deletion protection is enabled."
            )));
        }
        let mut output = described(ctx, cluster);
        output.status = Some("DELETING".to_owned());
        let objects = snapshot.all_kube_objects(&cluster.id).map(|object| Key::KubeObject {
            cluster: object.cluster.clone(),
            resource: object.resource.clone(),
            namespace: object.namespace.clone(),
            name: object.name.clone(),
        });
        let transaction = objects.fold(Transaction::new(), Transaction::delete);
        let key = Key::Cluster(account, region.to_owned(), name.clone());
        Ok((transaction.delete(key), DeleteClusterOutput { cluster: Some(output) }))
    })
}

/// A cluster as EKS shows it. What stands behind it here is ready as soon as it exists. It is reached where this server
/// listens now, also after a restart on another port; its issuer never changes.
pub(super) fn described(ctx: &Context, cluster: &Cluster) -> ClusterOutput {
    if cluster.is_registered() {
        return register::described(cluster);
    }
    let settings = Settings::of(cluster);
    let authority = ctx.hosting.certificate_authority.as_str();
    let mut output = ClusterOutput {
        name: Some(cluster.name.clone()),
        arn: Some(cluster.arn()),
        created_at: Some(cluster.created.as_second()),
        version: Some(cluster.version.clone()),
        endpoint: Some(ctx.hosting.endpoint(&cluster.id)),
        role_arn: Some(cluster.role_arn.clone()),
        identity: Some(Identity { oidc: Some(OIDC { issuer: Some(cluster.issuer.clone()) }) }),
        status: Some("ACTIVE".to_owned()),
        certificate_authority: Some(Certificate { data: Some(STANDARD.encode(authority)) }),
        platform_version: Some(versions::PLATFORM.to_owned()),
        tags: Some(cluster.tags.clone()),
        health: Some(ClusterHealth { issues: Some(Vec::new()) }),
        ..ClusterOutput::default()
    };
    settings.describe(&mut output);
    output
}
