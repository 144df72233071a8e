//! Reads the multipart forms of V3: what must be there, and of which shape. No I/O and no database.

use std::collections::HashMap;

use axum::extract::Multipart;
use axum::extract::multipart::{Field, MultipartError};
use axum::http::{StatusCode, Uri};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use crate::v3::V3Error;

/// Liveness images of a job, fewest and most. V3 `OpenAPI`.
const LIVENESS_IMAGES: std::ops::RangeInclusive<usize> = 6..=8;
/// Longest name of a metadata entry, in characters. V3 `OpenAPI`.
const METADATA_NAME: usize = 100;
/// Longest value of a metadata entry, in characters. V3 `OpenAPI`.
const METADATA_VALUE: usize = 1000;
/// Parts of a form; the longest that any client sends has less than half of them.
const PARTS: usize = 64;
/// A consent may have been given so far ahead of the sandbox's clock.
const CLOCK_AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// The parts of a form that the API knows; others are skipped.
#[derive(Default)]
pub(crate) struct Form {
    texts: HashMap<&'static str, String>,
    pub(crate) selfie: Option<Vec<u8>>,
    pub(crate) liveness: Vec<Vec<u8>>,
}

/// Names of the parts that hold a text or JSON.
const TEXTS: [&str; 11] = [
    "user_id",
    "use_enrolled_image",
    "allow_new_enroll",
    "callback_url",
    "sandbox_result",
    "user_details",
    "consent",
    "partner_params",
    "metadata",
    "product",
    "payload",
];

impl Form {
    /// Reads every part, within the limit of the request's body.
    pub(crate) async fn read(mut multipart: Multipart) -> Result<Self, V3Error> {
        let mut form = Self::default();
        let mut parts = 0;
        while let Some(field) = multipart.next_field().await.map_err(|error| broken(&error))? {
            parts += 1;
            if parts > PARTS {
                return Err(V3Error::bad(format!("The form has more than {PARTS} parts")));
            }
            form.add(field).await?;
        }
        Ok(form)
    }

    async fn add(&mut self, field: Field<'_>) -> Result<(), V3Error> {
        let name = field.name().unwrap_or_default();
        if let Some(name) = TEXTS.iter().find(|known| **known == name) {
            let bytes = field.bytes().await.map_err(|error| broken(&error))?;
            let text = String::from_utf8(bytes.to_vec())
                .map_err(|_| V3Error::bad(format!("{name} is not UTF-8")))?;
            if self.texts.insert(name, text).is_some() {
                return Err(V3Error::bad(format!("{name} is there twice")));
            }
            return Ok(());
        }
        let (name, selfie) = match name {
            "selfie_image" => ("selfie_image", true),
            "liveness_images" => ("liveness_images", false),
            _ => return Ok(()),
        };
        if field.content_type() != Some("image/jpeg") {
            let message = format!("{name} must have the content type image/jpeg");
            return Err(V3Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
        }
        let bytes = field.bytes().await.map_err(|error| broken(&error))?.to_vec();
        if !bytes.starts_with(b"\xff\xd8\xff") {
            return Err(V3Error::bad(format!("{name} is not a JPEG image")));
        }
        if !selfie {
            self.liveness.push(bytes);
        } else if self.selfie.replace(bytes).is_some() {
            return Err(V3Error::bad("selfie_image is there twice"));
        }
        Ok(())
    }

    /// A text that is there and not empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    pub(crate) fn flag(&self, name: &str) -> Result<bool, V3Error> {
        match self.text(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(V3Error::bad(format!("{name} must be true or false"))),
        }
    }

    fn json(&self, name: &str) -> Result<Option<Value>, V3Error> {
        let parse = |text| {
            serde_json::from_str(text).map_err(|_| V3Error::bad(format!("{name} is not JSON")))
        };
        self.text(name).map(parse).transpose()
    }

    /// A map whose values are texts.
    pub(crate) fn partner_params(&self) -> Result<Option<Map<String, Value>>, V3Error> {
        match self.json("partner_params")? {
            None => Ok(None),
            Some(Value::Object(params)) if params.values().all(Value::is_string) => {
                Ok(Some(params))
            }
            Some(_) => Err(V3Error::bad("partner_params must be a map of strings")),
        }
    }

    pub(crate) fn callback_url(&self) -> Result<Option<String>, V3Error> {
        let Some(url) = self.text("callback_url") else { return Ok(None) };
        if is_web(url, true) {
            return Ok(Some(url.to_owned()));
        }
        Err(V3Error::bad("A valid callback_url is required: https, or http to this machine"))
    }

