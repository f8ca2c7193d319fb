//! Everything that can go wrong, as stable words: one row each, with the exit code of the command
//! and the status of the HTTP answer.
//!
//! Scripts match on the word, so a row is never renamed and never reused. The rule for tickets: a
//! text that is no good ticket is a usage error, an invite that nobody knows is not found, a
//! ticket that was good once is stale. `docs/cli.md` holds the same table; a test compares them.

use std::fmt;

/// How the command ends. The numbers are a promise to scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Ok = 0,
    /// A fault in Kitbag, or of this machine.
    Internal = 1,
    /// Asked wrongly: an argument, an input, an ambiguous name.
    Usage = 2,
    /// No such thing.
    NotFound = 3,
    /// Denied by policy.
    Denied = 4,
    /// Needs a consent that is not there.
    ConsentRequired = 5,
    /// Does not fit into the token budget.
    OverBudget = 6,
    /// In conflict with what is there, or stale.
    Conflict = 7,
    /// The daemon cannot be reached.
    DaemonUnreachable = 8,
    /// Locked: needs the passphrase or the keyring.
    Locked = 9,
    /// Something stored or received does not check out.
    Integrity = 10,
    /// No peer could be reached, or it took too long.
    NoPeer = 11,
}

impl Exit {
    /// The number.
    pub const fn as_u8(self) -> u8 {
        self as u8
    }
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal, $exit:ident, $status:literal;)+) => {
        /// What went wrong, as a word that scripts may rely on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Code {
            /// Every code, in the order of `docs/cli.md`.
            pub const ALL: &'static [Code] = &[$(Code::$name,)+];

            /// The word in `error.code`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$name => $word,)+ }
            }

            /// How the command ends.
            pub const fn exit(self) -> Exit {
                match self { $(Code::$name => Exit::$exit,)+ }
            }

            /// The status of the HTTP answer that carries it.
            pub const fn http_status(self) -> u16 {
                match self { $(Code::$name => $status,)+ }
            }
        }
    };
}

codes! {
    /// A fault in Kitbag.
    Internal = "internal", Internal, 500;
    /// A file could not be read or written; the disk may be full.
    Storage = "storage", Internal, 500;
    /// The network could not be opened as it is configured.
    Network = "network", Internal, 500;
    /// The arguments of the command do not fit together.
    Usage = "usage", Usage, 400;
    /// A field or option holds what it cannot hold.
    BadInput = "bad-input", Usage, 400;
    /// A name or prefix fits more than one.
    Ambiguous = "ambiguous", Usage, 400;
    /// The command asks before it sends, and there is nobody to ask.
    ConfirmationRequired = "confirmation-required", Usage, 400;
    /// The body of a request is not the JSON that its path takes.
    RequestMalformed = "request/malformed", Usage, 400;
    /// The request, or the header that names the caller, is of a version that is not known.
    RequestVersion = "request/version", Usage, 400;
    /// The request does not say who calls.
    RequestCaller = "request/caller", Usage, 400;
    /// The request is longer than the limit.
    RequestTooLarge = "request/too-large", Usage, 413;
    /// The rest of the request did not arrive in time.
    RequestIncomplete = "request/incomplete", Usage, 408;
    /// There is no such path.
    RequestRoute = "request/unknown-route", Usage, 404;
    /// The path does not take this method.
    RequestMethod = "request/wrong-method", Usage, 405;
    /// No pack, note or file like that.
    NotFound = "not-found", NotFound, 404;
    /// This home holds no person and device yet.
    NotInitialised = "not-initialised", NotFound, 404;
    /// This home holds a person and device already.
    AlreadyInitialised = "already-initialised", Conflict, 409;
    /// The policy of the pack does not allow it.
    Denied = "denied", Denied, 403;
    /// It stays for want of a consent: the note's own, or one that a rule of the pack asks for.
    ConsentRequired = "consent-required", ConsentRequired, 403;
    /// The caller may not use this daemon.
    CallerDenied = "caller-denied", Denied, 403;
    /// It needs an unlocked session in this terminal.
    SessionNeeded = "session/needed", Denied, 403;
    /// A session belongs to a terminal, and there is none.
    SessionTerminal = "session/terminal", Denied, 403;
    /// A wrong PIN or passphrase.
    SessionProof = "session/proof", Denied, 403;
    /// Too many wrong tries: the next one has to wait.
    SessionWait = "session/wait", Denied, 429;
    /// No agent by this name and secret.
    AgentSecret = "agent/secret", Denied, 401;
    /// The agent was revoked.
    AgentRevoked = "agent/revoked", Denied, 403;
    /// The agent is paused.
    AgentPaused = "agent/paused", Denied, 403;
    /// The agent's time is over.
    AgentExpired = "agent/expired", Denied, 403;
    /// The agent may not do that.
    AgentDenied = "agent/denied", Denied, 403;
    /// The agent's tokens of this day do not suffice.
    AgentTokens = "agent/tokens", OverBudget, 429;
    /// What was asked for takes more tokens than it may.
    OverBudget = "over-budget", OverBudget, 422;
    /// Changed meanwhile, or not possible in this state.
    Conflict = "conflict", Conflict, 409;
    /// Another daemon serves this home.
    AlreadyRunning = "daemon/already-running", Conflict, 409;
    /// No daemon answers.
    DaemonUnreachable = "daemon/unreachable", DaemonUnreachable, 503;
    /// The device is locked: the passphrase, key file or keyring is missing or wrong.
    Locked = "locked", Locked, 423;
    /// Something stored or received does not check out.
    Integrity = "integrity", Integrity, 500;
    /// No peer could be reached.
    NoPeer = "no-peer", NoPeer, 503;
    /// It took longer than the time allowed.
    TimedOut = "timed-out", NoPeer, 504;
    /// No text where a ticket was expected.
    TicketEmpty = "ticket/empty", Usage, 400;
    /// The text is not a ticket.
    TicketNotATicket = "ticket/not-a-ticket", Usage, 400;
    /// The ticket is damaged.
    TicketMalformed = "ticket/malformed", Usage, 400;
    /// A character of the ticket changed on the way.
    TicketChecksum = "ticket/checksum", Usage, 400;
    /// The end of the ticket is missing.
    TicketTruncated = "ticket/truncated", Usage, 400;
    /// The ticket was made by a newer Kitbag.
    TicketNewerVersion = "ticket/newer-version", Usage, 400;
    /// The ticket belongs to another program or another kind of thing.
    TicketForeign = "ticket/foreign", Usage, 400;
    /// Those who were asked know no such invite.
    TicketUnknownInvite = "ticket/unknown-invite", NotFound, 404;
    /// The ticket's time is over.
    TicketExpired = "ticket/expired", Conflict, 409;
    /// Whoever shared took it back.
    TicketCancelled = "ticket/cancelled", Conflict, 409;
    /// Somebody joined with it.
    TicketAlreadyUsed = "ticket/already-used", Conflict, 409;
    /// The person was removed from the pack.
    TicketRemoved = "ticket/removed", Denied, 403;
    /// Whoever was asked said no.
    TicketDeclined = "ticket/declined", Denied, 403;
    /// The device that was asked lets nobody in at the moment.
    TicketTryLater = "ticket/try-later", NoPeer, 503;
    /// Nobody whom the ticket names could be reached.
    TicketUnreachable = "ticket/unreachable", NoPeer, 503;
}

