//! The one number a peer learns when a connection ends.

use std::fmt;

use iroh::endpoint::VarInt;

/// Why a connection was closed, as coarse as a peer may know it.
///
/// Numbers lean on HTTP's, to be readable in a packet trace. A peer may send any number; those without
/// a name here mean no more than "closed".
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CloseCode(u64);

impl CloseCode {
    /// Both sides said what they had to say.
    pub const DONE: Self = Self(0);
    /// The other side broke the protocol: bad preamble, empty or oversized frame, stream cut in a frame.
    pub const MISBEHAVED: Self = Self(400);
    /// The gate refused the key, or no invite is live; the same number for every such reason.
    pub const NOT_AUTHORISED: Self = Self(403);
    /// A frame did not pass within its time.
    pub const STALLED: Self = Self(408);
    /// A budget is used up; worth another try later.
    pub const BUSY: Self = Self(429);
    /// The session was dropped without being finished.
    pub const ABANDONED: Self = Self(499);
    /// Something failed in the side that closed.
    pub const INTERNAL: Self = Self(500);
    /// The side that closed is shutting down.
    pub const LEAVING: Self = Self(503);

    /// The number on the wire.
    pub fn as_u64(self) -> u64 {
        self.0
    }

    pub(crate) fn from_wire(code: VarInt) -> Self {
        Self(code.into_inner())
    }

    pub(crate) fn to_wire(self) -> VarInt {
        VarInt::from_u64(self.0).expect("made of a constant above or of a VarInt")
    }

    fn name(self) -> &'static str {
        match self {
            Self::DONE => "done",
            Self::MISBEHAVED => "misbehaved",
            Self::NOT_AUTHORISED => "not authorised",
            Self::STALLED => "stalled",
            Self::BUSY => "busy",
            Self::ABANDONED => "abandoned",
            Self::INTERNAL => "internal",
            Self::LEAVING => "leaving",
            _ => "unnamed",
        }
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.0)
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CloseCode({self})")
    }
}
