//! Patterns from one text against values from another: linear, and the same answer from both ways.
#![no_main]
use irsa_policy::{Attached, Context, Layers, Policy, PolicyType, Principal, Request, evaluate, explain};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str, &str, &str)| {
    let (pattern, value, action, resource) = input;
    let document = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow", "Action": ["s3:*", action], "Resource": ["*", resource],
            "Condition": {"StringLike": {"aws:PrincipalTag/a": pattern}, "ArnLikeIfExists": {"aws:PrincipalArn": pattern}},
        }],
    });
    let Ok(policy) = Policy::parse(&document.to_string(), PolicyType::Identity) else { return };
    let principal = Principal::User {
        account: "111122223333".to_owned(),
        arn: "arn:aws:iam::111122223333:user/a".to_owned(),
        id: "AIDAEXAMPLE".to_owned(),
    };
    let mut context = Context::new();
    context.set("aws:PrincipalTag/a", value).set("aws:PrincipalArn", value);
    let request = Request { principal: &principal, action, resource: value, resource_account: None, context: &context };
    let identity = [Attached { name: "fuzzed", policy: &policy }];
    let layers = Layers { identity: &identity, ..Layers::default() };
    assert_eq!(evaluate(&request, &layers), explain(&request, &layers).decision);
});
