//! `kitbag receipt verify`: whether a receipt of an export is what somebody signed, and of which bundle.
//! The signature needs no daemon; whose it is does.

use crate::context::Context;
use crate::{input, launch, when, words};
use clap::{Args, Subcommand};
use jiff::Zoned;
use kitbag_daemon::{RECEIPT_BYTES_MAX, read_hygiene_receipt, read_receipt};
use kitbag_rpc::{
    Call, ClientError, Code, Failure, Hex, HygieneReceiptKnown, HygieneReceiptShown,
    LookAtHygieneReceipt, LookAtReceipt, ReceiptKnown, ReceiptShown, V1, WithheldBy,
};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(crate) struct ReceiptArgs {
    #[command(subcommand)]
    command: ReceiptCommand,
}

#[derive(Debug, Subcommand)]
enum ReceiptCommand {
    /// Check the signature of a receipt, and whether a bundle is the one that it is of
    Verify {
        /// The receipt, as kitbag export --receipt wrote it; - for the standard input
        file: PathBuf,
        /// The bundle that it should be of
        #[arg(long, value_name = "FILE")]
        bundle: Option<PathBuf>,
    },
}

/// A receipt whose signature holds, and what else was found.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Verified {
    v: V1,
    /// What it says.
    says: ReceiptShown,
    /// The bundle that was compared with it, and is its own.
    bundle: Option<String>,
    /// What is known here of whoever signed, and of the notes; null where nobody is set up.
    known: Option<ReceiptKnown>,
}

pub(super) async fn run(context: &Context, args: ReceiptArgs) -> anyhow::Result<()> {
    let ReceiptCommand::Verify { file, bundle } = args.command;
    let bytes = input::bytes(&file, RECEIPT_BYTES_MAX)?;
    if let Some(says) = read_hygiene_receipt(&bytes)? {
        return hygiene(context, says, bytes, bundle.is_some()).await;
    }
    let says = read_receipt(&bytes)?;
    if let Some(bundle) = &bundle {
        compare(bundle, &says)?;
    }
    let call = LookAtReceipt {
        v: V1,
        signed: Hex(bytes),
    };
    let known = known(context, &call).await?;
    let verified = Verified {
        v: V1,
        says,
        bundle: bundle.map(|bundle| bundle.display().to_string()),
        known,
    };
    if context.out.is_json() {
        return context.out.document(&verified);
    }
    Ok(context.out.data(in_words(&verified, &Zoned::now()))?)
}

/// A receipt of hygiene whose signature holds.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct HygieneVerified {
    v: V1,
    /// What it says.
    hygiene: HygieneReceiptShown,
    /// What is known here of whoever signed; null where nobody is set up.
    known: Option<HygieneReceiptKnown>,
}

fn is_locked(error: &anyhow::Error) -> bool {
    let failure = match error.downcast_ref::<ClientError>() {
        Some(ClientError::Failed(failure)) => Some(failure),
        _ => error.downcast_ref::<Failure>(),
    };
    failure.is_some_and(|failure| failure.code == Code::Locked)
}

