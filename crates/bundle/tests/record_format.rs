//! The documents of the record's format say what the code does: the JSON schema and the Python
//! programme of `docs/bundle-format.md`.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{
    capture, odd_values, refused_by_meaning, refused_values, vector, vector_capture, vector_record,
};
use liveface_bundle::Capture;
use liveface_bundle::record::{IntegrityRecord, PAYLOAD_TYPE, RecordEnvelope};
use liveface_core::{EvidenceKind, Finding, Reason, Verdict};
use serde_json::{Map, Value, json};

fn document(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)).unwrap()
}

/// A validator of as much of JSON Schema as the record's schema uses.
struct Schema(Value);

impl Schema {
    fn record() -> Self {
        Self(serde_json::from_str(&document("bundle-record.schema.json")).unwrap())
    }

    /// What is wrong with `value`.
    fn faults(&self, value: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        self.check(self.0.as_object().unwrap(), value, "", &mut faults);
        faults
    }

    fn check(
        &self,
        schema: &Map<String, Value>,
        value: &Value,
        at: &str,
        faults: &mut Vec<String>,
    ) {
        let at_most = |limit: &Value, count: usize| count as u64 <= limit.as_u64().unwrap();
        for (keyword, rule) in schema {
            let kept = match keyword.as_str() {
                "$schema" | "title" | "description" | "$defs" => true,
                "$ref" => {
                    let name = rule.as_str().unwrap().strip_prefix('#').unwrap();
                    let schema = self.0.pointer(name).unwrap().as_object().unwrap();
                    self.check(schema, value, at, faults);
                    true
                }
                "type" => match rule.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "integer" => value.is_u64() || value.is_i64(),
                    "number" => value.is_number(),
                    "null" => value.is_null(),
                    other => panic!("type {other}"),
                },
                "const" => value == rule,
                "enum" => rule.as_array().unwrap().contains(value),
                "anyOf" => rule.as_array().unwrap().iter().any(|schema| {
                    let mut faults = Vec::new();
                    self.check(schema.as_object().unwrap(), value, at, &mut faults);
                    faults.is_empty()
                }),
                "pattern" => {
                    let pattern = regex::Regex::new(rule.as_str().unwrap()).unwrap();
                    value.as_str().is_none_or(|text| pattern.is_match(text))
                }
                "maxLength" => {
                    value.as_str().is_none_or(|text| at_most(rule, text.chars().count()))
                }
                "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
                "maximum" => value.as_f64().is_none_or(|number| number <= rule.as_f64().unwrap()),
                "maxItems" => value.as_array().is_none_or(|items| at_most(rule, items.len())),
                "maxProperties" => {
                    value.as_object().is_none_or(|fields| at_most(rule, fields.len()))
                }
                "items" => {
                    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.check(
                            rule.as_object().unwrap(),
                            item,
                            &format!("{at}/{index}"),
                            faults,
                        );
                    }
                    true
                }
                "required" => value.as_object().is_none_or(|fields| {
                    rule.as_array()
                        .unwrap()
                        .iter()
                        .all(|name| fields.contains_key(name.as_str().unwrap()))
                }),
                "propertyNames" => {
                    for name in value.as_object().into_iter().flat_map(Map::keys) {
                        self.check(rule.as_object().unwrap(), &json!(name), at, faults);
                    }
                    true
                }
                "properties" => true,
                "additionalProperties" => {
                    let known = schema.get("properties").and_then(Value::as_object);
                    let mut kept = true;
                    for (name, value) in value.as_object().into_iter().flatten() {
                        let at = format!("{at}/{name}");
                        match known.and_then(|known| known.get(name)).unwrap_or(rule) {
                            Value::Bool(allowed) => kept &= allowed,
                            schema => self.check(schema.as_object().unwrap(), value, &at, faults),
                        }
                    }
                    kept
                }
                other => panic!("keyword {other}"),
            };
            if !kept {
                faults.push(format!("{at}: {keyword}"));
            }
        }
        // Every list of fields is closed.
        assert!(!schema.contains_key("properties") || schema.contains_key("additionalProperties"));
    }
}

fn json_of(record: &IntegrityRecord) -> Value {
    serde_json::from_slice(RecordEnvelope::unsigned(record).unwrap().payload()).unwrap()
}

