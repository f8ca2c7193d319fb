//! Personal data by what records themselves say: which values they hold, and which texts hold these.
//! Nothing here asks the scan that is being checked.

use serde_json::Value;
use std::collections::BTreeSet;

/// Values of people, in lower case.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// As records state them.
    pub(super) births: BTreeSet<String>,
    pub(super) addresses: BTreeSet<String>,
    pub(super) payments: BTreeSet<String>,
}

/// Digits that make the number of a payment method one that is nobody else's by chance.
const NUMBER_DIGITS: usize = 6;

impl Held {
    /// Takes in what a value holds, in JSON inside of its texts too.
    pub(super) fn read(&mut self, value: &Value) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    self.member(name, value);
                    self.read(value);
                }
            }
            Value::Array(values) => values.iter().for_each(|value| self.read(value)),
            Value::String(text) => {
                if let Ok(inner @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text)
                {
                    self.read(&inner);
                }
            }
            _ => {}
        }
    }

    fn member(&mut self, name: &str, value: &Value) {
        let into = match name {
            "dob" => &mut self.births,
            "address1" | "address2" | "zip" => &mut self.addresses,
            "payment_id" | "payment_methods" => &mut self.payments,
            _ => return,
        };
        let texts = value.as_str().into_iter();
        let names = value.as_object().into_iter().flatten();
        let all = texts.chain(names.map(|(name, _)| name.as_str()));
        into.extend(all.filter(|text| !text.is_empty()).map(str::to_lowercase));
    }

    fn all(&self) -> impl Iterator<Item = &str> {
        let all = self.births.iter().chain(&self.addresses);
        all.chain(&self.payments).map(String::as_str)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all().count()
    }

    /// Whether one stands in a text as a word of its own, as the record has it. The text is in lower case.
    pub(super) fn stands_in(&self, text: &str) -> bool {
        self.all().any(|value| is_word_of(text, value))
    }

    /// Whether one stands anywhere in a text, inside of longer words too.
    pub(super) fn is_part_of(&self, text: &str) -> bool {
        self.all().any(|value| text.contains(value))
    }

    /// Whether one is told in a text in other words: a birth date in another form, the number alone
    /// of a payment method.
    pub(super) fn is_told_in(&self, text: &str) -> bool {
        let number = |id: &str| {
            let (_, number) = id.rsplit_once('_')?;
            let is_one =
                number.len() >= NUMBER_DIGITS && number.bytes().all(|b| b.is_ascii_digit());
            is_one.then(|| number.to_owned())
        };
        let mut numbers = self.payments.iter().filter_map(|id| number(id));
        numbers.any(|number| is_word_of(text, &number))
            || dates(text).iter().any(|date| self.births.contains(date))
    }
}

/// Whether a text names a payment method by an id that no record has.
pub(super) fn names_a_payment(text: &str) -> bool {
    ["credit_card_", "gift_card_", "certificate_"]
        .iter()
        .any(|prefix| {
            let mut after = text.split(prefix).skip(1);
            after.any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        })
}

/// Whether something in a text looks like a mail address.
pub(super) fn names_a_mail_address(text: &str) -> bool {
    text.split_whitespace().any(|word| {
        let at = word.split_once('@');
        at.is_some_and(|(name, domain)| !name.is_empty() && domain.contains('.'))
    })
}

