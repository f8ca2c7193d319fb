//! `kitbag show`: one note, with all of its text.

use crate::context::Context;
use crate::{consent, launch, words};
use clap::Args;
use jiff::Zoned;
use kitbag_rpc::{Client, Note, ReadText, ShowNote, TextPiece, Time, V1};

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The start of the note's id
    note: String,
}

pub(super) async fn run(context: &Context, args: ShowArgs) -> anyhow::Result<()> {
    let client = launch::client(context).await?;
    let mut answer = client
        .call(&ShowNote {
            v: V1,
            note: args.note,
        })
        .await?;
    let now =
        Time::from_millis(u64::try_from(Zoned::now().timestamp().as_millisecond()).unwrap_or(0));
    let is_long = answer.note.long_text_bytes.is_some();
    if context.out.is_json() {
        if is_long {
            answer.note.body = whole_text(&client, &answer.note).await?;
        }
        return context.out.document(&answer);
    }
    if !is_long {
        return Ok(context.out.data(in_words(&answer.note, now))?);
    }
    answer.note.body.clear();
    context.out.part(&in_words(&answer.note, now))?;
    let mut from = Some(0);
    while let Some(at) = from {
        let piece = piece(&client, &answer.note, at).await?;
        context.out.part(&piece.text)?;
        from = piece.next;
    }
    Ok(context.out.part("\n")?)
}

async fn whole_text(client: &Client, note: &Note) -> anyhow::Result<String> {
    let (mut text, mut from) = (String::new(), Some(0));
    while let Some(at) = from {
        let piece = piece(client, note, at).await?;
        text.push_str(&piece.text);
        from = piece.next;
    }
    Ok(text)
}

async fn piece(client: &Client, note: &Note, from: u64) -> anyhow::Result<TextPiece> {
    let call = ReadText {
        v: V1,
        note: note.id.clone(),
        from,
    };
    let piece = client.call(&call).await?;
    let goes_on = piece.next.is_none_or(|next| next > from);
    anyhow::ensure!(
        goes_on,
        "the daemon's answer does not go on where it should"
    );
    Ok(piece)
}

/// A head of `key: value` lines, an empty line, the body as it is.
fn in_words(note: &Note, now: Time) -> String {
    let mut head = vec![
        ("id", note.id.clone()),
        ("pack", words::pack(&note.pack)),
        ("type", words::inline(&note.note_type)),
        ("sensitivity", note.sensitivity.to_string()),
        ("source", words::inline(&note.source.label)),
    ];
    if !note.title.trim().is_empty() {
        head.insert(1, ("title", words::inline(&note.title)));
    }
    let optional = [
        ("source kind", &note.source.kind),
        ("url", &note.source.uri),
        ("app", &note.source.app),
        ("author", &note.source.author),
        ("locator", &note.source.locator),
    ];
    head.extend(
        optional
            .into_iter()
            .filter_map(|(key, value)| value.as_deref().map(|value| (key, words::inline(value)))),
    );
    if !note.tags.is_empty() {
        head.push(("tags", words::inline(&note.tags.join(", "))));
    }
    head.push((
        "added",
        format!("{} by {}", note.captured_at, words::inline(&note.added_by)),
    ));
    if let Some(observed) = note.source.observed_at {
        head.push(("observed", observed.to_string()));
    }
    if let Some(by) = &note.produced_by {
        let parts = [
            ("", &by.agent),
            ("model ", &by.model),
            ("prompt ", &by.prompt),
        ];
        let parts = parts.into_iter();
        let said: Vec<String> = parts
            .filter_map(|(what, text)| Some(format!("{what}{}", words::inline(text.as_deref()?))))
            .collect();
        head.push(("produced by", said.join(", ")));
    }
    if let Some(thousandths) = note.confidence {
        head.push(("confidence", format!("{thousandths} of 1000")));
    }
    head.push(("captured by", words::inline(&note.captured_by)));
    head.push(("trust", words::inline(&note.trust)));
    head.push(("status", status(note, now)));
    if let Some(redacted) = &note.redacted {
        let by = redacted.by.as_deref().map(words::inline);
        let mut said = by.map_or_else(String::new, |by| format!("by {by}"));
        if let Some(at) = redacted.at {
            said = format!("{at} {said}");
        }
        if let Some(reason) = &redacted.reason {
            said = format!("{said}: {}", words::inline(reason));
        }
        head.push(("redacted", said));
    }
    head.extend(links(note));
    if let Some(said) = &note.consent {
        head.push(("consent", consent::in_words(said)));
    }
    if let Some(bytes) = note.long_text_bytes {
        head.push(("text", format!("{bytes} bytes, can only be read")));
    }
    if note.edits > 0 {
        head.push(("edits", note.edits.to_string()));
    }
    if note.waiting > 0 {
        head.push((
            "waiting",
            format!(
                "{} for an earlier one",
                words::count(note.waiting, "change", "changes")
            ),
        ));
    }
    if note.left_above > 0 {
        let edits = words::count(note.left_above, "edit", "edits");
        head.push((
            "left out",
            format!(
                "{edits} made at a higher sensitivity; {}",
                again(note, "an admin brings them in")
            ),
        ));
    }
    if let Some(said) = merged(note) {
        head.push(("merged", said));
    }
    if note.hidden_below {
        let undo = again(note, "an admin gives it back");
        let hidden = "somebody took it away from members cleared for less";
        head.push(("hidden", format!("{hidden}; {undo}")));
    }
    if let Some(below) = note.shown_below {
        let undo = again(note, "an editor takes it away");
        let shown = format!("members cleared for {} only", below.title());
        head.push(("also shown to", format!("{shown}; {undo}")));
    }
    let head: Vec<_> = head
        .into_iter()
        .map(|(key, value)| format!("{key}: {value}"))
        .collect();
    format!("{}\n\n{}", head.join("\n"), note.body)
}

