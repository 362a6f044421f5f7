//! Roles and users alike: both are found by name, carry policies, a boundary and tags, and are changed in one transaction.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::rand;
use irsa_store::model::{AccountId, Role, Tags, User, ids};
use irsa_store::{Entity, Snapshot, Storable, Stored, Transaction, transact};
use jiff::Timestamp;

use super::IamError;
use super::quotas::{self, Quota};
use crate::authorize::{Authorized, Call};
use crate::context::Context;

/// What policies are attached to.
pub(super) trait Holder: Storable + Clone + PartialEq + Into<Entity> {
    /// `role` or `user`, as in AWS's messages.
    const KIND: &'static str;
    /// How many managed policies may be attached.
    const ATTACHED: Quota;
    /// How large the inline policies may be together.
    const INLINE_SIZE: usize;

    /// The one of that name.
    fn find<'s>(
        snapshot: &'s Snapshot,
        account: AccountId,
        name: &str,
    ) -> Result<&'s Arc<Stored<Self>>, IamError>
    where
        Self: Sized;
    /// Its name.
    fn name(&self) -> &str;
    /// Its inline policies.
    fn inline(&self) -> &BTreeMap<String, String>;
    /// Its inline policies, to change.
    fn inline_mut(&mut self) -> &mut BTreeMap<String, String>;
    /// The ARNs of its managed policies.
    fn attached(&self) -> &Vec<String>;
    /// The ARNs of its managed policies, to change.
    fn attached_mut(&mut self) -> &mut Vec<String>;
    /// Its permissions boundary, to change.
    fn boundary_mut(&mut self) -> &mut Option<String>;
    /// Its tags, to change.
    fn tags_mut(&mut self) -> &mut Tags;
}

macro_rules! holder {
    ($entity:ty, $kind:literal, $find:ident, $missing:ident, $attached:ident, $inline_size:ident) => {
        impl Holder for $entity {
            const KIND: &'static str = $kind;
            const ATTACHED: Quota = quotas::$attached;
            const INLINE_SIZE: usize = quotas::$inline_size;

            fn find<'s>(
                snapshot: &'s Snapshot,
                account: AccountId,
                name: &str,
            ) -> Result<&'s Arc<Stored<Self>>, IamError> {
                snapshot.$find(account, name).ok_or_else(|| IamError::$missing(name.to_owned()))
            }

            fn name(&self) -> &str {
                &self.name
            }

            fn inline(&self) -> &BTreeMap<String, String> {
                &self.inline
            }

            fn inline_mut(&mut self) -> &mut BTreeMap<String, String> {
                &mut self.inline
            }

            fn attached(&self) -> &Vec<String> {
                &self.attached
            }

            fn attached_mut(&mut self) -> &mut Vec<String> {
                &mut self.attached
            }

            fn boundary_mut(&mut self) -> &mut Option<String> {
                &mut self.boundary
            }

            fn tags_mut(&mut self) -> &mut Tags {
                &mut self.tags
            }
        }
    };
}

holder!(Role, "role", role, NoSuchRole, POLICIES_PER_ROLE, INLINE_SIZE_PER_ROLE);
holder!(User, "user", user, NoSuchUser, POLICIES_PER_USER, INLINE_SIZE_PER_USER);

/// Changes a role or user. `edit` says what else changes with it; nothing is written when nothing changed.
pub(super) fn change<H: Holder>(
    ctx: &Context,
    account: AccountId,
    name: &str,
    edit: impl Fn(&Snapshot, &mut H) -> Result<Transaction, IamError>,
) -> Result<H, IamError> {
    transact(ctx.store.as_ref(), |snapshot| {
        let stored = H::find(snapshot, account, name)?;
        let mut edited = (***stored).clone();
        let mut transaction = edit(snapshot, &mut edited)?;
        if edited != ***stored {
            transaction = transaction.put(edited.clone());
        }
        Ok((transaction, edited))
    })
}

/// The user that an operation is about: the named one, else the caller.
pub(super) fn user_or_caller<'a>(call: &'a Call, named: Option<&'a str>) -> Result<&'a str, IamError> {
    named.or(call.caller.user_name.as_deref()).ok_or_else(|| {
        IamError::Validation("Must specify userName when calling with non-User credentials".to_owned())
    })
}

/// A new unique id.
pub(super) fn unique_id(prefix: &str) -> Result<String, IamError> {
    Ok(ids::unique_id(prefix, &random()?))
}

/// Random bytes of the system.
pub(super) fn random<const N: usize>() -> Result<[u8; N], IamError> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_unspecified| IamError::NoRandomness)?;
    Ok(bytes)
}

/// The time of the call, as entities remember it.
pub(super) fn now<T>(permit: &Authorized<T>) -> Timestamp {
    Timestamp::from_second(permit.now()).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// A name in the form in which names are compared.
pub(super) fn folded(name: &str) -> String {
    name.to_ascii_lowercase()
}
