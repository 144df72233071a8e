//! What two lists of requests differ in, after time, signature, tokens and the SDK's name were taken
//! out of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::io::{Cursor, Read};
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use liveface_submit::signature;

use super::json::Json;
use super::recorder::{KEY, Request, TOKEN};

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Difference {
    /// The request and the field.
    pub(crate) place: String,
    /// What the official client sends.
    pub(crate) official: String,
    /// What ours sends.
    pub(crate) ours: String,
}

/// What a field that is not there is shown as.
pub(crate) const ABSENT: &str = "absent";

/// The files of the images by name: both clients are given the same.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// What the official client's requests and ours differ in.
pub(crate) fn compare(
    official: &[Request],
    ours: &[Request],
    partner_id: &str,
    files: &Files,
) -> BTreeSet<Difference> {
    let mut comparison = Comparison { partner_id, files, found: BTreeSet::new() };
    let line = |request: &Request| format!("{} {}", request.method, request.path);
    let lines = |requests: &[Request]| requests.iter().map(line).collect::<Vec<_>>();
    let (their_lines, our_lines) = (lines(official), lines(ours));
    comparison.value("requests", &their_lines.join(", "), &our_lines.join(", "));
    for (theirs, our) in official.iter().zip(ours).filter(|(a, b)| line(a) == line(b)) {
        comparison.request(theirs, our);
    }
    comparison.found
}

struct Comparison<'a> {
    partner_id: &'a str,
    files: &'a Files,
    found: BTreeSet<Difference>,
}

