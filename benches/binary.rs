//! Which binary a benchmark measures.

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// The binary to measure, and whether it is built as a release is: static, by `scripts/release`.
///
/// `SWARMLOCK_BENCH_BINARY` names it; else it is the static release build if there is one, else `built`, cargo's own.
pub fn choose(built: &str) -> (PathBuf, bool) {
    if let Some(given) = env::var_os("SWARMLOCK_BENCH_BINARY") {
        return (PathBuf::from(given), true);
    }
    let built = Path::new(built);
    let target = format!("{}-unknown-linux-musl/release/swarmlock", env::consts::ARCH);
    let released = built.parent().unwrap().parent().unwrap().join(target);
    let Ok(there) = released.metadata() else { return (built.to_owned(), false) };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = ["src", "Cargo.toml", "Cargo.lock"].map(|below| newest(&root.join(below)));
    if sources.iter().any(|changed| *changed > there.modified().unwrap()) {
        println!("not measured, because the sources have changed since: {}", released.display());
        return (built.to_owned(), false);
    }
    (released, true)
}

/// When the last change below `path` was made.
fn newest(path: &Path) -> SystemTime {
    let meta = path.metadata().unwrap();
    let below = meta.is_dir().then(|| fs::read_dir(path).unwrap()).into_iter().flatten();
    below.map(|entry| newest(&entry.unwrap().path())).fold(meta.modified().unwrap(), SystemTime::max)
}
