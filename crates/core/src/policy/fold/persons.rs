//! Stage 1, persons: which device stands for whom.
//!
//! A person is one operation that links one device. Removals, links and recovery eras come in here;
//! whoever asks [`Persons::is_linked`] need not change for them.

use crate::id::{DeviceId, EndpointId, PersonId, PersonOpHash};
use crate::person::{Certificate, SignedPersonOp};
use std::collections::BTreeMap;

/// Every person operation that is here.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Persons {
    by_person: BTreeMap<PersonId, SignedPersonOp>,
    by_head: BTreeMap<PersonOpHash, PersonId>,
}

impl Persons {
    pub(super) fn new(ops: impl IntoIterator<Item = SignedPersonOp>) -> Persons {
        let mut persons = Persons::default();
        for op in ops {
            persons.by_head.insert(op.hash(), op.person());
            persons.by_person.insert(op.person(), op);
        }
        persons
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &SignedPersonOp> {
        self.by_person.values()
    }

    pub(super) fn get(&self, person: &PersonId) -> Option<&SignedPersonOp> {
        self.by_person.get(person)
    }

    pub(super) fn certificate(&self, person: &PersonId) -> Option<&Certificate> {
        self.get(person).map(SignedPersonOp::certificate)
    }

    pub(super) fn knows_head(&self, head: PersonOpHash) -> bool {
        self.by_head.contains_key(&head)
    }

    /// Whether `head` belongs to `person`, and links `device` to it.
    pub(super) fn is_linked_at(
        &self,
        head: PersonOpHash,
        person: &PersonId,
        device: &DeviceId,
    ) -> bool {
        self.by_head.get(&head) == Some(person) && self.is_linked(person, device)
    }

    /// Whether `device` is one of the person's devices.
    pub(super) fn is_linked(&self, person: &PersonId, device: &DeviceId) -> bool {
        self.certificate(person)
            .is_some_and(|certificate| certificate.device == *device)
    }

    /// Whoever has this device, ascending: whoever holds its key may have founded several persons.
    pub(super) fn of_device<'a>(
        &'a self,
        device: &'a DeviceId,
    ) -> impl Iterator<Item = PersonId> + 'a {
        self.iter()
            .filter(move |op| op.certificate().device == *device)
            .map(SignedPersonOp::person)
    }

    /// Whoever has this endpoint, ascending.
    pub(super) fn of_endpoint<'a>(
        &'a self,
        endpoint: &'a EndpointId,
    ) -> impl Iterator<Item = PersonId> + 'a {
        self.iter()
            .filter(move |op| op.certificate().endpoint == *endpoint)
            .map(SignedPersonOp::person)
    }
}
