//! Masks what looks like a secret in text that is kept or shown: packages choose what they print and send, and users
//! pass logs on to others.
//!
//! A secret is recognised by its name (`token=…`, `"client_secret": "…"`, `--password …`, `<token>…`), in many
//! notations of name and value, or by what precedes it (`Bearer …`, `https://user:…@`). When in doubt, text is masked.

/// Replaces a secret.
pub const MASK: &str = "•••";
/// Bytes of a name that are examined; no name of a secret is longer.
const MAX_NAME_LEN: usize = 64;
/// Characters from which a word after the name of a secret is taken for one, even without a separator.
const OPAQUE: usize = 20;

/// Returns a text with its secrets masked. Takes linear time.
#[must_use]
pub fn masked(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let (mut copied, mut at) = (0, 0);
    while let Some((start, end)) = next_word(text, at) {
        at = end;
        if let Some((from, to)) = secret_at(text, start, end)
            && from >= copied
            && !is_harmless(&text[from..to])
        {
            masked.push_str(&text[copied..from]);
            masked.push_str(MASK);
            (copied, at) = (to, to);
        }
    }
    masked.push_str(&text[copied..]);
    masked
}

/// Masks text line by line: a name and its value may be on two lines.
#[derive(Debug, Default)]
pub struct Lines {
    /// Whether the previous line ended with the name of a secret.
    is_named: bool,
}

impl Lines {
    /// Returns the next line with its secrets masked.
    pub fn next(&mut self, line: &str) -> String {
        let is_value = std::mem::take(&mut self.is_named) && !line.trim().is_empty();
        let end = line.trim_end();
        let tail = &end[end.ceil_char_boundary(end.len().saturating_sub(2 * MAX_NAME_LEN))..];
        // A word that followed would be masked.
        self.is_named = end.ends_with([':', '=']) && masked(&format!("{tail}x")).ends_with(MASK);
        if is_value { MASK.to_owned() } else { masked(line) }
    }
}

/// Whether a member, parameter or header has a name like a secret's.
#[must_use]
pub fn is_secret(name: &str) -> bool {
    const PARTS: [&str; 16] = [
        "secret",
        "token",
        "password",
        "passwd",
        "passphrase",
        "passcode",
        "pwd",
        "authorization",
        "verifier",
        "apikey",
        "privatekey",
        "credential",
        "cookie",
        "bearer",
        "jwt",
        "sessionid",
    ];
    const WHOLE: [&str; 11] = [
        "code",
        "authcode",
        "oauthcode",
        "accesscode",
        "devicecode",
        "usercode",
        "pass",
        "spdc",
        "spkey",
        "otp",
        "clientkey",
    ];
    if name.len() > MAX_NAME_LEN {
        return false;
    }
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    PARTS.iter().any(|part| plain.contains(part))
        || WHOLE.contains(&plain.as_str())
        || plain.ends_with("code") && name.len() > 5 && matches!(name.as_bytes()[name.len() - 5], b'_' | b'-' | b'.')
}

