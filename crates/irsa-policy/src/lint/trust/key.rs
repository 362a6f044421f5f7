//! The keys of conditions: T004, T015 to T018, T041, T042.

use super::{Claim, Door, Federated, Provider, Trust};
use crate::claim::{CLAIMS, LISTED_CLAIMS};
use crate::condition::Family;
use crate::document::PrincipalKind;
use crate::lint::Edit;
use crate::lint::finding::{Fix, Report};
use crate::lint::group::quoted;
use crate::lint::issuer::{Issuer, placeholders};
use crate::lint::rules::{T004, T015, T016, T017, T018, T041, T042};
use crate::lint::show::{listed, shown};

pub(super) fn rules(trust: &Trust<'_>, report: &mut Report) {
    for door in &trust.doors {
        for claim in &door.claims {
            mixed_up(door, claim, report);
            issuer(door, claim, report);
            unknown(door, claim, report);
        }
        absent(door, report);
    }
}

/// Renames a key to another claim or issuer, unless the operator has that key already.
fn renamed(door: &Door<'_>, claim: &Claim<'_>, issuer: &str, name: &str) -> Option<Fix> {
    let key = format!("{issuer}:{name}");
    let is_taken = |other: &&Claim<'_>| {
        other.block.member == claim.block.member
            && other.entry.member != claim.entry.member
            && other.entry.key.value.eq_ignore_ascii_case(&key)
            && other.misplaced().is_none()
    };
    if door.claims.iter().any(|other| is_taken(&other)) {
        return None;
    }
    Some(Fix::one(
        format!("rename the key to {}", shown(&key)),
        Edit::new(claim.entry.key.span, quoted(&key)),
    ))
}

/// T004
fn mixed_up(door: &Door<'_>, claim: &Claim<'_>, report: &mut Report) {
    let Some(right) = claim.misplaced() else { return };
    let what = if right == "sub" { "a subject" } else { "an audience" };
    let value =
        claim.entry.values.iter().find(|text| right != "sub" || crate::claim::is_subject(&text.value));
    let reason = format!(
        "{} is {what}, which the key {} never has: use {}",
        shown(value.map(|text| text.value.as_str()).unwrap_or_default()),
        shown(&claim.entry.key.value),
        shown(&format!("{}:{right}", claim.issuer))
    );
    let fix = renamed(door, claim, claim.issuer, right);
    report.add(&T004, claim.entry.key.span, claim.path(door.statement), reason, fix);
}

/// T015, T016, T017
fn issuer(door: &Door<'_>, claim: &Claim<'_>, report: &mut Report) {
    let key = claim.entry.key.value.as_str();
    let bare = claim.bare_issuer();
    let mut add = |rule, reason: String, fix| {
        report.add(rule, claim.entry.key.span, claim.path(door.statement), reason, fix);
    };
    if bare != claim.issuer {
        let what = if claim.issuer.starts_with("arn:") { "no ARN" } else { "no scheme" };
        let wanted = format!("{bare}:{}", claim.name);
        let reason = format!("a condition key has {what} before the issuer: write {}", shown(&wanted));
        add(&T016, reason, renamed(door, claim, &bare, &claim.name));
    }
    let known: Vec<&Provider<'_>> = door
        .providers
        .iter()
        .filter(|provider| matches!(provider.kind, Federated::Oidc | Federated::BuiltIn))
        .collect();
    if known.is_empty()
        || known.iter().any(|provider| provider.issuer == bare || provider.url == claim.issuer)
    {
        return;
    }
    let only = door.only_provider();
    let to_provider = || only.and_then(|provider| renamed(door, claim, &provider.issuer, &claim.name));
    let unfilled = placeholders(claim.issuer);
    if !unfilled.is_empty() {
        let reason = format!(
            "{} stands for the cluster's issuer without https:// and has to be filled in",
            listed(unfilled)
        );
        add(&T015, reason, None);
        return;
    }
    if let Some(provider) = known.iter().find(|provider| provider.issuer.eq_ignore_ascii_case(&bare)) {
        let reason = format!(
            "{} and the provider's {} differ in their case: write both as the issuer is named",
            shown(&bare),
            shown(&provider.issuer)
        );
        add(&T017, reason, renamed(door, claim, &provider.issuer, &claim.name));
        return;
    }
    let is_slash_away =
        |provider: &&&Provider<'_>| provider.issuer.trim_end_matches('/') == bare.trim_end_matches('/');
    if let Some(provider) = known.iter().find(is_slash_away) {
        let reason =
            format!("{} and the provider's {} differ by a slash", shown(&bare), shown(&provider.issuer));
        add(&T017, reason, renamed(door, claim, &provider.issuer, &claim.name));
        return;
    }
    let is_path_short = |provider: &&&Provider<'_>| {
        provider.issuer.strip_prefix(bare.as_str()).is_some_and(|path| path.starts_with('/'))
    };
    if let Some(provider) = known.iter().find(is_path_short) {
        let reason = format!(
            "{} lacks the path of the issuer: write {}",
            shown(key),
            shown(&format!("{}:{}", provider.issuer, claim.name))
        );
        add(&T017, reason, renamed(door, claim, &provider.issuer, &claim.name));
        return;
    }
    let issuers: Vec<&str> = known.iter().map(|provider| provider.issuer.as_str()).collect();
    let reason = format!(
        "the key {} is of the issuer {}, and the statement trusts {}: the key is in none of its tokens",
        shown(key),
        shown(&bare),
        listed(issuers)
    );
    add(&T015, reason, to_provider());
}

