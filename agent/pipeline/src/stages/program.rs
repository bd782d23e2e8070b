//! Runs the stages of a route that take lines apart.

use std::borrow::Cow;

use super::partial::{Hold, OpenRecords, Part};
use crate::budget::Budget;
use crate::labels::StreamLabel;
use crate::limits::LINE_BYTES_MAX;
use crate::plan::Stage;
use crate::split::cri;
use crate::split::docker::DockerParser;
use crate::split::timestamp::TimestampParser;

/// What the stages of a program made of a line's `stream` label: sixteen bits for each stage, the first one lowest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Variant(pub(crate) u64);

impl Variant {
    /// What the first stages made of it.
    fn first(self, stages: u32) -> Self {
        Self(self.0 & u64::MAX.checked_shr(u64::BITS - stages * STAGE_BITS).unwrap_or(u64::MAX))
    }
}

/// Bits of a variant for each stage.
const STAGE_BITS: u32 = 16;

/// A route has at most this many stages that take lines apart; a line that was taken apart four times is not a line of
/// any known runtime.
pub(crate) const STAGES_MAX: usize = (u64::BITS / STAGE_BITS) as usize;

/// The line did not have the stage's format.
const UNMATCHED: u64 = 0;
const STDOUT: u64 = 1;
const STDERR: u64 = 2;
/// The first of the values that stand in [`Parser::Docker::streams`].
const OTHER: u64 = 3;
/// How many other values of `stream` are told apart; further ones share the last.
const OTHERS_MAX: usize = 1000;

/// The stages of a route that take lines apart, with what they need to do it.
pub(crate) struct Program {
    parsers: Vec<Parser>,
}

enum Parser {
    Cri { timestamps: TimestampParser, bytes_max: usize },
    Docker { timestamps: TimestampParser, docker: DockerParser, streams: Vec<Box<str>> },
}

/// What one log has open in the stages of a program.
pub(crate) struct ProgramState {
    open: Vec<OpenRecords>,
}

/// A line on its way through a program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parsed<'a> {
    /// The line as the stages left it.
    pub(crate) line: &'a [u8],
    /// It is known to be valid UTF-8.
    pub(crate) is_utf8: bool,
    /// Its time, where a stage found one.
    pub(crate) time_ns: Option<i64>,
    /// What the stages made of its `stream` label.
    pub(crate) variant: Variant,
    /// Where the lines begin that it was joined from; the line itself at least.
    pub(crate) holds: &'a [Hold],
    /// The moment of this turn.
    pub(crate) now_ns: u64,
}

/// Bytes that were cut off a record while a line was taken apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cuts {
    /// Parts that were cut.
    pub(crate) parts: u64,
}

/// Takes what a program made of a line.
pub(crate) trait Emit {
    /// Why it cannot take something now.
    type Error;

    /// Takes an entry.
    fn entry(&mut self, parsed: Parsed<'_>) -> Result<(), Self::Error>;

    /// Tells whether the record that a part of this variant, in the line at hand, belongs to was settled in an earlier
    /// life. Its last part may not be read again, so the part must not open it.
    fn is_settled(&mut self, variant: Variant) -> Result<bool, Self::Error>;
}

impl Program {
    /// Creates the program of a route.
    pub(crate) fn new(stages: &[Stage]) -> Self {
        let parsers = stages.iter().filter_map(|stage| match stage {
            Stage::Cri { partial_bytes_max } => {
                let bytes_max = partial_bytes_max.map_or(LINE_BYTES_MAX, |bytes| {
                    usize::try_from(bytes).unwrap_or(LINE_BYTES_MAX).min(LINE_BYTES_MAX)
                });
                Some(Parser::Cri { timestamps: TimestampParser::new(), bytes_max })
            }
            Stage::Docker => Some(Parser::Docker {
                timestamps: TimestampParser::new(),
                docker: DockerParser::default(),
                streams: Vec::new(),
            }),
            Stage::StaticLabels(_) => None,
        });
        Self { parsers: parsers.take(STAGES_MAX).collect() }
    }

    /// Two routes have the same program.
    pub(crate) fn is_shared(a: &[Stage], b: &[Stage]) -> bool {
        let parsing = |stage: &&Stage| matches!(stage, Stage::Cri { .. } | Stage::Docker);
        a.iter().filter(parsing).eq(b.iter().filter(parsing))
    }

    /// Creates the state of a log that runs this program.
    pub(crate) fn state(&self, budget: &Budget) -> ProgramState {
        ProgramState { open: self.parsers.iter().map(|_| OpenRecords::new(budget.clone())).collect() }
    }

