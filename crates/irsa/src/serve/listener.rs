//! The two ports: accept, speak HTTP, hand each request to its half, drain at the end.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Request, Response, StatusCode, Version, header};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use irsa_cloud::server::body::{Body, BodyError, collect};
use irsa_cloud::server::{Peer, Server};
use irsa_cluster::hosted::Hosted;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The most time a client may take for a TLS handshake, and for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// The most time that the body of a request to a hosted cluster may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// The largest body that a hosted cluster reads: Kubernetes' own limit for objects is 1.5 MiB in etcd.
const MOST_HOSTED_BYTES: usize = 2 * 1024 * 1024;

/// Serves the AWS services over plain HTTP until `stop`.
pub(super) async fn serve_plain(
    listener: TcpListener,
    server: Arc<Server>,
    stop: CancellationToken,
    connections: TaskTracker,
) {
    while let Some((stream, address)) = accept(&listener, &stop).await {
        let (server, stop) = (Arc::clone(&server), stop.clone());
        let peer = Peer { address: address.ip(), secure: false };
        connections.spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let server = Arc::clone(&server);
                async move {
                    let waits = waits_for_leave(&request);
                    let response = server.handle(peer, request).await;
                    Ok::<_, Infallible>(if waits { announced(response) } else { response })
                }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .serve_connection(TokioIo::new(stream), service);
            let mut connection = std::pin::pin!(connection);
            tokio::select! {
                _ = connection.as_mut() => return,
                () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
            }
            let _ = connection.await;
        });
    }
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
    let acceptor = TlsAcceptor::from(config);
    while let Some((stream, address)) = accept(&listener, &stop).await {
        let (server, hosted, stop, acceptor) =
            (Arc::clone(&server), Arc::clone(&hosted), stop.clone(), acceptor.clone());
        let peer = Peer { address: address.ip(), secure: true };
        connections.spawn(async move {
            let Ok(Ok(stream)) = tokio::time::timeout(HEAD_TIMEOUT, acceptor.accept(stream)).await else {
                return;
            };
            let service = service_fn(move |request: Request<Incoming>| {
                let (server, hosted) = (Arc::clone(&server), Arc::clone(&hosted));
                async move {
                    let waits = waits_for_leave(&request);
                    let response = answer(peer, &server, &hosted, request).await;
                    Ok::<_, Infallible>(if waits { announced(response) } else { response })
                }
            });
            let mut builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
            builder.http2().timer(TokioTimer::new());
            let connection = builder.serve_connection(TokioIo::new(stream), service);
            let mut connection = std::pin::pin!(connection);
            tokio::select! {
                _ = connection.as_mut() => return,
                () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
            }
            let _ = connection.await;
        });
    }
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

/// The next connection; none once the server stops. An error of one connection (or a lack of file descriptors) must not end
/// the listening.
async fn accept(
    listener: &TcpListener,
    stop: &CancellationToken,
) -> Option<(TcpStream, std::net::SocketAddr)> {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return None,
        };
        match accepted {
            Ok((stream, address)) => {
                let _ = stream.set_nodelay(true);
                return Some((stream, address));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}
