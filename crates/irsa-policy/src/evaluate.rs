//! The decision over all layers, in AWS's order.
//!
//! Source: IAM User Guide, "Policy evaluation logic", "Cross-account policy evaluation logic" and the table of resource-based
//! policies against implicit denies. In short: an explicit Deny anywhere ends it; then resource and service control
//! policies and the endpoint's policy must allow; then, within one account, a resource policy that names the caller exactly is enough, and one
//! that names its role replaces only the identity policies; across accounts both sides must allow.
//!
//! INVARIANT (layers): [`conclude`] is the only place that turns layers into a decision; `evaluate` and `explain` differ only
//! in how they fill [`Findings`].
//!
//! Nothing here allocates. Choices:
//! - every level of resource control policies must allow, as those of service control policies must; AWS attaches
//!   `RCPFullAWSAccess` to each and nobody can detach it, so a level whose policies only deny has it even if it is not given;
//! - web identity, anonymous and service callers have no account of ours: only the resource's side has a say on them;
//! - partitions never trust each other, whatever a policy says.

mod outcome;

use serde::Serialize;

use crate::compile::principal::Grant;
use crate::compile::{Policy, Question};
use crate::request::{Principal, Request};
pub use outcome::{Deciding, Outcome, decide};

/// A policy under the name by which a decision refers to it.
#[derive(Debug, Clone, Copy)]
pub struct Attached<'a> {
    /// A policy's ARN, or `inline:NAME`.
    pub name: &'a str,
    /// The policy.
    pub policy: &'a Policy,
}

/// All policies that have a say in a request.
#[derive(Debug, Clone, Copy, Default)]
pub struct Layers<'a> {
    /// The caller's own policies: inline, attached and its groups'.
    pub identity: &'a [Attached<'a>],
    /// The caller's permissions boundary.
    pub boundary: Option<Attached<'a>>,
    /// The session policies; `None` when the session was made without any.
    pub session: Option<&'a [Attached<'a>]>,
    /// The policy of the resource.
    pub resource: Option<Attached<'a>>,
    /// Whether the resource is a role whose trust policy is `resource`: such a policy must allow, even within one account.
    pub resource_is_trust: bool,
    /// Whether `resource` must allow even within one account, as the policy of a KMS key must (KMS Developer Guide, "Key
    /// policies"): without it, nobody has access.
    pub resource_must_allow: bool,
    /// Service control policies, a slice a level from the root down to the caller's account; empty outside an organization.
    pub scp: &'a [&'a [Attached<'a>]],
    /// Resource control policies of the resource's account, a slice a level from the root down; empty outside an
    /// organization.
    pub rcp: &'a [&'a [Attached<'a>]],
    /// The policies of the VPC endpoint that the request came through; empty when there was none.
    pub endpoint: &'a [Attached<'a>],
}

/// Which kind of policy decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// Identity-based policies.
    Identity,
    /// The permissions boundary.
    Boundary,
    /// Session policies.
    Session,
    /// A resource-based policy.
    Resource,
    /// A role's trust policy.
    Trust,
    /// Service control policies.
    ServiceControl,
    /// Resource control policies.
    ResourceControl,
    /// A VPC endpoint's policy.
    Endpoint,
}

impl Layer {
    /// AWS's name in denials (IAM User Guide, "Troubleshoot access denied error messages").
    pub fn aws_name(self) -> &'static str {
        match self {
            Layer::Identity => "identity-based policy",
            Layer::Boundary => "permissions boundary",
            Layer::Session => "session policy",
            Layer::Resource => "resource-based policy",
            Layer::Trust => "role trust policy",
            Layer::ServiceControl => "service control policy",
            Layer::ResourceControl => "resource control policy",
            Layer::Endpoint => "VPC endpoint policy",
        }
    }
}

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "effect", content = "layer", rename_all = "kebab-case")]
pub enum Decision {
    /// Go ahead.
    Allow,
    /// This layer had to allow, and did not.
    ImplicitDeny(Layer),
    /// A Deny statement of this layer applies.
    ExplicitDeny(Layer),
}

