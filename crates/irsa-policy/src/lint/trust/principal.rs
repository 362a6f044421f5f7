//! Whom the statements name: T030 to T033, T044, T047, T050, and the form of a provider's ARN (T015 to T017).

use super::{Federated, Provider, Trust, is_account};
use crate::arn::{Arn, PrincipalArn};
use crate::claim;
use crate::document::PrincipalKind;
use crate::lint::Edit;
use crate::lint::finding::{Fix, Report};
use crate::lint::group::{member, quoted};
use crate::lint::issuer::{Issuer, placeholders};
use crate::lint::reading::{Principal, Statement, Trusted};
use crate::lint::rules::{T015, T016, T017, T030, T031, T032, T033, T044, T047, T050};
use crate::lint::show::{listed, shown};

/// The service by which EKS Pod Identity assumes roles (EKS User Guide, "EKS Pod Identity").
pub(super) const POD_IDENTITY: &str = "pods.eks.amazonaws.com";

pub(super) fn rules(trust: &Trust<'_>, report: &mut Report) {
    for statement in &trust.document.statements {
        prohibited(trust, statement, report);
        for entry in statement.principal.iter().flat_map(|principal| &principal.entries) {
            match entry.kind {
                PrincipalKind::Aws => aws(statement, entry, report),
                PrincipalKind::Federated => federated(trust, statement, entry, report),
                PrincipalKind::Service | PrincipalKind::CanonicalUser => {}
            }
        }
    }
    beside_the_cluster(trust, report);
}

/// T031, T032
fn prohibited(trust: &Trust<'_>, statement: &Statement, report: &mut Report) {
    if let Some(clause) = &statement.not_principal {
        let reason = "a trust policy cannot say NotPrincipal: name whom the role trusts with Principal";
        let fix = without_not_principal(trust, statement, clause);
        report.add(&T031, clause.key.span, statement.path("NotPrincipal"), reason, fix);
    }
    for element in statement.resource.iter().chain(&statement.not_resource) {
        let name = &element.key.value;
        let reason = format!("a trust policy has no {name}, it is about its own role: remove it");
        let fix = Fix::one(format!("remove {name}"), statement.group.remove(element.member));
        report.add(&T032, element.key.span, statement.path(name), reason, Some(fix));
    }
}

/// A Deny of everyone but some users and roles is written with a condition on `aws:PrincipalArn` (IAM User Guide,
/// "NotPrincipal").
fn without_not_principal(trust: &Trust<'_>, statement: &Statement, clause: &Principal) -> Option<Fix> {
    if statement.principal.is_some() {
        return Some(Fix::one("remove NotPrincipal", statement.group.remove(clause.member)));
    }
    let is_entity = |entry: &Trusted| {
        entry.kind == PrincipalKind::Aws
            && Arn::parse(&entry.text.value).is_some_and(|arn| {
                matches!(arn.principal(), Some(PrincipalArn::Role(_) | PrincipalArn::User(_)))
            })
    };
    let is_plain = statement.denies()
        && statement.condition.is_none()
        && !clause.entries.is_empty()
        && clause.entries.iter().all(is_entity);
    if !is_plain {
        return None;
    }
    let arns: Vec<String> = clause.entries.iter().map(|entry| quoted(&entry.text.value)).collect();
    let spared = format!("{{\"ArnNotEquals\": {{\"aws:PrincipalArn\": [{}]}}}}", arns.join(", "));
    let whole = statement.group.children.get(clause.member).copied()?;
    let principal = Edit::new(whole, member("Principal", "\"*\""));
    let is_last = statement.group.children.last() == Some(&whole);
    let edits = if is_last {
        vec![Edit::new(whole, format!("{}, {}", principal.text, member("Condition", &spared)))]
    } else {
        vec![principal, statement.group.append(trust.text, &member("Condition", &spared))]
    };
    Some(Fix::new("spare them with a condition on aws:PrincipalArn", edits))
}

/// T030, T050
fn aws(statement: &Statement, entry: &Trusted, report: &mut Report) {
    let value = entry.text.value.as_str();
    if value == "*" && statement.allows() && !is_limited(statement) {
        let reason = "everyone with an AWS account may assume the role: name accounts, roles or providers";
        report.add(&T030, entry.text.span, statement.path("Principal"), reason, None);
    }
    let is_id = (16..=128).contains(&value.len())
        && (value.starts_with("AROA") || value.starts_with("AIDA"))
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_id {
        let what = if value.starts_with("AROA") { "role" } else { "user" };
        let reason = format!(
            "{} is the id of a {what} that was deleted; one made anew under its name has another: write the ARN of the {what} that is meant",
            shown(value)
        );
        report.add(&T050, entry.text.span, statement.path("Principal.AWS"), reason, None);
    }
}

/// Whether a condition says which accounts or principals are meant.
fn is_limited(statement: &Statement) -> bool {
    const LIMITS: &[&str] =
        &["aws:principalorgid", "aws:principalorgpaths", "aws:principalaccount", "aws:principalarn"];
    statement.entries().any(|(block, entry)| {
        let is_plain = block.parsed.is_some_and(|operator| !operator.negated && !operator.if_exists);
        is_plain && LIMITS.contains(&entry.key.value.to_ascii_lowercase().as_str())
    })
}

