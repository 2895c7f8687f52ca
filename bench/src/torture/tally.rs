//! The figures of a campaign.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::finding::Kind;
use super::life::Life;
use super::phase::Phase;

/// What came of all runs.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) runs: u64,
    starts: u64,
    faults: BTreeMap<&'static str, u64>,
    kills: BTreeMap<Phase, u64>,
    places: BTreeMap<String, u64>,
    recoveries: Vec<Duration>,
    findings: BTreeMap<Kind, u64>,
    /// How to repeat the runs in which something was wrong.
    failed: Vec<String>,
}

impl Tally {
    /// Counts a run that `repeat` repeats.
    pub(super) fn add(&mut self, repeat: &str, life: &Life) {
        self.runs += 1;
        self.starts += life.starts;
        life.faults.iter().for_each(|fault| *self.faults.entry(fault).or_default() += 1);
        life.kills.iter().for_each(|phase| *self.kills.entry(*phase).or_default() += 1);
        life.places.iter().for_each(|name| *self.places.entry(name.clone()).or_default() += 1);
        self.recoveries.extend(&life.recoveries);
        for kind in Kind::ALL {
            *self.findings.entry(kind).or_default() += life.findings.count(kind);
        }
        if !life.findings.is_empty() {
            self.failed.push(repeat.to_owned());
        }
    }

    pub(super) fn kills(&self) -> u64 {
        self.kills.values().sum()
    }

    /// Whether something happened at a named place.
    pub(super) fn has_been_at(&self, place: &str) -> bool {
        self.places.contains_key(place)
    }

    /// Whether nothing was wrong in any run.
    pub(super) fn is_clean(&self) -> bool {
        self.failed.is_empty()
    }

    /// Of a hundred kills, how many fell between a cut and its commit.
    fn percent_within_cuts(&self) -> u64 {
        let within = self.kills.iter().filter(|(phase, _)| phase.is_within_a_cut());
        within.map(|(_, count)| count).sum::<u64>() * 100 / self.kills().max(1)
    }

    /// The report, with the places of those that there are at which nothing happened.
    pub(super) fn report<'a>(&'a self, places: &'a [&'a str]) -> impl fmt::Display + 'a {
        Report { tally: self, places }
    }
}

/// The time that so many of a hundred do not exceed; nothing of nothing.
pub(super) fn percentile(times: &[Duration], percent: usize) -> Option<Duration> {
    let mut times = times.to_vec();
    times.sort();
    let rank = (times.len() * percent).div_ceil(100);
    times.get(rank.saturating_sub(1)).copied()
}

struct Report<'a> {
    tally: &'a Tally,
    places: &'a [&'a str],
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tally = self.tally;
        writeln!(f, "{} runs, {} starts, {} kills", tally.runs, tally.starts, tally.kills())?;
        writeln!(f, "\nkills by phase:")?;
        for (phase, count) in &tally.kills {
            writeln!(f, "  {phase:<45} {count:>6}")?;
        }
        writeln!(f, "  {} % between a cut and its commit", tally.percent_within_cuts())?;
        writeln!(f, "\nfaults:")?;
        for (fault, count) in &tally.faults {
            writeln!(f, "  {fault:<45} {count:>6}")?;
        }
        self.write_places(f)?;
        if let (Some(median), Some(slow), Some(slowest)) = (
            percentile(&tally.recoveries, 50),
            percentile(&tally.recoveries, 99),
            percentile(&tally.recoveries, 100),
        ) {
            writeln!(
                f,
                "\nfrom a kill to the first record of the next start, {} times: p50 {median:.0?}, \
                 p99 {slow:.0?}, longest {slowest:.0?}",
                tally.recoveries.len()
            )?;
        }
        writeln!(f)?;
        for kind in Kind::ALL {
            let count = tally.findings.get(&kind).copied().unwrap_or(0);
            writeln!(f, "{kind:<10} {count}")?;
        }
        for repeat in &tally.failed {
            writeln!(f, "repeat with: torture {repeat}")?;
        }
        Ok(())
    }
}

impl Report<'_> {
    fn write_places(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.places.is_empty() {
            return Ok(());
        }
        let there = &self.tally.places;
        writeln!(f, "\nnamed places at which something happened:")?;
        for (name, count) in there {
            writeln!(f, "  {name:<45} {count:>6}")?;
        }
        let missing: Vec<&str> =
            self.places.iter().copied().filter(|name| !there.contains_key(*name)).collect();
        if missing.is_empty() {
            writeln!(f, "  all {} of them", self.places.len())
        } else {
            writeln!(f, "  at {} nothing happened: {}", missing.len(), missing.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Findings;
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let times: Vec<Duration> = (1..=200).rev().map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 50), Some(Duration::from_millis(100)));
        assert_eq!(percentile(&times, 99), Some(Duration::from_millis(198)));
        assert_eq!(percentile(&times, 100), Some(Duration::from_millis(200)));
        assert_eq!(percentile(&times[..1], 50), Some(Duration::from_millis(200)));
        assert_eq!(percentile(&[], 50), None);
    }

    #[test]
    fn a_report_says_what_happened_and_how_to_repeat_it() {
        let mut findings = Findings::default();
        findings.add(Kind::Lost, || "a row".to_owned());
        let life = Life {
            starts: 3,
            kills: vec![Phase::Capturing, Phase::Between],
            places: vec!["here".to_owned()],
            ..Life::default()
        };
        let mut tally = Tally::default();
        tally.add("--seed 1", &life);
        assert!(tally.is_clean());
        tally.add("--seed 7", &Life { findings, ..Life::default() });
        assert!(!tally.is_clean());
        let report = tally.report(&["here", "there"]).to_string();
        for part in [
            "2 runs, 3 starts, 2 kills",
            "50 % between",
            "nothing happened: there",
            "lost       1",
            "--seed 7",
        ] {
            assert!(report.contains(part), "{part}: {report}");
        }
    }
}
