//! YUV4MPEG2 from anywhere is read or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use liveface_camera::y4m::Reader;

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut reader) = Reader::new(bytes) else { return };
    let mut planes = Vec::new();
    while let Ok(true) = reader.next_frame(&mut planes) {}
});
