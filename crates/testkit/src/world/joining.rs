//! Asking to be let in.

use super::{Called, Joining, Who, World};
use kitbag_core::codec;
use kitbag_core::id::{EndpointId, PackId, PersonId};
use kitbag_core::ticket::Ticket;
use kitbag_core::wire::{JOIN_FRAME_BYTES_MAX, JoinAnswer};
use kitbag_node::{NodeError, Notice, Output};

impl World {
    /// Asks `admitter` to be let in with a ticket.
    ///
    /// # Panics
    /// If a request or answer can be read, or is no answer.
    pub fn join(&mut self, joiner: Who, admitter: Who, ticket: &Ticket) -> Joining {
        if !self.reaches(joiner, admitter) {
            return Joining::NotReached;
        }
        let exporter: [u8; 32] = self.dice.bytes();
        let (of_joiner, of_admitter) = (self.endpoint(joiner), self.endpoint(admitter));
        let now = self.clock(admitter);
        if !self.node(admitter).join_is_open(now) {
            return Joining::NotOpen;
        }
        let request = self
            .node(joiner)
            .join_draft(ticket)
            .request(of_admitter, exporter);
        let Some(answer) = self.ask_to_join(admitter, of_joiner, exporter, &request) else {
            return Joining::NotReached;
        };
        if self.dice.percent(self.net.lost_answer_percent) {
            self.log(|world| {
                format!(
                    "the answer of {} to {} is lost",
                    world.name(admitter),
                    world.name(joiner)
                )
            });
            return Joining::NotReached;
        }
        let now = self.clock(joiner);
        let admits = codec::decode(&answer, JOIN_FRAME_BYTES_MAX)
            .is_ok_and(|answer| matches!(answer, JoinAnswer::Admitted | JoinAnswer::AlreadyMember));
        if admits {
            let named = |endpoint: EndpointId| ticket.peers.iter().any(|p| p.endpoint == endpoint);
            let may_ask: Vec<PersonId> = self
                .devices
                .iter()
                .filter(|device| device.endpoint.is_some_and(named))
                .filter_map(|device| device.person)
                .chain([self.person(admitter)])
                .collect();
            for peer in may_ask {
                let joiner = self.person(joiner);
                self.ledger.asking.insert((joiner, ticket.pack, peer));
            }
        }
        match self.call(joiner, |node, _| {
            node.join_answered(now, ticket, of_admitter, &answer, None)
        }) {
            Called::Done(outcome) => {
                self.log(|world| {
                    format!(
                        "{} asked {} to join {:?}: {outcome:?}",
                        world.name(joiner),
                        world.name(admitter),
                        ticket.pack
                    )
                });
                Joining::Answered(outcome)
            }
            Called::Down => Joining::NotReached,
            Called::Refused(error) => panic!("an answer was refused: {error}"),
        }
    }

    /// Says yes, as a person would, to the request of `joiner` that waits at `admitter`.
    pub fn approve(&mut self, admitter: Who, joiner: Who, pack: PackId) -> Called<()> {
        let person = self.person(joiner);
        let approved = self.call(admitter, |node, now| {
            let requests = node.join_requests(now, Some(pack));
            let request = requests.iter().find(|request| request.of.person == person);
            let of = request.ok_or(NodeError::NotFound("request"))?.of;
            node.approve_join(now, of, false).map(|_| ())
        });
        if let Called::Done(()) = approved {
            self.ledger.admitted.insert((pack, person));
            self.joined.push((admitter, pack, person));
        }
        approved
    }

    /// Says no to the request of `joiner` that waits at `admitter`.
    pub fn refuse(&mut self, admitter: Who, joiner: Who, pack: PackId) -> Called<()> {
        let person = self.person(joiner);
        self.call(admitter, |node, now| {
            let requests = node.join_requests(now, Some(pack));
            let request = requests.iter().find(|request| request.of.person == person);
            let of = request.ok_or(NodeError::NotFound("request"))?.of;
            node.refuse_join(now, of, false).map(|_| ())
        })
    }

    /// Hands a join request to a device, as its shell would; gives the answer.
    pub fn ask_to_join(
        &mut self,
        admitter: Who,
        joiner: EndpointId,
        exporter: [u8; 32],
        request: &[u8],
    ) -> Option<Vec<u8>> {
        let now = self.clock(admitter);
        let handled = self.devices[admitter.0]
            .node
            .as_mut()?
            .handle_join(now, joiner, exporter, request);
        match handled {
            Ok((answer, outputs)) => {
                for output in &outputs {
                    if let Output::Notify(Notice::Joined { pack, person }) = output {
                        self.ledger.admitted.insert((*pack, *person));
                    }
                }
                self.follow(admitter, Ok(outputs));
                Some(answer)
            }
            Err(error) => {
                self.follow(admitter, Err(error));
                None
            }
        }
    }
}
