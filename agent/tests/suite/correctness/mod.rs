//! What is delivered does not depend on the rung: the same tests on each of them.
//!
//! A rung that the system refuses is skipped, and says why.

mod bench;

mod faults;
mod files;
mod formats;

use self::bench::{IO_URING_INOTIFY, PREAD_INOTIFY, PREAD_POLL, on_rung};

/// Makes a test of each function for each rung.
macro_rules! on_every_rung {
    ($($name:ident: $test:path,)+) => {$(
        mod $name {
            use super::*;

            #[test]
            fn io_uring_inotify() {
                on_rung(&IO_URING_INOTIFY, $test);
            }

            #[test]
            fn pread_inotify() {
                on_rung(&PREAD_INOTIFY, $test);
            }

            #[test]
            fn pread_poll() {
                on_rung(&PREAD_POLL, $test);
            }
        }
    )+};
}

on_every_rung! {
    all_formats_with_rotation_arrive_exactly_once: formats::all_formats_with_rotation,
    records_in_parts_are_joined: formats::records_in_parts,
    odd_bytes_have_a_documented_result: formats::odd_bytes,
    a_line_of_100_mb_is_cut: formats::a_line_of_100_mb,
    truncated_and_replaced_files_are_read_anew: files::truncated_and_replaced,
    files_that_come_and_go_are_read_to_their_end: files::come_and_go,
    an_unfinished_line_waits_for_its_end: files::unfinished_line,
    a_misbehaving_sink_gets_everything_in_the_end: faults::misbehaving_sink,
    stops_and_starts_repeat_nothing: faults::stops_and_starts,
}
