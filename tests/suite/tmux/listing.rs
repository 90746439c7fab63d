//! Servers and panes, with tmux as it should be and as it should not.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt as _, fs::PermissionsExt as _, fs::symlink, net::UnixListener},
    path::Path,
    time::{Duration, Instant},
};

use swarmlock::host::tmux::{Tmux, Unreachable, agent_in, is_in_front, servers};

use super::{LIMIT, Stage, bash, fake, is_over, process, program_named, strs, wait_for};
use crate::harness::{Site, skip};

/// Short: for calls that never come back.
const SHORT: Duration = Duration::from_millis(300);

#[test]
fn the_sockets_of_the_user_are_found_that_of_the_variable_first() {
    let site = Site::new();
    let dir = site.path(format!("tmux-{}", rustix::process::getuid().as_raw()));
    fs::create_dir(&dir).unwrap();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).unwrap();
    let sockets: Vec<_> = ["b", "a", "c d"].iter().map(|name| UnixListener::bind(dir.join(name))).collect();
    if sockets.iter().any(Result::is_err) {
        return skip("the_sockets_of_the_user_are_found", "no room for a socket");
    }
    fs::write(dir.join("file"), "").unwrap();
    fs::create_dir(dir.join("dir")).unwrap();
    symlink(dir.join("a"), dir.join("link")).unwrap();
    let tmpdir = Some(site.root().as_os_str());
    let names = |found: Vec<std::path::PathBuf>| -> Vec<String> {
        found.iter().map(|path| path.strip_prefix(&dir).unwrap_or(path).display().to_string()).collect()
    };
    assert_eq!(names(servers(None, tmpdir)), ["a", "b", "c d"]);
    let tmux = format!("{},77,0", dir.join("b").display());
    assert_eq!(names(servers(Some(OsStr::new(&tmux)), tmpdir)), ["b", "a", "c d"]);
    let same = format!("{}/../{}/b,77,0", dir.display(), dir.file_name().unwrap().display());
    assert_eq!(servers(Some(OsStr::new(&same)), tmpdir).len(), 3, "one server by two names");
    assert_eq!(names(servers(Some(OsStr::new("/x/y,77,0")), tmpdir)), ["/x/y", "a", "b", "c d"]);
    for bad in [&b"x,1,0"[..], b"", b"/\x1b,1,0"] {
        assert_eq!(servers(Some(OsStr::from_bytes(bad)), tmpdir).len(), 3);
    }
    // Whoever may write there may have put a socket of theirs in it.
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(servers(None, tmpdir).len(), 0);
    assert_eq!(names(servers(Some(OsStr::new(&tmux)), tmpdir)), ["b"]);
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).unwrap();
    let more: Vec<_> = (0..100).map(|number| UnixListener::bind(dir.join(format!("{number}")))).collect();
    assert_eq!((more.len(), servers(None, tmpdir).len()), (100, 64));
    assert!(servers(None, Some(OsStr::new("/nowhere"))).is_empty());
}

#[test]
fn a_pane_is_told_with_all_that_is_asked_whatever_its_session_is_called() {
    let site = Site::new();
    let Some(stage) = Stage::set(&site, "a_pane_is_told_with_all_that_is_asked") else { return };
    let name = "a b|\"'#{pane_id};$(x) é";
    // tmux puts values into the name that it is given.
    stage.server.tmux(&["new-session", "-d", "-s", &name.replace('#', "##"), "cat"]).unwrap().expect(0);
    let split = [
        "split-window",
        "-d",
        "-P",
        "-F",
        "#{pane_id} #{pane_pid} #{pid} #{pane_tty} #{session_name}:#{window_index}.#{pane_index}",
        "cat",
    ];
    let told = stage.server.tmux(&split).unwrap().expect(0).out;
    let listing = Tmux::default().panes(&stage.socket(), LIMIT).unwrap();
    assert_eq!((listing.panes.len(), listing.malformed), (3, 0), "{listing:?}");
    let shown: Vec<_> = listing
        .panes
        .iter()
        .map(|pane| format!("%{} {} {} {} {}\n", pane.number, pane.pid, pane.server, pane.tty, pane.place))
        .collect();
    // Without a locale the command of the test shows `_` for what is no ASCII.
    let ascii = |text: &str| text.chars().filter(|c| c.is_ascii() && *c != '_').collect::<String>();
    assert!(shown.iter().any(|shown| ascii(shown) == ascii(&told)), "{told:?} in {shown:?}");
    assert!(listing.panes.iter().any(|pane| pane.session == name), "{listing:?}");
    assert!(listing.panes.iter().all(|pane| !(pane.dead || pane.in_mode || pane.synchronized || pane.input_off)));
    let id = format!("%{}", listing.panes[0].number);
    stage.server.tmux(&["copy-mode", "-t", &id]).unwrap().expect(0);
    stage.server.tmux(&["select-pane", "-d", "-t", &id]).unwrap().expect(0);
    stage.server.tmux(&["set-option", "-w", "-t", &id, "synchronize-panes", "on"]).unwrap().expect(0);
    let pane = stage.pane(listing.panes[0].number);
    assert!(pane.in_mode && pane.input_off && pane.synchronized && !pane.dead, "{pane:?}");
}

