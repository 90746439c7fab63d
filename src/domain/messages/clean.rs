//! Taking out of a text what is not seen: characters that control a terminal, turn the direction round or hide.
//!
//! Some characters that show nothing belong to what is seen: they make one emoji of several, choose how a sign is drawn,
//! and join or part letters of scripts that need it. These stay where they have that effect, and only there.

/// The text without what is not seen, with `\n` at the end of each line but the last, and without blanks at the ends of
/// lines and around the whole. Cleaning what is clean changes nothing, and no text becomes longer.
#[must_use]
pub fn clean(text: &str) -> String {
    let seen = seen(text);
    let mut result = String::with_capacity(seen.len());
    result.extend(in_place(&seen).filter(|(c, stays)| *stays || !may_stay(*c)).map(|(c, _)| c));
    let lines: Vec<&str> = result.split('\n').map(str::trim_end).collect();
    lines.join("\n").trim().to_owned()
}

/// Each character, and whether it is one that shows nothing and yet belongs where it stands: a printer that escapes
/// what is not seen would break an emoji or a word by escaping it.
pub fn in_place(text: &str) -> impl Iterator<Item = (char, bool)> {
    let (mut chars, mut before, mut tags) = (text.chars(), None, 0_usize);
    std::iter::from_fn(move || {
        let c = chars.next()?;
        let stays = if is_tag(c) {
            let in_flag = tags > 0;
            tags = tags.saturating_sub(1);
            in_flag
        } else {
            let rest = chars.as_str();
            let flag = FLAGS.iter().find(|flag| c == BLACK_FLAG && rest.starts_with(**flag));
            tags = flag.map_or(0, |flag| flag.chars().count());
            may_stay(c) && before.is_some_and(|before| has_effect(before, c, rest.chars().next()))
        };
        if stays || !may_stay(c) {
            before = Some(c);
        }
        Some((c, stays))
    })
}

/// One kind of line end, and without what never stays.
fn seen(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' => {
                if chars.peek() != Some(&'\n') {
                    result.push('\n');
                }
            }
            '\u{2028}' | '\u{2029}' => result.push('\n'),
            // A pattern of dots without a dot: part of drawings, and to the eye a blank.
            '\u{2800}' => result.push(' '),
            '\n' | '\t' => result.push(c),
            c if c.is_control() || never_stays(c) => {}
            c => result.push(c),
        }
    }
    result
}

fn never_stays(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
        | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e001f}' | '\u{e0080}'..='\u{e00ff}' | '\u{e01f0}'..='\u{e0fff}')
}

const JOINER: char = '\u{200d}';
const NON_JOINER: char = '\u{200c}';
const AS_EMOJI: char = '\u{fe0f}';
const AS_TEXT: char = '\u{fe0e}';
const KEYCAP: char = '\u{20e3}';
const BLACK_FLAG: char = '\u{1f3f4}';

/// The flags of England, Scotland and Wales, behind the black one. Others have no picture anywhere, and would only hide
/// letters.
const FLAGS: [&str; 3] = [
    "\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
    "\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
    "\u{e0067}\u{e0062}\u{e0077}\u{e006c}\u{e0073}\u{e007f}",
];

/// What shows nothing and stays where it has an effect.
pub(super) fn may_stay(c: char) -> bool {
    matches!(c, JOINER | NON_JOINER | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' | '\u{180b}'..='\u{180d}' | '\u{180f}')
        || is_tag(c)
}

fn is_tag(c: char) -> bool {
    matches!(c, '\u{e0020}'..='\u{e007f}')
}

/// Whether it does something there. What stands before is not taken out.
fn has_effect(before: char, c: char, after: Option<char>) -> bool {
    let is_after = |class: fn(char) -> bool| after.is_some_and(class);
    match c {
        JOINER if is_picture(before) || before == AS_EMOJI => is_after(is_picture),
        JOINER | NON_JOINER => is_of_joined_script(before) && (is_virama(before) || is_after(is_of_joined_script)),
        AS_EMOJI if matches!(before, '0'..='9' | '#' | '*') => after == Some(KEYCAP),
        AS_EMOJI | AS_TEXT => is_picture(before),
        '\u{fe00}'..='\u{fe02}' | '\u{e0100}'..='\u{e01ef}' => is_han(before),
        '\u{180b}'..='\u{180d}' | '\u{180f}' => matches!(before, '\u{1820}'..='\u{18aa}'),
        _ => false,
    }
}

/// Signs that are emoji or parts of them; wide, as what is taken for one is seen.
fn is_picture(c: char) -> bool {
    matches!(c,
        '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{2194}'..='\u{2199}'
        | '\u{21a9}' | '\u{21aa}' | '\u{231a}'..='\u{231b}' | '\u{2328}' | '\u{23cf}' | '\u{23e9}'..='\u{23fa}'
        | '\u{24c2}' | '\u{25aa}'..='\u{25fe}' | '\u{2600}'..='\u{2767}' | '\u{2795}'..='\u{27bf}'
        | '\u{2934}' | '\u{2935}' | '\u{2b05}'..='\u{2b55}' | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}'
        | '\u{1f000}'..='\u{1faff}')
}

/// Letters and marks of scripts that are written joined: Arabic, Syriac, N'Ko and Mandaic, those of India and South East
/// Asia, Mongolian, Adlam.
fn is_of_joined_script(c: char) -> bool {
    let script = matches!(c,
        '\u{610}'..='\u{8ff}' | '\u{900}'..='\u{dff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{18aa}'
        | '\u{1a20}'..='\u{1cff}' | '\u{a800}'..='\u{abff}' | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}'
        | '\u{11000}'..='\u{11fff}' | '\u{1e900}'..='\u{1e94b}');
    script && !c.is_numeric() && !may_stay(c) && !never_stays(c)
}

/// The sign that takes the vowel from the letter before it; a joiner behind it shapes that letter, also at the end of a
/// word.
fn is_virama(c: char) -> bool {
    matches!(
        c,
        '\u{94d}'
            | '\u{9cd}'
            | '\u{a4d}'
            | '\u{acd}'
            | '\u{b4d}'
            | '\u{bcd}'
            | '\u{c4d}'
            | '\u{ccd}'
            | '\u{d4d}'
            | '\u{dca}'
            | '\u{1039}'
            | '\u{103a}'
            | '\u{17d2}'
    )
}

fn is_han(c: char) -> bool {
    let range = matches!(c, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}');
    range && c.is_alphabetic()
}

#[cfg(test)]
#[path = "clean_tests.rs"]
pub(super) mod tests;
