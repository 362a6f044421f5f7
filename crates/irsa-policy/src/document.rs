//! The grammar of policy documents: from text to a [`Document`] that remembers where everything stood.
//!
//! Elements and their shapes are those of the IAM User Guide's "Grammar of the IAM JSON policy language"; a value and an
//! array of one value are the same. [`validate`] then applies what depends on the policy's type. Refusals carry AWS's own
//! `MalformedPolicyDocument` message, and apart from it our reason and place.

mod json;
mod path;
mod validate;

use crate::condition::Operator;
pub use json::Span;
pub(crate) use json::{Member, Node, Value, read_with_duplicates};
use path::Path;
pub(crate) use validate::{elements, validate};

const INVALID_JSON: &str = "This policy contains invalid Json";
/// S3's answer to a bucket policy that is no JSON.
const S3_INVALID_JSON: &str = "Policies must be valid JSON and the first byte must be '{'";
const SYNTAX: &str = "Syntax errors in policy.";

/// What a policy is for: which elements it may have, and which layer of the decision it speaks in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum PolicyType {
    /// Attached to a user, group or role.
    Identity,
    /// Attached to a resource, such as a bucket; also the policies of VPC endpoints.
    Resource,
    /// A role's trust policy.
    Trust,
    /// A permissions boundary.
    Boundary,
    /// Passed when a session is made.
    Session,
    /// An organization's limit on its accounts' principals.
    ServiceControl,
    /// An organization's limit on its accounts' resources.
    ResourceControl,
}

/// A policy that was refused. `Display` is AWS's message and nothing else; our own tools also show where and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct MalformedPolicy {
    message: String,
    reason: String,
    path: String,
    span: Span,
    line: usize,
    column: usize,
}

impl MalformedPolicy {
    /// What is wrong, in our words.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The element at fault, such as `Statement[0].Condition.StringEquals`; empty for the whole document.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The line at fault, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column at fault in characters, from 1.
    pub fn column(&self) -> usize {
        self.column
    }

    /// The bytes at fault.
    pub fn span(&self) -> Span {
        self.span
    }
}

/// The length that AWS counts against its quotas: characters without whitespace (IAM User Guide, "IAM and AWS STS quotas").
pub fn size_without_whitespace(text: &str) -> usize {
    text.chars().filter(|c| !c.is_ascii_whitespace()).count()
}

/// Line and column, both from 1, of a byte offset.
pub(crate) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

/// A string of the document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Text {
    pub(crate) value: String,
    pub(crate) span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Document {
    pub(crate) version: Option<Text>,
    pub(crate) statements: Vec<Statement>,
}

impl Document {
    /// Variables mean something only since 2012-10-17; an absent version is 2008-10-17.
    pub(crate) fn has_variables(&self) -> bool {
        self.version.as_ref().is_some_and(|version| version.value == "2012-10-17")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub(crate) enum Effect {
    Allow,
    Deny,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Statement {
    pub(crate) sid: Option<Text>,
    pub(crate) effect: Effect,
    pub(crate) effect_text: Text,
    pub(crate) principal: Option<PrincipalClause>,
    pub(crate) action: Option<Clause>,
    pub(crate) resource: Option<Clause>,
    pub(crate) conditions: Vec<ConditionText>,
    pub(crate) span: Span,
}

/// `Action`, `NotAction`, `Resource` or `NotResource`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Clause {
    pub(crate) negated: bool,
    pub(crate) values: Vec<Text>,
    pub(crate) span: Span,
}

/// `Principal` or `NotPrincipal`; `"*"` is written as `AWS: *`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PrincipalClause {
    pub(crate) negated: bool,
    pub(crate) entries: Vec<(PrincipalKind, Text)>,
    pub(crate) span: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PrincipalKind {
    Aws,
    Federated,
    Service,
    CanonicalUser,
}

impl PrincipalKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            PrincipalKind::Aws => "AWS",
            PrincipalKind::Federated => "Federated",
            PrincipalKind::Service => "Service",
            PrincipalKind::CanonicalUser => "CanonicalUser",
        }
    }
}

/// One key under one operator.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ConditionText {
    pub(crate) operator: Text,
    /// What the operator means; `None` when AWS has no such operator.
    pub(crate) parsed: Option<Operator>,
    pub(crate) key: Text,
    pub(crate) values: Vec<Text>,
}

/// What is wrong and where, before lines and columns are counted.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) message: String,
    pub(crate) reason: String,
    pub(crate) path: String,
    pub(crate) span: Span,
}

