//! The sentences that more than one command says. No words of the machinery in front of a person.

use crate::context::Context;
use crate::output::Output;
use crate::when;
use jiff::Zoned;
use kitbag_daemon::KeyProtection;
use kitbag_render::{Lines, escape};
use kitbag_rpc::{
    AudienceMember, Client, ClientError, Code, Fork, JoinRequest, NoteRef, PackRef, PackStatus,
    PeerState, PeerStatus, Role, Sensitivity, SessionShown, ShowPack, V1, WaitingJoin,
};
use std::collections::BTreeMap;
use std::fmt::Write;

/// What to call a pack: the own name for it, else its title, else the start of its id.
pub(crate) fn pack(pack: &PackRef) -> String {
    name(&pack.id, &pack.title, pack.name.as_deref())
}

/// The same for a pack in a status.
pub(crate) fn status_name(pack: &PackStatus) -> String {
    name(&pack.id, &pack.title, pack.name.as_deref())
}

fn name(id: &str, title: &str, name: Option<&str>) -> String {
    match name.unwrap_or(title) {
        "" => format!("pack {}", short(id)),
        name => inline(name),
    }
}

/// Says so when a word that somebody just gave to a pack fits another of theirs as well.
pub(crate) async fn warn_if_shared(context: &Context, client: &Client, name: &str) {
    let call = ShowPack {
        v: V1,
        pack: name.to_owned(),
    };
    let answer = client.call(&call).await;
    if matches!(answer, Err(ClientError::Failed(failure)) if failure.code == Code::Ambiguous) {
        context.out.say(format!(
            "You have another pack called {}: from now on both go by their ids only (kitbag pack list).",
            inline(name)
        ));
    }
}

/// That this device was told to reach nobody, and how to end it.
pub(crate) const OFFLINE: &str = "Offline: nobody is reached until kitbag down and kitbag up.";

/// The start of an id, enough to type.
pub(crate) fn short(id: &str) -> &str {
    id.get(..10).unwrap_or(id)
}

/// `abcdefghij (Internal), klmnopqrst (Restricted)`.
pub(crate) fn along(notes: &[NoteRef]) -> String {
    let one = |note: &NoteRef| format!("{} ({})", short(&note.id), note.sensitivity.title());
    let all: Vec<String> = notes.iter().map(one).collect();
    all.join(", ")
}

/// An id in a list: enough to type for a person, whole for a program.
pub(crate) fn listed_id(out: Output, id: &str) -> &str {
    if out.terminal().is_some() {
        short(id)
    } else {
        id
    }
}

/// The same text with a capital at its beginning.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

/// What the system said of a file, without its number for it.
pub(crate) fn of_system(error: &std::io::Error) -> String {
    let said = error.to_string();
    match said.split_once(" (os error") {
        Some((said, _)) => inline(&said.to_lowercase()),
        None => inline(&said),
    }
}

/// Text of somebody else inside a sentence.
pub(crate) fn inline(text: &str) -> String {
    escape(text, Lines::One).into_owned()
}

/// `Acme · Internal · readable by you, Ben; not Cleo`; of an archived pack, that it is.
pub(crate) fn audience(
    pack_ref: &PackRef,
    sensitivity: Sensitivity,
    audience: &[AudienceMember],
) -> String {
    let archived = if pack_ref.archived { " (archived)" } else { "" };
    format!(
        "{}{archived} · {} · {}",
        pack(pack_ref),
        sensitivity.title(),
        readers(audience)
    )
}

/// `readable by you, Ben; not Cleo`.
pub(crate) fn readers(audience: &[AudienceMember]) -> String {
    let names = |opens: bool| -> Vec<String> {
        let mut members: Vec<_> = audience
            .iter()
            .filter(|member| member.opens == opens)
            .collect();
        members.sort_by_key(|member| !member.is_me);
        members
            .into_iter()
            .map(|m| {
                if m.is_me {
                    "you".to_owned()
                } else {
                    inline(&m.name)
                }
            })
            .collect()
    };
    let (readers, others) = (names(true), names(false));
    let mut sentence = match &readers[..] {
        [] => "readable by nobody here".to_owned(),
        [you] if you == "you" => "readable by you only".to_owned(),
        some => format!("readable by {}", some.join(", ")),
    };
    if !others.is_empty() {
        let _ = write!(sentence, "; not {}", others.join(", "));
    }
    sentence
}

