//! What Linux says about a running process: the CPU time it has used and the memory it holds.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// The unit of `/proc/PID/stat`: a constant of the kernel's interface, whatever the timer of the machine.
const TICKS_PER_SECOND: u64 = 100;

/// CPU time, user and system, that all threads of process `pid` have used, in µs; its step is 10,000 µs.
///
/// # Errors
/// When the process is gone or the system has no `/proc`.
pub(crate) fn cpu_us(pid: u32) -> Result<u64, Error> {
    let (path, text) = read(pid, "stat")?;
    parse_cpu_us(&text).ok_or(Error::Proc { what: "CPU time", path })
}

/// Resident memory of process `pid`, in bytes.
///
/// # Errors
/// When the process is gone or the system has no `/proc`.
pub(crate) fn resident_bytes(pid: u32) -> Result<u64, Error> {
    let (path, text) = read(pid, "status")?;
    parse_resident_bytes(&text).ok_or(Error::Proc { what: "resident memory", path })
}

fn read(pid: u32, file: &str) -> Result<(PathBuf, String), Error> {
    let path = Path::new("/proc").join(pid.to_string()).join(file);
    match fs::read_to_string(&path) {
        Ok(text) => Ok((path, text)),
        Err(source) => Err(Error::File { what: "cannot read", path, source }),
    }
}

fn parse_cpu_us(stat: &str) -> Option<u64> {
    // The second field is the program's name in brackets and may hold spaces and brackets itself, so count from its end:
    // the state (field 3) is the first after it, user time is field 14 and system time field 15.
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user + system) * 1_000_000 / TICKS_PER_SECOND)
}

fn parse_resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_name_with_brackets_and_spaces_shifts_no_field() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 101 0 0 0 31 12 0 0 20 0 4 0 100 1000 200";
        assert_eq!(parse_cpu_us(stat), Some(430_000));
        assert_eq!(parse_cpu_us("7 (a) S 1"), None);
        assert_eq!(parse_cpu_us(""), None);
    }

    #[test]
    fn resident_memory_is_read_in_bytes() {
        assert_eq!(parse_resident_bytes("Name:\tx\nVmRSS:\t    1234 kB\n"), Some(1234 * 1024));
        assert_eq!(parse_resident_bytes("Name:\tx\n"), None);
    }

    #[test]
    fn this_process_has_memory() {
        assert!(resident_bytes(std::process::id()).unwrap() > 100_000);
        cpu_us(std::process::id()).unwrap();
    }
}
