//! Counts tests from what Rust's test programs print.
//!
//! They run with `--show-output`, so that what a passing test prints is seen too:
//!
//! ```text
//! running 3 tests
//! test first ... ok
//! test second ... FAILED
//! test third ... ignored, takes an hour
//!
//! successes:
//!
//! ---- first stdout ----
//! skipped: there is no kernel here
//!
//! successes:
//!     first
//!
//! failures:
//! …
//! test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s
//! ```
//!
//! A test that cannot run prints a line that begins with [`SKIPPED`], returns, and counts as skipped; an ignored one
//! counts as skipped too. A program that ends without its result counts as one failure.

/// What a test prints, with the reason behind it, that cannot run here.
const SKIPPED: &str = "skipped: ";

/// How many tests passed, and the names of the others, each with a reason.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) passed: u64,
    pub(super) failed: Vec<(String, String)>,
    pub(super) skipped: Vec<(String, String)>,
}

impl Tally {
    /// Adds what another one counted.
    pub(super) fn add(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed.extend(other.failed);
        self.skipped.extend(other.skipped);
    }

    /// Counts a failure.
    pub(super) fn fail(&mut self, name: &str, reason: &str) {
        self.failed.push((name.to_owned(), reason.to_owned()));
    }
}

/// Reads the output of test programs that run one after the other.
#[derive(Debug, Default)]
pub(super) struct Reader {
    tally: Tally,
    section: Section,
    /// The test whose output is being read, unless it counts as skipped already.
    shown: Option<String>,
}

/// Where in a program's output we are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Section {
    /// Between two programs.
    #[default]
    Outside,
    /// One line per test.
    Tests,
    /// What passing tests printed.
    Successes,
    /// What failing tests printed.
    Failures,
}

impl Reader {
    /// Takes a line; returns whether it should be shown. What passing tests print need not be.
    pub(super) fn read(&mut self, line: &str) -> bool {
        if line.starts_with("running ") && line.trim_end_matches('s').ends_with(" test") {
            self.end_early();
            self.section = Section::Tests;
        } else if self.section == Section::Outside {
            return true;
        } else if line.starts_with("test result: ") {
            self.section = Section::Outside;
        } else if line == "successes:" {
            self.section = Section::Successes;
        } else if line == "failures:" {
            self.section = Section::Failures;
        } else if let Some(name) = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----")) {
            self.shown = Some(name.to_owned());
        } else if self.section == Section::Tests {
            self.count(line);
        } else if self.section == Section::Successes {
            self.skip(line);
        }
        self.section != Section::Successes
    }

    /// Returns what was counted.
    pub(super) fn close(mut self) -> Tally {
        self.end_early();
        self.tally
    }

    /// Counts the test that a line such as `test name ... ok` tells of.
    fn count(&mut self, line: &str) {
        let Some((name, result)) = line.strip_prefix("test ").and_then(|test| test.split_once(" ... ")) else { return };
        let name = name.to_owned();
        match result {
            "ok" => self.tally.passed += 1,
            "FAILED" => self.tally.failed.push((name, "see its output".to_owned())),
            _ => {
                let reason = result.strip_prefix("ignored").unwrap_or(result).trim_start_matches(", ");
                self.tally.skipped.push((name, reason.to_owned()));
            }
        }
    }

    /// Counts a test that passed as skipped if it says so.
    fn skip(&mut self, line: &str) {
        let Some(reason) = line.strip_prefix(SKIPPED) else { return };
        if let Some(name) = self.shown.take() {
            self.tally.passed -= 1;
            self.tally.skipped.push((name, reason.to_owned()));
        }
    }

    fn end_early(&mut self) {
        if self.section != Section::Outside {
            self.tally.fail("a test program", "it ended before its result");
            self.section = Section::Outside;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Reader, Tally};

    fn pair(name: &str, reason: &str) -> (String, String) {
        (name.to_owned(), reason.to_owned())
    }

    fn check(output: &str, expect: &Tally, shown: &[&str]) {
        let mut reader = Reader::default();
        let lines: Vec<_> = output.lines().filter(|line| reader.read(line)).filter(|line| !line.is_empty()).collect();
        assert_eq!(reader.close(), *expect, "{output}");
        assert_eq!(lines, shown, "{output}");
    }

    #[test]
    fn passing_failing_and_ignored_tests_are_counted() {
        let output = "running 4 tests\ntest a::b ... ok\ntest c ... FAILED\ntest d ... ignored, an hour\n\
                      test e - should panic ... ok\n\nfailures:\n\n---- c stdout ----\nskipped: no\n\nfailures:\n    c\n\n\
                      test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out\n";
        let expect =
            Tally { passed: 2, failed: vec![pair("c", "see its output")], skipped: vec![pair("d", "an hour")] };
        let shown: Vec<_> = output.lines().filter(|line| !line.is_empty()).collect();
        check(output, &expect, &shown);
    }

    #[test]
    fn a_test_that_says_so_is_skipped_once() {
        let output = "running 2 tests\ntest a ... ok\ntest b ... ok\n\nsuccesses:\n\n---- a stdout ----\n\
                      skipped: no kernel\nskipped: no root\n\n---- b stdout ----\nnothing skipped: here\n\n\
                      successes:\n    a\n    b\n\ntest result: ok. 2 passed; 0 failed; 0 ignored\n";
        let expect = Tally { passed: 1, failed: vec![], skipped: vec![pair("a", "no kernel")] };
        let shown =
            ["running 2 tests", "test a ... ok", "test b ... ok", "test result: ok. 2 passed; 0 failed; 0 ignored"];
        check(output, &expect, &shown);
    }

    #[test]
    fn a_program_that_dies_is_a_failure() {
        let dead = pair("a test program", "it ended before its result");
        let output = "running 1 test\nrunning 1 test\ntest a ... ok\ntest result: ok.\nrunning 2 tests\ntest b ... ok";
        let expect = Tally { passed: 2, failed: vec![dead.clone(), dead], skipped: vec![] };
        check(output, &expect, &output.lines().collect::<Vec<_>>());
        check("running 1 mile\ntest x ... ok", &Tally::default(), &["running 1 mile", "test x ... ok"]);
    }
}
