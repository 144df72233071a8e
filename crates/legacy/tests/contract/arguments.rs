//! The arguments of `submitJob`: what is refused, and what really arrives.

use std::time::Duration;

use liveface_legacy::{LegacyError, Map, PluginCode, SidError, SubmitJob};
use serde_json::{Value, json};

use crate::support::{Fault, Place, Server, job, map};

/// What becomes of a job for the capture `first` after `change`, with a client that reaches nobody.
fn refused(change: impl FnOnce(&mut SubmitJob)) -> LegacyError {
    let place = Place::new();
    let client = crate::support::nobody();
    let legacy = place.builder().sandbox(client).build();
    let mut job = job("first", 4);
    change(&mut job);
    let mut events = Vec::new();
    let error = legacy.submit_job(&job, &mut |event| events.push(event.name())).unwrap_err();
    assert_eq!(error.code, PluginCode::SubmitError);
    assert_eq!(events.last(), Some(&"onError"));
    error
}

#[test]
fn what_must_be_set_is_asked_for_in_the_plugins_order() {
    let _ = covers![
        "arg.tag",
        "arg.jobType",
        "arg.isProduction",
        "plugin.submitError",
        "error.UNABLE_TO_SUBMIT",
        "error.NOT_AUTHORIZED",
        "error.TAG_NOT_FOUND",
    ];
    let all = refused(|job| *job = SubmitJob::default());
    assert_eq!(all.name, SidError::UnableToSubmit);
    assert!(all.message.contains("tag is not set"), "{all}");
    let no_type = refused(|job| (job.job_type, job.is_production) = (None, None));
    assert!(no_type.message.contains("job type is not set"), "{no_type}");
    let no_environment = refused(|job| job.is_production = None);
    assert!(no_environment.message.contains("environment is not set"), "{no_environment}");
    let production = refused(|job| job.is_production = Some(true));
    assert_eq!(production.name, SidError::NotAuthorized);
    assert!(production.message.contains("production"), "{production}");
    // Everything is set; there is only no capture.
    assert_eq!(refused(|_| {}).name, SidError::TagNotFound);
    assert_eq!(refused(|job| job.tag = "a\n".to_owned()).name, SidError::TagNotFound);
}

#[test]
fn other_job_types_are_refused_by_name() {
    let rows = covers![
        "jobType.1",
        "jobType.5",
        "jobType.6",
        "jobType.7",
        "jobType.8",
        "jobType.11",
        "jobType.other",
        "error.ID_CARD_REQUIRED",
        "error.ID_VALIDATION_UNABLE_TO_VALIDATE",
        "error.UNABLE_TO_ENROLL_OR_AUTH",
    ];
    let page = crate::table::rows();
    for row in rows.iter().filter_map(|row| row.strip_prefix("jobType.")) {
        for number in row.parse().map_or(vec![0, 3, -4, 42, i64::MAX], |number| vec![number]) {
            let error = refused(|job| job.job_type = Some(number));
            let expected = page[format!("jobType.{row}").as_str()];
            assert_eq!(format!("`{}`", error.name), expected, "{number}");
            assert!(error.message.contains(&number.to_string()), "{error}");
        }
    }
}

