//! What of a content log counts after its author's grant ended.

use super::random::Dice;
use super::world::*;
use crate::id::{EntryHash, LogId, ObjectTag, OpHash};
use crate::policy::fold::Policy;
use crate::policy::fold::content::{ContentLog, Entry, EntryVerdict, Frontiers, LogEnd, verdicts};
use crate::policy::op::{Act, Cutoff, GrantRef};
use crate::policy::{Role, Sensitivity};
use EntryVerdict::{Cut, Parked, SetAside, Valid};
use std::collections::BTreeMap;

/// Entries of some logs, in the making. Entries are numbered from 1; so are their hashes.
#[derive(Default)]
struct Notes {
    logs: BTreeMap<LogId, ContentLog>,
    entries: Vec<Entry>,
}

const TAG: ObjectTag = ObjectTag::from_bytes([1; 32]);

fn hash(n: usize) -> EntryHash {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&(n as u64).to_be_bytes());
    EntryHash::from_bytes(bytes)
}

impl Notes {
    fn log(&mut self, n: u8, who: Who, grant: GrantRef) -> LogId {
        let log = LogId::from_bytes([n; 32]);
        let sensitivity = Sensitivity::Internal;
        self.logs.insert(
            log,
            ContentLog {
                log,
                person: who.person(),
                device: who.device(),
                grant,
                sensitivity,
            },
        );
        log
    }

    fn write(&mut self, log: LogId, deps: &[usize], frontier: &[OpHash]) -> usize {
        let before = self
            .entries
            .iter()
            .filter(|entry| entry.log == log)
            .max_by_key(|entry| entry.seq);
        let (seq, prev) = before.map_or((0, None), |before| (before.seq + 1, Some(before.hash)));
        let name = self.entries.len() + 1;
        let deps = deps.iter().map(|dep| hash(*dep)).collect();
        self.entries.push(Entry {
            hash: hash(name),
            log,
            seq,
            prev,
            tag: TAG,
            deps,
            frontier: frontier.to_vec(),
        });
        name
    }

    fn upto(&self, name: usize) -> Cutoff {
        let entry = &self.entries[name - 1];
        Cutoff {
            log: entry.log,
            seq: entry.seq,
            head: *entry.hash.as_bytes(),
        }
    }

    fn judge(&self, policy: &Policy) -> Vec<EntryVerdict> {
        let verdicts = verdicts(policy, &self.logs, &self.entries, &mut Frontiers::default());
        (1..=self.entries.len())
            .map(|name| verdicts[&hash(name)])
            .collect()
    }
}

/// Ana's pack with two editors, and a log of each.
struct Desk {
    w: World,
    notes: Notes,
    seen: Vec<OpHash>,
    ben: LogId,
    cyn: LogId,
}

fn desk() -> Desk {
    let mut w = World::founded_by(ANA);
    let (ben, cyn) = (
        w.by(ANA).does([grant(BEN, Role::Editor)]),
        w.by(ANA).does([grant(CYN, Role::Editor)]),
    );
    let mut notes = Notes::default();
    let (ben, cyn_log) = (notes.log(1, BEN, of(ben)), notes.log(2, CYN, of(cyn)));
    Desk {
        seen: vec![cyn],
        w,
        notes,
        ben,
        cyn: cyn_log,
    }
}

#[test]
fn everything_under_a_live_grant_is_valid() {
    let Desk {
        w,
        mut notes,
        seen,
        ben,
        ..
    } = desk();
    let one = notes.write(ben, &[], &seen);
    notes.write(ben, &[one], &seen);
    assert_eq!(notes.judge(&w.policy()), [Valid, Valid]);
    assert_eq!(w.policy().content_end(&notes.logs[&ben]), LogEnd::Open);
}

#[test]
fn what_lies_within_the_named_cutoff_counts_and_the_rest_is_cut() {
    let Desk {
        mut w,
        mut notes,
        seen,
        ben,
        ..
    } = desk();
    let one = notes.write(ben, &[], &seen);
    notes.write(ben, &[one], &seen);
    let cutoff = notes.upto(one);
    w.by(ANA).does([remove_at(BEN, vec![cutoff])]);
    assert_eq!(notes.judge(&w.policy()), [Valid, Cut]);
    assert_eq!(
        w.policy().content_end(&notes.logs[&ben]),
        LogEnd::Until(cutoff)
    );
}

