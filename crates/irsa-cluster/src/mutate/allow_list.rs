//! Which namespaces may use which roles.
//!
//! Without it, whoever may annotate a ServiceAccount chooses any role that trusts the cluster.

use std::collections::BTreeMap;

use super::glob::Glob;

/// The patterns of roles by patterns of namespaces. A namespace that no pattern names may use no role.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllowedRoles {
    entries: Vec<(Glob, Vec<Glob>)>,
}

impl AllowedRoles {
    /// Reads `{"team-*": ["arn:aws:iam::111122223333:role/team-*"]}`, as JSON or YAML.
    ///
    /// # Errors
    /// What is wrong with the text, and where.
    pub fn parse(text: &str) -> Result<Self, serde_saphyr::Error> {
        let entries: BTreeMap<String, Vec<String>> = serde_saphyr::from_str(text)?;
        Ok(Self::new(
            entries.iter().map(|(namespace, roles)| (namespace.as_str(), roles.iter().map(String::as_str))),
        ))
    }

    /// From pairs of a namespace's pattern and roles' patterns.
    #[must_use]
    pub fn new<'a, R: IntoIterator<Item = &'a str>>(entries: impl IntoIterator<Item = (&'a str, R)>) -> Self {
        let patterns = |roles: R| roles.into_iter().map(Glob::new).collect();
        Self {
            entries: entries
                .into_iter()
                .map(|(namespace, roles)| (Glob::new(namespace), patterns(roles)))
                .collect(),
        }
    }

    /// Whether pods of a namespace may use a role.
    #[must_use]
    pub fn allows(&self, namespace: &str, role_arn: &str) -> bool {
        self.entries.iter().any(|(namespaces, roles)| {
            namespaces.matches(namespace) && roles.iter().any(|roles| roles.matches(role_arn))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_by_namespace() {
        let allowed = AllowedRoles::parse(
            "team-*: ['arn:aws:iam::111122223333:role/team-*']\nkube-system: ['*']\nnone: []\n",
        )
        .unwrap();
        for (namespace, role, expected) in [
            ("team-a", "arn:aws:iam::111122223333:role/team-x", true),
            ("team-a", "arn:aws:iam::111122223333:role/admin", false),
            ("kube-system", "arn:aws:iam::444455556666:role/any", true),
            ("none", "arn:aws:iam::111122223333:role/team-x", false),
            ("unnamed", "arn:aws:iam::111122223333:role/team-x", false),
        ] {
            assert_eq!(allowed.allows(namespace, role), expected, "{namespace} {role}");
        }
        assert!(AllowedRoles::parse("a: 1").is_err());
    }
}
