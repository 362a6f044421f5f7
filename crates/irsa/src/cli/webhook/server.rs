//! The flags of the server, with amazon-eks-pod-identity-webhook's names and defaults (`main.go`).

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{MutationFlags, OnFailure, boolean};

/// `irsa webhook`
#[derive(Debug, Args)]
#[command(
    args_override_self = true,
    after_help = "Examples:
  irsa webhook --namespace kube-system                                     as a pod, with nothing else installed
  irsa webhook --in-cluster=false --tls-cert tls.crt --tls-key tls.key     as a pod, certificate from files
  irsa webhook --kubeconfig ~/.kube/config --port 8443 --in-cluster=false --tls-cert tls.crt --tls-key tls.key
Reviews at /mutate (failurePolicy Ignore) and /mutate/strict (failurePolicy Fail); probes at /healthz and /readyz.
docs/webhook.md has manifests."
)]
pub(crate) struct Webhook {
    /// A YAML or JSON file of flags without their dashes (`port: 8443`); the command line goes before it
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The port of reviews and probes, over HTTPS
    #[arg(long, value_name = "PORT", default_value_t = 443)]
    pub(crate) port: u16,
    /// The port of /metrics, over HTTP
    #[arg(long, value_name = "PORT", default_value_t = 9999)]
    pub(crate) metrics_port: u16,
    /// The address to listen on [default: all]
    #[arg(long, value_name = "IP")]
    pub(crate) bind_address: Option<IpAddr>,
    /// The kubeconfig file [default: the pod's own ServiceAccount]
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The API server's URL [default: that of the kubeconfig file or the pod]
    #[arg(long, value_name = "URL")]
    pub(crate) kube_api: Option<String>,
    /// The namespace of the ConfigMap, the Service and the Secret
    #[arg(long, value_name = "NAMESPACE", default_value = "eks")]
    pub(crate) namespace: String,
    /// Take roles from the ConfigMap `pod-identity-webhook` too
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", value_parser = boolean)]
    pub(crate) watch_config_map: bool,
    /// Wait so long for a ServiceAccount that does not exist yet
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    pub(crate) service_account_lookup_grace_period: Duration,
    /// Pods at /mutate whose ServiceAccount cannot be found in time; at /mutate/strict they are denied
    #[arg(long, value_name = "DECISION", value_enum, default_value_t = OnFailure::Allow)]
    pub(crate) on_missing: OnFailure,
    /// Go on answering for so long after SIGTERM, until Services have taken the pod out
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration)]
    pub(crate) drain: Duration,
    /// Write Events on ServiceAccounts whose pods do not get what they should
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true", value_parser = boolean)]
    pub(crate) events: bool,
    /// Give metrics the upstream webhook's names, too
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", value_parser = boolean)]
    pub(crate) upstream_metric_names: bool,
    /// Show what is known of ServiceAccounts at /debug/alpha/cache of the metrics' port
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", value_parser = boolean)]
    pub(crate) enable_debugging_handlers: bool,
    #[command(flatten)]
    pub(crate) certificate: CertificateFlags,
    #[command(flatten)]
    pub(crate) mutation: MutationFlags,
    #[command(flatten)]
    pub(crate) accepted: AcceptedFlags,
}

/// Where the certificate comes from, and what handshakes may agree on.
#[derive(Debug, Args)]
#[command(next_help_heading = "Certificate")]
pub(crate) struct CertificateFlags {
    /// Make the certificate, keep it in a Secret and the webhook configuration's caBundle right; with =false, use files
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true", value_parser = boolean)]
    pub(crate) in_cluster: bool,
    /// The Service that the API server calls, in --namespace
    #[arg(long, value_name = "NAME", default_value = "pod-identity-webhook")]
    pub(crate) service_name: String,
    /// The Secret of the certificate that we make, and the Lease of the replica that makes it, in --namespace
    #[arg(long, value_name = "NAME", default_value = "pod-identity-webhook")]
    pub(crate) tls_secret: String,
    /// The MutatingWebhookConfiguration whose caBundle is kept
    #[arg(long, value_name = "NAME", default_value = "pod-identity-webhook")]
    pub(crate) webhook_configuration: String,
    /// The certificate's file, looked at every two seconds
    #[arg(long, value_name = "FILE", default_value = "/etc/webhook/certs/tls.crt")]
    pub(crate) tls_cert: PathBuf,
    /// The key's file
    #[arg(long, value_name = "FILE", default_value = "/etc/webhook/certs/tls.key")]
    pub(crate) tls_key: PathBuf,
    /// The lowest version of TLS: 1.2 or 1.3
    #[arg(long, value_name = "VERSION", default_value = "1.2", value_parser = tls_version)]
    pub(crate) tls_min_version: TlsMinVersion,
    /// Go's names of the cipher suites of TLS 1.2 that may be used [default: all that are secure]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) tls_cipher_suites: Vec<String>,
}