/// `Ben`, `Ben and Cyn`, `Ben, Cyn and Dan`.
pub(crate) fn names(members: &[AudienceMember]) -> String {
    let name = |member: &AudienceMember| {
        if member.is_me {
            "you".to_owned()
        } else {
            inline(&member.name)
        }
    };
    match members {
        [] => "nobody".to_owned(),
        [one] => name(one),
        [some @ .., last] => {
            let some: Vec<String> = some.iter().map(name).collect();
            format!("{} and {}", some.join(", "), name(last))
        }
    }
}

/// What a role lets one do, as in "you can …".
pub(crate) fn can(role: Role) -> &'static str {
    match role {
        Role::Courier => "keep and pass on its notes without opening them",
        Role::Reader => "read its notes",
        Role::Commenter => "read and comment on its notes",
        Role::Editor => "read and write its notes",
        Role::Admin => "read and write its notes, and decide who else may",
    }
}

/// Whether this terminal has a session, where one is needed.
pub(crate) fn session(session: &SessionShown) -> String {
    match session.open_until {
        Some(until) => format!("Unlocked in this terminal until {}.", until.in_words()),
        None => "There are agents here: sharing, rules, agents and confidential notes need kitbag unlock in this terminal.".to_owned(),
    }
}

/// What is left out for want of a session.
pub(crate) fn left_out(up_to: Sensitivity) -> String {
    format!(
        "What is above {} is left out: kitbag unlock, in this terminal, shows all",
        up_to.title()
    )
}

/// `1 note`, `2 notes`.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Words of a command as a person would type them.
pub(crate) fn shell(words: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./@:+=".contains(c);
    let word = |word: &String| match !word.is_empty() && word.chars().all(plain) {
        true => word.clone(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    };
    words.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// What a locked device says instead of how its packs are.
pub(crate) const LOCKED: &str = "This device is locked. To open it: kitbag unlock";

/// What a device says that can keep nothing new.
pub(crate) const FAILED: &str = "A write failed, and nothing new is kept until one works: make room on the disk, and it goes on by itself.";

/// How the master key is kept, and what that means.
pub(crate) fn key_protection(protection: &KeyProtection) -> String {
    match protection {
        KeyProtection::Keyring => {
            "Your packs open with a key in this computer's keyring.".to_owned()
        }
        KeyProtection::Passphrase => {
            "Your packs open with your passphrase. Nobody can recover it for you.".to_owned()
        }
        KeyProtection::KeyFile(path) => format!(
            "Your packs open with the key file {}, which only your user can read.\n\
             Anyone who can read your files can open your packs. Better: kitbag key protect --passphrase",
            path.display()
        ),
    }
}

/// `Ben (laptop): up to date 10:47`.
pub(crate) fn peer(peer: &PeerStatus, now: &Zoned) -> String {
    let at = peer.at.map(|at| when::shown(at, now));
    let state = match (peer.state, at) {
        (PeerState::Synced, Some(at)) => format!("up to date {at}"),
        (PeerState::Synced, None) => "up to date".to_owned(),
        (PeerState::Syncing, _) => "syncing".to_owned(),
        (PeerState::Unreachable, Some(at)) => format!("not reachable, up to date until {at}"),
        (PeerState::Unreachable, None) => "not reachable".to_owned(),
    };
    match peer.to_send {
        0 => format!("{}: {state}", inline(&peer.name)),
        // Nothing was heard of them since the start, so what they have by now is not known.
        n if peer.state == PeerState::Unreachable && peer.at.is_none() => format!(
            "{}: {state}, not heard of since the start; up to {} that they may not have",
            inline(&peer.name),
            count(n, "change", "changes")
        ),
        n => format!(
            "{}: {state}, {} to send",
            inline(&peer.name),
            count(n, "change", "changes")
        ),
    }
}

/// What to type for a pack: the own name for it if that needs no quotes, else the start of its id.
fn word(pack: &PackStatus) -> &str {
    let plain = |name: &&str| {
        !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_alphanumeric() || "-_.".contains(c))
    };
    let name = pack.name.as_deref().filter(plain);
    name.filter(|name| !name.starts_with('-'))
        .unwrap_or(short(&pack.id))
}

/// What waits, is set aside or undecided in a pack; nothing if all is well.
pub(crate) fn troubles(pack: &PackStatus) -> Vec<String> {
    let some = |n: u64, sentence: String| (n > 0).then_some(sentence);
    let waiting = count(pack.waiting, "change waits", "changes wait");
    let set_aside = count(pack.set_aside, "edit", "edits");
    let held = pack.disputes.iter().map(|held| {
        let pack = short(&pack.id);
        format!(
            "{}: an admin decides, kitbag members {pack}",
            inline(&held.text)
        )
    });
    [
        some(pack.waiting, format!("{waiting} for an earlier one")),
        some(
            pack.set_aside,
            format!(
                "{set_aside} set aside, written after a removal or unreadable: kitbag review {}",
                word(pack)
            ),
        ),
    ]
    .into_iter()
    .flatten()
    .chain(held)
    .collect()
}

/// Who asks to be let in, in one line for each pack.
pub(crate) fn asking(requests: &[JoinRequest]) -> Vec<String> {
    let mut of_pack: BTreeMap<&str, (String, u64)> = BTreeMap::new();
    for request in requests {
        of_pack
            .entry(&request.pack.id)
            .or_insert_with(|| (pack(&request.pack), 0))
            .1 += 1;
    }
    of_pack
        .into_values()
        .map(|(name, n)| {
            let people = count(n, "person asks", "people ask");
            format!("{name}: {people} to be let in: kitbag share requests")
        })
        .collect()
}

/// A ticket that waits for somebody, or got a no.
pub(crate) fn waiting_join(join: &WaitingJoin) -> String {
    let name = pack(&join.pack);
    if let Some(reason) = &join.reason {
        return format!(
            "{name}: you were not let in: {} (kitbag join --forget {})",
            inline(reason),
            join.id
        );
    }
    let asked = join.asked.iter().filter(|asked| !asked.declined);
    let people: Vec<String> = asked
        .map(|asked| {
            format!(
                "{} (check words: {})",
                inline(&asked.name),
                asked.check_words
            )
        })
        .collect();
    format!(
        "{name}: waiting for {} to let you in (to stop: kitbag join --forget {})",
        people.join(" or "),
        join.id
    )
}

/// What happens by itself with the next note; nobody has to do anything.
pub(crate) fn due(pack: &PackStatus) -> Option<&'static str> {
    (pack.rotation_debt > 0).then_some(
        "a ticket was used up or somebody was removed: the key is changed at the next note",
    )
}

