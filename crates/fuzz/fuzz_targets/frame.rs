//! Frames in a stream.
#![no_main]

kitbag_fuzz::target!(frame, kitbag_fuzz::frames::frames);
