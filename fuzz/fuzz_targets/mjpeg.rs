//! Motion JPEG from anywhere is split or refused, every image that comes out is bounded, and each is
//! decoded at a reduced scale to a frame that can be read everywhere, or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use liveface_camera::{JpegDecoder, MAX_ENCODED_BYTES, mjpeg::Splitter};
use liveface_core::Affine;
use liveface_core::sample::{self, Border, Filter, TensorForm};

fuzz_target!(|bytes: &[u8]| {
    let mut decoder = JpegDecoder::new();
    let mut splitter = Splitter::new(bytes);
    let mut image = Vec::new();
    while let Ok(true) = splitter.next_image(&mut image) {
        assert!(!image.is_empty() && image.len() <= MAX_ENCODED_BYTES);
        look_at(&mut decoder, &image);
    }
    // What the splitter refuses must not bring the decoder down either.
    look_at(&mut decoder, bytes);
});

/// Decodes as small as possible, at half size, and reads pixels from everywhere.
fn look_at(decoder: &mut JpegDecoder, jpeg: &[u8]) {
    for least_side in [0, 60] {
        let Ok(frame) = decoder.decode(jpeg, least_side) else { continue };
        let map = Affine::from_region(frame.bounds(), 7, 5);
        let form = TensorForm { planar: false, bgr: false, mean: 0.0, scale: 1.0 };
        let mut levels = [f32::NAN; 7 * 5 * 3];
        sample::tensor(&frame, map, (7, 5), Filter::Area, Border::Replicate, &form, &mut levels);
        assert!(levels.iter().all(|level| (-0.01..=255.01).contains(level)));
        let _ = sample::fingerprint(&frame);
    }
}
