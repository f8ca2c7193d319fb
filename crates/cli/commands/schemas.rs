//! The schema of every document, as it is committed in `docs/schemas`.
//!
//! A file is the promise that scripts rely on: it changes only when somebody renews it, and the
//! difference is then there to be read. `tests/schemas.rs` holds real outputs against the files.

use super::{
    agent, clip, completions, daemon, demo, doctor, down, every_command, export, help, hygiene,
    import, init, key, lock, man, mcp, overview, receipt, rules, status, unlock, use_pack,
};
use kitbag_rpc::*;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Commands that will have a file when they have a document.
const WITHOUT: [&str; 0] = [];

/// One of two documents, by the options of the command.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum Either<A, B> {
    One(A),
    Other(B),
}

fn schema_of<T: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    settings.into_generator().into_root_schema_for::<T>()
}

/// By the words of the command, with hyphens; `kitbag` is the bare command, `error` what failed.
fn schemas() -> BTreeMap<&'static str, Schema> {
    BTreeMap::from([
        ("kitbag", schema_of::<overview::Overview>()),
        ("error", schema_of::<ErrorDocument>()),
        ("about", schema_of::<help::About>()),
        ("up", schema_of::<init::Identity>()),
        ("init", schema_of::<init::Identity>()),
        ("down", schema_of::<down::Stopped>()),
        ("daemon-run", schema_of::<daemon::Serving>()),
        ("daemon-start", schema_of::<daemon::DaemonStatus>()),
        ("daemon-status", schema_of::<daemon::DaemonStatus>()),
        ("daemon-stop", schema_of::<down::Stopped>()),
        ("daemon-install", schema_of::<daemon::install::Installed>()),
        (
            "daemon-uninstall",
            schema_of::<daemon::install::Installed>(),
        ),
        ("daemon-logs", schema_of::<daemon::logs::Logs>()),
        ("doctor", schema_of::<doctor::Report>()),
        ("key-protect", schema_of::<key::Protected>()),
        ("agent-add", schema_of::<agent::Added>()),
        ("agent-list", schema_of::<AgentsShown>()),
        ("agent-pause", schema_of::<AgentChanged>()),
        ("agent-revoke", schema_of::<AgentChanged>()),
        ("lock", schema_of::<lock::LockedHome>()),
        ("unlock", schema_of::<unlock::Unlocked>()),
        ("pack-create", schema_of::<PackAnswer>()),
        ("pack-show", schema_of::<PackAnswer>()),
        ("pack-list", schema_of::<Packs>()),
        ("pack-archive", schema_of::<PackArchived>()),
        (
            "pack-rename",
            schema_of::<Either<PackRenamed, PackRetitled>>(),
        ),
        ("use", schema_of::<use_pack::Used>()),
        ("add", schema_of::<NoteWritten>()),
        ("search", schema_of::<Found>()),
        (
            "export",
            schema_of::<Either<export::Written, kitbag_render::Exported>>(),
        ),
        ("clip", schema_of::<clip::Clipped>()),
        ("select-add", schema_of::<SelectionChanged>()),
        ("select-rm", schema_of::<SelectionChanged>()),
        ("select-list", schema_of::<Selections>()),
        ("select-show", schema_of::<SelectionShown>()),
        ("select-save", schema_of::<SelectionSaved>()),
        ("select-delete", schema_of::<SelectionDeleted>()),
        (
            "receipt-verify",
            schema_of::<Either<receipt::Verified, receipt::HygieneVerified>>(),
        ),
        ("import", schema_of::<import::tally::Report>()),
        ("edit", schema_of::<Either<NoteEdited, NoteRelabelled>>()),
        ("delete", schema_of::<NoteDeleted>()),
        ("undo", schema_of::<Undone>()),
        ("tag", schema_of::<NoteEdited>()),
        ("move", schema_of::<NoteCarried>()),
        ("copy", schema_of::<NoteCarried>()),
        ("supersede", schema_of::<NoteSuperseded>()),
        ("redact", schema_of::<NoteRedacted>()),
        ("list", schema_of::<Notes>()),
        ("show", schema_of::<NoteAnswer>()),
        ("history", schema_of::<History>()),
        ("review", schema_of::<Either<Review, TakenOver>>()),
        ("share", schema_of::<Shared>()),
        ("share-list", schema_of::<Invites>()),
        ("share-cancel", schema_of::<InviteCancelled>()),
        ("share-requests", schema_of::<JoinRequests>()),
        ("share-approve", schema_of::<JoinAnswered>()),
        ("share-refuse", schema_of::<JoinAnswered>()),
        ("join", schema_of::<Either<Joined, JoinForgotten>>()),
        ("ticket-inspect", schema_of::<TicketAnswer>()),
        ("members", schema_of::<Members>()),
        ("unshare", schema_of::<MembershipChange>()),
        ("role", schema_of::<MembershipChange>()),
        ("sync", schema_of::<Synced>()),
        ("status", schema_of::<Either<Status, status::Explained>>()),
        ("who", schema_of::<Who>()),
        ("check", schema_of::<Checked>()),
        ("policy-show", schema_of::<Policy>()),
        ("policy-explain", schema_of::<Explained>()),
        ("policy-set", schema_of::<RulesChanged>()),
        ("rules-list", schema_of::<EscalationRules>()),
        ("rules-set", schema_of::<EscalationSet>()),
        ("rules-test", schema_of::<rules::Tested>()),
        ("team-create", schema_of::<TeamChanged>()),
        ("team-add", schema_of::<TeamChanged>()),
        ("team-remove", schema_of::<TeamChanged>()),
        ("team-list", schema_of::<Teams>()),
        ("audit-log", schema_of::<Audit>()),
        ("audit-who-read", schema_of::<Audit>()),
        ("audit-verify", schema_of::<AuditVerified>()),
        ("audit-export", schema_of::<Audit>()),
        ("audit-keep", schema_of::<AuditKept>()),
        ("hygiene-report", schema_of::<HygieneFound>()),
        ("hygiene-expire", schema_of::<hygiene::PutAway>()),
        ("hygiene-duplicates", schema_of::<hygiene::PutAway>()),
        ("hygiene-prune", schema_of::<hygiene::PutAway>()),
        ("hygiene-goes", schema_of::<hygiene::Goes>()),
        ("handoff-review", schema_of::<HandoffAnswer>()),
        ("handoff-send", schema_of::<HandoffAnswer>()),
        ("handoff-show", schema_of::<HandoffAnswer>()),
        ("handoff-diff", schema_of::<HandoffAnswer>()),
        ("handoff-accept", schema_of::<HandoffAnswer>()),
        ("handoff-reject", schema_of::<HandoffAnswer>()),
        ("handoff-start", schema_of::<HandoffAnswer>()),
        ("handoff-ask", schema_of::<HandoffAnswer>()),
        ("handoff-answer", schema_of::<HandoffAnswer>()),
        ("handoff-reassign", schema_of::<HandoffAnswer>()),
        ("handoff-decide", schema_of::<HandoffAnswer>()),
        ("handoff-complete", schema_of::<HandoffAnswer>()),
        ("handoff-cancel", schema_of::<HandoffAnswer>()),
        ("handoff-snooze", schema_of::<HandoffAnswer>()),
        ("handoff-new", schema_of::<HandoffWritten>()),
        ("handoff-revise", schema_of::<HandoffWritten>()),
        ("handoff-reopen", schema_of::<HandoffWritten>()),
        ("handoff-list", schema_of::<Handoffs>()),
        ("inbox", schema_of::<Handoffs>()),
        ("inspect", schema_of::<Inspected>()),
        ("demo", schema_of::<demo::Told>()),
        ("completions", schema_of::<completions::Completions>()),
        ("man", schema_of::<man::Manual>()),
        ("mcp", schema_of::<mcp::Listening>()),
        ("help", schema_of::<help::Help>()),
    ])
}

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/schemas")
}

