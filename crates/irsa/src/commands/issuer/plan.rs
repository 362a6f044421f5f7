//! `irsa issuer plan`: everything that has to be done, before anything is.

use std::process::ExitCode;

use irsa_cluster::issuer::flags::{Distribution, configuration};
use irsa_token::provider_name;
use serde_json::json;

use super::documents_of;
use super::source::known;
use crate::cli::issuer::{Plan, Tool};
use crate::error::CliError;
use crate::output::{FAINT, STRONG, result};

pub(super) async fn plan(arguments: &Plan) -> Result<ExitCode, CliError> {
    let known = known(&arguments.issuer).await?;
    let (issuer, keys) = (known.issuer.as_str(), &known.keys);
    let documents = documents_of(issuer, keys)?;
    // Tokens of before are in pods: the API server has to go on accepting them.
    let live = known.live.as_ref().map(|live| live.issuer.as_str()).filter(|live| *live != issuer);
    let previous = arguments.previous_issuer.as_deref().or(live);
    let configuration = configuration(distribution(arguments.tool), issuer, previous);
    let provider = provider_command(issuer);
    let text = |body: &[u8]| String::from_utf8_lossy(body).into_owned();
    let value = json!({
        "apiVersion": "irsa/v1",
        "kind": "IssuerPlan",
        "issuer": issuer,
        "documents": documents.iter().map(|document| json!({
            "path": document.path, "contentType": document.media_type, "body": text(&document.body),
        })).collect::<Vec<_>>(),
        "keys": keys.iter().map(|key| json!({ "kid": key.kid, "algorithm": key.algorithm })).collect::<Vec<_>>(),
        "configuration": configuration,
        "provider": provider,
    });
    result(arguments.output, &value, || {
        let mut out = format!("{STRONG}1. publish, below {issuer}{STRONG:#}\n");
        for document in &documents {
            out.push_str(&format!("   {}  {FAINT}{}{FAINT:#}\n", document.path, document.media_type));
            out.push_str(&format!("   {}\n", text(&document.body)));
        }
        out.push_str(&format!("   {FAINT}irsa issuer publish writes them{FAINT:#}\n"));
        out.push_str(&format!("{STRONG}2. tell the API server{STRONG:#}\n"));
        configuration.lines().for_each(|line| out.push_str(&format!("   {line}\n")));
        out.push_str(&format!(
            "{STRONG}3. make the provider, once for each account{STRONG:#}\n   {provider}\n"
        ));
        out
    })?;
    Ok(ExitCode::SUCCESS)
}

fn provider_command(issuer: &str) -> String {
    // A name was found, or the documents would not have been written.
    let name = provider_name(issuer).unwrap_or_default();
    format!(
        "aws iam create-open-id-connect-provider --url {issuer} --client-id-list sts.amazonaws.com   # arn:aws:iam::ACCOUNT:oidc-provider/{name}"
    )
}

fn distribution(tool: Tool) -> Distribution {
    match tool {
        Tool::Kubeadm => Distribution::Kubeadm,
        Tool::K3s => Distribution::K3s,
        Tool::Kind => Distribution::Kind,
        Tool::Talos => Distribution::Talos,
        Tool::Kops => Distribution::Kops,
    }
}
