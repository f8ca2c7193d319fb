//! A file to show when asking for help: what `doctor` found, meters, and the end of the log, with
//! everything left out or replaced that names somebody or something.
//!
//! Of the log only what is known to be harmless goes in by name; every other text passes one filter that
//! replaces paths of this user, addresses, ids and tickets. An id becomes the same short mark everywhere
//! in one bundle, and another one in the next, so that lines can be matched and bundles cannot.

use crate::doctor::{Check, Findings};
use crate::redact::without_tickets;
use kitbag_daemon::{KeyProtection, key_protection, log_files};
use kitbag_rpc::{Meters, Time, V1};
use serde::Serialize;
use serde_json::{Map, Value};
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Lines of the log that go in, from its end.
const LOG_LINES_MAX: usize = 500;
/// Letters and digits in a row from which on a word is taken for an id.
const ID_CHARS_MIN: usize = 16;
/// What stands in a bundle, for the person who looks at it first.
pub(crate) const HOLDS: &str = "what doctor found, counts and times of the daemon, names and sizes of the files in the home, and the end of the log";
/// What does not.
pub(crate) const LACKS: &str = "no titles, texts, names, tickets or keys; ids are replaced by marks, paths by <home>, ~ and <path>";

/// The document of a bundle.
#[derive(Serialize)]
pub(crate) struct Bundle {
    v: V1,
    kind: &'static str,
    holds: &'static str,
    lacks: &'static str,
    with_addresses: bool,
    made_at: Time,
    version: &'static str,
    os: &'static str,
    arch: &'static str,
    checks: Vec<Check>,
    meters: Option<Meters>,
    files: Vec<FileAbout>,
    log: Vec<Value>,
}

#[derive(Serialize)]
struct FileAbout {
    name: String,
    bytes: u64,
    mode: String,
}

/// Makes the bundle of a home.
pub(crate) fn bundle(
    home: &Path,
    user_home: Option<PathBuf>,
    findings: &Findings,
    with_addresses: bool,
) -> Bundle {
    let key_file = match key_protection(home) {
        Ok(KeyProtection::KeyFile(path)) => Some(path),
        _ => None,
    };
    let redactor = Redactor::new(home, user_home, key_file, with_addresses);
    let millis = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |now| now.as_millis());
    let checks = findings.checks.iter().map(|check| Check {
        text: redactor.text(&check.text),
        hint: check.hint.as_deref().map(|hint| redactor.text(hint)),
        ..check.clone()
    });
    Bundle {
        v: V1,
        kind: "kitbag-bundle",
        holds: HOLDS,
        lacks: LACKS,
        with_addresses,
        made_at: Time::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)),
        version: env!("CARGO_PKG_VERSION"),
        os: std::env::consts::OS,
        arch: std::env::consts::ARCH,
        checks: checks.collect(),
        meters: findings
            .daemon
            .as_ref()
            .map(|daemon| daemon.health.meters.clone()),
        files: files(home),
        log: log(home, &redactor),
    }
}

/// The files that every home has, by name; what else lies there is nobody's business.
fn files(home: &Path) -> Vec<FileAbout> {
    const KNOWN: [&str; 9] = [
        ".",
        "kitbag.redb",
        "master-key",
        "key",
        "key-change",
        "incarnation",
        "network.toml",
        "run",
        "log",
    ];
    let about = |name: &str| {
        let about = fs::metadata(home.join(name)).ok()?;
        Some(FileAbout {
            name: name.to_owned(),
            bytes: about.len(),
            mode: format!("{:o}", about.permissions().mode() & 0o7777),
        })
    };
    KNOWN.into_iter().filter_map(about).collect()
}

