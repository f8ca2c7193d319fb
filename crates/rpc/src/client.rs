//! A small client: one connection per request.
//!
//! A connection over a Unix socket costs microseconds, and nothing has to be kept alive or retried.
//! The process behind the socket must belong to the same user, since a path in a shared directory
//! proves nothing.

use crate::{
    AGENT_SECRET_HEADER, CALLER_HEADER, Call, Caller, Code, ErrorDocument, Failure, Method,
    NotACaller, Secret, recorded_socket,
};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::HeaderValue;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;
use tokio::net::UnixStream;

/// Bytes of one answer's body, at most.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Talks to the daemon of one home.
#[derive(Clone, Debug)]
pub struct Client {
    home: PathBuf,
    caller: Caller,
    agent_secret: Option<Secret>,
}

/// Why there is no answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// No daemon behind the socket.
    #[error("no daemon answers at {}", socket.display())]
    DaemonUnreachable {
        /// Where it was looked for.
        socket: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The daemon refused, or could not do it.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// The connection ended before there was an answer: the daemon stops, or was killed. Whether the
    /// request was carried out is not known.
    #[error("the daemon hung up before it answered")]
    HungUp,
    /// What came is no answer.
    #[error("the daemon gave no proper answer: {what}")]
    Protocol {
        /// What is wrong with it.
        what: &'static str,
    },
    /// No answer in time.
    #[error("the daemon did not answer in time")]
    TimedOut,
}

impl ClientError {
    /// The same as a failure with a code.
    pub fn into_failure(self) -> Failure {
        let code = match &self {
            ClientError::DaemonUnreachable { .. } | ClientError::HungUp => Code::DaemonUnreachable,
            ClientError::Failed(_) | ClientError::Protocol { .. } => Code::Internal,
            ClientError::TimedOut => Code::TimedOut,
        };
        match self {
            ClientError::Failed(failure) => failure,
            ClientError::TimedOut => Failure::new(code, self.to_string())
                .hint("the daemon is busy, or its process stands still: kitbag down ends it"),
            other => Failure::new(code, other.to_string()),
        }
    }
}

impl Client {
    /// A client of the daemon that serves this home. Connects at each call.
    pub fn new(home: &Path, caller: Caller) -> Client {
        Client {
            home: home.to_owned(),
            caller,
            agent_secret: None,
        }
    }

    /// A client that speaks as an agent of that home, which proves itself with its secret.
    ///
    /// # Errors
    /// [`NotACaller`] for a name that no agent has, or a secret that no header carries.
    pub fn for_agent(home: &Path, name: &str, secret: Secret) -> Result<Client, NotACaller> {
        let caller: Caller = format!("agent/{name}").parse()?;
        HeaderValue::from_str(secret.expose()).map_err(|_| NotACaller)?;
        Ok(Client {
            agent_secret: Some(secret),
            ..Client::new(home, caller)
        })
    }

    /// Whether a daemon of this user listens; it may still be opening its packs.
    ///
    /// # Errors
    /// [`ClientError::DaemonUnreachable`].
    pub async fn probe(&self) -> Result<(), ClientError> {
        self.connect().await.map(drop)
    }

    /// Asks, and waits for the answer as long as the call says.
    ///
    /// # Errors
    /// [`ClientError`]; dropping the future does not undo what the daemon began.
    pub async fn call<C: Call>(&self, call: &C) -> Result<C::Answer, ClientError> {
        tokio::time::timeout(call.patience(), self.exchange(call))
            .await
            .map_err(|_| ClientError::TimedOut)?
    }

    async fn exchange<C: Call>(&self, call: &C) -> Result<C::Answer, ClientError> {
        let request = self.request(call)?;
        let stream = self.connect().await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(hung_up)?;
        let _connection = AbortOnDrop(tokio::spawn(connection));
        let response = sender.send_request(request).await.map_err(hung_up)?;
        read_answer::<C>(response).await
    }

    fn request<C: Call>(&self, call: &C) -> Result<Request<Full<Bytes>>, ClientError> {
        let (method, body) = match C::METHOD {
            Method::Get => (hyper::Method::GET, Vec::new()),
            Method::Post => {
                let body = serde_json::to_vec(call)
                    .expect("a request has string keys only and does not fail");
                (hyper::Method::POST, body)
            }
        };
        if body.len() > C::BYTES_MAX {
            let message = format!(
                "the request has {} bytes; at most {} are taken",
                body.len(),
                C::BYTES_MAX
            );
            return Err(Failure::new(Code::RequestTooLarge, message).into());
        }
        let mut request = Request::builder()
            .method(method)
            .uri(C::PATH)
            .header(hyper::header::HOST, "kitbag")
            .header(hyper::header::CONTENT_TYPE, "application/json")
            .header(CALLER_HEADER, self.caller.to_string());
        if let Some(secret) = &self.agent_secret {
            let mut value = HeaderValue::from_str(secret.expose())
                .expect("a secret that no header carries makes no client");
            value.set_sensitive(true);
            request = request.header(AGENT_SECRET_HEADER, value);
        }
        let request = request.body(Full::new(Bytes::from(body)));
        Ok(request.expect("paths and callers are plain ASCII"))
    }

