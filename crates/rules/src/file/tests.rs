//! Files of rules: what is read, what is written, and what errors name.

use super::*;
use crate::{cases, replay};
use kitbag_core::escalation::{Condition, Test};
use proptest::prelude::*;

const SAMPLE: &str = r#"
reason_codes = ["warranty"]

[[rule]]
id = "faq-stays"
when.intent_in = ["faq", "order_status"]
when.sensitivity_max = "internal"
do = "agent_resolves"

[[rule]]
id = "billing-to-human"
when.any = [{ tag = "billing_dispute" }, { tag = "contract" }, { text = "chargeback*" }]
do = "handoff"
to = "team:billing"
reason_code = "complex_billing_dispute"
priority = "high"
template = "handoff.support.v1"
accept_within = "PT4H"

[[rule]]
id = "two-failed-tries"
when.failed_attempts_gte = 2
do = "handoff"
reason_code = "warranty"

[[rule]]
id = "no-consent-no-share"
when.consent_in = ["pending", "refused", "withdrawn", "expired"]
do = "block"
reason_code = "consent_missing"

[[rule]]
id = "all-tests"
when.all = [
  { confidence_lt = 0.4, source_kind = ["email", "call"] },
  { not = { user_request = false } },
  { amount_gte = { field = "amount", value = 12.5 } },
  { field = { name = "cabin", is = ["basic_economy"] } },
]
when.tool_error = true
when.stale = false
when.denied = true
when.sensitivity_min = "public"
do = "ask_approval"
to = "role:admin"

[guard]
max_open_per_context = 1
max_active_per_agent = 5
off_hours = "queue"
hours = { days = ["mon", "fri"], from = "09:00", to = "17:30", utc = "-03:30" }
"#;

fn read_it(text: &str) -> Result<RuleFile, FileError> {
    read(text, &person_in)
}

fn rewritten(file: &RuleFile) -> String {
    write(
        &file.rules.iter().collect::<Vec<_>>(),
        &file.reason_codes,
        &file.guard,
    )
}

#[test]
fn a_file_says_what_it_says_and_is_written_as_it_is_read() {
    let file = read_it(SAMPLE).unwrap();
    assert_eq!(file.rules.len(), 5);
    let first = &file.rules[0].when;
    let Condition::All(parts) = first else {
        panic!("{first:?}");
    };
    assert!(
        parts
            .iter()
            .any(|part| matches!(part, Condition::Test(Test::SensitivityMax(_))))
    );
    assert_eq!(file.rules[1].accept_within, Some(14_400));
    assert_eq!(file.teams().len(), 1);
    let hours = file.guard.hours.unwrap();
    assert_eq!(
        (hours.days, hours.from, hours.to, hours.offset),
        (Days(17), 540, 1050, -210)
    );
    assert_eq!(read_it(&rewritten(&file)), Ok(file));
    assert_eq!(read_it(""), Ok(RuleFile::default()));
}

