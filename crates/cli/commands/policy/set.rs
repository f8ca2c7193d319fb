//! `kitbag policy set`: what may leave a pack, changed.

use crate::context::Context;
use crate::{args, input, rules, words};
use clap::Args;
use clap::builder::PossibleValuesParser;
use kitbag_render::Format;
use kitbag_rpc::{
    Client, Code, Failure, NamedField, NamedId, RulesChanged, Sensitivity, SetLimits, SetRules,
    Setting, V1,
};
use std::collections::BTreeMap;

/// Where something may go.
const DESTINATIONS: [&str; 4] = ["export", "pack", "agent", "handoff"];
/// In a list: not ruled any more.
const NONE: &str = "none";
/// Among purposes: any, but one has to be named.
const ANY: &str = "any";

#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// The pack: the start of its id, your name for it, or the title you gave it
    pack: String,
    /// The client that it belongs to; none if it is nobody's
    #[arg(long, value_name = "CLIENT")]
    client: Option<String>,
    /// What kind of pack it is
    #[arg(long, value_parser = args::pack_kind())]
    kind: Option<String>,
    /// A note for which nobody says a sensitivity has at least this one
    #[arg(long, value_parser = args::sensitivity())]
    sensitivity: Option<Sensitivity>,
    /// The highest sensitivity that leaves in an export; none for no limit
    #[arg(long, value_name = "S", value_parser = max())]
    export_max: Option<String>,
    /// The highest that goes into another pack
    #[arg(long, value_name = "S", value_parser = max())]
    pack_max: Option<String>,
    /// The highest that an agent reads
    #[arg(long, value_name = "S", value_parser = max())]
    agent_max: Option<String>,
    /// The highest that a hand-off cites
    #[arg(long, value_name = "S", value_parser = max())]
    handoff_max: Option<String>,
    /// Formats of exports, of md,xml,json,jsonl,text,hcr; none for no limit
    #[arg(long, value_name = "FORMATS", value_delimiter = ',')]
    formats: Vec<String>,
    /// What it may leave for: a,b; any for one that is named; none for no limit
    #[arg(long, value_name = "PURPOSES", value_delimiter = ',')]
    purposes: Vec<String>,
    /// Kinds of personal data that leave only with a consent that was given: health,email; none for no limit
    #[arg(long, value_name = "KINDS", value_delimiter = ',')]
    require_consent: Vec<String>,
    /// Whether notes with personal data stay unless it is taken out
    #[arg(long, value_name = "YES|NO", value_parser = PossibleValuesParser::new(["yes", "no"]))]
    redact_pii: Option<String>,
    /// Ids that count as personal data: FORM or KIND=FORM, with # for a digit, @ a letter, * some of
    /// both; can be said several times and names all of them; none for none
    #[arg(long = "id", value_name = "FORM", value_delimiter = ',')]
    ids: Vec<String>,
    /// Fields whose values count as personal data: NAME or KIND=NAME; as --id
    #[arg(long = "id-field", value_name = "NAME", value_delimiter = ',')]
    id_fields: Vec<String>,
    /// Days that notes may be kept after they were captured; none for no limit
    #[arg(long, value_name = "DAYS", value_parser = retention)]
    retention: Option<Retention>,
    /// To what purposes, consent and personal data apply; without it to all
    #[arg(long = "for", value_name = "DESTINATION", value_parser = PossibleValuesParser::new(DESTINATIONS))]
    destinations: Vec<String>,
    /// Let the pack's notes go from one client to another
    #[arg(long)]
    across_clients: bool,
    /// Begin from no rules: for rules that cannot be read
    #[arg(long)]
    replace: bool,
    /// Only say what would change
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Days that notes may be kept.
#[derive(Clone, Copy, Debug)]
enum Retention {
    Days(u32),
    NoLimit,
}

fn retention(word: &str) -> Result<Retention, String> {
    if word == NONE {
        return Ok(Retention::NoLimit);
    }
    let days = word.parse().ok().filter(|days| (1..=36_500).contains(days));
    let days = days.ok_or("days: a number from 1 to 36500, or none")?;
    Ok(Retention::Days(days))
}

/// A sensitivity, or no limit.
fn max() -> PossibleValuesParser {
    let all = Sensitivity::ALL.map(Sensitivity::as_str);
    PossibleValuesParser::new(all.into_iter().chain([NONE]))
}

pub(super) async fn run(context: &Context, client: &Client, args: SetArgs) -> anyhow::Result<()> {
    let (dry_run, yes) = (args.dry_run, args.yes);
    let mut call = call_of(args)?;
    // Always first: what cannot be done is told before anybody is asked.
    let preview = client.call(&call).await?;
    let pack = words::pack(&preview.pack);
    let told = in_words(&preview);
    if dry_run || !preview.changes {
        if context.out.is_json() {
            return context.out.document(&preview);
        }
        return Ok(context.out.data(match preview.changes {
            true => format!("Nothing was changed. The rules of {pack} would be:\n\n{told}"),
            false => format!("The rules of {pack} are that already."),
        })?);
    }
    if !yes {
        input::confirm(context.out, &told, &format!("Set the rules of {pack}?"))?;
    }
    (call.pack, call.dry_run) = (preview.pack.id, false);
    let done = client.call(&call).await?;
    if context.out.is_json() {
        return context.out.document(&done);
    }
    let told = in_words(&done);
    Ok(context.out.data(format!(
        "Set the rules of {pack}; they hold on each device as soon as it hears of them.\n\n{told}"
    ))?)
}