/// T033, and T015 to T017 where the ARN is at fault.
fn federated(trust: &Trust<'_>, statement: &Statement, entry: &Trusted, report: &mut Report) {
    let provider = Provider::of(&entry.text);
    let value = entry.text.value.as_str();
    let span = entry.text.span;
    let path = statement.path("Principal.Federated");
    let unfilled = placeholders(value);
    let rewritten = |title: &str| {
        let right = provider.arn.map(|arn| {
            format!("arn:{}:iam::{}:oidc-provider/{}", arn.partition, arn.account, provider.issuer)
        })?;
        Some(Fix::one(title, Edit::new(span, quoted(&right))))
    };
    match provider.kind {
        Federated::Saml | Federated::BuiltIn => {}
        Federated::Oidc if !placeholders(provider.url).is_empty() => {
            let values = statement.entries().flat_map(|(_, entry)| entry.values.iter());
            let mut unfilled: Vec<&str> =
                unfilled.into_iter().chain(values.flat_map(|text| placeholders(&text.value))).collect();
            let mut seen = std::collections::HashSet::new();
            unfilled.retain(|placeholder| seen.insert(*placeholder));
            let reason = format!(
                "the statement is not filled in: write what is meant for {}; the provider is the cluster's issuer without https://",
                listed(unfilled)
            );
            report.add(&T015, span, path, reason, None);
        }
        Federated::Oidc if claim::strip_scheme(provider.url) != provider.url => {
            let reason = format!(
                "a provider's ARN has no scheme: write {} after oidc-provider/",
                shown(&provider.issuer)
            );
            report.add(&T016, span, path, reason, rewritten("remove the scheme"));
        }
        Federated::Oidc if let Some(right) = Issuer(provider.url).eks_repair() => {
            let reason =
                format!("no cluster has the issuer {}: write {}", shown(provider.url), shown(&right));
            report.add(&T015, span, path, reason, rewritten("write the issuer of the region"));
        }
        Federated::Oidc if Issuer(&provider.issuer).lacks_eks_id() => {
            let reason = format!(
                "{} lacks the path of the cluster's issuer: /id/ and 32 characters",
                shown(provider.url)
            );
            report.add(&T017, span, path, reason, None);
        }
        Federated::Oidc if provider.issuer != provider.url => {
            let reason = format!("the issuer has no slash at its end: write {}", shown(&provider.issuer));
            report.add(&T017, span, path, reason, rewritten("remove the slash"));
        }
        Federated::Oidc => {
            let account = provider.arn.map(|arn| arn.account).unwrap_or_default();
            let reason = if !unfilled.is_empty() {
                format!("{} is a placeholder that has to be filled in", listed(unfilled))
            } else if !is_account(account) {
                format!("{} names no account: twelve digits belong before oidc-provider/", shown(value))
            } else if claim::has_wildcard(provider.url) {
                format!(
                    "{} has a wildcard, which a principal takes literally: name one provider",
                    shown(value)
                )
            } else {
                return;
            };
            report.add(&T033, span, path, reason, None);
        }
        Federated::Unfilled => {
            let reason = format!("{} is a placeholder that has to be filled in", listed(unfilled));
            report.add(&T033, span, path, reason, None);
        }
        Federated::Malformed => {
            let reason = format!(
                "{} is no federated principal: write arn:aws:iam::ACCOUNT:oidc-provider/HOST/PATH",
                shown(value)
            );
            let fix = arn_of(trust, value)
                .map(|arn| Fix::one(format!("write {}", shown(&arn)), Edit::new(span, quoted(&arn))));
            report.add(&T033, span, path, reason, fix);
        }
    }
}

/// The ARN of a provider that was named by its URL: the account is the role's.
fn arn_of(trust: &Trust<'_>, value: &str) -> Option<String> {
    let role = Arn::parse(&trust.around.role.as_ref()?.arn)?;
    let bare = claim::strip_scheme(value).trim_end_matches('/');
    let is_url = bare.split('/').next().is_some_and(|host| host.contains('.'))
        && bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'/'));
    is_url.then(|| format!("arn:{}:iam::{}:oidc-provider/{bare}", role.partition, role.account))
}

/// T044, T047
fn beside_the_cluster(trust: &Trust<'_>, report: &mut Report) {
    if trust.open_doors().all(|door| door.oidc().next().is_none()) {
        return;
    }
    for statement in trust.document.statements.iter().filter(|statement| statement.allows()) {
        for entry in statement.principal.iter().flat_map(|principal| &principal.entries) {
            let value = entry.text.value.as_str();
            let is_root = is_account(value)
                || Arn::parse(value)
                    .is_some_and(|arn| matches!(arn.principal(), Some(PrincipalArn::Account)));
            if entry.kind == PrincipalKind::Service && value == POD_IDENTITY {
                let reason =
                    "the role is open to EKS Pod Identity and to tokens of a cluster: look after both doors";
                report.add(&T044, entry.text.span, statement.path("Principal.Service"), reason, None);
            } else if entry.kind == PrincipalKind::Aws && is_root {
                let reason = format!(
                    "{} lets in whoever that account allows sts:AssumeRole, without any ServiceAccount",
                    shown(value)
                );
                report.add(&T047, entry.text.span, statement.path("Principal.AWS"), reason, None);
            }
        }
    }
}