/// Whether `payload` is read as a record.
fn is_read(payload: &Value) -> bool {
    let payload = STANDARD.encode(serde_json::to_vec(payload).unwrap());
    let envelope = json!({ "payloadType": PAYLOAD_TYPE, "payload": payload, "signatures": [] });
    let envelope = RecordEnvelope::parse(&serde_json::to_vec(&envelope).unwrap()).unwrap();
    envelope.record().is_ok()
}

#[test]
fn the_schema_takes_every_record_that_is_written() {
    let schema = Schema::record();
    let mut captures = vec![vector_capture(), capture(4)];
    let empty = Capture { images: vec![], ..capture(1) };
    captures.push(empty);
    for verdict in [Verdict::Live, Verdict::Retry, Verdict::Attack, Verdict::TimedOut] {
        let mut capture = capture(2);
        capture.record.verdict = verdict;
        captures.push(capture);
    }
    for reasons in Reason::ALL.chunks(30) {
        let mut capture = capture(2);
        capture.record.reasons = reasons.to_vec();
        let finding = |evidence| Finding { evidence, score: Some(1.0), reason: Some(reasons[0]) };
        capture.record.evidence.findings = EvidenceKind::ALL.iter().copied().map(finding).collect();
        captures.push(capture);
    }
    for capture in captures {
        let mut record = vector_record(&capture);
        assert_eq!(schema.faults(&json_of(&record)), [""; 0]);
        record.device = BTreeMap::new();
        record.created = liveface_bundle::now();
        assert_eq!(schema.faults(&json_of(&record)), [""; 0]);
    }
}

#[test]
fn the_schema_is_as_strict_as_the_reader() {
    let schema = Schema::record();
    let whole = json_of(&vector_record(&vector_capture()));
    let with = |pointer: &str, value: &Value| {
        let mut changed = whole.clone();
        *changed.pointer_mut(pointer).unwrap() = value.clone();
        changed
    };
    let others =
        [("/version", json!(2)), ("/models/face_mesh", json!(null)), ("/reasons/0", json!(1))];
    for (pointer, value) in refused_values().into_iter().chain(others) {
        assert!(!schema.faults(&with(pointer, &value)).is_empty(), "{pointer} {value}");
    }
    for (pointer, value) in odd_values() {
        let changed = with(pointer, &value);
        assert_eq!(schema.faults(&changed), [""; 0], "{pointer} {value}");
        assert!(is_read(&changed), "{pointer} {value}");
    }
    // If one of these is found some day, it belongs into the other list, and the page changes.
    for (pointer, value) in refused_by_meaning() {
        assert_eq!(schema.faults(&with(pointer, &value)), [""; 0], "{pointer} {value}");
    }
    for place in ["", "/policy", "/evidence", "/evidence/findings/0", "/frames", "/images/0"] {
        let fields = whole.pointer(place).unwrap().as_object().unwrap();
        for field in fields.keys() {
            let mut without = whole.clone();
            without.pointer_mut(place).unwrap().as_object_mut().unwrap().remove(field);
            assert!(!schema.faults(&without).is_empty(), "{place} without {field}");
        }
        let mut with = whole.clone();
        with.pointer_mut(place).unwrap()["landmarks"] = json!([]);
        assert!(!schema.faults(&with).is_empty(), "{place}");
    }
}

#[test]
fn every_field_of_the_schema_is_described() {
    /// The names of all properties in `schema`.
    fn names<'s>(schema: &'s Value, found: &mut Vec<&'s str>) {
        for (keyword, value) in schema.as_object().into_iter().flatten() {
            if keyword == "properties" {
                found.extend(value.as_object().unwrap().keys().map(String::as_str));
            }
            names(value, found);
        }
    }

    let schema = Schema::record().0;
    let page = document("bundle-format.md");
    let mut found = Vec::new();
    names(&schema, &mut found);
    assert!(found.len() > 30);
    for name in found {
        let described = page.lines().any(|line| {
            let forms = [format!("`{name}`"), format!("`{name}."), format!(".{name}`")];
            line.starts_with("| `") && forms.iter().any(|form| line.contains(form))
        });
        assert!(described, "{name}");
    }
}

