//! The files of the log: a new one each day and at each size, a week and a total kept.
//!
//! `kitbag.2026-11-22.log`, then `kitbag.2026-11-22.1.log` and so on when the first is full. The day is
//! UTC. Whatever the clock says, the total is bounded: the oldest go first, by name.

use super::redact::without_tickets;
use kitbag_rpc::Time;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Bytes of one file.
    pub(super) file_bytes_max: u64,
    /// Bytes of all files together.
    pub(super) total_bytes_max: u64,
    /// Bytes of one line; what is longer is cut.
    pub(super) line_bytes_max: usize,
    /// Days that have files.
    pub(super) days_max: usize,
}

impl Limits {
    pub(super) const DEFAULT: Limits = Limits {
        file_bytes_max: 4 * 1024 * 1024,
        total_bytes_max: 16 * 1024 * 1024,
        line_bytes_max: 16 * 1024,
        days_max: 7,
    };
}

/// Writes lines to the newest file. Each call of `write` is one line.
pub(super) struct Files {
    dir: PathBuf,
    limits: Limits,
    clock: fn() -> SystemTime,
    open: Option<Open>,
}

struct Open {
    file: File,
    name: Name,
    bytes: u64,
}

/// A file of the log by its day and its number on that day: in the order of writing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    day: String,
    number: u32,
}

impl Name {
    fn of(file: &Path) -> Option<Name> {
        let name = file.file_name()?.to_str()?;
        let middle = name.strip_prefix("kitbag.")?.strip_suffix(".log")?;
        let (day, number) = match middle.split_once('.') {
            None => (middle, 0),
            Some((day, number)) => (day, number.parse().ok()?),
        };
        let shape = day
            .bytes()
            .map(|b| if b.is_ascii_digit() { b'0' } else { b });
        shape.eq(*b"0000-00-00").then(|| Name {
            day: day.to_owned(),
            number,
        })
    }

    fn path(&self, dir: &Path) -> PathBuf {
        dir.join(match self.number {
            0 => format!("kitbag.{}.log", self.day),
            number => format!("kitbag.{}.{number}.log", self.day),
        })
    }
}

/// The files of a log, oldest first.
pub(super) fn list(dir: &Path) -> Vec<PathBuf> {
    named(dir).into_iter().map(|name| name.path(dir)).collect()
}

fn named(dir: &Path) -> Vec<Name> {
    let found = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<Name> = found.filter_map(|file| Name::of(&file.path())).collect();
    names.sort();
    names
}

impl Files {
    pub(super) fn new(dir: PathBuf, limits: Limits, clock: fn() -> SystemTime) -> Files {
        Files {
            dir,
            limits,
            clock,
            open: None,
        }
    }

    /// Removes what is too old or too much, and leaves room for one more full file.
    fn prune(&self) {
        let names = named(&self.dir);
        let mut days: Vec<&str> = names.iter().map(|name| name.day.as_str()).collect();
        days.dedup();
        let first_kept = days.len().saturating_sub(self.limits.days_max);
        let first_kept = days.get(first_kept).copied().unwrap_or_default();
        let size = |name: &Name| fs::metadata(name.path(&self.dir)).map_or(0, |file| file.len());
        let mut total: u64 = names.iter().map(size).sum();
        let room = self.limits.total_bytes_max - self.limits.file_bytes_max;
        for name in &names {
            if name.day.as_str() >= first_kept && total <= room {
                break;
            }
            total -= size(name);
            let _ = fs::remove_file(name.path(&self.dir)); // what cannot be removed is tried again
        }
    }

    fn begin(&mut self, name: Name) -> io::Result<&mut Open> {
        self.open = None;
        let path = name.path(&self.dir);
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)?;
        let bytes = file.metadata()?.len();
        self.prune();
        Ok(self.open.insert(Open { file, name, bytes }))
    }

    /// The file for a line of this length.
    fn for_line(&mut self, length: u64) -> io::Result<&mut Open> {
        let today = day((self.clock)());
        let full = |bytes: u64| bytes > 0 && bytes + length > self.limits.file_bytes_max;
        let next = match &self.open {
            Some(open) if open.name.day == today && !full(open.bytes) => None,
            Some(open) if open.name.day == today => Some(open.name.number + 1),
            _ => {
                // Go on where an earlier process stopped.
                let last = named(&self.dir).into_iter().rfind(|name| name.day == today);
                let number = last.map_or(0, |name| {
                    let bytes = fs::metadata(name.path(&self.dir)).map_or(0, |file| file.len());
                    name.number + u32::from(full(bytes))
                });
                Some(number)
            }
        };
        match next {
            Some(number) => self.begin(Name { day: today, number }),
            None => Ok(self.open.as_mut().expect("it is open, or next says which")),
        }
    }
}

