//! Numbers: cards, bank accounts, national ids, phones, network addresses, places by degrees; and
//! mail addresses, which are found by their `@` as numbers are by their digits.

use std::net::Ipv6Addr;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::checksums;
use crate::rules::Pii;
use crate::scanner::Found;
use crate::words::{Context, Word};

/// Digits that stand together.
struct Block {
    start: usize,
    end: usize,
}

impl Block {
    fn len(&self) -> usize {
        self.end - self.start
    }
}

/// A word explains a number that stands this close behind it, in bytes.
const NEAR: usize = 48;
/// Words that a hyphen may tie to a phone number.
const LINES: [&[u8]; 16] = [
    b"tel",
    b"home",
    b"work",
    b"office",
    b"direct",
    b"main",
    b"desk",
    b"private",
    b"privat",
    b"dienstlich",
    b"number",
    b"no",
    b"nr",
    b"num",
    b"call",
    b"on",
];

pub(crate) fn find(context: &Context<'_>, out: &mut Vec<Found>) {
    digits(context, out);
    ibans(context, out);
    lettered(context, out);
    emails(context, out);
    hardware(context, out);
}

fn digits(context: &Context<'_>, out: &mut Vec<Found>) {
    let text = context.text.as_bytes();
    let blocks = blocks(text);
    let scan = Digits {
        context,
        text,
        blocks: &blocks,
    };
    let mut i = 0;
    while i < blocks.len() {
        match scan.at(i) {
            Some((used, found)) => {
                out.push(found);
                i += used;
            }
            None => i += 1,
        }
    }
}

fn blocks(text: &[u8]) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut at = 0;
    while let Some(step) = text[at..].iter().position(u8::is_ascii_digit) {
        let start = at + step;
        at = start
            + text[start..]
                .iter()
                .take_while(|b| b.is_ascii_digit())
                .count();
        blocks.push(Block { start, end: at });
    }
    blocks
}

struct Digits<'c, 'v> {
    context: &'c Context<'v>,
    text: &'v [u8],
    blocks: &'c [Block],
}

impl Digits<'_, '_> {
    /// What starts with this block, and how many blocks it takes.
    fn at(&self, i: usize) -> Option<(usize, Found)> {
        let start = self.blocks[i].start;
        if self.blocks[i].len() > 19 || !self.free_before(start) {
            return None;
        }
        self.network(i)
            .or_else(|| self.degrees(i))
            .or_else(|| self.card(i))
            .or_else(|| self.national(i))
            .or_else(|| self.imei(i))
            .or_else(|| self.phone(i))
            .or_else(|| self.account(i))
    }

    /// Not in the middle of a word or of a decimal number.
    fn free_before(&self, start: usize) -> bool {
        let Some(before) = start.checked_sub(1) else {
            return true;
        };
        let fraction = || {
            before
                .checked_sub(1)
                .is_some_and(|b| self.text[b].is_ascii_digit())
        };
        match self.text[before] {
            b'.' | b',' => {
                !fraction()
                    || self
                        .text
                        .get(start + 3)
                        .is_some_and(|b| matches!(b, b'.' | b'-' | b' '))
            }
            b => !b.is_ascii_alphanumeric() && b < 0x80 || is_cjk_tail(self.text, before),
        }
    }

    fn free_after(&self, end: usize) -> bool {
        match self.text.get(end) {
            Some(b'.' | b',') => !self.text.get(end + 1).is_some_and(u8::is_ascii_digit),
            Some(b) => !b.is_ascii_alphanumeric() && *b != b'_',
            None => true,
        }
    }

    fn gap(&self, i: usize) -> &[u8] {
        match (self.blocks.get(i), self.blocks.get(i + 1)) {
            (Some(a), Some(b)) => &self.text[a.end..b.start],
            _ => b"\n\n",
        }
    }

    fn values(&self, blocks: Range<usize>) -> Vec<u8> {
        let bytes = self.blocks[blocks]
            .iter()
            .flat_map(|b| &self.text[b.start..b.end]);
        bytes.map(|b| b - b'0').collect()
    }

