//! Engines that run in turn over the same records, and how long the first takes by each of the
//! others.

use std::fmt;

use serde::Serialize;

use crate::compare::{Side, Spread, Taken, cpu, run_in_turn, wall};
use crate::engine::Engine;

/// What each engine took, and the ratios of the first to each of the others by the pairs of a
/// round.
#[derive(Serialize)]
pub(crate) struct Comparison {
    engines: Vec<Costs>,
    ratios: Vec<Ratios>,
}

/// What an engine took.
#[derive(Serialize)]
struct Costs {
    engine: String,
    wall_seconds: Spread,
    cpu_seconds: Spread,
    wall_nanoseconds_per_record: Spread,
    cpu_nanoseconds_per_record: Spread,
}

/// How many times as long one engine takes as another.
#[derive(Serialize)]
struct Ratios {
    engine: String,
    to: String,
    wall: Spread,
    cpu: Spread,
}

/// What a comparison is of, for people and for programs.
pub(crate) trait Subject: fmt::Display + Serialize {}

impl<S: fmt::Display + Serialize> Subject for S {}

impl Comparison {
    /// Runs all sides in turn over so many records each, `rounds` times after one round that does
    /// not count.
    fn run(records: usize, rounds: usize, sides: Vec<Side<'_>>) -> anyhow::Result<Self> {
        let taken = run_in_turn(rounds, sides)?;
        let Some(((first, first_times), others)) = taken.split_first() else {
            anyhow::bail!("there is nothing to compare");
        };
        let ratios = others.iter().map(|(name, times)| {
            let ratio = |of| Spread::of_ratios(first_times, times, of);
            let (engine, to) = ((*first).to_owned(), (*name).to_owned());
            Ratios { engine, to, wall: ratio(wall), cpu: ratio(cpu) }
        });
        let engines = taken.iter().map(|(name, times)| Costs::new(name, times, records));
        Ok(Self { engines: engines.collect(), ratios: ratios.collect() })
    }

    /// As [`run`](Self::run), over engines: the first is held against each of the others.
    pub(crate) fn of_engines(
        records: usize,
        rounds: usize,
        (first, others): (Engine, &[Engine]),
        run: impl Fn(Engine) -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        let engines = [&[first], others].concat();
        let names: Vec<String> = engines.iter().map(|engine| engine.name()).collect();
        let run = &run;
        let sides = engines.iter().zip(&names);
        let sides = sides.map(|(engine, name)| Side::new(name, move || run(*engine)));
        Self::run(records, rounds, sides.collect())
    }

    /// Prints what is compared and all figures: for people, or as a line of JSON.
    #[allow(clippy::print_stdout, reason = "the figures are this program's output")]
    pub(crate) fn print(&self, of: &impl Subject, as_json: bool) -> anyhow::Result<()> {
        match as_json {
            true => println!("{}", self.to_json(of)?),
            false => println!("{of}\n{self}"),
        }
        Ok(())
    }

    /// What is compared and all figures, as one object.
    fn to_json(&self, of: &impl Subject) -> serde_json::Result<String> {
        #[derive(Serialize)]
        struct Both<'a, S> {
            #[serde(flatten)]
            of: &'a S,
            #[serde(flatten)]
            comparison: &'a Comparison,
        }
        serde_json::to_string(&Both { of, comparison: self })
    }
}

impl Costs {
    fn new(engine: &str, times: &[Taken], records: usize) -> Self {
        let spread = |of: fn(&Taken) -> f64, scale: f64| {
            Spread::of(times.iter().map(|time| of(time) * scale).collect())
        };
        let nanoseconds = 1e9 / records.max(1) as f64;
        Self {
            engine: engine.to_owned(),
            wall_seconds: spread(wall, 1.0),
            cpu_seconds: spread(cpu, 1.0),
            wall_nanoseconds_per_record: spread(wall, nanoseconds),
            cpu_nanoseconds_per_record: spread(cpu, nanoseconds),
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for costs in &self.engines {
            let Costs { engine, wall_nanoseconds_per_record, cpu_nanoseconds_per_record, .. } =
                costs;
            writeln!(
                f,
                "  {engine:<12} ns a record: wall {wall_nanoseconds_per_record:.1}, cpu \
                 {cpu_nanoseconds_per_record:.1}",
            )?;
        }
        for Ratios { engine, to, wall, cpu } in &self.ratios {
            writeln!(f, "  {engine} by {to:<12} wall {wall:.2}, cpu {cpu:.2}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is compared in the test.
    #[derive(Serialize)]
    struct Named {
        name: &'static str,
    }

    impl fmt::Display for Named {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.name)
        }
    }

    #[test]
    fn the_first_is_held_against_each_of_the_others() {
        let ran = std::cell::RefCell::new(String::new());
        let side = |name: &'static str| {
            let ran = &ran;
            Side::new(name, move || {
                ran.borrow_mut().push_str(name);
                Ok(())
            })
        };
        let comparison = Comparison::run(10, 2, vec![side("a"), side("b"), side("c")]).unwrap();
        assert_eq!(*ran.borrow(), "abcabcabc", "in turn, with one round more than count");
        let pairs: Vec<_> =
            comparison.ratios.iter().map(|r| (r.engine.as_str(), r.to.as_str())).collect();
        assert_eq!(pairs, [("a", "b"), ("a", "c")]);
        let text = comparison.to_string();
        assert_eq!(text.lines().count(), 5, "{text}");
        let json = comparison.to_json(&Named { name: "letters" }).unwrap();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["name"], "letters");
        assert_eq!(json["ratios"][1]["to"], "c");
        assert_eq!(json["engines"][2]["wall_seconds"]["rounds"].as_array().unwrap().len(), 2);
    }
}
