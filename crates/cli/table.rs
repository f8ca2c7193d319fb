//! Rows: aligned and cut to the width for a person, separated by tabs and whole for a program.

use crate::escape::{Lines, escape};
use crate::output::Output;
use std::io;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

const GAP: usize = 2;
/// A column that is cut keeps at least so much.
const CUT_MIN: usize = 12;

/// Rows under a header.
pub(crate) struct Table {
    header: Vec<&'static str>,
    /// The column that gives way when a line is too long for the terminal.
    gives_way: usize,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const N: usize>(header: [&'static str; N], gives_way: usize) -> Table {
        Table {
            header: header.to_vec(),
            gives_way,
            rows: Vec::new(),
        }
    }

    /// Adds a row. Cells may hold anything.
    pub(crate) fn row<const N: usize>(&mut self, cells: [&str; N]) {
        debug_assert_eq!(N, self.header.len());
        self.rows.push(
            cells
                .map(|cell| escape(cell, Lines::One).into_owned())
                .to_vec(),
        );
    }

    /// Prints the rows; without any, nothing.
    pub(crate) fn print(self, out: Output) -> io::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        match out.terminal() {
            Some(width) => {
                let text = self.aligned(width);
                let (header, rows) = text.split_once('\n').unwrap_or((&text, ""));
                out.rows(header, rows)
            }
            None => out.data(self.separated()),
        }
    }

    fn separated(&self) -> String {
        let rows: Vec<_> = self.rows.iter().map(|row| row.join("\t")).collect();
        rows.join("\n")
    }

    fn aligned(mut self, width: usize) -> String {
        self.rows
            .insert(0, self.header.iter().map(|&name| name.to_owned()).collect());
        let mut columns: Vec<usize> = (0..self.header.len())
            .map(|i| {
                self.rows
                    .iter()
                    .map(|row| row[i].width())
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        let total = columns.iter().sum::<usize>() + GAP * (columns.len() - 1);
        let column = &mut columns[self.gives_way];
        *column = column
            .saturating_sub(total.saturating_sub(width))
            .max(CUT_MIN.min(*column));
        let lines: Vec<_> = self.rows.iter().map(|row| line(row, &columns)).collect();
        lines.join("\n")
    }
}

fn line(row: &[String], columns: &[usize]) -> String {
    let mut line = String::new();
    for (cell, &column) in row.iter().zip(columns) {
        let cell = cut(cell, column);
        let gap = column + GAP - cell.width();
        line.push_str(&cell);
        line.extend(std::iter::repeat_n(' ', gap));
    }
    line.truncate(line.trim_end().len());
    line
}

/// The text in at most this many columns, ending in `…` if it was cut.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut taken = 0;
    let mut short: String = text
        .chars()
        .take_while(|c| {
            taken += c.width().unwrap_or(0);
            taken < columns
        })
        .collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(["id", "title", "source"], 1);
        table.row(["a1", "Short", "CRM"]);
        table.row([
            "b22",
            "A title that is far too long for a narrow terminal",
            "mail\x1b\tx",
        ]);
        table.row(["c", "東京都の案件についての長い長い長い長い題名", ""]);
        table
    }

    #[test]
    fn for_a_program_rows_are_whole_and_tabs_separate_nothing_else() {
        let text = table().separated();
        assert_eq!(text.lines().count(), 3);
        assert!(
            text.lines().all(|line| line.matches('\t').count() == 2),
            "{text}"
        );
        assert!(text.contains("narrow terminal\tmail\\u{1b}\\tx"));
    }

    #[test]
    fn for_a_person_lines_fit_and_only_the_title_gives_way() {
        let text = table().aligned(40);
        assert_eq!(text.lines().count(), 4);
        assert!(text.starts_with("id   title"), "{text}");
        assert!(text.lines().all(|line| line.width() <= 40), "{text}");
        assert!(
            text.contains("mail\\u{1b}\\tx") && text.contains('…'),
            "{text}"
        );
    }

    #[test]
    fn cutting_counts_columns_not_bytes() {
        assert_eq!(cut("東京都", 6), "東京都");
        assert_eq!(cut("東京都", 5), "東京…");
        assert_eq!(cut("東京都", 4), "東…");
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("", 4), "");
    }
}
