//! Series of the destinations, under the names that Alloy's `loki.write` has.
//!
//! A series names its destination by component, host and tenant; destinations that differ in something else share it.
//! Every destination of the plan has its series from the start, at 0, so that a rate over the first failure is seen.

use std::collections::BTreeMap;

use hyper::Uri;
use longship_pipeline::plan::{Destination, DestinationKind, Plan};
use longship_pipeline::{DestinationSnapshot, Dropped, Histogram, Snapshot};

use super::COMPONENT_PATH;
use super::text::{Kind, Page};

/// Reasons for which Alloy counts dropped entries.
const DROP_REASONS: [&str; 5] = ["ingester_error", "rate_limited", "stream_limited", "line_too_long", "queue_is_full"];

/// Writes the series of all destinations but the echoing ones.
pub(super) fn write(page: &mut Page, plan: &Plan, snapshot: &Snapshot) {
    let destinations = Destinations::gather(plan, snapshot);
    destinations.write_sent(page);
    destinations.write_dropped(page);
    destinations.write_requests(page);
    destinations.write_own(page);
}

/// What the series of a destination are told apart by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Address<'a> {
    component_id: &'a str,
    host: String,
    tenant: &'a str,
}

impl<'a> Address<'a> {
    /// Returns the address of a destination, or `None` for one that is not a Loki.
    fn of(component_id: &'a str, destination: &'a Destination) -> Option<Self> {
        match &destination.kind {
            DestinationKind::Loki(endpoint) => {
                Some(Self { component_id, host: host(&endpoint.url), tenant: &endpoint.tenant_id })
            }
            DestinationKind::Echo => None,
        }
    }

    /// The labels of Alloy's series.
    fn labels(&self) -> [(&str, &str); 4] {
        [("component_id", self.component_id), COMPONENT_PATH, ("host", &self.host), ("tenant", self.tenant)]
    }

    /// The labels of our own series.
    fn own_labels(&self) -> [(&str, &str); 3] {
        [("component_id", self.component_id), ("host", &self.host), ("tenant", self.tenant)]
    }
}

/// Returns the host of an address, with the port if it names one and without user and password.
fn host(url: &str) -> String {
    let uri: Uri = url.parse().unwrap_or_default();
    let Some(authority) = uri.authority() else { return String::new() };
    match authority.as_str().rsplit_once('@') {
        Some((_, host)) => host.to_owned(),
        None => authority.to_string(),
    }
}

/// What was counted for one address.
#[derive(Debug, Default)]
struct Sums {
    sent_bytes: u64,
    sent_entries: u64,
    acknowledged_bytes: u64,
    retries: u64,
    /// Entries and bytes by reason.
    dropped: BTreeMap<&'static str, (u64, u64)>,
    refused: BTreeMap<&'static str, u64>,
    requests: BTreeMap<Option<u16>, Histogram>,
    request_bytes: Histogram,
    propagation_seconds: Histogram,
}

impl Sums {
    fn with_drop_reasons() -> Self {
        Self { dropped: DROP_REASONS.iter().map(|reason| (*reason, (0, 0))).collect(), ..Self::default() }
    }

    fn add(&mut self, destination: &DestinationSnapshot) {
        self.sent_bytes += destination.sent_bytes;
        self.sent_entries += destination.sent_entries;
        self.acknowledged_bytes += destination.acknowledged_bytes;
        self.retries += destination.retries;
        for Dropped { reason, entries, bytes } in &destination.dropped {
            let sum = self.dropped.entry(reason).or_default();
            *sum = (sum.0 + entries, sum.1 + bytes);
        }
        for (reason, entries) in &destination.refused {
            *self.refused.entry(reason).or_default() += entries;
        }
        for (status, durations) in &destination.requests {
            add_histogram(self.requests.entry(*status).or_default(), durations);
        }
        add_histogram(&mut self.request_bytes, &destination.request_bytes);
        add_histogram(&mut self.propagation_seconds, &destination.propagation_seconds);
    }
}

fn add_histogram(sum: &mut Histogram, histogram: &Histogram) {
    if sum.counts.is_empty() {
        sum.clone_from(histogram);
        return;
    }
    for (sum, count) in sum.counts.iter_mut().zip(&histogram.counts) {
        *sum += count;
    }
    sum.sum += histogram.sum;
}

/// All destinations by address.
struct Destinations<'a>(BTreeMap<Address<'a>, Sums>);

