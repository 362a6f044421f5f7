//! The arguments of `irsa cluster`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use irsa_store::model::AccountId;

use super::{Data, KubeContext};
use crate::output::Format;

/// `irsa cluster`
#[derive(Debug, Args)]
pub(crate) struct Cluster {
    #[command(subcommand)]
    pub(crate) command: ClusterCommand,
}

/// What to do with the clusters that `irsa up` knows.
#[derive(Debug, Subcommand)]
pub(crate) enum ClusterCommand {
    /// Make a cluster known that others run, or replace its keys
    Register(Box<Register>),
    /// List the clusters, hosted and registered
    List(List),
    /// Forget a cluster that others run
    Deregister(Deregister),
}

/// Whose clusters, and where they are.
#[derive(Debug, Clone, Args)]
pub(crate) struct Owner {
    #[command(flatten)]
    pub(crate) data: Data,
    /// The account [default: the first]
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<AccountId>,
    /// The region [default: the server's]
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,
}

/// `irsa cluster register`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  irsa cluster register prod --issuer https://issuer.example.com/prod              keys are fetched from the issuer
  irsa cluster register kind --from-kubeconfig --context kind-dev                  keys are read from the cluster and kept
  irsa cluster register edge --issuer https://kubernetes.default.svc --jwks keys.json --approve
  irsa cluster register kind --from-kubeconfig --with-provider --approve           and the IAM provider of its issuer
Run it again after the cluster's keys have changed. Nothing is done without --approve.")]
pub(crate) struct Register {
    /// The cluster's name here
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) owner: Owner,
    /// The issuer's URL, the `iss` of the cluster's tokens
    #[arg(long, value_name = "URL", required_unless_present = "from_kubeconfig")]
    pub(crate) issuer: Option<String>,
    /// The cluster's public keys, kept in place of fetching them: a key set, or PEM
    #[arg(long, value_name = "FILE", conflicts_with = "from_kubeconfig")]
    pub(crate) jwks: Option<PathBuf>,
    /// Read issuer, keys and endpoint from the cluster of a kubeconfig's context
    #[arg(long)]
    pub(crate) from_kubeconfig: bool,
    #[command(flatten)]
    pub(crate) context: KubeContext,
    /// Make the IAM OIDC provider too
    #[arg(long)]
    pub(crate) with_provider: bool,
    /// Do it
    #[arg(long)]
    pub(crate) approve: bool,
    /// How to write the result
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}

/// `irsa cluster list`
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) owner: Owner,
    /// How to write the result
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}

/// `irsa cluster deregister`
#[derive(Debug, Args)]
pub(crate) struct Deregister {
    /// The cluster's name here
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) owner: Owner,
    /// Do it
    #[arg(long)]
    pub(crate) approve: bool,
    /// How to write the result
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}
