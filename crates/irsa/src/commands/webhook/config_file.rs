//! `--config FILE`: flags from a file, in front of those of the command line, which go before them.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use serde_json::Value;

use crate::cli::webhook::Webhook as Flags;
use crate::cli::{Cli, Command, usage_error};
use crate::error::CliError;

/// The flags of file and command line together; the exit code where they are no flags.
pub(super) fn with_flags_of(file: &Path) -> Result<Result<Flags, ExitCode>, CliError> {
    let unreadable = |cause: String| {
        CliError::usage("IRSA-X082", format!("--config {}: {cause}", file.display())).with_fix(
            "it is a mapping of flags without their dashes, such as `port: 8443`; `irsa webhook --help` lists them",
        )
    };
    let text = std::fs::read_to_string(file).map_err(|error| unreadable(error.to_string()))?;
    let own = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect::<Vec<_>>();
    let arguments = arguments(&text, &own).map_err(unreadable)?;
    match Cli::try_parse_from(arguments) {
        Ok(Cli { command: Command::Webhook(flags) }) => Ok(Ok(*flags)),
        Ok(_) => Err(unreadable("it changes the command".to_owned())),
        Err(usage) => Ok(Err(usage_error(&usage))),
    }
}

/// `own`, with the file's flags after the name of the subcommand.
fn arguments(text: &str, own: &[String]) -> Result<Vec<String>, String> {
    let flags: Option<BTreeMap<String, Value>> =
        serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    let place = own.iter().position(|argument| argument == "webhook").map_or(own.len(), |place| place + 1);
    let (before, after) = own.split_at(place);
    let mut arguments = before.to_vec();
    for (name, value) in flags.into_iter().flatten() {
        if name.starts_with('-') || name.contains(['=', ' ']) || name == "config" {
            return Err(format!("`{name}` is no flag that a file can have"));
        }
        arguments.push(format!("--{name}={}", text_of(&name, &value)?));
    }
    arguments.extend_from_slice(after);
    Ok(arguments)
}

fn text_of(name: &str, value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(truth) => Ok(truth.to_string()),
        Value::Array(values) => {
            Ok(values.iter().map(|value| text_of(name, value)).collect::<Result<Vec<_>, _>>()?.join(","))
        }
        Value::Null | Value::Object(_) => Err(format!("`{name}` has no value that a flag can have")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_comes_last() {
        let own: Vec<String> =
            ["irsa", "webhook", "--config", "f.yaml", "--port=2"].map(str::to_owned).into();
        let file = "port: 1\nwatch-config-map: true\ntls-cipher-suites: [A, B]\nnamespace: kube-system\n";
        assert_eq!(
            arguments(file, &own).unwrap(),
            [
                "irsa",
                "webhook",
                "--namespace=kube-system",
                "--port=1",
                "--tls-cipher-suites=A,B",
                "--watch-config-map=true",
                "--config",
                "f.yaml",
                "--port=2",
            ]
        );
        assert_eq!(arguments("", &own).unwrap(), own);
    }

    #[test]
    fn what_is_no_flag_is_refused() {
        let own = ["irsa".to_owned(), "webhook".to_owned()];
        for bad in ["- port", "port: {a: 1}", "port: null", "--port: 1", "config: other.yaml", "a=b: c"] {
            assert!(arguments(bad, &own).is_err(), "{bad}");
        }
    }
}
