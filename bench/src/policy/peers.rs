//! The same scenes, asked of other engines.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use irsa_policy::{Policy, Principal};
use serde_json::{Value, json};

use super::scenes::Scene;
use crate::Failure;

const SIMULATOR: &str = "@cloud-copilot/iam-simulate@0.1.173";

/// Prints what each engine takes for each scene, and how many times ours that is.
pub(super) fn run(root: &Path, scenes: &[(&str, Scene)], ours: &[(&str, f64)]) -> Result<(), Failure> {
    let exported: Vec<Value> = scenes.iter().map(|(name, scene)| export(name, scene)).collect();
    let input = serde_json::to_string(&exported)?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    eprintln!("building iam-rs and Cedar in bench/peers");
    let rust = answer(
        Command::new(cargo)
            .args(["run", "--release", "--quiet", "--manifest-path", "bench/peers/Cargo.toml"])
            .current_dir(root),
        &input,
    )?;
    let node = simulator(root, &input)?;
    println!("\n| engine | scene | ns a decision | × ours |\n|---|---|--:|--:|");
    for (name, nanoseconds) in ours {
        println!("| irsa-policy | {name} | {nanoseconds:.1} | 1 |");
        for line in rust.lines().chain(node.lines()) {
            let mut fields = line.split('\t');
            let (Some(engine), Some(scene), Some(taken)) = (fields.next(), fields.next(), fields.next())
            else {
                return Err(format!("an unexpected line: {line}").into());
            };
            if scene == *name {
                let taken: f64 = taken.parse()?;
                println!("| {engine} | {name} | {taken:.1} | {:.1} |", taken / nanoseconds);
            }
        }
    }
    Ok(())
}

/// The scene as JSON: policies as texts, and the request.
fn export(name: &str, scene: &Scene) -> Value {
    let principal = match &scene.principal {
        Principal::RoleSession { role_arn, .. } => role_arn.clone(),
        other => other.display_name(),
    };
    json!({
        "name": name,
        "identity": scene.identity.iter().map(Policy::source).collect::<Vec<_>>(),
        "trust": scene.resource_policy.as_ref().filter(|_| scene.is_trust).map(Policy::source),
        "principal": principal,
        "action": scene.action,
        "resource": scene.resource,
        "account": scene.owner,
        "context": &scene.context,
    })
}

/// The simulator of the npm registry, as a black box.
fn simulator(root: &Path, input: &str) -> Result<String, Failure> {
    let folder = root.join(".tools/bench-node");
    if !folder.join("node_modules/@cloud-copilot/iam-simulate").exists() {
        std::fs::create_dir_all(&folder)?;
        let installed = Command::new("npm")
            .args(["install", "--silent", "--no-audit", "--no-fund", "--prefix", "."])
            .arg(SIMULATOR)
            .current_dir(&folder)
            .status();
        if !installed.is_ok_and(|status| status.success()) {
            eprintln!("skipped: {SIMULATOR} could not be installed by npm");
            return Ok(String::new());
        }
    }
    std::fs::write(folder.join("ask.mjs"), include_str!("simulator.mjs"))?;
    answer(Command::new("node").arg("ask.mjs").current_dir(&folder), input)
}

fn answer(command: &mut Command, input: &str) -> Result<String, Failure> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    child.stdin.take().ok_or("no stdin")?.write_all(input.as_bytes())?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        return Err(format!("{command:?} failed: {}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
