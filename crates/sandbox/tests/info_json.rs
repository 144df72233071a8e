//! The `info.json` that our bundles upload has the fields of the official Python client's: the same
//! names in the same order with the same JSON types. And the sandbox takes such a bundle.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod common;

use std::collections::BTreeMap;
use std::io::Read;

use common::{Client, RED, picture, start};
use liveface_bundle::{Capture, CapturedImage, Info, InfoRequest, PartnerParams, upload_zip};
use liveface_core::{CaptureRecord, Evidence, FrameCounts, ShotKind, Verdict};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// The `info.json` of `smile-id-core` 3.0.1 for a register job of files, as recorded.
const OFFICIAL: &str = include_str!("official_info.json");

/// The names, order and types of a JSON text, without its values.
#[derive(Debug, PartialEq)]
enum Shape {
    Null,
    Boolean,
    Number,
    Text,
    List(Vec<Shape>),
    Object(Vec<(String, Shape)>),
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ShapeVisitor;

        impl<'de> Visitor<'de> for ShapeVisitor {
            type Value = Shape;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("any JSON")
            }

            fn visit_unit<E>(self) -> Result<Shape, E> {
                Ok(Shape::Null)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
                Ok(Shape::Boolean)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
                Ok(Shape::Number)
            }

            fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
                Ok(Shape::Text)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Shape, A::Error> {
                let mut shapes = Vec::new();
                while let Some(shape) = list.next_element()? {
                    shapes.push(shape);
                }
                Ok(Shape::List(shapes))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Shape, A::Error> {
                let mut shapes = Vec::new();
                while let Some(entry) = object.next_entry()? {
                    shapes.push(entry);
                }
                Ok(Shape::Object(shapes))
            }
        }

        deserializer.deserialize_any(ShapeVisitor)
    }
}

/// A capture of one selfie and eight liveness images, as in the recording.
fn capture() -> Capture {
    let image = |kind, index: u32| CapturedImage {
        kind,
        index,
        t_ms: 1000 + u64::from(index) + if kind == ShotKind::Selfie { 500 } else { 0 },
        width: 96,
        height: 64,
        jpeg: picture(&[RED]).into(),
    };
    let liveness = (0..8).map(|index| image(ShotKind::Liveness, index));
    Capture {
        images: liveness.chain([image(ShotKind::Selfie, 0)]).collect(),
        record: CaptureRecord {
            engine_version: "0.1.0".into(),
            policy: "smart-selfie".into(),
            seed: 1,
            models: BTreeMap::new(),
            verdict: Verdict::Live,
            reasons: vec![],
            evidence: Evidence::default(),
            shots: vec![],
            guidance: vec![],
            frames: FrameCounts::default(),
        },
    }
}

fn info(capture: &Capture, job_id: &str, upload_url: &str) -> Info {
    let request = InfoRequest {
        timestamp: "2026-11-23T00:45:12.078Z".into(),
        signature: "EYmVXf/BEChF4zHpN5bZbNF+SIVzEFmuT02f676wb7E=".into(),
        partner_params: PartnerParams {
            user_id: "user-0001".into(),
            job_id: job_id.into(),
            job_type: 4,
            extras: BTreeMap::new(),
        },
        smile_client_id: "2345".into(),
        callback_url: "https://partner.example/cb".into(),
        id_info: BTreeMap::new(),
        server_information: upload_url.into(),
    };
    Info::for_job(capture, &request)
}

#[test]
fn our_info_has_the_names_order_and_types_of_the_official_one() {
    let capture = capture();
    let zip = upload_zip(&capture, &info(&capture, "job-0001", "http://127.0.0.1:1/zip")).unwrap();
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(zip)).unwrap();
    assert_eq!(zip.by_index(0).unwrap().name().unwrap(), "info.json", "it is the first entry");
    let mut ours = String::new();
    zip.by_name("info.json").unwrap().read_to_string(&mut ours).unwrap();
    let shape = |text: &str| serde_json::from_str::<Shape>(text).unwrap();
    assert_eq!(shape(&ours), shape(OFFICIAL));

    // What is always the same is the same, but for the client's own language.
    let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let (ours, official) = (value(&ours), value(OFFICIAL));
    for path in [
        "/package_information/apiVersion",
        "/misc_information/retry",
        "/misc_information/file_name",
        "/misc_information/userData",
        "/misc_information/partner_params",
        "/id_info",
        "/images/0/image_type_id",
        "/images/8/image_type_id",
        "/images/8/image",
    ] {
        assert!(official.pointer(path).is_some(), "{path}");
        assert_eq!(ours.pointer(path), official.pointer(path), "{path}");
    }
}

#[test]
fn the_sandbox_takes_our_bundles() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(dir.path());
    let client = Client::of(&sandbox);
    let url = client.open(&client.upload_body(4, "user-0001", "job-1"));
    let capture = capture();
    client.put_zip(&url, &upload_zip(&capture, &info(&capture, "job-1", &url)).unwrap());
    assert_eq!(client.wait("user-0001", "job-1")["result"]["ResultCode"], "0840");
}
