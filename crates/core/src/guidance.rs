//! The closed lists of what the engine says: guidance for the person, reasons for whoever reads
//! the verdict. Codes are stable; translate by them.

use serde::{Deserialize, Serialize};

/// A closed list of codes, each with a line of English.
macro_rules! coded {
    ($(#[$outer:meta])* $name:ident { $($(#[$inner:meta])* $variant:ident = $code:literal, $text:literal;)+ }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$inner])* $variant,)+ }

        impl $name {
            /// Every value, in order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The stable code, for translation and for machines.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// One line of English.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.text())
            }
        }
    };
}

pub(crate) use coded;

coded! {
    /// The one thing for the person to do now.
    Guidance {
        /// No face is seen.
        FindFace = "find_face", "Put your face in the frame";
        /// More than one face is seen.
        OnlyOneFace = "only_one_face", "Only one face, please";
        /// The face is cut off at the edge of the picture.
        WholeFace = "whole_face", "Show your whole face";
        /// The face is too small.
        MoveCloser = "move_closer", "Move closer";
        /// The face is too large.
        MoveBack = "move_back", "Move back a little";
        /// The face is away from the middle of the viewfinder.
        CentreFace = "centre_face", "Centre your face";
        /// The head is turned away.
        LookStraight = "look_straight", "Look straight ahead";
        /// Something covers a part of the face: a mask, a hand, sunglasses.
        UncoverFace = "uncover_face", "Take off what covers your face";
        /// An eye is closed.
        OpenEyes = "open_eyes", "Open your eyes";
        /// The face is too dark.
        MoreLight = "more_light", "Find more light";
        /// The face is too bright.
        LessLight = "less_light", "Too bright: turn away from the light";
        /// The face moves or is out of focus.
        HoldStill = "hold_still", "Hold still";
        /// The learned quality of the picture is too low, for no reason that has guidance of its own.
        ClearPicture = "clear_picture", "Wipe the lens and face the light";
        /// The face must be relaxed, until a smile is asked for and again for the selfie.
        RelaxFace = "relax_face", "Relax your face";
        /// The smile challenge.
        Smile = "smile", "Smile";
        /// The turn-image-left challenge: the nose points to image left, the subject turns to their own right.
        TurnImageLeft = "turn_image_left", "Slowly turn your head to your right";
        /// The turn-image-right challenge: the nose points to image right, the subject turns to their own left.
        TurnImageRight = "turn_image_right", "Slowly turn your head to your left";
        /// The look-up challenge.
        LookUp = "look_up", "Slowly look up";
        /// The head has not moved at all since the last picture.
        MoveSlightly = "move_slightly", "Move your head a little";
        /// Everything is right, pictures are being taken.
        Capturing = "capturing", "Capturing";
    }
}

