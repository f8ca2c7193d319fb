//! Ids by how they are written: `CUST-####`.
//!
//! In a form `#` is a digit, `@` a letter, `*` one or more of both, and anything else is itself, letters
//! in either case. An id begins and ends where no other letter or digit stands beside it, and has a
//! digit in it. All forms are looked for at once: each has 32 bits, a bit for each of its places, and a
//! byte of the text moves them all by one ("shift-and", Baeza-Yates and Gonnet 1992). From each place
//! where an id may begin, at most [`ID_BYTES_MAX`] bytes are looked at, so the time is in proportion to
//! the text, whatever the forms and the text are.

use std::ops::Range;

use crate::rules::{Pii, RuleError};

/// Places of a form, at most: bits of a state.
pub(crate) const PLACES_MAX: usize = 32;
/// Bytes of an id, at most.
const ID_BYTES_MAX: usize = 64;
/// Bytes that a form can be about.
const ASCII: usize = 128;

/// Forms, ready to be looked for. The default has none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Forms {
    kinds: Vec<Pii>,
    /// For each byte, and in it for each form: places where this byte may stand.
    stands: Vec<u32>,
    /// For each form: places that go on for as long as they fit.
    stays: Vec<u32>,
    /// For each form: its last place.
    last: Vec<u32>,
}

impl Forms {
    pub(crate) fn new<'a>(
        forms: impl IntoIterator<Item = (&'a str, Pii)>,
    ) -> Result<Forms, RuleError> {
        let forms: Vec<(&str, Pii)> = forms.into_iter().collect();
        let fits = |form: &str| (1..=PLACES_MAX).contains(&form.len()) && form.is_ascii();
        if !forms.iter().all(|(form, _)| fits(form)) {
            return Err(RuleError::Form);
        }
        let mut all = Forms {
            kinds: forms.iter().map(|(_, kind)| *kind).collect(),
            stands: vec![0; ASCII * forms.len()],
            stays: vec![0; forms.len()],
            last: Vec::with_capacity(forms.len()),
        };
        for (at, (form, _)) in forms.iter().enumerate() {
            for (place, sign) in form.bytes().enumerate() {
                for byte in (0..ASCII as u8).filter(|byte| is_of(sign, *byte)) {
                    all.stands[usize::from(byte) * forms.len() + at] |= 1 << place;
                }
                if sign == b'*' {
                    all.stays[at] |= 1 << place;
                }
            }
            all.last.push(1 << (form.len() - 1));
        }
        Ok(all)
    }

    /// All ids in a text, with their kinds: of what begins at one place the longest.
    pub(crate) fn find(&self, text: &str, mut found: impl FnMut(Range<usize>, Pii)) {
        if self.kinds.is_empty() {
            return;
        }
        let mut states = vec![0; self.kinds.len()];
        let mut beside = false; // whether a letter or a digit stands before
        for (start, c) in text.char_indices() {
            let joins = c.is_alphanumeric();
            if joins
                && c.is_ascii()
                && !beside
                && let Some((end, kind)) = self.longest(text, start, &mut states)
            {
                found(start..end, kind);
            }
            beside = joins;
        }
    }

    /// The end of the longest id that begins here, and of which kind it is.
    fn longest(&self, text: &str, start: usize, states: &mut [u32]) -> Option<(usize, Pii)> {
        let forms = self.kinds.len();
        let mut longest = None;
        let mut digit = false;
        let mut first = 1; // the first place is open to the first byte only
        states.fill(0);
        for (at, byte) in text.bytes().enumerate().skip(start).take(ID_BYTES_MAX) {
            let from = usize::from(byte) * forms;
            let Some(stands) = self.stands.get(from..from + forms) else {
                return longest; // not ASCII: in no form
            };
            digit |= byte.is_ascii_digit();
            let mut alive = 0;
            for ((state, stands), stays) in states.iter_mut().zip(stands).zip(&self.stays) {
                *state = ((*state << 1) | first | (*state & stays)) & stands;
                alive |= *state;
            }
            first = 0;
            if alive == 0 {
                return longest;
            }
            let after = text.get(at + 1..).and_then(|rest| rest.chars().next());
            if !digit || after.is_some_and(char::is_alphanumeric) {
                continue;
            }
            let mut ends = states.iter().zip(&self.last);
            if let Some(form) = ends.position(|(state, last)| state & last != 0) {
                longest = Some((at + 1, self.kinds[form]));
            }
        }
        longest
    }
}

