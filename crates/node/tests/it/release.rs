//! Release rules and consents between devices: what one says holds on each that heard of it.

use super::admins::{change, meet, pack_of, remove, role};
use super::support::*;
use kitbag_core::filter::{Filter, Listed};
use kitbag_core::id::{ItemId, PackId, Timestamp};
use kitbag_core::pack::note::{Consent, ConsentStatus, Pii};
use kitbag_core::policy::rules::{
    Client, IdForm, LimitsChange, NamedId, PackKind, Purposes, ReleaseRules, Rules, RulesChange,
    Setting,
};
use kitbag_core::policy::{Role, Sensitivity};
use kitbag_core::release::{ConsentGap, Destination, Point, RuleName, Verdict, Withheld};
use kitbag_node::finding::{ExportOptions, ExportPlan};
use kitbag_node::release::RulesChanged;
use kitbag_node::view::NoteEdit;
use kitbag_node::{Denied, NodeError};
use kitbag_testkit::{Called, Who, World};

fn wish(pack: PackId) -> ExportOptions {
    ExportOptions {
        pack,
        listed: Listed::Kept,
        filter: Filter::default(),
        max_sensitivity: None,
        purpose: None,
        format: Some("md".to_owned()),
        client: None,
        across_clients: false,
        only: None,
        beside: vec![],
        redacts: false,
        with_copies: false,
    }
}

fn planned(world: &mut World, who: Who, options: ExportOptions) -> Result<ExportPlan, NodeError> {
    let now = Timestamp::from_millis(1);
    let node = world.node(who);
    let mut exporting = node.begin_export(now, options)?;
    loop {
        if let Some(plan) = node.export_on(&mut exporting)? {
            return Ok(plan);
        }
    }
}

/// How many notes would leave, and what stays with which reason.
fn leaves(world: &mut World, who: Who, pack: PackId) -> (usize, Vec<(Withheld, u64)>) {
    let plan = planned(world, who, wish(pack)).unwrap();
    (plan.notes.len(), plan.withheld.by.into_iter().collect())
}

fn denied(world: &mut World, who: Who, options: ExportOptions) -> Denied {
    match planned(world, who, options) {
        Err(NodeError::Denied(denied)) => denied,
        other => panic!("not denied: {other:?}"),
    }
}

fn state(world: &mut World, who: Who, pack: PackId, note: ItemId, status: ConsentStatus) {
    let edit = NoteEdit {
        consent: Some(Consent::new(status)),
        ..NoteEdit::default()
    };
    let edited = world.call(who, |node, now| node.edit_note(now, pack, note, &edit));
    assert!(edited.done().is_some());
}

fn set(world: &mut World, who: Who, pack: PackId, change: &RulesChange) -> RulesChanged {
    let set = world.call(who, |node, now| node.change_rules(now, pack, change, false));
    set.done()
}

fn of_client(label: &str) -> RulesChange {
    RulesChange {
        client: Setting::To(Client::new(label).unwrap()),
        ..RulesChange::default()
    }
}

fn export_max(max: Sensitivity) -> RulesChange {
    let limits = LimitsChange {
        max_sensitivity: Setting::To(max),
        ..LimitsChange::default()
    };
    RulesChange {
        limits: [(Destination::Export, limits)].into(),
        ..RulesChange::default()
    }
}

fn rules_at(world: &mut World, who: Who, pack: PackId) -> ReleaseRules {
    world.node(who).release_rules(pack).unwrap().unwrap()
}

fn labels(rules: &ReleaseRules) -> Vec<&str> {
    rules.clients.values().map(Client::label).collect()
}

const WITHDRAWN: Withheld = Withheld::Consent(ConsentGap::Withdrawn);
const ABOVE: Withheld = Withheld::Rule(RuleName {
    destination: Destination::Export,
    point: Point::MaxSensitivity,
});

