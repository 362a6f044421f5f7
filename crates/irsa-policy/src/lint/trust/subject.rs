//! The token's subject, and how many ServiceAccounts it lets in: T001, T002, T007 to T010, T026, T027, T036, T040, T046,
//! T048.

use super::{Claim, Door, Federated, Trust, lets_pass};
use crate::claim::{self, SUBJECT};
use crate::document::Text;
use crate::lint::Edit;
use crate::lint::finding::{Fix, Report};
use crate::lint::flaw::variable;
use crate::lint::group::quoted;
use crate::lint::issuer::{Issuer, placeholders};
use crate::lint::rules::{T001, T002, T007, T008, T009, T010, T026, T027, T036, T040, T046, T048};
use crate::lint::show::{listed, shown};

pub(super) fn rules(trust: &Trust<'_>, report: &mut Report) {
    for door in trust.open_doors() {
        unconstrained(door, report);
        for claim in door.claims("sub").filter(|claim| !claim.operator.negated) {
            if claim.misplaced().is_none() && !door.is_torn(claim) {
                breadth(trust, door, claim, report);
                mixed(door, claim, report);
            }
        }
    }
    for door in &trust.doors {
        for claim in door.claims("sub").filter(|claim| claim.name == "sub" && claim.is_text()) {
            for text in claim.entry.values.iter() {
                form(trust, door, claim, text, report);
            }
        }
    }
}

/// T001, T002
fn unconstrained(door: &Door<'_>, report: &mut Report) {
    let statement = door.statement;
    let key = |issuer: Option<&str>| shown(&format!("{}:sub", issuer.unwrap_or("HOST/PATH")));
    if statement.entries().next().is_none() {
        for provider in door.oidc() {
            let issuer = Some(provider.issuer.as_str()).filter(|_| provider.kind == Federated::Oidc);
            let reason = format!(
                "any token of {} gets a session: compare {} with the subject that is meant",
                shown(&provider.issuer),
                key(issuer)
            );
            report.add(&T001, provider.text.span, statement.path("Principal.Federated"), reason, None);
        }
        return;
    }
    let Some((_, named)) = door.only_issuer() else { return };
    let issuer = Issuer(named.unwrap_or_default());
    let is_pinned_otherwise = issuer.has_own_claims()
        && door.claims.iter().any(|claim| claim.is_plain() && !claim::CLAIMS.contains(&claim.name.as_str()));
    if door.mentions("sub") || is_pinned_otherwise {
        return;
    }
    let who = match issuer.shared() {
        Some(_) => "every tenant of the issuer",
        None => "every ServiceAccount of the cluster",
    };
    let reason = format!("{who} gets a session: compare {} with the subject that is meant", key(named));
    if let Some(condition) = &statement.condition {
        report.add(&T002, condition.key.span, statement.path("Condition"), reason, None);
    }
}

/// How much of a cluster a subject names.
#[derive(Debug, PartialEq)]
enum Shape<'v> {
    /// `system:serviceaccount:NAMESPACE:NAME`
    One { namespace: &'v str, name: &'v str },
    /// A pattern of names in one namespace.
    Names { namespace: &'v str, names: &'v str },
    /// One name in any namespace.
    AnyNamespace { name: &'v str },
    /// Namespaces that begin so.
    Namespaces { start: &'v str },
    /// The whole cluster, or nearly.
    Cluster,
    /// No ServiceAccount at all.
    None,
}

impl Shape<'_> {
    fn of(value: &str, wildcards: bool) -> Shape<'_> {
        let wildcard = if wildcards { claim::wildcard(value) } else { None };
        let fixed = wildcard.and_then(|at| value.get(..at));
        let Some(rest) = value.strip_prefix(SUBJECT) else {
            return if fixed.is_some_and(|fixed| SUBJECT.starts_with(fixed)) {
                Shape::Cluster
            } else {
                Shape::None
            };
        };
        let is_pair = |(namespace, name): &(&str, &str)| {
            !namespace.is_empty() && !name.is_empty() && !name.contains(':')
        };
        let Some(start) = fixed.and_then(|fixed| fixed.strip_prefix(SUBJECT)) else {
            return match rest.split_once(':').filter(is_pair) {
                Some((namespace, name)) => Shape::One { namespace, name },
                None => Shape::None,
            };
        };
        if start.contains(':') {
            return match rest.split_once(':').filter(is_pair) {
                Some((namespace, names)) => Shape::Names { namespace, names },
                None => Shape::None,
            };
        }
        if !start.is_empty() {
            return Shape::Namespaces { start };
        }
        match rest.strip_prefix("*:") {
            Some(name) if !name.trim_matches(['*', '?']).is_empty() => Shape::AnyNamespace { name },
            _ => Shape::Cluster,
        }
    }
}

