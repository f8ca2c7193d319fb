//! `kitbag lock`: the daemon closes its packs and forgets the key; it goes on to run.

use crate::context::Context;
use crate::home;
use clap::Args;
use kitbag_daemon::is_served;
use kitbag_rpc::{CloseSession, LockHome, OpensWith, V1};
use serde::Serialize;

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct LockedHome {
    v: V1,
    /// Whether a daemon runs; one that does not run holds no key.
    running: bool,
    pid: Option<u32>,
    locked: bool,
    was_open: bool,
    opens_with: Option<OpensWith>,
    /// With --session: whether there was one. All of them end with a lock.
    session_ended: Option<bool>,
}

#[derive(Debug, Args)]
pub(crate) struct LockArgs {
    /// Only end the session of this terminal; the packs stay open
    #[arg(long)]
    session: bool,
}

pub(super) async fn run(context: &Context, args: LockArgs) -> anyhow::Result<()> {
    if let Some(trouble) = home::trouble(&context.home) {
        return Err(trouble.into());
    }
    if args.session {
        return end_session(context).await;
    }
    let locked = if is_served(&context.home) {
        let answer = context.client().call(&LockHome::default()).await?;
        LockedHome {
            v: V1,
            running: true,
            pid: Some(answer.pid),
            locked: true,
            was_open: answer.was_open,
            opens_with: Some(answer.opens_with),
            session_ended: None,
        }
    } else {
        LockedHome {
            v: V1,
            running: false,
            pid: None,
            locked: false,
            was_open: false,
            opens_with: None,
            session_ended: None,
        }
    };
    if context.out.is_json() {
        return context.out.document(&locked);
    }
    Ok(context.out.data(locked.in_words())?)
}

/// Ends the session of this terminal, and nothing else.
async fn end_session(context: &Context) -> anyhow::Result<()> {
    let running = is_served(&context.home);
    let ended = match running {
        true => {
            context
                .client()
                .call(&CloseSession::default())
                .await?
                .was_open
        }
        false => false,
    };
    if context.out.is_json() {
        return context.out.document(&LockedHome {
            v: V1,
            running,
            pid: None,
            locked: false,
            was_open: running,
            opens_with: None,
            session_ended: Some(ended),
        });
    }
    Ok(context.out.data(match ended {
        true => "The session of this terminal ended.",
        false => "This terminal had no session.",
    })?)
}

impl LockedHome {
    fn in_words(&self) -> String {
        let Some(opens_with) = self.opens_with else {
            return "It does not run, so nothing is open.".to_owned();
        };
        let locked = if self.was_open {
            "Locked: your packs are closed, and nothing is exchanged, until: kitbag unlock"
        } else {
            "It was locked already. To open it: kitbag unlock"
        };
        match keeps_nobody_out(opens_with) {
            Some(warning) => format!("{locked}\n{warning}"),
            None => locked.to_owned(),
        }
    }
}

/// What a lock is worth when unlocking asks nobody.
pub(super) fn keeps_nobody_out(opens_with: OpensWith) -> Option<&'static str> {
    match opens_with {
        OpensWith::Passphrase => None,
        OpensWith::KeyFile => Some(
            "This device opens with a key file: unlocking asks nobody, so whoever can use your account can do it.\n\
             To be asked: kitbag key protect --passphrase",
        ),
        OpensWith::Keyring => Some(
            "This device opens with the keyring: while that is unlocked, as it mostly is, unlocking asks nobody.\n\
             To be asked: kitbag key protect --passphrase",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_asks_nobody_is_called_so() {
        let told = |opens_with| {
            LockedHome {
                v: V1,
                running: true,
                pid: Some(1),
                locked: true,
                was_open: true,
                opens_with: Some(opens_with),
                session_ended: None,
            }
            .in_words()
        };
        assert!(!told(OpensWith::Passphrase).contains("asks nobody"));
        for opens_with in [OpensWith::KeyFile, OpensWith::Keyring] {
            assert!(told(opens_with).contains("asks nobody"));
        }
    }
}
