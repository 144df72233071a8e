//! Recordings and subjects, from real files.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};
use liveface_camera::mjpeg::{SplitError, Splitter};
use liveface_camera::{CameraError, FrameSource, Recording, Subject};
use liveface_core::sample::{Border, Filter, fingerprint, rgb8};
use liveface_core::{Affine, Frame, Guidance, PixelFormat};
use proptest::prelude::*;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures")
}

/// The picture as an app would see it, in RGB bytes.
fn pixels(frame: &Frame<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let size = (frame.width(), frame.height());
    rgb8(
        frame,
        Affine::scale_then_move(1.0, 1.0, 0.0, 0.0),
        size,
        Filter::Bilinear,
        Border::Black,
        &mut out,
    );
    out
}

fn decoded(path: &Path) -> Vec<u8> {
    image::open(path).unwrap().into_rgb8().into_raw()
}

/// The times of all frames, or the first error.
fn times(mut source: impl FrameSource) -> Result<Vec<Duration>, CameraError> {
    // Apps choose a source at run time.
    let source: &mut dyn FrameSource = &mut source;
    let mut times = Vec::new();
    while let Some(frame) = source.next_frame()? {
        times.push(frame.timestamp());
    }
    Ok(times)
}

/// The level of a picture of one colour, noise left out.
fn grey_level(frame: &Frame<'_>) -> u8 {
    let pixels = pixels(frame);
    let sum: u32 = pixels.iter().map(|level| u32::from(*level)).sum();
    (sum as f32 / pixels.len() as f32).round() as u8
}

fn save_level(path: &Path, level: u8) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    RgbImage::from_pixel(16, 8, Rgb([level; 3])).save(path).unwrap();
}

fn jpeg(level: u8, quality: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let picture = RgbImage::from_fn(40, 24, |x, y| Rgb([level, (x * 6) as u8, (y * 10) as u8]));
    JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(&picture).unwrap();
    bytes
}

#[test]
fn a_folder_plays_every_image_with_exact_times() {
    let folder = fixtures().join("sequence-m1");
    let mut recording = Recording::open(&folder, 15.0).unwrap();
    assert_eq!(recording.frame_count(), Some(60));
    for index in 0..60u64 {
        let frame = recording.next_frame().unwrap().unwrap();
        assert_eq!((frame.width(), frame.height()), (640, 480));
        assert_eq!(frame.timestamp(), Duration::from_nanos(index * 1_000_000_000 / 15));
        if index % 20 == 0 {
            assert_eq!(pixels(&frame), decoded(&folder.join(format!("{index:03}.jpg"))));
        }
    }
    assert!(recording.next_frame().unwrap().is_none());
    assert!(recording.next_frame().unwrap().is_none());
}

#[test]
fn a_mjpeg_file_plays_as_the_images_it_was_made_of() {
    let images: Vec<_> =
        (0..5).map(|index| fixtures().join(format!("clips-f1/idle/00{index}.jpg"))).collect();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("idle.mjpeg");
    let bytes: Vec<_> = images.iter().map(|path| std::fs::read(path).unwrap()).collect();
    std::fs::write(&file, bytes.concat()).unwrap();
    std::fs::write(
        dir.path().join("frames.csv"),
        "frame,timestamp_ms\n0,7\n1,70.5\n2,140\n3,200\n4,290\n",
    )
    .unwrap();
    let mut recording = Recording::open(&file, 15.0).unwrap();
    for path in &images {
        let frame = recording.next_frame().unwrap().unwrap();
        assert_eq!(pixels(&frame), decoded(path));
    }
    assert!(recording.next_frame().unwrap().is_none());
    let times = times(Recording::open(&file, 15.0).unwrap()).unwrap();
    assert_eq!(times[..2], [Duration::from_millis(7), Duration::from_micros(70_500)]);
}

