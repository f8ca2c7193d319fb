//! Which notes a search or an export is about, by what is said of them beside their text.
//!
//! A filter narrows; it never lets anybody see more. Times are those that capturing devices showed, so
//! they choose what is looked at and decide nothing.
//! Spec: `docs/spec/search.md`, "Filters".

use crate::id::Timestamp;
use crate::pack::note::{ConsentStatus, NoteType, SourceKind, Status, TAG_BYTES_MAX};
use crate::policy::Sensitivity;
use crate::search::fold;
use thiserror::Error;

/// Tags of one filter, at most.
pub const FILTER_TAGS_MAX: usize = 16;
/// Bytes of the text that is looked for in source labels, at most.
pub const FILTER_SOURCE_BYTES_MAX: usize = 512;

/// What a note must be like; what is absent or empty asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    tags: Vec<String>,
    source: Option<String>,
    author: Option<String>,
    /// Exactly this sensitivity.
    pub sensitivity: Option<Sensitivity>,
    /// Captured then or later.
    pub since: Option<Timestamp>,
    /// Captured before that.
    pub until: Option<Timestamp>,
    /// Of this type.
    pub note_type: Option<NoteType>,
    /// Come in by this way.
    pub source_kind: Option<SourceKind>,
    /// In this state.
    pub status: Option<Status>,
    /// With this said of the consent of whom it is about; one of which nothing is said never is.
    pub consent: Option<ConsentStatus>,
}

/// Which notes are meant, by whether they are deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Listed {
    /// Those that are not deleted.
    #[default]
    Kept,
    /// Those that are deleted.
    Deleted,
    /// All of them.
    All,
}

impl Listed {
    /// Whether a note of this status is meant.
    pub fn holds(self, status: Status) -> bool {
        match self {
            Listed::Kept => !status.is_deleted(),
            Listed::Deleted => status.is_deleted(),
            Listed::All => true,
        }
    }

    /// Whether a note of this status is in a list that asks for the status `wanted`, if for any: one
    /// that others replaced is only if it is asked for.
    pub fn lists(self, status: Status, wanted: Option<Status>) -> bool {
        let replaced = status == Status::Superseded && wanted != Some(status);
        self.holds(status) && !(self == Listed::Kept && replaced)
    }

    /// Whether deleted notes are meant.
    pub fn takes_deleted(self) -> bool {
        self != Listed::Kept
    }
}

/// Why something is no filter.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FilterError {
    /// Empty, or longer than any tag.
    #[error("not a tag: {0:?}")]
    NoTag(String),
    /// More than [`FILTER_TAGS_MAX`].
    #[error("more than {FILTER_TAGS_MAX} tags")]
    TooManyTags,
    /// No text to look for in source labels, or more than [`FILTER_SOURCE_BYTES_MAX`].
    #[error(
        "the text to look for in sources is empty, or longer than {FILTER_SOURCE_BYTES_MAX} bytes"
    )]
    NoSource,
    /// No text to look for in authors, or more than [`FILTER_SOURCE_BYTES_MAX`].
    #[error(
        "the text to look for in authors is empty, or longer than {FILTER_SOURCE_BYTES_MAX} bytes"
    )]
    NoAuthor,
}

/// What a filter looks at in a note.
#[derive(Clone, Copy, Debug)]
pub struct Filtered<'a> {
    /// Its tags.
    pub tags: &'a std::collections::BTreeSet<String>,
    /// The label of its source.
    pub source: &'a str,
    /// Its sensitivity.
    pub sensitivity: Sensitivity,
    /// When it was captured.
    pub captured_at: Timestamp,
    /// Its type.
    pub note_type: NoteType,
    /// By which way it came in.
    pub source_kind: SourceKind,
    /// Who wrote it at its source.
    pub author: Option<&'a str>,
    /// Where it stands in its life.
    pub status: Status,
    /// What is said of the consent of whom it is about, whatever has ended since.
    pub consent: Option<ConsentStatus>,
}

impl Filter {
    /// Asks for notes that have all of these tags, compared as search compares.
    ///
    /// # Errors
    /// [`FilterError::NoTag`], [`FilterError::TooManyTags`].
    pub fn with_tags(mut self, tags: &[String]) -> Result<Filter, FilterError> {
        if tags.len() > FILTER_TAGS_MAX {
            return Err(FilterError::TooManyTags);
        }
        for tag in tags {
            let folded = folded_tag(tag);
            if folded.is_empty() || tag.len() > TAG_BYTES_MAX {
                return Err(FilterError::NoTag(tag.chars().take(32).collect()));
            }
            self.tags.push(folded);
        }
        Ok(self)
    }

    /// Asks for notes whose source label holds this text, compared as search compares.
    ///
    /// # Errors
    /// [`FilterError::NoSource`].
    pub fn with_source(mut self, text: &str) -> Result<Filter, FilterError> {
        self.source = Some(wanted(text).ok_or(FilterError::NoSource)?);
        Ok(self)
    }

