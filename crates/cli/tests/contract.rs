//! What scripts may rely on: exit codes, the shape of the JSON, and that stdout holds nothing else.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Cursor, Read as _};
use std::process::{Command, Stdio};

use liveface::{Guidance, Tag};
use serde_json::{Value, json};
use support::{Ended, Place, Sandbox, keys, root, run, text};

/// The commands that the help lists.
fn commands(place: &Place) -> Vec<String> {
    let help = place.run(["--help"]).expect(0).stdout;
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = listed.take_while(|line| !line.is_empty()).map(|line| line.trim());
    let names = names.map(|line| line.split_whitespace().next().unwrap().to_owned());
    names.filter(|name| name != "help").collect()
}

#[test]
fn every_command_explains_itself_with_an_example() {
    let place = Place::new();
    let commands = commands(&place);
    assert!(commands.len() >= 11, "{commands:?}");
    for command in commands {
        let help = place.run([command.as_str(), "--help"]).expect(0).stdout;
        let (_, example) = help.split_once("Example:\n").unwrap_or_else(|| panic!("{help}"));
        assert!(example.trim_start().starts_with(&format!("liveface {command}")), "{example}");
    }
}

#[test]
fn the_help_lists_every_exit_code() {
    let help = Place::new().run(["--help"]).expect(0).stdout;
    let (_, codes) = help.split_once("Exit codes:\n").unwrap();
    let codes: Vec<_> = codes.lines().filter_map(|l| l.split_whitespace().next()).collect();
    assert_eq!(codes, ["0", "2", "3", "4", "5", "6"]);
}

#[test]
fn wrong_usage_and_bad_input_end_with_2_and_say_what_is_wrong() {
    let place = Place::new();
    let f1 = "fixtures/clips-f1";
    let empty = place.text("empty");
    fs::create_dir(&empty).unwrap();
    let long = format!("--tag={}", "x".repeat(Tag::MAX_CHARS + 1));
    let cases: &[(&[&str], &str)] = &[
        (&[], "Usage"),
        (&["frobnicate"], "frobnicate"),
        (&["capture"], "--replay <PATH>|--subject <DIR>"),
        (&["capture", "--subject", f1, "--replay", f1], "cannot be used with"),
        (&["capture", "--subject", "nowhere"], "nowhere could not be read"),
        (&["capture", "--subject", "README.md"], "README.md could not be read"),
        (&["capture", "--subject", "fixtures"], "no folder `idle`"),
        (&["capture", "--replay", "README.md"], "README.md is not a recording"),
        (&["capture", "--replay", &empty], "no .jpg, .jpeg or .png image"),
        (&["capture", "--subject", f1, "--fps=0"], "0.001 to 1000"),
        (&["capture", "--subject", f1, "--fps=-1"], "0.001 to 1000"),
        (&["capture", "--subject", f1, "--fps=1e308"], "0.001 to 1000"),
        (&["capture", "--subject", f1, "--fps=NaN"], "0.001 to 1000"),
        (&["capture", "--subject", f1, "--fps=fast"], "--fps"),
        (&["capture", "--subject", f1, "--seed=-1"], "--seed"),
        (&["capture", "--subject", f1, "--tag="], "1 to 128 characters"),
        (&["capture", "--subject", f1, &long], "1 to 128 characters"),
        (&["capture", "--subject", f1, "--tag= x"], "white space"),
        (&["capture", "--subject", f1, "--tag=a\nb"], "control characters"),
        (&["register", "a"], "--user-id"),
        (&["register", "a", "--user-id", "u"], "LIVEFACE_API_KEY"),
        (&["register", "a", "--user-id", "u", "--partner-param", "x"], "KEY=VALUE"),
        (
            &["register", "a", "--user-id", "u", "--partner-param=x=1", "--partner-param=x=2"],
            "given twice",
        ),
        (&["register", "a", "--user-id", "u", "--geo", "latitude=1"], "longitude"),
        (&["register", "a", "--user-id", "u", "--geo", "north=1"], "latitude=1.5,longitude=36.8"),
        (&["status", "a"], "LIVEFACE_API_KEY"),
        (&["tags", "show", "a"], "no capture under the tag `a`"),
        (&["tags", "clear", "a"], "no capture under the tag `a`"),
        (&["tags", "clear"], "--submitted"),
        (&["bundle", "a", "--out", "x.zip"], "no capture under the tag `a`"),
        (&["analyze"], "<IMAGES>"),
        (&["match", "nowhere.jpg", "fixtures/stills/far.jpg"], "nowhere.jpg"),
        (&["match", "fixtures/stills/noface.jpg", "fixtures/stills/far.jpg"], "no face was found"),
        (&["match", "fixtures/stills/two.jpg", "fixtures/stills/far.jpg"], "2 faces were found"),
        (&["bench", "--frames", "0"], "1..=1000000"),
        (&["bench", "--frames", "4294967295"], "1..=1000000"),
        (&["sandbox", "--port", "65536"], "--port"),
    ];
    for (arguments, words) in cases {
        place.run(arguments.iter().copied()).refused(2, &[words]);
    }
    assert_eq!(place.tags(), []);
}

