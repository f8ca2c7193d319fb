//! Tickets: one string that lets its holder ask to join a pack.
//!
//! `kitbag1` and lower-case base32 (RFC 4648) of `length (2, big-endian) ‖ record ‖ checksum (8)`.
//! The record holds the pack, the invite, a secret and addresses; never a pack key. The secret is
//! the seed of the invite key, whose public half stands in the policy log. Anything that may happen
//! to text on its way, line breaks, spaces, other letters in between, is told apart before anybody
//! is asked.
//! Spec: `docs/spec/tickets.md`.

use crate::codec;
use crate::id::{EndpointId, PackId, PersonId, decode_base32};
use crate::policy::op::GrantRef;
use bip39::Language;
use iroh_tickets::ParseError;
use kitbag_crypto::{Hash, HashLabel, SigningKey, TicketSecret};
use minicbor::{Decode, Encode};
use std::fmt;
use thiserror::Error;
use zeroize::Zeroizing;

/// What every ticket of this version begins with.
pub const TICKET_PREFIX: &str = "kitbag1";
/// The version of tickets that this program writes and reads.
pub const TICKET_VERSION: u16 = 1;
/// Characters of a ticket, at most, after white space is gone.
pub const TICKET_CHARS_MAX: usize = 8 * 1024;
/// Peers named in one ticket, at most.
pub const PEERS_MAX: usize = 8;

/// Bytes of all peers in one ticket, at most: with the rest its text stays below [`TICKET_CHARS_MAX`].
const PEERS_BYTES_MAX: usize = 4 * 1024;
const CHECKSUM_BYTES: usize = 8;
const LENGTH_BYTES: usize = 2;

/// A device that may be asked, and where.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PeerHint {
    /// Its transport key.
    #[n(0)]
    pub endpoint: EndpointId,
    /// Socket addresses as text.
    #[n(1)]
    pub addresses: Vec<String>,
    /// Its relay, if any.
    #[n(2)]
    pub relay: Option<String>,
}

/// A ticket. Its text is a secret; its `Debug` is not.
#[derive(Clone)]
pub struct Ticket {
    /// The pack.
    pub pack: PackId,
    /// The invite in the pack's policy log.
    pub invite: GrantRef,
    /// Whom to ask.
    pub peers: Vec<PeerHint>,
    /// How many persons may join with it, if more than one: such a ticket lies around for longer and
    /// is not typed where others can read it.
    pub uses: Option<u32>,
    secret: TicketSecret,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct Record {
    #[n(0)]
    version: u16,
    #[n(1)]
    pack: PackId,
    #[n(2)]
    invite: GrantRef,
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    secret: [u8; 32],
    #[n(4)]
    peers: Vec<PeerHint>,
    #[n(5)]
    uses: Option<u32>,
}

/// Why text is no ticket; it never shows the text.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TicketError {
    /// Nothing but white space.
    #[error("no ticket was given")]
    Empty,
    /// Does not begin as tickets do.
    #[error("this is not a ticket")]
    NotATicket,
    /// A ticket of another program.
    #[error("this is a ticket of another program ({0})")]
    Foreign(&'static str),
    /// A ticket of a newer version.
    #[error("this ticket is of version {0}, which this program does not know")]
    NewerVersion(u16),
    /// Its end is missing.
    #[error("the end of this ticket is missing")]
    Truncated,
    /// A character was changed on the way.
    #[error("this ticket was changed on the way: its checksum does not match")]
    Checksum,
    /// Well transmitted, but no ticket that this program would make.
    #[error("this ticket is malformed")]
    Malformed,
}

impl Ticket {
    /// Makes a ticket for an invite whose key is `secret.invite_key()`. Of the peers, those are named
    /// that keep it short enough to be read, the first ones first.
    pub fn new(
        pack: PackId,
        invite: GrantRef,
        secret: TicketSecret,
        mut peers: Vec<PeerHint>,
    ) -> Ticket {
        peers.truncate(PEERS_MAX);
        while codec::encode(&peers).len() > PEERS_BYTES_MAX {
            peers.pop();
        }
        Ticket {
            pack,
            invite,
            peers,
            uses: None,
            secret,
        }
    }

    /// The same ticket, saying that so many persons may join with it.
    #[must_use]
    pub fn for_uses(mut self, uses: u32) -> Ticket {
        self.uses = (uses > 1).then_some(uses);
        self
    }

    /// The key that proves one holds this ticket.
    pub fn invite_key(&self) -> SigningKey {
        self.secret.invite_key()
    }

    /// The text to hand over.
    ///
    /// # Security
    /// Whoever has it may ask to join: print it only where its owner asked for it.
    pub fn danger_text(&self) -> Zeroizing<String> {
        Zeroizing::new(iroh_tickets::Ticket::encode_string(self))
    }

