//! The last line of defence of the log: a ticket that reached it all the same is cut.

use std::borrow::Cow;

const PREFIX: &[u8] = b"kitbag1";
/// Characters after the prefix from which on it is taken for a ticket.
const SECRET_BYTES_MIN: usize = 8;

/// The line with every ticket in it cut down to its prefix.
pub(crate) fn without_tickets(line: &[u8]) -> Cow<'_, [u8]> {
    let is_prefix = |bytes: &[u8]| bytes.eq_ignore_ascii_case(PREFIX);
    if !line.windows(PREFIX.len()).any(is_prefix) {
        return Cow::Borrowed(line);
    }
    let (mut shown, mut rest) = (Vec::with_capacity(line.len()), line);
    while let Some(at) = rest.windows(PREFIX.len()).position(is_prefix) {
        let (before, secret) = rest.split_at(at + PREFIX.len());
        let length = secret
            .iter()
            .take_while(|b| b.is_ascii_alphanumeric())
            .count();
        shown.extend_from_slice(before);
        if length >= SECRET_BYTES_MIN {
            shown.extend_from_slice(b"...");
            rest = &secret[length..];
        } else {
            rest = secret;
        }
    }
    shown.extend_from_slice(rest);
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tickets_are_cut_wherever_they_stand_and_nothing_else_is() {
        let table = [
            ("nothing here", "nothing here"),
            ("kitbag1abcdefgh", "kitbag1..."),
            (
                "a KitBag1ABCDEFGH2345, b kitbag1zzzzzzzz.",
                "a KitBag1..., b kitbag1....",
            ),
            ("kitbag1 alone, kitbag1short", "kitbag1 alone, kitbag1short"),
            ("kitbag1kitbag1abcdefgh", "kitbag1..."),
            ("kitbag", "kitbag"),
        ];
        for (line, expected) in table {
            let shown = without_tickets(line.as_bytes());
            assert_eq!(String::from_utf8_lossy(&shown), expected, "{line}");
        }
    }
}
