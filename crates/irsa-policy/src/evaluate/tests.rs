//! The decision, layer by layer, read off the IAM User Guide's pages on evaluation logic.

use super::*;
use crate::document::PolicyType;
use crate::request::Context;

const A: &str = "111122223333";
const B: &str = "444455556666";
const BUCKET: &str = "arn:aws:s3:::b";
const ROLE: &str = "arn:aws:iam::111122223333:role/team/app";
const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/app/s1";
const USER: &str = "arn:aws:iam::111122223333:user/ann";
const FEDERATED: &str = "arn:aws:sts::111122223333:federated-user/fed";
const PROVIDER: &str = "arn:aws:iam::111122223333:oidc-provider/oidc.example.com/id/A1";

fn user() -> Principal {
    Principal::User { account: A.into(), arn: USER.into(), id: "AIDAANN".into() }
}

fn session() -> Principal {
    Principal::RoleSession {
        account: A.into(),
        role_arn: ROLE.into(),
        role_id: "AROAAPP".into(),
        session_arn: SESSION.into(),
    }
}

fn federated() -> Principal {
    Principal::FederatedUser {
        account: A.into(),
        arn: FEDERATED.into(),
        user_arn: Some(USER.into()),
        user_id: Some("AIDAANN".into()),
    }
}

fn root() -> Principal {
    Principal::Account { account: A.into() }
}

fn service() -> Principal {
    Principal::Service { name: "ec2.amazonaws.com".into() }
}

fn web() -> Principal {
    Principal::WebIdentity { provider_arn: PROVIDER.into() }
}

