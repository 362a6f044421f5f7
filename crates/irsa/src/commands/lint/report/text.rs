//! For people: a line for each finding, and a last line that counts.

use irsa_policy::lint::Severity;

use super::Report;
use crate::output::{BAD, FAINT, STRONG, WARN, visible};

pub(in super::super) fn text(report: &Report) -> String {
    let mut out = String::new();
    for found in report.findings() {
        let (style, severity) = match found.severity {
            Severity::Error => (BAD, "Error"),
            Severity::Security => (BAD, "Security"),
            Severity::Warning => (WARN, "Warning"),
            Severity::Info => (FAINT, "Info"),
        };
        let region = report.region(found);
        let object = report.object(found);
        let separator = if object.is_empty() { "" } else { " " };
        out.push_str(&format!(
            "{style}{severity:8}{style:#} [{}] ({STRONG}{}{STRONG:#}{separator}{}:{}:{}) {}\n",
            found.code,
            visible(object),
            visible(report.file(found)),
            region.line,
            region.column,
            visible(&report.reason(found)),
        ));
        if let Some(fix) = &found.fix {
            out.push_str(&format!("         {FAINT}--fix would {}{FAINT:#}\n", visible(&fix.title)));
        }
    }
    out.push_str(&summary(report));
    out.push('\n');
    out
}

/// `3 errors, 1 warning in 2 documents of 14 files. irsa lint --fix would repair 2.`
pub(super) fn summary(report: &Report) -> String {
    let number =
        |count: usize, what: &str| if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") };
    let mut out = format!(
        "{} in {} of {}.",
        report.counts(),
        number(report.documents.len(), "document"),
        number(report.files, "file"),
    );
    let ignored = report.ignored();
    if ignored > 0 {
        out.push_str(&format!(" {ignored} ignored."));
    }
    let fixable = report.fixes().count();
    if fixable > 0 {
        out.push_str(&format!(" irsa lint --fix would repair {fixable}."));
    }
    if let Some(first) = report.findings().next() {
        out.push_str(&format!(" More: irsa explain {}", first.code));
    }
    out
}
