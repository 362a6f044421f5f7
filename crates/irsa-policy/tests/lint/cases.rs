//! The rules' corners: what else each of them finds, and what it leaves alone.

use irsa_policy::PolicyType;
use irsa_policy::lint::{Finding, Provider, Role, ServiceAccount, Surroundings, apply, lint};

const ISSUER: &str = "oidc.eks.eu-west-1.amazonaws.com/id/AB12";
const OTHER: &str = "oidc.eks.eu-west-1.amazonaws.com/id/CD34";

/// A trust policy; `@` stands for the issuer, `~` for another one, `§` for `system:serviceaccount:`.
fn trust(statements: &str) -> String {
    let text = statements.replace('@', ISSUER).replace('~', OTHER).replace('§', "system:serviceaccount:");
    format!(r#"{{"Version":"2012-10-17","Statement":[{text}]}}"#)
}

/// A statement for the issuer's tokens.
fn when(condition: &str) -> String {
    statement(
        r#"{"Federated":"arn:aws:iam::111122223333:oidc-provider/@"}"#,
        "sts:AssumeRoleWithWebIdentity",
        condition,
    )
}

fn statement(principal: &str, action: &str, condition: &str) -> String {
    let condition =
        if condition.is_empty() { String::new() } else { format!(r#","Condition":{{{condition}}}"#) };
    format!(r#"{{"Effect":"Allow","Principal":{principal},"Action":"{action}"{condition}}}"#)
}

const SUB: &str = r#""StringEquals":{"@:sub":"§shop:api","@:aud":"sts.amazonaws.com"}"#;

fn codes(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(|finding| finding.code.trim_start_matches("IRSA-")).collect()
}

#[track_caller]
fn check_in(text: &str, kind: PolicyType, around: &Surroundings, expected: &[&str]) {
    let findings = lint(text, kind, around);
    assert_eq!(codes(&findings), expected, "{text}\n{findings:#?}");
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    check_in(text, PolicyType::Trust, &Surroundings::default(), expected);
}

/// The one finding, mended, is this document.
#[track_caller]
fn check_fix(text: &str, code: &str, expected: &str) {
    let findings = lint(text, PolicyType::Trust, &Surroundings::default());
    let fix =
        findings.iter().find(|finding| finding.code.ends_with(code)).and_then(|finding| finding.fix.as_ref());
    assert_eq!(apply(text, fix), expected, "{findings:#?}");
}

#[test]
fn keys() {
    for (condition, expected) in [
        (SUB, &[][..]),
        // The case of claims and operators' other keys make no difference.
        (
            r#""StringEquals":{"@:SUB":"§shop:api","@:Aud":"sts.amazonaws.com","aws:RequestedRegion":"eu-west-1"}"#,
            &[],
        ),
        (r#""StringEquals":{"@:sub":"§shop:api","@:oaud":"sts.amazonaws.com"}"#, &[]),
        (
            r#""StringEquals":{"arn:aws:iam::111122223333:oidc-provider/@:sub":"§shop:api","@:aud":"sts.amazonaws.com"}"#,
            &["T016"],
        ),
        (r#""StringEquals":{"HTTPS://@:sub":"§shop:api","@:aud":"sts.amazonaws.com"}"#, &["T016"]),
        (r#""StringEquals":{"http://~:sub":"§shop:api","@:aud":"sts.amazonaws.com"}"#, &["T015", "T016"]),
        (r#""StringEquals":{"~:sub":"§shop:api","~:aud":"sts.amazonaws.com"}"#, &["T015", "T015"]),
        (
            r#""StringEquals":{"oidc.eks.eu-west-1.amazonaws.com/id/ab12:sub":"§shop:api","@:aud":"sts.amazonaws.com"}"#,
            &["T017"],
        ),
        (r#""StringEquals":{"@/:sub":"§shop:api","@:aud":"sts.amazonaws.com"}"#, &["T017"]),
        (
            r#""StringEquals":{"oidc.eks.eu-west-1.amazonaws.com:sub":"§shop:api","@:aud":"sts.amazonaws.com"}"#,
            &["T017"],
        ),
        (r#""StringEquals":{"<issuer>:sub":"§shop:api","@:aud":"sts.amazonaws.com"}"#, &["T015"]),
        (
            r#""StringEquals":{"@:sub":"§shop:api","@:aud":"sts.amazonaws.com","@:iss":"https://@"}"#,
            &["T018"],
        ),
        (
            r#""StringEquals":{"@:sub":"§shop:api","@:aud":"sts.amazonaws.com","@:kubernetes.io/pod:name":"x"}"#,
            &["T018"],
        ),
        (r#""StringEquals":{"@:sub":"§shop:api","@:azp":"sts.amazonaws.com"}"#, &["T003", "T018"]),
        (r#""StringEquals":{"@:sub":"sts.amazonaws.com"}"#, &["T004"]),
        (r#""StringEquals":{"@:sub":"sts.amazonaws.com","@:aud":"§shop:api"}"#, &["T004", "T004"]),
        (r#""StringEquals":{"@:sub":"§shop:web","@:aud":"§shop:api"}"#, &["T004"]),
        (
            r#""StringEquals":{"@:sub":"§shop:api","@:aud":"sts.amazonaws.com","aws:PrincipalTag/x":"y"}"#,
            &["T041"],
        ),
        (
            r#""StringEquals":{"@:sub":"§shop:api","@:aud":"sts.amazonaws.com"},"StringNotEquals":{"aws:username":"x"}"#,
            &["T041"],
        ),
        (
            r#""StringEquals":{"@:sub":"§shop:api","@:aud":"sts.amazonaws.com"},"Null":{"aws:MultiFactorAuthPresent":"true"}"#,
            &["T041"],
        ),
        (
            r#""StringEquals":{"@:sub":"§shop:api","@:aud":"sts.amazonaws.com","aws:SourceVpce":"vpce-1"}"#,
            &["T042"],
        ),
        (
            r#""StringEquals":{"@:sub":"§shop:api","@:aud":"sts.amazonaws.com"},"NotIpAddress":{"aws:SourceIp":"192.0.2.0/24"}"#,
            &[],
        ),
        (
            r#""StringEquals":{"@:sub":"§shop:api","@:aud":"sts.amazonaws.com","sts:SourceIdentity":"x"}"#,
            &["T043"],
        ),
        (r#""StringEquals":{"@:sub":"§shop:api","@:aud":"sts.amazon.com"}"#, &["T022"]),
        (r#""StringEquals":{"@:sub":"§shop:api","@:aud":"https://sts.amazonaws.com/"}"#, &["T022"]),
        (r#""StringEquals":{"@:sub":"§shop:api","@:aud":"vault"}"#, &[]),
    ] {
        check(&trust(&when(condition)), expected);
    }
}

#[test]
fn comparisons() {
    for (condition, expected) in [
        (
            r#""StringEqualsIgnoreCase":{"@:sub":"§shop:*"},"StringEquals":{"@:aud":"sts.amazonaws.com"}"#,
            &["T005"][..],
        ),
        // A literal star is written so.
        (
            r#""StringLike":{"@:sub":"§shop:api-?"},"StringEquals":{"@:aud":"sts.amazonaws.com","sts:RoleSessionName":"a${*}"}"#,
            &["T009"],
        ),
        (
            r#""ForAnyValue:StringLike":{"@:sub":"§shop:api"},"StringEquals":{"@:aud":"sts.amazonaws.com"}"#,
            &["T006", "T012"],
        ),
        (r#""StringLike":{"@:aud":"sts.amazonaws.com"},"StringEquals":{"@:sub":"§shop:api"}"#, &["T006"]),
        (r#""StringNotEquals":{"@:sub":"§shop:web","@:aud":"x"}"#, &["T014", "T014"]),
        (r#""Null":{"@:sub":"true"},"StringEquals":{"@:aud":"sts.amazonaws.com"}"#, &["T002", "T014"]),
        (r#""Null":{"@:sub":"false"},"StringEquals":{"@:aud":"sts.amazonaws.com"}"#, &["T002"]),
        (
            r#""StringEquals":{"@:sub":"§shop:api","@:aud":"sts.amazonaws.com"},"StringNotEqualsIfExists":{"@:sub":"§shop:x"}"#,
            &[],
        ),
        (
            r#""ForAllValues:StringLike":{"@:sub":"§shop:*"},"StringEquals":{"@:aud":"sts.amazonaws.com"}"#,
            &["T011", "T009"],
        ),
        (
            r#""StringEquals":{"@:sub":"§shop:api","@:aud":"sts.amazonaws.com"},"StringLike":{"@:sub":"§shop:*"}"#,
            &["T051"],
        ),
        (
            r#""StringEquals":{"@:sub":"§shop:api","@:aud":"sts.amazonaws.com"},"StringLike":{"@:SUB":"§web:*"}"#,
            &["T051"],
        ),
        (
            r#""StringEquals":{"@:sub":"§shop:api","@:aud":"sts.amazonaws.com"},"StringNotLike":{"@:sub":"§web:*"}"#,
            &[],
        ),
    ] {
        check(&trust(&when(condition)), expected);
    }
}

#[test]
fn subjects() {
    for (operator, subject, expected) in [
        ("StringLike", "§shop:api-*", &["T009"][..]),
        ("StringLike", "§*:api-*", &["T007"]),
        ("StringLike", "§*:*", &["T008"]),
        ("StringLike", "*", &["T008"]),
        ("StringLike", "§prod*", &["T010"]),
        ("StringLike", "§pr?d:api", &["T010"]),
        ("StringLike", "shop:*", &["T026"]),
        ("StringLike", "§shop:a:*", &["T026"]),
        ("StringEquals", "§shop:api:x", &["T026"]),
        ("StringEquals", "§shop", &["T026"]),
        ("StringEquals", "§:api", &["T026"]),
        ("StringEquals", "system:serviceaccount/shop/api", &["T026"]),
        ("StringEquals", "§shop:api_v2", &["T027"]),
        ("StringEquals", "§shop:api.v2", &[]),
        ("StringEquals", "§shop.a:api", &["T027"]),
        ("StringEquals", "§-shop:api", &["T027"]),
        ("StringEquals", "§shop:default", &["T048"]),
        ("StringEquals", "§kube-system:x", &[]),
        ("StringEquals", "§shop:${aws:userid}", &["T040"]),
        ("StringLike", "§shop:${aws:userid, 'api'}", &["T006"]),
    ] {
        let condition = format!(
            r#""{operator}":{{"@:sub":"{subject}"}},"StringEqualsIgnoreCase":{{"@:aud":"sts.amazonaws.com"}}"#
        );
        check(&trust(&when(&condition)), expected);
    }
}

/// Issuers of no cluster have subjects of their own.
#[test]
fn other_issuers() {
    let door = |issuer: &str, condition: &str| {
        trust(&statement(
            &format!(r#"{{"Federated":"arn:aws:iam::111122223333:oidc-provider/{issuer}"}}"#),
            "sts:AssumeRoleWithWebIdentity",
            &condition.replace('I', issuer),
        ))
    };
    let github = "token.actions.githubusercontent.com";
    for (issuer, condition, expected) in [
        (
            github,
            r#""StringEquals":{"I:sub":"repo:o/r:ref:refs/heads/main","I:aud":"sts.amazonaws.com"}"#,
            &[][..],
        ),
        (github, r#""StringLike":{"I:sub":"repo:o/*"},"StringEquals":{"I:aud":"sts.amazonaws.com"}"#, &[]),
        (
            github,
            r#""StringLike":{"I:sub":"repo:o*"},"StringEquals":{"I:aud":"sts.amazonaws.com"}"#,
            &["T046"],
        ),
        (
            github,
            r#""StringLike":{"I:sub":"*"},"StringEquals":{"I:aud":"sts.amazonaws.com","I:repository_owner":"o"}"#,
            &[],
        ),
        (github, r#""StringEquals":{"I:aud":"sts.amazonaws.com"}"#, &["T002"]),
        (github, r#""StringEquals":{"I:sub":"repo:o/r:ref:refs/heads/main"}"#, &["T003"]),
        (
            "app.terraform.io",
            r#""StringLike":{"I:sub":"organization:*:project:p:*"},"StringEquals":{"I:aud":"aws.workload.identity"}"#,
            &["T046"],
        ),
        (
            "app.terraform.io",
            r#""StringLike":{"I:sub":"organization:o:project:p:*"},"StringEquals":{"I:aud":"aws.workload.identity"}"#,
            &[],
        ),
        (
            "gitlab.com",
            r#""StringLike":{"I:sub":"project_path:*"},"StringEquals":{"I:aud":"https://gitlab.com"}"#,
            &["T046"],
        ),
        ("login.example.org/", r#""StringEquals":{"I:sub":"00u1abc","I:aud":"0oa1"}"#, &[]),
        (
            "login.example.org",
            r#""StringEquals":{"I:sub":"serviceaccount:shop:api","I:aud":"0oa1"}"#,
            &["T026"],
        ),
        ("keys.example.org", r#""StringEquals":{"I:sub":"§shop:api","I:aud":"sts.amazonaws.com"}"#, &[]),
        (
            "oidc.us-east-1.eks.amazonaws.com/id/A",
            r#""StringEquals":{"I:sub":"§shop:api","I:aud":"sts.amazonaws.com"}"#,
            &["T015"],
        ),
        (
            "oidc.eks.us-east-1.amazonaws.com",
            r#""StringEquals":{"I:sub":"§shop:api","I:aud":"sts.amazonaws.com"}"#,
            &["T017"],
        ),
        (
            "oidc.eks.us-east-1.amazonaws.com/id/A/",
            r#""StringEquals":{"I:sub":"§shop:api","I:aud":"sts.amazonaws.com"}"#,
            &["T017"],
        ),
        (
            "oidc-eks.eu-west-1.api.aws/id/A",
            r#""StringEquals":{"I:sub":"§shop:api","I:aud":"sts.amazonaws.com"}"#,
            &[],
        ),
        ("*.example.org", r#""StringEquals":{"I:sub":"x","I:aud":"y"}"#, &["T033"]),
    ] {
        check(&door(issuer, condition), expected);
    }
}

#[test]
fn principals_and_actions() {
    let web = "sts:AssumeRoleWithWebIdentity";
    let role = r#"{"AWS":"arn:aws:iam::444455556666:role/deploy"}"#;
    for (text, expected) in [
        (
            statement(
                r#"{"Federated":"accounts.google.com"}"#,
                web,
                r#""StringEquals":{"accounts.google.com:sub":"1"}"#,
            ),
            &[][..],
        ),
        (
            statement(
                r#"{"Federated":"cognito-identity.amazonaws.com"}"#,
                web,
                r#""StringEquals":{"cognito-identity.amazonaws.com:aud":"p"}"#,
            ),
            &[],
        ),
        (
            statement(
                r#"{"Federated":"arn:aws:iam::111122223333:saml-provider/idp"}"#,
                "sts:AssumeRoleWithSAML",
                r#""StringEquals":{"SAML:aud":"https://signin.aws.amazon.com/saml"}"#,
            ),
            &[],
        ),
        (statement(r#"{"Federated":"arn:aws:iam::111122223333:saml-provider/idp"}"#, web, ""), &["T028"]),
        (statement(role, web, ""), &["T028"]),
        (statement(role, "sts:AssumeRole", ""), &[]),
        (statement(role, "sts:*", ""), &["T029"]),
        (statement(role, "*", ""), &["T029"]),
        (statement(role, "sts:AssumeRole*", ""), &[]),
        (statement(r#"{"Service":"ec2.amazonaws.com"}"#, "sts:AssumeRole", ""), &[]),
        (statement(r#"{"Service":"pods.eks.amazonaws.com"}"#, "sts:AssumeRole", ""), &["T043"]),
        (
            statement(
                r#"{"AWS":"444455556666"}"#,
                "sts:AssumeRole",
                r#""StringEquals":{"sts:ExternalId":"x"}"#,
            ),
            &[],
        ),
        (
            statement(
                r#""*""#,
                "sts:AssumeRole",
                r#""StringEquals":{"aws:PrincipalArn":"arn:aws:iam::444455556666:role/x"}"#,
            ),
            &[],
        ),
        (
            statement(r#""*""#, "sts:AssumeRole", r#""StringEqualsIfExists":{"aws:PrincipalOrgID":"o-1"}"#),
            &["T030"],
        ),
        (statement(r#"{"AWS":["AIDAEXAMPLE1234567890"]}"#, "sts:AssumeRole", ""), &["T050"]),
        (
            statement(
                r#"{"Federated":"oidc.example.org"}"#,
                web,
                r#""StringEquals":{"oidc.example.org:sub":"x"}"#,
            ),
            &["T033"],
        ),
        (statement(r#"{"Federated":"arn:aws:iam::1:oidc-provider/@"}"#, web, SUB), &["T033"]),
        (statement(r#"{"Federated":"*"}"#, web, SUB), &["T033"]),
        (
            format!("{},{}", when(SUB), statement(r#"{"AWS":"444455556666"}"#, "sts:AssumeRole", "")),
            &["T047"],
        ),
        (when(SUB).replace("\"Action\"", "\"NotResource\":\"*\",\"Action\""), &["T032"]),
        (when(SUB).replace("\"Action\"", "\"NotAction\""), &["T029"]),
        // What is to be filled in may be judged all the same.
        (
            statement(
                r#"{"Federated":"${module.oidc.arn}"}"#,
                web,
                r#""StringEquals":{"${local.issuer}:sub":"§shop:api"}"#,
            ),
            &["T033", "T003"],
        ),
        (
            statement(
                r#"{"Federated":"<provider>"}"#,
                web,
                r#""StringEquals":{"<issuer>:aud":"sts.amazonaws.com"}"#,
            ),
            &["T033", "T002"],
        ),
        (
            statement(r#"{"Federated":"<provider>"}"#, web, r#""Bool":{"aws:SecureTransport":"true"}"#),
            &["T033", "T002"],
        ),
        (statement(r#"{"Federated":"<provider>"}"#, web, ""), &["T001", "T033"]),
        (statement(r#"{"Federated":"<idp>"}"#, "sts:AssumeRoleWithSAML", ""), &["T033"]),
        // Tagging alone lets nobody in.
        (format!("{},{}", when(SUB), when("").replace("AssumeRoleWithWebIdentity", "TagSession")), &[]),
    ] {
        check(&trust(&text), expected);
    }
}

#[test]
fn statements_together() {
    let sub = r#""StringEquals":{"@:sub":"§shop:api"}"#;
    let two = r#"{"Federated":["arn:aws:iam::111122223333:oidc-provider/@","arn:aws:iam::111122223333:oidc-provider/~"]}"#;
    let web = "sts:AssumeRoleWithWebIdentity";
    for (text, expected) in [
        (format!("{},{}", when(SUB), when("")), &["T001", "T035"][..]),
        (format!("{},{}", when(SUB), when(SUB)), &[]),
        (format!("{},{}", when(SUB), when(SUB).replace('@', "~")), &[]),
        (
            format!(
                "{},{}",
                when(SUB),
                when(r#""StringLike":{"~:sub":"§shop:*"},"StringEquals":{"~:aud":"sts.amazonaws.com"}"#)
                    .replace("provider/@", "provider/~")
            ),
            &["T009"],
        ),
        (statement(two, web, SUB), &["T034"]),
        (statement(two, web, r#""StringEquals":{"@:sub":"§shop:api","~:sub":"§shop:api"}"#), &["T034"]),
        (statement(two, web, ""), &["T001", "T001"]),
        (format!("{},{}", when(sub), when(sub)), &["T003", "T003"]),
        (
            when(
                r#""StringLike":{"@:sub":["§shop:api","§shop:*"]},"StringEquals":{"@:aud":"sts.amazonaws.com"}"#,
            ),
            &["T009", "T036"],
        ),
        (
            when(
                r#""StringLike":{"@:sub":["§shop:api","§web:*"]},"StringEquals":{"@:aud":"sts.amazonaws.com"}"#,
            ),
            &["T009"],
        ),
    ] {
        check(&trust(&text), expected);
    }
}

/// A Deny opens nothing; mistakes that make it void are told.
#[test]
fn denies() {
    let deny = |condition: &str| when(condition).replace("Allow", "Deny");
    for (condition, expected) in [
        (r#""StringNotEquals":{"@:aud":"sts.amazonaws.com"}"#, &[][..]),
        (r#""StringLike":{"@:sub":"§*"}"#, &[]),
        (r#""StringEquals":{"@:sub":"§shop:*"}"#, &["T005"]),
        (r#""StringLike":{"https://@:sub":"§shop:*"}"#, &["T016"]),
        (r#""StringEqualsIfExists":{"@:sub":"§shop:api"}"#, &[]),
    ] {
        check(&trust(&format!("{},{}", when(SUB), deny(condition))), expected);
    }
}

#[test]
fn fixes() {
    // The key is swapped with the other one.
    let swapped = r#""StringEquals":{"@:sub":"sts.amazonaws.com","@:aud":"§shop:api"}"#;
    let text = trust(&when(swapped));
    let findings = lint(&text, PolicyType::Trust, &Surroundings::default());
    let both = apply(&text, findings.iter().filter_map(|finding| finding.fix.as_ref()));
    assert_eq!(both, trust(&when(r#""StringEquals":{"@:aud":"sts.amazonaws.com","@:sub":"§shop:api"}"#)));
    for (code, from, to) in [
        (
            "T003",
            r#""StringLike":{"@:sub":"§shop:*"}"#,
            r#""StringLike":{"@:sub":"§shop:*"}, "StringEquals": {"@:aud": "sts.amazonaws.com"}"#,
        ),
        (
            "T003",
            r#""StringEquals":{},"Bool":{"aws:SecureTransport":"true"}"#,
            r#""StringEquals":{"@:aud": "sts.amazonaws.com"},"Bool":{"aws:SecureTransport":"true"}"#,
        ),
        (
            "T005",
            r#""StringEquals":{"@:sub":"§shop:*"},"StringLike":{"@:aud":"s*"}"#,
            r#""StringLike":{"@:aud":"s*", "@:sub":"§shop:*"}"#,
        ),
        ("T005", r#""StringEquals":{"@:sub":"§shop:*"}"#, r#""StringLike":{"@:sub":"§shop:*"}"#),
        (
            "T006",
            r#""StringLike":{"@:sub":"§shop:api","@:aud":"a"}"#,
            r#""StringEquals":{"@:sub":"§shop:api","@:aud":"a"}"#,
        ),
        (
            "T018",
            r#""StringEquals":{"@:azp":"sts.amazonaws.com"}"#,
            r#""StringEquals":{"@:aud":"sts.amazonaws.com"}"#,
        ),
        (
            "T051",
            r#""StringEquals":{"@:sub":"§shop:api"},"StringLike":{"@:sub":"§shop:*"}"#,
            r#""StringEquals":{"@:sub":"§shop:api"}"#,
        ),
        // The other operator has the key: which of the two is meant is not known.
        (
            "T013",
            r#""StringLikeIfExists":{"@:sub":"§shop:*"},"StringLike":{"~:sub":"§shop:*"}"#,
            r#""StringLike":{"~:sub":"§shop:*", "@:sub":"§shop:*"}"#,
        ),
    ] {
        check_fix(&trust(&when(from)), code, &trust(&when(to)));
    }
    // A statement that stands alone becomes an array.
    let alone = trust(&when(r#""StringEquals":{"@:sub":"§shop:api"},"StringLike":{"@:sub":"§web:*"}"#))
        .replace(['[', ']'], "");
    let list = trust(&format!(
        "{}, {}",
        when(r#""StringEquals":{"@:sub":"§shop:api"}"#),
        when(r#""StringLike":{"@:sub":"§web:*"}"#)
    ));
    check_fix(&alone, "T051", &list);
}

#[test]
fn surroundings_that_are_unknown_are_no_finding() {
    let text = trust(&when(SUB));
    let account = ServiceAccount {
        namespace: "shop".into(),
        name: "api".into(),
        role_arn: Some("arn:aws:iam::111122223333:role/api".into()),
        audience: None,
        token_seconds: None,
    };
    let role = Role { arn: "arn:aws:iam::111122223333:role/api".into(), max_session_seconds: None };
    let provider =
        Provider { arn: format!("arn:aws:iam::111122223333:oidc-provider/{ISSUER}"), client_ids: None };
    let all = Surroundings {
        role: Some(role.clone()),
        providers: Some(vec![provider.clone()]),
        service_accounts: Some(vec![account.clone()]),
    };
    let check =
        |around: Surroundings, expected: &[&str]| check_in(&text, PolicyType::Trust, &around, expected);
    check(all.clone(), &[]);
    check(Surroundings { providers: Some(vec![]), ..Surroundings::default() }, &["T021"]);
    check(Surroundings { service_accounts: Some(vec![]), ..Surroundings::default() }, &["T023"]);
    let silent = ServiceAccount { role_arn: None, ..account.clone() };
    check(Surroundings { service_accounts: Some(vec![silent.clone()]), ..Surroundings::default() }, &[]);
    check(Surroundings { service_accounts: Some(vec![silent]), ..all.clone() }, &["T024"]);
    let elsewhere = |arn: &str| Surroundings {
        role: Some(Role { arn: arn.into(), ..role.clone() }),
        ..Surroundings::default()
    };
    check(elsewhere("arn:aws:iam::444455556666:role/api"), &["T019"]);
    check(elsewhere("arn:aws-cn:iam::111122223333:role/api"), &["T020"]);
    let ids = |ids: &[&str]| {
        let client_ids = Some(ids.iter().map(|id| (*id).to_owned()).collect());
        Surroundings {
            providers: Some(vec![Provider { client_ids, ..provider.clone() }]),
            ..Surroundings::default()
        }
    };
    check(ids(&["a", "sts.amazonaws.com"]), &[]);
    check(ids(&["a"]), &["T022"]);
    check(ids(&[]), &["T022"]);
    let long = ServiceAccount { token_seconds: Some(7200), ..account.clone() };
    let short = Role { max_session_seconds: Some(3600), ..role };
    check(
        Surroundings { role: Some(short), service_accounts: Some(vec![long]), ..Surroundings::default() },
        &["T049"],
    );
    let vault = ServiceAccount { audience: Some("vault".into()), ..account };
    check(Surroundings { service_accounts: Some(vec![vault]), ..all }, &["T025"]);
}

#[test]
fn identity_policies() {
    let policy = |statements: &str| format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
    let allow = |action: &str, resource: &str| {
        format!(r#"{{"Effect":"Allow","Action":{action},"Resource":{resource}}}"#)
    };
    for (statement, expected) in [
        (allow(r#""s3:*""#, r#""arn:aws:s3:::b""#), &[][..]),
        (allow(r#""s3:Get*""#, r#""arn:aws:s3:::b""#), &[]),
        (allow(r#""s3:GetObject*""#, r#""arn:aws:s3:::b""#), &["I101"]),
        (allow(r#""S3:getobject""#, r#""arn:aws:s3:::b""#), &["I101"]),
        (allow(r#""s3:GetObject""#, r#""arn:aws:s3:::b*""#), &[]),
        (
            allow(r#""s3:GetObject""#, r#"["arn:aws:s3:::b","arn:aws:sqs:eu-west-1:111122223333:q"]"#),
            &["I101"],
        ),
        (allow(r#"["s3:PutObject","s3:GetObject"]"#, r#""arn:aws:s3:::b""#), &["I101", "I101"]),
        (allow(r#""s3:GetObject""#, r#""arn:aws:s3:eu-west-1:111122223333:accesspoint/p/object/*""#), &[]),
        (allow(r#""s3:GetObject""#, r#""*""#), &[]),
        (allow(r#""s3:ListBucket*""#, r#""arn:aws:s3:::b/*""#), &["I102"]),
        (allow(r#""s3:ListBucket""#, r#""arn:aws:s3:::b/logs/*""#), &["I102"]),
        (allow(r#""s3:ListAllMyBuckets""#, r#""*""#), &[]),
        (allow(r#""sqs:SendMessage""#, r#""arn:aws:sqs:eu-west-1:111122223333:q""#), &[]),
        (allow(r#""iam:*""#, r#""*""#), &["I104"]),
        (allow(r#""iam:PassRole""#, r#""arn:aws:iam::111122223333:role/*""#), &["I104"]),
        (allow(r#""iam:PassRole""#, r#""arn:aws:iam::111122223333:role/app-*""#), &[]),
        (allow(r#""*""#, r#""*""#), &["I110"]),
        (allow(r#""*""#, r#""arn:aws:s3:::b/*""#), &[]),
        (allow(r#""*:GetObject""#, r#""arn:aws:s3:::b/*""#), &["I108"]),
        (allow(r#""s?:GetObject""#, r#""arn:aws:s3:::b/*""#), &["I108"]),
        (allow(r#""GetObject""#, r#""arn:aws:s3:::b/*""#), &["J003"]),
        (allow(r#""s3:GetObject""#, r#""b/*""#), &["J003"]),
    ] {
        check_in(&policy(&statement), PolicyType::Identity, &Surroundings::default(), expected);
    }
    let old = r#"{"Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/${aws:username}"}]}"#;
    check_in(old, PolicyType::Identity, &Surroundings::default(), &["J003"]);
    check_in(old, PolicyType::Session, &Surroundings::default(), &["T039"]);
    let all = policy(&allow(r#""*""#, r#""*""#));
    for kind in [PolicyType::ServiceControl, PolicyType::Boundary, PolicyType::Session] {
        check_in(&all, kind, &Surroundings::default(), &[]);
    }
}

/// At the limit of each type nothing is said, one character beyond it something is.
#[test]
fn lengths() {
    let principal = r#""Principal":"*","#;
    for (kind, limit, who, counts_space) in [
        (PolicyType::Identity, 6_144, "", false),
        (PolicyType::Boundary, 6_144, "", false),
        (PolicyType::Session, 2_048, "", true),
        (PolicyType::ServiceControl, 5_120, "", true),
        (PolicyType::ResourceControl, 5_120, principal, true),
        (PolicyType::Resource, 20_480, principal, false),
    ] {
        let padded = |length: usize, space: &str| {
            let text = |name: &str| {
                format!(
                    r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny",{who}"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/{name}"}}]}}{space}"#
                )
            };
            text(&"x".repeat(length - text("").len()))
        };
        let around = Surroundings::default();
        check_in(&padded(limit, ""), kind, &around, &[]);
        check_in(&padded(limit + 1, ""), kind, &around, &["I111"]);
        let spaced = padded(limit + 1, " ");
        check_in(&spaced, kind, &around, if counts_space { &["I111"] } else { &[] });
    }
}

#[test]
fn texts_that_are_no_json() {
    for (text, expected) in [
        ("", &["J003"][..]),
        ("kind: ServiceAccount", &["J003"]),
        ("# kind\n", &["J001", "J003"]),
        ("{'Version': '2012-10-17'}", &["J003"]),
        ("[]", &["J003"]),
        ("{}", &["J003"]),
        (r#"{"Statement":[],"Statement":[]}"#, &["J002"]),
        ("\u{feff}{}", &["J003"]),
    ] {
        check(text, expected);
    }
}

/// Where AWS refuses a document there is an error, and where it does not, none says so.
#[test]
fn refusals_are_told() {
    let texts = [
        trust(&when(SUB)),
        trust(&when(r#""Nonsense":{"@:sub":"x"}"#)),
        trust(&when(SUB)).replace("Allow", "allow"),
        trust(&when(SUB)).replace("2012", "2013"),
        trust(&when(SUB)).replace("\"Action\"", "\"Actions\""),
        trust(&when(SUB)).replace("Federated", "federated"),
        trust(&format!("{},", when(SUB))),
        trust(&format!("{} /* */", when(SUB))),
        trust(""),
    ];
    for text in texts {
        for kind in [PolicyType::Trust, PolicyType::Identity, PolicyType::Resource] {
            let is_sound = irsa_policy::Policy::parse(&text, kind).is_ok();
            let findings = lint(&text, kind, &Surroundings::default());
            let refusals = findings.iter().filter(|finding| finding.code.starts_with("IRSA-J")).count();
            assert!(if is_sound { refusals == 0 } else { refusals > 0 }, "{kind:?} {text}\n{findings:#?}");
        }
    }
}
