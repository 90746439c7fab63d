//! Secrets that are known by their shape: tokens of providers, JSON web tokens, random text.

use super::bytes::{at, before, begins, from, is_word, part, run, run_up_to, step};

/// What a token is made of.
#[derive(Clone, Copy)]
enum Class {
    /// Letters and digits.
    Plain,
    /// Capital letters and digits.
    Upper,
    /// Hexadecimal digits.
    Hex,
    /// Letters, digits, `_` and `-`.
    Word,
    /// The same and `.`.
    Dotted,
    /// Letters, digits, `_`, `-` and `/`.
    Path,
}

impl Class {
    fn has(self, byte: u8) -> bool {
        match self {
            Self::Plain => byte.is_ascii_alphanumeric(),
            Self::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Hex => byte.is_ascii_hexdigit(),
            Self::Word => is_word(byte),
            Self::Dotted => is_word(byte) || byte == b'.',
            Self::Path => is_word(byte) || byte == b'/',
        }
    }
}

/// How a token begins, what follows, and of how many bytes at least.
const PREFIXES: &[(&str, Class, usize)] = &[
    ("ABIA", Class::Upper, 16),
    ("ACCA", Class::Upper, 16),
    ("AGPA", Class::Upper, 16),
    ("AIDA", Class::Upper, 16),
    ("AKIA", Class::Upper, 16),
    ("ANPA", Class::Upper, 16),
    ("ANVA", Class::Upper, 16),
    ("AROA", Class::Upper, 16),
    ("ASIA", Class::Upper, 16),
    ("AGE-SECRET-KEY-1", Class::Upper, 40),
    ("AIza", Class::Word, 30),
    ("ATATT3", Class::Word, 30),
    ("GOCSPX-", Class::Word, 20),
    ("NRAK-", Class::Upper, 20),
    ("PMAK-", Class::Word, 30),
    ("SG.", Class::Dotted, 40),
    ("dapi", Class::Hex, 32),
    ("dckr_pat_", Class::Word, 20),
    ("doo_v1_", Class::Hex, 40),
    ("dop_v1_", Class::Hex, 40),
    ("dor_v1_", Class::Hex, 40),
    ("figd_", Class::Word, 30),
    ("gho_", Class::Plain, 20),
    ("ghp_", Class::Plain, 20),
    ("ghr_", Class::Plain, 20),
    ("ghs_", Class::Plain, 20),
    ("ghu_", Class::Plain, 20),
    ("github_pat_", Class::Word, 20),
    ("glagent-", Class::Word, 20),
    ("glcbt-", Class::Word, 20),
    ("gldt-", Class::Word, 20),
    ("glft-", Class::Word, 20),
    ("glimt-", Class::Word, 20),
    ("glpat-", Class::Word, 20),
    ("glptt-", Class::Word, 20),
    ("glrt-", Class::Word, 20),
    ("glsoat-", Class::Word, 20),
    ("glsa_", Class::Word, 30),
    ("gsk_", Class::Plain, 30),
    ("hf_", Class::Plain, 30),
    ("hvb.", Class::Word, 20),
    ("hvs.", Class::Word, 20),
    ("lin_api_", Class::Plain, 30),
    ("npm_", Class::Plain, 30),
    ("ntn_", Class::Plain, 30),
    ("nvapi-", Class::Word, 40),
    ("pk_live_", Class::Plain, 16),
    ("pk_test_", Class::Plain, 16),
    ("pplx-", Class::Plain, 40),
    ("pypi-", Class::Word, 40),
    ("r8_", Class::Plain, 30),
    ("rk_live_", Class::Plain, 16),
    ("rk_test_", Class::Plain, 16),
    ("rubygems_", Class::Hex, 40),
    ("sbp_", Class::Hex, 40),
    ("secret_", Class::Plain, 40),
    ("shpat_", Class::Hex, 32),
    ("shpca_", Class::Hex, 32),
    ("shppa_", Class::Hex, 32),
    ("shpss_", Class::Hex, 32),
    ("sk-ant-", Class::Word, 20),
    ("sk-or-", Class::Word, 20),
    ("sk-proj-", Class::Word, 20),
    ("sk_live_", Class::Plain, 16),
    ("sk_test_", Class::Plain, 16),
    ("sntrys_", Class::Word, 20),
    ("tskey-", Class::Word, 16),
    ("whsec_", Class::Plain, 20),
    ("xai-", Class::Plain, 40),
    ("xapp-", Class::Word, 10),
    ("xoxa-", Class::Word, 10),
    ("xoxb-", Class::Word, 10),
    ("xoxe-", Class::Word, 10),
    ("xoxp-", Class::Word, 10),
    ("xoxr-", Class::Word, 10),
    ("xoxs-", Class::Word, 10),
    ("ya29.", Class::Dotted, 20),
];

