//! The decision with the statements that made it, for those who act on them: batches and the simulator.
//!
//! Which layers an Allow needed is not worked out a second time: [`conclude`] asks for them, and what it asks is noted.

use std::cell::Cell;

use serde::Serialize;

use super::{
    Decision, Findings, Layer, Layers, Live, conclude, resource_has_to_allow, resource_layer, speaking,
};
use crate::compile::Question;
use crate::compile::principal::Grant;
use crate::document::Effect;
use crate::request::Request;

/// A decision with the statements that made it. Cheaper than [`explain`](crate::explain): it tells what applied, not why
/// the rest did not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome<'a> {
    /// The same as [`evaluate`] gives.
    pub decision: Decision,
    /// The layer that decided: for a denial the one that it names, for an Allow the identity policies or, where these were
    /// not needed, the resource's policy. `None` when no policy was needed, as for the root user in its own account.
    pub layer: Option<Layer>,
    /// Without a statement that applies, a denial is implicit, and then this is empty. Of an explicit denial: every Deny that
    /// applies. Of an Allow: every Allow that applies, in each layer that had to allow.
    pub statements: Vec<Deciding<'a>>,
}

/// A statement that decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Deciding<'a> {
    /// Where it speaks.
    pub layer: Layer,
    /// The level of service and resource control policies, from 0 at the root; else 0.
    pub level: usize,
    /// The policy's place in its layer and level, from 0.
    pub policy: usize,
    /// The statement's place in its policy, from 0.
    pub statement: usize,
    /// Its `Sid`.
    pub sid: Option<&'a str>,
}

/// Decides, and tells which statements did.
pub fn decide<'a>(request: &Request<'_>, layers: &Layers<'a>) -> Outcome<'a> {
    let question = Question::new(request, layers.boundary.is_some());
    let denied = speaking(request.principal, layers).find(|(.., attached)| attached.policy.denies(&question));
    if let Some((layer, ..)) = denied {
        let statements = deciding(request, layers, &question, Effect::Deny, |_| true);
        return Outcome { decision: Decision::ExplicitDeny(layer), layer: Some(layer), statements };
    }
    let asked = Asked {
        live: Live { question: &question, layers },
        identity: Cell::new(false),
        limits: Cell::new(false),
    };
    let decision = conclude(request, layers, &asked);
    if let Decision::ImplicitDeny(layer) | Decision::ExplicitDeny(layer) = decision {
        return Outcome { decision, layer: Some(layer), statements: Vec::new() };
    }
    let (identity, limits) = (asked.identity.get(), asked.limits.get());
    // Within one account a grant to the account alone only lets the identity policies decide.
    let resource = !identity || resource_has_to_allow(request, layers);
    let statements = deciding(request, layers, &question, Effect::Allow, |layer| match layer {
        Layer::ResourceControl | Layer::ServiceControl | Layer::Endpoint => true,
        Layer::Resource | Layer::Trust => resource,
        Layer::Identity => identity,
        Layer::Boundary | Layer::Session => limits,
    });
    let granted = |layer| statements.iter().any(|statement| statement.layer == layer).then_some(layer);
    let layer = if identity { Some(Layer::Identity) } else { granted(resource_layer(layers)) };
    Outcome { decision, layer, statements }
}

fn deciding<'a>(
    request: &Request<'_>,
    layers: &Layers<'a>,
    question: &Question<'_>,
    effect: Effect,
    has_a_part: impl Fn(Layer) -> bool,
) -> Vec<Deciding<'a>> {
    let mut found = Vec::new();
    let mut place = None;
    let mut policy = 0;
    for (layer, level, attached) in speaking(request.principal, layers) {
        policy = if place == Some((layer, level)) { policy + 1 } else { 0 };
        place = Some((layer, level));
        if has_a_part(layer) {
            let applying = attached.policy.applying(effect, question).into_iter();
            found.extend(applying.map(|statement| Deciding {
                layer,
                level,
                policy,
                statement,
                sid: attached.policy.sid(statement),
            }));
        }
    }
    found
}

/// Findings that remember which layers were asked.
struct Asked<'a> {
    live: Live<'a>,
    identity: Cell<bool>,
    /// The boundary and the session policies.
    limits: Cell<bool>,
}

