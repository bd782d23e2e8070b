//! How many shards to run: what the cgroup lets the process have.

use std::path::{Path, PathBuf};

/// Without a quota the agent takes no more than this, however many processors the machine has.
const CORES_MAX_WITHOUT_QUOTA: usize = 4;

/// Returns the number of shards for this process: its CPU quota rounded up, at most four where it has none, and never
/// more than the processors it may run on.
pub(crate) fn default_shards() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let cgroups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    shards(quota(&cgroups, Path::new("/sys/fs/cgroup")), usable_processors().unwrap_or(processors))
}

fn shards(quota: Option<usize>, processors: usize) -> usize {
    quota.unwrap_or(CORES_MAX_WITHOUT_QUOTA).min(processors).max(1)
}

/// How many processors the affinity mask allows. (What the standard library counts is lowered by the quota, rounded
/// down.)
fn usable_processors() -> Option<usize> {
    let set = rustix::thread::sched_getaffinity(None).ok()?;
    usize::try_from(set.count()).ok()
}

/// Returns the tightest quota on the way from the process's cgroup to the root, in processors, rounded up.
///
/// `cgroups` is the text of `/proc/self/cgroup`. In a container the path in it is often one that the mounted tree does
/// not have; then the tree's root is the container's own cgroup.
fn quota(cgroups: &str, mount: &Path) -> Option<usize> {
    let unified = cgroups.lines().find_map(|line| line.strip_prefix("0::"));
    let controller = cgroups.lines().find_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        controllers.split(',').any(|controller| controller == "cpu").then_some((controllers, path))
    });
    let second = unified.into_iter().flat_map(|path| folders(mount, path)).filter_map(|folder| {
        let text = std::fs::read_to_string(folder.join("cpu.max")).ok()?;
        let (quota, period) = text.trim().split_once(' ')?;
        cores(quota, period)
    });
    let first = controller.into_iter().flat_map(|(controllers, path)| {
        ["cpu", controllers].into_iter().flat_map(|name| folders(&mount.join(name), path)).collect::<Vec<_>>()
    });
    let first = first.filter_map(|folder| {
        let quota = std::fs::read_to_string(folder.join("cpu.cfs_quota_us")).ok()?;
        let period = std::fs::read_to_string(folder.join("cpu.cfs_period_us")).ok()?;
        cores(quota.trim(), period.trim())
    });
    second.chain(first).min()
}

/// The folder of a cgroup and all above it, up to the mounted tree.
fn folders(mount: &Path, path: &str) -> Vec<PathBuf> {
    let folder = mount.join(path.trim_start_matches('/'));
    folder.ancestors().take_while(|ancestor| ancestor.starts_with(mount)).map(Path::to_owned).collect()
}

/// Divides a quota by its period and rounds up; `None` for `max` and `-1`, which are none.
fn cores(quota: &str, period: &str) -> Option<usize> {
    let quota: usize = quota.parse().ok()?;
    let period: usize = period.parse().ok().filter(|period| *period > 0)?;
    Some(quota.div_ceil(period).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_follow_quota_and_mask() {
        for (quota, processors, expect) in
            [(None, 64, 4), (None, 2, 2), (Some(1), 64, 1), (Some(8), 64, 8), (Some(8), 2, 2), (None, 0, 1)]
        {
            assert_eq!(shards(quota, processors), expect, "{quota:?} {processors}");
        }
    }

    #[test]
    fn quotas_round_up() {
        for (quota, period, expect) in [
            ("50000", "100000", Some(1)),
            ("150000", "100000", Some(2)),
            ("200000", "100000", Some(2)),
            ("max", "100000", None),
            ("-1", "100000", None),
            ("1", "0", None),
        ] {
            assert_eq!(cores(quota, period), expect, "{quota}/{period}");
        }
    }

    #[test]
    fn the_tightest_quota_above_counts() {
        let mount = tempfile::tempdir().unwrap();
        let inner = mount.path().join("kubepods/pod1/agent");
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::write(inner.join("cpu.max"), "max 100000\n").unwrap();
        std::fs::write(mount.path().join("kubepods/pod1/cpu.max"), "250000 100000\n").unwrap();
        std::fs::write(mount.path().join("kubepods/cpu.max"), "800000 100000\n").unwrap();
        assert_eq!(quota("0::/kubepods/pod1/agent\n", mount.path()), Some(3));
        assert_eq!(quota("0::/not/there\n", mount.path()), None);
        std::fs::write(mount.path().join("cpu.max"), "100000 100000\n").unwrap();
        assert_eq!(quota("0::/not/there\n", mount.path()), Some(1));
    }

    #[test]
    fn quotas_of_the_first_version() {
        let mount = tempfile::tempdir().unwrap();
        let folder = mount.path().join("cpu,cpuacct/docker/x");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("cpu.cfs_quota_us"), "150000\n").unwrap();
        std::fs::write(folder.join("cpu.cfs_period_us"), "100000\n").unwrap();
        assert_eq!(quota("4:memory:/docker/x\n3:cpu,cpuacct:/docker/x\n", mount.path()), Some(2));
    }
}