    fn found(&self, blocks: Range<usize>, kind: Pii, rule: &'static str) -> Option<(usize, Found)> {
        let range = self.blocks[blocks.start].start..self.blocks[blocks.end - 1].end;
        Some((blocks.len(), Found { range, kind, rule }))
    }

    fn near(&self, i: usize, word: Word) -> bool {
        self.context.before(self.blocks[i].start, word, NEAR)
    }

    /// The most blocks from `i` that are joined by such gaps and have at most `most` digits.
    fn joined(&self, i: usize, most: usize, gap: impl Fn(&[u8]) -> bool) -> usize {
        let mut total = self.blocks[i].len();
        let mut end = i + 1;
        while end < self.blocks.len()
            && gap(self.gap(end - 1))
            && total + self.blocks[end].len() <= most
        {
            total += self.blocks[end].len();
            end += 1;
        }
        end
    }

    fn card(&self, i: usize) -> Option<(usize, Found)> {
        let gap = |gap: &[u8]| {
            (1..=2).contains(&gap.len())
                && gap != b"\n\n"
                && gap.iter().all(|b| b" -.\t\n\r_".contains(b))
        };
        let most = self.joined(i, 19, gap);
        let digits: usize = self.blocks[i..most].iter().map(Block::len).sum();
        let odd = self.blocks[i..most]
            .iter()
            .take(2)
            .any(|block| block.len() == 1);
        if digits < 12 || (odd && !self.near(i, Word::Card)) {
            return None;
        }
        for end in (i + 1..=most).rev() {
            let values = self.values(i..end);
            if values.len() < 12 {
                break;
            }
            let shape = self.card_shape(i..end, values.len());
            let sure = issuer(&values);
            let told = shape != Shape::Odd || self.near(i, Word::Card);
            let wanted = sure == Issuer::Sure
                || (sure == Issuer::Maybe && (shape == Shape::Fours || self.near(i, Word::Card)));
            if wanted
                && told
                && self.free_after(self.blocks[end - 1].end)
                && !checksums::same(&values)
                && checksums::luhn(&values)
            {
                return self.found(i..end, Pii::PaymentCard, "card-number");
            }
        }
        None
    }

    fn card_shape(&self, blocks: Range<usize>, digits: usize) -> Shape {
        let lens: Vec<usize> = self.blocks[blocks].iter().map(Block::len).collect();
        match &lens[..] {
            [_] => Shape::Whole,
            [4, 6, 5] | [4, 6, 4] => Shape::Fours,
            [head @ .., last] if head.iter().all(|&n| n == 4) && *last <= 4 && digits >= 13 => {
                Shape::Fours
            }
            _ if lens.iter().all(|&n| n >= 2) => Shape::Whole,
            _ => Shape::Odd,
        }
    }