#[test]
fn an_error_names_the_rule_and_the_field() {
    let with = |line: &str| {
        format!(
            "[[rule]]\nid = \"a\"\nwhen.tag = \"x\"\ndo = \"block\"\n\n[[rule]]\nid = \"bad-one\"\n{line}\n"
        )
    };
    for (line, at, says) in [
        ("do = \"block\"", "rule \"bad-one\": when", "missing"),
        ("when.tag = \"x\"", "rule \"bad-one\": do", "missing"),
        (
            "when.tag = \"x\"\ndo = \"hand-off\"",
            "rule \"bad-one\": do",
            "handoff",
        ),
        (
            "when.tags = \"x\"\ndo = \"block\"",
            "rule \"bad-one\": when.tags",
            "no such condition",
        ),
        (
            "when = {}\ndo = \"block\"",
            "rule \"bad-one\": when",
            "no condition",
        ),
        (
            "when.tag = \"x\"\ndo = \"block\"\nfoo = 1",
            "rule \"bad-one\": foo",
            "no such field",
        ),
        (
            "when.any = [{tag=\"x\"}, {tag=7}]\ndo = \"block\"",
            "rule \"bad-one\": when.any[2].tag",
            "text",
        ),
        (
            "when.tag = \"x\"\ndo = \"block\"\nto = \"billing\"",
            "rule \"bad-one\": to",
            "team:NAME",
        ),
        (
            "when.tag = \"x\"\ndo = \"block\"\nto = \"team:A B\"",
            "rule \"bad-one\": to",
            "name",
        ),
        (
            "when.tag = \"x\"\ndo = \"block\"\nto = \"role:boss\"",
            "rule \"bad-one\": to",
            "boss",
        ),
        (
            "when.tag = \"x\"\ndo = \"block\"\nto = \"person: \"",
            "rule \"bad-one\": to",
            "nobody",
        ),
        (
            "when.tag = \"x\"\ndo = \"block\"\naccept_within = \"4\"",
            "rule \"bad-one\": accept_within",
            "PT4H",
        ),
        (
            "when.tag = \"x\"\ndo = \"block\"\nreason_code = \"mine\"",
            "rule \"bad-one\": reason_code",
            "neither known",
        ),
        (
            "when.tag = \"x\"\ndo = \"block\"\nreason_code = \"Free text\"",
            "rule \"bad-one\": reason_code",
            "code",
        ),
        (
            "when.failed_attempts_gte = -1\ndo = \"block\"",
            "rule \"bad-one\": when.failed_attempts_gte",
            "whole number",
        ),
        (
            "when.confidence_lt = 40\ndo = \"block\"",
            "rule \"bad-one\": when.confidence_lt",
            "at most 1",
        ),
        (
            "when.amount_gte = 5\ndo = \"block\"",
            "rule \"bad-one\": when.amount_gte",
            "field and value",
        ),
        (
            "when.amount_gte = {field=\"a\",value=\"5 EUR\"}\ndo = \"block\"",
            "rule \"bad-one\": when.amount_gte.value",
            "number",
        ),
        (
            "when.consent_in = [\"maybe\"]\ndo = \"block\"",
            "rule \"bad-one\": when.consent_in",
            "maybe",
        ),
        (
            "when.text = \"a*b\"\ndo = \"block\"",
            "rule \"bad-one\": when",
            "keyword",
        ),
        (
            "when.not.not.not.not.tag = \"x\"\ndo = \"block\"",
            "rule \"bad-one\": when.not.not.not.not",
            "four levels",
        ),
    ] {
        let error = read_it(&with(line)).unwrap_err();
        assert_eq!(error.at, at, "{line}: {error}");
        assert!(error.message.contains(says), "{line}: {error}");
    }
    let top = |text: &str| read_it(text).unwrap_err().to_string();
    assert!(top("[[rules]]\n").starts_with("rules: there is no such table"));
    assert!(top("rule = 1").starts_with("rule: each rule"));
    assert!(top("[[rule]]\nid = \"a\"\nid = \"b\"").starts_with("line 3"));
    assert!(top("[guard]\nmax_open = 1").starts_with("guard: max_open: there is no such field"));
    assert!(top("[guard]\noff_hours = \"queue\"").contains("hours"));
    assert!(
        top("[guard]\nhours = { days = [\"day\"], from = \"09:00\", to = \"10:00\", utc = \"Z\" }")
            .starts_with("guard: hours")
    );
    assert!(
        top("[[rule]]\nwhen.tag = \"x\"\ndo = \"block\"").starts_with("rule 1: id: is missing")
    );
    let twice = "[[rule]]\nid = \"a\"\nwhen.tag = \"x\"\ndo = \"block\"\n".repeat(2);
    assert!(top(&twice).starts_with("rule \"a\": id: another rule has it"));
    let named = "[[rule]]\nid = \"a\u{202e}\\nb\"\nwhen.tag = \"x\"\ndo = \"block\"\n";
    assert!(!top(named).contains(['\u{202e}', '\n']), "{}", top(named));
}

#[test]
fn hostile_files_end_in_errors() {
    let deep = format!(
        "[[rule]]\nid=\"a\"\ndo=\"block\"\nwhen = {}",
        "{not=".repeat(50_000)
    );
    let wide = format!("rule = [{}]", "{},".repeat(80_000));
    let long = "#".repeat(FILE_BYTES_MAX + 1);
    let many: String = (0..65)
        .map(|n| format!("[[rule]]\nid = \"r{n}\"\nwhen.tag = \"x\"\ndo = \"block\"\n"))
        .collect();
    for text in [
        deep.as_str(),
        &wide,
        &long,
        &many,
        "\0",
        "a = \u{7f}",
        "[[rule]]\nid = 5",
    ] {
        assert!(read_it(text).is_err());
    }
    assert!(read_it(&many).unwrap_err().message.contains("64"));
}

const CASES: &str = "\u{feff}case,expected,text,tags,failed_attempts,consent,field.amount,note.why\n\
    one,handoff,\"a \"\"chargeback\"\", please\",,,,,\n\
    two,agent_resolves,hello,,,,,\n\
    three,block,hello,contract|other,2,granted|withdrawn,,\n\
    \n\
    ,handoff,hello,,1,,12,\"two\nlines\"\n";

