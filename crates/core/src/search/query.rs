//! What a person types into a search, read as terms.

use super::fold::fold;
use thiserror::Error;

/// Bytes of a query, at most.
pub const QUERY_BYTES_MAX: usize = 512;
/// Terms of a query, at most, with those that are excluded.
pub const TERMS_MAX: usize = 16;

/// Words and phrases to look for, and others that must not be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    terms: Vec<Term>,
    without: Vec<Term>,
}

/// A word or phrase, folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Term {
    /// Never empty.
    pub(super) text: String,
    /// Whether the word may go on after it.
    pub(super) open_end: bool,
}

/// Why text is no query.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum QueryError {
    /// Nothing to look for.
    #[error("there is no word to look for")]
    Empty,
    /// Only words that must not be there.
    #[error("there are only words to leave out; say one to look for, too")]
    OnlyExcluded,
    /// A phrase without an end.
    #[error("a quotation mark is not closed")]
    OpenQuote,
    /// More than [`QUERY_BYTES_MAX`].
    #[error("{0} bytes long, at most {QUERY_BYTES_MAX} are taken")]
    TooLong(usize),
    /// More than [`TERMS_MAX`].
    #[error("more than {TERMS_MAX} words")]
    TooManyTerms,
}

impl Query {
    /// Reads a query: words, `"phrases"`, and `-words` or `-"phrases"` that must not be there. The
    /// last word, if it is a plain one, may be the beginning of a longer one. A term said twice counts
    /// once; one that folds to nothing is left out.
    ///
    /// # Errors
    /// [`QueryError`] by cause.
    pub fn parse(text: &str) -> Result<Query, QueryError> {
        if text.len() > QUERY_BYTES_MAX {
            return Err(QueryError::TooLong(text.len()));
        }
        let mut query = Query {
            terms: Vec::new(),
            without: Vec::new(),
        };
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let (token, after) = next_token(rest)?;
            rest = after.trim_start();
            let term = Term {
                text: fold(token.text).trim().to_owned(),
                open_end: rest.is_empty() && !token.quoted && !token.excluded,
            };
            let list = if token.excluded {
                &mut query.without
            } else {
                &mut query.terms
            };
            let known = list.iter().any(|known| known.text == term.text);
            if !term.text.is_empty() && !known {
                list.push(term);
            }
            if query.terms.len() + query.without.len() > TERMS_MAX {
                return Err(QueryError::TooManyTerms);
            }
        }
        match (query.terms.is_empty(), query.without.is_empty()) {
            (true, true) => Err(QueryError::Empty),
            (true, false) => Err(QueryError::OnlyExcluded),
            (false, _) => Ok(query),
        }
    }

    /// What has to be there; never empty.
    pub(super) fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// What must not be there.
    pub(super) fn without(&self) -> &[Term] {
        &self.without
    }
}

struct Token<'a> {
    text: &'a str,
    quoted: bool,
    excluded: bool,
}

/// The next token of a text that begins with one, and what follows it.
fn next_token(text: &str) -> Result<(Token<'_>, &str), QueryError> {
    let (excluded, text) = match text.strip_prefix('-') {
        Some(rest) if rest.starts_with(|c: char| !c.is_whitespace() && c != '-') => (true, rest),
        _ => (false, text),
    };
    let token = |text, quoted| Token {
        text,
        quoted,
        excluded,
    };
    for (open, close) in QUOTES {
        if let Some(rest) = text.strip_prefix(open) {
            let (phrase, after) = rest.split_once(close).ok_or(QueryError::OpenQuote)?;
            return Ok((token(phrase, true), after));
        }
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    Ok((token(&text[..end], false), &text[end..]))
}

/// As a keyboard has them, and as a word processor makes of them.
const QUOTES: [(char, char); 3] = [('"', '"'), ('“', '”'), ('„', '“')];
