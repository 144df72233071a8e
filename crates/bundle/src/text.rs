//! How bytes and times are written as text, here and in the crates above.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// `bytes` in lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The sha256 of `bytes` in lower-case hexadecimal digits.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// How times are written.
pub(crate) const TIME_FORMAT: &str = "%Y-%m-%dT%H:%M:%S.%3fZ";

/// The present time in UTC, as `2026-01-02T03:04:05.678Z`.
#[must_use]
pub fn now() -> String {
    jiff::Timestamp::now().strftime(TIME_FORMAT).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_two_digits_each() {
        assert_eq!(hex(&[0, 9, 0xab, 0xff]), "0009abff");
        assert_eq!(hex(&[]), "");
    }

    #[test]
    fn times_have_milliseconds_and_can_be_read_back() {
        let written = now();
        assert_eq!(written.len(), "2026-01-02T03:04:05.678Z".len(), "{written}");
        let read: jiff::Timestamp = written.parse().unwrap();
        assert!(jiff::Timestamp::now().duration_since(read).as_secs() < 60);
    }
}
