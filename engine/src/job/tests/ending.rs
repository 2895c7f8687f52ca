//! Jobs that are stopped, drained, fail, or never begin.

use super::*;

#[test]
fn a_panic_fails_every_process_and_names_the_step() {
    for (processes, workers) in TOPOLOGIES {
        let seen = Seen::new();
        let results = run_as(processes, workers, Limits::default(), || {
            let graph = Graph::new("panics");
            let source = Numbers { count: 1_000_000, splits: None, endless: true };
            let (numbers, _) = graph.source(source, BadRecords::Fail);
            let checked = graph.stage(&numbers, "check", |_, next| {
                let function = |n: u64| {
                    assert!(n != 77_777, "seventy-seven");
                    n
                };
                Box::new(Apply { function, next })
            });
            let _ = graph.sink(&checked, seen.sink());
            graph.take()
        });
        assert_eq!(results.len(), processes);
        for result in results {
            let error = result.unwrap_err();
            assert_eq!(error.step(), Some("check"), "{error}");
            assert_eq!(error.kind(), ErrorKind::UserCode);
            assert!(error.to_string().contains("seventy-seven"), "{error}");
        }
        assert!(seen.committed.lock().unwrap().is_empty(), "nothing is published");
    }
}

#[test]
fn stopping_is_not_the_end_of_the_input() {
    let seen = Seen::new();
    let graph = Graph::new("stops");
    let source = Numbers { count: 10_000, splits: Some(2), endless: true };
    let (numbers, _) = graph.source(source, BadRecords::Fail);
    let _ = graph.sink(&numbers, seen.sink());
    let sums = Seen::new();
    let handle = start(
        sums_by_key(Numbers { count: 10_000, splits: Some(2), endless: true }, 1, &sums),
        two_workers(),
    )
    .unwrap();
    let copy = start(graph.take(), two_workers()).unwrap();
    for job in [&handle, &copy] {
        while job.metrics().records < 10_000 {
            std::thread::yield_now();
        }
        job.stop();
    }
    assert!(handle.wait().unwrap().stopped);
    assert!(copy.wait().unwrap().stopped);
    assert_eq!(sums.stopped.load(Ordering::SeqCst), 0, "no result waits behind the end");
    assert_eq!(seen.stopped.load(Ordering::SeqCst), 10_000, "what was read has been finished");
    assert!(seen.committed.lock().unwrap().is_empty() && sums.committed.lock().unwrap().is_empty());
}

#[test]
fn draining_is_the_end_of_the_input() {
    let seen = Seen::new();
    let source = Numbers { count: 10_000, splits: Some(2), endless: true };
    let handle = start(sums_by_key(source, 2, &seen), two_workers()).unwrap();
    while handle.metrics().records < 10_000 {
        std::thread::yield_now();
    }
    handle.drain();
    assert!(!handle.wait().unwrap().stopped);
    let mut sums = std::mem::take(&mut *seen.committed.lock().unwrap());
    sums.sort_unstable();
    assert_eq!(sums, expected(10_000));
}

#[test]
fn processes_with_different_plans_do_not_work_together() {
    let listener = Arc::new(TcpListener::bind("127.0.0.1:0").unwrap());
    let hub = listener.local_addr().unwrap().to_string();
    let limits = Limits { connect_timeout: Duration::from_millis(500), ..Limits::default() };
    let seat = |process| {
        let hosts = vec![hub.clone(), "127.0.0.1:0".to_owned()];
        let processes = Processes::Hosts { hosts, process };
        let mut config = Config::default().workers(1).limits(limits.clone()).processes(processes);
        config.listener = (process == 0).then(|| Arc::clone(&listener));
        config
    };
    let seen = Seen::new();
    let plan =
        |steps| sums_by_key(Numbers { count: 1, splits: None, endless: false }, steps, &seen);
    let (one, other) = std::thread::scope(|scope| {
        let one = scope.spawn(|| start(plan(1), seat(0)).map(drop).unwrap_err());
        let other = start(plan(2), seat(1)).map(drop).unwrap_err();
        (one.join().unwrap(), other)
    });
    assert!(other.to_string().contains("plan"), "{other}");
    assert_eq!(other.kind(), ErrorKind::Usage);
    assert!(one.to_string().contains("wait for process 1"), "{one}");
}

