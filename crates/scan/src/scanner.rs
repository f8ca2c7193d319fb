//! The scanner: all rules over a view, findings back in the text, until a masked copy is clean.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, LazyLock, OnceLock};

use regex::Regex;

use crate::keys::{self, Key};
use crate::mask;
use crate::named::Named;
use crate::rules::{Pii, Rules};
use crate::values::Known;
use crate::view::{Field, Place, View};
use crate::words::{Context, Word, Words};
use crate::{dates, numbers, places, secrets};

/// What is known about a text beside itself. The default knows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hint<'a> {
    /// The name of the field that the text is the value of, such as a column of a table.
    pub field: &'a str,
    /// The text that this one answers. If it asks for dates of birth, dates are read as such.
    pub asked: &'a str,
    /// Values that are known from elsewhere: each is one here too, whatever stands around it.
    pub known: Option<Known<'a>>,
}

/// A value in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub kind: Pii,
    /// Bytes of the text, on borders of characters. Findings of one scan are in order and apart.
    pub range: Range<usize>,
    /// The rule that found it, for people who ask why.
    pub rule: &'static str,
    pub(crate) form: Form,
}

/// How a mask is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    /// The name of a member of an object: the how many-th of its kind there.
    Key(u32),
    /// A JSON number, inside so many strings: becomes a string.
    Number(u8),
}

/// A value in a view.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) range: Range<usize>,
    pub(crate) kind: Pii,
    pub(crate) rule: &'static str,
}

/// Rules, compiled. Cheap to clone and to share between threads.
#[derive(Clone, Debug)]
pub struct Scanner {
    inner: Arc<Inner>,
    named: Arc<Named>,
    /// Names of fields: those of the rules and those that are named beside them.
    keys: Arc<[(String, Pii)]>,
}

#[derive(Debug)]
struct Inner {
    rules: Rules,
    words: Words,
    ids: OnceLock<Vec<(Pii, Regex)>>,
}

/// Masking can make a text in which another rule sees something: a word now ends where none ended
/// before. So many readings at most; then what is left is masked whole.
const READINGS_MAX: usize = 6;

impl Scanner {
    /// Compiles the words of all rules; patterns are compiled when a text first needs them.
    pub fn new(rules: &Rules) -> Scanner {
        let firsts = rules
            .ids
            .iter()
            .filter_map(|(id, _)| id.split(['_', '-']).next())
            .map(str::to_string);
        let words = Words::new(firsts);
        Scanner {
            inner: Arc::new(Inner {
                rules: rules.clone(),
                words,
                ids: OnceLock::new(),
            }),
            named: Arc::default(),
            keys: rules.keys.clone().into(),
        }
    }

    /// The same scanner, with these ids in the place of those that it was given so before. Words and
    /// patterns are shared, so nothing is compiled.
    #[must_use]
    pub fn naming(&self, named: Named) -> Scanner {
        let own = self.inner.rules.keys.iter().chain(&named.fields);
        Scanner {
            inner: self.inner.clone(),
            keys: own.cloned().collect(),
            named: named.into(),
        }
    }

    /// Finds all values. In a copy masked by these findings nothing more is found.
    ///
    /// Takes time in proportion to the text, whatever is in it, and memory of a few times the text.
    pub fn scan(&self, text: &str, hint: Hint<'_>) -> Vec<Finding> {
        let mut findings = self.once(text, hint);
        if findings.is_empty() {
            return findings;
        }
        for _ in 1..READINGS_MAX {
            let (masked, edits) = mask::masked(text, &findings);
            let more = self.once(&masked, hint);
            if more.is_empty() {
                return findings;
            }
            let more = more.into_iter().map(|f| Finding {
                range: back(&edits, f.range.clone()),
                ..f
            });
            findings.extend(more);
            findings = merged(findings);
        }
        let (masked, _) = mask::masked(text, &findings);
        if self.once(&masked, hint).is_empty() {
            findings
        } else {
            self.everything(text)
        }
    }

