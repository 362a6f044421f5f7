//! The flags of the mutation, which `irsa webhook` and `irsa inject` share.
//!
//! Names and defaults are those of amazon-eks-pod-identity-webhook (`main.go`); what comes after them is our own and off. Flags
//! that are true or false take a value as Go's do: `--sts-regional-endpoint` and `--sts-regional-endpoint=true` are the same.

mod server;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

pub(crate) use server::{CertificateFlags, TlsMinVersion, Webhook};

/// How pods are mutated.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Mutation")]
pub(crate) struct MutationFlags {
    /// What the annotations' names begin with, before the slash
    #[arg(long, value_name = "PREFIX", default_value = "eks.amazonaws.com")]
    pub(crate) annotation_prefix: String,
    /// The token's audience where the ServiceAccount names none
    #[arg(long, value_name = "AUDIENCE", default_value = "sts.amazonaws.com")]
    pub(crate) token_audience: String,
    /// Where the token's volume is mounted
    #[arg(long, value_name = "PATH", default_value = "/var/run/secrets/eks.amazonaws.com/serviceaccount")]
    pub(crate) token_mount_path: String,
    /// The token's life in seconds, where neither pod nor ServiceAccount name one
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
    pub(crate) token_expiration: i64,
    /// The region to give to containers that have none
    #[arg(long, value_name = "REGION")]
    pub(crate) aws_default_region: Option<String>,
    /// Tell SDKs to use STS in their region
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", value_parser = boolean)]
    pub(crate) sts_regional_endpoint: bool,
    /// Take role names for annotations' ARNs, with --aws-account-id
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", value_parser = boolean, requires_if("true", "aws_account_id"))]
    pub(crate) compose_role_arn: bool,
    /// The account of roles that are given by name
    #[arg(long, value_name = "ID")]
    pub(crate) aws_account_id: Option<irsa_store::model::AccountId>,
    /// The partition of roles that are given by name [default: that of --aws-default-region]
    #[arg(long, value_name = "PARTITION")]
    pub(crate) aws_partition: Option<String>,
    /// The file of the ServiceAccounts of EKS Pod Identity
    #[arg(long, value_name = "FILE")]
    pub(crate) watch_container_credentials_config: Option<PathBuf>,
    /// The audience of EKS Pod Identity's tokens
    #[arg(long, value_name = "AUDIENCE", default_value = "pods.eks.amazonaws.com")]
    pub(crate) container_credentials_audience: String,
    /// Where the volume of EKS Pod Identity's tokens is mounted
    #[arg(
        long,
        value_name = "PATH",
        default_value = "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount"
    )]
    pub(crate) container_credentials_token_mount_path: String,
    /// The name of the volume of EKS Pod Identity's tokens
    #[arg(long, value_name = "NAME", default_value = "eks-pod-identity-token")]
    pub(crate) container_credentials_token_volume_name: String,
    /// The file of EKS Pod Identity's tokens in their volume
    #[arg(long, value_name = "NAME", default_value = "eks-pod-identity-token")]
    pub(crate) container_credentials_token_path: String,
    /// The URL of EKS Pod Identity's agent
    #[arg(long, value_name = "URL", default_value = "http://169.254.170.23/v1/credentials")]
    pub(crate) container_credentials_full_uri: String,

    /// The longest life that a token gets, in seconds [default: as asked for]
    #[arg(long, value_name = "SECONDS", help_heading = "Mutation, beyond the upstream webhook")]
    pub(crate) max_token_expiration: Option<i64>,
    /// AWS_ENDPOINT_URL for containers: the endpoint of all AWS services
    #[arg(long, value_name = "URL", help_heading = "Mutation, beyond the upstream webhook")]
    pub(crate) aws_endpoint_url: Option<String>,
    /// AWS_ENDPOINT_URL_STS for containers
    #[arg(long, value_name = "URL", help_heading = "Mutation, beyond the upstream webhook")]
    pub(crate) aws_endpoint_url_sts: Option<String>,
    /// AWS_ENDPOINT_URL_S3 for containers
    #[arg(long, value_name = "URL", help_heading = "Mutation, beyond the upstream webhook")]
    pub(crate) aws_endpoint_url_s3: Option<String>,
    /// Certificate authorities in PEM that SDKs are to trust, mounted beside the token
    #[arg(long, value_name = "FILE", help_heading = "Mutation, beyond the upstream webhook")]
    pub(crate) aws_ca_bundle: Option<PathBuf>,
    /// Name sessions after pods: AWS_ROLE_SESSION_NAME
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", value_parser = boolean, help_heading = "Mutation, beyond the upstream webhook")]
    pub(crate) session_name_from_pod: bool,
    /// Which namespaces may use which roles: `NAMESPACE-PATTERN: [ROLE-ARN-PATTERN, …]`, in YAML or JSON
    #[arg(long, value_name = "FILE", help_heading = "Mutation, beyond the upstream webhook")]
    pub(crate) allowed_roles: Option<PathBuf>,
    /// What becomes of pods whose role is not allowed
    #[arg(long, value_name = "DECISION", value_enum, default_value_t = OnFailure::Deny, help_heading = "Mutation, beyond the upstream webhook")]
    pub(crate) on_refused_role: OnFailure,
}

/// What becomes of pods that cannot have their identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnFailure {
    /// They are made, without an identity
    Allow,
    /// They are not made
    Deny,
}

/// As Go's `strconv.ParseBool`.
pub(crate) fn boolean(text: &str) -> Result<bool, String> {
    irsa_cluster::annotations::boolean(text).ok_or_else(|| "expected true or false".to_owned())
}
