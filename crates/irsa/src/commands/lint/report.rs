//! What was found, and how it is written: one struct for all formats.

mod github;
mod json;
mod junit;
mod sarif;
mod text;

use std::fmt::Write as _;

use irsa_policy::lint::{Fix, Severity};

use super::inventory::{Document, Found};
use super::sources::Source;
use crate::cli::lint::{FailOn, LintFormat};
use crate::error::CliError;
use crate::output;

pub(super) use text::text;

/// All findings, in the order of their places.
#[derive(Debug)]
pub(super) struct Report {
    /// The files, then the sidecars of ignores.
    sources: Vec<Source>,
    /// How many files were linted.
    files: usize,
    documents: Vec<Document>,
    found: Vec<Found>,
}

/// Where a finding starts and ends: lines and columns from 1, columns in characters, the end exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Region {
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
}

impl Report {
    pub(super) fn new(
        sources: Vec<Source>,
        sidecars: usize,
        documents: Vec<Document>,
        mut found: Vec<Found>,
    ) -> Self {
        found.sort_by_key(|found| {
            let source = documents.get(found.document).map(|document| document.source);
            (source, found.span.start, found.document, found.span.end, found.code)
        });
        let files = sources.len().saturating_sub(sidecars);
        Self { sources, files, documents, found }
    }

    /// Those that nobody ignores.
    pub(super) fn findings(&self) -> impl Iterator<Item = &Found> {
        self.found.iter().filter(|found| found.ignored.is_none())
    }

    /// The fixes of those, each with the index of its file.
    pub(super) fn fixes(&self) -> impl Iterator<Item = (usize, &Fix)> {
        self.findings().filter_map(|found| {
            let source = self.documents.get(found.document)?.source;
            Some((source, found.fix.as_ref()?))
        })
    }

    fn ignored(&self) -> usize {
        self.found.len() - self.findings().count()
    }

    fn count(&self, severity: Severity) -> usize {
        self.findings().filter(|found| found.severity == severity).count()
    }

    fn document(&self, found: &Found) -> Option<&Document> {
        self.documents.get(found.document)
    }

    fn source(&self, found: &Found) -> Option<&Source> {
        self.sources.get(self.document(found)?.source)
    }

    fn file(&self, found: &Found) -> &str {
        self.source(found).map_or("", |source| &source.name)
    }

    fn object(&self, found: &Found) -> &str {
        self.document(found).map_or("", |document| &document.name)
    }

    fn region(&self, found: &Found) -> Region {
        self.region_of(found, found.span.start, found.span.end)
    }

    /// The place of some bytes in the file of a finding.
    fn region_of(&self, found: &Found, start: usize, end: usize) -> Region {
        let (line, column) = self.source(found).map_or((1, 1), |source| source.position(start));
        let (end_line, end_column) =
            self.source(found).map_or((1, 1), |source| source.position(end.max(start)));
        Region { line, column, end_line, end_column }
    }

    /// The reason, with the place inside the policy where the file has it only as a string.
    fn reason(&self, found: &Found) -> String {
        match found.inner {
            Some((line, column)) => format!("{} (line {line}, column {column} of the policy)", found.reason),
            None => found.reason.clone(),
        }
    }

    /// `3 errors, 1 warning`.
    fn counts(&self) -> String {
        let mut text = String::new();
        for (severity, one, many) in [
            (Severity::Error, "error", "errors"),
            (Severity::Security, "security finding", "security findings"),
            (Severity::Warning, "warning", "warnings"),
            (Severity::Info, "info", "infos"),
        ] {
            let count = self.count(severity);
            if count > 0 {
                let separator = if text.is_empty() { "" } else { ", " };
                let _ = write!(text, "{separator}{count} {}", if count == 1 { one } else { many });
            }
        }
        if text.is_empty() { "Nothing found".to_owned() } else { text }
    }
}

/// Writes the report to standard output.
pub(super) fn print(report: &Report, format: LintFormat, fail_on: FailOn) -> Result<(), CliError> {
    let text = render(report, format, fail_on)?;
    if !text.is_empty() {
        output::print(text.trim_end());
    }
    if matches!(format, LintFormat::Github) {
        output::note(&text::summary(report));
    }
    Ok(())
}

pub(super) fn render(report: &Report, format: LintFormat, fail_on: FailOn) -> Result<String, CliError> {
    let machine = |value: serde_json::Value| {
        serde_json::to_string_pretty(&value).map(|text| unsteering(&text)).map_err(|error| {
            CliError::undecided("IRSA-X010", format!("the result could not be written: {error}"))
        })
    };
    Ok(match format {
        LintFormat::Text => text(report),
        LintFormat::Json => machine(json::json(report))?,
        LintFormat::Sarif => machine(sarif::sarif(report))?,
        LintFormat::Junit => junit::junit(report, fail_on),
        LintFormat::Github => github::github(report),
    })
}

/// JSON whose strings have no character that steers a terminal: those that JSON lets stand are escaped.
fn unsteering(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        if character != '\n' && output::steers(character) {
            let _ = write!(out, "\\u{:04x}", u32::from(character));
        } else {
            out.push(character);
        }
    }
    out
}
