//! Which processes are harnesses: known by the executable that they run, never by a word among their arguments.

/// One harness and what its processes look like.
struct Known {
    name: &'static str,
    /// Names of its process, exactly: of its executable, of its launcher in a `bin` directory, or that it gives itself.
    commands: &'static [&'static str],
    /// Directories that it is installed in, as the last parts of their paths; a script below one is its own.
    packages: &'static [&'static str],
}

/// Every harness that is known. One that is not is no error: its agents have the evidence of their terminal or none.
const KNOWN: &[Known] = &[
    known("claude", &["claude"], &["@anthropic-ai/claude-code", "claude-code", "claude/versions"]),
    known("codex", &["codex"], &["@openai/codex"]),
    known("gemini", &["gemini"], &["@google/gemini-cli"]),
    known("cursor", &["cursor-agent"], &["cursor-agent/versions"]),
    known("opencode", &["opencode", ".opencode"], &["opencode-ai"]),
    known("amp", &["amp"], &["@sourcegraph/amp", "@ampcode/cli"]),
    known("kimi", &["kimi", "Kimi Code"], &["kimi_cli"]),
    known("crush", &["crush"], &["@charmland/crush"]),
    known("qwen", &["qwen"], &["@qwen-code/qwen-code"]),
    known("auggie", &["auggie"], &["@augmentcode/auggie"]),
    known("goose", &["goose"], &[]),
    known("aider", &["aider"], &["aider"]),
    known("copilot", &["copilot"], &["@github/copilot"]),
    known("droid", &["droid"], &[]),
    known("pi", &["pi"], &["pi-coding-agent"]),
    known("antigravity", &["agy"], &[]),
    known("kilo", &["kilo", "kilocode"], &["@kilocode/cli"]),
    known("kiro", &["kiro-cli"], &[]),
];

const fn known(name: &'static str, commands: &'static [&'static str], packages: &'static [&'static str]) -> Known {
    Known { name, commands, packages }
}

/// Programs that run scripts. Node names its first thread, and so its process, in several ways.
const INTERPRETERS: &[&str] = &["node", "nodejs", "MainThread", "node-MainThread", "bun", "deno"];

/// Options of interpreters whose value is an argument of its own.
const WITH_VALUE: &[&str] = &[
    "-r",
    "--require",
    "--import",
    "--loader",
    "--experimental-loader",
    "-C",
    "--conditions",
    "--env-file",
    "-X",
    "-W",
    "--config",
    "-c",
    "--cwd",
    "--preload",
];

/// Words before the script: `bun run x`, `deno run x`.
const VERBS: &[&str] = &["run", "x"];

/// The harness that a process of this name (`comm`) is; `cmdline`, its arguments each ended by a NUL, is asked for
/// only if the name does not tell.
pub(super) fn recognise<E>(
    comm: &str,
    cmdline: impl FnOnce() -> Result<Vec<u8>, E>,
) -> Result<Option<&'static str>, E> {
    if let Some(known) = by_command(comm) {
        return Ok(Some(known.name));
    }
    let interpreter = is_interpreter(comm);
    if !interpreter && !is_version(comm) {
        return Ok(None);
    }
    let cmdline = cmdline()?;
    let args: Vec<&str> = cmdline.split(|byte| *byte == 0).map_while(|arg| std::str::from_utf8(arg).ok()).collect();
    let Some((program, args)) = args.split_first() else { return Ok(None) };
    if !interpreter {
        return Ok(by_package(program).map(|known| known.name));
    }
    // A launcher may hand its own name on to the interpreter that it becomes.
    let found = by_command(last_part(program)).or_else(|| match script(comm, args)? {
        Script::File(path) => by_launcher(path).or_else(|| by_package(path)),
        Script::Module(module) => by_package(&format!("{}/", module.replace('.', "/"))),
    });
    Ok(found.map(|known| known.name))
}

fn by_command(name: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.commands.contains(&name))
}

fn is_python(comm: &str) -> bool {
    comm.strip_prefix("python").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
}

