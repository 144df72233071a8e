//! What a V3 server says of a job, read liberally: unknown values are kept as they came.

use serde_json::Value;

use crate::result::Decision;
use crate::wire::text;

/// The state of a V3 job.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum V3State {
    /// `clear`: registered, or authenticated.
    Clear,
    /// `block`: not registered, or not authenticated.
    Block,
    /// `attention`: so far neither; somebody is to look at it.
    Attention,
    /// `error`: the job came to nothing.
    Error,
    /// `processing`: there is no result yet.
    Processing,
    /// `not_found`: the server does not know the job, or not yet.
    NotFound,
    /// Something else, as it came.
    Other(String),
}

impl V3State {
    /// The known states as the server writes them.
    const KNOWN: [(Self, &'static str); 6] = [
        (Self::Clear, "clear"),
        (Self::Block, "block"),
        (Self::Attention, "attention"),
        (Self::Error, "error"),
        (Self::Processing, "processing"),
        (Self::NotFound, "not_found"),
    ];

    fn parse(text: &str) -> Self {
        let known = Self::KNOWN.into_iter().find(|(_, known)| known.eq_ignore_ascii_case(text));
        known.map_or_else(|| Self::Other(text.to_owned()), |(state, _)| state)
    }

    /// What it means for the user.
    #[must_use]
    pub const fn decision(&self) -> Decision {
        match self {
            Self::Clear => Decision::Approved,
            Self::Block => Decision::Rejected,
            Self::Error | Self::Other(_) => Decision::Unknown,
            Self::Attention | Self::Processing | Self::NotFound => Decision::Pending,
        }
    }

    /// Whether it stays. A state that is not known may change: it is asked for again later.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Clear | Self::Block | Self::Error)
    }
}

impl std::fmt::Display for V3State {
    /// As the server writes it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let known = Self::KNOWN.into_iter().find(|(state, _)| state == self);
        match (self, known) {
            (Self::Other(text), _) => f.write_str(text),
            (_, Some((_, text))) => f.write_str(text),
            (_, None) => Ok(()),
        }
    }
}

/// The answer to `GET /v3/status/{job_id}`.
#[derive(Clone, PartialEq, Eq)]
pub struct V3Status {
    /// How far the job is.
    pub state: V3State,
    /// The job that it is about, if it says so.
    pub job_id: Option<String>,
    /// The user that it is about, if it says so.
    pub user_id: Option<String>,
    /// A line of English.
    pub message: Option<String>,
}

impl V3Status {
    /// Reads an answer; `None` when it is no JSON object with a `status`.
    #[must_use]
    pub fn parse(raw: &str) -> Option<Self> {
        Self::read(&serde_json::from_str(raw).ok()?)
    }

    pub(crate) fn read(value: &Value) -> Option<Self> {
        let field = |name: &str| value.get(name).and_then(text).filter(|text| !text.is_empty());
        Some(Self {
            state: V3State::parse(&field("status")?),
            job_id: field("job_id"),
            user_id: field("user_id"),
            message: field("message"),
        })
    }

    /// Whether waiting for another answer is of no use now: the server is done with the job, somebody
    /// is to look at it, or it cannot be told.
    pub(crate) const fn is_complete(&self) -> bool {
        !matches!(self.state, V3State::Processing | V3State::NotFound)
    }

    /// Whether nothing in it speaks of another job or user.
    pub(crate) fn is_about(&self, job_id: &str, user_id: &str) -> bool {
        self.job_id.as_deref().is_none_or(|id| id == job_id)
            && self.user_id.as_deref().is_none_or(|id| id == user_id)
    }
}

impl std::fmt::Debug for V3Status {
    /// Without ids.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("V3Status").field("state", &self.state).finish_non_exhaustive()
    }
}

/// Whether `id` is a V3 job id: `job_` and 26 digits and letters without i, l, o and u. Nothing else
/// is put into an address.
#[must_use]
pub fn is_job_id(id: &str) -> bool {
    let letter = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'z') && !b"ilou".contains(&c);
    id.strip_prefix("job_").is_some_and(|rest| rest.len() == 26 && rest.bytes().all(letter))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn states_are_typed_and_only_clear_approves() {
        for (text, decision, is_final) in [
            ("clear", Decision::Approved, true),
            ("block", Decision::Rejected, true),
            ("attention", Decision::Pending, false),
            ("error", Decision::Unknown, true),
            ("processing", Decision::Pending, false),
            ("not_found", Decision::Pending, false),
            ("cleared", Decision::Unknown, false),
            ("approved", Decision::Unknown, false),
        ] {
            let status = V3Status::parse(&format!(r#"{{"status":"{text}"}}"#)).unwrap();
            assert_eq!(status.state.decision(), decision, "{text}");
            assert_eq!(status.state.is_final(), is_final, "{text}");
            assert_eq!(status.state.to_string(), text);
        }
        assert_eq!(V3Status::parse(r#"{"status":"Clear"}"#).unwrap().state, V3State::Clear);
        for raw in ["", "[]", "{}", r#"{"status":null}"#, r#"{"status":""}"#, r#"{"status":true}"#]
        {
            assert!(V3Status::parse(raw).is_none(), "{raw}");
        }
    }

    #[test]
    fn an_answer_says_whom_it_is_about_and_prints_nobody() {
        let raw = r#"{"status":"block","job_id":"job-x","user_id":"user-0001","message":"m"}"#;
        let status = V3Status::parse(raw).unwrap();
        assert!(status.is_about("job-x", "user-0001"));
        assert!(!status.is_about("job-y", "user-0001") && !status.is_about("job-x", "user-2"));
        assert!(V3Status::parse(r#"{"status":"block"}"#).unwrap().is_about("job-x", "u"));
        assert!(!format!("{status:?}").contains("0001"));
    }

    #[test]
    fn job_ids_have_one_form() {
        assert!(is_job_id("job_0123456789abcdefghjkmnpqrs"));
        assert!(is_job_id("job_tvwxyz00000000000000000000"));
        for id in [
            "",
            "job_",
            "job_0123456789abcdefghjkmnpqr",
            "job_0123456789abcdefghjkmnpqrst",
            "job_0123456789abcdefghijkmnpqr",
            "job_0123456789abcdefghjklmnpqr",
            "job_0123456789ABCDEFGHJKMNPQRS",
            "JOB_0123456789abcdefghjkmnpqrs",
            "job_../../../../v1/job_status?",
            "job_0123456789abcdefghjkmnpqr\n",
        ] {
            assert!(!is_job_id(id), "{id}");
        }
    }

    proptest! {
        #[test]
        fn any_answer_is_read_or_refused(raw in "\\PC{0,100}|\\{\"status\":\\PC{0,20}\\}") {
            if let Some(status) = V3Status::parse(&raw) {
                let _ = (status.state.decision(), status.state.to_string());
            }
        }

        #[test]
        fn job_ids_are_exactly_the_documented_pattern(id in "job_[0-9a-z]{26}") {
            prop_assert_eq!(is_job_id(&id), !id[4..].contains(['i', 'l', 'o', 'u']));
        }
    }
}
