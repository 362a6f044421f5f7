//! iam-rs, which reads the same documents.

use iam_rs::{
    Arn, Context, ContextValue, Decision, EvaluationOptions, IAMPolicy, IAMRequest, PolicyEvaluator,
    Principal, PrincipalId,
};
use serde_json::Value;

use crate::Failure;

/// Parses the scene's policies and request; what is returned decides.
pub(crate) fn prepare(scene: &Value) -> Result<impl Fn() -> bool, Failure> {
    let text = |name: &str| scene[name].as_str().ok_or(format!("a scene without {name}"));
    let is_trust = scene["trust"].is_string();
    let documents = if is_trust {
        vec![&scene["trust"]]
    } else {
        scene["identity"].as_array().ok_or("identity")?.iter().collect()
    };
    let policies = documents
        .into_iter()
        .map(|document| serde_json::from_str::<IAMPolicy>(document.as_str().unwrap_or_default()))
        .collect::<Result<Vec<_>, _>>()?;
    let mut context = Context::new();
    for (key, value) in scene["context"].as_object().ok_or("context")? {
        let value = value.as_str().or_else(|| value[0].as_str()).unwrap_or_default();
        context.insert(key.clone(), ContextValue::String(value.to_owned()));
    }
    let principal = PrincipalId::String(text("principal")?.to_owned());
    let principal = if is_trust { Principal::Federated(principal) } else { Principal::Aws(principal) };
    let resource = Arn::parse(text("resource")?)?;
    let request = IAMRequest::new_with_context(principal, text("action")?, resource, context);
    // A trust policy has no Resource.
    let options = EvaluationOptions {
        ignore_resource_constraints: is_trust,
        max_statements: usize::MAX,
        ..EvaluationOptions::default()
    };
    let evaluator = PolicyEvaluator::with_policies(policies).with_options(options);
    Ok(move || evaluator.evaluate(&request).is_ok_and(|result| result.decision == Decision::Allow))
}
