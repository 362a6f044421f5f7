//! JUnit's XML: a suite for each file, a test case for each document. Findings that fail are its failure, others its
//! output.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Report;
use crate::cli::lint::FailOn;
use crate::commands::lint::inventory::{Document, Found};

pub(super) fn junit(report: &Report, fail_on: FailOn) -> String {
    let mut found: Vec<Vec<&Found>> = report.documents.iter().map(|_| Vec::new()).collect();
    for finding in report.findings() {
        if let Some(found) = found.get_mut(finding.document) {
            found.push(finding);
        }
    }
    let mut by_source: BTreeMap<usize, Vec<(&Document, Vec<&Found>)>> = BTreeMap::new();
    for (document, found) in report.documents.iter().zip(found) {
        by_source.entry(document.source).or_default().push((document, found));
    }
    let mut suites = String::new();
    let (mut cases, mut failed) = (0, 0);
    for (index, documents) in by_source {
        let Some(source) = report.sources.get(index) else { continue };
        let mut body = String::new();
        let mut failed_of_suite = 0;
        for (document, found) in &documents {
            let name = if document.name.is_empty() { &source.name } else { &document.name };
            failed_of_suite += usize::from(case(&mut body, report, name, &source.name, found, fail_on));
        }
        let _ = writeln!(
            suites,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failed_of_suite}\" errors=\"0\">\n{body}  </testsuite>",
            xml(&source.name),
            documents.len(),
        );
        cases += documents.len();
        failed += failed_of_suite;
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"irsa lint\" tests=\"{cases}\" failures=\"{failed}\" errors=\"0\">\n{suites}</testsuites>\n"
    )
}

fn case(
    out: &mut String,
    report: &Report,
    name: &str,
    file: &str,
    found: &[&Found],
    fail_on: FailOn,
) -> bool {
    let _ = write!(out, "    <testcase name=\"{}\" classname=\"{}\"", xml(name), xml(file));
    if found.is_empty() {
        out.push_str("/>\n");
        return false;
    }
    out.push_str(">\n");
    let (failing, others): (Vec<&Found>, Vec<&Found>) =
        found.iter().partition(|found| fail_on.fails(found.severity));
    if let Some(first) = failing.first() {
        let lines = lines(report, &failing);
        let _ = writeln!(
            out,
            "      <failure type=\"{}\" message=\"{}\">{}</failure>",
            first.code,
            xml(&report.reason(first)),
            xml(&lines),
        );
    }
    if !others.is_empty() {
        let _ = writeln!(out, "      <system-out>{}</system-out>", xml(&lines(report, &others)));
    }
    out.push_str("    </testcase>\n");
    !failing.is_empty()
}

fn lines(report: &Report, found: &[&Found]) -> String {
    let lines = found.iter().map(|found| {
        let region = report.region(found);
        let (file, reason) = (report.file(found), report.reason(found));
        format!("{file}:{}:{}: {} {reason}", region.line, region.column, found.code)
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Escaped, and without the characters that XML 1.0 (§2.2) does not allow at all.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push('\n'),
            '\u{fffe}' | '\u{ffff}' => out.push(char::REPLACEMENT_CHARACTER),
            other if crate::output::steers(other) => out.push(char::REPLACEMENT_CHARACTER),
            other => out.push(other),
        }
    }
    out
}
