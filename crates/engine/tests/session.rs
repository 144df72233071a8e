//! Sessions with the real models on the rendered people.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use liveface::camera::{FrameSource, Recording, Still, Subject};
use liveface::{
    Capture, ColourRange, Engine, EngineConfig, EngineError, Event, Frame, JpegFrame, ModelSource,
    PixelFormat, Plane, Policy, Reason, Rotation, Session, ShotKind, Store, Tag, Timestamp,
    Verdict,
};

fn folder(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn engine() -> Engine {
    let models = ModelSource::Folder(folder("models"));
    Engine::load(&EngineConfig { models, ..EngineConfig::default() }).unwrap()
}

fn start(engine: &Engine) -> Session {
    engine.session(Policy::preset("smart-selfie").unwrap(), 1).unwrap()
}

/// Lets a person do what the guidance says until the session ends. `see` may show the engine the
/// frame in another form.
fn capture(
    engine: &Engine,
    person: &str,
    see: impl Fn(&mut Session, &Frame<'_>) -> Vec<Event>,
) -> (Capture, Vec<Event>) {
    let mut session = start(engine);
    let mut camera = Subject::open(folder("fixtures").join(person), 15.0).unwrap();
    let mut events = Vec::new();
    while !session.ended() {
        let frame = camera.next_frame().unwrap().expect("a subject never ends");
        let news = see(&mut session, &frame);
        for event in &news {
            if let Event::Guidance { guidance, .. } = event {
                camera.show(*guidance);
            }
        }
        events.extend(news);
    }
    (session.finish(), events)
}

fn push(session: &mut Session, frame: &Frame<'_>) -> Vec<Event> {
    session.push(frame).unwrap()
}

#[test]
fn a_person_who_follows_the_guidance_is_captured_live() {
    let (capture, events) = capture(&engine(), "clips-f1", push);
    assert_eq!(capture.record.verdict, Verdict::Live);
    assert_eq!(capture.images.len(), 8);
    for (index, image) in capture.images.iter().enumerate() {
        let selfie = index == 7;
        let (kind, side) = if selfie { (ShotKind::Selfie, 640) } else { (ShotKind::Liveness, 320) };
        assert_eq!((image.kind, image.width.max(image.height)), (kind, side));
    }
    assert!(capture.record.evidence.pad_live_median.unwrap() > 0.5);
    assert_eq!(capture.record.models, engine().model_hashes().clone());
    let shots = events.iter().filter(|event| matches!(event, Event::Shot { .. })).count();
    assert_eq!(shots, 8);
    assert!(matches!(events.last(), Some(Event::Verdict { verdict: Verdict::Live, .. })));
}

#[test]
fn the_same_frames_give_the_same_events_and_pictures() {
    let engine = engine();
    let (first, first_events) = capture(&engine, "clips-m2", push);
    // Another engine and another session: nothing is carried over.
    let (second, second_events) = capture(&self::engine(), "clips-m2", push);
    assert_eq!(first_events, second_events);
    assert!(first == second);
}

/// The upright frame as a camera might give it: NV12, turned, with strides longer than a row.
struct Nv12 {
    luma: Vec<u8>,
    chroma: Vec<u8>,
    stride: usize,
    width: u32,
    height: u32,
}

impl Nv12 {
    /// Turns by 90 degrees against the clock, so that 90 degrees clockwise bring it upright.
    fn from_upright(frame: &Frame<'_>) -> Self {
        use liveface_core::sample::{Border, Filter, rgb8};
        let (upright_width, upright_height) = (frame.width(), frame.height());
        let mut rgb = Vec::new();
        let map = liveface_core::Affine::from_region(frame.bounds(), upright_width, upright_height);
        let size = (upright_width, upright_height);
        rgb8(frame, map, size, Filter::Bilinear, Border::Replicate, &mut rgb);
        let (width, height) = (upright_height, upright_width);
        let stride = width as usize + 24;
        let mut luma = vec![0; stride * height as usize];
        let mut chroma = vec![0; stride * (height as usize).div_ceil(2)];
        for row in 0..height as usize {
            for column in 0..width as usize {
                let (x, y) = (upright_width as usize - 1 - row, column);
                let at = (y * upright_width as usize + x) * 3;
                let [r, g, b] = [rgb[at], rgb[at + 1], rgb[at + 2]].map(f32::from);
                let y = 0.299 * r + 0.587 * g + 0.114 * b;
                luma[row * stride + column] = y.round() as u8;
                if row % 2 == 0 && column % 2 == 0 {
                    let at = row / 2 * stride + column;
                    chroma[at] = (128.0 + (b - y) / 1.772).round().clamp(0.0, 255.0) as u8;
                    chroma[at + 1] = (128.0 + (r - y) / 1.402).round().clamp(0.0, 255.0) as u8;
                }
            }
        }
        Self { luma, chroma, stride, width, height }
    }

    fn frame(&self, at: Timestamp) -> Frame<'_> {
        let plane = |data| Plane { data, stride: self.stride };
        let planes = [plane(&self.luma[..]), plane(&self.chroma[..])];
        Frame::new(PixelFormat::Nv12, self.width, self.height, &planes, at)
            .unwrap()
            .with_range(ColourRange::Full)
            .rotated(Rotation::Clockwise90)
    }
}

#[test]
fn a_phones_rotated_nv12_frames_are_captured_as_well() {
    let (capture, _) = capture(&engine(), "clips-f1", |session, frame| {
        push(session, &Nv12::from_upright(frame).frame(frame.timestamp()))
    });
    assert_eq!(capture.record.verdict, Verdict::Live);
    let selfie = capture.selfie().unwrap();
    assert_eq!((selfie.width, selfie.height), (640, 480));
}

#[test]
fn a_frame_from_the_past_is_refused_and_the_session_goes_on() {
    let mut session = start(&engine());
    let mut camera = Recording::open(folder("fixtures/sequence-m1"), 15.0).unwrap();
    let frame = camera.next_frame().unwrap().unwrap();
    session.push(&frame.at(Timestamp::from_millis(500))).unwrap();
    for refused in [500, 499, 0] {
        let error = session.push(&frame.at(Timestamp::from_millis(refused))).unwrap_err();
        assert!(matches!(error, EngineError::Sequence(_)), "{error}");
        assert!(error.to_string().contains("500 ms"), "{error}");
    }
    session.push(&frame.at(Timestamp::from_millis(501))).unwrap();
    session.count_dropped(3);
    let capture = session.finish();
    assert_eq!((capture.record.frames.seen, capture.record.frames.dropped), (2, 3));
}

#[test]
fn a_session_that_is_finished_early_was_cancelled() {
    let mut session = start(&engine());
    let events = session.end(Reason::FramesEnded);
    assert!(matches!(&events[..], [Event::Verdict { verdict: Verdict::Retry, .. }]));
    assert!(session.end(Reason::Cancelled).is_empty(), "a session ends once");
    let frame_data = [0u8; 12];
    let frame = Frame::rgb(2, 2, &frame_data, Timestamp::ZERO).unwrap();
    assert!(session.push(&frame).is_err());
    assert_eq!(session.finish().record.reasons[0], Reason::FramesEnded);

    let capture = start(&engine()).finish();
    assert_eq!(capture.record.reasons[0], Reason::Cancelled);
    assert!(capture.images.is_empty());
}

#[test]
fn sessions_on_one_engine_do_not_disturb_each_other() {
    let engine = engine();
    let alone = capture(&engine, "clips-f1", push).0;
    let [f1, m1] = std::thread::scope(|scope| {
        ["clips-f1", "clips-m1"]
            .map(|person| scope.spawn(|| capture(&engine, person, push).0))
            .map(|thread| thread.join().unwrap())
    });
    assert!(f1 == alone);
    assert_eq!(m1.record.verdict, Verdict::Live);
}

#[test]
fn a_capture_survives_the_store() {
    let directory = tempfile::tempdir().unwrap();
    let (capture, _) = capture(&engine(), "clips-m1", push);
    let store = Store::open(directory.path(), &liveface::StoreKey::from_bytes([7; 32])).unwrap();
    let tag = Tag::new("kept").unwrap();
    store.save(&tag, &capture).unwrap();
    assert!(store.load(&tag).unwrap() == capture);
}

#[test]
fn a_policy_that_cannot_work_starts_nothing() {
    let mut policy = Policy::default();
    policy.timing.timeout_ms = 0;
    assert!(matches!(engine().session(policy, 1), Err(EngineError::Policy(_))));
}

/// Lets a person do what the guidance says for so many frames; gives all events.
fn act(
    session: &mut Session,
    camera: &mut Subject,
    frames: usize,
    mut see: impl FnMut(usize, &Frame<'_>, &mut Session) -> Vec<Event>,
) -> Vec<Event> {
    let mut events = Vec::new();
    for index in 0..frames {
        if session.ended() {
            break;
        }
        let frame = camera.next_frame().unwrap().expect("a subject never ends");
        let news = see(index, &frame, session);
        for event in &news {
            if let Event::Guidance { guidance, .. } = event {
                camera.show(*guidance);
            }
        }
        events.extend(news);
    }
    events
}

#[test]
fn nobody_takes_over_for_the_smile() {
    let engine = engine();
    let people = ["f1", "m1", "m2"];
    for person in people {
        for other in people.into_iter().filter(|other| *other != person) {
            let clips = tempfile::tempdir().unwrap();
            for (clip, from) in [("idle", person), ("smile", other)] {
                let source = folder("fixtures").join(format!("clips-{from}/{clip}"));
                std::fs::create_dir(clips.path().join(clip)).unwrap();
                for file in std::fs::read_dir(source).unwrap().map(Result::unwrap) {
                    let to = clips.path().join(clip).join(file.file_name());
                    std::fs::copy(file.path(), to).unwrap();
                }
            }
            let mut session = start(&engine);
            let mut camera = Subject::open(clips.path(), 15.0).unwrap();
            let events = act(&mut session, &mut camera, 90, |_, frame, s| push(s, frame));
            let changed = Reason::PersonChanged;
            let restarted = events
                .iter()
                .any(|event| matches!(event, Event::Restart { reason, .. } if *reason == changed));
            assert!(restarted, "{other} smiled for {person}");
            let smiles = events.iter().any(|event| matches!(event, Event::Shot { index: 4.., .. }));
            assert!(!smiles, "{other} smiled for {person} twice");
            assert_ne!(session.finish().record.verdict, Verdict::Live);
        }
    }
}

#[test]
fn no_picture_shows_two_faces_however_short_the_second_is_there() {
    let engine = engine();
    let other = image::open(folder("fixtures/clips-f1/idle/000.jpg")).unwrap().to_rgb8();
    let other = image::imageops::crop_imm(&other, 225, 110, 190, 250).to_image();
    let mut session = start(&engine);
    let mut camera = Subject::open(folder("fixtures/clips-m1"), 15.0).unwrap();
    // The other face comes and goes between two looks of the detector.
    let is_there = |index: usize| !index.is_multiple_of(8);
    let mut pictures = Vec::new();
    let events = act(&mut session, &mut camera, 120, |index, frame, session| {
        let size = (frame.width(), frame.height());
        let mut pixels = Vec::new();
        let map = liveface_core::Affine::from_region(frame.bounds(), size.0, size.1);
        liveface_core::sample::rgb8(
            frame,
            map,
            size,
            liveface_core::sample::Filter::Bilinear,
            liveface_core::sample::Border::Replicate,
            &mut pixels,
        );
        let mut picture = image::RgbImage::from_raw(size.0, size.1, pixels).unwrap();
        if is_there(index) {
            image::imageops::replace(&mut picture, &other, 440, 220);
        }
        let frame = Frame::rgb(size.0, size.1, picture.as_raw(), frame.timestamp()).unwrap();
        let news = push(session, &frame);
        let taken = news.iter().any(|event| matches!(event, Event::Shot { .. }));
        pictures.extend(taken.then_some(index));
        news
    });
    let warned = liveface::Guidance::OnlyOneFace;
    assert!(
        events.iter().any(|e| matches!(e, Event::Guidance { guidance, .. } if *guidance == warned))
    );
    assert!(pictures.iter().all(|index| !is_there(*index)), "{pictures:?}");
}

#[test]
fn a_camera_that_stands_still_takes_nothing() {
    let mut session = start(&engine());
    let mut camera = Recording::open(folder("fixtures/clips-f1/idle"), 15.0).unwrap();
    let frame = camera.next_frame().unwrap().unwrap();
    for index in 0..40 {
        let events = push(&mut session, &frame.at(Timestamp::from_millis(index * 67)));
        assert!(!events.iter().any(|event| matches!(event, Event::Shot { .. })));
    }
    session.end(Reason::FramesEnded);
    let record = session.finish().record;
    assert_eq!(record.reasons, [Reason::FramesEnded, Reason::FrozenFrames]);
}

/// The picture of `frame` twice as large: what a camera of 1280x960 would see.
fn enlarged(frame: &Frame<'_>) -> image::RgbImage {
    use liveface_core::sample::{Border, Filter, rgb8};
    let (width, height) = (frame.width(), frame.height());
    let map = liveface_core::Affine::from_region(frame.bounds(), width, height);
    let mut pixels = Vec::new();
    rgb8(frame, map, (width, height), Filter::Bilinear, Border::Replicate, &mut pixels);
    let picture = image::RgbImage::from_raw(width, height, pixels).unwrap();
    image::imageops::resize(&picture, width * 2, height * 2, image::imageops::Triangle)
}

fn jpeg(picture: &image::RgbImage) -> Vec<u8> {
    let mut jpeg = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 90)
        .encode_image(picture)
        .unwrap();
    jpeg
}

#[test]
fn a_large_jpeg_camera_is_captured_as_if_every_frame_were_decoded_whole() {
    let engine = engine();
    let whole = std::cell::RefCell::new(start(&engine));
    let (small, events) = capture(&engine, "clips-f1", |session, frame| {
        let (jpeg, at) = (jpeg(&enlarged(frame)), frame.timestamp());
        let still = Still::decode(&jpeg).unwrap();
        let events = push(&mut whole.borrow_mut(), &still.frame().unwrap().at(at));
        assert_eq!(session.push_jpeg(&JpegFrame::new(&jpeg, at)).unwrap(), events);
        events
    });
    assert!(matches!(events.last(), Some(Event::Verdict { verdict: Verdict::Live, .. })));
    assert_eq!(small.images.len(), 8);
    // The kept pictures are made of every pixel: they are the same to the byte.
    assert!(small.images == whole.into_inner().finish().images);
}

#[test]
fn a_turned_and_mirrored_jpeg_camera_is_captured_upright() {
    let mut session = start(&engine());
    let mut camera = Subject::open(folder("fixtures/clips-m1"), 15.0).unwrap();
    let events = act(&mut session, &mut camera, 30, |_, frame, session| {
        // Undoing the mirroring and a quarter turn clockwise bring this upright again.
        let turned = image::imageops::rotate270(&enlarged(frame));
        let stored = jpeg(&image::imageops::flip_horizontal(&turned));
        let upright = JpegFrame::new(&stored, frame.timestamp());
        let (rotation, focal_length_px) = (Rotation::Clockwise90, Some(1_031.0));
        let stored = JpegFrame { rotation, mirrored: true, focal_length_px, ..upright };
        session.push_jpeg(&stored).unwrap()
    });
    assert!(events.iter().any(|event| matches!(event, Event::Shot { .. })), "{events:?}");
    let capture = session.finish();
    assert_eq!((capture.images[0].width, capture.images[0].height), (320, 240));
}

#[test]
fn a_damaged_jpeg_frame_is_refused_and_the_session_goes_on() {
    let mut session = start(&engine());
    let mut camera = Recording::open(folder("fixtures/sequence-m1"), 15.0).unwrap();
    let jpeg = jpeg(&enlarged(&camera.next_frame().unwrap().unwrap()));
    let mut push =
        |jpeg: &[u8], t_ms| session.push_jpeg(&JpegFrame::new(jpeg, Timestamp::from_millis(t_ms)));
    push(&jpeg, 0).unwrap();
    for damaged in [&jpeg[..jpeg.len() / 2], &jpeg[..jpeg.len() - 2], b"", b"no picture"] {
        let error = push(damaged, 70).unwrap_err();
        assert!(matches!(error, EngineError::Picture(_)), "{error}");
    }
    push(&jpeg, 70).unwrap();
    assert!(matches!(push(&jpeg, 70), Err(EngineError::Sequence(_))));
    let frame = JpegFrame::new(&jpeg, Timestamp::from_millis(140));
    let no_lens = JpegFrame { focal_length_px: Some(0.0), ..frame };
    assert!(matches!(session.push_jpeg(&no_lens), Err(EngineError::Frame(_))));
    session.push_jpeg(&frame).unwrap();
    assert_eq!(session.finish().record.frames.seen, 3);
}
