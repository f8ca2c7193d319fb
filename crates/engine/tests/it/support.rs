//! Devices on loopback, and a peer whose reading a test holds in its hands.

use data_encoding::BASE32_NOPAD;
use kitbag_core::id::{EndpointId, Incarnation, PackId, Timestamp};
use kitbag_core::sync::Side;
use kitbag_crypto::MasterKey;
use kitbag_engine::{
    Engine, KeyChoice, Listen, NewNote, NewSource, Notice, Role, Sensitivity, Settings,
    ShareOptions, Zeroizing, initialise,
};
use kitbag_net::{
    Config, EndpointSecret, FrameReceiver, FrameSender, Gate, Incoming, LinkError, Net,
    PeerAddress, PeerId,
};
use kitbag_node::{LinkId, Node, Output};
use kitbag_store::Store;
use rand_core::{TryCryptoRng, TryRng};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// A guard against hanging, not a measurement: the machine may be busy.
const GUARD: Duration = Duration::from_secs(60);

/// Waits for what must come, and fails the test instead of hanging.
pub(crate) async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(GUARD, work)
        .await
        .expect("it happens before the guard's time is over")
}

/// A device with a new home.
pub(crate) async fn device(homes: &Path, name: &str) -> (Engine, PathBuf) {
    let home = homes.join(name);
    initialise(&home, name, "laptop", Some(KeyChoice::KeyFile(None))).unwrap();
    (open(&home).await, home)
}

/// A device of a home that is there already.
pub(crate) async fn open(home: &Path) -> Engine {
    let settings = Settings {
        listen: Listen::Loopback(0),
        ..Settings::new(home)
    };
    Engine::open(settings, None).await.unwrap()
}

/// A note; the same number is the same note.
pub(crate) fn note(number: u64, bytes: usize) -> NewNote {
    // Hardly compresses, so that pages are as long as notes are.
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let letter = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'a' + (state % 26) as u8)
    };
    NewNote {
        title: format!("note {number}"),
        body: (0..bytes).map(letter).collect(),
        source: NewSource {
            label: "test".into(),
            ..NewSource::default()
        },
        ..NewNote::default()
    }
}

/// Lets devices into a pack, one after the other.
pub(crate) async fn let_in(host: &Engine, pack: PackId, guests: &[&Engine]) {
    for guest in guests {
        let options = ShareOptions {
            role: Role::Editor,
            clearance: Sensitivity::Internal,
            expires_at: None,
            uses: 1,
            ask: false,
        };
        let ticket = host.share(pack, options).await.unwrap().ticket;
        soon(guest.join(Zeroizing::new(ticket), None))
            .await
            .unwrap();
    }
}

/// Waits until a peer says that both are up to date.
pub(crate) async fn up_to_date(notices: &mut Receiver<Notice>) {
    let heard = async {
        loop {
            match notices.recv().await {
                Ok(Notice::UpToDate(_)) => return,
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => panic!("the engine has ended"),
            }
        }
    };
    soon(heard).await
}

/// Waits until a pack has so many notes.
pub(crate) async fn holds(engine: &Engine, pack: PackId, notes: usize) {
    let arrived = async {
        while engine.notes(pack).await.unwrap().len() < notes {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    soon(arrived).await
}

/// A device whose node is driven by hand over a real connection: it reads when a test lets it.
pub(crate) struct ByHand {
    node: Node,
    net: Net,
    _incoming: Incoming,
    sender: Option<FrameSender>,
    receiver: Option<FrameReceiver>,
}

const LINK: LinkId = LinkId(1);

/// Nobody comes in: a connection that the engine dialled would take the place of the one by hand.
struct OnlyOut;

impl Gate for OnlyOut {
    fn may_sync(&self, _: &PeerId) -> bool {
        false
    }

    fn join_is_open(&self) -> bool {
        false
    }
}

impl ByHand {
    /// Opens a home that no engine has open.
    pub(crate) async fn open(home: &Path) -> ByHand {
        let path = home.join("incarnation");
        let outside: Option<Incarnation> = fs::read_to_string(&path).unwrap().trim().parse().ok();
        let keep = |token: Incarnation| fs::write(&path, token.to_string());
        let text = fs::read_to_string(home.join("key")).unwrap();
        let key = text.trim().rsplit(':').next().unwrap().to_ascii_uppercase();
        let key = BASE32_NOPAD.decode(key.as_bytes()).unwrap();
        let master = MasterKey::from_bytes(key[..].try_into().unwrap());
        let store = Store::open(&home.join("kitbag.redb"), &master, &mut SystemRandom).unwrap();
        let node = Node::open(store, Box::new(SystemRandom), outside, keep).unwrap();
        let secret = EndpointSecret::from_bytes(&node.danger_endpoint_seed());
        let config = Config {
            listen: kitbag_net::Listen::Loopback(0),
            ..Config::default()
        };
        let (net, incoming) = Net::bind(secret, config, Arc::new(OnlyOut)).await.unwrap();
        ByHand {
            node,
            net,
            _incoming: incoming,
            sender: None,
            receiver: None,
        }
    }

    /// Dials an engine and greets.
    pub(crate) async fn dial(&mut self, engine: &Engine) {
        let endpoint = engine.me().await.endpoint;
        let addresses = engine.endpoint().await.addresses;
        let address = PeerAddress {
            peer: PeerId(endpoint),
            direct: addresses.iter().filter_map(|at| at.parse().ok()).collect(),
            relay: None,
        };
        let link = soon(self.net.dial(&address)).await.unwrap();
        let (sender, receiver) = link.into_split();
        (self.sender, self.receiver) = (Some(sender), Some(receiver));
        let peer = EndpointId::from_bytes(endpoint);
        let outputs = self.node.link_opened(now(), LINK, peer, Side::Dialler);
        self.follow(outputs.unwrap()).await;
    }

    /// Reads one frame and sends what the node says to it.
    pub(crate) async fn read(&mut self) -> Result<BTreeSet<&'static str>, LinkError> {
        let receiver = self.receiver.as_mut().expect("dialled");
        let frame = soon(receiver.receive()).await?.expect("no clean end");
        let outputs = self.node.link_frame(now(), LINK, &frame).unwrap();
        Ok(self.follow(outputs).await)
    }

    /// Notes of a pack here.
    pub(crate) fn notes(&self, pack: PackId) -> u64 {
        self.node.pack(pack).map_or(0, |pack| pack.notes)
    }

    async fn follow(&mut self, outputs: Vec<Output>) -> BTreeSet<&'static str> {
        let mut told = BTreeSet::new();
        for output in outputs {
            match output {
                Output::Send { frame, .. } => {
                    let sender = self.sender.as_mut().expect("dialled");
                    soon(sender.send(&frame)).await.expect("the link stands");
                }
                Output::Notify(Notice::UpToDate(_)) => {
                    told.insert("up to date");
                }
                Output::Close { reason, .. } => panic!("the peer is at fault: {reason:?}"),
                _ => {}
            }
        }
        told
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap())
}

struct SystemRandom;

impl TryRng for SystemRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(getrandom::u32().unwrap())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(getrandom::u64().unwrap())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        getrandom::fill(bytes).unwrap();
        Ok(())
    }
}

impl TryCryptoRng for SystemRandom {}
