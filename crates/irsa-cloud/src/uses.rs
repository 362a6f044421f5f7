//! When roles and access keys were last used: `RoleLastUsed` and `GetAccessKeyLastUsed`.
//!
//! A signed request notes its use in memory, so that reads never wait for the disk; the store gets it now and then
//! ([`Uses::save`]). A server that is killed forgets [`SAVED_EVERY`] at most, and AWS tells it with hours of delay.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use irsa_store::model::{AccessKey, LastUsed, Role};
use irsa_store::{CommitError, Snapshot, Store, Transaction, transact};
use jiff::Timestamp;

use crate::credentials::caller::Caller;
use crate::credentials::{Actor, Session};

/// A role or key that is used without a pause is written so often.
pub const SAVED_EVERY: Duration = Duration::from_secs(15 * 60);
/// So many entities are written together.
const TOGETHER: usize = 100;

/// The uses since the server started, by the role's unique id or the access key's.
#[derive(Debug, Default)]
pub struct Uses {
    noted: Mutex<HashMap<String, Noted>>,
}

#[derive(Debug)]
struct Noted {
    last: LastUsed,
    /// Which of its uses is in the store.
    saved: Option<Timestamp>,
}

impl Uses {
    /// Notes that `caller` signed a request for `service` in `region` at `now`, in seconds since the epoch.
    ///
    /// A user's own temporary keys are not noted: AWS answers for those that `ListAccessKeys` shows.
    pub fn note(&self, snapshot: &Snapshot, caller: &Caller, service: &str, region: &str, now: i64) {
        let Some(id) = holder(caller) else { return };
        let Ok(at) = Timestamp::from_second(now) else { return };
        let mut noted = self.lock();
        if let Some(noted) = noted.get_mut(id) {
            let last = &mut noted.last;
            last.at = at;
            region.clone_into(&mut last.region);
            service.clone_into(&mut last.service);
            return;
        }
        // Sessions of a role that is gone are refused; nothing is kept of them.
        if snapshot.access_key(id).is_some() || snapshot.role_by_id(id).is_some() {
            let last = LastUsed { at, region: region.to_owned(), service: service.to_owned() };
            noted.insert(id.to_owned(), Noted { last, saved: None });
        }
    }

    /// The last use of a role, or none.
    #[must_use]
    pub fn of_role(&self, role: &Role) -> Option<LastUsed> {
        self.noted_of(&role.id).or_else(|| role.last_used.clone())
    }

    /// The last use of an access key, or none.
    #[must_use]
    pub fn of_access_key(&self, key: &AccessKey) -> Option<LastUsed> {
        self.noted_of(&key.id).or_else(|| key.last_used.clone())
    }

    /// Writes what was used, unless a use of it was written less than `pause` before. Blocks until it is durable.
    ///
    /// # Errors
    /// The store's. What was not written stays noted.
    pub fn save(&self, store: &dyn Store, pause: Duration) -> Result<(), CommitError> {
        for due in self.due(pause).chunks(TOGETHER) {
            transact(store, |snapshot| Ok::<_, CommitError>((with_uses(snapshot, due), ())))?;
            let snapshot = store.snapshot();
            let mut noted = self.lock();
            for (id, last) in due {
                if snapshot.access_key(id).is_none() && snapshot.role_by_id(id).is_none() {
                    noted.remove(id);
                } else if let Some(noted) = noted.get_mut(id) {
                    noted.saved = Some(last.at);
                }
            }
        }
        Ok(())
    }

    fn due(&self, pause: Duration) -> Vec<(String, LastUsed)> {
        let is_due = |noted: &Noted| match noted.saved {
            None => true,
            Some(saved) => {
                noted.last.at > saved && noted.last.at.duration_since(saved).unsigned_abs() >= pause
            }
        };
        let noted = self.lock();
        noted
            .iter()
            .filter(|(_, noted)| is_due(noted))
            .map(|(id, noted)| (id.clone(), noted.last.clone()))
            .collect()
    }