impl Findings for Asked<'_> {
    fn resource_control(&self) -> bool {
        self.live.resource_control()
    }

    fn service_control(&self) -> bool {
        self.live.service_control()
    }

    fn endpoint(&self) -> bool {
        self.live.endpoint()
    }

    fn resource(&self) -> Option<Grant> {
        self.live.resource()
    }

    fn identity(&self) -> bool {
        self.identity.set(true);
        self.live.identity()
    }

    fn boundary(&self) -> bool {
        self.limits.set(true);
        self.live.boundary()
    }

    fn session(&self) -> Option<bool> {
        self.live.session()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::{Attached, evaluate};
    use crate::{Context, Policy, PolicyType, Principal};

    const ALLOW: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":"*"},
            {"Sid":"Read","Effect":"Allow","Action":"s3:Get*","Resource":"*"}]}"#;
    const DENY: &str = r#"{"Version":"2012-10-17","Statement":{"Sid":"No","Effect":"Deny","Action":"s3:GetObject","Resource":"*"}}"#;

    fn granting(principal: &str) -> Policy {
        let text = format!(
            r#"{{"Statement":{{"Effect":"Allow","Principal":{{"AWS":"{principal}"}},"Action":"s3:*","Resource":"*"}}}}"#
        );
        Policy::parse(&text, PolicyType::Resource).unwrap()
    }

    fn check(caller: &str, identity: &[&Policy], resource: Option<&Policy>, owner: &str, expected: &str) {
        let identity: Vec<_> = identity.iter().map(|policy| Attached { name: "p", policy }).collect();
        let full = Policy::parse(
            r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#,
            PolicyType::ServiceControl,
        )
        .unwrap();
        let level: &[Attached<'_>] = &[Attached { name: "full", policy: &full }];
        let layers = Layers {
            identity: &identity,
            scp: &[level, level],
            resource: resource.map(|policy| Attached { name: "r", policy }),
            ..Layers::default()
        };
        let principal = Principal::from_name(caller).unwrap();
        let context = Context::new();
        let request = Request {
            principal: &principal,
            action: "s3:GetObject",
            resource: "arn:aws:s3:::b/k",
            resource_account: Some(owner),
            context: &context,
        };
        let outcome = decide(&request, &layers);
        assert_eq!(outcome.decision, evaluate(&request, &layers));
        let statements: Vec<String> = outcome
            .statements
            .iter()
            .map(|found| {
                format!("{:?}/{}/{}/{}", found.layer, found.level, found.policy, found.sid.unwrap_or("-"))
            })
            .collect();
        let found = format!("{:?} {}", outcome.layer, statements.join(" "));
        assert_eq!(found, expected, "{caller}, owner {owner}");
    }

    // The layers that had to allow are those of the page "Policy evaluation logic".
    #[test]
    fn statements_are_those_that_decided() {
        let allow = Policy::parse(ALLOW, PolicyType::Identity).unwrap();
        let deny = Policy::parse(DENY, PolicyType::Identity).unwrap();
        let user = "arn:aws:iam::111122223333:user/ann";
        let (to_user, to_account) = (granting(user), granting("111122223333"));
        let (own, other) = ("111122223333", "444455556666");
        let scp = "ServiceControl/0/0/- ServiceControl/1/0/-";
        let by_identity = format!("Some(Identity) {scp} Identity/0/0/Read");
        let by_resource = format!("Some(Resource) {scp} Resource/0/0/-");
        let by_both = format!("Some(Identity) {scp} Resource/0/0/- Identity/0/0/Read");
        check(user, &[&allow], None, own, &by_identity);
        check(user, &[&allow], Some(&to_account), own, &by_identity);
        check(user, &[&allow], Some(&to_user), own, &by_resource);
        check(user, &[&allow], Some(&to_account), other, &by_both);
        check(user, &[&allow, &deny], Some(&to_user), own, "Some(Identity) Identity/0/1/No");
        check(user, &[], None, own, "Some(Identity) ");
        check(user, &[&allow], None, other, "Some(Resource) ");
        check(own, &[], None, own, &format!("None {scp}"));
    }
}
