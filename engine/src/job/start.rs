//! Starts a job: one thread a worker, and one that waits for them.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::assignment::Assignment;
use super::ballot::{Verdict, Vote};
use super::handle::JobHandle;
use super::outset::Outset;
use super::session::{ScribeGuard, Session};
use super::shared::Shared;
use crate::cluster::{self, Cluster, Links};
use crate::config::{Config, ReportFormat};
use crate::context::WorkerContext;
use crate::dataflow::run_worker;
use crate::dataflow::transport::{self, NetworkGuard};
use crate::plan::{Node, Plan};
use crate::report::Layout;
use crate::why::facts::Facts;
use crate::{Error, ErrorKind, Report, Waker, Why};

/// What the threads of a running job need.
pub(crate) struct Running {
    pub(crate) plan: Plan,
    pub(crate) shared: Arc<Shared>,
    pub(crate) layout: Layout,
    /// The workers of this process.
    pub(crate) local: Range<usize>,
    pub(crate) outset: Outset,
    /// The checkpoint folder, if the job takes checkpoints.
    session: Option<Session>,
    pub(crate) began: Instant,
}

impl Running {
    /// What this process has done so far.
    pub(crate) fn report(&self) -> Report {
        Report::of(&self.plan, &self.shared, &self.facts(), self.layout, self.began.elapsed())
    }

    /// What this process knows of who waits for whom.
    pub(crate) fn facts(&self) -> Facts {
        let workers = self.layout.workers;
        Facts::of(&self.plan, &self.outset.assignment, &self.shared, workers, self.local.clone())
    }

    /// Why the step with this name has said no more than it has, if there is such a step.
    pub(crate) fn why(&self, step: &str) -> Option<Why> {
        let step = self.plan.steps.iter().position(|candidate| candidate.name == step)?;
        Some(self.facts().why(step))
    }

    /// Why nothing comes out, for people: a line for each step that has something to say.
    pub(crate) fn explain_waiting(&self) -> String {
        let mut text = format!("job `{}`:\n", self.plan.name);
        let whys = self.facts().why_all();
        whys.iter().for_each(|why| text += &format!("  {why}\n"));
        if whys.is_empty() {
            text += "  no step waits for event time or holds anything\n";
        }
        text
    }
}

/// Starts a job and returns once its workers run.
///
/// # Errors
/// When the configuration or the plan cannot be run, a source cannot list its splits, a sink's
/// target cannot be prepared, or the processes of the job do not find each other.
pub fn start(plan: Plan, config: Config) -> Result<JobHandle, Error> {
    config.validate()?;
    plan.validate()?;
    crate::guarantee::meet(&plan, &config)?;
    if let Some(path) = &config.explain {
        let text = crate::plan::Explanation::of(&plan).to_string();
        std::fs::write(path, text)
            .map_err(|cause| Error::io(format!("write the plan to {}", path.display()), cause))?;
    }
    let fingerprints = cluster::Fingerprints {
        job: plan.name.clone(),
        plan: plan.fingerprint(),
        config: config.fingerprint(),
    };
    let seat = cluster::Seat::take(&config)?;
    let processes = seat.processes();
    crate::failpoint::set_process(seat.process());
    let workers = config.workers * processes;
    let layout = Layout { workers, processes };
    // One process lists the splits and prepares the targets, for all.
    let mut begun = None;
    let prepare = || match &config.checkpoints {
        None => {
            let assignment = Assignment::of_plan(&plan, workers, config.workers)?;
            prepare_targets(&plan)?;
            Ok(Outset { assignment, ..Outset::default() })
        }
        Some(options) => {
            let (session, outset) =
                Session::begin(&plan, options, (workers, config.workers), config.announce)?;
            begun = Some(session);
            Ok(outset)
        }
    };
    let (cluster, outset) = cluster::gather(seat, &fingerprints, &config.limits, prepare)?;
    let session = match (&config.checkpoints, begun) {
        (Some(options), None) => Some(Session::join(&plan, options, &outset)?),
        (_, begun) => begun,
    };
    let shared = Arc::new(Shared::new(
        Arc::new(config.limits.clone()),
        Arc::clone(&config.clock),
        plan.steps.len(),
        config.workers,
        processes,
    ));
    watch_clock(&shared);
    let local = cluster.process() * config.workers..(cluster.process() + 1) * config.workers;
    let began = Instant::now();
    shared.epochs.advance_to(outset.start);
    let running = Arc::new(Running { plan, shared, layout, local, outset, session, began });
    // Before anybody has the job in hand, who may ask for a checkpoint at once.
    let scribe = running.session.as_ref().map(|session| {
        let seat = (cluster.process(), processes, running.local.clone());
        session.take_down(&running.plan, &running.outset, &running.shared, seat)
    });
    let scribe = scribe.transpose()?;
    let asked = Arc::clone(&running);
    let explain = Box::new(move || asked.explain_waiting());
    let signals = match config.signals {
        true => Some(crate::signals::watch(&running.shared, config.drain_on_signal, explain)?),
        false => None,
    };
    let progress = config.progress.then(|| crate::progress::show(&running)).flatten();
    let (running_there, report) = (Arc::clone(&running), config.report);
    let local = config.workers;
    let waiter = std::thread::Builder::new()
        .name("rheos job".into())
        .spawn(move || {
            let result = run_to_end(&running_there, cluster, local, scribe);
            drop((signals, progress));
            if let Some(done) = result.as_ref().ok().filter(|done| done.is_first) {
                print_report(&done.report, report);
            }
            result.map(|done| done.report)
        })
        .map_err(|cause| Error::io("start the thread of the job", cause))?;
    Ok(JobHandle::new(running, waiter))
}

