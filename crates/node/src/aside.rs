//! What is set aside in a pack, told to people: by whom, why, and what it would say.
//!
//! Nothing here changes anything. An entry leaves the list when it counts again, or when an entry
//! that counts says that it took its content over.

mod claims;

use crate::authority::{Aside, Authority};
use crate::error::Denied;
use crate::objects::{BuiltNote, Object, ObjectState, Step, build_everything};
use crate::replica::Replica;
use crate::view::{AsideKind, AsideWhy, SetAsideView};
use crate::{Node, NodeError};
use claims::Claims;
pub(crate) use claims::Found;
use kitbag_core::content::EntryKind;
use kitbag_core::id::{EntryHash, ObjectTag, PackId};
use kitbag_core::pack::NoteView;
use std::collections::{BTreeMap, BTreeSet};

/// Characters of one entry's text in the list, at most.
const TEXT_CHARS_MAX: usize = 2_000;
/// Text in one list, at most, in bytes; later entries come without.
const TEXT_BYTES_MAX: usize = 1 << 20;
/// Entries of one list that come with text, at most: for each the note is put together as it stood
/// there, which takes a millisecond or more.
const TEXTS_MAX: usize = 500;
/// Where counting what builds on an entry ends.
const DEPENDENTS_MAX: usize = 1_000;

impl Node {
    /// What is set aside in a pack: each object's entries together, oldest first where that is known.
    ///
    /// Entries of sensitivities that this person may not open are counted and told without content.
    ///
    /// # Errors
    /// [`NodeError::NotFound`]; [`NodeError::Store`].
    pub fn set_aside(&self, pack: PackId) -> Result<Vec<SetAsideView>, NodeError> {
        let replica = self.packs.need(pack)?;
        let mut of_objects: BTreeMap<ObjectTag, BTreeMap<EntryHash, Aside>> = BTreeMap::new();
        for (tag, hash, why) in self.listed_aside(replica)? {
            of_objects.entry(tag).or_default().insert(hash, why);
        }
        let mut listed = Vec::new();
        let mut room = Room {
            texts: TEXTS_MAX,
            bytes: TEXT_BYTES_MAX,
        };
        for (tag, aside) in of_objects {
            let all = self.everything(replica, tag)?;
            let views = self.views_of(replica, tag, &aside, all.as_ref(), &mut room);
            let first = views.iter().filter_map(|view| view.at).min();
            listed.push((first.is_none(), first, tag, views));
        }
        listed.sort_by_key(|of| (of.0, of.1, of.2));
        Ok(listed.into_iter().flat_map(|of| of.3).collect())
    }

