use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use serde_json::Value;
use tar::Archive;

use super::archive::digest;
use super::pack;

/// Reads an archive as whoever loads it does: by name, from the index down.
struct Loaded(BTreeMap<String, Vec<u8>>);

impl Loaded {
    fn open(path: &Path) -> Self {
        let mut files = BTreeMap::new();
        for entry in Archive::new(File::open(path).unwrap()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            files.insert(entry.path().unwrap().to_str().unwrap().to_owned(), content);
        }
        Self(files)
    }

    fn json(&self, path: &str) -> Value {
        serde_json::from_slice(&self.0[path]).unwrap()
    }

    /// Returns what a descriptor names, after a look at its length and digest.
    fn blob(&self, descriptor: &Value) -> &[u8] {
        let name = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
        let content = &self.0[&format!("blobs/sha256/{name}")];
        assert_eq!(digest(content), name);
        assert_eq!(descriptor["size"], content.len());
        content
    }
}

#[test]
fn an_archive_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.tar");
    pack(b"\x7fELF program", &path).unwrap();
    let image = Loaded::open(&path);
    assert_eq!(image.json("oci-layout")["imageLayoutVersion"], "1.0.0");
    let manifest: Value = serde_json::from_slice(image.blob(&image.json("index.json")["manifests"][0])).unwrap();
    let configuration: Value = serde_json::from_slice(image.blob(&manifest["config"])).unwrap();
    assert_eq!(configuration["config"]["Entrypoint"][0], "/bin/alloy");
    assert_eq!(configuration["config"]["User"], "0:0");
    let layer = &manifest["layers"][0];
    assert_eq!(configuration["rootfs"]["diff_ids"][0], layer["digest"]);

    let mut found = Vec::new();
    for entry in Archive::new(image.blob(layer)).entries().unwrap() {
        let mut entry = entry.unwrap();
        let (mut content, header) = (String::new(), entry.header().clone());
        entry.read_to_string(&mut content).unwrap();
        let link = entry.link_name().unwrap().map(|link| link.to_str().unwrap().to_owned());
        assert_eq!((header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap()), (0, 0, 0));
        assert_eq!(header.mode().unwrap(), 0o755);
        found.push((entry.path().unwrap().to_str().unwrap().to_owned(), content, link));
    }
    let entry = |path: &str, content: &str, link: Option<&str>| (path.into(), content.into(), link.map(str::to_owned));
    let expect = [
        entry("bin/", "", None),
        entry("bin/longship", "\x7fELF program", None),
        entry("bin/alloy", "", Some("longship")),
    ];
    assert_eq!(found, expect);
}

#[test]
fn the_same_binary_gives_the_same_archive() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = ["first.tar", "second.tar"].map(|name| folder.path().join(name));
    pack(b"program", &first).unwrap();
    pack(b"program", &second).unwrap();
    assert_eq!(fs::read(first).unwrap(), fs::read(&second).unwrap());
    pack(b"another", &second).unwrap();
    assert_ne!(digest(&fs::read(folder.path().join("first.tar")).unwrap()), digest(&fs::read(second).unwrap()));
}
