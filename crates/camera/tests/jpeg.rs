//! JPEG pictures decoded at a reduced scale, from libjpeg-turbo's encoder (see `jpeg/make.sh`).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::path::Path;

use liveface_camera::{JpegDecoder, PictureError, Still};
use liveface_core::sample::{self, Border, Filter, TensorForm};
use liveface_core::{Affine, Frame, PixelFormat, Rect, Reduction};
use proptest::prelude::*;

/// Every kind that is decoded at a reduced scale.
const REDUCED: [&str; 8] = ["1x1", "2x1", "1x2", "2x2", "4x1", "restart", "optimised", "grey"];
/// The pictures' size.
const SIZE: (u32, u32) = (213, 157);

fn file(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/jpeg");
    std::fs::read(folder.join(name).with_extension("jpg")).unwrap()
}

/// The least side at which a picture of [`SIZE`] comes at `reduction`.
const fn least_side(reduction: Reduction) -> u32 {
    SIZE.1.div_ceil(reduction.factor())
}

/// The upright picture in R, G, B at 1 / `factor` of its size, from its top left corner on; pixels
/// that would not be whole are left out. Each is the mean of what it covers.
fn pixels(frame: &Frame<'_>, factor: u32) -> Vec<[f32; 3]> {
    let size = (frame.width() / factor, frame.height() / factor);
    let region = Rect::new(0.0, 0.0, (size.0 * factor) as f32, (size.1 * factor) as f32);
    let map = Affine::from_region(region, size.0, size.1);
    let form = TensorForm { planar: false, bgr: false, mean: 0.0, scale: 1.0 };
    let mut pixels = vec![[0.0; 3]; (size.0 * size.1) as usize];
    sample::tensor(frame, map, size, Filter::Area, Border::Black, &form, pixels.as_flattened_mut());
    pixels
}

/// Mean and largest difference of luma, and mean difference of a colour.
fn difference(a: &[[f32; 3]], b: &[[f32; 3]]) -> (f32, f32, f32) {
    assert_eq!(a.len(), b.len());
    let (mut mean, mut largest, mut colour) = (0.0, 0.0f32, 0.0);
    for (a, b) in a.iter().zip(b) {
        let luma = (sample::luma(*a) - sample::luma(*b)).abs();
        mean += luma;
        largest = largest.max(luma);
        colour += (0..3).map(|c| (a[c] - b[c]).abs()).sum::<f32>() / 3.0;
    }
    (mean / a.len() as f32, largest, colour / a.len() as f32)
}

#[test]
fn a_reduced_picture_is_the_whole_ones_averages() {
    let mut decoder = JpegDecoder::new();
    for name in REDUCED {
        let jpeg = file(name);
        let still = Still::decode(&jpeg).unwrap();
        for reduction in [Reduction::Half, Reduction::Quarter, Reduction::Eighth] {
            let frame = decoder.decode(&jpeg, least_side(reduction)).unwrap();
            if reduction == Reduction::Eighth && !["2x2", "optimised", "grey"].contains(&name) {
                // A block would give less than one pixel of colour.
                assert_eq!(frame.reduction(), Reduction::Quarter, "{name}");
                continue;
            }
            assert_eq!(frame.reduction(), reduction, "{name}");
            assert_eq!((frame.width(), frame.height()), SIZE);
            assert_eq!(frame.format(), PixelFormat::I420);
            let factor = reduction.factor();
            let whole = pixels(&still.frame().unwrap(), factor);
            let (mean, largest, colour) = difference(&pixels(&frame, factor), &whole);
            // Measured: 0.31, 3.3 and 1.9 levels of 255; the reduced colours are coarser.
            assert!(
                mean < 0.4 && largest < 4.0 && colour < 2.0,
                "{name} {reduction:?}: luma {mean}, at most {largest}; colour {colour}"
            );
        }
    }
}

#[test]
fn the_largest_reduction_that_keeps_the_least_side_is_taken() {
    let jpeg = file("2x2");
    let mut decoder = JpegDecoder::new();
    for (least, reduction) in [
        (0, Reduction::Eighth),
        (20, Reduction::Eighth),
        (21, Reduction::Quarter),
        (40, Reduction::Quarter),
        (41, Reduction::Half),
        (79, Reduction::Half),
        (80, Reduction::None),
        (u32::MAX, Reduction::None),
    ] {
        assert_eq!(decoder.decode(&jpeg, least).unwrap().reduction(), reduction, "{least}");
    }
}

#[test]
fn what_is_not_reduced_is_the_same_as_a_still_picture() {
    let mut decoder = JpegDecoder::new();
    for (name, least) in [("2x2", 480), ("grey", 80), ("progressive", 10), ("rgb", 10)] {
        let jpeg = file(name);
        let still = Still::decode(&jpeg).unwrap();
        let frame = decoder.decode(&jpeg, least).unwrap();
        assert_eq!((frame.reduction(), frame.format()), (Reduction::None, PixelFormat::Rgb8));
        assert!(pixels(&frame, 1) == pixels(&still.frame().unwrap(), 1), "{name}");
    }
}

