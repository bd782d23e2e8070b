//! Programs that commands use and that do not come with Rust: where they are, and how they are installed.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::say;
use crate::workspace::{output, run};

/// A program from a package of Debian.
struct Packaged {
    program: &'static str,
    package: &'static str,
    why: &'static str,
}

const PACKAGED: [Packaged; 1] =
    [Packaged { program: "git", package: "git", why: "the checks of the tree look at what is tracked" }];

/// Where Helm comes from, in a version that the chart was tried with.
const HELM: &str = "helm.sh/helm/v3/cmd/helm@v3.22.0";

/// Installs what is missing: packages as root, Helm with Go.
pub(crate) fn install() -> Result<()> {
    let missing: Vec<_> = PACKAGED.iter().filter(|packaged| find(packaged.program).is_none()).collect();
    if !missing.is_empty() {
        run(Command::new("apt-get").arg("update"))?;
    }
    for Packaged { package, why, .. } in missing {
        say(&format!("installing {package}: {why}"));
        let mut apt_get = Command::new("apt-get");
        apt_get.args(["install", "--yes", "--no-install-recommends", package]);
        run(apt_get.env("DEBIAN_FRONTEND", "noninteractive"))?;
    }
    if helm().is_none() {
        if find("go").is_none() {
            bail!("Go is missing: Helm, which the tests of the chart need, is built with it");
        }
        say(&format!("building {HELM}: the tests of the chart render it"));
        run(Command::new("go").args(["install", HELM]))?;
    }
    Ok(())
}

/// Returns where Helm is: in `PATH`, or where Go installs programs.
pub(crate) fn helm() -> Option<PathBuf> {
    find("helm").or_else(|| go_programs().ok().map(|folder| folder.join("helm")).filter(|path| path.is_file()))
}

/// Returns where `go install` puts programs.
fn go_programs() -> Result<PathBuf> {
    let answer = output(Command::new("go").args(["env", "GOBIN", "GOPATH"]))?;
    let (programs, paths) = answer.split_once('\n').context("go env answers with two lines")?;
    if !programs.is_empty() {
        return Ok(programs.into());
    }
    let first = std::env::split_paths(paths.trim_end()).next().context("go env knows a GOPATH")?;
    Ok(first.join("bin"))
}

/// Returns the first file of this name in `PATH`.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path| path.is_file())
}
