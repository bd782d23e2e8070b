//! Reads files into page-aligned buffers: by io_uring, into registered memory where the kernel allows it, or by pread.
//!
//! A shard has few buffers, all allocated when it starts. A read takes one, and the completion gives it back after the
//! shard has seen the bytes; so what can be under way is bounded, and no buffer is freed while the kernel writes to it.
//!
//! On io_uring a small read first asks the page cache alone (`RWF_NOWAIT`): what was written a moment ago is there, and one
//! system call without a task takes less time than a request and its completion. What is not there goes through the ring,
//! so that a cold disk holds up nobody. Large reads always do: there it makes no difference.
//!
//! io_uring operations run in tasks of their own, because dropping one half way leaks its buffer until the kernel is
//! done: a task that is spawned is never raced against anything. tokio-uring submits when its thread parks, so all reads
//! of a turn go to the kernel with one system call.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::rc::Rc;

use rustix::io::{Errno, ReadWriteFlags, preadv2};
use tokio_uring::buf::BoundedBuf as _;
use tokio_uring::buf::fixed::{FixedBuf, FixedBufRegistry};

use super::inbox::{Completion, Inbox};
use super::page_buffer::PageBuffer;
use crate::environment::{BufferSize, ReadTicket};
use crate::limits::{LARGE_BUFFER_BYTES, LARGE_BUFFERS, SMALL_BUFFER_BYTES, SMALL_BUFFERS};

/// An open file. Both rungs read through it; it is closed when the last read of it is done.
#[derive(Clone)]
pub(super) struct OpenFile(Rc<tokio_uring::fs::File>);

impl OpenFile {
    /// Takes an open file.
    pub(super) fn new(file: std::fs::File) -> Self {
        Self(Rc::new(tokio_uring::fs::File::from_std(file)))
    }

    /// Its descriptor, for system calls that do not wait.
    #[expect(unsafe_code, reason = "tokio-uring gives out a raw descriptor only")]
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the descriptor is open as long as the file is, and the file lives as long as the borrow of `self`.
        unsafe { BorrowedFd::borrow_raw(self.0.as_raw_fd()) }
    }
}

/// A buffer with what was read into it.
pub(super) enum ReadBuffer {
    /// Registered with the kernel; goes back to its place by itself.
    Registered(FixedBuf, BufferSize, usize),
    /// Ours alone.
    Plain(PageBuffer, BufferSize),
}

impl ReadBuffer {
    /// The first `bytes` bytes of it.
    pub(super) fn filled(&self, bytes: usize) -> &[u8] {
        match self {
            Self::Registered(buffer, ..) => &buffer[..bytes],
            Self::Plain(buffer, _) => &buffer.as_slice()[..bytes],
        }
    }

    /// The first `bytes` bytes of it, to be written.
    fn part(&mut self, bytes: usize) -> &mut [u8] {
        match self {
            Self::Registered(buffer, ..) => &mut buffer[..bytes],
            Self::Plain(buffer, _) => &mut buffer.as_mut_slice()[..bytes],
        }
    }

    /// Has it filled by io_uring.
    async fn fill(self, file: &OpenFile, ticket: ReadTicket) -> (io::Result<usize>, Self) {
        match self {
            Self::Registered(buffer, size, place) => {
                let (result, slice) = file.0.read_fixed_at(buffer.slice(..ticket.bytes), ticket.offset).await;
                (result, Self::Registered(slice.into_inner(), size, place))
            }
            Self::Plain(buffer, size) => {
                let (result, slice) = file.0.read_at(buffer.slice(..ticket.bytes), ticket.offset).await;
                (result, Self::Plain(slice.into_inner(), size))
            }
        }
    }
}

/// How reads are made.
enum Method {
    /// io_uring into registered buffers.
    Registered(FixedBufRegistry<PageBuffer>),
    /// io_uring.
    Unregistered,
    /// pread.
    Pread,
}

/// Reads files for one shard.
pub(super) struct Reader {
    method: Method,
    /// Free buffers, or for registered ones the free places, by size.
    free: RefCell<[Free; 2]>,
}

#[derive(Default)]
struct Free {
    places: Vec<usize>,
    buffers: Vec<PageBuffer>,
}

const SIZES: [(BufferSize, usize, usize); 2] =
    [(BufferSize::Small, SMALL_BUFFERS, SMALL_BUFFER_BYTES), (BufferSize::Large, LARGE_BUFFERS, LARGE_BUFFER_BYTES)];