impl Problem {
    fn syntax(reason: impl Into<String>, path: impl Into<String>, span: Span) -> Problem {
        Problem { message: SYNTAX.to_owned(), reason: reason.into(), path: path.into(), span }
    }

    pub(crate) fn locate(self, text: &str) -> MalformedPolicy {
        let (line, column) = position(text, self.span.start);
        let Problem { message, reason, path, span } = self;
        MalformedPolicy { message, reason, path, span, line, column }
    }
}

/// Reads a document's JSON and structure.
pub(crate) fn read(text: &str, kind: PolicyType) -> Result<Document, Problem> {
    let root = json::read(text).map_err(|error| {
        let message = match kind {
            PolicyType::Trust if !error.reason.is_grammar() => INVALID_JSON,
            PolicyType::Resource if !error.reason.is_grammar() => S3_INVALID_JSON,
            _ => SYNTAX,
        };
        let span = Span { start: error.at, end: error.at };
        Problem { message: message.to_owned(), reason: error.reason.to_string(), path: String::new(), span }
    })?;
    if let Some((offset, c)) = text.char_indices().find(|(_, c)| !is_allowed(*c)) {
        let span = Span { start: offset, end: offset + c.len_utf8() };
        return Err(Problem::syntax(
            format!("the character U+{:04X} is not allowed", u32::from(c)),
            "",
            span,
        ));
    }
    document(root)
}

/// The characters of a policy: tab, line feed, carriage return and U+0020 to U+00FF (IAM API, `policyDocumentType`).
fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{ff}')
}

fn document(root: Node<'_>) -> Result<Document, Problem> {
    let span = root.span;
    let mut version = None;
    let mut statements = None;
    for Member { key, key_span, node } in members(root, Path::ROOT)? {
        match &*key {
            "Version" => {
                let text = string(node, Path::ROOT.member("Version"))?;
                if !matches!(text.value.as_str(), "2008-10-17" | "2012-10-17") {
                    return Err(Problem::syntax(
                        "Version must be 2012-10-17 or 2008-10-17",
                        "Version",
                        text.span,
                    ));
                }
                version = Some(text);
            }
            "Id" => drop(string(node, Path::ROOT.member("Id"))?),
            "Statement" => statements = Some(self::statements(node)?),
            _ => return Err(unknown(Path::ROOT, &key, key_span, &["Version", "Id", "Statement"])),
        }
    }
    let statements = statements.ok_or_else(|| Problem::syntax("Statement is missing", "", span))?;
    Ok(Document { version, statements })
}

fn statements(node: Node<'_>) -> Result<Vec<Statement>, Problem> {
    let span = node.span;
    let nodes = match node.value {
        Value::Array(nodes) if nodes.is_empty() => {
            return Err(Problem::syntax("a policy needs at least one statement", "Statement", span));
        }
        Value::Array(nodes) => nodes,
        value => vec![Node { value, span }],
    };
    nodes.into_iter().enumerate().map(|(index, node)| statement(node, Path::statement(index))).collect()
}

