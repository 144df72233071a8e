//! A row of measured times, and whether two rows differ.

use serde::{Deserialize, Serialize};

/// The most times of a row that are written to a file.
const KEPT: usize = 1000;
/// A row is cut into so many pieces, one after the other; how their medians scatter is its noise.
/// Times that follow each other are alike, so single ones would make the noise seem small.
const PIECES: usize = 10;
/// The standard deviation of normal values over the median of their distances from the median.
const DEVIATION: f64 = 1.4826;
/// A difference of medians counts from so many standard deviations on: about one in 400 rows of
/// pure noise is that far off.
const DEVIATIONS: f64 = 3.0;
/// The clock's grain, in milliseconds.
const GRAIN: f64 = 0.001;

/// Times of one thing that was done again and again, in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) min: f64,
    pub(super) p50: f64,
    pub(super) p95: f64,
    pub(super) p99: f64,
    pub(super) max: f64,
    /// Mean allocations of one time.
    pub(super) allocations: f64,
    /// The times in the order in which they were measured, evenly thinned out to at most 1000.
    pub(super) samples: Vec<f64>,
}

impl Series {
    /// The row of `times` in milliseconds, at least one, in the order in which they were measured.
    pub(super) fn new(name: &str, times: &[f64], allocations: u64) -> Self {
        let mut sorted = times.to_vec();
        sorted.sort_by(f64::total_cmp);
        let kept = times.len().min(KEPT);
        let sample = |index: usize| (times[index * times.len() / kept] / GRAIN).round() * GRAIN;
        Self {
            name: name.to_owned(),
            min: rank(&sorted, 0.0),
            p50: rank(&sorted, 0.5),
            p95: rank(&sorted, 0.95),
            p99: rank(&sorted, 0.99),
            max: rank(&sorted, 1.0),
            allocations: allocations as f64 / times.len() as f64,
            samples: (0..kept).map(sample).collect(),
        }
    }

    /// The standard deviation of the medians of pieces of the row; `None` when it is too short.
    fn noise(&self) -> Option<f64> {
        let length = self.samples.len() / PIECES;
        if length == 0 {
            return None;
        }
        let pieces = self.samples.chunks_exact(length).take(PIECES);
        let medians: Vec<f64> = pieces.map(|piece| median(piece.iter().copied())).collect();
        let middle = median(medians.iter().copied());
        Some(DEVIATION * median(medians.iter().map(|value| (value - middle).abs())))
    }

    /// How this row differs from an `earlier` one.
    pub(super) fn against(&self, earlier: &Self) -> Change {
        let difference = self.p50 - earlier.p50;
        let noise = self.noise().zip(earlier.noise());
        Change {
            name: self.name.clone(),
            before: earlier.p50,
            now: self.p50,
            difference,
            noise: noise.map(|(a, b)| DEVIATIONS * a.hypot(b).max(GRAIN)),
            allocations: self.allocations - earlier.allocations,
        }
    }
}

/// The nearest rank: the smallest time that at least this share of all keeps to.
fn rank(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len()) - 1]
}

/// The middle value; 0 of none.
pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    match (values.get(values.len() / 2), values.len() % 2) {
        (Some(middle), 1) => *middle,
        (Some(middle), _) => (values[values.len() / 2 - 1] + middle) * 0.5,
        (None, _) => 0.0,
    }
}

/// How two rows differ, in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Change {
    pub(super) name: String,
    pub(super) before: f64,
    pub(super) now: f64,
    pub(super) difference: f64,
    /// Differences up to this are noise; `None` when a row is too short to tell.
    pub(super) noise: Option<f64>,
    /// Allocations more than before; they have no noise worth the name.
    pub(super) allocations: f64,
}

impl Change {
    /// What to make of it.
    pub(super) fn verdict(&self) -> &'static str {
        match self.noise {
            None => "too few runs to tell",
            Some(noise) if self.difference.abs() <= noise => "no difference",
            Some(_) if self.difference < 0.0 => "faster",
            Some(_) => "slower",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times around `middle` that scatter by up to `scatter`, always the same for a `seed`.
    fn row(middle: f64, scatter: f64, seed: u64, length: usize) -> Series {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let times: Vec<f64> = (0..length)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                middle + scatter * ((state % 2001) as f64 / 1000.0 - 1.0)
            })
            .collect();
        Series::new("row", &times, 3 * length as u64)
    }

    #[test]
    fn ranks_are_times_that_were_measured() {
        let times: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        let series = Series::new("row", &times, 100);
        let ranks = [series.min, series.p50, series.p95, series.p99, series.max];
        assert_eq!(ranks, [1.0, 100.0, 190.0, 198.0, 200.0]);
        assert_eq!((series.allocations, series.samples), (0.5, times));
        assert_eq!(Series::new("one", &[7.0], 0).p99, 7.0);
    }

    #[test]
    fn a_long_row_is_thinned_out_evenly() {
        let times: Vec<f64> = (0..2500).map(f64::from).collect();
        let samples = Series::new("row", &times, 0).samples;
        assert_eq!(samples.len(), KEPT);
        assert_eq!((samples[0], samples[1], samples[999]), (0.0, 2.0, 2497.0));
    }

    #[test]
    fn noise_is_no_difference_and_a_difference_is_not_noise() {
        let mut false_alarms = 0;
        for seed in 1..=200 {
            let (a, b) = (row(10.0, 1.0, seed, 200), row(10.0, 1.0, seed + 1000, 200));
            false_alarms += u32::from(a.against(&b).verdict() != "no difference");
            let slow = row(12.0, 1.0, seed + 2000, 200);
            assert_eq!(slow.against(&a).verdict(), "slower", "{seed}");
            assert_eq!(a.against(&slow).verdict(), "faster", "{seed}");
        }
        assert!(false_alarms <= 10, "{false_alarms} of 200");
        let same = row(5.0, 0.0, 1, 50);
        assert_eq!(same.against(&same).verdict(), "no difference");
    }

    #[test]
    fn a_row_whose_pieces_differ_is_noisy() {
        // The machine was slow for the second half.
        let mut times = row(10.0, 0.1, 1, 100).samples;
        times.extend(row(15.0, 0.1, 2, 100).samples);
        let drifting = Series::new("row", &times, 0);
        assert_eq!(drifting.against(&row(11.0, 0.1, 3, 200)).verdict(), "no difference");
    }

    #[test]
    fn a_short_row_tells_nothing() {
        let change = row(1.0, 0.0, 1, 9).against(&row(9.0, 0.0, 2, 200));
        assert_eq!((change.noise, change.verdict()), (None, "too few runs to tell"));
    }
}
