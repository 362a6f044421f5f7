//! Connections of every server: accepting, TLS, HTTP/1.1 and HTTP/2, limits, and the end.
//!
//! What is answered is the caller's: a function from a request, and the address it comes from, to its answer.

pub(crate) mod answer;

use std::convert::Infallible;
use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// An HTTP/2 connection that does not answer a ping for so long is dead.
const PING: Duration = Duration::from_secs(20);
/// The most time that a connection that was told to end may take, where it has a longest life at all.
const LAST_ANSWERS: Duration = Duration::from_secs(10);

/// What clients may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// So many connections at once; the next ones wait.
    pub connections: usize,
    /// The most time for a TLS handshake, and for the head of a request, for which also an idle connection is kept.
    pub wait: Duration,
    /// The largest head of a request, in bytes; without one, hyper's own limits.
    pub head: Option<usize>,
    /// So many requests at once on an HTTP/2 connection.
    pub streams: u32,
    /// So long a connection lives, when strangers may open them: it is ended between two requests.
    pub life: Option<Duration>,
    /// Connections are closed by us so long after the listening has ended: a request may be on its way, and HTTP/1.1 has no
    /// word for "not this one any more". Its answer tells the client to close the connection.
    pub settle: Duration,
}

impl Default for Limits {
    /// For clients that are known.
    fn default() -> Self {
        Self {
            connections: 4_096,
            wait: Duration::from_secs(10),
            head: None,
            streams: 1_000,
            life: None,
            settle: Duration::from_millis(500),
        }
    }
}

impl Limits {
    /// For a port that anybody reaches.
    #[must_use]
    pub fn public() -> Self {
        Self { head: Some(16 * 1024), streams: 100, life: Some(Duration::from_secs(300)), ..Self::default() }
    }
}

/// Answers on `listener`, over TLS when there is a `tls` configuration (HTTP/2 then, too), until `stop`. Connections are tasks of
/// `connections`, which the caller waits for.
pub async fn serve<A, F, B>(
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    limits: Limits,
    answer: A,
    stop: CancellationToken,
    connections: TaskTracker,
) where
    A: Fn(IpAddr, Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let acceptor = tls.map(TlsAcceptor::from);
    let builder = builder(&limits);
    let places = Arc::new(Semaphore::new(limits.connections));
    while let Some((stream, peer, place)) = accept(&listener, &places, &stop).await {
        let (builder, answer, limits, stop, acceptor) =
            (builder.clone(), answer.clone(), limits.clone(), stop.clone(), acceptor.clone());
        let answer = move |request| answer(peer, request);
        connections.spawn(async move {
            let _place = place;
            match acceptor {
                None => converse(stream, &builder.http1_only(), answer, &limits, &stop).await,
                Some(acceptor) => {
                    let handshake = tokio::time::timeout(limits.wait, acceptor.accept(stream)).await;
                    let Ok(Ok(stream)) = handshake else { return };
                    converse(stream, &builder, answer, &limits, &stop).await;
                }
            }
        });
    }
}

fn builder(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.wait);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .max_concurrent_streams(limits.streams);
    if let Some(head) = limits.head {
        builder.http1().max_buf_size(head);
        builder.http2().max_header_list_size(u32::try_from(head).unwrap_or(u32::MAX));
    }
    builder
}

/// The requests of one connection, to its end.
async fn converse<S, A, F, B>(
    stream: S,
    builder: &Builder<TokioExecutor>,
    answer: A,
    limits: &Limits,
    stop: &CancellationToken,
) where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    A: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let is_used = Arc::new(AtomicBool::new(false));
    let used = Arc::clone(&is_used);
    let service = service_fn(move |request| {
        used.store(true, Ordering::Relaxed);
        let answer = answer(request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = silent(&is_used, limits.wait) => return,
        () = stopped(stop, limits.settle) => connection.as_mut().graceful_shutdown(),
        () = lived(limits.life) => {
            connection.as_mut().graceful_shutdown();
            let _ = tokio::time::timeout(LAST_ANSWERS, connection).await;
            return;
        }
    }
    let _ = connection.await;
}

/// A connection on which nothing was asked in time. The protocols' own timeouts begin when it is known which one is spoken.
async fn silent(is_used: &AtomicBool, wait: Duration) {
    tokio::time::sleep(wait).await;
    if is_used.load(Ordering::Relaxed) {
        std::future::pending().await
    }
}

async fn lived(life: Option<Duration>) {
    match life {
        Some(life) => tokio::time::sleep(life).await,
        None => std::future::pending().await,
    }
}

async fn stopped(stop: &CancellationToken, settle: Duration) {
    stop.cancelled().await;
    tokio::time::sleep(settle).await;
}

/// The next connection, where it comes from, and its place; none once the server stops. An error of one connection (or a lack of file descriptors)
/// must not end the listening.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    stop: &CancellationToken,
) -> Option<(TcpStream, IpAddr, OwnedSemaphorePermit)> {
    loop {
        let next = async {
            let place = Arc::clone(places).acquire_owned().await;
            (listener.accept().await, place)
        };
        let (accepted, place) = stop.run_until_cancelled(next).await?;
        match (accepted, place) {
            (Ok((stream, address)), Ok(place)) => {
                let _ = stream.set_nodelay(true);
                return Some((stream, address.ip(), place));
            }
            (Err(error), _) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            (_, Err(_closed)) => return None,
        }
    }
}