    fn noted_of(&self, id: &str) -> Option<LastUsed> {
        self.lock().get(id).map(|noted| noted.last.clone())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Noted>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The id of what the caller's credentials are of: its role, or its long-lived access key.
fn holder(caller: &Caller) -> Option<&str> {
    match caller.temporary.as_deref() {
        Some(Session { actor: Actor::Role { id, .. }, .. }) => Some(id),
        Some(Session { actor: Actor::User { .. }, .. }) => None,
        None => caller.access_key_id.as_deref(),
    }
}

/// Those entities, as they are now, with their last use.
fn with_uses(snapshot: &Snapshot, uses: &[(String, LastUsed)]) -> Transaction {
    let mut transaction = Transaction::new();
    for (id, last) in uses {
        if let Some(key) = snapshot.access_key(id) {
            transaction =
                transaction.put(AccessKey { last_used: Some(last.clone()), ..AccessKey::clone(key) });
        } else if let Some(role) = snapshot.role_by_id(id) {
            transaction = transaction.put(Role { last_used: Some(last.clone()), ..Role::clone(role) });
        }
    }
    transaction
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use irsa_store::model::{AccountId, TrustPolicy};
    use irsa_store::{Embedded, Key};

    use super::*;
    use crate::accounts::{create_account, ensure_sealing_key};
    use crate::credentials::caller::claim;
    use crate::credentials::{KeyRing, mint};

    const NOW: i64 = 1_800_000_000;

    struct Scene {
        store: Arc<dyn Store>,
        ring: KeyRing,
        key: String,
        uses: Uses,
    }

    impl Scene {
        fn new() -> Self {
            let store: Arc<dyn Store> = Arc::new(Embedded::ephemeral().unwrap());
            ensure_sealing_key(store.as_ref(), NOW).unwrap();
            let key = create_account(store.as_ref(), account(), NOW).unwrap().unwrap().access_key_id;
            let ring = KeyRing::new(store.snapshot().sealing_keys().map(|key| &***key));
            Self { store, ring, key, uses: Uses::default() }
        }

        fn session(&self, actor: Actor) -> Caller {
            let session = Session {
                access_key_id: String::new(),
                account: account(),
                actor,
                issued_at: NOW,
                expires_at: NOW + 3_600,
                policy: None,
                policy_arns: Vec::new(),
                tags: Vec::new(),
                transitive_tag_keys: Vec::new(),
                source_identity: None,
                web_identity: None,
            };
            let made = mint(&self.ring, session).unwrap();
            claim(&self.store.snapshot(), &self.ring, &made.access_key_id, Some(&made.session_token))
                .unwrap()
                .caller
        }

        fn session_of_role(&self) -> Caller {
            let (name, path) = ("app".to_owned(), "/".to_owned());
            self.session(Actor::Role { name, path, id: "AROAAPP".to_owned(), session: "s".to_owned() })
        }

        fn note(&self, caller: &Caller, service: &str, now: i64) {
            self.uses.note(&self.store.snapshot(), caller, service, "eu-central-1", now);
        }

        /// What the store has of the administrator's key.
        fn saved(&self) -> Option<i64> {
            let snapshot = self.store.snapshot();
            snapshot.access_key(&self.key).unwrap().last_used.as_ref().map(|last| last.at.as_second())
        }
    }

    fn account() -> AccountId {
        "111122223333".parse().unwrap()
    }

    fn role() -> Role {
        Role {
            account: account(),
            name: "app".to_owned(),
            path: "/".to_owned(),
            id: "AROAAPP".to_owned(),
            created: Timestamp::UNIX_EPOCH,
            description: None,
            max_session_duration: 3_600,
            trust: TrustPolicy::default(),
            inline: Default::default(),
            attached: Vec::new(),
            boundary: None,
            tags: Default::default(),
            last_used: None,
        }
    }

    #[test]
    fn a_use_is_told_at_once_and_written_now_and_then() {
        let scene = Scene::new();
        let caller = claim(&scene.store.snapshot(), &scene.ring, &scene.key, None).unwrap().caller;
        let told = || {
            let last = scene.uses.of_access_key(scene.store.snapshot().access_key(&scene.key).unwrap());
            last.map(|last| (last.at.as_second(), last.service))
        };
        assert_eq!(told(), None);
        scene.note(&caller, "iam", NOW);
        assert_eq!((told(), scene.saved()), (Some((NOW, "iam".to_owned())), None));
        for (seconds, pause, saved) in [
            (0, SAVED_EVERY, 0),
            (600, SAVED_EVERY, 0),
            (900, SAVED_EVERY, 900),
            (901, SAVED_EVERY, 900),
            (902, Duration::ZERO, 902),
        ] {
            scene.note(&caller, "s3", NOW + seconds);
            scene.uses.save(scene.store.as_ref(), pause).unwrap();
            assert_eq!(told(), Some((NOW + seconds, "s3".to_owned())));
            assert_eq!(scene.saved(), Some(NOW + saved), "after {seconds} s");
        }
        let revision = scene.store.snapshot().revision();
        scene.uses.save(scene.store.as_ref(), Duration::ZERO).unwrap();
        assert_eq!(scene.store.snapshot().revision(), revision, "there was no use in between");
    }

    #[test]
    fn a_role_is_used_by_its_sessions() {
        let scene = Scene::new();
        scene.note(&scene.session_of_role(), "s3", NOW);
        scene.uses.save(scene.store.as_ref(), Duration::ZERO).unwrap();
        assert!(scene.uses.lock().is_empty(), "a role that is gone has no use");

        scene.store.commit(Transaction::new().put(role())).unwrap();
        scene.note(&scene.session_of_role(), "s3", NOW);
        let changed = Role { description: Some("changed since".to_owned()), ..role() };
        scene.store.commit(Transaction::new().put(changed)).unwrap();
        scene.uses.save(scene.store.as_ref(), SAVED_EVERY).unwrap();
        let stored = Role::clone(scene.store.snapshot().role(account(), "app").unwrap());
        assert_eq!(stored.last_used.as_ref().map(|last| last.at.as_second()), Some(NOW));
        assert_eq!(stored.description.as_deref(), Some("changed since"));
        assert_eq!(Uses::default().of_role(&stored), stored.last_used, "after a restart");

        scene.note(&scene.session_of_role(), "s3", NOW + 1);
        scene.store.commit(Transaction::new().delete(Key::role(account(), "app"))).unwrap();
        scene.uses.save(scene.store.as_ref(), Duration::ZERO).unwrap();
        assert!(scene.uses.lock().is_empty());
        assert!(scene.store.snapshot().role(account(), "app").is_none(), "it is not made anew");
    }

    #[test]
    fn temporary_keys_of_users_are_not_noted() {
        let scene = Scene::new();
        let id = scene.store.snapshot().user(account(), "administrator").unwrap().id.clone();
        scene.note(&scene.session(Actor::User { name: "administrator".to_owned(), id }), "s3", NOW);
        assert!(scene.uses.lock().is_empty());
    }
}
