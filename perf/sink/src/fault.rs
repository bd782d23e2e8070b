//! Misbehaviour on demand: which requests it befalls, and what happens to them.

use std::time::{Duration, Instant};

use longship_workload::random::Random;
use serde::{Deserialize, Serialize};

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Only for requests of this tenant (`X-Scope-OrgID`, or `fake` without one); `None` for all.
    #[serde(default)]
    pub tenant: Option<String>,
    /// Which requests.
    #[serde(default)]
    pub scope: Scope,
    /// How long the answer is held back after the body was taken.
    #[serde(default, rename = "delay_ms", with = "milliseconds")]
    pub delay: Duration,
    /// What happens to the request.
    pub action: Action,
}

impl Fault {
    /// A fault that befalls every request of every tenant, without delay.
    pub fn always(action: Action) -> Self {
        Self { tenant: None, scope: Scope::Always, delay: Duration::ZERO, action }
    }

    /// A fault that befalls the next `requests` requests, whatever their tenant.
    pub fn next(requests: u64, action: Action) -> Self {
        Self { scope: Scope::Next(requests), ..Self::always(action) }
    }

    /// Every answer takes so long, and is as it would be otherwise.
    pub fn slow(delay: Duration) -> Self {
        Self { delay, ..Self::always(Action::Accept) }
    }

    /// The same fault for one tenant only.
    #[must_use]
    pub fn for_tenant(self, tenant: &str) -> Self {
        Self { tenant: Some(tenant.to_owned()), ..self }
    }
}

/// Which requests a fault befalls.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// All.
    #[default]
    Always,
    /// The next so many.
    Next(u64),
    /// Each with this probability, decided by a generator of its own.
    Chance {
        /// From 0 to 1.
        probability: f64,
        /// Of the generator.
        seed: u64,
    },
    /// Those that arrive within this time from now.
    #[serde(rename = "for_ms", with = "milliseconds")]
    For(Duration),
}

/// What happens to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing; for the sake of a delay.
    Accept,
    /// The whole push is refused.
    Refuse(Refusal),
    /// Some entries are refused and the others stored, as an ingester of Loki does it: its answer tells only what
    /// became of the push's last stream, so what it refuses of the others is lost behind a 204.
    RefuseEntries(EntryRefusal),
    /// The body is taken and stored, and there is never an answer.
    Hang,
    /// The connection is reset before the body is read.
    ResetBeforeBody,
    /// The connection is reset after the body was taken and stored: the client cannot know.
    ResetAfterBody,
}

impl Action {
    /// The whole push is refused with this status.
    pub fn refuse(status: u16) -> Self {
        Self::Refuse(Refusal { status, ..Refusal::default() })
    }

    /// The whole push is refused with 429 that asks for a pause.
    pub fn throttle(retry_after_s: u32) -> Self {
        Self::Refuse(Refusal { status: 429, retry_after: Some(retry_after_s.to_string()), ..Refusal::default() })
    }
}

/// How a whole push is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Refusal {
    /// The answer's status.
    pub status: u16,
    /// Value of `Retry-After`; none of Loki's answers has it, but proxies' do.
    pub retry_after: Option<String>,
    /// The answer's text; `None` for Loki's rate limit text with 429 and the status's name otherwise.
    pub text: Option<String>,
    /// Store the entries nevertheless, as happens when enough ingesters failed but not all.
    pub stored: bool,
}

impl Default for Refusal {
    fn default() -> Self {
        Self { status: 500, retry_after: None, text: None, stored: false }
    }
}

/// Which entries of a push are refused, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryRefusal {
    /// The reason, which decides status and text.
    pub reason: EntryReason,
    /// Only in streams whose label string contains this; `None` for all.
    #[serde(default)]
    pub streams: Option<String>,
    /// The first entry of a stream in a push and each `every`-th after it; 1 for all of them.
    #[serde(default = "all")]
    pub every: usize,
}

/// Why an ingester refuses entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryReason {
    /// 400: older than the stream's order window.
    TooFarBehind,
    /// 429: over the stream's rate limit.
    StreamRate,
    /// 429: a stream more than the tenant may have; refuses all entries of the stream.
    ActiveStreams,
}

fn all() -> usize {
    1
}

/// The faults in force.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    armed: Vec<Armed>,
}

#[derive(Debug)]
struct Armed {
    fault: Fault,
    /// Requests it has befallen.
    fired: u64,
    since: Instant,
    random: Random,
}

