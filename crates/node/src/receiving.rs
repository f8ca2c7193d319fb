//! Whether notes that left somewhere may come into a pack: the wall between clients, from the other side.
//!
//! A file says little of where it comes from, and anybody can change it: this keeps mistakes from
//! happening, as the wall does, and nobody who means to. Spec: `docs/spec/import.md`, "Clients".

use crate::error::Denied;
use crate::{Node, NodeError};
use kitbag_core::id::PackId;
use kitbag_core::policy::rules::Client;
use kitbag_core::release::{Destination, Request, Target, Withheld, crosses};

/// Where notes come from, as far as their file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftFrom {
    /// The packs that they left.
    pub packs: Vec<PackId>,
    /// The client that they left for.
    pub client: Option<String>,
}

impl Node {
    /// Looks whether notes of this origin may come into a pack.
    ///
    /// # Errors
    /// [`NodeError::Denied`] if that would take them from one client to another and no person said that
    /// it may, or if the rules that decide cannot be read here; [`NodeError::NotFound`] for the pack.
    pub fn may_receive(
        &self,
        pack: PackId,
        origin: &LeftFrom,
        across_clients: bool,
    ) -> Result<(), NodeError> {
        let own = self.packs.need(pack)?.release_rules().cloned();
        let others = origin.packs.iter().filter(|of| **of != pack);
        let known: Vec<PackId> = others
            .copied()
            .filter(|of| self.packs.contains(of))
            .collect();
        if (known.is_empty() && origin.client.is_none()) || across_clients {
            return Ok(());
        }
        let own = own.map_err(Denied::RulesUnreadable)?;
        let clients: std::collections::BTreeSet<_> = own.clients.keys().copied().collect();
        // What is no label of a client was never one.
        let told = origin
            .client
            .as_deref()
            .and_then(|label| Client::new(label).ok());
        let told = told.map(|client| client.id());
        let elsewhere = told.is_some_and(|told| !clients.is_empty() && !clients.contains(&told));
        let request = Request {
            target: Target::Of(clients),
            ..Request::to(Destination::Pack)
        };
        let mut wall = elsewhere;
        for of in known {
            let rules = self.packs.need(of)?.release_rules();
            wall |= crosses(&request, rules.map_err(Denied::RulesUnreadable)?);
        }
        match wall {
            true => Err(Denied::Release(Withheld::Client).into()),
            false => Ok(()),
        }
    }
}