#[test]
fn a_live_capture_tells_what_happened_and_is_kept() {
    let place = Place::new();
    let ended = place.capture("clips-f1", "7", "mine").expect(0);
    assert_eq!(ended.stderr, "");

    let codes: Vec<_> = Guidance::ALL.iter().map(|guidance| guidance.code()).collect();
    for event in ended.events("guidance") {
        assert_eq!(keys(&event), ["event", "guidance", "t_ms"]);
        assert!(codes.contains(&event["guidance"].as_str().unwrap()), "{event}");
    }
    let shots = ended.events("shot");
    for shot in &shots {
        assert_eq!(keys(shot), ["challenge", "event", "index", "kind", "t_ms"]);
    }
    let taken: Vec<_> = shots.iter().map(|shot| (&shot["kind"], shot["index"].as_u64())).collect();
    let (liveness, selfie) = (&json!("liveness"), &json!("selfie"));
    let mut expected: Vec<_> = (0..7).map(|index| (liveness, Some(index))).collect();
    expected.push((selfie, Some(0)));
    assert_eq!(taken, expected);
    let smiles = shots.iter().filter(|shot| shot["challenge"] == "smile").count();
    assert_eq!(smiles, 4);

    let times: Vec<_> = ended.lines().iter().map(|line| line["t_ms"].as_u64().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    let verdict = ended.verdict();
    assert_eq!(
        keys(&verdict),
        ["event", "evidence", "frames", "images", "reasons", "t_ms", "tag", "verdict"]
    );
    assert_eq!(verdict["tag"], "mine");
    assert_eq!(verdict["verdict"], "live");
    assert_eq!(verdict["reasons"], json!([]));
    let evidence = &verdict["evidence"];
    assert_eq!(evidence["policy"], "smart-selfie");
    assert_eq!(evidence["seed"], 7);
    for model in ["detector", "embedding", "mesh", "pad"] {
        assert_eq!(evidence["models"][model].as_str().unwrap().len(), 64, "{model}");
    }
    for score in ["pad_live_median", "pad_live_min", "similarity_min"] {
        assert!((0.5..=1.0).contains(&evidence[score].as_f64().unwrap()), "{score}: {evidence}");
    }
    assert_eq!(evidence["restarts"], json!([]));
    assert_eq!(keys(&verdict["frames"]), ["dropped", "seen"]);

    let images = verdict["images"].as_array().unwrap();
    assert_eq!(images.len(), 8);
    for image in images {
        assert_eq!(keys(image), ["file", "height", "kind", "width"]);
    }
    assert_eq!(images[0]["kind"], "selfie");
    assert_eq!(images[0]["width"], 640);
    assert_eq!(images[1]["width"], 320);

    assert_eq!(place.tags(), [("mine".to_owned(), "idle".to_owned())]);
    let shown = place.show("mine");
    assert_eq!(keys(&shown), ["images", "job", "record", "tag"]);
    let names: Vec<_> = images.iter().map(|image| image["file"].clone()).collect();
    assert_eq!(shown["images"], json!(names));
    let folder = place.text("pictures");
    place.run(["tags", "export", "mine", "--out", &folder]).expect(0);
    for image in images {
        let path = place.path("pictures").join(text(&image["file"]));
        let opened = image::open(path).unwrap();
        assert_eq!(
            (image["width"].as_u64(), image["height"].as_u64()),
            (Some(opened.width().into()), Some(opened.height().into()))
        );
    }
}

#[test]
fn people_read_the_same_capture_in_words() {
    let place = Place::new();
    let said = place.run(["capture", "--subject", "fixtures/clips-f1", "--tag", "mine"]).expect(0);
    for words in ["Move closer", "Smile", "liveness image 7", "selfie", "Verdict: live", "mine"] {
        assert!(said.stdout.contains(words), "no `{words}` in:\n{}", said.stdout);
    }
    // Colour and progress are for terminals.
    assert!(!said.stdout.contains('\x1b'));
    assert_eq!(said.stderr, "");
}

#[test]
fn without_a_tag_one_is_made_and_a_seed_is_drawn() {
    let place = Place::new();
    let capture = ["capture", "--json", "--subject", "fixtures/clips-m1"];
    let (first, second) = (place.run(capture).expect(0), place.run(capture).expect(0));
    let (first, second) = (first.verdict(), second.verdict());
    assert_ne!(first["tag"], second["tag"]);
    assert_ne!(first["evidence"]["seed"], second["evidence"]["seed"]);
    assert_eq!(place.tags().len(), 2);
}

#[test]
fn a_tag_in_use_is_refused_before_the_capture_and_replaced_on_purpose() {
    let place = Place::new();
    place.capture("clips-f1", "1", "mine").expect(0);
    let before = place.show("mine");
    // Refused without a look at the recording, which is not there.
    let again = ["capture", "--subject", "nowhere", "--tag", "mine"];
    place.run(again).refused(2, &["`mine` already", "--replace"]);
    assert_eq!(place.show("mine"), before);
    let subject = "fixtures/clips-m1";
    place.run(["capture", "--subject", subject, "--tag", "mine", "--replace"]).expect(0);
    assert_ne!(place.show("mine")["record"]["seed"], before["record"]["seed"]);
    place.run(["capture", "--subject", subject, "--replace"]).refused(2, &["--tag"]);
}

#[test]
fn images_leave_the_store_when_asked_for_and_captures_when_they_are_too_many() {
    let place = Place::new();
    place.capture("clips-f1", "1", "first").expect(0);
    place.capture("clips-m1", "1", "second").expect(0);
    let names = place.show("first")["images"].clone();
    let out = place.text("out");
    let exported = place.run(["tags", "export", "first", "--out", &out, "--json"]).expect(0).json();
    let files: Vec<_> = exported["files"].as_array().unwrap().iter().map(text).collect();
    assert_eq!(files.len(), 8);
    for (file, name) in files.iter().zip(names.as_array().unwrap()) {
        assert_eq!(*file, format!("{out}/{}", text(name)));
        assert!(image::open(file).unwrap().width() > 0);
    }
    place.run(["tags", "export", "third", "--out", &out]).refused(2, &["no capture"]);

    place.run(["tags", "retain"]).refused(2, &["--max-age", "--max-count"]);
    let retain = |limit: &[&str]| {
        let arguments = ["tags", "retain", "--json"].iter().chain(limit).copied();
        place.run(arguments).expect(0).json()
    };
    assert_eq!(retain(&["--max-age", "1"]), json!({ "cleared": 0, "tags": [] }));
    let limits = ["--max-age", "1", "--max-count", "1"];
    assert_eq!(retain(&limits), json!({ "cleared": 1, "tags": ["first"] }));
    assert_eq!(place.run(["tags", "retain", "--max-count=0"]).expect(0).stdout, "Cleared 1.\n");
    assert_eq!(place.tags(), []);
}

#[test]
fn the_key_can_lie_elsewhere_and_a_store_without_it_says_so() {
    let place = Place::new();
    let key = place.text("keys/mine");
    let list = ["tags", "list", "--key-file", &key];
    place.run(list).expect(0);
    assert!(!place.path("store.key").exists());
    place.run(["tags", "--key-file", &key, "list"]).expect(0);
    let capture = ["capture", "--subject", "fixtures/clips-f1", "--key-file", &key];
    place.run(capture).expect(0);
    let report = place.run(["doctor", "--json", "--key-file", &key]).expect(0).json();
    assert!(text(&report["checks"][2]["detail"]).contains(&key), "{report}");

    place.run(["tags", "list"]).refused(2, &["store.key", "holds no key", "put the key back"]);
    let report = place.run(["doctor", "--json"]).expect(5).json();
    assert_eq!(checks(&report)[2], ("store", false));
    assert!(text(&report["checks"][2]["detail"]).contains("store.key"), "{report}");
    place.write("store.key", "0".repeat(64));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(place.path("store.key"), fs::Permissions::from_mode(0o600)).unwrap();
    }
    place.run(["tags", "list"]).refused(2, &["store.key", "another key"]);
}