coded! {
    /// Why a capture started again or ended without a live verdict.
    Reason {
        /// No valid face for longer than the policy allows.
        FaceLost = "face_lost", "No usable face was seen for too long";
        /// The face that came back is another person's.
        PersonChanged = "person_changed", "The face changed to another person's";
        /// More than one face was in the picture for too long.
        MultipleFaces = "multiple_faces", "More than one face was in the picture";
        /// The same picture came again and again.
        FrozenFrames = "frozen_frames", "The camera's picture stood still";
        /// The frames ended before the sequence did.
        FramesEnded = "frames_ended", "The frames ended before the capture was complete";
        /// The time for the whole capture was used up.
        TimeUsedUp = "time_used_up", "The capture took longer than allowed";
        /// The face was never as the gates ask; the last guidance says which.
        GuidanceNotFollowed = "guidance_not_followed", "The last guidance was not followed";
        /// The head turned in another direction than the one that was asked for.
        WrongDirection = "wrong_direction", "The head turned in another direction than the one asked for";
        /// The head turned while no turn was asked for, more often than the policy allows.
        UnaskedTurn = "unasked_turn", "The head turned before it was asked to";
        /// What was asked for was not done within the time that the policy allows.
        NoResponse = "no_response", "What was asked for was not done in time";
        /// What was asked for was done sooner, faster or more jerkily than a person does it.
        UnnaturalResponse = "unnatural_response", "The answer to what was asked for was not as a person's";
        /// Landmarks of different depth move as one plane does.
        FlatPicture = "flat_picture", "The face turns like a flat picture";
        /// The face never moved by itself.
        StillPicture = "still_picture", "The face moves like a still picture: nothing in it moves by itself";
        /// The eyes move without the face around them, as behind a mask with holes.
        CutOutEyes = "cut_out_eyes", "The eyes move apart from the face, as behind a cut-out";
        /// Straight edges around the face move with it.
        BorderAroundFace = "border_around_face", "A border around the face moves with it: paper or a screen";
        /// What is behind the face moves with it.
        SurroundingsFollow = "surroundings_follow", "The surroundings move with the face as in a picture of it";
        /// A regular pattern lies over the face.
        ScreenPattern = "screen_pattern", "A regular pattern lies over the picture, as of a screen or a print";
        /// Frames that were seen before came again.
        LoopedFrames = "looped_frames", "Frames that were seen before came again";
        /// The frames' timestamps are not those of a camera.
        ImpossibleTimestamps = "impossible_timestamps", "The frames' timestamps are not those of a camera";
        /// The picture's size or its noise changed in the middle.
        StreamChanged = "stream_changed", "The picture's size or noise changed in the middle of the capture";
        /// The camera is known to be a program.
        VirtualCamera = "virtual_camera", "The camera is a program that plays frames";
        /// Nothing is wrong by itself, but the evidence for a live person is too weak in all.
        EvidenceWeak = "evidence_weak", "The evidence for a live person is too weak in all";
        /// Evidence that the policy requires was not seen.
        EvidenceMissing = "evidence_missing", "Evidence that is required could not be seen";
        /// The passive check doubts that the face is live.
        PresentationDoubtful = "presentation_doubtful", "The passive check doubts that a live face was shown";
        /// The passive check takes the face for a print or a screen.
        PresentationAttack = "presentation_attack", "The passive check takes the face for a print or a screen";
        /// The app ended the capture.
        Cancelled = "cancelled", "The capture was cancelled";
    }
}

coded! {
    /// What the person was asked to show for a picture.
    Challenge {
        /// A smile.
        Smile = "smile", "Smile";
        /// The nose points to image left: the subject turns to their own right.
        TurnImageLeft = "turn_image_left", "Turn to your right";
        /// The nose points to image right: the subject turns to their own left.
        TurnImageRight = "turn_image_right", "Turn to your left";
        /// The chin goes up.
        LookUp = "look_up", "Look up";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_about_them_lists_every_code_with_its_text() {
        let page = include_str!("../../../docs/guidance.md");
        let listed = |code: &str, text: &str| page.contains(&format!("| `{code}` | {text} |"));
        assert!(Guidance::ALL.iter().all(|g| listed(g.code(), g.text())));
        assert!(Reason::ALL.iter().all(|r| listed(r.code(), r.text())));
        assert!(Challenge::ALL.iter().all(|c| listed(c.code(), c.text())));
        let rows = page.lines().filter(|line| line.starts_with("| `")).count();
        let verdicts = 4;
        assert_eq!(
            rows,
            Guidance::ALL.len() + Reason::ALL.len() + Challenge::ALL.len() + verdicts,
            "the page lists a code that does not exist"
        );
    }

    #[test]
    fn codes_are_the_serialised_names_and_unique() {
        let mut seen = std::collections::HashSet::new();
        for guidance in Guidance::ALL {
            assert!(seen.insert(guidance.code()));
            let serialised = toml::Value::try_from(guidance).unwrap();
            assert_eq!(serialised.as_str(), Some(guidance.code()));
        }
        for reason in Reason::ALL {
            let serialised = toml::Value::try_from(reason).unwrap();
            assert_eq!(serialised.as_str(), Some(reason.code()));
        }
    }
}
