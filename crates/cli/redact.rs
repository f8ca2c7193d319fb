//! Tickets are secrets, wherever somebody types one: what this command says never repeats one.

use std::borrow::Cow;

const PREFIX: &str = "kitbag1";
/// Characters after the prefix from which on it is taken for a ticket.
const SECRET_CHARS_MIN: usize = 8;

/// The text with every ticket in it cut down to its prefix.
pub(crate) fn without_tickets(text: &str) -> Cow<'_, str> {
    let lower = text.to_ascii_lowercase(); // the same length: only ASCII changes
    let mut shown = String::new();
    let mut from = 0;
    while let Some(at) = lower[from..].find(PREFIX).map(|at| from + at) {
        let secret = at + PREFIX.len();
        let length = lower[secret..]
            .bytes()
            .take_while(u8::is_ascii_alphanumeric)
            .count();
        shown.push_str(&text[from..secret]);
        shown.push_str(if length >= SECRET_CHARS_MIN {
            "…"
        } else {
            &text[secret..secret + length]
        });
        from = secret + length;
    }
    if from == 0 {
        return Cow::Borrowed(text);
    }
    shown.push_str(&text[from..]);
    Cow::Owned(shown)
}

/// Whether one of these arguments holds a ticket, or its beginning.
pub(crate) fn hold_ticket(mut args: impl Iterator<Item = std::ffi::OsString>) -> bool {
    args.any(|arg| without_tickets(&arg.to_string_lossy()) != arg.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_cut_down_wherever_it_stands() {
        let ticket = "KITBAG1abcdefgh2345";
        assert_eq!(
            without_tickets(&format!("no pack \"{ticket}\"")),
            "no pack \"KITBAG1…\""
        );
        assert_eq!(
            without_tickets(&format!("{ticket} é {ticket}")),
            "KITBAG1… é KITBAG1…"
        );
        assert_eq!(
            without_tickets("kitbag1 is a prefix"),
            "kitbag1 is a prefix"
        );
        assert_eq!(without_tickets("nothing here"), "nothing here");
        assert!(
            hold_ticket([ticket.into()].into_iter()) && !hold_ticket(["kitbag".into()].into_iter())
        );
    }
}
