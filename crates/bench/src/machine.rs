//! What figures were measured on: without it they compare with nothing.

use std::fs;
use std::thread;

/// The machine a benchmark runs on.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    /// The processor's name as the kernel gives it.
    pub(crate) cpu: String,
    /// Cores this process may use.
    pub(crate) cores: usize,
    /// The kernel's name and release.
    pub(crate) kernel: String,
}

impl Machine {
    /// Describes this machine; what the system does not tell is `unknown`.
    pub(crate) fn describe() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            cpu: cpu_model(&cpuinfo).unwrap_or("unknown").to_owned(),
            cores: thread::available_parallelism().map_or(0, usize::from),
            kernel: format!("{} {}", std::env::consts::OS, release.trim()).trim().to_owned(),
        }
    }
}

fn cpu_model(cpuinfo: &str) -> Option<&str> {
    cpuinfo.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == "model name").then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_processor_names_the_machine() {
        let text = "processor\t: 0\nmodel name\t: Some CPU @ 3.0GHz\nmodel name\t: Other\n";
        assert_eq!(cpu_model(text), Some("Some CPU @ 3.0GHz"));
        assert_eq!(cpu_model("processor: 0\n"), None);
    }

    #[test]
    fn this_machine_has_cores() {
        assert!(Machine::describe().cores > 0);
    }
}