#[test]
fn a_y4m_file_plays_its_planes_at_its_own_rate() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("clip.y4m");
    // Two frames of 3x1: luma, then two U and two V samples that have no colour.
    let frame = |luma: [u8; 3]| [&b"FRAME\n"[..], &luma, &[128; 4]].concat();
    let frames = [frame([16, 126, 235]), frame([235, 235, 235])].concat();
    std::fs::write(&file, [&b"YUV4MPEG2 W3 H1 F10:1 C420jpeg\n"[..], &frames].concat()).unwrap();
    let mut recording = Recording::open(&file, 15.0).unwrap();
    let first = recording.next_frame().unwrap().unwrap();
    assert_eq!(first.format(), PixelFormat::I420);
    assert_eq!(pixels(&first), [0, 0, 0, 128, 128, 128, 255, 255, 255]);
    let second = recording.next_frame().unwrap().unwrap();
    assert_eq!(second.timestamp(), Duration::from_millis(100));

    let full = [&b"YUV4MPEG2 W3 H1 Cmono XCOLORRANGE=FULL\nFRAME\n"[..], &[0, 126, 255]].concat();
    std::fs::write(&file, full).unwrap();
    let mut recording = Recording::open(&file, 20.0).unwrap();
    let frame = recording.next_frame().unwrap().unwrap();
    assert_eq!(pixels(&frame), [0, 0, 0, 126, 126, 126, 255, 255, 255]);
}

#[test]
fn what_is_no_recording_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let open = |path: &Path| Recording::open(path, 15.0).unwrap_err();
    assert!(matches!(open(&dir.path().join("missing")), CameraError::Read { .. }));
    assert!(matches!(open(dir.path()), CameraError::NoImages { .. }));
    let text = dir.path().join("notes.txt");
    std::fs::write(&text, "no frames").unwrap();
    assert!(open(&text).to_string().contains("notes.txt is not a recording; give a folder"));
    let wide = dir.path().join("wide.y4m");
    std::fs::write(&wide, "YUV4MPEG2 W4 H4 C444\n").unwrap();
    assert!(open(&wide).to_string().contains("`C444`"));
    save_level(&dir.path().join("0.png"), 9);
    assert!(matches!(Recording::open(dir.path(), 0.0), Err(CameraError::FrameRate { .. })));
}

#[test]
fn a_table_that_does_not_fit_the_frames_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for index in 0..3 {
        save_level(&dir.path().join(format!("{index}.png")), index);
    }
    let table = dir.path().join("frames.csv");
    std::fs::write(&table, "frame,timestamp_ms\n0,0\n1,50\n").unwrap();
    let message = Recording::open(dir.path(), 15.0).unwrap_err().to_string();
    assert!(message.contains("has 2 rows, but the recording has 3 frames"), "{message}");

    let file = dir.path().join("video.mjpeg");
    std::fs::write(&file, [jpeg(10, 90), jpeg(20, 90), jpeg(30, 90)].concat()).unwrap();
    let message = times(Recording::open(&file, 15.0).unwrap()).unwrap_err().to_string();
    assert!(message.contains("at least 3 frames"), "{message}");
    std::fs::write(&table, "frame,timestamp_ms\n0,0\n1,50\n2,99\n3,150\n").unwrap();
    let message = times(Recording::open(&file, 15.0).unwrap()).unwrap_err().to_string();
    assert!(message.contains("has 4 rows, but the recording has 3 frames"), "{message}");
}

#[test]
fn a_damaged_image_ends_the_recording_with_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let whole = jpeg(10, 90);
    std::fs::write(dir.path().join("8.jpg"), &whole).unwrap();
    std::fs::write(dir.path().join("9.jpg"), &whole[..whole.len() - 40]).unwrap();
    std::fs::write(dir.path().join("10.jpg"), &whole).unwrap();
    let mut recording = Recording::open(dir.path(), 15.0).unwrap();
    assert!(recording.next_frame().unwrap().is_some());
    let message = recording.next_frame().unwrap_err().to_string();
    assert!(message.contains("frame 1") && message.contains("9.jpg"), "{message}");
    assert!(message.contains("breaks off"), "{message}");
    assert!(recording.next_frame().unwrap().is_none());

    std::fs::write(dir.path().join("9.jpg"), b"no image").unwrap();
    let mut recording = Recording::open(dir.path(), 15.0).unwrap();
    recording.next_frame().unwrap();
    assert!(recording.next_frame().unwrap_err().to_string().contains("neither a JPEG nor a PNG"));
}