    /// Entries that are set aside and that nobody took over, with the object they belong to.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub(crate) fn listed_aside(
        &self,
        replica: &Replica,
    ) -> Result<Vec<(ObjectTag, EntryHash, Aside)>, NodeError> {
        // All that counts is most of what there is; what was found when it was put together still holds.
        let may_hold = |object: &Object| {
            object.judged.len() < object.entries.len()
                || object
                    .judged
                    .iter()
                    .any(|(now, _)| *now != Authority::Valid)
                || object
                    .entries
                    .iter()
                    .any(|hash| replica.quarantined.contains_key(hash))
                || !object.refused.is_empty()
        };
        let mut listed = Vec::new();
        for (tag, object) in replica.objects.iter().filter(|(_, of)| may_hold(of)) {
            let aside = replica.told_aside_of(object);
            listed.extend(aside.into_iter().map(|(hash, why)| (*tag, hash, why)));
        }
        if listed.is_empty() {
            return Ok(listed);
        }
        let mut claims = Claims::gather(replica, &self.store)?;
        let mut left = Vec::new();
        for (tag, hash, why) in listed {
            if !claims.took_over(hash)? {
                left.push((tag, hash, why));
            }
        }
        let all: BTreeSet<EntryHash> = left.iter().map(|(_, hash, _)| *hash).collect();
        left.retain(|(_, hash, _)| !is_other_half(replica, hash, &all));
        Ok(left)
    }

    /// The note that all entries under a tag would make, if this person may see it.
    pub(crate) fn everything(
        &self,
        replica: &Replica,
        tag: ObjectTag,
    ) -> Result<Option<BuiltNote>, NodeError> {
        let me = self.me.person();
        let closed = |note: &BuiltNote| {
            replica.policy.member(&me).is_some() && !replica.policy.may_open(&me, note.sensitivity)
        };
        let all = build_everything(replica, &self.store, tag)?;
        Ok(all.filter(|note| !closed(note)))
    }

    fn views_of(
        &self,
        replica: &Replica,
        tag: ObjectTag,
        aside: &BTreeMap<EntryHash, Aside>,
        all: Option<&BuiltNote>,
        room: &mut Room,
    ) -> Vec<SetAsideView> {
        let steps = all.map(BuiltNote::history).unwrap_or_default();
        let opened: BTreeSet<EntryHash> = steps.iter().map(|step| step.entry).collect();
        let rest = aside.keys().filter(|hash| !opened.contains(hash));
        let in_order = steps
            .iter()
            .filter(|step| aside.contains_key(&step.entry))
            .map(|step| (step.entry, Some(step)))
            .chain(rest.map(|hash| (*hash, None)));
        let dependents = replica
            .objects
            .get(&tag)
            .map(|object| replica.dependents(object))
            .unwrap_or_default();
        let mut views = Vec::new();
        for (hash, step) in in_order {
            let opened = all.zip(step);
            let Some(mut view) = self.view_of(replica, tag, hash, aside, opened) else {
                continue;
            };
            view.dependents = count_dependents(&dependents, hash, aside);
            view.text = opened.and_then(|(note, step)| room.text_of(note, step));
            views.push(view);
        }
        views
    }

    fn view_of(
        &self,
        replica: &Replica,
        tag: ObjectTag,
        hash: EntryHash,
        aside: &BTreeMap<EntryHash, Aside>,
        opened: Option<(&BuiltNote, &Step)>,
    ) -> Option<SetAsideView> {
        let place = replica.places.get(&hash)?;
        let opening = &replica.logs.get(&place.log)?.opening;
        let object = replica.objects.get(&tag)?;
        let person = replica
            .policy
            .grant(&opening.grant)
            .map(|grant| grant.person);
        let standing = match &object.state {
            ObjectState::Note(meta) => Some((meta.item, meta.title.clone())),
            _ => None,
        };
        let would_be = opened.map(|(note, _)| (note.item, note.meta().title));
        let (note, title) = standing.or(would_be).unzip();
        let enders = replica.policy.enders(&opening.grant).iter();
        Some(SetAsideView {
            entry: hash,
            kind: match place.kind {
                EntryKind::Create => AsideKind::Note,
                EntryKind::Index => AsideKind::Title,
                EntryKind::Move => AsideKind::Move,
                EntryKind::Moved(_) => AsideKind::MoveAway,
                _ => AsideKind::Edit,
            },
            note,
            title,
            sensitivity: opening.sensitivity,
            author: self.author(replica, person),
            device: replica
                .profiles
                .get(&opening.device)
                .map(|profile| profile.device_name.clone()),
            person,
            at: opened.map(|(_, step)| step.at),
            why: match aside.get(&hash)? {
                Aside::AfterRemoval => AsideWhy::AfterRemoval,
                Aside::BuildsOn => AsideWhy::BuildsOnSetAside,
                Aside::NotAllowed => AsideWhy::NotAllowed,
                Aside::Refused => AsideWhy::Refused {
                    reason: refusal_of(replica, object, &hash),
                },
            },
            is_member: person.is_some_and(|person| replica.policy.member(&person).is_some()),
            removed_by: enders
                .filter(|ender| Some(**ender) != person)
                .map(|person| self.name_of(replica, *person))
                .collect(),
            dependents: 0,
            text: None,
        })
    }
}

