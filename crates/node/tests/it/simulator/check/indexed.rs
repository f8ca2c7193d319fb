//! The search index of each device: whatever it knows by now, it answers what a scan answers.

use kitbag_core::filter::{Filter, Listed};
use kitbag_node::finding::{Found, SearchOptions, Searching};
use kitbag_node::{IndexStep, Node, NodeError};
use kitbag_testkit::{Who, World};
use std::collections::BTreeSet;

/// Words of which notes are asked, at most.
const WORDS_MAX: usize = 6;

/// Asks for some words that notes have, before and after the index knows everything.
pub(super) fn agrees(world: &mut World, who: Who) -> Result<(), String> {
    if !world.packs_sleep {
        return Ok(());
    }
    same(world, who, "as it is")?;
    loop {
        let node = world.node(who);
        match node.index_step().map_err(|e| e.to_string())? {
            IndexStep::Idle => break,
            IndexStep::More | IndexStep::Dropped => {}
            IndexStep::Merge => {
                let merge = node.take_index_merge().ok_or("nothing to merge")?;
                node.index_merged(merge.run());
            }
        }
    }
    let meters = world.node(who).index_meters();
    if meters.dropped > 0 {
        return Err(format!("{} dropped its index", world.name(who)));
    }
    same(world, who, "once it knows everything")
}

fn same(world: &mut World, who: Who, when: &str) -> Result<(), String> {
    let name = world.name(who).to_owned();
    let node = world.node(who);
    let mut words = BTreeSet::new();
    for pack in node.packs() {
        for note in node.notes(pack.id).unwrap_or_default() {
            words.extend(note.title.split_whitespace().map(str::to_owned));
        }
    }
    let all: Vec<String> = words.into_iter().collect();
    let every = all.len().div_ceil(WORDS_MAX).max(1);
    for word in all.into_iter().step_by(every) {
        let options = SearchOptions {
            query: format!("{word} note"),
            packs: None,
            listed: Listed::All,
            filter: Filter::default(),
            limit: 50,
            explain: true,
        };
        let Ok(searching) = node.begin_search(options.clone()) else {
            continue; // no word in it
        };
        let by_index = run(node, searching).map_err(|e| e.to_string())?;
        let by_scan = node.begin_search_by_scan(options);
        let by_scan = by_scan.and_then(|searching| run(node, searching));
        let by_scan = by_scan.map_err(|e| e.to_string())?;
        if by_index != by_scan {
            return Err(format!(
                "{name}'s index, {when}, answers otherwise than a scan for {word:?}:\n{by_index:#?}\n{by_scan:#?}"
            ));
        }
    }
    Ok(())
}

fn run(node: &Node, mut searching: Searching) -> Result<Found, NodeError> {
    loop {
        if let Some(found) = node.search_on(&mut searching)? {
            return Ok(found);
        }
    }
}
