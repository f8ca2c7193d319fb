//! What the node answers: plain values for people and programs, without keys or proofs.

mod membership;

pub use membership::*;

use kitbag_core::id::{DeviceId, EntryHash, ItemId, PackId, PersonId, Timestamp};
use kitbag_core::pack::DateEdit;
use kitbag_core::pack::note::{Claim, Consent, NoteType, Pii, ProducedBy};
use kitbag_core::policy::op::GrantRef;
use kitbag_core::policy::rules::PackKind;
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_core::wire::JoinRefusal;
use minicbor::{Decode, Encode};
use std::collections::BTreeSet;

/// This device and its person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Me {
    /// The person.
    pub person: PersonId,
    /// The device.
    pub device: DeviceId,
    /// What others see as this person's name.
    pub name: String,
    /// What others see as this device's name.
    pub device_name: String,
    /// The transport's id of this device, 32 bytes.
    pub endpoint: [u8; 32],
}

/// One pack in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackSummary {
    /// The pack.
    pub id: PackId,
    /// Its title, as its members see it; empty while unknown or above the own clearance.
    pub title: String,
    /// The name that this person gave it, if any.
    pub name: Option<String>,
    /// Notes that can be read here.
    pub notes: u64,
    /// Members.
    pub members: u64,
    /// The own role; none before admission or after removal.
    pub role: Option<Role>,
    /// The highest sensitivity opened here.
    pub clearance: Option<Sensitivity>,
    /// Sensitivity of a note for which nobody says another.
    pub default_sensitivity: Sensitivity,
    /// The client that it belongs to, if its rules name one.
    pub client: Option<String>,
    /// What kind of pack it is, if its rules name one.
    pub kind: Option<PackKind>,
    /// Why there may be no client or kind although the rules name some.
    pub rules_unclear: Option<RulesUnclear>,
    /// Whether this person put it away on this device.
    pub archived: bool,
}

/// Why a pack's rules do not say one client and one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum RulesUnclear {
    /// Admins named several clients at once; one of them has to say which.
    #[n(0)]
    SeveralClients,
    /// The same for kinds.
    #[n(1)]
    SeveralKinds,
    /// The same for both.
    #[n(2)]
    SeveralOfBoth,
    /// They cannot be read here.
    #[n(3)]
    Unreadable,
}

/// Where a note comes from, as a person or program states it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewSource {
    /// A label made for a human, required: "CRM · Acme · row 14".
    pub label: String,
    /// What sort of source: "web", "chat", "file", ….
    pub kind: Option<String>,
    /// Where it can be found.
    pub uri: Option<String>,
    /// The application it was taken from.
    pub app: Option<String>,
    /// Who wrote it there.
    pub author: Option<String>,
    /// Where inside the source: a row, a page, a message number.
    pub locator: Option<String>,
    /// When it was true or was said.
    pub observed_at: Option<Timestamp>,
}

/// A note to be added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewNote {
    /// Title; may be empty.
    pub title: String,
    /// Body; may be empty if the title is not.
    pub body: String,
    /// Where it comes from.
    pub source: NewSource,
    /// Sensitivity; the pack's default if absent.
    pub sensitivity: Option<Sensitivity>,
    /// Tags.
    pub tags: Vec<String>,
    /// note, snippet, message, record, file, link, decision, summary, outcome, prompt, template.
    pub note_type: Option<String>,
    /// What the person concerned said about its use.
    pub consent: Option<Consent>,
    /// What kind of statement it makes.
    pub claim: Option<Claim>,
    /// Whether it is kept in front.
    pub pinned: bool,
    /// True from.
    pub valid_from: Option<Timestamp>,
    /// True until.
    pub valid_to: Option<Timestamp>,
    /// To be looked at again.
    pub review_after: Option<Timestamp>,
    /// In no export after.
    pub expires_at: Option<Timestamp>,
    /// Notes of the same pack that it replaces.
    pub supersedes: Vec<ItemId>,
    /// Notes that it was made from, of this pack or another.
    pub derived_from: Vec<ItemId>,
    /// Whether a person said that what was made from them may go from one client to another.
    pub across_clients: bool,
}

/// What became of a note that was added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// The note.
    pub id: ItemId,
    /// Whether the same content from the same source was there already; nothing was written then.
    pub existing: bool,
    /// Its sensitivity.
    pub sensitivity: Sensitivity,
    /// Who can open it now.
    pub audience: Vec<AudienceMember>,
}

