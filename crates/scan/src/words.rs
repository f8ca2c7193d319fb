//! One pass over the view for all words that start or explain a rule.

use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};

use crate::rules::Pii;
use crate::secrets;

/// What a word in a text means to the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// A mask that stands already.
    Mask(Pii),
    Birth,
    Phone,
    Card,
    Bank,
    /// A number given by some state.
    National,
    Version,
    Imei,
    /// A person says their name.
    MyName,
    /// Part of a street's name, or of what goes with it.
    Street,
    /// A password and its like: any value counts.
    Password,
    /// A key, token, secret: a value counts if it looks like one.
    Key,
    /// `Bearer`, `Basic`.
    Scheme,
    /// `://`
    Url,
    /// `-----BEGIN`
    Pem,
    /// The start of a known token, by its place in the table.
    Token(u16),
    /// The first word of an id that the pack names.
    Id,
}

#[derive(Clone, Debug)]
pub(crate) struct Hit {
    pub(crate) word: Word,
    pub(crate) range: Range<usize>,
}

/// The text and the words in it.
pub(crate) struct Context<'v> {
    pub(crate) text: &'v str,
    /// By their start; none inside a mask.
    pub(crate) hits: Vec<Hit>,
    /// Masks that stand already.
    pub(crate) masks: Vec<(Range<usize>, Pii)>,
}

impl Context<'_> {
    /// Is there such a word in the `reach` bytes before `at`?
    pub(crate) fn before(&self, at: usize, word: Word, reach: usize) -> bool {
        let end = self.hits.partition_point(|hit| hit.range.start < at);
        self.hits[..end]
            .iter()
            .rev()
            .take_while(|hit| hit.range.start + reach + LONGEST >= at)
            .any(|hit| hit.word == word && hit.range.end <= at && hit.range.end + reach >= at)
    }

    /// All hits of these words, each with room around it, joined where they meet.
    pub(crate) fn windows(&self, word: Word, before: usize, after: usize) -> Vec<Range<usize>> {
        let mut windows: Vec<Range<usize>> = Vec::new();
        for hit in self.hits.iter().filter(|hit| hit.word == word) {
            let start = self
                .text
                .floor_char_boundary(hit.range.start.saturating_sub(before));
            let end = self
                .text
                .ceil_char_boundary((hit.range.end + after).min(self.text.len()));
            match windows.last_mut() {
                Some(last) if start <= last.end => last.end = last.end.max(end),
                _ => windows.push(start..end),
            }
        }
        windows
    }

    pub(crate) fn masked(&self, range: &Range<usize>) -> bool {
        let i = self
            .masks
            .partition_point(|(mask, _)| mask.end <= range.start);
        self.masks
            .get(i)
            .is_some_and(|(mask, _)| mask.start < range.end)
    }
}

/// No word is longer, in bytes.
const LONGEST: usize = 64;

/// All words, compiled.
#[derive(Debug)]
pub(crate) struct Words {
    automaton: AhoCorasick,
    meanings: Vec<Word>,
}

impl Words {
    pub(crate) fn new(ids: impl Iterator<Item = String>) -> Words {
        let mut patterns: Vec<String> = Vec::new();
        let mut meanings = Vec::new();
        let mut add = |pattern: &str, word: Word| {
            patterns.push(pattern.to_string());
            meanings.push(word);
        };
        for kind in Pii::ALL {
            add(kind.mask_word().trim_end_matches(']'), Word::Mask(kind));
        }
        for (word, list) in LISTS {
            for pattern in list.split('|') {
                add(pattern, word);
            }
        }
        for (i, token) in secrets::TOKENS.iter().enumerate() {
            add(token.prefix, Word::Token(i as u16));
        }
        for id in ids {
            add(&id, Word::Id);
        }
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .build(&patterns)
            .expect("a few hundred short words make a small automaton");
        Words {
            automaton,
            meanings,
        }
    }

    pub(crate) fn find<'v>(&self, text: &'v str) -> Context<'v> {
        let mut masks: Vec<(Range<usize>, Pii)> = Vec::new();
        let mut hits: Vec<Hit> = Vec::new();
        for found in self.automaton.find_overlapping_iter(text) {
            let word = self.meanings[found.pattern().as_usize()];
            match word {
                Word::Mask(kind) => {
                    if let Some(end) = mask_end(text, found.end()) {
                        masks.push((found.start()..end, kind));
                    }
                }
                _ => hits.push(Hit {
                    word,
                    range: found.range(),
                }),
            }
        }
        masks.sort_by_key(|(range, _)| range.start);
        hits.sort_by_key(|hit| (hit.range.start, hit.range.end));
        let mut context = Context {
            text,
            hits: Vec::new(),
            masks,
        };
        hits.retain(|hit| !context.masked(&hit.range));
        context.hits = hits;
        context
    }
}

