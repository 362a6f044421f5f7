//! The codes of our own errors, `IRSA-`, a letter and three digits, and their pages.

use std::collections::BTreeMap;

use super::{Finding, Tree};

const MARK: &str = "IRSA-";

/// A code that anything names has a page that explains it.
pub(super) fn codes_have_pages(tree: &Tree) -> Vec<Finding> {
    let mut named = BTreeMap::new();
    let files = tree.files.iter().filter(|file| {
        ["crates/", "docs/", "examples/", "tests/"].iter().any(|folder| file.path.starts_with(folder))
    });
    for file in files {
        for code in codes(&file.text) {
            named.entry(code).or_insert(&file.path);
        }
    }
    named.retain(|code, _| !tree.has(&page(code)));
    named.iter().map(|(code, place)| format!("{place}: write {} for {code}", page(code))).collect()
}

fn page(code: &str) -> String {
    format!("docs/errors/{code}.md")
}

fn codes(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices(MARK).filter_map(|(at, _)| {
        let code = text.get(at..at + MARK.len() + 4)?;
        let mut rest = code.chars().skip(MARK.len());
        let is_code = rest.next()?.is_ascii_uppercase() && rest.all(|digit| digit.is_ascii_digit());
        is_code.then_some(code)
    })
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn pages() {
        let page = ("docs/errors/IRSA-A001.md", "# IRSA-A001\n");
        check(
            codes_have_pages,
            &[page, ("crates/a/src/lib.rs", "\"IRSA-A001\" IRSA-Xnnn IRSA-a001 IRSA-A0é")],
            &[
                (
                    &[page, ("tests/wire/a.py", "assert 'IRSA-A002' in IRSA-A001, IRSA-A002")],
                    "docs/errors/IRSA-A002.md",
                ),
                (&[("docs/errors/IRSA-A001.md", "see IRSA-T009")], "IRSA-T009"),
            ],
        );
    }
}
