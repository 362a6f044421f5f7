//! One JSON document, version 1: members may be added to it, none changes its meaning.

use irsa_policy::lint::{Fix, Severity};
use serde_json::{Value, json};

use super::Report;
use crate::commands::lint::inventory::Found;

pub(super) fn json(report: &Report) -> Value {
    let (open, ignored): (Vec<_>, Vec<_>) = report.found.iter().partition(|found| found.ignored.is_none());
    json!({
        "version": 1,
        "findings": open.into_iter().map(|found| finding(report, found)).collect::<Vec<_>>(),
        "ignored": ignored.into_iter().map(|found| finding(report, found)).collect::<Vec<_>>(),
        "summary": {
            "files": report.files,
            "documents": report.documents.len(),
            "error": report.count(Severity::Error),
            "security": report.count(Severity::Security),
            "warning": report.count(Severity::Warning),
            "info": report.count(Severity::Info),
            "ignored": report.ignored(),
            "fixable": report.fixes().count(),
        },
    })
}

fn finding(report: &Report, found: &Found) -> Value {
    let region = report.region(found);
    let mut value = json!({
        "code": found.code,
        "severity": found.severity,
        "file": report.file(found),
        "line": region.line,
        "column": region.column,
        "endLine": region.end_line,
        "endColumn": region.end_column,
        "object": report.object(found),
        "path": found.path,
        "reason": found.reason,
        "inPolicy": found.inner.map(|(line, column)| json!({"line": line, "column": column})),
        "fix": found.fix.as_ref().map(fix),
    });
    if let (Some(ignored), Some(members)) = (&found.ignored, value.as_object_mut()) {
        members.insert("ignoredBecause".to_owned(), ignored.reason.clone().into());
    }
    value
}

/// Edits are in bytes of the file.
fn fix(fix: &Fix) -> Value {
    let edits = fix
        .edits
        .iter()
        .map(|edit| json!({"start": edit.span.start, "end": edit.span.end, "text": edit.text}));
    json!({"title": fix.title, "edits": edits.collect::<Vec<_>>()})
}
