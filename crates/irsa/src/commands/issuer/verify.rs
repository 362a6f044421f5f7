//! `irsa issuer verify`: the issuer's documents, fetched as STS fetches them, hold every key that signs.

use std::process::ExitCode;

use irsa_cloud::issuers::{IssuerSettings, Issuers, Targets};
use serde_json::json;

use super::{documents_of, read_keys};
use crate::cli::issuer::VerifyIssuer;
use crate::error::CliError;
use crate::output::{BAD, GOOD, result, visible};
use crate::serve::read_certificates;

pub(super) async fn verify(arguments: &VerifyIssuer) -> Result<ExitCode, CliError> {
    let issuer = arguments.issuer.issuer.as_str();
    let keys = read_keys(&arguments.issuer)?;
    documents_of(issuer, &keys)?;
    let settings = IssuerSettings {
        extra_roots: read_certificates("--issuer-ca", &arguments.issuer_ca)?,
        targets: Targets::new(arguments.issuer_allow.clone()),
        instead: Default::default(),
    };
    let published = Issuers::new(settings).keys(issuer, None).await.map_err(|error| {
        CliError::undecided("IRSA-X051", format!("{issuer}: {error}"))
            .with_fix("serve the folder of `irsa issuer publish` at exactly this URL, over HTTPS with a certificate that is trusted")
    })?;
    let missing: Vec<&str> =
        keys.iter().map(|key| key.kid.as_str()).filter(|kid| !published.has(kid)).collect();
    let value = json!({
        "apiVersion": "irsa/v1", "kind": "IssuerVerification", "issuer": issuer, "complete": missing.is_empty(),
        "published": published.keys().iter().filter_map(|key| key.kid()).collect::<Vec<_>>(), "missing": missing,
    });
    result(arguments.output, &value, || {
        let mut out = String::new();
        for key in &keys {
            let (style, word) =
                if published.has(&key.kid) { (GOOD, "published") } else { (BAD, "missing  ") };
            out.push_str(&format!("{style}{word}{style:#} {}\n", visible(&key.kid)));
        }
        out
    })?;
    Ok(if missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