    fn national(&self, i: usize) -> Option<(usize, Found)> {
        let start = self.blocks[i].start;
        if self.blocks[i].len() < 2 && !matches!(self.text[start], b'1' | b'2') {
            return None; // only France writes one digit first
        }
        let lens = |n: usize| {
            self.blocks
                .get(i..i + n)
                .map(|b| b.iter().map(Block::len).collect::<Vec<_>>())
        };
        let gaps = |list: &[&[u8]]| {
            list.iter()
                .enumerate()
                .all(|(k, gap)| self.gap(i + k) == *gap)
        };
        let told = || self.near(i, Word::National);
        let take = |n: usize, rule: &'static str| {
            let end = self.blocks[i + n - 1].end;
            if self.free_after(end) {
                self.found(i..i + n, Pii::NationalId, rule)
            } else {
                None
            }
        };
        if lens(3).is_some_and(|l| l == [3, 2, 4]) {
            let dashes = gaps(&[b"-", b"-"]);
            if (dashes || (gaps(&[b" ", b" "]) && told())) && ssn(&self.values(i..i + 3)) {
                return take(3, "us-ssn");
            }
        }
        if lens(4).is_some_and(|l| l == [2, 3, 3, 3])
            && gaps(&[b" ", b" ", b" "])
            && checksums::german_tax_id(&self.values(i..i + 4))
        {
            return take(4, "german-tax-id");
        }
        if lens(4).is_some_and(|l| l == [3, 4, 4, 2])
            && self.text[self.blocks[i].start..].starts_with(b"756")
            && gaps(&[b".", b".", b"."])
            && checksums::ean13(&self.values(i..i + 4))
        {
            return take(4, "swiss-ahv");
        }
        if lens(4).is_some_and(|l| l == [3, 3, 3, 2])
            && gaps(&[b".", b".", b"-"])
            && checksums::cpf(&self.values(i..i + 4))
        {
            return take(4, "brazilian-cpf");
        }
        if lens(2).is_some_and(|l| l == [6, 4] || l == [8, 4]) && (gaps(&[b"-"]) || gaps(&[b"+"])) {
            let values = self.values(i..i + 2);
            let ten = &values[values.len() - 10..];
            if matches!(ten[2] * 10 + ten[3], 1..=12)
                && matches!(ten[4] * 10 + ten[5], 1..=31 | 61..=91)
                && checksums::luhn(ten)
            {
                return take(2, "swedish-personnummer");
            }
        }
        let spaced = self.joined(i, 15, |gap| gap == b" ");
        let french = matches!(self.blocks[i].len(), 1 | 13 | 15) && spaced - i <= 7;
        if french && self.values(i..spaced).len() == 15 && checksums::nir(&self.values(i..spaced)) {
            return take(spaced - i, "french-nir");
        }
        if !told() {
            return None;
        }
        let most = self.joined(i, 12, |gap| matches!(gap, b" " | b"-" | b"." | b"/"));
        (i + 1..=most).rev().find_map(|end| {
            let values = self.values(i..end);
            let rule = match values.len() {
                12 if checksums::aadhaar(&values) => "indian-aadhaar",
                11 if checksums::german_tax_id(&values) => "german-tax-id",
                11 if checksums::pesel(&values) => "polish-pesel",
                11 if checksums::cpf(&values) => "brazilian-cpf",
                9 if checksums::bsn(&values) => "dutch-bsn",
                9 if ssn(&values) => "us-ssn",
                9 if checksums::luhn(&values) => "canadian-sin",
                7..=12 if end == i + 1 => "national-number",
                _ => return None,
            };
            take(end - i, rule)
        })
    }

    fn imei(&self, i: usize) -> Option<(usize, Found)> {
        let end = self.joined(i, 20, |gap| matches!(gap, b"-" | b" " | b"/"));
        let digits = self.values(i..end).len();
        if (14..=20).contains(&digits) && self.near(i, Word::Imei) {
            return self.found(i..end, Pii::DeviceIdentifier, "imei");
        }
        None
    }

    fn network(&self, i: usize) -> Option<(usize, Found)> {
        let four = self.blocks.get(i..i + 4)?;
        if (0..3).any(|k| self.gap(i + k) != b".") || !four.iter().all(|b| b.len() <= 3) {
            return None;
        }
        let octets: Vec<u32> = four
            .iter()
            .map(|b| {
                self.text[b.start..b.end]
                    .iter()
                    .fold(0, |n, d| n * 10 + u32::from(d - b'0'))
            })
            .collect();
        let end = four[3].end;
        let before = four[0].start.checked_sub(1).map(|b| self.text[b]);
        let plain = octets.iter().all(|&o| o < 256)
            && !matches!(octets[0], 0 | 127 | 255)
            && octets != [1, 2, 3, 4];
        let alone = before != Some(b'.')
            && self.free_after(end)
            && !self.context.before(four[0].start, Word::Version, 12);
        if plain && alone {
            self.found(i..i + 4, Pii::DeviceIdentifier, "ipv4")
        } else {
            None
        }
    }

    /// Two numbers with four decimals or more: a latitude and a longitude.
    fn degrees(&self, i: usize) -> Option<(usize, Found)> {
        let four = self.blocks.get(i..i + 4)?;
        let between = self.gap(i + 1);
        let comma = between.iter().any(|b| matches!(b, b',' | b';')) && between.len() <= 4;
        let shape = self.gap(i) == b"." && self.gap(i + 2) == b"." && comma;
        if !shape
            || !between.iter().all(|b| b" ,;+-".contains(b))
            || four[0].len() > 2
            || four[2].len() > 3
        {
            return None;
        }
        let whole = |b: &Block| {
            self.text[b.start..b.end]
                .iter()
                .fold(0u32, |n, d| n * 10 + u32::from(d - b'0'))
        };
        let place = four[1].len() >= 4
            && four[3].len() >= 4
            && whole(&four[0]) <= 90
            && whole(&four[2]) <= 180;
        let (used, mut found) = self
            .found(i..i + 4, Pii::Location, "degrees")
            .filter(|_| place)?;
        if found.range.start > 0 && matches!(self.text[found.range.start - 1], b'-' | b'+') {
            found.range.start -= 1;
        }
        Some((used, found))
    }

    fn phone(&self, i: usize) -> Option<(usize, Found)> {
        let gap =
            |gap: &[u8]| (1..=3).contains(&gap.len()) && gap.iter().all(|b| b" -./()".contains(b));
        let mut end = self.joined(i, 15, gap);
        let start = self.blocks[i].start;
        let plus = self.text[..start]
            .iter()
            .rev()
            .take(3)
            .take_while(|b| b"+( ".contains(b))
            .position(|b| *b == b'+');
        let local = self.text[start] == b'0';
        if let Some(back) = plus {
            let digits = self.values(i..end).len();
            let before = (start - 1 - back).checked_sub(1).map(|b| self.text[b]);
            let alone = !before.is_some_and(|b| b.is_ascii_alphanumeric());
            if alone
                && (8..=15).contains(&digits)
                && !local
                && self.free_after(self.blocks[end - 1].end)
            {
                let (used, mut found) = self.found(i..end, Pii::Phone, "international")?;
                found.range.start = start - 1 - back;
                return Some((used, found));
            }
        }
        if let Some(found) = self.american(i) {
            return Some(found);
        }
        let told = self.context.before(start, Word::Phone, 32) && !self.named(i);
        if i > 0 && matches!(self.gap(i - 1), b" " | b"-" | b"." | b"/") {
            return None; // the rest of a longer number
        }
        // What follows a number is another one if it is not joined as the first two blocks are.
        while end > i + 1 && !told && self.gap(end - 1 - 1) != self.gap(i) && end - i > 2 {
            end -= 1;
        }
        let lens: Vec<usize> = self.blocks[i..end].iter().map(Block::len).collect();
        let digits: usize = lens.iter().sum();
        let second = self.text.get(start + 1).is_some_and(|b| *b != b'0');
        let french = lens == [2; 5] && local && second;
        let area = lens.len() > 1
            && local
            && (3..=5).contains(&lens[0])
            && (9..=12).contains(&digits)
            && second;
        let zeros = self.text[start..].starts_with(b"00")
            && (10..=15).contains(&digits)
            && self.text.get(start + 2) != Some(&b'0');
        let date = lens.len() == 3 && lens.contains(&4) && digits == 8;
        if (french || area || zeros || (told && (6..=15).contains(&digits) && !date))
            && self.free_after(self.blocks[end - 1].end)
        {
            let rule = if told { "after-word" } else { "national" };
            let (used, mut found) = self.found(i..end, Pii::Phone, rule)?;
            if start > 0 && self.text[start - 1] == b'(' {
                found.range.start -= 1;
            }
            return Some((used, found));
        }
        None
    }

    /// Whether a hyphen ties this number to a word, as in `ACME-778812`, which makes it an id: not if it
    /// begins as phones do (0171…, 555-0123), nor if the word says whose or which line it is.
    fn named(&self, i: usize) -> bool {
        let start = self.blocks[i].start;
        let letter = |b: &u8| b.is_ascii_alphabetic() || *b >= 0x80;
        let text = &self.text[..start];
        let tie = text.iter().rev().take(NEAR);
        let length = tie.take_while(|b| letter(b) || **b == b'-').count();
        let tie = &text[start - length..];
        let Some(word) = tie.strip_suffix(b"-") else {
            return false;
        };
        let lengths = self.blocks[i..].iter().take(2).map(Block::len);
        let local = self.gap(i) == b"-" && lengths.eq([3, 4]);
        let of_a_line = |word: &[u8]| LINES.iter().any(|line| word.eq_ignore_ascii_case(line));
        word.last().is_some_and(letter)
            && self.text[start] != b'0'
            && !local
            && !word.split(|b| *b == b'-').any(of_a_line)
            && !self.context.before(start, Word::Phone, length - 1)
    }

    /// (212) 555-0123, 212-555-0123, 1.212.555.0123: the plan of North America.
    fn american(&self, i: usize) -> Option<(usize, Found)> {
        let start = self.blocks[i].start;
        let country = self.blocks[i].len() == 1 && self.text[start] == b'1';
        let first = if country { i + 1 } else { i };
        let lens = self
            .blocks
            .get(first..first + 3)?
            .iter()
            .map(Block::len)
            .collect::<Vec<_>>();
        let (a, b) = (self.gap(first), self.gap(first + 1));
        let marks = |gap: &[u8]| {
            matches!(
                gap,
                b"-" | b"." | b") " | b")-" | b")" | b" " | b"/" | b" - "
            )
        };
        let clear = a != b" " || b == b"-";
        let leads = [first, first + 1]
            .iter()
            .all(|&k| matches!(self.text[self.blocks[k].start], b'2'..=b'9'));
        if lens != [3, 3, 4] || !marks(a) || !marks(b) || !clear || !leads {
            return None;
        }
        if country && !matches!(self.gap(i), b"-" | b"." | b" " | b" (" | b"(" | b"-(") {
            return None;
        }
        if !self.free_after(self.blocks[first + 2].end) {
            return None;
        }
        let (used, mut found) = self.found(i..first + 3, Pii::Phone, "north-american")?;
        if !country && start > 0 && self.text[start - 1] == b'(' {
            found.range.start -= 1;
        }
        Some((used, found))
    }

    fn account(&self, i: usize) -> Option<(usize, Found)> {
        if !self.near(i, Word::Bank) {
            return None;
        }
        let end = self.joined(i, 18, |gap| matches!(gap, b" " | b"-"));
        let values = self.values(i..end);
        let known =
            values.len() == 6 && end == i + 3 || values.len() == 9 && checksums::aba(&values);
        let plain = (6..=18).contains(&values.len());
        if (known || plain) && self.free_after(self.blocks[end - 1].end) {
            return self.found(i..end, Pii::BankAccount, "account-number");
        }
        None
    }
}

