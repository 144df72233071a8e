//! Decodes an uploaded picture, if it is within the sandbox's limit.

use std::io::Cursor;

use image::ImageReader;
use liveface::camera::Still;

/// The picture in `file`; `None` when it is no JPEG or PNG, or one with a side of more than `side`
/// pixels, which is not decoded.
pub(crate) fn decode(file: &[u8], side: u32) -> Option<Still> {
    let header = ImageReader::new(Cursor::new(file)).with_guessed_format().ok()?;
    let (width, height) = header.into_dimensions().ok()?;
    if width.max(height) > side {
        return None;
    }
    Still::decode(file).ok()
}

#[cfg(test)]
mod tests {
    use image::{ImageFormat, RgbImage};
    use proptest::prelude::*;

    use super::*;

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
        let size = |file: &[u8]| {
            let picture = decode(file, 64).unwrap();
            let frame = picture.frame().unwrap();
            (frame.width(), frame.height())
        };
        assert_eq!(size(&jpeg), (40, 20));
        assert_eq!(size(&turned(&jpeg)), (20, 40));
        assert_eq!(size(&encoded(40, 20, ImageFormat::Png)), (40, 20));
    }

    #[test]
    fn larger_pictures_are_refused() {
        assert!(decode(&encoded(65, 20, ImageFormat::Jpeg), 64).is_none());
        assert!(decode(&encoded(20, 65, ImageFormat::Png), 64).is_none());
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
