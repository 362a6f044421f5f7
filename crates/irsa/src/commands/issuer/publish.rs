//! `irsa issuer publish`: the documents into a folder or an object store. Planned by default, done with `--approve`.

use std::process::ExitCode;

use irsa_cluster::issuer::rotation::{State, Step};
use serde_json::json;

use super::documents_of;
use super::place::Place;
use super::source::known;
use crate::cli::issuer::Publish;
use crate::error::CliError;
use crate::output::{GOOD, note, result, visible};
use crate::serve::now;

pub(super) async fn publish(arguments: &Publish) -> Result<ExitCode, CliError> {
    let known = known(&arguments.issuer).await?;
    let issuer = known.issuer.as_str();
    documents_of(issuer, &known.keys)?;
    let place = Place::of(&arguments.destination)?;
    let (found, now) = (place.state().await?, now());
    let given = State::first(issuer, &known.keys, now);
    let state = match &found {
        None => given,
        Some(found) => {
            check_against(&found.state, &given)?;
            let mut state = found.state.completed(now);
            state.publish(&known.keys, now);
            state
        }
    };
    let documents = documents_of(issuer, &state.issuer_keys())?;
    if arguments.approve {
        place.take(Step::Publish, &state, found.as_ref(), now).await?;
    }
    let files = place.names(&documents);
    let value = json!({ "apiVersion": "irsa/v1", "kind": "IssuerPublication", "issuer": issuer, "files": files, "written": arguments.approve });
    result(arguments.output, &value, || {
        let did = if arguments.approve { "wrote" } else { "would write" };
        files.iter().map(|file| format!("{GOOD}{did}{GOOD:#} {file}\n")).collect()
    })?;
    if arguments.approve {
        let source = if arguments.issuer.from_kubeconfig { "--from-kubeconfig" } else { "--key FILE" };
        note(&format!("serve it at {issuer}; then: irsa issuer verify --issuer {issuer} {source}"));
    } else {
        note("nothing was written; run again with --approve");
    }
    if let Some(live) = known.live.as_ref().filter(|live| live.issuer != issuer) {
        let live = visible(&live.issuer);
        note(&format!(
            "the cluster signs tokens of {live}; `irsa issuer plan` prints what to tell its API server"
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// A place belongs to one issuer, and a key that was published must not vanish but by a rotation.
fn check_against(before: &State, given: &State) -> Result<(), CliError> {
    if before.issuer != given.issuer {
        return Err(CliError::no("IRSA-X063", format!("the place is of the issuer {}", before.issuer))
            .with_fix("name another place with --to"));
    }
    let kept = |kid: &str| given.keys.iter().any(|key| key.kid == kid);
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
