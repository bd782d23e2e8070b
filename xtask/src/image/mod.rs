//! `cargo xtask image`: the container image, as an OCI archive, without a daemon and without root.

mod archive;
mod layer;

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;

use crate::say;
use crate::workspace::{cargo, run, target};
use archive::Image;
use layer::Layer;

/// Builds the container image as an OCI archive: a static binary and nothing else.
///
/// `skopeo copy oci-archive:FILE docker://…`, `podman load`, `docker load` and `ctr image import` take it.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Where the archive goes [default: target/longship.oci.tar].
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// What the static binary is built for; its C library is linked in.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Builds the binary and packs it.
pub(crate) fn image(arguments: &Arguments) -> Result<()> {
    let path = arguments.output.clone().unwrap_or_else(|| target().join("longship.oci.tar"));
    let binary = build()?;
    let binary = fs::read(&binary).with_context(|| format!("reading {}", binary.display()))?;
    pack(&binary, &path)?;
    let bytes = fs::metadata(&path).context("looking at the archive")?.len();
    say(&format!("{}: {:.1} MB", path.display(), bytes as f64 / 1e6));
    Ok(())
}

/// Builds the agent as one static file and returns its path. It has a folder of its own, because other flags than
/// usual make cargo build everything anew.
pub(crate) fn build() -> Result<PathBuf> {
    let folder = target().join("image");
    let mut command = cargo();
    command.args(["build", "--release", "--locked", "--package", "longship", "--target", TARGET]);
    command.arg("--target-dir").arg(&folder).env("RUSTFLAGS", "-C target-feature=+crt-static");
    run(&mut command)?;
    Ok(folder.join(TARGET).join("release/longship"))
}

/// Writes the archive of an image that runs `binary`. The same binary gives the same archive, byte for byte.
fn pack(binary: &[u8], path: &Path) -> Result<()> {
    let mut layer = Layer::new();
    layer.folder("bin/")?;
    layer.program("bin/longship", binary)?;
    // Where Alloy's image has its program, so that charts and scripts which name it need only another image.
    layer.link("bin/alloy", "longship")?;
    let image = Image { layer: layer.close()?, entrypoint: "/bin/alloy", version: env!("CARGO_PKG_VERSION") };
    let file = File::create(path).with_context(|| format!("creating {}", path.display()))?;
    image.write(BufWriter::new(file))
}

#[cfg(test)]
mod tests;