/// T007 to T010, T046, T048
fn breadth(trust: &Trust<'_>, door: &Door<'_>, claim: &Claim<'_>, report: &mut Report) {
    let issuer = door.issuer_of(claim);
    let path = claim.path(door.statement);
    for text in claim.entry.values.iter() {
        let value = text.value.as_str();
        if variable(value).is_some() {
            continue;
        }
        if let Some(shared) = issuer.shared() {
            let fixed = if claim.has_wildcards() { claim::wildcard(value) } else { None };
            let fixed = fixed.and_then(|at| value.get(..at));
            let names_tenant = |fixed: &str| {
                fixed.strip_prefix(shared.before).is_some_and(|tenant| tenant.find(shared.after) > Some(0))
            };
            let is_pinned_otherwise = door
                .claims
                .iter()
                .any(|other| other.is_plain() && !claim::CLAIMS.contains(&other.name.as_str()));
            if fixed.is_some_and(|fixed| !names_tenant(fixed)) && !is_pinned_otherwise {
                let reason = format!(
                    "{} shares its issuer with everyone, and {} names no tenant: begin with {}",
                    shown(issuer.host()),
                    shown(value),
                    shown(&format!("{}TENANT{}", shared.before, shared.after))
                );
                report.add(&T046, text.span, &path, reason, None);
            }
            continue;
        }
        if issuer.has_own_claims() {
            continue;
        }
        let reason = |what: String| format!("{} {what}", shown(value));
        match Shape::of(value, claim.has_wildcards()) {
            Shape::Cluster => {
                let reason = reason(
                    "lets in ServiceAccounts of the whole cluster: name the namespace and the ServiceAccount"
                        .into(),
                );
                report.add(&T008, text.span, &path, reason, None);
            }
            Shape::AnyNamespace { name } => {
                let reason = reason(format!(
                    "lets in a ServiceAccount {} of every namespace, and whoever may make a namespace may make it: name the namespace",
                    shown(name)
                ));
                report.add(&T007, text.span, &path, reason, None);
            }
            Shape::Namespaces { start } => {
                let reason = reason(format!(
                    "lets in every namespace that begins with {}, such as {}: write the whole namespace before the wildcard",
                    shown(start),
                    shown(&format!("{start}-other"))
                ));
                report.add(&T010, text.span, &path, reason, None);
            }
            Shape::Names { namespace, names } => {
                let reason = reason(names_reason(trust, value, namespace, names));
                report.add(&T009, text.span, &path, reason, None);
            }
            Shape::One { namespace, name } => {
                if let Some(why) = shared_account(trust, namespace, name) {
                    report.add(&T048, text.span, &path, reason(why), None);
                }
            }
            Shape::None => {}
        }
    }
}

fn names_reason(trust: &Trust<'_>, value: &str, namespace: &str, names: &str) -> String {
    let known = trust.around.service_accounts.iter().flatten();
    let matched: Vec<&str> = known
        .filter(|account| lets_pass(value, &account.subject(), true))
        .map(|account| account.name.as_str())
        .collect();
    let namespace = shown(namespace);
    if !matched.is_empty() {
        return format!(
            "lets in {} of these ServiceAccounts of {namespace}: {}",
            matched.len(),
            listed(matched)
        );
    }
    match names {
        "*" => format!("lets in every ServiceAccount of {namespace}, `default` among them"),
        _ => format!("lets in every ServiceAccount of {namespace} whose name matches {}", shown(names)),
    }
}

/// ServiceAccounts of kube-system that AWS's and Kubernetes' own add-ons have.
const ADD_ONS: &[&str] = &[
    "adot-collector",
    "aws-cloud-controller-manager",
    "aws-load-balancer-controller",
    "aws-node",
    "aws-node-termination-handler",
    "cloudwatch-agent",
    "cluster-autoscaler",
    "ebs-csi-controller-sa",
    "ebs-csi-node-sa",
    "efs-csi-controller-sa",
    "efs-csi-node-sa",
    "external-dns",
    "fsx-csi-controller-sa",
    "karpenter",
    "s3-csi-driver-sa",
];

