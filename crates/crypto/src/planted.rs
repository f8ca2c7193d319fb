//! Bugs on purpose, one line each where they would be made, to see whether the tests find them.
//!
//! Only a build with the feature `planted` can switch one on, at run time, for the whole process.
//! In every other build [`is`] is a constant `false`, and nothing of this is left.

/// A bug that can be switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// Keys of low order are taken.
    WeakKeys,
    /// Signatures are verified as plain Ed25519 does it, with points of low order.
    LooseVerification,
    /// The commitment of a seal is not compared.
    NoCommitment,
    /// Everybody may do everything in the policy log.
    SkippedRoleCheck,
    /// A junior removes a senior.
    RankIgnored,
    /// A removal ends no content log.
    CutoffsIgnored,
    /// What a removed admin denied before hearing of it is forgotten.
    LateDenialNotHeld,
    /// An admission by an invite that a Remove ended counts.
    AdmitAfterRemove,
    /// An admission that a Close does not list counts.
    CloseIgnored,
    /// A change may name any actor.
    ActorUnchecked,
    /// An epoch's key is not compared with its commitment.
    CommitmentUnchecked,
    /// A body is not bound to its log.
    AadWithoutLog,
    /// A commit is acknowledged before it is on the disk.
    CommitWithoutSync,
    /// A failed commit is acknowledged.
    FailedCommitAcknowledged,
    /// A restored device writes on in its old logs.
    ReusedIncarnation,
    /// An epoch is used that does not answer every known denial.
    ForgottenRotation,
    /// A new epoch answers nothing.
    AnswersEmpty,
    /// Keys are wrapped for whoever asks.
    WrapsForAnybody,
    /// Entries above a clearance are sent.
    ContentAboveClearance,
    /// A stranger gets a pack's operations.
    StandingIgnored,
    /// A pack's leaf covers what a peer may not see.
    LeafOverAll,
    /// A log does not say which policy its writer knew.
    FrontierNotWritten,
    /// A history is told in order of arrival.
    HistoryByArrival,
    /// A record that came twice is stored twice.
    DuplicateRows,
    /// Entries above their author's clearance count.
    ClearanceUnchecked,
    /// A reader's notes count.
    ReaderWrites,
    /// Whoever was removed never hears that they were granted anew.
    RegrantUnheard,
    /// A removal names no cutoffs.
    RemoveWithoutCutoffs,
}

impl Planted {
    /// All of them.
    pub const ALL: &'static [Planted] = &[
        Planted::WeakKeys,
        Planted::LooseVerification,
        Planted::NoCommitment,
        Planted::SkippedRoleCheck,
        Planted::RankIgnored,
        Planted::CutoffsIgnored,
        Planted::LateDenialNotHeld,
        Planted::AdmitAfterRemove,
        Planted::CloseIgnored,
        Planted::ActorUnchecked,
        Planted::CommitmentUnchecked,
        Planted::AadWithoutLog,
        Planted::CommitWithoutSync,
        Planted::FailedCommitAcknowledged,
        Planted::ReusedIncarnation,
        Planted::ForgottenRotation,
        Planted::AnswersEmpty,
        Planted::WrapsForAnybody,
        Planted::ContentAboveClearance,
        Planted::StandingIgnored,
        Planted::LeafOverAll,
        Planted::FrontierNotWritten,
        Planted::HistoryByArrival,
        Planted::DuplicateRows,
        Planted::ClearanceUnchecked,
        Planted::ReaderWrites,
        Planted::RegrantUnheard,
        Planted::RemoveWithoutCutoffs,
    ];
}

/// The bug that is on, counted from 1; 0 for none.
#[cfg(feature = "planted")]
static ON: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(0);

/// Whether this bug is on.
#[cfg(feature = "planted")]
pub fn is(bug: Planted) -> bool {
    ON.load(std::sync::atomic::Ordering::Relaxed) == bug as u8 + 1
}

/// Whether this bug is on: in this build none ever is.
#[cfg(not(feature = "planted"))]
#[inline(always)]
pub const fn is(_: Planted) -> bool {
    false
}

/// Switches one bug on and every other off, for the whole process.
#[cfg(feature = "planted")]
pub fn switch_on(bug: Option<Planted>) {
    let on = bug.map_or(0, |bug| bug as u8 + 1);
    ON.store(on, std::sync::atomic::Ordering::Relaxed);
}
