//! The labels that keep every signature, seal and hash to its own purpose.
//!
//! Closed enums: a label that is not listed here cannot be used, and `docs/spec/crypto.md` lists
//! the same strings. A label never changes its meaning; a new format gets a new label.

macro_rules! labels {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// Every label of this kind.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// The bytes that stand for this label in signed, sealed or hashed input.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }
        }
    };
}

labels! {
    /// What a signature is for.
    SignLabel {
        /// A device certificate, by the device's signing key.
        DeviceCertificate = "kitbag/device-certificate/v1",
        /// The same certificate, by the device's endpoint key.
        EndpointBinding = "kitbag/endpoint-binding/v1",
        /// An operation of a person's log.
        PersonOp = "kitbag/person-op/v1",
        /// An operation of a pack's policy log.
        PolicyOp = "kitbag/policy-op/v1",
        /// The head of a content log.
        ContentHead = "kitbag/content-head/v1",
        /// An epoch of a key domain.
        Epoch = "kitbag/epoch/v1",
        /// A set of key wraps.
        WrapSet = "kitbag/wrap-set/v1",
        /// A request to redeem an invite, by the joining device.
        Redeem = "kitbag/redeem/v1",
        /// The same request, by the invite key from the ticket.
        RedeemInvite = "kitbag/redeem-invite/v1",
        /// Proof of holding a ticket on one connection, by the invite key.
        JoinProof = "kitbag/join-proof/v1",
        /// A receipt of an export.
        Receipt = "kitbag/receipt/v1",
        /// A receipt of what hygiene put away.
        HygieneReceipt = "kitbag/hygiene-receipt/v1",
    }
}

labels! {
    /// What a seal is for.
    SealLabel {
        /// The body of a content entry.
        Record = "kitbag/record/v1",
        /// The item key of a note, under its epoch.
        ItemKey = "kitbag/item-key/v1",
        /// A parent epoch's key, under its child.
        ParentEpoch = "kitbag/parent-epoch/v1",
        /// The release rules of a pack, in its policy log.
        Rules = "kitbag/rules/v1",
        /// One row of the local database.
        Row = "kitbag/row/v1",
        /// The device's master key, under a passphrase.
        MasterKey = "kitbag/master-key/v1",
    }
}

labels! {
    /// What a hash names, and what a derived key is for.
    HashLabel {
        /// A person: hash of the first operation of its log.
        Person = "kitbag/person-id/v1",
        /// An operation of a person's log.
        PersonOp = "kitbag/person-op-hash/v1",
        /// An operation of a policy log; a pack is named by its Genesis.
        PolicyOp = "kitbag/policy-op-hash/v1",
        /// A control or content log.
        Log = "kitbag/log-id/v1",
        /// A content entry.
        Entry = "kitbag/entry-hash/v1",
        /// A detached body.
        Body = "kitbag/body-hash/v1",
        /// A detached wrap of an item key.
        Wrap = "kitbag/wrap-hash/v1",
        /// A note.
        Item = "kitbag/item-id/v1",
        /// The plaintext tag under which the entries of one object stand.
        ObjectTag = "kitbag/object-tag/v1",
        /// The actor of a change in an Automerge document.
        Actor = "kitbag/actor/v1",
        /// An epoch.
        Epoch = "kitbag/epoch-id/v1",
        /// The commitment to an epoch's key.
        EpochCommitment = "kitbag/epoch-commitment/v1",
        /// The check words that two persons compare.
        CheckWords = "kitbag/check-words/v1",
        /// The signing key inside a ticket.
        InviteKey = "kitbag/invite-key/v1",
        /// The checksum of a ticket.
        TicketChecksum = "kitbag/ticket-checksum/v1",
        /// A node of the tree over packs, by its leaves.
        TreeNode = "kitbag/tree-node/v1",
        /// A node of the tree over packs, by its children.
        TreeBranch = "kitbag/tree-branch/v1",
        /// A leaf of the tree over packs.
        TreeLeaf = "kitbag/tree-leaf/v1",
        /// Keys below the master key: rows of the database.
        RowKey = "kitbag/row-key/v1",
        /// Keys below the master key: look-ups by foreign ids.
        BlindKey = "kitbag/blind-key/v1",
        /// The key, from that of an epoch, that hides of what an import key is made.
        PlaceKey = "kitbag/place-key/v1",
        /// A hedged nonce.
        Nonce = "kitbag/nonce/v1",
        /// A client, by its label; never outside a seal.
        Client = "kitbag/client-id/v1",
        /// A selection, by its notes in their order; local to a device.
        Selection = "kitbag/selection/v1",
        /// A note as it stood: the entries that made it so.
        NoteVersion = "kitbag/note-version/v1",
        /// The secret of an agent, as it is kept.
        AgentSecret = "kitbag/agent-secret/v1",
        /// A salt where no item key exists.
        NoItemKey = "kitbag/no-item-key/v1",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_labels_share_a_string() {
        let all: Vec<&str> = SignLabel::ALL
            .iter()
            .map(|l| l.as_str())
            .chain(SealLabel::ALL.iter().map(|l| l.as_str()))
            .chain(HashLabel::ALL.iter().map(|l| l.as_str()))
            .chain([crate::wrap::INFO])
            .collect();
        let distinct: BTreeSet<&str> = all.iter().copied().collect();
        assert_eq!(distinct.len(), all.len());
        assert!(
            all.iter()
                .all(|l| l.starts_with("kitbag/") && l.ends_with("/v1"))
        );
    }
}
