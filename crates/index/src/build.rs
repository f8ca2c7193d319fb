//! Making one segment from notes.

use crate::files::Files;
use crate::{IndexError, Name, contained};
use kitbag_core::filter::folded_tag;
use kitbag_core::id::ItemId;
use kitbag_core::pack::note::{ConsentStatus, NoteType, SourceKind, Status};
use kitbag_core::search::{Facts, Searched, each_word, fold_into};
use std::ops::Range;
use tantivy::directory::OwnedBytes;
use tantivy::schema::{
    FAST, Field, IndexRecordOption, NumericOptions, Schema, TextFieldIndexing, TextOptions,
};
use tantivy::store::Compressor;
use tantivy::tokenizer::{Token, TokenStream, Tokenizer, TokenizerManager};
use tantivy::{Index, IndexSettings, SingleSegmentIndexWriter, TantivyDocument};

/// Memory from which tantivy derives how large its table of words begins; it grows with the words.
const TABLE_BYTES: usize = 3 << 20;
const TOKENS: &str = "kitbag";

/// A note, as the index takes it in.
#[derive(Clone, Copy, Debug)]
pub struct Doc<'a> {
    /// Its pack, by number.
    pub pack: u32,
    /// Its id.
    pub item: &'a ItemId,
    /// What its owner knows this state of it by.
    pub print: u64,
    /// Its text.
    pub text: Searched<'a>,
    /// What counts beside its text.
    pub facts: Facts,
    /// Its type.
    pub note_type: NoteType,
    /// By which way it came in.
    pub source_kind: SourceKind,
    /// Where it stands in its life.
    pub status: Status,
    /// What is said of the consent of whom it is about.
    pub consent: Option<ConsentStatus>,
    /// Who wrote it at its source.
    pub author: Option<&'a str>,
}

/// The fields of every segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields {
    /// Title, tags, source label and body, in the order of `kitbag_core::search::Field::ALL`.
    pub(crate) text: [Field; 4],
    pack: Field,
    at: Field,
    tokens: Field,
    more_tokens: Field,
    flags: Field,
    high: Field,
    low: Field,
    print: Field,
    source: Field,
    author: Field,
    tags: Field,
}

/// Names of columns.
pub(crate) mod column {
    pub(crate) const PACK: &str = "pack";
    pub(crate) const AT: &str = "at";
    pub(crate) const TOKENS: &str = "tokens";
    pub(crate) const MORE_TOKENS: &str = "more";
    pub(crate) const FLAGS: &str = "flags";
    pub(crate) const HIGH: &str = "high";
    pub(crate) const LOW: &str = "low";
    pub(crate) const PRINT: &str = "print";
    pub(crate) const SOURCE: &str = "label";
    pub(crate) const AUTHOR: &str = "author";
    pub(crate) const TAGS: &str = "whole-tag";
}

pub(crate) fn schema() -> (Schema, Fields) {
    let mut schema = Schema::builder();
    let tokens = TextFieldIndexing::default()
        .set_tokenizer(TOKENS)
        .set_fieldnorms(false)
        .set_index_option(IndexRecordOption::WithFreqsAndPositions);
    let text = TextOptions::default().set_indexing_options(tokens);
    let text =
        ["title", "tag", "source", "body"].map(|name| schema.add_text_field(name, text.clone()));
    let mut number = |name| schema.add_u64_field(name, NumericOptions::from(FAST));
    let (pack, at, tokens) = (
        number(column::PACK),
        number(column::AT),
        number(column::TOKENS),
    );
    let (more_tokens, flags) = (number(column::MORE_TOKENS), number(column::FLAGS));
    let (high, low) = (number(column::HIGH), number(column::LOW));
    let print = number(column::PRINT);
    let words = TextOptions::default().set_fast("raw");
    let mut words = |name| schema.add_text_field(name, words.clone());
    let fields = Fields {
        text,
        pack,
        at,
        tokens,
        more_tokens,
        flags,
        high,
        low,
        print,
        source: words(column::SOURCE),
        author: words(column::AUTHOR),
        tags: words(column::TAGS),
    };
    (schema.build(), fields)
}

/// No thread, no compression: blocks are sealed, and postings are packed already.
pub(crate) fn settings() -> IndexSettings {
    IndexSettings {
        docstore_compression: Compressor::None,
        docstore_compress_dedicated_thread: false,
        ..IndexSettings::default()
    }
}

/// What is said of a note beside its text, in one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flags(pub(crate) u64);

impl Flags {
    fn of(doc: &Doc<'_>) -> Flags {
        let claim = doc.facts.claim.map_or(0, |claim| claim as u64 + 1);
        let consent = doc.consent.map_or(0, |consent| consent as u64 + 1);
        Flags(
            u64::from(doc.facts.pinned)
                | claim << 1
                | (doc.status as u64) << 5
                | (doc.note_type as u64) << 9
                | (doc.source_kind as u64) << 14
                | consent << 20,
        )
    }
}

