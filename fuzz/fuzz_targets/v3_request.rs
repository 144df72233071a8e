//! Multipart forms of V3, as a stranger may send them to the sandbox. The input is the body; its
//! boundary is `x`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = liveface_sandbox::fuzz_form("multipart/form-data; boundary=x", bytes);
});