impl<'a> Destinations<'a> {
    fn gather(plan: &'a Plan, snapshot: &Snapshot) -> Self {
        let mut sums: BTreeMap<Address<'a>, Sums> = BTreeMap::new();
        for write in &plan.writes {
            for address in write.destinations.iter().filter_map(|to| Address::of(&write.component_id, to)) {
                sums.entry(address).or_insert_with(Sums::with_drop_reasons);
            }
        }
        for counted in &snapshot.destinations {
            let write = plan.writes.get(usize::from(counted.write.0));
            let address =
                write.and_then(|write| Address::of(&write.component_id, write.destinations.get(counted.destination)?));
            if let Some(sum) = address.and_then(|address| sums.get_mut(&address)) {
                sum.add(counted);
            }
        }
        Self(sums)
    }

    fn write_sent(&self, page: &mut Page) {
        let help = "Compressed bytes of pushes that were accepted.";
        self.write(page, "loki_write_sent_bytes_total", help, |sums| sums.sent_bytes);
        let help = "Entries of pushes that were accepted.";
        self.write(page, "loki_write_sent_entries_total", help, |sums| sums.sent_entries);
        let help = "Pushes sent again after a failure.";
        self.write(page, "loki_write_batch_retries_total", help, |sums| sums.retries);
    }

    fn write_dropped(&self, page: &mut Page) {
        let help = "Bytes of the lines of entries that were given up, by reason.";
        self.write_by_reason(page, "loki_write_dropped_bytes_total", help, |(_, bytes)| *bytes);
        let help = "Entries that were given up, by reason.";
        self.write_by_reason(page, "loki_write_dropped_entries_total", help, |(entries, _)| *entries);
    }

    fn write_requests(&self, page: &mut Page) {
        let help = "Time from sending a push to its answer, by the answer's status; -1 where there was none.";
        let mut family = page.family("loki_write_request_duration_seconds", Kind::Histogram, help);
        for (address, sums) in &self.0 {
            for (status, durations) in &sums.requests {
                let code = status.map_or_else(|| "-1".to_owned(), |status| status.to_string());
                let [component, path, host, tenant] = address.labels();
                family.histogram(&[component, path, host, ("status_code", &code), tenant], durations);
            }
        }
        let help = "Compressed size of pushes that were accepted.";
        self.write_histogram(page, "loki_write_request_size_bytes", help, |sums| &sums.request_bytes);
        let help = "Time from reading an entry to its acceptance, counted once per push.";
        self.write_histogram(page, "loki_write_entry_propagation_latency_seconds", help, |sums| {
            &sums.propagation_seconds
        });
    }

    fn write_own(&self, page: &mut Page) {
        let help = "Bytes in the log files, newlines and prefixes included, behind entries that were accepted.";
        let mut family = page.family("longship_acknowledged_bytes_total", Kind::Counter, help);
        for (address, sums) in &self.0 {
            family.sample(&address.own_labels(), sums.acknowledged_bytes);
        }
        let help = "Entries that the destination refused for good, by the reason in its answer.";
        let mut family = page.family("longship_refused_entries_total", Kind::Counter, help);
        for (address, sums) in &self.0 {
            for (reason, entries) in &sums.refused {
                let [component, host, tenant] = address.own_labels();
                family.sample(&[component, host, ("reason", reason), tenant], *entries);
            }
        }
    }

    fn write(&self, page: &mut Page, name: &str, help: &str, count: fn(&Sums) -> u64) {
        let mut family = page.family(name, Kind::Counter, help);
        for (address, sums) in &self.0 {
            family.sample(&address.labels(), count(sums));
        }
    }

    fn write_by_reason(&self, page: &mut Page, name: &str, help: &str, count: fn(&(u64, u64)) -> u64) {
        let mut family = page.family(name, Kind::Counter, help);
        for (address, sums) in &self.0 {
            for (reason, dropped) in &sums.dropped {
                let [component, path, host, tenant] = address.labels();
                family.sample(&[component, path, host, ("reason", reason), tenant], count(dropped));
            }
        }
    }

    fn write_histogram(&self, page: &mut Page, name: &str, help: &str, histogram: fn(&Sums) -> &Histogram) {
        let mut family = page.family(name, Kind::Histogram, help);
        for (address, sums) in self.0.iter().filter(|(_, sums)| !histogram(sums).counts.is_empty()) {
            family.histogram(&address.labels(), histogram(sums));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn a_host_has_its_port_and_no_secret() {
        for (url, expected) in [
            ("http://loki.example/loki/api/v1/push", "loki.example"),
            ("https://loki.example:3100/loki/api/v1/push", "loki.example:3100"),
            ("https://user:hunter2@loki.example:3100/push?token=hunter2", "loki.example:3100"),
            ("http://[::1]:3100/push", "[::1]:3100"),
            ("not a url", ""),
        ] {
            assert_eq!(host(url), expected, "{url}");
        }
    }
}