/// One member as seen from a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudienceMember {
    /// The person.
    pub person: PersonId,
    /// Their name; short id if they told none.
    pub name: String,
    /// Whether this is the person who asks.
    pub is_me: bool,
    /// Whether they can open it.
    pub opens: bool,
}

/// One note in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSummary {
    /// The note.
    pub id: ItemId,
    /// Its title; if it has none, the start of its body.
    pub title: String,
    /// Its sensitivity.
    pub sensitivity: Sensitivity,
    /// Its source label.
    pub source: String,
    /// active, superseded, archived, expired or redacted.
    pub status: String,
    /// Whether it was edited since it was added.
    pub edited: bool,
    /// The notes that it was made from.
    pub derived_from: Vec<ItemId>,
    /// Its copies without personal data, as far as they can be read here.
    pub masked_copies: Vec<ItemId>,
    /// The notes of which it is such a copy, as far as they can be read here.
    pub masked_copy_of: Vec<ItemId>,
    /// Kinds of personal data in it.
    pub pii: Vec<Pii>,
    /// The notes that replaced it.
    pub superseded_by: Vec<ItemId>,
    /// Whether it is kept in front.
    pub pinned: bool,
}

/// A note that belongs to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    /// The note.
    pub id: ItemId,
    /// Its title; if it has none, the start of its body.
    pub title: String,
    /// Its sensitivity.
    pub sensitivity: Sensitivity,
}

/// Who took the content of a note out, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redaction {
    /// Their name; none if it came redacted.
    pub by: Option<String>,
    /// When, by their clock.
    pub at: Option<Timestamp>,
    /// Why; none if it came redacted.
    pub reason: Option<String>,
}

/// One note in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The note.
    pub id: ItemId,
    /// Its pack.
    pub pack: PackId,
    /// note, snippet, message, ….
    pub note_type: String,
    /// Title.
    pub title: String,
    /// Body; of a long text the beginning.
    pub body: String,
    /// Bytes of the whole text, if `body` holds only its beginning: it can only be read, page by page.
    pub long_text_bytes: Option<u64>,
    /// Tags, sorted.
    pub tags: Vec<String>,
    /// Where it comes from.
    pub source: NewSource,
    /// What wrote it, if no person did.
    pub produced_by: Option<ProducedBy>,
    /// How sure that was, in thousandths.
    pub confidence: Option<u16>,
    /// Who or what captured it, set by the daemon.
    pub captured_by: String,
    /// How far its text is trusted, set by the daemon.
    pub trust: String,
    /// Sensitivity.
    pub sensitivity: Sensitivity,
    /// active, superseded, archived, expired or redacted.
    pub status: String,
    /// What the person concerned said about its use; of several statements the strictest.
    pub consent: Option<Consent>,
    /// When it was captured, by the capturing device's clock.
    pub captured_at: Timestamp,
    /// Name of the person who added it.
    pub added_by: String,
    /// Names the state that is shown here, for [`NoteEdit::seen`].
    pub version: String,
    /// Number of edits since.
    pub edits: u64,
    /// Entries of this note that wait for earlier ones.
    pub waiting: u64,
    /// Edits made at a higher sensitivity, of which nothing is shown: an admin who moves the note to
    /// where it is brings them in.
    pub left_above: u64,
    /// Whether somebody took it away from members cleared lower without putting it higher: an admin
    /// who moves the note to where it is gives it back.
    pub hidden_below: bool,
    /// The lowest sensitivity at which members who cannot see it here still do, because it was
    /// lowered while somebody raised it: an editor who moves the note to where it is takes it away.
    pub shown_below: Option<Sensitivity>,
    /// Places of its body that several changed at once, and nobody who had both wrote in it since.
    pub merged: Vec<MergedPlace>,
    /// Who deleted it, if it is deleted.
    pub deleted: Option<Deletion>,
    /// The notes that it was made from.
    pub derived_from: Vec<ItemId>,
    /// Its copies without personal data, as far as they can be read here.
    pub masked_copies: Vec<Linked>,
    /// The notes of which it is such a copy, as far as they can be read here.
    pub masked_copy_of: Vec<Linked>,
    /// Kinds of personal data in it.
    pub pii: Vec<Pii>,
    /// The notes that it replaces.
    pub supersedes: Vec<ItemId>,
    /// The notes that replaced it.
    pub superseded_by: Vec<ItemId>,
    /// Who took its content out and why, if it is redacted.
    pub redacted: Option<Redaction>,
    /// Whether it is kept in front.
    pub pinned: bool,
    /// What kind of statement it makes.
    pub claim: Option<Claim>,
    /// True from.
    pub valid_from: Option<Timestamp>,
    /// True until.
    pub valid_to: Option<Timestamp>,
    /// To be looked at again.
    pub review_after: Option<Timestamp>,
    /// In no export after.
    pub expires_at: Option<Timestamp>,
}

