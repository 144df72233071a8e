//! What an integrity record says: the payload, as JSON.

use std::collections::{BTreeMap, HashSet};

use liveface_core::policy::MAX_NAME as MAX_POLICY_NAME;
use liveface_core::{Reason, ShotKind, Verdict};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::envelope::MAX_PAYLOAD;
use super::error::{RecordError, refused, unreadable};
use crate::capture::{Capture, CapturedImage};
use crate::strict_json::each_once;
use crate::text::{TIME_FORMAT, now, sha256_hex};
use crate::zip_reader::plain_name;

/// The `format` of every integrity record.
const FORMAT: &str = "liveface-record";

/// The `version` that is written and read.
const VERSION: u64 = 1;

/// The largest whole number that every reader of JSON has exactly: 2^53 - 1.
const MAX_NUMBER: u64 = (1 << 53) - 1;

/// Most images, and most entries of any other list but the facts.
const MAX_IMAGES: usize = 128;
const MAX_ENTRIES: usize = 32;

/// Most facts about a device.
pub const MAX_FACTS: usize = 32;

/// Most characters of a name or code, and of an image's file name.
const MAX_NAME: usize = 64;
const MAX_FILE_NAME: usize = 100;

/// Most characters of a device fact's value.
pub const MAX_FACT: usize = 200;

/// What is recorded of a capture: the hashes of its images and how they were taken. It holds no
/// pixels, embeddings, landmarks or ids.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntegrityRecord {
    format: String,
    version: u64,
    /// When the record was made by the device's clock, in UTC, as `2026-01-02T03:04:05.678Z`.
    pub created: String,
    /// The engine that took the capture.
    pub engine_version: String,
    /// The policy that it was taken with.
    pub policy: PolicyRecord,
    /// The seed of everything random in the sequence. In JSON it is text: readers that have only
    /// floating-point numbers would lose digits.
    #[serde(serialize_with = "as_text", deserialize_with = "from_text")]
    pub seed: u64,
    /// sha256 of each model file by the model's name, lower-case hex.
    #[serde(deserialize_with = "each_once")]
    pub models: BTreeMap<String, String>,
    /// How the capture ended.
    pub verdict: Verdict,
    /// Codes of why it did not end live. A later engine may have codes that are not known here.
    pub reasons: Vec<String>,
    /// What the verdict rests on.
    pub evidence: EvidenceSummary,
    /// The frames.
    pub frames: FrameSummary,
    /// How often everything taken so far was thrown away.
    pub restarts: u64,
    /// The images in the order in which servers get them.
    pub images: Vec<ImageRecord>,
    /// What the app chose to tell of the device.
    #[serde(deserialize_with = "each_once")]
    pub device: BTreeMap<String, String>,
}

/// The policy of a capture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyRecord {
    /// Its name.
    pub name: String,
    /// sha256 of all its values, lower-case hex: see [`liveface_core::Policy::to_toml`]. `None` when
    /// it was not recorded.
    #[serde(deserialize_with = "Option::deserialize")]
    pub sha256: Option<String>,
}

/// The evidence in short.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceSummary {
    /// All findings together, 0 (attack) to 1 (live); `None` when there is none.
    #[serde(deserialize_with = "Option::deserialize")]
    pub live: Option<f32>,
    /// Every kind of evidence.
    pub findings: Vec<FindingSummary>,
}

/// What one kind of evidence says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FindingSummary {
    /// The code of what it rests on.
    pub evidence: String,
    /// 0 speaks of an attack, 0.5 says nothing, 1 speaks of a live person; `None` when too little was
    /// seen.
    #[serde(deserialize_with = "Option::deserialize")]
    pub score: Option<f32>,
    /// The code of what speaks against a live person; `None` when nothing does.
    #[serde(deserialize_with = "Option::deserialize")]
    pub reason: Option<String>,
}

/// How many frames there were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrameSummary {
    /// Frames that were looked at.
    pub seen: u64,
    /// Frames that were skipped because an earlier one was still being looked at.
    pub dropped: u64,
}

/// An image of the capture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageRecord {
    /// Its file name in the upload.
    pub file: String,
    /// What it is for.
    pub kind: ShotKind,
    /// Counts the images of its kind from 0.
    pub index: u32,
    /// Its frame's timestamp, in milliseconds.
    pub t_ms: u64,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// sha256 of the file, lower-case hex.
    pub sha256: String,
}

impl ImageRecord {
    fn of(image: &CapturedImage) -> Self {
        Self {
            file: image.file_name(),
            kind: image.kind,
            index: image.index,
            t_ms: image.t_ms,
            width: image.width,
            height: image.height,
            bytes: image.jpeg.len() as u64,
            sha256: sha256_hex(&image.jpeg),
        }
    }
}

