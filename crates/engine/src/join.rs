//! Joining a pack with a ticket: ask the devices it names, then wait until the pack is here.

use crate::network::address_setting;
use crate::{Engine, EngineError, Joined, TicketProblem, Zeroizing};
use kitbag_core::id::PackId;
use kitbag_core::policy::Sensitivity;
use kitbag_core::ticket::{PeerHint, Ticket};
use kitbag_net::JoinError;
use kitbag_node::JoinOutcome;
use kitbag_node::view::PeerState;
use std::time::Duration;

/// How long joining waits for the pack's members and notes; what has not come by then still comes.
const ARRIVAL_PATIENCE: Duration = Duration::from_secs(30);

impl Engine {
    /// Joins a pack. Returns once its members and the notes that the inviter holds are here, or, if
    /// that takes longer, with what came so far.
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
            self.check_new_name(name).await?;
        }
        let mut notices = self.notices()?;
        let asked = ticket.clone();
        let (plan, draft) = self
            .worker()?
            .call(move |node, _| Ok((node.plan_join(&asked), node.join_draft(&asked))))
            .await?;
        if plan.already_member {
            return self.joined(plan.pack, true).await;
        }
        let draft = std::sync::Arc::new(draft);
        let mut problem = TicketProblem::Unreachable {};
        let mut already_member = None;
        for peer in plan.peers {
            let answer = {
                let network = self.inner.network.read().await;
                let network = network.as_ref().ok_or(EngineError::NoPeer {})?;
                let (draft, admitter) = (draft.clone(), peer.endpoint);
                network
                    .ask_to_join(&peer, move |exporter| draft.request(admitter, exporter))
                    .await
            };
            match answer {
                Ok(answer) => match self.answered(&ticket, &peer, answer, name.clone()).await? {
                    JoinOutcome::Admitted => already_member = Some(false),
                    JoinOutcome::AlreadyMember => already_member = Some(true),
                    JoinOutcome::Refused(refusal) => problem = refusal.into(),
                    JoinOutcome::NoAnswer => {}
                },
                Err(JoinError::NotAuthorised) => problem = TicketProblem::UnknownInvite,
                Err(JoinError::Busy) => problem = TicketProblem::TryLater,
                Err(error) => {
                    tracing::debug!(%error, "a device named by the ticket was not reached")
                }
            }
            if already_member.is_some() {
                break;
            }
        }
        let already_member = already_member.ok_or(problem)?;
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
        self.joined(pack, already_member).await
    }

    /// A name of one's own must mean one pack only.
    async fn check_new_name(&self, name: &str) -> Result<(), EngineError> {
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
            .any(|pack| pack.name.as_deref() == Some(name));
        if taken {
            refuse("is the name of another pack already")
        } else {
            Ok(())
        }
    }

    async fn answered(
        &self,
        ticket: &Ticket,
        peer: &PeerHint,
        answer: Vec<u8>,
        name: Option<String>,
    ) -> Result<JoinOutcome, EngineError> {
        let (ticket, peer) = (ticket.clone(), peer.clone());
        self.worker()?
            .call(move |node, now| {
                let outcome = node.join_answered(now, &ticket, peer.endpoint, &answer, name)?;
                if matches!(outcome, JoinOutcome::Admitted | JoinOutcome::AlreadyMember) {
                    let relay = peer.relay.iter().map(|relay| format!("relay {relay}"));
                    let lines: Vec<String> = peer.addresses.iter().cloned().chain(relay).collect();
                    node.keep_shell_setting(
                        &address_setting(&peer.endpoint),
                        lines.join("\n").as_bytes(),
                    )?;
                }
                Ok(outcome)
            })
            .await
    }

    async fn joined(&self, pack: PackId, already_member: bool) -> Result<Joined, EngineError> {
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
            already_member,
            notes: summary.notes,
        })
    }
}

const NAME_BYTES_MAX: usize = 128;