/// A place of a body that was changed at once by edits that did not know of each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergedPlace {
    /// Both texts, one after the other, in characters.
    pub at: std::ops::Range<usize>,
    /// Names of those who wrote them, in that order; one if both are of one person.
    pub by: Vec<String>,
}

/// Who deleted a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// Their name.
    pub by: String,
    /// When, by their clock.
    pub at: Timestamp,
}

/// A piece of a note's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextPage {
    /// The text.
    pub text: String,
    /// Where the next piece begins, in bytes; none at the end.
    pub next: Option<u64>,
    /// Bytes of the whole text.
    pub bytes: u64,
}

/// What becomes of a note that is made more or less sensitive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relabelled {
    /// The note.
    pub id: ItemId,
    /// Its sensitivity before.
    pub from: Sensitivity,
    /// Its sensitivity now.
    pub to: Sensitivity,
    /// Whether anything was, or is to be, written.
    pub changed: bool,
    /// Every member, and whether they can open it now.
    pub audience: Vec<AudienceMember>,
    /// Members who could not open it before. They get its history too.
    pub gains: Vec<AudienceMember>,
    /// Members who no longer can. They keep what they had.
    pub loses: Vec<AudienceMember>,
    /// Edits made at a higher sensitivity that come in with it.
    pub brings: u64,
    /// Kinds of personal data that it holds.
    pub holds: BTreeSet<Pii>,
}

/// A change to a note; absent fields stay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoteEdit {
    /// The new title.
    pub title: Option<String>,
    /// The new body.
    pub body: Option<String>,
    /// The [`Note::version`] that the edit was made from, if it may have changed since: the edit is
    /// then what changed from there, so that a slow editor does not undo what arrived meanwhile.
    pub seen: Option<String>,
    /// Tags to add.
    pub add_tags: Vec<String>,
    /// Tags to remove.
    pub remove_tags: Vec<String>,
    /// What the person concerned says about its use now, in place of all that was said before. Its
    /// masked copies get what is left of theirs and this, without whom it is about.
    pub consent: Option<Consent>,
    /// The same for masked copies, if something in it may not stand there.
    pub consent_of_copies: Option<Consent>,
    /// Kinds of personal data that were found in what is new.
    pub found: BTreeSet<Pii>,
    /// What kind of thing it is.
    pub note_type: Option<NoteType>,
    /// What kind of statement it makes.
    pub claim: Option<Claim>,
    /// Whether it is kept in front.
    pub pinned: Option<bool>,
    /// True from.
    pub valid_from: DateEdit,
    /// True until.
    pub valid_to: DateEdit,
    /// To be looked at again.
    pub review_after: DateEdit,
    /// In no export after.
    pub expires_at: DateEdit,
    /// Back in use, if it was superseded or past its date by its status.
    pub reactivate: bool,
}

/// What an edit did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditedNote {
    /// The note.
    pub note: Added,
    /// Masked copies that got a stricter consent with it.
    pub copies: Vec<Linked>,
    /// Masked copies that stand under a stricter consent than was stated of it now: they keep it.
    pub stricter: Vec<Linked>,
    /// Notes of other packs that were carried from it, or that it was moved from, as far as the statement
    /// was news to them or they allow less.
    pub elsewhere: Vec<StatedElsewhere>,
}

/// A note of another pack of which a consent was stated as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatedElsewhere {
    /// Its pack.
    pub pack: PackId,
    /// The note.
    pub note: Linked,
    /// What became of it.
    pub became: Elsewhere,
}

/// What became of a note of another pack, when a consent was stated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Elsewhere {
    /// It is as strict now.
    Reached,
    /// It is stricter, and stays so.
    Stricter,
    /// It could not be written, and why.
    Failed(String),
}

