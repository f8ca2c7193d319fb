//! Sessions of terminals, and what is not shown to a terminal without one.

use super::{Answered, Served};
use crate::convert;
use crate::failure::failed;
use crate::home::Home;
use kitbag_engine::{self as engine, Engine, ItemId, PackId, Proven};
use kitbag_rpc::{
    ChangeProof, CloseSession, Code, Failure, OpenSession, ReadSession, SessionClosed,
    SessionProof, SessionShown, Time, V1,
};
use std::time::{SystemTime, UNIX_EPOCH};
use tracing::warn;
use zeroize::Zeroizing;

/// The most sensitive that a terminal without a session is shown.
const CEILING: engine::Sensitivity = engine::Sensitivity::Internal;
/// The rule, as a report of the denial names it.
const RULE: &str = "session";

/// What was asked for needs a session that this terminal does not have.
pub(crate) fn needed(what: &str) -> Failure {
    Failure::new(
        Code::SessionNeeded,
        format!("{what} needs an unlocked session in this terminal"),
    )
    .hint("kitbag unlock, in the terminal where you work; it lasts ten minutes")
}

pub(super) async fn read(home: Home, _: ReadSession) -> Answered<SessionShown> {
    home.session_shown().await
}

pub(super) async fn open(home: Home, call: OpenSession) -> Answered<SessionShown> {
    let engine = home.open_engine()?;
    let Some(terminal) = home.terminal() else {
        return Err(Failure::new(
            Code::SessionTerminal,
            "a session belongs to a terminal, and the system does not say which one asks",
        )
        .hint(
            "run kitbag unlock yourself, in a terminal; outside Linux no terminal can be told yet",
        ));
    };
    let secret = Zeroizing::new(call.secret.expose().to_owned());
    match engine.prove_person(secret).await.map_err(|e| failed(&e))? {
        Proven::Yes => home.sessions().open(terminal),
        Proven::No(until) => {
            let told = engine.report_denial("unlock", "session proof", home.via());
            told.await.map_err(|e| failed(&e))?;
            return Err(wrong(until.map(convert::time)));
        }
        Proven::Wait(until) => return Err(wait(convert::time(until))),
    }
    home.session_shown().await
}

fn wrong(until: Option<Time>) -> Failure {
    let failure = Failure::new(Code::SessionProof, "that is not it");
    match until {
        Some(until) => failure.hint(format!("the next try is taken {}", until.in_words())),
        None => failure.hint("try again; after three wrong tries each waits longer"),
    }
}

fn wait(until: Time) -> Failure {
    Failure::new(
        Code::SessionWait,
        format!(
            "there were too many wrong tries: the next is taken {}",
            until.in_words()
        ),
    )
    .hint("if they were not yours, some program guesses: kitbag audit log --device")
}

pub(super) async fn close(home: Home, _: CloseSession) -> Answered<SessionClosed> {
    let terminal = home.terminal();
    Ok(SessionClosed {
        v: V1,
        was_open: terminal.is_some_and(|terminal| home.sessions().close(terminal)),
    })
}

pub(super) async fn change_proof(home: Home, call: ChangeProof) -> Answered<SessionShown> {
    let engine = home.open_engine()?;
    if let Some(pin) = call.pin {
        let needs = engine.session_needs().await.map_err(|e| failed(&e))?;
        if !needs.needed {
            return Err(Failure::new(
                Code::BadInput,
                "PIN: nothing needs one on this device",
            ));
        }
        let pin = Zeroizing::new(pin.expose().to_owned());
        let kept = engine.guard_sessions(Some(pin)).await;
        kept.map_err(|e| failed(&e))?;
    }
    home.session_shown().await
}

impl Home {
    fn open_engine(&self) -> Answered<Engine> {
        self.engine().ok_or_else(|| {
            Failure::new(Code::Locked, "this device is locked").hint("open it: kitbag unlock")
        })
    }

