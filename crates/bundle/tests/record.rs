//! What an integrity record says, how it travels, and that no change goes unnoticed.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod common;

use std::collections::BTreeMap;
use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{
    capture, refused_by_meaning, refused_values, vector, vector_capture, vector_record,
    vector_signer,
};
use liveface_bundle::record::{
    Difference, ImageOrder, IntegrityRecord, KeySigner, PAYLOAD_TYPE, PublicKey, RECORD_NAME,
    ReceivedImage, RecordEnvelope, RecordError, RecordSigner, SignError,
};
use liveface_bundle::{
    BundleError, Capture, Info, ZipLimits, bundle_zip, read_upload_zip, upload_zip,
};
use liveface_core::ShotKind;
use proptest::prelude::*;
use serde_json::{Value, json};

fn signed() -> RecordEnvelope {
    RecordEnvelope::signed(&vector_record(&vector_capture()), &vector_signer()).unwrap()
}

fn unsigned() -> RecordEnvelope {
    RecordEnvelope::unsigned(&vector_record(&vector_capture())).unwrap()
}

/// Another key than the vectors'.
fn stranger() -> KeySigner {
    KeySigner::from_bytes(&[7; 32].into())
}

/// The images of a capture as a server gets them.
fn received<'a>(capture: &'a Capture, names: &'a [String]) -> Vec<ReceivedImage<'a>> {
    let images = capture.upload_order().into_iter().zip(names);
    images
        .map(|(image, name)| ReceivedImage { name, kind: Some(image.kind), bytes: &image.jpeg })
        .collect()
}

fn names(capture: &Capture) -> Vec<String> {
    capture.upload_order().iter().map(|image| image.file_name()).collect()
}

/// An envelope of `payload` with no signature.
fn envelope_of(payload: &[u8]) -> Vec<u8> {
    let payload = STANDARD.encode(payload);
    let envelope = json!({ "payloadType": PAYLOAD_TYPE, "payload": payload, "signatures": [] });
    serde_json::to_vec(&envelope).unwrap()
}

/// The payload of the vectors with `value` in the place `pointer`.
fn payload_with(pointer: &str, value: Value) -> Vec<u8> {
    let mut payload: Value = serde_json::from_slice(unsigned().payload()).unwrap();
    *payload.pointer_mut(pointer).unwrap() = value;
    serde_json::to_vec(&payload).unwrap()
}

