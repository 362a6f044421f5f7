//! The state machine: lists and single changes in, lookups out.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;

use crate::admission::Lookup;
use crate::mutate::ServiceAccountFacts;
use crate::watch::{Change, Watched};

/// A ServiceAccount as the API server shows it, as far as it is read.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Account {
    /// Its metadata.
    pub metadata: AccountMetadata,
}

/// The metadata that is read.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct AccountMetadata {
    /// Its namespace.
    #[serde(default)]
    pub namespace: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Its annotations.
    #[serde(default)]
    pub annotations: Option<HashMap<String, String>>,
    /// The version to watch from.
    #[serde(default, rename = "resourceVersion")]
    pub resource_version: String,
}

impl Watched for Account {
    fn resource_version(&self) -> &str {
        &self.metadata.resource_version
    }
}

impl Account {
    /// What its annotations say.
    #[must_use]
    pub fn facts(&self, prefix: &str) -> ServiceAccountFacts {
        let annotations = self.metadata.annotations.iter().flatten();
        ServiceAccountFacts::of_annotations(
            annotations.map(|(name, value)| (name.as_str(), value.as_str())),
            prefix,
        )
    }

    #[cfg(test)]
    pub(crate) fn annotated(namespace: &str, name: &str, annotation: &str, value: &str) -> Self {
        Self {
            metadata: AccountMetadata {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
                annotations: Some(HashMap::from([(annotation.to_owned(), value.to_owned())])),
                resource_version: String::new(),
            },
        }
    }
}

/// One that is known.
#[derive(Debug, Clone)]
pub struct Known {
    /// Its namespace.
    pub namespace: Box<str>,
    /// Its name.
    pub name: Box<str>,
    /// What its annotations say.
    pub facts: Arc<ServiceAccountFacts>,
}

/// Namespace to name to facts. Most accounts of a cluster have no annotation of ours: they cost their name and a word.
type ByName = HashMap<Box<str>, HashMap<Box<str>, Option<Arc<ServiceAccountFacts>>>>;

/// The ServiceAccounts of a cluster.
#[derive(Debug)]
pub struct Accounts {
    prefix: String,
    known: ByName,
    listing: Option<ByName>,
    synced: bool,
    /// What every account without annotations of ours says.
    silent: Arc<ServiceAccountFacts>,
}

impl Accounts {
    /// None known yet; their annotations begin with `prefix`.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            known: ByName::new(),
            listing: None,
            synced: false,
            silent: Arc::default(),
        }
    }

    /// What is known of `namespace/name`.
    #[must_use]
    pub fn lookup(&self, namespace: &str, name: &str) -> Lookup {
        match self.known.get(namespace).and_then(|names| names.get(name)) {
            Some(facts) => Lookup::Found(Arc::clone(facts.as_ref().unwrap_or(&self.silent))),
            None if self.synced => Lookup::Missing,
            None => Lookup::Unknown,
        }
    }

    /// Takes a change.
    pub fn apply(&mut self, change: Change<Account>) {
        match change {
            Change::Restarted => self.listing = Some(ByName::new()),
            Change::Listed(accounts) => {
                for account in accounts {
                    let facts = self.facts(&account);
                    insert(self.listing.get_or_insert_default(), account, facts);
                }
            }
            Change::Synced => {
                if let Some(mut listed) = self.listing.take() {
                    for names in listed.values_mut() {
                        names.shrink_to_fit();
                    }
                    self.known = listed;
                }
                self.synced = true;
            }
            Change::Applied(account) => {
                let facts = self.facts(&account);
                insert(&mut self.known, account, facts);
            }
            Change::Deleted(account) => {
                let (namespace, name) = (account.metadata.namespace, account.metadata.name);
                if let Some(names) = self.known.get_mut(namespace.as_str()) {
                    names.remove(name.as_str());
                    if names.is_empty() {
                        self.known.remove(namespace.as_str());
                    }
                }
            }
        }
    }

    /// All that are known, in no order.
    pub fn known(&self) -> impl Iterator<Item = Known> {
        let all =
            self.known.iter().flat_map(|(namespace, names)| names.iter().map(move |name| (namespace, name)));
        all.map(|(namespace, (name, facts))| Known {
            namespace: namespace.clone(),
            name: name.clone(),
            facts: Arc::clone(facts.as_ref().unwrap_or(&self.silent)),
        })
    }

    /// Whether a list has been read to its end.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        self.synced
    }

    /// How many are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.values().map(HashMap::len).sum()
    }

    /// Whether none is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    fn facts(&self, account: &Account) -> Option<Arc<ServiceAccountFacts>> {
        let facts = account.facts(&self.prefix);
        (facts != *self.silent).then(|| Arc::new(facts))
    }
}