/// Letters of scripts that write no spaces may touch a number.
fn is_cjk_tail(text: &[u8], at: usize) -> bool {
    text[at] >= 0x80
}

#[derive(PartialEq, Eq)]
enum Shape {
    /// One block, or blocks of several digits.
    Whole,
    /// As it stands on a card.
    Fours,
    /// Digit by digit.
    Odd,
}

#[derive(PartialEq, Eq)]
enum Issuer {
    Sure,
    /// Also many other numbers start so.
    Maybe,
    No,
}

/// Whose card it is, by the first digits and the length (ISO/IEC 7812 ranges that issuers publish).
fn issuer(digits: &[u8]) -> Issuer {
    let lead = |n: usize| digits[..n].iter().fold(0u32, |v, &d| v * 10 + u32::from(d));
    let length = digits.len();
    match (lead(1), lead(2), lead(3), lead(4)) {
        (4, ..) if matches!(length, 16 | 19) => Issuer::Sure,
        (4, ..) if length == 13 => Issuer::Maybe,
        (_, 51..=55, ..) | (_, _, _, 2221..=2720) if length == 16 => Issuer::Sure,
        (_, 34 | 37, ..) if length == 15 => Issuer::Sure,
        (_, 65, ..) | (_, _, 644..=649, _) | (_, _, _, 6011) if (16..=19).contains(&length) => {
            Issuer::Sure
        }
        (_, 36 | 38 | 39, ..) | (_, _, 300..=305, _) if matches!(length, 14 | 16..=19) => {
            Issuer::Sure
        }
        (_, _, _, 3528..=3589) if (16..=19).contains(&length) => Issuer::Sure,
        (_, 62, ..) if (16..=19).contains(&length) => Issuer::Sure,
        (_, _, _, 2200..=2204) if length == 16 => Issuer::Sure,
        (_, 50 | 56..=69, ..) | (_, 81 | 82, ..) | (_, _, 508, _)
            if (12..=19).contains(&length) =>
        {
            Issuer::Maybe
        }
        _ => Issuer::No,
    }
}

