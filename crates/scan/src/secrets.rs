//! Passwords, keys and tokens.
//!
//! Tokens with a form of their own are in one table: how they start, of which characters and how
//! many. The forms are those that the issuers document; names follow the habit of secret scanners,
//! so that a reader can compare. Everything else is found by its name: `api_key = …`.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::keys;
use crate::rules::Pii;
use crate::scanner::Found;
use crate::words::{Context, Word};

/// Characters of a token's rest.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Set {
    /// Letters and digits.
    Alnum,
    /// Hexadecimal digits in small letters.
    Hex,
    /// Capital letters and digits.
    Upper,
    /// Letters, digits, `_`, `-`.
    Word,
    /// Those and `.`.
    Dots,
    /// Letters, digits, `+`, `/`, `=`, `-`, `_`.
    Base64,
    /// Digits, and `:`, letters, `_`, `-`.
    Colon,
}

impl Set {
    const COUNT: usize = Set::Colon as usize + 1;

    fn has(self, b: u8) -> bool {
        match self {
            Set::Alnum => b.is_ascii_alphanumeric(),
            Set::Hex => b.is_ascii_digit() || (b'a'..=b'f').contains(&b),
            Set::Upper => b.is_ascii_digit() || b.is_ascii_uppercase(),
            Set::Word => b.is_ascii_alphanumeric() || b == b'_' || b == b'-',
            Set::Dots => Set::Word.has(b) || b == b'.',
            Set::Base64 => Set::Word.has(b) || matches!(b, b'+' | b'/' | b'='),
            Set::Colon => Set::Word.has(b) || b == b':',
        }
    }
}

/// A token by its start.
#[derive(Debug)]
pub(crate) struct Token {
    rule: &'static str,
    pub(crate) prefix: &'static str,
    set: Set,
    /// Length of the rest, in bytes.
    least: usize,
    most: usize,
    kind: Pii,
}

const fn token(
    rule: &'static str,
    prefix: &'static str,
    set: Set,
    least: usize,
    most: usize,
) -> Token {
    Token {
        rule,
        prefix,
        set,
        least,
        most,
        kind: Pii::Credential,
    }
}

const fn card(rule: &'static str, prefix: &'static str) -> Token {
    Token {
        rule,
        prefix,
        set: Set::Alnum,
        least: 14,
        most: 64,
        kind: Pii::PaymentCard,
    }
}

/// No token is longer than this, in bytes; what is longer is found as far as this.
const LONG: usize = 16 * 1024;

