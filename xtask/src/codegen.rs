//! Inputs, outputs and constraints of AWS's services, from their models.
//!
//! Two steps. [`trim`] keeps of botocore's models the operations of [`operations`] and what they reach, without a word
//! of documentation, and writes `crates/irsa-cloud/models`. Everything after reads only those, so that neither a
//! build nor a check needs botocore.

mod emit;
mod model;
mod names;
mod operations;
mod pattern;
mod query;
mod rest;
mod trim;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use model::Model;

/// What to do.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// Compare only.
    pub(crate) check: bool,
    /// The botocore package to trim models from.
    pub(crate) botocore: Option<PathBuf>,
}

/// Text of files, by their path in the folder that they belong to.
type Files = BTreeMap<String, String>;

pub(crate) fn run(options: &Options) -> Result<(), String> {
    let cloud = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/irsa-cloud");
    let models = cloud.join("models");
    let mut stale = Vec::new();
    if let Some(botocore) = &options.botocore {
        stale.extend(update(&models, &trim::run(botocore)?, options.check)?);
    }
    let code = generate(&models)?
        .into_iter()
        .map(|(name, text)| match format_code(&text) {
            Ok(text) => Ok((name, text)),
            Err(error) => Err(format!("{name}: {error}")),
        })
        .collect::<Result<Files, String>>()?;
    stale.extend(update(&cloud.join("src/generated"), &code, options.check)?);
    if stale.is_empty() {
        return Ok(());
    }
    Err(format!("stale: {}; run `cargo run -p xtask -- codegen`", stale.join(", ")))
}

/// Writes what differs, or, when only checking, returns its names.
fn update(folder: &Path, files: &Files, check: bool) -> Result<Vec<String>, String> {
    let mut stale = Vec::new();
    for (name, text) in files {
        let path = folder.join(name);
        if std::fs::read_to_string(&path).is_ok_and(|found| found == *text) {
            continue;
        }
        if check {
            stale.push(name.clone());
        } else {
            write(&path, text)?;
        }
    }
    Ok(stale)
}

fn generate(models: &Path) -> Result<Files, String> {
    let mut files = Files::new();
    for service in operations::SERVICES {
        let path = models.join(format!("{}.json", service.name));
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let model = Model::parse(service.name, &text)?;
        let generated = match model.protocol() {
            "query" => query::generate(&model)?,
            "rest-json" => rest::generate(&model)?,
            other => return Err(format!("{}: protocol {other} is not supported", service.name)),
        };
        files.extend(generated);
    }
    Ok(files)
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(path, text).map_err(failed)
}

/// Through `rustfmt`, with the workspace's configuration.
fn format_code(text: &str) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("rustfmt: {error}");
    let mut child = Command::new("rustfmt")
        .args(["--edition", "2024", "--config-path"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../rustfmt.toml"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let stdin = child.stdin.take();
    let writer = {
        let text = text.to_owned();
        std::thread::spawn(move || stdin.map_or(Ok(()), |mut stdin| stdin.write_all(text.as_bytes())))
    };
    let output = child.wait_with_output().map_err(failed)?;
    let written = writer.join().map_err(|_| "rustfmt: the writer stopped".to_owned())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    written.map_err(failed)?;
    String::from_utf8(output.stdout).map_err(|error| format!("rustfmt: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn committed_code_is_fresh() {
        run(&Options { check: true, botocore: None }).unwrap();
    }
}
