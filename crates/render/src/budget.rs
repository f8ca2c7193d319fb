//! A document that fits into a number of tokens, made from notes that are read twice.
//!
//! The first reading weighs each note and keeps a few bytes for it ([`Weighing`]); what is in the
//! document follows from the weights alone ([`Choice`]); the second reading writes ([`Rendering`]). No
//! note is ever cut, and no more than one is in memory here. Between the readings notes can change: a
//! note that grew is left out if it does not fit any more, and a document that would not keep its bound
//! is an error before its end is written. Spec: `docs/spec/export.md`, "Budgets".

use crate::hcr::{HCR_BYTES_MAX, HCR_NOTES_MAX, Held};
use crate::{Budget, ESTIMATOR, Format, Head, Meter, Receipt, tokens};
use kitbag_rpc::{ExportedNote, Withheld};
use std::cmp::Reverse;

/// Tokens of the budget for which the receipt names one note that was left out: an id takes about forty,
/// so the names take about a tenth.
const TOKENS_PER_NAME: u64 = 400;
/// Notes that the receipt names in any case, if so many were left out.
const NAMES_MIN: u64 = 8;

/// What to do with notes that do not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// Nothing is written.
    Fail,
    /// Whole notes are left out, those first that matter least.
    Trim,
}

impl Overflow {
    /// Both of them.
    pub const ALL: [Overflow; 2] = [Self::Fail, Self::Trim];

    /// The word in commands.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Trim => "trim",
        }
    }
}

/// What a document has to fit into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Tokens of the whole document, by [`tokens`].
    pub max_tokens: u64,
    /// What if it takes more.
    pub on_overflow: Overflow,
}

/// Why there is no document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// It takes more than it may; with [`Overflow::Trim`] even without any note.
    #[error("takes {tokens} tokens by {ESTIMATOR}, and {max_tokens} are allowed")]
    OverBudget {
        /// The smallest budget that it fits into; with [`Overflow::Trim`] without any note.
        tokens: u64,
        /// What it may take.
        max_tokens: u64,
    },
    /// A record in this format holds no more.
    #[error(
        "does not fit into one record of at most {HCR_NOTES_MAX} notes and {HCR_BYTES_MAX} bytes"
    )]
    TooMuch,
    /// It fitted when the notes were weighed, and what was read then for writing does not.
    #[error("notes changed while they were read, and do not fit into {max_tokens} tokens any more")]
    Changed {
        /// What it may take.
        max_tokens: u64,
    },
}

/// Budgets that are tried for the smallest one; each is at least what the one before takes.
const LEAST_TRIES: u32 = 16;

/// A note that was weighed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Weighed {
    /// Its place in the plan.
    at: usize,
    pinned: bool,
    tokens: u64,
}

impl Weighed {
    /// Orders those that stay longest to the front: pinned ones, then what was captured last.
    fn rank(&self) -> (bool, Reverse<usize>) {
        (!self.pinned, Reverse(self.at))
    }
}

/// The first reading.
#[derive(Debug)]
pub struct Weighing {
    format: Format,
    head: u64,
    notes: Vec<Weighed>,
}

impl Weighing {
    /// Begins with what stands before the notes.
    pub fn new(format: Format, head: &Head) -> Weighing {
        Weighing {
            format,
            head: tokens(&format.head(head)),
            notes: Vec::new(),
        }
    }

    /// Weighs the note that stands there in the plan. They come in its order.
    pub fn note(&mut self, at: usize, note: &ExportedNote) {
        let before = self.notes.len() as u64;
        let text = self.format.note(note, before);
        self.notes.push(Weighed {
            at,
            pinned: note.pinned,
            tokens: tokens(&text),
        });
    }

