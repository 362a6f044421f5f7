//! The decision with its whole reason: every layer, policy, statement, element and condition.
//!
//! A second pass over the same compiled policies; it allocates freely and is made on demand. What it tells is meant for the
//! person who has to mend a policy: what was wanted, what was found, and why the two did not meet.

mod fix;
mod message;

use serde::Serialize;

use crate::compile::principal::Grant;
use crate::compile::{Question, Statement};
use crate::condition::{Condition, Family, Set};
use crate::document::{self, Clause, ConditionText, Effect};
use crate::evaluate::{Attached, Decision, Findings, Layer, Layers, conclude, has_full_access, speaking};
use crate::request::{Context, Request};
pub use fix::Hint;
pub use message::denial_message;

/// A decision and how it came about.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The same as [`evaluate`](crate::evaluate) gives.
    pub decision: Decision,
    /// AWS's sentence for a denial.
    pub message: Option<String>,
    /// The layers that have a say on this caller, in the order in which denials are looked for.
    pub layers: Vec<LayerTrace>,
    /// What to change, when the mistake is a known one.
    pub fix: Option<Hint>,
}

/// What one layer said. Each level of service and resource control policies is a layer of its own here.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerTrace {
    /// Which.
    pub layer: Layer,
    /// The level, from 0 at the root; always 0 but for service and resource control policies.
    pub level: usize,
    /// The strongest verdict of its policies.
    pub verdict: Verdict,
    /// Its policies.
    pub policies: Vec<PolicyTrace>,
}

/// What a policy or a layer says about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing applies.
    Silent,
    /// An Allow applies.
    Allow,
    /// A Deny applies.
    Deny,
}

/// What one policy said.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PolicyTrace {
    /// Its name as given in [`Attached`].
    pub name: String,
    /// Its verdict.
    pub verdict: Verdict,
    /// Its statements, in their order.
    pub statements: Vec<StatementTrace>,
    #[serde(skip)]
    grant: Option<Grant>,
}

/// How one statement met the request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StatementTrace {
    /// Its place, from 0.
    pub index: usize,
    /// Its `Sid`.
    pub sid: Option<String>,
    /// `Allow` or `Deny`.
    pub effect: &'static str,
    /// The line where it starts in the policy's source, from 1.
    pub line: usize,
    /// Whether all of its elements matched.
    pub matched: bool,
    /// `Action` or `NotAction`.
    pub action: ElementTrace,
    /// `Resource` or `NotResource`; absent in trust policies.
    pub resource: Option<ElementTrace>,
    /// `Principal` or `NotPrincipal`; absent in policies that are attached to their principal.
    pub principal: Option<ElementTrace>,
    /// Every key of every operator.
    pub conditions: Vec<ConditionTrace>,
}

/// How one element met the request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ElementTrace {
    /// The element's name.
    pub element: &'static str,
    /// Whether it matched, negation included.
    pub matched: bool,
    /// The values in the policy.
    pub wanted: Vec<String>,
    /// The request's value.
    pub found: String,
    /// A variable without value, for which the element matches nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unresolved: Option<String>,
}

/// How one condition key met the request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConditionTrace {
    /// The operator as written.
    pub operator: String,
    /// The key as written.
    pub key: String,
    /// The policy's values.
    pub wanted: Vec<WantedTrace>,
    /// The request's values; `None` when the key is absent.
    pub found: Option<Vec<String>>,
    /// Whether the condition holds.
    pub matched: bool,
    /// Why it does not hold.
    pub reason: Option<Reason>,
}

/// A value of the policy, and what its variables made of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WantedTrace {
    /// As written.
    pub value: String,
    /// With variables replaced, when it has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved: Option<String>,
}

