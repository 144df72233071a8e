//! A server's answer to a status question is read liberally and never panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use liveface_submit::wire::StatusAnswer;

fuzz_target!(|text: &str| {
    let Some(answer) = StatusAnswer::parse(text) else { return };
    assert_eq!(answer.raw(), text);
    let _ = (answer.job_complete(), answer.job_success(), answer.code(), answer.result());
    let _ = (answer.timestamp(), answer.signature(), answer.result_message());
});
