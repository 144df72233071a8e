//! Every threshold of the engine, with its unit, its default and where that comes from.
//!
//! A policy can be read from TOML; what the file leaves out keeps its default, a name that does
//! not exist is an error.
//!
//! ```
//! use liveface_core::Policy;
//! let policy = Policy::from_toml("name = \"kiosk\"\n[timing]\ntimeout_ms = 60000\n")?;
//! assert_eq!(policy.timing.timeout_ms, 60_000);
//! assert_eq!(policy.sequence.liveness_images, 7);
//! # Ok::<(), liveface_core::PolicyError>(())
//! ```

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::guidance::Challenge;

/// Most characters of a policy's name. Own choice: it goes into the integrity record of every capture,
/// which has room for so many.
pub const MAX_NAME: usize = 64;

/// Why a policy was refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// Not TOML, or a name or type that a policy does not have.
    #[error("the policy cannot be read: {0}")]
    Toml(#[from] toml::de::Error),
    /// A value that TOML has no form for.
    #[error("the policy cannot be written: {0}")]
    Write(#[from] toml::ser::Error),
    /// A value that cannot work.
    #[error("the policy's `{name}` is {value}; it must be {rule}")]
    Value {
        /// Section and name.
        name: &'static str,
        /// What was given.
        value: String,
        /// What is allowed.
        rule: &'static str,
    },
    /// No preset of that name.
    #[error("there is no preset `{0}`; the presets are: smart-selfie, enhanced, passive")]
    Preset(String),
}

macro_rules! section {
    ($(#[$outer:meta])* $name:ident { $($(#[$inner:meta])* $field:ident: $type:ty = $default:expr;)+ }) => {
        $(#[$outer])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name { $($(#[$inner])* pub $field: $type,)+ }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }
    };
}

section! {
    /// All thresholds. The default is the `smart-selfie` preset.
    Policy {
        /// The name that evidence records.
        name: String = "smart-selfie".to_owned();
        /// Finding and following faces.
        tracking: Tracking = Tracking::default();
        /// Where the face must be.
        viewfinder: Viewfinder = Viewfinder::default();
        /// How the head must be held.
        pose: PoseLimits = PoseLimits::default();
        /// What the face must show.
        expression: ExpressionLimits = ExpressionLimits::default();
        /// How much of the face may be covered.
        occlusion: OcclusionLimits = OcclusionLimits::default();
        /// How good the picture must be.
        quality: QualityLimits = QualityLimits::default();
        /// How many pictures of what.
        sequence: SequenceLimits = SequenceLimits::default();
        /// How long things may take.
        timing: Timing = Timing::default();
        /// Whether the face is live.
        presentation: Presentation = Presentation::default();
        /// What the person is asked to do.
        challenge: ChallengeLimits = ChallengeLimits::default();
        /// Paper and screens around the face.
        surroundings: SurroundingsLimits = SurroundingsLimits::default();
        /// Patterns of screens and prints.
        texture: TextureLimits = TextureLimits::default();
        /// How solid and alive the face is.
        shape: ShapeLimits = ShapeLimits::default();
        /// How the eyes move.
        eyes: EyesLimits = EyesLimits::default();
        /// Whether the frames are a camera's.
        stream: StreamLimits = StreamLimits::default();
        /// How the evidence is put together.
        fusion: Fusion = Fusion::default();
        /// Whether two faces are one person's.
        identity: Identity = Identity::default();
        /// How pictures are stored.
        encoding: Encoding = Encoding::default();
    }
}

section! {
    /// Finding and following faces.
    Tracking {
        /// Least confidence of a detection, 0 to 1. Source: MediaPipe face detection, 0.5.
        min_detection_score: f32 = 0.5;
        /// Detections that overlap more than this are one face (intersection over union). Source: MediaPipe, 0.3.
        detection_overlap: f32 = 0.3;
        /// A track is lost below this presence, 0 to 1. Source: MediaPipe face mesh, 0.5.
        min_presence: f32 = 0.5;
        /// A region with a shorter side, in pixels, has no face worth a mesh. Own choice.
        min_region_side: f32 = 16.0;
        /// While tracking, the detector looks for a second face at least so often, in milliseconds of frame time; before a picture is taken it looks at that very frame. Own choice: who steps into the frame is asked out of it within a second.
        redetect_every_ms: u64 = 1_000;
        /// A second face smaller than this share of the tracked face's area is a bystander and ignored. Source: Smile ID's enhanced capture ignores faces below 3 % of the frame, about a tenth of the subject's.
        bystander_area: f32 = 0.1;
        /// So many faces are followed at most, the capture subject counted; more are only counted. Own choice: a capture refuses the second, and each costs a run of the mesh a frame.
        max_faces: u32 = 3;
        /// Two boxes that overlap more than this are around one face (intersection over union). Source: MediaPipe face mesh associates faces from 0.5 on.
        same_face_overlap: f32 = 0.5;
        /// After a face beside another one was lost, the detector looks at so many frames, every one: it may have gone behind the other, and when it comes out the other's mesh may slide over to it. Own choice: 2 s at 15 frames a second.
        look_behind_frames: u32 = 30;
        /// What is smoothed along a track, and how much.
        smoothing: Smoothing = Smoothing::default();
        /// Learning the person's neutral face.
        calibration: Calibration = Calibration::default();
        /// A camera's JPEG pictures are decoded at a reduced scale as long as their short side keeps at least this, in pixels. Own choice: 1280x720 is looked at as 640x360, in which the smallest face that may be taken still has some 90.
        min_decoded_side: u32 = 360;
    }
}

section! {
    /// Learning the person's own open eyes and neutral mouth along a track, from frames that can
    /// show a neutral face.
    Calibration {
        /// The neutral frames of so long are remembered, milliseconds of frame time. Own choice: longer than a blink or a word, shorter than a capture.
        window_ms: u64 = 4_000;
        /// The person's own measures are trusted fully after so many milliseconds of neutral frames, in part before. Own choice.
        trusted_after_ms: u64 = 1_500;
        /// Largest yaw of a neutral frame, absolute degrees. Own choice: the mesh's eyes and mouth hardly change within it.
        max_yaw_degrees: f32 = 12.0;
        /// Largest pitch of a neutral frame, absolute degrees. Own choice: a face that looks straight ahead is measured as -14 to 11.
        max_pitch_degrees: f32 = 18.0;
        /// Largest opening of the mouth in a neutral frame, 0 to 1. Own choice: an open mouth is narrower.
        max_mouth_open: f32 = 0.3;
        /// A frame that smiles more than this, 0 to 1 for a typical face, is not neutral. Own choice: `expression.max_neutral_smile`, so that a smile that is held, but not broad enough, is not learned as the neutral face.
        max_smile: f32 = 0.5;
        /// Least lid distance over eye width of a person's open eye. Measured on photos: 0.20. So an eye of 0.08, shut, stays shut whatever was learned.
        min_open_eye_aspect: f32 = 0.20;
        /// Largest lid distance over eye width of a person's open eye. Measured on photos: 0.40.
        max_open_eye_aspect: f32 = 0.40;
        /// Least smile ratio of a person's relaxed mouth. Measured: 0.50 on rendered faces. Together with the next it bounds what an odd start can do to a smile.
        min_neutral_smile_ratio: f32 = 0.50;
        /// Largest smile ratio of a person's relaxed mouth. Measured: 0.67 on rendered faces, 0.69 on photos.
        max_neutral_smile_ratio: f32 = 0.70;
    }
}

section! {
    /// How what was measured is smoothed along a track: the one-euro filter of Casiez, Roussel and Vogel
    /// (CHI 2012), a low pass whose cutoff rises with the speed of the value.
    Smoothing {
        /// Yaw, pitch and roll, in degrees. Own choice, from rendered clips at 15 frames a second: a still head jitters less than half as much, a turn of 30 degrees lags by less than 5 ms.
        pose: OneEuro = OneEuro { min_cutoff_hz: 0.4, speed_coefficient: 0.2, speed_cutoff_hz: 1.0 };
        /// Openness of the eyes, smile and opening of the mouth, each 0 to 1. Own choice: a smile that takes 0.8 s or less to grow lags by less than a frame of 67 ms, a blink not at all.
        expression: OneEuro = OneEuro { min_cutoff_hz: 0.7, speed_coefficient: 2.0, speed_cutoff_hz: 1.0 };
        /// The directions of gaze, in degrees. Own choice: as `pose`.
        gaze: OneEuro = OneEuro { min_cutoff_hz: 0.4, speed_coefficient: 0.2, speed_cutoff_hz: 1.0 };
        /// The covered share of the face, 0 to 1. Own choice: as `expression`.
        occlusion: OneEuro = OneEuro { min_cutoff_hz: 0.7, speed_coefficient: 2.0, speed_cutoff_hz: 1.0 };
    }
}

/// The parameters of a one-euro filter. All three are given together, without defaults of their own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OneEuro {
    /// Cutoff of a value that stands still, in hertz: the lower, the less a still head jitters.
    pub min_cutoff_hz: f32,
    /// How much the cutoff rises with the value's speed, in hertz for one unit of the value a second: the
    /// higher, the less a moving head lags.
    pub speed_coefficient: f32,
    /// Cutoff of the low pass on the speed, in hertz. Source: Casiez et al., 1.
    pub speed_cutoff_hz: f32,
}

section! {
    /// Where the face must be: judged in the centred 3:4 portrait crop of a landscape frame, or the whole of a portrait one.
    Viewfinder {
        /// Width over height of the viewfinder in a landscape frame. Source: the 480x640 selfie of Smile ID's SDKs.
        aspect: f32 = 0.75;
        /// Least area of the face's box over the viewfinder's. Source: Smile ID enhanced capture, 0.10 of ML Kit's box, which is larger than the box around the mesh.
        min_face_area: f32 = 0.08;
        /// Largest area of the face's box over the viewfinder's. Source: Smile ID, 0.30.
        max_face_area: f32 = 0.30;
        /// Farthest that the face's middle may be from the viewfinder's, as a share of the viewfinder's width and height. Source: Smile ID's web capture, 15 % tolerance; a little more because the oval may be held low.
        max_offset: f32 = 0.20;
        /// Least distance between the eyes, in pixels, as if the head were not turned. Source: 35 is their distance in the embedding's 112 px template; a smaller face is enlarged for it.
        min_inter_eye_px: f32 = 35.0;
        /// Least distance of the face's box from the edge of the picture, as a share of the face's height. Own choice: hair and chin stay visible.
        min_margin: f32 = 0.05;
    }
}

section! {
    /// How the head must be held for a picture that asks for no turn. Angles are absolute degrees.
    PoseLimits {
        /// Source: Smile ID enhanced selfie, 15.
        max_yaw_degrees: f32 = 15.0;
        /// What the pitch of a face that looks straight ahead is measured as. Source: -3 to -14, measured on rendered faces and known of MediaPipe's mesh.
        neutral_pitch_degrees: f32 = -7.0;
        /// Largest difference to `neutral_pitch_degrees`. Source: Smile ID enhanced selfie, 30; tightened so that 25 degrees up or down are refused whatever the face's own neutral pitch.
        max_pitch_degrees: f32 = 18.0;
        /// Source: Smile ID enhanced selfie, 30; tightened to keep the face upright in the 320 px images.
        max_roll_degrees: f32 = 20.0;
        /// Fastest move of the face's middle, in face widths a second, while a picture is taken. Own choice: half a face width a second blurs by 1 % of the face at 1/50 s.
        max_speed: f32 = 0.8;
    }
}

section! {
    /// What the face must show.
    ExpressionLimits {
        /// Least openness of each eye, 0 to 1. Source: Smile ID enhanced capture, 0.3.
        min_eye_openness: f32 = 0.3;
        /// A smile is at least this, 0 to 1. Source: Smile ID's smile probability, 0.8.
        min_smile: f32 = 0.8;
        /// A relaxed face smiles at most this, 0 to 1. Own choice: clearly below `min_smile`.
        max_neutral_smile: f32 = 0.5;
    }
}

section! {
    /// How much of the face may be covered.
    OcclusionLimits {
        /// Largest share of the most covered part of the face that is covered, 0 to 1. Source: measured on 63 painted-over faces and 34 harmless changes of them, see `crates/vision/src/occlusion.rs`; 96 % of the harmless pictures are below it.
        max_share: f32 = 0.4;
    }
}

section! {
    /// How good the picture must be.
    QualityLimits {
        /// Least mean luminance of the face, 0 to 1 in linear light. Source: between Smile ID's 50 (Android) and 85 (web) of 255 in gamma luma: 60 = 0.045.
        min_luminance: f32 = 0.045;
        /// Largest mean luminance of the face, 0 to 1 in linear light. Source: Smile ID iOS, 200 of 255 in gamma luma = 0.578.
        max_luminance: f32 = 0.578;
        /// Largest share of nearly white face pixels, 0 to 1. Own choice.
        max_over_exposed: f32 = 0.25;
        /// Largest share of the whole picture that is bright (see the measure), 0 to 1. Own choice.
        max_scene_brightness: f32 = 0.4;
        /// Least unified (learned) score of a picture, 0 to 1. Source: Smile ID's quality net, mean of at least 0.5; sharp faces have 0.85 to 0.98 with ours, whatever the light.
        min_unified: f32 = 0.5;
        /// How much brighter than the face the surroundings may be, mean luminance in linear light, 0 to 1. Source: see the measure; half of the surroundings a window have 0.4.
        max_backlight: f32 = 0.4;
        /// Least share of fine detail that a movement leaves along its way, 0 to 1. Source: measured on the fixtures: 336 frames of whole faces have 0.52 and more, a movement of 10 px in 640x480 leaves 0.16 to 0.25.
        min_detail_along_motion: f32 = 0.4;
        /// Least sharpness (variance of the Laplacian of the face at its standard size, without noise, over its brightness; see the measure). Source: measured on the fixtures: sharp faces of a size that is taken have 30 to 180, a face in 640x480 blurred with a sigma of 2 px at most 17, with or without noise of sigma 10.
        min_sharpness: f32 = 20.0;
    }
}

section! {
    /// How many pictures of what.
    SequenceLimits {
        /// Liveness images before the selfie. Source: Smile ID, 7.
        liveness_images: u32 = 7;
        /// Liveness images from this index on, 1 or more, need a smile; those before it, and the selfie, a relaxed face, so that the smile is a change. Source: Smile ID, more than 3 of 7.
        smile_from: u32 = 3;
        /// Least change of any head angle between two pictures, degrees. Source: Smile ID Android, 0.75.
        min_motion_degrees: f32 = 0.75;
        /// More restarts than this end the capture. Own choice: each gives another order of turns to meet.
        max_restarts: u32 = 5;
        /// So many equal pictures in a row are a frozen camera. Own choice: sensor noise never repeats.
        frozen_frames: u32 = 5;
    }
}

section! {
    /// How long things may take, in milliseconds of frame time.
    Timing {
        /// Least time between two pictures. Source: Smile ID, 350.
        min_gap_ms: u64 = 350;
        /// The face must be right for so long before the first picture. Own choice.
        hold_ms: u64 = 400;
        /// Without a usable face for so long, everything taken is thrown away. Source: Smile ID, 3000.
        face_lost_ms: u64 = 3_000;
        /// Guidance stays at least this long. Source: Smile ID, 250.
        guidance_debounce_ms: u64 = 250;
        /// A hint that the person may be unable to follow (light) stands in the way for so long in all; then it gives way and is a warning in the evidence. Own choice: long enough to walk to a window.
        hint_ms: u64 = 10_000;
        /// Without head motion for so long, the person is asked to move. Own choice.
        motion_hint_ms: u64 = 1_500;
        /// The whole capture. Source: Smile ID, 120 s.
        timeout_ms: u64 = 120_000;
    }
}

section! {
    /// Whether the face is live.
    Presentation {
        /// A picture with a passive score below this looks like an attack, 0 to 1. Own choice: the net alone must not decide a close case.
        attack_below: f32 = 0.1;
        /// More pictures than this that look like an attack, or the selfie among them, leave no more than `doubtful_score`. Own choice: one may be blurred.
        max_attack_images: u32 = 1;
        /// What a capture with such pictures has at most, 0 to 1. Own choice: between `fusion.passive.attack_below` and `fusion.passive.retry_below`.
        doubtful_score: f32 = 0.3;
        /// Least room around the face that the passive check needs: the picture's width and height over the face's. Source: its model was made for 2.7 and is at chance on faces without surroundings.
        min_room: f32 = 1.65;
    }
}

/// What the person is asked to do while pictures are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChallengeKind {
    /// Nothing.
    None,
    /// To smile.
    Smile,
    /// To turn the head, in an order that follows from the seed.
    Turns,
}

section! {
    /// What the person is asked to do. Angles are degrees against the person's own neutral pose.
    ChallengeLimits {
        /// What is asked for.
        kind: ChallengeKind = ChallengeKind::Smile;
        /// Directions to turn to; leave out those that a person cannot do. Source: Smile ID enhanced capture.
        directions: Vec<Challenge> = vec![Challenge::TurnImageLeft, Challenge::TurnImageRight, Challenge::LookUp];
        /// Turns in all, each direction at least once, in an order drawn from all that are possible. Own choice: three directions once each have 6 orders, which a recording meets too often; six turns have 540.
        turns: u32 = 6;
        /// Least turn to a side that is complete. Source: between Smile ID's 14 (iOS) and 27 (Android).
        turn_degrees: f32 = 20.0;
        /// Least lift of the chin that is complete. Source: between Smile ID's web 7 and Android 17.
        up_degrees: f32 = 13.0;
        /// Share of a complete turn that is half-way. Source: Smile ID iOS, 0.15 of 0.25 rad.
        half_way: f32 = 0.5;
        /// Share of a complete turn that is still the centre. Own choice.
        centre: f32 = 0.45;
        /// A turn may go aside in the other directions by so much of their own complete turns. Own choice: a diagonal is no turn.
        max_aside: f32 = 0.8;
        /// Farthest turn to a side. Source: the mesh loses the far cheek beyond.
        max_turn_degrees: f32 = 60.0;
        /// A complete turn is held for so long, milliseconds. Source: Smile ID Android, 150.
        hold_ms: u64 = 200;
        /// Between two turns the head stays in the centre for so long at least, milliseconds. Own choice.
        min_pause_ms: u64 = 250;
        /// And at most; how long is drawn anew for each turn. Own choice: a recording does not know when it is asked.
        max_pause_ms: u64 = 2_000;
        /// A head that is half-way sooner after it was asked for did not answer, milliseconds. Source: the fastest reactions to something seen take some 150, and the way some 100.
        min_reaction_ms: u64 = 200;
        /// An answer must be complete so soon after it was asked for, milliseconds. Own choice.
        max_response_ms: u64 = 10_000;
        /// An answer that begins later than this after it was asked for may be chance: one more turn is asked for, milliseconds. Own choice: twice what people who read a line of text need.
        slow_reaction_ms: u64 = 1_200;
        /// So many turns are asked for on top at most. Own choice.
        max_extra_turns: u32 = 4;
        /// Fastest turn from one frame to the next, degrees a second. Own choice: who turns as asked, slowly, reaches 200; a cut between two pictures at 30 frames a second makes 600 of 20 degrees.
        max_speed_degrees: f32 = 600.0;
        /// Frames nearer to one another than this are one step of a movement, milliseconds. Own choice: at 240 frames a second the mesh's jitter is faster than any head.
        min_step_ms: u64 = 25;
        /// Largest share of all movement of a turn that goes back before it is complete, 0 to 1. Own choice.
        max_back: f32 = 0.4;
        /// So many turns that nothing asked for may happen. Own choice: a glance aside.
        max_unasked_turns: u32 = 1;
    }
}

section! {
    /// Paper and screens around the face.
    SurroundingsLimits {
        /// A frame is looked at so often at most, milliseconds of frame time. Own choice: it costs as much as some frames' other measures together.
        look_every_ms: u64 = 200;
        /// What moves together is judged over so long at most, milliseconds. Own choice.
        window_ms: u64 = 1_500;
        /// And over so many looks, each compared with the one before, at least. Own choice.
        min_looks: u32 = 3;
        /// What surrounds the face must carry it so far in that time to be judged, in widths of the face. Own choice: a few times what a webcam's picture of a still room seems to move by its noise.
        min_carried: f32 = 0.25;
        /// And must become larger or smaller by this share: a camera that only turns carries a live face along, too, but changes no size. Own choice: 7 mm at 25 cm, and more than a lens that focuses changes it.
        min_growth: f32 = 0.03;
        /// The face's growth may differ by this share of itself from that of what surrounds it. Own choice: a live face before a wall grows several times as much as the wall.
        max_growth_difference: f32 = 0.5;
        /// Up to this share of the way that it is carried, what the face moves by itself is what a picture's does: score 0. Measured: 0.02 to 0.05 on rendered flat prints, 0.11 on a bent one; 0.4 and more on recordings of live people, none of whom was carried so far.
        attack_own: f32 = 0.12;
        /// From this share on it says nothing. Own choice: a face a hand before a wall, filmed by hand, moves by 0.25.
        unclear_own: f32 = 0.2;
        /// So large a share of the places beside the head must move together, the mean over those looks. Own choice.
        min_agreeing: f32 = 0.55;
        /// So many places must. Own choice.
        min_patches: u32 = 8;
        /// So many of them on each side of the head. Own choice: what is on one side alone may be a chair's.
        min_beside: u32 = 2;
        /// A border is there when such a share of its outline is seen. Measured: 0.91 to 1 on rendered flat prints and screens, 0.5 to 0.86 on what is behind live people.
        min_border: f32 = 0.9;
        /// A face moves apart from its surroundings when it moves so far by itself in that time, in widths of the face. Own choice.
        min_apart: f32 = 0.1;
        /// And is carried by this share of it at most. Own choice.
        max_apart_carried: f32 = 0.3;
        /// The score then. Own choice: a recording on a screen that stands still does so, too.
        apart_score: f32 = 0.6;
    }
}

impl SurroundingsLimits {
    /// So many looks are remembered: all of the usual window, and twice as many.
    pub const MOST_LOOKS: u32 = 16;

    /// Looks that are farther from one another are not compared, milliseconds: one that was due was missed. Own
    /// choice: twice the time between looks, as a frame comes later than it is due.
    #[must_use]
    pub fn max_gap_ms(&self) -> u64 {
        self.look_every_ms.saturating_mul(2)
    }
}

section! {
    /// Patterns of screens and prints. Looked for when the surroundings are.
    TextureLimits {
        /// So many frames must have been looked at. Own choice.
        min_frames: u32 = 3;
        /// A face narrower or lower than so many tiles of 64 stored pixels is not looked at: tiles on it would show what is behind it. Measured: from 80 pixels on, drawn faces before slanted stripes reach 1.6, and pictures that are all stripes thousands.
        min_face_tiles: f32 = 1.25;
        /// Up to this strength of a pattern, the median over the frames, it says nothing. Measured: 3.6 at most on single pictures of live people, whether noisy, scaled or compressed.
        unclear_pattern: f32 = 4.0;
        /// From this strength on the score is 0. Measured: 6 to 80 on rendered replays.
        attack_pattern: f32 = 8.0;
    }
}

impl TextureLimits {
    /// So many frames are remembered: three seconds of looks.
    pub const MOST_FRAMES: u32 = 15;
}

section! {
    /// How solid and alive the face is. Measured on prints (eight portraits turned by 25 to 45 degrees to all sides,
    /// flat and bent), rendered heads and nineteen recordings of fourteen people.
    ShapeLimits {
        /// A turn must have moved points of different depth by so many degrees before the head counts as solid; twice as many are all that counts. Source: measured, prints reach 11, heads that look up 16 and heads that turn 32.
        min_turn_degrees: f32 = 12.0;
        /// A face that became shorter across one axis by more than this, as a share, without the parallax of a head speaks against a live person. Source: measured, people reach 0.05; a print turned by 25 degrees has 0.09.
        flat_from: f32 = 0.055;
        /// And from here on as strongly as can be. Source: half of a print turned by 30 degrees.
        flat_at: f32 = 0.08;
        /// Both must last for so long, milliseconds: the time constant of a low pass. Own choice: two frames at 15 a second.
        lasting_ms: u64 = 150;
        /// So many frames of a track, averaged, are what later ones are compared with. Own choice: the mesh jitters less in the mean.
        reference_frames: u32 = 3;
        /// A face that came nearer, so that it is so many times as large, is compared anew. Own choice: the mesh of a far face is coarse.
        renewed_at_growth: f32 = 1.4;
        /// So many frames must have been seen. Own choice.
        min_frames: u32 = 5;
        /// A face with eyes closer than this, in pixels, says nothing. Own choice.
        min_inter_eye_px: f32 = 20.0;
        /// A face that is covered more than this, 0 to 1, says nothing: the mesh makes up what it does not see. Source: `occlusion.max_share`.
        max_covered: f32 = 0.4;
        /// A face in which nothing moved for so long, milliseconds, speaks against a live person; three times as long as strongly as can be. Source: people blink every four seconds in the mean, but a recorded one held still for ten.
        still_after_ms: u64 = 12_000;
        /// Lids that ever moved by this, lid distance over eye width, moved by themselves. Source: measured, prints swayed by hand 0.02 to 0.07, people in eight seconds 0.12 and more.
        min_lid_motion: f32 = 0.10;
        /// A mouth that was ever so far from where a rigid face has it, in inter-eye distances, moved by itself. Source: measured, prints 0.05.
        min_mouth_motion: f32 = 0.08;
        /// The whole face must have moved by so much for stillness to say anything, in inter-eye distances. Own choice: a print in a hand does; a person who is as still as a print may be resting the head.
        min_whole_motion: f32 = 0.2;
    }
}

section! {
    /// How the eyes move.
    EyesLimits {
        /// So much must have been seen, milliseconds. Own choice.
        min_seen_ms: u64 = 1_000;
        /// A head turned farther than this, absolute degrees, hides an eye, and says nothing. Own choice.
        max_yaw_degrees: f32 = 20.0;
        /// A face that is covered more than this, 0 to 1, says nothing. Source: `occlusion.max_share`.
        max_covered: f32 = 0.4;
        /// Eyes that are both open by less than this, 0 to 1, are shut in a blink. Source: measured, a frame in the middle of a blink, at 15 a second, may have it half shut.
        shut_below: f32 = 0.4;
        /// Eyes that are both open by this, 0 to 1, are open. Own choice.
        open_from: f32 = 0.6;
        /// Shortest blink from open to open, milliseconds. Own choice: what is shorter is one bad frame.
        min_blink_ms: u64 = 60;
        /// Longest blink, milliseconds. Source: blinks take 100 to 400; one more frame at 10 a second.
        max_blink_ms: u64 = 500;
        /// Without a blink for so long, milliseconds, the score begins to fall a little. Source: people blink every four seconds in the mean, some every fifteen.
        blink_expected_ms: u64 = 15_000;
        /// How fast both eyes move apart, see `crates/liveness/src/evidence/eyes.rs`: from here on it speaks against a live person. Source: measured, people 0.5 at most.
        apart_from: f32 = 0.8;
        /// And from here on as strongly as can be. Source: measured, a rendered cut-out 2.6.
        apart_at: f32 = 1.6;
        /// Steps are taken at least so far apart, milliseconds. Own choice: the mesh's jitter would add up at many frames a second.
        step_ms: u64 = 60;
        /// They fade with this time constant, milliseconds. Own choice.
        fading_ms: u64 = 600;
    }
}

section! {
    /// Whether the frames are a camera's. That they come at regular times says nothing: recordings do, and so do
    /// the drivers of many cameras.
    StreamLimits {
        /// So many frames must have been seen before the stream can be said to be in order. Own choice: fewer than any capture takes.
        min_frames: u32 = 8;
        /// So many different pictures in a row that were all seen before, in the same or in the opposite order, are a loop. Own choice: sensor noise never repeats.
        looped_frames: u32 = 3;
        /// At least so many pictures are remembered, and at most twice as many. Own choice: 120 s, the whole capture, at 30 frames a second.
        loop_memory: u32 = 4_096;
        /// The picture may stand still so often, each time for `sequence.frozen_frames`. Own choice: once, as when an app was in the background.
        max_frozen_stretches: u32 = 1;
        /// No camera delivers more frames a second. Source: the slow motion of phones, 240.
        max_fps: f32 = 240.0;
        /// Over how many frames that is judged. Own choice: frames that were held up come in a bunch, but not so many.
        fast_frames: u32 = 60;
        /// A longer time between two frames is a gap, milliseconds. Own choice: the slowest device that is usable takes some 500.
        max_gap_ms: u64 = 2_000;
        /// There may be so many gaps. Own choice: models are loaded, a phone call comes in.
        max_gaps: u32 = 5;
        /// So many looks at the noise, in a row, are compared with as many before. Own choice: 1.2 s each at five looks a second.
        noise_looks: u32 = 6;
        /// Less noise than this cannot be told from none, standard deviation in levels of 255. Source: measured on the fixtures, as the engine measures it: rendered JPEG pictures have 0.36 to 0.54, a printed one 0.19 to 0.28.
        min_noise: f32 = 0.2;
        /// So many times the noise, or as many times less, from one look to the next and in the median, is another camera's. Own choice: exposure and focus change gradually and by less.
        noise_step: f32 = 4.0;
        /// When the brightness changes by more than this share as well, it is the light that changed, 0 to 1. Own choice.
        max_brightness_change: f32 = 0.15;
        /// What a stream scores that came in a loop, 0 (attack) to 1. Own choice: nothing else explains it.
        looped_score: f32 = 0.0;
        /// What a stream scores that is odd as an honest one may be, too: it stood still, its size, noise or times are odd; 0 to 1. Own choice: below `fusion.stream.retry_below` and above its `attack_below`.
        doubtful_score: f32 = 0.3;
        /// What the frames of a camera that is known to be a program score at best, 0 to 1; 1 allows such cameras. Own choice: they show whatever they are given.
        virtual_camera_score: f32 = 0.0;
        /// What the frames of a program that passes on a camera's frames score at best, 0 to 1. Own choice: no reason to refuse a person whose phone or still camera is the webcam, but one to say so.
        bridge_camera_score: f32 = 0.45;
    }
}

/// What one kind of evidence counts. All are given together, without defaults of their own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weight {
    /// How much its log-odds count in the sum.
    pub weight: f32,
    /// A score below this makes the verdict "attack" whatever the others say, 0 to 1.
    pub attack_below: f32,
    /// A score below this makes the verdict "retry" at best, 0 to 1.
    pub retry_below: f32,
    /// Whether a capture without it can be live.
    pub required: bool,
}

