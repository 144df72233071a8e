//! Our client and the official ones send the same for the same capture, ids and options, but for
//! the differences that a table allows. `docs/wire-differences.md` is that table:
//! `LIVEFACE_WRITE_DOCS=1` writes it anew.
//!
//! Time, signatures, tokens and the SDK's name and version are taken out before the comparison,
//! after they were checked. A row of the table says of which jobs it is: a difference that the table
//! does not have for its job fails, and so does a row that does not happen in each of its jobs.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

#[path = "wire/allowed.rs"]
mod allowed;
mod common;
mod official;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use allowed::{ALLOWED, Allowed, When};
use liveface_bundle::{Capture, CapturedImage, Consent, Store, StoreKey, Tag};
use liveface_core::{CaptureRecord, Evidence, FrameCounts, ShotKind, Verdict};
use liveface_submit::v3::{ApiKeyTokens, UserDetails};
use liveface_submit::{
    ApiKeySigner, Call, Client, ClientConfig, Environment, GeoInfo, JobRequest, JobType,
    PollPolicy, StatusOptions,
};
use official::{Official, Runner};
use serde_json::{Value, json};
use wire::compare::{ABSENT, Difference, Files, compare};
use wire::recorder::{KEY, Recorder, Request};

const CALLBACK: &str = "https://partner.example/cb";
const EXTRAS: &[(&str, &str)] = &[("branch", ""), ("order", "ORD-9")];

/// A job that both clients are given.
struct Scenario {
    name: &'static str,
    job_type: JobType,
    partner_id: &'static str,
    callback_url: &'static str,
    partner_params: &'static [(&'static str, &'static str)],
    id_info: &'static [(&'static str, &'static str)],
    use_enrolled_image: bool,
    /// Whether the official client is given the selfie and the liveness images as base64, not as
    /// files.
    inline: [bool; 2],
    /// What the official clients have no argument for: re-enrolling and a place.
    own_extras: bool,
    /// How often the server calls the job unfinished.
    unfinished: usize,
    /// Whether the status is asked for once more, with history and links to the images.
    asks_again: bool,
}

const PLAIN: Scenario = Scenario {
    name: "a registration",
    job_type: JobType::Register,
    partner_id: "2345",
    callback_url: CALLBACK,
    partner_params: &[],
    id_info: &[],
    use_enrolled_image: false,
    inline: [false, false],
    own_extras: false,
    unfinished: 0,
    asks_again: false,
};

const SCENARIOS: [Scenario; 4] = [
    PLAIN,
    Scenario {
        name: "an authentication without a callback, of a partner with leading zeros",
        job_type: JobType::Authenticate,
        partner_id: "002345",
        callback_url: "",
        unfinished: 1,
        asks_again: true,
        ..PLAIN
    },
    Scenario { name: "a registration in base64", inline: [true, true], ..PLAIN },
    Scenario {
        name: "a registration with everything",
        partner_params: EXTRAS,
        id_info: &[("country", "NG"), ("first_name", "Amina")],
        use_enrolled_image: true,
        own_extras: true,
        inline: [false, true],
        ..PLAIN
    },
];

impl Scenario {
    fn facts(&self) -> BTreeSet<When> {
        let mut facts = BTreeSet::from([
            kind(self.job_type),
            if self.inline[0] { When::SelfieInline } else { When::SelfieFile },
            if self.inline[1] { When::LivenessInline } else { When::LivenessFiles },
            extras(self.own_extras),
        ]);
        if !self.id_info.is_empty() {
            facts.insert(When::IdInfo);
        }
        facts
    }
}

fn kind(job_type: JobType) -> When {
    match job_type {
        JobType::Register => When::Register,
        JobType::Authenticate => When::Authenticate,
    }
}

fn extras(extras: bool) -> When {
    if extras { When::Extras } else { When::NoExtras }
}

