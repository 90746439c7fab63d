//! What the programs around an agent would make of a line that is typed when the agent has just ended.

use crate::{
    fs,
    host::{ancestors::cmdline, process::Stat},
    store,
};

use super::front::executable;

/// Shells and others that take a line after `#` for a comment.
const COMMENTS: &[&str] = &["sh", "bash", "rbash", "dash", "ash", "ksh", "ksh93", "mksh", "lksh", "oksh", "fish"];
/// Shells that may take `#` for a command, and what follows it for more of them.
const NO_COMMENTS: &[&str] = &["zsh", "csh", "tcsh", "bsd-csh", "nu", "elvish", "xonsh", "pwsh"];
/// Programs that only wait for the one that they have started, and end with it.
const WRAPPERS: &[&str] = &["swarmlock", "sudo", "doas", "timeout", "time", "tini", "dumb-init", "uv"];
/// Programs that run scripts, beside Python.
const INTERPRETERS: &[&str] = &["node", "nodejs", "bun", "deno"];
/// Programs that are many, each by the name that it is called by.
const MANY: &[&str] = &["busybox", "toybox"];
/// As much of an environment and of a list of mapped files as is looked at, in bytes.
const LIMIT: usize = 256 * 1024;

/// What may be typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum May {
    /// The whole line.
    Whole,
    /// A fixed harmless line.
    Notice,
    /// Nothing, because of this program.
    Nothing(String),
}

/// What one program would make of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Harmless,
    NoComments,
    Unknown,
}

/// What may be typed above these processes, those that could read it after the agent. `ascii`: the line is ASCII.
///
/// In a locale without UTF-8 the editors of command lines take bytes above 127 for commands of their own, one of which
/// runs what stands in the line: other text than ASCII is typed only where such a locale is certain.
pub(super) fn may(above: &[Stat], agent: u32, ascii: bool) -> store::Result<May> {
    let mut found = May::Whole;
    for stat in above {
        let name = name(&stat.comm, executable(stat.pid));
        match kind(&name, || cmdline(stat.pid))? {
            Kind::Harmless if ascii || is_utf8(stat.pid, true)? => {}
            Kind::Harmless | Kind::NoComments => found = May::Notice,
            Kind::Unknown => return Ok(May::Nothing(name)),
        }
    }
    // A shell that has changed its locale hands it on.
    if !ascii && !above.is_empty() && !is_utf8(agent, false)? {
        found = May::Notice;
    }
    Ok(found)
}

/// The name that decides: of the file, unless that is many programs or not to be seen.
fn name(comm: &str, executable: Option<String>) -> String {
    executable.filter(|name| !MANY.contains(&name.as_str())).unwrap_or_else(|| comm.to_owned())
}

fn kind<E>(name: &str, cmdline: impl FnOnce() -> Result<Vec<u8>, E>) -> Result<Kind, E> {
    if COMMENTS.contains(&name) || WRAPPERS.contains(&name) {
        return Ok(Kind::Harmless);
    }
    if NO_COMMENTS.contains(&name) {
        return Ok(Kind::NoComments);
    }
    let python = name.strip_prefix("python").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit() || b == b'.'));
    if !python && !INTERPRETERS.contains(&name) {
        return Ok(Kind::Unknown);
    }
    Ok(if runs_script(&cmdline()?) { Kind::Harmless } else { Kind::Unknown })
}

/// Whether an interpreter with this command line runs a script and reads no commands itself.
fn runs_script(cmdline: &[u8]) -> bool {
    let mut args = cmdline.split(|byte| *byte == 0).skip(1).filter(|arg| !arg.is_empty());
    let asks = |arg: &[u8]| {
        arg == b"--interactive" || (arg.starts_with(b"-") && !arg.starts_with(b"--") && arg.contains(&b'i'))
    };
    for arg in args.by_ref() {
        if asks(arg) {
            return false;
        }
        if !arg.starts_with(b"-") {
            return true;
        }
    }
    false
}

