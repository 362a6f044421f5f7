//! What survives locks, kills, damage, and a disk that fails.

use super::disk::{Disk, Fault};
use super::*;

#[test]
fn a_second_opener_is_locked_out() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path()).unwrap();
    let error = Embedded::open(folder.path()).unwrap_err();
    assert!(matches!(&error, OpenError::Locked { folder: locked } if locked == folder.path()), "{error}");
    drop(store);
    Embedded::open(folder.path()).unwrap();
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_the_state() {
    use std::os::unix::fs::PermissionsExt;
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("data");
    let _store = Embedded::open(&folder).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&folder.join("state.redb")), 0o600);
}

/// The file as it stands in the middle of work is what `kill -9` leaves.
#[test]
fn an_acknowledged_commit_survives_a_kill() {
    let (folder, abandoned) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = Embedded::open(folder.path()).unwrap();
    store.commit(put(account("0"))).unwrap();
    for round in 1..=20 {
        increment(&store).unwrap();
        let copy = abandoned.path().join("state.redb");
        std::fs::copy(folder.path().join("state.redb"), copy).unwrap();
        let left = Embedded::open(abandoned.path()).unwrap();
        assert_eq!(count(&left), round);
        increment(&left).unwrap();
    }
}

#[test]
fn damage_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.redb");
    let store = Embedded::open(folder.path()).unwrap();
    for number in 0..40 {
        store.commit(put(role(&format!("role-{number}")))).unwrap();
    }
    drop(store);
    let good = std::fs::read(&file).unwrap();
    // In every page that holds it, since not every page still belongs to the state.
    let mut stored = good.clone();
    for (place, window) in good.windows(9).enumerate() {
        if window == b"GetObject" {
            stored[place] = b'P';
        }
    }
    assert_ne!(stored, good);
    let mut magic = good.clone();
    magic[0] ^= 1;
    let cases = [
        ("not a state file", b"hello, this is something else".to_vec()),
        ("another magic number", magic),
        ("zeros", vec![0; good.len()]),
        ("cut off", good[..good.len() / 2].to_vec()),
        ("wrong bytes in values", stored),
    ];
    for (name, bytes) in cases {
        std::fs::write(&file, bytes).unwrap();
        let error = Embedded::open(folder.path()).expect_err(name);
        assert!(matches!(error, OpenError::Corrupt { .. }), "{name}: {error:?}");
    }
    std::fs::write(&file, good).unwrap();
    assert_eq!(Embedded::open(folder.path()).unwrap().snapshot().roles(account_id(), None).count(), 40);
}

#[test]
fn a_newer_format_is_refused() {
    let disk = Disk::default();
    drop(Embedded::with_opener(disk.opener()).unwrap());
    let database = disk.opener()().unwrap();
    let transaction = database.begin_write().unwrap();
    let facts = redb::TableDefinition::<&str, u64>::new("facts");
    transaction.open_table(facts).unwrap().insert("format", 2).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let error = Embedded::with_opener(disk.opener()).unwrap_err();
    assert!(matches!(error, OpenError::NewerFormat { found: 2, known: 1 }), "{error}");
}

#[test]
fn a_full_disk_changes_nothing_and_is_not_the_end() {
    let disk = Disk::default();
    let store = Embedded::with_opener(disk.opener()).unwrap();
    store.commit(put(account("0"))).unwrap();
    let mut failures = 0;
    for after in 0..12 {
        let before = count(&store);
        disk.fail_after(after, Fault::Full);
        let result = increment(&store);
        let failed = disk.has_failed();
        if result.is_err() {
            failures += 1;
            assert_eq!(result, Err(CommitError::DiskFull), "after {after} operations");
            assert_eq!(count(&store), before);
            // It stays so for as long as the disk is full.
            assert!(increment(&store).is_err());
        } else {
            assert!(!failed, "after {after} operations");
        }
        disk.repair();
        let before = count(&store);
        increment(&store).unwrap();
        assert_eq!(count(&store), before + 1);
        let reopened = Embedded::with_opener(Disk::holding(disk.bytes()).opener()).unwrap();
        assert_eq!(count(&reopened), before + 1);
    }
    assert!(failures > 3, "the disk was full in the way of {failures} commits only");
}

