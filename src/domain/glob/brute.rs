//! What a pattern matches, found by trying: braces are multiplied out, then every way through the text is taken. It
//! shares nothing with the automaton. Patterns and paths are at most a few characters long.

/// A rule that the matcher gets wrong on purpose, to see that the comparison notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mistake {
    None,
    StarCrossesSlash,
    QuestionIsOneByte,
    NegationCrossesSlash,
    RangeCrossesSlash,
    GlobstarNeedsAComponent,
    GlobstarStaysInside,
    EmptyAlternativesIgnored,
}

impl Mistake {
    /// Each of them.
    pub(super) const ALL: [Self; 7] = [
        Self::StarCrossesSlash,
        Self::QuestionIsOneByte,
        Self::NegationCrossesSlash,
        Self::RangeCrossesSlash,
        Self::GlobstarNeedsAComponent,
        Self::GlobstarStaysInside,
        Self::EmptyAlternativesIgnored,
    ];
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Char(u32),
    Any,
    Class { negated: bool, ranges: Vec<(u32, u32)> },
    Star,
    Globstar,
}

/// Whether the pattern, which has no mistakes in it, matches this canonical path.
pub(super) struct Brute {
    expansions: Vec<Vec<Token>>,
    mistake: Mistake,
}

impl Brute {
    pub(super) fn new(pattern: &[u8], mistake: Mistake) -> Self {
        let text = characters(pattern);
        let mut expansions = expand(&text, &mut 0, false, mistake);
        for tokens in &mut expansions {
            tidy(tokens);
        }
        Self { expansions, mistake }
    }

    pub(super) fn matches(&self, path: &[u32]) -> bool {
        self.expansions.iter().any(|tokens| self.rest(tokens, 0, path))
    }

    /// How many bytes it may need in a path that has to match another pattern too: those it names, and one for each star
    /// so that no component is empty, `.` or `..`; a `**/` may stand for none.
    pub(super) fn size(&self) -> usize {
        let size = |(at, token): (usize, &Token), tokens: &[Token]| match token {
            Token::Char(c) => char::from_u32(*c).map_or(1, char::len_utf8),
            Token::Globstar if tokens.get(at + 1) == Some(&Token::Char(0x2f)) => 0,
            Token::Any | Token::Class { .. } | Token::Star | Token::Globstar => 1,
        };
        let sizes =
            self.expansions.iter().map(|tokens| tokens.iter().enumerate().map(|token| size(token, tokens)).sum());
        sizes.max().unwrap_or(0)
    }

    /// Whether the tokens from `at` on match this rest of the path.
    fn rest(&self, tokens: &[Token], at: usize, path: &[u32]) -> bool {
        let slash = Token::Char(0x2f);
        let Some(token) = tokens.get(at) else { return path.is_empty() };
        let starts = at == 0 || tokens[at - 1] == slash;
        let ends = |at: usize| tokens.get(at + 1).is_none_or(|next| *next == slash);
        let may_be_none = self.mistake != Mistake::GlobstarNeedsAComponent;
        match token {
            Token::Globstar if starts && ends(at) && at + 1 < tokens.len() => {
                let none = may_be_none && self.rest(tokens, at + 2, path);
                none || (0..path.len()).any(|cut| path[cut] == 0x2f && self.rest(tokens, at + 2, &path[cut + 1..]))
            }
            Token::Globstar => (0..=path.len())
                .take_while(|cut| self.mistake != Mistake::GlobstarStaysInside || !path[..*cut].contains(&0x2f))
                .any(|cut| self.rest(tokens, at + 1, &path[cut..])),
            Token::Star => (0..=path.len())
                .take_while(|cut| self.mistake == Mistake::StarCrossesSlash || !path[..*cut].contains(&0x2f))
                .any(|cut| self.rest(tokens, at + 1, &path[cut..])),
            Token::Char(0x2f) if path.is_empty() => {
                may_be_none && at + 2 == tokens.len() && tokens[at + 1] == Token::Globstar
            }
            one @ (Token::Char(_) | Token::Any | Token::Class { .. }) => {
                path.first().is_some_and(|c| self.takes(one, *c)) && self.rest(tokens, at + 1, &path[1..])
            }
        }
    }

