//! `liveface capture`: runs one capture over a recording or an interactive subject.

use std::collections::BTreeMap;

use liveface::camera::{FrameSource, Recording, Subject};
use liveface::{
    BundleError, Capture, Event, FrameCounts, Reason, Session, ShotKind, Store, Tag, Verdict,
    seed_of_nonce,
};
use liveface_core::Evidence;
use serde::Serialize;

use crate::args::{CaptureOptions, Common, Source};
use crate::console::{self, Style, styled};
use crate::failure::{Exit, Failure};
use crate::sheet;

/// The last line of `--json`.
#[derive(Serialize)]
struct VerdictLine<'a> {
    event: &'static str,
    t_ms: u64,
    /// The tag that now holds the capture; `null` when nothing was kept.
    tag: Option<&'a Tag>,
    verdict: Verdict,
    reasons: &'a [Reason],
    evidence: EvidenceLine<'a>,
    images: Vec<ImageLine>,
    frames: FrameCounts,
}

#[derive(Serialize)]
struct EvidenceLine<'a> {
    policy: &'a str,
    seed: u64,
    models: &'a BTreeMap<String, String>,
    #[serde(flatten)]
    evidence: &'a Evidence,
}

#[derive(Serialize)]
struct ImageLine {
    kind: ShotKind,
    file: String,
    width: u32,
    height: u32,
}

pub(crate) fn run(common: &Common, options: &CaptureOptions) -> Result<Exit, Failure> {
    let policy = super::policy(&options.policy)?;
    let seed = match (options.seed, &options.nonce) {
        (Some(seed), _) => seed,
        (None, Some(nonce)) => seed_of_nonce(nonce),
        (None, None) => getrandom::u64()
            .map_err(|error| Failure::new(Exit::Runtime, format!("no randomness: {error}")))?,
    };
    let tag = match &options.tag {
        Some(name) => Tag::new(name)?,
        None => Tag::generate()?,
    };
    let store = super::store(&options.store)?;
    if !options.replace && store.contains(&tag)? {
        let why = format!("{} (--replace replaces it)", BundleError::TagInUse { tag });
        return Err(Failure::new(Exit::Input, why));
    }
    let mut source = open(&options.source, options.fps)?;
    let mut session = super::engine(common)?.session(policy, seed)?;
    let ended_at = follow(common, source.as_mut(), &mut session)?;
    let capture = session.finish();
    // A refused attempt leaves alone what the tag holds: only a live capture is worth keeping.
    let kept = capture.record.verdict == Verdict::Live;
    if kept {
        let keep = if options.replace { Store::replace } else { Store::save };
        keep(&store, &tag, &capture)?;
    }
    report(common, &capture, kept.then_some(&tag), ended_at)?;
    if let Some(path) = &options.sheet {
        sheet::write(&capture, path)?;
    }
    Ok(match capture.record.verdict {
        Verdict::Live => Exit::Done,
        Verdict::Attack => Exit::Attack,
        Verdict::Retry | Verdict::TimedOut => Exit::NotAccepted,
    })
}

fn open(source: &Source, fps: f64) -> Result<Box<dyn FrameSource>, Failure> {
    match (&source.replay, &source.subject) {
        (Some(path), _) => Ok(Box::new(Recording::open(path, fps)?)),
        (None, Some(path)) => Ok(Box::new(Subject::open(path, fps)?)),
        (None, None) => Err(Failure::input("no frames", "give --replay or --subject")),
    }
}

/// Pushes frames until the session or the source ends; gives the time of the end.
fn follow(
    common: &Common,
    source: &mut dyn FrameSource,
    session: &mut Session,
) -> Result<u64, Failure> {
    while !session.ended() {
        let events = match source.next_frame()? {
            Some(frame) => session.push(&frame)?,
            None => session.end(Reason::FramesEnded),
        };
        for event in events {
            if let Event::Guidance { guidance, .. } = event {
                source.show(guidance);
            }
            if let Event::Verdict { t_ms, .. } = event {
                return Ok(t_ms);
            }
            let told = tell(common, &event);
            // Without a listener there is nobody to guide; but what is complete is not lost.
            if !session.ended() {
                told?;
            }
        }
    }
    Ok(0)
}

fn tell(common: &Common, event: &Event) -> Result<(), Failure> {
    if common.json {
        return console::json(event);
    }
    let at = |t_ms: &u64| styled(format!("{:7.2} s", *t_ms as f64 / 1000.0), Style::Faint);
    match event {
        Event::Guidance { t_ms, guidance } => console::line(format!("{}  {guidance}", at(t_ms))),
        Event::Shot { t_ms, kind, index, challenge } => {
            let what = match kind {
                ShotKind::Liveness => format!("liveness image {}", index + 1),
                ShotKind::Selfie => "selfie".to_owned(),
            };
            let asked = challenge.map(|c| format!(" ({})", c.code())).unwrap_or_default();
            console::line(format!("{}    {what}{asked}", at(t_ms)))
        }
        Event::Restart { t_ms, reason } => {
            console::line(format!("{}  Starting again: {reason}", at(t_ms)))
        }
        _ => Ok(()),
    }
}

fn report(common: &Common, capture: &Capture, tag: Option<&Tag>, t_ms: u64) -> Result<(), Failure> {
    let record = &capture.record;
    if common.json {
        let images = tag.map(|_| capture.upload_order()).unwrap_or_default();
        return console::json(&VerdictLine {
            event: "verdict",
            t_ms,
            tag,
            verdict: record.verdict,
            reasons: &record.reasons,
            evidence: EvidenceLine {
                policy: &record.policy,
                seed: record.seed,
                models: &record.models,
                evidence: &record.evidence,
            },
            images: images
                .into_iter()
                .map(|image| ImageLine {
                    kind: image.kind,
                    file: image.file_name(),
                    width: image.width,
                    height: image.height,
                })
                .collect(),
            frames: record.frames,
        });
    }
    let (word, style) = match record.verdict {
        Verdict::Live => ("live", Style::Good),
        Verdict::Retry => ("retry", Style::Bad),
        Verdict::Attack => ("attack", Style::Bad),
        Verdict::TimedOut => ("timed out", Style::Bad),
    };
    console::line(format!("Verdict: {}", styled(word, style)))?;
    for reason in &record.reasons {
        console::line(format!("  because: {reason}"))?;
    }
    for finding in &record.evidence.findings {
        let score = finding.score.map_or("   -".to_owned(), |score| format!("{score:.2}"));
        let kind = finding.evidence.code();
        console::line(format!("  {kind:<12} {score}  {}", finding.text()))?;
    }
    if let Some(live) = record.evidence.live {
        console::line(format!("  {:<12} {live:.2}  (0 is an attack, 1 is live)", "in all"))?;
    }
    console::line(format!(
        "  frames: {} seen, {} dropped",
        record.frames.seen, record.frames.dropped
    ))?;
    match tag {
        Some(tag) => console::line(format!("Kept under the tag {}", styled(tag, Style::Strong))),
        None => console::line("Nothing was kept."),
    }
}
