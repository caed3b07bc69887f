//! What can happen next in a state, and what comes of it.
//!
//! It judges nothing, and what the two ends do is theirs (`ends`).

use tidewell_core::sync::{pull, Outcome, Policy, PullAnswer, PullRequest, PushAnswer};

use super::ends::{caller, Found};
use super::scenario::Scenario;
use super::state::{count, Kept, Kind, Message, Server, State, Turn, Way};

/// One thing that can happen. What is lost on its way to the server might as well never have been sent, so a question and
/// its arrival are one step; only those that arrive late are on their way for themselves.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Move {
    /// A user makes the next mutation.
    Make(usize),
    /// A client asks, and the server does what is asked.
    Ask(usize, Kind),
    /// A client asks, waits in vain, and goes on; what it asked arrives later, or never.
    AskLate(usize, Kind),
    /// A message arrives.
    Arrive(Message),
    Lose(Message),
    Double(Message),
    /// A client's program dies and starts again.
    Crash(usize),
    /// What the server did becomes durable, and its answers leave.
    Sync,
    /// The server dies: what was not durable is undone, and nobody was told of it.
    CrashServer,
    /// The server is put back to how it was in the beginning.
    Restore,
    /// The first device's disk is copied over the second's.
    Clone,
}

impl Move {
    /// Whether something goes wrong.
    fn is_fault(&self) -> bool {
        !matches!(self, Self::Make(_) | Self::Ask(..) | Self::Arrive(_) | Self::Sync)
    }

    /// The device whose turn it is afterwards.
    fn turn(&self) -> Option<usize> {
        match self {
            Self::Make(index) | Self::Crash(index) => Some(*index),
            Self::Arrive(message) | Self::Lose(message) | Self::Double(message) => {
                matches!(message.way, Way::Back(_)).then_some(message.replica)
            }
            _ => None,
        }
    }
}

impl Scenario {
    /// What can happen in a state.
    pub(super) fn moves(&self, state: &State, moves: &mut Vec<Move>) {
        let faulty = state.faults > 0;
        let devices = || (0..2).filter(|index| state.turn.is_none_or(|turn| turn == *index));
        for index in devices() {
            let own = || state.network.iter().filter(|message| message.replica == index);
            moves.extend((state.replicas[index].step < self.scripts[index].len()).then_some(Move::Make(index)));
            if !own().any(|message| message.awaited) {
                moves.extend([Move::Ask(index, Kind::Push), Move::Ask(index, Kind::Pull)]);
            }
            if faulty {
                moves.extend([Move::AskLate(index, Kind::Push), Move::AskLate(index, Kind::Pull)]);
                moves.extend(own().next().map(|_| Move::Crash(index)));
            }
            let mut last = None;
            for message in own().filter(|message| matches!(message.way, Way::Back(_))) {
                if last.replace(message) != Some(message) {
                    moves.push(Move::Arrive(message.clone()));
                    moves.extend(faulty.then(|| Move::Lose(message.clone())));
                    moves.extend(faulty.then(|| Move::Double(message.clone())));
                }
            }
        }
        let clones = self.clones && faulty && state.turn != Some(1) && state.replicas[1].step == 0;
        moves.extend(clones.then_some(Move::Clone));
        if state.turn.is_none() {
            let late = |message: &&Message| matches!(message.way, Way::There | Way::Orphaned);
            moves.extend(state.network.iter().filter(late).map(|message| Move::Arrive(message.clone())));
            let unsynced = state.server != state.durable;
            moves.extend(unsynced.then_some(Move::Sync));
            moves.extend((unsynced && faulty).then_some(Move::CrashServer));
            moves.extend((self.restores && faulty).then_some(Move::Restore));
        }
    }

    /// The state after a move; none if the move does nothing.
    pub(super) fn after(&self, before: &State, next: Move) -> Option<State> {
        let mut state = before.clone();
        state.faults -= u8::from(next.is_fault());
        let turn = next.turn();
        let mut found = Ok(());
        match next {
            Move::Make(index) => found = self.make(&mut state, index),
            Move::Ask(index, kind) => found = self.arrive(&mut state, ask(before, index, kind, true)?),
            Move::AskLate(index, kind) => state.network.push(ask(before, index, kind, false)?),
            Move::Arrive(message) => found = self.arrive(&mut state, message),
            Move::Lose(message) => take(&mut state, &message),
            Move::Double(message) => state.network.push(Message { awaited: false, ..message }),
            Move::Crash(index) => crash(&mut state, index),
            Move::Sync => sync(&mut state),
            Move::CrashServer => {
                state.network.retain(|message| !matches!(message.way, Way::Held(_)));
                state.server = state.durable.clone();
            }
            Move::Restore => self.restore(&mut state),
            Move::Clone => {
                crash(&mut state, 1);
                state.replicas[1].disk = state.replicas[0].disk.clone();
            }
        }
        if let Err(wrong) = found {
            state.wrong = Some(wrong);
        }
        state.network.sort_unstable();
        if state == *before {
            return None;
        }
        state.turn = turn;
        Some(state)
    }

