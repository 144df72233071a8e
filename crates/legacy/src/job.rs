//! The arguments of `submitJob`, and how they become a job of the client.

use std::collections::BTreeMap;
use std::time::Duration;

use liveface::Tag;
use liveface_submit::{JobRequest, JobType};
use serde_json::Value;

use crate::error::{LegacyError, PluginCode, SidError};
use crate::geo;

/// The arguments of `submitJob`. Their order differs between the vendor's wrappers, so they have
/// names.
#[derive(Clone, Default, PartialEq)]
pub struct SubmitJob {
    /// The tag that the capture returned.
    pub tag: String,
    /// 4 registers, 2 authenticates.
    pub job_type: Option<i64>,
    /// Whether the job goes to the production servers, and not to the sandbox.
    pub is_production: Option<bool>,
    /// Where the server sends its result as well; `None` or empty for nowhere.
    pub callback_url: Option<String>,
    /// `user_id` and `job_id`; every other key is a further partner parameter. All are texts.
    pub partner_params: BTreeMap<String, Value>,
    /// The fields [`ID_INFO_KEYS`] and further ones. All are texts; the two flags may be booleans.
    pub id_info: BTreeMap<String, Value>,
    /// `latitude`, `longitude`, `altitude`, `accuracy`, `lastUpdate` and `isGeoPermissionGranted`.
    pub geo_info: BTreeMap<String, Value>,
    /// How long to wait for the result, in milliseconds; 0 is the client's default. When it is too
    /// short, the result is not complete yet.
    pub job_status_polling_timeout_millis: u64,
}

/// The main keys of `idInfo`.
pub const ID_INFO_KEYS: [&str; 9] = [
    "first_name",
    "last_name",
    "middle_name",
    "country",
    "id_type",
    "id_number",
    "email",
    "allow_re_enroll",
    "use_enrolled_image",
];

impl std::fmt::Debug for SubmitJob {
    /// Without what speaks of a person.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SubmitJob")
            .field("tag", &self.tag)
            .field("job_type", &self.job_type)
            .field("is_production", &self.is_production)
            .finish_non_exhaustive()
    }
}

/// A job whose arguments are right.
pub(crate) struct CheckedJob {
    pub(crate) tag: Tag,
    pub(crate) job_type: JobType,
    pub(crate) is_production: bool,
    pub(crate) request: JobRequest,
}

