//! Dates of birth: dates beside a word for birth, and those that follow in a list.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::rules::Pii;
use crate::scanner::Found;
use crate::view::Field;
use crate::words::{Context, Word};

/// From the word to the first date: `date of birth for each passenger is …`.
const FIRST_GAP: usize = 80;
/// From one date of a list to the next: room for a name.
const NEXT_GAP: usize = 60;
/// From a date back to the word: `1990-04-05 is my date of `.
const BACK_GAP: usize = 32;

const MONTHS: &str = "jan(?:uary|uar|vier|eiro)?|jän(?:ner)?|feb(?:ruary|ruar|rero|braio)?|fév(?:rier)?|fevereiro|\
    mar(?:ch|s|zo|ço|et)?|mär(?:z)?|maart|apr(?:il|ile)?|avril|abr(?:il)?|may|mai|mayo|maggio|maio|mei|maj|\
    june?|juni|juin|junio|giu(?:gno)?|junho|july?|juli|juil(?:let)?|julio|lug(?:lio)?|julho|aug(?:ust|ustus)?|août|\
    ago(?:sto)?|sep(?:t|tember|tembre|tiembre)?|setembro|settembre|oct(?:ober|obre|ubre)?|okt(?:ober)?|ott(?:obre)?|\
    outubro|nov(?:ember|embre|iembre|embro)?|dec(?:ember)?|dez(?:ember|embro)?|déc(?:embre)?|dic(?:iembre|embre)?|\
    gennaio|gen|enero|ene";

static DATE: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = format!(
        r"(?i)(?-u:\b)(?:[12][0-9]{{3}}\s?[-/.]\s?[0-9]{{1,2}}\s?[-/.]\s?[0-9]{{1,2}}|[0-9]{{1,2}}\s?[-/.]\s?[0-9]{{1,2}}\s?[-/.]\s?(?:[12][0-9]{{3}}|[0-9]{{2}})|(?:{MONTHS})\.?\s{{0,2}}[0-9]{{1,2}}(?:st|nd|rd|th)?\s?,?\s{{0,2}}[12][0-9]{{3}}|[0-9]{{1,2}}(?:st|nd|rd|th|er|º|\.)?[\s-]{{0,2}}(?:of |de )?(?:{MONTHS})\.?[\s,-]{{0,2}}(?:de |del )?'?(?:[12][0-9]{{3}}|[0-9]{{2}})|[12][0-9]{{3}}年\s?[0-9]{{1,2}}月\s?[0-9]{{1,2}}日?|(?:19|20)[0-9]{{6}})(?-u:\b)"
    );
    Regex::new(&pattern).expect("a constant pattern")
});

/// Right after a word for birth, without a full date: a year, or a day and month.
static LOOSE: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = format!(
        r"(?i)^(?:day|date|year)?[^A-Za-z0-9]{{0,4}}(?:is|was|in|on|im jahre?|am|en|el|le|nel|em|:|=|\s){{0,3}}[^A-Za-z0-9]{{0,3}}((?:19|20)[0-9]{{2}}|(?:{MONTHS})\.?\s{{0,2}}[0-9]{{1,2}}(?:st|nd|rd|th)?|[0-9]{{1,2}}(?:st|nd|rd|th|er|\.)?\s{{0,2}}(?:of )?(?:{MONTHS}))(?-u:\b)"
    );
    Regex::new(&pattern).expect("a constant pattern")
});

/// Between a date and the word for birth behind it.
static BACK: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^[^A-Za-z0-9\n.]{0,3}(?:is|was|as|are|ist|war|als)?[^A-Za-z0-9\n.]{0,3}(?:my|his|her|their|the|your|mein|sein|ihr|our)?[^A-Za-z0-9\n.]{0,3}(?:date of |day of )?[^A-Za-z0-9\n.]{0,2}$")
        .expect("a constant pattern")
});

/// A date after one of these is about something else.
static ELSE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)flight|flug|depart|return|arriv|travel|trip(?-u:\b)|expir|valid|gültig|issue|created|updated|book(?:ed|ing)|reserv|check-?in|check-?out|since|until|appointment|order|invoice|due(?-u:\b)|deliver|today|abflug|reise|termin|rechnung")
        .expect("a constant pattern")
});

/// Between dates of a list, a label that starts anew.
static ANEW: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)(?-u:\b)dat(?:e|um|a)(?-u:\b)|(?-u:\b)on(?-u:\b)|(?-u:\b)am(?-u:\b)")
        .expect("a constant pattern")
});

