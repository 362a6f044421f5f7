//! `irsa issuer`: the issuer of a self-managed cluster, published so that STS finds its keys.

mod folder;
mod place;
mod plan;
mod profile;
mod publish;
mod rotate;
mod serve;
mod source;
mod store;
mod verify;

use std::process::ExitCode;

use irsa_cluster::issuer::{Document, IssuerKey, documents};

use crate::cli::issuer::{Issuer, IssuerCommand};
use crate::error::CliError;

pub(crate) async fn issuer(arguments: Issuer) -> Result<ExitCode, CliError> {
    match arguments.command {
        IssuerCommand::Plan(arguments) => plan::plan(&arguments).await,
        IssuerCommand::Publish(arguments) => publish::publish(&arguments).await,
        IssuerCommand::Rotate(arguments) => rotate::rotate(&arguments).await,
        IssuerCommand::Verify(arguments) => verify::verify(&arguments).await,
        IssuerCommand::Serve(arguments) => serve::serve(arguments).await,
    }
}

fn documents_of(issuer: &str, keys: &[IssuerKey]) -> Result<[Document; 2], CliError> {
    documents(issuer, keys).map_err(|error| {
        CliError::usage("IRSA-X060", format!("--issuer {issuer}: {error}"))
            .with_fix("an issuer is a plain https:// URL, such as https://issuer.example.com/cluster-1")
    })
}
