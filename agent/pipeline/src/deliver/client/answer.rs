//! Reads what a destination answers.

use std::time::SystemTime;

use http_body_util::BodyExt as _;
use hyper::Response;
use hyper::body::Incoming;
use hyper::header::{HeaderValue, RETRY_AFTER};

use crate::environment::Answer;
use crate::limits::ANSWER_BYTES_MAX;

/// Reads an answer, its body up to [`ANSWER_BYTES_MAX`], and tells whether that was all of it. The status stands
/// whatever becomes of the body.
pub(super) async fn read_answer(response: Response<Incoming>) -> (Answer, bool) {
    let (head, mut incoming) = response.into_parts();
    let mut body = Vec::new();
    let complete = loop {
        match incoming.frame().await {
            None => break true,
            Some(Err(_)) => break false,
            Some(Ok(frame)) => {
                let data = frame.into_data().unwrap_or_default();
                let room = ANSWER_BYTES_MAX - body.len();
                body.extend_from_slice(&data[..data.len().min(room)]);
                if data.len() > room {
                    break false;
                }
            }
        }
    };
    let retry_after_ns = head.headers.get(RETRY_AFTER).and_then(|value| pause_ns(value, SystemTime::now()));
    (Answer::Response { status: head.status.as_u16(), retry_after_ns, body }, complete)
}

/// Reads the value of `Retry-After`: seconds, or a moment (RFC 9110, section 10.2.3).
fn pause_ns(value: &HeaderValue, now: SystemTime) -> Option<u64> {
    let value = value.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|digit| digit.is_ascii_digit()) {
        return Some(value.parse().unwrap_or(u64::MAX).saturating_mul(1_000_000_000));
    }
    let moment = httpdate::parse_http_date(value).ok()?;
    let pause = moment.duration_since(now).unwrap_or_default();
    Some(u64::try_from(pause.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_pause_is_given_in_seconds_or_as_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_770);
        let check = |value, expected: Option<u64>| {
            assert_eq!(pause_ns(&HeaderValue::from_static(value), now), expected, "{value}");
        };
        check("0", Some(0));
        check(" 120", Some(120_000_000_000));
        check("99999999999999999999999", Some(u64::MAX));
        check("Sun, 06 Nov 1994 08:49:37 GMT", Some(7_000_000_000));
        check("Sun, 06 Nov 1994 08:49:27 GMT", Some(0));
        check("-1", None);
        check("soon", None);
        check("", None);
    }
}