    /// How it stands with sessions, as seen from the terminal that asks.
    pub(super) async fn session_shown(&self) -> Answered<SessionShown> {
        let terminal = self.terminal();
        let Some(engine) = self.engine() else {
            return Ok(SessionShown {
                terminal: terminal.is_some(),
                ..SessionShown::default()
            });
        };
        let needs = engine.session_needs().await.map_err(|e| failed(&e))?;
        let left = terminal.and_then(|terminal| self.sessions().left(terminal));
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let until = left.map(|left| now.unwrap_or_default() + left);
        Ok(SessionShown {
            v: V1,
            needed: needs.needed,
            proof: needs.proof.map(|proof| match proof {
                engine::SessionProof::Passphrase => SessionProof::Passphrase,
                engine::SessionProof::Pin => SessionProof::Pin,
            }),
            terminal: terminal.is_some(),
            open_until: until
                .filter(|_| needs.needed)
                .map(|at| Time::from_millis(u64::try_from(at.as_millis()).unwrap_or(u64::MAX))),
            waits_until: needs.waits_until.map(convert::time),
        })
    }
}

impl Served {
    /// The most sensitive that is shown to who asks: everything, or without a session what is no more
    /// than internal.
    pub(super) fn shown_up_to(&self) -> engine::Sensitivity {
        match self.session.is_enough() {
            true => engine::Sensitivity::Restricted,
            false => CEILING,
        }
    }

    /// What a list says of that: nothing while all is shown.
    pub(super) fn up_to(&self) -> Option<kitbag_rpc::Sensitivity> {
        let shown = self.shown_up_to();
        (shown < engine::Sensitivity::Restricted).then(|| convert::sensitivity(shown))
    }

    /// The note that a person means, if it may be opened, changed or taken from where they ask.
    pub(super) async fn resolve_note(
        &self,
        selector: String,
        asked: &'static str,
    ) -> Answered<(PackId, ItemId)> {
        let found = self.engine.resolve_note(selector).await;
        let (pack, note) = found.map_err(|e| failed(&e))?;
        self.may_touch(pack, note, asked).await?;
        Ok((pack, note))
    }

    /// Whether a note may be opened, changed or taken from where somebody asks; if not, it is reported.
    pub(super) async fn may_touch(
        &self,
        pack: PackId,
        note: ItemId,
        asked: &'static str,
    ) -> Answered<()> {
        if self.session.is_enough() {
            return Ok(());
        }
        let stands = self.engine.sensitivity_of(pack, note).await;
        let stands = stands.map_err(|e| failed(&e))?;
        if stands <= CEILING {
            return Ok(());
        }
        let told = self
            .engine
            .report_denial_of_note(pack, note, asked, RULE, self.via());
        if let Err(error) = told.await {
            warn!(%error, "a refusal could not be noted");
        }
        Err(needed("a confidential or restricted note"))
    }

    /// Whether something of this sensitivity may be opened or changed from where somebody asks; if not, it
    /// is reported.
    pub(super) async fn may_see(
        &self,
        pack: PackId,
        stands: engine::Sensitivity,
        asked: &'static str,
    ) -> Answered<()> {
        if self.session.is_enough() || stands <= CEILING {
            return Ok(());
        }
        let told = self.engine.report_denial_in(pack, asked, RULE, self.via());
        if let Err(error) = told.await {
            warn!(%error, "a refusal could not be noted");
        }
        Err(needed("a confidential or restricted hand-off"))
    }

    /// Whether a note may be made so much less sensitive from where somebody asks: then more people read
    /// it. If not, it is reported.
    pub(super) async fn may_lower(
        &self,
        pack: PackId,
        note: ItemId,
        to: engine::Sensitivity,
    ) -> Answered<()> {
        if self.session.is_enough() {
            return Ok(());
        }
        let stands = self.engine.sensitivity_of(pack, note).await;
        if to >= stands.map_err(|e| failed(&e))? {
            return Ok(());
        }
        let told = self
            .engine
            .report_denial_of_note(pack, note, "relabel", RULE, self.via());
        if let Err(error) = told.await {
            warn!(%error, "a refusal could not be noted");
        }
        Err(needed("making a note less sensitive"))
    }

    /// Whether so much may be taken out of a pack from where somebody asks; if not, it is reported.
    pub(super) async fn may_take_out(
        &self,
        pack: PackId,
        up_to: Option<engine::Sensitivity>,
    ) -> Answered<()> {
        if self.session.is_enough() {
            return Ok(());
        }
        let default = self.summary(pack).await?.default_sensitivity;
        let up_to = up_to.unwrap_or(default);
        if up_to <= default.min(CEILING) {
            return Ok(());
        }
        let told = self
            .engine
            .report_denial_in(pack, "export", RULE, self.via());
        if let Err(error) = told.await {
            warn!(%error, "a refusal could not be noted");
        }
        Err(needed(
            "an export above the pack's default, or above Internal,",
        ))
    }
}