fn insert(known: &mut ByName, account: Account, facts: Option<Arc<ServiceAccountFacts>>) {
    let (namespace, name) = (account.metadata.namespace, account.metadata.name);
    known.entry(namespace.into_boxed_str()).or_default().insert(name.into_boxed_str(), facts);
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "eks.amazonaws.com/role-arn";

    fn accounts(changes: impl IntoIterator<Item = Change<Account>>) -> Accounts {
        let mut accounts = Accounts::new("eks.amazonaws.com");
        changes.into_iter().for_each(|change| accounts.apply(change));
        accounts
    }

    /// `Ok` is the role of an account that is there; `Err` says whether it is certainly not there.
    fn check(accounts: &Accounts, name: &str, expected: Result<Option<&str>, bool>) {
        match (accounts.lookup("demo", name), expected) {
            (Lookup::Found(facts), Ok(role)) => assert_eq!(facts.role_arn.as_deref(), role, "{name}"),
            (Lookup::Missing, Err(true)) | (Lookup::Unknown, Err(false)) => {}
            (found, expected) => panic!("{name}: {found:?}, not {expected:?}"),
        }
    }

    fn account(name: &str, role: &str) -> Account {
        Account::annotated("demo", name, ROLE, role)
    }

    #[test]
    fn before_the_first_list_nothing_is_missing() {
        let mut accounts = accounts([Change::Restarted, Change::Listed(vec![account("a", "r")])]);
        check(&accounts, "a", Err(false));
        accounts.apply(Change::Synced);
        check(&accounts, "a", Ok(Some("r")));
        check(&accounts, "b", Err(true));
    }

    #[test]
    fn an_account_without_annotations_is_found_without_role() {
        let plain = Account::annotated("demo", "plain", "team", "one");
        let accounts = accounts([Change::Synced, Change::Applied(plain)]);
        check(&accounts, "plain", Ok(None));
        assert!(accounts.known["demo"]["plain"].is_none(), "it costs its name alone");
    }

    #[test]
    fn changes_and_deletions() {
        let mut accounts = accounts([Change::Synced, Change::Applied(account("a", "one"))]);
        accounts.apply(Change::Applied(account("a", "two")));
        check(&accounts, "a", Ok(Some("two")));
        accounts.apply(Change::Applied(account("a", "")));
        check(&accounts, "a", Ok(None));
        accounts.apply(Change::Deleted(account("a", "")));
        check(&accounts, "a", Err(true));
        accounts.apply(Change::Deleted(account("a", "")));
        assert!(accounts.is_empty());
    }

    #[test]
    fn during_a_relist_the_old_state_serves() {
        let mut accounts = accounts([
            Change::Synced,
            Change::Applied(account("kept", "old")),
            Change::Applied(account("gone", "old")),
            Change::Restarted,
            Change::Listed(vec![account("kept", "new")]),
        ]);
        check(&accounts, "kept", Ok(Some("old")));
        check(&accounts, "gone", Ok(Some("old")));
        accounts.apply(Change::Synced);
        check(&accounts, "kept", Ok(Some("new")));
        check(&accounts, "gone", Err(true));
        assert_eq!(accounts.len(), 1);
    }

    #[test]
    fn a_list_that_broke_off_is_forgotten() {
        let mut accounts = accounts([
            Change::Restarted,
            Change::Listed(vec![account("ghost", "r")]),
            Change::Restarted,
            Change::Listed(vec![account("a", "r")]),
        ]);
        accounts.apply(Change::Synced);
        check(&accounts, "ghost", Err(true));
        check(&accounts, "a", Ok(Some("r")));
    }
}
