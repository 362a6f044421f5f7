//! Documents as people publish them get exactly the findings that they deserve.

use irsa_policy::PolicyType;
use irsa_policy::lint::{Surroundings, guess, lint};

use super::fixture::mended;

const ISSUER: &str = "oidc.eks.us-east-2.amazonaws.com/id/0F1E2D3C4B5A69788796A5B4C3D2E1F0";

#[expect(clippy::unwrap_used, reason = "all documents here are policies")]
fn codes(text: &str) -> Vec<&'static str> {
    let kind = guess(text).unwrap();
    lint(text, kind, &Surroundings::default()).into_iter().map(|finding| finding.code).collect()
}

/// A trust policy of one statement for one provider.
fn trust(provider: &str, condition: &str) -> String {
    format!(
        r#"{{
"Version": "2012-10-17",
"Statement": [
{{
"Effect": "Allow",
"Principal": {{
"Federated": "arn:aws:iam::111122223333:oidc-provider/{provider}"
}},
"Action": "sts:AssumeRoleWithWebIdentity",
"Condition": {{
{condition}
}}
}}
]
}}"#
    )
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    assert_eq!(codes(text), expected, "{text}");
}

/// After the fixes: the findings that are left.
#[track_caller]
fn check_mended(text: &str, expected: &[&str]) {
    let after = mended(text, |text| lint(text, PolicyType::Trust, &Surroundings::default()));
    assert_eq!(codes(&after), expected, "{after}");
}

#[test]
fn the_textbook_policy_has_no_findings() {
    let subject = format!(
        r#""StringEquals": {{"{ISSUER}:sub": "system:serviceaccount:store:reader", "{ISSUER}:aud": "sts.amazonaws.com"}}"#
    );
    check(&trust(ISSUER, &subject), &[]);
}