/// Goal: a withdrawal blocks at once where it was said, offline, and on every other device from the
/// moment it heard of it, offline again; who did not hear goes on.
#[test]
fn a_withdrawn_consent_blocks_every_device_that_heard_of_it_offline() {
    let (mut world, all, pack) = pack_of(700, ["Ana", "Ben", "Cyn"]);
    let [ana, ben, cyn] = all;
    let note = add(&mut world, ana, pack, "call", Sensitivity::Internal);
    state(&mut world, ana, pack, note, ConsentStatus::Granted);
    settle(&mut world);
    for who in all {
        assert_eq!(leaves(&mut world, who, pack), (1, vec![]));
    }
    for (a, b) in [(ana, ben), (ana, cyn), (ben, cyn)] {
        world.set_cut(a, b, true);
    }
    state(&mut world, ben, pack, note, ConsentStatus::Withdrawn);
    assert_eq!(leaves(&mut world, ben, pack), (0, vec![(WITHDRAWN, 1)]));
    assert_eq!(leaves(&mut world, ana, pack), (1, vec![]), "has not heard");
    world.set_cut(ana, ben, false);
    world.dial(ana, ben);
    world.run(30_000);
    world.set_cut(ana, ben, true);
    assert_eq!(leaves(&mut world, ana, pack), (0, vec![(WITHDRAWN, 1)]));
    assert_eq!(leaves(&mut world, cyn, pack), (1, vec![]), "has not heard");
    world.kill(ana);
    world.start(ana);
    assert_eq!(leaves(&mut world, ana, pack), (0, vec![(WITHDRAWN, 1)]));
    world.heal();
    meet(&mut world, &all);
    assert_eq!(leaves(&mut world, cyn, pack), (0, vec![(WITHDRAWN, 1)]));
    assert_no_violations(&mut world);
}

/// Goal: of a withdrawal and a grant that were said apart from each other, the withdrawal stands; who
/// asks again afterwards can state a new one.
#[test]
fn a_consent_that_was_granted_apart_from_its_withdrawal_stays_withdrawn() {
    let (mut world, all, pack) = pack_of(701, ["Ana", "Ben"]);
    let [ana, ben] = all;
    let note = add(&mut world, ana, pack, "call", Sensitivity::Internal);
    settle(&mut world);
    world.set_cut(ana, ben, true);
    state(&mut world, ana, pack, note, ConsentStatus::Withdrawn);
    state(&mut world, ben, pack, note, ConsentStatus::Granted);
    world.heal();
    meet(&mut world, &all);
    for who in all {
        assert_eq!(leaves(&mut world, who, pack), (0, vec![(WITHDRAWN, 1)]));
    }
    state(&mut world, ben, pack, note, ConsentStatus::Granted);
    settle(&mut world);
    for who in all {
        assert_eq!(leaves(&mut world, who, pack), (1, vec![]));
    }
    assert_no_violations(&mut world);
}

/// Goal: rules that an admin sets hold for every member, and for whoever joins later; only an admin
/// sets them.
#[test]
fn rules_hold_on_every_device_and_for_who_joins_later() {
    let (mut world, all, pack) = pack_of(702, ["Ana", "Ben"]);
    let [ana, ben] = all;
    add(&mut world, ana, pack, "call", Sensitivity::Internal);
    set(&mut world, ana, pack, &export_max(Sensitivity::Public));
    set(&mut world, ana, pack, &of_client("Acme"));
    let again = set(&mut world, ana, pack, &of_client("Acme"));
    assert!(!again.changes, "the same again is no change");
    let refused = world.call(ben, |node, now| {
        node.change_rules(now, pack, &of_client("Globex"), false)
    });
    assert!(matches!(refused, Called::Refused(NodeError::Denied(_))));
    settle(&mut world);
    let cyn = world.add(&secret("Cyn"));
    let ticket = share(&mut world, ana, pack, Role::Reader, Sensitivity::Internal);
    join(&mut world, cyn, ana, &ticket);
    settle(&mut world);
    let expected = rules_at(&mut world, ana, pack);
    assert_eq!(labels(&expected), ["Acme"]);
    for who in [ana, ben, cyn] {
        assert_eq!(rules_at(&mut world, who, pack), expected);
        assert_eq!(leaves(&mut world, who, pack), (0, vec![(ABOVE, 1)]));
    }
    assert_no_violations(&mut world);
}

