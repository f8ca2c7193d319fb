//! Records that a key signs: persons, policy, invites, epochs and wraps. And tickets.

use super::Verdict;
use super::keys::{DEVICE, ENDPOINT, INVITE, JOINER, WRAP, signature, signed};
use kitbag_core::codec;
use kitbag_core::epoch::{
    ANSWERS_MAX, EPOCH_BYTES_MAX, PARENTS_MAX, SignedEpoch, WRAP_SET_BYTES_MAX, WRAPS_MAX, WrapSet,
};
use kitbag_core::person::{PERSON_OP_BYTES_MAX, SignedPersonOp};
use kitbag_core::policy::fold::Policy;
use kitbag_core::policy::op::{
    ACTS_MAX, HEADS_MAX, OP_BYTES_MAX, OP_VERSION, REDEEM_BYTES_MAX, Redeem, SignedOp,
};
use kitbag_core::ticket::{TICKET_CHARS_MAX, TICKET_PREFIX, Ticket};
use kitbag_crypto::{EpochKey, Hash, HashLabel, SignLabel};
use minicbor::bytes::ByteVec;

/// An operation of a person's log.
pub(super) fn person_op(bytes: &[u8]) -> Verdict {
    let by_device = signature(bytes, &DEVICE, SignLabel::PersonOp);
    let by_endpoint = signature(bytes, &ENDPOINT, SignLabel::EndpointBinding);
    let inside = codec::encode(&(ByteVec::from(bytes.to_vec()), by_device, by_endpoint));
    one_person_op(bytes).or(one_person_op(&inside))
}

fn one_person_op(bytes: &[u8]) -> Verdict {
    let stored = SignedPersonOp::from_store(bytes);
    let verified = SignedPersonOp::verify(bytes);
    if let Ok(op) = &verified {
        assert!(bytes.len() <= PERSON_OP_BYTES_MAX);
        assert_eq!(op.bytes(), bytes, "it is forwarded as it came");
        assert_eq!(
            stored.as_ref(),
            Ok(op),
            "the store gives back what was verified"
        );
        op.certificate()
            .wrap_public()
            .expect("a verified certificate has a usable key");
    }
    Verdict::of(&verified)
}

/// An operation of a pack's policy log, and its place in a fold.
pub(super) fn policy_op(bytes: &[u8]) -> Verdict {
    let inside = signed(bytes, &DEVICE, SignLabel::PolicyOp);
    one_policy_op(bytes).or(one_policy_op(&inside))
}

fn one_policy_op(bytes: &[u8]) -> Verdict {
    let author = SignedOp::author_of(bytes);
    let stored = SignedOp::from_store(bytes);
    let verified = SignedOp::verify(bytes);
    if let Ok(op) = &verified {
        assert!(bytes.len() <= OP_BYTES_MAX);
        assert_eq!(op.bytes(), bytes, "it is forwarded as it came");
        assert_eq!(
            stored.as_ref(),
            Ok(op),
            "the store gives back what was verified"
        );
        assert_eq!(author, Some(op.op().device));
        assert_eq!(op.op().version, OP_VERSION);
        assert!(op.acts().len() <= ACTS_MAX && op.op().heads.len() <= HEADS_MAX);
        for act in 0..=op.acts().len() as u32 {
            let _ = op.grantee(act); // must come back
        }
        let alone = Policy::fold(op.pack(), [op.clone()], []);
        assert!(
            alone.members().count() <= 1,
            "one operation makes the founder a member, at most"
        );
    }
    Verdict::of(&verified)
}

/// A joiner's request, alone.
pub(super) fn redeem(bytes: &[u8]) -> Verdict {
    let resigned = codec::decode::<Redeem>(bytes, REDEEM_BYTES_MAX).map(resign);
    let inside = resigned.map_or(Verdict::Refused, |bytes| one_redeem(&bytes));
    one_redeem(bytes).or(inside)
}