#[test]
fn values_that_cannot_be_sent_are_refused_without_repeating_them() {
    let _ = covers![
        "arg.callBackUrl",
        "arg.partnerParams.user_id",
        "arg.partnerParams.additional",
        "arg.idInfo.allow_re_enroll",
        "arg.geoInfo.latitude",
        "arg.geoInfo.longitude",
        "arg.geoInfo.altitude",
        "arg.geoInfo.accuracy",
        "arg.geoInfo.isGeoPermissionGranted",
        "error.NO_USER_ID_FOUND_PLEASE_ENROLL_FIRST",
        "error.NETWORK_DATA_NOT_VALID",
        "error.DATA_PACKAGING_FAILED",
    ];
    use SidError::{DataPackagingFailed, NetworkDataNotValid, NoUserIdFoundPleaseEnrollFirst};
    let params = |value: Value| move |job: &mut SubmitJob| job.partner_params = map(value);
    let info = |value: Value| move |job: &mut SubmitJob| job.id_info = map(value);
    let geo = |value: Value| move |job: &mut SubmitJob| job.geo_info = map(value);
    let nobody = NoUserIdFoundPleaseEnrollFirst;
    for (error, name, word) in [
        (refused(params(json!({}))), nobody, "user_id"),
        (refused(params(json!({ "user_id": "" }))), nobody, "user_id"),
        (refused(params(json!({ "user_id": 7 }))), NetworkDataNotValid, "user_id"),
        (
            refused(params(json!({ "user_id": "u", "order": ["secret"] }))),
            NetworkDataNotValid,
            "order",
        ),
        (
            refused(params(json!({ "user_id": "u", "job_type": "2" }))),
            NetworkDataNotValid,
            "job_type",
        ),
        (refused(info(json!({ "country": 1 }))), NetworkDataNotValid, "country"),
        (
            refused(info(json!({ "allow_re_enroll": "secret" }))),
            NetworkDataNotValid,
            "allow_re_enroll",
        ),
        (
            refused(geo(json!({ "latitude": "secret", "longitude": 1 }))),
            NetworkDataNotValid,
            "latitude",
        ),
        (refused(geo(json!({ "latitude": 1 }))), NetworkDataNotValid, "longitude"),
        (refused(geo(json!({ "altitude": 1 }))), NetworkDataNotValid, "latitude"),
        (refused(geo(json!({ "isGeoPermissionGranted": "7" }))), NetworkDataNotValid, "Granted"),
        (refused(geo(json!({ "latitude": 91, "longitude": 0 }))), NetworkDataNotValid, "-90"),
        (refused(geo(json!({ "latitude": 1, "longitude": 181 }))), NetworkDataNotValid, "-180"),
        (
            refused(geo(json!({ "latitude": 1, "longitude": 0, "accuracy": "-1" }))),
            NetworkDataNotValid,
            "accuracy",
        ),
        (
            refused(geo(json!({ "latitude": 1, "longitude": 0, "altitude": "high" }))),
            NetworkDataNotValid,
            "altitude",
        ),
    ] {
        assert_eq!(error.name, name, "{error}");
        assert!(error.message.contains(word) && !error.message.contains("secret"), "{error}");
    }
    // What only the client checks.
    let place = Place::with(&["first"]);
    let server = Server::start();
    let legacy = place.legacy(&server);
    let mut nowhere = job("first", 4);
    nowhere.callback_url = Some("secret".to_owned());
    let error = legacy.submit_job(&nowhere, &mut |_| {}).unwrap_err();
    assert_eq!(error.name, DataPackagingFailed, "{error}");
    assert!(!error.message.contains("secret"), "{error}");
    let mut again = job("first", 2);
    again.id_info = map(json!({ "allow_re_enroll": true }));
    assert_eq!(legacy.submit_job(&again, &mut |_| {}).unwrap_err().name, DataPackagingFailed);
    assert!(server.seen().is_empty(), "nothing was sent");
}

/// The job's `/upload` and the `info.json` of its zip; its result is not waited for.
fn sent(job: &SubmitJob) -> (Value, Value) {
    let place = Place::with(&["first", "again"]);
    let server = Server::start();
    let legacy = place.legacy(&server);
    if job.id_info.get("use_enrolled_image") == Some(&json!(true)) {
        // The server must have it.
        legacy.submit_job(&crate::support::job("again", 4), &mut |_| {}).unwrap();
    }
    let mut job = job.clone();
    job.job_status_polling_timeout_millis = 1;
    legacy.submit_job(&job, &mut |_| {}).unwrap();
    let last = |step| server.step(step).pop().unwrap();
    (last("upload").json(), last("zip").info())
}

