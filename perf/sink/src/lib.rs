//! A receiver that speaks the push endpoint of Loki and checks what it is sent.
//!
//! [`sink::Sink::start`] runs one in a thread of its own. In drain mode it reads bodies and answers, at as little cost
//! as possible. In check mode every push is decoded, judged by Loki's rules and entered in a book: what was received,
//! what became *accepted* because its push was answered, what is stored. Lines of `longship-workload` are known by their
//! tag, so the book says which are missing, which came twice and which out of order; [`verdict::compare`] holds it
//! against the writers' own truth.
//!
//! [`fault::Fault`]s make it misbehave, for a while, at random or for the next requests.
//!
//! The way of a push: `server` takes the connection, `push` sees one request through from head to answer (`traffic`
//! keeps the list of them), `decode` turns its body into streams and entries, `judge` decides what is refused as Loki
//! would, `book` remembers.

pub mod sink;

pub mod fault;
pub mod report;
pub mod verdict;

mod server;

mod push;
mod traffic;

mod decode;
mod judge;
mod labels;

mod book;

pub mod limits;
pub mod tls;
