//! Makes a table of cases for `kitbag rules test` from recorded conversations of a support agent.
//!
//! ```sh
//! cargo run --example airline_cases -- conversations.json policy.md rules.toml > cases.csv
//! ```
//!
//! The conversations are those of tau-bench's airline (`historical_trajectories`). A case is what was
//! known just before the agent called `transfer_to_human_agents`, or at the end where it never did; what
//! was expected is whether it did. No value of a person goes into the table: of what the customer said
//! only words that the policy or the rules have, without digits, every other being `x`; of records only
//! cabin, insurance, membership, whether a part was flown, and whether the booking is a day old.

#![expect(
    clippy::print_stdout,
    reason = "a program of its own: the table goes to the standard output"
)]

use serde_json::Value;
use std::collections::BTreeSet;
use std::error::Error;

/// The policy's own "now".
const TODAY: &str = "2024-05-15";
const A_DAY_AGO: &str = "2024-05-14T15:00:00";
const TRANSFER: &str = "transfer_to_human_agents";
/// Tools that change something.
const CHANGING: [&str; 6] = [
    "update_reservation_flights",
    "update_reservation_baggages",
    "update_reservation_passengers",
    "cancel_reservation",
    "book_reservation",
    "send_certificate",
];

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    let [conversations, policy, rules] = paths.as_slice() else {
        return Err("usage: airline_cases CONVERSATIONS.json POLICY.md RULES.toml".into());
    };
    let conversations: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(conversations)?)?;
    let (policy, rules) = (
        std::fs::read_to_string(policy)?,
        std::fs::read_to_string(rules)?,
    );
    let kept = Kept::of(&policy, &rules);
    println!(
        "case,expected,text,tags,failed_attempts,tool_error,field.cabin,field.insurance,\
         field.membership,field.flown,field.within_24_hours"
    );
    for conversation in &conversations {
        println!("{}", row(conversation, &kept));
    }
    Ok(())
}

/// Words that everybody may read.
struct Kept {
    whole: BTreeSet<String>,
    /// Of keywords that end with `*`.
    beginnings: Vec<String>,
}

impl Kept {
    fn of(policy: &str, rules: &str) -> Kept {
        let both = [policy, rules];
        let whole = both.iter().flat_map(|text| words(text));
        // What stands before each star.
        let before = rules.rsplit('*').skip(1);
        let beginnings = before.filter_map(|before| words(before).last());
        Kept {
            whole: whole.map(str::to_lowercase).collect(),
            beginnings: beginnings.map(str::to_lowercase).collect(),
        }
    }

    fn has(&self, word: &str) -> bool {
        let begins = self
            .beginnings
            .iter()
            .any(|beginning| word.starts_with(beginning));
        (begins || self.whole.contains(word)) && !word.contains(|c: char| c.is_ascii_digit())
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_word = |c: char| c.is_alphanumeric() || c == '\'';
    text.split(move |c| !is_word(c))
        .filter(|word| !word.is_empty())
}

#[derive(Default)]
struct Facts {
    said: Vec<String>,
    certificate: bool,
    failed: u32,
    last_change_failed: bool,
    cabin: String,
    insurance: String,
    membership: String,
    flown: String,
    within_a_day: String,
}

fn row(conversation: &Value, kept: &Kept) -> String {
    let mut facts = Facts::default();
    let mut expected = "agent_resolves";
    for message in conversation["messages"].as_array().into_iter().flatten() {
        let calls = message["tool_calls"].as_array().into_iter().flatten();
        let named: Vec<&str> = calls
            .filter_map(|call| call["function"]["name"].as_str())
            .collect();
        if named.contains(&TRANSFER) {
            expected = "handoff";
            break;
        }
        facts.certificate |= named.contains(&"send_certificate");
        let content = message["content"].as_str().unwrap_or_default();
        match message["role"].as_str() {
            Some("user") => facts.hear(content, kept),
            Some("tool") => facts.see(message["name"].as_str().unwrap_or_default(), content),
            _ => {}
        }
    }
    let name = format!(
        "task {} trial {}",
        conversation["task_id"], conversation["trial"]
    );
    let tags = if facts.certificate {
        "offers_certificate"
    } else {
        ""
    };
    let error = if facts.last_change_failed {
        "yes"
    } else {
        "no"
    };
    [
        name.as_str(),
        expected,
        &facts.said.join(" x "),
        tags,
        &facts.failed.to_string(),
        error,
        &facts.cabin,
        &facts.insurance,
        &facts.membership,
        &facts.flown,
        &facts.within_a_day,
    ]
    .join(",")
}

impl Facts {
    /// What the customer said, in words that everybody may read.
    fn hear(&mut self, content: &str, kept: &Kept) {
        let plain = |word: &str| {
            let word = word.to_lowercase();
            if kept.has(&word) {
                word
            } else {
                "x".to_owned()
            }
        };
        let mut said: Vec<String> = words(content).map(plain).collect();
        said.dedup_by(|a, b| a == "x" && b == "x");
        self.said.push(said.join(" "));
    }

    /// What a tool answered: errors, and what a record says that is nobody's own.
    fn see(&mut self, tool: &str, content: &str) {
        let failed = content.starts_with("Error");
        self.failed += u32::from(failed);
        if CHANGING.contains(&tool) {
            self.last_change_failed = failed;
        }
        let Ok(record) = serde_json::from_str::<Value>(content) else {
            return;
        };
        let of = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
        match tool {
            "get_user_details" => self.membership = of("membership"),
            "get_reservation_details" => {
                (self.cabin, self.insurance) = (of("cabin"), of("insurance"));
                let yes = |is: bool| (if is { "yes" } else { "no" }).to_owned();
                let flights = record["flights"].as_array().into_iter().flatten();
                let mut dates = flights.filter_map(|flight| flight["date"].as_str());
                // ISO dates compare as texts.
                self.flown = yes(dates.any(|date| date < TODAY));
                self.within_a_day = yes(of("created_at").as_str() >= A_DAY_AGO);
            }
            _ => {}
        }
    }
}
