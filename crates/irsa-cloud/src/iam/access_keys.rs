//! Long-lived access keys of users. The secret is in the answer of `CreateAccessKey` and nowhere else.

use irsa_store::model::{AccessKey, User, ids};
use irsa_store::{Key, Snapshot, Transaction, transact};

use super::entities::{Holder, now, random, user_or_caller};
use super::paging::Paging;
use super::permissions::{on_user, on_user_or_caller, requires};
use super::{IamError, quotas};
use crate::authorize::{Authorized, Check};
use crate::context::Context;
use crate::generated::iam as shapes;
use crate::generated::iam::{
    AccessKeyLastUsed, AccessKeyMetadata, CreateAccessKeyInput, CreateAccessKeyOutput, DeleteAccessKeyInput,
    DeleteAccessKeyOutput, GetAccessKeyLastUsedInput, GetAccessKeyLastUsedOutput, ListAccessKeysInput,
    ListAccessKeysOutput, UpdateAccessKeyInput, UpdateAccessKeyOutput,
};

requires! {
    CreateAccessKeyInput => |input, call| {
        vec![on_user_or_caller(call, "iam:CreateAccessKey", input.user_name.as_deref())]
    };
    ListAccessKeysInput => |input, call| {
        vec![on_user_or_caller(call, "iam:ListAccessKeys", input.user_name.as_deref())]
    };
    UpdateAccessKeyInput => |input, call| {
        vec![on_user_or_caller(call, "iam:UpdateAccessKey", input.user_name.as_deref())]
    };
    DeleteAccessKeyInput => |input, call| {
        vec![on_user_or_caller(call, "iam:DeleteAccessKey", input.user_name.as_deref())]
    };
    GetAccessKeyLastUsedInput => |input, call| {
        let key = call.snapshot.access_key(&input.access_key_id).filter(|key| key.account == call.account);
        let action = "iam:GetAccessKeyLastUsed";
        vec![match key.and_then(|key| key.user.as_deref()) {
            Some(user) => on_user(call, action, user),
            None => Check::new(action, "*"),
        }]
    };
}

pub(super) fn create_access_key(
    ctx: &Context,
    permit: Authorized<CreateAccessKeyInput>,
) -> Result<CreateAccessKeyOutput, IamError> {
    let account = permit.account();
    let name = user_or_caller(permit.call(), permit.input().user_name.as_deref())?;
    let created = now(&permit);
    let id = ids::access_key_id("AKIA", account, &random()?);
    let secret = ids::secret_access_key(&random()?);
    let user_name = transact::<_, IamError>(ctx.store.as_ref(), |snapshot| {
        let user = User::find(snapshot, account, name)?;
        quotas::ACCESS_KEYS.admit(snapshot.access_keys(account, Some(&user.name)).count() + 1)?;
        let key = AccessKey {
            id: id.clone(),
            secret: secret.clone(),
            account,
            user: Some(user.name.clone()),
            active: true,
            created,
            last_used: None,
        };
        // The user is written too: of two keys made at once, or a key and the user's deletion, one must see the other.
        Ok((Transaction::new().put(key).put((***user).clone()), user.name.clone()))
    })?;
    Ok(CreateAccessKeyOutput {
        access_key: shapes::AccessKey {
            user_name,
            access_key_id: id,
            status: status(true),
            secret_access_key: secret.expose().to_owned(),
            create_date: Some(created.as_second()),
        },
    })
}

pub(super) fn list_access_keys(
    _ctx: &Context,
    permit: Authorized<ListAccessKeysInput>,
) -> Result<ListAccessKeysOutput, IamError> {
    let (call, input) = (permit.call(), permit.input());
    let name = user_or_caller(call, input.user_name.as_deref())?;
    let user = User::find(&call.snapshot, call.account, name)?;
    let keys = call.snapshot.access_keys(call.account, Some(&user.name)).map(|key| {
        let shown = AccessKeyMetadata {
            user_name: key.user.clone(),
            access_key_id: Some(key.id.clone()),
            status: Some(status(key.active)),
            create_date: Some(key.created.as_second()),
        };
        (key.id.clone(), shown)
    });
    let page = Paging::new(input.marker.as_deref(), input.max_items)?.page(keys);
    Ok(ListAccessKeysOutput {
        access_key_metadata: page.items,
        is_truncated: page.is_truncated,
        marker: page.marker,
    })
}

pub(super) fn update_access_key(
    ctx: &Context,
    permit: Authorized<UpdateAccessKeyInput>,
) -> Result<UpdateAccessKeyOutput, IamError> {
    let input = permit.input();
    let active = match input.status.as_str() {
        "Active" => true,
        "Inactive" => false,
        // The service model shares the type with keys that expire by themselves.
        _ => return Err(IamError::InvalidInput("The status of an access key is Active or Inactive.")),
    };
    let name = user_or_caller(permit.call(), input.user_name.as_deref())?;
    transact(ctx.store.as_ref(), |snapshot| {
        let mut key = key_of(snapshot, &permit, name, &input.access_key_id)?;
        key.active = active;
        Ok((Transaction::new().put(key), UpdateAccessKeyOutput))
    })
}

pub(super) fn delete_access_key(
    ctx: &Context,
    permit: Authorized<DeleteAccessKeyInput>,
) -> Result<DeleteAccessKeyOutput, IamError> {
    let input = permit.input();
    let name = user_or_caller(permit.call(), input.user_name.as_deref())?;
    transact(ctx.store.as_ref(), |snapshot| {
        let key = key_of(snapshot, &permit, name, &input.access_key_id)?;
        Ok((Transaction::new().delete(Key::AccessKey(key.id)), DeleteAccessKeyOutput))
    })
}

pub(super) fn get_access_key_last_used(
    ctx: &Context,
    permit: Authorized<GetAccessKeyLastUsedInput>,
) -> Result<GetAccessKeyLastUsedOutput, IamError> {
    let id = &permit.input().access_key_id;
    let key = permit.call().snapshot.access_key(id).filter(|key| key.account == permit.account());
    let key = key.ok_or_else(|| IamError::NoSuchAccessKey(id.clone()))?;
    // A key that was never used has no date (IAM API reference, "AccessKeyLastUsed").
    let last_used = match ctx.uses.of_access_key(key) {
        Some(last) => AccessKeyLastUsed {
            last_used_date: Some(last.at.as_second()),
            service_name: last.service,
            region: last.region,
        },
        None => AccessKeyLastUsed {
            last_used_date: None,
            service_name: "N/A".to_owned(),
            region: "N/A".to_owned(),
        },
    };
    Ok(GetAccessKeyLastUsedOutput { user_name: key.user.clone(), access_key_last_used: Some(last_used) })
}

fn key_of<T>(
    snapshot: &Snapshot,
    permit: &Authorized<T>,
    user: &str,
    id: &str,
) -> Result<AccessKey, IamError> {
    let user = User::find(snapshot, permit.account(), user)?;
    let key = snapshot.access_key(id).filter(|key| key.account == user.account);
    key.filter(|key| key.user.as_deref().is_some_and(|owner| owner.eq_ignore_ascii_case(&user.name)))
        .map(|key| (***key).clone())
        .ok_or_else(|| IamError::NoSuchAccessKey(id.to_owned()))
}

fn status(active: bool) -> String {
    if active { "Active" } else { "Inactive" }.to_owned()
}
