//! Admission reviews: a recorded one, over TLS as an API server sends it, to `irsa webhook` and to a bare TLS server that reads
//! and answers the same number of bytes. Then memory and the time from start to ready, with few and many ServiceAccounts.

mod api_server;
pub(crate) mod tls_echo;

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::Args;
use http::Request;
use rcgen::{CertificateParams, KeyPair};
use rustls_pki_types::pem::PemObject as _;
use tokio_rustls::TlsConnector;

use crate::Failure;
use crate::http::call;
use crate::load::{Load, Measured, Target, drive_at};
use crate::process::{Process, free_address};
use crate::report::{Row, print_row, print_table_head, ratios};

/// The Service's name, which the certificate is for.
const HOST: &str = "pod-identity-webhook.eks.svc";
const REVIEW: &str =
    include_str!("../../crates/irsa-cluster/src/fixtures/reviews/url-001-create-app.request.json");

#[derive(Args)]
pub(crate) struct Options {
    /// Seconds of load for each server and number of connections
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// ServiceAccounts in the large cluster
    #[arg(long, default_value_t = 100_000)]
    accounts: usize,
}

/// Certificate and key in files, and who trusts them.
struct Tls {
    folder: tempfile::TempDir,
    connector: TlsConnector,
}

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let binary = crate::sts::build(&root)?;
    let tls = Tls::new()?;

    let (mut starts, mut idle) = (Vec::new(), 0.0);
    for _ in 0..5 {
        let (process, _, ready) = start(&binary, &tls, 1_000).await?;
        starts.push(ready);
        idle = process.rss_mib()?;
    }
    starts.sort_unstable();
    let median = starts.get(2).copied().unwrap_or_default();
    println!(
        "irsa webhook, 1,000 ServiceAccounts: exec to ready {} ms (median of 5), {idle:.1} MiB resident",
        median.as_millis()
    );
    let (process, _, ready) = start(&binary, &tls, 0).await?;
    let base = process.rss_mib()?;
    println!("irsa webhook, none: exec to ready {} ms, {base:.1} MiB resident", ready.as_millis());
    drop(process);
    let (process, _, ready) = start(&binary, &tls, options.accounts).await?;
    let rss = process.rss_mib()?;
    println!(
        "irsa webhook, {} ServiceAccounts: exec to ready {:.2} s, {rss:.1} MiB resident, {:.1} MiB above none",
        options.accounts,
        ready.as_secs_f64(),
        rss - base
    );
    drop(process);

    for connections in [8, 64] {
        print_table_head(connections, options.seconds);
        let load = Load { connections, time: Duration::from_secs(options.seconds), most: usize::MAX };
        let (process, address, _) = start(&binary, &tls, 1_000).await?;
        let ours = told("irsa", measure(&process, address, &tls, load).await?);
        let bytes = answer_length(address, &tls).await?;
        drop(process);
        let (process, address) = echo(&tls, bytes).await?;
        let echo = told("bare TLS echo", measure(&process, address, &tls, load).await?);
        drop(process);
        ratios(&[ours, echo]);
    }
    Ok(())
}

fn told(server: &str, measured: Measured) -> Row {
    let row = Row { server: server.to_owned(), call: format!("review of {} bytes", REVIEW.len()), measured };
    print_row(&row);
    row
}

async fn measure(process: &Process, address: SocketAddr, tls: &Tls, load: Load) -> Result<Measured, Failure> {
    let target = Target { address, tls: Some((tls.connector.clone(), HOST)) };
    let warm = Load { time: Duration::from_secs(1), ..load };
    drive_at(process, target.clone(), Arc::new(vec![review()?]), warm).await?;
    drive_at(process, target, Arc::new(vec![review()?]), load).await
}

fn review() -> Result<Request<Bytes>, Failure> {
    Ok(Request::post("/mutate?timeout=10s")
        .header("host", HOST)
        .header("content-type", "application/json")
        .header("accept-encoding", "gzip")
        .header("user-agent", "kube-apiserver-admission")
        .body(Bytes::from_static(REVIEW.as_bytes()))?)
}

/// A webhook that is ready, its port, and how long that took.
async fn start(
    binary: &Path,
    tls: &Tls,
    accounts: usize,
) -> Result<(Process, SocketAddr, Duration), Failure> {
    let api = api_server::serve(accounts).await?;
    let (address, metrics) = (free_address()?, free_address()?);
    let mut command = Command::new(binary);
    command
        .args([
            "webhook",
            "--in-cluster=false",
            "--bind-address",
            "127.0.0.1",
            "--aws-default-region",
            "us-east-1",
        ])
        .args(["--sts-regional-endpoint", "--port", &address.port().to_string()])
        .args(["--metrics-port", &metrics.port().to_string(), "--kube-api", &format!("http://{api}")])
        .arg("--tls-cert")
        .arg(tls.folder.path().join("tls.crt"))
        .arg("--tls-key")
        .arg(tls.folder.path().join("tls.key"));
    let begun = Instant::now();
    let process = Process::start(&mut command, metrics, "/healthz").await?;
    while begun.elapsed() < Duration::from_secs(60) {
        if call(metrics, Request::get("/readyz").header("host", HOST).body(Bytes::new())?).await.is_ok() {
            return Ok((process, address, begun.elapsed()));
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Err("irsa webhook was not ready within a minute".into())
}

async fn echo(tls: &Tls, bytes: usize) -> Result<(Process, SocketAddr), Failure> {
    let address = free_address()?;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg("tls-echo")
        .env("ECHO_ADDRESS", address.to_string())
        .env("ECHO_BYTES", bytes.to_string())
        .env("ECHO_FOLDER", tls.folder.path());
    let process = Process::start_listening(&mut command, address).await?;
    Ok((process, address))
}

async fn answer_length(address: SocketAddr, tls: &Tls) -> Result<usize, Failure> {
    let target = Target { address, tls: Some((tls.connector.clone(), HOST)) };
    let body = crate::load::once(&target, review()?).await?;
    let text = String::from_utf8_lossy(&body);
    if !text.contains("\"patch\":") {
        return Err(format!("the review was not mutated: {text}").into());
    }
    Ok(body.len())
}

impl Tls {
    fn new() -> Result<Self, Failure> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(vec![HOST.to_owned()])?.self_signed(&key)?;
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("tls.crt"), certificate.pem())?;
        std::fs::write(folder.path().join("tls.key"), key.serialize_pem())?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = rustls::RootCertStore::empty();
        roots.add(rustls_pki_types::CertificateDer::from_pem_slice(certificate.pem().as_bytes())?)?;
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { folder, connector: TlsConnector::from(Arc::new(config)) })
    }
}