/// After the words of a mask: the end of `]` or ` 2]`.
pub(crate) fn mask_end(text: &str, words_end: usize) -> Option<usize> {
    let rest = &text.as_bytes()[words_end..];
    if rest.first() == Some(&b']') {
        return Some(words_end + 1);
    }
    let digits = rest
        .get(1..)?
        .iter()
        .take_while(|b| b.is_ascii_digit())
        .take(10)
        .count();
    (rest[0] == b' ' && digits > 0 && rest.get(1 + digits) == Some(&b']'))
        .then_some(words_end + digits + 2)
}

/// Words of several languages; capitals of ASCII letters do not matter.
const LISTS: [(Word, &str); 16] = [
    (
        Word::Birth,
        "birth|born|dob|d.o.b|bday|b-day|geburt|geboren|geb.|naissance|né le|née le|nacimiento|nacido|nacida|nascita|\
         nato il|nata il|nascimento|nascido|nascida|geboorte|född|fødsel|født|urodz|doğum|рожден|родил|народж|\
         生年月日|出生|생년월일|γέννησης",
    ),
    (
        Word::Phone,
        "phone|mobile|cell|tel.|tel:|tel |fon:|telefon|handy|whatsapp|fax|call me|text me|reach me|téléphone|teléfono|\
         móvil|cellulare|telefoon|rufnummer|mobil|sms",
    ),
    (
        Word::Card,
        "card|visa|mastercard|amex|american express|maestro|discover|diners|credit|debit|karte|carte|tarjeta|carta|pan:|\
         pan ",
    ),
    (
        Word::Bank,
        "account number|account no|account #|acct|bank account|routing|sort code|kontonummer|konto|blz|bankleitzahl|\
         rekening|compte|cuenta",
    ),
    (
        Word::National,
        "ssn|social security|social insurance|sin:|sin |national id|national insurance|tax id|tax number|tin:|tin |\
         taxpayer|steuer|idnr|id-nr|identifikationsnummer|passport|reisepass|passeport|pasaporte|ausweis|pesel|bsn|\
         burgerservice|aadhaar|aadhar|cpf|personnummer|licence number|license number|driver's license|driving licence|\
         führerschein|sozialversicherung",
    ),
    (Word::Version, "version|ver.|release|build|v."),
    (Word::Imei, "imei|imsi|iccid"),
    (
        Word::MyName,
        "my name is|my full name is|mein name ist|ich heiße|ich heisse|je m'appelle|mon nom est|me llamo|mi nombre es|\
         mi chiamo|meu nome é|mijn naam is|ik heet",
    ),
    (
        Word::Street,
        "street| st.| st,| st | st\n|avenue| ave|road| rd|drive| dr.| dr,| dr |lane| ln|boulevard|blvd|court| ct| way|\
         place| pl|terrace|circle| cir|parkway|pkwy|highway| hwy|square|trail|alley|crescent| close|broadway|\
         straße|strasse|str.|weg |weg\u{20}|allee|gasse|platz|damm |ufer |chaussee|straat|laan |plein |gracht|\
         rue |avenue |chemin |impasse |quai |calle |avda|avenida |plaza |paseo |via |viale |piazza |corso |p.o. box|\
         po box|postfach",
    ),
    (
        Word::Password,
        "password|passwd|pwd|passphrase|passcode|passwort|kennwort|mot de passe|contraseña|senha|wachtwoord|pass_word|\
         pin is|pin:|pin code|client_secret|clientsecret|secret_key|secretkey|secret key|api_secret|aws_secret",
    ),
    (
        Word::Key,
        "api_key|api-key|apikey|api key|access_key|access-key|accesskey|access key|auth_key|private_key|signing_key|\
         encryption_key|token|secret|credential|session_id|sessionid|sid=|cookie|_key|sig=|signature=",
    ),
    (
        Word::Scheme,
        "bearer |basic |authorization: |authorization\": ",
    ),
    (Word::Url, "://"),
    (Word::Pem, "-----begin "),
    (Word::Street, "zip code|postcode"),
    (Word::Version, "firmware"),
];
