//! `liveface verify`, over bundles of a real capture: what is whole, what was changed, and who signed it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod support;

use std::fs;
use std::io::{Cursor, Read as _, Write as _};

use liveface_bundle::RecordEnvelope;
use serde_json::{Value, json};
use support::{Ended, Place, keys, root};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// A key that OpenSSL would write, as the record's vectors have it.
fn vector(name: &str) -> Vec<u8> {
    fs::read(root().join("crates/bundle/tests/vectors").join(name)).unwrap()
}

/// The vectors' private key, for its owner only.
fn private_key(place: &Place) -> String {
    let path = place.write("private.pem", vector("private.pem"));
    allow(&path, 0o600);
    path
}

fn allow(path: &str, mode: u32) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let _ = (path, mode);
}

/// An entry of a zip: its name and content.
type Entry = (String, Vec<u8>);

/// The names and contents of a zip's entries.
fn entries(bytes: &[u8]) -> Vec<Entry> {
    let mut zip = ZipArchive::new(Cursor::new(bytes)).unwrap();
    let count = zip.len();
    let entry = |at| {
        let mut entry = zip.by_index(at).unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        (entry.name().unwrap().into_owned(), bytes)
    };
    (0..count).map(entry).collect()
}

/// A zip of `entries`, its checksums right.
fn zip_of(entries: &[Entry]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        zip.start_file(name.as_str(), options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn verify(place: &Place, arguments: &[&str]) -> Ended {
    place.run([&["verify"], arguments].concat())
}

fn said(place: &Place, code: i32, arguments: &[&str]) -> Value {
    let said = verify(place, &[arguments, &["--json"]].concat()).expect(code).json();
    let fields = [
        "consistent",
        "differences",
        "images",
        "key_ids",
        "record",
        "signature",
        "trusted",
        "unchecked_key_ids",
        "whole",
    ];
    assert_eq!(keys(&said), fields);
    assert_eq!(said["consistent"] == true, code == 0);
    assert_eq!(said["trusted"], said["signature"] == "valid");
    assert_eq!(said["whole"], code == 0 && said["trusted"] == true);
    said
}

#[test]
fn a_bundle_is_verified_and_every_change_is_named() {
    let place = Place::new();
    place.capture("clips-f1", "7", "mine").expect(0);
    let signed = place.text("signed.zip");
    let key = private_key(&place);
    let public = place.write("public.pem", vector("public.pem"));
    let id = String::from_utf8(vector("key_id.txt")).unwrap().trim().to_owned();
    let bundle = ["bundle", "mine", "--json", "--out", &signed, "--sign-key", &key];
    let device = ["--device", "model=Kiosk-7", "--device", "os=Debian 12=bookworm"];
    let made = place.run([&bundle[..], &device].concat()).expect(0).json();
    assert_eq!((&made["record"], &made["key_id"]), (&json!(true), &json!(id)));

    // Whole.
    let whole = said(&place, 0, &[&signed, "--public-key", &public]);
    assert_eq!((&whole["signature"], &whole["key_ids"]), (&json!("valid"), &json!([id])));
    assert_eq!((&whole["images"], &whole["differences"]), (&json!(8), &json!([])));
    assert_eq!(
        whole["record"]["device"],
        json!({ "model": "Kiosk-7", "os": "Debian 12=bookworm" })
    );
    assert_eq!(
        (&whole["record"]["verdict"], &whole["record"]["seed"]),
        (&json!("live"), &json!("7"))
    );
    let shown = place.show("mine");
    assert_eq!(whole["record"]["policy"]["sha256"], shown["record"]["policy_sha256"]);
    assert_eq!(whole["record"]["models"], shown["record"]["models"]);
    let unchecked = said(&place, 0, &[&signed]);
    assert_eq!(unchecked["signature"], "unchecked");
    assert_eq!(
        (&unchecked["key_ids"], &unchecked["unchecked_key_ids"]),
        (&json!([]), &json!([id]))
    );
    let line = verify(&place, &[&signed]).expect(0).stdout;
    assert!(line.starts_with("consistent, but anybody could have made this record: 8 images"));
    assert!(line.contains("not checked") && !line.contains("whole"), "{line}");
    let line = verify(&place, &[&signed, "--public-key", &public]).expect(0).stdout;
    assert_eq!(line, format!("whole: 8 images, signed by key {id}\n"));

    // What a record of a real capture needs in metadata.
    let all = entries(&fs::read(&signed).unwrap());
    let (name, record) = all.last().unwrap();
    assert_eq!(name, "liveface_record.json");
    let envelope = RecordEnvelope::parse(record).unwrap();
    let metadata = envelope.to_metadata("2026-01-02T03:04:05.678Z");
    assert!((3..=12).contains(&metadata.len()), "{} entries", metadata.len());

    // The upload zip and a folder, with the record apart.
    let upload = place.write("upload.zip", place.bundle("mine"));
    let folder = place.text("folder");
    fs::create_dir(&folder).unwrap();
    let images = &all[1..all.len() - 1];
    for (name, bytes) in images {
        place.write(&format!("folder/{name}"), bytes);
    }
    let apart = place.write("record.json", record);
    let entries_file = place.write("metadata.json", serde_json::to_vec(&metadata).unwrap());
    for path in [&upload, &folder, &signed] {
        for record in [&apart, &entries_file] {
            said(&place, 0, &[path, "--record", record, "--public-key", &public]);
        }
        let own = verify(&place, &[path]);
        if path == &signed {
            own.expect(0);
        } else {
            own.refused(2, &["no integrity record", "--record"]);
        }
    }
    // As unpacked.
    place.write("folder/info.json", &all[0].1);
    let inside = place.write("folder/liveface_record.json", record);
    said(&place, 0, &[&folder]);
    fs::remove_file(inside).unwrap();

    // Changes of the images, in a zip whose checksums are right and in a folder.
    let changed_zip = |change: &dyn Fn(&mut Vec<Entry>)| {
        let mut all = all.clone();
        change(&mut all);
        let path = place.write("changed.zip", zip_of(&all));
        said(&place, 3, &[&path])["differences"].clone()
    };
    let first = images[0].0.clone();
    let content = json!([{ "difference": "content", "name": &first }]);
    assert_eq!(changed_zip(&|all| all[1].1[1000] ^= 1), content);
    let container = json!([{ "difference": "container" }]);
    assert_eq!(changed_zip(&|all| all[0].1.push(b' ')), container);
    let extra = json!([{ "difference": "extra", "name": "note.txt" }]);
    assert_eq!(changed_zip(&|all| all.insert(3, ("note.txt".to_owned(), vec![]))), extra);

    let first_file = format!("folder/{first}");
    let with_record = [&folder, "--record", &apart];
    let mut bytes = images[0].1.clone();
    bytes[1000] ^= 1;
    place.write(&first_file, &bytes);
    assert_eq!(said(&place, 3, &with_record)["differences"], content);
    let lines = verify(&place, &with_record).expect(3).stdout;
    assert!(lines.starts_with("changed: 8 images") && lines.contains(&first), "{lines}");
    fs::remove_file(place.path(&first_file)).unwrap();
    let missing = json!([{ "difference": "missing", "name": &first }]);
    assert_eq!(said(&place, 3, &with_record)["differences"], missing);
    place.write(&first_file, &images[0].1);
    place.write("folder/other.jpg", b"");
    let extra = json!([{ "difference": "extra", "name": "other.jpg" }]);
    assert_eq!(said(&place, 3, &with_record)["differences"], extra);

    // A changed record under a good signature, another's signature, and none.
    let changed =
        String::from_utf8(envelope.payload().to_vec()).unwrap().replace("Kiosk-7", "Kiosk-8");
    let mut wire: Value = serde_json::from_slice(record).unwrap();
    wire["payload"] = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, changed).into();
    let changed = place.write("changed.json", serde_json::to_vec(&wire).unwrap());
    let with_key = ["--public-key", &public];
    let wrong = said(&place, 3, &[&[&upload[..], "--record", &changed], &with_key[..]].concat());
    // What the key did not sign is not looked at.
    assert_eq!((&wrong["signature"], &wrong["differences"]), (&json!("wrong"), &Value::Null));
    assert_eq!((&wrong["record"], &wrong["key_ids"]), (&Value::Null, &json!([])));
    wire["payload"] = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, "no record").into();
    let none = place.write("changed.json", serde_json::to_vec(&wire).unwrap());
    let wrong = said(&place, 3, &[&[&upload[..], "--record", &none], &with_key[..]].concat());
    assert_eq!(wrong["signature"], "wrong");
    verify(&place, &[&upload, "--record", &none]).refused(2, &["not as the format has it"]);

    // A name that somebody else put beside the good signature.
    let mut wire: Value = serde_json::from_slice(record).unwrap();
    let forged = json!({ "keyid": "the-bank", "sig": wire["signatures"][0]["sig"] });
    wire["signatures"].as_array_mut().unwrap().insert(0, forged);
    let beside = place.write("beside.json", serde_json::to_vec(&wire).unwrap());
    let beside = [&[&upload[..], "--record", &beside], &with_key[..]].concat();
    let both = said(&place, 0, &beside);
    assert_eq!(
        (&both["key_ids"], &both["unchecked_key_ids"]),
        (&json!([id]), &json!(["the-bank"]))
    );
    let line = verify(&place, &beside).expect(0).stdout;
    assert!(line.contains(&format!("signed by key {id} (not checked: the-bank)")), "{line}");

    let plain = place.text("plain.zip");
    place.run(["bundle", "mine", "--out", &plain]).expect(0);
    assert_eq!(said(&place, 0, &[&plain])["signature"], "none");
    assert!(verify(&place, &[&plain]).expect(0).stdout.contains("not signed"));
    assert_eq!(said(&place, 3, &[&plain, "--public-key", &public])["signature"], "none");
    let other = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAPUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=\n\
        -----END PUBLIC KEY-----\n";
    let other = place.write("other.pem", other);
    assert_eq!(said(&place, 3, &[&signed, "--public-key", &other])["signature"], "other_key");

    // Two captures under one record.
    place.capture("clips-m1", "7", "other").expect(0);
    let foreign = place.write("foreign.zip", place.bundle("other"));
    let found = said(&place, 3, &[&foreign, "--record", &apart]);
    assert!(!found["differences"].as_array().unwrap().is_empty());
}

