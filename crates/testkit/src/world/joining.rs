//! Asking to be let in.

use super::{Called, Joining, Who, World};
use kitbag_core::codec;
use kitbag_core::id::EndpointId;
use kitbag_core::ticket::Ticket;
use kitbag_core::wire::{JOIN_FRAME_BYTES_MAX, JoinAnswer};
use kitbag_node::{Notice, Output};

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
            self.ledger
                .asking
                .insert((self.person(joiner), ticket.pack, self.person(admitter)));
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
