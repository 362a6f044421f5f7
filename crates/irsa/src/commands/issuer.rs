//! `irsa issuer`: the issuer of a self-managed cluster, published so that STS finds its keys.

mod folder;
mod plan;
mod publish;
mod rotate;
mod verify;

use std::process::ExitCode;

use irsa_cluster::issuer::{Document, IssuerKey, documents, keys};

use crate::cli::issuer::{Issuer, IssuerCommand, IssuerKeys};
use crate::error::CliError;

pub(crate) async fn issuer(arguments: Issuer) -> Result<ExitCode, CliError> {
    match arguments.command {
        IssuerCommand::Plan(arguments) => plan::plan(&arguments),
        IssuerCommand::Publish(arguments) => publish::publish(&arguments),
        IssuerCommand::Rotate(arguments) => rotate::rotate(&arguments),
        IssuerCommand::Verify(arguments) => verify::verify(&arguments).await,
    }
}

/// Every key of every file, each once.
fn read_keys(arguments: &IssuerKeys) -> Result<Vec<IssuerKey>, CliError> {
    let mut all: Vec<IssuerKey> = Vec::new();
    for file in &arguments.keys {
        for key in read_file(file)? {
            if !all.iter().any(|known| known.kid == key.kid) {
                all.push(key);
            }
        }
    }
    Ok(all)
}

fn read_file(file: &std::path::Path) -> Result<Vec<IssuerKey>, CliError> {
    let unusable = |reason: String| {
        CliError::undecided("IRSA-X061", format!("{}: {reason}", file.display()))
            .with_fix("give `sa.pub` of the control plane, or `kubectl get --raw /openid/v1/jwks`")
    };
    let text = std::fs::read_to_string(file).map_err(|error| unusable(error.to_string()))?;
    keys::read(&text).map_err(|error| unusable(error.to_string()))
}

fn documents_of(issuer: &str, keys: &[IssuerKey]) -> Result<[Document; 2], CliError> {
    documents(issuer, keys).map_err(|error| {
        CliError::usage("IRSA-X060", format!("--issuer {issuer}: {error}"))
            .with_fix("an issuer is a plain https:// URL, such as https://issuer.example.com/cluster-1")
    })
}
