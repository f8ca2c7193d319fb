//! Making a note more or less sensitive, and looking again at notes that were.
//!
//! A move is two entries in two logs, a move at the new sensitivity and a moved at the old one, made
//! durable in one commit. Who may do it is checked here for the person who asks, and again by every
//! device that takes the entries in ([`crate::placement`]).
//! Spec: `docs/spec/notes.md`, "Moving".

use crate::error::Denied;
use crate::long_text::must_be_short;
use crate::objects::BuiltNote;
use crate::placement::{Built, Entries, Scope, build_moved};
use crate::replica::{Replica, Staged};
use crate::view::{AudienceMember, Relabelled};
use crate::write::{Draft, Pen};
use crate::{Node, NodeError};
use kitbag_core::content::{
    BodyError, CARRIED_CHANGES_MAX, CarriedChange, Creation, DEPS_MAX, EntryBody, EntryKind,
    MOVES_OF_ONE_MAX, PLACEMENT_MAX, Relocation,
};
use kitbag_core::id::{EntryHash, ItemId, ObjectTag, PackId, PersonId, Timestamp};
use kitbag_core::policy::op::GrantRef;
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_crypto::ItemKey;
use std::collections::BTreeSet;

impl Node {
    /// Moves a note to another sensitivity, with its history. Nothing is written if it is there
    /// already, unless it is an admin who brings in what was left above or gives the note back to
    /// those below ([`crate::view::Note::left_above`], [`crate::view::Note::hidden_below`]).
    ///
    /// Who could read it before keeps what they had.
    ///
    /// # Errors
    /// [`NodeError::Denied`] above the own clearance, and to anybody but an admin who makes it less
    /// sensitive; [`NodeError::BadInput`] if its history does not fit one entry; otherwise as
    /// [`Node::add_notes`]. Nothing is written then.
    pub fn relabel(
        &mut self,
        now: Timestamp,
        pack: PackId,
        id: ItemId,
        to: Sensitivity,
    ) -> Result<Relabelled, NodeError> {
        let (built, grant) = self.may_relabel(pack, id, to)?;
        match grant {
            Some(grant) if is_settled(&built, to) => self.take_from_below(pack, &built, grant)?,
            Some(grant) => self.write_move(now, pack, &built, grant, to)?,
            None => {}
        }
        self.relabelled(pack, &built, to, grant.is_some())
    }

    /// Says what [`Node::relabel`] would do, and does nothing.
    ///
    /// # Errors
    /// As [`Node::relabel`].
    pub fn plan_relabel(
        &mut self,
        now: Timestamp,
        pack: PackId,
        id: ItemId,
        to: Sensitivity,
    ) -> Result<Relabelled, NodeError> {
        let (built, grant) = self.may_relabel(pack, id, to)?;
        if grant.is_some() && !is_settled(&built, to) {
            let replica = self.packs.need(pack)?;
            may_move_again(&built, self.me.person())?;
            deps(replica, &built, to)?;
            kitbag_core::content::pack_body(&EntryBody::Move(relocation(&built, now)?))
                .map_err(too_long)?;
        }
        self.relabelled(pack, &built, to, grant.is_some())
    }

