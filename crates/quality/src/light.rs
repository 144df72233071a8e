//! Luminance in linear light, as OFIQ has it.

use std::ops::Range;
use std::sync::LazyLock;

/// What each gamma-coded byte of red, green and blue adds to the luminance in linear light, 0..=255,
/// in parts of 2^48. Source: the inverse sRGB curve and the weights that OFIQ uses.
static PARTS: LazyLock<[[u64; 256]; 3]> = LazyLock::new(|| {
    [0.2126, 0.7152, 0.0722].map(|weight| {
        std::array::from_fn(|byte| {
            let part = 255.0 * weight * linear(byte as f64 / 255.0);
            (part * (1u64 << 48) as f64).round() as u64
        })
    })
});

/// Linear light, 0..=1, of a gamma-coded level, 0..=1. Source: sRGB.
pub(crate) fn linear(x: f64) -> f64 {
    if x <= 0.04045 { x / 12.92 } else { ((x + 0.055) / 1.055).powf(2.4) }
}

/// From gamma-coded colours to luminance.
#[derive(Clone, Copy)]
pub(crate) struct Luminance(&'static [[u64; 256]; 3]);

impl Luminance {
    pub(crate) fn new() -> Self {
        Self(&PARTS)
    }

    /// Luminance in linear light, rounded to 0..=255. Source: OFIQ,
    /// floor(255 (0.2126 R + 0.7152 G + 0.0722 B) + 0.5) of the linear channels.
    pub(crate) fn of(self, [r, g, b]: [u8; 3]) -> u8 {
        let [red, green, blue] = self.0;
        let light = red[usize::from(r)] + green[usize::from(g)] + blue[usize::from(b)];
        // At most 255.5.
        ((light + (1 << 47)) >> 48) as u8
    }
}

/// How many pixels have each luminance 0..=255, in linear light.
pub(crate) struct Histogram(pub(crate) [u32; 256]);

impl Default for Histogram {
    fn default() -> Self {
        Self([0; 256])
    }
}

/// The share of all pixels that have one of `levels`, 0 to 1; not a number when there are none.
pub(crate) fn share(histogram: &[u32; 256], levels: Range<usize>) -> f64 {
    let count = |histogram: &[u32]| f64::from(histogram.iter().sum::<u32>());
    count(&histogram[levels]) / count(histogram)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_round_every_colour_as_the_formula_does() {
        let light: [f64; 256] = std::array::from_fn(|byte| linear(byte as f64 / 255.0));
        let luminance = Luminance::new();
        for colour in 0..1u32 << 24 {
            let [r, g, b, _] = colour.to_le_bytes();
            let [red, green, blue] = [r, g, b].map(|byte| light[usize::from(byte)]);
            let exact = 255.0 * (0.2126 * red + 0.7152 * green + 0.0722 * blue) + 0.5;
            assert_eq!(luminance.of([r, g, b]), exact as u8, "{r} {g} {b}");
        }
    }
}
