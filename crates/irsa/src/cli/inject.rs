//! The arguments of `irsa inject`.

use std::path::PathBuf;

use clap::Args;

use super::webhook::MutationFlags;

/// `irsa inject`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  irsa inject -f k8s/                                            ServiceAccounts and workloads of one folder
  helm template . | irsa inject -f - --aws-default-region eu-central-1
  irsa inject -f app.yaml --service-accounts accounts.yaml | kubectl apply -f -
  irsa inject --review review.json --service-accounts accounts.yaml
What is not changed is printed as it was; what is changed keeps its comments and its numbers.
Exit codes: 0 done, 1 a role is refused by --allowed-roles, 2 bad usage or a file that cannot be used.")]
pub(crate) struct Inject {
    /// A manifest in YAML or JSON, a folder of them, or `-` for standard input (repeatable)
    #[arg(short, long = "filename", value_name = "FILE", required_unless_present = "review")]
    pub(crate) files: Vec<PathBuf>,
    /// ServiceAccounts that are not in the manifests (repeatable)
    #[arg(long, value_name = "FILE")]
    pub(crate) service_accounts: Vec<PathBuf>,
    /// The ConfigMap `pod-identity-webhook`, or the JSON of its `config`
    #[arg(long, value_name = "FILE")]
    pub(crate) config_map: Option<PathBuf>,
    /// Answer this AdmissionReview in place of printing manifests
    #[arg(long, value_name = "FILE", conflicts_with = "files")]
    pub(crate) review: Option<PathBuf>,
    /// The namespace of manifests that name none
    #[arg(short, long, value_name = "NAMESPACE", default_value = "default")]
    pub(crate) namespace: String,
    #[command(flatten)]
    pub(crate) mutation: MutationFlags,
}