/// Numbers that the Social Security Administration gives: no area 000, 666, 9xx, no group 00, no
/// serial 0000.
fn ssn(d: &[u8]) -> bool {
    let area = u32::from(d[0]) * 100 + u32::from(d[1]) * 10 + u32::from(d[2]);
    d.len() == 9
        && !matches!(area, 0 | 666 | 900..)
        && d[3..5] != [0, 0]
        && d[5..] != [0, 0, 0, 0]
        && !checksums::same(d)
}

static IBAN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[A-Za-z]{2} ?[0-9]{2}").expect("a constant pattern"));

fn ibans(context: &Context<'_>, out: &mut Vec<Found>) {
    let text = context.text.as_bytes();
    let mut at = 0;
    while let Some(found) = IBAN.find_at(context.text, at) {
        let start = found.start();
        // The second letter may be where the right one starts.
        at = start + 1;
        if start > 0 && text[start - 1].is_ascii_alphanumeric() {
            continue;
        }
        let Some(length) = checksums::iban_length([text[start], text[start + 1]]) else {
            continue;
        };
        if let Some(end) = iban_end(text, start, length) {
            out.push(Found {
                range: start..end,
                kind: Pii::BankAccount,
                rule: "iban",
            });
            at = end;
        }
    }
}

/// The end of an IBAN of this many characters, with single spaces, hyphens or dots between.
fn iban_end(text: &[u8], start: usize, length: usize) -> Option<usize> {
    let mut chars = Vec::with_capacity(length);
    let mut at = start;
    while chars.len() < length {
        match text.get(at)? {
            b if b.is_ascii_alphanumeric() => chars.push(*b),
            b' ' | b'-' | b'.' | b'\n' | b'\t' if text[at - 1].is_ascii_alphanumeric() => {}
            _ => return None,
        }
        at += 1;
    }
    let free = !text.get(at).is_some_and(u8::is_ascii_alphanumeric);
    (free && checksums::iban(&chars)).then_some(at)
}