/// The name of a JSON member that is a date and says no more of which: what names its dates names
/// one of birth for it.
static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?:^|[_ -])(?i:date|datum|day)$|[a-z](?:Date|Datum|Day)$")
        .expect("a constant pattern")
});

/// Finds dates of birth. If the text answers a question about one, every date in it that is not
/// about something else counts.
pub(crate) fn find(context: &Context<'_>, fields: &[Field], asked: bool, out: &mut Vec<Found>) {
    let births: Vec<Range<usize>> = birth_words(context).collect();
    if births.is_empty() && !asked {
        return;
    }
    let text = context.text;
    let mut dates: Vec<(Range<usize>, bool)> =
        DATE.find_iter(text).map(|m| (m.range(), false)).collect();
    let masks = context
        .masks
        .iter()
        .filter(|(_, kind)| *kind == Pii::DateOfBirth);
    dates.extend(masks.map(|(range, _)| (range.clone(), true)));
    dates.sort_by_key(|(range, _)| range.start);

    let mut found = |range: Range<usize>, rule| {
        out.push(Found {
            range,
            kind: Pii::DateOfBirth,
            rule,
        })
    };
    for (i, word) in births.iter().enumerate() {
        let next_word = births.get(i + 1).map_or(text.len(), |next| next.start);
        let first = dates.partition_point(|(date, _)| date.start < word.end);
        if let Some((date, false)) = first.checked_sub(1).map(|before| &dates[before])
            && date.end <= word.start
            && back(text, date.end..word.start)
        {
            found(date.clone(), "date-before-birth");
        }
        let mut at = word.end;
        for (date, masked) in &dates[first..] {
            if date.start > next_word || !follows(text, at..date.start, at == word.end) {
                break;
            }
            if !masked {
                found(date.clone(), "date-after-birth");
            }
            at = date.end;
        }
        if at == word.end {
            let end = text.floor_char_boundary((word.end + FIRST_GAP).min(text.len()));
            let loose = LOOSE.captures(&text[word.end..end]).and_then(|c| c.get(1));
            if let Some(year) = loose {
                found(
                    word.end + year.start()..word.end + year.end(),
                    "year-of-birth",
                );
            }
        }
    }
    if asked {
        let named = fields
            .iter()
            .filter(|f| NAMED.is_match(&text[f.key.clone()]));
        let mut named: Vec<&Range<usize>> = named.map(|f| &f.value).collect();
        named.sort_by_key(|value| value.start);
        for (date, _) in dates.iter().filter(|(_, masked)| !masked) {
            let start = text.floor_char_boundary(date.start.saturating_sub(NEXT_GAP));
            let line = text[start..date.start]
                .rfind('\n')
                .map_or(start, |n| start + n);
            let after = named.partition_point(|value| value.start <= date.start);
            let is_named = after > 0 && date.end <= named[after - 1].end;
            if !is_named && !ELSE.is_match(&text[line..date.start]) {
                found(date.clone(), "date-asked-for");
            }
        }
    }
}

/// Does a text ask for dates of birth?
pub(crate) fn asks(context: &Context<'_>) -> bool {
    birth_words(context).next().is_some()
}

/// Words for birth that stand for themselves: not airborne, not a bornite.
fn birth_words<'c>(context: &'c Context<'_>) -> impl Iterator<Item = Range<usize>> + 'c {
    let text = context.text;
    context
        .hits
        .iter()
        .filter(|hit| hit.word == Word::Birth)
        .map(|hit| hit.range.clone())
        .filter(move |range| {
            let before = text[..range.start].chars().next_back();
            let after = text[range.end..].chars().next();
            let open = matches!(
                &text[range.clone()].to_ascii_lowercase()[..],
                "born" | "dob" | "bday"
            );
            !text[range.clone()].is_ascii()
                || !(before.is_some_and(char::is_alphabetic)
                    || open && after.is_some_and(char::is_alphabetic))
        })
}

fn back(text: &str, gap: Range<usize>) -> bool {
    gap.len() <= BACK_GAP && BACK.is_match(&text[gap])
}

fn follows(text: &str, gap: Range<usize>, first: bool) -> bool {
    if gap.start > gap.end || gap.len() > if first { FIRST_GAP } else { NEXT_GAP } {
        return gap.start > gap.end;
    }
    let between = &text[gap];
    !between.contains("\n\n") && !ELSE.is_match(between) && (first || !ANEW.is_match(between))
}
