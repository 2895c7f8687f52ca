//! Looks at the checkpoints of a job: `rheos-checkpoints list DIR`.

use std::io::{self, Write};
use std::process::ExitCode;

use rheos::engine::checkpoint::CheckpointsCommand;
use rheos::exit_code;

fn main() -> ExitCode {
    let result = CheckpointsCommand::from_process().run(&mut io::stdout().lock());
    if let Err(error) = &result {
        // Where nobody reads the errors either, the exit code is left.
        let _ = writeln!(io::stderr(), "error: {error}");
    }
    exit_code(&result)
}
