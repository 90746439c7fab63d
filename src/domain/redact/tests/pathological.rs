//! Texts that cost the most, for the test of growth and the benchmark.

/// `n` letters and digits in no order, the same each time; shapes of secrets are put together when the test runs.
pub(crate) fn random(n: usize) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut state = 0x9e37_79b9_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(DIGITS[(state >> 16) as usize % DIGITS.len()])
    };
    (0..n).map(|_| next()).collect()
}

/// Texts that lead rules to look ahead in vain, of about `n` bytes each.
#[expect(clippy::too_many_lines, reason = "a table")]
pub(crate) fn pathological(n: usize) -> Vec<(String, String)> {
    let units = [
        "a=",
        "password",
        "password=",
        "password=$",
        "password: ",
        "password:",
        "pass=",
        "token=",
        "token: ",
        "password='",
        "password=\"",
        "password=\\\"",
        "\"\"\"",
        "secret = ",
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY",
        "-----BEGIN X-----",
        "-----END ",
        "-",
        "sk-",
        "sk-a",
        "eyJ",
        "-eyJ",
        "-eyJaaaaaaaa.",
        "ghp_",
        "xoxb-",
        "AKIA",
        "-AKIA",
        "AC0a",
        "SG.",
        "Authorization: ",
        "authorization: a b ",
        "Authorization: Bearer ",
        "Cookie: ",
        "cookie: a",
        "Bearer ",
        "Basic ",
        "Bearer a.",
        "://",
        "a://b",
        "://a:b",
        "a@",
        "a:b@",
        "https://",
        "--password ",
        "--password -",
        "-u ",
        "curl -u a ",
        "password is ",
        "password x ",
        "login password ",
        "é",
        "日本",
        "\n",
        "password\n",
        "password: |\n ",
        "a,b=",
        "password=a,",
        "password=a;b",
        "[{(",
        "password={",
        "password=${",
        "\\",
        "\\\"",
        "' \" ` ",
        "A1b2C3d4",
        "a/",
        "a1/",
        "x",
        "*",
        "$",
        "hooks.slack.com/services/",
        "password: A = ",
        "password:str",
        "auth=\"",
        "=",
        ":",
        "\t",
        "password     ",
    ];
    let mut texts: Vec<_> = units.iter().map(|unit| ((*unit).to_owned(), unit.repeat(n / unit.len() + 1))).collect();
    texts.push(("one line of base64".to_owned(), random(n)));
    texts.push(("an open quote of names".to_owned(), format!("password=\"{}", "pass='x ".repeat(n / 8))));
    texts
}