/// What changes, line by line.
fn in_words(changed: &RulesChanged) -> String {
    let mut lines = rules::changes(changed.before.as_ref(), &changed.after);
    if changed.crossing > 0 {
        let notes = words::count(changed.crossing, "note crosses", "notes cross");
        lines.push(format!(
            "{notes} the wall between clients with it, as you said"
        ));
    }
    lines.join("\n")
}

/// What is asked for, looked at only.
fn call_of(args: SetArgs) -> Result<SetRules, Failure> {
    let mut limits: BTreeMap<String, SetLimits> = BTreeMap::new();
    let of_each = [
        ("export", args.export_max),
        ("pack", args.pack_max),
        ("agent", args.agent_max),
        ("handoff", args.handoff_max),
    ];
    for (destination, max) in of_each {
        if let Some(word) = max {
            let known = Sensitivity::ALL.into_iter().find(|s| s.as_str() == word);
            let setting = known.map_or(Setting::Clear, Setting::To);
            limits
                .entry(destination.to_owned())
                .or_default()
                .max_sensitivity = Some(setting);
        }
    }
    if let Some(formats) = list("--formats", args.formats)? {
        known_formats(&formats)?;
        limits.entry("export".to_owned()).or_default().formats = Some(formats);
    }
    let purposes = match args.purposes.as_slice() {
        [any] if any == ANY => Some(Setting::To(vec![])),
        _ => list("--purposes", args.purposes)?,
    };
    let require_consent = list("--require-consent", args.require_consent)?;
    let redact_pii = args.redact_pii.map(|word| word == "yes");
    let ids = list("--id", args.ids)?.map(|ids| named(ids, |form, kind| NamedId { form, kind }));
    let id_fields = list("--id-field", args.id_fields)?
        .map(|fields| named(fields, |name, kind| NamedField { name, kind }));
    let is_by_destination = purposes.is_some() || require_consent.is_some() || redact_pii.is_some();
    if !args.destinations.is_empty() && !is_by_destination {
        let message = "--for says where --purposes, --require-consent and --redact-pii apply";
        let hint = "the highest sensitivity has an option for each: --export-max, --agent-max, …";
        return Err(Failure::new(Code::Usage, message).hint(hint));
    }
    let to = match args.destinations.is_empty() {
        true => DESTINATIONS.map(str::to_owned).to_vec(),
        false => args.destinations,
    };
    if is_by_destination {
        for destination in to {
            let of = limits.entry(destination).or_default();
            (of.purposes, of.redact_pii) = (purposes.clone(), redact_pii);
            of.require_consent.clone_from(&require_consent);
        }
    }
    let call = SetRules {
        v: V1,
        pack: args.pack,
        replace: args.replace,
        across_clients: args.across_clients,
        client: args.client.map(|client| match client.trim() {
            NONE => Setting::Clear,
            _ => Setting::To(client),
        }),
        kind: args.kind.map(Setting::To),
        default_sensitivity: args.sensitivity.map(Setting::To),
        limits,
        ids,
        id_fields,
        retention_days: args.retention.map(|retention| match retention {
            Retention::Days(days) => Setting::To(days),
            Retention::NoLimit => Setting::Clear,
        }),
        dry_run: true,
    };
    let says_nothing = call.client.is_none()
        && call.kind.is_none()
        && call.default_sensitivity.is_none()
        && call.limits.is_empty()
        && call.ids.is_none()
        && call.id_fields.is_none()
        && call.retention_days.is_none()
        && !call.replace;
    if says_nothing {
        let failure = Failure::new(Code::Usage, "say what to change");
        return Err(failure.hint(
            "kitbag help policy set lists what there is; kitbag policy show PACK what is set",
        ));
    }
    Ok(call)
}

/// A word that is no format would keep everything in, and look as if it let something leave.
fn known_formats(formats: &Setting<Vec<String>>) -> Result<(), Failure> {
    let known = || Format::ALL.map(Format::as_str).into_iter();
    let Setting::To(formats) = formats else {
        return Ok(());
    };
    match formats
        .iter()
        .find(|format| !known().any(|one| one == *format))
    {
        None => Ok(()),
        Some(format) => {
            let message = format!("--formats: {} is no format", words::inline(format));
            let known = known().collect::<Vec<_>>().join(", ");
            Err(Failure::new(Code::Usage, message).hint(format!("there are: {known}")))
        }
    }
}

