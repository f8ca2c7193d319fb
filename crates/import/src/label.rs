//! Labels: what a person reads about where a note comes from.

use crate::LABEL_CHARS_MAX;
use crate::note::one_line;

/// How labels are made: a text with places for `{file}` and `{place}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    File,
    Place,
}

/// Why a text is no template of labels.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LabelError(String);

const BETWEEN: &str = " · ";

impl Default for Label {
    /// `contacts.csv · row 14`.
    fn default() -> Label {
        Label(vec![
            Part::File,
            Part::Text(BETWEEN.to_owned()),
            Part::Place,
        ])
    }
}

impl Label {
    /// What a person said: a template with `{file}` and `{place}` in it, or a text that stands for
    /// the file.
    ///
    /// # Errors
    /// If it is blank, or a brace holds anything else. `{{` and `}}` are braces.
    pub fn parse(text: &str) -> Result<Label, LabelError> {
        if text.trim().is_empty() {
            return Err(LabelError("say where the notes come from".to_owned()));
        }
        let pieces = braces(text).map_err(LabelError)?;
        let parts = pieces.into_iter().map(|piece| match piece {
            Piece::Text(text) => Ok(Part::Text(text)),
            Piece::Name(name) => match name.as_str() {
                "file" => Ok(Part::File),
                "place" => Ok(Part::Place),
                _ => Err(LabelError(format!(
                    "{{{name}}} is neither {{file}} nor {{place}}"
                ))),
            },
        });
        let mut parts = parts.collect::<Result<Vec<Part>, LabelError>>()?;
        if parts.iter().all(|part| matches!(part, Part::Text(_))) {
            parts.extend([Part::Text(BETWEEN.to_owned()), Part::Place]);
        }
        Ok(Label(parts))
    }

    /// A text that is a whole label, given as the file.
    pub(crate) fn whole() -> Label {
        Label(vec![Part::File])
    }

    /// At most [`LABEL_CHARS_MAX`] characters of one line, never blank. What is too long loses the
    /// end of its longest part, so that the place stays.
    pub(crate) fn of(&self, file: &str, place: &str) -> String {
        let texts = self.0.iter().map(|part| match part {
            Part::Text(text) => text.as_str(),
            Part::File => file,
            Part::Place => place,
        });
        let mut texts: Vec<String> = texts.map(spaces_in_one_line).collect();
        let mut chars: Vec<usize> = texts.iter().map(|text| text.chars().count()).collect();
        while chars.iter().sum::<usize>() > LABEL_CHARS_MAX {
            let over = chars.iter().sum::<usize>() - LABEL_CHARS_MAX;
            let Some((longest, &count)) = chars.iter().enumerate().max_by_key(|&(_, count)| count)
            else {
                break;
            };
            // Halves, so that of two long ones neither is gone.
            let keep = count.saturating_sub(over).max(count / 2).max(1);
            texts[longest] = cut_chars(&texts[longest], keep);
            chars[longest] = texts[longest].chars().count();
        }
        let label = one_line(&texts.concat());
        match label.trim_end_matches(BETWEEN.trim_end()).trim_end() {
            "" => "import".to_owned(),
            label => label.to_owned(),
        }
    }
}

/// As [`one_line`], but with the spaces at its ends.
fn spaces_in_one_line(text: &str) -> String {
    text.chars()
        .map(|c| if crate::note::breaks_line(c) { ' ' } else { c })
        .collect()
}

/// At most so many characters, the last one an ellipsis if something is gone.
pub(crate) fn cut_chars(text: &str, chars: usize) -> String {
    if text.chars().count() <= chars {
        return text.to_owned();
    }
    let kept: String = text.chars().take(chars.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// A piece of a template.
pub(crate) enum Piece {
    Text(String),
    Name(String),
}

/// A template in pieces; `{{` and `}}` are braces.
pub(crate) fn braces(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '{' | '}' if chars.peek() == Some(&c) => {
                chars.next();
                plain.push(c);
            }
            '{' => {
                let mut name = String::new();
                loop {
                    match chars.next() {
                        Some('}') => break,
                        Some('{') | None => {
                            return Err(format!("a brace is open in {text:?}; {{{{ is a brace"));
                        }
                        Some(c) => name.push(c),
                    }
                }
                if !plain.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                }
                pieces.push(Piece::Name(name.trim().to_owned()));
            }
            '}' => {
                return Err(format!(
                    "a brace closes nothing in {text:?}; }}}} is a brace"
                ));
            }
            c => plain.push(c),
        }
    }
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stands_for_the_file_and_a_template_for_all() {
        assert_eq!(Label::default().of("a.csv", "row 14"), "a.csv · row 14");
        let text = Label::parse("CRM").unwrap();
        assert_eq!(text.of("a.csv", "row 14"), "CRM · row 14");
        let template = Label::parse("{place} of {file} {{x}}").unwrap();
        assert_eq!(template.of("a.csv", "row 14"), "row 14 of a.csv {x}");
        for bad in ["", "  ", "{row}", "{file", "a}", "{a{b}"] {
            assert!(Label::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_label_is_one_short_line_that_keeps_its_place() {
        let long = "é".repeat(100_000);
        let label = Label::default().of(&long, "row 14");
        assert_eq!(label.chars().count(), LABEL_CHARS_MAX);
        assert!(label.ends_with("… · row 14"), "{label}");
        let label = Label::default().of(&long, &long);
        assert!(label.chars().count() <= LABEL_CHARS_MAX && label.contains(" · é"));
        assert_eq!(Label::default().of("a\0\u{2028}b\n", "\r"), "a  b");
        assert_eq!(Label::parse("{file}").unwrap().of("\n", ""), "import");
    }
}
