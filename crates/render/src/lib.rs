//! Notes as a document: what an export looks like, and how much of it fits into a token budget.
//!
//! Pure: notes in, text out. All text of a note is foreign, and whatever it is, it breaks out of no
//! format and shows everything that a terminal would obey or hide. A document is made in parts (its
//! head, each note, its foot with the receipt), so that it is never whole in memory. The same parts give
//! the same bytes: there is no clock, no order of its own and no setting here. What may leave is decided
//! elsewhere, and where the text goes too. Spec: `docs/spec/export.md`.

mod budget;
mod document;
mod escape;
mod estimate;
mod for_agent;
mod format;
pub mod handoff;
mod hcr;
mod json;
mod markdown;
mod neutral;
mod text;
mod xml;

pub use budget::{Choice, Limit, Overflow, RenderError, Rendered, Rendering, Weighing};
pub use document::{Budget, Exported, Head, JsonLine, Receipt, Selection, reasons, status};
pub use escape::{Lines, escape, is_hostile};
pub use estimate::{ESTIMATOR, Meter, tokens};
pub use for_agent::{AgentFormat, neutral_note, words};
pub use format::Format;
pub use hcr::{HCR_BYTES_MAX, HCR_NOTES_MAX};
pub use json::plain_json;
pub use neutral::{Neutral, Warning, neutral};
