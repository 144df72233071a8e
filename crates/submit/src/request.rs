//! What a job asks for.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::error::SubmitError;
use crate::metadata::DeviceFacts;

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

/// Where the capture was made. Sent as the metadata entry `geolocation`, as mobile SDKs do, with the
/// field names of the legacy SDK.
#[derive(Clone, Default, PartialEq)]
pub struct GeoInfo {
    /// Degrees, -90 to 90.
    pub latitude: f64,
    /// Degrees, -180 to 180.
    pub longitude: f64,
    /// Metres above the ellipsoid.
    pub altitude: Option<f64>,
    /// Radius in metres.
    pub accuracy: Option<f64>,
    /// When the place was found, as the device writes it.
    pub last_update: Option<String>,
    /// Whether the person let the app know the place. When not, only that is sent.
    pub permission_granted: Option<bool>,
}

impl GeoInfo {
    /// Reads the legacy SDK's map: `latitude`, `longitude`, `altitude`, `accuracy`, `lastUpdate`,
    /// `isGeoPermissionGranted`, all as text. Empty values count as not given.
    ///
    /// # Errors
    /// When a name is not known, a value cannot be read, or the place is missing though the
    /// permission is not denied.
    pub fn from_fields(fields: &BTreeMap<String, String>) -> Result<Self, SubmitError> {
        let mut geo = Self::default();
        let (mut latitude, mut longitude) = (None, None);
        for (name, value) in fields.iter().filter(|(_, value)| !value.trim().is_empty()) {
            let value = value.trim();
            let number = || match value.parse::<f64>() {
                Ok(number) => Ok(Some(number)),
                Err(_) => bad("latitude, longitude, altitude and accuracy must be numbers"),
            };
            match name.as_str() {
                "latitude" => latitude = number()?,
                "longitude" => longitude = number()?,
                "altitude" => geo.altitude = number()?,
                "accuracy" => geo.accuracy = number()?,
                "lastUpdate" => geo.last_update = Some(value.to_owned()),
                "isGeoPermissionGranted" => match crate::wire::truth(&Value::from(value)) {
                    Some(granted) => geo.permission_granted = Some(granted),
                    None => return bad("isGeoPermissionGranted must be true or false"),
                },
                _ => return bad("a field of the place is not known"),
            }
        }
        let denied = geo.permission_granted == Some(false);
        (geo.latitude, geo.longitude) = match (latitude, longitude) {
            (Some(latitude), Some(longitude)) => (latitude, longitude),
            _ if denied => (0.0, 0.0),
            _ => return bad("latitude and longitude are both needed"),
        };
        geo.check()?;
        Ok(geo)
    }

    fn check(&self) -> Result<(), SubmitError> {
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
        self.last_update.iter().try_for_each(|time| check_text("the place's last update", time))
    }

    /// The metadata entry's value.
    pub(crate) fn value(&self) -> Value {
        let mut value = json!({});
        if self.permission_granted != Some(false) {
            value = json!({ "latitude": self.latitude, "longitude": self.longitude });
            let optional = [
                ("altitude", self.altitude.map(Value::from)),
                ("accuracy", self.accuracy.map(Value::from)),
                ("lastUpdate", self.last_update.as_deref().map(Value::from)),
            ];
            for (name, given) in optional {
                if let Some(given) = given {
                    value[name] = given;
                }
            }
        }
        if let Some(granted) = self.permission_granted {
            value["isGeoPermissionGranted"] = json!(granted);
        }
        value
    }
}

impl std::fmt::Debug for GeoInfo {
    /// Where somebody is, is not printed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GeoInfo(..)")
    }
}

/// Fields of an identity document or a person, for [`JobRequest::id_info`].
#[derive(Clone, Default, PartialEq, Eq)]
pub struct IdInfo {
    /// Two capital letters.
    pub country: Option<String>,
    /// The kind of document, as the server names it.
    pub id_type: Option<String>,
    /// The document's number.
    pub id_number: Option<String>,
    /// First name.
    pub first_name: Option<String>,
    /// Middle name.
    pub middle_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// Date of birth, as `2000-12-31`.
    pub dob: Option<String>,
    /// Address for mail.
    pub email: Option<String>,
    /// Whether the fields were entered and are to be checked.
    pub entered: Option<bool>,
    /// Whatever else the server takes.
    pub further: BTreeMap<String, String>,
}

