//! What only the account and the cluster can tell: T019, T020, T021, T023, T024, T049.

use super::{Claim, Door, Federated, Provider, Trust, is_account, lets_pass};
use crate::arn::Arn;
use crate::claim;
use crate::document::Text;
use crate::lint::finding::{Fix, Report};
use crate::lint::group::quoted;
use crate::lint::reading::Statement;
use crate::lint::rules::{T019, T020, T021, T023, T024, T049};
use crate::lint::show::{listed, shown};
use crate::lint::{Edit, ServiceAccount};

pub(super) fn rules(trust: &Trust<'_>, report: &mut Report) {
    for door in &trust.doors {
        for provider in door.oidc() {
            if !elsewhere(trust, door.statement, provider, report) {
                unregistered(trust, door.statement, provider, report);
            }
        }
    }
    for door in trust.open_doors() {
        for claim in door.claims("sub").filter(|claim| claim.is_plain() && claim.misplaced().is_none()) {
            accounts(trust, door, claim, report);
        }
    }
}

/// T019, T020; whether there was one.
fn elsewhere(trust: &Trust<'_>, statement: &Statement, provider: &Provider<'_>, report: &mut Report) -> bool {
    let role = trust.around.role.as_ref().and_then(|role| Arn::parse(&role.arn));
    let Some((role, arn)) = role.zip(provider.arn) else { return false };
    let path = || statement.path("Principal.Federated");
    let fix = |partition: &str, account: &str, what: &str| {
        let right = format!("arn:{partition}:iam::{account}:{}", arn.resource);
        Some(Fix::one(format!("write the {what} of the role"), Edit::new(provider.text.span, quoted(&right))))
    };
    if arn.partition != role.partition {
        let reason = format!(
            "the provider is in the partition {}, and the role in {}: no trust leads from one to the other",
            shown(arn.partition),
            shown(role.partition)
        );
        report.add(&T020, provider.text.span, path(), reason, fix(role.partition, arn.account, "partition"));
        return true;
    }
    if is_account(arn.account) && arn.account != role.account {
        let reason = format!(
            "the provider is of the account {}, and STS looks in the role's account, {}: register the issuer there",
            shown(arn.account),
            shown(role.account)
        );
        report.add(&T019, provider.text.span, path(), reason, fix(arn.partition, role.account, "account"));
        return true;
    }
    false
}

/// T021
fn unregistered(trust: &Trust<'_>, statement: &Statement, provider: &Provider<'_>, report: &mut Report) {
    let Some(providers) = &trust.around.providers else { return };
    let value = provider.text.value.as_str();
    if provider.is_flawed() || providers.iter().any(|known| known.arn == value) {
        return;
    }
    let near = nearest(value, providers.iter().map(|known| known.arn.as_str()));
    let hint = match near {
        Some(near) => format!("; there is {}", shown(near)),
        None => format!(": register the issuer {}", shown(&format!("https://{}", provider.url))),
    };
    let reason = format!("the account has no provider {}{hint}", shown(value));
    report.add(&T021, provider.text.span, statement.path("Principal.Federated"), reason, None);
}

/// T023, T024, T049
fn accounts(trust: &Trust<'_>, door: &Door<'_>, claim: &Claim<'_>, report: &mut Report) {
    let Some(accounts) = &trust.around.service_accounts else { return };
    let issuer = door.issuer_of(claim);
    let is_cluster = door.provider_of(claim).is_some_and(|provider| provider.kind == Federated::Oidc);
    if !is_cluster || issuer.shared().is_some() || issuer.has_own_claims() {
        return;
    }
    for text in claim.entry.values.iter().filter(|text| claim::is_subject(&text.value)) {
        let matched: Vec<&ServiceAccount> = accounts
            .iter()
            .filter(|account| lets_pass(&text.value, &account.subject(), claim.has_wildcards()))
            .collect();
        let path = claim.path(door.statement);
        if matched.is_empty() {
            nobody(accounts, claim, text, path, report);
            continue;
        }
        unannotated(trust, &matched, text, &path, report);
        short(trust, &matched, text, &path, report);
    }
}