/// One step in a note's history, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// Who wrote it.
    pub by: String,
    /// When, by their clock.
    pub at: Timestamp,
    /// "added", "edited", "deleted", "restored", "superseded", "reactivated", "redacted", "unredacted",
    /// "moved", or "taken over" if it writes anew what was set aside.
    pub what: String,
    /// Why, if it was redacted.
    pub reason: Option<String>,
    /// Where the note went, if it moved.
    pub to: Option<Sensitivity>,
    /// Who says so, if the entry itself is not to be seen here: whoever moved the note.
    pub told_by: Option<String>,
    /// Title as its author left it: after this step and all that it builds on, without what others
    /// wrote at the same time.
    pub title: String,
    /// Body, likewise.
    pub body: String,
    /// What its author changed, field by field; of a very long history nothing in the oldest steps.
    pub changes: Vec<FieldChange>,
}

/// What a step changed in one field of a note: a value that another took the place of, or words that
/// came to a list and went from it. A changed text is only named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldChange {
    /// The field: `tags`, `claim`, `consent.status`, ….
    pub field: &'static str,
    /// What stood there; none if nothing did.
    pub from: Option<ChangedValue>,
    /// What stands there since; none if nothing does.
    pub to: Option<ChangedValue>,
    /// What came to a list.
    pub added: Vec<String>,
    /// What went from it.
    pub removed: Vec<String>,
}

impl FieldChange {
    pub(crate) fn of(field: &'static str) -> FieldChange {
        FieldChange {
            field,
            from: None,
            to: None,
            added: vec![],
            removed: vec![],
        }
    }
}

/// The value of a field in a step of a note's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangedValue {
    /// A word or text.
    Text(String),
    /// A date.
    At(Timestamp),
}

impl ChangedValue {
    pub(crate) fn text(text: &str) -> ChangedValue {
        ChangedValue::Text(text.to_owned())
    }
}

/// One member of a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberView {
    /// The person.
    pub person: PersonId,
    /// The name they tell; their short id if none arrived yet.
    pub name: String,
    /// Their devices' names.
    pub devices: Vec<String>,
    /// "person".
    pub kind: &'static str,
    /// Role.
    pub role: Role,
    /// Clearance.
    pub clearance: Sensitivity,
    /// Whether this is the person who asks.
    pub is_me: bool,
    /// Three words that both sides see, for members who came by an invite between the two.
    pub check_words: Option<String>,
    /// When they joined, by the admitting device's clock.
    pub since: Timestamp,
    /// What they open and write, by their grants.
    pub rights: Rights,
    /// Removals that keep them out until an admin answers.
    pub held: Vec<HeldView>,
}

/// How to share a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareOptions {
    /// Reader, commenter or editor.
    pub role: Role,
    /// The highest the joiner opens.
    pub clearance: Sensitivity,
    /// Until when, by the clock of whoever admits.
    pub expires_at: Option<Timestamp>,
    /// How many persons may join.
    pub uses: u32,
    /// Whether a person is asked about each joiner; above Internal one always is.
    pub ask: bool,
}

impl ShareOptions {
    /// Whether a person is asked about each joiner.
    pub fn asks(&self) -> bool {
        self.ask || self.clearance > Sensitivity::Internal
    }
}

/// A ticket that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// The ticket: a secret.
    pub ticket: String,
    /// Short id of the invite.
    pub invite: String,
    /// What it gives.
    pub terms: ShareTerms,
}

/// What a ticket gives, or would give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareTerms {
    /// Until when.
    pub expires_at: Option<Timestamp>,
    /// Title of the pack.
    pub title: String,
    /// The title that the joiner will be able to open; empty if it is above their clearance.
    pub joiner_title: String,
    /// What the joiner may do.
    pub role: Role,
    /// The highest the joiner opens.
    pub clearance: Sensitivity,
    /// How many notes the joiner will be able to open.
    pub opens: u64,
    /// How many persons may join.
    pub uses: u32,
    /// Whether a person is asked about each joiner.
    pub ask: bool,
}

/// One invite of a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InviteView {
    /// The invite.
    pub invite: GrantRef,
    /// Its short id.
    pub id: String,
    /// Name of who made it.
    pub by: String,
    /// Whether that is this person.
    pub by_me: bool,
    /// What a joiner may do.
    pub role: Role,
    /// The highest a joiner opens.
    pub clearance: Sensitivity,
    /// Whether a person is asked about each joiner.
    pub ask: bool,
    /// How many persons may join.
    pub uses: u32,
    /// Until when.
    pub expires_at: Option<Timestamp>,
    /// When it was made, by that device's clock.
    pub since: Timestamp,
    /// What it is to somebody who comes with its ticket now.
    pub condition: InviteCondition,
    /// Who came in by it, in order of joining.
    pub joiners: Vec<JoinerView>,
    /// How many wait for this person's answer.
    pub waiting: u64,
}

