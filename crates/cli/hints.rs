//! What to do about a failure, by its code. The daemon does not know the options of this command.

use kitbag_rpc::{Code, Failure};

/// The failure with a hint, unless it has one or none is known.
pub(crate) fn with_hint(failure: Failure) -> Failure {
    match (&failure.hint, hint(failure.code)) {
        (None, Some(hint)) => failure.hint(hint),
        _ => failure,
    }
}

/// The same, where it is known which command failed.
pub(crate) fn with_hint_for(failure: Failure, command: Option<&str>) -> Failure {
    let failure = with_hint(failure);
    match (&failure.hint, command) {
        (Some(hint), Some(command)) if hint == SAYS_WHAT_IT_TAKES => {
            let hint = hint.replace("COMMAND", command);
            failure.hint(hint)
        }
        _ => failure,
    }
}

const SAYS_WHAT_IT_TAKES: &str = "kitbag help COMMAND says what it takes";

fn hint(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::Internal => {
            "please report this; the log directory of the home holds no text of yours"
        }
        Code::Storage => "is there room on the disk, and may you write there?",
        Code::Network => {
            "is the port free, and is the relay a URL? --listen and --relay change them"
        }
        Code::BadInput => SAYS_WHAT_IT_TAKES,
        Code::NotInitialised => "create them: kitbag up",
        Code::AlreadyInitialised => "another --home is another device",
        Code::AlreadyRunning => "stop it: kitbag down",
        Code::ConfirmationRequired => "look first with --dry-run, then say --yes",
        Code::DaemonUnreachable => "start it: kitbag daemon start",
        Code::Locked => {
            "on a terminal: kitbag unlock; elsewhere name a file that holds the passphrase: KITBAG_PASSPHRASE_FILE"
        }
        Code::Integrity => {
            "keep a copy of the home before you try anything; its log directory names what is damaged"
        }
        Code::NoPeer | Code::TimedOut => "kitbag status shows who can be reached",
        Code::RequestTooLarge => "split it into several notes",
        Code::TicketEmpty => "give the ticket as an argument, or pipe it in: kitbag join - < FILE",
        Code::TicketNotATicket => "a ticket begins with kitbag1; copy all of it",
        Code::TicketMalformed | Code::TicketChecksum | Code::TicketTruncated => {
            "copy all of it once more; if it is broken into lines: kitbag join -, paste, Enter, Ctrl-D"
        }
        Code::TicketNewerVersion => "update Kitbag, then join again; the ticket is not used up",
        Code::TicketForeign => "ask for a ticket made with kitbag share",
        Code::TicketUnknownInvite
        | Code::TicketExpired
        | Code::TicketCancelled
        | Code::TicketAlreadyUsed => "ask whoever invited you for a new ticket",
        Code::TicketRemoved => "ask one of them to let you in",
        Code::TicketDeclined => "ask them; with a new ticket you can ask again",
        Code::TicketTryLater => "try again in a minute; the ticket is not used up",
        Code::TicketUnreachable => {
            "ask them to run kitbag up, then join again; the ticket is not used up"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locked_device_names_the_command_that_opens_it() {
        let hint = with_hint(Failure::new(Code::Locked, "x")).hint.unwrap();
        assert!(hint.contains("kitbag unlock") && hint.contains("KITBAG_PASSPHRASE_FILE"));
    }

    #[test]
    fn a_failure_keeps_its_own_hint_and_tickets_always_get_one() {
        let own = Failure::new(Code::TicketExpired, "x").hint("own");
        assert_eq!(with_hint(own.clone()), own);
        for &code in Code::ALL
            .iter()
            .filter(|code| code.as_str().starts_with("ticket/"))
        {
            assert!(with_hint(Failure::new(code, "x")).hint.is_some(), "{code}");
        }
    }
}
