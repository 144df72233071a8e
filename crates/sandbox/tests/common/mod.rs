//! What the tests share: pictures with people that a colour stands for, eyes that see such people,
//! and a client that speaks real HTTP.
#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod v3;

use std::io::{BufRead, BufReader, Cursor, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::thread::sleep;
use std::time::{Duration, Instant};

use image::{ImageFormat, Rgb, RgbImage};
use liveface::{Engine, EngineConfig, ModelSource};
use liveface_core::sample::{Border, Filter, rgb8};
use liveface_core::{Affine, Embedding, Frame, Policy, Rect};
use liveface_sandbox::{
    CallbackState, EngineAnalyser, FaceAnalyser, Sandbox, SandboxConfig, SeenFace,
};
use serde_json::{Value, json};
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// A person is a colour; the greyer it is, the less alive.
pub(crate) type Person = [u8; 3];
pub(crate) const RED: Person = [230, 30, 30];
pub(crate) const GREEN: Person = [30, 230, 30];
pub(crate) const BLUE: Person = [30, 30, 230];
/// A printed picture of `RED`.
pub(crate) const PALE_RED: Person = [160, 100, 100];
/// Nobody.
pub(crate) const GREY: Person = [128; 3];
/// Cannot be looked at.
pub(crate) const WHITE: Person = [255; 3];
/// Makes the analyser panic.
pub(crate) const BLACK: Person = [0; 3];

/// A JPEG of these people, side by side.
pub(crate) fn picture(people: &[Person]) -> Vec<u8> {
    let stripe = 96 / u32::try_from(people.len()).unwrap();
    let picture = RgbImage::from_fn(96, 64, |x, _| Rgb(people[(x / stripe) as usize]));
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, ImageFormat::Jpeg).unwrap();
    file.into_inner()
}

/// Stands in for vision, and for nothing else: each stripe of one colour is a face.
pub(crate) struct ColourAnalyser;

impl FaceAnalyser for ColourAnalyser {
    fn faces(&mut self, picture: &Frame<'_>) -> Result<Vec<SeenFace>, String> {
        let row = Rect::new(0.0, picture.height() as f32 / 2.0, picture.width() as f32, 1.0);
        let map = Affine::from_region(row, picture.width(), 1);
        let mut bytes = Vec::new();
        let size = (picture.width(), 1);
        rgb8(picture, map, size, Filter::Bilinear, Border::Replicate, &mut bytes);
        let pixels: Vec<[f32; 3]> =
            bytes.as_chunks().0.iter().map(|pixel: &[u8; 3]| pixel.map(f32::from)).collect();
        if pixels.iter().flatten().all(|value| *value > 240.0) {
            return Err("too bright".to_owned());
        }
        assert!(pixels.iter().flatten().any(|value| *value > 15.0), "too dark");
        let alike = |a: &[f32; 3], b: &[f32; 3]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 24.0);
        let stripes = pixels.chunk_by(alike).filter(|stripe| stripe.len() >= 16);
        Ok(stripes.filter_map(face).collect())
    }
}

fn face(stripe: &[[f32; 3]]) -> Option<SeenFace> {
    let middle = stripe[stripe.len() / 2].map(|value| value - 128.0);
    let strength = middle.iter().map(|value| value * value).sum::<f32>().sqrt();
    (strength > 20.0).then(|| SeenFace {
        embedding: Embedding::new(&middle),
        pad_live: if strength > 100.0 { 0.95 } else { 0.02 },
        area: (stripe.len() * stripe.len()) as f32,
    })
}

/// A sandbox that has its data in `dir`, for partner 2345.
pub(crate) fn config(dir: &Path) -> SandboxConfig {
    SandboxConfig { partner_id: "2345".into(), ..SandboxConfig::new(dir) }
}

pub(crate) fn start(dir: &Path) -> Sandbox {
    Sandbox::start(config(dir), Box::new(ColourAnalyser)).unwrap()
}

