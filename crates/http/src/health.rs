//! `/livez`, `/readyz` and `/healthz`: the node's checks, printed as Kubernetes and etcd print theirs.

use crate::observed::Check;

/// Which checks a path asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// Those after whose failure the process should be restarted.
    Live,
    /// All: clients should go elsewhere if one fails.
    Ready,
    /// All, under the older name.
    Health,
}

impl Probe {
    fn path(self) -> &'static str {
        match self {
            Self::Live => "livez",
            Self::Ready => "readyz",
            Self::Health => "healthz",
        }
    }
}

/// What a probe says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) is_well: bool,
    pub(crate) text: String,
}

/// Judges the checks. `query` may say `verbose`, which lists them also when all hold, and `exclude=NAME`.
pub(crate) fn judge(probe: Probe, checks: &[Check], query: &str) -> Finding {
    let words: Vec<&str> = query.split('&').collect();
    let is_verbose = words.iter().any(|word| match word.split_once('=') {
        None => *word == "verbose",
        Some((name, value)) => name == "verbose" && value != "false" && value != "0",
    });
    let excluded: Vec<&str> = words.iter().filter_map(|word| word.strip_prefix("exclude=")).collect();
    let mut text = String::new();
    let mut is_well = true;
    for check in checks.iter().filter(|check| check.is_vital || probe != Probe::Live) {
        let line = match &check.failure {
            _ if excluded.contains(&check.name) => format!("[+]{} excluded: ok\n", check.name),
            None => format!("[+]{} ok\n", check.name),
            Some(cause) => {
                is_well = false;
                format!("[-]{} failed: {}\n", check.name, cause.replace(['\r', '\n'], " "))
            }
        };
        text.push_str(&line);
    }
    if is_well && !is_verbose {
        return Finding { is_well, text: "ok".to_owned() };
    }
    text.push_str(&format!("{} check {}\n", probe.path(), if is_well { "passed" } else { "failed" }));
    Finding { is_well, text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &'static str, failure: Option<&str>, is_vital: bool) -> Check {
        Check { name, failure: failure.map(str::to_owned), is_vital }
    }

    #[test]
    fn a_failure_is_told_by_name_and_cause_and_only_vital_ones_concern_livez() {
        let checks = [check("ping", None, true), check("resp", Some("not\nlistening"), false)];
        let ready = judge(Probe::Ready, &checks, "");
        assert_eq!(ready.text, "[+]ping ok\n[-]resp failed: not listening\nreadyz check failed\n");
        assert!(!ready.is_well);
        assert_eq!(judge(Probe::Live, &checks, ""), Finding { is_well: true, text: "ok".into() });
        assert_eq!(judge(Probe::Live, &checks, "verbose").text, "[+]ping ok\nlivez check passed\n");
        assert_eq!(judge(Probe::Live, &checks, "verbose=false").text, "ok");
        let excluded = judge(Probe::Health, &checks, "exclude=resp&verbose=1");
        assert_eq!(excluded.text, "[+]ping ok\n[+]resp excluded: ok\nhealthz check passed\n");
        assert!(excluded.is_well);
    }
}
