//! `UpdateClusterConfig`, `UpdateClusterVersion`, `DescribeUpdate` and `ListUpdates`: changes of a cluster, done as soon as they
//! are asked for.

use irsa_store::model::Cluster;
use irsa_store::{Transaction, transact};
use serde_json::json;

use super::settings::{PastUpdate, Settings, tier};
use super::{EksError, cluster_check, create, from_token, page, register, versions};
use crate::authorize::{Authorized, Call, Check, Requires};
use crate::context::Context;
use crate::generated::eks::{
    DescribeUpdateInput, DescribeUpdateOutput, ListUpdatesInput, ListUpdatesOutput, Update,
    UpdateClusterConfigInput, UpdateClusterConfigOutput, UpdateClusterVersionInput,
    UpdateClusterVersionOutput, UpdateParam, VpcConfigRequest,
};

/// How many updates a cluster remembers.
const MOST_UPDATES: usize = 100;

impl Requires for UpdateClusterConfigInput {
    fn checks(&self, call: &Call) -> Vec<Check> {
        vec![cluster_check(call, "eks:UpdateClusterConfig", &self.name)]
    }
}

pub(super) fn update_cluster_config(
    ctx: &Context,
    permit: Authorized<UpdateClusterConfigInput>,
) -> Result<UpdateClusterConfigOutput, EksError> {
    let input = permit.input();
    let update =
        update(ctx, &permit, &input.name, &input.client_request_token, |_, settings| apply(settings, input))?;
    Ok(UpdateClusterConfigOutput { update: Some(update) })
}

impl Requires for UpdateClusterVersionInput {
    fn checks(&self, call: &Call) -> Vec<Check> {
        vec![cluster_check(call, "eks:UpdateClusterVersion", &self.name)]
    }
}

/// One minor version up, as AWS allows it (EKS user guide, "Update existing cluster to new Kubernetes version").
pub(super) fn update_cluster_version(
    ctx: &Context,
    permit: Authorized<UpdateClusterVersionInput>,
) -> Result<UpdateClusterVersionOutput, EksError> {
    let input = permit.input();
    let update = update(ctx, &permit, &input.name, &input.client_request_token, |cluster, _| {
        let version = versions::after(&cluster.version, &input.version)?;
        version.clone_into(&mut cluster.version);
        let platform = versions::PLATFORM.to_owned();
        Ok(("VersionUpdate", params([("Version", version.to_owned()), ("PlatformVersion", platform)])))
    })?;
    Ok(UpdateClusterVersionOutput { update: Some(update) })
}