/// Whether an entry says at the old place what another of these says at the new one: for people the two
/// are one move.
pub(crate) fn is_other_half(
    replica: &Replica,
    hash: &EntryHash,
    among: &BTreeSet<EntryHash>,
) -> bool {
    let place = replica.places.get(hash);
    place.is_some_and(|place| matches!(place.kind, EntryKind::Moved(to) if among.contains(&to)))
}

/// Why an entry is refused: as its note stands now, or for ever.
fn refusal_of(replica: &Replica, object: &Object, hash: &EntryHash) -> String {
    let now = object.refused.reason(hash);
    let lasting = || replica.quarantined.get(hash).map(String::as_str);
    now.or_else(lasting).unwrap_or_default().to_owned()
}

/// How many of those set aside build on this one, directly or not.
fn count_dependents(
    dependents: &BTreeMap<EntryHash, Vec<EntryHash>>,
    hash: EntryHash,
    aside: &BTreeMap<EntryHash, Aside>,
) -> u64 {
    let (mut found, mut open) = (BTreeSet::new(), vec![hash]);
    while let Some(next) = open.pop() {
        for dependent in dependents.get(&next).into_iter().flatten() {
            if found.len() < DEPENDENTS_MAX && found.insert(*dependent) {
                open.push(*dependent);
            }
        }
    }
    found
        .iter()
        .filter(|hash| aside.contains_key(*hash))
        .count() as u64
}

/// What is left to be told in one list.
struct Room {
    texts: usize,
    bytes: usize,
}

impl Room {
    fn text_of(&mut self, note: &BuiltNote, step: &Step) -> Option<String> {
        self.texts = self.texts.checked_sub(1)?;
        let text = text_of(note, step)?;
        self.bytes = self.bytes.checked_sub(text.len())?;
        Some(text)
    }
}

/// What an entry would put into its note: all of a new note; of an edit the lines that it changes.
fn text_of(note: &BuiltNote, step: &Step) -> Option<String> {
    if note.is_redacted() {
        return None;
    }
    let text = match &step.change {
        None => whole(&NoteView::from(&note.record)),
        Some(change) => {
            let document = note.document.as_ref()?;
            let before = document.view_at(change.deps()).ok()?;
            let after = document.view_at(&[change.hash()]).ok()?;
            changed_lines(&whole(&before), &whole(&after))
        }
    };
    Some(text.chars().take(TEXT_CHARS_MAX).collect())
}

fn whole(view: &NoteView) -> String {
    let lines = [&view.title, &view.body];
    let lines: Vec<&str> = lines
        .into_iter()
        .map(|text| text.trim_end())
        .filter(|text| !text.is_empty())
        .collect();
    lines.join("\n")
}

/// The lines of `after` without those at its beginning and end that stand in `before` too.
fn changed_lines(before: &str, after: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let shorter = old.len().min(new.len());
    let head = (0..shorter).take_while(|at| old[*at] == new[*at]).count();
    let tail = (1..=shorter - head)
        .take_while(|at| old[old.len() - at] == new[new.len() - at])
        .count();
    new[head..new.len() - tail].join("\n")
}

impl Node {
    /// Refuses what only a member may do.
    pub(crate) fn must_be_member(&self, replica: &Replica) -> Result<(), NodeError> {
        let member = replica.policy.member(&self.me.person());
        member.map(|_| ()).ok_or(Denied::NotAMember.into())
    }
}

#[cfg(test)]
mod tests {
    use super::changed_lines;

    #[test]
    fn of_an_edit_the_lines_are_shown_that_it_changes() {
        for (before, after, shown) in [
            ("a\nb\nc", "a\nB\nc", "B"),
            ("a\nb", "a\nb\nc", "c"),
            ("a\nb\nc", "a\nc", ""),
            ("", "one\ntwo", "one\ntwo"),
            ("a\na", "a\na\na", "a"),
        ] {
            assert_eq!(
                changed_lines(before, after),
                shown,
                "{before:?} -> {after:?}"
            );
        }
    }
}
