//! What a run found: plain values, written as JSON, from which the page is made.

use crate::facts::Facts;
use crate::stats::{Summary, summary};
use serde::{Deserialize, Serialize};

/// One run of the benchmarks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    /// The machine and the versions.
    pub(crate) facts: Facts,
    /// Whether sizes were reduced.
    pub(crate) quick: bool,
    /// What was measured.
    pub(crate) items: Vec<Item>,
}

/// One benchmark.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Item {
    /// Its name on the command line.
    pub(crate) id: String,
    /// Its heading.
    pub(crate) title: String,
    /// How it was measured.
    pub(crate) method: String,
    /// The numbers.
    pub(crate) rows: Vec<Row>,
    /// What was aimed at.
    pub(crate) goals: Vec<Goal>,
    /// How it grows.
    pub(crate) curves: Vec<Curve>,
    /// What else is to be known: what failed, what was cut short.
    pub(crate) remarks: Vec<String>,
    /// How long all this took, with what it needed first.
    pub(crate) seconds: f64,
    /// With which commit of Kitbag and when, if that was another run than the one of the page's facts.
    #[serde(default)]
    pub(crate) other_run: Option<String>,
}

/// One line of a table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    /// What was measured.
    pub(crate) what: String,
    /// Of whom.
    pub(crate) side: String,
    /// In which unit.
    pub(crate) unit: String,
    /// What it is.
    pub(crate) value: Value,
}

/// What a row says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Value {
    /// Samples.
    Samples(Summary),
    /// It took longer than it may; so many samples were complete by then.
    Over {
        /// The limit.
        seconds: f64,
    },
}

/// Something to reach.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Goal {
    /// What, with its size.
    pub(crate) what: String,
    /// The unit of both numbers.
    pub(crate) unit: String,
    /// Whether it should be at most, else at least, the bound.
    pub(crate) at_most: bool,
    /// The bound.
    pub(crate) bound: f64,
    /// What came out; none if it could not be measured.
    pub(crate) measured: Option<f64>,
    /// Said beside it: a reduced size, what one side left out.
    pub(crate) beside: String,
}

/// How something grows: lines over one axis.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Curve {
    /// The file's name without its ending.
    pub(crate) file: String,
    /// Heading.
    pub(crate) title: String,
    /// What grows.
    pub(crate) across: String,
    /// What is measured, with its unit.
    pub(crate) up: String,
    /// The lines.
    pub(crate) lines: Vec<Line>,
}

/// One line of a curve.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Line {
    /// Whose.
    pub(crate) name: String,
    /// Where it goes through.
    pub(crate) points: Vec<(f64, f64)>,
}

impl Item {
    /// A benchmark without results yet.
    pub(crate) fn new(id: &str, title: &str, method: &str) -> Item {
        Item {
            id: id.into(),
            title: title.into(),
            method: method.into(),
            ..Item::default()
        }
    }

    /// Adds a line with samples; none if there are none.
    pub(crate) fn row(&mut self, what: &str, side: &str, unit: &str, samples: &[f64]) {
        if let Some(summary) = summary(samples) {
            self.put(what, side, unit, Value::Samples(summary));
        }
    }

    /// Adds a line that says that the limit was passed.
    pub(crate) fn over(&mut self, what: &str, side: &str, seconds: f64) {
        self.put(what, side, "s", Value::Over { seconds });
    }

    fn put(&mut self, what: &str, side: &str, unit: &str, value: Value) {
        self.rows.push(Row {
            what: what.into(),
            side: side.into(),
            unit: unit.into(),
            value,
        });
    }

    /// Adds something to reach that should be at most the bound.
    pub(crate) fn at_most(&mut self, what: &str, bound: f64, unit: &str, measured: Option<f64>) {
        self.goal(what, bound, unit, measured, true);
    }

    /// Adds something to reach that should be at least the bound.
    pub(crate) fn at_least(&mut self, what: &str, bound: f64, unit: &str, measured: Option<f64>) {
        self.goal(what, bound, unit, measured, false);
    }

    fn goal(&mut self, what: &str, bound: f64, unit: &str, measured: Option<f64>, at_most: bool) {
        self.goals.push(Goal {
            what: what.into(),
            unit: unit.into(),
            at_most,
            bound,
            measured,
            beside: String::new(),
        });
    }

    /// Says something beside the goal that was added last.
    pub(crate) fn beside(&mut self, text: impl Into<String>) {
        if let Some(goal) = self.goals.last_mut() {
            goal.beside = text.into();
        }
    }

    /// Adds a remark.
    pub(crate) fn remark(&mut self, text: impl Into<String>) {
        self.remarks.push(text.into());
    }
}

impl Goal {
    /// Whether it was reached; none if it could not be measured.
    pub(crate) fn met(&self) -> Option<bool> {
        let measured = self.measured?;
        Some(if self.at_most {
            measured <= self.bound
        } else {
            measured >= self.bound
        })
    }

    /// In words.
    pub(crate) fn verdict(&self) -> String {
        let Some(measured) = self.measured else {
            return "not measured".into();
        };
        match self.met() {
            Some(true) => "met".into(),
            _ if measured <= 0.0 || self.bound <= 0.0 => "missed".into(),
            _ => {
                let factor = if self.at_most {
                    measured / self.bound
                } else {
                    self.bound / measured
                };
                format!("missed by a factor of {factor:.2}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: a goal that was missed, or not measured, is never called met.
    #[test]
    fn a_verdict_says_by_how_much_a_goal_was_missed() {
        let mut item = Item::default();
        item.at_most("a", 5.0, "ms", Some(4.0));
        item.at_most("b", 5.0, "ms", Some(10.0));
        item.at_least("c", 3.0, "times", Some(1.5));
        item.at_least("d", 3.0, "times", None);
        let verdicts: Vec<String> = item.goals.iter().map(Goal::verdict).collect();
        assert_eq!(
            verdicts,
            [
                "met",
                "missed by a factor of 2.00",
                "missed by a factor of 2.00",
                "not measured"
            ]
        );
    }
}
