//! SeaweedFS: verifies the token and enforces policies; roles come from a configuration file.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde_json::json;

use crate::Failure;
use crate::http::{call, signed};
use crate::process::{Process, free_address};
use crate::sts::{BUCKET, Peer, Scene};

const ROLE: &str = "arn:aws:iam::role/bench";

/// Starts `weed server` with master, volume, filer and S3 in one process.
pub(crate) async fn start(tools: &Path, folder: &Path, scene: &Scene) -> Result<Peer, Failure> {
    std::fs::create_dir_all(folder)?;
    let config = folder.join("iam.json");
    std::fs::write(&config, configuration(scene).to_string())?;
    let address = SocketAddr::from(([127, 0, 0, 1], free_port_below(55_000)?));
    let mut command = Command::new(tools.join("bin/weed"));
    command.arg("server").arg(format!("-dir={}", folder.display())).args([
        "-ip=127.0.0.1",
        "-s3",
        "-volume.max=8",
    ]);
    command.arg(format!("-s3.port={}", address.port())).arg(format!("-s3.iam.config={}", config.display()));
    for port in ["master.port", "volume.port", "filer.port"] {
        let free = free_port_below(55_000)?;
        command.arg(format!("-{port}={free}"));
    }
    let process = Process::start(&mut command, address, "/").await?;
    // The gateway answers before its filer and volumes do.
    let key = patiently(|| crate::sts::session(address, ROLE, scene.text_audience_token())).await?;
    let bucket = || -> Result<Request<Bytes>, Failure> {
        let request =
            Request::put(format!("/{BUCKET}")).header("host", address.to_string()).body(Bytes::new())?;
        signed(request, &key, "s3")
    };
    patiently(|| async { call(address, bucket()?).await }).await?;
    for request in scene.puts(address, &key)? {
        patiently(|| call(address, request.clone())).await?;
    }
    Ok(Peer {
        name: "seaweedfs",
        exchange: scene.exchanges(address, ROLE, &scene.text_audience_tokens)?,
        identity: scene.identity(address, &key)?,
        get: scene.gets(address, &key)?,
        put: scene.puts(address, &key)?,
        process,
        address,
    })
}

fn configuration(scene: &Scene) -> serde_json::Value {
    let issuer = format!("http://{}", scene.issuer_address);
    json!({
        "sts": {
            "tokenDuration": "1h",
            "maxSessionLength": "12h",
            "issuer": "seaweedfs-sts",
            "signingKey": "dGVzdC1zaWduaW5nLWtleS0zMi1jaGFyYWN0ZXJzLWxvbmc="
        },
        "providers": [{
            "name": "bench",
            "type": "oidc",
            "enabled": true,
            "config": {"issuer": scene.issuer, "clientId": crate::tokens::AUDIENCE, "jwksUri": format!("{issuer}/keys")}
        }],
        "policy": {"defaultEffect": "Deny", "storeType": "memory"},
        "roles": [{
            "roleName": "bench",
            "roleArn": ROLE,
            "trustPolicy": {
                "Version": "2012-10-17",
                "Statement": [{
                    "Effect": "Allow",
                    "Principal": {"Federated": "bench"},
                    "Action": ["sts:AssumeRoleWithWebIdentity"],
                    "Condition": {"StringEquals": {"oidc:sub": crate::tokens::SUBJECT}}
                }]
            },
            "attachedPolicies": ["bucket"]
        }],
        "policies": [{
            "name": "bucket",
            "document": {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": ["s3:*", "sts:ValidateSession"], "Resource": ["*"]}]
            }
        }]
    })
}

/// Every port of its has a gRPC port ten thousand higher, which must be one too.
fn free_port_below(most: u16) -> Result<u16, Failure> {
    for _ in 0..1_000 {
        let port = free_address()?.port();
        if port < most {
            return Ok(port);
        }
    }
    Err("no free port".into())
}

async fn patiently<T, F: Future<Output = Result<T, Failure>>>(attempt: impl Fn() -> F) -> Result<T, Failure> {
    let mut outcome = attempt().await;
    for _ in 0..60 {
        if outcome.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        outcome = attempt().await;
    }
    outcome
}
