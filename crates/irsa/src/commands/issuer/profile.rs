//! Who writes to S3, as AWS's own tools find it: environment, then a pod's or a machine's own role, then the shared files
//! (AWS SDKs and Tools reference guide, "Standardized credential providers").

use std::collections::HashMap;
use std::path::PathBuf;

use irsa_store::model::SecretString;

use crate::error::CliError;

/// What the shared files say.
#[derive(Default)]
pub(super) struct Profile {
    /// The region, also from the environment.
    pub(super) region: Option<String>,
    /// Keys, where the environment has neither keys nor a role.
    pub(super) keys: Option<Keys>,
}

/// An access key of the shared credentials file.
pub(super) struct Keys {
    pub(super) access_key_id: String,
    pub(super) secret_access_key: SecretString,
    pub(super) session_token: Option<String>,
}

/// The profile of `$AWS_PROFILE`, or `default`.
pub(super) fn chosen() -> Result<Profile, CliError> {
    let of = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let named = of("AWS_PROFILE").or_else(|| of("AWS_DEFAULT_PROFILE"));
    let name = named.clone().unwrap_or_else(|| "default".to_owned());
    let read = |variable: &str, file: &str| {
        let path = of(variable).map(PathBuf::from).or_else(|| Some(PathBuf::from(of("HOME")?).join(file)));
        path.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default()
    };
    let credentials = section(&read("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"), &name);
    let config_file = read("AWS_CONFIG_FILE", ".aws/config");
    // The default profile alone has no word before its name.
    let heading = if name == "default" { name.clone() } else { format!("profile {name}") };
    let config = section(&config_file, &heading);
    let region =
        of("AWS_REGION").or_else(|| of("AWS_DEFAULT_REGION")).or_else(|| config.get("region").cloned());
    let has_own = ["AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI"]
        .iter()
        .any(|variable| of(variable).is_some());
    if has_own {
        return Ok(Profile { region, keys: None });
    }
    let keys = keys(&credentials).or_else(|| keys(&config));
    match named {
        Some(named) if keys.is_none() => {
            Err(CliError::usage("IRSA-X064", format!("the profile `{named}` has no access key of its own"))
                .with_fix(format!(
                    "eval \"$(aws configure export-credentials --profile {named} --format env)\""
                )))
        }
        _ => Ok(Profile { region, keys }),
    }
}

fn keys(section: &HashMap<String, String>) -> Option<Keys> {
    Some(Keys {
        access_key_id: section.get("aws_access_key_id")?.clone(),
        secret_access_key: SecretString::new(section.get("aws_secret_access_key")?),
        session_token: section.get("aws_session_token").cloned(),
    })
}

/// The settings below `[name]`, as botocore reads them: comments begin a line, names are in lower case.
fn section(text: &str, name: &str) -> HashMap<String, String> {
    let mut settings = HashMap::new();
    let mut is_wanted = false;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(heading) = trimmed.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            is_wanted = heading.0.split_whitespace().eq(name.split_whitespace());
        } else if is_wanted
            && !line.starts_with([' ', '\t'])
            && let Some((key, value)) = trimmed.split_once('=')
        {
            settings.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_a_section() {
        let text = "# mine\n[default]\naws_access_key_id = A\nAWS_SECRET_ACCESS_KEY=s=3\n\n[ profile  b ]\nregion = eu-west-1\ns3 =\n  addressing_style = path\n; end\n[c]\nnot a setting\n";
        let default = section(text, "default");
        assert_eq!(default.get("aws_access_key_id").unwrap(), "A");
        assert_eq!(default.get("aws_secret_access_key").unwrap(), "s=3");
        let b = section(text, "profile b");
        assert_eq!((b.get("region").unwrap().as_str(), b.len()), ("eu-west-1", 2));
        assert!(section(text, "c").is_empty() && section(text, "d").is_empty());
        assert!(keys(&b).is_none() && keys(&default).is_some());
    }
}