pub(crate) static TOKENS: &[Token] = &[
    token("1password-secret-key", "A3-", Set::Word, 31, 31),
    token(
        "1password-service-account-token",
        "ops_eyJ",
        Set::Base64,
        100,
        LONG,
    ),
    token("adobe-client-secret", "p8e-", Set::Alnum, 32, 32),
    token("age-secret-key", "AGE-SECRET-KEY-1", Set::Upper, 58, 58),
    token("alibaba-access-key-id", "LTAI", Set::Alnum, 12, 20),
    token("anthropic-api-key", "sk-ant-", Set::Word, 32, 200),
    token("artifactory-api-key", "AKCp", Set::Alnum, 60, 80),
    token("artifactory-reference-token", "cmVmd", Set::Alnum, 59, 59),
    token("atlassian-api-token", "ATATT3", Set::Base64, 100, 300),
    token("atlassian-app-password", "ATBB", Set::Alnum, 28, 40),
    token("aws-access-token", "AKIA", Set::Upper, 16, 16),
    token("aws-temporary-access-token", "ASIA", Set::Upper, 16, 16),
    token("aws-bedrock-api-key", "ABSK", Set::Base64, 100, 300),
    token(
        "clickhouse-cloud-api-secret-key",
        "4b1d",
        Set::Alnum,
        38,
        38,
    ),
    token("clojars-api-token", "CLOJARS_", Set::Alnum, 60, 60),
    token("crates-io-token", "cio", Set::Alnum, 32, 32),
    token("databricks-api-token", "dapi", Set::Hex, 32, 34),
    token("digitalocean-pat", "dop_v1_", Set::Hex, 64, 64),
    token("digitalocean-access-token", "doo_v1_", Set::Hex, 64, 64),
    token("digitalocean-refresh-token", "dor_v1_", Set::Hex, 64, 64),
    token("docker-pat", "dckr_pat_", Set::Word, 27, 40),
    token("doppler-api-token", "dp.pt.", Set::Alnum, 40, 44),
    token("duffel-api-token", "duffel_live_", Set::Word, 43, 44),
    token("dynatrace-api-token", "dt0c01.", Set::Dots, 80, 100),
    token("easypost-api-token", "EZAK", Set::Alnum, 54, 54),
    token(
        "flutterwave-secret-key",
        "FLWSECK_TEST-",
        Set::Alnum,
        12,
        40,
    ),
    token("flyio-access-token", "fo1_", Set::Word, 40, 60),
    token("flyio-macaroon", "fm2_", Set::Base64, 100, LONG),
    token("frameio-api-token", "fio-u-", Set::Word, 64, 64),
    token("gcp-api-key", "AIza", Set::Word, 35, 35),
    token("github-pat", "ghp_", Set::Alnum, 36, 255),
    token("github-oauth", "gho_", Set::Alnum, 36, 255),
    token("github-user-token", "ghu_", Set::Alnum, 36, 255),
    token("github-app-token", "ghs_", Set::Alnum, 36, 255),
    token("github-refresh-token", "ghr_", Set::Alnum, 36, 255),
    token("github-fine-grained-pat", "github_pat_", Set::Word, 60, 100),
    token("gitlab-pat", "glpat-", Set::Dots, 20, 60),
    token("gitlab-deploy-token", "gldt-", Set::Word, 20, 40),
    token("gitlab-runner-token", "glrt-", Set::Dots, 20, 60),
    token("gitlab-pipeline-trigger", "glptt-", Set::Hex, 40, 40),
    token("gitlab-cicd-job-token", "glcbt-", Set::Word, 20, 70),
    token("gitlab-feed-token", "glft-", Set::Word, 20, 40),
    token("gitlab-agent-token", "glagent-", Set::Word, 50, 50),
    token("gitlab-oauth-secret", "gloas-", Set::Word, 64, 64),
    token("gitlab-scim-token", "glsoat-", Set::Word, 20, 40),
    token("google-oauth-secret", "GOCSPX-", Set::Word, 28, 28),
    token("google-access-token", "ya29.", Set::Word, 40, 2048),
    token("grafana-service-account", "glsa_", Set::Word, 41, 41),
    token("grafana-cloud-api-token", "glc_", Set::Base64, 32, 400),
    token("groq-api-key", "gsk_", Set::Alnum, 40, 60),
    token("harness-pat", "pat.", Set::Dots, 60, 80),
    token("hashicorp-tf-api-token", ".atlasv1.", Set::Word, 60, 70),
    token("heroku-api-key", "HRKU-", Set::Word, 36, 60),
    token("huggingface-access-token", "hf_", Set::Alnum, 34, 40),
    token(
        "huggingface-organization-token",
        "api_org_",
        Set::Alnum,
        34,
        40,
    ),
    token("infracost-api-token", "ico-", Set::Alnum, 32, 32),
    token("intra42-client-secret", "s-s4t2ud-", Set::Hex, 64, 64),
    token("intra42-client-secret", "s-s4t2af-", Set::Hex, 64, 64),
    token("jwt", "eyJ", Set::Dots, 30, LONG),
    token("linear-api-key", "lin_api_", Set::Alnum, 40, 40),
    token("mailchimp-transactional", "md-", Set::Word, 22, 22),
    token("mapbox-secret", "sk.eyJ", Set::Dots, 60, 200),
    token(
        "microsoft-teams-webhook",
        "webhook.office.com/webhookb2/",
        Set::Word,
        30,
        200,
    ),
    token("notion-api-token", "ntn_", Set::Alnum, 40, 50),
    token("npm-access-token", "npm_", Set::Alnum, 36, 36),
    token("nuget-api-key", "oy2", Set::Alnum, 43, 43),
    token("octopus-deploy-api-key", "API-", Set::Upper, 26, 26),
    token("openai-api-key", "sk-proj-", Set::Word, 40, 200),
    token("openai-service-key", "sk-svcacct-", Set::Word, 40, 200),
    token("openai-admin-key", "sk-admin-", Set::Word, 40, 200),
    token("openai-or-similar-key", "sk-", Set::Alnum, 32, 64),
    token("openrouter-api-key", "sk-or-v1-", Set::Hex, 64, 64),
    token("openshift-user-token", "sha256~", Set::Word, 43, 43),
    token("perplexity-api-key", "pplx-", Set::Alnum, 48, 48),
    token("planetscale-password", "pscale_pw_", Set::Dots, 32, 64),
    token("planetscale-api-token", "pscale_tkn_", Set::Dots, 32, 64),
    token(
        "planetscale-oauth-token",
        "pscale_oauth_",
        Set::Dots,
        32,
        64,
    ),
    token("postman-api-token", "PMAK-", Set::Word, 59, 59),
    token("prefect-api-token", "pnu_", Set::Alnum, 36, 36),
    token("pulumi-api-token", "pul-", Set::Hex, 40, 40),
    token("pypi-upload-token", "pypi-", Set::Word, 50, LONG),
    token("readme-api-token", "rdme_", Set::Alnum, 70, 70),
    token("rubygems-api-token", "rubygems_", Set::Hex, 48, 48),
    token("scalingo-api-token", "tk-us-", Set::Word, 48, 48),
    token("sendgrid-api-token", "SG.", Set::Dots, 60, 70),
    token("sendinblue-api-token", "xkeysib-", Set::Word, 64, 82),
    token("sentry-org-token", "sntrys_", Set::Base64, 60, LONG),
    token("sentry-user-token", "sntryu_", Set::Hex, 64, 64),
    token("settlemint-token", "sm_pat_", Set::Alnum, 16, 16),
    token("shippo-api-token", "shippo_live_", Set::Hex, 40, 40),
    token("shopify-access-token", "shpat_", Set::Alnum, 32, 32),
    token("shopify-custom-access-token", "shpca_", Set::Alnum, 32, 32),
    token("shopify-private-app-token", "shppa_", Set::Alnum, 32, 32),
    token("shopify-shared-secret", "shpss_", Set::Alnum, 32, 32),
    token("slack-bot-token", "xoxb-", Set::Word, 20, 200),
    token("slack-user-token", "xoxp-", Set::Word, 20, 200),
    token("slack-legacy-token", "xoxo-", Set::Word, 20, 200),
    token("slack-legacy-workspace-token", "xoxa-", Set::Word, 20, 200),
    token("slack-refresh-token", "xoxr-", Set::Word, 20, 200),
    token("slack-session-token", "xoxs-", Set::Word, 20, 200),
    token("slack-config-access-token", "xoxe", Set::Dots, 20, 300),
    token("slack-app-token", "xapp-", Set::Word, 20, 200),
    token(
        "slack-webhook-url",
        "hooks.slack.com/services/",
        Set::Base64,
        30,
        100,
    ),
    token("sourcegraph-access-token", "sgp_", Set::Word, 40, 70),
    token("square-access-token", "sq0atp-", Set::Word, 22, 60),
    token("square-application-secret", "sq0csp-", Set::Word, 43, 43),
    token("square-access-token", "EAAA", Set::Word, 60, 60),
    token("stripe-access-token", "sk_live_", Set::Alnum, 10, 250),
    token("stripe-access-token", "sk_test_", Set::Alnum, 10, 250),
    token("stripe-access-token", "rk_live_", Set::Alnum, 10, 250),
    token("stripe-access-token", "rk_test_", Set::Alnum, 10, 250),
    token("stripe-webhook-secret", "whsec_", Set::Base64, 24, 100),
    token("supabase-access-token", "sbp_", Set::Hex, 40, 40),
    token("tailscale-key", "tskey-", Set::Word, 20, 80),
    token("telegram-bot-api-token", "bot", Set::Colon, 43, 50),
    token("twilio-api-key", "SK", Set::Hex, 32, 32),
    token("typeform-api-token", "tfp_", Set::Dots, 59, 59),
    token("vault-service-token", "hvs.", Set::Word, 24, 300),
    token("vault-batch-token", "hvb.", Set::Word, 60, 300),
    token("vercel-token", "vcp_", Set::Alnum, 24, 80),
    token("xai-api-key", "xai-", Set::Alnum, 60, 90),
    token("yandex-api-key", "AQVN", Set::Word, 35, 38),
    token(
        "zapier-webhook",
        "hooks.zapier.com/hooks/catch/",
        Set::Base64,
        8,
        60,
    ),
    token(
        "discord-webhook",
        "discord.com/api/webhooks/",
        Set::Base64,
        60,
        120,
    ),
    card("stripe-payment-method", "pm_"),
    card("stripe-card", "card_"),
    card("stripe-source", "src_"),
    card("stripe-token", "tok_"),
];