/// A segment in the making.
pub struct Builder {
    writer: SingleSegmentIndexWriter,
    files: Files,
    fields: Fields,
    docs: u32,
    bytes: usize,
    folded: String,
}

/// A segment that was made: its files, in memory.
#[derive(Debug)]
pub struct Built {
    pub(crate) docs: u32,
    pub(crate) files: Vec<(String, OwnedBytes)>,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("docs", &self.docs)
            .finish_non_exhaustive()
    }
}

impl Builder {
    /// Of no note yet.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn new() -> Result<Builder, IndexError> {
        let (schema, fields) = schema();
        let tokenizers = TokenizerManager::default(); // every field asks for one, text or not
        tokenizers.register(TOKENS, Cutter::default());
        let files = Files::default();
        let writer = Index::builder()
            .schema(schema)
            .settings(settings())
            .tokenizers(tokenizers)
            .single_segment_index_writer(files.clone(), TABLE_BYTES)?;
        Ok(Builder {
            writer,
            files,
            fields,
            docs: 0,
            bytes: 0,
            folded: String::new(),
        })
    }

    /// Notes in it.
    pub fn docs(&self) -> u32 {
        self.docs
    }

    /// Bytes of their texts.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes in a note. It is the next document.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn add(&mut self, doc: Doc<'_>) -> Result<(), IndexError> {
        let fields = self.fields;
        let mut document = TantivyDocument::default();
        let mut more_tokens = 0;
        let [title, tag, source, body] = fields.text;
        more_tokens += self.add_text(&mut document, title, doc.text.title);
        for text in doc.text.tags {
            more_tokens += self.add_text(&mut document, tag, text);
            document.add_text(fields.tags, folded_tag(text));
        }
        more_tokens += self.add_text(&mut document, source, doc.text.source);
        document.add_text(fields.source, &self.folded);
        let tokens = self.add_text(&mut document, body, doc.text.body);
        if let Some(author) = doc.author {
            fold_into(author, &mut self.folded);
            document.add_text(fields.author, &self.folded);
        }
        let (high, low) = Name::of(doc.item).halves();
        for (field, value) in [
            (fields.pack, u64::from(doc.pack)),
            (fields.at, doc.facts.captured_at.as_millis()),
            (fields.tokens, tokens),
            (fields.more_tokens, more_tokens),
            (fields.flags, Flags::of(&doc).0),
            (fields.high, high),
            (fields.low, low),
            (fields.print, doc.print),
        ] {
            document.add_u64(field, value);
        }
        self.bytes += doc.text.body.len() + doc.text.title.len();
        self.docs += 1;
        contained(|| Ok(self.writer.add_document(document).map(drop)?))
    }

    /// Adds a text, folded, and says how many tokens it has.
    fn add_text(&mut self, document: &mut TantivyDocument, field: Field, text: &str) -> u64 {
        fold_into(text, &mut self.folded);
        let mut tokens = 0;
        each_word(&self.folded, |_| tokens += 1);
        if tokens > 0 {
            document.add_text(field, &self.folded);
        }
        tokens
    }

    /// The segment.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn finish(self) -> Result<Built, IndexError> {
        let writer = self.writer;
        contained(|| Ok(writer.finalize().map(drop)?))?;
        Ok(Built {
            docs: self.docs,
            files: self.files.take_written(),
        })
    }
}

/// Cuts a text that is folded already.
#[derive(Clone, Default)]
struct Cutter {
    places: Vec<Range<usize>>,
    token: Token,
}

impl Tokenizer for Cutter {
    type TokenStream<'a> = Cut<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Cut<'a> {
        self.places.clear();
        let begin = text.as_ptr() as usize;
        each_word(text, |word| {
            let start = word.as_ptr() as usize - begin; // a piece of the text
            self.places.push(start..start + word.len());
        });
        Cut {
            text,
            places: &self.places,
            next: 0,
            token: &mut self.token,
        }
    }
}

struct Cut<'a> {
    text: &'a str,
    places: &'a [Range<usize>],
    next: usize,
    token: &'a mut Token,
}

impl TokenStream for Cut<'_> {
    fn advance(&mut self) -> bool {
        let Some(place) = self.places.get(self.next) else {
            return false;
        };
        self.token.text.clear();
        self.token.text.push_str(&self.text[place.clone()]);
        (self.token.offset_from, self.token.offset_to) = (place.start, place.end);
        self.token.position = self.next;
        self.token.position_length = 1;
        self.next += 1;
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}
