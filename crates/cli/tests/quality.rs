//! `liveface quality`: scores against those of the reference implementation, and many pictures as a
//! table, CSV and page.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod support;

use std::collections::BTreeMap;
use std::fs;

use liveface_core::Component;
use serde_json::{Value, json};
use support::{Place, fixture, keys, root, text};

const SAMPLE: &str = "fixtures/reference/ofiq-mapping-sample.tsv";

/// The lines of the sample, the names of the columns first.
fn sample() -> Vec<String> {
    let sample = String::from_utf8(fixture("reference/ofiq-mapping-sample.tsv")).unwrap();
    sample.lines().map(str::to_owned).collect()
}

/// A folder with these files of `fixtures/stills`, each under a name of its own, as an argument.
fn folder(place: &Place, stills: &[(&str, &str)]) -> String {
    fs::create_dir(place.path("pictures")).unwrap();
    for (still, name) in stills {
        place.write(&format!("pictures/{name}"), fixture(&format!("stills/{still}.jpg")));
    }
    place.text("pictures")
}

/// The records of a CSV file, by the names of its columns.
fn records(csv: &[u8]) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_reader(csv).deserialize().map(Result::unwrap).collect()
}

#[test]
fn every_score_of_the_sample_is_that_of_the_reference() {
    let place = Place::new();
    let report = place.run(["quality", "--conformance", SAMPLE, "--json"]).expect(0).json();
    assert_eq!(keys(&report), ["components", "mismatches", "pairs"]);
    assert_eq!(report["pairs"], 392);
    assert_eq!(report["mismatches"], json!([]));
    let components = report["components"].as_object().unwrap();
    assert_eq!(components.len(), 28);
    for (component, count) in components {
        assert_eq!(*count, json!({ "pairs": 14, "mismatches": 0 }), "{component}");
    }
    let said = place.run(["quality", "--conformance", SAMPLE]).expect(0);
    assert!(said.stdout.ends_with("392 pairs: none differs\n"), "{}", said.stdout);
    assert_eq!(said.stderr, "");
}

#[test]
fn a_score_that_differs_is_named_with_its_line_and_ends_with_3() {
    let place = Place::new();
    let mut lines = sample();
    let fields: Vec<_> = lines[3].split('\t').map(str::to_owned).collect();
    assert_eq!((fields[0].as_str(), fields[2].as_str()), ("IlluminationUniformity", "56"));
    lines[3] = lines[3].replace("\t56\t", "\t57\t");
    lines[4] = lines[4].replace("\t87\t", "\t-1\t");
    // Blank lines count, and the end of a line may be either.
    lines.insert(1, String::new());
    for end in ["\n", "\r\n"] {
        let pairs = place.write("pairs.tsv", lines.join(end));
        let report = place.run(["quality", "--conformance", &pairs, "--json"]).expect(3).json();
        let expected = json!([
            { "line": 5, "component": "illumination_uniformity",
              "raw": fields[1].parse::<f64>().unwrap(), "expected": 57, "computed": 56 },
            { "line": 6, "component": "luminance_mean",
              "raw": 0.296285, "expected": null, "computed": 87 },
        ]);
        assert_eq!(report["mismatches"], expected);
        let count = &report["components"]["luminance_mean"];
        assert_eq!(*count, json!({ "pairs": 14, "mismatches": 1 }));

        let said = place.run(["quality", "--conformance", &pairs]).expect(3).stdout;
        let row: Vec<_> = said.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(row, ["5", "IlluminationUniformity", &fields[1], "57", "56"]);
        assert!(said.ends_with("392 pairs: 2 differ\n"), "{said}");
    }
}

