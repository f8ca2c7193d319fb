//! Postal addresses in running text.

use std::sync::LazyLock;

use regex::Regex;

use crate::rules::Pii;
use crate::scanner::Found;
use crate::words::{Context, Word};

/// Around the word for a street: the number and name before it, unit, town and code behind it.
const BEFORE: usize = 80;
const AFTER: usize = 120;

const STATES: &str = "AL|AK|AZ|AR|CA|CO|CT|DE|FL|GA|HI|ID|IL|IN|IA|KS|KY|LA|ME|MD|MA|MI|MN|MS|MO|MT|NE|NV|NH|NJ|NM|NY|\
    NC|ND|OH|OK|OR|PA|RI|SC|SD|TN|TX|UT|VT|VA|WA|WV|WI|WY|DC|PR";

/// `975 Sunset Drive, Suite 217, Austin, TX 78750`; also British ones with a postcode.
static NUMBER_FIRST: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = format!(
        r"\b\d{{1,6}}(?:-\d{{1,4}})?[A-Za-z]?,? (?:(?:[A-ZÀ-Þ][\w'’.-]{{0,24}}|\d{{1,3}}(?:st|nd|rd|th)) ){{1,4}}(?:(?i:street|avenue|road|drive|lane|boulevard|court|way|place|terrace|circle|parkway|highway|square|trail|alley|crescent|close|broadway|blvd|pkwy|hwy|ave|st|rd|dr|ln|ct|pl|cir)\b\.?)(?: (?:N|S|E|W|NE|NW|SE|SW)\b\.?)?(?:,?[ \n](?i:suite|ste|apartment|apt|unit|floor|fl|room|rm|flat|#)\b?\.? ?#?[\w-]{{1,8}})?(?:,?[ \n](?:[A-ZÀ-Þ][\w'’.-]{{1,24}} ?){{1,3}})?(?:,? ?(?:(?:{STATES}|[A-Z][a-z]{{3,14}}) )?(?:\d{{5}}(?:-\d{{4}})?|[A-Z]{{1,2}}\d[A-Z\d]? \d[A-Z]{{2}})\b)?(?:, (?:USA|United States|UK|United Kingdom)\b)?"
    );
    Regex::new(&pattern).expect("a constant pattern")
});

/// `Hauptstraße 5, 10115 Berlin`, `Keizersgracht 12, 1015 CN Amsterdam`.
static NUMBER_LAST: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"\b[A-ZÀ-Þ][\wà-ÿ.-]{0,40}(?:[ -][A-ZÀ-Þ][\wà-ÿ.-]{0,40}){0,3}?(?:[ -]?(?i:straße|strasse|str\.|weg|allee|gasse|platz|damm|ufer|chaussee|straat|laan|plein|gracht)) \d{1,4} ?(?:[a-zA-Z]\b)?(?:[-/]\d{1,4})?(?:,? ?\n?(?:[A-Z]{1,2}-)?\d{4,5}(?: [A-Z]{2}\b)? [A-ZÀ-Þ][\wà-ÿ.-]{1,40}(?: (?:am|an der|im|ob der|bei) [A-ZÀ-Þ][\wà-ÿ]{1,30})?)?",
    )
    .expect("a constant pattern")
});

/// `12 rue de la Paix, 75002 Paris`, `Calle de Alcalá 45, 28014 Madrid`, `Via Roma, 12`.
static ROMANCE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"\b(?:\d{1,4}(?: ?(?:bis|ter))?,? (?i:rue|avenue|boulevard|place|chemin|impasse|quai|allée) (?:(?:de|du|des|la|le|les|d'|l')[ ]?){0,3}[A-ZÀ-Þ][\wà-ÿ'-]{1,30}(?: [A-ZÀ-Þ][\wà-ÿ'-]{1,30}){0,3}|(?:Calle|C/|Avda\.?|Avenida|Plaza|Paseo|Via|Viale|Piazza|Corso) (?:(?:de|del|la|las|los|di|della|dei) ){0,3}[A-ZÀ-Þ][\wà-ÿ'-]{1,30}(?: [A-ZÀ-Þ][\wà-ÿ'-]{1,30}){0,3},? (?:n\.?º? ?)?\d{1,4}\b)(?:,? ?\n?\d{5} [A-ZÀ-Þ][\wà-ÿ'-]{1,40})?",
    )
    .expect("a constant pattern")
});

static BOX: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(?:p\.? ?o\.? ?box|postfach) \d[\d ]{0,9}\b").expect("a constant pattern")
});

/// `Austin, TX 78750`.
static TOWN: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = format!(
        r"\b[A-Z][A-Za-z.'-]{{1,24}}(?: [A-Z][A-Za-z.'-]{{1,24}}){{0,2}}, (?:{STATES}),? \d{{5}}(?:-\d{{4}})?\b"
    );
    Regex::new(&pattern).expect("a constant pattern")
});

/// Units before what sounds like a street: `500 GB Drive`, `20 Minutes Way`.
static UNITS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^\d+ (?:[KMGT]i?B|USB|SSD|minutes?|hours?|days?|years?|percent|people|items?|points?|miles?|euros?|dollars?|usd|eur)\b")
        .expect("a constant pattern")
});

/// British postcodes, by the pattern that the Royal Mail publishes.
static POSTCODE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\b(?:[A-PR-UWYZ][A-HK-Y]?[0-9][0-9A-HJKMNPR-Y]?) [0-9][ABD-HJLNP-UW-Z]{2}\b")
        .expect("a constant pattern")
});

pub(crate) fn find(context: &Context<'_>, out: &mut Vec<Found>) {
    let text = context.text;
    for window in context.windows(Word::Street, BEFORE, AFTER) {
        for rule in [&*NUMBER_FIRST, &*NUMBER_LAST, &*ROMANCE, &*BOX, &*POSTCODE] {
            for found in rule.find_iter(&text[window.clone()]) {
                let trimmed = found.as_str().trim_end_matches([',', ' ', '\n', '.']);
                if !UNITS.is_match(trimmed) {
                    let start = window.start + found.start();
                    out.push(Found {
                        range: start..start + trimmed.len(),
                        kind: Pii::Address,
                        rule: "street",
                    });
                }
            }
        }
    }
    for found in TOWN.find_iter(text) {
        out.push(Found {
            range: found.range(),
            kind: Pii::Address,
            rule: "town-and-code",
        });
    }
}