/// `KIND=NAME`, or a name alone, of what is of no kind that has a word.
fn named<T>(all: Setting<Vec<String>>, one: impl Fn(String, String) -> T) -> Setting<Vec<T>> {
    let Setting::To(all) = all else {
        return Setting::Clear;
    };
    let all = all.into_iter().map(|given| match given.split_once('=') {
        Some((kind, name)) => one(name.trim().to_owned(), kind.trim().to_owned()),
        None => one(given, rules::OTHER.to_owned()),
    });
    Setting::To(all.collect())
}

/// Words of a list, or that it is no limit any more.
fn list(option: &str, given: Vec<String>) -> Result<Option<Setting<Vec<String>>>, Failure> {
    let words: Vec<String> = given.iter().map(|word| word.trim().to_owned()).collect();
    match words.as_slice() {
        [] => Ok(None),
        [none] if none == NONE => Ok(Some(Setting::Clear)),
        all if all.iter().any(|word| word.is_empty() || word == NONE) => {
            let message = format!("{option}: a list of words with commas between, or none");
            let any = match option {
                "--purposes" => "; none takes the limit away, any asks only that one is named",
                _ => "; none takes the limit away",
            };
            Err(Failure::new(Code::Usage, message).hint(format!("{option} one,two{any}")))
        }
        _ => Ok(Some(Setting::To(words))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: SetArgs,
    }

    fn call(words: &[&str]) -> Result<SetRules, Failure> {
        let words = ["set", "Acme"].iter().chain(words);
        call_of(Line::try_parse_from(words).unwrap().args)
    }

    #[test]
    fn each_option_sets_its_point_and_nothing_else() {
        let of = |words: &[&str]| call(words).unwrap();
        assert_eq!(
            of(&["--client", "Acme"]).client,
            Some(Setting::To("Acme".into()))
        );
        assert_eq!(of(&["--client", "none"]).client, Some(Setting::Clear));
        let max = of(&["--export-max", "internal", "--agent-max", "none"]);
        assert_eq!(max.limits.len(), 2);
        assert_eq!(
            max.limits["export"],
            SetLimits {
                max_sensitivity: Some(Setting::To(Sensitivity::Internal)),
                ..SetLimits::default()
            }
        );
        assert_eq!(max.limits["agent"].max_sensitivity, Some(Setting::Clear));
        let formats = of(&["--formats", "md, json"]);
        let listed = vec!["md".to_owned(), "json".to_owned()];
        assert_eq!(formats.limits["export"].formats, Some(Setting::To(listed)));
        assert_eq!(formats.limits.len(), 1);
        let all = of(&["--formats", "md,xml,json,jsonl,text,hcr"]);
        let Some(Setting::To(all)) = &all.limits["export"].formats else {
            panic!("no formats: {all:?}");
        };
        assert_eq!(all.len(), Format::ALL.len());
        let consent = of(&["--require-consent", "health", "--purposes", "any"]);
        assert_eq!(consent.limits.len(), 4);
        for limits in consent.limits.values() {
            assert_eq!(
                limits.require_consent,
                Some(Setting::To(vec!["health".into()]))
            );
            assert_eq!(limits.purposes, Some(Setting::To(vec![])));
        }
        let only = of(&["--redact-pii", "yes", "--for", "agent"]);
        assert_eq!(only.limits.len(), 1);
        assert_eq!(only.limits["agent"].redact_pii, Some(true));
        let named = |form: &str, kind: &str| NamedId {
            form: form.to_owned(),
            kind: kind.to_owned(),
        };
        let ids = of(&[
            "--id",
            "CUST-####, payment_card=VOUCHER-*",
            "--id",
            "A-####",
        ]);
        let all = vec![
            named("CUST-####", "other"),
            named("VOUCHER-*", "payment_card"),
            named("A-####", "other"),
        ];
        assert_eq!((ids.ids, ids.limits.len()), (Some(Setting::To(all)), 0));
        assert_eq!(of(&["--id", "none"]).ids, Some(Setting::Clear));
        let field = NamedField {
            name: "loyalty_id".to_owned(),
            kind: "other".to_owned(),
        };
        let fields = of(&["--id-field", "loyalty_id"]);
        assert_eq!(fields.id_fields, Some(Setting::To(vec![field])));
        let kept = |days: &str| of(&["--retention", days]).retention_days;
        assert_eq!(kept("365"), Some(Setting::To(365)));
        assert_eq!(kept("none"), Some(Setting::Clear));
        assert!(of(&["--replace"]).replace);
    }

    #[test]
    fn what_says_nothing_or_two_things_at_once_is_refused() {
        for words in [
            &[][..],
            &["--dry-run"],
            &["--for", "agent"],
            &["--for", "agent", "--export-max", "internal"],
            &["--formats", "md,none"],
            &["--formats", "md,pdf"],
            &["--purposes", "a,,b"],
            &["--id", "CUST-####,none"],
            &["--id-field", ""],
        ] {
            assert!(call(words).is_err(), "{words:?}");
        }
    }
}
