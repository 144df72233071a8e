//! What the tests share: captures of the fixtures' people, made once; the sandbox with its real
//! eyes; and a tap between client and sandbox that sees every request and can spoil the answers.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use liveface::camera::Subject;
use liveface::{Capture, Engine, Frame, Policy, Store, StoreKey, Tag};
use liveface_legacy::{Legacy, LegacyBuilder, Map, SubmitJob};
use liveface_sandbox::{EngineAnalyser, FaceAnalyser, Sandbox, SandboxConfig, SeenFace};
use liveface_submit::{ApiKeySigner, Client, ClientConfig, Environment, PollPolicy, RetryPolicy};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The time of the fixtures' clock: 2026-01-02 15:04:05 UTC.
const NOW: u64 = 1_767_366_245;
pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(NOW)
}

/// The tag that is made of it.
pub(crate) const MADE_TAG: &str = "USER_TAG_01_02_03_04_05";

pub(crate) fn fixtures(path: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../../fixtures", path].iter().collect()
}

pub(crate) fn engine() -> Engine {
    Engine::load(&Default::default()).unwrap()
}

pub(crate) fn tag(name: &str) -> Tag {
    Tag::new(name).unwrap()
}

pub(crate) fn config(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect()
}

/// A map of the plugin's from an object.
pub(crate) fn map(value: Value) -> Map {
    let Value::Object(object) = value else { panic!("{value} is no map") };
    object.into_iter().collect()
}

/// Four captures, made once for all tests by calls of `captureSelfie`, in this order:
///
/// - `first`: `clips-f1` without a tag;
/// - `stranger`: `clips-m1` without a tag, in the same second, with an unknown key;
/// - `again`: `clips-f1` under the tag that `stranger` had;
/// - `blocked`: `clips-f1` under its name, with an unknown key, while there is a file in the place of
///   the folder for copies.
pub(crate) struct Captured {
    store: Store,
    /// By those names: `map`, and `prompts` with `state`, `code` and `text`. `is_shown`: whether the
    /// copies of `stranger`'s images were still there after `again`.
    pub(crate) said: Value,
}

/// The store's names of the captures above, with the one that was replaced.
const KEPT: [(&str, &str); 4] = [
    ("first", MADE_TAG),
    ("stranger", "kept"),
    ("again", "USER_TAG_01_02_03_04_05_2"),
    ("blocked", "blocked"),
];

impl Captured {
    pub(crate) fn get() -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("legacy-captures");
        fs::create_dir_all(&root).unwrap();
        // One process makes them, the others wait.
        let lock = File::create(root.join("lock")).unwrap();
        lock.lock().unwrap();
        // Another build may capture otherwise.
        let build = fs::metadata(std::env::current_exe().unwrap()).unwrap();
        let age = build.modified().unwrap().duration_since(UNIX_EPOCH).unwrap();
        let name = format!("{}-{}", age.as_nanos(), build.len());
        let (folder, said) = (root.join(&name), root.join(&name).join("said.json"));
        if !said.exists() {
            for entry in fs::read_dir(&root).unwrap().map(Result::unwrap) {
                if entry.path().is_dir() {
                    fs::remove_dir_all(entry.path()).unwrap();
                }
            }
            let answers = make(&folder);
            fs::write(&said, answers.to_string()).unwrap();
        }
        let said = serde_json::from_slice(&fs::read(said).unwrap()).unwrap();
        Self { store: store(&folder.join("store")), said }
    }

    /// The capture of that name.
    pub(crate) fn capture(&self, name: &str) -> Capture {
        let (_, kept) = KEPT.into_iter().find(|(own, _)| *own == name).unwrap();
        self.store.load(&tag(kept)).unwrap()
    }
}

fn store(path: &Path) -> Store {
    Store::open(path, &StoreKey::from_bytes([7; 32])).unwrap()
}