/// Lets the workers look at the time again when the clock jumps.
fn watch_clock(shared: &Arc<Shared>) {
    let watching = Arc::downgrade(shared);
    shared.clock.watch(Waker::new(move || {
        if let Some(shared) = watching.upgrade() {
            shared.clock_jumps.fetch_add(1, Ordering::AcqRel);
            shared.wake_workers();
        }
    }));
}

/// A job that has ended well in this process.
struct Done {
    report: Report,
    is_first: bool,
}

pub(super) fn prepare_targets(plan: &Plan) -> Result<(), Error> {
    for step in &plan.steps {
        if let Node::Sink(sink) = &step.node {
            sink.prepare_target().map_err(|error| error.in_step(&step.name))?;
        }
    }
    Ok(())
}

fn run_to_end(
    running: &Arc<Running>,
    cluster: Cluster,
    local: usize,
    scribe: Option<ScribeGuard>,
) -> Result<Done, Error> {
    let shared = &running.shared;
    let process = cluster.process();
    let (mut links, network) = run_workers(running, cluster, local, scribe)?;
    shared.io_pool.end();
    let mut report = running.report();
    report.stopped = shared.verdict() == Some(Verdict::Stop);
    if !shared.has_failed() {
        // Everybody says that it has committed before anybody hangs up.
        links.part(&mut report);
    }
    if shared.has_failed() {
        links.abandon();
        drop(network);
        let unknown =
            || Error::new(ErrorKind::Internal, "run the job", "nobody said why it failed");
        return Err(shared.take_failure().unwrap_or_else(unknown));
    }
    if let Some(network) = network {
        network.close();
    }
    Ok(Done { report, is_first: process == 0 })
}

/// Runs the workers of this process to their end, good or bad.
fn run_workers(
    running: &Arc<Running>,
    cluster: Cluster,
    local: usize,
    scribe: Option<ScribeGuard>,
) -> Result<(Links, Option<NetworkGuard>), Error> {
    let shared = &running.shared;
    let process = cluster.process();
    let (sockets, links) = cluster.connect(shared)?;
    if running.outset.is_finished {
        // Everything was committed in an earlier run: all agree on that and leave.
        (0..local).for_each(|_| shared.vote(Vote::Ended));
        return Ok((links, None));
    }
    let (builders, network) = if sockets.is_empty() {
        (transport::within_process(local), None)
    } else {
        let (builders, guard) = transport::between_processes(local, process, sockets, shared)?;
        (builders, Some(guard))
    };
    let there = Arc::clone(running);
    transport::run_threads(builders, shared, move |worker, allocator| {
        let context = WorkerContext {
            worker,
            workers: there.layout.workers,
            local: there.local.clone(),
            shared: Arc::clone(&there.shared),
            pools: Default::default(),
            waker: Waker::current_thread(),
        };
        let restored = there.session.as_ref().and_then(Session::restored);
        run_worker(&there.plan, &context, allocator, &there.outset, restored)
    });
    drop(scribe);
    Ok((links, network))
}

fn print_report(report: &Report, format: ReportFormat) {
    use std::io::Write;
    let text = match format {
        ReportFormat::None => return,
        ReportFormat::Table => report.to_string(),
        ReportFormat::Json => report.to_json() + "\n",
    };
    // A report that nobody can read any more is not worth failing for.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
