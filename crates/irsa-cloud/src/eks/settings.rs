//! What a client asked of a cluster's configuration and gets back when it asks again. No effect stands behind it here:
//! there are no networks, nodes or logs.

use irsa_store::model::Cluster;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::generated::eks::{
    AccessConfigResponse, BlockStorage, Cluster as ClusterOutput, ComputeConfigRequest,
    ComputeConfigResponse, ControlPlaneScalingConfig, CreateClusterInput, ElasticLoadBalancing,
    EncryptionConfig, KubernetesNetworkConfigRequest, KubernetesNetworkConfigResponse, LogSetup, Logging,
    RemoteNetworkConfigRequest, RemoteNetworkConfigResponse, RemoteNodeNetwork, RemotePodNetwork,
    StorageConfigResponse, UpgradePolicyResponse, VpcConfigRequest, VpcConfigResponse,
    ZonalShiftConfigResponse,
};

/// The log types, in AWS's order.
const LOG_TYPES: [&str; 5] = ["api", "audit", "authenticator", "controllerManager", "scheduler"];

/// [`Cluster::settings`], typed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Settings {
    pub(super) client_request_token: Option<String>,
    pub(super) network: Network,
    /// The enabled log types.
    pub(super) log_types: Vec<String>,
    pub(super) authentication_mode: String,
    pub(super) bootstrap_cluster_creator_admin: bool,
    pub(super) support_type: String,
    /// Shown only where it was set, as AWS does.
    pub(super) zonal_shift: Option<bool>,
    pub(super) compute: Option<Compute>,
    pub(super) block_storage: Option<bool>,
    pub(super) remote_node_cidrs: Option<Vec<String>>,
    pub(super) remote_pod_cidrs: Option<Vec<String>>,
    pub(super) encryption: Option<Vec<EncryptionConfig>>,
    pub(super) deletion_protection: bool,
    pub(super) tier: String,
    /// What was changed since, oldest first.
    pub(super) updates: Vec<PastUpdate>,
}

/// Where the cluster would be, and how its endpoint would be reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Network {
    pub(super) subnet_ids: Vec<String>,
    pub(super) security_group_ids: Vec<String>,
    pub(super) endpoint_public_access: bool,
    pub(super) endpoint_private_access: bool,
    pub(super) public_access_cidrs: Vec<String>,
    pub(super) service_ipv4_cidr: String,
    pub(super) ip_family: String,
    pub(super) elastic_load_balancing: bool,
}

/// EKS Auto Mode.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Compute {
    pub(super) enabled: bool,
    pub(super) node_pools: Vec<String>,
    pub(super) node_role_arn: Option<String>,
}

/// An update that was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PastUpdate {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) params: Vec<(String, String)>,
    pub(super) created: i64,
    pub(super) client_request_token: Option<String>,
}

impl Settings {
    /// A new cluster's, with AWS's defaults for what was not asked for (EKS API reference, `CreateCluster`).
    pub(super) fn requested(input: &CreateClusterInput) -> Self {
        let access = input.access_config.as_ref();
        let kubernetes = input.kubernetes_network_config.as_ref();
        let mut settings = Self {
            client_request_token: input.client_request_token.clone(),
            network: Network {
                endpoint_public_access: true,
                public_access_cidrs: vec!["0.0.0.0/0".to_owned()],
                service_ipv4_cidr: kubernetes
                    .and_then(|network| network.service_ipv4_cidr.clone())
                    .unwrap_or_else(|| "10.100.0.0/16".to_owned()),
                ip_family: kubernetes
                    .and_then(|network| network.ip_family.clone())
                    .unwrap_or_else(|| "ipv4".to_owned()),
                ..Network::default()
            },
            authentication_mode: access
                .and_then(|access| access.authentication_mode.clone())
                .unwrap_or_else(|| "CONFIG_MAP".to_owned()),
            bootstrap_cluster_creator_admin: access
                .and_then(|access| access.bootstrap_cluster_creator_admin_permissions)
                .unwrap_or(true),
            support_type: input
                .upgrade_policy
                .as_ref()
                .and_then(|policy| policy.support_type.clone())
                .unwrap_or_else(|| "EXTENDED".to_owned()),
            zonal_shift: input.zonal_shift_config.as_ref().and_then(|shift| shift.enabled),
            encryption: input.encryption_config.clone().filter(|configs| !configs.is_empty()),
            deletion_protection: input.deletion_protection.unwrap_or_default(),
            tier: tier(input.control_plane_scaling_config.as_ref()).unwrap_or("standard").to_owned(),
            ..Self::default()
        };
        settings.set_vpc(&input.resources_vpc_config);
        if let Some(logging) = &input.logging {
            settings.set_logging(logging);
        }
        if let Some(compute) = &input.compute_config {
            settings.set_compute(compute);
        }
        if let Some(network) = kubernetes {
            settings.set_load_balancing(network);
        }
        settings.block_storage =
            input.storage_config.as_ref().and_then(|storage| storage.block_storage.as_ref()?.enabled);
        if let Some(remote) = &input.remote_network_config {
            settings.set_remote_networks(remote);
        }
        settings
    }

    /// A stored cluster's.
    pub(super) fn of(cluster: &Cluster) -> Self {
        Self::deserialize(&cluster.settings).unwrap_or_default()
    }

