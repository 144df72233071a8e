//! An image from anywhere is decoded to a frame of its own size, or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use liveface_camera::Still;

fuzz_target!(|bytes: &[u8]| {
    let Ok(still) = Still::decode(bytes) else { return };
    if let Ok(frame) = still.frame() {
        assert!(frame.width() > 0 && frame.height() > 0);
    }
});
