//! Lines in which some of the text stands out on a terminal.
//!
//! What stands out is said by terminal escapes, which foreign text must never hold: so a line is built
//! from pieces that are escaped one by one, and only then printed as it is.

use crate::colour::{Style, styled};
use crate::context::Context;
use kitbag_render::{Lines, escape};

/// A line that is safe to print as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    text: String,
}

impl Line {
    /// Adds text that may hold anything.
    pub(crate) fn plain(mut self, text: &str) -> Line {
        self.text.push_str(&escape(text, Lines::One));
        self
    }

    /// Adds text that may hold anything; the parts between these places, in characters, stand out.
    pub(crate) fn marked(
        mut self,
        context: &Context,
        text: &str,
        marks: &[(usize, usize)],
    ) -> Line {
        let stands_out = context.out.colours_data();
        self.mark(stands_out, text, marks);
        self
    }

    fn mark(&mut self, stands_out: bool, text: &str, marks: &[(usize, usize)]) {
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let byte = |at: usize| places.get(at).copied().unwrap_or(text.len());
        let mut done = 0;
        for (from, to) in marks {
            let (from, to) = (byte(*from), byte(*to));
            if from < done || to <= from {
                continue; // no answer of a daemon makes this fail
            }
            self.text.push_str(&escape(&text[done..from], Lines::One));
            let hit = escape(&text[from..to], Lines::One);
            if stands_out {
                self.text.push_str(&styled(Style::Hit, &hit));
            } else {
                self.text.push_str(&hit);
            }
            done = to;
        }
        self.text.push_str(&escape(&text[done..], Lines::One));
    }

    /// Cells that may hold anything, separated by tabs.
    pub(crate) fn tabbed(cells: &[&str]) -> Line {
        let cells: Vec<_> = cells.iter().map(|cell| escape(cell, Lines::One)).collect();
        Line {
            text: cells.join("\t"),
        }
    }

    /// The line.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(stands_out: bool, text: &str, marks: &[(usize, usize)]) -> String {
        let mut line = Line::default();
        line.mark(stands_out, text, marks);
        line.text
    }

    #[test]
    fn only_our_own_escapes_reach_the_terminal() {
        let text = "a \x1b[31mé\nhit";
        assert_eq!(
            marked(true, text, &[(2, 3), (7, 8)]),
            "a \x1b[1m\\u{1b}\x1b[0m[31m\x1b[1mé\x1b[0m\\nhit"
        );
        assert_eq!(marked(false, text, &[(2, 3)]), "a \\u{1b}[31mé\\nhit");
        assert_eq!(Line::default().plain("\x1b\n").as_str(), "\\u{1b}\\n");
    }

    #[test]
    fn places_that_are_none_do_no_harm() {
        for marks in [&[(5, 2)][..], &[(0, 99)], &[(99, 100)], &[(1, 2), (0, 1)]] {
            assert_eq!(marked(false, "aé", marks), "aé");
        }
    }
}