/// Whether the value of a header is its whole line.
fn is_line(name: &str) -> bool {
    ["authorization", "proxy-authorization", "cookie", "set-cookie", "www-authenticate"]
        .iter()
        .any(|header| name.eq_ignore_ascii_case(header))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// Returns the next run of letters, digits and characters that join them in names.
fn next_word(text: &str, from: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let start = from + bytes[from..].iter().position(|byte| is_word(*byte))?;
    let end = bytes[start..].iter().position(|byte| !is_word(*byte)).map_or(bytes.len(), |length| start + length);
    Some((start, end))
}

/// Returns the range of the secret that a word announces, or is itself.
fn secret_at(text: &str, start: usize, end: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let word = &text[start..end];
    if text[end..].starts_with("://") {
        return user_info(text, end + 3);
    }
    // A JSON Web Token.
    if word.starts_with("eyJ") && word.len() >= OPAQUE && word.contains('.') {
        return Some((start, end));
    }
    if word.eq_ignore_ascii_case("bearer") || ["Basic", "BASIC"].contains(&word) {
        let from = skip(text, end, |byte| byte.is_ascii_whitespace() || matches!(byte, b':' | b'='));
        let from = after_encoded(text, from, &["%20", "+"]);
        return (from > end).then(|| value(text, from, false)).flatten();
    }
    let name = name_of(text, start, end);
    // "API key", "private key"
    let is_key = ["key", "keys"].contains(&name.to_ascii_lowercase().as_str())
        && ["api", "private", "secret", "access"].contains(&word_before(text, start).to_ascii_lowercase().as_str());
    if !is_key && !is_secret(name) {
        return None;
    }
    let is_flag = word.starts_with('-');
    if bytes.get(end) == Some(&b'>') && start > 0 && bytes[start - 1] == b'<' {
        let to = text[end..].find('<').map_or(text.len(), |length| end + length);
        return (to > end + 1).then_some((end + 1, to));
    }
    let quoted = quote(text, end).map_or(end, |quote| quote.end);
    let gap = skip(text, quoted, |byte| matches!(byte, b' ' | b'\t'));
    let separated = separator(text, gap, quoted > end);
    let from = match separated {
        Some(separated) => {
            let same_line = skip(text, separated, |byte| matches!(byte, b' ' | b'\t'));
            let any_line = skip(text, separated, |byte| byte.is_ascii_whitespace());
            // The next line is only taken for the value if that is obvious.
            match any_line > same_line && (quote(text, any_line).is_some() || is_open(text, any_line)) {
                true => any_line,
                false => same_line,
            }
        }
        None if gap == end => return None,
        None if is_flag && bytes.get(gap).is_some_and(|byte| *byte != b'-') => gap,
        // "token BQD…": only what can't be prose.
        None => {
            let (from, to) = next_word(text, gap).filter(|(from, _)| *from == gap)?;
            let to = skip(text, to, |byte| is_word(byte) || matches!(byte, b'/' | b'+' | b'=' | b'~'));
            return is_opaque(&text[from..to]).then_some((from, to));
        }
    };
    if is_line(name) && quote(text, from).is_none() && !is_open(text, from) {
        // After these schemes one word follows.
        if let Some((_, scheme)) = next_word(text, from).filter(|(start, _)| *start == from)
            && ["bearer", "basic", "token"].iter().any(|known| text[from..scheme].eq_ignore_ascii_case(known))
        {
            return value(text, skip(text, scheme, |byte| byte.is_ascii_whitespace()), false);
        }
        // The line may be quoted as a whole.
        let around = bytes[..start].last().copied().filter(|byte| matches!(byte, b'"' | b'\'')).map(char::from);
        let ends = |c: char| matches!(c, '\r' | '\n') || Some(c) == around;
        let to = text[from..].find(ends).map_or(text.len(), |length| from + length);
        return (to > from).then_some((from, to));
    }
    let found = value(text, from, name.to_ascii_lowercase().contains("pass"))?;
    // "exit code: 1", "status code = 404"
    let is_number = |value: &str| value.len() <= 5 && value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    (!(name.to_ascii_lowercase().ends_with("code") && is_number(&text[found.0..found.1]))).then_some(found)
}

/// Strips the rest of an escape from the start of a word: in `%3Fcode` it is `code`.
fn name_of(text: &str, start: usize, end: usize) -> &str {
    let mut start = start;
    let is_escaped = |at: usize| at > 0 && text.as_bytes()[at - 1] == b'%';
    if is_escaped(start) {
        // `%253F` is `%3F`, escaped once more.
        while text[start..end].starts_with("25") {
            start += 2;
        }
        let hex = text[start..end].bytes().take(2).take_while(u8::is_ascii_hexdigit).count();
        start += if hex == 2 { 2 } else { 0 };
    }
    text[start..end].trim_matches(['-', '.'])
}

fn word_before(text: &str, start: usize) -> &str {
    let before = text[..start].trim_end_matches([' ', '\t']);
    let length = before.bytes().rev().take(MAX_NAME_LEN).take_while(|byte| is_word(*byte)).count();
    &before[before.len() - length..]
}

fn skip(text: &str, from: usize, skipped: impl Fn(u8) -> bool) -> usize {
    text.as_bytes()[from..].iter().position(|byte| !skipped(*byte)).map_or(text.len(), |length| from + length)
}

/// Returns the position after one of these, in any case, if it is there.
fn after_encoded(text: &str, from: usize, encoded: &[&str]) -> usize {
    let starts = |part: &&&str| text.get(from..from + part.len()).is_some_and(|text| text.eq_ignore_ascii_case(part));
    encoded.iter().find(starts).map_or(from, |part| from + part.len())
}

/// Returns the position after the separator between a name and its value, if there is one. In a list of pairs that is a
/// comma.
fn separator(text: &str, at: usize, is_quoted: bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let plain = match (bytes.get(at)?, bytes.get(at + 1)) {
        (b':', Some(b'=')) | (b'=', Some(b'>' | b'=')) => at + 2,
        (b'-', Some(b'>')) => at + 2,
        (b'=' | b':', _) => at + 1,
        (b',', _) if is_quoted && quote(text, skip(text, at + 1, |byte| byte.is_ascii_whitespace())).is_some() => {
            at + 1
        }
        (b'(', _) if quote(text, at + 1).is_some() => at + 1,
        (b'[', Some(b']')) if bytes.get(at + 2) == Some(&b'=') => at + 3,
        _ => after_encoded(text, at, &["%3D", "%253D", "%25253D", "%3A", "%253A", "%25253A"]),
    };
    (plain > at).then_some(plain)
}

/// A quotation mark, in any notation.
struct Quote<'a> {
    mark: &'a str,
    /// Backslashes before it.
    escapes: usize,
    end: usize,
}

