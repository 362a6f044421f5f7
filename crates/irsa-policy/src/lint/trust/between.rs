//! What statements do together: T034, T035, T037, T045.

use super::{Claim, Door, Federated, Provider, Trust, lets_pass};
use crate::document::{PrincipalKind, Text, size_without_whitespace};
use crate::lint::finding::{Fix, Report};
use crate::lint::operator;
use crate::lint::rules::{T034, T035, T037, T045};
use crate::lint::show::{listed, shown};

/// Statements and values that are compared with each other; a trust policy has room for fewer.
const MAX_COMPARED: usize = 64;

pub(super) fn rules(trust: &Trust<'_>, report: &mut Report) {
    for door in trust.open_doors() {
        several_providers(door, report);
    }
    let doors: Vec<&Door<'_>> = trust.open_doors().take(MAX_COMPARED).collect();
    for loose in &doors {
        if let Some(tight) = doors.iter().find_map(|tight| undone(loose, tight)) {
            let Undone { door, broad, exact } = tight;
            let (span, path, what) = match broad {
                Some((claim, text)) => (text.span, claim.path(loose.statement), shown(&text.value)),
                None => {
                    let Some(provider) = loose.oidc().next() else { continue };
                    (
                        provider.text.span,
                        loose.statement.path("Principal.Federated"),
                        "every subject".to_owned(),
                    )
                }
            };
            let reason = format!(
                "this statement lets in {what}, so that {} of statement {} limits nothing: the loosest statement wins",
                shown(&exact.value),
                door.statement.index
            );
            report.add(&T035, span, path, reason, None);
        }
    }
    for (index, door) in doors.iter().enumerate() {
        torn(trust, &doors, index, door, report);
    }
    size(trust, report);
}

/// T034
fn several_providers(door: &Door<'_>, report: &mut Report) {
    let mut issuers: Vec<&Provider<'_>> = Vec::new();
    for provider in door.oidc().filter(|provider| provider.kind == Federated::Oidc) {
        if !issuers.iter().any(|known| known.issuer == provider.issuer) {
            issuers.push(provider);
        }
    }
    let covers = |provider: &Provider<'_>, claim: &Claim<'_>| {
        provider.issuer.eq_ignore_ascii_case(&claim.bare_issuer())
    };
    let is_covered = |provider: &Provider<'_>| door.claims.iter().any(|claim| covers(provider, claim));
    if issuers.len() < 2 || !issuers.iter().any(|provider| is_covered(provider)) {
        return;
    }
    let statement = door.statement;
    let path = statement.path("Principal.Federated");
    if let Some(open) = issuers.iter().find(|provider| !is_covered(provider)) {
        let reason = format!(
            "no condition is about {}: its tokens have none of the keys, so that they are all refused or, with IfExists and the like, all let in; give it a statement of its own",
            shown(&open.issuer)
        );
        report.add(&T034, open.text.span, path, reason, without(door, open));
    } else if let Some(second) = issuers.get(1) {
        let names = issuers.iter().map(|provider| provider.issuer.as_str());
        let reason = format!(
            "a token is of one issuer, and the conditions want keys of all of {}: make a statement for each",
            listed(names)
        );
        report.add(&T034, second.text.span, path, reason, None);
    }
}

/// Removes a provider whose tokens are all refused now.
fn without(door: &Door<'_>, open: &Provider<'_>) -> Option<Fix> {
    let has_plain = door.claims.iter().any(Claim::is_plain);
    let principal = door.statement.principal.as_ref()?;
    let (_, values) = principal.lists.iter().find(|(kind, _)| *kind == PrincipalKind::Federated)?;
    let list = values.list.as_ref()?;
    let place = list.place(open.text.span)?;
    has_plain.then(|| Fix::one("remove the provider, whose tokens are refused anyway", list.remove(place)))
}

/// A subject that a statement names in vain.
struct Undone<'a> {
    door: &'a Door<'a>,
    broad: Option<(&'a Claim<'a>, &'a Text)>,
    exact: &'a Text,
}

