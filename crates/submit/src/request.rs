//! What a job asks for.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::error::SubmitError;

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobType {
    /// Registers (enrols) a user: job type 4.
    Register,
    /// Authenticates a registered user: job type 2.
    Authenticate,
}

impl JobType {
    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Register => 4,
            Self::Authenticate => 2,
        }
    }
}

/// Where the capture was made. Sent as the metadata entry `geolocation`, as mobile SDKs do.
#[derive(Clone, PartialEq)]
pub struct GeoInfo {
    /// Degrees, -90 to 90.
    pub latitude: f64,
    /// Degrees, -180 to 180.
    pub longitude: f64,
    /// Metres above the ellipsoid.
    pub altitude: Option<f64>,
    /// Radius in metres.
    pub accuracy: Option<f64>,
}

impl GeoInfo {
    /// The metadata entry, found at `timestamp`.
    fn metadata(&self, timestamp: &str) -> Result<Value, SubmitError> {
        let within = |value: f64, limit: f64| value.is_finite() && value.abs() <= limit;
        let optional = [self.altitude, self.accuracy];
        if !within(self.latitude, 90.0) || !within(self.longitude, 180.0) {
            return bad("the latitude must be -90 to 90 and the longitude -180 to 180");
        }
        if optional.iter().flatten().any(|value| !value.is_finite())
            || self.accuracy.is_some_and(|accuracy| accuracy < 0.0)
        {
            return bad("altitude and accuracy must be metres, the accuracy not below 0");
        }
        let mut value = json!({ "latitude": self.latitude, "longitude": self.longitude });
        for (name, number) in [("altitude", self.altitude), ("accuracy", self.accuracy)] {
            if let Some(number) = number {
                value[name] = json!(number);
            }
        }
        Ok(json!({ "name": "geolocation", "value": value, "timestamp": timestamp }))
    }
}

impl std::fmt::Debug for GeoInfo {
    /// Where somebody is, is not printed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GeoInfo(..)")
    }
}

/// A job to be sent. [`JobRequest::new`] fills in what is rarely needed.
#[derive(Clone, Default, PartialEq)]
pub struct JobRequest {
    /// Who is registered or authenticated.
    pub user_id: String,
    /// The job's own id; made when it is not given. Use each for one capture only: of two that are
    /// sent under one id at the same time, the server keeps one.
    pub job_id: Option<String>,
    /// What the server sends back with the result, besides the ids and the job type.
    pub partner_params: BTreeMap<String, String>,
    /// Where the server sends its result as well.
    pub callback_url: Option<String>,
    /// Register a user who is registered already (`allow_new_enroll` on the wire, `allow_re_enroll`
    /// of the older SDKs).
    pub allow_re_enroll: bool,
    /// `use_enrolled_image` on the wire: the server may use the selfie that it has. The name means
    /// other things in other versions of the API; here it is passed on, and the capture is sent all
    /// the same.
    pub use_enrolled_image: bool,
    /// Fields of an identity document or person, for `id_info`.
    pub id_info: BTreeMap<String, String>,
    /// Where the capture was made.
    pub geo: Option<GeoInfo>,
    /// How long to wait for the result: `None` as the client is set, zero not at all.
    pub wait: Option<Duration>,
}

impl JobRequest {
    /// A job for `user_id` and nothing else.
    #[must_use]
    pub fn new(user_id: &str) -> Self {
        Self { user_id: user_id.to_owned(), ..Self::default() }
    }

    /// Fails when the job cannot be sent as it is. Returns its metadata.
    pub(crate) fn check(
        &self,
        job_type: JobType,
        timestamp: &str,
    ) -> Result<Vec<Value>, SubmitError> {
        check_text("the user id", &self.user_id)?;
        if let Some(job_id) = &self.job_id {
            check_text("the job id", job_id)?;
        }
        for (name, value) in self.partner_params.iter().chain(&self.id_info) {
            check_text("a parameter's name", name)?;
            if !value.is_empty() {
                check_text("a parameter's value", value)?;
            }
        }
        if ["user_id", "job_id", "job_type"]
            .iter()
            .any(|name| self.partner_params.contains_key(*name))
        {
            return bad("user_id, job_id and job_type are not further partner parameters");
        }
        if job_type == JobType::Authenticate && self.allow_re_enroll {
            return bad("only a registration can allow re-enrolling");
        }
        if let Some(url) = &self.callback_url
            && crate::environment::reach(url).is_none()
        {
            return bad("the callback address must begin with https:// or http:// and a host");
        }
        self.geo.iter().map(|geo| geo.metadata(timestamp)).collect()
    }
}

