//! What the kernel shows of itself in small files.

use std::path::Path;

/// Returns the text of a file of the kernel; `None` where it has none, or does not show it to this user.
pub(crate) fn text(path: impl AsRef<Path>) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

/// Returns a setting of the kernel by its name, such as `net.core.somaxconn`.
pub(crate) fn sysctl(name: &str) -> Option<String> {
    text(Path::new("/proc/sys").join(name.replace('.', "/")))
}

/// Returns a setting of the kernel that is a number.
pub(crate) fn number(name: &str) -> Option<u64> {
    sysctl(name)?.trim().parse().ok()
}

/// Returns what the kernel reads the time from.
pub(crate) fn clock_source() -> Option<String> {
    let text = text("/sys/devices/system/clocksource/clocksource0/current_clocksource")?;
    Some(text.trim().to_owned())
}
