//! `irsa env`: the exports that point AWS clients at a running server.

use std::process::ExitCode;

use serde_json::json;

use crate::cli::Env;
use crate::data_folder::DataFolder;
use crate::error::CliError;
use crate::output::{Format, print, result};

pub(crate) fn env(arguments: &Env) -> Result<ExitCode, CliError> {
    let folder = DataFolder::at(arguments.data.folder.as_deref())?;
    let server = folder.server()?;
    folder.key(arguments.account)?;
    let profile = arguments.account.map_or_else(|| "default".to_owned(), |account| account.to_string());
    let credentials = folder.path().join("credentials");
    // The key itself stays in its file: what is printed ends up in shell histories and CI logs.
    let variables = [
        ("AWS_ENDPOINT_URL", server.endpoint),
        ("AWS_DEFAULT_REGION", server.region.clone()),
        ("AWS_REGION", server.region),
        ("AWS_SHARED_CREDENTIALS_FILE", credentials.display().to_string()),
        ("AWS_PROFILE", profile),
        ("IRSA_DATA", folder.path().display().to_string()),
        ("IRSA_CA_BUNDLE", folder.path().join("ca.pem").display().to_string()),
    ];
    if arguments.output == Format::Table {
        for (name, value) in &variables {
            print(&format!("export {name}={}", quoted(value)));
        }
        // Keys in the environment would win over the file.
        print("unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN");
        return Ok(ExitCode::SUCCESS);
    }
    let variables: serde_json::Map<_, _> =
        variables.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    result(
        arguments.output,
        &json!({"apiVersion": "irsa/v1", "kind": "Environment", "variables": variables}),
        String::new,
    )?;
    Ok(ExitCode::SUCCESS)
}

/// A word that the shell takes as it is.
fn quoted(value: &str) -> String {
    let plain = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/:._-".contains(&byte));
    if plain { value.to_owned() } else { format!("'{}'", value.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn values_survive_the_shell() {
        assert_eq!(quoted("http://127.0.0.1:4566"), "http://127.0.0.1:4566");
        assert_eq!(quoted("/home/my data/x"), "'/home/my data/x'");
        assert_eq!(quoted("it's; $HOME"), r"'it'\''s; $HOME'");
    }
}
