//! The maps of a snapshot: copied when they are written, shared when they are not.

use std::borrow::{Borrow, Cow};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use super::Stored;
use super::compile::Storable;

/// Entities by name.
pub(super) type Rows<T> = Arc<BTreeMap<Arc<str>, Arc<Stored<T>>>>;

/// Entities by owner, then by name.
#[derive(Debug)]
pub(super) struct Table<K, T: Storable>(Arc<BTreeMap<K, Rows<T>>>);

impl<K, T: Storable> Clone for Table<K, T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, T: Storable> Default for Table<K, T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Ord + Clone, T: Storable> Table<K, T> {
    pub(super) fn get<Q: Ord + ?Sized>(&self, owner: &Q, name: &str) -> Option<&Arc<Stored<T>>>
    where
        K: Borrow<Q>,
    {
        self.0.get(owner)?.get(name)
    }

    /// Those after a name, or all.
    pub(super) fn after<Q: Ord + ?Sized>(
        &self,
        owner: &Q,
        after: Option<Cow<'_, str>>,
    ) -> impl Iterator<Item = &Arc<Stored<T>>> + use<'_, Q, K, T>
    where
        K: Borrow<Q>,
    {
        let start = match &after {
            Some(after) => Bound::Excluded(&**after),
            None => Bound::Unbounded,
        };
        let rows = self.0.get(owner).map(|rows| rows.range::<str, _>((start, Bound::Unbounded)));
        rows.into_iter().flatten().map(|(_, stored)| stored)
    }

    /// Those whose name begins so.
    pub(super) fn prefixed<Q: Ord + ?Sized>(
        &self,
        owner: &Q,
        prefix: String,
    ) -> impl Iterator<Item = &Arc<Stored<T>>> + use<'_, Q, K, T>
    where
        K: Borrow<Q>,
    {
        let start = Bound::Included(&*prefix);
        let rows = self.0.get(owner).map(|rows| rows.range::<str, _>((start, Bound::Unbounded)));
        rows.into_iter()
            .flatten()
            .take_while(move |(name, _)| name.starts_with(&*prefix))
            .map(|(_, stored)| stored)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Stored<T>>> {
        self.0.values().flat_map(|rows| rows.values())
    }

    pub(super) fn insert(&mut self, owner: K, name: &str, stored: Arc<Stored<T>>) {
        let rows = Arc::make_mut(&mut self.0).entry(owner).or_default();
        Arc::make_mut(rows).insert(Arc::from(name), stored);
    }

    pub(super) fn remove<Q: Ord + ?Sized>(&mut self, owner: &Q, name: &str) -> Option<Arc<Stored<T>>>
    where
        K: Borrow<Q>,
    {
        self.get(owner, name)?;
        let owners = Arc::make_mut(&mut self.0);
        let rows = Arc::make_mut(owners.get_mut(owner)?);
        let removed = rows.remove(name);
        if rows.is_empty() {
            owners.remove(owner);
        }
        removed
    }
}
