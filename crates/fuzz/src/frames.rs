//! Frames in a stream, cut anywhere: the property of the target `frame`.
//!
//! Compiled twice: here, and into the tests of `kitbag-net`, which run the corpus through it.

use crate::frame::{Decoder, encode};
use crate::limits::FRAME_FIRST_ALLOCATION;

/// Reads a stream in pieces of several sizes: each time the same frames come out or the same fault,
/// and every frame encodes to the bytes that it came in.
///
/// # Panics
/// When that does not hold.
pub fn frames(stream: &[u8]) {
    let whole = read(stream, usize::MAX);
    for piece in [1, 3, 64] {
        assert_eq!(read(stream, piece), whole, "in pieces of {piece}");
    }
    let again: Vec<u8> = whole.0.iter().flat_map(|body| encode(body)).collect();
    assert!(stream.starts_with(&again), "a frame is not what came");
}

const BYTES_MAX: usize = 4096;

/// The frames before the first fault, whether there was one, and whether the end lies between frames.
fn read(mut stream: &[u8], piece: usize) -> (Vec<Vec<u8>>, bool, bool) {
    let mut decoder = Decoder::new(BYTES_MAX);
    let mut bodies = Vec::new();
    while !stream.is_empty() {
        let missing = decoder.missing();
        assert!((1..=BYTES_MAX.min(FRAME_FIRST_ALLOCATION)).contains(&missing));
        let (now, later) = stream.split_at(missing.min(piece).min(stream.len()));
        stream = later;
        match decoder.push(now) {
            Ok(Some(body)) => {
                assert!((1..=BYTES_MAX).contains(&body.len()));
                bodies.push(body);
            }
            Ok(None) => {}
            Err(_) => return (bodies, true, false),
        }
    }
    (bodies, false, decoder.is_between_frames())
}