#[test]
fn a_tag_is_a_name_and_never_a_path() {
    let place = Place::new();
    place.capture("clips-f1", "1", "../../x").expect(0);
    assert_eq!(place.tags(), [("../../x".to_owned(), "idle".to_owned())]);
    let names = fs::read_dir(place.path("")).unwrap();
    let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["store", "store.key"]);
}

#[test]
fn a_presentation_attack_ends_with_4_and_nothing_is_kept() {
    let place = Place::new();
    let ended = place.run(["capture", "--json", "--replay", "fixtures/attack-m1-replay"]);
    let verdict = ended.expect(4).verdict();
    assert_eq!(verdict["verdict"], "attack");
    assert_eq!(verdict["reasons"][0], "screen_pattern");
    let findings = verdict["evidence"]["findings"].as_array().unwrap();
    let texture = findings.iter().find(|finding| finding["evidence"] == "texture").unwrap();
    assert_eq!((&texture["score"], &texture["reason"]), (&json!(0.0), &json!("screen_pattern")));
    assert_eq!(verdict["tag"], Value::Null);
    assert_eq!(place.tags(), []);
}

#[test]
fn what_needs_the_runtime_library_ends_with_5_without_it() {
    let place = Place::new();
    let still = "fixtures/stills/far.jpg";
    let data = place.text("sandbox");
    let commands: [&[&str]; 6] = [
        &["capture", "--subject", "fixtures/clips-f1"],
        &["analyze", still],
        &["match", still, still],
        &["bench"],
        &["sandbox", "--port", "0", "--data", &data],
        &["capture", "--subject", "fixtures/clips-f1", "--runtime", "README.md"],
    ];
    for arguments in commands {
        let mut command = place.command(arguments.iter().copied());
        command.env("ORT_DYLIB_PATH", place.path("nothing.so"));
        run(&mut command).refused(5, &["ONNX Runtime", "cargo xtask setup"]);
    }
    place.run(["tags", "list"]).expect(0);
}

