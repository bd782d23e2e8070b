//! Tells files apart, whatever their names.
//!
//! A file is known by its inode, the time of its birth where the file system records one, and a hash of its first bytes.
//! Inodes are reused and times of birth are missing on some file systems, so none of the three is enough alone. The
//! device number changes over a reboot, so it is kept as a hint for people and not compared.

use xxhash_rust::xxh3::xxh3_64;

use crate::limits::FINGERPRINT_BYTES_MAX;

/// What the file system says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileStatus {
    /// Inode number.
    pub(crate) inode: u64,
    /// Device number, as in `stat`.
    pub(crate) device: u64,
    /// Time of birth in nanoseconds since the epoch; 0 where it is unknown.
    pub(crate) birth_ns: i64,
    /// Time of the last write, likewise.
    pub(crate) modified_ns: i64,
    /// Size in bytes.
    pub(crate) size: u64,
    /// Names it has; 0 once it is unlinked.
    pub(crate) links: u64,
    /// It is a regular file.
    pub(crate) regular: bool,
}

impl FileStatus {
    /// Two statuses are of one file, as long as both were taken while it was open.
    pub(crate) fn is_same_file(&self, other: &Self) -> bool {
        (self.inode, self.device) == (other.inode, other.device) && self.birth_ns == other.birth_ns
    }
}

/// Hash of the first bytes of a file. Source of the function: XXH3, 64 bits, without seed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    /// How many bytes were hashed.
    pub(crate) bytes: u16,
    /// Their hash.
    pub(crate) hash: u64,
}

impl Fingerprint {
    /// Hashes the start of a file.
    pub(crate) fn of(head: &[u8]) -> Self {
        let head = &head[..head.len().min(FINGERPRINT_BYTES_MAX)];
        let bytes = u16::try_from(head.len()).expect("the longest fingerprint is of 1,024 bytes");
        Self { bytes, hash: xxh3_64(head) }
    }

    /// A file that begins with `head` may be the one this is the fingerprint of.
    pub(crate) fn matches(&self, head: &[u8]) -> bool {
        head.get(..usize::from(self.bytes)).is_some_and(|head| xxh3_64(head) == self.hash)
    }

    /// More of the file is worth hashing, now that it begins with `head`: writing a longer fingerprint down is not
    /// worth it for a few bytes.
    pub(crate) fn should_grow_to(&self, head: &[u8]) -> bool {
        let (old, new) = (usize::from(self.bytes), head.len().min(FINGERPRINT_BYTES_MAX));
        new > old && (new == FINGERPRINT_BYTES_MAX || new >= 2 * old)
    }
}

/// What a file is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Inode number.
    pub(crate) inode: u64,
    /// Device number, a hint.
    pub(crate) device: u64,
    /// Time of birth in nanoseconds since the epoch; 0 where it is unknown.
    pub(crate) birth_ns: i64,
    /// Hash of its first bytes, as far as it was written at the time.
    pub(crate) fingerprint: Fingerprint,
}

impl Identity {
    /// Gives the identity of an open file that begins with `head`.
    pub(crate) fn of(status: &FileStatus, head: &[u8]) -> Self {
        Self {
            inode: status.inode,
            device: status.device,
            birth_ns: status.birth_ns,
            fingerprint: Fingerprint::of(head),
        }
    }

    /// The file with this status that begins with `head` is the one known by this identity.
    ///
    /// A file that was empty when it was last looked at is known by its inode alone where times of birth are missing.
    /// Nothing of it was read then, so taking another file for it does no harm.
    pub(crate) fn matches(&self, status: &FileStatus, head: &[u8]) -> bool {
        let known_birth = self.birth_ns != 0 && status.birth_ns != 0;
        self.inode == status.inode
            && (!known_birth || self.birth_ns == status.birth_ns)
            && self.fingerprint.matches(head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(inode: u64, birth_ns: i64) -> FileStatus {
        FileStatus { inode, device: 1, birth_ns, modified_ns: 0, size: 0, links: 1, regular: true }
    }

    #[test]
    fn a_file_is_recognised_after_it_grew_and_after_a_reboot() {
        let known = Identity::of(&status(7, 100), b"first line\n");
        assert!(known.matches(&status(7, 100), b"first line\n"));
        assert!(known.matches(&status(7, 100), b"first line\nsecond line\n"));
        assert!(known.matches(&FileStatus { device: 2, ..status(7, 100) }, b"first line\n"));
    }

    #[test]
    fn another_file_is_not_taken_for_it() {
        let known = Identity::of(&status(7, 100), b"first line\n");
        assert!(!known.matches(&status(8, 100), b"first line\n"), "another inode");
        assert!(!known.matches(&status(7, 200), b"first line\n"), "the inode was reused");
        assert!(!known.matches(&status(7, 100), b"other line\n"), "truncated and written again");
        assert!(!known.matches(&status(7, 100), b"first"), "truncated");
        assert!(!known.matches(&status(7, 100), b""), "truncated to nothing");
    }

    #[test]
    fn an_empty_file_is_known_by_inode_and_birth() {
        assert!(Identity::of(&status(7, 100), b"").matches(&status(7, 100), b"new"));
        assert!(!Identity::of(&status(7, 100), b"").matches(&status(7, 101), b"new"));
        assert!(!Identity::of(&status(7, 100), b"").matches(&status(8, 100), b"new"));
        assert!(Identity::of(&status(7, 0), b"").matches(&status(7, 0), b"new"));
    }

    #[test]
    fn only_the_first_kibibyte_counts() {
        let head: Vec<u8> = (0..2_000_u32).map(|number| number.to_le_bytes()[0]).collect();
        let fingerprint = Fingerprint::of(&head);
        assert_eq!(fingerprint, Fingerprint::of(&head[..1024]));
        assert!(fingerprint.matches(&head[..1024]));
        assert!(!fingerprint.should_grow_to(&head));
        assert!(Fingerprint::of(&head[..600]).should_grow_to(&head));
        assert!(!Fingerprint::of(&head[..600]).should_grow_to(&head[..900]));
        assert!(Fingerprint::of(b"").should_grow_to(b"x"));
    }
}
