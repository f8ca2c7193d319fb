//! Frames: a length of four bytes, most significant first, then that many bytes.
//!
//! ```text
//! offset  bytes  meaning
//! 0       4      length n of the body, 1 ..= the limit of the stream
//! 4       n      body
//! ```
//!
//! The length is judged as soon as it is complete, before anything is allocated for the body, and even
//! an admissible length reserves little until bytes arrive. The decoder is a value without a stream, so
//! a read that was cancelled loses nothing, and it can be driven by a fuzzer.

use bytes::{BufMut, Bytes, BytesMut};

use crate::limits::FRAME_FIRST_ALLOCATION;

/// The bytes of a length.
const HEAD_BYTES: usize = 4;

/// What is wrong with a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LengthFault {
    Zero,
    OverLimit(u32),
}

/// Frames this body. The caller has compared its length with the limit, which fits 32 bits.
pub(crate) fn encode(body: &[u8]) -> Bytes {
    let length = u32::try_from(body.len()).expect("a body within its limit fits 32 bits");
    let mut frame = BytesMut::with_capacity(HEAD_BYTES + body.len());
    frame.put_u32(length);
    frame.put_slice(body);
    frame.freeze()
}

/// Collects the bytes of one frame after another.
#[derive(Debug)]
pub(crate) struct Decoder {
    bytes_max: usize,
    head: [u8; HEAD_BYTES],
    head_filled: usize,
    length: usize,
    body: Vec<u8>,
}

impl Decoder {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            head: [0; HEAD_BYTES],
            head_filled: 0,
            length: 0,
            body: Vec::new(),
        }
    }

    /// Whether the stream stands between two frames.
    pub(crate) fn is_between_frames(&self) -> bool {
        self.head_filled == 0
    }

    /// Bytes that may be pushed next without running into the following frame; never 0.
    pub(crate) fn missing(&self) -> usize {
        match HEAD_BYTES - self.head_filled {
            0 => self.length - self.body.len(),
            head_missing => head_missing,
        }
    }

    /// Takes at most [`missing`](Self::missing) bytes; returns the body when they complete it.
    ///
    /// After a fault the decoder is of no further use: where the next frame starts is unknown.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Option<Vec<u8>>, LengthFault> {
        if self.head_filled < HEAD_BYTES {
            let end = self.head_filled + bytes.len();
            self.head[self.head_filled..end].copy_from_slice(bytes);
            self.head_filled = end;
            if end == HEAD_BYTES {
                self.length = self.admissible_length()?;
                self.body = Vec::with_capacity(self.length.min(FRAME_FIRST_ALLOCATION));
            }
            return Ok(None);
        }
        self.body.extend_from_slice(bytes);
        if self.body.len() < self.length {
            return Ok(None);
        }
        self.head_filled = 0;
        Ok(Some(std::mem::take(&mut self.body)))
    }

    fn admissible_length(&self) -> Result<usize, LengthFault> {
        let announced = u32::from_be_bytes(self.head);
        match usize::try_from(announced) {
            Ok(0) => Err(LengthFault::Zero),
            Ok(length) if length <= self.bytes_max => Ok(length),
            _ => Err(LengthFault::OverLimit(announced)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds a stream in pieces of at most `piece` bytes, as a network would.
    fn decode(
        stream: &[u8],
        piece: usize,
        bytes_max: usize,
    ) -> (Result<Vec<Vec<u8>>, LengthFault>, Decoder) {
        let mut decoder = Decoder::new(bytes_max);
        let (mut rest, mut frames) = (stream, Vec::new());
        while !rest.is_empty() {
            let (now, later) = rest.split_at(decoder.missing().min(piece).min(rest.len()));
            rest = later;
            match decoder.push(now) {
                Ok(frame) => frames.extend(frame),
                Err(fault) => return (Err(fault), decoder),
            }
        }
        (Ok(frames), decoder)
    }

    #[test]
    fn frames_come_back_however_the_stream_is_cut() {
        let bodies: Vec<Vec<u8>> = [1usize, 2, 3, 255, 256, 70_000]
            .iter()
            .map(|n| vec![*n as u8; *n])
            .collect();
        let stream: Vec<u8> = bodies.iter().flat_map(|body| encode(body)).collect();
        for piece in [1, 2, 3, 4, 5, 7, 64, 4096, usize::MAX] {
            let (frames, decoder) = decode(&stream, piece, 70_000);
            assert_eq!(frames.expect("all frames are within the limit"), bodies);
            assert!(decoder.is_between_frames());
        }
    }

    #[test]
    fn a_stream_cut_anywhere_inside_a_frame_is_not_between_frames() {
        let stream = encode(b"some body");
        for end in 1..stream.len() {
            let (frames, decoder) = decode(&stream[..end], 2, 100);
            assert_eq!(frames, Ok(Vec::new()));
            assert!(!decoder.is_between_frames(), "cut after {end} bytes");
        }
    }

    #[test]
    fn lengths_at_the_limits_are_told_apart() {
        let announce = |length: u32| decode(&length.to_be_bytes(), 4, 1000).0;
        assert_eq!(announce(0), Err(LengthFault::Zero));
        assert_eq!(announce(1), Ok(Vec::new()));
        assert_eq!(announce(1000), Ok(Vec::new()));
        assert_eq!(announce(1001), Err(LengthFault::OverLimit(1001)));
        assert_eq!(announce(u32::MAX), Err(LengthFault::OverLimit(u32::MAX)));
    }

    /// Goal: whatever the fuzzer found in streams stays found.
    #[test]
    fn every_stream_of_the_corpus_keeps_its_frames() {
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/frame");
        let files = std::fs::read_dir(dir).expect("the corpus is committed");
        let run = |file: std::io::Result<std::fs::DirEntry>| {
            let stream = std::fs::read(file.expect("listed").path()).expect("a file");
            crate::frames::frames(&stream);
        };
        assert!(files.map(run).count() >= 7);
    }

    /// A length is a promise of the peer; memory follows bytes.
    #[test]
    fn an_announced_length_reserves_little_and_a_refused_one_nothing() {
        let capacity_after =
            |length: u32| decode(&length.to_be_bytes(), 4, 1 << 20).1.body.capacity();
        assert!(capacity_after(1 << 20) <= 2 * FRAME_FIRST_ALLOCATION);
        assert_eq!(capacity_after((1 << 20) + 1), 0);
    }
}
