//! `irsa issuer`

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use ipnet::IpNet;

use super::KubeContext;
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
    /// Write discovery document and key set to a folder or an object store, to be served at the issuer's URL
    Publish(Publish),
    /// Replace the signing key step by step, so that no token is refused
    Rotate(Rotate),
    /// Fetch an issuer as STS does, and compare it with the keys that sign and with the running cluster
    Verify(VerifyIssuer),
    /// Serve the documents of one or several clusters
    Serve(ServeIssuers),
}

/// An issuer and its keys.
#[derive(Debug, Clone, Args)]
pub(crate) struct IssuerKeys {
    /// The issuer's URL, the `iss` of the tokens [default with --from-kubeconfig: the cluster's]
    #[arg(long, value_name = "URL", required_unless_present = "from_kubeconfig")]
    pub(crate) issuer: Option<String>,
    /// The cluster's public keys: PEM (`sa.pub`), or the key set of `kubectl get --raw /openid/v1/jwks` (repeatable)
    #[arg(long = "key", value_name = "FILE", required_unless_present = "from_kubeconfig")]
    pub(crate) keys: Vec<PathBuf>,
    /// Ask the running cluster for its issuer and its keys
    #[arg(long)]
    pub(crate) from_kubeconfig: bool,
    #[command(flatten)]
    pub(crate) context: KubeContext,
}

/// Where the documents are kept.
#[derive(Debug, Clone, Args)]
pub(crate) struct Destination {
    /// What is served at the issuer's URL: a folder, or s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX
    #[arg(long, value_name = "DIR|URL")]
    pub(crate) to: String,
    /// Where the object store is, when it is not the cloud's own [default for s3://: $AWS_ENDPOINT_URL_S3, $AWS_ENDPOINT_URL]
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint_url: Option<url::Url>,
}

/// `irsa issuer plan`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  irsa issuer plan --issuer https://issuer.example.com/c1 --from-kubeconfig --for kubeadm
  irsa issuer plan --issuer https://issuer.example.com/c1 --key sa.pub --for k3s")]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) issuer: IssuerKeys,
    /// The tool that installs the cluster
    #[arg(long = "for", value_name = "TOOL", value_enum, default_value_t)]
    pub(crate) tool: Tool,
    /// The issuer that the cluster has now: its tokens stay valid in the cluster [default with --from-kubeconfig: the cluster's]
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
  irsa issuer publish --issuer https://issuer.example.com/c1 --from-kubeconfig --to site/c1             what would be written
  irsa issuer publish --issuer https://issuer.example.com/c1 --from-kubeconfig --to site/c1 --approve   write it
  irsa issuer publish --issuer https://s3.eu-west-1.amazonaws.com/BUCKET/c1 --key sa.pub --to s3://BUCKET/c1 --approve
What is written has to be readable at the issuer's URL for everybody; `irsa issuer verify` tells whether it is.")]
pub(crate) struct Publish {
    #[command(flatten)]
    pub(crate) issuer: IssuerKeys,
    #[command(flatten)]
    pub(crate) destination: Destination,
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
Every step is refused while it would make somebody refuse a token. A step that was interrupted is done again, or completed by --approve alone.")]
pub(crate) struct Rotate {
    #[command(flatten)]
    pub(crate) destination: Destination,
    /// Publish this key beside the others
    #[arg(long, value_name = "FILE", group = "step")]
    pub(crate) add: Option<PathBuf>,
    /// Publish the key that the running cluster has and the issuer has not
    #[arg(long, group = "step")]
    pub(crate) from_kubeconfig: bool,
    #[command(flatten)]
    pub(crate) context: KubeContext,
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
  irsa issuer verify --from-kubeconfig
  irsa issuer verify --issuer https://issuer.example.com/c1 --key keys.json
Exit codes: 0 verifiers find what they need, 1 something is missing, 2 bad usage, 3 the issuer or the cluster could not be asked")]
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

/// `irsa issuer serve`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  irsa issuer serve --site https://issuer.example.com/c1=site/c1 --tls-cert tls.crt --tls-key tls.key --listen 0.0.0.0:443
  irsa issuer serve --cluster https://issuer.example.com/c1=kind-c1 --cluster https://issuer.example.com/c2=kind-c2 --plain-http
  irsa issuer serve --in-cluster https://issuer.example.com/c1 --plain-http --listen 0.0.0.0:8080    as a pod, behind an Ingress
Documents are found by their URLs' paths, and by the host where two issuers have the same path.")]
pub(crate) struct ServeIssuers {
    /// An issuer, and the folder that `irsa issuer publish` wrote for it; changes are served at once (repeatable)
    #[arg(long = "site", value_name = "URL=DIR", value_parser = pair)]
    pub(crate) sites: Vec<(String, String)>,
    /// An issuer, and the kubeconfig's context of its cluster, which is asked every minute (repeatable)
    #[arg(long = "cluster", value_name = "URL=CONTEXT", value_parser = pair)]
    pub(crate) clusters: Vec<(String, String)>,
    /// The issuer of the cluster that this runs in as a pod
    #[arg(long, value_name = "URL")]
    pub(crate) in_cluster: Option<String>,
    /// The kubeconfig file of --cluster [default: $KUBECONFIG, or ~/.kube/config]
    #[arg(long, value_name = "FILE", requires = "clusters")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Where to serve the documents
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8443")]
    pub(crate) listen: SocketAddr,
    /// Where to serve /readyz with its reasons, and /metrics, over plain HTTP
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8444")]
    pub(crate) listen_metrics: SocketAddr,
    /// The certificate chain, in PEM; read again when it changes
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Its private key, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Serve without TLS, behind a proxy that has it
    #[arg(long, conflicts_with = "tls_cert")]
    pub(crate) plain_http: bool,
    /// So long to go on answering at the end, no longer ready
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    pub(crate) drain: Duration,
}

fn duration(text: &str) -> Result<Duration, String> {
    irsa_cluster::webhook::duration(text)
        .ok_or_else(|| "expected a time such as `5s`, `500ms` or `1m`".to_owned())
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((url, of)) if !url.is_empty() && !of.is_empty() => Ok((url.to_owned(), of.to_owned())),
        _ => Err("expected the issuer's URL, `=`, and where its documents come from".to_owned()),
    }
}