pub(crate) fn find(context: &Context<'_>, out: &mut Vec<Found>) {
    // Behind the end of the last finding: a hit inside it costs nothing.
    let mut done = 0;
    let mut runs = Runs::default();
    for hit in &context.hits {
        let range = hit.range.clone();
        let found = match hit.word {
            Word::Token(i) => known(context.text, &TOKENS[usize::from(i)], range, &mut runs),
            Word::Pem if range.start >= done => private_key(context.text, range),
            Word::Url => login_in_url(context.text, range),
            Word::Scheme => header(context.text, range),
            Word::Password if range.start >= done => assigned(context.text, range, true),
            Word::Key if range.start >= done => assigned(context.text, range, false),
            _ => None,
        };
        if let Some(found) = found {
            done = done.max(found.range.end);
            out.push(found);
        }
    }
    keys_by_shape(context, out);
}

/// Where the run of a set's characters ends that was looked at last, so that a run with many starts
/// of tokens in it is read once.
#[derive(Default)]
struct Runs {
    ends: [usize; Set::COUNT],
}

impl Runs {
    fn end(&mut self, bytes: &[u8], at: usize, set: Set) -> usize {
        let end = &mut self.ends[set as usize];
        if *end <= at {
            *end = at + bytes[at..].iter().take_while(|&&b| set.has(b)).count();
        }
        *end
    }
}

