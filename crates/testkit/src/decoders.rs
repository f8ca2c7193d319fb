//! Every decoder that meets bytes from outside, as a function that a fuzzer and a test can call.
//!
//! A target takes any bytes and must come back: whatever decodes has to encode to the same bytes, what
//! verified has to verify again, and nothing may grow beyond its bound. Most bytes would get no
//! further than a signature. So each target reads its bytes twice: as they would arrive, and as the
//! record behind signature, checksum or frame, which the target then puts around it with keys of its
//! own, so that the rules behind are reached too.
//!
//! `crates/fuzz` runs them under libFuzzer; `tests/it/corpus.rs` runs the committed corpus through the
//! same functions in every `cargo test`. The one decoder that is missing here reads frames; it is in
//! `kitbag-net`, which nothing here links.

mod changes;
mod content;
mod files;
mod keys;
mod local;
mod receipts;
mod records;
mod wire;

pub use changes::{INDEX_PACK, INDEX_SENSITIVITY, LOG, NOTE, note_record};

/// What a decoder made of its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was taken, as it came or behind what the target put around it.
    Taken,
    /// It was refused.
    Refused,
}

impl Verdict {
    fn of<T, E>(result: &Result<T, E>) -> Verdict {
        match result {
            Ok(_) => Verdict::Taken,
            Err(_) => Verdict::Refused,
        }
    }

    /// Taken if one of the two was.
    fn or(self, other: Verdict) -> Verdict {
        match self {
            Verdict::Taken => Verdict::Taken,
            Verdict::Refused => other,
        }
    }
}

/// One decoder, or a few that belong together.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, also that of its binary and of the directory of its corpus.
    pub name: &'static str,
    /// Runs it; panics when something does not hold that must.
    pub run: fn(&[u8]) -> Verdict,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target {
        name: "person_op",
        run: records::person_op,
    },
    Target {
        name: "policy_op",
        run: records::policy_op,
    },
    Target {
        name: "redeem",
        run: records::redeem,
    },
    Target {
        name: "ticket",
        run: records::ticket,
    },
    Target {
        name: "epoch",
        run: records::epoch,
    },
    Target {
        name: "wrap_set",
        run: records::wrap_set,
    },
    Target {
        name: "run",
        run: content::run,
    },
    Target {
        name: "body",
        run: content::body,
    },
    Target {
        name: "report",
        run: content::report,
    },
    Target {
        name: "receipt",
        run: receipts::receipt,
    },
    Target {
        name: "note_change",
        run: changes::note_change,
    },
    Target {
        name: "index_change",
        run: changes::index_change,
    },
    Target {
        name: "message",
        run: wire::message,
    },
    Target {
        name: "request",
        run: local::request,
    },
    Target {
        name: "rows",
        run: local::rows,
    },
    Target {
        name: "import",
        run: files::import,
    },
];

/// The target of this name.
///
/// # Panics
/// If there is none.
pub fn target(name: &str) -> Target {
    let found = TARGETS.iter().find(|target| target.name == name);
    *found.unwrap_or_else(|| panic!("no target is called {name}"))
}
