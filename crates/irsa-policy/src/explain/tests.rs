use super::*;
use crate::{Policy, PolicyType, Principal};

const ISSUER: &str = "oidc.example.com/id/A1";

fn provider() -> String {
    format!("arn:aws:iam::111122223333:oidc-provider/{ISSUER}")
}

/// Explains why the token of `system:serviceaccount:shop:api` may not assume a role with this trust statement.
fn trust(action: &str, federated: &str, condition: &str) -> Explanation {
    let text = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"Pods","Effect":"Allow","Principal":{{"Federated":"{federated}"}},
            "Action":"{action}","Condition":{condition}}}]}}"#
    );
    let policy = Policy::parse(&text, PolicyType::Trust).unwrap();
    let mut context = Context::new();
    context.set(&format!("{ISSUER}:sub"), "system:serviceaccount:shop:api");
    context.set_all(&format!("{ISSUER}:aud"), ["sts.amazonaws.com"]);
    let principal = Principal::WebIdentity { provider_arn: provider() };
    let request = Request {
        principal: &principal,
        action: "sts:AssumeRoleWithWebIdentity",
        resource: "arn:aws:iam::111122223333:role/shop",
        resource_account: Some("111122223333"),
        context: &context,
    };
    let layers = Layers {
        resource: Some(Attached { name: "trust", policy: &policy }),
        resource_is_trust: true,
        ..Layers::default()
    };
    explain(&request, &layers)
}

#[test]
fn the_classic_broken_trust_policies_get_advice() {
    let web = "sts:AssumeRoleWithWebIdentity";
    let good = provider();
    for (action, federated, condition, reason, advice) in [
        (
            web,
            good.clone(),
            r#"{"StringLike":{"oidc.example.com/id/A1:aud":"system:serviceaccount:shop:*"}}"#,
            Some(Reason::NotEqual),
            "the key `oidc.example.com/id/A1:aud` is compared with a subject pattern; use `oidc.example.com/id/A1:sub`",
        ),
        (
            web,
            good.clone(),
            r#"{"StringEquals":{"oidc.example.com/id/A1:sub":"sts.amazonaws.com"}}"#,
            Some(Reason::NotEqual),
            "the key `oidc.example.com/id/A1:sub` is compared with an audience; use `oidc.example.com/id/A1:aud`",
        ),
        (
            web,
            good.clone(),
            r#"{"StringEquals":{"oidc.example.com/id/A1:sub":"system:serviceaccount:shop:*"}}"#,
            Some(Reason::WildcardInEquals),
            "`*` and `?` are plain characters in StringEquals; use StringLike (the request has \
             `system:serviceaccount:shop:api`)",
        ),
        (
            web,
            good.clone(),
            r#"{"StringEquals":{"https://oidc.example.com/id/A1:sub":"system:serviceaccount:shop:api"}}"#,
            Some(Reason::MissingKey),
            "condition keys have no https://; write `oidc.example.com/id/A1:sub`",
        ),
        (
            web,
            good.clone(),
            r#"{"StringEquals":{"oidc.example.com/id/B2:sub":"system:serviceaccount:shop:api"}}"#,
            Some(Reason::MissingKey),
            "the key `oidc.example.com/id/B2:sub` is absent because the token's issuer is oidc.example.com/id/A1, not \
             oidc.example.com/id/B2; write `oidc.example.com/id/A1:sub`",
        ),
        (
            web,
            good.clone(),
            r#"{"StringEquals":{"oidc.example.com/id/A1:iss":"x"}}"#,
            Some(Reason::MissingKey),
            "tokens of oidc.example.com/id/A1 give no key `oidc.example.com/id/A1:iss`; there are :sub, :aud, :oaud, :amr \
             and :email",
        ),
        (
            web,
            good.clone(),
            r#"{"StringEquals":{"oidc.example.com/id/A1:sub":"system:serviceaccount:shop:web"}}"#,
            Some(Reason::NotEqual),
            "`oidc.example.com/id/A1:sub` is `system:serviceaccount:shop:api`, but the statement wants \
             system:serviceaccount:shop:web",
        ),
        (
            web,
            good.clone(),
            r#"{"StringNotEquals":{"oidc.example.com/id/A1:sub":"system:serviceaccount:shop:api"}}"#,
            Some(Reason::Excluded),
            "`oidc.example.com/id/A1:sub` is `system:serviceaccount:shop:api`, which the statement excludes with \
             StringNotEquals",
        ),
        (
            web,
            good.clone(),
            r#"{"StringEquals":{"sts:ExternalId":"x"}}"#,
            Some(Reason::MissingKey),
            "the request has no key `sts:ExternalId`",
        ),
        (
            web,
            good.clone(),
            r#"{"StringEquals":{"oidc.example.com/id/A1:sub":"${aws:username}"}}"#,
            Some(Reason::UnresolvedVariable),
            "a variable in ${aws:username} has no value in this request",
        ),
        (
            web,
            good.clone(),
            r#"{"NumericEquals":{"oidc.example.com/id/A1:sub":"1"}}"#,
            Some(Reason::BadType),
            "NumericEquals cannot compare `system:serviceaccount:shop:api` with 1",
        ),
        (
            web,
            good.clone(),
            r#"{"Null":{"oidc.example.com/id/A1:sub":"true"}}"#,
            Some(Reason::Presence),
            "`oidc.example.com/id/A1:sub` is present, and the statement wants the contrary",
        ),
        (
            web,
            good.replace("oidc.example.com/id/A1", "https://oidc.example.com/id/A1"),
            "{}",
            None,
            "the token comes from the provider arn:aws:iam::111122223333:oidc-provider/oidc.example.com/id/A1, but the \
             statement trusts Federated: arn:aws:iam::111122223333:oidc-provider/https://oidc.example.com/id/A1; the \
             provider's ARN has no https://",
        ),
        (
            "sts:AssumeRole",
            good.clone(),
            "{}",
            None,
            "the statement trusts this identity provider but allows sts:AssumeRole; a web identity needs \
             sts:AssumeRoleWithWebIdentity",
        ),
    ] {
        let explanation = trust(action, &federated, condition);
        assert_eq!(explanation.decision, Decision::ImplicitDeny(Layer::Trust), "{condition}");
        let statement = &explanation.layers[0].policies[0].statements[0];
        assert_eq!(
            statement.conditions.first().and_then(|condition| condition.reason),
            reason,
            "{condition}"
        );
        let fix = explanation.fix.unwrap();
        assert_eq!(
            (fix.advice.as_str(), fix.policy.as_deref(), fix.statement),
            (advice, Some("trust"), Some(0))
        );
    }
}

