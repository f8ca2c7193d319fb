//! Which texts are nearly the same: shingles, MinHash, bands, and groups around one text each.
//!
//! A text is the set of its runs of three tokens (w-shingling; Broder, "On the resemblance and
//! containment of documents", 1997), and how alike two texts are is how much of both sets is common
//! (Jaccard). Which pairs are worth comparing is found by MinHash signatures cut into bands (Broder and
//! others, "Min-wise independent permutations", 1998; Indyk and Motwani, "Approximate nearest
//! neighbors", 1998). Every pair that is said to be alike was compared as sets; what bands alone say is
//! never told. Hashes are keyed by whoever asks: a text cannot be made to look like another.
//! Design: `docs/design/0029-hygiene.md`.

use crate::search::{each_token, fold_into};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};

/// Tokens of one shingle. Of a script without spaces a token is two letters, so a shingle is four.
const SHINGLE_TOKENS: usize = 3;
/// Texts of fewer tokens are alike only if all their tokens are the same, in the same order.
pub const TOKENS_MIN: usize = 8;
/// Shingles of a text that are kept, at most: of more, those with the lowest hashes, which are a fair
/// sample of all. How alike two such texts are is then estimated, with a standard error below 0.8 %.
pub const SHINGLES_MAX: usize = 4_096;
/// Hashes that are gathered before the lowest are kept, at most.
const GATHERED_MAX: usize = 16 * SHINGLES_MAX;
/// Bands of a signature, and minima in each.
const BANDS: usize = 32;
const ROWS: usize = 4;
/// A text is compared with so many others, at most. Beyond that it counts as not compared to the end.
pub const COMPARED_MAX: u16 = 256;
/// Looks at a pair of signatures that one cluster gets, at most: about 5,800 texts are all looked at beside
/// each other. Without an end a flood of texts that hang together takes the square of their number.
pub const LOOKS_MAX: u64 = 1 << 24;
/// How alike texts have to be, at least, that it can be asked for: below this bands miss too many.
pub const SIMILARITY_MIN: u16 = 600;
/// All shingles are common, in thousandths.
pub const SAME: u16 = 1_000;

/// The lowest hashes of one text's shingles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shingles {
    /// Ascending, each once.
    hashes: Vec<u64>,
    /// Whether all of them are here.
    is_whole: bool,
}

/// What is kept of a text to find those that may be like it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The same for texts of the same tokens in the same order.
    pub same: u64,
    domain: u64,
    bands: [u32; BANDS],
}

/// Makes shingles; its key is drawn anew for each look.
pub struct Shingling {
    key: [u64; 2],
    folded: String,
}

impl Shingling {
    /// With a key that nobody else knows.
    pub fn new(key: [u64; 2]) -> Shingling {
        Shingling {
            key,
            folded: String::new(),
        }
    }

    /// Names what texts are compared within, by what they have in common: parts in their order, each of
    /// any length. Under the same key, so nobody can choose two that are named alike.
    pub fn domain<'p>(&self, parts: impl IntoIterator<Item = &'p [u8]>) -> u64 {
        let mut hasher = self.hasher();
        for part in parts {
            hasher.write_usize(part.len());
            hasher.write(part);
        }
        hasher.finish()
    }

    /// The shingles of a text and what it is found by; nothing for a text without a word. Only texts of
    /// one domain are found beside each other.
    pub fn look(&mut self, domain: u64, text: &str) -> Option<(Shingles, Signature)> {
        fold_into(text, &mut self.folded);
        let folded = std::mem::take(&mut self.folded);
        // What is left of a text when words are compared is not all of it: `C++` and `C#` are not the same.
        let mut whole = self.hasher();
        whole.write_u64(domain);
        for word in text.split_whitespace() {
            whole.write(word.to_lowercase().as_bytes());
            whole.write_u8(b' ');
        }
        let (mut tokens, mut last) = (0usize, [0u64; SHINGLE_TOKENS]);
        let mut gathered = Gathered::default();
        each_token(&folded, |place| {
            let mut token = self.hasher();
            token.write(folded[place].as_bytes());
            let token = token.finish();
            last.rotate_left(1);
            last[SHINGLE_TOKENS - 1] = token;
            tokens += 1;
            if tokens >= SHINGLE_TOKENS {
                let mut shingle = self.hasher();
                last.iter().for_each(|one| shingle.write_u64(*one));
                gathered.take(shingle.finish());
            }
        });
        self.folded = folded;
        let same = whole.finish();
        let shingles = match tokens {
            0 => return None,
            few if few < TOKENS_MIN => Shingles {
                hashes: vec![same],
                is_whole: true,
            },
            _ => gathered.shingles(),
        };
        let bands = shingles.bands(domain);
        let signature = Signature {
            same,
            domain,
            bands,
        };
        Some((shingles, signature))
    }

    fn hasher(&self) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        self.key.iter().for_each(|part| hasher.write_u64(*part));
        hasher
    }
}