    /// The code that the caller wants to have, 1 to 9999.
    pub(crate) fn sandbox_result(&self) -> Result<Option<u16>, V3Error> {
        let Some(text) = self.text("sandbox_result") else { return Ok(None) };
        // Clients that keep it as a floating-point number send 840.0.
        match text.strip_suffix(".0").unwrap_or(text).parse() {
            Ok(code @ 1..=9999) => Ok(Some(code)),
            _ => Err(V3Error::bad("sandbox_result must be a number from 1 to 9999")),
        }
    }

    /// Checks user details and consent, which may be bound to the token instead, and metadata.
    pub(crate) fn check_person(&self, bound: &Given) -> Result<(), V3Error> {
        let given = given(self.json("user_details")?.as_ref(), self.json("consent")?.as_ref())?;
        if !given.user_details && !bound.user_details {
            return Err(V3Error::bad("user_details is required"));
        }
        if !given.consent && !bound.consent {
            return Err(V3Error::bad("consent is required"));
        }
        self.json("metadata")?.map_or(Ok(()), |metadata| check_metadata(&metadata))
    }

    /// What the `payload` of a token request binds.
    pub(crate) fn payload(&self) -> Result<Given, V3Error> {
        match self.json("payload")? {
            None => Ok(Given::default()),
            Some(Value::Object(payload)) => {
                given(payload.get("user_details"), payload.get("consent"))
            }
            Some(_) => Err(V3Error::bad("payload must be an object")),
        }
    }

    /// The images must be there, or with `use_enrolled_image` none of them.
    pub(crate) fn check_images(&self, use_enrolled_image: bool) -> Result<(), V3Error> {
        if use_enrolled_image {
            return if self.selfie.is_none() && self.liveness.is_empty() {
                Ok(())
            } else {
                Err(V3Error::bad("with use_enrolled_image no images may be sent"))
            };
        }
        if self.selfie.is_none() {
            return Err(V3Error::bad("selfie_image is required"));
        }
        if !LIVENESS_IMAGES.contains(&self.liveness.len()) {
            return Err(V3Error::bad(format!(
                "liveness_images must be {} to {} images, not {}",
                LIVENESS_IMAGES.start(),
                LIVENESS_IMAGES.end(),
                self.liveness.len()
            )));
        }
        Ok(())
    }
}

/// What is known of the person and is in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) user_details: bool,
    pub(crate) consent: bool,
}

fn given(user_details: Option<&Value>, consent: Option<&Value>) -> Result<Given, V3Error> {
    user_details.map_or(Ok(()), check_user_details)?;
    consent.map_or(Ok(()), check_consent)?;
    Ok(Given { user_details: user_details.is_some(), consent: consent.is_some() })
}

/// A text that is there and not blank.
fn filled<'v>(object: &'v Value, name: &str) -> Option<&'v str> {
    object.get(name)?.as_str().filter(|text| !text.trim().is_empty())
}

fn check_user_details(details: &Value) -> Result<(), V3Error> {
    for name in ["given_names", "last_name"] {
        if filled(details, name).is_none() {
            return Err(V3Error::bad(format!("user_details.{name} is required")));
        }
    }
    let (email, phone) = (filled(details, "email"), filled(details, "phone_number"));
    if email.is_none() && phone.is_none() {
        return Err(V3Error::bad("user_details needs an email or a phone_number"));
    }
    if !email.is_none_or(is_email) {
        return Err(V3Error::bad("user_details.email is no e-mail address"));
    }
    if !phone.is_none_or(is_e164) {
        return Err(V3Error::bad("user_details.phone_number must be in the form of E.164"));
    }
    Ok(())
}

fn check_consent(consent: &Value) -> Result<(), V3Error> {
    if consent.get("granted") != Some(&Value::Bool(true)) {
        return Err(V3Error::bad("consent.granted must be true"));
    }
    let at = filled(consent, "granted_at").and_then(|at| at.parse::<Timestamp>().ok());
    if at.is_none_or(|at| at.duration_since(Timestamp::now()) > CLOCK_AHEAD) {
        return Err(V3Error::bad("consent.granted_at must be a time of the past"));
    }
    let language = filled(consent, "notice_language").unwrap_or_default();
    if language.len() != 2 || !language.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(V3Error::bad("consent.notice_language must be two upper-case letters"));
    }
    if !filled(consent, "notice_privacy_policy_url").is_some_and(|url| is_web(url, false)) {
        return Err(V3Error::bad("consent.notice_privacy_policy_url must be an https URL"));
    }
    Ok(())
}