/// Notations of quotation marks.
const QUOTES: [&str; 12] =
    ["\"", "'", "`", "%22", "%27", "%2522", "%2527", "&quot;", "&#34;", "&#39;", "&apos;", "\\u0022"];

fn quote(text: &str, at: usize) -> Option<Quote<'_>> {
    if let Some(mark) = QUOTES.iter().find(|mark| text[at..].starts_with(**mark)) {
        return Some(Quote { mark, escapes: 0, end: at + mark.len() });
    }
    let after = skip(text, at, |byte| byte == b'\\');
    let mark = QUOTES.iter().take(2).find(|mark| after > at && text[after..].starts_with(**mark))?;
    Some(Quote { mark, escapes: after - at, end: after + mark.len() })
}

fn is_open(text: &str, at: usize) -> bool {
    matches!(text.as_bytes().get(at), Some(b'[' | b'{'))
}

/// Returns the range of the value that begins here, without quotation marks. `is_free`: it may contain characters that
/// end other values.
fn value(text: &str, from: usize, is_free: bool) -> Option<(usize, usize)> {
    if let Some(quote) = quote(text, from) {
        let to = closing(text, &quote);
        // `"Bearer S"` is masked as a whole; the scheme is no loss.
        return (to > quote.end).then_some((quote.end, to));
    }
    if is_open(text, from) {
        return Some((from, closing_bracket(text, from)));
    }
    let bytes = text.as_bytes();
    let ends =
        |byte: u8| byte.is_ascii_whitespace() || b"&\"'`<>".contains(&byte) || !is_free && b";,)]}|".contains(&byte);
    let mut to = from;
    while to < bytes.len() {
        let rest = &bytes[to..];
        if rest[0] == b'%'
            && [&b"%26"[..], b"%22", b"%27", b"%20", b"%2526", b"%2522"]
                .iter()
                .any(|end| rest.len() >= end.len() && rest[..end.len()].eq_ignore_ascii_case(end))
        {
            break;
        }
        if !ends(rest[0]) {
            to += 1;
            continue;
        }
        // `b'…'`, `Some("…")`
        let before = &text[from..to];
        let wraps =
            before.ends_with('(') || ["b", "r", "u", "rb", "br"].contains(&before.to_ascii_lowercase().as_str());
        match quote(text, to).filter(|_| wraps) {
            Some(quote) => return Some((from, closing(text, &quote))),
            None => break,
        }
    }
    (to > from).then_some((from, to))
}

/// Returns where a quoted value ends.
fn closing(text: &str, quote: &Quote<'_>) -> usize {
    let mut at = quote.end;
    while let Some(length) = text[at..].find(quote.mark) {
        let found = at + length;
        let escapes = text[quote.end..found].bytes().rev().take_while(|byte| *byte == b'\\').count();
        let closes = match quote.escapes {
            0 => escapes % 2 == 0,
            own => escapes <= own,
        };
        if closes {
            return found - if quote.escapes == 0 { 0 } else { escapes };
        }
        at = found + quote.mark.len();
    }
    text.len()
}

