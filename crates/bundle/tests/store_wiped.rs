//! Keys and pictures are wiped before their memory is given back.
//!
//! The test is a program of its own, because its allocator watches the whole process. What lies on
//! the stack is not seen.
#![allow(unsafe_code, reason = "an allocator is unsafe by its trait")]
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use common::{capture, job, tag};
use liveface_bundle::{
    Capture, Info, JobStage, KeyFile, KeyProvider as _, Store, StoreKey, Zeroizing, encode,
    upload_zip,
};
use liveface_core::{Frame, ShotKind, Timestamp};

static WATCHING: AtomicBool = AtomicBool::new(false);
static FOUND: AtomicUsize = AtomicUsize::new(0);

/// What every picture's bytes, and the key, consist of in this test.
const PICTURE: [u8; 16] = *b"\xc3pixel-of-a-face";
const KEY: [u8; 16] = *b"\x9asixteen key byt";
/// The key as its file has it.
const KEY_TEXT: &[u8; 32] = b"9a7369787465656e206b657920627974";

/// The system's allocator; looks for the markers in what is given back while it watches.
struct Watched;

/// # Safety
/// `block` points to `size` bytes that may be read.
unsafe fn look(block: *const u8, size: usize) {
    if !WATCHING.load(Ordering::Relaxed) || size < 16 {
        return;
    }
    let marks: [&[u8]; 3] = [&PICTURE, &KEY, KEY_TEXT];
    for mark in marks {
        let last = (size + 1).saturating_sub(mark.len());
        for at in 0..last {
            // SAFETY: within the block. Volatile, because some of it may never have been written.
            let same = |i: usize| unsafe { block.add(at + i).read_volatile() } == mark[i];
            if (0..mark.len()).all(same) {
                FOUND.fetch_add(1, Ordering::Relaxed);
                return;
            }
        }
    }
}

// SAFETY: every call goes to the system's allocator unchanged; `look` only reads the caller's block
// while it still is one.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe {
            look(block, layout.size());
            System.dealloc(block, layout);
        }
    }

    // Growing gives the old place back, whether or not it moves.
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe {
            look(block, layout.size());
            System.realloc(block, layout, size)
        }
    }
}

#[global_allocator]
static ALLOCATOR: Watched = Watched;

/// How many blocks were given back with a picture or the key in them.
fn left_by(work: impl FnOnce()) -> usize {
    FOUND.store(0, Ordering::SeqCst);
    WATCHING.store(true, Ordering::SeqCst);
    work();
    WATCHING.store(false, Ordering::SeqCst);
    FOUND.load(Ordering::SeqCst)
}

#[test]
fn nothing_secret_is_left_in_memory_that_is_given_back() {
    // The watch works.
    assert_eq!(left_by(|| drop(PICTURE.repeat(100))), 1);
    assert_eq!(left_by(|| drop(Zeroizing::new(PICTURE.repeat(100)))), 0);

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let mut whole = capture(1);
    for image in &mut whole.images {
        image.jpeg = Zeroizing::new(PICTURE.repeat(9000));
    }
    let key = StoreKey::from_bytes([KEY, KEY].concat().try_into().unwrap());
    let left = left_by(|| {
        let store = Store::open(&path, &key).unwrap();
        store.save(&tag("a"), &whole).unwrap();
        store.submission(&tag("a")).unwrap().set_job(&job(JobStage::Prepared)).unwrap();
        let loaded = store.load(&tag("a")).unwrap();
        assert_eq!(loaded.images[0].jpeg[..16], PICTURE);
        let zip = upload_zip(&loaded, &Info::without_job(&loaded)).unwrap();
        assert!(zip.len() > 3 * 16 * 9000);
        store.export_images(&tag("a"), directory.path().join("out")).unwrap();
        drop((zip, loaded, store.clone(), store));
    });
    assert_eq!(left, 0);
    drop::<Capture>(whole);

    // The program's own key file.
    let keys = KeyFile::new(directory.path().join("key"));
    std::fs::write(keys.path(), String::from_utf8(KEY_TEXT.repeat(2)).unwrap()).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(keys.path(), std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let left = left_by(|| assert_eq!(keys.existing().unwrap().unwrap(), key));
    assert_eq!(left, 0);

    // Pixels on their way to a JPEG.
    let row: Vec<u8> = PICTURE[..15].repeat(12);
    let pixels = Zeroizing::new(row.repeat(60));
    let frame = Frame::rgb(60, 60, &pixels, Timestamp::ZERO).unwrap();
    let left = left_by(|| drop(encode(&frame, ShotKind::Selfie, 0, 60, 90).unwrap()));
    assert_eq!(left, 0);
}
