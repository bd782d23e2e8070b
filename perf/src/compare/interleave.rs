//! Runs limit and agents in turn, so that all of them meet the same moods of the machine.

use std::io;

use super::report::{Case, Outcome};
use crate::agents::Program;
use crate::complain;
use crate::data::{self, Data, DataArguments};
use crate::measure::Measure;
use crate::run::agent::{self, Setting};
use crate::run::limit;

/// Measures with so many files, so many runs. The first of the programs is Longship; if it fails, all does, while a peer
/// that fails is left out from there on.
pub(super) fn case(
    setting: &Setting,
    arguments: &DataArguments,
    programs: &[Program],
    (files, runs): (u32, u32),
    check: bool,
) -> io::Result<Case> {
    let data = data::prepare(arguments, files)?;
    data.warm()?;
    let mut limits = Vec::new();
    let mut outcomes: Vec<_> = programs.iter().map(|program| Outcome::new(program.name())).collect();
    for number in 1..=runs {
        let tell = |name: &str, measure: &Measure| {
            let rate = measure.megabytes_per_second();
            complain(&format!("{files} files, run {number} of {runs}: {name} {rate:.1} MB/s"));
        };
        let limit = limit::measure(setting, arguments, files)?;
        tell("limit", &limit);
        limits.push(limit);
        for (program, outcome) in programs.iter().zip(&mut outcomes).filter(|(_, outcome)| outcome.failure.is_none()) {
            match agent::measure(setting, program, &data) {
                Ok(run) => {
                    tell(outcome.name, &run.measure);
                    outcome.runs.push(run);
                }
                Err(error) => outcome.failure = Some(failure(program, error)?),
            }
        }
    }
    if check {
        for (program, outcome) in programs.iter().zip(&mut outcomes).filter(|(_, outcome)| outcome.failure.is_none()) {
            check_once(setting, program, &data, outcome)?;
        }
    }
    Ok(Case {
        files,
        source_bytes: data.truth.source_bytes(),
        lines: data.truth.entries(),
        limit: limits,
        agents: outcomes,
    })
}

fn check_once(setting: &Setting, program: &Program, data: &Data, outcome: &mut Outcome) -> io::Result<()> {
    match agent::check(setting, program, data) {
        Ok(verdict) => {
            complain(&format!("{} files, checked: {}: {verdict}", data.truth.writers.len(), program.name()));
            outcome.check = Some(verdict);
        }
        Err(error) => outcome.failure = Some(failure(program, error)?),
    }
    Ok(())
}

/// What is kept of an error of a peer; one of Longship is returned.
fn failure(program: &Program, error: io::Error) -> io::Result<String> {
    if program.is_longship() {
        return Err(error);
    }
    complain(&format!("{} is left out: {error}", program.name()));
    Ok(error.to_string())
}