/// The versions that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TlsMinVersion {
    /// TLS 1.2
    #[value(name = "1.2")]
    Tls12,
    /// TLS 1.3
    #[value(name = "1.3")]
    Tls13,
}

/// Flags of the upstream webhook that mean nothing here, so that its manifests need no editing.
#[derive(Debug, Args)]
pub(crate) struct AcceptedFlags {
    #[arg(long, hide = true)]
    pub(crate) resync_period: Option<String>,
    /// Verbosity: 4 and more is `debug`
    #[arg(short, long = "v", value_name = "LEVEL", hide = true)]
    pub(crate) verbosity: Option<u8>,
    #[arg(long, hide = true)]
    pub(crate) vmodule: Option<String>,
    #[arg(long, hide = true)]
    pub(crate) stderrthreshold: Option<String>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = boolean)]
    pub(crate) logtostderr: Option<bool>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = boolean)]
    pub(crate) alsologtostderr: Option<bool>,
}

/// Go's names and numbers of versions. Those before 1.2 are not spoken, which forbids nothing to who asks for them as the
/// lowest.
fn tls_version(text: &str) -> Result<TlsMinVersion, String> {
    match text {
        "" | "1.0" | "1.1" | "1.2" | "VersionTLS10" | "VersionTLS11" | "VersionTLS12" => {
            Ok(TlsMinVersion::Tls12)
        }
        "1.3" | "VersionTLS13" => Ok(TlsMinVersion::Tls13),
        _ => Err("expected 1.0, 1.1, 1.2 or 1.3".to_owned()),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    irsa_cluster::webhook::duration(text)
        .ok_or_else(|| "expected a duration such as 100ms, 5s or 1m30s".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        webhook: Webhook,
    }

    fn parsed(arguments: &[&str]) -> Webhook {
        Command::try_parse_from(["webhook"].iter().chain(arguments)).unwrap().webhook
    }

    #[test]
    fn the_flags_of_upstreams_manifests() {
        // deploy/deployment.yaml of amazon-eks-pod-identity-webhook.
        let flags = parsed(&[
            "--in-cluster=false",
            "--namespace=default",
            "--service-name=pod-identity-webhook",
            "--annotation-prefix=eks.amazonaws.com",
            "--token-audience=sts.amazonaws.com",
            "--logtostderr",
        ]);
        assert!(!flags.certificate.in_cluster && parsed(&[]).certificate.in_cluster);
        assert_eq!((flags.port, flags.metrics_port, flags.namespace.as_str()), (443, 9999, "default"));
        // kOps.
        let flags = parsed(&[
            "--in-cluster=false",
            "--tls-cert=/etc/webhook/certs/tls.crt",
            "--tls-key=/etc/webhook/certs/tls.key",
            "--watch-config-map=true",
            "--sts-regional-endpoint=true",
            "--aws-default-region=eu-west-1",
            "-v=5",
            "--resync-period=60s",
            "--tls-min-version=VersionTLS13",
            "--service-account-lookup-grace-period=100ms",
        ]);
        assert!(flags.watch_config_map && flags.mutation.sts_regional_endpoint);
        assert_eq!(flags.certificate.tls_min_version, TlsMinVersion::Tls13);
        assert_eq!(flags.service_account_lookup_grace_period, Duration::from_millis(100));
        assert_eq!(flags.accepted.verbosity, Some(5));
    }

    #[test]
    fn the_last_one_of_a_flag_counts() {
        assert_eq!(parsed(&["--port=1", "--port=2"]).port, 2);
    }

    #[test]
    fn what_is_no_value_is_refused() {
        for bad in ["--tls-min-version=1.4", "--drain=soon", "--watch-config-map=maybe", "--port=65536"] {
            assert!(Command::try_parse_from(["webhook", bad]).is_err(), "{bad}");
        }
    }
}
