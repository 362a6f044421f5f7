//! The two ports: each request to its half.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Request, Response, StatusCode, Version, header};
use hyper::body::Incoming;
use irsa_cloud::server::body::{Body, BodyError, collect};
use irsa_cloud::server::{Peer, Server};
use irsa_cluster::connections::{self, Limits};
use irsa_cluster::hosted::Hosted;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The most time that the body of a request to a hosted cluster may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// The largest body that a hosted cluster reads: Kubernetes' own limit for objects is 1.5 MiB in etcd.
const MOST_HOSTED_BYTES: usize = 2 * 1024 * 1024;

/// SDKs keep many connections, some of them idle for long.
fn limits() -> Limits {
    Limits { connections: 65_536, wait: Duration::from_secs(30), settle: Duration::ZERO, ..Limits::default() }
}

/// Serves the AWS services over plain HTTP until `stop`.
pub(super) async fn serve_plain(
    listener: TcpListener,
    server: Arc<Server>,
    stop: CancellationToken,
    connections: TaskTracker,
) {
    let answer = move |address: IpAddr, request: Request<Incoming>| {
        let server = Arc::clone(&server);
        async move {
            let waits = waits_for_leave(&request);
            let response = server.handle(Peer { address, secure: false }, request).await;
            if waits { announced(response) } else { response }
        }
    };
    connections::serve(listener, None, limits(), answer, stop, connections).await;
}

/// Serves issuers and hosted clusters, and the AWS services too, over TLS until `stop`.
pub(super) async fn serve_tls(
    listener: TcpListener,
    config: Arc<rustls::ServerConfig>,
    server: Arc<Server>,
    hosted: Arc<Hosted>,
    stop: CancellationToken,
    connections: TaskTracker,
) {
    let answer = move |address: IpAddr, request: Request<Incoming>| {
        let (server, hosted) = (Arc::clone(&server), Arc::clone(&hosted));
        async move {
            let waits = waits_for_leave(&request);
            let response = answer(Peer { address, secure: true }, &server, &hosted, request).await;
            if waits { announced(response) } else { response }
        }
    };
    connections::serve(listener, Some(config), limits(), answer, stop, connections).await;
}

async fn answer(peer: Peer, server: &Server, hosted: &Hosted, request: Request<Incoming>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    if !Hosted::serves(parts.uri.path()) || server.is_bucket_host(&parts) {
        return server.handle(peer, Request::from_parts(parts, body)).await;
    }
    let refused = match collect(body, MOST_HOSTED_BYTES, BODY_TIMEOUT).await {
        Ok(body) => {
            return hosted.answer(peer.address, Request::from_parts(parts, body)).await.map(Body::from);
        }
        Err(BodyError::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
        Err(BodyError::TimedOut) => StatusCode::REQUEST_TIMEOUT,
        Err(BodyError::Broken(_)) => StatusCode::BAD_REQUEST,
    };
    let mut response = Response::new(Body::from(Vec::new()));
    *response.status_mut() = refused;
    response
}

/// Whether a client holds its body back until it is asked for (RFC 9110 §10.1.1).
fn waits_for_leave(request: &Request<Incoming>) -> bool {
    request.version() <= Version::HTTP_11 && request.headers().contains_key(header::EXPECT)
}

/// A refusal comes before the body, after which the connection cannot be used again: a client that is not told sends its next
/// request into the closing connection, and botocore then takes the last refusal for the answer to that.
fn announced(mut response: Response<Body>) -> Response<Body> {
    if !response.status().is_success() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
