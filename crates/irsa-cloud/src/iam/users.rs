//! Users: create, read, update, delete.

use irsa_store::model::User;
use irsa_store::{Key, Transaction, transact};

use super::entities::{Holder, folded, now, unique_id, user_or_caller};
use super::managed::{self, Use};
use super::paging::Paging;
use super::permissions::{creating, on_all, on_user, on_user_or_caller, requires, with_boundary};
use super::{IamError, boundaries, quotas, tags};
use crate::authorize::{Authorized, Check};
use crate::context::Context;
use crate::generated::iam as shapes;
use crate::generated::iam::{
    CreateUserInput, CreateUserOutput, DeleteUserInput, DeleteUserOutput, GetUserInput, GetUserOutput,
    ListUsersInput, ListUsersOutput, UpdateUserInput, UpdateUserOutput,
};

requires! {
    CreateUserInput => |input, call| {
        let path = input.path.as_deref().unwrap_or("/");
        let arn = format!("arn:aws:iam::{}:user{path}{}", call.account, input.user_name);
        let check = with_boundary(Check::new("iam:CreateUser", arn), input.permissions_boundary.as_deref());
        creating(check, "iam:TagUser", input.tags.as_deref())
    };
    GetUserInput => |input, call| vec![on_user_or_caller(call, "iam:GetUser", input.user_name.as_deref())];
    ListUsersInput => |input, call| {
        vec![on_all(call, "iam:ListUsers", &format!("user{}", input.path_prefix.as_deref().unwrap_or("/")))]
    };
    UpdateUserInput => |input, call| {
        // The right is needed on what the user is and on what it becomes (IAM API reference, "UpdateUser").
        let before = on_user(call, "iam:UpdateUser", &input.user_name);
        let stored = call.snapshot.user(call.account, &input.user_name);
        let path = input.new_path.as_deref().or(stored.map(|user| user.path.as_str())).unwrap_or("/");
        let name = input.new_user_name.as_deref().unwrap_or(&input.user_name);
        let becomes = format!("arn:aws:iam::{}:user{path}{name}", call.account);
        let after = Check { action: before.action, resource: becomes, keys: before.keys.clone(), ..Check::default() };
        vec![before, after]
    };
    DeleteUserInput => |input, call| vec![on_user(call, "iam:DeleteUser", &input.user_name)];
}

pub(super) fn create_user(
    ctx: &Context,
    permit: Authorized<CreateUserInput>,
) -> Result<CreateUserOutput, IamError> {
    let (account, input) = (permit.account(), permit.input());
    let user = User {
        account,
        name: input.user_name.clone(),
        path: input.path.clone().unwrap_or_else(|| "/".to_owned()),
        id: unique_id("AIDA")?,
        created: now(&permit),
        inline: Default::default(),
        attached: Vec::new(),
        boundary: input.permissions_boundary.clone(),
        tags: tags::read(input.tags.as_deref())?,
    };
    transact(ctx.store.as_ref(), |snapshot| {
        if snapshot.user(account, &user.name).is_some() {
            return Err(taken(&user.name));
        }
        quotas::USERS.admit(snapshot.users(account, None).count() + 1)?;
        let counted = boundaries::begin(Transaction::new(), snapshot, account, user.boundary.as_deref())?;
        Ok((counted.put(user.clone()), ()))
    })?;
    Ok(CreateUserOutput { user: Some(shown(&user)) })
}

pub(super) fn get_user(_ctx: &Context, permit: Authorized<GetUserInput>) -> Result<GetUserOutput, IamError> {
    let call = permit.call();
    let name = user_or_caller(call, permit.input().user_name.as_deref())?;
    Ok(GetUserOutput { user: shown(User::find(&call.snapshot, call.account, name)?) })
}

/// Without boundaries and tags (IAM API reference, "ListUsers").
pub(super) fn list_users(
    _ctx: &Context,
    permit: Authorized<ListUsersInput>,
) -> Result<ListUsersOutput, IamError> {
    let (snapshot, input) = (&permit.call().snapshot, permit.input());
    let paging = Paging::new(input.marker.as_deref(), input.max_items)?;
    let prefix = input.path_prefix.as_deref().unwrap_or("/");
    let users = snapshot.users(permit.account(), paging.after()).filter(|user| user.path.starts_with(prefix));
    let page = paging.page(users.map(|user| (folded(&user.name), user)));
    let users = page.items.into_iter().map(|user| listed(user)).collect();
    Ok(ListUsersOutput { users, is_truncated: page.is_truncated, marker: page.marker })
}

/// A new name keeps the unique id: policies that name the user go on naming it.
pub(super) fn update_user(
    ctx: &Context,
    permit: Authorized<UpdateUserInput>,
) -> Result<UpdateUserOutput, IamError> {
    let (account, input) = (permit.account(), permit.input());
    transact(ctx.store.as_ref(), |snapshot| {
        let stored = User::find(snapshot, account, &input.user_name)?;
        let mut user = (***stored).clone();
        if let Some(path) = &input.new_path {
            user.path.clone_from(path);
        }
        let Some(name) = input.new_user_name.as_ref().filter(|name| **name != user.name) else {
            return Ok((Transaction::new().put(user), UpdateUserOutput));
        };
        let is_same_key = folded(name) == folded(&user.name);
        if !is_same_key && snapshot.user(account, name).is_some() {
            return Err(taken(name));
        }
        let mut renaming = Transaction::new();
        if !is_same_key {
            renaming = renaming.delete(Key::user(account, &user.name));
        }
        for key in snapshot.access_keys(account, Some(&user.name)) {
            let mut key = (***key).clone();
            key.user = Some(name.clone());
            renaming = renaming.put(key);
        }
        user.name.clone_from(name);
        Ok((renaming.put(user), UpdateUserOutput))
    })
}

pub(super) fn delete_user(
    ctx: &Context,
    permit: Authorized<DeleteUserInput>,
) -> Result<DeleteUserOutput, IamError> {
    let account = permit.account();
    transact(ctx.store.as_ref(), |snapshot| {
        let user = User::find(snapshot, account, &permit.input().user_name)?;
        let conflict = if snapshot.access_keys(account, Some(&user.name)).next().is_some() {
            Some("Cannot delete entity, must delete access keys first.")
        } else if !user.attached.is_empty() {
            Some("Cannot delete entity, must detach all policies first.")
        } else if !user.inline.is_empty() {
            Some("Cannot delete entity, must delete policies first.")
        } else {
            None
        };
        if let Some(conflict) = conflict {
            return Err(IamError::DeleteConflict(conflict));
        }
        let deletion = Transaction::new().delete(Key::user(account, &user.name));
        let deletion = match &user.boundary {
            Some(arn) => managed::count(deletion, snapshot, account, arn, Use::Boundary, -1),
            None => deletion,
        };
        Ok((deletion, DeleteUserOutput))
    })
}

fn taken(name: &str) -> IamError {
    IamError::AlreadyExists(format!("User with name {name} already exists."))
}

fn shown(user: &User) -> shapes::User {
    shapes::User {
        permissions_boundary: boundaries::shown(user.boundary.as_deref()),
        tags: tags::shown_if_any(&user.tags),
        ..listed(user)
    }
}

fn listed(user: &User) -> shapes::User {
    shapes::User {
        path: user.path.clone(),
        user_name: user.name.clone(),
        user_id: user.id.clone(),
        arn: user.arn(),
        create_date: user.created.as_second(),
        password_last_used: None,
        permissions_boundary: None,
        tags: None,
    }
}