impl IntegrityRecord {
    /// The record of `capture`, made now. `device` is what the app chooses to tell of the device,
    /// such as its model and system: at most 32 facts, each with a name of at most 64 letters, digits
    /// and `_.-`, and a text of at most 200 characters. Nothing that names a person belongs there.
    #[must_use]
    pub fn of(capture: &Capture, device: &BTreeMap<String, String>) -> Self {
        let record = &capture.record;
        let code = |reason: Reason| reason.code().to_owned();
        let findings = record.evidence.findings.iter().map(|finding| FindingSummary {
            evidence: finding.evidence.code().to_owned(),
            score: finding.score,
            reason: finding.reason.map(code),
        });
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            created: now(),
            engine_version: record.engine_version.clone(),
            policy: PolicyRecord {
                name: record.policy.clone(),
                sha256: record.policy_sha256.clone(),
            },
            seed: record.seed,
            models: record.models.clone(),
            verdict: record.verdict,
            reasons: record.reasons.iter().copied().map(code).collect(),
            evidence: EvidenceSummary { live: record.evidence.live, findings: findings.collect() },
            frames: FrameSummary { seen: record.frames.seen, dropped: record.frames.dropped },
            restarts: record.evidence.restarts.len() as u64,
            images: capture.upload_order().into_iter().map(ImageRecord::of).collect(),
            device: device.clone(),
        }
    }

    /// The record as JSON, which can be read back.
    pub(super) fn to_payload(&self) -> Result<Vec<u8>, RecordError> {
        self.check()?;
        let payload =
            serde_json::to_vec(self).map_err(|error| unreadable("its content", &error))?;
        if payload.len() > MAX_PAYLOAD {
            return refused(format!("it would be larger than {MAX_PAYLOAD} bytes"));
        }
        Ok(payload)
    }

    /// Reads a record.
    pub(super) fn from_payload(payload: &[u8]) -> Result<Self, RecordError> {
        /// What every version has.
        #[derive(Deserialize)]
        struct Head {
            format: String,
            version: u64,
        }
        let wrong = |error| unreadable("its payload", &error);
        let head: Head = serde_json::from_slice(payload).map_err(wrong)?;
        if head.format != FORMAT {
            return refused(format!("its format is not {FORMAT}"));
        }
        if head.version != VERSION {
            return Err(RecordError::Version(head.version));
        }
        let record: Self = serde_json::from_slice(payload).map_err(wrong)?;
        record.check()?;
        Ok(record)
    }

    /// Fails where a value is not as the format has it.
    fn check(&self) -> Result<(), RecordError> {
        let rule = |kept: bool, what: &str| if kept { Ok(()) } else { refused(what) };
        let score = |score: Option<f32>| score.is_none_or(|score| (0.0..=1.0).contains(&score));
        rule(is_time(&self.created), "`created` is no UTC time with milliseconds")?;
        rule(is_name(&self.engine_version), "`engine_version` is no version")?;
        rule(
            self.policy.name.chars().count() <= MAX_POLICY_NAME,
            "`policy.name` has more than 64 characters",
        )?;
        let hash = self.policy.sha256.as_deref();
        rule(hash.is_none_or(is_sha256), "`policy.sha256` is no sha256 in lower-case hex")?;
        rule(self.models.len() <= MAX_ENTRIES, "`models` has more than 32 entries")?;
        for (name, hash) in &self.models {
            rule(is_name(name), "`models` has a name that is none")?;
            rule(is_sha256(hash), "`models` has a value that is no sha256 in lower-case hex")?;
        }
        rule(
            self.reasons.len() <= MAX_ENTRIES && self.reasons.iter().all(|code| is_code(code)),
            "`reasons` has more than 32 entries or one that is no code",
        )?;
        rule(score(self.evidence.live), "`evidence.live` is not from 0 to 1")?;
        let findings = &self.evidence.findings;
        rule(findings.len() <= MAX_ENTRIES, "`evidence.findings` has more than 32 entries")?;
        for finding in findings {
            let codes = is_code(&finding.evidence) && finding.reason.as_deref().is_none_or(is_code);
            rule(codes, "`evidence.findings` has a code that is none")?;
            rule(score(finding.score), "`evidence.findings` has a score that is not from 0 to 1")?;
        }
        let numbers = [self.frames.seen, self.frames.dropped, self.restarts];
        let images = self.images.iter().flat_map(|image| [image.t_ms, image.bytes]);
        rule(
            numbers.into_iter().chain(images).all(|number| number <= MAX_NUMBER),
            "a number is above 9007199254740991, the largest that every reader of JSON has exactly",
        )?;
        self.check_images()?;
        rule(self.device.len() <= MAX_FACTS, "`device` has more than 32 facts")?;
        for (name, fact) in &self.device {
            rule(is_name(name), "a device fact's name is not 1 to 64 letters, digits and `_.-`")?;
            let is_fact = fact.chars().count() <= MAX_FACT && !fact.contains(char::is_control);
            rule(is_fact, "a device fact has more than 200 characters, or a control character")?;
        }
        Ok(())
    }

    fn check_images(&self) -> Result<(), RecordError> {
        if self.images.len() > MAX_IMAGES {
            return refused("`images` has more than 128 entries");
        }
        let mut names = HashSet::new();
        for image in &self.images {
            if image.file.chars().count() > MAX_FILE_NAME
                || plain_name(image.file.as_bytes()).is_err()
            {
                return refused("`images` has a file name that is none");
            }
            if !is_sha256(&image.sha256) {
                return refused("`images` has a value that is no sha256 in lower-case hex");
            }
            // On many systems these are one file.
            if !names.insert(image.file.to_lowercase()) {
                return refused("`images` has two names that are the same but for case");
            }
        }
        Ok(())
    }
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_code(text: &str) -> bool {
    let known = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
    (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(known)
}

fn is_name(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-+".contains(&byte);
    (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(known)
}

fn is_time(text: &str) -> bool {
    text.parse::<jiff::Timestamp>().is_ok_and(|time| time.strftime(TIME_FORMAT).to_string() == text)
}

fn as_text<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

/// A number as text, in the one form that it is written in.
fn from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = String::deserialize(deserializer)?;
    let number = text.parse().ok().filter(|number: &u64| number.to_string() == text);
    number.ok_or_else(|| D::Error::custom("not a number as text"))
}
