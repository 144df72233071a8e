//! A server on loopback that speaks enough HTTP to be any server, and captures to send to it.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used, reason = "for tests")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use liveface_bundle::{Capture, Store, StoreKey, Tag, encode};
use liveface_core::{CaptureRecord, Frame, ShotKind, Timestamp, Verdict};
use liveface_submit::{
    ApiKeySigner, Client, ClientConfig, Environment, PollPolicy, RetryPolicy, signature,
};
use serde_json::{Value, json};

pub const PARTNER: &str = "002345";
pub const KEY: &str = "test-api-key-0001";

/// A request as it arrived.
#[derive(Clone)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    /// The server's own address, without a slash at the end.
    pub server: String,
}

impl Request {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// `POST /upload` as `upload`, `PUT` of the zip as `zip`, `POST /job_status` as `status`.
    pub fn step(&self) -> &'static str {
        match (self.method.as_str(), self.path.as_str()) {
            ("POST", "/v1/upload") => "upload",
            ("PUT", "/zip/1") => "zip",
            ("POST", "/v1/job_status") => "status",
            other => panic!("{other:?}"),
        }
    }
}

/// What is answered.
pub enum Answer {
    /// Status and JSON.
    Json(u16, Value),
    /// Status, content type, body and one further header line.
    Other(u16, &'static str, String, &'static str),
    /// The beginning of a JSON answer, then the end of the connection.
    Truncated(Value),
    /// Not HTTP at all.
    Raw(&'static str),
    /// The end of the connection.
    Drop,
    /// Nothing: the connection stays open.
    Silence,
}

pub struct Server {
    pub url: String,
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    open: Arc<AtomicUsize>,
}

type Gate = Box<dyn Fn(&Request) -> bool + Send + Sync>;

impl Server {
    /// Answers every request with what `answer` says; it is given the request and how many of the
    /// same step came before.
    pub fn start(answer: impl Fn(&Request, usize) -> Answer + Send + Sync + 'static) -> Self {
        Self::start_with(None, Box::new(|_| true), answer)
    }

    /// As [`start`](Self::start); `gate` is given each request without its body and says whether
    /// that is read. Otherwise the connection ends there.
    pub fn gated(
        gate: impl Fn(&Request) -> bool + Send + Sync + 'static,
        answer: impl Fn(&Request, usize) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self::start_with(None, Box::new(gate), answer)
    }

    /// As [`start`](Self::start), with TLS and the certificate in `tests/tls`.
    pub fn secure(answer: impl Fn(&Request, usize) -> Answer + Send + Sync + 'static) -> Self {
        Self::start_with(Some(tls()), Box::new(|_| true), answer)
    }

