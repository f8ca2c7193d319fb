//! A reading of CBOR that shares nothing with the code under test: where each item begins and ends,
//! whether an encoding is the deterministic one, and the ways in which a record can be spelt wrongly.

/// One data item and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) major: u8,
    pub(crate) argument: u64,
    pub(crate) start: usize,
    /// Where the head ends.
    pub(crate) body: usize,
    pub(crate) end: usize,
    /// Elements of an array; keys and values of a map, alternating.
    pub(crate) inner: Vec<Item>,
}

pub(crate) const UINT: u8 = 0;
pub(crate) const BYTES: u8 = 2;
pub(crate) const TEXT: u8 = 3;
pub(crate) const ARRAY: u8 = 4;
pub(crate) const MAP: u8 = 5;
pub(crate) const SIMPLE: u8 = 7;

/// Reads bytes as exactly one item of definite length.
pub(crate) fn read(bytes: &[u8]) -> Option<Item> {
    let item = item_at(bytes, 0)?;
    (item.end == bytes.len()).then_some(item)
}

fn item_at(bytes: &[u8], start: usize) -> Option<Item> {
    let first = *bytes.get(start)?;
    let (major, info) = (first >> 5, first & 31);
    let width = match info {
        0..24 => 0,
        24..28 => 1usize << (info - 24),
        _ => return None,
    };
    let body = start + 1 + width;
    let wide = bytes.get(start + 1..body)?;
    let argument = match width {
        0 => u64::from(info),
        _ => wide.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
    };
    let (mut end, mut inner) = (body, Vec::new());
    match major {
        BYTES | TEXT => {
            end = body.checked_add(usize::try_from(argument).ok()?)?;
            bytes.get(body..end)?;
        }
        ARRAY | MAP => {
            for _ in 0..argument.checked_mul(u64::from(major - 3))? {
                inner.push(item_at(bytes, end)?);
                end = inner.last()?.end;
            }
        }
        UINT | SIMPLE => {}
        _ => return None, // neither negative numbers nor tags stand in any record
    }
    Some(Item {
        major,
        argument,
        start,
        body,
        end,
        inner,
    })
}

/// Whether an item is encoded as RFC 8949, section 4.2.1 wants it, with integer keys.
pub(crate) fn is_deterministic(bytes: &[u8], item: &Item) -> bool {
    let minimal = bytes[item.start..item.body] == *head(item.major, item.argument);
    let keys: Vec<&Item> = item.inner.iter().step_by(2).collect();
    let ordered = item.major != MAP
        || keys.iter().all(|key| key.major == UINT)
            && keys.is_sorted_by(|a, b| a.argument < b.argument);
    let simple = item.major != SIMPLE || matches!(item.argument, 20..=22);
    minimal
        && ordered
        && simple
        && item
            .inner
            .iter()
            .all(|inner| is_deterministic(bytes, inner))
}

/// The shortest head.
pub(crate) fn head(major: u8, argument: u64) -> Vec<u8> {
    match argument {
        0..24 => vec![major << 5 | argument as u8],
        24..0x100 => vec![major << 5 | 24, argument as u8],
        0x100..0x1_0000 => [&[major << 5 | 25][..], &(argument as u16).to_be_bytes()].concat(),
        0x1_0000..0x1_0000_0000 => {
            [&[major << 5 | 26][..], &(argument as u32).to_be_bytes()].concat()
        }
        _ => widest(major, argument),
    }
}

fn widest(major: u8, argument: u64) -> Vec<u8> {
    [&[major << 5 | 27][..], &argument.to_be_bytes()].concat()
}

/// A byte string.
pub(crate) fn byte_string(bytes: &[u8]) -> Vec<u8> {
    [head(BYTES, bytes.len() as u64), bytes.to_vec()].concat()
}

/// How a record is spelt wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A map has a key that nothing has.
    UnknownKey,
    /// Two entries of a map have changed places.
    KeysSwapped,
    /// A key stands twice in a map.
    KeyTwice,
    /// A number or length takes more bytes than it needs.
    NotMinimal,
    /// A string, array or map without a length.
    Indefinite,
    /// A length that nothing can have.
    Endless,
    /// A tag around an item.
    Tagged,
    /// A map lacks an entry.
    KeyMissing,
}

