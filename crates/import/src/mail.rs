//! Mail: one message, or an mbox of many. Text is taken, attachments are named.

use crate::error::{Stop, other_kind};
use crate::lines::{self, Line};
use crate::note::{Note, Source};
use crate::out::Out;
use crate::{Key, MAIL_BYTES_MAX, TIME_MAX};
use mail_parser::{Address, Message, MessageParser, MessagePart, MimeHeaders};
use std::collections::BTreeSet;
use std::io::{BufRead, Read};

/// How each message of an mbox begins.
const FROM: &[u8] = b"From ";
const TOO_LONG: &str = "it is longer than 48 MiB";

pub(crate) fn read(input: &mut lines::Start<'_>, out: &mut Out<'_>) -> Result<(), Stop> {
    match input.starts_with(FROM) {
        true => mbox(input, out),
        false => {
            let mut bytes = Vec::new();
            input
                .take(MAIL_BYTES_MAX as u64 + 1)
                .read_to_end(&mut bytes)?;
            match bytes.len() {
                0 => Ok(()),
                length if length > MAIL_BYTES_MAX => out.skip("message", TOO_LONG),
                _ => match message(&bytes, "message", out)? {
                    true => Ok(()),
                    false => Err(other_kind("it is no mail")),
                },
            }
        }
    }
}

fn mbox(input: &mut dyn BufRead, out: &mut Out<'_>) -> Result<(), Stop> {
    let mut mail: Vec<u8> = Vec::new();
    let (mut number, mut over, mut after_blank, mut bad) = (0, false, true, 0);
    loop {
        let line = lines::next(input, MAIL_BYTES_MAX)?;
        let begins =
            after_blank && matches!(&line, Some(Line::Whole(line)) if line.starts_with(FROM));
        if (line.is_none() || begins) && number > 0 {
            let place = format!("message {number}");
            if over {
                out.skip(&place, TOO_LONG)?;
            } else if !message(&mail, &place, out)? {
                bad += 1;
                out.skip(&place, "it is no mail")?;
            }
            (mail, over) = (Vec::new(), false);
        }
        let Some(line) = line else {
            break;
        };
        match line {
            _ if begins => {
                number += 1;
                after_blank = false;
            }
            Line::TooLong => (over, after_blank) = (true, false),
            Line::Whole(line) => {
                if number == 0 {
                    return Err(other_kind("it is no mbox"));
                }
                after_blank = line.trim_ascii().is_empty();
                // Lines that looked like a beginning were quoted when they were put here.
                let quotes = line.iter().take_while(|byte| **byte == b'>').count();
                let quoted = quotes > 0 && line[quotes..].starts_with(FROM);
                over |= mail.len() + line.len() > MAIL_BYTES_MAX;
                match over {
                    true => mail = Vec::new(),
                    false => mail.extend_from_slice(&line[usize::from(quoted)..]),
                }
            }
        }
    }
    match number > 0 && number == bad {
        true => Err(other_kind("there is no mail in it")),
        false => Ok(()),
    }
}

/// Gives the note of one message; false if it is none.
fn message(bytes: &[u8], place: &str, out: &mut Out<'_>) -> Result<bool, Stop> {
    let Some(mail) = MessageParser::default().parse(bytes) else {
        return Ok(false);
    };
    if mail.from().is_none() && mail.subject().is_none() && mail.date().is_none() {
        return Ok(false);
    }
    let subject = mail.subject().unwrap_or_default().to_owned();
    let author = mail.from().map(people);
    let (body, others) = body(&mail);
    for other in others {
        out.unknown(&other)?;
    }
    let own = mail.message_id().unwrap_or_default();
    let seconds = mail.date().map(|date| date.to_timestamp());
    let at = seconds.and_then(|seconds| u64::try_from(seconds).ok()?.checked_mul(1000));
    let parts = [
        own.as_bytes(),
        subject.as_bytes(),
        author.as_deref().unwrap_or_default().as_bytes(),
        &at.unwrap_or_default().to_be_bytes(),
        body.as_bytes(),
    ];
    let label = match subject.trim() {
        "" => place.to_owned(),
        subject => subject.to_owned(),
    };
    out.note(Note {
        key: Key::of(out.kind(), "mail", &parts),
        place: label,
        note_type: "message".to_owned(),
        title: subject,
        body,
        source: Source {
            kind: "email".to_owned(),
            uri: (!own.is_empty()).then(|| format!("mid:{own}")),
            author,
            locator: Some(match own {
                "" => place.to_owned(),
                own => own.to_owned(),
            }),
            observed_at: at.filter(|&at| at <= TIME_MAX),
            ..Source::default()
        },
        ..Note::default()
    })?;
    Ok(true)
}

/// To whom, what it says in all its parts, and what came along; and the parts between these texts
/// that are none, by their types.
fn body(mail: &Message<'_>) -> (String, Vec<String>) {
    let mut head = Vec::new();
    for (name, address) in [("To", mail.to()), ("Cc", mail.cc())] {
        if let Some(address) = address {
            head.push(format!("{name}: {}", people(address)));
        }
    }
    let mut parts = Vec::new();
    if !head.is_empty() {
        parts.push(head.join("\n"));
    }
    let (mut seen, mut others) = (BTreeSet::new(), Vec::new());
    for (at, &part) in mail.text_body.iter().enumerate() {
        if !seen.insert(part) {
            continue;
        }
        match mail.body_text(at) {
            Some(text) if text.trim().is_empty() => {}
            Some(text) => parts.push(text.trim_end().to_owned()),
            None => others.push(type_of(mail.part(part))),
        }
    }
    let names: Vec<&str> = mail
        .attachments()
        .map(|part| part.attachment_name().unwrap_or("(no name)"))
        .collect();
    if !names.is_empty() {
        parts.push(format!("Attachments: {}", names.join(", ")));
    }
    (parts.join("\n\n"), others)
}

fn type_of(part: Option<&MessagePart<'_>>) -> String {
    match part.and_then(MimeHeaders::content_type) {
        Some(of) => format!("part {}/{}", of.ctype(), of.subtype().unwrap_or("*")),
        None => "part without a type".to_owned(),
    }
}

fn people(address: &Address<'_>) -> String {
    let people = address.iter().map(|one| match (one.name(), one.address()) {
        (Some(name), Some(address)) => format!("{name} <{address}>"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => String::new(),
    });
    people
        .filter(|one| !one.is_empty())
        .collect::<Vec<_>>()
        .join(", ")
}