fn known(text: &str, token: &Token, start: Range<usize>, runs: &mut Runs) -> Option<Found> {
    let bytes = text.as_bytes();
    if &text[start.clone()] != token.prefix {
        return None;
    }
    let free = start.start == 0
        || !bytes[start.start - 1].is_ascii_alphanumeric()
        || token.prefix.starts_with('.');
    if !free {
        return None;
    }
    let run = runs.end(bytes, start.end, token.set);
    let end = run.min(start.end + token.most);
    let rest = text[start.end..end].trim_end_matches(['.', '-', '_', ':']);
    let long = token.most < LONG && run > end;
    if rest.len() < token.least || long || !varied(rest) {
        return None;
    }
    if token.rule == "jwt" {
        let dot = rest[..rest.len().min(JOSE_HEADER_MAX)].find('.')?;
        let next = rest.as_bytes().get(dot + 1..dot + 9)?;
        if dot < 8 || next.contains(&b'.') {
            return None;
        }
    }
    if token.rule == "telegram-bot-api-token" && !rest.contains(':') {
        return None;
    }
    Some(Found {
        range: start.start..start.end + rest.len(),
        kind: token.kind,
        rule: token.rule,
    })
}

/// The first part of a JSON web token is shorter, in bytes.
const JOSE_HEADER_MAX: usize = 1024;

/// Not `xxxxxxxx`, and not a word: a digit among letters, or many different characters.
fn varied(rest: &str) -> bool {
    let mut seen = [false; 128];
    let first = &rest.as_bytes()[..rest.len().min(PROBE)];
    for &b in first.iter().filter(|b| b.is_ascii()) {
        seen[usize::from(b)] = true;
    }
    let different = seen.iter().filter(|&&s| s).count();
    different >= 6 && (first.iter().any(u8::is_ascii_digit) || different >= 16)
}

/// `-----BEGIN … PRIVATE KEY-----` to its end, or as far as it goes.
fn private_key(text: &str, start: Range<usize>) -> Option<Found> {
    let label_end = text.floor_char_boundary((start.end + 64).min(text.len()));
    let label = &text[start.end..label_end];
    let close = label.find("-----")?;
    if !label[..close].to_ascii_uppercase().contains("PRIVATE KEY") {
        return None;
    }
    let body = start.end + close + 5;
    let most = text.floor_char_boundary((body + LONG).min(text.len()));
    let end = match text[body..most].find("-----END") {
        Some(at) => {
            let line = text[body + at..]
                .find('\n')
                .unwrap_or(text.len() - body - at);
            body + at + line.min(64)
        }
        None => {
            let run = text[body..most]
                .bytes()
                .take_while(|b| Set::Base64.has(*b) || b" \r\n\t,:\\\"".contains(b));
            body + run.count()
        }
    };
    let end = text.floor_char_boundary(end.min(text.len()));
    let end = start.start + text[start.start..end].trim_end().len();
    Some(Found {
        range: start.start..end,
        kind: Pii::Credential,
        rule: "private-key",
    })
}