    /// Reads a ticket, whatever white space stands in it.
    ///
    /// # Errors
    /// [`TicketError`] by cause.
    pub fn parse(text: &str) -> Result<Ticket, TicketError> {
        let compact: Zeroizing<String> =
            Zeroizing::new(text.chars().filter(|c| !is_filler(*c)).collect());
        if compact.is_empty() {
            return Err(TicketError::Empty);
        }
        if compact.len() > TICKET_CHARS_MAX {
            return Err(TicketError::NotATicket);
        }
        let lower = Zeroizing::new(compact.to_ascii_lowercase());
        let Some(base32) = lower.strip_prefix(TICKET_PREFIX) else {
            return Err(other_prefix(&lower));
        };
        let bytes = Zeroizing::new(decode_lenient(base32)?);
        open(&bytes)
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ticket({:?}, <redacted>)", self.pack)
    }
}

impl iroh_tickets::Ticket for Ticket {
    const KIND: &'static str = TICKET_PREFIX;

    fn encode_bytes(&self) -> Vec<u8> {
        let record = Zeroizing::new(codec::encode(&Record {
            version: TICKET_VERSION,
            pack: self.pack,
            invite: self.invite,
            secret: *self.secret.danger_expose(),
            peers: self.peers.clone(),
            uses: self.uses,
        }));
        let length = u16::try_from(record.len())
            .expect("its peers are bounded")
            .to_be_bytes();
        let mut bytes = length.to_vec();
        bytes.extend_from_slice(&record);
        bytes.extend_from_slice(&checksum(&record));
        bytes
    }