#[test]
fn what_cannot_be_read_or_used_ends_with_2() {
    let place = Place::new();
    let bundle = place.write("bundle.zip", vector("bundle.zip"));
    let public = place.write("public.pem", vector("public.pem"));
    let private = private_key(&place);
    let empty = place.text("empty");
    fs::create_dir(&empty).unwrap();
    let mut damaged = vector("bundle.zip");
    damaged[60] ^= 1;
    let damaged = place.write("damaged.zip", damaged);
    let later = RecordEnvelope::parse(&vector("envelope.json")).unwrap();
    let later = String::from_utf8(later.payload().to_vec())
        .unwrap()
        .replace("\"version\":1", "\"version\":2");
    let payload = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, later);
    let later = json!({ "payloadType": "application/vnd.liveface.record+json", "payload": payload,
        "signatures": [] });
    let later = place.write("later.json", later.to_string());
    for (arguments, word) in [
        (&["nowhere.zip"][..], "nowhere.zip"),
        (&["README.md"], "not a zip"),
        (&[&empty], "no integrity record"),
        (&[&damaged], "damaged"),
        (&[&bundle, "--record", "README.md"], "README.md"),
        (&[&bundle, "--record", "nowhere.json"], "nowhere.json"),
        (&[&bundle, "--record", &later], "version 2"),
        (&[&bundle, "--public-key", "README.md"], "no Ed25519 public key"),
        (&[&bundle, "--public-key", &private], "no Ed25519 public key"),
        (&[&bundle, "--public-key", "nowhere.pem"], "nowhere.pem"),
        (&[&bundle, "--public-key", &bundle], "cannot be read"),
    ] {
        verify(&place, arguments).refused(2, &[word]);
    }
    verify(&place, &[&bundle, "--public-key", &public]).expect(0);
    let part = place.write("part.json", {
        let metadata: Vec<Value> = serde_json::from_slice(&vector("metadata.json")).unwrap();
        serde_json::to_vec(&metadata[1..]).unwrap()
    });
    verify(&place, &[&bundle, "--record", &part]).refused(2, &["missing"]);
    let none = place.write("none.json", "[]");
    verify(&place, &[&bundle, "--record", &none]).refused(2, &["no integrity record"]);
}

