//! The body of a V3 registration or authentication, and what must be so before anything is sent.

use std::collections::BTreeMap;

use liveface_bundle::{Capture, Consent, JobState};
use liveface_core::ShotKind;
use serde::Serialize;
use serde_json::Value;

use super::multipart::{Form, Multipart};
use crate::environment::{Reach, reach};
use crate::error::SubmitError;
use crate::metadata::{MAX_VALUE, metadata_text};
use crate::request::{JobType, bad, check_text};

/// How many liveness images a job has. Source: Smile ID's V3 API.
pub const LIVENESS_IMAGES: std::ops::RangeInclusive<usize> = 6..=8;

/// Largest body that a server is known to take, in bytes. Source: a third party's summary of the V3
/// API; the API itself names none.
pub const MAX_PAYLOAD: usize = 4_500_000;

/// Longest name of a metadata entry, in characters. Source: Smile ID's V3 API.
const MAX_METADATA_NAME: usize = 100;

/// Who a person is, as that person says: a V3 job must tell it.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct UserDetails {
    /// All given names.
    pub given_names: String,
    /// The family name.
    pub last_name: String,
    /// An e-mail address; it or the phone number is needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// A phone number as E.164 writes it: `+254700000000`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
}

impl UserDetails {
    /// The details as a job's record keeps them.
    pub(crate) fn to_map(&self) -> BTreeMap<String, String> {
        let needed = [("given_names", &self.given_names), ("last_name", &self.last_name)];
        let either = [("email", &self.email), ("phone_number", &self.phone_number)];
        let either = either.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        needed.into_iter().chain(either).map(|(k, v)| (k.to_owned(), v.clone())).collect()
    }

    fn from_map(map: &BTreeMap<String, String>) -> Self {
        let field = |name: &str| map.get(name).cloned();
        Self {
            given_names: field("given_names").unwrap_or_default(),
            last_name: field("last_name").unwrap_or_default(),
            email: field("email"),
            phone_number: field("phone_number"),
        }
    }

    fn check(&self) -> Result<(), SubmitError> {
        check_text("the given names", &self.given_names)?;
        check_text("the last name", &self.last_name)?;
        if self.email.is_none() && self.phone_number.is_none() {
            return bad("the user details need an e-mail address or a phone number");
        }
        if self.email.as_deref().is_some_and(|email| !is_email(email)) {
            return bad("the e-mail address must have the form name@host.domain");
        }
        if self.phone_number.as_deref().is_some_and(|phone| !is_phone_number(phone)) {
            return bad("the phone number must have the form +254700000000 (E.164)");
        }
        Ok(())
    }
}

impl std::fmt::Debug for UserDetails {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UserDetails(..)")
    }
}

/// Something, one `@`, and a host with a dot. No more: the server knows which addresses it takes.
fn is_email(text: &str) -> bool {
    let well_formed = |(name, host): (&str, &str)| {
        let labels = host.split('.').all(|label| !label.is_empty());
        !name.is_empty() && labels && host.contains('.') && !host.contains('@')
    };
    let clean = !text.chars().any(|c| c.is_whitespace() || c.is_control());
    // Longest address that can be used: RFC 5321.
    clean && text.len() <= 254 && text.split_once('@').is_some_and(well_formed)
}

/// E.164: `+`, a first digit that is not 0, at most 15 digits.
fn is_phone_number(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (2..=15).contains(&digits.len())
            && digits.bytes().all(|c| c.is_ascii_digit())
            && !digits.starts_with('0')
    })
}

/// The consent with its time in UTC with milliseconds, as recorded.
fn checked_consent(consent: &Consent) -> Result<Consent, SubmitError> {
    let Ok(granted_at) = consent.granted_at.parse::<jiff::Timestamp>() else {
        return bad("the consent's time must be one like 2026-01-02T03:04:05.678Z");
    };
    let language = &consent.notice_language;
    if language.len() != 2 || !language.bytes().all(|c| c.is_ascii_uppercase()) {
        return bad("the language of the consent's notice must be two capital letters, like EN");
    }
    let policy = &consent.notice_privacy_policy_url;
    check_text("the privacy policy's address", policy)?;
    if reach(policy) != Some(Reach::Tls) {
        return bad("the privacy policy's address must begin with https:// and a host");
    }
    let granted_at = granted_at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
    Ok(Consent { granted_at, ..consent.clone() })
}

