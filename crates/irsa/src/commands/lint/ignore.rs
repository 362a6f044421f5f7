//! Findings that somebody decided not to hear of: `# irsa-ignore: CODE reason` beside the thing, `PATH CODE reason` in a
//! file `.irsa-ignore`, or `--ignore CODE`. The first two say why, and are themselves told about when they do not, or when
//! nothing is left to ignore.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::codes::{self, L001, L002};
use super::inventory::{Document, Found, Ignored};
use super::sources::{self, Source};
use crate::error::CliError;

const MARK: &str = "irsa-ignore:";
const SIDECAR: &str = ".irsa-ignore";
/// What is not judged without ServiceAccounts: that an ignore of it matches nothing says nothing then.
const NEEDS_ACCOUNTS: &[&str] = &[
    "IRSA-K003",
    "IRSA-K004",
    "IRSA-K006",
    "IRSA-P005",
    "IRSA-T019",
    "IRSA-T020",
    "IRSA-T021",
    "IRSA-T022",
    "IRSA-T023",
    "IRSA-T024",
    "IRSA-T025",
    "IRSA-T048",
    "IRSA-T049",
];

/// One code that is ignored in one place.
#[derive(Debug, Clone)]
struct Ignore {
    code: String,
    reason: String,
    scope: Scope,
    /// Where it is written; none for the command line.
    written: Option<Written>,
    used: bool,
}

#[derive(Debug, Clone)]
enum Scope {
    Everywhere,
    /// A line of a source; all of a document if it is one of its heads.
    Line {
        source: usize,
        line: usize,
    },
    /// Sources, by index.
    Sources(Vec<usize>),
}

#[derive(Debug, Clone)]
struct Written {
    source: usize,
    span: Range<usize>,
}

/// The code of `--ignore`, and its reason.
#[derive(Debug, Clone)]
pub(super) struct Code {
    code: String,
    reason: String,
}

/// Reads `CODE` or `CODE=reason`; the code may lack its `IRSA-`.
pub(super) fn codes(arguments: &[String]) -> Result<Vec<Code>, CliError> {
    let each = arguments.iter().map(|argument| {
        let (code, reason) = argument.split_once('=').unwrap_or((argument, ""));
        let code = super::super::explain::full_code(code);
        if !is_code(&code) {
            return Err(CliError::usage("IRSA-X042", format!("lint has no code `{code}` to ignore"))
                .with_fix("`irsa explain` lists the codes"));
        }
        Ok(Code { code, reason: reason.trim().to_owned() })
    });
    each.collect()
}

/// Every `.irsa-ignore` that is next above what is linted, and why others could not be read.
pub(super) fn sidecars(paths: &[PathBuf]) -> (Vec<Source>, Vec<(String, String)>) {
    let (mut found, mut unreadable) = (Vec::<Source>::new(), Vec::new());
    for path in paths.iter().filter(|path| path.as_path() != Path::new("-")) {
        let Ok(whole) = std::fs::canonicalize(path) else { continue };
        let Some(file) = whole.ancestors().map(|folder| folder.join(SIDECAR)).find(|file| file.is_file())
        else {
            continue;
        };
        if found.iter().any(|known| known.path.as_ref() == Some(&file)) {
            continue;
        }
        let name = near(&file);
        match sources::read(&file) {
            Ok(text) => found.push(Source::new(name, Some(file), text)),
            Err(error) => unreadable.push((name, error.to_string())),
        }
    }
    (found, unreadable)
}

/// Marks the ignored findings, and adds those about the ignores themselves. `sources` ends with the sidecars.
pub(super) fn apply(
    sources: &[Source],
    sidecars: usize,
    codes: &[Code],
    knows_accounts: bool,
    documents: &mut Vec<Document>,
    findings: &mut Vec<Found>,
) {
    let linted = sources.len().saturating_sub(sidecars);
    let mut ignores: Vec<Ignore> = codes.iter().map(Ignore::of_code).collect();
    for (index, source) in sources.iter().enumerate() {
        if index < linted {
            in_source(source, index, &mut ignores);
        } else {
            of_sidecar(source, index, sources.get(..linted).unwrap_or_default(), &mut ignores);
        }
    }
    for found in findings.iter_mut() {
        mark(found, sources, documents, &mut ignores);
    }
    let mut about = Vec::new();
    for ignore in ignores.iter().filter(|ignore| {
        knows_accounts || !NEEDS_ACCOUNTS.contains(&ignore.code.as_str()) || !ignore.is_fine()
    }) {
        about.extend(ignore.own_finding(documents, sources));
    }
    for mut found in about {
        mark(&mut found, sources, documents, &mut ignores);
        findings.push(found);
    }
}

fn mark(found: &mut Found, sources: &[Source], documents: &[Document], ignores: &mut [Ignore]) {
    for ignore in ignores.iter_mut().filter(|ignore| ignore.code == found.code) {
        if ignore.covers(found, sources, documents) {
            ignore.used = true;
            found.ignored.get_or_insert_with(|| Ignored {
                reason: ignore.reason.clone(),
                in_source: matches!(ignore.scope, Scope::Line { .. }),
            });
        }
    }
}

impl Ignore {
    fn of_code(code: &Code) -> Self {
        let Code { code, reason } = code.clone();
        Self { code, reason, scope: Scope::Everywhere, written: None, used: false }
    }

    fn covers(&self, found: &Found, sources: &[Source], documents: &[Document]) -> bool {
        let Some(document) = documents.get(found.document) else { return false };
        match &self.scope {
            Scope::Everywhere => true,
            Scope::Sources(sources) => sources.contains(&document.source),
            Scope::Line { source, line } => {
                let of_line =
                    || sources.get(*source).is_some_and(|source| source.line(found.span.start) == *line);
                document.source == *source && (document.heads.contains(line) || of_line())
            }
        }
    }

