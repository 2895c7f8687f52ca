//! Runs one test body in every topology: one worker, four workers, two processes of one and
//! of two workers.

use std::net::TcpListener;
use std::sync::Arc;

use rheos::engine::ExchangeData;
use rheos::prelude::*;

/// Processes and workers in each.
pub(crate) const TOPOLOGIES: [(usize, usize); 4] = [(1, 1), (1, 4), (2, 1), (2, 2)];

/// Builds a job anew for every process and topology, runs it, and gives the rows that its sink
/// collected, in order, with the topology for messages. The processes are threads of the test,
/// each with a plan and workers of its own; they are connected over loopback as real ones are.
pub(crate) fn everywhere<T: ExchangeData + Ord>(
    build: impl Fn(&Job) -> Stream<T> + Sync,
    check: impl Fn(&str, Vec<T>),
) {
    everywhere_as(|config| config, build, check);
}

/// As [`everywhere`], with a configuration that is changed by `configure`.
pub(crate) fn everywhere_as<T: ExchangeData + Ord>(
    configure: impl Fn(Config) -> Config + Sync,
    build: impl Fn(&Job) -> Stream<T> + Sync,
    check: impl Fn(&str, Vec<T>),
) {
    for (processes, workers) in TOPOLOGIES {
        let mut rows = run(processes, workers, &configure, &build);
        rows.sort();
        check(&format!("{processes} processes of {workers} workers"), rows);
    }
}

fn run<T: ExchangeData>(
    processes: usize,
    workers: usize,
    configure: &(impl Fn(Config) -> Config + Sync),
    build: &(impl Fn(&Job) -> Stream<T> + Sync),
) -> Vec<T> {
    let listener = Arc::new(TcpListener::bind("127.0.0.1:0").unwrap());
    let mut hosts = vec![listener.local_addr().unwrap().to_string()];
    hosts.resize(processes, "127.0.0.1:0".to_owned());
    std::thread::scope(|scope| {
        let members: Vec<_> = (0..processes)
            .map(|process| {
                let mut config = configure(Config::default().workers(workers));
                if processes > 1 {
                    let hosts = hosts.clone();
                    config = config.processes(Processes::Hosts { hosts, process });
                    config.listener = (process == 0).then(|| Arc::clone(&listener));
                }
                scope.spawn(move || {
                    let job = Job::new("everywhere");
                    let (sink, collected) = collect();
                    build(&job).sink(sink);
                    job.run(config).unwrap();
                    (process == 0).then(|| collected.into_vec().unwrap())
                })
            })
            .collect();
        members.into_iter().filter_map(|member| member.join().unwrap()).next().unwrap()
    })
}