/// Whether a process certainly reads UTF-8: its environment says so and, if `loaded` is asked for, it has loaded what
/// that names.
fn is_utf8(pid: u32, loaded: bool) -> store::Result<bool> {
    let environment = fs::read_system_start(&format!("/proc/{pid}/environ"), LIMIT)?.unwrap_or_default();
    if environment.len() >= LIMIT || !says_utf8(&environment) {
        return Ok(false);
    }
    if !loaded {
        return Ok(true);
    }
    let maps = fs::read_system_file(&format!("/proc/{pid}/maps"), LIMIT)?.unwrap_or_default();
    // musl knows no other.
    Ok(["/LC_CTYPE", "/locale-archive", "/ld-musl-"].iter().any(|part| maps.contains(part)))
}

fn says_utf8(environment: &[u8]) -> bool {
    let value = |name: &str| {
        let set =
            environment.split(|byte| *byte == 0).find_map(|one| one.strip_prefix(name.as_bytes())?.strip_prefix(b"="));
        set.filter(|value| !value.is_empty())
    };
    let locale = value("LC_ALL").or_else(|| value("LC_CTYPE")).or_else(|| value("LANG")).unwrap_or_default();
    let locale = String::from_utf8_lossy(locale).to_ascii_lowercase();
    locale
        .split_once('.')
        .is_some_and(|(_, charset)| charset.split('@').next().is_some_and(|set| matches!(set, "utf-8" | "utf8")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(name: &str, args: &[&str]) -> Kind {
        let line: Vec<u8> = args.iter().flat_map(|arg| [arg.as_bytes(), b"\0"].concat()).collect();
        kind(name, || Ok::<_, ()>(line)).unwrap()
    }

    #[test]
    fn only_known_programs_may_be_typed_above() {
        for (wanted, name, args) in [
            (Kind::Harmless, "bash", &["-bash"][..]),
            (Kind::Harmless, "fish", &["fish"]),
            (Kind::Harmless, "swarmlock", &["swarmlock", "run"]),
            (Kind::NoComments, "zsh", &["-zsh"]),
            (Kind::NoComments, "tcsh", &["tcsh"]),
            (Kind::Harmless, "node", &["node", "/usr/bin/npx", "-i"]),
            (Kind::Harmless, "node", &["node", "--no-warnings", "/x/cli.js"]),
            (Kind::Harmless, "python3.12", &["python3", "-u", "x.py"]),
            (Kind::Unknown, "node", &["node"]),
            (Kind::Unknown, "node", &["node", "-i", "x.js"]),
            (Kind::Unknown, "node", &["node", "--interactive", "x.js"]),
            (Kind::Unknown, "python3", &["python3", "-ic", "1"]),
            (Kind::Unknown, "python3", &[]),
            (Kind::Unknown, "pythonic", &["pythonic", "x"]),
            (Kind::Unknown, "vim", &["vim", "bash"]),
            (Kind::Unknown, "less", &["less"]),
            (Kind::Unknown, "Bash", &["Bash"]),
            (Kind::Unknown, "", &[]),
        ] {
            assert_eq!(judged(name, args), wanted, "{name} {args:?}");
        }
    }

    #[test]
    fn the_file_decides_what_a_program_is() {
        assert_eq!(name("sh", Some("vim".to_owned())), "vim");
        assert_eq!(name("vi", Some("busybox".to_owned())), "vi");
        assert_eq!(name("sudo", None), "sudo");
    }

    #[test]
    fn a_locale_is_utf8_if_what_goes_first_says_so() {
        for (environment, utf8) in [
            ("LANG=C.UTF-8", true),
            ("LANG=de_DE.utf8@euro", true),
            ("LANG=C.UTF-8\0LC_ALL=C", false),
            ("LANG=C\0LC_CTYPE=en_US.UTF-8", true),
            ("LC_ALL=\0LANG=en_US.UTF-8", true),
            ("XLANG=C.UTF-8", false),
            ("LANGUAGE=C.UTF-8", false),
            ("LANG=UTF-8", false),
            ("LANG=x.UTF-80", false),
            ("", false),
        ] {
            assert_eq!(says_utf8(environment.as_bytes()), utf8, "{environment:?}");
        }
    }
}
