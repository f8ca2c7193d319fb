//! What comes from this computer: requests on the socket, and rows of the database after they opened.

use super::Verdict;
use crate::{Dice, SimDisk};
use kitbag_core::codec;
use kitbag_core::content::{LogOpening, SMALL_RECORD_BYTES_MAX, SignedHead};
use kitbag_crypto::MasterKey;
use kitbag_node::Node;
use kitbag_rpc::{
    AddNote, ApproveJoin, ArchivePack, AskWho, Call, Caller, CancelInvite, CheckPack, CreatePack,
    EditNote, ExplainPolicy, ForgetJoin, Health, JoinPack, ListInvites, ListJoinRequests,
    ListMembers, ListNotes, ListPacks, LockHome, Method, ReadHistory, ReadMetrics, ReadStatus,
    ReadWhy, RefuseJoin, RelabelNote, RenamePack, RetitlePack, ReviewPack, SetRole, SharePack,
    ShowNote, ShowPack, ShowPolicy, Stop, SyncPacks, TakeOver, UnlockHome, UnsharePack, WhoAmI,
    decode_request,
};
use kitbag_store::{LogRow, PackRow, Store};
use minicbor::{Decode, Encode};

/// The body of a request, as every call; and the header that says who calls.
pub(super) fn request(bytes: &[u8]) -> Verdict {
    let calls = [
        call::<ListInvites>,
        call::<CancelInvite>,
        call::<ListJoinRequests>,
        call::<ApproveJoin>,
        call::<RefuseJoin>,
        call::<ForgetJoin>,
        call::<AskWho>,
        call::<ExplainPolicy>,
        call::<ShowPolicy>,
        call::<CheckPack>,
        call::<CreatePack>,
        call::<ListPacks>,
        call::<ShowPack>,
        call::<ArchivePack>,
        call::<RenamePack>,
        call::<RetitlePack>,
        call::<UnsharePack>,
        call::<SetRole>,
        call::<ReadWhy>,
        call::<SharePack>,
        call::<JoinPack>,
        call::<AddNote>,
        call::<ListNotes>,
        call::<ShowNote>,
        call::<EditNote>,
        call::<RelabelNote>,
        call::<ReadHistory>,
        call::<ReviewPack>,
        call::<TakeOver>,
        call::<Health>,
        call::<WhoAmI>,
        call::<ReadStatus>,
        call::<SyncPacks>,
        call::<Stop>,
        call::<LockHome>,
        call::<UnlockHome>,
        call::<ReadMetrics>,
        call::<ListMembers>,
    ];
    if let Some(caller) = std::str::from_utf8(bytes)
        .ok()
        .and_then(|t| t.parse::<Caller>().ok())
    {
        assert_eq!(caller.to_string().as_bytes(), bytes, "one spelling");
    }
    calls
        .iter()
        .fold(Verdict::Refused, |verdict, call| verdict.or(call(bytes)))
}

fn call<C: Call>(bytes: &[u8]) -> Verdict {
    let decoded = decode_request::<C>(bytes);
    match &decoded {
        Ok(call) => {
            let json = serde_json::to_vec(call).expect("a request encodes");
            let again = decode_request::<C>(&json).expect("what is sent is understood");
            assert_eq!(
                serde_json::to_vec(&again).ok(),
                Some(json),
                "nothing is lost on the way"
            );
            assert!(call.patience().as_secs() < 1 << 32, "waiting ends");
        }
        Err(failure) => assert!(failure.message.len() < 4096, "an error is short"),
    }
    match C::METHOD {
        Method::Get => Verdict::Refused, // a question without arguments reads no body
        Method::Post => Verdict::of(&decoded),
    }
}

/// Rows that only this device writes. They are sealed, so this is what a bug of an older version, or
/// somebody with the master key, can do.
pub(super) fn rows(bytes: &[u8]) -> Verdict {
    let pack = row::<PackRow>(bytes, ROW_BYTES_MAX);
    let head = row::<SignedHead>(bytes, SMALL_RECORD_BYTES_MAX);
    let log = codec::decode::<LogRow>(bytes, ROW_BYTES_MAX);
    if let Ok(log) = &log {
        assert_eq!(codec::encode(log), bytes, "one encoding");
        let _ = LogOpening::decode(&log.opening); // must come back
    }
    let mut verdict = pack.or(head).or(Verdict::of(&log));
    // The first byte chooses a setting, the rest is its value.
    if let Some((which, value)) = bytes.split_first()
        && let Some(name) = SETTINGS.get(usize::from(*which))
    {
        verdict = verdict.or(setting(name, value));
    }
    verdict
}

fn row<T: Encode<()> + for<'b> Decode<'b, ()>>(bytes: &[u8], limit: usize) -> Verdict {
    let decoded = codec::decode::<T>(bytes, limit);
    if let Ok(value) = &decoded {
        assert_eq!(codec::encode(value), bytes, "one encoding");
    }
    Verdict::of(&decoded)
}

/// Starts a device whose database holds this setting.
fn setting(name: &str, value: &[u8]) -> Verdict {
    let mut dice = Dice::new(1);
    let mut rng = dice.fork();
    let master = MasterKey::from_bytes([7; 32]);
    let disk = SimDisk::new();
    let store = Store::open_backend(disk.backend(), &master, &mut *rng);
    let mut store = store.expect("an empty disk opens");
    Node::initialise(&mut store, "Ada", "laptop", &mut *rng).expect("names are good");
    let mut batch = store.batch(&mut *rng).expect("the disk works");
    batch.put_setting(name, value).expect("the disk works");
    batch.commit().expect("the disk works");
    let opened = Node::open(store, rng, None, |_| Ok(()));
    if let Ok(node) = &opened {
        assert_eq!(node.me(), node.me());
        assert!(!node.has_failed());
        if !node.damaged().is_empty() {
            return Verdict::Refused; // it is begun anew, and reported
        }
    }
    Verdict::of(&opened)
}

/// The settings that a start reads.
const SETTINGS: [&str; 9] = [
    "identity",
    "life",
    "joining",
    "asking",
    "waiting-joins",
    "audit/waiting",
    "audit/own-end",
    "audit/keep",
    "archived",
];
const ROW_BYTES_MAX: usize = 64 * 1024;
