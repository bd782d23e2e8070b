mod client;
mod conformance;
mod faults;
mod rules;
mod shipping;
mod transport;

use self::client::Client;
use super::{Check, Options, Sink};

fn checking(check: Check) -> (Sink, Client) {
    let sink = Sink::start(Options::check(check)).unwrap();
    let client = Client::new(&sink);
    (sink, client)
}

/// A line as writer 7 would write it, at a time that is the same in the tag.
fn tagged(sequence: u64) -> String {
    format!("level=info lsw=7/{sequence}/{} end", written_ns(sequence))
}

fn written_ns(sequence: u64) -> u64 {
    1_795_484_649_440_037_965 + sequence
}
