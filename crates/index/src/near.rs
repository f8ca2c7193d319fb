//! Near words looked up in a dictionary: only beginnings that can still become near are followed.

use kitbag_core::search::{NearRow, Query};
use tantivy_fst::Automaton;

/// One near word of a query.
pub(crate) struct NearWord<'q> {
    pub(crate) query: &'q Query,
    pub(crate) near: usize,
}

/// A comparison, with the bytes of a letter that is not complete.
#[derive(Clone)]
pub(crate) struct State {
    /// Nothing once it cannot be near any more.
    row: Option<NearRow>,
    bytes: [u8; 4],
    len: usize,
}

impl Automaton for NearWord<'_> {
    type State = State;

    fn start(&self) -> State {
        State {
            row: Some(self.query.near_start(self.near)),
            bytes: [0; 4],
            len: 0,
        }
    }

    fn is_match(&self, state: &State) -> bool {
        let row = state.row.as_ref().filter(|_| state.len == 0);
        row.is_some_and(|row| self.query.near_is_match(self.near, row))
    }

    fn can_match(&self, state: &State) -> bool {
        state.row.is_some()
    }

    fn accept(&self, state: &State, byte: u8) -> State {
        let gone = State {
            row: None,
            bytes: [0; 4],
            len: 0,
        };
        let Some(row) = &state.row else { return gone };
        let mut bytes = state.bytes;
        let Some(place) = bytes.get_mut(state.len) else {
            return gone;
        };
        *place = byte;
        let len = state.len + 1;
        let row = match std::str::from_utf8(&bytes[..len]) {
            Ok(letter) => {
                let letter = letter.chars().next();
                let row = letter.and_then(|c| self.query.near_step(self.near, row, c));
                return State {
                    row,
                    bytes: [0; 4],
                    len: 0,
                };
            }
            Err(error) if error.error_len().is_none() => row.clone(), // more bytes are to come
            Err(_) => return gone,
        };
        State {
            row: Some(row),
            bytes,
            len,
        }
    }
}
