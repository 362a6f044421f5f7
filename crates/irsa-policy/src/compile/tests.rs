//! What a policy asks for, and what is read though AWS would not save it.

use crate::document::PolicyType;
use crate::evaluate::Decision::{ExplicitDeny, ImplicitDeny};
use crate::{Attached, Context, Layer, Layers, Policy, Principal, Request, evaluate};

// IAM User Guide, "Variables and tags": variables have a meaning since 2012-10-17, in resources and in values.
#[test]
fn context_keys_are_those_of_conditions_and_variables() {
    let text = r#"{"Version":"2012-10-17","Statement":[
            {"Effect":"Allow","Action":"s3:*","Resource":["arn:aws:s3:::b/${aws:username}/*","arn:aws:s3:::${AWS:UserName}"]},
            {"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{
                "StringLike":{"s3:prefix":["${aws:PrincipalTag/team, 'none'}","${*}"]},
                "Null":{"aws:TokenIssueTime":"true"},
                "ArnLike":{"aws:SourceArn":"arn:aws:sns:*:${aws:PrincipalAccount}:*"}}}]}"#;
    let policy = Policy::parse(text, PolicyType::Identity).unwrap();
    let second =
        ["s3:prefix", "aws:PrincipalTag/team", "aws:TokenIssueTime", "aws:SourceArn", "aws:PrincipalAccount"];
    assert_eq!(policy.context_keys(), [["aws:username"].as_slice(), &second].concat());
    assert_eq!(policy.statement_context_keys(0), ["aws:username"]);
    assert_eq!(policy.statement_context_keys(1), second);
    assert_eq!(policy.statement_context_keys(2), [""; 0]);
    let old = Policy::parse(&text.replace("2012", "2008"), PolicyType::Session).unwrap();
    assert_eq!(old.context_keys(), ["s3:prefix", "aws:TokenIssueTime", "aws:SourceArn"]);
}

#[test]
fn an_unknown_operator_is_refused_at_save_and_never_opens_afterwards() {
    let decide = |effect: &str| {
        let statement = r#""Action":"s3:*","Resource":"*","Condition":{"StringMatches":{"k":"v"}}"#;
        let everything = r#"{"Effect":"Allow","Action":"sqs:*","Resource":"*"}"#;
        let text = format!(r#"{{"Statement":[{everything},{{"Effect":"{effect}",{statement}}}]}}"#);
        assert!(Policy::parse(&text, PolicyType::Session).is_err());
        let policy = Policy::parse_unsaved(&text, PolicyType::Session).unwrap();
        let user = Principal::from_name("arn:aws:iam::111122223333:user/ann").unwrap();
        let context: Context = [("k", "v")].into_iter().collect();
        let request = Request {
            principal: &user,
            action: "s3:GetObject",
            resource: "arn:aws:s3:::b/k",
            resource_account: None,
            context: &context,
        };
        let identity = [Attached { name: "p", policy: &policy }];
        let layers = Layers { identity: &identity, ..Layers::default() };
        let explanation = crate::explain(&request, &layers);
        assert_eq!(explanation.decision, evaluate(&request, &layers));
        explanation
    };
    let silent = decide("Allow");
    assert_eq!(silent.decision, ImplicitDeny(Layer::Identity));
    assert_eq!(silent.fix.unwrap().advice, "there is no condition operator StringMatches");
    assert_eq!(decide("Deny").decision, ExplicitDeny(Layer::Identity));
}

#[test]
fn what_aws_would_not_save_is_read_unless_it_leaves_open_whom_it_speaks_to() {
    for (text, kind, is_read) in [
        (
            r#"{"Version":"2008-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#,
            PolicyType::Identity,
            true,
        ),
        (
            r#"{"Statement":{"Sid":"a b","Effect":"Allow","Action":"all","Resource":"b"}}"#,
            PolicyType::Identity,
            true,
        ),
        (
            r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}}"#,
            PolicyType::ResourceControl,
            true,
        ),
        (r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#, PolicyType::Resource, false),
        (
            r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}}"#,
            PolicyType::Identity,
            false,
        ),
        (r#"{"Statement":{"Effect":"Maybe","Action":"s3:*","Resource":"*"}}"#, PolicyType::Identity, false),
        ("[]", PolicyType::Identity, false),
    ] {
        assert_eq!(Policy::parse_unsaved(text, kind).is_ok(), is_read, "{kind:?}: {text}");
    }
}
