//! `irsa webhook`: the pod identity webhook of a cluster.

mod config_file;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use irsa_cluster::admission::Decision;
use irsa_cluster::api_server::ApiServer;
use irsa_cluster::certificates::Current;
use irsa_cluster::certificates::files::Files;
use irsa_cluster::certificates::managed::{Names, manage};
use irsa_cluster::webhook::tls::{TlsOptions, TlsVersion};
use irsa_cluster::webhook::{Options, Webhook};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::cli::webhook::{CertificateFlags, OnFailure, TlsMinVersion, Webhook as Flags};
use crate::error::CliError;
use crate::output::{FAINT, STRONG, note, print};
use crate::process::{log_to_stderr, stopped_by_signals};

/// The ConfigMap's name, which upstream has no flag for.
const CONFIG_MAP: &str = "pod-identity-webhook";

pub(crate) async fn webhook(flags: Flags) -> Result<ExitCode, CliError> {
    let started = Instant::now();
    let flags = match flags.config.clone() {
        Some(file) => match config_file::with_flags_of(&file)? {
            Ok(flags) => flags,
            Err(usage) => return Ok(usage),
        },
        None => flags,
    };
    log_to_stderr(flags.accepted.verbosity.is_some_and(|level| level >= 4));
    let stop = stopped_by_signals()?;
    let api = ApiServer::connect(flags.kubeconfig.as_deref(), flags.kube_api.as_deref()).await.map_err(
        |error| {
            CliError::undecided("IRSA-X080", format!("no API server to ask: {error}"))
                .with_fix("run it as a pod with a ServiceAccount, or name a file with --kubeconfig FILE")
        },
    )?;
    let options = options(&flags)?;
    let https = bind(flags.bind_address, flags.port, "--port").await?;
    let plain = bind(flags.bind_address, flags.metrics_port, "--metrics-port").await?;
    print(&format!("{STRONG}reviews{STRONG:#}   https://{}/mutate", local(&https)?));
    print(&format!("{STRONG}metrics{STRONG:#}   http://{}/metrics", local(&plain)?));

    let certificate = Arc::new(Current::default());
    let keeper = keep_certificate(&flags, &api, &certificate, &stop);
    let server = Arc::new(Webhook::new(options, api.clone(), certificate, now));
    tokio::spawn(announce(Arc::clone(&server), started));
    server.serve(api, https, plain, stop).await.map_err(|error| {
        CliError::usage("IRSA-X081", error.to_string())
            .with_fix("leave --tls-cipher-suites and --tls-min-version out: the defaults are secure")
    })?;
    let _ = keeper.await;
    note("stopped");
    Ok(ExitCode::SUCCESS)
}

/// From files, or made by ourselves.
fn keep_certificate(
    flags: &Flags,
    api: &ApiServer,
    certificate: &Arc<Current>,
    stop: &CancellationToken,
) -> JoinHandle<()> {
    let CertificateFlags { in_cluster, service_name, tls_secret, webhook_configuration, .. } =
        &flags.certificate;
    let (current, stop) = (Arc::clone(certificate), stop.clone());
    if !in_cluster {
        let CertificateFlags { tls_cert, tls_key, .. } = &flags.certificate;
        let files = Files { certificate: tls_cert.clone(), key: tls_key.clone() };
        return files.follow(current, stop);
    }
    // A pod's host name is its name; with something random, the next one of that name is another.
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_unset| "irsa".to_owned());
    let names = Names {
        namespace: flags.namespace.clone(),
        service: service_name.clone(),
        secret: tls_secret.clone(),
        configuration: webhook_configuration.clone(),
        identity: format!("{host}_{}", uuid::Uuid::new_v4()),
    };
    tokio::spawn(manage(api.clone(), names, current, now, stop))
}

fn options(flags: &Flags) -> Result<Options, CliError> {
    let settings = flags.mutation.settings()?;
    Ok(Options {
        settings,
        on_missing: decision(flags.on_missing),
        on_refused: decision(flags.mutation.on_refused_role),
        grace: flags.service_account_lookup_grace_period,
        config_map: flags.watch_config_map.then(|| (flags.namespace.clone(), CONFIG_MAP.to_owned())),
        identities: flags.mutation.watch_container_credentials_config.clone(),
        events: flags.events,
        upstream_metric_names: flags.upstream_metric_names,
        debugging_handlers: flags.enable_debugging_handlers,
        drain: flags.drain,
        tls: TlsOptions {
            least: match flags.certificate.tls_min_version {
                TlsMinVersion::Tls12 => TlsVersion::Tls12,
                TlsMinVersion::Tls13 => TlsVersion::Tls13,
            },
            // Go trims the names and skips empty ones.
            cipher_suites: flags
                .certificate
                .tls_cipher_suites
                .iter()
                .map(|name| name.trim().to_owned())
                .filter(|name| !name.is_empty())
                .collect(),
        },
    })
}

fn decision(on_failure: OnFailure) -> Decision {
    match on_failure {
        OnFailure::Allow => Decision::Allow,
        OnFailure::Deny => Decision::Deny,
    }
}

/// Says once when it is ready.
async fn announce(server: Arc<Webhook>, started: Instant) {
    while !server.ready().0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    note(&format!("{FAINT}ready in {} ms{FAINT:#}", started.elapsed().as_millis()));
}

/// The clock, in seconds since the epoch.
fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// All addresses is those of both families, where the machine has IPv6.
async fn bind(address: Option<IpAddr>, port: u16, flag: &str) -> Result<TcpListener, CliError> {
    let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    let bound = match address {
        Some(address) => TcpListener::bind((address, port)).await,
        None => match TcpListener::bind(any).await {
            Err(error) if error.kind() != std::io::ErrorKind::AddrInUse => {
                TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await
            }
            bound => bound,
        },
    };
    bound.map_err(|error| {
        CliError::undecided("IRSA-X001", format!("port {port} cannot be listened on: {error}"))
            .with_fix(format!("choose another with {flag} (0 takes any free port)"))
    })
}

fn local(listener: &TcpListener) -> Result<SocketAddr, CliError> {
    listener.local_addr().map_err(|error| CliError::undecided("IRSA-X001", error.to_string()))
}
