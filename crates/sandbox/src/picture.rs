//! Decodes an uploaded picture: JPEG or PNG, within limits, turned upright.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageReader, Limits, RgbImage};

/// Room for one decoded picture of the largest side, with the decoder's own buffers.
const BYTES_PER_PIXEL: u64 = 16;

/// The pixels of `file`; `None` when it is no picture, or one beyond `side` pixels.
pub(crate) fn decode(file: &[u8], side: u32) -> Option<RgbImage> {
    let mut reader = ImageReader::new(Cursor::new(file)).with_guessed_format().ok()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(side);
    limits.max_image_height = Some(side);
    limits.max_alloc = Some(u64::from(side) * u64::from(side) * BYTES_PER_PIXEL);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().ok()?;
    let orientation = decoder.orientation().ok()?;
    let mut picture = DynamicImage::from_decoder(decoder).ok()?;
    picture.apply_orientation(orientation);
    Some(picture.into_rgb8())
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::ImageFormat;
    use proptest::prelude::*;

    fn encoded(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        RgbImage::new(width, height).write_to(&mut file, format).unwrap();
        file.into_inner()
    }

    /// The JPEG with an Exif block that says "turn by 90 degrees clockwise".
    fn turned(jpeg: &[u8]) -> Vec<u8> {
        let exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
        [&jpeg[..2], &[0xff, 0xe1], &length, exif, &jpeg[2..]].concat()
    }

    #[test]
    fn pictures_come_upright() {
        let jpeg = encoded(40, 20, ImageFormat::Jpeg);
        assert_eq!(decode(&jpeg, 64).unwrap().dimensions(), (40, 20));
        assert_eq!(decode(&turned(&jpeg), 64).unwrap().dimensions(), (20, 40));
        assert_eq!(decode(&encoded(40, 20, ImageFormat::Png), 64).unwrap().dimensions(), (40, 20));
    }

    #[test]
    fn larger_pictures_are_refused() {
        assert!(decode(&encoded(65, 20, ImageFormat::Jpeg), 64).is_none());
        assert!(decode(&encoded(64, 64, ImageFormat::Png), 64).is_some());
    }

    proptest! {
        #[test]
        fn garbage_is_no_picture(
            start in prop::sample::select(vec![&b"\xff\xd8\xff\xe0"[..], b"\x89PNG\r\n\x1a\n", b""]),
            rest in prop::collection::vec(any::<u8>(), 0..512),
        ) {
            prop_assert!(decode(&[start, &rest].concat(), 64).is_none());
        }
    }
}
