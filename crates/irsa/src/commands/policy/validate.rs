//! `irsa policy validate`: whether AWS would save a document, its words if not, and what else is wrong with it.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use irsa_policy::lint::{Severity, Surroundings, guess, lint};
use irsa_policy::{Policy, PolicyType};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::principal::Text;
use super::refused::{self, Refused};
use super::{batch, open, read};
use crate::cli::policy::{DocumentType, Validate};
use crate::error::CliError;
use crate::output::{BAD, FAINT, GOOD, STRONG, result, visible};

pub(super) fn validate(arguments: &Validate) -> Result<ExitCode, CliError> {
    if !arguments.batch {
        return files(arguments);
    }
    match arguments.files.as_slice() {
        [] => batch(open(None)?, || answer),
        [file] => batch(open(Some(file))?, || answer),
        _ => Err(CliError::usage("IRSA-B006", "--batch reads one file")),
    }
}

/// What is said about one document.
#[derive(Debug, Serialize)]
struct Report {
    valid: bool,
    /// AWS's message for the first thing that it would complain about.
    message: Option<String>,
    findings: Vec<Found>,
}

/// Something to mend.
#[derive(Debug, Serialize)]
struct Found {
    code: &'static str,
    severity: Severity,
    line: usize,
    column: usize,
    reason: String,
}

fn check(text: &str, kind: PolicyType) -> Report {
    let refused = Policy::parse(text, kind).err();
    let mut findings: Vec<Found> = lint(text, kind, &Surroundings::default())
        .into_iter()
        .map(|finding| Found {
            code: finding.code,
            severity: finding.severity,
            line: finding.line,
            column: finding.column,
            reason: finding.reason,
        })
        .collect();
    if let Some(problem) = refused.as_ref()
        && findings.iter().all(|finding| finding.severity != Severity::Error)
    {
        let (line, column, reason) = (problem.line(), problem.column(), problem.reason().to_owned());
        findings.insert(0, Found { code: "IRSA-J003", severity: Severity::Error, line, column, reason });
    }
    Report { valid: refused.is_none(), message: refused.map(|problem| problem.to_string()), findings }
}

/// A line of a batch. Other members are its writer's own.
#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    document: &'a RawValue,
}

#[derive(Serialize)]
struct Line<'a> {
    id: Option<&'a RawValue>,
    #[serde(flatten)]
    report: Report,
}

fn answer(line: &[u8], out: &mut Vec<u8>) {
    match checked(line) {
        Ok(answer) => refused::write(&answer, out),
        Err(refused) => refused.write(line, out),
    }
}

fn checked(line: &[u8]) -> Result<Line<'_>, Refused> {
    let document: Document<'_> = serde_json::from_str(refused::text(line)?)?;
    let kind = policy_type(&document.kind).ok_or_else(|| {
        let known = "identity, resource, trust, boundary, session, scp or rcp";
        Refused::form(format!("the type `{}` is none of {known}", document.kind))
    })?;
    let given = document.document.get();
    let report = match given.as_bytes().first() {
        Some(b'"') => check(&serde_json::from_str::<Text<'_>>(given)?.0, kind),
        Some(b'{') => check(given, kind),
        _ => return Err(Refused::form("the document is a string that holds its text, or an object")),
    };
    Ok(Line { id: document.id, report })
}

/// The type by the name that the contract has for it, in any case.
fn policy_type(name: &str) -> Option<PolicyType> {
    Some(match name.to_ascii_lowercase().as_str() {
        "identity" => PolicyType::Identity,
        "resource" => PolicyType::Resource,
        "trust" => PolicyType::Trust,
        "boundary" => PolicyType::Boundary,
        "session" => PolicyType::Session,
        "scp" => PolicyType::ServiceControl,
        "rcp" => PolicyType::ResourceControl,
        _ => return None,
    })
}

impl From<DocumentType> for PolicyType {
    fn from(kind: DocumentType) -> Self {
        match kind {
            DocumentType::Identity => PolicyType::Identity,
            DocumentType::Resource => PolicyType::Resource,
            DocumentType::Trust => PolicyType::Trust,
            DocumentType::Boundary => PolicyType::Boundary,
            DocumentType::Session => PolicyType::Session,
            DocumentType::Scp => PolicyType::ServiceControl,
            DocumentType::Rcp => PolicyType::ResourceControl,
        }
    }
}

/// A file and what is said about it.
#[derive(Serialize)]
struct FileReport {
    file: String,
    #[serde(flatten)]
    report: Report,
}

fn files(arguments: &Validate) -> Result<ExitCode, CliError> {
    let standard_input = [PathBuf::from("-")];
    let files = if arguments.files.is_empty() { &standard_input } else { arguments.files.as_slice() };
    let reports =
        files.iter().map(|file| file_report(file, arguments.kind)).collect::<Result<Vec<_>, _>>()?;
    let all_valid = reports.iter().all(|file| file.report.valid);
    let document = serde_json::json!({"apiVersion": "irsa/v1", "kind": "PolicyValidation", "items": reports});
    result(arguments.output, &document, || reports.iter().map(table).collect())?;
    Ok(if all_valid { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn file_report(file: &Path, kind: Option<DocumentType>) -> Result<FileReport, CliError> {
    let text = read(Some(file))?;
    let kind = kind.map(PolicyType::from).or_else(|| guess(&text)).unwrap_or(PolicyType::Identity);
    Ok(FileReport { file: file.display().to_string(), report: check(&text, kind) })
}

fn table(file: &FileReport) -> String {
    let FileReport { file, report } = file;
    let file = visible(file);
    let mut out = match &report.message {
        None => format!("{GOOD}valid{GOOD:#}     {STRONG}{file}{STRONG:#}\n"),
        Some(message) => format!("{BAD}invalid{BAD:#}   {STRONG}{file}{STRONG:#}: {}\n", visible(message)),
    };
    for found in &report.findings {
        let Found { code, line, column, .. } = found;
        let severity = format!("{:?}", found.severity).to_ascii_lowercase();
        let reason = visible(&found.reason);
        out.push_str(&format!("  {file}:{line}:{column}  {severity} {reason}  {FAINT}[{code}]{FAINT:#}\n"));
    }
    out
}