impl SubmitJob {
    /// Reads the arguments from one map, under the names of the plugin: `tag`, `jobType`,
    /// `isProduction`, `callBackUrl`, `partnerParams`, `idInfo`, `geoInfo` and
    /// `jobStatusPollingTimeoutMillis`. What is missing or null is not set.
    ///
    /// # Errors
    /// When a name is not one of these, or a value is of another type than the argument.
    pub fn read(arguments: &BTreeMap<String, Value>) -> Result<Self, LegacyError> {
        let mut job = Self::default();
        for (name, value) in arguments.iter().filter(|(_, value)| !value.is_null()) {
            let wrong = || invalid(&format!("the argument {name} is of the wrong type"));
            let text = || value.as_str().map(str::to_owned).ok_or_else(wrong);
            let map = || {
                let fields = value.as_object().ok_or_else(wrong)?;
                Ok(fields.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
            };
            match name.as_str() {
                "tag" => job.tag = text()?,
                "jobType" => job.job_type = Some(value.as_i64().ok_or_else(wrong)?),
                "isProduction" => job.is_production = Some(value.as_bool().ok_or_else(wrong)?),
                "callBackUrl" => job.callback_url = Some(text()?),
                "partnerParams" => job.partner_params = map()?,
                "idInfo" => job.id_info = map()?,
                "geoInfo" => job.geo_info = map()?,
                "jobStatusPollingTimeoutMillis" => {
                    job.job_status_polling_timeout_millis = value.as_u64().ok_or_else(wrong)?;
                }
                _ => return Err(invalid(&format!("submitJob has no argument {name}"))),
            }
        }
        Ok(job)
    }

    /// Checks the arguments in the plugin's order.
    pub(crate) fn check(&self) -> Result<CheckedJob, LegacyError> {
        let not_set = |what: &str| LegacyError::submit(SidError::UnableToSubmit, what);
        if self.tag.is_empty() {
            return Err(not_set("the tag is not set; use the tag that the capture returned"));
        }
        let number = self
            .job_type
            .ok_or_else(|| not_set("the job type is not set; 4 registers, 2 authenticates"))?;
        let is_production = self
            .is_production
            .ok_or_else(|| not_set("the environment is not set; say whether it is production"))?;
        let job_type = job_type(number)?;
        let tag = Tag::new(&self.tag)
            .map_err(|error| LegacyError::bundle(PluginCode::SubmitError, &error))?;
        Ok(CheckedJob { tag, job_type, is_production, request: self.request(number)? })
    }

    fn request(&self, job_type: i64) -> Result<JobRequest, LegacyError> {
        let mut params = texts(&self.partner_params, "partnerParams", &[])?;
        // These are the job's own; an empty one counts as not given.
        let mut own = |key| params.remove(key).filter(|text| !text.is_empty());
        let user_id = own("user_id").ok_or_else(|| {
            let message = "user_id in partnerParams is not set; give the id of the user";
            LegacyError::submit(SidError::NoUserIdFoundPleaseEnrollFirst, message)
        })?;
        let job_id = own("job_id");
        // Some apps repeat the argument here.
        if own("job_type").is_some_and(|other| other != job_type.to_string()) {
            return Err(invalid("job_type in partnerParams is not that of the call"));
        }
        let flags = ["allow_re_enroll", "use_enrolled_image"];
        let mut id_info = texts(&self.id_info, "idInfo", &flags)?;
        id_info.retain(|_, text| !text.is_empty());
        Ok(JobRequest {
            user_id,
            job_id,
            partner_params: params,
            callback_url: self.callback_url.clone().filter(|url| !url.is_empty()),
            allow_re_enroll: flag(&self.id_info, "idInfo", flags[0])?.unwrap_or(false),
            use_enrolled_image: flag(&self.id_info, "idInfo", flags[1])?.unwrap_or(false),
            id_info,
            geo: geo::read(&self.geo_info)?,
            wait: (self.job_status_polling_timeout_millis > 0)
                .then(|| Duration::from_millis(self.job_status_polling_timeout_millis)),
            ..JobRequest::default()
        })
    }
}

/// The job type `number`, if this engine has it.
fn job_type(number: i64) -> Result<JobType, LegacyError> {
    let use_others = "use 4 (register) or 2 (authenticate)";
    let (name, what) = match number {
        4 => return Ok(JobType::Register),
        2 => return Ok(JobType::Authenticate),
        1 | 6 | 11 => {
            (SidError::IdCardRequired, "needs pictures of an ID card, which are not taken here")
        }
        5 | 7 => {
            (SidError::IdValidationUnableToValidate, "validates an ID, which is not done here")
        }
        8 => (SidError::UnableToEnrollOrAuth, "updates a photo, which is not done here"),
        _ => (SidError::UnableToEnrollOrAuth, "is not known"),
    };
    Err(LegacyError::submit(name, format!("the job type {number} {what}; {use_others}")))
}

/// The value of `key`, unless it is null or an empty text.
pub(crate) fn given<'m>(map: &'m BTreeMap<String, Value>, key: &str) -> Option<&'m Value> {
    map.get(key).filter(|value| !value.is_null() && *value != "")
}

/// The texts of `map` but for the keys `except` and what is null.
fn texts(
    map: &BTreeMap<String, Value>,
    name: &str,
    except: &[&str],
) -> Result<BTreeMap<String, String>, LegacyError> {
    let values =
        map.iter().filter(|(key, value)| !except.contains(&key.as_str()) && !value.is_null());
    let text = |(key, value): (&String, &Value)| match value {
        Value::String(text) => Ok((key.clone(), text.clone())),
        _ => Err(invalid(&format!("{key} in {name} must be a text"))),
    };
    values.map(text).collect()
}

/// A boolean that may be a text.
pub(crate) fn flag(
    map: &BTreeMap<String, Value>,
    name: &str,
    key: &str,
) -> Result<Option<bool>, LegacyError> {
    match given(map, key) {
        None => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
        Some(_) => Err(invalid(&format!("{key} in {name} must be true or false"))),
    }
}

fn invalid(message: &str) -> LegacyError {
    LegacyError::submit(SidError::NetworkDataNotValid, message)
}
