//! A text with a word in the place of each value.

use std::ops::Range;

use crate::scanner::{Finding, Form};

/// Writes a word such as `[email]` in the place of each finding.
///
/// Names of members of one JSON object stay apart by a number: `[payment card]`, `[payment card 2]`.
/// A JSON number becomes a string. Findings that do not fit the text (of another text, overlapping)
/// are left out or cut; nothing panics.
///
/// ```
/// use kitbag_scan::{Hint, Rules, Scanner, mask};
///
/// let scanner = Scanner::new(&Rules::default());
/// let text = "Mia Li, born 1990-04-05, mia@example.com";
/// let findings = scanner.scan(text, Hint::default());
/// assert_eq!(mask(text, &findings), "Mia Li, born [date of birth], [email]");
/// ```
pub fn mask(text: &str, findings: &[Finding]) -> String {
    masked(text, findings).0
}

/// What a mask replaced: its range in the masked text, and the range of the text.
pub(crate) struct Edit {
    pub(crate) masked: Range<usize>,
    pub(crate) raw: Range<usize>,
}

pub(crate) fn masked(text: &str, findings: &[Finding]) -> (String, Vec<Edit>) {
    let mut order: Vec<&Finding> = findings.iter().collect();
    order.sort_by_key(|finding| (finding.range.start, finding.range.end));
    let mut out = String::with_capacity(text.len());
    let mut edits = Vec::with_capacity(findings.len());
    let mut done = 0;
    for finding in order {
        let Range { start, end } = finding.range;
        if start < done
            || start >= end
            || !text.is_char_boundary(start)
            || !text.is_char_boundary(end)
        {
            continue;
        }
        out.push_str(&text[done..start]);
        let at = out.len();
        write(finding, &mut out);
        edits.push(Edit {
            masked: at..out.len(),
            raw: start..end,
        });
        done = end;
    }
    out.push_str(&text[done..]);
    (out, edits)
}

fn write(finding: &Finding, out: &mut String) {
    let word = finding.kind.mask_word();
    match finding.form {
        Form::Text => out.push_str(word),
        Form::Key(0 | 1) => out.push_str(word),
        Form::Key(n) => {
            out.push_str(word.trim_end_matches(']'));
            out.push_str(&format!(" {n}]"));
        }
        Form::Number(depth) => {
            // A quote inside d strings has 2^d - 1 backslashes before it.
            let quote = "\\".repeat((1 << depth) - 1) + "\"";
            out.push_str(&quote);
            out.push_str(word);
            out.push_str(&quote);
        }
    }
}
