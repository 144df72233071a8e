//! The documents of the record's format say what the code does: the JSON schema and the Python
//! programme of `docs/bundle-format.md`.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use common::{capture, vector, vector_capture, vector_record};
use liveface_bundle::Capture;
use liveface_bundle::record::{IntegrityRecord, RecordEnvelope};
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
                    value.as_str().is_none_or(|text| matches_pattern(rule.as_str().unwrap(), text))
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

/// The patterns of the schema: characters of one class, so many times, but for times and numbers.
fn matches_pattern(pattern: &str, text: &str) -> bool {
    let of = |lengths: std::ops::RangeInclusive<usize>, class: &dyn Fn(char) -> bool| {
        lengths.contains(&text.chars().count()) && text.chars().all(class)
    };
    match pattern {
        "^[0-9a-f]{64}$" => of(64..=64, &|c| matches!(c, '0'..='9' | 'a'..='f')),
        "^[a-z0-9_]{1,64}$" => of(1..=64, &|c| matches!(c, '0'..='9' | 'a'..='z' | '_')),
        "^[A-Za-z0-9_.+-]{1,64}$" => {
            of(1..=64, &|c| c.is_ascii_alphanumeric() || "_.+-".contains(c))
        }
        "^[^/\\\\:\\u0000-\\u001f]{1,100}$" => {
            of(1..=100, &|c| !matches!(c, '/' | '\\' | ':' | '\0'..='\u{1f}'))
        }
        "^(0|[1-9][0-9]{0,19})$" => {
            of(1..=20, &|c| c.is_ascii_digit()) && (text == "0" || !text.starts_with('0'))
        }
        time if time.starts_with("^[0-9]{4}-[0-9]{2}-") => {
            let shape = |c: char| if c.is_ascii_digit() { '0' } else { c };
            text.chars().map(shape).eq("0000-00-00T00:00:00.000Z".chars())
        }
        other => panic!("pattern {other}"),
    }
}

fn json_of(record: &IntegrityRecord) -> Value {
    serde_json::from_slice(RecordEnvelope::unsigned(record).unwrap().payload()).unwrap()
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
    for (pointer, value) in [
        ("/format", json!("other")),
        ("/version", json!(2)),
        ("/created", json!("2026-01-02")),
        ("/seed", json!(1)),
        ("/seed", json!("01")),
        ("/policy/sha256", json!("5A")),
        ("/models/face_mesh", json!(null)),
        ("/verdict", json!("alive")),
        ("/reasons/0", json!("Free text")),
        ("/evidence/live", json!(1.1)),
        ("/evidence/findings/0/score", json!("0.5")),
        ("/frames/seen", json!(-1)),
        ("/frames/dropped", json!(1.5)),
        ("/restarts", json!(1_u64 << 53)),
        ("/images/0/file", json!("../selfie.jpg")),
        ("/images/0/kind", json!("id_card")),
        ("/images/0/index", json!(1_u64 << 32)),
        ("/device/model", json!("x".repeat(201))),
    ] {
        let mut changed = whole.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        assert!(!schema.faults(&changed).is_empty(), "{pointer}");
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
    assert!(programme.lines().count() <= 25, "the page promises 25 lines");
    let file = folder.join("verify.py");
    fs::write(&file, programme).unwrap();
    Command::new("python3").arg(file).args(arguments).output().ok()
}

#[test]
fn the_programme_of_the_page_finds_changes() {
    let folder = tempfile::tempdir().unwrap();
    let whole = vector("bundle.zip");
    let Some(output) = python(folder.path(), &[&whole]) else { return };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.trim(), "whole");

    // An image of another content, in a zip that is a good one otherwise.
    let mut other = vector_capture();
    let envelope = RecordEnvelope::parse(&fs::read(vector("envelope.json")).unwrap()).unwrap();
    other.images[0].jpeg = b"the first livenesS image".to_vec().into();
    let record = RecordEnvelope::unsigned(&vector_record(&other)).unwrap();
    let bytes = liveface_bundle::bundle_zip(&other, &record).unwrap();
    let changed = folder.path().join("changed.zip");
    let mut zip = zip::ZipWriter::new(fs::File::create(&changed).unwrap());
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    for place in 0..archive.len() {
        let mut entry = archive.by_index(place).unwrap();
        let name = entry.name().unwrap().into_owned();
        zip.start_file(&*name, zip::write::SimpleFileOptions::default()).unwrap();
        if name == "liveface_record.json" {
            std::io::Write::write_all(&mut zip, &envelope.to_bytes()).unwrap();
        } else {
            std::io::copy(&mut entry, &mut zip).unwrap();
        }
    }
    zip.finish().unwrap();
    let output = python(folder.path(), &[&changed]).unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("si_liveness_1000.jpg"), "{said}");

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
