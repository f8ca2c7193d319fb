//! What `clip` was last told.

use super::{Answered, Served};
use crate::failure::failed;
use kitbag_engine::PackId;
use kitbag_rpc::{ClipRemembered, Code, Failure, ReadClip, RememberClip, V1};

const SETTING: &str = "clip";
/// Bytes of a label, at most: 200 characters of four.
const SOURCE_BYTES_MAX: usize = 800;

pub(super) async fn read(served: Served, _: ReadClip) -> Answered<ClipRemembered> {
    let nothing = ClipRemembered {
        v: V1,
        pack: None,
        source: None,
    };
    // What does not read back only costs saying it again.
    let Ok(Some(kept)) = served.engine.remembered(SETTING).await else {
        return Ok(nothing);
    };
    let Ok((pack, source)) = serde_json::from_slice::<(String, String)>(&kept) else {
        return Ok(nothing);
    };
    let Ok(pack) = pack.parse::<PackId>() else {
        return Ok(nothing);
    };
    match served.pack_ref(pack).await {
        Ok(pack) => Ok(ClipRemembered {
            v: V1,
            pack: Some(pack),
            source: Some(source),
        }),
        Err(_) => Ok(nothing),
    }
}

pub(super) async fn remember(served: Served, call: RememberClip) -> Answered<ClipRemembered> {
    if call.source.trim().is_empty() || call.source.len() > SOURCE_BYTES_MAX {
        let message = format!("source: has to be between one and {SOURCE_BYTES_MAX} bytes long");
        return Err(Failure::new(Code::BadInput, message));
    }
    let pack = served.pack(call.pack).await?;
    let kept = (pack.to_string(), &call.source);
    let kept = serde_json::to_vec(&kept).map_err(|e| {
        Failure::new(
            Code::Internal,
            format!("what is to be kept is no text: {e}"),
        )
    })?;
    let kept = served.engine.remember(SETTING, kept).await;
    kept.map_err(|e| failed(&e))?;
    Ok(ClipRemembered {
        v: V1,
        pack: Some(served.pack_ref(pack).await?),
        source: Some(call.source),
    })
}
