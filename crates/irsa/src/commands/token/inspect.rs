//! `irsa token inspect`: every claim with what it means to AWS, the token's age, and what is odd.

use std::process::ExitCode;

use irsa_token::inspect::{Inspection, Weight};
use irsa_token::provider_name;
use serde_json::{Value, json};

use super::read;
use crate::cli::token::Inspect;
use crate::error::CliError;
use crate::output::{BAD, FAINT, GOOD, STRONG, result, visible};
use crate::serve::now;

/// Claims that are told in lines of their own.
const TOLD: &[&str] = &["iss", "sub", "aud", "iat", "nbf", "exp", "jti", "kubernetes.io"];
/// The bar's width in characters.
const BAR: i64 = 30;

pub(super) fn inspect(arguments: &Inspect) -> Result<ExitCode, CliError> {
    let text = read(&arguments.file)?;
    let now = now();
    let inspection = Inspection::of(&text, now).map_err(|error| {
        CliError::no("IRSA-T060", error.reason())
            .with_fix("give the content of the projected token file as it is: three parts with dots between")
    })?;
    let value = json!({
        "apiVersion": "irsa/v1",
        "kind": "TokenInspection",
        "header": inspection.header,
        "claims": inspection.claims,
        "observations": inspection.observations,
    });
    result(arguments.output, &value, || table(&inspection, now))?;
    let is_fine = inspection.observations.iter().all(|observation| observation.weight == Weight::Note);
    Ok(if is_fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn table(token: &Inspection, now: i64) -> String {
    let mut out = String::new();
    let mut line = |name: &str, value: &str, meaning: &str| {
        let meaning = if meaning.is_empty() { String::new() } else { format!("  {FAINT}{meaning}{FAINT:#}") };
        out.push_str(&format!("{name:<10} {}{meaning}\n", visible(value)));
    };
    let header = |name: &str| token.header.get(name).and_then(Value::as_str).unwrap_or("none");
    let key = format!("{} by the key {}, {} characters", header("alg"), header("kid"), token.length);
    line("token", &key, "the signature is not checked: irsa token verify");
    let issuer = token.text("iss").unwrap_or("none");
    line("issuer", issuer, &provider_name(issuer).map(|name| format!("provider {name}")).unwrap_or_default());
    let subject = token.text("sub").unwrap_or("none");
    let account = token
        .service_account()
        .map(|(namespace, name)| format!("ServiceAccount {name} in the namespace {namespace}"));
    line("subject", subject, &account.unwrap_or_default());
    line(
        "audience",
        &token.audiences().join(", "),
        "what the provider's client ids and `:aud` are compared with",
    );
    for (name, claim) in [("issued", "iat"), ("valid from", "nbf"), ("expires", "exp")] {
        if let Some(time) = token.time(claim) {
            line(name, &moment(time), &distance(time, now));
        }
    }
    if let Some(bar) = age_bar(token, now) {
        line("age", &bar, "");
    }
    for kind in ["pod", "node", "secret"] {
        if let Some(name) = token.kubernetes(&[kind, "name"]) {
            line(kind, name, token.kubernetes(&[kind, "uid"]).unwrap_or("no uid"));
        }
    }
    if let Some(id) = token.text("jti") {
        line("id", id, "");
    }
    for (name, value) in token.claims.iter().filter(|(name, _)| !TOLD.contains(&name.as_str())) {
        line(&visible(name), &value.to_string(), "");
    }
    if token.observations.is_empty() {
        out.push_str(&format!("{GOOD}nothing odd{GOOD:#}\n"));
    }
    for observation in &token.observations {
        let (style, word) = match observation.weight {
            Weight::Impossible => (BAD, "impossible"),
            Weight::Refused => (BAD, "refused"),
            Weight::Note => (STRONG, "note"),
        };
        let message = visible(&observation.message);
        out.push_str(&format!(
            "{style}{word:<10}{style:#} {message}  {FAINT}[{}]{FAINT:#}\n",
            observation.code
        ));
    }
    out
}

/// `[######------------------------] 3 h of 24 h; the kubelet replaces it in 16 h`
fn age_bar(token: &Inspection, now: i64) -> Option<String> {
    let (issued, expires) = (token.time("iat")?, token.time("exp")?);
    let (age, life) = (now - issued, expires - issued);
    if life <= 0 || age < 0 {
        return None;
    }
    let filled = usize::try_from((age * BAR / life).min(BAR)).ok()?;
    let bar =
        format!("{}{}", "#".repeat(filled), "-".repeat(usize::try_from(BAR).ok()?.saturating_sub(filled)));
    // Kubernetes: `pkg/kubelet/token`, 80 % of its life, or a day.
    let replaced = issued + (life * 4 / 5).min(86_400);
    let replaced = if replaced > now {
        format!("the kubelet replaces it in {}", span(replaced - now))
    } else {
        "the kubelet should have replaced it".to_owned()
    };
    Some(format!("[{bar}] {} of {}; {replaced}", span(age), span(life)))
}

fn moment(time: i64) -> String {
    jiff::Timestamp::from_second(time).map_or_else(|_| time.to_string(), |time| time.to_string())
}

fn distance(time: i64, now: i64) -> String {
    if time <= now { format!("{} ago", span(now - time)) } else { format!("in {}", span(time - now)) }
}

fn span(seconds: i64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}