    /// Whether it says what and why.
    fn is_fine(&self) -> bool {
        is_code(&self.code) && !self.reason.is_empty()
    }

    /// A missing reason, a code that is none, or nothing that it ignores.
    fn own_finding(&self, documents: &mut Vec<Document>, sources: &[Source]) -> Option<Found> {
        let written = self.written.as_ref()?;
        let (rule, reason) = if !is_code(&self.code) {
            (&L001, format!("`{}` is no code of lint; an ignore is a code and a reason", self.code))
        } else if self.reason.is_empty() {
            (&L001, format!("{} is ignored without a reason; say why after the code", self.code))
        } else if !self.used {
            (&L002, format!("nothing here gives {} any more; remove the ignore", self.code))
        } else {
            return None;
        };
        let span = written.span.clone();
        let holds = |document: &Document| {
            document.source == written.source
                && document.span.start <= span.start
                && span.end <= document.span.end
        };
        let document = documents.iter().position(holds).unwrap_or_else(|| {
            let whole = sources.get(written.source).map_or(0, |source| source.text.len());
            documents.push(Document {
                source: written.source,
                name: String::new(),
                span: 0..whole,
                heads: Vec::new(),
            });
            documents.len() - 1
        });
        Some(Found::new(document, rule, span, "", reason))
    }
}

/// Comments of YAML and terraform. One that stands alone is for the next line that has something.
fn in_source(source: &Source, index: usize, ignores: &mut Vec<Ignore>) {
    if source.extension() == "json" {
        return;
    }
    let mut waiting = Vec::new();
    for (number, start, line) in source.lines() {
        let trimmed = line.trim();
        let is_comment = trimmed.starts_with('#') || trimmed.starts_with("//");
        if !is_comment && !trimmed.is_empty() && trimmed != "---" {
            for mut ignore in waiting.drain(..) {
                Ignore::move_to(&mut ignore, number);
                ignores.push(ignore);
            }
        }
        let Some((before, text)) = line.split_once(MARK) else { continue };
        let before = before.trim_end();
        let Some(before) = before.strip_suffix('#').or_else(|| before.strip_suffix("//")) else { continue };
        if !is_comment && !before.ends_with([' ', '\t']) {
            continue;
        }
        let (codes, reason) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), ""));
        let at = start + before.len();
        for code in codes.split(',') {
            let ignore = Ignore {
                code: code.to_owned(),
                reason: reason.trim().to_owned(),
                scope: Scope::Line { source: index, line: number },
                written: Some(Written { source: index, span: at..start + line.len() }),
                used: false,
            };
            if is_comment { waiting.push(ignore) } else { ignores.push(ignore) }
        }
    }
    ignores.append(&mut waiting);
}

impl Ignore {
    fn move_to(&mut self, number: usize) {
        if let Scope::Line { line, .. } = &mut self.scope {
            *line = number;
        }
    }
}

/// `PATH CODE reason` for each line; paths are below the sidecar's folder.
fn of_sidecar(sidecar: &Source, index: usize, linted: &[Source], ignores: &mut Vec<Ignore>) {
    let Some(folder) = sidecar.path.as_deref().and_then(Path::parent) else { return };
    let below: Vec<Option<String>> = linted.iter().map(|source| below(source, folder)).collect();
    for (_, start, line) in sidecar.lines() {
        let text = line.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let mut words = text.splitn(3, char::is_whitespace);
        let (pattern, code) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let matches = below
            .iter()
            .enumerate()
            .filter(|(_, path)| path.as_deref().is_some_and(|path| is_below(pattern, path)));
        let sources: Vec<usize> = matches.map(|(index, _)| index).collect();
        if sources.is_empty() {
            continue;
        }
        ignores.push(Ignore {
            code: code.to_owned(),
            reason: words.next().unwrap_or_default().trim().to_owned(),
            scope: Scope::Sources(sources),
            written: Some(Written { source: index, span: start..start + line.len() }),
            used: false,
        });
    }
}

fn below(source: &Source, folder: &Path) -> Option<String> {
    let whole = std::fs::canonicalize(source.path.as_deref()?).ok()?;
    Some(whole.strip_prefix(folder).ok()?.to_string_lossy().into_owned())
}

/// Whether a pattern names the path or a folder above it; `*` is any text.
fn is_below(pattern: &str, path: &str) -> bool {
    let pattern = pattern.strip_prefix("./").unwrap_or(pattern).trim_end_matches('/');
    let folders = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
    pattern == "." || folders.chain([path]).any(|path| matches(pattern, path))
}

fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    true
}

fn is_code(code: &str) -> bool {
    codes::all().any(|rule| rule.code == code)
}

/// As seen from here, where it is below here.
fn near(file: &Path) -> String {
    let here = std::env::current_dir().and_then(std::fs::canonicalize).unwrap_or_default();
    file.strip_prefix(&here).unwrap_or(file).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, path, expected) in [
            ("trust.json", "trust.json", true),
            ("trust.json", "a/trust.json", false),
            ("a", "a/trust.json", true),
            ("./a/", "a/b/trust.json", true),
            ("a", "ab/trust.json", false),
            ("*.json", "a/trust.json", true),
            ("a/*/c.*", "a/b/c.json", true),
            ("*", "x", true),
            (".", "x/y", true),
            ("*a*b", "xaxb", true),
            ("*a*b", "xbxa", false),
        ] {
            assert_eq!(is_below(pattern, path), expected, "{pattern} {path}");
        }
    }
}
