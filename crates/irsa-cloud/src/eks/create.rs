//! `CreateCluster`: an issuer with a key of its own, and the objects that every Kubernetes cluster begins with.

use aws_lc_rs::rand;
use irsa_store::model::{Cluster, ClusterSigningKey, KubeObject, SecretBytes, ids};
use irsa_store::{Transaction, transact};
use irsa_token::SigningKey;
use jiff::Timestamp;

use super::settings::Settings;
use super::{EksError, cluster_arn, clusters, tags, versions};
use crate::arn::RoleArn;
use crate::authorize::{Authorized, Call, Check, Requires};
use crate::context::Context;
use crate::generated::eks::{CreateClusterInput, CreateClusterOutput};

/// EKS quotas: "Clusters", per Region.
pub(super) const MOST_CLUSTERS: usize = 100;

impl Requires for CreateClusterInput {
    fn checks(&self, call: &Call) -> Vec<Check> {
        let arn = cluster_arn(call.account, &call.facts.region, &self.name);
        let requested = self.tags.iter().flatten();
        let with_tags = |check: Check| {
            let check = requested.clone().fold(check, |check, (key, value)| {
                check.with_key(format!("aws:RequestTag/{key}"), value.as_str())
            });
            match &self.tags {
                Some(tags) => check.with_keys("aws:TagKeys", tags.keys().cloned().collect()),
                None => check,
            }
        };
        let mut checks = vec![with_tags(Check::new("eks:CreateCluster", arn.as_str()))];
        if self.tags.is_some() {
            checks.push(with_tags(Check::new("eks:TagResource", arn)));
        }
        checks.push(
            Check::new("iam:PassRole", self.role_arn.as_str())
                .with_key("iam:PassedToService", "eks.amazonaws.com"),
        );
        checks
    }
}

pub(super) fn create_cluster(
    ctx: &Context,
    permit: Authorized<CreateClusterInput>,
) -> Result<CreateClusterOutput, EksError> {
    let (account, region, now) = (permit.account(), permit.region().to_owned(), permit.now());
    let input = permit.into_input();
    let role = RoleArn::parse(&input.role_arn)
        .ok_or_else(|| EksError::InvalidParameter(format!("Invalid role ARN: {}", input.role_arn)))?;
    if role.account != account {
        return Err(EksError::InvalidParameter("Cross-account pass role is not allowed.".to_owned()));
    }
    if input.outpost_config.is_some() {
        let message = "Local clusters on AWS Outposts are not supported.".to_owned();
        return Err(EksError::InvalidParameter(message));
    }
    let version = match &input.version {
        Some(version) => versions::supported(version)?,
        None => versions::DEFAULT,
    };
    let tags = input.tags.clone().unwrap_or_default();
    tags::check(&tags)?;

    // Before the transaction, which may run again: the key takes long.
    let created = Timestamp::from_second(now).unwrap_or(Timestamp::UNIX_EPOCH);
    let id = ids::cluster_id(&random()?);
    let cluster = Cluster {
        account,
        region,
        name: input.name.clone(),
        version: version.to_owned(),
        role_arn: input.role_arn.clone(),
        issuer: ctx.hosting.issuer(&id),
        endpoint: ctx.hosting.endpoint(&id),
        certificate_authority: Some(ctx.hosting.certificate_authority.clone()),
        signing_keys: vec![signing_key(created)?],
        registration: None,
        settings: Settings::requested(&input).to_json(),
        created,
        tags,
        id,
    };
    let objects = first_objects(&cluster)?;
    transact(ctx.store.as_ref(), |snapshot| {
        if let Some(existing) = snapshot.cluster(account, &cluster.region, &cluster.name) {
            // A retry of the same call, whose answer was lost, is answered again.
            let same = Settings::of(existing).client_request_token;
            return if same.is_some() && same == input.client_request_token {
                let output = CreateClusterOutput { cluster: Some(clusters::described(ctx, existing)) };
                Ok((Transaction::new(), output))
            } else {
                Err(EksError::ClusterExists(cluster.name.clone()))
            };
        }
        if snapshot.clusters(account, &cluster.region, None).count() >= MOST_CLUSTERS {
            return Err(EksError::ClusterQuota(MOST_CLUSTERS));
        }
        let output = CreateClusterOutput { cluster: Some(clusters::described(ctx, &cluster)) };
        let transaction = Transaction::new().put(cluster.clone());
        Ok((objects.iter().cloned().fold(transaction, Transaction::put), output))
    })
}

fn signing_key(created: Timestamp) -> Result<ClusterSigningKey, EksError> {
    let key = SigningKey::generate_rsa2048().map_err(|_| EksError::Key)?;
    let pkcs8 = key.to_pkcs8().map_err(|_| EksError::Key)?;
    Ok(ClusterSigningKey { kid: key.kid().to_owned(), pkcs8: SecretBytes::new(pkcs8.to_vec()), created })
}

/// The namespaces that a client may count on, each with the ServiceAccount that Kubernetes gives it.
fn first_objects(cluster: &Cluster) -> Result<Vec<KubeObject>, EksError> {
    let mut objects = Vec::new();
    for namespace in ["default", "kube-system"] {
        objects.push(KubeObject::namespace(&cluster.id, namespace, &uid()?, cluster.created));
        objects.push(KubeObject::service_account(
            &cluster.id,
            namespace,
            "default",
            &uid()?,
            cluster.created,
        ));
    }
    Ok(objects)
}

pub(super) fn uid() -> Result<String, EksError> {
    Ok(uuid::Builder::from_random_bytes(random()?).into_uuid().to_string())
}

pub(super) fn random() -> Result<[u8; 16], EksError> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).map_err(|_unspecified| EksError::Key)?;
    Ok(bytes)
}