#[test]
fn a_file_that_has_no_pairs_is_refused_with_the_line() {
    let place = Place::new();
    let head = "component\traw\tmapped\n";
    let cases: [(&[u8], &str); 13] = [
        (b"", "the file is empty"),
        (b"\r\n\n", "the file is empty"),
        (head.as_bytes(), "no line below"),
        (b"\xff\xfe\x00", "line 1 is not UTF-8"),
        (b"component\traw\nEyesOpen\t1\n", "line 1 names no column `mapped`"),
        (b"raw\traw\tmapped\tcomponent\n", "line 1 names two columns `raw`"),
        (b"EyesOpen\t0.1\t100\n", "line 1 names no column `component`"),
        (b"component\traw\tmapped\nEyesOpen\t1\n", "line 2 has too few columns"),
        (b"component\traw\tmapped\n\nEyes\x1b[1mOpen\t1\t1\n", "line 3: no component is called"),
        (b"component\traw\tmapped\nEyesOpen\tmuch\t1\n", "line 2: the raw value `much`"),
        (b"component\traw\tmapped\nEyesOpen\t1\t101\n", "line 2: the mapped value `101`"),
        (b"component\traw\tmapped\nEyesOpen\t1\t-2\n", "line 2: the mapped value `-2`"),
        (b"component\traw\tmapped\nEyesOpen\t1\t9\nEyesOpen\t1\t\xff\n", "line 3 is not UTF-8"),
    ];
    for (bytes, words) in cases {
        let pairs = place.write("pairs.tsv", bytes);
        let ended = place.run(["quality", "--conformance", &pairs]);
        assert!(!ended.stderr.contains('\x1b'), "{:?}", ended.stderr);
        ended.refused(2, &["pairs.tsv", words]);
    }
    place.run(["quality", "--conformance", "nowhere.tsv"]).refused(2, &["nowhere.tsv"]);
    place.run(["quality", "--conformance", "fixtures"]).refused(2, &["fixtures cannot be read"]);
}

#[test]
fn table_csv_page_and_json_tell_the_same() {
    let place = Place::new();
    let (out, csv) = (place.text("report.html"), place.text("report.csv"));
    let run = |json: &[&str]| {
        let arguments = ["quality", "fixtures/stills", "--out", &out, "--csv", &csv];
        place.run(arguments.into_iter().chain(json.iter().copied())).expect(0)
    };
    let lines = run(&["--json"]).lines();
    let stills = fs::read_dir(root().join("fixtures/stills")).unwrap();
    let names = stills.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let pictures = names.filter(|name| name.ends_with(".jpg") || name.ends_with(".png")).count();
    assert_eq!(lines.len(), pictures);
    let names: Vec<_> = lines.iter().map(|line| text(&line["file"])).collect();
    assert!(names.is_sorted(), "{names:?}");

    let table = records(&fs::read(&csv).unwrap());
    assert_eq!(table.len(), pictures);
    let page = fs::read_to_string(&out).unwrap();
    for (line, row) in lines.iter().zip(&table) {
        assert_eq!(keys(line), ["faces", "file", "height", "quality", "width"]);
        assert_eq!(row["file"], line["file"]);
        assert_eq!(row["faces"], line["faces"].to_string());
        let name = text(&line["file"]);
        let (_, html) = page.split_once(&format!("<summary>{name}</summary>")).unwrap();
        let (html, _) = html.split_once("<tr><td><img").unwrap_or((html, ""));
        for component in Component::ALL {
            let code = component.code();
            let measure = &line["quality"][code];
            let number = |name: &str| match &row[&format!("{code}_{name}")] {
                empty if empty.is_empty() => Value::Null,
                number => serde_json::from_str(number).unwrap(),
            };
            assert_eq!(number("score"), measure["score"], "{name} {code}");
            let raw = measure["raw"].as_f64().filter(|_| measure["score"].is_u64());
            assert_eq!(number("raw").as_f64(), raw, "{name} {code}");
            let score = match &measure["score"] {
                Value::Null => "not assessed".to_owned(),
                score => score.to_string(),
            };
            let cell = format!("<tr><td>{}<td>{score}<td>", code.replace('_', " "));
            assert_eq!(html.contains(&cell), measure.is_object(), "{name} {code}: {cell}");
        }
    }
    // A picture has the quality that `analyze` gives its largest face.
    let two = lines.iter().find(|line| text(&line["file"]).ends_with("two.jpg")).unwrap();
    let analyzed = place.run(["analyze", "--json", "fixtures/stills/two.jpg"]).expect(0).json();
    assert_eq!((&two["faces"], &two["quality"]), (&json!(2), &analyzed["faces"][0]["quality"]));
    let none = lines.iter().find(|line| text(&line["file"]).ends_with("noface.jpg")).unwrap();
    assert_eq!((&none["faces"], &none["quality"]), (&json!(0), &Value::Null));

    let said = run(&[]).stdout;
    assert_eq!(fs::read_to_string(&out).unwrap(), page, "the same pictures give the same page");
    for name in &names {
        assert_eq!(said.matches(name.as_str()).count(), 1, "{name} in\n{said}");
    }
    // The worst comes first and what has no face last, here as on the page.
    let shown: Vec<_> = said.lines().skip(1).take_while(|line| !line.is_empty()).collect();
    let order: Vec<_> = shown.iter().map(|row| row.rsplit("  ").next().unwrap()).collect();
    let on_page = page.split("<summary>").skip(2).map(|rest| rest.split('<').next().unwrap());
    assert_eq!(on_page.collect::<Vec<_>>(), order);
    assert!(shown.last().unwrap().contains("no face"), "{said}");
    let unified = |name: &&str| {
        let line = lines.iter().find(|line| line["file"] == **name).unwrap();
        line["quality"]["unified_quality_score"]["score"].as_u64().unwrap_or(u64::MAX)
    };
    assert!(order.iter().map(unified).is_sorted(), "{said}");
    let summary =
        format!("{pictures} pictures: {} with a face, 1 without, 0 unreadable\n", pictures - 1);
    assert!(said.ends_with(&summary), "{said}");
}