    /// Takes a line apart and gives the result to `emit`, unless it is a part of a record that goes on. Where `emit`
    /// fails, everything is as it was before.
    #[inline]
    pub(crate) fn run<E: Emit>(
        &mut self,
        state: &mut ProgramState,
        line: Parsed<'_>,
        cuts: &mut Cuts,
        emit: &mut E,
    ) -> Result<(), E::Error> {
        // Most programs have one stage and most lines are whole.
        if let ([Parser::Cri { timestamps, .. }], [records]) = (&mut *self.parsers, &mut *state.open)
            && records.is_empty()
            && let Some(parsed) = cri::parse(line.line, timestamps)
            && !parsed.partial
        {
            let variant = Variant(if parsed.stderr { STDERR } else { STDOUT });
            let time_ns = parsed.time_ns.or(line.time_ns);
            return emit.entry(Parsed { line: parsed.content, time_ns, variant, ..line });
        }
        run_from(&mut self.parsers, &mut state.open, 0, line, cuts, emit)
    }

    /// Gives a record that got no part since `before_ns` to `emit` as it is, and ends it. True if there was one.
    pub(crate) fn flush_one<E: Emit>(
        &mut self,
        state: &mut ProgramState,
        before_ns: u64,
        now_ns: u64,
        cuts: &mut Cuts,
        emit: &mut E,
    ) -> Result<bool, E::Error> {
        for stage in 0..self.parsers.len() {
            let (before, after) = state.open.split_at_mut(stage + 1);
            let Some(record) = before[stage].stale(before_ns) else { continue };
            let (line, holds) = (record.bytes.as_slice(), record.holds.as_slice());
            let (time_ns, variant) = (record.time_ns, record.variant);
            let parsed = Parsed { line, is_utf8: false, time_ns, variant, holds, now_ns };
            run_from(&mut self.parsers[stage + 1..], after, stage + 1, parsed, cuts, emit)?;
            before[stage].end(variant);
            return Ok(true);
        }
        Ok(false)
    }

    /// What the stages made of the `stream` label, in their order.
    pub(crate) fn outcomes(&self, variant: Variant) -> Vec<StreamLabel<'_>> {
        let codes = (0..).map(|stage| (variant.0 >> (stage * STAGE_BITS)) & ((1 << STAGE_BITS) - 1));
        self.parsers.iter().zip(codes).map(|(parser, code)| parser.stream_label(code)).collect()
    }
}

impl Parser {
    /// The label that a code of this stage stands for.
    fn stream_label(&self, code: u64) -> StreamLabel<'_> {
        match (code, self) {
            (UNMATCHED, _) => StreamLabel::Unmatched,
            (STDOUT, _) => StreamLabel::Value("stdout"),
            (STDERR, _) | (_, Self::Cri { .. }) => StreamLabel::Value("stderr"),
            (other, Self::Docker { streams, .. }) => {
                let known = usize::try_from(other - OTHER).ok().and_then(|at| streams.get(at));
                StreamLabel::Value(known.map_or("", |stream| stream))
            }
        }
    }
}

impl ProgramState {
    /// Where the earliest open record begins in a generation.
    pub(crate) fn first_mark(&self, serial: u32) -> Option<u64> {
        self.open.iter().filter_map(|open| open.first_mark(serial)).min()
    }

    /// Where a record begins in a generation that will become an entry of this variant.
    pub(crate) fn mark_of(&self, variant: Variant, serial: u32) -> Option<u64> {
        let prefixes = (1..).map(|stages| variant.first(stages));
        self.open.iter().zip(prefixes).filter_map(|(open, prefix)| open.get(prefix)?.mark(serial)).min()
    }

    /// No record is open.
    pub(crate) fn is_empty(&self) -> bool {
        self.open.iter().all(OpenRecords::is_empty)
    }
}

