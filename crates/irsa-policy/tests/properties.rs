//! What must hold for every policy and every request.

use irsa_policy::{
    Attached, Context, Decision, Layers, Policy, PolicyType, Principal, Request, evaluate, explain,
};
use proptest::prelude::*;

const ACCOUNT: &str = "111122223333";

fn principals() -> impl Strategy<Value = Principal> {
    prop_oneof![
        Just(Principal::Anonymous),
        Just(Principal::Account { account: ACCOUNT.into() }),
        Just(Principal::User {
            account: ACCOUNT.into(),
            arn: "arn:aws:iam::111122223333:user/ann".into(),
            id: "AIDAANNEXAMPLE000".into(),
        }),
        Just(Principal::RoleSession {
            account: ACCOUNT.into(),
            role_arn: "arn:aws:iam::111122223333:role/app".into(),
            role_id: "AROAAPPEXAMPLE000".into(),
            session_arn: "arn:aws:sts::111122223333:assumed-role/app/s".into(),
        }),
        Just(Principal::FederatedUser {
            account: ACCOUNT.into(),
            arn: "arn:aws:sts::111122223333:federated-user/f".into(),
            user_arn: Some("arn:aws:iam::111122223333:user/ann".into()),
            user_id: None,
        }),
        Just(Principal::WebIdentity { provider_arn: "arn:aws:iam::111122223333:oidc-provider/h/p".into() }),
        Just(Principal::Service { name: "ec2.amazonaws.com".into() }),
    ]
}

fn actions() -> impl Strategy<Value = &'static str> {
    prop::sample::select(
        &["s3:GetObject", "s3:PutObject", "s3:*", "s3:Get*", "*", "ec2:RunInstances", "s3:?etObject"][..],
    )
}

fn resources() -> impl Strategy<Value = &'static str> {
    prop::sample::select(
        &["*", "arn:aws:s3:::b/*", "arn:aws:s3:::b/k", "arn:aws:s3:::${aws:username}/*", "arn:aws:s3:::c/*"]
            [..],
    )
}

