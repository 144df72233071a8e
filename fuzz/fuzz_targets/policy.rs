//! A policy from anywhere is read and works, or is refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use liveface_core::Policy;

fuzz_target!(|text: &str| {
    if let Ok(policy) = Policy::from_toml(text) {
        assert!(policy.check().is_ok());
    }
});
