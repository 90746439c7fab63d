//! Eras: the spans of time in which a fence counts on and a claim means something.
//!
//! A claim is not written durably, so it says nothing after a reboot; one that was copied with its directory says
//! nothing in the copy. Either begins a new era, and claims of an earlier era are over (docs/protocol.md 3).

use serde::{Deserialize, Serialize};

use super::{Error, Event, FORMAT, Result, StateDir, Versioned, document, event::kind, layout, parse_json};
use crate::fs::{Dir, FileName, Meta};

/// What the kernel may not have written when the power went, in numbers: two minutes of them.
const UNWRITTEN: u64 = 120_000_000;

/// The largest number that JSON readers keep exactly (`jq` works in doubles).
pub(super) const LARGEST: u64 = (1 << 53) - 1;

/// 2020-01-01T00:00:00Z in microseconds since 1970: numbers count from there.
const EPOCH_US: u64 = 1_577_836_800_000_000;

/// What is known of the machine, as far as eras care.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The kernel's boot id; empty if it does not tell.
    pub boot_id: String,
    /// The id of the installation, read when first needed; `None` if there is none (containers).
    pub machine_id: fn() -> Result<Option<String>>,
    /// Wall clock, in microseconds since 1970; read after the state directory was opened.
    pub unix_us: u64,
    /// Whether the monotonic clock is the kernel's own: in a time namespace it is another.
    pub own_clock: bool,
}

/// `era.json`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct EraFile {
    v: u64,
    /// The number that this era began with; every number in it is larger.
    pub(super) era: u64,
    boot_id: String,
    machine_id: Option<String>,
    guard_ino: u64,
    /// A restored directory may get the old inode number, never the old time of birth.
    guard_born_ns: Option<u64>,
    began_at: String,
    /// Why: what ended the one before.
    why: String,
}

/// What an era file says about now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Its era goes on, on this boot of this machine.
    Current,
    /// Its era goes on, but it was begun by another machine: monotonic clocks do not compare.
    Foreign,
    /// Its era is over.
    Over(End),
}

/// What ends an era.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The directory was copied or restored.
    Moved,
    /// The machine was restarted, perhaps by a power cut.
    Restarted,
}

/// The era as a reader sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CurrentEra {
    /// Its number; `None` when the one on record is over and no change has begun the next.
    pub number: Option<u64>,
    /// The number on record: a lease of a later era shows that another has begun since.
    pub recorded: u64,
    /// Whether monotonic times in claims of this era compare with those of this process.
    pub same_boot: bool,
}

impl End {
    fn words(self) -> &'static str {
        match self {
            Self::Moved => "the state directory was copied or restored",
            Self::Restarted => "the machine was restarted",
        }
    }
}

impl Versioned for EraFile {
    fn version(&self) -> u64 {
        self.v
    }
}

impl EraFile {
    pub(super) fn read(dir: &Dir) -> Result<Self> {
        let path = dir.path().join(layout::ERA.as_str());
        let Some(bytes) = dir.read(&[&layout::ERA], layout::DOCUMENT_LIMIT)? else {
            return Err(Error::Damaged { path, why: "it is missing".to_owned() });
        };
        let file: Self = parse_json(|| path.clone(), &bytes)?;
        if file.era > LARGEST || file.v != FORMAT {
            return Err(Error::Damaged { path, why: "its numbers are impossible".to_owned() });
        }
        Ok(file)
    }

    pub(super) fn standing(&self, guard: &Meta, machine: &Machine) -> Result<Standing> {
        let boots_known = !self.boot_id.is_empty() && !machine.boot_id.is_empty();
        let same_boot = boots_known && self.boot_id == machine.boot_id;
        // Two machines without an id are not the same machine.
        let same_machine = same_boot || {
            let id = (machine.machine_id)()?;
            id.is_some() && self.machine_id == id
        };
        match (self.guard_born_ns, guard.born_ns) {
            (Some(then), Some(now)) if then != now => return Ok(Standing::Over(End::Moved)),
            (Some(_), Some(_)) => {}
            // Inode numbers alone say little on another machine: some shared file systems make them up.
            _ if same_machine && self.guard_ino != guard.id.ino => return Ok(Standing::Over(End::Moved)),
            _ => {}
        }
        Ok(match (same_boot, same_machine && boots_known) {
            (true, _) => Standing::Current,
            (false, true) => Standing::Over(End::Restarted),
            (false, false) => Standing::Foreign,
        })
    }

