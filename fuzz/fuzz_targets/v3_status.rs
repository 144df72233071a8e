//! A V3 server's answers and tokens are read liberally and never panic; what is put into an address
//! or a header field has their form.
#![no_main]

use libfuzzer_sys::fuzz_target;
use liveface_submit::v3::{Token, V3Status, is_job_id};

fuzz_target!(|text: &str| {
    if let Some(status) = V3Status::parse(text) {
        let _ = (status.state.decision(), status.state.is_final(), status.state.to_string());
        let _ = format!("{status:?}");
    }
    if is_job_id(text) {
        assert!(text.len() == 30 && text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_'));
    }
    if let Ok(token) = Token::new(text) {
        assert!(text.trim().bytes().all(|c| c.is_ascii_graphic()));
        let _ = (token.lasts(), token.expires());
    }
});
