//! The sigmoid that most components are mapped to 0..100 with.

/// 1 / (1 + exp((`centre` - x) / `width`)). Source: OFIQ.
pub(crate) fn sigmoid(x: f64, centre: f64, width: f64) -> f64 {
    1.0 / (1.0 + ((centre - x) / width).exp())
}

/// `value` rounded and brought into 0..=100; `None` ("failure to assess") when it is no number.
pub(crate) fn score(value: f64) -> Option<u8> {
    value.is_finite().then(|| value.round().clamp(0.0, 100.0) as u8)
}
