//! What runs a benchmark: this engine, or one that it is held against.

use clap::ValueEnum;

/// What runs a query or a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    /// This one
    Rheos,
    /// Bare timely, by hand: each worker's stateless steps in one loop over its memory
    Timely,
    /// Bare timely, by hand: an operator a step, vectors of records between them
    TimelySteps,
    /// Renoir 0.6, in a build with the feature `peers`
    Renoir,
    /// Nothing: the generator alone makes the events, a thread a worker, and drops them
    Generator,
}

impl Engine {
    /// As it is called on the command line.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Why it cannot run something.
    pub(crate) fn is_missing(self) -> anyhow::Error {
        match self {
            Engine::Renoir if !cfg!(feature = "peers") => anyhow::anyhow!(
                "Renoir is only in builds with its feature: cargo run -p rheos-bench --features peers"
            ),
            _ => {
                anyhow::anyhow!("this is not written for {}, or not over such events", self.name())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        assert!(Engine::TimelySteps.is_missing().to_string().contains("timely-steps"));
        let renoir = Engine::Renoir.is_missing().to_string();
        assert_eq!(renoir.contains("--features peers"), !cfg!(feature = "peers"), "{renoir}");
    }
}
