//! Locks of every kind, shared, several at once, acquired again: as agents meet them.

mod again;
mod bad_input;
mod kinds;
mod many;
mod several;
mod shared;
mod walk;

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::harness::{Run, Site};

/// Every lock file, by its name below `locks/`, sorted.
fn lock_files(site: &Site) -> Vec<String> {
    let top = site.state("locks");
    let (mut found, mut todo) = (Vec::new(), vec![top.clone()]);
    while let Some(dir) = todo.pop() {
        let Ok(entries) = fs::read_dir(&dir) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.push(path);
            } else {
                found.push(path.strip_prefix(&top).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

/// Fails if anything is left of any lock.
#[track_caller]
fn nothing_is_locked(site: &Site) {
    assert_eq!(site.nobody().run(["list"]).expect(0).out, "");
    assert_eq!(lock_files(site), [""; 0]);
    assert_eq!(fs::read_dir(site.state("tmp")).unwrap().count(), 0);
}

/// A lock file by its name below `locks/`.
fn lock_path(site: &Site, file: &str) -> PathBuf {
    site.state("locks").join(file)
}

fn read(site: &Site, file: &str) -> Value {
    serde_json::from_slice(&fs::read(lock_path(site, file)).unwrap()).unwrap()
}

/// Changes a lock file as somebody with an editor would.
fn edit(site: &Site, file: &str, change: impl FnOnce(&mut Value)) {
    let mut lock = read(site, file);
    change(&mut lock);
    fs::write(lock_path(site, file), lock.to_string()).unwrap();
}

/// The inode and the bytes of a lock file: the same two only if it was not written.
fn written(site: &Site, file: &str) -> (u64, Vec<u8>) {
    let path = lock_path(site, file);
    (fs::metadata(&path).unwrap().ino(), fs::read(path).unwrap())
}

/// Makes every lease of this agent one that was not renewed for long.
fn expire_all(site: &Site, agent: &str) {
    for file in lock_files(site) {
        edit(site, &file, |lock| {
            for holder in lock["holders"].as_array_mut().unwrap() {
                if holder["agent_id"] == agent {
                    holder["ttl_s"] = 1.into();
                    holder["renewed_mono_ms"] = 0.into();
                    holder["renewed_at"] = "2020-01-01T00:00:00.000Z".into();
                }
            }
        });
    }
    site.forget(agent);
}

/// Makes every lease of this agent as old as if it had last been renewed that many seconds ago.
fn age_all(site: &Site, agent: &str, seconds: u64) {
    for file in lock_files(site) {
        edit(site, &file, |lock| {
            for holder in lock["holders"].as_array_mut().unwrap() {
                let renewed = holder["renewed_mono_ms"].as_u64().unwrap();
                let before = renewed.checked_sub(seconds * 1000).expect("the machine runs for a minute");
                holder["renewed_mono_ms"] = before.into();
            }
        });
    }
    site.forget(agent);
}

/// The first columns of what a call printed, a line each.
fn columns(run: &Run, count: usize) -> Vec<Vec<&str>> {
    run.out.lines().map(|line| line.split('\t').take(count).collect()).collect()
}

/// The second column: what each line is about.
fn resources(run: &Run) -> Vec<&str> {
    run.out.lines().map(|line| line.split('\t').nth(1).unwrap()).collect()
}

/// The first two columns of `list`: resource and holder, sorted.
fn held(site: &Site) -> Vec<(String, String)> {
    let run = site.nobody().run(["list"]).expect(0);
    let mut rows: Vec<_> = columns(&run, 2).iter().map(|row| (row[0].to_owned(), row[1].to_owned())).collect();
    rows.sort();
    rows
}

fn rows(rows: &[(&str, &str)]) -> Vec<(String, String)> {
    rows.iter().map(|(resource, agent)| ((*resource).to_owned(), (*agent).to_owned())).collect()
}

/// What `history` has of one kind of event, as JSON.
fn events(site: &Site, kind: &str) -> Vec<Value> {
    let all = site.nobody().run(["history", "--json"]).expect(0).json_lines();
    all.into_iter().filter(|event| event["event"] == kind).collect()
}

/// Writes a lock file with one lease of this agent, as it would stand there; `files` are those of the lease.
fn plant_lease(site: &Site, file: &str, agent: &str, fence: u64, resources: &[&str], files: &[&str]) {
    let mut lock = read(site, file);
    lock["agent_id"] = agent.into();
    lock["change"] = lock["change"].as_u64().unwrap().max(fence).into();
    lock["holders"].as_array_mut().unwrap().truncate(1);
    let holder = &mut lock["holders"][0];
    holder["agent_id"] = agent.into();
    holder["fence"] = fence.into();
    holder["lease"] = format!("l-{fence}").into();
    holder["resources"] = json!(resources);
    holder["files"] = json!(files);
    fs::write(lock_path(site, file), lock.to_string()).unwrap();
}

/// Takes a directory away with all that is in it.
fn remove(path: &Path) {
    if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
}
