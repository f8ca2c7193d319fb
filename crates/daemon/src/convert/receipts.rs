//! Receipts as documents of the API, and back.

use super::{engine_sensitivity, sensitivity, time};
use kitbag_engine as engine;
use kitbag_rpc::{self as rpc, Code, Failure, Hex};

/// What is to be signed. When and by whom is filled in where the keys are.
pub(crate) fn receipt(call: rpc::SignReceipt) -> Result<engine::Receipt, Failure> {
    let bad = |what: &str| Failure::new(Code::BadInput, format!("receipt: {what}"));
    let packs = call.packs.into_iter().map(|of| {
        Ok(engine::ReceiptPack {
            pack: of.id.parse().map_err(|_| bad("a pack has no whole id"))?,
            max_sensitivity: engine_sensitivity(of.max_sensitivity),
            crosses_clients: of.crosses_clients,
        })
    });
    let digest = |hex: Hex| <[u8; 32]>::try_from(hex.0).map_err(|_| bad("a hash has 32 bytes"));
    let notes = call.notes.into_iter().map(|note| {
        Ok(engine::ReceiptNote {
            id: note.id.parse().map_err(|_| bad("a note has no whole id"))?,
            version: digest(note.version)?,
            pack: note.pack,
        })
    });
    let asked = call.asked;
    let filter = |filter: rpc::ReceiptFilter| engine::AskedFilter {
        name: filter.name,
        value: one_line(&filter.value),
    };
    let selection = asked.selection.map(|selection| {
        Ok::<_, Failure>(engine::AskedSelection {
            name: selection.name,
            digest: digest(selection.digest)?,
        })
    });
    let budget = asked.max_tokens.map(|max_tokens| engine::AskedBudget {
        max_tokens,
        estimator: asked.estimator.unwrap_or_default(),
    });
    let withheld = call.withheld;
    let masked = withheld.masked.clone().into_iter();
    Ok(engine::Receipt {
        version: 0,
        at: engine::Timestamp::from_millis(0),
        person: vec![],
        packs: packs.collect::<Result<_, Failure>>()?,
        notes: notes.collect::<Result<_, Failure>>()?,
        asked: engine::Asked {
            format: asked.format,
            listed: asked.listed,
            filters: asked.filters.into_iter().map(filter).collect(),
            purpose: asked.purpose.as_deref().map(one_line),
            client: asked.client.as_deref().map(one_line),
            redacts: asked.redact_pii,
            budget,
            selection: selection.transpose()?,
        },
        bundle: engine::Bundle {
            bytes: call.bundle.bytes,
            sha256: digest(call.bundle.sha256)?,
        },
        not_selected: withheld.not_selected,
        set_aside: withheld.set_aside,
        waiting: withheld.waiting,
        as_masked_copy: withheld.as_masked_copy,
        withheld: by_rule(&withheld, call.over_budget),
        masked: masked
            .filter(|(_, values)| *values > 0)
            .map(|(kind, values)| engine::MaskedKind { kind, values })
            .collect(),
    })
}

/// What stayed, each with the name of the rule that decided.
fn by_rule(withheld: &rpc::Withheld, over_budget: u64) -> Vec<engine::WithheldBy> {
    let by = |rule: String, what: Option<&str>, notes: u64| engine::WithheldBy {
        rule,
        what: what.map(str::to_owned),
        notes,
    };
    let plain = [
        ("note deleted", withheld.deleted),
        ("wall client", withheld.client),
        ("note expired", withheld.expired),
        ("note redacted", withheld.redacted),
        ("note unreadable", withheld.unreadable),
        ("request max_tokens", over_budget),
    ];
    let plain = plain
        .into_iter()
        .map(|(rule, n)| by(rule.to_owned(), None, n));
    let above = withheld.sensitivity.iter();
    let above = above.map(|(s, n)| by("request max_sensitivity".into(), Some(s.as_str()), *n));
    let consents = withheld.consent.iter();
    let consents = consents.map(|(gap, n)| by(format!("consent {gap}"), None, *n));
    let rules = withheld.rule.iter().map(|(rule, n)| match rule.as_str() {
        "unreadable" => by("rules unreadable".into(), None, *n),
        rule => by(format!("rule {rule}"), None, *n),
    });
    let all = plain.chain(above).chain(consents).chain(rules);
    let mut all: Vec<engine::WithheldBy> = all.filter(|one| one.notes > 0).collect();
    all.sort_unstable();
    all
}

/// Text that somebody typed, in one line.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

