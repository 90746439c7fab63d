//! Keys as file names, and as hexadecimal.

use sha2::{Digest as _, Sha256};

use crate::{fs::FileName, store::CLAIM_ENDING};

/// The longest file name made by encoding alone, in bytes without its ending.
const LONGEST: usize = 180;
/// How much of a longer one is kept before its digest.
const KEPT: usize = 120;

/// Percent-encodes a key into one file name; a long one is cut and told apart by its digest.
pub(super) fn file_name(key: &[u8]) -> FileName {
    const LAST_RESORT: FileName = FileName::literal("unnamed.lock");
    // It is one component by construction.
    FileName::new(encoded(key) + CLAIM_ENDING).unwrap_or(LAST_RESORT)
}

pub(super) fn tree_file_name(key: &[u8]) -> FileName {
    const ROOT: FileName = FileName::literal("%2E.lock");
    if key.is_empty() { ROOT } else { file_name(key) }
}

pub(super) fn encoded(key: &[u8]) -> String {
    // Room for the signs of a few directories, and for the ending.
    let mut name = String::with_capacity(key.len() + 16 + CLAIM_ENDING.len());
    for byte in key {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-') {
            name.push(char::from(*byte));
        } else {
            name.push('%');
            push_hex(&mut name, *byte, true);
        }
    }
    if name.len() > LONGEST {
        name.truncate(KEPT);
        name.push('~');
        for byte in Sha256::digest(key).iter().take(16) {
            push_hex(&mut name, *byte, false);
        }
    }
    name
}

/// Puts the key that was encoded into `key`; `false` if it was cut, or nothing of ours encodes so.
pub(super) fn decode(name: &str, key: &mut Vec<u8>) -> bool {
    key.clear();
    let mut rest = name.as_bytes().iter();
    while let Some(byte) = rest.next() {
        key.push(match byte {
            b'%' => match (rest.next().and_then(digit), rest.next().and_then(digit)) {
                (Some(high), Some(low)) => high * 16 + low,
                _ => return false,
            },
            b'~' => return false,
            byte => *byte,
        });
    }
    true
}

fn push_hex(text: &mut String, byte: u8, upper: bool) {
    for half in [byte >> 4, byte & 15] {
        let digit = char::from_digit(u32::from(half), 16).unwrap_or_default();
        text.push(if upper { digit.to_ascii_uppercase() } else { digit });
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        push_hex(&mut text, *byte, false);
    }
    text
}

pub(super) fn unhex(digits: &str) -> Option<Vec<u8>> {
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(digit(high)? * 16 + digit(low)?),
        _ => None,
    };
    digits.as_bytes().chunks(2).map(pair).collect()
}

fn digit(byte: &u8) -> Option<u8> {
    char::from(*byte).to_digit(16).and_then(|value| u8::try_from(value).ok())
}