fn is_interpreter(comm: &str) -> bool {
    INTERPRETERS.contains(&comm) || is_python(comm)
}

/// An executable that is named as its version, such as `2.1.33`: the directory around it tells what it is.
fn is_version(comm: &str) -> bool {
    comm.starts_with(|c: char| c.is_ascii_digit()) && comm.contains('.')
}

enum Script<'a> {
    File(&'a str),
    Module(&'a str),
}

/// What an interpreter runs, from its arguments.
fn script<'a>(comm: &str, args: &[&'a str]) -> Option<Script<'a>> {
    let mut args = args.iter().copied();
    while let Some(arg) = args.next() {
        match arg {
            "-e" | "-p" | "--eval" | "--print" => return None,
            "-c" if is_python(comm) => return None,
            "-m" if is_python(comm) => return args.next().map(Script::Module),
            "--" => return args.next().map(Script::File),
            option if WITH_VALUE.contains(&option) => drop(args.next()),
            option if option.starts_with('-') => {}
            verb if VERBS.contains(&verb) => {}
            path => return Some(Script::File(path)),
        }
    }
    None
}

/// `…/bin/claude`, as package managers install it.
fn by_launcher(path: &str) -> Option<&'static Known> {
    let (dir, file) = path.rsplit_once('/')?;
    if matches!(last_part(dir), "bin" | ".bin") { by_command(file) } else { None }
}

/// A file of a harness's own package, but of none that is installed below it.
fn by_package(path: &str) -> Option<&'static Known> {
    let parts: Vec<&str> = path.split('/').collect();
    let own = match parts.iter().rposition(|part| matches!(*part, "node_modules" | "site-packages")) {
        Some(at) => parts.get(at..)?,
        None => &parts,
    };
    KNOWN.iter().find(|known| {
        known.packages.iter().any(|package| {
            let wanted: Vec<&str> = package.split('/').collect();
            installed(own, &wanted)
        })
    })
}

/// Whether `parts` name a file below `package`. A package of one plain word is one only where packages are installed,
/// or right around its `cli.js`: a checkout may be called the same.
fn installed(parts: &[&str], package: &[&str]) -> bool {
    let Some(at) = parts.windows(package.len()).position(|window| window == package) else { return false };
    let below = parts.get(at.saturating_add(package.len())..).unwrap_or_default();
    let scoped = package.len() > 1;
    let managed = at == 1 && matches!(parts.first(), Some(&("node_modules" | "site-packages")));
    let module = at == 0 && parts.last() == Some(&"");
    !below.is_empty() && (scoped || managed || module || (package == ["claude-code"] && below == ["cli.js"]))
}