/// Goal: two admins who rule apart from each other are both obeyed, everywhere alike, until one of them
/// says what it shall be; a pack of two clients lets nothing out.
#[test]
fn rules_that_were_set_apart_hold_together_until_somebody_decides() {
    let (mut world, all, pack) = pack_of(703, ["Ana", "Ben", "Cyn"]);
    let [ana, ben, _] = all;
    let to = role(&world, ben, Role::Admin, Sensitivity::Restricted);
    change(&mut world, ana, pack, &to);
    add(&mut world, ana, pack, "call", Sensitivity::Internal);
    settle(&mut world);
    world.set_cut(ana, ben, true);
    set(&mut world, ana, pack, &of_client("Acme"));
    set(&mut world, ben, pack, &of_client("Globex"));
    set(&mut world, ben, pack, &export_max(Sensitivity::Public));
    world.heal();
    meet(&mut world, &all);
    for who in all {
        let rules = rules_at(&mut world, who, pack);
        let mut both = labels(&rules);
        both.sort_unstable();
        assert_eq!(both, ["Acme", "Globex"]);
        assert_eq!(rules.export.max_sensitivity, Some(Sensitivity::Public));
        let why = denied(&mut world, who, wish(pack));
        assert_eq!(why, Denied::Release(Withheld::Client));
    }
    let undecided = world.call(ana, |node, now| {
        node.change_rules(now, pack, &export_max(Sensitivity::Internal), false)
    });
    assert!(matches!(
        undecided,
        Called::Refused(NodeError::BadInput { field: "rules", .. })
    ));
    let decided = RulesChange {
        across_clients: true,
        ..of_client("ACME")
    };
    set(&mut world, ana, pack, &decided);
    settle(&mut world);
    for who in all {
        assert_eq!(labels(&rules_at(&mut world, who, pack)), ["ACME"]);
        assert_eq!(leaves(&mut world, who, pack), (0, vec![(ABOVE, 1)]));
    }
    assert_no_violations(&mut world);
}

/// Goal: no notes go from one client to another, or to nobody, by another name for their pack, unless a
/// person says so; a pack without notes, and one of nobody, gets any.
#[test]
fn naming_another_client_takes_its_notes_there_and_is_asked_as_that() {
    let (mut world, all, pack) = pack_of(721, ["Ana", "Ben"]);
    let [ana, ben] = all;
    let to = role(&world, ben, Role::Admin, Sensitivity::Restricted);
    change(&mut world, ana, pack, &to);
    assert_eq!(set(&mut world, ana, pack, &of_client("Amce")).crossing, 0);
    assert_eq!(set(&mut world, ana, pack, &of_client("Acme")).crossing, 0);
    add(&mut world, ana, pack, "call", Sensitivity::Internal);
    add(&mut world, ana, pack, "list", Sensitivity::Restricted);
    settle(&mut world);
    let nobody = RulesChange {
        client: Setting::Clear,
        ..RulesChange::default()
    };
    let anew = RulesChange {
        replace: true,
        ..export_max(Sensitivity::Public)
    };
    for who in all {
        for change in [of_client("Globex"), nobody.clone(), anew.clone()] {
            for plan in [true, false] {
                let done = world.call(who, |node, now| node.change_rules(now, pack, &change, plan));
                match done {
                    Called::Refused(NodeError::Denied(Denied::Release(why))) => {
                        assert_eq!(why, Withheld::Client);
                    }
                    other => panic!("{change:?}: {other:?}"),
                }
            }
        }
        assert_eq!(labels(&rules_at(&mut world, who, pack)), ["Acme"]);
        let same = RulesChange {
            replace: true,
            ..of_client("acme ")
        };
        let same = world.call(who, |node, now| node.change_rules(now, pack, &same, true));
        assert_eq!(
            same.done().crossing,
            0,
            "the same client by another spelling"
        );
    }
    let across = RulesChange {
        across_clients: true,
        ..nobody
    };
    assert_eq!(set(&mut world, ben, pack, &across).crossing, 2);
    assert_eq!(set(&mut world, ben, pack, &of_client("Globex")).crossing, 0);
    settle(&mut world);
    for who in all {
        assert_eq!(labels(&rules_at(&mut world, who, pack)), ["Globex"]);
    }
    assert_no_violations(&mut world);
}

