//! An image in the layout of the Open Container Initiative, packed into one tar archive.
//!
//! ```text
//! oci-layout               version of the layout
//! index.json               names the manifest by its digest
//! blobs/sha256/<digest>    manifest (names the two others), configuration (what runs), layer (its files)
//! ```
//!
//! Layout: <https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md>.

use std::io::Write;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType};

use super::layer::header;

/// An image of one layer.
pub(super) struct Image<'a> {
    pub(super) layer: Vec<u8>,
    pub(super) entrypoint: &'a str,
    pub(super) version: &'a str,
}

impl Image<'_> {
    /// Writes the archive.
    pub(super) fn write(&self, out: impl Write) -> Result<()> {
        let layer = Blob::new("application/vnd.oci.image.layer.v1.tar", self.layer.clone());
        let configuration = Blob::json("application/vnd.oci.image.config.v1+json", &self.configuration(&layer));
        let manifest = Blob::json(MANIFEST, &manifest(&configuration, &layer));
        let index = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [self.named(&manifest)],
        });

        let mut archive = Builder::new(out);
        add(&mut archive, "oci-layout", json!({"imageLayoutVersion": "1.0.0"}).to_string().as_bytes())?;
        add(&mut archive, "index.json", index.to_string().as_bytes())?;
        for blob in [&manifest, &configuration, &layer] {
            add(&mut archive, &format!("blobs/sha256/{}", blob.digest), &blob.content)?;
        }
        let mut out = archive.into_inner().context("closing the archive")?;
        out.flush().context("writing the archive")
    }

    fn configuration(&self, layer: &Blob) -> Value {
        json!({
            "architecture": "amd64",
            "os": "linux",
            "config": {
                "Entrypoint": [self.entrypoint],
                "Cmd": ["run", "/etc/alloy/config.alloy", "--storage.path=/var/lib/longship"],
                "Labels": {"org.opencontainers.image.title": "longship", "org.opencontainers.image.version": self.version},
                "User": "0:0",
                "WorkingDir": "/",
            },
            // The layer is not compressed, so this digest is its own.
            "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", layer.digest)]},
        })
    }

    /// Describes the manifest with the name under which the image is loaded.
    fn named(&self, manifest: &Blob) -> Value {
        let mut descriptor = manifest.descriptor();
        descriptor["platform"] = json!({"architecture": "amd64", "os": "linux"});
        descriptor["annotations"] = json!({
            "io.containerd.image.name": format!("docker.io/library/longship:{}", self.version),
            "org.opencontainers.image.ref.name": self.version,
        });
        descriptor
    }
}

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

fn manifest(configuration: &Blob, layer: &Blob) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": configuration.descriptor(),
        "layers": [layer.descriptor()],
    })
}

/// Content that is named by its digest.
struct Blob {
    media_type: &'static str,
    digest: String,
    content: Vec<u8>,
}

impl Blob {
    fn new(media_type: &'static str, content: Vec<u8>) -> Self {
        Self { media_type, digest: digest(&content), content }
    }

    fn json(media_type: &'static str, content: &Value) -> Self {
        Self::new(media_type, content.to_string().into_bytes())
    }

    fn descriptor(&self) -> Value {
        json!({
            "mediaType": self.media_type,
            "digest": format!("sha256:{}", self.digest),
            "size": self.content.len(),
        })
    }
}

/// Returns the digest that names `content`, in hexadecimal.
pub(super) fn digest(content: &[u8]) -> String {
    format!("{:x}", Sha256::digest(content))
}

fn add(archive: &mut Builder<impl Write>, path: &str, content: &[u8]) -> Result<()> {
    let mut header = header(EntryType::Regular, content.len() as u64);
    header.set_mode(0o644);
    archive.append_data(&mut header, path, content).with_context(|| format!("adding {path}"))
}
