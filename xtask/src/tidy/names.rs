//! Names of files and folders say what is inside.

use std::collections::BTreeSet;

use super::{Finding, Tree};

/// Names of drawers that anything is thrown into.
const DRAWERS: &[&str] = &["common", "helper", "helpers", "misc", "miscs", "stuff", "util", "utils"];

/// No room is named for being left over.
pub(super) fn names_say_what_is_inside(tree: &Tree) -> Vec<Finding> {
    let mut drawers = BTreeSet::new();
    for file in &tree.files {
        let mut place = String::new();
        for name in file.path.split('/') {
            place += name;
            let stem = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
            if DRAWERS.contains(&stem.as_str()) {
                drawers.insert(place.clone());
            }
            place.push('/');
        }
    }
    drawers.iter().map(|place| format!("{place}: name it for what it does")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn drawers() {
        check(
            names_say_what_is_inside,
            &[("crates/a/src/utility_bill.rs", ""), ("tests/commonwealth/a.py", "")],
            &[
                (&[("crates/a/src/utils.rs", "")], "crates/a/src/utils.rs:"),
                (&[("tests/Helper.py", "")], "tests/Helper.py:"),
                (
                    &[("crates/a/src/common/a.rs", ""), ("crates/a/src/common/b.rs", "")],
                    "crates/a/src/common:",
                ),
            ],
        );
    }
}
