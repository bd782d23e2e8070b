//! Memory for reads, aligned to a page and owned by whoever reads into it.
//!
//! Copies out of the page cache to another place in a page are four to five times slower on some processors, and the
//! system's allocator gives no such alignment by itself.

#![expect(unsafe_code, reason = "io_uring reads into memory that the kernel writes to; the trait for it is unsafe")]

use tokio_uring::buf::{IoBuf, IoBufMut};

const PAGE_BYTES: usize = 4 << 10;

/// One page of memory.
#[repr(C, align(4096))]
#[derive(Clone)]
struct Page([u8; PAGE_BYTES]);

/// A buffer of whole pages, all of them initialised.
pub(super) struct PageBuffer {
    pages: Box<[Page]>,
}

impl PageBuffer {
    /// Allocates a buffer of at least `bytes` bytes.
    pub(super) fn new(bytes: usize) -> Self {
        Self { pages: vec![Page([0; PAGE_BYTES]); bytes.div_ceil(PAGE_BYTES)].into_boxed_slice() }
    }

    fn bytes(&self) -> usize {
        self.pages.len() * PAGE_BYTES
    }

    /// The memory, to be read.
    pub(super) fn as_slice(&self) -> &[u8] {
        // SAFETY: a page is an array of bytes without padding, the slice holds that many of them, and it is borrowed for as
        // long as the result is.
        unsafe { std::slice::from_raw_parts(self.pages.as_ptr().cast(), self.bytes()) }
    }

    /// The memory, to be written.
    pub(super) fn as_mut_slice(&mut self) -> &mut [u8] {
        let bytes = self.bytes();
        // SAFETY: a page is an array of bytes without padding, the slice holds `bytes` of them, and it is borrowed
        // mutably for as long as the result is.
        unsafe { std::slice::from_raw_parts_mut(self.pages.as_mut_ptr().cast(), bytes) }
    }
}

// SAFETY: the memory is on the heap and stays where it is when the owner moves; it is never resized; all of it is
// initialised.
unsafe impl IoBuf for PageBuffer {
    fn stable_ptr(&self) -> *const u8 {
        self.pages.as_ptr().cast()
    }

    fn bytes_init(&self) -> usize {
        self.bytes()
    }

    fn bytes_total(&self) -> usize {
        self.bytes()
    }
}

// SAFETY: as above; what the kernel writes leaves it initialised.
unsafe impl IoBufMut for PageBuffer {
    fn stable_mut_ptr(&mut self) -> *mut u8 {
        self.pages.as_mut_ptr().cast()
    }

    unsafe fn set_init(&mut self, _bytes: usize) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_aligned_and_long_enough() {
        let mut buffer = PageBuffer::new(PAGE_BYTES + 1);
        assert_eq!(buffer.as_slice().len(), 2 * PAGE_BYTES);
        assert_eq!(buffer.as_slice().as_ptr().addr() % PAGE_BYTES, 0);
        buffer.as_mut_slice().fill(7);
        assert!(buffer.as_slice().iter().all(|byte| *byte == 7));
    }
}