/// Runs the stages from number `stage` on.
fn run_from<E: Emit>(
    parsers: &mut [Parser],
    open: &mut [OpenRecords],
    stage: usize,
    input: Parsed<'_>,
    cuts: &mut Cuts,
    emit: &mut E,
) -> Result<(), E::Error> {
    let (Some((parser, parsers)), Some((records, open))) = (parsers.split_first_mut(), open.split_first_mut()) else {
        return emit.entry(input);
    };
    let (code, partial, bytes_max, mut output) = match parser {
        Parser::Cri { timestamps, bytes_max } => match cri::parse(input.line, timestamps) {
            Some(parsed) => {
                let code = if parsed.stderr { STDERR } else { STDOUT };
                let time_ns = parsed.time_ns.or(input.time_ns);
                (code, parsed.partial, *bytes_max, Parsed { line: parsed.content, time_ns, ..input })
            }
            None => (UNMATCHED, false, 0, input),
        },
        Parser::Docker { timestamps, docker, streams } => match docker.parse(input.line) {
            Some(parsed) => {
                let time_ns = timestamps.parse(parsed.time).or(input.time_ns);
                let code = docker_code(parsed.stream, streams);
                (code, parsed.is_partial(), LINE_BYTES_MAX, Parsed { line: parsed.log, time_ns, ..input })
            }
            None => (UNMATCHED, false, 0, input),
        },
    };
    output.variant =
        Variant(input.variant.0 | code << (u32::try_from(stage).expect("a program has a few stages") * STAGE_BITS));
    if code == UNMATCHED || (!partial && records.is_empty()) {
        return run_from(parsers, open, stage + 1, output, cuts, emit);
    }
    let variant = output.variant;
    let continues = records.get(variant).is_some();
    if !partial && !continues {
        return run_from(parsers, open, stage + 1, output, cuts, emit);
    }
    if partial && !continues && parsers.is_empty() && emit.is_settled(variant)? {
        return Ok(());
    }
    let part = Part { bytes: output.line, holds: output.holds, time_ns: output.time_ns, now_ns: input.now_ns };
    let added = records.push(variant, &part, bytes_max);
    cuts.parts += u64::from(added < output.line.len());
    if partial {
        return Ok(());
    }
    let record = records.get(variant).expect("a part was just added to it");
    let joined = Parsed { line: &record.bytes, is_utf8: false, holds: &record.holds, ..output };
    match run_from(parsers, open, stage + 1, joined, cuts, emit) {
        Ok(()) => {
            records.end(variant);
            Ok(())
        }
        Err(error) => {
            records.undo(variant, added);
            Err(error)
        }
    }
}

