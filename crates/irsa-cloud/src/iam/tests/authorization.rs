//! On which resource, and with which condition keys, operations are allowed.

use super::*;
use crate::credentials::{Actor, Session, mint};

/// The statement, the operation, its parameters, and whether it is allowed.
type Case<'a> = (&'a str, &'a str, Vec<(&'a str, &'a str)>, bool);

/// Who may do what where: a user with one Allow statement, an operation, and whether it is allowed.
#[test]
fn resources_and_condition_keys() {
    let iam = Iam::new();
    let key = iam.user("ann");
    let own = iam.policy("own");
    iam.ok(
        "CreateRole",
        &[
            ("RoleName", "app"),
            ("Path", "/team/"),
            ("AssumeRolePolicyDocument", TRUST_EC2),
            ("Tags.member.1.Key", "Team"),
            ("Tags.member.1.Value", "a"),
        ],
    );
    iam.role("plain");
    let app = ("RoleName", "app");
    let attach = |arn| vec![app, ("PolicyArn", arn)];
    let tag = |key, value| vec![app, ("Tags.member.1.Key", key), ("Tags.member.1.Value", value)];
    let create = vec![
        ("RoleName", "new"),
        ("AssumeRolePolicyDocument", TRUST_EC2),
        ("PermissionsBoundary", own.as_str()),
    ];
    let mut tagged = create.clone();
    tagged.extend([("Tags.member.1.Key", "k"), ("Tags.member.1.Value", "v")]);
    let cases: Vec<Case<'_>> = vec![
        // The ARN has the role's path.
        (
            r#""Action":"iam:GetRole","Resource":"arn:aws:iam::111122223333:role/team/*""#,
            "GetRole",
            vec![app],
            true,
        ),
        (
            r#""Action":"iam:GetRole","Resource":"arn:aws:iam::111122223333:role/app""#,
            "GetRole",
            vec![app],
            false,
        ),
        (r#""Action":"iam:GetRole","Resource":"*""#, "DeleteRole", vec![app], false),
        (
            r#""Action":"iam:ListRoles","Resource":"arn:aws:iam::111122223333:role/""#,
            "ListRoles",
            vec![],
            true,
        ),
        (
            r#""Action":"iam:ListPolicies","Resource":"arn:aws:iam::111122223333:*""#,
            "ListPolicies",
            vec![],
            false,
        ),
        (r#""Action":"iam:ListPolicies","Resource":"*""#, "ListPolicies", vec![], true),
        // A user's own entity, unnamed.
        (
            r#""Action":"iam:*","Resource":"arn:aws:iam::111122223333:user/${aws:username}""#,
            "GetUser",
            vec![],
            true,
        ),
        (
            r#""Action":"iam:*","Resource":"arn:aws:iam::111122223333:user/${aws:username}""#,
            "ListAccessKeys",
            vec![("UserName", "administrator")],
            false,
        ),
        (
            r#""Action":"iam:AttachRolePolicy","Resource":"*","Condition":{"ArnEquals":{"iam:PolicyARN":"arn:aws:iam::aws:policy/ReadOnlyAccess"}}"#,
            "AttachRolePolicy",
            attach("arn:aws:iam::aws:policy/ReadOnlyAccess"),
            true,
        ),
        (
            r#""Action":"iam:AttachRolePolicy","Resource":"*","Condition":{"ArnEquals":{"iam:PolicyARN":"arn:aws:iam::aws:policy/ReadOnlyAccess"}}"#,
            "AttachRolePolicy",
            attach("arn:aws:iam::aws:policy/AdministratorAccess"),
            false,
        ),
        (
            r#""Action":"iam:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/Team":"a","iam:ResourceTag/Team":"a"}}"#,
            "GetRole",
            vec![app],
            true,
        ),
        (
            r#""Action":"iam:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/Team":"a"}}"#,
            "GetRole",
            vec![("RoleName", "plain")],
            false,
        ),
        (
            r#""Action":"iam:TagRole","Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/Stage":"dev"},"ForAllValues:StringEquals":{"aws:TagKeys":["Stage"]}}"#,
            "TagRole",
            tag("Stage", "dev"),
            true,
        ),
        (
            r#""Action":"iam:TagRole","Resource":"*","Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":["Stage"]}}"#,
            "TagRole",
            tag("Team", "b"),
            false,
        ),
        (
            r#""Action":"iam:CreateRole","Resource":"*","Condition":{"ArnLike":{"iam:PermissionsBoundary":"arn:aws:iam::*:policy/other"}}"#,
            "CreateRole",
            create.clone(),
            false,
        ),
        // Tags at creation need the right to tag as well.
        (r#""Action":"iam:CreateRole","Resource":"*""#, "CreateRole", tagged, false),
        (
            r#""Action":"iam:CreateRole","Resource":"*","Condition":{"ArnLike":{"iam:PermissionsBoundary":"arn:aws:iam::*:policy/own"}}"#,
            "CreateRole",
            create,
            true,
        ),
    ];
    for (statement, action, params, allowed) in cases {
        iam.allow("ann", statement);
        let outcome = iam.call(&key, action, &params);
        match outcome {
            Ok(_) => assert!(allowed, "{action} was allowed by {statement}"),
            Err(failure) => {
                assert_eq!(failure.body.code, "AccessDenied", "{:?}", failure.body);
                assert!(!allowed, "{action} was denied with {statement}: {}", failure.body.message);
            }
        }
    }
}

#[test]
fn a_denial_has_awss_sentence_and_a_record() {
    let iam = Iam::new();
    let key = iam.user("ann");
    let failure = iam.call(&key, "ListUsers", &[]).unwrap_err();
    let sentence = "User: arn:aws:iam::111122223333:user/ann is not authorized to perform: iam:ListUsers on resource: \
                    arn:aws:iam::111122223333:user/ because no identity-based policy allows the iam:ListUsers action";
    assert!(failure.body.message.starts_with(sentence), "{}", failure.body.message);
    assert!(failure.authorization_id.is_some());
}

/// STS API reference, "GetSessionToken": such a session calls IAM only with MFA, which there is not.
#[test]
fn a_users_session_cannot_call_iam() {
    let iam = Iam::new();
    let administrator = &iam.administrators[0];
    let snapshot = iam.ctx.store.snapshot();
    let user = snapshot.user(administrator.account, "administrator").unwrap();
    let session = Session {
        access_key_id: String::new(),
        account: administrator.account,
        actor: Actor::User { name: user.name.clone(), id: user.id.clone() },
        issued_at: NOW,
        expires_at: NOW + 900,
        policy: None,
        policy_arns: Vec::new(),
        tags: Vec::new(),
        transitive_tag_keys: Vec::new(),
        source_identity: None,
        web_identity: None,
    };
    let minted = mint(&iam.ctx.keys, session).unwrap();
    let claimed =
        claim(&snapshot, &iam.ctx.keys, &minted.access_key_id, Some(&minted.session_token)).unwrap();
    let params = || Params::parse(format!("Action=ListUsers&Version={}", crate::iam::VERSION)).unwrap();
    let failure = iam.call_as(claimed.caller, params()).unwrap_err();
    assert_eq!((failure.body.code.as_ref(), failure.body.status.as_u16()), ("InvalidClientTokenId", 403));
}

#[test]
fn a_role_session_names_the_user() {
    let iam = Iam::new();
    iam.role("app");
    iam.ok(
        "AttachRolePolicy",
        &[("RoleName", "app"), ("PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess")],
    );
    let snapshot = iam.ctx.store.snapshot();
    let role = snapshot.role(FIRST.parse().unwrap(), "app").unwrap();
    let session = Session {
        access_key_id: String::new(),
        account: role.account,
        actor: Actor::Role {
            name: role.name.clone(),
            path: role.path.clone(),
            id: role.id.clone(),
            session: "s".to_owned(),
        },
        issued_at: NOW,
        expires_at: NOW + 900,
        policy: None,
        policy_arns: Vec::new(),
        tags: Vec::new(),
        transitive_tag_keys: Vec::new(),
        source_identity: None,
        web_identity: None,
    };
    let minted = mint(&iam.ctx.keys, session).unwrap();
    let claimed =
        claim(&snapshot, &iam.ctx.keys, &minted.access_key_id, Some(&minted.session_token)).unwrap();
    let params = Params::parse(format!("Action=GetUser&Version={}", crate::iam::VERSION)).unwrap();
    let failure = iam.call_as(claimed.caller, params).unwrap_err();
    assert_eq!(failure.body.code, "ValidationError");
    assert_eq!(failure.body.message, "Must specify userName when calling with non-User credentials");
}
