//! Commands started in turns, and the table of what they cost: what the benchmarks `speed` and `hook` share.

use std::{
    collections::BTreeMap,
    env, fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// Turns that count, unless the environment says otherwise.
const ROUNDS: usize = 400;
/// Turns before those.
pub const WARM_UP: usize = 30;

/// A tmpfs on nearly every Linux.
const MEMORY_DISK: &str = "/dev/shm";

/// Where `flock` looks for `true`.
pub const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Calls that tell of the allocator, not of the command.
const MEMORY: [&str; 4] = ["mmap", "munmap", "brk", "mremap"];

/// Counts instructions in user space. Valgrind has no openat2, so they are those of the walk that replaces it.
pub const CALLGRIND: [&str; 3] = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"];

/// By which the others are measured.
pub const FLOCK: &str = "flock -n f true";
const FLOOR: &str = "floor: starts and ends";

/// One way to take or to look at a lock.
pub struct Contender<O> {
    pub name: String,
    pub command: Command,
    /// The exit code that it must have.
    pub code: i32,
    /// Done before each start, and not timed.
    pub prepare: Box<dyn Fn()>,
    pub times: Vec<Duration>,
    /// If it is ours: which one.
    pub ours: Option<O>,
}

impl<O> Contender<O> {
    pub fn median(&self) -> Duration {
        at(&self.times, 0.5)
    }
}

/// Puts temporary files on tmpfs, if nobody says where.
pub fn choose_disk() {
    if env::var_os("TMPDIR").is_none() && Path::new(MEMORY_DISK).is_dir() {
        tempfile::env::override_temp_dir(Path::new(MEMORY_DISK)).unwrap();
    }
}

/// Copies the binary to a disk beside `built`, as it is installed: from tmpfs, or as a linker left it in the page cache, it
/// starts more slowly.
pub fn install(binary: &Path, built: &str) -> (TempDir, PathBuf) {
    let disk = tempfile::tempdir_in(Path::new(built).parent().unwrap()).unwrap();
    let installed = disk.path().join("swarmlock");
    fs::copy(binary, &installed).unwrap();
    (disk, installed)
}

/// How many turns count.
pub fn rounds() -> usize {
    env::var("SWARMLOCK_BENCH_ROUNDS").ok().map_or(ROUNDS, |text| text.parse().unwrap())
}

/// Starts all in turns.
pub fn take<O>(contenders: &mut [Contender<O>], rounds: usize) {
    for round in 0..WARM_UP + rounds {
        for contender in &mut *contenders {
            (contender.prepare)();
            let start = Instant::now();
            let status = contender.command.status().unwrap();
            let took = start.elapsed();
            assert_eq!(status.code(), Some(contender.code), "{}: {status}", contender.name);
            if round >= WARM_UP {
                contender.times.push(took);
            }
        }
    }
}

/// Another program; `None`, and said, if it is not here.
pub fn other<O>(
    dir: &Path,
    name: &str,
    program: Option<PathBuf>,
    args: &[&str],
    prepare: Box<dyn Fn()>,
) -> Option<Contender<O>> {
    let Some(program) = program else {
        println!("not here: {name}");
        return None;
    };
    let mut command = Command::new(program);
    command.args(args).current_dir(dir).env_remove("LD_LIBRARY_PATH");
    Some(Contender {
        name: name.to_owned(),
        command: plain(command, dir),
        code: 0,
        prepare,
        times: Vec::new(),
        ours: None,
    })
}

/// What all of ours are measured by, the last of them `flock`.
pub fn usual<O>(dir: &Path) -> Vec<Contender<O>> {
    let programs: [(_, _, &[&str]); 3] =
        [(FLOOR, floor(dir), &[]), ("true", program("true"), &[]), (FLOCK, program("flock"), &["-n", "f", "true"])];
    programs.into_iter().filter_map(|(name, program, args)| other(dir, name, program, args, Box::new(|| ()))).collect()
}

/// With stdin from a file and nobody to read what it says.
pub fn plain(mut command: Command, dir: &Path) -> Command {
    command.env("PATH", PATH);
    let input = dir.join("input");
    fs::write(&input, "").unwrap();
    command.stdin(fs::File::open(input).unwrap()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Where a program is: found once, because to search for it is no part of what it costs.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// The smallest program that the kernel starts: one page that calls `exit(0)`. `None` where the machine is another.
fn floor(dir: &Path) -> Option<PathBuf> {
    const ADDRESS: u64 = 0x40_0000;
    const HEADERS: u16 = 64 + 56;
    // xor edi, edi; mov eax, 60; syscall
    const CODE: [u8; 9] = [0x31, 0xff, 0xb8, 60, 0, 0, 0, 0x0f, 0x05];
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        return None;
    }
    let (halves, words) = (
        |n: &[u16]| n.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<_>>(),
        |n: &[u64]| n.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<_>>(),
    );
    let size = u64::from(HEADERS) + CODE.len() as u64;
    let bytes = [
        // ELF, 64 bits, little endian; an executable for x86_64; where it begins, where its one segment is described.
        [0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0].to_vec(),
        halves(&[2, 62, 1, 0]),
        words(&[ADDRESS + u64::from(HEADERS), 64, 0]),
        halves(&[0, 0, 64, 56, 1, 0, 0, 0]),
        // The segment: loaded, readable and executable; the whole file.
        halves(&[1, 0, 5, 0]),
        words(&[0, ADDRESS, ADDRESS, size, size, 4096]),
        CODE.to_vec(),
    ];
    let path = dir.join("floor");
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o700).open(&path).unwrap();
    file.write_all(&bytes.concat()).unwrap();
    Some(path)
}

/// What the rows of a table are measured by, in medians.
pub struct Table {
    flock: Option<Duration>,
    floor: Option<Duration>,
}

impl Table {
    /// Prints the head of it.
    pub fn begin<O>(contenders: &[Contender<O>]) -> Self {
        println!(
            "{:24} {:>8} {:>8} {:>8} {:>8} {:>8} {:>6} {:>8} {:>9}",
            "", "tenth us", "median", "nine 10", "/ flock", "/ floor", "calls", "+ memory", "instr."
        );
        let of = |name: &str| contenders.iter().find(|one| one.name == name).map(Contender::median);
        Self { flock: of(FLOCK), floor: of(FLOOR) }
    }

    /// Prints a row, with system calls as [`by_kind`] counts them.
    pub fn row<O>(&self, one: &Contender<O>, calls: Option<(usize, usize)>, instructions: Option<u64>) {
        let shown = |ratio: Option<f64>| ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.3}"));
        println!(
            "{:24} {:8.0} {:8.0} {:8.0} {:>8} {:>8} {:>6} {:>8} {:>9}",
            one.name,
            micros(at(&one.times, 0.1)),
            micros(one.median()),
            micros(at(&one.times, 0.9)),
            shown(of(one, self.flock)),
            shown(of(one, self.floor)),
            calls.map_or("-".to_owned(), |(calls, _)| calls.to_string()),
            calls.map_or("-".to_owned(), |(_, memory)| memory.to_string()),
            instructions.map_or("-".to_owned(), |n| n.to_string()),
        );
    }

    /// The part of `flock` that it takes.
    pub fn of_flock<O>(&self, one: &Contender<O>) -> Option<f64> {
        of(one, self.flock)
    }
}

