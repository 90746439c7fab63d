//! Keys as file names, and as hexadecimal.

use std::fmt::Write as _;

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
    let mut name = String::with_capacity(key.len() + CLAIM_ENDING.len());
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

/// The key that was encoded; `None` if it was cut, or nothing of ours encodes so.
pub(super) fn decoded(name: &str) -> Option<Vec<u8>> {
    if !name.contains(['%', '~']) {
        return Some(name.as_bytes().to_vec());
    }
    let mut parts = name.split('%');
    let mut key = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        key.extend(unhex(digits)?);
        key.extend_from_slice(rest.as_bytes());
    }
    (!name.contains('~')).then_some(key)
}

fn push_hex(text: &mut String, byte: u8, upper: bool) {
    // Writing to a string cannot fail.
    match if upper { write!(text, "{byte:02X}") } else { write!(text, "{byte:02x}") } {
        Ok(()) | Err(_) => {}
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
    let value = |digit: &u8| char::from(*digit).to_digit(16);
    let pair = |pair: &[u8]| match pair {
        [high, low] => u8::try_from(value(high)? * 16 + value(low)?).ok(),
        _ => None,
    };
    digits.as_bytes().chunks(2).map(pair).collect()
}
