//! Joining a pack with a ticket: ask the devices it names, then wait until the pack is here.

use crate::asking::{Round, ask_all};
use crate::network::Network;
use crate::{Engine, EngineError, JoinState, Joined, TicketProblem, Zeroizing};
use kitbag_core::id::PackId;
use kitbag_core::policy::Sensitivity;
use kitbag_core::ticket::Ticket;
use kitbag_node::view::PeerState;
use std::time::Duration;

/// How long joining waits for the pack's members and notes; what has not come by then still comes.
const ARRIVAL_PATIENCE: Duration = Duration::from_secs(30);

impl Engine {
    /// Joins a pack. Returns once its members and the notes that the inviter holds are here, or, if
    /// that takes longer, with what came so far. Where a person is asked first, returns at once; this
    /// device asks again by itself until there is an answer.
    ///
    /// `name` is what this person wants to call the pack.
    ///
    /// # Errors
    /// [`EngineError::Ticket`] by cause; [`EngineError::NoPeer`] while offline;
    /// [`EngineError::TimedOut`] if the membership itself did not arrive.
    pub async fn join(
        &self,
        ticket: Zeroizing<String>,
        name: Option<String>,
    ) -> Result<Joined, EngineError> {
        let ticket = Ticket::parse(&ticket).map_err(TicketProblem::from)?;
        if let Some(name) = &name {
            self.check_new_name(name, &ticket).await?;
        }
        let mut notices = self.notices()?;
        let (worker, invite, asked_for) = (self.worker()?, ticket.invite, ticket.clone());
        let (member, waited) = worker
            .call(move |node, _| {
                let waiting = node.tickets_to_ask();
                let waited = waiting.iter().any(|(ticket, _)| ticket.invite == invite);
                Ok((node.plan_join(&asked_for).already_member, waited))
            })
            .await?;
        if member {
            return self.joined(ticket.pack, JoinState::AlreadyMember).await;
        }
        let net = {
            let network = self.inner.network.read().await;
            network
                .as_ref()
                .map(Network::transport)
                .ok_or(EngineError::NoPeer {})?
        };
        let state = match ask_all(&net, &worker, &ticket, name, false).await? {
            Round::In { already: true } if !waited => JoinState::AlreadyMember,
            Round::In { .. } => JoinState::Joined,
            Round::Waiting => return self.now_waiting(&ticket).await,
            Round::No(problem) => return Err(problem.into()),
        };
        if let Some(network) = self.inner.network.read().await.as_ref() {
            network.hurry();
        }
        let pack = ticket.pack;
        let here = move |node: &mut kitbag_node::Node| {
            let member = node.pack(pack).is_ok_and(|pack| pack.role.is_some());
            member
                && node
                    .peer_states(Some(pack))
                    .iter()
                    .any(|(_, state)| *state == PeerState::Synced)
        };
        self.wait_until(&mut notices, ARRIVAL_PATIENCE, here)
            .await?;
        self.joined(pack, state).await
    }

    /// A name of one's own must mean one pack only, also one that still waits.
    async fn check_new_name(&self, name: &str, ticket: &Ticket) -> Result<(), EngineError> {
        let refuse = |reason: &str| {
            Err(EngineError::BadInput {
                field: "name",
                reason: reason.into(),
            })
        };
        if name.trim().is_empty()
            || name.len() > NAME_BYTES_MAX
            || name.chars().any(char::is_control)
        {
            return refuse("must be one line of 1 to 128 bytes");
        }
        let taken = self
            .packs()
            .await?
            .iter()
            .any(|pack| pack.id != ticket.pack && pack.name.as_deref() == Some(name));
        let waits = self
            .waiting_joins()
            .await?
            .iter()
            .any(|join| join.pack != ticket.pack && join.name.as_deref() == Some(name));
        if taken || waits {
            refuse("is the name of another pack already")
        } else {
            Ok(())
        }
    }

    /// What a person is asked, as far as this device was told.
    async fn now_waiting(&self, ticket: &Ticket) -> Result<Joined, EngineError> {
        if let Some(network) = self.inner.network.read().await.as_ref() {
            network.ask_again_soon();
        }
        let id = ticket.invite.op.short();
        let joins = self.waiting_joins().await?;
        let join = joins.into_iter().find(|join| join.id == id);
        let asked = join.and_then(|join| join.asked.into_iter().next());
        let asked = asked.ok_or(EngineError::TimedOut)?; // forgotten meanwhile, by another command
        Ok(Joined {
            pack: ticket.pack,
            title: String::new(),
            role: asked.role,
            clearance: asked.clearance,
            check_words: asked.check_words,
            invited_by: asked.name,
            state: JoinState::Waiting { id },
            notes: 0,
        })
    }

    async fn joined(&self, pack: PackId, state: JoinState) -> Result<Joined, EngineError> {
        let (summary, inviter) = self
            .worker()?
            .call(move |node, _| Ok((node.pack(pack)?, node.inviter_of_me(pack))))
            .await?;
        let Some(role) = summary.role else {
            return Err(EngineError::TimedOut);
        };
        let (invited_by, check_words) = inviter.unwrap_or_default();
        Ok(Joined {
            pack,
            title: summary.title,
            role,
            clearance: summary.clearance.unwrap_or(Sensitivity::Public),
            check_words,
            invited_by,
            state,
            notes: summary.notes,
        })
    }
}

const NAME_BYTES_MAX: usize = 128;
