//! Workflow commands of GitHub Actions, which become annotations (GitHub Docs, "Workflow commands for GitHub Actions").

use irsa_policy::lint::Severity;

use super::Report;
use crate::output::visible;

pub(super) fn github(report: &Report) -> String {
    let mut out = String::new();
    for found in report.findings() {
        let command = match found.severity {
            Severity::Error | Severity::Security => "error",
            Severity::Warning => "warning",
            Severity::Info => "notice",
        };
        let region = report.region(found);
        let object = report.object(found);
        let subject = if object.is_empty() { String::new() } else { format!("{object}: ") };
        out.push_str(&format!(
            "::{command} file={},line={},col={},endLine={},title={}::{}\n",
            property(report.file(found)),
            region.line,
            region.column,
            region.end_line,
            found.code,
            data(&format!("{subject}{}", report.reason(found))),
        ));
    }
    out
}

/// What would end the command, or begin another.
fn data(text: &str) -> String {
    let text = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    visible(&text)
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
