//! `irsa issuer verify`: what stands at the issuer's URL, fetched as STS fetches it, is what verifiers need.

use std::process::ExitCode;

use irsa_cloud::issuers::{FetchError, IssuerSettings, Published, Served, Targets, fetch};
use irsa_cluster::issuer::IssuerKey;
use irsa_cluster::issuer::documents::{DISCOVERY_TYPE, JWKS_TYPE, MAX_AGE_SECONDS};
use irsa_token::discovery::DiscoveryError;
use serde::Serialize;
use serde_json::json;

use super::documents_of;
use super::source::{Known, known};
use crate::cli::issuer::VerifyIssuer;
use crate::error::CliError;
use crate::output::{BAD, GOOD, WARN, result, visible};
use crate::serve::read_certificates;

pub(super) async fn verify(arguments: &VerifyIssuer) -> Result<ExitCode, CliError> {
    let known = known(&arguments.issuer).await?;
    let issuer = known.issuer.as_str();
    documents_of(issuer, &known.keys)?;
    let settings = IssuerSettings {
        extra_roots: read_certificates("--issuer-ca", &arguments.issuer_ca)?,
        targets: Targets::new(arguments.issuer_allow.clone()),
        instead: Default::default(),
    };
    let published = fetch(issuer, &settings).await.map_err(|error| unfetched(issuer, &error))?;
    let findings = findings(&known, &published);
    let is_complete = findings.iter().all(|finding| finding.level != Level::Bad);
    let kids = |keys: Vec<&IssuerKey>| keys.into_iter().map(|key| key.kid.clone()).collect::<Vec<_>>();
    let missing = kids(known.keys.iter().filter(|key| !published.keys.has(&key.kid)).collect());
    let value = json!({
        "apiVersion": "irsa/v1", "kind": "IssuerVerification", "issuer": issuer, "complete": is_complete,
        "published": published.keys.keys().iter().filter_map(|key| key.kid()).collect::<Vec<_>>(),
        "missing": missing, "leftover": leftover(&known, &published), "findings": findings,
    });
    result(arguments.output, &value, || {
        let line = |finding: &Finding| {
            let (style, word) = match finding.level {
                Level::Good => (GOOD, "ok  "),
                Level::Note => (WARN, "note"),
                Level::Bad => (BAD, "bad "),
            };
            format!("{style}{word}{style:#} {:<10} {}\n", finding.about, visible(&finding.message))
        };
        findings.iter().map(line).collect()
    })?;
    Ok(if is_complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn unfetched(issuer: &str, error: &FetchError) -> CliError {
    let other = match issuer.strip_suffix('/') {
        Some(without) => without.to_owned(),
        None => format!("{issuer}/"),
    };
    let slash = DiscoveryError::OtherIssuer { expected: issuer.to_owned(), found: other.clone() };
    let failed = CliError::undecided("IRSA-X051", format!("{issuer}: {error}"));
    if matches!(error, FetchError::BadDocument { reason, .. } if *reason == slash.to_string()) {
        return failed.with_fix(format!(
            "the slash at the end is part of the name: tokens, document and provider all have to say {issuer}, or all {other}"
        ));
    }
    failed.with_fix("serve what `irsa issuer publish` wrote at exactly this URL, over HTTPS with a certificate that is trusted")
}

/// What was looked at, and how it is.
#[derive(Debug, Serialize)]
struct Finding {
    level: Level,
    about: &'static str,
    message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Good,
    /// Worth knowing; tokens are verified all the same.
    Note,
    /// Tokens are refused.
    Bad,
}

fn findings(known: &Known, published: &Published) -> Vec<Finding> {
    let mut all = Vec::new();
    let mut tell = |level, about, message: String| all.push(Finding { level, about, message });
    if let Some(live) = &known.live {
        let (level, message) = of_the_cluster(&live.issuer, &known.issuer);
        tell(level, "issuer", message);
    }
    for key in &known.keys {
        match published.keys.has(&key.kid) {
            true => tell(Level::Good, "key", format!("{} is published", key.kid)),
            false => tell(Level::Bad, "key", format!("{} is missing: its tokens are refused", key.kid)),
        }
    }
    for kid in leftover(known, published) {
        tell(Level::Note, "key", format!("{kid} is leftover: the cluster has it no more"));
    }
    let document = &published.document;
    let lists = [
        ("response_types_supported", &document.response_types_supported, "id_token"),
        ("subject_types_supported", &document.subject_types_supported, "public"),
    ];
    let algorithms = known.keys.iter().map(|key| {
        (
            "id_token_signing_alg_values_supported",
            &document.id_token_signing_alg_values_supported,
            key.algorithm.as_str(),
        )
    });
    for (member, values, needed) in lists.into_iter().chain(algorithms) {
        if !values.iter().any(|value| value == needed) {
            tell(Level::Bad, "discovery", format!("`{member}` does not have `{needed}`"));
        }
    }
    of_headers(&published.discovery, &[DISCOVERY_TYPE], &mut tell);
    of_headers(&published.jwks, &[JWKS_TYPE, DISCOVERY_TYPE], &mut tell);
    all
}

fn of_the_cluster(live: &str, issuer: &str) -> (Level, String) {
    if live == issuer {
        return (Level::Good, format!("the cluster signs tokens of {issuer}"));
    }
    let same = |url: &str| url.strip_suffix('/').unwrap_or(url).to_owned();
    let message = if same(live) == same(issuer) {
        format!("the cluster signs tokens of {live}: the slash at the end makes it another issuer")
    } else {
        format!("the cluster signs tokens of {live} (its first --service-account-issuer)")
    };
    (Level::Bad, message)
}

/// Keys that are published and that the cluster does not have: a rotation that is not finished, or was forgotten.
fn leftover(known: &Known, published: &Published) -> Vec<String> {
    if known.live.is_none() {
        return Vec::new();
    }
    let kids = published.keys.keys().iter().filter_map(|key| key.kid());
    kids.filter(|kid| !known.keys.iter().any(|key| key.kid == *kid)).map(str::to_owned).collect()
}

fn of_headers(served: &Served, types: &[&str], tell: &mut impl FnMut(Level, &'static str, String)) {
    let essence = served.content_type.as_deref().and_then(|given| given.split(';').next()).map(str::trim);
    let given = served.content_type.as_deref().unwrap_or("none");
    let is_expected =
        essence.is_some_and(|essence| types.iter().any(|known| known.eq_ignore_ascii_case(essence)));
    match (is_expected, types.first()) {
        (false, Some(expected)) => {
            tell(Level::Note, "media type", format!("{given}, not {expected}: {}", served.url));
        }
        _ => tell(Level::Good, "media type", format!("{given}: {}", served.url)),
    }
    let given = served.cache_control.as_deref();
    let (level, message) = match given.map(|given| (given, max_age(given))) {
        None => (Level::Note, "no Cache-Control: verifiers choose how long they keep it".to_owned()),
        Some((given, Some(age))) if age > MAX_AGE_SECONDS => (
            Level::Note,
            format!(
                "{given}: longer than the {MAX_AGE_SECONDS} s that `irsa issuer rotate` waits for verifiers"
            ),
        ),
        Some((given, _)) => (Level::Good, given.to_owned()),
    };
    tell(level, "cache", format!("{message}: {}", served.url));
}

/// `max-age` of a `Cache-Control`, in seconds (RFC 9111 §5.2.2.1).
fn max_age(cache_control: &str) -> Option<i64> {
    cache_control.split(',').find_map(|directive| {
        let (name, value) = directive.trim().split_once('=')?;
        name.eq_ignore_ascii_case("max-age").then(|| value.trim_matches('"').parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slash_at_the_end_is_told() {
        let of = |live, issuer| of_the_cluster(live, issuer);
        assert_eq!(of("https://a/c1", "https://a/c1").0, Level::Good);
        let (level, message) = of("https://a/c1/", "https://a/c1");
        assert!(level == Level::Bad && message.contains("slash"), "{message}");
        let (level, message) = of("https://kubernetes.default.svc", "https://a/c1");
        assert!(level == Level::Bad && !message.contains("slash"), "{message}");
    }

    #[test]
    fn a_longest_age_is_read() {
        for (given, expected) in [
            ("public, max-age=3600", Some(3_600)),
            ("Max-Age=\"60\"", Some(60)),
            ("no-store", None),
            ("s-maxage=5", None),
            ("max-age=x", None),
        ] {
            assert_eq!(max_age(given), expected, "{given}");
        }
    }
}
