//! The allocator of the test binary: the system's, with a count for each thread.
#![expect(unsafe_code, reason = "an allocator is unsafe to write; all of it is left to the system's")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// What a thread asked of the allocator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// New memory, and other sizes for what there was.
    pub(super) allocations: u64,
    /// Memory given back.
    pub(super) deallocations: u64,
}

impl Counts {
    /// What was asked since an earlier count.
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            allocations: self.allocations - before.allocations,
            deallocations: self.deallocations - before.deallocations,
        }
    }
}

/// Gives what this thread asked of the allocator so far.
pub(super) fn counts() -> Counts {
    COUNTS.get()
}

thread_local! {
    // Made without allocating, and without a destructor that would need it later.
    static COUNTS: Cell<Counts> = const { Cell::new(Counts { allocations: 0, deallocations: 0 }) };
}

fn count(allocations: u64, deallocations: u64) {
    let counts = COUNTS.get();
    COUNTS.set(Counts {
        allocations: counts.allocations + allocations,
        deallocations: counts.deallocations + deallocations,
    });
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes to the system's allocator as it came, and what that gives is given back as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, 0);
        // SAFETY: the caller keeps the rules of this method, which are those of the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(1, 0);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        count(1, 0);
        // SAFETY: as above; `memory` came from the system's allocator, since all of it does.
        unsafe { System.realloc(memory, layout, bytes) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(0, 1);
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}