    fn start_with(
        tls: Option<Arc<rustls::ServerConfig>>,
        gate: Gate,
        answer: impl Fn(&Request, usize) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = format!("{}://{address}", if tls.is_some() { "https" } else { "http" });
        let requests = Arc::new(Mutex::new(Vec::<Request>::new()));
        let open = Arc::new(AtomicUsize::new(0));
        let shared = Arc::new((requests.clone(), open.clone(), gate, answer, server.clone(), tls));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = shared.clone();
                shared.1.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || {
                    let (kept, open, gate, answer, own, tls) = &*shared;
                    let serve = |stream: &mut dyn Stream| {
                        let Some(request) = read(stream, own, gate) else { return };
                        let earlier = {
                            let mut kept = kept.lock().unwrap();
                            let same =
                                |r: &&Request| r.method == request.method && r.path == request.path;
                            let earlier = kept.iter().filter(same).count();
                            kept.push(request.clone());
                            earlier
                        };
                        write(stream, answer(&request, earlier));
                    };
                    let mut stream = stream;
                    match tls {
                        Some(tls) => {
                            let tls = rustls::ServerConnection::new(tls.clone()).unwrap();
                            let mut stream = rustls::StreamOwned::new(tls, stream);
                            serve(&mut stream);
                            stream.conn.send_close_notify();
                            let _ = stream.flush();
                        }
                        None => serve(&mut stream),
                    }
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { url: format!("{server}/v1/"), address, requests, open }
    }

    /// Waits until every connection that was made so far is done with.
    pub fn settle(&self) {
        // Connections are taken in their order: when this one was, all earlier ones were.
        let mut marker = TcpStream::connect(self.address).unwrap();
        marker.shutdown(std::net::Shutdown::Write).unwrap();
        let _ = marker.read(&mut [0]);
        while self.open.load(Ordering::SeqCst) > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub fn steps(&self) -> Vec<&'static str> {
        self.requests().iter().map(Request::step).collect()
    }

    /// A client of this server that waits in milliseconds.
    pub fn client(&self) -> Client {
        client(&self.url, KEY)
    }
}

trait Stream: std::io::Read + std::io::Write {}
impl<T: std::io::Read + std::io::Write> Stream for T {}

fn tls() -> Arc<rustls::ServerConfig> {
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let certificate = CertificateDer::from_pem_slice(include_bytes!("../tls/server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("../tls/server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key);
    Arc::new(config.unwrap())
}

fn read(stream: &mut dyn Stream, server: &str, gate: &Gate) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut request = Request { method, path, headers, body: vec![], server: server.to_owned() };
    if !gate(&request) {
        return None;
    }
    request.body = vec![0; length];
    reader.read_exact(&mut request.body).ok()?;
    Some(request)
}

fn write(stream: &mut dyn Stream, answer: Answer) {
    let (status, kind, body, header) = match answer {
        Answer::Json(status, value) => (status, "application/json", value.to_string(), "X-A: b"),
        Answer::Other(status, kind, body, header) => (status, kind, body, header),
        Answer::Truncated(value) => {
            let length = value.to_string().len() + 1;
            let head = "HTTP/1.1 200 X\r\nContent-Type: application/json\r\n";
            let _ = write!(stream, "{head}Content-Length: {length}\r\n\r\n{value}");
            return;
        }
        Answer::Raw(text) => {
            let _ = stream.write_all(text.as_bytes());
            return;
        }
        Answer::Drop => return,
        Answer::Silence => {
            std::thread::sleep(Duration::from_secs(20));
            return;
        }
    };
    let length = body.len();
    // A client that has given up is no trouble of the server's.
    let _ = write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n{header}\r\n\r\n{body}"
    );
}

pub fn client(url: &str, key: &str) -> Client {
    Client::new(config(url), ApiKeySigner::new(PARTNER, key).unwrap()).unwrap()
}

pub fn config(url: &str) -> ClientConfig {
    ClientConfig {
        timeout: Duration::from_secs(10),
        poll: PollPolicy {
            early_pause: Duration::from_millis(1),
            early_polls: 2,
            late_pause: Duration::from_millis(5),
        },
        wait: Duration::from_millis(150),
        // Tests that want these say so.
        retry: RetryPolicy::none(),
        metadata: false,
        record: false,
        ..ClientConfig::new(Environment::Url(url.to_owned()))
    }
}

/// The answer to an accepted upload.
pub fn accepted(request: &Request) -> Answer {
    Answer::Json(
        200,
        json!({
            "upload_url": format!("{}/zip/1", request.server),
            "ref_id": "125-0000000583-abcdefghijk",
            "smile_job_id": "0000000583",
            "camera_config": "null",
            "code": "2202",
        }),
    )
}

pub fn refusal(code: &str, error: &str) -> Answer {
    Answer::Json(400, json!({ "code": code, "error": error }))
}

/// A status answer signed with the right key.
pub fn status(complete: bool, result: &Value) -> Value {
    let timestamp = "2026-11-23T00:45:12.077Z";
    json!({
        "timestamp": timestamp,
        "signature": signature::sign(KEY, PARTNER, timestamp),
        "job_complete": complete,
        "job_success": complete,
        "code": "2302",
        "result": result,
        "history": [],
        "image_links": {},
    })
}

/// A result as the documentation shows it, for the job that `request` asks about.
pub fn result(request: &Request, code: &str) -> Value {
    let asked = request.json();
    let job_type = if ["0820", "0921"].contains(&code) { 2 } else { 4 };
    json!({
        "ResultCode": code, "ResultText": "Enroll User", "ResultType": "SAIA",
        "ConfidenceValue": "99.000000", "IsFinalResult": "true", "IsMachineResult": "true",
        "SmileJobID": "0000000583", "JSONVersion": "1.0.0", "Source": "WebAPI",
        "PartnerParams": {
            "job_id": asked["job_id"], "user_id": asked["user_id"], "job_type": job_type
        },
        "Actions": {
            "Liveness_Check": "Passed", "Human_Review_Compare": "Not Applicable",
        },
    })
}

/// A server where everything goes well, with `code` as the result.
pub fn good(request: &Request, code: &str) -> Answer {
    match request.step() {
        "upload" => accepted(request),
        "zip" => Answer::Other(200, "text/plain", String::new(), "X-A: b"),
        _ => Answer::Json(200, status(true, &result(request, code))),
    }
}

/// A store with a capture under the tag `visit`.
pub fn store() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), &StoreKey::from_bytes([7; 32])).unwrap();
    store.save(&tag(), &capture(Verdict::Live)).unwrap();
    (directory, store)
}

pub fn tag() -> Tag {
    Tag::new("visit").unwrap()
}

pub fn capture(verdict: Verdict) -> Capture {
    let image = |kind, index: u32, t_ms| {
        let pixels: Vec<u8> =
            (0..48 * 64).flat_map(|i| [(i % 256) as u8, 40, t_ms as u8]).collect();
        let frame = Frame::rgb(48, 64, &pixels, Timestamp::from_millis(t_ms)).unwrap();
        encode(&frame, kind, index, 64, 80).unwrap()
    };
    Capture {
        images: vec![
            image(ShotKind::Liveness, 0, 100),
            image(ShotKind::Liveness, 1, 200),
            image(ShotKind::Selfie, 0, 300),
        ],
        record: CaptureRecord {
            engine_version: "0.1.0".to_owned(),
            policy: "smart-selfie".to_owned(),
            policy_sha256: None,
            seed: 1,
            models: BTreeMap::new(),
            verdict,
            reasons: vec![],
            evidence: Default::default(),
            shots: vec![],
            guidance: vec![],
            frames: Default::default(),
        },
    }
}