/// A selfie and seven liveness images, each another one.
fn capture() -> Capture {
    let image = |kind, index: u32, t_ms| CapturedImage {
        kind,
        index,
        t_ms,
        width: 96,
        height: 64,
        jpeg: common::picture(&[[u8::try_from(200 - 8 * index).unwrap(), 30, (t_ms / 10) as u8]])
            .into(),
    };
    let liveness = (0..7).map(|index| image(ShotKind::Liveness, index, 1000 + u64::from(index)));
    Capture {
        images: liveness.chain([image(ShotKind::Selfie, 0, 1500)]).collect(),
        record: CaptureRecord {
            engine_version: "0.1.0".into(),
            policy: "smart-selfie".into(),
            policy_sha256: None,
            seed: 1,
            models: Default::default(),
            verdict: Verdict::Live,
            reasons: vec![],
            evidence: Evidence::default(),
            shots: vec![],
            guidance: vec![],
            frames: FrameCounts::default(),
        },
    }
}

/// The images by the names that they have in our zip, selfie first.
fn files(capture: &Capture) -> Vec<(String, &[u8])> {
    capture.upload_order().iter().map(|i| (i.file_name(), i.jpeg.as_slice())).collect()
}

fn named(capture: &Capture) -> Files {
    files(capture).into_iter().map(|(name, bytes)| (name, bytes.to_vec())).collect()
}