impl Write for Files {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut shown = without_tickets(line).into_owned();
        if shown.len() > self.limits.line_bytes_max {
            shown.truncate(self.limits.line_bytes_max - 1);
            shown.push(b'\n');
        }
        let length = shown.len() as u64;
        let open = self.for_line(length)?;
        open.file.write_all(&shown)?;
        open.bytes += length;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.open {
            Some(open) => open.file.flush(),
            None => Ok(()),
        }
    }
}

fn day(now: SystemTime) -> String {
    let millis = now
        .duration_since(UNIX_EPOCH)
        .map_or(0, |now| now.as_millis());
    let time = Time::from_millis(u64::try_from(millis).unwrap_or(u64::MAX));
    time.to_string().chars().take(10).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
    use std::time::Duration;

    const SMALL: Limits = Limits {
        file_bytes_max: 100,
        total_bytes_max: 400,
        line_bytes_max: 50,
        days_max: 3,
    };

    fn names(dir: &Path) -> Vec<String> {
        let name = |file: &PathBuf| file.file_name().unwrap().to_str().unwrap().to_owned();
        list(dir).iter().map(name).collect()
    }

    fn total(dir: &Path) -> u64 {
        list(dir)
            .iter()
            .map(|f| fs::metadata(f).unwrap().len())
            .sum()
    }

    /// Goal: however much is written, on however many days, the files stay within their bounds and the
    /// newest lines are there.
    #[test]
    fn a_flood_and_many_days_stay_within_their_bounds() {
        static DAY: AtomicU64 = AtomicU64::new(20_000);
        let clock = || UNIX_EPOCH + Duration::from_secs(DAY.load(SeqCst) * 86_400 + 60);
        let dir = tempfile::tempdir().unwrap();
        let mut files = Files::new(dir.path().to_owned(), SMALL, clock);
        for line in 0..200 {
            files
                .write_all(format!("line {line:04}\n").as_bytes())
                .unwrap();
            assert!(total(dir.path()) <= SMALL.total_bytes_max);
        }
        assert!(names(dir.path()).len() >= 3, "{:?}", names(dir.path()));
        let last = list(dir.path()).pop().unwrap();
        assert!(fs::read_to_string(&last).unwrap().ends_with("line 0199\n"));
        assert!(fs::metadata(&last).unwrap().len() <= SMALL.file_bytes_max);
        for _ in 0..10 {
            DAY.fetch_add(1, SeqCst);
            files.write_all(b"one\n").unwrap();
        }
        assert_eq!(
            names(dir.path()),
            [
                "kitbag.2024-10-12.log",
                "kitbag.2024-10-13.log",
                "kitbag.2024-10-14.log"
            ]
        );
        // The clock goes back: the bound holds all the same.
        DAY.store(10_000, SeqCst);
        files.write_all(&[b'x'; 1000]).unwrap();
        assert!(total(dir.path()) <= SMALL.total_bytes_max);
    }

    /// Goal: the next process goes on in the last file of the day, and other files are left alone.
    #[test]
    fn the_next_process_goes_on_and_touches_nothing_else() {
        let clock = || UNIX_EPOCH + Duration::from_secs(20_000 * 86_400);
        let dir = tempfile::tempdir().unwrap();
        for other in [
            "kitbag.log",
            "kitbag.today.log",
            "kitbag.2024-10-0x.log",
            "notes.txt",
        ] {
            fs::write(dir.path().join(other), [b'x'; 1000]).unwrap();
        }
        for n in 0..30 {
            let mut files = Files::new(dir.path().to_owned(), SMALL, clock);
            files
                .write_all(format!("start {n:02}\n").as_bytes())
                .unwrap();
        }
        let last = list(dir.path()).pop().unwrap();
        assert!(last.ends_with("kitbag.2024-10-04.2.log"), "{last:?}");
        assert!(fs::read_to_string(last).unwrap().ends_with("start 29\n"));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 4 + 3);
    }

    #[test]
    fn a_ticket_never_reaches_the_file_and_nobody_else_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let mut files = Files::new(dir.path().to_owned(), Limits::DEFAULT, SystemTime::now);
        files
            .write_all(b"{\"message\":\"KITBAG1abcdefghijkl\"}\n")
            .unwrap();
        let file = list(dir.path()).pop().unwrap();
        assert!(!fs::read_to_string(&file).unwrap().contains("abcdefgh"));
        assert_eq!(
            fs::metadata(file).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}
