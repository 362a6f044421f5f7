//! Who may depend on whom, read from the map in `ARCHITECTURE.md` and the packages in `Cargo.lock`.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, Tree};

/// What does I/O, waits, or both.
const OUTSIDE: &[&str] = &["hyper", "object_store", "redb", "reqwest", "tokio"];

/// A crate imports only crates on lower floors, in tests too. A crate that the map lacks has no floor to stand on.
pub(super) fn crates_import_lower_floors_only(tree: &Tree) -> Vec<Finding> {
    let (floors, packages) = (floors(tree), packages(tree));
    let mut findings = Vec::new();
    for folder in crates(tree) {
        let Some(floor) = floors.get(folder) else {
            findings.push(format!("ARCHITECTURE.md: say on which floor {folder} is"));
            continue;
        };
        for import in packages.get(folder).into_iter().flatten() {
            if let Some(other) = floors.get(import)
                && other >= floor
            {
                findings.push(format!(
                    "crates/{folder}/Cargo.toml: {folder} on floor {floor} imports {import} of floor {other}"
                ));
            }
        }
    }
    findings
}

/// Crates of floor 0 reach nothing that does I/O, by whatever way.
pub(super) fn ground_floor_does_no_io(tree: &Tree) -> Vec<Finding> {
    let packages = packages(tree);
    let mut findings = Vec::new();
    for (&ground, _) in floors(tree).iter().filter(|&(_, &floor)| floor == 0) {
        let mut ways = vec![vec![ground]];
        let mut seen = BTreeSet::new();
        while let Some(way) = ways.pop() {
            let imports = way.last().and_then(|package| packages.get(package));
            for &import in imports.into_iter().flatten().filter(|&&import| seen.insert(import)) {
                let way: Vec<_> = way.iter().copied().chain([import]).collect();
                if OUTSIDE.contains(&import) {
                    findings.push(format!("crates/{ground}/Cargo.toml: does I/O by {}", way.join(" → ")));
                } else {
                    ways.push(way);
                }
            }
        }
    }
    findings
}

/// The floors of the map: `floor N`, then crates and words about them.
fn floors(tree: &Tree) -> BTreeMap<&str, u8> {
    let mut floors = BTreeMap::new();
    for line in tree.text("ARCHITECTURE.md").unwrap_or_default().lines() {
        let mut words = line.split_whitespace();
        if words.next() == Some("floor")
            && let Some(floor) = words.next().and_then(|number| number.parse().ok())
        {
            let crates = words.filter(|word| *word == "irsa" || word.starts_with("irsa-"));
            floors.extend(crates.map(|name| (name, floor)));
        }
    }
    floors
}

/// The folders of `crates`.
fn crates(tree: &Tree) -> impl Iterator<Item = &str> {
    tree.ending("/Cargo.toml")
        .filter_map(|file| file.path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml"))
}

/// Each package and its dependencies. Several versions of one package are taken together.
fn packages(tree: &Tree) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut packages: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for package in tree.text("Cargo.lock").unwrap_or_default().split("[[package]]").skip(1) {
        let name = package.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
        // ` "name",`, or ` "name version",` where there are several.
        let imports = package.lines().filter_map(|line| line.strip_prefix(" \"")?.strip_suffix("\","));
        let imports = imports.filter_map(|import| import.split(' ').next());
        packages.entry(name.unwrap_or_default()).or_default().extend(imports);
    }
    packages
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    const MAP: (&str, &str) = (
        "ARCHITECTURE.md",
        " floor 1   irsa-a  the irsa-like half    irsa-b  other\n floor 0   irsa-c  ground\n",
    );
    const MANIFESTS: [(&str, &str); 2] = [("crates/irsa-a/Cargo.toml", ""), ("crates/irsa-c/Cargo.toml", "")];

    fn lock(imports: &[(&str, &str)]) -> String {
        let package = |(name, import)| {
            format!(
                "[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\ndependencies = [\n \"{import}\",\n]\n\n"
            )
        };
        format!("version = 4\n\n{}", imports.iter().copied().map(package).collect::<String>())
    }

    #[test]
    fn lower_floors() {
        let [a, c] = MANIFESTS;
        let good = lock(&[("irsa-a", "irsa-c"), ("irsa-c", "serde 1.0.0")]);
        let up = lock(&[("irsa-c", "irsa-a")]);
        let aside = lock(&[("irsa-a", "irsa-b")]);
        check(
            crates_import_lower_floors_only,
            &[MAP, a, c, ("Cargo.lock", &good)],
            &[
                (&[MAP, a, c, ("Cargo.lock", &up)], "irsa-c on floor 0 imports irsa-a of floor 1"),
                (&[MAP, a, c, ("Cargo.lock", &aside)], "irsa-a on floor 1 imports irsa-b of floor 1"),
                (&[MAP, ("crates/irsa-new/Cargo.toml", "")], "on which floor irsa-new is"),
            ],
        );
    }

    #[test]
    fn ground() {
        let good = lock(&[("irsa-a", "tokio"), ("irsa-c", "serde"), ("serde", "serde_core")]);
        let direct = lock(&[("irsa-c", "redb")]);
        let far = lock(&[("irsa-c", "b"), ("b", "d 1.0.0"), ("d", "b"), ("d", "tokio")]);
        check(
            ground_floor_does_no_io,
            &[MAP, ("Cargo.lock", &good)],
            &[
                (&[MAP, ("Cargo.lock", &direct)], "irsa-c → redb"),
                (&[MAP, ("Cargo.lock", &far)], "irsa-c → b → d → tokio"),
            ],
        );
    }
}
