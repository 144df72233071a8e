//! `liveface bench`: what its figures hold, and how they are compared.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod support;

use serde_json::{Value, json};
use support::{Place, keys, text};

const FRAMES: &str = "20";

fn names(stages: &Value) -> Vec<String> {
    stages.as_array().unwrap().iter().map(|stage| text(&stage["name"])).collect()
}

/// `figures` with every time moved by `milliseconds`.
fn moved(figures: &Value, milliseconds: f64) -> Value {
    let mut figures = figures.clone();
    let by = |time: &mut Value| *time = json!(time.as_f64().unwrap() + milliseconds);
    for stage in figures["stages"].as_array_mut().unwrap() {
        for name in ["min", "p50", "p95", "p99", "max"] {
            by(&mut stage[name]);
        }
        stage["samples"].as_array_mut().unwrap().iter_mut().for_each(by);
    }
    figures
}

#[test]
fn the_figures_can_be_kept_and_compared() {
    let place = Place::new();
    let out = place.text("now.json");
    let bench = ["bench", "--json", "--frames", FRAMES];
    let figures = place.run(bench.into_iter().chain(["--out", &out])).expect(0).json();
    assert_eq!(
        keys(&figures),
        [
            "device",
            "engine_version",
            "layout",
            "memory",
            "models",
            "setting",
            "stages",
            "start_up_ms",
            "threads",
            "tracked_frames_per_second"
        ]
    );
    assert_eq!(figures["layout"], 1);
    let setting = json!({ "picture": "640x480, 1 frame", "format": "nv12", "threads": 1 });
    assert_eq!(figures["setting"], setting);
    assert_eq!(keys(&figures["device"]), ["cores", "library", "processor", "provider", "system"]);
    assert_eq!(figures["device"]["provider"], "cpu runs every model");
    let memory = |name: &str| figures["memory"][name].as_f64().unwrap();
    assert!(memory("library") > 0.0 && memory("above_library") > 0.0);
    assert!((memory("peak") - memory("library") - memory("above_library")).abs() < 1e-6);
    assert!(figures["start_up_ms"].as_f64().unwrap() > 0.0);
    assert!(figures["tracked_frames_per_second"].as_f64().unwrap() > 0.0);
    for stage in figures["stages"].as_array().unwrap() {
        let short = stage["name"] == "session to first guidance";
        let samples = if short { 10 } else { 20 };
        assert_eq!(stage["samples"].as_array().unwrap().len(), samples, "{stage}");
        assert!(stage["allocations"].as_f64().unwrap() >= 0.0);
    }
    // Encoding a picture cannot be done without memory for it.
    let encode = figures["stages"].as_array().unwrap().iter();
    let encode = encode.clone().find(|stage| stage["name"] == "encode selfie").unwrap();
    assert!(encode["allocations"].as_f64().unwrap() >= 1.0);

    // No machine is so busy that minutes are noise.
    for (milliseconds, verdict) in [(1e5, "faster"), (-1e5, "slower")] {
        let before = place.write("before.json", moved(&figures, milliseconds).to_string());
        let said = place.run(bench.into_iter().chain(["--compare", &before])).expect(0).json();
        assert_eq!(keys(&said), ["changes", "figures"]);
        assert_eq!(names(&said["changes"]), names(&said["figures"]["stages"]));
        let changes = said["changes"].as_array().unwrap();
        assert!(changes.iter().all(|change| change["verdict"] == verdict), "{changes:?}");
        for change in changes {
            assert_eq!(
                keys(change),
                ["allocations", "before", "difference", "name", "noise", "now", "verdict"]
            );
        }
    }
}

#[test]
fn figures_of_another_layout_or_setting_are_refused_before_anything_is_measured() {
    let place = Place::new();
    let out = place.text("figures.json");
    let figures = place.run(["bench", "--json", "--frames", "1", "--out", &out]).expect(0).json();
    let with = |name: &str, value: Value| {
        let mut other = figures.clone();
        other[name] = value;
        other.to_string()
    };
    let missing = place.text("missing.json");
    let cases = [
        (missing, vec!["missing.json cannot be read"]),
        (place.write("text.json", "no figures"), vec!["no figures of `liveface bench`"]),
        (place.write("list.json", "[]"), vec!["no figures of `liveface bench`"]),
        (place.write("none.json", "{}"), vec!["its layout is none", "measure again"]),
        (place.write("new.json", with("layout", json!(2))), vec!["its layout is 2, 1 was"]),
        (place.write("part.json", with("stages", json!(3))), vec!["measure again with --out"]),
        (
            place.write(
                "rgb.json",
                with(
                    "setting",
                    json!({ "picture": "9x9, 1 frame", "format": "rgb8", "threads": 2 }),
                ),
            ),
            vec!["9x9, 1 frame as rgb8 with 2 threads", "give the same"],
        ),
    ];
    for (file, words) in cases {
        let mut command = place.command(["bench", "--frames", "1", "--compare", &file]);
        // Without the runtime library nothing could be measured.
        command.env("ORT_DYLIB_PATH", place.path("nothing.so"));
        support::run(&mut command).refused(2, &words);
    }
}

#[test]
fn every_format_and_several_threads_can_be_measured() {
    let place = Place::new();
    for format in ["nv12", "nv21", "i420", "yuyv", "rgb", "rgba", "bgra"] {
        let bench = ["bench", "--json", "--frames", "1", "--format", format];
        let figures = place.run(bench).expect(0).json();
        let named = text(&figures["setting"]["format"]);
        assert!(named.starts_with(format), "{named}");
    }
    let bench = ["bench", "--json", "--frames", "1", "--threads", "2"];
    assert_eq!(place.run(bench).expect(0).json()["threads"], 2);
    place.run(["bench", "--format", "mp4"]).refused(2, &["nv12", "mp4"]);
    place.run(["bench", "--threads", "0"]).refused(2, &["1..=64"]);
}

#[test]
fn people_read_the_comparison() {
    let place = Place::new();
    let out = place.text("figures.json");
    let bench = ["bench", "--frames", "20"];
    let first = place.run(bench.into_iter().chain(["--out", &out])).expect(0).stdout;
    for words in ["tracked frame", "allocations", "peak memory", "start-up", "cpu runs every model"]
    {
        assert!(first.contains(words), "no `{words}` in:\n{first}");
    }
    assert!(!first.contains("change"), "{first}");
    let second = place.run(bench.into_iter().chain(["--compare", &out])).expect(0).stdout;
    let (_, changes) = second.split_once("\nchange ").unwrap();
    assert_eq!(changes.lines().count(), 17, "a heading and a line for each stage:\n{changes}");
}

#[test]
fn a_provider_that_is_not_built_in_is_refused_with_its_feature() {
    let place = Place::new();
    let refused = ["error: this build has no execution provider `cuda`", "feature `cuda`"];
    place.run(["bench", "--provider", "cuda"]).refused(2, &refused);
    place.run(["bench", "--provider", "gpu"]).refused(2, &["no provider `gpu`", "xnnpack"]);
    place.run(["analyze", "fixtures/stills/far.jpg", "--provider", "cpu"]).expect(0);
    let doctor = place.run(["doctor", "--json"]).json();
    let checks = doctor["checks"].as_array().unwrap();
    let provider = checks.iter().find(|check| check["check"] == "provider").unwrap();
    assert_eq!(provider["detail"], "cpu runs every model");
}
