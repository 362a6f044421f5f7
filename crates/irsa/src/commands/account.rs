//! `irsa account`: accounts of the running server, or of the data folder when none runs.

use std::process::ExitCode;

use http::Method;
use irsa_cloud::accounts::{AdministratorKey, create_account};
use irsa_store::model::{AccountId, SecretString};
use irsa_store::{Embedded, Store as _};
use serde_json::{Value, json};

use crate::cli::{Account, AccountCommand};
use crate::client::Client;
use crate::data_folder::DataFolder;
use crate::error::CliError;
use crate::output::{Format, result};
use crate::serve::now;

pub(crate) async fn account(arguments: Account) -> Result<ExitCode, CliError> {
    match arguments.command {
        AccountCommand::Create { data, id, output } => {
            create(&DataFolder::create(data.folder.as_deref())?, id, output).await
        }
        AccountCommand::List { data, output } => list(&DataFolder::at(data.folder.as_deref())?, output).await,
    }
}

async fn create(folder: &DataFolder, id: AccountId, output: Format) -> Result<ExitCode, CliError> {
    let made = if folder.server().is_ok() {
        create_at_server(folder, id).await?
    } else {
        create_in_folder(folder, id)?
    };
    let Some(key) = made else {
        return Err(CliError::no("IRSA-X011", format!("the account {id} exists already"))
            .with_fix("`irsa account list` shows the accounts"));
    };
    folder.add_credentials(&key)?;
    let credentials = folder.path().join("credentials");
    let value = json!({
        "apiVersion": "irsa/v1", "kind": "Account", "id": id,
        "administratorAccessKeyId": key.access_key_id, "credentialsFile": credentials, "profile": id,
    });
    result(output, &value, || {
        format!("account {id} made; its administrator's key is in {}, profile {id}", credentials.display())
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn create_at_server(folder: &DataFolder, id: AccountId) -> Result<Option<AdministratorKey>, CliError> {
    let answer = Client::of(folder)?.operator(folder, Method::POST, &format!("accounts/{id}")).await?;
    let body = answer.json();
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    match (answer.status, text("accessKeyId"), text("secretAccessKey")) {
        (409, ..) => Ok(None),
        (200, Some(access_key_id), Some(secret)) => Ok(Some(AdministratorKey {
            account: id,
            access_key_id,
            secret_access_key: SecretString::new(secret),
        })),
        (status, ..) => Err(refused(status, &body)),
    }
}

fn create_in_folder(folder: &DataFolder, id: AccountId) -> Result<Option<AdministratorKey>, CliError> {
    let store = open(folder)?;
    create_account(&store, id, now())
        .map_err(|error| CliError::undecided("IRSA-X006", format!("the account could not be made: {error}")))
}

async fn list(folder: &DataFolder, output: Format) -> Result<ExitCode, CliError> {
    let accounts = if folder.server().is_ok() {
        let answer = Client::of(folder)?.operator(folder, Method::GET, "accounts").await?;
        if !answer.ok() {
            return Err(refused(answer.status, &answer.json()));
        }
        answer.json().get("items").cloned().unwrap_or_default()
    } else {
        let snapshot = open(folder)?.snapshot();
        Value::Array(
            snapshot
                .accounts()
                .map(|account| json!({"id": account.id, "created": account.created.to_string()}))
                .collect(),
        )
    };
    result(output, &json!({"apiVersion": "irsa/v1", "kind": "AccountList", "items": accounts}), || {
        let mut table = format!("{:<14}CREATED\n", "ACCOUNT");
        for account in accounts.as_array().into_iter().flatten() {
            let text = |name: &str| account.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            table.push_str(&format!("{:<14}{}\n", text("id"), text("created")));
        }
        table
    })?;
    Ok(ExitCode::SUCCESS)
}

fn open(folder: &DataFolder) -> Result<Embedded, CliError> {
    Embedded::open(folder.path()).map_err(|error| {
        CliError::undecided(
            "IRSA-X006",
            format!("the data in {} cannot be opened: {error}", folder.path().display()),
        )
        .with_fix("is it the folder that `irsa up` uses? name another with --data DIR")
    })
}

fn refused(status: u16, body: &Value) -> CliError {
    let message = body.get("error").and_then(Value::as_str).unwrap_or("no reason was given");
    CliError::undecided("IRSA-X003", format!("the server answered {status}: {message}"))
}