/// What a receipt says.
pub(crate) fn receipt_shown(signed: &engine::SignedReceipt) -> rpc::ReceiptShown {
    let receipt = signed.receipt().clone();
    let hex = |bytes: [u8; 32]| Hex(bytes.to_vec());
    let asked = receipt.asked;
    let (max_tokens, estimator) = match asked.budget {
        Some(budget) => (Some(budget.max_tokens), Some(budget.estimator)),
        None => (None, None),
    };
    rpc::ReceiptShown {
        at: time(receipt.at),
        person: signed.person().to_string(),
        device: signed.device().to_string(),
        packs: receipt
            .packs
            .into_iter()
            .map(|of| rpc::ReceiptPack {
                id: of.pack.to_string(),
                max_sensitivity: sensitivity(of.max_sensitivity),
                crosses_clients: of.crosses_clients,
            })
            .collect(),
        asked: rpc::ReceiptAsked {
            format: asked.format,
            listed: asked.listed,
            filters: asked
                .filters
                .into_iter()
                .map(|filter| rpc::ReceiptFilter {
                    name: filter.name,
                    value: filter.value,
                })
                .collect(),
            purpose: asked.purpose,
            client: asked.client,
            redact_pii: asked.redacts,
            max_tokens,
            estimator,
            selection: asked.selection.map(|selection| rpc::ReceiptSelection {
                name: selection.name,
                digest: hex(selection.digest),
            }),
        },
        notes: receipt
            .notes
            .into_iter()
            .map(|note| rpc::ReceiptNote {
                id: note.id.to_string(),
                version: hex(note.version),
                pack: note.pack,
            })
            .collect(),
        bundle: rpc::ReceiptBundle {
            bytes: receipt.bundle.bytes,
            sha256: hex(receipt.bundle.sha256),
        },
        withheld: receipt
            .withheld
            .into_iter()
            .map(|one| rpc::WithheldBy {
                rule: one.rule,
                what: one.what,
                notes: one.notes,
            })
            .collect(),
        not_selected: receipt.not_selected,
        set_aside: receipt.set_aside,
        waiting: receipt.waiting,
        masked: receipt
            .masked
            .into_iter()
            .map(|one| (one.kind, one.values))
            .collect(),
        as_masked_copy: receipt.as_masked_copy,
    }
}

/// Why bytes are no receipt, for whoever wants to rely on it.
pub(crate) fn bad_receipt(error: &engine::ReceiptError) -> Failure {
    match error {
        engine::ReceiptError::NewerVersion => {
            Failure::new(Code::BadInput, "the receipt was made by a newer Kitbag")
        }
        engine::ReceiptError::BadSignature => Failure::new(
            Code::Integrity,
            "the receipt was changed, or nobody signed it as it is",
        )
        .hint("do not rely on it; ask whoever exported for it once more"),
        other => Failure::new(Code::Integrity, format!("this is no receipt: {other}"))
            .hint("give the file that kitbag export --receipt wrote"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kitbag_rpc::Sensitivity;

    /// Goal: every reason has the name of the rule that decided, and none is counted twice.
    #[test]
    fn what_stays_is_told_by_its_rule() {
        let withheld = rpc::Withheld {
            notes: 45,
            deleted: 1,
            sensitivity: [(Sensitivity::Confidential, 2), (Sensitivity::Restricted, 3)].into(),
            consent: [("withdrawn".to_owned(), 4)].into(),
            rule: [
                ("export.redact_pii".to_owned(), 5),
                ("unreadable".to_owned(), 6),
            ]
            .into(),
            client: 7,
            expired: 8,
            redacted: 9,
            unreadable: 0,
            ..rpc::Withheld::default()
        };
        let told = by_rule(&withheld, 10);
        let lines: Vec<String> = told
            .iter()
            .map(|one| format!("{} {:?} {}", one.rule, one.what.as_deref(), one.notes))
            .collect();
        assert_eq!(
            lines,
            [
                "consent withdrawn None 4",
                "note deleted None 1",
                "note expired None 8",
                "note redacted None 9",
                "request max_sensitivity Some(\"confidential\") 2",
                "request max_sensitivity Some(\"restricted\") 3",
                "request max_tokens None 10",
                "rule export.redact_pii None 5",
                "rules unreadable None 6",
                "wall client None 7",
            ]
        );
        assert_eq!(told.iter().map(|one| one.notes).sum::<u64>(), 45 + 10);
        assert_eq!(one_line("a\nb\u{1b}"), "a\u{fffd}b\u{fffd}");
    }
}
