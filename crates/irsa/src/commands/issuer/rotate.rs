//! `irsa issuer rotate`: one step of a rotation, or how far it is. Every step can be repeated after an interruption.

use std::process::ExitCode;

use irsa_cluster::issuer::rotation::{Next, RotationError, State};
use serde_json::json;

use super::{folder, read_file};
use crate::cli::issuer::Rotate;
use crate::error::CliError;
use crate::output::{FAINT, STRONG, note, result};
use crate::serve::now;

pub(super) fn rotate(arguments: &Rotate) -> Result<ExitCode, CliError> {
    let before = folder::state(&arguments.to)?.ok_or_else(|| {
        CliError::usage("IRSA-X062", format!("{}: nothing was published there", arguments.to.display()))
            .with_fix("begin with `irsa issuer publish`")
    })?;
    let now = now();
    let mut state = before.clone();
    step(&mut state, arguments, now)?;
    let changed = state != before;
    if changed && arguments.approve {
        folder::write(&folder::files(&arguments.to, &state)?)?;
    }
    let next = state.next(now, arguments.longest_token);
    let value = json!({
        "apiVersion": "irsa/v1", "kind": "IssuerRotation", "issuer": state.issuer, "written": changed && arguments.approve,
        "keys": state.keys.iter().map(|key| json!({ "kid": key.kid, "published": key.published })).collect::<Vec<_>>(),
        "switched": state.switched, "next": next,
    });
    result(arguments.output, &value, || table(&state, next, &arguments.to.display().to_string()))?;
    if changed && !arguments.approve {
        note("nothing was written; run again with --approve");
    }
    Ok(ExitCode::SUCCESS)
}

fn step(state: &mut State, arguments: &Rotate, now: i64) -> Result<(), CliError> {
    let refused = |error: RotationError| {
        let message = match error {
            RotationError::TooEarly { until } => format!("it is too early: wait until {}", moment(until)),
            other => other.to_string(),
        };
        CliError::no("IRSA-X063", message)
            .with_fix(format!("`irsa issuer rotate --to {}` shows how far it is", arguments.to.display()))
    };
    if let Some(file) = &arguments.add {
        for key in read_file(file)? {
            state.add(&key, now).map_err(refused)?;
        }
    } else if arguments.switched {
        state.switch(now).map_err(refused)?;
    } else if arguments.finish {
        state.finish(now, arguments.longest_token).map_err(refused)?;
    }
    Ok(())
}

fn table(state: &State, next: Next, folder: &str) -> String {
    let mut out = format!("{STRONG}{}{STRONG:#}\n", state.issuer);
    for key in &state.keys {
        let since = moment(key.published);
        out.push_str(&format!("  {}  {}  {FAINT}published {since}{FAINT:#}\n", key.kid, key.algorithm));
    }
    if let Some(switched) = state.switched {
        out.push_str(&format!("  the newest signs since {}\n", moment(switched)));
    }
    out + "next: "
        + &match next {
            Next::Nothing => format!(
                "nothing; a new key begins with irsa issuer rotate --to {folder} --add FILE --approve\n"
            ),
            Next::WaitForVerifiers { until } => {
                format!("wait until {}: verifiers may keep the old key set that long\n", moment(until))
            }
            Next::Switch => format!(
                "let the API server sign with the new key (--service-account-signing-key-file; keep both under --service-account-key-file), then irsa issuer rotate --to {folder} --switched --approve\n"
            ),
            Next::WaitForTokens { until } => {
                format!("wait until {}: tokens of the old key live that long\n", moment(until))
            }
            Next::Finish => format!("irsa issuer rotate --to {folder} --finish --approve\n"),
        }
}

fn moment(time: i64) -> String {
    jiff::Timestamp::from_second(time).map_or_else(|_| time.to_string(), |time| time.to_string())
}
