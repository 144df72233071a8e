//! Error rates with their intervals, and what a threshold on the score would do.
//!
//! Words and definitions follow ISO/IEC 30107-3.

use serde::{Serialize, Serializer};

/// The standard normal's quantile for an interval of 95 %, two-sided.
const Z_95: f64 = 1.959_963_984_540_054;

/// How often something happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rate {
    pub(super) count: usize,
    pub(super) of: usize,
}

impl Rate {
    /// 0 to 1; `None` of nothing.
    pub(super) fn value(self) -> Option<f64> {
        (self.of > 0).then(|| self.count as f64 / self.of as f64)
    }

    /// The 95 % interval after Wilson: "Probable inference, the law of succession, and statistical
    /// inference", JASA 22 (1927). Recommended by L. D. Brown et al., "Interval estimation for a
    /// binomial proportion", Statistical Science 16 (2001).
    pub(super) fn interval(self) -> Option<(f64, f64)> {
        let share = self.value()?;
        let of = self.of as f64;
        let z2 = Z_95 * Z_95;
        let middle = share + z2 / (2.0 * of);
        let half = Z_95 * (share * (1.0 - share) / of + z2 / (4.0 * of * of)).sqrt();
        let low = ((middle - half) / (1.0 + z2 / of)).clamp(0.0, share);
        let high = ((middle + half) / (1.0 + z2 / of)).clamp(share, 1.0);
        Some((low, high))
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Fields {
            rate: Option<f64>,
            interval_95: Option<(f64, f64)>,
            count: usize,
            of: usize,
        }
        let Self { count, of } = *self;
        Fields { rate: self.value(), interval_95: self.interval(), count, of }.serialize(serializer)
    }
}

/// What happens when scores from `threshold` on are taken for live.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Point {
    /// `None`: above every score, so nothing is taken for live.
    pub(super) threshold: Option<f32>,
    /// Of the species with the highest rate.
    pub(super) apcer: Rate,
    pub(super) bpcer: Rate,
}

impl Point {
    fn rates(&self) -> (f64, f64) {
        (self.apcer.value().unwrap_or(0.0), self.bpcer.value().unwrap_or(0.0))
    }
}

/// Every different thing that a threshold can do, the lowest threshold first: APCER never rises along it,
/// BPCER never falls. Empty unless there are scores of both kinds. Scores must be numbers.
pub(super) fn sweep<'s>(
    species: impl IntoIterator<Item = &'s [f32]>,
    bona_fide: &[f32],
) -> Vec<Point> {
    let sorted = |scores: &[f32]| {
        let mut scores = scores.to_vec();
        scores.sort_by(f32::total_cmp);
        scores
    };
    let species: Vec<_> = species.into_iter().filter(|s| !s.is_empty()).map(sorted).collect();
    let bona_fide = sorted(bona_fide);
    if species.is_empty() || bona_fide.is_empty() {
        return Vec::new();
    }
    let mut thresholds: Vec<_> = species.iter().flatten().chain(&bona_fide).copied().collect();
    thresholds.sort_by(f32::total_cmp);
    thresholds.dedup();
    let below = |scores: &[f32], threshold: Option<f32>| {
        threshold.map_or(scores.len(), |limit| scores.partition_point(|score| *score < limit))
    };
    let thresholds = thresholds.into_iter().map(Some).chain([None]);
    let points = thresholds.map(|threshold| Point {
        threshold,
        apcer: highest(species.iter().map(|scores| Rate {
            count: scores.len() - below(scores, threshold),
            of: scores.len(),
        }))
        .map_or(Rate::default(), |(_, rate)| rate),
        bpcer: Rate { count: below(&bona_fide, threshold), of: bona_fide.len() },
    });
    points.collect()
}

/// The first of the highest rates, and its place.
pub(super) fn highest(rates: impl IntoIterator<Item = Rate>) -> Option<(usize, Rate)> {
    let mut found: Option<(usize, Rate)> = None;
    for (index, rate) in rates.into_iter().enumerate() {
        let higher = match found {
            _ if rate.of == 0 => false,
            Some((_, best)) => rate.value() > best.value(),
            None => true,
        };
        if higher {
            found = Some((index, rate));
        }
    }
    found
}