section! {
    /// How the evidence is put together: each kind of evidence has its own limits, and the log-odds of all scores,
    /// each times its weight, are summed. Own choice throughout: rendered fixtures cannot calibrate it.
    Fusion {
        /// The passive check.
        passive: Weight = Weight { weight: 1.0, attack_below: 0.1, retry_below: 0.5, required: true };
        /// 3-D shape.
        shape: Weight = Weight { weight: 1.0, attack_below: 0.2, retry_below: 0.4, required: false };
        /// How the challenges were answered.
        response: Weight = Weight { weight: 0.5, attack_below: 0.05, retry_below: 0.3, required: false };
        /// What moves with the face.
        surroundings: Weight = Weight { weight: 1.0, attack_below: 0.25, retry_below: 0.4, required: false };
        /// Patterns of screens and prints. Not required: a face that is small in pixels cannot be looked at.
        texture: Weight = Weight { weight: 1.0, attack_below: 0.2, retry_below: 0.4, required: false };
        /// Whether the frames are a camera's.
        stream: Weight = Weight { weight: 0.5, attack_below: 0.1, retry_below: 0.4, required: true };
        /// How the eyes move.
        eyes: Weight = Weight { weight: 0.5, attack_below: 0.2, retry_below: 0.4, required: false };
        /// Whether all pictures show one person.
        person: Weight = Weight { weight: 0.5, attack_below: 0.0, retry_below: 0.5, required: true };
        /// A sum whose probability is below this makes the verdict "attack", 0 to 1.
        attack_below: f32 = 0.1;
        /// A sum whose probability is below this makes the verdict "retry", 0 to 1.
        retry_below: f32 = 0.5;
    }
}

