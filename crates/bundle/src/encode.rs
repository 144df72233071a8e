//! Frames to JPEG: the whole upright picture, made smaller, without metadata.

use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;
use liveface_core::sample::{self, Border, Filter};
use liveface_core::{Affine, Frame, ShotKind};
use zeroize::Zeroizing;

use crate::capture::CapturedImage;
use crate::error::BundleError;
use crate::wiped::Wiped;

/// Encodes `frame` as picture `index` of `kind`.
///
/// The longest side becomes `longest_side` pixels; a smaller frame keeps its size. `jpeg_quality`
/// is 1 to 100. The same frame and settings give the same bytes.
///
/// # Errors
/// When `longest_side` is 0, `jpeg_quality` is out of range or the encoder fails.
pub fn encode(
    frame: &Frame<'_>,
    kind: ShotKind,
    index: u32,
    longest_side: u32,
    jpeg_quality: u8,
) -> Result<CapturedImage, BundleError> {
    if longest_side == 0 {
        let (name, rule) = ("a longest side of", "at least 1 pixel");
        return Err(BundleError::Encoding { name, value: longest_side, rule });
    }
    if !(1..=100).contains(&jpeg_quality) {
        let (name, rule) = ("JPEG quality", "1 to 100");
        return Err(BundleError::Encoding { name, value: jpeg_quality.into(), rule });
    }
    let (width, height) = fit(frame.width(), frame.height(), longest_side);
    let region = Affine::from_region(frame.bounds(), width, height);
    // Large enough from the start: a buffer that grows leaves a copy of the pixels.
    let mut pixels = Zeroizing::new(Vec::with_capacity(width as usize * height as usize * 3));
    sample::rgb8(frame, region, (width, height), Filter::Area, Border::Replicate, &mut pixels);
    let mut jpeg = Wiped::default();
    JpegEncoder::new_with_quality(&mut jpeg, jpeg_quality)
        .encode(&pixels, width, height, ExtendedColorType::Rgb8)
        .map_err(|source| BundleError::Jpeg { width, height, source })?;
    let t_ms = u64::try_from(frame.timestamp().as_millis()).unwrap_or(u64::MAX);
    Ok(CapturedImage { kind, index, t_ms, width, height, jpeg: jpeg.into_inner() })
}

/// The largest size of the same shape whose longest side is at most `longest_side`.
fn fit(width: u32, height: u32, longest_side: u32) -> (u32, u32) {
    let longest = width.max(height);
    if longest <= longest_side {
        return (width, height);
    }
    let scaled = |side: u32| {
        let exact = u64::from(side) * u64::from(longest_side);
        let rounded = (exact + u64::from(longest) / 2) / u64::from(longest);
        // Not more than `longest_side`, so it fits.
        (rounded as u32).max(1)
    };
    (scaled(width), scaled(height))
}

#[cfg(test)]
mod tests {
    use liveface_core::{Rotation, Timestamp};

    use super::*;

    /// Left half red, right half blue.
    fn two_colours(width: u32, height: u32) -> Vec<u8> {
        (0..height)
            .flat_map(|_| 0..width)
            .flat_map(|x| if x < width / 2 { [220, 20, 20] } else { [20, 20, 220] })
            .collect()
    }

    #[test]
    fn the_longest_side_is_as_asked_and_never_larger_than_the_frame() {
        assert_eq!(fit(1920, 1080, 640), (640, 360));
        assert_eq!(fit(480, 640, 320), (240, 320));
        assert_eq!(fit(480, 640, 640), (480, 640));
        assert_eq!(fit(100, 50, 640), (100, 50));
        assert_eq!(fit(16_384, 1, 64), (64, 1));
    }

    #[test]
    fn the_picture_is_upright_and_decodes_to_what_was_seen() {
        let data = two_colours(64, 32);
        let frame = Frame::rgb(64, 32, &data, Timestamp::from_millis(77)).unwrap();
        let turned = frame.rotated(Rotation::Clockwise90);
        let image = encode(&turned, ShotKind::Liveness, 3, 32, 90).unwrap();
        assert_eq!((image.width, image.height), (16, 32));
        assert_eq!(image.file_name(), "si_liveness_77.jpg");
        let decoded = image::load_from_memory(&image.jpeg).unwrap().to_rgb8();
        assert_eq!(decoded.dimensions(), (16, 32));
        // Turned clockwise, what was on the left is on top.
        assert!(decoded.get_pixel(8, 4)[0] > 180 && decoded.get_pixel(8, 4)[2] < 80);
        assert!(decoded.get_pixel(8, 28)[2] > 180 && decoded.get_pixel(8, 28)[0] < 80);
    }

    #[test]
    fn the_same_frame_gives_the_same_bytes_without_metadata() {
        let data = two_colours(97, 61);
        let frame = Frame::rgb(97, 61, &data, Timestamp::ZERO).unwrap();
        let one = encode(&frame, ShotKind::Selfie, 0, 64, 90).unwrap();
        assert_eq!(one, encode(&frame, ShotKind::Selfie, 0, 64, 90).unwrap());
        // Markers up to the picture's data: JFIF, tables and frame, but no Exif and no comment.
        let mut at = 2;
        while one.jpeg[at + 1] != 0xDA {
            assert!(
                !matches!(one.jpeg[at + 1], 0xE1..=0xEF | 0xFE),
                "marker {:x}",
                one.jpeg[at + 1]
            );
            at += 2 + usize::from(u16::from_be_bytes([one.jpeg[at + 2], one.jpeg[at + 3]]));
        }
    }

    #[test]
    fn settings_that_cannot_work_are_named() {
        let data = two_colours(8, 8);
        let frame = Frame::rgb(8, 8, &data, Timestamp::ZERO).unwrap();
        let message = |side, quality| {
            encode(&frame, ShotKind::Selfie, 0, side, quality).unwrap_err().to_string()
        };
        assert!(message(0, 90).contains("longest side"));
        assert!(message(8, 0).contains("1 to 100"));
        assert!(message(8, 101).contains("101"));
    }

    #[test]
    fn debug_output_holds_no_pixels() {
        let data = two_colours(8, 8);
        let frame = Frame::rgb(8, 8, &data, Timestamp::ZERO).unwrap();
        let shown = format!("{:?}", encode(&frame, ShotKind::Selfie, 0, 8, 90).unwrap());
        assert!(shown.contains("Selfie") && !shown.contains("jpeg"), "{shown}");
    }
}
