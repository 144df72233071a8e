//! The V3 protocol: a job is one `multipart/form-data` request with the pictures as its parts, and
//! its result is asked for by the id that the server gave it.
//!
//! The client does not choose that id, so a job that was sent and not answered cannot be found
//! again. It is therefore never sent twice on its own:
//!
//! 1. The job is recorded as [`Prepared`](liveface_bundle::JobStage::Prepared).
//! 2. It is recorded as [`Unclear`](liveface_bundle::JobStage::Unclear) before a byte of its pictures
//!    can go out.
//! 3. With the answer 202 it is recorded as [`Uploaded`](liveface_bundle::JobStage::Uploaded),
//!    together with the server's id.
//!
//! When surely nothing was sent, or the answer is a documented refusal (status 400, 401, 402, 403,
//! 404, 413, 415 or 429), it is `Prepared` again. After a broken connection, a time that was used up
//! or any other status it stays `Unclear`, and so it does when the process is killed in between: then
//! [`SubmitError::Unclear`](crate::SubmitError::Unclear) says what to do.

mod body;
mod job;
mod multipart;
mod status;
mod token;

pub use body::{LIVENESS_IMAGES, MAX_PAYLOAD, UserDetails};
pub(crate) use body::{check, form};
pub(crate) use job::KeptToken;
pub use status::{V3State, V3Status, is_job_id};
pub use token::{ApiKeyTokens, BackendTokens, GivenToken, Token, TokenRequest, TokenSource};

/// The address beside whose `/v1` the V3 API is: `base_url` without a `/v1` at its end.
pub(crate) fn server(base_url: &str) -> &str {
    base_url.trim_end_matches('/').strip_suffix("/v1").unwrap_or(base_url)
}

#[cfg(test)]
mod tests {
    #[test]
    fn v3_is_beside_v1() {
        for (base, server) in [
            ("https://api.smileidentity.com/v1", "https://api.smileidentity.com"),
            ("http://127.0.0.1:1/v1/", "http://127.0.0.1:1"),
            ("https://x.example", "https://x.example"),
            ("https://x.example/a/v1", "https://x.example/a"),
            ("https://x.example/v11", "https://x.example/v11"),
        ] {
            assert_eq!(super::server(base), server);
        }
    }
}