fn log(home: &Path, redactor: &Redactor) -> Vec<Value> {
    let mut lines = Vec::new();
    for file in log_files(home).into_iter().rev() {
        let Ok(bytes) = fs::read(file) else { continue };
        let text = String::from_utf8_lossy(&bytes);
        let left = LOG_LINES_MAX - lines.len();
        lines.extend(
            text.lines()
                .rev()
                .take(left)
                .map(|line| redactor.line(line)),
        );
        if lines.len() == LOG_LINES_MAX {
            break;
        }
    }
    lines.reverse();
    lines
}

struct Redactor {
    /// What stands for which path, longest first.
    paths: Vec<(String, &'static str)>,
    with_addresses: bool,
    marks: RandomState,
}

impl Redactor {
    fn new(
        home: &Path,
        user_home: Option<PathBuf>,
        key_file: Option<PathBuf>,
        with_addresses: bool,
    ) -> Redactor {
        let text = |path: &Path| path.to_str().map(str::to_owned);
        let mut paths: Vec<(String, &'static str)> = Vec::new();
        paths.extend(text(home).map(|home| (home, "<home>")));
        let key_file = key_file.as_deref().and_then(text);
        paths.extend(key_file.map(|file| (file, "<key file>")));
        let user_home = user_home.filter(|path| path.parent().is_some());
        paths.extend(user_home.as_deref().and_then(text).map(|home| (home, "~")));
        paths.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
        Redactor {
            paths,
            with_addresses,
            marks: RandomState::new(),
        }
    }

    /// A line of the log, field by field.
    fn line(&self, line: &str) -> Value {
        let Ok(Value::Object(entry)) = serde_json::from_str(line) else {
            return Value::String("<not a line of the log>".to_owned());
        };
        let ours = entry
            .get("target")
            .and_then(Value::as_str)
            .is_some_and(|target| target.starts_with("kitbag"));
        let mut shown = Map::new();
        for name in ["timestamp", "level", "target"] {
            if let Some(Value::String(text)) = entry.get(name) {
                shown.insert(name.to_owned(), Value::String(self.text(text)));
            }
        }
        if let Some(Value::Object(fields)) = entry.get("fields") {
            let fields = fields
                .iter()
                .map(|(name, value)| (name.clone(), self.field(ours, name, value)));
            shown.insert("fields".to_owned(), Value::Object(fields.collect()));
        }
        Value::Object(shown)
    }

    fn field(&self, ours: bool, name: &str, value: &Value) -> Value {
        let text = match (value, name) {
            (Value::Number(_) | Value::Bool(_) | Value::Null, _) => return value.clone(),
            (Value::String(text), "peer" | "endpoint") => self.mark(text),
            // What we say is known; what other crates say is not.
            (
                Value::String(text),
                "message" | "path" | "code" | "version" | "error" | "reason" | "file",
            ) if ours => self.text(text),
            _ => "<left out>".to_owned(),
        };
        Value::String(text)
    }

    /// A text without anything that names this user, a device or a place in the network.
    fn text(&self, text: &str) -> String {
        let mut text = without_tickets(text).into_owned();
        for (path, mark) in &self.paths {
            text = text.replace(path, mark);
        }
        let mut shown = String::with_capacity(text.len());
        for word in text.split_inclusive([' ', '\'', '"', ',', ';', '(', ')', '=', '@']) {
            let end = word.len()
                - word.chars().next_back().map_or(0, |c| match c {
                    ' ' | '\'' | '"' | ',' | ';' | '(' | ')' | '=' | '@' => c.len_utf8(),
                    _ => 0,
                });
            let (word, separator) = word.split_at(end);
            shown.push_str(&self.word(word));
            shown.push_str(separator);
        }
        shown
    }

    fn word(&self, word: &str) -> String {
        let of_ours = ["/v1/", "/health", "/metrics"]
            .iter()
            .any(|path| word.starts_with(path));
        if word.len() > 1 && word.starts_with('/') && !of_ours {
            return "<path>".to_owned();
        }
        if !self.with_addresses {
            let bare = word.trim_matches(['.', ':', '<', '>']);
            if bare.contains("://") {
                return "<url>".to_owned();
            }
            let inside = bare.trim_start_matches('[').trim_end_matches(']');
            if bare.parse::<SocketAddr>().is_ok() || inside.parse::<IpAddr>().is_ok() {
                return "<address>".to_owned();
            }
        }
        let mut shown = String::with_capacity(word.len());
        let mut run = String::new();
        for c in word.chars().map(Some).chain([None]) {
            match c {
                Some(c) if c.is_ascii_alphanumeric() => run.push(c),
                other => {
                    if run.len() >= ID_CHARS_MIN {
                        shown.push_str(&self.mark(&run));
                    } else {
                        shown.push_str(&run);
                    }
                    run.clear();
                    shown.extend(other);
                }
            }
        }
        shown
    }

    /// The same for the same id in this bundle, and for its beginnings as the log shows them.
    fn mark(&self, id: &str) -> String {
        let start: String = id.chars().take(10).collect();
        format!("id-{:06x}", self.marks.hash_one(start) & 0xff_ffff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor(with_addresses: bool) -> Redactor {
        let user = Some(PathBuf::from("/users/ada"));
        let key_file = Some(PathBuf::from("/mnt/Ada's stick/key"));
        let home = Path::new("/users/ada/data/kitbag");
        Redactor::new(home, user, key_file, with_addresses)
    }

    #[test]
    fn what_names_somebody_is_replaced_and_what_helps_stays() {
        let redactor = redactor(false);
        let id = "abcdefghijklmnopqrstuvwxyz234567";
        for (text, expected) in [
            ("answered", "answered"),
            (
                "at /users/ada/data/kitbag/run/kitbag.sock",
                "at <home>/run/kitbag.sock",
            ),
            ("open /users/ada/notes: no", "open ~/notes: no"),
            (
                "to 192.168.1.7:4040, then [fe80::1]:9",
                "to <address>, then <address>",
            ),
            ("from 2001:db8::1.", "from <address>"),
            ("relay https://relay.example/x", "relay <url>"),
            ("10:47:05 INFO 3 of 4", "10:47:05 INFO 3 of 4"),
            ("kitbag1abcdefghijklmnop", "kitbag1…"),
        ] {
            assert_eq!(redactor.text(text), expected, "{text}");
        }
        let shown = redactor.text(&format!("({id}) at {id}"));
        assert!(!shown.contains("abcdefgh"), "{shown}");
        let (one, two) = shown.split_once(" at ").unwrap();
        assert_eq!(one, format!("({two})"));
        assert_eq!(
            redactor.mark(&id[..10]),
            two,
            "a shortened id is the same id"
        );
    }

    #[test]
    fn addresses_stay_if_they_are_asked_for() {
        assert_eq!(
            redactor(true).text("to 192.168.1.7:4040"),
            "to 192.168.1.7:4040"
        );
    }

    /// Goal: of the log nothing goes in that is not known: not the words of other crates, no field of
    /// another name, no line that is no line.
    #[test]
    fn of_the_log_only_what_is_known_goes_in() {
        let redactor = redactor(false);
        let line = r#"{"timestamp":"2026-11-22T10:47:05Z","level":"WARN","target":"kitbag_daemon::routes","fields":{"message":"refused","path":"/v1/note/add","code":"locked","micros":7,"who":"Ada","peer":"abcdefghij"}}"#;
        let shown = redactor.line(line);
        assert_eq!(shown["fields"]["path"], "/v1/note/add");
        assert_eq!(
            (&shown["fields"]["micros"], &shown["fields"]["who"]),
            (&7.into(), &"<left out>".into())
        );
        assert!(shown["fields"]["peer"].as_str().unwrap().starts_with("id-"));
        let foreign = r#"{"level":"WARN","target":"iroh::net","fields":{"message":"Ada at home"},"span":{"x":"Ada"}}"#;
        assert!(!redactor.line(foreign).to_string().contains("Ada"));
        assert!(!redactor.line("Ada's own words").to_string().contains("Ada"));
    }
}