    /// Decides what is in the document. `plan` has the id for each place, `withheld` what stays.
    ///
    /// # Errors
    /// [`RenderError::OverBudget`].
    pub fn choose(
        self,
        limit: Limit,
        plan: &[String],
        withheld: &Withheld,
    ) -> Result<Choice, RenderError> {
        let max_tokens = limit.max_tokens;
        let over = |tokens| RenderError::OverBudget { tokens, max_tokens };
        let foot = |notes: u64, left_out: &[Weighed]| {
            let receipt = receipt(limit, notes, withheld, plan, left_out);
            tokens(&self.format.foot(&receipt))
        };
        let all = self.head + weight(&self.notes) + foot(self.notes.len() as u64, &[]);
        // A larger budget is said in more digits, and names more of what was left out.
        let least = |mut takes: u64, notes: &[Weighed], left_out: &[Weighed]| {
            for _ in 0..LEAST_TRIES {
                let limit = Limit {
                    max_tokens: takes,
                    ..limit
                };
                let receipt = receipt(limit, notes.len() as u64, withheld, plan, left_out);
                let needs = self.head + weight(notes) + tokens(&self.format.foot(&receipt));
                if needs <= takes {
                    break;
                }
                takes = needs;
            }
            takes
        };
        if all > max_tokens && limit.on_overflow == Overflow::Fail {
            return Err(over(least(all, &self.notes, &[])));
        }
        let mut ranked = self.notes.clone();
        ranked.sort_unstable_by_key(Weighed::rank);
        if all <= max_tokens {
            return Ok(Choice::new(limit, ranked, Vec::new()));
        }
        // Whatever does not fit even alone would keep out all that ranks below it.
        let room = max_tokens.saturating_sub(self.head + foot(1, &ranked));
        let can_fit = |note: &&Weighed| note.tokens <= room;
        let fitting: Vec<Weighed> = ranked.iter().filter(can_fit).copied().collect();
        let left_out = |kept: usize| {
            let first_out = fitting.get(kept).map(Weighed::rank);
            let is_out = |note: &&Weighed| {
                note.tokens > room || first_out.is_some_and(|first| note.rank() >= first)
            };
            ranked.iter().filter(is_out).copied().collect::<Vec<_>>()
        };
        let takes = |kept: usize| {
            let notes = weight(&fitting[..kept]);
            self.head + notes + foot(kept as u64, &left_out(kept))
        };
        let none = takes(0);
        if none > max_tokens {
            return Err(over(least(none, &[], &ranked)));
        }
        // A note takes more than its name in the receipt, so what fits is a beginning of the ranks.
        let (mut kept, mut beyond) = (0, fitting.len() + 1);
        while beyond - kept > 1 {
            let middle = kept + (beyond - kept) / 2;
            match takes(middle) <= max_tokens {
                true => kept = middle,
                false => beyond = middle,
            }
        }
        Ok(Choice::new(limit, fitting[..kept].to_vec(), left_out(kept)))
    }
}

fn weight(notes: &[Weighed]) -> u64 {
    notes.iter().map(|note| note.tokens).sum()
}

/// `left_out` in the order of their ranks.
fn receipt(
    limit: Limit,
    notes: u64,
    withheld: &Withheld,
    plan: &[String],
    left_out: &[Weighed],
) -> Receipt {
    let names = (limit.max_tokens / TOKENS_PER_NAME).max(NAMES_MIN);
    let names = usize::try_from(names).unwrap_or(usize::MAX);
    let named = left_out.iter().take(names);
    Receipt {
        notes,
        withheld: withheld.clone(),
        budget: Some(Budget {
            estimator: ESTIMATOR.to_owned(),
            max_tokens: limit.max_tokens,
            notes: left_out.len() as u64,
            over_budget: named
                .filter_map(|note| plan.get(note.at).cloned())
                .collect(),
        }),
    }
}

/// What is in a document and what is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    limit: Limit,
    /// By their places.
    kept: Vec<Weighed>,
    /// By their ranks.
    left_out: Vec<Weighed>,
}

impl Choice {
    fn new(limit: Limit, mut kept: Vec<Weighed>, left_out: Vec<Weighed>) -> Choice {
        kept.sort_unstable_by_key(|note| note.at);
        Choice {
            limit,
            kept,
            left_out,
        }
    }

    /// The places in the plan of the notes to read again, in its order.
    pub fn places(&self) -> Vec<usize> {
        self.kept.iter().map(|note| note.at).collect()
    }
}

/// A document that is being written.
#[derive(Debug)]
pub struct Rendering<'p> {
    format: Format,
    plan: &'p [String],
    choice: Option<Choice>,
    /// Of the kept notes, how many are behind; and what those to come were weighed at.
    behind: usize,
    to_come: u64,
    notes: u64,
    meter: Meter,
    /// A record that cannot be written note by note.
    held: Option<(Head, Held)>,
}

/// A document that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Notes in it.
    pub notes: u64,
    /// What it takes, by [`tokens`].
    pub tokens: u64,
    /// The ids of all notes that were left out so that it fits, those first that a larger budget would
    /// take first.
    pub over_budget: Vec<String>,
}