    fn decode_bytes(bytes: &[u8]) -> Result<Self, ParseError> {
        open(bytes).map_err(|_| ParseError::verification_failed("not a ticket of this version"))
    }
}

/// Three words that two persons compare: `H(CheckWords, lower person, higher person, pack)`, eleven
/// bits a word, from the BIP 39 English list.
pub fn check_words(pack: PackId, one: PersonId, other: PersonId) -> String {
    let (low, high) = if one <= other {
        (one, other)
    } else {
        (other, one)
    };
    let hash = Hash::of(
        HashLabel::CheckWords,
        &[low.as_bytes(), high.as_bytes(), pack.as_bytes()],
    );
    let words = Language::English.word_list();
    let bits = hash.as_bytes()[..8]
        .iter()
        .fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
    let word = |i: u32| words[(bits >> (53 - 11 * i)) as usize & 0x7ff];
    format!("{} {} {}", word(0), word(1), word(2))
}

fn checksum(record: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let hash = Hash::of(HashLabel::TicketChecksum, &[record]);
    *hash
        .as_bytes()
        .first_chunk()
        .expect("a hash is longer than a checksum")
}

fn open(bytes: &[u8]) -> Result<Ticket, TicketError> {
    let (length, rest) = bytes
        .split_first_chunk::<LENGTH_BYTES>()
        .ok_or(TicketError::Truncated)?;
    let length = usize::from(u16::from_be_bytes(*length));
    if rest.len() < length + CHECKSUM_BYTES {
        return Err(TicketError::Truncated);
    }
    let (record, sum) = rest.split_at(length);
    if sum != checksum(record) {
        return Err(TicketError::Checksum);
    }
    let record: Record = match codec::decode(record, TICKET_CHARS_MAX) {
        Ok(record) => record,
        Err(_) => {
            return Err(codec::newer_version(record, TICKET_VERSION)
                .map_or(TicketError::Malformed, TicketError::NewerVersion));
        }
    };
    if record.version != TICKET_VERSION {
        return Err(TicketError::NewerVersion(record.version));
    }
    if record.peers.len() > PEERS_MAX || record.uses.is_some_and(|uses| uses < 2) {
        return Err(TicketError::Malformed);
    }
    let secret = TicketSecret::from_bytes(record.secret);
    Ok(Ticket {
        pack: record.pack,
        invite: record.invite,
        peers: record.peers,
        uses: record.uses,
        secret,
    })
}

/// Base32 text cut anywhere may end in the middle of a byte; the cut is then found by the length.
fn decode_lenient(base32: &str) -> Result<Vec<u8>, TicketError> {
    if !base32
        .bytes()
        .all(|b| b.is_ascii_lowercase() || (b'2'..=b'7').contains(&b))
    {
        return Err(TicketError::Checksum);
    }
    if let Some(bytes) = decode_base32(base32) {
        return Ok(bytes);
    }
    let mut cut = base32;
    while !cut.is_empty() {
        cut = &cut[..cut.len() - 1];
        if let Some(bytes) = decode_base32(cut) {
            return match open(&bytes) {
                Err(TicketError::Truncated) => Err(TicketError::Truncated),
                _ => Err(TicketError::Checksum),
            };
        }
        if base32.len() - cut.len() > 8 {
            break;
        }
    }
    Err(TicketError::Truncated)
}

/// White space, and what chat programs put into or around long words.
fn is_filler(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(
            c,
            '\u{200b}'
                ..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}' | '`' | '"' | '\'' | '<' | '>'
        )
}

fn other_prefix(lower: &str) -> TicketError {
    const FOREIGN: [(&str, &str); 6] = [
        ("blob", "iroh-blobs"),
        ("doc", "iroh-docs"),
        ("node", "iroh"),
        ("endpoint", "iroh"),
        ("pack", "an iroh program"),
        ("age1", "age"),
    ];
    if let Some(version) = lower.strip_prefix("kitbag") {
        let digits: String = version
            .chars()
            .take_while(char::is_ascii_digit)
            .take(4)
            .collect();
        return match digits.parse::<u16>() {
            Ok(version) if version > TICKET_VERSION => TicketError::NewerVersion(version),
            _ if TICKET_PREFIX.starts_with(lower) => TicketError::Truncated,
            _ => TicketError::NotATicket,
        };
    }
    let known = FOREIGN
        .iter()
        .find(|(prefix, _)| lower.strip_prefix(prefix).is_some_and(looks_like_base32));
    known.map_or(TicketError::NotATicket, |(_, program)| {
        TicketError::Foreign(program)
    })
}

fn looks_like_base32(rest: &str) -> bool {
    rest.len() >= 32 && rest.bytes().all(|b| b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::OpHash;

    fn ticket() -> Ticket {
        let invite = GrantRef {
            op: OpHash::from_bytes([2; 32]),
            act: 1,
        };
        let peer = PeerHint {
            endpoint: EndpointId::from_bytes([3; 32]),
            addresses: vec!["192.0.2.7:4433".into()],
            relay: None,
        };
        Ticket::new(
            PackId::from_bytes([1; 32]),
            invite,
            TicketSecret::from_bytes([9; 32]),
            vec![peer],
        )
    }

    #[test]
    fn a_ticket_survives_line_breaks_spaces_and_capitals() {
        let text = ticket().danger_text().to_string();
        assert!(text.starts_with("kitbag1"));
        let mut mangled = String::from(" \u{feff}<");
        for (i, c) in text.to_uppercase().chars().enumerate() {
            mangled.push(c);
            if i % 40 == 39 {
                mangled.push_str("\r\n  ");
            }
        }
        mangled.push_str("> \n");
        let read = Ticket::parse(&mangled).unwrap();
        assert_eq!(
            (read.pack, read.invite, &read.peers),
            (ticket().pack, ticket().invite, &ticket().peers)
        );
        assert_eq!(
            read.invite_key().verifying_key(),
            ticket().invite_key().verifying_key()
        );
    }

    #[test]
    fn every_truncation_is_called_one() {
        let text = ticket().danger_text().to_string();
        for cut in 1..text.len() {
            let verdict = Ticket::parse(&text[..cut]).unwrap_err();
            let expected = if cut < "kitbag".len() {
                TicketError::NotATicket
            } else {
                TicketError::Truncated
            };
            assert_eq!(verdict, expected, "cut at {cut}");
        }
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let text = ticket().danger_text().to_string();
        for at in TICKET_PREFIX.len()..text.len() {
            let mut changed: Vec<char> = text.chars().collect();
            changed[at] = if changed[at] == 'a' { 'b' } else { 'a' };
            let changed: String = changed.into_iter().collect();
            assert!(Ticket::parse(&changed).is_err(), "changed at {at}");
        }
    }

    #[test]
    fn each_mistake_is_called_by_its_name() {
        let text = ticket().danger_text().to_string();
        assert_eq!(Ticket::parse(" \n").unwrap_err(), TicketError::Empty);
        assert_eq!(Ticket::parse("hello").unwrap_err(), TicketError::NotATicket);
        assert_eq!(
            Ticket::parse(&"x".repeat(100_000)).unwrap_err(),
            TicketError::NotATicket
        );
        assert_eq!(
            Ticket::parse(&text.replace("kitbag1", "kitbag2")).unwrap_err(),
            TicketError::NewerVersion(2)
        );
        assert_eq!(
            Ticket::parse(&text.replace("kitbag1", "blob")).unwrap_err(),
            TicketError::Foreign("iroh-blobs")
        );
        assert_eq!(
            Ticket::parse(&format!("{}!!", &text[..90])).unwrap_err(),
            TicketError::Checksum
        );
    }

    #[test]
    fn errors_and_debug_output_never_show_the_secret() {
        let text = ticket().danger_text().to_string();
        let shown = format!(
            "{:?} {}",
            ticket(),
            Ticket::parse(&text[..text.len() - 4]).unwrap_err()
        );
        assert!(!shown.contains(&text[60..90]));
    }

    #[test]
    fn check_words_are_the_same_from_both_sides_and_differ_between_packs() {
        let (a, b) = (PersonId::from_bytes([1; 32]), PersonId::from_bytes([2; 32]));
        let (p, q) = (PackId::from_bytes([3; 32]), PackId::from_bytes([4; 32]));
        assert_eq!(check_words(p, a, b), check_words(p, b, a));
        assert_ne!(check_words(p, a, b), check_words(q, a, b));
        assert_eq!(check_words(p, a, b).split(' ').count(), 3);
    }
}
