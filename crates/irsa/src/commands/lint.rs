//! `irsa lint`: what is wrong in policies, manifests and plans, before anybody is denied.
//!
//! Reading comes first, all of it; what is found is a pure function of the texts (`Run::examine`); fixing is examining again.

mod codes;
mod cross_check;
mod embedded;
mod fix;
mod heredoc;
mod ignore;
mod interpolation;
mod inventory;
mod kubernetes;
mod read;
mod report;
mod sources;
mod terraform;
#[cfg(test)]
mod tests;
pub(super) mod tree;

use std::path::Path;
use std::process::ExitCode;

use irsa_policy::Span;
use irsa_policy::lint::{Edit, Finding, Fix};

use crate::cli::lint::{Lint, LintFormat};
use crate::error::CliError;
use crate::output;

use ignore::Code;
use inventory::{Fixable, Found, Inventory, Place, Policy};
use report::Report;
use sources::{Source, Sources};

pub(crate) fn lint(arguments: &Lint) -> Result<ExitCode, CliError> {
    let codes = ignore::codes(&arguments.ignore)?;
    let from_stdin = arguments.paths.iter().any(|path| path == Path::new("-"));
    if arguments.fix && from_stdin && arguments.paths.len() > 1 {
        return Err(CliError::usage(
            "IRSA-X042",
            "--fix takes `-` alone: the fixed text is the whole result",
        ));
    }
    let mut sources = Sources::collect(&arguments.paths, std::io::stdin().lock());
    let (sidecars, unreadable) = ignore::sidecars(&arguments.paths);
    sources.unreadable.extend(unreadable);
    let run = Run { sidecars, codes };
    let report = match (arguments.fix, from_stdin) {
        (false, _) => {
            let report = run.examine(&sources.read);
            report::print(&report, arguments.output, arguments.fail_on)?;
            report
        }
        (true, true) => fix::filter(&run, &sources.read)?,
        (true, false) if arguments.approve => {
            let report = fix::write(&run, &sources.read)?;
            report::print(&report, arguments.output, arguments.fail_on)?;
            report
        }
        (true, false) => {
            let report = run.examine(&sources.read);
            match arguments.output {
                LintFormat::Text => fix::show(&run, &sources.read),
                format => report::print(&report, format, arguments.fail_on)?,
            }
            report
        }
    };
    for (name, reason) in &sources.skipped {
        output::note(&format!("left out: {}: {}", output::visible(name), output::visible(reason)));
    }
    for (name, reason) in &sources.unreadable {
        let message = format!("{} cannot be read: {}", output::visible(name), output::visible(reason));
        output::error(&CliError::undecided("IRSA-X040", message));
    }
    let fails = report.findings().any(|found| arguments.fail_on.fails(found.severity));
    Ok(ExitCode::from(match (fails, sources.unreadable.is_empty()) {
        (true, _) => 1,
        (false, false) => 3,
        (false, true) => 0,
    }))
}

/// What stays the same while texts are fixed.
struct Run {
    sidecars: Vec<Source>,
    codes: Vec<Code>,
}

impl Run {
    /// Everything that is found in the texts.
    fn examine(&self, sources: &[Source]) -> Report {
        let mut inventory = Inventory::default();
        for (index, source) in sources.iter().enumerate() {
            read::read(source, index, &mut inventory);
        }
        kubernetes::check_pods(&mut inventory);
        let mut findings = std::mem::take(&mut inventory.findings);
        for policy in &inventory.policies {
            let surroundings = cross_check::surroundings(policy, &inventory);
            let of_policy = irsa_policy::lint::lint(&policy.text, policy.kind, &surroundings);
            let certain = of_policy
                .into_iter()
                .filter(|finding| cross_check::is_known(finding, &policy.text, &surroundings))
                .filter_map(|finding| policy.stand_ins.take_out(finding, &policy.text));
            findings.extend(certain.map(|finding| in_file(finding, policy)));
        }
        let all: Vec<Source> = sources.iter().chain(&self.sidecars).cloned().collect();
        let mut documents = inventory.documents;
        let knows_accounts = !inventory.service_accounts.is_empty();
        ignore::apply(&all, self.sidecars.len(), &self.codes, knows_accounts, &mut documents, &mut findings);
        Report::new(all, self.sidecars.len(), documents, findings)
    }
}

/// A finding of a policy, at its place in the file that the policy is in.
fn in_file(finding: Finding, policy: &Policy) -> Found {
    let Finding { code, severity, span, line, column, path, reason, fix } = finding;
    let (span, inner, fix) = match &policy.place {
        Place::Verbatim { offset, fixable } => {
            let fix = fix.filter(|fix| *fixable == Fixable::Any || is_within_lines(fix));
            (offset + span.start..offset + span.end, None, fix.map(|fix| moved(fix, *offset)))
        }
        Place::Quoted(place) => (place.clone(), Some((line, column)), None),
    };
    Found { document: policy.document, code, severity, span, path, reason, inner, fix, ignored: None }
}

/// The same edits in a file where the text starts at `offset`.
fn moved(fix: Fix, offset: usize) -> Fix {
    let edits = fix.edits.into_iter().map(|Edit { span, text }| {
        let span = Span { start: span.start + offset, end: span.end + offset };
        Edit { span, text }
    });
    Fix { title: fix.title, edits: edits.collect() }
}

fn is_within_lines(fix: &Fix) -> bool {
    fix.edits.iter().all(|edit| !edit.text.contains('\n'))
}
