//! The calls that capture.

use std::collections::BTreeMap;

use liveface::camera::FrameSource;
use liveface::{Capture, Event, Reason, Session, Tag, Verdict};
use serde_json::Value;

use crate::config::CaptureConfig;
use crate::error::{LegacyError, PluginCode, SidError};
use crate::kept;
use crate::legacy::{
    CAPTURED, FAILED, Legacy, Map, SID_RESULT_CODE, SID_RESULT_MESSAGE, SID_RESULT_TAG, map,
};
use crate::prompt::{CaptureState, Prompt, PromptTexts};

impl Legacy {
    /// `captureSelfie`: takes a selfie and liveness images from `frames` and keeps them under `tag`,
    /// in place of what was there. An empty tag gets one made from the time, which is never one in
    /// use. `prompts` is told what to show the person. The app gives up by ending its frames.
    ///
    /// `SID_RESULT_CODE` is -1 for a live person and 0 for anything else; then nothing is kept and
    /// what the tag held stays. `SID_RESULT_TAG` is the tag. `SID_RESULT_MESSAGE` is the error; with
    /// a success it names keys of the configuration that were ignored, and says so when copies of
    /// the tag's earlier images could not be removed; otherwise it is left out.
    pub fn capture_selfie(
        &self,
        tag: &str,
        config: &BTreeMap<String, String>,
        auto_handle_permissions: bool,
        frames: &mut dyn FrameSource,
        prompts: &mut dyn FnMut(&Prompt),
    ) -> Map {
        let config = CaptureConfig::read(config);
        let asked = self.asked_tag(tag);
        // Told before anybody is asked to smile.
        let captured = Tag::new(&asked)
            .map_err(|error| LegacyError::bundle(PluginCode::CaptureError, &error))
            .and_then(|_| self.check_permission(auto_handle_permissions))
            .and_then(|()| self.run(&config.prompts, frames, prompts))
            .and_then(|capture| self.keep(&asked, tag.is_empty(), &capture));
        match captured {
            Ok((tag, stale)) => {
                let ignored = (!config.ignored.is_empty()).then(|| {
                    format!("ignored in the configuration: {}", config.ignored.join(", "))
                });
                let notes: Vec<_> = ignored.into_iter().chain(stale).collect();
                result(CAPTURED, tag.as_str(), (!notes.is_empty()).then(|| notes.join("; ")))
            }
            Err(error) => result(FAILED, &asked, Some(error.to_string())),
        }
    }

    /// `captureIDCard`: this engine captures no ID card. Always fails, and says so. An empty tag gets
    /// one made from the time, as by [`capture_selfie`](Self::capture_selfie).
    pub fn capture_id_card(&self, tag: &str) -> Map {
        let error = failed(
            SidError::IdCardCaptureFailed,
            "this engine captures no ID card; capture a selfie, and submit job type 4 or 2",
        );
        result(FAILED, &self.asked_tag(tag), Some(error.to_string()))
    }

    /// `captureSelfieAndIDCard`: as [`capture_id_card`](Self::capture_id_card); no selfie is taken
    /// either.
    pub fn capture_selfie_and_id_card(&self, tag: &str) -> Map {
        self.capture_id_card(tag)
    }

    /// `tag`, or one made from the time when it is empty.
    fn asked_tag(&self, tag: &str) -> String {
        if tag.is_empty() { self.made_tag() } else { tag.to_owned() }
    }

    fn check_permission(&self, may_ask: bool) -> Result<(), LegacyError> {
        match &self.permission {
            Some(permission) if !permission(may_ask) => Err(LegacyError::permission()),
            _ => Ok(()),
        }
    }

