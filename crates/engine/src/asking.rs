//! Asking to be let in, and answering who asks: one round with a ticket, the loop that asks again
//! while a person thinks about it, and what that person can do.

use crate::network::{Pump, address_setting, peer_address};
use crate::worker::Worker;
use crate::{Engine, EngineError, TicketProblem, one_of};
use kitbag_core::id::PackId;
use kitbag_core::policy::op::GrantRef;
use kitbag_core::ticket::{PeerHint, Ticket};
use kitbag_net::{JoinError, Net};
use kitbag_node::JoinOutcome;
use kitbag_node::view::{InviteView, JoinRequestView, ShareOptions, ShareTerms, WaitingJoinView};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::debug;

/// What came of asking everybody whom a ticket names.
pub(crate) enum Round {
    /// A member now, or, if so, already.
    In { already: bool },
    /// A person is asked.
    Waiting,
    /// None of them lets this device in.
    No(TicketProblem),
}

/// Asks the devices that a ticket names, one after the other, until one lets this device in. With
/// `patient` it goes on to the others after one that asks its person.
pub(crate) async fn ask_all(
    net: &Net,
    worker: &Worker,
    ticket: &Ticket,
    name: Option<String>,
    patient: bool,
) -> Result<Round, EngineError> {
    let asked = ticket.clone();
    let (plan, draft) = worker
        .call(move |node, _| Ok((node.plan_join(&asked), node.join_draft(&asked))))
        .await?;
    if plan.already_member {
        return Ok(Round::In { already: true });
    }
    let draft = Arc::new(draft);
    let (mut problem, mut waits) = (TicketProblem::Unreachable {}, false);
    for peer in plan.peers {
        let (draft, admitter) = (draft.clone(), peer.endpoint);
        let answer = net
            .join(&peer_address(&peer), move |binding| {
                draft.request(admitter, binding.exporter)
            })
            .await;
        match answer {
            Ok(answer) => match answered(worker, ticket, &peer, answer, name.clone()).await? {
                JoinOutcome::Admitted => return Ok(Round::In { already: false }),
                // So it hears of a person's yes: that made it a member at once.
                JoinOutcome::AlreadyMember => return Ok(Round::In { already: true }),
                JoinOutcome::Waiting if patient => waits = true,
                JoinOutcome::Waiting => return Ok(Round::Waiting),
                JoinOutcome::Refused(refusal) => problem = problem.or_firmer(refusal.into()),
                JoinOutcome::NoAnswer => {}
            },
            Err(JoinError::NotAuthorised) => {
                problem = problem.or_firmer(TicketProblem::UnknownInvite);
            }
            Err(JoinError::Busy) => problem = problem.or_firmer(TicketProblem::TryLater),
            Err(error) => debug!(%error, "a device named by the ticket was not reached"),
        }
    }
    Ok(if waits {
        Round::Waiting
    } else {
        Round::No(problem)
    })
}

async fn answered(
    worker: &Worker,
    ticket: &Ticket,
    peer: &PeerHint,
    answer: Vec<u8>,
    name: Option<String>,
) -> Result<JoinOutcome, EngineError> {
    let (ticket, peer) = (ticket.clone(), peer.clone());
    worker
        .call(move |node, now| {
            let outcome = node.join_answered(now, &ticket, peer.endpoint, &answer, name)?;
            if matches!(outcome, JoinOutcome::Admitted | JoinOutcome::AlreadyMember) {
                for peer in &ticket.peers {
                    node.keep_shell_setting(
                        &address_setting(&peer.endpoint),
                        places(peer).as_bytes(),
                    )?;
                }
            }
            Ok(outcome)
        })
        .await
}

/// Where a ticket says that a device is, one place a line.
fn places(peer: &PeerHint) -> String {
    let relay = peer.relay.iter().map(|relay| format!("relay {relay}"));
    let lines: Vec<String> = peer.addresses.iter().cloned().chain(relay).collect();
    lines.join("\n")
}

impl Pump {
    /// Asks again with the tickets that wait for a person, each after a pause that grows.
    pub(crate) async fn ask_again(self) {
        let mut rests: BTreeMap<GrantRef, (Instant, Duration)> = BTreeMap::new();
        loop {
            let waiting = self
                .worker
                .call(|node, _| Ok(node.tickets_to_ask()))
                .await
                .unwrap_or_default();
            rests.retain(|invite, _| waiting.iter().any(|(ticket, _)| ticket.invite == *invite));
            for (ticket, name) in &waiting {
                let (due, pause) = rests
                    .entry(ticket.invite)
                    .or_insert_with(|| (Instant::now() + ASK_AFTER, ASK_AFTER));
                if Instant::now() < *due {
                    continue;
                }
                match ask_all(&self.net, &self.worker, ticket, name.clone(), true).await {
                    Ok(Round::In { .. }) => self.hurry(),
                    Ok(Round::Waiting | Round::No(_)) => {}
                    Err(error) => debug!(%error, "a ticket that waits could not be asked with"),
                }
                *pause = (*pause * 2).min(ASK_PAUSE_MAX);
                *due = Instant::now() + *pause;
            }
            let next = rests.values().map(|(due, _)| *due).min();
            let pause = next.map_or(ASK_PAUSE_MAX, |due| {
                due.saturating_duration_since(Instant::now())
            });
            // A ticket that begins to wait wakes this up.
            let _ = tokio::time::timeout(pause, self.asks().notified()).await;
        }
    }
}

