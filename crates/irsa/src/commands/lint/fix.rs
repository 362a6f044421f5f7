//! Fixes: shown as a diff, or written into the files. They are repeated until none is left, since one may uncover another.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use irsa_policy::lint::{Fix, apply};
use similar::TextDiff;

use super::report::{self, Report};
use super::sources::Source;
use super::{Run, sources};
use crate::error::CliError;
use crate::output::{note, steers};

/// A document whose fixes do not end by then has two rules that disagree.
const MOST_ROUNDS: usize = 16;

/// The texts after all fixes, how many were applied, and what is left to report.
pub(super) fn converge(run: &Run, sources: &[Source]) -> (Vec<Source>, usize, Report) {
    let mut sources = sources.to_vec();
    let mut applied = 0;
    let mut report = run.examine(&sources);
    for _ in 0..MOST_ROUNDS {
        let mut fixes: BTreeMap<usize, Vec<Fix>> = BTreeMap::new();
        for (source, fix) in report.fixes() {
            fixes.entry(source).or_default().push(fix.clone());
        }
        let mut changed = false;
        for (index, fixes) in fixes {
            let Some(source) = sources.get_mut(index) else { continue };
            let text = apply(&source.text, &fixes);
            if text != source.text {
                *source = source.with_text(text);
                applied += fixes.len();
                changed = true;
            }
        }
        if !changed {
            break;
        }
        report = run.examine(&sources);
    }
    (sources, applied, report)
}

/// `-`: the fixed text is the result, what is left to mend is told beside it.
pub(super) fn filter(run: &Run, sources: &[Source]) -> Result<Report, CliError> {
    let (fixed, applied, report) = converge(run, sources);
    for source in &fixed {
        result(&source.text);
    }
    note(&format!("{} applied.", fixes(applied)));
    note(report::text(&report).trim_end());
    Ok(report)
}

/// What would change, as a unified diff.
pub(super) fn show(run: &Run, sources: &[Source]) {
    let (fixed, applied, _) = converge(run, sources);
    let mut files = 0;
    for (before, after) in sources.iter().zip(&fixed).filter(|(before, after)| before.text != after.text) {
        files += 1;
        let diff = TextDiff::from_lines(&before.text, &after.text);
        let name = before.name.trim_start_matches('/');
        let (from, to) = (format!("a/{name}"), format!("b/{name}"));
        result(&diff.unified_diff().context_radius(3).header(&from, &to).to_string());
    }
    note(&match files {
        0 => "Nothing to fix.".to_owned(),
        1 => format!("{} in 1 file. Nothing was changed; run again with --approve.", fixes(applied)),
        _ => format!("{} in {files} files. Nothing was changed; run again with --approve.", fixes(applied)),
    });
}

/// Writes what changed; each file as a whole or not at all.
pub(super) fn write(run: &Run, sources: &[Source]) -> Result<Report, CliError> {
    let (fixed, applied, report) = converge(run, sources);
    let mut written = 0;
    for (before, after) in sources.iter().zip(&fixed).filter(|(before, after)| before.text != after.text) {
        let Some(path) = &before.path else { continue };
        replace(path, &before.text, &after.text).map_err(|error| {
            CliError::undecided("IRSA-X041", format!("{} cannot be fixed: {error}", before.name))
        })?;
        written += 1;
    }
    let files = if written == 1 { "1 file".to_owned() } else { format!("{written} files") };
    note(&format!("{} written to {files}.", fixes(applied)));
    Ok(report)
}

/// Through a link the file behind it is replaced, not the link.
fn replace(path: &Path, before: &str, after: &str) -> io::Result<()> {
    let path = fs::canonicalize(path)?;
    let metadata = fs::metadata(&path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    if sources::read(&path)? != before {
        return Err(io::Error::other("it changed meanwhile"));
    }
    let folder = path.parent().unwrap_or(Path::new("/"));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(after.as_bytes())?;
    file.as_file().set_permissions(metadata.permissions())?;
    file.as_file().sync_all()?;
    file.persist(&path).map_err(|failed| failed.error)?;
    Ok(())
}

/// The text byte for byte where a program reads it; a terminal is spared what steers it.
fn result(text: &str) {
    let mut out = io::stdout().lock();
    let shown: String = if out.is_terminal() {
        let plain =
            |c: char| if steers(c) && c != '\n' && c != '\t' { char::REPLACEMENT_CHARACTER } else { c };
        text.chars().map(plain).collect()
    } else {
        text.to_owned()
    };
    // A closed pipe ends the output, not the command.
    let _ = out.write_all(shown.as_bytes()).and_then(|()| out.flush());
}

fn fixes(count: usize) -> String {
    if count == 1 { "1 fix".to_owned() } else { format!("{count} fixes") }
}