#[test]
fn analyze_gives_one_line_an_image_and_ends_with_2_if_one_cannot_be_read() {
    let place = Place::new();
    let broken = place.write("broken.jpg", "no image");
    let stills = ["fixtures/stills/noface.jpg", "fixtures/stills/two.jpg"];
    let ended = place.run(["analyze", "--json", stills[0], "nowhere.jpg", &broken, stills[1]]);
    let lines = ended.expect(2).lines();
    assert_eq!(lines.len(), 4);
    for (line, file) in lines.iter().zip([stills[0], "nowhere.jpg", &broken, stills[1]]) {
        assert_eq!(line["file"], file);
    }
    for line in &lines[1..3] {
        assert_eq!(keys(line), ["error", "file"]);
    }
    for line in [&lines[0], &lines[3]] {
        assert_eq!(keys(line), ["faces", "file", "height", "width"]);
        assert_eq!((&line["width"], &line["height"]), (&json!(640), &json!(480)));
    }
    assert_eq!(lines[0]["faces"], json!([]));
    assert_eq!(lines[3]["faces"].as_array().unwrap().len(), 2);
}

#[test]
fn analyze_tells_everything_that_is_seen_of_a_face() {
    let place = Place::new();
    let still = "fixtures/stills/m2_portrait.jpg";
    let face = |options: &[&str]| {
        let arguments = ["analyze", "--json", still].into_iter().chain(options.iter().copied());
        let line = place.run(arguments).expect(0).json();
        assert_eq!((&line["width"], &line["height"]), (&json!(480), &json!(640)));
        line["faces"][0].clone()
    };
    let plain = face(&[]);
    let fields = [
        "box",
        "detection_score",
        "eye_aspect_ratio",
        "eye_openness",
        "gaze",
        "inter_eye_distance_px",
        "mouth_open",
        "occluded_part",
        "occlusion",
        "pad_live",
        "pitch_degrees",
        "quality",
        "roll_degrees",
        "smile",
        "smile_ratio",
        "yaw_degrees",
    ];
    assert_eq!(keys(&plain), fields);
    assert_eq!(plain["box"].as_array().unwrap().len(), 4);
    for share in ["detection_score", "smile", "mouth_open", "occlusion", "pad_live"] {
        assert!((0.0..=1.0).contains(&plain[share].as_f64().unwrap()), "{share}");
    }
    for pair in ["eye_openness", "eye_aspect_ratio"] {
        assert_eq!(keys(&plain[pair]), ["image_left", "image_right"]);
    }
    assert_eq!(keys(&plain["gaze"]), ["pitch_degrees", "yaw_degrees"]);
    assert!(plain["occluded_part"].is_null(), "{plain}");
    for (component, measure) in plain["quality"].as_object().unwrap() {
        assert_eq!(keys(measure), ["raw", "score"]);
        assert!(measure["raw"].is_number(), "{component}");
        let score = &measure["score"];
        assert!(score.is_null() || score.as_u64().unwrap() <= 100, "{component}: {score}");
    }
    for component in ["luminance_mean", "sharpness"] {
        assert!(plain["quality"][component].is_object(), "{component}");
    }

    let full = face(&["--landmarks", "--embedding"]);
    let landmarks = full["landmarks"].as_array().unwrap();
    assert_eq!(landmarks.len(), 478);
    assert!(landmarks.iter().all(|point| point.as_array().unwrap().len() == 3));
    let embedding = full["embedding"].as_array().unwrap();
    let length: f64 = embedding.iter().map(|v| v.as_f64().unwrap().powi(2)).sum();
    assert!((length - 1.0).abs() < 1e-3, "{length}");
    let mut rest = full.clone();
    for extra in ["landmarks", "embedding"] {
        rest.as_object_mut().unwrap().remove(extra);
    }
    assert_eq!(rest, plain);
}