/// The same request by the two keys of the samples, signed over what it says now.
fn resign(redeem: Redeem) -> Vec<u8> {
    let unsigned = Redeem {
        key: *INVITE.verifying_key().as_bytes(),
        device: JOINER.verifying_key().into(),
        by_invite: None,
        by_device: None,
        ..redeem
    };
    let bytes = codec::encode(&unsigned);
    codec::encode(&Redeem {
        by_invite: Some(signature(&bytes, &INVITE, SignLabel::RedeemInvite)),
        by_device: Some(signature(&bytes, &JOINER, SignLabel::Redeem)),
        ..unsigned
    })
}

fn one_redeem(bytes: &[u8]) -> Verdict {
    let verified = Redeem::verify_signatures(bytes);
    if let Ok(redeem) = &verified {
        assert!(bytes.len() <= REDEEM_BYTES_MAX);
        assert_eq!(codec::encode(redeem), bytes, "one encoding");
        assert_eq!(Redeem::verify(bytes, &redeem.key).as_ref(), Ok(redeem));
        assert!(
            Redeem::verify(bytes, &[7; 32]).is_err(),
            "another invite's key"
        );
    }
    Verdict::of(&verified)
}

/// The text of a ticket.
pub(super) fn ticket(bytes: &[u8]) -> Verdict {
    let text = String::from_utf8_lossy(bytes);
    let inside = u16::try_from(bytes.len()).map_or(Verdict::Refused, |length| {
        let checksum = Hash::of(HashLabel::TicketChecksum, &[bytes]);
        let framed = [&length.to_be_bytes()[..], bytes, &checksum.as_bytes()[..8]].concat();
        let base32 = data_encoding::BASE32_NOPAD
            .encode(&framed)
            .to_ascii_lowercase();
        one_ticket(&format!("{TICKET_PREFIX}{base32}"))
    });
    one_ticket(&text).or(inside)
}

fn one_ticket(text: &str) -> Verdict {
    let parsed = Ticket::parse(text);
    match &parsed {
        Ok(ticket) => {
            let again = ticket.danger_text();
            assert!(again.len() <= TICKET_CHARS_MAX);
            let same = Ticket::parse(&again).expect("a ticket's own text is a ticket");
            assert_eq!((same.pack, same.invite), (ticket.pack, ticket.invite));
            assert_eq!(*same.danger_text(), *again, "one text");
        }
        Err(error) => {
            let shown = error.to_string();
            assert!(shown.len() < 200, "an error is short whatever was given");
        }
    }
    Verdict::of(&parsed)
}

/// An epoch of a key domain.
pub(super) fn epoch(bytes: &[u8]) -> Verdict {
    let inside = signed(bytes, &DEVICE, SignLabel::Epoch);
    one_epoch(bytes).or(one_epoch(&inside))
}

fn one_epoch(bytes: &[u8]) -> Verdict {
    let stored = SignedEpoch::from_store(bytes);
    let verified = SignedEpoch::verify(bytes);
    if let Ok(signed) = &verified {
        assert!(bytes.len() <= EPOCH_BYTES_MAX);
        assert_eq!(signed.bytes(), bytes, "it is forwarded as it came");
        assert_eq!(
            stored.as_ref(),
            Ok(signed),
            "the store gives back what was verified"
        );
        let epoch = signed.epoch();
        assert!(epoch.parents.len() <= PARENTS_MAX && epoch.answers.len() <= ANSWERS_MAX);
        let opened = signed.open_parent_keys(&EpochKey::from_bytes([5; 32]));
        assert!(opened.len() <= epoch.parents.len());
        assert!(epoch.parents.is_empty() || !signed.continues_parents(|_| None));
    }
    Verdict::of(&verified)
}

/// A set of wrapped keys.
pub(super) fn wrap_set(bytes: &[u8]) -> Verdict {
    let inside = signed(bytes, &DEVICE, SignLabel::WrapSet);
    one_wrap_set(bytes).or(one_wrap_set(&inside))
}

fn one_wrap_set(bytes: &[u8]) -> Verdict {
    let verified = WrapSet::verify(bytes);
    if let Ok(set) = &verified {
        assert!(bytes.len() <= WRAP_SET_BYTES_MAX && set.wraps.len() <= WRAPS_MAX);
        for wrap in &set.wraps {
            let _ = WRAP.unwrap_key(&[], &wrap.sealed); // must come back
        }
    }
    Verdict::of(&verified)
}