#[test]
fn all_arguments_can_be_given_in_one_map() {
    let _ = covers!["arg.map"];
    let arguments = map(json!({
        "tag": "first", "jobType": 4, "isProduction": false, "callBackUrl": "https://x/cb",
        "partnerParams": { "user_id": "user-1" }, "idInfo": { "country": "NG" },
        "geoInfo": { "latitude": "1" }, "jobStatusPollingTimeoutMillis": 5,
    }));
    let expected = SubmitJob {
        callback_url: Some("https://x/cb".to_owned()),
        id_info: map(json!({ "country": "NG" })),
        geo_info: map(json!({ "latitude": "1" })),
        job_status_polling_timeout_millis: 5,
        ..job("first", 4)
    };
    assert_eq!(SubmitJob::read(&arguments).unwrap(), expected);
    let nulls = arguments.keys().map(|key| (key.clone(), Value::Null)).collect();
    assert_eq!(SubmitJob::read(&nulls).unwrap(), SubmitJob::default());
    let odd = [json!(["secret"]), json!("secret"), json!(-1.5)];
    for name in arguments.keys().map(String::as_str).chain(["jobtype"]) {
        for value in &odd {
            let one = map(json!({ name: value }));
            match SubmitJob::read(&one) {
                Err(error) => {
                    assert_eq!(error.name, SidError::NetworkDataNotValid);
                    assert!(error.message.contains(name) && !error.message.contains("secret"));
                }
                Ok(_) => assert!(["tag", "callBackUrl"].contains(&name) && value == "secret"),
            }
        }
    }
}

#[test]
fn what_is_given_arrives() {
    let rows = covers![
        "arg.callBackUrl",
        "arg.partnerParams.user_id",
        "arg.partnerParams.job_id",
        "arg.partnerParams.additional",
        "arg.idInfo.allow_re_enroll",
        "arg.idInfo.use_enrolled_image",
        "arg.idInfo.additional",
        "arg.idInfo.first_name",
        "arg.idInfo.last_name",
        "arg.idInfo.middle_name",
        "arg.idInfo.country",
        "arg.idInfo.id_type",
        "arg.idInfo.id_number",
        "arg.idInfo.email",
    ];
    let mut job = job("first", 4);
    job.callback_url = Some("http://127.0.0.1:9/cb".to_owned());
    let params = json!({ "user_id": "user-1", "job_id": "job-1", "order": "ORD-9", "note": "", "none": null, "job_type": "4" });
    job.partner_params = map(params);
    let mut info: Map =
        map(json!({ "allow_re_enroll": "true", "use_enrolled_image": true, "dob": "d" }));
    let keys = rows.iter().filter_map(|row| row.strip_prefix("arg.idInfo."));
    let texts: Vec<_> =
        keys.filter(|key| !key.contains("enroll") && *key != "additional").collect();
    info.extend(texts.iter().map(|key| ((*key).to_owned(), json!(format!("my {key}")))));
    info.insert("empty".to_owned(), Value::Null);
    info.insert("blank".to_owned(), json!(""));
    job.id_info = info;
    let (upload, zipped) = sent(&job);
    let params = json!({ "user_id": "user-1", "job_id": "job-1", "job_type": 4, "order": "ORD-9", "note": "" });
    assert_eq!(upload["partner_params"], params);
    assert_eq!(zipped["misc_information"]["partner_params"], params);
    assert_eq!(upload["callback_url"], "http://127.0.0.1:9/cb");
    assert_eq!(
        (&upload["allow_new_enroll"], &upload["use_enrolled_image"]),
        (&json!(true), &json!(true))
    );
    let arrived = zipped["id_info"].as_object().unwrap();
    for key in texts {
        assert_eq!(arrived[key], format!("my {key}"));
    }
    assert_eq!(arrived["dob"], "d");
    assert!(["empty", "blank", "allow_re_enroll"].iter().all(|key| !arrived.contains_key(*key)));
}

#[test]
fn what_is_not_given_is_made_or_left_out() {
    let _ = covers!["arg.callBackUrl", "arg.partnerParams.job_id", "arg.idInfo.allow_re_enroll"];
    let mut job = job("first", 4);
    job.callback_url = Some(String::new());
    job.id_info = map(json!({ "allow_re_enroll": "false", "use_enrolled_image": "FALSE" }));
    let (upload, zipped) = sent(&job);
    assert_eq!(upload["callback_url"], "");
    assert!(upload["partner_params"]["job_id"].as_str().unwrap().starts_with("job-"));
    assert_ne!(upload.get("allow_new_enroll"), Some(&json!(true)));
    assert_eq!(upload["use_enrolled_image"], false);
    assert_eq!(zipped["id_info"], json!({}));
    let entries = upload.get("metadata").and_then(Value::as_array).cloned().unwrap_or_default();
    assert!(entries.iter().all(|entry| entry["name"] != "geolocation"));
}

