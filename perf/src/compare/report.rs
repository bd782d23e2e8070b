//! Everything that a comparison measured, and how the parts relate.

use std::path::PathBuf;

use longship_sink::verdict::Verdict;
use serde::{Serialize, Serializer};

use crate::agents::Program;
use crate::machine::Machine;
use crate::measure::{Measure, median};
use crate::run::agent::AgentRun;

#[derive(Serialize)]
pub(super) struct Report {
    pub(super) machine: Machine,
    /// Longship first.
    pub(super) agents: Vec<Tested>,
    pub(super) cases: Vec<Case>,
}

/// An agent.
#[derive(Serialize)]
pub(super) struct Tested {
    pub(super) name: &'static str,
    pub(super) path: PathBuf,
    /// What it was started with beside what every run needs.
    pub(super) flags: Vec<String>,
    /// What it says of its version.
    pub(super) version: Option<String>,
    /// How it encodes pushes.
    pub(super) encoding: &'static str,
}

impl Tested {
    pub(super) fn new(program: &Program) -> Self {
        Self {
            name: program.name(),
            path: program.path.clone(),
            flags: program.flags.clone(),
            version: program.version(),
            encoding: program.encoding(),
        }
    }
}

/// One number of files. The runs of limit and agents with the same index came one after the other.
pub(super) struct Case {
    pub(super) files: u32,
    pub(super) source_bytes: u64,
    pub(super) lines: u64,
    pub(super) limit: Vec<Measure>,
    /// In the order of [`Report::agents`].
    pub(super) agents: Vec<Outcome>,
}

/// What an agent did with the data.
#[derive(Serialize)]
pub(super) struct Outcome {
    pub(super) name: &'static str,
    pub(super) runs: Vec<AgentRun>,
    /// The run with the checking sink.
    pub(super) check: Option<Verdict>,
    /// Why it was left out from some run on.
    pub(super) failure: Option<String>,
}

impl Outcome {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, runs: Vec::new(), check: None, failure: None }
    }

    /// Whether its figures count: nothing failed, and what was checked is complete.
    pub(super) fn counts(&self) -> bool {
        self.failure.is_none() && self.check.as_ref().is_none_or(Verdict::is_complete)
    }

    /// Why its figures do not count, in a few words; empty if they do.
    pub(super) fn mark(&self) -> String {
        match &self.check {
            _ if self.failure.is_some() => "failed".to_owned(),
            None => String::new(),
            Some(verdict) if verdict.lost > 0 => format!("{} lost", verdict.lost),
            Some(verdict) if verdict.reordered > 0 => format!("{} out of order", verdict.reordered),
            Some(verdict) if verdict.unwritten > 0 => format!("{} unwritten", verdict.unwritten),
            Some(verdict) if verdict.differing == 0 => String::new(),
            Some(verdict) if verdict.retimed == verdict.differing => "times changed".to_owned(),
            Some(_) => "content changed".to_owned(),
        }
    }

    /// The median over the runs; `None` without any.
    pub(super) fn median(&self, value: fn(&Measure) -> f64) -> Option<f64> {
        (!self.runs.is_empty()).then(|| median(self.runs.iter().map(|run| value(&run.measure))))
    }

    pub(super) fn resident_bytes_max(&self) -> Option<u64> {
        self.runs.iter().map(|run| run.resident_bytes_max).max()
    }

    fn measures(&self) -> impl Iterator<Item = &Measure> {
        self.runs.iter().map(|run| &run.measure)
    }
}

/// How an agent's runs relate to those beside them: medians of ratios.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Ratios {
    /// Its throughput as a share of the limit program's.
    pub(super) throughput_to_limit: f64,
    /// Its bytes on the wire as a share of the limit program's.
    pub(super) wire_to_limit: f64,
    /// Longship's throughput as a multiple of its.
    pub(super) longship_throughput: f64,
    /// Its CPU seconds as a multiple of Longship's.
    pub(super) longship_cpu: f64,
}

impl Case {
    /// Returns the ratios of one of the agents; `None` if it made no run.
    pub(super) fn ratios(&self, outcome: &Outcome) -> Option<Ratios> {
        if outcome.runs.is_empty() {
            return None;
        }
        let longship = self.agents.first()?;
        let to = |value: fn(&Measure) -> f64, other: &[&Measure]| {
            median(outcome.measures().zip(other).map(|(own, other)| value(own) / value(other)))
        };
        let limits: Vec<_> = self.limit.iter().collect();
        let longships: Vec<_> = longship.measures().collect();
        Some(Ratios {
            throughput_to_limit: to(Measure::megabytes_per_second, &limits),
            wire_to_limit: to(Measure::wire_megabytes, &limits),
            longship_throughput: 1.0 / to(Measure::megabytes_per_second, &longships),
            longship_cpu: to(Measure::cpu_seconds_per_gibibyte, &longships),
        })
    }
}

