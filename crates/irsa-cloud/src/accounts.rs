//! Accounts and their first administrator: what AWS Organizations and the sign-up page do elsewhere.

use aws_lc_rs::rand;
use irsa_store::model::{AccessKey, Account, AccountId, SealingKey, SecretBytes, SecretString, User, ids};
use irsa_store::{Change, CommitError, Entity, Store, Transaction, transact};
use jiff::Timestamp;

/// The name of every account's first user.
pub const ADMINISTRATOR: &str = "administrator";
const ADMINISTRATOR_ACCESS: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

/// The access key of a new account's administrator. It is shown once.
#[derive(Debug)]
pub struct AdministratorKey {
    /// The account.
    pub account: AccountId,
    /// `AKIA…`.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: SecretString,
}

/// Why an account was not made.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The store did not keep it.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The system's random generator failed.
    #[error("the system has no randomness to give")]
    NoRandomness,
}

/// Makes an account with an administrator, who has the AWS-managed policy AdministratorAccess and no other right; none if
/// the account exists.
///
/// # Errors
/// [`AccountError`].
pub fn create_account(
    store: &dyn Store,
    id: AccountId,
    now: i64,
) -> Result<Option<AdministratorKey>, AccountError> {
    let created = Timestamp::from_second(now).unwrap_or(Timestamp::UNIX_EPOCH);
    let user_id = ids::unique_id("AIDA", &random()?);
    let key = AdministratorKey {
        account: id,
        access_key_id: ids::access_key_id("AKIA", id, &random()?),
        secret_access_key: ids::secret_access_key(&random()?),
    };
    transact(store, |snapshot| {
        if snapshot.account(id).is_some() {
            return Ok((Transaction::default(), None));
        }
        let account = Account { id, name: String::new(), alias: None, created };
        let user = User {
            account: id,
            name: ADMINISTRATOR.to_owned(),
            path: "/".to_owned(),
            id: user_id.clone(),
            created,
            inline: Default::default(),
            attached: vec![ADMINISTRATOR_ACCESS.to_owned()],
            boundary: None,
            tags: Default::default(),
        };
        let access_key = AccessKey {
            id: key.access_key_id.clone(),
            secret: key.secret_access_key.clone(),
            account: id,
            user: Some(ADMINISTRATOR.to_owned()),
            active: true,
            created,
            last_used: None,
        };
        let changes = [Entity::Account(account), Entity::User(user), Entity::AccessKey(access_key)];
        let transaction = Transaction { changes: changes.map(Change::Put).into(), ..Transaction::default() };
        let made = AdministratorKey {
            account: id,
            access_key_id: key.access_key_id.clone(),
            secret_access_key: key.secret_access_key.clone(),
        };
        Ok((transaction, Some(made)))
    })
}

/// Makes the first sealing key, unless there is one.
///
/// # Errors
/// [`AccountError`].
pub fn ensure_sealing_key(store: &dyn Store, now: i64) -> Result<(), AccountError> {
    let created = Timestamp::from_second(now).unwrap_or(Timestamp::UNIX_EPOCH);
    let secret: [u8; 32] = random()?;
    let id: [u8; 8] = random()?;
    transact(store, |snapshot| {
        if snapshot.sealing_keys().next().is_some() {
            return Ok((Transaction::default(), ()));
        }
        let key = SealingKey { id: hex::encode(id), key: SecretBytes::new(secret.to_vec()), created };
        Ok((
            Transaction { changes: vec![Change::Put(Entity::SealingKey(key))], ..Transaction::default() },
            (),
        ))
    })
}

fn random<const N: usize>() -> Result<[u8; N], AccountError> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_unspecified| AccountError::NoRandomness)?;
    Ok(bytes)
}