/// Why a condition does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The request has no such key.
    MissingKey,
    /// The key is there although `Null` wants it absent, or the other way round.
    Presence,
    /// None of the policy's values is the request's.
    NotEqual,
    /// The request's value is one that a negated operator excludes.
    Excluded,
    /// `*` or `?` in an operator that takes them literally.
    WildcardInEquals,
    /// A value is no number, date, address or ARN.
    BadType,
    /// A variable in the policy's value has no value in this request.
    UnresolvedVariable,
    /// AWS has no such operator.
    UnknownOperator,
    /// Several values for an operator that compares one; it needs `ForAnyValue:` or `ForAllValues:`.
    SeveralValues,
}

/// Decides, and tells why.
pub fn explain(request: &Request<'_>, layers: &Layers<'_>) -> Explanation {
    let question = Question::new(request, layers.boundary.is_some());
    let mut traces: Vec<LayerTrace> = Vec::new();
    for (layer, level, attached) in speaking(request.principal, layers) {
        let policy = trace_policy(&attached, &question);
        match traces.last_mut().filter(|last| last.layer == layer && last.level == level) {
            Some(last) => {
                last.verdict = last.verdict.max(policy.verdict);
                last.policies.push(policy);
            }
            None => traces.push(LayerTrace { layer, level, verdict: policy.verdict, policies: vec![policy] }),
        }
    }
    let denied = traces.iter().find(|trace| trace.verdict == Verdict::Deny);
    let decision = match denied {
        Some(trace) => Decision::ExplicitDeny(trace.layer),
        None => conclude(request, layers, &Traced { traces: &traces, layers }),
    };
    let message = denial_message(request, decision);
    let fix = fix::find(request, decision, &traces);
    Explanation { decision, message, layers: traces, fix }
}

fn trace_policy(attached: &Attached<'_>, question: &Question<'_>) -> PolicyTrace {
    let policy = attached.policy;
    let pairs = policy.statements().iter().zip(&policy.document().statements).enumerate();
    let mut grant = None;
    let mut verdict = Verdict::Silent;
    let statements = pairs
        .map(|(index, (statement, text))| {
            let trace = trace_statement(index, policy.line(text.span), (statement, text), question);
            if trace.matched {
                match text.effect {
                    Effect::Deny => verdict = Verdict::Deny,
                    Effect::Allow => {
                        verdict = verdict.max(Verdict::Allow);
                        grant = grant.max(statement.principal_matches(question));
                    }
                }
            }
            trace
        })
        .collect();
    PolicyTrace { name: attached.name.to_owned(), verdict, statements, grant }
}

fn trace_statement(
    index: usize,
    line: usize,
    (statement, text): (&Statement, &document::Statement),
    question: &Question<'_>,
) -> StatementTrace {
    let request = question.request;
    let element = |names: [&'static str; 2], clause: &Clause, matched, found: &str| ElementTrace {
        element: names.into_iter().nth(usize::from(clause.negated)).unwrap_or_default(),
        matched,
        wanted: clause.values.iter().map(|value| value.value.clone()).collect(),
        found: found.to_owned(),
        unresolved: None,
    };
    let action = match &text.action {
        Some(clause) => {
            element(["Action", "NotAction"], clause, statement.action_matches(question), request.action)
        }
        None => ElementTrace {
            element: "Action",
            matched: false,
            wanted: Vec::new(),
            found: request.action.to_owned(),
            unresolved: None,
        },
    };
    let resource = text.resource.as_ref().map(|clause| ElementTrace {
        unresolved: statement.unresolved_resource(question.context()).map(str::to_owned),
        ..element(["Resource", "NotResource"], clause, statement.resource_matches(question), request.resource)
    });
    let principal = text.principal.as_ref().map(|clause| ElementTrace {
        element: if clause.negated { "NotPrincipal" } else { "Principal" },
        matched: statement.principal_matches(question).is_some(),
        wanted: clause
            .entries
            .iter()
            .map(|(kind, text)| format!("{}: {}", kind.name(), text.value))
            .collect(),
        found: request.principal.display_name(),
        unresolved: None,
    });
    let conditions: Vec<ConditionTrace> = statement
        .conditions()
        .iter()
        .zip(&text.conditions)
        .map(|(condition, text)| trace_condition(condition, text, question.context()))
        .collect();
    let matched = action.matched
        && resource.as_ref().is_none_or(|trace| trace.matched)
        && principal.as_ref().is_none_or(|trace| trace.matched)
        && conditions.iter().all(|trace| trace.matched);
    StatementTrace {
        index,
        sid: text.sid.as_ref().map(|sid| sid.value.clone()),
        effect: match text.effect {
            Effect::Allow => "Allow",
            Effect::Deny => "Deny",
        },
        line,
        matched,
        action,
        resource,
        principal,
        conditions,
    }
}

