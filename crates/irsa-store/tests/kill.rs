//! A process that is killed in the middle of its commits loses none that it was told are durable.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use irsa_store::model::{Account, AccountId};
use irsa_store::{Embedded, Store, Transaction};

const FOLDER: &str = "IRSA_STORE_KILL_TEST_FOLDER";

/// The test starts itself anew as the process that is killed.
#[test]
fn a_killed_process_keeps_what_it_was_told() {
    let id: AccountId = "111122223333".parse().unwrap();
    if let Some(folder) = std::env::var_os(FOLDER) {
        let store = Embedded::open(folder).unwrap();
        let start: u64 = store.snapshot().account(id).map_or(0, |account| account.name.parse().unwrap());
        for number in start + 1.. {
            let created = jiff::Timestamp::UNIX_EPOCH;
            let account = Account { id, name: number.to_string(), alias: None, created };
            store.commit(Transaction::new().put(account)).unwrap();
            writeln!(std::io::stderr(), "durable {number}").unwrap();
        }
    }

    let folder = tempfile::tempdir().unwrap();
    let mut told = 0;
    for round in 1..=5 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_killed_process_keeps_what_it_was_told", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut numbers = lines.filter_map(|line| line.strip_prefix("durable ")?.parse::<u64>().ok());
        told = numbers.by_ref().take(7 * round).last().unwrap();
        child.kill().unwrap();
        told = numbers.last().unwrap_or(told);
        child.wait().unwrap();

        let store = Embedded::open(folder.path()).unwrap();
        let found: u64 = store.snapshot().account(id).unwrap().name.parse().unwrap();
        // One commit may have become durable without time left to tell.
        assert!(found == told || found == told + 1, "round {round}: {found} of {told}");
    }
    assert!(told >= 35);
}
