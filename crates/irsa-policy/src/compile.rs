//! From a document to a [`Policy`]: everything that can be decided before the first request is decided here.
//!
//! Actions are indexed by a hash that does not mind their case; statements that need a glob come after. Deny and Allow are
//! indexed apart, so that a policy without a Deny costs nothing when denials are looked for.

pub(crate) mod principal;

use crate::arn::ArnText;
use crate::condition::Condition;
use crate::document::{self, Clause, Document, Effect, MalformedPolicy, PolicyType, PrincipalKind, Span};
use crate::pattern::{ArnPattern, Pattern, Syntax};
use crate::request::{Context, Request, folded_hash};
use principal::{Grant, Principals};

/// A policy, validated and compiled. Immutable; identical documents can share one.
#[derive(Debug, Clone)]
pub struct Policy {
    source: Box<str>,
    kind: PolicyType,
    document: Document,
    statements: Box<[Statement]>,
    allow: Index,
    deny: Index,
}

impl Policy {
    /// Validates and compiles `text` as a policy of type `kind`.
    ///
    /// # Errors
    /// [`MalformedPolicy`] with AWS's message for the first thing that AWS would complain about.
    pub fn parse(text: &str, kind: PolicyType) -> Result<Policy, MalformedPolicy> {
        Policy::parse_resolved(text, kind, &|_| None)
    }

    /// As [`Policy::parse`], but the ARNs of users and roles in `Principal` are replaced by the unique ids that `ids` knows
    /// for them: AWS stores ids, so that an entity made anew under an old name does not inherit its trust (IAM User Guide,
    /// "AWS JSON policy elements: Principal"). An ARN without id is compared as an ARN.
    ///
    /// # Errors
    /// As [`Policy::parse`].
    pub fn parse_resolved(
        text: &str,
        kind: PolicyType,
        ids: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Policy, MalformedPolicy> {
        let document = document::read(text, kind).map_err(|problem| problem.locate(text))?;
        document::validate(&document, kind).map_err(|problem| problem.locate(text))?;
        Ok(Policy::compile(text, kind, document, ids))
    }

    /// As [`Policy::parse`], but takes what AWS would not save as long as it can be told what it says: for questions about
    /// policies that nobody is going to save. A value that means nothing matches nothing; a condition with an unknown operator
    /// holds in a Deny and does not in an Allow, so that it never opens anything.
    ///
    /// # Errors
    /// [`MalformedPolicy`] when the text is no policy, or leaves open to whom or about what it speaks.
    pub fn parse_unsaved(text: &str, kind: PolicyType) -> Result<Policy, MalformedPolicy> {
        let document = document::read(text, kind).map_err(|problem| problem.locate(text))?;
        document::elements(&document, kind).map_err(|problem| problem.locate(text))?;
        Ok(Policy::compile(text, kind, document, &|_| None))
    }

    fn compile(
        text: &str,
        kind: PolicyType,
        document: Document,
        ids: &dyn Fn(&str) -> Option<String>,
    ) -> Policy {
        let variables = document.has_variables();
        let statements: Box<[Statement]> = document
            .statements
            .iter()
            .map(|statement| Statement::compile(statement, variables, ids))
            .collect();
        let allow = Index::build(&statements, Effect::Allow);
        let deny = Index::build(&statements, Effect::Deny);
        Policy { source: text.into(), kind, document, statements, allow, deny }
    }

    /// The text that was parsed.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What the policy was parsed as.
    pub fn kind(&self) -> PolicyType {
        self.kind
    }

    /// The ARNs under `Principal.AWS` and `NotPrincipal.AWS`, for checking that they exist.
    pub fn aws_principals(&self) -> impl Iterator<Item = &str> {
        self.aws_values().filter(|value| value.starts_with("arn:"))
    }

    /// The unique ids (`AIDA…`, `AROA…`) under `Principal.AWS` and `NotPrincipal.AWS`, for checking that they exist.
    pub fn aws_principal_ids(&self) -> impl Iterator<Item = &str> {
        self.aws_values().filter(|value| value.starts_with("AIDA") || value.starts_with("AROA"))
    }

    /// The condition keys that the policy asks for, in its conditions and its variables: each once, as first written, in the
    /// order of the document. Names that differ in case only are one key.
    pub fn context_keys(&self) -> Vec<&str> {
        distinct(self.statements.iter().flat_map(Statement::context_keys))
    }

    /// The condition keys that the `index`th statement asks for, as [`Policy::context_keys`]; none when there is no such
    /// statement.
    pub fn statement_context_keys(&self, index: usize) -> Vec<&str> {
        distinct(self.statements.get(index).into_iter().flat_map(Statement::context_keys))
    }

    /// Where the `index`th statement stands in the source.
    pub fn statement_span(&self, index: usize) -> Option<Span> {
        self.document.statements.get(index).map(|statement| statement.span)
    }

    fn aws_values(&self) -> impl Iterator<Item = &str> {
        self.document
            .statements
            .iter()
            .filter_map(|statement| statement.principal.as_ref())
            .flat_map(|clause| &clause.entries)
            .filter(|(kind, _)| *kind == PrincipalKind::Aws)
            .map(|(_, text)| text.value.as_str())
    }

    /// Whether it has no Allow statement.
    pub(crate) fn only_denies(&self) -> bool {
        self.allow.exact.is_empty() && self.allow.rest.is_empty()
    }

    /// Whether a Deny statement applies.
    pub(crate) fn denies(&self, question: &Question<'_>) -> bool {
        self.deny.may_concern(&question.action)
            && self.deny.candidates(question).any(|statement| self.grant(statement, question).is_some())
    }

    /// What the Allow statements that apply grant at best.
    pub(crate) fn allows(&self, question: &Question<'_>) -> Option<Grant> {
        let mut best = None;
        if !self.allow.may_concern(&question.action) {
            return best;
        }
        for candidate in self.allow.candidates(question) {
            best = best.max(self.grant(candidate, question));
            if best == Some(Grant::Direct) {
                break;
            }
        }
        best
    }

    /// The `Sid` of the `index`th statement.
    pub(crate) fn sid(&self, index: usize) -> Option<&str> {
        self.document.statements.get(index)?.sid.as_ref().map(|sid| sid.value.as_str())
    }

    /// The statements of `effect` that apply, in their order.
    pub(crate) fn applying(&self, effect: Effect, question: &Question<'_>) -> Vec<usize> {
        let index = match effect {
            Effect::Allow => &self.allow,
            Effect::Deny => &self.deny,
        };
        let applies = |statement: &u32| self.grant(*statement, question).is_some();
        let mut found: Vec<usize> = index
            .candidates(question)
            .filter(applies)
            .filter_map(|index| usize::try_from(index).ok())
            .collect();
        found.sort_unstable();
        found
    }

    /// The line of the source, from 1, where a span starts.
    pub(crate) fn line(&self, span: Span) -> usize {
        document::position(&self.source, span.start).0
    }

    pub(crate) fn document(&self) -> &Document {
        &self.document
    }

    pub(crate) fn statements(&self) -> &[Statement] {
        &self.statements
    }

    fn grant(&self, statement: u32, question: &Question<'_>) -> Option<Grant> {
        self.statements.get(statement as usize)?.applies(question)
    }
}

/// A request prepared for matching: its action hashed, its resource split when a pattern asks for the parts.
pub(crate) struct Question<'a> {
    pub(crate) request: &'a Request<'a>,
    pub(crate) action: Action<'a>,
    pub(crate) resource: ArnText<'a>,
    /// Whether the caller has a permissions boundary: `NotPrincipal` never exempts such callers.
    pub(crate) bounded: bool,
}