#[test]
fn match_knows_a_person_again() {
    let place = Place::new();
    let same = place.run([
        "match",
        "--json",
        "fixtures/clips-f1/idle/000.jpg",
        "fixtures/clips-f1/idle/006.jpg",
    ]);
    let same = same.expect(0).json();
    assert_eq!(keys(&same), ["match", "similarity", "threshold"]);
    assert_eq!(same["match"], true);

    let photo = "fixtures/stills/astronaut.png";
    let other = place.run(["match", "--json", "fixtures/clips-f1/idle/000.jpg", photo]).expect(3);
    assert_eq!(other.json()["match"], false);
    let said = place.run(["match", photo, photo]).expect(0).stdout;
    assert!(said.starts_with("the same person"), "{said}");
}

#[test]
fn match_decides_by_the_threshold_of_the_policy() {
    let place = Place::new();
    // Rendered heads look alike to the net: the threshold for photographs does not part them, the
    // one for guided captures does.
    let policy = place.write("captures.toml", "[identity]\nmatch_similarity = 0.82\n");
    let compare = |a: &str, b: &str| -> Ended {
        let image = |name: &str| format!("fixtures/{name}/idle/000.jpg");
        place.run(["match", "--json", "--policy", &policy, &image(a), &image(b)])
    };
    let people = ["clips-f1", "clips-m1", "clips-m2"];
    for (index, a) in people.into_iter().enumerate() {
        for b in &people[index + 1..] {
            assert_eq!(compare(a, b).expect(3).json()["threshold"], 0.82);
        }
        compare(a, a).expect(0);
    }
}

#[test]
fn tags_are_listed_shown_and_cleared() {
    let place = Place::new();
    let list = || place.run(["tags", "list", "--json"]).expect(0).json();
    assert_eq!(list(), json!({ "tags": [] }));
    assert_eq!(place.run(["tags", "list"]).expect(0).stdout, "No captures.\n");

    place.capture("clips-f1", "1", "first").expect(0);
    place.capture("clips-m1", "1", "second").expect(0);
    let tags = list();
    let tags = tags["tags"].as_array().unwrap();
    assert_eq!(keys(&tags[0]), ["created", "images", "state", "tag", "verdict"]);
    assert_eq!((&tags[0]["tag"], &tags[1]["tag"]), (&json!("first"), &json!("second")));
    assert_eq!((&tags[0]["images"], &tags[0]["verdict"]), (&json!(8), &json!("live")));

    let sheet = place.text("sheet.png");
    place.run(["tags", "show", "first", "--sheet", &sheet]).expect(0);
    assert!(image::open(&sheet).unwrap().width() > 0);

    assert_eq!(
        place.run(["tags", "clear", "first", "--json"]).expect(0).json(),
        json!({"cleared": 1})
    );
    // Neither was submitted.
    let cleared = place.run(["tags", "clear", "--submitted", "--json"]).expect(0).json();
    assert_eq!(cleared, json!({ "cleared": 0 }));
    assert_eq!(place.tags(), [("second".to_owned(), "idle".to_owned())]);
}

