//! Whole jobs: a person registers and comes back, a stranger does not get in.

use liveface_legacy::{SidEvent, SidResponse};
use serde_json::{Value, json};

use crate::support::{Place, Server, job, map};

#[test]
fn a_person_registers_and_authenticates_and_a_stranger_does_not() {
    let _ = covers![
        "call.submitJob",
        "jobType.4",
        "jobType.2",
        "arg.isProduction",
        "tag.deletedAfterUpload",
        "result.map",
        "item.isSuccess",
        "item.partnerParams",
        "item.resultText",
        "item.confidenceValue",
        "item.statusResponse",
        "item.statusRequest",
        "item.SmileJobID",
        "item.getResultCodeState",
        "item.json",
        "item.string",
        "state.ENROL_APPROVED",
        "state.AUTH_APPROVED",
        "state.AUTH_REJECTED",
        "event.onStartJobStatus",
        "event.onUpdateJobProgress",
        "event.onUpdateJobStatus",
        "event.onEndJobStatus",
        "event.onAuthenticated",
        "event.onEnrolled",
        "event.onIdValidated",
        "event.onComplete",
    ];
    let place = Place::with(&["first", "again", "stranger"]);
    let server = Server::start();
    let legacy = place.legacy(&server);
    let copies = legacy.get_images_for_tag("first").unwrap()["images"].clone();
    let copy = std::path::PathBuf::from(copies[0].as_str().unwrap());
    assert!(copy.exists());
    let submit = |job: &_| {
        let mut events = Vec::new();
        let response = legacy.submit_job(job, &mut |event: &SidEvent| events.push(event.clone()));
        (response.unwrap(), events)
    };

    let mut register = job("first", 4);
    register.partner_params.insert("order".to_owned(), json!("ORD-9"));
    let (enrolled, events) = submit(&register);
    check_items(&enrolled, true, "ENROL_APPROVED");
    assert_eq!(enrolled.partner_params()["order"], "ORD-9");
    assert_eq!(enrolled.partner_params()["job_type"], "4", "all are texts");
    check_events(&events, Some("onEnrolled"));
    // Done is done: nothing of the face stays on the device.
    assert!(!copy.exists());
    assert_eq!(legacy.get_current_tags().unwrap()["tags"], json!(["again", "stranger"]));
    assert!(place.store.tags().unwrap().iter().all(|summary| summary.tag.as_str() != "first"));

    let (authenticated, events) = submit(&job("again", 2));
    check_items(&authenticated, true, "AUTH_APPROVED");
    let confidence = authenticated.confidence_value().unwrap();
    assert!((0.0..=100.0).contains(&confidence));
    check_events(&events, Some("onAuthenticated"));

    // In the Flutter plugin's order, and with its map.
    let params = map(json!({ "user_id": "user-1", "job_id": "job-7" }));
    let (none, geo) = (map(json!({})), map(json!({})));
    let rejected = legacy
        .submit_job_in_order("stranger", Some(2), Some(false), "", params, none, geo)
        .unwrap();
    assert_eq!(rejected["job_complete"], true);
    assert_eq!(rejected["result"]["PartnerParams"]["user_id"], "user-1");
    assert_eq!(rejected["result"]["PartnerParams"]["job_id"], "job-7");
    assert_eq!(rejected["result"]["ResultCode"], "0821");
    assert!(rejected["result"]["ResultText"].is_string());
}

/// The typed items agree with the answer that the server gave.
fn check_items(response: &SidResponse, is_success: bool, state: &str) {
    assert_eq!(response.is_success(), is_success);
    assert_eq!(response.result_code_state().name(), state);
    let raw = response.status_response().unwrap();
    let answer: Value = serde_json::from_str(raw).unwrap();
    assert_eq!(response.to_map(), map(answer.clone()), "everything that the server sent");
    let result = &answer["result"];
    assert_eq!(response.result_text().as_deref(), result["ResultText"].as_str());
    assert_eq!(response.smile_job_id().as_deref(), result["SmileJobID"].as_str());
    let confidence = result["ConfidenceValue"].as_str().map(|text| text.parse().unwrap());
    assert_eq!(response.confidence_value(), confidence);
    assert_eq!(response.partner_params()["user_id"], "user-1");
    let items = json!({
        "isSuccess": is_success, "partnerParams": response.partner_params(),
        "resultText": result["ResultText"], "confidenceValue": confidence,
        "statusResponse": raw, "SmileJobID": result["SmileJobID"], "resultCodeState": state,
    });
    assert_eq!(response.to_json(), items);
    let line = response.to_string();
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), items);
    assert!(!line.contains('\n') && !format!("{response:?}").contains("user-1"));
}