fn make(folder: &Path) -> Value {
    let store = store(&folder.join("store"));
    let engine = engine();
    let capture = |tag: &str, person: &str, seed, entries: &[(&str, &str)]| {
        let legacy = Legacy::builder(store.clone(), folder.join("images"))
            .engine(engine.clone())
            .seed(seed)
            .clock(now)
            .build();
        let mut subject = Subject::open(fixtures(person), 15.0).unwrap();
        let mut prompts = Vec::new();
        let map = legacy.capture_selfie(tag, &config(entries), true, &mut subject, &mut |prompt| {
            prompts.push(json!({
                "state": format!("{:?}", prompt.state),
                "code": prompt.guidance.code(),
                "text": prompt.text,
            }));
        });
        json!({ "map": map, "prompts": prompts })
    };
    let smile = [("prompt_do_smile", "Grin!"), ("overlay_color", "#00ff00")];
    let first = capture("", "clips-f1", 1, &smile);
    let stranger = capture("", "clips-m1", 3, &[("no_such_key", "x"), ("overlay_alpha", "much")]);
    let second = tag(KEPT[2].1);
    keep(&store, &tag("kept"), &store.load(&second).unwrap());
    let shown = Legacy::builder(store.clone(), folder.join("images")).build();
    let copies = shown.get_images_for_tag(KEPT[2].1).unwrap();
    let copy = PathBuf::from(copies["images"][0].as_str().unwrap());
    assert!(copy.exists());
    let again = capture(KEPT[2].1, "clips-f1", 2, &[]);
    let is_shown = copy.exists();
    fs::remove_dir_all(folder.join("images")).unwrap();
    fs::write(folder.join("images"), "").unwrap();
    let blocked = capture("blocked", "clips-f1", 1, &[("no_such_key", "x")]);
    json!({ "first": first, "stranger": stranger, "again": again, "blocked": blocked, "is_shown": is_shown })
}

/// Keeps a capture that was made elsewhere.
pub(crate) fn keep(store: &Store, tag: &Tag, capture: &Capture) {
    store.save(tag, capture).unwrap();
}

/// A folder of the test's own with a store.
pub(crate) struct Place {
    folder: TempDir,
    pub(crate) store: Store,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder.path().join("store"));
        Self { folder, store }
    }

    /// With these captures of the shared ones, under their names.
    pub(crate) fn with(names: &[&str]) -> Self {
        let (place, captured) = (Self::new(), Captured::get());
        for name in names {
            keep(&place.store, &tag(name), &captured.capture(name));
        }
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn images(&self) -> PathBuf {
        self.path("images")
    }

    pub(crate) fn builder(&self) -> LegacyBuilder {
        Legacy::builder(self.store.clone(), self.images())
    }

    /// One that sends jobs to `server` as its sandbox.
    pub(crate) fn legacy(&self, server: &Server) -> Legacy {
        self.builder().sandbox(server.client()).build()
    }
}

/// A job of `job_type` for the capture `tag` and `user-1`, on the sandbox.
pub(crate) fn job(tag: &str, job_type: i64) -> SubmitJob {
    SubmitJob {
        tag: tag.to_owned(),
        job_type: Some(job_type),
        is_production: Some(false),
        partner_params: map(json!({ "user_id": "user-1" })),
        ..SubmitJob::default()
    }
}

/// The engine as the sandbox's eyes, loaded when they are needed.
struct Eyes(Option<EngineAnalyser>);

impl FaceAnalyser for Eyes {
    fn faces(&mut self, picture: &Frame<'_>) -> Result<Vec<SeenFace>, String> {
        let load = || EngineAnalyser::new(engine(), &Policy::default());
        self.0.get_or_insert_with(load).faces(picture)
    }
}