#[test]
fn tags_clear_submitted_removes_those_with_a_final_result_and_no_others() {
    let place = Place::new();
    let sandbox = Sandbox::start(&place);
    place.capture("clips-f1", "1", "sent").expect(0);
    place.capture("clips-m1", "1", "kept").expect(0);
    sandbox.run(&place, &["register", "sent", "--user-id", "user-1"]).expect(0);
    let state = |tag: &str, state: &str| (tag.to_owned(), state.to_owned());
    assert_eq!(place.tags(), [state("sent", "submitted"), state("kept", "idle")]);
    let idle = place.run(["tags", "list", "--idle", "--json"]).expect(0).json();
    assert_eq!(idle["tags"].as_array().unwrap().len(), 1);
    let cleared = place.run(["tags", "clear", "--submitted", "--json"]).expect(0).json();
    assert_eq!(cleared, json!({ "cleared": 1 }));
    assert_eq!(place.tags(), [state("kept", "idle")]);
}

#[test]
fn the_store_can_be_named_before_and_after_what_is_done_with_tags() {
    let place = Place::new();
    let other = place.text("other");
    let capture = ["capture", "--subject", "fixtures/clips-f1", "--tag", "a", "--store", &other];
    place.run(capture).expect(0);
    for arguments in [["tags", "--store", &other, "list"], ["tags", "list", "--store", &other]] {
        assert!(place.run(arguments).expect(0).stdout.contains(" a\n"));
    }
    assert_eq!(place.tags(), []);
}

#[test]
fn a_bundle_is_the_zip_that_servers_take() {
    let place = Place::new();
    let verdict = place.capture("clips-m2", "1", "mine").expect(0).verdict();
    let out = place.text("mine.zip");
    let said = place.run(["bundle", "mine", "--out", &out, "--json"]).expect(0).json();
    let bytes = fs::read(&out).unwrap();
    let expected = json!({
        "file": out, "bytes": bytes.len(), "images": 8, "record": true, "key_id": null,
    });
    assert_eq!(said, expected);

    let mut zip = zip::ZipArchive::new(Cursor::new(&bytes)).unwrap();
    let mut names: Vec<_> =
        (0..zip.len()).map(|i| zip.by_index(i).unwrap().name().unwrap().into_owned()).collect();
    let images = verdict["images"].as_array().unwrap().iter().map(|image| text(&image["file"]));
    let expected: Vec<_> = std::iter::once("info.json".to_owned()).chain(images).collect();
    let record = names.pop();
    assert_eq!(
        (names.as_slice(), record.as_deref()),
        (&expected[..], Some("liveface_record.json"))
    );
    assert!(names[1].starts_with("si_selfie_"));
    assert!(names[2..].iter().all(|name| name.starts_with("si_liveness_")));

    let mut info = String::new();
    zip.by_name("info.json").unwrap().read_to_string(&mut info).unwrap();
    let info: Value = serde_json::from_str(&info).unwrap();
    let listed = info["images"].as_array().unwrap().iter();
    let listed: Vec<_> = listed.map(|image| text(&image["file_name"])).collect();
    assert_eq!(listed, names[1..]);

    place.run(["bundle", "mine", "--out", "nowhere/mine.zip"]).refused(2, &["nowhere/mine.zip"]);
}

#[test]
fn a_policy_file_is_followed() {
    let place = Place::new();
    let policy =
        "name = \"kiosk\"\n[sequence]\nliveness_images = 4\n[encoding]\nselfie_side = 320\n";
    let policy = place.write("kiosk.toml", policy);
    let subject = "fixtures/clips-f1";
    let ended = place.run(["capture", "--json", "--subject", subject, "--policy", &policy]);
    let verdict = ended.expect(0).verdict();
    assert_eq!(verdict["evidence"]["policy"], "kiosk");
    assert_eq!(verdict["images"].as_array().unwrap().len(), 5);
    assert_eq!(verdict["images"][0]["width"], 320);
}

#[test]
fn mistakes_in_a_policy_are_named() {
    let place = Place::new();
    let file = |text: &str| place.write("policy.toml", text);
    let refused = |policy: &str, words: &[&str]| {
        let subject = "fixtures/clips-f1";
        place.run(["capture", "--subject", subject, "--policy", policy]).refused(2, words);
    };
    refused("lenient", &["`lenient`", "smart-selfie"]);
    refused("nowhere.toml", &["nowhere.toml"]);
    refused(&file("[timing]\ntimeout = 3\n"), &["policy.toml", "`timeout`", "timeout_ms"]);
    refused(&file("[sequence]\nliveness_images = 0\n"), &["sequence.liveness_images", "1 to 64"]);
    refused(&file("[expression]\nmin_smile = \"much\"\n"), &["policy.toml", "min_smile"]);
    refused(&file("no toml"), &["policy.toml"]);
    place
        .run(["match", "--policy", "nowhere.toml", "a.jpg", "b.jpg"])
        .refused(2, &["nowhere.toml"]);
}

