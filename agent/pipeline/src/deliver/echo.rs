//! Hands the entries of a batch to the agent's own log, for `loki.echo`.
//!
//! Such a batch is sealed like any other, so that order, acknowledgement and positions are the same; here it is taken
//! apart again.

use prost::Message as _;
use tokio::sync::mpsc;

use crate::environment::Answer;
use crate::event::{EchoEntry, Event};
use crate::plan::WriteIndex;
use crate::push::PushRequest;

/// The receiver of one `loki.echo` component.
pub(crate) struct Echo {
    write: WriteIndex,
    events: mpsc::Sender<Event>,
}

impl Echo {
    /// Creates the receiver of a component.
    pub(crate) fn new(write: WriteIndex, events: mpsc::Sender<Event>) -> Self {
        Self { write, events }
    }

    /// Takes a body, once there is room for its entries.
    pub(crate) async fn take(&self, body: &[u8]) -> Answer {
        let event = Event::Echo { write: self.write, entries: decode(body) };
        match self.events.send(event).await {
            Ok(()) => Answer::Response { status: 204, retry_after_ns: None, body: Vec::new() },
            Err(_) => Answer::Failed { error: "nobody listens any more".to_owned() },
        }
    }
}

fn decode(body: &[u8]) -> Vec<EchoEntry> {
    let message = snap::raw::Decoder::new().decompress_vec(body).expect("the body was compressed here");
    let request = PushRequest::decode(message.as_slice()).expect("the message was encoded here");
    let mut entries = Vec::new();
    for stream in request.streams {
        entries.extend(stream.entries.into_iter().map(|entry| EchoEntry {
            timestamp_ns: entry.timestamp.map_or(0, |time| time.seconds * 1_000_000_000 + i64::from(time.nanos)),
            labels: stream.labels.clone(),
            line: entry.line,
        }));
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::push::{EntryAdapter, StreamAdapter, Timestamp};

    #[tokio::test(flavor = "current_thread")]
    async fn entries_reach_the_log_with_time_and_labels() {
        let (events, mut received) = mpsc::channel(1);
        let echo = Echo::new(WriteIndex(3), events);
        let entry = |nanos, line: &str| EntryAdapter {
            timestamp: Some(Timestamp { seconds: 7, nanos }),
            line: line.to_owned(),
        };
        let stream = StreamAdapter { labels: "{a=\"b\"}".to_owned(), entries: vec![entry(1, "x"), entry(2, "")] };
        let message = PushRequest { streams: vec![stream] }.encode_to_vec();
        let body = snap::raw::Encoder::new().compress_vec(&message).unwrap();
        assert!(matches!(echo.take(&body).await, Answer::Response { status: 204, .. }));
        let Some(Event::Echo { write: WriteIndex(3), entries }) = received.recv().await else { panic!("no echo") };
        let entries: Vec<_> = entries.iter().map(|e| (e.timestamp_ns, e.labels.as_str(), e.line.as_str())).collect();
        assert_eq!(entries, [(7_000_000_001, "{a=\"b\"}", "x"), (7_000_000_002, "{a=\"b\"}", "")]);
        drop(received);
        assert!(matches!(echo.take(&body).await, Answer::Failed { .. }));
    }
}