#[test]
fn of_a_log_that_a_remove_does_not_name_nothing_counts() {
    let Desk {
        mut w,
        mut notes,
        seen,
        ben,
        cyn,
    } = desk();
    notes.write(ben, &[], &seen);
    notes.write(cyn, &[], &seen);
    w.by(ANA).does([remove(BEN)]);
    assert_eq!(notes.judge(&w.policy()), [Cut, Valid]);
    assert_eq!(w.policy().content_end(&notes.logs[&ben]), LogEnd::Nothing);
}

#[test]
fn of_several_removes_the_lowest_cutoff_is_effective() {
    let Desk {
        mut w,
        mut notes,
        seen,
        ben,
        ..
    } = desk();
    let names = [
        notes.write(ben, &[], &seen),
        notes.write(ben, &[], &seen),
        notes.write(ben, &[], &seen),
    ];
    let (low, high) = (notes.upto(names[0]), notes.upto(names[1]));
    let log = notes.logs[&ben];
    let end = |w: &World| w.policy().named_end(&log.grant, log.log);
    assert_eq!(end(&w), LogEnd::Open);
    w.by(ANA).does([remove_at(BEN, vec![high])]);
    assert_eq!(notes.judge(&w.policy()), [Valid, Valid, Cut]);
    w.by(ANA).does([remove_at(BEN, vec![low])]);
    assert_eq!(notes.judge(&w.policy()), [Valid, Cut, Cut]);
    assert_eq!(end(&w), LogEnd::Until(low));
    w.by(ANA).does([remove(BEN)]);
    assert_eq!(notes.judge(&w.policy()), [Cut, Cut, Cut]);
    assert_eq!(end(&w), LogEnd::Nothing);
}

#[test]
fn under_a_grant_that_does_not_stand_nothing_counts() {
    let Desk {
        mut w,
        mut notes,
        seen,
        ..
    } = desk();
    w.by(ANA).does([grant(DAN, Role::Admin)]);
    let eve = w.by(DAN).does([grant(EVE, Role::Editor)]);
    let log = notes.log(3, EVE, of(eve));
    notes.write(log, &[], &seen);
    assert_eq!(notes.judge(&w.policy()), [Valid]);
    w.by(ANA).does([remove(DAN)]);
    assert_eq!(notes.judge(&w.policy()), [Cut]);
}

#[test]
fn what_somebody_unlisted_wrote_is_cut() {
    let Desk {
        mut w,
        mut notes,
        seen,
        ..
    } = desk();
    let ticket = w.by(ANA).does([invite(2)]);
    let admit = w.admit(of(ticket), EVE);
    let eve = w.by(ANA).does([admit]);
    let log = notes.log(3, EVE, of(eve));
    notes.write(log, &[], &seen);
    assert_eq!(notes.judge(&w.policy()), [Valid]);
    w.by(ANA).does([close(of(ticket), &[])]);
    assert_eq!(notes.judge(&w.policy()), [Cut]);
}

#[test]
fn whoever_leaves_says_where_their_logs_end() {
    let Desk {
        mut w,
        mut notes,
        seen,
        ben,
        ..
    } = desk();
    let one = notes.write(ben, &[], &seen);
    notes.write(ben, &[], &seen);
    let cutoff = notes.upto(one);
    w.by(BEN).does([Act::Leave {
        cutoffs: vec![cutoff],
    }]);
    assert_eq!(notes.judge(&w.policy()), [Valid, Cut]);
}

#[test]
fn a_held_remove_takes_keys_but_cuts_no_content() {
    let Desk {
        mut w,
        mut notes,
        seen,
        ..
    } = desk();
    w.by(ANA).does([grant(DAN, Role::Admin)]);
    w.by(DAN).does([grant(FAY, Role::Admin)]);
    let eve = w.by(DAN).does([grant(EVE, Role::Editor)]);
    let log = notes.log(3, EVE, of(eve));
    notes.write(log, &[], &seen);
    w.by(ANA).after(&[eve]).does([remove(FAY)]);
    w.by(FAY).after(&[eve]).does([remove(EVE)]);
    assert_eq!(notes.judge(&w.policy()), [Valid]);
    assert!(!w.policy().may_write(&EVE.person(), Sensitivity::Internal));
}