#[test]
fn processes_that_are_stopped_and_drained_at_once_agree() {
    (0..10).for_each(|round| stop_and_drain_at_once(round, None));
}

#[test]
fn with_checkpoints_they_agree_too_and_the_end_is_in_none() {
    for round in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        stop_and_drain_at_once(round, Some(folder.path()));
        // Two unbounded splits have not ended, whatever became of the job.
        for listed in checkpoint::list(folder.path()).unwrap().checkpoints {
            let details = checkpoint::inspect(folder.path(), listed.id).unwrap();
            let splits: usize = details.sources.iter().map(|source| source.splits.len()).sum();
            assert!(details.finished || splits == 2, "round {round}: {details:?}");
        }
    }
}

/// Stops one process of a job while another is told to drain.
fn stop_and_drain_at_once(round: u64, checkpoints: Option<&std::path::Path>) {
    let listener = Arc::new(TcpListener::bind("127.0.0.1:0").unwrap());
    let hosts = vec![listener.local_addr().unwrap().to_string(), "127.0.0.1:0".to_owned()];
    let both_run = std::sync::Barrier::new(2);
    let member = |process: usize| {
        let processes = Processes::Hosts { hosts: hosts.clone(), process };
        let mut config = Config::default().workers(1).processes(processes);
        config.listener = (process == 0).then(|| Arc::clone(&listener));
        config.checkpoints =
            checkpoints.map(|folder| Checkpoints::to(folder).every(Duration::from_millis(1)));
        let source = Numbers { count: 10, splits: Some(2), endless: true };
        let job = start(sums_by_key(source, 1, &Seen::new()), config).unwrap();
        while job.metrics().records == 0 {
            std::thread::yield_now();
        }
        both_run.wait();
        if process == 0 {
            job.stop()
        } else {
            job.drain()
        }
        job.wait().unwrap().stopped
    };
    let (one, other) = std::thread::scope(|scope| {
        let other = scope.spawn(|| member(1));
        (member(0), other.join().unwrap())
    });
    assert_eq!(one, other, "round {round}");
}

#[test]
fn a_failure_leaves_no_thread_of_a_connection() {
    let sending = || {
        let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
        let names =
            threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("comm")).ok());
        names.filter(|name| name.starts_with("timely:")).count()
    };
    for _ in 0..20 {
        let seen = Seen::new();
        let results = run_as(2, 1, Limits::default(), || {
            let graph = Graph::new("panics");
            let source = Numbers { count: 10_000, splits: None, endless: true };
            let (numbers, _) = graph.source(source, BadRecords::Fail);
            let checked = graph.stage(&numbers, "check", |_, next| {
                let function = |n: u64| {
                    assert!(n != 7_777, "seventy-seven");
                    n
                };
                Box::new(Apply { function, next })
            });
            let _ = graph.sink(&checked, seen.sink());
            graph.take()
        });
        assert!(results.iter().all(Result::is_err));
    }
    // Other tests have connections too, for as long as they run; those of twenty jobs are more.
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while sending() >= 20 {
        assert!(std::time::Instant::now() < deadline, "{} threads are left", sending());
        std::thread::yield_now();
    }
}

#[test]
fn a_failure_is_explained_to_three_processes() {
    for round in 0..5 {
        let seen = Seen::new();
        let results = run_as(3, 1, Limits::default(), || {
            let graph = Graph::new("panics");
            let source = Numbers { count: 1_000_000, splits: None, endless: true };
            let (numbers, _) = graph.source(source, BadRecords::Fail);
            let checked = graph.stage(&numbers, "check", |context, next| {
                let worker = context.worker();
                let function = move |n: u64| {
                    assert!(worker != 2 || n < 7_777, "seventy-seven");
                    n
                };
                Box::new(Apply { function, next })
            });
            let _ = graph.sink(&checked, seen.sink());
            graph.take()
        });
        for (process, result) in results.into_iter().enumerate() {
            let error = result.unwrap_err();
            assert_eq!(error.step(), Some("check"), "round {round}, process {process}: {error}");
        }
    }
}
