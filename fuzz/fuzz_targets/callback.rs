//! A callback's body is read liberally, verified only by its signature, and never panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use liveface_submit::{ApiKeySigner, Callback};

fuzz_target!(|body: &[u8]| {
    let Ok(callback) = Callback::parse(body) else { return };
    let result = callback.result();
    let _ = (callback.decision(), callback.user_id(), callback.job_id(), callback.timestamp());
    let _ = (result.actions(), result.confidence(), result.is_final(), result.result_text());
    assert!(result.result_code().is_some() || result.fields().contains_key("ResultCode"));
    // Nobody signs with this key.
    let signer = ApiKeySigner::new("2345", "fuzz").expect("the key can be used");
    assert!(Callback::parse_and_verify(body, &signer).is_err());
});
