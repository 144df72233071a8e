//! Detection error trade-off: BPCER against APCER, both on axes of normal deviates.
//!
//! A. Martin et al., "The DET curve in assessment of detection task performance", Eurospeech 1997.

use std::error::Error;
use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::prelude::*;

use super::rates::{Point, deviate};
use crate::page;

const SIZE: (u32, u32) = (460, 430);
/// As long as the longest axis, at least.
const SPAN: (i32, i32) = (0, 460);
/// The ends of both axes: rates beyond them, such as none and all, are drawn there.
const ENDS: (f64, f64) = (0.001, 0.999);
/// Rates with a line and a number.
const LINES: [f64; 11] = [0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.95, 0.995];

/// An axis of rates that are placed by their normal deviates.
struct Deviates;

impl Deviates {
    fn place(rate: f64) -> f64 {
        let (first, last) = (deviate(ENDS.0), deviate(ENDS.1));
        (deviate(rate.clamp(ENDS.0, ENDS.1)) - first) / (last - first)
    }
}

impl Ranged for Deviates {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, rate: &f64, (from, to): (i32, i32)) -> i32 {
        from + (Self::place(*rate) * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        LINES.to_vec()
    }

    fn range(&self) -> Range<f64> {
        ENDS.0..ENDS.1
    }
}

impl ValueFormatter<f64> for Deviates {
    fn format(rate: &f64) -> String {
        // Without the last digits of a product of two binary fractions.
        ((rate * 1e4).round() / 100.0).to_string()
    }
}

/// The colour of curve `index` of `count`, the same in the plot and in CSS.
pub(super) fn colour(index: usize, count: usize) -> RGBColor {
    let HSLColor(hue, saturation, lightness) =
        HSLColor(index as f64 / count.max(1) as f64, 0.65, 0.45);
    let (red, green, blue) = HSLColor(hue, saturation, lightness).to_backend_color().rgb;
    RGBColor(red, green, blue)
}

/// The curves, in the order of their colours, as SVG.
pub(super) fn plot(curves: &[&[Point]]) -> Result<String, Box<dyn Error>> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&root)
            .margin(8)
            .x_label_area_size(40)
            .y_label_area_size(50)
            .build_cartesian_2d(Deviates, Deviates)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .label_style(("sans-serif", 11))
            .x_desc("APCER in %")
            .y_desc("BPCER in %")
            .draw()?;
        for (index, points) in curves.iter().enumerate() {
            let places = points.iter().filter_map(|p| Some((p.apcer.value()?, p.bpcer.value()?)));
            let mut places: Vec<_> = places.collect();
            // Many presentations have more points than the plot has pixels.
            places.dedup_by_key(|(apcer, bpcer)| {
                [*apcer, *bpcer].map(|rate| Deviates.map(&rate, SPAN))
            });
            // The first one may lie below others.
            let width = if index == 0 { 4 } else { 2 };
            let style = colour(index, curves.len()).stroke_width(width);
            chart.draw_series([PathElement::new(places, style)])?;
        }
        root.present()?;
    }
    Ok(page::inline(&svg))
}

#[cfg(test)]
mod tests {
    use super::super::rates::sweep;
    use super::*;

    #[test]
    fn the_axes_are_straight_in_deviates_and_end_at_their_ends() {
        let place = |rate| Deviates.map(&rate, (0, 1000));
        assert_eq!([0.0, 0.001, 0.5, 0.999, 1.0].map(place), [0, 0, 500, 1000, 1000]);
        // One standard deviation is as wide everywhere: 2.28 %, 15.87 %, 50 %.
        let (two, one) = (place(0.022_750_131_948_2), place(0.158_655_253_931_5));
        assert!((500 - one - (one - two)).abs() <= 1, "{two} {one}");
        let numbers: Vec<_> = LINES.iter().map(Deviates::format).collect();
        assert_eq!(numbers, ["0.1", "0.5", "2", "5", "10", "20", "40", "60", "80", "95", "99.5"]);
    }

    #[test]
    fn every_curve_is_drawn_in_its_colour() {
        let points = sweep([&[0.1, 0.4, 0.6][..]], &[0.3, 0.5, 0.9]);
        let svg = plot(&[&points, &points]).unwrap();
        for index in 0..2 {
            let RGBColor(red, green, blue) = colour(index, 2);
            let stroke = format!("stroke=\"#{red:02X}{green:02X}{blue:02X}\"");
            assert_eq!(svg.matches(&stroke).count(), 1, "{stroke} in {svg}");
        }
        assert!(svg.contains("APCER in %") && !svg.contains("xmlns"));

        let many = |from: f32| (0..20_000).map(|i| from + i as f32 / 20_000.0).collect::<Vec<_>>();
        let dense = plot(&[&sweep([&many(0.0)[..]], &many(0.3))]).unwrap();
        assert!(dense.len() < svg.len() + 10_000, "{} bytes", dense.len());
    }
}