/// The `info.json` and files of one capture.
pub(crate) fn zip(selfie: &[u8], liveness: &[Vec<u8>]) -> Vec<u8> {
    let names: Vec<_> = (1..=liveness.len()).map(|n| format!("si_liveness_{n}.jpg")).collect();
    let entry = |kind: &str, name: &str| json!({ "image_type_id": kind, "file_name": name });
    let images: Vec<_> = std::iter::once(entry("0", "si_selfie_1.jpg"))
        .chain(names.iter().map(|name| entry("4", name)))
        .collect();
    let info = json!({ "images": images }).to_string();
    let files = names.iter().map(String::as_str).zip(liveness.iter().map(Vec::as_slice));
    let start = [("info.json", info.as_bytes()), ("si_selfie_1.jpg", selfie)];
    pack(start.into_iter().chain(files))
}

pub(crate) fn pack<'f>(files: impl IntoIterator<Item = (&'f str, &'f [u8])>) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A capture of one person: a selfie and three liveness images.
pub(crate) fn capture(person: Person) -> Vec<u8> {
    let brighter = person.map(|value| value.saturating_add(8));
    zip(&picture(&[person]), &[brighter, person, brighter].map(|person| picture(&[person])))
}

/// An agent that trusts the certificate `pem` and no other.
pub(crate) fn trusting_agent(pem: Option<&str>) -> Agent {
    let mut tls = TlsConfig::builder();
    if let Some(pem) = pem {
        let certificate = Certificate::from_pem(pem.as_bytes()).unwrap();
        tls = tls.root_certs(RootCerts::new_with_certs(&[certificate]));
    }
    Agent::config_builder()
        .tls_config(tls.build())
        .http_status_as_error(false)
        .proxy(None)
        .timeout_global(Some(Duration::from_secs(20)))
        .build()
        .into()
}

/// Speaks the API as the documentation has it.
pub(crate) struct Client {
    base: String,
    partner_id: String,
    api_key: String,
    agent: Agent,
}

impl Client {
    pub(crate) fn of(sandbox: &Sandbox) -> Self {
        let (base, pem) = (sandbox.base_url(), sandbox.certificate_pem());
        Self::trusting(pem, &base, sandbox.partner_id(), sandbox.api_key())
    }

    pub(crate) fn new(base: &str, partner_id: &str, api_key: &str) -> Self {
        Self::trusting(None, base, partner_id, api_key)
    }

    /// A client that trusts the certificate `pem` and no other.
    pub(crate) fn trusting(pem: Option<&str>, base: &str, partner_id: &str, api_key: &str) -> Self {
        let agent = trusting_agent(pem);
        let (base, partner_id) = (base.to_owned(), partner_id.to_owned());
        Self { base, partner_id, api_key: api_key.to_owned(), agent }
    }

    pub(crate) fn sign(&self, timestamp: &str) -> String {
        liveface_submit::signature::sign(&self.api_key, &self.partner_id, timestamp)
    }

    /// The body of `/upload`.
    pub(crate) fn upload_body(&self, job_type: u8, user: &str, job: &str) -> Value {
        let timestamp = jiff::Timestamp::now().to_string();
        json!({
            "file_name": "selfie.zip",
            "smile_client_id": self.partner_id,
            "partner_params": { "user_id": user, "job_id": job, "job_type": job_type, "order": "7" },
            "model_parameters": {},
            "callback_url": "",
            "signature": self.sign(&timestamp),
            "timestamp": timestamp,
        })
    }

    /// The body of `/job_status`.
    pub(crate) fn status_body(&self, user: &str, job: &str) -> Value {
        let timestamp = jiff::Timestamp::now().to_string();
        json!({
            "user_id": user, "job_id": job, "partner_id": self.partner_id,
            "image_links": false, "history": false,
            "signature": self.sign(&timestamp),
            "timestamp": timestamp,
        })
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.try_post(path, body).unwrap()
    }

    pub(crate) fn try_post(&self, path: &str, body: &Value) -> Result<(u16, Value), ureq::Error> {
        let mut answer = self.agent.post(format!("{}/{path}", self.base)).send_json(body)?;
        Ok((answer.status().as_u16(), answer.body_mut().read_json()?))
    }

    pub(crate) fn put(&self, url: &str, content_type: &str, body: &[u8]) -> (u16, String) {
        self.try_put(url, content_type, body).unwrap()
    }