impl InviteView {
    /// How many joiners count: more than its uses, if members let people in while apart.
    pub fn used(&self) -> u64 {
        self.joiners.iter().filter(|joiner| joiner.counts).count() as u64
    }
}

/// What an invite is to somebody who comes with its ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InviteCondition {
    /// It lets people in.
    Open,
    /// As many came in as it allows, or more.
    Used,
    /// Its time is over.
    Expired,
    /// An admin ended it.
    Cancelled,
    /// It fell with whoever made it, or with somebody who came in by it.
    Ended,
}

impl std::fmt::Display for InviteCondition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            InviteCondition::Open => "is open",
            InviteCondition::Used => "is used up",
            InviteCondition::Expired => "has expired",
            InviteCondition::Cancelled => "was cancelled",
            InviteCondition::Ended => "ended with a removal",
        })
    }
}

/// Somebody who came in by an invite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinerView {
    /// Who.
    pub person: PersonId,
    /// Their name.
    pub name: String,
    /// The words between them and who made the invite.
    pub check_words: String,
    /// When, by the admitting device's clock.
    pub at: Timestamp,
    /// Whether it counts: not if a member let them in whom an admin's end of the invite does not name.
    pub counts: bool,
}

/// Names a request to join: one for each invite and person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(array)]
pub struct RequestRef {
    /// The pack.
    #[n(0)]
    pub pack: PackId,
    /// The invite.
    #[n(1)]
    pub invite: GrantRef,
    /// Who asks.
    #[n(2)]
    pub person: PersonId,
}

/// Somebody who asks to be let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinRequestView {
    /// The request.
    pub of: RequestRef,
    /// Its id, for people.
    pub id: String,
    /// What they call themselves: untrusted text.
    pub name: String,
    /// Three words that the joiner sees too.
    pub check_words: String,
    /// What they would be able to do.
    pub role: Role,
    /// The highest they would open.
    pub clearance: Sensitivity,
    /// How many notes they would be able to open.
    pub opens: u64,
    /// Since when they wait, by this device's clock.
    pub since: Timestamp,
    /// When the invite ends.
    pub until: Option<Timestamp>,
}

/// A ticket of this person that waits for somebody's answer, or got a no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingJoinView {
    /// Short id of the invite.
    pub id: String,
    /// The pack.
    pub pack: PackId,
    /// The own name for it.
    pub name: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// Who is asked.
    pub asked: Vec<AskedView>,
    /// Why it is over; none while it waits.
    pub over: Option<JoinRefusal>,
}

/// Somebody who is asked to let this person in, as their device told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedView {
    /// Their name: untrusted text.
    pub name: String,
    /// Three words that they see too.
    pub check_words: String,
    /// What this person would be able to do.
    pub role: Role,
    /// The highest this person would open.
    pub clearance: Sensitivity,
    /// When the invite ends.
    pub until: Option<Timestamp>,
    /// Whether they said no.
    pub declined: bool,
}

/// What a ticket says, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketInfo {
    /// Version of the format.
    pub version: u16,
    /// The pack.
    pub pack: PackId,
    /// Devices that may be asked, as text.
    pub peers: Vec<String>,
    /// How many persons may join with it.
    pub uses: u32,
}

/// What became of a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The pack.
    pub pack: PackId,
    /// Its title, empty if it has not arrived yet.
    pub title: String,
    /// Own role.
    pub role: Role,
    /// Own clearance.
    pub clearance: Sensitivity,
    /// Three words that the inviter sees too.
    pub check_words: String,
    /// Name of the inviter, if it arrived.
    pub invited_by: String,
    /// Whether this person is in.
    pub state: JoinState,
    /// Notes that arrived so far.
    pub notes: u64,
}

/// Whether a ticket made this person a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JoinState {
    /// A member now.
    Joined,
    /// A member already; the ticket was not used.
    AlreadyMember,
    /// Somebody is asked first; role, clearance, check words and name are then those of the question.
    Waiting {
        /// By which the waiting ticket is forgotten.
        id: String,
    },
}

