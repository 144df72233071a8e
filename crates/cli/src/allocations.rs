//! Counts what the program allocates, for `liveface bench`.
//!
//! Every allocation and every growth of one through Rust's allocator counts, on the thread that asks
//! for it. ONNX Runtime takes its memory from the system itself and is not seen.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, counted.
struct Counted;

#[global_allocator]
static ALLOCATOR: Counted = Counted;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// Allocations of this thread since it began.
pub(crate) fn on_this_thread() -> u64 {
    COUNT.get()
}

fn count() {
    // A thread that is ending may have no counter any more.
    let _ = COUNT.try_with(|count| count.set(count.get() + 1));
}

#[allow(unsafe_code, reason = "an allocator cannot be written without")]
// SAFETY: every call goes to the system's allocator unchanged; counting allocates nothing.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps to the contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allocations_of_this_thread_alone_are_counted() {
        let before = on_this_thread();
        let mut bytes = std::hint::black_box(Vec::<u8>::with_capacity(10));
        assert_eq!(on_this_thread(), before + 1);
        bytes.reserve_exact(100);
        assert_eq!(on_this_thread(), before + 2);
        let other = std::thread::spawn(|| {
            let before = on_this_thread();
            drop(std::hint::black_box(vec![0u8; 64]));
            on_this_thread() - before
        });
        let started = on_this_thread();
        assert_eq!(other.join().unwrap(), 1);
        assert_eq!(on_this_thread(), started);
    }
}