    pub(crate) fn try_put(
        &self,
        url: &str,
        content_type: &str,
        body: &[u8],
    ) -> Result<(u16, String), ureq::Error> {
        let request = self.agent.put(url).header("Content-Type", content_type);
        let mut answer = request.send(body)?;
        Ok((answer.status().as_u16(), answer.body_mut().read_to_string()?))
    }

    pub(crate) fn get(&self, url: &str) -> (u16, Vec<u8>) {
        let mut answer = self.agent.get(url).call().unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_vec().unwrap())
    }

    /// Opens a job that must be accepted; its upload URL.
    pub(crate) fn open(&self, body: &Value) -> String {
        let (status, answer) = self.post("upload", body);
        assert_eq!((status, &answer["code"]), (200, &json!("2202")), "{answer}");
        answer["upload_url"].as_str().unwrap().to_owned()
    }

    pub(crate) fn put_zip(&self, url: &str, zip: &[u8]) {
        assert_eq!(self.put(url, "application/zip", zip), (200, String::new()));
    }

    /// Asks until the job is complete.
    pub(crate) fn wait(&self, user: &str, job: &str) -> Value {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let (status, answer) = self.post("job_status", &self.status_body(user, job));
            assert_eq!(status, 200, "{answer}");
            if answer["job_complete"] == true {
                return answer;
            }
            assert!(Instant::now() < end, "{job} does not end: {answer}");
            sleep(Duration::from_millis(20));
        }
    }

    /// A whole job; its result.
    pub(crate) fn submit(&self, job_type: u8, user: &str, job: &str, zip: &[u8]) -> Value {
        let url = self.open(&self.upload_body(job_type, user, job));
        self.put_zip(&url, zip);
        self.wait(user, job)["result"].clone()
    }

    pub(crate) fn register(&self, user: &str, job: &str, zip: &[u8]) -> Value {
        self.submit(4, user, job, zip)
    }

    pub(crate) fn authenticate(&self, user: &str, job: &str, zip: &[u8]) -> Value {
        self.submit(2, user, job, zip)
    }
}

/// Waits until the callback of a job is no longer pending.
pub(crate) fn callback_end(sandbox: &Sandbox, job: &str) -> CallbackState {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        match sandbox.callback_state(job).unwrap() {
            Some(state @ (CallbackState::Delivered { .. } | CallbackState::GivenUp { .. })) => {
                return state;
            }
            state => assert!(Instant::now() < end, "the callback stays {state:?}"),
        }
        sleep(Duration::from_millis(20));
    }
}

/// A receiver that answers each callback with the next of `statuses`, then is gone. Its URL, and
/// the bodies that came.
pub(crate) fn receiver(statuses: &'static [u16]) -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/callback", listener.local_addr().unwrap());
    let (bodies, received) = channel();
    std::thread::spawn(move || {
        for status in statuses {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let line = line.trim().to_ascii_lowercase();
                if let Some(value) = line.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            bodies.send(serde_json::from_slice(&body).unwrap()).unwrap();
            let answer =
                format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    (url, received)
}

fn workspace(path: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../..", path].iter().collect()
}

/// The engine, with the workspace's models and ONNX Runtime.
pub(crate) fn engine() -> Engine {
    let models = ModelSource::Folder(workspace("models"));
    Engine::load(&EngineConfig { models, ..EngineConfig::default() }).unwrap()
}

/// Eyes that are that engine.
pub(crate) fn engine_analyser() -> Box<dyn FaceAnalyser> {
    Box::new(EngineAnalyser::new(engine(), &Policy::default()))
}

/// A file of the fixtures.
pub(crate) fn fixture(path: &str) -> Vec<u8> {
    std::fs::read(workspace("fixtures").join(path)).unwrap()
}

/// A selfie and seven liveness images of a person of the fixtures, out of two of their clips.
pub(crate) fn fixture_capture(person: &str, first: &str, second: &str) -> (Vec<u8>, Vec<Vec<u8>>) {
    let frame = |clip: &str, n: u32| fixture(&format!("{person}/{clip}/{n:03}.jpg"));
    let liveness = (0..7).map(|n| frame(if n < 4 { first } else { second }, n % 4));
    (frame(first, 5), liveness.collect())
}