/// A request as the tap saw it.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    head: Vec<String>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    /// `upload`, `zip` or `job_status`.
    pub(crate) fn step(&self) -> &str {
        if self.method == "PUT" { "zip" } else { self.path.rsplit('/').next().unwrap() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The `info.json` of the zip.
    pub(crate) fn info(&self) -> Value {
        let mut zip = zip::ZipArchive::new(std::io::Cursor::new(&self.body)).unwrap();
        let mut text = String::new();
        zip.by_name("info.json").unwrap().read_to_string(&mut text).unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

/// What is answered in the sandbox's place.
pub(crate) enum Fault {
    /// Status, content type, body.
    Answer(u16, &'static str, String),
    /// Nothing, for two seconds.
    Silence,
}

impl Fault {
    /// A refusal with a code.
    pub(crate) fn refusal(code: &str) -> Self {
        let body = json!({ "code": code, "error": "no" }).to_string();
        Self::Answer(400, "application/json", body)
    }
}

type Faults = Arc<Mutex<Box<dyn FnMut(&Seen) -> Option<Fault> + Send>>>;

/// The sandbox behind the tap.
pub(crate) struct Server {
    _folder: TempDir,
    sandbox: Sandbox,
    url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    faults: Faults,
}

impl Server {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sandbox =
            Sandbox::start(SandboxConfig::new(folder.path()), Box::new(Eyes(None))).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (seen, faults): (Arc<Mutex<Vec<Seen>>>, Faults) =
            (Arc::default(), Arc::new(Mutex::new(Box::new(|_: &Seen| None))));
        let own = sandbox.address();
        let base = sandbox.base_url();
        let path = base.split_once(&own.to_string()).unwrap().1;
        let url = format!("http://{}{path}", listener.local_addr().unwrap());
        let (kept, spoil) = (seen.clone(), faults.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (kept, spoil) = (kept.clone(), spoil.clone());
                std::thread::spawn(move || relay(&stream, own, &kept, &spoil));
            }
        });
        Self { _folder: folder, sandbox, url, seen, faults }
    }

    /// From now on, answers what `fault` says, and what the sandbox does where that is nothing.
    pub(crate) fn spoil(&self, fault: impl FnMut(&Seen) -> Option<Fault> + Send + 'static) {
        *self.faults.lock().unwrap() = Box::new(fault);
    }

    pub(crate) fn heal(&self) {
        self.spoil(|_| None);
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The requests of one step.
    pub(crate) fn step(&self, step: &str) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.step() == step).collect()
    }

    pub(crate) fn client(&self) -> Client {
        self.client_with(self.sandbox.partner_id(), self.sandbox.api_key())
    }

    pub(crate) fn client_with(&self, partner: &str, key: &str) -> Client {
        client(&self.url, partner, key, Duration::from_secs(30))
    }

    /// One that waits for no answer longer than a fifth of a second.
    pub(crate) fn hasty_client(&self) -> Client {
        let (partner, key) = self.partner();
        client(&self.url, partner, key, Duration::from_millis(200))
    }

    pub(crate) fn partner(&self) -> (&str, &str) {
        (self.sandbox.partner_id(), self.sandbox.api_key())
    }
}

/// A client that waits in milliseconds between its questions.
fn client(url: &str, partner: &str, key: &str, timeout: Duration) -> Client {
    let config = ClientConfig {
        timeout,
        poll: PollPolicy {
            early_pause: Duration::from_millis(50),
            early_polls: 20,
            late_pause: Duration::from_millis(200),
        },
        wait: Duration::from_secs(100),
        retry: RetryPolicy::none(),
        ..ClientConfig::new(Environment::Url(url.to_owned()))
    };
    Client::new(config, ApiKeySigner::new(partner, key).unwrap()).unwrap()
}

/// A client whose server does not listen.
pub(crate) fn nobody() -> Client {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    client(&format!("http://127.0.0.1:{port}/v1"), "2345", "k", Duration::from_secs(30))
}

fn relay(mut stream: &TcpStream, sandbox: SocketAddr, kept: &Mutex<Vec<Seen>>, spoil: &Faults) {
    let Some(seen) = read(stream) else { return };
    kept.lock().unwrap().push(seen.clone());
    let fault = (spoil.lock().unwrap())(&seen);
    // A client that has given up is no trouble of the tap's.
    let _ = match fault {
        Some(Fault::Silence) => {
            std::thread::sleep(Duration::from_secs(2));
            Ok(())
        }
        Some(Fault::Answer(status, kind, body)) => {
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
                 Connection: close\r\n\r\n{body}"
            )
        }
        None => forward(stream, sandbox, &seen),
    };
}

fn forward(mut stream: &TcpStream, sandbox: SocketAddr, seen: &Seen) -> std::io::Result<()> {
    let mut to = TcpStream::connect(sandbox)?;
    write!(to, "{} {} HTTP/1.1\r\n", seen.method, seen.path)?;
    for line in &seen.head {
        write!(to, "{line}\r\n")?;
    }
    write!(to, "Connection: close\r\n\r\n")?;
    to.write_all(&seen.body)?;
    let mut answer = Vec::new();
    to.read_to_end(&mut answer)?;
    stream.write_all(&answer)
}

fn read(stream: &TcpStream) -> Option<Seen> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut head, mut length) = (Vec::new(), 0);
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().ok()?;
        }
        if !name.eq_ignore_ascii_case("connection") {
            head.push(line.trim_end().to_owned());
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Seen { method, path, head, body })
}