/// That several changed the text at once, and where both versions are.
fn merged(note: &Note) -> Option<String> {
    let mut who: Vec<String> = Vec::new();
    for name in note.merged.iter().flat_map(|place| &place.by) {
        let name = words::inline(name);
        if !who.contains(&name) {
            who.push(name);
        }
    }
    let id = words::short(&note.id);
    let versions = format!("`kitbag history {id}` has the versions");
    match who.as_slice() {
        [] => None,
        [one] => Some(format!(
            "{one} changed this twice at once, and both texts are in it; {versions}"
        )),
        [others @ .., last] => Some(format!(
            "{} and {last} changed this at once, and what each wrote is in it; {versions}",
            others.join(", ")
        )),
    }
}

/// What it belongs to, and what else is said of it.
fn links(note: &Note) -> Vec<(&'static str, String)> {
    let mut links = Vec::new();
    let ids = |ids: &[String]| {
        let ids: Vec<&str> = ids.iter().map(|id| words::short(id)).collect();
        ids.join(", ")
    };
    if !note.masked_copy_of.is_empty() {
        links.push(("a masked copy of", words::along(&note.masked_copy_of)));
    }
    if !note.masked_copies.is_empty() {
        links.push(("masked copy", words::along(&note.masked_copies)));
    }
    let is_original = |id: &&String| note.masked_copy_of.iter().any(|of| of.id == **id);
    let others: Vec<String> = note
        .derived_from
        .iter()
        .filter(|id| !is_original(id))
        .cloned()
        .collect();
    for (key, all) in [
        ("made from", &others),
        ("replaces", &note.supersedes),
        ("replaced by", &note.superseded_by),
    ] {
        if !all.is_empty() {
            links.push((key, ids(all)));
        }
    }
    if !note.pii.is_empty() {
        links.push(("personal data", note.pii.join(", ").replace('_', " ")));
    }
    if let Some(claim) = &note.claim {
        links.push(("claim", words::inline(claim)));
    }
    if note.pinned {
        links.push(("pinned", "yes".to_owned()));
    }
    let dates = [
        ("valid from", note.valid_from),
        ("valid to", note.valid_to),
        ("review after", note.review_after),
        ("expires", note.expires_at),
    ];
    let dates = dates.into_iter();
    links.extend(dates.filter_map(|(key, at)| Some((key, at?.to_string()))));
    links
}