/// T023
fn nobody(accounts: &[ServiceAccount], claim: &Claim<'_>, text: &Text, path: String, report: &mut Report) {
    let has_literal_wildcard = !claim.has_wildcards() && claim::has_wildcard(&text.value);
    let is_unfilled = !crate::lint::issuer::placeholders(&text.value).is_empty();
    if has_literal_wildcard || is_unfilled || text.value.contains("${") {
        return;
    }
    let subjects: Vec<String> = accounts.iter().map(ServiceAccount::subject).collect();
    let near = nearest(&text.value, subjects.iter().map(String::as_str));
    let hint = near.map(|near| format!("; there is {}", shown(near))).unwrap_or_default();
    let reason = format!("the cluster has no ServiceAccount {}{hint}", shown(&text.value));
    report.add(&T023, text.span, path, reason, None);
}

/// T024
fn unannotated(trust: &Trust<'_>, matched: &[&ServiceAccount], text: &Text, path: &str, report: &mut Report) {
    let Some(role) = &trust.around.role else { return };
    if matched.iter().any(|account| account.role_arn.as_deref() == Some(&role.arn)) {
        return;
    }
    let names: Vec<String> =
        matched.iter().map(|account| format!("{}/{}", account.namespace, account.name)).collect();
    let now = match matched {
        [ServiceAccount { role_arn: Some(other), .. }] => format!("is annotated with {}", shown(other)),
        _ => "has no annotation `eks.amazonaws.com/role-arn` with it".to_owned(),
    };
    let reason = format!(
        "the role trusts {}, which {now}: annotate it with {}",
        listed(names.iter().map(String::as_str)),
        shown(&role.arn)
    );
    report.add(&T024, text.span, path, reason, None);
}

/// T049
fn short(trust: &Trust<'_>, matched: &[&ServiceAccount], text: &Text, path: &str, report: &mut Report) {
    let Some(limit) = trust.around.role.as_ref().and_then(|role| role.max_session_seconds) else { return };
    let Some((account, seconds)) = matched
        .iter()
        .filter_map(|account| Some((account, account.token_seconds?)))
        .find(|(_, seconds)| *seconds > limit)
    else {
        return;
    };
    let reason = format!(
        "{} asks for tokens of {seconds} seconds, and the role's sessions last {limit} at most: who asks for a session as long as the token is refused",
        shown(&format!("{}/{}", account.namespace, account.name))
    );
    report.add(&T049, text.span, path, reason, None);
}

/// The text that is closest to `wanted`, when it is close enough to be meant.
fn nearest<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    /// Edits that a misspelling has.
    const MAX_DISTANCE: usize = 3;
    known
        .filter(|text| text.len().abs_diff(wanted.len()) <= MAX_DISTANCE && text.len() <= 512)
        .map(|text| (distance(wanted, text), text))
        .filter(|(distance, _)| *distance <= MAX_DISTANCE)
        .min()
        .map(|(_, text)| text)
}

/// Levenshtein's distance in bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (y, above) in b.bytes().zip(row.iter_mut().skip(1)) {
            let cost = (diagonal + usize::from(x != y)).min(*above + 1).min(left + 1);
            diagonal = *above;
            *above = cost;
            left = cost;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, expected) in [
            ("", "", 0),
            ("a", "", 1),
            ("", "ab", 2),
            ("kitten", "sitting", 3),
            ("api", "api", 0),
            ("ab", "ba", 2),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }

    #[test]
    fn what_is_far_is_not_meant() {
        assert_eq!(nearest("shop:api", ["shop:web", "shop:apo", "other:api"].into_iter()), Some("shop:apo"));
        assert_eq!(nearest("shop:api", ["dev:worker"].into_iter()), None);
    }
}