impl Decision {
    /// Whether the request may go ahead.
    pub fn is_allowed(self) -> bool {
        self == Decision::Allow
    }
}

/// Decides.
pub fn evaluate(request: &Request<'_>, layers: &Layers<'_>) -> Decision {
    let question = Question::new(request, layers.boundary.is_some());
    if let Some((layer, ..)) =
        speaking(request.principal, layers).find(|(.., attached)| attached.policy.denies(&question))
    {
        return Decision::ExplicitDeny(layer);
    }
    conclude(request, layers, &Live { question: &question, layers })
}

/// Every policy that has a say on this caller, with its layer and level, in the order in which denials are looked for.
pub(crate) fn speaking<'a>(
    principal: &Principal,
    layers: &Layers<'a>,
) -> impl Iterator<Item = (Layer, usize, Attached<'a>)> + use<'a> {
    fn levels<'a>(
        layer: Layer,
        levels: &'a [&'a [Attached<'a>]],
    ) -> impl Iterator<Item = (Layer, usize, Attached<'a>)> {
        levels
            .iter()
            .enumerate()
            .flat_map(move |(level, policies)| policies.iter().map(move |p| (layer, level, *p)))
    }
    fn flat<'a>(
        layer: Layer,
        policies: &'a [Attached<'a>],
    ) -> impl Iterator<Item = (Layer, usize, Attached<'a>)> {
        policies.iter().map(move |policy| (layer, 0, *policy))
    }
    let has_account = principal.account().is_some();
    let has_policies = has_account && !matches!(principal, Principal::Account { .. });
    let scp = if has_account { layers.scp } else { &[] };
    let identity = if has_policies { layers.identity } else { &[] };
    let boundary = layers.boundary.filter(|_| has_policies);
    let session = layers.session.filter(|_| has_policies).unwrap_or_default();
    levels(Layer::ResourceControl, layers.rcp)
        .chain(levels(Layer::ServiceControl, scp))
        .chain(flat(Layer::Endpoint, layers.endpoint))
        .chain(layers.resource.map(|policy| (resource_layer(layers), 0, policy)))
        .chain(flat(Layer::Identity, identity))
        .chain(boundary.map(|policy| (Layer::Boundary, 0, policy)))
        .chain(flat(Layer::Session, session))
}

/// What the Allow statements of each layer say.
pub(crate) trait Findings {
    /// Every level of the resource control policies allows.
    fn resource_control(&self) -> bool;
    /// Every level of the service control policies allows.
    fn service_control(&self) -> bool;
    /// The endpoint's policies allow, or there are none.
    fn endpoint(&self) -> bool;
    /// What the resource's policy grants.
    fn resource(&self) -> Option<Grant>;
    /// An identity policy allows.
    fn identity(&self) -> bool;
    /// The boundary allows, or there is none.
    fn boundary(&self) -> bool;
    /// A session policy allows; `None` when none was passed.
    fn session(&self) -> Option<bool>;
}