/// Every way to spell this record wrongly in one place.
pub(crate) fn misspelt(bytes: &[u8]) -> Vec<(Fault, Vec<u8>)> {
    let mut all = Vec::new();
    misspell(bytes, &read(bytes).expect("a sample is CBOR"), &mut all);
    all
}

fn misspell(bytes: &[u8], item: &Item, all: &mut Vec<(Fault, Vec<u8>)>) {
    let mut add = |fault, instead: Vec<u8>| {
        let spelt = [&bytes[..item.start], &instead, &bytes[item.end..]].concat();
        all.push((fault, spelt));
    };
    let body = &bytes[item.body..item.end];
    if let Some(longer) = longer(bytes, item) {
        add(Fault::NotMinimal, [&longer[..], body].concat());
    }
    add(
        Fault::Tagged,
        [&[0xc1], &bytes[item.start..item.end]].concat(),
    );
    if matches!(item.major, BYTES | TEXT) {
        let whole = &bytes[item.start..item.end];
        add(
            Fault::Indefinite,
            [&[item.major << 5 | 31], whole, &[0xff]].concat(),
        );
    }
    if matches!(item.major, ARRAY | MAP) {
        add(
            Fault::Indefinite,
            [&[item.major << 5 | 31], body, &[0xff]].concat(),
        );
    }
    if matches!(item.major, BYTES | TEXT | ARRAY | MAP) {
        for length in [u64::MAX, 1 << 62, 1 << 40, u64::from(u32::MAX)] {
            add(
                Fault::Endless,
                [&widest(item.major, length)[..], body].concat(),
            );
        }
    }
    if item.major == MAP {
        let entry = |at: usize| &bytes[item.inner[2 * at].start..item.inner[2 * at + 1].end];
        let entries: Vec<&[u8]> = (0..item.argument as usize).map(entry).collect();
        let map = |entries: &[&[u8]]| [head(MAP, entries.len() as u64), entries.concat()].concat();
        add(
            Fault::UnknownKey,
            map(&[&entries[..], &[&[0x18, 0x63, 0x00]]].concat()),
        );
        for at in 0..entries.len() {
            let mut fewer = entries.clone();
            fewer.remove(at);
            add(Fault::KeyMissing, map(&fewer));
            let mut more = entries.clone();
            more.insert(at, entries[at]);
            add(Fault::KeyTwice, map(&more));
        }
        for at in 1..entries.len() {
            let mut swapped = entries.clone();
            swapped.swap(at - 1, at);
            add(Fault::KeysSwapped, map(&swapped));
        }
    }
    for inner in &item.inner {
        misspell(bytes, inner, all);
    }
}

/// A head one size larger than it need be, where there is one.
fn longer(bytes: &[u8], item: &Item) -> Option<Vec<u8>> {
    let (major, argument) = (item.major << 5, item.argument);
    match bytes[item.start] & 31 {
        _ if item.major == SIMPLE => None,
        0..24 => Some(vec![major | 24, argument as u8]),
        24 => Some([&[major | 25][..], &(argument as u16).to_be_bytes()].concat()),
        25 => Some([&[major | 26][..], &(argument as u32).to_be_bytes()].concat()),
        26 => Some(widest(item.major, argument)),
        _ => None,
    }
}

/// The byte strings inside an item that are maps themselves: records inside a record.
pub(crate) fn records_inside(bytes: &[u8]) -> Vec<Item> {
    let mut found = Vec::new();
    let mut open = vec![read(bytes).expect("a sample is CBOR")];
    while let Some(item) = open.pop() {
        let body = &bytes[item.body..item.end];
        if item.major == BYTES
            && read(body).is_some_and(|inside| inside.major == MAP && inside.argument > 1)
        {
            found.push(item.clone());
        }
        open.extend(item.inner);
    }
    found
}

/// Puts another byte string in an item's place.
pub(crate) fn replace(bytes: &[u8], item: &Item, content: &[u8]) -> Vec<u8> {
    [
        &bytes[..item.start],
        &byte_string(content),
        &bytes[item.end..],
    ]
    .concat()
}