    /// The first era of a directory, or the one after `before`, in which `known` is the largest number that is known to
    /// have been given out; `None` if there are no numbers left.
    pub(super) fn begin(before: Option<(u64, End)>, guard: &Meta, machine: &Machine) -> Result<Option<Self>> {
        let clock = machine.number();
        let era = match before {
            None => clock,
            Some((known, End::Moved)) => clock.max(known.saturating_add(1)),
            Some((known, End::Restarted)) => clock.max(known.saturating_add(UNWRITTEN)),
        };
        if era >= LARGEST {
            return Ok(None);
        }
        Ok(Some(Self {
            v: FORMAT,
            era,
            boot_id: machine.boot_id.clone(),
            machine_id: (machine.machine_id)()?,
            guard_ino: guard.id.ino,
            guard_born_ns: guard.born_ns,
            began_at: super::event::rfc3339(machine.unix_us / 1000),
            why: before.map_or("the state directory was made", |(_, end)| end.words()).to_owned(),
        }))
    }

    /// The line of the log that tells of it.
    pub(super) fn event(&self) -> Event {
        let at = self.began_at.clone();
        Event { n: self.era, at, reason: Some(self.why.clone()), ..Event::new(kind::ERA_BEGAN, 0) }
    }

    pub(super) fn write(&self, tmp: &Dir, dir: &Dir) -> Result<()> {
        document::replace(tmp, dir, &layout::ERA, self)
    }

    pub(super) fn bytes(&self, dir: &Dir, name: &FileName) -> Result<Vec<u8>> {
        document::to_bytes(dir, name, self)
    }
}

impl Machine {
    /// The number that the clock stands for: at least 1. A clock that is ahead by centuries counts for nothing, because
    /// it would use up all numbers.
    pub(super) fn number(&self) -> u64 {
        let us = self.unix_us.saturating_sub(EPOCH_US);
        if us > LARGEST / 2 { 1 } else { us.max(1) }
    }
}

