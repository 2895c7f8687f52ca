//! Tables: which ends make which guarantee, which paths there are, what a requirement refuses.

use super::*;
use crate::plan::{Graph, Port, Route};
use crate::{
    BadRecords, Position, Reader, ReaderContext, Sink, Source, Split, SplitContext, Writer,
    WriterContext,
};

/// A source that can be read again or not; nobody opens it.
struct From(Replay);

impl Source for From {
    type Record = u64;

    fn splits(&self, _context: &SplitContext) -> Result<Vec<Split>, Error> {
        unreachable!("a plan is looked at, not run")
    }

    fn open(
        &self,
        _split: &Split,
        _position: Option<&Position>,
        _context: ReaderContext,
    ) -> Result<Box<dyn Reader<u64>>, Error> {
        unreachable!("a plan is looked at, not run")
    }

    fn replay(&self) -> Replay {
        self.0
    }
}

/// A sink that publishes at once or with checkpoints; nobody opens it.
struct To(Delivery);

impl Sink for To {
    type Record = u64;

    fn delivery(&self) -> Delivery {
        self.0
    }

    fn open(&self, _context: WriterContext) -> Result<Box<dyn Writer<u64>>, Error> {
        unreachable!("a plan is looked at, not run")
    }
}

fn source(graph: &Graph, name: &str, replay: Replay) -> Port<u64> {
    let (records, _) = graph.source(From(replay), BadRecords::Fail);
    records.step().rename(name);
    records
}

fn sink(graph: &Graph, input: &Port<u64>, name: &str, delivery: Delivery) {
    graph.sink(input, To(delivery)).rename(name);
}

fn path(replay: Replay, delivery: Delivery) -> PathGuarantee {
    PathGuarantee::of("in", replay, "out", delivery)
}

#[test]
fn a_guarantee_follows_from_the_two_ends() {
    use Guarantee::{AtLeastOnce, AtMostOnce, ExactlyOnce};
    for (replay, delivery, guarantee, line) in [
        (Replay::FromPosition, Delivery::Staged, ExactlyOnce, "`in` -> `out`: exactly once"),
        (
            Replay::FromPosition,
            Delivery::Immediate,
            AtLeastOnce,
            "`in` -> `out`: at least once, because `out` publishes at once",
        ),
        (
            Replay::None,
            Delivery::Staged,
            AtMostOnce,
            "`in` -> `out`: at most once, because `in` cannot be read again",
        ),
        (
            Replay::None,
            Delivery::Immediate,
            AtMostOnce,
            "`in` -> `out`: at most once, because `in` cannot be read again",
        ),
    ] {
        let path = path(replay, delivery);
        assert_eq!(path.guarantee, guarantee, "{replay:?} {delivery:?}");
        assert!(path.to_string().starts_with(line), "{path}");
        assert_eq!(path.reason.is_none(), guarantee == ExactlyOnce);
        assert_eq!(path.advice.is_none(), guarantee == ExactlyOnce);
    }
    assert!(AtMostOnce < AtLeastOnce && AtLeastOnce < ExactlyOnce);
}

#[test]
fn each_source_has_a_path_to_each_sink_that_it_reaches() {
    let graph = Graph::new("job");
    let files = source(&graph, "files", Replay::FromPosition);
    let socket = source(&graph, "socket", Replay::None);
    let both = graph.union(&[files.share(), socket]);
    sink(&graph, &both.share(), "staged", Delivery::Staged);
    sink(&graph, &both, "immediate", Delivery::Immediate);
    sink(&graph, &files, "copy", Delivery::Staged);
    let paths = graph.take().guarantees();
    let found: Vec<_> =
        paths.iter().map(|p| (p.source.as_str(), p.sink.as_str(), p.guarantee)).collect();
    assert_eq!(
        found,
        [
            ("files", "staged", Guarantee::ExactlyOnce),
            ("files", "immediate", Guarantee::AtLeastOnce),
            ("files", "copy", Guarantee::ExactlyOnce),
            ("socket", "staged", Guarantee::AtMostOnce),
            ("socket", "immediate", Guarantee::AtMostOnce),
        ]
    );
}