fn is_word_of(text: &str, value: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(value).any(|(at, found)| {
        let before = text[..at].chars().next_back();
        let after = text[at + found.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Dates of a text in lower case, as `1990-04-05`, whichever way they are written. One of numbers
/// alone that could be two is both.
fn dates(text: &str) -> BTreeSet<String> {
    let words = words(text);
    let mut dates = BTreeSet::new();
    for three in words.windows(3) {
        let [(_, a), (by, b), (and, c)] = three else {
            continue;
        };
        let is_numeric = [by, and].iter().all(|gap| matches!(**gap, "-" | "/" | "."));
        let mut put = |year: &str, month: Option<usize>, day: &str| {
            if let (Some(year), Some(month), Some(day)) = (year_of(year), month, day_of(day)) {
                dates.insert(format!("{year:04}-{month:02}-{day:02}"));
            }
        };
        put(c, named(a), b);
        put(c, named(b), a);
        put(a, named(b), c);
        if is_numeric {
            put(a, numbered(b), c);
            put(c, numbered(a), b);
            put(c, numbered(b), a);
        }
    }
    dates
}

/// Words of a text, each with what stands before it; `of` and `the` are passed over.
fn words(text: &str) -> Vec<(&str, &str)> {
    let (mut words, mut gap, mut from) = (Vec::new(), 0, None);
    let ends = text.char_indices().chain([(text.len(), ' ')]);
    for (at, c) in ends {
        match (c.is_alphanumeric(), from) {
            (true, None) => from = Some(at),
            (false, Some(start)) => {
                let word = &text[start..at];
                if !matches!(word, "of" | "the") {
                    words.push((&text[gap..start], word));
                    gap = at;
                }
                from = None;
            }
            _ => {}
        }
    }
    words
}

fn named(word: &str) -> Option<usize> {
    let is_it = |month: &&str| *month == word || (word.len() >= 3 && month.get(..3) == Some(word));
    MONTHS.iter().position(is_it).map(|n| n + 1)
}

fn numbered(word: &str) -> Option<usize> {
    let month = word.parse().ok()?;
    (word.len() <= 2 && (1..=12).contains(&month)).then_some(month)
}

fn day_of(word: &str) -> Option<u32> {
    let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let suffix = &word[digits.len()..];
    let day = digits.parse().ok()?;
    let is_day = matches!(suffix, "" | "st" | "nd" | "rd" | "th") && digits.len() <= 2;
    (is_day && (1..=31).contains(&day)).then_some(day)
}

fn year_of(word: &str) -> Option<u32> {
    let year = word.parse().ok()?;
    (word.len() == 4 && (1900..=2100).contains(&year)).then_some(year)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held() -> Held {
        let answer = serde_json::json!({"dob": "1990-04-05", "address": {"address1": "1 Elm Street", "zip": "78750"},
            "payment_methods": {"credit_card_4421486": {"id": "x"}}});
        let call = serde_json::json!({"payments": [{"payment_id": "gift_card_7334"}]});
        let message = serde_json::json!({"messages": [
            {"content": answer.to_string()},
            {"tool_calls": [{"function": {"arguments": call.to_string()}}]},
        ]});
        let mut held = Held::default();
        held.read(&message);
        held
    }

    /// Goal: values in answers and arguments of tools are known, and found as words of their own only.
    #[test]
    fn values_come_from_records() {
        let held = held();
        assert_eq!(held.len(), 5);
        for text in [
            "(1 elm street)",
            "dob:1990-04-05.",
            "gift_card_7334",
            "tx 78750",
        ] {
            assert!(held.stands_in(text), "{text}");
        }
        assert!(!held.stands_in("11 elm streets, gift_card_73345, 787501"));
        assert!(held.is_part_of("xgift_card_73345"));
    }

    /// Goal: a birth date is known in whatever way it is written, and a number of few digits is no value.
    #[test]
    fn other_words_for_a_value_are_known() {
        let held = held();
        let told = [
            "april 5, 1990",
            "born on the 5th of april 1990",
            "apr 5 1990",
            "04/05/1990",
            "5.4.1990",
            "1990/04/05",
            "1990-04-05",
            "card 4421486",
        ];
        for text in told {
            assert!(held.is_told_in(text), "{text}");
        }
        for text in [
            "april 6, 1990",
            "may 5, 1990",
            "4 5 1990",
            "card 7334",
            "44214867",
            "april 5, 2024",
        ] {
            assert!(!held.is_told_in(text), "{text}");
        }
    }

    /// Goal: what else restricts a note is told apart.
    #[test]
    fn other_reasons_are_told_apart() {
        assert!(names_a_payment("certificate certificate_3221322 added"));
        assert!(!names_a_payment("a credit_card_ and certificate 12"));
        assert!(names_a_mail_address("it is a.b@example.com."));
        assert!(!names_a_mail_address("at @ten, 5 @ 3.50"));
    }
}