/// Fails when V3 cannot take `job` as it is. Its consent's time is put into the recorded form.
pub(crate) fn check(job: &mut JobState) -> Result<(), SubmitError> {
    let registers = job.job_type == JobType::Register.number();
    // It becomes a header field.
    let in_header = |c: char| c == ' ' || c.is_ascii_graphic();
    if registers && (!job.user_id.chars().all(in_header) || job.user_id.trim() != job.user_id) {
        return bad("a V3 registration's user id must be ASCII without spaces around it");
    }
    if registers && job.use_enrolled_image {
        return bad("only an authentication can use the enrolled image");
    }
    if !job.id_info.is_empty() {
        return bad("V3 takes no id info for registering and authenticating: use user details");
    }
    if job.user_details.is_empty() {
        return bad("V3 needs user details: given names, last name, and e-mail or phone number");
    }
    UserDetails::from_map(&job.user_details).check()?;
    let Some(consent) = &job.consent else {
        return bad("V3 needs the person's consent: when, the notice's language and its policy");
    };
    job.consent = Some(checked_consent(consent)?);
    if let Some(url) = &job.callback_url
        && !matches!(reach(url), Some(Reach::Tls | Reach::Loopback))
    {
        return bad("the callback address must begin with https:// and a host");
    }
    Ok(())
}

#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    value: String,
}

/// The job's metadata as V3 takes it: names and values are texts.
fn metadata(job: &JobState) -> Result<Vec<Entry<'_>>, SubmitError> {
    let (most_name, most_value) = (MAX_METADATA_NAME, MAX_VALUE);
    job.metadata
        .iter()
        .map(|value| {
            let name = value.get("name").and_then(Value::as_str).unwrap_or_default();
            let text = value.get("value").map(metadata_text).unwrap_or_default();
            let long = name.chars().count() > most_name || text.chars().count() > most_value;
            if name.is_empty() || long {
                return Err(SubmitError::Request(format!(
                    "a metadata entry needs a name of 1 to {most_name} characters and a value of \
                     at most {most_value}"
                )));
            }
            Ok(Entry { name, value: text })
        })
        .collect()
}

#[derive(Serialize)]
struct Granted<'a> {
    granted: bool,
    #[serde(flatten)]
    consent: &'a Consent,
}

/// The body of `job` with the pictures of `capture`, in the recorded order: texts, JSON, pictures.
pub(crate) fn form(
    job: &JobState,
    capture: &Capture,
    max_payload: usize,
) -> Result<Form, SubmitError> {
    let mut form = Multipart::default();
    let authenticates = job.job_type == JobType::Authenticate.number();
    if authenticates {
        form.text("user_id", &job.user_id);
    }
    let flags =
        [("use_enrolled_image", job.use_enrolled_image), ("allow_new_enroll", job.allow_re_enroll)];
    for (name, _) in flags.into_iter().filter(|(_, set)| *set) {
        form.text(name, "true");
    }
    if let Some(url) = &job.callback_url {
        form.text("callback_url", url);
    }
    if let Some(result) = job.sandbox_result {
        form.text("sandbox_result", &result.to_string());
    }
    form.json("user_details", &json(&UserDetails::from_map(&job.user_details))?);
    if let Some(consent) = &job.consent {
        form.json("consent", &json(&Granted { granted: true, consent })?);
    }
    if !job.partner_params.is_empty() {
        form.json("partner_params", &json(&job.partner_params)?);
    }
    let metadata = metadata(job)?;
    if !metadata.is_empty() {
        form.json("metadata", &json(&metadata)?);
    }
    if !(authenticates && job.use_enrolled_image) {
        check_images(capture)?;
        for image in capture.upload_order() {
            let name = match image.kind {
                ShotKind::Selfie => "selfie_image",
                ShotKind::Liveness => "liveness_images",
            };
            form.jpeg(name, &image.file_name(), &image.jpeg);
        }
    }
    let form = form.finish()?;
    if form.body.len() > max_payload {
        return Err(SubmitError::Request(format!(
            "it has {} bytes and the server takes {max_payload}: capture smaller pictures",
            form.body.len()
        )));
    }
    Ok(form)
}

/// Fails unless `capture` has one selfie and as many liveness images as V3 takes.
fn check_images(capture: &Capture) -> Result<(), SubmitError> {
    let count = |kind| capture.images.iter().filter(|image| image.kind == kind).count();
    let (selfies, liveness) = (count(ShotKind::Selfie), count(ShotKind::Liveness));
    if selfies == 1 && LIVENESS_IMAGES.contains(&liveness) {
        return Ok(());
    }
    let (least, most) = (LIVENESS_IMAGES.start(), LIVENESS_IMAGES.end());
    Err(SubmitError::Request(format!(
        "V3 takes one selfie with {least} to {most} liveness images and the capture has {selfies} \
         with {liveness}; capture again with another policy"
    )))
}

fn json(value: &impl Serialize) -> Result<zeroize::Zeroizing<Vec<u8>>, SubmitError> {
    serde_json::to_vec(value)
        .map(zeroize::Zeroizing::new)
        .map_err(|_| SubmitError::Request("it cannot be written as JSON".to_owned()))
}