/// Runs the programme of the page with `arguments`; `None` without Python.
fn python(folder: &Path, arguments: &[&Path]) -> Option<Output> {
    let page = document("bundle-format.md");
    let (_, rest) = page.split_once("```python\n").unwrap();
    let (programme, _) = rest.split_once("```").unwrap();
    let file = folder.join("verify.py");
    fs::write(&file, programme).unwrap();
    // Without assertions, as some run all their programmes.
    Command::new("python3").arg("-O").arg(file).args(arguments).output().ok()
}

/// The vectors' bundle with the entry `name` changed, in a zip that is a good one otherwise.
fn changed_bundle(folder: &Path, name: &str, change: &dyn Fn(&[u8]) -> Vec<u8>) -> PathBuf {
    let changed = folder.join("changed.zip");
    let mut zip = zip::ZipWriter::new(fs::File::create(&changed).unwrap());
    let bytes = fs::read(vector("bundle.zip")).unwrap();
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    for place in 0..archive.len() {
        let mut entry = archive.by_index(place).unwrap();
        let entry_name = entry.name().unwrap().into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        zip.start_file(&*entry_name, zip::write::SimpleFileOptions::default()).unwrap();
        let bytes = if entry_name == name { change(&bytes) } else { bytes };
        zip.write_all(&bytes).unwrap();
    }
    zip.finish().unwrap();
    changed
}

#[test]
fn the_programme_of_the_page_finds_changes() {
    let folder = tempfile::tempdir().unwrap();
    let whole = vector("bundle.zip");
    let Some(output) = python(folder.path(), &[&whole]) else { return };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.trim(), "consistent, but anybody could have made this record");

    let replaced = |from: &'static str, to: &'static str| {
        move |bytes: &[u8]| {
            let text = std::str::from_utf8(bytes).unwrap();
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1).into_bytes()
        }
    };
    // As the reader of records would see it: the payload decoded, changed and encoded.
    let in_payload = |from: &'static str, to: &'static str| {
        move |bytes: &[u8]| {
            let mut wire: Value = serde_json::from_slice(bytes).unwrap();
            let payload = STANDARD.decode(wire["payload"].as_str().unwrap()).unwrap();
            wire["payload"] = STANDARD.encode(replaced(from, to)(&payload)).into();
            serde_json::to_vec(&wire).unwrap()
        }
    };
    type Change = Box<dyn Fn(&[u8]) -> Vec<u8>>;
    let (info, record) = ("info.json", "liveface_record.json");
    let image = "si_liveness_1000.jpg";
    let cases: [(&str, Change, &str); 9] = [
        (image, Box::new(replaced("image", "imagE")), image),
        // Another face in info.json, and another list of images before the one that Python takes.
        (info, Box::new(replaced(r#"0,"image":"""#, r#"2,"image":"b3RoZXI=""#)), info),
        (info, Box::new(replaced("{", r#"{"images":[],"#)), info),
        (info, Box::new(replaced(r#"id":0"#, r#"id":4"#)), info),
        (record, Box::new(replaced("{", r#"{"payload":"","#)), "twice"),
        (record, Box::new(replaced("{", r#"{"note":"","#)), "other fields in the envelope"),
        (record, Box::new(in_payload("{", r#"{"note":"","#)), "other fields in the record"),
        (record, Box::new(in_payload(r#""kind""#, r#""note":1,"kind""#)), "fields of an image"),
        (record, Box::new(in_payload(r#""restarts":1"#, r#""restarts":1,"restarts":1"#)), "twice"),
    ];
    for (name, change, why) in cases {
        let changed = changed_bundle(folder.path(), name, &change);
        let output = python(folder.path(), &[&changed]).unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(why), "{why}: {said}");
    }
    let same = changed_bundle(folder.path(), "", &|_| vec![]);
    assert!(python(folder.path(), &[&same]).unwrap().status.success());

    let cryptography =
        Command::new("python3").args(["-c", "import cryptography"]).output().unwrap();
    if cryptography.status.success() {
        let output = python(folder.path(), &[&whole, &vector("public.pem")]).unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "whole, signed by this key");
        let unsigned = vector("unsigned.zip");
        assert!(
            !python(folder.path(), &[&unsigned, &vector("public.pem")]).unwrap().status.success()
        );
    }
}