/// The name of a check and whether it succeeded.
fn checks(report: &Value) -> Vec<(&str, bool)> {
    let checks = report["checks"].as_array().unwrap().iter();
    checks.map(|check| (check["check"].as_str().unwrap(), check["ok"].as_bool().unwrap())).collect()
}

#[test]
fn doctor_finds_a_healthy_machine_healthy() {
    let place = Place::new();
    place.capture("clips-f1", "1", "mine").expect(0);
    let report = place.run(["doctor", "--json"]).expect(0).json();
    assert_eq!(report["healthy"], true);
    let names = ["runtime", "models", "store", "clock", "provider"];
    assert_eq!(checks(&report), names.map(|name| (name, true)));
    let said = place.run(["doctor"]).expect(0).stdout;
    assert!(said.contains("1 captures, all readable"), "{said}");
}

#[test]
fn doctor_says_what_is_wrong_with_the_runtime_and_the_store() {
    let place = Place::new();
    let report = place.run(["doctor", "--json", "--runtime", "nowhere.so"]).expect(5).json();
    assert_eq!(report["healthy"], false);
    assert_eq!(checks(&report)[..2], [("runtime", false), ("models", false)]);

    place.capture("clips-f1", "1", "mine").expect(0);
    let image = place.kept("image-3");
    fs::write(&image, "no image").unwrap();
    let image = image.to_str().unwrap();
    let report = place.run(["doctor", "--json"]).expect(5).json();
    assert_eq!(checks(&report)[2], ("store", false));
    assert!(text(&report["checks"][2]["detail"]).contains(image), "{report}");
}

#[test]
fn doctor_names_the_model_that_is_missing_changed_or_of_another_shape() {
    let place = Place::new();
    let models = place.text("models");
    fs::create_dir(&models).unwrap();
    for entry in fs::read_dir(root().join("models")).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_file() {
            fs::copy(entry.path(), place.path("models").join(entry.file_name())).unwrap();
        }
    }
    let doctor = || place.run(["doctor", "--json", "--models", &models]);
    let failure = || {
        let report = doctor().expect(5).json();
        assert_eq!(checks(&report)[..2], [("runtime", true), ("models", false)]);
        text(&report["checks"][1]["detail"])
    };
    let list = fs::read_to_string(place.path("models/models.toml")).unwrap();
    let listed = |key: &str| -> String {
        let (_, first) = list.split_once("\n[[model]]").unwrap();
        let line = first.lines().find(|line| line.starts_with(&format!("{key} = "))).unwrap();
        line.split('"').nth(1).unwrap().to_owned()
    };
    let (file, sha256) = (listed("file"), listed("sha256"));
    let path = place.path("models").join(&file);
    let model = fs::read(&path).unwrap();
    doctor().expect(0);

    let mut changed = model.clone();
    changed[model.len() / 2] ^= 1;
    fs::write(&path, &changed).unwrap();
    let said = failure();
    let found: String = <sha2::Sha256 as sha2::Digest>::digest(&changed)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    for words in [&file, &sha256, &found] {
        assert!(said.contains(words.as_str()), "no {words} in: {said}");
    }
    place
        .run(["analyze", "--models", &models, "fixtures/stills/far.jpg"])
        .refused(5, &[&file, &sha256, &found]);

    fs::remove_file(&path).unwrap();
    assert!(failure().contains(&file));
    fs::write(&path, model).unwrap();

    let other_shape = list.replacen("shape = [1, 128, 128, 3]", "shape = [1, 64, 64, 3]", 1);
    assert_ne!(other_shape, list);
    fs::write(place.path("models/models.toml"), other_shape).unwrap();
    let said = failure();
    for words in [file.as_str(), "[1, 64, 64, 3]", "128"] {
        assert!(said.contains(words), "no {words} in: {said}");
    }

    fs::write(place.path("models/models.toml"), "[[model]]\nname = 1\n").unwrap();
    assert!(failure().contains("models.toml"));
    fs::remove_file(place.path("models/models.toml")).unwrap();
    assert!(failure().contains("models.toml"));
}

