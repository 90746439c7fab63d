//! Many claims read by a thread that is ahead of the one that works on them: what the kernel does for one file takes as
//! long as what we do with its text.

use std::{
    sync::mpsc::{SyncSender, sync_channel},
    thread,
};

use super::{Result, layout};
use crate::fs::{Dir, FileName};

/// From how many files on the thread is worth it.
const MANY: usize = 512;

/// How many files are handed over together.
const BATCH: usize = 64;

/// How many batches the thread may be ahead.
const AHEAD: usize = 4;

/// Files that have been read: the text of all of them, and for each where its own ends.
#[derive(Default)]
struct Batch {
    text: Vec<u8>,
    files: Vec<Result<Option<usize>>>,
}

/// Calls `each` with every one of these claims that is there, in order, and what came of reading it.
pub(super) fn read_claims(
    dir: &Dir,
    names: &[FileName],
    each: impl FnMut(&FileName, Result<&[u8]>) -> Result<()>,
) -> Result<()> {
    if names.len() < MANY { one_by_one(dir, names, each) } else { ahead(dir, names, each) }
}

/// Reads a claim into `buffer`; `false` if there is none.
pub(super) fn read_claim(dir: &Dir, name: &FileName, buffer: &mut Vec<u8>) -> Result<bool> {
    Ok(dir.read_into(&[name], layout::CLAIM_LIMIT, buffer)?.is_some())
}

fn one_by_one(
    dir: &Dir,
    names: &[FileName],
    mut each: impl FnMut(&FileName, Result<&[u8]>) -> Result<()>,
) -> Result<()> {
    let mut buffer = Vec::new();
    for name in names {
        match read_claim(dir, name, &mut buffer) {
            Ok(true) => each(name, Ok(&buffer))?,
            Ok(false) => {}
            Err(error) => each(name, Err(error))?,
        }
    }
    Ok(())
}

fn ahead(dir: &Dir, names: &[FileName], mut each: impl FnMut(&FileName, Result<&[u8]>) -> Result<()>) -> Result<()> {
    thread::scope(|scope| {
        let (sender, batches) = sync_channel(AHEAD);
        if thread::Builder::new().spawn_scoped(scope, move || send_all(dir, names, &sender)).is_err() {
            // A limit on threads is no reason not to see the locks.
            return one_by_one(dir, names, each);
        }
        let mut names = names.iter();
        for Batch { text, files } in batches {
            let mut start = 0;
            for (file, name) in files.into_iter().zip(&mut names) {
                match file {
                    Ok(Some(end)) => {
                        each(name, Ok(text.get(start..end).unwrap_or_default()))?;
                        start = end;
                    }
                    Ok(None) => {}
                    Err(error) => each(name, Err(error))?,
                }
            }
        }
        Ok(())
    })
}

fn send_all(dir: &Dir, names: &[FileName], sender: &SyncSender<Batch>) {
    let mut buffer = Vec::new();
    for names in names.chunks(BATCH) {
        let mut batch = Batch::default();
        for name in names {
            let read = read_claim(dir, name, &mut buffer);
            batch.files.push(read.map(|there| {
                there.then(|| {
                    batch.text.extend_from_slice(&buffer);
                    batch.text.len()
                })
            }));
        }
        // Nobody receives any more: whoever works on them has failed.
        if sender.send(batch).is_err() {
            return;
        }
    }
}
