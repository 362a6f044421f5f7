//! OIDC identity providers: whose tokens the account's roles may trust.
//!
//! A provider is named by its issuer's URL without `https://` and `:443`. Nothing is fetched when it is made: the issuer
//! is asked when a token comes.

use irsa_store::model::{AccountId, OidcProvider};
use irsa_store::{Key, Snapshot, Transaction, transact};
use irsa_token::discovery::provider_name;

use super::entities::now;
use super::permissions::{creating, on_all, on_provider, requires};
use super::{IamError, managed, quotas, tags};
use crate::authorize::{Authorized, Check};
use crate::context::Context;
use crate::generated::iam::{
    AddClientIDToOpenIDConnectProviderInput, AddClientIDToOpenIDConnectProviderOutput,
    CreateOpenIDConnectProviderInput, CreateOpenIDConnectProviderOutput, DeleteOpenIDConnectProviderInput,
    DeleteOpenIDConnectProviderOutput, GetOpenIDConnectProviderInput, GetOpenIDConnectProviderOutput,
    ListOpenIDConnectProvidersInput, ListOpenIDConnectProvidersOutput, OpenIDConnectProviderListEntry,
    RemoveClientIDFromOpenIDConnectProviderInput, RemoveClientIDFromOpenIDConnectProviderOutput,
    UpdateOpenIDConnectProviderThumbprintInput, UpdateOpenIDConnectProviderThumbprintOutput,
};

requires! {
    CreateOpenIDConnectProviderInput => |input, call| {
        let name = provider_name(&input.url).unwrap_or_else(|_| input.url.clone());
        let arn = format!("arn:aws:iam::{}:oidc-provider/{name}", call.account);
        let check = Check::new("iam:CreateOpenIDConnectProvider", arn);
        creating(check, "iam:TagOpenIDConnectProvider", input.tags.as_deref())
    };
    GetOpenIDConnectProviderInput => |input, call| {
        vec![on_provider(call, "iam:GetOpenIDConnectProvider", &input.open_id_connect_provider_arn)]
    };
    ListOpenIDConnectProvidersInput => |_input, call| {
        vec![on_all(call, "iam:ListOpenIDConnectProviders", "oidc-provider/*")]
    };
    AddClientIDToOpenIDConnectProviderInput => |input, call| {
        vec![on_provider(call, "iam:AddClientIDToOpenIDConnectProvider", &input.open_id_connect_provider_arn)]
    };
    RemoveClientIDFromOpenIDConnectProviderInput => |input, call| {
        let action = "iam:RemoveClientIDFromOpenIDConnectProvider";
        vec![on_provider(call, action, &input.open_id_connect_provider_arn)]
    };
    UpdateOpenIDConnectProviderThumbprintInput => |input, call| {
        let action = "iam:UpdateOpenIDConnectProviderThumbprint";
        vec![on_provider(call, action, &input.open_id_connect_provider_arn)]
    };
    DeleteOpenIDConnectProviderInput => |input, call| {
        vec![on_provider(call, "iam:DeleteOpenIDConnectProvider", &input.open_id_connect_provider_arn)]
    };
}

pub(super) fn create_open_id_connect_provider(
    ctx: &Context,
    permit: Authorized<CreateOpenIDConnectProviderInput>,
) -> Result<CreateOpenIDConnectProviderOutput, IamError> {
    let (account, input) = (permit.account(), permit.input());
    let url = provider_name(&input.url).map_err(|_not_plain_https| {
        IamError::Validation("Invalid Open ID Connect Provider URL".to_owned())
    })?;
    let client_ids = unrepeated(input.client_id_list.as_deref().unwrap_or_default());
    quotas::CLIENT_IDS.admit(client_ids.len())?;
    let thumbprints = input.thumbprint_list.clone().unwrap_or_default();
    check_thumbprints(&thumbprints)?;
    let provider = OidcProvider {
        account,
        url,
        client_ids,
        thumbprints,
        certificate_authority: None,
        endpoint: None,
        created: now(&permit),
        tags: tags::read(input.tags.as_deref())?,
    };
    transact(ctx.store.as_ref(), |snapshot| {
        if snapshot.provider(account, &provider.url).is_some() {
            return Err(IamError::AlreadyExists(format!(
                "Provider with url https://{} already exists.",
                provider.url
            )));
        }
        quotas::PROVIDERS.admit(snapshot.providers(account, None).count() + 1)?;
        Ok((Transaction::new().put(provider.clone()), ()))
    })?;
    Ok(CreateOpenIDConnectProviderOutput {
        open_id_connect_provider_arn: Some(provider.arn()),
        tags: tags::shown_if_any(&provider.tags),
    })
}

pub(super) fn get_open_id_connect_provider(
    _ctx: &Context,
    permit: Authorized<GetOpenIDConnectProviderInput>,
) -> Result<GetOpenIDConnectProviderOutput, IamError> {
    let arn = &permit.input().open_id_connect_provider_arn;
    let provider = find(&permit.call().snapshot, permit.account(), arn)?;
    Ok(GetOpenIDConnectProviderOutput {
        url: Some(shown_url(&provider.url)),
        client_id_list: Some(provider.client_ids.clone()),
        thumbprint_list: Some(provider.thumbprints.clone()),
        create_date: Some(provider.created.as_second()),
        tags: Some(tags::shown(&provider.tags)),
    })
}