impl ChallengeLimits {
    /// Checks that the challenges can be answered, and are some.
    fn check(&self) -> Result<(), PolicyError> {
        let rule = |name, value: String, holds: bool, rule| {
            holds.then_some(()).ok_or(PolicyError::Value { name, value, rule })
        };
        let directions = &self.directions;
        let are_turns = directions.iter().enumerate().all(|(index, direction)| {
            *direction != Challenge::Smile && !directions[..index].contains(direction)
        });
        rule(
            "challenge.directions",
            directions.iter().map(|direction| direction.code()).collect::<Vec<_>>().join(", "),
            are_turns && !directions.is_empty(),
            "one or more of turn_image_left, turn_image_right and look_up, each once",
        )?;
        rule(
            "challenge.turns",
            self.turns.to_string(),
            (directions.len()..=16).contains(&(self.turns as usize)),
            "as many as challenge.directions to 16",
        )?;
        for (name, degrees) in [
            ("challenge.turn_degrees", self.turn_degrees),
            ("challenge.up_degrees", self.up_degrees),
        ] {
            rule(name, degrees.to_string(), (5.0..=45.0).contains(&degrees), "5 to 45")?;
        }
        rule(
            "challenge.max_turn_degrees",
            self.max_turn_degrees.to_string(),
            self.max_turn_degrees > self.turn_degrees && self.max_turn_degrees <= 90.0,
            "more than challenge.turn_degrees, at most 90",
        )?;
        rule(
            "challenge.half_way",
            self.half_way.to_string(),
            self.half_way > 0.0 && self.half_way < 1.0,
            "between 0 and 1",
        )?;
        rule(
            "challenge.centre",
            self.centre.to_string(),
            self.centre > 0.0 && self.centre <= self.half_way,
            "more than 0, at most challenge.half_way",
        )?;
        rule(
            "challenge.max_aside",
            self.max_aside.to_string(),
            self.max_aside > 0.0 && self.max_aside <= 1.0,
            "more than 0, at most 1: a diagonal must not be two turns",
        )?;
        rule(
            "challenge.max_back",
            self.max_back.to_string(),
            (0.0..=1.0).contains(&self.max_back),
            "between 0 and 1",
        )?;
        rule(
            "challenge.max_speed_degrees",
            self.max_speed_degrees.to_string(),
            self.max_speed_degrees.is_finite() && self.max_speed_degrees > 0.0,
            "a positive number",
        )?;
        rule(
            "challenge.max_pause_ms",
            self.max_pause_ms.to_string(),
            (self.min_pause_ms..=60_000).contains(&self.max_pause_ms),
            "challenge.min_pause_ms to 60000",
        )?;
        rule(
            "challenge.slow_reaction_ms",
            self.slow_reaction_ms.to_string(),
            (self.min_reaction_ms..=self.max_response_ms).contains(&self.slow_reaction_ms),
            "challenge.min_reaction_ms to challenge.max_response_ms",
        )?;
        let hold_ms = self.hold_ms.saturating_add(self.min_reaction_ms);
        rule(
            "challenge.max_response_ms",
            self.max_response_ms.to_string(),
            self.max_response_ms > hold_ms && self.max_response_ms <= 120_000,
            "more than challenge.min_reaction_ms and challenge.hold_ms together, at most 120000",
        )
    }
}

