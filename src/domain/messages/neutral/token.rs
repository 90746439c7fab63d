//! A text in pieces as they look: look-alikes as what they look like, escapes as what they stand for, and without what is
//! not seen.

use std::ops::Range;

use super::alike;
use crate::domain::{is_invisible, messages::clean::may_stay};

/// A piece of the text.
#[derive(Clone, Debug)]
pub(super) struct Token {
    /// Where it stands, in bytes.
    pub(super) range: Range<usize>,
    pub(super) what: What,
}

/// What a piece looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// `<`
    Open,
    /// `‹`, which was put in place of one of the others: it is read as they are.
    Mark,
    /// `[`
    Square,
    /// `>` or `]`
    Close,
    /// `|`
    Bar,
    /// `/` or `\`
    Slash,
    Colon,
    Equals,
    Break,
    Blank,
    /// A stroke, a dot, a quote: what one can put between letters and still read them.
    Thin,
    /// The same beyond ASCII, and pictures.
    Odd,
    /// A letter or a digit; Latin letters are small.
    Letter(char),
    /// The same right behind a `\`.
    Escaped(char),
    /// A bracket, a comma, a semicolon: code goes on with these behind a name, a frame does not.
    Other,
}

impl What {
    /// What one passes over in reading.
    pub(super) fn is_thin(self) -> bool {
        matches!(self, Self::Thin | Self::Odd | Self::Blank | Self::Break)
    }
}

/// The pieces, in order.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let (mut tokens, mut start, mut backslash) = (Vec::with_capacity(text.len()), 0, false);
    while let Some(rest) = text.get(start..).filter(|rest| !rest.is_empty()) {
        let Some((c, length)) = escape(rest).or_else(|| rest.chars().next().map(|c| (c, c.len_utf8()))) else { break };
        let range = start..start + length;
        start = range.end;
        if let Some(what) = what(c) {
            let what = if let (What::Letter(c), true) = (what, backslash) { What::Escaped(c) } else { what };
            backslash = c == '\\' && length == 1;
            tokens.push(Token { range, what });
        }
    }
    tokens
}

/// What it looks like; nothing if it is not seen, or only as a part of the character before it.
fn what(c: char) -> Option<What> {
    Some(match c {
        '<' => What::Open,
        '[' => What::Square,
        '>' | ']' => What::Close,
        '|' => What::Bar,
        '/' | '\\' => What::Slash,
        ':' => What::Colon,
        '=' => What::Equals,
        '\n' | '\r' | '\x0b' | '\x0c' | '\u{85}' | '\u{2028}' | '\u{2029}' => What::Break,
        '-' | '_' | '.' | '!' | '?' | '"' | '\'' | '`' | '*' | '#' | '~' | '^' | '$' | '@' | '+' => What::Thin,
        c if c.is_ascii_alphanumeric() => What::Letter(c.to_ascii_lowercase()),
        c if c.is_whitespace() => What::Blank,
        c if c.is_control() || is_invisible(c) || may_stay(c) || is_mark(c) => return None,
        c if c.is_ascii() => What::Other,
        '‹' => What::Mark,
        c if OPENING.contains(c) => What::Open,
        c if CLOSING.contains(c) => What::Close,
        c if SQUARE.contains(c) => What::Square,
        c if BARS.contains(c) => What::Bar,
        c if SLASHES.contains(c) => What::Slash,
        c if COLONS.contains(c) => What::Colon,
        'ー' => What::Odd,
        c if c.is_alphanumeric() || alike::letter(c) != c => What::Letter(alike::letter(c)),
        // Strokes and quotes, pictures, and what no font has a picture for.
        _ => What::Odd,
    })
}

const OPENING: &str = "＜﹤⟨❮❬❰⟪《«˂ᐸᚲ≺≮≪⋖⋘⪡⧼⦑⦓⩹˱⮜◁◀◂⯇⏴⊲︿︽𝈶\u{2329}\u{3008}";
const CLOSING: &str = "］】〕⟧❳⁆〗〛﹞〙＞﹥⟩❯❭❱⟫》»›˃ᐳ≻≯≫⋗⋙⪢⧽⦒⦔⩺˲⮞▷▶▸⯈⏵⊳﹀︾\u{232a}\u{3009}";
const SQUARE: &str = "［【〔⟦❲⁅〖〚﹝〘";
const BARS: &str = "｜¦∣│┃ǀ❘⏐￨‖ǁ︱";
const SLASHES: &str = "／⁄∕＼⧸⟋╱⫽∖⧵﹨╲";
const COLONS: &str = "：﹕∶꞉︓ː˸։";

/// Marks that stand on the character before them.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

