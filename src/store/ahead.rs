//! Many claims read by a thread that is ahead of the one that works on them: what the kernel does for one file takes as
//! long as what we do with its text.

use std::{
    mem,
    sync::mpsc::{SyncSender, sync_channel},
    thread,
};

use super::{Result, layout};
use crate::fs::{Dir, FileName};

/// From how many files on the thread is worth it.
const MANY: usize = 512;

/// How many files are handed over together, if they are not long.
const BATCH: usize = 64;

/// No file is added to a batch that is as long as this, in bytes: what is read ahead takes little memory.
const LONG: usize = 256 * 1024;

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
    let (mut buffer, mut batch) = (Vec::new(), Batch::default());
    for name in names {
        let read = read_claim(dir, name, &mut buffer);
        batch.files.push(read.map(|there| {
            there.then(|| {
                batch.text.extend_from_slice(&buffer);
                batch.text.len()
            })
        }));
        if batch.files.len() < BATCH && batch.text.len() < LONG {
            continue;
        }
        if sender.send(mem::take(&mut batch)).is_err() {
            // Nobody receives any more: whoever works on them has failed.
            return;
        }
    }
    // With nothing in it, or nobody there to receive it, there is nothing to be done.
    sender.send(batch).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::{Stamp, Sync};

    #[test]
    fn however_long_the_files_are_little_of_them_is_handed_over_at_once() {
        let temp = tempfile::tempdir().unwrap();
        let dir = Dir::open(temp.path()).unwrap().unwrap();
        let names: Vec<FileName> = (0..200).map(|n| FileName::new(format!("{n:03}")).unwrap()).collect();
        let length = |n: usize| if n < 20 { 200 * 1024 } else { 10 };
        for (n, name) in names.iter().enumerate() {
            dir.create(name, &vec![b'x'; length(n)], Sync::Volatile, Stamp::Now).unwrap();
        }
        let (sender, receiver) = sync_channel(names.len());
        send_all(&dir, &names, &sender);
        drop(sender);
        let batches: Vec<Batch> = receiver.iter().collect();
        assert!(batches.iter().all(|batch| batch.files.len() <= BATCH && batch.text.len() < 2 * LONG));
        let ends = batches.iter().flat_map(|batch| batch.files.iter().map(|file| file.as_ref().unwrap().unwrap()));
        assert_eq!((ends.count(), batches.len()), (names.len(), 10 + 3));
        let text: usize = batches.iter().map(|batch| batch.text.len()).sum();
        assert_eq!(text, (0..names.len()).map(length).sum::<usize>());
    }
}
