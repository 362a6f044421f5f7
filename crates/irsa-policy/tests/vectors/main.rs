//! What AWS's documentation says of each part of the language, as data: every table names the page it was written from.
//!
//! `matrix`, `conditions`, `actions`, `resources` and `variables` ask about one element of one statement, under Allow and under
//! Deny; `subjects` about one condition of a trust policy; `principals`, `layers`, `trust` and `s3` about whole decisions;
//! `validation` about AWS's answer to a document.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a file of vectors that cannot be read is a failed test"
)]

mod cases;
mod elements;
mod validation;

use std::path::Path;

use serde::de::DeserializeOwned;

/// Reads a file of vectors.
fn read<T: DeserializeOwned>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What did not come out as written.
#[derive(Default)]
struct Report {
    count: usize,
    wrong: Vec<String>,
}

impl Report {
    fn check<T: PartialEq + std::fmt::Debug>(
        &mut self,
        what: impl FnOnce() -> String,
        found: &T,
        wanted: &T,
    ) {
        self.count += 1;
        if found != wanted {
            self.wrong.push(format!("{}: found {found:?}, written {wanted:?}", what()));
        }
    }

    fn finish(self, at_least: usize) {
        assert!(
            self.wrong.is_empty(),
            "{} of {} wrong:\n{}",
            self.wrong.len(),
            self.count,
            self.wrong.join("\n")
        );
        assert!(self.count >= at_least, "only {} vectors were read", self.count);
    }
}
