//! Who am I, and what may I: `kubectl auth whoami` and `kubectl auth can-i`.
//!
//! Whoever gets here was allowed `eks:AccessKubernetesApi` on the cluster, which is the one right there is: inside, a
//! caller may do to Namespaces and ServiceAccounts whatever can be done.

use serde_json::{Value, json};

use super::resource::Resource;
use super::status::Status;
use super::{Answer, Call};

/// Answers the review of this plural name.
pub(super) fn review(call: &Call, plural: &str) -> Result<Answer, Status> {
    let asked: Value = serde_json::from_slice(&call.body)
        .map_err(|error| Status::bad_request(format!("the object provided is unrecognized: {error}")))?;
    let body = match plural {
        "selfsubjectreviews" => json!({
            "kind": "SelfSubjectReview",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {"creationTimestamp": call.timestamp()},
            "status": {"userInfo": {"username": call.user.username, "groups": call.user.groups}},
        }),
        "selfsubjectaccessreviews" => json!({
            "kind": "SelfSubjectAccessReview",
            "apiVersion": "authorization.k8s.io/v1",
            "metadata": {"creationTimestamp": null},
            "spec": asked.get("spec"),
            "status": access(asked.get("spec")),
        }),
        _ => json!({
            "kind": "SelfSubjectRulesReview",
            "apiVersion": "authorization.k8s.io/v1",
            "metadata": {"creationTimestamp": null},
            "spec": asked.get("spec"),
            "status": {
                "resourceRules": [{
                    "verbs": ["*"],
                    "apiGroups": [""],
                    "resources": ["namespaces", "serviceaccounts", "serviceaccounts/token"],
                }],
                "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["*"]}],
                "incomplete": false,
            },
        }),
    };
    Ok(Answer::created(body))
}

fn access(spec: Option<&Value>) -> Value {
    let text = |name: &str| {
        let value = spec.and_then(|spec| spec.pointer(&format!("/resourceAttributes/{name}")));
        value.and_then(Value::as_str).unwrap_or_default()
    };
    let is_served = Resource::ALL.iter().any(|resource| resource.plural() == text("resource"));
    let on_resource = is_served && text("group").is_empty();
    let on_path = spec.is_some_and(|spec| spec.get("nonResourceAttributes").is_some());
    if on_resource || on_path {
        json!({"allowed": true, "reason": "allowed by eks:AccessKubernetesApi"})
    } else {
        json!({"allowed": false, "reason": "this cluster has Namespaces and ServiceAccounts alone"})
    }
}