/// Saves the images under the names that they have in our zip; their paths, the selfie's first.
fn save(dir: &Path, capture: &Capture) -> Vec<PathBuf> {
    let save = |(name, bytes): (String, &[u8])| {
        let path = dir.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    files(capture).into_iter().map(save).collect()
}

/// What the official client sends.
fn official_requests(scenario: &Scenario, client: &Runner, capture: &Capture) -> Vec<Request> {
    let dir = tempfile::tempdir().unwrap();
    let recorder = Recorder::start(dir.path(), scenario.unfinished);
    let image = |(index, path): (usize, &PathBuf)| {
        let (inline, types) = match index {
            0 => (scenario.inline[0], [0, 2]),
            _ => (scenario.inline[1], [4, 6]),
        };
        json!({ "image_type_id": types[usize::from(inline)], "inline": inline, "path": path })
    };
    let images: Vec<Value> = save(dir.path(), capture).iter().enumerate().map(image).collect();
    let mut partner_params = vec![
        json!(["user_id", "user-0001"]),
        json!(["job_id", "job-0001"]),
        json!(["job_type", scenario.job_type.number()]),
    ];
    partner_params.extend(scenario.partner_params.iter().map(|pair| json!(pair)));
    let mut job = json!({
        "call": "submit",
        // The JavaScript client puts its own scheme there.
        "server": format!("{}/v1", recorder.origin("http")),
        "partner_id": scenario.partner_id,
        "api_key": KEY,
        "callback_url": scenario.callback_url,
        "partner_params": partner_params,
        "images": images,
        "id_info": owned(scenario.id_info),
        "options": {
            "return_job_status": true,
            "return_history": false,
            "return_images": false,
            "use_enrolled_image": scenario.use_enrolled_image,
        },
    });
    let status = client.run(&job, Some(recorder.certificate()));
    assert_eq!(status["job_complete"], true, "{status}");
    if scenario.asks_again {
        job["call"] = json!("status");
        job["options"]["return_history"] = json!(true);
        job["options"]["return_images"] = json!(true);
        client.run(&job, Some(recorder.certificate()));
    }
    recorder.requests()
}

/// A capture in a store, and a server to send it to.
struct Visit {
    /// Removes everything when it is dropped.
    _dir: tempfile::TempDir,
    store: Store,
    tag: Tag,
    recorder: Recorder,
}

impl Visit {
    fn new(capture: &Capture, unfinished: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let recorder = Recorder::start(dir.path(), unfinished);
        let store = Store::open(dir.path().join("store"), &StoreKey::from_bytes([7; 32])).unwrap();
        let tag = Tag::new("visit").unwrap();
        store.save(&tag, capture).unwrap();
        Self { _dir: dir, store, tag, recorder }
    }

    /// Settings that do not wait long.
    fn config(&self) -> ClientConfig {
        let server = Environment::Url(format!("{}/v1", self.recorder.origin("http")));
        let short = Duration::from_millis(10);
        let poll = PollPolicy { early_pause: short, early_polls: 4, late_pause: short };
        ClientConfig { poll, ..ClientConfig::new(server) }
    }

    /// Sends the capture.
    fn submit(&self, client: &Client, job_type: JobType, request: &JobRequest) {
        let outcome = match job_type {
            JobType::Register => client.register(&self.store, &self.tag, request, Call::default()),
            JobType::Authenticate => {
                client.authenticate(&self.store, &self.tag, request, Call::default())
            }
        };
        assert!(outcome.unwrap().is_approved());
    }
}

fn owned(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// What our client sends.
fn our_requests(scenario: &Scenario, capture: &Capture) -> Vec<Request> {
    let visit = Visit::new(capture, scenario.unfinished);
    let signer = ApiKeySigner::new(scenario.partner_id, KEY).unwrap();
    let client = Client::new(visit.config(), signer).unwrap();
    let callback_url = scenario.callback_url;
    let request = JobRequest {
        job_id: Some("job-0001".to_owned()),
        partner_params: owned(scenario.partner_params),
        callback_url: (!callback_url.is_empty()).then(|| callback_url.to_owned()),
        allow_re_enroll: scenario.own_extras,
        use_enrolled_image: scenario.use_enrolled_image,
        id_info: owned(scenario.id_info),
        geo: scenario.own_extras.then_some(PLACE),
        ..JobRequest::new("user-0001")
    };
    visit.submit(&client, scenario.job_type, &request);
    if scenario.asks_again {
        let options = StatusOptions { history: true, image_links: true };
        client.status(&visit.store, &visit.tag, options, Call::default()).unwrap();
    }
    visit.recorder.requests()
}

/// A job of the V3 API.
struct V3Scenario {
    name: &'static str,
    job_type: JobType,
    use_enrolled_image: bool,
    /// Everything that may be left out.
    extras: bool,
    unfinished: usize,
}

const V3_PARTNER: &str = "2345";

const V3_PLAIN: V3Scenario = V3Scenario {
    name: "a V3 registration",
    job_type: JobType::Register,
    use_enrolled_image: false,
    extras: false,
    unfinished: 0,
};

const V3_SCENARIOS: [V3Scenario; 4] = [
    V3_PLAIN,
    V3Scenario { name: "a V3 registration with everything", extras: true, ..V3_PLAIN },
    V3Scenario {
        name: "a V3 authentication",
        job_type: JobType::Authenticate,
        unfinished: 1,
        ..V3_PLAIN
    },
    V3Scenario {
        name: "a V3 authentication with the enrolled image",
        job_type: JobType::Authenticate,
        use_enrolled_image: true,
        ..V3_PLAIN
    },
];

const PLACE: GeoInfo = GeoInfo {
    latitude: -1.25,
    longitude: 36.5,
    altitude: None,
    accuracy: Some(8.0),
    last_update: None,
    permission_granted: None,
};

/// What the official client of V3 sends.
fn v3_official_requests(scenario: &V3Scenario, client: &Runner, capture: &Capture) -> Vec<Request> {
    let dir = tempfile::tempdir().unwrap();
    let recorder = Recorder::start(dir.path(), scenario.unfinished);
    let mut job = json!({
        "user_id": "user-0001",
        "user_details": {
            "given_names": "Amina Fatou",
            "last_name": "Clearwater",
            "email": "amina.clearwater@example.com",
        },
        "consent": {
            "granted_at": "2026-01-02T03:04:05.678Z",
            "notice_language": "EN",
            "notice_privacy_policy_url": "https://example.com/privacy",
        },
    });
    if scenario.use_enrolled_image {
        job["use_enrolled_image"] = json!(true);
    } else {
        let mut paths = save(dir.path(), capture);
        job["selfie_image"] = json!(paths.remove(0));
        job["liveness_images"] = json!(paths);
    }
    if scenario.extras {
        let place = json!({ "latitude": -1.25, "longitude": 36.5, "accuracy": 8.0 });
        job["allow_new_enroll"] = json!(true);
        job["callback_url"] = json!(CALLBACK);
        job["sandbox_result"] = json!(840);
        job["partner_params"] = json!({ "branch": "", "order": "ORD-9" });
        job["metadata"] = json!([{ "name": "geolocation", "value": place.to_string() }]);
    }
    let task = json!({
        "call": match scenario.job_type {
            JobType::Register => "enroll",
            JobType::Authenticate => "authenticate",
        },
        "server": recorder.origin("https"),
        "certificate": recorder.certificate(),
        "partner_id": V3_PARTNER,
        "api_key": KEY,
        "job": job,
    });
    let answer = client.run(&task, None);
    assert_eq!(answer["status"]["status"], "clear", "{answer}");
    recorder.requests()
}

/// What our client sends by V3.
fn v3_our_requests(scenario: &V3Scenario, capture: &Capture) -> Vec<Request> {
    let visit = Visit::new(capture, scenario.unfinished);
    let tokens = ApiKeyTokens::new(V3_PARTNER, KEY).unwrap();
    let extras = scenario.extras;
    // The official client is given the place as the only metadata.
    let config = ClientConfig { metadata: !extras, record: !extras, ..visit.config() };
    let client = Client::v3(config, tokens).unwrap();
    let request = JobRequest {
        user_details: Some(UserDetails {
            given_names: "Amina Fatou".to_owned(),
            last_name: "Clearwater".to_owned(),
            email: Some("amina.clearwater@example.com".to_owned()),
            phone_number: None,
        }),
        consent: Some(Consent {
            granted_at: "2026-01-02T03:04:05.678Z".to_owned(),
            notice_language: "EN".to_owned(),
            notice_privacy_policy_url: "https://example.com/privacy".to_owned(),
        }),
        use_enrolled_image: scenario.use_enrolled_image,
        allow_re_enroll: extras,
        callback_url: extras.then(|| CALLBACK.to_owned()),
        sandbox_result: extras.then_some(840),
        partner_params: if extras { owned(EXTRAS) } else { BTreeMap::new() },
        geo: extras.then_some(PLACE),
        ..JobRequest::new("user-0001")
    };
    visit.submit(&client, scenario.job_type, &request);
    visit.recorder.requests()
}

/// What the two clients differ in for one scenario.
struct Compared {
    scenario: &'static str,
    facts: BTreeSet<When>,
    found: BTreeSet<Difference>,
}

/// What the two clients of one API differ in, for each of its scenarios: `about` tells a scenario's
/// name, partner and facts.
fn compare_all<S: Sync>(
    scenarios: &[S],
    about: impl Fn(&S) -> (&'static str, &'static str, BTreeSet<When>) + Sync,
    theirs: impl Fn(&S, &Capture) -> Vec<Request> + Sync,
    ours: impl Fn(&S, &Capture) -> Vec<Request> + Sync,
) -> Vec<Compared> {
    let capture = capture();
    let files = named(&capture);
    let compared = |scenario: &S| {
        let (name, partner_id, facts) = about(scenario);
        let (theirs, ours) = (theirs(scenario, &capture), ours(scenario, &capture));
        assert!(theirs.len() > 2, "{name}");
        Compared { scenario: name, facts, found: compare(&theirs, &ours, partner_id, &files) }
    };
    let compared = &compared;
    // The official clients sleep most of the time.
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            scenarios.iter().map(|scenario| scope.spawn(move || compared(scenario))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Compares an official client of v1 with ours; the differences must be the table's.
fn v1_differences(official: Official) {
    let Some(client) = official.ready() else { return };
    let about = |scenario: &Scenario| (scenario.name, scenario.partner_id, scenario.facts());
    let theirs =
        |scenario: &Scenario, capture: &Capture| official_requests(scenario, &client, capture);
    check(official, &compare_all(&SCENARIOS, about, theirs, our_requests));
}

fn check(official: Official, compared: &[Compared]) {
    let wrong = contradictions(ALLOWED, official, compared);
    assert!(wrong.is_empty(), "{}:\n{}", official.package(), wrong.join("\n"));
}

/// Where the table and what was found are not the same, in either direction.
fn contradictions(table: &[Allowed], official: Official, compared: &[Compared]) -> Vec<String> {
    let rows: Vec<_> = table
        .iter()
        .filter(|row| row.clients.contains(&official))
        .map(|row| {
            let [place, official, ours] = [row.place, row.official, row.ours].map(str::to_owned);
            (row.when, Difference { place, official, ours })
        })
        .collect();
    let is_of =
        |when: &[When], facts: &BTreeSet<When>| when.iter().all(|fact| facts.contains(fact));
    let said = |what: &str, Difference { place, official, ours }: &Difference| {
        format!("{what}: {place}: {official} / {ours}")
    };
    let mut wrong = Vec::new();
    for Compared { scenario, facts, found } in compared {
        let rows = rows.iter().filter(|(when, _)| is_of(when, facts));
        let rows: BTreeSet<_> = rows.map(|(_, row)| row.clone()).collect();
        let not_allowed = |found| said(&format!("{scenario}: not allowed"), found);
        wrong.extend(found.difference(&rows).map(not_allowed));
        let missing = |row| said(&format!("{scenario}: does not happen"), row);
        wrong.extend(rows.difference(found).map(missing));
    }
    let idle = |(when, _): &&(&[When], Difference)| {
        !compared.iter().any(|compared| is_of(when, &compared.facts))
    };
    wrong.extend(rows.iter().filter(idle).map(|(_, row)| said("no job is like that", row)));
    wrong
}

#[test]
fn a_row_is_for_its_own_jobs() {
    let row = Allowed {
        clients: &[Official::SmileIdCore],
        when: &[When::IdInfo],
        place: "upload: `country`",
        official: "\"NG\"",
        ours: ABSENT,
        why: "",
    };
    let difference = Difference {
        place: row.place.into(),
        official: row.official.into(),
        ours: row.ours.into(),
    };
    let wrong = |official, jobs: &[(&[When], bool)]| {
        let compared: Vec<_> = jobs
            .iter()
            .map(|(facts, differs)| Compared {
                scenario: "a job",
                facts: facts.iter().copied().collect(),
                found: differs.then(|| difference.clone()).into_iter().collect(),
            })
            .collect();
        let wrong = contradictions(std::slice::from_ref(&row), official, &compared);
        let kind = |text: String| text.split(": upload").next().unwrap().to_owned();
        wrong.into_iter().map(kind).collect::<Vec<_>>()
    };
    let with = &[When::IdInfo, When::Register][..];
    let without = &[When::Register][..];
    let own = Official::SmileIdCore;
    assert!(wrong(own, &[(with, true), (without, false)]).is_empty());
    assert_eq!(wrong(own, &[(with, true), (without, true)]), ["a job: not allowed"]);
    assert_eq!(wrong(own, &[(with, true), (with, false)]), ["a job: does not happen"]);
    assert_eq!(wrong(own, &[(without, false)]), ["no job is like that"]);
    let other = Official::SmileIdentityCore;
    assert_eq!(wrong(other, &[(with, true)]), ["a job: not allowed"]);
    assert!(wrong(other, &[(with, false)]).is_empty());
}

#[test]
fn a_changed_field_is_a_difference() {
    let capture = capture();
    let ours = our_requests(&SCENARIOS[3], &capture);
    let files = named(&capture);
    let differences = |change: &dyn Fn(&mut Vec<Request>)| {
        let mut changed = ours.clone();
        change(&mut changed);
        let found = compare(&changed, &ours, SCENARIOS[3].partner_id, &files);
        found.into_iter().map(|difference| difference.place).collect::<Vec<_>>()
    };
    let replace = |from: &str, to: &str| {
        differences(&|requests| {
            let upload = String::from_utf8(requests[0].body.clone()).unwrap();
            assert!(upload.contains(from), "{upload}");
            requests[0].body = upload.replace(from, to).into_bytes();
            let length = requests[0].body.len().to_string();
            requests[0].headers.insert("content-length".to_owned(), length);
        })
    };
    assert!(differences(&|_| ()).is_empty());
    let job_type = "upload: `partner_params`: `job_type`";
    assert_eq!(replace("\"job_type\":4", "\"job_type\":\"4\""), [job_type]);
    assert_eq!(replace("\"model_parameters\":{},", ""), ["upload: `model_parameters`"]);
    let signature = "upload: `signature`";
    assert_eq!(replace("\"signature\":\"", "\"signature\":\"A"), [signature]);
    assert_eq!(differences(&|requests| _ = requests.pop()), ["requests"]);
    let kind = |requests: &mut Vec<Request>| {
        requests[1].headers.insert("content-type".to_owned(), "text/plain".to_owned());
    };
    assert_eq!(differences(&kind), ["zip: header `content-type`"]);
}

#[test]
fn our_v1_requests_are_those_of_smile_id_core() {
    v1_differences(Official::SmileIdCore);
}

#[test]
fn our_v1_requests_are_those_of_smile_identity_core() {
    v1_differences(Official::SmileIdentityCore);
}

#[test]
fn our_v3_requests_are_those_of_usesmileid() {
    let Some(client) = Official::Usesmileid.ready() else { return };
    let about = |scenario: &V3Scenario| {
        let facts = [kind(scenario.job_type), extras(scenario.extras)];
        (scenario.name, V3_PARTNER, BTreeSet::from(facts))
    };
    let theirs =
        |scenario: &V3Scenario, capture: &Capture| v3_official_requests(scenario, &client, capture);
    let found = compare_all(&V3_SCENARIOS, about, theirs, v3_our_requests);
    check(Official::Usesmileid, &found);
}

/// The table, as a page of the documentation.
fn page() -> String {
    let mut page = "# What our requests differ in from the official clients'\n\n\
        For the same capture, ids and options the requests of `liveface-submit` are those of the \
        service's official clients, field by field, but for the rows below. \
        `crates/sandbox/tests/differential.rs` runs the clients, compares, and wrote this page: a \
        difference without a row for its job fails, and so does a row that does not happen in each \
        of its jobs. Time, signature, \
        tokens and the SDK's name and version are left out; so is when the status is asked for, where \
        ours pauses as the JavaScript client does.\n"
        .to_owned();
    for official in Official::ALL {
        let (package, version) = (official.package(), official.version());
        write!(page, "\n## {package} {version}\n\n").unwrap();
        page += "| request and field | when | official | ours | why |\n|---|---|---|---|---|\n";
        for row in ALLOWED.iter().filter(|row| row.clients.contains(&official)) {
            let code = |text: &str| {
                if text == ABSENT { ABSENT.to_owned() } else { format!("`{text}`") }
            };
            let (official, ours) = (code(row.official), code(row.ours));
            let when: Vec<_> = row.when.iter().map(|when| when.text()).collect();
            let when = if when.is_empty() { "always".to_owned() } else { when.join(", ") };
            writeln!(page, "| {} | {when} | {official} | {ours} | {} |", row.place, row.why)
                .unwrap();
        }
    }
    page
}

#[test]
fn the_page_about_differences_is_the_table() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/wire-differences.md");
    if std::env::var_os("LIVEFACE_WRITE_DOCS").is_some() {
        std::fs::write(file, page()).unwrap();
    } else {
        let page_there = std::fs::read_to_string(file).unwrap();
        assert_eq!(page_there, page(), "LIVEFACE_WRITE_DOCS=1 writes the page anew");
    }
}
