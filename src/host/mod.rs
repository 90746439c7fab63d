//! The machine and the process as the kernel tells them: clocks, boot, names, random numbers, processes.
#![expect(clippy::disallowed_methods, reason = "the one module that reads the clock")]

mod ancestors;
pub mod child;
mod harness;
mod input;
mod process;
pub mod tmux;

use std::{path::Path, sync::OnceLock};

use rustix::{
    rand::{GetRandomFlags, getrandom},
    time::{ClockId, Timespec, clock_gettime},
};
use sha2::{Digest as _, Sha256};

use crate::{
    domain::{Now, Timestamp},
    fs,
    store::{self, Machine},
};

pub use ancestors::{Ancestors, Pane, is_pane_of};
pub use input::{End, Input, read_stdin};
pub use process::{liveness, pid_namespace, wrapper};

/// Now, by both clocks.
#[must_use]
pub fn now() -> Now {
    Now {
        wall: Timestamp::from_unix_ms(ms(clock_gettime(ClockId::Realtime))),
        mono_ms: ms(clock_gettime(ClockId::Monotonic)),
    }
}

/// In microseconds; a clock before its own beginning counts as at it.
fn us(time: Timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000).saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0) / 1000)
}

fn ms(time: Timespec) -> u64 {
    us(time) / 1000
}

/// This machine, as eras see it.
///
/// # Errors
/// If the kernel's boot id is there and cannot be read: another one would end every lease.
pub fn machine() -> store::Result<Machine> {
    Ok(Machine {
        boot_id: boot_id()?,
        machine_id,
        unix_us: us(clock_gettime(ClockId::Realtime)),
        own_clock: own_clock()?,
    })
}

/// Whether this process is in the time namespace that the machine started with; a kernel without them has no other.
fn own_clock() -> store::Result<bool> {
    static FOUND: OnceLock<bool> = OnceLock::new();
    if let Some(found) = FOUND.get() {
        return Ok(*found);
    }
    // The kernel gives that one a fixed inode number, PROC_TIME_INIT_INO.
    let own = match fs::link_target(Path::new("/proc/self/ns/time")) {
        Ok(namespace) => namespace.as_os_str() == "time:[4026531834]",
        Err(error) if error.is_absent() => true,
        Err(error) => return Err(error.into()),
    };
    Ok(*FOUND.get_or_init(|| own))
}

fn boot_id() -> store::Result<String> {
    static FOUND: OnceLock<String> = OnceLock::new();
    if let Some(found) = FOUND.get() {
        return Ok(found.clone());
    }
    let found = trimmed("/proc/sys/kernel/random/boot_id")?.unwrap_or_default();
    Ok(FOUND.get_or_init(|| found).clone())
}

fn machine_id() -> store::Result<Option<String>> {
    Ok(trimmed("/etc/machine-id")?.filter(|id| !id.is_empty()))
}

fn trimmed(path: &str) -> store::Result<Option<String>> {
    Ok(fs::read_system_line(path, 4096)?.map(|text| text.trim().to_owned()))
}

/// The machine's name, for people.
#[must_use]
pub fn name() -> String {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| rustix::system::uname().nodename().to_string_lossy().into_owned()).clone()
}

/// Does nothing for this long.
#[expect(clippy::disallowed_methods, reason = "what waits for others has nothing else to do")]
pub fn pause(duration: std::time::Duration) {
    std::thread::sleep(duration);
}

/// 128 random bits from the kernel.
///
/// # Errors
/// If it has none to give.
pub fn random() -> store::Result<u128> {
    let mut bytes = [0; 16];
    let got = rustix::io::retry_on_intr(|| getrandom(&mut bytes, GetRandomFlags::empty()))
        .map_err(|errno| fs::Error::call("getrandom", "the kernel's random numbers", errno))?;
    if got == bytes.len() {
        Ok(u128::from_ne_bytes(bytes))
    } else {
        Err(fs::Error::call("getrandom", "the kernel's random numbers", rustix::io::Errno::AGAIN).into())
    }
}

/// Eight hexadecimal digits that stay the same within a terminal session: of its leader's pid, start time and boot.
/// `None` if the session was begun outside of this pid namespace: then it cannot be told from others.
///
/// # Errors
/// If what the kernel tells of it cannot be read: the same session would seem another.
pub fn terminal_session() -> store::Result<Option<String>> {
    let Some(leader) = process::stat("self")?.map(|stat| stat.session).filter(|leader| *leader != 0) else {
        return Ok(None);
    };
    let started = process::stat(&leader.to_string())?.map(|stat| stat.started.to_string()).unwrap_or_default();
    let digest = Sha256::digest(format!("{} {leader} {started}", boot_id()?));
    Ok(Some(digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect()))
}