static LETTERED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)(?-u:\b)(?:(?P<nino>[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D])|(?P<dni>(?:[XYZ]-?[0-9]{7}|[0-9]{8})-?[A-Z])|(?P<cf>[A-Z]{6}[0-9]{2}[A-EHLMPRST][0-9]{2}[A-Z][0-9]{3}[A-Z]))(?-u:\b)",
    )
    .expect("a constant pattern")
});

/// National ids with letters.
fn lettered(context: &Context<'_>, out: &mut Vec<Found>) {
    for found in LETTERED.captures_iter(context.text) {
        let Some(whole) = found.get(0) else { continue };
        let bare = whole.as_str().replace('-', "");
        let rule = if found.name("nino").is_some() {
            let capitals = whole.as_str().chars().all(|c| !c.is_ascii_lowercase());
            (capitals || context.before(whole.start(), Word::National, NEAR)).then_some("uk-nino")
        } else if found.name("dni").is_some() {
            checksums::dni(&bare).then_some("spanish-dni")
        } else {
            checksums::codice_fiscale(&bare).then_some("italian-codice-fiscale")
        };
        if let Some(rule) = rule {
            out.push(Found {
                range: whole.range(),
                kind: Pii::NationalId,
                rule,
            });
        }
    }
    passports(context, out);
}

static PASSPORT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)^[^\n]{0,24}?(?-u:\b)([A-Z]{1,3}[0-9]{5,9}|[CFGHJKLMNPRTVWXYZ][CFGHJKLMNPRTVWXYZ0-9]{8})(?-u:\b)",
    )
    .expect("a constant pattern")
});

