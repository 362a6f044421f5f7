//! `irsa policy eval --batch`: lines a second, read from a file and written to nowhere.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::json;

use super::scenes;
use crate::Failure;

const LINES: u32 = 1_000_000;
/// Lines a second that the command has to reach.
const LIMIT: f64 = 500_000.0;

pub(super) fn run(root: &Path) -> Result<(), Failure> {
    let binary = crate::sts::build(root)?;
    let folder = tempfile::tempdir()?;
    let cases = folder.path().join("cases.ndjson");
    write(&cases)?;
    let started = Instant::now();
    let status = Command::new(&binary)
        .args(["policy", "eval", "--batch"])
        .stdin(Stdio::from(File::open(&cases)?))
        .stdout(Stdio::null())
        .status()?;
    let taken = started.elapsed().as_secs_f64();
    if !status.success() {
        return Err(format!("irsa policy eval --batch failed: {status}").into());
    }
    let rate = f64::from(LINES) / taken;
    println!(
        "\nirsa policy eval --batch: {LINES} lines in {taken:.2} s, {rate:.0} a second, {:.2} × the limit of {LIMIT:.0}",
        rate / LIMIT
    );
    Ok(())
}

/// The same policy in every line, another object each.
fn write(path: &Path) -> Result<(), Failure> {
    let document: serde_json::Value = serde_json::from_str(scenes::TWO_STATEMENTS)?;
    let mut file = BufWriter::new(File::create(path)?);
    for number in 0..LINES {
        let case = json!({
            "id": number,
            "principal": "arn:aws:iam::111122223333:role/shop-api",
            "action": "s3:GetObject",
            "resource": { "arn": format!("arn:aws:s3:::shop-data/orders/{number}"), "account": "111122223333" },
            "context": { "aws:SourceIp": "10.1.2.3" },
            "policies": { "identity": [document] },
        });
        serde_json::to_writer(&mut file, &case)?;
        file.write_all(b"\n")?;
    }
    file.flush()?;
    Ok(())
}
