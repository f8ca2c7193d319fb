//! Starting, stopping, crashing and restoring devices.

use super::{Opened, Who, World, is_disk_error};
use crate::DiskImage;
use crate::disk::Backend;
use kitbag_core::id::{EndpointId, Incarnation};
use kitbag_crypto::MasterKey;
use kitbag_node::{Node, NodeError};
use kitbag_store::Store;

impl World {
    /// Starts a device on whatever its disk holds.
    ///
    /// # Panics
    /// If what the disk holds does not open although no fault struck: that is a loss.
    pub fn start(&mut self, who: Who) -> Opened {
        let name = self.devices[who.0].name.clone();
        let rng = self.dice.fork();
        let sleep = self.packs_sleep;
        let device = &mut self.devices[who.0];
        let backend = device.disk.backend();
        let mut outside = device.outside;
        let opened = open(backend, &device.master, rng, &name, &mut outside);
        device.outside = outside;
        match opened {
            Ok(mut node) => {
                if sleep {
                    node.set_awake_bytes(0);
                    node.set_indexed_notes_min(1);
                }
                let differing = node.differing_summaries();
                assert!(differing.is_empty(), "{name} believes {differing:?}");
                let me = node.me();
                device.endpoint = Some(EndpointId::from_bytes(me.endpoint));
                device.person = Some(me.person);
                device.node = Some(node);
                device.starts += 1;
                self.log(|world| format!("{} starts", world.name(who)));
                Opened::Up
            }
            Err(error) => {
                let faulty = device.disk.is_dead() || is_disk_error(&error);
                assert!(
                    faulty,
                    "{name} does not open: {error:?}\n{}",
                    self.trace.text()
                );
                self.log(|world| format!("{} does not start: {error}", world.name(who)));
                self.goes_down(who);
                Opened::Down
            }
        }
    }

    /// Power is lost now, whatever the device is doing.
    pub fn lose_power(&mut self, who: Who) {
        self.devices[who.0]
            .disk
            .set_fault(crate::Fault::PowerLoss(1));
        let _ = self.call(who, |node, _| node.keep_shell_setting("power", b"gone"));
    }

    /// The process is killed; the machine goes on.
    pub fn kill(&mut self, who: Who) {
        self.log(|world| format!("{} is killed", world.name(who)));
        self.stop(who);
    }

    /// Stops, with an older image put back onto the disk.
    pub fn restore(&mut self, who: Who, image: &DiskImage) {
        self.stop(who);
        self.devices[who.0].disk.restore(image);
        self.log(|world| format!("an old backup is put back on {}", world.name(who)));
    }

    pub(super) fn stop(&mut self, who: Who) {
        self.disconnect(who);
        let image = self.devices[who.0].disk.image();
        drop(self.devices[who.0].node.take());
        self.devices[who.0].disk.restore(&image);
    }

    /// After a failure of its disk.
    pub(super) fn goes_down(&mut self, who: Who) {
        self.disconnect(who);
        drop(self.devices[who.0].node.take());
        let device = &self.devices[who.0];
        if device.disk.is_dead() {
            device.disk.clone().power_returns(&mut self.dice);
            self.log(|world| format!("{} lost its power", world.name(who)));
        } else {
            device.disk.process_ends();
            self.log(|world| format!("{} stops after a failed disk call", world.name(who)));
        }
    }
}

fn open(
    backend: Backend,
    master: &[u8; 32],
    mut rng: Box<dyn kitbag_crypto::CryptoRng + Send>,
    name: &str,
    outside: &mut Option<Incarnation>,
) -> Result<Node, NodeError> {
    let mut store = Store::open_backend(backend, &MasterKey::from_bytes(*master), &mut *rng)?;
    if !Node::is_initialised(&store)? {
        Node::initialise(&mut store, name, "laptop", &mut *rng)?;
    }
    let known = *outside;
    Node::open(store, rng, known, |token| {
        *outside = Some(token);
        Ok(())
    })
}
