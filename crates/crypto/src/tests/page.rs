//! The specification and the code name the same things.

use crate::wrap::INFO;
use crate::{HashLabel, SealLabel, SignLabel};
use std::collections::BTreeSet;

/// Both ways: every label of the code stands in the page, and the page invents none.
#[test]
fn the_page_lists_exactly_the_labels_of_the_code() {
    let code: BTreeSet<&str> = (SignLabel::ALL.iter().map(|label| label.as_str()))
        .chain(SealLabel::ALL.iter().map(|label| label.as_str()))
        .chain(HashLabel::ALL.iter().map(|label| label.as_str()))
        .chain([INFO])
        .collect();
    let page: BTreeSet<&str> = PAGE
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|quoted| quoted.starts_with("kitbag/"))
        .collect();
    assert_eq!(page, code);
}

/// The numbers that another implementation would take from the page.
#[test]
fn the_page_states_the_sizes_of_the_code() {
    for size in [
        crate::SEAL_OVERHEAD,
        crate::WRAP_PUBLIC_BYTES,
        crate::WRAPPED_BYTES,
        crate::passphrase::FILE_BYTES,
    ] {
        assert!(PAGE.contains(&format!("**{size}**")), "{size}");
    }
}

const PAGE: &str = include_str!("../../../../docs/spec/crypto.md");