#[test]
fn the_mistakes_that_have_a_code_carry_it() {
    for (condition, code) in [
        (
            r#"{"StringLike":{"oidc.example.com/id/A1:aud":"system:serviceaccount:shop:*"}}"#,
            Some("IRSA-T004"),
        ),
        (r#"{"StringEquals":{"oidc.example.com/id/A1:sub":"sts.amazonaws.com"}}"#, Some("IRSA-T004")),
        (r#"{"StringEquals":{"oidc.example.com/id/A1:sub":"system:serviceaccount:*:*"}}"#, Some("IRSA-T005")),
        (r#"{"StringEquals":{"oidc.example.com/id/B2:sub":"x"}}"#, Some("IRSA-T015")),
        (r#"{"StringEquals":{"https://oidc.example.com/id/A1:sub":"x"}}"#, Some("IRSA-T016")),
        (r#"{"StringEquals":{"oidc.example.com/id/A1:iss":"x"}}"#, Some("IRSA-T018")),
        (r#"{"StringEquals":{"oidc.example.com/id/A1:sub":"system:serviceaccount:shop:web"}}"#, None),
        (r#"{"StringEquals":{"sts:ExternalId":"x"}}"#, None),
    ] {
        let explanation = trust("sts:AssumeRoleWithWebIdentity", &provider(), condition);
        assert_eq!(explanation.fix.unwrap().code, code, "{condition}");
    }
}

#[test]
fn a_key_with_several_values_is_named() {
    let condition = ConditionTrace {
        operator: "StringEquals".into(),
        key: "aws:TagKeys".into(),
        wanted: vec![WantedTrace { value: "a".into(), resolved: None }],
        found: Some(vec!["a".into(), "b".into()]),
        matched: false,
        reason: Some(Reason::SeveralValues),
    };
    let explanation = s3(
        "s3:ListBucket",
        "arn:aws:s3:::b",
        r#""Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"aws:TagKeys":"a"}}"#,
    );
    assert_eq!(explanation.layers[0].policies[0].statements[0].conditions, [condition]);
    assert_eq!(
        explanation.fix.unwrap().advice,
        "`aws:TagKeys` has several values (a, b), which StringEquals never matches; use ForAnyValue:StringEquals"
    );
}

#[test]
fn a_value_that_its_operator_cannot_read_is_told_from_one_that_differs() {
    for (condition, reason) in [
        (r#"{"NumericEquals":{"aws:username":"1"}}"#, Reason::BadType),
        (r#"{"NumericEquals":{"n":"ten"}}"#, Reason::BadType),
        (r#"{"NumericEquals":{"n":["ten","eleven"]}}"#, Reason::BadType),
        (r#"{"NumericEquals":{"n":["ten","8"]}}"#, Reason::NotEqual),
        (r#"{"NumericEquals":{"n":"8"}}"#, Reason::NotEqual),
        (r#"{"NumericEquals":{"n":[]}}"#, Reason::NotEqual),
        (r#"{"Bool":{"flag":"maybe"}}"#, Reason::BadType),
        (r#"{"Bool":{"flag":"false"}}"#, Reason::NotEqual),
        (r#"{"IpAddress":{"ip":"10.0.0.0/99"}}"#, Reason::BadType),
        (r#"{"ArnLike":{"arn":"nothing"}}"#, Reason::BadType),
        (r#"{"BinaryEquals":{"binary":"!"}}"#, Reason::BadType),
        (r#"{"StringEquals":{"aws:username":"bob"}}"#, Reason::NotEqual),
    ] {
        let statement = format!(r#""Action":"s3:*","Resource":"*","Condition":{condition}"#);
        let explanation = s3("s3:ListBucket", "arn:aws:s3:::b", &statement);
        let conditions = &explanation.layers[0].policies[0].statements[0].conditions;
        assert_eq!(conditions[0].reason, Some(reason), "{condition}");
    }
}

#[test]
fn variables_are_shown_with_what_they_stand_for() {
    for (condition, resolved, reason) in [
        (r#"{"StringLike":{"n":"${aws:username}*"}}"#, Some("ann*"), Reason::NotEqual),
        (r#"{"StringEqualsIgnoreCase":{"n":"x${aws:username}"}}"#, Some("xann"), Reason::NotEqual),
        (r#"{"StringEquals":{"n":"ann"}}"#, None, Reason::NotEqual),
        (r#"{"ArnLike":{"arn":"arn:aws:s3:::${aws:username}"}}"#, Some("arn:aws:s3:::ann"), Reason::NotEqual),
        (r#"{"ArnLike":{"arn":"arn:aws:s3:::c"}}"#, None, Reason::NotEqual),
        (r#"{"NumericEquals":{"n":"8"}}"#, None, Reason::NotEqual),
        (r#"{"StringEquals":{"n":"${absent}"}}"#, Some("${unresolved}"), Reason::UnresolvedVariable),
        (
            r#"{"ArnLike":{"arn":"arn:aws:s3:::${absent}"}}"#,
            Some("arn:aws:s3:::${unresolved}"),
            Reason::UnresolvedVariable,
        ),
    ] {
        let statement = format!(r#""Action":"s3:*","Resource":"*","Condition":{condition}"#);
        let explanation = s3("s3:ListBucket", "arn:aws:s3:::b", &statement);
        let trace = &explanation.layers[0].policies[0].statements[0].conditions[0];
        assert_eq!(trace.wanted[0].resolved.as_deref(), resolved, "{condition}");
        assert_eq!(trace.reason, Some(reason), "{condition}");
    }
}

fn s3(action: &str, resource: &str, statement: &str) -> Explanation {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",{statement}}}]}}"#);
    let policy = Policy::parse(&text, PolicyType::Identity).unwrap();
    let principal = Principal::User {
        account: "111122223333".into(),
        arn: "arn:aws:iam::111122223333:user/ann".into(),
        id: "AIDAANN".into(),
    };
    let mut context = Context::new();
    context.set("aws:username", "ann").set_all("aws:TagKeys", ["a", "b"]);
    context.set("n", "7").set("flag", "true").set("ip", "10.0.0.1");
    context.set("arn", "arn:aws:s3:::b").set("binary", "AA==");
    let request =
        Request { principal: &principal, action, resource, resource_account: None, context: &context };
    let attached = [Attached { name: "inline:p", policy: &policy }];
    explain(&request, &Layers { identity: &attached, ..Layers::default() })
}

#[test]
fn bucket_and_object_are_told_apart() {
    for (action, resource, statement, advice) in [
        (
            "s3:GetObject",
            "arn:aws:s3:::b/k",
            r#""Action":"s3:*","Resource":"arn:aws:s3:::b""#,
            "s3:GetObject works on objects, but the statement names the bucket only; add arn:aws:s3:::b/*",
        ),
        (
            "s3:ListBucket",
            "arn:aws:s3:::b",
            r#""Action":"s3:*","Resource":"arn:aws:s3:::b/*""#,
            "s3:ListBucket works on the bucket itself, but the statement names its objects only; add arn:aws:s3:::b",
        ),
        (
            "s3:GetObject",
            "arn:aws:s3:::b/k",
            r#""Action":"s3:*","Resource":"arn:aws:s3:::c/*""#,
            "the resource is arn:aws:s3:::b/k, but the statement names arn:aws:s3:::c/*",
        ),
        (
            "s3:GetObject",
            "arn:aws:s3:::b/k",
            r#""Action":"s3:*","Resource":"arn:aws:s3:::${aws:PrincipalTag/team}/*""#,
            "the variable ${aws:PrincipalTag/team} has no value in this request, so the resource matches nothing",
        ),
        (
            "s3:GetObject",
            "arn:aws:s3:::b/k",
            r#""Action":"ec2:*","Resource":"*""#,
            "no statement of any identity-based policy allows s3:GetObject; add one",
        ),
    ] {
        assert_eq!(s3(action, resource, statement).fix.unwrap().advice, advice);
    }
    assert_eq!(s3("s3:GetObject", "arn:aws:s3:::b/k", r#""Action":"s3:*","Resource":"*""#).fix, None);
}

#[test]
fn the_statement_that_denies_is_named() {
    let deny = r#""Action":"s3:*","Resource":"*"},{"Sid":"NoReads","Effect":"Deny","Action":"s3:Get*","Resource":"*""#;
    let explanation = s3("s3:GetObject", "arn:aws:s3:::b/k", deny);
    assert_eq!(explanation.decision, Decision::ExplicitDeny(Layer::Identity));
    let fix = explanation.fix.unwrap();
    assert_eq!((fix.policy.as_deref(), fix.statement), (Some("inline:p"), Some(1)));
    assert_eq!(
        fix.advice,
        "statement 1 (NoReads) of the identity-based policy denies this, and a Deny wins over every Allow"
    );
}

// "Troubleshoot access denied error messages"
#[test]
fn denials_read_as_awss() {
    let user = Principal::User {
        account: "111122223333".into(),
        arn: "arn:aws:iam::111122223333:user/ann".into(),
        id: "AIDAANN".into(),
    };
    let context = Context::new();
    let request = Request {
        principal: &user,
        action: "s3:GetObject",
        resource: "arn:aws:s3:::b/k",
        resource_account: None,
        context: &context,
    };
    let head = "User: arn:aws:iam::111122223333:user/ann is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::b/k ";
    for (decision, tail) in [
        (
            Decision::ImplicitDeny(Layer::Identity),
            "because no identity-based policy allows the s3:GetObject action",
        ),
        (Decision::ImplicitDeny(Layer::Trust), "because no role trust policy allows the s3:GetObject action"),
        (Decision::ImplicitDeny(Layer::ServiceControl), "with an explicit deny in a service control policy"),
        (Decision::ExplicitDeny(Layer::Identity), "with an explicit deny in an identity-based policy"),
        (Decision::ExplicitDeny(Layer::Boundary), "with an explicit deny in a permissions boundary"),
    ] {
        assert_eq!(denial_message(&request, decision), Some(format!("{head}{tail}")));
    }
    assert_eq!(denial_message(&request, Decision::Allow), None);
}

#[test]
fn the_whole_tree_as_json() {
    let explanation = trust(
        "sts:AssumeRoleWithWebIdentity",
        &provider(),
        r#"{"StringEquals":{"oidc.example.com/id/A1:sub":"system:serviceaccount:shop:web","oidc.example.com/id/A1:aud":"sts.amazonaws.com"}}"#,
    );
    insta::assert_json_snapshot!(explanation);
}
