//! Cuts the clicks of each user into sessions: visits without a pause longer than the gap.
//!
//! Without arguments the sessions of a few built-in clicks are printed. With `--input`, clicks are
//! read from files of JSON Lines, `{"time": 1767258000000, "user": "ada", "page": "/"}`, with times
//! in milliseconds since 1970. Clicks that come too late for their session are printed last.

use std::fmt;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use rheos::prelude::*;
use serde::{Deserialize, Serialize};

/// Cuts the clicks of each user into sessions.
#[derive(Parser)]
struct Arguments {
    /// Files of clicks as JSON Lines, as a glob; built-in clicks unless given
    #[arg(long, value_name = "GLOB")]
    input: Option<String>,
    /// A session ends when there is no click for so many minutes
    #[arg(long, value_name = "MINUTES", default_value_t = 30)]
    gap: u64,
    /// How many minutes clicks may come out of order
    #[arg(long, value_name = "MINUTES", default_value_t = 5)]
    disorder: u64,
    /// How many minutes longer a session waits for clicks that come later than that
    #[arg(long, value_name = "MINUTES", default_value_t = 60)]
    lateness: u64,
    #[command(flatten)]
    job: JobArgs,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Click {
    time: EventTime,
    user: String,
    page: String,
}

/// What is printed of a session.
#[derive(Serialize, Deserialize)]
struct Session {
    user: String,
    window: Window,
    timing: PaneTiming,
    pages: Vec<String>,
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, window, timing, pages } = self;
        let (number, way) = (pages.len(), pages.join(" "));
        let clicks = if number == 1 { "click" } else { "clicks" };
        write!(f, "{}  {user:<6}  {number} {clicks}: {way}", window.start)?;
        // A session that was joined or continued by late clicks is printed again.
        if *timing == PaneTiming::Late { f.write_str(" (corrected)") } else { Ok(()) }
    }
}

fn main() -> ExitCode {
    let result = run(Arguments::parse());
    if let Err(error) = &result {
        eprintln!("error: {error}");
    }
    exit_code(&result)
}

fn run(arguments: Arguments) -> Result<(), Error> {
    let minutes = |count: u64| Duration::from_secs(60 * count);
    let job = Job::new("sessions");
    let clicks = match arguments.input {
        Some(files) => job.source(JsonFiles::<Click>::glob(files)),
        None => job.source(Collection::new(built_in()).in_order()),
    };

    let windows =
        Windows::session(minutes(arguments.gap)).allowed_lateness(minutes(arguments.lateness));
    let (sessions, late) = clicks
        .event_time(|click| click.time, Watermarks::bounded(minutes(arguments.disorder)))
        .key_by(|click| click.user.clone())
        .window(windows)
        .process(|pane| {
            let pages = pane.value.into_iter().map(|click| click.page).collect();
            Some(Session { user: pane.key, window: pane.window, timing: pane.timing, pages })
        })
        .late();

    let ((sessions_sink, sessions_found), (late_sink, late_clicks)) = (collect(), collect());
    sessions.sink(sessions_sink);
    late.map(|(_, click)| click).sink(late_sink);
    job.run(arguments.job.into_config()?)?;

    // With several processes what was collected is at the first one.
    if let (Some(sessions), Some(late)) = (sessions_found.take(), late_clicks.take()) {
        print(sessions, late);
    }
    Ok(())
}

#[allow(clippy::print_stdout, reason = "the sessions are this program's output")]
fn print(mut sessions: Vec<Session>, mut late: Vec<Click>) {
    sessions.sort_by(|a, b| {
        let place = |session: &Session| (session.window, session.timing);
        place(a).cmp(&place(b)).then_with(|| a.user.cmp(&b.user))
    });
    sessions.iter().for_each(|session| println!("{session}"));
    late.sort_by(|a, b| (a.time, &a.user).cmp(&(b.time, &b.user)));
    late.iter().for_each(|Click { time, user, page }| println!("{time}  {user:<6}  late: {page}"));
}

/// A morning in a shop, as its clicks came in: not quite in order.
fn built_in() -> Vec<Click> {
    // Nine o'clock on the first of January 2026.
    let nine = EventTime::from_millis(1_767_258_000_000);
    let click = |(minute, user, page): (u64, &str, &str)| Click {
        time: nine.plus(Duration::from_secs(60 * minute)),
        user: user.to_owned(),
        page: page.to_owned(),
    };
    [
        (0, "ada", "/"),
        (2, "grace", "/"),
        (5, "ada", "/shoes"),
        (4, "ada", "/search"),
        (12, "grace", "/hats"),
        // Exactly the gap after her last click: the same session.
        (42, "grace", "/cart"),
        (36, "ada", "/"),
        (38, "ada", "/cart"),
        (71, "edsger", "/"),
        (90, "grace", "/"),
    ]
    .map(click)
    .to_vec()
}