#[test]
fn an_unfinished_mjpeg_file_is_refused_where_it_breaks_off() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("cut.mjpg");
    let bytes = [jpeg(10, 90), jpeg(20, 90)].concat();
    std::fs::write(&file, &bytes[..bytes.len() - 9]).unwrap();
    let message = times(Recording::open(&file, 15.0).unwrap()).unwrap_err().to_string();
    assert!(message.contains("frame 1") && message.contains("breaks off at byte"), "{message}");
}

/// A subject whose clips are told apart by their grey level: approach 10.., idle 100.., smile 200...
fn subject(dir: &Path, clips: &[(&str, u8, u8)]) -> Result<Subject, CameraError> {
    for (name, length, level) in clips {
        for index in 0..*length {
            save_level(&dir.join(name).join(format!("{index}.png")), level + index);
        }
    }
    Subject::open(dir, 15.0)
}

fn levels(subject: &mut Subject, count: usize) -> Vec<u8> {
    (0..count).map(|_| grey_level(&subject.next_frame().unwrap().unwrap())).collect()
}

#[test]
fn a_subject_walks_up_and_then_does_what_it_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    let clips = [("approach", 2, 10), ("idle", 3, 100), ("smile", 2, 200), ("blink", 2, 50)];
    let mut subject = subject(dir.path(), &clips).unwrap();
    assert_eq!(levels(&mut subject, 6), [10, 11, 100, 101, 102, 100]);
    // The running clip is finished first.
    subject.show(Guidance::Smile);
    assert_eq!(levels(&mut subject, 6), [101, 102, 200, 201, 200, 201]);
    subject.show(Guidance::MoveCloser);
    assert_eq!(levels(&mut subject, 2), [10, 11]);
    subject.show(Guidance::HoldStill);
    assert_eq!(levels(&mut subject, 4), [100, 101, 102, 100]);
}

#[test]
fn a_subject_cannot_do_what_it_has_no_clip_of() {
    let dir = tempfile::tempdir().unwrap();
    let mut person = subject(dir.path(), &[("idle", 2, 100)]).unwrap();
    person.show(Guidance::Smile);
    assert_eq!(levels(&mut person, 4), [100, 101, 100, 101]);
    let other = tempfile::tempdir().unwrap();
    let refused = subject(other.path(), &[("smile", 2, 200)]).unwrap_err();
    assert!(matches!(refused, CameraError::NoIdleClip { .. }));
    assert!(Subject::open(other.path().join("missing"), 15.0).is_err());
}

#[test]
fn a_subjects_time_goes_on_across_clips() {
    let mut subject = Subject::open(fixtures().join("clips-f1"), 15.0).unwrap();
    for index in 0..30u64 {
        let frame = subject.next_frame().unwrap().unwrap();
        assert_eq!(frame.timestamp(), Duration::from_nanos(index * 1_000_000_000 / 15));
        // Eight images of walking up, then twelve of waiting, again and again.
        let name = match index {
            0..8 => format!("approach/00{index}.jpg"),
            _ => format!("idle/0{:02}.jpg", (index - 8) % 12),
        };
        if index % 7 == 0 {
            let image = decoded(&fixtures().join("clips-f1").join(name));
            let noise = pixels(&frame).iter().zip(&image).map(|(a, b)| a.abs_diff(*b)).max();
            assert_eq!(noise, Some(1), "frame {index}");
        }
    }
}

#[test]
fn a_subject_turns_the_way_that_it_is_asked_to() {
    let dir = tempfile::tempdir().unwrap();
    let clips =
        [("idle", 1, 100), ("turn_left", 2, 50), ("turn_right", 2, 150), ("look_up", 2, 200)];
    let mut subject = subject(dir.path(), &clips).unwrap();
    for (guidance, level) in [
        (Guidance::TurnImageLeft, 150),
        (Guidance::TurnImageRight, 50),
        (Guidance::LookUp, 200),
        (Guidance::Capturing, 100),
    ] {
        subject.show(guidance);
        // Again while it is asked again.
        let clip = if level == 100 { [100; 4] } else { [level, level + 1, level, level + 1] };
        assert_eq!(levels(&mut subject, 4), clip, "{guidance:?}");
    }
}

