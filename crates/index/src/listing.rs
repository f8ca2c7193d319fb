//! Every text that the files of segments hold: what somebody finds who opens them with the keys.
//!
//! A dictionary keeps only what differs from the word before, so that a look at its bytes finds few words;
//! this walks it. It is for tests of what an index tells, and takes as long as reading all of it.

use crate::segments::Segments;
use crate::{IndexError, contained};
use kitbag_core::policy::Sensitivity;
use tantivy::columnar::StrColumn;

impl Segments {
    /// Shows every text that stands in a segment, with the segment's sensitivity: each token of title, tags,
    /// source label and body, and each whole label, author and tag. Also those of documents that count no
    /// more. A text that stands in several places is shown several times.
    ///
    /// # Errors
    /// [`IndexError`] if a dictionary does not read, or `see` panics.
    pub fn each_text(&self, mut see: impl FnMut(Sensitivity, &[u8])) -> Result<(), IndexError> {
        contained(|| {
            for segment in self.segments.values() {
                let sensitivity = segment.meta.sensitivity;
                let mut see = |text: &[u8]| see(sensitivity, text);
                for field in &segment.opened.text {
                    let mut tokens = field.terms().stream()?;
                    while let Some((token, _)) = tokens.next() {
                        see(token);
                    }
                }
                let opened = &segment.opened;
                let columns = [&opened.source, &opened.author, &opened.tags];
                for column in columns.into_iter().flatten() {
                    each_of(column, &mut see)?;
                }
            }
            Ok(())
        })
    }
}

fn each_of(column: &StrColumn, see: &mut impl FnMut(&[u8])) -> Result<(), IndexError> {
    let mut texts = column.dictionary().stream()?;
    while let Some((text, _)) = texts.next() {
        see(text);
    }
    Ok(())
}
