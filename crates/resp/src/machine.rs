//! What the operating system tells about this machine and this process. `None` where it does not.

/// A number of kilobytes that Linux tells under a name, in bytes.
pub(crate) fn kilobytes_in(file: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// Bytes of memory that the process may have: the machine's, or less where its control group says so.
pub(crate) fn memory() -> Option<u64> {
    let total = kilobytes_in("/proc/meminfo", "MemTotal:");
    let group = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    // Without a limit it says `max`.
    let group = group.and_then(|text| text.trim().parse().ok());
    total.into_iter().chain(group).min()
}