impl Comparison<'_> {
    fn value(&mut self, place: &str, official: &dyn Display, ours: &dyn Display) {
        let (official, ours) = (official.to_string(), ours.to_string());
        if official != ours {
            let [place, official, ours] =
                [place, &official, &ours].map(|text| without_numbers(text, self.files));
            self.found.insert(Difference { place, official, ours });
        }
    }

    /// Two ordered lists of names: those that only one has, and the order of the others. Answers
    /// with the names that both have.
    fn names(&mut self, place: &str, theirs: &[String], ours: &[String]) -> Vec<String> {
        let common = |list: &[String], other: &[String]| -> Vec<String> {
            list.iter().filter(|name| other.contains(name)).cloned().collect()
        };
        let (theirs, ours) = (common(theirs, ours), common(ours, theirs));
        self.value(&format!("{place}: order"), &theirs.join(", "), &ours.join(", "));
        theirs
    }

    fn request(&mut self, official: &Request, ours: &Request) {
        let step = match official.path.rsplit_once('/').unwrap() {
            (_, "upload") => "upload",
            ("/zip", _) => "zip",
            (_, "job_status") => "job status",
            (_, "token") => "token",
            (_, "registration") => "registration",
            (_, "authentication") => "authentication",
            ("/v3/status", _) => "status",
            other => panic!("{other:?}"),
        };
        self.headers(step, official, ours);
        let kind = official.headers.get("content-type").map_or("", String::as_str);
        if kind.starts_with("multipart/form-data") {
            self.multipart(step, official, ours);
        } else if step == "zip" {
            self.zip(official, ours);
        } else if kind.starts_with("application/json") {
            let [theirs, ours] = [official, ours].map(|r| self.cleaned(r, &r.body));
            self.json(step, &theirs, &ours);
        } else {
            self.value(step, &official.body.len(), &ours.body.len());
        }
    }

    fn headers(&mut self, step: &str, official: &Request, ours: &Request) {
        let [theirs, ours] = [official, ours].map(|request| {
            let mut headers = request.headers.clone();
            if let Some(length) = headers.remove("content-length") {
                assert_eq!(length, request.body.len().to_string());
            }
            headers.remove("host");
            for (name, value) in &mut headers {
                match name.as_str() {
                    "user-agent" | "smileid-source-sdk" | "smileid-source-sdk-version" => {
                        assert!(!value.is_empty());
                        *value = "<SDK>".to_owned();
                    }
                    "smileid-token" if value == TOKEN => *value = "<token>".to_owned(),
                    "content-type" => {
                        if let Some((kind, _)) = value.split_once("; boundary=") {
                            *value = format!("{kind}; boundary=<boundary>");
                        }
                    }
                    _ => {}
                }
            }
            headers
        });
        let names: BTreeSet<_> = theirs.keys().chain(ours.keys()).collect();
        for name in names {
            let [theirs, ours] =
                [&theirs, &ours].map(|headers| headers.get(name).map_or(ABSENT, String::as_str));
            // What an HTTP library adds of its own, it adds to every request.
            let place = match name.as_str() {
                "accept" | "accept-encoding" | "accept-language" | "connection" => "any request",
                _ => step,
            };
            self.value(&format!("{place}: header `{name}`"), &theirs, &ours);
        }
    }

    fn json(&mut self, place: &str, official: &Json, ours: &Json) {
        match (official, ours) {
            (Json::Object(theirs), Json::Object(ours)) => {
                let names = |fields: &[(String, Json)]| {
                    let names: Vec<_> = fields.iter().map(|(name, _)| name.clone()).collect();
                    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
                    names
                };
                let common = self.names(place, &names(theirs), &names(ours));
                let find = |fields: &[(String, Json)], name: &str| {
                    fields.iter().find(|(field, _)| field == name).unwrap().1.clone()
                };
                for name in &common {
                    let (theirs, ours) = (find(theirs, name), find(ours, name));
                    self.json(&format!("{place}: `{name}`"), &theirs, &ours);
                }
                for (name, value) in theirs.iter().filter(|(name, _)| !common.contains(name)) {
                    self.value(&format!("{place}: `{name}`"), &brief(name, value), &ABSENT);
                }
                for (name, value) in ours.iter().filter(|(name, _)| !common.contains(name)) {
                    self.value(&format!("{place}: `{name}`"), &ABSENT, &brief(name, value));
                }
            }
            (Json::List(theirs), Json::List(ours)) => {
                self.value(&format!("{place}: length"), &theirs.len(), &ours.len());
                for (theirs, ours) in theirs.iter().zip(ours) {
                    self.json(&format!("{place}: each"), theirs, ours);
                }
            }
            _ => self.value(place, official, ours),
        }
    }

    fn zip(&mut self, official: &Request, ours: &Request) {
        let [theirs, our] = [official, ours].map(|request| entries(&request.body));
        let names = |entries: &[Entry]| -> Vec<String> {
            entries.iter().map(|entry| entry.name.clone()).collect()
        };
        let common = self.names("zip", &names(&theirs), &names(&our));
        for entry in theirs.iter().filter(|entry| !common.contains(&entry.name)) {
            self.value(&format!("zip: entry `{}`", entry.name), &"present", &ABSENT);
        }
        for entry in our.iter().filter(|entry| !common.contains(&entry.name)) {
            self.value(&format!("zip: entry `{}`", entry.name), &ABSENT, &"present");
        }
        for name in &common {
            let of = |entries: &[Entry]| entries.iter().find(|entry| entry.name == *name).cloned();
            let (theirs, our) = (of(&theirs).unwrap(), of(&our).unwrap());
            let place = format!("zip: entry `{name}`");
            self.value(&format!("{place}: compression"), &theirs.compression, &our.compression);
            if name == "info.json" {
                let theirs = self.cleaned(official, &theirs.bytes);
                let our = self.cleaned(ours, &our.bytes);
                self.json("info.json", &theirs, &our);
            } else {
                self.value(&place, &self.shown(&theirs.bytes), &self.shown(&our.bytes));
            }
        }
    }

    fn multipart(&mut self, step: &str, official: &Request, ours: &Request) {
        let [theirs, our] = [official, ours].map(parts);
        let names = |parts: &[Part]| -> Vec<String> {
            parts.iter().map(|part| part.name.clone()).collect()
        };
        let common = self.names(step, &names(&theirs), &names(&our));
        for part in theirs.iter().filter(|part| !common.contains(&part.name)) {
            self.value(&format!("{step}: part `{}`", part.name), &self.part(part), &ABSENT);
        }
        for part in our.iter().filter(|part| !common.contains(&part.name)) {
            self.value(&format!("{step}: part `{}`", part.name), &ABSENT, &self.part(part));
        }
        let names: BTreeSet<_> = common.into_iter().collect();
        for name in names {
            let of = |parts: &[Part]| -> Vec<Part> {
                parts.iter().filter(|part| part.name == name).cloned().collect()
            };
            let (theirs, our) = (of(&theirs), of(&our));
            let place = format!("{step}: part `{name}`");
            self.value(&format!("{place}: how often"), &theirs.len(), &our.len());
            for (theirs, our) in theirs.iter().zip(&our) {
                self.value(&format!("{place}: headers"), &theirs.headers, &our.headers);
                if theirs.headers.contains("application/json") {
                    let theirs = self.cleaned(official, &theirs.body);
                    let our = self.cleaned(ours, &our.body);
                    self.json(&place, &theirs, &our);
                } else {
                    self.value(&place, &self.shown(&theirs.body), &self.shown(&our.body));
                }
            }
        }
    }

    /// A part that only one has.
    fn part(&self, part: &Part) -> String {
        match part.name.as_str() {
            "metadata" => brief("metadata", &Json::read(&part.body)),
            _ => self.shown(&part.body),
        }
    }

    /// Bytes as they are told: an image by its name, a text as such.
    fn shown(&self, bytes: &[u8]) -> String {
        match self.files.iter().find(|(_, file)| *file == bytes) {
            Some((name, _)) => format!("the file {name}"),
            None => format!("{:?}", String::from_utf8_lossy(bytes)),
        }
    }

    /// The JSON of `request` without time, signature, the SDK's name and the server's address, and
    /// with images by their names.
    fn cleaned(&self, request: &Request, text: &[u8]) -> Json {
        let mut json = Json::read(text);
        self.clean(request, &mut json);
        json
    }

    fn clean(&self, request: &Request, json: &mut Json) {
        match json {
            Json::List(list) => list.iter_mut().for_each(|value| self.clean(request, value)),
            Json::Object(fields) => {
                let signed = |name: &str| {
                    let field = fields.iter().find(|(field, _)| field == name);
                    field.and_then(|(_, value)| value.text()).unwrap_or_default().to_owned()
                };
                let (time, signature) = (signed("timestamp"), signed("signature"));
                for (name, value) in fields {
                    match (name.as_str(), value.text()) {
                        ("timestamp", Some(time)) if is_now(time) => {
                            *value = Json::Text("<time>".to_owned());
                        }
                        ("signature", Some(_))
                            if signature::verify(KEY, self.partner_id, &time, &signature) =>
                        {
                            *value = Json::Text("<signature>".to_owned());
                        }
                        ("source_sdk" | "source_sdk_version" | "language", Some(text)) => {
                            assert!(!text.is_empty());
                            *value = Json::Text("<SDK>".to_owned());
                        }
                        _ => self.clean(request, value),
                    }
                }
            }
            Json::Text(text) => *text = self.cleaned_text(request, text),
            _ => {}
        }
    }

    fn cleaned_text(&self, request: &Request, text: &str) -> String {
        if let Some(name) = STANDARD.decode(text).ok().and_then(|bytes| {
            self.files.iter().find(|(_, file)| **file == bytes).map(|(name, _)| name)
        }) {
            return format!("<base64 of {name}>");
        }
        let path = Path::new(text);
        if let Some(name) = path.file_name().and_then(|name| name.to_str())
            && path.is_absolute()
            && self.files.contains_key(name)
        {
            return format!("<path of {name}>");
        }
        text.replace(&request.origin, "<server>")
    }
}