impl Fusion {
    /// Checks that every limit is one.
    fn check(&self) -> Result<(), PolicyError> {
        let rule = |name, given: String, holds: bool, rule| {
            holds.then_some(()).ok_or(PolicyError::Value { name, value: given, rule })
        };
        for (name, limits) in [
            ("fusion.passive", self.passive),
            ("fusion.shape", self.shape),
            ("fusion.response", self.response),
            ("fusion.surroundings", self.surroundings),
            ("fusion.texture", self.texture),
            ("fusion.stream", self.stream),
            ("fusion.eyes", self.eyes),
            ("fusion.person", self.person),
        ] {
            let Weight { weight, attack_below, retry_below, .. } = limits;
            let works = weight.is_finite()
                && weight >= 0.0
                && (0.0..=retry_below).contains(&attack_below)
                && retry_below <= 1.0;
            let given = format!("weight {weight}, attack {attack_below}, retry {retry_below}");
            rule(
                name,
                given,
                works,
                "a weight of 0 or more, attack_below up to retry_below up to 1",
            )?;
        }
        let holds =
            (0.0..=self.retry_below).contains(&self.attack_below) && self.retry_below <= 1.0;
        let given = format!("attack {}, retry {}", self.attack_below, self.retry_below);
        rule("fusion.retry_below", given, holds, "from fusion.attack_below to 1")
    }
}

