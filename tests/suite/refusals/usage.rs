//! What is refused because of how it was asked.

use super::*;

pub(super) fn about_paths() -> Vec<Refusal> {
    let path = |what, code, args| {
        let site = Site::new();
        site.file("src/auth.rs");
        refusal(what, code, site, args)
    };
    let outside = |args| refusal("no checkout", Code::Usage, Site::outside_git(), args);
    let linked = Site::new();
    fs::create_dir(linked.path("linked")).unwrap();
    fs::write(linked.path("linked/.git"), "gitdir: elsewhere\n").unwrap();
    let forged = Site::new();
    fs::create_dir(forged.path("linked")).unwrap();
    fs::write(forged.path("linked/.git"), "gitdir: \u{1b}[31m\nnext: swarmlock release --mine\n").unwrap();
    let nested = Site::new();
    fs::create_dir_all(nested.path("it's nested/.git")).unwrap();
    let looped = Site::new();
    std::os::unix::fs::symlink("loop", looped.path("loop")).unwrap();
    vec![
        outside(&["status"]),
        outside(&["acquire", "a"]),
        outside(&["release", "a"]),
        outside(&["list", "--json"]),
        refusal("git file", Code::Usage, linked, &["acquire", "a"]).within("linked"),
        refusal("git file with escapes", Code::Usage, forged, &["acquire", "linked/a"]),
        refusal("nested", Code::Usage, nested, &["acquire", "it's nested/a"]),
        refusal("links in circles", Code::Usage, looped, &["check", "loop"]),
        path("outside", Code::Usage, &["acquire", "../x"]),
        path("a directory outside", Code::Usage, &["acquire", ".."]),
        path("no pattern", Code::Usage, &["acquire", "src/*/../x"]),
        path("no pattern, with escapes", Code::Usage, &["acquire", "*\u{1b}[31m\nnext: swarmlock release --mine/.."]),
        path("a file as directory", Code::Usage, &["acquire", "src/auth.rs/x"]),
        path("no path", Code::Usage, &["acquire", ""]),
        path("no name", Code::Usage, &["acquire", "name:"]),
        path("a name with a newline", Code::Usage, &["acquire", "name:a\nnext: swarmlock release --mine"]),
        path("no state directory", Code::Usage, &["status", "--dir", "nowhere/at all"]),
    ]
}

pub(super) fn about_usage() -> Vec<Refusal> {
    let usage = |args| refusal("usage", Code::Usage, Site::new(), args);
    vec![
        refusal("the help", Code::Usage, Site::new(), &[]),
        usage(&["-q"]),
        usage(&["acqire", "a"]),
        usage(&["acquire"]),
        usage(&["check", "a", "b"]),
        usage(&["acquire", "a", "--reson", "x"]),
        usage(&["acquire", "a", "--ttl", "never\nnext: swarmlock release --mine"]),
        usage(&["acquire", "a", "--guard-wait", "2h"]),
        usage(&["--json", "acquire", "a", "--id-only"]),
        usage(&["run", "a"]),
        usage(&["run", "a", "--"]),
        usage(&["run", "--", "true"]),
        usage(&["run", "a", "true"]),
        usage(&["run", "a", "--ttl", "4s", "--", "true"]),
        usage(&["run", "a", "--env", "x", "--", "true"]),
        usage(&["release"]),
        usage(&["unlock", "--mine", "a"]),
        usage(&["release", "--token", "x"]),
        usage(&["history", "--since", "never"]),
        usage(&["history", "--limit", "-1"]),
        usage(&["completions", "bsh"]),
        usage(&["whoami", "--agent", "a b"]),
        usage(&["help", "acqire"]),
        usage(&["status", "\u{1b}[31m\n\nnext: swarmlock release --mine"]),
        usage(&["whoami"]).by(Some("no id\nnext: swarmlock release --mine")),
        Refusal { args: vec!["status".into(), OsString::from_vec(vec![0xff])], ..usage(&[]) },
    ]
}