    fn make(&self, state: &mut State, index: usize) -> Found<()> {
        let intent = self.scripts[index][state.replicas[index].step];
        let before = state.replicas[index].disk.waiting.clone();
        let drawn = self.turn(state, index, Turn::Make(intent))?;
        let replica = &mut state.replicas[index];
        // What cannot be done on the view never becomes a mutation. The name it would have had is not used up, or trying
        // again and again would lead to ever new states.
        if let Some(name) = replica.disk.waiting.difference(&before).next() {
            replica.made.push(name.clone());
            replica.step += 1;
            replica.drawn = drawn;
        }
        Ok(())
    }

    fn arrive(&self, state: &mut State, message: Message) -> Found<()> {
        take(state, &message);
        match (&message.way, message.kind) {
            (Way::There | Way::Orphaned, Kind::Push) => {
                let (server, answer) = self.push(&state.server, &message.request)?;
                state.server = server;
                self.tally(&answer);
                if message.way == Way::There {
                    state.network.push(Message { way: Way::Held(answer.to_json().into()), ..message });
                }
                if !self.syncs_late || state.server == state.durable {
                    sync(state);
                }
            }
            (Way::There | Way::Orphaned, Kind::Pull) => {
                // Readers see what is durable.
                let request = PullRequest::parse(&message.request).map_err(|error| format!("{error:?}"))?;
                let answer = pull(&state.durable.tenant, &Policy::open(), &caller(), &request);
                let answer = answer.map_err(|error| format!("{error:?}"))?;
                count(&self.tally.cut, matches!(&answer, PullAnswer::Page(page) if page.more));
                let answer = Message { way: Way::Back(answer.to_json().into()), ..message };
                // What tells its client nothing now never will: it is not kept apart from no answer.
                let mut told = state.clone();
                self.arrive(&mut told, answer.clone())?;
                if told.replicas != state.replicas {
                    state.network.push(answer);
                }
            }
            (Way::Back(answer), kind) => {
                let before = state.replicas[message.replica].disk.epoch.clone();
                let turn = Turn::Take(kind, message.request.clone(), answer.clone());
                state.replicas[message.replica].drawn = self.turn(state, message.replica, turn)?;
                let after = &state.replicas[message.replica].disk.epoch;
                count(&self.tally.recovered, before.is_some() && before != *after);
            }
            (Way::Held(_), _) => {}
        }
        Ok(())
    }

    fn tally(&self, answer: &PushAnswer) {
        if let PushAnswer::Results { results, .. } = answer {
            for handled in results {
                count(&self.tally.duplicates, matches!(handled.outcome, Outcome::Duplicate(_)));
                count(&self.tally.rejected, matches!(handled.outcome, Outcome::Rejected(_)));
            }
        }
        count(&self.tally.forked, *answer == PushAnswer::Forked);
    }

    /// The server is put back to its first state, in an epoch of its own. Answers of its earlier life are still on their way.
    fn restore(&self, state: &mut State) {
        let mut first = Server::first();
        first.tenant.renew(&format!("e{}", state.faults));
        first.history.extend(state.server.history.clone());
        first.note();
        state.network.retain(|message| !matches!(message.way, Way::Held(_)));
        state.server = Kept::new(first);
        state.durable = state.server.clone();
    }
}

/// Takes a message off the network, if it is there.
fn take(state: &mut State, message: &Message) {
    if let Some(at) = state.network.iter().position(|other| other == message) {
        state.network.remove(at);
    }
}

/// Nobody waits for answers any more. What asked for them may still arrive; that of a pull is then for nothing.
fn crash(state: &mut State, index: usize) {
    state.network.retain_mut(|message| {
        if message.replica != index {
            return true;
        }
        let arrives = message.kind == Kind::Push && matches!(message.way, Way::There | Way::Orphaned);
        (message.way, message.awaited) = (Way::Orphaned, false);
        arrives
    });
}

/// What a client would ask now, if anything.
fn ask(state: &State, index: usize, kind: Kind, awaited: bool) -> Option<Message> {
    let disk = &state.replicas[index].disk;
    let request = if kind == Kind::Push { disk.push.clone() } else { Some(disk.pull.clone()) };
    request.map(|request| Message { replica: index, kind, request, way: Way::There, awaited })
}

fn sync(state: &mut State) {
    state.durable = state.server.clone();
    for message in &mut state.network {
        if let Way::Held(answer) = &message.way {
            message.way = Way::Back(answer.clone());
        }
    }
}