/// What this device knows beside the signature; nothing while nobody is set up, or it is locked.
async fn known<C: Call>(context: &Context, call: &C) -> anyhow::Result<Option<C::Answer>> {
    match kitbag_daemon::check_home(&context.home) {
        Err(failure) if failure.code == Code::NotInitialised => return Ok(None),
        _ => {}
    }
    let asked = async {
        let client = launch::client(context).await?;
        Ok(client.call(call).await?)
    };
    match asked.await {
        Ok(known) => Ok(Some(known)),
        Err(error) if is_locked(&error) => {
            let told = "This device is locked, so only the signature was looked at: kitbag unlock";
            context.out.say(told);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

async fn hygiene(
    context: &Context,
    says: HygieneReceiptShown,
    bytes: Vec<u8>,
    has_bundle: bool,
) -> anyhow::Result<()> {
    if has_bundle {
        let message = "--bundle: a receipt of hygiene is of no bundle";
        return Err(Failure::new(Code::Usage, message).into());
    }
    let call = LookAtHygieneReceipt {
        v: V1,
        signed: Hex(bytes),
    };
    let known = known(context, &call).await?;
    let verified = HygieneVerified {
        v: V1,
        hygiene: says,
        known,
    };
    if context.out.is_json() {
        return context.out.document(&verified);
    }
    Ok(context
        .out
        .data(hygiene_in_words(&verified, &Zoned::now()))?)
}

fn hygiene_in_words(verified: &HygieneVerified, now: &Zoned) -> String {
    let says = &verified.hygiene;
    let mut lines = vec!["The signature holds: nothing in this receipt was changed".to_owned()];
    let person = words::short(&says.person);
    lines.push(match &verified.known {
        Some(known) if known.is_me => "signed by you, on this device".to_owned(),
        Some(HygieneReceiptKnown {
            name: Some(name), ..
        }) => format!("signed by {}", words::inline(name)),
        _ => format!("signed by the person {person}, who is no member here that is known"),
    });
    lines.push(format!(
        "signed: {}, by the clock of that device",
        when::shown_in_full(says.at, now)
    ));
    lines.push(format!("pack: {}", says.pack));
    let mut counts: std::collections::BTreeMap<(&str, &str), u64> = Default::default();
    for note in &says.notes {
        let why = note.why.as_deref().unwrap_or("no reason told");
        *counts.entry((&note.act, why)).or_default() += 1;
    }
    for ((act, why), notes) in counts {
        let notes = words::count(notes, "note", "notes");
        lines.push(format!(
            "{}: {notes} ({})",
            words::inline(act),
            words::inline(why)
        ));
    }
    for (why, notes) in &says.left {
        let notes = words::count(*notes, "note", "notes");
        lines.push(format!("stayed: {notes} ({})", words::inline(why)));
    }
    if let Some(unreached) = says.unreached.filter(|unreached| *unreached > 0) {
        let notes = words::count(unreached, "note", "notes");
        lines.push(format!(
            "not reached: {notes} (it was cut off, or was under way)"
        ));
    }
    lines.join("\n")
}

/// Fails unless the file is the bundle that the receipt is of.
fn compare(bundle: &Path, says: &ReceiptShown) -> Result<(), Failure> {
    let name = bundle.display();
    let failed = |error: std::io::Error| {
        let code = match error.kind() {
            std::io::ErrorKind::NotFound => Code::NotFound,
            _ => Code::Storage,
        };
        Failure::new(code, format!("{name}: {error}"))
    };
    let mut file = std::fs::File::open(bundle).map_err(failed)?;
    let (mut digest, mut bytes) = (Sha256::new(), 0);
    let mut buffer = [0; 64 * 1024];
    loop {
        let read = file.read(&mut buffer).map_err(failed)?;
        if read == 0 {
            break;
        }
        digest.update(&buffer[..read]);
        bytes += read as u64;
    }
    if bytes == says.bundle.bytes && digest.finalize()[..] == says.bundle.sha256.0[..] {
        return Ok(());
    }
    let message = format!("{name} is not the bundle that the receipt is of, or was changed");
    Err(Failure::new(Code::Integrity, message).hint(format!(
        "the receipt is of {} with the SHA-256 {}",
        words::count(says.bundle.bytes, "byte", "bytes"),
        says.bundle.sha256
    )))
}

fn in_words(verified: &Verified, now: &Zoned) -> String {
    let says = &verified.says;
    let mut lines = vec!["The signature holds: nothing in this receipt was changed".to_owned()];
    lines.push(signer(verified));
    lines.push(format!(
        "signed: {}, by the clock of that device",
        when::shown_in_full(says.at, now)
    ));
    for pack in &says.packs {
        let crosses = match pack.crosses_clients {
            true => ", across clients, as they said",
            false => "",
        };
        lines.push(format!(
            "pack: {}, up to {}{crosses}",
            pack.id,
            pack.max_sensitivity.title()
        ));
    }
    let asked = &says.asked;
    lines.push(format!("format: {}", words::inline(&asked.format)));
    let texts = [
        ("purpose", asked.purpose.as_deref()),
        ("for the client", asked.client.as_deref()),
        (
            "selection",
            asked.selection.as_ref().map(|one| one.name.as_str()),
        ),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            lines.push(format!("{name}: {}", words::inline(text)));
        }
    }
    if let Some(max) = asked.max_tokens {
        lines.push(format!("at most {}", words::count(max, "token", "tokens")));
    }
    for filter in &asked.filters {
        let (name, value) = (words::inline(&filter.name), words::inline(&filter.value));
        lines.push(format!("only: {name} {value}"));
    }
    lines.push(format!(
        "left: {}, {}, SHA-256 {}",
        words::count(says.notes.len() as u64, "note", "notes"),
        words::count(says.bundle.bytes, "byte", "bytes"),
        says.bundle.sha256
    ));
    if let Some(bundle) = &verified.bundle {
        lines.push(format!("{} is that bundle", words::inline(bundle)));
    }
    for (kind, values) in &says.masked {
        let values = words::count(*values, "value", "values");
        lines.push(format!("taken out: {values} of {}", words::inline(kind)));
    }
    if says.as_masked_copy > 0 {
        let notes = words::count(says.as_masked_copy, "note", "notes");
        lines.push(format!("as masked copy: {notes}"));
    }
    lines.extend(says.withheld.iter().map(stayed));
    lines.extend(since(verified));
    lines.join("\n")
}

fn signer(verified: &Verified) -> String {
    let person = words::short(&verified.says.person);
    let Some(known) = &verified.known else {
        return format!("signed by the person {person}; nobody is set up here to know who that is");
    };
    if known.is_me {
        return "signed by you, on this device".to_owned();
    }
    let names = known.packs.iter().filter_map(|of| {
        let name = of.name.as_ref()?;
        Some(format!(
            "{} in {}",
            words::inline(name),
            words::pack(&of.pack)
        ))
    });
    let names: Vec<String> = names.collect();
    match (names.is_empty(), known.packs.is_empty()) {
        (false, _) => format!("signed by {}", names.join(", ")),
        (true, false) => {
            format!("signed by the person {person}, who is no member of its packs now")
        }
        (true, true) => format!("signed by the person {person}; none of its packs is here"),
    }
}

fn stayed(by: &WithheldBy) -> String {
    let notes = words::count(by.notes, "note", "notes");
    let what = by
        .what
        .as_deref()
        .map(|what| format!(" ({})", words::inline(what)));
    let what = what.unwrap_or_default();
    format!("stayed: {notes} by {}{what}", words::inline(&by.rule))
}

fn since(verified: &Verified) -> Option<String> {
    let known = verified
        .known
        .as_ref()
        .filter(|known| !known.packs.is_empty())?;
    let notes = known.notes;
    Some(format!(
        "here by now: {} as they left, {} changed, {} not to be seen",
        notes.same, notes.changed, notes.absent
    ))
}