/// Hashes, of which only the lowest are kept in the end.
#[derive(Default)]
struct Gathered {
    hashes: Vec<u64>,
    dropped: bool,
}

impl Gathered {
    fn take(&mut self, hash: u64) {
        self.hashes.push(hash);
        if self.hashes.len() >= GATHERED_MAX {
            self.shrink();
        }
    }

    fn shrink(&mut self) {
        self.hashes.sort_unstable();
        self.hashes.dedup();
        self.dropped |= self.hashes.len() > SHINGLES_MAX;
        self.hashes.truncate(SHINGLES_MAX);
    }

    fn shingles(mut self) -> Shingles {
        self.shrink();
        self.hashes.shrink_to_fit();
        Shingles {
            hashes: self.hashes,
            is_whole: !self.dropped,
        }
    }
}

impl Shingles {
    /// How much of two texts is common, in thousandths, rounded down: 1,000 if all is. Exact for texts of
    /// at most [`SHINGLES_MAX`] different shingles; otherwise estimated on the lowest of both.
    pub fn resemblance(&self, other: &Shingles) -> u16 {
        let room = match self.is_whole && other.is_whole {
            true => usize::MAX,
            false => SHINGLES_MAX,
        };
        let (mut a, mut b) = (self.hashes.as_slice(), other.hashes.as_slice());
        let (mut all, mut common) = (0usize, 0usize);
        while all < room {
            match (a, b) {
                ([], []) => break,
                ([one, rest_a @ ..], [two, rest_b @ ..]) if one == two => {
                    common += 1;
                    (a, b) = (rest_a, rest_b);
                }
                ([one, rest @ ..], [two, ..]) if one < two => a = rest,
                ([_, rest @ ..], []) => a = rest,
                (_, [_, rest @ ..]) => b = rest,
            }
            all += 1;
        }
        u16::try_from(common * usize::from(SAME) / all.max(1)).unwrap_or(SAME)
    }

    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        self.hashes.len() * size_of::<u64>() + size_of::<Shingles>()
    }

    fn bands(&self, domain: u64) -> [u32; BANDS] {
        let mut bands = [0; BANDS];
        for (at, band) in bands.iter_mut().enumerate() {
            let mut minima = [u64::MAX; ROWS];
            let turns: [(u64, u64); ROWS] = std::array::from_fn(|row| turn(at * ROWS + row));
            for hash in &self.hashes {
                for (least, (times, plus)) in minima.iter_mut().zip(turns) {
                    let turned = hash.wrapping_mul(times).wrapping_add(plus);
                    *least = turned.min(*least);
                }
            }
            let mixed = minima
                .iter()
                .fold(domain, |mixed, least| mix(mixed ^ least));
            *band = (mixed >> 32) as u32;
        }
        bands
    }
}

/// The numbers by which hashes are turned for one minimum.
fn turn(at: usize) -> (u64, u64) {
    let at = at as u64;
    (mix(2 * at + 1) | 1, mix(2 * at + 2))
}

/// Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014: SplitMix64.
fn mix(from: u64) -> u64 {
    let mut z = from.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Signature {
    /// Whether texts may be alike.
    pub fn meets(&self, other: &Signature) -> bool {
        let mut bands = self.bands.iter().zip(&other.bands);
        self.domain == other.domain && bands.any(|(one, two)| one == two)
    }
}

/// Texts that hang together by bands, found band by band, so that no step takes long.
pub struct Clusters {
    above: Vec<u32>,
    next_band: usize,
}

impl Clusters {
    /// Of so many texts.
    pub fn new(texts: usize) -> Clusters {
        Clusters {
            above: (0..texts).map(|at| at as u32).collect(),
            next_band: 0,
        }
    }

    /// Takes one band into account. Returns whether none is left.
    pub fn go_on(&mut self, signatures: &[Signature]) -> bool {
        if self.next_band < BANDS {
            let band = self.next_band;
            let keys = signatures.iter().map(|signature| signature.bands[band]);
            let mut sorted: Vec<(u32, u32)> = keys.zip(0..).collect();
            sorted.sort_unstable();
            for pair in sorted.windows(2) {
                if pair[0].0 == pair[1].0 {
                    self.join(pair[0].1, pair[1].1);
                }
            }
            self.next_band += 1;
        }
        self.next_band == BANDS
    }

    /// Those of two texts and more, each ascending, in the order of their first.
    pub fn found(mut self) -> Vec<Vec<u32>> {
        let mut found: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for at in 0..self.above.len() as u32 {
            found.entry(self.root(at)).or_default().push(at);
        }
        let found = found.into_values();
        found.filter(|texts| texts.len() > 1).collect()
    }

    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        let (low, high) = (a.min(b), a.max(b));
        self.above[high as usize] = low; // the lowest is the root, so it is the first of its cluster
    }

    fn root(&mut self, mut at: u32) -> u32 {
        while self.above[at as usize] != at {
            let grand = self.above[self.above[at as usize] as usize];
            self.above[at as usize] = grand;
            at = grand;
        }
        at
    }
}