    /// As it is stored.
    pub(super) fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    pub(super) fn set_vpc(&mut self, vpc: &VpcConfigRequest) {
        let network = &mut self.network;
        let set_list = |to: &mut Vec<String>, from: &Option<Vec<String>>| {
            if let Some(from) = from {
                to.clone_from(from);
            }
        };
        set_list(&mut network.subnet_ids, &vpc.subnet_ids);
        set_list(&mut network.security_group_ids, &vpc.security_group_ids);
        set_list(&mut network.public_access_cidrs, &vpc.public_access_cidrs);
        network.endpoint_public_access = vpc.endpoint_public_access.unwrap_or(network.endpoint_public_access);
        network.endpoint_private_access =
            vpc.endpoint_private_access.unwrap_or(network.endpoint_private_access);
    }

    pub(super) fn set_logging(&mut self, logging: &Logging) {
        for setup in logging.cluster_logging.iter().flatten() {
            for kind in setup.types.iter().flatten() {
                self.log_types.retain(|enabled| enabled != kind);
                if setup.enabled.unwrap_or_default() {
                    self.log_types.push(kind.clone());
                }
            }
        }
    }

    pub(super) fn set_compute(&mut self, compute: &ComputeConfigRequest) {
        self.compute = Some(Compute {
            enabled: compute.enabled.unwrap_or_default(),
            node_pools: compute.node_pools.clone().unwrap_or_default(),
            node_role_arn: compute.node_role_arn.clone(),
        });
    }

    pub(super) fn set_load_balancing(&mut self, network: &KubernetesNetworkConfigRequest) {
        if let Some(enabled) = network.elastic_load_balancing.as_ref().and_then(|balancing| balancing.enabled)
        {
            self.network.elastic_load_balancing = enabled;
        }
    }

    pub(super) fn set_remote_networks(&mut self, remote: &RemoteNetworkConfigRequest) {
        self.remote_node_cidrs = remote.remote_node_networks.as_ref().map(|networks| {
            networks.iter().flat_map(|network| network.cidrs.clone().unwrap_or_default()).collect()
        });
        self.remote_pod_cidrs = remote.remote_pod_networks.as_ref().map(|networks| {
            networks.iter().flat_map(|network| network.cidrs.clone().unwrap_or_default()).collect()
        });
    }

    /// Fills in what is configured.
    pub(super) fn describe(self, output: &mut ClusterOutput) {
        output.logging = Some(self.logging());
        let network = self.network;
        output.resources_vpc_config = Some(VpcConfigResponse {
            subnet_ids: Some(network.subnet_ids),
            security_group_ids: Some(network.security_group_ids),
            cluster_security_group_id: None,
            vpc_id: None,
            endpoint_public_access: Some(network.endpoint_public_access),
            endpoint_private_access: Some(network.endpoint_private_access),
            public_access_cidrs: Some(network.public_access_cidrs),
        });
        output.kubernetes_network_config = Some(KubernetesNetworkConfigResponse {
            service_ipv4_cidr: Some(network.service_ipv4_cidr),
            service_ipv6_cidr: None,
            ip_family: Some(network.ip_family),
            elastic_load_balancing: Some(ElasticLoadBalancing {
                enabled: Some(network.elastic_load_balancing),
            }),
        });
        output.access_config = Some(AccessConfigResponse {
            bootstrap_cluster_creator_admin_permissions: Some(self.bootstrap_cluster_creator_admin),
            authentication_mode: Some(self.authentication_mode),
        });
        output.upgrade_policy = Some(UpgradePolicyResponse { support_type: Some(self.support_type) });
        output.zonal_shift_config =
            self.zonal_shift.map(|enabled| ZonalShiftConfigResponse { enabled: Some(enabled) });
        output.compute_config = self.compute.map(|compute| ComputeConfigResponse {
            enabled: Some(compute.enabled),
            node_pools: Some(compute.node_pools),
            node_role_arn: compute.node_role_arn,
        });
        output.storage_config = self.block_storage.map(|enabled| StorageConfigResponse {
            block_storage: Some(BlockStorage { enabled: Some(enabled) }),
        });
        if self.remote_node_cidrs.is_some() || self.remote_pod_cidrs.is_some() {
            output.remote_network_config = Some(RemoteNetworkConfigResponse {
                remote_node_networks: self
                    .remote_node_cidrs
                    .map(|cidrs| vec![RemoteNodeNetwork { cidrs: Some(cidrs) }]),
                remote_pod_networks: self
                    .remote_pod_cidrs
                    .map(|cidrs| vec![RemotePodNetwork { cidrs: Some(cidrs) }]),
            });
        }
        output.encryption_config = self.encryption;
        output.deletion_protection = Some(self.deletion_protection);
        output.control_plane_scaling_config = Some(ControlPlaneScalingConfig { tier: Some(self.tier) });
        output.client_request_token = self.client_request_token;
    }

    fn logging(&self) -> Logging {
        let of = |enabled: bool| -> Vec<String> {
            let types = LOG_TYPES.iter().map(|kind| (*kind).to_owned());
            types.filter(|kind| self.log_types.contains(kind) == enabled).collect()
        };
        let setups =
            [true, false].map(|enabled| LogSetup { types: Some(of(enabled)), enabled: Some(enabled) });
        let setups =
            setups.into_iter().filter(|setup| setup.types.as_ref().is_some_and(|types| !types.is_empty()));
        Logging { cluster_logging: Some(setups.collect()) }
    }
}

/// The tier that was asked for.
pub(super) fn tier(config: Option<&ControlPlaneScalingConfig>) -> Option<&str> {
    config.and_then(|config| config.tier.as_deref())
}
