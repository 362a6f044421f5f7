//! The token's audience: T003, T022, T025.

use super::{Door, Federated, Provider, Trust, lets_pass};
use crate::lint::finding::{Fix, Report};
use crate::lint::group::{member, quoted};
use crate::lint::issuer::Issuer;
use crate::lint::rules::{T003, T022, T025};
use crate::lint::show::{listed, shown};
use crate::lint::{Edit, Surroundings, operator};

const STS: &str = "sts.amazonaws.com";

pub(super) fn rules(trust: &Trust<'_>, report: &mut Report) {
    for door in trust.open_doors() {
        unconstrained(trust, door, report);
        accounts(trust, door, report);
    }
    for door in &trust.doors {
        unregistered(trust, door, report);
    }
}

/// T003
fn unconstrained(trust: &Trust<'_>, door: &Door<'_>, report: &mut Report) {
    let Some((provider, Some(issuer))) = door.only_issuer() else { return };
    let Some(condition) =
        door.statement.condition.as_ref().filter(|_| door.statement.entries().next().is_some())
    else {
        return;
    };
    if door.mentions("aud") || door.mentions("oaud") {
        return;
    }
    let key = format!("{issuer}:aud");
    let audience = audience(provider, Issuer(issuer), trust.around);
    let wanted = match &audience {
        Some(audience) => format!("compare {} with {}", shown(&key), shown(audience)),
        None => format!("compare {} with the audience that the tokens are made for", shown(&key)),
    };
    let reason =
        format!("no condition on the audience, so that tokens made for others are taken too: {wanted}");
    let fix = audience.and_then(|audience| {
        let edit =
            operator::add(trust.text, door.statement, "StringEquals", &member(&key, &quoted(&audience)))?;
        Some(Fix::one(format!("pin the audience to {}", shown(&audience)), edit))
    });
    report.add(&T003, condition.key.span, door.statement.path("Condition"), reason, fix);
}

/// The one audience that the provider's tokens have for STS.
fn audience(provider: &Provider<'_>, issuer: Issuer<'_>, around: &Surroundings) -> Option<String> {
    if let Some(ids) = client_ids(provider, around) {
        return match ids {
            [only] => Some(only.clone()),
            ids => ids.iter().find(|id| *id == STS).cloned(),
        };
    }
    let asks_for_sts = issuer.shared().is_none() || issuer.host() == "token.actions.githubusercontent.com";
    // In China's partition clusters were set up with either of two audiences.
    let is_china = provider.arn.is_some_and(|arn| arn.partition == "aws-cn");
    (asks_for_sts && !is_china).then(|| STS.to_owned())
}

fn client_ids<'a>(provider: &Provider<'_>, around: &'a Surroundings) -> Option<&'a [String]> {
    let known = around.providers.as_ref()?.iter().find(|known| known.arn == provider.text.value)?;
    known.client_ids.as_deref()
}

/// T022
fn unregistered(trust: &Trust<'_>, door: &Door<'_>, report: &mut Report) {
    let claims = door.claims.iter().filter(|claim| claim.name == "aud" && claim.misplaced().is_none());
    for claim in claims.filter(|claim| claim.is_plain()) {
        let ids = door.provider_of(claim).and_then(|provider| client_ids(provider, trust.around));
        for text in claim.entry.values.iter() {
            let value = text.value.as_str();
            let reason = match ids {
                Some(ids) if ids.iter().any(|id| lets_pass(value, id, claim.has_wildcards())) => continue,
                Some([]) => format!("the provider has no audience, so that it never takes {}", shown(value)),
                Some(ids) => format!(
                    "the provider does not take the audience {}; it takes {}",
                    shown(value),
                    listed(ids.iter().map(String::as_str))
                ),
                None if is_misspelt(value) => {
                    format!("{} is no audience of STS; tokens for it say {}", shown(value), shown(STS))
                }
                None => continue,
            };
            let right = match ids {
                Some([only]) => Some(only.as_str()),
                Some(ids) => ids.iter().map(String::as_str).find(|id| *id == STS && is_misspelt(value)),
                None => Some(STS),
            };
            let fix =
                right.map(|id| Fix::one(format!("write {}", shown(id)), Edit::new(text.span, quoted(id))));
            report.add(&T022, text.span, claim.path(door.statement), reason, fix);
        }
    }
}

/// The ways in which people miss `sts.amazonaws.com`.
fn is_misspelt(value: &str) -> bool {
    let bare = crate::claim::strip_scheme(value).trim().trim_end_matches('/').to_ascii_lowercase();
    value != STS
        && matches!(bare.as_str(), "sts.amazonaws.com" | "sts.amazon.com" | "sts.aws.com" | "sts.amazonaws")
}

/// T025
fn accounts(trust: &Trust<'_>, door: &Door<'_>, report: &mut Report) {
    let Some(accounts) = &trust.around.service_accounts else { return };
    if !door.providers.iter().any(|provider| provider.kind == Federated::Oidc) {
        return;
    }
    let audiences: Vec<_> = door
        .claims
        .iter()
        .filter(|claim| claim.name == "aud" && claim.misplaced().is_none() && claim.is_plain())
        .flat_map(|claim| claim.entry.values.iter().map(move |text| (claim, text)))
        .collect();
    let Some((claim, first)) = audiences.first() else { return };
    for account in accounts {
        let Some(audience) = &account.audience else { continue };
        let subject = account.subject();
        let is_trusted = door.claims("sub").filter(|claim| claim.is_plain()).any(|claim| {
            claim.entry.values.iter().any(|text| lets_pass(&text.value, &subject, claim.has_wildcards()))
        });
        let passes =
            audiences.iter().any(|(claim, text)| lets_pass(&text.value, audience, claim.has_wildcards()));
        if is_trusted && !passes {
            let reason = format!(
                "the tokens of {} have the audience {}, and the statement wants {}",
                shown(&format!("{}/{}", account.namespace, account.name)),
                shown(audience),
                listed(audiences.iter().map(|(_, text)| text.value.as_str()))
            );
            report.add(&T025, first.span, claim.path(door.statement), reason, None);
        }
    }
}
