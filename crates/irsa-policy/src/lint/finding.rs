//! What lint tells: findings, their severities, and the fixes that a machine can apply.

use serde::Serialize;

use super::show::one_line;
use crate::document::Span;

/// How much a finding matters, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Works; there is a plainer way, or something worth knowing.
    Info,
    /// Works today, and surprises one day.
    Warning,
    /// Lets in more than is meant.
    Security,
    /// AWS refuses it, or it never does what it says.
    Error,
}

/// One thing to mend in a document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The stable code, such as `IRSA-T004`; `irsa explain` has a page on each.
    pub code: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// The bytes of the document at fault.
    pub span: Span,
    /// The line where they start, from 1.
    pub line: usize,
    /// The column where they start, in characters, from 1.
    pub column: usize,
    /// The element at fault, such as `Statement[0].Condition.StringLike`; empty for the whole document.
    pub path: String,
    /// What is wrong and what is wanted, in one line.
    pub reason: String,
    /// How to mend it without asking anyone, where there is one right answer.
    pub fix: Option<Fix>,
}

/// Edits that leave a document which can be read and in which the finding is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fix {
    /// What the fix does, such as ``rename the key to `…:sub` ``.
    pub title: String,
    /// The edits; they belong together and do not overlap.
    pub edits: Vec<Edit>,
}

impl Fix {
    pub(super) fn new(title: impl Into<String>, edits: Vec<Edit>) -> Fix {
        Fix { title: title.into(), edits }
    }

    pub(super) fn one(title: impl Into<String>, edit: Edit) -> Fix {
        Fix::new(title, vec![edit])
    }
}

/// Text that takes the place of a span; an empty span is an insertion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Edit {
    /// The bytes to replace.
    pub span: Span,
    /// What to write instead.
    pub text: String,
}

impl Edit {
    pub(super) fn new(span: Span, text: impl Into<String>) -> Edit {
        Edit { span, text: text.into() }
    }
}

/// A thing that lint looks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// The stable code.
    pub code: &'static str,
    /// The severity of its findings.
    pub severity: Severity,
    /// What it finds, in a few words.
    pub title: &'static str,
}

/// No document that AWS accepts can have more findings; what goes beyond is noise.
pub(super) const MAX_FINDINGS: usize = 1_000;

/// Collects findings before lines and columns are counted.
#[derive(Debug, Default)]
pub(super) struct Report {
    findings: Vec<Finding>,
}

impl Report {
    pub(super) fn add(
        &mut self,
        rule: &Rule,
        span: Span,
        path: impl AsRef<str>,
        reason: impl AsRef<str>,
        fix: Option<Fix>,
    ) {
        const MAX_PATH: usize = 300;
        const MAX_REASON: usize = 1_000;
        if self.findings.len() == MAX_FINDINGS {
            return;
        }
        self.findings.push(Finding {
            code: rule.code,
            severity: rule.severity,
            span,
            line: 0,
            column: 0,
            path: one_line(path.as_ref(), MAX_PATH),
            reason: one_line(reason.as_ref(), MAX_REASON),
            fix,
        });
    }

    /// Whether an error at these bytes is already told.
    pub(super) fn has_error_at(&self, span: Span) -> bool {
        let touches = |other: Span| span == other || (span.start < other.end && other.start < span.end);
        self.findings.iter().any(|finding| finding.severity == Severity::Error && touches(finding.span))
    }

    /// Whether any finding has the code.
    pub(super) fn has(&self, rule: &Rule) -> bool {
        self.findings.iter().any(|finding| finding.code == rule.code)
    }

    /// The findings in the order of their place, with lines and columns.
    pub(super) fn located(mut self, text: &str) -> Vec<Finding> {
        self.findings
            .sort_by(|a, b| (a.span.start, a.span.end, a.code).cmp(&(b.span.start, b.span.end, b.code)));
        let (mut line, mut column, mut at) = (1, 1, 0);
        let mut rest = text.chars();
        for finding in &mut self.findings {
            while at < finding.span.start
                && let Some(c) = rest.next()
            {
                at += c.len_utf8();
                (line, column) = if c == '\n' { (line + 1, 1) } else { (line, column + 1) };
            }
            (finding.line, finding.column) = (line, column);
        }
        self.findings
    }
}
