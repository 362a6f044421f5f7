//! `irsa issuer rotate`: one step of a rotation, or how far it is. Every step can be repeated after an interruption.

use std::process::ExitCode;

use irsa_cluster::issuer::IssuerKey;
use irsa_cluster::issuer::rotation::{Next, RotationError, State, Step};
use serde_json::json;

use super::place::Place;
use super::source::{cluster, read_file};
use crate::cli::issuer::Rotate;
use crate::error::CliError;
use crate::output::{FAINT, STRONG, WARN, note, result};
use crate::serve::now;

pub(super) async fn rotate(arguments: &Rotate) -> Result<ExitCode, CliError> {
    let (to, place) = (&arguments.destination.to, Place::of(&arguments.destination)?);
    let found = place.state().await?.ok_or_else(|| {
        CliError::usage("IRSA-X062", format!("{to}: nothing was published there"))
            .with_fix("begin with `irsa issuer publish`")
    })?;
    let asked = asked(arguments, &found.state).await?;
    let now = now();
    let (step, mut state) = after(&found.state, &asked, arguments, now)?;
    let is_changed = state != found.state;
    let is_written = is_changed && arguments.approve;
    if is_written {
        state = place.take(step, &state, Some(&found), now).await?;
    } else if matches!(asked, Asked::Nothing) {
        state = found.state.clone();
    }
    let next = state.next(now, arguments.longest_token);
    let value = json!({
        "apiVersion": "irsa/v1", "kind": "IssuerRotation", "issuer": state.issuer, "written": is_written,
        "keys": state.keys.iter().map(|key| json!({ "kid": key.kid, "published": key.published })).collect::<Vec<_>>(),
        "switched": state.switched, "interrupted": state.pending.map(|pending| pending.step), "next": next,
    });
    result(arguments.output, &value, || table(&state, next, to))?;
    if is_changed && !arguments.approve {
        note("nothing was written; run again with --approve");
    }
    Ok(ExitCode::SUCCESS)
}

/// The step that is asked for.
enum Asked {
    Nothing,
    Add(Vec<IssuerKey>),
    Switch,
    Finish,
}

async fn asked(arguments: &Rotate, state: &State) -> Result<Asked, CliError> {
    if let Some(live) = cluster(arguments.from_kubeconfig, &arguments.context).await? {
        let is_new = |key: &IssuerKey| !state.keys.iter().any(|known| known.kid == key.kid);
        let is_being_added = state.pending.is_some_and(|pending| pending.step == Step::Add);
        let new: Vec<_> = live.keys.into_iter().filter(is_new).collect();
        return match new.len() {
            0 if !is_being_added => {
                Err(CliError::no("IRSA-X063", "every key of the cluster is published already")
                    .with_fix("give the API server the new key with --service-account-key-file first, or name it with --add FILE"))
            }
            0 | 1 => Ok(Asked::Add(new)),
            several => {
                Err(CliError::no("IRSA-X063", format!("the cluster has {several} keys that are not published"))
                    .with_fix("keys are replaced one after another: name the next one with --add FILE"))
            }
        };
    }
    Ok(match &arguments.add {
        Some(file) => Asked::Add(read_file(file)?),
        None if arguments.switched => Asked::Switch,
        None if arguments.finish => Asked::Finish,
        None => Asked::Nothing,
    })
}

/// The state that the step leads to. One that was interrupted is completed by doing it again, and before any other.
fn after(before: &State, asked: &Asked, arguments: &Rotate, now: i64) -> Result<(Step, State), CliError> {
    let refused = |error: RotationError| {
        let message = match error {
            RotationError::TooEarly { until } => format!("it is too early: wait until {}", moment(until)),
            other => other.to_string(),
        };
        let to = &arguments.destination.to;
        CliError::no("IRSA-X063", message)
            .with_fix(format!("`irsa issuer rotate --to {to}` shows how far it is"))
    };
    let interrupted = before.pending.map(|pending| pending.step);
    let mut state = before.completed(now);
    let step = match asked {
        Asked::Nothing => interrupted.unwrap_or(Step::Publish),
        Asked::Add(keys) => {
            for key in keys {
                match state.add(key, now) {
                    Err(RotationError::Known(_)) if interrupted == Some(Step::Add) => {}
                    other => other.map_err(refused)?,
                }
            }
            Step::Add
        }
        Asked::Switch => {
            state.switch(now).map_err(refused)?;
            Step::Switch
        }
        Asked::Finish if interrupted == Some(Step::Finish) => Step::Finish,
        Asked::Finish => {
            state.finish(now, arguments.longest_token).map_err(refused)?;
            Step::Finish
        }
    };
    Ok((step, state))
}

fn table(state: &State, next: Next, place: &str) -> String {
    let mut out = format!("{STRONG}{}{STRONG:#}\n", state.issuer);
    for key in &state.keys {
        let since = moment(key.published);
        out.push_str(&format!("  {}  {}  {FAINT}published {since}{FAINT:#}\n", key.kid, key.algorithm));
    }
    if state.pending.is_some() {
        out.push_str(&format!(
            "{WARN}a step was interrupted{WARN:#}: irsa issuer rotate --to {place} --approve completes it\n"
        ));
    }
    if let Some(switched) = state.switched {
        out.push_str(&format!("  the newest signs since {}\n", moment(switched)));
    }
    out + "next: "
        + &match next {
            Next::Nothing => format!(
                "nothing; a new key begins with irsa issuer rotate --to {place} --add FILE --approve\n"
            ),
            Next::WaitForVerifiers { until } => {
                format!("wait until {}: verifiers may keep the old key set that long\n", moment(until))
            }
            Next::Switch => format!(
                "let the API server sign with the new key (--service-account-signing-key-file; keep both under --service-account-key-file), then irsa issuer rotate --to {place} --switched --approve\n"
            ),
            Next::WaitForTokens { until } => {
                format!("wait until {}: tokens of the old key live that long\n", moment(until))
            }
            Next::Finish => format!("irsa issuer rotate --to {place} --finish --approve\n"),
        }
}

fn moment(time: i64) -> String {
    jiff::Timestamp::from_second(time).map_or_else(|_| time.to_string(), |time| time.to_string())
}
