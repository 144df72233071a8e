//! What the upload zip holds, and what becomes of strangers' zips.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod common;

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _, Write as _};

use base64::Engine as _;
use common::capture;
use liveface_bundle::{
    BundleError, Info, InfoRequest, PartnerParams, ZipLimits, image_type, read_upload_zip,
    upload_zip,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

fn request() -> InfoRequest {
    InfoRequest {
        timestamp: "2026-11-23T00:45:12.078Z".to_owned(),
        signature: "c2lnbmF0dXJl".to_owned(),
        partner_params: PartnerParams {
            user_id: "user-0001".to_owned(),
            job_id: "job-0001".to_owned(),
            job_type: 4,
            extras: BTreeMap::from([("order".to_owned(), "ORD-9".to_owned())]),
        },
        smile_client_id: "2345".to_owned(),
        callback_url: "https://partner.example/cb".to_owned(),
        id_info: BTreeMap::new(),
        server_information: json!("http://127.0.0.1:1/zip/1"),
    }
}

/// A zip of entries as given.
fn zip_of(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn info_of(images: &Value) -> Vec<u8> {
    serde_json::to_vec(&json!({ "images": images })).unwrap()
}

fn refusal(bytes: &[u8], limits: &ZipLimits) -> String {
    match read_upload_zip(bytes, limits) {
        Err(BundleError::ZipRefused(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_zip_is_what_the_official_python_client_sends() {
    let capture = capture(1);
    let zip = upload_zip(&capture, &Info::for_job(&capture, &request())).unwrap();
    let mut archive = ZipArchive::new(Cursor::new(&zip)).unwrap();
    let names: Vec<_> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
    let images = ["si_selfie_1005.jpg", "si_liveness_1000.jpg", "si_liveness_1010.jpg"];
    assert_eq!(names, [&["info.json"], &images[..]].concat());

    let mut info = String::new();
    archive.by_index(0).unwrap().read_to_string(&mut info).unwrap();
    // The recorded text of the official client, with our values: order and types count.
    let image =
        |id: u8, name: &str| format!(r#"{{"image_type_id":{id},"image":"","file_name":"{name}"}}"#);
    let expected = format!(
        concat!(
            r#"{{"package_information":{{"apiVersion":{{"buildNumber":0,"majorVersion":2,"#,
            r#""minorVersion":0}},"language":"rust"}},"misc_information":{{"#,
            r#""timestamp":"2026-11-23T00:45:12.078Z","signature":"c2lnbmF0dXJl","#,
            r#""retry":"false","partner_params":{{"user_id":"user-0001","job_id":"job-0001","#,
            r#""job_type":4,"order":"ORD-9"}},"file_name":"selfie.zip","#,
            r#""smile_client_id":"2345","callback_url":"https://partner.example/cb","#,
            r#""userData":{{"isVerifiedProcess":false,"name":"","fbUserID":"","firstName":"","#,
            r#""lastName":"","gender":"","email":"","phone":"","countryCode":"+","#,
            r#""countryName":""}}}},"id_info":{{}},"images":[{},{},{}],"#,
            r#""server_information":"http://127.0.0.1:1/zip/1"}}"#,
        ),
        image(0, images[0]),
        image(4, images[1]),
        image(4, images[2]),
    );
    assert_eq!(info, expected);
}

#[test]
fn the_same_capture_gives_the_same_zip_and_it_can_be_read_back() {
    let capture = capture(1);
    let info = Info::for_job(&capture, &request());
    let zip = upload_zip(&capture, &info).unwrap();
    assert_eq!(zip, upload_zip(&capture.clone(), &info.clone()).unwrap());

    let read = read_upload_zip(&zip, &ZipLimits::default()).unwrap();
    assert_eq!(read.info, serde_json::to_value(&info).unwrap());
    assert!(read.unnamed_entries.is_empty());
    let ids: Vec<_> = read.images.iter().map(|image| image.image_type_id).collect();
    assert_eq!(ids, [0, 4, 4]);
    for (read, own) in read.images.iter().zip(capture.upload_order()) {
        assert_eq!((&read.file_name, &read.bytes), (&own.file_name(), &*own.jpeg));
    }
}

#[test]
fn a_bundle_without_a_job_names_nobody() {
    let capture = capture(1);
    let zip = upload_zip(&capture, &Info::without_job(&capture)).unwrap();
    let info = read_upload_zip(&zip, &ZipLimits::default()).unwrap().info;
    let keys: Vec<_> = info.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["id_info", "images", "package_information"]);
}

#[test]
fn the_info_must_be_of_the_same_capture() {
    let info = Info::without_job(&capture(1));
    assert!(matches!(upload_zip(&capture(2), &info), Err(BundleError::InfoMismatch)));
}

#[test]
fn zips_of_other_clients_are_read() {
    let data = base64::engine::general_purpose::STANDARD.encode(b"liveness");
    let info = info_of(&json!([
        {"image_type_id": "0", "file_name": "si_selfie_1.jpg"},
        {"image_type_id": 6, "image": data, "file_name": ""},
    ]));
    // The official Python client leaves such entries, two of one name.
    let zip = zip_of(&[
        ("info.json", &info),
        ("si_selfie_1.jpg", b"selfie"),
        ("base64imgStrinG", b"x"),
        ("base64imgString", b"y"),
    ]);
    let mut twice = zip.clone();
    for at in 0..twice.len() - 15 {
        if &twice[at..at + 15] == b"base64imgStrinG" {
            twice[at..at + 15].copy_from_slice(b"base64imgString");
        }
    }
    for (zip, junk) in [(zip, 2), (twice, 1)] {
        let read = read_upload_zip(&zip, &ZipLimits::default()).unwrap();
        assert_eq!(read.images[0].bytes, b"selfie");
        assert!(read.images[0].is_selfie());
        assert_eq!(read.images[1].bytes, b"liveness");
        assert_eq!(read.images[1].image_type_id, image_type::LIVENESS_BASE64);
        assert_eq!(read.unnamed_entries.len(), junk);
    }
}

#[test]
fn hostile_zips_are_refused_with_what_is_wrong() {
    let limits = ZipLimits::default();
    let selfie = json!([{"image_type_id": 0, "file_name": "s.jpg"}]);
    let info = info_of(&selfie);
    assert!(refusal(b"PK", &limits).contains("not a zip"));
    assert!(refusal(&zip_of(&[("s.jpg", b"x")]), &limits).contains("no info.json"));
    assert!(refusal(&zip_of(&[("info.json", &info)]), &limits).contains("no s.jpg"));
    assert!(refusal(&zip_of(&[("info.json", b"{")]), &limits).contains("not JSON"));
    assert!(refusal(&zip_of(&[("info.json", b"{}")]), &limits).contains("no list"));
    for path in ["../s.jpg", "a/s.jpg", "a\\s.jpg", "/s.jpg", "C:s.jpg", "..", "s\n.jpg"] {
        let zip = zip_of(&[("info.json", &info), ("s.jpg", b"x"), (path, b"x")]);
        assert!(refusal(&zip, &limits).contains("path"), "{path}");
    }
    for (images, why) in [
        (json!([{"image_type_id": 8, "file_name": "s.jpg"}]), "0 to 7"),
        (json!([{"image_type_id": -1, "file_name": "s.jpg"}]), "0 to 7"),
        (json!([{"file_name": "s.jpg"}]), "0 to 7"),
        (json!([{"image_type_id": 0}]), "no file_name"),
        (json!([{"image_type_id": 2, "image": "?"}]), "base64"),
        (json!([{"image_type_id": 0, "file_name": "info.json"}]), "itself"),
        (json!([7]), "0 to 7"),
    ] {
        let zip = zip_of(&[("info.json", &info_of(&images)), ("s.jpg", b"x")]);
        let found = refusal(&zip, &limits);
        assert!(found.contains(why), "{found}");
    }
}

#[test]
fn two_entries_of_one_name_are_refused_where_it_matters() {
    let info = info_of(&json!([{"image_type_id": 0, "file_name": "s.jpg"}]));
    let mut zip = zip_of(&[("info.json", &info), ("s.jpg", b"good"), ("t.jpg", b"evil")]);
    for at in 0..zip.len() - 5 {
        if &zip[at..at + 5] == b"t.jpg" {
            zip[at] = b's';
        }
    }
    assert!(refusal(&zip, &ZipLimits::default()).contains("twice"));
}

#[test]
fn zip_bombs_are_refused() {
    let info = info_of(&json!([
        {"image_type_id": 0, "file_name": "a.jpg"},
        {"image_type_id": 4, "file_name": "b.jpg"},
    ]));
    let noise: Vec<u8> =
        (0..90_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let zeros = vec![0; 4 << 20];
    let noisy = zip_of(&[("info.json", &info), ("a.jpg", &noise), ("b.jpg", &noise)]);
    let empty = zip_of(&[("info.json", &info), ("a.jpg", &zeros), ("b.jpg", &noise)]);
    let limits = ZipLimits::default();
    read_upload_zip(&noisy, &limits).unwrap();
    assert!(refusal(&empty, &limits).contains("a.jpg is too large"));
    assert!(refusal(&noisy, &ZipLimits { entry_bytes: 80_000, ..limits }).contains("a.jpg"));
    assert!(refusal(&noisy, &ZipLimits { total_bytes: 120_000, ..limits }).contains("b.jpg"));
    assert!(refusal(&noisy, &ZipLimits { entries: 2, ..limits }).contains("more than 2 entries"));
    assert!(refusal(&noisy, &ZipLimits { zip_bytes: 1000, ..limits }).contains("1000 bytes"));
    let many: Vec<_> = (0..300).map(|i| format!("{i}.jpg")).collect();
    let many: Vec<_> = many.iter().map(|name| (name.as_str(), &b"x"[..])).collect();
    assert!(refusal(&zip_of(&many), &limits).contains("more than 256 entries"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_mutated_zip_is_read_or_refused_but_never_panics(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        static WHOLE: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        let whole = WHOLE.get_or_init(|| {
            let info = info_of(&json!([
                {"image_type_id": 0, "file_name": "a.jpg"},
                {"image_type_id": "4", "file_name": "b.jpg"},
            ]));
            zip_of(&[("info.json", &info), ("a.jpg", &[7; 40]), ("b.jpg", &[9; 300])])
        });
        let mut zip = whole.clone();
        for (at, value) in changes {
            let at = at.index(zip.len());
            zip[at] = value;
        }
        if let Some(cut) = cut {
            zip.truncate(cut.index(zip.len()));
        }
        let limits = ZipLimits { total_bytes: 1 << 16, entry_bytes: 1 << 15, ..ZipLimits::default() };
        match read_upload_zip(&zip, &limits) {
            Ok(read) => prop_assert!(read.images.iter().all(|i| i.bytes.len() <= 1 << 15)),
            Err(BundleError::ZipRefused(_)) => {}
            Err(other) => prop_assert!(false, "{other}"),
        }
    }

    #[test]
    fn any_bytes_are_refused_or_read(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read_upload_zip(&bytes, &ZipLimits::default());
    }
}