impl From<IdInfo> for BTreeMap<String, String> {
    /// The fields that are given, by their names on the wire.
    fn from(info: IdInfo) -> Self {
        let named = [
            ("country", info.country),
            ("id_type", info.id_type),
            ("id_number", info.id_number),
            ("first_name", info.first_name),
            ("middle_name", info.middle_name),
            ("last_name", info.last_name),
            ("dob", info.dob),
            ("email", info.email),
            ("entered", info.entered.map(|entered| entered.to_string())),
        ];
        let mut fields = info.further;
        fields
            .extend(named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        fields
    }
}

impl std::fmt::Debug for IdInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IdInfo(..)")
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
    /// Fields of an identity document or person, for `id_info`: see [`IdInfo`].
    pub id_info: BTreeMap<String, String>,
    /// Where the capture was made.
    pub geo: Option<GeoInfo>,
    /// What the app tells of the device.
    pub device: DeviceFacts,
    /// How long to wait for the result: `None` as the client is set, zero not at all.
    pub wait: Option<Duration>,
}

impl JobRequest {
    /// A job for `user_id` and nothing else.
    #[must_use]
    pub fn new(user_id: &str) -> Self {
        Self { user_id: user_id.to_owned(), ..Self::default() }
    }

    /// Fails when the job cannot be sent as it is.
    pub(crate) fn check(&self, job_type: JobType) -> Result<(), SubmitError> {
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
        self.geo.iter().try_for_each(GeoInfo::check)
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
        request.check(JobType::Authenticate).unwrap_err().to_string()
    }

    #[test]
    fn a_request_that_cannot_be_sent_is_refused_without_naming_anybody() {
        JobRequest::new("user-0001").check(JobType::Register).unwrap();
        let geo = |latitude, accuracy| Some(GeoInfo { latitude, accuracy, ..GeoInfo::default() });
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

    fn place(fields: &[(&str, &str)]) -> Result<GeoInfo, SubmitError> {
        let owned = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        GeoInfo::from_fields(&owned.collect())
    }

    #[test]
    fn the_place_is_read_from_texts_and_sent_as_numbers() {
        let geo = place(&[
            ("latitude", "-1.25"),
            ("longitude", "36.8"),
            ("altitude", " 1700 "),
            ("accuracy", ""),
            ("lastUpdate", "Thu Jan 01 2026 10:00:00"),
            ("isGeoPermissionGranted", "true"),
        ])
        .unwrap();
        assert_eq!(format!("{geo:?}"), "GeoInfo(..)");
        assert_eq!(
            geo.value(),
            json!({
                "latitude": -1.25, "longitude": 36.8, "altitude": 1700.0,
                "lastUpdate": "Thu Jan 01 2026 10:00:00", "isGeoPermissionGranted": true,
            })
        );
        for wrong in [
            &[("latitude", "1")][..],
            &[("latitude", "north"), ("longitude", "1")],
            &[("latitude", "1"), ("longitude", "1"), ("x", "1")],
            &[("latitude", "1"), ("longitude", "181")],
            &[("latitude", "1"), ("longitude", "1"), ("isGeoPermissionGranted", "perhaps")],
            &[("latitude", "1"), ("longitude", "1"), ("lastUpdate", "a\nb")],
        ] {
            assert!(place(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_place_that_the_app_may_not_know_is_not_sent() {
        let denied = ("isGeoPermissionGranted", "false");
        for fields in [&[denied][..], &[denied, ("latitude", "1"), ("longitude", "2")]] {
            let value = place(fields).unwrap().value();
            assert_eq!(value, json!({"isGeoPermissionGranted": false}));
        }
    }

    #[test]
    fn id_info_has_its_names_on_the_wire() {
        let info = IdInfo {
            country: Some("KE".to_owned()),
            entered: Some(true),
            further: [("bank_code".to_owned(), "7".to_owned())].into(),
            ..IdInfo::default()
        };
        assert_eq!(format!("{info:?}"), "IdInfo(..)");
        let fields = BTreeMap::from(info);
        let fields: Vec<_> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(fields, [("bank_code", "7"), ("country", "KE"), ("entered", "true")]);
    }

    #[test]
    fn job_ids_are_uuids_and_differ() {
        let (one, two) = (new_job_id().unwrap(), new_job_id().unwrap());
        assert_ne!(one, two);
        assert_eq!(one.len(), "job-123e4567-e89b-42d3-a456-426614174000".len());
        assert_eq!(one.as_bytes()[18], b'4');
    }
}