fn passports(context: &Context<'_>, out: &mut Vec<Found>) {
    for hit in context.hits.iter().filter(|hit| hit.word == Word::National) {
        let end = context
            .text
            .floor_char_boundary((hit.range.end + NEAR).min(context.text.len()));
        let number = PASSPORT
            .captures(&context.text[hit.range.end..end])
            .and_then(|c| c.get(1));
        if let Some(number) =
            number.filter(|n| n.as_str().bytes().filter(u8::is_ascii_digit).count() >= 2)
        {
            let range = hit.range.end + number.start()..hit.range.end + number.end();
            out.push(Found {
                range,
                kind: Pii::NationalId,
                rule: "after-word",
            });
        }
    }
}

/// RFC 5321: 64 before the `@`, 255 behind it.
const LOCAL_MAX: usize = 64;
const DOMAIN_MAX: usize = 255;

fn emails(context: &Context<'_>, out: &mut Vec<Found>) {
    let text = context.text;
    let mut at = 0;
    while let Some(step) = text[at..].find('@') {
        let sign = at + step;
        at = sign + 1;
        let local_chars = text[..sign].char_indices().rev().take_while(|&(i, c)| {
            sign - i <= LOCAL_MAX && (c.is_alphanumeric() || ".!#$%&'*+-/=?^_`{|}~".contains(c))
        });
        let Some(start) = local_chars.map(|(i, _)| i).last() else {
            continue;
        };
        let start = start
            + text[start..sign]
                .find(|c: char| c.is_alphanumeric() || c == '_')
                .unwrap_or(sign - start);
        let Some(length) = domain(&text[sign + 1..]) else {
            continue;
        };
        let local = &text[start..sign];
        if local.is_empty() || local == "git" || local.ends_with('.') {
            continue;
        }
        let start = start
            + local
                .rfind(['=', '/', '\'', '`', '{', '|', '&', '?'])
                .map_or(0, |cut| cut + 1);
        if start < sign {
            at = sign + 1 + length;
            out.push(Found {
                range: start..at,
                kind: Pii::Email,
                rule: "email",
            });
        }
    }
}

/// The length of a domain with a letter-only last label, or of an address in brackets.
fn domain(text: &str) -> Option<usize> {
    let chars = text
        .char_indices()
        .take_while(|&(i, c)| i < DOMAIN_MAX && (c.is_alphanumeric() || c == '.' || c == '-'));
    let end = chars.map(|(i, c)| i + c.len_utf8()).last()?;
    let name = text[..end].trim_end_matches(['.', '-']);
    let (labels, last) = name.rsplit_once('.')?;
    const FILES: [&str; 8] = ["png", "jpg", "jpeg", "svg", "gif", "webp", "js", "css"];
    let plain = last.chars().count() >= 2
        && (last.chars().all(char::is_alphabetic) || last.starts_with("xn--"));
    let whole = labels.split('.').all(|label| !label.is_empty());
    (plain && whole && !FILES.iter().any(|f| last.eq_ignore_ascii_case(f))).then_some(name.len())
}

static HARDWARE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)(?-u:\b)(?:(?P<mac>[0-9a-f]{2}(?:(?::[0-9a-f]{2}){5}|(?:-[0-9a-f]{2}){5}))(?-u:\b)|[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){2,7})")
        .expect("a constant pattern")
});

/// Hardware addresses and IPv6.
fn hardware(context: &Context<'_>, out: &mut Vec<Found>) {
    for found in HARDWARE.captures_iter(context.text) {
        let Some(whole) = found.get(0) else { continue };
        let rule = if found.name("mac").is_some() {
            Some("mac-address")
        } else {
            let groups = whole.as_str().split(':').filter(|g| !g.is_empty()).count();
            let digits = whole.as_str().bytes().any(|b| b.is_ascii_digit());
            let address = whole
                .as_str()
                .parse::<Ipv6Addr>()
                .is_ok_and(|a| !a.is_loopback());
            (groups >= 3 && digits && address).then_some("ipv6")
        };
        if let Some(rule) = rule {
            out.push(Found {
                range: whole.range(),
                kind: Pii::DeviceIdentifier,
                rule,
            });
        }
    }
}
