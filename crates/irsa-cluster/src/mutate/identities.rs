//! The ServiceAccounts of EKS Pod Identity, from the file that `--watch-container-credentials-config` names.

use std::collections::BTreeSet;

use crate::borrowed::{Text, object, text};

/// ServiceAccounts whose pods get their credentials from the agent of EKS Pod Identity.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identities {
    accounts: BTreeSet<(String, String)>,
}

object! {
    struct File {
        identities: "identities" as Vec<Identity<'a>>,
    }

    struct Identity {
        namespace: "namespace" as Text<'a>,
        service_account: "serviceAccount" as Text<'a>,
    }
}

impl Identities {
    /// Reads `{"identities":[{"namespace":"…","serviceAccount":"…"}]}`; an empty text has none, as no file.
    ///
    /// # Errors
    /// Why the text is not such a document; whoever has older identities keeps them.
    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        if json.trim().is_empty() {
            return Ok(Self::default());
        }
        let file: File<'_> = serde_json::from_str(json)?;
        let owned = |field: Option<&Text<'_>>| text(field).to_owned();
        let accounts = file.identities.iter().flatten();
        let accounts =
            accounts.map(|one| (owned(one.namespace.as_ref()), owned(one.service_account.as_ref())));
        Ok(Self { accounts: accounts.collect() })
    }

    /// Whether a ServiceAccount is among them.
    #[must_use]
    pub fn contains(&self, namespace: &str, service_account: &str) -> bool {
        !self.accounts.is_empty()
            && self.accounts.contains(&(namespace.to_owned(), service_account.to_owned()))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.accounts.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files() {
        let identities =
            Identities::parse(r#"{"identities":[{"namespace":"a","serviceAccount":"b"}],"future":1}"#)
                .unwrap();
        assert_eq!(identities.len(), 1);
        assert!(identities.contains("a", "b") && !identities.contains("b", "a"));
        for empty in ["", "\n", "{}", r#"{"identities":null}"#, r#"{"identities":[]}"#] {
            assert!(Identities::parse(empty).unwrap().is_empty(), "{empty}");
        }
        for bad in ["[", "[]", r#"{"identities":{}}"#, r#"{"identities":[{"namespace":1}]}"#] {
            assert!(Identities::parse(bad).is_err(), "{bad}");
        }
    }
}
