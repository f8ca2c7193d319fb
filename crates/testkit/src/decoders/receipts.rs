//! Receipts that a device signed, of an export or of hygiene.

use super::Verdict;
use super::keys::{DEVICE, ENDPOINT, WRAP, signed};
use kitbag_core::codec;
use kitbag_core::hygiene_receipt::{
    HYGIENE_ALONG_MAX, HYGIENE_RECEIPT_BYTES_MAX, HYGIENE_RECEIPT_NOTES_MAX, HygieneReceipt,
    SignedHygieneReceipt,
};
use kitbag_core::id::EndpointId;
use kitbag_core::person::{Certificate, SUITE, SignedPersonOp};
use kitbag_core::receipt::{
    RECEIPT_BYTES_MAX, RECEIPT_COUNTS_MAX, RECEIPT_FILTERS_MAX, RECEIPT_NOTES_MAX,
    RECEIPT_PACKS_MAX, Receipt, ReceiptError, SignedReceipt,
};
use kitbag_crypto::SignLabel;
use std::sync::LazyLock;

/// The person of the samples' device, as a receipt carries it.
static PERSON: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let certificate = Certificate {
        suite: SUITE,
        device: DEVICE.verifying_key().into(),
        endpoint: EndpointId::from_bytes(*ENDPOINT.verifying_key().as_bytes()),
        wrap: WRAP.public().to_bytes(),
    };
    let person = SignedPersonOp::found([1; 16], certificate, &DEVICE, &ENDPOINT);
    person.bytes().to_vec()
});

/// A receipt of either kind.
pub(super) fn receipt(bytes: &[u8]) -> Verdict {
    of_export(bytes).or(of_hygiene(bytes))
}

fn of_export(bytes: &[u8]) -> Verdict {
    let inside = signed(bytes, &DEVICE, SignLabel::Receipt);
    let record = codec::decode::<Receipt>(bytes, RECEIPT_BYTES_MAX);
    if let Ok(receipt) = &record {
        assert_eq!(codec::encode(receipt), bytes, "one encoding");
    }
    // Behind the person, too: the same receipt of the samples' person.
    let mended = record.map_or(Verdict::Refused, |receipt| {
        let person = PERSON.clone();
        let mended = SignedReceipt::sign(&Receipt { person, ..receipt }, &DEVICE);
        short(mended.as_ref().err());
        mended.map_or(Verdict::Refused, |mended| one_of_export(mended.bytes()))
    });
    one_of_export(bytes).or(one_of_export(&inside)).or(mended)
}

fn one_of_export(bytes: &[u8]) -> Verdict {
    let verified = SignedReceipt::verify(bytes);
    short(verified.as_ref().err());
    if let Ok(signed) = &verified {
        assert!(bytes.len() <= RECEIPT_BYTES_MAX);
        assert_eq!(signed.bytes(), bytes, "it is given away as it came");
        assert_eq!(SignedReceipt::verify(signed.bytes()).as_ref(), Ok(signed));
        assert!(
            SignedHygieneReceipt::verify(bytes).is_err(),
            "no receipt is of both kinds"
        );
        let receipt = signed.receipt();
        let named = SignedPersonOp::verify(&receipt.person).expect("it was verified");
        assert_eq!(
            (named.person(), named.certificate().device),
            (signed.person(), signed.device())
        );
        let packs = receipt.packs.len();
        assert!((1..=RECEIPT_PACKS_MAX).contains(&packs));
        assert!(receipt.notes.len() <= RECEIPT_NOTES_MAX);
        let mut notes = receipt.notes.iter();
        assert!(notes.all(|note| (note.pack as usize) < packs));
        assert!(receipt.withheld.len() <= RECEIPT_COUNTS_MAX);
        assert!(receipt.masked.len() <= RECEIPT_COUNTS_MAX);
        assert!(receipt.asked.filters.len() <= RECEIPT_FILTERS_MAX);
        check_another_key(|key| SignedReceipt::sign(receipt, key).is_err());
    }
    Verdict::of(&verified)
}

fn of_hygiene(bytes: &[u8]) -> Verdict {
    let inside = signed(bytes, &DEVICE, SignLabel::HygieneReceipt);
    let record = codec::decode::<HygieneReceipt>(bytes, HYGIENE_RECEIPT_BYTES_MAX);
    if let Ok(receipt) = &record {
        assert_eq!(codec::encode(receipt), bytes, "one encoding");
    }
    let mended = record.map_or(Verdict::Refused, |receipt| {
        let person = PERSON.clone();
        let mended = SignedHygieneReceipt::sign(&HygieneReceipt { person, ..receipt }, &DEVICE);
        short(mended.as_ref().err());
        mended.map_or(Verdict::Refused, |mended| one_of_hygiene(mended.bytes()))
    });
    one_of_hygiene(bytes).or(one_of_hygiene(&inside)).or(mended)
}

fn one_of_hygiene(bytes: &[u8]) -> Verdict {
    let verified = SignedHygieneReceipt::verify(bytes);
    short(verified.as_ref().err());
    if let Ok(signed) = &verified {
        assert!(bytes.len() <= HYGIENE_RECEIPT_BYTES_MAX);
        assert_eq!(signed.bytes(), bytes, "it is given away as it came");
        let again = SignedHygieneReceipt::verify(signed.bytes());
        assert_eq!(again.as_ref(), Ok(signed));
        assert!(
            SignedReceipt::verify(bytes).is_err(),
            "no receipt is of both kinds"
        );
        let receipt = signed.receipt();
        let named = SignedPersonOp::verify(&receipt.person).expect("it was verified");
        assert_eq!(
            (named.person(), named.certificate().device),
            (signed.person(), signed.device())
        );
        assert!((1..=HYGIENE_RECEIPT_NOTES_MAX).contains(&receipt.notes.len()));
        for note in &receipt.notes {
            assert!(
                note.along.len() <= HYGIENE_ALONG_MAX
                    && note.along.iter().all(|along| along.note != note.note)
            );
            assert_eq!(note.by.is_some(), note.act == "supersede");
        }
        check_another_key(|key| SignedHygieneReceipt::sign(receipt, key).is_err());
    }
    Verdict::of(&verified)
}

/// Nobody but the device that a receipt names signs it.
fn check_another_key(is_refused: impl Fn(&kitbag_crypto::SigningKey) -> bool) {
    assert!(is_refused(&ENDPOINT), "another key than the device's");
}

fn short(error: Option<&ReceiptError>) {
    if let Some(error) = error {
        let shown = error.to_string();
        assert!(shown.len() < 200, "an error is short whatever was given");
    }
}
