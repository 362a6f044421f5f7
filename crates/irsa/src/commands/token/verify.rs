//! `irsa token verify`: what STS checks before it looks at any policy.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use irsa_cloud::issuers::{IssuerSettings, Issuers, Targets};
use irsa_token::jwks::MAX_BYTES;
use irsa_token::{Claims, Jwks, TokenError, Unverified};
use serde_json::json;

use super::read;
use crate::cli::token::Verify;
use crate::error::CliError;
use crate::input;
use crate::output::{FAINT, GOOD, result, visible};
use crate::serve::{now, read_certificates};

pub(super) async fn verify(arguments: &Verify) -> Result<ExitCode, CliError> {
    let text = read(&arguments.file)?;
    let token = Unverified::parse(&text).map_err(|error| refused("IRSA-T060", &error))?;
    let issuer = arguments.issuer.as_deref().unwrap_or_else(|| token.issuer());
    if issuer != token.issuer() {
        return Err(CliError::no(
            "IRSA-T080",
            format!("the token is of the issuer {}, not of {issuer}", token.issuer()),
        ));
    }
    let keys = match &arguments.jwks {
        Some(file) => keys_of(file)?,
        None => fetched(arguments, issuer, token.kid()).await?,
    };
    let claims = token.verify(&keys).map_err(|error| refused(signature_code(&error), &error))?;
    claims.check_time(now(), 0).map_err(|error| refused("IRSA-T062", &error))?;
    check_audience(&claims, &arguments.audience)?;
    let value = json!({ "apiVersion": "irsa/v1", "kind": "TokenVerification", "verified": true, "claims": claims.raw });
    result(arguments.output, &value, || table(&claims))?;
    Ok(ExitCode::SUCCESS)
}

fn table(claims: &Claims) -> String {
    format!(
        "{GOOD}verified{GOOD:#}   {}\n{FAINT}issuer     {}\naudience   {}{FAINT:#}\n",
        visible(&claims.sub),
        visible(&claims.iss),
        visible(&claims.aud.join(", "))
    )
}

/// AWS compares `azp` where there is one, else one of `aud`.
fn check_audience(claims: &Claims, allowed: &[String]) -> Result<(), CliError> {
    let found: Vec<&String> =
        claims.azp.as_ref().map_or_else(|| claims.aud.iter().collect(), |azp| vec![azp]);
    if found.iter().any(|audience| allowed.contains(audience)) {
        return Ok(());
    }
    let found: Vec<&str> = found.into_iter().map(String::as_str).collect();
    let message = format!("the token's audience {} is none of {}", found.join(", "), allowed.join(", "));
    Err(CliError::no("IRSA-T022", message).with_fix("name the audience that you expect with --audience"))
}

fn keys_of(file: &Path) -> Result<Arc<Jwks>, CliError> {
    let unusable =
        |reason: String| CliError::undecided("IRSA-X051", format!("--jwks {}: {reason}", file.display()));
    let json = input::read(file, MAX_BYTES).map_err(|error| unusable(error.to_string()))?;
    Jwks::parse(json.as_bytes()).map(Arc::new).map_err(|error| unusable(error.to_string()))
}

/// The keys that the issuer publishes. Whoever names the issuer may name a private one; a token may not.
async fn fetched(arguments: &Verify, issuer: &str, kid: Option<&str>) -> Result<Arc<Jwks>, CliError> {
    let named = arguments
        .issuer
        .as_deref()
        .and_then(|issuer| Some((issuer.to_owned(), url::Url::parse(issuer).ok()?)));
    let extra_roots = read_certificates("--issuer-ca", &arguments.issuer_ca)?;
    let settings = IssuerSettings {
        extra_roots,
        targets: Targets::new(arguments.issuer_allow.clone()),
        instead: named.into_iter().collect(),
    };
    Issuers::new(settings).keys(issuer, kid).await.map_err(|error| {
        CliError::undecided("IRSA-X051", format!("the keys of {issuer} could not be had: {error}"))
            .with_fix("name the issuer with --issuer, its certificate authority with --issuer-ca, or a copy of its keys with --jwks")
    })
}

fn signature_code(error: &TokenError) -> &'static str {
    if matches!(error, TokenError::BadSignature) { "IRSA-T061" } else { "IRSA-I001" }
}

fn refused(code: &'static str, error: &TokenError) -> CliError {
    CliError::no(code, error.reason())
}
