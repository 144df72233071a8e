//! What a capture leaves behind: its pictures' descriptions, its verdict and the evidence for it.

use serde::{Deserialize, Serialize};

use crate::evidence::Finding;
use crate::face::Pose;
use crate::guidance::{Challenge, Guidance, Reason};
use crate::quality::{Component, QualityRecord};

/// What a picture is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShotKind {
    /// One of the liveness images.
    Liveness,
    /// The selfie.
    Selfie,
}

/// How a capture ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A live person was captured.
    Live,
    /// Nothing speaks of an attack, but the capture cannot be used; try again.
    Retry,
    /// A presentation attack was found.
    Attack,
    /// The time was used up.
    TimedOut,
}

/// A picture that was taken and what is known of it. Holds no biometric data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShotRecord {
    /// What it is for.
    pub kind: ShotKind,
    /// Counts the pictures of its kind from 0.
    pub index: u32,
    /// The frame's timestamp, in milliseconds.
    pub t_ms: u64,
    /// What the person was asked to show.
    pub challenge: Option<Challenge>,
    /// Where the head pointed, by this picture alone.
    pub pose: Pose,
    /// 0 none to 1 a broad smile.
    pub smile: f32,
    /// The smaller eye's openness, 0 to 1.
    pub eye_openness: f32,
    /// Cosine similarity to the face looked at before it or to the best of the earlier pictures, -1
    /// to 1; 1 for the first.
    pub similarity: Option<f32>,
    /// The passive check's score, 0 (attack) to 1 (live).
    pub pad_live: Option<f32>,
    /// The quality components of the face.
    pub quality: QualityRecord,
}

/// Guidance as it was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuidanceRecord {
    /// When it was shown first, in milliseconds.
    pub t_ms: u64,
    /// What was shown.
    pub guidance: Guidance,
}

/// A hint that gave way because it was not followed for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// When it did, in milliseconds.
    pub t_ms: u64,
    /// What was asked for.
    pub guidance: Guidance,
    /// What was measured that asked for it.
    pub component: Component,
}

/// A time when everything taken so far was thrown away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restart {
    /// When, in milliseconds.
    pub t_ms: u64,
    /// Why.
    pub reason: Reason,
}

/// Frames that were pushed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameCounts {
    /// Frames that were looked at.
    pub seen: u64,
    /// Frames that were skipped because an earlier one was still being looked at.
    pub dropped: u64,
}

/// How one challenge was answered. Times are frame times, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// What was asked for.
    pub challenge: Challenge,
    /// When it was shown first.
    pub asked_ms: u64,
    /// When the answer began; `None` when it never did.
    pub began_ms: Option<u64>,
    /// When it was complete; `None` when it never was.
    pub done_ms: Option<u64>,
}

/// The challenges of a capture, and how they were answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenges {
    /// What is asked for, in this order: first what follows from the seed and the policy, then one turn more for
    /// each answer that came late.
    pub order: Vec<Challenge>,
    /// How many orders were equally likely.
    pub possible_orders: u64,
    /// Directions that the policy leaves out for a person who cannot turn there.
    pub left_out: Vec<Challenge>,
    /// What was asked for so far, since the last restart.
    pub responses: Vec<Response>,
    /// Turns that nothing asked for, in all.
    pub unasked_turns: u32,
}

/// What the verdict rests on. Records of earlier versions have not all of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Every kind of evidence, in the order of [`EvidenceKind::ALL`](crate::EvidenceKind::ALL).
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// All findings together, 0 (attack) to 1 (live); `None` when there is none.
    pub live: Option<f32>,
    /// What the person was asked to do, and how it was answered.
    #[serde(default)]
    pub challenges: Challenges,
    /// Median of the passive check over all pictures, 0 (attack) to 1 (live).
    pub pad_live_median: Option<f32>,
    /// Lowest passive check over all pictures.
    pub pad_live_min: Option<f32>,
    /// Passive check of the selfie.
    pub pad_live_selfie: Option<f32>,
    /// Pictures that the passive check takes for an attack.
    #[serde(default)]
    pub pad_attack_images: u32,
    /// Lowest similarity of any face looked at to the one before it.
    pub similarity_min: Option<f32>,
    /// Times when the sequence started again.
    pub restarts: Vec<Restart>,
    /// Hints that gave way because they were not followed for too long, and when: pictures from then on may
    /// be as they say.
    #[serde(default)]
    pub warnings: Vec<Warning>,
}

/// Everything about a capture but its pixels. Written beside the images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaptureRecord {
    /// The engine that made it.
    pub engine_version: String,
    /// The policy's name.
    pub policy: String,
    /// sha256 of the policy as [`Policy::to_toml`](crate::Policy::to_toml) writes it, lower-case hex;
    /// `None` in a record that was made before this was recorded.
    #[serde(default)]
    pub policy_sha256: Option<String>,
    /// The seed of everything random in the sequence.
    pub seed: u64,
    /// sha256 of each model file by the model's name, lower-case hex.
    pub models: std::collections::BTreeMap<String, String>,
    /// How it ended.
    pub verdict: Verdict,
    /// Why it did not end live.
    pub reasons: Vec<Reason>,
    /// What the verdict rests on.
    pub evidence: Evidence,
    /// The pictures.
    pub shots: Vec<ShotRecord>,
    /// The guidance as it was shown.
    pub guidance: Vec<GuidanceRecord>,
    /// The frames.
    pub frames: FrameCounts,
}
