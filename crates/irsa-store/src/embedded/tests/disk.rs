//! A disk in memory that fails when it is told to.

use std::io::{Error, ErrorKind};
use std::sync::{Arc, Mutex};

use redb::StorageBackend;

use super::super::journal::{Opener, builder, opening};

/// What a disk does when its fuse burns down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fault {
    /// Writes fail for want of space; everything else works.
    Full,
    /// One write reaches the disk by half, and then everything fails.
    Torn,
    /// Synchronising fails once, though the data arrived.
    Sync,
}

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    /// What survives a power cut for certain.
    durable: Vec<u8>,
    /// The writes since then: of these a power cut keeps any, in any order.
    unsynchronised: Vec<(usize, Vec<u8>)>,
    /// After how many changing operations which fault comes.
    fuse: Option<(usize, Fault)>,
    dead: bool,
    failed: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Disk(Arc<Mutex<State>>);

impl Disk {
    pub(super) fn holding(bytes: Vec<u8>) -> Self {
        let state = State { durable: bytes.clone(), bytes, ..State::default() };
        Self(Arc::new(Mutex::new(state)))
    }

    pub(super) fn opener(&self) -> Opener {
        let disk = self.clone();
        Box::new(move || builder().create_with_backend(disk.clone()).map_err(opening))
    }

    pub(super) fn fail_after(&self, operations: usize, fault: Fault) {
        self.0.lock().unwrap().fuse = Some((operations, fault));
    }

    pub(super) fn repair(&self) {
        let mut state = self.0.lock().unwrap();
        (state.fuse, state.dead, state.failed) = (None, false, false);
    }

    /// Whether the fault has come since the last repair.
    pub(super) fn has_failed(&self) -> bool {
        self.0.lock().unwrap().failed
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().bytes.clone()
    }

    pub(super) fn durable(&self) -> Vec<u8> {
        self.0.lock().unwrap().durable.clone()
    }

    /// What a power cut leaves when it keeps those of the unsynchronised writes whose bit is set.
    pub(super) fn after_power_cut(&self, kept: u64) -> Vec<u8> {
        let state = self.0.lock().unwrap();
        let mut left = state.durable.clone();
        let kept = state.unsynchronised.iter().enumerate().filter(|(place, _)| kept >> (place % 64) & 1 == 1);
        for (_, (start, data)) in kept {
            let end = start + data.len();
            left.resize(left.len().max(end), 0);
            left[*start..end].copy_from_slice(data);
        }
        left
    }
}

impl State {
    /// The fault of this operation, if it is its turn.
    fn fault(&mut self) -> Option<Fault> {
        let (left, fault) = self.fuse.as_mut()?;
        match left {
            0 => Some(*fault),
            _ => {
                *left -= 1;
                None
            }
        }
    }

    fn alive(&self) -> Result<(), Error> {
        if self.dead { Err(Error::other("the disk is dead")) } else { Ok(()) }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, Error> {
        let state = self.0.lock().unwrap();
        state.alive()?;
        Ok(state.bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let state = self.0.lock().unwrap();
        state.alive()?;
        let start = offset as usize;
        let bytes = state.bytes.get(start..start + out.len()).ok_or(ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), Error> {
        let mut state = self.0.lock().unwrap();
        state.alive()?;
        if len > state.bytes.len() as u64 && state.fault() == Some(Fault::Full) {
            state.failed = true;
            return Err(ErrorKind::StorageFull.into());
        }
        state.bytes.resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> Result<(), Error> {
        let mut state = self.0.lock().unwrap();
        state.alive()?;
        match state.fault() {
            Some(Fault::Sync) => {
                (state.fuse, state.failed) = (None, true);
                Err(Error::other("the disk did not synchronise"))
            }
            _ => {
                state.durable = state.bytes.clone();
                state.unsynchronised.clear();
                Ok(())
            }
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        let mut state = self.0.lock().unwrap();
        state.alive()?;
        let fault = state.fault();
        if fault == Some(Fault::Full) {
            state.failed = true;
            return Err(ErrorKind::StorageFull.into());
        }
        let start = offset as usize;
        let written = if fault == Some(Fault::Torn) { data.len() / 2 } else { data.len() };
        if state.bytes.len() < start + data.len() {
            state.bytes.resize(start + data.len(), 0);
        }
        state.bytes[start..start + written].copy_from_slice(&data[..written]);
        state.unsynchronised.push((start, data[..written].to_vec()));
        if fault == Some(Fault::Torn) {
            (state.dead, state.failed) = (true, true);
            return Err(Error::other("the power is gone"));
        }
        Ok(())
    }
}
