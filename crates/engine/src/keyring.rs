//! The operating system's keyring: a Secret Service on Linux.
//!
//! Whether one works shows only when a secret was written and read back, so that is the test. On
//! other systems there is no keyring support yet and the key file takes its place.

use kitbag_crypto::MasterKey;

/// Whether there is a keyring at all. Nothing is written.
pub(crate) fn reach() -> Result<(), String> {
    system::reach()
}

/// Keeps a master key under a name that nothing else has, and reads it back.
pub(crate) fn keep(name: &str, master: &MasterKey) -> Result<(), String> {
    system::keep(&account(name), master.danger_expose())?;
    let kept = recall(name)?;
    if kept.danger_expose() == master.danger_expose() {
        Ok(())
    } else {
        Err("the keyring did not keep the key".into())
    }
}

/// Reads a master key back.
pub(crate) fn recall(name: &str) -> Result<MasterKey, String> {
    let bytes = system::recall(&account(name))?;
    bytes[..]
        .try_into()
        .map(MasterKey::from_bytes)
        .map_err(|_| "the keyring holds something else under this name".into())
}

/// Removes a key; one that is not there is removed already.
pub(crate) fn forget(name: &str) -> Result<(), String> {
    system::forget(&account(name))
}

/// How often a key stands in the keyring of the tests.
#[cfg(test)]
pub(crate) fn copies(key: &[u8; 32]) -> usize {
    system::kept().values().filter(|kept| *kept == key).count()
}

fn account(name: &str) -> String {
    format!("master key {name}")
}

#[cfg(all(target_os = "linux", not(test)))]
mod system {
    use keyring_core::api::CredentialStoreApi;
    use std::time::Duration;
    use zbus_secret_service_keyring_store::Store;
    use zeroize::Zeroizing;

    const SERVICE: &str = "kitbag";
    /// A keyring that waits for a person at another screen must not hold up the start for ever.
    const PATIENCE: Duration = Duration::from_secs(20);

    /// Whether there is a keyring at all.
    pub(super) fn reach() -> Result<(), String> {
        patiently(|| {
            let store = Store::new();
            store
                .map(drop)
                .map_err(|error| format!("no keyring can be used: {error}"))
        })
    }

    pub(super) fn keep(account: &str, key: &[u8; 32]) -> Result<(), String> {
        let (account, key) = (account.to_owned(), Zeroizing::new(*key));
        patiently(move || {
            let entry = Store::new().and_then(|store| store.build(SERVICE, &account, None));
            entry
                .and_then(|entry| entry.set_secret(&key[..]))
                .map_err(|error| format!("no keyring can be used: {error}"))
        })
    }

    pub(super) fn recall(account: &str) -> Result<Zeroizing<Vec<u8>>, String> {
        let account = account.to_owned();
        patiently(move || {
            let entry = Store::new().and_then(|store| store.build(SERVICE, &account, None));
            let secret = entry.and_then(|entry| entry.get_secret());
            secret
                .map(Zeroizing::new)
                .map_err(|error| format!("the keyring does not give the master key: {error}"))
        })
    }

    pub(super) fn forget(account: &str) -> Result<(), String> {
        let account = account.to_owned();
        patiently(move || {
            let entry = Store::new().and_then(|store| store.build(SERVICE, &account, None));
            match entry.and_then(|entry| entry.delete_credential()) {
                Ok(()) | Err(keyring_core::Error::NoEntry) => Ok(()),
                Err(error) => Err(format!("the keyring does not remove the key: {error}")),
            }
        })
    }

    /// D-Bus calls block, and must not run on a thread of the async runtime.
    fn patiently<T: Send + 'static>(
        call: impl FnOnce() -> Result<T, String> + Send + 'static,
    ) -> Result<T, String> {
        let (answer, wait) = std::sync::mpsc::channel();
        std::thread::spawn(move || answer.send(call()));
        wait.recv_timeout(PATIENCE)
            .unwrap_or_else(|_| Err("the keyring does not answer".into()))
    }
}

#[cfg(all(not(target_os = "linux"), not(test)))]
mod system {
    use zeroize::Zeroizing;

    pub(super) fn reach() -> Result<(), String> {
        Err("no keyring support on this system yet".into())
    }

    pub(super) fn keep(_: &str, _: &[u8; 32]) -> Result<(), String> {
        Err("no keyring support on this system yet".into())
    }

    pub(super) fn recall(_: &str) -> Result<Zeroizing<Vec<u8>>, String> {
        Err("no keyring support on this system yet".into())
    }

    pub(super) fn forget(_: &str) -> Result<(), String> {
        Err("no keyring support on this system yet".into())
    }
}

/// Tests of this crate have a keyring of their own: the machine's is none of their business.
#[cfg(test)]
mod system {
    use std::collections::BTreeMap;
    use std::sync::{Mutex, MutexGuard};
    use zeroize::Zeroizing;

    static KEPT: Mutex<BTreeMap<String, [u8; 32]>> = Mutex::new(BTreeMap::new());

    pub(super) fn kept() -> MutexGuard<'static, BTreeMap<String, [u8; 32]>> {
        KEPT.lock().unwrap()
    }

    pub(super) fn reach() -> Result<(), String> {
        Ok(())
    }

    pub(super) fn keep(account: &str, key: &[u8; 32]) -> Result<(), String> {
        kept().insert(account.to_owned(), *key);
        Ok(())
    }

    pub(super) fn recall(account: &str) -> Result<Zeroizing<Vec<u8>>, String> {
        let key = kept().get(account).map(|key| Zeroizing::new(key.to_vec()));
        key.ok_or_else(|| "no such key".to_owned())
    }

    pub(super) fn forget(account: &str) -> Result<(), String> {
        kept().remove(account);
        Ok(())
    }
}