#[test]
fn bench_measures_every_stage() {
    let place = Place::new();
    let out = place.text("figures.json");
    let figures = place.run(["bench", "--json", "--frames", "2", "--out", &out]).expect(0).json();
    let stages = figures["stages"].as_array().unwrap();
    assert!(stages.len() >= 9, "{figures}");
    for stage in stages {
        let time = |name: &str| stage[name].as_f64().unwrap();
        let times = ["min", "p50", "p95", "p99", "max"].map(time);
        assert!(times.is_sorted() && times[0] >= 0.0, "{stage}");
    }
    let written: Value = serde_json::from_slice(&fs::read(out).unwrap()).unwrap();
    assert_eq!(written, figures);
    place.run(["bench", "--replay", "fixtures/stills", "--frames", "1"]).expect(0);
}

#[test]
fn a_live_capture_is_kept_when_its_sheet_cannot_be_written() {
    let place = Place::new();
    let sheet = place.text("nowhere/sheet.png");
    let subject = "fixtures/clips-f1";
    let arguments = ["capture", "--json", "--subject", subject, "--tag", "mine", "--sheet", &sheet];
    let ended = place.run(arguments).expect(2);
    assert!(ended.stderr.contains(&sheet), "{}", ended.stderr);
    assert_eq!(ended.verdict()["tag"], "mine");
    assert_eq!(place.tags(), [("mine".to_owned(), "idle".to_owned())]);
}

#[test]
fn a_store_that_cannot_be_used_is_found_before_the_capture() {
    let place = Place::new();
    let file = place.write("file", "");
    for store in [file.as_str(), &place.text("file/store")] {
        let capture = ["capture", "--subject", "fixtures/clips-f1", "--store", store];
        place.run(capture).refused(5, &[store]);
    }
}

/// Reads `count` lines of the running program's stdout, then closes it.
fn hear(command: &mut Command, count: usize) -> Ended {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    assert_eq!(stdout.lines().take(count).filter(Result::is_ok).count(), count);
    child.wait_with_output().unwrap().into()
}

#[test]
fn a_reader_who_leaves_ends_the_program_without_a_panic() {
    let place = Place::new();
    let subject = "fixtures/clips-f1";
    let mut capture = place.command(["capture", "--json", "--subject", subject]);
    let ended = hear(&mut capture, 1).expect(5);
    assert!(ended.stderr.contains("the output could not be written"), "{}", ended.stderr);
    // Nobody could have followed the guidance.
    assert_eq!(place.tags(), []);
}

#[test]
fn a_complete_capture_is_kept_even_if_nobody_reads_its_end() {
    let place = Place::new();
    let all = place.capture("clips-f1", "1", "heard").expect(0).lines();
    let [.., selfie, _] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(selfie["kind"], "selfie");
    let subject = "fixtures/clips-f1";
    let arguments = ["capture", "--json", "--subject", subject, "--seed", "1", "--tag", "unheard"];
    hear(&mut place.command(arguments), all.len() - 2).expect(5);
    assert_eq!(place.bundle("unheard"), place.bundle("heard"));
}

#[cfg(target_os = "linux")]
#[test]
fn full_disks_are_runtime_trouble_and_named() {
    let place = Place::new();
    let full = || fs::File::options().write(true).open("/dev/full").unwrap();
    let mut list = place.command(["tags", "list"]);
    let ended = Ended::from(list.stdout(full()).output().unwrap()).expect(5);
    assert!(ended.stderr.contains("the output could not be written"), "{}", ended.stderr);
    // With nowhere to complain either, it ends all the same.
    let ended = list.stdout(full()).stderr(full()).output().unwrap();
    assert_eq!(ended.status.code(), Some(5));
}

#[cfg(unix)]
#[test]
fn paths_need_not_be_text() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let place = Place::new();
    place.capture("clips-f1", "1", "mine").expect(0);
    let name = OsStr::from_bytes(b"caf\xe9");
    let run_in = |arguments: &[&str]| {
        let mut command = place.command(arguments.iter().copied());
        command.env("LIVEFACE_STORE_KEY_FILE", place.path("").join(name).with_extension("key"));
        command.env("LIVEFACE_STORE", place.path("").join(name));
        command
    };
    fs::rename(place.path("store"), place.path("").join(name)).unwrap();
    let key = place.path("").join(name).with_extension("key");
    fs::rename(place.path("store.key"), key).unwrap();
    let mut export = run_in(&["tags", "export", "mine", "--json", "--out"]);
    let files = run(export.arg(place.path("").join(name).with_extension("d"))).expect(0).json();
    assert!(text(&files["files"][0]).contains("caf\u{fffd}"), "{files}");
    let mut bundle = run_in(&["bundle", "mine", "--json", "--out"]);
    bundle.arg(place.path("").join(name).with_extension("zip"));
    run(&mut bundle).expect(0);
}