/// The events of a job that was sent, with `decided` before the last.
fn check_events(events: &[SidEvent], decided: Option<&str>) {
    let names: Vec<_> = events.iter().map(SidEvent::name).collect();
    assert!(names.iter().all(|name| SidEvent::NAMES.contains(name)));
    assert_eq!(names[0], "onStartJobStatus");
    let end = names.iter().position(|name| *name == "onEndJobStatus").unwrap();
    let last: Vec<_> = decided.into_iter().chain(["onComplete"]).collect();
    assert_eq!(names[end + 1..], last);
    let percents: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            SidEvent::UpdateJobProgress(percent) => Some(*percent),
            _ => None,
        })
        .collect();
    assert!(percents.is_sorted() && percents.first() == Some(&0), "{percents:?}");
    assert_eq!(percents.last(), Some(&100));
    let texts = names[1..end].iter().filter(|name| **name == "onUpdateJobStatus").count();
    assert_eq!(texts + percents.len(), end - 1);
    assert!(texts >= 3);
}

#[test]
fn the_arguments_can_be_given_in_flutters_order() {
    let _ = covers!["arg.order.flutter", "result.map"];
    let place = Place::with(&["first"]);
    let server = Server::start();
    let legacy = place.legacy(&server);
    let (call_back, order) = ("http://127.0.0.1:9/cb", "ORD-9");
    let params = map(json!({ "user_id": "user-1", "job_id": "job-7", "order": order }));
    let info = map(json!({ "country": "NG", "allow_re_enroll": "true" }));
    let geo = map(json!({ "latitude": -1.25, "longitude": 36.8 }));
    let answer = legacy
        .submit_job_in_order("first", Some(4), Some(false), call_back, params, info, geo)
        .unwrap();
    assert_eq!(answer["result"]["PartnerParams"]["order"], order);
    let upload = server.step("upload")[0].json();
    let expected = json!({ "user_id": "user-1", "job_id": "job-7", "job_type": 4, "order": order });
    assert_eq!(upload["partner_params"], expected);
    assert_eq!(
        (&upload["callback_url"], &upload["allow_new_enroll"]),
        (&json!(call_back), &json!(true))
    );
    let entries = upload["metadata"].as_array().unwrap();
    let place = entries.iter().find(|entry| entry["name"] == "geolocation").unwrap();
    assert_eq!(place["value"]["latitude"], -1.25);
    assert_eq!(place["value"]["longitude"], 36.8);
    assert_eq!(server.step("zip")[0].info()["id_info"], json!({ "country": "NG" }));
}

#[test]
fn a_rejected_person_is_no_error_and_no_enrolment() {
    let _ = covers!["item.isSuccess", "event.onAuthenticated", "event.onComplete"];
    let place = Place::with(&["first", "stranger"]);
    let server = Server::start();
    let legacy = place.builder().sandbox(server.client()).keep_submitted().build();
    legacy.submit_job(&job("first", 4), &mut |_| {}).unwrap();
    let mut events = Vec::new();
    let rejected = legacy.submit_job(&job("stranger", 2), &mut |e| events.push(e.clone())).unwrap();
    check_items(&rejected, false, "AUTH_REJECTED");
    check_events(&events, None);
    // Kept as asked, and with its result: nothing is sent again.
    let before = server.seen().len();
    assert_eq!(legacy.submit_job(&job("stranger", 2), &mut |_| {}).unwrap(), rejected);
    assert_eq!(server.seen().len(), before);
}
