//! Where in a path an automaton stands, so that it only follows what can be a path: no component is empty, `.` or `..`,
//! and bytes that are not valid UTF-8 do not make up a valid sequence together.

use super::chars::{BYTE, Char, CharSet, DOT, Range, SLASH};

/// What was read of the path so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Nothing.
    Begin,
    /// Whole components.
    Start,
    /// `.` of a component.
    Dot,
    /// `..` of a component.
    DotDot,
    /// A component that is none of these.
    Inside,
    /// Nothing, and a `**` stands for no component: the next `/` of the pattern has no counterpart.
    SkipFirst,
    /// Whole components, and as above.
    Skip,
    /// A byte that is not valid UTF-8, but would be with the continuation that follows (see [`Wants`]).
    Broken(Wants),
}

/// Which continuation bytes would complete a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wants {
    One,
    Two,
    Three,
    /// After E0, ED, F0 and F4 the second byte has a smaller range.
    AfterE0,
    AfterEd,
    AfterF0,
    AfterF4,
}

/// How many modes there are.
pub(super) const MODES: usize = 14;

/// Characters in ranges that no mode tells apart: all, and those that matter when bytes that are not UTF-8 do.
const SEGMENTS: [Range; 4] = [(0, 0x2d), (DOT, DOT), (SLASH, SLASH), (0x30, Char::MAX)];
const BYTE_SEGMENTS: [Range; 17] = [
    (0, 0x2d),
    (DOT, DOT),
    (SLASH, SLASH),
    (0x30, 0x10_ffff),
    (BYTE + 0x80, BYTE + 0x8f),
    (BYTE + 0x90, BYTE + 0x9f),
    (BYTE + 0xa0, BYTE + 0xbf),
    (BYTE + 0xc0, BYTE + 0xc1),
    (BYTE + 0xc2, BYTE + 0xdf),
    (BYTE + 0xe0, BYTE + 0xe0),
    (BYTE + 0xe1, BYTE + 0xec),
    (BYTE + 0xed, BYTE + 0xed),
    (BYTE + 0xee, BYTE + 0xef),
    (BYTE + 0xf0, BYTE + 0xf0),
    (BYTE + 0xf1, BYTE + 0xf3),
    (BYTE + 0xf4, BYTE + 0xf4),
    (BYTE + 0xf5, BYTE + 0xff),
];

impl Mode {
    /// A number below [`MODES`].
    pub(super) fn index(self) -> usize {
        match self {
            Self::Begin => 0,
            Self::Start => 1,
            Self::Dot => 2,
            Self::DotDot => 3,
            Self::Inside => 4,
            Self::SkipFirst => 5,
            Self::Skip => 6,
            Self::Broken(wants) => 7 + wants as usize,
        }
    }

    /// The mode in which a `**` stands for no component; `None` where it is not at the start of one.
    pub(super) fn skip(self) -> Option<Self> {
        match self {
            Self::Begin => Some(Self::SkipFirst),
            Self::Start => Some(Self::Skip),
            Self::Dot | Self::DotDot | Self::Inside | Self::SkipFirst | Self::Skip | Self::Broken(_) => None,
        }
    }

    /// The mode after the `/` of the pattern that belongs to such a `**`.
    pub(super) fn skipped(self) -> Option<Self> {
        match self {
            Self::SkipFirst => Some(Self::Begin),
            Self::Skip => Some(Self::Start),
            Self::Begin | Self::Start | Self::Dot | Self::DotDot | Self::Inside | Self::Broken(_) => None,
        }
    }

    /// Whether a path may end before the `/` that was read last.
    pub(super) fn may_end(self) -> bool {
        self == Self::Start
    }

    /// The characters of `set` that may follow here, by the mode they lead to. Bytes that are not UTF-8 are followed
    /// only if `bytes`; otherwise they are taken as ordinary characters.
    pub(super) fn moves(self, set: &CharSet, bytes: bool) -> Vec<(CharSet, Self)> {
        let segments: &[Range] = if bytes { &BYTE_SEGMENTS } else { &SEGMENTS };
        if let [(low, high)] = set.ranges() {
            // Nearly every set is one character, or lies in one segment.
            if let Some((first, _)) = segments.iter().find(|(first, last)| first <= low && high <= last) {
                return self.after(*first, bytes).map(|next| (set.clone(), next)).into_iter().collect();
            }
        }
        let mut moves: Vec<(Vec<Range>, Self)> = Vec::new();
        for (first, last) in segments {
            let Some(next) = self.after(*first, bytes) else { continue };
            for (low, high) in set.ranges() {
                if low <= last && first <= high {
                    let range = (*low.max(first), *high.min(last));
                    match moves.iter_mut().find(|(_, mode)| *mode == next) {
                        Some((ranges, _)) => ranges.push(range),
                        None => moves.push((vec![range], next)),
                    }
                }
            }
        }
        moves.into_iter().map(|(ranges, mode)| (CharSet::of(ranges), mode)).collect()
    }

    /// The mode after this character; `None` if no path goes on like this.
    fn after(self, c: Char, bytes: bool) -> Option<Self> {
        match (self, c) {
            (Self::SkipFirst | Self::Skip, _) | (Self::Begin | Self::Start | Self::Dot | Self::DotDot, SLASH) => None,
            (Self::Begin | Self::Start, DOT) => Some(Self::Dot),
            (Self::Dot, DOT) => Some(Self::DotDot),
            (Self::Inside | Self::Broken(_), SLASH) => Some(Self::Start),
            (Self::Broken(wants), c) if wants.range().contains(&c) => wants.fewer().map(Self::Broken),
            _ if bytes => Some(Wants::of(c).map_or(Self::Inside, Self::Broken)),
            _ => Some(Self::Inside),
        }
    }
}

impl Wants {
    /// What a lead byte wants.
    fn of(c: Char) -> Option<Self> {
        match c.checked_sub(BYTE)? {
            0xc2..=0xdf => Some(Self::One),
            0xe0 => Some(Self::AfterE0),
            0xed => Some(Self::AfterEd),
            0xe1..=0xef => Some(Self::Two),
            0xf0 => Some(Self::AfterF0),
            0xf1..=0xf3 => Some(Self::Three),
            0xf4 => Some(Self::AfterF4),
            _ => None,
        }
    }

    /// The bytes it wants.
    fn range(self) -> std::ops::RangeInclusive<Char> {
        match self {
            Self::One | Self::Two | Self::Three => BYTE + 0x80..=BYTE + 0xbf,
            Self::AfterE0 => BYTE + 0xa0..=BYTE + 0xbf,
            Self::AfterEd => BYTE + 0x80..=BYTE + 0x9f,
            Self::AfterF0 => BYTE + 0x90..=BYTE + 0xbf,
            Self::AfterF4 => BYTE + 0x80..=BYTE + 0x8f,
        }
    }

    /// What is wanted after one of them; `None` if the sequence is complete, so that it is one character instead.
    fn fewer(self) -> Option<Self> {
        match self {
            Self::One => None,
            Self::Two | Self::AfterE0 | Self::AfterEd => Some(Self::One),
            Self::Three | Self::AfterF0 | Self::AfterF4 => Some(Self::Two),
        }
    }
}
