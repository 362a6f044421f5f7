//! `irsa issuer`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use ipnet::IpNet;

use crate::output::Format;

/// `irsa issuer`
#[derive(Debug, Args)]
pub(crate) struct Issuer {
    #[command(subcommand)]
    pub(crate) command: IssuerCommand,
}

/// What to do with the issuer of a self-managed cluster.
#[derive(Debug, Subcommand)]
pub(crate) enum IssuerCommand {
    /// Show what would be published, what the API server has to be told, and the provider for IAM
    Plan(Plan),
    /// Write discovery document and key set to a folder, to be served at the issuer's URL
    Publish(Publish),
    /// Replace the signing key step by step, so that no token is refused
    Rotate(Rotate),
    /// Fetch an issuer as STS does, and compare its keys with those that sign
    Verify(VerifyIssuer),
}

/// An issuer and its keys.
#[derive(Debug, Clone, Args)]
pub(crate) struct IssuerKeys {
    /// The issuer's URL, the `iss` of the tokens
    #[arg(long, value_name = "URL")]
    pub(crate) issuer: String,
    /// The cluster's public keys: PEM (`sa.pub`), or the key set of `kubectl get --raw /openid/v1/jwks` (repeatable)
    #[arg(long = "key", value_name = "FILE", required = true)]
    pub(crate) keys: Vec<PathBuf>,
}

/// `irsa issuer plan`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kubectl get --raw /openid/v1/jwks > keys.json
  irsa issuer plan --issuer https://issuer.example.com/c1 --key keys.json --for kubeadm")]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) issuer: IssuerKeys,
    /// The tool that installs the cluster
    #[arg(long = "for", value_name = "TOOL", value_enum, default_value_t)]
    pub(crate) tool: Tool,
    /// The issuer that the cluster has now: its tokens stay valid in the cluster
    #[arg(long, value_name = "URL")]
    pub(crate) previous_issuer: Option<String>,
    /// How to write the result
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}

/// A tool that installs clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Tool {
    /// kubeadm
    #[default]
    Kubeadm,
    /// k3s
    K3s,
    /// kind
    Kind,
    /// Talos
    Talos,
    /// kOps
    Kops,
}

/// `irsa issuer publish`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  irsa issuer publish --issuer https://issuer.example.com/c1 --key keys.json --to site/c1             what would be written
  irsa issuer publish --issuer https://issuer.example.com/c1 --key keys.json --to site/c1 --approve   write it
The folder has to be served at the issuer's URL: by any web server, or copied to a bucket.")]
pub(crate) struct Publish {
    #[command(flatten)]
    pub(crate) issuer: IssuerKeys,
    /// The folder that is served at the issuer's URL
    #[arg(long, value_name = "DIR")]
    pub(crate) to: PathBuf,
    /// Write it
    #[arg(long)]
    pub(crate) approve: bool,
    /// How to write the result
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}

/// `irsa issuer rotate`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  irsa issuer rotate --to site/c1                              how far it is, and what comes next
  irsa issuer rotate --to site/c1 --add new.pub --approve      publish the new key beside the old one
  irsa issuer rotate --to site/c1 --switched --approve         the API server signs with the new key from now on
  irsa issuer rotate --to site/c1 --finish --approve           take the old key away, a day later
Every step is refused while it would make somebody refuse a token.")]
pub(crate) struct Rotate {
    /// The folder that `irsa issuer publish` wrote
    #[arg(long, value_name = "DIR")]
    pub(crate) to: PathBuf,
    /// Publish this key beside the others
    #[arg(long, value_name = "FILE", group = "step")]
    pub(crate) add: Option<PathBuf>,
    /// Record that the API server signs with the new key
    #[arg(long, group = "step")]
    pub(crate) switched: bool,
    /// Take the old keys away
    #[arg(long, group = "step")]
    pub(crate) finish: bool,
    /// The longest life of a token, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = irsa_cluster::issuer::rotation::LONGEST_TOKEN_SECONDS, value_parser = clap::value_parser!(i64).range(600..=4_294_967_296))]
    pub(crate) longest_token: i64,
    /// Do it
    #[arg(long)]
    pub(crate) approve: bool,
    /// How to write the result
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}

/// `irsa issuer verify`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  irsa issuer verify --issuer https://issuer.example.com/c1 --key keys.json
Exit codes: 0 every key is published, 1 one is missing, 2 bad usage, 3 the issuer could not be fetched")]
pub(crate) struct VerifyIssuer {
    #[command(flatten)]
    pub(crate) issuer: IssuerKeys,
    /// A certificate authority to trust, beside the system's (repeatable)
    #[arg(long, value_name = "FILE")]
    pub(crate) issuer_ca: Vec<PathBuf>,
    /// A private network in which the issuer may be reached (repeatable); AWS reaches public addresses only
    #[arg(long, value_name = "CIDR")]
    pub(crate) issuer_allow: Vec<IpNet>,
    /// How to write the result
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}
