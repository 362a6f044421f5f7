//! The result of one action on one resource.

use std::collections::BTreeMap;

use irsa_policy::{
    Arn, Deciding, Decision, Explanation, Layer, Layers, Outcome, PolicyType, Request, StatementTrace,
    Verdict, decide, explain,
};

use super::place;
use super::scene::Scene;
use super::source::Source;
use crate::generated::iam::{
    EvaluationResult, PermissionsBoundaryDecisionDetail, ResourceSpecificResult, Statement,
};

/// Simulates `action` on `resource`; without one, on all.
pub(super) fn of(scene: &Scene<'_>, action: &str, resource: Option<&str>) -> EvaluationResult {
    let identity: Vec<_> = scene.identity.iter().map(Source::attached).collect();
    let layers = Layers {
        identity: &identity,
        boundary: scene.boundary.as_ref().map(Source::attached),
        resource: scene.resource.as_ref().map(Source::attached),
        resource_is_trust: scene
            .resource
            .as_ref()
            .is_some_and(|source| source.policy.kind() == PolicyType::Trust),
        ..Layers::default()
    };
    let name = resource.unwrap_or("*");
    let request = Request {
        principal: &scene.principal,
        action,
        resource: name,
        resource_account: owner(scene, name),
        context: &scene.context,
    };
    let outcome = decide(&request, &layers);
    let explanation = explain(&request, &layers);
    let decision = decision_word(outcome.decision);
    let statements = matched(scene, &outcome);
    let missing = missing(scene, &explanation);
    let boundary = scene.boundary.as_ref().map(|_| PermissionsBoundaryDecisionDetail {
        allowed_by_permissions_boundary: Some(verdict(&explanation, Layer::Boundary) == Verdict::Allow),
    });
    let mut result = EvaluationResult {
        eval_action_name: action.to_owned(),
        eval_resource_name: Some(name.to_owned()),
        eval_decision: decision.to_owned(),
        matched_statements: Some(statements.clone()),
        missing_context_values: Some(missing.clone()),
        permissions_boundary_decision_detail: boundary.clone(),
        ..EvaluationResult::default()
    };
    if resource.is_some_and(|resource| resource != "*") {
        // "any missing context values are instead included under the ResourceSpecificResults section"
        result.missing_context_values = Some(Vec::new());
        result.eval_decision_details = Some(details(&request, &explanation));
        result.resource_specific_results = Some(vec![ResourceSpecificResult {
            eval_resource_name: name.to_owned(),
            eval_resource_decision: decision.to_owned(),
            matched_statements: Some(statements),
            missing_context_values: Some(missing),
            eval_decision_details: None,
            permissions_boundary_decision_detail: boundary,
        }]);
    }
    result
}

/// Whose the resource is. Without its policy only the caller's side is simulated, whoever owns it.
fn owner<'a>(scene: &'a Scene<'_>, resource: &'a str) -> Option<&'a str> {
    scene.resource.as_ref()?;
    let named = Arn::parse(resource).map(|arn| arn.account);
    named.filter(|account| account.len() == 12).or(scene.owner)
}

fn decision_word(decision: Decision) -> &'static str {
    match decision {
        Decision::Allow => "allowed",
        Decision::ImplicitDeny(_) => "implicitDeny",
        Decision::ExplicitDeny(_) => "explicitDeny",
    }
}

/// "the deny statement is the only entry included in the result"; what a boundary allows does not decide by itself.
fn matched(scene: &Scene<'_>, outcome: &Outcome<'_>) -> Vec<Statement> {
    let is_allowed = outcome.decision.is_allowed();
    let decided = outcome.statements.iter().filter(|found| !(is_allowed && found.layer == Layer::Boundary));
    decided.filter_map(|found| statement(scene, found)).collect()
}

fn statement(scene: &Scene<'_>, found: &Deciding<'_>) -> Option<Statement> {
    let source = source(scene, found.layer, found.policy)?;
    let kind = match found.layer {
        Layer::Resource | Layer::Trust => "Resource Policy",
        Layer::Boundary => "Permissions Boundary Policy",
        _ => "IAM Policy",
    };
    let (start, end) = place::of(&source.policy, found.statement)?;
    Some(Statement {
        source_policy_id: Some(source.id.clone()),
        source_policy_type: Some(kind.to_owned()),
        start_position: Some(start),
        end_position: Some(end),
    })
}

fn source<'a>(scene: &'a Scene<'_>, layer: Layer, index: usize) -> Option<&'a Source> {
    match layer {
        Layer::Identity => scene.identity.get(index),
        Layer::Boundary => scene.boundary.as_ref(),
        Layer::Resource | Layer::Trust => scene.resource.as_ref(),
        _ => None,
    }
}

/// The keys that statements about this action and resource ask for and that the input lacks, each once.
fn missing(scene: &Scene<'_>, explanation: &Explanation) -> Vec<String> {
    let mut missing: Vec<String> = Vec::new();
    for layer in &explanation.layers {
        for (index, policy) in layer.policies.iter().enumerate() {
            let Some(source) = source(scene, layer.layer, index) else { continue };
            let concerned = policy.statements.iter().filter(|statement| is_concerned(statement));
            for name in concerned.flat_map(|statement| source.policy.statement_context_keys(statement.index))
            {
                let is_known = missing.iter().any(|known| known.eq_ignore_ascii_case(name));
                if scene.context.get(name).is_none() && !is_known {
                    missing.push(name.to_owned());
                }
            }
        }
    }
    missing
}

fn is_concerned(statement: &StatementTrace) -> bool {
    let resource = statement.resource.as_ref();
    statement.action.matched
        && resource.is_none_or(|resource| resource.matched || resource.unresolved.is_some())
}

/// Of a cross-account request what each side says; of one within an account nothing, as AWS has it.
fn details(request: &Request<'_>, explanation: &Explanation) -> BTreeMap<String, String> {
    let owner = request.resource_account;
    if owner.is_none() || owner == request.principal.account() {
        return BTreeMap::new();
    }
    let word = |layer| match verdict(explanation, layer) {
        Verdict::Allow => "allowed",
        Verdict::Deny => "explicitDeny",
        Verdict::Silent => "implicitDeny",
    };
    let resource = explanation.layers.iter().map(|trace| trace.layer).find(|layer| *layer == Layer::Trust);
    BTreeMap::from([
        ("IAM Policy".to_owned(), word(Layer::Identity).to_owned()),
        ("Resource Policy".to_owned(), word(resource.unwrap_or(Layer::Resource)).to_owned()),
    ])
}

fn verdict(explanation: &Explanation, layer: Layer) -> Verdict {
    let traces = explanation.layers.iter().filter(|trace| trace.layer == layer);
    traces.map(|trace| trace.verdict).max().unwrap_or(Verdict::Silent)
}
