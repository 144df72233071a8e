//! An upload zip from anywhere is read within its limits, or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use liveface_bundle::{ZipLimits, read_upload_zip};

fuzz_target!(|bytes: &[u8]| {
    let _ = read_upload_zip(bytes, &ZipLimits::default());
});
