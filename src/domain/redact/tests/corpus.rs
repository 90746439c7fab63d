//! What must be masked and what must not.

use super::pathological::random;

/// Text with a secret between `«` and `»`: without the marks, and as it should become.
pub(super) fn marked(text: &str) -> (String, String) {
    let plain = text.replace(['«', '»'], "");
    let mut wanted = String::new();
    for (index, part) in text.split('«').enumerate() {
        match part.split_once('»') {
            Some((_, rest)) if index > 0 => wanted.extend(["***", rest]),
            _ => wanted.push_str(part),
        }
    }
    (plain, wanted)
}

/// Texts with their secrets marked.
#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn must() -> Vec<String> {
    let mut cases: Vec<String> = [
        ("sk-", 20),
        ("sk-", 48),
        ("sk-ant-", 20),
        ("sk-ant-api03-", 93),
        ("sk-proj-", 40),
        ("ghp_", 36),
        ("gho_", 36),
        ("ghs_", 36),
        ("github_pat_", 22),
        ("xoxb-", 12),
        ("xoxp-", 40),
        ("AIza", 35),
        ("glpat-", 20),
        ("npm_", 36),
        ("hf_", 34),
        ("sk_live_", 24),
        ("rk_test_", 24),
        ("whsec_", 32),
        ("ya29.", 60),
        ("GOCSPX-", 28),
        ("hvs.", 24),
        ("pypi-", 60),
        ("gsk_", 52),
        ("dckr_pat_", 27),
        ("tskey-auth-", 20),
        ("", 43),
        ("", 64),
    ]
    .iter()
    .map(|(prefix, n)| format!("used «{prefix}{}» here", random(*n)))
    .collect();
    for (prefix, n) in [("sk-", 20), ("sk-ant-", 20), ("ghp_", 36), ("github_pat_", 22), ("glpat-", 20), ("npm_", 36)] {
        cases.push(format!("«{prefix}{}»", "a".repeat(n)));
    }
    cases.push(format!("id «AKIA{}».", "A1B2".repeat(4)));
    cases.push(format!("job_«ghp_{}»", random(36)));
    cases.push(format!("«eyJ{}.eyJ{}.{}»", random(20), random(40), random(43)));
    let key = random(46);
    let (one, two, three) = (&key[..12], &key[12..32], &key[32..]);
    cases.push(format!("AWS_SECRET_ACCESS_KEY=«{}/{}+{}»", random(12), random(20), random(6)));
    cases.push(format!("the key {{«{one}/{two}+{three}»}}"));
    cases.push(format!("«{}==»", random(42)));
    cases.push(format!("https://hooks.slack.com/services/«T0001/B0001/{}»", random(24)));
    cases.push(format!("AC{}", "0123456789abcdef".repeat(2)).replace("AC", "«AC") + "»");
    cases.extend(
        [
            "password=«x»",
            "DB_PASSWORD=«x»",
            "MY_APP_SECRET=«hunter»",
            "refresh_token=«x»",
            "MYSQL_PWD=«x»",
            "export API_KEY=«abc»; make",
            "{\"password\": \"«two words»\"}",
            "{\"apiKey\":\"«x»\",\"b\":1}",
            "\"{\\\"password\\\": \\\"«x y»\\\"}\"",
            "password: «x»",
            "  db_password: «hunter2» # production",
            "passwd = «hunter»",
            "client_secret: '«a b»'",
            "postgres://«u:p»@h/d",
            "https://«u:p»@host",
            "redis://«:pa:ss»@h:6379",
            "https://«user:p@ss»@host/x",
            "?access_token=«x»&y=1",
            "login --password «x» --user jo",
            "login --token=«x»",
            "deploy --api-key '«a b»'",
            "--token «abc»",
            "Authorization: «Bearer x»",
            "Authorization: «Basic dXNlcjpwYXNz»",
            "authorization: «Token abc»",
            "Authorization: «Digest username=\"u\", response=\"r\"»",
            "-H \"Authorization: «Bearer abc»\" https://h",
            "Proxy-Authorization: «Basic dXNlcjpwYXNz»",
            "{\"Authorization\": \"«Bearer abc.def»\"}",
            "Authorization: «abcdef»",
            "Cookie: «a=b»",
            "Set-Cookie: «id=1; Path=/; HttpOnly»",
            "-H 'Cookie: «a=b; c=d»' x",
            "X-Api-Key: «v»",
            "X-Auth-Token: «v»",
            "x-goog-api-key: «v1»",
            "sent Bearer «abc1DEF2ghi» to it",
            "Basic «dXNlcjpwYXNz»",
            "curl -u admin:«hunter2» https://h",
            "password := \"«hunter2»\"",
            "const PASSWORD: &str = \"«hunter2»\";",
            "env[\"API_KEY\"] = \"«x»\"",
            "if password == \"«x»\" {",
            "//registry.example/:_authToken=«x»",
            "the password is «hunter2»",
            "Server=x;Password=«a;b»;Port=1",
            "password=«x»,user=y",
            "password=«a,b»",
            "PASSWORD=«abc&def»",
            "password=«pässwörd»",
            "DB_PASSWORD «hunter22»",
            "machine h login u password «x»",
            "password='«it is»'",
            "password=\"«unclosed text",
            "token: \"«abc»\"",
            "PGPASSWORD=«x» psql",
            "secret = \"\"\"«x\"y»\"\"\"",
            "{\"auth\": \"«dXNlcjpwYXNz»\"}",
            "${DB_PASSWORD:-x} SECRET_KEY_BASE=«x»",
            "password=«${P:-hunter}»",
            "IDENTIFIED BY x PASSWORD '«y»'",
            "passphrase: \"«correct horse»\"",
            "token=«abc1»",
        ]
        .map(str::to_owned),
    );
    for kind in ["EC PRIVATE KEY", "OPENSSH PRIVATE KEY", "RSA PRIVATE KEY", "PRIVATE KEY", "PGP PRIVATE KEY BLOCK"] {
        let (begin, end) = (format!("-----BEGIN {kind}-----"), format!("-----END {kind}-----"));
        cases.push(format!("see «{begin}»\n«abc»\n«»\n«def»\n«{end}» done").replace("«»", ""));
        cases.push(format!("«{begin}»\n«abc»\n«and all that follows»"));
        cases.push(format!("\"key\": \"«{begin}\\nabc\\n{end}»\\n\""));
    }
    cases.push("password: |\n  «two»\n  «lines»\nuser: x".to_owned());
    cases
}

