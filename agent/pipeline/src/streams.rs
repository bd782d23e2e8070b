//! The streams of a shard: a number for each label set that goes to one write component.

use std::collections::HashMap;

use slab::Slab;
use xxhash_rust::xxh3::xxh3_64;

use crate::plan::WriteIndex;

/// A stream of this shard. Other shards have their own numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct StreamId(u32);

impl StreamId {
    /// The number as an index.
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// All streams of a shard.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    streams: Slab<Stream>,
    by_labels: HashMap<(WriteIndex, Box<str>), StreamId>,
}

#[derive(Debug)]
struct Stream {
    write: WriteIndex,
    labels: Box<str>,
    hash: u64,
    /// Outlets of logs that lead to it.
    users: u32,
}

impl Streams {
    /// Gives the stream of a label set, and counts one more user of it.
    pub(crate) fn acquire(&mut self, write: WriteIndex, labels: String) -> StreamId {
        let labels = labels.into_boxed_str();
        if let Some(stream) = self.by_labels.get(&(write, labels.clone())) {
            self.streams[stream.index()].users += 1;
            return *stream;
        }
        let hash = xxh3_64(labels.as_bytes());
        let index = self.streams.insert(Stream { write, labels: labels.clone(), hash, users: 1 });
        let stream = StreamId(u32::try_from(index).expect("memory ends before there are that many streams"));
        self.by_labels.insert((write, labels), stream);
        stream
    }

    /// Counts one user less. What nobody uses is forgotten; its batches are settled by then.
    pub(crate) fn release(&mut self, stream: StreamId) {
        let users = &mut self.streams[stream.index()].users;
        *users -= 1;
        if *users == 0 {
            let stream = self.streams.remove(stream.index());
            self.by_labels.remove(&(stream.write, stream.labels));
        }
    }

    /// The text of its label set.
    pub(crate) fn labels(&self, stream: StreamId) -> &str {
        &self.streams[stream.index()].labels
    }

    /// The hash of its label set, which names it in the positions.
    pub(crate) fn hash(&self, stream: StreamId) -> u64 {
        self.streams[stream.index()].hash
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.streams.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_set_has_one_number_as_long_as_it_is_used() {
        let mut streams = Streams::default();
        let (a, b) = (WriteIndex(0), WriteIndex(1));
        let first = streams.acquire(a, "{x=\"1\"}".to_owned());
        assert_eq!(streams.acquire(a, "{x=\"1\"}".to_owned()), first);
        assert_ne!(streams.acquire(b, "{x=\"1\"}".to_owned()), first);
        assert_eq!(streams.len(), 2);
        assert_eq!(streams.labels(first), "{x=\"1\"}");
        streams.release(first);
        assert_eq!(streams.len(), 2);
        streams.release(first);
        assert_eq!(streams.len(), 1);
    }
}