#[test]
fn the_page_loads_nothing_and_takes_names_as_text() {
    let place = Place::new();
    let name = r#"<script>alert("1")</script> & 'x',.jpg"#.replace('/', "\u{2215}");
    let pictures = folder(&place, &[("m2_portrait", &name), ("noface", "plain.JPEG")]);
    place.write("pictures/notes.txt", "no picture");
    fs::create_dir(place.path("pictures/more.jpg")).unwrap();
    let (out, csv) = (place.text("report.html"), place.text("report.csv"));
    let run = ["quality", &pictures, "--out", &out, "--csv", &csv, "--json"];
    let lines = place.run(run).expect(0).lines();
    assert_eq!(lines.len(), 2);

    let page = fs::read_to_string(&out).unwrap();
    assert_eq!(page.matches("<script").count(), 1, "only the page's own");
    let escaped = "&lt;script&gt;alert(&quot;1&quot;)&lt;\u{2215}script&gt; &amp; &#39;x&#39;,.jpg";
    assert!(page.contains(&format!("{escaped}</summary>")), "{page}");
    assert!(page.contains(&format!("{escaped}\">")), "as the picture's text, too");
    for loaded in ["http:", "https:", "href", "url(", "@import", "<link", "<iframe", "fetch("] {
        assert!(!page.contains(loaded), "{loaded}");
    }
    assert!(page.contains("default-src 'none'"));
    let sources: Vec<_> = page.split("src=\"").skip(1).collect();
    assert_eq!(sources.len(), 2);
    for source in sources {
        let (jpeg, _) =
            source.strip_prefix("data:image/jpeg;base64,").unwrap().split_once('"').unwrap();
        assert!(jpeg.len() < 8 * 1024, "a picture of {} bytes", jpeg.len());
    }
    assert!(page.contains("<svg"));
    assert!(page.contains(concat!("Engine ", env!("CARGO_PKG_VERSION"))));

    let bytes = fs::read(&csv).unwrap();
    assert!(bytes.ends_with(b"\r\n"));
    assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), 3);
    let mut found: Vec<_> = records(&bytes).iter().map(|row| row["file"].clone()).collect();
    found.sort();
    let mut expected = [format!("{pictures}/{name}"), format!("{pictures}/plain.JPEG")];
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn a_picture_that_cannot_be_read_is_told_and_ends_with_2_when_all_is_done() {
    let place = Place::new();
    let pictures = folder(&place, &[("m2_portrait", "a.jpg"), ("far", "c.jpg")]);
    let broken = place.write("pictures/b.jpg", "no image");
    let (out, csv) = (place.text("report.html"), place.text("report.csv"));
    let run = ["quality", &pictures, "--out", &out, "--csv", &csv];
    let lines = place.run(run.into_iter().chain(["--json"])).expect(2).lines();
    assert_eq!(lines.len(), 3);
    assert_eq!(keys(&lines[1]), ["error", "file"]);
    assert_eq!(lines[1]["file"], broken);
    assert_eq!(lines[2]["faces"], 1);

    let rows = records(&fs::read(&csv).unwrap());
    assert_eq!(rows[1].iter().filter(|(_, value)| !value.is_empty()).count(), 1, "{:?}", rows[1]);
    assert_eq!(rows[1]["file"], broken);
    let page = fs::read_to_string(&out).unwrap();
    assert!(page.contains("3 pictures: 2 with a face, 0 without, 1 unreadable"));
    assert!(page.contains(&text(&lines[1]["error"])));

    let ended = place.run(run).expect(2);
    let row = ended.stdout.lines().nth(3).unwrap();
    assert!(row.contains("unreadable: ") && row.ends_with("b.jpg"), "{}", ended.stdout);
    assert!(ended.stderr.contains("1 of 3 pictures could not be read"), "{}", ended.stderr);
}

