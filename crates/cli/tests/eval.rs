//! `liveface eval`: error rates over labelled pictures and clips, resumed after an interruption.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod support;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Ended, Place, clip, fixture, keys, root, run, text};

const HEAD: &str = "path\tlabel\tsubject\tfps\n";
/// One picture and a selfie of someone who need not move: a short clip can be a whole capture.
const QUICK: &str = "name = \"quick\"\n[sequence]\nliveness_images = 1\nmin_motion_degrees = 0.0\n[texture]\nmin_frames = 1\n[stream]\nmin_frames = 1\n[challenge]\nkind = \"smile\"\n";

/// Seven stills and three clips, of which two have 12 frames in 4 seconds; a still and a clip cannot be read.
fn manifest(place: &Place) -> String {
    for (path, name) in [
        ("stills/m2_portrait.jpg", "portrait.jpg"),
        ("stills/far.jpg", "<far>.JPG"),
        ("stills/noface.jpg", "noface.jpg"),
        ("attack-m1-print/004.jpg", "print.jpg"),
        ("attack-m1-cutout/004.jpg", "cutout.jpg"),
        ("attack-m1-replay/005.jpg", "replay.jpg"),
    ] {
        place.write(name, fixture(path));
    }
    place.recording("live", clip("clips-m2/idle"));
    place.recording("shown", clip("attack-clips-m1-replay-bezel/idle"));
    place.write("broken.png", "no picture");
    let rows = "portrait.jpg\tbona_fide\tm2\n<far>.JPG\tbona_fide\tm2\nnoface.jpg\tbona_fide\tnobody\n\
        print.jpg\tprint\tm1\ncutout.jpg\tprint\tm1\nreplay.jpg\treplay\tm1\nbroken.png\treplay\tm1\n\
        live\tbona_fide\tm2\t3\nshown\treplay\tm1\t3\nnowhere.y4m\treplay\tm1\n";
    place.write("manifest.tsv", format!("{HEAD}{rows}"))
}

/// A manifest of every still, each a presentation of its own.
fn stills(place: &Place) -> (String, usize) {
    let folder = root().join("fixtures/stills").canonicalize().unwrap();
    let images = liveface::camera::images(&folder).unwrap();
    let rows = images.iter().map(|path| format!("{}\tprint\tm\n", path.display()));
    (place.write("stills.tsv", format!("{HEAD}{}", rows.collect::<String>())), images.len())
}

fn eval(place: &Place, manifest: &str, more: &[&str]) -> Ended {
    place.run(["eval", "--manifest", manifest].into_iter().chain(more.iter().copied()))
}

fn records(csv: &[u8]) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_reader(csv).deserialize().map(Result::unwrap).collect()
}

/// What is in the folder of a report but the journal.
fn written(place: &Place, out: &str) -> [Vec<u8>; 2] {
    ["report.html", "results.csv"].map(|name| fs::read(place.path(out).join(name)).unwrap())
}

