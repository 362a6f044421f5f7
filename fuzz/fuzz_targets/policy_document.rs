//! Any text as a policy of any type: an error or a policy, never a panic, and what compiles can be evaluated and explained.
#![no_main]
use irsa_policy::{Attached, Context, Layers, Policy, PolicyType, Principal, Request, evaluate, explain};
use libfuzzer_sys::fuzz_target;

const TYPES: [PolicyType; 7] = [
    PolicyType::Identity,
    PolicyType::Resource,
    PolicyType::Trust,
    PolicyType::Boundary,
    PolicyType::Session,
    PolicyType::ServiceControl,
    PolicyType::ResourceControl,
];

fuzz_target!(|input: (u8, &str)| {
    let (choice, text) = input;
    let kind = TYPES[usize::from(choice) % TYPES.len()];
    let Ok(policy) = Policy::parse(text, kind) else { return };
    let principal = Principal::WebIdentity { provider_arn: "arn:aws:iam::111122223333:oidc-provider/a.b/id/C".to_owned() };
    let mut context = Context::new();
    context.set("a.b/id/C:sub", "system:serviceaccount:dev:app").set("aws:SourceIp", "10.0.0.1");
    let request = Request {
        principal: &principal,
        action: "sts:AssumeRoleWithWebIdentity",
        resource: "arn:aws:iam::111122223333:role/app",
        resource_account: Some("111122223333"),
        context: &context,
    };
    let attached = Attached { name: "fuzzed", policy: &policy };
    let layers = Layers { resource: Some(attached), resource_is_trust: kind == PolicyType::Trust, ..Layers::default() };
    assert_eq!(evaluate(&request, &layers), explain(&request, &layers).decision);
});