    /// One reading.
    fn once(&self, text: &str, hint: Hint<'_>) -> Vec<Finding> {
        let view = View::new(text);
        let context = self.inner.words.find(&view.text);
        let mut found = Vec::new();
        secrets::find(&context, &mut found);
        numbers::find(&context, &mut found);
        dates::find(&context, &view.fields, self.asks(hint), &mut found);
        places::find(&context, &mut found);
        self.ids(&context, &mut found);
        self.forms(&view.text, &mut found);
        names(&context, &mut found);
        self.fields(&view, &mut found);
        self.lines(&view.text, &mut found);
        self.field_of(hint, &view, &mut found);
        if let Some(known) = hint.known {
            known.find(&view.text, &mut found);
        }
        let urls: Vec<Range<usize>> = found
            .iter()
            .filter(|f| f.rule == "login-in-url")
            .map(|f| f.range.clone())
            .collect();
        found.retain(|f| {
            self.inner.rules.kinds.contains(&f.kind)
                && news(&context, f)
                && !(f.kind == Pii::Email && urls.iter().any(|u| meets(u, &f.range)))
        });
        self.origins(&view, &context, found)
    }

    fn asks(&self, hint: Hint<'_>) -> bool {
        let asked = || View::new(hint.asked);
        !hint.asked.is_empty() && dates::asks(&self.inner.words.find(&asked().text))
    }

    /// Findings of the view as findings of the text.
    fn origins(&self, view: &View<'_>, context: &Context<'_>, found: Vec<Found>) -> Vec<Finding> {
        let mut findings = Vec::with_capacity(found.len());
        let mut keys: Vec<(u32, Finding)> = Vec::new();
        for one in found {
            for (slot, range) in view.origins(one.range.clone()) {
                if range.is_empty() {
                    continue;
                }
                let finding = |form| Finding {
                    kind: one.kind,
                    range: range.clone(),
                    rule: one.rule,
                    form,
                };
                match view.slots[slot as usize].place {
                    Place::Text => findings.push(finding(Form::Text)),
                    Place::Number(depth) => findings.push(finding(Form::Number(depth))),
                    Place::Key(object) => keys.push((object, finding(Form::Key(0)))),
                }
            }
        }
        if !keys.is_empty() {
            findings.extend(numbered(view, context, keys));
        }
        merged(findings)
    }

    /// Values of JSON whose names say what they are.
    fn fields(&self, view: &View<'_>, found: &mut Vec<Found>) {
        if view.fields.is_empty() {
            return;
        }
        let text: &str = &view.text;
        let own = &self.keys;
        let mut known: HashMap<&str, Option<Key>> = HashMap::new();
        let mut lookup = |range: &Range<usize>| {
            let name = &text[range.clone()];
            *known.entry(name).or_insert_with(|| keys::lookup(name, own))
        };
        let company: Vec<Vec<Pii>> = view
            .objects
            .iter()
            .map(|object| {
                let names = object.keys.iter().chain(std::iter::once(&object.under));
                let mut kinds: Vec<Pii> = names
                    .filter_map(&mut lookup)
                    .filter(|k| !k.company)
                    .map(|k| k.kind)
                    .collect();
                kinds.sort_unstable();
                kinds.dedup();
                kinds
            })
            .collect();
        for field in &view.fields {
            let above = || lookup_birth(view, field, own);
            let Some(key) = lookup(&field.key).or_else(above) else {
                continue;
            };
            let beside = &company[field.object as usize];
            let fits_company = match key.kind {
                Pii::Name => [Pii::Email, Pii::Phone, Pii::DateOfBirth, Pii::Name]
                    .iter()
                    .any(|k| beside.contains(k)),
                kind => beside.contains(&kind),
            };
            let whole = trimmed(text, field.value.clone());
            if (key.company && !fits_company) || !keys::fits(key.shape, &text[whole.clone()]) {
                continue;
            }
            let slots = view.origins(whole.clone());
            if slots.iter().all(|(slot, _)| *slot == slots[0].0)
                && (!field.number || key.kind != Pii::Name)
            {
                found.push(Found {
                    range: whole,
                    kind: key.kind,
                    rule: "named-field",
                });
            }
        }
    }