    /// The note, and the grant under which this person may move it there; none if there is nothing
    /// to do.
    fn may_relabel(
        &mut self,
        pack: PackId,
        id: ItemId,
        to: Sensitivity,
    ) -> Result<(BuiltNote, Option<GrantRef>), NodeError> {
        let (_, from, built) = self.built_note(pack, id)?;
        let replica = self.packs.need(pack)?;
        if replica.has_newer_rules() {
            return Err(Denied::NewerRules.into());
        }
        let me = self.me.person();
        if to != from {
            must_be_short(&built, "does not move to another sensitivity")?;
        }
        if is_settled(&built, to) {
            let below = !built.placed.shown_below().is_empty();
            let grant = below.then(|| own_grant(replica, me, from, to, Role::Editor));
            return Ok((built, grant.transpose()?));
        }
        let role = if to > from { Role::Editor } else { Role::Admin };
        match own_grant(replica, me, from, to, role) {
            Err(_) if to == from => Ok((built, None)),
            Ok(grant) if to <= from && built.placed.above > 0 => {
                let all = Scope::Everything;
                match build_moved(replica, &self.store, me, id, all, None, &mut vec![])? {
                    Built::Note(mut note) => {
                        note.placed.above = built.placed.above;
                        Ok((*note, Some(grant)))
                    }
                    Built::Waiting | Built::Gone => Err(NodeError::Damaged("note")),
                }
            }
            Ok(grant) => Ok((built, Some(grant))),
            Err(denied) => Err(denied.into()),
        }
    }

    fn write_move(
        &mut self,
        now: Timestamp,
        pack: PackId,
        built: &BuiltNote,
        grant: GrantRef,
        to: Sensitivity,
    ) -> Result<(), NodeError> {
        let from = built.sensitivity;
        let replica = self.packs.need(pack)?;
        may_move_again(built, self.me.person())?;
        let deps = deps(replica, built, to)?;
        let relocation = relocation(built, now)?;
        let tag = kitbag_core::pack::note::object_tag(pack, built.item, to, relocation.placement);
        let item_key = ItemKey::generate(&mut *self.rng);
        let body = EntryBody::Move(relocation);
        let mut staged = Staged::default();
        let mut pen = self.pen_under(pack, to, grant, &mut staged)?;
        let moving = Draft {
            kind: EntryKind::Move,
            object: tag,
            deps: deps.clone(),
            body: &body,
            item_key: &item_key,
        };
        let hash = self
            .append(&mut pen, &moving)
            .map_err(|error| match error {
                NodeError::BadInput { field: "body", .. } => too_long(BodyError::TooLong),
                other => other,
            })?;
        // A log has one pen at a time.
        let mut pens = vec![pen];
        let never = [(from, built.tag, built.steps[0].entry)];
        let left = match built.placed.left() {
            [] => &never[..],
            left => left,
        };
        self.write_moveds(pack, left, hash, &deps, grant, &mut pens, &mut staged)?;
        for pen in pens {
            self.put_down(pen, &mut staged);
        }
        self.remember(pack, &mut staged)?;
        self.commit(pack, staged)
    }

    /// Takes the note away from members who still see it at a lower place, because it was lowered
    /// while somebody raised it.
    fn take_from_below(
        &mut self,
        pack: PackId,
        built: &BuiltNote,
        grant: GrantRef,
    ) -> Result<(), NodeError> {
        let to = built.placed.tip().ok_or(NodeError::Damaged("note"))?;
        let (mut staged, mut pens) = (Staged::default(), vec![]);
        let left = built.placed.shown_below();
        self.write_moveds(
            pack,
            left,
            to,
            &BTreeSet::new(),
            grant,
            &mut pens,
            &mut staged,
        )?;
        for pen in pens {
            self.put_down(pen, &mut staged);
        }
        self.remember(pack, &mut staged)?;
        self.commit(pack, staged)
    }

    /// Says at each of these places that the note went to `to`.
    #[expect(clippy::too_many_arguments, reason = "one step of writing a move")]
    fn write_moveds(
        &mut self,
        pack: PackId,
        left: &[(Sensitivity, ObjectTag, EntryHash)],
        to: EntryHash,
        deps: &BTreeSet<EntryHash>,
        grant: GrantRef,
        pens: &mut Vec<Pen>,
        staged: &mut Staged,
    ) -> Result<(), NodeError> {
        for (own, tag, opening) in left {
            let replica = self.packs.need(pack)?;
            let seen = |hash: &&EntryHash| sensitivity_at(replica, hash).is_some_and(|s| s <= *own);
            let mut on: BTreeSet<EntryHash> = deps.iter().filter(seen).copied().collect();
            on.insert(*opening);
            if !pens.iter().any(|pen| pen.opening.sensitivity == *own) {
                pens.push(self.pen_under(pack, *own, grant, staged)?);
            }
            let pen = pens.iter_mut().find(|pen| pen.opening.sensitivity == *own);
            let pen = pen.ok_or(NodeError::Damaged("log"))?;
            let on = on.into_iter().take(DEPS_MAX).collect();
            self.append_bare(pen, EntryKind::Moved(to), *tag, on);
        }
        Ok(())
    }

