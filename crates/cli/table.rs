//! Rows: aligned and cut to the width for a person, separated by tabs and whole for a program.

use crate::output::Output;
use kitbag_render::{Lines, escape};
use std::io;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

const GAP: usize = 2;
/// The column that gives way keeps at least so much, before others are cut too.
const CUT_MIN: usize = 12;
/// Another column is cut to a quarter of the terminal, but not below this.
const OTHER_MIN: usize = 20;
/// When nothing else helps, a column keeps so much.
const LAST_MIN: usize = 5;

/// Rows under a header.
pub(crate) struct Table {
    header: Vec<&'static str>,
    /// The column that gives way when a line is too long for the terminal.
    gives_way: usize,
    rows: Vec<Vec<String>>,
    /// Whether a person sees no column in which nothing stands.
    without_empty: bool,
    /// Columns that a person does not see if the terminal is too narrow for all, the first first.
    given_up: &'static [&'static str],
}

impl Table {
    pub(crate) fn new<const N: usize>(header: [&'static str; N], gives_way: usize) -> Table {
        Table {
            header: header.to_vec(),
            gives_way,
            rows: Vec::new(),
            without_empty: false,
            given_up: &[],
        }
    }

    /// The same, of which a person sees no column in which nothing stands.
    pub(crate) fn without_empty(self) -> Table {
        Table {
            without_empty: true,
            ..self
        }
    }

    /// The same, of which a person sees these columns only if the terminal is wide enough for them.
    pub(crate) fn giving_up(self, columns: &'static [&'static str]) -> Table {
        Table {
            given_up: columns,
            ..self
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

    pub(crate) fn separated(&self) -> String {
        let rows: Vec<_> = self.rows.iter().map(|row| row.join("\t")).collect();
        rows.join("\n")
    }

    /// Takes columns down until a line fits. The first is what one types next, so it stays whole.
    fn fit(&self, columns: &mut [usize], width: usize) {
        let most = OTHER_MIN.max(width / 4);
        for i in (1..columns.len()).filter(|&i| i != self.gives_way) {
            let excess = excess(columns, width);
            columns[i] = columns[i].saturating_sub(excess).max(most.min(columns[i]));
        }
        let excess_left = excess(columns, width);
        let column = &mut columns[self.gives_way];
        *column = column.saturating_sub(excess_left).max(CUT_MIN.min(*column));
        while excess(columns, width) > 0 {
            match columns[1..].iter_mut().max() {
                Some(widest) if *widest > LAST_MIN => *widest -= 1,
                _ => return,
            }
        }
    }

    /// Takes a column out.
    fn leave_out(&mut self, column: usize) {
        self.header.remove(column);
        for row in &mut self.rows {
            row.remove(column);
        }
        if column < self.gives_way {
            self.gives_way -= 1;
        }
    }

    /// The widths of all columns, made to fit as far as they can be.
    fn fitted(&self, width: usize) -> Vec<usize> {
        let mut columns: Vec<usize> = (0..self.header.len())
            .map(|i| {
                let cells = self.rows.iter().map(|row| row[i].width());
                cells.max().unwrap_or(0)
            })
            .collect();
        self.fit(&mut columns, width);
        columns
    }

    pub(crate) fn aligned(mut self, width: usize) -> String {
        self.rows
            .insert(0, self.header.iter().map(|&name| name.to_owned()).collect());
        if self.without_empty {
            for i in (1..self.header.len()).rev() {
                if self.rows[1..].iter().all(|row| row[i].is_empty()) {
                    self.leave_out(i);
                }
            }
        }
        let mut columns = self.fitted(width);
        for name in self.given_up {
            if excess(&columns, width) == 0 {
                break;
            }
            if let Some(i) = self.header.iter().position(|column| column == name) {
                self.leave_out(i);
                columns = self.fitted(width);
            }
        }
        let lines: Vec<_> = self.rows.iter().map(|row| line(row, &columns)).collect();
        lines.join("\n")
    }
}

/// How much too long lines of these columns are.
fn excess(columns: &[usize], width: usize) -> usize {
    (columns.iter().sum::<usize>() + GAP * (columns.len() - 1)).saturating_sub(width)
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

    /// Goal: one very long cell of any column makes no line longer than the terminal, and takes no room
    /// from the titles of other rows than a column of its kind may.
    #[test]
    fn a_long_label_is_cut_as_a_title_is() {
        for width in [40, 80, 132] {
            let mut table = Table::new(["id", "sensitivity", "title", "source", "status"], 2);
            table.row([
                "abcdefghij",
                "confidential",
                "A title of some length",
                "CRM",
                "draft",
            ]);
            table.row([
                "bbcdefghij",
                "internal",
                "Other",
                &"label ".repeat(33),
                "draft",
            ]);
            let text = table.aligned(width);
            for line in text.lines() {
                assert!(line.width() <= width, "{width}: {line}");
            }
            assert!(text.contains("\nabcdefghij  "), "{text}");
            let whole = text.contains("A title of some length");
            assert_eq!(whole, width >= 80, "{text}");
        }
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
