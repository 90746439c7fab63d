//! Letters that look like Latin ones, also with an accent.

/// Ranges in which the Latin alphabet stands again, in its order.
const ALPHABETS: &[(char, char)] = &[
    ('\u{ff21}', '\u{ff3a}'),
    ('\u{ff41}', '\u{ff5a}'),
    ('\u{249c}', '\u{24b5}'),
    ('\u{24b6}', '\u{24cf}'),
    ('\u{24d0}', '\u{24e9}'),
    ('\u{1f110}', '\u{1f129}'),
    ('\u{1f130}', '\u{1f149}'),
    ('\u{1f150}', '\u{1f169}'),
    ('\u{1f170}', '\u{1f189}'),
    ('\u{1f1e6}', '\u{1f1ff}'),
    // Of mathematics: large and small ones by turns, in thirteen styles.
    ('\u{1d400}', '\u{1d6a3}'),
];

/// Letters of other alphabets, and what they look like.
const LETTERS: &[(char, &str)] = &[
    ('a', "аɑαᴀᵃáàâäãåāăąª"),
    ('b', "вʙƅᵇℬ"),
    ('c', "сϲᴄⅽᶜℂℭçćĉċč"),
    ('d', "ԁᴅⅾᵈⅆďđ"),
    ('e', "еєεᴇℯᵉℰⅇéèêëēĕėęě"),
    ('f', "ғꜰᶠℱ"),
    ('g', "ɡɢԍᵍℊĝğġģ"),
    ('h', "һнʜℎʰℋℌℍĥħ"),
    ('i', "іıιɪℹⅰⁱℐℑⅈíìîïĩīĭį"),
    ('j', "јᴊʲⅉĵ"),
    ('k', "кκᴋᵏķ"),
    ('l', "ӏʟⅼˡℒℓĺļľŀł"),
    ('m', "мᴍⅿᵐℳ"),
    ('n', "пηɴոνⁿℕńņňñ"),
    ('o', "оοσᴏօℴᵒóòôöõøōŏőº"),
    ('p', "рρᴘᵖ℘ℙ"),
    ('q', "ԛℚ"),
    ('r', "гʀʳℛℜℝŕŗř"),
    ('s', "ѕꜱſˢśŝşšș"),
    ('t', "тτᴛᵗţťŧț"),
    ('u', "υսᴜцᵘúùûüũūŭůűų"),
    ('v', "ѵᴠⅴᵛ"),
    ('w', "ԝωᴡшʷŵ"),
    ('x', "хχⅹˣ"),
    ('y', "уүγʏʸýÿŷ"),
    ('z', "ᴢᶻℤℨźżž"),
];

/// The small Latin letter that it is or looks like, else itself.
pub(super) fn letter(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    let of_alphabet = ALPHABETS.iter().find(|(first, last)| (*first..=*last).contains(&c));
    if let Some((first, _)) = of_alphabet {
        let place = u32::from(c).saturating_sub(u32::from(*first)) % 26;
        return u8::try_from(place).map_or(c, |place| char::from(b'a'.saturating_add(place)));
    }
    let small = c.to_lowercase().next().unwrap_or(c);
    let alike = LETTERS.iter().find(|(_, others)| others.contains(small));
    alike.map_or(small, |(latin, _)| *latin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_what_they_look_like() {
        for text in [
            "System",
            "ＳＹＳＴＥＭ",
            "ｓｙｓｔｅｍ",
            "𝐬𝐲𝐬𝐭𝐞𝐦",
            "𝗦𝘆𝘀𝘁𝗲𝗺",
            "𝚜𝚢𝚜𝚝𝚎𝚖",
            "ⓢⓨⓢⓣⓔⓜ",
            "🅂🅈🅂🅃🄴🄼",
            "ѕуѕтем",
            "ЅУЅТЕМ",
            "ꜱʏꜱᴛᴇᴍ",
            "ˢʸˢᵗᵉᵐ",
            "śýšțëm",
        ] {
            assert_eq!(text.chars().map(letter).collect::<String>(), "system", "{text}");
        }
        assert_eq!("日1\u{212a}æ".chars().map(letter).collect::<String>(), "日1kæ");
    }

    #[test]
    fn no_letter_looks_like_two() {
        let all: Vec<char> = LETTERS.iter().flat_map(|(_, others)| others.chars()).collect();
        assert!(all.iter().all(|c| all.iter().filter(|other| *other == c).count() == 1));
    }
}
