//! Motion JPEG from anywhere is split or refused, and every image that comes out is bounded.
#![no_main]

use libfuzzer_sys::fuzz_target;
use liveface_camera::{MAX_ENCODED_BYTES, mjpeg::Splitter};

fuzz_target!(|bytes: &[u8]| {
    let mut splitter = Splitter::new(bytes);
    let mut image = Vec::new();
    while let Ok(true) = splitter.next_image(&mut image) {
        assert!(!image.is_empty() && image.len() <= MAX_ENCODED_BYTES);
    }
});