#[test]
fn pictures_and_clips_are_judged_and_counted_by_their_labels() {
    let place = Place::new();
    let manifest = manifest(&place);
    let policy = place.write("quick.toml", QUICK);
    let out = place.text("out");
    let run = |more: &[&str]| {
        let arguments = ["--policy", &policy, "--seed", "5", "--fixed-apcer", "50,5"];
        eval(&place, &manifest, &[&arguments[..], more].concat())
    };
    let ended = run(&["--out", &out, "--json", "--threads", "2"]).expect(2);
    for words in ["broken.png: ", "nowhere.y4m: ", "2 of 10 presentations could not be read"] {
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
    }
    let report = ended.json();
    assert_eq!((&report["presentations"], &report["subjects"]), (&json!(10), &json!(3)));
    assert_eq!((&report["policy"], &report["seed"]), (&json!("quick"), &json!(5)));
    let unreadable: Vec<_> =
        report["unreadable"].as_array().unwrap().iter().map(|u| text(&u["path"])).collect();
    assert_eq!(unreadable, ["broken.png", "nowhere.y4m"]);

    // A still is judged by the passive score that `analyze` gives it and by its pattern, a clip has the verdict that
    // `capture` comes to.
    let rows = records(&written(&place, "out")[1]);
    let row = |path: &str| rows.iter().find(|row| row["path"] == path).unwrap();
    for path in ["portrait.jpg", "<far>.JPG", "print.jpg", "cutout.jpg", "replay.jpg"] {
        let seen = place.run(["analyze", "--json", &place.text(path)]).expect(0).json();
        let score = row(path)["live"].parse::<f32>().unwrap();
        assert!((0.0..=1.0).contains(&score), "{path}");
        let live = seen["faces"][0]["pad_live"].as_f64().unwrap();
        let verdict = if live < 0.1 || path == "replay.jpg" {
            "attack"
        } else if live < 0.5 {
            "retry"
        } else {
            "live"
        };
        assert_eq!((row(path)["kind"].as_str(), row(path)["verdict"].as_str()), ("still", verdict));
    }
    for path in ["live", "shown"] {
        let clip = place.text(path);
        let capture = ["capture", "--json", "--replay", &clip, "--fps", "3", "--seed", "5"];
        let capture = place.run(capture.into_iter().chain(["--policy", &policy])).verdict();
        let row = row(path);
        assert_eq!(
            (&row["kind"], &capture["verdict"]),
            (&"clip".to_owned(), &json!(row["verdict"]))
        );
        let evidence = &capture["evidence"];
        let score = evidence["live"].as_f64();
        assert_eq!(row["live"].parse().ok(), score.map(|score| score as f32), "{path}");
        let reasons: Vec<_> = capture["reasons"].as_array().unwrap().iter().map(text).collect();
        assert_eq!(row["reasons"], reasons.join(" "));
        // Three frames a second: every one is judged by itself, too.
        let frames: Vec<_> =
            rows.iter().filter(|row| row["path"] == path && row["kind"] == "frame").collect();
        assert_eq!(frames.len(), 12);
        assert_eq!(frames[1]["t_ms"], "333");
    }
    assert_eq!(row("live")["verdict"], "live", "{report}");
    let broken = row("broken.png");
    assert!(
        !broken["error"].is_empty() && broken["verdict"].is_empty() && broken["kind"] == "still"
    );
    assert_eq!(row("nowhere.y4m")["kind"], "clip");

    // The figures are those of the rows.
    let count = |kinds: &[&str], label: &str, verdict: &str| {
        let counted = rows.iter().filter(|row| {
            let responded =
                !row["live"].is_empty() || ["live", "attack"].contains(&&*row["verdict"]);
            let what = if responded { row["verdict"].as_str() } else { "no_response" };
            kinds.contains(&&*row["kind"]) && row["label"] == label && what == verdict
        });
        counted.count()
    };
    for (name, kinds) in [("per_frame", &["still", "frame"][..]), ("per_capture", &["clip"][..])] {
        let summary = &report[name];
        let species = summary["species"].as_array().unwrap();
        let species = species.iter().map(|species| (text(&species["species"]), species));
        for (label, figures) in species.chain([("bona_fide".to_owned(), &summary["bona_fide"])]) {
            let mut all = 0;
            for verdict in ["live", "attack", "retry", "timed_out", "no_response"] {
                let expected = count(kinds, &label, verdict);
                assert_eq!(figures[verdict], expected, "{name} {label} {verdict}");
                all += expected;
            }
            assert_eq!(figures["presentations"], all, "{name} {label}");
            let silent = count(kinds, &label, "no_response");
            let (rate, wrong) =
                if label == "bona_fide" { ("bpcer", "attack") } else { ("apcer", "live") };
            assert_eq!(figures[rate]["count"], count(kinds, &label, wrong));
            assert_eq!(figures[rate]["of"], all - silent);
        }
    }
    assert_eq!(report["per_frame"]["bona_fide"]["presentations"], 15);
    assert_eq!(report["per_frame"]["bona_fide"]["reasons"], json!({ "face_lost": 1 }));
    let fixed: Vec<_> = report["per_frame"]["thresholds"]["fixed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fixed| text(&fixed["name"]))
        .collect();
    assert_eq!(fixed, ["BPCER2", "BPCER20"]);

    // Every wrong decision is on the page with a small picture, and nothing else is.
    let page = String::from_utf8(written(&place, "out")[0].clone()).unwrap();
    let wrong: Vec<_> =
        report["wrong"].as_array().unwrap().iter().map(|wrong| text(&wrong["path"])).collect();
    assert!(wrong.contains(&"noface.jpg".to_owned()) && wrong.contains(&"cutout.jpg".to_owned()));
    assert_eq!(page.matches("<img src=\"data:image/jpeg;base64,").count(), wrong.len());
    for path in &wrong {
        assert!(page.contains(&format!("<th scope=\"row\">{path}<td>")), "{path}");
    }
    assert!(
        page.contains("APCER in %") && page.contains("BPCER20") && page.contains("ISO/IEC 30107-3")
    );

    // How many threads there are, and where the results come from, changes nothing.
    let plain = run(&["--out", &place.text("again"), "--threads", "1"]).expect(2);
    assert_eq!(written(&place, "again"), written(&place, "out"));
    let resumed = run(&["--out", &out]).expect(2);
    assert!(
        resumed.stderr.contains("8 of 10 presentations are done already"),
        "{}",
        resumed.stderr
    );
    assert_eq!(written(&place, "again"), written(&place, "out"));
    assert_eq!(plain.stdout, resumed.stdout);
    for words in
        ["Per frame", "Per capture", "BPCER", "APNRR", "no longer in the standard", "BPCER20"]
    {
        assert!(plain.stdout.contains(words), "{words} in\n{}", plain.stdout);
    }
}

#[test]
fn the_page_loads_nothing_and_takes_texts_as_texts() {
    let place = Place::new();
    let name = "<script>alert('1')<\u{2215}script>.jpg";
    place.write(name, fixture("stills/noface.jpg"));
    let rows = format!("{name}\tbona_fide\t<b>&\n{name}.png\t<i>\t<u>\n");
    let manifest = place.write("m.tsv", format!("{HEAD}{rows}"));
    eval(&place, &manifest, &["--out", &place.text("out")]).expect(2);
    let page = String::from_utf8(written(&place, "out")[0].clone()).unwrap();
    for tag in ["<script", "<b>&", "<i>", "<u>", "http:", "https:", "href", "url(", "@import"] {
        assert!(!page.contains(tag), "{tag}");
    }
    let escaped = "&lt;script&gt;alert(&#39;1&#39;)&lt;\u{2215}script&gt;.jpg";
    assert!(
        page.contains(escaped) && page.contains("&lt;i&gt;") && page.contains("&lt;b&gt;&amp;")
    );
    assert!(page.contains("default-src 'none'") && page.contains("script-src 'none'"));
}

#[test]
fn what_cannot_be_done_is_said_before_the_work() {
    let place = Place::new();
    let good = place.write("good.tsv", format!("{HEAD}a.jpg\tbona_fide\ts\n"));
    let twice = place.write("twice.tsv", format!("{HEAD}a\tprint\ts\n# once more\na\tprint\ts\n"));
    let head = place.write("head.tsv", "path\tlabel\na\tprint\n");
    let label = place.write("label.tsv", format!("{HEAD}a.jpg\tbona-fide\ts\n"));
    let bytes = place.write("bytes.tsv", b"path\tlabel\tsubject\n\xff\tprint\ts\n");
    let file = place.write("file", "");
    let cases: &[(&[&str], &str)] = &[
        (&[], "--manifest"),
        (&["--manifest", "nowhere.tsv"], "nowhere.tsv cannot be read"),
        (&["--manifest", &twice], "line 4: `a` is on line 2 already"),
        (&["--manifest", &head], "line 1 names no column `subject`"),
        (&["--manifest", &label], "line 2: the label `bona-fide`"),
        (&["--manifest", &bytes], "line 2 is not UTF-8"),
        (&["--manifest", &good, "--policy", "none"], "there is no preset `none`"),
        (&["--manifest", &good, "--fps", "0"], "--fps"),
        (&["--manifest", &good, "--threads", "0"], "--threads"),
        (&["--manifest", &good, "--fixed-apcer", "10,100"], "above 0 and below 100"),
        (&["--manifest", &good, "--out", &file], "cannot be made"),
    ];
    for (arguments, words) in cases {
        // Without a runtime library, any work would end with 5.
        let mut command = place.command(["eval"].into_iter().chain(arguments.iter().copied()));
        command.env("ORT_DYLIB_PATH", place.path("nothing.so"));
        run(&mut command).refused(2, &[words]);
    }
}

#[test]
fn results_of_another_policy_are_never_mixed_in() {
    let place = Place::new();
    place.write("a.jpg", fixture("stills/m2_portrait.jpg"));
    place.write("b.jpg", fixture("attack-m1-print/004.jpg"));
    let manifest = place.write("m.tsv", format!("{HEAD}a.jpg\tbona_fide\tm\nb.jpg\tprint\tm\n"));
    let strict =
        "[fusion.passive]\nweight = 1.0\nattack_below = 1.0\nretry_below = 1.0\nrequired = true\n";
    let strict = place.write("strict.toml", strict);
    let out = place.text("out");
    let counts = |more: &[&str]| {
        let ended = eval(&place, &manifest, &[&["--out", &out, "--json"], more].concat()).expect(0);
        let report = ended.json();
        let bona_fide = &report["per_frame"]["bona_fide"];
        assert!(keys(&report).contains(&"per_capture") && report["per_capture"] == Value::Null);
        (bona_fide["live"] == 1, bona_fide["attack"] == 1, ended.stderr)
    };
    let all = "2 of 2 presentations are done already\n".to_owned();
    assert_eq!(counts(&[]), (true, false, String::new()));
    assert_eq!(counts(&[]), (true, false, all.clone()));
    let first = written(&place, "out");
    assert_eq!(counts(&["--policy", &strict]), (false, true, String::new()));
    assert_eq!(counts(&["--seed", "2"]), (true, false, String::new()));
    // Nor are they lost.
    assert_eq!(counts(&[]), (true, false, all));
    assert_eq!(written(&place, "out"), first);
    // A picture that was replaced is judged again, and one with another label.
    place.write("a.jpg", fixture("stills/noface.jpg"));
    assert_eq!(counts(&[]), (false, false, "1 of 2 presentations are done already\n".to_owned()));
    place.write("m.tsv", format!("{HEAD}a.jpg\tbona_fide\tm\nb.jpg\tmask\tm\n"));
    assert_eq!(counts(&[]), (false, false, "1 of 2 presentations are done already\n".to_owned()));
}

#[test]
fn results_of_another_folder_are_not_taken() {
    let place = Place::new();
    for folder in ["one", "two"] {
        fs::create_dir(place.path(folder)).unwrap();
        place.write(&format!("{folder}/m.tsv"), format!("{HEAD}#a.jpg\tbona_fide\tm\n"));
        place.write(&format!("{folder}/#a.jpg"), fixture("stills/noface.jpg"));
    }
    // The same size and time of change.
    let times = fs::metadata(place.path("one/#a.jpg")).unwrap().modified().unwrap();
    let copy = File::options().write(true).open(place.path("two/#a.jpg")).unwrap();
    copy.set_modified(times).unwrap();
    let out = place.text("out");
    let eval = |folder: &str| {
        eval(&place, &place.text(&format!("{folder}/m.tsv")), &["--out", &out]).expect(0).stderr
    };
    assert_eq!(eval("one"), "");
    assert_eq!(eval("two"), "");
    assert_eq!(eval("two/../one"), "1 of 1 presentation are done already\n");
}

#[test]
fn a_file_that_is_no_journal_is_left_as_it_is() {
    let place = Place::new();
    let manifest = place.write("m.tsv", format!("{HEAD}a.jpg\tbona_fide\tm\n"));
    let out = place.text("out");
    fs::create_dir(&out).unwrap();
    let foreign = "{\"id\":1}\n{\"id\":2}";
    place.write("out/results.jsonl", foreign);
    eval(&place, &manifest, &["--out", &out]).refused(2, &["results.jsonl", "--out"]);
    assert_eq!(fs::read_to_string(place.path("out/results.jsonl")).unwrap(), foreign);
}

#[test]
fn two_runs_do_not_share_a_folder() {
    let place = Place::new();
    let manifest = place.write("m.tsv", format!("{HEAD}a.jpg\tbona_fide\tm\n"));
    let out = place.text("out");
    fs::create_dir(&out).unwrap();
    let journal = File::create(place.path("out/results.jsonl")).unwrap();
    journal.try_lock().unwrap();
    eval(&place, &manifest, &["--out", &out]).refused(2, &["another run is at work there"]);
    drop(journal);
    eval(&place, &manifest, &["--out", &out]).expect(2);
}

#[cfg(unix)]
#[test]
fn a_killed_run_goes_on_where_it_was() {
    use std::os::unix::fs::PermissionsExt as _;

    let place = Place::new();
    let (manifest, count) = stills(&place);
    let whole = eval(&place, &manifest, &["--out", &place.text("whole")]).expect(0);
    assert_eq!(whole.stderr, "");

    let out = place.text("out");
    let journal = place.path("out/results.jsonl");
    let results = || {
        let lines = fs::read(&journal).unwrap_or_default();
        lines.iter().filter(|byte| **byte == b'\n').count().saturating_sub(1)
    };
    let mut done = 0;
    for _ in 0..3 {
        let mut command = place.command(["eval", "--manifest", &manifest, "--out", &out]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        while results() < done + 2 {
            assert!(begun.elapsed() < Duration::from_secs(120), "{} results", results());
            sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().code(), None, "it was killed at work");
        assert!(!place.path("out/report.html").exists());
        assert!(results() > done);
        done = results();
        // As if the last line had been cut by the kill.
        let mut bytes = fs::read(&journal).unwrap();
        bytes.extend(br#"{"entry":{"path":"/ne"#);
        fs::write(&journal, bytes).unwrap();
    }
    let resumed = eval(&place, &manifest, &["--out", &out]).expect(0);
    let said = format!("{done} of {count} presentations are done already\n");
    assert_eq!(resumed.stderr, said);
    assert_eq!(resumed.stdout, whole.stdout);
    assert_eq!(written(&place, "out"), written(&place, "whole"));
    assert_eq!(results(), count, "nothing was judged twice");
    for name in ["results.jsonl", "report.html", "results.csv"] {
        let mode = fs::metadata(place.path("out").join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}
