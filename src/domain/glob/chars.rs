//! The characters that patterns and paths are made of.

use std::{borrow::Cow, slice};

/// A character: a Unicode scalar value, or [`BYTE`] and a byte that is not part of valid UTF-8.
pub(super) type Char = u32;

/// Where the bytes begin that are not valid UTF-8.
pub(super) const BYTE: Char = 0x11_0000;
/// What separates components.
pub(super) const SLASH: Char = 0x2f;
/// What `.` and `..` are made of.
pub(super) const DOT: Char = 0x2e;

/// All there are, as ranges: no NUL (no path holds it), no surrogates (they are no characters).
const ALL: [Range; 3] = [(1, 0xd7ff), (0xe000, 0x10_ffff), (BYTE + 0x80, BYTE + 0xff)];

/// The first and the last character of a range.
pub(super) type Range = (Char, Char);

/// All but [`SLASH`].
const NOT_SLASH: [Range; 4] = [(1, SLASH - 1), (SLASH + 1, 0xd7ff), (0xe000, 0x10_ffff), (BYTE + 0x80, BYTE + 0xff)];

/// A set of characters. Most are one range or the same few; these need no memory of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CharSet {
    /// One range.
    Range(Range),
    /// Sorted ranges with gaps between them: none, or several.
    Ranges(Cow<'static, [Range]>),
}

/// The characters of a text.
pub(super) fn chars(text: &[u8]) -> impl Iterator<Item = Char> + '_ {
    text.utf8_chunks().flat_map(|chunk| {
        let broken = chunk.invalid().iter().map(|byte| BYTE + Char::from(*byte));
        chunk.valid().chars().map(Char::from).chain(broken)
    })
}

/// Appends the bytes of a character.
pub(super) fn push(text: &mut Vec<u8>, c: Char) {
    match char::from_u32(c) {
        Some(c) => text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        None => text.extend(u8::try_from(c.saturating_sub(BYTE))),
    }
}

impl CharSet {
    /// This one character.
    pub(super) fn one(c: Char) -> Self {
        Self::Range((c, c))
    }

    /// Every character.
    pub(super) const fn all() -> Self {
        Self::Ranges(Cow::Borrowed(&ALL))
    }

    /// Every character that a component may hold.
    pub(super) const fn not_slash() -> Self {
        Self::Ranges(Cow::Borrowed(&NOT_SLASH))
    }

    /// The characters in these ranges, in any order.
    pub(super) fn of(mut ranges: Vec<Range>) -> Self {
        ranges.sort_unstable();
        let mut merged: Vec<Range> = Vec::with_capacity(ranges.len());
        for (low, high) in ranges {
            match merged.last_mut() {
                Some(last) if low <= last.1.saturating_add(1) => last.1 = last.1.max(high),
                _ => merged.push((low, high)),
            }
        }
        match merged.as_slice() {
            [range] => Self::Range(*range),
            _ => Self::Ranges(Cow::Owned(merged)),
        }
    }

    /// Every character that is not in the set.
    pub(super) fn complement(&self) -> Self {
        let mut left = Vec::with_capacity(self.ranges().len() + ALL.len());
        for (mut low, high) in ALL {
            for (first, last) in self.ranges() {
                if *last < low || *first > high {
                    continue;
                }
                if *first > low {
                    left.push((low, first - 1));
                }
                low = last + 1;
            }
            if low <= high {
                left.push((low, high));
            }
        }
        Self::of(left)
    }

    /// What both hold.
    pub(super) fn and(&self, other: &Self) -> Self {
        let mut both = Vec::new();
        for (low, high) in self.ranges() {
            for (first, last) in other.ranges() {
                if first <= high && low <= last {
                    both.push((*low.max(first), *high.min(last)));
                }
            }
        }
        Self::of(both)
    }

    /// Whether the two have a character in common.
    pub(super) fn meets(&self, other: &Self) -> bool {
        let (mut ours, mut theirs) = (self.ranges().iter(), other.ranges().iter());
        let (mut a, mut b) = (ours.next(), theirs.next());
        while let (Some((low, high)), Some((first, last))) = (a, b) {
            if high < first {
                a = ours.next();
            } else if last < low {
                b = theirs.next();
            } else {
                return true;
            }
        }
        false
    }

    /// Whether it holds this character.
    pub(super) fn holds(&self, c: Char) -> bool {
        match self.ranges() {
            [(low, high)] => *low <= c && c <= *high,
            ranges => {
                let at = ranges.partition_point(|(_, high)| *high < c);
                ranges.get(at).is_some_and(|(low, _)| *low <= c)
            }
        }
    }

    /// Its characters below 128, one bit each.
    pub(super) fn ascii(&self) -> u128 {
        let below = |end: Char| 1_u128.checked_shl(end).unwrap_or(0).wrapping_sub(1);
        let bits = |(low, high): &Range| below(high.saturating_add(1)) & !below(*low);
        self.ranges().iter().map(bits).fold(0, |all, bits| all | bits)
    }

    /// Its ranges, sorted.
    pub(super) fn ranges(&self) -> &[Range] {
        match self {
            Self::Range(range) => slice::from_ref(range),
            Self::Ranges(ranges) => ranges,
        }
    }
}
