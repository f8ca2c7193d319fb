//! What an agent added with which key, so that the same call again adds nothing.
//!
//! For each agent and pack a setting holds the newest keys, as hashes. Spec: `docs/spec/mcp.md`, "Again".

use crate::{Node, NodeError, read_hint};
use kitbag_core::codec;
use kitbag_core::id::{ItemId, PackId};
use kitbag_core::policy::Sensitivity;
use minicbor::{Decode, Encode};

/// Keys of one agent in one pack that are remembered, the newest.
const KEYS_MAX: usize = 256;
/// Bytes of the setting that holds them, at most.
const KEYS_BYTES_MAX: usize = 64 << 10;

/// What was added with a key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct AgentKey {
    /// The hash of the key.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub key: [u8; 32],
    /// The hash of what was added.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub content: [u8; 32],
    /// The note, as far as the agent was told of it.
    #[n(2)]
    pub note: Option<(ItemId, Sensitivity)>,
}

impl Node {
    /// What an agent added to a pack with a key, if it is remembered.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn agent_key(
        &self,
        agent: &str,
        pack: PackId,
        key: &[u8; 32],
    ) -> Result<Option<AgentKey>, NodeError> {
        let keys = self.agent_keys(agent, pack)?;
        Ok(keys.into_iter().find(|of| of.key == *key))
    }

    /// Remembers what an agent added with a key.
    ///
    /// # Errors
    /// [`NodeError::Store`].
    pub fn keep_agent_key(
        &mut self,
        agent: &str,
        pack: PackId,
        key: AgentKey,
    ) -> Result<(), NodeError> {
        let mut keys = self.agent_keys(agent, pack)?;
        keys.retain(|of| of.key != key.key);
        keys.push(key);
        keys.drain(..keys.len().saturating_sub(KEYS_MAX));
        let mut batch = self.store.batch(&mut *self.rng)?;
        batch.put_setting(&row(agent, pack), &codec::encode(&keys))?;
        Ok(batch.commit()?)
    }

    fn agent_keys(&self, agent: &str, pack: PackId) -> Result<Vec<AgentKey>, NodeError> {
        // One that does not open only costs that the same call again is told by its content.
        let bytes = read_hint(&self.store, &row(agent, pack))?;
        let keys = bytes.and_then(|bytes| codec::decode(&bytes, KEYS_BYTES_MAX).ok());
        Ok(keys.unwrap_or_default())
    }
}

fn row(agent: &str, pack: PackId) -> String {
    format!("agent-keys/{agent}/{pack}")
}
