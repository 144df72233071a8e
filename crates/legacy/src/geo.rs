//! The `geoInfo` map: numbers arrive as numbers or as texts, and the original sent none of it.

use std::collections::BTreeMap;

use liveface_submit::GeoInfo;
use serde_json::Value;

use crate::error::{LegacyError, SidError};
use crate::job::given;

/// The place that `map` tells; `None` when it tells none or the person did not permit it.
pub(crate) fn read(map: &BTreeMap<String, Value>) -> Result<Option<GeoInfo>, LegacyError> {
    let mut fields = BTreeMap::new();
    for (key, value) in map.keys().filter_map(|key| given(map, key).map(|value| (key, value))) {
        let text = match value {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            _ => return Err(invalid(&format!("{key} must be a number, a text or a boolean"))),
        };
        // The original's word for never.
        if key != "lastUpdate" || text != "0" {
            fields.insert(key.clone(), text);
        }
    }
    let is_denied =
        fields.get("isGeoPermissionGranted").is_some_and(|text| text.eq_ignore_ascii_case("false"));
    let is_granted =
        fields.get("isGeoPermissionGranted").is_some_and(|text| text.eq_ignore_ascii_case("true"));
    let is_nothing = fields.is_empty() || (is_granted && fields.len() == 1);
    // Not even the refusal is sent.
    if is_denied || is_nothing {
        return Ok(None);
    }
    GeoInfo::from_fields(&fields).map(Some).map_err(|error| invalid(&error.to_string()))
}

fn invalid(message: &str) -> LegacyError {
    LegacyError::submit(SidError::NetworkDataNotValid, format!("geoInfo: {message}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn place(value: Value) -> Result<Option<GeoInfo>, LegacyError> {
        let Value::Object(map) = value else { panic!("a map") };
        read(&map.into_iter().collect())
    }

    #[test]
    fn texts_and_numbers_are_one_place() {
        let numbers = place(json!({"latitude": -1.25, "longitude": 36, "accuracy": 10,
            "isGeoPermissionGranted": true}));
        let texts = json!({"latitude": " -1.25", "longitude": "36", "accuracy": "10.0",
            "altitude": "", "lastUpdate": "0", "isGeoPermissionGranted": "true"});
        let numbers = numbers.unwrap();
        assert!(numbers.is_some());
        assert_eq!(place(texts).unwrap(), numbers);
    }

    #[test]
    fn no_place_and_no_permission_send_nothing() {
        for none in [
            json!({}),
            json!({"latitude": null, "longitude": "", "lastUpdate": "0"}),
            json!({"isGeoPermissionGranted": true}),
            json!({"latitude": 1, "longitude": 2, "isGeoPermissionGranted": false}),
            json!({"latitude": 1, "longitude": 2, "isGeoPermissionGranted": "False"}),
        ] {
            assert_eq!(place(none).unwrap(), None);
        }
    }

    #[test]
    fn what_is_no_place_is_refused_without_its_content() {
        for bad in [
            json!({"latitude": "secret", "longitude": 2}),
            json!({"latitude": 1}),
            json!({"altitude": 7}),
            json!({"latitude": 1, "longitude": [2]}),
            json!({"latitude": 1, "longitude": "NaN"}),
            json!({"latitude": 91, "longitude": 2}),
            json!({"latitude": 1, "longitude": 2, "accuracy": "-1"}),
            json!({"latitude": 1, "longitude": 2, "isGeoPermissionGranted": "secret"}),
            json!({"latitude": 1, "longitude": 2, "lastUpdate": {}}),
            json!({"latitude": 1, "longitude": 2, "lattitude": 2}),
        ] {
            let error = place(bad.clone()).expect_err(&bad.to_string());
            assert_eq!(error.name, SidError::NetworkDataNotValid);
            assert!(!error.message.contains("secret"), "{error}");
        }
    }
}