/// The password in `https://user:password@host`.
fn login_in_url(text: &str, sign: Range<usize>) -> Option<Found> {
    let bytes = text.as_bytes();
    if sign.start == 0 || !bytes[sign.start - 1].is_ascii_alphanumeric() {
        return None;
    }
    let run = bytes[sign.end..]
        .iter()
        .take(512)
        .take_while(|&&b| b > b' ' && !b"/?#\"'<>`".contains(&b))
        .count();
    let authority = &text[sign.end..text.floor_char_boundary(sign.end + run)];
    let at = authority.rfind('@')?;
    let colon = authority[..at].find(':')?;
    let secret = &authority[colon + 1..at];
    if secret.is_empty() || keys::placeholder(secret) {
        return None;
    }
    let start = sign.end + colon + 1;
    Some(Found {
        range: start..start + secret.len(),
        kind: Pii::Credential,
        rule: "login-in-url",
    })
}

/// `Bearer …`, `Basic …`.
fn header(text: &str, word: Range<usize>) -> Option<Found> {
    let bytes = text.as_bytes();
    if word.start > 0 && bytes[word.start - 1].is_ascii_alphanumeric() {
        return None;
    }
    let run = bytes[word.end..]
        .iter()
        .take(LONG)
        .take_while(|&&b| Set::Base64.has(b) || b == b'.' || b == b'~')
        .count();
    let value = &text[word.end..word.end + run];
    let basic = text[word.clone()].to_ascii_lowercase().starts_with("basic");
    let least = if basic { 12 } else { 16 };
    let opaque = value.bytes().any(|b| b.is_ascii_digit())
        || value.contains('=')
        || value.bytes().any(|b| b.is_ascii_uppercase()) && basic;
    (value.len() >= least && opaque && varied(value)).then(|| Found {
        range: word.end..word.end + run,
        kind: Pii::Credential,
        rule: "authorization",
    })
}

/// Between the word and its value: the rest of a name, quotes, one sign or verb.
static ASSIGN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?i)^[A-Za-z0-9_-]{0,32}["'`*_\])]{0,3}(?: ?\([^)\n]{0,24}\))?[ \t]{0,4}(?:(?P<sign>:=|=>|->|==|=|:)|(?P<verb>is|ist|lautet|est|es|to|was)(?-u:\b):?)[ \t*]{0,4}\n?[ \t]{0,4}(?P<quote>["'`]?)"#)
        .expect("a constant pattern")
});

fn assigned(text: &str, word: Range<usize>, strong: bool) -> Option<Found> {
    // `pin:` ends with its own sign; one step back lets the pattern see it.
    let sign = matches!(text.as_bytes()[word.end - 1], b':' | b'=');
    let verb = text[word.clone()].ends_with(" is");
    let name_end = if sign {
        word.end - 1
    } else if verb {
        word.end - 2
    } else {
        word.end
    };
    let reach = text.floor_char_boundary((name_end + 96).min(text.len()));
    let found = ASSIGN.captures(&text[name_end..reach])?;
    let start = name_end + found.get(0)?.end();
    let quote = found.name("quote").map_or("", |q| q.as_str());
    // A value that goes on is judged by its start, and found as far as it goes.
    let most = text.floor_char_boundary((start + PROBE).min(text.len()));
    let rest = &text[start..most];
    let length = value_length(rest, quote);
    let first = rest[..length].trim_end_matches(['.', '*', '!', '?']);
    // People put signs into passwords: one without quotes goes on as far as no space comes. Whether it is
    // one is still said by what stands before the first such sign.
    let whole = strong && quote.is_empty();
    let length = if whole { run_length(rest) } else { length };
    let value = match whole {
        true => rest[..length].trim_end_matches(|c| ENDS.contains(c) || ".*!?".contains(c)),
        false => first,
    };
    // What stands for no value may also begin one: `no&Way2Guess`.
    let goes_on = value.len() >= 8 && mixed_up(value) && !value.contains(['=', ':']);
    let placeholder = keys::placeholder(first) && !goes_on;
    let said = found.name("verb").is_some();
    let good = match (strong, said) {
        (true, _) if first.is_empty() && whole => {
            value.len() >= 6 && mixed(value) && !value.contains(['=', ':', '<', '"', '\''])
        }
        (true, false) => {
            value.len() >= 3 && !placeholder && (!code(first, rest) || !quote.is_empty())
        }
        (true, true) => value.len() >= 4 && mixed(value) && !placeholder,
        (false, _) => opaque(value) && (!code(value, rest) || !quote.is_empty()),
    };
    let pin = text[word].to_ascii_lowercase().starts_with("pin");
    let good = good && !pin
        || pin && (4..=8).contains(&first.len()) && first.bytes().all(|b| b.is_ascii_digit());
    if !good {
        return None;
    }
    let end = if length < rest.len() || most == text.len() {
        start + value.len()
    } else {
        let most = text.floor_char_boundary((start + LONG).min(text.len()));
        let rest = &text[start..most];
        start
            + if whole {
                run_length(rest)
            } else {
                value_length(rest, quote)
            }
    };
    Some(Found {
        range: start..end,
        kind: Pii::Credential,
        rule: "assigned-secret",
    })
}