    /// One capture, to its end.
    fn run(
        &self,
        texts: &PromptTexts,
        frames: &mut dyn FrameSource,
        prompts: &mut dyn FnMut(&Prompt),
    ) -> Result<Capture, LegacyError> {
        let engine = self.engine.as_ref().ok_or_else(|| {
            failed(
                SidError::CouldNotInitializeCamera,
                "no engine was given; give one, then capture",
            )
        })?;
        let seed = self.seed.map_or_else(getrandom::u64, Ok).map_err(|error| {
            failed(SidError::ErrorUnknown, format!("the system gave no random bytes: {error}"))
        })?;
        let mut session = engine
            .session(self.policy.clone(), seed)
            .map_err(|error| LegacyError::of_engine(&error))?;
        let mut begun = false;
        while !session.ended() {
            for event in next(&mut session, frames, &mut begun)? {
                if let Event::Guidance { t_ms, guidance } = event {
                    frames.show(guidance);
                    let text = texts.text(guidance).to_owned();
                    prompts(&Prompt { t_ms, state: CaptureState::of(guidance), guidance, text });
                }
            }
        }
        Ok(session.finish())
    }

    /// Keeps a live capture; gives its tag, and what went wrong besides.
    fn keep(
        &self,
        name: &str,
        is_made: bool,
        capture: &Capture,
    ) -> Result<(Tag, Option<String>), LegacyError> {
        let record = &capture.record;
        if record.verdict != Verdict::Live {
            let reasons: Vec<_> = record.reasons.iter().map(|reason| reason.text()).collect();
            let verdict = match record.verdict {
                Verdict::Attack => "this is no live person",
                Verdict::TimedOut => "the time was used up",
                Verdict::Live | Verdict::Retry => "the capture was not completed",
            };
            let message = format!("{verdict} ({}); capture again", reasons.join("; "));
            return Err(failed(SidError::UnableToCaptureSelfieFrameImage, message));
        }
        let kept = |error| LegacyError::bundle(PluginCode::CaptureError, &error);
        if !is_made {
            let tag = Tag::new(name).map_err(kept)?;
            kept::replace(&self.store, &tag, capture).map_err(kept)?;
            // Copies of the earlier images are not this capture's, which is kept in any case.
            let stale = self.copies.remove(&tag).err().map(|_| {
                "copies of the tag's earlier images could not be removed; check the folder for images, \
                 then ask for the tag's images"
                    .to_owned()
            });
            return Ok((tag, stale));
        }
        // The time has seconds: two captures may have made one tag of it.
        for number in 1_u64.. {
            let suffix = if number == 1 { String::new() } else { format!("_{number}") };
            let tag = Tag::new(&format!("{name}{suffix}")).map_err(kept)?;
            if kept::keep_new(&self.store, &tag, capture).map_err(kept)? {
                return Ok((tag, None));
            }
        }
        Err(failed(SidError::ErrorUnknown, "every tag is in use; clear some"))
    }
}

/// What the next frame, or the end of the frames, makes happen.
fn next(
    session: &mut Session,
    frames: &mut dyn FrameSource,
    begun: &mut bool,
) -> Result<Vec<Event>, LegacyError> {
    let frame = frames.next_frame().map_err(|error| LegacyError::of_camera(&error, *begun))?;
    match frame {
        Some(frame) => {
            *begun = true;
            session.push(&frame).map_err(|error| LegacyError::of_engine(&error))
        }
        None if *begun => Ok(session.end(Reason::FramesEnded)),
        None => {
            let message = "the camera gave no frame; check it, then capture again";
            Err(failed(SidError::CouldNotInitializeCamera, message))
        }
    }
}

fn result(code: i64, tag: &str, message: Option<String>) -> Map {
    let mut map = map([(SID_RESULT_CODE, Value::from(code)), (SID_RESULT_TAG, Value::from(tag))]);
    map.extend(message.map(|message| (SID_RESULT_MESSAGE.to_owned(), Value::from(message))));
    map
}

fn failed(name: SidError, message: impl Into<String>) -> LegacyError {
    LegacyError::new(PluginCode::CaptureError, name, message)
}