fn policy(kind: PolicyType, statements: &str) -> Policy {
    Policy::parse(&format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#), kind).unwrap()
}

fn allow_all(kind: PolicyType) -> Policy {
    policy(kind, r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#)
}

fn silent(kind: PolicyType) -> Policy {
    policy(kind, r#"{"Effect":"Allow","Action":"ec2:RunInstances","Resource":"*"}"#)
}

fn deny_all(kind: PolicyType) -> Policy {
    policy(kind, r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#)
}

fn granting(principal: &str) -> Policy {
    let statement =
        format!(r#"{{"Effect":"Allow","Principal":{principal},"Action":"s3:ListBucket","Resource":"*"}}"#);
    policy(PolicyType::Resource, &statement)
}

fn named(policy: &Policy) -> Attached<'_> {
    Attached { name: "p", policy }
}

fn ask(principal: &Principal, owner: &str, layers: &Layers<'_>) -> Decision {
    let context = Context::new();
    let request = Request {
        principal,
        action: "s3:ListBucket",
        resource: BUCKET,
        resource_account: Some(owner),
        context: &context,
    };
    let decision = evaluate(&request, layers);
    assert_eq!(crate::explain(&request, layers).decision, decision);
    decision
}

use Decision::{Allow, ExplicitDeny, ImplicitDeny};

#[test]
fn identity_policies_must_allow() {
    let (allow, nothing) = (allow_all(PolicyType::Identity), silent(PolicyType::Identity));
    for (policies, expected) in [
        (vec![], ImplicitDeny(Layer::Identity)),
        (vec![named(&nothing)], ImplicitDeny(Layer::Identity)),
        (vec![named(&nothing), named(&allow)], Allow),
    ] {
        for principal in [user(), session()] {
            assert_eq!(ask(&principal, A, &Layers { identity: &policies, ..Layers::default() }), expected);
        }
    }
    assert_eq!(ask(&root(), A, &Layers::default()), Allow, "the root user needs no policy");
}

#[test]
fn actions_and_resources_match_as_written() {
    for (statement, action, resource, expected) in [
        (r#""Action":"s3:GetObject","Resource":"*""#, "S3:getobject", "arn:aws:s3:::b/k", true),
        (r#""Action":"S3:Get*","Resource":"*""#, "s3:GetObject", "arn:aws:s3:::b/k", true),
        (r#""Action":"s3:Get?bject","Resource":"*""#, "s3:GetObject", "arn:aws:s3:::b/k", true),
        (r#""Action":"s3:GetObject","Resource":"*""#, "s3:GetObjectAcl", "arn:aws:s3:::b/k", false),
        (r#""Action":"*","Resource":"*""#, "s3:GetObject", "*", true),
        (r#""Action":"*","Resource":"*""#, "", "*", false),
        (r#""Action":"*","Resource":"*""#, "s3:Get Object", "*", false),
        (r#""Action":"*","Resource":"*""#, "s3:a,s3:b", "*", false),
        (r#""NotAction":"iam:*","Resource":"*""#, "s3:GetObject", "*", true),
        (r#""NotAction":["iam:*","s3:GetObject"],"Resource":"*""#, "s3:GetObject", "*", false),
        (r#""NotAction":"iam:*","Resource":"*""#, "", "*", false),
        (r#""Action":"s3:*","Resource":"arn:aws:s3:::b/*""#, "s3:GetObject", "arn:aws:s3:::b/k", true),
        (r#""Action":"s3:*","Resource":"arn:aws:s3:::b/*""#, "s3:ListBucket", "arn:aws:s3:::b", false),
        (r#""Action":"s3:*","Resource":"arn:aws:s3:::b/*""#, "s3:ListAllMyBuckets", "*", false),
        (r#""Action":"s3:*","NotResource":"arn:aws:s3:::b/*""#, "s3:GetObject", "arn:aws:s3:::c/k", true),
        (r#""Action":"s3:*","NotResource":"arn:aws:s3:::b/*""#, "s3:GetObject", "arn:aws:s3:::b/k", false),
        (
            r#""Action":"s3:*","NotResource":"arn:aws:s3:::${aws:nobody}""#,
            "s3:GetObject",
            "arn:aws:s3:::b/k",
            false,
        ),
        (
            r#""Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}/*""#,
            "s3:GetObject",
            "arn:aws:s3:::b/ann/k",
            true,
        ),
        (
            r#""Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}/*""#,
            "s3:GetObject",
            "arn:aws:s3:::b/bob/k",
            false,
        ),
    ] {
        let policy = policy(PolicyType::Identity, &format!(r#"{{"Effect":"Allow",{statement}}}"#));
        let context: Context = [("aws:username", "ann")].into_iter().collect();
        let principal = user();
        let request =
            Request { principal: &principal, action, resource, resource_account: None, context: &context };
        let decision = evaluate(&request, &Layers { identity: &[named(&policy)], ..Layers::default() });
        assert_eq!(decision.is_allowed(), expected, "{statement} for {action} on {resource}");
    }
}

// "AWS JSON policy elements: Principal" and the table of resource-based policies × implicit denies: what a grant in the
// resource's policy is worth in the same account, when the caller's own policies are silent.
#[test]
fn a_resource_policy_within_one_account() {
    let quoted = |arn: &str| format!(r#"{{"AWS":"{arn}"}}"#);
    let identity = ImplicitDeny(Layer::Identity);
    for (principal, grant, with_nothing, with_silent_boundary, with_silent_session) in [
        (user(), quoted(USER), Allow, Allow, Allow),
        (user(), quoted(A), identity, identity, identity),
        (user(), quoted("arn:aws:iam::111122223333:root"), identity, identity, identity),
        (user(), r#""*""#.into(), Allow, Allow, Allow),
        (user(), quoted("*"), Allow, Allow, Allow),
        (user(), quoted("AIDAANN0000000000"), identity, identity, identity),
        (user(), quoted("arn:aws:iam::111122223333:user/bob"), identity, identity, identity),
        (user(), quoted("arn:aws:iam::444455556666:user/ann"), identity, identity, identity),
        (user(), quoted("arn:aws:iam::111122223333:role/ann"), identity, identity, identity),
        (session(), quoted(ROLE), Allow, ImplicitDeny(Layer::Boundary), ImplicitDeny(Layer::Session)),
        (session(), quoted(SESSION), Allow, Allow, Allow),
        (session(), quoted("arn:aws:sts::111122223333:assumed-role/app/s2"), identity, identity, identity),
        (session(), quoted(A), identity, identity, identity),
        (session(), r#""*""#.into(), Allow, Allow, Allow),
        (
            federated(),
            quoted(USER),
            ImplicitDeny(Layer::Session),
            ImplicitDeny(Layer::Boundary),
            ImplicitDeny(Layer::Session),
        ),
        (federated(), quoted(FEDERATED), Allow, Allow, Allow),
        (root(), quoted(A), Allow, Allow, Allow),
    ] {
        let resource = granting(&grant);
        let (boundary, narrow) = (silent(PolicyType::Boundary), silent(PolicyType::Session));
        let narrow = [named(&narrow)];
        let layers = Layers { resource: Some(named(&resource)), ..Layers::default() };
        let case = format!("{principal:?} under {grant}");
        assert_eq!(ask(&principal, A, &layers), with_nothing, "{case}");
        let layers_ = Layers { boundary: Some(named(&boundary)), ..layers };
        assert_eq!(ask(&principal, A, &layers_), with_silent_boundary, "{case}, boundary");
        let layers_ = Layers { session: Some(&narrow), ..layers };
        assert_eq!(ask(&principal, A, &layers_), with_silent_session, "{case}, session");
    }
}

#[test]
fn the_strongest_of_several_grants_counts_in_any_order() {
    let grant = |arn: &str| {
        format!(r#"{{"Effect":"Allow","Principal":{{"AWS":"{arn}"}},"Action":"s3:*","Resource":"*"}}"#)
    };
    for order in [[A, ROLE, SESSION], [SESSION, ROLE, A], [ROLE, SESSION, A]] {
        let resource = policy(PolicyType::Resource, &order.map(grant).join(","));
        let layers = Layers { resource: Some(named(&resource)), session: Some(&[]), ..Layers::default() };
        assert_eq!(ask(&session(), A, &layers), Allow, "{order:?}");
    }
    for order in [[A, ROLE], [ROLE, A]] {
        let resource = policy(PolicyType::Resource, &order.map(grant).join(","));
        let layers = Layers { resource: Some(named(&resource)), session: Some(&[]), ..Layers::default() };
        assert_eq!(ask(&session(), A, &layers), ImplicitDeny(Layer::Session), "{order:?}");
    }
}

// "Cross-account policy evaluation logic": both accounts must allow; nothing in the resource's policy bypasses the caller's.
#[test]
fn across_accounts_both_sides_must_allow() {
    let allow = allow_all(PolicyType::Identity);
    let allow = [named(&allow)];
    let quoted = |arn: &str| format!(r#"{{"AWS":"{arn}"}}"#);
    for (principal, grant) in [
        (user(), quoted(USER)),
        (user(), quoted(A)),
        (user(), r#""*""#.to_owned()),
        (session(), quoted(ROLE)),
        (session(), quoted(SESSION)),
        (session(), quoted("arn:aws:iam::111122223333:root")),
    ] {
        let resource = granting(&grant);
        let both = Layers { identity: &allow, resource: Some(named(&resource)), ..Layers::default() };
        assert_eq!(ask(&principal, B, &both), Allow, "{grant}");
        assert_eq!(
            ask(&principal, B, &Layers { identity: &[], ..both }),
            ImplicitDeny(Layer::Identity),
            "{grant}"
        );
        assert_eq!(
            ask(&principal, B, &Layers { resource: None, ..both }),
            ImplicitDeny(Layer::Resource),
            "{grant}"
        );
        let boundary = silent(PolicyType::Boundary);
        let bounded = Layers { boundary: Some(named(&boundary)), ..both };
        assert_eq!(ask(&principal, B, &bounded), ImplicitDeny(Layer::Boundary), "{grant}");
        let bounded = Layers { session: Some(&[]), ..both };
        assert_eq!(ask(&principal, B, &bounded), ImplicitDeny(Layer::Session), "{grant}");
    }
    let resource = granting(&quoted(A));
    let layers = Layers { resource: Some(named(&resource)), ..Layers::default() };
    assert_eq!(ask(&root(), B, &layers), Allow);
    assert_eq!(ask(&root(), B, &Layers::default()), ImplicitDeny(Layer::Resource));
}

#[test]
fn partitions_never_trust_each_other() {
    let resource = granting(r#""*""#);
    let identity = allow_all(PolicyType::Identity);
    let principal = Principal::User {
        account: B.into(),
        arn: "arn:aws-cn:iam::444455556666:user/li".into(),
        id: "AIDALI".into(),
    };
    let layers =
        Layers { identity: &[named(&identity)], resource: Some(named(&resource)), ..Layers::default() };
    assert_eq!(ask(&principal, A, &layers), ImplicitDeny(Layer::Resource));
}

#[test]
fn callers_without_an_account_need_the_resources_policy_alone() {
    for (principal, grant, expected) in [
        (Principal::Anonymous, r#""*""#, Allow),
        (Principal::Anonymous, r#"{"AWS":"111122223333"}"#, ImplicitDeny(Layer::Resource)),
        (service(), r#"{"Service":"ec2.amazonaws.com"}"#, Allow),
        (service(), r#"{"Service":"lambda.amazonaws.com"}"#, ImplicitDeny(Layer::Resource)),
    ] {
        let resource = granting(grant);
        let layers = Layers { resource: Some(named(&resource)), ..Layers::default() };
        assert_eq!(ask(&principal, A, &layers), expected, "{principal:?} {grant}");
        assert_eq!(ask(&principal, A, &Layers::default()), ImplicitDeny(Layer::Resource));
        let forbid = deny_all(PolicyType::ServiceControl);
        let level = [named(&forbid)];
        let organized = Layers { scp: &[&level], ..layers };
        assert_eq!(
            ask(&principal, A, &organized),
            expected,
            "service control policies do not reach {principal:?}"
        );
    }
}

#[test]
fn a_deny_anywhere_ends_it() {
    let identity = allow_all(PolicyType::Identity);
    let identity = [named(&identity)];
    let resource = granting(r#""*""#);
    let base = Layers { identity: &identity, resource: Some(named(&resource)), ..Layers::default() };
    assert_eq!(ask(&user(), A, &base), Allow);

    let deny = deny_all(PolicyType::Identity);
    let both = [named(&deny), identity[0]];
    assert_eq!(ask(&user(), A, &Layers { identity: &both, ..base }), ExplicitDeny(Layer::Identity));
    let boundary = deny_all(PolicyType::Boundary);
    assert_eq!(
        ask(&user(), A, &Layers { boundary: Some(named(&boundary)), ..base }),
        ExplicitDeny(Layer::Boundary)
    );
    let narrow = deny_all(PolicyType::Session);
    let narrow = [named(&narrow)];
    assert_eq!(ask(&session(), A, &Layers { session: Some(&narrow), ..base }), ExplicitDeny(Layer::Session));
    let scp = deny_all(PolicyType::ServiceControl);
    let scp = [named(&scp)];
    assert_eq!(ask(&user(), A, &Layers { scp: &[&scp], ..base }), ExplicitDeny(Layer::ServiceControl));
    assert_eq!(ask(&root(), A, &Layers { scp: &[&scp], ..base }), ExplicitDeny(Layer::ServiceControl));
    let rcp = policy(
        PolicyType::ResourceControl,
        r#"{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"}"#,
    );
    let rcp = [named(&rcp)];
    assert_eq!(
        ask(&user(), A, &Layers { rcp: &[&rcp], scp: &[&scp], ..base }),
        ExplicitDeny(Layer::ResourceControl)
    );
    let resource = policy(
        PolicyType::Resource,
        r#"{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"},
           {"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}"#,
    );
    assert_eq!(
        ask(&root(), A, &Layers { resource: Some(named(&resource)), ..base }),
        ExplicitDeny(Layer::Resource)
    );
    let endpoint = [named(&resource)];
    assert_eq!(ask(&user(), A, &Layers { endpoint: &endpoint, ..base }), ExplicitDeny(Layer::Endpoint));
}

#[test]
fn every_level_of_service_control_policies_must_allow() {
    let identity = allow_all(PolicyType::Identity);
    let identity = [named(&identity)];
    let (full, nothing) = (allow_all(PolicyType::ServiceControl), silent(PolicyType::ServiceControl));
    let denied = ImplicitDeny(Layer::ServiceControl);
    let (full, nothing) = (named(&full), named(&nothing));
    for (levels, expected) in [
        (vec![vec![full], vec![full], vec![full]], Allow),
        (vec![vec![full], vec![nothing]], denied),
        (vec![vec![nothing], vec![full]], denied),
        (vec![vec![full], vec![nothing, full]], Allow),
        (vec![vec![full], vec![]], denied),
    ] {
        let levels: Vec<&[Attached<'_>]> = levels.iter().map(Vec::as_slice).collect();
        let layers = Layers { identity: &identity, scp: &levels, ..Layers::default() };
        assert_eq!(ask(&user(), A, &layers), expected);
        assert_eq!(ask(&root(), A, &layers), expected);
    }
}

#[test]
fn every_level_of_resource_control_policies_must_allow() {
    let identity = allow_all(PolicyType::Identity);
    let identity = [named(&identity)];
    let other = r#"{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"*"}"#;
    let everything = r#"{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}"#;
    let (full, denying) =
        (policy(PolicyType::ResourceControl, everything), policy(PolicyType::ResourceControl, other));
    let allowing = r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"sqs:*","Resource":"*"}}"#;
    let allowing = Policy::parse_unsaved(allowing, PolicyType::ResourceControl).unwrap();
    let (full, denying, allowing) = (named(&full), named(&denying), named(&allowing));
    let denied = ImplicitDeny(Layer::ResourceControl);
    for (levels, expected) in [
        (vec![vec![full], vec![full]], Allow),
        (vec![vec![full, denying]], Allow),
        // Nobody can detach AWS's own policy, whether it is given or not.
        (vec![vec![denying], vec![denying, denying]], Allow),
        (vec![vec![allowing]], denied),
        (vec![vec![full], vec![denying, allowing]], denied),
        (vec![vec![]], denied),
    ] {
        let levels: Vec<&[Attached<'_>]> = levels.iter().map(Vec::as_slice).collect();
        let layers = Layers { identity: &identity, rcp: &levels, ..Layers::default() };
        assert_eq!(ask(&user(), A, &layers), expected);
        assert_eq!(ask(&root(), A, &layers), expected);
    }
}

#[test]
fn boundary_session_and_endpoint_only_narrow() {
    let identity = allow_all(PolicyType::Identity);
    let identity = [named(&identity)];
    let base = Layers { identity: &identity, ..Layers::default() };
    let wide = allow_all(PolicyType::Boundary);
    assert_eq!(ask(&user(), A, &Layers { boundary: Some(named(&wide)), ..base }), Allow);
    let alone = Layers { boundary: Some(named(&wide)), ..Layers::default() };
    assert_eq!(ask(&user(), A, &alone), ImplicitDeny(Layer::Identity), "a boundary grants nothing");
    let narrow = silent(PolicyType::Boundary);
    let bounded = Layers { boundary: Some(named(&narrow)), ..base };
    assert_eq!(ask(&user(), A, &bounded), ImplicitDeny(Layer::Boundary));

    let (wide, narrow) = (allow_all(PolicyType::Session), silent(PolicyType::Session));
    for (policies, expected) in [
        (vec![], ImplicitDeny(Layer::Session)),
        (vec![named(&narrow)], ImplicitDeny(Layer::Session)),
        (vec![named(&narrow), named(&wide)], Allow),
    ] {
        assert_eq!(ask(&session(), A, &Layers { session: Some(&policies), ..base }), expected);
        assert_eq!(ask(&federated(), A, &Layers { session: Some(&policies), ..base }), expected);
    }
    assert_eq!(
        ask(&federated(), A, &base),
        ImplicitDeny(Layer::Session),
        "federated users need a session policy"
    );

    let endpoint = granting(r#"{"AWS":"444455556666"}"#);
    let through = Layers { endpoint: &[named(&endpoint)], ..base };
    assert_eq!(ask(&user(), A, &through), ImplicitDeny(Layer::Endpoint));
    let endpoint = granting(r#""*""#);
    assert_eq!(ask(&user(), A, &Layers { endpoint: &[named(&endpoint)], ..base }), Allow);
}

// "NotPrincipal": name the account, and the role too for a session; principals with a boundary are always denied.
#[test]
fn not_principal_in_a_deny_spares_only_whom_it_names_fully() {
    let identity = allow_all(PolicyType::Identity);
    let identity = [named(&identity)];
    for (principal, spared, expected) in [
        (user(), format!(r#"["{USER}","{A}"]"#), true),
        (user(), format!(r#"["{USER}"]"#), false),
        (user(), format!(r#"["{A}"]"#), false),
        (root(), format!(r#"["{A}"]"#), true),
        (session(), format!(r#"["{A}","{ROLE}","{SESSION}"]"#), true),
        (session(), format!(r#"["{A}","{ROLE}"]"#), false),
        (session(), format!(r#"["{A}","{SESSION}"]"#), false),
    ] {
        let resource = policy(
            PolicyType::Resource,
            &format!(
                r#"{{"Effect":"Deny","NotPrincipal":{{"AWS":{spared}}},"Action":"s3:*","Resource":"*"}}"#
            ),
        );
        let layers = Layers { identity: &identity, resource: Some(named(&resource)), ..Layers::default() };
        assert_eq!(ask(&principal, A, &layers) == Allow, expected, "{principal:?} {spared}");
        let boundary = allow_all(PolicyType::Boundary);
        let bounded = Layers { boundary: Some(named(&boundary)), ..layers };
        assert_eq!(ask(&principal, A, &bounded), ExplicitDeny(Layer::Resource));
    }
}

// "Principal": ARNs of users and roles become unique ids when the policy is saved.
#[test]
fn an_entity_made_anew_does_not_inherit_the_trust_in_its_name() {
    let text = granting(&format!(r#"{{"AWS":["{ROLE}","{USER}"]}}"#));
    let ids = |arn: &str| match arn {
        ROLE => Some("AROAAPP".to_owned()),
        USER => Some("AIDAOLD".to_owned()),
        _ => None,
    };
    let resolved = Policy::parse_resolved(text.source(), PolicyType::Resource, &ids).unwrap();
    let layers = Layers { resource: Some(named(&resolved)), ..Layers::default() };
    assert_eq!(ask(&session(), A, &layers), Allow);
    assert_eq!(ask(&user(), A, &layers), ImplicitDeny(Layer::Identity), "another id");
    assert_eq!(resolved.aws_principals().collect::<Vec<_>>(), [ROLE, USER]);
    let by_id = granting(r#"{"AWS":"AROAAPP0000000000"}"#);
    assert_eq!(by_id.aws_principals().count(), 0);
    assert_eq!(by_id.aws_principal_ids().collect::<Vec<_>>(), ["AROAAPP0000000000"]);
    assert_eq!(resolved.aws_principal_ids().count(), 0);
}

fn trust(statements: &str) -> Policy {
    policy(PolicyType::Trust, statements)
}

fn assume(
    principal: &Principal,
    action: &str,
    owner: &str,
    trust: &Policy,
    identity: &[Attached<'_>],
) -> Decision {
    let context: Context = [
        ("oidc.example.com/id/A1:sub", "system:serviceaccount:shop:api"),
        ("oidc.example.com/id/A1:aud", "sts.amazonaws.com"),
    ]
    .into_iter()
    .collect();
    let role = format!("arn:aws:iam::{owner}:role/target");
    let request =
        Request { principal, action, resource: &role, resource_account: Some(owner), context: &context };
    let layers =
        Layers { identity, resource: Some(named(trust)), resource_is_trust: true, ..Layers::default() };
    let decision = evaluate(&request, &layers);
    assert_eq!(crate::explain(&request, &layers).decision, decision);
    decision
}

// "For most resources you only need an explicit allow in either; role trust policies … must explicitly allow."
#[test]
fn assume_role_asks_the_trust_policy_first() {
    let identity = allow_all(PolicyType::Identity);
    let identity = [named(&identity)];
    let untrusted = ImplicitDeny(Layer::Trust);
    let identity_denied = ImplicitDeny(Layer::Identity);
    for (principal, trusted, owner, alone, with_identity) in [
        (user(), format!(r#"{{"AWS":"{USER}"}}"#), A, Allow, Allow),
        (user(), format!(r#"{{"AWS":"{A}"}}"#), A, identity_denied, Allow),
        (user(), format!(r#"{{"AWS":"{B}"}}"#), A, untrusted, untrusted),
        (user(), format!(r#"{{"AWS":"{USER}"}}"#), B, identity_denied, Allow),
        (user(), format!(r#"{{"AWS":"{B}"}}"#), B, untrusted, untrusted),
        (session(), format!(r#"{{"AWS":"{ROLE}"}}"#), A, Allow, Allow),
        (session(), format!(r#"{{"AWS":"{ROLE}"}}"#), B, identity_denied, Allow),
        (session(), r#""*""#.to_owned(), B, identity_denied, Allow),
        (service(), r#"{"Service":"ec2.amazonaws.com"}"#.to_owned(), A, Allow, Allow),
        (service(), r#"{"Service":"pods.eks.amazonaws.com"}"#.to_owned(), A, untrusted, untrusted),
        (Principal::Anonymous, format!(r#"{{"AWS":"{A}"}}"#), A, untrusted, untrusted),
    ] {
        let statement = format!(r#"{{"Effect":"Allow","Principal":{trusted},"Action":"sts:AssumeRole"}}"#);
        let trust = trust(&statement);
        let case = format!("{principal:?} in {owner}: {trusted}");
        assert_eq!(assume(&principal, "sts:AssumeRole", owner, &trust, &[]), alone, "{case}");
        assert_eq!(assume(&principal, "sts:AssumeRole", owner, &trust, &identity), with_identity, "{case}");
    }
}

#[test]
fn a_web_identity_is_judged_by_the_trust_policy() {
    let federated = |provider: &str| format!(r#""Effect":"Allow","Principal":{{"Federated":"{provider}"}}"#);
    let action = r#""Action":"sts:AssumeRoleWithWebIdentity""#;
    let when = |condition: &str| format!(r#"{},{action},"Condition":{condition}"#, federated(PROVIDER));
    let is_subject = r#"{"StringEquals":{"oidc.example.com/id/A1:sub":"system:serviceaccount:shop:api"}}"#;
    for (statement, allowed) in [
        (when(is_subject), true),
        (when(r#"{"StringEquals":{"OIDC.example.com/id/a1:SUB":"system:serviceaccount:shop:api"}}"#), true),
        (when(r#"{"StringLike":{"oidc.example.com/id/A1:sub":"system:serviceaccount:shop:*"}}"#), true),
        (when(r#"{"StringEquals":{"oidc.example.com/id/A1:sub":"system:serviceaccount:shop:web"}}"#), false),
        (when(r#"{"StringEquals":{"oidc.example.com/id/A1:sub":"system:serviceaccount:shop:*"}}"#), false),
        (format!("{},{action}", federated(PROVIDER)), true),
        (format!("{},{action}", federated(&format!("{PROVIDER}EVIL"))), false),
        (
            format!("{},{action}", federated("arn:aws:iam::111122223333:oidc-provider/oidc.example.com")),
            false,
        ),
        (
            format!(
                "{},{action}",
                federated("arn:aws:iam::444455556666:oidc-provider/oidc.example.com/id/A1")
            ),
            false,
        ),
        (format!(r#"{},"Action":"sts:AssumeRole""#, federated(PROVIDER)), false),
        (format!(r#""Effect":"Allow","Principal":{{"AWS":"{A}"}},{action}"#), false),
        (format!(r#""Effect":"Allow","Principal":"*",{action}"#), true),
    ] {
        let trust = trust(&format!("{{{statement}}}"));
        let expected = if allowed { Allow } else { ImplicitDeny(Layer::Trust) };
        assert_eq!(assume(&web(), "sts:AssumeRoleWithWebIdentity", A, &trust, &[]), expected, "{statement}");
    }
    let denied =
        trust(&format!(r#"{{{}}},{{"Effect":"Deny","Principal":"*","Action":"sts:*"}}"#, when(is_subject)));
    let decision = assume(&web(), "sts:AssumeRoleWithWebIdentity", A, &denied, &[]);
    assert_eq!(decision, ExplicitDeny(Layer::Trust));
    let identity = allow_all(PolicyType::Identity);
    let untrusting = trust(&format!(r#"{{"Effect":"Allow","Principal":{{"AWS":"{A}"}},{action}}}"#));
    let decision = assume(&web(), "sts:AssumeRoleWithWebIdentity", A, &untrusting, &[named(&identity)]);
    assert_eq!(decision, ImplicitDeny(Layer::Trust), "identity policies say nothing about a web identity");
}

#[test]
fn variables_mean_nothing_in_a_policy_of_2008() {
    for (version, expected) in [("2012-10-17", true), ("2008-10-17", false)] {
        let text = format!(
            r#"{{"Version":"{version}","Statement":{{"Effect":"Allow","Principal":"*","Action":"s3:ListBucket","Resource":"*",
                "Condition":{{"StringEquals":{{"s3:prefix":"${{aws:username}}"}}}}}}}}"#
        );
        let resource = Policy::parse(&text, PolicyType::Resource).unwrap();
        let context: Context = [("s3:prefix", "ann"), ("aws:username", "ann")].into_iter().collect();
        let principal = user();
        let request = Request {
            principal: &principal,
            action: "s3:ListBucket",
            resource: BUCKET,
            resource_account: None,
            context: &context,
        };
        let layers = Layers { resource: Some(named(&resource)), ..Layers::default() };
        assert_eq!(evaluate(&request, &layers).is_allowed(), expected, "{version}");
    }
}
