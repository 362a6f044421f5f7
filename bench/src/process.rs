//! A server's process: started, waited for, its CPU time and memory read, ended.

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::Failure;

/// A running server. It ends when this is dropped.
pub(crate) struct Process {
    child: Child,
    /// From exec to the first answer.
    pub(crate) start: Duration,
}

impl Process {
    /// Starts a command and waits until `path` at `address` is answered, with whatever status.
    pub(crate) async fn start(
        command: &mut Command,
        address: SocketAddr,
        path: &str,
    ) -> Result<Self, Failure> {
        Self::start_until(command, async || answers(address, path).await).await
    }

    /// Starts a command and waits until something listens at `address`.
    pub(crate) async fn start_listening(command: &mut Command, address: SocketAddr) -> Result<Self, Failure> {
        Self::start_until(command, async || TcpStream::connect(address).await.is_ok()).await
    }

    async fn start_until(command: &mut Command, is_up: impl AsyncFn() -> bool) -> Result<Self, Failure> {
        let started = Instant::now();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let mut process = Self { child, start: Duration::ZERO };
        let deadline = started + Duration::from_secs(60);
        while Instant::now() < deadline {
            if is_up().await {
                process.start = started.elapsed();
                return Ok(process);
            }
            if let Some(status) = process.child.try_wait()? {
                return Err(format!("{command:?} ended at once: {status}").into());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Err(format!("{command:?} did not answer within a minute").into())
    }

    /// The CPU time of the process and its threads so far, in microseconds.
    pub(crate) fn cpu_micros(&self) -> Result<f64, Failure> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // proc(5): utime and stime are fields 14 and 15; the name in parentheses may hold spaces.
        let (_, fields) = stat.rsplit_once(") ").ok_or("an unreadable /proc/PID/stat")?;
        let mut ticks = fields.split(' ').skip(11).take(2).map(str::parse::<f64>);
        let user = ticks.next().ok_or("no utime")??;
        let system = ticks.next().ok_or("no stime")??;
        // A tick is a hundredth of a second on every Linux.
        Ok((user + system) * 10_000.0)
    }

    /// Resident memory, in MiB.
    pub(crate) fn rss_mib(&self) -> Result<f64, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        Ok(kib.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody has just now.
pub(crate) fn free_address() -> Result<SocketAddr, Failure> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

async fn answers(address: SocketAddr, path: &str) -> bool {
    let asked = async {
        let stream = TcpStream::connect(address).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let request = Request::get(path).header("host", address.to_string()).body(Empty::<Bytes>::new())?;
        sender.send_request(request).await?;
        Ok::<(), Failure>(())
    };
    matches!(tokio::time::timeout(Duration::from_secs(2), asked).await, Ok(Ok(())))
}
