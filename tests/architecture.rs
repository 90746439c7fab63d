//! The shape of the sources: who may use whom, how long a file may be, which tests there must be.
#![expect(clippy::disallowed_methods, reason = "a test reads the sources with std::fs")]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Bottom up; a layer may use itself and what it lists.
const LAYERS: &[(&str, &[&str])] = &[
    ("fs", &[]),
    ("store", &["fs"]),
    ("domain", &["fs", "store"]),
    ("config", &["fs", "store", "domain"]),
    ("host", &["fs", "store", "domain"]),
    ("checkout", &["fs", "domain"]),
    ("cli", &["fs", "store", "domain", "config", "host", "checkout"]),
];

/// What reaches files, and who may name it outside of `fs`: the lint in `.clippy.toml` knows calls one by one, and a new
/// version of a library may have more.
const FILES: &[&str] = &[
    "fs2",
    "libc",
    "nix::fcntl",
    "nix::sys::stat",
    "nix::unistd",
    "rustix::fs",
    "rustix::mount",
    "rustix::net",
    "rustix::pipe",
    "std::fs",
    "std::os::linux::fs",
    "std::os::unix::fs",
    "std::os::unix::net",
];
const EXCEPT: &[(&str, &str)] = &[
    ("domain/hooks/tests/fixtures.rs", "std::fs"),
    // The type of its own stdout and stderr.
    ("host/child/capture.rs", "std::fs"),
];

/// The longest file of Rust, in lines.
const LONGEST: usize = 400;

