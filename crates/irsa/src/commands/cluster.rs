//! `irsa cluster`: the clusters that the running server knows, and making those known that others run.

mod register;
mod server;
mod source;

use std::process::ExitCode;

use serde_json::{Value, json};

use self::server::Server;
use crate::cli::cluster::{Cluster, ClusterCommand, Deregister, List};
use crate::error::CliError;
use crate::output::{STRONG, note, result, visible};

pub(crate) async fn cluster(arguments: Cluster) -> Result<ExitCode, CliError> {
    match arguments.command {
        ClusterCommand::Register(arguments) => register::register(&arguments).await,
        ClusterCommand::List(arguments) => list(&arguments).await,
        ClusterCommand::Deregister(arguments) => deregister(&arguments).await,
    }
}

async fn list(arguments: &List) -> Result<ExitCode, CliError> {
    let server = Server::of(&arguments.owner)?;
    let mut clusters = Vec::new();
    for name in server.names().await? {
        // One that is deleted meanwhile is not there.
        if let Some(cluster) = server.describe(&name).await? {
            let text = |pointer: &str| cluster.pointer(pointer).and_then(Value::as_str).map(visible);
            clusters.push(json!({
                "name": name, "kind": if is_registered(&cluster) { "registered" } else { "hosted" },
                "status": text("/status"), "issuer": text("/identity/oidc/issuer"), "endpoint": text("/endpoint"),
            }));
        }
    }
    let value = json!({"apiVersion": "irsa/v1", "kind": "ClusterList", "items": clusters});
    result(arguments.output, &value, || {
        let columns = ["name", "kind", "status", "issuer"];
        let row = |cluster: &Value| {
            columns.map(|column| cluster.get(column).and_then(Value::as_str).unwrap_or("-").to_owned())
        };
        let mut rows = vec![columns.map(str::to_uppercase)];
        rows.extend(clusters.iter().map(row));
        let widths: Vec<usize> = (0..columns.len())
            .map(|column| {
                rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
            })
            .map(Option::unwrap_or_default)
            .collect();
        let line = |row: &[String; 4]| {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        rows.iter().map(line).collect::<Vec<_>>().join("\n")
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn deregister(arguments: &Deregister) -> Result<ExitCode, CliError> {
    let server = Server::of(&arguments.owner)?;
    let name = &arguments.name;
    let found = server.describe(name).await?.filter(is_registered);
    let Some(cluster) = found else {
        return Err(CliError::no(
            "IRSA-X038",
            format!("no cluster `{name}` is registered in {}", server.region()),
        )
        .with_fix(
            "`irsa cluster list` shows those there are; one that is hosted goes with `aws eks delete-cluster`",
        ));
    };
    if arguments.approve {
        server.deregister(name).await?;
    }
    let issuer = cluster.pointer("/identity/oidc/issuer").and_then(Value::as_str).map(visible);
    let issuer = issuer.unwrap_or_default();
    let value = json!({
        "apiVersion": "irsa/v1", "kind": "ClusterDeregistration", "name": name, "issuer": issuer, "done": arguments.approve,
    });
    result(arguments.output, &value, || {
        let done = if arguments.approve { "deregistered" } else { "would be deregistered" };
        format!("{done}: {name}, with the keys that were kept for {issuer}")
    })?;
    if !arguments.approve {
        note(&format!("{STRONG}nothing was done{STRONG:#}: add --approve"));
    }
    Ok(ExitCode::SUCCESS)
}

/// `DescribeCluster` shows a connector for clusters that others run.
fn is_registered(cluster: &Value) -> bool {
    cluster.get("connectorConfig").is_some()
}
