//! The logs that limits and agents are measured with, made once and kept.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use longship_workload::spec::Spec;
use longship_workload::truth::Truth;
use longship_workload::workload::{Pace, Until, Workload};

use crate::limits::Log;
use crate::process::raise_open_files;
use crate::quantity::bytes;

/// Which data.
#[derive(Args, Clone, Debug)]
pub(crate) struct DataArguments {
    /// Folder in which data is kept from run to run.
    #[arg(long, default_value = "target/perf-data")]
    data: PathBuf,
    /// Bytes of CRI lines.
    #[arg(long, default_value = "1GiB", value_parser = bytes)]
    bytes: u64,
    /// Mean bytes of a line, prefix and newline included.
    #[arg(long, default_value_t = 221)]
    line_bytes: u32,
}

impl DataArguments {
    /// These arguments as flags, for another process.
    pub(crate) fn as_flags(&self) -> [OsString; 6] {
        let number = |number: u64| OsString::from(number.to_string());
        [
            "--data".into(),
            self.data.clone().into_os_string(),
            "--bytes".into(),
            number(self.bytes),
            "--line-bytes".into(),
            number(u64::from(self.line_bytes)),
        ]
    }
}

/// Logs that are ready.
#[derive(Debug)]
pub(crate) struct Data {
    pub(crate) folder: PathBuf,
    pub(crate) truth: Truth,
}

impl Data {
    /// The logs, with labels as an agent would give them.
    pub(crate) fn logs(&self) -> Vec<Log> {
        let log = |path: PathBuf| Log {
            labels: format!("{{filename=\"{}\", job=\"perf\", stream=\"stdout\"}}", path.display()),
            path,
        };
        self.truth.writers.iter().map(|writer| log(self.folder.join(&writer.path))).collect()
    }

    /// Reads everything once, so that no run pays for the disk.
    pub(crate) fn warm(&self) -> io::Result<()> {
        for writer in &self.truth.writers {
            io::copy(&mut File::open(self.folder.join(&writer.path))?, &mut io::sink())?;
        }
        Ok(())
    }
}

/// Returns the data in so many files; makes it unless it is there already, whole and of the same specification.
pub(crate) fn prepare(arguments: &DataArguments, files: u32) -> io::Result<Data> {
    prepare_active(arguments, files, files)
}

/// [`prepare`] with the data in `active` of the files, and a few old lines in each of the others.
pub(crate) fn prepare_active(arguments: &DataArguments, files: u32, active: u32) -> io::Result<Data> {
    let line_bytes = arguments.line_bytes;
    let mut spec = Spec { files, active, line_bytes, ..Spec::default() };
    let mut name = format!("cri-{}-bytes-{line_bytes}-lines-in-{files}", arguments.bytes);
    if active < files {
        spec = Spec { idle_lines: 10, idle_age: Duration::from_secs(3_600), ..spec };
        name += &format!("-of-which-{active}-active");
    }
    raise_open_files()?;
    fs::create_dir_all(&arguments.data)?;
    let folder = fs::canonicalize(&arguments.data)?.join(name);
    let truth_path = folder.with_added_extension("truth.json");
    if let Ok(truth) = Truth::load(&truth_path)
        && truth.spec == spec
        && is_whole(&folder, &truth)
    {
        return Ok(Data { folder, truth });
    }
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let mut workload = Workload::create(&folder, &spec)?;
    workload.run(Pace::Unlimited, Until { source_bytes: Some(arguments.bytes), ..Until::default() })?;
    let truth = workload.truth();
    truth.save(&truth_path)?;
    Ok(Data { folder, truth })
}

fn is_whole(folder: &Path, truth: &Truth) -> bool {
    truth.writers.iter().all(|writer| {
        fs::metadata(folder.join(&writer.path)).is_ok_and(|metadata| metadata.len() == writer.source_bytes)
    })
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::{DataArguments, prepare};

    #[test]
    fn data_is_made_once_and_again_when_it_is_broken() {
        let folder = tempfile::tempdir().unwrap();
        let arguments = DataArguments { data: folder.path().to_path_buf(), bytes: 100_000, line_bytes: 221 };
        let data = prepare(&arguments, 2).unwrap();
        assert!((100_000..100_300).contains(&data.truth.source_bytes()));
        assert_eq!(data.logs().len(), 2);
        let log = data.logs().remove(0).path;
        let modified = || fs::metadata(&log).unwrap().modified().unwrap();
        let first = modified();
        assert_eq!(prepare(&arguments, 2).unwrap().truth, data.truth);
        assert_eq!(modified(), first, "it is used as it is");
        File::options().append(true).open(&log).unwrap().set_len(10).unwrap();
        assert_eq!(prepare(&arguments, 2).unwrap().truth, data.truth);
        assert_eq!(fs::metadata(&log).unwrap().len(), data.truth.writers[0].source_bytes);
        prepare(&arguments, 1).unwrap();
        assert!(log.exists(), "data in other numbers of files stays");
    }
}