impl Code {
    /// The code that this word is, if this program knows it.
    pub fn parse(word: &str) -> Option<Code> {
        Self::ALL.iter().copied().find(|code| code.as_str() == word)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn words_are_unique_and_find_their_code_again() {
        let words: HashSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(words.len(), Code::ALL.len());
        for &code in Code::ALL {
            assert_eq!(Code::parse(code.as_str()), Some(code));
            assert!(
                code.as_str()
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b"-/".contains(&b)),
                "{code}"
            );
            assert_ne!(code.exit(), Exit::Ok, "{code}");
            assert!((400..600).contains(&code.http_status()), "{code}");
        }
        assert_eq!(Code::parse(""), None);
    }

    #[test]
    fn exit_codes_are_the_promised_numbers() {
        let promised = [
            (Exit::Ok, 0),
            (Exit::Internal, 1),
            (Exit::Usage, 2),
            (Exit::NotFound, 3),
            (Exit::Denied, 4),
            (Exit::ConsentRequired, 5),
            (Exit::OverBudget, 6),
            (Exit::Conflict, 7),
            (Exit::DaemonUnreachable, 8),
            (Exit::Locked, 9),
            (Exit::Integrity, 10),
            (Exit::NoPeer, 11),
        ];
        for (exit, number) in promised {
            assert_eq!(exit.as_u8(), number);
        }
    }

    #[test]
    fn tickets_end_as_wrong_text_unknown_stale_or_unreachable() {
        for &code in Code::ALL
            .iter()
            .filter(|code| code.as_str().starts_with("ticket/"))
        {
            let expected = match code {
                Code::TicketUnknownInvite => Exit::NotFound,
                Code::TicketExpired | Code::TicketCancelled | Code::TicketAlreadyUsed => {
                    Exit::Conflict
                }
                Code::TicketRemoved | Code::TicketDeclined => Exit::Denied,
                Code::TicketUnreachable | Code::TicketTryLater => Exit::NoPeer,
                _ => Exit::Usage,
            };
            assert_eq!(code.exit(), expected, "{code}");
        }
    }
}