fn last_part(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::recognise;

    fn named(comm: &str, args: &[&str]) -> Option<&'static str> {
        let line: Vec<u8> = args.iter().flat_map(|arg| [arg.as_bytes(), b"\0"].concat()).collect();
        recognise(comm, || Ok::<_, ()>(line)).unwrap()
    }

    #[test]
    fn harnesses_are_known_by_what_they_run() {
        for (wanted, comm, args) in [
            ("claude", "claude", &["claude"][..]),
            ("claude", "claude", &["/home/a/.local/bin/claude", "--resume"]),
            ("claude", "2.1.33", &["/home/a/.local/share/claude/versions/2.1.33", "--agent-id", "x"]),
            ("claude", "node", &["node", "/usr/local/bin/claude"]),
            ("claude", "MainThread", &["node", "--no-warnings", "/home/a/.npm/bin/claude", "-p", "hello"]),
            ("claude", "node", &["node", "/usr/lib/node_modules/@anthropic-ai/claude-code/cli.js"]),
            ("claude", "bun", &["bun", "/opt/claude-code/cli.js"]),
            ("codex", "codex", &["/x/vendor/x86_64-unknown-linux-musl/codex/codex", "exec"]),
            ("codex", "node", &["node", "/usr/lib/node_modules/@openai/codex/bin/codex.js"]),
            ("gemini", "node", &["/usr/bin/node", "--max-old-space-size=8192", "/usr/bin/gemini"]),
            ("gemini", "node-MainThread", &["node", "/x/node_modules/@google/gemini-cli/dist/index.js"]),
            ("gemini", "node", &["node", "-r", "/x/hook.js", "/x/node_modules/.bin/gemini"]),
            ("cursor", "node", &["/home/a/.local/bin/cursor-agent", "--use-system-ca", "/x/index.js"]),
            ("cursor", "node", &["/x/cursor-agent/versions/7/node", "/x/cursor-agent/versions/7/index.js"]),
            ("opencode", ".opencode", &["/x/.opencode"]),
            ("opencode", "bun", &["bun", "run", "/x/node_modules/opencode-ai/bin/opencode.js"]),
            ("amp", "node", &["node", "/x/node_modules/.pnpm/a/node_modules/@sourcegraph/amp/dist/main.js"]),
            ("kimi", "Kimi Code", &["Kimi Code"]),
            ("kimi", "python3.13", &["/x/bin/python3", "/home/a/.local/bin/kimi"]),
            ("aider", "python3", &["python3", "-u", "-m", "aider", "--model", "x"]),
            ("aider", "python", &["python", "-X", "dev", "/x/site-packages/aider/__main__.py"]),
            ("copilot", "node", &["node", "/x/node_modules/@github/copilot/index.js"]),
            ("qwen", "node", &["node", "--", "/usr/bin/qwen"]),
        ] {
            assert_eq!(named(comm, args), Some(wanted), "{comm} {args:?}");
        }
    }

    #[test]
    fn a_word_among_the_arguments_makes_no_harness() {
        for (comm, args) in [
            ("vim", &["vim", "claude"][..]),
            ("less", &["less", "/usr/bin/codex"]),
            ("bash", &["/usr/bin/claude"]),
            ("sh", &["sh", "/usr/bin/claude"]),
            ("grep", &["grep", "-r", "claude", "bin/claude"]),
            ("Claude", &["Claude"]),
            ("claude-squad", &["claude-squad"]),
            ("codex-linux-san", &["codex-linux-sandbox"]),
            ("node", &["node", "test/claude.js"]),
            ("node", &["node", "claude"]),
            ("node", &["node", "/home/a/claude"]),
            ("node", &["node", "server.js", "/usr/bin/claude"]),
            ("node", &["node", "-e", "1", "/usr/bin/claude"]),
            ("node", &["node", "-r", "/usr/bin/claude", "server.js"]),
            ("node", &["node", "/home/a/claude-code/test/run.js"]),
            ("node", &["node", "/home/a/aider/index.js"]),
            ("node", &["node", "/x/node_modules/@google/gemini-cli/node_modules/mcp/server.js"]),
            ("node", &["node"]),
            ("node", &[]),
            ("python3", &["python3", "-c", "import aider"]),
            ("python3", &["python3", "-m", "pytest", "aider"]),
            ("python3", &["python3", "/home/a/aider/tests.py"]),
            ("pythonic", &["pythonic", "/usr/bin/aider"]),
            ("2.1.33", &["/home/a/versions/2.1.33"]),
            ("", &[""]),
        ] {
            assert_eq!(named(comm, args), None, "{comm} {args:?}");
        }
    }

    #[test]
    fn arguments_are_read_only_where_they_are_needed_and_may_hold_anything() {
        let unread = || -> Result<Vec<u8>, ()> { panic!("read") };
        assert_eq!(recognise("codex", unread), Ok(Some("codex")));
        assert_eq!(recognise("bash", unread), Ok(None));
        assert_eq!(recognise("node", || Err("no")), Err("no"));
        for bytes in [&b""[..], b"\0\0\0", b"node\0\xff\xfe\0", b"node\0--", b"node\0-r", b"node\0/"] {
            assert_eq!(recognise("node", || Ok::<_, ()>(bytes.to_vec())), Ok(None), "{bytes:?}");
        }
    }
}