/// Goal: ids and retentions that two admins set apart from each other hold together on every device, the
/// same after a start, until one of them says what it shall be.
#[test]
fn ids_and_retentions_that_were_set_apart_hold_together() {
    let (mut world, all, pack) = pack_of(713, ["Ana", "Ben", "Cyn"]);
    let [ana, ben, cyn] = all;
    let to = role(&world, ben, Role::Admin, Sensitivity::Restricted);
    change(&mut world, ana, pack, &to);
    settle(&mut world);
    let id = |form: &str| NamedId {
        form: IdForm::new(form).unwrap(),
        kind: Pii::Other,
    };
    let naming = |forms: &[&str], days: u32| RulesChange {
        ids: Setting::To(forms.iter().map(|form| id(form)).collect()),
        retention_days: Setting::To(days),
        ..RulesChange::default()
    };
    world.set_cut(ana, ben, true);
    set(&mut world, ana, pack, &naming(&["CUST-####", "INV-*"], 90));
    set(
        &mut world,
        ben,
        pack,
        &naming(&["cust-####", "ORD-####"], 30),
    );
    world.heal();
    meet(&mut world, &all);
    world.kill(cyn);
    world.start(cyn);
    for who in all {
        let rules = rules_at(&mut world, who, pack);
        let all = [id("CUST-####"), id("INV-*"), id("ORD-####")];
        assert_eq!((rules.ids, rules.retention_days), (all.into(), Some(30)));
    }
    set(&mut world, ben, pack, &naming(&["ORD-####"], 60));
    meet(&mut world, &all);
    for who in all {
        let rules = rules_at(&mut world, who, pack);
        let one = [id("ORD-####")];
        assert_eq!((rules.ids, rules.retention_days), (one.into(), Some(60)));
    }
    assert_no_violations(&mut world);
}

/// Goal: what somebody who was removed knew opens no rules that are set afterwards, and what they set
/// after that counts nowhere.
#[test]
fn rules_after_a_removal_are_sealed_from_who_was_removed() {
    let (mut world, all, pack) = pack_of(704, ["Ana", "Ben", "Cyn"]);
    let [ana, ben, cyn] = all;
    let to = role(&world, ben, Role::Admin, Sensitivity::Restricted);
    change(&mut world, ana, pack, &to);
    set(&mut world, ana, pack, &of_client("Acme"));
    settle(&mut world);
    let known = world.node(ben).policy(pack).unwrap().rules().to_vec();
    assert_eq!(
        rules_at(&mut world, ben, pack),
        rules_at(&mut world, ana, pack)
    );
    world.set_cut(ana, ben, true);
    world.set_cut(cyn, ben, true);
    let out = remove(&world, ben);
    change(&mut world, ana, pack, &out);
    set(&mut world, ben, pack, &of_client("Mine")); // he has not heard
    set(&mut world, ana, pack, &of_client("Initech"));
    world.heal();
    meet(&mut world, &all);
    for who in [ana, cyn] {
        assert_eq!(labels(&rules_at(&mut world, who, pack)), ["Initech"]);
    }
    let sealed = world.node(ana).policy(pack).unwrap().rules().to_vec();
    assert_eq!(sealed.len(), 1);
    assert_ne!(sealed[0].epoch, known[0].epoch, "sealed under a new key");
    // He hears that he is out, with which his own fall, and nothing of what came afterwards.
    assert_eq!(labels(&rules_at(&mut world, ben, pack)), ["Acme"]);
    assert_no_violations(&mut world);
}

/// Goal: an export for another client is refused with the name of the wall, unless a person says so, and
/// then it says so itself.
#[test]
fn an_export_for_another_client_is_refused_by_the_wall() {
    let (mut world, [ana, _], pack) = pack_of(705, ["Ana", "Ben"]);
    add(&mut world, ana, pack, "call", Sensitivity::Internal);
    set(&mut world, ana, pack, &of_client("Acme"));
    let to = |client: &str| ExportOptions {
        client: Some(client.to_owned()),
        ..wish(pack)
    };
    let for_own = planned(&mut world, ana, to("acme")).unwrap();
    assert_eq!((for_own.notes.len(), for_own.crosses_clients), (1, false));
    let why = denied(&mut world, ana, to("Globex"));
    assert_eq!(why, Denied::Release(Withheld::Client));
    assert!(why.to_string().starts_with("wall client: "), "{why}");
    let said = ExportOptions {
        across_clients: true,
        ..to("Globex")
    };
    let crossed = planned(&mut world, ana, said).unwrap();
    assert_eq!((crossed.notes.len(), crossed.crosses_clients), (1, true));
}

/// Goal: rules that come while an export runs withhold what is left of it.
#[test]
fn rules_that_come_during_an_export_hold_for_its_pages() {
    let (mut world, [ana, _], pack) = pack_of(706, ["Ana", "Ben"]);
    let note = add(&mut world, ana, pack, "call", Sensitivity::Internal);
    let options = wish(pack);
    let plan = planned(&mut world, ana, options.clone()).unwrap();
    assert_eq!(plan.notes, [note]);
    let limits = LimitsChange {
        formats: Setting::To(["json".to_owned()].into()),
        ..LimitsChange::default()
    };
    let only_json = RulesChange {
        limits: [(Destination::Export, limits)].into(),
        ..RulesChange::default()
    };
    set(&mut world, ana, pack, &only_json);
    let now = Timestamp::from_millis(1);
    let page = world.node(ana).export_page(now, &options, &[note]).unwrap();
    let formats = Withheld::Rule(RuleName {
        destination: Destination::Export,
        point: Point::Formats,
    });
    assert_eq!((page.notes.len(), page.read), (0, 1));
    assert_eq!(page.withheld.by, [(formats, 1)].into());
    assert_eq!(denied(&mut world, ana, options), Denied::Release(formats));
}

