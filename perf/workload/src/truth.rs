//! What a workload has written: the other side of what a receiver got.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::spec::Spec;

/// What every writer of a workload has written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    /// What the workload is.
    pub spec: Spec,
    /// The writers, in the order of their numbers.
    pub writers: Vec<WriterTruth>,
}

/// What one writer has written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriterTruth {
    /// The writer's number, as in its lines' tags.
    pub writer: u32,
    /// Its log, relative to the workload's folder.
    pub path: PathBuf,
    /// Entries that a receiver should get of it; their sequences are `0..entries`.
    pub entries: u64,
    /// Bytes in all generations of the log, with newlines and what the format adds.
    pub source_bytes: u64,
    /// How often the log was rotated.
    pub rotations: u64,
    /// The entries on standard output; all of them, where the format does not tell outputs apart.
    pub stdout: Digest,
    /// The entries on standard error.
    pub stderr: Digest,
}

impl Truth {
    /// Entries of all writers.
    pub fn entries(&self) -> u64 {
        self.writers.iter().map(|writer| writer.entries).sum()
    }

    /// Source bytes of all writers.
    pub fn source_bytes(&self) -> u64 {
        self.writers.iter().map(|writer| writer.source_bytes).sum()
    }

    /// Writes the truth to a file as JSON; the file is whole or not there.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let unfinished = path.with_added_extension("tmp");
        let mut file = BufWriter::new(File::create(&unfinished)?);
        serde_json::to_writer(&mut file, self)?;
        file.flush()?;
        fs::rename(&unfinished, path)
    }

    /// Reads a truth that [`Self::save`] wrote.
    pub fn load(path: &Path) -> io::Result<Self> {
        Ok(serde_json::from_reader(BufReader::new(File::open(path)?))?)
    }
}
