//! How deep runs are nested in each other.

use std::fmt;

/// The environment variable that tells the command of a run how deep it is.
pub const DEPTH_VARIABLE: &str = "SWARMLOCK_DEPTH";

/// The most digits of a depth.
const DIGITS: usize = 3;

/// How many runs are around this process: 0 to 999.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Depth(u32);

/// Why there is no such depth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DepthError {
    /// The variable holds something else than a depth. It counts as no depth at all, never as 0.
    Garbage {
        /// What it holds, cut, with what is no text replaced.
        value: String,
    },
    /// There are as many runs around this one as there may be.
    TooDeep {
        /// How many there are.
        depth: u32,
        /// How many there may be.
        max: usize,
    },
}

impl Depth {
    /// Reads the value of [`DEPTH_VARIABLE`]: one to three decimal digits and nothing else. Without the variable the
    /// depth is 0.
    ///
    /// # Errors
    /// [`DepthError::Garbage`].
    pub fn parse(value: Option<&[u8]>) -> Result<Self, DepthError> {
        let Some(value) = value else { return Ok(Self(0)) };
        let plain = (1..=DIGITS).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
        let number = std::str::from_utf8(value).ok().filter(|_| plain).and_then(|text| text.parse().ok());
        number.map(Self).ok_or_else(|| {
            let shown = value.get(..32).unwrap_or(value);
            DepthError::Garbage { value: String::from_utf8_lossy(shown).into_owned() }
        })
    }

    /// The depth of a command that a run at this depth starts.
    ///
    /// # Errors
    /// [`DepthError::TooDeep`] if that is more than `max`.
    pub fn deeper(self, max: usize) -> Result<Self, DepthError> {
        let next = self.0.saturating_add(1);
        if usize::try_from(next).is_ok_and(|next| next <= max) {
            Ok(Self(next))
        } else {
            Err(DepthError::TooDeep { depth: self.0, max })
        }
    }

    /// The depth as a number.
    #[must_use]
    pub fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Depth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for DepthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Garbage { value } => {
                write!(f, "{DEPTH_VARIABLE}: \"{value}\" is no depth: it is one to three digits, as run sets it")
            }
            Self::TooDeep { depth, max } => {
                write!(f, "this call is inside {depth} runs already, and at most {max} may be nested")
            }
        }
    }
}

impl std::error::Error for DepthError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_depth_is_one_to_three_digits_and_anything_else_is_never_taken_for_0() {
        let long = "9".repeat(31);
        for bad in
            ["", " ", " 1", "1 ", "+1", "-1", "-0", "1x", "0x1", "1\n", "1.0", "1e0", "1234", "\u{661}", "\0", &long]
        {
            assert!(matches!(Depth::parse(Some(bad.as_bytes())), Err(DepthError::Garbage { .. })), "{bad:?}");
        }
        for bad in [&[0xff][..], &[b'1', 0xff], &[0xff; 4096]] {
            let error = Depth::parse(Some(bad)).unwrap_err().to_string();
            assert!(error.len() < 300, "{error}");
        }
        for (good, depth) in [("0", 0), ("1", 1), ("003", 3), ("999", 999)] {
            assert_eq!(Depth::parse(Some(good.as_bytes())).map(Depth::number), Ok(depth));
        }
        assert_eq!(Depth::parse(None).map(Depth::number), Ok(0));
    }

    #[test]
    fn a_run_is_one_deeper_than_what_is_around_it_up_to_the_most() {
        let at = |depth| Depth(depth);
        assert_eq!(at(0).deeper(3), Ok(at(1)));
        assert_eq!(at(2).deeper(3), Ok(at(3)));
        assert_eq!(at(3).deeper(3), Err(DepthError::TooDeep { depth: 3, max: 3 }));
        assert_eq!(at(999).deeper(3), Err(DepthError::TooDeep { depth: 999, max: 3 }));
        assert_eq!(at(1).deeper(1), Err(DepthError::TooDeep { depth: 1, max: 1 }));
    }
}
