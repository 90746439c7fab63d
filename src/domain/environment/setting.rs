//! `--env NAME=VALUE`.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt as _,
};

use super::{EnvError, is_name, secret, shown};
use crate::domain::redact::Redactor;

/// The longest value, in bytes.
pub(super) const LONGEST: usize = 4096;

/// The most settings.
pub(super) const MOST: usize = 64;

/// What to say of a setting that looks like a secret.
pub const VISIBLE_TO_ALL: &str =
    "the arguments of a command can be read by every user of this machine; export the variable and use --pass";

/// Variables that decide what programs are run, loaded or believed before the command itself has a say.
const RESERVED: &[&str] = &[
    "PATH",
    "HOME",
    "IFS",
    "ENV",
    "CDPATH",
    "SHELLOPTS",
    "BASHOPTS",
    "BASH_ENV",
    "PROMPT_COMMAND",
    "PS4",
    "ZDOTDIR",
    "GLIBC_TUNABLES",
    "GCONV_PATH",
    "LOCPATH",
    "NLSPATH",
    "MALLOC_TRACE",
    "RESOLV_HOST_CONF",
    "HOSTALIASES",
    "NODE_OPTIONS",
    "NODE_PATH",
    "PERLLIB",
    "PERL5LIB",
    "PERL5OPT",
    "PERL5DB",
    "RUBYOPT",
    "RUBYLIB",
    "RUBYSHELL",
    "GEM_PATH",
    "GEM_HOME",
    "PHPRC",
    "PHP_INI_SCAN_DIR",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "JAVA_OPTS",
    "_JAVA_OPTIONS",
    "CLASSPATH",
    "R_PROFILE",
    "R_PROFILE_USER",
    "R_ENVIRON",
    "R_ENVIRON_USER",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "DOTNET_STARTUP_HOOKS",
    "OPENSSL_CONF",
    "OPENSSL_ENGINES",
    "GIT_EXEC_PATH",
    "GIT_EXTERNAL_DIFF",
    "GIT_TEMPLATE_DIR",
    "GIT_ASKPASS",
    "GIT_PROXY_COMMAND",
    "SSH_ASKPASS",
    "SUDO_ASKPASS",
    "GIT_PAGER",
    "GIT_EDITOR",
    "GIT_SEQUENCE_EDITOR",
    "GIT_DIR",
    "XDG_CONFIG_HOME",
    "XDG_CONFIG_DIRS",
    "SHELL",
    "BROWSER",
    "MANPAGER",
    "MAKEFLAGS",
    "MAKEFILES",
    "PAGER",
    "EDITOR",
    "VISUAL",
    "LESSOPEN",
    "LESSCLOSE",
];

/// The same, by how they begin.
const RESERVED_PREFIXES: &[&str] = &[
    "LD_",
    "DYLD_",
    "PYTHON",
    "LUA_INIT",
    "LUA_PATH",
    "LUA_CPATH",
    "GIT_CONFIG",
    "GIT_SSH",
    "BASH_FUNC_",
    "SWARMLOCK_",
];

/// One variable to be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    name: String,
    value: OsString,
}

impl Setting {
    /// Reads `NAME=VALUE`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(given: &OsStr) -> Result<Self, EnvError> {
        let bytes = given.as_bytes();
        let Some(equals) = bytes.iter().position(|b| *b == b'=') else {
            return Err(EnvError::NoValue(shown(given)));
        };
        let (name, value) = (bytes.get(..equals).unwrap_or_default(), bytes.get(equals + 1..).unwrap_or_default());
        let told = || shown(OsStr::from_bytes(name));
        // On the bytes: a pattern with an end of line would let "FOO\n" pass.
        let text = std::str::from_utf8(name).ok().filter(|_| is_name(name)).ok_or_else(|| EnvError::NoName(told()))?;
        if is_reserved(text) {
            Err(EnvError::Reserved(told()))
        } else if value.len() > LONGEST {
            Err(EnvError::TooLong(told()))
        } else if value.iter().any(|b| matches!(b, b'\0' | b'\r' | b'\n')) {
            Err(EnvError::Lines(told()))
        } else {
            Ok(Self { name: text.to_owned(), value: OsStr::from_bytes(value).to_owned() })
        }
    }

    /// The name of the variable.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is set to.
    #[must_use]
    pub fn value(&self) -> &OsStr {
        &self.value
    }

    /// Whether it looks like a secret, which [`VISIBLE_TO_ALL`] is about.
    #[must_use]
    pub fn looks_secret(&self, redactor: &Redactor) -> bool {
        secret::of_variable(OsStr::new(&self.name), &self.value, redactor)
    }
}

/// Reads every `--env` of a call.
///
/// # Errors
/// If there are too many, or what is wrong with the first that is wrong.
pub fn settings<S: AsRef<OsStr>>(given: &[S]) -> Result<Vec<Setting>, EnvError> {
    if given.len() > MOST {
        return Err(EnvError::TooMany(given.len()));
    }
    given.iter().map(|one| Setting::parse(one.as_ref())).collect()
}

fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name) || RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}