impl StateDir {
    /// The era as it stands, found without the guard and without writing.
    ///
    /// # Errors
    /// If the guard or the era file is missing, damaged or unsafe.
    pub fn current_era(&self, machine: &Machine) -> Result<CurrentEra> {
        let guard = self.guard_meta()?;
        let file = EraFile::read(self.dir())?;
        let recorded = file.era;
        Ok(match file.standing(&guard, machine)? {
            Standing::Current => CurrentEra { number: Some(recorded), recorded, same_boot: machine.own_clock },
            Standing::Foreign => CurrentEra { number: Some(recorded), recorded, same_boot: false },
            Standing::Over(_) => CurrentEra { number: None, recorded, same_boot: false },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::Dir;

    fn machine(boot: &str, id: fn() -> Result<Option<String>>, unix_ms: u64) -> Machine {
        Machine { boot_id: boot.to_owned(), machine_id: id, unix_us: unix_ms.saturating_mul(1000), own_clock: true }
    }

    fn here() -> Result<Option<String>> {
        Ok(Some("here".to_owned()))
    }

    fn there() -> Result<Option<String>> {
        Ok(Some("there".to_owned()))
    }

    fn nowhere() -> Result<Option<String>> {
        Ok(None)
    }

    fn some_meta() -> Meta {
        let dir = tempfile::tempdir().unwrap();
        let dir = Dir::open(dir.path()).unwrap().unwrap();
        dir.create(&layout::GUARD, b"", crate::fs::Sync::Volatile, crate::fs::Stamp::Now).unwrap();
        dir.look(&layout::GUARD).unwrap().unwrap()
    }

    #[test]
    fn the_era_of_the_example_is_read_and_rewritten_byte_for_byte() {
        let example = include_bytes!("../../.agent_locks.example/era.json");
        let temp = tempfile::tempdir().unwrap();
        let dir = Dir::open(temp.path()).unwrap().unwrap();
        dir.create(&layout::ERA, example, crate::fs::Sync::Volatile, crate::fs::Stamp::Now).unwrap();
        let era = EraFile::read(&dir).unwrap();
        assert_eq!(era.machine_id.as_deref(), Some("00112233445566778899aabbccddeeff"), "of no real machine");
        assert_eq!(era.bytes(&dir, &layout::ERA).unwrap(), example);
    }

    /// Every row of the table in docs/protocol.md 3.3.
    #[test]
    fn an_era_ends_with_the_boot_and_with_the_place_it_stands_in() {
        let meta = Meta { born_ns: Some(7), ..some_meta() };
        let other_ino = Meta { id: crate::fs::FileId { ino: meta.id.ino + 1, ..meta.id }, ..meta };
        let born = |born_ns, meta: &Meta| Meta { born_ns, ..*meta };
        let (moved, restarted) = (Standing::Over(End::Moved), Standing::Over(End::Restarted));
        // (boot and machine on record, guard on record; boot and machine now, guard now; standing)
        type Ids = (&'static str, fn() -> Result<Option<String>>);
        let table: [(Ids, Meta, Ids, Meta, Standing); 14] = [
            (("b1", here), meta, ("b1", here), meta, Standing::Current),
            (("b1", here), meta, ("b1", nowhere), meta, Standing::Current),
            (("b1", here), meta, ("b2", here), meta, restarted),
            (("b1", here), meta, ("b2", there), meta, Standing::Foreign),
            // Machines without an id are not one machine.
            (("b1", nowhere), meta, ("b2", nowhere), meta, Standing::Foreign),
            (("b1", here), meta, ("b2", nowhere), meta, Standing::Foreign),
            // A boot that nobody knows is neither the same nor another.
            (("", here), meta, ("b2", here), meta, Standing::Foreign),
            (("b1", here), meta, ("", here), meta, Standing::Foreign),
            (("", nowhere), meta, ("", nowhere), meta, Standing::Foreign),
            // The time of birth decides; without it the inode, but only on the same machine.
            (("b1", here), meta, ("b1", here), born(Some(8), &meta), moved),
            (("b1", here), meta, ("b1", here), born(Some(7), &other_ino), Standing::Current),
            (("b1", here), born(None, &meta), ("b1", here), other_ino, Standing::Over(End::Moved)),
            (("b1", here), meta, ("b2", there), born(None, &other_ino), Standing::Foreign),
            (("b1", here), meta, ("b2", there), born(Some(8), &other_ino), Standing::Over(End::Moved)),
        ];
        for (row, (then, guard_then, now, guard_now, wanted)) in table.into_iter().enumerate() {
            let file = EraFile::begin(None, &guard_then, &machine(then.0, then.1, 0)).unwrap().unwrap();
            assert_eq!(file.standing(&guard_now, &machine(now.0, now.1, 0)).unwrap(), wanted, "row {row}");
        }
    }

    #[test]
    fn numbers_only_ever_grow() {
        let meta = some_meta();
        let at = |ms| machine("b", here, ms);
        let first = EraFile::begin(None, &meta, &at(1_800_000_000_000)).unwrap().unwrap().era;
        assert_eq!(first, 1_800_000_000_000_000 - EPOCH_US, "the microseconds since 2020");
        let known = first + 1000;
        for clock in [0, EPOCH_US / 1000, 1_700_000_000_000, 1_800_000_000_000, 1_900_000_000_000, u64::MAX] {
            let after = |end| EraFile::begin(Some((known, end)), &meta, &at(clock)).unwrap().unwrap().era;
            assert!(after(End::Moved) > known, "clock {clock}");
            assert!(after(End::Restarted) >= known + UNWRITTEN, "clock {clock}: what the power took along");
        }
        let remade = EraFile::begin(None, &meta, &at(1_800_000_000_001)).unwrap().unwrap();
        assert!(remade.era > known - 1000, "a directory made again later counts on");
    }

    #[test]
    fn numbers_run_out_cleanly() {
        let meta = some_meta();
        let machine = machine("b", here, 0);
        assert_eq!(EraFile::begin(None, &meta, &machine).unwrap().unwrap().era, 1);
        for end in [End::Moved, End::Restarted] {
            for known in [LARGEST - 1, LARGEST, u64::MAX] {
                assert!(EraFile::begin(Some((known, end)), &meta, &machine).unwrap().is_none());
            }
        }
    }
}