/// T035: the subject of `tight` that `loose` lets in among others.
fn undone<'a>(loose: &'a Door<'a>, tight: &'a Door<'a>) -> Option<Undone<'a>> {
    let same_provider = |provider: &Provider<'_>| tight.oidc().any(|other| other.issuer == provider.issuer);
    if loose.statement.index == tight.statement.index || !loose.oidc().any(same_provider) {
        return None;
    }
    let exact = subjects(tight).next()?;
    if !loose.mentions("sub") {
        // An audience alone is a statement that was torn apart (T037).
        return (!loose.mentions("aud")).then_some(Undone { door: tight, broad: None, exact: exact.1 });
    }
    subjects(tight).find_map(|(_, exact)| {
        let broad = subjects(loose).find(|(claim, text)| {
            claim.has_wildcards() && text.value != exact.value && lets_pass(&text.value, &exact.value, true)
        })?;
        Some(Undone { door: tight, broad: Some(broad), exact })
    })
}

fn subjects<'a>(door: &'a Door<'a>) -> impl Iterator<Item = (&'a Claim<'a>, &'a Text)> {
    door.claims("sub")
        .filter(|claim| claim.is_plain() && claim.misplaced().is_none() && !door.is_torn(claim))
        .flat_map(|claim| claim.entry.values.iter().map(move |text| (claim, text)))
        .take(MAX_COMPARED)
}

/// T037
fn torn(trust: &Trust<'_>, doors: &[&Door<'_>], index: usize, door: &Door<'_>, report: &mut Report) {
    if door.mentions("sub") {
        return;
    }
    let Some((claim, provider)) = door.claims("aud").next().zip(door.only_provider()) else { return };
    let is_half = |other: &&&Door<'_>| {
        other.mentions("sub")
            && !other.mentions("aud")
            && other.only_provider().is_some_and(|other| other.issuer == provider.issuer)
    };
    let Some(half) = doors.iter().find(is_half) else { return };
    let reason = format!(
        "the audience stands here and the subject in statement {}: one statement is enough to get in, so put both into one",
        half.statement.index
    );
    // Findings on every half alike; only the first one moves its condition.
    let is_first = !doors.iter().take(index).any(|other| !other.mentions("sub") && other.mentions("aud"));
    let fix = if is_first { joined(trust, half, door, claim) } else { None };
    report.add(&T037, claim.entry.key.span, claim.path(door.statement), reason, fix);
}

/// Moves the one condition of `door` to the statement that has the subject.
fn joined(trust: &Trust<'_>, half: &Door<'_>, door: &Door<'_>, claim: &Claim<'_>) -> Option<Fix> {
    if door.statement.entries().count() != 1 {
        return None;
    }
    let list = trust.document.list.as_ref()?;
    let entry = operator::whole(trust.text, claim.block, claim.entry);
    let moved = operator::add(trust.text, half.statement, &claim.block.operator.value, entry)?;
    Some(Fix::new("put both conditions into one statement", vec![moved, list.remove(door.statement.index)]))
}

/// T045
fn size(trust: &Trust<'_>, report: &mut Report) {
    /// Characters without white space (IAM User Guide, "IAM and AWS STS quotas"); it can be raised to 4,096.
    const QUOTA: usize = 2_048;
    const MAX_CLUSTERS: usize = 8;
    let Some(span) = trust.document.statement_key else { return };
    let size = size_without_whitespace(trust.plain);
    let doors = trust.open_doors().filter(|door| door.oidc().next().is_some()).count();
    let reason = if size > QUOTA {
        format!(
            "{size} characters, and a trust policy has {QUOTA} unless the quota is raised: make a role for each cluster"
        )
    } else if size * 5 > QUOTA * 4 {
        format!("{size} of {QUOTA} characters: there is no room for another cluster; make a role for each")
    } else if doors > MAX_CLUSTERS {
        format!(
            "{doors} statements that trust clusters: make a role for each before the size limit of {QUOTA} does"
        )
    } else {
        return;
    };
    report.add(&T045, span, "Statement", reason, None);
}
