//! What the measures share: the sigmoid that most components are mapped to 0..100 with, and the rule that
//! what is no number cannot be assessed.

use liveface_core::Measure;

/// 1 / (1 + exp((`centre` - x) / `width`)). Source: OFIQ.
pub(crate) fn sigmoid(x: f64, centre: f64, width: f64) -> f64 {
    1.0 / (1.0 + ((centre - x) / width).exp())
}

/// `value` rounded, half away from zero, and brought into 0..=100; `None` ("failure to assess") when it is
/// no number.
pub(crate) fn score(value: f64) -> Option<u8> {
    value.is_finite().then(|| value.round().clamp(0.0, 100.0) as u8)
}

/// 100 for none of something, falling straight to 0 for nothing else: round(100 (1 - `share`)).
pub(crate) fn none_of(share: f64) -> Option<u8> {
    score(100.0 * (1.0 - share))
}

/// `raw` with its score; a failure to assess, and no raw value, when it is no number.
pub(crate) fn measured(raw: f64, map: fn(f64) -> Option<u8>) -> Measure {
    let value = raw as f32;
    if value.is_finite() { Measure { raw: value, score: map(raw) } } else { Measure::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_rounded_half_away_from_zero_and_kept_in_its_range() {
        let scores =
            [(0.5, 1), (1.5, 2), (2.5, 3), (99.49, 99), (-0.5, 0), (1e300, 100), (-7.0, 0)];
        for (value, expected) in scores {
            assert_eq!(score(value), Some(expected), "{value}");
        }
        assert_eq!(none_of(0.005), Some(100));
        assert_eq!(none_of(2.0), Some(0));
    }

    #[test]
    fn what_is_no_number_has_neither_value_nor_score() {
        for raw in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
            assert_eq!(measured(raw, none_of), Measure::default());
        }
        assert_eq!(measured(0.25, none_of), Measure { raw: 0.25, score: Some(75) });
    }
}
