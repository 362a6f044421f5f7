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
    /// After how many changing operations which fault comes.
    fuse: Option<(usize, Fault)>,
    dead: bool,
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
        (state.fuse, state.dead) = (None, false);
    }

    /// Whether the fault has come.
    pub(super) fn has_failed(&self) -> bool {
        matches!(self.0.lock().unwrap().fuse, Some((0, _)) | None)
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().bytes.clone()
    }

    pub(super) fn durable(&self) -> Vec<u8> {
        self.0.lock().unwrap().durable.clone()
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
                state.fuse = None;
                Err(Error::other("the disk did not synchronise"))
            }
            _ => {
                state.durable = state.bytes.clone();
                Ok(())
            }
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        let mut state = self.0.lock().unwrap();
        state.alive()?;
        let fault = state.fault();
        if fault == Some(Fault::Full) {
            return Err(ErrorKind::StorageFull.into());
        }
        let start = offset as usize;
        let written = if fault == Some(Fault::Torn) { data.len() / 2 } else { data.len() };
        if state.bytes.len() < start + data.len() {
            state.bytes.resize(start + data.len(), 0);
        }
        state.bytes[start..start + written].copy_from_slice(&data[..written]);
        if fault == Some(Fault::Torn) {
            state.dead = true;
            return Err(Error::other("the power is gone"));
        }
        Ok(())
    }
}
