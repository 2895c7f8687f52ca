//! Measures the engine against yardsticks: bare timely, a peer, hand-written loops, itself.
//!
//! Every comparison runs its sides in turn, A B A B, and prints the median of the paired ratios
//! with their spread, so that the noise of a shared machine does not decide.

mod capture;
mod chain;
mod checkpoints;
mod compare;
mod comparison;
mod counts;
mod dead_letters;
mod engine;
mod gaps;
mod held;
mod interval;
mod latency;
mod memory;
mod memory_flat;
mod nexmark;
mod numbers;
mod recovery;
#[cfg(feature = "peers")]
mod renoir_source;
mod scaling;
mod skew;
mod stages;
mod torture;
mod windows;
mod words;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures Rheos against yardsticks, in alternating runs.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Ten stateless stages over integers: Rheos, bare timely, one hand-fused loop
    Stages(stages::Options),
    /// One split with all the input: several workers against one
    Skew(skew::Options),
    /// A chain of keyed steps: many workers against two
    Chain(chain::Options),
    /// Counting words: Rheos against a loop over `BufRead::lines` with a `HashMap`
    Words(words::Options),
    /// An interval join with few matches: speed, and how many records it holds
    IntervalJoin(interval::Options),
    /// A large file with broken lines: counts, memory, and the message of a job told to fail
    DeadLetters(dead_letters::Options),
    /// A query of NEXMark, or all of them
    Nexmark(nexmark::Options),
    /// Counting the words of a text in memory
    WordCount(counts::Options),
    /// Counting words in tumbling windows
    WindowedWordCount(counts::Options),
    /// Counting the views of ads by campaign in tumbling windows
    YahooCount(counts::YahooOptions),
    /// From an event to its result at fixed rates, as a distribution
    Latency(latency::Options),
    /// How cost grows with workers, processes, steps, keys and windows that overlap
    Scaling(scaling::Options),
    /// The job that is run in several processes
    #[command(hide = true)]
    ScalingJob(scaling::JobOptions),
    /// Many events through windows and sessions: does memory stay where it is?
    MemoryFlat(memory_flat::Options),
    /// Noting, capturing and restoring the state of one step
    Capture(capture::Options),
    /// Counting by key and window: Rheos against loops written by hand
    Windows(windows::Options),
    /// What checkpoints cost: a windowed count with and without them
    Checkpoints(checkpoints::Options),
    /// How long a job with much state takes to go on, beside reading the bytes with `cat`
    Recovery(recovery::Options),
    /// The job whose state is restored
    #[command(hide = true)]
    RecoveryJob(recovery::JobOptions),
    /// Kills jobs anywhere and holds what they published against an undisturbed run
    Torture(torture::Options),
    /// The job that a campaign kills
    #[command(hide = true)]
    TortureJob(torture::JobOptions),
}

fn main() -> anyhow::Result<ExitCode> {
    let measured = match Arguments::parse().what {
        What::Stages(options) => stages::run(&options),
        What::Skew(options) => skew::run(&options),
        What::Chain(options) => chain::run(&options),
        What::Words(options) => words::run(&options),
        What::IntervalJoin(options) => interval::run(&options),
        What::DeadLetters(options) => dead_letters::run(&options),
        What::Nexmark(options) => nexmark::run(&options),
        What::WordCount(options) => counts::run_word_count(&options),
        What::WindowedWordCount(options) => counts::run_windowed_word_count(&options),
        What::YahooCount(options) => counts::run_yahoo(&options),
        What::Latency(options) => latency::run(&options),
        What::Scaling(options) => scaling::run(&options),
        What::ScalingJob(options) => return Ok(scaling::run_job(options)),
        What::MemoryFlat(options) => memory_flat::run(&options),
        What::Capture(options) => capture::run(&options),
        What::Windows(options) => windows::run(&options),
        What::Checkpoints(options) => checkpoints::run(&options),
        What::Recovery(options) => recovery::run(&options),
        What::RecoveryJob(options) => return Ok(recovery::run_job(options)),
        What::Torture(options) => torture::run(&options),
        What::TortureJob(options) => return Ok(torture::run_job(options)),
    };
    measured.map(|()| ExitCode::SUCCESS)
}
