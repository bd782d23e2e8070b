//! Keeps what the control plane counts through the macros of the `metrics` crate.
//!
//! Only figures that change at the pace of configurations and connections belong here: each registration takes a lock.
//! The data plane has counters of its own, see [`longship_pipeline::Snapshot`].

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use longship_pipeline::Histogram as Counts;
use metrics::{Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, SharedString, Unit};

use super::text::{Kind, Page};

/// Everything that was registered so far.
#[derive(Debug, Default)]
pub struct Recorder {
    families: Mutex<BTreeMap<String, RecordedFamily>>,
}

#[derive(Debug, Default)]
struct RecordedFamily {
    help: String,
    /// By label names and values, sorted.
    series: BTreeMap<Vec<(String, String)>, Cell>,
}

#[derive(Clone, Debug)]
enum Cell {
    Counter(Arc<AtomicU64>),
    /// The bits of a floating point number.
    Gauge(Arc<AtomicU64>),
    Histogram(Arc<Durations>),
}

impl Recorder {
    /// The recorder of this process, to which the macros lead from the first call on.
    pub fn global() -> &'static Self {
        static GLOBAL: OnceLock<&'static Recorder> = OnceLock::new();
        GLOBAL.get_or_init(|| {
            let recorder: &'static Self = Box::leak(Box::default());
            metrics::set_global_recorder(recorder).expect("nothing else installs a recorder");
            recorder
        })
    }

    /// Writes what was registered, by name.
    pub(super) fn write(&self, page: &mut Page) {
        for (name, family) in self.families().iter() {
            let Some(first) = family.series.values().next() else { continue };
            let kind = first.kind();
            let mut out = page.family(name, kind, &family.help);
            for (labels, cell) in &family.series {
                assert_eq!(cell.kind(), kind, "{name} is registered as one kind only");
                let labels: Vec<_> = labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                match cell {
                    Cell::Counter(count) => out.sample(&labels, count.load(Ordering::Acquire)),
                    Cell::Gauge(bits) => out.sample(&labels, f64::from_bits(bits.load(Ordering::Acquire))),
                    Cell::Histogram(durations) => out.histogram(&labels, &durations.counts()),
                }
            }
        }
    }

    fn describe(&self, name: &KeyName, help: &SharedString) {
        self.families().entry(name.as_str().to_owned()).or_default().help = help.to_string();
    }

    fn register(&self, key: &Key, create: fn() -> Cell) -> Cell {
        let mut labels: Vec<_> = key.labels().map(|label| (label.key().to_owned(), label.value().to_owned())).collect();
        labels.sort();
        let mut families = self.families();
        let family = families.entry(key.name().to_owned()).or_default();
        family.series.entry(labels).or_insert_with(create).clone()
    }

    fn families(&self) -> MutexGuard<'_, BTreeMap<String, RecordedFamily>> {
        // Whatever was being registered, what is there is whole.
        self.families.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl metrics::Recorder for Recorder {
    fn describe_counter(&self, name: KeyName, _unit: Option<Unit>, help: SharedString) {
        self.describe(&name, &help);
    }

    fn describe_gauge(&self, name: KeyName, _unit: Option<Unit>, help: SharedString) {
        self.describe(&name, &help);
    }

    fn describe_histogram(&self, name: KeyName, _unit: Option<Unit>, help: SharedString) {
        self.describe(&name, &help);
    }

    fn register_counter(&self, key: &Key, _metadata: &Metadata<'_>) -> Counter {
        match self.register(key, || Cell::Counter(Arc::default())) {
            Cell::Counter(count) => Counter::from_arc(count),
            Cell::Gauge(_) | Cell::Histogram(_) => panic!("{} is not a counter", key.name()),
        }
    }

    fn register_gauge(&self, key: &Key, _metadata: &Metadata<'_>) -> Gauge {
        match self.register(key, || Cell::Gauge(Arc::default())) {
            Cell::Gauge(bits) => Gauge::from_arc(bits),
            Cell::Counter(_) | Cell::Histogram(_) => panic!("{} is not a gauge", key.name()),
        }
    }

    fn register_histogram(&self, key: &Key, _metadata: &Metadata<'_>) -> Histogram {
        match self.register(key, || Cell::Histogram(Arc::default())) {
            Cell::Histogram(durations) => Histogram::from_arc(durations),
            Cell::Counter(_) | Cell::Gauge(_) => panic!("{} is not a histogram", key.name()),
        }
    }
}

impl Cell {
    fn kind(&self) -> Kind {
        match self {
            Self::Counter(_) => Kind::Counter,
            Self::Gauge(_) => Kind::Gauge,
            Self::Histogram(_) => Kind::Histogram,
        }
    }
}

/// Upper bounds of the control plane's histograms, which are of seconds: the Prometheus client libraries' default.
const SECONDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Seconds, counted by how many they are.
#[derive(Debug)]
struct Durations(Mutex<Counts>);

impl Durations {
    fn counts(&self) -> Counts {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Default for Durations {
    fn default() -> Self {
        Self(Mutex::new(Counts { bounds: &SECONDS, counts: vec![0; SECONDS.len() + 1], sum: 0.0 }))
    }
}

impl HistogramFn for Durations {
    fn record(&self, seconds: f64) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.counts[SECONDS.partition_point(|bound| *bound < seconds)] += 1;
        counts.sum += seconds;
    }
}

#[cfg(test)]
mod tests {
    use metrics::{counter, describe_counter, gauge, histogram, with_local_recorder};

    use super::*;

    #[test]
    fn what_the_macros_say_is_on_the_page() {
        let recorder = Recorder::default();
        with_local_recorder(&recorder, || {
            describe_counter!("b_total", "Bees.");
            describe_counter!("unused_total", "Described and never counted.");
            counter!("b_total", "z" => "1", "a" => "2").increment(2);
            counter!("b_total", "a" => "2", "z" => "1").increment(3);
            counter!("b_total", "a" => "1").increment(1);
            gauge!("a").set(2.5);
            gauge!("a").increment(1.0);
            histogram!("c_seconds").record(0.005);
            histogram!("c_seconds").record(60.0);
        });
        let mut page = Page::default();
        recorder.write(&mut page);
        let text = page.into_text();
        assert!(text.starts_with(
            "# HELP a \n# TYPE a gauge\na 3.5\n# HELP b_total Bees.\n# TYPE b_total counter\nb_total{a=\"1\"} 1\n\
             b_total{a=\"2\",z=\"1\"} 5\n# HELP c_seconds \n"
        ));
        assert!(text.contains("c_seconds_bucket{le=\"0.005\"} 1\n"));
        assert!(
            text.contains("c_seconds_bucket{le=\"10\"} 1\nc_seconds_bucket{le=\"+Inf\"} 2\nc_seconds_sum 60.005\n")
        );
        assert!(text.ends_with("c_seconds_count 2\n"));
    }
}
