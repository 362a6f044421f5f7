//! Our server, durable, with an issuer that it has to fetch like anybody's.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use http::Request;

use crate::Failure;
use crate::http::{Key, call, element, form, signed};
use crate::process::{Process, free_address};
use crate::sts::{BUCKET, Peer, Scene};

const ACCOUNT: &str = "111122223333";
const IAM: &str = "2010-05-08";

/// Starts `irsa up` and prepares role, bucket and object.
pub(crate) async fn start(binary: &Path, folder: &Path, scene: &Scene) -> Result<Peer, Failure> {
    let address = free_address()?;
    let process = launch(binary, folder, address, scene).await?;
    let admin = admin_key(folder)?;
    let role_arn = set_up(address, &admin, scene).await?;
    let key = crate::sts::session(address, &role_arn, scene.token()?).await?;
    Ok(Peer {
        name: "irsa",
        exchange: scene.exchanges(address, &role_arn, &scene.tokens)?,
        identity: scene.identity(address, &key)?,
        get: scene.gets(address, &key)?,
        put: scene.puts(address, &key)?,
        process,
        address,
    })
}

/// The median time from exec to the first answer, and the memory of an idle server, in MiB.
pub(crate) async fn start_time(
    binary: &Path,
    folder: &Path,
    scene: &Scene,
) -> Result<(Duration, f64), Failure> {
    let mut times = Vec::new();
    let mut rss = 0.0;
    for round in 0..5 {
        let folder = folder.join(format!("start-{round}"));
        let process = launch(binary, &folder, free_address()?, scene).await?;
        times.push(process.start);
        rss = process.rss_mib()?;
    }
    times.sort_unstable();
    Ok((times.get(2).copied().unwrap_or_default(), rss))
}

async fn launch(
    binary: &Path,
    folder: &Path,
    address: SocketAddr,
    scene: &Scene,
) -> Result<Process, Failure> {
    let mut command = Command::new(binary);
    command
        .arg("up")
        .arg("--data")
        .arg(folder)
        .args(["--listen", &address.to_string(), "--listen-tls", "127.0.0.1:0"])
        .args(["--account", ACCOUNT, "--region", "us-east-1"])
        .arg("--issuer-map")
        .arg(format!("{}=http://{}", scene.issuer, scene.issuer_address));
    Process::start(&mut command, address, "/_irsa/ready").await
}

async fn set_up(address: SocketAddr, admin: &Key, scene: &Scene) -> Result<String, Failure> {
    let iam = async |parameters: &[(&str, &str)]| -> Result<String, Failure> {
        let mut all = vec![("Version", IAM)];
        all.extend_from_slice(parameters);
        call(address, signed(form(address, &all)?, admin, "iam")?).await
    };
    let host = scene.issuer.trim_start_matches("https://");
    iam(&[
        ("Action", "CreateOpenIDConnectProvider"),
        ("Url", &scene.issuer),
        ("ClientIDList.member.1", crate::tokens::AUDIENCE),
    ])
    .await?;
    let trust = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Federated": format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{host}")},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {
                format!("{host}:sub"): crate::tokens::SUBJECT,
                format!("{host}:aud"): crate::tokens::AUDIENCE,
            }},
        }],
    });
    let role = iam(&[
        ("Action", "CreateRole"),
        ("RoleName", "bench"),
        ("AssumeRolePolicyDocument", &trust.to_string()),
    ])
    .await?;
    let policy = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject", "s3:ListBucket"],
            "Resource": [format!("arn:aws:s3:::{BUCKET}"), format!("arn:aws:s3:::{BUCKET}/*")],
        }],
    });
    iam(&[
        ("Action", "PutRolePolicy"),
        ("RoleName", "bench"),
        ("PolicyName", "bucket"),
        ("PolicyDocument", &policy.to_string()),
    ])
    .await?;
    let bucket = Request::put(format!("/{BUCKET}")).header("host", address.to_string()).body(Bytes::new())?;
    call(address, signed(bucket, admin, "s3")?).await?;
    for request in scene.puts(address, admin)? {
        call(address, request).await?;
    }
    element(&role, "Arn").map(str::to_owned).ok_or_else(|| format!("no Arn in {role}").into())
}

fn admin_key(folder: &Path) -> Result<Key, Failure> {
    let text = std::fs::read_to_string(folder.join("credentials"))?;
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_prefix('='));
        line.map(|value| value.trim().to_owned()).ok_or_else(|| format!("no {name} in the credentials file"))
    };
    Ok(Key { id: value("aws_access_key_id")?, secret: value("aws_secret_access_key")?, token: None })
}
