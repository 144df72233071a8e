//! A folder of numbered images, in the order of their numbers.

use std::cmp::Ordering;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::error::CameraError;
use crate::mjpeg::{SplitError, Splitter};
use crate::picture::{MAX_ENCODED_BYTES, PictureError};

/// The .jpg, .jpeg and .png files of `folder` in natural order: `frame9.jpg` before `frame10.jpg`.
/// Hidden files are passed over; folders in it are not entered.
///
/// # Errors
/// When the folder cannot be read or holds no image.
pub fn images(folder: &Path) -> Result<Vec<PathBuf>, CameraError> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(CameraError::read(folder))? {
        let entry = entry.map_err(CameraError::read(folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_image(&name) && entry.path().is_file() {
            names.push((name, entry.path()));
        }
    }
    if names.is_empty() {
        return Err(CameraError::NoImages { path: folder.to_owned() });
    }
    names.sort_by(|(first, _), (second, _)| natural_order(first, second));
    Ok(names.into_iter().map(|(_, path)| path).collect())
}

/// Reads image file `path`, frame `frame` of its source, into `encoded`. A JPEG image is walked to
/// its end: decoders fill what is missing with grey and say nothing.
pub(crate) fn read_image(
    path: &Path,
    frame: u64,
    encoded: &mut Vec<u8>,
) -> Result<(), CameraError> {
    encoded.clear();
    let refused = |source| CameraError::Picture { path: path.to_owned(), frame, source };
    let mut file = BufReader::new(File::open(path).map_err(CameraError::read(path))?);
    let start = file.fill_buf().map_err(CameraError::read(path))?;
    if start.starts_with(&[0xFF, 0xD8]) {
        return match Splitter::new(file).next_image(encoded) {
            Ok(_) => Ok(()),
            Err(SplitError::Read(source)) => {
                Err(CameraError::Read { path: path.to_owned(), source })
            }
            Err(source) => Err(refused(PictureError::Jpeg(source))),
        };
    }
    let read = file
        .take(MAX_ENCODED_BYTES as u64 + 1)
        .read_to_end(encoded)
        .map_err(CameraError::read(path))?;
    if read > MAX_ENCODED_BYTES {
        return Err(refused(PictureError::TooManyBytes));
    }
    Ok(())
}

/// Names that begin with a dot are not images: some systems put such files beside every image.
fn is_image(name: &str) -> bool {
    let Some((stem, extension)) = name.rsplit_once('.') else { return false };
    !stem.is_empty()
        && !name.starts_with('.')
        && ["jpg", "jpeg", "png"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// Compares runs of digits by their value and everything else by its bytes.
fn natural_order(first: &str, second: &str) -> Ordering {
    let (mut a, mut b) = (first.as_bytes(), second.as_bytes());
    while let (Some(left), Some(right)) = (a.first(), b.first()) {
        let order = if left.is_ascii_digit() && right.is_ascii_digit() {
            let (number, other) = (take_number(&mut a), take_number(&mut b));
            number.len().cmp(&other.len()).then_with(|| number.cmp(other))
        } else {
            (a, b) = (&a[1..], &b[1..]);
            left.cmp(right)
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    a.len().cmp(&b.len()).then_with(|| first.cmp(second))
}

/// Takes the run of digits at the start of `rest`; the answer has no leading zeros.
fn take_number<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let end = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, after) = rest.split_at(end);
    *rest = after;
    let start = digits.iter().position(|digit| *digit != b'0').unwrap_or(digits.len());
    &digits[start..]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_compared_by_value() {
        let mut names = ["f10.jpg", "f9.jpg", "f010.jpg", "a2", "f1b.jpg", "f1a.jpg", "f"];
        names.sort_by(|a, b| natural_order(a, b));
        assert_eq!(names, ["a2", "f", "f1a.jpg", "f1b.jpg", "f9.jpg", "f010.jpg", "f10.jpg"]);
    }

    #[test]
    fn only_visible_jpeg_and_png_files_are_images() {
        assert!(is_image("000.jpg") && is_image("1.JPEG") && is_image("a.b.png"));
        for name in ["truth.csv", ".hidden.jpg", ".jpg", "jpg", "000.jpg.part", "000.gif"] {
            assert!(!is_image(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn plain_numbers_sort_as_numbers(a: u64, b: u64, zeros in 0usize..4) {
            let (first, second) = (format!("{}{a}.png", "0".repeat(zeros)), format!("{b}.png"));
            if a != b {
                prop_assert_eq!(natural_order(&first, &second), a.cmp(&b));
            }
        }

        #[test]
        fn the_order_is_total(a in "[0-9a-c.é]{0,8}", b in "[0-9a-c.é]{0,8}", c in "[0-9a-c.é]{0,8}") {
            prop_assert_eq!(natural_order(&a, &b), natural_order(&b, &a).reverse());
            prop_assert_eq!(natural_order(&a, &b) == Ordering::Equal, a == b);
            if natural_order(&a, &b).is_le() && natural_order(&b, &c).is_le() {
                prop_assert!(natural_order(&a, &c).is_le());
            }
        }
    }
}
