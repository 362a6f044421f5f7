//! `irsa issuer serve`: the documents of one or several clusters, over HTTPS.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use irsa_cluster::api_server::ApiServer;
use irsa_cluster::certificates::files::Files;
use irsa_cluster::certificates::{Current, Serving};
use irsa_cluster::issuer::serve::{IssuerServer, Ports, Source};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::cli::KubeContext;
use crate::cli::issuer::ServeIssuers;
use crate::error::CliError;
use crate::output::{STRONG, note, print};
use crate::process::{log_to_stderr, stopped_by_signals};
use crate::serve::now;

pub(super) async fn serve(arguments: ServeIssuers) -> Result<ExitCode, CliError> {
    log_to_stderr(false);
    let stop = stopped_by_signals()?;
    let sites = sites(&arguments).await?;
    let certificate = certificate(&arguments, &stop)?;
    let scheme = if certificate.is_some() { "https" } else { "http" };
    let issuers: Vec<String> = sites.iter().map(|(url, _)| url.clone()).collect();
    let server = IssuerServer::new(sites, certificate, now).map_err(|error| {
        CliError::usage("IRSA-X066", error.to_string())
            .with_fix("every issuer is a plain https:// URL, and is named once")
    })?;
    let public = bind(arguments.listen, "--listen").await?;
    let operators = bind(arguments.listen_metrics, "--listen-metrics").await?;
    print(&format!("{STRONG}issuers{STRONG:#}   {scheme}://{}", local(&public)?));
    for issuer in issuers {
        print(&format!("          {issuer}"));
    }
    print(&format!("{STRONG}metrics{STRONG:#}   http://{}/metrics", local(&operators)?));
    let ports = Ports { public, operators: Some(operators), drain: arguments.drain };
    Arc::new(server)
        .serve(ports, stop)
        .await
        .map_err(|error| CliError::undecided("IRSA-X067", error.to_string()))?;
    note("stopped");
    Ok(ExitCode::SUCCESS)
}

async fn sites(arguments: &ServeIssuers) -> Result<Vec<(String, Source)>, CliError> {
    let mut sites = Vec::new();
    for (url, folder) in &arguments.sites {
        sites.push((url.clone(), Source::Folder(folder.into())));
    }
    for (url, context) in &arguments.clusters {
        let which = KubeContext { kubeconfig: arguments.kubeconfig.clone(), context: Some(context.clone()) };
        sites.push((url.clone(), Source::Cluster(Box::new(which.connect().await?))));
    }
    if let Some(url) = &arguments.in_cluster {
        let api = ApiServer::connect(None, None).await.map_err(|error| {
            CliError::undecided("IRSA-X066", format!("--in-cluster {url}: {error}")).with_fix(
                "run it as a pod with a ServiceAccount, or name a context with --cluster URL=CONTEXT",
            )
        })?;
        sites.push((url.clone(), Source::Cluster(Box::new(api))));
    }
    if sites.is_empty() {
        return Err(CliError::usage("IRSA-X066", "there is no issuer to serve")
            .with_fix("name one with --site URL=DIR, --cluster URL=CONTEXT or --in-cluster URL"));
    }
    Ok(sites)
}

/// The certificate of the two files, from now on as they are; none for plain HTTP.
fn certificate(arguments: &ServeIssuers, stop: &CancellationToken) -> Result<Option<Arc<Current>>, CliError> {
    let (Some(certificate), Some(key)) = (&arguments.tls_cert, &arguments.tls_key) else {
        return match arguments.plain_http {
            true => Ok(None),
            false => Err(CliError::usage("IRSA-X067", "verifiers ask over HTTPS alone, and there is no certificate")
                .with_fix("name one with --tls-cert FILE --tls-key FILE, or serve a proxy that has one with --plain-http")),
        };
    };
    let unusable = |error: String| {
        CliError::usage("IRSA-X067", error).with_fix(
            "--tls-cert takes the chain, the server's certificate first, --tls-key its private key, both PEM",
        )
    };
    let read = |file: &std::path::Path| {
        std::fs::read(file).map_err(|error| unusable(format!("{}: {error}", file.display())))
    };
    // Once before anything is served: who starts it is there to read what is wrong.
    let serving = Serving::from_pem(&read(certificate)?, &read(key)?)
        .map_err(|error| unusable(format!("{}: {error}", certificate.display())))?;
    let current = Arc::new(Current::default());
    current.replace(serving);
    let files = Files { certificate: certificate.clone(), key: key.clone() };
    files.follow(Arc::clone(&current), stop.clone());
    Ok(Some(current))
}

async fn bind(address: SocketAddr, flag: &str) -> Result<TcpListener, CliError> {
    TcpListener::bind(address).await.map_err(|error| {
        CliError::undecided("IRSA-X001", format!("{address} cannot be listened on: {error}"))
            .with_fix(format!("choose another with {flag} (port 0 takes any free one)"))
    })
}

fn local(listener: &TcpListener) -> Result<SocketAddr, CliError> {
    listener.local_addr().map_err(|error| CliError::undecided("IRSA-X001", error.to_string()))
}
