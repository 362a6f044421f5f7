//! The command line: one definition for parsing, help, completions and man pages.

pub(crate) mod cluster;
pub(crate) mod inject;
pub(crate) mod issuer;
pub(crate) mod lint;
pub(crate) mod policy;
pub(crate) mod token;
pub(crate) mod webhook;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use ipnet::IpNet;
use irsa_store::model::AccountId;

use crate::output::Format;

/// IAM Roles for Service Accounts: the whole chain, on one machine.
#[derive(Debug, Parser)]
#[command(name = "irsa", version, about, propagate_version = true, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Examples:
  irsa quickstart                 the story in under a minute
  irsa up                         STS, IAM, EKS and S3 on 127.0.0.1:4566
  eval \"$(irsa env)\"              then use `aws`, `kubectl` and the SDKs as against AWS
  irsa why --last                 why the newest denied call was denied

Exit codes: 0 ok, 1 the answer is no, 2 bad usage, 3 could not decide; `exec` and `run` return their command's code.";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the whole chain at work: allow, deny, and why
    Quickstart(Quickstart),
    /// Serve STS, IAM, EKS and S3, and the clusters that we host
    Up(Up),
    /// Print the exports that point AWS clients at a running server
    Env(Env),
    /// Make accounts, or list them
    Account(Account),
    /// The clusters that a running server knows, and making those known that others run
    Cluster(cluster::Cluster),
    /// Run a command as a pod's container would run: with the role of a ServiceAccount
    Exec(Exec),
    /// Run a pod's manifest as a local process, with the webhook's mutation applied
    Run(Run),
    /// Apply the webhook's mutation to manifests, or answer one admission review, without a cluster
    Inject(Box<inject::Inject>),
    /// Serve the pod identity webhook of a cluster
    Webhook(Box<webhook::Webhook>),
    /// Explain a denied call
    Why(Why),
    /// Decide by policies, and check them, without a server
    Policy(policy::Policy),
    /// Explain an error code, offline
    Explain(Explain),
    /// Find what is wrong in policies, manifests and plans, before anybody is denied
    Lint(lint::Lint),
    /// Publish the issuer of a self-managed cluster, and rotate its keys
    Issuer(issuer::Issuer),
    /// Look into tokens, and verify them
    Token(token::Token),
    /// Print the completion script of a shell
    Completion(Completion),
    /// Write the man pages
    #[command(hide = true)]
    Man(Man),
}

/// Where a server keeps its data.
#[derive(Debug, Clone, Args)]
pub(crate) struct Data {
    /// The data folder [default: the XDG data folder]
    #[arg(long = "data", value_name = "DIR", env = "IRSA_DATA", global = true)]
    pub(crate) folder: Option<PathBuf>,
}

/// A cluster, as kubectl finds it.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct KubeContext {
    /// The kubeconfig file [default: $KUBECONFIG, or ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig file [default: its current context]
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,
}

/// `irsa quickstart`
#[derive(Debug, Args)]
pub(crate) struct Quickstart {
    /// Use our own client even if `aws` is installed
    #[arg(long)]
    pub(crate) without_aws_cli: bool,
}

/// `irsa up`
#[derive(Debug, Clone, Args)]
pub(crate) struct Up {
    #[command(flatten)]
    pub(crate) data: Data,
    /// Keep everything in memory and forget it at the end
    #[arg(long)]
    pub(crate) ephemeral: bool,
    /// Where to serve the AWS services
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4566")]
    pub(crate) listen: SocketAddr,
    /// Where to serve issuers, hosted clusters and, over TLS, the AWS services
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4567")]
    pub(crate) listen_tls: SocketAddr,
    /// An account to make if it is not there yet (repeatable)
    #[arg(long = "account", value_name = "ID", default_value = "000000000000")]
    pub(crate) accounts: Vec<AccountId>,
    /// The region that unsigned calls are answered in, and that `irsa env` names
    #[arg(long, value_name = "REGION", default_value = "us-east-1", env = "AWS_DEFAULT_REGION")]
    pub(crate) region: String,
    /// The base URL of hosted clusters' issuers [default: https://localhost:PORT of --listen-tls]
    #[arg(long, value_name = "URL")]
    pub(crate) issuer_url: Option<url::Url>,
    /// A certificate authority to trust, beside the system's, for issuers that others host (repeatable)
    #[arg(long, value_name = "FILE")]
    pub(crate) issuer_ca: Vec<PathBuf>,
    /// A private network in which issuers may be reached (repeatable)
    #[arg(long, value_name = "CIDR")]
    pub(crate) issuer_allow: Vec<IpNet>,
    /// Fetch an issuer's keys at another URL (repeatable)
    #[arg(long, value_name = "ISSUER=URL", value_parser = issuer_map)]
    pub(crate) issuer_map: Vec<(String, url::Url)>,
    /// The domain below which buckets are hosts: BUCKET.DOMAIN (repeatable)
    #[arg(long, value_name = "DOMAIN", default_values = ["localhost", "s3.localhost", "s3.localhost.localstack.cloud"])]
    pub(crate) s3_domain: Vec<String>,
}

/// `irsa env`
#[derive(Debug, Args)]
pub(crate) struct Env {
    #[command(flatten)]
    pub(crate) data: Data,
    /// The account whose administrator to act as [default: the first]
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<AccountId>,
    /// How to write the result
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}

/// `irsa account`
#[derive(Debug, Args)]
pub(crate) struct Account {
    #[command(subcommand)]
    pub(crate) command: AccountCommand,
}