fn refusal<T: std::fmt::Debug>(result: Result<T, RecordError>) -> String {
    match result {
        Err(RecordError::Refused(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_vectors_are_what_is_written() {
    let (capture, envelope) = (vector_capture(), signed());
    let metadata = envelope.to_metadata("2026-01-02T03:04:05.678Z");
    let written: [(&str, Vec<u8>); 6] = [
        ("payload.json", envelope.payload().to_vec()),
        ("pae.bin", envelope.signed_bytes()),
        ("envelope.json", envelope.to_bytes()),
        ("metadata.json", serde_json::to_vec(&metadata).unwrap()),
        ("bundle.zip", bundle_zip(&capture, &envelope).unwrap().to_vec()),
        ("unsigned.zip", bundle_zip(&capture, &unsigned()).unwrap().to_vec()),
    ];
    for (name, bytes) in written {
        if std::env::var_os("LIVEFACE_WRITE_VECTORS").is_some() {
            fs::write(vector(name), &bytes).unwrap();
        }
        assert!(fs::read(vector(name)).unwrap() == bytes, "{name} is not what is written");
    }
    let key = vector_signer().public_key();
    assert_eq!(key.id(), fs::read_to_string(vector("key_id.txt")).unwrap().trim());
}

#[test]
fn the_vectors_can_be_read() {
    let envelope = RecordEnvelope::parse(&fs::read(vector("envelope.json")).unwrap()).unwrap();
    assert_eq!(envelope, signed());
    let key = vector_signer().public_key();
    assert_eq!(envelope.verify(&key).unwrap(), vector_record(&vector_capture()));
    let metadata: Vec<Value> =
        serde_json::from_slice(&fs::read(vector("metadata.json")).unwrap()).unwrap();
    assert_eq!(RecordEnvelope::from_metadata(&metadata).unwrap().unwrap(), envelope);

    let bytes = fs::read(vector("bundle.zip")).unwrap();
    let zip = read_upload_zip(&bytes, &ZipLimits::default()).unwrap();
    assert_eq!(zip.record, Some(envelope.to_bytes()));
    assert_eq!(zip.unnamed_entries, [""; 0]);
    assert_eq!(zip.bundle_differences(&bytes, &envelope.record().unwrap()).unwrap(), []);
}

#[test]
fn a_record_is_made_now_and_tells_the_capture() {
    let capture = capture(3);
    let record = IntegrityRecord::of(&capture, &BTreeMap::new());
    let made: jiff::Timestamp = record.created.parse().unwrap();
    assert!(jiff::Timestamp::now().duration_since(made).as_secs().abs() < 60);
    assert_eq!((record.seed, record.images.len()), (3, 3));
    assert_eq!(record.policy.sha256, None);
    assert_eq!(record.images[0].kind, ShotKind::Selfie);
    let names = names(&capture);
    assert_eq!(record.differences(&received(&capture, &names), ImageOrder::AsSent), []);
}

#[test]
fn only_the_key_that_signed_verifies() {
    let (envelope, key) = (signed(), vector_signer().public_key());
    let other = stranger().public_key();
    assert_eq!(envelope.verify(&other), Err(RecordError::OtherKey(other.id())));
    assert_eq!(unsigned().verify(&key), Err(RecordError::Unsigned));
    assert_eq!(envelope.key_ids().collect::<Vec<_>>(), [key.id()]);

    // The other's signature under this key's name.
    let foreign = RecordEnvelope::signed(&envelope.record().unwrap(), &stranger()).unwrap();
    let renamed = String::from_utf8(foreign.to_bytes()).unwrap().replace(&other.id(), &key.id());
    let renamed = RecordEnvelope::parse(renamed.as_bytes()).unwrap();
    assert_eq!(renamed.verify(&key), Err(RecordError::Signature));

    // This signature over another content.
    let mut record = envelope.record().unwrap();
    record.seed -= 1;
    let changed = RecordEnvelope::unsigned(&record).unwrap();
    let mut wire: Value = serde_json::from_slice(&envelope.to_bytes()).unwrap();
    wire["payload"] = STANDARD.encode(changed.payload()).into();
    let changed = RecordEnvelope::parse(&serde_json::to_vec(&wire).unwrap()).unwrap();
    assert_eq!(changed.verify(&key), Err(RecordError::Signature));
}

#[test]
fn one_of_several_signatures_is_enough() {
    let mut wire: Value = serde_json::from_slice(&signed().to_bytes()).unwrap();
    let foreign = RecordEnvelope::signed(&signed().record().unwrap(), &stranger()).unwrap();
    let foreign: Value = serde_json::from_slice(&foreign.to_bytes()).unwrap();
    wire["signatures"].as_array_mut().unwrap().push(foreign["signatures"][0].clone());
    let both = RecordEnvelope::parse(&serde_json::to_vec(&wire).unwrap()).unwrap();
    for signer in [vector_signer(), stranger()] {
        both.verify(&signer.public_key()).unwrap();
    }
    wire["signatures"].as_array_mut().unwrap().push(foreign["signatures"][0].clone());
    let doubled = serde_json::to_vec(&wire).unwrap();
    assert!(refusal(RecordEnvelope::parse(&doubled)).contains("two signatures of one key"));
}

#[test]
fn a_signer_that_fails_or_lies_is_told() {
    struct Broken(Result<[u8; 64], ()>);

    impl RecordSigner for Broken {
        fn public_key(&self) -> PublicKey {
            vector_signer().public_key()
        }

        fn sign(&self, _: &[u8]) -> Result<[u8; 64], SignError> {
            self.0.map_err(|()| SignError("the element is locked".to_owned()))
        }
    }

    let record = vector_record(&vector_capture());
    for (broken, word) in [(Broken(Err(())), "locked"), (Broken(Ok([0; 64])), "not a signature")] {
        let error = RecordEnvelope::signed(&record, &broken).unwrap_err();
        assert!(matches!(error, RecordError::Signer(_)) && error.to_string().contains(word));
    }
}

#[test]
fn a_flipped_bit_of_an_image_is_found() {
    let capture = capture(5);
    let record = IntegrityRecord::of(&capture, &BTreeMap::new());
    let names = names(&capture);
    for place in 0..capture.images.len() {
        let whole = received(&capture, &names)[place].bytes.to_vec();
        for bit in (0..whole.len() * 8).step_by(13) {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let mut images = received(&capture, &names);
            images[place].bytes = &bytes;
            let found = record.differences(&images, ImageOrder::AsSent);
            assert_eq!(found, [Difference::Content { name: names[place].clone() }], "bit {bit}");
        }
    }
}

#[test]
fn a_flipped_bit_of_a_signed_record_is_found() {
    let key = vector_signer().public_key();
    let whole = signed().to_bytes();
    assert!(RecordEnvelope::parse(&whole).unwrap().verify(&key).is_ok());
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let found = RecordEnvelope::parse(&bytes).and_then(|envelope| envelope.verify(&key));
        assert!(found.is_err(), "bit {bit}");
    }
}

/// Whether the bundle `bytes` is whole, without looking at signatures.
fn is_whole(bytes: &[u8]) -> bool {
    let Ok(zip) = read_upload_zip(bytes, &ZipLimits::default()) else { return false };
    let Some(record) = &zip.record else { return false };
    let record = RecordEnvelope::parse(record).and_then(|envelope| envelope.record());
    record.is_ok_and(|record| zip.bundle_differences(bytes, &record).unwrap().is_empty())
}

#[test]
fn a_flipped_bit_anywhere_in_a_bundle_is_found() {
    for name in ["bundle.zip", "unsigned.zip"] {
        let whole = fs::read(vector(name)).unwrap();
        assert!(is_whole(&whole));
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_whole(&bytes), "{name}, bit {bit}");
        }
        for length in 0..whole.len() {
            assert!(!is_whole(&whole[..length]), "{name}, {length} bytes");
        }
        assert!(!is_whole(&[&whole[..], &[0]].concat()), "{name} and more");
    }
}

#[test]
fn an_info_json_of_another_meaning_is_a_difference() {
    let (capture, envelope) = (vector_capture(), unsigned());
    let record = envelope.record().unwrap();
    let mut info = Info::without_job(&capture);
    info.id_info.insert("country".to_owned(), "KE".to_owned());
    let bytes = upload_zip(&capture, &info).unwrap();
    let zip = read_upload_zip(&bytes, &ZipLimits::default()).unwrap();
    assert_eq!(zip.differences(&bytes, &record).unwrap(), []);
    assert_eq!(zip.bundle_differences(&bytes, &record).unwrap(), [Difference::Container]);
}

/// The zip `entries`, written as [`bundle_zip`] writes it.
fn zip_as_written(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored)
            .last_modified_time(zip::DateTime::DEFAULT)
            .unix_permissions(0o644);
        zip.start_file(name.as_str(), options).unwrap();
        std::io::Write::write_all(&mut zip, bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// What differs from `record` in a bundle or upload zip of the vectors, with this `info.json` and record.
fn found_with(info: &[u8], inside: Option<&[u8]>) -> Result<Vec<Difference>, BundleError> {
    let (capture, record) = (vector_capture(), unsigned().record().unwrap());
    let mut entries = vec![("info.json".to_owned(), info.to_vec())];
    let files = capture.upload_order().into_iter();
    entries.extend(files.map(|image| (image.file_name(), image.jpeg.to_vec())));
    entries.extend(inside.map(|inside| (RECORD_NAME.to_owned(), inside.to_vec())));
    let bytes = zip_as_written(&entries);
    let zip = read_upload_zip(&bytes, &ZipLimits::default())?;
    zip.differences(&bytes, &record)
}

#[test]
fn another_face_in_info_json_is_found() {
    let capture = vector_capture();
    let zip = upload_zip(&capture, &Info::without_job(&capture)).unwrap();
    let whole = read_upload_zip(&zip, &ZipLimits::default()).unwrap().info;
    let text = |info: &Value| serde_json::to_vec(info).unwrap();
    assert_eq!(found_with(&text(&whole), None).unwrap(), []);

    let other = STANDARD.encode("another face");
    for (field, value) in [
        ("image", json!(other)),
        ("image_type_id", json!(2)),
        ("image_type_id", json!("0")),
        ("image", json!(null)),
        ("crop", json!(other)),
    ] {
        let mut info = whole.clone();
        info["images"][0][field] = value;
        assert_eq!(found_with(&text(&info), None).unwrap(), [Difference::Container], "{field}");
    }
    // The same with another list of images before the one that is read.
    let listed = json!([{ "image_type_id": 2, "image": other, "file_name": "" }]);
    let twice = String::from_utf8(text(&whole)).unwrap();
    let twice = twice.replacen('{', &format!("{{\"images\":{listed},"), 1);
    let refused = found_with(twice.as_bytes(), None).unwrap_err();
    assert!(matches!(&refused, BundleError::ZipRefused(why) if why.contains("twice")), "{refused}");
}

#[test]
fn another_name_in_a_local_header_is_found() {
    let (capture, record) = (vector_capture(), unsigned().record().unwrap());
    let mut bytes = upload_zip(&capture, &Info::without_job(&capture)).unwrap().to_vec();
    let name = names(&capture).remove(0);
    // Local headers begin so; the name in the directory at the end stays.
    let headers = bytes.windows(4).enumerate().filter(|(_, at)| at == b"PK\x03\x04");
    let header = headers.map(|(at, _)| at).nth(1).unwrap() + 30;
    assert_eq!(&bytes[header..header + name.len()], name.as_bytes());
    bytes[header] = b'x';
    let zip = read_upload_zip(&bytes, &ZipLimits::default()).unwrap();
    assert_eq!(zip.differences(&bytes, &record).unwrap(), [Difference::Container]);
}

#[test]
fn a_record_inside_is_the_same_and_in_its_one_form() {
    let capture = vector_capture();
    let info = serde_json::to_vec(&Info::without_job(&capture)).unwrap();
    assert_eq!(found_with(&info, Some(&signed().to_bytes())).unwrap(), []);
    let mut other = unsigned().record().unwrap();
    other.restarts += 1;
    for inside in [
        [&b" "[..], &signed().to_bytes()].concat(),
        RecordEnvelope::unsigned(&other).unwrap().to_bytes(),
        b"{}".to_vec(),
    ] {
        let found = found_with(&info, Some(&inside)).unwrap();
        assert_eq!(found, [Difference::Container], "{}", inside.len());
    }
}

#[test]
fn what_differs_is_named() {
    let capture = vector_capture();
    let record = vector_record(&capture);
    let names = names(&capture);
    let whole = received(&capture, &names);
    let found = |images: &[ReceivedImage<'_>]| record.differences(images, ImageOrder::AsSent);
    let name = |place: usize| names[place].clone();
    assert_eq!(found(&whole), []);

    assert_eq!(found(&whole[..2]), [Difference::Missing { name: name(2) }]);
    let mut images = whole.clone();
    images.push(ReceivedImage { name: "si_id_card_front.jpg", kind: None, bytes: b"a card" });
    let extra = Difference::Extra { name: "si_id_card_front.jpg".to_owned() };
    assert_eq!(found(&images), [extra]);
    images[3] = images[1];
    assert_eq!(found(&images), [Difference::Doubled { name: name(1) }]);

    let mut images = whole.clone();
    images.swap(1, 2);
    assert_eq!(found(&images), [Difference::Order]);
    assert_eq!(record.differences(&images, ImageOrder::None), []);

    let mut images = whole.clone();
    images[0].kind = Some(ShotKind::Liveness);
    let (recorded, kind) = (ShotKind::Selfie, ShotKind::Liveness);
    assert_eq!(found(&images), [Difference::Kind { name: name(0), recorded, found: kind }]);
    images[0].kind = None;
    assert_eq!(found(&images), [], "a kind that is not told is not compared");

    images[0].bytes = b"the selfi";
    assert_eq!(found(&images), [Difference::Size { name: name(0), recorded: 10, found: 9 }]);
    images[0].bytes = b"the selfIe";
    assert_eq!(found(&images), [Difference::Content { name: name(0) }]);

    // Two images with each other's names.
    let mut images = whole.clone();
    (images[1].name, images[2].name) = (whole[2].name, whole[1].name);
    images.swap(1, 2);
    assert_eq!(found(&images).len(), 2);

    let upper = name(0).to_uppercase();
    let mut images = whole;
    images[0].name = &upper;
    let missing = Difference::Missing { name: name(0) };
    assert_eq!(found(&images), [missing, Difference::Extra { name: upper.clone() }]);
    assert!(found(&images).iter().all(|difference| !difference.to_string().is_empty()));
}

#[test]
fn a_record_of_another_capture_fits_nothing_and_goes_into_no_bundle() {
    let (mine, other) = (vector_capture(), capture(2));
    let names = names(&other);
    let differences = vector_record(&mine).differences(&received(&other, &names), ImageOrder::None);
    assert_eq!(differences.len(), 6);
    let error = bundle_zip(&other, &unsigned()).unwrap_err();
    assert!(matches!(error, BundleError::Record(RecordError::OtherCapture)));
}

#[test]
fn a_capture_without_images_has_a_record_too() {
    let mut capture = capture(1);
    capture.images.clear();
    let record = IntegrityRecord::of(&capture, &BTreeMap::new());
    assert_eq!(record.differences(&[], ImageOrder::AsSent), []);
    let zip = bundle_zip(&capture, &RecordEnvelope::unsigned(&record).unwrap()).unwrap();
    assert!(is_whole(&zip));
    let image = ReceivedImage { name: "a.jpg", kind: None, bytes: b"" };
    let extra = Difference::Extra { name: "a.jpg".to_owned() };
    assert_eq!(record.differences(&[image], ImageOrder::AsSent), [extra]);
}

#[test]
fn zips_without_a_record_are_read_as_before() {
    let capture = capture(1);
    let zip = upload_zip(&capture, &Info::without_job(&capture)).unwrap();
    assert!(!zip.windows(RECORD_NAME.len()).any(|part| part == RECORD_NAME.as_bytes()));
    assert_eq!(read_upload_zip(&zip, &ZipLimits::default()).unwrap().record, None);
}

#[test]
fn what_is_not_as_the_format_has_it_is_refused() {
    for (pointer, value) in refused_values().into_iter().chain(refused_by_meaning()) {
        let payload = payload_with(pointer, value.clone());
        let envelope = RecordEnvelope::parse(&envelope_of(&payload)).unwrap();
        let found = envelope.record();
        assert!(found.is_err(), "{pointer} {value}");
        let why = refusal(found);
        assert!(!why.contains("Free text") && !why.contains("alive"), "{why}");
    }
    let unchanged = payload_with("/restarts", json!(1));
    assert!(RecordEnvelope::parse(&envelope_of(&unchanged)).unwrap().record().is_ok());
    let later = payload_with("/version", json!(2));
    let later = RecordEnvelope::parse(&envelope_of(&later)).unwrap().record();
    assert_eq!(later, Err(RecordError::Version(2)));
}

#[test]
fn missing_unknown_and_doubled_fields_are_refused() {
    /// Every object in `value`, by its place.
    fn objects(value: &Value, place: &str, found: &mut Vec<(String, Vec<String>)>) {
        match value {
            Value::Object(fields) => {
                found.push((place.to_owned(), fields.keys().cloned().collect()));
                for (name, value) in fields {
                    objects(value, &format!("{place}/{name}"), found);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    objects(item, &format!("{place}/{index}"), found);
                }
            }
            _ => {}
        }
    }

    let read = |payload: &[u8]| RecordEnvelope::parse(&envelope_of(payload)).unwrap().record();
    let whole: Value = serde_json::from_slice(unsigned().payload()).unwrap();
    let mut found = Vec::new();
    objects(&whole, "", &mut found);
    assert_eq!(found.len(), 17);
    for (place, fields) in found {
        if place == "/models" || place == "/device" {
            continue;
        }
        for field in fields {
            let mut without = whole.clone();
            without.pointer_mut(&place).unwrap().as_object_mut().unwrap().remove(&field);
            refusal(read(&serde_json::to_vec(&without).unwrap()));
        }
        let mut with = whole.clone();
        with.pointer_mut(&place).unwrap()["pixels"] = json!([]);
        refusal(read(&serde_json::to_vec(&with).unwrap()));
    }
    let text = String::from_utf8(unsigned().payload().to_vec()).unwrap();
    for (once, twice) in [
        (r#""model":"Kiosk 7""#, r#""model":"Kiosk 8","model":"Kiosk 7""#),
        (r#""restarts":1"#, r#""restarts":1,"restarts":1"#),
    ] {
        assert!(text.contains(once));
        refusal(read(text.replace(once, twice).as_bytes()));
    }
}

#[test]
fn a_record_that_could_not_be_read_is_not_written() {
    let mut record = vector_record(&vector_capture());
    for score in [f32::NAN, f32::INFINITY, -0.5, 1.5] {
        record.evidence.live = Some(score);
        assert!(refusal(RecordEnvelope::unsigned(&record)).contains("evidence.live"));
    }
    let capture = vector_capture();
    let facts = |count: usize, fact: &str| {
        let facts = (0..count).map(|number| (format!("fact-{number}"), fact.to_owned()));
        RecordEnvelope::unsigned(&IntegrityRecord::of(&capture, &facts.collect()))
    };
    assert!(refusal(facts(33, "x")).contains("32"));
    assert!(refusal(facts(1, &"x".repeat(201))).contains("200"));
    assert!(refusal(facts(1, "\u{7}")).contains("control"));
    let unnamed = BTreeMap::from([(String::new(), String::new())]);
    refusal(RecordEnvelope::unsigned(&IntegrityRecord::of(&capture, &unnamed)));

    // The largest that can be is read back.
    let mut largest = capture.clone();
    let image = largest.images[0].clone();
    largest.images =
        (0..128).map(|t_ms| liveface_bundle::CapturedImage { t_ms, ..image.clone() }).collect();
    let long = "\u{1f4f7}".repeat(200);
    let device = (0..32).map(|number| (format!("{number:-<64}"), long.clone())).collect();
    let record = IntegrityRecord::of(&largest, &device);
    let envelope = RecordEnvelope::signed(&record, &vector_signer()).unwrap();
    assert_eq!(RecordEnvelope::parse(&envelope.to_bytes()).unwrap(), envelope);
    let metadata = envelope.to_metadata("");
    assert_eq!(RecordEnvelope::from_metadata(&metadata).unwrap().unwrap(), envelope);
    largest.images.push(liveface_bundle::CapturedImage { t_ms: 128, ..image });
    let record = IntegrityRecord::of(&largest, &BTreeMap::new());
    assert!(refusal(RecordEnvelope::unsigned(&record)).contains("128"));
}

#[test]
fn envelopes_are_bounded_and_strict() {
    let huge = vec![b' '; 100 << 20];
    assert!(refusal(RecordEnvelope::parse(&huge)).contains("larger"));
    let payload = envelope_of(&vec![b'x'; (64 << 10) + 1]);
    assert!(refusal(RecordEnvelope::parse(&payload)).contains("larger"));
    refusal(RecordEnvelope::parse("[".repeat(90_000).as_bytes()));
    let nested = format!("{{\"a\":{}", "[".repeat(60_000));
    refusal(RecordEnvelope::parse(&envelope_of(nested.as_bytes())).unwrap().record());

    let good: Value = serde_json::from_slice(&signed().to_bytes()).unwrap();
    let with = |pointer: &str, value: Value| {
        let mut wire = good.clone();
        *wire.pointer_mut(pointer).unwrap() = value;
        RecordEnvelope::parse(&serde_json::to_vec(&wire).unwrap())
    };
    let payload = good["payload"].as_str().unwrap();
    let sig = good["signatures"][0]["sig"].as_str().unwrap();
    for (pointer, value) in [
        ("/payloadType", json!("application/json")),
        ("/payload", json!(payload[..payload.len() - 1])),
        ("/payload", json!(format!("{payload}\n"))),
        ("/payload", json!("====")),
        ("/signatures", json!(null)),
        ("/signatures", json!(vec![json!({ "keyid": "a", "sig": sig }); 9])),
        ("/signatures/0/sig", json!("")),
        ("/signatures/0/sig", json!(STANDARD.encode([0; 63]))),
        ("/signatures/0/sig", json!(STANDARD.encode([0; 65]))),
        ("/signatures/0/keyid", json!("")),
        ("/signatures/0/keyid", json!("a key")),
        ("/signatures/0/keyid", json!("k".repeat(129))),
    ] {
        refusal(with(pointer, value));
    }
    assert!(with("/signatures/0/keyid", json!("k".repeat(128))).is_ok());
}

/// The metadata of a record with `parts` parts and a device fact or two.
fn metadata() -> Vec<Value> {
    let metadata = signed().to_metadata("2026-01-02T03:04:05.678Z");
    assert!(metadata.len() >= 3);
    metadata
}

#[test]
fn metadata_is_put_together_whatever_is_around_it() {
    let mut entries = metadata();
    entries.reverse();
    entries.insert(1, json!({ "name": "active_liveness_type", "value": "smile" }));
    entries.push(json!({ "name": "geolocation", "value": 1.5 }));
    entries.push(json!("no entry"));
    entries.push(json!(null));
    assert_eq!(RecordEnvelope::from_metadata(&entries).unwrap().unwrap(), signed());
    assert_eq!(RecordEnvelope::from_metadata(&[]).unwrap(), None);
    assert_eq!(RecordEnvelope::from_metadata(&entries[6..]).unwrap(), None);
}

#[test]
fn metadata_that_is_not_one_whole_record_is_refused() {
    let whole = metadata();
    for missing in 0..whole.len() {
        let mut entries = whole.clone();
        entries.remove(missing);
        assert!(refusal(RecordEnvelope::from_metadata(&entries)).contains("missing"));
        let mut entries = whole.clone();
        entries.push(whole[missing].clone());
        assert!(refusal(RecordEnvelope::from_metadata(&entries)).contains("twice"));
        // A part of a record that was made later, and of one in fewer parts.
        let mut entries = whole.clone();
        entries[missing]["timestamp"] = json!("2026-01-02T03:04:05.679Z");
        assert!(refusal(RecordEnvelope::from_metadata(&entries)).contains("two records"));
        entries[missing] = whole[missing].clone();
        entries.push(json!({ "name": "liveface_record_1_of_1", "value": "x",
            "timestamp": whole[0]["timestamp"] }));
        assert!(refusal(RecordEnvelope::from_metadata(&entries)).contains("two records"));
        for value in [json!(7), json!("x".repeat(1001)), json!("")] {
            let mut entries = whole.clone();
            entries[missing]["value"] = value;
            refusal(RecordEnvelope::from_metadata(&entries));
        }
        let mut entries = whole.clone();
        entries[missing]["name"] = json!("liveface_record_next");
        refusal(RecordEnvelope::from_metadata(&entries));
    }
}

#[test]
fn a_flipped_bit_of_metadata_is_found() {
    let key = vector_signer().public_key();
    let whole = metadata();
    for place in 0..whole.len() {
        let value = whole[place]["value"].as_str().unwrap();
        for bit in (0..value.len() * 8).step_by(3) {
            let mut bytes = value.as_bytes().to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let mut entries = whole.clone();
            entries[place]["value"] = String::from_utf8_lossy(&bytes).into();
            let found = RecordEnvelope::from_metadata(&entries)
                .and_then(|envelope| envelope.unwrap().verify(&key));
            assert!(found.is_err(), "part {place}, bit {bit}");
        }
    }
}

proptest! {
    #[test]
    fn any_facts_travel_in_metadata(
        facts in prop::collection::btree_map("[a-zA-Z0-9_.-]{1,64}", "\\PC{0,200}", 0..=32),
        timestamp in "\\PC{0,40}",
        seed in any::<u64>(),
        rotation in any::<prop::sample::Index>(),
    ) {
        let mut capture = vector_capture();
        capture.record.seed = seed;
        let record = IntegrityRecord::of(&capture, &facts);
        let envelope = RecordEnvelope::signed(&record, &vector_signer()).unwrap();
        let mut metadata = envelope.to_metadata(&timestamp);
        let total = metadata.len();
        for (index, entry) in metadata.iter().enumerate() {
            let name = format!("liveface_record_{}_of_{total}", index + 1);
            prop_assert_eq!(&entry["name"], &json!(name));
            prop_assert_eq!(&entry["timestamp"], &json!(&timestamp));
            prop_assert!(name.len() <= 100);
            prop_assert!(entry["value"].as_str().unwrap().chars().count() <= 1000);
        }
        metadata.rotate_left(rotation.index(total));
        let read = RecordEnvelope::from_metadata(&metadata).unwrap().unwrap();
        prop_assert_eq!(read.verify(&vector_signer().public_key()).unwrap(), record);
    }

    #[test]
    fn bytes_of_strangers_are_read_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        at in any::<prop::sample::Index>(),
    ) {
        let _ = RecordEnvelope::parse(&bytes);
        let _ = RecordEnvelope::parse(&envelope_of(&bytes)).unwrap().record();
        // Put into the middle of a good one.
        let mut payload = unsigned().payload().to_vec();
        let at = at.index(payload.len());
        payload.splice(at..at, bytes);
        let _ = RecordEnvelope::parse(&envelope_of(&payload)).unwrap().record();
    }

    #[test]
    fn metadata_of_strangers_is_read_or_refused(
        entries in prop::collection::vec(
            ("liveface_record_[0-9]{0,3}_of_[0-9]{0,3}|\\PC{0,20}", "\\PC{0,50}"), 0..12,
        ),
    ) {
        let entry = |(name, value)| json!({ "name": name, "value": value });
        let entries: Vec<_> = entries.into_iter().map(entry).collect();
        let _ = RecordEnvelope::from_metadata(&entries);
    }
}
