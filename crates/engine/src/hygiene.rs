//! What is in the way in packs, and putting it away: in slices, between which the device does its other
//! work.

use crate::{Engine, EngineError, PackId, Timestamp};
use kitbag_core::hygiene_receipt::SignedHygieneReceipt;
use kitbag_node::Node;
use kitbag_node::hygiene::{ActDone, GoKept, HygieneAction, HygieneOptions, HygieneReport};
use std::collections::BTreeMap;

impl Engine {
    /// Looks for notes that are in the way; changes nothing.
    ///
    /// # Errors
    /// [`EngineError::BadInput`] for the options; [`EngineError::NotFound`] for a pack;
    /// [`EngineError::Storage`].
    pub async fn look_for_hygiene(
        &self,
        options: HygieneOptions,
    ) -> Result<HygieneReport, EngineError> {
        let worker = self.worker()?;
        let begin = move |node: &mut Node, now| node.begin_hygiene(now, options);
        let mut examining = worker.call(begin).await?;
        loop {
            let slice = move |node: &mut Node, _| {
                let report = node.hygiene_on(&mut examining)?;
                Ok((examining, report))
            };
            let (rest, report) = worker.call(slice).await?;
            match report {
                Some(report) => return Ok(report),
                None => examining = rest,
            }
        }
    }

    /// Days that notes may be kept, as the rules of these packs say, or of all: of each that has such a
    /// rule which can be read here.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] for a pack; [`EngineError::Storage`].
    pub async fn retentions(
        &self,
        packs: Option<Vec<PackId>>,
    ) -> Result<BTreeMap<PackId, u64>, EngineError> {
        let worker = self.worker()?;
        let packs = match packs {
            Some(packs) => packs,
            None => {
                let all = |node: &mut Node, _| Ok(node.packs());
                let all = worker.call(all).await?;
                all.into_iter().map(|pack| pack.id).collect()
            }
        };
        let mut retentions = BTreeMap::new();
        for pack in packs {
            // One at a time: a pack that sleeps is woken for it.
            let rules = worker.call(move |node, _| node.release_rules(pack)).await?;
            if let Some(days) = rules.ok().and_then(|rules| rules.retention_days) {
                retentions.insert(pack, days.into());
            }
        }
        Ok(retentions)
    }

    /// Puts notes away, each only if it is what it was looked at; what became of each, in their order,
    /// and the moment at which it began.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] for the pack; [`EngineError::Storage`]. What was done before stays
    /// done: [`Engine::hygiene_goes`] says how far it came.
    pub async fn do_hygiene(
        &self,
        pack: PackId,
        mut actions: Vec<HygieneAction>,
    ) -> Result<(Timestamp, Vec<ActDone>), EngineError> {
        let worker = self.worker()?;
        let planned = actions.len();
        let begin = move |node: &mut Node, now| node.begin_hygiene_run(now, pack, planned);
        let mut go = worker.call(begin).await?;
        let mut all = Vec::with_capacity(actions.len());
        actions.reverse(); // taken from the end
        while !actions.is_empty() {
            let step: Vec<HygieneAction> =
                actions.iter().rev().take(STEP_ACTIONS).cloned().collect();
            let one = move |node: &mut Node, _| {
                let done = node.hygiene_step(&mut go, pack, &step)?;
                Ok((go, done))
            };
            let (after, done) = worker.call(one).await?;
            go = after;
            if done.is_empty() {
                break; // never: the first of a step is always dealt with
            }
            actions.truncate(actions.len().saturating_sub(done.len()));
            all.extend(done);
        }
        Ok((go.at, all))
    }

    /// How far the newest goes in a pack came, the newest first.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] for the pack; [`EngineError::Storage`].
    pub async fn hygiene_goes(&self, pack: PackId) -> Result<Vec<GoKept>, EngineError> {
        let look = move |node: &mut Node, _| node.hygiene_goes(pack);
        self.worker()?.call(look).await
    }

    /// Signs a receipt of the go in a pack that began then, as far as it came.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] for the pack, or for a go that is not kept; [`EngineError::Integrity`] if
    /// what it did cannot be read any more; [`EngineError::BadInput`] for what breaks a rule.
    pub async fn sign_hygiene_receipt(
        &self,
        pack: PackId,
        began: Timestamp,
    ) -> Result<SignedHygieneReceipt, EngineError> {
        let sign = move |node: &mut Node, now| node.sign_hygiene_receipt(now, pack, began);
        self.worker()?.call(sign).await
    }

    /// What whoever signed a receipt of hygiene is called in its pack; none if the pack is not here, or
    /// they are no member of it now. And whether it was this device.
    ///
    /// # Errors
    /// [`EngineError::Storage`].
    pub async fn hygiene_signer(
        &self,
        signed: &SignedHygieneReceipt,
    ) -> Result<(bool, Option<String>), EngineError> {
        let (pack, person) = (signed.receipt().pack, signed.person());
        let device = signed.device();
        self.worker()?
            .call(move |node, _| {
                let me = node.me();
                let is_me = me.person == person && me.device == device;
                Ok((is_me, node.signer_in(pack, person, device)?))
            })
            .await
    }
}

/// Actions that are shown to one step, which does as many of them as it may.
const STEP_ACTIONS: usize = 64;
