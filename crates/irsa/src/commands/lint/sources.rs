//! The files to lint: named ones, those below folders, and standard input; each bounded in size.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::input;

/// Larger files are not read, in bytes.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// Deeper folders are not searched.
const MOST_DEPTH: usize = 64;
/// More files of one run are not read.
const MOST_FILES: usize = 50_000;
/// What folders are searched for.
const EXTENSIONS: &[&str] = &["json", "yaml", "yml", "tf"];
/// Folders of other people's files.
const FOREIGN: &[&str] = &["node_modules", "vendor", "target"];

/// A text to lint.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// As it is shown: the path as given, `-` for standard input.
    pub(super) name: String,
    /// None for standard input.
    pub(super) path: Option<PathBuf>,
    pub(super) text: String,
    /// Whether it was asked for, rather than come upon in a folder.
    pub(super) is_named: bool,
    /// Where lines start.
    lines: Vec<usize>,
    is_ascii: bool,
}

/// What was read, and what was not.
#[derive(Debug, Default)]
pub(super) struct Sources {
    pub(super) read: Vec<Source>,
    /// Named files and folders that could not be read: name and reason.
    pub(super) unreadable: Vec<(String, String)>,
    /// Files that a search came upon and left out: name and reason.
    pub(super) skipped: Vec<(String, String)>,
    /// Files that were come upon already, by whatever name.
    seen: HashSet<PathBuf>,
}

impl Source {
    pub(super) fn new(name: impl Into<String>, path: Option<PathBuf>, text: impl Into<String>) -> Self {
        let text = text.into();
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let is_ascii = text.is_ascii();
        Self { name: name.into(), path, text, is_named: true, lines, is_ascii }
    }

    /// The same file with another text.
    pub(super) fn with_text(&self, text: String) -> Self {
        Self { is_named: self.is_named, ..Self::new(self.name.clone(), self.path.clone(), text) }
    }

    /// Line and column of a byte, both from 1; columns count characters.
    pub(super) fn position(&self, at: usize) -> (usize, usize) {
        let line = self.line(at);
        let start = self.lines.get(line - 1).copied().unwrap_or_default();
        let at = at.min(self.text.len());
        // A plan is one line of megabytes: its characters are not counted for each finding.
        let before = if self.is_ascii {
            at - start
        } else {
            self.text.get(start..at).unwrap_or_default().chars().count()
        };
        (line, before + 1)
    }

    /// The line of a byte, from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.lines.partition_point(|start| *start <= at)
    }

    /// The byte of a line and a column in bytes, both from 1.
    pub(super) fn offset(&self, line: usize, column: usize) -> usize {
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or(self.text.len());
        start.saturating_add(column.saturating_sub(1)).min(self.text.len())
    }

    /// The lines with their numbers and the bytes where they start.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, usize, &str)> {
        self.lines.iter().enumerate().map(|(index, &start)| {
            let end = self.lines.get(index + 1).copied().unwrap_or(self.text.len());
            let line = self.text.get(start..end).unwrap_or_default();
            (index + 1, start, line.trim_end_matches(['\n', '\r']))
        })
    }

    /// The extension in lower case; empty when there is none.
    pub(super) fn extension(&self) -> String {
        let extension = self.path.as_deref().and_then(Path::extension).unwrap_or_default();
        extension.to_string_lossy().to_ascii_lowercase()
    }
}

impl Sources {
    /// Reads files, searches folders, takes `-` for `stdin`.
    pub(super) fn collect(paths: &[PathBuf], mut stdin: impl Read) -> Self {
        let mut sources = Self::default();
        for path in paths {
            if path == Path::new("-") {
                let text = input::read_from(&mut stdin, MOST_BYTES).map_err(|error| error.to_string());
                sources.take("-".to_owned(), None, text);
            } else if path.is_dir() {
                sources.search(path, 0);
            } else {
                let text = read(path).map_err(|error| error.to_string());
                sources.take(shown(path), Some(path.clone()), text);
            }
        }
        sources
    }