/// AWS's answer has no scheme. With a port it keeps it, which AWS's providers never have: `localhost:4567/…` alone is a URL of
/// the scheme `localhost`, and terraform would make the provider anew each time.
fn shown_url(url: &str) -> String {
    let host = url.split('/').next().unwrap_or_default();
    if host.contains(':') { format!("https://{url}") } else { url.to_owned() }
}

pub(super) fn list_open_id_connect_providers(
    _ctx: &Context,
    permit: Authorized<ListOpenIDConnectProvidersInput>,
) -> Result<ListOpenIDConnectProvidersOutput, IamError> {
    let providers = permit.call().snapshot.providers(permit.account(), None);
    let list =
        providers.map(|provider| OpenIDConnectProviderListEntry { arn: Some(provider.arn()) }).collect();
    Ok(ListOpenIDConnectProvidersOutput { open_id_connect_provider_list: Some(list) })
}

/// Adding what is there already succeeds.
pub(super) fn add_client_id_to_open_id_connect_provider(
    ctx: &Context,
    permit: Authorized<AddClientIDToOpenIDConnectProviderInput>,
) -> Result<AddClientIDToOpenIDConnectProviderOutput, IamError> {
    let input = permit.input();
    change(ctx, permit.account(), &input.open_id_connect_provider_arn, |provider| {
        if !provider.client_ids.contains(&input.client_id) {
            provider.client_ids.push(input.client_id.clone());
        }
        quotas::CLIENT_IDS.admit(provider.client_ids.len())
    })?;
    Ok(AddClientIDToOpenIDConnectProviderOutput)
}

/// Removing what is not there succeeds.
pub(super) fn remove_client_id_from_open_id_connect_provider(
    ctx: &Context,
    permit: Authorized<RemoveClientIDFromOpenIDConnectProviderInput>,
) -> Result<RemoveClientIDFromOpenIDConnectProviderOutput, IamError> {
    let input = permit.input();
    change(ctx, permit.account(), &input.open_id_connect_provider_arn, |provider| {
        provider.client_ids.retain(|known| *known != input.client_id);
        Ok(())
    })?;
    Ok(RemoveClientIDFromOpenIDConnectProviderOutput)
}

pub(super) fn update_open_id_connect_provider_thumbprint(
    ctx: &Context,
    permit: Authorized<UpdateOpenIDConnectProviderThumbprintInput>,
) -> Result<UpdateOpenIDConnectProviderThumbprintOutput, IamError> {
    let input = permit.input();
    if input.thumbprint_list.is_empty() {
        return Err(IamError::InvalidInput("Thumbprint list must contain at least one entry."));
    }
    check_thumbprints(&input.thumbprint_list)?;
    change(ctx, permit.account(), &input.open_id_connect_provider_arn, |provider| {
        provider.thumbprints.clone_from(&input.thumbprint_list);
        Ok(())
    })?;
    Ok(UpdateOpenIDConnectProviderThumbprintOutput)
}

/// Deleting what is not there succeeds; roles that trust the provider keep their policies (IAM API reference).
pub(super) fn delete_open_id_connect_provider(
    ctx: &Context,
    permit: Authorized<DeleteOpenIDConnectProviderInput>,
) -> Result<DeleteOpenIDConnectProviderOutput, IamError> {
    let (account, arn) = (permit.account(), &permit.input().open_id_connect_provider_arn);
    managed::check_arn(arn)?;
    transact(ctx.store.as_ref(), |snapshot| {
        let deletion = match find(snapshot, account, arn) {
            Ok(provider) => Transaction::new().delete(Key::Provider(account, provider.url.clone())),
            Err(_) => Transaction::new(),
        };
        Ok((deletion, DeleteOpenIDConnectProviderOutput))
    })
}

/// The account's provider with this ARN.
pub(super) fn find<'s>(
    snapshot: &'s Snapshot,
    account: AccountId,
    arn: &str,
) -> Result<&'s OidcProvider, IamError> {
    managed::check_arn(arn)?;
    let url = arn.strip_prefix(&format!("arn:aws:iam::{account}:oidc-provider/"));
    url.and_then(|url| snapshot.provider(account, url))
        .map(|stored| &***stored)
        .ok_or_else(|| IamError::NoSuchProvider(arn.to_owned()))
}

/// Changes a provider of the account.
pub(super) fn change(
    ctx: &Context,
    account: AccountId,
    arn: &str,
    edit: impl Fn(&mut OidcProvider) -> Result<(), IamError>,
) -> Result<(), IamError> {
    transact(ctx.store.as_ref(), |snapshot| {
        let stored = find(snapshot, account, arn)?;
        let mut provider = stored.clone();
        edit(&mut provider)?;
        let transaction = Transaction::new();
        Ok((if provider == *stored { transaction } else { transaction.put(provider) }, ()))
    })
}

fn check_thumbprints(thumbprints: &[String]) -> Result<(), IamError> {
    if thumbprints.len() <= quotas::THUMBPRINTS_PER_PROVIDER {
        return Ok(());
    }
    Err(IamError::InvalidInput("Thumbprint list must contain fewer than 5 entries."))
}

fn unrepeated(values: &[String]) -> Vec<String> {
    let mut unrepeated: Vec<String> = Vec::new();
    for value in values {
        if !unrepeated.contains(value) {
            unrepeated.push(value.clone());
        }
    }
    unrepeated
}