/// A text of a cluster, as it is compared.
pub struct Member {
    /// Its number among all.
    pub text: u32,
    /// What bands it has.
    pub signature: Signature,
    /// Its shingles.
    pub shingles: Shingles,
}

/// One text, and those that are like it: each of them compared with that one, never over a third.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Star {
    /// The text in the middle.
    pub middle: u32,
    /// The others, with how much of both is common, in thousandths.
    pub others: Vec<(u32, u16)>,
}

/// Puts the texts of one cluster into groups. Whichever comes first in it is in the middle of a group.
pub struct Grouping {
    /// With how many others each was compared.
    rest: Vec<(Member, u16)>,
    middle: usize,
    taken: Vec<bool>,
    /// Places of those that may still be compared with a text before them, ascending.
    open: Vec<u32>,
    /// Pairs of signatures that may still be looked at.
    looks_left: u64,
    /// The first that was not in the middle any more, once there were too many looks.
    ended: Option<usize>,
    similarity: u16,
    stars: Vec<Star>,
}

impl Grouping {
    /// Of these texts, in the order in which they are to be kept.
    pub fn new(members: Vec<Member>, similarity: u16) -> Grouping {
        Grouping {
            taken: vec![false; members.len()],
            open: (0u32..).take(members.len()).collect(),
            looks_left: LOOKS_MAX,
            ended: None,
            rest: members.into_iter().map(|member| (member, 0)).collect(),
            middle: 0,
            similarity: similarity.max(SIMILARITY_MIN),
            stars: Vec::new(),
        }
    }

    /// Compares the next text with those after it. Says how many comparisons it took; nothing once no text
    /// is left, or the cluster had as many looks as it gets.
    pub fn go_on(&mut self) -> Option<usize> {
        while self.taken.get(self.middle).is_some_and(|taken| *taken) {
            self.middle += 1;
        }
        let at = self.middle;
        let end = self.rest.len().min(at + 1);
        let (before, after) = self.rest.split_at_mut(end);
        let (middle, _) = before.get(at)?;
        self.open.retain(|place| *place as usize > at);
        let looks = self.open.len();
        if self.ended.is_some() || looks as u64 > self.looks_left {
            self.ended = Some(at);
            return None;
        }
        self.middle += 1;
        self.looks_left -= looks as u64;
        let (taken, mut others, mut comparisons) = (&mut self.taken, Vec::new(), 0);
        self.open.retain(|place| {
            let (other, compared) = &mut after[*place as usize - end];
            if !middle.signature.meets(&other.signature) {
                return true;
            }
            *compared += 1;
            comparisons += 1;
            let alike = middle.shingles.resemblance(&other.shingles).min(SAME - 1);
            if alike >= self.similarity {
                taken[*place as usize] = true;
                others.push((other.text, alike));
                return false;
            }
            *compared < COMPARED_MAX
        });
        if !others.is_empty() {
            self.taken[at] = true;
            let middle = middle.text;
            self.stars.push(Star { middle, others });
        }
        Some(comparisons + looks / COMPARISON_PER_LOOKS)
    }

    /// The groups, and how many texts were not compared with all that they could be like.
    pub fn found(self) -> (Vec<Star>, u64) {
        let (mut given_up, ended) = (0, self.ended.unwrap_or(self.rest.len()));
        for (at, ((_, compared), taken)) in self.rest.iter().zip(&self.taken).enumerate() {
            given_up += u64::from(!taken && (at >= ended || *compared >= COMPARED_MAX));
        }
        (self.stars, given_up)
    }
}

/// Looking whether bands meet costs about so much less than comparing.
const COMPARISON_PER_LOOKS: usize = 32;

#[cfg(test)]
mod tests;