/// State of one pack with one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerState {
    /// Roots were equal and nothing was wanted at that time.
    Synced,
    /// A session runs.
    Syncing,
    /// No connection.
    Unreachable,
}

/// One peer of one pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    /// Name of the person and device.
    pub name: String,
    /// State.
    pub state: PeerState,
    /// When it was last synced; absent if never since the start.
    pub at: Option<Timestamp>,
    /// Entries that the peer was not seen to hold.
    pub to_send: u64,
}

/// One pack's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackStatus {
    /// The pack.
    pub id: PackId,
    /// Its title.
    pub title: String,
    /// Its other members' devices.
    pub peers: Vec<PeerStatus>,
    /// Entries and operations that wait for an earlier one.
    pub waiting: u64,
    /// Entries set aside that nobody took over: as many as [`crate::Node::set_aside`] lists.
    pub set_aside: u64,
    /// Denials held until somebody answers them.
    pub held: u64,
    /// Epochs that do not answer every known denial.
    pub rotation_debt: u64,
    /// Devices that wrote more than one history.
    pub forks: Vec<ForkView>,
    /// The removals behind `held`.
    pub disputes: Vec<HeldView>,
    /// How this person's own membership ended, if it did.
    pub ended: Option<Ending>,
}

/// A device that wrote more than one history in one log: it was copied, or restored from a backup,
/// or it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForkView {
    /// Name of its person and its own.
    pub name: String,
    /// Whether it is this device.
    pub is_me: bool,
    /// Histories that are here.
    pub branches: u64,
    /// How many of them are kept and shown: two, and each on which something else was built.
    pub kept: u64,
}

/// What an entry that is set aside would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsideKind {
    /// A note.
    Note,
    /// An edit of one.
    Edit,
    /// A title of the pack.
    Title,
    /// A note made more or less sensitive; [`SetAsideView::sensitivity`] is where it would go.
    Move,
    /// Of a move, the part at the place that it leaves; listed only where the other is not.
    MoveAway,
}

/// Why an entry is set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AsideWhy {
    /// Its author was removed, or left, and had written it after what the removal names as the last.
    AfterRemoval,
    /// It builds on something that is set aside.
    BuildsOnSetAside,
    /// What its author was given does not let them write it, or does not stand.
    NotAllowed,
    /// Its content is refused.
    Refused {
        /// What is wrong with it, in words of the machinery.
        reason: String,
    },
}

/// One entry that is set aside: kept, and not shown among the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAsideView {
    /// Its name.
    pub entry: EntryHash,
    /// What it would be.
    pub kind: AsideKind,
    /// The note that it belongs to or would make; absent if that cannot be opened.
    pub note: Option<ItemId>,
    /// That note's title as it stands, or as it would be.
    pub title: Option<String>,
    /// Sensitivity.
    pub sensitivity: Sensitivity,
    /// Name of whoever wrote it; short id if none is known.
    pub author: String,
    /// Name of the device that wrote it.
    pub device: Option<String>,
    /// Who wrote it.
    pub person: Option<PersonId>,
    /// When, by the author's clock; absent if it cannot be opened.
    pub at: Option<Timestamp>,
    /// Why it is set aside.
    pub why: AsideWhy,
    /// Whether the author is a member now: then an ended grant means that they were given another.
    pub is_member: bool,
    /// Names of those who removed the author; none if they left.
    pub removed_by: Vec<String>,
    /// How many others set aside build on it; counting ends at a thousand.
    pub dependents: u64,
    /// What it would put there: all of a note, of an edit the lines that it changes; cut off when it
    /// is long, absent if it cannot be opened and applied.
    pub text: Option<String>,
}

/// What becomes of an entry that somebody takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakeOver {
    /// It is a new note of this person.
    NewNote(ItemId),
    /// It is an edit of this person, of this note.
    Edited(ItemId),
    /// The note says all that it would have added: nothing is written, and it stays in the list.
    ChangesNothing,
    /// It cannot be opened or applied, so there is nothing to write anew.
    Unreadable,
    /// A move, a title of the pack, or an edit of a note that was moved: that is not written anew for
    /// anybody.
    ByHand,
    /// What it changes does not fit one edit of the note as it stands.
    DoesNotFit,
}

/// One entry taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TakenOver {
    /// The entry that was set aside.
    pub entry: EntryHash,
    /// What became of it.
    pub outcome: TakeOver,
}