    fn takes(&self, token: &Token, c: u32) -> bool {
        match token {
            Token::Char(own) => *own == c,
            Token::Any => c != 0x2f && (self.mistake != Mistake::QuestionIsOneByte || c < 0x80),
            Token::Class { negated, ranges } => {
                let crosses = if *negated { Mistake::NegationCrossesSlash } else { Mistake::RangeCrossesSlash };
                (c != 0x2f || self.mistake == crosses)
                    && ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated
            }
            Token::Star | Token::Globstar => false,
        }
    }
}

/// Characters: of UTF-8 where it is valid, else bytes above all of them.
pub(super) fn characters(mut text: &[u8]) -> Vec<u32> {
    let mut found = Vec::new();
    while !text.is_empty() {
        let whole = (1..=text.len().min(4)).find_map(|len| Some((len, std::str::from_utf8(&text[..len]).ok()?)));
        let (len, c) =
            whole.map_or((1, 0x11_0000 + u32::from(text[0])), |(len, s)| (len, u32::from(s.chars().next().unwrap())));
        found.push(c);
        text = &text[len..];
    }
    found
}

/// All texts without braces that stand for this one, up to its end or, inside braces, up to `,` or `}`.
fn expand(text: &[u32], at: &mut usize, inside: bool, mistake: Mistake) -> Vec<Vec<Token>> {
    let is = |at: usize, c: char| text.get(at) == Some(&u32::from(c));
    let mut all = vec![Vec::new()];
    while *at < text.len() && !(inside && (is(*at, ',') || is(*at, '}'))) {
        let next: Vec<Vec<Token>> = if is(*at, '{') {
            let mut ways = Vec::new();
            loop {
                *at += 1;
                ways.extend(expand(text, at, true, mistake));
                if !is(*at, ',') {
                    break;
                }
            }
            *at += 1;
            if mistake == Mistake::EmptyAlternativesIgnored {
                ways.retain(|way| !way.is_empty());
            }
            ways
        } else {
            vec![vec![token(text, at)]]
        };
        all = all.iter().flat_map(|head| next.iter().map(move |tail| [head.as_slice(), tail].concat())).collect();
    }
    all
}

fn token(text: &[u32], at: &mut usize) -> Token {
    let is = |at: usize, c: char| text.get(at) == Some(&u32::from(c));
    let c = text[*at];
    *at += 1;
    match char::from_u32(c) {
        Some('*') => {
            let from = *at;
            while is(*at, '*') {
                *at += 1;
            }
            if *at > from { Token::Globstar } else { Token::Star }
        }
        Some('?') => Token::Any,
        Some('\\') => {
            *at += 1;
            Token::Char(text[*at - 1])
        }
        Some('[') => {
            let negated = is(*at, '!') || is(*at, '^');
            *at += usize::from(negated);
            let (mut ranges, first) = (Vec::new(), *at);
            while *at == first || !is(*at, ']') {
                *at += usize::from(is(*at, '\\'));
                let (low, ranged) = (text[*at], is(*at + 1, '-') && !is(*at + 2, ']'));
                *at += if ranged { 2 } else { 0 };
                *at += usize::from(ranged && is(*at, '\\'));
                ranges.push((low, text[*at]));
                *at += 1;
            }
            *at += 1;
            Token::Class { negated, ranges }
        }
        _ => Token::Char(c),
    }
}

/// Stars in a row are one; components that are `**` in a row are one.
fn tidy(tokens: &mut Vec<Token>) {
    let star = |token: &Token| matches!(token, Token::Star | Token::Globstar);
    let mut kept: Vec<Token> = Vec::new();
    for token in tokens.drain(..) {
        match kept.last_mut() {
            Some(last) if star(last) && star(&token) => {
                if token == Token::Globstar {
                    *last = token;
                }
            }
            _ => kept.push(token),
        }
    }
    let mut components: Vec<&[Token]> = kept.split(|token| *token == Token::Char(0x2f)).collect();
    components.dedup_by(|next, last| **next == [Token::Globstar] && **last == [Token::Globstar]);
    let tidied = components.join(&Token::Char(0x2f));
    *tokens = tidied;
}
