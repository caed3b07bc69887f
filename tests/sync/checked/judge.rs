//! What must hold in every state.
//!
//! That everything converges is asked of every state that the server has a part in: from there a run without faults must end
//! with empty outboxes, and both devices showing what the server has.

use stateright::{Model, Property};
use tidewell_core::sync::client::memory::MemoryClient;
use tidewell_core::sync::client::{pending_after, Table};
use tidewell_core::sync::{Client, ServerStore};

use super::super::device::{judge, mutations, view};
use super::super::model::Scope;
use super::ends::open;
use super::moves::Move;
use super::scenario::Scenario;
use super::state::{count, Disk, Kept, Kind, Numbered, Replica, Server, State, Way};

/// The most questions after which a run without faults must have come to rest.
const PATIENCE: usize = 40;

impl Model for Scenario {
    type State = State;
    type Action = Move;

    fn init_states(&self) -> Vec<State> {
        self.plant();
        let server = Kept::new(Server::first());
        let replica = |index| {
            let rng = Numbered::new(index, 0);
            let mut store = MemoryClient::default();
            let client = open(&mut store, &rng);
            let disk = Kept::new(Disk::new(store, &client));
            Replica { disk, step: 0, drawn: rng.drawn(), made: Vec::new() }
        };
        let mut state = State {
            replicas: [replica(0), replica(1)],
            durable: server.clone(),
            server,
            turn: None,
            network: Vec::new(),
            faults: self.faults,
            wrong: None,
        };
        if !self.fresh {
            state = self.rest(&state).unwrap();
        }
        vec![state]
    }

    fn actions(&self, state: &State, moves: &mut Vec<Move>) {
        // Beyond what is wrong already nothing is asked.
        if state.wrong.is_none() {
            self.moves(state, moves);
        }
    }

    fn next_state(&self, state: &State, next: Move) -> Option<State> {
        self.plant();
        self.after(state, next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("the server does what it says, a client remembers what it stores", |_, state: &State| {
                state.wrong.is_none()
            }),
            Property::always("a mutation takes effect at most once", |_, state: &State| {
                state.server.model.applied.values().all(|times| *times == 1)
            }),
            Property::always("a view is the server's state with what waits on top", |_, state: &State| {
                state.replicas.iter().all(|replica| is_right(&replica.disk, &state.durable))
            }),
            Property::always("what was acknowledged took effect or is a dead letter", |_, state: &State| {
                all_accounted_for(state)
            }),
            Property::always("a run without faults ends with the same everywhere", |model: &Self, state: &State| {
                model.plant();
                state.turn.is_some() || state.wrong.is_some() || model.rest(state).is_ok()
            }),
        ]
    }
}

impl Scenario {
    /// Plants the fault, in whatever thread the checker runs.
    pub(super) fn plant(&self) {
        #[cfg(feature = "planted-bugs")]
        tidewell_core::base::planted::plant(self.bug);
        #[cfg(not(feature = "planted-bugs"))]
        let _ = self.bug;
    }

    /// Everything arrives.
    fn drained(&self, mut state: State) -> Result<State, String> {
        while let Some(message) = state.network.first().cloned() {
            let next = if matches!(message.way, Way::Held(_)) { Move::Sync } else { Move::Arrive(message) };
            state = self.after(&state, next).ok_or("a message arrives and stays")?;
        }
        Ok(state)
    }

    /// How a run ends in which nothing goes wrong any more: with the same everywhere, or as what is said.
    fn rest(&self, state: &State) -> Result<State, String> {
        count(&self.tally.rests, true);
        let mut state = self.drained(state.clone())?;
        for _ in 0..PATIENCE {
            let before = state.replicas.clone();
            for index in 0..2 {
                for kind in [Kind::Push, Kind::Pull] {
                    if let Some(asked) = self.after(&state, Move::Ask(index, kind)) {
                        state = self.drained(asked)?;
                    }
                }
            }
            if let Some(wrong) = state.wrong {
                return Err(wrong);
            }
            if state.replicas == before {
                return is_at_rest(&state).map(|()| State { turn: None, ..state });
            }
        }
        Err(format!("it goes on and on: {state:?}"))
    }
}

/// Both outboxes are empty, both devices are where the server is, and show what it has.
fn is_at_rest(state: &State) -> Result<(), String> {
    let head = state.durable.tenant.head().unwrap();
    for disk in state.replicas.iter().map(|replica| &replica.disk) {
        let there = disk.settled && disk.version == Some(head.version) && disk.epoch.as_deref() == Some(&*head.epoch);
        if !there || disk.view != state.durable.model.state {
            return Err("it comes to rest too early".into());
        }
    }
    if all_accounted_for(state) {
        Ok(())
    } else {
        Err("a mutation is lost".into())
    }
}

/// Every mutation either took effect for good, or is a dead letter, or some device will send it: what it has no answer to,
/// and all that it keeps if the server's epoch is news to it.
fn all_accounted_for(state: &State) -> bool {
    let epoch = state.durable.tenant.head().unwrap().epoch;
    state.replicas.iter().flat_map(|replica| &replica.made).all(|id| {
        let applied = state.durable.model.applied.contains_key(id);
        let dead = state.replicas.iter().any(|replica| replica.disk.dead.contains(id));
        let waits = state.replicas.iter().map(|replica| &replica.disk).any(|disk| {
            let news = disk.epoch.as_ref().is_some_and(|known| *known != epoch);
            disk.waiting.contains(id) || (news && disk.kept.contains(id))
        });
        !(applied && dead) && (applied || dead || waits)
    })
}

/// Whether a device shows what the server had at its cursor, with what waits on top.
fn is_right(disk: &Disk, server: &Server) -> bool {
    let Some(version) = disk.version else { return true };
    let at = disk.epoch.as_deref().map(|epoch| (epoch, version));
    let all = Scope { teams: Vec::new(), at_least: None };
    judge(&disk.view, at, disk.shown.iter(), &all, |epoch, version| server.history.get(&(epoch.to_owned(), version)))
        .is_ok()
}

impl Disk {
    pub(super) fn new(store: MemoryClient, client: &Client) -> Self {
        let unanswered = pending_after(&store, 0, usize::MAX).unwrap();
        let unanswered = unanswered.iter().filter(|(_, answered)| !answered);
        Self {
            epoch: client.epoch().map(Into::into),
            version: client.version(),
            view: view(&store, client),
            shown: client.shown().cloned().collect(),
            settled: client.is_settled(),
            dead: mutations(&store, &[Table::Dead]),
            waiting: unanswered.map(|(mutation, _)| mutation.id.to_string()).collect(),
            kept: mutations(&store, &[Table::Outbox, Table::Retained]),
            push: client.push_request().map(|push| push.to_json().into()),
            pull: client.pull_request().to_json().into(),
            store,
        }
    }
}
