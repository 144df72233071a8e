//! A file of the store from anywhere is decrypted and read, or refused; so is what somebody with the
//! key may have written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use liveface_bundle::fuzz_store_file;

fuzz_target!(|bytes: &[u8]| fuzz_store_file(bytes));