#[test]
fn a_bundle_without_a_usable_key_or_fact_is_not_written() {
    let place = Place::new();
    place.capture("clips-f1", "7", "mine").expect(0);
    let out = place.text("mine.zip");
    let key = private_key(&place);
    let public = place.write("public.pem", vector("public.pem"));
    allow(&public, 0o600);
    let long = format!("model={}", "x".repeat(201));
    let pem = String::from_utf8(vector("private.pem")).unwrap();
    let secret = pem.lines().nth(1).unwrap();
    for (arguments, word) in [
        (&["--sign-key", "nowhere.pem"][..], "nowhere.pem"),
        (&["--sign-key", &public], "no Ed25519 private key"),
        (&["--device", "model"], "KEY=VALUE"),
        (&["--device", "a=1", "--device", "a=2"], "given twice"),
        (&["--device", &long], "200 characters"),
        (&["--device", "a b=1"], "name"),
        (&["--device", "a=\u{7}"], "control character"),
        (&["--no-record", "--sign-key", &key], "cannot be used with"),
        (&["--no-record", "--device", "a=1"], "cannot be used with"),
    ] {
        let begin = ["bundle", "mine", "--out", &out];
        place.run([&begin[..], arguments].concat()).refused(2, &[word]);
    }
    #[cfg(unix)]
    {
        allow(&key, 0o644);
        let ended = place.run(["bundle", "mine", "--out", &out, "--sign-key", &key]);
        assert!(!ended.stderr.contains(secret));
        ended.refused(2, &["0600"]);
    }
    assert!(!place.path("mine.zip").exists());
}

/// A bundle is written whole or not at all: what was there stays, and nothing is left beside it.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_no_half_bundle() {
    let place = Place::new();
    place.capture("clips-f1", "7", "mine").expect(0);
    fs::create_dir(place.path("out")).unwrap();
    let out = place.write("out/mine.zip", "what was there");
    let bundle = place.command(["bundle", "mine", "--out", &out]);
    // Writes beyond a few kilobytes fail.
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 4; exec \"$@\"", "sh"]).arg(bundle.get_program());
    shell.args(bundle.get_args()).current_dir(root()).env("LIVEFACE_STORE", place.path("store"));
    support::run(&mut shell).refused(5, &["cannot be written"]);
    assert_eq!(fs::read(&out).unwrap(), b"what was there");
    assert_eq!(fs::read_dir(place.path("out")).unwrap().count(), 1);
}
