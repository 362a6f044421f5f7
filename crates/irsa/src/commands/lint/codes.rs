//! The rules that look beyond one policy: Kubernetes manifests, pods' credentials, and lint's own housekeeping. Those of
//! policies are [`irsa_policy::lint::RULES`].

use irsa_policy::lint::{Rule, Severity};

pub(super) const K001: Rule = rule("IRSA-K001", Severity::Error, "role-arn annotation is no role ARN");
pub(super) const K003: Rule =
    rule("IRSA-K003", Severity::Warning, "workload's ServiceAccount is not in the files");
pub(super) const K004: Rule =
    rule("IRSA-K004", Severity::Error, "workload and ServiceAccount are in different namespaces");
pub(super) const K005: Rule = rule("IRSA-K005", Severity::Error, "YAML lost its indentation");
pub(super) const K006: Rule =
    rule("IRSA-K006", Severity::Warning, "container does not get the ServiceAccount's role");
pub(super) const K007: Rule = rule("IRSA-K007", Severity::Error, "annotation is misspelled");
pub(super) const L001: Rule = rule("IRSA-L001", Severity::Warning, "ignore without a reason");
pub(super) const L002: Rule = rule("IRSA-L002", Severity::Info, "ignore that matches nothing");
pub(super) const L003: Rule = rule("IRSA-L003", Severity::Error, "file is not what its name says");
pub(super) const L004: Rule = rule("IRSA-L004", Severity::Info, "template that is not rendered");
pub(super) const L005: Rule = rule("IRSA-L005", Severity::Info, "other program's file that is not read");
pub(super) const P005: Rule = rule("IRSA-P005", Severity::Warning, "other credentials win over the role");
pub(super) const P007: Rule = rule("IRSA-P007", Severity::Error, "half of an access key");

/// Sorted by code.
pub(super) const RULES: &[Rule] =
    &[K001, K003, K004, K005, K006, K007, L001, L002, L003, L004, L005, P005, P007];

/// Every rule that a finding may name.
pub(super) fn all() -> impl Iterator<Item = &'static Rule> {
    RULES.iter().chain(irsa_policy::lint::RULES)
}

const fn rule(code: &'static str, severity: Severity, title: &'static str) -> Rule {
    Rule { code, severity, title }
}
