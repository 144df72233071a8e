//! The `geoInfo` map: numbers arrive as numbers or as texts, and the original sent none of it.

use std::collections::BTreeMap;

use liveface_submit::GeoInfo;
use serde_json::Value;

use crate::error::{LegacyError, SidError};
use crate::job::{flag, given};

/// The keys of the map.
pub(crate) const KEYS: [&str; 6] =
    ["accuracy", "altitude", "latitude", "longitude", "lastUpdate", "isGeoPermissionGranted"];

/// The place that `map` tells; `None` when it tells none or the person did not permit it.
pub(crate) fn read(map: &BTreeMap<String, Value>) -> Result<Option<GeoInfo>, LegacyError> {
    if let Some(key) = map.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(invalid(format!("geoInfo has no field `{key}`")));
    }
    let granted = flag(map, "geoInfo", "isGeoPermissionGranted")?;
    if granted == Some(false) {
        return Ok(None);
    }
    let [accuracy, altitude, latitude, longitude] =
        ["accuracy", "altitude", "latitude", "longitude"].map(|key| number(map, key));
    let (accuracy, altitude) = (accuracy?, altitude?);
    match (latitude?, longitude?) {
        (Some(latitude), Some(longitude)) => {
            Ok(Some(crate::client::place(latitude, longitude, altitude, accuracy, last_update(map)?)))
        }
        (None, None) if altitude.is_none() && accuracy.is_none() => Ok(None),
        _ => Err(invalid("geoInfo needs both latitude and longitude".to_owned())),
    }
}

/// When the place was found, as the app wrote it; `None` when it is not given or "0", the original's
/// word for never.
fn last_update(map: &BTreeMap<String, Value>) -> Result<Option<String>, LegacyError> {
    match given(map, "lastUpdate") {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| text != "0")),
        Some(Value::Number(number)) => Ok(Some(number.to_string()).filter(|text| text != "0")),
        Some(_) => Err(invalid("lastUpdate in geoInfo must be a text".to_owned())),
    }
}

fn number(map: &BTreeMap<String, Value>, key: &str) -> Result<Option<f64>, LegacyError> {
    let number = match given(map, key) {
        None => return Ok(None),
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(_) => None,
    };
    let number = number.filter(|number| number.is_finite());
    number
        .map(Some)
        .ok_or_else(|| invalid(format!("{key} in geoInfo must be a number, or a text with one")))
}

fn invalid(message: String) -> LegacyError {
    LegacyError::submit(SidError::NetworkDataNotValid, message)
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
        let numbers = place(json!({"latitude": -1.25, "longitude": 36, "accuracy": 10})).unwrap();
        let texts = json!({"latitude": " -1.25", "longitude": "36", "accuracy": "10.0",
            "altitude": "", "lastUpdate": "0", "isGeoPermissionGranted": "true"});
        assert!(numbers.is_some());
        assert_eq!(place(texts).unwrap(), numbers);
    }

    #[test]
    fn no_place_and_no_permission_send_nothing() {
        for none in [
            json!({}),
            json!({"latitude": null, "longitude": "", "lastUpdate": "0"}),
            json!({"latitude": 1, "longitude": 2, "isGeoPermissionGranted": false}),
            json!({"latitude": 1, "longitude": 2, "isGeoPermissionGranted": "false"}),
        ] {
            assert_eq!(place(none).unwrap(), None);
        }
    }

    #[test]
    fn what_is_no_place_is_refused_without_its_content() {
        for (bad, key) in [
            (json!({"latitude": "secret", "longitude": 2}), "latitude"),
            (json!({"latitude": 1}), "longitude"),
            (json!({"altitude": 7}), "latitude"),
            (json!({"latitude": 1, "longitude": [2]}), "longitude"),
            (json!({"latitude": 1, "longitude": "NaN"}), "longitude"),
            (json!({"latitude": 1, "longitude": 2, "isGeoPermissionGranted": "secret"}), "isGeo"),
            (json!({"latitude": 1, "longitude": 2, "lastUpdate": {}}), "lastUpdate"),
            (json!({"latitude": 1, "longitude": 2, "lattitude": 2}), "lattitude"),
        ] {
            let error = place(bad).unwrap_err();
            assert_eq!(error.name, SidError::NetworkDataNotValid);
            assert!(error.message.contains(key) && !error.message.contains("secret"), "{error}");
        }
    }
}
