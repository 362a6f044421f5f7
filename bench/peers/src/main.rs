//! Reads scenes as JSON from stdin and prints what a decision costs: engine, scene and nanoseconds, a line each.
#![forbid(unsafe_code)]

mod cedar;
mod iam_rs;
#[path = "../../src/policy/timing.rs"]
mod timing;

use std::error::Error;
use std::io::Read as _;

use serde_json::Value;

/// What stops a measurement: a sentence.
pub(crate) type Failure = Box<dyn Error>;

fn main() -> Result<(), Failure> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let scenes: Value = serde_json::from_str(&text)?;
    for scene in scenes.as_array().ok_or("a list of scenes")? {
        let name = scene["name"].as_str().ok_or("a scene without a name")?;
        let allows = iam_rs::prepare(scene)?;
        report("iam-rs 0.8.0", name, allows)?;
        if let Some(allows) = cedar::prepare(scene)? {
            report("cedar-policy 4.14.1", name, allows)?;
        }
    }
    Ok(())
}

fn report(engine: &str, scene: &str, allows: impl Fn() -> bool) -> Result<(), Failure> {
    if !allows() {
        return Err(format!("{engine} does not allow {scene}").into());
    }
    println!("{engine}\t{scene}\t{:.1}", timing::nanoseconds(&allows));
    Ok(())
}
