//! SARIF 2.1.0 (OASIS, "Static Analysis Results Interchange Format"), as code scanning takes it.

use std::collections::BTreeSet;

use irsa_policy::lint::{Fix, Severity};
use serde_json::{Value, json};

use super::{Region, Report};
use crate::commands::lint::codes;
use crate::commands::lint::inventory::Found;

pub(super) fn sarif(report: &Report) -> Value {
    let used: BTreeSet<&str> = report.found.iter().map(|found| found.code).collect();
    let rules = codes::all().filter(|rule| used.contains(rule.code)).map(|rule| {
        json!({
            "id": rule.code,
            "shortDescription": {"text": rule.title},
            "help": {"text": format!("irsa explain {}", rule.code)},
            "defaultConfiguration": {"level": level(rule.severity)},
            "properties": properties(rule.severity),
        })
    });
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "irsa lint",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": report.found.iter().map(|found| result(report, found)).collect::<Vec<_>>(),
        }],
    })
}

fn result(report: &Report, found: &Found) -> Value {
    let mut result = json!({
        "ruleId": found.code,
        "level": level(found.severity),
        "message": {"text": report.reason(found)},
        "locations": [{
            "physicalLocation": {
                "artifactLocation": {"uri": uri(report.file(found))},
                "region": region(report.region(found)),
            },
            "logicalLocations": [{"fullyQualifiedName": logical(report, found)}],
        }],
    });
    let Some(members) = result.as_object_mut() else { return result };
    if let Some(mend) = &found.fix {
        members.insert("fixes".to_owned(), json!([fix(report, found, mend)]));
    }
    if let Some(ignored) = &found.ignored {
        let kind = if ignored.in_source { "inSource" } else { "external" };
        members.insert("suppressions".to_owned(), json!([{"kind": kind, "justification": ignored.reason}]));
    }
    result
}

fn fix(report: &Report, found: &Found, fix: &Fix) -> Value {
    let replacements = fix.edits.iter().map(|edit| {
        json!({
            "deletedRegion": region(report.region_of(found, edit.span.start, edit.span.end)),
            "insertedContent": {"text": edit.text},
        })
    });
    json!({
        "description": {"text": fix.title},
        "artifactChanges": [{
            "artifactLocation": {"uri": uri(report.file(found))},
            "replacements": replacements.collect::<Vec<_>>(),
        }],
    })
}

fn region(region: Region) -> Value {
    json!({
        "startLine": region.line,
        "startColumn": region.column,
        "endLine": region.end_line,
        "endColumn": region.end_column,
    })
}

/// The document and the element in it.
fn logical(report: &Report, found: &Found) -> String {
    let parts = [report.object(found), &found.path];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { report.file(found).to_owned() } else { parts.join(" ") }
}

/// A relative reference (RFC 3986 §4.2).
fn uri(file: &str) -> String {
    const PLAIN: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    let path = percent_encoding::utf8_percent_encode(file, PLAIN).to_string();
    if file.starts_with('/') { format!("file://{path}") } else { path }
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error | Severity::Security => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

/// What GitHub's code scanning sorts by (GitHub Docs, "SARIF support for code scanning").
fn properties(severity: Severity) -> Value {
    match severity {
        Severity::Error => json!({"tags": ["iam", "correctness"], "problem.severity": "error"}),
        Severity::Security => json!({"tags": ["iam", "security"], "security-severity": "7.0"}),
        Severity::Warning => json!({"tags": ["iam", "correctness"], "problem.severity": "warning"}),
        Severity::Info => json!({"tags": ["iam", "correctness"], "problem.severity": "recommendation"}),
    }
}
