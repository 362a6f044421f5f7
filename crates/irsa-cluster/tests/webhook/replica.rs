//! A running webhook, and a client of it that trusts its authority, as an API server does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use irsa_cluster::admission::Decision;
use irsa_cluster::certificates::Current;
use irsa_cluster::certificates::files::Files;
use irsa_cluster::mutate::Settings;
use irsa_cluster::webhook::tls::TlsOptions;
use irsa_cluster::webhook::{Options, Webhook};
use rcgen::{Issuer, KeyPair};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

use crate::stub::{Stub, authority, issue_until};

pub(crate) const NAME: &str = "pod-identity-webhook.eks.svc";

pub(crate) struct Replica {
    pub(crate) address: SocketAddr,
    pub(crate) metrics: SocketAddr,
    pub(crate) webhook: Arc<Webhook>,
    pub(crate) stop: CancellationToken,
    pub(crate) task: JoinHandle<()>,
    /// Its own, so that it can be killed with all its connections.
    runtime: Option<Runtime>,
    pub(crate) issuer: Arc<Issuer<'static, KeyPair>>,
    connector: TlsConnector,
    folder: tempfile::TempDir,
}

pub(crate) fn options() -> Options {
    Options {
        settings: Settings::default(),
        on_missing: Decision::Allow,
        on_refused: Decision::Deny,
        grace: Duration::ZERO,
        config_map: None,
        identities: None,
        events: true,
        upstream_metric_names: true,
        debugging_handlers: false,
        drain: Duration::from_millis(100),
        tls: TlsOptions::default(),
    }
}

impl Replica {
    pub(crate) async fn start(stub: &Stub, options: Options) -> Self {
        Self::with_certificate_until(stub, options, 2090).await
    }

    pub(crate) async fn with_certificate_until(stub: &Stub, options: Options, year: i32) -> Self {
        let (ca, issuer) = authority();
        let folder = tempfile::tempdir().unwrap();
        let certificate = Arc::new(Current::default());
        let (https, plain) = (
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
            TcpListener::bind("127.0.0.1:0").await.unwrap(),
        );
        let (address, metrics) = (https.local_addr().unwrap(), plain.local_addr().unwrap());
        let stop = CancellationToken::new();
        let api = stub.api().await;
        let now = || jiff::Timestamp::now().as_second();
        let webhook = Arc::new(Webhook::new(options, api.clone(), Arc::clone(&certificate), now));
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (https, plain) = (https.into_std().unwrap(), plain.into_std().unwrap());
        let task = runtime.spawn({
            let (webhook, stop) = (Arc::clone(&webhook), stop.clone());
            async move {
                let (https, plain) =
                    (TcpListener::from_std(https).unwrap(), TcpListener::from_std(plain).unwrap());
                webhook.serve(api, https, plain, stop).await.unwrap();
            }
        });
        let replica = Self {
            address,
            metrics,
            webhook,
            stop: stop.clone(),
            task,
            runtime: Some(runtime),
            issuer: Arc::new(issuer),
            connector: connector(&ca),
            folder,
        };
        replica.write_certificate(year);
        let (tls_certificate, key) =
            (replica.folder.path().join("tls.crt"), replica.folder.path().join("tls.key"));
        Files { certificate: tls_certificate, key }.follow(certificate, stop);
        replica
    }

    /// Replaces the files.
    pub(crate) fn write_certificate(&self, year: i32) {
        let (certificate, key) = issue_until(&self.issuer, &[NAME], year);
        std::fs::write(self.folder.path().join("tls.key"), key.serialize_pem()).unwrap();
        std::fs::write(self.folder.path().join("tls.crt"), certificate.pem()).unwrap();
    }

    /// As `kill -9` does.
    pub(crate) fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    pub(crate) async fn until_ready(&self) {
        eventually("readiness", || self.webhook.ready().0).await;
    }