section! {
    /// Whether two faces are one person's. Cosine similarity of embeddings, -1 to 1. Measured with
    /// the embedding that is shipped: photos of one person 0.71 to 0.94, of different persons at
    /// most 0.40; rendered heads look more alike to it, 0.41 to 0.84 between different ones.
    Identity {
        /// From the first picture on, each face must be at least this similar to the one looked at before it or to a kept picture. Own choice: rendered heads keep 0.89 and more from frame to frame even when a smile begins, different ones reach at most 0.84.
        link_similarity: f32 = 0.86;
        /// The same while a turn of the head is asked for. Own choice: rendered heads keep 0.86 and more in a turn of 12 degrees from frame to frame.
        turned_link_similarity: f32 = 0.80;
        /// Where a relaxed face is asked for, each picture of it must be at least this similar to the first such face. Own choice: rendered heads keep 0.94 and more, and people who talk 0.8.
        neutral_similarity: f32 = 0.75;
        /// Faces are compared at least so far apart, in milliseconds of frame time. A slow device that looks at fewer than six frames a second may take a sudden smile for another person. Own choice: every frame at 15 a second, every second one at 30.
        link_every_ms: u64 = 60;
        /// Least median similarity of the liveness images to the selfie, for a server that sees only the pictures. Own choice: rendered heads keep 0.67 and more from relaxed to smiling.
        other_expression_similarity: f32 = 0.55;
        /// Two photos taken anywhere show one person from here on. Own choice, between the 0.40 and the 0.71 above.
        match_similarity: f32 = 0.5;
        /// Two guided captures, each the mean of all its pictures, are one person's from here on. Own choice: stricter, because both were taken frontal, sharp and well lit.
        verify_similarity: f32 = 0.82;
    }
}

section! {
    /// How pictures are stored.
    Encoding {
        /// Longest side of a liveness image, pixels. Source: Smile ID, 320.
        liveness_side: u32 = 320;
        /// Longest side of the selfie, pixels. Source: Smile ID, 640.
        selfie_side: u32 = 640;
        /// JPEG quality, 1 to 100. Source: Smile ID, 80; raised because the server sees nothing else.
        jpeg_quality: u8 = 90;
    }
}

impl Policy {
    /// The preset of that name.
    ///
    /// # Errors
    /// When there is none.
    pub fn preset(name: &str) -> Result<Self, PolicyError> {
        match name {
            "smart-selfie" => Ok(Self::default()),
            "enhanced" => Ok(Self::enhanced()),
            "passive" => Ok(Self::passive()),
            other => Err(PolicyError::Preset(other.to_owned())),
        }
    }

    /// Turns of the head in an order that follows from the seed.
    fn enhanced() -> Self {
        let mut policy = Self { name: "enhanced".to_owned(), ..Self::default() };
        policy.challenge.kind = ChallengeKind::Turns;
        // Source: Smile ID enhanced capture.
        policy.sequence.liveness_images = 6;
        policy.timing.min_gap_ms = 250;
        // Whoever turned as asked has shown both.
        policy.fusion.shape.required = true;
        policy.fusion.response.required = true;
        policy
    }

    /// Nothing is asked for: the person looks into the camera.
    fn passive() -> Self {
        let mut policy = Self { name: "passive".to_owned(), ..Self::default() };
        policy.challenge.kind = ChallengeKind::None;
        policy.timing.min_gap_ms = 250;
        // Where nobody may be there to follow guidance, a face as near as the passive check can judge is near
        // enough. Source: selfies of people who hold a phone have up to 0.38.
        policy.viewfinder.max_face_area = 0.45;
        policy.presentation.min_room = 1.55;
        policy
    }

    /// The same without pictures: every gate is judged, but nobody ever holds still for long enough. For
    /// measuring how long a frame takes.
    #[must_use]
    pub fn without_pictures(mut self) -> Self {
        // In frame time, some hundred million years.
        (self.timing.hold_ms, self.timing.timeout_ms) = (u64::MAX / 4, u64::MAX / 2);
        self
    }

    /// Reads a policy from TOML and checks it.
    ///
    /// # Errors
    /// When the text is no policy, or a value cannot work.
    pub fn from_toml(text: &str) -> Result<Self, PolicyError> {
        let policy: Self = toml::from_str(text)?;
        policy.check()?;
        Ok(policy)
    }

