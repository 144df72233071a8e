//! The sandbox with its real eyes: the engine looks at the people of the fixtures.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod common;

use common::{Client, config, engine, engine_analyser, fixture, fixture_capture, zip};
use liveface_core::Policy;
use liveface_sandbox::{EngineAnalyser, Sandbox};

fn sandbox() -> (tempfile::TempDir, Sandbox, Client) {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::start(config(dir.path()), engine_analyser()).unwrap();
    let client = Client::of(&sandbox);
    (dir, sandbox, client)
}

/// Some pictures of a person, to register with.
fn first(person: &str) -> Vec<u8> {
    let (selfie, liveness) = fixture_capture(person, "idle", "smile");
    zip(&selfie, &liveness)
}

/// Other pictures of that person, nearer to the camera, to come back with.
fn later(person: &str) -> Vec<u8> {
    let (selfie, liveness) = fixture_capture(person, "approach", "blink");
    zip(&selfie, &liveness)
}

#[test]
fn a_photograph_of_another_person_is_a_stranger() {
    let (_dir, _sandbox, client) = sandbox();
    assert_eq!(client.register("f1", "job-1", &first("clips-f1"))["ResultCode"], "0840");
    let astronaut = fixture("stills/astronaut.png");
    let stranger = zip(&astronaut, &[astronaut.clone(), astronaut.clone()]);
    assert_eq!(client.authenticate("f1", "job-3", &stranger)["ResultCode"], "0821");
}

#[test]
fn each_rendered_person_is_known_again_and_no_other() {
    let (_dir, _sandbox, client) = sandbox();
    let people = ["clips-f1", "clips-m1", "clips-m2"];
    for person in people {
        let job = format!("register-{person}");
        assert_eq!(client.register(person, &job, &first(person))["ResultCode"], "0840");
    }
    for enrolled in people {
        for person in people {
            let job = format!("{person}-as-{enrolled}");
            let result = client.authenticate(enrolled, &job, &later(person));
            let expected = if enrolled == person { "0820" } else { "0821" };
            assert_eq!(result["ResultCode"], expected, "{job}: {result}");
        }
    }
}

#[test]
fn pictures_of_nobody_and_of_two_are_refused() {
    let (_dir, _sandbox, client) = sandbox();
    let text = |user: &str, still: &str| {
        let still = fixture(still);
        let result = client.register(
            user,
            &format!("job-{user}"),
            &zip(&still, std::slice::from_ref(&still)),
        );
        result["ResultText"].as_str().unwrap().to_owned()
    };
    assert_eq!(text("a", "stills/noface.jpg"), "Selfie image unusable - No Face Found");
    assert_eq!(text("b", "stills/two.jpg"), "Selfie image unusable - More Than One Face");
}

#[test]
fn a_panic_that_held_the_models_ends_no_later_job() {
    let engine = engine();
    let held = engine.clone();
    let panicked = std::thread::spawn(move || {
        let _models = held.vision();
        panic!("in the middle of a picture");
    });
    assert!(panicked.join().is_err());
    let dir = tempfile::tempdir().unwrap();
    let analyser = Box::new(EngineAnalyser::new(engine, &Policy::default()));
    let sandbox = Sandbox::start(config(dir.path()), analyser).unwrap();
    let result = Client::of(&sandbox).register("f1", "job-1", &first("clips-f1"));
    assert_eq!(result["ResultCode"], "0840", "{result}");
}