/// In words; with who deleted it, if it is deleted.
fn status(note: &Note, now: Time) -> String {
    match &note.deleted {
        Some(deleted) => format!(
            "deleted {} by {}; to bring it back: kitbag delete --restore {}",
            deleted.at,
            words::inline(&deleted.by),
            words::short(&note.id)
        ),
        None => {
            let status = words::inline(kitbag_render::status(&note.status));
            let is_over = note.expires_at.is_some_and(|end| end <= now);
            match is_over && note.status == "active" {
                true => format!("{status}, and expired: it is in no export"),
                false => status,
            }
        }
    }
}

/// What sets it right, and who can.
fn again(note: &Note, who: &str) -> String {
    let id = words::short(&note.id);
    format!("{who}: kitbag edit {id} --sensitivity {}", note.sensitivity)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kitbag_rpc::{PackRef, Sensitivity, Source};

    #[test]
    fn a_body_cannot_pose_as_the_head_and_the_head_has_one_line_per_field() {
        let note = Note {
            id: "abc".to_owned(),
            pack: PackRef {
                id: "p".to_owned(),
                title: "Acme".to_owned(),
                name: None,
                archived: false,
            },
            note_type: "note".to_owned(),
            title: "T\nsensitivity: public".to_owned(),
            body: "line 1\nline 2".to_owned(),
            long_text_bytes: None,
            tags: vec!["a".to_owned(), "b\nc".to_owned()],
            source: Source {
                label: "CRM".to_owned(),
                kind: None,
                uri: Some("https://a.example/\x1b[0m".to_owned()),
                app: None,
                author: None,
                locator: None,
                observed_at: Some(Time::from_millis(0)),
            },
            produced_by: Some(kitbag_rpc::ProducedBy {
                agent: Some("helper\n".to_owned()),
                model: Some("m".to_owned()),
                prompt: None,
            }),
            confidence: Some(750),
            captured_by: "kitbag".to_owned(),
            trust: "own".to_owned(),
            sensitivity: Sensitivity::Restricted,
            status: "active".to_owned(),
            consent: None,
            captured_at: Time::from_millis(0),
            added_by: "Ana".to_owned(),
            version: String::new(),
            edits: 2,
            waiting: 0,
            left_above: 1,
            merged: vec![kitbag_rpc::MergedPlace {
                at: [0, 4],
                by: vec!["Ada\n".to_owned(), "Ben".to_owned()],
            }],
            hidden_below: true,
            shown_below: Some(Sensitivity::Internal),
            deleted: None,
            derived_from: vec!["original".to_owned(), "elsewhere".to_owned()],
            masked_copies: vec![],
            masked_copy_of: vec![kitbag_rpc::NoteRef {
                id: "original".to_owned(),
                sensitivity: Sensitivity::Restricted,
            }],
            pii: vec!["date_of_birth".to_owned()],
            supersedes: vec![],
            superseded_by: vec!["new".to_owned()],
            redacted: None,
            pinned: true,
            claim: Some("verified".to_owned()),
            valid_from: None,
            valid_to: None,
            review_after: None,
            expires_at: Some(Time::from_millis(0)),
        };
        let words = in_words(&note, Time::from_millis(1));
        let (head, body) = words.split_once("\n\n").unwrap();
        assert_eq!(body, "line 1\nline 2");
        for line in [
            "a masked copy of: original (Restricted)",
            "made from: elsewhere",
            "replaced by: new",
            "personal data: date of birth",
            "pinned: yes",
            "status: active, and expired: it is in no export",
            "claim: verified",
            "observed: 1970-01-01T00:00:00Z",
            "produced by: helper\\n, model m",
            "confidence: 750 of 1000",
        ] {
            assert!(head.lines().any(|one| one == line), "{line}: {head}");
        }
        assert_eq!(
            head.lines()
                .filter(|line| line.starts_with("sensitivity: "))
                .count(),
            1,
            "{head}"
        );
        for told in [
            "left out: 1 edit made at a higher sensitivity; an admin brings them in: kitbag edit",
            "merged: Ada\\n and Ben changed this at once, and what each wrote is in it; `kitbag history abc`",
            "hidden: somebody took it away from members cleared for less; an admin gives it back",
            "also shown to: members cleared for Internal only; an editor takes it away: kitbag",
        ] {
            assert!(head.contains(told), "{head}");
        }
        assert!(
            head.contains("tags: a, b\\nc\n")
                && head.contains("url: https://a.example/\\u{1b}[0m\n"),
            "{head}"
        );
    }
}