    /// Every value in TOML, in the order of this module. Equal policies give equal texts.
    ///
    /// # Errors
    /// When a number is beyond TOML's range.
    pub fn to_toml(&self) -> Result<String, PolicyError> {
        Ok(toml::to_string(self)?)
    }

    /// Checks that every value can work.
    ///
    /// # Errors
    /// Names the first value that cannot.
    pub fn check(&self) -> Result<(), PolicyError> {
        let share = |name, value: f32| {
            let rule = "between 0 and 1";
            (0.0..=1.0).contains(&value).then_some(()).ok_or_else(|| PolicyError::Value {
                name,
                value: value.to_string(),
                rule,
            })
        };
        let rule = |name, value: String, holds: bool, rule| {
            holds.then_some(()).ok_or(PolicyError::Value { name, value, rule })
        };
        let length = self.name.chars().count();
        let given = format!("{length} characters long");
        rule("name", given, length <= MAX_NAME, "at most 64")?;
        share("tracking.min_detection_score", self.tracking.min_detection_score)?;
        share("tracking.detection_overlap", self.tracking.detection_overlap)?;
        share("tracking.min_presence", self.tracking.min_presence)?;
        share("tracking.bystander_area", self.tracking.bystander_area)?;
        share("tracking.same_face_overlap", self.tracking.same_face_overlap)?;
        let calibration = &self.tracking.calibration;
        share("tracking.calibration.max_mouth_open", calibration.max_mouth_open)?;
        share("tracking.calibration.max_smile", calibration.max_smile)?;
        share("viewfinder.min_face_area", self.viewfinder.min_face_area)?;
        share("viewfinder.max_face_area", self.viewfinder.max_face_area)?;
        share("viewfinder.max_offset", self.viewfinder.max_offset)?;
        share("viewfinder.min_margin", self.viewfinder.min_margin)?;
        share("expression.min_eye_openness", self.expression.min_eye_openness)?;
        share("expression.min_smile", self.expression.min_smile)?;
        share("expression.max_neutral_smile", self.expression.max_neutral_smile)?;
        share("occlusion.max_share", self.occlusion.max_share)?;
        share("quality.min_luminance", self.quality.min_luminance)?;
        share("quality.max_luminance", self.quality.max_luminance)?;
        share("quality.max_over_exposed", self.quality.max_over_exposed)?;
        share("quality.max_scene_brightness", self.quality.max_scene_brightness)?;
        share("quality.min_unified", self.quality.min_unified)?;
        share("quality.max_backlight", self.quality.max_backlight)?;
        share("quality.min_detail_along_motion", self.quality.min_detail_along_motion)?;
        share("shape.flat_from", self.shape.flat_from)?;
        share("shape.flat_at", self.shape.flat_at)?;
        share("shape.max_covered", self.shape.max_covered)?;
        share("eyes.max_covered", self.eyes.max_covered)?;
        share("eyes.shut_below", self.eyes.shut_below)?;
        share("eyes.open_from", self.eyes.open_from)?;
        share("presentation.doubtful_score", self.presentation.doubtful_score)?;
        share("presentation.attack_below", self.presentation.attack_below)?;
        share("stream.max_brightness_change", self.stream.max_brightness_change)?;
        share("stream.looped_score", self.stream.looped_score)?;
        share("stream.doubtful_score", self.stream.doubtful_score)?;
        share("stream.virtual_camera_score", self.stream.virtual_camera_score)?;
        share("stream.bridge_camera_score", self.stream.bridge_camera_score)?;
        share("identity.link_similarity", self.identity.link_similarity)?;
        share("identity.other_expression_similarity", self.identity.other_expression_similarity)?;
        share("identity.turned_link_similarity", self.identity.turned_link_similarity)?;
        share("identity.neutral_similarity", self.identity.neutral_similarity)?;
        share("identity.match_similarity", self.identity.match_similarity)?;
        share("identity.verify_similarity", self.identity.verify_similarity)?;
        for (name, least, larger) in [
            (
                "surroundings.unclear_own",
                self.surroundings.attack_own,
                self.surroundings.unclear_own,
            ),
            ("texture.attack_pattern", self.texture.unclear_pattern, self.texture.attack_pattern),
        ] {
            let holds = larger.is_finite() && larger > least;
            rule(name, larger.to_string(), holds, "a number larger than the limit before it")?;
        }
        let surroundings = &self.surroundings;
        rule(
            "surroundings.look_every_ms",
            surroundings.look_every_ms.to_string(),
            (1..=1_000).contains(&surroundings.look_every_ms),
            "1 to 1000",
        )?;
        // The first and the last of the looks that are judged together lie within the window.
        let needed_ms =
            u64::from(surroundings.min_looks.saturating_sub(1)) * surroundings.look_every_ms;
        rule(
            "surroundings.min_looks",
            surroundings.min_looks.to_string(),
            (1..=SurroundingsLimits::MOST_LOOKS).contains(&surroundings.min_looks)
                && needed_ms < surroundings.window_ms,
            "1 to 16, and no more than the window has time for",
        )?;
        rule(
            "texture.min_frames",
            self.texture.min_frames.to_string(),
            (1..=TextureLimits::MOST_FRAMES).contains(&self.texture.min_frames),
            "1 to 15",
        )?;
        share("surroundings.min_agreeing", self.surroundings.min_agreeing)?;
        share("surroundings.min_border", self.surroundings.min_border)?;
        share("surroundings.max_apart_carried", self.surroundings.max_apart_carried)?;
        share("surroundings.max_growth_difference", self.surroundings.max_growth_difference)?;
        rule(
            "surroundings.apart_score",
            self.surroundings.apart_score.to_string(),
            (0.5..=1.0).contains(&self.surroundings.apart_score),
            "0.5 to 1",
        )?;
        for (name, value) in [
            ("surroundings.min_carried", self.surroundings.min_carried),
            ("surroundings.min_growth", self.surroundings.min_growth),
            ("surroundings.attack_own", self.surroundings.attack_own),
            ("surroundings.min_apart", self.surroundings.min_apart),
            ("texture.unclear_pattern", self.texture.unclear_pattern),
            ("texture.min_face_tiles", self.texture.min_face_tiles),
            ("viewfinder.max_offset", self.viewfinder.max_offset),
            ("stream.max_fps", self.stream.max_fps),
            ("stream.min_noise", self.stream.min_noise),
            ("pose.max_yaw_degrees", self.pose.max_yaw_degrees),
            ("pose.max_pitch_degrees", self.pose.max_pitch_degrees),
            ("pose.max_roll_degrees", self.pose.max_roll_degrees),
            ("pose.max_speed", self.pose.max_speed),
            ("shape.min_turn_degrees", self.shape.min_turn_degrees),
            ("shape.min_inter_eye_px", self.shape.min_inter_eye_px),
            ("shape.min_lid_motion", self.shape.min_lid_motion),
            ("shape.min_mouth_motion", self.shape.min_mouth_motion),
            ("shape.min_whole_motion", self.shape.min_whole_motion),
            ("eyes.max_yaw_degrees", self.eyes.max_yaw_degrees),
            ("eyes.apart_from", self.eyes.apart_from),
            ("tracking.calibration.max_yaw_degrees", calibration.max_yaw_degrees),
            ("tracking.calibration.max_pitch_degrees", calibration.max_pitch_degrees),
            ("tracking.calibration.min_open_eye_aspect", calibration.min_open_eye_aspect),
            ("tracking.calibration.min_neutral_smile_ratio", calibration.min_neutral_smile_ratio),
        ] {
            rule(name, value.to_string(), value.is_finite() && value > 0.0, "a positive number")?;
        }
        for (name, least, largest) in [
            (
                "tracking.calibration.max_open_eye_aspect",
                calibration.min_open_eye_aspect,
                calibration.max_open_eye_aspect,
            ),
            (
                "tracking.calibration.max_neutral_smile_ratio",
                calibration.min_neutral_smile_ratio,
                calibration.max_neutral_smile_ratio,
            ),
        ] {
            let holds = (least..=1.0).contains(&largest);
            rule(name, largest.to_string(), holds, "from the least one to 1")?;
        }
        rule(
            "tracking.calibration.window_ms",
            calibration.window_ms.to_string(),
            (100..=60_000).contains(&calibration.window_ms),
            "100 to 60000",
        )?;
        rule(
            "tracking.calibration.trusted_after_ms",
            calibration.trusted_after_ms.to_string(),
            (1..=calibration.window_ms).contains(&calibration.trusted_after_ms),
            "1 to tracking.calibration.window_ms",
        )?;
        let (shape, eyes) = (&self.shape, &self.eyes);
        for (name, less, more) in [
            ("shape.flat_at", shape.flat_from, shape.flat_at),
            ("shape.renewed_at_growth", 1.0, shape.renewed_at_growth),
            ("eyes.apart_at", eyes.apart_from, eyes.apart_at),
            ("eyes.open_from", eyes.shut_below, eyes.open_from),
        ] {
            let holds = more.is_finite() && more > less;
            rule(name, more.to_string(), holds, "a number above where it begins")?;
        }
        for (name, value) in [
            ("shape.lasting_ms", shape.lasting_ms),
            ("shape.reference_frames", shape.reference_frames.into()),
            ("shape.still_after_ms", shape.still_after_ms),
            ("eyes.blink_expected_ms", eyes.blink_expected_ms),
            ("eyes.step_ms", eyes.step_ms),
            ("eyes.fading_ms", eyes.fading_ms),
        ] {
            rule(name, value.to_string(), value > 0, "at least 1")?;
        }
        rule(
            "eyes.max_blink_ms",
            eyes.max_blink_ms.to_string(),
            eyes.max_blink_ms >= eyes.min_blink_ms,
            "at least eyes.min_blink_ms",
        )?;
        let viewfinder = &self.viewfinder;
        rule(
            "viewfinder.aspect",
            viewfinder.aspect.to_string(),
            (0.25..=4.0).contains(&viewfinder.aspect),
            "0.25 to 4",
        )?;
        rule(
            "quality.min_sharpness",
            self.quality.min_sharpness.to_string(),
            self.quality.min_sharpness.is_finite() && self.quality.min_sharpness >= 0.0,
            "0 or more",
        )?;
        rule(
            "viewfinder.min_inter_eye_px",
            viewfinder.min_inter_eye_px.to_string(),
            viewfinder.min_inter_eye_px.is_finite() && viewfinder.min_inter_eye_px >= 0.0,
            "0 or more",
        )?;
        rule(
            "viewfinder.max_face_area",
            viewfinder.max_face_area.to_string(),
            viewfinder.max_face_area > viewfinder.min_face_area,
            "more than viewfinder.min_face_area",
        )?;
        rule(
            "quality.max_luminance",
            self.quality.max_luminance.to_string(),
            self.quality.max_luminance > self.quality.min_luminance,
            "more than quality.min_luminance",
        )?;
        rule(
            "expression.min_smile",
            self.expression.min_smile.to_string(),
            self.expression.min_smile > self.expression.max_neutral_smile,
            "more than expression.max_neutral_smile",
        )?;
        share("presentation.attack_below", self.presentation.attack_below)?;
        rule(
            "presentation.min_room",
            self.presentation.min_room.to_string(),
            (1.0..=4.0).contains(&self.presentation.min_room),
            "1 to 4: the picture is seldom larger than four faces",
        )?;
        self.fusion.check()?;
        let challenge = &self.challenge;
        let turn_ms = challenge.max_pause_ms.saturating_add(challenge.hold_ms);
        let turns_ms = turn_ms.saturating_mul(challenge.turns.into());
        rule(
            "challenge.max_pause_ms",
            challenge.max_pause_ms.to_string(),
            challenge.kind != ChallengeKind::Turns || turns_ms < self.timing.timeout_ms,
            "short enough for all turns within timing.timeout_ms",
        )?;
        let is_asked = challenge.kind == ChallengeKind::None && self.fusion.response.required;
        rule(
            "fusion.response",
            "required".to_owned(),
            !is_asked,
            "not required where challenge.kind is none",
        )?;
        self.challenge.check()?;
        let turns = self.challenge.kind == ChallengeKind::Turns;
        let pictures = self.challenge.turns.saturating_mul(2);
        rule(
            "sequence.liveness_images",
            self.sequence.liveness_images.to_string(),
            !turns || self.sequence.liveness_images <= pictures,
            "at most two for each of challenge.turns",
        )?;
        rule(
            "sequence.liveness_images",
            self.sequence.liveness_images.to_string(),
            (1..=64).contains(&self.sequence.liveness_images),
            "1 to 64",
        )?;
        rule(
            "sequence.smile_from",
            self.sequence.smile_from.to_string(),
            self.sequence.smile_from >= 1,
            "at least 1",
        )?;
        rule(
            "sequence.min_motion_degrees",
            self.sequence.min_motion_degrees.to_string(),
            (0.0..=self.pose.max_yaw_degrees).contains(&self.sequence.min_motion_degrees),
            "0 to pose.max_yaw_degrees",
        )?;
        rule(
            "pose.neutral_pitch_degrees",
            self.pose.neutral_pitch_degrees.to_string(),
            (-90.0..=90.0).contains(&self.pose.neutral_pitch_degrees),
            "-90 to 90",
        )?;
        rule(
            "sequence.frozen_frames",
            self.sequence.frozen_frames.to_string(),
            self.sequence.frozen_frames >= 2,
            "at least 2",
        )?;
        let stream = &self.stream;
        for (name, value, least, largest, range) in [
            // Two pictures that take turns are a camera whose buffers are mixed up.
            ("stream.looped_frames", stream.looped_frames, 3, 64, "3 to 64"),
            ("stream.loop_memory", stream.loop_memory, 64, 1 << 20, "64 to 1048576"),
            ("stream.fast_frames", stream.fast_frames, 2, u32::MAX, "at least 2"),
            ("stream.noise_looks", stream.noise_looks, 3, 64, "3 to 64"),
        ] {
            rule(name, value.to_string(), (least..=largest).contains(&value), range)?;
        }
        rule(
            "stream.noise_step",
            stream.noise_step.to_string(),
            stream.noise_step.is_finite() && stream.noise_step > 1.0,
            "more than 1",
        )?;
        rule(
            "tracking.redetect_every_ms",
            self.tracking.redetect_every_ms.to_string(),
            self.tracking.redetect_every_ms <= 10_000,
            "at most 10000: a second person must be noticed",
        )?;
        rule(
            "tracking.max_faces",
            self.tracking.max_faces.to_string(),
            (1..=16).contains(&self.tracking.max_faces),
            "1 to 16",
        )?;
        let Smoothing { pose, expression, gaze, occlusion } = self.tracking.smoothing;
        for (name, OneEuro { min_cutoff_hz, speed_coefficient, speed_cutoff_hz }) in [
            ("tracking.smoothing.pose", pose),
            ("tracking.smoothing.expression", expression),
            ("tracking.smoothing.gaze", gaze),
            ("tracking.smoothing.occlusion", occlusion),
        ] {
            let works =
                [min_cutoff_hz, speed_cutoff_hz].iter().all(|hz| hz.is_finite() && *hz > 0.0)
                    && speed_coefficient.is_finite()
                    && speed_coefficient >= 0.0;
            let given = format!("{min_cutoff_hz} Hz, {speed_coefficient}, {speed_cutoff_hz} Hz");
            rule(name, given, works, "two positive cutoffs and a coefficient of 0 or more")?;
        }
        rule(
            "tracking.min_decoded_side",
            self.tracking.min_decoded_side.to_string(),
            self.tracking.min_decoded_side >= 64,
            "at least 64",
        )?;
        let timing = &self.timing;
        rule(
            "timing.face_lost_ms",
            timing.face_lost_ms.to_string(),
            timing.face_lost_ms >= 100,
            "at least 100, longer than the time between two frames",
        )?;
        let gaps_ms = timing.min_gap_ms.saturating_mul(self.sequence.liveness_images.into());
        let least_ms = gaps_ms.saturating_add(timing.hold_ms);
        rule(
            "timing.timeout_ms",
            timing.timeout_ms.to_string(),
            timing.timeout_ms > least_ms.saturating_add(timing.guidance_debounce_ms),
            "more than hold_ms, guidance_debounce_ms and a min_gap_ms for each liveness image \
             together",
        )?;
        rule(
            "encoding.jpeg_quality",
            self.encoding.jpeg_quality.to_string(),
            (1..=100).contains(&self.encoding.jpeg_quality),
            "1 to 100",
        )?;
        rule(
            "identity.link_every_ms",
            self.identity.link_every_ms.to_string(),
            self.identity.link_every_ms <= 250,
            "at most 250: a smile grows within that time",
        )?;
        for (name, side) in [
            ("encoding.liveness_side", self.encoding.liveness_side),
            ("encoding.selfie_side", self.encoding.selfie_side),
        ] {
            rule(name, side.to_string(), (64..=4096).contains(&side), "64 to 4096")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_works_and_survives_toml() {
        let policy = Policy::default();
        policy.check().unwrap();
        let text = policy.to_toml().unwrap();
        assert_eq!(Policy::from_toml(&text).unwrap(), policy);
        assert_eq!(Policy::preset("smart-selfie").unwrap(), policy);
    }

    #[test]
    fn a_capture_that_nobody_could_complete_is_refused() {
        for (text, name) in [
            ("[timing]\ntimeout_ms = 2900", "timing.timeout_ms"),
            ("[timing]\nmin_gap_ms = 9223372036854775807", "timing.timeout_ms"),
            ("[timing]\nguidance_debounce_ms = 120000", "timing.timeout_ms"),
            ("[timing]\nface_lost_ms = 0", "timing.face_lost_ms"),
            ("[sequence]\nsmile_from = 0", "sequence.smile_from"),
            ("[sequence]\nmin_motion_degrees = 40.0", "sequence.min_motion_degrees"),
            ("[sequence]\nmin_motion_degrees = nan", "sequence.min_motion_degrees"),
            ("[sequence]\nfrozen_frames = 1", "sequence.frozen_frames"),
            ("[tracking]\nmin_decoded_side = 63", "tracking.min_decoded_side"),
            ("[expression]\nmax_neutral_smile = 0.9", "expression.min_smile"),
            ("[presentation]\nattack_below = 1.6", "presentation.attack_below"),
            ("[presentation]\nmin_room = 9.0", "presentation.min_room"),
            ("[challenge]\ndirections = []", "challenge.directions"),
            ("[challenge]\ndirections = [\"look_up\", \"look_up\"]", "challenge.directions"),
            ("[challenge]\ndirections = [\"smile\"]", "challenge.directions"),
            ("[challenge]\nturns = 2", "challenge.turns"),
            ("[challenge]\nturn_degrees = nan", "challenge.turn_degrees"),
            ("[challenge]\nmax_aside = 1.5", "challenge.max_aside"),
            ("[challenge]\ncentre = 0.9", "challenge.centre"),
            ("[challenge]\nmax_pause_ms = 10", "challenge.max_pause_ms"),
            ("[challenge]\nmax_response_ms = 100", "challenge.slow_reaction_ms"),
            (
                "[challenge]\nkind = \"turns\"\n[sequence]\nliveness_images = 13",
                "sequence.liveness_images",
            ),
            ("[fusion]\nretry_below = 0.05", "fusion.retry_below"),
            (
                "[challenge]\nkind = \"turns\"\nmin_pause_ms = 60000\nmax_pause_ms = 60000",
                "challenge.max_pause_ms",
            ),
            (
                "[fusion.eyes]\nweight = -1.0\nattack_below = 0.1\nretry_below = 0.2\nrequired = false",
                "fusion.eyes",
            ),
            ("[viewfinder]\naspect = 0.01", "viewfinder.aspect"),
            ("[viewfinder]\nmax_offset = 0.0", "viewfinder.max_offset"),
            ("[viewfinder]\nmin_margin = nan", "viewfinder.min_margin"),
            ("[pose]\nmax_speed = inf", "pose.max_speed"),
            ("[quality]\nmin_sharpness = -1.0", "quality.min_sharpness"),
            ("[tracking]\nmax_faces = 0", "tracking.max_faces"),
            ("[tracking]\nsame_face_overlap = 1.5", "tracking.same_face_overlap"),
            (
                "[tracking.smoothing.gaze]\nmin_cutoff_hz = 0.0\nspeed_coefficient = 0.2\n\
                 speed_cutoff_hz = 1.0",
                "tracking.smoothing.gaze",
            ),
            ("[shape]\nflat_at = 0.05", "shape.flat_at"),
            ("[shape]\nlasting_ms = 0", "shape.lasting_ms"),
            ("[shape]\nmin_turn_degrees = nan", "shape.min_turn_degrees"),
            ("[eyes]\nmax_blink_ms = 50", "eyes.max_blink_ms"),
            ("[eyes]\napart_from = 2.0", "eyes.apart_at"),
            ("[occlusion]\nmax_share = 1.5", "occlusion.max_share"),
            ("[surroundings]\nmin_looks = 0", "surroundings.min_looks"),
            ("[surroundings]\nmin_looks = 17\nwindow_ms = 9000", "surroundings.min_looks"),
            ("[surroundings]\nmin_looks = 4\nwindow_ms = 600", "surroundings.min_looks"),
            ("[surroundings]\nlook_every_ms = 750", "surroundings.min_looks"),
            ("[surroundings]\nlook_every_ms = 0", "surroundings.look_every_ms"),
            ("[surroundings]\nlook_every_ms = 1001", "surroundings.look_every_ms"),
            ("[texture]\nmin_frames = 0", "texture.min_frames"),
            ("[texture]\nmin_frames = 16", "texture.min_frames"),
            ("[stream]\nlooped_frames = 2", "stream.looped_frames"),
            ("[stream]\nloop_memory = 4294967295", "stream.loop_memory"),
            ("[stream]\nfast_frames = 1", "stream.fast_frames"),
            ("[stream]\nnoise_looks = 0", "stream.noise_looks"),
            ("[stream]\nnoise_step = 1.0", "stream.noise_step"),
            ("[stream]\nmax_fps = 0.0", "stream.max_fps"),
            ("[stream]\nvirtual_camera_score = 2.0", "stream.virtual_camera_score"),
            ("[tracking.calibration]\nwindow_ms = 0", "tracking.calibration.window_ms"),
            (
                "[tracking.calibration]\ntrusted_after_ms = 9000",
                "tracking.calibration.trusted_after_ms",
            ),
            (
                "[tracking.calibration]\nmax_open_eye_aspect = 0.1",
                "tracking.calibration.max_open_eye_aspect",
            ),
            (
                "[tracking.calibration]\nmin_neutral_smile_ratio = nan",
                "tracking.calibration.min_neutral_smile_ratio",
            ),
        ] {
            match Policy::from_toml(text).unwrap_err() {
                PolicyError::Value { name: named, .. } => assert_eq!(named, name, "{text}"),
                other => panic!("{text}: {other}"),
            }
        }
    }

    #[test]
    fn limits_of_paper_and_screens_are_checked() {
        for (text, name) in [
            ("[surroundings]\nmin_agreeing = 1.5", "surroundings.min_agreeing"),
            ("[surroundings]\nmin_carried = nan", "surroundings.min_carried"),
            ("[surroundings]\nunclear_own = 0.1", "surroundings.unclear_own"),
            ("[surroundings]\napart_score = 0.4", "surroundings.apart_score"),
            ("[texture]\nattack_pattern = 3.0", "texture.attack_pattern"),
            ("[texture]\nunclear_pattern = 0.0", "texture.unclear_pattern"),
            ("[texture]\nmin_face_tiles = nan", "texture.min_face_tiles"),
        ] {
            match Policy::from_toml(text).unwrap_err() {
                PolicyError::Value { name: named, .. } => assert_eq!(named, name, "{text}"),
                other => panic!("{text}: {other}"),
            }
        }
    }

    #[test]
    fn mistakes_are_named() {
        let message = |text| Policy::from_toml(text).unwrap_err().to_string();
        assert!(message("[timing]\ntimeout = 3").contains("timeout"));
        assert!(message("[expression]\nmin_smile = 80.0").contains("expression.min_smile"));
        let named = |length| format!("name = \"{}\"", "\u{e9}".repeat(length));
        let too_long = named(MAX_NAME + 1);
        assert!(message(&too_long).contains("`name` is 65 characters long"));
        Policy::from_toml(&named(MAX_NAME)).unwrap();
        assert!(message("[sequence]\nliveness_images = 0").contains("1 to 64"));
        assert!(
            message("[viewfinder]\nmin_margin = -0.5").contains("`viewfinder.min_margin` is -0.5")
        );
        assert!(Policy::preset("other").unwrap_err().to_string().contains("smart-selfie"));
    }
}