fn of<O>(one: &Contender<O>, to: Option<Duration>) -> Option<f64> {
    to.map(|to| one.median().as_secs_f64() / to.as_secs_f64())
}

/// Whether a bound holds, in a word.
pub fn word(held: bool) -> &'static str {
    if held { "ok" } else { "MISSED" }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// The time that this part of all stays below.
fn at(times: &[Duration], part: f64) -> Duration {
    let mut times = times.to_owned();
    times.sort_unstable();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a few hundred"
    )]
    let index = (times.len() as f64 * part) as usize;
    times[index.min(times.len() - 1)]
}

/// How many of these system calls are not for memory, and how many are.
pub fn by_kind(calls: &BTreeMap<String, usize>) -> (usize, usize) {
    let (memory, others): (Vec<_>, Vec<_>) = calls.iter().partition(|(name, _)| is_for_memory(name));
    let sum = |calls: Vec<(&String, &usize)>| calls.into_iter().map(|(_, count)| count).sum();
    (sum(others), sum(memory))
}

/// Whether a system call tells of the allocator, not of the command.
pub fn is_for_memory(call: &str) -> bool {
    MEMORY.contains(&call)
}

/// The instructions that [`CALLGRIND`] has counted, by what it says on stderr.
pub fn collected(stderr: &[u8]) -> Option<u64> {
    let said = String::from_utf8_lossy(stderr);
    said.lines().find_map(|line| line.split_once("Collected : "))?.1.trim().parse().ok()
}