    /// `key: value` lines of text, and quoted names in what is JSON no more, such as a part of it.
    fn lines(&self, text: &str, found: &mut Vec<Found>) {
        let own = &self.keys;
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let start = at;
            at += line.len();
            let head = &line[..line.floor_char_boundary(NAME_MAX.min(line.len()))];
            let Some(sign) = head.find([':', '=']) else {
                continue;
            };
            let Some(key) = keys::lookup(&line[..sign], own) else {
                continue;
            };
            let value = trimmed(
                text,
                start + sign + 1
                    ..start + line.floor_char_boundary((sign + LINE_MAX).min(line.len())),
            );
            if let Some(value) = self.line_value(text, key, value) {
                found.push(Found {
                    range: value,
                    kind: key.kind,
                    rule: "named-line",
                });
            }
        }
        if text.contains("\":") || text.contains("':") || text.contains("\" :") {
            for one in QUOTED.captures_iter(text) {
                let value = one.get(2).or_else(|| one.get(3)).or_else(|| one.get(4));
                let (Some(name), Some(value)) = (one.get(1), value) else {
                    continue;
                };
                let Some(key) = keys::lookup(name.as_str(), own).filter(|k| !k.company) else {
                    continue;
                };
                if keys::fits(key.shape, value.as_str()) {
                    found.push(Found {
                        range: trimmed(text, value.range()),
                        kind: key.kind,
                        rule: "named-field",
                    });
                }
            }
        }
    }

    /// The value of a line's name, if it looks like one; prose has lines with colons too.
    fn line_value(&self, text: &str, key: Key, value: Range<usize>) -> Option<Range<usize>> {
        let line = &text[value.clone()];
        let own =
            self.keys.iter().any(|(_, kind)| *kind == key.kind) && key.shape == keys::Shape::Any;
        let part = line
            .find([',', ';', '|', '\t', '(', '"'])
            .map_or(line, |cut| &line[..cut])
            .trim_end();
        let digits = part.bytes().filter(u8::is_ascii_digit).count();
        let part_range = value.start..value.start + part.len();
        let short = part.split_whitespace().count() <= 4;
        match key.kind {
            _ if key.company || line.is_empty() => None,
            Pii::Address => (digits_of(line) > 0 && address_line(line)).then_some(value),
            Pii::Name => {
                let capitals = part
                    .split_whitespace()
                    .all(|w| w.chars().next().is_some_and(char::is_uppercase));
                (short && capitals && keys::fits(key.shape, part)).then_some(part_range)
            }
            Pii::PaymentCard | Pii::NationalId | Pii::BankAccount => (digits >= 3
                && short
                && keys::fits(key.shape, part)
                && !part.contains(['[', '*', '$', '€', '£', '%']))
            .then_some(part_range),
            Pii::Health => (keys::fits(key.shape, line) && line.len() <= 160).then_some(value),
            Pii::Location => keys::fits(key.shape, line).then_some(value),
            _ if own => (short && keys::fits(key.shape, part)).then_some(part_range),
            _ => None,
        }
    }

    /// The whole text, if the hint names the field that it is the value of.
    fn field_of(&self, hint: Hint<'_>, view: &View<'_>, found: &mut Vec<Found>) {
        if hint.field.is_empty() || !view.fields.is_empty() {
            return;
        }
        let Some(key) = keys::lookup(hint.field, &self.keys).filter(|k| !k.company) else {
            return;
        };
        let whole = trimmed(&view.text, 0..view.text.len());
        if keys::fits(key.shape, &view.text[whole.clone()]) {
            found.push(Found {
                range: whole,
                kind: key.kind,
                rule: "named-field",
            });
        }
    }

    /// Ids that the pack names.
    fn ids(&self, context: &Context<'_>, found: &mut Vec<Found>) {
        if !context.hits.iter().any(|hit| hit.word == Word::Id) {
            return;
        }
        for (kind, regex) in self
            .inner
            .ids
            .get_or_init(|| id_patterns(&self.inner.rules.ids))
        {
            for window in context.windows(Word::Id, 0, ID_REACH) {
                for one in regex.captures_iter(&context.text[window.clone()]) {
                    let start = window.start + one.get(0).map_or(0, |m| m.start());
                    let before = start.checked_sub(1).map(|b| context.text.as_bytes()[b]);
                    // `freeze_debit_card_3892` is something else's name.
                    if before.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_') {
                        continue;
                    }
                    let whole = one.get(0).filter(|_| one.name("joined").is_some());
                    if let Some(value) = whole.or_else(|| one.name("apart")) {
                        let range = window.start + value.start()..window.start + value.end();
                        found.push(Found {
                            range,
                            kind: *kind,
                            rule: "named-id",
                        });
                    }
                }
            }
        }
    }

    /// Ids by how they are written.
    fn forms(&self, text: &str, found: &mut Vec<Found>) {
        self.named.forms.find(text, |range, kind| {
            found.push(Found {
                range,
                kind,
                rule: "named-form",
            });
        });
    }

    /// The last resort: all of a text, or all strings and numbers of a JSON.
    fn everything(&self, text: &str) -> Vec<Finding> {
        let view = View::new(text);
        let found = vec![Found {
            range: 0..view.text.len(),
            kind: Pii::Other,
            rule: "everything",
        }];
        let context = Context {
            text: &view.text,
            hits: Vec::new(),
            masks: Vec::new(),
        };
        self.origins(&view, &context, found)
    }
}