const STATEMENT_ELEMENTS: &[&str] = &[
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

fn statement(node: Node<'_>, path: Path<'_>) -> Result<Statement, Problem> {
    let span = node.span;
    let (mut sid, mut effect, mut principal, mut action, mut resource) = (None, None, None, None, None);
    let mut conditions = Vec::new();
    for Member { key, key_span, node } in members(node, path)? {
        let here = path.member(&key);
        let negated = key.starts_with("Not");
        let twice = |taken: bool| {
            let reason = format!("a statement has one of {} and Not{0}", key.trim_start_matches("Not"));
            if taken { Err(Problem::syntax(reason, path, key_span)) } else { Ok(()) }
        };
        match &*key {
            "Sid" => sid = Some(string(node, here)?),
            "Effect" => effect = Some(self::effect(node, here)?),
            "Principal" | "NotPrincipal" => {
                twice(principal.is_some())?;
                principal = Some(self::principal(node, here, negated)?);
            }
            "Action" | "NotAction" => {
                twice(action.is_some())?;
                action = Some(clause(node, here, negated)?);
            }
            "Resource" | "NotResource" => {
                twice(resource.is_some())?;
                resource = Some(clause(node, here, negated)?);
            }
            "Condition" => conditions = self::conditions(node, here)?,
            _ => return Err(unknown(path, &key, key_span, STATEMENT_ELEMENTS)),
        }
    }
    let (effect, effect_text) = effect.ok_or_else(|| Problem::syntax("Effect is missing", path, span))?;
    Ok(Statement { sid, effect, effect_text, principal, action, resource, conditions, span })
}

fn effect(node: Node<'_>, path: Path<'_>) -> Result<(Effect, Text), Problem> {
    let text = string(node, path)?;
    // The case is checked later, where AWS answers it as a legacy parsing failure.
    let effect = if text.value.eq_ignore_ascii_case("allow") {
        Effect::Allow
    } else if text.value.eq_ignore_ascii_case("deny") {
        Effect::Deny
    } else {
        return Err(Problem::syntax("Effect must be Allow or Deny", path, text.span));
    };
    Ok((effect, text))
}

fn principal(node: Node<'_>, path: Path<'_>, negated: bool) -> Result<PrincipalClause, Problem> {
    let span = node.span;
    if let Value::String(value) = node.value {
        if value != "*" {
            let reason = "a principal is \"*\" or an object such as {\"AWS\": …}";
            return Err(Problem::syntax(reason, path, span));
        }
        return Ok(PrincipalClause {
            negated,
            entries: vec![(PrincipalKind::Aws, Text { value: value.into_owned(), span })],
            span,
        });
    }
    let mut entries = Vec::new();
    for Member { key, key_span, node } in members(node, path)? {
        let kind = match &*key {
            "AWS" => PrincipalKind::Aws,
            "Federated" => PrincipalKind::Federated,
            "Service" => PrincipalKind::Service,
            "CanonicalUser" => PrincipalKind::CanonicalUser,
            _ => {
                return Err(unknown(path, &key, key_span, &["AWS", "Federated", "Service", "CanonicalUser"]));
            }
        };
        entries.extend(strings(node, path.member(&key))?.into_iter().map(|text| (kind, text)));
    }
    Ok(PrincipalClause { negated, entries, span })
}

fn clause(node: Node<'_>, path: Path<'_>, negated: bool) -> Result<Clause, Problem> {
    let span = node.span;
    Ok(Clause { negated, values: strings(node, path)?, span })
}

fn conditions(node: Node<'_>, path: Path<'_>) -> Result<Vec<ConditionText>, Problem> {
    let mut out = Vec::new();
    for Member { key: operator, key_span: operator_span, node } in members(node, path)? {
        let here = path.member(&operator);
        let parsed = Operator::parse(&operator);
        for Member { key, key_span, node } in members(node, here)? {
            let values = condition_values(node, here.member(&key))?;
            out.push(ConditionText {
                operator: Text { value: operator.clone().into_owned(), span: operator_span },
                parsed,
                key: Text { value: key.into_owned(), span: key_span },
                values,
            });
        }
    }
    Ok(out)
}

/// Condition values may also be unquoted booleans and numbers.
fn condition_values(node: Node<'_>, path: Path<'_>) -> Result<Vec<Text>, Problem> {
    let nodes = match node.value {
        Value::Array(nodes) => nodes,
        value => vec![Node { value, span: node.span }],
    };
    nodes
        .into_iter()
        .map(|Node { value, span }| match value {
            Value::String(value) => Ok(Text { value: value.into_owned(), span }),
            Value::Number(value) => Ok(Text { value: value.to_owned(), span }),
            Value::Bool(value) => Ok(Text { value: value.to_string(), span }),
            _ => Err(Problem::syntax("a condition value is a string, number or boolean", path, span)),
        })
        .collect()
}

fn strings(node: Node<'_>, path: Path<'_>) -> Result<Vec<Text>, Problem> {
    match node.value {
        Value::Array(nodes) => nodes.into_iter().map(|node| string(node, path)).collect(),
        value => Ok(vec![string(Node { value, span: node.span }, path)?]),
    }
}

fn string(node: Node<'_>, path: Path<'_>) -> Result<Text, Problem> {
    match node.value {
        Value::String(value) => Ok(Text { value: value.into_owned(), span: node.span }),
        _ => Err(Problem::syntax("expected a string", path, node.span)),
    }
}

fn members<'t>(node: Node<'t>, path: Path<'_>) -> Result<Vec<Member<'t>>, Problem> {
    match node.value {
        Value::Object(members) => Ok(members),
        _ => Err(Problem::syntax("expected an object", path, node.span)),
    }
}

fn unknown(path: Path<'_>, key: &str, span: Span, known: &[&str]) -> Problem {
    let hint = match known.iter().find(|name| name.eq_ignore_ascii_case(key)) {
        Some(name) => format!("; write it `{name}`"),
        None => format!("; known here are {}", known.join(", ")),
    };
    Problem::syntax(format!("unknown element `{key}`{hint}"), path, span)
}

#[cfg(test)]
mod tests;
