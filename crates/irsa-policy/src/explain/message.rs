//! AWS's sentence for a denial (IAM User Guide, "Troubleshoot access denied error messages").

use crate::evaluate::{Decision, Layer};
use crate::request::{Principal, Request};

/// The message that AWS answers for this decision; `None` for Allow.
///
/// `AssumeRoleWithWebIdentity` has its own: it tells a stranger nothing about the trust policy.
pub fn denial_message(request: &Request<'_>, decision: Decision) -> Option<String> {
    let (because, layer) = match decision {
        Decision::Allow => return None,
        // AWS reports what an organization's policies do not allow as denied explicitly.
        Decision::ImplicitDeny(layer @ (Layer::ServiceControl | Layer::ResourceControl)) => {
            ("with an explicit deny in a", layer)
        }
        Decision::ImplicitDeny(layer) => ("because no", layer),
        Decision::ExplicitDeny(layer) => ("with an explicit deny in a", layer),
    };
    let action = request.action;
    if matches!(request.principal, Principal::WebIdentity { .. }) {
        return Some(format!("Not authorized to perform {action}"));
    }
    let article = if because.ends_with('a') && layer == Layer::Identity { "n" } else { "" };
    let tail = if because == "because no" { format!(" allows the {action} action") } else { String::new() };
    let user = request.principal.display_name();
    let (resource, policy) = (request.resource, layer.aws_name());
    Some(format!(
        "User: {user} is not authorized to perform: {action} on resource: {resource} {because}{article} {policy}{tail}"
    ))
}