/// The bytes that begin a token.
const FIRST: u128 = {
    let (mut set, mut index) = (1 << b's' | 1 << b'e' | 1 << b'A' | 1 << b'S' | 1 << b'h' | 1 << b'd', 0);
    while index < PREFIXES.len() {
        #[expect(clippy::indexing_slicing, reason = "worked out by the compiler")]
        let first = PREFIXES[index].0.as_bytes()[0];
        set |= 1_u128 << first;
        index += 1;
    }
    set
};

/// Where text is kept and what follows is the secret.
const HOOKS: &[&str] = &["hooks.slack.com/services/", "discord.com/api/webhooks/", "discordapp.com/api/webhooks/"];

/// A secret that begins here, where no letter or digit stands before: its start and its end.
///
/// A failed look costs a bounded number of steps.
pub(super) fn known(line: &[u8], start: usize) -> Option<(usize, usize)> {
    let first = at(line, start);
    if !first.is_ascii() || FIRST & (1 << first) == 0 {
        return None;
    }
    step(1);
    let rest = from(line, start);
    for (prefix, class, least) in PREFIXES {
        if rest.first() == prefix.as_bytes().first() && rest.starts_with(prefix.as_bytes()) {
            let body = start.saturating_add(prefix.len());
            if run_up_to(line, body, *least, |b| class.has(b)) == body + least {
                // Capital letters only: what goes on in another way is something else.
                let end = run(line, body, |b| class.has(b));
                let whole = !matches!(class, Class::Upper) || !at(line, end).is_ascii_alphanumeric();
                return whole.then_some((start, end));
            }
        }
    }
    if rest.starts_with(b"sk-") {
        return openai(line, start);
    }
    if rest.starts_with(b"AC") || rest.starts_with(b"SK") {
        let end = run_up_to(line, start + 2, 33, |b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'));
        return (end == start + 34 && !at(line, end).is_ascii_alphanumeric()).then_some((start, end));
    }
    let hook = HOOKS.iter().find(|hook| begins(rest, hook))?;
    let body = start.saturating_add(hook.len());
    let end = run(line, body, |b| Class::Path.has(b));
    (end >= body + 20).then_some((body, end))
}

/// `sk-` and 20 more: not the names of style sheets (`sk-circle-fade-dot`), which are words with `-` between.
fn openai(line: &[u8], start: usize) -> Option<(usize, usize)> {
    let body = start + 3;
    let look = run_up_to(line, body, 20, is_word);
    let start_of_it = part(line, body..look);
    let divided = start_of_it.iter().any(|b| matches!(b, b'-' | b'_'));
    let fits = look == body + 20 && (!divided || start_of_it.iter().any(u8::is_ascii_digit));
    fits.then(|| (start, run(line, body, is_word)))
}

/// The end of a JSON web token that begins here, given where the next dot stands.
pub(super) fn json_web_token(line: &[u8], start: usize, dot: usize) -> Option<usize> {
    let rest = from(line, start);
    if !rest.starts_with(b"eyJ") || at(line, dot) != b'.' || dot < start + 8 {
        return None;
    }
    if run_up_to(line, dot + 1, 5, is_word) < dot + 6 {
        return None;
    }
    let end = run(line, dot + 1, |b| Class::Dotted.has(b));
    // A full stop at the end of a sentence stays.
    Some(if before(line, end) == b'.' { end - 1 } else { end })
}

/// The shortest random text that is taken for a secret, in bytes.
const RANDOM: usize = 32;

/// The end of the run of letters, digits, `+`, `/`, `_` and `-` that begins here.
pub(super) fn blob_end(line: &[u8], start: usize) -> usize {
    run(line, start, |b| is_word(b) || matches!(b, b'+' | b'/'))
}

/// Whether a run of base64, base36 or base32 is random: not hexadecimal (digests, ids), not words, names or a path.
pub(super) fn is_random(blob: &[u8]) -> bool {
    if blob.len() < RANDOM || is_public(blob) {
        return false;
    }
    step(blob.len());
    let mut mixed = Sample::default();
    for piece in blob.split(|b| !b.is_ascii_alphanumeric()) {
        if is_hex(piece) || is_word_like(piece) {
            continue;
        }
        let mut alone = Sample::default();
        alone.add(piece);
        mixed.add(piece);
        if alone.total >= RANDOM && alone.is_one_case() {
            return true;
        }
    }
    mixed.total >= RANDOM - 4 && mixed.is_mixed()
}

/// Digests of packages, public keys: base64 that is meant to be seen.
fn is_public(blob: &[u8]) -> bool {
    const PUBLIC: &[&str] =
        &["sha256-", "sha384-", "sha512-", "AAAAB3NzaC1", "AAAAC3NzaC1", "AAAAE2VjZHNhLXNoYTI", "AAAAG"];
    PUBLIC.iter().any(|start| blob.starts_with(start.as_bytes()))
}

/// At least eight, so that a piece between two `/` of base64 is not taken for a digest.
fn is_hex(piece: &[u8]) -> bool {
    piece.len() >= 8 && piece.iter().all(u8::is_ascii_hexdigit)
}

/// `components`, `Button`, `README`, `2024`.
fn is_word_like(piece: &[u8]) -> bool {
    let Some((first, rest)) = piece.split_first() else { return true };
    let lower = rest.iter().all(u8::is_ascii_lowercase);
    lower && first.is_ascii_alphabetic() && piece.len() >= 4
        || piece.iter().all(u8::is_ascii_uppercase) && piece.len() >= 4
        || piece.iter().all(u8::is_ascii_digit)
}

/// What is known of the letters and digits of a text.
struct Sample {
    counts: [u32; 128],
    total: usize,
    lower: usize,
    upper: usize,
    digits: usize,
    pairs: u32,
    changes: u32,
}

impl Default for Sample {
    fn default() -> Self {
        Self { counts: [0; 128], total: 0, lower: 0, upper: 0, digits: 0, pairs: 0, changes: 0 }
    }
}

impl Sample {
    fn add(&mut self, piece: &[u8]) {
        let mut last = None;
        for byte in piece {
            if let Some(count) = self.counts.get_mut(usize::from(*byte)) {
                *count += 1;
            }
            let kind = if byte.is_ascii_lowercase() {
                self.lower += 1;
                0
            } else if byte.is_ascii_uppercase() {
                self.upper += 1;
                1
            } else {
                self.digits += 1;
                2
            };
            self.total += 1;
            if let Some(last) = last {
                self.pairs += 1;
                self.changes += u32::from(last != kind);
            }
            last = Some(kind);
        }
    }

    /// How often a letter is followed by one of another case or a digit: 0.62 in random text, a third in `camelCase`.
    fn changes(&self) -> f64 {
        f64::from(self.changes) / f64::from(self.pairs.max(1))
    }

    /// In bits a character.
    fn entropy(&self) -> f64 {
        let total: f64 = f64::from(self.counts.iter().sum::<u32>().max(1));
        let shares = self.counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count) / total);
        shares.map(|share| -share * share.log2()).sum()
    }

    fn is_mixed(&self) -> bool {
        self.lower > 1 && self.upper > 1 && self.digits > 1 && self.changes() >= 0.4 && self.entropy() >= 4.0
    }

    /// Letters of one case with digits.
    fn is_one_case(&self) -> bool {
        (self.lower == 0 || self.upper == 0) && self.digits >= 3 && self.changes() >= 0.15 && self.entropy() >= 3.5
    }
}
