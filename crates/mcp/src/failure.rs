//! What a model is told when something cannot be done: a code, a sentence, and what to do instead.

use kitbag_render::{Lines, neutral};
use kitbag_rpc::{ClientError, Code, Failure};
use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::json;

/// Characters of a sentence, at most.
const CHARS_MAX: usize = 500;

/// The same as an answer that the model reads.
pub(crate) fn answer(failure: &Failure) -> CallToolResult {
    let mut document = json!({
        "code": failure.code.as_str(),
        "message": shown(&failure.message),
    });
    if let Some(hint) = &failure.hint {
        document["hint"] = shown(hint).into();
    }
    CallToolResult::error(vec![ContentBlock::text(document.to_string())])
}

/// What the daemon, or the way to it, failed by.
pub(crate) fn of(error: ClientError) -> Failure {
    let mut failure = error.into_failure();
    if failure.code == Code::DaemonUnreachable {
        failure.message = "Kitbag's daemon does not answer".into();
        failure.hint = Some("the person you work for can start it: kitbag up".into());
    }
    failure
}

/// A text of whatever origin inside an error.
pub(crate) fn shown(text: &str) -> String {
    let text: String = text.chars().take(CHARS_MAX).collect();
    neutral(&text, Lines::One).text
}

/// An argument that does not fit.
pub(crate) fn bad(argument: &str, why: &str) -> Failure {
    Failure::new(Code::BadInput, format!("{argument}: {why}"))
}