/// So many bytes of a value decide whether it is one.
const PROBE: usize = 256;

/// Signs at which a value without quotes may end.
const ENDS: &str = "\"'`,;<>)}&|";

/// As far as no space comes.
fn run_length(rest: &str) -> usize {
    rest.find(char::is_whitespace).unwrap_or(rest.len())
}

fn value_length(rest: &str, quote: &str) -> usize {
    let ends = |c: char| match quote {
        "" => c.is_whitespace() || ENDS.contains(c),
        quote => quote.contains(c) || c == '\n',
    };
    rest.find(ends).unwrap_or(rest.len())
}

/// An expression of some programming language, or a variable, and no value.
fn code(value: &str, rest: &str) -> bool {
    value.starts_with(['$', '%', '{', '[', '&', '@'])
        || value.contains(['(', '['])
        || value.contains("::")
        || [
            "process.env",
            "os.",
            "env.",
            "self.",
            "this.",
            "config.",
            "settings.",
            "secrets.",
        ]
        .iter()
        .any(|p| value.starts_with(p))
        || rest[value.len()..].starts_with('(')
}

/// More than a word: a digit or a sign in it.
fn mixed(value: &str) -> bool {
    value.bytes().any(|b| b.is_ascii_digit())
        || value.contains(['!', '#', '$', '%', '&', '*', '+', '_', '@', '^'])
}

/// A digit and a letter in it.
fn mixed_up(value: &str) -> bool {
    value.bytes().any(|b| b.is_ascii_digit()) && value.bytes().any(|b| b.is_ascii_alphabetic())
}

/// Looks as if nobody can remember it.
fn opaque(value: &str) -> bool {
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let letters = value.bytes().filter(u8::is_ascii_alphabetic).count();
    let plain = value.bytes().all(|b| b.is_ascii_graphic());
    plain
        && value.len() >= 12
        && digits >= 2
        && letters >= 2
        && entropy(value) >= ENTROPY_LEAST
        && !path(value)
}

fn path(value: &str) -> bool {
    value.contains("://") || value.starts_with('/') || value.starts_with("./")
}

/// Bits for each character; sixteen hexadecimal digits at random have about 3.2.
const ENTROPY_LEAST: f64 = 2.8;

fn entropy(value: &str) -> f64 {
    let mut counts = [0usize; 256];
    value.bytes().for_each(|b| counts[usize::from(b)] += 1);
    let all = value.len() as f64;
    counts
        .iter()
        .filter(|&&n| n > 0)
        .map(|&n| n as f64 / all)
        .map(|p| -p * p.log2())
        .sum()
}

static SHAPES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?-u:\b)[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}|(?-u:\b)[0-9]{8,10}:AA[A-Za-z0-9_-]{33}(?-u:\b)",
    )
    .expect("a constant pattern")
});

/// Tokens whose mark is in their middle.
fn keys_by_shape(context: &Context<'_>, out: &mut Vec<Found>) {
    if !context.text.contains("Q~") && !context.text.contains(":AA") {
        return;
    }
    for found in SHAPES.find_iter(context.text) {
        let rule = if found.as_str().contains("Q~") {
            "azure-ad-client-secret"
        } else {
            "telegram-bot-api-token"
        };
        out.push(Found {
            range: found.range(),
            kind: Pii::Credential,
            rule,
        });
    }
}
