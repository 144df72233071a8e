//! Decodes one JPEG or PNG image into the RGB bytes of a frame.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader};
use liveface_core::{Frame, FrameError, Rotation, Timestamp};
use thiserror::Error;

use crate::mjpeg::SplitError;

/// The longest encoded image that is read, in bytes.
pub const MAX_ENCODED_BYTES: usize = 64 << 20;

/// The largest picture that is decoded, in pixels: larger than any camera's video, and small enough
/// that a few bytes of input cannot take up all memory.
pub const MAX_PIXELS: u64 = 50_000_000;

/// Why an encoded image could not become a frame.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PictureError {
    /// The bytes are neither JPEG nor PNG.
    #[error("the file is neither a JPEG nor a PNG image")]
    Format,
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    Read(#[source] std::io::Error),
    /// The file is larger than [`MAX_ENCODED_BYTES`].
    #[error("the file is larger than {MAX_ENCODED_BYTES} bytes")]
    TooManyBytes,
    /// The picture is larger than [`MAX_PIXELS`].
    #[error("the picture has {width}x{height} pixels; at most {MAX_PIXELS} are decoded")]
    TooManyPixels {
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
    },
    /// The JPEG image is not whole.
    #[error(transparent)]
    Jpeg(SplitError),
    /// The JPEG image has four colour components.
    #[error("the JPEG image has four colour components (CMYK); only grey and colour are decoded")]
    FourComponents,
    /// The JPEG image is damaged.
    #[error("the JPEG image is damaged: {what}")]
    Damaged {
        /// Where it stops making sense.
        what: &'static str,
    },
    /// The image is damaged or uses what the decoder does not know.
    #[error("the image could not be decoded: {0}")]
    Decode(#[from] ImageError),
}

/// What is known of a decoded picture beside its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    width: u32,
    height: u32,
    orientation: Orientation,
}

impl Layout {
    /// The frame whose tightly packed RGB bytes are `pixels`.
    pub(crate) fn frame(self, pixels: &[u8], at: Timestamp) -> Result<Frame<'_>, FrameError> {
        let (mirrored, rotation) = upright(self.orientation);
        Ok(self.stored(pixels, at)?.mirrored(mirrored).rotated(rotation))
    }

    /// The same frame, neither mirrored nor turned.
    pub(crate) fn stored(self, pixels: &[u8], at: Timestamp) -> Result<Frame<'_>, FrameError> {
        Frame::rgb(self.width, self.height, pixels, at)
    }
}

/// Decodes `encoded` into `pixels`, replacing what they held.
pub(crate) fn decode(encoded: &[u8], pixels: &mut Vec<u8>) -> Result<Layout, PictureError> {
    let format = match image::guess_format(encoded) {
        Ok(format @ (ImageFormat::Jpeg | ImageFormat::Png)) => format,
        _ => return Err(PictureError::Format),
    };
    let mut decoder = ImageReader::with_format(Cursor::new(encoded), format).into_decoder()?;
    let (width, height) = decoder.dimensions();
    check_size(width, height)?;
    let orientation = decoder.orientation()?;
    if decoder.color_type() == ColorType::Rgb8 {
        pixels.resize(width as usize * height as usize * 3, 0);
        decoder.read_image(pixels)?;
    } else {
        *pixels = DynamicImage::from_decoder(decoder)?.into_rgb8().into_raw();
    }
    Ok(Layout { width, height, orientation })
}

/// Refuses what is no frame's size or would take up too much memory.
pub(crate) fn check_size(width: u32, height: u32) -> Result<(), PictureError> {
    let sides = 1..=Frame::MAX_SIDE;
    if u64::from(width) * u64::from(height) > MAX_PIXELS
        || !sides.contains(&width)
        || !sides.contains(&height)
    {
        return Err(PictureError::TooManyPixels { width, height });
    }
    Ok(())
}

/// An orientation as a frame says it: mirroring is undone first, then the picture is turned.
const fn upright(orientation: Orientation) -> (bool, Rotation) {
    match orientation {
        Orientation::NoTransforms => (false, Rotation::None),
        Orientation::Rotate90 => (false, Rotation::Clockwise90),
        Orientation::Rotate180 => (false, Rotation::Half),
        Orientation::Rotate270 => (false, Rotation::Clockwise270),
        Orientation::FlipHorizontal => (true, Rotation::None),
        Orientation::FlipVertical => (true, Rotation::Half),
        // A turn and then a mirroring is a mirroring and then the opposite turn.
        Orientation::Rotate90FlipH => (true, Rotation::Clockwise270),
        Orientation::Rotate270FlipH => (true, Rotation::Clockwise90),
    }
}

#[cfg(test)]
mod tests {
    use image::{ExtendedColorType, ImageEncoder, RgbImage, codecs, imageops};
    use liveface_core::Affine;
    use liveface_core::sample::{Border, Filter, rgb8};

