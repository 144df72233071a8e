//! A frame that changes nothing allocates nothing.
//!
//! The test is a program of its own, because its allocator counts for the whole process. What ONNX
//! Runtime's library allocates for itself does not go through Rust's allocator and is not seen.

#![allow(unsafe_code, reason = "an allocator is unsafe by its trait")]
#![allow(clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::path::PathBuf;

use liveface::camera::{FrameSource, Still, Subject};
use liveface::{
    Engine, EngineConfig, EngineError, Event, Frame, JpegFrame, ModelSource, Policy, Session,
    Timestamp,
};

/// Frames until every buffer has its size.
const WARM_UP: usize = 10;

thread_local! {
    static WATCHING: Cell<bool> = const { Cell::new(false) };
    static SEEN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// The system's allocator; keeps from where this thread asks it for memory while it is watched.
struct Watched;

impl Watched {
    fn note() {
        if WATCHING.replace(false) {
            SEEN.with_borrow_mut(|seen| seen.push(Backtrace::force_capture().to_string()));
            WATCHING.set(true);
        }
    }
}

// SAFETY: every call goes to the system's allocator unchanged; `note` touches no memory of the caller's.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::note();
        // SAFETY: the caller keeps to `GlobalAlloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::note();
        // SAFETY: the caller keeps to `GlobalAlloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::note();
        // SAFETY: the caller keeps to `GlobalAlloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps to `GlobalAlloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Watched = Watched;

fn folder(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn session() -> Session {
    let models = ModelSource::Folder(folder("models"));
    let engine = Engine::load(&EngineConfig { models, ..EngineConfig::default() }).unwrap();
    engine.session(Policy::preset("smart-selfie").unwrap(), 1).unwrap()
}

/// What a push answers, and where it allocated.
fn watch(push: impl FnOnce() -> Result<Vec<Event>, EngineError>) -> (Vec<Event>, Vec<String>) {
    WATCHING.set(true);
    let events = push();
    WATCHING.set(false);
    (events.unwrap(), SEEN.take())
}

fn push(session: &mut Session, frame: &Frame<'_>) -> (Vec<Event>, Vec<String>) {
    watch(|| session.push(frame))
}

#[test]
fn the_allocator_is_watched() {
    WATCHING.set(true);
    let boxed = std::hint::black_box(Box::new(1));
    WATCHING.set(false);
    assert_eq!(SEEN.take().len(), *boxed);
}

#[test]
fn no_frame_of_a_capture_allocates_unless_something_happens() {
    let mut session = session();
    let mut camera = Subject::open(folder("fixtures/clips-f1"), 15.0).unwrap();
    let (mut index, mut quiet) = (0, 0);
    while !session.ended() {
        let frame = camera.next_frame().unwrap().unwrap();
        let (events, allocated) = push(&mut session, &frame);
        if index >= WARM_UP && events.is_empty() {
            assert!(allocated.is_empty(), "frame {index}: {}", allocated[0]);
            quiet += 1;
        }
        for event in events {
            if let Event::Guidance { guidance, .. } = event {
                camera.show(guidance);
            }
        }
        index += 1;
    }
    // The face was followed, identified and detected in them.
    assert!(quiet > 30, "{quiet} frames without an event");
}

#[test]
fn neither_nobody_nor_several_faces_allocate() {
    for picture in ["noface", "two", "yaw45", "dark04"] {
        let still = Still::open(folder("fixtures/stills").join(format!("{picture}.jpg"))).unwrap();
        let mut session = session();
        for index in 0..30usize {
            let at = Timestamp::from_millis(index as u64 * 67);
            let (events, allocated) = push(&mut session, &still.frame().unwrap().at(at));
            if index >= WARM_UP && events.is_empty() {
                assert!(allocated.is_empty(), "{picture} frame {index}: {}", allocated[0]);
            }
        }
    }
}

#[test]
fn a_large_jpeg_frame_allocates_nothing_either() {
    let picture = image::open(folder("fixtures/clips-f1/idle/000.jpg")).unwrap().to_rgb8();
    let large = image::imageops::resize(&picture, 1280, 960, image::imageops::Triangle);
    let mut jpeg = Vec::new();
    image::codecs::jpeg::JpegEncoder::new(&mut jpeg).encode_image(&large).unwrap();
    let mut session = session();
    let mut quiet = 0;
    for index in 0..30u64 {
        let frame = JpegFrame::new(&jpeg, Timestamp::from_millis(index * 67));
        let (events, allocated) = watch(|| session.push_jpeg(&frame));
        if index >= WARM_UP as u64 && events.is_empty() {
            assert!(allocated.is_empty(), "frame {index}: {}", allocated[0]);
            quiet += 1;
        }
    }
    assert!(quiet > 10, "{quiet} frames without an event");
}