impl std::fmt::Debug for JobRequest {
    /// Without what speaks of a person.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JobRequest")
            .field("allow_re_enroll", &self.allow_re_enroll)
            .field("use_enrolled_image", &self.use_enrolled_image)
            .field("wait", &self.wait)
            .finish_non_exhaustive()
    }
}

/// Longest id, name or value, in bytes.
const MAX_TEXT: usize = 1000;

fn check_text(name: &str, text: &str) -> Result<(), SubmitError> {
    if text.trim().is_empty() || text.len() > MAX_TEXT || text.chars().any(char::is_control) {
        return Err(SubmitError::Request(format!(
            "{name} must have 1 to {MAX_TEXT} bytes and no control characters"
        )));
    }
    Ok(())
}

fn bad<T>(what: &str) -> Result<T, SubmitError> {
    Err(SubmitError::Request(what.to_owned()))
}

/// A new job id: `job-` and a random UUID, as mobile SDKs make them.
pub(crate) fn new_job_id() -> Result<String, SubmitError> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(SubmitError::Random)?;
    // Version 4, RFC 9562.
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let number = u128::from_be_bytes(bytes);
    let digits = format!("{number:032x}");
    let [a, b, c, d, e] = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| &digits[range]);
    Ok(format!("job-{a}-{b}-{c}-{d}-{e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(change: impl FnOnce(&mut JobRequest)) -> String {
        let mut request = JobRequest::new("user-0001");
        change(&mut request);
        request.check(JobType::Authenticate, "t").unwrap_err().to_string()
    }

    #[test]
    fn a_request_that_cannot_be_sent_is_refused_without_naming_anybody() {
        JobRequest::new("user-0001").check(JobType::Register, "t").unwrap();
        let geo = |latitude, accuracy| {
            Some(GeoInfo { latitude, longitude: 0.0, altitude: None, accuracy })
        };
        for message in [
            refusal(|r| r.user_id = " ".to_owned()),
            refusal(|r| r.user_id = "a\nsecret".to_owned()),
            refusal(|r| r.job_id = Some(String::new())),
            refusal(|r| r.callback_url = Some("secret".to_owned())),
            refusal(|r| _ = r.partner_params.insert("job_type".to_owned(), "4".to_owned())),
            refusal(|r| _ = r.id_info.insert("secret\0".to_owned(), String::new())),
            refusal(|r| r.allow_re_enroll = true),
            refusal(|r| r.geo = geo(91.0, None)),
            refusal(|r| r.geo = geo(f64::NAN, None)),
            refusal(|r| r.geo = geo(1.0, Some(-1.0))),
        ] {
            assert!(message.starts_with("the job cannot be sent"));
            assert!(!message.contains("secret"), "{message}");
        }
    }

    #[test]
    fn the_place_is_one_metadata_entry() {
        let mut request = JobRequest::new("u");
        let geo =
            GeoInfo { latitude: -1.25, longitude: 36.8, altitude: Some(1700.0), accuracy: None };
        assert_eq!(format!("{geo:?}"), "GeoInfo(..)");
        request.geo = Some(geo);
        let value = json!({"latitude": -1.25, "longitude": 36.8, "altitude": 1700.0});
        assert_eq!(
            request.check(JobType::Register, "t").unwrap(),
            [json!({"name": "geolocation", "value": value, "timestamp": "t"})]
        );
    }

    #[test]
    fn job_ids_are_uuids_and_differ() {
        let (one, two) = (new_job_id().unwrap(), new_job_id().unwrap());
        assert_ne!(one, two);
        assert_eq!(one.len(), "job-123e4567-e89b-42d3-a456-426614174000".len());
        assert_eq!(one.as_bytes()[18], b'4');
    }
}
