//! What the files hold: policies with the roles that they belong to, identity providers, ServiceAccounts and workloads.

use std::ops::Range;

use irsa_policy::PolicyType;
use irsa_policy::lint::{Fix, Rule, Severity};

use super::interpolation::StandIns;
use super::tree::Node;

/// A unit of the report: a policy file, a manifest of a stream, a resource of a plan.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Document {
    /// Index of its file.
    pub(super) source: usize,
    /// What it is beside its file, such as `Deployment web` or `aws_iam_role.app`; may be empty.
    pub(super) name: String,
    /// Its bytes in the file.
    pub(super) span: Range<usize>,
    /// Lines of the file; an ignore on or just before one of them is for the whole document.
    pub(super) heads: Vec<usize>,
}

/// A policy, and where its text stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Policy {
    pub(super) document: usize,
    pub(super) text: String,
    pub(super) kind: PolicyType,
    pub(super) place: Place,
    /// The role that it is of, as far as the files say.
    pub(super) role: Option<Role>,
    /// What stands in the text for expressions of the file's own language.
    pub(super) stand_ins: StandIns,
}

/// How the text of a policy stands in its file.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Place {
    /// Byte for byte, from an offset.
    Verbatim { offset: usize, fixable: Fixable },
    /// Inside a string, escaped.
    Quoted(Range<usize>),
}

/// Which fixes a verbatim text takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fixable {
    Any,
    /// Where lines carry the indentation of YAML, a fix may not add any.
    WithinLines,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Role {
    pub(super) name: Option<String>,
    pub(super) arn: Option<String>,
    pub(super) max_session_seconds: Option<u32>,
}

/// An OIDC provider: its ARN, or its URL where the ARN is not known yet.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Provider {
    pub(super) arn: Option<String>,
    /// Without the scheme.
    pub(super) host_path: Option<String>,
    pub(super) client_ids: Option<Vec<String>>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct ServiceAccount {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) role_arn: Option<String>,
    pub(super) audience: Option<String>,
    pub(super) token_seconds: Option<u32>,
}

/// What makes pods.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Workload {
    pub(super) document: usize,
    /// `Deployment web`.
    pub(super) label: String,
    pub(super) namespace: Option<Text>,
    pub(super) service_account: Option<Text>,
    /// The pod, or the template of pods: `metadata` and `spec`.
    pub(super) pod: Node,
}

/// A text and its bytes in the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Text {
    pub(super) text: String,
    pub(super) span: Range<usize>,
}

/// A finding at its place in a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    pub(super) document: usize,
    pub(super) code: &'static str,
    pub(super) severity: Severity,
    /// Bytes of the file.
    pub(super) span: Range<usize>,
    /// The element of the policy or manifest at fault; may be empty.
    pub(super) path: String,
    pub(super) reason: String,
    /// Line and column inside the policy, where it stands in a string.
    pub(super) inner: Option<(usize, usize)>,
    /// Its edits are in bytes of the file.
    pub(super) fix: Option<Fix>,
    pub(super) ignored: Option<Ignored>,
}

/// Who said that a finding is not to be reported, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ignored {
    pub(super) reason: String,
    /// Beside the thing itself, rather than elsewhere.
    pub(super) in_source: bool,
}

/// Everything that was read.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    pub(super) documents: Vec<Document>,
    pub(super) policies: Vec<Policy>,
    pub(super) providers: Vec<Provider>,
    pub(super) service_accounts: Vec<ServiceAccount>,
    pub(super) workloads: Vec<Workload>,
    /// What reading itself found.
    pub(super) findings: Vec<Found>,
}

impl Inventory {
    /// Adds a document, and gives its index.
    pub(super) fn document(&mut self, document: Document) -> usize {
        self.documents.push(document);
        self.documents.len() - 1
    }

    pub(super) fn find(
        &mut self,
        document: usize,
        rule: &Rule,
        span: Range<usize>,
        path: &str,
        reason: String,
    ) {
        self.findings.push(Found::new(document, rule, span, path, reason));
    }
}

impl Found {
    pub(super) fn new(document: usize, rule: &Rule, span: Range<usize>, path: &str, reason: String) -> Self {
        Self {
            document,
            code: rule.code,
            severity: rule.severity,
            span,
            path: path.to_owned(),
            reason,
            inner: None,
            fix: None,
            ignored: None,
        }
    }

    pub(super) fn with_fix(mut self, fix: Fix) -> Self {
        self.fix = Some(fix);
        self
    }
}

impl Node {
    pub(super) fn span(&self) -> Range<usize> {
        self.start..self.end
    }

    /// The text at the end of a path, with its place.
    pub(super) fn place_at(&self, path: &[&str]) -> Option<Text> {
        let node = self.at(path)?;
        let text = node.text().filter(|text| !text.is_empty())?.to_owned();
        Some(Text { text, span: node.span() })
    }
}
