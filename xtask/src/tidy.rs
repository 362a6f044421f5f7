//! The rules that the repository keeps, held by `cargo test -p xtask`.
//!
//! A rule is a function from the [`Tree`] to what breaks it: one line each, which says where and what to do. Rules see
//! texts and names alone, so that their cases are trees of a few lines. Files that git ignores are not part of the tree.

mod codes;
mod floors;
mod links;
mod names;
mod source;

use std::fs;
use std::path::Path;

/// One thing to fix: place and remedy.
type Finding = String;
type Rule = fn(&Tree) -> Vec<Finding>;

const RULES: &[Rule] = &[
    source::modules_say_their_purpose,
    source::nothing_is_unfinished,
    source::exceptions_have_reasons,
    source::roots_forbid_unsafe_code,
    names::names_say_what_is_inside,
    floors::crates_import_lower_floors_only,
    floors::ground_floor_does_no_io,
    links::links_lead_somewhere,
    codes::codes_have_pages,
];

#[test]
fn the_repository_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let tree = Tree::read(&root);
    let findings: Vec<_> = RULES.iter().flat_map(|rule| rule(&tree)).collect();
    assert!(findings.is_empty(), "{} to fix:\n{}", findings.len(), findings.join("\n"));
}

/// The files of the repository.
struct Tree {
    files: Vec<File>,
}

struct File {
    /// From the root, with `/`.
    path: String,
    /// Empty for what is not UTF-8.
    text: String,
}

impl Tree {
    fn read(root: &Path) -> Self {
        let ignored = fs::read_to_string(root.join(".gitignore")).unwrap();
        let ignored = Ignored::parse(&ignored);
        let mut files = Vec::new();
        collect(root, "", &ignored, &mut files);
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Self { files }
    }

    fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|&(path, text)| File { path: path.to_owned(), text: text.to_owned() });
        Self { files: files.collect() }
    }

    /// Files whose name ends so.
    fn ending(&self, end: &'static str) -> impl Iterator<Item = &File> {
        self.files.iter().filter(move |file| file.path.ends_with(end))
    }

    fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path).map(|file| file.text.as_str())
    }

    /// Whether a file or a folder is there.
    fn has(&self, path: &str) -> bool {
        let below = format!("{path}/");
        path.is_empty() || self.files.iter().any(|file| file.path == path || file.path.starts_with(&below))
    }
}

impl File {
    /// Whether it is written by the code generator.
    fn is_generated(&self) -> bool {
        self.path.contains("/generated/") || self.path.ends_with("/generated.rs")
    }

    /// Whether it holds tests alone.
    fn is_test(&self) -> bool {
        self.path.starts_with("tests/") || self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }
}

/// The lines of `.gitignore`, of which three forms are in use: `/path`, `name` and `*.end`.
struct Ignored<'a>(Vec<&'a str>);

impl<'a> Ignored<'a> {
    fn parse(text: &'a str) -> Self {
        Self(text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect())
    }

    fn has(&self, path: &str, name: &str) -> bool {
        name == ".git"
            || self.0.iter().any(|&line| match (line.strip_prefix('/'), line.strip_prefix('*')) {
                (Some(rooted), _) => rooted == path,
                (_, Some(end)) => name.ends_with(end),
                _ => line == name,
            })
    }
}

fn collect(folder: &Path, path: &str, ignored: &Ignored<'_>, files: &mut Vec<File>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
        let kind = entry.file_type().unwrap();
        if ignored.has(&path, &name) {
            continue;
        }
        if kind.is_dir() {
            collect(&entry.path(), &path, ignored, files);
        } else if let Ok(bytes) = fs::read(entry.path()) {
            // What is gone since it was listed belongs to somebody at work.
            files.push(File { path, text: String::from_utf8(bytes).unwrap_or_default() });
        }
    }
}

/// A rule finds nothing in the first tree, and in each of the others exactly one thing, which names what is expected.
fn check(rule: Rule, good: &[(&str, &str)], bad: &[(&[(&str, &str)], &str)]) {
    assert_eq!(rule(&Tree::of(good)), Vec::<Finding>::new());
    for (files, expected) in bad {
        let findings = rule(&Tree::of(files));
        assert!(
            matches!(findings.as_slice(), [one] if one.contains(expected)),
            "{files:?} gave {findings:?}"
        );
    }
}

#[test]
fn ignored_files_are_not_read() {
    let ignored = Ignored::parse("# built\n/target\n\n__pycache__\n*.pyc\n");
    for (path, name, expected) in [
        ("target", "target", true),
        ("fuzz/target", "target", false),
        ("tests/__pycache__", "__pycache__", true),
        ("tests/a.pyc", "a.pyc", true),
        ("tests/a.py", "a.py", false),
        (".git", ".git", true),
    ] {
        assert_eq!(ignored.has(path, name), expected, "{path}");
    }
}