/// A name in `name: value` is found within so many bytes of its line.
const NAME_MAX: usize = 64;
/// The value of a line is read this far, in bytes.
const LINE_MAX: usize = 400;
/// An id and its number stand within so many bytes.
const ID_REACH: usize = 160;

static QUOTED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"["']([A-Za-z0-9_À-ÖØ-öø-ÿ .$-]{1,64})\\?["']\s{0,4}:\s{0,4}(?:\\?"((?:[^"\\\n]|\\[^"\n])+)|'([^'\n]+)|(-?[0-9][0-9.]*))"#).expect("a constant pattern")
});

static MY_NAME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^[:\s]{1,3}([A-ZÀ-Þ][A-Za-z0-9_À-ÖØ-öø-ÿ'’-]*(?: (?:(?:van|von|der|den|de|du|di|da|la|bin|al|el) ){0,2}[A-ZÀ-Þ][A-Za-z0-9_À-ÖØ-öø-ÿ'’.-]*){0,3})")
        .expect("a constant pattern")
});

/// `My name is Mia Li`.
fn names(context: &Context<'_>, found: &mut Vec<Found>) {
    for hit in context.hits.iter().filter(|hit| hit.word == Word::MyName) {
        let end = context
            .text
            .floor_char_boundary((hit.range.end + 160).min(context.text.len()));
        if let Some(name) = MY_NAME
            .captures(&context.text[hit.range.end..end])
            .and_then(|c| c.get(1))
        {
            let range = hit.range.end + name.start()..hit.range.end + name.end();
            found.push(Found {
                range,
                kind: Pii::Name,
                rule: "my-name-is",
            });
        }
    }
}

/// One pattern for all ids of a kind: `gift_card_7815826` whole, and the number in `gift card
/// ending in 7815826`.
fn id_patterns(ids: &[(String, Pii)]) -> Vec<(Pii, Regex)> {
    let mut kinds: Vec<Pii> = ids.iter().map(|(_, kind)| *kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
        .into_iter()
        .filter_map(|kind| {
            let prefixes = ids.iter().filter(|(_, k)| *k == kind);
            let mut prefixes: Vec<String> = prefixes.map(|(id, _)| id.split(['_', '-']).collect::<Vec<_>>().join("[ _-]?")).collect();
            // Leftmost wins among alternatives, so the longest comes first.
            prefixes.sort_by_key(|p| std::cmp::Reverse(p.len()));
            let prefixes = prefixes.join("|");
            let between = r"(?:[\s#:*`('\x22-]{0,3}(?-u:\b)(?:id|ids|number|no\.?|nr\.?|ending|ends|with|in|is|code|method|from))?";
            let pattern = format!(
                r"(?i)(?-u:\b)(?:{prefixes})(?:[_-](?P<joined>[a-z0-9]{{0,63}}[0-9][a-z0-9]{{0,63}})(?-u:\b)|s?{between}{between}{between}[\s#:*`('\x22_-]{{1,4}}(?P<apart>[0-9]{{5,19}})(?-u:\b))"
            );
            Regex::new(&pattern).ok().map(|regex| (kind, regex))
        })
        .collect()
}

/// `{"dob": {"year": 1990}}`: a name above says what its members are.
fn lookup_birth(view: &View<'_>, field: &Field, own: &[(String, Pii)]) -> Option<Key> {
    let under = &view.objects[field.object as usize].under;
    keys::lookup(&view.text[under.clone()], own)
        .filter(|key| key.kind == Pii::DateOfBirth && !under.is_empty())
}

/// Short, with letters and digits, and nothing of a network; a code of digits alone counts.
fn address_line(line: &str) -> bool {
    let network = line.contains("://")
        || line.contains('@')
        || (!line.contains(' ') && line.contains(['.', ':']));
    line.len() <= 160 && !network && keys::fits(keys::Shape::Any, line)
}

fn digits_of(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}

/// Without spaces, quotes and marks of emphasis around it.
fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let part = &text[range.clone()];
    let marks = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '*' | '`' | ',' | ';');
    let left = part.trim_start_matches(marks);
    let start = range.end - left.len();
    start..start + left.trim_end_matches(marks).len()
}

