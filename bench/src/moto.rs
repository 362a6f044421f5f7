//! moto's server: checks neither token nor signature nor policy.

use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use http::Request;

use crate::Failure;
use crate::http::{Key, call, signed};
use crate::process::{Process, free_address};
use crate::sts::{BUCKET, Peer, Scene};

/// Starts moto's server and prepares bucket and object.
pub(crate) async fn start(tools: &Path, scene: &Scene) -> Result<Peer, Failure> {
    let address = free_address()?;
    let mut command = Command::new(tools.join("bin/moto_server"));
    command.args(["-H", "127.0.0.1", "-p", &address.port().to_string()]);
    let process = Process::start(&mut command, address, "/moto-api/").await?;
    let admin = Key { id: "AKIAIOSFODNN7EXAMPLE".to_owned(), secret: "any".to_owned(), token: None };
    let bucket = Request::put(format!("/{BUCKET}")).header("host", address.to_string()).body(Bytes::new())?;
    call(address, signed(bucket, &admin, "s3")?).await?;
    for request in scene.puts(address, &admin)? {
        call(address, request).await?;
    }
    let role_arn = "arn:aws:iam::123456789012:role/bench";
    let key = crate::sts::session(address, role_arn, scene.token()?).await?;
    Ok(Peer {
        name: "moto",
        exchange: scene.exchanges(address, role_arn, &scene.tokens)?,
        identity: scene.identity(address, &key)?,
        get: scene.gets(address, &key)?,
        put: scene.puts(address, &key)?,
        process,
        address,
    })
}