impl Reader {
    /// Creates a reader that uses pread.
    pub(super) fn pread() -> Self {
        Self { method: Method::Pread, free: RefCell::new(plain_buffers()) }
    }

    /// Creates a reader that uses io_uring, inside of its runtime. Where the kernel does not let this process register as
    /// much memory, the buffers are not registered, and the reason is given.
    pub(super) fn io_uring() -> (Self, Option<io::Error>) {
        let buffers = SIZES.iter().flat_map(|(_, count, bytes)| (0..*count).map(|_| PageBuffer::new(*bytes)));
        let registry = FixedBufRegistry::new(buffers);
        match registry.register() {
            Ok(()) => {
                let mut free: [Free; 2] = Default::default();
                let mut first = 0;
                for (free, (_, count, _)) in free.iter_mut().zip(SIZES) {
                    free.places = (first..first + count).collect();
                    first += count;
                }
                (Self { method: Method::Registered(registry), free: RefCell::new(free) }, None)
            }
            Err(error) => (Self { method: Method::Unregistered, free: RefCell::new(plain_buffers()) }, Some(error)),
        }
    }

    /// A read of this size can begin now.
    pub(super) fn has_buffer(&self, size: BufferSize) -> bool {
        let free = &self.free.borrow()[size_index(size)];
        !free.places.is_empty() || !free.buffers.is_empty()
    }

    /// Begins a read. What comes of it is put into the inbox, at once where it was not left to the ring.
    pub(super) fn begin(&self, file: &OpenFile, ticket: ReadTicket, size: BufferSize, inbox: &Rc<Inbox>) {
        let mut buffer = self.take_buffer(size);
        let part = buffer.part(ticket.bytes);
        let result = match (&self.method, size) {
            (Method::Pread, _) => Some(pread(file, part, ticket.offset)),
            (_, BufferSize::Small) => read_cached(file, part, ticket).map(Ok),
            (_, BufferSize::Large) => None,
        };
        if let Some(result) = result {
            inbox.push(Completion::Read { ticket, result, buffer });
            return;
        }
        let (file, inbox) = (file.clone(), Rc::clone(inbox));
        tokio::task::spawn_local(async move {
            let (result, buffer) = buffer.fill(&file, ticket).await;
            inbox.push(Completion::Read { ticket, result, buffer });
        });
    }

    /// Takes a buffer back.
    pub(super) fn recycle(&self, buffer: ReadBuffer) {
        let mut free = self.free.borrow_mut();
        match buffer {
            ReadBuffer::Registered(buffer, size, place) => {
                drop(buffer);
                free[size_index(size)].places.push(place);
            }
            ReadBuffer::Plain(buffer, size) => free[size_index(size)].buffers.push(buffer),
        }
    }

    fn take_buffer(&self, size: BufferSize) -> ReadBuffer {
        let free = &mut self.free.borrow_mut()[size_index(size)];
        match &self.method {
            Method::Registered(registry) => {
                let place = free.places.pop().expect("the shard asked for a free buffer");
                let buffer = registry.check_out(place).expect("a free place is checked in");
                ReadBuffer::Registered(buffer, size, place)
            }
            Method::Unregistered | Method::Pread => {
                ReadBuffer::Plain(free.buffers.pop().expect("the shard asked for a free buffer"), size)
            }
        }
    }
}

/// Reads what is in the page cache; `None` if that is less than is known to be there, or the file system cannot tell.
fn read_cached(file: &OpenFile, buffer: &mut [u8], ticket: ReadTicket) -> Option<usize> {
    let parts = &mut [io::IoSliceMut::new(buffer)];
    let bytes = preadv2(file.fd(), parts, ticket.offset, ReadWriteFlags::NOWAIT).ok()?;
    // A short read may end where the cache ends, not the file.
    (bytes >= ticket.bytes_known).then_some(bytes)
}

/// Reads at an offset; interrupted calls are made again.
pub(super) fn pread(file: &OpenFile, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        match rustix::io::pread(file.fd(), &mut *buffer, offset) {
            Err(Errno::INTR) => {}
            result => return result.map_err(io::Error::from),
        }
    }
}

fn plain_buffers() -> [Free; 2] {
    SIZES.map(|(_, count, bytes)| Free {
        places: Vec::new(),
        buffers: (0..count).map(|_| PageBuffer::new(bytes)).collect(),
    })
}

fn size_index(size: BufferSize) -> usize {
    match size {
        BufferSize::Small => 0,
        BufferSize::Large => 1,
    }
}