/// Goal: the committed schemas are those of the types, file by file. With `KITBAG_RENEW_SCHEMAS=1` the
/// files are written anew instead, for somebody to look at the difference.
#[test]
fn the_committed_schemas_are_the_real_ones() {
    let renew = std::env::var_os("KITBAG_RENEW_SCHEMAS").is_some();
    let mut kept = BTreeSet::new();
    for (name, schema) in schemas() {
        let file = directory().join(format!("{name}.json"));
        let text = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
        kept.insert(format!("{name}.json"));
        if renew {
            std::fs::create_dir_all(directory()).unwrap();
            std::fs::write(&file, text).unwrap();
            continue;
        }
        let committed = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            committed == text,
            "docs/schemas/{name}.json is not what the type says. If the change is meant:\n\
             KITBAG_RENEW_SCHEMAS=1 cargo test --workspace --bins schemas\nthen look at the difference.\n{text}"
        );
    }
    for entry in std::fs::read_dir(directory()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(kept.contains(&name), "{name} is of no document");
    }
}

/// Goal: no command is forgotten.
#[test]
fn every_command_has_a_schema() {
    let schemas = schemas();
    for (path, command) in every_command() {
        let name = path.join("-");
        let only_groups = command.is_subcommand_required_set();
        assert!(
            only_groups || schemas.contains_key(name.as_str()) || WITHOUT.contains(&name.as_str()),
            "{name} has no schema: add its document in {}",
            file!()
        );
    }
}
