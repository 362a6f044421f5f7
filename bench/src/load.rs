//! The load: a number of keep-alive connections, each sending the next of the prepared requests as soon as it has an answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::Failure;
use crate::process::Process;

/// How long and how hard.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) connections: usize,
    pub(crate) time: Duration,
    /// No more requests than this, whatever the time: each prepared request may have to be sent once only.
    pub(crate) most: usize,
}

/// What was measured.
pub(crate) struct Measured {
    pub(crate) requests: usize,
    pub(crate) bad: usize,
    pub(crate) per_second: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    /// Server CPU time per request, in microseconds.
    pub(crate) cpu_micros: f64,
    /// Resident memory of the server afterwards, in MiB.
    pub(crate) rss_mib: f64,
}

/// Where requests go: plain HTTP/1.1, or over TLS to a server of this name.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) tls: Option<(TlsConnector, &'static str)>,
}

/// Drives `server` with `requests`, in their order and from the start again when they run out.
pub(crate) async fn drive(
    server: &Process,
    address: SocketAddr,
    requests: Arc<Vec<Request<Bytes>>>,
    load: Load,
) -> Result<Measured, Failure> {
    drive_at(server, Target { address, tls: None }, requests, load).await
}

/// The same, at any target.
pub(crate) async fn drive_at(
    server: &Process,
    target: Target,
    requests: Arc<Vec<Request<Bytes>>>,
    load: Load,
) -> Result<Measured, Failure> {
    let next = Arc::new(AtomicUsize::new(0));
    let cpu_before = server.cpu_micros()?;
    let started = Instant::now();
    let workers: Vec<_> = (0..load.connections)
        .map(|_| {
            tokio::spawn(work(
                target.clone(),
                Arc::clone(&requests),
                Arc::clone(&next),
                load,
                started + load.time,
            ))
        })
        .collect();
    let (mut latencies, mut bad) = (Vec::new(), 0);
    for worker in workers {
        let (mut of_worker, bad_of_worker) = worker.await??;
        latencies.append(&mut of_worker);
        bad += bad_of_worker;
    }
    let took = started.elapsed();
    let cpu = server.cpu_micros()? - cpu_before;
    latencies.sort_unstable();
    let at =
        |share: f64| latencies.get((latencies.len() as f64 * share) as usize).copied().unwrap_or_default();
    Ok(Measured {
        requests: latencies.len(),
        bad,
        per_second: latencies.len() as f64 / took.as_secs_f64(),
        p50: at(0.50),
        p99: at(0.99),
        cpu_micros: cpu / latencies.len().max(1) as f64,
        rss_mib: server.rss_mib()?,
    })
}

/// One request on a connection of its own: the answer's body.
pub(crate) async fn once(target: &Target, request: Request<Bytes>) -> Result<Bytes, Failure> {
    let mut sender = connect(target).await?;
    let response = sender.send_request(request.map(Full::new)).await?;
    Ok(response.into_body().collect().await?.to_bytes())
}

async fn work(
    target: Target,
    requests: Arc<Vec<Request<Bytes>>>,
    next: Arc<AtomicUsize>,
    load: Load,
    end: Instant,
) -> Result<(Vec<Duration>, usize), Failure> {
    let (mut latencies, mut bad) = (Vec::new(), 0);
    let mut connection = None;
    while Instant::now() < end {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let Some(request) = requests.get(index % requests.len()).filter(|_| index < load.most) else { break };
        let sent = Instant::now();
        if !exchange(&mut connection, &target, request).await? {
            bad += 1;
        }
        latencies.push(sent.elapsed());
    }
    Ok((latencies, bad))
}

/// Whether the answer was a good one. Servers that close after every answer get a new connection.
async fn exchange(
    connection: &mut Option<SendRequest<Full<Bytes>>>,
    target: &Target,
    request: &Request<Bytes>,
) -> Result<bool, Failure> {
    let mut sender = match alive(connection.take()).await {
        Some(sender) => sender,
        None => connect(target).await?,
    };
    let Ok(response) = sender.send_request(request.clone().map(Full::new)).await else { return Ok(false) };
    let good = response.status().is_success();
    let body = response.into_body().collect().await;
    if body.is_ok() && !sender.is_closed() {
        *connection = Some(sender);
    }
    Ok(good && body.is_ok())
}

async fn alive(connection: Option<SendRequest<Full<Bytes>>>) -> Option<SendRequest<Full<Bytes>>> {
    let mut sender = connection?;
    sender.ready().await.is_ok().then_some(sender)
}

async fn connect(target: &Target) -> Result<SendRequest<Full<Bytes>>, Failure> {
    let stream = TcpStream::connect(target.address).await?;
    stream.set_nodelay(true)?;
    let Some((connector, name)) = &target.tls else {
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        return Ok(sender);
    };
    let stream = connector.connect((*name).try_into()?, stream).await?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}
