//! What Rust files hold: a purpose in their first line, nothing unfinished, no exception without a reason, no unsafe code.

use super::{File, Finding, Tree};

/// Every module begins with its doc: what it is for.
pub(super) fn modules_say_their_purpose(tree: &Tree) -> Vec<Finding> {
    let modules = tree.ending(".rs").filter(|file| !file.is_generated() && !file.is_test());
    let silent = modules.filter(|file| !file.text.starts_with("//!"));
    silent.map(|file| format!("{}: begin with `//!` and what the module is for", file.path)).collect()
}

/// Nothing is left to be done, and nothing to be debugged.
pub(super) fn nothing_is_unfinished(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in ours(tree) {
        for (number, line) in file.text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for marker in ["todo!(", "unimplemented!(", "dbg!("] {
                if code.contains(marker) {
                    let number = number + 1;
                    findings.push(format!("{}:{number}: finish it, and remove `{marker}…)`", file.path));
                }
            }
        }
    }
    findings
}

/// An exception from a lint carries its reason.
pub(super) fn exceptions_have_reasons(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in ours(tree) {
        for opening in ["#[allow(", "#![allow(", "#[expect(", "#![expect("] {
            for (at, _) in file.text.match_indices(opening) {
                let (before, exception) = file.text.split_at(at);
                let exception = exception.split(")]").next().unwrap_or_default();
                if !exception.contains("reason = ") {
                    let line = before.lines().count().max(1) + usize::from(before.ends_with('\n'));
                    findings.push(format!("{}:{line}: give `{opening}…)]` a `reason = \"…\"`", file.path));
                }
            }
        }
    }
    findings
}

/// Every crate forbids unsafe code by itself, whatever its manifest says.
pub(super) fn roots_forbid_unsafe_code(tree: &Tree) -> Vec<Finding> {
    let roots = tree.ending(".rs").filter(|file| {
        let is_root = file.path.ends_with("/src/lib.rs") || file.path.ends_with("/src/main.rs");
        is_root || file.path.contains("/src/bin/")
    });
    let open = roots.filter(|file| !file.text.lines().any(|line| line == "#![forbid(unsafe_code)]"));
    open.map(|file| format!("{}: add `#![forbid(unsafe_code)]`", file.path)).collect()
}

/// Rust files of the product.
fn ours(tree: &Tree) -> impl Iterator<Item = &File> {
    tree.ending(".rs").filter(|file| file.path.starts_with("crates/"))
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn purposes() {
        let good = [
            ("crates/a/src/lib.rs", "//! Something.\n"),
            ("crates/a/src/generated/x.rs", "pub struct X;\n"),
            ("crates/a/src/lib/tests.rs", "use super::*;\n"),
            ("crates/a/tests/sweep.rs", "#[test] fn a() {}\n"),
        ];
        check(
            modules_say_their_purpose,
            &good,
            &[(&[("crates/a/src/part.rs", "use std::fmt;\n//! Late.\n")], "crates/a/src/part.rs")],
        );
    }

    #[test]
    fn unfinished() {
        check(
            nothing_is_unfinished,
            &[("crates/a/src/lib.rs", "// no todo!() here\n"), ("bench/src/main.rs", "dbg!(1);\n")],
            &[
                (&[("crates/a/src/lib.rs", "fn a() {\n    todo!()\n}\n")], "lib.rs:2"),
                (&[("crates/a/src/lib.rs", "fn a() { unimplemented!() }\n")], "unimplemented!("),
                (&[("crates/a/src/lib/tests.rs", "dbg!(x);\n")], "dbg!("),
            ],
        );
    }

    #[test]
    fn exceptions() {
        let good = "#[expect(\n    clippy::panic,\n    reason = \"a test\"\n)]\n#[allow(dead_code, reason = \"x\")]\n";
        check(
            exceptions_have_reasons,
            &[("crates/a/src/lib.rs", good)],
            &[
                (&[("crates/a/src/lib.rs", "#![allow(dead_code)]\n// reason = none\n")], "lib.rs:1"),
                (&[("crates/a/src/lib.rs", "//! A.\n\n    #[expect(unused)]\n")], "lib.rs:3"),
            ],
        );
    }

    #[test]
    fn unsafe_code() {
        check(
            roots_forbid_unsafe_code,
            &[
                ("crates/a/src/lib.rs", "//! A.\n#![forbid(unsafe_code)]\n"),
                ("crates/a/src/part.rs", "//! Part.\n"),
            ],
            &[
                (&[("crates/a/src/main.rs", "//! A.\n// #![forbid(unsafe_code)]\n")], "main.rs"),
                (&[("crates/a/src/bin/b.rs", "//! B.\n")], "b.rs"),
            ],
        );
    }
}
