//! Samples, and what is said of them.

use serde::{Deserialize, Serialize};

/// What is said of a row's samples, in the row's unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Summary {
    /// How many there are.
    pub(crate) n: usize,
    /// The least.
    pub(crate) min: f64,
    /// The one in the middle.
    pub(crate) median: f64,
    /// Nine of ten are at most this.
    pub(crate) p90: f64,
    /// 99 of 100 are at most this; the greatest if there are fewer than 100.
    pub(crate) p99: f64,
}

/// Sums up samples; none of none.
pub(crate) fn summary(samples: &[f64]) -> Option<Summary> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    Some(Summary {
        n: sorted.len(),
        min: *sorted.first()?,
        median: median(&sorted)?,
        p90: quantile(&sorted, 90)?,
        p99: quantile(&sorted, 99)?,
    })
}

/// The median of samples; none of none.
pub(crate) fn median(samples: &[f64]) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    let upper = *sorted.get(half)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some((sorted[half - 1] + upper) / 2.0)
}

/// The median of `ours[i] / theirs[i]`: a pair shares whatever else the machine did at that time.
pub(crate) fn paired_ratio(ours: &[f64], theirs: &[f64]) -> Option<f64> {
    let ratios: Vec<f64> = ours
        .iter()
        .zip(theirs)
        .filter(|(_, theirs)| **theirs > 0.0)
        .map(|(ours, theirs)| ours / theirs)
        .collect();
    median(&ratios)
}

/// The nearest rank: the least sample that `percent` of all do not exceed.
fn quantile(sorted: &[f64], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.max(1) - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: the numbers of the report mean what the page says they mean.
    #[test]
    fn samples_are_summed_up_by_rank() {
        let hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        let all = summary(&hundred).expect("there are samples");
        assert_eq!(
            (all.n, all.min, all.median, all.p90, all.p99),
            (100, 1.0, 50.5, 90.0, 99.0)
        );
        let one = summary(&[7.0]).expect("there is one");
        assert_eq!((one.min, one.median, one.p99), (7.0, 7.0, 7.0));
        assert_eq!(summary(&[]), None);
        assert_eq!(paired_ratio(&[2.0, 9.0, 6.0], &[1.0, 3.0, 1.0]), Some(3.0));
    }
}
