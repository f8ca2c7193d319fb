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

/// Letters and marks of a name in Western Europe. Not `\w`: all of Unicode's letters, many times in
/// one pattern, compile to megabytes.
const IN_NAME: &str = r"[A-Za-z0-9_À-ÖØ-öø-ÿ'’.-]";

/// `975 Sunset Drive, Suite 217, Austin, TX 78750`; also British ones with a postcode.
static NUMBER_FIRST: LazyLock<Regex> = LazyLock::new(|| {
    let number = r"(?-u:\b)[0-9]{1,6}(?:-[0-9]{1,4})?[A-Za-z]?,? ";
    let name = format!(r"(?:(?:[A-ZÀ-Þ]{IN_NAME}*|[0-9]{{1,3}}(?:st|nd|rd|th)) ){{1,4}}");
    let street = r"(?i:street|avenue|road|drive|lane|boulevard|court|way|place|terrace|circle|parkway|highway|square|trail|alley|crescent|close|broadway|blvd|pkwy|hwy|ave|st|rd|dr|ln|ct|pl|cir)(?-u:\b)\.?(?: (?:NE|NW|SE|SW|N|S|E|W)(?-u:\b)\.?)?";
    let unit = r"(?:,?[ \n](?i:suite|ste|apartment|apt|unit|floor|fl|room|rm|flat|#)\.? ?#?[A-Za-z0-9-]{1,8}(?-u:\b))?";
    let town = format!(r"(?:,?[ \n](?:[A-ZÀ-Þ]{IN_NAME}+ ?){{1,3}})?");
    let code = format!(
        r"(?:,? ?(?:(?:{STATES}|[A-Z][a-z]{{3,14}}) )?(?:[0-9]{{5}}(?:-[0-9]{{4}})?|[A-Z]{{1,2}}[0-9][A-Z0-9]? [0-9][A-Z]{{2}})(?-u:\b))?"
    );
    let country = r"(?:, (?:USA|United States|UK|United Kingdom)(?-u:\b))?";
    Regex::new(&format!(
        "{number}{name}{street}{unit}{town}{code}{country}"
    ))
    .expect("a constant pattern")
});

/// `Hauptstraße 5, 10115 Berlin`, `Keizersgracht 12, 1015 CN Amsterdam`.
static NUMBER_LAST: LazyLock<Regex> = LazyLock::new(|| {
    let street = r"(?i:straße|strasse|str\.|weg|allee|gasse|platz|damm|ufer|chaussee|straat|laan|plein|gracht)";
    let name = format!(r"[A-ZÀ-Þ]{IN_NAME}*(?:[ -]{IN_NAME}+){{0,3}}?[ -]?{street}");
    let number = r" [0-9]{1,4}(?: ?[a-zA-Z](?-u:\b))?(?:[-/][0-9]{1,4})?";
    let town = format!(
        r"(?:,? ?\n?(?:[A-Z]{{1,2}}-)?[0-9]{{4,5}}(?: [A-Z]{{2}}(?-u:\b))? [A-ZÀ-Þ]{IN_NAME}+(?: (?:am|an der|im|ob der|bei) [A-ZÀ-Þ]{IN_NAME}+)?)?"
    );
    Regex::new(&format!("{name}{number}{town}")).expect("a constant pattern")
});

/// `12 rue de la Paix, 75002 Paris`, `Calle de Alcalá 45, 28014 Madrid`, `Via Roma, 12`.
static ROMANCE: LazyLock<Regex> = LazyLock::new(|| {
    let words = format!(r"[A-ZÀ-Þ]{IN_NAME}+(?: [A-ZÀ-Þ]{IN_NAME}+){{0,3}}");
    let french = format!(
        r"(?-u:\b)[0-9]{{1,4}}(?: ?(?:bis|ter))?,? (?i:rue|avenue|boulevard|place|chemin|impasse|quai|allée) (?:(?:de|du|des|la|le|les|d'|l') ?){{0,3}}{words}"
    );
    let southern = format!(
        r"(?:Calle|C/|Avda\.?|Avenida|Plaza|Paseo|Via|Viale|Piazza|Corso) (?:(?:de|del|la|las|los|di|della|dei) ){{0,3}}{words},? (?:n\.?º? ?)?[0-9]{{1,4}}(?-u:\b)"
    );
    let town = format!(r"(?:,? ?\n?[0-9]{{5}} [A-ZÀ-Þ]{IN_NAME}+)?");
    Regex::new(&format!("(?:{french}|{southern}){town}")).expect("a constant pattern")
});

static BOX: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)(?-u:\b)(?:p\.? ?o\.? ?box|postfach) [0-9][0-9 ]{0,9}(?-u:\b)")
        .expect("a constant pattern")
});

/// `Austin, TX 78750`.
static TOWN: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = format!(
        r"(?-u:\b)[A-Z][A-Za-z.'-]{{1,24}}(?: [A-Z][A-Za-z.'-]{{1,24}}){{0,2}}, (?:{STATES}),? \d{{5}}(?:-\d{{4}})?\b"
    );
    Regex::new(&pattern).expect("a constant pattern")
});

/// Units before what sounds like a street: `500 GB Drive`, `20 Minutes Way`.
static UNITS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^[0-9]+ (?:[KMGT]i?B|USB|SSD|minutes?|hours?|days?|years?|percent|people|items?|points?|miles?|euros?|dollars?|usd|eur)(?-u:\b)")
        .expect("a constant pattern")
});

/// British postcodes, by the pattern that the Royal Mail publishes.
static POSTCODE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?-u:\b)(?:[A-PR-UWYZ][A-HK-Y]?[0-9][0-9A-HJKMNPR-Y]?) [0-9][ABD-HJLNP-UW-Z]{2}(?-u:\b)",
    )
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