    fn take(&mut self, name: String, path: Option<PathBuf>, text: Result<String, String>) {
        if !self.is_new(path.as_deref().unwrap_or(Path::new("-"))) {
            return;
        }
        match text {
            Ok(text) => self.read.push(Source::new(name, path, text)),
            Err(reason) => self.unreadable.push((name, reason)),
        }
    }

    /// Hidden folders are tools' own, links to folders may be loops: neither is entered.
    fn search(&mut self, folder: &Path, depth: usize) {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if depth == 0 => return self.unreadable.push((shown(folder), error.to_string())),
            Err(error) => return self.skipped.push((shown(folder), error.to_string())),
        };
        let mut entries: Vec<_> = entries.filter_map(Result::ok).collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                if name.starts_with('.') || FOREIGN.contains(&name.as_ref()) {
                    continue;
                }
                if depth >= MOST_DEPTH {
                    self.skipped.push((shown(&path), format!("more than {MOST_DEPTH} folders deep")));
                } else {
                    self.search(&path, depth + 1);
                }
            } else if is_searched(&path) && fs::metadata(&path).is_ok_and(|found| found.is_file()) {
                self.found(path);
            }
        }
    }

    fn is_new(&mut self, path: &Path) -> bool {
        self.seen.insert(fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()))
    }

    fn found(&mut self, path: PathBuf) {
        if !self.is_new(&path) {
            return;
        }
        let name = shown(&path);
        let text = if self.read.len() >= MOST_FILES {
            Err(io::Error::other(format!("more than {MOST_FILES} files")))
        } else {
            read(&path)
        };
        match text {
            Ok(text) => {
                self.read.push(Source { is_named: false, ..Source::new(name, Some(path), text) });
            }
            Err(error) => self.skipped.push((name, error.to_string())),
        }
    }
}

/// The file's text.
pub(super) fn read(path: &Path) -> io::Result<String> {
    input::read_from(fs::File::open(path)?, MOST_BYTES)
}

fn is_searched(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    EXTENSIONS.contains(&extension.as_str())
}

/// As people write paths: without the `./` of the search.
fn shown(path: &Path) -> String {
    let text = path.to_string_lossy();
    text.strip_prefix("./").filter(|rest| !rest.is_empty()).unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_searched_without_following_links_to_folders() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("a/.git")).unwrap();
        fs::create_dir_all(root.join("a/node_modules")).unwrap();
        for name in ["a/one.json", "a/two.YAML", "a/three.txt", "a/.git/x.json", "a/node_modules/x.json"] {
            fs::write(root.join(name), "{}").unwrap();
        }
        fs::write(root.join("a/bad.yml"), b"\xff").unwrap();
        std::os::unix::fs::symlink(root, root.join("a/loop")).unwrap();
        std::os::unix::fs::symlink("one.json", root.join("a/same.json")).unwrap();
        let sources = Sources::collect(&[root.to_owned(), root.join("a/one.json")], io::empty());
        let names: Vec<_> =
            sources.read.iter().map(|source| source.name.rsplit('/').next().unwrap()).collect();
        assert_eq!(names, ["one.json", "two.YAML"]);
        assert_eq!(sources.skipped.len(), 1);
        assert!(sources.unreadable.is_empty());
    }

    #[test]
    fn what_is_named_and_missing_is_unreadable() {
        let sources = Sources::collect(&["no/such.json".into(), "-".into()], &b"{}"[..]);
        assert_eq!(sources.unreadable[0].0, "no/such.json");
        assert_eq!(sources.read[0].text, "{}");
    }

    #[test]
    fn large_texts_are_not_read() {
        assert!(input::read_from(io::repeat(b' '), MOST_BYTES).unwrap_err().to_string().contains("16 MiB"));
    }

    #[test]
    fn columns_count_characters() {
        let source = Source::new("a", None, "é\r\n\"é\": 1\n");
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position(4), (2, 1));
        assert_eq!(source.position(8), (2, 4));
        assert_eq!(source.position(99), (3, 1));
    }
}