#[test]
fn a_replay_counts_what_agrees_by_action_and_by_rule() {
    let all = cases(CASES.as_bytes()).unwrap();
    assert_eq!(all.len(), 4);
    assert_eq!(all[3].name, "row 5");
    let played = replay(&read_it(SAMPLE).unwrap().escalation(), &all);
    assert_eq!((played.cases, played.agree, played.no_rule), (4, 3, 2));
    assert_eq!(played.matrix["handoff"]["handoff"], 1);
    assert_eq!(played.matrix["handoff"]["agent_resolves"], 1);
    assert_eq!(played.matrix["block"]["block"], 1);
    let handoff = &played.actions["handoff"];
    assert_eq!((handoff.precision, handoff.recall), (Some(1.0), Some(0.5)));
    let resolves = &played.actions["agent_resolves"];
    assert_eq!(
        (resolves.precision, resolves.recall),
        (Some(0.5), Some(1.0))
    );
    assert_eq!(played.actions["notify"].precision, None);
    let of = |id: &str| {
        let rule = played.rules.iter().find(|rule| rule.id == id).unwrap();
        (rule.fired, rule.decided, rule.agree)
    };
    assert_eq!(of("billing-to-human"), (2, 1, 1));
    assert_eq!(of("two-failed-tries"), (1, 0, 0));
    assert_eq!(of("no-consent-no-share"), (1, 1, 1));
    assert_eq!(of("faq-stays"), (0, 0, 0));
    assert_eq!(played.misses.len(), 1);
    assert_eq!(played.misses[0].case, "row 5");
    assert_eq!(cases(CASES.replace(',', ";").as_bytes()).unwrap().len(), 4);
}

#[test]
fn a_table_that_is_wrong_says_where() {
    let wrong = |text: &str| cases(text.as_bytes()).unwrap_err().to_string();
    for (text, begins) in [
        ("", "the table: empty"),
        ("expected\n", "the table: has no case"),
        ("text\na\n", "the table: has no column \"expected\""),
        (
            "expected,txt\nblock,a\n",
            "column \"txt\": there is no such column",
        ),
        ("expected,field.\nblock,a\n", "column \"field.\""),
        (
            "expected,expected\nblock,block\n",
            "column \"expected\": stands there twice",
        ),
        ("expected\nblocked\n", "row 2, expected: unknown action"),
        ("expected,text\n,a\n", "row 2, expected: is empty"),
        ("expected,text\nblock\n", "row 2: 1 values for 2 columns"),
        ("expected,confidence\nblock,2\n", "row 2, confidence"),
        ("expected,confidence\nblock,NaN\n", "row 2, confidence"),
        (
            "expected,user_request\nblock,true\n",
            "row 2, user_request: yes, no",
        ),
        (
            "expected,failed_attempts\nblock,-1\n",
            "row 2, failed_attempts",
        ),
        ("expected,at\nblock,yesterday\n", "row 2, at"),
        ("expected,sensitivity\nblock,secret\n", "row 2, sensitivity"),
    ] {
        assert!(wrong(text).starts_with(begins), "{text:?}: {}", wrong(text));
    }
    assert!(
        cases(b"expected\n\xff")
            .unwrap_err()
            .message
            .contains("UTF-8")
    );
    let value = format!("expected,text\nblock,{}\n", "a".repeat(VALUE_MAX + 1));
    assert!(wrong(&value).contains("64 KiB"));
    let columns = format!("expected{}\n", ",note.a".repeat(64));
    assert!(wrong(&columns).contains("64 columns"));
    let open = format!("expected,text\nblock,\"{}", "a\n".repeat(3 << 20));
    assert!(wrong(&open).contains("row 2"), "a quote without an end");
    let said = cases(b"expected,confidence,at\nblock,0.4,2026-11-24T09:30:00Z\n").unwrap();
    assert_eq!(said[0].facts.confidence, Some(400));
    assert!(said[0].facts.now.is_some());
}

const VALUE_MAX: usize = crate::VALUE_BYTES_MAX;

proptest! {
    #[test]
    fn random_texts_end_in_a_value_or_an_error(text in "\\PC{0,80}", lines in "([a-z.]{1,9} ?= ?[\\[{\"0-9a-z}\\]]{0,9}\n){0,6}") {
        let _ = read_it(&text);
        let _ = read_it(&lines);
        let _ = read_it(&format!("[[rule]]\nid = \"a\"\n{lines}"));
        let _ = cases(text.as_bytes());
        let _ = cases(format!("expected,text\n{text}").as_bytes());
    }
}
