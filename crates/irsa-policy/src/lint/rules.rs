//! All rules: code, severity, what they find. The codes never change their meaning; `docs/errors` has a page on each.

use super::finding::{Rule, Severity};

macro_rules! rules {
    ($($name:ident = $code:literal, $severity:ident, $title:literal;)*) => {
        $(pub(super) const $name: Rule = Rule { code: $code, severity: Severity::$severity, title: $title };)*

        /// Every rule, sorted by code within its family.
        pub const RULES: &[Rule] = &[$($name),*];
    };
}

rules! {
    J001 = "IRSA-J001", Error, "comment in JSON";
    J002 = "IRSA-J002", Error, "element written twice";
    J003 = "IRSA-J003", Error, "AWS refuses the document";

    T001 = "IRSA-T001", Security, "OIDC provider trusted without any condition";
    T002 = "IRSA-T002", Security, "subject not constrained";
    T003 = "IRSA-T003", Warning, "audience not constrained";
    T004 = "IRSA-T004", Error, "a subject is compared with the audience, or the other way round";
    T005 = "IRSA-T005", Error, "a wildcard where it is taken literally";
    T006 = "IRSA-T006", Info, "StringLike without wildcard";
    T007 = "IRSA-T007", Security, "a ServiceAccount's name in every namespace";
    T008 = "IRSA-T008", Security, "subject pattern matches ServiceAccounts of the whole cluster";
    T009 = "IRSA-T009", Warning, "subject pattern matches several ServiceAccounts";
    T010 = "IRSA-T010", Security, "wildcard at the end of a namespace's name";
    T011 = "IRSA-T011", Security, "ForAllValues holds when the claim is missing";
    T012 = "IRSA-T012", Warning, "ForAnyValue on a claim with one value";
    T013 = "IRSA-T013", Security, "IfExists holds when the claim is missing";
    T014 = "IRSA-T014", Security, "a claim is only excluded, not pinned";
    T015 = "IRSA-T015", Error, "the condition key names another issuer";
    T016 = "IRSA-T016", Error, "https:// or an ARN in the condition key or the provider's ARN";
    T017 = "IRSA-T017", Error, "provider and condition key differ by slash, path or case";
    T018 = "IRSA-T018", Error, "the claim is no condition key";
    T019 = "IRSA-T019", Error, "the provider is of another account than the role";
    T020 = "IRSA-T020", Error, "the provider is of another partition than the role";
    T021 = "IRSA-T021", Error, "no OIDC provider for the token's issuer";
    T022 = "IRSA-T022", Error, "the token's audience is not registered";
    T023 = "IRSA-T023", Error, "no ServiceAccount has this subject";
    T024 = "IRSA-T024", Warning, "the ServiceAccount is not annotated with the role";
    T025 = "IRSA-T025", Warning, "the ServiceAccount's tokens have another audience";
    T026 = "IRSA-T026", Error, "no subject of a ServiceAccount";
    T027 = "IRSA-T027", Error, "a name that Kubernetes does not allow";
    T028 = "IRSA-T028", Error, "the action does not fit the principal";
    T029 = "IRSA-T029", Security, "wildcard action in a trust policy";
    T030 = "IRSA-T030", Security, "everyone is trusted";
    T031 = "IRSA-T031", Error, "NotPrincipal in a trust policy";
    T032 = "IRSA-T032", Error, "Resource in a trust policy";
    T033 = "IRSA-T033", Error, "malformed federated principal";
    T034 = "IRSA-T034", Security, "one statement for several providers";
    T035 = "IRSA-T035", Warning, "a loose statement undoes a tight one";
    T036 = "IRSA-T036", Security, "a broad pattern beside exact values";
    T037 = "IRSA-T037", Warning, "subject and audience in different statements";
    T038 = "IRSA-T038", Error, "condition written twice";
    T039 = "IRSA-T039", Warning, "variables in a document without version 2012-10-17";
    T040 = "IRSA-T040", Warning, "variable in a subject";
    T041 = "IRSA-T041", Warning, "condition key that web identity calls do not have";
    T042 = "IRSA-T042", Warning, "the network where the token is exchanged is pinned";
    T043 = "IRSA-T043", Warning, "session tags or source identity without their action";
    T044 = "IRSA-T044", Info, "IRSA and Pod Identity for one role";
    T045 = "IRSA-T045", Warning, "trust policy near its size limit";
    T046 = "IRSA-T046", Warning, "shared issuer without a tenant in the subject";
    T047 = "IRSA-T047", Info, "a whole account is trusted beside the cluster";
    T048 = "IRSA-T048", Warning, "role for a ServiceAccount that other pods share";
    T049 = "IRSA-T049", Warning, "the role's sessions are shorter than the token";
    T050 = "IRSA-T050", Error, "principal that no longer exists";
    T051 = "IRSA-T051", Error, "StringEquals and StringLike on one key are ANDed";

    I101 = "IRSA-I101", Error, "object action on buckets only";
    I102 = "IRSA-I102", Error, "bucket action on objects only";
    I103 = "IRSA-I103", Warning, "condition on listing for an object action";
    I104 = "IRSA-I104", Security, "any role may be passed";
    I105 = "IRSA-I105", Warning, "encryption with KMS without a right to the key";
    I106 = "IRSA-I106", Security, "Allow with NotAction";
    I107 = "IRSA-I107", Security, "Allow with NotResource";
    I108 = "IRSA-I108", Error, "wildcard in the service";
    I109 = "IRSA-I109", Warning, "Deny that a missing key skips";
    I110 = "IRSA-I110", Security, "every action on every resource";
    I111 = "IRSA-I111", Warning, "policy longer than AWS keeps";
}