/// Characters that have a name in HTML; those that need their `;` have one.
const ENTITIES: &[(&str, char)] = &[
    ("lt", '<'),
    ("gt", '>'),
    ("nbsp", ' '),
    ("sol;", '/'),
    ("bsol;", '\\'),
    ("vert;", '|'),
    ("verbar;", '|'),
    ("lsqb;", '['),
    ("lbrack;", '['),
    ("lang;", '<'),
    ("laquo;", '<'),
    ("lowbar;", '_'),
    ("hyphen;", '-'),
    ("dash;", '-'),
    ("colon;", ':'),
    ("newline;", '\n'),
    ("tab;", '\t'),
    ("zwj;", '\u{200d}'),
    ("zwnj;", '\u{200c}'),
    ("shy;", '\u{ad}'),
];

/// The character for which an escape of HTML, JSON, a shell or a URL stands that the text begins with, and the length of
/// the escape in bytes.
fn escape(text: &str) -> Option<(char, usize)> {
    let (prefix, rest) = match text.as_bytes().first()? {
        b'&' => return entity(text),
        b'%' => return of_digits(text, 1, 2..=2, 16, ""),
        b'\\' => text.split_at_checked(2)?,
        _ => return None,
    };
    match (prefix, rest.starts_with('{')) {
        ("\\u" | "\\x", true) => of_digits(text, 3, 1..=6, 16, "}"),
        ("\\u", false) => of_digits(text, 2, 4..=4, 16, ""),
        ("\\x", false) => of_digits(text, 2, 2..=2, 16, ""),
        _ => None,
    }
}

fn entity(text: &str) -> Option<(char, usize)> {
    let mut start = 1;
    while starts_with(text, start, "amp;") {
        start += 4;
    }
    if starts_with(text, start, "#") {
        let hex = starts_with(text, start + 1, "x");
        let (start, radix) = if hex { (start + 2, 16) } else { (start + 1, 10) };
        let (c, length) = of_digits(text, start, 1..=8, radix, "")?;
        return Some((c, length + usize::from(starts_with(text, length, ";"))));
    }
    let (name, c) = ENTITIES.iter().find(|(name, _)| starts_with(text, start, name))?;
    let end = start + name.len();
    Some((*c, end + usize::from(!name.ends_with(';') && starts_with(text, end, ";"))))
}

fn starts_with(text: &str, at: usize, with: &str) -> bool {
    text.get(at..at.saturating_add(with.len())).is_some_and(|there| there.eq_ignore_ascii_case(with))
}

/// The character whose number stands there in digits, as many as there are and may be, and where what ends it ends.
fn of_digits(
    text: &str,
    start: usize,
    count: std::ops::RangeInclusive<usize>,
    radix: u32,
    end: &str,
) -> Option<(char, usize)> {
    let rest = text.get(start..)?;
    let found = rest.bytes().take(*count.end()).take_while(|b| char::from(*b).is_digit(radix)).count();
    let number = u32::from_str_radix(rest.get(..found).filter(|_| found >= *count.start())?, radix).ok()?;
    let after = start + found;
    let c = char::from_u32(number)?;
    starts_with(text, after, end).then_some((c, after + end.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_what_they_stand_for() {
        for text in [
            "&lt;",
            "&LT;",
            "&lt",
            "&#60;",
            "&#060;",
            "&#0000060;",
            "&#x3c;",
            "&#X3C;",
            "&#x03c",
            "&amp;lt;",
            "&amp;amp;#60;",
            "&lang;",
            "%3c",
            "%3C",
            "\\u003c",
            "\\u003C",
            "\\x3c",
            "\\u{3c}",
            "\\x{3C}",
            "<",
            "＜",
            "≮",
        ] {
            let found = tokens(text);
            assert_eq!((found.len(), found[0].what, found[0].range.clone()), (1, What::Open, 0..text.len()), "{text}");
        }
        for text in [
            "&l;",
            "&#;",
            "&#x;",
            "&#xd800;",
            "&#99999999;",
            "%3",
            "%zz",
            "\\u3c",
            "\\u{}",
            "\\u{3c",
            "\\x3",
            "\\",
            "&",
            "%",
            "&é",
            "\\é",
        ] {
            assert!(tokens(text).iter().all(|token| token.what != What::Open), "{text}");
        }
    }

    #[test]
    fn the_pieces_are_in_order_and_of_whole_characters() {
        let text = "a\u{200b}é\u{301}＜&lt;\\n\\u003c日\u{1f468}\u{200d}\u{1f469}\x1b[";
        let found = tokens(text);
        assert!(found.windows(2).all(|two| two[0].range.end <= two[1].range.start));
        assert!(found.iter().all(|token| text.get(token.range.clone()).is_some()));
        assert_eq!(found[0].what, What::Letter('a'));
        assert_eq!(found.iter().filter(|token| token.what == What::Open).count(), 3);
        assert!(found.iter().any(|token| token.what == What::Escaped('n')));
    }

    #[test]
    fn no_sign_is_in_two_lists() {
        let lists = [OPENING, CLOSING, SQUARE, BARS, SLASHES, COLONS];
        let all: Vec<char> = lists.iter().flat_map(|list| list.chars()).collect();
        for c in &all {
            assert_eq!(all.iter().filter(|other| *other == c).count(), 1, "{c:?}");
        }
    }
}