fn conditions() -> impl Strategy<Value = String> {
    let operators = &[
        "StringEquals",
        "StringNotEquals",
        "StringLike",
        "ForAllValues:StringEquals",
        "ForAnyValue:StringNotLike",
        "StringEqualsIfExists",
        "NumericLessThan",
        "DateGreaterThan",
        "Bool",
        "IpAddress",
        "NotIpAddress",
        "ArnLike",
        "Null",
    ][..];
    let values =
        &["ann", "a*", "true", "1", "10.0.0.0/8", "2026-01-01", "${aws:username}", "arn:aws:s3:::*"][..];
    let keys = &["aws:username", "AWS:TagKeys", "aws:SourceIp", "absent"][..];
    let one = (prop::sample::select(operators), prop::sample::select(keys), prop::sample::select(values))
        .prop_filter("dates must be dates", |(operator, _, value)| {
            !operator.starts_with("Date") || *value == "2026-01-01"
        })
        .prop_map(|(operator, key, value)| format!(r#","Condition":{{"{operator}":{{"{key}":"{value}"}}}}"#));
    prop_oneof![2 => Just(String::new()), 1 => one]
}

fn body() -> impl Strategy<Value = String> {
    (any::<[bool; 2]>(), actions(), resources(), conditions()).prop_map(
        |([not_action, not_resource], a, r, condition)| {
            let not = |negated| if negated { "Not" } else { "" };
            format!(r#""{}Action":"{a}","{}Resource":"{r}"{condition}"#, not(not_action), not(not_resource))
        },
    )
}

fn effects() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&["Allow", "Allow", "Allow", "Deny"][..])
}

fn identity_statements() -> impl Strategy<Value = Vec<String>> {
    let one = (effects(), body()).prop_map(|(effect, body)| format!(r#"{{"Effect":"{effect}",{body}}}"#));
    prop::collection::vec(one, 1..4)
}

fn resource_statements() -> impl Strategy<Value = Vec<String>> {
    let principals = &[
        r#""Principal":"*""#,
        r#""Principal":{"AWS":"111122223333"}"#,
        r#""Principal":{"AWS":"arn:aws:iam::111122223333:user/ann"}"#,
        r#""Principal":{"AWS":"arn:aws:iam::111122223333:role/app"}"#,
        r#""Principal":{"AWS":"arn:aws:sts::111122223333:assumed-role/app/s"}"#,
        r#""Principal":{"AWS":"AROAAPPEXAMPLE000"}"#,
        r#""Principal":{"Service":"ec2.amazonaws.com"}"#,
        r#""NotPrincipal":{"AWS":["111122223333","arn:aws:iam::111122223333:user/ann"]}"#,
    ][..];
    let one = (effects(), prop::sample::select(principals), body())
        .prop_map(|(effect, principal, body)| format!(r#"{{"Effect":"{effect}",{principal},{body}}}"#));
    prop::collection::vec(one, 1..4)
}

#[expect(clippy::unwrap_used, reason = "the strategies make sound policies only")]
fn compile(statements: &[String], kind: PolicyType) -> Policy {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","));
    Policy::parse(&text, kind).unwrap()
}

/// Everything that goes into a decision, owned.
#[derive(Debug, Clone)]
struct World {
    principal: Principal,
    action: &'static str,
    resource: &'static str,
    owner: Option<&'static str>,
    identity: Vec<String>,
    resource_policy: Option<Vec<String>>,
    boundary: Option<Vec<String>>,
    session: Option<Vec<String>>,
    scp: Option<Vec<String>>,
    is_trust: bool,
}

fn worlds() -> impl Strategy<Value = World> {
    let request = (
        principals(),
        prop::sample::select(&["s3:GetObject", "s3:PutObject", "S3:getobject"][..]),
        prop::sample::select(&["arn:aws:s3:::b/k", "arn:aws:s3:::ann/k", "arn:aws:s3:::b"][..]),
        prop::sample::select(&[None, Some(ACCOUNT), Some("444455556666")][..]),
        any::<bool>(),
    );
    let policies = (
        identity_statements(),
        prop::option::of(resource_statements()),
        prop::option::weighted(0.3, identity_statements()),
        prop::option::weighted(0.3, identity_statements()),
        prop::option::weighted(0.3, identity_statements()),
    );
    (request, policies).prop_map(
        |(
            (principal, action, resource, owner, is_trust),
            (identity, resource_policy, boundary, session, scp),
        )| World {
            principal,
            action,
            resource,
            owner,
            identity,
            resource_policy,
            boundary,
            session,
            scp,
            is_trust,
        },
    )
}

impl World {
    /// Decides twice, with and without explanation.
    fn decide(&self) -> Decision {
        let mut context = Context::new();
        context
            .set("aws:username", "ann")
            .set_all("aws:TagKeys", ["ann", "b"])
            .set("aws:SourceIp", "10.1.2.3");
        let request = Request {
            principal: &self.principal,
            action: self.action,
            resource: self.resource,
            resource_account: self.owner,
            context: &context,
        };
        let optional = |statements: &Option<Vec<String>>, kind| statements.as_ref().map(|s| compile(s, kind));
        let attach = |policy| Attached { name: "p", policy };
        let identity = compile(&self.identity, PolicyType::Identity);
        let identity = [attach(&identity)];
        let resource = optional(&self.resource_policy, PolicyType::Resource);
        let boundary = optional(&self.boundary, PolicyType::Boundary);
        let session = optional(&self.session, PolicyType::Session);
        let session: Option<Vec<Attached<'_>>> = session.as_ref().map(|policy| vec![attach(policy)]);
        let scp = optional(&self.scp, PolicyType::ServiceControl);
        let scp: Vec<Attached<'_>> = scp.iter().map(attach).collect();
        let levels = [scp.as_slice()];
        let layers = Layers {
            identity: &identity,
            boundary: boundary.as_ref().map(attach),
            session: session.as_deref(),
            resource: resource.as_ref().map(attach),
            resource_is_trust: self.is_trust,
            scp: if scp.is_empty() { &[] } else { &levels },
            ..Layers::default()
        };
        let decision = evaluate(&request, &layers);
        let explanation = explain(&request, &layers);
        assert_eq!(explanation.decision, decision);
        assert_eq!(explanation.message.is_none(), decision.is_allowed());
        decision
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn explain_agrees_with_evaluate(world in worlds()) {
        world.decide();
    }

    #[test]
    fn a_deny_never_opens(world in worlds(), body in body()) {
        let before = world.decide().is_allowed();
        let deny = format!(r#"{{"Effect":"Deny",{body}}}"#);
        let mut after = world.clone();
        after.identity.push(deny);
        prop_assert!(before || !after.decide().is_allowed());
        let mut after = world;
        let deny = format!(r#"{{"Effect":"Deny","Principal":"*",{body}}}"#);
        if let Some(statements) = &mut after.resource_policy {
            statements.insert(0, deny);
        }
        prop_assert!(before || !after.decide().is_allowed());
    }

    #[test]
    fn an_allow_never_closes(world in worlds(), body in body()) {
        let before = world.decide().is_allowed();
        let allow = format!(r#"{{"Effect":"Allow",{body}}}"#);
        let mut after = world.clone();
        after.identity.push(allow.clone());
        for limit in [&mut after.boundary, &mut after.session, &mut after.scp].into_iter().flatten() {
            limit.push(allow.clone());
        }
        if let Some(statements) = &mut after.resource_policy {
            statements.push(format!(r#"{{"Effect":"Allow","Principal":"*",{body}}}"#));
        }
        prop_assert!(!before || after.decide().is_allowed());
    }

    #[test]
    fn limits_only_shrink(world in worlds(), limit in identity_statements()) {
        let without = |change: fn(&mut World)| {
            let mut world = world.clone();
            change(&mut world);
            world
        };
        // A federated user without session policy has nothing, so there the policy opens.
        let needs_session = matches!(world.principal, Principal::FederatedUser { .. });
        for (base, add) in [
            (without(|world| world.boundary = None), (|world, limit| world.boundary = Some(limit)) as fn(&mut World, _)),
            (without(|world| world.session = None), |world, limit| world.session = Some(limit)),
            (without(|world| world.scp = None), |world, limit| world.scp = Some(limit)),
        ] {
            let mut limited = base.clone();
            add(&mut limited, limit.clone());
            let is_session = limited.session.is_some() && base.session.is_none();
            if limited.decide().is_allowed() && !(is_session && needs_session) {
                prop_assert!(base.decide().is_allowed());
            }
        }
    }

    #[test]
    fn any_text_is_policy_or_error(text in any::<String>()) {
        let _ = Policy::parse(&text, PolicyType::Trust);
    }

    #[test]
    fn any_text_of_json_pieces_is_policy_or_error(
        pieces in prop::collection::vec(prop::sample::select(&[
            "{", "}", "[", "]", ",", ":", "\"", "\\", "\"Statement\"", "\"Effect\"", "\"Allow\"", "\"Action\"", "\"*\"",
            "\"Resource\"", "\"Condition\"", "\"Version\"", "\"2012-10-17\"", "1", "-", "null", " ", "\\u00e9", "é", "${", "//",
        ][..]), 0..40),
    ) {
        let text = pieces.concat();
        for kind in [PolicyType::Identity, PolicyType::Resource, PolicyType::Trust, PolicyType::ResourceControl] {
            if let Err(error) = Policy::parse(&text, kind) {
                prop_assert!(error.line() >= 1 && error.column() >= 1 && !error.to_string().is_empty());
            }
        }
    }

    #[test]
    fn any_values_in_a_sound_policy_are_no_panic(
        action in ".{0,20}", resource in ".{0,30}", operator in "(ForAnyValue:)?(String|Date|Numeric|Arn)(Equals|Like|LessThan)(IfExists)?",
        key in ".{0,10}", value in ".{0,20}", found in ".{0,20}",
    ) {
        let text = serde_json::json!({
            "Version": "2012-10-17",
            "Statement": {
                "Effect": "Allow", "Action": [action, "s3:*"], "Resource": [resource, "*"],
                "Condition": { operator: { key.clone(): value } },
            },
        }).to_string();
        if let Ok(policy) = Policy::parse(&text, PolicyType::Identity) {
            let context: Context = [(key, found)].into_iter().collect();
            let principal = Principal::Account { account: ACCOUNT.into() };
            let request = Request {
                principal: &principal, action: &action, resource: &resource, resource_account: None, context: &context,
            };
            let attached = [Attached { name: "p", policy: &policy }];
            let layers = Layers { identity: &attached, ..Layers::default() };
            prop_assert_eq!(explain(&request, &layers).decision, evaluate(&request, &layers));
        }
    }
}
