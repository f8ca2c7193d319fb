//! What `clip` was last told: which pack what is copied goes to, and where it comes from.

use crate::call::call;
use crate::{PackRef, V1};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Asks what was last told.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReadClip {}
call!(get ReadClip, "/v1/clip" => ClipRemembered);

/// Keeps it for the next time, on this device alone.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RememberClip {
    /// Version.
    pub v: V1,
    /// The pack.
    pub pack: String,
    /// The label of the source, at most 800 bytes.
    pub source: String,
}
call!(post RememberClip, "/v1/clip/remember" => ClipRemembered);

/// What is remembered.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ClipRemembered {
    /// Version.
    pub v: V1,
    /// The pack; null if nothing is remembered, or it is gone.
    pub pack: Option<PackRef>,
    /// The label of the source.
    pub source: Option<String>,
}