#[test]
fn a_table_that_is_read_first_is_part_of_a_path_too() {
    struct Never;
    impl crate::TwoInput for Never {
        type Left = u64;
        type Right = u64;
        type Out = u64;

        fn on_left(
            &mut self,
            _batch: &mut Vec<u64>,
            _out: &mut crate::Output<'_, u64>,
        ) -> Result<(), Error> {
            unreachable!("a plan is looked at, not run")
        }

        fn on_right(
            &mut self,
            _batch: &mut Vec<u64>,
            _out: &mut crate::Output<'_, u64>,
        ) -> Result<(), Error> {
            unreachable!("a plan is looked at, not run")
        }
    }
    let graph = Graph::new("job");
    let table = source(&graph, "table", Replay::None);
    let records = source(&graph, "records", Replay::FromPosition);
    let (left, right) = (Route::local(), Route::<u64>::broadcast().read_first());
    let found = graph.two_input((&records, left), (&table, right), "lookup", |_| Never);
    sink(&graph, &found, "out", Delivery::Staged);
    let paths = graph.take().guarantees();
    let found: Vec<_> = paths.iter().map(|p| (p.source.as_str(), p.guarantee)).collect();
    assert_eq!(found, [("table", Guarantee::AtMostOnce), ("records", Guarantee::ExactlyOnce)]);
}

#[test]
fn a_requirement_lists_the_paths_that_miss_it_and_what_to_do() {
    use Guarantee::{AtLeastOnce, AtMostOnce, ExactlyOnce};
    let staged = path(Replay::FromPosition, Delivery::Staged);
    let immediate = path(Replay::FromPosition, Delivery::Immediate);
    let gone = path(Replay::None, Delivery::Staged);
    for (required, paths, has_checkpoints, words) in [
        (ExactlyOnce, vec![&staged], true, &[][..]),
        (AtLeastOnce, vec![&staged, &immediate], true, &[]),
        (AtMostOnce, vec![&staged, &immediate, &gone], true, &[]),
        (AtMostOnce, vec![&gone], false, &[]),
        (ExactlyOnce, vec![&staged], false, &["takes no checkpoints", "--checkpoint-dir"]),
        (AtLeastOnce, vec![&staged], false, &["takes no checkpoints", "--checkpoint-dir"]),
        (ExactlyOnce, vec![&staged, &immediate], true, &["at least once", STAGE]),
        (AtLeastOnce, vec![&immediate, &gone], true, &["at most once", PUT_A_JOURNAL]),
        (
            ExactlyOnce,
            vec![&immediate, &gone, &immediate],
            true,
            &["at least once", "at most once", STAGE, PUT_A_JOURNAL, "require less"],
        ),
    ] {
        let paths: Vec<PathGuarantee> = paths.into_iter().cloned().collect();
        let met = require(required, &paths, has_checkpoints);
        let case = format!("{required:?} {has_checkpoints} of {paths:?}: {met:?}");
        assert_eq!(met.is_ok(), words.is_empty(), "{case}");
        let Err(missed) = met else { continue };
        let error = missed.into_error("totals", required).to_string();
        assert!(error.contains("start the job totals with"), "{error}");
        words.iter().for_each(|word| assert!(error.contains(word), "no `{word}`: {error}"));
    }
    let only_one = require(AtLeastOnce, &[immediate, gone], true).unwrap_err();
    assert!(!only_one.reason.contains("at least once"), "{only_one:?}");
}

#[test]
fn words_are_read_as_flags_write_them() {
    for guarantee in [Guarantee::AtMostOnce, Guarantee::AtLeastOnce, Guarantee::ExactlyOnce] {
        let flag = guarantee.to_string().replace(' ', "-");
        assert_eq!(flag.parse(), Ok(guarantee));
    }
    assert!("exactly once".parse::<Guarantee>().is_err());
}

#[test]
fn a_job_that_guarantees_less_is_refused_before_anything_is_opened() {
    let refused = |config: Config| {
        let graph = Graph::new("job");
        let records = source(&graph, "socket", Replay::None);
        sink(&graph, &records, "out", Delivery::Staged);
        // A source or a sink that is looked at any closer panics.
        crate::start(graph.take(), config.require(Guarantee::ExactlyOnce)).err().unwrap()
    };
    let error = refused(Config::default());
    assert_eq!(error.kind(), crate::ErrorKind::Usage);
    assert!(error.to_string().contains("takes no checkpoints"), "{error}");
    let error = refused(Config::default().checkpoint_to("nowhere"));
    assert!(error.to_string().contains("`socket` -> `out`: at most once"), "{error}");
}