#[test]
fn what_cannot_be_done_is_said_before_the_work() {
    let place = Place::new();
    let empty = place.text("empty");
    fs::create_dir(&empty).unwrap();
    let file = place.text("report.html");
    let stills = "fixtures/stills";
    let cases: &[(&[&str], &str)] = &[
        (&[], "<FOLDER|--conformance <PAIRS.tsv>>"),
        (&[stills, "--conformance", SAMPLE], "cannot be used with"),
        (&["--conformance", SAMPLE, "--csv", &file], "cannot be used with"),
        (&[&empty], "no .jpg, .jpeg or .png image"),
        (&["nowhere"], "nowhere could not be read"),
        (&["README.md"], "README.md could not be read"),
        (&[stills, "--out", &empty], "cannot be written"),
        (&[stills, "--csv", "nowhere/report.csv"], "nowhere/report.csv cannot be written"),
        (&[stills, "--csv", "README.md/report.csv"], "cannot be written"),
        (&[stills, "--out", "new/"], "new/ cannot be written"),
        (&[stills, "--out", &file, "--csv", &file], "the same file"),
    ];
    for (arguments, words) in cases {
        // Without a runtime library, any work would end with 5.
        let mut command = place.command(["quality"].into_iter().chain(arguments.iter().copied()));
        command.env("ORT_DYLIB_PATH", place.path("nothing.so"));
        support::run(&mut command).refused(2, &[words]);
    }
    let mut command = place.command(["quality", stills, "--out", &file]);
    command.env("ORT_DYLIB_PATH", place.path("nothing.so"));
    support::run(&mut command).refused(5, &["ONNX Runtime"]);
    let left: Vec<_> = fs::read_dir(place.path(".")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(fs::read_dir(&empty).unwrap().count(), 0);
}

#[cfg(unix)]
#[test]
fn a_device_is_not_replaced_by_a_file() {
    let place = Place::new();
    place.run(["quality", "fixtures/stills", "--csv", "/dev/null"]).refused(2, &["/dev/null"]);
}

#[test]
fn analyze_shows_the_measures_by_what_they_speak_of() {
    let place = Place::new();
    let still = "fixtures/stills/m2_portrait.jpg";
    let quality =
        place.run(["analyze", "--json", still]).expect(0).json()["faces"][0]["quality"].clone();
    let said = place.run(["analyze", still]).expect(0).stdout;
    for (component, measure) in quality.as_object().unwrap() {
        let start = format!("    {} ", component.replace('_', " "));
        let row =
            said.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("{said}"));
        let score = measure["score"].as_u64();
        let score = score.map_or("not assessed".to_owned(), |score| format!(" {score} "));
        assert!(row.contains(&score) && row.contains("raw "), "{row}");
    }
    let light = said.find("\n  light\n").unwrap();
    let picture = said.find("\n  picture\n").unwrap();
    assert!(said[light..picture].contains("luminance mean"), "{said}");
}
