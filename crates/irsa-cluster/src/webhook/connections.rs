//! Accepting, TLS, HTTP/1.1 and HTTP/2, and the end of connections.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Webhook;

/// The most time for a TLS handshake, and for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// An HTTP/2 connection that does not answer a ping for so long is dead.
const PING: Duration = Duration::from_secs(20);
/// Connections are closed by us so long after the listening has ended.
const SETTLE: Duration = Duration::from_millis(500);
/// So many connections at once; the next ones wait.
const MOST_CONNECTIONS: usize = 4_096;

pub(super) async fn serve_tls(
    listener: TcpListener,
    config: Arc<rustls::ServerConfig>,
    webhook: Arc<Webhook>,
    stop: CancellationToken,
    connections: TaskTracker,
) {
    let acceptor = TlsAcceptor::from(config);
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    while let Some((stream, place)) = accept(&listener, &places, &stop).await {
        let (webhook, stop, acceptor) = (Arc::clone(&webhook), stop.clone(), acceptor.clone());
        connections.spawn(async move {
            let _place = place;
            let handshake = tokio::time::timeout(HEAD_TIMEOUT, acceptor.accept(stream)).await;
            let Ok(Ok(stream)) = handshake else { return };
            let service = service_fn(move |request: Request<Incoming>| {
                let webhook = Arc::clone(&webhook);
                async move { Ok::<_, Infallible>(webhook.answer(request).await) }
            });
            let mut builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
            builder
                .http2()
                .timer(TokioTimer::new())
                .keep_alive_interval(PING)
                .keep_alive_timeout(PING)
                .max_concurrent_streams(1_000);
            let connection = builder.serve_connection(TokioIo::new(stream), service);
            let mut connection = std::pin::pin!(connection);
            tokio::select! {
                _ = connection.as_mut() => return,
                () = stopped(&stop) => connection.as_mut().graceful_shutdown(),
            }
            let _ = connection.await;
        });
    }
}

/// Some time after `stop`: a request may be on its way, and HTTP/1.1 has no word for "not this one any more". Its answer tells
/// the client to close the connection.
async fn stopped(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(SETTLE).await;
}

pub(super) async fn serve_plain(
    listener: TcpListener,
    webhook: Arc<Webhook>,
    stop: CancellationToken,
    connections: TaskTracker,
) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    while let Some((stream, place)) = accept(&listener, &places, &stop).await {
        let (webhook, stop) = (Arc::clone(&webhook), stop.clone());
        connections.spawn(async move {
            let _place = place;
            let service = service_fn(move |request: Request<Incoming>| {
                let answer = webhook.answer_plain(&request);
                async move { Ok::<_, Infallible>(answer) }
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

/// The next connection and its place; none once the server stops. An error of one connection (or a lack of file descriptors)
/// must not end the listening.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    stop: &CancellationToken,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    loop {
        let next = async {
            let place = Arc::clone(places).acquire_owned().await;
            (listener.accept().await, place)
        };
        let (accepted, place) = stop.run_until_cancelled(next).await?;
        match (accepted, place) {
            (Ok((stream, _)), Ok(place)) => {
                let _ = stream.set_nodelay(true);
                return Some((stream, place));
            }
            (Err(error), _) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            (_, Err(_closed)) => return None,
        }
    }
}