/// Who wrote more than one history in a pack, and what became of them.
pub(crate) fn forks(pack: &PackStatus) -> Vec<String> {
    let told = |fork: &Fork| {
        let who = match fork.is_me {
            true => "this device".to_owned(),
            false => inline(&fork.name),
        };
        let histories = match fork.branches {
            2 => "two histories".to_owned(),
            n => format!("{n} histories"),
        };
        let kept = match (fork.branches, fork.kept) {
            (2, 2) => "both are kept".to_owned(),
            (all, kept) if all == kept => "all are kept".to_owned(),
            (_, kept) => format!("{kept} are kept"),
        };
        format!("{who} wrote {histories}: it was restored from a backup or copied; {kept}")
    };
    pack.forks.iter().map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kitbag_rpc::Time;

    fn member(name: &str, is_me: bool, opens: bool) -> AudienceMember {
        AudienceMember {
            person: String::new(),
            name: name.to_owned(),
            is_me,
            opens,
        }
    }

    fn acme(title: &str, name: Option<&str>) -> PackRef {
        PackRef {
            id: "abcdefghijklmnop".to_owned(),
            title: title.to_owned(),
            name: name.map(str::to_owned),
            archived: false,
        }
    }

    #[test]
    fn a_command_can_be_pasted() {
        let words = ["launchctl", "bootstrap", "gui/501", "/a b/it's"].map(str::to_owned);
        assert_eq!(shell(&words), r"launchctl bootstrap gui/501 '/a b/it'\''s'");
    }

    #[test]
    fn every_write_names_its_audience() {
        let all = [
            member("Ben", false, true),
            member("Ana", true, true),
            member("Cleo", false, false),
        ];
        let told = audience(&acme("Acme", None), Sensitivity::Internal, &all);
        assert_eq!(told, "Acme · Internal · readable by you, Ben; not Cleo");
        let told = audience(&acme("Acme", None), Sensitivity::Restricted, &all[1..2]);
        assert_eq!(told, "Acme · Restricted · readable by you only");
        let told = audience(&acme("Acme", None), Sensitivity::Restricted, &all[2..]);
        assert_eq!(
            told,
            "Acme · Restricted · readable by nobody here; not Cleo"
        );
    }

    #[test]
    fn a_ticket_that_waits_says_for_whom_and_one_that_does_not_says_why() {
        let mut join = WaitingJoin {
            id: "qrstuvwxyz".to_owned(),
            pack: acme("", Some("Acme")),
            since: Time::from_millis(0),
            asked: vec![kitbag_rpc::Asked {
                name: "A\x1bna".to_owned(),
                check_words: "one two three".to_owned(),
                role: Role::Reader,
                clearance: Sensitivity::Internal,
                until: None,
                declined: false,
            }],
            waiting: true,
            reason: None,
        };
        assert_eq!(
            waiting_join(&join),
            "Acme: waiting for A\\u{1b}na (check words: one two three) to let you in (to stop: kitbag join --forget qrstuvwxyz)"
        );
        (join.waiting, join.reason) = (false, Some("they said no".to_owned()));
        assert_eq!(
            waiting_join(&join),
            "Acme: you were not let in: they said no (kitbag join --forget qrstuvwxyz)"
        );
    }

    #[test]
    fn names_of_others_cannot_speak_to_the_terminal() {
        let told = audience(
            &acme("A\x1b[2J", None),
            Sensitivity::Public,
            &[member("B\n\u{202e}", false, true)],
        );
        assert_eq!(told, "A\\u{1b}[2J · Public · readable by B\\n\\u{202e}");
    }

    #[test]
    fn a_pack_is_called_as_i_call_it() {
        assert_eq!(pack(&acme("Theirs", Some("Mine"))), "Mine");
        assert_eq!(pack(&acme("Theirs", None)), "Theirs");
        assert_eq!(pack(&acme("", None)), "pack abcdefghij");
    }

    #[test]
    fn peers_and_troubles_are_told_without_machinery() {
        let now: Zoned = "2026-11-22T12:00:00+00:00[UTC]".parse().unwrap();
        let at = Some(Time::from_millis(1_795_344_420_000));
        let status = |state, at, to_send| {
            peer(
                &PeerStatus {
                    name: "Ben (laptop)".to_owned(),
                    state,
                    at,
                    to_send,
                },
                &now,
            )
        };
        assert_eq!(
            status(PeerState::Synced, at, 0),
            "Ben (laptop): up to date 10:47"
        );
        assert_eq!(
            status(PeerState::Syncing, at, 1),
            "Ben (laptop): syncing, 1 change to send"
        );
        assert_eq!(
            status(PeerState::Unreachable, at, 2),
            "Ben (laptop): not reachable, up to date until 10:47, 2 changes to send"
        );
        assert_eq!(
            status(PeerState::Unreachable, None, 43),
            "Ben (laptop): not reachable, not heard of since the start; up to 43 changes that they may not have"
        );
        let mut pack = PackStatus {
            id: String::new(),
            title: String::new(),
            name: None,
            archived: false,
            peers: Vec::new(),
            waiting: 0,
            set_aside: 0,
            held: 0,
            rotation_debt: 0,
            forks: Vec::new(),
            disputes: Vec::new(),
            ended: None,
        };
        assert!(troubles(&pack).is_empty());
        assert_eq!(due(&pack), None);
        (pack.waiting, pack.set_aside, pack.held, pack.rotation_debt) = (3, 1, 1, 2);
        pack.disputes = vec![kitbag_rpc::Held {
            person: "d".to_owned(),
            name: "Dan".to_owned(),
            what: kitbag_rpc::RemovalKind::Removed,
            by: "c".to_owned(),
            by_name: "Cyn".to_owned(),
            at: Time::from_millis(0),
            text: "Cyn removed Dan\n, then Cyn was removed too".to_owned(),
        }];
        let told = format!("{}\n{}", troubles(&pack).join("\n"), due(&pack).unwrap());
        assert!(
            told.contains("3 changes wait for an earlier one\n1 edit set aside"),
            "{told}"
        );
        assert!(
            told.contains("\nCyn removed Dan\\n, then Cyn was removed too: an admin decides"),
            "{told}"
        );
        for machinery in ["epoch", "fold", "parked", "void", "rotat"] {
            assert!(!told.contains(machinery), "{told}");
        }
    }

    #[test]
    fn two_histories_are_told_in_plain_words() {
        let of = |name: &str, is_me, branches, kept| {
            let fork = Fork {
                name: name.into(),
                is_me,
                branches,
                kept,
            };
            let pack = PackStatus {
                id: String::new(),
                title: String::new(),
                name: None,
                archived: false,
                peers: Vec::new(),
                waiting: 0,
                set_aside: 0,
                held: 0,
                rotation_debt: 0,
                forks: vec![fork],
                disputes: Vec::new(),
                ended: None,
            };
            forks(&pack).join("\n")
        };
        let why = "it was restored from a backup or copied";
        assert_eq!(
            of("Ben (laptop)", false, 2, 2),
            format!("Ben (laptop) wrote two histories: {why}; both are kept")
        );
        assert_eq!(
            of("Ana (laptop)", true, 5, 3),
            format!("this device wrote 5 histories: {why}; 3 are kept")
        );
        assert_eq!(
            of("Eve\n(x)", false, 3, 3),
            format!("Eve\\n(x) wrote 3 histories: {why}; all are kept")
        );
    }
}
