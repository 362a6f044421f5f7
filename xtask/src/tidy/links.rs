//! Relative links of Markdown files.

use super::{Finding, Tree};

/// A relative link names a file or a folder of the repository.
pub(super) fn links_lead_somewhere(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.ending(".md") {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut is_code = false;
        for (number, line) in file.text.lines().enumerate() {
            if line.trim_start().starts_with("```") {
                is_code = !is_code;
            } else if !is_code {
                let dead = targets(line).into_iter().filter(|target| !leads(tree, folder, target));
                let number = number + 1;
                findings
                    .extend(dead.map(|target| format!("{}:{number}: `{target}` is not there", file.path)));
            }
        }
    }
    findings
}

/// The targets of a line's links: `[text](target)`, or `[label]: target` for the whole line.
fn targets(line: &str) -> Vec<&str> {
    let outside = line.split('`').step_by(2);
    if let Some((_, target)) = line.strip_prefix('[').and_then(|rest| rest.split_once("]: ")) {
        return target.split_whitespace().take(1).collect();
    }
    // A link's text may itself hold code: `](` is what counts.
    let ends = outside.flat_map(|text| text.split("](").skip(1));
    ends.filter_map(|rest| rest.split([')', ' ']).next()).collect()
}

fn leads(tree: &Tree, folder: &str, target: &str) -> bool {
    let path = target.split('#').next().unwrap_or_default();
    if path.is_empty() || path.contains(':') {
        return true;
    }
    let mut place: Vec<_> = folder.split('/').filter(|name| !name.is_empty()).collect();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => {
                if place.pop().is_none() {
                    return false;
                }
            }
            name => place.push(name),
        }
    }
    tree.has(&place.join("/"))
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn links() {
        let good = "[a](b.md) [`code`](../README.md#part), [web](https://example.com/x) [here](#part)\n`[no](link.md)`\n\
                    ```\n[no](link.md)\n```\n[folder](errors/)\n[label]: b.md\n";
        let readme = ("README.md", "[docs](docs)\n");
        let there = [readme, ("docs/a.md", good), ("docs/b.md", ""), ("docs/errors/X.md", "")];
        check(
            links_lead_somewhere,
            &there,
            &[
                (&[("docs/a.md", "one\n[b](b.md)\n")], "docs/a.md:2: `b.md`"),
                (&[("docs/a.md", "[`b`](../b.md#c)\n")], "`../b.md#c`"),
                (&[("docs/a.md", "[label]: b.md\n")], "`b.md`"),
                (&[("README.md", "[out](../other)\n")], "`../other`"),
            ],
        );
    }
}