impl Faults {
    /// Puts these in place of those before. The first that fits a request is the one it gets.
    pub(crate) fn set(&mut self, faults: Vec<Fault>) {
        let since = Instant::now();
        self.armed = faults
            .into_iter()
            .map(|fault| {
                let seed = if let Scope::Chance { seed, .. } = fault.scope { seed } else { 0 };
                Armed { fault, fired: 0, since, random: Random::new(seed, 0) }
            })
            .collect();
    }

    /// The faults in force, each with the number of requests it has befallen.
    pub(crate) fn list(&self) -> Vec<(Fault, u64)> {
        self.armed.iter().map(|armed| (armed.fault.clone(), armed.fired)).collect()
    }

    /// Returns what befalls a request that arrives now.
    pub(crate) fn choose(&mut self, tenant: &str) -> (Duration, Action) {
        let of_tenant = |armed: &&mut Armed| armed.fault.tenant.as_deref().is_none_or(|wanted| wanted == tenant);
        match self.armed.iter_mut().filter(of_tenant).find_map(Armed::fire) {
            Some(fault) => (fault.delay, fault.action.clone()),
            None => (Duration::ZERO, Action::Accept),
        }
    }
}

impl Armed {
    fn fire(&mut self) -> Option<&Fault> {
        let fires = match self.fault.scope {
            Scope::Always => true,
            Scope::Next(requests) => self.fired < requests,
            Scope::Chance { probability, .. } => self.random.unit() < probability,
            Scope::For(duration) => self.since.elapsed() < duration,
        };
        self.fired += u64::from(fires);
        fires.then_some(&self.fault)
    }
}

/// Durations in JSON as whole milliseconds.
mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        duration.as_millis().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Action, Fault, Faults, Scope};

    fn fired(faults: Vec<Fault>, tenants: &[&str]) -> Vec<bool> {
        let mut armed = Faults::default();
        armed.set(faults);
        tenants.iter().map(|tenant| armed.choose(tenant).1 != Action::Accept).collect()
    }

    #[test]
    fn the_next_requests_of_a_tenant() {
        let fault = Fault::next(2, Action::Hang).for_tenant("a");
        assert_eq!(fired(vec![fault], &["b", "a", "b", "a", "a"]), [false, true, false, true, false]);
    }

    #[test]
    fn chance_follows_from_the_seed_and_is_near_its_probability() {
        let fault = |seed| Fault { scope: Scope::Chance { probability: 0.25, seed }, ..Fault::always(Action::Hang) };
        let tenants = ["a"; 1_000];
        let first = fired(vec![fault(1)], &tenants);
        assert_eq!(first, fired(vec![fault(1)], &tenants));
        assert_ne!(first, fired(vec![fault(2)], &tenants));
        let count = first.iter().filter(|&&fired| fired).count();
        assert!((200..300).contains(&count), "{count}");
    }

    #[test]
    fn a_time_ends() {
        let fault = |duration| Fault { scope: Scope::For(duration), ..Fault::always(Action::Hang) };
        assert_eq!(fired(vec![fault(Duration::ZERO)], &["a"]), [false]);
        assert_eq!(fired(vec![fault(Duration::from_secs(60))], &["a"]), [true]);
    }

    #[test]
    fn the_first_that_fits_is_taken() {
        let mut faults = Faults::default();
        faults.set(vec![Fault::next(1, Action::Hang), Fault::always(Action::refuse(503))]);
        assert_eq!(faults.choose("a").1, Action::Hang);
        assert_eq!(faults.choose("a").1, Action::refuse(503));
        assert_eq!(faults.list().iter().map(|(_, fired)| *fired).collect::<Vec<_>>(), [1, 1]);
    }

    #[test]
    fn json_is_short_to_write() {
        let parse = |text| serde_json::from_str::<Fault>(text).unwrap();
        assert_eq!(parse(r#"{"action":"hang"}"#), Fault::always(Action::Hang));
        assert_eq!(
            parse(r#"{"scope":{"next":3},"action":{"refuse":{"status":429,"retry_after":"2"}}}"#),
            Fault::next(3, Action::throttle(2))
        );
        assert_eq!(
            parse(r#"{"delay_ms":20,"scope":{"for_ms":100},"action":"accept"}"#),
            Fault { scope: Scope::For(Duration::from_millis(100)), ..Fault::slow(Duration::from_millis(20)) }
        );
        assert!(serde_json::from_str::<Fault>(r#"{"action":"hang","sope":"always"}"#).is_err());
    }
}
