//! Moves lines from one place to another, byte for byte: between files, sockets and standard
//! streams. One file with one worker arrives in order.

use std::process::ExitCode;
use std::str::FromStr;

use clap::Parser;
use rheos::prelude::*;

/// Moves lines from one place to another.
///
/// A place is file:PATH, follow:PATH (a file that grows; only to read), tcp:HOST:PORT (connects),
/// listen:HOST:PORT (waits for who connects), udp:HOST:PORT, unix:PATH (connects), or - for
/// standard input or output.
#[derive(Parser)]
#[command(verbatim_doc_comment)]
struct Arguments {
    /// Where lines come from
    #[arg(long, value_name = "SPEC")]
    from: Place,
    /// Where they go
    #[arg(long, value_name = "SPEC")]
    to: Place,
    /// Replace the file they go to
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    job: JobArgs,
}

#[derive(Clone, Debug)]
enum Place {
    File(String),
    Follow(String),
    Tcp(String),
    Listen(String),
    Udp(String),
    Unix(String),
    Standard,
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "-" {
            return Ok(Place::Standard);
        }
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        let rest = rest.to_owned();
        if rest.is_empty() {
            return Err(format!("`{text}` is no place: write file:PATH, tcp:HOST:PORT, ... or -"));
        }
        match kind {
            "file" => Ok(Place::File(rest)),
            "follow" => Ok(Place::Follow(rest)),
            "tcp" => Ok(Place::Tcp(rest)),
            "listen" => Ok(Place::Listen(rest)),
            "udp" => Ok(Place::Udp(rest)),
            "unix" => Ok(Place::Unix(rest)),
            _ => Err(format!(
                "`{kind}` is no kind of place: use file, follow, tcp, listen, udp, unix"
            )),
        }
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
    let job = Job::new("relay");
    let lines = match arguments.from {
        Place::File(path) => job.source(FileSource::path(path, RawLines).in_order()),
        Place::Follow(path) => job.source(FileSource::path(path, RawLines).follow()),
        Place::Tcp(address) => job.source(TcpSource::connect(address, RawLines)),
        Place::Listen(address) => job.source(TcpSource::listen(address, RawLines)),
        Place::Udp(address) => job.source(UdpSource::bind(address, RawLines)),
        Place::Unix(path) => job.source(UnixSource::connect(path, RawLines)),
        Place::Standard => job.source(StdinSource::new(RawLines)),
    };
    match arguments.to {
        Place::File(path) => {
            let file = FileSink::file(path, RawLines);
            lines.sink(if arguments.overwrite { file.overwrite() } else { file });
        }
        Place::Follow(path) => {
            return Err(Error::usage(format!("write to follow:{path}"), "it can only be read")
                .advise("write to file:PATH"));
        }
        Place::Tcp(address) => drop(lines.sink(TcpSink::connect(address, RawLines))),
        Place::Listen(address) => drop(lines.sink(TcpSink::listen(address, RawLines))),
        Place::Udp(address) => drop(lines.sink(UdpSink::connect(address, RawLines))),
        Place::Unix(path) => drop(lines.sink(UnixSink::connect(path, RawLines))),
        Place::Standard => drop(lines.sink(StdoutSink::new(RawLines))),
    }
    job.run(arguments.job.into_config()?)?;
    Ok(())
}