#[test]
fn a_server_that_cannot_be_reached_is_told_apart_by_why() {
    let site = Site::new();
    let why = |tmux: &Tmux, socket: &Path| tmux.panes(socket, LIMIT).unwrap_err();
    let nowhere = Tmux::at("swarmlock-test-no-such-program");
    assert_eq!(why(&nowhere, &site.path("one")), Unreachable::NoProgram);
    let Some(stage) = Stage::set(&site, "a_server_that_cannot_be_reached") else { return };
    let tmux = Tmux::default();
    assert_eq!(why(&tmux, &site.path("none")), Unreachable::NoServer);
    drop(UnixListener::bind(site.path("left")).unwrap());
    assert_eq!(why(&tmux, &site.path("left")), Unreachable::NoServer, "a socket without a server");
    fs::write(site.path("file"), "").unwrap();
    assert_eq!(why(&tmux, &site.path("file")), Unreachable::NoServer);
    // A server that takes the call and says nothing.
    let silent = UnixListener::bind(site.path("silent")).unwrap();
    let begun = Instant::now();
    assert_eq!(tmux.panes(&site.path("silent"), SHORT), Err(Unreachable::Hangs(SHORT)));
    assert!(begun.elapsed() < LIMIT);
    drop(silent);
    fs::set_permissions(stage.socket(), fs::Permissions::from_mode(0o0)).unwrap();
    let denied = if rustix::process::geteuid().is_root() {
        let dropped = "exec setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set -all tmux \"$@\"";
        let works = std::process::Command::new("setpriv").args(["--reuid", "65534", "--clear-groups", "true"]).output();
        if !works.is_ok_and(|output| output.status.success()) {
            return skip("a_server_that_cannot_be_reached", "no setpriv here to become another user");
        }
        fake(&site, "dropped", dropped)
    } else {
        tmux.clone()
    };
    assert_eq!(why(&denied, &stage.socket()), Unreachable::Denied);
    fs::set_permissions(stage.socket(), fs::Permissions::from_mode(0o600)).unwrap();
    assert!(tmux.panes(&stage.socket(), LIMIT).is_ok(), "the control");
}