impl<'p> Rendering<'p> {
    /// A document of whatever length, or as it was chosen; and what stands before its notes.
    pub fn begin(
        format: Format,
        head: &Head,
        plan: &'p [String],
        choice: Option<Choice>,
    ) -> (Rendering<'p>, String) {
        let mut rendering = Rendering {
            format,
            plan,
            to_come: choice.as_ref().map_or(0, |choice| weight(&choice.kept)),
            choice,
            behind: 0,
            notes: 0,
            meter: Meter::default(),
            held: (format == Format::Hcr).then(|| (head.clone(), Held::default())),
        };
        let text = format.head(head);
        rendering.meter.add(&text);
        match rendering.held {
            None => (rendering, text),
            Some(_) => (rendering, String::new()),
        }
    }

    /// The note that stands there in the plan; nothing if it grew and does not fit any more. They come
    /// in the order of the plan, and any may be missing that must not leave by now. Of a record that is
    /// held, nothing is to be written yet.
    ///
    /// # Errors
    /// [`RenderError::Changed`], [`RenderError::TooMuch`].
    pub fn note(
        &mut self,
        at: usize,
        note: &ExportedNote,
        withheld: &Withheld,
    ) -> Result<Option<String>, RenderError> {
        let text = self.format.note(note, self.notes);
        self.pass_by(at);
        let takes = tokens(&text);
        if !self.fits(at, takes, withheld) {
            self.leave_out(Weighed {
                at,
                pinned: note.pinned,
                tokens: takes,
            })?;
            return Ok(None);
        }
        self.notes += 1;
        self.meter.add(&text);
        match &mut self.held {
            None => Ok(Some(text)),
            Some((_, held)) => match held.take(note) {
                true => Ok(Some(String::new())),
                false => Err(RenderError::TooMuch),
            },
        }
    }

    /// What stands after the notes, and what was written.
    ///
    /// # Errors
    /// [`RenderError::Changed`].
    pub fn end(mut self, withheld: &Withheld) -> Result<(String, Rendered), RenderError> {
        let left_out = self.choice.as_ref().map(|choice| &choice.left_out[..]);
        let left_out = left_out.unwrap_or_default();
        let receipt = match &self.choice {
            Some(choice) => receipt(choice.limit, self.notes, withheld, self.plan, left_out),
            None => Receipt {
                notes: self.notes,
                withheld: withheld.clone(),
                budget: None,
            },
        };
        let (text, tokens) = match self.held.take() {
            Some((head, held)) => {
                let text = held.whole(&head, &receipt);
                let tokens = tokens(&text);
                (text, tokens)
            }
            None => {
                let text = self.format.foot(&receipt);
                self.meter.add(&text);
                (text, self.meter.tokens())
            }
        };
        match &self.choice {
            Some(choice) if tokens > choice.limit.max_tokens => Err(RenderError::Changed {
                max_tokens: choice.limit.max_tokens,
            }),
            _ => {
                let ids = left_out.iter().filter_map(|note| self.plan.get(note.at));
                let rendered = Rendered {
                    notes: self.notes,
                    tokens,
                    over_budget: ids.cloned().collect(),
                };
                Ok((text, rendered))
            }
        }
    }

    /// Whether a note can be written that now takes so much, with all that are to come and the receipt.
    fn fits(&self, at: usize, takes: u64, withheld: &Withheld) -> bool {
        let Some(choice) = &self.choice else {
            return true;
        };
        let last = self.behind.checked_sub(1).map(|last| choice.kept[last]);
        let weighed = last.filter(|note| note.at == at).map(|note| note.tokens);
        if weighed.is_some_and(|weighed| takes <= weighed) {
            return true;
        }
        let notes = self.notes + 1;
        let receipt = receipt(choice.limit, notes, withheld, self.plan, &choice.left_out);
        let foot = tokens(&self.format.foot(&receipt));
        self.meter.tokens() + takes + self.to_come + foot <= choice.limit.max_tokens
    }

    /// Takes a note out of the choice, if that may be.
    fn leave_out(&mut self, grown: Weighed) -> Result<(), RenderError> {
        let Some(choice) = &mut self.choice else {
            return Ok(());
        };
        let max_tokens = choice.limit.max_tokens;
        if choice.limit.on_overflow == Overflow::Fail {
            return Err(RenderError::Changed { max_tokens });
        }
        let before = |one: &Weighed| one.rank() < grown.rank();
        let place = choice.left_out.partition_point(before);
        choice.left_out.insert(place, grown);
        Ok(())
    }

    /// Those before this place that did not come will not come any more.
    fn pass_by(&mut self, at: usize) {
        let Some(choice) = &self.choice else { return };
        while let Some(note) = choice.kept.get(self.behind)
            && note.at <= at
        {
            self.to_come -= note.tokens;
            self.behind += 1;
        }
    }
}