/// A field that only one has. Of metadata only the names: the values tell of versions and machines. How
/// many entries an integrity record takes depends on its length.
fn brief(name: &str, value: &Json) -> String {
    match value {
        Json::List(entries) if name == "metadata" => {
            let names = entries.iter().map(|entry| entry.get("name").unwrap().text().unwrap());
            let is_record = |name: &str| name.starts_with("liveface_record_");
            let named = |name| if is_record(name) { "liveface_record_*" } else { name };
            let mut names: Vec<_> = names.map(named).collect();
            names.dedup();
            names.join(", ")
        }
        _ => value.to_string(),
    }
}

/// Whether a text is the present time, as far as a slow test goes.
fn is_now(time: &str) -> bool {
    time.parse::<jiff::Timestamp>().is_ok_and(|time| {
        jiff::Timestamp::now().duration_since(time).unsigned_abs() < Duration::from_secs(600)
    })
}

/// The text with `*` in place of what tells one liveness image from another.
fn without_numbers(text: &str, files: &Files) -> String {
    files.keys().fold(text.to_owned(), |text, name| {
        text.replace(name, &name.replace(|c: char| c.is_ascii_digit(), "").replace("_.", "_*."))
    })
}

#[derive(Clone)]
struct Entry {
    name: String,
    compression: String,
    bytes: Vec<u8>,
}

/// The entries of a zip, in the order of its directory.
fn entries(zip: &[u8]) -> Vec<Entry> {
    let mut zip = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
    let count = zip.len();
    let entry = |index| {
        let mut file = zip.by_index(index).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        let compression = format!("{:?}", file.compression()).to_lowercase();
        Entry { name: file.name().unwrap().to_string(), compression, bytes }
    };
    (0..count).map(entry).collect()
}

#[derive(Clone)]
struct Part {
    name: String,
    /// All of them, in their order, one behind the other.
    headers: String,
    body: Vec<u8>,
}

/// The parts of a multipart body.
fn parts(request: &Request) -> Vec<Part> {
    let (_, boundary) = request.headers["content-type"].split_once("boundary=").unwrap();
    let boundary = format!("--{}", boundary.trim_matches('"'));
    let mut rest = request.body.as_slice();
    let mut take = |end: &str| {
        let at = rest.windows(end.len()).position(|window| window == end.as_bytes()).unwrap();
        let (taken, after) = rest.split_at(at);
        rest = &after[end.len()..];
        taken.to_vec()
    };
    assert_eq!(take(&boundary), b"");
    let mut parts = Vec::new();
    loop {
        let line = take("\r\n");
        if line == b"--" {
            return parts;
        }
        let headers = String::from_utf8(take("\r\n\r\n")).unwrap().replace("\r\n", "; ");
        let (_, name) = headers.split_once(" name=\"").unwrap();
        let name = name.split('"').next().unwrap().to_owned();
        parts.push(Part { name, headers, body: take(&format!("\r\n{boundary}")) });
    }
}
