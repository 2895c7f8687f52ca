//! Ways in which the engine can be broken on purpose, each of which a campaign must notice.

use anyhow::Context;

/// A way in which the engine is broken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Variant {
    /// As the engine's switch is called.
    pub(super) name: &'static str,
    /// The workloads that can notice it.
    pub(super) workloads: &'static [&'static str],
}

const fn variant(name: &'static str, workloads: &'static [&'static str]) -> Variant {
    Variant { name, workloads }
}

const ANY: &[&str] = &["ledger", "counters", "windows", "repetitions"];

impl Variant {
    pub(super) const ALL: [Self; 12] = [
        // Output that belongs to a checkpoint which may never become durable.
        variant("commit-before-manifest", ANY),
        variant("vote-before-prepare", ANY),
        variant("skip-prepared-on-recover", ANY),
        variant("restore-one-checkpoint-older", ANY),
        variant("positions-one-epoch-late", ANY),
        variant("restore-wrong-group", ANY),
        variant("forget-timers", &["timers"]),
        variant("forget-removed-keys", &["timers", "windows", "repetitions"]),
        variant("forget-singletons", &["whole", "ledger"]),
        variant("forget-broadcast", &["whole"]),
        variant("base-without-changes", ANY),
        variant("dropped-capability-is-end", &["counters", "windows", "words"]),
    ];

    /// The variant with this name.
    pub(super) fn named(name: &str) -> anyhow::Result<Self> {
        let found = Self::ALL.into_iter().find(|variant| variant.name == name);
        let names = || Self::ALL.map(|variant| variant.name).join(", ");
        found.with_context(|| format!("there is no variant `{name}`; there are {}", names()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::workloads::Workload;
    use super::*;

    #[test]
    fn variants_have_workloads_that_there_are() {
        for variant in Variant::ALL {
            assert!(!variant.workloads.is_empty(), "{variant:?}");
            for name in variant.workloads {
                assert!(Workload::named(name).is_ok(), "{variant:?}");
            }
        }
        assert!(Variant::named("nothing").is_err());
    }
}
