//! A hand-off as a mail that somebody sends by themselves.

use super::{HandoffDoc, markdown};
use data_encoding::BASE64;

/// Characters of a subject, at most.
const SUBJECT_CHARS_MAX: usize = 160;
/// Bytes of text in one encoded word: with what stands around it, a line of at most 76, also behind the header's name.
const WORD_BYTES_MAX: usize = 39;
/// Characters of a line of the body, by RFC 2045.
const LINE_CHARS_MAX: usize = 76;

/// The hand-off as a mail without sender and receiver. `date` is as RFC 5322 writes it; without one there
/// is none.
///
/// # Security
/// No header takes a character below space, so none can begin another.
pub fn eml(doc: &HandoffDoc, date: Option<&str>) -> String {
    let about = doc
        .subject
        .as_deref()
        .filter(|subject| !subject.trim().is_empty());
    let about = about.unwrap_or(&doc.summary);
    let subject = format!("Hand-off: {about}");
    let mut text = format!("Subject: {}\r\n", encoded(&subject));
    let is_date = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | ',' | ':' | '+' | '-');
    if let Some(date) = date.filter(|date| !date.is_empty() && date.chars().all(is_date)) {
        text.push_str(&format!("Date: {date}\r\n"));
    }
    let id: String = doc
        .id
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(64)
        .collect();
    if !id.is_empty() {
        text.push_str(&format!("Message-ID: <{id}@handoff.kitbag.invalid>\r\n"));
    }
    text.push_str(
        "MIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: base64\r\n\
         X-Unsent: 1\r\n\r\n",
    );
    let body = markdown(doc).replace('\n', "\r\n");
    let body = BASE64.encode(body.as_bytes());
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, behind) = rest.split_at(rest.len().min(LINE_CHARS_MAX));
        text.push_str(line);
        text.push_str("\r\n");
        rest = behind;
    }
    text
}

/// A header's text as encoded words (RFC 2047), each whole by itself.
fn encoded(text: &str) -> String {
    let shown: String = text
        .chars()
        .map(|c| if crate::is_hostile(c) { ' ' } else { c })
        .take(SUBJECT_CHARS_MAX)
        .collect();
    let mut words: Vec<String> = vec![String::new()];
    for c in shown.trim().chars() {
        match words.last_mut() {
            Some(word) if word.len() + c.len_utf8() <= WORD_BYTES_MAX => word.push(c),
            _ => words.push(c.to_string()),
        }
    }
    let words = words
        .iter()
        .map(|word| format!("=?utf-8?B?{}?=", BASE64.encode(word.as_bytes())));
    words.collect::<Vec<_>>().join("\r\n ")
}