#[test]
fn an_honest_person_who_built_on_a_cut_entry_vouches_for_it() {
    let Desk {
        mut w,
        mut notes,
        seen,
        ben,
        cyn,
    } = desk();
    let one = notes.write(ben, &[], &seen);
    let two = notes.write(ben, &[one], &seen);
    let loose = notes.write(ben, &[one], &seen);
    notes.write(cyn, &[two], &seen);
    w.by(ANA).does([remove(BEN)]);
    assert_eq!(notes.judge(&w.policy()), [Valid, Valid, Cut, Valid]);
    assert_eq!(loose, 3);
}

#[test]
fn whoever_knew_of_the_removal_vouches_for_nothing() {
    let Desk {
        mut w,
        mut notes,
        seen,
        ben,
        cyn,
    } = desk();
    let one = notes.write(ben, &[], &seen);
    let removal = w.by(ANA).does([remove(BEN)]);
    notes.write(cyn, &[one], &[removal]);
    assert_eq!(notes.judge(&w.policy()), [Cut, SetAside]);
}

#[test]
fn a_voucher_is_another_person_with_write_role_on_the_same_object() {
    let Desk {
        mut w,
        mut notes,
        seen,
        ben,
        cyn,
    } = desk();
    let reader = w.by(ANA).does([grant(EVE, Role::Reader)]);
    let commenter = w.by(ANA).does([grant(FAY, Role::Commenter)]);
    let uncleared = w.by(ANA).does([Act::Grant {
        person: DAN.person(),
        role: Role::Editor,
        clearance: Sensitivity::Public,
    }]);
    let one = notes.write(ben, &[], &seen);
    let again = w.by(ANA).does([remove(BEN), grant(BEN, Role::Editor)]);
    let logs = [
        notes.log(3, EVE, of(reader)),
        notes.log(4, FAY, of(commenter)),
        notes.log(5, DAN, of(uncleared)),
        notes.log(6, BEN, nth(again, 1)),
    ];
    let of_dan = notes.logs.get_mut(&logs[2]).expect("just made");
    of_dan.sensitivity = Sensitivity::Public;
    for log in logs {
        notes.write(log, &[one], &seen);
    }
    let policy = w.policy();
    assert_eq!(
        notes.judge(&policy),
        [Cut, SetAside, SetAside, SetAside, SetAside]
    );
    let elsewhere = notes.write(cyn, &[one], &seen);
    notes.entries[elsewhere - 1].tag = ObjectTag::from_bytes([2; 32]);
    assert_eq!(notes.judge(&policy)[0], Cut, "another object");
    notes.write(cyn, &[], &seen);
    assert_eq!(notes.judge(&policy)[0], Cut, "does not depend on it");
    notes.write(cyn, &[2], &seen);
    assert_eq!(
        notes.judge(&policy)[0],
        Valid,
        "reaches it through another's entry"
    );
}

#[test]
fn a_voucher_must_count_itself_and_whoever_is_vouched_for_vouches_in_turn() {
    let Desk {
        mut w,
        mut notes,
        seen,
        ben,
        cyn,
    } = desk();
    let dan = w.by(ANA).does([grant(DAN, Role::Editor)]);
    let log = notes.log(3, DAN, of(dan));
    let one = notes.write(ben, &[], &seen);
    let two = notes.write(cyn, &[one], &seen);
    w.by(ANA).does([remove(BEN), remove(CYN)]);
    assert_eq!(notes.judge(&w.policy()), [Cut, Cut]);
    notes.write(log, &[two], &seen);
    assert_eq!(notes.judge(&w.policy()), [Valid, Valid, Valid]);
}

#[test]
fn what_builds_on_a_cut_entry_knowingly_is_set_aside_with_its_dependents() {
    let Desk {
        mut w,
        mut notes,
        seen,
        ben,
        cyn,
    } = desk();
    let one = notes.write(ben, &[], &seen);
    let removal = w.by(ANA).does([remove(BEN)]);
    let two = notes.write(cyn, &[one], &[removal]);
    notes.write(cyn, &[two], &[removal]);
    notes.write(cyn, &[], &[removal]);
    assert_eq!(notes.judge(&w.policy()), [Cut, SetAside, SetAside, Valid]);
}