/// The decision when nothing denies explicitly.
pub(crate) fn conclude(request: &Request<'_>, layers: &Layers<'_>, findings: &impl Findings) -> Decision {
    let principal = request.principal;
    let has_account = principal.account().is_some();
    if !findings.resource_control() {
        return Decision::ImplicitDeny(Layer::ResourceControl);
    }
    if has_account && !findings.service_control() {
        return Decision::ImplicitDeny(Layer::ServiceControl);
    }
    if !findings.endpoint() {
        return Decision::ImplicitDeny(Layer::Endpoint);
    }
    let same_account = is_same_account(request);
    let grant = findings.resource().filter(|_| same_account || !crosses_partitions(request));
    if grant.is_none() && resource_has_to_allow(request, layers) {
        return Decision::ImplicitDeny(resource_layer(layers));
    }
    match principal {
        Principal::Anonymous
        | Principal::WebIdentity { .. }
        | Principal::Service { .. }
        | Principal::Account { .. } => {
            return Decision::Allow;
        }
        _ if same_account && grant == Some(Grant::Direct) => return Decision::Allow,
        _ => {}
    }
    let replaces_identity = same_account && grant == Some(Grant::Limited);
    if !replaces_identity && !findings.identity() {
        return Decision::ImplicitDeny(Layer::Identity);
    }
    if !findings.boundary() {
        return Decision::ImplicitDeny(Layer::Boundary);
    }
    // AWS: a federated user has no permissions without a session policy.
    let without_session_policy = !matches!(principal, Principal::FederatedUser { .. });
    if !findings.session().unwrap_or(without_session_policy) {
        return Decision::ImplicitDeny(Layer::Session);
    }
    Decision::Allow
}

pub(crate) fn resource_layer(layers: &Layers<'_>) -> Layer {
    if layers.resource_is_trust { Layer::Trust } else { Layer::Resource }
}

/// Whether nobody gets anywhere without the resource's policy.
fn resource_has_to_allow(request: &Request<'_>, layers: &Layers<'_>) -> bool {
    layers.resource_is_trust || layers.resource_must_allow || !is_same_account(request)
}

/// Whether caller and resource belong to one account.
fn is_same_account(request: &Request<'_>) -> bool {
    let caller = request.principal.account();
    caller.is_some() && request.resource_account.is_none_or(|owner| caller == Some(owner))
}

fn crosses_partitions(request: &Request<'_>) -> bool {
    let caller = match request.principal {
        Principal::User { arn, .. } | Principal::FederatedUser { arn, .. } => arn,
        Principal::RoleSession { role_arn, .. } => role_arn,
        Principal::WebIdentity { provider_arn } => provider_arn,
        Principal::Anonymous | Principal::Account { .. } | Principal::Service { .. } => return false,
    };
    match (partition(caller), partition(request.resource)) {
        (Some(caller), Some(resource)) => caller != resource,
        _ => false,
    }
}

/// The partition of an ARN; the rest of it is not looked at.
fn partition(arn: &str) -> Option<&str> {
    let rest = arn.strip_prefix("arn:")?;
    rest.get(..rest.bytes().position(|byte| byte == b':')?)
}

/// Whether a level of resource control policies has AWS's own one beside those given.
pub(crate) fn has_full_access(level: &[Attached<'_>]) -> bool {
    !level.is_empty() && level.iter().all(|attached| attached.policy.only_denies())
}

/// Findings made when they are asked for.
struct Live<'a> {
    question: &'a Question<'a>,
    layers: &'a Layers<'a>,
}

impl Live<'_> {
    fn allows(&self, attached: &Attached<'_>) -> bool {
        attached.policy.allows(self.question).is_some()
    }

    fn any_allows(&self, policies: &[Attached<'_>]) -> bool {
        policies.iter().any(|attached| self.allows(attached))
    }
}

impl Findings for Live<'_> {
    fn resource_control(&self) -> bool {
        self.layers.rcp.iter().all(|level| has_full_access(level) || self.any_allows(level))
    }

    fn service_control(&self) -> bool {
        self.layers.scp.iter().all(|level| self.any_allows(level))
    }

    fn endpoint(&self) -> bool {
        self.layers.endpoint.is_empty() || self.any_allows(self.layers.endpoint)
    }

    fn resource(&self) -> Option<Grant> {
        self.layers.resource.and_then(|attached| attached.policy.allows(self.question))
    }

    fn identity(&self) -> bool {
        self.any_allows(self.layers.identity)
    }

    fn boundary(&self) -> bool {
        self.layers.boundary.is_none_or(|attached| self.allows(&attached))
    }

    fn session(&self) -> Option<bool> {
        self.layers.session.map(|policies| self.any_allows(policies))
    }
}

#[cfg(test)]
mod tests;
