//! What happened, for whoever reads a failure.

use std::collections::VecDeque;

/// Lines that are kept, at most, unless everything is.
const LINES_MAX: usize = 300;

/// The last lines of a run, or all of them.
#[derive(Debug)]
pub struct Trace {
    lines: VecDeque<String>,
    whole: bool,
    dropped: u64,
}

impl Trace {
    /// An empty trace; `whole` keeps every line.
    pub fn new(whole: bool) -> Trace {
        Trace {
            lines: VecDeque::new(),
            whole,
            dropped: 0,
        }
    }

    /// Adds a line.
    pub fn push(&mut self, line: String) {
        if !self.whole && self.lines.len() >= LINES_MAX {
            self.lines.pop_front();
            self.dropped += 1;
        }
        self.lines.push_back(line);
    }

    /// The lines as one text.
    pub fn text(&self) -> String {
        let mut text = if self.dropped > 0 {
            format!("… {} earlier lines\n", self.dropped)
        } else {
            String::new()
        };
        for line in &self.lines {
            text.push_str(line);
            text.push('\n');
        }
        text
    }
}