#[test]
fn an_entry_parks_while_its_log_its_grant_or_what_it_depends_on_is_unknown() {
    let Desk {
        mut w,
        mut notes,
        seen,
        ben,
        ..
    } = desk();
    let late = w.by(ANA).does([grant(DAN, Role::Editor)]);
    let log = notes.log(3, DAN, of(late));
    let one = notes.write(log, &[], &seen);
    let two = notes.write(ben, &[one], &seen);
    notes.write(ben, &[99], &seen);
    notes.write(LogId::from_bytes([8; 32]), &[], &seen);
    assert_eq!(
        notes.judge(&w.policy_without(&[late])),
        [Parked, Parked, Parked, Parked]
    );
    assert_eq!(notes.judge(&w.policy()), [Valid, Valid, Parked, Parked]);
    assert_eq!(two, 2);
}

#[test]
fn a_log_that_its_grant_cannot_carry_counts_for_nothing() {
    let Desk {
        w,
        mut notes,
        seen,
        ben,
        ..
    } = desk();
    let bens = notes.logs[&ben];
    let stolen = ContentLog {
        log: LogId::from_bytes([3; 32]),
        person: CYN.person(),
        ..bens
    };
    let above = ContentLog {
        log: LogId::from_bytes([4; 32]),
        sensitivity: Sensitivity::Restricted,
        ..bens
    };
    let nothing = ContentLog {
        log: LogId::from_bytes([5; 32]),
        grant: nth(w.genesis(), 3),
        ..bens
    };
    for log in [stolen, above, nothing] {
        notes.logs.insert(log.log, log);
        notes.write(log.log, &[], &seen);
        assert_eq!(w.policy().content_end(&log), LogEnd::Nothing);
    }
    assert_eq!(notes.judge(&w.policy()), [Cut, Cut, Cut]);
}

#[test]
fn a_cutoff_names_one_branch_of_a_forked_log() {
    let Desk {
        mut w,
        mut notes,
        seen,
        ben,
        ..
    } = desk();
    let names: Vec<usize> = (0..3).map(|_| notes.write(ben, &[], &seen)).collect();
    notes.entries[2].seq = 1;
    notes.entries[2].prev = Some(hash(names[0]));
    let cutoff = notes.upto(names[2]);
    w.by(ANA).does([remove_at(BEN, vec![cutoff])]);
    assert_eq!(notes.judge(&w.policy()), [Valid, Cut, Valid]);
    notes.entries.pop();
    assert_eq!(
        notes.judge(&w.policy()),
        [Valid, Valid],
        "its head is not here, and nothing shows a fork"
    );
}

/// Goal: the entries of one note are judged without those of other notes that stand between them.
#[test]
fn within_a_cutoff_nothing_hangs_on_entries_that_are_left_out() {
    let Desk {
        mut w,
        mut notes,
        seen,
        ben,
        ..
    } = desk();
    let one = notes.write(ben, &[], &seen);
    let of_another_note = notes.write(ben, &[], &seen);
    let last = notes.write(ben, &[one], &seen);
    w.by(ANA).does([remove_at(BEN, vec![notes.upto(last)])]);
    notes.entries.remove(of_another_note - 1);
    let verdicts = verdicts(
        &w.policy(),
        &notes.logs,
        &notes.entries,
        &mut Frontiers::default(),
    );
    assert_eq!(verdicts[&hash(one)], Valid);
    assert_eq!(verdicts[&hash(last)], Valid);
}

#[test]
fn entries_that_depend_on_themselves_park() {
    let Desk {
        w,
        mut notes,
        seen,
        ben,
        ..
    } = desk();
    notes.write(ben, &[2], &seen);
    notes.write(ben, &[1], &seen);
    assert_eq!(notes.judge(&w.policy()), [Parked, Parked]);
}

/// The definition, read aloud: no order of evaluation, no sharing.
struct Plain<'a> {
    policy: &'a Policy,
    notes: &'a Notes,
}

