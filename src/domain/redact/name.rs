//! Which names say that their value is a secret.

/// How sure a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// `password`, `API_KEY`, `access_token`: whatever its value is.
    Strong,
    /// `token`, `credentials`: also a word of parsers and prose, so the value must look like one.
    Weak,
    /// `signature`, `pass`: only with a long value.
    Long,
    /// `Authorization`: a scheme and what belongs to it.
    Authorization,
    /// `Cookie`, `Set-Cookie`.
    Cookie,
}

/// The longest name that is looked at, in bytes.
const LONGEST: usize = 96;
/// The most parts of a name.
const MOST: usize = 12;

/// Parts behind the one that counts: `SECRET_KEY_BASE`, `PASSWORD_PROD`, `api_key_2`.
const TRAILING: &[&str] = &[
    "base",
    "value",
    "text",
    "plain",
    "plaintext",
    "raw",
    "prod",
    "production",
    "staging",
    "stage",
    "dev",
    "test",
    "ci",
    "old",
    "new",
    "b64",
    "base64",
    "encoded",
    "live",
    "default",
    "v1",
    "v2",
    "v3",
];
/// What stands before `key` when it locks something up.
const KEYS: &[&str] = &[
    "api",
    "access",
    "secret",
    "private",
    "signing",
    "session",
    "encryption",
    "auth",
    "master",
    "account",
    "shared",
    "deploy",
    "ssh",
    "service",
    "webhook",
    "license",
    "client",
    "admin",
    "root",
    "storage",
    "hmac",
    "jwt",
    "app",
    "aes",
];
/// The same without anything in between, and other words of one part.
const WHOLE: &[&str] = &[
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "authkey",
    "signingkey",
    "sessionkey",
    "encryptionkey",
    "masterkey",
    "accountkey",
    "sharedaccesskey",
    "pwd",
    "passcode",
    "pgpass",
    "sshpass",
    "dbpass",
    "userpass",
    "mypass",
    "keypass",
    "storepass",
    "smtppass",
    "passin",
    "passout",
];
/// What stands before `pass` when it is a password, and not a pass of a renderer or a count of tests.
const PASSES: &[&str] = &[
    "db", "database", "user", "smtp", "mail", "email", "ftp", "ssh", "mysql", "pg", "postgres", "redis", "admin",
    "root", "login", "auth", "proxy", "imap", "ldap", "rabbitmq", "amqp", "mongo", "sudo", "http", "basic", "key",
    "store",
];
/// What stands before `token` when it is one of a text.
const TOKENS: &[&str] = &[
    "next",
    "current",
    "cur",
    "prev",
    "previous",
    "last",
    "first",
    "end",
    "start",
    "eos",
    "bos",
    "eof",
    "pad",
    "unk",
    "mask",
    "sep",
    "cls",
    "parse",
    "lexer",
    "word",
    "sub",
    "special",
    "peek",
    "stop",
    "look",
    "lookahead",
    "ident",
    "expected",
    "unexpected",
    "num",
    "max",
    "min",
    "total",
    "per",
    "by",
    "n",
    "string",
    "number",
    "open",
    "close",
];
/// What makes the value of `PASSWORD_…`, `SECRET_…` something else.
const ABOUT: &[&str] = &[
    "file",
    "path",
    "dir",
    "url",
    "uri",
    "hash",
    "name",
    "id",
    "type",
    "length",
    "len",
    "count",
    "limit",
    "policy",
    "ttl",
    "expiry",
    "expires",
    "timeout",
    "age",
    "field",
    "regex",
    "pattern",
    "prefix",
    "suffix",
    "header",
    "size",
    "max",
    "min",
    "usage",
    "version",
    "algorithm",
    "alg",
    "enabled",
    "required",
    "disabled",
    "format",
    "kind",
    "mode",
    "column",
    "env",
    "var",
    "ref",
    "store",
    "manager",
    "provider",
    "attempts",
    "reset",
    "rotation",
    "days",
    "stdin",
];

/// What the name says of its value; `None` if nothing.
pub(super) fn name(word: &[u8]) -> Option<Name> {
    if word.len() > LONGEST || !word.iter().any(u8::is_ascii_alphabetic) {
        return None;
    }
    let mut lower = [0; LONGEST];
    let lower = lower.get_mut(..word.len())?;
    lower.copy_from_slice(word);
    lower.make_ascii_lowercase();
    let parts = Parts::of(word, lower);
    let mut count = parts.count;
    while count > 1 && TRAILING.iter().any(|trailing| parts.get(count - 1) == trailing.as_bytes()) {
        count -= 1;
    }
    let one_of = |text: &[u8], list: &[&str]| list.iter().any(|one| one.as_bytes() == text);
    let (last, previous) =
        (parts.get(count.checked_sub(1)?), count.checked_sub(2).map_or(&b""[..], |at| parts.get(at)));
    let upper = !word.iter().any(u8::is_ascii_lowercase);
    match last {
        b"authorization" => Some(Name::Authorization),
        b"cookie" if count == 1 || matches!(previous, b"set" | b"http") => Some(Name::Cookie),
        b"token" if count == 1 => Some(Name::Weak),
        b"token" if one_of(previous, TOKENS) => None,
        b"key" if one_of(previous, KEYS) || parts.get(0) == b"x" && count > 1 => Some(Name::Strong),
        b"key" if upper && count > 1 => Some(Name::Long),
        b"credential" | b"credentials" | b"creds" | b"bearer" => Some(Name::Weak),
        b"pass" if one_of(previous, PASSES) => Some(Name::Strong),
        b"pass" | b"sig" | b"signature" | b"pw" | b"auth" => Some(Name::Long),
        b"pat" if matches!(previous, b"github" | b"gitlab" | b"gh" | b"azure" | b"ado") => Some(Name::Strong),
        _ if one_of(last, WHOLE) => Some(Name::Strong),
        _ if ["password", "passwd", "passphrase", "secret", "apikey", "token"].iter().any(|end| ends(last, end)) => {
            Some(Name::Strong)
        }
        // PASSWORD_DB and TOKEN_GITHUB, but not PASSWORD_FILE.
        _ if upper
            && matches!(parts.get(0), b"password" | b"passwd" | b"secret" | b"token")
            && !one_of(last, ABOUT) =>
        {
            Some(Name::Strong)
        }
        _ => None,
    }
}