impl Serialize for Case {
    /// As it is, with the ratios beside each agent's runs.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Related<'a> {
            #[serde(flatten)]
            outcome: &'a Outcome,
            counts: bool,
            ratios: Option<Ratios>,
        }
        #[derive(Serialize)]
        struct Whole<'a> {
            files: u32,
            source_bytes: u64,
            lines: u64,
            limit: &'a [Measure],
            agents: Vec<Related<'a>>,
        }
        let related = |outcome| Related { outcome, counts: Outcome::counts(outcome), ratios: self.ratios(outcome) };
        let Self { files, source_bytes, lines, .. } = *self;
        let agents = self.agents.iter().map(related).collect();
        Whole { files, source_bytes, lines, limit: &self.limit, agents }.serialize(serializer)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::PathBuf;

    use longship_sink::verdict::Verdict;

    use super::{Case, Outcome, Report, Tested};
    use crate::machine::Machine;
    use crate::measure::Measure;
    use crate::run::agent::AgentRun;

    fn measure(seconds: f64) -> Measure {
        Measure {
            source_bytes: 100_000_000,
            lines: 1_000,
            requests: 10,
            wire_bytes: 50_000_000,
            seconds,
            cpu_seconds: seconds / 2.0,
        }
    }

    fn outcome(name: &'static str, seconds: &[f64]) -> Outcome {
        let run =
            |&seconds: &f64| AgentRun { measure: measure(seconds), resident_bytes_max: 30 << 20, startup_seconds: 0.1 };
        Outcome { runs: seconds.iter().map(run).collect(), check: Some(Verdict::default()), ..Outcome::new(name) }
    }

    /// Longship at half of the limit, a peer at a tenth of that which loses, and one that fails.
    pub(in super::super) fn report() -> Report {
        let tested = |name| Tested {
            name,
            path: PathBuf::from(name),
            flags: Vec::new(),
            version: None,
            encoding: "protobuf, snappy",
        };
        let lossy = Verdict { lost: 3, differing: 1, ..Verdict::default() };
        Report {
            machine: Machine { kernel: "6.1".to_owned(), processor: "A & B <C>".to_owned(), cores: 2 },
            agents: vec![tested("longship"), tested("promtail"), tested("alloy")],
            cases: vec![Case {
                files: 1,
                source_bytes: 100_000_000,
                lines: 1_000,
                limit: vec![measure(1.0), measure(1.5), measure(1.0)],
                agents: vec![
                    outcome("longship", &[2.0, 3.0, 2.0]),
                    Outcome { check: Some(lossy), ..outcome("promtail", &[20.0, 30.0, 20.0]) },
                    Outcome { failure: Some("it ended".to_owned()), ..Outcome::new("alloy") },
                ],
            }],
        }
    }

    #[test]
    fn ratios_are_of_runs_side_by_side() {
        let case = &report().cases[0];
        let longship = case.ratios(&case.agents[0]).unwrap();
        assert!((longship.throughput_to_limit - 0.5).abs() < 1e-9, "{longship:?}");
        assert!((longship.longship_throughput - 1.0).abs() < 1e-9, "{longship:?}");
        let peer = case.ratios(&case.agents[1]).unwrap();
        assert!((peer.longship_throughput - 10.0).abs() < 1e-9, "{peer:?}");
        assert!((peer.longship_cpu - 10.0).abs() < 1e-9, "{peer:?}");
        assert_eq!(case.ratios(&case.agents[2]), None);
    }

    #[test]
    fn figures_count_only_if_all_arrived() {
        let marks: Vec<_> = report().cases[0].agents.iter().map(|agent| (agent.counts(), agent.mark())).collect();
        let expected = [(true, ""), (false, "3 lost"), (false, "failed")];
        assert_eq!(marks, expected.map(|(counts, mark)| (counts, mark.to_owned())));
        let mark = |verdict| Outcome { check: Some(verdict), ..Outcome::new("a") }.mark();
        assert_eq!(mark(Verdict { differing: 2, retimed: 2, ..Verdict::default() }), "times changed");
        assert_eq!(mark(Verdict { differing: 2, retimed: 1, ..Verdict::default() }), "content changed");
        assert_eq!(mark(Verdict { duplicated: 2, ..Verdict::default() }), "");
    }
}