impl<'a> Question<'a> {
    pub(crate) fn new(request: &'a Request<'a>, bounded: bool) -> Question<'a> {
        let action = Action::new(request.action);
        Question { request, action, resource: ArnText::new(request.resource), bounded }
    }

    pub(crate) fn context(&self) -> &'a Context {
        self.request.context
    }
}

/// The action that is asked for. Its case does not matter.
pub(crate) struct Action<'a> {
    /// Empty when it is none, so that no statement matches.
    text: &'a str,
    hash: u64,
}

impl Action<'_> {
    fn new(text: &str) -> Action<'_> {
        // Only `service:Action` can match, and not even `*` matches anything else.
        // Looks at every byte, which costs less than to stop early.
        let (has_colon, has_other) = text.bytes().fold((false, false), |(colon, other), byte| {
            (colon | (byte == b':'), other | byte.is_ascii_whitespace() | (byte == b','))
        });
        let valid = has_colon && !has_other;
        let text = if valid { text } else { "" };
        Action { text, hash: folded_hash(text) }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Statement {
    effect: Effect,
    action: Actions,
    resource: Resources,
    principal: Option<Principals>,
    conditions: Box<[Condition]>,
}

impl Statement {
    fn compile(
        text: &document::Statement,
        variables: bool,
        ids: &dyn Fn(&str) -> Option<String>,
    ) -> Statement {
        Statement {
            effect: text.effect,
            action: Actions::compile(text.action.as_ref()),
            resource: Resources::compile(text.resource.as_ref(), variables),
            principal: text.principal.as_ref().map(|clause| Principals::compile(clause, text.effect, ids)),
            conditions: text
                .conditions
                .iter()
                .map(|condition| Condition::compile(condition, text.effect, variables))
                .collect(),
        }
    }

    /// What the statement gives the caller if it applies; a statement without `Principal` speaks to whoever carries it.
    pub(crate) fn applies(&self, question: &Question<'_>) -> Option<Grant> {
        if !self.action.matches(&question.action) || !self.resource.matches(question) {
            return None;
        }
        let grant = self.principal_matches(question)?;
        self.conditions.iter().all(|condition| condition.holds(question.context())).then_some(grant)
    }

    pub(crate) fn action_matches(&self, question: &Question<'_>) -> bool {
        self.action.matches(&question.action)
    }

    pub(crate) fn resource_matches(&self, question: &Question<'_>) -> bool {
        self.resource.matches(question)
    }