fn meets(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start < b.end && b.start < a.end
}

/// Is there something in it that is no mask yet?
fn news(context: &Context<'_>, found: &Found) -> bool {
    if !context.masked(&found.range) {
        return !found.range.is_empty();
    }
    let first = context
        .masks
        .partition_point(|(mask, _)| mask.end <= found.range.start);
    let mut at = found.range.start;
    for (mask, _) in context.masks[first..]
        .iter()
        .take_while(|(mask, _)| mask.start < found.range.end)
    {
        if mask.start > at && context.text[at..mask.start].contains(char::is_alphanumeric) {
            return true;
        }
        at = at.max(mask.end);
    }
    at < found.range.end && context.text[at..found.range.end].contains(char::is_alphanumeric)
}

/// Masks in names of one object's members get numbers, so that no two names become one.
fn numbered(view: &View<'_>, context: &Context<'_>, mut keys: Vec<(u32, Finding)>) -> Vec<Finding> {
    let mut last: HashMap<(u32, Pii), u32> = HashMap::new();
    for (mask, kind) in &context.masks {
        for (slot, _) in view.origins(mask.clone()) {
            if let Place::Key(object) = view.slots[slot as usize].place {
                let number = context.text[mask.clone()]
                    .trim_end_matches(']')
                    .rsplit(' ')
                    .next();
                let number = number.and_then(|n| n.parse().ok()).unwrap_or(1);
                let known = last.entry((object, *kind)).or_default();
                *known = number.max(*known);
            }
        }
    }
    keys.sort_by_key(|(object, finding)| (*object, finding.range.start));
    let mut findings: Vec<Finding> = Vec::new();
    let mut from = 0;
    while from < keys.len() {
        let object = keys[from].0;
        let to = from
            + keys[from..]
                .iter()
                .take_while(|(o, _)| *o == object)
                .count();
        for mut finding in merged(keys[from..to].iter().map(|(_, f)| f.clone()).collect()) {
            let number = last.entry((object, finding.kind)).or_default();
            *number = number.saturating_add(1);
            finding.form = Form::Key(*number);
            findings.push(finding);
        }
        from = to;
    }
    findings
}

/// In order and apart: what overlaps becomes one, of the kind of the longest.
fn merged(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by_key(|f| (f.range.start, std::cmp::Reverse(f.range.end)));
    let mut apart: Vec<(Finding, usize)> = Vec::with_capacity(findings.len());
    for finding in findings {
        let length = finding.range.len();
        match apart.last_mut() {
            Some((last, longest)) if finding.range.start < last.range.end => {
                let end = last.range.end.max(finding.range.end);
                let range = last.range.start..end;
                if length > *longest {
                    let form = last.form;
                    *longest = length;
                    *last = finding;
                    if matches!(form, Form::Key(_)) {
                        last.form = form;
                    }
                }
                last.range = range;
            }
            _ => apart.push((finding, length)),
        }
    }
    apart.into_iter().map(|(finding, _)| finding).collect()
}

/// A range of a masked text as one of the text; a mask counts whole.
fn back(edits: &[mask::Edit], range: Range<usize>) -> Range<usize> {
    let find = |at: usize, end: bool| {
        let i = edits
            .partition_point(|edit| edit.masked.start < at || (!end && edit.masked.start == at));
        let Some(edit) = i.checked_sub(1).map(|i| &edits[i]) else {
            return at;
        };
        if at < edit.masked.end || (end && at == edit.masked.end) {
            return if end { edit.raw.end } else { edit.raw.start };
        }
        edit.raw.end + (at - edit.masked.end)
    };
    find(range.start, false)..find(range.end, true)
}
