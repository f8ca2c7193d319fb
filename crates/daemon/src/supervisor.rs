//! Tells whoever supervises this process, systemd for one, how it does: ready, alive, stopping.
//!
//! The protocol is one datagram of `NAME=value` lines to a socket whose path the supervisor put into
//! the environment (sd_notify(3)). Without one, nothing is said. What cannot be sent is not worth an
//! error: the daemon serves all the same.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::debug;

/// Who supervises this process.
#[derive(Clone, Debug, Default)]
pub struct Supervisor {
    /// `NOTIFY_SOCKET`: a path, or with an `@` in front a name in Linux' abstract namespace.
    pub socket: Option<OsString>,
    /// After how long without a sign of life the supervisor ends the process.
    pub watchdog: Option<Duration>,
}

impl Supervisor {
    pub(crate) fn ready(&self) {
        self.tell("READY=1\nSTATUS=serving");
    }

    pub(crate) fn locked(&self, locked: bool) {
        self.tell(if locked {
            "STATUS=locked"
        } else {
            "STATUS=serving"
        });
    }

    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=stopping");
    }

    /// Gives signs of life until the stop, twice as often as asked for. They come from the runtime that
    /// answers requests: if that stands still, so do they.
    pub(crate) fn stay_alive(&self, stop: &CancellationToken) {
        let (Some(watchdog), true) = (self.watchdog, self.socket.is_some()) else {
            return;
        };
        let (supervisor, stop) = (self.clone(), stop.clone());
        tokio::spawn(async move {
            let pings = async {
                loop {
                    supervisor.tell("WATCHDOG=1");
                    tokio::time::sleep(watchdog / 2).await;
                }
            };
            stop.run_until_cancelled(pings).await;
        });
    }

    fn tell(&self, state: &str) {
        if let Some(socket) = &self.socket
            && let Err(error) = send(socket, state.as_bytes())
        {
            debug!(error = %error.kind(), "the supervisor does not listen");
        }
    }
}

fn send(socket: &OsString, state: &[u8]) -> io::Result<()> {
    let from = UnixDatagram::unbound()?;
    from.set_nonblocking(true)?; // a supervisor that does not read must not hold us up
    match socket.as_bytes() {
        [b'@', name @ ..] => send_abstract(&from, name, state),
        _ => from.send_to(state, Path::new(socket)).map(drop),
    }
}

#[cfg(target_os = "linux")]
fn send_abstract(from: &UnixDatagram, name: &[u8], state: &[u8]) -> io::Result<()> {
    use std::os::linux::net::SocketAddrExt;
    let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
    from.send_to_addr(state, &address).map(drop)
}

#[cfg(not(target_os = "linux"))]
fn send_abstract(_: &UnixDatagram, _: &[u8], _: &[u8]) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(from: &UnixDatagram) -> String {
        let mut datagram = [0; 100];
        let length = from.recv(&mut datagram).unwrap();
        String::from_utf8_lossy(&datagram[..length]).into_owned()
    }

    /// Goal: a supervisor hears each state, by a path and by an abstract name; one that is gone does
    /// no harm.
    #[tokio::test]
    async fn a_supervisor_hears_how_it_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let listener = UnixDatagram::bind(&path).unwrap();
        listener
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        let supervisor = Supervisor {
            socket: Some(path.clone().into()),
            watchdog: Some(Duration::from_millis(20)),
        };
        supervisor.ready();
        assert_eq!(heard(&listener), "READY=1\nSTATUS=serving");
        supervisor.locked(true);
        assert_eq!(heard(&listener), "STATUS=locked");
        let stop = CancellationToken::new();
        supervisor.stay_alive(&stop);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(heard(&listener), "WATCHDOG=1");
        assert_eq!(heard(&listener), "WATCHDOG=1");
        stop.cancel();
        drop(listener);
        supervisor.stopping();
        Supervisor::default().ready();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_abstract_name_is_reached_too() {
        use std::os::linux::net::SocketAddrExt;
        use std::os::unix::net::SocketAddr;
        let name = format!("kitbag-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let listener = UnixDatagram::bind_addr(&address).unwrap();
        listener
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        let supervisor = Supervisor {
            socket: Some(format!("@{name}").into()),
            watchdog: None,
        };
        supervisor.stopping();
        assert_eq!(heard(&listener), "STOPPING=1\nSTATUS=stopping");
    }
}
