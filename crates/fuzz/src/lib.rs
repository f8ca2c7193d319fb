//! What the fuzz targets share: how one is run, and how its panics are told.
//!
//! What a target asserts stands in `kitbag_testkit::decoders`, where tests of the workspace run the
//! corpus through it too. The reader of frames is private to `kitbag-net`, and linking that would
//! build a network into every target; so its file is compiled in here once more.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind, set_hook};
use std::sync::{Mutex, Once};

#[allow(dead_code, reason = "half of it is for sending")]
#[path = "../../net/src/frame.rs"]
mod frame;
pub mod frames;
#[allow(dead_code, unreachable_pub, reason = "one of the limits is about frames")]
#[path = "../../net/src/limits.rs"]
mod limits;

/// Makes a binary of libFuzzer out of a target of the test kit, or out of a function.
#[macro_export]
macro_rules! target {
    ($name:ident) => {
        $crate::target!($name, |bytes: &[u8]| {
            (kitbag_testkit::decoders::target(stringify!($name)).run)(bytes);
        });
    };
    ($name:ident, $run:expr) => {
        libfuzzer_sys::fuzz_target!(|bytes: &[u8]| $crate::run(bytes, $run));
    };
}

/// Runs a target on one input.
///
/// A panic that the product itself contains, at the boundary around Automerge, is part of the test:
/// libFuzzer's own hook would end the process before that boundary. So panics are only noted while
/// they happen; one that comes out here is told, and ends the process as libFuzzer expects.
pub fn run(bytes: &[u8], target: impl FnOnce(&[u8])) {
    static HOOK: Once = Once::new();
    static LAST: Mutex<String> = Mutex::new(String::new());
    HOOK.call_once(|| {
        set_hook(Box::new(|panic| {
            if let Ok(mut last) = LAST.lock() {
                *last = panic.to_string();
            }
        }));
    });
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(bytes))) {
        if let Ok(last) = LAST.lock() {
            eprintln!("{last}");
        }
        resume_unwind(panic);
    }
}
