//! How the webhook is set up; the defaults are those of the flags of amazon-eks-pod-identity-webhook, and what goes beyond it
//! is off.

use super::allow_list::AllowedRoles;
use super::glob::Glob;

/// How pods are mutated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What the annotations' names begin with, before the slash.
    pub annotation_prefix: String,
    /// The token's audience where the ServiceAccount names none.
    pub audience: String,
    /// Where the token's volume is mounted.
    pub mount_path: String,
    /// The token's life where neither pod nor ServiceAccount name one, in seconds.
    pub token_expiration: i64,
    /// The longest life that a token gets, in seconds; without it, what pods and ServiceAccounts ask for is passed on.
    pub most_token_expiration: Option<i64>,
    /// The region to give to containers that have none.
    pub region: Option<String>,
    /// Whether containers are told to use STS in their region.
    pub regional_sts: bool,
    /// What makes the ARN of a role of which only path and name are given.
    pub compose_role_arn: Option<RoleHome>,
    /// What pods of EKS Pod Identity get.
    pub container_credentials: ContainerCredentials,
    /// Where AWS's services are; none is AWS.
    pub endpoints: Endpoints,
    /// Certificate authorities in PEM that SDKs are to trust.
    pub ca_bundle: Option<String>,
    /// Whether the name of the pod is the name of its sessions, where the ServiceAccount does not say.
    pub session_name_from_pod: bool,
    /// Which namespaces may use which roles; none is any.
    pub allowed_roles: Option<AllowedRoles>,
}

/// Where roles are of which only path and name are given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleHome {
    /// `aws`, `aws-cn`, ….
    pub partition: String,
    /// Twelve digits.
    pub account: String,
}

/// The endpoints that SDKs are given (AWS SDKs and Tools Reference Guide, "Service-specific endpoints").
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Endpoints {
    /// `AWS_ENDPOINT_URL`: of all services.
    pub all: Option<String>,
    /// `AWS_ENDPOINT_URL_STS`
    pub sts: Option<String>,
    /// `AWS_ENDPOINT_URL_S3`
    pub s3: Option<String>,
}

/// What pods of EKS Pod Identity get, whose credentials come from an agent on the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerCredentials {
    /// The token's audience.
    pub audience: String,
    /// Where the token's volume is mounted.
    pub mount_path: String,
    /// The name of the token's volume.
    pub volume: String,
    /// The token's file in the volume.
    pub token_file: String,
    /// The agent's URL.
    pub full_uri: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            annotation_prefix: crate::annotations::DEFAULT_PREFIX.to_owned(),
            audience: "sts.amazonaws.com".to_owned(),
            mount_path: "/var/run/secrets/eks.amazonaws.com/serviceaccount".to_owned(),
            token_expiration: 86_400,
            most_token_expiration: None,
            region: None,
            regional_sts: false,
            compose_role_arn: None,
            container_credentials: ContainerCredentials::default(),
            endpoints: Endpoints::default(),
            ca_bundle: None,
            session_name_from_pod: false,
            allowed_roles: None,
        }
    }
}

impl Default for ContainerCredentials {
    fn default() -> Self {
        Self {
            audience: "pods.eks.amazonaws.com".to_owned(),
            mount_path: "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount".to_owned(),
            volume: "eks-pod-identity-token".to_owned(),
            token_file: "eks-pod-identity-token".to_owned(),
            full_uri: "http://169.254.170.23/v1/credentials".to_owned(),
        }
    }
}

impl RoleHome {
    /// The partition of a region, by amazon-eks-pod-identity-webhook's table and the partitions that are missing there.
    #[must_use]
    pub fn partition_of(region: &str) -> &'static str {
        const PARTITIONS: &[(&str, &str)] = &[
            ("cn-*", "aws-cn"),
            ("us-gov-*", "aws-us-gov"),
            ("us-isob-*", "aws-iso-b"),
            ("us-isof-*", "aws-iso-f"),
            ("eu-isoe-*", "aws-iso-e"),
            ("us-iso-*", "aws-iso"),
            ("eusc-*", "aws-eusc"),
        ];
        let found = PARTITIONS.iter().find(|(regions, _)| Glob::new(regions).matches(region));
        found.map_or("aws", |(_, partition)| partition)
    }

    /// The ARN of a role, unless it is one already.
    pub(super) fn arn(&self, role: &str) -> Option<String> {
        (!role.contains("arn:")).then(|| format!("arn:{}:iam::{}:role/{role}", self.partition, self.account))
    }
}