fn check_metadata(metadata: &Value) -> Result<(), V3Error> {
    let entries = metadata.as_array().ok_or(V3Error::bad("metadata must be a list"))?;
    for entry in entries {
        if filled(entry, "name").is_none_or(|name| name.chars().count() > METADATA_NAME) {
            let message = format!("a metadata name must have 1 to {METADATA_NAME} characters");
            return Err(V3Error::bad(message));
        }
        let in_order = match entry.get("value") {
            Some(Value::String(value)) => value.chars().count() <= METADATA_VALUE,
            Some(Value::Bool(_) | Value::Number(_)) => true,
            _ => false,
        };
        if !in_order {
            let message = format!("a metadata value must have up to {METADATA_VALUE} characters");
            return Err(V3Error::bad(message));
        }
    }
    Ok(())
}

/// Whether it has one `@` with something on both sides; no more can be said without sending a mail.
fn is_email(text: &str) -> bool {
    let clean = !text.chars().any(|c| c.is_whitespace() || c.is_control());
    clean
        && text.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && !domain.is_empty() && !domain.contains('@')
        })
}

/// Whether it is `+` and 7 to 15 digits, the first not 0.
fn is_e164(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Whether it is an absolute `https` URL, or with `local` one of plain `http` to this machine.
fn is_web(url: &str, local: bool) -> bool {
    url.parse::<Uri>().is_ok_and(|url| {
        let host = url.host().unwrap_or_default();
        let loopback = matches!(host, "localhost" | "[::1]")
            || host.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback());
        match url.scheme_str() {
            Some("https") => !host.is_empty(),
            Some("http") => local && loopback,
            _ => false,
        }
    })
}

fn broken(error: &MultipartError) -> V3Error {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => V3Error::too_large(),
        _ => V3Error::bad("The multipart form is broken"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn details() -> Value {
        json!({ "given_names": "Ann", "last_name": "Lee", "email": "ann@example.com" })
    }

    fn consent() -> Value {
        json!({
            "granted": true, "granted_at": "2026-01-02T03:04:05.678Z", "notice_language": "EN",
            "notice_privacy_policy_url": "https://example.com/privacy",
        })
    }

    #[test]
    fn people_must_be_named_and_reachable() {
        assert!(check_user_details(&details()).is_ok());
        let with = |name: &str, value: Value| {
            let mut details = details();
            details[name] = value;
            check_user_details(&details).is_ok()
        };
        assert!(with("phone_number", json!("+2348012345678")));
        assert!(!with("phone_number", json!("08012345678")));
        assert!(!with("phone_number", json!("+0801234567")));
        for email in ["ann", "@example.com", "a@b@c", "a b@c"] {
            assert!(!with("email", json!(email)), "{email}");
        }
        assert!(!with("email", Value::Null) && !with("last_name", json!(" ")));
        assert!(!with("given_names", json!(7)));
        assert!(check_user_details(&json!([])).is_err());
    }

    #[test]
    fn consent_must_be_whole() {
        assert!(check_consent(&consent()).is_ok());
        for (name, value) in [
            ("granted", json!(false)),
            ("granted", json!("true")),
            ("granted_at", json!("yesterday")),
            ("granted_at", json!("2999-01-01T00:00:00Z")),
            ("notice_language", json!("en")),
            ("notice_language", json!("ENG")),
            ("notice_privacy_policy_url", json!("http://127.0.0.1/")),
            ("notice_privacy_policy_url", Value::Null),
        ] {
            let mut consent = consent();
            consent[name] = value;
            assert!(check_consent(&consent).is_err(), "{consent}");
        }
    }

    #[test]
    fn metadata_has_limits() {
        let entry =
            |name: &str, value: Value| check_metadata(&json!([{ "name": name, "value": value }]));
        assert!(entry("n", json!("v")).is_ok() && entry("n", json!(1)).is_ok());
        assert!(entry(&"é".repeat(100), json!("é".repeat(1000))).is_ok());
        assert!(entry(&"n".repeat(101), json!("v")).is_err());
        assert!(entry("n", json!("v".repeat(1001))).is_err());
        assert!(entry("", json!("v")).is_err() && entry("n", json!({})).is_err());
        assert!(check_metadata(&json!({})).is_err());
    }

    #[test]
    fn callbacks_go_to_https_or_to_this_machine() {
        for good in [
            "https://a.example/cb",
            "http://127.0.0.1:9/x",
            "http://localhost/",
            "http://[::1]:80/",
        ] {
            assert!(is_web(good, true), "{good}");
        }
        for bad in [
            "http://a.example/",
            "ftp://a.example/",
            "https:///x",
            "/cb",
            "a.example",
            "http://127.0.0.1.example/",
        ] {
            assert!(!is_web(bad, true), "{bad}");
        }
    }
}