    use super::*;

    /// Large areas of colour, so that JPEG changes little.
    fn picture() -> RgbImage {
        RgbImage::from_fn(48, 32, |x, y| {
            image::Rgb([if x < 24 { 230 } else { 20 }, if y < 16 { 200 } else { 40 }, 90])
        })
    }

    fn jpeg(orientation: Option<u8>) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 95);
        if let Some(code) = orientation {
            // A TIFF header and one entry: tag 0x112, a short, one of them.
            let exif = [
                &b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"[..],
                &[code, 0, 0, 0, 0, 0, 0, 0],
            ];
            encoder.set_exif_metadata(exif.concat()).unwrap();
        }
        encoder.write_image(&picture(), 48, 32, ExtendedColorType::Rgb8).unwrap();
        bytes
    }

    fn upright_pixels(encoded: &[u8]) -> (u32, u32, Vec<u8>) {
        let mut pixels = vec![1, 2, 3];
        let layout = decode(encoded, &mut pixels).unwrap();
        let frame = layout.frame(&pixels, Timestamp::ZERO).unwrap();
        let mut out = Vec::new();
        let size = (frame.width(), frame.height());
        rgb8(
            &frame,
            Affine::scale_then_move(1.0, 1.0, 0.0, 0.0),
            size,
            Filter::Bilinear,
            Border::Black,
            &mut out,
        );
        (size.0, size.1, out)
    }

    #[test]
    fn every_exif_orientation_comes_upright() {
        for code in 1..=8 {
            let mut expected = DynamicImage::ImageRgb8(picture());
            expected.apply_orientation(Orientation::from_exif(code).unwrap());
            let expected = expected.into_rgb8();
            let (width, height, pixels) = upright_pixels(&jpeg(Some(code)));
            assert_eq!((width, height), expected.dimensions(), "orientation {code}");
            let worst = pixels.iter().zip(expected.as_raw()).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(worst < Some(12), "orientation {code}: {worst:?}");
        }
    }

    #[test]
    fn grey_alpha_and_deep_images_become_rgb() {
        let rgb = picture();
        for image in [
            DynamicImage::ImageRgba8(DynamicImage::ImageRgb8(rgb.clone()).into_rgba8()),
            DynamicImage::ImageRgb16(DynamicImage::ImageRgb8(rgb.clone()).into_rgb16()),
        ] {
            let mut png = Cursor::new(Vec::new());
            image.write_to(&mut png, ImageFormat::Png).unwrap();
            assert_eq!(upright_pixels(png.get_ref()).2, *rgb.as_raw());
        }
        let grey = imageops::grayscale(&rgb);
        let mut bytes = Vec::new();
        codecs::jpeg::JpegEncoder::new(&mut bytes)
            .write_image(&grey, 48, 32, ExtendedColorType::L8)
            .unwrap();
        let (.., pixels) = upright_pixels(&bytes);
        assert!(pixels.chunks_exact(3).all(|p| p[0] == p[1] && p[1] == p[2]));
        assert!(pixels[0].abs_diff(grey.as_raw()[0]) < 12);
    }

    #[test]
    fn a_header_that_announces_a_huge_picture_is_refused_before_it_is_decoded() {
        let mut bytes = jpeg(None);
        let start = bytes.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
        bytes[start + 5..start + 9].copy_from_slice(&[0x3F, 0xFF, 0x3F, 0xFF]);
        let refused = decode(&bytes, &mut Vec::new());
        assert!(matches!(refused, Err(PictureError::TooManyPixels { width: 16_383, .. })));
    }

    #[test]
    fn other_bytes_are_refused() {
        for bytes in [&b""[..], b"GIF89a", b"BM", b"P6 1 1 255 abc"] {
            assert!(matches!(decode(bytes, &mut Vec::new()), Err(PictureError::Format)));
        }
        let half = &jpeg(None)[..30];
        assert!(matches!(decode(half, &mut Vec::new()), Err(PictureError::Decode(_))));
    }

    #[test]
    fn a_webcam_jpeg_without_huffman_tables_is_decoded() {
        let whole = jpeg(None);
        // What the first segment of a webcam's Motion JPEG says.
        let mut bare = [&whole[..2], b"\xFF\xE0\0\x07AVI1\0"].concat();
        let mut rest = &whole[2..];
        while rest[1] != 0xDA {
            let length = 2 + usize::from(u16::from_be_bytes([rest[2], rest[3]]));
            if rest[1] != 0xC4 {
                bare.extend(&rest[..length]);
            }
            rest = &rest[length..];
        }
        bare.extend(rest);
        assert!(bare.len() < whole.len());
        assert_eq!(upright_pixels(&bare), upright_pixels(&whole));
    }
}