    fn relabelled(
        &self,
        pack: PackId,
        built: &BuiltNote,
        to: Sensitivity,
        changed: bool,
    ) -> Result<Relabelled, NodeError> {
        let from = built.sensitivity;
        let (before, audience) = (self.audience(pack, from), self.audience(pack, to));
        let opened = |who: &AudienceMember| {
            before
                .iter()
                .any(|member| member.person == who.person && member.opens)
        };
        let (gains, loses) = audience
            .iter()
            .filter(|member| member.opens != opened(member))
            .cloned()
            .partition(|member| member.opens);
        Ok(Relabelled {
            id: built.item,
            from,
            to,
            changed,
            audience,
            gains,
            loses,
            brings: if changed { built.placed.above } else { 0 },
            holds: built.pii(&built.view()),
        })
    }
}

/// What a move of this note carries.
pub(crate) fn relocation(built: &BuiltNote, now: Timestamp) -> Result<Relocation, NodeError> {
    must_be_short(built, "does not move")?;
    let history = built.history();
    let created = history.first().ok_or(NodeError::Damaged("note"))?;
    let mut carried = BTreeSet::new();
    let mut changes = Vec::new();
    for step in &history {
        if let (Some(change), Some(log)) = (&step.change, step.log)
            && carried.insert(change.hash())
        {
            changes.push(CarriedChange {
                change: change.bytes().to_vec(),
                log,
                by: step.by,
                at: step.at,
            });
        }
    }
    if changes.len() > CARRIED_CHANGES_MAX {
        return Err(too_long(BodyError::TooLong));
    }
    let placement = built.placed.highest() + 1;
    if placement > PLACEMENT_MAX {
        return Err(moved_too_often());
    }
    Ok(Relocation {
        record: built.record.clone(),
        created: Creation {
            log: built.origin.0,
            seq: built.origin.1,
            by: created.by,
            at: created.at,
        },
        placement,
        changes,
        at: now,
    })
}

/// Refuses a move that would not count, since so many of one person do.
pub(crate) fn may_move_again(built: &BuiltNote, me: PersonId) -> Result<(), NodeError> {
    let own = built.movers.iter().filter(|mover| mover.by == Some(me));
    if own.count() >= MOVES_OF_ONE_MAX {
        return Err(moved_too_often());
    }
    Ok(())
}

fn moved_too_often() -> NodeError {
    NodeError::BadInput {
        field: "sensitivity",
        reason: "this note moved too often to move again; add its text as a new note".into(),
    }
}