#[test]
fn a_commit_whose_synchronisation_failed_is_taken_back() {
    let mut failures = 0;
    for after in 0..12 {
        let disk = Disk::default();
        let store = Embedded::with_opener(disk.opener()).unwrap();
        store.commit(put(account("0"))).unwrap();
        disk.fail_after(after, Fault::Sync);
        let result = store.commit(put(bucket("doubtful", "here")).put(account("1")));
        disk.repair();
        if result.is_ok() {
            continue;
        }
        failures += 1;
        assert!(matches!(result, Err(CommitError::Io(_))), "{result:?}");
        assert!(store.snapshot().bucket("doubtful").is_none() && count(&store) == 0);
        if after % 2 == 0 {
            store.commit(put(bucket("certain", "here"))).unwrap();
            assert_eq!(store.snapshot().revision(), Revision(2));
        }
        drop(store);
        let reopened = Embedded::with_opener(Disk::holding(disk.durable()).opener()).unwrap();
        assert!(reopened.snapshot().bucket("doubtful").is_none(), "after {after} operations");
        assert_eq!(count(&reopened), 0);
        assert_eq!(reopened.snapshot().bucket("certain").is_some(), after % 2 == 0);
    }
    assert!(failures > 1, "{failures} commits failed only");
}

#[test]
fn a_torn_write_loses_no_acknowledged_commit() {
    for after in 0..60 {
        let disk = Disk::default();
        let store = Embedded::with_opener(disk.opener()).unwrap();
        store.commit(put(account("0"))).unwrap();
        disk.fail_after(after, Fault::Torn);
        let mut acknowledged = 0;
        for _ in 0..10 {
            acknowledged += u64::from(increment(&store).is_ok());
        }
        assert_eq!(count(&store), acknowledged);
        drop(store);
        // Nothing, everything, and mixtures of what was not synchronised.
        let kept = [0, u64::MAX, 0x5555_5555_5555_5555, 0xAAAA_AAAA_AAAA_AAAA, 0x9E37_79B9_7F4A_7C15];
        let mixtures = kept.map(|kept| disk.after_power_cut(kept));
        for left in mixtures.into_iter().chain([disk.bytes()]) {
            let reopened = Embedded::with_opener(Disk::holding(left).opener()).unwrap();
            // The commit that was under way when the power went may be there, whole.
            let found = count(&reopened);
            assert!(found == acknowledged || found == acknowledged + 1, "{after}: {found} of {acknowledged}");
            increment(&reopened).unwrap();
        }
    }
}

/// One wrong byte anywhere is an error, or harms nothing that counts: never a panic, never another state.
#[test]
fn no_wrong_byte_changes_the_state() {
    let disk = Disk::default();
    let store = Embedded::with_opener(disk.opener()).unwrap();
    for number in 0..5 {
        store.commit(put(bucket(&format!("bucket-{number}"), "eu-west-1")).put(role("App"))).unwrap();
    }
    drop(store);
    let good = disk.bytes();
    let occupied = good.iter().enumerate().filter(|(_, byte)| **byte != 0).map(|(place, _)| place);
    let mut refused = 0;
    for place in occupied.step_by(97) {
        let mut bytes = good.clone();
        bytes[place] ^= 0x41;
        match Embedded::with_opener(Disk::holding(bytes).opener()) {
            Ok(store) => {
                let snapshot = store.snapshot();
                assert_eq!(
                    (snapshot.revision(), snapshot.buckets().count()),
                    (Revision(5), 5),
                    "byte {place}"
                );
                assert!(snapshot.buckets().all(|bucket| bucket.region == "eu-west-1"), "byte {place}");
                assert_eq!(
                    snapshot.entity(&Key::role(account_id(), "app")),
                    Some(role("App").into()),
                    "byte {place}"
                );
            }
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 0);
}