fn shared_account(trust: &Trust<'_>, namespace: &str, name: &str) -> Option<String> {
    if name == "default" {
        return Some(format!(
            "is what every pod of {} runs as that names no ServiceAccount: make one for this role",
            shown(namespace)
        ));
    }
    let is_known = trust.around.service_accounts.is_some();
    (is_known && namespace == "kube-system" && !ADD_ONS.contains(&name)).then(|| {
        "is in kube-system and of no add-on that we know: give the workload a namespace of its own".to_owned()
    })
}

/// T036
fn mixed(door: &Door<'_>, claim: &Claim<'_>, report: &mut Report) {
    /// A trust policy has room for fewer values.
    const MAX_COMPARED: usize = 128;
    if !claim.has_wildcards() {
        return;
    }
    let values = || claim.entry.values.iter().take(MAX_COMPARED);
    for broad in values().filter(|text| claim::has_wildcard(&text.value)) {
        let mut exact = values().filter(|text| !claim::has_wildcard(&text.value));
        let Some(exact) = exact.find(|exact| lets_pass(&broad.value, &exact.value, true)) else { continue };
        let reason = format!(
            "{} matches {} and others too, so that naming it has no effect: one of the values is enough",
            shown(&broad.value),
            shown(&exact.value)
        );
        report.add(&T036, broad.span, claim.path(door.statement), reason, None);
    }
}

/// T026, T027, T040
fn form(trust: &Trust<'_>, door: &Door<'_>, claim: &Claim<'_>, text: &Text, report: &mut Report) {
    let issuer = door.issuer_of(claim);
    let value = text.value.as_str();
    let path = claim.path(door.statement);
    if claim.misplaced().is_some() || issuer.shared().is_some() || issuer.has_own_claims() {
        return;
    }
    if let Some(variable) = variable(value) {
        let is_open = !matches!(variable, "${*}" | "${?}" | "${$}") && !variable.contains(',');
        if is_open && trust.document.has_variables() {
            let reason = format!(
                "{} has no value while a token is exchanged, so that {} never matches: write the name itself",
                shown(variable),
                shown(value)
            );
            report.add(&T040, text.span, path, reason, None);
        }
        return;
    }
    let unfilled = placeholders(value);
    if !unfilled.is_empty() && door.is_unfilled() {
        return;
    }
    // `*` and `?` are told by T005 where they have no meaning.
    let shape = Shape::of(value, claim.has_wildcards() || claim::has_wildcard(value));
    let names: [Option<(&str, &str)>; 2] = match shape {
        Shape::One { namespace, name } => [Some(("namespace", namespace)), Some(("ServiceAccount", name))],
        Shape::Names { namespace, names } => {
            [Some(("namespace", namespace)), Some(("ServiceAccount", names))]
        }
        Shape::AnyNamespace { name } => [None, Some(("ServiceAccount", name))],
        Shape::Namespaces { .. } | Shape::Cluster => [None, None],
        Shape::None => {
            if issuer.is_eks() || resembles_subject(value) {
                foreign(value, text, path, &unfilled, report);
            }
            return;
        }
    };
    if !unfilled.is_empty() {
        let reason = format!("{} is a placeholder that has to be filled in", listed(unfilled));
        report.add(&T027, text.span, path, reason, None);
        return;
    }
    let Some((what, name)) = names.into_iter().flatten().find(|(what, name)| !is_kubernetes_name(what, name))
    else {
        return;
    };
    let reason = format!(
        "{} is no name of a {what}: those have lower case letters, digits and `-`{}, and the comparison minds the case",
        shown(name),
        if what == "ServiceAccount" { " or `.`" } else { "" }
    );
    let lower = value.to_ascii_lowercase();
    let is_right =
        names.into_iter().flatten().all(|(what, name)| is_kubernetes_name(what, &name.to_ascii_lowercase()));
    let fix = is_right.then(|| Fix::one("write it in lower case", Edit::new(text.span, quoted(&lower))));
    report.add(&T027, text.span, path, reason, fix);
}