/// Changes a cluster, and remembers the update. A token that was used before gives the update that it made.
fn update<I>(
    ctx: &Context,
    permit: &Authorized<I>,
    name: &str,
    token: &Option<String>,
    change: impl Fn(&mut Cluster, &mut Settings) -> Result<(&'static str, Params), EksError>,
) -> Result<Update, EksError> {
    let (account, region) = (permit.account(), permit.region());
    let id = create::uid()?;
    transact(ctx.store.as_ref(), |snapshot| {
        let stored = snapshot.cluster(account, region, name);
        let mut cluster = Cluster::clone(stored.ok_or_else(|| EksError::NoCluster(name.to_owned()))?);
        register::refuse_registered(&cluster, "RegisterCluster, again,")?;
        let mut settings = Settings::of(&cluster);
        if let Some(done) =
            settings.updates.iter().find(|update| token.is_some() && update.client_request_token == *token)
        {
            return Ok((Transaction::new(), described(done)));
        }
        let (kind, params) = change(&mut cluster, &mut settings)?;
        let update = PastUpdate {
            id: id.clone(),
            kind: kind.to_owned(),
            params,
            created: permit.now(),
            client_request_token: token.clone(),
        };
        let mut output = described(&update);
        output.status = Some("InProgress".to_owned());
        if settings.updates.len() >= MOST_UPDATES {
            settings.updates.remove(0);
        }
        settings.updates.push(update);
        cluster.settings = settings.to_json();
        Ok((Transaction::new().put(cluster), output))
    })
}

type Params = Vec<(String, String)>;

/// Makes the one change that is asked for and names it as AWS does.
fn apply(
    settings: &mut Settings,
    input: &UpdateClusterConfigInput,
) -> Result<(&'static str, Params), EksError> {
    let auto_mode = input.compute_config.is_some()
        || input.kubernetes_network_config.is_some()
        || input.storage_config.is_some();
    let asked = [
        input.resources_vpc_config.is_some(),
        input.logging.is_some(),
        input.access_config.is_some(),
        input.upgrade_policy.is_some(),
        input.zonal_shift_config.is_some(),
        auto_mode,
        input.remote_network_config.is_some(),
        input.deletion_protection.is_some(),
        input.control_plane_scaling_config.is_some(),
    ];
    match asked.iter().filter(|asked| **asked).count() {
        1 => {}
        0 => {
            return Err(EksError::InvalidParameter(
                "No changes needed for the cluster configuration".to_owned(),
            ));
        }
        _ => return Err(EksError::InvalidParameter("Only one type of update can be allowed.".to_owned())),
    }
    if let Some(vpc) = &input.resources_vpc_config {
        settings.set_vpc(vpc);
        if !settings.network.endpoint_public_access && !settings.network.endpoint_private_access {
            return Err(EksError::InvalidParameter(
                "Private and public endpoint access cannot both be disabled".to_owned(),
            ));
        }
        return Ok(vpc_change(vpc));
    }
    if let Some(logging) = &input.logging {
        settings.set_logging(logging);
        let enabled = json!({"enabledLogTypes": settings.log_types}).to_string();
        return Ok(("LoggingUpdate", params([("ClusterLogging", enabled)])));
    }
    if let Some(mode) = input.access_config.as_ref().and_then(|access| access.authentication_mode.clone()) {
        // EKS user guide, "Change authentication mode": the way is CONFIG_MAP, API_AND_CONFIG_MAP, API, and never back.
        let rank =
            |mode: &str| ["CONFIG_MAP", "API_AND_CONFIG_MAP", "API"].iter().position(|known| *known == mode);
        if rank(&mode) < rank(&settings.authentication_mode) {
            return Err(EksError::InvalidParameter(format!(
                "Unsupported authentication mode update from {} to {mode}",
                settings.authentication_mode
            )));
        }
        settings.authentication_mode.clone_from(&mode);
        return Ok(("AccessConfigUpdate", params([("AuthenticationMode", mode)])));
    }
    if let Some(support) = input.upgrade_policy.as_ref().and_then(|policy| policy.support_type.clone()) {
        settings.support_type.clone_from(&support);
        let policy = json!({"supportType": support}).to_string();
        return Ok(("UpgradePolicyUpdate", params([("UpgradePolicy", policy)])));
    }
    if let Some(enabled) = input.zonal_shift_config.as_ref().and_then(|shift| shift.enabled) {
        settings.zonal_shift = Some(enabled);
        let shift = json!({"enabled": enabled}).to_string();
        return Ok(("ZonalShiftConfigUpdate", params([("ZonalShiftConfig", shift)])));
    }
    if let Some(remote) = &input.remote_network_config {
        settings.set_remote_networks(remote);
        let networks =
            json!({"nodes": settings.remote_node_cidrs, "pods": settings.remote_pod_cidrs}).to_string();
        return Ok(("RemoteNetworkConfigUpdate", params([("RemoteNetworkConfig", networks)])));
    }
    if let Some(protection) = input.deletion_protection {
        settings.deletion_protection = protection;
        return Ok(("DeletionProtectionUpdate", params([("DeletionProtection", protection.to_string())])));
    }
    if let Some(updated) = tier(input.control_plane_scaling_config.as_ref()) {
        let previous = std::mem::replace(&mut settings.tier, updated.to_owned());
        let changes = params([("PreviousTier", previous), ("UpdatedTier", updated.to_owned())]);
        return Ok(("ControlPlaneScalingConfigUpdate", changes));
    }
    Ok(auto_mode_change(settings, input))
}

fn vpc_change(vpc: &VpcConfigRequest) -> (&'static str, Params) {
    let list = |list: &[String]| json!(list).to_string();
    let mut changes = Vec::new();
    let mut add =
        |name: &str, value: Option<String>| changes.extend(value.map(|value| (name.to_owned(), value)));
    add("EndpointPublicAccess", vpc.endpoint_public_access.map(|access| access.to_string()));
    add("EndpointPrivateAccess", vpc.endpoint_private_access.map(|access| access.to_string()));
    add("PublicAccessCidrs", vpc.public_access_cidrs.as_deref().map(list));
    add("Subnets", vpc.subnet_ids.as_deref().map(list));
    add("SecurityGroups", vpc.security_group_ids.as_deref().map(list));
    let moves = vpc.subnet_ids.is_some() || vpc.security_group_ids.is_some();
    (if moves { "VpcConfigUpdate" } else { "EndpointAccessUpdate" }, changes)
}

fn auto_mode_change(settings: &mut Settings, input: &UpdateClusterConfigInput) -> (&'static str, Params) {
    let mut changes = Vec::new();
    if let Some(compute) = &input.compute_config {
        settings.set_compute(compute);
        changes.push(("ComputeConfig".to_owned(), json!({"enabled": compute.enabled}).to_string()));
    }
    if let Some(network) = &input.kubernetes_network_config {
        settings.set_load_balancing(network);
        let enabled = json!({"elasticLoadBalancing": {"enabled": settings.network.elastic_load_balancing}});
        changes.push(("KubernetesNetworkConfig".to_owned(), enabled.to_string()));
    }
    if let Some(block) = input.storage_config.as_ref().and_then(|storage| storage.block_storage.as_ref()) {
        settings.block_storage = block.enabled;
        changes.push((
            "StorageConfig".to_owned(),
            json!({"blockStorage": {"enabled": block.enabled}}).to_string(),
        ));
    }
    ("AutoModeUpdate", changes)
}

fn params<const N: usize>(pairs: [(&str, String); N]) -> Params {
    pairs.map(|(name, value)| (name.to_owned(), value)).into()
}

impl Requires for DescribeUpdateInput {
    fn checks(&self, call: &Call) -> Vec<Check> {
        vec![cluster_check(call, "eks:DescribeUpdate", &self.name)]
    }
}

pub(super) fn describe_update(
    _ctx: &Context,
    permit: Authorized<DescribeUpdateInput>,
) -> Result<DescribeUpdateOutput, EksError> {
    let input = permit.input();
    let settings = settings(permit.call(), &input.name)?;
    let update = settings.updates.iter().find(|update| update.id == input.update_id);
    let update = update.ok_or_else(|| EksError::NoUpdate(input.update_id.clone()))?;
    Ok(DescribeUpdateOutput { update: Some(described(update)) })
}

impl Requires for ListUpdatesInput {
    fn checks(&self, call: &Call) -> Vec<Check> {
        vec![cluster_check(call, "eks:ListUpdates", &self.name)]
    }
}

/// Node groups, add-ons and capabilities have updates of their own; there are none of them here.
pub(super) fn list_updates(
    _ctx: &Context,
    permit: Authorized<ListUpdatesInput>,
) -> Result<ListUpdatesOutput, EksError> {
    let input = permit.input();
    let settings = settings(permit.call(), &input.name)?;
    let of_cluster =
        input.nodegroup_name.is_none() && input.addon_name.is_none() && input.capability_name.is_none();
    let after = from_token(input.next_token.as_deref())?;
    let ids: Vec<String> =
        settings.updates.into_iter().filter(|_| of_cluster).map(|update| update.id).collect();
    let skipped = match after {
        Some(after) => ids.iter().position(|id| *id == after).map_or(ids.len(), |position| position + 1),
        None => 0,
    };
    let (ids, next_token) = page(ids.into_iter().skip(skipped), input.max_results, |id| id);
    Ok(ListUpdatesOutput { update_ids: Some(ids), next_token })
}

fn settings(call: &Call, name: &str) -> Result<Settings, EksError> {
    let cluster = call.snapshot.cluster(call.account, &call.facts.region, name);
    cluster.map(|cluster| Settings::of(cluster)).ok_or_else(|| EksError::NoCluster(name.to_owned()))
}

fn described(update: &PastUpdate) -> Update {
    let param = |(name, value): &(String, String)| UpdateParam {
        r#type: Some(name.clone()),
        value: Some(value.clone()),
    };
    Update {
        id: Some(update.id.clone()),
        status: Some("Successful".to_owned()),
        r#type: Some(update.kind.clone()),
        params: Some(update.params.iter().map(param).collect()),
        created_at: Some(update.created),
        errors: Some(Vec::new()),
    }
}