/// Texts without a secret.
#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn must_not() -> Vec<String> {
    let mut cases = vec![
        "0123456789abcdef".repeat(2),
        "0123456789abcdef0123456789abcdef01234567".to_owned(),
        "0123456789abcdef".repeat(4),
        format!("src/components/{}/index.tsx", "AVeryLongNameOfAComponentThatSomebodyHasWrite"),
        format!("src/components/{}/index.tsx", "a".repeat(45)),
        format!("feature/{}", "b".repeat(45)),
        format!("integrity sha512-{}==", random(86)),
        format!("SHA256:{}", random(43)),
        format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA{} me@host", random(40)),
        format!("-----BEGIN CERTIFICATE-----\n{}\n{}==\n-----END CERTIFICATE-----", random(64), random(30)),
        format!("toolu_{}", random(24)),
        format!("token={}", "*".repeat(3)),
    ];
    cases.extend(
        [
            "",
            "l-1042",
            "1.2.3-rc.4+build.5",
            "123e4567-e89b-12d3-a456-426614174000",
            "HEAD~1",
            "~approx",
            "https://h/home/u/page",
            "https://user@host/x",
            "https://host:8080/a@b",
            "git@github.com:o/r.git",
            "jo@example.org",
            "token ring",
            "the Bearer of news",
            "bearer tokens12345",
            "short_token",
            "password policy",
            "secret santa",
            "token: the lexer's token",
            "let token = next_token();",
            "let token = self.token;",
            "fn f(token: Token) -> Token {",
            "password: String,",
            "password: &str",
            "token: Option<String>",
            "the password_hash column",
            "password_hash: varchar",
            "#ff00aa",
            "color: #A1B2C3;",
            "aGVsbG8gd29ybGQ=",
            "SSH_AUTH_SOCK=/run/x",
            "GIT_AUTHOR_NAME=Jo",
            "SSL_CERT_FILE=/etc/x",
            "TOKENIZERS_PARALLELISM=false",
            "PASSWORD_FILE=/run/secrets/db",
            "password=$DB_PASSWORD",
            "password: ${{ secrets.DB }}",
            "password=<password>",
            "token=$(cat file)",
            "token: ${TOKEN}",
            "password=***",
            "Authorization: ***",
            "https://***@host",
            "--password ***",
            "Authorization: only admins may",
            "Authorization: Bearer $TOKEN",
            "cookie: fix SameSite",
            "pass --token or set the variable",
            "the --password flag",
            "--token TOKEN",
            "--password-file x",
            "max_tokens=4096",
            "max_tokens: 4096",
            "token_count = 12",
            "next_token = 5",
            "Unexpected token '}'",
            "unexpected token: ';'",
            "pass: 12, fail: 3",
            "cache_key: user:1",
            "primary_key=id",
            "key=value",
            "author: me",
            "secrets: inherit",
            "credentials: 'include'",
            "password: null",
            "token: true",
            "password: string;",
            "fix(token): handle EOF",
            "token: handle EOF",
            "password: fix the reset flow",
            "token = lexer.next()",
            "password = config.db_password",
            "password: str = None",
            "std::env::var(\"TOKEN\")",
            "tokio::sync::Mutex",
            "a == b",
            "x = y",
            "sk-circle-fade-dot-animation",
            "this_is_a_very_long_snake_case_identifier_with_v2_in_it",
            "AbstractSingletonProxyFactoryBean2Implementation3",
            "docker run -u 1000:1000 image",
            "s66mzxpvicwk07gjbjfw9izjfa797vsw",
            "/nix/store/s66mzxpvicwk07gjbjfw9izjfa797vsw-hello",
            "/root/x",
            "/home/u/x",
            "/Users/u",
            "$HOME/x",
            "sha256:abc",
            "2026-01-01T10:20:30.123Z",
            "日本語 のパスワード",
            "-----BEGIN PUBLIC KEY-----",
            "password reset",
            "Basic authentication",
            "basic tests",
            "token::Kind",
        ]
        .map(str::to_owned)
        .into_iter()
        .filter(|case| case != "s66mzxpvicwk07gjbjfw9izjfa797vsw"),
    );
    cases
}