    /// What [`Client::connect`] needs.
    pub(crate) fn connector(&self) -> (SocketAddr, TlsConnector) {
        (self.address, self.connector.clone())
    }

    pub(crate) async fn connect(&self) -> Option<Client> {
        Client::connect(self.address, &self.connector).await
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        self.connect().await.unwrap().get(path).await.unwrap()
    }

    /// One review on a connection of its own.
    pub(crate) async fn review(&self, path: &str, account: &str) -> Reviewed {
        self.connect().await.unwrap().review(path, account).await.unwrap()
    }

    pub(crate) async fn metrics(&self) -> String {
        let stream = TcpStream::connect(self.metrics).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request = Request::get("/metrics").header("host", NAME).body(Full::<Bytes>::default()).unwrap();
        let answer =
            sender.send_request(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(answer.to_vec()).unwrap()
    }
}

/// A connection to a webhook.
pub(crate) struct Client {
    sender: SendRequest<Full<Bytes>>,
    /// The server's certificate.
    pub(crate) certificate: Vec<u8>,
}

/// What a review was answered with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reviewed {
    Mutated(String),
    Unmutated,
    Denied(u64),
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr, connector: &TlsConnector) -> Option<Self> {
        let stream = TcpStream::connect(address).await.ok()?;
        let stream = connector.connect(NAME.try_into().unwrap(), stream).await.ok()?;
        let certificate = stream.get_ref().1.peer_certificates()?.first()?.to_vec();
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(connection);
        Some(Self { sender, certificate })
    }

    pub(crate) async fn get(&mut self, path: &str) -> Option<(u16, String)> {
        let request = Request::get(path).header("host", NAME).body(Full::default()).unwrap();
        self.send(request).await
    }

    /// Whether the server has not closed it.
    pub(crate) async fn is_open(&mut self) -> bool {
        self.sender.ready().await.is_ok()
    }

    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> Option<(u16, String)> {
        self.sender.ready().await.ok()?;
        let answer = self.sender.send_request(request).await.ok()?;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.ok()?.to_bytes();
        Some((status, String::from_utf8(body.to_vec()).unwrap()))
    }

    pub(crate) async fn review(&mut self, path: &str, account: &str) -> Option<Reviewed> {
        let request = Request::post(path)
            .header("host", NAME)
            .header("content-type", "application/json")
            .body(Full::from(review(account).to_string()))
            .unwrap();
        let (status, body) = self.send(request).await?;
        assert_eq!(status, 200, "{body}");
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["response"]["uid"], "a65fb067-1673-4086-8307-4ab6f0056b87");
        let response = &body["response"];
        Some(match (response["allowed"].as_bool().unwrap(), response["patch"].as_str()) {
            (true, Some(patch)) => Reviewed::Mutated(role(patch)),
            (true, None) => Reviewed::Unmutated,
            (false, _) => Reviewed::Denied(response["status"]["code"].as_u64().unwrap()),
        })
    }
}

/// A recorded review, for a pod of this account.
fn review(account: &str) -> Value {
    let recorded = include_str!("../../src/fixtures/reviews/url-001-create-app.request.json");
    let mut review: Value = serde_json::from_str(recorded).unwrap();
    review["request"]["object"]["spec"]["serviceAccountName"] = json!(account);
    review
}

/// The value of AWS_ROLE_ARN in a patch.
fn role(patch: &str) -> String {
    use base64::Engine as _;
    let patch = base64::engine::general_purpose::STANDARD.decode(patch).unwrap();
    let patch = String::from_utf8(patch).unwrap();
    let (_, after) = patch.split_once(r#""name":"AWS_ROLE_ARN","value":""#).unwrap();
    after.split('"').next().unwrap().to_owned()
}

fn connector(ca: &str) -> TlsConnector {
    use rustls_pki_types::pem::PemObject as _;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(rustls_pki_types::CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
    TlsConnector::from(Arc::new(
        rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth(),
    ))
}

pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..1_500 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} did not come within 15 s");
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.kill();
    }
}