#[test]
fn the_issuers_url_with_its_scheme() {
    let url = format!("https://{ISSUER}");
    let both =
        trust(&url, &format!(r#""StringEquals": {{"{url}:sub": "system:serviceaccount:store:reader"}}"#));
    check(&both, &["IRSA-T016", "IRSA-T003", "IRSA-T016"]);
    check_mended(&both, &[]);
    let key =
        trust(ISSUER, &format!(r#""StringEquals": {{"{url}:sub": "system:serviceaccount:store:reader"}}"#));
    check(&key, &["IRSA-T003", "IRSA-T016"]);
    check_mended(&key, &[]);
    let other = r#""StringEquals": {"https://oidc.eks.us-east-2.amazonaws.com/id/AAAA:sub": "system:serviceaccount:store:reader"}"#;
    check(&trust(&url, other), &["IRSA-T016", "IRSA-T003", "IRSA-T015", "IRSA-T016"]);
    check_mended(&trust(&url, other), &[]);
}

#[test]
fn placeholders_that_nobody_filled_in() {
    let text = r#"{
"Version": "2012-10-17",
"Statement": [{
"Effect": "Allow",
"Principal": {"Federated": "arn:aws:iam::<account>:oidc-provider/<cluster-issuer>"},
"Action": "sts:AssumeRoleWithWebIdentity",
"Condition": {"StringEquals": {"<cluster-issuer>:sub": "system:serviceaccount:<ns>:<sa>"}}
}]
}"#;
    check(text, &["IRSA-T015", "IRSA-T003"]);
    let findings = lint(text, PolicyType::Trust, &Surroundings::default());
    let [unfilled, _] = findings.as_slice() else { panic!("two findings") };
    assert!(unfilled.reason.contains("`<account>`, `<cluster-issuer>`, `<ns>`, `<sa>`"), "{unfilled:?}");
    let squared = trust(
        "oidc.eks.us-east-2.amazonaws.com/id/[CLUSTER]",
        r#""StringLike": {"oidc.eks.us-east-2.amazonaws.com/id/[CLUSTER]:aud": "system:serviceaccount:store:*"}"#,
    );
    check(&squared, &["IRSA-T015", "IRSA-T004"]);
}

#[test]
fn one_placeholder_left() {
    let unfilled = trust(
        ISSUER,
        &format!(
            r#""StringEquals": {{"{ISSUER}:sub": "system:serviceaccount:<ns>:reader", "{ISSUER}:aud": "sts.amazonaws.com"}}"#
        ),
    );
    check(&unfilled, &["IRSA-T027"]);
    let account = trust(
        ISSUER,
        &format!(
            r#""StringEquals": {{"{ISSUER}:sub": "system:serviceaccount:store:reader", "{ISSUER}:aud": "sts.amazonaws.com"}}"#
        ),
    );
    check(&account.replace("111122223333", "<account>"), &["IRSA-T033"]);
    let role = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::<account>:role/store"},"Action":"sts:AssumeRole"}]}"#;
    check(role, &["IRSA-J003"]);
    let reason = &lint(role, PolicyType::Trust, &Surroundings::default())[0].reason;
    assert!(reason.starts_with("`<account>` is a placeholder"), "{reason}");
}

#[test]
fn the_subject_in_place_of_the_audience_with_a_short_host() {
    let short = ISSUER.replace(".amazonaws.com", "");
    let text = trust(
        ISSUER,
        &format!(r#""StringEquals": {{"{short}:sub": "system:serviceaccount:default:try-iam"}}"#),
    );
    check(&text, &["IRSA-T003", "IRSA-T015"]);
    check_mended(&text, &[]);
}

#[test]
fn a_namespace_under_the_audience() {
    let text =
        trust(ISSUER, &format!(r#""StringLike": {{"{ISSUER}:aud": "system:serviceaccount:store-dev:*"}}"#));
    check(&text, &["IRSA-T004"]);
    check_mended(&text, &["IRSA-T009"]);
}

#[test]
fn a_comment_above_and_no_audience() {
    let text = format!(
        "// Доверие между кластером и ролью\n{}",
        trust(ISSUER, &format!(r#""StringEquals":{{"{ISSUER}:sub":"system:serviceaccount:dev:store"}}"#))
    );
    check(&text, &["IRSA-J001", "IRSA-T003"]);
    check_mended(&text, &[]);
    let assume = "// may take the role of the other account\n{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"\",\"Effect\":\"Allow\",\"Action\":\"sts:AssumeRole\",\"Resource\":\"arn:aws:iam::444455556666:role/store\"}]}";
    check(assume, &["IRSA-J001"]);
    let other = "// trust in the role of the first account\n{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::444455556666:role/store\"},\"Action\":\"sts:AssumeRole\"}]}";
    check(other, &["IRSA-J001"]);
}

#[test]
fn exact_subjects_and_patterns_in_one_statement() {
    let text = trust(
        ISSUER,
        &format!(
            r#""StringEquals": {{"{ISSUER}:sub": ["system:serviceaccount:dev:store"]}},
"StringLike": {{"{ISSUER}:sub": ["system:serviceaccount:ops:provider-*"]}}"#
        ),
    );
    check(&text, &["IRSA-T003", "IRSA-T051"]);
    check_mended(&text, &["IRSA-T009"]);
}

#[test]
fn policies_for_a_bucket() {
    check(
        r#"{"Version":"2012-10-17","Statement":[{"Sid":"","Effect":"Allow","Action":"s3:*",
            "Resource":["arn:aws:s3:::store","arn:aws:s3:::store/*"]}]}"#,
        &[],
    );
    check(
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:ListBucket","s3:GetObject"],
            "Resource":["arn:aws:s3:::<bucket>","arn:aws:s3:::<bucket>/*"]}]}"#,
        &[],
    );
    check(
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject"],
            "Resource":["arn:aws:s3:::<bucket>/*"]}]}"#,
        &[],
    );
}

#[test]
fn types_are_guessed() {
    for (text, expected) in [
        (trust(ISSUER, "").as_str(), Some(PolicyType::Trust)),
        (r#"{"Statement":{"Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}}"#, Some(PolicyType::Trust)),
        (
            r#"{"Statement":[{"Principal":"*","Action":"s3:GetObject","Resource":"*"}]}"#,
            Some(PolicyType::Resource),
        ),
        (r#"{"Statement":[{"Action":"sts:AssumeRole","Resource":"*"}]}"#, Some(PolicyType::Identity)),
        (
            r#"// c
            {"Statement":[],}"#,
            Some(PolicyType::Identity),
        ),
        (r#"{"statement":[]}"#, None),
        (r#"[{"Statement":[]}]"#, None),
        ("kind: ServiceAccount", None),
        ("", None),
    ] {
        assert_eq!(guess(text), expected, "{text}");
    }
}