#[test]
fn a_subject_blinks_now_and_then() {
    let dir = tempfile::tempdir().unwrap();
    let clips = [("approach", 1, 10), ("idle", 2, 100), ("smile", 1, 200), ("blink", 2, 50)];
    let mut subject = subject(dir.path(), &clips).unwrap();
    let idle = [100, 101].repeat(4);
    assert_eq!(levels(&mut subject, 9), [&[10], idle.as_slice()].concat());
    assert_eq!(levels(&mut subject, 12), [&[50, 51], idle.as_slice(), &[50, 51]].concat());
    subject.show(Guidance::Smile);
    assert_eq!(levels(&mut subject, 20), [200; 20], "not while it is asked for something");
}

#[test]
fn a_subject_never_gives_the_same_picture_twice() {
    let play = || {
        let mut subject = Subject::open(fixtures().join("clips-m1"), 30.0).unwrap();
        let prints = (0..500).map(|_| fingerprint(&subject.next_frame().unwrap().unwrap()));
        prints.collect::<Vec<_>>()
    };
    let prints = play();
    let different: HashSet<u64> = prints.iter().copied().collect();
    assert_eq!(different.len(), 500);
    assert_eq!(play(), prints, "but the same ones every time");
}

#[test]
fn images_that_were_played_once_need_no_file_any_more() {
    let dir = tempfile::tempdir().unwrap();
    let mut subject = subject(dir.path(), &[("idle", 2, 100)]).unwrap();
    levels(&mut subject, 2);
    std::fs::remove_dir_all(dir.path().join("idle")).unwrap();
    assert_eq!(levels(&mut subject, 3), [100, 101, 100]);
}

#[test]
fn every_clip_of_the_fixtures_plays() {
    for name in ["clips-f1", "clips-m1", "clips-m2"] {
        for clip in ["idle", "turn_left", "turn_right", "look_up", "smile", "blink", "approach"] {
            let folder = fixtures().join(name).join(clip);
            let count = Recording::open(&folder, 15.0).unwrap().frame_count().unwrap();
            let played = times(Recording::open(&folder, 15.0).unwrap()).unwrap();
            assert_eq!(played.len() as u64, count);
        }
    }
}

fn split(bytes: &[u8]) -> Result<Vec<Vec<u8>>, SplitError> {
    let mut splitter = Splitter::new(bytes);
    let (mut images, mut image) = (Vec::new(), Vec::new());
    while splitter.next_image(&mut image)? {
        images.push(image.clone());
    }
    Ok(images)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_joined_is_split_again(
        images in proptest::collection::vec((any::<u8>(), 1u8..=100), 0..6),
        padding in 0usize..40,
    ) {
        let images: Vec<_> = images.iter().map(|(level, quality)| jpeg(*level, *quality)).collect();
        let joined: Vec<u8> =
            images.iter().flat_map(|image| [image.clone(), vec![0; padding]].concat()).collect();
        prop_assert_eq!(split(&joined).unwrap(), images);
    }

    #[test]
    fn a_file_cut_anywhere_inside_an_image_is_refused(cut in 1usize..600) {
        let bytes = jpeg(77, 80);
        let cut = cut.min(bytes.len() - 1);
        prop_assert!(split(&bytes[..cut]).is_err());
    }

    #[test]
    fn any_bytes_are_split_or_refused(mut bytes: Vec<u8>, like_jpeg: bool) {
        if like_jpeg {
            bytes.splice(0..0, [0xFF, 0xD8, 0xFF, 0xDA, 0, 2]);
        }
        if let Ok(images) = split(&bytes) {
            prop_assert!(images.iter().map(Vec::len).sum::<usize>() <= bytes.len());
        }
    }

    #[test]
    fn a_changed_byte_never_brings_the_decoder_down(at: prop::sample::Index, value: u8) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("video.mjpeg");
        let mut bytes = [jpeg(10, 70), jpeg(20, 70)].concat();
        let at = at.index(bytes.len());
        bytes[at] = value;
        std::fs::write(&file, bytes).unwrap();
        if let Ok(times) = times(Recording::open(&file, 15.0).unwrap()) {
            prop_assert!(times.len() <= 2);
        }
    }
}