#[test]
fn each_layer_uses_only_the_layers_it_lists() {
    let mut broken = Vec::new();
    for (layer, allowed) in LAYERS {
        let files = layer_files(layer);
        assert!(!files.is_empty(), "{layer} has no files");
        for file in files {
            for used in crate_modules(&read(&file)) {
                if used != *layer && !allowed.contains(&used.as_str()) {
                    broken.push(format!("{}: crate::{used}", file.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "not allowed:\n{}", broken.join("\n"));
}

#[test]
fn the_scan_sees_every_form_of_import() {
    let text = "use crate::fs::Dir; use crate::{store::{A, b::C}, domain}; let x = crate::cli::run();";
    assert_eq!(crate_modules(text), ["fs", "store", "domain", "cli"]);
}

#[test]
fn only_fs_names_what_reaches_files() {
    let (fs, mut broken, mut excepted) = (source("fs"), Vec::new(), 0);
    for file in rust_files(&source("")).into_iter().filter(|file| !file.starts_with(&fs)) {
        for path in paths(&read(&file)).into_iter().filter(|path| FILES.contains(&path.as_str())) {
            match EXCEPT.iter().any(|(at, named)| file == source(at) && path == *named) {
                true => excepted += 1,
                false => broken.push(format!("{}: {path}", file.display())),
            }
        }
    }
    assert!(broken.is_empty(), "only src/fs may use these:\n{}", broken.join("\n"));
    assert!(excepted >= EXCEPT.len(), "the scan sees what is excepted: {excepted}");
    let seen = rust_files(&fs).iter().flat_map(|file| paths(&read(file))).filter(|path| path == "rustix::fs").count();
    assert!(seen > 3, "the scan sees what fs uses: {seen}");
}

#[test]
fn the_scan_sees_every_form_of_path() {
    let seen = |text: &str| paths(text).into_iter().filter(|path| FILES.contains(&path.as_str())).collect::<Vec<_>>();
    for (text, wanted) in [
        ("std::fs::write(a, b)", &["std::fs"][..]),
        ("use std::{io, fs};", &["std::fs"]),
        ("use std::{\n    os::{fd::AsFd, unix::{process, fs::symlink}},\n};", &["std::os::unix::fs"]),
        ("use ::rustix::{io::{self, Errno}, fs as files};", &["rustix::fs"]),
        ("use fs2::FileExt as _;", &["fs2"]),
        ("use crate::fs::Dir; use super::fs; notstd::fs::x(); std::io::stdin(); /* fs */", &[]),
    ] {
        assert_eq!(seen(text), wanted, "{text}");
    }
}

#[test]
fn every_top_level_module_is_a_layer() {
    let lib = read(&source("lib.rs"));
    let declared: Vec<_> = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let mut layers: Vec<_> = LAYERS.iter().map(|(name, _)| *name).collect();
    layers.sort_unstable();
    let mut sorted = declared.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, layers);
}

#[test]
fn no_file_is_too_long() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files: Vec<_> = ["src", "tests", "benches"].iter().flat_map(|dir| rust_files(&root.join(dir))).collect();
    assert!(files.len() > 50, "the scan finds the files: {}", files.len());
    let long: Vec<_> = files
        .into_iter()
        .map(|file| (read(&file).lines().count(), file))
        .filter(|(lines, _)| *lines > LONGEST)
        .map(|(lines, file)| format!("{}: {lines}", file.display()))
        .collect();
    assert!(long.is_empty(), "longer than {LONGEST} lines:\n{}", long.join("\n"));
}

#[test]
fn every_command_has_a_file_and_a_test_file_of_its_name() {
    let commands = swarmlock::cli::command();
    for command in commands.get_subcommands() {
        let file = format!("{}.rs", command.get_name().replace('-', "_"));
        // The positional form of acquire is the same command.
        let file = if file == "acquire_file_lock.rs" { "acquire.rs".to_owned() } else { file };
        assert!(source("cli").join(&file).is_file(), "src/cli/{file}");
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/commands").join(&file);
        assert!(read(&tests).contains("#[test]"), "{}", tests.display());
    }
}

fn source(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(below)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn layer_files(layer: &str) -> Vec<PathBuf> {
    let single = source(&format!("{layer}.rs"));
    if single.is_file() { vec![single] } else { rust_files(&source(layer)) }
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let (mut found, mut todo) = (Vec::new(), vec![dir.to_owned()]);
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                todo.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found
}

/// The first segment after each `crate::`, and each one in `crate::{a, b}`.
fn crate_modules(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for rest in text.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            None => found.push(first_word(rest)),
            Some(group) => found.extend(group_members(group)),
        }
    }
    found
}

/// Every path that begins with the name of another crate, and each path on the way to it.
fn paths(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("::") {
        let before = text.get(..at).unwrap_or_default();
        let stem = before.trim_end_matches(|c: char| c.is_alphanumeric() || c == '_');
        let root = before.get(stem.len()..).unwrap_or_default();
        let starts = !stem.ends_with("::") || stem.ends_with(" ::");
        if ["fs2", "libc", "nix", "rustix", "std"].contains(&root) && starts {
            found.push(root.to_owned());
            expand(text.get(at + 2..).unwrap_or_default(), root, &mut found);
        }
    }
    found
}

/// Goes through what follows `prefix::`; answers with the rest.
fn expand<'a>(text: &'a str, prefix: &str, found: &mut Vec<String>) -> &'a str {
    let text = text.trim_start();
    let Some(mut group) = text.strip_prefix('{') else {
        let word = first_word(text);
        let rest = text.get(word.len()..).unwrap_or_default();
        let path = format!("{prefix}::{word}");
        found.push(path.clone());
        return rest.strip_prefix("::").map_or(rest, |below| expand(below, &path, found));
    };
    loop {
        group = expand(group, prefix, found).trim_start_matches(|c| c != ',' && c != '}');
        match group.strip_prefix(',').map(str::trim_start) {
            Some(rest) if !rest.starts_with('}') => group = rest,
            Some(rest) => return rest.get(1..).unwrap_or_default(),
            None => return group.get(1..).unwrap_or_default(),
        }
    }
}

fn first_word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn group_members(group: &str) -> Vec<String> {
    let (mut depth, mut at_start, mut members) = (0_usize, true, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => at_start = true,
            c if at_start && !c.is_whitespace() => {
                members.push(first_word(group.get(at..).unwrap_or_default()));
                at_start = false;
            }
            _ => {}
        }
    }
    members
}