/// The code of a value of Docker's `stream`.
fn docker_code(stream: &[u8], streams: &mut Vec<Box<str>>) -> u64 {
    match stream {
        b"stdout" => STDOUT,
        b"stderr" => STDERR,
        _ => {
            let text = String::from_utf8_lossy(stream);
            let at = streams.iter().position(|known| **known == *text).unwrap_or_else(|| {
                if streams.len() < OTHERS_MAX {
                    streams.push(match text {
                        Cow::Borrowed(text) => text.into(),
                        Cow::Owned(text) => text.into_boxed_str(),
                    });
                }
                streams.len() - 1
            });
            OTHER + at as u64
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: &str = "2023-11-14T22:13:20.123456789Z";
    const NS: i64 = 1_700_000_000_123_456_789;

    type Emitted = (String, Option<i64>, Vec<String>, Vec<(u32, u64)>);

    struct Fixture {
        program: Program,
        state: ProgramState,
        refuse: bool,
        emitted: Vec<Emitted>,
        cuts: Cuts,
        mark: u64,
    }

    #[derive(Default)]
    struct Collector {
        refuse: bool,
        got: Option<(String, Option<i64>, Variant, Vec<(u32, u64)>)>,
    }

    impl Emit for Collector {
        type Error = ();

        fn entry(&mut self, parsed: Parsed<'_>) -> Result<(), ()> {
            if self.refuse {
                return Err(());
            }
            let holds = parsed.holds.iter().map(|hold| (hold.serial, hold.mark)).collect();
            let line = String::from_utf8_lossy(parsed.line).into_owned();
            self.got = Some((line, parsed.time_ns, parsed.variant, holds));
            Ok(())
        }

        fn is_settled(&mut self, _variant: Variant) -> Result<bool, ()> {
            Ok(false)
        }
    }

    impl Fixture {
        fn new(stages: &[Stage]) -> Self {
            let program = Program::new(stages);
            let state = program.state(&Budget::new(1 << 30));
            Self { program, state, refuse: false, emitted: Vec::new(), cuts: Cuts::default(), mark: 0 }
        }

        fn line(&mut self, line: &str) {
            let holds = [Hold { serial: 0, mark: self.mark }];
            let parsed = Parsed {
                line: line.as_bytes(),
                is_utf8: true,
                time_ns: None,
                variant: Variant::default(),
                holds: &holds,
                now_ns: self.mark,
            };
            let mut collector = Collector { refuse: self.refuse, got: None };
            if self.program.run(&mut self.state, parsed, &mut self.cuts, &mut collector).is_ok() {
                self.mark += line.len() as u64 + 1;
            }
            self.emitted.extend(collector.got.map(|(line, time, variant, holds)| {
                let outcomes = self.program.outcomes(variant);
                (line, time, outcomes.iter().map(|outcome| format!("{outcome:?}")).collect(), holds)
            }));
        }

        fn lines(&self) -> Vec<&str> {
            self.emitted.iter().map(|(line, ..)| line.as_str()).collect()
        }
    }

    fn cri() -> Stage {
        Stage::Cri { partial_bytes_max: None }
    }

    #[test]
    fn cri_lines_and_others() {
        let mut fixture = Fixture::new(&[Stage::StaticLabels(Vec::new()), cri()]);
        fixture.line(&format!("{TIME} stderr F hello"));
        fixture.line("no cri");
        fixture.line("notime stdout F x");
        let expected =
            |line: &str, time, label: &str, mark| (line.to_owned(), time, vec![label.to_owned()], vec![(0, mark)]);
        assert_eq!(
            fixture.emitted,
            [
                expected("hello", Some(NS), "Value(\"stderr\")", 0),
                expected("no cri", None, "Unmatched", 46),
                expected("x", None, "Value(\"stdout\")", 53),
            ]
        );
    }

    #[test]
    fn parts_are_joined_per_stream_with_the_last_time() {
        let mut fixture = Fixture::new(&[cri()]);
        fixture.line("2023-11-14T22:13:19Z stdout P a");
        fixture.line("2023-11-14T22:13:19Z stderr P x");
        fixture.line("no cri");
        fixture.line(&format!("{TIME} stdout P b"));
        fixture.line(&format!("{TIME} stdout F c"));
        fixture.line(&format!("{TIME} stdout F d"));
        fixture.line(&format!("{TIME} stderr F y"));
        assert_eq!(fixture.lines(), ["no cri", "abc", "d", "xy"]);
        assert_eq!(fixture.emitted[1].1, Some(NS));
        assert_eq!(fixture.emitted[1].3, [(0, 0)]);
        assert!(fixture.state.is_empty());
    }

    #[test]
    fn a_refused_line_can_be_run_again() {
        let mut fixture = Fixture::new(&[cri()]);
        fixture.line(&format!("{TIME} stdout P a"));
        fixture.refuse = true;
        fixture.line(&format!("{TIME} stdout F b"));
        assert_eq!(fixture.lines(), Vec::<&str>::new());
        assert_eq!(fixture.state.first_mark(0), Some(0));
        fixture.refuse = false;
        fixture.line(&format!("{TIME} stdout F b"));
        assert_eq!(fixture.lines(), ["ab"]);
    }

    #[test]
    fn joined_records_are_cut_where_the_stage_says() {
        let mut fixture = Fixture::new(&[Stage::Cri { partial_bytes_max: Some(11) }]);
        fixture.line(&format!("{TIME} stdout P partial line 1 "));
        fixture.line(&format!("{TIME} stdout F log finished"));
        fixture.line(&format!("{TIME} stdout F a full line is left alone"));
        assert_eq!(fixture.lines(), ["partial lin", "a full line is left alone"]);
        assert_eq!(fixture.cuts.parts, 2);
    }

    #[test]
    fn docker_parts_are_joined() {
        let mut fixture = Fixture::new(&[Stage::Docker]);
        let part = "x".repeat(crate::split::docker::PART_BYTES);
        fixture.line(&format!(r#"{{"log":"{part}","stream":"stdout","time":"{TIME}"}}"#));
        fixture.line(&format!(r#"{{"log":"end\n","stream":"stdout","time":"{TIME}"}}"#));
        fixture.line(&format!(r#"{{"log":"short","stream":"aux","time":"{TIME}"}}"#));
        fixture.line("not docker");
        assert_eq!(fixture.lines(), [&*format!("{part}end\n"), "short", "not docker"]);
        assert_eq!(fixture.emitted[1].2, ["Value(\"aux\")"]);
        assert_eq!(fixture.emitted[2].2, ["Unmatched"]);
    }

    #[test]
    fn one_stage_works_on_what_another_left() {
        let mut fixture = Fixture::new(&[cri(), Stage::Docker]);
        fixture.line(&format!(r#"{TIME} stdout P {{"log":"in"#));
        fixture.line(&format!(r#"{TIME} stdout F ner\n","stream":"stderr"}}"#));
        assert_eq!(fixture.lines(), ["inner\n"]);
        assert_eq!(fixture.emitted[0].1, Some(NS));
        assert_eq!(fixture.emitted[0].2, ["Value(\"stdout\")", "Value(\"stderr\")"]);
    }

    #[test]
    fn what_stays_open_is_flushed_as_it_is() {
        let mut fixture = Fixture::new(&[cri()]);
        fixture.line(&format!("{TIME} stdout P a"));
        let mut collector = Collector::default();
        let mut flush = |fixture: &mut Fixture, before_ns| {
            let Fixture { program, state, cuts, .. } = fixture;
            program.flush_one(state, before_ns, 9, cuts, &mut collector).unwrap()
        };
        assert!(flush(&mut fixture, 0));
        assert!(!flush(&mut fixture, u64::MAX));
        assert_eq!(collector.got.unwrap().0, "a");
        assert!(fixture.state.is_empty());
    }
}