/// Returns the position after the bracket that closes the one here, or the end.
fn closing_bracket(text: &str, from: usize) -> usize {
    let (mut level, mut in_text, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.bytes().enumerate().skip(from) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'[' | b'{' => level += 1,
            b']' | b'}' => {
                level -= 1;
                if level == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    text.len()
}

/// Returns the range of the user info in an address.
fn user_info(text: &str, from: usize) -> Option<(usize, usize)> {
    let end = text[from..].find(|c: char| c.is_whitespace() || "/?#\"'<>".contains(c));
    let end = end.map_or(text.len(), |length| from + length);
    let at = text[from..end].rfind('@')?;
    (at > 0).then_some((from, from + at))
}

fn is_opaque(word: &str) -> bool {
    word.len() >= OPAQUE
        && word.bytes().any(|byte| byte.is_ascii_digit())
        && word.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// Whether a value isn't one, such as null.
fn is_harmless(value: &str) -> bool {
    let value = value.trim();
    value.is_empty()
        || value == MASK
        || ["null", "none", "nil", "undefined", "true", "false"].contains(&value.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Notations with `S` in place of the secret. What surrounds it is tested below.
    const FORMS: [&str; 92] = [
        "token=S",
        "token = S",
        "token : S",
        "token: S",
        "token:\tS",
        "token=  S",
        "TOKEN=S",
        "token:=S",
        "token => S",
        "token -> S",
        "token==S",
        "client_secret=\"S\"",
        "client_secret = 'S'",
        "clientSecret: `S`",
        "client-secret: S",
        "client.secret=S",
        "Client Secret: S",
        "refresh token = S",
        "API key: S",
        "api_key=S",
        "X-Api-Key: S",
        "code='S'",
        "code=S",
        "code = S",
        "auth_code: S",
        "code_verifier=S",
        "device-code=S",
        "password=S",
        "password: \"S\"",
        "passwd=S",
        "passphrase: S",
        "sp_dc=S",
        "got {\"refresh_token\":\"S\"}",
        "got {\"refresh_token\" : \"S\"}",
        "{\"a\":1,\"access_token\":\"S\",\"b\":2}",
        "{\n  \"token\":\n    \"S\"\n}",
        "{'token': 'S'}",
        "{token:S}",
        "{token: S, a: 1}",
        "{\"token\": [\"S\", \"S\"]}",
        "{\"token\": {\"value\": \"S\"}}",
        "{\"token\": {\"value\": \"S",
        "{\\\"token\\\":\\\"S\\\"}",
        "{\\\\\\\"token\\\\\\\":\\\\\\\"S\\\\\\\"}",
        "{\"token\":\"a\\\"S\"}",
        "{\"token\":\"S",
        "Token(\"S\")",
        "token: Some(\"S\")",
        "token: Some(S)",
        "token=b'S'",
        "[(\"client_secret\", \"S\")]",
        "['token', 'S']",
        "token[]=S",
        "<token>S</token>",
        "<access_token>S",
        "--token S",
        "--client-secret S",
        "--password=S",
        "-token S",
        "Bearer S",
        "bearer S",
        "BEARER S",
        "Bearer  S",
        "Bearer\tS",
        "Bearer \t S",
        "Bearer: S",
        "Bearer \"S\"",
        "Bearer%20S",
        "Basic S",
        "Basic  S",
        "Authorization: Bearer S",
        "Authorization: Basic S",
        "Authorization: S",
        "authorization: Token S",
        "Authorization: Digest username=\"x\", response=S",
        "\"Authorization\": \"Bearer S\"",
        "{\"authorization\":\"S\"}",
        "-H 'Authorization: Bearer S'",
        "Cookie: sp_dc=S; other=S",
        "Set-Cookie: sid=S; Path=/",
        "http://127.0.0.1/callback?code=S&state=ok",
        "http://127.0.0.1/callback#access_token=S&token_type=Bearer",
        "code%3DS",
        "code%3dS%26state%3Dok",
        "http%3A%2F%2F127.0.0.1%2F%3Fcode%3DS",
        "http%253A%252F%252F127.0.0.1%252F%253Fcode%253DS",
        "%22token%22%3A%22S%22",
        "&quot;token&quot;:&quot;S&quot;",
        "https://user:S@example.com/",
        "https://S@example.com/",
        "the token S was refused",
        "data:AAAA?code=S",
    ];

    #[test]
    fn secrets_are_masked_in_every_notation() {
        for secret in ["BQDx9_s3cret-0123456789.abc~", "s3cr3t0123456789abcdefghij", "AQAx/+4567890123456789=="] {
            // In an address a slash ends what may be a password.
            for form in FORMS.into_iter().filter(|form| !form.contains("S@") || !secret.contains('/')) {
                let text = form.replace('S', secret);
                // Restores words of the notation that begin with an S.
                let text = text.replace(&format!("{secret}ome("), "Some(").replace(&format!("{secret}ecret"), "Secret");
                let text = text
                    .replace(&format!("{secret}et-Cookie"), "Set-Cookie")
                    .replace(&format!("BA{secret}IC"), "BASIC");
                for whole in [text.clone(), format!("before {text}"), format!("{text} after\nnext line")] {
                    let masked = masked(&whole);
                    assert!(!masked.contains(secret), "{form}: {masked}");
                    assert!(masked.contains(MASK), "{form}: {masked}");
                }
            }
        }
    }

    #[test]
    fn short_secrets_are_masked_after_their_name() {
        for form in FORMS.into_iter().filter(|form| !form.contains("was refused") && !form.contains("Some")) {
            let text = form.replace("Secret", "secret").replace("Set-", "set-").replace('S', "q7");
            let masked = masked(&text);
            assert!(!masked.contains("q7"), "{form}: {masked}");
        }
    }

    #[test]
    fn text_around_a_secret_is_kept() {
        for (text, kept) in [
            ("http://127.0.0.1/callback?code=abc&state=ok", "http://127.0.0.1/callback?code=•••&state=ok"),
            ("code%3Dabc%26state%3Dok", "code%3D•••%26state%3Dok"),
            (r#"{"a":1,"access_token":"abc","b":2}"#, r#"{"a":1,"access_token":"•••","b":2}"#),
            (r#"{\"token\":\"abc\",\"b\":2}"#, r#"{\"token\":\"•••\",\"b\":2}"#),
            ("{'token': 'abc', 'b': 2}", "{'token': '•••', 'b': 2}"),
            ("token: abc, user: me", "token: •••, user: me"),
            ("--token abc --verbose", "--token ••• --verbose"),
            ("Bearer abc was sent", "Bearer ••• was sent"),
            ("Authorization: Bearer abc\nAccept: */*", "Authorization: Bearer •••\nAccept: */*"),
            ("Authorization: Digest a=\"abc\", b=c\nAccept: */*", "Authorization: •••\nAccept: */*"),
            ("<token>abc</token><user>me</user>", "<token>•••</token><user>me</user>"),
            ("https://me:abc@example.com/a", "https://•••@example.com/a"),
            ("password=a,b;c d", "password=••• d"),
        ] {
            assert_eq!(masked(text), kept);
        }
    }

    #[test]
    fn value_on_the_line_after_its_name_is_masked() {
        let mut lines = Lines::default();
        for (line, masked) in [
            ("{", "{"),
            ("  \"refresh_token\":", "  \"refresh_token\":"),
            ("    \"abc\",", MASK),
            ("  \"scope\": \"a\"", "  \"scope\": \"a\""),
            ("the secret is kept in:", "the secret is kept in:"),
            ("a keyring", "a keyring"),
        ] {
            assert_eq!(lines.next(line), masked);
        }
    }

    #[test]
    fn text_without_secrets_stays_as_it_is() {
        for text in [
            "",
            "The package ended with exit code 6. It starts again in 0.5 s.",
            "exit code: 1, status code = 404, error_code=12",
            "the token has expired",
            "no token",
            "token: null, hasToken: true, \"secret\": false, password=undefined",
            "Basic",
            "basic settings are saved",
            "bearer",
            "Bearer of good news".split(' ').next().unwrap_or_default(),
            "code",
            "token=",
            "token:",
            "\"token\"",
            "--token",
            "barcode: 4006381333931",
            "https://example.com/a@b",
            "state=ok&key=value",
            "größe=3 ü",
            "•••",
            "token=•••",
        ] {
            assert_eq!(masked(text), text);
        }
    }

    #[test]
    fn masking_never_panics() {
        use proptest::prelude::*;
        let parts = prop::sample::select(vec![
            "token",
            "=",
            ":",
            "\"",
            "'",
            "\\",
            "%3D",
            "%",
            "25",
            "<",
            ">",
            "{",
            "}",
            "[",
            "]",
            " ",
            "\n",
            "Bearer",
            "é",
            "-",
            "://",
            "@",
            ",",
            "code",
            "\u{1f3a7}",
            "&quot;",
            "Some(",
            "b",
            "eyJ",
        ]);
        proptest!(ProptestConfig::with_cases(2000), |(parts in prop::collection::vec(parts, 0..24))| {
            prop_assert!(masked(&parts.concat()).len() < 1000);
        });
    }

    #[test]
    fn masking_takes_linear_time() {
        // As many as possible of everything that is searched for up to the end of the text: if that took quadratic
        // time, the test would take hours.
        for part in ["token=\"", "{", "token:{", "token:[", "\"", "\\", "<token>", "x://", "token ", "%25", "-", "api "]
        {
            let text = part.repeat((1 << 20) / part.len());
            assert!(masked(&text).len() <= 4 * text.len());
        }
    }
}