/// T018
fn unknown(door: &Door<'_>, claim: &Claim<'_>, report: &mut Report) {
    let Some(provider) = door.provider_of(claim).filter(|provider| provider.kind == Federated::Oidc) else {
        return;
    };
    if Issuer(&provider.issuer).has_own_claims() || CLAIMS.contains(&claim.name.as_str()) {
        return;
    }
    let reason = format!(
        "tokens of {} give no key {}; there are {LISTED_CLAIMS}",
        shown(&provider.issuer),
        shown(&claim.entry.key.value)
    );
    // The key `:aud` has the value of `azp` when a token has one.
    let is_audience = claim.name == "azp" && !door.mentions("aud");
    let fix = if is_audience { renamed(door, claim, claim.issuer, "aud") } else { None };
    report.add(&T018, claim.entry.key.span, claim.path(door.statement), reason, fix);
}

/// Keys that no call with a web identity has (AWS global condition context keys, availability of each).
const ABSENT: &[&str] = &[
    "aws:multifactorauthage",
    "aws:multifactorauthpresent",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:principaltype",
    "aws:sourceidentity",
    "aws:tokenissuetime",
    "aws:username",
    "sts:externalid",
];

/// Keys of the network from which a token is exchanged.
const NETWORK: &[&str] = &["aws:sourceip", "aws:sourcevpc", "aws:sourcevpce", "aws:vpcsourceip"];

/// T041, T042
fn absent(door: &Door<'_>, report: &mut Report) {
    let statement = door.statement;
    let mut entries = statement.principal.iter().flat_map(|principal| &principal.entries);
    if !entries.all(|entry| entry.kind == PrincipalKind::Federated) {
        return;
    }
    for (block, entry) in statement.entries() {
        let key = entry.key.value.to_ascii_lowercase();
        let path = || statement.path(&format!("Condition.{}.{}", block.operator.value, entry.key.value));
        let Some(operator) = block.parsed else { continue };
        let is_positive = !operator.negated && !operator.if_exists && operator.set.is_none();
        if ABSENT.contains(&key.as_str()) || key.starts_with("aws:principaltag/") {
            let outcome = match operator.family {
                Family::Null => "so that its presence says nothing",
                _ if is_positive => "so that the condition never holds",
                _ => "so that the condition always holds",
            };
            let reason = format!(
                "{} is in no call with a web identity, {outcome}: decide by `:sub`",
                shown(&entry.key.value)
            );
            report.add(&T041, entry.key.span, path(), reason, None);
        } else if NETWORK.contains(&key.as_str())
            && is_positive
            && statement.allows()
            && operator.family != Family::Null
        {
            let reason = format!(
                "{} is where the token is exchanged, which changes with NAT gateways and STS endpoints: pods elsewhere are refused",
                shown(&entry.key.value)
            );
            report.add(&T042, entry.key.span, path(), reason, None);
        }
    }
}