#[test]
fn a_program_that_is_no_tmux_neither_hangs_nor_fills_the_memory() {
    let site = Site::new();
    let pid = site.path("pid");
    let ask = |lines: &str, limit| fake(&site, "fake", lines).panes(Path::new("/x"), limit);
    for (lines, word) in [
        ("exec sleep 1000", "hangs"),
        ("trap '' TERM; sleep 1000; :", "hangs"),
        ("echo 'pane|%0|1|1|0000|0.0|sh||s'; exec sleep 1000", "hangs"),
        ("exec >&- 2>&-; exec sleep 1000", "hangs"),
        ("exec yes >&2", "hangs"),
        ("exec yes", "garbage"),
        ("exec yes 'pane|%0|1|1|0000|0.0|sh||s'", "garbage"),
        ("exec cat /dev/zero", "garbage"),
        ("echo hello", "garbage"),
        ("echo", "garbage"),
        ("printf '\\377\\000|'", "garbage"),
        ("printf 'pane|%%0|1|1|0000|0.0|sh|'", "garbage"),
        ("exit 3", "failed"),
        ("kill -9 $$", "failed"),
        ("printf '\\033]0;x\\007\\nmore\\n' >&2; exit 1", "failed"),
    ] {
        let begun = Instant::now();
        let limit = if word == "hangs" { SHORT } else { LIMIT };
        let found = ask(&format!("echo $$ >'{}'\n{lines}", pid.display()), limit).unwrap_err();
        assert_eq!(found.word(), word, "{lines}: {found:?}");
        assert!(begun.elapsed() < LIMIT, "{lines}");
        let number: u32 = fs::read_to_string(&pid).unwrap().trim().parse().unwrap();
        assert!(is_over(number), "{lines}: it still runs");
    }
    // What it has started is ended with it, and one that keeps its pipes is not waited for.
    let child = "(echo $$ >/dev/null; exec sleep 1000) & echo $! >\"$0.child\"\n";
    let number = || fs::read_to_string(site.path("fake.child")).unwrap().trim().parse::<u32>().unwrap();
    assert_eq!(ask(&format!("{child}wait"), SHORT), Err(Unreachable::Hangs(SHORT)));
    wait_for(|| is_over(number()).then_some(()));
    let listing = ask(&format!("{child}echo 'pane|%0|1|1|0000|0.0|sh||s'"), LIMIT).unwrap();
    assert_eq!((listing.panes.len(), listing.malformed), (1, 0));
    super::kill(number());
    let listing = ask("echo x; echo 'pane|%0|1|1|0000|0.0|sh||s'; echo y", LIMIT).unwrap();
    assert_eq!((listing.panes.len(), listing.malformed), (1, 2));
    assert_eq!(ask("exit 0", LIMIT).unwrap().panes, []);
}

#[test]
fn an_agent_is_found_by_what_it_runs_and_only_in_front() {
    let site = Site::new();
    let Some(stage) = Stage::set(&site, "an_agent_is_found_by_what_it_runs") else { return };
    let found = |number, extra: &[String]| agent_in(&stage.pane(number), extra).unwrap();
    // Its own process.
    let claude = program_named(&site, "bash", "claude");
    let own = stage.open(&[&claude, "--norc", "--noprofile"]);
    let agent = stage.found(own);
    assert_eq!((agent.harness.as_str(), agent.process.pid), ("claude", stage.pane(own).pid));
    assert_eq!(agent.cwd.unwrap(), fs::canonicalize(site.root()).unwrap());
    // Below a shell.
    let shell = stage.open(&strs(&bash(&site, "C")));
    assert_eq!(found(shell, &[]), None);
    stage.type_line(shell, &format!("'{claude}' --norc --noprofile"));
    let below = stage.found(shell).process;
    let pid = stage.pane(shell).pid;
    assert!(below.pid != pid && is_in_front(pid, &below));
    assert!(!is_in_front(pid, &process(pid)), "the shell is not");
    assert!(!is_in_front(pid, &swarmlock::domain::Process { started: below.started + 1, ..below.clone() }));
    assert!(!is_in_front(stage.pane(own).pid, &below), "in another pane");
    // Suspended, and back.
    stage.type_line(shell, "suspend -f");
    stage.shell_in_front(shell);
    assert!(!is_in_front(pid, &below));
    assert_eq!(found(shell, &[]), None);
    stage.type_line(shell, "fg");
    assert_eq!(stage.found(shell).process, below);
    // A word among the arguments.
    let word = stage.open(&["sh", "-c", "cat; :", "claude", "/usr/bin/claude"]);
    let other = stage.open(&["bash", "-c", &format!("exec -a cat '{}'", program_named(&site, "cat", "claude-squad"))]);
    let comm = || fs::read_to_string(format!("/proc/{}/comm", stage.pane(other).pid)).unwrap();
    wait_for(|| (comm() == "claude-squad\n").then_some(()));
    assert_eq!((found(word, &[]), found(other, &[])), (None, None));
    // Names that are added, exactly.
    let extra = |name: &str| found(other, &[name.to_owned()]).map(|found| found.harness);
    assert_eq!(extra("claude-squad"), Some("claude-squad".to_owned()));
    assert_eq!((extra("claude-squa"), extra("squad"), extra("")), (None, None, None));
    // A pane that tells another server than has started it is not looked into.
    let wrong = swarmlock::host::tmux::Pane { server: std::process::id(), ..stage.pane(own) };
    assert_eq!(agent_in(&wrong, &[]).unwrap(), None);
}
