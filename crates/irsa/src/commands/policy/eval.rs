//! `irsa policy eval`: what the policies of a case decide.

use std::process::ExitCode;

use serde_json::Value;

use super::case::{Answer, Case};
use super::compiled::Compiler;
use super::refused::{self, Refused};
use super::{batch, open, read};
use crate::cli::policy::Eval;
use crate::commands::why::layers_report;
use crate::error::CliError;
use crate::output::{BAD, FAINT, GOOD, STRONG, result, visible};

pub(super) fn eval(arguments: &Eval) -> Result<ExitCode, CliError> {
    if !arguments.batch {
        return single(arguments);
    }
    let explained = arguments.explain;
    batch(open(arguments.file.as_deref())?, move || {
        let (mut compiler, mut scratch) = (Compiler::default(), String::new());
        move |line: &[u8], out: &mut Vec<u8>| answer(line, &mut scratch, &mut compiler, explained, out)
    })
}

fn answer(line: &[u8], scratch: &mut String, compiler: &mut Compiler, explained: bool, out: &mut Vec<u8>) {
    let decided = refused::text(line).and_then(|text| Case::read(text, scratch, compiler));
    match decided {
        Ok(case) => refused::write(&case.answer(explained), out),
        Err(refused) => refused.write(line, out),
    }
}

fn single(arguments: &Eval) -> Result<ExitCode, CliError> {
    let text = read(arguments.file.as_deref())?;
    let text = text.trim_start_matches('\u{feff}');
    let undecided = |refused: Refused| {
        CliError::undecided(refused.code, refused.message)
            .with_fix("`irsa policy schema policy-eval-case.v1` prints what a case looks like")
    };
    let mut scratch = String::new();
    let case = Case::read(text, &mut scratch, &mut Compiler::default()).map_err(undecided)?;
    let answer = case.answer(arguments.explain || arguments.output == Default::default());
    // By way of a value: YAML knows no raw JSON.
    let line = serde_json::to_value(&answer).unwrap_or(Value::Null);
    result(arguments.output, &line, || report(&case, &answer, arguments.explain))?;
    Ok(if answer.decision == "Allowed" { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What people read: the decision, AWS's sentence, the statements that decided, and on demand how everything met the request.
fn report(case: &Case<'_>, answer: &Answer<'_>, explained: bool) -> String {
    let (style, word) = if answer.decision == "Allowed" { (GOOD, "ALLOW") } else { (BAD, "DENY") };
    let mut out = format!(
        "{style}{word}{style:#}   {STRONG}{}{STRONG:#} on {}\n",
        visible(&case.action),
        visible(&case.resource)
    );
    out.push_str(&format!("who    {}\n", visible(&case.principal.display_name())));
    if let Some(message) = answer.explain.as_ref().and_then(|explain| explain.message.as_deref()) {
        out.push_str(&format!("why    {}\n", visible(message)));
    }
    for statement in &answer.statements {
        out.push_str(&format!("by     {}\n", visible(&statement.to_string())));
    }
    let Some(explanation) = &answer.explain else { return out };
    if explained {
        out.push_str(&layers_report(&serde_json::to_value(explanation).unwrap_or(Value::Null)));
    } else {
        out.push_str(&format!("{FAINT}more   --explain{FAINT:#}\n"));
    }
    if let Some(fix) = &explanation.fix {
        out.push_str(&format!("{GOOD}fix{GOOD:#}    {}\n", visible(&fix.advice)));
    }
    out
}
