//! Facts about a capture that travel with its job: an array of `{name, value, timestamp}`.

use std::collections::BTreeMap;

use liveface_bundle::record;
use liveface_core::{CaptureRecord, Challenge, ShotKind};
use serde_json::{Value, json};

use crate::error::SubmitError;
use crate::request::JobRequest;

/// Names of facts that only the app knows, as Smile ID's SDKs have them.
const KNOWN: [&str; 42] = [
    "selfie_image_origin",
    "selfie_capture_retries",
    "camera_name",
    "number_of_cameras",
    "device_model",
    "device_os",
    "device_orientation",
    "device_movement_detected",
    "proximity_sensor",
    "screen_resolution",
    "memory_info",
    "build_brand",
    "build_device",
    "build_fingerprint",
    "build_hardware",
    "build_product",
    "build_source",
    "build_platform",
    "build_receipt",
    "device_jail_broken",
    "supports_hardware_attestation",
    "attestation_certificate_chain",
    "fingerprint",
    "client_ip",
    "ip",
    "network_connection",
    "carrier_info",
    "proxy",
    "vpn",
    "host_application",
    "package_name",
    "certificate_digest",
    "sdk_launch_count",
    "wrapper_name",
    "wrapper_version",
    "security_policy_version",
    "locale",
    "timezone",
    "local_time_of_enrolment",
    "browser_name",
    "browser_version",
    "user_agent",
];

/// Facts whose values are a closed list.
const CLOSED: [(&str, &[&str]); 3] = [
    ("selfie_image_origin", &["front_camera", "back_camera"]),
    ("device_orientation", &["portrait", "landscape", "flat", "unknown"]),
    ("network_connection", &["wifi", "cellular", "other", "unknown"]),
];

/// Longest value, in characters. Source: the V3 API.
pub(crate) const MAX_VALUE: usize = 1000;

/// What counts failed attempts to send the job.
const NETWORK_RETRIES: &str = "network_retries";

/// What the app chooses to tell of the device. Sent as metadata.
#[derive(Clone, Default, PartialEq)]
pub struct DeviceFacts(BTreeMap<String, Value>);

impl DeviceFacts {
    /// The names that can be told, such as `device_model` and `camera_name`.
    #[must_use]
    pub const fn known() -> &'static [&'static str] {
        &KNOWN
    }

    /// Tells `name`: a text, a number or a truth value.
    ///
    /// # Errors
    /// When the name is not known, or the value is none that servers know.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Result<Self, SubmitError> {
        let value = value.into();
        let wrong = |what: &str| Err(SubmitError::Request(format!("a fact of the device {what}")));
        if !KNOWN.contains(&name) {
            return wrong("has a name that is not known");
        }
        let fits = match &value {
            Value::String(text) => {
                !text.chars().any(char::is_control)
                    && (1..=MAX_VALUE).contains(&text.chars().count())
            }
            value => value.is_number() || value.is_boolean(),
        };
        if !fits {
            return wrong("must be a text of 1 to 1000 characters, a number or a truth value");
        }
        let closed = CLOSED.iter().find(|(closed, _)| *closed == name);
        if closed.is_some_and(|(_, known)| !known.iter().any(|known| value == *known)) {
            return wrong("has a value that is not known for its name");
        }
        self.0.insert(name.to_owned(), value);
        Ok(self)
    }
}

impl DeviceFacts {
    /// The facts that an integrity record has room for, as texts; the others are metadata only.
    pub(crate) fn for_record(&self) -> BTreeMap<String, String> {
        let fits = |text: &String| text.chars().count() <= record::MAX_FACT;
        let facts = self.0.iter().map(|(name, value)| (name.clone(), metadata_text(value)));
        facts.filter(|(_, text)| fits(text)).take(record::MAX_FACTS).collect()
    }
}

/// A value of the metadata as text.
pub(crate) fn metadata_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl std::fmt::Debug for DeviceFacts {
    /// Names only.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The metadata of a job that was made at `timestamp`. `own` adds what the engine and the system
/// know; what the request tells is always there.
pub(crate) fn assemble(
    record: &CaptureRecord,
    request: &JobRequest,
    timestamp: &str,
    own: bool,
) -> Vec<Value> {
    let mut facts = if own { known(record) } else { BTreeMap::new() };
    facts.extend(request.device.0.clone());
    facts.extend(request.geo.iter().map(|geo| ("geolocation".to_owned(), geo.value())));
    let entry = |(name, value)| json!({ "name": name, "value": value, "timestamp": timestamp });
    facts.into_iter().map(entry).collect()
}

/// What the record and the system tell without asking anybody. The local time is not among it: the
/// standard library knows no time zone.
fn known(record: &CaptureRecord) -> BTreeMap<String, Value> {
    let asked = &record.evidence.challenges.order;
    let kind = match asked.first() {
        None => None,
        Some(_) if asked.contains(&Challenge::Smile) => Some("smile"),
        Some(_) => Some("head_pose"),
    };
    let selfie = record.shots.iter().find(|shot| shot.kind == ShotKind::Selfie);
    let last = record.shots.iter().map(|shot| shot.t_ms).max();
    let begun = record.guidance.first().map(|shown| shown.t_ms);
    let duration = selfie.and(last).zip(begun).and_then(|(last, begun)| last.checked_sub(begun));
    let facts = [
        ("active_liveness_type", kind.map(Value::from)),
        ("active_liveness_version", kind.map(|_| json!(record.engine_version))),
        ("selfie_capture_duration_ms", duration.map(Value::from)),
        (NETWORK_RETRIES, Some(json!(0))),
        ("sdk", Some(json!("liveface"))),
        ("sdk_version", Some(json!(env!("CARGO_PKG_VERSION")))),
        ("system_architecture", Some(json!(std::env::consts::ARCH))),
        ("device_os", Some(json!(std::env::consts::OS))),
    ];
    let told = facts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    told.collect()
}

/// Notes that `attempts` were begun to send the job.
pub(crate) fn note_attempts(metadata: &mut [Value], attempts: u32) {
    for entry in metadata.iter_mut().filter(|entry| entry["name"] == NETWORK_RETRIES) {
        entry["value"] = json!(attempts.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_facts_with_fitting_values_are_told() {
        let facts = DeviceFacts::default()
            .with("device_model", "Pixel 9")
            .and_then(|facts| facts.with("number_of_cameras", 2))
            .and_then(|facts| facts.with("vpn", false))
            .and_then(|facts| facts.with("selfie_image_origin", "front_camera"));
        let facts = facts.unwrap();
        assert!(!format!("{facts:?}").contains("Pixel"));
        for (name, value) in [
            ("shoe_size", json!("44")),
            ("sdk", json!("another")),
            ("geolocation", json!("here")),
            ("device_model", json!("")),
            ("device_model", json!("a\nb")),
            ("device_model", json!("x".repeat(1001))),
            ("device_model", json!([1])),
            ("device_orientation", json!("upside_down")),
            ("selfie_image_origin", json!(true)),
        ] {
            assert!(facts.clone().with(name, value.clone()).is_err(), "{name} {value}");
        }
    }
}