fn is_of(sign: u8, byte: u8) -> bool {
    match sign {
        b'#' => byte.is_ascii_digit(),
        b'@' => byte.is_ascii_alphabetic(),
        b'*' => byte.is_ascii_alphanumeric(),
        itself => itself.eq_ignore_ascii_case(&byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use regex::Regex;

    fn ids(forms: &[&str], text: &str) -> Vec<String> {
        let forms = Forms::new(forms.iter().map(|form| (*form, Pii::Other))).unwrap();
        let mut all = Vec::new();
        forms.find(text, |range, _| all.push(text[range].to_owned()));
        all
    }

    #[test]
    fn an_id_is_found_whole_and_alone() {
        let of = |text| ids(&["CUST-@@##", "INV-*"], text);
        assert_eq!(of("for CUST-AB12, please"), ["CUST-AB12"]);
        assert_eq!(of("cust-ab12"), ["cust-ab12"]);
        assert_eq!(of("/customers/CUST-AB12?x=1"), ["CUST-AB12"]);
        assert_eq!(of("_CUST-AB12_CUST-CD34"), ["CUST-AB12", "CUST-CD34"]);
        assert_eq!(of("inv-2024a8 inv-7"), ["inv-2024a8", "inv-7"]);
        for other in [
            "XCUST-AB12",
            "CUST-AB123",
            "CUST-AB12é",
            "éCUST-AB12",
            "CUST-A112",
            "CUST-AB1",
            "CUST-",
            "CUST AB12",
            "inv-oice",
            "",
        ] {
            assert!(of(other).is_empty(), "{other}");
        }
        let long = format!("inv-{}", "1".repeat(ID_BYTES_MAX));
        assert!(of(&long).is_empty());
        assert_eq!(of(&long[..ID_BYTES_MAX]).len(), 1);
    }

    #[test]
    fn of_two_forms_the_longer_id_counts_and_inner_ones_are_told_too() {
        let both = ids(&["AB-##", "AB-##-##", "##-##"], "AB-12-34 AB-12");
        assert_eq!(both, ["AB-12-34", "12-34", "AB-12"]);
        let forms = [("CUST-*", Pii::Other), ("CUST-###", Pii::PaymentCard)];
        let forms = Forms::new(forms).unwrap();
        let mut kinds = Vec::new();
        forms.find("CUST-123", |_, kind| kinds.push(kind));
        assert_eq!(kinds, [Pii::Other], "the first of those that end there");
    }

    #[test]
    fn what_is_no_form_is_refused() {
        for form in ["", "CUST-é", &"#".repeat(33)] {
            assert!(matches!(
                Forms::new([(form, Pii::Other)]),
                Err(RuleError::Form)
            ));
        }
        assert!(Forms::new([(&*"#".repeat(32), Pii::Other)]).is_ok());
    }

    /// The same by a regular expression, from each place where an id may begin.
    fn by_regex(forms: &[String], text: &str) -> Vec<Range<usize>> {
        let class = |sign: char| match sign {
            '#' => "[0-9]".to_owned(),
            '@' => "[A-Za-z]".to_owned(),
            '*' => "[A-Za-z0-9]+".to_owned(),
            itself => format!("(?i-u:{})", regex::escape(&itself.to_string())),
        };
        let patterns: Vec<Regex> = (forms.iter())
            .map(|form| {
                Regex::new(&format!(
                    "^(?:{})$",
                    form.chars().map(class).collect::<String>()
                ))
            })
            .map(Result::unwrap)
            .collect();
        let joins = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let mut all = Vec::new();
        for start in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
            if joins(text[..start].chars().next_back()) {
                continue;
            }
            let ends = (start + 1..=text.len().min(start + ID_BYTES_MAX)).rev();
            let is = |end: &usize| {
                text.is_char_boundary(*end) && !joins(text[*end..].chars().next()) && {
                    let id = &text[start..*end];
                    id.contains(|c: char| c.is_ascii_digit())
                        && patterns.iter().any(|pattern| pattern.is_match(id))
                }
            };
            all.extend(ends.into_iter().find(is).map(|end| start..end));
        }
        all
    }

    proptest! {
        /// Goal: the bits find what the plainest second implementation finds.
        #[test]
        fn forms_find_what_a_regular_expression_does(
            forms in proptest::collection::vec("[#@*AB1][#@*AB1-]{0,5}[#@*AB1]", 0..6),
            text in "[aAbB1-2é _-]{0,40}",
        ) {
            let ready = Forms::new(forms.iter().map(|form| (form.as_str(), Pii::Other))).unwrap();
            let mut found = Vec::new();
            ready.find(&text, |range, _| found.push(range));
            prop_assert_eq!(found, by_regex(&forms, &text));
        }
    }
}