    pub(crate) fn principal_matches(&self, question: &Question<'_>) -> Option<Grant> {
        match &self.principal {
            Some(principals) => principals.grant(question.request.principal, question.bounded),
            None => Some(Grant::Direct),
        }
    }

    pub(crate) fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    fn context_keys(&self) -> impl Iterator<Item = &str> {
        let variables = self.resource.patterns.iter().flat_map(ArnPattern::variable_names);
        let conditions = self.conditions.iter().flat_map(|condition| {
            std::iter::once(condition.key.name()).chain(condition.wanted.variable_names())
        });
        variables.chain(conditions)
    }

    pub(crate) fn unresolved_resource(&self, context: &Context) -> Option<&str> {
        self.resource.unresolved(context)
    }
}

#[derive(Debug, Clone)]
struct Actions {
    negated: bool,
    exact: Box<[(u64, Box<str>)]>,
    globs: Box<[Pattern]>,
}

impl Actions {
    fn compile(clause: Option<&Clause>) -> Actions {
        let (mut exact, mut globs) = (Vec::new(), Vec::new());
        for value in clause.iter().flat_map(|clause| &clause.values) {
            match Pattern::compile(&value.value, Syntax { wildcards: true, variables: false }) {
                Pattern::Exact(action) => exact.push((folded_hash(&action), action)),
                glob => globs.push(glob),
            }
        }
        let negated = clause.is_some_and(|clause| clause.negated);
        Actions { negated, exact: exact.into(), globs: globs.into() }
    }

    fn matches(&self, action: &Action<'_>) -> bool {
        if action.text.is_empty() {
            return false;
        }
        let is_exact =
            |(hash, name): &(u64, Box<str>)| *hash == action.hash && name.eq_ignore_ascii_case(action.text);
        let named = self.exact.iter().any(is_exact)
            || self.globs.iter().any(|glob| glob.matches_ignoring_case(action.text, Context::EMPTY));
        named != self.negated
    }
}

#[derive(Debug, Clone)]
struct Resources {
    negated: bool,
    /// `"*"` is among them, or the statement has no `Resource` at all, as in a trust policy.
    any: bool,
    patterns: Box<[ArnPattern]>,
}

impl Resources {
    fn compile(clause: Option<&Clause>, variables: bool) -> Resources {
        let Some(clause) = clause else {
            return Resources { negated: false, any: true, patterns: Box::default() };
        };
        let any = clause.values.iter().any(|value| value.value == "*");
        let patterns =
            clause.values.iter().filter_map(|value| ArnPattern::resource(&value.value, variables)).collect();
        Resources { negated: clause.negated, any, patterns }
    }

    fn matches(&self, question: &Question<'_>) -> bool {
        // "will not match any resource", in NotResource neither
        if self.negated && self.unresolved(question.context()).is_some() {
            return false;
        }
        let named = self.any
            || self.patterns.iter().any(|pattern| pattern.matches(&question.resource, question.context()));
        named != self.negated
    }

    fn unresolved(&self, context: &Context) -> Option<&str> {
        self.patterns.iter().find_map(|pattern| pattern.unresolved(context))
    }
}

/// Which statements of one effect may concern an action.
#[derive(Debug, Clone)]
struct Index {
    /// A bit for each action that has an exact statement, all bits when there are others: what most policies answer most
    /// requests from.
    filter: u128,
    exact: Box<[(u64, u32)]>,
    rest: Box<[u32]>,
}

impl Index {
    fn build(statements: &[Statement], effect: Effect) -> Index {
        let (mut exact, mut rest) = (Vec::new(), Vec::new());
        for (number, statement) in
            (0_u32..).zip(statements).filter(|(_, statement)| statement.effect == effect)
        {
            if statement.action.negated || !statement.action.globs.is_empty() {
                rest.push(number);
            } else {
                exact.extend(statement.action.exact.iter().map(|(hash, _)| (*hash, number)));
            }
        }
        exact.sort_unstable();
        exact.dedup();
        let filter = match rest.is_empty() {
            true => exact.iter().fold(0, |filter, (hash, _)| filter | filter_bit(*hash)),
            false => u128::MAX,
        };
        Index { filter, exact: exact.into(), rest: rest.into() }
    }

    /// Whether any statement may concern the action.
    fn may_concern(&self, action: &Action<'_>) -> bool {
        self.filter & filter_bit(action.hash) != 0
    }

    fn candidates(&self, question: &Question<'_>) -> impl Iterator<Item = u32> {
        let hash = question.action.hash;
        let from = self.exact.partition_point(|(known, _)| *known < hash);
        let exact = self.exact.get(from..).unwrap_or_default().iter();
        exact
            .take_while(move |(known, _)| *known == hash)
            .map(|(_, number)| *number)
            .chain(self.rest.iter().copied())
    }
}

fn filter_bit(hash: u64) -> u128 {
    1 << (hash >> 57)
}

/// Each name once, as first written.
fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut found: Vec<&str> = Vec::new();
    for name in names {
        if !found.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            found.push(name);
        }
    }
    found
}

#[cfg(test)]
mod tests;
