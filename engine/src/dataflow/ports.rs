//! The inputs and outputs of a host, without timely's type parameters.

use timely::dataflow::channels::Message;
use timely::dataflow::channels::pact::{DistributorPact, Pipeline};
use timely::dataflow::channels::pushers::Output;
use timely::dataflow::channels::pushers::exchange::Distributor;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::progress::Stamp;

use super::outbox::Outbox;
use super::parcel::{Parcel, Payload};
use crate::Epoch;
use crate::job::shared::{Queued, Shared};
use crate::logic::Port;
use crate::run::StepId;

/// A timely stream of parcels.
pub(crate) type ParcelStream<'scope> = timely::dataflow::Stream<'scope, u64, Parcel>;

/// Sends every parcel, whole, to the worker it names.
struct ToTarget;

impl Distributor<Parcel> for ToTarget {
    fn partition<T: Clone, P: timely::communication::Push<Message<T, Parcel>>>(
        &mut self,
        parcel: &mut Parcel,
        stamp: &Stamp<T>,
        pushers: &mut [P],
    ) {
        let target = parcel.target;
        Message::push_at(parcel, stamp.clone(), &mut pushers[target]);
    }

    fn flush<T: Clone, P: timely::communication::Push<Message<T, Parcel>>>(
        &mut self,
        _stamp: &Stamp<T>,
        _pushers: &mut [P],
    ) {
    }
}

/// Takes what has come in at an input.
type Pull = Box<dyn FnMut(&mut dyn FnMut(Epoch, Parcel))>;

/// An input of a host.
pub(crate) struct InputPort {
    /// Which input of the step it is, and how it decodes.
    pub(crate) port: Port,
    pull: Pull,
    /// Senders that have not said yet that their input has ended.
    pub(crate) open_senders: usize,
}

impl InputPort {
    /// Attaches an input to an operator that is being built. Records cross workers where
    /// `crosses` says so, and `senders` workers will say that they have ended.
    pub(crate) fn attach<'scope>(
        builder: &mut OperatorBuilder<'scope, u64>,
        stream: ParcelStream<'scope>,
        port: Port,
        crosses: bool,
        senders: usize,
    ) -> Self {
        /// Erases the type of an input handle, which depends on the way records cross.
        macro_rules! pull {
            ($input:expr) => {{
                let mut input = $input;
                Box::new(move |take: &mut dyn FnMut(Epoch, Parcel)| {
                    input.for_each(|capability, parcel| {
                        let epoch = capability.least().expect("a parcel travels with its epoch");
                        take(Epoch(*epoch), std::mem::take(parcel));
                    });
                })
            }};
        }
        let pull: Pull = if crosses {
            pull!(builder.new_input(stream, DistributorPact(|_| ToTarget)))
        } else {
            pull!(builder.new_input(stream, Pipeline))
        };
        Self { port, pull, open_senders: senders }
    }

    /// Takes everything that has come in.
    pub(crate) fn pull(&mut self, mut take: impl FnMut(Port, Epoch, Parcel)) {
        let port = self.port;
        (self.pull)(&mut |epoch, parcel| take(port, epoch, parcel));
    }
}

/// An output of a host: what a run leaves in the outbox is sent with the host's capability.
pub(crate) struct OutputPort {
    outbox: Outbox,
    output: Output<u64, Parcel>,
    /// The step that it leads to; none where no records travel.
    to: Option<StepId>,
    /// Held at the host's epoch; gone when the host has nothing more to say.
    capability: Option<Capability<u64>>,
}

impl OutputPort {
    /// An output whose capability is handed over once the operator is built.
    pub(crate) fn new(outbox: Outbox, output: Output<u64, Parcel>, to: Option<StepId>) -> Self {
        Self { outbox, output, to, capability: None }
    }

    /// Whether more waits where it leads to than should.
    pub(crate) fn is_crowded(&self, shared: &Shared) -> bool {
        self.to.is_some_and(|to| shared.is_crowded(to))
    }

    /// Takes the capability over.
    pub(crate) fn hold(&mut self, capability: Capability<u64>) {
        self.capability = Some(capability);
    }

    /// Sends what is in the outbox.
    ///
    /// # Panics
    /// When the capability is gone and the outbox is not empty: that would lose records.
    pub(crate) fn send(&mut self, shared: &Shared) {
        let Some(mut parcel) = self.outbox.take() else { return };
        let capability = self.capability.as_ref().expect("a host sends before it lets go");
        let mut session = self.output.activate();
        loop {
            if let (Some(to), Payload::Records(_)) = (self.to, &parcel.payload) {
                shared.count_queued(to, parcel.bytes, Queued::More);
            }
            session.give(capability, &mut parcel);
            match self.outbox.take() {
                Some(next) => parcel = next,
                None => break,
            }
        }
    }

    /// Promises to send nothing more for epochs before `epoch`.
    pub(crate) fn move_to(&mut self, epoch: Epoch) {
        if let Some(capability) = &mut self.capability {
            capability.downgrade(&epoch.0);
        }
    }

    /// Promises to send nothing more at all.
    pub(crate) fn let_go(&mut self) {
        self.capability = None;
    }
}
