//! Files as streams of documents, each with the text that it stood in, so that what is not changed is printed as it was.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::CliError;
use crate::input;

/// The most bytes of one file of manifests; a rendered chart is far below.
pub(super) const MOST_BYTES: usize = 64 * 1024 * 1024;
/// What folders are searched for.
const EXTENSIONS: &[&str] = &["json", "yaml", "yml"];
/// The most files of a folder.
const MOST_FILES: usize = 10_000;

/// One document of a file.
pub(super) struct Document {
    /// The file, as it was given.
    pub(super) file: String,
    /// All of it, from its `---` on if it has one.
    pub(super) text: String,
    /// Null when there is nothing but comments.
    pub(super) value: Value,
}

/// Reads the documents of all files, those of folders by name.
pub(super) fn documents(paths: &[PathBuf]) -> Result<Vec<Document>, CliError> {
    let mut documents = Vec::new();
    for path in paths {
        for file in files(path)? {
            let text = read(&file, MOST_BYTES)?;
            let name = file.display().to_string();
            for part in split(&text) {
                let value = parse(part, &name)?;
                documents.push(Document { file: name.clone(), text: part.to_owned(), value });
            }
        }
    }
    Ok(documents)
}

/// Reads a file; `-` is standard input.
pub(super) fn read(file: &Path, most: usize) -> Result<String, CliError> {
    input::read(file, most).map_err(|error| unreadable(file, &error))
}

fn files(path: &Path) -> Result<Vec<PathBuf>, CliError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(|error| unreadable(path, &error))? {
        let file = entry.map_err(|error| unreadable(path, &error))?.path();
        let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if file.is_file() && EXTENSIONS.contains(&extension) {
            files.push(file);
        }
        if files.len() > MOST_FILES {
            return Err(unreadable(path, &format!("it has more than {MOST_FILES} files")));
        }
    }
    files.sort();
    Ok(files)
}

/// A line that begins with `---` begins a document, also inside of a block of text (YAML 1.2 §9.1.2).
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut at) = (0, 0);
    for line in text.split_inclusive('\n') {
        let is_marker = line
            .strip_prefix("---")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace));
        if is_marker && at > start {
            parts.extend(text.get(start..at));
            start = at;
        }
        at += line.len();
    }
    parts.extend(text.get(start..).filter(|rest| !rest.is_empty()));
    parts
}

/// A document's value; null for one of comments alone.
pub(super) fn parse(text: &str, file: &str) -> Result<Value, CliError> {
    let is_empty = text.lines().all(|line| {
        let line = line.strip_prefix("---").unwrap_or(line).trim();
        line.is_empty() || line.starts_with('#') || line == "..."
    });
    if is_empty {
        return Ok(Value::Null);
    }
    // JSON is read by JSON's own rules, of numbers above all.
    if text.trim_start().starts_with('{')
        && let Ok(value) = serde_json::from_str(text)
    {
        return Ok(value);
    }
    serde_saphyr::from_str(text).map_err(|error| {
        let fix = if text.contains("{{") {
            "render the chart first: helm template . | irsa inject -f -"
        } else {
            "check the indentation; `kubectl apply --dry-run=client -f` reads the same files"
        };
        CliError::usage("IRSA-X071", format!("{file} is neither YAML nor JSON: {error}")).with_fix(fix)
    })
}

fn unreadable(file: &Path, error: &dyn std::fmt::Display) -> CliError {
    CliError::usage("IRSA-X071", format!("{} cannot be read: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_split_without_loss() {
        for (text, expected) in [
            ("", 0),
            ("a: 1\n", 1),
            ("---\na: 1\n---\nb: 2\n", 2),
            ("# comment\n---\na: |\n  x\n --- no marker\n---x: 1\n--- {b: 2}", 3),
            ("a: 1\r\n---\r\nb: 2\r\n", 2),
        ] {
            let parts = split(text);
            assert_eq!((parts.len(), parts.concat().as_str()), (expected, text), "{text:?}");
        }
    }

    #[test]
    fn comments_alone_are_nothing() {
        for text in ["# a\n\n", "---\n", "--- # a\n", "\n...\n"] {
            assert_eq!(parse(text, "a").unwrap(), Value::Null, "{text:?}");
        }
        let error = parse("a: {{ .Values.a }}\nb: [", "a").unwrap_err();
        assert_eq!((error.code, error.fix.unwrap().contains("helm template")), ("IRSA-X071", true));
    }
}
