//! `irsa explain`: what a code means, offline.

mod pages;

use std::process::ExitCode;

use crate::cli::Explain;
use crate::error::CliError;
use crate::output::print;

pub(crate) fn explain(arguments: &Explain) -> Result<ExitCode, CliError> {
    let Some(asked) = &arguments.code else {
        for (code, page) in pages::PAGES {
            print(&format!("{code}  {}", title(page)));
        }
        return Ok(ExitCode::SUCCESS);
    };
    let code = full_code(asked);
    match pages::PAGES.iter().find(|(known, _)| *known == code) {
        Some((_, page)) => {
            print(page.trim_end());
            Ok(ExitCode::SUCCESS)
        }
        None => Err(CliError::no("IRSA-X013", format!("there is no code `{asked}`"))
            .with_fix("`irsa explain` lists them")),
    }
}

/// `t004` is `IRSA-T004`.
pub(super) fn full_code(asked: &str) -> String {
    let upper = asked.trim().to_ascii_uppercase();
    if upper.starts_with("IRSA-") { upper } else { format!("IRSA-{upper}") }
}

/// The page's heading, without the code.
fn title(page: &str) -> &str {
    let heading = page.lines().next().unwrap_or_default().trim_start_matches("# ");
    heading.split_once(": ").map_or(heading, |(_, title)| title)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every code that any source file can answer has a page, and every page is of a code that exists.
    #[test]
    fn every_code_has_a_page_and_every_page_a_code() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut used = std::collections::BTreeSet::new();
        collect_codes(&root, &mut used);
        let documented: std::collections::BTreeSet<String> =
            pages::PAGES.iter().map(|(code, _)| (*code).to_owned()).collect();
        assert_eq!(used, documented);
        for (code, page) in pages::PAGES {
            assert!(page.starts_with(&format!("# {code}: ")), "{code} has a heading with its code");
            assert!(page.contains("\n## What to do\n"), "{code} says what to do");
        }
    }

    fn collect_codes(folder: &std::path::Path, codes: &mut std::collections::BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                collect_codes(&path, codes);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && !path.ends_with("pages.rs")
            {
                let text = std::fs::read_to_string(&path).unwrap();
                codes.extend(text.split("\"IRSA-").skip(1).filter_map(|rest| {
                    let code = rest.split('"').next()?;
                    let shaped = code.len() == 4
                        && code.as_bytes()[0].is_ascii_uppercase()
                        && code.chars().skip(1).all(|digit| digit.is_ascii_digit());
                    shaped.then(|| format!("IRSA-{code}"))
                }));
            }
        }
    }

    #[test]
    fn codes_may_be_short() {
        assert_eq!(full_code("t004"), "IRSA-T004");
        assert_eq!(full_code("IRSA-X001"), "IRSA-X001");
    }
}
