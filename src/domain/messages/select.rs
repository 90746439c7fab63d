//! The message that somebody means by the beginning of its id.

use std::fmt;

/// The shortest beginning of an id that may stand for it, in digits.
const SHORTEST: usize = 4;

/// How long an id is, in digits.
const LENGTH: usize = 32;

/// What the beginning of an id stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// This message.
    One(String),
    /// None.
    None,
    /// One of these, in the order in which they came; each is there once.
    Several(Vec<String>),
}

/// What was given is no beginning of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrefixError {
    /// It holds something else than digits and hyphens.
    NoDigits,
    /// Too many messages would begin so: this many digits.
    TooShort(usize),
    /// No id is so long: this many digits.
    TooLong(usize),
}

/// The message whose id begins so, whatever the case and the hyphens of either. An id that comes twice is one.
///
/// # Errors
/// If it is no beginning of an id: fewer than 4 or more than 32 hexadecimal digits, or something else.
pub fn prefix<'a>(ids: impl Iterator<Item = &'a str>, given: &str) -> Result<Chosen, PrefixError> {
    if !given.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-') {
        return Err(PrefixError::NoDigits);
    }
    match digits(given).count() {
        0 => return Err(PrefixError::NoDigits),
        count if count < SHORTEST => return Err(PrefixError::TooShort(count)),
        count if count > LENGTH => return Err(PrefixError::TooLong(count)),
        _ => {}
    }
    let mut found: Vec<String> = Vec::new();
    for id in ids {
        let mut of_id = digits(id);
        if digits(given).all(|digit| of_id.next() == Some(digit))
            && !found.iter().any(|known| digits(known).eq(digits(id)))
        {
            found.push(id.to_owned());
        }
    }
    Ok(match (found.len(), found.pop()) {
        (_, None) => Chosen::None,
        (1, Some(id)) => Chosen::One(id),
        (_, Some(id)) => {
            found.push(id);
            Chosen::Several(found)
        }
    })
}

fn digits(text: &str) -> impl Iterator<Item = u8> {
    text.bytes().filter(|b| *b != b'-').map(|b| b.to_ascii_lowercase())
}

impl fmt::Display for PrefixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDigits => {
                f.write_str("the id of a message is of the digits 0-9 and a-f, with hyphens or without")?
            }
            Self::TooShort(1) => write!(f, "1 digit may stand for many messages")?,
            Self::TooShort(count) => write!(f, "{count} digits may stand for many messages")?,
            Self::TooLong(count) => write!(f, "the id of a message has {LENGTH} digits, not {count}")?,
        }
        write!(f, "; give its first {SHORTEST} or more, as `swarmlock inbox` shows them")
    }
}

impl std::error::Error for PrefixError {}

#[cfg(test)]
mod tests {
    use super::*;

    const IDS: [&str; 4] = [
        "120ac90a-b920-4d04-9293-d1e02f795b0c",
        "120ac90a-b920-4d04-9293-d1e02f795b0d",
        "ffffffff-0000-4000-8000-000000000000",
        "120a0000-0000-4000-8000-000000000000",
    ];

    fn chosen(given: &str) -> Result<Chosen, PrefixError> {
        prefix(IDS.into_iter(), given)
    }

    fn one(id: &str) -> Result<Chosen, PrefixError> {
        Ok(Chosen::One(id.to_owned()))
    }

    fn several(ids: &[&str]) -> Result<Chosen, PrefixError> {
        Ok(Chosen::Several(ids.iter().map(|id| (*id).to_owned()).collect()))
    }

    #[test]
    fn a_beginning_stands_for_the_ids_that_begin_so_in_any_spelling() {
        assert_eq!(chosen("ffff"), one(IDS[2]));
        assert_eq!(chosen("FFFFffff0"), one(IDS[2]));
        assert_eq!(chosen("ffffffff-"), one(IDS[2]));
        assert_eq!(chosen("ff-ff"), one(IDS[2]));
        for id in IDS {
            assert_eq!(chosen(id), one(id));
            assert_eq!(chosen(&id.to_uppercase()), one(id));
            assert_eq!(chosen(&id.replace('-', "")), one(id));
        }
        assert_eq!(chosen("120a"), several(&[IDS[0], IDS[1], IDS[3]]));
        assert_eq!(chosen("120AC90A"), several(&IDS[..2]));
        assert_eq!(chosen("abcd"), Ok(Chosen::None));
        assert_eq!(prefix(std::iter::empty(), "abcd"), Ok(Chosen::None));
    }

    #[test]
    fn an_id_that_comes_twice_is_one_and_no_id_is_passed_over() {
        assert_eq!(prefix([IDS[2], IDS[2]].into_iter(), "ffff"), one(IDS[2]));
        let again = IDS[2].to_uppercase();
        assert_eq!(prefix([IDS[2], &again].into_iter(), "ffff"), one(IDS[2]));
        assert_eq!(prefix(["", "-", "ff", "temp-1", "é", IDS[2]].into_iter(), "ffff"), one(IDS[2]));
    }

    #[test]
    fn what_is_no_beginning_of_an_id_is_an_error_in_words() {
        for (bad, error) in [
            ("", PrefixError::NoDigits),
            ("----", PrefixError::NoDigits),
            ("0", PrefixError::TooShort(1)),
            ("abc", PrefixError::TooShort(3)),
            ("a-b-c-", PrefixError::TooShort(3)),
            ("abcg", PrefixError::NoDigits),
            ("abcd ", PrefixError::NoDigits),
            ("abcd\n", PrefixError::NoDigits),
            ("../ab", PrefixError::NoDigits),
            ("*", PrefixError::NoDigits),
            ("\u{661}\u{662}\u{663}\u{664}", PrefixError::NoDigits),
            ("120ac90a-b920-4d04-9293-d1e02f795b0c0", PrefixError::TooLong(33)),
        ] {
            assert_eq!(chosen(bad), Err(error), "{bad:?}");
            assert!(error.to_string().contains("`swarmlock inbox`"), "{error}");
        }
    }
}