/// What a move of this note to `to` builds on: what carries the heads of its document, and every node
/// that readers of both would not find from there. Moveds for which there is no room are left to the
/// next move: somebody may have written any number of them.
pub(crate) fn deps(
    replica: &Replica,
    built: &BuiltNote,
    to: Sensitivity,
) -> Result<BTreeSet<EntryHash>, NodeError> {
    let heads = built.document.as_ref().map(|document| document.heads());
    let mut heads: BTreeSet<EntryHash> = heads
        .into_iter()
        .flatten()
        .filter_map(|head| built.carriers.get(&head).copied())
        .collect();
    let openings: BTreeSet<EntryHash> = built.placed.openings().iter().copied().collect();
    if openings.is_empty() && built.placed.moveds().is_empty() && heads.is_empty() {
        heads.extend(built.created());
    }
    let entries = Entries::of(replica, built.item);
    // What builds on much comes first, and needs no name for what it builds on.
    let newest_first = entries.in_order().into_iter().rev();
    let nodes: Vec<EntryHash> = newest_first
        .filter(|hash| openings.contains(hash) || built.placed.moveds().contains(hash))
        .collect();
    // A moved names the place that it leaves besides.
    let room = DEPS_MAX - 1;
    let all = unseen(replica, &entries, &heads, nodes.iter(), to, usize::MAX)?;
    if all.len() <= room {
        return Ok(all);
    }
    let first = nodes.iter().filter(|hash| openings.contains(hash));
    let needed = unseen(replica, &entries, &heads, first, to, usize::MAX)?;
    if needed.len() > room {
        return Err(NodeError::BadInput {
            field: "sensitivity",
            reason: "too many people changed this note at once; edit it, then try again".into(),
        });
    }
    unseen(replica, &entries, &needed, nodes.iter(), to, room)
}

/// These entries, and of the nodes those that readers of both them and `to` would not find from there,
/// up to `room`.
fn unseen<'n>(
    replica: &Replica,
    entries: &Entries,
    from: &BTreeSet<EntryHash>,
    nodes: impl Iterator<Item = &'n EntryHash>,
    to: Sensitivity,
    room: usize,
) -> Result<BTreeSet<EntryHash>, NodeError> {
    let mut seen = Sensitivity::ALL.map(|limit| entries.seen(limit));
    let mut named = from.clone();
    for seen in &mut seen {
        from.iter().for_each(|hash| seen.reach(*hash));
    }
    for node in nodes {
        let own = sensitivity_at(replica, node).ok_or(NodeError::Damaged("note"))?;
        if named.len() >= room || seen[own.max(to) as usize].contains(node) {
            continue;
        }
        named.insert(*node);
        for seen in &mut seen {
            seen.reach(*node);
        }
    }
    Ok(named)
}

/// The sensitivity at which an entry stands.
fn sensitivity_at(replica: &Replica, hash: &EntryHash) -> Option<Sensitivity> {
    let log = &replica.places.get(hash)?.log;
    Some(replica.logs.get(log)?.opening.sensitivity)
}

/// Whether the note needs no move to be there: it is, and nothing is to be brought in or given back.
fn is_settled(built: &BuiltNote, to: Sensitivity) -> bool {
    built.sensitivity == to && built.placed.above == 0 && !built.placed.hidden_below()
}

fn too_long(_: BodyError) -> NodeError {
    NodeError::BadInput {
        field: "sensitivity",
        reason: format!(
            "text and history of this note are more than the {} KiB that can be moved; \
             add its text as a new note instead",
            kitbag_core::content::BODY_PLAIN_BYTES_MAX / 1024
        ),
    }
}

/// The grant under which a person may move a note; both of its entries stand under it.
pub(crate) fn own_grant(
    replica: &Replica,
    me: PersonId,
    from: Sensitivity,
    to: Sensitivity,
    role: Role,
) -> Result<GrantRef, Denied> {
    let member = replica.policy.member(&me).ok_or(Denied::NotAMember)?;
    let keyed = member.grants.iter().filter(|grant| grant.keys);
    let writing: Vec<_> = keyed.filter(|grant| grant.role.may_write()).collect();
    if writing.is_empty() {
        return Err(Denied::NotAWriter);
    }
    let reaches = |grant: &&&kitbag_core::policy::fold::LiveGrant| grant.clearance >= from.max(to);
    let mut cleared = writing.iter().filter(reaches).peekable();
    if cleared.peek().is_none() {
        return Err(Denied::AboveClearance);
    }
    let mut fitting = cleared.filter(|grant| grant.role >= role);
    match fitting.next() {
        Some(grant) => Ok(grant.grant),
        None => Err(Denied::LoweringNeedsAdmin),
    }
}
