//! Which inherited variables a clean environment has.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};

use super::{EnvError, is_name, shown};

/// Harmless variables: who and where, the terminal, the language, tools and their caches, where certificates are.
///
/// Not `SSH_AUTH_SOCK`, `DISPLAY` and `DBUS_SESSION_BUS_ADDRESS`: they lead to keys, a screen and a session. Not what
/// loads code into programs, as `LD_PRELOAD` and `PYTHONPATH`.
const HARMLESS: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "PWD",
    "TMPDIR",
    "TERM",
    "COLORTERM",
    "TERM_PROGRAM",
    "TERM_PROGRAM_VERSION",
    "COLUMNS",
    "LINES",
    "NO_COLOR",
    "FORCE_COLOR",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "LANG",
    "LANGUAGE",
    "TZ",
    "EDITOR",
    "VISUAL",
    "PAGER",
    "MANPAGER",
    "LESS",
    "CI",
    "SOURCE_DATE_EPOCH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "CARGO_HOME",
    "CARGO_TARGET_DIR",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "GOPATH",
    "GOROOT",
    "GOCACHE",
    "GOMODCACHE",
    "JAVA_HOME",
    "NVM_DIR",
    "PYENV_ROOT",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
];

/// The same, by how they begin.
const HARMLESS_PREFIXES: &[&str] = &["LC_", "XDG_", "GIT_AUTHOR_", "GIT_COMMITTER_", "SWARMLOCK_"];

/// `--pass`: what else a clean environment has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// A whole name, or the beginning of names.
    text: String,
    whole: bool,
}

impl Pass {
    /// Reads `NAME`, or `BEGINNING*`; `*` alone is every variable.
    ///
    /// # Errors
    /// [`EnvError::NoPattern`].
    pub fn parse(given: &OsStr) -> Result<Self, EnvError> {
        let bytes = given.as_bytes();
        let (name, whole) = bytes.strip_suffix(b"*").map_or((bytes, true), |beginning| (beginning, false));
        let fits = is_name(name) || !whole && name.is_empty();
        let text = std::str::from_utf8(name).ok().filter(|_| fits);
        text.map(|text| Self { text: text.to_owned(), whole }).ok_or_else(|| EnvError::NoPattern(shown(given)))
    }

    /// Whether one of these names the variable itself: then it is let through whatever it looks like.
    pub(super) fn names(all: &[Self], name: &OsStr) -> bool {
        all.iter().any(|one| one.whole && one.text.as_bytes() == name.as_bytes())
    }

    /// Whether one of these is a pattern that the variable fits.
    pub(super) fn covers(all: &[Self], name: &OsStr) -> bool {
        all.iter().any(|one| !one.whole && name.as_bytes().starts_with(one.text.as_bytes()))
    }
}

/// Whether a clean environment has this variable without being asked.
pub(super) fn is_harmless(name: &OsStr) -> bool {
    let bytes = name.as_bytes();
    let begins = |prefix: &&str| bytes.starts_with(prefix.as_bytes()) && is_name(bytes);
    HARMLESS.iter().any(|harmless| harmless.as_bytes() == bytes) || HARMLESS_PREFIXES.iter().any(begins)
}
