//! Captures of the fixtures give, to the byte, what was reviewed and committed under
//! `fixtures/golden`; its README says what is there. `cargo xtask golden` writes those files anew.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod support;

use std::fs;
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};
use support::{Place, root, text};

/// Set by `cargo xtask golden` to write what otherwise is compared.
const WRITE: &str = "LIVEFACE_GOLDEN_WRITE";

/// The name of the result, the option of `capture` that plays a fixture, the fixture, the preset and the exit code.
const CAPTURES: [(&str, &str, &str, &str, i32); 6] = [
    ("clips-f1", "--subject", "clips-f1", "smart-selfie", 0),
    ("clips-m1", "--subject", "clips-m1", "smart-selfie", 0),
    ("clips-m2", "--subject", "clips-m2", "smart-selfie", 0),
    ("clips-m2-enhanced", "--subject", "clips-m2", "enhanced", 0),
    ("sequence-m1", "--replay", "sequence-m1", "smart-selfie", 3),
    ("attack-m1-cutout", "--replay", "attack-m1-cutout", "enhanced", 4),
];

/// A committed file: its name, and what must be in it.
type Golden = (String, String);

fn path(name: &str) -> PathBuf {
    root().join("fixtures/golden").join(name)
}

fn line_of(name: &str, bytes: &[u8]) -> String {
    let sum: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{sum}  {name}\n")
}

/// Captures `fixture` in a new place: its event lines, and the sums of what was kept of it.
fn results(name: &str, option: &str, fixture: &str, preset: &str, code: i32) -> Vec<Golden> {
    let place = Place::new();
    let source = format!("fixtures/{fixture}");
    let tag = format!("golden-{name}");
    let capture = ["capture", "--json", option, &source, "--seed", "1", "--tag", &tag];
    let arguments = capture.into_iter().chain(["--policy", preset]);
    let events = place.run(arguments).expect(code).stdout;
    let mut files = vec![(format!("{name}.jsonl"), events)];
    if code == 0 {
        let export = ["tags", "export", &tag, "--out", &place.text("images"), "--json"];
        let exported = place.run(export).expect(0).json();
        let images: Vec<_> = exported["files"].as_array().unwrap().iter().map(text).collect();
        let sum_of = |image: &String| {
            let name = image.rsplit(['/', '\\']).next().unwrap();
            line_of(name, &fs::read(image).unwrap())
        };
        let mut sums: String = images.iter().map(sum_of).collect();
        sums += &line_of("bundle.zip", &place.bundle(&tag));
        files.push((format!("{name}.sha256"), sums));
    }
    files
}

/// Where two texts begin to differ, for a message that can be read.
fn difference(committed: &str, found: &str) -> String {
    let lines = committed.split('\n').zip(found.split('\n')).enumerate();
    let Some((number, (old, new))) = lines.into_iter().find(|(_, (old, new))| old != new) else {
        return "lines are missing or too many".to_owned();
    };
    let alike = old.chars().zip(new.chars()).take_while(|(old, new)| old == new).count();
    let part =
        |line: &str| line.chars().skip(alike.saturating_sub(40)).take(120).collect::<String>();
    format!("line {}:\n- {}\n+ {}", number + 1, part(old), part(new))
}

#[test]
fn captures_give_the_committed_results_every_time() {
    let mut wrong = Vec::new();
    let mut names = vec!["README.md".to_owned()];
    for (result, option, fixture, preset, code) in CAPTURES {
        let [first, second] = [0, 1].map(|_| results(result, option, fixture, preset, code));
        for ((name, found), (_, again)) in first.into_iter().zip(second) {
            assert_eq!(found, again, "two runs of one program differ in {name}");
            if std::env::var_os(WRITE).is_some() {
                fs::write(path(&name), &found).unwrap();
            }
            match fs::read_to_string(path(&name)) {
                Ok(committed) if committed == found => {}
                Ok(committed) => wrong.push(format!("{name}, {}", difference(&committed, &found))),
                Err(error) => wrong.push(format!("{name}: {error}")),
            }
            names.push(name);
        }
    }
    let committed = fs::read_dir(path("")).unwrap();
    let committed = committed.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    for name in committed.filter(|name| !names.contains(name)) {
        wrong.push(format!("{name} is not made by any capture; remove it"));
    }
    assert!(
        wrong.is_empty(),
        "captures gave other results than fixtures/golden has. If that is as it should be, run \
         `cargo xtask golden` and review the change.\n{}",
        wrong.join("\n")
    );
}