/// T026
fn foreign(value: &str, text: &Text, path: String, unfilled: &[&str], report: &mut Report) {
    if !unfilled.is_empty() {
        let reason =
            format!("{} is a placeholder that has to be filled in", listed(unfilled.iter().copied()));
        report.add(&T026, text.span, path, reason, None);
        return;
    }
    let reason = format!(
        "{} is no subject of a ServiceAccount: those are {}",
        shown(value),
        shown(&format!("{SUBJECT}NAMESPACE:NAME"))
    );
    let fix = repaired(value)
        .map(|right| Fix::one(format!("write {}", shown(&right)), Edit::new(text.span, quoted(&right))));
    report.add(&T026, text.span, path, reason, fix);
}

fn resembles_subject(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    lower.starts_with("system:") || lower.contains("serviceaccount")
}

/// The subject that was meant, when exactly a namespace and a name are left of the value.
fn repaired(value: &str) -> Option<String> {
    let parts: Vec<&str> = value.trim().split([':', '/']).filter(|part| !part.is_empty()).collect();
    let names = match parts.as_slice() {
        [system, account, names @ ..]
            if system.eq_ignore_ascii_case("system") && is_account_word(account) =>
        {
            names
        }
        [account, names @ ..] if is_account_word(account) => names,
        names => names,
    };
    let [namespace, name] = names else { return None };
    let is_right = is_kubernetes_name("namespace", namespace) && is_kubernetes_name("ServiceAccount", name);
    is_right.then(|| format!("{SUBJECT}{namespace}:{name}"))
}

fn is_account_word(part: &str) -> bool {
    matches!(
        part.to_ascii_lowercase().as_str(),
        "serviceaccount" | "serviceaccounts" | "service-account" | "service_account" | "sa"
    )
}

/// DNS-1123 labels and subdomains (Kubernetes, "Object Names and IDs"); wildcards may stand for what is missing.
fn is_kubernetes_name(what: &str, name: &str) -> bool {
    let is_account = what == "ServiceAccount";
    let is_allowed = |byte: u8| {
        byte.is_ascii_lowercase()
            || byte.is_ascii_digit()
            || matches!(byte, b'-' | b'*' | b'?')
            || (is_account && byte == b'.')
    };
    let is_edge = |byte: Option<u8>| byte.is_some_and(|byte| !matches!(byte, b'-' | b'.'));
    name.len() <= if is_account { 253 } else { 63 }
        && name.bytes().all(is_allowed)
        && is_edge(name.bytes().next())
        && is_edge(name.bytes().last())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_of_subjects() {
        for (value, expected) in [
            ("system:serviceaccount:shop:api", Shape::One { namespace: "shop", name: "api" }),
            ("system:serviceaccount:shop:*", Shape::Names { namespace: "shop", names: "*" }),
            ("system:serviceaccount:shop:api-?", Shape::Names { namespace: "shop", names: "api-?" }),
            ("system:serviceaccount:*:api", Shape::AnyNamespace { name: "api" }),
            ("system:serviceaccount:*:api-*", Shape::AnyNamespace { name: "api-*" }),
            ("system:serviceaccount:prod*:api", Shape::Namespaces { start: "prod" }),
            ("system:serviceaccount:prod*", Shape::Namespaces { start: "prod" }),
            ("system:serviceaccount:*:*", Shape::Cluster),
            ("system:serviceaccount:*", Shape::Cluster),
            ("system:*", Shape::Cluster),
            ("*", Shape::Cluster),
            ("*:api", Shape::Cluster),
            ("system:node:*", Shape::None),
            ("shop:*", Shape::None),
            ("system:serviceaccount:shop", Shape::None),
            ("system:serviceaccount:shop:api:x", Shape::None),
            ("system:serviceaccount/shop/api", Shape::None),
            ("", Shape::None),
        ] {
            assert_eq!(Shape::of(value, true), expected, "{value}");
        }
    }

    #[test]
    fn subjects_are_repaired_when_two_names_are_left() {
        for (value, expected) in [
            ("system:serviceaccount/shop/api", Some("system:serviceaccount:shop:api")),
            ("serviceaccount:shop:api", Some("system:serviceaccount:shop:api")),
            ("system:serviceaccounts:shop:api", Some("system:serviceaccount:shop:api")),
            ("shop/api", Some("system:serviceaccount:shop:api")),
            ("system:serviceaccount:shop:api:x", None),
            ("system:serviceaccount:api", None),
            ("Shop:api", None),
        ] {
            assert_eq!(repaired(value).as_deref(), expected, "{value}");
        }
    }
}
