//! The terminal that a process belongs to, as the kernel tells it.
//!
//! Nothing that a process says about itself, in a request, a file or its environment, comes into it. The
//! session of a terminal is told from a later one of the same number by when its leader began. Only Linux
//! tells all of this through files; elsewhere no process has a terminal here, and nothing that needs one
//! is done.
//! Spec: `docs/spec/agents.md`, "Sessions".

#[cfg(target_os = "linux")]
use nix::{errno::Errno, sys::socket::getsockopt, sys::socket::sockopt::PeerPidfd};
#[cfg(target_os = "linux")]
use std::fs::File;
#[cfg(target_os = "linux")]
use std::io::Read;
#[cfg(target_os = "linux")]
use std::os::fd::{AsRawFd, OwnedFd};
use tokio::net::UnixStream;

/// A session of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "none can be told")
)]
pub(crate) struct Terminal {
    /// The number of the terminal's device.
    tty: i32,
    /// The process that leads the session.
    leader: i32,
    /// When that began, in clock ticks since the system did.
    leader_began: u64,
}

/// Bytes of a process's line, at most: a name of 16 bytes and some fifty numbers.
#[cfg(target_os = "linux")]
const STAT_BYTES_MAX: u64 = 4096;

impl Terminal {
    /// That of the process that connected a socket, which has this number. The number may be another's
    /// by now; a kernel that has names for processes tells whether it is.
    #[cfg(target_os = "linux")]
    pub(crate) fn behind(stream: &UnixStream, pid: i32) -> Option<Terminal> {
        let process = match getsockopt(stream, PeerPidfd) {
            Ok(process) => Some(process),
            Err(Errno::ENOPROTOOPT) => None, // Linux before 6.5
            Err(_) => return None,           // it is gone already
        };
        let terminal = Terminal::of(pid)?;
        // Afterwards: while it was not gone, nobody had its number.
        process
            .is_none_or(|process| pid_of(&process) == Some(pid))
            .then_some(terminal)
    }

    /// That of the process that connected a socket; none, since this system does not tell.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn behind(_: &UnixStream, _: i32) -> Option<Terminal> {
        None
    }

    /// That of a process; none if it has none, or it cannot be told.
    #[cfg(target_os = "linux")]
    fn of(pid: i32) -> Option<Terminal> {
        let own = Stat::read(pid)?;
        if own.tty == 0 {
            return None;
        }
        let leader = Stat::read(own.session)?;
        (leader.session == own.session && leader.tty == own.tty).then_some(Terminal {
            tty: own.tty,
            leader: own.session,
            leader_began: leader.began,
        })
    }

    #[cfg(test)]
    pub(crate) const fn numbered(leader: i32) -> Terminal {
        Terminal {
            tty: 1,
            leader,
            leader_began: 1,
        }
    }
}

/// The number of a process by its descriptor; none once it is gone.
#[cfg(target_os = "linux")]
fn pid_of(process: &OwnedFd) -> Option<i32> {
    let mut text = String::new();
    let file = File::open(format!("/proc/self/fdinfo/{}", process.as_raw_fd())).ok()?;
    file.take(STAT_BYTES_MAX).read_to_string(&mut text).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pid:"))?;
    line.trim().parse().ok().filter(|pid| *pid > 0)
}

/// What `/proc/PID/stat` says, as far as it matters here.
#[cfg(any(target_os = "linux", test))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    session: i32,
    tty: i32,
    began: u64,
}

#[cfg(any(target_os = "linux", test))]
impl Stat {
    #[cfg(target_os = "linux")]
    fn read(pid: i32) -> Option<Stat> {
        let mut line = Vec::new();
        let file = File::open(format!("/proc/{pid}/stat")).ok()?;
        file.take(STAT_BYTES_MAX).read_to_end(&mut line).ok()?;
        Stat::parse(&line)
    }

    /// Fields 6, 7 and 22, counted as in proc(5). The second is the name of the program, in brackets: it
    /// can hold anything, brackets too, so what counts begins after the last of them.
    fn parse(line: &[u8]) -> Option<Stat> {
        let end = line.iter().rposition(|b| *b == b')')?;
        let rest = std::str::from_utf8(line.get(end + 1..)?).ok()?;
        let field = |number: usize| rest.split_ascii_whitespace().nth(number - 3);
        Some(Stat {
            session: field(6)?.parse().ok()?,
            tty: field(7)?.parse().ok()?,
            began: field(22)?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_cannot_name_itself_into_another_terminal() {
        let rest = "S 10 20 30 34816 20 4194304 1 2 3 4 5 6 7 8 20 0 1 0 99887 1 2";
        let expected = Some(Stat {
            session: 30,
            tty: 34816,
            began: 99887,
        });
        for name in [
            "bash",
            "a b",
            "x) S 1 2 3 4 5",
            ")",
            "",
            "\u{1f600}",
            "x\n) R 9 9 9 9",
        ] {
            let line = format!("7 ({name}) {rest}\n");
            assert_eq!(Stat::parse(line.as_bytes()), expected, "{name}");
        }
        assert_eq!(Stat::parse(b"7 (\xff\xfe) R 1 2 3 4\n"), None, "cut off");
        for bad in [&b""[..], b")", b"7 (a", b"7 (a) S a b c d", b"\0\0"] {
            assert_eq!(Stat::parse(bad), None);
        }
    }

    /// Goal: a number that another process has by now is nobody's terminal. A kernel that cannot tell is
    /// not asked.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_process_that_connected_is_told_from_one_with_its_number() {
        let (one, _other) = UnixStream::pair().unwrap();
        let own = i32::try_from(std::process::id()).unwrap();
        let Ok(process) = getsockopt(&one, PeerPidfd) else {
            return;
        };
        assert_eq!(pid_of(&process), Some(own));
        assert_eq!(Terminal::behind(&one, own), Terminal::of(own));
        assert_eq!(Terminal::behind(&one, 1), None, "of another process");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_that_is_not_there_has_no_terminal() {
        for pid in [0, -1, i32::MAX] {
            assert_eq!(Terminal::of(pid), None);
        }
        assert!(Stat::read(std::process::id().try_into().unwrap()).is_some());
    }
}