/// The lowest threshold whose APCER is at most `apcer`, 0 to 1: that with the lowest BPCER.
pub(super) fn at_apcer(points: &[Point], apcer: f64) -> Option<Point> {
    points.iter().find(|point| point.rates().0 <= apcer).copied()
}

/// The point where APCER and BPCER are closest to each other.
pub(super) fn equal_error(points: &[Point]) -> Option<Point> {
    let apart = |point: &&Point| {
        let (apcer, bpcer) = point.rates();
        (apcer - bpcer).abs()
    };
    points.iter().min_by(|a, b| apart(a).total_cmp(&apart(b))).copied()
}

/// The quantile of the standard normal distribution for `share`, above 0 and below 1. Relative error below
/// 1.15e-9. Source: P. J. Acklam, "An algorithm for computing the inverse normal cumulative distribution
/// function" (2003).
pub(super) fn deviate(share: f64) -> f64 {
    const TAIL: f64 = 0.02425;
    let polynomial = |coefficients: &[f64], x: f64| {
        coefficients.iter().fold(0.0, |sum, coefficient| sum * x + coefficient)
    };
    let tail = |share: f64| {
        let q = (-2.0 * share.ln()).sqrt();
        let above = [
            -7.784894002430293e-03,
            -3.223964580411365e-01,
            -2.400758277161838,
            -2.549732539343734,
            4.374664141464968,
            2.938163982698783,
        ];
        let below = [
            7.784695709041462e-03,
            3.224671290700398e-01,
            2.445134137142996,
            3.754408661907416,
            1.0,
        ];
        polynomial(&above, q) / polynomial(&below, q)
    };
    if share < TAIL {
        return tail(share);
    }
    if share > 1.0 - TAIL {
        return -tail(1.0 - share);
    }
    let (q, r) = (share - 0.5, (share - 0.5) * (share - 0.5));
    let above = [
        -3.969683028665376e+01,
        2.209460984245205e+02,
        -2.759285104469687e+02,
        1.38357751867269e+02,
        -3.066479806614716e+01,
        2.506628277459239,
    ];
    let below = [
        -5.447609879822406e+01,
        1.615858368580409e+02,
        -1.556989798598866e+02,
        6.680131188771972e+01,
        -1.328068155288572e+01,
        1.0,
    ];
    polynomial(&above, r) * q / polynomial(&below, r)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn intervals_are_those_of_the_published_examples() {
        // R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in
        // Medicine 17 (1998), table I, method 3.
        for (count, of, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let (from, to) = Rate { count, of }.interval().unwrap();
            assert!(
                (from - low).abs() < 5e-5 && (to - high).abs() < 5e-5,
                "{count}/{of}: {from} {to}"
            );
        }
        assert_eq!(Rate::default().interval(), None);
    }

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (share, quantile) in [
            (0.5, 0.0),
            (0.975, Z_95),
            (0.9, 1.281_551_565_544_600_4),
            (0.01, -2.326_347_874_040_841),
            (0.001, -3.090_232_306_167_813_5),
            (0.999, 3.090_232_306_167_813_5),
        ] {
            assert!((deviate(share) - quantile).abs() < 1e-8, "{share}: {}", deviate(share));
        }
    }

    /// Of ten attacks, four score 0.5 and more; of five bona fide presentations, one scores less.
    #[test]
    fn a_threshold_does_what_was_counted_by_hand() {
        let print = [0.1, 0.2, 0.2, 0.6, 0.9];
        let replay = [0.05, 0.3, 0.3, 0.5, 0.7];
        let bona_fide = [0.4, 0.6, 0.8, 0.8, 1.0];
        let points = sweep([&print[..], &replay[..]], &bona_fide);
        let rates = |threshold: Option<f32>| {
            let point = points.iter().find(|point| point.threshold == threshold).unwrap();
            (point.apcer.count, point.apcer.of, point.bpcer.count, point.bpcer.of)
        };
        assert_eq!(points.len(), 12);
        assert_eq!(rates(Some(0.05)), (5, 5, 0, 5));
        assert_eq!(rates(Some(0.4)), (2, 5, 0, 5));
        assert_eq!(rates(Some(0.6)), (2, 5, 1, 5));
        assert_eq!(rates(Some(0.7)), (1, 5, 2, 5));
        assert_eq!(rates(Some(0.9)), (1, 5, 4, 5));
        assert_eq!(rates(Some(1.0)), (0, 5, 4, 5));
        assert_eq!(rates(None), (0, 5, 5, 5));

        let at = |apcer| at_apcer(&points, apcer).unwrap();
        assert_eq!((at(0.4).threshold, at(0.4).bpcer.count), (Some(0.4), 0));
        assert_eq!((at(0.2).threshold, at(0.2).bpcer.count), (Some(0.7), 2));
        assert_eq!((at(0.1).threshold, at(0.1).bpcer.count), (Some(1.0), 4));
        // 0.4 against 0.2 there, 0.2 against 0.4 at 0.7; the lowest threshold comes first.
        assert_eq!(equal_error(&points).unwrap().threshold, Some(0.5));

        let alone = sweep([&replay[..]], &bona_fide);
        assert_eq!(at_apcer(&alone, 0.1).unwrap().threshold, Some(0.8));
        assert_eq!(sweep([&print[..]], &[]), []);
        assert_eq!(sweep([&[][..]], &bona_fide), []);
        assert_eq!((at_apcer(&[], 0.1), equal_error(&[])), (None, None));
    }

    #[test]
    fn scores_that_are_apart_have_no_errors() {
        let points = sweep([&[0.1, 0.2][..]], &[0.8, 0.9]);
        let point = equal_error(&points).unwrap();
        assert_eq!((point.threshold, point.rates()), (Some(0.8), (0.0, 0.0)));
        assert_eq!(at_apcer(&points, 0.01), Some(point));
    }

    #[test]
    fn nothing_is_not_the_highest_rate() {
        let rate = |count, of| Rate { count, of };
        assert_eq!(
            highest([rate(0, 0), rate(0, 9), rate(1, 3), rate(2, 6)]),
            Some((2, rate(1, 3)))
        );
        assert_eq!(highest([rate(0, 0)]), None);
    }

    fn scores(least: usize) -> impl Strategy<Value = Vec<f32>> {
        // Few different values, so that many are equal.
        prop::collection::vec((0_u8..=20).prop_map(|score| f32::from(score) / 20.0), least..30)
    }

    proptest! {
        #[test]
        fn an_interval_holds_its_rate(of in 1_usize..100_000, share in 0.0..=1.0_f64) {
            let rate = Rate { count: (share * of as f64) as usize, of };
            let (low, high) = rate.interval().unwrap();
            let value = rate.value().unwrap();
            prop_assert!(0.0 <= low && low <= value && value <= high && high <= 1.0);
            prop_assert!(low < high);
            // The same share of more presentations is known better.
            let (lower, higher) = Rate { count: rate.count * 4, of: of * 4 }.interval().unwrap();
            prop_assert!(higher - lower < high - low);
        }

        #[test]
        fn a_curve_goes_from_all_to_nothing_without_turning_back(
            print in scores(1), replay in scores(0), bona_fide in scores(1), apcer in 0.0..1.0_f64,
        ) {
            let points = sweep([&print[..], &replay[..]], &bona_fide);
            let (first, last) = (points[0], points[points.len() - 1]);
            prop_assert_eq!((first.rates(), last.rates()), ((1.0, 0.0), (0.0, 1.0)));
            for pair in points.windows(2) {
                let ((apcer, bpcer), (next_apcer, next_bpcer)) = (pair[0].rates(), pair[1].rates());
                prop_assert!(next_apcer <= apcer && next_bpcer >= bpcer);
            }
            let at = at_apcer(&points, apcer).unwrap();
            prop_assert!(at.rates().0 <= apcer);
            prop_assert!(points.iter().all(|p| p.rates().0 > apcer || p.rates().1 >= at.rates().1));
            // No species alone is worse than the highest of all.
            for (alone, all) in [&print, &replay].iter().flat_map(|s| sweep([s.as_slice()], &bona_fide))
                .filter_map(|alone| Some((alone, points.iter().find(|p| p.threshold == alone.threshold)?)))
            {
                prop_assert!(alone.rates().0 <= all.rates().0);
            }
        }

        #[test]
        fn deviates_rise_and_are_symmetric(a in 0.0001..0.9999_f64, b in 0.0001..0.9999_f64) {
            prop_assert!((deviate(a) + deviate(1.0 - a)).abs() < 1e-7);
            prop_assert!(a + 1e-6 > b || deviate(a) < deviate(b));
        }
    }
}
