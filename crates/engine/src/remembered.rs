//! Small values that a front end keeps on this device, sealed like everything else.

use crate::{Engine, EngineError};

impl Engine {
    /// A value by its name.
    ///
    /// # Errors
    /// [`EngineError::Integrity`] if it does not open; [`EngineError::Storage`].
    pub async fn remembered(&self, name: &'static str) -> Result<Option<Vec<u8>>, EngineError> {
        self.worker()?
            .call(move |node, _| node.shell_setting(name))
            .await
    }

    /// Keeps a value by its name.
    ///
    /// # Errors
    /// [`EngineError::Storage`].
    pub async fn remember(&self, name: &'static str, value: Vec<u8>) -> Result<(), EngineError> {
        self.worker()?
            .call(move |node, _| node.keep_shell_setting(name, &value))
            .await
    }
}