#[test]
fn what_is_no_cameras_picture_is_refused_and_said() {
    let mut decoder = JpegDecoder::new();
    let mut refused = |jpeg: &[u8], least| decoder.decode(jpeg, least).map(drop).unwrap_err();
    for least in [10, 480] {
        let error = refused(&file("cmyk"), least);
        assert!(matches!(error, PictureError::FourComponents), "{error}");
        assert!(error.to_string().contains("CMYK"));
        assert!(matches!(refused(&file("arithmetic"), least), PictureError::Decode(_)));
        assert!(matches!(refused(b"", least), PictureError::Format));
        assert!(matches!(refused(b"\x89PNG\r\n\x1a\n", least), PictureError::Format));
    }
    let mut huge = file("2x2");
    let start = huge.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    huge[start + 5..start + 9].copy_from_slice(&[0x3F, 0xFF, 0x3F, 0xFF]);
    assert!(matches!(refused(&huge, 10), PictureError::TooManyPixels { width: 16_383, .. }));
}

/// `jpeg` without its segments of `marker`.
fn without(jpeg: &[u8], marker: u8) -> Vec<u8> {
    let (mut kept, mut rest) = (jpeg[..2].to_vec(), &jpeg[2..]);
    while rest[1] != 0xDA {
        let length = 2 + usize::from(u16::from_be_bytes([rest[2], rest[3]]));
        if rest[1] != marker {
            kept.extend(&rest[..length]);
        }
        rest = &rest[length..];
    }
    [&kept, rest].concat()
}

#[test]
fn a_webcam_picture_without_huffman_tables_is_decoded() {
    for name in ["2x1", "grey"] {
        let whole = file(name);
        let bare = without(&whole, 0xC4);
        assert!(bare.len() < whole.len());
        let (mut decoder, mut other) = (JpegDecoder::new(), JpegDecoder::new());
        // Another picture's own tables must not be taken for the usual ones.
        decoder.decode(&file("optimised"), 60).unwrap();
        let (a, b) = (decoder.decode(&bare, 60).unwrap(), other.decode(&whole, 60).unwrap());
        assert_eq!(a.reduction(), Reduction::Half);
        assert!(pixels(&a, 2) == pixels(&b, 2), "{name}");
    }
    let no_steps = without(&file("2x1"), 0xDB);
    let error = JpegDecoder::new().decode(&no_steps, 60).map(drop).unwrap_err();
    assert!(error.to_string().contains("quantisation table is missing"), "{error}");
}

#[test]
fn bytes_behind_the_picture_are_left_alone() {
    let jpeg = file("2x1");
    let padded = [&jpeg[..], &[0; 700], b"whatever the driver left"].concat();
    for least in [60, 480] {
        let (mut decoder, mut other) = (JpegDecoder::new(), JpegDecoder::new());
        let (a, b) = (decoder.decode(&padded, least).unwrap(), other.decode(&jpeg, least).unwrap());
        assert!(pixels(&a, 1) == pixels(&b, 1), "{least}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_picture_cut_anywhere_is_refused(name in prop::sample::select(&REDUCED[..]), at: prop::sample::Index) {
        let jpeg = file(name);
        let mut decoder = JpegDecoder::new();
        for least in [60, 480] {
            prop_assert!(decoder.decode(&jpeg[..at.index(jpeg.len())], least).is_err());
        }
    }

    #[test]
    fn changed_bytes_never_bring_the_decoder_down(
        name in prop::sample::select(&REDUCED[..]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        least in 0u32..100,
    ) {
        let good = file(name);
        let mut jpeg = good.clone();
        for (at, value) in changes {
            let at = at.index(jpeg.len());
            jpeg[at] = value;
        }
        let mut decoder = JpegDecoder::new();
        if let Ok(frame) = decoder.decode(&jpeg, least) {
            prop_assert!(pixels(&frame, 16).iter().flatten().all(|v| (0.0..=255.0).contains(v)));
        }
        // What was damaged leaves nothing behind.
        let mut fresh = JpegDecoder::new();
        let (a, b) = (decoder.decode(&good, 60).unwrap(), fresh.decode(&good, 60).unwrap());
        prop_assert!(pixels(&a, 2) == pixels(&b, 2));
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(bytes: Vec<u8>, header in 0usize..700) {
        let jpeg = file("restart");
        let mut decoder = JpegDecoder::new();
        let _ = decoder.decode(&[&jpeg[..header], &bytes].concat(), 60).map(drop);
        let _ = decoder.decode(&[&jpeg[..header], &bytes, &[0xFF, 0xD9]].concat(), 60).map(drop);
    }
}