    /// Asks for notes whose author, at their source, holds this text, compared as search compares.
    ///
    /// # Errors
    /// [`FilterError::NoAuthor`].
    pub fn with_author(mut self, text: &str) -> Result<Filter, FilterError> {
        self.author = Some(wanted(text).ok_or(FilterError::NoAuthor)?);
        Ok(self)
    }

    /// The tags that it asks for, folded.
    pub fn tags(&self) -> &[String] {
        &self.tags
    }

    /// The text that it looks for in source labels, folded.
    pub fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// The text that it looks for in authors, folded.
    pub fn author(&self) -> Option<&str> {
        self.author.as_deref()
    }

    /// Whether it asks for nothing but a sensitivity.
    pub fn is_open(&self) -> bool {
        let only = Filter {
            sensitivity: self.sensitivity,
            ..Filter::default()
        };
        *self == only
    }

    /// Whether a note is like that.
    pub fn admits(&self, note: Filtered<'_>) -> bool {
        let has = |wanted: &String| note.tags.iter().any(|tag| folded_tag(tag) == *wanted);
        self.sensitivity.is_none_or(|only| only == note.sensitivity)
            && self.since.is_none_or(|since| note.captured_at >= since)
            && self.until.is_none_or(|until| note.captured_at < until)
            && self.note_type.is_none_or(|only| only == note.note_type)
            && self
                .source
                .as_ref()
                .is_none_or(|text| fold(note.source).contains(text))
            && self.source_kind.is_none_or(|only| only == note.source_kind)
            && self.status.is_none_or(|only| only == note.status)
            && self.consent.is_none_or(|only| note.consent == Some(only))
            && self.author.as_ref().is_none_or(|text| {
                note.author
                    .is_some_and(|author| fold(author).contains(text))
            })
            && self.tags.iter().all(has)
    }
}

/// A tag as filters compare it.
pub fn folded_tag(tag: &str) -> String {
    fold(tag).trim().to_owned()
}

/// Text to look for, as it is compared.
fn wanted(text: &str) -> Option<String> {
    let folded = fold(text).trim().to_owned();
    (!folded.is_empty() && text.len() <= FILTER_SOURCE_BYTES_MAX).then_some(folded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn tags(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn each_condition_leaves_out_what_does_not_meet_it() {
        let of: BTreeSet<String> = tags(&["Straße", "vip"]).into_iter().collect();
        let note = Filtered {
            tags: &of,
            source: "CRM · Ácme · row 14",
            sensitivity: Sensitivity::Internal,
            captured_at: Timestamp::from_millis(100),
            note_type: NoteType::Message,
            source_kind: SourceKind::Crm,
            author: Some("Mia Lí"),
            status: Status::Superseded,
            consent: Some(ConsentStatus::Withdrawn),
        };
        let any = Filter::default;
        let at = |millis| Some(Timestamp::from_millis(millis));
        let good = [
            any(),
            any().with_tags(&tags(&["STRASSE", "VIP"])).unwrap(),
            any().with_source("acme · ROW").unwrap(),
            any().with_author("MIA LI").unwrap(),
            Filter {
                source_kind: Some(SourceKind::Crm),
                status: Some(Status::Superseded),
                consent: Some(ConsentStatus::Withdrawn),
                ..any()
            },
            Filter {
                since: at(100),
                until: at(101),
                ..any()
            },
            Filter {
                sensitivity: Some(Sensitivity::Internal),
                ..any()
            },
            Filter {
                note_type: Some(NoteType::Message),
                ..any()
            },
        ];
        let bad = [
            any().with_tags(&tags(&["vip", "other"])).unwrap(),
            any().with_tags(&tags(&["vi"])).unwrap(),
            any().with_source("row 15").unwrap(),
            any().with_author("ben").unwrap(),
            Filter {
                source_kind: Some(SourceKind::Call),
                ..any()
            },
            Filter {
                consent: Some(ConsentStatus::Granted),
                ..any()
            },
            Filter {
                status: Some(Status::Active),
                ..any()
            },
            Filter {
                since: at(101),
                ..any()
            },
            Filter {
                until: at(100),
                ..any()
            },
            Filter {
                sensitivity: Some(Sensitivity::Public),
                ..any()
            },
            Filter {
                note_type: Some(NoteType::Note),
                ..any()
            },
        ];
        for filter in good {
            assert!(filter.admits(note), "{filter:?}");
        }
        for filter in bad {
            assert!(!filter.admits(note), "{filter:?}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        let any = Filter::default;
        let long = "x".repeat(TAG_BYTES_MAX + 1);
        for no_tag in ["", " ", "\u{200b}", &long] {
            assert!(matches!(
                any().with_tags(&tags(&[no_tag])),
                Err(FilterError::NoTag(_))
            ));
        }
        let many = vec!["a".to_owned(); FILTER_TAGS_MAX + 1];
        assert_eq!(any().with_tags(&many), Err(FilterError::TooManyTags));
        for source in ["", " \n", &"x".repeat(FILTER_SOURCE_BYTES_MAX + 1)] {
            assert_eq!(any().with_source(source), Err(FilterError::NoSource));
            assert_eq!(any().with_author(source), Err(FilterError::NoAuthor));
        }
    }
}