/// Goal: a pack has its client from its first moment, and a default that rules raise is the one of new
/// notes, on each device.
#[test]
fn a_pack_is_born_with_its_client_and_rules_raise_its_default() {
    let mut world = World::new(707);
    let ana = world.add(&secret("Ana"));
    let rules = Rules {
        client: Some(Client::new("Acme").unwrap()),
        kind: Some(PackKind::Case),
        ..Rules::default()
    };
    let made = world.call(ana, |node, now| {
        node.create_pack_with(now, "Case 7", Sensitivity::Internal, &rules)
    });
    let pack = made.done().id;
    assert_eq!(rules_at(&mut world, ana, pack), rules.clone().into());
    let raise = RulesChange {
        default_sensitivity: Setting::To(Sensitivity::Confidential),
        ..RulesChange::default()
    };
    set(&mut world, ana, pack, &raise);
    let of_nobody = kitbag_node::view::NewNote {
        sensitivity: None,
        ..draft("call", Sensitivity::Public)
    };
    let added = world.call(ana, |node, now| node.add_notes(now, pack, &[of_nobody]));
    assert_eq!(added.done()[0].sensitivity, Sensitivity::Confidential);
    let lower = RulesChange {
        default_sensitivity: Setting::To(Sensitivity::Public),
        ..RulesChange::default()
    };
    set(&mut world, ana, pack, &lower);
    let summary = world.node(ana).pack(pack).unwrap();
    assert_eq!(
        summary.default_sensitivity,
        Sensitivity::Internal,
        "never below the pack's own"
    );
}

/// Goal: the explanation names what decides, as the export itself does.
#[test]
fn an_explanation_names_what_keeps_a_note_in() {
    let (mut world, [ana, ben], pack) = pack_of(708, ["Ana", "Ben"]);
    let note = add(&mut world, ana, pack, "call", Sensitivity::Internal);
    let above = add(&mut world, ana, pack, "secret", Sensitivity::Restricted);
    let asked = |world: &mut World, note| {
        let (now, ben) = (Timestamp::from_millis(1), world.person(ben));
        let explained = world.node(ana).explain_release(now, pack, ben, note, None);
        let explained = explained.unwrap();
        let ways: Vec<Destination> = explained.iter().map(|view| view.destination).collect();
        assert_eq!(ways, Destination::ALL, "each way out is told");
        explained
    };
    let by_each = |world: &mut World, note| -> Vec<Verdict> {
        let explained = asked(world, note).into_iter();
        explained.map(|view| view.verdict).collect()
    };
    let asked = |world: &mut World, note| by_each(world, note)[0];
    assert_eq!(asked(&mut world, note), Verdict::Allowed);
    assert_eq!(
        asked(&mut world, above),
        Verdict::Withheld(Withheld::Sensitivity(Sensitivity::Restricted))
    );
    set(&mut world, ana, pack, &export_max(Sensitivity::Public));
    assert_eq!(asked(&mut world, note), Verdict::Withheld(ABOVE));
    assert_eq!(
        by_each(&mut world, note)[1..],
        [Verdict::Allowed; 3],
        "its own limits only"
    );
    let purposes = LimitsChange {
        purposes: Setting::To(Purposes::Required),
        ..LimitsChange::default()
    };
    let of_agents = RulesChange {
        limits: [(Destination::Agent, purposes)].into(),
        ..RulesChange::default()
    };
    set(&mut world, ana, pack, &of_agents);
    let agent = Withheld::Rule(RuleName {
        destination: Destination::Agent,
        point: Point::Purposes,
    });
    let told = by_each(&mut world, note);
    assert_eq!(
        told[1..],
        [Verdict::Allowed, Verdict::Withheld(agent), Verdict::Allowed]
    );
    state(&mut world, ana, pack, note, ConsentStatus::Withdrawn);
    assert_eq!(by_each(&mut world, note), [Verdict::Withheld(WITHDRAWN); 4]);
}
