//! `irsa issuer publish`: the documents into a folder. Planned by default, done with `--approve`.

use std::process::ExitCode;

use irsa_cluster::issuer::rotation::State;
use serde_json::json;

use super::{folder, read_keys};
use crate::cli::issuer::Publish;
use crate::error::CliError;
use crate::output::{GOOD, note, result};
use crate::serve::now;

pub(super) fn publish(arguments: &Publish) -> Result<ExitCode, CliError> {
    let keys = read_keys(&arguments.issuer)?;
    let issuer = arguments.issuer.issuer.as_str();
    let state = State::first(issuer, &keys, now());
    if let Some(before) = folder::state(&arguments.to)? {
        check_against(&before, &state)?;
    }
    let files = folder::files(&arguments.to, &state)?;
    if arguments.approve {
        folder::write(&files)?;
    }
    let paths: Vec<String> = files.iter().map(|(path, _)| path.display().to_string()).collect();
    let value = json!({ "apiVersion": "irsa/v1", "kind": "IssuerPublication", "issuer": issuer, "files": paths, "written": arguments.approve });
    result(arguments.output, &value, || {
        paths
            .iter()
            .map(|path| {
                format!("{GOOD}{}{GOOD:#} {path}\n", if arguments.approve { "wrote" } else { "would write" })
            })
            .collect()
    })?;
    if arguments.approve {
        note(&format!("serve the folder at {issuer}; then: irsa issuer verify --issuer {issuer} --key FILE"));
    } else {
        note("nothing was written; run again with --approve");
    }
    Ok(ExitCode::SUCCESS)
}

/// A folder belongs to one issuer, and a key that was published must not vanish but by a rotation.
fn check_against(before: &State, after: &State) -> Result<(), CliError> {
    if before.issuer != after.issuer {
        return Err(CliError::no("IRSA-X063", format!("the folder is of the issuer {}", before.issuer))
            .with_fix("name another folder with --to"));
    }
    let kept = |kid: &str| after.keys.iter().any(|key| key.kid == kid);
    match before.keys.iter().find(|key| !kept(&key.kid)) {
        None => Ok(()),
        Some(gone) => Err(CliError::no(
            "IRSA-X063",
            format!(
                "the key {} is published and would vanish: tokens that it signed would be refused",
                gone.kid
            ),
        )
        .with_fix("replace keys with `irsa issuer rotate --add FILE`")),
    }
}
