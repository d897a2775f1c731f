//! The plugin's allocator: a small arena first, the usual allocator behind it.
//!
//! Every call is a fresh instance, and the usual allocator takes all its memory by growing the instance's.
//! Growing changes the protection of pages, twice for each call, which costs the host several
//! microseconds and interrupts its other processors. An arena inside the initial memory needs neither:
//! most calls never grow. What does not fit goes to the usual allocator, so nothing is limited by it.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::{Cell, UnsafeCell},
};

/// Bytes that most calls get by with.
const SIZE: usize = 256 * 1024;

struct Arena {
    bytes: UnsafeCell<[u8; SIZE]>,
    /// Bytes handed out; only the last block can be taken back.
    used: Cell<usize>,
}

// SAFETY: a plugin has one thread; the contract has no way to start another.
unsafe impl Sync for Arena {}

#[global_allocator]
static ARENA: Arena = Arena { bytes: UnsafeCell::new([0; SIZE]), used: Cell::new(0) };

impl Arena {
    fn base(&self) -> *mut u8 {
        self.bytes.get().cast()
    }

    /// Where a block of the arena begins, counted from its start.
    fn offset(&self, block: *mut u8) -> Option<usize> {
        let offset = (block as usize).wrapping_sub(self.base() as usize);
        (offset < SIZE).then_some(offset)
    }

    fn take(&self, layout: Layout) -> Option<*mut u8> {
        let start = (self.base() as usize + self.used.get()).next_multiple_of(layout.align()) - self.base() as usize;
        let end = start.checked_add(layout.size()).filter(|end| *end <= SIZE)?;
        self.used.set(end);
        // SAFETY: `start` is within the arena, as `end` is.
        Some(unsafe { self.base().add(start) })
    }
}

// SAFETY: blocks of the arena do not overlap, since `used` only goes back over the last one; all others are
// the system allocator's.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise about `layout` is passed on.
        self.take(layout).unwrap_or_else(|| unsafe { System.alloc(layout) })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match self.offset(block) {
            Some(start) if start + layout.size() == self.used.get() => self.used.set(start),
            Some(_) => {}
            // SAFETY: not of the arena, so the system allocator gave it.
            None => unsafe { System.dealloc(block, layout) },
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Some(start) = self.offset(block) else {
            // SAFETY: not of the arena, so the system allocator gave it.
            return unsafe { System.realloc(block, layout, size) };
        };
        let is_last = start + layout.size() == self.used.get();
        if size <= layout.size() || (is_last && size <= SIZE - start) {
            if is_last {
                self.used.set(start + size);
            }
            return block;
        }
        // SAFETY: the caller promises that `size` is a valid size for this alignment.
        let grown = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !grown.is_null() {
            // SAFETY: both blocks are at least the old size, and a new block overlaps no old one.
            unsafe {
                std::ptr::copy_nonoverlapping(block, grown, layout.size());
                self.dealloc(block, layout);
            }
        }
        grown
    }
}