    async fn connect(&self) -> Result<UnixStream, ClientError> {
        let socket = recorded_socket(&self.home);
        let unreachable = |source| ClientError::DaemonUnreachable {
            socket: socket.clone(),
            source,
        };
        let stream = UnixStream::connect(&socket).await.map_err(unreachable)?;
        let theirs = stream.peer_cred().map_err(unreachable)?.uid();
        if theirs != own_uid().map_err(unreachable)? {
            return Err(unreachable(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "it belongs to another user",
            )));
        }
        Ok(stream)
    }
}

/// The user of this process, as the kernel tells it to the other end of a socket.
fn own_uid() -> io::Result<u32> {
    let (one, _other) = UnixStream::pair()?;
    Ok(one.peer_cred()?.uid())
}

async fn read_answer<C: Call>(response: Response<Incoming>) -> Result<C::Answer, ClientError> {
    let success = response.status().is_success();
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
    let body = body
        .collect()
        .await
        .map_err(|e| match e.downcast_ref::<LengthLimitError>() {
            Some(_) => protocol("it is too long"),
            None => ClientError::HungUp,
        })?;
    let body = body.to_bytes();
    if success {
        return serde_json::from_slice(&body).map_err(|_| protocol("it does not fit the question"));
    }
    let document: ErrorDocument =
        serde_json::from_slice(&body).map_err(|_| protocol("it is an error without a document"))?;
    Err(Failure::from(document).into())
}

/// What is no HTTP is told apart from a connection that ended.
fn hung_up(error: hyper::Error) -> ClientError {
    if error.is_parse() {
        protocol("it is no HTTP")
    } else {
        ClientError::HungUp
    }
}

fn protocol(what: &'static str) -> ClientError {
    ClientError::Protocol { what }
}

struct AbortOnDrop(tokio::task::JoinHandle<hyper::Result<()>>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AddNote, Health, ListPacks, NewSource, RUN_DIR, SOCKET_FILE, V1};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixListener;

    /// A daemon that says one thing, whatever it is asked.
    async fn said(answer: &'static [u8]) -> Result<crate::Packs, ClientError> {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(RUN_DIR)).unwrap();
        let listener = UnixListener::bind(home.path().join(RUN_DIR).join(SOCKET_FILE)).unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = vec![0; 1024];
            let read = stream.read(&mut asked).await.unwrap();
            stream.write_all(answer).await.unwrap();
            asked.truncate(read);
            asked
        });
        let answer = Client::new(home.path(), Caller::Cli)
            .call(&ListPacks::default())
            .await;
        let asked = String::from_utf8(server.await.unwrap()).unwrap();
        assert!(
            asked.starts_with("GET /v1/pack/list HTTP/1.1\r\n"),
            "{asked}"
        );
        assert!(asked.contains("kitbag-caller: cli\r\n"), "{asked}");
        answer
    }

    #[tokio::test]
    async fn answers_errors_and_nonsense_are_told_apart() {
        let packs = said(
            b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"v\":1,\"packs\":[],\"later\":true}",
        )
        .await
        .unwrap();
        assert!(packs.packs.is_empty());

        let error = b"HTTP/1.1 423 Locked\r\nconnection: close\r\n\r\n{\"v\":1,\"error\":{\"code\":\"locked\",\"message\":\"locked\",\"hint\":null}}";
        assert_eq!(
            said(error).await.unwrap_err().into_failure().code,
            Code::Locked
        );

        for nonsense in [
            &b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"v\":2,\"packs\":[]}"[..],
            b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n",
            b"HTTP/1.1 500 Oh\r\nconnection: close\r\n\r\nno document",
            b"not http at all\r\n\r\n",
        ] {
            let error = said(nonsense).await.unwrap_err();
            assert!(matches!(error, ClientError::Protocol { .. }), "{error}");
            assert_eq!(error.into_failure().code, Code::Internal);
        }

        for cut_off in [
            &b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"v\":1"[..],
            b"HTTP/1.1 2",
            b"",
        ] {
            let error = said(cut_off).await.unwrap_err();
            assert!(matches!(error, ClientError::HungUp), "{error}");
            assert_eq!(error.into_failure().code, Code::DaemonUnreachable);
        }
    }

    #[tokio::test]
    async fn without_a_daemon_it_is_unreachable() {
        let home = tempfile::tempdir().unwrap();
        let client = Client::new(home.path(), Caller::Cli);
        client.probe().await.unwrap_err();
        let error = client.call(&Health::default()).await.unwrap_err();
        assert!(
            matches!(error, ClientError::DaemonUnreachable { .. }),
            "{error}"
        );
        assert_eq!(error.into_failure().code, Code::DaemonUnreachable);
    }

    #[tokio::test]
    async fn what_is_too_long_is_not_even_sent() {
        let home = tempfile::tempdir().unwrap();
        let add = AddNote {
            v: V1,
            pack: "a".into(),
            title: String::new(),
            body: "a".repeat(AddNote::BYTES_MAX),
            source: NewSource::default(),
            sensitivity: None,
            tags: Vec::new(),
            note_type: None,
            unmasked: false,
            ..AddNote::default()
        };
        let failure = Client::new(home.path(), Caller::Cli)
            .call(&add)
            .await
            .unwrap_err()
            .into_failure();
        assert_eq!(failure.code, Code::RequestTooLarge);
    }
}
