//! `/livez`, `/readyz` and `/healthz`: the node's checks, printed as Kubernetes and etcd print theirs.

use crate::api::Change;
use crate::observed::{Check, Weight};

/// Which checks a path asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// Those after whose failure the process should be restarted.
    Live,
    /// All: clients should go elsewhere if one fails that is more than a notice.
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

/// Judges the checks. `query` may say `verbose`, which lists them also when all hold, and `exclude=NAME`. A notice is listed
/// too, and changes nothing, unless the query says `require=NAME`. Of changes of tables under way a verbose probe tells how far they
/// are.
pub(crate) fn judge(probe: Probe, checks: &[Check], changes: &[Change], query: &str) -> Finding {
    let words: Vec<&str> = query.split('&').collect();
    let is_verbose = words.iter().any(|word| match word.split_once('=') {
        None => *word == "verbose",
        Some((name, value)) => name == "verbose" && value != "false" && value != "0",
    });
    let named = |what: &str| words.iter().filter_map(|word| word.strip_prefix(what)).collect::<Vec<&str>>();
    let (excluded, required) = (named("exclude="), named("require="));
    let mut text = String::new();
    let (mut is_well, mut is_told) = (true, is_verbose);
    for check in checks.iter().filter(|check| check.weight == Weight::Vital || probe != Probe::Live) {
        let line = match &check.failure {
            _ if excluded.contains(&check.name) => format!("[+]{} excluded: ok\n", check.name),
            None => format!("[+]{} ok\n", check.name),
            Some(cause) => {
                let cause = cause.replace(['\r', '\n'], " ");
                let is_notice = check.weight == Weight::Notice && !required.contains(&check.name);
                is_well &= is_notice;
                is_told |= is_notice;
                format!("[{}]{} failed: {cause}\n", if is_notice { '!' } else { '-' }, check.name)
            }
        };
        text.push_str(&line);
    }
    if is_well && !is_told {
        return Finding { is_well, text: "ok".to_owned() };
    }
    for change in changes.iter().filter(|_| is_verbose && probe != Probe::Live) {
        let line = format!("[~]change of {}: {change}", change.table);
        text.push_str(&line.replace(['\r', '\n'], " "));
        text.push('\n');
    }
    text.push_str(&format!("{} check {}\n", probe.path(), if is_well { "passed" } else { "failed" }));
    Finding { is_well, text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &'static str, failure: Option<&str>, weight: Weight) -> Check {
        Check { name, failure: failure.map(str::to_owned), weight }
    }

    #[test]
    fn a_notice_is_told_and_leaves_the_node_ready() {
        let damage = "orders (table-1.checkpoint)";
        let checks =
            [check("ping", None, Weight::Vital), check("damaged-tables", Some(damage), Weight::Notice)];
        for probe in [Probe::Ready, Probe::Health] {
            let found = judge(probe, &checks, &[], "");
            let path = probe.path();
            let text = format!(
                "[+]ping ok\n[!]damaged-tables failed: orders (table-1.checkpoint)\n{path} check passed\n"
            );
            assert_eq!(found, Finding { is_well: true, text });
        }
        assert_eq!(judge(Probe::Live, &checks, &[], "").text, "ok");
        let text = judge(Probe::Ready, &checks, &[], "exclude=damaged-tables").text;
        assert_eq!(text, "ok");
        let strict = judge(Probe::Ready, &checks, &[], "require=damaged-tables");
        assert!(!strict.is_well && strict.text.contains("[-]damaged-tables failed: orders"), "{strict:?}");
    }

    #[test]
    fn a_failure_is_told_by_name_and_cause_and_only_vital_ones_concern_livez() {
        let checks =
            [check("ping", None, Weight::Vital), check("resp", Some("not\nlistening"), Weight::Ready)];
        let ready = judge(Probe::Ready, &checks, &[], "");
        assert_eq!(ready.text, "[+]ping ok\n[-]resp failed: not listening\nreadyz check failed\n");
        assert!(!ready.is_well);
        assert_eq!(judge(Probe::Live, &checks, &[], ""), Finding { is_well: true, text: "ok".into() });
        assert_eq!(judge(Probe::Live, &checks, &[], "verbose").text, "[+]ping ok\nlivez check passed\n");
        assert_eq!(judge(Probe::Live, &checks, &[], "verbose=false").text, "ok");
        let excluded = judge(Probe::Health, &checks, &[], "exclude=resp&verbose=1");
        assert_eq!(excluded.text, "[+]ping ok\n[+]resp excluded: ok\nhealthz check passed\n");
        assert!(excluded.is_well);
    }
}