impl Plain<'_> {
    fn cut(&self, policy: &Policy, entry: &Entry) -> bool {
        match policy.content_end(&self.notes.logs[&entry.log]) {
            LogEnd::Open => false,
            LogEnd::Until(cutoff) => entry.seq > cutoff.seq,
            LogEnd::Nothing => true,
        }
    }

    fn reaches(&self, from: &Entry, to: &Entry) -> bool {
        let dep = |hash: &EntryHash| self.notes.entries.iter().find(|entry| entry.hash == *hash);
        from.deps
            .iter()
            .filter_map(dep)
            .any(|next| next.hash == to.hash || self.reaches(next, to))
    }

    fn counts(&self, entry: &Entry) -> bool {
        let logs = &self.notes.logs;
        !self.cut(self.policy, entry)
            || self.notes.entries.iter().any(|v| {
                let grant = self.policy.grant(&logs[&v.log].grant).expect("known");
                logs[&v.log].person != logs[&entry.log].person
                    && v.tag == entry.tag
                    && grant.role.may_write()
                    && grant.clearance >= logs[&entry.log].sensitivity
                    && self.reaches(v, entry)
                    && self
                        .policy
                        .at(&v.frontier)
                        .is_some_and(|then| !self.cut(&then, entry))
                    && self.counts(v)
            })
    }

    fn valid(&self, entry: &Entry) -> bool {
        let dep = |hash: &EntryHash| {
            self.notes
                .entries
                .iter()
                .find(|entry| entry.hash == *hash)
                .expect("here")
        };
        self.counts(entry) && entry.deps.iter().all(|hash| self.valid(dep(hash)))
    }
}

#[test]
fn verdicts_on_random_entries_are_the_definition_in_any_order() {
    for seed in 0..150 {
        let mut dice = Dice::new(seed);
        let Desk {
            mut w,
            mut notes,
            seen,
            ben,
            cyn,
        } = desk();
        let eve = w.by(ANA).does([grant(EVE, Role::Editor)]);
        let fay = w
            .by(ANA)
            .does([grant(FAY, dice.pick(&[Role::Reader, Role::Editor]))]);
        let logs = [
            ben,
            cyn,
            notes.log(3, EVE, of(eve)),
            notes.log(4, FAY, of(fay)),
        ];
        let mut frontiers = vec![vec![fay], vec![eve], seen];
        for _ in 0..3 {
            let whom = dice.pick(&[BEN, CYN, EVE, FAY]);
            let named: Vec<Cutoff> = notes
                .entries
                .iter()
                .filter(|_| dice.chance(30))
                .map(|e| notes.upto(e.hash.as_bytes()[7] as usize))
                .collect();
            let named: BTreeMap<LogId, Cutoff> = named
                .into_iter()
                .map(|cutoff| (cutoff.log, cutoff))
                .collect();
            let removal = w
                .by(ANA)
                .does([remove_at(whom, named.into_values().collect())]);
            for _ in 0..4 {
                let deps: Vec<usize> = (1..=notes.entries.len())
                    .filter(|_| dice.chance(30))
                    .collect();
                let name = notes.write(dice.pick(&logs), &deps, &dice.pick(&frontiers));
                notes.entries[name - 1].tag =
                    ObjectTag::from_bytes([1 + u8::from(dice.chance(20)); 32]);
            }
            frontiers.push(vec![removal]);
        }
        let policy = w.policy();
        let plain = Plain {
            policy: &policy,
            notes: &notes,
        };
        let expected: Vec<EntryVerdict> = notes
            .entries
            .iter()
            .map(|entry| match (plain.counts(entry), plain.valid(entry)) {
                (_, true) => Valid,
                (true, false) => SetAside,
                (false, _) => Cut,
            })
            .collect();
        assert_eq!(notes.judge(&policy), expected, "seed {seed}");
        dice.shuffle(&mut notes.entries);
        assert_eq!(notes.judge(&policy), expected, "seed {seed}");
    }
}

#[test]
fn whoever_ended_a_grant_is_named() {
    let mut w = World::founded_by(ANA);
    let ben = of(w.by(ANA).does([grant(BEN, Role::Editor)]));
    let cyn = of(w.by(ANA).does([grant(CYN, Role::Editor)]));
    assert!(w.policy().enders(&ben).is_empty());
    w.by(ANA).does([remove(BEN)]);
    assert_eq!(w.policy().enders(&ben), [ANA.person()]);
    assert!(w.policy().enders(&cyn).is_empty());
}
