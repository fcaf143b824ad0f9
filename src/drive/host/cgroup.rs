//! The control group of a process, by the names of version 2; version 1 is read as if it were that.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use procfs::process::Process;

use crate::drive::host::kernel;
use crate::fitness::cgroup;

/// Where control groups are mounted.
const ROOT: &str = "/sys/fs/cgroup";

/// Files of version 2 with the controller and file of version 1 that tell the same.
const OLD_FILES: &[(&str, &str, &str)] = &[
    ("memory.max", "memory", "memory.limit_in_bytes"),
    ("memory.current", "memory", "memory.usage_in_bytes"),
    ("memory.events", "memory", "memory.oom_control"),
    ("pids.max", "pids", "pids.max"),
    ("pids.current", "pids", "pids.current"),
];

/// A control group.
#[derive(Clone, Debug)]
pub struct Cgroup {
    /// The mount and the folder under it; of version 2.
    unified: Option<(PathBuf, PathBuf)>,
    /// The same of version 1, by controller.
    old: BTreeMap<String, (PathBuf, PathBuf)>,
}

impl Cgroup {
    /// Returns the group of a process, where the kernel says which it is.
    pub(crate) fn of(process: &Process) -> Option<Self> {
        let groups = process.cgroups().ok()?.0;
        let mut found = Self {
            unified: None,
            old: BTreeMap::new(),
        };
        for group in groups {
            let path = group.pathname.trim_start_matches('/').to_owned();
            if group.hierarchy == 0 {
                // Beside version 1 it has a mount of its own.
                let beside = Path::new(ROOT).join("unified");
                let mount = if beside.is_dir() {
                    beside
                } else {
                    PathBuf::from(ROOT)
                };
                found.unified = Some((mount.clone(), mount.join(path)));
            } else {
                for controller in group.controllers {
                    let mount = Path::new(ROOT).join(&controller);
                    found
                        .old
                        .insert(controller, (mount.clone(), mount.join(&path)));
                }
            }
        }
        Some(found)
    }

    /// Returns the text of a file of the group itself.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.texts(name).into_iter().next()
    }

    /// Returns the text of the lowest limit of that name: every group above this one has a say.
    pub(crate) fn lowest(&self, name: &str) -> Option<String> {
        let measure = |text: &str| -> f64 {
            let limit = if name == "cpu.max" {
                cgroup::cores(text)
            } else {
                #[expect(clippy::cast_precision_loss, reason = "limits are compared")]
                cgroup::limit(text).map(|limit| limit as f64)
            };
            limit.unwrap_or(f64::INFINITY)
        };
        let texts = self.texts(name);
        let lowest = texts
            .into_iter()
            .min_by(|one, other| measure(one).total_cmp(&measure(other)))?;
        // Version 1 has a number for it.
        let is_free = measure(&lowest).is_infinite();
        Some(if is_free { "max".to_owned() } else { lowest })
    }

    /// Returns the texts of a file in this group and in those above it.
    fn texts(&self, name: &str) -> Vec<String> {
        if let Some(at) = &self.unified {
            let texts = upwards(at, |folder| kernel::text(folder.join(name)));
            if !texts.is_empty() {
                return texts;
            }
        }
        if name == "cpu.max" {
            let Some(at) = self.old.get("cpu") else {
                return Vec::new();
            };
            return upwards(at, |folder| {
                let quota = kernel::text(folder.join("cpu.cfs_quota_us"))?;
                let period = kernel::text(folder.join("cpu.cfs_period_us"))?;
                Some(format!("{} {}", quota.trim(), period.trim()))
            });
        }
        let old = OLD_FILES.iter().find(|(new, ..)| *new == name);
        old.and_then(|(_, controller, file)| {
            let at = self.old.get(*controller)?;
            Some(upwards(at, |folder| kernel::text(folder.join(file))))
        })
        .unwrap_or_default()
    }
}

/// Reads in a folder and in those above it, up to the mount.
fn upwards(
    (mount, folder): &(PathBuf, PathBuf),
    read: impl Fn(&Path) -> Option<String>,
) -> Vec<String> {
    folder
        .ancestors()
        .take_while(|folder| folder.starts_with(mount))
        .filter_map(read)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_lowest_limit_above_a_group_counts() {
        let mount = tempfile::tempdir().unwrap();
        let mount = mount.path().to_owned();
        let folder = mount.join("oak.slice/irc.service");
        fs::create_dir_all(&folder).unwrap();
        for (at, text) in [
            ("memory.max", "max\n"),
            ("oak.slice/memory.max", "1000\n"),
            ("oak.slice/irc.service/memory.max", "5000\n"),
            ("oak.slice/irc.service/cpu.max", "max 100000\n"),
        ] {
            fs::write(mount.join(at), text).unwrap();
        }
        let group = Cgroup {
            unified: Some((mount, folder)),
            old: BTreeMap::new(),
        };
        assert_eq!(group.text("memory.max").as_deref(), Some("5000\n"));
        assert_eq!(group.lowest("memory.max").as_deref(), Some("1000\n"));
        assert_eq!(group.lowest("cpu.max").as_deref(), Some("max"));
        assert_eq!(group.lowest("pids.max"), None);
    }

    #[test]
    fn the_first_version_is_read_by_the_names_of_the_second() {
        let mount = tempfile::tempdir().unwrap();
        let mount = mount.path().to_owned();
        fs::write(mount.join("memory.limit_in_bytes"), "9223372036854771712\n").unwrap();
        fs::write(mount.join("cpu.cfs_quota_us"), "150000\n").unwrap();
        fs::write(mount.join("cpu.cfs_period_us"), "100000\n").unwrap();
        let at = (mount.clone(), mount);
        let group = Cgroup {
            unified: None,
            old: BTreeMap::from([("memory".to_owned(), at.clone()), ("cpu".to_owned(), at)]),
        };
        assert_eq!(group.lowest("memory.max").as_deref(), Some("max"));
        assert_eq!(group.lowest("cpu.max").as_deref(), Some("150000 100000"));
    }
}