/// The place that is sent for `geo`, if any.
fn place_of(geo: Value) -> Option<Value> {
    let mut job = job("first", 4);
    job.geo_info = map(geo);
    let (upload, _) = sent(&job);
    let entries = upload.get("metadata")?.as_array()?;
    let entry = entries.iter().find(|entry| entry["name"] == "geolocation")?;
    Some(entry["value"].clone())
}

#[test]
fn the_place_is_really_sent_with_its_types_put_right() {
    let _ = covers![
        "arg.geoInfo.latitude",
        "arg.geoInfo.longitude",
        "arg.geoInfo.altitude",
        "arg.geoInfo.accuracy",
        "arg.geoInfo.lastUpdate",
        "arg.geoInfo.isGeoPermissionGranted",
    ];
    let texts = json!({
        "latitude": "-1.25", "longitude": " 36.8 ", "altitude": "1700", "accuracy": 10,
        "lastUpdate": "Fri Jan 02 2026 03:04:05", "isGeoPermissionGranted": "true",
    });
    let sent = place_of(texts).unwrap();
    let numbers = ["latitude", "longitude", "altitude", "accuracy"];
    assert_eq!(numbers.map(|key| sent[key].as_f64()), [-1.25, 36.8, 1700.0, 10.0].map(Some));
    let all = sent.to_string();
    assert!(all.contains("Fri Jan 02 2026 03:04:05"), "{all}");
    let least = place_of(json!({ "latitude": 1, "longitude": 2.5, "lastUpdate": "0" })).unwrap();
    assert_eq!((least["latitude"].as_f64(), least["longitude"].as_f64()), (Some(1.0), Some(2.5)));
    assert!(!least.to_string().contains("pdate"), "{least}");
    for none in [json!(false), json!("false")] {
        let denied = json!({ "latitude": 1, "longitude": 2, "isGeoPermissionGranted": none });
        assert_eq!(place_of(denied), None);
    }
}

#[test]
fn a_time_that_is_too_short_gives_an_incomplete_status_and_the_same_call_asks_again() {
    let _ = covers![
        "arg.jobStatusPollingTimeoutMillis",
        "tag.deletedAfterUpload",
        "item.partnerParams",
        "item.resultText",
        "item.confidenceValue",
        "state.UNKNOWN",
    ];
    let place = Place::with(&["first"]);
    let server = Server::start();
    let legacy = place.legacy(&server);
    let mut job = job("first", 4);
    job.job_status_polling_timeout_millis = 1;
    // The sandbox's answer while the job is not done.
    let (partner, key) = server.partner();
    let time = "2026-01-02T03:04:05.678Z";
    let status = json!({
        "timestamp": time, "signature": liveface_submit::signature::sign(key, partner, time),
        "job_complete": false, "job_success": false, "code": "2302",
        "result": "No zip uploaded", "history": [], "image_links": {},
    })
    .to_string();
    server.spoil(move |seen| {
        let pending = Fault::Answer(200, "application/json", status.clone());
        (seen.step() == "job_status").then_some(pending)
    });
    let early = legacy.submit_job(&job, &mut |_| {}).unwrap();
    assert!(!early.is_success());
    assert_eq!(early.result_code_state().name(), "UNKNOWN");
    assert_eq!(early.result_text().as_deref(), Some("No zip uploaded"));
    assert_eq!(early.confidence_value(), None);
    assert_eq!(early.partner_params()["user_id"], "user-1");
    assert_eq!(early.to_map()["job_complete"], false);
    assert!(place.store.job(&crate::support::tag("first")).unwrap().is_some(), "it is kept");
    assert_eq!(legacy.get_current_tags().unwrap()["tags"], json!([]), "and no longer idle");
    server.heal();
    job.job_status_polling_timeout_millis =
        u64::try_from(Duration::from_secs(100).as_millis()).unwrap();
    let done = legacy.submit_job(&job, &mut |_| {}).unwrap();
    assert!(done.is_success());
    assert_eq!((server.step("upload").len(), server.step("zip").len()), (1, 1), "sent once");
}