impl Engine {
    /// What a ticket would give, once the policy permits it.
    ///
    /// # Errors
    /// As [`Engine::share`].
    pub async fn preview_share(
        &self,
        pack: PackId,
        options: ShareOptions,
    ) -> Result<ShareTerms, EngineError> {
        self.worker()?
            .call(move |node, now| node.preview_share(now, pack, &options))
            .await
    }

    /// Every invite of a pack, oldest first.
    ///
    /// # Errors
    /// [`EngineError::NotFound`].
    pub async fn invites(&self, pack: PackId) -> Result<Vec<InviteView>, EngineError> {
        self.worker()?
            .call(move |node, now| node.invites(now, pack))
            .await
    }

    /// Ends an invite, named by the start of its id; keeps who came in by it. A dry run does nothing.
    ///
    /// # Errors
    /// [`EngineError::NotFound`], [`EngineError::Ambiguous`]; [`EngineError::Conflict`] if it lets
    /// nobody in any more; [`EngineError::Denied`].
    pub async fn cancel_invite(
        &self,
        pack: PackId,
        invite: String,
        dry_run: bool,
    ) -> Result<InviteView, EngineError> {
        let word = invite.clone();
        let found = self
            .worker()?
            .call(move |node, _| Ok(node.invites_called(pack, &word)))
            .await?;
        let invite = one_of(found, "invite", invite, |invite| invite.op.short())?;
        self.worker()?
            .call(move |node, now| node.cancel_invite(now, pack, invite, dry_run))
            .await
    }

    /// Who waits for this person's answer, in one pack or in all, oldest first.
    ///
    /// # Errors
    /// [`EngineError::Stopped`].
    pub async fn join_requests(
        &self,
        pack: Option<PackId>,
    ) -> Result<Vec<JoinRequestView>, EngineError> {
        self.worker()?
            .call(move |node, now| Ok(node.join_requests(now, pack)))
            .await
    }

    /// Lets somebody in who waits, named by the start of the request's id or by the check words. A dry
    /// run does nothing.
    ///
    /// # Errors
    /// [`EngineError::NotFound`], [`EngineError::Ambiguous`], [`EngineError::Denied`].
    pub async fn approve_join(
        &self,
        request: String,
        dry_run: bool,
    ) -> Result<JoinRequestView, EngineError> {
        let of = self.request_called(request).await?;
        self.worker()?
            .call(move |node, now| node.approve_join(now, of, dry_run))
            .await
    }

    /// Turns somebody away who waits, until the invite ends. A dry run does nothing.
    ///
    /// # Errors
    /// [`EngineError::NotFound`], [`EngineError::Ambiguous`].
    pub async fn refuse_join(
        &self,
        request: String,
        dry_run: bool,
    ) -> Result<JoinRequestView, EngineError> {
        let of = self.request_called(request).await?;
        self.worker()?
            .call(move |node, now| node.refuse_join(now, of, dry_run))
            .await
    }

    async fn request_called(
        &self,
        request: String,
    ) -> Result<kitbag_node::view::RequestRef, EngineError> {
        let word = request.clone();
        let found = self
            .worker()?
            .call(move |node, now| Ok(node.join_requests_called(now, &word)))
            .await?;
        one_of(found, "request", request, |of| of.person.short())
    }

    /// Tickets of this person that wait for somebody's answer, or got a no, oldest first.
    ///
    /// # Errors
    /// [`EngineError::Stopped`].
    pub async fn waiting_joins(&self) -> Result<Vec<WaitingJoinView>, EngineError> {
        self.worker()?
            .call(|node, _| Ok(node.waiting_joins()))
            .await
    }

    /// Stops asking with a ticket and forgets it.
    ///
    /// # Errors
    /// [`EngineError::NotFound`], [`EngineError::BadInput`].
    pub async fn forget_join(&self, id: String) -> Result<WaitingJoinView, EngineError> {
        let word = id.clone();
        let forgotten = self
            .worker()?
            .call(move |node, _| node.forget_join(&word))
            .await;
        forgotten.map_err(|error| match error {
            EngineError::NotFound { what, .. } => EngineError::NotFound { what, selector: id },
            other => other,
        })
    }
}

/// How long after a ticket began to wait it is asked with again.
const ASK_AFTER: Duration = Duration::from_secs(2);
/// The longest pause between two rounds: a device that comes online is found within a minute.
const ASK_PAUSE_MAX: Duration = Duration::from_secs(60);
