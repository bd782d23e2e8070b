//! The image's program in a root folder that holds nothing else.

use std::fs;
use std::os::unix::fs::chroot;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::say;
use crate::workspace::output;

/// Runs the static binary where there is no library, no shell and no `/proc`.
pub(super) fn image() -> Result<()> {
    let binary = crate::image::build()?;
    let folder = tempfile::tempdir().context("making a root folder")?;
    fs::copy(&binary, folder.path().join("longship")).context("copying the binary")?;
    let root = folder.path().to_owned();
    let mut command = Command::new("/longship");
    command.arg("--version").env_clear();
    confine(&mut command, root);
    let version = output(&mut command)?;
    ensure!(version.contains(env!("CARGO_PKG_VERSION")), "expected a version, got {version:?}");
    say(version.trim_end());
    Ok(())
}

/// Makes a command see `root` as its root folder.
#[expect(unsafe_code, reason = "the standard library changes the root only in a new process")]
fn confine(command: &mut Command, root: std::path::PathBuf) {
    // SAFETY: between fork and exec the closure makes two system calls with a path that exists already.
    unsafe { command.pre_exec(move || chroot(&root).and_then(|()| std::env::set_current_dir("/"))) };
}