/// What to do with accounts.
#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Make an account with an administrator, whose key is added to the credentials file
    Create {
        #[command(flatten)]
        data: Data,
        /// Twelve digits
        id: AccountId,
        /// How to write the result
        #[arg(short, long, value_enum, default_value_t)]
        output: Format,
    },
    /// List the accounts
    List {
        #[command(flatten)]
        data: Data,
        /// How to write the result
        #[arg(short, long, value_enum, default_value_t)]
        output: Format,
    },
}

/// Which cluster, and where its pods find AWS.
#[derive(Debug, Clone, Args)]
pub(crate) struct PodIdentity {
    /// A hosted cluster, in place of a kubeconfig's
    #[arg(long, value_name = "NAME", conflicts_with_all = ["kubeconfig", "context"])]
    pub(crate) cluster: Option<String>,
    /// The account that the hosted cluster is in [default: the first]
    #[arg(long, value_name = "ID", requires = "cluster")]
    pub(crate) account: Option<AccountId>,
    /// The region [default: the server's; at AWS, $AWS_REGION or $AWS_DEFAULT_REGION]
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,
    #[command(flatten)]
    pub(crate) context: KubeContext,
    #[command(flatten)]
    pub(crate) services: Services,
}

/// Where the pods of a kubeconfig's cluster find AWS.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Services {
    /// Where AWS's services are for a kubeconfig's cluster [default: AWS itself]
    #[arg(long, value_name = "URL", conflicts_with = "cluster")]
    pub(crate) endpoint: Option<url::Url>,
    /// The certificate authorities of the endpoint, in PEM
    #[arg(long, value_name = "FILE", requires = "endpoint")]
    pub(crate) endpoint_ca: Option<PathBuf>,
    /// AWS's services are those of the running `irsa up`
    #[arg(long, conflicts_with_all = ["cluster", "endpoint"])]
    pub(crate) local: bool,
}

/// `irsa exec`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  irsa exec --cluster dev -n dev --service-account s3-app -- aws s3 ls     a hosted cluster
  irsa exec --context prod -n dev --service-account s3-app -- aws s3 ls    a cluster of your own, at AWS
  irsa exec -n dev --pod web-5d4f -- aws sts get-caller-identity           with a token of that pod
  irsa exec --local -n dev --sa s3-app -- aws s3 ls                        your own cluster, AWS by `irsa up`
Only the child gets the identity; its exit code is returned.")]
pub(crate) struct Exec {
    #[command(flatten)]
    pub(crate) data: Data,
    #[command(flatten)]
    pub(crate) identity: PodIdentity,
    /// The ServiceAccount's namespace [default: the context's, or `default`]
    #[arg(short, long, value_name = "NAMESPACE")]
    pub(crate) namespace: Option<String>,
    /// The ServiceAccount [default: the pod's, or `default`]
    #[arg(long, visible_alias = "sa", value_name = "NAME")]
    pub(crate) service_account: Option<String>,
    /// A pod of the kubeconfig's cluster that the token is bound to: it ends with the pod
    #[arg(long, value_name = "NAME", conflicts_with = "cluster")]
    pub(crate) pod: Option<String>,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    pub(crate) command: Vec<String>,
}

/// `irsa run`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  irsa run --cluster dev -f service-account.yaml -f pod.yaml    a hosted cluster
  irsa run --context kind-dev --local -f pod.yaml               a cluster of your own, AWS by `irsa up`
In a cluster of your own nothing is made or changed without --approve.
Does the webhook's and the kubelet's part for the identity, nothing more: no image is pulled, no container isolates the process.")]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) data: Data,
    #[command(flatten)]
    pub(crate) identity: PodIdentity,
    /// A manifest: Namespaces and ServiceAccounts are applied, the Pod is run (repeatable)
    #[arg(short, long = "filename", value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Make and change the manifests' Namespaces and ServiceAccounts also in a cluster of your own
    #[arg(long)]
    pub(crate) approve: bool,
    /// The namespace of manifests that name none [default: the context's, or `default`]
    #[arg(short, long, value_name = "NAMESPACE")]
    pub(crate) namespace: Option<String>,
    /// The container to run, if the pod has several
    #[arg(short, long, value_name = "NAME")]
    pub(crate) container: Option<String>,
}

/// `irsa why`
#[derive(Debug, Args)]
pub(crate) struct Why {
    #[command(flatten)]
    pub(crate) data: Data,
    /// The authorization id of the denied call, or an error message that contains it
    #[arg(required_unless_present = "last")]
    pub(crate) id: Option<String>,
    /// The newest denied call
    #[arg(long, conflicts_with = "id")]
    pub(crate) last: bool,
    /// How to write the result
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}

/// `irsa explain`
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// `IRSA-T004`; none lists them all
    pub(crate) code: Option<String>,
}

/// `irsa completion`
#[derive(Debug, Args)]
pub(crate) struct Completion {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

/// `irsa man`
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The folder to write them to
    pub(crate) folder: PathBuf,
}

/// Help and version are results; anything else that clap finds is bad usage.
pub(crate) fn usage_error(usage: &clap::Error) -> ExitCode {
    let _ = usage.print();
    if usage.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS }
}

fn issuer_map(text: &str) -> Result<(String, url::Url), String> {
    let (issuer, target) = text
        .split_once("=http")
        .ok_or("expected ISSUER=URL, such as https://kubernetes.default.svc=https://127.0.0.1:6443")?;
    let target = url::Url::parse(&format!("http{target}")).map_err(|error| error.to_string())?;
    Ok((issuer.to_owned(), target))
}