fn trace_condition(condition: &Condition, text: &ConditionText, context: &Context) -> ConditionTrace {
    let matched = condition.holds(context);
    let wanted = text
        .values
        .iter()
        .enumerate()
        .map(|(index, value)| WantedTrace {
            value: value.value.clone(),
            resolved: condition.wanted.resolved(index, context),
        })
        .collect();
    ConditionTrace {
        operator: text.operator.value.clone(),
        key: text.key.value.clone(),
        wanted,
        found: condition.found(context).map(<[String]>::to_vec),
        matched,
        reason: (!matched).then(|| reason(condition, text, context)),
    }
}

/// Why a condition that does not hold does not.
fn reason(condition: &Condition, text: &ConditionText, context: &Context) -> Reason {
    let operator = condition.operator;
    match operator.family {
        Family::Null => return Reason::Presence,
        Family::Unknown => return Reason::UnknownOperator,
        _ => {}
    }
    let Some(found) = condition.found(context) else { return Reason::MissingKey };
    if operator.set.is_none() && found.len() > 1 {
        return Reason::SeveralValues;
    }
    if operator.negated {
        return Reason::Excluded;
    }
    if condition.wanted.unresolved(context).is_some() {
        return Reason::UnresolvedVariable;
    }
    let readable = |value: &String| condition.wanted.can_read(value);
    let all_must_match = operator.set == Some(Set::ForAllValues);
    let is_readable = if all_must_match { found.iter().all(readable) } else { found.iter().any(readable) };
    if !is_readable || condition.wanted.is_unreadable() {
        return Reason::BadType;
    }
    let literal = matches!(operator.family, Family::StringEquals | Family::StringEqualsIgnoreCase);
    if literal && text.values.iter().any(|value| value.value.contains(['*', '?'])) {
        return Reason::WildcardInEquals;
    }
    Reason::NotEqual
}

/// Findings read off the traces.
struct Traced<'a> {
    traces: &'a [LayerTrace],
    layers: &'a Layers<'a>,
}

impl Traced<'_> {
    fn allows(&self, layer: Layer, level: usize) -> bool {
        let mut traces = self.traces.iter().filter(|trace| trace.layer == layer && trace.level == level);
        traces.any(|trace| trace.verdict == Verdict::Allow)
    }
}

impl Findings for Traced<'_> {
    fn resource_control(&self) -> bool {
        let mut levels = self.layers.rcp.iter().enumerate();
        levels.all(|(index, level)| has_full_access(level) || self.allows(Layer::ResourceControl, index))
    }

    fn service_control(&self) -> bool {
        (0..self.layers.scp.len()).all(|level| self.allows(Layer::ServiceControl, level))
    }

    fn endpoint(&self) -> bool {
        self.layers.endpoint.is_empty() || self.allows(Layer::Endpoint, 0)
    }

    fn resource(&self) -> Option<Grant> {
        let resource = |trace: &&LayerTrace| matches!(trace.layer, Layer::Resource | Layer::Trust);
        self.traces.iter().filter(resource).flat_map(|trace| &trace.policies).find_map(|policy| policy.grant)
    }

    fn identity(&self) -> bool {
        self.allows(Layer::Identity, 0)
    }

    fn boundary(&self) -> bool {
        self.layers.boundary.is_none() || self.allows(Layer::Boundary, 0)
    }

    fn session(&self) -> Option<bool> {
        self.layers.session.map(|_| self.allows(Layer::Session, 0))
    }
}

#[cfg(test)]
mod tests;