/// `password` is not `passwordless`; `subtoken` and `detoken` are words of parsers.
fn ends(part: &[u8], with: &str) -> bool {
    part.ends_with(with.as_bytes()) && !matches!(part, b"subtoken" | b"detoken" | b"nontoken" | b"pretoken")
}

/// The parts of a name, where `_`, `-` or a change of case divides it, in lower case.
struct Parts<'a> {
    lower: &'a [u8],
    ranges: [(usize, usize); MOST],
    count: usize,
}

impl<'a> Parts<'a> {
    fn of(word: &[u8], lower: &'a [u8]) -> Self {
        let mut parts = Self { lower, ranges: [(0, 0); MOST], count: 0 };
        let byte = |at: usize| word.get(at).copied().unwrap_or(b'_');
        let mut start = 0;
        for at in 0..=word.len() {
            let here = byte(at);
            let divides = !here.is_ascii_alphanumeric();
            let hump = at > start
                && here.is_ascii_uppercase()
                && (byte(at - 1).is_ascii_lowercase()
                    || byte(at - 1).is_ascii_digit() && byte(at + 1).is_ascii_lowercase()
                    || byte(at - 1).is_ascii_uppercase() && byte(at + 1).is_ascii_lowercase());
            if divides || hump {
                parts.push(start, at);
                start = if divides { at + 1 } else { at };
            }
        }
        parts
    }

    /// Digits at the end only number it: `API_KEY_2`, `password1`.
    fn push(&mut self, start: usize, end: usize) {
        let digits = self.lower.get(start..end).unwrap_or_default().iter().rev().take_while(|b| b.is_ascii_digit());
        let version = self.lower.get(start) == Some(&b'v') && end - start == 2;
        let end = if version { end } else { end - digits.count() };
        if end <= start {
            return;
        }
        // Of too many parts the last ones count.
        if self.count == MOST {
            self.ranges.rotate_left(1);
            self.count -= 1;
        }
        if let Some(range) = self.ranges.get_mut(self.count) {
            *range = (start, end);
            self.count += 1;
        }
    }

    fn get(&self, index: usize) -> &'a [u8] {
        let (start, end) = self.ranges.get(index).copied().unwrap_or((0, 0));
        self.lower.get(start..end).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_by_their_parts() {
        for strong in [
            "password",
            "DB_PASSWORD",
            "dbPassword",
            "MY_APP_SECRET",
            "client_secret",
            "apiKey",
            "APIKey",
            "API_KEY_2",
            "X-Api-Key",
            "x-goog-api-key",
            "AWS_SECRET_ACCESS_KEY",
            "SECRET_KEY_BASE",
            "refresh_token",
            "_authToken",
            "PGPASSWORD",
            "MYSQL_PWD",
            "db_pass",
            "githubToken",
            "PASSWORD_PROD",
            "TOKEN_GITHUB",
            "private-key",
        ] {
            assert_eq!(name(strong.as_bytes()), Some(Name::Strong), "{strong}");
        }
        for none in [
            "password_hash",
            "PASSWORD_FILE",
            "SSH_AUTH_SOCK",
            "GIT_AUTHOR_NAME",
            "SSL_CERT_FILE",
            "next_token",
            "key",
            "TOKENIZERS_PARALLELISM",
            "max_tokens",
            "token_count",
            "primary_key",
            "cache_key",
            "secretary",
            "tokenize",
            "passwordless",
            "compass",
            "keyboard",
            "",
            "-",
            "1",
            "monkey",
            "author",
        ] {
            assert_eq!(name(none.as_bytes()), None, "{none}");
        }
        assert_eq!(name(b"token"), Some(Name::Weak));
        assert_eq!(name(b"Proxy-Authorization"), Some(Name::Authorization));
        assert_eq!(name(b"Set-Cookie"), Some(Name::Cookie));
        assert_eq!(name("a_b_c_d_e_f_g_h_i_j_k_l_m_n_password".as_bytes()), Some(Name::Strong));
    }
}
