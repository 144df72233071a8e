//! A server on loopback that keeps every request and answers as if all went well. Plain HTTP and TLS
//! on one port: two of the official clients speak nothing but TLS.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use liveface_submit::signature;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, KeyUsagePurpose};
use rustls::crypto::ring;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

pub(crate) const KEY: &str = "test-api-key-0001";
/// A token of the V3 API, which says that it lasts until 2100.
pub(crate) const TOKEN: &str = "eyJhbGciOiJub25lIn0.eyJleHAiOjQxMDI0NDQ4MDB9.c2lnbmVk";
/// The id of every job of the V3 API.
pub(crate) const JOB_ID: &str = "job_0123456789abcdefghjkmnpqrs";

/// The first byte that a TLS client sends.
const HANDSHAKE: u8 = 0x16;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Names in small letters.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
    /// Scheme, host and port that the client used.
    pub(crate) origin: String,
}

pub(crate) struct Recorder {
    address: SocketAddr,
    certificate: PathBuf,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Recorder {
    /// A server that calls a job unfinished so many times. Its certificate goes into `dir`.
    pub(crate) fn start(dir: &Path, unfinished: usize) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let certificate = params.self_signed(&key).unwrap();
        let path = dir.join("recorder.pem");
        std::fs::write(&path, certificate.pem()).unwrap();
        let private = rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der());
        let tls = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private.into())
            .unwrap();

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::<Request>::new()));
        let (kept, tls) = (requests.clone(), Arc::new(tls));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (kept, tls) = (kept.clone(), tls.clone());
                std::thread::spawn(move || {
                    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
                    let mut first = [0];
                    if stream.peek(&mut first).unwrap_or(0) == 0 {
                        return;
                    }
                    if first == [HANDSHAKE] {
                        let connection = ServerConnection::new(tls).unwrap();
                        let mut stream = StreamOwned::new(connection, stream);
                        serve(&mut stream, format!("https://{address}"), &kept, unfinished);
                        stream.conn.send_close_notify();
                        let _ = stream.flush();
                    } else {
                        serve(&mut { stream }, format!("http://{address}"), &kept, unfinished);
                    }
                });
            }
        });
        Self { address, certificate: path, requests }
    }

    /// The server's address for a client that speaks `scheme`.
    pub(crate) fn origin(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.address)
    }

    /// The certificate to trust, in PEM.
    pub(crate) fn certificate(&self) -> &Path {
        &self.certificate
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(
    stream: &mut (impl Read + Write),
    origin: String,
    kept: &Mutex<Vec<Request>>,
    unfinished: usize,
) {
    let Some(request) = read(stream, origin) else { return };
    let (asked_before, job_type) = {
        let mut kept = kept.lock().unwrap();
        let same =
            |other: &&Request| (&other.method, &other.path) == (&request.method, &request.path);
        let earlier = kept.iter().filter(same).count();
        kept.push(request.clone());
        (earlier, announced(&kept))
    };
    let (status, body) = answer(&request, asked_before >= unfinished, &job_type);
    // A client that is gone shows in what is missing later.
    let _ = write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.flush();
}

fn read(stream: &mut impl Read, origin: String) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    assert!(!headers.contains_key("transfer-encoding"), "storage services take no chunks");
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, path, headers, body, origin })
}

/// The job type of the v1 job that was announced last.
fn announced(requests: &[Request]) -> Value {
    let upload = requests.iter().rfind(|request| request.path == "/v1/upload");
    let body = upload.and_then(|upload| serde_json::from_slice::<Value>(&upload.body).ok());
    body.map_or(Value::Null, |body| body["partner_params"]["job_type"].clone())
}

fn answer(request: &Request, finished: bool, job_type: &Value) -> (u16, String) {
    let (status, answer) = match (request.method.as_str(), request.path.as_str()) {
        ("POST", "/v1/upload") => (200, accepted(request)),
        ("PUT", "/zip/1") => return (200, String::new()),
        ("POST", "/v1/job_status") => (200, job_status(request, finished, job_type)),
        ("POST", "/v3/token") => (200, json!({ "token": TOKEN })),
        ("POST", "/v3/registration" | "/v3/authentication") => {
            (202, v3_answer("accepted", "Request accepted"))
        }
        ("GET", _) if finished => (200, v3_answer("clear", "Job completed")),
        ("GET", _) => (202, v3_answer("processing", "Job is being processed")),
        other => panic!("nobody asks for {other:?}"),
    };
    (status, answer.to_string())
}

fn accepted(request: &Request) -> Value {
    json!({
        "upload_url": format!("{}/zip/1", request.origin),
        "ref_id": "125-0000000583-abcdefghijk",
        "smile_job_id": "0000000583",
        "camera_config": "null",
        "code": "2202",
    })
}

/// Signed for whoever asks.
fn job_status(request: &Request, finished: bool, job_type: &Value) -> Value {
    let asked: Value = serde_json::from_slice(&request.body).unwrap();
    let timestamp = "2026-11-23T00:45:12.077Z";
    let (code, text, action) = if *job_type == json!(2) {
        ("0820", "Authenticate User", "Selfie_To_Registered_Selfie_Compare")
    } else {
        ("0840", "Enroll User", "Register_Selfie")
    };
    let result = json!({
        "ResultCode": code, "ResultText": text, "ResultType": "SAIA",
        "ConfidenceValue": "99.000000", "IsFinalResult": "true", "IsMachineResult": "true",
        "SmileJobID": "0000000583", "JSONVersion": "1.0.0", "Source": "WebAPI",
        "PartnerParams": { "job_id": asked["job_id"], "user_id": asked["user_id"], "job_type": job_type },
        "Actions": { "Liveness_Check": "Passed", action: "Approved" },
    });
    json!({
        "timestamp": timestamp,
        "signature": signature::sign(KEY, asked["partner_id"].as_str().unwrap(), timestamp),
        "job_complete": finished,
        "job_success": finished,
        "code": "2302",
        "result": if finished { result } else { json!("No zip uploaded") },
        "history": [],
        "image_links": {},
    })
}

fn v3_answer(status: &str, message: &str) -> Value {
    json!({
        "status": status, "message": message, "job_id": JOB_ID, "user_id": "user-0001",
        "created_at": "2026-11-23T00:45:12.077Z",
    })
}
