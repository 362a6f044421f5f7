//! Reads scenes as JSON from stdin and prints what a decision costs: engine, scene and nanoseconds, a line each.
#![forbid(unsafe_code)]

mod cedar;
mod iam_rs;

use std::error::Error;
use std::hint::black_box;
use std::io::Read as _;
use std::time::{Duration, Instant};

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
    println!("{engine}\t{scene}\t{:.1}", nanoseconds(&allows));
    Ok(())
}

/// The median of seven runs of about 150 ms each.
fn nanoseconds(allows: &impl Fn() -> bool) -> f64 {
    let run = |times: u32| {
        let start = Instant::now();
        for _ in 0..times {
            black_box(allows());
        }
        start.elapsed()
    };
    let mut times = 1;
    while run(times) < Duration::from_millis(20) {
        times *= 2;
    }
    times *= 8;
    let mut runs: Vec<f64> = (0..7).map(|_| run(times).as_secs_f64() * 1e9 / f64::from(times)).collect();
    runs.sort_by(f64::total_cmp);
    runs[runs.len() / 2]
}
